/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cores of one device share nothing, but a device gives the answer to an ARP request to whichever
 * queue it likes, mostly the first. So each core passes what it hears to the others, through one
 * ring per pair of cores, and the stacks below see a device whose every queue hears all answers.
 * An ICMP error about a packet comes from a router, so to any queue: it is passed to the core whose
 * flow it quotes, as the device's hash has it, or, where that is not known, to all. A ring that is
 * full takes no more of either.
 * The queue of a core that has left is looked after by those that run, as far as ARP, neighbour
 * discovery and such errors go: else nobody would hear the first queue's answers. With one core
 * nothing of this exists.
 */
#ifndef RUNTIME_SHARE_H
#define RUNTIME_SHARE_H

#include "base/spsc.h"
#include "mtcp/nic.h"

struct share;

/* One core's view of the device. */
struct share_port {
	struct nic nic; /* what the core's stack is given: as the device's, but its ops and dev are
			   ours */
	const struct nic *real;
	struct share *share;
	uint16_t queue;
};

/* NULL: out of memory. */
struct share *share_open(const struct nic *, uint16_t n_cores);
void share_close(struct share *);
/* The device as core `queue` is to see it; lives as long as the share. */
const struct nic *share_nic(struct share *, uint16_t queue);
/* A core is about to use its queue, or has ceased to. Before its first time the queue keeps its
 * frames for it; what other cores heard before it came, it does not hear. By any thread. */
void share_enter(struct share *, uint16_t queue);
void share_leave(struct share *, uint16_t queue);

#endif
