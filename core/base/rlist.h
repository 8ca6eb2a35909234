/* SPDX-License-Identifier: BSD-3-Clause */
/* Intrusive doubly linked list with a sentinel head, as base/list.h, at half the size: a link is
 * the distance to the other node. All nodes and heads of a list lie in one region of at most
 * RLIST_REACH bytes and stay where they are. All zero: an empty head, an unlinked node. */
#ifndef BASE_RLIST_H
#define BASE_RLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define RLIST_ALIGN 8
#define RLIST_REACH ((uint64_t)RLIST_ALIGN << 31)

struct rlist {
	_Alignas(RLIST_ALIGN) int32_t next; /* in units of RLIST_ALIGN */
	int32_t prev;
};

static inline struct rlist *rlist_hop(const struct rlist *n, int32_t distance)
{
	return (struct rlist *)((uintptr_t)n + (uintptr_t)((intptr_t)distance * RLIST_ALIGN));
}

static inline int32_t rlist_distance(const struct rlist *from, const struct rlist *to)
{
	return (int32_t)(((intptr_t)to - (intptr_t)from) / RLIST_ALIGN);
}

static inline struct rlist *rlist_next(const struct rlist *n)
{
	return rlist_hop(n, n->next);
}

static inline void rlist_init(struct rlist *head)
{
	head->next = head->prev = 0;
}

static inline bool rlist_empty(const struct rlist *head)
{
	return head->next == 0;
}

static inline bool rlist_linked(const struct rlist *node)
{
	return node->next != 0;
}

static inline void rlist_append(struct rlist *head, struct rlist *node)
{
	struct rlist *last = rlist_hop(head, head->prev);
	int32_t to_head = rlist_distance(node, head);

	node->next = to_head;
	node->prev = to_head + head->prev;
	last->next = -node->prev;
	head->prev = -to_head;
}

/* The node must be linked. */
static inline void rlist_remove(struct rlist *node)
{
	struct rlist *prev = rlist_hop(node, node->prev), *next = rlist_hop(node, node->next);
	int32_t gap = node->next - node->prev;

	prev->next = gap;
	next->prev = -gap;
	node->next = node->prev = 0;
}

/* First node unlinked and returned, or NULL. */
static inline struct rlist *rlist_pop(struct rlist *head)
{
	struct rlist *n = rlist_next(head);

	if (n == head)
		return NULL;
	rlist_remove(n);
	return n;
}

/* Appends all nodes of one list to another, in order. O(1). */
static inline void rlist_move_all(struct rlist *from, struct rlist *to)
{
	struct rlist *first = rlist_next(from), *last = rlist_hop(from, from->prev);
	struct rlist *end = rlist_hop(to, to->prev);

	if (first == from)
		return;
	first->prev = rlist_distance(first, end);
	end->next = -first->prev;
	last->next = rlist_distance(last, to);
	to->prev = -last->next;
	rlist_init(from);
}

#define rlist_for_each(n, head)                                                                    \
	for (struct rlist *n = rlist_next(head); n != (head); n = rlist_next(n))

#endif
