// SPDX-License-Identifier: BSD-3-Clause
/* TCP fast open (RFC 7413): both ends over a wire that can lose, and hand-made SYNs. */
#include <errno.h>
#include <sys/socket.h>

#include "test_stack_syn.h"

struct fo {
	struct net *n;
	uint32_t lid;
};

static struct stack_config fo_config(void)
{
	struct stack_config cfg = net_config();

	cfg.fastopen = FASTOPEN_CLIENT | FASTOPEN_SERVER;
	cfg.fastopen_secret[0] = 1;
	cfg.fastopen_secret[1] = 2;
	return cfg;
}

static struct fo fo_open(const struct stack_config *cfg, uint32_t pending)
{
	struct fo f = {.n = net_pair(cfg, cfg)};

	f.lid = (uint32_t)net_listen(f.n, 80, 16);
	assert_int_equal(stack_listen_fastopen(f.n->b.sc, f.lid, pending), 0);
	return f;
}

/* A connect that uses fast open, with n bytes written at once: how many were taken. */
static uint32_t fo_connect(struct fo *f, size_t n, ssize_t *taken)
{
	static const char data[4000] = "request";
	uint32_t id = (uint32_t)net_connect(f->n, 80);

	assert_int_equal(stack_set_option(f->n->a.sc, id, TCP_OPT_FASTOPEN, 1, f->n->now), 0);
	*taken = n ? stack_send(f->n->a.sc, id, data, n, f->n->now) : 0;
	return id;
}

static void fo_end(struct fo *f)
{
	net_free(f->n);
}

/* The first connection, which gets the cookie. */
static void fo_first(struct fo *f)
{
	ssize_t taken;
	uint32_t id = fo_connect(f, 100, &taken);
	int64_t sid;

	assert_int_equal(taken, -EAGAIN);
	net_turns(f->n, 10);
	assert_int_equal(stack_state(f->n->a.sc, id), TCPS_ESTABLISHED);
	sid = stack_accept(f->n->b.sc, f->lid);
	assert_true(sid >= 0);
	stack_abort(f->n->b.sc, (uint32_t)sid, f->n->now);
	net_turns(f->n, 4);
	stack_close(f->n->a.sc, id, f->n->now);
	net_turns(f->n, 4);
	stack_events(f->n->a.sc, &(struct stack_event){0}, 1);
}

/* With the cookie the request is read after half a round trip and the answer after one. */
static void test_saves_a_round_trip(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 4);
	char buf[200];
	ssize_t taken;
	uint32_t id;
	int64_t sid;

	(void)state;
	fo_first(&f);
	id = fo_connect(&f, 100, &taken);
	assert_int_equal(taken, 100);
	assert_int_equal(stack_get_option(f.n->a.sc, id, TCP_OPT_FASTOPEN), 0);
	net_turns(f.n, 4); /* neighbours are known: one turn there */
	sid = stack_accept(f.n->b.sc, f.lid);
	assert_true(sid >= 0);
	assert_int_equal(stack_recv(f.n->b.sc, (uint32_t)sid, buf, 200, f.n->now), 100);
	assert_string_equal(buf, "request");
	assert_int_equal(stack_stats(f.n->b.sc)->fastopen_taken, 1);
	assert_int_equal(stack_stats(f.n->a.sc)->fastopen_sent, 1);
	assert_int_equal(stack_send(f.n->b.sc, (uint32_t)sid, "answer", 7, f.n->now), 7);
	net_turns(f.n, 3);
	assert_int_equal(stack_recv(f.n->a.sc, id, buf, 200, f.n->now), 7);
	assert_int_equal(stack_state(f.n->a.sc, id), TCPS_ESTABLISHED);
	assert_int_equal(stack_state(f.n->b.sc, (uint32_t)sid), TCPS_ESTABLISHED);
	fo_end(&f);
}

