// SPDX-License-Identifier: BSD-3-Clause
/* Boundaries of timers and of what is held back: keepalive's options, the user timeout, half close,
 * persist, Nagle and cork in mid-stream, delayed and quick ACKs, the RTO's floor, a FIN that can't
 * be sent. */
#include <errno.h>

#include "script_states.h"

#define FINACK (TCPF_ACK | TCPF_FIN)

/* ---- keepalive (RFC 9293 3.8.4) ---- */

static void keep(struct script *s)
{
	app_option(s, 0, TCP_OPT_KEEPIDLE_MS, 10000);
	app_option(s, 0, TCP_OPT_KEEPINTVL_MS, 1000);
	app_option(s, 0, TCP_OPT_KEEPCNT, 2);
	app_option(s, 0, TCP_OPT_KEEPALIVE, 1);
}

CASE(keepalive_values_without_the_switch_do_nothing)
{
	be_established(s);
	keep(s);
	app_option(s, 0, TCP_OPT_KEEPALIVE, 0);
	OUT_NONE(s, 100000 * MS);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

CASE(keepalive_idle_counts_from_its_setting)
{
	be_established(s);
	keep(s);
	app_option(s, 1000 * MS, TCP_OPT_KEEPIDLE_MS, 3000);
	OUT_NONE(s, 3999 * MS);
	OUT(s, 4000 * MS, .seq = 0, .len = 0);
	IN(s, 4001 * MS, .seq = 1);
}

CASE(keepalive_one_probe_only)
{
	be_established(s);
	keep(s);
	app_option(s, 0, TCP_OPT_KEEPCNT, 1);
	OUT(s, 10000 * MS, .seq = 0, .len = 0);
	OUT(s, 11000 * MS, .seq = 1, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
}

CASE(keepalive_of_a_half_closed_connection)
{
	be_close_wait(s);
	keep(s);
	OUT(s, 10000 * MS, .seq = 0, .ack = 2, .len = 0);
	IN(s, 10001 * MS, .seq = 2);
	OUT(s, 20001 * MS, .seq = 0, .ack = 2, .len = 0);
	IN(s, 20002 * MS, .seq = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(keepalive_refuses_zero)
{
	be_established(s);
	keep(s);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPIDLE_MS, 0), -EINVAL);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPINTVL_MS, 0), -EINVAL);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPCNT, 0), -EINVAL);
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPCNT, 128), -EINVAL);
	OUT(s, 10000 * MS, .seq = 0, .len = 0);
	IN(s, 10001 * MS, .seq = 1);
}

/* ---- user timeout (RFC 5482 3) ---- */

CASE(user_timeout_while_connecting)
{
	be_syn_sent(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 2500);
	script_until(s, 2499 * MS);
	STATE(s, SYN_SENT);
	script_until(s, 3000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	script_skip(s);
}

/* Whichever is first, as in Linux: what a dead connection may take is no patience for a dead host.
 */
CASE(user_timeout_does_not_prolong_connecting)
{
	s->cfg.user_timeout_ms = 3600 * 1000;
	s->cfg.syn_retries = 3;
	be_syn_sent(s);
	script_until(s, 14999 * MS);
	STATE(s, SYN_SENT);
	script_until(s, 15000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	script_skip(s);
}

CASE(user_timeout_starts_anew_with_an_ack)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 1000);
	app_write(s, 0, 100);
	app_write(s, 0, 1000);
	IN(s, 900 * MS, .seq = 1, .ack = 101);
	script_until(s, 1200 * MS);
	STATE(s, ESTABLISHED);
	IN(s, 1300 * MS, .seq = 1, .ack = 1101);
	script_skip(s);
	OUT_NONE(s, 10000 * MS);
	STATE(s, ESTABLISHED);
}

CASE(user_timeout_of_a_fin)
{
	be_fin_wait_1(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 1000);
	script_until(s, 999 * MS);
	STATE(s, FIN_WAIT_1);
	script_until(s, 1000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	script_skip(s);
}

CASE(user_timeout_leaves_an_idle_connection)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 1000);
	OUT_NONE(s, 100000 * MS);
	STATE(s, ESTABLISHED);
}

/* ---- half close (RFC 9293 3.6) ---- */

CASE(half_close_with_data_both_ways)
{
	be_established(s);
	app_write(s, 0, 500);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 1, .len = 500);
	OUT(s, 0, .seq = 501, .len = 0, .flags = FINACK);
	IN(s, 5 * MS, .seq = 1, .ack = 1, .len = 300);
	IN(s, 6 * MS, .seq = 301, .ack = 502, .len = 300);
	STATE(s, FIN_WAIT_2);
	OUT(s, 45 * MS, .seq = 502, .ack = 601);
	IN(s, 50 * MS, .seq = 601, .len = 100, .flags = FINACK);
	OUT(s, 50 * MS, .seq = 502, .ack = 702);
	STATE(s, TIME_WAIT);
}

