// SPDX-License-Identifier: BSD-3-Clause
#include <endian.h>
#include <string.h>

#include "wire/wire.h"

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* End-around carry. */
static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* The ones' complement sum does not depend on byte order nor on word size (RFC 1071 2(B), 2(C)):
 * words are added as they lie in memory, eight bytes at a time, and only the fold goes down to 16
 * bits. Carries are counted aside, so that neither of the two chains waits for more than one
 * addition a word. */
uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t other = 0, carries = 0, w;
	uint32_t w4;
	uint16_t w2 = 0;

	for (; len >= 16; len -= 16, p += 16) {
		w = load64(p);
		sum += w;
		carries += sum < w;
		w = load64(p + 8);
		other += w;
		carries += other < w;
	}
	sum = add_carry(sum, other);
	if (len & 8) {
		sum = add_carry(sum, load64(p));
		p += 8;
	}
	if (len & 4) {
		memcpy(&w4, p, 4);
		sum = add_carry(sum, w4);
		p += 4;
	}
	if (len & 2) {
		memcpy(&w2, p, 2);
		sum = add_carry(sum, w2);
		p += 2;
	}
	if (len & 1) {
		w2 = 0;
		memcpy(&w2, p, 1);
		sum = add_carry(sum, w2);
	}
	return add_carry(sum, carries);
}

/* The prefix ::ffff of a mapped IPv4 address adds 0xffff, which is zero in ones' complement, so the
 * pseudo header of RFC 8200 8.1 over mapped addresses has the sum of the one of RFC 9293 3.1. */
uint64_t csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
		     uint16_t len)
{
	uint64_t sum = (uint64_t)htobe16(proto) + htobe16(len);

	sum += (uint64_t)src->w[0] + src->w[1] + src->w[2] + src->w[3];
	return sum + dst->w[0] + dst->w[1] + dst->w[2] + dst->w[3];
}

/* A word added to itself with its halves swapped has both halves' sum, end-around carry included,
 * in its upper half. */
uint16_t csum_fold(uint64_t sum)
{
	uint32_t half;

	sum += sum << 32 | sum >> 32;
	half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t) ~(half >> 16);
}
