/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The core's buffer memory: blocks of 256 B << order by a buddy system (Knowlton 1965) over one
 * region, with a few free blocks of each small order kept unmerged, so that the common 256 B block
 * is a pop and a push. All bookkeeping stands outside the blocks. Memory never handed out is never
 * touched.
 */
#ifndef STACK_BUFMEM_H
#define STACK_BUFMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef MTCP_MALLOC
#include "base/apart.h"
#endif

#define BUFMEM_UNIT	   256u
#define BUFMEM_NONE	   UINT32_MAX
#define BUFMEM_ORDERS	   24 /* largest block 2 GiB */
#define BUFMEM_KEPT_ORDERS 5
#define BUFMEM_KEPT	   256 /* of order 0; half as many of each higher one */

struct bufmem_unit { /* of a block's first unit; of others meaningless */
	union {
		struct {
			uint32_t next, prev; /* of a free one: its list */
		};
		struct {
			uint32_t head, len, high; /* of one in use: its queue (stack/buf.h) */
		};
	};
	uint8_t order, is_free;
};

_Static_assert(sizeof(struct bufmem_unit) == 16, "one for each 256 bytes");

struct bufmem {
	uint8_t *base;
	struct bufmem_unit *units;
	uint32_t n_units;
	uint32_t n_carved; /* units handed to the free lists so far */
	uint8_t max_order;
	uint32_t free_head[BUFMEM_ORDERS];
	uint32_t n_kept[BUFMEM_KEPT_ORDERS];
	uint32_t kept[BUFMEM_KEPT_ORDERS][BUFMEM_KEPT];
	size_t used_bytes; /* in blocks handed out */
};

/* Bytes of bookkeeping for `bytes` of buffer memory. */
size_t bufmem_units_bytes(size_t bytes);
/* mem: `bytes` (a multiple of BUFMEM_UNIT), units: bufmem_units_bytes(); both aligned to 64,
 * content indifferent. max_order: the largest block ever asked for. */
void bufmem_init(struct bufmem *, void *mem, size_t bytes, void *units, uint8_t max_order);
/* Bytes of the largest block. */
static inline uint32_t bufmem_most(const struct bufmem *m)
{
	return BUFMEM_UNIT << m->max_order;
}

/* For bufmem_get and bufmem_put: what no kept block serves, and what is not to be kept. */
uint32_t bufmem_get_unkept(struct bufmem *, uint8_t order);
void bufmem_merge(struct bufmem *, uint32_t block, uint8_t order);

/* A block of 256 << order bytes, its unit's order set and its queue empty, or BUFMEM_NONE.
 * O(orders). */
static inline uint32_t bufmem_get(struct bufmem *m, uint8_t order)
{
	uint32_t block;

	if (order < BUFMEM_KEPT_ORDERS && m->n_kept[order])
		block = m->kept[order][--m->n_kept[order]];
	else
		block = bufmem_get_unkept(m, order);
	if (block == BUFMEM_NONE)
		return block;
	m->units[block] = (struct bufmem_unit){.order = order};
	m->used_bytes += (size_t)BUFMEM_UNIT << order;
#ifdef MTCP_MALLOC
	apart_get(m->base, block, (size_t)BUFMEM_UNIT << order);
#endif
	return block;
}
/* True if bufmem_get() of this order would succeed. */
bool bufmem_has(struct bufmem *, uint8_t order);
/* The same of order 0 from the kept ones, its queue holding len bytes: what most connections need
 * of it. There is one. */
static inline uint32_t bufmem_get_small(struct bufmem *m, uint32_t len)
{
	uint32_t block = m->kept[0][--m->n_kept[0]];

	m->units[block] = (struct bufmem_unit){.len = len, .high = len};
	m->used_bytes += BUFMEM_UNIT;
#ifdef MTCP_MALLOC
	apart_get(m->base, block, BUFMEM_UNIT);
#endif
	return block;
}
static inline void bufmem_put(struct bufmem *m, uint32_t block, uint8_t order)
{
	m->used_bytes -= (size_t)BUFMEM_UNIT << order;
#ifdef MTCP_MALLOC
	apart_put(m->base, block);
#endif
	if (order == 0 && m->n_kept[0] < BUFMEM_KEPT)
		m->kept[0][m->n_kept[0]++] = block;
	else if (order && order < BUFMEM_KEPT_ORDERS &&
		 m->n_kept[order] < (uint32_t)BUFMEM_KEPT >> order)
		m->kept[order][m->n_kept[order]++] = block;
	else
		bufmem_merge(m, block, order);
}
static inline uint8_t *bufmem_at(const struct bufmem *m, uint32_t block)
{
#ifdef MTCP_MALLOC
	return apart_at(m->base, block);
#else
	return m->base + (size_t)block * BUFMEM_UNIT;
#endif
}
/* Smallest order whose block holds n bytes, n >= 1. */
uint8_t bufmem_order(size_t n);

#endif
