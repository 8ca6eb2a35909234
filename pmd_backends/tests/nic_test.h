/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device tests share. */
#ifndef NIC_TEST_H
#define NIC_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "mtcp/nic.h"

#define TEST_BUFS 4095u

static inline struct nic_params small(const char *device, uint16_t n_queues)
{
	return (struct nic_params){
		.device = device, .n_queues = n_queues, .n_bufs = TEST_BUFS, .n_desc = 1024};
}

static inline void open_ok(const struct nic_params *p, struct nic *nic)
{
	char err[NIC_ERR_LEN];
	int ret = nic_driver.open(p, nic, err);

	if (ret)
		fail_msg("%s: %d: %s", p->device, ret, err);
	assert_string_equal(err, "");
}

/* Fails with that error and says why in one line. */
static inline void open_fails(const struct nic_params *p, int expected, const char *word)
{
	char err[NIC_ERR_LEN];
	struct nic nic;
	int ret = nic_driver.open(p, &nic, err);

	if (ret == 0)
		nic_driver.close(&nic);
	if (ret != expected || !strstr(err, word) || strchr(err, '\n'))
		fail_msg("%s: %d instead of %d: '%s' lacks '%s'", p->device, ret, expected, err,
			 word);
}

static inline uint16_t alloc(struct nic *n, uint16_t queue, struct nic_pkt *pkts, uint16_t max)
{
	return n->ops->alloc(n->dev, queue, pkts, max);
}

static inline uint16_t rx(struct nic *n, uint16_t queue, struct nic_pkt *pkts, uint16_t max)
{
	return n->ops->rx_burst(n->dev, queue, pkts, max);
}

static inline uint16_t tx(struct nic *n, uint16_t queue, struct nic_pkt *pkts, uint16_t k)
{
	return n->ops->tx_burst(n->dev, queue, pkts, k);
}

static inline void release(struct nic *n, uint16_t queue, struct nic_pkt *pkts, uint16_t k)
{
	n->ops->release(n->dev, queue, pkts, k);
}

/* How many buffers the queue has left; they are all taken and given back. */
static inline unsigned free_bufs(struct nic *n, uint16_t queue)
{
	static struct nic_pkt all[2 * TEST_BUFS];
	unsigned got = alloc(n, queue, all, (uint16_t)(sizeof all / sizeof all[0]));

	release(n, queue, all, (uint16_t)got);
	return got;
}

/* An Ethernet frame of IPv4 and TCP with these addresses; the rest is filler from seq. */
static inline void make_frame(struct nic_pkt *p, const uint8_t flow[12], uint16_t len, uint32_t seq)
{
	memset(p->data, 0, 54);
	p->data[12] = 8;
	p->data[14] = 0x45;
	p->data[23] = 6;
	memcpy(p->data + 26, flow, 12);
	for (uint16_t i = 54; i < len; i++)
		p->data[i] = (uint8_t)(seq + i);
	memcpy(p->data + 38, &seq, 4);
	p->len = len;
}

#endif
