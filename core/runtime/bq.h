/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue of bytes in chunks from a pool: what one side of a pair holds for a socket. */
#ifndef RUNTIME_BQ_H
#define RUNTIME_BQ_H

#include <stdint.h>

#include "base/pool.h"

#define BQ_CHUNK 508 /* payload bytes of a chunk: a request or response of a few lines fits one */

struct bq_chunk { /* a pool object */
	uint32_t next;
	uint8_t data[BQ_CHUNK];
};

struct bq {
	uint32_t head, tail; /* chunks; POOL_NONE: empty */
	uint32_t len;	     /* bytes */
	uint16_t start, end; /* first byte in head, byte after the last in tail */
};

/* Chunks that n queues of at most max_len bytes each can ever need. */
uint64_t bq_chunks(uint64_t n, uint32_t max_len);
void bq_init(struct bq *);
/* The pool was made with bq_chunks for all its queues: running out of chunks is a bug. */
void bq_append(struct bq *, struct pool *, const void *data, uint32_t len);
/* Copies up to len bytes out, from off bytes behind the front, and leaves them there. off <=
 * q->len. */
uint32_t bq_peek(const struct bq *, const struct pool *, uint32_t off, void *out, uint32_t len);
void bq_drop(struct bq *, struct pool *, uint32_t len);
/* The first contiguous bytes; *len is 0 if empty. */
const void *bq_front(const struct bq *, const struct pool *, uint32_t *len);

#endif
