// SPDX-License-Identifier: BSD-3-Clause
/* Buffers grow where the path needs it, with nothing configured; who is idle holds none. */
#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

#define RATE	1000000000u /* of the long fat link, bit/s */
#define ONE_WAY (50 * MT_MS)
#define FILLED	(3 * MT_SEC) /* by then the flow has filled it, slow start and buffers together */
#define WATCHED (1 * MT_SEC)

/* Share of the link that payload can take. */
#define PAYLOAD (1448.0 / 1514.0)

static void one_flow_fills_a_long_fat_link(void **state)
{
	struct stream_plan client = {.tx_bytes = 1u << 30, .io_max = 16384};
	struct stream_plan server = {.rx_bytes = 1u << 30, .io_max = 65536};
	struct pair p;
	uint64_t before;

	(void)state;
	pair_init(&p, seed);
	p.cfg.tcp = tcp_config_default;
	p.cfg.buf_bytes = stack_config_default.buf_bytes;
	p.up = (struct sim_pipe){
		.rate_bps = RATE, .delay = ONE_WAY, .queue_bytes = RATE / 8 / 1000 * 200};
	pair_start(&p, &client, &server);
	sim_run_for(p.sim, FILLED);
	before = p.sv.received;
	sim_run_for(p.sim, WATCHED);
	double bps = (double)(p.sv.received - before) * 8 / ((double)WATCHED / MT_SEC);

	print_message("%.0f Mbit/s, %.1f%% of what the link carries\n", bps / 1e6,
		      bps / (RATE * PAYLOAD) * 100);
	assert_true(bps >= 0.9 * RATE);
	stream_free(&p.cl);
	stream_free(&p.sv);
	sim_destroy(p.sim);
}

/* Ten thousand connections that have exchanged data and wait. */
static void idle_connections_hold_no_buffer(void **state)
{
	enum { N = 10000 };
	struct stream_plan client = {.tx_bytes = 2000,
				     .rx_bytes = 3000,
				     .end = STREAM_WAIT,
				     .total = N,
				     .concurrency = N};
	struct stream_plan server = {
		.tx_bytes = 3000, .rx_bytes = 2000, .answer = true, .end = STREAM_WAIT};
	struct stack_usage u[2];
	struct pair p;

	(void)state;
	pair_init(&p, seed);
	p.cfg.n_conns = p.cfg.n_time_wait = N + 100;
	p.cfg.buf_bytes = 128u << 20;
	p.know_macs = true;
	pair_start(&p, &client, &server);
	sim_run_for(p.sim, 60 * MT_SEC);
	stack_usage(sim_core(p.client, 0), &u[0]);
	stack_usage(sim_core(p.server, 0), &u[1]);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(u[i].conns, N);
		assert_int_equal(u[i].buf_bytes, 0);
		assert_int_equal(u[i].cold, 0);
	}
	assert_int_equal(p.sv.received, (uint64_t)N * 2000);
	assert_int_equal(p.cl.received, (uint64_t)N * 3000);
	stream_free(&p.cl);
	stream_free(&p.sv);
	sim_destroy(p.sim);
}

/* Many flows and less memory than their paths would take: shared, and no segment is refused in the
 * window offered. */
static void growth_stops_before_memory_does(void **state)
{
	enum { N = 16, BYTES = 4000000 };
	struct stream_plan client = {.tx_bytes = BYTES, .total = N, .concurrency = N};
	struct stream_plan server = {.rx_bytes = BYTES};
	struct pair p;

	(void)state;
	pair_init(&p, seed);
	p.cfg.buf_bytes = 16u << 20;
	p.up = (struct sim_pipe){
		.rate_bps = RATE, .delay = ONE_WAY, .queue_bytes = RATE / 8 / 1000 * 100};
	pair_start(&p, &client, &server);
	pair_run(&p, 60 * MT_SEC);
	assert_int_equal(p.cl.n_done, N);
	assert_int_equal(pair_stats(p.server)->no_memory, 0);
	pair_end(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flow_fills_a_long_fat_link),
		cmocka_unit_test(idle_connections_hold_no_buffer),
		cmocka_unit_test(growth_stops_before_memory_does),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
