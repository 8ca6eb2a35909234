// SPDX-License-Identifier: BSD-3-Clause
/* RACK (RFC 8985 6) and the tail loss probe (7). The round trip is 20 ms unless a case says else.
 */
#include <errno.h>

#include "script_flight.h"

/* ---- steps 1, 2, 5: lost is what was sent long enough before something delivered ---- */

CASE(rack_waits_a_quarter_of_the_shortest_round_trip)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(s->ev.flags & TCP_EV_RETRANSMIT);
	all_acked(s, 45 * MS);
}

CASE(rack_hole_filled_in_time_sends_nothing_again)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	IN(s, 24 * MS, .seq = 1, .ack = SEG(2));
	IN(s, 24 * MS, .seq = 1, .ack = SEG(4));
	OUT_NONE(s, 1000 * MS);
	assert_true(s->t.xflags & XF_REORDERED);
}

CASE(rack_dupthresh_without_reordering_does_not_wait)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 3));
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	all_acked(s, 40 * MS);
}

CASE(rack_three_small_ranges_are_dupthresh)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	rtt_init(&s->t.rtt);
	rtt_sample(&s->t.rtt, 20000);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	for (unsigned i = 0; i < 7; i++)
		app_write(s, 0, 10);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 3, .sack = {61, 71, 41, 51, 21, 31});
	OUT(s, 20 * MS, .seq = 1, .len = 20, .again = 1);
	script_skip(s);
	all_acked(s, 40 * MS);
}

CASE(rack_after_reordering_dupthresh_waits)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	IN(s, 21 * MS, .seq = 1, .ack = SEG(4));
	app_write(s, 30 * MS, 10000);
	script_skip(s);
	IN(s, 50 * MS, .seq = 1, .ack = SEG(4), SACK1(5, 12));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	OUT(s, 55 * MS + MT_US, .seq = SEG(4), .len = 1000, .again = 1);
	all_acked(s, 75 * MS);
}

CASE(rack_blocks_of_one_ack_are_no_reordering)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 2, .sack = {SEG(5), SEG(6), SEG(1), SEG(2)});
	assert_false(s->t.xflags & XF_REORDERED);
	script_skip(s);
	all_acked(s, 24 * MS);
}

CASE(rack_delivery_of_what_was_sent_again_is_no_reordering)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 10));
	OUT(s, 20 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	all_acked(s, 45 * MS);
	assert_false(s->t.xflags & XF_REORDERED);
}

CASE(rack_spares_what_was_sent_later)
{
	be_flying_sack(s, 4, 20);
	app_write(s, 15 * MS, 3000);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(3, 4)); /* of the first turn */
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 30 * MS);
	assert_int_equal(rack_lost_bytes(&s->t), 2000); /* 1 and 2; 4 to 6 left later */
	script_skip(s);
	all_acked(s, 45 * MS);
}

CASE(rack_finds_a_lost_retransmission)
{
	be_flying_sack(s, 30, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 10));
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT(s, 20 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	script_skip(s);
	/* What left behind it is there. */
	IN(s, 40 * MS, .seq = 1, .ack = 1, SACK1(1, 11));
	OUT(s, 40 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(rack_is_not_misled_by_an_ambiguous_ack)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(2, 3));
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	script_skip(s);
	/* Quicker than any round trip: the first transmission of 0 has arrived. */
	IN(s, 30 * MS, .seq = 1, .ack = SEG(1), SACK1(2, 3));
	assert_true(s->cold.rack.xmit_us == (uint32_t)(SCRIPT_T0 / MT_US));
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(rack_is_not_misled_by_an_old_echo)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 9, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {1 + 2 * 988, 1 + 3 * 988});
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 988, .again = 1);
	script_skip(s);
	IN(s, 60 * MS, .seq = 1, .ack = 1 + 988, .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	assert_true(s->cold.rack.xmit_us == (uint32_t)(SCRIPT_T0 / MT_US));
	script_skip(s);
	all_acked(s, 80 * MS);
}

