// SPDX-License-Identifier: BSD-3-Clause
/* Closing (RFC 9293 3.6), resets and blind attacks (RFC 5961), TIME-WAIT (RFC 1337, 6191). */
#include <errno.h>

#include "script_states.h"
#include "tcp/message.h"

#define FINACK (TCPF_ACK | TCPF_FIN)

CASE(active_close)
{
	be_established(s);
	app_shutdown(s, 0);
	STATE(s, FIN_WAIT_1);
	OUT(s, 0, .seq = 1, .flags = FINACK);
	IN(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, FIN_WAIT_2);
	assert_int_equal(s->ev.n_acked, 0);
	IN(s, 2 * MS, .seq = 1, .ack = 2, .flags = FINACK);
	STATE(s, TIME_WAIT);
	assert_int_equal(script_events(s), TCP_EV_EOF | TCP_EV_TIME_WAIT);
	OUT(s, 2 * MS, .seq = 2, .ack = 2);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

static void took(const struct script *s, bool fast)
{
	assert_int_equal((s->ev.flags & TCP_EV_FAST) != 0, fast && s->cfg.fast_path);
}

/* What closes a connection in order leaves nothing to the slow path, on either side. */
CASE(orderly_close_takes_the_fast_path)
{
	be_established(s);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	IN(s, 1 * MS, .seq = 1, .len = 20, .flags = FINACK);
	took(s, true);
	STATE(s, CLOSE_WAIT);
	OUT(s, 1 * MS, .ack = 22);
	app_read(s, 1 * MS, 20);
	app_close(s, 1 * MS);
	OUT(s, 1 * MS, .seq = 11, .flags = FINACK);
	IN(s, 2 * MS, .seq = 22, .ack = 12);
	took(s, true);
	STATE(s, CLOSED);
}

CASE(orderly_active_close_takes_the_fast_path)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2);
	took(s, true);
	STATE(s, FIN_WAIT_2);
	IN(s, 2 * MS, .seq = 1, .ack = 2, .len = 10);
	took(s, true);
	IN(s, 3 * MS, .seq = 11, .ack = 2, .flags = FINACK);
	took(s, true);
	STATE(s, TIME_WAIT);
	OUT(s, 3 * MS, .seq = 2, .ack = 12);
}

/* What follows a FIN, data that nobody reads any more, a FIN beyond the window. */
CASE(disorderly_close_takes_the_slow_path)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .len = 10);
	took(s, false);
	STATE(s, CLOSE_WAIT);
	script_init(s, s->cfg.fast_path);
	be_established(s);
	IN(s, 0, .seq = 1, .len = 50000, .flags = FINACK);
	took(s, false);
	assert_int_equal(s->ev.n_readable, 50000);
	STATE(s, ESTABLISHED);
	OUT(s, 0, .ack = 50001, .wnd = 0);
	script_init(s, s->cfg.fast_path);
	be_established(s);
	app_close(s, 0);
	OUT(s, 0, .flags = FINACK);
	IN(s, 1 * MS, .seq = 1, .ack = 2, .len = 10);
	took(s, false);
	STATE(s, CLOSED);
	OUT(s, 1 * MS, .flags = TCPF_RST | TCPF_ACK);
}

CASE(active_close_with_fin_in_the_ack)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2, .flags = FINACK);
	STATE(s, TIME_WAIT);
	assert_true(s->ev.flags & TCP_EV_TIME_WAIT);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
}

CASE(passive_close)
{
	be_close_wait(s);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	app_shutdown(s, 0);
	STATE(s, LAST_ACK);
	OUT(s, 0, .seq = 11, .flags = FINACK);
	IN(s, 1 * MS, .seq = 2, .ack = 11);
	STATE(s, LAST_ACK);
	IN(s, 2 * MS, .seq = 2, .ack = 12);
	STATE(s, CLOSED);
	assert_int_equal(script_events(s), TCP_EV_CLOSED);
}

CASE(simultaneous_close)
{
	be_fin_wait_1(s);
	IN(s, 0, .seq = 1, .ack = 1, .flags = FINACK);
	STATE(s, CLOSING);
	OUT(s, 0, .seq = 2, .ack = 2);
	IN(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, TIME_WAIT);
	assert_int_equal(script_events(s), TCP_EV_TIME_WAIT);
	OUT_NONE(s, 1000 * MS);
}

