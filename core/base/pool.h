/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fixed-size objects from memory given once, by 32-bit handle. One owner, no lock.
 * Memory of objects never handed out is never touched, so a large pool costs only what was used
 * at the peak. The first 4 bytes of a free object hold the free list; the rest keeps its content.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef MTCP_MALLOC
#include "base/apart.h"
#endif

#define POOL_NONE UINT32_MAX

struct pool {
	uint8_t *base;
	uint32_t obj_size; /* bytes, a multiple of the alignment asked for */
	uint32_t capacity; /* objects */
	uint32_t n_used;
	uint32_t n_touched; /* objects handed out at least once */
	uint32_t free_head;
#ifdef MTCP_MALLOC
	bool apart;
#endif
};

/* Bytes of memory for `capacity` objects, rounded so that each begins at a multiple of 64 if
 * obj_size >= 64, else at a multiple of 8. */
size_t pool_bytes(uint32_t obj_size, uint32_t capacity);
/* mem: pool_bytes() bytes, aligned to 64, owned by the caller, outlives the pool. */
void pool_init(struct pool *, void *mem, uint32_t obj_size, uint32_t capacity);
/* The same, of objects that nobody finds by their place (pool_id): see base/apart.h. */
void pool_init_apart(struct pool *, void *mem, uint32_t obj_size, uint32_t capacity);
/* POOL_NONE when all are used. O(1). Content is not cleared. */
uint32_t pool_get(struct pool *);
void pool_put(struct pool *, uint32_t id);
/* What pool_get() would return now: for prefetching. */
static inline uint32_t pool_next(const struct pool *p)
{
	if (p->free_head != POOL_NONE)
		return p->free_head;
	return p->n_touched < p->capacity ? p->n_touched : POOL_NONE;
}

static inline void *pool_at(const struct pool *p, uint32_t id)
{
#ifdef MTCP_MALLOC
	if (p->apart)
		return apart_at(p->base, id);
#endif
	return p->base + (size_t)id * p->obj_size;
}

static inline uint32_t pool_id(const struct pool *p, const void *obj)
{
	return (uint32_t)((size_t)((const uint8_t *)obj - p->base) / p->obj_size);
}

#endif
