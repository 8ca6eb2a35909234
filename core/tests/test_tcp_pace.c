// SPDX-License-Identifier: BSD-3-Clause
/* Pacing: at which instants data leaves, and what is not held. */
#include "script_states.h"
#include "tcp/cc.h"

#define US MT_US

/* An algorithm with the window of Reno and a rate of the test's. */
static uint64_t rate_now;

static uint64_t fixed_rate(const struct cc *cc, const struct rtt *r)
{
	(void)cc;
	(void)r;
	return rate_now;
}

static void fixed_init(struct cc *cc)
{
	cc->acked = 0;
}

static void fixed_on_sample(struct cc *cc, const struct cc_ack *a)
{
	(void)cc;
	(void)a;
}

static const struct cc_ops fixed = {
	.name = "fixed",
	.init = fixed_init,
	.on_ack = cc_reno_on_ack,
	.on_loss = cc_reno_on_loss,
	.on_rto = cc_reno_on_rto,
	.on_idle = cc_reno_on_idle,
	.on_sample = fixed_on_sample,
	.pacing_rate = fixed_rate,
};

/* Established; the schedule stands at now. */
static void paced(struct script *s, uint64_t rate)
{
	rate_now = rate;
	s->cfg.cc = &fixed;
	s->cfg.init_cwnd = 100;
	be_established(s);
	s->own.pace_at = s->now;
}

static void out_at(struct script *s, mt_time at, int n)
{
	for (int i = 0; i < n; i++)
		OUT(s, at, .len = 1000);
	assert_true(s->n_seen == s->n_log);
}

/* 1 MB/s: a segment each millisecond, two at least at once. */
CASE(two_segments_each_two_milliseconds)
{
	paced(s, 1000000);
	app_write(s, 0, 10000);
	out_at(s, 0, 2);
	OUT_NONE(s, 1999 * US);
	out_at(s, 2000 * US, 2);
	out_at(s, 4000 * US, 2);
	out_at(s, 6000 * US, 2);
	out_at(s, 8000 * US, 2);
	OUT_NONE(s, 100 * MS);
}

CASE(a_quantum_of_a_millisecond)
{
	paced(s, 8000000);
	app_write(s, 0, 40000);
	for (int i = 0; i < 5; i++)
		out_at(s, (mt_time)i * MS, 8);
	OUT_NONE(s, 100 * MS);
}

CASE(a_quantum_is_bounded)
{
	paced(s, 1000000000);
	s->t.cc.cwnd = 500000;
	s->t.snd_wnd = 500000;
	app_write(s, 0, 200000);
	out_at(s, 0, 66);
	OUT_NONE(s, 65 * US);
	out_at(s, 66 * US, 66);
	out_at(s, 132 * US, 66);
	out_at(s, 198 * US, 2);
}

CASE(a_slow_rate_waits_long_and_never_stalls)
{
	paced(s, 10000);
	app_write(s, 0, 5000);
	out_at(s, 0, 2);
	IN(s, 150 * MS, .seq = 1); /* else the retransmission timer */
	out_at(s, 200 * MS, 2);
	IN(s, 350 * MS, .seq = 1);
	out_at(s, 400 * MS, 1);
}

CASE(no_rate_no_pacing)
{
	paced(s, 0);
	app_write(s, 0, 20000);
	out_at(s, 0, 20);
}

CASE(the_deadline_is_the_schedule)
{
	paced(s, 1000000);
	app_write(s, 0, 10000);
	script_skip(s);
	assert_int_equal(tcp_pending(&s->t, s->now), TCP_TX_NONE);
	assert_true(tcp_deadline(&s->t, s->now) == s->now + 2 * MS);
	assert_int_equal(tcp_pending(&s->t, s->now + 2 * MS), TCP_TX_DATA);
	script_until(s, 20 * MS);
	script_skip(s);
}

CASE(nothing_to_send_needs_no_timer)
{
	paced(s, 1000000);
	app_write(s, 0, 2000);
	out_at(s, 0, 2);
	assert_true(tcp_deadline(&s->t, s->now) > s->now + 100 * MS);
}

CASE(data_written_while_the_schedule_is_ahead_waits)
{
	paced(s, 1000000);
	app_write(s, 0, 2000);
	out_at(s, 0, 2);
	app_write(s, 1 * MS, 1000);
	OUT_NONE(s, 1999 * US);
	out_at(s, 2 * MS, 1);
}

