// SPDX-License-Identifier: BSD-3-Clause
/* States in which the peer may still send against every kind of segment (RFC 9293 3.10.7.4, RFC
 * 5961 3 to 5). */
#include <errno.h>

#include "script_states.h"

#define FINACK (TCPF_ACK | TCPF_FIN)

/* ---- ESTABLISHED ---- */

CASE(established_old_data_is_acknowledged_again)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 0, .ack = 1, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_data_beyond_the_window_is_acknowledged)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 50001, .ack = 1, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_takes_text)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 41 * MS, .seq = 1, .ack = 11);
	STATE(s, ESTABLISHED);
}

CASE(established_takes_fin)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = FINACK);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 1, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(established_takes_text_with_fin)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 10, .flags = FINACK);
	assert_int_equal(s->ev.n_readable, 10);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 1, .ack = 12);
	STATE(s, CLOSE_WAIT);
}

CASE(established_keeps_text_out_of_order)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 11, .ack = 1, .len = 10);
	assert_int_equal(s->ev.data_off, 10);
	assert_int_equal(s->ev.n_readable, 0);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	IN(s, 2 * MS, .seq = 1, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 20);
	OUT(s, 2 * MS, .seq = 1, .ack = 21);
}

CASE(established_reset_at_the_edge)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .flags = TCPF_RST);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	STATE(s, CLOSED);
	OUT_NONE(s, 1000000 * MS);
}

CASE(established_reset_in_the_window_is_challenged)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 2, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_reset_outside_is_dropped)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 0, .flags = TCPF_RST);
	IN(s, 1 * MS, .seq = 50001, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, ESTABLISHED);
}

CASE(established_syn_in_the_window_is_challenged)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 6, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_syn_outside_is_acknowledged)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 90001, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_without_ack_is_dropped)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .len = 10, .flags = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
	STATE(s, ESTABLISHED);
}

CASE(established_ack_of_the_unsent_is_answered)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_ack_too_old_is_answered)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1 - 60001ll);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
}

CASE(established_old_ack_beside_data_is_fine)
{
	be_established(s);
	IN(s, 1 * MS, .seq = 1, .ack = 0, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_NONE);
	assert_int_equal(s->ev.n_readable, 10);
	STATE(s, ESTABLISHED);
	OUT(s, 41 * MS, .seq = 1, .ack = 11);
}

/* ---- FIN-WAIT-1 ---- */

CASE(fin_wait_1_old_data_is_acknowledged_again)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 0, .ack = 1, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_data_beyond_the_window_is_acknowledged)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 50001, .ack = 1, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_takes_text)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 41 * MS, .seq = 2, .ack = 11);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_takes_fin)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .flags = FINACK);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, CLOSING);
}

CASE(fin_wait_1_takes_text_with_fin)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1, .len = 10, .flags = FINACK);
	assert_int_equal(s->ev.n_readable, 10);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 2, .ack = 12);
	STATE(s, CLOSING);
}

CASE(fin_wait_1_keeps_text_out_of_order)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 11, .ack = 1, .len = 10);
	assert_int_equal(s->ev.data_off, 10);
	assert_int_equal(s->ev.n_readable, 0);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	IN(s, 2 * MS, .seq = 1, .ack = 1, .len = 10);
	assert_int_equal(s->ev.n_readable, 20);
	OUT(s, 2 * MS, .seq = 2, .ack = 21);
}

CASE(fin_wait_1_reset_at_the_edge)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .flags = TCPF_RST);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	STATE(s, CLOSED);
	OUT_NONE(s, 1000000 * MS);
}

CASE(fin_wait_1_reset_in_the_window_is_challenged)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 2, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_reset_outside_is_dropped)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 0, .flags = TCPF_RST);
	IN(s, 1 * MS, .seq = 50001, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_syn_in_the_window_is_challenged)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 6, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_syn_outside_is_acknowledged)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 90001, .ack = 1, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_without_ack_is_dropped)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .len = 10, .flags = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_ack_of_the_unsent_is_answered)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 3);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_ack_too_old_is_answered)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 1 - 60001ll);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_1);
}

CASE(fin_wait_1_old_ack_beside_data_is_fine)
{
	be_fin_wait_1(s);
	IN(s, 1 * MS, .seq = 1, .ack = 0, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_NONE);
	assert_int_equal(s->ev.n_readable, 10);
	STATE(s, FIN_WAIT_1);
	OUT(s, 41 * MS, .seq = 2, .ack = 11);
}

/* ---- FIN-WAIT-2 ---- */

CASE(fin_wait_2_old_data_is_acknowledged_again)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 0, .ack = 2, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_data_beyond_the_window_is_acknowledged)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 50001, .ack = 2, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	assert_int_equal(s->ev.data_len, 0);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_takes_text)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2, .len = 10);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 41 * MS, .seq = 2, .ack = 11);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_takes_fin)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2, .flags = FINACK);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 2, .ack = 2);
	STATE(s, TIME_WAIT);
}

