// SPDX-License-Identifier: BSD-3-Clause
/* The clock, the events and the switch. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"

void *sim_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	check(p != NULL);
	return p;
}

/* ---- frames ---- */

struct frame *frame_new(struct sim *sim, uint32_t cap)
{
	struct frame *f = malloc(sizeof(*f) + cap);

	check(f != NULL);
	f->next = NULL;
	f->cap = cap;
	f->len = 0;
	sim->n_frames++;
	return f;
}

void frame_free(struct sim *sim, struct frame *f)
{
	sim->n_frames--;
	free(f);
}

void frame_push(struct frame_queue *q, struct frame *f)
{
	f->next = NULL;
	if (q->head == NULL)
		q->head = f;
	else
		q->tail->next = f;
	q->tail = f;
	q->n++;
}

struct frame *frame_pop(struct frame_queue *q)
{
	struct frame *f = q->head;

	if (f == NULL)
		return NULL;
	q->head = f->next;
	q->n--;
	return f;
}

/* ---- events: a binary heap, first in first out among equal instants ---- */

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void event_add(struct sim *sim, const struct event *e)
{
	if (sim->n_events == sim->cap_events) {
		sim->cap_events = sim->cap_events ? 2 * sim->cap_events : 1024;
		sim->heap = realloc(sim->heap, sim->cap_events * sizeof(*sim->heap));
		check(sim->heap != NULL);
	}
	struct event ev = *e;
	uint32_t i = sim->n_events++;

	ev.order = sim->n_events_ever++;
	for (; i > 0 && earlier(&ev, &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
		sim->heap[i] = sim->heap[(i - 1) / 2];
	sim->heap[i] = ev;
}

static struct event event_take(struct sim *sim)
{
	struct event top = sim->heap[0], last = sim->heap[--sim->n_events];
	uint32_t i = 0;

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k + 1 < sim->n_events && earlier(&sim->heap[k + 1], &sim->heap[k]))
			k++;
		if (k >= sim->n_events || !earlier(&sim->heap[k], &last))
			break;
		sim->heap[i] = sim->heap[k];
		i = k;
	}
	sim->heap[i] = last;
	return top;
}

/* ---- the switch ---- */

static void forward(struct sim_node *from, struct frame *f)
{
	struct sim *sim = from->sim;
	bool group = f->data[0] & 1;

	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		struct sim_node *to = sim->nodes[i];

		if (to == from || (!group && memcmp(to->mac.b, f->data, 6) != 0))
			continue;
		struct frame *copy = frame_new(sim, f->len);

		memcpy(copy->data, f->data, f->len);
		copy->len = f->len;
		pipe_enter(to, SIM_DOWN, copy);
	}
	frame_free(sim, f);
}

uint32_t rss_of(const struct sim *sim, const struct frame *f)
{
	struct eth_hdr eth;
	struct ip_hdr ip;
	uint8_t in[12];

	if (eth_parse(f->data, f->len, &eth) != WIRE_OK || eth.type != ETH_IPV4 ||
	    ipv4_parse(f->data + ETH_HLEN, f->len - ETH_HLEN, 0, &ip) != WIRE_OK ||
	    ip.proto != IP_TCP || ip.payload_len < 4)
		return 0;
	memcpy(in, ip.src.b + 12, 4);
	memcpy(in + 4, ip.dst.b + 12, 4);
	memcpy(in + 8, ip.payload, 4);
	return toeplitz_hash(&sim->toeplitz, in, sizeof(in));
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

		if (e.dir == SIM_UP)
			forward(e.node, e.frame);
		else
			host_receive(e.node, e.frame);
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
