/* SPDX-License-Identifier: BSD-3-Clause */
/* Small things that all programs share: addresses, the clock, random numbers, exit statuses. */
#ifndef APPS_UTIL_H
#define APPS_UTIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#define ERR_LEN 512

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CANNOT = 3, EXIT_INTERRUPTED = 130 };

#define SEC_NS 1000000000ull
#define MS_NS  1000000ull

#define ADDR_STRLEN 64
struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* "10.0.0.1:80" or "[::1]:80". 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *out);
void addr_format(const struct addr *, char out[ADDR_STRLEN]);
uint16_t addr_port(const struct addr *);
bool addr_is_loopback(const struct addr *);
/* "10.0.0.2", "10.0.0.2-10.0.0.17" or "10.0.0.2-17": first (host order) and how many. 0 or -EINVAL.
 */
int addr_parse_range(const char *text, uint32_t *first, uint32_t *n);

/* One line for the user, without the newline; returns ret. */
__attribute__((format(printf, 3, 4))) int err_set(int ret, char err[ERR_LEN], const char *fmt, ...);

static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SEC_NS + (uint64_t)ts.tv_nsec;
}

/* Both clocks at a moment. */
struct clock_pair {
	uint64_t ns, ticks; /* of the time-stamp counter; 0: there is none */
};
struct clock_pair clock_pair(void);
/* Rate of the time-stamp counter, measured since then; 0: unknown. */
uint64_t tsc_hz_since(const struct clock_pair *);

/* A counter that one thread writes and others may read. */
typedef _Atomic uint64_t counter;

static inline void counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline uint64_t counter_get(counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* splitmix64: spreads arrivals, never secrets. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* SIGINT and SIGTERM set the flag that interrupted() shows; SIGPIPE is ignored. */
void signals_setup(void);
bool interrupted(void);

/* Of this process; 0: unknown. */
uint64_t resident_bytes(void);

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

#endif
