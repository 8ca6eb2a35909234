// SPDX-License-Identifier: BSD-3-Clause
#include "stack/wheel.h"

#include <string.h>

#define DIGIT_BITS 6

#define LAST_TICK ((UINT64_C(1) << (DIGIT_BITS * WHEEL_LEVELS)) - 1)

_Static_assert(DIGIT_BITS *WHEEL_LEVELS + WHEEL_TICK_SHIFT >= 64, "every instant has its slot");

static unsigned digit(uint64_t tick, unsigned level)
{
	return (unsigned)(tick >> (level * DIGIT_BITS)) & (WHEEL_SLOTS - 1);
}

void wheel_init(struct wheel *w, mt_time now)
{
	memset(w, 0, sizeof(*w));
	w->tick = now >> WHEEL_TICK_SHIFT;
}

static void place(struct wheel *w, struct wheel_node *n)
{
	uint64_t t = n->tick;
	uint64_t differ;
	unsigned level, slot;

	if (t < w->tick)
		t = w->tick;
	differ = t ^ w->tick;
	level = differ ? (unsigned)(63 - __builtin_clzll(differ)) / DIGIT_BITS : 0;
	slot = digit(t, level);
	n->level = level & (WHEEL_LEVELS - 1);
	n->slot = slot & (WHEEL_SLOTS - 1);
	rlist_append(&w->slots[level][slot], &n->link);
	w->occupied[level] |= UINT64_C(1) << slot;
}

static void take(struct wheel *w, struct wheel_node *n)
{
	rlist_remove(&n->link);
	if (rlist_empty(&w->slots[n->level][n->slot]))
		w->occupied[n->level] &= ~(UINT64_C(1) << n->slot);
}

void wheel_arm(struct wheel *w, struct wheel_node *n, mt_time at)
{
	if (wheel_armed(n))
		take(w, n);
	else
		w->n_armed++;
	n->tick = (wheel_tick(at) < LAST_TICK ? wheel_tick(at) : LAST_TICK) & LAST_TICK;
	place(w, n);
}

void wheel_disarm(struct wheel *w, struct wheel_node *n)
{
	if (!wheel_armed(n))
		return;
	take(w, n);
	w->n_armed--;
}

/* The earliest occupied slot: its level, and in *start the first tick it stands for. */
static int earliest(const struct wheel *w, uint64_t *start)
{
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		unsigned shift = l * DIGIT_BITS;
		uint64_t s, above;

		if (!w->occupied[l])
			continue;
		s = (uint64_t)__builtin_ctzll(w->occupied[l]);
		above = w->tick >> shift >> DIGIT_BITS;
		*start = (above << DIGIT_BITS | s) << shift;
		return (int)l;
	}
	return -1;
}

/* Of the slot that a tick has on this level. */
static struct wheel_node *first_of(struct wheel *w, unsigned level, uint64_t tick)
{
	return container_of(rlist_next(&w->slots[level][digit(tick, level)]), struct wheel_node,
			    link);
}

/* Moves the nodes of the slot that `tick` has entered down, as far as the budget goes. False: not
 * finished. */
static bool cascade(struct wheel *w, unsigned *budget)
{
	const struct rlist *slot = &w->slots[w->cascading][digit(w->tick, w->cascading)];

	while (!rlist_empty(slot)) {
		struct wheel_node *n = first_of(w, w->cascading, w->tick);

		if (!*budget)
			return false;
		(*budget)--;
		take(w, n);
		place(w, n);
	}
	w->cascading = 0;
	return true;
}

struct wheel_node *wheel_pop(struct wheel *w, mt_time now, unsigned *budget)
{
	uint64_t target = now >> WHEEL_TICK_SHIFT;

	for (;;) {
		struct wheel_node *n;
		uint64_t start;
		int level;

		if (w->cascading && !cascade(w, budget))
			return NULL;
		level = earliest(w, &start);
		if (level < 0 || start > target) {
			if (target > w->tick)
				w->tick = target;
			return NULL;
		}
		if (start > w->tick)
			w->tick = start;
		if (level > 0) {
			w->cascading = (uint8_t)level;
			continue;
		}
		if (!*budget)
			return NULL;
		(*budget)--;
		n = first_of(w, 0, w->tick);
		wheel_disarm(w, n);
		return n;
	}
}

mt_time wheel_next(const struct wheel *w)
{
	uint64_t start;

	if (w->cascading)
		return w->tick << WHEEL_TICK_SHIFT;
	return earliest(w, &start) < 0 ? MT_NEVER : start << WHEEL_TICK_SHIFT;
}

/* A slot decides when to wake, so one node in it that is wanted will do. */
mt_time wheel_next_wanted(struct wheel *w, unsigned budget)
{
	uint64_t start = w->tick;
	int level;

	while (!w->cascading && (level = earliest(w, &start)) >= 0) {
		struct wheel_node *n = first_of(w, (unsigned)level, start);

		if (!n->idle)
			return start << WHEEL_TICK_SHIFT;
		if (!budget--)
			return 0;
		wheel_disarm(w, n);
	}
	return w->cascading ? start << WHEEL_TICK_SHIFT : MT_NEVER;
}
