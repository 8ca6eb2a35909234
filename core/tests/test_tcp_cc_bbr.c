// SPDX-License-Identifier: BSD-3-Clause
/* BBR version 1 against a path of numbers: what each state does to rate and window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/cc.h"
#include "tcp/tcp.h"

#define MSS 1000u
#define RTT 40000u   /* us */
#define BW  1250000u /* bytes/s: 10 Mbit/s */
#define BDP (BW / 1000 * RTT / 1000)

/* A path that delivers at most BW with RTT, asked once per round. */
struct path {
	union cc_cold cold;
	struct cc cc;
	struct rtt rtt;
	mt_time now;
	uint32_t total;
	struct cc_rate rate;
	struct cc_ack ack;
};

static void path_init(struct path *p)
{
	*p = (struct path){.now = MT_SEC};
	rtt_init(&p->rtt);
	rtt_sample(&p->rtt, RTT);
	cc_init(&p->cc, &cc_bbr, MSS, 10);
	p->cc.u.cold = &p->cold;
	p->cc.ops->init(&p->cc);
}

static struct cc_bbr_state *bbr(struct path *p)
{
	return &p->cold.bbr;
}

/* One ACK of n bytes, delivered at bw; `pipe` were in flight when they left. */
static void ack(struct path *p, uint32_t n, uint64_t bw, uint32_t pipe)
{
	uint32_t prior = p->total - (pipe > n && pipe - n < p->total ? pipe - n : 0);

	p->total += n;
	p->rate = (struct cc_rate){
		.n_bytes = n,
		.total = p->total,
		.prior_delivered = prior,
		.delivered = (uint32_t)(bw * RTT / 1000000),
		.interval_us = RTT,
		.app_limited = p->rate.app_limited,
	};
	p->ack.rtt_us = p->ack.rtt_us ? p->ack.rtt_us : RTT;
	p->ack.n_acked = n;
	p->ack.flight = pipe;
	p->ack.pipe = pipe;
	p->ack.rtt = &p->rtt;
	p->ack.rate = &p->rate;
	p->ack.now = p->now;
	p->cc.ops->on_sample(&p->cc, &p->ack);
}

/* A round: the window is delivered, as far as the path takes it. */
static void round_trip(struct path *p)
{
	uint64_t bw = (uint64_t)p->cc.cwnd * 1000000 / RTT;

	p->now += RTT * MT_US;
	ack(p, p->cc.cwnd, bw < BW ? bw : BW, p->cc.cwnd);
}

static uint64_t rate(struct path *p)
{
	return p->cc.ops->pacing_rate(&p->cc, &p->rtt);
}

/* In PROBE_BW, with the model of the path. */
static void path_known(struct path *p)
{
	path_init(p);
	for (int i = 0; i < 12; i++)
		round_trip(p);
	for (int i = 0; i < 6 && bbr(p)->mode != 2; i++) {
		p->now += RTT * MT_US;
		ack(p, BDP, BW, BDP);
	}
	assert_int_equal(bbr(p)->mode, 2);
}

static void the_first_rate_is_the_window_per_round_trip(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	assert_int_equal(rate(&p), 10000ull * 2885 * 1000 / RTT);
}

static void without_a_round_trip_a_millisecond_is_taken(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	rtt_init(&p.rtt);
	assert_int_equal(rate(&p), 10000ull * 2885);
}

static void a_small_first_message_does_not_lower_the_rate(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	p.rate.app_limited = true;
	p.now += RTT * MT_US;
	ack(&p, 1, 1000000 / RTT, 1);
	assert_int_equal(rate(&p), 9900ull * 2885 * 1000 / RTT);
}

static void a_rate_without_a_round_trip_is_for_the_time(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	rtt_init(&p.rtt);
	ack(&p, 1, 1000000 / RTT, 1);
	assert_int_equal(rate(&p), p.cc.cwnd * 2885ull);
	rtt_sample(&p.rtt, RTT);
	ack(&p, 1, 1000000 / RTT, 1);
	assert_in_range(rate(&p), 9900ull * 2885 * 1000 / RTT, 9910ull * 2885 * 1000 / RTT);
}

