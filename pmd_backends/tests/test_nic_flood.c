// SPDX-License-Identifier: BSD-3-Clause
/* SYNs beside everything else: as many as asked for, each another, and answers go no further. */
#include <time.h>

#include "base/csum.h"
#include "nic_test.h"

#define FLOOD "flood:rate=100000,to=10.0.0.1:80,seed=3/ring:fl:1"

struct pair {
	struct nic target, flooder;
};

static void open_pair(struct pair *p, const char *device)
{
	struct nic_params a = small("ring:fl:0", 1), b = small(device, 1);

	open_ok(&a, &p->target);
	open_ok(&b, &p->flooder);
}

static void close_pair(struct pair *p)
{
	assert_int_equal(free_bufs(&p->target, 0), TEST_BUFS);
	nic_driver.close(&p->flooder);
	nic_driver.close(&p->target);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check_syn(const struct nic_pkt *p)
{
	const uint8_t *ip = p->data + 14;

	assert_int_equal(p->len, 60);
	assert_int_equal(csum_fold(csum_add(0, ip, 20)), 0);
	assert_true(ip[12] == 198 && (ip[13] == 18 || ip[13] == 19));
	assert_memory_equal(ip + 16, "\x0a\x00\x00\x01", 4);
	assert_memory_equal(ip + 22, "\x00\x50", 2);
	assert_int_equal(ip[33], 2);
}

static void test_so_many_per_second(void **state)
{
	unsigned n = 0, same = 0;
	uint8_t last[12] = {0};
	struct nic_pkt pkts[64];
	struct pair p;
	double begin;

	(void)state;
	open_pair(&p, FLOOD);
	begin = now_s();
	while (now_s() < begin + 0.2) {
		uint16_t got;

		assert_int_equal(rx(&p.flooder, 0, pkts, 64), 0);
		got = rx(&p.target, 0, pkts, 64);
		for (uint16_t i = 0; i < got; i++) {
			check_syn(&pkts[i]);
			same += memcmp(last, pkts[i].data + 26, sizeof last) == 0;
			memcpy(last, pkts[i].data + 26, sizeof last);
		}
		release(&p.target, 0, pkts, got);
		n += got;
	}
	/* a machine that takes the core away for long makes it fewer, never more */
	assert_in_range(n, 2000, 20100);
	assert_int_equal(same, 0);
	close_pair(&p);
}

static void answer(struct pair *p, const uint8_t flow[12])
{
	struct nic_pkt pkt;

	assert_int_equal(alloc(&p->target, 0, &pkt, 1), 1);
	make_frame(&pkt, flow, 60, 1);
	assert_int_equal(tx(&p->target, 0, &pkt, 1), 1);
}

static void test_answers_end_here(void **state)
{
	static const uint8_t to_flood[12] = {10, 0, 0, 1, 198, 19, 5, 5, 0, 80, 1, 1};
	static const uint8_t to_load[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 1, 1};
	struct nic_pkt pkts[64];
	struct pair p;

	(void)state;
	open_pair(&p, "flood:rate=0.001,to=10.0.0.1:80/ring:fl:1");
	answer(&p, to_flood);
	answer(&p, to_load);
	answer(&p, to_flood);
	assert_int_equal(rx(&p.flooder, 0, pkts, 64), 1);
	assert_memory_equal(pkts[0].data + 26, to_load, sizeof to_load);
	release(&p.flooder, 0, pkts, 1);
	close_pair(&p);
}

/* At the target's end answers are gone before the wire; a full wire loses none of the others. */
static void test_answers_go_another_way(void **state)
{
	static const uint8_t to_flood[12] = {10, 0, 0, 1, 198, 18, 5, 5, 0, 80, 1, 1};
	static const uint8_t to_load[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 1, 1};
	struct nic_params a = small("flood:away/ring:fl:0", 1), b = small("ring:fl:1", 1);
	unsigned sent = 0, others = 0, got = 0, n;
	struct nic_pkt pkts[96], in[64];
	struct pair p;

	(void)state;
	open_ok(&a, &p.target);
	open_ok(&b, &p.flooder);
	for (;;) { /* until the wire is full: of every three frames one is for the load */
		uint16_t len = alloc(&p.target, 0, pkts, 96), took;

		for (uint16_t i = 0; i < len; i++)
			make_frame(&pkts[i], i % 3 ? to_flood : to_load, 60, 1);
		took = tx(&p.target, 0, pkts, len);
		release(&p.target, 0, pkts + took, (uint16_t)(len - took));
		sent += took;
		for (uint16_t i = 0; i < took; i++)
			others += i % 3 == 0;
		if (took < 96)
			break;
		assert_true(sent < 100 * TEST_BUFS);
	}
	assert_true(sent > 2 * others);
	while ((n = rx(&p.flooder, 0, in, 64)) > 0) {
		for (unsigned i = 0; i < n; i++)
			assert_memory_equal(in[i].data + 26, to_load, sizeof to_load);
		release(&p.flooder, 0, in, (uint16_t)n);
		got += n;
	}
	assert_int_equal(got, others);
	close_pair(&p);
}

/* Broadcast until an ARP packet of the target tells its address. */
static void test_the_target_is_heard_of(void **state)
{
	struct nic_pkt pkt, pkts[64];
	struct pair p;
	uint16_t got = 0;

	(void)state;
	open_pair(&p, FLOOD);
	assert_int_equal(alloc(&p.target, 0, &pkt, 1), 1);
	memset(pkt.data, 0, 60);
	memcpy(pkt.data + 6, p.target.mac, 6);
	memcpy(pkt.data + 12, "\x08\x06", 2);
	memcpy(pkt.data + 28, "\x0a\x00\x00\x01", 4);
	pkt.len = 60;
	assert_int_equal(tx(&p.target, 0, &pkt, 1), 1);
	for (unsigned i = 0; i < 2; i++) { /* the second poll sends what the first has heard */
		double begin = now_s();

		release(&p.target, 0, pkts, got);
		while (now_s() < begin + 0.001)
			;
		release(&p.flooder, 0, pkts, rx(&p.flooder, 0, pkts, 64));
		got = rx(&p.target, 0, pkts, 64);
	}
	assert_true(got > 0);
	assert_memory_equal(pkts[got - 1].data, p.target.mac, 6);
	release(&p.target, 0, pkts, got);
	close_pair(&p);
}

static void test_what_is_wrong_is_said(void **state)
{
	static const char *const wrong[] = {
		"flood:rate=0,to=10.0.0.1:80/ring:fl:1",
		"flood:rate=1,to=10.0.0.1/ring:fl:1",
		"flood:rate=1,to=10.0.0.1:0/ring:fl:1",
		"flood:rate=1,to=x:80/ring:fl:1",
		"flood:rate=1/ring:fl:1",
		"flood:to=10.0.0.1:80/ring:fl:1",
		"flood:rate=1,to=10.0.0.1:80",
		"flood:away,rate=1,to=10.0.0.1:80/ring:fl:1",
		"flood:away",
		"flood:speed=1,to=10.0.0.1:80/ring:fl:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct nic_params p = small(wrong[i], 1);

		open_fails(&p, -EINVAL, "flood");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_so_many_per_second),
		cmocka_unit_test(test_answers_end_here),
		cmocka_unit_test(test_answers_go_another_way),
		cmocka_unit_test(test_the_target_is_heard_of),
		cmocka_unit_test(test_what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
