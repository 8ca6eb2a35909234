/* SPDX-License-Identifier: BSD-3-Clause */
/* The only place where clocks are read, and the two ways to sleep. */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/time.h"

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

/* CLOCK_MONOTONIC in ns; the vdso's, no system call on common machines. */
static inline mt_time rt_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (mt_time)ts.tv_sec * MT_SEC + (mt_time)ts.tv_nsec;
}

/* The cycle counter where there is one, else nanoseconds. */
static inline uint64_t rt_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return rt_now();
#endif
}

/* The same, once all that stands before has been done: what a load waits for is not booked on what
 * comes after it. */
static inline uint64_t rt_ticks_after(void)
{
#if defined(__x86_64__) || defined(__i386__)
	_mm_lfence();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
	return rt_ticks();
}

/*
 * CLOCK_MONOTONIC from the cycle counter, for one loop, so one thread at a time: the same as
 * rt_now() but for RT_CLOCK_LAG, so that it is never ahead of it; never goes back. The counter's
 * rate is measured, and measured again every 100 ms while somebody asks; with a rate that is not
 * the last one's, as over a suspend, until there are two alike, and without a counter that the
 * kernel itself trusts, each reading is rt_now()'s.
 */
#define RT_CLOCK_LAG (2 * MT_US)

struct rt_clock {
	uint64_t ticks;	   /* at the last comparison ... */
	mt_time real, now; /* ... CLOCK_MONOTONIC, and what this clock said */
	double rate;	   /* ns per tick as last measured; 0: never */
	uint64_t mult;	   /* ns per tick until the next comparison, 32 bits behind the point */
	uint64_t valid;	   /* ticks until the next comparison; 0: always */
	mt_time last;	   /* given out */
	bool counter;	   /* can be used */
};

void rt_clock_init(struct rt_clock *);
mt_time rt_clock_compare(struct rt_clock *);

/* ticks: rt_ticks() of just now. */
static inline mt_time rt_clock_at(struct rt_clock *c, uint64_t ticks)
{
	uint64_t age = ticks - c->ticks;

	if (__builtin_expect(age >= c->valid, 0))
		return rt_clock_compare(c);
	return c->last = c->now + (age * c->mult >> 32);
}

static inline void rt_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	_mm_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Sleeps while *word == value, at most ns. 0 (woken, changed or time over) or -EINTR. */
int rt_futex_wait(_Atomic uint32_t *word, uint32_t value, mt_time ns);
void rt_futex_wake(_Atomic uint32_t *word);
/* Sleeps at most ns, less if fd >= 0 becomes readable. 0 or -EINTR. */
int rt_sleep(int fd, mt_time ns);

#endif