CASE(rack_timer_goes_with_its_hole)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	assert_true(tcp_deadline(&s->t, s->now) == SCRIPT_T0 + 25 * MS + MT_US);
	IN(s, 22 * MS, .seq = 1, .ack = SEG(2));
	assert_true(tcp_deadline(&s->t, s->now) > SCRIPT_T0 + 40 * MS);
	OUT_NONE(s, 40 * MS);
	all_acked(s, 41 * MS);
}

CASE(rack_without_sack_is_not_used)
{
	be_flying(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 10));
	OUT_NONE(s, 100 * MS);
	all_acked(s, 100 * MS);
}

CASE(duplicates_without_blocks_retransmit_the_head)
{
	be_flying_sack(s, 10, 20);
	for (unsigned i = 0; i < 3; i++)
		IN(s, 20 * MS, .seq = 1, .ack = 1);
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 20 * MS);
	all_acked(s, 40 * MS);
}

/* ---- step 4: the reordering window ---- */

/* A hole below 1; when is it taken for lost? */
static void expect_wait(struct script *s, mt_time at, unsigned first, mt_time wait)
{
	IN(s, at, .seq = 1, .ack = SEG(first), SACK1(first + 1, first + 2));
	OUT(s, at + wait, .seq = SEG(first), .again = 1, .len = 1000);
	IN(s, at + wait + 20 * MS, .seq = 1);
	script_skip(s);
}

CASE(rack_dsack_widens_the_window)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(1), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	expect_wait(s, 20 * MS, 1, 10 * MS + MT_US);
}

CASE(rack_dsack_widens_once_in_a_round_trip)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(1), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	IN(s, 20 * MS, .seq = 1, .ack = SEG(1), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_int_equal(s->cold.rack.mult, 2);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(4), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_int_equal(s->cold.rack.mult, 3); /* the round is over */
	script_skip(s);
}

CASE(rack_window_is_bounded_by_srtt)
{
	be_flying_sack(s, 10, 20);
	s->cold.rack.mult = 200;
	expect_wait(s, 20 * MS, 0, 20 * MS + MT_US);
}

CASE(rack_window_shrinks_after_16_recoveries)
{
	be_flying_sack(s, 10, 20);
	s->cold.rack.mult = 3;
	s->cold.rack.persist = 16;
	for (unsigned i = 0; i < 15; i++)
		rack_recovered(&s->t);
	assert_int_equal(s->cold.rack.mult, 3);
	rack_recovered(&s->t);
	assert_int_equal(s->cold.rack.mult, 1);
	all_acked(s, 20 * MS);
}

CASE(rack_in_recovery_does_not_wait_without_reordering)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	OUT(s, 20 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	IN(s, 21 * MS, .seq = 1, .ack = 1, .n_sack = 2, .sack = {SEG(5), SEG(6), SEG(1), SEG(4)});
	assert_int_equal(rack_lost_bytes(&s->t), 1000); /* 4, at once */
	script_skip(s);
	all_acked(s, 40 * MS);
}

/* The first of two bursts is lost, the second is judged when it is due, though the head has just
 * been sent again. */
