/* SPDX-License-Identifier: BSD-3-Clause */
/* A histogram of durations with 128 buckets per doubling: percentiles within 0.8%. */
#ifndef SIM_HIST_H
#define SIM_HIST_H

#include <stdint.h>

#include "base/time.h"

#define HIST_SUB_BITS 7
#define HIST_BUCKETS  ((65 - HIST_SUB_BITS) << HIST_SUB_BITS)

struct hist {
	uint64_t n;
	mt_time max;
	uint64_t buckets[HIST_BUCKETS];
};

void hist_add(struct hist *, mt_time);
/* The least value that more than `share` of all are not above, for 1 the largest; 0 if there is
 * none. share: 0..1. */
mt_time hist_quantile(const struct hist *, double share);

#endif
