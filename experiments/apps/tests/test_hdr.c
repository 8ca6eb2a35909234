// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hdr.h"
#include "util.h"

#define N_VALUES 20000

static uint64_t seed = 1;

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of all magnitudes alike. */
static uint64_t value_of(uint64_t *state)
{
	return random_next(state) >> (64 - HDR_MAX_BITS + random_next(state) % HDR_MAX_BITS);
}

static void assert_close(uint64_t got, uint64_t exact)
{
	uint64_t off = got > exact ? got - exact : exact - got;

	if ((double)off > 0.004 * (double)exact + 0.5)
		fail_msg("%llu is not within 0.4%% of %llu", (unsigned long long)got,
			 (unsigned long long)exact);
}

/* The middle of their bucket lies outside of both. */
static void test_no_value_outside_of_what_was_recorded(void **state)
{
	const uint64_t ends[] = {UINT64_C(1) << 20, (UINT64_C(1) << 20) + (UINT64_C(1) << 13) - 1};
	struct hdr h;

	(void)state;
	for (int end = 0; end < 2; end++) {
		hdr_reset(&h);
		hdr_record(&h, ends[end]);
		for (unsigned i = 0; i < HDR_BUCKETS; i++)
			if (h.count[i] > 0)
				assert_int_equal(hdr_value(&h, i), ends[end]);
	}
}

static void test_empty(void **state)
{
	struct hdr h;

	(void)state;
	hdr_reset(&h);
	assert_int_equal(hdr_quantile(&h, 0.5), 0);
	assert_true(hdr_mean(&h) == 0);
}

static void test_every_boundary_is_close(void **state)
{
	static const double whole = 1;
	struct hdr h;

	(void)state;
	for (unsigned bit = 0; bit < HDR_MAX_BITS; bit++) {
		for (int off = -1; off <= 1; off++) {
			uint64_t value = (UINT64_C(1) << bit) + (uint64_t)off;

			hdr_reset(&h);
			hdr_record(&h, value);
			hdr_record(&h, value + value / 2);
			assert_close(hdr_quantile(&h, 0.5), value);
			assert_int_equal(hdr_quantile(&h, whole), h.max);
		}
	}
}

static void test_quantiles_against_sorted_values(void **state)
{
	static const double quantiles[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
	static uint64_t values[N_VALUES];
	uint64_t rng = seed;
	size_t rank;
	struct hdr h;

	(void)state;
	hdr_reset(&h);
	for (size_t i = 0; i < N_VALUES; i++) {
		values[i] = value_of(&rng);
		hdr_record(&h, values[i]);
	}
	qsort(values, N_VALUES, sizeof(values[0]), compare);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		rank = (size_t)(quantiles[i] * N_VALUES);
		rank -= rank > 0;
		assert_close(hdr_quantile(&h, quantiles[i]), values[rank]);
	}
	assert_int_equal(h.min, values[0]);
	assert_int_equal(h.max, values[N_VALUES - 1]);
}

static void test_values_too_large_count_as_the_largest(void **state)
{
	struct hdr h;

	(void)state;
	hdr_reset(&h);
	hdr_record(&h, UINT64_MAX);
	hdr_record(&h, UINT64_C(1) << HDR_MAX_BITS);
	assert_int_equal(h.n, 2);
	assert_int_equal(hdr_quantile(&h, 0.5), h.max);
	assert_int_equal(h.max, (UINT64_C(1) << HDR_MAX_BITS) - 1);
}

static void test_merge_is_as_if_recorded_in_one(void **state)
{
	struct hdr parts[3], whole, sum;
	uint64_t rng = seed, value;

	(void)state;
	hdr_reset(&whole);
	hdr_reset(&sum);
	for (int i = 0; i < 3; i++)
		hdr_reset(&parts[i]);
	for (size_t i = 0; i < N_VALUES; i++) {
		value = value_of(&rng);
		hdr_record(&parts[i % 2], value); /* the third stays empty */
		hdr_record(&whole, value);
	}
	for (int i = 0; i < 3; i++)
		hdr_merge(&sum, &parts[i]);
	assert_memory_equal(&sum, &whole, sizeof(sum));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_no_value_outside_of_what_was_recorded),
		cmocka_unit_test(test_every_boundary_is_close),
		cmocka_unit_test(test_quantiles_against_sorted_values),
		cmocka_unit_test(test_values_too_large_count_as_the_largest),
		cmocka_unit_test(test_merge_is_as_if_recorded_in_one),
	};

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		seed = strtoull(argv[2], NULL, 0);
	printf("--seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