CASE(half_close_still_receives)
{
	be_fin_wait_2(s);
	for (unsigned i = 0; i < 50; i++) {
		IN(s, i * 1000 * MS, .seq = 1 + 100 * i, .len = 100);
		assert_int_equal(s->ev.n_readable, 100);
		OUT(s, i * 1000 * MS + 40 * MS, .seq = 2, .ack = 101 + 100 * i);
		app_read(s, i * 1000 * MS + 40 * MS, 100);
	}
	OUT_NONE(s, 1000000 * MS); /* as long as the application stays */
	STATE(s, FIN_WAIT_2);
}

CASE(half_close_of_the_peer_still_sends)
{
	be_close_wait(s);
	app_write(s, 0, 3000);
	OUT(s, 0, .seq = 1, .len = 1000, .ack = 2);
	OUT(s, 0, .len = 1000);
	OUT(s, 0, .len = 1000);
	IN(s, 5 * MS, .seq = 2);
	assert_int_equal(s->ev.n_acked, 3000);
	STATE(s, CLOSE_WAIT);
}

CASE(data_in_fin_wait_1)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 41 * MS, .ack = 11);
	IN(s, 42 * MS, .seq = 11, .ack = 2);
	STATE(s, FIN_WAIT_2);
}

CASE(shutdown_twice_is_once)
{
	be_fin_wait_1(s);
	app_shutdown(s, 0);
	STATE(s, FIN_WAIT_1);
	OUT_NONE(s, 199 * MS);
	IN(s, 199 * MS, .seq = 1);
}

CASE(fault_12_orphaned_fin_wait_2_ends)
{
	be_established(s);
	app_close(s, 0);
	OUT(s, 0, .flags = FINACK);
	IN(s, 100 * MS, .seq = 1, .ack = 2);
	STATE(s, FIN_WAIT_2);
	OUT_NONE(s, 60099 * MS);
	STATE(s, FIN_WAIT_2);
	OUT_NONE(s, 60100 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.flags, TCP_EV_CLOSED);
}

CASE(fault_12_close_after_shutdown_starts_the_timer)
{
	be_fin_wait_2(s);
	OUT_NONE(s, 100000 * MS);
	assert_false(app_close(s, 100000 * MS));
	OUT_NONE(s, 160000 * MS);
	STATE(s, CLOSED);
	assert_true(app_close(s, 160000 * MS));
}

CASE(unread_data_at_close_resets)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10);
	assert_true(app_close(s, 0));
	STATE(s, CLOSED);
	OUT(s, 0, .seq = 1, .ack = 11, .flags = TCPF_RST | TCPF_ACK, .list = TCP_TX_CONTROL);
}

/* Our FIN may not have left yet: without the RST the peer would wait for it for ever. */
CASE(unread_data_at_close_resets_in_last_ack)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10, .flags = FINACK, .wnd = 0);
	OUT(s, 0, .ack = 12);
	app_write(s, 0, 10);
	app_shutdown(s, 0);
	STATE(s, LAST_ACK);
	assert_true(app_close(s, 0));
	OUT(s, 0, .seq = 1, .ack = 12, .flags = TCPF_RST | TCPF_ACK);
}

CASE(read_data_at_close_does_not_reset)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10);
	app_read(s, 0, 10);
	assert_false(app_close(s, 0));
	OUT(s, 0, .seq = 1, .ack = 11, .flags = FINACK);
}

CASE(data_after_close_is_reset)
{
	be_established(s);
	app_close(s, 0);
	OUT(s, 0, .flags = FINACK);
	IN(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, FIN_WAIT_2);
	IN(s, 2 * MS, .seq = 1, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_AFTER_CLOSE);
	assert_true(s->ev.flags & TCP_EV_CLOSED);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 2 * MS, .seq = 2, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
}