/* Measured on hand-made segments: the answer leaves before the handshake's last ACK has come. */
static void test_answer_before_handshake(void **state)
{
	struct stack_config cfg = fo_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg syn = syn_seg(TCPO_MSS | TCPO_FASTOPEN), ack;
	struct raw_frame r;
	uint8_t cookie[16];
	char buf[200];
	int64_t id;

	(void)state;
	stack_listen_fastopen(t.sc, t.lid, 4);
	assert_true(syn_put(&t, 5000, &syn, &r));
	assert_true(r.tcp.opts & TCPO_FASTOPEN);
	assert_int_equal(r.tcp.cookie_len, 8);
	memcpy(cookie, r.tcp.cookie, 8);
	syn.cookie = cookie;
	syn.cookie_len = 8;
	syn.len = 100;
	assert_true(syn_put(&t, 5001, &syn, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(r.tcp.ack.v, ISN + 101);
	assert_int_equal(r.tcp.wnd, 65535 - 100);
	ack = syn_ack_of(&r.tcp);
	id = stack_accept(t.sc, t.lid);
	assert_true(id >= 0);
	assert_int_equal(stack_state(t.sc, (uint32_t)id), TCPS_SYN_RCVD);
	assert_int_equal(stack_recv(t.sc, (uint32_t)id, buf, 200, t.n->now), 100);
	assert_int_equal(stack_send(t.sc, (uint32_t)id, buf, 50, t.n->now), 50);
	stack_shutdown(t.sc, (uint32_t)id, SHUT_WR, t.n->now);
	net_turn(t.n);
	assert_true(raw_get_tcp(t.n, &r));
	assert_int_equal(r.tcp.len, 50);
	assert_int_equal(r.tcp.seq.v, ack.ack.v);
	assert_false(r.tcp.flags & TCPF_FIN);
	ack.seq = seq_of(ISN + 101);
	ack.ack = seq_add(ack.ack, 50);
	assert_true(syn_put(&t, 5001, &ack, &r));
	assert_int_equal(r.tcp.flags, TCPF_FIN | TCPF_ACK);
	assert_int_equal(r.tcp.seq.v, ack.ack.v);
	assert_int_equal(stack_state(t.sc, (uint32_t)id), TCPS_FIN_WAIT_1);
	net_free(t.n);
}

/* Forged, another's, of the wrong length, without a queue for it: an ordinary handshake, the data
 * not taken, and a new cookie. */
static void test_bad_cookies(void **state)
{
	struct stack_config cfg = fo_config();
	struct syn_net t = syn_open(&cfg, 16);
	struct tcp_seg syn = syn_seg(TCPO_MSS | TCPO_FASTOPEN);
	struct raw_frame r;
	uint8_t good[16] = {0}, cookie[16];

	(void)state;
	assert_true(syn_put(&t, 5000, &syn, &r));
	assert_false(r.tcp.opts & TCPO_FASTOPEN); /* the listener has not asked for it */
	stack_listen_fastopen(t.sc, t.lid, 4);
	assert_true(syn_put(&t, 5001, &syn, &r));
	memcpy(good, r.tcp.cookie, 8);
	syn.len = 10;
	syn.cookie = cookie;
	for (uint8_t k = 0; k < 10; k++) {
		memcpy(cookie, good, sizeof(cookie));
		cookie[k % 8] ^= (uint8_t)(k < 8 ? 1 : 0);
		syn.cookie_len = k < 8 ? 8 : k == 8 ? 6 : 16;
		assert_true(syn_put(&t, (uint16_t)(6000 + k), &syn, &r));
		assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
		assert_int_equal(r.tcp.ack.v, ISN + 1);
		assert_memory_equal(r.tcp.cookie, good, 8);
	}
	assert_int_equal(usage(t.sc).conns, 0);
	memcpy(cookie, good, 8);
	syn.cookie_len = 8;
	raw_tcp(t.n, SYN_PEER + 1, 7000, 80, &syn); /* another address */
	net_turn(t.n);
	raw_skip(t.n);
	assert_int_equal(usage(t.sc).conns, 0);
	syn_wait(&t, 3601 * MT_SEC); /* the last hour's key is still good */
	raw_skip(t.n);
	assert_true(syn_put(&t, 7001, &syn, &r));
	assert_int_equal(r.tcp.ack.v, ISN + 11);
	syn_wait(&t, 3600 * MT_SEC);
	raw_skip(t.n);
	assert_true(syn_put(&t, 7002, &syn, &r));
	assert_int_equal(r.tcp.ack.v, ISN + 1);
	net_free(t.n);
}

/* RFC 7413 5.1: no more than the listener allows before their handshakes; a plain one beyond. */
static void test_pending_bound(void **state)
{
	struct stack_config cfg = fo_config();
	struct syn_net t = syn_open(&cfg, 16);
	struct tcp_seg syn = syn_seg(TCPO_MSS | TCPO_FASTOPEN), ack, rst = {.flags = TCPF_RST};
	struct raw_frame r;
	uint8_t cookie[16];

	(void)state;
	stack_listen_fastopen(t.sc, t.lid, 2);
	assert_true(syn_put(&t, 5000, &syn, &r));
	memcpy(cookie, r.tcp.cookie, 8);
	syn.cookie = cookie;
	syn.cookie_len = 8;
	syn.len = 10;
	for (uint16_t i = 0; i < 4; i++) {
		assert_true(syn_put(&t, (uint16_t)(6000 + i), &syn, &r));
		assert_int_equal(r.tcp.ack.v, i < 2 ? ISN + 11 : ISN + 1);
		if (i == 0)
			ack = syn_ack_of(&r.tcp);
	}
	assert_int_equal(usage(t.sc).conns, 2);
	ack.seq = seq_of(ISN + 11);
	assert_false(syn_put(&t, 6000, &ack, &r)); /* one is done, one reset: two more */
	rst.seq = ack.seq;
	assert_false(syn_put(&t, 6001, &rst, &r));
	for (uint16_t i = 0; i < 3; i++) {
		assert_true(syn_put(&t, (uint16_t)(7000 + i), &syn, &r));
		assert_int_equal(r.tcp.ack.v, i < 2 ? ISN + 11 : ISN + 1);
	}
	net_free(t.n);
}

/* The SYN/ACK is lost: the client's plain SYN, and our timer, bring it again. */
static void test_server_repeats(void **state)
{
	struct stack_config cfg = fo_config();
	struct syn_net t = syn_open(&cfg, 16);
	struct tcp_seg syn = syn_seg(TCPO_MSS | TCPO_FASTOPEN), plain = syn_seg(TCPO_MSS), ack;
	struct raw_frame r;
	uint8_t cookie[16];
	int64_t id;

	(void)state;
	stack_listen_fastopen(t.sc, t.lid, 2);
	assert_true(syn_put(&t, 5000, &syn, &r));
	memcpy(cookie, r.tcp.cookie, 8);
	syn.cookie = cookie;
	syn.cookie_len = 8;
	syn.len = 10;
	assert_true(syn_put(&t, 6000, &syn, &r));
	ack = syn_ack_of(&r.tcp);
	ack.seq = seq_of(ISN + 11);
	id = stack_accept(t.sc, t.lid);
	assert_int_equal(stack_send(t.sc, (uint32_t)id, "abc", 3, t.n->now), 3);
	net_turn(t.n);
	assert_true(raw_get_tcp(t.n, &r));
	assert_int_equal(r.tcp.len, 3);
	syn_wait(&t, 600 * MT_MS);
	raw_skip(t.n);
	assert_true(syn_put(&t, 6000, &plain, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(r.tcp.seq.v + 1, ack.ack.v);
	assert_int_equal(r.tcp.ack.v, ISN + 11);
	syn_wait(&t, 500 * MT_MS);
	net_turn(t.n);
	while (raw_get_tcp(t.n, &r) && r.dport != 6000)
		;
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(r.tcp.seq.v + 1, ack.ack.v);
	raw_skip(t.n);
	assert_false(syn_put(&t, 6000, &ack, &r)); /* the data was lost, too: its timer sends it */
	assert_int_equal(stack_state(t.sc, (uint32_t)id), TCPS_ESTABLISHED);
	for (int i = 0; i < 4000; i++) {
		syn_wait(&t, MT_MS);
		if (raw_get_tcp(t.n, &r) && r.dport == 6000)
			break;
	}
	assert_int_equal(r.tcp.len, 3);
	assert_int_equal(r.tcp.seq.v, ack.ack.v);
	net_free(t.n);
}

/* A server that takes only the SYN: the data goes as if it had never been sent. */
static void test_data_refused(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 1);
	ssize_t taken;
	int64_t sid;
	uint32_t id;

	(void)state;
	fo_first(&f);
	stack_listen_fastopen(f.n->b.sc, f.lid, 0);
	id = fo_connect(&f, 3000, &taken);
	assert_int_equal(taken, 3000);
	net_turns(f.n, 10);
	sid = stack_accept(f.n->b.sc, f.lid);
	assert_true(sid >= 0);
	assert_int_equal(stack_readable(f.n->b.sc, (uint32_t)sid), 3000);
	assert_int_equal(stack_stats(f.n->a.sc)->retransmits, 0);
	assert_int_equal(stack_state(f.n->a.sc, id), TCPS_ESTABLISHED);
	fo_end(&f);
}

static uint32_t n_big; /* SYNs with data that the wire has swallowed */

static bool lose_syn_data(const uint8_t *f, uint16_t len)
{
	bool lost = f[12] == 8 && f[13] == 0 && f[23] == IP_TCP && (f[47] & TCPF_SYN) && len > 120;

	n_big += lost;
	return lost;
}

/* A path that swallows data in a SYN: a plain SYN follows, and for a while no other data is risked.
 */
static void test_middlebox(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 4);
	ssize_t taken;
	uint32_t id;

	(void)state;
	fo_first(&f);
	f.n->a.lose = lose_syn_data;
	n_big = 0;
	id = fo_connect(&f, 1000, &taken);
	assert_int_equal(taken, 1000);
	net_run_ms(f.n, 1100);
	assert_int_equal(n_big, 1);
	assert_int_equal(stack_state(f.n->a.sc, id), TCPS_ESTABLISHED);
	assert_int_equal(stack_readable(f.n->b.sc, (uint32_t)stack_accept(f.n->b.sc, f.lid)), 1000);
	id = fo_connect(&f, 1000, &taken);
	assert_int_equal(taken, -EAGAIN);
	net_turns(f.n, 10);
	assert_int_equal(stack_state(f.n->a.sc, id), TCPS_ESTABLISHED);
	f.n->now += 61 * MT_SEC;
	f.n->a.lose = NULL;
	fo_connect(&f, 1000, &taken);
	assert_int_equal(taken, 1000);
	net_turns(f.n, 10);
	assert_int_equal(stack_stats(f.n->a.sc)->fastopen_sent, 2);
	fo_end(&f);
}

/* A plain SYN's answer says nothing of the data that was lost: the pause doubles. */
static void test_a_middlebox_stays(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 4);
	ssize_t taken;

	(void)state;
	fo_first(&f);
	f.n->a.lose = lose_syn_data;
	for (int i = 0; i < 2; i++) {
		fo_connect(&f, 1000, &taken);
		assert_int_equal(taken, 1000);
		net_run_ms(f.n, 1100);
		f.n->now += 61 * MT_SEC;
	}
	fo_connect(&f, 1000, &taken);
	assert_int_equal(taken, -EAGAIN);
	fo_end(&f);
}

static bool lose_all(const uint8_t *f, uint16_t len)
{
	(void)f;
	(void)len;
	return true;
}

/* Of a server that is down only the first SYN had data to lose. */
static void test_a_dead_server_loses_data_once(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 4);
	ssize_t taken;

	(void)state;
	fo_first(&f);
	f.n->a.lose = lose_all;
	fo_connect(&f, 1000, &taken);
	net_run_ms(f.n, 10000);
	f.n->now += 61 * MT_SEC;
	fo_connect(&f, 1000, &taken);
	assert_int_equal(taken, 1000);
	fo_end(&f);
}

