/* SPDX-License-Identifier: BSD-3-Clause */
/* What the cores of writeset.c are joined by. */
#ifndef TESTS_WRITESET_H
#define TESTS_WRITESET_H

#include <stdbool.h>
#include <stddef.h>

struct writeset_wire {
	const char *device[2]; /* the server's end, the client's */
	bool self_loops; /* each core drives a queue of either end, else of one: a server's or a
			    client's */
	void (*tell_regions)(void); /* of the wire itself; NULL: nothing of it may be shared */
};

extern const struct writeset_wire writeset_wire;

/* Says what the memory at `at` belongs to. */
void writeset_region(const char *name, unsigned n, const void *at, size_t len);

#endif
