// SPDX-License-Identifier: BSD-3-Clause
#include "stack/buf.h"

void buf_copy_out(const struct bufmem *m, const struct buf *b, uint32_t off, void *out,
		  uint32_t len)
{
	struct iovec piece[2];

	buf_place(m, b, off, len, piece);
	memcpy(out, piece[0].iov_base, piece[0].iov_len);
	if (piece[1].iov_len)
		memcpy((uint8_t *)out + piece[0].iov_len, piece[1].iov_base, piece[1].iov_len);
}

uint64_t buf_copy_out_sum(const struct bufmem *m, const struct buf *b, uint32_t off, void *out,
			  uint32_t len)
{
	struct iovec piece[2];
	uint64_t sum, behind;

	buf_place(m, b, off, len, piece);
	sum = csum_copy(out, piece[0].iov_base, piece[0].iov_len);
	behind = csum_copy((uint8_t *)out + piece[0].iov_len, piece[1].iov_base, piece[1].iov_len);
	return csum_add64(sum, piece[0].iov_len & 1 ? csum_behind_odd(behind) : behind);
}

void buf_copy_in(const struct bufmem *m, const struct buf *b, uint32_t off, const void *data,
		 uint32_t len)
{
	struct iovec piece[2];

	buf_place(m, b, off, len, piece);
	memcpy(piece[0].iov_base, data, piece[0].iov_len);
	if (piece[1].iov_len)
		memcpy(piece[1].iov_base, (const uint8_t *)data + piece[0].iov_len,
		       piece[1].iov_len);
}

bool buf_grow(struct bufmem *m, struct buf *b, uint32_t need)
{
	struct buf grown;

	grown.block = bufmem_get(m, bufmem_order(need));
	if (grown.block == BUFMEM_NONE)
		return false;
	if (b->block != BUFMEM_NONE) {
		const struct bufmem_unit *old = buf_unit(m, b);
		struct bufmem_unit *u = buf_unit(m, &grown);

		if (old->high)
			buf_copy_out(m, b, 0, bufmem_at(m, grown.block), old->high);
		u->len = old->len;
		u->high = old->high;
		bufmem_put(m, b->block, old->order);
	}
	*b = grown;
	return true;
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
	at = buf_at(buf_unit(m, b), off);
	first = len < cap - at ? len : cap - at;
	piece[0] = (struct iovec){.iov_base = mem + at, .iov_len = first};
	if (len > first)
		piece[1] = (struct iovec){.iov_base = mem, .iov_len = len - first};
}