CASE(rack_timer_outlives_the_retransmission_of_the_head)
{
	be_flying_sack(s, 4, 20);
	s->t.xflags |= XF_REORDERED;
	app_write(s, 8 * MS, 6000);
	script_skip(s);
	IN(s, 28 * MS, .seq = 1, .ack = 1, SACK1(9, 10));
	OUT(s, 28 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(rack_lost_bytes(&s->t) < 4000);
	script_until(s, 34 * MS);
	assert_true(rack_lost_bytes(&s->t) >= 5000);
	script_skip(s);
	all_acked(s, 50 * MS);
}

/* More than 2^31 microseconds without a loss, never without something in flight. */
CASE(rack_what_was_lost_long_ago_does_not_wrap)
{
	const mt_time step = 20000 * MS;
	unsigned n = 6;
	mt_time at;

	be_flying_sack(s, n, 20000);
	for (at = step; at < 150 * step; at += step) {
		IN(s, at, .seq = 1, .ack = SEG(n - 2));
		app_write(s, at, 2000);
		n += 2;
		script_skip(s);
		assert_int_equal(rack_lost_bytes(&s->t), 0);
	}
	IN(s, at, .seq = 1, .ack = SEG(n - 2), SACK1(n - 1, n));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	all_acked(s, at + 1000 * MS);
}

/* The last loss lies more than 2^31 microseconds back. */
CASE(rack_what_was_sent_long_ago_does_not_wrap)
{
	const mt_time at = 2400000 * MS;

	be_flying_sack(s, 1, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(1));
	app_write(s, at, 9000);
	script_skip(s);
	IN(s, at + 20 * MS, .seq = 1, .ack = SEG(1), SACK1(2, 3));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	OUT(s, at + 25 * MS + MT_US, .seq = SEG(1), .len = 1000, .again = 1);
	OUT_NONE(s, at + 30 * MS);
	all_acked(s, at + 46 * MS);
}

CASE(rack_a_window_long_closed_does_not_wrap)
{
	mt_time at = 0;

	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 9000);
	while (at < 2400000 * MS) {
		at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;
		OUT(s, at, .seq = 1, .len = 1);
		IN(s, at, .seq = 1, .ack = 1, .wnd = 0);
	}
	at += 1 * MS;
	IN(s, at, .seq = 1, .ack = 1, .wnd = 60000);
	OUT(s, at, .seq = 1, .len = 1, .again = 1);
	for (uint32_t i = 0; i < 8; i++)
		OUT(s, at, .seq = 2 + 1000 * i, .len = 1000, .again = 0);
	OUT_NONE(s, at);
	all_acked(s, at + 20 * MS);
}

CASE(rack_a_window_long_taken_back_does_not_wrap)
{
	mt_time at = 100 * MS;

	be_flying_sack(s, 10, 20);
	IN(s, 10 * MS, .seq = 1, .ack = SEG(1), .wnd = 0);
	script_until(s, at); /* the tail loss probe */
	script_skip(s);
	IN(s, at, .seq = 1, .ack = SEG(1), .wnd = 0);
	while (at < 2600000 * MS) { /* half of the clock is 2147 s */
		at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;
		OUT(s, at, .seq = SEG(1), .len = 1000, .again = 1);
		IN(s, at, .seq = 1, .ack = SEG(1), .wnd = 0);
	}
	all_acked(s, at + 1 * MS);
}

CASE(rack_round_of_a_dsack_ends)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(2), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_true(s->cold.rack.round);
	IN(s, 21 * MS, .seq = 1, .ack = SEG(9));
	app_write(s, 22 * MS, 2000);
	IN(s, 40 * MS, .seq = 1, .ack = SEG(11));
	IN(s, 41 * MS, .seq = 1, .ack = SEG(12));
	assert_false(s->cold.rack.round);
	script_skip(s);
}

/* Two ranges of one segment are no DupThresh. */
CASE(rack_in_recovery_a_second_hole_does_not_wait)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
	IN(s, 26 * MS, .seq = 1, .ack = 1, .n_sack = 2, .sack = {SEG(3), SEG(4), SEG(1), SEG(2)});
	OUT(s, 26 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	all_acked(s, 50 * MS);
}

/* Three duplicates, though all they report is one range of 30 bytes. */
CASE(rack_three_duplicates_are_dupthresh)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	rtt_init(&s->t.rtt);
	rtt_sample(&s->t.rtt, 20000);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	for (unsigned i = 0; i < 7; i++)
		app_write(s, 0, 10);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {11, 21});
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {11, 31});
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {11, 41});
	OUT(s, 20 * MS, .seq = 1, .len = 10, .again = 1);
	script_skip(s);
	all_acked(s, 40 * MS);
}

CASE(rack_window_ends_to_the_microsecond)
{
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	IN(s, 25 * MS - MT_US, .seq = 1, .ack = 1, SACK1(1, 2));
	OUT_NONE(s, 25 * MS - MT_US);
	IN(s, 25 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	OUT(s, 25 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	all_acked(s, 50 * MS);
}

/* The highest delivered stays the highest when a hole below it is mended. */
CASE(rack_reordering_below_the_highest_delivered)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(5, 6));
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	IN(s, 46 * MS, .seq = 1, .ack = SEG(1), SACK1(5, 6));
	assert_false(s->t.xflags & XF_REORDERED);
	IN(s, 46 * MS, .seq = 1, .ack = SEG(1), SACK1(4, 6));
	assert_true(s->t.xflags & XF_REORDERED);
	script_skip(s);
	all_acked(s, 60 * MS);
}

