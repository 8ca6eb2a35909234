// SPDX-License-Identifier: BSD-3-Clause
/* Sending: Nagle, cork, silly windows, the FIN's place, zero windows, restart after idle, path MTU.
 */
#include <errno.h>

#include "script_states.h"
#include "tcp/pmtu.h"

CASE(nagle_holds_the_second_small_segment)
{
	be_established(s);
	app_write(s, 0, 10);
	OUT(s, 0, .seq = 1, .len = 10, .psh = 1);
	app_write(s, 5 * MS, 10);
	app_write(s, 6 * MS, 10);
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1, .ack = 11);
	OUT(s, 20 * MS, .seq = 11, .len = 20, .off = 0);
}

CASE(nagle_lets_full_segments_go)
{
	be_established(s);
	app_write(s, 0, 10);
	app_write(s, 0, 2500);
	OUT(s, 0, .len = 10);
	OUT(s, 0, .seq = 11, .len = 1000, .off = 10, .psh = 0);
	OUT(s, 0, .seq = 1011, .len = 1000);
	OUT_NONE(s, 10 * MS);
	IN(s, 10 * MS, .seq = 1);
	OUT(s, 10 * MS, .seq = 2011, .len = 500, .psh = 1);
}

CASE(nodelay)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	app_write(s, 0, 10);
	app_write(s, 0, 10);
	OUT(s, 0, .seq = 1, .len = 10);
	OUT(s, 0, .seq = 11, .len = 10);
}

CASE(nodelay_set_later_releases)
{
	be_established(s);
	app_write(s, 0, 10);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	OUT_NONE(s, 1 * MS);
	app_option(s, 1 * MS, TCP_OPT_NODELAY, 1);
	OUT(s, 1 * MS, .seq = 11, .len = 10);
}

CASE(cork_waits_200_ms_at_most)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_write(s, 10 * MS, 100);
	app_write(s, 150 * MS, 100);
	OUT_NONE(s, 209 * MS);
	OUT(s, 210 * MS, .seq = 1, .len = 200);
	IN(s, 220 * MS, .seq = 1);
	app_write(s, 300 * MS, 100);
	OUT_NONE(s, 499 * MS);
	OUT(s, 500 * MS, .seq = 201, .len = 100);
}

CASE(cork_lets_full_segments_go_and_uncork_the_rest)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_write(s, 0, 600);
	app_write(s, 1 * MS, 600);
	OUT(s, 1 * MS, .seq = 1, .len = 1000);
	IN(s, 5 * MS, .seq = 1);
	OUT_NONE(s, 10 * MS);
	app_option(s, 10 * MS, TCP_OPT_CORK, 0);
	OUT(s, 10 * MS, .seq = 1001, .len = 200);
}

CASE(nodelay_flushes_what_cork_holds)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_option(s, 0, TCP_OPT_NODELAY, 1); /* nothing waits: it flushes nothing later */
	app_write(s, 0, 100);
	OUT_NONE(s, 10 * MS);
	app_option(s, 10 * MS, TCP_OPT_NODELAY, 1);
	OUT(s, 10 * MS, .seq = 1, .len = 100);
	IN(s, 20 * MS, .seq = 1);
	app_write(s, 20 * MS, 100); /* still corked */
	OUT_NONE(s, 219 * MS);
	OUT(s, 220 * MS, .seq = 101, .len = 100);
}

/* Both set as soon as connect() has returned, before the SYN has left: it may wait for ARP. */
CASE(cork_holds_no_syn)
{
	struct tcp_seg syn;

	s->hold = true;
	be_syn_sent(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	script_until(s, 500 * MS);
	s->hold = false;
	script_flush(s);
	OUT(s, 500 * MS, .flags = TCPF_SYN);
	syn = peer_syn(s, TCPF_SYN | TCPF_ACK);
	script_feed(s, &syn);
	OUT(s, 500 * MS, .ack = 1);
	app_write(s, 500 * MS, 100);
	OUT_NONE(s, 699 * MS);
	OUT(s, 700 * MS, .seq = 1, .len = 100);
	IN(s, 710 * MS, .seq = 1);
}

/* MSG_MORE: until the next write without it, for 200 ms from the first on. */
CASE(more_holds_what_the_next_write_releases)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	app_write_more(s, 0, 100);
	app_write_more(s, 50 * MS, 100);
	OUT_NONE(s, 100 * MS);
	app_write(s, 100 * MS, 100);
	OUT(s, 100 * MS, .seq = 1, .len = 300);
	IN(s, 105 * MS, .seq = 1);
	app_write(s, 105 * MS, 100);
	OUT(s, 105 * MS, .seq = 301, .len = 100);
	IN(s, 110 * MS, .seq = 1);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_CORK), 0);
}

