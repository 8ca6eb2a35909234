// SPDX-License-Identifier: BSD-3-Clause
/* Opening: handshakes, option negotiation, refusals (RFC 9293 3.5, 3.10.7.2-3). */
#include <errno.h>

#include "script_states.h"

CASE(active_open)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	assert_int_equal(tcp_pending(&s->t, s->now), TCP_TX_CONTROL);
	script_flush(s);
	OUT(s, 0, .seq = 0, .flags = TCPF_SYN, .list = TCP_TX_CONTROL, .mss = SCRIPT_MSS,
	    .wnd = 50000);
	IN(s, 30 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	STATE(s, ESTABLISHED);
	assert_int_equal(s->ev.flags, TCP_EV_ESTABLISHED);
	OUT(s, 30 * MS, .seq = 1, .ack = 1, .list = TCP_TX_ACK);
	OUT_NONE(s, 10000 * MS);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

CASE(passive_open)
{
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	script_flush(s);
	OUT(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .list = TCP_TX_CONTROL);
	IN(s, 10 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
	OUT_NONE(s, 10000 * MS);
}

CASE(syn_rcvd_ack_carries_data)
{
	be_syn_rcvd(s);
	IN(s, 0, .seq = 1, .ack = 1, .len = 100);
	assert_true(s->ev.flags & TCP_EV_ESTABLISHED);
	assert_int_equal(s->ev.n_readable, 100);
	assert_int_equal(s->ev.data_len, 100);
	OUT(s, 40 * MS, .ack = 101);
}

CASE(syn_rcvd_ack_carries_data_and_fin)
{
	be_syn_rcvd(s);
	IN(s, 0, .seq = 1, .ack = 1, .len = 100, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, CLOSE_WAIT);
	assert_int_equal(s->ev.flags, TCP_EV_ESTABLISHED | TCP_EV_READABLE | TCP_EV_EOF);
	OUT(s, 0, .ack = 102);
}

CASE(simultaneous_open)
{
	be_syn_sent(s);
	IN(s, 10 * MS, .seq = 0, .flags = TCPF_SYN, .ack = 0, .opts = TCPO_MSS, .mss = 1000);
	STATE(s, SYN_RCVD);
	OUT(s, 10 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 20 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	STATE(s, ESTABLISHED);
	OUT(s, 20 * MS, .seq = 1, .ack = 1);
	IN(s, 30 * MS, .seq = 1, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 70 * MS, .ack = 11);
	assert_int_equal(s->t.cc.cwnd, 10 * SCRIPT_MSS); /* a crossed SYN is no lost SYN */
}

CASE(simultaneous_open_completed_by_plain_ack)
{
	be_syn_sent(s);
	IN(s, 10 * MS, .seq = 0, .flags = TCPF_SYN, .ack = 0);
	OUT(s, 10 * MS, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 20 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(syn_retransmitted_with_backoff_then_timeout)
{
	be_syn_sent(s);
	mt_time at = 0;

	for (int i = 0; i < 6; i++) {
		at += (1000 * MS) << i;
		OUT(s, at, .seq = 0, .flags = TCPF_SYN, .again = 1);
	}
	at += 64000 * MS;
	OUT_NONE(s, at);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	assert_true(s->ev.flags & TCP_EV_CLOSED);
}

CASE(syn_ack_retransmitted)
{
	be_syn_rcvd(s);
	OUT(s, 1000 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .again = 1);
	IN(s, 1500 * MS, .seq = 0, .flags = TCPF_SYN, .ack = 0); /* the peer did not get it */
	OUT(s, 1500 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 1600 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
	OUT_NONE(s, 60000 * MS);
}

CASE(lost_syn_means_one_segment_and_3_seconds)
{
	be_syn_sent(s);
	OUT(s, 1000 * MS, .flags = TCPF_SYN);
	IN(s, 1100 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .mss = SCRIPT_MSS,
	   .opts = TCPO_MSS);
	OUT(s, 1100 * MS, .ack = 1);
	app_write(s, 1100 * MS, 5000);
	OUT(s, 1100 * MS, .seq = 1, .len = 1000);
	OUT_NONE(s, 4099 * MS);
	OUT(s, 5100 * MS, .seq = 1, .len = 1000, .again = 1);
}

CASE(refused)
{
	be_syn_sent(s);
	IN(s, 1 * MS, .seq = 0, .ack = 1, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ECONNREFUSED);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

CASE(rst_without_or_with_wrong_ack_does_not_refuse)
{
	be_syn_sent(s);
	IN(s, 0, .seq = 0, .flags = TCPF_RST, .ack = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	IN(s, 0, .seq = 0, .flags = TCPF_RST | TCPF_ACK, .ack = 2);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	IN(s, 0, .seq = 0, .flags = TCPF_RST | TCPF_ACK, .ack = 0);
	STATE(s, SYN_SENT);
	OUT_NONE(s, 999 * MS);
}

CASE(syn_sent_bad_ack_is_reset)
{
	be_syn_sent(s);
	IN(s, 0, .seq = 0, .ack = 77, .flags = TCPF_SYN | TCPF_ACK);
	OUT(s, 0, .seq = 77, .flags = TCPF_RST, .list = TCP_TX_CONTROL);
	STATE(s, SYN_SENT);
	IN(s, 0, .seq = 0, .ack = 0);
	OUT(s, 0, .seq = 0, .flags = TCPF_RST);
	IN(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	STATE(s, ESTABLISHED);
	OUT(s, 0, .seq = 1, .ack = 1);
}

CASE(syn_sent_ack_without_syn_is_dropped)
{
	be_syn_sent(s);
	IN(s, 0, .seq = 5, .ack = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	STATE(s, SYN_SENT);
}

CASE(syn_rcvd_bad_ack_is_reset)
{
	be_syn_rcvd(s);
	IN(s, 0, .seq = 1, .ack = 2);
	OUT(s, 0, .seq = 2, .flags = TCPF_RST);
	IN(s, 0, .seq = 1, .ack = 0);
	OUT(s, 0, .seq = 0, .flags = TCPF_RST);
	STATE(s, SYN_RCVD);
}

CASE(syn_rcvd_reset)
{
	be_syn_rcvd(s);
	IN(s, 0, .seq = 1, .flags = TCPF_RST);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
}

CASE(crossed_syn_rcvd_refused)
{
	be_syn_sent(s);
	IN(s, 0, .seq = 0, .flags = TCPF_SYN, .ack = 0);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 0, .seq = 1, .flags = TCPF_RST);
	assert_int_equal(s->ev.error, ECONNREFUSED);
}

CASE(syn_ack_with_data_and_fin)
{
	be_syn_sent(s);
	IN(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK | TCPF_FIN, .len = 50);
	STATE(s, CLOSE_WAIT);
	assert_int_equal(s->ev.n_readable, 50);
	assert_int_equal(s->ev.data_skip, 0);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 0, .ack = 52);
}

CASE(data_written_before_the_handshake_rides_on_its_ack)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	tcp_append(&s->t, 300, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .len = 0);
	IN(s, 5 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .opts = TCPO_MSS,
	   .mss = 1000);
	OUT(s, 5 * MS, .seq = 1, .ack = 1, .len = 300, .off = 0, .psh = 1);
	OUT_NONE(s, 5 * MS);
}

CASE(close_in_syn_sent)
{
	be_syn_sent(s);
	assert_true(app_close(s, 0));
	STATE(s, CLOSED);
	OUT_NONE(s, 5000 * MS);
}

CASE(shutdown_before_established_sends_fin_after)
{
	be_syn_rcvd(s);
	app_write(s, 0, 10);
	app_shutdown(s, 0);
	STATE(s, SYN_RCVD);
	IN(s, 0, .seq = 1, .ack = 1);
	STATE(s, FIN_WAIT_1);
	OUT(s, 0, .seq = 1, .len = 10, .flags = TCPF_ACK | TCPF_FIN);
}

CASE(abort_in_syn_states)
{
	be_syn_rcvd(s);
	app_abort(s, 0);
	OUT(s, 0, .seq = 1, .flags = TCPF_RST | TCPF_ACK, .ack = 1);
	STATE(s, CLOSED);
}

CASE(challenge_ack_in_syn_rcvd_for_foreign_syn)
{
	be_syn_rcvd(s);
	IN(s, 0, .seq = 100, .flags = TCPF_SYN, .ack = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 0, .seq = 1, .ack = 1);
	STATE(s, SYN_RCVD);
}

/* ---- options: fault 7 ---- */

CASE(fault_07_mss_absent_is_536)
{
	s->peer_opts = 0;
	be_established(s);
	app_write(s, 0, 2000);
	OUT(s, 0, .len = 536, .opts = 0);
	OUT(s, 0, .len = 536);
	OUT(s, 0, .len = 536);
	OUT_NONE(s, 10 * MS); /* Nagle keeps the rest */
	IN(s, 10 * MS, .seq = 1);
	OUT(s, 10 * MS, .len = 392);
}

CASE(fault_07_mss_has_a_floor)
{
	s->peer_mss = 1;
	be_established(s);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	app_write(s, 0, 100);
	OUT(s, 0, .len = 64);
	OUT(s, 0, .len = 36);
}

CASE(fault_07_mss_is_bounded_by_the_path)
{
	s->peer_mss = 65535;
	be_established(s);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_MAXSEG), SCRIPT_MSS);
}

CASE(fault_07_window_scale_only_if_offered)
{
	s->cfg.rcvbuf = 1 << 20;
	be_established(s); /* the peer did not offer */
	app_write(s, 0, 1);
	OUT(s, 0, .len = 1, .wnd = 65535);
	IN(s, 0, .seq = 1, .ack = 2, .wnd = 500);
	assert_int_equal(s->t.snd_wnd, 500);
}

CASE(window_scale_both_ways)
{
	s->cfg.rcvbuf = 1 << 20;
	s->peer_opts |= TCPO_WSCALE;
	s->peer_wscale = 3;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .wscale = 5, .wnd = 65535);
	struct tcp_seg syn = peer_syn(s, TCPF_SYN | TCPF_ACK);

	script_feed(s, &syn);
	assert_int_equal(s->t.snd_wnd, 60000); /* a SYN's window is never scaled */
	OUT(s, 0, .ack = 1, .wnd = (1 << 20) >> 5);
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 1000);
	assert_int_equal(s->t.snd_wnd, 8000);
}

CASE(window_scale_is_capped_at_14)
{
	s->peer_opts |= TCPO_WSCALE;
	s->peer_wscale = 200;
	be_syn_rcvd(s);
	assert_int_equal(s->t.snd_wscale, 14);
}

CASE(window_scale_not_offered_by_config)
{
	s->cfg.wscale = false;
	s->peer_opts |= TCPO_WSCALE;
	s->peer_wscale = 7;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .opts = TCPO_MSS | TCPO_TS | TCPO_SACK_PERM);
	IN(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .opts = TCPO_WSCALE,
	   .wscale = 7);
	script_skip(s);
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 900);
	assert_int_equal(s->t.snd_wnd, 900);
}

CASE(fault_07_timestamps_only_if_negotiated)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .opts = TCPO_MSS | TCPO_TS | TCPO_SACK_PERM | TCPO_WSCALE,
	    .tsecr = 0);
	IN(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .opts = TCPO_MSS, .mss = 1000);
	OUT(s, 0, .ack = 1, .opts = 0);
	/* A timestamp that was not negotiated is ignored: an older one drops nothing. */
	IN(s, 0, .seq = 1, .len = 10, .tsval = 1000);
	IN(s, 0, .seq = 11, .len = 10, .tsval = 1);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 40 * MS, .ack = 21, .opts = 0);
}

