/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hierarchical timing wheel (Varghese & Lauck 1987): ticks of 2^16 ns, 8 levels of 64 slots, so
 * that every mt_time has its slot. A node lies on the level of the highest 6-bit digit in which its
 * tick differs from the wheel's, so slots never wrap and the earliest node is in the lowest
 * occupied level's lowest occupied slot: arm, disarm and next are O(1), empty ticks cost nothing.
 *
 * Timers are lazy: the owner of a node whose instant moved later leaves it alone and looks again
 * when it is popped. Nodes are owned by the caller.
 */
#ifndef STACK_WHEEL_H
#define STACK_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rlist.h"
#include "base/time.h"

#define WHEEL_LEVELS	 8
#define WHEEL_SLOTS	 64
#define WHEEL_TICK_SHIFT 16 /* 65.536 us */

struct wheel_node { /* all zero: not armed. It lies within RLIST_REACH of the wheel */
	struct rlist link;
	uint64_t tick : 48; /* the one it fires in */
	uint64_t level : 3, slot : 6;
	uint64_t kind : 2; /* the owner's: what the node is embedded in */
	uint64_t idle : 1; /* the owner's: it may fire, but nobody waits for it */
};

_Static_assert(sizeof(struct wheel_node) == 16, "one for every connection");

struct wheel {
	uint64_t tick;			 /* no node is armed for an earlier one */
	uint64_t occupied[WHEEL_LEVELS]; /* bit per slot */
	uint32_t n_armed;
	uint8_t cascading; /* level whose slot for `tick` is being emptied; 0: none */
	struct rlist slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *, mt_time now);
/* Arms the node for `at` (at the latest one tick after it), moving it if it is armed for another
 * instant. */
void wheel_arm(struct wheel *, struct wheel_node *, mt_time at);
void wheel_disarm(struct wheel *, struct wheel_node *); /* harmless if not armed */
static inline bool wheel_armed(const struct wheel_node *n)
{
	return rlist_linked(&n->link);
}
/* First tick that begins at or after an instant: a timer never fires early. */
static inline uint64_t wheel_tick(mt_time at)
{
	return (at >> WHEEL_TICK_SHIFT) + ((at & ((1u << WHEEL_TICK_SHIFT) - 1)) != 0);
}
static inline bool wheel_fires_in(const struct wheel_node *n, uint64_t tick)
{
	return wheel_armed(n) && n->tick <= tick;
}
/* The node fires by that instant. */
static inline bool wheel_fires_by(const struct wheel_node *n, mt_time at)
{
	return wheel_fires_in(n, wheel_tick(at));
}
/* Unlinks and returns a node that is due, or NULL. *budget bounds the work over calls: one for each
 * node returned or moved down a level; when it reaches 0, NULL is returned and the next call goes
 * on. */
struct wheel_node *wheel_pop(struct wheel *, mt_time now, unsigned *budget);
/* An instant not later than the earliest node's firing, MT_NEVER if none: nothing is due before it.
 */
mt_time wheel_next(const struct wheel *);
/* The same of those that are not idle: disarms the others before it, at most so many; 0 when they
 * were more, and the next call goes on. */
mt_time wheel_next_wanted(struct wheel *, unsigned budget);

#endif
