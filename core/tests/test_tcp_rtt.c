// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/rtt.h"

static uint64_t seed;

#define RTO(r) rtt_rto_ms(r, 1000, 200, 120000)

static void before_a_sample(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r);
	assert_int_equal(RTO(&r), 1000);
	assert_int_equal(rtt_srtt_us(&r), 0);
	assert_int_equal(r.min_us, RTT_NONE);
	for (uint32_t want = 2000; want <= 64000; want *= 2) {
		rtt_backoff(&r);
		assert_int_equal(RTO(&r), want);
	}
	rtt_backoff(&r);
	assert_int_equal(RTO(&r), 120000);
}

/* RFC 6298 2.2: srtt = R, rttvar = R/2, RTO = srtt + 4 * rttvar = 3R. */
static void first_sample(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r);
	rtt_sample(&r, 100000);
	assert_int_equal(rtt_srtt_us(&r), 100000);
	assert_int_equal(RTO(&r), 300);
	rtt_sample(&r, 200000); /* rttvar = 50 * 3/4 + 100 / 4 = 62.5, srtt = 112.5; RTO = 362.5 */
	assert_int_equal(rtt_srtt_us(&r), 112500);
	assert_int_equal(RTO(&r), 363);
	assert_int_equal(r.min_us, 100000);
}

static void bounds(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r);
	rtt_sample(&r, 0);
	assert_true(r.srtt_us8 != 0);
	assert_int_equal(RTO(&r), 200);
	assert_int_equal(rtt_rto_ms(&r, 1000, 1, 120000), 2); /* G = 1 ms is never undercut */
	for (int i = 0; i < 1000; i++)
		rtt_sample(&r, 0);
	assert_true(r.srtt_us8 != 0);
	for (int i = 0; i < 1000; i++)
		rtt_sample(&r, UINT32_MAX);
	assert_int_equal(RTO(&r),
			 (1u << 26) / 1000 + 2); /* truncation of the mean, G, rounding up */
	assert_int_equal(rtt_rto_ms(&r, 1000, 200, 60000), 60000);
	for (int i = 0; i < 1000; i++)
		rtt_backoff(&r);
	assert_int_equal(RTO(&r), 120000);
	rtt_reset_backoff(&r);
	assert_true(RTO(&r) < 120000);
}

/* The floor is under the timeout before it is doubled: otherwise the first doublings would not be
 * any. */
static void backoff_doubles_the_floor(void **state)
{
	struct rtt r;

	(void)state;
	rtt_init(&r);
	rtt_sample(&r, 500);
	rtt_backoff(&r);
	assert_int_equal(RTO(&r), 400);
	rtt_backoff(&r);
	assert_int_equal(RTO(&r), 800);
	rtt_sample(&r, 500);
	assert_int_equal(RTO(&r), 200);
}

static void follows_the_definition(void **state)
{
	struct rtt r;
	struct rng g;

	(void)state;
	rng_seed(&g, seed);
	for (int run = 0; run < 100; run++) {
		uint32_t span = 1000 + rng_below(&g, 400000);
		double srtt = 0, var = 0;

		rtt_init(&r);
		for (int i = 0; i < 200; i++) {
			uint32_t us = 1000 + rng_below(&g, span);
			double err = srtt > us ? srtt - us : us - srtt, rto;

			var = i == 0 ? us / 2.0 : 0.75 * var + 0.25 * err;
			srtt = i == 0 ? us : 0.875 * srtt + 0.125 * us;
			rtt_sample(&r, us);
			assert_true(fabs(rtt_srtt_us(&r) - srtt) <= 10);
			assert_true(fabs(r.rttvar_us4 / 4.0 - var) <= 10);
			rto = (srtt + (4 * var > 1000 ? 4 * var : 1000)) / 1000;
			assert_true(fabs(rtt_rto_ms(&r, 1, 1, 1u << 30) - rto) <= 1.1);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_a_sample),
		cmocka_unit_test(first_sample),
		cmocka_unit_test(bounds),
		cmocka_unit_test(backoff_doubles_the_floor),
		cmocka_unit_test(follows_the_definition),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