CASE(timestamps_passive)
{
	s->peer_opts |= TCPO_TS;
	be_syn_rcvd(s);
	assert_int_equal(s->log[0].seg.opts, TCPO_MSS | TCPO_TS);
	assert_int_equal(s->log[0].seg.ts_ecr, script_ms(s) + PEER_TSOFF);
	IN(s, 0, .seq = 1, .ack = 1);
	app_write(s, 7 * MS, 2000);
	OUT(s, 7 * MS, .len = 988, .opts = TCPO_TS, .tsval = (uint32_t)(1000007u + OUR_TSOFF));
	script_skip(s);
}

/* Our ACK of it was lost: with the echo of the first one the server would take its timeout for a
 * round trip. */
CASE(syn_ack_again_is_echoed_anew)
{
	struct tcp_seg g;

	s->peer_opts |= TCPO_TS;
	be_established_active(s);
	script_until(s, 1000 * MS);
	g = peer_syn(s, TCPF_SYN | TCPF_ACK);
	script_feed(s, &g);
	script_flush(s);
	assert_int_equal(s->log[s->n_log - 1].seg.ts_ecr, script_ms(s) + PEER_TSOFF);
	script_skip(s);
}

CASE(sack_permitted_only_if_offered)
{
	be_syn_rcvd(s);
	assert_int_equal(s->log[0].seg.opts, TCPO_MSS);
	assert_false(s->t.flags & TF_SACK);
}

