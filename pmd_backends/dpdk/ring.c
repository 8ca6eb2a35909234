// SPDX-License-Identifier: BSD-3-Clause
/*
 * ring:NAME:END: a wire inside the process, two net_ring ports back to back. A frame is not copied:
 * the receiver gets the sender's buffer, and gives it back to the sender's pool. That is why the
 * pools belong to the wire and live until both ends are closed.
 *
 * Each queue is a port of its own: net_ring counts a port's bursts, queue beside queue, in lines
 * that its cores would take from each other.
 *
 * Like a NIC, the receiving end chooses the queue by Toeplitz; here the sender does it for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "ring.h"

#define USUAL_MTU 1500
#define MOST_MTU  9000

static struct ring_wire *wires;

static const struct device_kind ring_kind = {
	.prefix = "ring", .lends_buffers = true, .n_desc = 1024};

static void drain(struct rte_ring *r)
{
	struct rte_mbuf *m[DPDK_BURST];
	unsigned n;

	while ((n = rte_ring_dequeue_burst(r, (void **)m, DPDK_BURST, NULL)) > 0) {
		/* Into no cache: this thread need not be one that sends. */
		for (unsigned i = 0; i < n; i++)
			rte_mempool_generic_put(m[i]->pool, (void **)&m[i], 1, NULL);
	}
}

static void wire_free(struct ring_wire *w)
{
	struct ring_wire **at = &wires;

	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUES; i++) {
		struct rte_ring *r = w->to[i / NIC_MAX_QUEUES][i % NIC_MAX_QUEUES];

		if (r)
			drain(r);
		rte_ring_free(r);
	}
	port_free_pools(&w->dev[0]);
	port_free_pools(&w->dev[1]);
	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
	free(w);
}

static void set_key(uint8_t key[RSS_KEY_LEN])
{
	for (unsigned i = 0; i < RSS_KEY_LEN; i++)
		key[i] = i % 2 ? WIRE_KEY_ODD : WIRE_KEY_EVEN;
}

/* All 16 rings each way: how many the other end will have is not known, and untouched ones cost
 * address space only. */
static struct ring_wire *wire_make(const char *name, uint16_t n_desc)
{
	struct ring_wire *w = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof *w);
	unsigned len = rte_align32pow2(n_desc < 64 ? 64 : n_desc);

	if (!w)
		return NULL;
	memset(w, 0, sizeof *w);
	snprintf(w->name, sizeof w->name, "%s", name);
	set_key(w->key);
	toeplitz_init(&w->rss, w->key);
	w->next = wires;
	wires = w;
	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUES; i++) {
		unsigned end = i / NIC_MAX_QUEUES, q = i % NIC_MAX_QUEUES;
		char ring[RTE_RING_NAMESIZE];

		snprintf(ring, sizeof ring, "%s.%u.%u", name, end, q);
		w->to[end][q] = rte_ring_create(ring, len, SOCKET_ID_ANY, RING_F_SC_DEQ);
		if (!w->to[end][q]) {
			wire_free(w);
			return NULL;
		}
	}
	return w;
}

static struct ring_wire *wire_find(const char *name)
{
	struct ring_wire *w = wires;

	while (w && strcmp(w->name, name))
		w = w->next;
	return w;
}

/* One sender needs no atomic operation. Only senders read these fields, and this end has none yet.
 */
static void set_senders(struct rte_ring *r, uint16_t n)
{
	r->prod.sync_type = n > 1 ? RTE_RING_SYNC_MT : RTE_RING_SYNC_ST;
	r->flags = n > 1 ? RING_F_SC_DEQ : RING_F_SC_DEQ | RING_F_SP_ENQ;
}

static int parse(const char *device, char name[WIRE_NAME_LEN + 1], unsigned *end,
		 char err[NIC_ERR_LEN])
{
	const char *at = device + strlen("ring:"), *colon = strrchr(at, ':');
	size_t len = colon ? (size_t)(colon - at) : 0;
	bool good = len > 0 && len <= WIRE_NAME_LEN &&
		    strspn(at, "0123456789abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") >= len;

	if (!good || (strcmp(colon, ":0") && strcmp(colon, ":1"))) {
		snprintf(err, NIC_ERR_LEN,
			 "'%.64s': write ring:NAME:0 or ring:NAME:1, NAME up to %d "
			 "letters, digits, - and _",
			 device, WIRE_NAME_LEN);
		return -EINVAL;
	}
	memcpy(name, at, len);
	name[len] = '\0';
	*end = (unsigned)(colon[1] - '0');
	return 0;
}

/* Locally administered, the same in every run: 02:'m', three bytes of the name, the end. */
static void set_mac(const struct ring_wire *w, unsigned end, uint8_t mac[6])
{
	uint64_t h = siphash(&(struct siphash_key){0, 0}, w->name, strlen(w->name));

	mac[0] = 0x02;
	mac[1] = 'm';
	memcpy(mac + 2, &h, 3);
	mac[5] = (uint8_t)end;
}