static void startup_doubles_each_round(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	for (uint32_t w = 10000; w < 80000; w *= 2) {
		assert_int_equal(p.cc.cwnd, w);
		round_trip(&p);
	}
}

static void three_rounds_without_growth_end_startup(void **state)
{
	struct path p;
	int rounds = 0;

	(void)state;
	path_init(&p);
	while (!bbr(&p)->filled && rounds < 20) {
		round_trip(&p);
		rounds++;
	}
	assert_in_range(rounds, 5, 8); /* 3 to reach the rate, 3 more to believe it */
	assert_int_equal(bbr(&p)->mode, 1);
	assert_in_range(rate(&p), BW * 33 / 100, BW * 35 / 100);
}

static void app_limited_rounds_do_not_end_startup(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	p.rate.app_limited = true;
	for (int i = 0; i < 20; i++) {
		p.now += RTT * MT_US;
		ack(&p, 1000, 25000, 1000);
	}
	assert_false(bbr(&p)->filled);
	assert_int_equal(bbr(&p)->mode, 0);
}

static void drain_ends_when_the_queue_is_gone(void **state)
{
	struct path p;

	(void)state;
	path_init(&p);
	while (!bbr(&p)->filled)
		round_trip(&p);
	p.now += RTT * MT_US;
	ack(&p, MSS, BW, 2 * BDP);
	assert_int_equal(bbr(&p)->mode, 1);
	ack(&p, MSS, BW, BDP);
	assert_int_equal(bbr(&p)->mode, 2);
}

static void the_window_is_twice_the_product(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 5; i++)
		ack(&p, BDP, BW, BDP);
	assert_in_range(p.cc.cwnd, 2 * BDP, 2 * BDP + 8 * MSS);
}

static void the_cycle_probes_drains_and_cruises(void **state)
{
	static const uint32_t percent[] = {125, 75, 100, 100, 100, 100, 100, 100};
	struct path p;
	unsigned seen = 0;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 40; i++) {
		uint64_t want = (uint64_t)BW * percent[bbr(&p)->cycle] / 100 * 99 / 100;

		assert_in_range(rate(&p), want - 10, want + 10);
		seen |= 1u << bbr(&p)->cycle;
		p.now += (RTT + 1) * MT_US;
		ack(&p, BDP, BW, bbr(&p)->cycle == 0 ? 2 * BDP : BDP);
	}
	assert_int_equal(seen, 0xff);
}

static void a_probe_lasts_until_it_is_in_flight(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	while (bbr(&p)->cycle != 0) {
		p.now += (RTT + 1) * MT_US;
		ack(&p, BDP, BW, BDP);
	}
	p.now += 2 * RTT * MT_US;
	ack(&p, MSS, BW, BDP);
	assert_int_equal(bbr(&p)->cycle, 0);
	ack(&p, MSS, BW, 2 * BDP);
	assert_int_equal(bbr(&p)->cycle, 1);
}

static void a_faster_path_is_found(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	p.now += RTT * MT_US;
	ack(&p, 2 * BDP, 2 * BW, BDP);
	assert_true(rate(&p) > BW);
}

static void a_slower_path_is_believed_after_ten_rounds(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 9; i++) {
		p.now += RTT * MT_US;
		ack(&p, BDP, BW / 2, BDP);
	}
	assert_true(rate(&p) > BW * 7 / 10);
	for (int i = 0; i < 3; i++) {
		p.now += RTT * MT_US;
		ack(&p, BDP, BW / 2, BDP);
	}
	assert_true(rate(&p) < BW * 65 / 100);
}

static void an_app_limited_sample_does_not_lower_the_rate(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	p.rate.app_limited = true;
	for (int i = 0; i < 30; i++) {
		p.now += RTT * MT_US;
		ack(&p, 1000, 25000, 1000);
	}
	assert_true(rate(&p) > BW * 7 / 10);
}

