// SPDX-License-Identifier: BSD-3-Clause
/* What arrives twice is reported (RFC 2883 4). */
#include "script_states.h"

static void be_receiving(struct script *s)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
}

/* 1 to 101 are there and acknowledged. */
static void be_received(struct script *s)
{
	be_receiving(s);
	IN(s, 0, .seq = 1, .len = 100);
	OUT(s, 40 * MS, .ack = 101, .n_sack = 0);
}

/* ---- below rcv_nxt ---- */

CASE(a_segment_again_is_reported_once)
{
	be_received(s);
	IN(s, 50 * MS, .seq = 1, .len = 100);
	OUT(s, 50 * MS, .ack = 101, .n_sack = 1, .sack = {1, 101});
	IN(s, 60 * MS, .seq = 101, .len = 100);
	OUT(s, 100 * MS, .ack = 201, .n_sack = 0);
}

CASE(each_repetition_has_its_report)
{
	be_received(s);
	IN(s, 50 * MS, .seq = 1, .len = 100);
	OUT(s, 50 * MS, .ack = 101, .n_sack = 1, .sack = {1, 101});
	IN(s, 60 * MS, .seq = 1, .len = 100);
	OUT(s, 60 * MS, .ack = 101, .n_sack = 1, .sack = {1, 101});
}

CASE(only_the_repeated_part_is_reported_and_at_once)
{
	be_received(s);
	IN(s, 50 * MS, .seq = 51, .len = 100);
	OUT(s, 50 * MS, .ack = 151, .n_sack = 1, .sack = {51, 101});
	assert_int_equal(s->ev.n_readable, 50);
}

CASE(a_repetition_in_front_of_a_hole_stands_before_the_ranges)
{
	be_received(s);
	IN(s, 50 * MS, .seq = 301, .len = 100);
	OUT(s, 50 * MS, .ack = 101, .n_sack = 1, .sack = {301, 401});
	IN(s, 60 * MS, .seq = 1, .len = 100);
	OUT(s, 60 * MS, .ack = 101, .n_sack = 2, .sack = {1, 101, 301, 401});
}

CASE(a_fin_again_is_reported)
{
	be_receiving(s);
	IN(s, 0, .seq = 1, .len = 100, .flags = TCPF_ACK | TCPF_FIN);
	OUT(s, 0, .ack = 102, .n_sack = 0);
	IN(s, 10 * MS, .seq = 1, .len = 100, .flags = TCPF_ACK | TCPF_FIN);
	OUT(s, 10 * MS, .ack = 102, .n_sack = 1, .sack = {1, 102});
	IN(s, 20 * MS, .seq = 101, .flags = TCPF_ACK | TCPF_FIN);
	OUT(s, 20 * MS, .ack = 102, .n_sack = 1, .sack = {101, 102});
}

CASE(across_the_wrap_of_sequence_numbers)
{
	be_receiving(s);
	IN(s, 0, .seq = 1, .len = 1000);
	OUT(s, 40 * MS, .ack = 1001, .n_sack = 0);
	IN(s, 50 * MS, .seq = 1, .len = 1000);
	OUT(s, 50 * MS, .ack = 1001, .n_sack = 1, .sack = {1, 1001});
}

CASE(repetitions_in_one_turn_that_touch_are_one)
{
	be_receiving(s);
	IN(s, 0, .seq = 1, .len = 1000);
	IN(s, 0, .seq = 1001, .len = 1000);
	OUT(s, 0, .ack = 2001);
	s->hold = true;
	IN(s, 10 * MS, .seq = 1001, .len = 1000);
	IN(s, 10 * MS, .seq = 1, .len = 1000);
	s->hold = false;
	script_flush(s);
	OUT(s, 10 * MS, .ack = 2001, .n_sack = 1, .sack = {1, 2001});
}

CASE(of_two_apart_in_one_turn_the_first_is_reported)
{
	be_receiving(s);
	IN(s, 0, .seq = 1, .len = 1000);
	IN(s, 0, .seq = 1001, .len = 1000);
	OUT(s, 0, .ack = 2001);
	s->hold = true;
	IN(s, 10 * MS, .seq = 1001, .len = 500);
	IN(s, 10 * MS, .seq = 1, .len = 500);
	s->hold = false;
	script_flush(s);
	OUT(s, 10 * MS, .ack = 2001, .n_sack = 1, .sack = {1001, 1501});
}

