// SPDX-License-Identifier: BSD-3-Clause
/* Explicit congestion notification (RFC 3168): who offers and accepts what, what is marked, what is
 * echoed, and what an echo does. */
#include "script_states.h"

#define ECE  TCPF_ECE
#define CWR  TCPF_CWR
#define ECT0 2
#define CE   3

/* ---- opening ---- */

static void open_passive(struct script *s, uint8_t ecn, uint8_t peer)
{
	s->cfg.ecn = ecn;
	s->peer_flags = peer;
	be_syn_rcvd(s);
}

static void open_active(struct script *s, uint8_t ecn, uint8_t peer)
{
	s->cfg.ecn = ecn;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	s->peer_flags = peer;
}

static void answer(struct script *s)
{
	struct tcp_seg g = peer_syn(s, TCPF_SYN | TCPF_ACK);

	script_skip(s);
	script_feed(s, &g);
	STATE(s, ESTABLISHED);
	script_skip(s);
}

/* Established, ECN in use. */
static void with_ecn(struct script *s)
{
	open_passive(s, TCP_ECN_ACCEPT, ECE | CWR);
	IN(s, 0, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
	script_skip(s);
}

static void sends_ect(struct script *s, bool ect)
{
	app_write(s, 5 * MS, 100);
	OUT(s, 5 * MS, .len = 100, .ecn = ect ? ECT0 : 0);
	IN(s, 6 * MS, .seq = 1);
}

CASE(a_syn_asks_only_if_told)
{
	open_active(s, TCP_ECN_ACCEPT, 0);
	OUT(s, 0, .flags = TCPF_SYN, .ecn = 0);
}

CASE(a_syn_never_asks_when_off)
{
	open_active(s, TCP_ECN_OFF, 0);
	OUT(s, 0, .flags = TCPF_SYN, .ecn = 0);
}

CASE(a_syn_asks)
{
	open_active(s, TCP_ECN_ASK, 0);
	OUT(s, 0, .flags = TCPF_SYN | ECE | CWR, .ecn = 0);
}

CASE(a_syn_sent_again_asks_no_more)
{
	open_active(s, TCP_ECN_ASK, 0);
	OUT(s, 0, .flags = TCPF_SYN | ECE | CWR);
	OUT(s, 1000 * MS, .flags = TCPF_SYN, .ecn = 0);
	OUT(s, 3000 * MS, .flags = TCPF_SYN);
}

CASE(syn_ack_accepts)
{
	s->cfg.ecn = TCP_ECN_ACCEPT;
	s->peer_flags = ECE | CWR;
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK | ECE, .ecn = 0);
	OUT(s, 1000 * MS, .flags = TCPF_SYN | TCPF_ACK | ECE, .ecn = 0, .again = true);
}

CASE(syn_ack_does_not_offer)
{
	s->cfg.ecn = TCP_ECN_ASK;
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 0, .seq = 1, .ack = 1);
	sends_ect(s, false);
}

CASE(syn_ack_refuses_when_off)
{
	s->cfg.ecn = TCP_ECN_OFF;
	s->peer_flags = ECE | CWR;
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 0, .seq = 1, .ack = 1);
	sends_ect(s, false);
}

CASE(passive_accept_uses_it)
{
	open_passive(s, TCP_ECN_ACCEPT, ECE | CWR);
	IN(s, 0, .seq = 1, .ack = 1);
	sends_ect(s, true);
}

CASE(passive_ask_uses_it)
{
	open_passive(s, TCP_ECN_ASK, ECE | CWR);
	IN(s, 0, .seq = 1, .ack = 1);
	sends_ect(s, true);
}

CASE(half_a_setup_syn_is_none_ece)
{
	open_passive(s, TCP_ECN_ACCEPT, ECE);
	IN(s, 0, .seq = 1, .ack = 1);
	sends_ect(s, false);
}

CASE(half_a_setup_syn_is_none_cwr)
{
	open_passive(s, TCP_ECN_ACCEPT, CWR);
	IN(s, 0, .seq = 1, .ack = 1);
	sends_ect(s, false);
}

CASE(active_uses_it_if_answered)
{
	open_active(s, TCP_ECN_ASK, ECE);
	answer(s);
	sends_ect(s, true);
}

