// SPDX-License-Identifier: BSD-3-Clause
#include "stack/flow_table.h"

#include <string.h>

#include "base/check.h"

#define GROW_LOAD 7 /* entries for each bucket */

static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 m = (u128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t n_buckets(uint64_t n)
{
	uint64_t b = FLOW_GROUP;

	while (b * FLOW_SLOTS * 3 / 4 < n)
		b <<= 1;
	return b;
}

size_t flow_table_bytes(uint64_t n)
{
	return n_buckets(n) * sizeof(struct flow_bucket);
}

static void clear_group(struct flow_table *t, uint64_t first)
{
	memset(&t->buckets[first], 0, FLOW_GROUP * sizeof(struct flow_bucket));
}

void flow_table_init(struct flow_table *t, void *mem, uint64_t n, struct rng *rng)
{
	memset(t, 0, sizeof(*t));
	t->buckets = mem;
	t->mask = FLOW_GROUP - 1;
	t->moving = FLOW_IDLE;
	t->most = n_buckets(n);
	clear_group(t, 0);
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

/* The next bucket on a tag's trail through its group. The stride is odd, so that every bucket is
 * visited; by tag, so that two overflowing buckets do not share a trail. */
static uint64_t next_on_trail(uint64_t at, uint16_t tag)
{
	uint64_t stride = (uint64_t)tag * 2 + 1;

	return (at & ~(uint64_t)(FLOW_GROUP - 1)) | ((at + stride) & (FLOW_GROUP - 1));
}

/* Where else an entry of this hash may be that is not at home: the group on its way leaves it there
 * or has it moved already. FLOW_IDLE: nowhere. */
static inline uint64_t other_home(const struct flow_table *t, uint64_t hash, uint64_t home)
{
	if (__builtin_expect(home - t->moving >= FLOW_GROUP, 1) || !(hash & (t->mask + 1)))
		return FLOW_IDLE;
	return home + t->mask + 1;
}

static uint32_t first_fit(const struct flow_table *t, uint64_t at, uint16_t tag)
{
	for (unsigned n = 0; n < FLOW_GROUP; n++) {
		const struct flow_bucket *b = &t->buckets[at];
		uint32_t hits = flow_tag_hits(b, tag);

		if (hits)
			return b->id[__builtin_ctz(hits)];
		if (!b->n_passed)
			break;
		at = next_on_trail(at, tag);
	}
	return FLOW_NONE;
}

uint32_t flow_candidate(const struct flow_table *t, uint64_t hash)
{
	uint64_t home = flow_home(t, hash), other;
	uint32_t id = first_fit(t, home, flow_tag(hash));

	if (id != FLOW_NONE)
		return id;
	other = other_home(t, hash, home);
	return other == FLOW_IDLE ? FLOW_NONE : first_fit(t, other, flow_tag(hash));
}

static uint32_t find_from(const struct flow_table *t, uint64_t at, uint16_t tag,
			  const struct flow *f)
{
	for (unsigned n = 0; n < FLOW_GROUP; n++) {
		const struct flow_bucket *b = &t->buckets[at];

		for (uint32_t hits = flow_tag_hits(b, tag); hits; hits &= hits - 1) {
			uint32_t id = b->id[__builtin_ctz(hits)];

			if (t->records->same(t->owner, id, f))
				return id;
		}
		if (!b->n_passed)
			break;
		at = next_on_trail(at, tag);
	}
	return FLOW_NONE;
}

uint32_t flow_find(const struct flow_table *t, uint64_t hash, const struct flow *f)
{
	uint64_t home = flow_home(t, hash), other;
	uint32_t id = find_from(t, home, flow_tag(hash), f);

	if (id != FLOW_NONE)
		return id;
	other = other_home(t, hash, home);
	return other == FLOW_IDLE ? FLOW_NONE : find_from(t, other, flow_tag(hash), f);
}

/* False: the group is full, and as it was. */
static bool put(struct flow_table *t, uint64_t home, uint16_t tag, uint32_t id)
{
	uint64_t at = home;
	uint32_t room = 0;

	for (unsigned n = 0; n < FLOW_GROUP; n++) {
		room = flow_tag_hits(&t->buckets[at], 0);
		if (room)
			break;
		at = next_on_trail(at, tag);
	}
	if (!room)
		return false;
	t->buckets[at].tag[__builtin_ctz(room)] = tag;
	t->buckets[at].id[__builtin_ctz(room)] = id;
	for (uint64_t passed = home; passed != at; passed = next_on_trail(passed, tag))
		t->buckets[passed].n_passed++;
	return true;
}

/* An entry leaves its slot. */
static void take(struct flow_table *t, uint64_t home, uint64_t at, unsigned slot)
{
	uint16_t tag = t->buckets[at].tag[slot];

	t->buckets[at].tag[slot] = 0;
	for (uint64_t passed = home; passed != at; passed = next_on_trail(passed, tag))
		t->buckets[passed].n_passed--;
}

/* ---- growing ---- */

static void prefetch_records(const struct flow_table *t, const struct flow_bucket *b)
{
	for (unsigned i = 0; i < FLOW_SLOTS; i++) {
		if (b->tag[i])
			t->records->prefetch(t->owner, b->id[i]);
	}
}

/* Sends the entries of the next bucket where they belong now. */
static void move_bucket(struct flow_table *t)
{
	uint64_t half = t->mask + 1, at = t->moving + t->next;
	struct flow_bucket *b = &t->buckets[at];

	for (unsigned i = 0; i < FLOW_SLOTS; i++) {
		struct flow f;
		uint64_t hash, home;
		uint16_t tag;

		if (!b->tag[i])
			continue;
		t->records->flow(t->owner, b->id[i], &f);
		t->n_moves++;
		hash = flow_hash(t, &f);
		home = hash & t->mask;
		if (!(hash & half) && home == at)
			continue;
		/* Who stays but is not at home may find room there now. A new group of fewer
		 * entries than the old one has room. */
		tag = b->tag[i];
		take(t, home, at, i);
		check(put(t, hash & half ? home + half : home, tag, b->id[i]));
	}
	if (++t->next < FLOW_GROUP)
		prefetch_records(t, b + 1);
}

static void begin_group(struct flow_table *t, uint64_t first)
{
	t->moving = first;
	t->next = 0;
	clear_group(t, first + t->mask + 1);
}

static void end_group(struct flow_table *t)
{
	t->n_split = t->moving + FLOW_GROUP;
	if (t->n_split <= t->mask) {
		begin_group(t, t->n_split);
		return;
	}
	t->mask = t->mask * 2 + 1;
	t->n_split = 0;
	t->moving = FLOW_IDLE;
}

static void grow(struct flow_table *t)
{
	if (t->moving == FLOW_IDLE) {
		if (t->n_used < (t->mask + 1) * GROW_LOAD || t->mask + 1 >= t->most)
			return;
		begin_group(t, 0);
	}
	for (unsigned i = 0; i < FLOW_STEPS && t->moving != FLOW_IDLE; i++) {
		move_bucket(t);
		if (t->next == FLOW_GROUP)
			end_group(t);
	}
}

bool flow_insert(struct flow_table *t, uint64_t hash, uint32_t id)
{
	uint64_t home, other;

	grow(t);
	home = flow_home(t, hash);
	other = other_home(t, hash, home);
	if (!put(t, other == FLOW_IDLE ? home : other, flow_tag(hash), id))
		return false;
	t->n_used++;
	t->n_changes++;
	return true;
}

/* ---- by id ---- */

struct place {
	uint64_t home, at;
	unsigned slot;
};

static bool locate_from(const struct flow_table *t, uint16_t tag, uint32_t id, struct place *p)
{
	p->at = p->home;
	for (unsigned n = 0; n < FLOW_GROUP; n++) {
		const struct flow_bucket *b = &t->buckets[p->at];

		for (uint32_t hits = flow_tag_hits(b, tag); hits; hits &= hits - 1) {
			p->slot = (unsigned)__builtin_ctz(hits);
			if (b->id[p->slot] == id)
				return true;
		}
		p->at = next_on_trail(p->at, tag);
	}
	return false;
}

/* Of an id that is in the table. */
static struct place locate(const struct flow_table *t, uint64_t hash, uint32_t id)
{
	struct place p = {.home = flow_home(t, hash)};

	if (locate_from(t, flow_tag(hash), id, &p))
		return p;
	p.home = other_home(t, hash, p.home);
	check(p.home != FLOW_IDLE && locate_from(t, flow_tag(hash), id, &p));
	return p;
}

void flow_remove(struct flow_table *t, uint64_t hash, uint32_t id)
{
	struct place p = locate(t, hash, id);

	take(t, p.home, p.at, p.slot);
	t->n_used--;
	t->n_changes++;
}

void flow_replace(struct flow_table *t, uint64_t hash, uint32_t id, uint32_t by)
{
	struct place p = locate(t, hash, id);

	t->buckets[p.at].id[p.slot] = by;
	t->n_changes++;
}
