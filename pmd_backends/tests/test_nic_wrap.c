// SPDX-License-Identifier: BSD-3-Clause
/* Fault injection and capture in front of a wire. What tshark makes of the file is tested in
 * pytest. */
#include <stdlib.h>
#include <unistd.h>

#include "nic_test.h"

static uint64_t seed = 1;
static const uint8_t a_flow[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0, 80};

struct outcome {
	unsigned received, corrupt, late, twice;
	uint64_t digest;
};

static void judge(struct nic_pkt *p, struct outcome *o, uint8_t *seen, uint32_t *newest)
{
	uint32_t seq;
	bool good = true;

	memcpy(&seq, p->data + 38, 4);
	for (uint16_t i = 54; i < p->len; i++)
		good = good && p->data[i] == (uint8_t)(seq + i);
	o->received++;
	o->digest = o->digest * 31 + seq;
	if (!good || seq >= 20000) {
		o->corrupt++;
		return;
	}
	o->late += seq < *newest && !seen[seq];
	o->twice += seen[seq];
	seen[seq] = 1;
	*newest = seq > *newest ? seq : *newest;
}

/* Sends 20,000 frames into the faulty end, in bursts, and reads them with these burst lengths. */
static struct outcome run(const char *faulty, uint16_t burst)
{
	struct nic_params pa = small("ring:f:0", 1), pb = small(faulty, 1);
	static uint8_t seen[20000];
	struct outcome o = {0};
	uint32_t newest = 0;
	struct nic_pkt p[64];
	struct nic a, b;

	memset(seen, 0, sizeof seen);
	open_ok(&pa, &a);
	open_ok(&pb, &b);
	for (uint32_t seq = 0; seq < 20000; seq += 50) {
		uint16_t got, empty = 0;

		assert_int_equal(alloc(&a, 0, p, 50), 50);
		for (uint16_t i = 0; i < 50; i++)
			make_frame(&p[i], a_flow, 100, seq + i);
		assert_int_equal(tx(&a, 0, p, 50), 50);
		while (empty < 2) {
			got = rx(&b, 0, p, burst);
			assert_true(got <= burst);
			for (uint16_t i = 0; i < got; i++)
				judge(&p[i], &o, seen, &newest);
			release(&b, 0, p, got);
			empty = got ? 0 : (uint16_t)(empty + 1);
		}
	}
	for (unsigned i = 0; i < 200; i++) {
		uint16_t got = rx(&b, 0, p, burst);

		for (uint16_t k = 0; k < got; k++)
			judge(&p[k], &o, seen, &newest);
		release(&b, 0, p, got);
	}
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	assert_int_equal(free_bufs(&b, 0), TEST_BUFS);
	nic_driver.close(&b);
	nic_driver.close(&a);
	return o;
}

static void test_no_fault_changes_nothing(void **state)
{
	struct outcome o = run("fault:seed=3/ring:f:1", 32);

	(void)state;
	assert_int_equal(o.received, 20000);
	assert_int_equal(o.corrupt + o.late + o.twice, 0);
}

static void test_faults_come_as_often_as_asked(void **state)
{
	char device[64];
	struct outcome o;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	snprintf(device, sizeof device, "fault:loss=0.1,seed=%llu/ring:f:1",
		 (unsigned long long)seed);
	o = run(device, 32);
	assert_in_range(o.received, 17700, 18300);
	assert_int_equal(o.corrupt + o.late + o.twice, 0);
	snprintf(device, sizeof device, "fault:dup=0.05,seed=%llu/ring:f:1",
		 (unsigned long long)seed);
	o = run(device, 32);
	assert_in_range(o.twice, 800, 1200);
	assert_int_equal(o.received, 20000 + o.twice);
	snprintf(device, sizeof device, "fault:reorder=0.05,seed=%llu/ring:f:1",
		 (unsigned long long)seed);
	o = run(device, 32);
	assert_int_equal(o.received, 20000);
	assert_in_range(o.late, 600, 1200);
	snprintf(device, sizeof device, "fault:corrupt=0.5,seed=%llu/ring:f:1",
		 (unsigned long long)seed);
	o = run(device, 32);
	assert_int_equal(o.received, 20000);
	assert_in_range(o.corrupt, 4000, 6000); /* the other half hits headers we do not check */
}

