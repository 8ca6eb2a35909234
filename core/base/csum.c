// SPDX-License-Identifier: BSD-3-Clause
#include "base/csum.h"

#include <string.h>

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
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
	sum = csum_add64(sum, other);
	if (len & 8) {
		sum = csum_add64(sum, load64(p));
		p += 8;
	}
	if (len & 4) {
		memcpy(&w4, p, 4);
		sum = csum_add64(sum, w4);
		p += 4;
	}
	if (len & 2) {
		memcpy(&w2, p, 2);
		sum = csum_add64(sum, w2);
		p += 2;
	}
	if (len & 1) {
		w2 = 0;
		memcpy(&w2, p, 1);
		sum = csum_add64(sum, w2);
	}
	return csum_add64(sum, carries);
}
