// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/cc.h"
#include "tcp/tcp.h"

#define MSS 1460u

static uint64_t seed;

static void ack_at(struct cc *cc, uint32_t n, const struct rtt *r, mt_time now)
{
	struct cc_ack a = {
		.n_acked = n, .flight = cc->cwnd, .cwnd_limited = true, .rtt = r, .now = now};

	cc->ops->on_ack(cc, &a);
}

static struct rtt rtt_of(uint32_t us)
{
	struct rtt r;

	rtt_init(&r);
	rtt_sample(&r, us);
	return r;
}

static void names(void **state)
{
	(void)state;
	assert_ptr_equal(cc_by_name("reno"), &cc_newreno);
	assert_ptr_equal(cc_by_name("cubic"), &cc_cubic);
	assert_null(cc_by_name("cubi"));
	assert_null(cc_by_name(""));
	assert_string_equal(cc_name(&cc_cubic), "cubic");
}

/* RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)). */
static void initial_window(void **state)
{
	static const uint32_t mss_iw[][2] = {
		{536, 5360}, {1448, 14480}, {1460, 14600}, {2000, 14600}, {8960, 17920}};
	struct cc cc;

	(void)state;
	for (size_t i = 0; i < sizeof(mss_iw) / sizeof(mss_iw[0]); i++) {
		cc_init(&cc, &cc_newreno, mss_iw[i][0], 10);
		assert_int_equal(cc.cwnd, mss_iw[i][1]);
		assert_int_equal(cc.ssthresh,
				 UINT32_MAX); /* slow start, also when passive: fault 9 */
	}
	cc_init(&cc, &cc_cubic, MSS, 2);
	assert_int_equal(cc.cwnd, 2 * MSS);
	cc_init(&cc, &cc_cubic, MSS, 0);
	assert_int_equal(cc.cwnd, MSS);
}

static void mss_change_keeps_segments(void **state)
{
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_cubic, 1400, 10);
	cc_set_mss(&cc, 700);
	assert_int_equal(cc.cwnd, 7000);
	assert_int_equal(cc.ssthresh, UINT32_MAX);
	cc.ssthresh = 70000;
	cc_set_mss(&cc, 1400);
	assert_int_equal(cc.cwnd, 14000);
	assert_int_equal(cc.ssthresh, 140000);
}

static void slow_start_doubles(void **state)
{
	const struct cc_ops *const ops[] = {&cc_newreno, &cc_cubic};
	struct rtt r = rtt_of(10000);

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct cc cc;

		cc_init(&cc, ops[k], MSS, 10);
		for (uint32_t want = 20 * MSS; want <= 160 * MSS; want *= 2) {
			for (uint32_t left = cc.cwnd; left > 0; left -= 2 * MSS)
				ack_at(&cc, 2 * MSS, &r, MT_SEC);
			assert_int_equal(cc.cwnd, want);
		}
		ack_at(&cc, 100 * MSS, &r, MT_SEC); /* a stretch ACK is no licence for a burst */
		assert_int_equal(cc.cwnd, 168 * MSS);
		cc.ssthresh = 170 * MSS;
		ack_at(&cc, 4 * MSS, &r, MT_SEC); /* stops at ssthresh */
		assert_true(cc.cwnd >= 170 * MSS && cc.cwnd < 171 * MSS);
	}
}

static void reno_adds_one_segment_per_window(void **state)
{
	struct rtt r = rtt_of(10000);
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_newreno, MSS, 10);
	cc.ssthresh = cc.cwnd;
	for (uint32_t w = 10; w < 60; w++) {
		assert_int_equal(cc.cwnd, w * MSS);
		for (uint32_t i = 0; i < w; i++)
			ack_at(&cc, MSS, &r, MT_SEC);
	}
	cc.cwnd = 100 * MSS;
	cc.acked = 0;
	ack_at(&cc, 1000 * MSS, &r, MT_SEC);
	assert_int_equal(cc.cwnd, 101 * MSS);
}

static void reductions(void **state)
{
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_newreno, MSS, 10);
	cc.cwnd = 100 * MSS;
	cc.ops->on_loss(&cc, 100 * MSS, MT_SEC);
	assert_int_equal(cc.cwnd, 50 * MSS);
	assert_int_equal(cc.ssthresh, 50 * MSS);
	cc.ops->on_loss(&cc, 52 * MSS, MT_SEC); /* limited transmit does not count */
	assert_int_equal(cc.ssthresh, 25 * MSS);
	cc.ops->on_rto(&cc, 10 * MSS, MT_SEC); /* the flight decides, not an unused window */
	assert_int_equal(cc.ssthresh, 5 * MSS);
	assert_int_equal(cc.cwnd, MSS);
	cc.ops->on_rto(&cc, 0, MT_SEC);
	assert_int_equal(cc.ssthresh, 2 * MSS);
	cc_init(&cc, &cc_cubic, MSS, 10);
	cc.cwnd = 100 * MSS;
	cc.ops->on_loss(&cc, 100 * MSS, MT_SEC);
	assert_int_equal(cc.cwnd, 70 * MSS);
	assert_int_equal(cc.u.cubic.w_max, 100 * MSS);
	cc.ops->on_loss(&cc, 70 * MSS, MT_SEC); /* fast convergence: 70 * 0.85 */
	assert_int_equal(cc.u.cubic.w_max, 595 * MSS / 10);
	cc.ops->on_rto(&cc, 49 * MSS, MT_SEC);
	assert_int_equal(cc.cwnd, MSS);
	assert_int_equal(cc.ssthresh, 343 * MSS / 10);
}

