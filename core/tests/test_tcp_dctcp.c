// SPDX-License-Identifier: BSD-3-Clause
/* DCTCP (RFC 8257): what it asks for, the exact echo of the receiver, the window's answer. */
#include "script_states.h"
#include "tcp/cc.h"

#define ECE  TCPF_ECE
#define CWR  TCPF_CWR
#define ECT0 2
#define CE   3
#define ONE  (1u << 20)

static void with_dctcp(struct script *s)
{
	s->cfg.cc = &cc_dctcp;
	s->peer_flags = ECE | CWR;
	be_established(s);
}

/* A segment of data, marked or not. */
static void data(struct script *s, mt_time at, int64_t seq, int ecn)
{
	IN(s, at, .seq = seq, .len = 1000, .ecn = ecn);
}

/* ---- opening ---- */

CASE(asks_though_the_configuration_only_accepts)
{
	s->cfg.cc = &cc_dctcp;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN | ECE | CWR, .ecn = 0);
}

CASE(does_not_ask_when_ecn_is_off)
{
	s->cfg.cc = &cc_dctcp;
	s->cfg.ecn = TCP_ECN_OFF;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN);
}

CASE(a_socket_that_chooses_it_before_the_syn_asks)
{
	s->hold = true;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	assert_int_equal(script_cc(s, &cc_dctcp), 0);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN | ECE | CWR);
}

CASE(a_socket_that_leaves_it_after_the_syn_keeps_ecn)
{
	s->cfg.cc = &cc_dctcp;
	be_syn_sent(s);
	assert_int_equal(script_cc(s, &cc_cubic), 0);
	s->peer_flags = ECE;
	struct tcp_seg g = peer_syn(s, TCPF_SYN | TCPF_ACK);

	script_feed(s, &g);
	script_skip(s);
	app_write(s, 1 * MS, 100);
	OUT(s, 1 * MS, .len = 100, .ecn = ECT0);
}

CASE(without_ecn_it_is_reno)
{
	s->cfg.cc = &cc_dctcp;
	be_established(s);
	app_write(s, 0, 10000);
	OUT(s, 0, .len = 1000, .ecn = 0);
	IN(s, 10 * MS, .seq = 1, .ack = 2001);
	assert_int_equal(s->t.cc.cwnd, 12000);
	script_skip(s);
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 2001);
	assert_int_equal(s->t.cc.ssthresh, 4000);
	script_skip(s);
}

/* ---- the receiver ---- */

CASE(unmarked_data_is_acknowledged_as_ever)
{
	with_dctcp(s);
	data(s, 0, 1, ECT0);
	data(s, 1 * MS, 1001, ECT0);
	OUT(s, 1 * MS, .ack = 2001);
	data(s, 2 * MS, 2001, ECT0);
	OUT(s, 42 * MS, .ack = 3001);
}

