/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the ring device: its wire, made and plugged in by ring.c, used by ring_burst.c. */
#ifndef PMD_RING_H
#define PMD_RING_H

#include <rte_ring.h>

#include "dpdk.h"

#define WIRE_NAME_LEN 20 /* ring and port names of DPDK are short */

/*
 * A key of period 16 bits is symmetric (Woo and Park, "Scalable TCP session monitoring with
 * symmetric receive-side scaling", 2012): both directions of a flow have one hash. So where the
 * ends have as many queues, a flow stays on queues of the same number, and pairs of cores share
 * nothing.
 */
#define WIRE_KEY_EVEN 0x6d
#define WIRE_KEY_ODD  0x5a

struct ring_wire {
	struct ring_wire *next;
	char name[WIRE_NAME_LEN + 1];
	uint8_t key[RSS_KEY_LEN];
	struct toeplitz rss;
	struct rte_ring *to[2][NIC_MAX_QUEUES]; /* frames on their way to that end */
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint16_t n_open[2]; /* queues; 0: end not open */
	_Atomic bool takes_partial[2]; /* that end wants no TCP checksums computed */
	struct pool_shape shape[2];    /* of the pools that exist */
	struct dpdk_dev dev[2];
};

extern const struct nic_ops ring_ops;

#endif
