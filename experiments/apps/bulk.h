/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk transfer, the part that server and load share. The client's first byte says who sends from
 * then on, as fast as it can, until the client closes. Byte k of a stream is byte k % BULK_PERIOD
 * of a pattern, and the receiver looks at the first of what each read brings. In place (zero_copy)
 * nothing is looked at nor filled in: as of an application whose data is in the buffer already.
 */
#ifndef APPS_BULK_H
#define APPS_BULK_H

#include <errno.h>
#include <string.h>

#include "io.h"

#define BULK_DOWN   'd' /* the server sends */
#define BULK_UP	    'u'
#define BULK_PERIOD (64u << 10)
#define BULK_TURN   (256u << 10) /* bytes of one connection at a time */

struct bulk {
	struct io *io;
	const char *pattern; /* 2 * BULK_PERIOD bytes, by bulk_pattern */
	char *scratch;	     /* BULK_PERIOD bytes to receive into */
	uint32_t chunk;	     /* bytes of one call, at most BULK_PERIOD */
	bool zero_copy;
};

void bulk_pattern(char out[2 * BULK_PERIOD]);
/* At most BULK_TURN bytes; phase: the stream's position modulo BULK_PERIOD. Bytes, 0: none now, or
 * -errno: EPIPE at the end of the stream, EILSEQ for bytes that are wrong. */
ssize_t bulk_send(const struct bulk *, int fd, uint32_t *phase);
ssize_t bulk_receive(const struct bulk *, int fd, uint32_t *phase);

#endif
