// SPDX-License-Identifier: BSD-3-Clause
#include "base/csum.h"

#include <stdbool.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/check.h"
#include "base/inline.h"

/* The ones' complement sum does not depend on byte order nor on word size (RFC 1071 2(B), 2(C)):
 * words are added as they lie in memory, in pieces as large as there are, and only the fold goes
 * down to 16 bits. `copy` is known to the compiler: one text for summing, and for copying beside
 * it. */

/* The next 1, 2, 4 or 8 bytes. */
static ALWAYS_INLINE uint64_t step(uint8_t **to, const uint8_t **p, size_t n, bool copy)
{
	uint64_t w = 0;

	memcpy(&w, *p, n);
	*p += n;
	if (copy) {
		memcpy(*to, &w, n);
		*to += n;
	}
	return w;
}

#ifdef __SSE2__
#define BLOCK 64u
#define MANY  128u /* bytes; below it putting the lanes together costs more than they spare ... */
#define COPY  64u  /* ... unless they are copied, too */

static ALWAYS_INLINE __m128i lanes(uint8_t **to, const uint8_t **p, bool copy)
{
	const __m128i top = _mm_set1_epi16(INT16_MIN), one = _mm_set1_epi16(1);
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)*p);

	*p += sizeof(x);
	if (copy) {
		_mm_storeu_si128((__m128i *)(void *)*to, x);
		*to += sizeof(x);
	}
	return _mm_madd_epi16(_mm_xor_si128(x, top), one);
}

/* n > 0 of them. The processor adds signed words by pairs. With its top bit turned over a word is
 * 2^15 below itself; all words of a packet, summed so, fit 32 bits. */
static ALWAYS_INLINE uint64_t blocks(uint8_t **to, const uint8_t **p, size_t n, bool copy)
{
	const uint8_t *end = *p + n * BLOCK;
	__m128i a = _mm_setzero_si128(), b = a;

	do {
		a = _mm_add_epi32(a, lanes(to, p, copy));
		b = _mm_add_epi32(b, lanes(to, p, copy));
		a = _mm_add_epi32(a, lanes(to, p, copy));
		b = _mm_add_epi32(b, lanes(to, p, copy));
	} while (*p != end);
	a = _mm_add_epi32(a, b);
	a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4e)); /* halves exchanged */
	a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xb1)); /* and within each */
	return (uint64_t)((int64_t)(n * (BLOCK / 2) << 15) + _mm_cvtsi128_si32(a));
}
#endif

static ALWAYS_INLINE uint64_t sum_of(uint64_t sum, uint8_t *to, const uint8_t *p, size_t len,
				     bool copy)
{
	uint64_t other = 0, carries = 0, w;

#ifdef __SSE2__
	if (len >= (copy ? COPY : MANY)) {
		check(len <= UINT16_MAX);
		other = blocks(&to, &p, len / BLOCK, copy);
		len %= BLOCK;
		if (!len)
			return csum_add64(sum, other);
	}
#endif
	/* Carries are counted aside, so that neither of the two chains waits for more than one
	 * addition a word. */
	for (; len >= 16; len -= 16) {
		w = step(&to, &p, 8, copy);
		sum += w;
		carries += sum < w;
		w = step(&to, &p, 8, copy);
		other += w;
		carries += other < w;
	}
	sum = csum_add64(sum, other);
	if (len & 8)
		sum = csum_add64(sum, step(&to, &p, 8, copy));
	if (len & 4)
		sum = csum_add64(sum, step(&to, &p, 4, copy));
	if (len & 2)
		sum = csum_add64(sum, step(&to, &p, 2, copy));
	if (len & 1)
		sum = csum_add64(sum, step(&to, &p, 1, copy));
	return csum_add64(sum, carries);
}

uint64_t csum_add(uint64_t sum, const void *p, size_t len)
{
	return sum_of(sum, NULL, p, len, false);
}

uint64_t csum_copy(void *to, const void *p, size_t len)
{
	return sum_of(0, to, p, len, true);
}
