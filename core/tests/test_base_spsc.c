// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/spsc.h"
#include "seed.h"

static uint64_t seed;
static alignas(64) uint8_t mem[1 << 16];

static void put(struct spsc *q, uint8_t value, uint32_t len)
{
	void *p = spsc_reserve(q, len);

	assert_non_null(p);
	assert_int_equal((uintptr_t)p % 8, 0);
	memset(p, value, len);
	spsc_commit(q, len);
}

static void take(struct spsc *q, uint8_t value, uint32_t len)
{
	uint32_t got;
	uint8_t *p = spsc_peek(q, &got);

	assert_non_null(p);
	assert_int_equal(got, len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(p[i], value);
	spsc_pop(q);
}

static void nothing_before_flush(void **state)
{
	struct spsc q;
	uint32_t len;

	(void)state;
	spsc_init(&q, mem, 1024);
	assert_null(spsc_peek(&q, &len));
	put(&q, 1, 5);
	assert_null(spsc_peek(&q, &len));
	assert_false(spsc_ready(&q));
	spsc_flush(&q);
	assert_true(spsc_ready(&q));
	take(&q, 1, 5);
	assert_null(spsc_peek(&q, &len));
	spsc_release(&q);
	assert_false(spsc_ready(&q));
}

static void commit_may_be_shorter(void **state)
{
	struct spsc q;

	(void)state;
	spsc_init(&q, mem, 1024);
	memset(spsc_reserve(&q, 200), 7, 3);
	spsc_commit(&q, 3);
	put(&q, 8, 0);
	put(&q, 9, 256);
	spsc_flush(&q);
	take(&q, 7, 3);
	take(&q, 8, 0);
	take(&q, 9, 256);
}

static void full_until_released(void **state)
{
	struct spsc q;
	int n = 0;

	(void)state;
	spsc_init(&q, mem, 256);
	while (spsc_reserve(&q, 24) != NULL) {
		spsc_commit(&q, 24);
		n++;
	}
	assert_int_equal(n, 8);
	assert_int_equal(spsc_room(&q), 0);
	spsc_flush(&q);
	for (int i = 0; i < n; i++) {
		uint32_t len;

		assert_non_null(spsc_peek(&q, &len));
		spsc_pop(&q);
	}
	/* Popped is not yet given back. */
	assert_null(spsc_reserve(&q, 24));
	spsc_release(&q);
	assert_non_null(spsc_reserve(&q, 24));
	spsc_commit(&q, 24);
}

/* Even at the worst place an empty ring takes a record of a quarter of its bytes. */
static void empty_takes_the_longest(void **state)
{
	struct spsc q;

	(void)state;
	for (uint32_t bytes = 64; bytes <= 1024; bytes *= 2) {
		spsc_init(&q, mem, bytes);
		for (uint32_t i = 0; i < 4 * bytes / 8; i++) {
			put(&q, 1, 0);
			spsc_flush(&q);
			take(&q, 1, 0);
			spsc_release(&q);
			assert_int_equal(spsc_room(&q), bytes / 4);
			put(&q, 2, bytes / 4);
			spsc_flush(&q);
			take(&q, 2, bytes / 4);
			spsc_release(&q);
		}
	}
}

/* Against a model: what goes in comes out, room is never promised in vain, positions pass 2^32. */
static void random_use(void **state)
{
	uint32_t lens[64], in = 0, out = 0;
	struct spsc q;
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	spsc_init(&q, mem, 512);
	q.tail = q.head = q.head_seen = q.tail_seen = 0u - 100000u;
	spsc_flush(&q);
	spsc_release(&q);
	for (int step = 0; step < 200000; step++) {
		uint32_t len = rng_below(&r, 129);

		if (rng_below(&r, 2) == 0) {
			uint32_t room = spsc_room(&q);
			void *p = spsc_reserve(&q, len);

			if (len > 0)
				assert_int_equal(p != NULL, len <= room);
			if (p == NULL)
				continue;
			memset(p, (int)(in & 0xff), len);
			lens[in++ % 64] = len;
			spsc_commit(&q, len);
			spsc_flush(&q);
		} else if (in != out) {
			take(&q, (uint8_t)out, lens[out % 64]);
			out++;
			spsc_release(&q);
		} else {
			assert_null(spsc_peek(&q, &len));
		}
	}
	assert_true(q.head < 1u << 31 && out > 50000);
}

#define RECORDS 300000u

/* The producer's record i: its length and content follow from the seed and i. */
static uint32_t record(struct rng *r, uint32_t i, uint32_t *word)
{
	*word = i * 2654435761u;
	return 4 + rng_below(r, 60);
}

static void *produce(void *arg)
{
	struct spsc *q = arg;
	struct rng r;

	rng_seed(&r, seed);
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint32_t word, len = record(&r, i, &word);
		uint8_t *p;

		while ((p = spsc_reserve(q, len)) == NULL) {
			spsc_flush(q);
			sched_yield();
		}
		memset(p, (int)(i & 0xff), len);
		memcpy(p, &word, sizeof(word));
		spsc_commit(q, len);
		if (rng_below(&(struct rng){.s = {i + 1, i, 7, 9}}, 8) == 0)
			spsc_flush(q);
	}
	spsc_flush(q);
	return NULL;
}

static void consume(struct spsc *q)
{
	struct rng r;

	rng_seed(&r, seed);
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint32_t word, got_word, got, len = record(&r, i, &word);
		uint8_t *p;

		while ((p = spsc_peek(q, &got)) == NULL) {
			spsc_release(q);
			sched_yield();
		}
		assert_int_equal(got, len);
		memcpy(&got_word, p, sizeof(got_word));
		assert_int_equal(got_word, word);
		for (uint32_t k = 4; k < len; k++)
			assert_int_equal(p[k], i & 0xff);
		spsc_pop(q);
		if (i % 16 == 0)
			spsc_release(q);
	}
	assert_null(spsc_peek(q, &(uint32_t){0}));
}

static void two_threads(void **state)
{
	static const uint32_t sizes[] = {256, 4096, sizeof(mem)};
	struct spsc q;
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		spsc_init(&q, mem, sizes[i]);
		assert_int_equal(pthread_create(&thread, NULL, produce, &q), 0);
		consume(&q);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_before_flush), cmocka_unit_test(commit_may_be_shorter),
		cmocka_unit_test(full_until_released),	cmocka_unit_test(empty_takes_the_longest),
		cmocka_unit_test(random_use),		cmocka_unit_test(two_threads),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
