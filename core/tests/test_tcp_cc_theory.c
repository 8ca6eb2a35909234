// SPDX-License-Identifier: BSD-3-Clause
/*
 * The mean window under periodic loss against what theory gives: RFC 9438 5.1 (Reno: Mathis) and
 * its response functions of CUBIC; and HyStart++ (RFC 9406), round by round.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/cc.h"
#include "tcp/tcp.h"

#define MSS 1460u

/* Mean window in segments when one segment of each 1/p is lost, over many such periods. */
static double mean_window(const struct cc_ops *ops, double p, double rtt_s)
{
	uint32_t period = (uint32_t)lround(1 / p), until = period;
	double sum = 0, rounds = 0, now = 1;
	struct rtt r;
	struct cc cc;

	rtt_init(&r);
	rtt_sample(&r, (uint32_t)(rtt_s * 1e6));
	cc_init(&cc, ops, MSS, 10);
	cc.ssthresh = cc.cwnd;
	for (int losses = 0; losses < 60;) {
		uint32_t w = cc.cwnd / MSS;

		for (uint32_t i = 0; i < w; i++) {
			struct cc_ack a = {.n_acked = MSS,
					   .flight = cc.cwnd,
					   .cwnd_limited = true,
					   .rtt = &r,
					   .now = (mt_time)((now + rtt_s * i / w) * 1e9)};

			cc.ops->on_ack(&cc, &a);
			until--;
			if (until > 0)
				continue;
			until = period;
			losses++;
			cc.ops->on_loss(&cc, cc.cwnd, a.now);
			break;
		}
		now += rtt_s;
		if (losses >= 20) { /* the first ones are transient */
			sum += w;
			rounds++;
		}
	}
	return sum / rounds;
}

static void near(const char *what, double got, double want, double within)
{
	print_message("%s: %.1f segments, theory %.1f\n", what, got, want);
	if (got < want * (1 - within) || got > want * (1 + within))
		fail_msg("%s: %.1f segments, theory %.1f", what, got, want);
}

/* RFC 9438 5.1, Table: AVG_W_reno = sqrt(3 / (2 p)). */
static void reno_follows_mathis(void **state)
{
	static const double ps[] = {1e-2, 3e-3, 1e-3, 1e-4, 1e-5};

	(void)state;
	for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++)
		near("reno", mean_window(&cc_newreno, ps[i], 0.1), sqrt(1.5 / ps[i]), 0.12);
}

/* RFC 9438 5.1, figure 4: with C = 0.4 AVG_W_cubic = 1.054 (RTT / p)^(3/4) where that is above
 * Reno's. */
static void cubic_follows_its_response_function(void **state)
{
	static const double ps[] = {1e-3, 1e-4, 1e-5, 1e-6};

	(void)state;
	for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++)
		near("cubic", mean_window(&cc_cubic, ps[i], 0.1),
		     fmax(1.054 * pow(0.1 / ps[i], 0.75), sqrt(1.5 / ps[i])), 0.15);
}

/* 4.3: with a short round trip it is no slower than Reno. */
static void cubic_is_not_slower_than_reno(void **state)
{
	static const double ps[] = {1e-2, 3e-3, 1e-3, 3e-4};

	(void)state;
	for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++)
		near("cubic, short", mean_window(&cc_cubic, ps[i], 0.005), sqrt(1.5 / ps[i]), 0.15);
}

/* ---- HyStart++ ---- */

/* One round: a window of ACKs with this round trip. */
static void round_of(struct cc *cc, uint32_t rtt_us)
{
	uint32_t w = cc->cwnd;
	struct rtt r;

	rtt_init(&r);
	rtt_sample(&r, rtt_us);
	for (uint32_t done = 0; done < w; done += MSS) {
		struct cc_ack a = {.n_acked = MSS,
				   .flight = w - done + (cc->cwnd - w),
				   .cwnd_limited = true,
				   .rtt = &r,
				   .rtt_us = rtt_us};

		cc->ops->on_ack(cc, &a);
	}
}