CASE(more_waits_200_ms_at_most_and_holds_no_full_segment)
{
	be_established(s);
	app_write_more(s, 0, 1100);
	OUT(s, 0, .seq = 1, .len = 1000);
	IN(s, 5 * MS, .seq = 1);
	app_write_more(s, 150 * MS, 100);
	OUT_NONE(s, 199 * MS);
	OUT(s, 200 * MS, .seq = 1001, .len = 200);
	IN(s, 210 * MS, .seq = 1);
	app_write_more(s, 300 * MS, 100);
	OUT_NONE(s, 499 * MS);
	OUT(s, 500 * MS, .seq = 1201, .len = 100);
}

CASE(more_is_no_cork_and_ends_none)
{
	be_established(s);
	app_write_more(s, 0, 10);
	app_option(s, 1 * MS, TCP_OPT_CORK, 0);
	OUT(s, 1 * MS, .seq = 1, .len = 10);
	IN(s, 2 * MS, .seq = 1);
	app_write_more(s, 2 * MS, 10);
	app_option(s, 3 * MS, TCP_OPT_NODELAY, 1);
	OUT(s, 3 * MS, .seq = 11, .len = 10);
	IN(s, 4 * MS, .seq = 1);
	app_option(s, 4 * MS, TCP_OPT_CORK, 1);
	app_write_more(s, 4 * MS, 10);
	app_write(s, 5 * MS, 10);
	OUT_NONE(s, 10 * MS);
	app_write_more(s, 10 * MS, 10);
	app_option(s, 11 * MS, TCP_OPT_CORK, 0);
	OUT(s, 11 * MS, .seq = 21, .len = 30);
	IN(s, 12 * MS, .seq = 1);
	app_write_more(s, 12 * MS, 10);
	app_shutdown(s, 13 * MS);
	OUT(s, 13 * MS, .seq = 51, .len = 10, .flags = TCPF_ACK | TCPF_FIN);
}

CASE(cork_in_front_of_a_closed_window_is_timed)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 10);
	OUT(s, 400 * MS, .seq = 1, .len = 1); /* 200 for the cork, 200 for the window */
	IN(s, 400 * MS, .seq = 1, .ack = 2, .wnd = 1000);
	OUT(s, 400 * MS, .seq = 2, .len = 9);
	IN(s, 401 * MS, .seq = 1);
}

CASE(cork_with_keepalive_keeps_both_timers)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_KEEPIDLE_MS, 1000);
	app_option(s, 0, TCP_OPT_KEEPALIVE, 1);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_write(s, 0, 10);
	OUT(s, 200 * MS, .len = 10);
	IN(s, 210 * MS, .seq = 1);
	OUT_NONE(s, 1209 * MS);
	OUT(s, 1210 * MS, .seq = 10, .len = 0);
	IN(s, 1211 * MS, .seq = 1);
}

CASE(cork_is_timed_though_keepalive_is_set_meanwhile)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_write(s, 0, 10);
	app_option(s, 100 * MS, TCP_OPT_KEEPIDLE_MS, 5000);
	OUT(s, 300 * MS, .len = 10);
	IN(s, 310 * MS, .seq = 1);
}

CASE(fault_02_fin_never_overtakes_data)
{
	be_established(s);
	app_write(s, 0, 25000);
	assert_false(app_close(s, 0)); /* write, close at once */
	STATE(s, FIN_WAIT_1);
	for (unsigned i = 0; i < 10; i++)
		OUT(s, 0, .seq = 1 + 1000 * i, .len = 1000, .off = 1000 * i, .psh = 0);
	OUT_NONE(s, 10 * MS);
	IN(s, 10 * MS, .seq = 1, .ack = 10001);
	for (unsigned i = 10; i < 24; i++)
		OUT(s, 10 * MS, .seq = 1 + 1000 * i, .len = 1000, .off = 1000 * (i - 10));
	OUT(s, 10 * MS, .seq = 24001, .len = 1000, .flags = TCPF_ACK | TCPF_FIN, .psh = 1);
	IN(s, 20 * MS, .seq = 1, .ack = 25002);
	STATE(s, FIN_WAIT_2);
	assert_int_equal(s->ev.n_acked, 15000);
}