/* An algorithm that keeps the cold object. */
CASE(rack_starts_over_when_nothing_is_in_flight)
{
	s->cfg.cc = &cc_bbr;
	be_flying_sack(s, 4, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(4));
	assert_true(s->cold.rack.any);
	app_write(s, 30 * MS, 1000);
	assert_false(s->cold.rack.any);
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(rack_delivered_before_its_time_is_ambiguous)
{
	struct tcp_seg g = {0};
	struct xmit_piece p = {.again = true};

	be_flying_sack(s, 5, 20);
	p.r = (struct seq_range){s->t.snd_una, seq_add(s->t.snd_una, 1000)};
	p.s.at_us = (uint32_t)(s->now / MT_US) + 1;
	rack_update(&s->t, &p, &g, s->now);
	assert_false(s->cold.rack.any);
	all_acked(s, 20 * MS);
}

/* ---- 7.2: when the probe leaves ---- */

CASE(tlp_after_two_round_trips)
{
	be_flying_sack(s, 4, 20);
	OUT(s, 40 * MS, .seq = SEG(3), .len = 1000, .again = 1);
	assert_true(s->all_events & TCP_EV_TLP);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.n_retries, 0);
	OUT(s, 240 * MS, .seq = SEG(0), .len = 1000, .again = 1); /* then the RTO, from the probe */
	assert_true(s->all_events & TCP_EV_RTO);
	all_acked(s, 260 * MS);
}

CASE(tlp_sends_new_data_if_there_is)
{
	be_flying_sack(s, 20, 20);
	OUT(s, 40 * MS, .seq = SEG(10), .len = 1000, .again = 0); /* beyond cwnd, once */
	OUT_NONE(s, 60 * MS);
	all_acked(s, 60 * MS);
}

CASE(tlp_closed_window_sends_the_last_again)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	rtt_init(&s->t.rtt);
	rtt_sample(&s->t.rtt, 20000);
	IN(s, 0, .seq = 1, .wnd = 4000);
	app_write(s, 0, 8000);
	script_skip(s);
	OUT(s, 40 * MS, .seq = SEG(3), .len = 1000, .again = 1);
	IN(s, 60 * MS, .seq = 1);
	script_skip(s);
	all_acked(s, 80 * MS);
}

