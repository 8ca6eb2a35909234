/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeded pseudo-random numbers (xoshiro256**, Blackman & Vigna 2018); for secrets see hash.h. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *, uint64_t seed); /* any seed, expanded by splitmix64 */
uint64_t rng_next(struct rng *);
/* Uniform in [0, n), n > 0, without modulo bias (Lemire 2019). */
uint32_t rng_below(struct rng *, uint32_t n);
/* Uniform in [0, 1). */
double rng_unit(struct rng *);

#endif
