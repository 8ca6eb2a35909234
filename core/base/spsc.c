// SPDX-License-Identifier: BSD-3-Clause
#include "base/spsc.h"

#include <stdatomic.h>

#include "base/check.h"

/*
 * Positions run freely modulo 2^32; the size is a power of two, so that differences and masks stay
 * right. All records begin at a multiple of 8, so there is always room for a header before the end
 * of the memory: a record that does not fit there is preceded by a pad.
 *
 * Each side keeps a copy of the other's published position and reads the shared line only when the
 * copy says full or empty: one miss a batch.
 */
struct spsc_hdr {
	uint32_t len; /* of the record, or PAD: skip to the end of the memory */
	uint32_t unused;
};

#define HDR ((uint32_t)sizeof(struct spsc_hdr))
#define PAD UINT32_MAX

static inline struct spsc_hdr *hdr_at(const struct spsc *q, uint32_t pos)
{
	return (struct spsc_hdr *)(void *)(q->mem + (pos & q->mask));
}

static inline uint32_t span(uint32_t len)
{
	return HDR + ((len + 7u) & ~7u);
}

static inline uint32_t to_end(const struct spsc *q, uint32_t pos)
{
	return q->mask + 1 - (pos & q->mask);
}

void spsc_init(struct spsc *q, void *mem, uint32_t bytes)
{
	check(bytes >= 64 && bytes <= 1u << 30 && (bytes & (bytes - 1)) == 0);
	check(((uintptr_t)mem & 7) == 0);
	q->mem = mem;
	q->mask = bytes - 1;
	q->tail = q->head_seen = 0;
	q->head = q->tail_seen = 0;
	atomic_init(&q->tail_pub, 0);
	atomic_init(&q->head_pub, 0);
}

/* Free bytes, by the consumer's position as last read. */
static inline uint32_t free_seen(const struct spsc *q)
{
	return q->mask + 1 - (q->tail - q->head_seen);
}

/* Acquire pairs with the release in spsc_release: the consumer has read what is overwritten now. */
static inline uint32_t free_now(struct spsc *q)
{
	q->head_seen = atomic_load_explicit(&q->head_pub, memory_order_acquire);
	return free_seen(q);
}

void *spsc_reserve(struct spsc *q, uint32_t len)
{
	uint32_t end = to_end(q, q->tail);
	uint32_t need = span(len);
	uint32_t pad = need > end ? end : 0;

	check(len <= (q->mask + 1) / 4);
	if (pad + need > free_seen(q) && pad + need > free_now(q))
		return NULL;
	if (pad > 0) {
		hdr_at(q, q->tail)->len = PAD;
		q->tail += pad;
	}
	return hdr_at(q, q->tail) + 1;
}

void spsc_commit(struct spsc *q, uint32_t len)
{
	hdr_at(q, q->tail)->len = len;
	q->tail += span(len);
}

void spsc_flush(struct spsc *q)
{
	atomic_store_explicit(&q->tail_pub, q->tail, memory_order_release);
}

/* Longest record for which `avail` bytes (a multiple of 8) suffice, before or after the end. */
static uint32_t room_in(const struct spsc *q, uint32_t avail)
{
	uint32_t end = to_end(q, q->tail);
	uint32_t before = avail < end ? avail : end;
	uint32_t after = avail > end ? avail - end : 0;
	uint32_t best = before > after ? before : after;
	uint32_t most = (q->mask + 1) / 4;

	if (best <= HDR)
		return 0;
	return best - HDR < most ? best - HDR : most;
}

uint32_t spsc_room(struct spsc *q)
{
	uint32_t room = room_in(q, free_seen(q));

	return room == (q->mask + 1) / 4 ? room : room_in(q, free_now(q));
}

void *spsc_peek(struct spsc *q, uint32_t *len)
{
	struct spsc_hdr *h;

	for (;;) {
		if (q->head == q->tail_seen)
			q->tail_seen = atomic_load_explicit(&q->tail_pub, memory_order_acquire);
		if (q->head == q->tail_seen)
			return NULL;
		h = hdr_at(q, q->head);
		if (h->len != PAD)
			break;
		q->head += to_end(q, q->head);
	}
	*len = h->len;
	return h + 1;
}

void spsc_pop(struct spsc *q)
{
	q->head += span(hdr_at(q, q->head)->len);
}

void spsc_release(struct spsc *q)
{
	atomic_store_explicit(&q->head_pub, q->head, memory_order_release);
}

bool spsc_ready(const struct spsc *q)
{
	uint32_t head = atomic_load_explicit(&q->head_pub, memory_order_acquire);

	return atomic_load_explicit(&q->tail_pub, memory_order_acquire) != head;
}
