// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random bytes both ways over a network that loses, doubles, swaps and damages frames, for all
 * combinations of what a connection may use: every byte arrives in order, both sides close, nothing
 * leaks, nothing stalls.
 */
#include <stdlib.h>

#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

enum { /* bits of a combination */
       C_RENO = 1,
       C_NO_SACK = 2,
       C_NO_TS = 4,
       C_NO_FAST = 8,
       C_NO_WSCALE = 16,
       C_COUNT = 32
};

static struct tcp_config tcp_of(unsigned combo)
{
	struct tcp_config t = tcp_config_default;

	t.cc = combo & C_RENO ? &cc_newreno : &cc_cubic;
	t.sack = !(combo & C_NO_SACK);
	t.timestamps = !(combo & C_NO_TS);
	t.fast_path = !(combo & C_NO_FAST);
	t.wscale = !(combo & C_NO_WSCALE);
	return t;
}

struct load {
	uint64_t to_server, to_client;
	uint32_t buf, io_max;
	mt_time limit;
};

/* One connection; the time it took, and the client's and server's retransmissions together. */
static mt_time transfer(const struct sim_pipe *pipe, unsigned combo, const struct load *l,
			uint64_t s, uint64_t *retransmits)
{
	struct stream_plan client = {.tx_bytes = l->to_server, .rx_bytes = l->to_client};
	struct stream_plan server = {.tx_bytes = l->to_client, .rx_bytes = l->to_server};
	struct pair p;

	pair_init(&p, s);
	p.up = *pipe;
	p.know_macs = true;
	p.cfg.tcp = tcp_of(combo);
	p.cfg.tcp.rcvbuf = p.cfg.tcp.sndbuf = l->buf;
	p.cfg.tcp.rcvbuf_max = p.cfg.tcp.sndbuf_max = 0;
	client.io_max = server.io_max = l->io_max;
	pair_start(&p, &client, &server);
	mt_time took = pair_run(&p, l->limit);

	if (p.cl.n_done != 1 || p.sv.n_done != 1)
		pair_fail(&p, "combination %u, loss %.3f, seed %" PRIu64 ": errno %d / %d", combo,
			  pipe->loss, s, p.cl.last_error, p.sv.last_error);
	*retransmits = pair_stats(p.client)->retransmits + pair_stats(p.server)->retransmits;
	if ((combo & C_NO_FAST) && pair_stats(p.server)->fast_path > 0)
		fail_msg("the fast path is off, yet it was taken");
	pair_end(&p);
	return took;
}

static int by_time(const void *a, const void *b)
{
	mt_time x = *(const mt_time *)a, y = *(const mt_time *)b;

	return (x > y) - (x < y);
}

struct bound { /* of the completion times, seconds */
	double loss, mean, median, p90;
};

/* Times of all 32 combinations with 3 seeds each against the bounds. */
static void matrix(const struct sim_pipe *faults, const struct bound *b, const struct load *l)
{
	mt_time took[C_COUNT * 3];
	size_t n = sizeof(took) / sizeof(took[0]);
	struct sim_pipe pipe = *faults;
	double sum = 0;

	pipe.loss = b->loss;
	for (size_t i = 0; i < n; i++) {
		uint64_t rxt;

		took[i] = transfer(&pipe, (unsigned)(i % C_COUNT), l, seed * 1000 + i, &rxt);
		sum += (double)took[i] / 1e9;
		if (pipe.loss == 0 && pipe.reorder == 0 && pipe.corrupt == 0 && pipe.duplicate == 0)
			assert_int_equal(rxt, 0);
	}
	qsort(took, n, sizeof(took[0]), by_time);
	double mean = sum / (double)n, median = (double)took[n / 2] / 1e9;
	double p90 = (double)took[n * 9 / 10] / 1e9;

	print_message("loss %4.1f%%: mean %.2f s, median %.2f s, p90 %.2f s, max %.2f s\n",
		      b->loss * 100, mean, median, p90, (double)took[n - 1] / 1e9);
	assert_true(mean <= b->mean && median <= b->median && p90 <= b->p90);
}

static void loss_only(void **state)
{
	static const struct bound bounds[] = {{0, 0.1, 0.1, 0.1},
					      {0.001, 0.15, 0.1, 0.2},
					      {0.01, 0.25, 0.15, 0.5},
					      {0.05, 1.2, 0.6, 2.5},
					      {0.2, 60, 15, 120}};
	struct sim_pipe pipe = {.rate_bps = 100000000, .delay = 5 * MT_MS};
	struct load l = {200000, 150000, 128 * 1024, 0, 3000 * MT_SEC};

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		matrix(&pipe, &bounds[i], &l);
}

static void all_faults(void **state)
{
	static const struct bound bounds[] = {
		{0, 0.3, 0.2, 0.6}, {0.01, 0.4, 0.2, 0.7}, {0.05, 1.2, 0.6, 2.5}, {0.2, 40, 8, 80}};
	struct sim_pipe pipe = {.rate_bps = 100000000,
				.delay = 5 * MT_MS,
				.duplicate = 0.02,
				.reorder = 0.05,
				.reorder_delay = 10 * MT_MS,
				.corrupt = 0.01};
	struct load l = {100000, 80000, 64 * 1024, 5000, 3000 * MT_SEC};

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		matrix(&pipe, &bounds[i], &l);
}

/* From less than two segments to more than the path holds. */
static void window_sizes(void **state)
{
	static const uint32_t bufs[] = {1000, 2900, 4096, 16384, 65536, 1 << 20};
	struct sim_pipe pipe = {.rate_bps = 100000000, .delay = 2 * MT_MS};

	(void)state;
	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
		for (unsigned k = 0; k < 8; k++) {
			struct load l = {60000, 60000, bufs[i], k & 1 ? 3000 : 0, 100 * MT_SEC};
			uint64_t rxt;

			pipe.loss = k & 2 ? 0.02 : 0;
			mt_time took = transfer(&pipe, k & 4 ? C_NO_WSCALE : 0, &l,
						seed * 1000 + i * 8 + k, &rxt);

			if (pipe.loss > 0)
				continue;
			assert_int_equal(rxt, 0);
			/* A window per round trip of 4 ms, with room for delayed ACKs of the
			 * smallest. */
			assert_true(took < (60000 / bufs[i] + 20) * 50 * MT_MS);
		}
	}
}

/* A queue of one bandwidth-delay product in front of 100 Mbit/s is kept busy. */
static void bottleneck(void **state)
{
	static const unsigned combos[] = {0, C_RENO, C_NO_SACK, C_RENO | C_NO_SACK, C_NO_TS};
	struct sim_pipe pipe = {.rate_bps = 100000000, .delay = 10 * MT_MS, .queue_bytes = 250000};
	struct load l = {20000000, 0, 2 << 20, 0, 60 * MT_SEC};

	(void)state;
	for (size_t i = 0; i < sizeof(combos) / sizeof(combos[0]); i++) {
		uint64_t rxt;
		mt_time took = transfer(&pipe, combos[i], &l, seed + i, &rxt);
		double share = 20e6 * 8 / 100e6 / ((double)took / 1e9);

		print_message("combination %u: %.0f%% of the link, %" PRIu64 " sent again\n",
			      combos[i], share * 100, rxt);
		assert_true(share > (combos[i] & C_NO_SACK ? 0.4 : 0.7));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_only),
		cmocka_unit_test(all_faults),
		cmocka_unit_test(window_sizes),
		cmocka_unit_test(bottleneck),
	};

	seed = test_seed(argc, argv);
	return pair_run_tests(tests);
}