CASE(active_not_if_refused)
{
	open_active(s, TCP_ECN_ASK, 0);
	answer(s);
	sends_ect(s, false);
}

CASE(a_syn_ack_that_reflects_both_flags_is_no_setup)
{
	open_active(s, TCP_ECN_ASK, ECE | CWR);
	answer(s);
	sends_ect(s, false);
}

CASE(a_syn_ack_with_cwr_alone_is_no_setup)
{
	open_active(s, TCP_ECN_ASK, CWR);
	answer(s);
	sends_ect(s, false);
}

CASE(an_answer_nobody_asked_for_is_ignored)
{
	open_active(s, TCP_ECN_ACCEPT, ECE);
	answer(s);
	sends_ect(s, false);
}

CASE(after_a_plain_syn_no_ect_but_the_echo_works)
{
	open_active(s, TCP_ECN_ASK, ECE);
	OUT(s, 0, .flags = TCPF_SYN | ECE | CWR);
	OUT(s, 1000 * MS, .flags = TCPF_SYN);
	script_until(s, 1010 * MS);
	answer(s);
	app_write(s, 1020 * MS, 100);
	OUT(s, 1020 * MS, .len = 100, .ecn = 0);
	IN(s, 1030 * MS, .seq = 1, .len = 100, .ecn = CE);
	OUT(s, 1030 * MS, .ack = 101, .flags = TCPF_ACK | ECE);
}

CASE(simultaneous_open_with_ecn_on_both_sides)
{
	open_active(s, TCP_ECN_ASK, ECE | CWR);
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	script_skip(s);
	script_feed(s, &syn);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK | ECE, .ecn = 0);
	s->peer_flags = ECE;
	syn = peer_syn(s, TCPF_SYN | TCPF_ACK);
	script_feed(s, &syn);
	STATE(s, ESTABLISHED);
	script_skip(s);
	sends_ect(s, true);
}

CASE(simultaneous_open_ends_without_ecn)
{
	open_active(s, TCP_ECN_ASK, ECE | CWR);
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	script_skip(s);
	script_feed(s, &syn);
	s->peer_flags = 0;
	syn = peer_syn(s, TCPF_SYN | TCPF_ACK);
	script_feed(s, &syn);
	script_skip(s);
	sends_ect(s, false);
}

CASE(simultaneous_open_that_did_not_ask)
{
	open_active(s, TCP_ECN_ACCEPT, ECE | CWR);
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	script_skip(s);
	script_feed(s, &syn);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK);
}

/* ---- what is marked ---- */

CASE(ack_alone_is_not_ect)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = ECT0);
	IN(s, 1 * MS, .seq = 1001, .len = 1000, .ecn = ECT0);
	OUT(s, 1 * MS, .ack = 2001, .ecn = 0);
}

CASE(fin_alone_is_not_ect)
{
	with_ecn(s);
	app_shutdown(s, 0);
	OUT(s, 0, .flags = TCPF_ACK | TCPF_FIN, .ecn = 0);
}

CASE(data_with_fin_is_ect)
{
	with_ecn(s);
	s->hold = true;
	app_write(s, 0, 100);
	s->hold = false;
	app_shutdown(s, 0);
	OUT(s, 0, .flags = TCPF_ACK | TCPF_FIN, .len = 100, .ecn = ECT0);
}

CASE(a_retransmission_is_not_ect)
{
	with_ecn(s);
	app_write(s, 0, 100);
	OUT(s, 0, .len = 100, .ecn = ECT0);
	OUT(s, 200 * MS, .len = 100, .ecn = 0, .again = true);
}

CASE(a_fast_retransmission_is_not_ect)
{
	with_ecn(s);
	app_write(s, 0, 5000);
	for (int i = 0; i < 5; i++)
		OUT(s, 0, .len = 1000, .ecn = ECT0);
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	OUT(s, 10 * MS, .len = 1000, .seq = 1, .ecn = 0, .again = true);
}

CASE(a_window_probe_is_not_ect)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 0);
	app_write(s, 0, 100);
	OUT(s, 200 * MS, .len = 1, .ecn = 0);
}

CASE(a_keepalive_is_not_ect)
{
	s->cfg.keep_idle_ms = 1000;
	with_ecn(s);
	app_option(s, 0, TCP_OPT_KEEPALIVE, 1);
	OUT(s, 1000 * MS, .seq = 0, .ecn = 0);
}