CASE(fin_wait_2_takes_text_with_fin)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2, .len = 10, .flags = FINACK);
	assert_int_equal(s->ev.n_readable, 10);
	assert_true(s->ev.flags & TCP_EV_EOF);
	OUT(s, 1 * MS, .seq = 2, .ack = 12);
	STATE(s, TIME_WAIT);
}

CASE(fin_wait_2_keeps_text_out_of_order)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 11, .ack = 2, .len = 10);
	assert_int_equal(s->ev.data_off, 10);
	assert_int_equal(s->ev.n_readable, 0);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	IN(s, 2 * MS, .seq = 1, .ack = 2, .len = 10);
	assert_int_equal(s->ev.n_readable, 20);
	OUT(s, 2 * MS, .seq = 2, .ack = 21);
}

CASE(fin_wait_2_reset_at_the_edge)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .flags = TCPF_RST);
	assert_int_equal(s->ev.flags, TCP_EV_ERROR | TCP_EV_CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
	STATE(s, CLOSED);
	OUT_NONE(s, 1000000 * MS);
}

CASE(fin_wait_2_reset_in_the_window_is_challenged)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 2, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_reset_outside_is_dropped)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 0, .flags = TCPF_RST);
	IN(s, 1 * MS, .seq = 50001, .flags = TCPF_RST);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_syn_in_the_window_is_challenged)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 6, .ack = 2, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SYN);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_syn_outside_is_acknowledged)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 90001, .ack = 2, .flags = TCPF_SYN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_without_ack_is_dropped)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .len = 10, .flags = 0);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.data_len, 0);
	OUT_NONE(s, 100 * MS);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_ack_of_the_unsent_is_answered)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .ack = 3);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_ack_too_old_is_answered)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .ack = 2 - 60001ll);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	OUT(s, 1 * MS, .seq = 2, .ack = 1);
	STATE(s, FIN_WAIT_2);
}

CASE(fin_wait_2_old_ack_beside_data_is_fine)
{
	be_fin_wait_2(s);
	IN(s, 1 * MS, .seq = 1, .ack = 0, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_NONE);
	assert_int_equal(s->ev.n_readable, 10);
	STATE(s, FIN_WAIT_2);
	OUT(s, 41 * MS, .seq = 2, .ack = 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(established_old_data_is_acknowledged_again),
		T(established_data_beyond_the_window_is_acknowledged),
		T(established_takes_text),
		T(established_takes_fin),
		T(established_takes_text_with_fin),
		T(established_keeps_text_out_of_order),
		T(established_reset_at_the_edge),
		T(established_reset_in_the_window_is_challenged),
		T(established_reset_outside_is_dropped),
		T(established_syn_in_the_window_is_challenged),
		T(established_syn_outside_is_acknowledged),
		T(established_without_ack_is_dropped),
		T(established_ack_of_the_unsent_is_answered),
		T(established_ack_too_old_is_answered),
		T(established_old_ack_beside_data_is_fine),
		T(fin_wait_1_old_data_is_acknowledged_again),
		T(fin_wait_1_data_beyond_the_window_is_acknowledged),
		T(fin_wait_1_takes_text),
		T(fin_wait_1_takes_fin),
		T(fin_wait_1_takes_text_with_fin),
		T(fin_wait_1_keeps_text_out_of_order),
		T(fin_wait_1_reset_at_the_edge),
		T(fin_wait_1_reset_in_the_window_is_challenged),
		T(fin_wait_1_reset_outside_is_dropped),
		T(fin_wait_1_syn_in_the_window_is_challenged),
		T(fin_wait_1_syn_outside_is_acknowledged),
		T(fin_wait_1_without_ack_is_dropped),
		T(fin_wait_1_ack_of_the_unsent_is_answered),
		T(fin_wait_1_ack_too_old_is_answered),
		T(fin_wait_1_old_ack_beside_data_is_fine),
		T(fin_wait_2_old_data_is_acknowledged_again),
		T(fin_wait_2_data_beyond_the_window_is_acknowledged),
		T(fin_wait_2_takes_text),
		T(fin_wait_2_takes_fin),
		T(fin_wait_2_takes_text_with_fin),
		T(fin_wait_2_keeps_text_out_of_order),
		T(fin_wait_2_reset_at_the_edge),
		T(fin_wait_2_reset_in_the_window_is_challenged),
		T(fin_wait_2_reset_outside_is_dropped),
		T(fin_wait_2_syn_in_the_window_is_challenged),
		T(fin_wait_2_syn_outside_is_acknowledged),
		T(fin_wait_2_without_ack_is_dropped),
		T(fin_wait_2_ack_of_the_unsent_is_answered),
		T(fin_wait_2_ack_too_old_is_answered),
		T(fin_wait_2_old_ack_beside_data_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