CASE(sack_permitted_answered)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_syn_rcvd(s);
	assert_int_equal(s->log[0].seg.opts, TCPO_MSS | TCPO_SACK_PERM);
}

CASE(fault_14_random_tsecr_in_syn_ack)
{
	be_syn_sent(s);
	IN(s, 10 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .tsval = 5,
	   .tsecr = 12345);
	STATE(s, SYN_SENT);
	assert_int_equal(s->ev.drop, TCP_DROP_PAWS);
	OUT(s, 10 * MS, .seq = 1, .flags = TCPF_RST);
	IN(s, 20 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .tsval = 5,
	   .tsecr = (uint32_t)(1000021u + OUR_TSOFF)); /* from the future */
	STATE(s, SYN_SENT);
	OUT(s, 20 * MS, .flags = TCPF_RST);
	IN(s, 30 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .tsval = 5,
	   .tsecr = (uint32_t)(1000000u + OUR_TSOFF));
	STATE(s, ESTABLISHED);
	OUT(s, 30 * MS, .ack = 1, .opts = TCPO_TS, .tsecr = 5);
}

CASE(fault_09_passive_connections_start_in_slow_start)
{
	be_established(s);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	assert_int_equal(s->t.cc.cwnd, 10 * SCRIPT_MSS);
	app_write(s, 0, 20000);
	for (int i = 0; i < 10; i++)
		OUT(s, 0, .len = 1000, .off = i * 1000);
	OUT_NONE(s, 100 * MS);
	IN(s, 100 * MS, .seq = 1, .ack = 2001); /* two acknowledged, four go */
	for (int i = 0; i < 4; i++)
		OUT(s, 100 * MS, .len = 1000);
}