CASE(the_report_goes_with_data_too)
{
	be_received(s);
	s->hold = true;
	app_write(s, 50 * MS, 1000);
	IN(s, 50 * MS, .seq = 1, .ack = 1, .len = 100);
	s->hold = false;
	script_flush(s);
	/* As much as fits beside the block, then the rest. */
	OUT(s, 50 * MS, .ack = 101, .len = 988, .n_sack = 1, .sack = {1, 101});
	IN(s, 60 * MS, .seq = 101);
	OUT(s, 60 * MS, .ack = 101, .len = 12, .n_sack = 0);
	IN(s, 70 * MS, .seq = 101);
}

/* The original that its repetition has overtaken: its timestamp is old. */
CASE(an_original_with_an_old_timestamp_is_reported)
{
	s->peer_opts |= TCPO_TS;
	be_receiving(s);
	IN(s, 10 * MS, .seq = 1, .len = 100);
	OUT(s, 50 * MS, .ack = 101);
	IN(s, 60 * MS, .seq = 1, .len = 100, .tsval = (uint32_t)(PEER_TSOFF + 1000000u - 5));
	assert_int_equal(s->ev.drop, TCP_DROP_PAWS);
	OUT(s, 60 * MS, .ack = 101, .n_sack = 1, .sack = {1, 101});
}

/* ---- out of order ---- */

CASE(inside_a_range_the_range_follows)
{
	be_receiving(s);
	IN(s, 0, .seq = 201, .len = 300);
	OUT(s, 0, .ack = 1, .n_sack = 1, .sack = {201, 501});
	IN(s, 10 * MS, .seq = 301, .len = 100);
	OUT(s, 10 * MS, .ack = 1, .n_sack = 2, .sack = {301, 401, 201, 501});
	IN(s, 20 * MS, .seq = 601, .len = 100);
	OUT(s, 20 * MS, .ack = 1, .n_sack = 2, .sack = {601, 701, 201, 501});
}

CASE(the_range_of_the_repetition_comes_before_newer_ones)
{
	be_receiving(s);
	IN(s, 0, .seq = 201, .len = 100);
	IN(s, 0, .seq = 401, .len = 100);
	script_skip(s);
	s->hold = true;
	IN(s, 10 * MS, .seq = 201, .len = 100);
	IN(s, 10 * MS, .seq = 601, .len = 100);
	s->hold = false;
	script_flush(s);
	OUT(s, 10 * MS, .ack = 1, .n_sack = 4, .sack = {201, 301, 201, 301, 601, 701, 401, 501});
}

CASE(the_part_that_a_range_holds_is_reported)
{
	be_receiving(s);
	IN(s, 0, .seq = 201, .len = 100);
	OUT(s, 0, .ack = 1);
	IN(s, 10 * MS, .seq = 251, .len = 100);
	OUT(s, 10 * MS, .ack = 1, .n_sack = 2, .sack = {251, 301, 201, 351});
	IN(s, 20 * MS, .seq = 151, .len = 100);
	OUT(s, 20 * MS, .ack = 1, .n_sack = 2, .sack = {201, 251, 151, 351});
}

CASE(of_two_parts_the_first_is_reported)
{
	be_receiving(s);
	IN(s, 0, .seq = 201, .len = 100);
	IN(s, 0, .seq = 401, .len = 100);
	script_skip(s);
	IN(s, 10 * MS, .seq = 151, .len = 350);
	OUT(s, 10 * MS, .ack = 1, .n_sack = 2, .sack = {201, 301, 151, 501});
}

CASE(what_fills_a_hole_and_reaches_into_a_range_is_reported)
{
	be_receiving(s);
	IN(s, 0, .seq = 201, .len = 100);
	OUT(s, 0, .ack = 1);
	IN(s, 10 * MS, .seq = 1, .len = 250);
	OUT(s, 10 * MS, .ack = 301, .n_sack = 1, .sack = {201, 251});
}

CASE(what_touches_a_range_is_no_repetition)
{
	be_receiving(s);
	IN(s, 0, .seq = 201, .len = 100);
	OUT(s, 0, .ack = 1);
	IN(s, 10 * MS, .seq = 301, .len = 100);
	OUT(s, 10 * MS, .ack = 1, .n_sack = 1, .sack = {201, 401});
	IN(s, 20 * MS, .seq = 1, .len = 200);
	OUT(s, 20 * MS, .ack = 401, .n_sack = 0);
}

