/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Histogram of durations: log-linear buckets, 128 to the octave, so a reported value is within 0.4%
 * of a recorded one; bounded memory (33 KiB), no allocation. One thread records; merge when it has
 * ended.
 */
#ifndef APPS_HDR_H
#define APPS_HDR_H

#include <stdint.h>

#define HDR_SUB_BITS 7
#define HDR_MAX_BITS 39 /* values above 2^39 - 1 (9 minutes in ns) count as that */
#define HDR_BUCKETS  ((HDR_MAX_BITS - HDR_SUB_BITS + 1) << HDR_SUB_BITS)

struct hdr {
	uint64_t n, sum, min, max; /* min and max are exact (below the limit) */
	uint64_t count[HDR_BUCKETS];
};

void hdr_reset(struct hdr *);
void hdr_record(struct hdr *, uint64_t value);
void hdr_merge(struct hdr *into, const struct hdr *from);
/* The value below or at which the fraction q (0..1) of the recorded values lies; 0 if there is
 * none. */
uint64_t hdr_quantile(const struct hdr *, double q);
/* What the values in count[bucket] are taken for: its middle, where that lies within what was
 * recorded. */
uint64_t hdr_value(const struct hdr *, unsigned bucket);
double hdr_mean(const struct hdr *);

#endif
