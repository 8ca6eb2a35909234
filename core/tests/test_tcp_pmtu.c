// SPDX-License-Identifier: BSD-3-Clause
/* Path MTU: told by routers, found out by timeouts, raised again. */
#include "script_states.h"
#include "tcp/pmtu.h"

static void big_established(struct script *s)
{
	s->open.mss = s->peer_mss = 1460;
	s->cfg.init_cwnd = 4;
	be_established(s);
}

static bool told(struct script *s, mt_time at, uint32_t quoted, uint16_t mss)
{
	bool taken;

	script_until(s, at);
	taken = tcp_path_mtu(&s->t, seq_add(s->iss, quoted), mss, s->now);
	script_flush(s);
	return taken;
}

CASE(quote_of_nothing_in_flight_is_refused)
{
	big_established(s);
	app_write(s, 0, 2920);
	script_skip(s);
	assert_false(told(s, MS, 0, 500));
	assert_false(told(s, MS, 2921, 500));
	assert_int_equal(s->t.cc.mss, 1460);
	IN(s, 10 * MS, .seq = 1, .ack = 2921);
	assert_false(told(s, 20 * MS, 1, 500)); /* acknowledged: no longer in flight */
	assert_int_equal(s->t.cc.mss, 1460);
}

CASE(smaller_path_mtu_is_no_congestion)
{
	uint32_t segs;

	big_established(s);
	app_write(s, 0, 2920);
	script_skip(s);
	segs = s->t.cc.cwnd / s->t.cc.mss;
	assert_true(told(s, MS, 1, 960));
	OUT(s, MS, .seq = 1, .len = 960, .again = 1);
	OUT(s, MS, .seq = 961, .len = 960, .again = 1);
	assert_int_equal(s->t.cc.cwnd / s->t.cc.mss, segs);
	script_skip(s);
}

CASE(path_mtu_leaves_room_for_timestamps)
{
	s->peer_opts |= TCPO_TS;
	big_established(s);
	app_write(s, 0, 2000);
	script_skip(s);
	assert_true(told(s, MS, 1, 960));
	OUT(s, MS, .seq = 1, .len = 948);
	script_skip(s);
}

CASE(path_mtu_never_grows_by_a_message)
{
	big_established(s);
	app_write(s, 0, 1460);
	script_skip(s);
	assert_true(told(s, MS, 1, 9000));
	assert_int_equal(s->t.cc.mss, 1460);
}

CASE(syn_sent_believes_only_the_sequence)
{
	be_syn_sent(s);
	assert_true(told(s, 0, 0, 500));
	assert_false(told(s, 0, 1, 500));
	assert_int_equal(s->t.mss_local, SCRIPT_MSS);
}

CASE(known_path_mtu_bounds_from_the_start)
{
	big_established(s);
	tcp_path_mss(&s->t, 1000, s->now);
	app_write(s, 0, 2000);
	OUT(s, 0, .seq = 1, .len = 1000);
	OUT(s, 0, .seq = 1001, .len = 1000);
}

CASE(black_hole_is_found_at_the_fourth_timeout)
{
	s->cfg.mtu_probing = true;
	big_established(s);
	app_write(s, 0, 2920);
	script_skip(s);
	OUT(s, 200 * MS, .seq = 1, .len = 1460, .again = 1);
	OUT(s, 600 * MS, .seq = 1, .len = 1460, .again = 1);
	OUT(s, 1400 * MS, .seq = 1, .len = 1460, .again = 1);
	assert_false(s->all_events & TCP_EV_BLACK_HOLE);
	OUT(s, 3000 * MS, .seq = 1, .len = 1220, .again = 1);
	assert_true(s->ev.flags & TCP_EV_BLACK_HOLE);
	IN(s, 3010 * MS, .seq = 1, .ack = 1221);
	OUT(s, 3010 * MS, .seq = 1221, .len = 1220);
	script_skip(s);
}

CASE(black_hole_steps_down_to_what_all_hosts_take)
{
	static const uint16_t len[] = {1460, 1460, 1460, 1220, 984, 536, 536, 536};
	mt_time at = 0;

	s->cfg.mtu_probing = true;
	big_established(s);
	app_write(s, 0, 2920);
	script_skip(s);
	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		at += (200u << i) * MS;
		OUT(s, at, .seq = 1, .len = len[i], .again = 1);
		assert_int_equal((s->ev.flags & TCP_EV_BLACK_HOLE) != 0, i >= 3 && i <= 5);
	}
}

/* Four timeouts, and the first of the smaller segments arrives at 3 s + 10 ms. */
static void be_on_trial(struct script *s)
{
	s->cfg.mtu_probing = true;
	big_established(s);
	app_write(s, 0, 1460);
	script_until(s, 3000 * MS);
	IN(s, 3010 * MS, .seq = 1, .ack = 1461);
	script_skip(s);
	assert_int_equal(s->t.cc.mss, 1220);
}

