// SPDX-License-Identifier: BSD-3-Clause
#include "hdr.h"

#include <math.h>
#include <string.h>

#define SUB_COUNT (1u << HDR_SUB_BITS)
#define MAX_VALUE ((UINT64_C(1) << HDR_MAX_BITS) - 1)

void hdr_reset(struct hdr *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* Values below SUB_COUNT have a bucket each; then each octave is cut into SUB_COUNT buckets of one
 * width. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < SUB_COUNT)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HDR_SUB_BITS;
	return ((shift + 1) << HDR_SUB_BITS) + (unsigned)(value >> shift) - SUB_COUNT;
}

static uint64_t middle_of(unsigned bucket)
{
	unsigned octave = bucket >> HDR_SUB_BITS;
	uint64_t sub = bucket & (SUB_COUNT - 1);

	if (octave == 0)
		return sub;
	return ((SUB_COUNT + sub) << (octave - 1)) + ((UINT64_C(1) << (octave - 1)) >> 1);
}

uint64_t hdr_value(const struct hdr *h, unsigned bucket)
{
	uint64_t middle = middle_of(bucket);

	return middle < h->min ? h->min : middle > h->max ? h->max : middle;
}

void hdr_record(struct hdr *h, uint64_t value)
{
	if (value > MAX_VALUE)
		value = MAX_VALUE;
	h->count[bucket_of(value)]++;
	h->n++;
	h->sum += value;
	if (value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
}

void hdr_merge(struct hdr *into, const struct hdr *from)
{
	for (unsigned i = 0; i < HDR_BUCKETS; i++)
		into->count[i] += from->count[i];
	into->n += from->n;
	into->sum += from->sum;
	if (from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t hdr_quantile(const struct hdr *h, double q)
{
	uint64_t rank, seen = 0;

	if (h->n == 0)
		return 0;
	rank = (uint64_t)ceil(q * (double)h->n);
	if (rank < 1)
		rank = 1;
	if (rank >= h->n)
		return h->max;
	for (unsigned i = 0; i < HDR_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= rank)
			return hdr_value(h, i);
	}
	return h->max;
}

double hdr_mean(const struct hdr *h)
{
	return h->n == 0 ? 0 : (double)h->sum / (double)h->n;
}
