// SPDX-License-Identifier: BSD-3-Clause
/* When an idle core spins and when it sleeps at once, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/spin.h"

#define WORTH	(20 * MT_US)
#define WAKE_UP (30 * MT_US) /* what a sleeper's wait is longer for it */

struct tally {
	unsigned waits, slept;
	mt_time spun; /* in all */
};

/* The next frame comes `gap` after the wait began. */
static void wait_for(struct spin *s, mt_time gap, struct tally *t)
{
	mt_time limit = spin_begin(s);
	bool sleeps = gap >= limit;

	t->waits++;
	t->slept += sleeps;
	t->spun += mt_min(gap, limit);
	spin_end(s, sleeps ? gap + WAKE_UP : gap);
}

static struct tally waits(struct spin *s, unsigned n, mt_time gap)
{
	struct tally t = {0};

	while (t.waits < n)
		wait_for(s, gap, &t);
	return t;
}

static void test_short_waits_are_spun(void **state)
{
	struct spin s;

	(void)state;
	spin_init(&s, WORTH);
	assert_int_equal(waits(&s, 10 * SPIN_ROUND, 13 * MT_US).slept, 0);
}

/* No more than a few microseconds of each long wait go into trying. */
static void test_long_waits_are_slept(void **state)
{
	struct tally t;
	struct spin s;

	(void)state;
	spin_init(&s, WORTH);
	(void)waits(&s, SPIN_ROUND, 400 * MT_US);
	t = waits(&s, 10 * SPIN_ROUND, 400 * MT_US);
	assert_int_equal(t.slept, t.waits);
	assert_true(t.spun / t.waits < 4 * MT_US);
	assert_true(t.spun > 0);
}

/* Neither may waits that a spin sees the end of, if they are long. */
static void test_the_mean_decides(void **state)
{
	struct tally t;
	struct spin s;

	(void)state;
	spin_init(&s, WORTH);
	(void)waits(&s, SPIN_ROUND, 40 * MT_US);
	t = waits(&s, 10 * SPIN_ROUND, 40 * MT_US);
	assert_true(t.slept > t.waits * 9 / 10);
}

/* A sleeper's own waits do not tell it: they have its waking up in them. */
static void test_it_finds_back(void **state)
{
	struct spin s;

	(void)state;
	spin_init(&s, WORTH);
	(void)waits(&s, 3 * SPIN_ROUND + SPIN_ROUND / 2, 400 * MT_US);
	(void)waits(&s, SPIN_ROUND, 10 * MT_US);
	assert_int_equal(waits(&s, 10 * SPIN_ROUND, 10 * MT_US).slept, 0);
}

/* Silence between bursts counts as what was spun of it, not more. */
static void test_a_silence_does_not_stop_it(void **state)
{
	struct tally t = {0};
	struct spin s;

	(void)state;
	spin_init(&s, WORTH);
	while (t.waits < 10 * SPIN_ROUND)
		wait_for(&s, t.waits % 10 == 9 ? MT_SEC : 8 * MT_US, &t);
	assert_int_equal(t.slept, t.waits / 10);
}

static void test_bounds(void **state)
{
	struct tally t;
	struct spin s;

	(void)state;
	spin_init(&s, 0);
	t = waits(&s, 10 * SPIN_ROUND, MT_US);
	assert_int_equal(t.slept, t.waits);
	assert_int_equal(t.spun, 0);
	spin_init(&s, SPIN_MAX); /* spins before each sleep */
	t = waits(&s, 10 * SPIN_ROUND, MT_SEC);
	assert_int_equal(t.spun, t.waits * SPIN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_waits_are_spun),
		cmocka_unit_test(test_long_waits_are_slept),
		cmocka_unit_test(test_the_mean_decides),
		cmocka_unit_test(test_it_finds_back),
		cmocka_unit_test(test_a_silence_does_not_stop_it),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
