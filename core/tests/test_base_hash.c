// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "seed.h"

static uint64_t seed;
static struct toeplitz t; /* 36 KB */

/* Of the 64 vectors that Aumasson & Bernstein publish with the reference code (key 00..0f, input
 * 00..n-1): all lengths of a last word, both sides of the word boundaries, and the longest. */
static void siphash_vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t want;
	} v[] = {
		{0, 0x726fdb47dd0e0e31u},  {1, 0x74f839c593dc67fdu},  {2, 0x0d6c8009d9a94f5au},
		{3, 0x85676696d7fb7e2du},  {4, 0xcf2794e0277187b7u},  {5, 0x18765564cd99a68du},
		{6, 0xcbc9466e58fee3ceu},  {7, 0xab0200f58b01d137u},  {8, 0x93f5f5799a932462u},
		{9, 0x9e0082df0ba9e4b0u},  {14, 0xf723ca908e7af2eeu}, {15, 0xa129ca6149be45e5u},
		{16, 0x3f2acc7f57c29bdbu}, {63, 0x958a324ceb064572u},
	};
	const struct siphash_key k = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	uint8_t in[65];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_true(siphash(&k, in, v[i].len) == v[i].want);
	/* Unaligned input. */
	memmove(in + 1, in, 63);
	assert_true(siphash(&k, in + 1, 63) == 0x958a324ceb064572u);
}

/* Key and values of Microsoft's "Verifying the RSS Hash Calculation". */
static const uint8_t microsoft_key[RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static void toeplitz_v4_vectors(void **state)
{
	static const struct {
		uint8_t in[12];
		uint32_t addrs, all;
	} v[] = {
		{{66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea, 0x06, 0xe6},
		 0x323e8fc2u,
		 0x51ccc178u},
		{{199, 92, 111, 2, 65, 69, 140, 83, 0x37, 0x96, 0x12, 0x83},
		 0xd718262au,
		 0xc626b0eau},
		{{24, 19, 198, 95, 12, 22, 207, 184, 0x32, 0x62, 0x94, 0x88},
		 0xd2d0a5deu,
		 0x5c2b394au},
		{{38, 27, 205, 30, 209, 142, 163, 6, 0xbc, 0x64, 0x08, 0xa9},
		 0x82989176u,
		 0xafc7327fu},
		{{153, 39, 163, 191, 202, 188, 127, 2, 0xac, 0xdb, 0x05, 0x17},
		 0x5d1809c5u,
		 0x10e828a2u},
	};

	(void)state;
	toeplitz_init(&t, microsoft_key);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_int_equal(toeplitz_hash(&t, v[i].in, 8), v[i].addrs);
		assert_int_equal(toeplitz_hash(&t, v[i].in, 12), v[i].all);
	}
}

static void toeplitz_v6_vector(void **state)
{
	/* 3ffe:2501:200:1fff::7 port 2794 to 3ffe:2501:200:3::1 port 1766 */
	static const uint8_t in[36] = {
		0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x07, /* */
		0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, 0, 0, 0, 0, 0, 0, 0, 0x01, /* */
		0x0a, 0xea, 0x06, 0xe6,
	};

	(void)state;
	toeplitz_init(&t, microsoft_key);
	assert_int_equal(toeplitz_hash(&t, in, 32), 0x2cc18cd5u);
	assert_int_equal(toeplitz_hash(&t, in, 36), 0x40207d3du);
}

/* Fills of n queues: the fullest against the mean, for `flows` flows made by next(). */
static double imbalance(uint16_t n, int flows, void (*next)(struct rng *, int i, uint8_t in[12]))
{
	uint32_t count[16] = {0}, max = 0;
	struct rng r;

	rng_seed(&r, seed);
	for (int i = 0; i < flows; i++) {
		uint8_t in[12];
		uint16_t q;

		next(&r, i, in);
		q = rss_queue(toeplitz_hash(&t, in, sizeof(in)), n);
		assert_true(q < n);
		if (++count[q] > max)
			max = count[q];
	}
	return (double)max * n / flows;
}

