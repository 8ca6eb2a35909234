// SPDX-License-Identifier: BSD-3-Clause
#include "stack/flow_table.h"

#include <string.h>

#include "base/check.h"

#define LANES_ONE    0x0001000100010001u
#define LANES_LOW    0x7fff7fff7fff7fffu
#define GATHER_LANES (UINT64_C(1) << 60 | UINT64_C(1) << 45 | UINT64_C(1) << 30 | UINT64_C(1) << 15)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lane order of word_hits()");
_Static_assert(offsetof(struct flow_bucket, tag) == 0 && FLOW_SLOTS == 10, "three words of tags");

static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 m = (u128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t n_buckets(uint64_t n)
{
	uint64_t b = 1;

	while (b * FLOW_SLOTS * 3 / 4 < n)
		b <<= 1;
	return b;
}

size_t flow_table_bytes(uint64_t n)
{
	return n_buckets(n) * sizeof(struct flow_bucket);
}

void flow_table_init(struct flow_table *t, void *mem, uint64_t n, struct rng *rng)
{
	memset(t, 0, sizeof(*t));
	t->buckets = mem;
	t->mask = n_buckets(n) - 1;
	memset(mem, 0, flow_table_bytes(n));
	for (size_t i = 0; i < sizeof(t->secret) / sizeof(t->secret[0]); i++)
		t->secret[i] = rng_next(rng);
}

uint64_t flow_hash(const struct flow_table *t, const struct flow *f)
{
	const uint64_t *k = t->secret;
	uint64_t ports = (uint64_t)f->lport << 16 | f->rport;
	uint64_t h = mix(f->local.d[0] ^ k[0], f->local.d[1] ^ k[1]) +
		     mix(f->remote.d[0] ^ k[2], f->remote.d[1] ^ k[3]);

	return mix(h ^ k[4], ports ^ k[5]);
}

static uint16_t tag_of(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag ? tag : 1;
}

/* Odd, so that every bucket is visited; by tag, so that two overflowing buckets do not share a
 * trail. */
static uint64_t stride_of(uint16_t tag)
{
	return (uint64_t)tag * 2 + 1;
}

/* Bit i is set where lane i of tag word w equals tag; exact. */
static inline uint32_t word_hits(const struct flow_bucket *b, unsigned w, uint16_t tag)
{
	uint64_t x;

	memcpy(&x, (const uint8_t *)b + w * 8, sizeof(x));
	x ^= tag * LANES_ONE;
	x = ~(((x & LANES_LOW) + LANES_LOW) | x | LANES_LOW); /* bit 15 of each lane that was 0 */
	return (uint32_t)((x >> 15) * GATHER_LANES >> 60);
}

/* Slots of the bucket with this tag, as a bit set. The third word's upper half is n_passed. */
static inline uint32_t tag_hits(const struct flow_bucket *b, uint16_t tag)
{
	return word_hits(b, 0, tag) | word_hits(b, 1, tag) << 4 | (word_hits(b, 2, tag) & 3) << 8;
}

uint32_t flow_candidate(const struct flow_table *t, uint64_t hash)
{
	uint16_t tag = tag_of(hash);
	uint64_t at = hash & t->mask;

	for (uint64_t n = 0; n <= t->mask; n++) {
		const struct flow_bucket *b = &t->buckets[at];
		uint32_t hits = tag_hits(b, tag);

		if (hits)
			return b->id[__builtin_ctz(hits)];
		if (!b->n_passed)
			break;
		at = (at + stride_of(tag)) & t->mask;
	}
	return FLOW_NONE;
}

uint32_t flow_find(const struct flow_table *t, uint64_t hash, const struct flow *f)
{
	uint16_t tag = tag_of(hash);
	uint64_t at = hash & t->mask;

	for (uint64_t n = 0; n <= t->mask; n++) {
		const struct flow_bucket *b = &t->buckets[at];

		for (uint32_t hits = tag_hits(b, tag); hits; hits &= hits - 1) {
			uint32_t id = b->id[__builtin_ctz(hits)];

			if (t->same(t->owner, id, f))
				return id;
		}
		if (!b->n_passed)
			break;
		at = (at + stride_of(tag)) & t->mask;
	}
	return FLOW_NONE;
}

bool flow_insert(struct flow_table *t, uint64_t hash, uint32_t id)
{
	uint16_t tag = tag_of(hash);
	uint64_t at = hash & t->mask;

	if (t->n_used >= (t->mask + 1) * FLOW_SLOTS)
		return false;
	for (;;) {
		struct flow_bucket *b = &t->buckets[at];
		uint32_t room = tag_hits(b, 0);

		if (room) {
			unsigned i = (unsigned)__builtin_ctz(room);

			b->tag[i] = tag;
			b->id[i] = id;
			break;
		}
		b->n_passed++;
		at = (at + stride_of(tag)) & t->mask;
	}
	t->n_used++;
	t->n_changes++;
	return true;
}

/* The bucket and slot of an id that is in the table. */
static struct flow_bucket *locate(struct flow_table *t, uint64_t hash, uint32_t id, unsigned *slot)
{
	uint16_t tag = tag_of(hash);
	uint64_t at = hash & t->mask;

	for (uint64_t n = 0; n <= t->mask; n++) {
		struct flow_bucket *b = &t->buckets[at];

		for (uint32_t hits = tag_hits(b, tag); hits; hits &= hits - 1) {
			*slot = (unsigned)__builtin_ctz(hits);
			if (b->id[*slot] == id)
				return b;
		}
		at = (at + stride_of(tag)) & t->mask;
	}
	return NULL;
}

void flow_remove(struct flow_table *t, uint64_t hash, uint32_t id)
{
	unsigned slot;
	struct flow_bucket *end = locate(t, hash, id, &slot);
	uint16_t tag = tag_of(hash);

	check(end);
	end->tag[slot] = 0;
	for (uint64_t at = hash & t->mask; &t->buckets[at] != end;
	     at = (at + stride_of(tag)) & t->mask)
		t->buckets[at].n_passed--;
	t->n_used--;
	t->n_changes++;
}

void flow_replace(struct flow_table *t, uint64_t hash, uint32_t id, uint32_t by)
{
	unsigned slot;
	struct flow_bucket *b = locate(t, hash, id, &slot);

	check(b);
	b->id[slot] = by;
	t->n_changes++;
}