CASE(a_reset_is_not_ect)
{
	with_ecn(s);
	app_abort(s, 0);
	OUT(s, 0, .flags = TCPF_RST | TCPF_ACK, .ecn = 0);
}

/* ---- the receiver ---- */

CASE(ce_is_echoed_at_once_and_until_cwr)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	IN(s, 1 * MS, .seq = 1001, .len = 1000, .ecn = ECT0);
	IN(s, 2 * MS, .seq = 2001, .len = 1000, .ecn = ECT0);
	OUT(s, 2 * MS, .ack = 3001, .flags = TCPF_ACK | ECE);
	IN(s, 3 * MS, .seq = 3001, .len = 1000, .ecn = ECT0, .flags = TCPF_ACK | CWR);
	OUT(s, 3 * MS, .ack = 4001);
	IN(s, 4 * MS, .seq = 4001, .len = 1000, .ecn = ECT0);
	OUT(s, 44 * MS, .ack = 5001);
}

CASE(ece_goes_on_data_too)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	app_write(s, 1 * MS, 500);
	OUT(s, 1 * MS, .len = 500, .flags = TCPF_ACK | ECE, .ecn = ECT0);
}

CASE(ece_goes_on_a_fin_too)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	app_shutdown(s, 1 * MS);
	OUT(s, 1 * MS, .flags = TCPF_ACK | TCPF_FIN | ECE);
}

CASE(cwr_with_ce_starts_another_echo)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	IN(s, 3 * MS, .seq = 1001, .len = 1000, .ecn = CE, .flags = TCPF_ACK | CWR);
	OUT(s, 3 * MS, .ack = 2001, .flags = TCPF_ACK | ECE);
}

CASE(ce_while_echoing_waits_for_its_cwr)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	IN(s, 1 * MS, .seq = 1001, .len = 1000, .ecn = CE); /* no news: delayed as usual */
	OUT(s, 41 * MS, .ack = 2001, .flags = TCPF_ACK | ECE);
}

CASE(ce_out_of_order_counts)
{
	with_ecn(s);
	IN(s, 0, .seq = 1001, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1, .flags = TCPF_ACK | ECE);
}

CASE(ce_outside_the_window_does_not_count)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = ECT0);
	IN(s, 1 * MS, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 1 * MS, .ack = 1001);
	IN(s, 2 * MS, .seq = 70000, .len = 1000, .ecn = CE);
	OUT(s, 2 * MS, .ack = 1001);
}

CASE(cwr_outside_the_window_does_not_count)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 0, .ack = 1001, .flags = TCPF_ACK | ECE);
	IN(s, 1 * MS, .seq = 1, .len = 1000, .flags = TCPF_ACK | CWR);
	OUT(s, 1 * MS, .ack = 1001, .flags = TCPF_ACK | ECE);
}

CASE(ce_without_data_does_not_count)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .ecn = CE);
	IN(s, 0, .seq = 1, .len = 1000);
	OUT(s, 40 * MS, .ack = 1001);
}

CASE(ce_without_ecn_is_data_like_any)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = CE);
	OUT(s, 40 * MS, .ack = 1001);
}

CASE(ect_1_and_0_are_the_same)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .ecn = 1);
	IN(s, 0, .seq = 1001, .len = 1000, .ecn = 2);
	OUT(s, 0, .ack = 2001);
}

CASE(cwr_alone_is_acknowledged_at_once)
{
	with_ecn(s);
	IN(s, 0, .seq = 1, .len = 1000, .flags = TCPF_ACK | CWR);
	OUT(s, 0, .ack = 1001);
}

CASE(ce_in_the_first_data_of_the_handshake)
{
	open_passive(s, TCP_ECN_ACCEPT, ECE | CWR);
	IN(s, 0, .seq = 1, .ack = 1, .len = 100, .ecn = CE);
	OUT(s, 0, .ack = 101, .flags = TCPF_ACK | ECE);
}

/* ---- the sender ---- */

static void ten_in_flight(struct script *s)
{
	with_ecn(s);
	app_write(s, 0, 40000);
	for (int i = 0; i < 10; i++)
		OUT(s, 0, .len = 1000, .ecn = ECT0);
}

