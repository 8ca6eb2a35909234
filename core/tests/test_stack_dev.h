/* SPDX-License-Identifier: BSD-3-Clause */
/* The device of a stack under test: a queue of frames towards its peer, with bounds to run into. */
#ifndef TESTS_TEST_STACK_DEV_H
#define TESTS_TEST_STACK_DEV_H

#include <stdlib.h>

#include "stack/stack.h"

#define NET_FRAMES 4096 /* on the wire in one direction */
#define NET_ROOM   2048 /* bytes of a frame's buffer */

struct net_end {
	struct nic nic;
	struct net_end *peer;
	struct nic_pkt q[NET_FRAMES]; /* towards this end */
	uint32_t head, tail;
	int n_bufs;	    /* buffers that this end's stack holds */
	uint32_t tx_room;   /* frames the device still takes */
	uint32_t bufs_left; /* buffers alloc still gives */
	uint32_t n_tx;
	uint32_t n_tcp, n_arp;				  /* frames sent */
	bool (*lose)(const uint8_t *frame, uint16_t len); /* true: the wire swallows it */
	struct stack_core *sc;
	void *mem;
};

static uint16_t net_rx(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct net_end *e = dev;
	uint16_t k = 0;

	(void)queue;
	while (k < n && e->head != e->tail) {
		p[k] = e->q[e->head++ % NET_FRAMES];
		/* a checksum left to the sender's device is not looked at, as on a ring */
		p[k].flags = p[k].flags & NIC_TX_L4_CSUM ? NIC_RX_L4_CSUM_OK : p[k].flags;
		k++;
	}
	e->n_bufs += k;
	return k;
}

static void net_release(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct net_end *e = dev;

	(void)queue;
	for (uint16_t i = 0; i < n; i++)
		free(p[i].handle);
	e->n_bufs -= n;
}

static uint16_t net_tx(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct net_end *e = dev;
	uint16_t k = 0;

	(void)queue;
	while (k < n && e->tx_room && e->peer->tail - e->peer->head < NET_FRAMES) {
		const uint8_t *f = p[k].data;
		bool arp = f[12] == 0x08 && f[13] == 0x06;

		e->n_arp += arp;
		e->n_tcp += !arp && f[23] == IP_TCP;
		if (e->lose && e->lose(f, p[k].len))
			free(p[k].handle);
		else
			e->peer->q[e->peer->tail++ % NET_FRAMES] = p[k];
		k++;
		e->tx_room--;
		e->n_tx++;
	}
	e->n_bufs -= k;
	return k;
}

static uint16_t net_alloc(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct net_end *e = dev;
	uint16_t k = 0;

	(void)queue;
	for (; k < n && e->bufs_left; k++, e->bufs_left--) {
		uint8_t *m = malloc(NET_ROOM);

		p[k] = (struct nic_pkt){.data = m, .handle = m};
	}
	e->n_bufs += k;
	return k;
}

static const struct nic_ops net_ops = {
	.rx_burst = net_rx, .tx_burst = net_tx, .alloc = net_alloc, .release = net_release};

#endif
