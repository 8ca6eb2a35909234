// SPDX-License-Identifier: BSD-3-Clause
#include "memory_nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct memory_end *memory_wires[MEMORY_WIRES];
static struct toeplitz rss;

/* The rings towards this queue, one for each queue of the peer. */
static uint16_t memory_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct memory_end *peer = ((struct memory_end *)dev)->peer;
	uint16_t got = 0;

	for (uint16_t from = 0; from < peer->n_queues; from++) {
		struct memory_ring *r = &peer->queues[from].to[queue];

		while (got < n && r->head != r->tail)
			pkts[got++] = r->pkts[r->head++ % MEMORY_DEPTH];
	}
	return got;
}

static uint16_t queue_of(const struct nic_pkt *p, uint16_t n)
{
	if (n < 2 || p->len < 38 || p->data[12] != 8 || p->data[13] != 0)
		return 0;
	return rss_queue(toeplitz_hash(&rss, p->data + 26, 12), n);
}

static uint16_t memory_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct memory_end *e = dev;
	uint16_t i = 0;

	for (; i < n; i++) {
		struct memory_ring *r = &e->queues[queue].to[queue_of(&pkts[i], e->peer->n_queues)];

		if (r->tail - r->head == MEMORY_DEPTH)
			break;
		pkts[i].flags = pkts[i].flags & NIC_TX_L4_CSUM
					? NIC_RX_IP_CSUM_OK | NIC_RX_L4_CSUM_OK
					: 0; /* as a ring of pmd_backends/dpdk */
		r->pkts[r->tail++ % MEMORY_DEPTH] = pkts[i];
	}
	return i;
}

static uint16_t memory_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct memory_queue *q = &((struct memory_end *)dev)->queues[queue];
	uint16_t i = 0;

	for (; i < n && q->n_unused; i++)
		pkts[i] = (struct nic_pkt){.data = q->unused[--q->n_unused]};
	return i;
}

static void memory_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct memory_queue *q = &((struct memory_end *)dev)->queues[queue];

	for (uint16_t i = 0; i < n; i++)
		q->unused[q->n_unused++] = pkts[i].data;
}

void memory_level(int wire)
{
	struct memory_queue *a = &memory_wires[wire][0].queues[0],
			    *b = &memory_wires[wire][1].queues[0];
	struct memory_queue *more = a->n_unused > b->n_unused ? a : b, *less = more == a ? b : a;

	if (less->n_unused > MEMORY_DEPTH)
		return;
	while (less->n_unused < more->n_unused)
		less->unused[less->n_unused++] = more->unused[--more->n_unused];
}

static const struct nic_ops memory_ops = {.rx_burst = memory_rx,
					  .tx_burst = memory_tx,
					  .alloc = memory_alloc,
					  .release = memory_release};

static struct memory_end *end_of(int wire, int side)
{
	struct memory_end *ends = memory_wires[wire];

	if (!ends) {
		ends = aligned_alloc(64, 2 * sizeof(*ends));
		if (!ends)
			return NULL;
		for (int i = 0; i < 2; i++) {
			ends[i].n_queues = 0;
			ends[i].wire = wire;
			ends[i].peer = &ends[!i];
		}
		memory_wires[wire] = ends;
	}
	return &ends[side];
}

static void fill(struct memory_end *e)
{
	for (uint16_t i = 0; i < MEMORY_QUEUES; i++) {
		struct memory_queue *q = &e->queues[i];

		for (q->n_unused = 0; q->n_unused < MEMORY_FRAMES; q->n_unused++)
			q->unused[q->n_unused] = e->frames[i][q->n_unused];
		for (uint16_t to = 0; to < MEMORY_QUEUES; to++)
			q->to[to].head = q->to[to].tail = 0;
	}
}

static int memory_open(const struct nic_params *p, struct nic *out, char err[NIC_ERR_LEN])
{
	struct memory_end *e;
	int wire, side;

	if (sscanf(p->device, "memory:%d:%d", &wire, &side) != 2 || wire < 0 ||
	    wire >= MEMORY_WIRES || side < 0 || side > 1 || p->n_queues > MEMORY_QUEUES) {
		snprintf(err, NIC_ERR_LEN, "device %s: memory:0..%d:0 or 1, at most %d queues",
			 p->device, MEMORY_WIRES - 1, MEMORY_QUEUES);
		return -ENODEV;
	}
	e = end_of(wire, side);
	if (!e)
		return -ENOMEM;
	fill(e);
	e->n_queues = p->n_queues;
	toeplitz_init(&rss, rss_default_key);
	*out = (struct nic){.ops = &memory_ops,
			    .dev = e,
			    .mac = {2, 0, 0, 0, 0, (uint8_t)(side + 1)},
			    .mtu = 1500,
			    .n_queues = p->n_queues,
			    .rss_known = true,
			    .tx_csum = p->csum_offload};
	memcpy(out->rss_key, rss_default_key, sizeof(out->rss_key));
	return 0;
}

/* What is still on the wire stays there until the memory goes with its second end. */
static void memory_close(struct nic *nic)
{
	struct memory_end *e = nic->dev;
	int wire = e->wire;

	e->n_queues = 0;
	if (e->peer->n_queues == 0) {
		free(memory_wires[wire]);
		memory_wires[wire] = NULL;
	}
}

const struct nic_driver nic_driver = {.name = "memory", .open = memory_open, .close = memory_close};
