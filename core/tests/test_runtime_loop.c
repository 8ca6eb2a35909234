// SPDX-License-Identifier: BSD-3-Clause
/* The loop of a core: what it does while there is nothing to do, and whom it books the time on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "api_device.h"
#include "runtime/config.h"
#include "runtime/loop.h"

struct world {
	struct rt_config cfg;
	struct loop loop;
	struct nic nic;
	char err[RT_ERR_LEN];
};

static struct world *open_world(const char *keys)
{
	struct nic_params p = {.device = "fake:w:0", .n_queues = 1};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	rt_config_init(&w->cfg);
	assert_int_equal(rt_config_text(&w->cfg, "test", keys, w->err), 0);
	assert_int_equal(rt_config_finish(&w->cfg, w->err), 0);
	assert_int_equal(nic_driver.open(&p, &w->nic, w->err), 0);
	assert_int_equal(loop_open(&w->loop, &w->cfg, &w->nic, 0), 0);
	return w;
}

static void close_world(struct world *w)
{
	loop_close(&w->loop);
	nic_driver.close(&w->nic);
	assert_int_equal(fake_frames, 0);
	free(w);
}

#define KEYS "device = fake:w:0\naddress = 10.0.0.1/24\nmax_concurrency = 64\nseed = 1\n"

static mt_time cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (mt_time)t.tv_sec * MT_SEC + (mt_time)t.tv_nsec;
}

/* Turns for so long, as an application that waits makes them. */
static void run(struct world *w, mt_time span)
{
	mt_time until = rt_now() + span;

	while (w->loop.now < until) {
		if (!loop_turn(&w->loop))
			assert_int_equal(loop_idle(&w->loop, until), 0);
	}
}

static void set_full(int full)
{
	struct fake_wire *w = fake_wire_named("w");

	pthread_mutex_lock(&w->lock);
	w->full = full;
	pthread_mutex_unlock(&w->lock);
}

/* An announcement and an ARP request that the device does not take. */
static void want_to_send(struct world *w)
{
	struct ip_endpoint peer = {.addr = ip_from_v4(0x0a000002), .port = 80};

	set_full(1);
	assert_true(stack_connect(w->loop.sc, NULL, &peer, w->loop.now) >= 0);
	w->loop.dirty = true;
	(void)loop_turn(&w->loop);
	assert_true(stack_stats(w->loop.sc)->tx_full > 0);
}

/* Spinning: the device is asked now and then, not with every turn, and the time is idle. */
static void fault_16_full_device_is_no_work(void **state)
{
	struct world *w = open_world(KEYS "busy_poll = 1\n");
	const struct mtcp_stats *s = stack_stats(w->loop.sc);
	struct mtcp_cycles c;
	uint64_t asked, begin;

	(void)state;
	want_to_send(w);
	c = w->loop.cycles;
	asked = s->tx_full;
	begin = rt_ticks();
	run(w, 50 * MT_MS);
	begin = rt_ticks() - begin;
	asked = s->tx_full - asked;
	assert_in_range(asked, 1, 50 * MT_MS / LOOP_RETRY + 1);
	assert_int_equal(w->loop.cycles.tx, c.tx);
	assert_int_equal(w->loop.cycles.timers, c.timers);
	assert_true(w->loop.cycles.idle - c.idle > begin / 2);
	set_full(0);
	run(w, MT_MS);
	assert_true(s->tx_packets > 0);
	close_world(w);
}

/* Not spinning: it sleeps. */
static void test_full_device_lets_it_sleep(void **state)
{
	struct world *w = open_world(KEYS);
	mt_time used;

	(void)state;
	want_to_send(w);
	used = cpu_time();
	run(w, 300 * MT_MS);
	used = cpu_time() - used;
	assert_true(used < 30 * MT_MS);
	set_full(0);
	run(w, 3 * MT_MS);
	assert_true(stack_stats(w->loop.sc)->tx_packets > 0);
	close_world(w);
}

/* All is idle time when nothing happens, whichever way the caller waits. */
static void test_empty_turns_are_idle(void **state)
{
	struct world *w = open_world(KEYS "busy_poll = 1\n");
	uint64_t begin, idle;

	(void)state;
	run(w, MT_MS); /* the announcement */
	idle = w->loop.cycles.idle;
	begin = rt_ticks();
	for (unsigned i = 0; i < 10000; i++) {
		assert_false(loop_turn(&w->loop));
		assert_int_equal(loop_idle(&w->loop, i % 2 ? 0 : MT_NEVER), 0);
	}
	begin = rt_ticks() - begin;
	assert_true(w->loop.cycles.idle - idle > begin / 2);
	assert_true(w->loop.cycles.idle - idle <= begin);
	close_world(w);
}

/* Half a percent of a core, and a wake-up soon after a short silence. */
static void test_an_idle_core_sleeps(void **state)
{
	struct world *w = open_world(KEYS);
	mt_time used;

	(void)state;
	run(w, 200 * MT_MS);
	used = cpu_time();
	run(w, 1000 * MT_MS);
	used = cpu_time() - used;
	print_message("%.2f%% of a core\n", (double)used / 1e7);
	assert_true(used < 10 * MT_MS);
	close_world(w);
}

/* A wait ends no earlier than it should. */
static void test_waits_to_the_end(void **state)
{
	struct world *w = open_world(KEYS);

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		mt_time until = rt_now() + MT_MS / 2;

		run(w, MT_MS / 2);
		assert_true(rt_now() >= until);
	}
	close_world(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_16_full_device_is_no_work),
		cmocka_unit_test(test_full_device_lets_it_sleep),
		cmocka_unit_test(test_empty_turns_are_idle),
		cmocka_unit_test(test_an_idle_core_sleeps),
		cmocka_unit_test(test_waits_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