static void start(struct cc *cc)
{
	cc_init(cc, &cc_cubic, MSS, 10);
}

static void a_steady_round_trip_stays_in_slow_start(void **state)
{
	struct cc cc;

	(void)state;
	start(&cc);
	for (int i = 0; i < 8; i++)
		round_of(&cc, 40000);
	assert_int_equal(cc.ssthresh, UINT32_MAX);
	assert_int_equal(cc.cwnd, 14600u << 8);
	assert_false(cc.u.cubic.hystart.css);
}

/* 40 ms: an eighth is 5 ms. */
static void a_longer_one_slows_down(void **state)
{
	struct cc cc;
	uint32_t w;

	(void)state;
	start(&cc);
	for (int i = 0; i < 3; i++)
		round_of(&cc, 40000);
	round_of(&cc, 44999);
	assert_false(cc.u.cubic.hystart.css);
	start(&cc);
	for (int i = 0; i < 3; i++)
		round_of(&cc, 40000);
	round_of(&cc, 45001);
	assert_true(cc.u.cubic.hystart.css);
	w = cc.cwnd;
	round_of(&cc, 46000);
	assert_in_range(cc.cwnd, w + w / 4 - MSS, w + w / 4 + MSS);
}

static void the_threshold_has_bounds(void **state)
{
	static const struct {
		uint32_t rtt, below, above;
	} t[] = {{1000, 4900, 5100}, {100000, 112400, 112600}, {400000, 415900, 416100}};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct cc cc;

			start(&cc);
			round_of(&cc, t[i].rtt);
			round_of(&cc, t[i].rtt);
			round_of(&cc, k ? t[i].above : t[i].below);
			assert_int_equal(cc.u.cubic.hystart.css, k);
		}
	}
}

static void five_slower_rounds_end_slow_start(void **state)
{
	struct cc cc;
	int rounds = 0;

	(void)state;
	start(&cc);
	for (int i = 0; i < 3; i++)
		round_of(&cc, 40000);
	while (cc.ssthresh == UINT32_MAX && rounds < 20) {
		round_of(&cc, 50000);
		rounds++;
	}
	assert_in_range(rounds, 5, 7);
	assert_in_range(cc.cwnd, cc.ssthresh, cc.ssthresh + 2 * MSS);
}

static void jitter_is_forgiven(void **state)
{
	struct cc cc;

	(void)state;
	start(&cc);
	for (int i = 0; i < 3; i++)
		round_of(&cc, 40000);
	round_of(&cc, 50000);
	assert_true(cc.u.cubic.hystart.css);
	round_of(&cc, 40000);
	round_of(&cc, 40000);
	assert_false(cc.u.cubic.hystart.css);
	assert_int_equal(cc.ssthresh, UINT32_MAX);
}

static void seven_samples_are_too_few(void **state)
{
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_cubic, MSS, 3); /* rounds of 3 and 6 */
	round_of(&cc, 40000);
	round_of(&cc, 90000);
	assert_false(cc.u.cubic.hystart.css);
}

static void a_loss_ends_it_as_ever(void **state)
{
	struct cc cc;

	(void)state;
	start(&cc);
	round_of(&cc, 40000);
	round_of(&cc, 40000);
	cc.ops->on_loss(&cc, cc.cwnd, MT_SEC);
	assert_int_equal(cc.u.cubic.w_max, 58400);
	assert_int_equal(cc.cwnd, 40880);
	assert_int_equal(cc.u.cubic.k_ms, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(reno_follows_mathis),
	cmocka_unit_test(cubic_follows_its_response_function),
	cmocka_unit_test(cubic_is_not_slower_than_reno),
	cmocka_unit_test(a_steady_round_trip_stays_in_slow_start),
	cmocka_unit_test(a_longer_one_slows_down),
	cmocka_unit_test(the_threshold_has_bounds),
	cmocka_unit_test(five_slower_rounds_end_slow_start),
	cmocka_unit_test(jitter_is_forgiven),
	cmocka_unit_test(seven_samples_are_too_few),
	cmocka_unit_test(a_loss_ends_it_as_ever),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