CASE(half_close_waits_for_the_rest_of_the_window)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 1000);
	app_write(s, 0, 1500);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 1, .len = 1000);
	OUT_NONE(s, 10 * MS);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .wnd = 1000);
	OUT(s, 10 * MS, .seq = 1001, .len = 500, .flags = FINACK);
	IN(s, 11 * MS, .seq = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_is_sent_again_alone)
{
	be_fin_wait_1(s);
	OUT(s, 200 * MS, .seq = 1, .len = 0, .flags = FINACK, .again = 1);
	OUT(s, 600 * MS, .seq = 1, .len = 0, .flags = FINACK, .again = 1);
	IN(s, 601 * MS, .seq = 1, .ack = 2);
	STATE(s, FIN_WAIT_2);
	OUT_NONE(s, 5000 * MS);
}

CASE(fin_is_sent_again_with_the_data_before_it)
{
	be_established(s);
	app_write(s, 0, 300);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 1, .len = 300);
	OUT(s, 0, .seq = 301, .len = 0, .flags = FINACK);
	IN(s, 10 * MS, .seq = 1, .ack = 301);
	STATE(s, FIN_WAIT_1);
	script_until(s, 1000 * MS);
	assert_true(s->n_log > s->n_seen);
	assert_int_equal(s->log[s->n_seen].seg.seq.v - s->iss.v, 301);
	assert_true(s->log[s->n_seen].seg.flags & TCPF_FIN);
	script_skip(s);
	IN(s, 1001 * MS, .seq = 1, .ack = 302);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_behind_a_closed_window_is_probed_for)
{
	be_established(s);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 2);
	app_shutdown(s, 0);
	OUT(s, 200 * MS, .seq = 1, .len = 1);
	IN(s, 201 * MS, .seq = 1, .ack = 2, .wnd = 0);
	OUT_NONE(s, 300 * MS);
	IN(s, 300 * MS, .seq = 1, .ack = 2, .wnd = 1000);
	OUT(s, 300 * MS, .seq = 2, .len = 1, .flags = FINACK);
	IN(s, 301 * MS, .seq = 1);
	STATE(s, FIN_WAIT_2);
}

/* ---- data that the owner took and nobody read (RFC 2525 2.17) ---- */

CASE(close_unread_resets_in_last_ack)
{
	be_close_wait(s);
	app_shutdown(s, 0);
	OUT(s, 0, .seq = 1, .flags = FINACK);
	STATE(s, LAST_ACK);
	assert_true(tcp_close_unread(&s->t));
	script_flush(s);
	OUT(s, 0, .seq = 2, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
	assert_true(tcp_close_unread(&s->t)); /* once */
}

CASE(close_unread_resets_in_closing)
{
	be_closing(s);
	assert_true(tcp_close_unread(&s->t));
	script_flush(s);
	OUT(s, 0, .seq = 2, .flags = TCPF_RST | TCPF_ACK);
}

/* ---- windows that shrink (RFC 9293 3.8.6) ---- */

CASE(window_shrunk_to_nothing_is_probed)
{
	be_established(s);
	app_write(s, 0, 1000);
	OUT(s, 0, .seq = 1, .len = 1000);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .wnd = 0);
	app_write(s, 20 * MS, 1000);
	OUT_NONE(s, 219 * MS);
	OUT(s, 220 * MS, .seq = 1001, .len = 1);
	IN(s, 230 * MS, .seq = 1, .ack = 1002, .wnd = 60000);
	OUT(s, 230 * MS, .seq = 1002, .len = 999);
	IN(s, 231 * MS, .seq = 1);
}

CASE(window_shrunk_below_what_is_in_flight)
{
	be_established(s);
	app_write(s, 0, 4000);
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = 1001, .wnd = 1000);
	app_write(s, 11 * MS, 1000);
	OUT_NONE(s, 20 * MS); /* nothing new beyond the edge */
	IN(s, 20 * MS, .seq = 1, .ack = 4001, .wnd = 60000);
	OUT(s, 20 * MS, .seq = 4001, .len = 1000);
	IN(s, 21 * MS, .seq = 1);
}

/* ---- Nagle and cork in mid-stream (RFC 9293 3.7.4) ---- */

