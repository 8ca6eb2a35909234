// SPDX-License-Identifier: BSD-3-Clause
/* The loop of a core: what it does while there is nothing to do, and whom it books the time on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

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

/* A device that wakes who waits for its frames. */
static struct nic_ops waking_ops;
static int waking_fd;
static unsigned n_armed;

static int waking_wait(void *dev, uint16_t queue, bool arm)
{
	(void)dev;
	(void)queue;
	n_armed += arm;
	return waking_fd;
}

static void let_wake(struct world *w)
{
	waking_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(waking_fd >= 0);
	waking_ops = *w->nic.ops;
	waking_ops.rx_wait = waking_wait;
	w->nic.ops = &waking_ops;
	n_armed = 0;
}

/* How often the core gets ready to sleep in a wait of so long, right after something happened. */
static unsigned armed_within(struct world *w, mt_time span)
{
	unsigned before = n_armed;
	mt_time until;

	w->loop.dirty = true;
	assert_true(loop_turn(&w->loop));
	until = w->loop.now + span;
	while (w->loop.now < until) {
		assert_int_equal(loop_idle(&w->loop, until), 0);
		(void)loop_turn(&w->loop);
	}
	return n_armed - before;
}

/* Where frames wake the core, waits decide whether it spins before it sleeps, or the key does. */
static void test_spins_while_it_is_worth_it(void **state)
{
	struct world *w = open_world(KEYS);
	unsigned slept = 0;

	(void)state;
	run(w, MT_MS); /* the announcement */
	let_wake(w);
	for (unsigned i = 0; i < 32; i++)
		slept += armed_within(w, 5 * MT_US);
	assert_true(slept <= 2); /* the machine may take us the processor away */
	for (unsigned i = 0; i < SPIN_ROUND; i++)
		(void)armed_within(w, 2 * SPIN_MAX);
	slept = 0;
	for (unsigned i = 0; i < SPIN_ROUND; i++)
		slept += armed_within(w, 20 * MT_US);
	assert_true(slept >= SPIN_ROUND / 2);
	close(waking_fd);
	close_world(w);
}

static void test_sleeps_at_once_if_told(void **state)
{
	struct world *w = open_world(KEYS "spin_us = 0\n");

	(void)state;
	run(w, MT_MS);
	let_wake(w);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(armed_within(w, 20 * MT_US), 1);
	close(waking_fd);
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
		cmocka_unit_test(test_spins_while_it_is_worth_it),
		cmocka_unit_test(test_sleeps_at_once_if_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