static void an_interval_below_the_round_trip_is_no_sample(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	p.ack.rtt_us = 0;
	p.total += BDP;
	p.rate = (struct cc_rate){.n_bytes = BDP,
				  .total = p.total,
				  .delivered = BDP,
				  .prior_delivered = p.total - BDP,
				  .interval_us = 1000};
	p.ack.rate = &p.rate;
	p.cc.ops->on_sample(&p.cc, &p.ack);
	assert_true(rate(&p) < 2 * BW);
}

static void after_ten_seconds_the_round_trip_is_probed(void **state)
{
	struct path p;
	uint32_t before;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 4; i++)
		ack(&p, BDP, BW, BDP);
	before = p.cc.cwnd;
	p.ack.rtt_us = RTT + 5000; /* a queue that never empties */
	p.now += 10 * MT_SEC + RTT * MT_US;
	ack(&p, BDP, BW, BDP);
	assert_int_equal(bbr(&p)->mode, 3);
	assert_int_equal(p.cc.cwnd, 4 * MSS);
	p.ack.rtt_us = RTT - 1000;
	ack(&p, MSS, BW, 4 * MSS); /* the queue is gone: 200 ms from now */
	for (int i = 0; i < 15; i++) { /* more rounds than the filter has */
		p.now += 13 * MT_MS;
		ack(&p, 4 * MSS, BW / 10, 4 * MSS);
		assert_int_equal(bbr(&p)->mode, 3);
	}
	p.now += 6 * MT_MS;
	ack(&p, 4 * MSS, BW / 10, 4 * MSS);
	assert_int_equal(bbr(&p)->mode, 2);
	assert_int_equal(bbr(&p)->min_rtt_us, RTT - 1000);
	assert_true(p.cc.cwnd > before * 9 / 10);
	assert_true(rate(&p) > BW * 7 / 10); /* the slow rounds of the probe did not count */
}

static void a_loss_conserves_and_gives_back(void **state)
{
	struct path p;
	uint32_t before;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 4; i++)
		ack(&p, BDP, BW, BDP);
	before = p.cc.cwnd;
	p.cc.ops->on_loss(&p.cc, BDP, p.now);
	assert_int_equal(p.cc.cwnd, BDP + MSS);
	assert_int_equal(p.cc.ssthresh, UINT32_MAX);
	p.ack.in_recovery = true;
	p.cc.cwnd = 10 * MSS;
	ack(&p, MSS, BW, 40 * MSS); /* what leaves the network may enter it */
	assert_int_equal(p.cc.cwnd, 41 * MSS);
	p.ack.n_lost = 6 * MSS; /* and what is lost may not */
	ack(&p, MSS, BW, 34 * MSS);
	assert_int_equal(p.cc.cwnd, 35 * MSS);
	p.ack.n_lost = 50 * MSS;
	p.rate.n_bytes = 0;
	p.cc.ops->on_sample(&p.cc, &p.ack);
	assert_int_equal(p.cc.cwnd, MSS);
	p.ack.n_lost = 0;
	p.ack.in_recovery = false;
	ack(&p, MSS, BW, 40 * MSS);
	assert_true(p.cc.cwnd >= before);
}

static void a_timeout_starts_from_one_segment(void **state)
{
	struct path p;
	uint32_t before;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 4; i++)
		ack(&p, BDP, BW, BDP);
	before = p.cc.cwnd;
	p.cc.ops->on_rto(&p.cc, BDP, p.now);
	assert_int_equal(p.cc.cwnd, MSS);
	p.ack.in_recovery = true;
	ack(&p, MSS, BW, 0);
	assert_true(p.cc.cwnd < 8 * MSS);
	p.ack.in_recovery = false;
	ack(&p, MSS, BW, MSS);
	assert_true(p.cc.cwnd >= before);
}

/* A round of a recovery without SACK. */
static void mend_one(struct path *p)
{
	p->ack.in_recovery = p->ack.newreno = true;
	p->now += RTT * MT_US;
	ack(p, MSS, MSS * 1000000ull / RTT, MSS);
	p->ack.in_recovery = p->ack.newreno = false;
}

