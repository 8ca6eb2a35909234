/* SPDX-License-Identifier: BSD-3-Clause */
/* Time is an argument: nanoseconds of a monotonic clock that only `runtime` reads. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

typedef uint64_t mt_time; /* ns */

#define MT_NEVER UINT64_MAX
#define MT_US	 ((mt_time)1000)
#define MT_MS	 ((mt_time)1000000)
#define MT_SEC	 ((mt_time)1000000000)

static inline mt_time mt_max(mt_time a, mt_time b)
{
	return a > b ? a : b;
}

static inline mt_time mt_min(mt_time a, mt_time b)
{
	return a < b ? a : b;
}

#endif
