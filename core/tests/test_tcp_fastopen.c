// SPDX-License-Identifier: BSD-3-Clause
/* Data in SYNs (RFC 7413): what one connection sends and takes. */
#include "script_states.h"

static void client(struct script *s, uint16_t mss)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	assert_true(tcp_fastopen_ask(&s->t, mss));
}

/* The peer's SYN/ACK, which acknowledges ack bytes of sequence space. */
static void answer(struct script *s, mt_time at, uint32_t ack)
{
	struct tcp_seg g;

	script_until(s, at);
	g = peer_syn(s, TCPF_SYN | TCPF_ACK);
	g.ack = seq_add(s->iss, ack);
	script_feed(s, &g);
}

static void server(struct script *s, uint16_t len)
{
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);
	struct tcp_events ev;

	syn.len = len;
	ev = tcp_open_fastopen(&s->t, &s->cfg, &s->open, &syn, s->now);
	assert_int_equal(ev.n_readable, len);
	assert_int_equal(ev.data_len, len);
	script_took(s, ev);
	script_flush(s);
}

/* A held socket and a peer that connects, too: the SYN that was held has left with its ACK. */
CASE(simultaneous_open_of_a_held_socket)
{
	struct tcp_seg g;

	client(s, 1000);
	g = peer_syn(s, TCPF_SYN);
	script_feed(s, &g);
	script_flush(s);
	IN(s, 0, .seq = 1, .ack = 1);
	STATE(s, ESTABLISHED);
	app_write(s, 0, 10);
	assert_false(s->t.flags & TF_SYN_DUE);
	script_skip(s);
}

/* Its object came with data behind a hole, before the handshake was over. */
CASE(bbr_survives_a_lost_syn_ack)
{
	s->cfg.cc = &cc_bbr;
	server(s, 0);
	script_until(s, 1000 * MS);
	assert_true(s->t.flags & TF_SYN_RXT);
	IN(s, 1000 * MS, .seq = 101, .len = 100, .ack = 1);
	STATE(s, ESTABLISHED);
	assert_ptr_equal(s->own.cc.u.cold, &s->cold.cc);
	script_skip(s);
}

CASE(asks_for_a_cookie)
{
	client(s, 0);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .len = 0);
	assert_true(s->log[s->n_seen - 1].seg.opts & TCPO_FASTOPEN);
	answer(s, 10 * MS, 1);
	STATE(s, ESTABLISHED);
	OUT(s, 10 * MS, .seq = 1, .ack = 1);
}

CASE(syn_waits_for_data)
{
	client(s, 1000);
	script_flush(s);
	OUT_NONE(s, 5000 * MS);
	app_write(s, 5000 * MS, 100);
	OUT(s, 5000 * MS, .flags = TCPF_SYN, .seq = 0, .len = 100, .off = 0);
	answer(s, 5010 * MS, 101);
	assert_int_equal(s->ev.n_acked, 100);
	OUT(s, 5010 * MS, .seq = 101, .ack = 1, .len = 0);
}

/* The SYN is no data that a cork holds back or its absence lets go. */
CASE(syn_that_waits_is_not_corked_data)
{
	client(s, 1000);
	app_option(s, 0, TCP_OPT_CORK, 1);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	OUT_NONE(s, 5000 * MS);
	app_write(s, 5000 * MS, 100);
	OUT(s, 5000 * MS, .flags = TCPF_SYN, .len = 100);
	answer(s, 5010 * MS, 1); /* not taken */
	OUT(s, 5010 * MS, .seq = 1, .ack = 1, .len = 0);
	OUT_NONE(s, 5209 * MS);
	OUT(s, 5210 * MS, .seq = 1, .len = 100);
	IN(s, 5220 * MS, .seq = 1, .ack = 101);
}

/* No more than the server's segment size of last time, with room for the options. */
CASE(syn_data_is_bounded)
{
	client(s, 500);
	app_write(s, 0, 2000);
	OUT(s, 0, .flags = TCPF_SYN, .seq = 0, .len = 460);
	answer(s, 10 * MS, 461);
	assert_int_equal(s->ev.n_acked, 460);
	OUT(s, 10 * MS, .seq = 461, .len = 1000, .off = 0);
	IN(s, 20 * MS, .seq = 1, .ack = 1461);
	OUT(s, 20 * MS, .seq = 1461, .len = 540, .off = 0);
}

CASE(syn_data_not_taken)
{
	client(s, 1000);
	app_write(s, 0, 100);
	OUT(s, 0, .flags = TCPF_SYN, .len = 100);
	answer(s, 10 * MS, 1);
	assert_int_equal(s->ev.n_acked, 0);
	OUT(s, 10 * MS, .seq = 1, .len = 100, .off = 0, .again = 0);
	IN(s, 20 * MS, .seq = 1, .ack = 101);
	assert_int_equal(s->ev.n_acked, 100);
}

CASE(syn_data_taken_in_part)
{
	client(s, 1000);
	app_write(s, 0, 100);
	OUT(s, 0, .flags = TCPF_SYN, .len = 100);
	answer(s, 10 * MS, 41);
	assert_int_equal(s->ev.n_acked, 40);
	OUT(s, 10 * MS, .seq = 41, .len = 60, .off = 0);
}