CASE(out_of_order_data_after_close_is_reset)
{
	be_established(s);
	app_close(s, 0);
	OUT(s, 0, .flags = FINACK);
	IN(s, 2 * MS, .seq = 50, .len = 10, .ack = 1);
	OUT(s, 2 * MS, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
}

CASE(fin_after_close_is_fine)
{
	be_established(s);
	app_close(s, 0);
	OUT(s, 0, .flags = FINACK);
	IN(s, 2 * MS, .seq = 1, .flags = FINACK);
	STATE(s, TIME_WAIT);
	OUT(s, 2 * MS, .ack = 2);
}

/* Closed, and what it wrote is still to be appended: data is refused before a FIN is due. */
CASE(data_for_an_orphan_is_reset_by_either_path)
{
	struct tcp_seg data;

	s->peer_opts |= TCPO_TS;
	be_established(s);
	data = script_seg(s, &(struct in_seg){.seq = 1,
					      .ack = 1,
					      .len = 10,
					      .flags = TCPF_ACK,
					      .wnd = 60000,
					      .tsval = -1,
					      .tsecr = -1});
	assert_int_equal(usual_takes(&s->t, &data, true), s->cfg.fast_path);
	tcp_orphan(&s->t, s->now);
	assert_false(usual_takes(&s->t, &data, true));
	IN(s, 1 * MS, .seq = 1, .len = 10);
	assert_true(s->ev.flags & TCP_EV_CLOSED);
	OUT(s, 1 * MS, .seq = 1, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
}

CASE(abort_resets_where_the_state_says_so)
{
	be_close_wait(s);
	app_abort(s, 0);
	OUT(s, 0, .seq = 1, .ack = 2, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
	app_abort(s, 0);
	OUT_NONE(s, 1000 * MS);
	IN(s, 1000 * MS, .seq = 2, .len = 5);
	assert_int_equal(s->ev.drop, TCP_DROP_STATE);
}

/* The window of a SYN says nothing of the SYN/ACK, which stands before it. */
CASE(reset_of_a_handshake_stands_behind_the_syn)
{
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	syn.wnd = 0;
	tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	script_flush(s);
	script_skip(s);
	app_abort(s, 0);
	OUT(s, 0, .seq = 1, .ack = 1, .flags = TCPF_RST | TCPF_ACK);
}

CASE(abort_in_last_ack_and_closing_is_silent)
{
	be_last_ack(s);
	app_abort(s, 0);
	OUT_NONE(s, 0);
	script_init(s, s->cfg.fast_path);
	be_closing(s);
	app_abort(s, 0);
	OUT_NONE(s, 0);
}

/* The state says LAST-ACK or CLOSING as soon as the application has shut down, RFC 9293 3.10.4 only
 * when all is sent: before that the peer would wait for the rest for ever. */
CASE(abort_in_last_ack_and_closing_resets_what_was_not_sent)
{
	be_close_wait(s);
	app_write(s, 0, 20000);
	app_shutdown(s, 0);
	STATE(s, LAST_ACK);
	script_skip(s);
	app_abort(s, 0);
	OUT(s, 0, .seq = 10001, .ack = 2, .flags = TCPF_RST | TCPF_ACK);
	script_init(s, s->cfg.fast_path);
	be_established(s);
	app_write(s, 0, 20000);
	app_shutdown(s, 0);
	IN(s, 0, .seq = 1, .ack = 1, .flags = FINACK);
	STATE(s, CLOSING);
	script_skip(s);
	app_abort(s, 0);
	OUT(s, 0, .seq = 10001, .ack = 2, .flags = TCPF_RST | TCPF_ACK);
}

/* Nothing but the FIN waits, behind a closed window. */
CASE(abort_in_last_ack_resets_for_the_fin_alone)
{
	be_close_wait(s);
	IN(s, 0, .seq = 2, .ack = 1, .wnd = 0);
	app_shutdown(s, 0);
	STATE(s, LAST_ACK);
	OUT_NONE(s, 0);
	app_abort(s, 0);
	OUT(s, 0, .seq = 1, .ack = 2, .flags = TCPF_RST | TCPF_ACK);
}

CASE(fin_retransmitted_until_retries_run_out)
{
	s->cfg.data_retries = 4;
	be_last_ack(s);
	for (unsigned i = 0, at = 0; i < 4; i++) {
		at += 200u << i;
		OUT(s, at * MS, .seq = 1, .flags = FINACK, .again = 1);
	}
	OUT_NONE(s, 60000 * MS);
	STATE(s, CLOSED);
	assert_true(s->all_events & TCP_EV_CLOSED);
}

/* Nobody waits for it, but the peer still has 100 s (RFC 1122 4.2.3.5). */
CASE(orphan_gives_up_sooner)
{
	be_established(s);
	app_write(s, 0, 100);
	app_close(s, 0);
	script_skip(s);
	for (unsigned i = 0, at = 0; i < 8; i++) {
		at += 200u << i;
		OUT(s, at * MS, .seq = 1, .len = 100, .flags = FINACK, .again = 1);
	}
	OUT_NONE(s, 102199 * MS);
	STATE(s, FIN_WAIT_1);
	script_until(s, 102200 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
}

CASE(fault_05_fin_is_not_retransmitted_before_the_floor)
{
	be_established(s);
	for (unsigned i = 0; i < 20; i++) { /* a round trip of 1 ms, very sure of it */
		app_write(s, i * 10 * MS, 10);
		IN(s, i * 10 * MS + MS, .seq = 1);
	}
	script_skip(s);
	app_shutdown(s, 200 * MS);
	OUT(s, 200 * MS, .flags = FINACK);
	OUT_NONE(s, 399 * MS);
	OUT(s, 400 * MS, .flags = FINACK, .again = 1);
}

/* ---- resets: fault 10 ---- */

CASE(reset)
{
	be_established(s);
	IN(s, 0, .seq = 1, .flags = TCPF_RST);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	OUT_NONE(s, 1000 * MS);
}

CASE(fault_10_rst_inside_the_window_is_challenged)
{
	be_established(s);
	IN(s, 0, .seq = 2, .flags = TCPF_RST);
	STATE(s, ESTABLISHED);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	assert_int_equal(s->ev.flags, TCP_EV_CHALLENGE);
	OUT(s, 0, .seq = 1, .ack = 1);
	IN(s, 10 * MS, .seq = 50000, .flags = TCPF_RST);
	STATE(s, ESTABLISHED);
	OUT_NONE(s, 1000 * MS); /* one in 500 ms */
	IN(s, 1000 * MS, .seq = 1000, .flags = TCPF_RST);
	OUT(s, 1000 * MS, .ack = 1);
	IN(s, 1001 * MS, .seq = 1, .flags = TCPF_RST); /* the challenged peer means it */
	STATE(s, CLOSED);
}

CASE(fault_10_rst_outside_the_window_is_dropped)
{
	be_established(s);
	IN(s, 0, .seq = 0, .flags = TCPF_RST);
	IN(s, 0, .seq = 50001, .flags = TCPF_RST);
	IN(s, 0, .seq = 0x80000001, .flags = TCPF_RST);
	STATE(s, ESTABLISHED);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 1000 * MS);
}

CASE(reset_with_the_window_closed)
{
	s->cfg.rcvbuf = 1000;
	be_established(s);
	IN(s, 0, .seq = 1, .len = 1000);
	OUT(s, 40 * MS, .wnd = 0);
	IN(s, 50 * MS, .seq = 1001, .flags = TCPF_RST);
	STATE(s, CLOSED);
}

CASE(reset_in_each_state)
{
	void (*const be[])(struct script *) = {be_close_wait, be_fin_wait_1, be_fin_wait_2,
					       be_closing, be_last_ack};

	for (unsigned i = 0; i < 5; i++) {
		script_init(s, s->cfg.fast_path);
		be[i](s);
		IN(s, 0, .seq = s->t.rcv_nxt.v - s->irs.v, .flags = TCPF_RST);
		STATE(s, CLOSED);
		assert_int_equal(s->ev.error, ECONNRESET);
		assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
	}
}

/* ---- blind SYN, ACK and data ---- */

CASE(syn_in_any_place_is_challenged)
{
	be_established(s);
	IN(s, 0, .seq = 100, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 0, .seq = 1, .ack = 1);
	IN(s, 600 * MS, .seq = 0, .flags = TCPF_SYN);
	OUT(s, 600 * MS, .seq = 1, .ack = 1);
	IN(s, 1200 * MS, .seq = 0xa0000000, .flags = TCPF_SYN | TCPF_ACK);
	OUT(s, 1200 * MS, .seq = 1, .ack = 1);
	IN(s, 1800 * MS, .seq = 1, .flags = TCPF_SYN, .len = 20);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1800 * MS, .seq = 1, .ack = 1);
	IN(s, 2400 * MS, .seq = 0, .flags = TCPF_SYN | TCPF_ACK,
	   .len = 20); /* reaches into the window */
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 2400 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(ack_of_what_was_not_sent)
{
	be_established(s);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	IN(s, 0, .seq = 1, .ack = 12, .len = 5);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.n_acked, 0);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 0, .seq = 11, .ack = 1);
	IN(s, 1 * MS, .seq = 1);
}

CASE(ack_too_old_for_the_largest_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .ack = 1 - 60000, .len = 5);
	assert_int_equal(s->ev.n_readable, 5); /* just inside */
	OUT(s, 40 * MS, .ack = 6);
	IN(s, 50 * MS, .seq = 6, .ack = 0 - 60000, .len = 5);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 50 * MS, .ack = 6);
}