CASE(data_written_after_the_schedule_goes_at_once)
{
	paced(s, 1000000);
	app_write(s, 0, 2000);
	out_at(s, 0, 2);
	app_write(s, 5 * MS, 4000);
	out_at(s, 5 * MS, 3); /* a quantum, and a millisecond's credit */
	out_at(s, 7 * MS, 1);
}

/* What came late catches up: a timer that fires late does not lower the rate. */
CASE(lateness_is_made_up_for)
{
	paced(s, 8000000);
	app_write(s, 0, 64000);
	out_at(s, 0, 8);
	s->hold = true;
	script_until(s, 1500 * US);
	s->hold = false;
	script_flush(s);
	out_at(s, 1500 * US, 12);
	out_at(s, 2500 * US, 8);
	script_until(s, 50 * MS);
	script_skip(s);
}

CASE(lateness_is_made_up_for_by_a_millisecond_at_most)
{
	paced(s, 8000000);
	app_write(s, 0, 64000);
	out_at(s, 0, 8);
	s->hold = true;
	script_until(s, 5 * MS);
	s->hold = false;
	script_flush(s);
	out_at(s, 5 * MS, 16);
	script_until(s, 50 * MS);
	script_skip(s);
}

CASE(acks_are_not_held)
{
	paced(s, 1000000);
	app_write(s, 0, 10000);
	out_at(s, 0, 2);
	IN(s, 1 * MS, .seq = 1, .len = 1000);
	IN(s, 1 * MS, .seq = 1001, .len = 1000);
	OUT(s, 1 * MS, .len = 0, .ack = 2001);
	script_until(s, 20 * MS);
	script_skip(s);
}

CASE(a_reset_is_not_held)
{
	paced(s, 1000000);
	app_write(s, 0, 10000);
	out_at(s, 0, 2);
	app_abort(s, 1 * MS);
	OUT(s, 1 * MS, .flags = TCPF_RST | TCPF_ACK);
}

CASE(the_fin_follows_the_data)
{
	paced(s, 1000000);
	app_write(s, 0, 3000);
	app_shutdown(s, 0);
	out_at(s, 0, 2);
	OUT_NONE(s, 1999 * US);
	OUT(s, 2 * MS, .len = 1000, .flags = TCPF_ACK | TCPF_FIN);
}

CASE(a_fin_alone_waits_for_its_turn)
{
	paced(s, 1000000);
	app_write(s, 0, 2000);
	out_at(s, 0, 2);
	app_shutdown(s, 1 * MS);
	OUT(s, 2 * MS, .len = 0, .flags = TCPF_ACK | TCPF_FIN);
}

CASE(the_first_of_a_fast_retransmission_is_not_held)
{
	paced(s, 100000);
	s->t.xflags = 0;
	rate_now = 0;
	app_write(s, 0, 10000);
	out_at(s, 0, 10);
	rate_now = 100000;
	s->t.xflags |= XF_PACE;
	s->own.pace_at = s->now + 100 * MS;
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	OUT(s, 10 * MS, .seq = 1, .len = 1000, .again = true);
	script_until(s, 15 * MS);
	script_skip(s);
}

CASE(a_timeout_is_not_held)
{
	paced(s, 2000);
	app_write(s, 0, 10000);
	out_at(s, 0, 2);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .again = true);
	script_skip(s);
}

CASE(a_window_probe_is_not_held)
{
	paced(s, 1000);
	app_write(s, 0, 2000);
	out_at(s, 0, 2);
	IN(s, 10 * MS, .seq = 1, .wnd = 0);
	app_write(s, 10 * MS, 2000);
	OUT(s, 210 * MS, .len = 1);
	script_skip(s);
}

CASE(another_algorithm_is_not_held_by_the_last_ones_schedule)
{
	paced(s, 1000);
	app_write(s, 0, 10000);
	out_at(s, 0, 2);
	assert_int_equal(script_cc(s, &cc_newreno), 0);
	script_flush(s);
	out_at(s, 0, 8);
}

/* What left at a kilobyte per second is not waited for at a megabyte per second. */
CASE(a_higher_rate_shortens_the_wait)
{
	paced(s, 1000);
	app_write(s, 0, 6000);
	out_at(s, 0, 2);
	rate_now = 1000000;
	IN(s, 50 * MS, .seq = 1, .ack = 1001);
	OUT_NONE(s, 52999 * US);
	out_at(s, 53 * MS, 2);
	script_until(s, 100 * MS);
	script_skip(s);
}