CASE(syn_ack_beyond_the_data)
{
	client(s, 1000);
	app_write(s, 0, 100);
	OUT(s, 0, .flags = TCPF_SYN, .len = 100);
	answer(s, 10 * MS, 102);
	OUT(s, 10 * MS, .flags = TCPF_RST, .seq = 102);
	STATE(s, SYN_SENT);
}

/* The SYN is sent again without data and without the option; an answer to the first one counts. */
CASE(syn_again_is_plain)
{
	client(s, 1000);
	app_write(s, 0, 100);
	OUT(s, 0, .flags = TCPF_SYN, .len = 100);
	OUT(s, 1000 * MS, .flags = TCPF_SYN, .len = 0, .again = 1);
	assert_false(s->log[s->n_seen - 1].seg.opts & TCPO_FASTOPEN);
	answer(s, 1010 * MS, 101);
	assert_int_equal(s->ev.n_acked, 100);
	STATE(s, ESTABLISHED);
	OUT(s, 1010 * MS, .seq = 101, .ack = 1);
}

CASE(shutdown_releases_the_syn)
{
	client(s, 1000);
	script_flush(s);
	app_shutdown(s, 10 * MS);
	OUT(s, 10 * MS, .flags = TCPF_SYN, .len = 0);
	answer(s, 20 * MS, 1);
	OUT(s, 20 * MS, .flags = TCPF_FIN | TCPF_ACK, .seq = 1);
}

CASE(server_takes_syn_data)
{
	server(s, 100);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK, .ack = 101, .wnd = 50000 - 100);
	STATE(s, SYN_RCVD);
	IN(s, 10 * MS, .seq = 101, .ack = 1);
	STATE(s, ESTABLISHED);
	assert_true(s->ev.flags & TCP_EV_ESTABLISHED);
}

CASE(server_answers_early)
{
	server(s, 100);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK, .ack = 101);
	app_write(s, 1 * MS, 2500);
	OUT(s, 1 * MS, .seq = 1, .len = 1000, .off = 0);
	OUT(s, 1 * MS, .seq = 1001, .len = 1000, .off = 1000);
	app_shutdown(s, 2 * MS);
	OUT(s, 2 * MS, .seq = 2001, .len = 500, .off = 2000);
	IN(s, 10 * MS, .seq = 101, .ack = 1001);
	assert_int_equal(s->ev.n_acked, 1000);
	OUT(s, 10 * MS, .flags = TCPF_FIN | TCPF_ACK, .seq = 2501);
	IN(s, 20 * MS, .seq = 101, .ack = 2502);
	assert_int_equal(s->ev.n_acked, 1500);
	STATE(s, FIN_WAIT_2);
}

/* The SYN/ACK goes again, nothing else; what left early is sent again once the handshake is over.
 */
CASE(server_syn_ack_lost)
{
	server(s, 100);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK, .ack = 101);
	app_write(s, 1 * MS, 300);
	OUT(s, 1 * MS, .seq = 1, .len = 300);
	OUT(s, 1000 * MS, .flags = TCPF_SYN | TCPF_ACK, .seq = 0, .ack = 101, .len = 0, .again = 1);
	app_write(s, 1001 * MS, 100);
	OUT_NONE(s, 1002 * MS);
	IN(s, 1010 * MS, .seq = 101, .ack = 1);
	STATE(s, ESTABLISHED);
	assert_int_equal(s->ev.n_acked, 0);
	script_until(s, 9000 * MS);
	assert_true(s->n_log > s->n_seen);
	assert_int_equal(s->log[s->n_seen].seg.seq.v - s->iss.v, 1);
	script_skip(s);
	IN(s, 9010 * MS, .seq = 101, .ack = 401);
	script_skip(s);
	IN(s, 9020 * MS, .seq = 101, .ack = 401);
	script_skip(s);
}

/* A copy of the SYN, with its data or without, is answered by the SYN/ACK. */
CASE(server_syn_again)
{
	server(s, 100);
	OUT(s, 0, .flags = TCPF_SYN | TCPF_ACK, .ack = 101);
	IN(s, 10 * MS, .flags = TCPF_SYN, .seq = 0, .len = 100);
	OUT(s, 10 * MS, .flags = TCPF_SYN | TCPF_ACK, .ack = 101, .again = 1);
	IN(s, 600 * MS, .flags = TCPF_SYN, .seq = 0);
	OUT(s, 600 * MS, .flags = TCPF_SYN | TCPF_ACK, .ack = 101, .again = 1);
	IN(s, 610 * MS, .flags = TCPF_SYN, .seq = 0);
	OUT_NONE(s, 620 * MS);
	IN(s, 630 * MS, .flags = TCPF_RST, .seq = 101);
	STATE(s, CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(simultaneous_open_of_a_held_socket),
		T(bbr_survives_a_lost_syn_ack),
		T(asks_for_a_cookie),
		T(syn_waits_for_data),
		T(syn_that_waits_is_not_corked_data),
		T(syn_data_is_bounded),
		T(syn_data_not_taken),
		T(syn_data_taken_in_part),
		T(syn_ack_beyond_the_data),
		T(syn_again_is_plain),
		T(shutdown_releases_the_syn),
		T(server_takes_syn_data),
		T(server_answers_early),
		T(server_syn_ack_lost),
		T(server_syn_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
