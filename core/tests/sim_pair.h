/* SPDX-License-Identifier: BSD-3-Clause */
/* A client host and a server host with a link between them, and what must hold when all is over. */
#ifndef TESTS_SIM_PAIR_H
#define TESTS_SIM_PAIR_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"
#include "sim/stream.h"

#define CLIENT_V4   0x0a000001u
#define SERVER_V4   0x0a000002u
#define SERVER_PORT 80

static bool pair_v6; /* what the pairs of this run speak */

/* CLIENT_V4 or SERVER_V4, or the same host's address of IPv6. */
static inline struct ip_addr pair_addr(uint32_t v4)
{
	if (!pair_v6)
		return ip_from_v4(v4);
	return (struct ip_addr){.b = {0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)v4}};
}

struct pair {
	struct sim *sim;
	struct sim_node *client, *server;
	struct stream_app cl, sv;
	struct stack_config cfg; /* of both hosts, until pair_start */
	struct stack_addr addr[2];
	struct sim_pipe up; /* of both directions, until pair_start */
	uint16_t client_cores;
	bool know_macs; /* no ARP: its few tries would give up before TCP does */
	struct stack_neigh_entry neigh[2];
};

static inline void pair_init(struct pair *p, uint64_t seed)
{
	*p = (struct pair){.sim = sim_create(seed), .cfg = stack_config_default};
	p->cfg.n_conns = 64;
	p->cfg.n_time_wait = 64;
	p->cfg.n_neigh = 16;
	p->cfg.buf_bytes = 8u << 20;
	p->cfg.time_wait_ms = 1000;
	p->cfg.tcp = tcp_config_default;
	p->up.delay = 5 * MT_MS;
	p->client_cores = 1;
	sim_log(p->sim, 300);
}

static inline struct sim_node *pair_host(struct pair *p, unsigned i, uint16_t n_cores)
{
	struct sim_host_config hc = {.stack = &p->cfg, .n_cores = n_cores};

	p->addr[i] = (struct stack_addr){pair_addr(i ? SERVER_V4 : CLIENT_V4), pair_v6 ? 64 : 24};
	p->neigh[!i] =
		(struct stack_neigh_entry){pair_addr(i ? CLIENT_V4 : SERVER_V4), sim_mac_of(!i)};
	p->cfg.neighs = p->know_macs ? &p->neigh[!i] : NULL;
	p->cfg.n_neighs = p->know_macs;
	p->cfg.addrs = &p->addr[i];
	p->cfg.n_addrs = 1;
	return sim_host(p->sim, &hc);
}

static inline void pair_hosts(struct pair *p)
{
	p->client = pair_host(p, 0, p->client_cores);
	p->server = pair_host(p, 1, 1);
	sim_link(p->client, SIM_UP, &p->up);
	sim_link(p->server, SIM_UP, &p->up);
}

static inline struct ip_endpoint pair_remote(void)
{
	return (struct ip_endpoint){.addr = pair_addr(SERVER_V4), .port = SERVER_PORT};
}

/* Hosts, and applications with these plans on them. */
static inline void pair_start(struct pair *p, const struct stream_plan *client,
			      const struct stream_plan *server)
{
	struct stream_plan plan = *client;

	pair_hosts(p);
	plan.remote = pair_remote();
	stream_serve(&p->sv, p->server, server, SERVER_PORT, p->cfg.n_conns);
	stream_connect(&p->cl, p->client, &plan);
}

static inline bool pair_done(void *ctx)
{
	const struct pair *p = ctx;

	return stream_finished(&p->cl) && p->sv.n_live == 0 && p->sv.n_started >= p->cl.n_done;
}

static inline const struct mtcp_stats *pair_stats(const struct sim_node *n)
{
	return stack_stats(sim_core(n, 0));
}

/* The tests over each family. */
#define pair_run_tests(tests)                                                                      \
	(cmocka_run_group_tests_name("IPv4", tests, NULL, NULL) +                                  \
	 cmocka_run_group_tests_name("IPv6", tests, pair_use_v6, NULL))

static inline int pair_use_v6(void **state)
{
	(void)state;
	pair_v6 = true;
	return 0;
}

/* On a failure: what happened last. */
#define pair_fail(p, ...)                                                                          \
	do {                                                                                       \
		sim_trace_print((p)->sim, stderr);                                                 \
		sim_log_print((p)->sim, stderr);                                                   \
		fail_msg(__VA_ARGS__);                                                             \
	} while (0)

static inline bool pair_clean(void *ctx)
{
	const struct pair *p = ctx;
	const struct sim_node *const nodes[] = {p->client, p->server};

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < (i ? 1u : p->client_cores); k++) {
			struct stack_usage u;

			stack_usage(sim_core(nodes[i], k), &u);
			if (u.conns || u.time_wait || u.buf_bytes || u.cold || u.half_open)
				return false;
		}
	}
	return true;
}

/* Nothing leaks: connections, records, buffers, frames. The hosts go. */
static inline void pair_end(struct pair *p)
{
	if (p->cl.wrong != NULL || p->sv.wrong != NULL)
		pair_fail(p, "client: %s, server: %s", p->cl.wrong ? p->cl.wrong : "well",
			  p->sv.wrong ? p->sv.wrong : "well");
	sim_wake(p->client, 0, sim_now(p->sim));
	sim_wake(p->server, 0, sim_now(p->sim));
	/* Whoever lost the peer's last word gives up after a quarter of an hour. */
	if (!sim_run(p->sim, pair_clean, p, sim_now(p->sim) + 2000 * MT_SEC)) {
		struct stack_usage c, s;

		stack_usage(sim_core(p->client, 0), &c);
		stack_usage(sim_core(p->server, 0), &s);
		pair_fail(p,
			  "left on client/server: %u/%u connections, %u/%u TIME-WAIT, %zu/%zu "
			  "buffer bytes, %u/%u cold",
			  c.conns, s.conns, c.time_wait, s.time_wait, c.buf_bytes, s.buf_bytes,
			  c.cold, s.cold);
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct sim_node *n = i ? p->server : p->client;
		size_t held = 0;

		for (unsigned k = 0; k < (i ? 1u : p->client_cores); k++) {
			struct stack_usage u;

			stack_usage(sim_core(n, k), &u);
			held += u.pkts_held;
		}
		if (held != sim_bufs_held(n))
			pair_fail(p, "the stack knows of %zu frames, the device of %u", held,
				  sim_bufs_held(n));
	}
	stream_free(&p->cl);
	stream_free(&p->sv);
	sim_destroy(p->sim);
}

/* Runs until both applications are through, at most `limit` from now; the time it took. */
static inline mt_time pair_run(struct pair *p, mt_time limit)
{
	mt_time start = sim_now(p->sim);

	if (!sim_run(p->sim, pair_done, p, start + limit))
		pair_fail(
			p,
			"not through after %.1f s: client %u done %u failed of %u, server %u live",
			(double)limit / 1e9, p->cl.n_done, p->cl.n_failed, p->cl.plan.total,
			p->sv.n_live);
	return sim_now(p->sim) - start;
}

#endif
