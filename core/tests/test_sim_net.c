// SPDX-License-Identifier: BSD-3-Clause
/* The simulated network itself: what the other tests lean on. */
#include <math.h>
#include <stdlib.h>

#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

/* The log of a lossy transfer, as text. */
static char *trace(uint64_t s)
{
	struct stream_plan client = {.tx_bytes = 30000, .rx_bytes = 20000, .io_max = 3000};
	struct stream_plan server = {.tx_bytes = 20000, .rx_bytes = 30000, .io_max = 3000};
	struct pair p;
	char *text = NULL;
	size_t len = 0;

	pair_init(&p, s);
	p.know_macs = true;
	p.up.loss = p.up.reorder = p.up.duplicate = p.up.corrupt = 0.05;
	p.up.reorder_delay = 20 * MT_MS;
	sim_log(p.sim, 100000);
	pair_start(&p, &client, &server);
	pair_run(&p, 600 * MT_SEC);
	FILE *f = open_memstream(&text, &len);

	sim_log_print(p.sim, f);
	fclose(f);
	pair_end(&p);
	assert_true(len > 10000);
	return text;
}

static void same_seed_same_bytes(void **state)
{
	char *a = trace(seed), *b = trace(seed), *c = trace(seed + 1);

	(void)state;
	assert_string_equal(a, b);
	assert_true(strcmp(a, c) != 0);
	free(a);
	free(b);
	free(c);
}

struct wires {
	struct sim *sim;
	struct sim_node *from, *to;
	uint8_t frame[1500], got[1500];
};

static void wires_init(struct wires *w, const struct sim_pipe *pipe)
{
	*w = (struct wires){.sim = sim_create(seed)};
	w->from = sim_wire(w->sim);
	w->to = sim_wire(w->sim);
	sim_link(w->from, SIM_UP, pipe);
	struct eth_hdr h = {.dst = sim_mac(w->to), .src = sim_mac(w->from), .type = ETH_IPV4};

	for (size_t i = 0; i < sizeof(w->frame); i++)
		w->frame[i] = (uint8_t)i;
	eth_build(w->frame, &h);
}

/* 1000 bytes at 8 Mbit/s are a millisecond. */
static void rate_delay_and_queue(void **state)
{
	struct sim_pipe pipe = {.rate_bps = 8000000, .delay = 50 * MT_MS, .queue_bytes = 10000};
	struct wires w;
	unsigned n = 0;

	(void)state;
	wires_init(&w, &pipe);
	mt_time start = sim_now(w.sim);

	for (int i = 0; i < 20; i++)
		sim_wire_send(w.from, w.frame, 1000);
	assert_int_equal(sim_link_stats(w.from, SIM_UP)->queue_full,
			 9); /* 1 on the wire, 10 wait */
	while (sim_step(w.sim, MT_NEVER)) {
		n++;
		assert_int_equal(sim_now(w.sim) - start, 50 * MT_MS + n * MT_MS);
		assert_int_equal(sim_wire_recv(w.to, w.got, sizeof(w.got)), 1000);
		assert_memory_equal(w.got, w.frame, 1000);
	}
	assert_int_equal(n, 11);
	assert_int_equal(sim_frames(w.sim), 0);
	sim_destroy(w.sim);
}

static void faults_are_as_frequent_as_asked(void **state)
{
	struct sim_pipe pipe = {.loss = 0.1,
				.duplicate = 0.05,
				.reorder = 0.02,
				.reorder_delay = MT_MS,
				.corrupt = 0.03};
	const struct sim_pipe_stats *st;
	struct wires w;
	unsigned n = 0, wrong = 0;

	(void)state;
	wires_init(&w, &pipe);
	st = sim_link_stats(w.from, SIM_UP);
	for (int i = 0; i < 20000; i++) {
		sim_wire_send(w.from, w.frame, 100);
		sim_run_for(w.sim, 2 * MT_MS);
		for (; sim_wire_recv(w.to, w.got, sizeof(w.got)) > 0; n++)
			wrong += memcmp(w.got, w.frame, 100) != 0;
	}
	assert_float_equal(st->lost, 2000, 200);
	assert_float_equal(st->duplicated, 900, 130);
	assert_float_equal(st->reordered, 380, 90);
	assert_float_equal(st->corrupted, 540, 100);
	assert_int_equal(wrong, st->corrupted);
	assert_int_equal(n, 20000 - st->lost + st->duplicated);
	sim_destroy(w.sim);
}

static void switch_knows_addresses(void **state)
{
	struct sim_pipe none = {0};
	struct wires w;

	(void)state;
	wires_init(&w, &none);
	struct sim_node *third = sim_wire(w.sim);

	sim_wire_send(w.from, w.frame, 60);
	sim_run_for(w.sim, MT_MS);
	assert_int_equal(sim_wire_recv(third, w.got, sizeof(w.got)), 0);
	assert_int_equal(sim_wire_recv(w.from, w.got, sizeof(w.got)), 0);
	assert_int_equal(sim_wire_recv(w.to, w.got, sizeof(w.got)), 60);
	memset(w.frame, 0xff, 6);
	sim_wire_send(w.from, w.frame, 60);
	sim_run_for(w.sim, MT_MS);
	assert_int_equal(sim_wire_recv(third, w.got, sizeof(w.got)), 60);
	assert_int_equal(sim_wire_recv(w.to, w.got, sizeof(w.got)), 60);
	sim_destroy(w.sim);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_bytes),
		cmocka_unit_test(rate_delay_and_queue),
		cmocka_unit_test(faults_are_as_frequent_as_asked),
		cmocka_unit_test(switch_knows_addresses),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