CASE(fault_02_what_is_sent_again_is_not_shifted)
{
	be_established(s);
	app_write(s, 0, 3000);
	for (unsigned i = 0; i < 3; i++)
		OUT(s, 0, .seq = 1 + 1000 * i, .len = 1000, .off = 1000 * i);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .off = 0, .again = 1);
	IN(s, 210 * MS, .seq = 1, .ack = 1001);
	OUT(s, 210 * MS, .seq = 1001, .len = 1000, .off = 0, .again = 1);
	OUT(s, 210 * MS, .seq = 2001, .len = 1000, .off = 1000, .again = 1);
	IN(s, 220 * MS, .seq = 1, .ack = 3001);
}

CASE(fault_02_no_byte_is_skipped_when_the_window_is_small)
{
	be_established(s);
	app_write(s, 0, 100);
	OUT(s, 0, .seq = 1, .len = 100);
	app_write(s, 0, 2600);
	OUT(s, 0, .seq = 101, .len = 1000, .off = 100);
	OUT(s, 0, .seq = 1101, .len = 1000, .off = 1100);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 2101, .len = 600, .off = 2100, .flags = TCPF_ACK | TCPF_FIN);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .off = 0, .again = 1);
	IN(s, 210 * MS, .seq = 1, .ack = 1001, .wnd = 500);
	assert_int_equal(s->ev.n_acked, 1000);
	OUT(s, 210 * MS, .seq = 1001, .len = 1000, .off = 0, .again = 1);
	OUT(s, 210 * MS, .seq = 2001, .len = 700, .off = 1000, .flags = TCPF_ACK | TCPF_FIN);
	IN(s, 220 * MS, .seq = 1, .ack = 2702);
	assert_int_equal(s->ev.n_acked, 1700);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_alone_is_control)
{
	be_established(s);
	s->hold = true;
	tcp_shutdown(&s->t, s->now);
	assert_int_equal(tcp_pending(&s->t, s->now), TCP_TX_CONTROL);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .seq = 1, .flags = TCPF_ACK | TCPF_FIN, .list = TCP_TX_CONTROL);
	OUT(s, 200 * MS, .seq = 1, .flags = TCPF_ACK | TCPF_FIN, .list = TCP_TX_CONTROL,
	    .again = 1);
}

CASE(fin_waits_for_nagle_no_longer)
{
	be_established(s);
	app_write(s, 0, 10);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 11, .len = 10, .flags = TCPF_ACK | TCPF_FIN);
}

/* It is no data: congestion control has no say (RFC 5681 counts bytes). */
CASE(fin_goes_behind_a_full_congestion_window)
{
	be_established(s);
	app_write(s, 0, 10000);
	assert_int_equal(s->t.cc.cwnd, 10000);
	script_skip(s);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 10001, .len = 0, .flags = TCPF_ACK | TCPF_FIN);
	IN(s, 10 * MS, .seq = 1);
}

CASE(fin_needs_its_place_in_the_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 100);
	app_write(s, 0, 100);
	app_shutdown(s, 0);
	OUT(s, 0, .len = 100, .flags = TCPF_ACK);
	IN(s, 1 * MS, .seq = 1, .wnd = 100);
	OUT(s, 1 * MS, .seq = 101, .len = 0, .flags = TCPF_ACK | TCPF_FIN);
}

CASE(send_buffer_room)
{
	s->cfg.sndbuf = 5000;
	be_established(s);
	assert_int_equal(tcp_snd_room(&s->t), 5000);
	app_write(s, 0, 3000);
	assert_int_equal(tcp_snd_room(&s->t), 2000);
	IN(s, 0, .seq = 1, .ack = 1001);
	assert_int_equal(s->ev.n_acked, 1000);
	assert_true(s->ev.flags & TCP_EV_WRITABLE);
	assert_int_equal(tcp_snd_room(&s->t), 3000);
	app_shutdown(s, 0);
	assert_int_equal(tcp_snd_room(&s->t), 0);
	script_skip(s);
}