CASE(tlp_carries_the_fin)
{
	be_flying_sack(s, 3, 20);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = SEG(3), .flags = TCPF_ACK | TCPF_FIN, .len = 0);
	OUT(s, 40 * MS, .seq = SEG(2), .len = 1000, .flags = TCPF_ACK | TCPF_FIN, .again = 1);
	IN(s, 60 * MS, .seq = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(tlp_new_data_puts_it_off)
{
	be_flying_sack(s, 4, 20);
	app_write(s, 30 * MS, 1000);
	OUT(s, 30 * MS, .seq = SEG(4), .len = 1000);
	OUT(s, 70 * MS, .seq = SEG(4), .len = 1000, .again = 1);
	all_acked(s, 90 * MS);
}

/* ... but not the timeout: RFC 6298 5.1 starts it only if it is not running. */
CASE(tlp_new_data_does_not_put_off_the_rto)
{
	uint32_t n = 4000;

	be_flying_sack(s, 4, 1); /* a PTO of 10 ms */
	assert_int_equal(app_option(s, 0, TCP_OPT_NODELAY, 1), 0);
	s->t.cc.cwnd = 1u << 20;
	for (uint32_t ms = 5; ms <= 200; ms += 5, n += 100) {
		app_write(s, ms * MS, 100);
		OUT(s, ms * MS, .seq = 1 + n, .len = 100, .again = 0);
	}
	assert_false(s->all_events & (TCP_EV_TLP | TCP_EV_RTO));
	OUT(s, 201 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(s->all_events & TCP_EV_RTO);
	all_acked(s, 202 * MS);
}

/* Nor the user timeout (RFC 5482). */
CASE(tlp_new_data_does_not_put_off_the_user_timeout)
{
	be_flying_sack(s, 4, 1);
	assert_int_equal(app_option(s, 0, TCP_OPT_NODELAY, 1), 0);
	assert_int_equal(app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 50), 0);
	for (uint32_t ms = 5; ms < 50; ms += 5)
		app_write(s, ms * MS, 100);
	script_skip(s);
	OUT_NONE(s, 49 * MS);
	script_until(s, 51 * MS);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	STATE(s, CLOSED);
}

CASE(tlp_an_ack_puts_it_off)
{
	be_flying_sack(s, 8, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(4));
	OUT(s, 60 * MS, .seq = SEG(7), .len = 1000, .again = 1);
	all_acked(s, 90 * MS);
}

CASE(tlp_allows_for_a_delayed_ack)
{
	be_flying_sack(s, 1, 300); /* RTO 900 ms, 2 * SRTT + 200 */
	OUT(s, 800 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	all_acked(s, 1100 * MS);
}

CASE(tlp_never_later_than_the_rto)
{
	be_flying_sack(s, 1, 20);
	OUT(s, 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(s->all_events & TCP_EV_RTO);
	assert_false(s->all_events & TCP_EV_TLP);
	all_acked(s, 220 * MS);
}

CASE(tlp_has_a_floor)
{
	be_flying_sack(s, 4, 1);
	OUT(s, 10 * MS, .seq = SEG(3), .len = 1000, .again = 1);
	all_acked(s, 11 * MS);
}

CASE(tlp_one_probe_only)
{
	be_flying_sack(s, 8, 20);
	OUT(s, 40 * MS, .seq = SEG(7), .len = 1000, .again = 1);
	IN(s, 60 * MS, .seq = 1, .ack = SEG(4)); /* not the probe's */
	OUT_NONE(s, 259 * MS);
	OUT(s, 260 * MS, .seq = SEG(4), .len = 1000, .again = 1);
	assert_true(s->ev.flags & TCP_EV_RTO);
	all_acked(s, 280 * MS);
}

CASE(tlp_needs_sack)
{
	be_flying(s, 4, 20);
	OUT_NONE(s, 199 * MS);
	all_acked(s, 199 * MS);
}

CASE(tlp_not_in_recovery)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 219 * MS);
	assert_false(s->all_events & TCP_EV_TLP);
	all_acked(s, 219 * MS);
}

CASE(tlp_not_of_a_probe_that_came_too_late)
{
	be_flying_sack(s, 4, 20);
	s->hold = true;
	script_until(s, 41 * MS); /* due, but the device is full */
	IN(s, 42 * MS, .seq = 1, .ack = SEG(4));
	s->hold = false;
	script_flush(s);
	OUT_NONE(s, 1000 * MS);
}

CASE(tlp_not_of_a_probe_that_came_too_late_behind_a_fin)
{
	be_flying_sack(s, 3, 20);
	app_shutdown(s, 0);
	script_skip(s);
	s->hold = true;
	script_until(s, 41 * MS);
	IN(s, 42 * MS, .seq = 1, .ack = ACK_ALL, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, TIME_WAIT);
	s->hold = false;
	script_flush(s);
	OUT(s, 42 * MS, .len = 0, .flags = TCPF_ACK);
	OUT_NONE(s, 1000 * MS);
}

/* ---- 7.4: what its ACK says ---- */

CASE(tlp_sacked_probe_starts_recovery)
{
	be_flying_sack(s, 5, 20);
	OUT(s, 40 * MS, .seq = SEG(4), .len = 1000, .again = 1);
	IN(s, 60 * MS, .seq = 1, .ack = 1, SACK1(4, 5));
	assert_true(s->ev.flags & TCP_EV_RETRANSMIT);
	OUT(s, 60 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	script_skip(s);
	assert_false(s->all_events & TCP_EV_RTO);
	all_acked(s, 80 * MS);
}

/* Out of order, it is not its timestamp that is echoed. */
CASE(tlp_sacked_probe_with_timestamps_starts_recovery)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 5, 20);
	assert_int_equal(s->t.snd_nxt.v - s->t.snd_una.v, 4940); /* the rest waits for an ACK */
	OUT(s, 40 * MS, .seq = 1 + 4 * 988, .len = 988, .again = 1);
	IN(s, 60 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {1 + 4 * 988, 1 + 5 * 988},
	   .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	assert_true(s->ev.flags & TCP_EV_RETRANSMIT);
	OUT(s, 60 * MS, .seq = 1, .len = 988, .again = 1);
	script_skip(s);
	all_acked(s, 80 * MS);
}

/* A probe was acknowledged, and more is under way. */
static void be_probed(struct script *s, uint32_t more)
{
	be_flying_sack(s, 10, 20);
	OUT(s, 40 * MS, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, 60 * MS, .seq = 1, .ack = SEG(10));
	app_write(s, 60 * MS, more);
	script_skip(s);
}

/* The probe was the only one to arrive of its segment, as far as can be told. */
CASE(tlp_repaired_loss_reduces_the_window)
{
	be_probed(s, 4000);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX); /* the next ACK may explain it */
	assert_int_equal(s->t.cc.cwnd, 18000);
	IN(s, 80 * MS, .seq = 1, .ack = SEG(14)); /* nothing is in flight any more */
	assert_int_equal(s->t.cc.ssthresh, 9000);
	assert_int_equal(s->t.cc.cwnd, 9000);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	app_write(s, 80 * MS, 1000);
	OUT(s, 80 * MS, .seq = SEG(14), .len = 1000, .flags = TCPF_ACK);
	all_acked(s, 100 * MS);
}

