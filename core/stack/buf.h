/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's byte queue: a ring in one block of the core's buffer memory, attached when the
 * first byte comes, grown by doubling, given back when the last one leaves. What is to be known of
 * it stands beside the block, so that an empty queue is nothing but a handle. Offset 0 is the
 * oldest byte. Bytes may be written ahead of the queue's end (out-of-order data); buf_append makes
 * them part of it.
 */
#ifndef STACK_BUF_H
#define STACK_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/csum.h"
#include "base/inline.h"
#include "stack/bufmem.h"

/* In the block's unit:
 *   head  position of offset 0 in the block
 *   len   bytes queued
 *   high  end of the highest byte stored, >= len: what growing must keep */
struct buf {
	uint32_t block; /* BUFMEM_NONE: empty */
};

static inline void buf_init(struct buf *b)
{
	b->block = BUFMEM_NONE;
}
static inline struct bufmem_unit *buf_unit(const struct bufmem *m, const struct buf *b)
{
	return &m->units[b->block];
}
/* Bytes queued. */
static inline uint32_t buf_len(const struct bufmem *m, const struct buf *b)
{
	return b->block == BUFMEM_NONE ? 0 : buf_unit(m, b)->len;
}
/* Bytes that fit without asking for memory. */
static inline uint32_t buf_capacity(const struct bufmem *m, const struct buf *b)
{
	return b->block == BUFMEM_NONE ? 0 : BUFMEM_UNIT << buf_unit(m, b)->order;
}
/* For what is said of the queue, and nothing if it is empty. */
static ALWAYS_INLINE void buf_prefetch(const struct bufmem *m, const struct buf *b)
{
	if (b->block != BUFMEM_NONE)
		__builtin_prefetch(buf_unit(m, b), 1);
}
/* Where offset `off` lies in the block. */
static inline uint32_t buf_at(const struct bufmem_unit *u, uint32_t off)
{
	return (u->head + off) & ((BUFMEM_UNIT << u->order) - 1);
}
/* For buf_reserve: from a smaller block, or to a larger one than the smallest. */
bool buf_grow(struct bufmem *, struct buf *, uint32_t need);
/* Makes room for bytes [0, need). False: no memory; the queue is unchanged. */
static ALWAYS_INLINE bool buf_reserve(struct bufmem *m, struct buf *b, uint32_t need)
{
	if (b->block != BUFMEM_NONE || need > BUFMEM_UNIT || !need)
		return need <= buf_capacity(m, b) || buf_grow(m, b, need);
	b->block = bufmem_get(m, 0);
	return b->block != BUFMEM_NONE;
}
/* Copies to and from the ring, which wraps once at most. */
void buf_copy_in(const struct bufmem *, const struct buf *, uint32_t off, const void *,
		 uint32_t len);
void buf_copy_out(const struct bufmem *, const struct buf *, uint32_t off, void *, uint32_t len);
/* The same, and the bytes' sum (base/csum.h). */
uint64_t buf_copy_out_sum(const struct bufmem *, const struct buf *, uint32_t off, void *,
			  uint32_t len);
/* off + len <= buf_capacity(). */
static ALWAYS_INLINE void buf_write(const struct bufmem *m, const struct buf *b, uint32_t off,
				    const void *data, uint32_t len)
{
	struct bufmem_unit *u;
	uint32_t at;

	if (!len)
		return;
	check((uint64_t)off + len <= buf_capacity(m, b));
	u = buf_unit(m, b);
	at = buf_at(u, off);
	if (at + len <= BUFMEM_UNIT << u->order)
		memcpy(bufmem_at(m, b->block) + at, data, len);
	else
		buf_copy_in(m, b, off, data, len);
	if (u->high < off + len)
		u->high = off + len;
}
/* The queue's end moves by n over bytes written before. */
static ALWAYS_INLINE void buf_append(const struct bufmem *m, const struct buf *b, uint32_t n)
{
	struct bufmem_unit *u;

	if (!n)
		return;
	u = buf_unit(m, b);
	u->len += n;
	if (u->high < u->len)
		u->high = u->len;
}
/* Reserves, writes and appends len > 0 bytes. False: no memory; the queue is unchanged. A message
 * mostly meets an empty queue, and fits the smallest block. */