/* ---- the peer's window ---- */

CASE(window_bounds_the_flight)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 2500);
	app_write(s, 0, 5000);
	OUT(s, 0, .len = 1000);
	OUT(s, 0, .len = 1000);
	OUT_NONE(s, 10 * MS); /* 500 left: silly */
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .wnd = 2500);
	OUT(s, 10 * MS, .seq = 2001, .len = 1000);
	OUT_NONE(s, 10 * MS);
}

CASE(half_the_largest_window_is_not_silly)
{
	be_syn_rcvd(s);
	s->t.max_snd_wnd = 0;
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 600);
	app_write(s, 0, 5000);
	OUT(s, 0, .seq = 1, .len = 600);
	IN(s, 1 * MS, .seq = 1, .wnd = 300);
	OUT(s, 1 * MS, .seq = 601, .len = 300);
	IN(s, 2 * MS, .seq = 1, .wnd = 299);
	OUT_NONE(s, 2 * MS);
	OUT(s, 202 * MS, .seq = 901, .len = 299); /* the override timer */
	IN(s, 203 * MS, .seq = 1, .wnd = 60000);
	script_skip(s);
}

CASE(persist_probes_with_backoff)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 5000);
	OUT_NONE(s, 199 * MS);
	OUT(s, 200 * MS, .seq = 1, .len = 1, .off = 0);
	assert_true(s->ev.flags & TCP_EV_PROBE);
	IN(s, 201 * MS, .seq = 1, .ack = 1, .wnd = 0);
	OUT(s, 600 * MS, .seq = 1, .len = 1, .again = 1);
	IN(s, 601 * MS, .seq = 1, .ack = 1, .wnd = 0);
	OUT(s, 1400 * MS, .seq = 1, .len = 1);
	/* The window opens, the byte was refused: it comes again, and all the rest. */
	IN(s, 1401 * MS, .seq = 1, .ack = 1, .wnd = 60000);
	OUT(s, 1401 * MS, .seq = 1, .len = 1, .again = 1);
	OUT(s, 1401 * MS, .seq = 2, .len = 1000, .off = 1);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX); /* no loss was inferred */
	script_skip(s);
}

CASE(persist_byte_accepted)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 1500);
	OUT(s, 200 * MS, .seq = 1, .len = 1);
	IN(s, 201 * MS, .seq = 1, .ack = 2, .wnd = 0);
	assert_int_equal(s->ev.n_acked, 1);
	OUT_NONE(s, 300 * MS);
	IN(s, 300 * MS, .seq = 1, .ack = 2, .wnd = 2000);
	OUT(s, 300 * MS, .seq = 2, .len = 1000, .off = 0);
	IN(s, 301 * MS, .seq = 1, .wnd = 2000);
	OUT(s, 301 * MS, .seq = 1002, .len = 499);
}

CASE(persist_never_gives_up_on_a_living_peer)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	for (unsigned i = 0; i < 40; i++) {
		mt_time at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;

		OUT(s, at, .seq = 1, .len = 1);
		IN(s, at, .seq = 1, .ack = 1, .wnd = 0);
	}
	STATE(s, ESTABLISHED);
	assert_true(tcp_deadline(&s->t, s->now) - s->now <= 120000 * MS);
}

CASE(persist_a_peer_that_sends_data_lives)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	for (unsigned i = 0; i < 40; i++) {
		mt_time at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;

		OUT(s, at, .seq = 1, .len = 1);
		IN(s, at, .seq = 1 + 10 * i, .ack = 1, .wnd = 0, .len = 10);
		OUT(s, at + 40 * MS, .seq = 1, .ack = 11 + 10 * i);
	}
	STATE(s, ESTABLISHED);
}

