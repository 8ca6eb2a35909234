// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/bq.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/num.h"

/* Bytes in the first chunk. */
static uint32_t front_len(const struct bq *q)
{
	return (q->head == q->tail ? q->end : (uint32_t)BQ_CHUNK) - q->start;
}

uint64_t bq_chunks(uint64_t n, uint32_t max_len)
{
	return n * (max_len / BQ_CHUNK + 2); /* the first and the last may be partly used */
}

void bq_init(struct bq *q)
{
	*q = (struct bq){.head = POOL_NONE, .tail = POOL_NONE};
}

static struct bq_chunk *extend(struct bq *q, struct pool *pool)
{
	uint32_t id = pool_get(pool);
	struct bq_chunk *c;

	check(id != POOL_NONE);
	c = pool_at(pool, id);
	c->next = POOL_NONE;
	if (q->tail == POOL_NONE) {
		q->head = id;
		q->start = 0;
	} else {
		struct bq_chunk *last = pool_at(pool, q->tail);

		last->next = id;
	}
	q->tail = id;
	q->end = 0;
	return c;
}

void bq_append(struct bq *q, struct pool *pool, const void *data, uint32_t len)
{
	const uint8_t *from = data;

	while (len > 0) {
		bool full = q->tail == POOL_NONE || q->end == BQ_CHUNK;
		struct bq_chunk *c = full ? extend(q, pool) : pool_at(pool, q->tail);
		uint32_t n = min_u32(len, BQ_CHUNK - q->end);

		memcpy(c->data + q->end, from, n);
		q->end = (uint16_t)(q->end + n);
		q->len += n;
		from += n;
		len -= n;
	}
}

uint32_t bq_peek(const struct bq *q, const struct pool *pool, uint32_t off, void *out, uint32_t len)
{
	uint32_t id = q->head, start = q->start + off, done = 0;

	check(off <= q->len);
	len = min_u32(len, q->len - off);
	for (; done < len && start >= BQ_CHUNK; start -= BQ_CHUNK)
		id = ((const struct bq_chunk *)pool_at(pool, id))->next;
	while (done < len) {
		const struct bq_chunk *c = pool_at(pool, id);
		uint32_t n = min_u32(len - done, BQ_CHUNK - start);

		memcpy((uint8_t *)out + done, c->data + start, n);
		done += n;
		start = 0;
		id = c->next;
	}
	return done;
}

void bq_drop(struct bq *q, struct pool *pool, uint32_t len)
{
	check(len <= q->len);
	q->len -= len;
	while (q->head != POOL_NONE) {
		struct bq_chunk *c = pool_at(pool, q->head);
		uint32_t id = q->head, n = front_len(q);

		if (len < n) {
			q->start = (uint16_t)(q->start + len);
			return;
		}
		len -= n;
		q->head = c->next;
		q->start = 0;
		pool_put(pool, id);
	}
	q->tail = POOL_NONE;
}

const void *bq_front(const struct bq *q, const struct pool *pool, uint32_t *len)
{
	const struct bq_chunk *c;

	*len = 0;
	if (q->head == POOL_NONE)
		return NULL;
	c = pool_at(pool, q->head);
	*len = front_len(q);
	return c->data + q->start;
}
