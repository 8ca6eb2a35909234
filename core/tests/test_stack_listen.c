// SPDX-License-Identifier: BSD-3-Clause
/* Listeners: lookup, backlog, closing (faults 12 and 17), segments for nobody, TIME-WAIT and SYN.
 */
#include <errno.h>

#include "test_stack_raw.h"

#define US   0x0a000001u
#define PEER 0x0a000002u

static struct stack_usage usage(const struct stack_core *sc)
{
	struct stack_usage u;

	stack_usage(sc, &u);
	return u;
}

/* A listener that knows its peer. n_conns: blocks in all; 0: as usual. */
static struct net *listening(uint32_t n_conns, uint32_t backlog, uint32_t *lid)
{
	struct stack_neigh_entry peer = {ip_from_v4(PEER), raw_mac};
	struct ip_endpoint any = endpoint(0, 80);
	struct stack_config cfg = net_config();
	struct net *n;

	if (n_conns)
		cfg.n_conns = n_conns;
	cfg.neighs = &peer;
	cfg.n_neighs = 1;
	n = raw_net(&cfg);
	net_turn(n);
	raw_skip(n);
	*lid = (uint32_t)stack_listen(n->a.sc, &any, backlog, n->now);
	return n;
}

static struct net *open_raw(uint32_t backlog, uint32_t *lid)
{
	return listening(0, backlog, lid);
}

/* The rest of a handshake that the raw end began from port sport with sequence 1000. */
static void raw_finish(struct net *n, uint16_t sport, const struct tcp_seg *syn_ack, uint16_t len)
{
	struct tcp_seg s = {
		.flags = TCPF_ACK,
		.seq = seq_of(1001),
		.ack = seq_add(syn_ack->seq, 1),
		.wnd = 65535,
		.len = len,
	};

	raw_tcp(n, PEER, sport, 80, &s);
}

static void test_lookup(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw_net(&cfg);
	struct ip_endpoint any = endpoint(0, 80), ours = endpoint(US, 80),
			   free_port = endpoint(0, 0);
	struct stack_core *sc = n->a.sc;
	int64_t l1, l2;

	(void)state;
	l1 = stack_listen(sc, &any, 4, n->now);
	assert_true(l1 >= 0);
	assert_int_equal(stack_listen(sc, &any, 4, n->now), -EADDRINUSE);
	l2 = stack_listen(sc, &ours, 4, n->now);
	assert_true(l2 >= 0);
	assert_int_equal(stack_listen(sc, &ours, 4, n->now), -EADDRINUSE);
	ours = endpoint(US + 1, 80);
	assert_int_equal(stack_listen(sc, &ours, 4, n->now), -EADDRNOTAVAIL);
	assert_true(stack_listen(sc, &free_port, 4, n->now) >= 0);
	stack_listen_set_cookie(sc, (uint32_t)l1, 11);
	stack_listen_set_cookie(sc, (uint32_t)l2, 22);
	stack_listen_close(sc, (uint32_t)l2, n->now);
	stack_listen_close(sc, (uint32_t)l1, n->now);
	assert_true(stack_listen(sc, &any, 4, n->now) >= 0);
	for (uint16_t p = 1; p < 63; p++) {
		any.port = p;
		assert_true(p == 80 || stack_listen(sc, &any, 4, n->now) >= 0);
	}
	any.port = 100;
	assert_int_equal(stack_listen(sc, &any, 4, n->now), -ENOBUFS);
	net_free(n);
}

