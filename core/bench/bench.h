/* SPDX-License-Identifier: BSD-3-Clause */
/* A benchmark: real code of a layer, called n times. mtcp-bench times it; an instruction counter
 * from outside counts it. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)
#define BENCH_APART                                                                                \
	__attribute__((noipa)) /* a function that a profile shows under its own name               \
				*/
#else
#define BENCH_APART __attribute__((noinline))
#endif

#define BENCH_PARTS 4

/* What some functions cost, and per how many of what. */
struct bench_part {
	const char *name;
	const char *functions; /* separated by a space */
	uint64_t n;
};

struct bench {
	const char *name;
	const char *unit; /* what one operation is */
	const char *what;
	uint64_t n;	      /* operations of a counted run */
	void *(*setup)(void); /* does not return NULL */
	void (*run)(void *, uint64_t n);
	void (*teardown)(void *);
	/* What the last run, of n operations, consists of, at most BENCH_PARTS; NULL: of itself. */
	unsigned (*parts)(void *, uint64_t n, struct bench_part *);
};

/* Each table ends with an entry without a name. */
extern const struct bench bench_base[], bench_wire[], bench_tcp[], bench_stack[], bench_core[],
	bench_transactions[], bench_sockets[], bench_paired[], bench_device[];

/* The value is wanted: it is computed. */
static inline void bench_use(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

/* Zeroed memory aligned to 64; ends the program when there is none. */
void *bench_alloc(size_t len);
_Noreturn void bench_fail(const char *what);

#endif
