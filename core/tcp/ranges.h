/* SPDX-License-Identifier: BSD-3-Clause */
/* Ordered, disjoint, non-adjacent sequence ranges in a small array: what ooo and sack have in common. All
 * ranges of one array lie within 2^31 of each other, so that the order is total. O(n). */
#ifndef TCP_RANGES_H
#define TCP_RANGES_H

#include <stdint.h>

#include "wire/wire.h"

/* The ranges that overlap or touch [start, end): r[first] .. r[first + count - 1]. With count 0, first is
 * where the new range belongs. */
struct range_span {
	uint8_t first, count;
};

struct range_span ranges_find(const struct seq_range *r, uint8_t n, struct seq_range add);
/* Replaces the span by the union of add and the span. The array has room when span.count is 0. Returns
 * the new n. */
uint8_t ranges_merge(struct seq_range *r, uint8_t n, struct range_span span, struct seq_range add);
/* Removes the first k; returns the new n. */
uint8_t ranges_drop_front(struct seq_range *r, uint8_t n, uint8_t k);

static inline uint32_t range_len(struct seq_range r)
{
	return r.end.v - r.start.v;
}

#endif
