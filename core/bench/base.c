// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/spsc.h"
#include "bench.h"

#define N      20000
#define OBJECT 512u
#define HELD   64u

/* ---- pool ---- */

struct pool_state {
	struct pool pool;
	void *mem;
};

static void *pool_setup(void)
{
	struct pool_state *s = bench_alloc(sizeof(*s));

	s->mem = bench_alloc(pool_bytes(OBJECT, 4096));
	pool_init(&s->pool, s->mem, OBJECT, 4096);
	return s;
}

static void pool_run(void *state, uint64_t n)
{
	struct pool *p = &((struct pool_state *)state)->pool;
	uint32_t held[HELD];

	for (uint64_t i = 0; i < n; i += HELD) {
		for (unsigned k = 0; k < HELD; k++)
			held[k] = pool_get(p);
		for (unsigned k = 0; k < HELD; k++)
			pool_put(p, held[k]);
	}
}

static void pool_teardown(void *state)
{
	free(((struct pool_state *)state)->mem);
	free(state);
}

/* ---- ring between threads; both ends by one, so that no cache line travels ---- */

struct spsc_state {
	struct spsc ring;
	uint8_t mem[65536];
};

static void *spsc_setup(void)
{
	struct spsc_state *s = bench_alloc(sizeof(*s));

	spsc_init(&s->ring, s->mem, sizeof(s->mem));
	return s;
}

static void spsc_run(void *state, uint64_t n)
{
	struct spsc *r = &((struct spsc_state *)state)->ring;
	uint32_t len;

	for (uint64_t i = 0; i < n; i += HELD) {
		for (unsigned k = 0; k < HELD; k++) {
			memset(spsc_reserve(r, 64), 0, 64);
			spsc_commit(r, 64);
		}
		spsc_flush(r);
		while (spsc_peek(r, &len))
			spsc_pop(r);
		spsc_release(r);
	}
}

/* ---- hashes, random numbers ---- */

struct hash_state {
	struct siphash_key key;
	struct toeplitz rss;
	struct rng rng;
	uint8_t text[40];
};

static void *hash_setup(void)
{
	struct hash_state *s = bench_alloc(sizeof(*s));

	s->key = (struct siphash_key){1, 2};
	toeplitz_init(&s->rss, rss_default_key);
	rng_seed(&s->rng, 1);
	return s;
}

static void siphash_run(void *state, uint64_t n)
{
	struct hash_state *s = state;

	while (n--)
		s->text[0] = (uint8_t)siphash(&s->key, s->text, 36);
}

static void toeplitz_run(void *state, uint64_t n)
{
	struct hash_state *s = state;

	while (n--) { /* nothing is as it was, so that nothing is known before */
		uint32_t hash = toeplitz_hash(&s->rss, s->text, 12);

		for (unsigned at = 0; at < 12; at += sizeof(hash))
			memcpy(s->text + at, &hash, sizeof(hash));
	}
}

static void rng_run(void *state, uint64_t n)
{
	struct hash_state *s = state;

	while (n--)
		bench_use(rng_next(&s->rng));
}

const struct bench bench_base[] = {
	{"pool", "object", "taken and given back", N, pool_setup, pool_run, pool_teardown, NULL},
	{"spsc", "record", "of 64 bytes, written, published by 64, read", N, spsc_setup, spsc_run,
	 free, NULL},
	{"siphash", "hash", "of 36 bytes", N, hash_setup, siphash_run, free, NULL},
	{"toeplitz", "hash", "of 12 bytes", N, hash_setup, toeplitz_run, free, NULL},
	{"rng", "number", "of 64 bits", N, hash_setup, rng_run, free, NULL},
	{0}};