static void random_flow(struct rng *r, int i, uint8_t in[12])
{
	(void)i;
	for (int k = 0; k < 12; k++)
		in[k] = (uint8_t)rng_next(r);
}

/* 10.0.0.1 to port 80 of 10.0.0.2, source ports in order from 1024. */
static void one_client(struct rng *r, int i, uint8_t in[12])
{
	static const uint8_t head[8] = {10, 0, 0, 1, 10, 0, 0, 2};
	int port = 1024 + i;

	(void)r;
	memcpy(in, head, sizeof(head));
	in[8] = (uint8_t)(port >> 8);
	in[9] = (uint8_t)port;
	in[10] = 0;
	in[11] = 80;
}

/* The same as the server's replies: the varying port is the destination's. */
static void one_server(struct rng *r, int i, uint8_t in[12])
{
	uint8_t port[2];

	one_client(r, i, in);
	memcpy(port, in + 8, 2);
	memcpy(in + 8, in + 10, 2);
	memcpy(in + 10, port, 2);
}

static void queues_fill_evenly(void **state)
{
	(void)state;
	toeplitz_init(&t, rss_default_key);
	for (uint16_t n = 1; n <= 16; n++) {
		assert_true(imbalance(n, 100000, random_flow) <= 1.1);
		assert_true(imbalance(n, 64511, one_client) <= 1.1);
		assert_true(imbalance(n, 64511, one_server) <= 1.1);
		assert_true(imbalance(n, 8192, one_client) <= 1.1);
	}
}

/* Of `n` bits of input beginning at bit `at`, how many independent ones reach the table index. */
static unsigned index_rank(unsigned at, unsigned n)
{
	uint32_t basis[32] = {0};
	unsigned rank = 0;

	for (unsigned bit = at; bit < at + n; bit++) {
		uint32_t v = t.lut[bit / 8][0x80u >> bit % 8] & (RSS_RETA_LEN - 1);

		for (int k = 31; k >= 0 && v != 0; k--) {
			if (!(v >> k & 1))
				continue;
			if (basis[k] == 0) {
				basis[k] = v;
				rank++;
				break;
			}
			v ^= basis[k];
		}
	}
	return rank;
}

/* The property for which the key was chosen: 2^12 successive ports meet every table entry equally
 * often. */
static void key_spreads_ports(void **state)
{
	static const unsigned port_at[] = {64, 80, 256, 272}; /* bit of each port, IPv4 and IPv6 */

	(void)state;
	toeplitz_init(&t, rss_default_key);
	for (size_t i = 0; i < sizeof(port_at) / sizeof(port_at[0]); i++)
		assert_int_equal(index_rank(port_at[i] + 4, 12), 9);
}

static bool repeats(const uint8_t *key, unsigned period)
{
	for (unsigned b = 0; b + period < 8 * RSS_KEY_LEN; b++) {
		unsigned c = b + period;

		if ((key[b / 8] >> (7 - b % 8) & 1) != (key[c / 8] >> (7 - c % 8) & 1))
			return false;
	}
	return true;
}

static void key_is_dense_and_aperiodic(void **state)
{
	int ones = 0;

	(void)state;
	for (int i = 0; i < RSS_KEY_LEN; i++)
		ones += __builtin_popcount(rss_default_key[i]);
	assert_in_range(ones, 140, 180);
	for (unsigned period = 1; period <= 160; period++)
		assert_false(repeats(rss_default_key, period));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_vectors),    cmocka_unit_test(toeplitz_v4_vectors),
		cmocka_unit_test(toeplitz_v6_vector), cmocka_unit_test(queues_fill_evenly),
		cmocka_unit_test(key_spreads_ports),  cmocka_unit_test(key_is_dense_and_aperiodic),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
