// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/account.h"

#include "runtime/clock.h"

#define RELAXED memory_order_relaxed

static uint64_t counter(void)
{
	return rt_ticks_after();
}

/* What a switch takes is TCP/IP's, at which part the core was or will be. Single loads and stores,
 * no read-modify-write: a thread that is interrupted between them by the other of its core may
 * spoil the sum by what the other books in the meantime, once. */
enum part account_switch(struct account *a, enum part to)
{
	uint64_t now = a->clock(), since = atomic_load_explicit(&a->since, RELAXED);
	uint32_t was = atomic_load_explicit(&a->part, RELAXED);
	uint64_t ticks = atomic_load_explicit(&a->ticks[was], RELAXED);

	if (to == PART_TCPIP)
		now -= a->cost;
	atomic_store_explicit(&a->ticks[was], ticks + now - since, RELAXED);
	atomic_store_explicit(&a->since, now, RELAXED);
	atomic_store_explicit(&a->part, to, RELAXED);
	return (enum part)was;
}

/* ---- the device ---- */
static uint16_t booked_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct account *a = dev;

	if (account_part(a) == PART_IDLE) /* a look */
		return a->real->ops->rx_burst(a->real->dev, queue, pkts, n);
	account_switch(a, PART_RX);
	n = a->real->ops->rx_burst(a->real->dev, queue, pkts, n);
	account_switch(a, PART_TCPIP);
	return n;
}

static uint16_t booked_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct account *a = dev;

	account_switch(a, PART_TX);
	n = a->real->ops->tx_burst(a->real->dev, queue, pkts, n);
	account_switch(a, PART_TCPIP);
	return n;
}

static uint16_t booked_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct account *a = dev;

	account_switch(a, PART_TX);
	n = a->real->ops->alloc(a->real->dev, queue, pkts, n);
	account_switch(a, PART_TCPIP);
	return n;
}

static void booked_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct account *a = dev;

	account_switch(a, PART_RX);
	a->real->ops->release(a->real->dev, queue, pkts, n);
	account_switch(a, PART_TCPIP);
}

/* Interrupts are armed by the loop, at the device itself. */
static const struct nic_ops booked_ops = {
	.rx_burst = booked_rx,
	.tx_burst = booked_tx,
	.alloc = booked_alloc,
	.release = booked_release,
};

/* Of many, as a counter may be coarse; the best of some, as threads are interrupted. */
static uint64_t cost_of(struct account *a)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		uint64_t since = atomic_load_explicit(&a->since, RELAXED), took;

		for (int k = 0; k < 256; k++)
			account_switch(a, PART_TCPIP);
		took = (atomic_load_explicit(&a->since, RELAXED) - since) / 256;
		least = took < least ? took : least;
	}
	return least;
}

void account_open(struct account *a, const struct nic *real)
{
	*a = (struct account){.clock = counter, .nic = *real, .real = real};
	a->nic.ops = &booked_ops;
	a->nic.dev = a;
	atomic_init(&a->since, counter());
	atomic_init(&a->part, PART_TCPIP);
	a->cost = cost_of(a);
	account_switch(a, PART_APP);
}

/* ---- reading ---- */
void account_read(const struct account *a, struct mtcp_cycles *out)
{
	uint64_t t[N_PARTS];

	for (int i = 0; i < N_PARTS; i++)
		t[i] = atomic_load_explicit(&a->ticks[i], RELAXED);
	*out = (struct mtcp_cycles){.rx = t[PART_RX],
				    .tcp = t[PART_TCPIP],
				    .app = t[PART_APP],
				    .tx = t[PART_TX],
				    .idle = t[PART_IDLE]};
	for (int i = 0; i < N_PARTS; i++)
		out->total += t[i];
}