static void application_limited(void **state)
{
	const struct cc_ops *const ops[] = {&cc_newreno, &cc_cubic};
	struct rtt r = rtt_of(10000);

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct cc_ack a = {.n_acked = MSS, .flight = MSS, .rtt = &r};
		struct cc cc;

		cc_init(&cc, ops[k], MSS, 10);
		for (int i = 0; i < 1000; i++) {
			a.now = MT_SEC + (mt_time)i * 10 * MT_MS;
			cc.ops->on_ack(&cc, &a);
		}
		assert_int_equal(cc.cwnd, 14600);
		cc.cwnd = cc.ssthresh = 100 * MSS;
		cc.ops->on_idle(&cc, 10 * MSS, 11 * MT_SEC, 12 * MT_SEC);
		assert_int_equal(cc.cwnd, 10 * MSS);
		assert_int_equal(cc.ssthresh, 100 * MSS);
		cc.cwnd = 4 * MSS;
		cc.ops->on_idle(&cc, 10 * MSS, 13 * MT_SEC, 14 * MT_SEC);
		assert_int_equal(cc.cwnd, 4 * MSS); /* idleness is no gain */
	}
}

/* ---- CUBIC against equation 1 and section 4 of RFC 9438 in double precision ---- */

struct ref {
	double cwnd, w_max, w_est, k, prior; /* segments, seconds */
	double epoch;
};

static void ref_loss(struct ref *f)
{
	f->w_max = f->cwnd < f->w_max ? f->cwnd * 0.85 : f->cwnd;
	f->prior = f->cwnd;
	f->cwnd *= 0.7;
	f->epoch = -1;
}

static double ref_w(const struct ref *f, double t)
{
	return 0.4 * pow(t - f->k, 3) + f->w_max;
}

static void ref_ack(struct ref *f, double segs, double rtt, double now)
{
	if (f->epoch < 0) {
		f->epoch = now;
		f->w_est = f->cwnd;
		f->k = f->cwnd < f->w_max ? cbrt((f->w_max - f->cwnd) / 0.4) : 0;
		f->w_max = f->cwnd < f->w_max ? f->w_max : f->cwnd;
	}
	double t = now - f->epoch, target = fmin(fmax(ref_w(f, t + rtt), f->cwnd), 1.5 * f->cwnd);

	f->w_est += (f->w_est >= f->prior ? 1 : 9.0 / 17) * segs / f->cwnd;
	if (ref_w(f, t) < f->w_est)
		f->cwnd = fmax(f->cwnd, f->w_est);
	else
		f->cwnd += (target - f->cwnd) * segs / f->cwnd;
}

static void against_reference(uint32_t start_segs, uint32_t rtt_us, struct rng *g)
{
	struct rtt r = rtt_of(rtt_us);
	struct ref f = {.cwnd = start_segs, .epoch = -1};
	struct cc cc;
	double now_s = 1.0, worst = 0;

	cc_init(&cc, &cc_cubic, MSS, 10);
	cc.cwnd = start_segs * MSS;
	for (int epoch = 0; epoch < 4; epoch++) {
		cc.ops->on_loss(&cc, cc.cwnd, (mt_time)(now_s * 1e9));
		ref_loss(&f);
		int rounds = 20 + (int)rng_below(g, 200);

		for (int i = 0; i < rounds; i++) {
			uint32_t acks = cc.cwnd / (2 * MSS) + 1;

			for (uint32_t k = 0; k < acks; k++) {
				now_s += rtt_us / 1e6 / acks;
				ack_at(&cc, 2 * MSS, &r, (mt_time)(now_s * 1e9));
				ref_ack(&f, 2, rtt_us / 1e6, now_s);
			}
			worst = fmax(worst, fabs(cc.cwnd / (double)MSS / f.cwnd - 1));
		}
	}
	if (worst > 0.01)
		fail_msg("cwnd is %.2f%% off, start %u segments, rtt %u us", worst * 100,
			 start_segs, rtt_us);
}

static void cubic_follows_rfc9438(void **state)
{
	static const uint32_t segs[] = {10, 40, 200, 1000, 5000},
			      rtts[] = {500, 10000, 50000, 200000};
	struct rng g;

	(void)state;
	rng_seed(&g, seed);
	for (size_t i = 0; i < sizeof(segs) / sizeof(segs[0]); i++)
		for (size_t k = 0; k < sizeof(rtts) / sizeof(rtts[0]); k++)
			against_reference(segs[i], rtts[k], &g);
}

