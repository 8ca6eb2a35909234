// SPDX-License-Identifier: BSD-3-Clause
/*
 * Loss recovery end to end: what a tail loss, reordering, a delay spike and a burst of losses cost.
 * The client sends over 100 Mbit/s with a round trip of 20 ms, where a segment takes 0.12 ms.
 */
#include "seed.h"
#include "sim_pair.h"

#define RTT (20 * MT_MS)

static uint64_t seed;

static void begin(struct pair *p, uint64_t bytes)
{
	struct stream_plan client = {.tx_bytes = bytes}, server = {.rx_bytes = bytes};

	pair_init(p, seed);
	p->know_macs = true;
	p->up = (struct sim_pipe){.rate_bps = 100000000, .delay = RTT / 2};
	p->cfg.tcp.rcvbuf = 250000; /* what the path holds */
	p->cfg.tcp.sndbuf = 4u << 20;
	p->cfg.tcp.rcvbuf_max = p->cfg.tcp.sndbuf_max = 0;
	pair_start(p, &client, &server);
}

static uint64_t frames(const struct pair *p)
{
	return sim_link_stats(p->client, SIM_UP)->frames;
}

static uint64_t lost(const struct pair *p)
{
	return sim_link_stats(p->client, SIM_UP)->lost;
}

static void set_down(struct pair *p, bool down)
{
	struct sim_pipe pipe = p->up;

	pipe.down = down;
	sim_link(p->client, SIM_UP, &pipe);
}

/* ---- tail loss ---- */

#define SEGS 60

/* What leaves in the last `before` is lost. The time it took; *tail: when the last segment left,
 * first to be found out with before = 0. */
static mt_time tail_loss(mt_time before, mt_time *tail, uint64_t *n_lost)
{
	struct pair p;
	mt_time start, took;

	begin(&p, SEGS * 1448);
	start = sim_now(p.sim);
	if (before) {
		sim_run_until(p.sim, start + *tail - before);
		set_down(&p, true);
		sim_run_until(p.sim, start + *tail + 2 * MT_MS);
		set_down(&p, false);
	} else {
		while (frames(&p) < 2 + SEGS)
			assert_true(sim_step(p.sim, MT_NEVER));
		*tail = sim_now(p.sim) - start;
	}
	pair_run(&p, 10 * MT_SEC);
	took = sim_now(p.sim) - start;
	*n_lost = lost(&p);
	const struct mtcp_stats *s = pair_stats(p.client);

	print_message("%" PRIu64 " lost, %" PRIu64 " sent again, %" PRIu64 " timeouts, %.1f ms\n",
		      *n_lost, s->retransmits, s->rto_fired, (double)took / 1e6);
	assert_int_equal(s->rto_fired, 0);
	assert_int_equal(s->retransmits, *n_lost);
	pair_end(&p);
	return took;
}

static void a_lost_tail_costs_few_round_trips(void **state)
{
	mt_time tail, base;
	uint64_t n;

	(void)state;
	base = tail_loss(0, &tail, &n);
	for (unsigned i = 1; i <= 8; i++) {
		mt_time extra = tail_loss(i * 250 * MT_US, &tail, &n) - base;
		unsigned rounds = 3;

		/* The probe leaves after two round trips, one later it is known what else is lost,
		 * and as nothing is in flight any more that is sent in slow start. */
		for (uint64_t sent = 1, more = 1; sent < n; sent += more, more *= 2)
			rounds++;
		assert_true(n >= 2 && extra < rounds * RTT + RTT / 2);
	}
}

/* ---- reordering ---- */