/* The peer may still hold frames of an end that was closed, so its pools are used again. */
static int take_pools(struct ring_wire *w, struct dpdk_dev *d, const struct port_plan *p,
		      char err[NIC_ERR_LEN])
{
	struct pool_shape want = {port_n_bufs(p), port_data_room(p), false};
	struct pool_shape *have = &w->shape[d->end];
	int ret;

	if (have->n_bufs) {
		if (have->n_bufs == want.n_bufs && have->data_room == want.data_room &&
		    d->n_queues == p->params->n_queues)
			return 0;
		snprintf(err, NIC_ERR_LEN,
			 "%.64s: was open with other queues or buffers; close "
			 "both ends first",
			 p->params->device);
		return -EBUSY;
	}
	d->n_queues = p->params->n_queues;
	ret = port_pools(d, p, err);
	if (ret == 0)
		*have = want;
	return ret;
}

static void unplug(struct dpdk_dev *d, uint16_t n)
{
	while (n-- > 0)
		port_stop(&(struct dpdk_dev){.port = d->queue[n].port});
}

/* The port of one queue: it receives from one ring and sends to all of the other end's. */
static int plug_queue(struct dpdk_dev *d, uint16_t q, const struct port_plan *p, struct nic *nic,
		      char err[NIC_ERR_LEN])
{
	struct ring_wire *w = d->wire;
	struct dpdk_dev one = {.n_queues = 1, .wire = w, .queue[0].pool = d->queue[q].pool};
	static unsigned serial; /* under the driver's lock */
	char name[16];		/* the PMD takes fewer letters than a wire's name may have */
	int port, ret;

	snprintf(name, sizeof name, "%u", serial++);
	port = rte_eth_from_rings(name, &w->to[d->end][q], 1, w->to[!d->end], NIC_MAX_QUEUES, 0);
	if (port < 0) {
		const char *why =
			rte_eth_dev_count_total() < RTE_MAX_ETHPORTS
				? rte_strerror(rte_errno)
				: "DPDK has no port left, a queue takes one: fewer queues or wires";

		snprintf(err, NIC_ERR_LEN, "%.64s: %s", p->params->device, why);
		return -ENODEV;
	}
	one.port = d->queue[q].port = (uint16_t)port;
	ret = port_start(&one, p, nic, err);
	if (ret)
		port_stop(&one);
	return ret;
}

static int plug_in(struct ring_wire *w, unsigned end, const struct port_plan *p, struct nic *nic,
		   char err[NIC_ERR_LEN])
{
	struct dpdk_dev *d = &w->dev[end];
	bool first = w->shape[end].n_bufs == 0;
	int ret;

	d->wire = w;
	d->end = end;
	ret = take_pools(w, d, p, err);
	if (ret)
		return ret;
	for (unsigned q = 0; q < NIC_MAX_QUEUES; q++) {
		set_senders(w->to[!end][q], d->n_queues);
		drain(w->to[end][q]);
	}
	for (uint16_t q = 0; q < d->n_queues; q++) {
		ret = plug_queue(d, q, p, nic, err);
		if (ret) {
			unplug(d, q);
			if (first) { /* no frame of these has left */
				port_free_pools(d);
				w->shape[end].n_bufs = 0;
			}
			return ret;
		}
	}
	d->port = d->queue[0].port;
	nic->dev = d;
	nic->n_queues = d->n_queues;
	nic->ops = &ring_ops;
	nic->tx_csum = p->params->csum_offload;
	memcpy(nic->rss_key, w->key, sizeof nic->rss_key);
	set_mac(w, end, nic->mac);
	atomic_store_explicit(&w->takes_partial[end], nic->tx_csum, memory_order_relaxed);
	atomic_store_explicit(&w->n_open[end], d->n_queues, memory_order_release);
	return 0;
}

int ring_open(const struct nic_params *params, struct nic *nic, char err[NIC_ERR_LEN])
{
	struct port_plan plan = {
		.params = params,
		.kind = &ring_kind,
		.n_tx = NIC_MAX_QUEUES,
	};
	char name[WIRE_NAME_LEN + 1];
	struct ring_wire *w;
	unsigned end;
	int ret = parse(params->device, name, &end, err);

	ret = ret ? ret : port_mtu(params, USUAL_MTU, MOST_MTU, &plan.mtu, err);
	if (ret)
		return ret;
	w = wire_find(name);
	if (w && atomic_load(&w->n_open[end])) {
		snprintf(err, NIC_ERR_LEN, "%.64s: is open already; the other end is ring:%s:%u",
			 params->device, name, !end);
		return -EBUSY;
	}
	w = w ? w : wire_make(name, port_n_desc(&plan));
	if (!w) {
		snprintf(err, NIC_ERR_LEN,
			 "%.64s: no memory for rings of %u descriptors; ask for "
			 "fewer (n_desc)",
			 params->device, port_n_desc(&plan));
		return -ENOMEM;
	}
	ret = plug_in(w, end, &plan, nic, err);
	if (ret && !atomic_load(&w->n_open[!end]))
		wire_free(w);
	return ret;
}

void ring_close(struct nic *nic)
{
	struct dpdk_dev *d = nic->dev;
	struct ring_wire *w = d->wire;

	atomic_store(&w->n_open[d->end], (uint16_t)0);
	unplug(d, d->n_queues);
	for (unsigned q = 0; q < NIC_MAX_QUEUES; q++)
		drain(w->to[d->end][q]);
	if (!atomic_load(&w->n_open[!d->end]))
		wire_free(w);
}