/* A peer that writes and does not read: what stands behind the refused probe it would refuse. */
CASE(fault_03_acks_stay_inside_a_closed_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	OUT(s, 200 * MS, .seq = 1, .len = 1);
	IN(s, 201 * MS, .seq = 1, .ack = 1, .wnd = 0);
	IN(s, 202 * MS, .seq = 1, .ack = 1, .wnd = 0, .len = 1000);
	IN(s, 202 * MS, .seq = 1001, .ack = 1, .wnd = 0, .len = 1000);
	OUT(s, 202 * MS, .seq = 1, .ack = 2001);
	IN(s, 203 * MS, .seq = 2001, .ack = 1, .wnd = 60000);
	OUT(s, 203 * MS, .seq = 1, .len = 1);
	IN(s, 204 * MS, .seq = 2001, .ack = 1, .len = 1000); /* open, it stands behind again */
	OUT(s, 244 * MS, .seq = 2, .ack = 3001);
	IN(s, 245 * MS, .seq = 3001, .ack = 2);
	OUT(s, 245 * MS, .seq = 2, .len = 99);
	IN(s, 246 * MS, .seq = 3001);
}

CASE(acks_stay_inside_a_window_closed_to_a_fin)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_shutdown(s, 0);
	OUT(s, 200 * MS, .seq = 1, .flags = TCPF_ACK | TCPF_FIN);
	IN(s, 201 * MS, .seq = 1, .ack = 1, .wnd = 0);
	IN(s, 202 * MS, .seq = 1, .ack = 1, .wnd = 0, .len = 10);
	OUT(s, 242 * MS, .seq = 1, .ack = 11);
}

CASE(acks_stay_inside_a_window_taken_back)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	app_write(s, 0, 900);
	OUT(s, 0, .seq = 1, .len = 900);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .wnd = 0);
	IN(s, 2 * MS, .seq = 1, .ack = 1, .wnd = 0, .len = 10);
	OUT(s, 42 * MS, .seq = 1, .ack = 11);
}

CASE(resets_stay_inside_a_closed_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	OUT(s, 200 * MS, .seq = 1, .len = 1);
	IN(s, 201 * MS, .seq = 1, .ack = 1, .wnd = 0);
	app_abort(s, 202 * MS);
	OUT(s, 202 * MS, .seq = 1, .flags = TCPF_RST | TCPF_ACK);
}

CASE(reset_for_unread_data_stays_inside_a_closed_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0, .len = 10);
	app_shutdown(s, 0);
	OUT(s, 40 * MS, .seq = 1, .ack = 11);
	OUT(s, 200 * MS, .seq = 1, .flags = TCPF_ACK | TCPF_FIN);
	IN(s, 201 * MS, .seq = 11, .ack = 1, .wnd = 0);
	assert_true(app_close(s, 202 * MS));
	OUT(s, 202 * MS, .seq = 1, .flags = TCPF_RST | TCPF_ACK);
}

CASE(persist_gives_up_on_a_dead_peer)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	for (unsigned i = 0; i < 15; i++)
		OUT(s, tcp_deadline(&s->t, s->now) - SCRIPT_T0, .seq = 1, .len = 1);
	OUT_NONE(s, tcp_deadline(&s->t, s->now) - SCRIPT_T0);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
}

CASE(fault_12_orphan_behind_a_closed_window_ends)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	app_close(s, 0);
	for (unsigned i = 0; i < 8; i++) {
		mt_time at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;

		OUT(s, at, .seq = 1, .len = 1);
		IN(s, at, .seq = 1, .ack = 1, .wnd = 0);
	}
	OUT_NONE(s, tcp_deadline(&s->t, s->now) - SCRIPT_T0);
	STATE(s, CLOSED);
}

CASE(fin_probes_a_closed_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_shutdown(s, 0);
	OUT_NONE(s, 199 * MS);
	OUT(s, 200 * MS, .seq = 1, .flags = TCPF_ACK | TCPF_FIN, .list = TCP_TX_CONTROL);
	IN(s, 201 * MS, .seq = 1, .ack = 2, .wnd = 0);
	STATE(s, FIN_WAIT_2);
}