CASE(nagle_returns_when_nodelay_goes)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	app_write(s, 0, 10);
	app_write(s, 0, 10);
	OUT(s, 0, .seq = 1, .len = 10);
	OUT(s, 0, .seq = 11, .len = 10);
	app_option(s, 1 * MS, TCP_OPT_NODELAY, 0);
	app_write(s, 1 * MS, 10);
	OUT_NONE(s, 10 * MS);
	IN(s, 10 * MS, .seq = 1, .ack = 21);
	OUT(s, 10 * MS, .seq = 21, .len = 10);
	IN(s, 11 * MS, .seq = 1);
}

CASE(cork_is_stronger_than_nodelay)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_write(s, 0, 10);
	OUT_NONE(s, 5 * MS);
	app_option(s, 5 * MS, TCP_OPT_CORK, 0);
	OUT(s, 5 * MS, .seq = 1, .len = 10);
	IN(s, 6 * MS, .seq = 1);
}

CASE(cork_set_in_mid_stream_holds_the_next)
{
	be_established(s);
	app_write(s, 0, 10);
	OUT(s, 0, .seq = 1, .len = 10);
	IN(s, 5 * MS, .seq = 1);
	app_option(s, 5 * MS, TCP_OPT_CORK, 1);
	app_write(s, 6 * MS, 10);
	OUT_NONE(s, 50 * MS);
	app_write(s, 50 * MS, 990);
	OUT(s, 50 * MS, .seq = 11, .len = 1000);
	IN(s, 51 * MS, .seq = 1);
}

CASE(cork_does_not_hold_the_end)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_write(s, 0, 10);
	app_shutdown(s, 1 * MS);
	OUT(s, 1 * MS, .seq = 1, .len = 10, .flags = FINACK);
	IN(s, 2 * MS, .seq = 1);
}

/* ---- delayed and quick ACKs (RFC 9293 3.8.6.3, RFC 5681 4.2) ---- */

CASE(delayed_ack_of_a_last_small_segment)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 1000);
	IN(s, 11 * MS, .seq = 1001, .len = 1000);
	OUT(s, 11 * MS, .ack = 2001);
	IN(s, 12 * MS, .seq = 2001, .len = 1);
	OUT_NONE(s, 51 * MS);
	OUT(s, 52 * MS, .ack = 2002);
}

CASE(delayed_ack_none_where_it_is_configured_so)
{
	s->cfg.delack_ms = 0;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 10);
	OUT(s, 10 * MS, .ack = 11);
	IN(s, 11 * MS, .seq = 11, .len = 10);
	OUT(s, 11 * MS, .ack = 21);
}

CASE(delayed_ack_of_500_ms)
{
	s->cfg.delack_ms = 500;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 10);
	OUT_NONE(s, 509 * MS);
	OUT(s, 510 * MS, .ack = 11);
}

CASE(quick_acks_are_used_up)
{
	s->cfg.quick_acks = 1;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 10);
	OUT(s, 10 * MS, .ack = 11);
	IN(s, 20 * MS, .seq = 11, .len = 10);
	OUT_NONE(s, 59 * MS);
	OUT(s, 60 * MS, .ack = 21);
}

CASE(out_of_order_is_never_delayed)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 501, .len = 500);
	OUT(s, 10 * MS, .ack = 1);
	IN(s, 11 * MS, .seq = 1, .len = 500); /* fills the gap: at once, too */
	OUT(s, 11 * MS, .ack = 1001);
}

/* ---- the RTO's floor and ceiling (RFC 6298 2.4, 2.5, 5.5) ---- */

CASE(rto_floor_is_configured)
{
	s->cfg.rto_min_ms = 1000;
	be_established(s);
	app_write(s, 0, 100);
	OUT(s, 0, .seq = 1, .len = 100);
	OUT_NONE(s, 999 * MS);
	OUT(s, 1000 * MS, .seq = 1, .len = 100, .again = 1);
	IN(s, 1001 * MS, .seq = 1);
}

CASE(rto_backoff_ends_at_120_s)
{
	s->cfg.data_retries = 20;
	be_established(s);
	app_write(s, 0, 100);
	OUT(s, 0, .seq = 1, .len = 100);
	for (unsigned i = 0; i < 16; i++) {
		mt_time at = tcp_deadline(&s->t, s->now);

		assert_true(at - s->now <= 120000 * MS);
		OUT(s, at - SCRIPT_T0, .seq = 1, .len = 100, .again = 1);
	}
	assert_true(tcp_deadline(&s->t, s->now) - s->now == 120000 * MS);
	IN(s, s->now - SCRIPT_T0, .seq = 1);
}