static void a_recovery_without_sack_says_nothing_of_the_rate(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	p.cc.ops->on_loss(&p.cc, BDP, p.now);
	for (int i = 0; i < 40; i++)
		mend_one(&p);
	assert_in_range(rate(&p), BW * 7 / 10, BW * 125 / 100);
	p.ack.newreno = true; /* one ACK tells of all that arrived in the meantime */
	ack(&p, BDP, 10 * BW, BDP);
	p.ack.newreno = false;
	assert_in_range(rate(&p), BW * 7 / 10, BW * 125 / 100);
	ack(&p, BDP, BW / 10, BDP); /* it left when the recovery was not over */
	assert_true(bbr(&p)->held);
	for (int i = 0; i < 2; i++)
		ack(&p, BDP, BW / 10, BDP);
	assert_false(bbr(&p)->held);
	assert_in_range(rate(&p), BW * 7 / 10, BW * 125 / 100); /* a round or two of ten */
}

static void after_it_a_slower_path_is_believed(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 40; i++)
		mend_one(&p);
	for (int i = 0; i < 13; i++) {
		p.now += RTT * MT_US;
		ack(&p, BDP, BW / 2, BDP);
	}
	assert_true(rate(&p) < BW * 65 / 100);
}

static void a_rate_that_nothing_confirms_is_halved(void **state)
{
	mt_time most = MT_SEC + 20ull * RTT * MT_US, ends;
	struct path p;
	uint64_t bw;

	(void)state;
	path_known(&p);
	bw = bbr(&p)->bw[bbr(&p)->round % CC_BBR_ROUNDS];
	for (int i = 1; i <= 3; i++) {
		ends = p.now + most;
		while (p.now <= ends) {
			assert_int_equal(bbr(&p)->bw[bbr(&p)->round % CC_BBR_ROUNDS], bw);
			mend_one(&p);
		}
		bw /= 2;
	}
}

static void an_idle_time_does_not_halve_it(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	mend_one(&p);
	p.now += 60 * MT_SEC;
	p.cc.ops->on_idle(&p.cc, 10 * MSS, p.now - 60 * MT_SEC, p.now);
	ack(&p, MSS, MSS * 1000000ull / RTT, MSS);
	assert_true(rate(&p) > BW * 7 / 10);
}

static void a_smaller_segment_is_the_same_path(void **state)
{
	struct cc_bbr_state known;
	struct path p;
	uint64_t before;

	(void)state;
	path_known(&p);
	p.cc.ops->on_loss(&p.cc, BDP, p.now);
	known = *bbr(&p);
	before = rate(&p);
	assert_true(known.prior_cwnd > 4 * MSS);
	cc_set_mss(&p.cc, MSS / 2);
	assert_int_equal(rate(&p), before);
	assert_int_equal(bbr(&p)->prior_cwnd, known.prior_cwnd / 2);
	known.prior_cwnd /= 2;
	assert_memory_equal(bbr(&p), &known, sizeof(known));
}

static void after_idle_the_pipe_is_filled_at_its_rate(void **state)
{
	struct path p;

	(void)state;
	path_known(&p);
	while (bbr(&p)->cycle != 1) {
		p.now += (RTT + 1) * MT_US;
		ack(&p, BDP, BW, bbr(&p)->cycle == 0 ? 2 * BDP : BDP + 10 * MSS);
	}
	p.cc.ops->on_idle(&p.cc, 10 * MSS, p.now, p.now + 5 * MT_SEC);
	assert_in_range(rate(&p), BW * 98 / 100, BW);
	assert_true(p.cc.cwnd > 10 * MSS);
}

static void handover_is(struct path *p, uint32_t want)
{
	uint32_t cwnd = p->cc.cwnd;

	p->cc.ssthresh = UINT32_MAX;
	p->cc.ops->handover(&p->cc);
	assert_int_equal(p->cc.ssthresh, want);
	assert_int_equal(p->cc.cwnd, cwnd);
}

