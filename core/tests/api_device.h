/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device of the API's tests: frames in memory. Device "fake:NAME:0" is joined to "fake:NAME:1".
 * Defines nic_driver: include once per test program.
 */
#ifndef TESTS_API_DEVICE_H
#define TESTS_API_DEVICE_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "mtcp/nic.h"

#define FAKE_WIRES  8
#define FAKE_QUEUES 2
#define FAKE_DEPTH  1024

struct fake_queue {
	struct nic_pkt pkts[FAKE_DEPTH];
	unsigned head, n;
};

struct fake_end {
	struct fake_wire *wire;
	int side;
	uint16_t n_queues; /* 0: not open */
	atomic_uint taken; /* frames that its stack has received */
	atomic_bool mute;  /* takes nothing of its stack; else as fake_wire.full */
	struct fake_queue rx[FAKE_QUEUES];
};

struct fake_wire {
	char name[16];
	pthread_mutex_t lock;
	struct fake_end end[2];
	atomic_bool full; /* tx_burst takes nothing: set by tests while stack threads send */
};

static struct fake_wire fake_wires[FAKE_WIRES];
static struct toeplitz fake_rss;
static int fake_frames;			 /* not given back */
static _Thread_local unsigned fake_sent; /* frames, by this thread */
static struct nic_params fake_seen;

static uint16_t fake_queue_of(const struct nic_pkt *p, uint16_t n)
{
	const uint8_t *d = p->data;

	if (n > 1 && p->len >= 38 && d[12] == 0x08 && d[13] == 0x00)
		return rss_queue(toeplitz_hash(&fake_rss, d + 26, 12), n);
	if (n > 1 && p->len >= 58 && d[12] == 0x86 && d[13] == 0xdd && d[20] == 6)
		return rss_queue(toeplitz_hash(&fake_rss, d + 22, 36), n);
	return 0;
}

static uint16_t fake_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct fake_end *e = dev;
	struct fake_queue *q = &e->rx[queue];
	uint16_t i;

	pthread_mutex_lock(&e->wire->lock);
	for (i = 0; i < n && q->n > 0; i++, q->n--) {
		pkts[i] = q->pkts[q->head];
		pkts[i].flags = pkts[i].flags & NIC_TX_L4_CSUM ? NIC_RX_L4_CSUM_OK : 0;
		q->head = (q->head + 1) % FAKE_DEPTH;
	}
	pthread_mutex_unlock(&e->wire->lock);
	e->taken += i;
	return i;
}

static void fake_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	(void)dev;
	(void)queue;
	for (uint16_t i = 0; i < n; i++)
		free(pkts[i].handle);
	__atomic_sub_fetch(&fake_frames, n, __ATOMIC_RELAXED);
}

static uint16_t fake_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct fake_end *e = dev, *to = &e->wire->end[!e->side];
	uint16_t i = 0;

	pthread_mutex_lock(&e->wire->lock);
	for (; i < n && !e->wire->full && !e->mute; i++) {
		struct fake_queue *q = &to->rx[fake_queue_of(&pkts[i], to->n_queues)];

		if (to->n_queues == 0) { /* nobody there */
			fake_release(dev, queue, &pkts[i], 1);
			continue;
		}
		if (q->n == FAKE_DEPTH)
			break;
		q->pkts[(q->head + q->n++) % FAKE_DEPTH] = pkts[i];
	}
	fake_sent += i;
	pthread_mutex_unlock(&e->wire->lock);
	return i;
}

static uint16_t fake_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	(void)dev;
	(void)queue;
	for (uint16_t i = 0; i < n; i++) {
		memset(&pkts[i], 0, sizeof(pkts[i]));
		pkts[i].data = malloc(2048);
		pkts[i].handle = pkts[i].data;
	}
	__atomic_add_fetch(&fake_frames, n, __ATOMIC_RELAXED);
	return n;
}

static const struct nic_ops fake_ops = {
	.rx_burst = fake_rx,
	.tx_burst = fake_tx,
	.alloc = fake_alloc,
	.release = fake_release,
};

static struct fake_wire *fake_wire_named(const char *name)
{
	for (int i = 0; i < FAKE_WIRES; i++) {
		struct fake_wire *w = &fake_wires[i];

		if (!strcmp(w->name, name))
			return w;
		if (*w->name)
			continue;
		snprintf(w->name, sizeof(w->name), "%s", name);
		pthread_mutex_init(&w->lock, NULL);
		return w;
	}
	return NULL;
}

static int fake_open(const struct nic_params *p, struct nic *out, char err[NIC_ERR_LEN])
{
	char name[16];
	int side;
	struct fake_wire *w;

	fake_seen = *p;
	if (sscanf(p->device, "fake:%15[a-z]:%d", name, &side) != 2 ||
	    !(w = fake_wire_named(name))) {
		snprintf(err, NIC_ERR_LEN, "device %s: unknown; use fake:NAME:0", p->device);
		return -ENODEV;
	}
	pthread_mutex_lock(&w->lock);
	toeplitz_init(&fake_rss, rss_default_key);
	w->end[side].wire = w;
	w->end[side].side = side;
	w->end[side].n_queues = p->n_queues;
	w->full = w->end[side].mute = false;
	pthread_mutex_unlock(&w->lock);
	memset(out, 0, sizeof(*out));
	out->ops = &fake_ops;
	out->dev = &w->end[side];
	memcpy(out->mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(side + 1)}, 6);
	out->mtu = p->mtu ? p->mtu : 1500;
	out->tx_csum = p->csum_offload;
	out->n_queues = p->n_queues;
	memcpy(out->rss_key, rss_default_key, sizeof(out->rss_key));
	out->rss_known = true;
	return 0;
}

static void fake_close(struct nic *n)
{
	struct fake_end *e = n->dev;

	for (int i = 0; i < FAKE_QUEUES; i++)
		while (e->rx[i].n > 0) {
			struct nic_pkt p = {0};

			fake_rx(e, (uint16_t)i, &p, 1);
			fake_release(e, (uint16_t)i, &p, 1);
		}
	pthread_mutex_lock(&e->wire->lock);
	e->n_queues = 0;
	pthread_mutex_unlock(&e->wire->lock);
}

static void fake_stats(struct nic *n)
{
	n->rx_missed = 7;
	n->tx_errors = 9;
}

const struct nic_driver nic_driver = {
	.name = "fake", .open = fake_open, .close = fake_close, .stats = fake_stats};

#endif
