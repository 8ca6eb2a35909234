// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/rng.h"
#include "seed.h"

#define N 100u

static uint64_t seed;
static alignas(64) uint8_t mem[N * 128];

static void sizes_are_rounded(void **state)
{
	(void)state;
	assert_int_equal(pool_bytes(1, 10), 80);
	assert_int_equal(pool_bytes(8, 10), 80);
	assert_int_equal(pool_bytes(63, 10), 640);
	assert_int_equal(pool_bytes(64, 10), 640);
	assert_int_equal(pool_bytes(65, 10), 1280);
	/* More than 4 GB is a size_t. */
	assert_true(pool_bytes(4096, 1u << 21) == (size_t)1 << 33);
}

static void runs_dry_and_recovers(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, mem, 100, N);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t next = pool_next(&p), id = pool_get(&p);

		assert_int_not_equal(id, POOL_NONE);
		assert_int_equal(id, next);
		assert_int_equal((uintptr_t)pool_at(&p, id) % 64, 0);
		assert_int_equal(pool_id(&p, pool_at(&p, id)), id);
	}
	assert_int_equal(pool_get(&p), POOL_NONE);
	assert_int_equal(pool_next(&p), POOL_NONE);
	assert_int_equal(p.n_used, N);
	pool_put(&p, 17);
	assert_int_equal(pool_next(&p), 17);
	assert_int_equal(pool_get(&p), 17);
	assert_int_equal(pool_get(&p), POOL_NONE);
}

static void untouched_memory_stays_untouched(void **state)
{
	struct pool p;

	(void)state;
	memset(mem, 0xaa, sizeof(mem));
	pool_init(&p, mem, 64, N);
	for (int i = 0; i < 1000; i++)
		pool_put(&p, pool_get(&p));
	assert_int_equal(p.n_touched, 1);
	for (size_t i = 64; i < sizeof(mem); i++)
		assert_int_equal(mem[i], 0xaa);
	/* Of a free object only the first four bytes are used. */
	for (size_t i = 4; i < 64; i++)
		assert_int_equal(mem[i], 0xaa);
}

/* No id is handed out twice, and objects keep their content, over random gets and puts. */
static void random_use(void **state)
{
	bool used[N] = {false};
	struct pool p;
	struct rng r;
	uint32_t n = 0;

	(void)state;
	rng_seed(&r, seed);
	pool_init(&p, mem, 16, N);
	for (int step = 0; step < 100000; step++) {
		if (rng_below(&r, 2) == 0) {
			uint32_t id = pool_get(&p);

			assert_int_equal(id == POOL_NONE, n == N);
			if (id == POOL_NONE)
				continue;
			assert_true(id < N && !used[id]);
			used[id] = true;
			n++;
			memset(pool_at(&p, id), (int)id, 16);
			continue;
		}
		uint32_t id = rng_below(&r, N);

		if (!used[id])
			continue;
		for (int i = 0; i < 16; i++)
			assert_int_equal(((uint8_t *)pool_at(&p, id))[i], (uint8_t)id);
		pool_put(&p, id);
		used[id] = false;
		n--;
		assert_int_equal(p.n_used, n);
	}
}

static void list_keeps_order(void **state)
{
	struct list head, node[4];
	int n = 0;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_pop(&head));
	list_append(&head, &node[1]);
	list_append(&head, &node[2]);
	list_prepend(&head, &node[0]);
	list_append(&head, &node[3]);
	list_for_each (i, &head)
		assert_ptr_equal(i, &node[n++]);
	assert_int_equal(n, 4);
	list_remove(&node[2]);
	assert_false(list_linked(&node[2]));
	assert_ptr_equal(list_pop(&head), &node[0]);
	list_for_each_safe (i, next, &head)
		list_remove(i);
	assert_true(list_empty(&head));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_rounded),
		cmocka_unit_test(runs_dry_and_recovers),
		cmocka_unit_test(untouched_memory_stays_untouched),
		cmocka_unit_test(random_use),
		cmocka_unit_test(list_keeps_order),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