/* A held SYN leaves with a shutdown, and a close forgets it. */
static void test_nothing_written(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 4);
	ssize_t taken;
	uint32_t id;

	(void)state;
	fo_first(&f);
	id = fo_connect(&f, 0, &taken);
	assert_int_equal(stack_get_option(f.n->a.sc, id, TCP_OPT_FASTOPEN), 1);
	assert_int_equal(stack_ready(f.n->a.sc, id), STACK_OUT);
	net_run_ms(f.n, 5000);
	assert_int_equal(stack_state(f.n->a.sc, id), TCPS_SYN_SENT);
	stack_shutdown(f.n->a.sc, id, SHUT_WR, f.n->now);
	net_turns(f.n, 10);
	assert_true(stack_accept(f.n->b.sc, f.lid) >= 0);
	id = fo_connect(&f, 0, &taken);
	stack_close(f.n->a.sc, id, f.n->now);
	net_turns(f.n, 10);
	assert_int_equal(stack_accept(f.n->b.sc, f.lid), -EAGAIN);
	fo_end(&f);
}

static void test_switched_off(void **state)
{
	struct stack_config cfg = fo_config();
	struct fo f = fo_open(&cfg, 4);
	struct stack_config off = fo_config();
	struct net *n;

	(void)state;
	fo_end(&f);
	off.fastopen = 0;
	n = net_pair(&off, &off);
	assert_int_equal(stack_listen_fastopen(n->b.sc, (uint32_t)net_listen(n, 80, 4), 4),
			 -EOPNOTSUPP);
	assert_int_equal(stack_set_option(n->a.sc, (uint32_t)net_connect(n, 80), TCP_OPT_FASTOPEN,
					  1, n->now),
			 -EOPNOTSUPP);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saves_a_round_trip),
		cmocka_unit_test(test_answer_before_handshake),
		cmocka_unit_test(test_bad_cookies),
		cmocka_unit_test(test_pending_bound),
		cmocka_unit_test(test_server_repeats),
		cmocka_unit_test(test_data_refused),
		cmocka_unit_test(test_middlebox),
		cmocka_unit_test(test_a_middlebox_stays),
		cmocka_unit_test(test_a_dead_server_loses_data_once),
		cmocka_unit_test(test_nothing_written),
		cmocka_unit_test(test_switched_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
