// SPDX-License-Identifier: BSD-3-Clause
/* Checksums that are left to the device: nobody computes them on a wire in memory, unless the other
 * end, a capture or a fault looks at them. */
#include <stdlib.h>
#include <unistd.h>

#include "nic_segment.h"

static void open_ends(struct nic *a, struct nic *b, const char *to, bool b_takes_partial)
{
	struct nic_params pa = small("ring:c:0", 1), pb = small(to, 1);

	pa.csum_offload = true;
	pb.csum_offload = b_takes_partial;
	open_ok(&pa, a);
	open_ok(&pb, b);
	assert_true(a->tx_csum);
	assert_int_equal(b->tx_csum, b_takes_partial);
}

static void send(struct nic *n, enum shape shape, uint16_t n_data, uint16_t flags)
{
	struct nic_pkt p;

	assert_int_equal(alloc(n, 0, &p, 1), 1);
	p.len = segment(p.data, shape, n_data, !(flags & NIC_TX_L4_CSUM));
	p.flags = flags;
	assert_int_equal(tx(n, 0, &p, 1), 1);
}

static void close_ends(struct nic *a, struct nic *b)
{
	nic_driver.close(a);
	nic_driver.close(b);
}

static void test_flags_say_what_was_asked(void **state)
{
	uint16_t sound = NIC_RX_IP_CSUM_OK | NIC_RX_L4_CSUM_OK;
	uint8_t partial[200];
	struct nic_pkt p;
	struct nic a, b;

	(void)state;
	open_ends(&a, &b, "ring:c:1", true);
	for (enum shape s = V4; s < N_SHAPES; s++) {
		uint16_t len = segment(partial, s, 33, false);

		send(&a, s, 33, NIC_TX_L4_CSUM);
		assert_int_equal(rx(&b, 0, &p, 1), 1);
		assert_int_equal(p.flags, sound);
		assert_memory_equal(p.data, partial, len);
		release(&b, 0, &p, 1);
		send(&a, s, 33, 0); /* a buffer that was used before keeps nothing of it */
		assert_int_equal(rx(&b, 0, &p, 1), 1);
		assert_int_equal(p.flags, 0);
		release(&b, 0, &p, 1);
	}
	close_ends(&a, &b);
}

static void test_completed_for_an_end_that_verifies(void **state)
{
	uint8_t full[200];
	struct nic_pkt p;
	struct nic a, b;

	(void)state;
	open_ends(&a, &b, "ring:c:1", false);
	for (enum shape s = V4; s < N_SHAPES; s++) {
		for (uint16_t n_data = 0; n_data < 70; n_data++) {
			uint16_t len = segment(full, s, n_data, true);

			send(&a, s, n_data, NIC_TX_L4_CSUM);
			assert_int_equal(rx(&b, 0, &p, 1), 1);
			assert_int_equal(p.flags, 0);
			assert_int_equal(p.len, len);
			assert_memory_equal(p.data, full, len);
			release(&b, 0, &p, 1);
		}
	}
	close_ends(&a, &b);
}

/* Whatever bit was flipped: right but for that bit, and no longer vouched for. */
static void test_a_fault_meets_a_real_checksum(void **state)
{
	uint8_t full[200];
	struct nic_pkt p;
	struct nic a, b;

	(void)state;
	open_ends(&a, &b, "fault:corrupt=1/ring:c:1", true);
	for (unsigned i = 0; i < 2000; i++) {
		enum shape s = (enum shape)(i % N_SHAPES);
		uint16_t len = segment(full, s, 64, true);
		unsigned wrong = 0;

		send(&a, s, 64, NIC_TX_L4_CSUM);
		assert_int_equal(rx(&b, 0, &p, 8), 1);
		assert_int_equal(p.flags, 0);
		for (uint16_t at = 0; at < len; at++)
			wrong += (unsigned)__builtin_popcount(p.data[at] ^ full[at]);
		assert_int_equal(wrong, 1);
		release(&b, 0, &p, 1);
	}
	close_ends(&a, &b);
}

/* Both captures of a wire, sent and received, hold the frames as a wire would carry them. */
static void captured(bool at_sender)
{
	char path[] = "/tmp/mtcp-csum-XXXXXX";
	struct nic_params pa = small("ring:c:0", 1), pb = small("ring:c:1", 1);
	uint8_t file[4096], full[200];
	struct nic_pkt p;
	struct nic a, b;
	size_t n;
	FILE *f;

	assert_int_equal(close(mkstemp(path)), 0);
	pa.csum_offload = pb.csum_offload = true;
	*(at_sender ? &pa.capture : &pb.capture) = path;
	open_ok(&pa, &a);
	open_ok(&pb, &b);
	for (enum shape s = V4; s < N_SHAPES; s++) {
		send(&a, s, 64, NIC_TX_L4_CSUM);
		assert_int_equal(rx(&b, 0, &p, 1), 1);
		release(&b, 0, &p, 1);
	}
	close_ends(&a, &b);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(file, 1, sizeof file, f);
	fclose(f);
	unlink(path);
	for (enum shape s = V4; s < N_SHAPES; s++)
		assert_non_null(memmem(file, n, full, segment(full, s, 64, true)));
}

static void test_captures_are_complete(void **state)
{
	(void)state;
	captured(true);
	captured(false);
}

/* What asks for a completion without being a whole segment stays as it is. */
static void test_nothing_to_complete(void **state)
{
	static const uint16_t lens[] = {0, 13, 14, 17, 18, 33, 34, 53, 54, 85};
	struct nic_pkt p, q;
	struct nic a, b;

	(void)state;
	open_ends(&a, &b, "ring:c:1", false);
	for (enum shape s = V4; s < N_SHAPES; s++) {
		for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
			uint8_t before[200];

			assert_int_equal(alloc(&a, 0, &p, 1), 1);
			segment(p.data, s, 40, false);
			memcpy(before, p.data, sizeof before);
			p.len = lens[i];
			p.flags = NIC_TX_L4_CSUM;
			assert_int_equal(tx(&a, 0, &p, 1), 1);
			assert_int_equal(rx(&b, 0, &q, 1), 1);
			assert_memory_equal(q.data, before, sizeof before);
			release(&b, 0, &q, 1);
		}
	}
	close_ends(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags_say_what_was_asked),
		cmocka_unit_test(test_completed_for_an_end_that_verifies),
		cmocka_unit_test(test_a_fault_meets_a_real_checksum),
		cmocka_unit_test(test_captures_are_complete),
		cmocka_unit_test(test_nothing_to_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
