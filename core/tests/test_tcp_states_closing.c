// SPDX-License-Identifier: BSD-3-Clause
/* States after the peer's FIN against every kind of segment (RFC 9293 3.10.7.4, RFC 5961 3 to 5).
 */
#include <errno.h>

#include "script_states.h"

#define FINACK (TCPF_ACK | TCPF_FIN)

/* ---- CLOSE-WAIT ---- */

CASE(close_wait_old_data_is_acknowledged_again)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_data_beyond_the_window_is_acknowledged)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 50002, .ack = 1, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_ignores_text)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 0);
	assert_int_equal(s->ev.data_len, 0);
	assert_int_equal(s->t.rcv_nxt.v - s->irs.v, 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_acknowledges_the_fin_again)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = FINACK);
	assert_false(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_ignores_another_fin)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1, .flags = FINACK);
	assert_false(s->ev.flags & TCP_EV_EOF);
	assert_int_equal(s->t.rcv_nxt.v - s->irs.v, 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_reset_at_the_edge)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .flags = TCPF_RST);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	STATE(s, CLOSED);
	OUT_NONE(s, 1000000 * MS);
}

CASE(close_wait_reset_in_the_window_is_challenged)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 3, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_reset_outside_is_dropped)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 1, .flags = TCPF_RST);
	IN(s, 1 * MS, .seq = 50002, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_syn_in_the_window_is_challenged)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 7, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_syn_outside_is_acknowledged)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 90002, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_without_ack_is_dropped)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .len = 10, .flags = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_ack_of_the_unsent_is_answered)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .ack = 2);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_ack_too_old_is_answered)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1 - 60001ll);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(close_wait_old_ack_says_nothing)
{
	be_close_wait(s);
	IN(s, 1 * MS, .seq = 2, .ack = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_NONE);
	assert_int_equal(s->ev.n_readable, 0);
	STATE(s, CLOSE_WAIT);
}

/* ---- CLOSING ---- */

CASE(closing_old_data_is_acknowledged_again)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_data_beyond_the_window_is_acknowledged)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 50002, .ack = 1, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_ignores_text)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 0);
	assert_int_equal(s->ev.data_len, 0);
	assert_int_equal(s->t.rcv_nxt.v - s->irs.v, 2);
	STATE(s, CLOSING);
}

CASE(closing_acknowledges_the_fin_again)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = FINACK);
	assert_false(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_ignores_another_fin)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1, .flags = FINACK);
	assert_false(s->ev.flags & TCP_EV_EOF);
	assert_int_equal(s->t.rcv_nxt.v - s->irs.v, 2);
	STATE(s, CLOSING);
}

CASE(closing_reset_at_the_edge)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .flags = TCPF_RST);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	STATE(s, CLOSED);
	OUT_NONE(s, 1000000 * MS);
}

CASE(closing_reset_in_the_window_is_challenged)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 3, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_reset_outside_is_dropped)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 1, .flags = TCPF_RST);
	IN(s, 1 * MS, .seq = 50002, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, CLOSING);
}

CASE(closing_syn_in_the_window_is_challenged)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 7, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_syn_outside_is_acknowledged)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 90002, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_without_ack_is_dropped)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .len = 10, .flags = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
	STATE(s, CLOSING);
}

CASE(closing_ack_of_the_unsent_is_answered)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .ack = 3);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_ack_too_old_is_answered)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1 - 60001ll);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(closing_old_ack_says_nothing)
{
	be_closing(s);
	IN(s, 1 * MS, .seq = 2, .ack = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_NONE);
	assert_int_equal(s->ev.n_readable, 0);
	STATE(s, CLOSING);
}

/* ---- LAST-ACK ---- */

CASE(last_ack_old_data_is_acknowledged_again)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_data_beyond_the_window_is_acknowledged)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 50002, .ack = 1, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_ignores_text)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 0);
	assert_int_equal(s->ev.data_len, 0);
	assert_int_equal(s->t.rcv_nxt.v - s->irs.v, 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_acknowledges_the_fin_again)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = FINACK);
	assert_false(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_ignores_another_fin)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1, .flags = FINACK);
	assert_false(s->ev.flags & TCP_EV_EOF);
	assert_int_equal(s->t.rcv_nxt.v - s->irs.v, 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_reset_at_the_edge)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .flags = TCPF_RST);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	STATE(s, CLOSED);
	OUT_NONE(s, 1000000 * MS);
}

CASE(last_ack_reset_in_the_window_is_challenged)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 3, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_reset_outside_is_dropped)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 1, .flags = TCPF_RST);
	IN(s, 1 * MS, .seq = 50002, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, LAST_ACK);
}

CASE(last_ack_syn_in_the_window_is_challenged)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 7, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_syn_outside_is_acknowledged)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 90002, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_without_ack_is_dropped)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .len = 10, .flags = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
	STATE(s, LAST_ACK);
}

CASE(last_ack_ack_of_the_unsent_is_answered)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .ack = 3);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_ack_too_old_is_answered)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .ack = 1 - 60001ll);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, LAST_ACK);
}

CASE(last_ack_old_ack_says_nothing)
{
	be_last_ack(s);
	IN(s, 1 * MS, .seq = 2, .ack = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_NONE);
	assert_int_equal(s->ev.n_readable, 0);
	STATE(s, LAST_ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(close_wait_old_data_is_acknowledged_again),
		T(close_wait_data_beyond_the_window_is_acknowledged),
		T(close_wait_ignores_text),
		T(close_wait_acknowledges_the_fin_again),
		T(close_wait_ignores_another_fin),
		T(close_wait_reset_at_the_edge),
		T(close_wait_reset_in_the_window_is_challenged),
		T(close_wait_reset_outside_is_dropped),
		T(close_wait_syn_in_the_window_is_challenged),
		T(close_wait_syn_outside_is_acknowledged),
		T(close_wait_without_ack_is_dropped),
		T(close_wait_ack_of_the_unsent_is_answered),
		T(close_wait_ack_too_old_is_answered),
		T(close_wait_old_ack_says_nothing),
		T(closing_old_data_is_acknowledged_again),
		T(closing_data_beyond_the_window_is_acknowledged),
		T(closing_ignores_text),
		T(closing_acknowledges_the_fin_again),
		T(closing_ignores_another_fin),
		T(closing_reset_at_the_edge),
		T(closing_reset_in_the_window_is_challenged),
		T(closing_reset_outside_is_dropped),
		T(closing_syn_in_the_window_is_challenged),
		T(closing_syn_outside_is_acknowledged),
		T(closing_without_ack_is_dropped),
		T(closing_ack_of_the_unsent_is_answered),
		T(closing_ack_too_old_is_answered),
		T(closing_old_ack_says_nothing),
		T(last_ack_old_data_is_acknowledged_again),
		T(last_ack_data_beyond_the_window_is_acknowledged),
		T(last_ack_ignores_text),
		T(last_ack_acknowledges_the_fin_again),
		T(last_ack_ignores_another_fin),
		T(last_ack_reset_at_the_edge),
		T(last_ack_reset_in_the_window_is_challenged),
		T(last_ack_reset_outside_is_dropped),
		T(last_ack_syn_in_the_window_is_challenged),
		T(last_ack_syn_outside_is_acknowledged),
		T(last_ack_without_ack_is_dropped),
		T(last_ack_ack_of_the_unsent_is_answered),
		T(last_ack_ack_too_old_is_answered),
		T(last_ack_old_ack_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