CASE(segment_without_ack_is_dropped)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 5, .flags = TCPF_PSH);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
}

CASE(out_of_window_acks_are_not_answered_for_ever)
{
	be_established(s);
	unsigned n = s->n_log;

	for (unsigned i = 0; i < 1000; i++)
		IN(s, i * MS, .seq = 0x70000000);
	assert_int_equal(s->n_log - n, 2);
	script_skip(s);
}

CASE(keepalive_probe_of_the_peer_is_answered)
{
	be_established(s);
	IN(s, 0, .seq = 0);
	OUT(s, 0, .seq = 1, .ack = 1);
	IN(s, 1000 * MS, .seq = 0, .len = 1); /* with its garbage byte */
	OUT(s, 1000 * MS, .seq = 1, .ack = 1);
}

/* ---- TIME-WAIT records ---- */

static struct tcp_tw tw_of(struct script *s)
{
	struct tcp_tw w;

	be_fin_wait_2(s);
	IN(s, 0, .seq = 1, .ack = 2, .flags = FINACK);
	STATE(s, TIME_WAIT);
	tcp_tw_init(&w, &s->t, s->now);
	return w;
}

static struct tcp_seg tw_seg(const struct script *s, uint32_t seq, uint8_t flags, uint32_t ts)
{
	return (struct tcp_seg){.seq = seq_add(s->irs, seq),
				.ack = seq_add(s->iss, 2),
				.flags = flags,
				.opts = ts ? TCPO_TS : 0,
				.ts_val = ts};
}

