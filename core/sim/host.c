// SPDX-License-Identifier: BSD-3-Clause
/* A host: a device in memory and one stack per queue of it. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"

/* ---- the device (mtcp/nic.h) ---- */

static uint16_t host_rx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct sim_node *node = dev;
	uint16_t k = 0;
	struct frame *f;

	for (; k < n && (f = frame_pop(&node->cores[queue].rx)) != NULL; k++) {
		pkts[k] = (struct nic_pkt){.data = f->data, .len = (uint16_t)f->len, .handle = f};
		node->n_held++;
	}
	return k;
}

static uint32_t frame_room(const struct sim_node *node)
{
	return ETH_HLEN + VLAN_HLEN + node->nic.mtu;
}

static uint16_t host_tx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct sim_node *node = dev;
	uint16_t k = 0;

	(void)queue;
	for (; k < n && k < node->tx_max; k++) {
		uint32_t len = pkts[k].len < ETH_MIN_LEN ? ETH_MIN_LEN : pkts[k].len;
		struct frame *f = pkts[k].handle;

		check(pkts[k].data == f->data && pkts[k].len <= frame_room(node));
		frame_resize(f, len);
		memset(f->data + pkts[k].len, 0, len - pkts[k].len);
		node->n_held--;
		pipe_enter(&node->pipes[SIM_UP], f);
	}
	return k;
}

static uint16_t host_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct sim_node *node = dev;
	uint16_t k = 0;

	(void)queue;
	for (; k < n && node->n_held < node->n_bufs; k++, node->n_held++) {
		struct frame *f = frame_new(node->sim, frame_room(node));

		pkts[k] = (struct nic_pkt){.data = f->data, .handle = f};
	}
	return k;
}

static void host_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct sim_node *node = dev;

	(void)queue;
	for (uint16_t k = 0; k < n; k++)
		frame_free(node->sim, pkts[k].handle);
	check(node->n_held >= n);
	node->n_held -= n;
}

static const struct nic_ops host_ops = {
	.rx_burst = host_rx_burst,
	.tx_burst = host_tx_burst,
	.alloc = host_alloc,
	.release = host_release,
};

/* ---- receiving and turns ---- */

void host_receive(struct sim_node *node, struct frame *f)
{
	uint16_t queue = node->n_cores > 1 ? nic_rx_queue(&node->nic, rss_of(node->sim, f)) : 0;
	struct sim_core *c = &node->cores[queue];

	if (c->rx.n == SIM_RX_RING) {
		log_frame(node->sim, node, LOG_MISSED, f);
		frame_free(node->sim, f);
		node->nic.rx_missed++;
		return;
	}
	log_frame(node->sim, node, LOG_GOT, f);
	frame_push(&c->rx, f);
}

/* When the core wants its next turn; it gets one per SIM_TURN. */
static mt_time core_next(const struct sim_core *c)
{
	mt_time at = mt_min(c->wake_at, c->app_at);

	if (c->stack == NULL)
		return MT_NEVER;
	if (c->rx.n > 0)
		at = 0;
	return at > c->turn_at + SIM_TURN ? at : c->turn_at + SIM_TURN;
}

mt_time host_next(const struct sim_node *node)
{
	mt_time at = MT_NEVER;

	for (unsigned i = 0; i < node->n_cores; i++)
		at = mt_min(at, core_next(&node->cores[i]));
	return at;
}

void host_run(struct sim_node *node)
{
	mt_time now = node->sim->now;

	for (unsigned i = 0; i < node->n_cores; i++) {
		struct sim_core *c = &node->cores[i];
		bool asked = c->app_at <= now;

		if (core_next(c) > now)
			continue;
		c->turn_at = now;
		c->wake_at = stack_poll(c->stack, now);
		if (asked)
			c->app_at = MT_NEVER;
		if (node->app == NULL || (!asked && !stack_has_events(c->stack)))
			continue;
		node->app(node, i, node->app_ctx);
		c->wake_at = now; /* what it called may have changed the deadline */
	}
}

/* ---- life ---- */

static void core_start(struct sim_node *node, unsigned i, const struct stack_config *tmpl)
{
	struct sim_core *c = &node->cores[i];
	struct stack_config cfg = *tmpl;
	const char *err = "";

	cfg.queue = (uint16_t)i;
	cfg.n_queues = node->n_cores;
	cfg.seed = rng_next(&node->sim->rng);
	size_t len = stack_core_bytes(&cfg);

	c->mem = aligned_alloc(64, (len + 63) & ~(size_t)63);
	check(c->mem != NULL);
	if (len < 4u << 20)
		memset(c->mem, 0xa5, len); /* the stack must not count on zeros */
	c->stack = stack_core_init(c->mem, len, &cfg, &node->nic, &err);
	if (c->stack == NULL)
		fprintf(stderr, "sim: stack_core_init: %s\n", err);
	check(c->stack != NULL);
	c->wake_at = node->sim->now;
	c->app_at = MT_NEVER;
}

struct sim_node *sim_host(struct sim *sim, const struct sim_host_config *cfg)
{
	struct sim_node *node = node_new(sim);

	node->n_cores = cfg->n_cores ? cfg->n_cores : 1;
	node->n_bufs = cfg->n_bufs ? cfg->n_bufs : 65536;
	node->nic.ops = &host_ops;
	node->nic.dev = node;
	node->nic.mtu = cfg->mtu ? cfg->mtu : 1500;
	node->nic.n_queues = node->n_cores;
	node->nic.rss_known = true;
	memcpy(node->nic.mac, node->mac.b, sizeof(node->nic.mac));
	memcpy(node->nic.rss_key, rss_default_key, RSS_KEY_LEN);
	node->cores = sim_alloc(node->n_cores, sizeof(*node->cores));
	if (node->n_cores > 1)
		toeplitz_init(&sim->toeplitz, rss_default_key);
	for (unsigned i = 0; i < node->n_cores; i++)
		core_start(node, i, cfg->stack);
	return node;
}

void host_free(struct sim_node *node)
{
	for (unsigned i = 0; i < node->n_cores; i++) {
		struct frame *f;

		if (node->cores[i].stack != NULL)
			stack_core_fini(node->cores[i].stack);
		free(node->cores[i].mem);
		while ((f = frame_pop(&node->cores[i].rx)) != NULL)
			frame_free(node->sim, f);
	}
	check(node->n_held == 0); /* a frame the stack has lost */
	free(node->cores);
	free(node);
}

struct eth_addr sim_mac(const struct sim_node *node)
{
	return node->mac;
}

struct stack_core *sim_core(const struct sim_node *node, unsigned core)
{
	check(core < node->n_cores);
	return node->cores[core].stack;
}

sim_app *sim_set_app(struct sim_node *node, sim_app *app, void *ctx)
{
	sim_app *was = node->app;

	node->app = app;
	node->app_ctx = ctx;
	return was;
}

void *sim_app_ctx(const struct sim_node *node)
{
	return node->app_ctx;
}

void sim_wake(struct sim_node *node, unsigned core, mt_time at)
{
	check(core < node->n_cores);
	node->cores[core].app_at = mt_min(node->cores[core].app_at, at);
}

void sim_limit_tx(struct sim_node *node, uint16_t max)
{
	node->tx_max = max;
}

void sim_limit_bufs(struct sim_node *node, uint32_t n)
{
	node->n_bufs = n;
}

uint32_t sim_bufs_held(const struct sim_node *node)
{
	return node->n_held;
}