/* cwnd may say more than the peer ever took. */
CASE(tlp_repaired_loss_reduces_to_half_of_the_window)
{
	be_probed(s, 1000);
	s->t.cc.cwnd = 200000;
	IN(s, 80 * MS, .seq = 1, .ack = SEG(11));
	assert_int_equal(s->t.cc.ssthresh, 30000);
}

/* RFC 3168 6.1.2: CWR after any reduction, and one for a window of data. */
CASE(tlp_repaired_loss_says_cwr)
{
	s->peer_flags = TCPF_ECE | TCPF_CWR;
	be_probed(s, 4000);
	IN(s, 80 * MS, .seq = 1, .ack = SEG(13));
	assert_int_equal(s->t.cc.ssthresh, 9000);
	app_write(s, 80 * MS, 1000);
	OUT(s, 80 * MS, .seq = SEG(14), .len = 1000, .flags = TCPF_ACK | TCPF_CWR);
	IN(s, 85 * MS, .seq = 1, .ack = SEG(14), .flags = TCPF_ACK | TCPF_ECE);
	assert_int_equal(s->t.cc.ssthresh, 9000);
	all_acked(s, 100 * MS);
}

/* An ECE has reduced it for the same window. */
CASE(tlp_repaired_loss_after_ece_is_no_news)
{
	s->peer_flags = TCPF_ECE | TCPF_CWR;
	be_probed(s, 4000);
	s->t.recover = s->t.snd_nxt;
	s->t.flags |= TF_CWR;
	IN(s, 80 * MS, .seq = 1, .ack = SEG(13));
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	all_acked(s, 100 * MS);
}

CASE(tlp_needless_probe_by_dsack)
{
	be_flying_sack(s, 10, 20);
	OUT(s, 40 * MS, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, 60 * MS, .seq = 1, .ack = SEG(10), .n_sack = 1, .sack = {SEG(9), SEG(10)});
	app_write(s, 60 * MS, 4000);
	script_skip(s);
	IN(s, 80 * MS, .seq = 1, .ack = SEG(14));
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
}

/* The timer sent it, not RACK: it says nothing of reordering. */
CASE(tlp_needless_probe_does_not_widen_the_window)
{
	be_flying_sack(s, 10, 20);
	OUT(s, 40 * MS, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, 60 * MS, .seq = 1, .ack = SEG(10), .n_sack = 1, .sack = {SEG(9), SEG(10)});
	assert_int_equal(s->cold.rack.mult, 1);
	app_write(s, 60 * MS, 4000);
	script_skip(s);
	all_acked(s, 80 * MS);
}