CASE(shrinking_window_is_survived)
{
	be_established(s);
	app_write(s, 0, 10000);
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .wnd = 0); /* nine in flight */
	script_skip(s);
	/* The first is tried again by the timer; the peer answers, so it lives. */
	for (unsigned i = 0; i < 30; i++) {
		mt_time at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;

		OUT(s, at, .seq = 1001, .len = 1000, .again = 1);
		IN(s, at, .seq = 1, .ack = 1001, .wnd = 0);
	}
	STATE(s, ESTABLISHED);
	assert_int_equal(s->t.cc.ssthresh, 4500); /* one series of timeouts: half of the nine */
	mt_time at = s->now - SCRIPT_T0;

	IN(s, at, .seq = 1, .ack = 10001, .wnd = 5000);
	assert_int_equal(s->ev.n_acked, 9000);
	app_write(s, at, 1000);
	OUT(s, at, .seq = 10001, .len = 1000);
}

CASE(older_segment_does_not_shrink_the_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10, .wnd = 5000);
	IN(s, 0, .seq = 11, .len = 10, .wnd = 4000);
	IN(s, 0, .seq = 1, .len = 25, .wnd = 10);
	assert_int_equal(s->t.snd_wnd, 4000);
	OUT(s, 40 * MS, .ack = 26);
}

/* ---- congestion window ---- */

CASE(restart_after_idle)
{
	be_established(s);
	uint64_t total = 0;

	for (unsigned i = 0; i < 4; i++) {
		app_write(s, i * 10 * MS, 40000);
		total += 40000;
		IN(s, i * 10 * MS + 5 * MS, .seq = 1);
		IN(s, i * 10 * MS + 6 * MS, .seq = 1);
		IN(s, i * 10 * MS + 7 * MS, .seq = 1);
	}
	assert_true(s->t.cc.cwnd > 20000);
	assert_int_equal(s->t.snd_una.v - s->iss.v, 1 + total);
	script_skip(s);
	app_write(s, 5000 * MS, 40000);
	for (unsigned i = 0; i < 10; i++)
		OUT(s, 5000 * MS, .len = 1000);
	OUT_NONE(s, 5000 * MS);
}

/* The restart window is no larger than the initial one, which RFC 6928 2 bounds in bytes. */
CASE(restart_window_of_large_segments)
{
	s->open.mss = s->peer_mss = 9000;
	be_established(s);
	app_write(s, 0, 9000);
	IN(s, 1 * MS, .seq = 1);
	s->t.cc.cwnd = 90000;
	script_skip(s);
	app_write(s, 5000 * MS, 45000);
	OUT(s, 5000 * MS, .len = 9000);
	OUT(s, 5000 * MS, .len = 9000);
	OUT_NONE(s, 5000 * MS);
	assert_int_equal(s->t.cc.cwnd, 18000);
	IN(s, 5001 * MS, .seq = 1);
	script_skip(s);
}

CASE(window_does_not_grow_unused)
{
	be_established(s);
	for (unsigned i = 0; i < 20; i++) {
		app_write(s, i * MS, 1000);
		OUT(s, i * MS, .len = 1000);
		IN(s, i * MS, .seq = 1);
	}
	assert_int_equal(s->t.cc.cwnd, 10000);
}

CASE(change_of_congestion_control_keeps_the_window)
{
	be_established(s);
	assert_int_equal(script_cc(s, &cc_cubic), 0);
	assert_int_equal(s->t.cc.cwnd, 10000);
	assert_ptr_equal(tcp_get_cc(&s->t), &cc_cubic);
	assert_int_equal(script_cc(s, NULL), -ENOENT);
}

/* BBR has a segment after a timeout, and goes back to what it had; its successor may, too. */
CASE(change_of_congestion_control_takes_no_momentary_window)
{
	s->cfg.cc = &cc_bbr;
	be_established(s);
	app_write(s, 0, 10000);
	script_until(s, 300 * MS);
	assert_true(s->all_events & TCP_EV_RTO);
	assert_int_equal(s->t.cc.cwnd, 1000);
	assert_int_equal(script_cc(s, &cc_newreno), 0);
	assert_int_equal(s->t.cc.cwnd, 1000);
	assert_int_equal(s->t.cc.ssthresh, 10000);
	script_skip(s);
}

/* ---- path MTU ---- */

