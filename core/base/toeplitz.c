// SPDX-License-Identifier: BSD-3-Clause
#include "base/check.h"
#include "base/hash.h"

/* The first 320 bits of the fraction of the square root of 5: no period, half of the bits set.
 * Chosen among small roots because the low 12 bits of either port alone, IPv4 or IPv6, already
 * reach all RSS_RETA_LEN table entries equally often (test_base_hash.c), so that one client host is
 * enough to fill all queues. */
const uint8_t rss_default_key[RSS_KEY_LEN] = {
	0x3c, 0x6e, 0xf3, 0x72, 0xfe, 0x94, 0xf8, 0x2b, 0xe7, 0x39, 0x80, 0xc0, 0xb9, 0xdb,
	0x90, 0x68, 0x21, 0x04, 0x4e, 0xd7, 0xe7, 0x44, 0xe4, 0xa3, 0xf0, 0xd8, 0xd4, 0x23,
	0xa1, 0x83, 0x1d, 0x2a, 0x4e, 0xcf, 0xe1, 0x62, 0xa7, 0xa4, 0xf6, 0xfe,
};

/* 32 bits of the key from bit `at` on, the first bit being the most significant one of key[0]. */
static uint32_t key_window(const uint8_t key[RSS_KEY_LEN], unsigned at)
{
	const uint8_t *k = key + at / 8;
	uint64_t w = 0;

	for (unsigned i = 0; i < 5; i++)
		w = w << 8 | (at / 8 + i < RSS_KEY_LEN ? k[i] : 0u);
	return (uint32_t)(w >> (8 - at % 8));
}

void toeplitz_init(struct toeplitz *t, const uint8_t key[RSS_KEY_LEN])
{
	for (unsigned i = 0; i < 36; i++) {
		t->lut[i][0] = 0;
		/* Linear over GF(2): the entry of b is that of b without its top bit, plus that
		 * bit's. */
		for (unsigned bit = 0; bit < 8; bit++) {
			uint32_t w = key_window(key, i * 8 + 7 - bit);

			for (unsigned b = 0; b < 1u << bit; b++)
				t->lut[i][1u << bit | b] = t->lut[i][b] ^ w;
		}
	}
}

uint32_t toeplitz_hash(const struct toeplitz *t, const uint8_t *in, size_t len)
{
	uint32_t h = 0;

	check(len <= 36);
	for (size_t i = 0; i < len; i++)
		h ^= t->lut[i][in[i]];
	return h;
}
