/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's byte queue: a ring in one block of the core's buffer memory, attached when the
 * first byte comes, grown by doubling, given back when the last one leaves. Offset 0 is the oldest
 * byte. Bytes may be written ahead of the queue's end (out-of-order data); buf_append makes them
 * part of it.
 */
#ifndef STACK_BUF_H
#define STACK_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/bufmem.h"

struct buf { /* all zero but block = BUFMEM_NONE: empty */
	uint32_t block;
	uint32_t head; /* position of offset 0 in the block */
	uint32_t len;  /* bytes queued */
	uint32_t high; /* end of the highest byte stored, >= len: what growing must keep */
	uint8_t order;
};

static inline void buf_init(struct buf *b)
{
	*b = (struct buf){.block = BUFMEM_NONE};
}
/* Makes room for bytes [0, need). False: no memory; the queue is unchanged. */
bool buf_reserve(struct bufmem *, struct buf *, uint32_t need);
/* Bytes that fit without asking for memory. */
uint32_t buf_capacity(const struct buf *);
/* off + len <= buf_capacity(). */
void buf_write(const struct bufmem *, struct buf *, uint32_t off, const void *data, uint32_t len);
/* The queue's end moves by n over bytes written before. */
static inline void buf_append(struct buf *b, uint32_t n)
{
	b->len += n;
	if (b->high < b->len)
		b->high = b->len;
}
/* off + len <= b->len. */
void buf_read(const struct bufmem *, const struct buf *, uint32_t off, void *out, uint32_t len);
/* n <= b->len bytes leave the front. */
void buf_drop(struct bufmem *, struct buf *, uint32_t n);
void buf_release(struct bufmem *, struct buf *);

#endif