CASE(ece_halves_the_window_once_and_cwr_says_so)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_true(s->ev.flags & TCP_EV_ECE);
	assert_int_equal(s->t.cc.cwnd, 5000);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	for (int i = 2; i <= 5; i++) { /* the rest of the window tells the same */
		IN(s, 10 * MS, .seq = 1, .ack = i * 1000 + 1, .flags = TCPF_ACK | ECE);
		assert_int_equal(s->t.cc.cwnd, 5000);
		assert_false(s->ev.flags & TCP_EV_ECE);
	}
	IN(s, 10 * MS, .seq = 1, .ack = 6001, .flags = TCPF_ACK | ECE);
	OUT(s, 10 * MS, .seq = 10001, .len = 1000, .flags = TCPF_ACK | CWR, .ecn = ECT0);
	IN(s, 10 * MS, .seq = 1, .ack = 7001, .flags = TCPF_ACK);
	OUT(s, 10 * MS, .seq = 11001, .len = 1000, .flags = TCPF_ACK, .ecn = ECT0);
}

CASE(ece_again_in_the_next_window_halves_again)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 6001, .flags = TCPF_ACK | ECE);
	OUT(s, 10 * MS, .seq = 10001, .flags = TCPF_ACK | CWR, .len = 1000);
	IN(s, 20 * MS, .seq = 1, .ack = 10001, .flags = TCPF_ACK | ECE); /* of the old window */
	assert_int_equal(s->t.cc.cwnd, 5000);
	script_skip(s);
	IN(s, 30 * MS, .seq = 1, .ack = 11001, .flags = TCPF_ACK | ECE); /* the CWR itself got CE */
	assert_int_equal(s->t.cc.cwnd, 2500);
	IN(s, 40 * MS, .seq = 1, .flags = TCPF_ACK | ECE);
	OUT(s, 40 * MS, .flags = TCPF_ACK | CWR, .len = 1000, .ecn = ECT0);
	script_skip(s);
}

CASE(ece_opens_no_window)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 10001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 5000);
	IN(s, 20 * MS, .seq = 1, .ack = 11001, .flags = TCPF_ACK);
	assert_true(s->t.cc.cwnd >= 5000);
	script_skip(s);
}

CASE(ece_never_below_two_segments)
{
	with_ecn(s);
	app_write(s, 0, 1000);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 2000);
	script_skip(s);
}

CASE(ece_on_a_duplicate_counts)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 5000);
}

CASE(ece_with_nothing_in_flight_means_nothing)
{
	with_ecn(s);
	IN(s, 10 * MS, .seq = 1, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 10000);
	app_write(s, 20 * MS, 100);
	OUT(s, 20 * MS, .len = 100, .flags = TCPF_ACK);
}

CASE(ece_without_ecn_means_nothing)
{
	be_established(s);
	app_write(s, 0, 10000);
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 11000);
}

CASE(ece_of_an_old_ack_means_nothing)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 5001);
	script_skip(s);
	uint32_t cwnd = s->t.cc.cwnd;

	IN(s, 11 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, cwnd);
}

CASE(ece_of_a_forged_ack_means_nothing)
{
	ten_in_flight(s);
	IN(s, 11 * MS, .seq = 1, .ack = 100001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 10000);
	script_skip(s);
}

CASE(loss_after_ece_in_the_same_window_reduces_once)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 5000);
	for (int i = 0; i < 3; i++)
		IN(s, 11 * MS, .seq = 1, .ack = 1001);
	assert_true(s->all_events & TCP_EV_RETRANSMIT);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	script_skip(s);
}

