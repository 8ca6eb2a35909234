/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of memory, for programs that measure: "memory:N:0" is joined to "memory:N:1". Its queues
 * share nothing but rings with one writer and one reader, so that whatever else two cores share is
 * not the device's. Defines nic_driver. No lock: ends that run at the same time are driven in
 * turns.
 */
#ifndef BENCH_MEMORY_NIC_H
#define BENCH_MEMORY_NIC_H

#include <stdint.h>

#include "mtcp/nic.h"

#define MEMORY_WIRES  7
#define MEMORY_QUEUES 2
#define MEMORY_DEPTH  512u  /* frames in a ring */
#define MEMORY_FRAMES 2048u /* of a queue, at first: they stay where they are released */
#define MEMORY_ROOM   2048u

/* From one queue to one of the other end. */
struct memory_ring {
	_Alignas(64) uint32_t tail; /* the sender's */
	_Alignas(64) uint32_t head; /* the receiver's */
	_Alignas(64) struct nic_pkt pkts[MEMORY_DEPTH];
};

struct memory_queue {
	_Alignas(64) uint32_t n_unused;
	uint8_t *unused[2 * MEMORY_QUEUES * MEMORY_FRAMES];
	struct memory_ring to[MEMORY_QUEUES];
};

struct memory_end {
	struct memory_end *peer;
	uint16_t n_queues; /* 0: not open */
	int wire;
	_Alignas(64) struct memory_queue queues[MEMORY_QUEUES];
	uint8_t frames[MEMORY_QUEUES][MEMORY_FRAMES][MEMORY_ROOM];
};

/* The two ends of each wire, for who wants to know what an address belongs to; there once one is
 * open. */
extern struct memory_end *memory_wires[MEMORY_WIRES];

/* Of ends with one queue, between their turns: the one that sends more gets empty frames back. */
void memory_level(int wire);

#endif