CASE(three_timeouts_of_random_loss_are_no_black_hole)
{
	s->cfg.mtu_probing = true;
	big_established(s);
	app_write(s, 0, 1460);
	script_until(s, 1400 * MS);
	script_skip(s);
	IN(s, 1410 * MS, .seq = 1, .ack = 1461);
	assert_int_equal(s->t.cc.mss, 1460);
	app_write(s, 2000 * MS, 1460);
	script_until(s, 3000 * MS);
	script_skip(s);
	assert_int_equal(s->t.cc.mss, 1460); /* not in a row */
}

CASE(an_outage_costs_the_larger_size_for_seconds_only)
{
	be_on_trial(s);
	app_write(s, 8000 * MS, 1220);
	IN(s, 8010 * MS, .seq = 1, .ack = 2681);
	assert_int_equal(s->t.cc.mss, 1220);
	app_write(s, 14 * MT_SEC, 1220);
	IN(s, 14 * MT_SEC + 10 * MS, .seq = 1, .ack = 3901);
	assert_int_equal(s->t.cc.mss, 1460);
	script_skip(s);
}

CASE(smaller_segments_that_are_lost_too_acquit_the_larger)
{
	be_on_trial(s);
	app_write(s, 4000 * MS, 1220);
	OUT(s, 4000 * MS, .seq = 1461, .len = 1220);
	script_until(s, 20 * MT_SEC); /* the timeout is still backed off */
	script_skip(s);
	assert_int_equal(s->t.cc.mss, 1460);
}

/* Not the size was it: a later suspicion is a first one. */
CASE(an_acquittal_ends_the_trial)
{
	be_on_trial(s);
	app_write(s, 4 * MT_SEC, 1220);
	script_until(s, 20 * MT_SEC);
	IN(s, 20 * MT_SEC, .seq = 1);
	app_write(s, 21 * MT_SEC, 1220); /* ends the backoff */
	IN(s, 21 * MT_SEC + 10 * MS, .seq = 1);
	app_write(s, 30 * MT_SEC, 1460);
	script_until(s, 35 * MT_SEC);
	IN(s, 35 * MT_SEC, .seq = 1);
	assert_int_equal(s->t.cc.mss, 1220);
	app_write(s, 50 * MT_SEC, 1220);
	IN(s, 50 * MT_SEC + 10 * MS, .seq = 1);
	assert_int_equal(s->t.cc.mss, 1460);
	script_skip(s);
}

CASE(a_black_hole_found_twice_is_believed_for_ten_minutes)
{
	be_on_trial(s);
	app_write(s, 14 * MT_SEC, 1220);
	IN(s, 14 * MT_SEC + 10 * MS, .seq = 1, .ack = 2681);
	app_write(s, 15 * MT_SEC, 1460);
	script_until(s, 20 * MT_SEC);
	IN(s, 20 * MT_SEC, .seq = 1, .ack = 4141);
	assert_int_equal(s->t.cc.mss, 1220);
	app_write(s, 60 * MT_SEC, 1220);
	IN(s, 60 * MT_SEC + 10 * MS, .seq = 1, .ack = 5361);
	assert_int_equal(s->t.cc.mss, 1220);
	app_write(s, 700 * MT_SEC, 1220);
	IN(s, 700 * MT_SEC + 10 * MS, .seq = 1, .ack = 6581);
	assert_int_equal(s->t.cc.mss, 1460);
	script_skip(s);
}

/* The larger size is tried a minute after it was believed in again, or later. */
CASE(a_black_hole_is_believed_of_rare_messages_too)
{
	mt_time at;

	be_on_trial(s);
	app_write(s, 60 * MT_SEC, 1220);
	IN(s, 60 * MT_SEC + 10 * MS, .seq = 1);
	assert_int_equal(s->t.cc.mss, 1460);
	app_write(s, 180 * MT_SEC, 1460);
	script_until(s, 185 * MT_SEC);
	IN(s, 185 * MT_SEC, .seq = 1);
	assert_int_equal(s->t.cc.mss, 1220);
	for (at = 240 * MT_SEC; at < 780 * MT_SEC; at += 60 * MT_SEC) {
		app_write(s, at, 1460);
		IN(s, at + 10 * MS, .seq = 1);
		assert_int_equal(s->t.cc.mss, 1220);
	}
	script_skip(s);
}

CASE(a_second_suspicion_much_later_is_a_first_one)
{
	be_on_trial(s);
	app_write(s, 14 * MT_SEC, 1220);
	IN(s, 14 * MT_SEC + 10 * MS, .seq = 1, .ack = 2681);
	app_write(s, 620 * MT_SEC, 1460);
	script_until(s, 625 * MT_SEC);
	IN(s, 625 * MT_SEC, .seq = 1, .ack = 4141);
	assert_int_equal(s->t.cc.mss, 1220);
	app_write(s, 650 * MT_SEC, 1220);
	IN(s, 650 * MT_SEC + 10 * MS, .seq = 1, .ack = 5361);
	assert_int_equal(s->t.cc.mss, 1460);
	script_skip(s);
}

