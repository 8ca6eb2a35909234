/* SPDX-License-Identifier: BSD-3-Clause */
/* Which bytes beyond rcv_nxt have arrived: disjoint, ordered, non-adjacent ranges. The bytes themselves
 * lie in the owner's receive buffer. Source of the SACK blocks we send (RFC 2018 4). */
#ifndef TCP_OOO_H
#define TCP_OOO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/wire.h"

#define OOO_RANGES 64

struct ooo_set {
	uint8_t n;
	uint8_t age[OOO_RANGES]; /* rank of r[i] by when it last grew: 0 is the most recent */
	struct seq_range r[OOO_RANGES];
};

void ooo_init(struct ooo_set *);
/* Adds [start, end), start > rcv_nxt. False, and nothing changes, if it would need range OOO_RANGES+1. */
bool ooo_insert(struct ooo_set *, tcp_seq start, tcp_seq end);
/* rcv_nxt moved: drops what lies below, swallows ranges it now touches; returns the new rcv_nxt. */
tcp_seq ooo_advance(struct ooo_set *, tcp_seq rcv_nxt);
/* The range that holds the byte counts as the most recent; without one nothing happens. */
void ooo_touch(struct ooo_set *, tcp_seq);
/* Up to max blocks, most recent first (RFC 2018 4), no block twice. */
uint8_t ooo_sack_blocks(const struct ooo_set *, struct seq_range *out, uint8_t max);

#endif