CASE(the_first_mark_is_acknowledged_at_once)
{
	with_dctcp(s);
	data(s, 0, 1, CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
}

CASE(a_mark_first_acknowledges_what_waits_without_ece)
{
	with_dctcp(s);
	data(s, 0, 1, ECT0);
	data(s, 1 * MS, 1001, CE);
	OUT(s, 1 * MS, .ack = 1001, .flags = TCPF_ACK, .len = 0, .ecn = 0);
	OUT(s, 1 * MS, .ack = 2001, .flags = TCPF_ACK | ECE);
}

CASE(the_end_of_marks_first_acknowledges_what_waits_with_ece)
{
	with_dctcp(s);
	data(s, 0, 1, CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	data(s, 1 * MS, 1001, CE);
	data(s, 2 * MS, 2001, ECT0);
	OUT(s, 2 * MS, .ack = 2001, .flags = TCPF_ACK | ECE);
	OUT(s, 2 * MS, .ack = 3001, .flags = TCPF_ACK);
}

CASE(every_second_marked_segment_has_its_ack)
{
	with_dctcp(s);
	data(s, 0, 1, CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	data(s, 1 * MS, 1001, CE);
	data(s, 2 * MS, 2001, CE);
	OUT(s, 2 * MS, .ack = 3001, .flags = TCPF_ACK | ECE);
}

CASE(cwr_does_not_end_the_echo)
{
	with_dctcp(s);
	data(s, 0, 1, CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	IN(s, 1 * MS, .seq = 1001, .len = 1000, .ecn = CE, .flags = TCPF_ACK | CWR);
	data(s, 1 * MS, 2001, CE);
	OUT(s, 1 * MS, .ack = 3001, .flags = TCPF_ACK | ECE);
}

CASE(no_cwr_is_needed_to_end_the_echo)
{
	with_dctcp(s);
	data(s, 0, 1, CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	data(s, 1 * MS, 1001, ECT0);
	OUT(s, 1 * MS, .ack = 2001, .flags = TCPF_ACK);
}

/* A burst that is processed before anything can leave. */
CASE(changes_within_a_burst_have_an_ack_each)
{
	with_dctcp(s);
	s->hold = true;
	data(s, 0, 1, ECT0);
	data(s, 0, 1001, CE);
	data(s, 0, 2001, CE);
	data(s, 0, 3001, ECT0);
	data(s, 0, 4001, CE);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK, .list = TCP_TX_ACK);
	OUT(s, 0, .ack = 3001, .flags = TCPF_ACK | ECE);
	OUT(s, 0, .ack = 4001, .flags = TCPF_ACK);
	OUT(s, 0, .ack = 5001, .flags = TCPF_ACK | ECE);
}

CASE(more_changes_than_are_kept_still_acknowledge_all)
{
	with_dctcp(s);
	s->hold = true;
	for (int i = 0; i < 12; i++)
		data(s, 0, 1 + i * 1000, i & 1 ? CE : ECT0);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK);
	OUT(s, 0, .ack = 2001, .flags = TCPF_ACK | ECE);
	OUT(s, 0, .ack = 3001, .flags = TCPF_ACK);
	OUT(s, 0, .ack = 11001, .flags = TCPF_ACK);
	OUT(s, 0, .ack = 12001, .flags = TCPF_ACK | ECE);
}

CASE(the_window_of_an_echo_has_the_same_edge)
{
	with_dctcp(s);
	data(s, 0, 1, ECT0);
	data(s, 1 * MS, 1001, CE);
	OUT(s, 1 * MS, .ack = 1001, .wnd = 49000);
	OUT(s, 1 * MS, .ack = 2001, .flags = TCPF_ACK | ECE, .wnd = 48000);
}

CASE(an_echo_carries_timestamps)
{
	s->peer_opts |= TCPO_TS;
	with_dctcp(s);
	data(s, 0, 1, ECT0);
	data(s, 1 * MS, 1001, CE);
	OUT(s, 1 * MS, .ack = 1001, .opts = TCPO_TS);
	OUT(s, 1 * MS, .ack = 2001, .flags = TCPF_ACK | ECE);
}

CASE(echo_goes_before_data)
{
	with_dctcp(s);
	s->hold = true;
	data(s, 0, 1, ECT0);
	data(s, 0, 1001, CE);
	s->hold = false;
	app_write(s, 0, 100);
	OUT(s, 0, .ack = 1001, .len = 0);
	OUT(s, 0, .ack = 2001, .len = 100, .flags = TCPF_ACK | ECE, .ecn = ECT0);
}

CASE(leaving_it_forgets_the_echoes)
{
	with_dctcp(s);
	s->hold = true;
	data(s, 0, 1, ECT0);
	data(s, 0, 1001, CE);
	assert_int_equal(script_cc(s, &cc_newreno), 0);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .ack = 2001, .flags = TCPF_ACK | ECE);
}

/* ---- the sender ---- */

CASE(the_first_mark_counts_in_full)
{
	with_dctcp(s);
	app_write(s, 0, 40000);
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->own.cc.u.dctcp.alpha, ONE);
	assert_int_equal(s->t.cc.cwnd, 5000);
	script_skip(s);
	IN(s, 11 * MS, .seq = 1, .ack = 8001);
	OUT(s, 11 * MS, .len = 1000, .flags = TCPF_ACK | CWR, .ecn = ECT0);
	script_skip(s);
}

CASE(a_small_alpha_cuts_little)
{
	with_dctcp(s);
	s->own.cc.u.dctcp.alpha = ONE / 8;
	s->own.cc.u.dctcp.window = 100000;
	app_write(s, 0, 10000);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 9375);
	IN(s, 10 * MS, .seq = 1, .ack = 2001, .flags = TCPF_ACK | ECE); /* once per window */
	assert_int_equal(s->t.cc.cwnd, 9375);
	script_skip(s);
}

