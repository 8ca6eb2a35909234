// SPDX-License-Identifier: BSD-3-Clause
/* The ring of last events: what is in it, in which order, how long it can be read. */
#include <errno.h>
#include <sys/socket.h>

#include "stack/trace_print.h"
#include "test_stack_raw.h"

#define PORT 80

struct opened { /* a client with a connection to a server, both ends real */
	struct net *n;
	uint32_t client, server;
};

static struct opened open_pair(uint16_t n_events)
{
	struct stack_config cfg = net_config();
	struct opened o;
	int64_t lid, id;

	cfg.trace_events = n_events;
	o.n = net_pair(&cfg, &cfg);
	lid = net_listen(o.n, PORT, 8);
	o.client = (uint32_t)net_connect(o.n, PORT);
	net_turns(o.n, 6);
	id = stack_accept(o.n->b.sc, (uint32_t)lid);
	assert_true(id >= 0);
	o.server = (uint32_t)id;
	return o;
}

static void close_pair(struct opened *o)
{
	stack_close(o->n->a.sc, o->client, o->n->now);
	stack_close(o->n->b.sc, o->server, o->n->now);
	net_turns(o->n, 10);
	net_free(o->n);
}

static void is(const struct trace_event *e, enum trace_kind kind, unsigned low)
{
	assert_int_equal(trace_kind(e), kind);
	assert_int_equal(e->what & 15, low);
}