CASE(what_a_router_said_is_not_on_trial)
{
	be_on_trial(s);
	app_write(s, 5 * MT_SEC, 1220);
	script_skip(s);
	assert_true(told(s, 5 * MT_SEC + MS, 1461, 960));
	script_skip(s);
	IN(s, 5 * MT_SEC + 10 * MS, .seq = 1, .ack = 2681);
	app_write(s, 30 * MT_SEC, 960);
	IN(s, 30 * MT_SEC + 10 * MS, .seq = 1, .ack = 3641);
	assert_int_equal(s->t.cc.mss, 960);
	script_skip(s);
}

CASE(small_segments_vanish_for_other_reasons)
{
	s->cfg.mtu_probing = true;
	big_established(s);
	app_write(s, 0, 500);
	script_skip(s);
	script_until(s, 200 * MT_SEC);
	script_skip(s);
	assert_false(s->all_events & TCP_EV_BLACK_HOLE);
	assert_int_equal(s->t.cc.mss, 1460);
}

CASE(no_probing_no_smaller_segments)
{
	big_established(s);
	app_write(s, 0, 2920);
	script_until(s, 200 * MT_SEC);
	script_skip(s);
	assert_int_equal(s->t.cc.mss, 1460);
}

CASE(persist_probes_are_no_black_hole)
{
	s->cfg.mtu_probing = true;
	big_established(s);
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 0);
	app_write(s, 0, 5000);
	script_until(s, 300 * MT_SEC);
	script_skip(s);
	assert_false(s->all_events & TCP_EV_BLACK_HOLE);
}

CASE(after_ten_minutes_the_larger_size_is_tried_again)
{
	big_established(s);
	app_write(s, 0, 1460);
	script_skip(s);
	assert_true(told(s, MS, 1, 960));
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1461);
	app_write(s, 599 * MT_SEC, 1920);
	OUT(s, 599 * MT_SEC, .seq = 1461, .len = 960);
	script_skip(s);
	IN(s, 599 * MT_SEC + 10 * MS, .seq = 1);
	app_write(s, 601 * MT_SEC, 960);
	OUT(s, 601 * MT_SEC, .seq = 3381, .len = 960);
	script_skip(s);
	IN(s, 601 * MT_SEC + 10 * MS, .seq = 1);
	script_skip(s);
	app_write(s, 602 * MT_SEC, 2000);
	OUT(s, 602 * MT_SEC, .len = 1460);
	script_skip(s);
	IN(s, 602 * MT_SEC + 10 * MS, .seq = 1);
	script_skip(s);
}

/* Nothing was sent again, timestamps are on: acknowledgments would take the usual way. */
CASE(a_path_known_to_be_narrow_is_tried_again_with_timestamps)
{
	s->peer_opts |= TCPO_TS;
	big_established(s);
	tcp_path_mss(&s->t, 960, s->now);
	app_write(s, 601 * MT_SEC, 948);
	OUT(s, 601 * MT_SEC, .seq = 1, .len = 948);
	IN(s, 601 * MT_SEC + 10 * MS, .seq = 1);
	script_skip(s);
	app_write(s, 602 * MT_SEC, 2000);
	OUT(s, 602 * MT_SEC, .len = 1448);
	script_skip(s);
	IN(s, 602 * MT_SEC + 10 * MS, .seq = 1);
	script_skip(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(quote_of_nothing_in_flight_is_refused),
		T(smaller_path_mtu_is_no_congestion),
		T(path_mtu_leaves_room_for_timestamps),
		T(path_mtu_never_grows_by_a_message),
		T(syn_sent_believes_only_the_sequence),
		T(known_path_mtu_bounds_from_the_start),
		T(black_hole_is_found_at_the_fourth_timeout),
		T(black_hole_steps_down_to_what_all_hosts_take),
		T(three_timeouts_of_random_loss_are_no_black_hole),
		T(an_outage_costs_the_larger_size_for_seconds_only),
		T(smaller_segments_that_are_lost_too_acquit_the_larger),
		T(an_acquittal_ends_the_trial),
		T(a_black_hole_found_twice_is_believed_for_ten_minutes),
		T(a_black_hole_is_believed_of_rare_messages_too),
		T(a_second_suspicion_much_later_is_a_first_one),
		T(what_a_router_said_is_not_on_trial),
		T(small_segments_vanish_for_other_reasons),
		T(no_probing_no_smaller_segments),
		T(persist_probes_are_no_black_hole),
		T(after_ten_minutes_the_larger_size_is_tried_again),
		T(a_path_known_to_be_narrow_is_tried_again_with_timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
