// SPDX-License-Identifier: BSD-3-Clause
/* Faults on the receive path, from a seed: the same frames in the same order meet the same fate. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "wrap.h"

#define MAX_HELD 4  /* frames that wait for later ones to overtake them */
#define MAX_IDLE 64 /* empty polls after which they need not wait any longer */

struct fault_queue {
	struct rng rng;
	struct nic_pkt held[MAX_HELD];
	uint8_t wait[MAX_HELD]; /* later frames still to pass */
	unsigned n_held, idle;
};

struct fault {
	struct wrap w;
	struct fault_plan plan;
	struct fault_queue queue[NIC_MAX_QUEUES];
};

/* Where received frames go. Only so many are fetched that all fit even if each is doubled. */
struct output {
	struct nic_pkt *pkts;
	uint16_t n, max;
};

static bool hits(struct fault_queue *q, double probability)
{
	return probability > 0 && rng_unit(&q->rng) < probability;
}

static void drop(struct fault *f, uint16_t queue, struct nic_pkt *p)
{
	f->w.inner.ops->release(f->w.inner.dev, queue, p, 1);
}

static void emit(struct fault *f, uint16_t queue, struct output *out, struct nic_pkt *p)
{
	if (out->n < out->max)
		out->pkts[out->n++] = *p;
	else
		drop(f, queue, p);
}

static void let_go(struct fault *f, uint16_t queue, struct output *out, unsigned i)
{
	struct fault_queue *q = &f->queue[queue];

	emit(f, queue, out, &q->held[i]);
	q->n_held--;
	q->held[i] = q->held[q->n_held];
	q->wait[i] = q->wait[q->n_held];
}

static void duplicate(struct fault *f, uint16_t queue, struct output *out, const struct nic_pkt *p)
{
	struct nic_pkt copy;

	if (out->n == out->max || f->w.inner.ops->alloc(f->w.inner.dev, queue, &copy, 1) == 0)
		return;
	if (p->len > f->w.inner.mtu + 18u) { /* from a peer with a larger MTU: may not fit */
		drop(f, queue, &copy);
		return;
	}
	memcpy(copy.data, p->data, p->len);
	copy.len = p->len;
	copy.flags = p->flags;
	copy.rss = p->rss;
	emit(f, queue, out, &copy);
}

static void one_frame(struct fault *f, uint16_t queue, struct output *out, struct nic_pkt *p)
{
	struct fault_queue *q = &f->queue[queue];

	if (hits(q, f->plan.loss)) {
		drop(f, queue, p);
		return;
	}
	if (p->len && hits(q, f->plan.corrupt)) {
		/* The error is the wire's, so it meets the checksum that a wire would have
		 * carried; nobody answers for it any more. */
		if (p->flags & NIC_RX_L4_CSUM_OK)
			csum_complete(p);
		p->data[rng_below(&q->rng, p->len)] ^= (uint8_t)(1u << rng_below(&q->rng, 8));
		p->flags &= NIC_RX_RSS;
	}
	if (hits(q, f->plan.dup))
		duplicate(f, queue, out, p);
	if (q->n_held < MAX_HELD && hits(q, f->plan.reorder)) {
		q->wait[q->n_held] = (uint8_t)(1 + rng_below(&q->rng, 3));
		q->held[q->n_held++] = *p;
		return;
	}
	emit(f, queue, out, p);
	for (unsigned i = q->n_held; i-- > 0;) {
		if (q->wait[i] > 1)
			q->wait[i]--;
		else if (out->n < out->max)
			let_go(f, queue, out, i);
	}
}

static uint16_t fault_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct fault *f = dev;
	struct fault_queue *q = &f->queue[queue];
	struct output out = {pkts, 0, n};
	struct nic_pkt in[32];
	uint16_t room = (uint16_t)(n > MAX_HELD + 2 ? (n - MAX_HELD) / 2 : 1);
	uint16_t got;

	if (n == 0)
		return 0; /* what is fetched must fit */
	got = f->w.inner.ops->rx_burst(f->w.inner.dev, queue, in,
				       (uint16_t)(room < 32 ? room : 32));
	q->idle = got ? 0 : q->idle + 1;
	while (q->idle > MAX_IDLE && q->n_held > 0 && out.n < n)
		let_go(f, queue, &out, q->n_held - 1);
	for (uint16_t i = 0; i < got; i++)
		one_frame(f, queue, &out, &in[i]);
	return out.n;
}

static uint16_t fault_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct fault *f = dev;

	return f->w.inner.ops->tx_burst(f->w.inner.dev, queue, pkts, n);
}

static void fault_free(struct wrap *w)
{
	struct fault *f = (struct fault *)w;

	for (uint16_t q = 0; q < NIC_MAX_QUEUES; q++) {
		for (unsigned i = 0; i < f->queue[q].n_held; i++)
			drop(f, q, &f->queue[q].held[i]);
	}
	free(f);
}

/* One "key=value" of the plan; false if there is no such key or the value is out of range. */
static bool set(void *of, const char *text, size_t len)
{
	struct fault_plan *plan = of;
	static const char *const keys[] = {"loss=", "dup=", "reorder=", "corrupt="};
	double *const values[] = {&plan->loss, &plan->dup, &plan->reorder, &plan->corrupt};
	char *end;

	if (strncmp(text, "seed=", 5) == 0) {
		plan->seed = strtoull(text + 5, &end, 0);
		return end == text + len && len > 5;
	}
	for (size_t i = 0; i < 4; i++) {
		size_t key = strlen(keys[i]);

		if (strncmp(text, keys[i], key))
			continue;
		*values[i] = strtod(text + key, &end);
		return end == text + len && len > key && *values[i] >= 0 && *values[i] <= 1;
	}
	return false;
}

int fault_parse(const char *device, struct fault_plan *plan, const char **rest,
		char err[NIC_ERR_LEN])
{
	static const struct wrap_syntax syntax = {
		"fault:", "loss= dup= reorder= corrupt= (0 to 1), seed=", set};
	int ret;

	*plan = (struct fault_plan){.seed = 1};
	ret = wrap_parse(&syntax, device, plan, rest, err);
	return ret < 0 ? ret : 0;
}

int fault_wrap(struct nic *nic, const struct fault_plan *plan, char err[NIC_ERR_LEN])
{
	struct fault *f = calloc(1, sizeof *f);

	if (!f) {
		snprintf(err, NIC_ERR_LEN, "fault: no memory");
		return -ENOMEM;
	}
	f->plan = *plan;
	for (uint16_t q = 0; q < NIC_MAX_QUEUES; q++)
		rng_seed(&f->queue[q].rng, plan->seed + q);
	f->w.ops.rx_burst = fault_rx;
	f->w.ops.tx_burst = fault_tx;
	f->w.free = fault_free;
	wrap_install(nic, &f->w);
	return 0;
}
