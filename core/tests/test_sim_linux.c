// SPDX-License-Identifier: BSD-3-Clause
/* Goodput over lossy links beside the kernel's, which was measured over the same link model in real
 * time (golden/linux.txt, made by golden/linux.py): neither far worse, which would be a fault of
 * recovery, nor far better, which would be one of congestion control. */
#include <stdlib.h>

#include "seed.h"
#include "sim_pair.h"

#define RATE	 10000000ull
#define WARMUP	 (3 * MT_SEC)
#define MEASURED (30 * MT_SEC)
#define SEEDS	 3
#define WORST	 0.85
#define BEST	 1.45

static uint64_t seed;

struct cell {
	unsigned rtt_ms;
	double loss;
	char cc[16];
	double linux_kbps;
};

static double goodput_kbps(const struct cell *cell, uint64_t s)
{
	struct stream_plan client = {.tx_bytes = UINT64_MAX / 2},
			   server = {.rx_bytes = UINT64_MAX / 2};
	uint64_t bdp = RATE / 8 * cell->rtt_ms / 1000;
	struct sim_pipe back = {.delay = cell->rtt_ms * MT_MS / 2};
	struct pair p;
	uint64_t before;
	double kbps;

	pair_init(&p, s);
	sim_log(p.sim, 0);
	p.know_macs = true;
	p.up = back;
	p.up.rate_bps = RATE;
	p.up.loss = cell->loss;
	p.up.queue_bytes = (uint32_t)(bdp > 32 * 1514 ? bdp : 32 * 1514);
	p.cfg.tcp.cc = cc_by_name(cell->cc);
	p.cfg.tcp.rcvbuf = p.cfg.tcp.sndbuf = 2u << 20;
	pair_start(&p, &client, &server);
	sim_link(p.server, SIM_UP, &back);
	sim_run_for(p.sim, WARMUP);
	before = p.sv.received;
	sim_run_for(p.sim, MEASURED);
	kbps = (double)(p.sv.received - before) * 8 / 1000 / ((double)MEASURED / 1e9);
	if (p.sv.wrong)
		fail_msg("%s", p.sv.wrong);
	stream_free(&p.cl);
	stream_free(&p.sv);
	sim_destroy(p.sim);
	return kbps;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_kbps(const struct cell *cell)
{
	double v[SEEDS];

	for (unsigned i = 0; i < SEEDS; i++)
		v[i] = goodput_kbps(cell, seed + i);
	qsort(v, SEEDS, sizeof(v[0]), by_value);
	return v[SEEDS / 2];
}

static void beside_the_kernel(void **state)
{
	char path[512], line[256];
	unsigned n_cells = 0, n_bad = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%.*s/golden/linux.txt",
		 (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct cell c;
		double ratio;

		if (line[0] == '#' ||
		    sscanf(line, "%u %lf %15s %lf", &c.rtt_ms, &c.loss, c.cc, &c.linux_kbps) != 4)
			continue;
		ratio = median_kbps(&c) / c.linux_kbps;
		printf("%4u ms  loss %-6g %-6s  Linux %6.0f kb/s  ours/Linux %.2f\n", c.rtt_ms,
		       c.loss, c.cc, c.linux_kbps, ratio);
		n_cells++;
		n_bad += ratio < WORST || ratio > BEST;
	}
	fclose(f);
	assert_true(n_cells >= 36);
	assert_int_equal(n_bad, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(beside_the_kernel)};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
