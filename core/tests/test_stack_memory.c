// SPDX-License-Identifier: BSD-3-Clause
/* Memory for what comes in: only for what is kept, and never all of it for what nobody can read. */
#include <errno.h>

#include "test_stack_raw.h"

#define PEER   0x0a000002u
#define WINDOW 65535u

/* A connection to port 80 of the peer, who has sent one byte, which nobody reads. */
struct one {
	struct net *n;
	uint32_t id;
	uint16_t port;
	struct tcp_seg next; /* the peer's next byte would go so */
};

static struct net *open_net(size_t buf_bytes)
{
	struct stack_neigh_entry peer = {ip_from_v4(PEER), raw_mac};
	struct stack_config cfg = net_config();
	struct net *n;

	cfg.neighs = &peer;
	cfg.n_neighs = 1;
	cfg.buf_bytes = buf_bytes;
	cfg.tcp.rcvbuf = WINDOW;
	n = raw_net(&cfg);
	net_turn(n);
	raw_skip(n);
	return n;
}

static void put(struct one *o, struct tcp_seg s)
{
	raw_tcp(o->n, PEER, 80, o->port, &s);
	net_turns(o->n, 2);
	raw_skip(o->n);
}

static struct one connect_one(struct net *n)
{
	struct ip_endpoint remote = endpoint(PEER, 80);
	struct one o = {.n = n};
	struct raw_frame r;
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
			    .seq = seq_of(1),
			    .wnd = 60000,
			    .opts = TCPO_MSS | TCPO_TS,
			    .mss = 1000,
			    .ts_val = 100};

	o.id = (uint32_t)stack_connect(n->a.sc, NULL, &remote, n->now);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	o.port = r.sport;
	s.ack = seq_add(r.tcp.seq, 1);
	s.ts_ecr = r.tcp.ts_val;
	put(&o, s);
	s.flags = TCPF_ACK;
	s.seq = seq_of(2);
	s.opts = TCPO_TS;
	s.len = 1;
	put(&o, s);
	s.seq = seq_of(3);
	o.next = s;
	assert_int_equal(stack_readable(n->a.sc, o.id), 1);
	return o;
}

static size_t used(const struct net *n)
{
	struct stack_usage u;

	stack_usage(n->a.sc, &u);
	return u.buf_bytes;
}

/* Of a segment that is refused, or kept in small part. */
static void test_no_memory_for_what_is_refused(void **state)
{
	struct net *n = open_net(8u << 20);
	struct one o = connect_one(n);
	size_t before = used(n);
	struct tcp_seg s;

	(void)state;
	s = o.next, s.seq = seq_add(s.seq, 50000), s.ts_val = 99; /* PAWS */
	put(&o, s);
	s = o.next, s.seq = seq_add(s.seq, 50000), s.ack = seq_add(s.ack, 1);
	put(&o, s);
	s = o.next, s.seq = seq_add(s.seq, 50000), s.flags = 0; /* no ACK */
	put(&o, s);
	s = o.next, s.seq = seq_add(s.seq, 50000), s.opts = 0; /* no timestamp */
	put(&o, s);
	s = o.next, s.seq = seq_add(s.seq, 1u << 20); /* beyond the window */
	put(&o, s);
	s = o.next, s.seq = seq_add(s.seq, 50000), s.flags |= TCPF_SYN;
	put(&o, s);
	s = o.next, s.seq = seq_add(s.seq, -1u); /* old */
	put(&o, s);
	assert_int_equal(used(n), before);
	s = o.next, s.seq = seq_add(s.seq, 50000);
	put(&o, s);
	assert_true(used(n) >= before + 50000);
	stack_abort(n->a.sc, o.id, n->now);
	net_turns(n, 2);
	net_free(n);
}

/* Behind the peer's FIN there is nothing. */
static void test_no_memory_behind_the_end(void **state)
{
	struct net *n = open_net(8u << 20);
	struct one o = connect_one(n);
	struct tcp_seg s = o.next;
	char b;

	(void)state;
	s.len = 0;
	s.flags |= TCPF_FIN;
	put(&o, s);
	assert_int_equal(stack_recv(n->a.sc, o.id, &b, 1, n->now), 1);
	assert_int_equal(used(n), 0);
	s = o.next, s.seq = seq_add(s.seq, 1), s.len = 100;
	put(&o, s);
	assert_int_equal(used(n), 0);
	stack_abort(n->a.sc, o.id, n->now);
	net_turns(n, 2);
	net_free(n);
}

/* Peers that send the last byte of their window and nothing before it: the others go on, and so
 * does each of them in order. */
static void test_memory_left_by_holes(void **state)
{
	struct net *n = open_net(1u << 20);
	struct one o[32];
	struct tcp_seg s;

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		o[i] = connect_one(n);
		s = o[i].next, s.seq = seq_add(s.seq, 60000);
		put(&o[i], s);
	}
	assert_true(stack_stats(n->a.sc)->no_memory > 0);
	assert_true(used(n) < (1u << 20) * 3 / 4);
	for (unsigned i = 0; i < 32; i++) {
		s = o[i].next, s.len = 1000;
		put(&o[i], s);
		assert_int_equal(stack_readable(n->a.sc, o[i].id), 1001);
		stack_abort(n->a.sc, o[i].id, n->now);
	}
	net_turns(n, 2);
	assert_int_equal(used(n), 0);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_memory_for_what_is_refused),
		cmocka_unit_test(test_no_memory_behind_the_end),
		cmocka_unit_test(test_memory_left_by_holes),
	};

	return cmocka_run_group_tests(tests, NULL, net_explain);
}