static void reordering_sends_little_again(void **state)
{
	/* Up to 3, 20, 40 (the reordering window at the start), 100 segments late. */
	static const struct {
		mt_time delay;
		uint64_t most;
	} cases[] = {{400 * MT_US, 10}, {2400 * MT_US, 40}, {4800 * MT_US, 60}, {12 * MT_MS, 400}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_pipe pipe;
		struct pair p;

		begin(&p, 8u << 20);
		pipe = p.up;
		pipe.reorder = 0.03;
		pipe.reorder_delay = cases[i].delay;
		sim_link(p.client, SIM_UP, &pipe);
		mt_time took = pair_run(&p, 20 * MT_SEC);
		const struct mtcp_stats *s = pair_stats(p.client);

		print_message("late by up to %.1f ms: %" PRIu64 " frames, %" PRIu64
			      " late, %" PRIu64 " sent again, %" PRIu64 " recoveries, %" PRIu64
			      " undone, %.2f s\n",
			      (double)cases[i].delay / 1e6, frames(&p),
			      sim_link_stats(p.client, SIM_UP)->reordered, s->retransmits,
			      s->fast_retransmits, s->recoveries_undone, (double)took / 1e9);
		assert_int_equal(s->rto_fired, 0);
		assert_true(s->retransmits <= cases[i].most);
		pair_end(&p);
	}
}

/* ---- a delay spike ---- */

static void a_delay_spike_is_undone(void **state)
{
	struct sim_pipe pipe;
	uint64_t before, after;
	struct pair p;

	(void)state;
	begin(&p, 40u << 20);
	sim_run_for(p.sim, MT_SEC);
	before = frames(&p);
	sim_run_for(p.sim, RTT);
	before = frames(&p) - before; /* per round trip */
	pipe = p.up;
	pipe.delay += 500 * MT_MS; /* all that leaves from now on is late by two timeouts */
	sim_link(p.client, SIM_UP, &pipe);
	sim_run_for(p.sim, 900 * MT_MS);
	const struct mtcp_stats *s = pair_stats(p.client);

	assert_in_range(s->rto_fired, 1, 3);
	assert_int_equal(s->recoveries_undone, 1);
	assert_in_range(s->retransmits, 1, 4); /* the head, nothing else */
	after = frames(&p);
	sim_run_for(p.sim, RTT + 500 * MT_MS);
	after = frames(&p) - after;
	print_message("%" PRIu64 " frames per round trip before, %" PRIu64 " after; %" PRIu64
		      " timeouts, %" PRIu64 " sent again\n",
		      before, after, s->rto_fired, s->retransmits);
	assert_true(after >= before * 9 / 10);
	pair_run(&p, 100 * MT_SEC);
	pair_end(&p);
}

/* ---- a burst ---- */

static void half_a_window_lost_is_mended_without_a_timeout(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t f, window, rate;
		struct pair p;

		begin(&p, 8u << 20);
		sim_run_for(p.sim, 200 * MT_MS + i * 7 * MT_MS);
		f = frames(&p);
		sim_run_for(p.sim, RTT);
		window = frames(&p) - f;
		set_down(&p, true);
		sim_run_for(p.sim, RTT / 2);
		set_down(&p, false);
		sim_run_for(p.sim, RTT); /* now it is noticed */
		f = frames(&p);
		sim_run_for(p.sim, RTT);
		rate = frames(&p) - f;
		sim_run_for(p.sim, 3 * RTT);
		const struct mtcp_stats *s = pair_stats(p.client);

		print_message("window %" PRIu64 ", lost %" PRIu64 ", sent again %" PRIu64
			      ", sent in the round trip after %" PRIu64 "\n",
			      window, lost(&p), s->retransmits, rate);
		assert_true(lost(&p) > window / 4);
		assert_int_equal(s->retransmits, lost(&p));
		assert_int_equal(s->fast_retransmits, 1);
		assert_true(rate <= window && rate >= window / 4);
		pair_run(&p, 20 * MT_SEC);
		assert_int_equal(s->rto_fired, 0);
		pair_end(&p);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_tail_costs_few_round_trips),
		cmocka_unit_test(reordering_sends_little_again),
		cmocka_unit_test(a_delay_spike_is_undone),
		cmocka_unit_test(half_a_window_lost_is_mended_without_a_timeout),
	};

	seed = test_seed(argc, argv);
	return pair_run_tests(tests);
}
