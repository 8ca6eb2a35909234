/* SPDX-License-Identifier: BSD-3-Clause */
/* The only place where clocks are read, and the two ways to sleep. */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include <stdatomic.h>
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

/* A counter for accounting only: the cycle counter where there is one, else nanoseconds. */
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
