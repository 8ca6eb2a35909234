// SPDX-License-Identifier: BSD-3-Clause
#include "stack/buf.h"

#include <string.h>

#include "base/check.h"

uint32_t buf_capacity(const struct buf *b)
{
	return b->block == BUFMEM_NONE ? 0 : BUFMEM_UNIT << b->order;
}

/* Copies [off, off + len) out of the ring, which may wrap once. */
static void ring_read(const struct bufmem *m, const struct buf *b, uint32_t off, uint8_t *out,
		      uint32_t len)
{
	const uint8_t *mem = bufmem_at(m, b->block);
	uint32_t cap = buf_capacity(b);
	uint32_t at = (b->head + off) & (cap - 1);
	uint32_t first = len < cap - at ? len : cap - at;

	memcpy(out, mem + at, first);
	memcpy(out + first, mem, len - first);
}

bool buf_reserve(struct bufmem *m, struct buf *b, uint32_t need)
{
	struct buf grown = *b;

	if (need <= buf_capacity(b))
		return true;
	grown.order = bufmem_order(need);
	grown.block = bufmem_get(m, grown.order);
	if (grown.block == BUFMEM_NONE)
		return false;
	grown.head = 0;
	if (b->block != BUFMEM_NONE) {
		ring_read(m, b, 0, bufmem_at(m, grown.block), b->high);
		bufmem_put(m, b->block, b->order);
	}
	*b = grown;
	return true;
}

void buf_write(const struct bufmem *m, struct buf *b, uint32_t off, const void *data, uint32_t len)
{
	uint32_t cap = buf_capacity(b);
	uint32_t at, first;
	uint8_t *mem;

	if (!len)
		return;
	check((uint64_t)off + len <= cap);
	mem = bufmem_at(m, b->block);
	at = (b->head + off) & (cap - 1);
	first = len < cap - at ? len : cap - at;
	memcpy(mem + at, data, first);
	memcpy(mem, (const uint8_t *)data + first, len - first);
	if (b->high < off + len)
		b->high = off + len;
}

void buf_read(const struct bufmem *m, const struct buf *b, uint32_t off, void *out, uint32_t len)
{
	check((uint64_t)off + len <= b->len);
	if (len)
		ring_read(m, b, off, out, len);
}

void buf_drop(struct bufmem *m, struct buf *b, uint32_t n)
{
	check(n <= b->len);
	b->len -= n;
	b->high -= n;
	if (!b->high)
		buf_release(m, b);
	else
		b->head = (b->head + n) & (buf_capacity(b) - 1);
}

void buf_release(struct bufmem *m, struct buf *b)
{
	if (b->block != BUFMEM_NONE)
		bufmem_put(m, b->block, b->order);
	buf_init(b);
}