CASE(time_wait_record)
{
	struct tcp_seg out, g;
	struct tcp_tw w = tw_of(s);

	script_skip(s);
	g = tw_seg(s, 1, FINACK, 0);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_ACK);
	assert_int_equal(out.seq.v, s->iss.v + 2);
	assert_int_equal(out.ack.v, s->irs.v + 2);
	assert_int_equal(out.flags, TCPF_ACK);
	assert_int_equal(out.wnd, 49999);
	assert_int_equal(out.opts, 0);
	g = tw_seg(s, 2, TCPF_RST, 0);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_DROP);
	g.len = 10;
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_DROP);
	g = tw_seg(s, 2, TCPF_ACK, 0);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_DROP);
	g = tw_seg(s, 2, TCPF_SYN, 0); /* not above rcv_nxt */
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_CHALLENGE);
	g = tw_seg(s, 3, TCPF_SYN, 0);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_REUSE);
	g = tw_seg(s, 3, TCPF_SYN | TCPF_ACK, 0);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_CHALLENGE);
	g = tw_seg(s, 2, FINACK, 0); /* a FIN, but not that one */
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_CHALLENGE);
	g = tw_seg(s, 0, TCPF_ACK, 0);
	g.len = 1;
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_CHALLENGE);
	g.flags |= TCPF_FIN; /* with the last byte before it */
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_ACK);
	tcp_seq iss;

	assert_false(tcp_tw_reusable(&w, s->now + MT_SEC, &iss));
}

CASE(time_wait_paws)
{
	struct tcp_seg out, g;
	struct tcp_tw w;

	s->peer_opts |= TCPO_TS;
	w = tw_of(s);
	script_skip(s);
	g = tw_seg(s, 1, FINACK, w.ts_recent);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_ACK);
	g.ts_val--;
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_CHALLENGE);
}