static void another_takes_over_what_the_path_takes(void **state)
{
	struct path p;
	uint32_t before;

	(void)state;
	path_known(&p);
	for (int i = 0; i < 4; i++)
		ack(&p, BDP, BW, BDP);
	before = p.cc.cwnd;
	handover_is(&p, before);
	p.cc.ops->on_rto(&p.cc, BDP, p.now);
	assert_int_equal(p.cc.cwnd, MSS);
	handover_is(&p, before);
	ack(&p, MSS, BW, MSS); /* that was all */
	p.ack.rtt_us = RTT + 5000;
	p.now += 10 * MT_SEC + RTT * MT_US;
	before = p.cc.cwnd;
	ack(&p, BDP, BW, BDP);
	assert_int_equal(p.cc.cwnd, 4 * MSS);
	handover_is(&p, before);
	path_init(&p);
	p.cc.cwnd = MSS;
	handover_is(&p, 2 * MSS);
}

static void without_its_state_it_is_reno(void **state)
{
	struct rtt r;
	struct cc_ack a = {.n_acked = MSS, .flight = MSS, .cwnd_limited = true, .rtt = &r};
	struct cc cc;

	(void)state;
	rtt_init(&r);
	cc_init(&cc, &cc_bbr, MSS, 10);
	cc.ops->on_ack(&cc, &a);
	cc.ops->on_sample(&cc, &a);
	assert_int_equal(cc.cwnd, 11 * MSS);
	assert_int_equal(cc.ops->pacing_rate(&cc, &r), 0);
	cc.ops->on_loss(&cc, 11 * MSS, 0);
	assert_int_equal(cc.cwnd, 11 * MSS / 2);
	cc.ops->on_rto(&cc, 11 * MSS, 0);
	assert_int_equal(cc.cwnd, MSS);
	cc.ops->on_idle(&cc, 10 * MSS, 0, 0);
	assert_int_equal(cc.cwnd, MSS);
	cc.ssthresh = UINT32_MAX;
	cc.ops->handover(&cc);
	assert_int_equal(cc.ssthresh, UINT32_MAX);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_first_rate_is_the_window_per_round_trip),
	cmocka_unit_test(without_a_round_trip_a_millisecond_is_taken),
	cmocka_unit_test(a_small_first_message_does_not_lower_the_rate),
	cmocka_unit_test(a_rate_without_a_round_trip_is_for_the_time),
	cmocka_unit_test(startup_doubles_each_round),
	cmocka_unit_test(three_rounds_without_growth_end_startup),
	cmocka_unit_test(app_limited_rounds_do_not_end_startup),
	cmocka_unit_test(drain_ends_when_the_queue_is_gone),
	cmocka_unit_test(the_window_is_twice_the_product),
	cmocka_unit_test(the_cycle_probes_drains_and_cruises),
	cmocka_unit_test(a_probe_lasts_until_it_is_in_flight),
	cmocka_unit_test(a_faster_path_is_found),
	cmocka_unit_test(a_slower_path_is_believed_after_ten_rounds),
	cmocka_unit_test(an_app_limited_sample_does_not_lower_the_rate),
	cmocka_unit_test(an_interval_below_the_round_trip_is_no_sample),
	cmocka_unit_test(after_ten_seconds_the_round_trip_is_probed),
	cmocka_unit_test(a_loss_conserves_and_gives_back),
	cmocka_unit_test(a_timeout_starts_from_one_segment),
	cmocka_unit_test(a_recovery_without_sack_says_nothing_of_the_rate),
	cmocka_unit_test(after_it_a_slower_path_is_believed),
	cmocka_unit_test(a_rate_that_nothing_confirms_is_halved),
	cmocka_unit_test(an_idle_time_does_not_halve_it),
	cmocka_unit_test(a_smaller_segment_is_the_same_path),
	cmocka_unit_test(after_idle_the_pipe_is_filled_at_its_rate),
	cmocka_unit_test(another_takes_over_what_the_path_takes),
	cmocka_unit_test(without_its_state_it_is_reno),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
