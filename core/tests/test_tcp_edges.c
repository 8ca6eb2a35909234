// SPDX-License-Identifier: BSD-3-Clause
/* Corners of segment arrival that the oracle (oracle/model.h) pointed at. */
#include <errno.h>

#include "script_states.h"

#define FIN_ACK (TCPF_FIN | TCPF_ACK)

/* A FIN ahead of a hole ends the stream; text that claims to go on behind it does not. */
CASE(text_across_an_early_fin_ends_there)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 70, .flags = FIN_ACK);
	OUT(s, 10 * MS, .ack = 1);
	IN(s, 20 * MS, .seq = 1, .len = 1000);
	OUT(s, 20 * MS, .ack = 71);
	assert_int_equal(s->ev.data_len, 69);
	assert_int_equal(s->ev.n_readable, 69);
	assert_true(s->ev.flags & TCP_EV_EOF);
	STATE(s, CLOSE_WAIT);
}

/* 2^31 behind is neither old nor new. */
CASE(ack_from_half_the_space_away_is_challenged)
{
	be_established(s);
	IN(s, 1000 * MS, .seq = 1, .ack = 1 + (1ll << 31), .len = 100);
	OUT(s, 1000 * MS, .seq = 1, .ack = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
	assert_int_equal(s->ev.n_readable, 0);
}

CASE(oldest_acceptable_ack_is_one_window_back)
{
	be_established(s);
	app_write(s, 0, 100);
	OUT(s, 0, .seq = 1, .len = 100);
	IN(s, 10 * MS, .seq = 1, .ack = 101);
	IN(s, 1000 * MS, .seq = 1, .ack = 101 - 60000, .len = 10);
	assert_int_equal(s->ev.n_readable, 10);
	OUT(s, 1040 * MS, .ack = 11);
	IN(s, 2000 * MS, .seq = 11, .ack = 101 - 60001, .len = 10);
	OUT(s, 2000 * MS, .ack = 11);
	assert_int_equal(s->ev.drop, TCP_DROP_ACK);
}

/* The handshake's ACK and the first segment were lost: the second is kept and acknowledges our SYN.
 */
CASE(text_behind_a_hole_in_syn_received_is_kept)
{
	be_syn_rcvd(s);
	IN(s, 10 * MS, .seq = 1001, .ack = 1, .len = 1000);
	OUT(s, 10 * MS, .ack = 1);
	STATE(s, ESTABLISHED);
	assert_int_equal(s->ev.data_len, 1000);
	assert_int_equal(s->ev.data_off, 1000);
	IN(s, 20 * MS, .seq = 1, .len = 1000);
	OUT(s, 20 * MS, .ack = 2001);
	assert_int_equal(s->ev.n_readable, 2000);
}

/* RFC 9293 3.10.7.4: a RST is judged by where it begins, not by the text it drags along. */
CASE(rst_before_the_window_is_silent_whatever_its_length)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 1000);
	OUT(s, 50 * MS, .ack = 1001);
	IN(s, 1000 * MS, .seq = 1000, .len = 2, .flags = TCPF_RST);
	OUT_NONE(s, 2000 * MS);
	assert_int_equal(s->ev.drop, TCP_DROP_RST);
	IN(s, 3000 * MS, .seq = 500, .len = 60000, .flags = TCPF_RST | TCPF_ACK);
	OUT_NONE(s, 4000 * MS);
	STATE(s, ESTABLISHED);
}

CASE(rst_with_text_beyond_the_window_resets_without_an_ack)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 60000, .flags = TCPF_RST);
	OUT_NONE(s, 1000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ECONNRESET);
}

/* One segment, one answer. */
CASE(crossed_syn_ack_of_something_unsent_is_reset_only)
{
	be_syn_sent(s);
	IN(s, 10 * MS, .seq = 0, .ack = 0, .flags = TCPF_SYN);
	OUT(s, 10 * MS, .seq = 0, .ack = 1, .flags = TCPF_SYN | TCPF_ACK);
	IN(s, 20 * MS, .seq = 0, .ack = 2923, .flags = TCPF_SYN | TCPF_ACK);
	OUT(s, 20 * MS, .seq = 2923, .flags = TCPF_RST);
	OUT_NONE(s, 100 * MS);
	STATE(s, SYN_RCVD);
}

/* At a closed window nothing is acceptable but control at its edge: a FIN there is answered, and
 * stays out (3.10.7.4, first). */
CASE(fin_at_a_closed_window_is_answered_and_not_taken)
{
	s->cfg.rcvbuf = 2000;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 2000);
	OUT(s, 10 * MS, .ack = 2001, .wnd = 0);
	IN(s, 20 * MS, .seq = 2001, .flags = FIN_ACK);
	OUT(s, 20 * MS, .ack = 2001, .wnd = 0);
	STATE(s, ESTABLISHED);
	IN(s, 30 * MS, .seq = 2001, .flags = TCPF_RST);
	STATE(s, CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(text_across_an_early_fin_ends_there),
		T(ack_from_half_the_space_away_is_challenged),
		T(oldest_acceptable_ack_is_one_window_back),
		T(text_behind_a_hole_in_syn_received_is_kept),
		T(rst_before_the_window_is_silent_whatever_its_length),
		T(rst_with_text_beyond_the_window_resets_without_an_ack),
		T(crossed_syn_ack_of_something_unsent_is_reset_only),
		T(fin_at_a_closed_window_is_answered_and_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
