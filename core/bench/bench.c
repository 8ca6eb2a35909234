// SPDX-License-Identifier: BSD-3-Clause
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_fail(const char *what)
{
	fprintf(stderr, "mtcp-bench: %s\n", what);
	exit(1);
}

void *bench_alloc(size_t len)
{
	size_t rounded = (len + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, rounded);

	if (!p)
		bench_fail("no memory");
	return memset(p, 0, rounded);
}
