// SPDX-License-Identifier: BSD-3-Clause
/* The loop of a core: what it does while there is nothing to do, and whom it books the time on.
 * What is asked holds on a machine however busy: counts, and sums of what the loop itself read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

static struct world *opened; /* given back after each test, failed or not */

static struct world *open_world(const char *keys)
{
	struct nic_params p = {.device = "fake:w:0", .n_queues = 1};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	rt_config_init(&w->cfg);
	assert_int_equal(rt_config_text(&w->cfg, "test", keys, w->err), 0);
	assert_int_equal(rt_config_finish(&w->cfg, w->err), 0);
	assert_int_equal(nic_driver.open(&p, &w->nic, w->err), 0);
	if (loop_open(&w->loop, &w->cfg, &w->nic, 0) < 0) {
		nic_driver.close(&w->nic);
		fail();
	}
	opened = w;
	return w;
}

static void set_full(int full)
{
	struct fake_wire *w = fake_wire_named("w");

	pthread_mutex_lock(&w->lock);
	w->full = full;
	pthread_mutex_unlock(&w->lock);
}

static int close_world(void **state)
{
	struct world *w = opened;
	int left;

	(void)state;
	if (!w)
		return 0;
	opened = NULL;
	set_full(0);
	loop_close(&w->loop);
	nic_driver.close(&w->nic);
	free(w);
	left = fake_frames;
	fake_frames = 0;
	return left;
}

#define KEYS "device = fake:w:0\naddress = 10.0.0.1/24\nmax_concurrency = 64\nseed = 1\n"

/* A turn, and waiting where there was nothing to do. The ticks from the one's beginning to the
 * other's end; 0: there was. */
static uint64_t turn(struct world *w, mt_time until)
{
	uint64_t begin = rt_ticks();

	if (loop_turn_at(&w->loop, begin))
		return 0;
	assert_int_equal(loop_idle(&w->loop, until), 0);
	return w->loop.mark - begin;
}

/* Turns for so long, as an application that waits makes them. The ticks in which nothing was done.
 */
static uint64_t run(struct world *w, mt_time span)
{
	mt_time until = rt_now() + span;
	uint64_t idle = 0;

	while (w->loop.now < until)
		idle += turn(w, until);
	return idle;
}

static uint64_t turns_of(const struct world *w)
{
	return stack_stats(w->loop.sc)->turns;
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
	uint64_t asked, idle;
	mt_time begin;

	(void)state;
	want_to_send(w);
	c = w->loop.cycles;
	asked = s->tx_full;
	begin = w->loop.now;
	idle = run(w, 50 * MT_MS);
	asked = s->tx_full - asked;
	assert_in_range(asked, 1, (w->loop.now - begin) / LOOP_RETRY + 1);
	assert_int_equal(w->loop.cycles.tx, c.tx);
	assert_int_equal(w->loop.cycles.timers, c.timers);
	assert_int_equal(w->loop.cycles.idle - c.idle, idle);
	set_full(0);
	run(w, MT_MS);
	assert_true(s->tx_packets > 0);
}

/* Not spinning: it sleeps. */
static void test_full_device_lets_it_sleep(void **state)
{
	struct world *w = open_world(KEYS);
	uint64_t turns;

	(void)state;
	want_to_send(w);
	turns = turns_of(w);
	run(w, 300 * MT_MS);
	/* One that spins for its 50 us and then sleeps makes 1,200, one that spins on a million. */
	assert_true(turns_of(w) - turns < 10000);
	set_full(0);
	run(w, 3 * MT_MS);
	assert_true(stack_stats(w->loop.sc)->tx_packets > 0);
}

/* All is idle time when nothing happens, whichever way the caller waits. */
static void test_empty_turns_are_idle(void **state)
{
	struct world *w = open_world(KEYS "busy_poll = 1\n");
	uint64_t before, idle = 0;
	unsigned n = 0;

	(void)state;
	run(w, MT_MS); /* the announcement */
	before = w->loop.cycles.idle;
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t ticks = turn(w, i % 2 ? 0 : MT_NEVER);

		idle += ticks;
		n += ticks > 0;
	}
	assert_true(n > 9990); /* but for a timer, if this took seconds */
	assert_int_equal(w->loop.cycles.idle - before, idle);
}

/* After a silence, a hundred turns a second. */
static void test_an_idle_core_sleeps(void **state)
{
	struct world *w = open_world(KEYS);
	uint64_t turns;

	(void)state;
	run(w, 200 * MT_MS);
	turns = turns_of(w);
	run(w, 1000 * MT_MS);
	assert_true(turns_of(w) - turns < 4 * MT_SEC / LOOP_SLEEP_MAX);
}

/* A device that wakes who waits for its frames. */
static struct nic_ops waking_ops;
static int waking_fd = -1;
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

/* From now on the loop's time is what its turns are told, in ns. */
static void set_clock(struct world *w)
{
	w->loop.clock = (struct rt_clock){.now = w->loop.now,
					  .last = w->loop.now,
					  .mult = (uint64_t)1 << 32,
					  .valid = UINT64_MAX,
					  .counter = true};
}

