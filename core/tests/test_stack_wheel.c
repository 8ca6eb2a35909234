// SPDX-License-Identifier: BSD-3-Clause
/* The timing wheel against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "seed.h"
#include "base/rng.h"
#include "stack/wheel.h"

#define N_NODES 500
#define TICK	((mt_time)1 << WHEEL_TICK_SHIFT)

static uint64_t seed;

struct world {
	struct wheel w;
	struct wheel_node node[N_NODES];
	mt_time due[N_NODES]; /* MT_NEVER: not armed */
	mt_time now;
	struct rng rng;
};

static mt_time random_delay(struct rng *r)
{
	/* From less than a tick to centuries. */
	return rng_next(r) >> (13 + rng_below(r, 46));
}

static mt_time earliest(const struct world *x)
{
	mt_time at = MT_NEVER;

	for (uint32_t i = 0; i < N_NODES; i++)
		at = mt_min(at, x->due[i]);
	return at;
}

static uint32_t armed(const struct world *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < N_NODES; i++)
		n += x->due[i] != MT_NEVER;
	return n;
}

static void arm(struct world *x, uint32_t i, mt_time at)
{
	x->due[i] = at;
	wheel_arm(&x->w, &x->node[i], at);
}

/* Fires all that is due, in portions; afterwards nothing overdue by more than a tick is left. */
static void fire(struct world *x, unsigned portion)
{
	struct wheel_node *n;
	unsigned spent, budget;

	do {
		budget = portion;
		while ((n = wheel_pop(&x->w, x->now, &budget)) != NULL) {
			uint32_t i = (uint32_t)(n - x->node);

			assert_true(x->due[i] <= x->now);
			assert_false(wheel_armed(n));
			x->due[i] = MT_NEVER;
		}
		spent = portion - budget;
		assert_true(spent <= portion);
	} while (spent == portion);
	assert_true(earliest(x) > (x->now & ~(TICK - 1)));
	assert_int_equal(x->w.n_armed, armed(x));
}

static void setup(struct world *x, uint64_t s, mt_time start)
{
	memset(x, 0, sizeof(*x));
	rng_seed(&x->rng, s);
	x->now = start;
	wheel_init(&x->w, start);
	for (uint32_t i = 0; i < N_NODES; i++)
		x->due[i] = MT_NEVER;
}

static void run(struct world *x, unsigned portion)
{
	for (uint32_t step = 0; step < 20000; step++) {
		uint32_t i = rng_below(&x->rng, N_NODES);

		if (rng_below(&x->rng, 4)) {
			arm(x, i, x->now + random_delay(&x->rng));
		} else {
			wheel_disarm(&x->w, &x->node[i]);
			x->due[i] = MT_NEVER;
		}
		assert_true(armed(x) ? wheel_next(&x->w) <= earliest(x) + TICK
				     : wheel_next(&x->w) == MT_NEVER);
		if (rng_below(&x->rng, 3) == 0) {
			x->now += random_delay(&x->rng);
			fire(x, portion);
		}
	}
}

static void test_random(void **state)
{
	struct world x;

	(void)state;
	setup(&x, seed, 12345);
	run(&x, 1000);
	setup(&x, seed + 1, 0);
	run(&x, 1);					      /* work in the smallest portions */
	setup(&x, seed + 2, ((mt_time)1 << 52) - 5 * MT_SEC); /* across a high digit */
	run(&x, 7);
}

/* Idle nodes passed by, wheel_next is that of a wheel which has only the others. */
static void test_idle_is_passed(void **state)
{
	static struct world x, y;

	(void)state;
	for (uint32_t round = 0; round < 200; round++) {
		setup(&x, seed + round, (round + 1) * MT_SEC);
		setup(&y, seed, (round + 1) * MT_SEC);
		for (uint32_t i = 0; i < N_NODES / 4; i++) {
			mt_time at = x.now + random_delay(&x.rng);

			arm(&x, i, at);
			x.node[i].idle = rng_below(&x.rng, 8) != 0;
			if (!x.node[i].idle)
				arm(&y, i, at);
		}
		while (wheel_next_wanted(&x.w, 3) == 0)
			assert_true(wheel_next(&x.w) <= wheel_next(&y.w));
		assert_int_equal(wheel_next_wanted(&x.w, 0), wheel_next(&y.w));
		assert_int_equal(wheel_next(&x.w), wheel_next(&y.w));
		assert_true(x.w.n_armed >= y.w.n_armed);
	}
}

/* Sleeping until wheel_next each time fires everything on time, with few wakings for nothing. */
static void test_next(void **state)
{
	struct world x;
	uint32_t wakings = 0;

	(void)state;
	setup(&x, seed + 3, 0);
	for (uint32_t i = 0; i < N_NODES; i++)
		arm(&x, i, rng_below(&x.rng, 2000000000));
	while (x.w.n_armed) {
		mt_time at = earliest(&x), next = wheel_next(&x.w);

		assert_true(next > x.now || x.now == 0);
		assert_true(next <= at + TICK);
		x.now = next;
		fire(&x, 100);
		wakings++;
	}
	assert_int_equal(wheel_next(&x.w), MT_NEVER);
	assert_true(wakings <= 3 * N_NODES);
}

/* A crowd due at once takes as many calls as the budget says, and is lost in none. */
static void test_budget(void **state)
{
	struct world x;
	uint32_t calls = 0, fired = 0;

	(void)state;
	setup(&x, seed + 4, 0);
	for (uint32_t i = 0; i < N_NODES; i++)
		arm(&x, i, 10 * MT_SEC);
	x.now = 11 * MT_SEC;
	while (x.w.n_armed) {
		unsigned budget = 16;

		assert_true(wheel_next(&x.w) <= x.now);
		while (wheel_pop(&x.w, x.now, &budget))
			fired++;
		calls++;
	}
	assert_int_equal(fired, N_NODES);
	assert_true(calls >= N_NODES / 16);
	assert_true(calls <= (N_NODES * WHEEL_LEVELS) / 16 + 2);
}

/* A node armed while its neighbours are being moved down a level is not lost. */
static void test_arm_while_cascading(void **state)
{
	struct world x;
	unsigned budget = 10;

	(void)state;
	setup(&x, seed + 5, 0);
	for (uint32_t i = 0; i < 100; i++) /* the latest is moved first */
		arm(&x, i, 10 * MT_SEC + (100 - i) * TICK);
	x.now = 10 * MT_SEC;
	while (wheel_pop(&x.w, x.now, &budget))
		;
	assert_int_not_equal(x.w.cascading, 0);
	assert_true(wheel_next(&x.w) <= earliest(&x));
	arm(&x, 200, x.now);
	arm(&x, 201, x.now + 100 * MT_SEC);
	wheel_disarm(&x.w, &x.node[99]);
	x.due[99] = MT_NEVER;
	fire(&x, 3);
	x.now = 200 * MT_SEC;
	fire(&x, 3);
	assert_int_equal(x.w.n_armed, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_idle_is_passed),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_arm_while_cascading),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