/* The round trip has become longer than the timeout: only what is sent once measures it. */
/* A clock of milliseconds says nothing of a round trip that is shorter. */
CASE(echo_of_the_same_millisecond_is_no_shorter_round_trip)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	rtt_init(&s->t.rtt);
	app_write(s, 0, 1976);
	script_skip(s);
	IN(s, 300 * MT_US, .seq = 1, .ack = 989);
	assert_int_equal(s->t.rtt.min_us, 300);
	IN(s, 300 * MT_US, .seq = 1, .ack = 1977);
	assert_int_equal(s->t.rtt.min_us, 300);
	assert_int_equal(rtt_srtt_us(&s->t.rtt), 300);
}

CASE(echo_alone_measures_a_millisecond_at_least)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	rtt_init(&s->t.rtt);
	app_write(s, 0, 100);
	OUT(s, 0, .seq = 1, .len = 100);
	OUT(s, 1000 * MS, .seq = 1, .len = 100, .again = 1);
	IN(s, 1000 * MS + 300 * MT_US, .seq = 1, .ack = 101);
	assert_int_equal(s->t.rtt.min_us, 1000);
}

CASE(rto_backoff_outlives_what_measures_nothing)
{
	mt_time at = 0;

	be_established(s);
	rtt_init(&s->t.rtt);
	rtt_sample(&s->t.rtt, 20000);
	app_write(s, at, 1000);
	OUT(s, at, .seq = 1, .len = 1000);
	OUT(s, at + 200 * MS, .seq = 1, .len = 1000, .again = 1);
	IN(s, at + 300 * MS, .seq = 1, .ack = 1001);
	for (uint32_t i = 1; i < 10; i++) {
		at += 1000 * MS;
		app_write(s, at, 1000);
		OUT(s, at, .seq = 1 + 1000 * i, .len = 1000);
		OUT_NONE(s, at + 299 * MS);
		IN(s, at + 300 * MS, .seq = 1, .ack = 1001 + 1000 * i);
	}
}

CASE(rto_backoff_ends_with_an_ack_of_new_data)
{
	be_established(s);
	app_write(s, 0, 100);
	OUT(s, 0, .seq = 1, .len = 100);
	OUT(s, 200 * MS, .seq = 1, .again = 1, .len = 100);
	OUT(s, 600 * MS, .seq = 1, .again = 1, .len = 100);
	IN(s, 601 * MS, .seq = 1, .ack = 101);
	app_write(s, 610 * MS, 100);
	OUT(s, 610 * MS, .seq = 101, .len = 100);
	IN(s, 611 * MS, .seq = 1, .ack = 201);
	app_write(s, 620 * MS, 100);
	OUT(s, 620 * MS, .seq = 201, .len = 100);
	OUT(s, 820 * MS, .seq = 201, .len = 100, .again = 1);
	IN(s, 821 * MS, .seq = 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keepalive_values_without_the_switch_do_nothing),
		T(keepalive_idle_counts_from_its_setting),
		T(keepalive_one_probe_only),
		T(keepalive_of_a_half_closed_connection),
		T(keepalive_refuses_zero),
		T(user_timeout_while_connecting),
		T(user_timeout_does_not_prolong_connecting),
		T(user_timeout_starts_anew_with_an_ack),
		T(user_timeout_of_a_fin),
		T(user_timeout_leaves_an_idle_connection),
		T(half_close_with_data_both_ways),
		T(half_close_waits_for_the_rest_of_the_window),
		T(fin_is_sent_again_alone),
		T(fin_is_sent_again_with_the_data_before_it),
		T(fin_behind_a_closed_window_is_probed_for),
		T(close_unread_resets_in_last_ack),
		T(close_unread_resets_in_closing),
		T(window_shrunk_to_nothing_is_probed),
		T(window_shrunk_below_what_is_in_flight),
		T(nagle_returns_when_nodelay_goes),
		T(cork_is_stronger_than_nodelay),
		T(cork_set_in_mid_stream_holds_the_next),
		T(cork_does_not_hold_the_end),
		T(delayed_ack_of_a_last_small_segment),
		T(delayed_ack_none_where_it_is_configured_so),
		T(delayed_ack_of_500_ms),
		T(quick_acks_are_used_up),
		T(out_of_order_is_never_delayed),
		T(rto_floor_is_configured),
		T(rto_backoff_ends_at_120_s),
		T(rto_backoff_ends_with_an_ack_of_new_data),
		T(rto_backoff_outlives_what_measures_nothing),
		T(echo_of_the_same_millisecond_is_no_shorter_round_trip),
		T(echo_alone_measures_a_millisecond_at_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
