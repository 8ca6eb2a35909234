/* SPDX-License-Identifier: BSD-3-Clause */
/* What a descriptor keeps of its registrations in epoll instances, and an instance of what may be
 * ready. */
#ifndef API_WATCH_H
#define API_WATCH_H

#include <stdint.h>

#include "mtcp/mtcp_epoll.h"

/* watch.state, beside the readiness last heard of */
enum {
	WATCH_READY = 0x21ff, /* MTCP_EPOLL* bits of poll(2) */
	WATCH_EMPTY = 0x0800, /* nothing is left to read until a poll tells of more. w0 only, also
				 of a descriptor that is not registered */
	WATCH_STALE = 0x1000, /* a call may have changed them: to be asked for again */
	WATCH_USED = 0x4000,
	WATCH_QUEUED = 0x8000 /* its token is in the ready ring of instance `ep` */
};

/* One descriptor's registration in one epoll instance. The token of one that is no longer used may
 * still be queued, and serves whoever has its place then. */
struct watch {
	uint32_t events; /* the application's mask; 0: spent (EPOLLONESHOT) */
	uint16_t state;
	uint16_t ep; /* in ctx->eps */
	mtcp_epoll_data_t data;
};

/* Registrations of one descriptor beyond the first. */
struct far_watch {
	uint32_t next; /* of the same descriptor; POOL_NONE. Free: the pool's */
	uint32_t fd;
	struct watch w;
};

#define TOKEN_FAR 0x80000000u /* a far_watch; else a descriptor's first registration */

struct ep {
	uint16_t no;
	uint32_t *ring; /* tokens, each once; room for 2^32 counts modulo mask + 1 */
	uint32_t mask, head, n;
};

/* With the bits that only Linux's names tell apart. */
static inline uint32_t ready_bits(uint32_t r)
{
	_Static_assert(MTCP_EPOLLRDNORM == MTCP_EPOLLIN << 6 && MTCP_EPOLLWRNORM == MTCP_EPOLLOUT
											    << 6,
		       "bits that are shifted");
	return r | (r & (MTCP_EPOLLIN | MTCP_EPOLLOUT)) << 6;
}

#endif
