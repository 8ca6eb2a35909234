// SPDX-License-Identifier: BSD-3-Clause
/* Proportional rate reduction (RFC 6937): as a value, and on a connection. */
#include "base/rng.h"
#include "script_flight.h"
#include "seed.h"
#include "tcp/prr.h"

static uint64_t seed;

#define MSS 1000u

static uint32_t allow(struct prr *p, uint32_t delivered, uint32_t pipe, uint32_t ssthresh,
		      bool safe)
{
	struct prr_ack a = {delivered, pipe, ssthresh, MSS, safe};

	return prr_allow(p, &a);
}

static void the_fast_retransmit_always_goes(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 20000);
	assert_int_equal(allow(&p, 0, 19000, 10000, false), MSS);
	prr_sent(&p, MSS);
	assert_int_equal(allow(&p, 0, 19000, 10000, false), 0);
}

static void half_of_what_is_delivered(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 20000);
	for (uint32_t i = 1; i <= 8; i++) {
		uint32_t n = allow(&p, MSS, 20000 - 500 * i, 10000, true);

		if (i > 2) /* the first one went for nothing */
			assert_int_equal(n, i % 2 ? 500 : 1000);
		if (n >= MSS)
			prr_sent(&p, MSS);
	}
	assert_int_equal(p.out, 4000);
}

static void conservative_bound_while_losing(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 20000);
	prr_sent(&p, MSS);
	assert_int_equal(allow(&p, 3000, 2000, 10000, false), 3000);
	prr_sent(&p, 3000);
	assert_int_equal(allow(&p, 0, 2000, 10000, false), 0);
}

static void a_part_of_a_byte_counts_as_one(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 3000);
	prr_sent(&p, 100);
	assert_int_equal(allow(&p, 1001, 2000, 1000, true), 234); /* 333.7 in all */
}

static void slow_start_bound_while_advancing(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 20000);
	prr_sent(&p, MSS);
	assert_int_equal(allow(&p, 1000, 2000, 10000, true), 2000);
}

static void what_was_not_used_is_kept(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 20000);
	prr_sent(&p, MSS);
	allow(&p, 5000, 2000, 10000, false);
	assert_int_equal(allow(&p, 1000, 2000, 10000, false), 5000);
}

static void never_beyond_ssthresh(void **state)
{
	struct prr p;

	(void)state;
	prr_start(&p, 20000);
	prr_sent(&p, MSS);
	assert_int_equal(allow(&p, 15000, 8000, 10000, true), 2000);
	assert_int_equal(allow(&p, 1000, 10000, 10000, true), 0);
}

/* Random losses and deliveries: never more in flight than there was and, at the end of a round trip
 * without further loss, ssthresh within two segments. */
static void the_flight_reaches_ssthresh(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, seed);
	for (unsigned run = 0; run < 1000; run++) {
		uint32_t segs = 4 + rng_below(&rng, 200), ssthresh = segs / 2 * MSS;
		uint32_t pipe = (segs - 1) * MSS;
		struct prr p;

		prr_start(&p, segs * MSS);
		for (uint32_t i = 1; i < segs; i++) {
			uint32_t n;

			pipe -= MSS;
			n = allow(&p, MSS, pipe, ssthresh, true);
			n -= n % MSS;
			prr_sent(&p, n);
			pipe += n;
			assert_true(pipe <= segs * MSS);
		}
		assert_in_range(pipe, ssthresh - 2 * MSS, ssthresh + MSS);
	}
}

CASE(prr_spreads_the_reduction_over_a_round_trip)
{
	uint32_t n_new = 0;

	be_flying_sack(s, 60, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	for (unsigned i = 5; i <= 10; i++) {
		uint32_t before = s->n_log;

		IN(s, 20 * MS + i * 100 * MT_US, .seq = 1, .ack = 1, SACK1(1, i));
		assert_true(s->n_log - before <= 1); /* no burst */
		n_new += s->n_log - before;
	}
	assert_in_range(n_new, 3, 4); /* for nine delivered, half with the retransmission */
	script_skip(s);
	uint32_t before = s->n_log;

	IN(s, 40 * MS, .seq = 1, .ack = SEG(10));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.cc.cwnd, s->t.cc.ssthresh);
	assert_true(s->n_log - before <= 2); /* no burst at the end either */
	all_acked(s, 60 * MS);
}

CASE(prr_sends_each_segment_in_proportion_when_many_are_lost)
{
	be_flying_sack(s, 10, 20);
	/* Eight of ten lost: pipe far below ssthresh, one for each delivered. */
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(8, 9));
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(8, 10));
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 40 * MS);
	IN(s, 46 * MS, .seq = 1, .ack = SEG(1), SACK1(8, 10));
	OUT(s, 46 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	OUT(s, 46 * MS, .seq = SEG(2), .len = 1000, .again = 1); /* one more: the ACK advances */
	OUT_NONE(s, 46 * MS);
	IN(s, 67 * MS, .seq = 1, .ack = SEG(3), SACK1(8, 10));
	for (unsigned i = 3; i < 6; i++)
		OUT(s, 67 * MS, .seq = SEG(i), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 90 * MS);
}

/* The second of three is lost again, which the timer finds out: nothing is in the network, nothing
 * delivered, more sent than delivered. */
CASE(prr_leaves_a_segment_when_the_pipe_runs_empty)
{
	be_flying_sack(s, 10, 20);
	s->t.xflags |= XF_REORDERED; /* the timer finds all of them */
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(3, 10));
	OUT(s, 25 * MS + MT_US, .seq = SEG(0), .len = 1000, .again = 1);
	IN(s, 46 * MS, .seq = 1, .ack = SEG(1), SACK1(3, 10));
	OUT(s, 46 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	OUT(s, 46 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	IN(s, 67 * MS, .seq = 1, .ack = SEG(1), SACK1(2, 10));
	OUT_NONE(s, 72 * MS);
	script_until(s, 73 * MS);
	assert_int_equal(s->log[s->n_seen].seg.seq.v - s->iss.v, SEG(1));
	assert_int_equal(s->t.cc.cwnd, 1000);
	script_skip(s);
	all_acked(s, 93 * MS);
}

CASE(prr_is_for_sack_only)
{
	be_flying(s, 10, 20);
	for (unsigned i = 0; i < 3; i++)
		IN(s, 20 * MS, .seq = 1, .ack = 1);
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_int_equal(s->t.cc.cwnd, s->t.cc.ssthresh);
	all_acked(s, 40 * MS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(the_fast_retransmit_always_goes),
		T(half_of_what_is_delivered),
		T(conservative_bound_while_losing),
		T(a_part_of_a_byte_counts_as_one),
		T(slow_start_bound_while_advancing),
		T(what_was_not_used_is_kept),
		T(never_beyond_ssthresh),
		T(the_flight_reaches_ssthresh),
		T(prr_spreads_the_reduction_over_a_round_trip),
		T(prr_sends_each_segment_in_proportion_when_many_are_lost),
		T(prr_leaves_a_segment_when_the_pipe_runs_empty),
		T(prr_is_for_sack_only),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
