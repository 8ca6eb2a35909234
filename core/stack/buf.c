// SPDX-License-Identifier: BSD-3-Clause
#include "stack/buf.h"

#include <string.h>

#include "base/check.h"

/* Copies [off, off + len) out of the ring, which may wrap once. */
static void ring_read(const struct bufmem *m, const struct buf *b, uint32_t off, uint8_t *out,
		      uint32_t len)
{
	const uint8_t *mem = bufmem_at(m, b->block);
	const struct bufmem_unit *u = buf_unit(m, b);
	uint32_t cap = BUFMEM_UNIT << u->order;
	uint32_t at = (u->head + off) & (cap - 1);

	if (at + len <= cap) {
		memcpy(out, mem + at, len);
		return;
	}
	memcpy(out, mem + at, cap - at);
	memcpy(out + (cap - at), mem, len - (cap - at));
}

bool buf_reserve(struct bufmem *m, struct buf *b, uint32_t need)
{
	struct buf grown;

	if (need <= buf_capacity(m, b))
		return true;
	grown.block = bufmem_get(m, bufmem_order(need));
	if (grown.block == BUFMEM_NONE)
		return false;
	if (b->block != BUFMEM_NONE) {
		const struct bufmem_unit *old = buf_unit(m, b);
		struct bufmem_unit *u = buf_unit(m, &grown);

		ring_read(m, b, 0, bufmem_at(m, grown.block), old->high);
		u->len = old->len;
		u->high = old->high;
		bufmem_put(m, b->block, old->order);
	}
	*b = grown;
	return true;
}

void buf_write(const struct bufmem *m, const struct buf *b, uint32_t off, const void *data,
	       uint32_t len)
{
	struct bufmem_unit *u;
	uint32_t cap, at;
	uint8_t *mem;

	if (!len)
		return;
	check((uint64_t)off + len <= buf_capacity(m, b));
	u = buf_unit(m, b);
	cap = BUFMEM_UNIT << u->order;
	mem = bufmem_at(m, b->block);
	at = (u->head + off) & (cap - 1);
	if (at + len <= cap) {
		memcpy(mem + at, data, len);
	} else {
		memcpy(mem + at, data, cap - at);
		memcpy(mem, (const uint8_t *)data + (cap - at), len - (cap - at));
	}
	if (u->high < off + len)
		u->high = off + len;
}

void buf_read(const struct bufmem *m, const struct buf *b, uint32_t off, void *out, uint32_t len)
{
	check((uint64_t)off + len <= buf_len(m, b));
	if (len)
		ring_read(m, b, off, out, len);
}

void buf_drop(struct bufmem *m, struct buf *b, uint32_t n)
{
	struct bufmem_unit *u;

	check(n <= buf_len(m, b));
	if (b->block == BUFMEM_NONE)
		return;
	u = buf_unit(m, b);
	u->len -= n;
	u->high -= n;
	if (!u->high)
		buf_release(m, b);
	else
		u->head = (u->head + n) & ((BUFMEM_UNIT << u->order) - 1);
}

void buf_release(struct bufmem *m, struct buf *b)
{
	if (b->block != BUFMEM_NONE)
		bufmem_put(m, b->block, buf_unit(m, b)->order);
	buf_init(b);
}

void buf_place(const struct bufmem *m, const struct buf *b, uint32_t off, uint32_t len,
	       struct iovec piece[2])
{
	uint32_t cap = buf_capacity(m, b), at, first;
	uint8_t *mem;

	piece[0] = piece[1] = (struct iovec){0};
	if (!len)
		return;
	check((uint64_t)off + len <= cap);
	mem = bufmem_at(m, b->block);
	at = (buf_unit(m, b)->head + off) & (cap - 1);
	first = len < cap - at ? len : cap - at;
	piece[0] = (struct iovec){.iov_base = mem + at, .iov_len = first};
	if (len > first)
		piece[1] = (struct iovec){.iov_base = mem, .iov_len = len - first};
}
