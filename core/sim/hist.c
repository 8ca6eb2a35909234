// SPDX-License-Identifier: BSD-3-Clause
#include "sim/hist.h"

/* A small value has its own bucket; of others the bits behind the leading one count. */
static unsigned bucket_of(mt_time v)
{
	unsigned shift = 0;

	while (v >> shift >= 2u << HIST_SUB_BITS)
		shift++;
	return (shift << HIST_SUB_BITS) + (unsigned)(v >> shift);
}

static mt_time upper_end(unsigned bucket)
{
	unsigned shift = bucket >> HIST_SUB_BITS;

	shift -= shift > 0;
	return ((mt_time)(bucket - (shift << HIST_SUB_BITS) + 1) << shift) - 1;
}

void hist_add(struct hist *h, mt_time v)
{
	h->n++;
	h->max = v > h->max ? v : h->max;
	h->buckets[bucket_of(v)]++;
}

mt_time hist_quantile(const struct hist *h, double share)
{
	uint64_t want = (uint64_t)(share * (double)h->n), seen = 0;
	unsigned i = 0;

	if (h->n == 0)
		return 0;
	if (want >= h->n)
		return h->max;
	while ((seen += h->buckets[i]) <= want)
		i++;
	return mt_min(upper_end(i), h->max);
}