/* Time without a full window is not time to grow in (RFC 9438 4.2): no jump afterwards. */
static void cubic_epoch_pauses(void **state)
{
	struct rtt r = rtt_of(50000);
	struct cc a, b;
	mt_time now = MT_SEC;

	(void)state;
	cc_init(&a, &cc_cubic, MSS, 10);
	a.cwnd = 500 * MSS;
	a.ops->on_loss(&a, a.cwnd, now);
	for (int i = 0; i < 2000; i++)
		ack_at(&a, 2 * MSS, &r, now += 2 * MT_MS);
	b = a;
	struct cc_ack idle = {.n_acked = MSS, .flight = MSS, .rtt = &r};

	for (int i = 1; i <= 600; i++) {
		idle.now = now + (mt_time)i * 100 * MT_MS;
		b.ops->on_ack(&b, &idle);
	}
	for (int i = 1; i <= 500; i++) {
		ack_at(&a, 2 * MSS, &r, now + (mt_time)i * 2 * MT_MS);
		ack_at(&b, 2 * MSS, &r, idle.now + (mt_time)i * 2 * MT_MS);
	}
	assert_int_equal(a.cwnd, b.cwnd);
	b = a;
	now += 1000 * MT_MS;
	b.ops->on_idle(&b, UINT32_MAX, now, now + 100 * MT_SEC);
	for (int i = 1; i <= 500; i++) {
		ack_at(&a, 2 * MSS, &r, now + (mt_time)i * 2 * MT_MS);
		ack_at(&b, 2 * MSS, &r, now + 100 * MT_SEC + (mt_time)i * 2 * MT_MS);
	}
	assert_float_equal(a.cwnd, b.cwnd, MSS);
}

/* Slow start after an idle time ends below the window of before: no ACK makes up for it. */
static void cubic_restarts_without_a_jump(void **state)
{
	struct rtt r = rtt_of(10000);
	mt_time now = MT_SEC;
	struct cc cc;

	(void)state;
	cc_init(&cc, &cc_cubic, MSS, 10);
	cc.cwnd = 40 * MSS;
	cc.ops->on_loss(&cc, cc.cwnd, now);
	for (int i = 0; i < 1000; i++)
		ack_at(&cc, 2 * MSS, &r, now += MT_MS);
	assert_true(cc.cwnd > 60 * MSS);
	cc.ops->on_idle(&cc, 10 * MSS, now, now + 10 * MT_SEC);
	assert_int_equal(cc.cwnd, 10 * MSS);
	now += 10 * MT_SEC;
	for (int i = 0; i < 200; i++) {
		uint32_t before = cc.cwnd;

		ack_at(&cc, 2 * MSS, &r, now += MT_MS);
		assert_true(cc.cwnd - before <= 2 * MSS);
	}
	assert_true(cc.cwnd > cc.ssthresh);
}

/* Whatever the caller says: no division by zero, no wrap, cwnd within [mss, max]. */
static void random_walk(void **state)
{
	const struct cc_ops *const ops[] = {&cc_newreno, &cc_cubic};
	struct rng g;

	(void)state;
	rng_seed(&g, seed);
	for (int run = 0; run < 2000; run++) {
		struct rtt r = rtt_of(rng_below(&g, 1u << 26));
		uint32_t mss = 1 + rng_below(&g, UINT16_MAX);
		mt_time now = rng_below(&g, 2) ? 0 : rng_next(&g) >> 4;
		struct cc cc;

		cc_init(&cc, ops[run % 2], mss, (uint8_t)rng_next(&g));
		for (int i = 0; i < 300; i++) {
			uint32_t x = (uint32_t)(rng_next(&g) >> (34 + rng_below(&g, 30)));
			uint32_t what = rng_below(&g, 40);

			now += rng_next(&g) >> (24 + rng_below(&g, 40));
			if (what == 0)
				cc.ops->on_loss(&cc, x, now);
			else if (what == 1)
				cc.ops->on_rto(&cc, x, now);
			else if (what == 2)
				cc.ops->on_idle(&cc, 10 * mss, now - now / 2, now);
			else if (what == 3)
				cc_set_mss(&cc, mss = 1 + rng_below(&g, UINT16_MAX));
			else
				ack_at(&cc, x, &r, now);
			assert_in_range(cc.cwnd, mss, CC_CWND_MAX + UINT16_MAX);
			assert_true(cc.ssthresh >= mss);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(initial_window),
		cmocka_unit_test(mss_change_keeps_segments),
		cmocka_unit_test(slow_start_doubles),
		cmocka_unit_test(reno_adds_one_segment_per_window),
		cmocka_unit_test(reductions),
		cmocka_unit_test(application_limited),
		cmocka_unit_test(cubic_follows_rfc9438),
		cmocka_unit_test(cubic_epoch_pauses),
		cmocka_unit_test(cubic_restarts_without_a_jump),
		cmocka_unit_test(random_walk),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