CASE(path_mtu_is_believed_for_what_is_in_flight_only)
{
	be_established(s);
	app_write(s, 0, 3000);
	script_skip(s);
	assert_false(tcp_path_mtu(&s->t, seq_add(s->iss, 0), 500, s->now));
	assert_false(tcp_path_mtu(&s->t, seq_add(s->iss, 3001), 500, s->now));
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_MAXSEG), 1000);
	assert_true(tcp_path_mtu(&s->t, seq_add(s->iss, 1001), 500, s->now));
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_MAXSEG), 500);
	script_flush(s);
	for (unsigned i = 0; i < 6; i++)
		OUT(s, 0, .seq = 1 + 500 * i, .len = 500, .again = 1);
	assert_true(tcp_path_mtu(&s->t, seq_add(s->iss, 1), 1400, s->now)); /* never grows */
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_MAXSEG), 500);
	IN(s, 10 * MS, .seq = 1);
	OUT_NONE(s, 5000 * MS);
}

CASE(options_read_back)
{
	be_established(s);
	for (int o = TCP_OPT_NODELAY; o <= TCP_OPT_KEEPALIVE; o++) {
		assert_int_equal(tcp_get_option(&s->t, (enum tcp_option)o), 0);
		assert_int_equal(app_option(s, 0, (enum tcp_option)o, 7), 0);
		assert_int_equal(tcp_get_option(&s->t, (enum tcp_option)o), 1);
		app_option(s, 0, (enum tcp_option)o, 0);
	}
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPCNT, 0), -EINVAL);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPIDLE_MS, 0), -EINVAL);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPINTVL_MS, 0), -EINVAL);
	assert_int_equal(app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, UINT32_MAX), -EINVAL);
	assert_int_equal(app_option(s, 0, (enum tcp_option)99, 1), -ENOPROTOOPT);
	assert_int_equal(app_option(s, 0, TCP_OPT_SNDBUF, 12345), 0);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_SNDBUF), 12345);
	assert_int_equal(app_option(s, 0, TCP_OPT_RCVBUF, 99999), 0);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_RCVBUF), 99999);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPINTVL_MS, 5), 0);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_KEEPINTVL_MS), 5);
	assert_int_equal(app_option(s, 0, TCP_OPT_MAXSEG, 10), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nagle_holds_the_second_small_segment),
		T(nagle_lets_full_segments_go),
		T(nodelay),
		T(nodelay_set_later_releases),
		T(cork_waits_200_ms_at_most),
		T(cork_lets_full_segments_go_and_uncork_the_rest),
		T(nodelay_flushes_what_cork_holds),
		T(cork_holds_no_syn),
		T(more_holds_what_the_next_write_releases),
		T(more_waits_200_ms_at_most_and_holds_no_full_segment),
		T(more_is_no_cork_and_ends_none),
		T(cork_in_front_of_a_closed_window_is_timed),
		T(cork_with_keepalive_keeps_both_timers),
		T(cork_is_timed_though_keepalive_is_set_meanwhile),
		T(fault_02_fin_never_overtakes_data),
		T(fault_02_no_byte_is_skipped_when_the_window_is_small),
		T(fault_02_what_is_sent_again_is_not_shifted),
		T(fin_alone_is_control),
		T(fin_waits_for_nagle_no_longer),
		T(fin_goes_behind_a_full_congestion_window),
		T(fin_needs_its_place_in_the_window),
		T(send_buffer_room),
		T(window_bounds_the_flight),
		T(half_the_largest_window_is_not_silly),
		T(persist_probes_with_backoff),
		T(persist_byte_accepted),
		T(persist_never_gives_up_on_a_living_peer),
		T(persist_a_peer_that_sends_data_lives),
		T(fault_03_acks_stay_inside_a_closed_window),
		T(acks_stay_inside_a_window_closed_to_a_fin),
		T(acks_stay_inside_a_window_taken_back),
		T(resets_stay_inside_a_closed_window),
		T(reset_for_unread_data_stays_inside_a_closed_window),
		T(persist_gives_up_on_a_dead_peer),
		T(fault_12_orphan_behind_a_closed_window_ends),
		T(fin_probes_a_closed_window),
		T(shrinking_window_is_survived),
		T(older_segment_does_not_shrink_the_window),
		T(restart_after_idle),
		T(restart_window_of_large_segments),
		T(window_does_not_grow_unused),
		T(change_of_congestion_control_keeps_the_window),
		T(change_of_congestion_control_takes_no_momentary_window),
		T(path_mtu_is_believed_for_what_is_in_flight_only),
		T(options_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