/* A ring, this device at its other end, and a frame of len bytes on the way there. */
static void open_with_a_frame(const char *device, uint16_t len, struct nic *a, struct nic *b)
{
	struct nic_params pa = small("ring:f:0", 1), pb = small(device, 1);
	struct nic_pkt p;

	open_ok(&pa, a);
	open_ok(&pb, b);
	assert_int_equal(alloc(a, 0, &p, 1), 1);
	make_frame(&p, a_flow, len, 1);
	assert_int_equal(tx(a, 0, &p, 1), 1);
}

/* A frame of the MTU with a tag, too. */
static void test_the_largest_frame_is_duplicated(void **state)
{
	struct nic_pkt p[4];
	struct nic a, b;

	(void)state;
	open_with_a_frame("fault:dup=1/ring:f:1", 1518, &a, &b);
	assert_int_equal(rx(&b, 0, p, 4), 2);
	assert_int_equal(p[1].len, 1518);
	release(&b, 0, p, 2);
	nic_driver.close(&b);
	nic_driver.close(&a);
}

static void test_same_seed_same_fate(void **state)
{
	struct outcome a = run("fault:loss=0.05,dup=0.05,reorder=0.1,seed=7/ring:f:1", 32);
	struct outcome b = run("fault:loss=0.05,dup=0.05,reorder=0.1,seed=7/ring:f:1", 32);
	struct outcome c = run("fault:loss=0.05,dup=0.05,reorder=0.1,seed=8/ring:f:1", 32);

	(void)state;
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(a.digest != c.digest);
}

/* A caller may ask for single frames. */
static void test_bursts_of_one(void **state)
{
	struct outcome o = run("fault:dup=1,reorder=1/ring:f:1", 1);

	(void)state;
	assert_true(o.received > 10000);
}

/* ... or for none, where others' frames have filled its burst. */
static void test_bursts_of_none(void **state)
{
	struct nic_pkt p[4];
	struct nic a, b;

	(void)state;
	open_with_a_frame("fault:seed=1/ring:f:1", 60, &a, &b);
	assert_int_equal(rx(&b, 0, p, 0), 0);
	assert_int_equal(rx(&b, 0, p, 4), 1);
	release(&b, 0, p, 1);
	nic_driver.close(&b);
	nic_driver.close(&a);
}

static unsigned long file_len(const char *path)
{
	FILE *f = fopen(path, "rb");
	long len;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	fclose(f);
	return (unsigned long)len;
}

/* Only what the wire took is in the file, once; and a wrapped device loses nothing. */
static void test_capture_keeps_what_was_sent(void **state)
{
	char path[] = "/tmp/mtcp-capture-XXXXXX";
	struct nic_params pa = small("ring:f:0", 1), pb = small("ring:f:1", 1);
	unsigned long empty, block = 44 + 60;
	struct nic_pkt p[128];
	unsigned sent = 0;
	struct nic a, b;
	uint16_t k;

	(void)state;
	assert_true(close(mkstemp(path)) == 0);
	pa.capture = path;
	open_ok(&pa, &a);
	empty = file_len(path);
	open_ok(&pb, &b);
	do {
		assert_int_equal(alloc(&a, 0, p, 128), 128);
		for (uint16_t i = 0; i < 128; i++)
			make_frame(&p[i], a_flow, 60, i);
		k = tx(&a, 0, p, 128);
		release(&a, 0, p + k, (uint16_t)(128 - k));
		sent += k;
	} while (k == 128);
	assert_int_equal(sent, 1023);
	while ((k = rx(&b, 0, p, 128)) > 0)
		release(&b, 0, p, k);
	nic_driver.stats(&a);
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	nic_driver.close(&a);
	nic_driver.close(&b);
	assert_int_equal(file_len(path), empty + sent * block);
	unlink(path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_fault_changes_nothing),
		cmocka_unit_test(test_faults_come_as_often_as_asked),
		cmocka_unit_test(test_the_largest_frame_is_duplicated),
		cmocka_unit_test(test_same_seed_same_fate),
		cmocka_unit_test(test_bursts_of_one),
		cmocka_unit_test(test_bursts_of_none),
		cmocka_unit_test(test_capture_keeps_what_was_sent),
	};

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