CASE(maxseg_before_the_handshake_only)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	assert_int_equal(tcp_set_option(&s->t, TCP_OPT_MAXSEG, 500, s->now), 0);
	assert_int_equal(tcp_set_option(&s->t, TCP_OPT_MAXSEG, 10, s->now), -EINVAL);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .mss = 500);
	assert_int_equal(app_option(s, 0, TCP_OPT_MAXSEG, 400), 0); /* too late */
	IN(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK, .opts = TCPO_MSS, .mss = 1000);
	assert_int_equal(app_option(s, 0, TCP_OPT_MAXSEG, 400), 0);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_MAXSEG), 500);
	script_skip(s);
}

CASE(receive_buffer_before_the_handshake)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	assert_int_equal(tcp_set_option(&s->t, TCP_OPT_RCVBUF, 1 << 20, s->now), 0);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .wscale = 5, .wnd = 65535);
	app_option(s, 0, TCP_OPT_RCVBUF, 1000); /* the SYN has offered more */
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_RCVBUF), 65535);
	IN(s, 0, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	OUT(s, 0, .ack = 1, .wnd = 65535);
}

static void listener(void **state)
{
	(void)state;
	struct tcp_seg g = {.flags = TCPF_RST | TCPF_SYN}, out;

	assert_int_equal(tcp_listen_input(&g), TCP_LISTEN_DROP);
	g.flags = TCPF_SYN | TCPF_ACK;
	assert_int_equal(tcp_listen_input(&g), TCP_LISTEN_RESET);
	g.flags = TCPF_SYN;
	assert_int_equal(tcp_listen_input(&g), TCP_LISTEN_OPEN);
	g.flags = TCPF_SYN | TCPF_FIN;
	assert_int_equal(tcp_listen_input(&g), TCP_LISTEN_DROP);
	g.flags = 0;
	assert_int_equal(tcp_listen_input(&g), TCP_LISTEN_DROP);
	/* RFC 9293 3.10.7.1 */
	g = (struct tcp_seg){.seq = seq_of(100), .ack = seq_of(7), .len = 10, .flags = TCPF_ACK};
	assert_true(tcp_reset_reply(&g, &out));
	assert_int_equal(out.seq.v, 7);
	assert_int_equal(out.flags, TCPF_RST);
	g.flags = TCPF_SYN;
	assert_true(tcp_reset_reply(&g, &out));
	assert_int_equal(out.seq.v, 0);
	assert_int_equal(out.ack.v, 111);
	assert_int_equal(out.flags, TCPF_RST | TCPF_ACK);
	g.flags = TCPF_RST;
	assert_false(tcp_reset_reply(&g, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(active_open),
		T(passive_open),
		T(syn_rcvd_ack_carries_data),
		T(syn_rcvd_ack_carries_data_and_fin),
		T(simultaneous_open),
		T(simultaneous_open_completed_by_plain_ack),
		T(syn_retransmitted_with_backoff_then_timeout),
		T(syn_ack_retransmitted),
		T(lost_syn_means_one_segment_and_3_seconds),
		T(refused),
		T(rst_without_or_with_wrong_ack_does_not_refuse),
		T(syn_sent_bad_ack_is_reset),
		T(syn_sent_ack_without_syn_is_dropped),
		T(syn_rcvd_bad_ack_is_reset),
		T(syn_rcvd_reset),
		T(crossed_syn_rcvd_refused),
		T(syn_ack_with_data_and_fin),
		T(data_written_before_the_handshake_rides_on_its_ack),
		T(close_in_syn_sent),
		T(shutdown_before_established_sends_fin_after),
		T(abort_in_syn_states),
		T(challenge_ack_in_syn_rcvd_for_foreign_syn),
		T(fault_07_mss_absent_is_536),
		T(fault_07_mss_has_a_floor),
		T(fault_07_mss_is_bounded_by_the_path),
		T(fault_07_window_scale_only_if_offered),
		T(window_scale_both_ways),
		T(window_scale_is_capped_at_14),
		T(window_scale_not_offered_by_config),
		T(fault_07_timestamps_only_if_negotiated),
		T(timestamps_passive),
		T(syn_ack_again_is_echoed_anew),
		T(sack_permitted_only_if_offered),
		T(sack_permitted_answered),
		T(fault_14_random_tsecr_in_syn_ack),
		T(fault_09_passive_connections_start_in_slow_start),
		T(maxseg_before_the_handshake_only),
		T(receive_buffer_before_the_handshake),
		cmocka_unit_test(listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
