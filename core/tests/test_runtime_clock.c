// SPDX-License-Identifier: BSD-3-Clause
/* The loop's clock beside the one it is made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"

#define SLACK	 (50 * MT_US) /* what a bad measurement may be off by */
#define PATIENCE (20 * MT_SEC)

/* Reads for some time: between two readings of CLOCK_MONOTONIC, less the lag, and never back. */
static void follow(struct rt_clock *c, mt_time span)
{
	mt_time begin = rt_now(), last = c->last, before, v;

	do {
		before = rt_now();
		v = rt_clock_at(c, rt_ticks());
		assert_true(v <= rt_now());
		assert_true(v + RT_CLOCK_LAG + SLACK >= before);
		assert_true(v >= last);
		last = v;
	} while (before - begin < span);
}

/* Is this in a line of the file? */
static bool says(const char *path, const char *what)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	bool found = false;
	size_t room = 0;

	while (f && !found && getline(&line, &room, f) > 0)
		found = strstr(line, what) != NULL;
	if (f)
		fclose(f);
	free(line);
	return found;
}

/* Where the kernel itself reads the counter it is used here, too: the clock is right without, but
 * each reading costs more. */
static void test_a_good_counter_is_used(void **state)
{
	struct rt_clock c;

	(void)state;
	if (!says("/proc/cpuinfo", " nonstop_tsc ") ||
	    !says("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"))
		skip();
	rt_clock_init(&c);
	assert_true(c.counter);
}

/* With the counter, also where only the hypervisor vouches for it. */
static void begin_counting(struct rt_clock *c)
{
	rt_clock_init(c);
	c->counter = c->counter || says("/proc/cpuinfo", " tsc_reliable ");
	if (!c->counter)
		skip();
}

static void test_follows(void **state)
{
	struct rt_clock c;

	(void)state;
	rt_clock_init(&c);
	follow(&c, 300 * MT_MS);
	assert_true(!c.counter || c.valid > 0);
}

static void test_after_a_pause(void **state)
{
	struct rt_clock c;

	(void)state;
	rt_clock_init(&c);
	for (unsigned i = 0; i < 20; i++) {
		follow(&c, i % 3 * MT_MS);
		(void)rt_sleep(-1, i * MT_MS);
	}
	follow(&c, 150 * MT_MS);
}

static void test_without_a_counter(void **state)
{
	struct rt_clock c;
	mt_time before;

	(void)state;
	rt_clock_init(&c);
	c.counter = false;
	for (unsigned i = 0; i < 1000; i++) {
		before = rt_now();
		assert_true(rt_clock_at(&c, rt_ticks()) >= before);
	}
	assert_int_equal(c.valid, 0);
}

/* Reads until it was compared so often: never back. */
static void read_until_compared(struct rt_clock *c, unsigned times)
{
	mt_time last = c->last, begin = rt_now(), v;

	while (times > 0 && rt_now() - begin < PATIENCE) {
		uint64_t compared_at = c->ticks;

		v = rt_clock_at(c, rt_ticks());
		assert_true(v >= last);
		last = v;
		times -= c->ticks != compared_at;
	}
	assert_int_equal(times, 0);
}

/* A measurement that was wrong by a percent, either way: not back, and right again after the next.
 */
static void test_a_wrong_rate_heals(void **state)
{
	struct rt_clock c;

	(void)state;
	for (unsigned percent = 99; percent <= 101; percent += 2) {
		begin_counting(&c);
		follow(&c, 60 * MT_MS);
		(void)rt_clock_compare(&c);
		c.mult = c.mult / 100 * percent;
		read_until_compared(&c, 3); /* the first tells, until the next it makes good */
		follow(&c, 150 * MT_MS);
	}
}

/* The counter of another processor may lie behind. */
static void test_counter_that_went_back(void **state)
{
	struct rt_clock c;
	mt_time last;

	(void)state;
	rt_clock_init(&c);
	follow(&c, 60 * MT_MS);
	last = c.last;
	assert_true(rt_clock_at(&c, c.ticks - 1000) >= last);
}

/* Suspended for an hour, in which CLOCK_MONOTONIC stands still: the counter goes on, or begins
 * anew. */
static void suspended(struct rt_clock *c, bool goes_on)
{
	uint64_t hour = 3600 * 3000000000u;

	c->ticks = goes_on ? c->ticks - hour : c->ticks + hour;
}

/* At any time, also before or at the first measurement of the rate. */
static void test_after_a_suspend(void **state)
{
	static const mt_time runs[] = {0, 1 * MT_MS, 6 * MT_MS, 60 * MT_MS};
	struct rt_clock c;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		begin_counting(&c);
		follow(&c, runs[i / 2]);
		suspended(&c, i % 2 == 0);
		follow(&c, 150 * MT_MS);
		assert_true(c.valid > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_counter_is_used),
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_after_a_pause),
		cmocka_unit_test(test_without_a_counter),
		cmocka_unit_test(test_a_wrong_rate_heals),
		cmocka_unit_test(test_counter_that_went_back),
		cmocka_unit_test(test_after_a_suspend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
