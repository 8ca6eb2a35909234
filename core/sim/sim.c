// SPDX-License-Identifier: BSD-3-Clause
/* The clock and the nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"
#include "wire/ipv6.h"

void *sim_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	check(p != NULL);
	return p;
}

uint32_t rss_of(const struct sim *sim, const struct frame *f)
{
	const uint8_t *p = f->data + ETH_HLEN;
	struct eth_hdr eth;
	struct ip_hdr ip;
	uint8_t in[36];
	enum wire_err err = eth_parse(f->data, f->len, &eth);
	size_t len;

	if (err != WIRE_OK || (eth.type != ETH_IPV4 && eth.type != ETH_IPV6))
		return 0;
	len = eth.type == ETH_IPV4 ? 4 : 16;
	err = len == 4 ? ipv4_parse(p, f->len - ETH_HLEN, 0, &ip)
		       : ipv6_parse(p, f->len - ETH_HLEN, &ip);
	if (err != WIRE_OK || ip.proto != IP_TCP || ip.payload_len < 4)
		return 0;
	memcpy(in, ip.src.b + 16 - len, len);
	memcpy(in + len, ip.dst.b + 16 - len, len);
	memcpy(in + 2 * len, ip.payload, 4);
	return toeplitz_hash(&sim->toeplitz, in, 2 * len + 4);
}

/* ---- time ---- */

static mt_time next_instant(const struct sim *sim)
{
	mt_time at = sim->n_events > 0 ? sim->heap[0].at : MT_NEVER;

	for (uint32_t i = 0; i < sim->n_nodes; i++)
		at = mt_min(at, host_next(sim->nodes[i]));
	return at;
}

bool sim_step(struct sim *sim, mt_time limit)
{
	mt_time at = next_instant(sim);

	if (at > limit || at == MT_NEVER) {
		if (limit != MT_NEVER && limit > sim->now)
			sim->now = limit;
		return false;
	}
	if (at > sim->now)
		sim->now = at;
	while (sim->n_events > 0 && sim->heap[0].at <= sim->now) {
		struct event e = event_take(sim);

		pipe_deliver(e.pipe, e.frame);
	}
	for (uint32_t i = 0; i < sim->n_nodes; i++)
		host_run(sim->nodes[i]);
	return true;
}

void sim_run_until(struct sim *sim, mt_time at)
{
	while (sim_step(sim, at))
		;
}

void sim_run_for(struct sim *sim, mt_time duration)
{
	sim_run_until(sim, sim->now + duration);
}

bool sim_run(struct sim *sim, bool (*done)(void *), void *ctx, mt_time limit)
{
	while (!done(ctx))
		if (!sim_step(sim, limit))
			return done(ctx);
	return true;
}

/* ---- life ---- */

struct sim *sim_create(uint64_t seed)
{
	static const mt_time starts[] = {
		MT_SEC,
		((1ull << 32) - 300000) * MT_US, /* 0.3 s before the microseconds wrap */
		((1ull << 32) - 300) * MT_MS,	 /* the same for the milliseconds */
		((1ull << 32) - 20000) * MT_MS,
	};
	struct sim *sim = sim_alloc(1, sizeof(*sim));

	rng_seed(&sim->rng, seed);
	sim->now = sim->start = starts[rng_below(&sim->rng, 4)];
	return sim;
}

struct eth_addr sim_mac_of(unsigned index)
{
	index++;
	return (struct eth_addr){{0x02, 0, 0, 0, (uint8_t)(index >> 8), (uint8_t)index}};
}

struct sim_node *node_new(struct sim *sim)
{
	struct sim_node *n = sim_alloc(1, sizeof(*n));

	n->sim = sim;
	n->index = sim->n_nodes;
	n->mac = sim_mac_of(sim->n_nodes);
	n->tx_max = UINT16_MAX;
	pipe_init(&n->pipes[SIM_UP], sim, PIPE_UP, &n->pipes[SIM_DOWN]);
	pipe_init(&n->pipes[SIM_DOWN], sim, PIPE_DOWN, &n->pipes[SIM_UP]);
	n->pipes[SIM_UP].node = n->pipes[SIM_DOWN].node = n;
	sim->nodes = realloc(sim->nodes, (sim->n_nodes + 1) * sizeof(struct sim_node *));
	check(sim->nodes != NULL);
	sim->nodes[sim->n_nodes++] = n;
	return n;
}

void sim_destroy(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->n_nodes; i++)
		host_free(sim->nodes[i]);
	while (sim->n_events > 0)
		frame_free(sim, event_take(sim).frame);
	frame_free_spare(sim);
	for (uint32_t i = 0; i < sim->n_trunks; i++)
		free(sim->trunks[i]);
	free(sim->trunks);
	free(sim->nodes);
	free(sim->heap);
	free(sim->log);
	free(sim);
}

mt_time sim_now(const struct sim *sim)
{
	return sim->now;
}

struct rng *sim_rng(struct sim *sim)
{
	return &sim->rng;
}

uint64_t sim_frames(const struct sim *sim)
{
	return sim->n_frames;
}