CASE(tlp_needless_probe_by_duplicate_ack)
{
	be_flying_sack(s, 10, 20);
	OUT(s, 40 * MS, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, 41 * MS, .seq = 1, .ack = SEG(10));
	IN(s, 60 * MS, .seq = 1, .ack = SEG(10));
	app_write(s, 60 * MS, 4000);
	script_skip(s);
	IN(s, 80 * MS, .seq = 1, .ack = SEG(14));
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
}

CASE(tlp_of_new_data_repairs_nothing)
{
	be_flying_sack(s, 11, 20);
	OUT(s, 40 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	IN(s, 60 * MS, .seq = 1, .ack = SEG(11));
	app_write(s, 60 * MS, 4000);
	script_skip(s);
	IN(s, 80 * MS, .seq = 1, .ack = SEG(15));
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	app_write(s, 80 * MS, 4000); /* and the next tail has a probe again */
	assert_true(s->t.flags & TF_PTO);
	script_skip(s);
	all_acked(s, 100 * MS);
}

static const struct CMUnitTest tests[] = {
	T(rack_waits_a_quarter_of_the_shortest_round_trip),
	T(rack_hole_filled_in_time_sends_nothing_again),
	T(rack_dupthresh_without_reordering_does_not_wait),
	T(rack_three_small_ranges_are_dupthresh),
	T(rack_after_reordering_dupthresh_waits),
	T(rack_blocks_of_one_ack_are_no_reordering),
	T(rack_delivery_of_what_was_sent_again_is_no_reordering),
	T(rack_spares_what_was_sent_later),
	T(rack_finds_a_lost_retransmission),
	T(rack_is_not_misled_by_an_ambiguous_ack),
	T(rack_is_not_misled_by_an_old_echo),
	T(rack_timer_goes_with_its_hole),
	T(rack_without_sack_is_not_used),
	T(duplicates_without_blocks_retransmit_the_head),
	T(rack_dsack_widens_the_window),
	T(rack_dsack_widens_once_in_a_round_trip),
	T(rack_window_is_bounded_by_srtt),
	T(rack_window_shrinks_after_16_recoveries),
	T(rack_in_recovery_does_not_wait_without_reordering),
	T(rack_timer_outlives_the_retransmission_of_the_head),
	T(rack_what_was_lost_long_ago_does_not_wrap),
	T(rack_what_was_sent_long_ago_does_not_wrap),
	T(rack_a_window_long_closed_does_not_wrap),
	T(rack_a_window_long_taken_back_does_not_wrap),
	T(rack_round_of_a_dsack_ends),
	T(tlp_after_two_round_trips),
	T(tlp_sends_new_data_if_there_is),
	T(tlp_closed_window_sends_the_last_again),
	T(tlp_carries_the_fin),
	T(tlp_new_data_puts_it_off),
	T(tlp_new_data_does_not_put_off_the_rto),
	T(tlp_new_data_does_not_put_off_the_user_timeout),
	T(tlp_an_ack_puts_it_off),
	T(tlp_allows_for_a_delayed_ack),
	T(tlp_never_later_than_the_rto),
	T(tlp_has_a_floor),
	T(tlp_one_probe_only),
	T(tlp_needs_sack),
	T(tlp_not_in_recovery),
	T(tlp_not_of_a_probe_that_came_too_late),
	T(tlp_not_of_a_probe_that_came_too_late_behind_a_fin),
	T(tlp_sacked_probe_starts_recovery),
	T(tlp_sacked_probe_with_timestamps_starts_recovery),
	T(tlp_repaired_loss_reduces_the_window),
	T(tlp_repaired_loss_reduces_to_half_of_the_window),
	T(tlp_repaired_loss_says_cwr),
	T(tlp_repaired_loss_after_ece_is_no_news),
	T(tlp_needless_probe_by_dsack),
	T(tlp_needless_probe_does_not_widen_the_window),
	T(tlp_needless_probe_by_duplicate_ack),
	T(tlp_of_new_data_repairs_nothing),
	T(rack_in_recovery_a_second_hole_does_not_wait),
	T(rack_three_duplicates_are_dupthresh),
	T(rack_window_ends_to_the_microsecond),
	T(rack_reordering_below_the_highest_delivered),
	T(rack_starts_over_when_nothing_is_in_flight),
	T(rack_delivered_before_its_time_is_ambiguous),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
