/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flow -> 32-bit id. Open addressing over buckets of one cache line each: ten 16-bit tags beside
 * ten ids, so that a lookup costs one line and, on a tag hit, the record it names. A full bucket
 * overflows along a per-tag stride; each bucket counts the entries that passed it by, so a deletion
 * leaves no tombstone and a miss stops at the first bucket nobody had to pass. The hash is keyed: a
 * peer can't aim collisions.
 *
 * The table stores no flows: the owner compares (same()). O(1) expected.
 */
#ifndef STACK_FLOW_TABLE_H
#define STACK_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "wire/addr.h"

#define FLOW_SLOTS 10
#define FLOW_NONE  UINT32_MAX

struct flow_bucket {
	uint16_t tag[FLOW_SLOTS]; /* 0: free */
	uint32_t n_passed;	  /* entries stored beyond although this bucket was on their way */
	uint32_t id[FLOW_SLOTS];
};

_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");

struct flow_table {
	struct flow_bucket *buckets;
	uint64_t mask; /* buckets - 1 */
	uint64_t secret[6];
	bool (*same)(const void *owner, uint32_t id, const struct flow *);
	const void *owner;
	uint64_t n_changes; /* inserts and removals so far: what a lookup found is valid while it
			       stands */
	uint32_t n_used;
};

/* Bytes for n entries at a load of at most 3/4. */
size_t flow_table_bytes(uint64_t n);
/* mem: flow_table_bytes(n) bytes aligned to 64; cleared here. */
void flow_table_init(struct flow_table *, void *mem, uint64_t n, struct rng *);

uint64_t flow_hash(const struct flow_table *, const struct flow *);
static inline void flow_prefetch(const struct flow_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[hash & t->mask]);
}
/* First id whose tag fits: almost always the right one, found without touching the record;
 * FLOW_NONE: no such flow. For prefetching; confirm with same() or flow_find. */
uint32_t flow_candidate(const struct flow_table *, uint64_t hash);
uint32_t flow_find(const struct flow_table *, uint64_t hash, const struct flow *);
/* The flow is not in the table. False when the table is full. */
bool flow_insert(struct flow_table *, uint64_t hash, uint32_t id);
/* Id is in the table under this hash. */
void flow_remove(struct flow_table *, uint64_t hash, uint32_t id);
/* Puts another id in the place of one (a connection becomes a TIME-WAIT record). */
void flow_replace(struct flow_table *, uint64_t hash, uint32_t id, uint32_t by);

#endif
