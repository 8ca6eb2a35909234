/* SPDX-License-Identifier: BSD-3-Clause */
/* Two stack cores on a trivial in-memory wire, in virtual time; either end may be played by the
 * test itself. */
#ifndef TESTS_TEST_STACK_NET_H
#define TESTS_TEST_STACK_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stack/trace_print.h"
#include "test_stack_dev.h"

struct net {
	struct net_end a, b; /* client 10.0.0.1, server 10.0.0.2 */
	mt_time now;
	struct net *next; /* of those not yet freed */
};

static struct net *nets;

static inline void net_end_init(struct net_end *e, struct net_end *peer, uint8_t station)
{
	e->nic = (struct nic){
		.ops = &net_ops,
		.dev = e,
		.mac = {2, 0, 0, 0, 0, station},
		.mtu = 1500,
		.n_queues = 1,
	};
	e->peer = peer;
	e->tx_room = e->bufs_left = UINT32_MAX;
}

static inline struct stack_config net_config(void)
{
	struct stack_config cfg = stack_config_default;

	cfg.n_conns = 256;
	cfg.n_time_wait = 256;
	cfg.n_neigh = 16;
	cfg.buf_bytes = 8u << 20;
	cfg.tcp = tcp_config_default;
	return cfg;
}

/* n addresses from 10.0.0.last on, /16 on link, unless the configuration has its own. */
static inline void net_open(struct net_end *e, const struct stack_config *base, uint8_t last)
{
	struct stack_addr addr = {.addr = ip_from_v4(0x0a000000u + last), .prefix = 16};
	struct stack_config cfg = *base;
	const char *err;
	size_t len;

	if (!cfg.n_addrs) {
		cfg.addrs = &addr;
		cfg.n_addrs = 1;
	}
	cfg.seed += last;
	len = stack_core_bytes(&cfg);
	e->mem = aligned_alloc(64, len);
	assert_non_null(e->mem);
	e->sc = stack_core_init(e->mem, len, &cfg, &e->nic, &err);
	assert_non_null(e->sc);
}

static inline struct net *net_new(void)
{
	struct net *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->now = MT_SEC;
	n->next = nets;
	nets = n;
	net_end_init(&n->a, &n->b, 1);
	net_end_init(&n->b, &n->a, 2);
	return n;
}

static inline struct net *net_pair(const struct stack_config *a, const struct stack_config *b)
{
	struct net *n = net_new();

	net_open(&n->a, a, 1);
	net_open(&n->b, b, 2);
	return n;
}

/* Every packet buffer and, unless the test left some open, everything else must have come back. */
static inline void net_close_end(struct net_end *e)
{
	while (e->head != e->tail)
		free(e->q[e->head++ % NET_FRAMES].handle);
	if (!e->sc)
		return;
	stack_core_fini(e->sc);
	assert_int_equal(e->n_bufs, 0);
	free(e->mem);
}

static inline void net_free(struct net *n)
{
	struct net **at = &nets;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	net_close_end(&n->a);
	net_close_end(&n->b);
	free(n);
}

static inline void assert_all_back(const struct stack_core *sc)
{
	struct stack_usage u;

	stack_usage(sc, &u);
	assert_int_equal(u.conns, 0);
	assert_int_equal(u.time_wait, 0);
	assert_int_equal(u.half_open, 0);
	assert_int_equal(u.own, 0);
	assert_int_equal(u.cold, 0);
	assert_int_equal(u.buf_bytes, 0);
	assert_int_equal(u.pkts_held, 0);
	assert_false(stack_has_events(sc));
}

/* Group teardown: a net still there was left by a test that failed. What its connections saw last.
 */
static inline int net_explain(void **state)
{
	(void)state;
	for (const struct net *n = nets; n; n = n->next) {
		const struct net_end *ends[] = {&n->a, &n->b};

		for (unsigned i = 0; i < 2; i++) {
			if (!ends[i]->sc)
				continue;
			fprintf(stderr, "a failed test, end %c:\n", "ab"[i]);
			trace_print_all(ends[i]->sc, stderr);
		}
	}
	return 0;
}

/* One turn of each end that has a stack, 10 us apart. */
static inline void net_turn(struct net *n)
{
	if (n->a.sc)
		stack_poll(n->a.sc, n->now);
	if (n->b.sc)
		stack_poll(n->b.sc, n->now);
	n->now += 10 * MT_US;
}

static inline void net_turns(struct net *n, unsigned turns)
{
	while (turns--)
		net_turn(n);
}

/* Virtual time to pass with a turn each millisecond. */
static inline void net_run_ms(struct net *n, unsigned ms)
{
	while (ms--) {
		n->now += MT_MS;
		net_turn(n);
	}
}

static inline struct ip_endpoint endpoint(uint32_t v4, uint16_t port)
{
	return (struct ip_endpoint){.addr = ip_from_v4(v4), .port = port};
}

static inline int64_t net_listen(struct net *n, uint16_t port, uint32_t backlog)
{
	struct ip_endpoint any = endpoint(0, port);

	return stack_listen(n->b.sc, &any, backlog, n->now);
}

static inline int64_t net_connect(struct net *n, uint16_t port)
{
	struct ip_endpoint server = endpoint(0x0a000002u, port);

	return stack_connect(n->a.sc, NULL, &server, n->now);
}

#endif