CASE(ece_in_a_recovery_does_not_reduce_again)
{
	ten_in_flight(s);
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	IN(s, 11 * MS, .seq = 1, .ack = 1, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	script_skip(s);
}

CASE(ece_that_ends_a_recovery_does_not_reduce_again)
{
	ten_in_flight(s);
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	script_skip(s);
	IN(s, 40 * MS, .seq = 1, .flags = TCPF_ACK | ECE); /* of the next window, it is news */
	assert_true(s->t.cc.ssthresh < 5000);
	script_skip(s);
}

CASE(a_fast_retransmission_makes_the_next_new_data_say_cwr)
{
	ten_in_flight(s);
	for (int i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1);
	OUT(s, 20 * MS, .len = 1000, .flags = TCPF_ACK | CWR, .ecn = ECT0);
	OUT(s, 20 * MS, .len = 1000, .flags = TCPF_ACK, .ecn = ECT0);
	script_skip(s);
}

CASE(a_timeout_makes_the_next_new_data_say_cwr)
{
	with_ecn(s);
	app_write(s, 0, 3000);
	script_skip(s);
	OUT(s, 200 * MS, .len = 1000, .seq = 1, .flags = TCPF_ACK, .ecn = 0, .again = true);
	IN(s, 210 * MS, .seq = 1);
	app_write(s, 210 * MS, 1000);
	OUT(s, 210 * MS, .len = 1000, .flags = TCPF_ACK | CWR, .ecn = ECT0);
}

CASE(ece_in_slow_start_ends_it)
{
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 10001, .flags = TCPF_ACK | ECE);
	OUT(s, 10 * MS, .len = 1000, .flags = TCPF_ACK | CWR);
	for (int i = 0; i < 4; i++)
		OUT(s, 10 * MS, .len = 1000);
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1);
	assert_int_equal(s->t.cc.cwnd, 6000);
	script_skip(s);
}

CASE(ece_with_cubic_reduces_by_its_beta)
{
	s->cfg.cc = &cc_cubic;
	ten_in_flight(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .flags = TCPF_ACK | ECE);
	assert_int_equal(s->t.cc.cwnd, 7000);
	script_skip(s);
}

static const struct CMUnitTest tests[] = {
	T(a_syn_asks_only_if_told),
	T(a_syn_never_asks_when_off),
	T(a_syn_asks),
	T(a_syn_sent_again_asks_no_more),
	T(syn_ack_accepts),
	T(syn_ack_does_not_offer),
	T(syn_ack_refuses_when_off),
	T(passive_accept_uses_it),
	T(passive_ask_uses_it),
	T(half_a_setup_syn_is_none_ece),
	T(half_a_setup_syn_is_none_cwr),
	T(active_uses_it_if_answered),
	T(active_not_if_refused),
	T(a_syn_ack_that_reflects_both_flags_is_no_setup),
	T(a_syn_ack_with_cwr_alone_is_no_setup),
	T(an_answer_nobody_asked_for_is_ignored),
	T(after_a_plain_syn_no_ect_but_the_echo_works),
	T(simultaneous_open_with_ecn_on_both_sides),
	T(simultaneous_open_ends_without_ecn),
	T(simultaneous_open_that_did_not_ask),
	T(ack_alone_is_not_ect),
	T(fin_alone_is_not_ect),
	T(data_with_fin_is_ect),
	T(a_retransmission_is_not_ect),
	T(a_fast_retransmission_is_not_ect),
	T(a_window_probe_is_not_ect),
	T(a_keepalive_is_not_ect),
	T(a_reset_is_not_ect),
	T(ce_is_echoed_at_once_and_until_cwr),
	T(ece_goes_on_data_too),
	T(ece_goes_on_a_fin_too),
	T(cwr_with_ce_starts_another_echo),
	T(ce_while_echoing_waits_for_its_cwr),
	T(ce_out_of_order_counts),
	T(ce_outside_the_window_does_not_count),
	T(cwr_outside_the_window_does_not_count),
	T(ce_without_data_does_not_count),
	T(ce_without_ecn_is_data_like_any),
	T(ect_1_and_0_are_the_same),
	T(cwr_alone_is_acknowledged_at_once),
	T(ce_in_the_first_data_of_the_handshake),
	T(ece_halves_the_window_once_and_cwr_says_so),
	T(ece_again_in_the_next_window_halves_again),
	T(ece_opens_no_window),
	T(ece_never_below_two_segments),
	T(ece_on_a_duplicate_counts),
	T(ece_with_nothing_in_flight_means_nothing),
	T(ece_without_ecn_means_nothing),
	T(ece_of_an_old_ack_means_nothing),
	T(ece_of_a_forged_ack_means_nothing),
	T(loss_after_ece_in_the_same_window_reduces_once),
	T(ece_in_a_recovery_does_not_reduce_again),
	T(ece_that_ends_a_recovery_does_not_reduce_again),
	T(a_fast_retransmission_makes_the_next_new_data_say_cwr),
	T(a_timeout_makes_the_next_new_data_say_cwr),
	T(ece_in_slow_start_ends_it),
	T(ece_with_cubic_reduces_by_its_beta),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