static void test_handshake_from_both_ends(void **state)
{
	struct opened o = open_pair(8);
	struct trace_event e[8];

	(void)state;
	assert_int_equal(stack_trace_read(o.n->a.sc, o.client, e, 8), 4);
	is(&e[0], TRACE_CALL, TCPS_SYN_SENT);
	assert_int_equal(e[0].flags, TRACE_CALL_CONNECT);
	is(&e[1], TRACE_OUT, TCPS_SYN_SENT);
	assert_int_equal(e[1].flags, TCPF_SYN);
	is(&e[2], TRACE_IN, TCPS_ESTABLISHED);
	assert_int_equal(e[2].flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(e[2].ack.v, e[1].seq.v + 1);
	is(&e[3], TRACE_OUT, TCPS_ESTABLISHED);
	assert_int_equal(e[3].flags, TCPF_ACK);

	/* A listener's side begins with what made a connection of the half-open one. */
	assert_int_equal(stack_trace_read(o.n->b.sc, o.server, e, 8), 2);
	is(&e[0], TRACE_IN, TCPS_ESTABLISHED);
	assert_int_equal(e[0].flags, TCPF_ACK);
	is(&e[1], TRACE_CALL, TCPS_ESTABLISHED);
	assert_int_equal(e[1].flags, TRACE_CALL_ACCEPT);
	close_pair(&o);
}

/* The newest are kept, oldest first, however few are asked for; also when their count, which has 16
 * bits, has gone round. */
static void test_ring_keeps_the_newest(void **state)
{
	struct opened o = open_pair(4);
	struct trace_event all[4], two[2];
	char byte;

	(void)state;
	stack_set_option(o.n->a.sc, o.client, TCP_OPT_NODELAY, 1, o.n->now);
	for (unsigned i = 0; i < 70000; i++) {
		assert_int_equal(stack_send(o.n->a.sc, o.client, "x", 1, o.n->now), 1);
		net_turns(o.n, 2);
		assert_int_equal(stack_recv(o.n->b.sc, o.server, &byte, 1, o.n->now), 1);
		assert_true(i < 4 || stack_trace_read(o.n->a.sc, o.client, all, 4) == 4);
	}
	assert_int_equal(stack_trace_read(o.n->a.sc, o.client, all, 4), 4);
	assert_int_equal(stack_trace_read(o.n->a.sc, o.client, two, 2), 2);
	assert_memory_equal(two, all + 2, sizeof(two));
	for (unsigned i = 1; i < 4; i++)
		assert_true(all[i].at - all[i - 1].at < 1000);
	assert_true(seq_diff(all[3].seq, all[0].seq) != 0 || all[3].ack.v != all[0].ack.v);
	close_pair(&o);
}

static void test_dropped_segment_says_why(void **state)
{
	struct opened o = open_pair(8);
	struct ip_endpoint local, remote;
	struct tcp_seg s = {.flags = TCPF_ACK, .len = 5, .wnd = 100};
	struct trace_event e[8];
	struct stack_usage u;
	unsigned n;

	(void)state;
	stack_names(o.n->a.sc, o.client, &local, &remote);
	n = stack_trace_read(o.n->a.sc, o.client, e, 8);
	s.seq = seq_add(e[n - 1].ack, 1u << 30);
	s.ack = e[n - 1].seq;
	raw_tcp(o.n, ip_to_v4(&remote.addr), remote.port, local.port, &s); /* a forger's */
	net_turn(o.n);
	n = stack_trace_read(o.n->a.sc, o.client, e, 8);
	for (unsigned i = 0; i < n; i++) {
		if (trace_kind(&e[i]) == TRACE_DROP) {
			is(&e[i], TRACE_DROP, TCP_DROP_PAWS); /* it has no timestamp */
			assert_int_equal(e[i].seq.v, s.seq.v);
			assert_int_equal(e[i].len, 5);
			stack_usage(o.n->a.sc, &u);
			assert_int_equal(u.buf_bytes, 0); /* a forger takes no memory */
			close_pair(&o);
			return;
		}
	}
	fail_msg("no drop recorded");
}

static bool lose_all(const uint8_t *frame, uint16_t len)
{
	(void)frame, (void)len;
	return true;
}

static void test_timeout_and_second_sending(void **state)
{
	struct opened o = open_pair(16);
	bool timer = false, again = false;
	struct trace_event e[16];
	unsigned n;

	(void)state;
	o.n->a.lose = lose_all;
	assert_int_equal(stack_send(o.n->a.sc, o.client, "hello", 5, o.n->now), 5);
	net_run_ms(o.n, 1500);
	n = stack_trace_read(o.n->a.sc, o.client, e, 16);
	for (unsigned i = 0; i < n; i++) {
		timer |= trace_kind(&e[i]) == TRACE_TIMER && (e[i].len & TCP_EV_RTO);
		again |= trace_kind(&e[i]) == TRACE_AGAIN && e[i].len == 5;
	}
	assert_true(timer && again);
	o.n->a.lose = NULL;
	net_run_ms(o.n, 5000);
	close_pair(&o);
}

/* Also when its owner has let go: until the block serves another connection. */
static void test_readable_after_the_end(void **state)
{
	struct opened o = open_pair(8);
	struct ip_endpoint local, remote;
	struct trace_event e[8];
	struct stack_usage u;
	uint32_t next;
	unsigned n;

	(void)state;
	stack_abort(o.n->a.sc, o.client, o.n->now);
	net_turns(o.n, 4);
	stack_usage(o.n->a.sc, &u);
	assert_int_equal(u.conns, 0);
	n = stack_trace_read(o.n->a.sc, o.client, e, 8);
	assert_true(n > 2);
	is(&e[n - 2], TRACE_CALL, TCPS_CLOSED);
	assert_int_equal(e[n - 2].flags, TRACE_CALL_ABORT);
	is(&e[n - 1], TRACE_OUT, TCPS_CLOSED);
	assert_true(e[n - 1].flags & TCPF_RST);
	stack_names(o.n->a.sc, o.client, &local, &remote);
	assert_int_equal(ip_to_v4(&local.addr), 0x0a000001);
	assert_true(ip_is_v4(&local.addr));
	assert_int_equal(remote.port, PORT);

	next = (uint32_t)net_connect(o.n, PORT);
	assert_int_equal(next, o.client);
	assert_int_equal(stack_trace_read(o.n->a.sc, next, e, 8), 1);
	stack_abort(o.n->a.sc, next, o.n->now);
	stack_close(o.n->b.sc, o.server, o.n->now);
	net_turns(o.n, 4);
	net_free(o.n);
}

static void test_failure_from_outside(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n;
	struct trace_event e[8];
	struct ip_endpoint silent = endpoint(0x0a000063, PORT);
	unsigned k;
	int64_t id;

	(void)state;
	n = raw_net(&cfg);
	id = stack_connect(n->a.sc, NULL, &silent, n->now);
	net_run_ms(n, 5000);
	k = stack_trace_read(n->a.sc, (uint32_t)id, e, 8);
	assert_int_equal(k, 2);
	is(&e[1], TRACE_CALL, TCPS_CLOSED);
	assert_int_equal(e[1].flags, TRACE_CALL_FAIL);
	assert_int_equal(e[1].len, EHOSTUNREACH);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	net_free(n);
}

static void test_off(void **state)
{
	struct opened o = open_pair(0);
	struct trace_event e[8];

	(void)state;
	assert_int_equal(stack_trace_read(o.n->a.sc, o.client, e, 8), 0);
	assert_int_equal(stack_trace_ids(o.n->a.sc), 0);
	close_pair(&o);
}

static void test_ids_never_used_and_bad_lengths(void **state)
{
	struct opened o = open_pair(8);
	struct stack_config cfg = net_config();
	struct trace_event e[8];
	const char *err;
	static _Alignas(64) uint8_t mem[64];

	(void)state;
	assert_int_equal(stack_trace_ids(o.n->a.sc), 1);
	assert_int_equal(stack_trace_read(o.n->a.sc, 1, e, 8), 0);
	assert_int_equal(stack_trace_read(o.n->a.sc, UINT32_MAX, e, 8), 0);
	for (uint16_t bad = 3; bad < 1024; bad = (uint16_t)(bad * 2 + 1)) {
		cfg.trace_events = bad;
		assert_null(stack_core_init(mem, sizeof(mem), &cfg, &o.n->a.nic, &err));
		assert_string_equal(err, "trace_events must be 0 or a power of two up to 256");
	}
	close_pair(&o);
}

static void test_text(void **state)
{
	struct opened o = open_pair(8);
	char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	trace_print_all(o.n->a.sc, out);
	fclose(out);
	assert_non_null(strstr(text, " <> 10.0.0.2:80 id 0\n"));
	assert_non_null(strstr(text, "call  connect SYN-SENT\n"));
	assert_non_null(strstr(text, "in    [S.] seq "));
	assert_non_null(strstr(text, " len 0 ESTABLISHED\n"));
	close_pair(&o);
}

static void test_drops_have_names(void **state)
{
	(void)state;
	for (unsigned drop = 1; drop < TCP_DROP_COUNT; drop++)
		assert_string_not_equal(trace_drop_name(drop), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_from_both_ends),
		cmocka_unit_test(test_ring_keeps_the_newest),
		cmocka_unit_test(test_dropped_segment_says_why),
		cmocka_unit_test(test_timeout_and_second_sending),
		cmocka_unit_test(test_readable_after_the_end),
		cmocka_unit_test(test_failure_from_outside),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_ids_never_used_and_bad_lengths),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_drops_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, net_explain);
}