static ALWAYS_INLINE bool buf_add(struct bufmem *m, struct buf *b, const void *data, uint32_t len)
{
	uint32_t at;

	if (b->block == BUFMEM_NONE && len <= BUFMEM_UNIT && m->n_kept[0]) {
		b->block = bufmem_get_small(m, len);
		memcpy(bufmem_at(m, b->block), data, len);
		return true;
	}
	at = buf_len(m, b);
	if (!buf_reserve(m, b, at + len))
		return false;
	buf_write(m, b, at, data, len);
	buf_append(m, b, len);
	return true;
}
/* Where [off, off + len), len > 0, lies in one piece; NULL: it wraps. */
static ALWAYS_INLINE const uint8_t *buf_piece(const struct bufmem *m, const struct buf *b,
					      uint32_t off, uint32_t len)
{
	const struct bufmem_unit *u = buf_unit(m, b);
	uint32_t at = buf_at(u, off);

	return at + len <= BUFMEM_UNIT << u->order ? bufmem_at(m, b->block) + at : NULL;
}
/* off + len <= buf_len(). */
static ALWAYS_INLINE void buf_read(const struct bufmem *m, const struct buf *b, uint32_t off,
				   void *out, uint32_t len)
{
	const uint8_t *p;

	check((uint64_t)off + len <= buf_len(m, b));
	if (!len)
		return;
	p = buf_piece(m, b, off, len);
	if (p)
		memcpy(out, p, len);
	else
		buf_copy_out(m, b, off, out, len);
}
/* The same, and the bytes' sum. len: at most 65535. */
static ALWAYS_INLINE uint64_t buf_read_sum(const struct bufmem *m, const struct buf *b,
					   uint32_t off, void *out, uint32_t len)
{
	const uint8_t *p;

	check((uint64_t)off + len <= buf_len(m, b));
	if (!len)
		return 0;
	p = buf_piece(m, b, off, len);
	return p ? csum_copy(out, p, len) : buf_copy_out_sum(m, b, off, out, len);
}
/* Where [off, off + len) lies, off + len <= buf_capacity(): in one piece or two; of none the length
 * is 0. Good until the queue is changed. */
void buf_place(const struct bufmem *, const struct buf *, uint32_t off, uint32_t len,
	       struct iovec piece[2]);
static inline void buf_release(struct bufmem *m, struct buf *b)
{
	if (b->block != BUFMEM_NONE)
		bufmem_put(m, b->block, buf_unit(m, b)->order);
	buf_init(b);
}
/* n <= buf_len() bytes leave the front. */
static ALWAYS_INLINE void buf_drop(struct bufmem *m, struct buf *b, uint32_t n)
{
	struct bufmem_unit *u;

	if (b->block == BUFMEM_NONE) {
		check(!n);
		return;
	}
	u = buf_unit(m, b);
	check(n <= u->len);
	if (n == u->high) {
		buf_release(m, b);
		return;
	}
	u->len -= n;
	u->high -= n;
	u->head = buf_at(u, n);
}
/* Takes up to n > 0 bytes off the front; how many. */
static ALWAYS_INLINE uint32_t buf_take(struct bufmem *m, struct buf *b, void *out, size_t n)
{
	struct bufmem_unit *u;
	uint32_t len;

	if (b->block == BUFMEM_NONE)
		return 0;
	u = buf_unit(m, b);
	len = u->len < n ? u->len : (uint32_t)n;
	if (u->head + len <= BUFMEM_UNIT << u->order)
		memcpy(out, bufmem_at(m, b->block) + u->head, len);
	else
		buf_copy_out(m, b, 0, out, len);
	buf_drop(m, b, len);
	return len;
}

#endif
