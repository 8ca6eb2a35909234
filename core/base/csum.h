/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071). */
#ifndef BASE_CSUM_H
#define BASE_CSUM_H

#include <stddef.h>
#include <stdint.h>

/* Sum of two unfolded sums, with end-around carry. */
static inline uint64_t csum_add64(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* Adds the 16-bit words at p, as they lie in memory, to an unfolded sum. Pieces may be added in any
 * order and alignment, but only the last piece of a packet may have an odd length (padded with
 * zero). len: at most 65535. */
uint64_t csum_add(uint64_t sum, const void *p, size_t len);
/* Copies like memcpy, at most 65535 bytes, and is their sum: a copy that costs nothing beside it.
 */
uint64_t csum_copy(void *to, const void *p, size_t len);
/* The sum of what follows an odd number of bytes. */
static inline uint64_t csum_behind_odd(uint64_t sum)
{
	return sum << 8 | sum >> 56;
}

/* The checksum field as its two bytes lie in the packet: store it with memcpy. 0 over data that
 * hold a correct checksum. A word added to itself with its halves swapped has both halves' sum,
 * end-around carry included, in its upper half. */
static inline uint16_t csum_fold(uint64_t sum)
{
	uint32_t half;

	sum += sum << 32 | sum >> 32;
	half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t) ~(half >> 16);
}

#endif