CASE(time_wait_record_with_timestamps)
{
	struct tcp_seg out, g;
	struct tcp_tw w;
	tcp_seq iss;

	s->peer_opts |= TCPO_TS;
	w = tw_of(s);
	script_skip(s);
	g = tw_seg(s, 0xf0000000, TCPF_SYN, w.ts_recent + 1); /* the clock decides */
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_REUSE);
	g = tw_seg(s, 100, TCPF_SYN, w.ts_recent - 1);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_CHALLENGE);
	assert_int_equal(out.opts, TCPO_TS);
	assert_int_equal(out.ts_ecr, w.ts_recent);
	g = tw_seg(s, 100, TCPF_SYN, w.ts_recent); /* a tie: the sequence number */
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_REUSE);
	g = tw_seg(s, 100, TCPF_SYN, 0);
	assert_int_equal(tcp_tw_input(&w, &g, s->now, &out), TCP_TW_REUSE);
	assert_false(tcp_tw_reusable(&w, s->now, &iss));
	assert_true(tcp_tw_reusable(&w, s->now + MS, &iss));
	assert_true(seq_gt(iss, seq_add(w.snd_nxt, 65535)));
}

/* Both closed at once; a FIN/ACK of a peer that acknowledges later, or lost ACKs, end in CLOSED. */
CASE(last_ack_ends_on_the_ack_alone)
{
	be_last_ack(s);
	IN(s, 0, .seq = 2, .ack = 1);
	STATE(s, LAST_ACK);
	IN(s, 0, .seq = 1, .ack = 1, .flags = FINACK); /* our ACK of it was lost */
	OUT(s, 0, .seq = 2, .ack = 2);
	IN(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSED);
	assert_true(s->ev.flags & TCP_EV_CLOSED);
	assert_false(s->ev.flags & TCP_EV_ERROR);
}

CASE(closing_repeats_ack_for_a_repeated_fin)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = FINACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
	OUT(s, 200 * MS, .seq = 1, .flags = FINACK, .again = 1);
	IN(s, 201 * MS, .seq = 2, .ack = 2);
	STATE(s, TIME_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(active_close),
		T(orderly_close_takes_the_fast_path),
		T(orderly_active_close_takes_the_fast_path),
		T(disorderly_close_takes_the_slow_path),
		T(active_close_with_fin_in_the_ack),
		T(passive_close),
		T(simultaneous_close),
		T(half_close_still_receives),
		T(half_close_of_the_peer_still_sends),
		T(data_in_fin_wait_1),
		T(shutdown_twice_is_once),
		T(fault_12_orphaned_fin_wait_2_ends),
		T(fault_12_close_after_shutdown_starts_the_timer),
		T(unread_data_at_close_resets),
		T(unread_data_at_close_resets_in_last_ack),
		T(read_data_at_close_does_not_reset),
		T(data_after_close_is_reset),
		T(out_of_order_data_after_close_is_reset),
		T(fin_after_close_is_fine),
		T(abort_resets_where_the_state_says_so),
		T(data_for_an_orphan_is_reset_by_either_path),
		T(reset_of_a_handshake_stands_behind_the_syn),
		T(abort_in_last_ack_and_closing_is_silent),
		T(abort_in_last_ack_and_closing_resets_what_was_not_sent),
		T(abort_in_last_ack_resets_for_the_fin_alone),
		T(fin_retransmitted_until_retries_run_out),
		T(orphan_gives_up_sooner),
		T(fault_05_fin_is_not_retransmitted_before_the_floor),
		T(reset),
		T(fault_10_rst_inside_the_window_is_challenged),
		T(fault_10_rst_outside_the_window_is_dropped),
		T(reset_with_the_window_closed),
		T(reset_in_each_state),
		T(syn_in_any_place_is_challenged),
		T(ack_of_what_was_not_sent),
		T(ack_too_old_for_the_largest_window),
		T(segment_without_ack_is_dropped),
		T(out_of_window_acks_are_not_answered_for_ever),
		T(keepalive_probe_of_the_peer_is_answered),
		T(time_wait_record),
		T(time_wait_paws),
		T(time_wait_record_with_timestamps),
		T(last_ack_ends_on_the_ack_alone),
		T(closing_repeats_ack_for_a_repeated_fin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
