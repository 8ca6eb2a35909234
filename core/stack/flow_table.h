/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flow -> 32-bit id. Open addressing over buckets of one cache line each: ten 16-bit tags beside
 * ten ids, so that a lookup costs one line and, on a tag hit, the record it names. A full bucket
 * overflows along a per-tag stride through its group of 64 buckets; each bucket counts the entries
 * that passed it by, so a deletion leaves no tombstone and a miss stops at the first bucket nobody
 * had to pass. The hash is keyed: a peer can't aim collisions.
 *
 * It begins as one group and doubles in place, after linear hashing (Litwin 1980): one more bit of
 * the hash decides which entries of a group move to the new one so many groups behind it. Each
 * insertion moves those of FLOW_STEPS buckets, so that none takes long, and only for the one group
 * that is on its way a lookup may touch two. Memory beyond the present size is not touched.
 *
 * The table stores no flows: the owner compares, and tells the flow of an id that is to move. O(1)
 * expected, insertions in the worst case O(FLOW_STEPS * FLOW_SLOTS + a group to clear).
 */
#ifndef STACK_FLOW_TABLE_H
#define STACK_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/rng.h"
#include "wire/addr.h"

#define FLOW_SLOTS 10
#define FLOW_GROUP 64 /* buckets */
#define FLOW_STEPS 2
#define FLOW_NONE  UINT32_MAX

struct flow_bucket {
	uint16_t tag[FLOW_SLOTS]; /* 0: free */
	uint32_t n_passed;	  /* entries stored beyond although this bucket was on their way */
	uint32_t id[FLOW_SLOTS];
};

_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");

struct flow_records { /* the owner's, by id */
	bool (*same)(const void *owner, uint32_t id, const struct flow *);
	void (*flow)(const void *owner, uint32_t id, struct flow *out);
	void (*prefetch)(const void *owner, uint32_t id); /* what flow() reads */
};

struct flow_table {
	struct flow_bucket *buckets;
	uint64_t mask;	  /* buckets - 1, before the doubling that is under way */
	uint64_t n_split; /* so many of them have been split: they and their halves are in use */
	uint64_t moving;  /* first bucket of the group on its way, == n_split; or FLOW_IDLE */
	uint64_t most;	  /* buckets the memory is for */
	uint64_t secret[6];
	const struct flow_records *records;
	const void *owner;
	uint64_t n_changes; /* insertions and removals so far: what a lookup found is valid while
			       it stands */
	uint64_t n_moves;   /* records asked for their flow so far: the work of growing */
	uint32_t n_used;
	uint32_t next; /* bucket of the group on its way, to be looked at next */
};

#define FLOW_IDLE (UINT64_C(1) << 62) /* no bucket */

/* Bytes for n entries at a load of at most 3/4. */
size_t flow_table_bytes(uint64_t n);
/* mem: flow_table_bytes(n) bytes aligned to 64, content indifferent. */
void flow_table_init(struct flow_table *, void *mem, uint64_t n, struct rng *);

uint64_t flow_hash(const struct flow_table *, const struct flow *);

/* The bucket where the search begins. */
static inline uint64_t flow_home(const struct flow_table *t, uint64_t hash)
{
	uint64_t at = hash & t->mask;

	return at < t->n_split ? hash & (t->mask * 2 + 1) : at;
}
static inline void flow_prefetch(const struct flow_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[flow_home(t, hash)]);
}
static inline uint16_t flow_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag ? tag : 1;
}

/* Slots of the bucket with this tag, as a bit set. */
static inline uint32_t flow_tag_hits(const struct flow_bucket *b, uint16_t tag)
{
#ifdef __SSE2__
	const __m128i *p = (const __m128i *)(const void *)b;
	__m128i want = _mm_set1_epi16((short)tag);
	__m128i low = _mm_cmpeq_epi16(_mm_load_si128(p), want);
	__m128i high = _mm_cmpeq_epi16(_mm_loadl_epi64(p + 1), want); /* n_passed too */

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & ((1u << FLOW_SLOTS) - 1);
#else
	uint32_t hits = 0;

	for (unsigned i = 0; i < FLOW_SLOTS; i++)
		hits |= (uint32_t)(b->tag[i] == tag) << i;
	return hits;
#endif
}

_Static_assert(offsetof(struct flow_bucket, tag) == 0 && FLOW_SLOTS == 10, "tags: 16 and 4 bytes");

/* First id whose tag fits: almost always the right one, found without touching the record;
 * FLOW_NONE: no such flow. For prefetching; confirm with same() or flow_find. */
uint32_t flow_candidate(const struct flow_table *, uint64_t hash);
/* The same; in line where the search ends in its first bucket, as most do. */
static inline uint32_t flow_at_home(const struct flow_table *t, uint64_t hash)
{
	const struct flow_bucket *b = &t->buckets[flow_home(t, hash)];
	uint32_t hits = flow_tag_hits(b, flow_tag(hash));

	return hits ? b->id[__builtin_ctz(hits)] : flow_candidate(t, hash);
}
uint32_t flow_find(const struct flow_table *, uint64_t hash, const struct flow *);
/* The flow is not in the table. False when there is no room: with hashes as flow_hash makes them,
 * not below the number of entries that the memory is for. */
bool flow_insert(struct flow_table *, uint64_t hash, uint32_t id);
/* Id is in the table under this hash. */
void flow_remove(struct flow_table *, uint64_t hash, uint32_t id);
/* Puts another id in the place of one (a connection becomes a TIME-WAIT record). */
void flow_replace(struct flow_table *, uint64_t hash, uint32_t id, uint32_t by);

#endif
