// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "steady.h"

/* Notes `ticks` ticks of `per_tick` events each; returns the instant behind them. */
static uint64_t run(struct steady *s, uint64_t *total, unsigned ticks, uint64_t per_tick)
{
	uint64_t at = s->n > 0 ? s->next_at : 1000;

	for (unsigned i = 0; i < ticks; i++, at += STEADY_TICK_NS) {
		steady_note(s, at, *total);
		*total += per_tick;
	}
	return at;
}

static void test_not_before_two_spans(void **state)
{
	struct steady s = {0};
	uint64_t total = 0;

	(void)state;
	run(&s, &total, 2 * STEADY_TICKS, 1000);
	assert_false(steady_reached(&s));
	run(&s, &total, 1, 1000);
	assert_true(steady_reached(&s));
}

static void test_a_rate_that_grows_is_waited_for(void **state)
{
	struct steady s = {0};
	uint64_t total = 0;

	(void)state;
	run(&s, &total, 3 * STEADY_TICKS, 10000);
	run(&s, &total, STEADY_TICKS, 11000);
	assert_false(steady_reached(&s));
	for (unsigned i = 0; i < 4; i++) { /* the last: 80000 + 3000 against 88000, 5.8% */
		run(&s, &total, 1, 11000);
		assert_false(steady_reached(&s));
	}
	run(&s, &total, 1, 11000);
	assert_true(steady_reached(&s));
}

/* 10 events against 16 are chance, 10,000 against 16,000 are not. */
static void test_few_events_may_differ_by_chance(void **state)
{
	struct steady few = {0}, many = {0};
	uint64_t total = 0, totals = 0;

	(void)state;
	run(&few, &total, STEADY_TICKS, 2);
	run(&few, &total, STEADY_TICKS + 1, 3);
	assert_true(steady_reached(&few));
	run(&many, &totals, STEADY_TICKS, 2000);
	run(&many, &totals, STEADY_TICKS + 1, 3000);
	assert_false(steady_reached(&many));
}

static void test_a_late_call_stands_for_the_ticks_it_missed(void **state)
{
	struct steady s = {0};
	uint64_t total = 0, at;

	(void)state;
	at = run(&s, &total, 1, 1000);
	steady_note(&s, at + 20 * (uint64_t)STEADY_TICK_NS, 1000);
	assert_int_equal(s.n, 22);
	assert_true(s.next_at > at + 20 * (uint64_t)STEADY_TICK_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_before_two_spans),
		cmocka_unit_test(test_a_rate_that_grows_is_waited_for),
		cmocka_unit_test(test_few_events_may_differ_by_chance),
		cmocka_unit_test(test_a_late_call_stands_for_the_ticks_it_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