/* Once the device has taken what it refused, its interrupt tells again: by whatever it was sent. */
static void test_no_more_full_after_a_flush(void **state)
{
	struct world *w = open_world(KEYS);
	unsigned before;

	(void)state;
	want_to_send(w);
	let_wake(w);
	run(w, 3 * MT_MS);
	set_full(0);
	(void)loop_flush(&w->loop);
	assert_true(stack_stats(w->loop.sc)->tx_packets > 0);
	before = n_armed;
	run(w, 300 * MT_MS);
	assert_true(n_armed - before < 10);
}

/* How often the core gets ready to sleep in a wait of so long, right after something happened. */
static unsigned armed_within(struct world *w, mt_time span)
{
	uint64_t at = w->loop.now - w->loop.clock.now + 1;
	unsigned before = n_armed;
	mt_time until;

	w->loop.dirty = true;
	assert_true(loop_turn_at(&w->loop, at));
	until = w->loop.now + span;
	while (w->loop.now < until) {
		assert_int_equal(loop_idle(&w->loop, until), 0);
		at = n_armed > before && !w->loop.armed ? until - w->loop.clock.now : at + 500;
		(void)loop_turn_at(&w->loop, at);
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
	set_clock(w);
	for (unsigned i = 0; i < 32; i++)
		slept += armed_within(w, 5 * MT_US);
	assert_int_equal(slept, 0);
	for (unsigned i = 0; i < SPIN_ROUND; i++)
		(void)armed_within(w, 2 * SPIN_MAX);
	slept = 0;
	for (unsigned i = 0; i < SPIN_ROUND; i++)
		slept += armed_within(w, 20 * MT_US);
	assert_true(slept >= SPIN_ROUND / 2);
}

static void test_sleeps_at_once_if_told(void **state)
{
	struct world *w = open_world(KEYS "spin_us = 0\n");

	(void)state;
	run(w, MT_MS);
	let_wake(w);
	set_clock(w);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(armed_within(w, 20 * MT_US), 1);
}

static void wait_on(int fd)
{
	assert_true(fd >= 0);
	close(waking_fd);
	waking_fd = fd;
}

/* Ready in every poll, as of a tap that is gone, whether or not it also says that there is
 * something to be read. */
static void test_sleeps_beside_a_broken_descriptor(void **state)
{
	struct world *w = open_world(KEYS);

	(void)state;
	run(w, MT_MS); /* the announcement */
	let_wake(w);
	for (size_t unread = 0; unread < 2; unread++) {
		uint64_t turns = turns_of(w);
		int end[2];

		assert_int_equal(pipe(end), 0);
		wait_on(end[0]);
		assert_int_equal(write(end[1], "x", unread), unread);
		close(end[1]);
		run(w, 300 * MT_MS);
		assert_true(turns_of(w) - turns < 10000);
	}
}

/* A socket's error is over once it is read, so that from then on frames wake the core again. */
static void test_an_error_is_read(void **state)
{
	struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1)};
	struct world *w = open_world(KEYS);
	struct pollfd p = {.events = POLLIN};

	(void)state;
	run(w, MT_MS); /* the announcement */
	let_wake(w);
	wait_on(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	p.fd = waking_fd;
	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(p.fd, (struct sockaddr *)&nobody, sizeof(nobody)) || send(p.fd, "x", 1, 0) < 0)
		skip(); /* no loopback interface */
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(p.revents, POLLERR);
	for (unsigned i = 0; i < 1000 && poll(&p, 1, 0); i++)
		run(w, 10 * MT_MS);
	assert_int_equal(poll(&p, 1, 0), 0);
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
}

static int close_all(void **state)
{
	if (waking_fd >= 0)
		close(waking_fd);
	waking_fd = -1;
	return close_world(state);
}

/* The flow table's memory is there before anybody waits for it. */
static void test_table_is_touched(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), at, len, n = 0;
	struct world *w = open_world("device = fake:w:0\naddress = 10.0.0.1/24\n"
				     "max_concurrency = 200000\n");
	unsigned char *there;
	char *from;

	(void)state;
	stack_core_table(&w->cfg.stack, &at, &len);
	assert_true(len > 2 * 1024 * 1024);
	from = (char *)w->loop.mem + at / page * page;
	len = (len + at % page + page - 1) / page;
	there = calloc(len, 1);
	assert_non_null(there);
	assert_int_equal(mincore(from, len * page, there), 0);
	for (size_t i = 0; i < len; i++)
		n += there[i] & 1;
	free(there);
	assert_int_equal(n, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(fault_16_full_device_is_no_work, close_all),
		cmocka_unit_test_teardown(test_full_device_lets_it_sleep, close_all),
		cmocka_unit_test_teardown(test_no_more_full_after_a_flush, close_all),
		cmocka_unit_test_teardown(test_empty_turns_are_idle, close_all),
		cmocka_unit_test_teardown(test_an_idle_core_sleeps, close_all),
		cmocka_unit_test_teardown(test_waits_to_the_end, close_all),
		cmocka_unit_test_teardown(test_spins_while_it_is_worth_it, close_all),
		cmocka_unit_test_teardown(test_sleeps_at_once_if_told, close_all),
		cmocka_unit_test_teardown(test_sleeps_beside_a_broken_descriptor, close_all),
		cmocka_unit_test_teardown(test_an_error_is_read, close_all),
		cmocka_unit_test_teardown(test_table_is_touched, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