CASE(a_timeout_begins_a_new_schedule)
{
	paced(s, 1000);
	app_write(s, 0, 6000);
	out_at(s, 0, 2);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .again = true);
	rate_now = 1000000;
	IN(s, 230 * MS, .seq = 1, .ack = 2001);
	OUT(s, 230 * MS, .seq = 2001, .len = 1000);
	script_until(s, 300 * MS);
	script_skip(s);
}

/* A first message of one byte in a round trip of 100 ms says nothing of the path. */
CASE(bbr_is_not_held_by_a_small_first_message)
{
	s->cfg.cc = &cc_bbr;
	be_syn_rcvd(s);
	IN(s, 100 * MS, .seq = 1, .ack = 1);
	app_write(s, 100 * MS, 1);
	OUT(s, 100 * MS, .len = 1);
	IN(s, 200 * MS, .seq = 1, .ack = 2);
	app_write(s, 200 * MS, 50000);
	script_until(s, 250 * MS);
	assert_in_range(s->n_log - s->n_seen, 9, 11); /* the window */
	script_skip(s);
}

/* ---- by the window, for algorithms without a rate ---- */

CASE(cubic_is_not_paced_unless_told)
{
	s->cfg.cc = &cc_cubic;
	be_established(s);
	app_write(s, 0, 10000);
	out_at(s, 0, 10);
}

/* Window 10000, round trip 40 ms, slow start: 500 kB/s. */
CASE(slow_start_at_twice_the_window_per_round_trip)
{
	s->cfg.pacing = true;
	be_syn_rcvd(s);
	IN(s, 40 * MS, .seq = 1, .ack = 1);
	app_write(s, 40 * MS, 10000);
	out_at(s, 40 * MS, 3); /* a millisecond of credit at the start */
	OUT_NONE(s, 44999 * US);
	out_at(s, 45 * MS, 2);
	out_at(s, 49 * MS, 2);
	out_at(s, 53 * MS, 2);
	out_at(s, 57 * MS, 1);
}

/* Afterwards 300 kB/s. */
CASE(avoidance_at_one_point_two_windows_per_round_trip)
{
	s->cfg.pacing = true;
	be_syn_rcvd(s);
	IN(s, 40 * MS, .seq = 1, .ack = 1);
	s->t.cc.ssthresh = s->t.cc.cwnd;
	s->own.pace_at = s->now;
	app_write(s, 40 * MS, 6000);
	out_at(s, 40 * MS, 2);
	OUT_NONE(s, 46666 * US);
	script_until(s, 46667 * US);
	assert_int_equal(s->n_log - s->n_seen, 2);
	script_skip(s);
	script_until(s, 53334 * US);
	assert_int_equal(s->n_log - s->n_seen, 2);
	script_skip(s);
}

CASE(without_a_round_trip_nothing_is_paced)
{
	s->cfg.pacing = true;
	s->cfg.quick_acks = 0;
	be_established(s);
	rtt_init(&s->t.rtt);
	app_write(s, 0, 10000);
	out_at(s, 0, 10);
}

static const struct CMUnitTest tests[] = {
	T(two_segments_each_two_milliseconds),
	T(a_quantum_of_a_millisecond),
	T(a_quantum_is_bounded),
	T(a_slow_rate_waits_long_and_never_stalls),
	T(no_rate_no_pacing),
	T(the_deadline_is_the_schedule),
	T(nothing_to_send_needs_no_timer),
	T(data_written_while_the_schedule_is_ahead_waits),
	T(data_written_after_the_schedule_goes_at_once),
	T(lateness_is_made_up_for),
	T(lateness_is_made_up_for_by_a_millisecond_at_most),
	T(acks_are_not_held),
	T(a_reset_is_not_held),
	T(the_fin_follows_the_data),
	T(a_fin_alone_waits_for_its_turn),
	T(the_first_of_a_fast_retransmission_is_not_held),
	T(a_timeout_is_not_held),
	T(a_window_probe_is_not_held),
	T(another_algorithm_is_not_held_by_the_last_ones_schedule),
	T(a_higher_rate_shortens_the_wait),
	T(a_timeout_begins_a_new_schedule),
	T(bbr_is_not_held_by_a_small_first_message),
	T(cubic_is_not_paced_unless_told),
	T(slow_start_at_twice_the_window_per_round_trip),
	T(avoidance_at_one_point_two_windows_per_round_trip),
	T(without_a_round_trip_nothing_is_paced),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
