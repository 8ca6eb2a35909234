// SPDX-License-Identifier: BSD-3-Clause
#include "stack/bufmem.h"

#include "base/check.h"

size_t bufmem_units_bytes(size_t bytes)
{
	return bytes / BUFMEM_UNIT * sizeof(struct bufmem_unit);
}

void bufmem_init(struct bufmem *m, void *mem, size_t bytes, void *units, uint8_t max_order)
{
	check(max_order < BUFMEM_ORDERS && bytes / BUFMEM_UNIT < BUFMEM_NONE);
	*m = (struct bufmem){
		.base = mem,
		.units = units,
		.n_units = (uint32_t)(bytes / BUFMEM_UNIT),
		.max_order = max_order,
	};
	for (unsigned o = 0; o < BUFMEM_ORDERS; o++)
		m->free_head[o] = BUFMEM_NONE;
}

uint8_t bufmem_order(size_t n)
{
	size_t units = (n + BUFMEM_UNIT - 1) / BUFMEM_UNIT;

	return units <= 1 ? 0 : (uint8_t)(64 - __builtin_clzll(units - 1));
}

static void link_free(struct bufmem *m, uint32_t block, uint8_t order)
{
	uint32_t head = m->free_head[order];

	m->units[block] = (struct bufmem_unit){
		.next = head, .prev = BUFMEM_NONE, .order = order, .is_free = 1};
	if (head != BUFMEM_NONE)
		m->units[head].prev = block;
	m->free_head[order] = block;
}

static void unlink_free(struct bufmem *m, uint32_t block)
{
	struct bufmem_unit *u = &m->units[block];

	if (u->prev == BUFMEM_NONE)
		m->free_head[u->order] = u->next;
	else
		m->units[u->prev].next = u->next;
	if (u->next != BUFMEM_NONE)
		m->units[u->next].prev = u->prev;
	u->is_free = 0;
}

/* Adds the next untouched piece to the free lists: a block of the largest order, at the region's
 * end smaller ones. */
static bool carve(struct bufmem *m)
{
	uint32_t left = m->n_units - m->n_carved;
	uint32_t block = m->n_carved;
	uint8_t order = m->max_order;

	if (!left)
		return false;
	while (1u << order > left)
		order--;
	m->n_carved += 1u << order;
	link_free(m, block, order);
	return true;
}

/* Smallest order >= order with a free block, or > max_order. */
static uint8_t free_order(const struct bufmem *m, uint8_t order)
{
	while (order <= m->max_order && m->free_head[order] == BUFMEM_NONE)
		order++;
	return order;
}

static uint32_t split_from(struct bufmem *m, uint8_t order)
{
	uint8_t have = free_order(m, order);
	uint32_t block;

	if (have > m->max_order)
		return BUFMEM_NONE;
	block = m->free_head[have];
	unlink_free(m, block);
	while (have > order) {
		have--;
		link_free(m, block + (1u << have), have);
	}
	return block;
}

/* Joins the block with its free buddy as often as it can, then links it. */
void bufmem_merge(struct bufmem *m, uint32_t block, uint8_t order)
{
	while (order < m->max_order) {
		uint32_t buddy = block ^ (1u << order);

		if (buddy >= m->n_carved || !m->units[buddy].is_free ||
		    m->units[buddy].order != order)
			break;
		unlink_free(m, buddy);
		block &= ~(1u << order);
		order++;
	}
	link_free(m, block, order);
}

/* Merges what was kept aside. True if there was anything. */
static bool give_up_kept(struct bufmem *m)
{
	bool any = false;

	for (uint8_t o = 0; o < BUFMEM_KEPT_ORDERS; o++) {
		while (m->n_kept[o]) {
			bufmem_merge(m, m->kept[o][--m->n_kept[o]], o);
			any = true;
		}
	}
	return any;
}

uint32_t bufmem_get_unkept(struct bufmem *m, uint8_t order)
{
	uint32_t block;

	if (order > m->max_order)
		return BUFMEM_NONE;
	do {
		block = split_from(m, order);
	} while (block == BUFMEM_NONE && (carve(m) || give_up_kept(m)));
	return block;
}

bool bufmem_has(struct bufmem *m, uint8_t order)
{
	if (order > m->max_order)
		return false;
	while (free_order(m, order) > m->max_order) {
		if (!carve(m) && !give_up_kept(m))
			return false;
	}
	return true;
}