CASE(with_timestamps_three_blocks_in_all)
{
	s->peer_opts |= TCPO_TS;
	be_receiving(s);
	for (unsigned i = 1; i <= 4; i++)
		IN(s, 0, .seq = 200 * i + 1, .len = 100);
	script_skip(s);
	IN(s, 10 * MS, .seq = 401, .len = 100);
	OUT(s, 10 * MS, .ack = 1, .n_sack = 3, .sack = {401, 501, 401, 501, 801, 901});
}

/* ---- nothing is reported ---- */

CASE(without_sack_nothing_is_reported)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 100);
	OUT(s, 40 * MS, .ack = 101);
	IN(s, 50 * MS, .seq = 1, .len = 100);
	OUT(s, 50 * MS, .ack = 101, .opts = 0);
	assert_null(script_cold(s));
	IN(s, 60 * MS, .seq = 201, .len = 100);
	OUT(s, 60 * MS, .ack = 101, .opts = 0);
	IN(s, 70 * MS, .seq = 201, .len = 100);
	OUT(s, 70 * MS, .ack = 101, .opts = 0);
	IN(s, 80 * MS, .seq = 1, .len = 100);
	OUT(s, 80 * MS, .ack = 101, .opts = 0);
}

CASE(without_memory_nothing_is_reported)
{
	s->no_cold = true;
	be_received(s);
	IN(s, 50 * MS, .seq = 1, .len = 100);
	OUT(s, 50 * MS, .ack = 101, .n_sack = 0);
}

CASE(what_is_older_than_a_window_is_not_reported)
{
	be_received(s);
	IN(s, 50 * MS, .seq = 101 - 50001, .len = 100);
	OUT(s, 50 * MS, .ack = 101, .n_sack = 0);
	assert_null(script_cold(s));
	IN(s, 60 * MS, .seq = 101 - 50000, .len = 100);
	OUT(s, 60 * MS, .ack = 101, .n_sack = 1, .sack = {101 - 50000});
}

CASE(an_old_syn_or_reset_is_no_repetition)
{
	be_received(s);
	IN(s, 1000 * MS, .seq = 51, .len = 100, .flags = TCPF_ACK | TCPF_SYN);
	OUT(s, 1000 * MS, .ack = 101, .n_sack = 0);
	IN(s, 2000 * MS, .seq = 51, .len = 100, .flags = TCPF_RST);
	OUT_NONE(s, 3000 * MS);
	assert_null(script_cold(s));
}

CASE(the_object_is_held_until_the_report_has_left)
{
	be_received(s);
	s->hold = true;
	IN(s, 50 * MS, .seq = 1, .len = 100);
	assert_non_null(script_cold(s));
	s->hold = false;
	script_flush(s);
	OUT(s, 50 * MS, .ack = 101, .n_sack = 1);
	IN(s, 60 * MS, .seq = 101, .len = 100);
	assert_null(script_cold(s));
	OUT(s, 100 * MS, .ack = 201, .n_sack = 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_segment_again_is_reported_once),
		T(each_repetition_has_its_report),
		T(only_the_repeated_part_is_reported_and_at_once),
		T(a_repetition_in_front_of_a_hole_stands_before_the_ranges),
		T(a_fin_again_is_reported),
		T(across_the_wrap_of_sequence_numbers),
		T(repetitions_in_one_turn_that_touch_are_one),
		T(of_two_apart_in_one_turn_the_first_is_reported),
		T(the_report_goes_with_data_too),
		T(an_original_with_an_old_timestamp_is_reported),
		T(inside_a_range_the_range_follows),
		T(the_range_of_the_repetition_comes_before_newer_ones),
		T(the_part_that_a_range_holds_is_reported),
		T(of_two_parts_the_first_is_reported),
		T(what_fills_a_hole_and_reaches_into_a_range_is_reported),
		T(what_touches_a_range_is_no_repetition),
		T(with_timestamps_three_blocks_in_all),
		T(without_sack_nothing_is_reported),
		T(without_memory_nothing_is_reported),
		T(what_is_older_than_a_window_is_not_reported),
		T(an_old_syn_or_reset_is_no_repetition),
		T(the_object_is_held_until_the_report_has_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
