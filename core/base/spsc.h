/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one thing that crosses threads: a lock-free ring of variable-length records between one
 * producer and one consumer (the paper's job and event queues). Records are written in place,
 * published in batches: a producer that does not flush costs the consumer no cache miss.
 */
#ifndef BASE_SPSC_H
#define BASE_SPSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spsc {
	/* constant */
	uint8_t *mem;
	uint32_t mask; /* bytes - 1; the size is a power of two */
	/* producer's line */
	_Alignas(64) uint32_t tail; /* next byte to write, not yet published */
	uint32_t head_seen;	    /* consumer's head as last read */
	/* consumer's line */
	_Alignas(64) uint32_t head; /* next byte to read */
	uint32_t tail_seen;
	/* shared lines */
	_Alignas(64) _Atomic uint32_t tail_pub;
	_Alignas(64) _Atomic uint32_t head_pub;
};

/* mem: `bytes` (power of two, 64..2^30), aligned to 8, owned by the caller. */
void spsc_init(struct spsc *, void *mem, uint32_t bytes);

/* Producer. A contiguous place for one record of len bytes (len <= bytes / 4), aligned to 8, or
 * NULL when the ring is full. Each reserve is followed by spsc_commit of the same record, with its
 * final length <= the reserved one. */
void *spsc_reserve(struct spsc *, uint32_t len);
void spsc_commit(struct spsc *, uint32_t len);
/* Publishes all committed records. */
void spsc_flush(struct spsc *);
/* Bytes that one record could take now (0 when full). */
uint32_t spsc_room(struct spsc *);

/* Consumer. The next record and its length, or NULL; valid until spsc_pop. */
void *spsc_peek(struct spsc *, uint32_t *len);
void spsc_pop(struct spsc *);
/* Gives the popped space back to the producer. */
void spsc_release(struct spsc *);
/* True if something is published and not yet released; callable by the consumer and, as a hint, by
 * the producer. A consumer about to sleep releases first, or its own popped records count. */
bool spsc_ready(const struct spsc *);

#endif
