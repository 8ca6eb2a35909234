// SPDX-License-Identifier: BSD-3-Clause
#include <endian.h>
#include <string.h>

#include "base/hash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

uint64_t siphash(const struct siphash_key *k, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct sip s = {
		.v0 = k->k0 ^ 0x736f6d6570736575u,
		.v1 = k->k1 ^ 0x646f72616e646f6du,
		.v2 = k->k0 ^ 0x6c7967656e657261u,
		.v3 = k->k1 ^ 0x7465646279746573u,
	};
	uint64_t m = (uint64_t)len << 56; /* the last word carries the length modulo 256 */
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		uint64_t w;

		memcpy(&w, p, 8);
		sip_word(&s, le64toh(w));
	}
	for (size_t i = 0; i < left; i++)
		m |= (uint64_t)p[i] << 8 * i;
	sip_word(&s, m);

	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