/* The most exact listener gets the connection. */
static void test_exact_first(void **state)
{
	uint32_t lid;
	struct net *n = open_raw(4, &lid);
	struct ip_endpoint ours = endpoint(US, 80);
	uint32_t exact = (uint32_t)stack_listen(n->a.sc, &ours, 4, n->now);
	struct raw_frame r;

	(void)state;
	raw_syn(n, PEER, 5000, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	raw_finish(n, 5000, &r.tcp, 0);
	net_turn(n);
	assert_int_equal(stack_listen_ready(n->a.sc, lid), 0);
	assert_int_equal(stack_listen_ready(n->a.sc, exact), STACK_IN);
	net_free(n);
}

/* SYN, its ACK and data in one burst: each finds what the one before it made. */
static void test_one_burst(void **state)
{
	uint32_t lid;
	struct net *n = open_raw(4, &lid);
	struct tcp_seg rst = {.flags = TCPF_RST, .seq = seq_of(1001)};
	struct raw_frame r;
	int64_t id;

	(void)state;
	raw_syn(n, PEER, 5000, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	raw_finish(n, 5000, &r.tcp, 0);
	raw_finish(n, 5000, &r.tcp, 100);
	net_turn(n);
	id = stack_accept(n->a.sc, lid);
	assert_true(id >= 0);
	assert_int_equal(stack_readable(n->a.sc, (uint32_t)id), 100);
	assert_true(stack_has_events(n->a.sc)); /* data that came before accept is news */
	raw_syn(n, PEER, 5001, 80);
	raw_tcp(n, PEER, 5001, 80, &rst);
	raw_syn(n, PEER, 5001, 80);
	net_turn(n);
	assert_int_equal(usage(n->a.sc).half_open, 1);
	assert_int_equal(usage(n->a.sc).conns, 1);
	net_free(n);
}

/* Beyond the backlog SYNs are dropped and counted; when entries go, new ones are taken again. */
static void test_backlog(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = net_pair(&cfg, &cfg);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), id[20];
	uint32_t n_acc = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		id[i] = (uint32_t)net_connect(n, 80);
	net_turns(n, 20);
	assert_int_equal(usage(n->b.sc).conns, 8);
	assert_true(stack_stats(n->b.sc)->accept_overflow >= 12);
	for (int ms = 0; ms < 8000 && n_acc < 20; ms++) {
		while (stack_accept(n->b.sc, lid) >= 0)
			n_acc++;
		net_run_ms(n, 1);
	}
	assert_int_equal(n_acc, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(stack_state(n->a.sc, id[i]), TCPS_ESTABLISHED);
	net_free(n);
}

/* Fault 12: closing a listener with half-open and unaccepted connections resets them; SYNs that
 * come later meet nobody; its id can be used again at once. */
static void test_close(void **state)
{
	uint32_t lid;
	struct net *n = open_raw(16, &lid);
	struct ip_endpoint any = endpoint(0, 80);
	unsigned rst = 0;
	struct raw_frame r;

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		raw_syn(n, PEER, (uint16_t)(5000 + i), 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	raw_finish(n, r.dport, &r.tcp, 10);
	net_turn(n);
	assert_true(stack_has_events(n->a.sc));
	raw_skip(n);
	stack_listen_close(n->a.sc, lid, n->now);
	assert_false(stack_has_events(n->a.sc));
	raw_syn(n, PEER, 6000, 80);
	net_turn(n);
	while (raw_get_tcp(n, &r))
		rst += (r.tcp.flags & TCPF_RST) != 0;
	assert_int_equal(rst, 4);
	assert_int_equal(stack_stats(n->a.sc)->drop_no_listener, 1);
	assert_all_back(n->a.sc);
	assert_int_equal(usage(n->a.sc).listeners, 0);
	assert_int_equal(stack_listen(n->a.sc, &any, 16, n->now), lid);
	raw_syn(n, PEER, 6001, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	net_free(n);
}

/* The peer resets what the application has not accepted yet: it is accepted, and says so. */
static void test_reset_in_queue(void **state)
{
	uint32_t lid;
	struct net *n = open_raw(16, &lid);
	struct tcp_seg rst = {.flags = TCPF_RST, .seq = seq_of(1001)};
	struct stack_event ev[2];
	struct raw_frame r;
	int64_t id;

	(void)state;
	raw_syn(n, PEER, 5000, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	raw_finish(n, 5000, &r.tcp, 0);
	raw_tcp(n, PEER, 5000, 80, &rst);
	net_turn(n);
	assert_int_equal(stack_events(n->a.sc, ev, 2), 1);
	assert_true(ev[0].listener);
	id = stack_accept(n->a.sc, lid);
	assert_true(id >= 0);
	assert_int_equal(stack_accept(n->a.sc, lid), -EAGAIN);
	assert_int_equal(stack_events(n->a.sc, ev, 2), 1);
	assert_true(ev[0].edge & STACK_ERR);
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), ECONNRESET);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* Answers without a connection are bounded per turn, the rest counted. */
static void test_reset_storm(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n;

	(void)state;
	cfg.tx_batch = 32;
	n = raw_net(&cfg);
	net_turn(n);
	raw_skip(n);
	for (uint16_t i = 0; i < 64; i++)
		raw_syn(n, PEER, (uint16_t)(5000 + i), 99);
	net_turn(n);
	assert_int_equal(raw_skip(n), 16);
	assert_int_equal(stack_stats(n->a.sc)->replies_dropped, 48);
	assert_int_equal(stack_stats(n->a.sc)->drop_no_listener, 64);
	net_free(n);
}

static void test_pool_empty(void **state)
{
	struct stack_neigh_entry peer = {ip_from_v4(PEER), raw_mac};
	struct ip_endpoint any = endpoint(0, 80), to = endpoint(PEER, 80);
	struct stack_config cfg = net_config();
	struct net *n;

	(void)state;
	cfg.n_conns = 2;
	cfg.neighs = &peer;
	cfg.n_neighs = 1;
	n = raw_net(&cfg);
	stack_listen(n->a.sc, &any, 10, n->now);
	for (uint16_t i = 0; i < 3; i++) {
		struct raw_frame r;

		raw_syn(n, PEER, (uint16_t)(5000 + i), 80);
		net_turn(n);
		assert_int_equal(raw_get_tcp(n, &r), i < 2);
		if (i < 2)
			raw_finish(n, r.dport, &r.tcp, 0);
		net_turn(n);
	}
	assert_int_equal(stack_stats(n->a.sc)->no_conn, 1);
	assert_int_equal(stack_connect(n->a.sc, NULL, &to, n->now), -ENOBUFS);
	net_free(n);
}

/* The peer never acknowledges the answer. The server's first sequence number. */
static tcp_seq raw_answered(struct net *n, uint32_t lid, uint16_t sport, uint32_t *server)
{
	tcp_seq iss;
	struct raw_frame r;
	int64_t id;

	raw_syn(n, PEER, sport, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	iss = r.tcp.seq;
	raw_finish(n, sport, &r.tcp, 0);
	net_turns(n, 3);
	id = stack_accept(n->a.sc, lid);
	assert_true(id >= 0);
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, "answer", 6, n->now), 6);
	*server = (uint32_t)id;
	return iss;
}

/* The same, and the server has closed. */
static tcp_seq raw_orphan(struct net *n, uint32_t lid, uint16_t sport)
{
	uint32_t id;
	tcp_seq iss = raw_answered(n, lid, sport, &id);

	stack_close(n->a.sc, id, n->now);
	net_turn(n);
	raw_skip(n);
	return iss;
}

/* The same, but its owner, who calls it by its port, has more to send of what was written. */
static uint32_t raw_owned_orphan(struct net *n, uint32_t lid, uint16_t sport)
{
	uint32_t id;

	raw_answered(n, lid, sport, &id);
	stack_set_cookie(n->a.sc, id, sport);
	stack_orphan(n->a.sc, id, n->now);
	net_turn(n);
	raw_skip(n);
	return id;
}

/* When all blocks are used the oldest orphan gives way, once it had its time, and tells its peer:
 * to a connection that is really opened, not to a SYN. */
static void test_oldest_orphan_gives_way(void **state)
{
	struct ip_endpoint to = endpoint(PEER, 80);
	struct tcp_seg late = {.flags = TCPF_ACK, .seq = seq_of(1001)};
	const struct mtcp_stats *s;
	struct raw_frame r;
	uint32_t lid;
	struct net *n = listening(3, 10, &lid);

	(void)state;
	s = stack_stats(n->a.sc);
	for (uint16_t i = 0; i < 3; i++)
		raw_orphan(n, lid, (uint16_t)(5000 + i));
	raw_syn(n, PEER, 6000, 80);
	net_turn(n);
	assert_false(raw_get_tcp(n, &r));
	assert_int_equal(s->no_conn, 1);
	n->now += 10 * MT_SEC;
	net_turns(n, 3);
	raw_skip(n);
	raw_syn(n, PEER, 6000, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(s->orphans_displaced, 0);
	raw_finish(n, 6000, &r.tcp, 0);
	net_turns(n, 3);
	assert_int_equal(s->orphans_displaced, 1);
	assert_true(raw_get_tcp(n, &r) && r.dport == 5000 && (r.tcp.flags & TCPF_RST));
	assert_true(stack_accept(n->a.sc, lid) >= 0);
	assert_true(stack_connect(n->a.sc, NULL, &to, n->now) >= 0);
	assert_int_equal(s->orphans_displaced, 2);
	assert_int_equal(usage(n->a.sc).conns, 3);
	net_turn(n);
	raw_skip(n);
	for (uint16_t i = 0; i < 3; i++) { /* the first two are gone, the last is not */
		raw_tcp(n, PEER, (uint16_t)(5000 + i), 80, &late);
		net_turn(n);
		assert_int_equal(raw_get_tcp(n, &r) && (r.tcp.flags & TCPF_RST), i < 2);
	}
	net_free(n);
}

/* Not one whose peer still takes what it has to send, if slowly. */
static void test_orphan_with_progress_stays(void **state)
{
	struct ip_endpoint to = endpoint(PEER, 80);
	struct tcp_seg part = {.flags = TCPF_ACK, .seq = seq_of(1001), .wnd = 65535};
	struct raw_frame r;
	uint32_t lid;
	struct net *n = listening(2, 10, &lid);

	(void)state;
	part.ack = seq_add(raw_orphan(n, lid, 5000), 1 + 3); /* half of the answer */
	raw_orphan(n, lid, 5001);
	n->now += 9 * MT_SEC;
	raw_tcp(n, PEER, 5000, 80, &part);
	net_turns(n, 3);
	raw_skip(n);
	n->now += 2 * MT_SEC;
	assert_true(stack_connect(n->a.sc, NULL, &to, n->now) >= 0);
	assert_int_equal(stack_stats(n->a.sc)->orphans_displaced, 1);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r) && r.dport == 5001 && (r.tcp.flags & TCPF_RST));
	net_free(n);
}

/* Bits reported of the orphan of this name, if any. */
static uint32_t news_of(struct net *n, uint64_t cookie)
{
	struct stack_event ev;
	uint32_t ready = 0;

	while (stack_events(n->a.sc, &ev, 1))
		ready |= ev.cookie == cookie ? ev.ready : 0;
	return ready;
}

/* One whose owner still feeds it gives way like the others: the owner is told, and with its close
 * the block is free. */
static void test_owned_orphan_gives_way(void **state)
{
	const struct mtcp_stats *s;
	struct raw_frame r;
	struct tcp_seg ack;
	uint32_t lid, id[2];
	struct net *n = listening(2, 10, &lid);

	(void)state;
	s = stack_stats(n->a.sc);
	id[0] = raw_owned_orphan(n, lid, 5000);
	n->now += 5 * MT_SEC;
	id[1] = raw_owned_orphan(n, lid, 5001);
	(void)news_of(n, 0);
	n->now += 4 * MT_SEC;
	net_turns(n, 3);
	raw_syn(n, PEER, 6000, 80);
	net_turn(n);
	assert_int_equal(s->no_conn, 1);
	n->now += 2 * MT_SEC;
	net_turns(n, 3);
	raw_skip(n);
	raw_syn(n, PEER, 6000, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(s->orphans_displaced, 0);
	ack = (struct tcp_seg){.flags = TCPF_ACK, .seq = r.tcp.ack, .ack = seq_add(r.tcp.seq, 1)};
	raw_tcp(n, PEER, 6000, 80, &ack);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r) && r.dport == 5000 && (r.tcp.flags & TCPF_RST));
	assert_true(news_of(n, 5000) & STACK_HUP);
	assert_int_equal(stack_send(n->a.sc, id[0], "more", 4, n->now), -EPIPE);
	stack_close(n->a.sc, id[0], n->now);
	raw_tcp(n, PEER, 6000, 80, &ack);
	net_turn(n);
	assert_true(stack_accept(n->a.sc, lid) >= 0);
	assert_int_equal(s->orphans_displaced, 1);
	assert_int_equal(stack_send(n->a.sc, id[1], "more", 4, n->now), 4);
	stack_close(n->a.sc, id[1], n->now);
	net_free(n);
}

/* With the last block goes the one that stands still by then, so that the next finds its own. */
static void test_owned_orphan_gives_way_ahead(void **state)
{
	struct ip_endpoint to = endpoint(PEER, 80);
	uint32_t lid, id;
	struct net *n = listening(2, 10, &lid);

	(void)state;
	id = raw_owned_orphan(n, lid, 5000);
	(void)news_of(n, 0);
	n->now += 11 * MT_SEC;
	net_turn(n);
	assert_true(stack_connect(n->a.sc, NULL, &to, n->now) >= 0);
	assert_true(news_of(n, 5000) & STACK_HUP);
	stack_close(n->a.sc, id, n->now);
	assert_true(stack_connect(n->a.sc, NULL, &to, n->now) >= 0);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_exact_first),
		cmocka_unit_test(test_one_burst),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_reset_in_queue),
		cmocka_unit_test(test_reset_storm),
		cmocka_unit_test(test_pool_empty),
		cmocka_unit_test(test_oldest_orphan_gives_way),
		cmocka_unit_test(test_orphan_with_progress_stays),
		cmocka_unit_test(test_owned_orphan_gives_way),
		cmocka_unit_test(test_owned_orphan_gives_way_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, net_explain);
}
