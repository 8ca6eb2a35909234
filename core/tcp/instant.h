/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clocks and instants of a tcb: microseconds or milliseconds modulo 2^32. An instant is rounded up,
 * 0 is never. It is at most half of the range ahead (35 minutes, 24 days) and, since the owner
 * calls in time, less far behind.
 */
#ifndef TCP_INSTANT_H
#define TCP_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

static inline uint32_t ms_of(mt_time now)
{
	return (uint32_t)(now / MT_MS);
}

static inline uint32_t us_of(mt_time now)
{
	return (uint32_t)(now / MT_US);
}

/* The clocks at an instant, for who needs them of many connections. */
struct tcp_clock {
	mt_time now;
	uint64_t us;	/* since the beginning */
	uint32_t us_up; /* rounded up */
	uint32_t ms;
};

static inline struct tcp_clock tcp_clock_of(mt_time now)
{
	return (struct tcp_clock){
		.now = now,
		.us = now / MT_US,
		.us_up = us_of(now + MT_US - 1),
		.ms = ms_of(now),
	};
}

static inline uint32_t us_at(mt_time at)
{
	uint32_t us = us_of(at + MT_US - 1);

	return us + (us == 0);
}

/* The same as us_at(now + ms * MT_MS). */
static inline uint32_t us_after(mt_time now, uint32_t ms)
{
	uint32_t us = us_of(now + MT_US - 1) + ms * 1000u;

	return us + (us == 0);
}

static inline uint32_t ms_at(mt_time at)
{
	uint32_t ms = ms_of(at + MT_MS - 1);

	return ms + (ms == 0);
}

static inline bool is_due(uint32_t at, uint32_t now)
{
	return at && (int32_t)(now - at) >= 0;
}

static inline bool is_before(uint32_t at, uint32_t other)
{
	return !other || (int32_t)(at - other) < 0;
}

#endif