CASE(a_loss_halves_though_ece_cut_little)
{
	with_dctcp(s);
	s->own.cc.u.dctcp.alpha = ONE / 8;
	s->own.cc.u.dctcp.window = 100000;
	app_write(s, 0, 10000);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1001);
	assert_int_equal(s->t.cc.ssthresh, 4500);
	script_skip(s);
}

static void sample(struct cc *cc, uint32_t n, uint32_t flight, bool ece)
{
	struct cc_ack a = {.n_acked = n, .flight = flight, .ece = ece};

	cc->ops->on_sample(cc, &a);
}

/* 3.3: alpha = (1 - g) * alpha + g * M, once per window. A window here is 11 segments: those in
 * flight at its start, and the one whose ACK passes them. */
static void alpha_follows_the_fraction(void **state)
{
	struct cc cc;
	double alpha = 1;

	(void)state;
	cc_init(&cc, &cc_dctcp, 1000, 10);
	sample(&cc, 1000, 11000, true); /* ends the empty first window, all of it marked */
	for (int round = 0; round < 300; round++) {
		int marked = round < 200 ? 3 : 1;

		for (int i = 0; i < 11; i++)
			sample(&cc, 1000, 11000, i < marked);
		alpha = alpha * 15 / 16 + marked / 11.0 / 16;
		assert_true(cc.u.dctcp.alpha > ONE * (alpha - 1e-4) &&
			    cc.u.dctcp.alpha < ONE * (alpha + 1e-4));
	}
}

static void alpha_fades_to_nothing(void **state)
{
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_dctcp, 1000, 10);
	for (int i = 0; i < 10000; i++)
		sample(&cc, 1000, 1000, false);
	assert_int_equal(cc.u.dctcp.alpha, 0);
	cc.cwnd = 50000;
	cc.ops->on_ece(&cc, 50000, 0);
	assert_int_equal(cc.cwnd, 50000);
}

static void a_smaller_segment_changes_nothing(void **state)
{
	struct cc_dctcp_state before;
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_dctcp, 1000, 10);
	for (int i = 0; i < 100; i++)
		sample(&cc, 1000, 11000, i % 3 == 0);
	cc.u.dctcp.echoes = (struct cc_echoes){.to = {seq_of(1001)}, .n = 1, .ece = 1};
	before = cc.u.dctcp;
	assert_true(before.alpha < ONE);
	cc_set_mss(&cc, 500);
	assert_int_equal(cc.cwnd, 5000);
	assert_memory_equal(&cc.u.dctcp, &before, sizeof(before));
}

static void the_window_never_falls_below_two_segments(void **state)
{
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_dctcp, 1000, 10);
	for (int i = 0; i < 20; i++)
		cc.ops->on_ece(&cc, 10000, 0);
	assert_int_equal(cc.cwnd, 2000);
	assert_int_equal(cc.ssthresh, 2000);
}

static const struct CMUnitTest tests[] = {
	T(asks_though_the_configuration_only_accepts),
	T(does_not_ask_when_ecn_is_off),
	T(a_socket_that_chooses_it_before_the_syn_asks),
	T(a_socket_that_leaves_it_after_the_syn_keeps_ecn),
	T(without_ecn_it_is_reno),
	T(unmarked_data_is_acknowledged_as_ever),
	T(the_first_mark_is_acknowledged_at_once),
	T(a_mark_first_acknowledges_what_waits_without_ece),
	T(the_end_of_marks_first_acknowledges_what_waits_with_ece),
	T(every_second_marked_segment_has_its_ack),
	T(cwr_does_not_end_the_echo),
	T(no_cwr_is_needed_to_end_the_echo),
	T(changes_within_a_burst_have_an_ack_each),
	T(more_changes_than_are_kept_still_acknowledge_all),
	T(the_window_of_an_echo_has_the_same_edge),
	T(an_echo_carries_timestamps),
	T(echo_goes_before_data),
	T(leaving_it_forgets_the_echoes),
	T(the_first_mark_counts_in_full),
	T(a_small_alpha_cuts_little),
	T(a_loss_halves_though_ece_cut_little),
	cmocka_unit_test(alpha_follows_the_fraction),
	cmocka_unit_test(alpha_fades_to_nothing),
	cmocka_unit_test(a_smaller_segment_changes_nothing),
	cmocka_unit_test(the_window_never_falls_below_two_segments),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
