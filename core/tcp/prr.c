// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/prr.h"

#include "base/num.h"

void prr_start(struct prr *p, uint32_t flight)
{
	*p = (struct prr){.recover_fs = flight > 0 ? flight : 1};
}

static uint32_t minus(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

/* While more is in flight than shall be: sent to delivered as ssthresh to what there was. */
static uint32_t proportional(const struct prr *p, uint32_t ssthresh)
{
	uint64_t may = ((uint64_t)p->delivered * ssthresh + p->recover_fs - 1) / p->recover_fs;

	return may > p->out ? (uint32_t)(may - p->out) : 0;
}

/* Further losses have emptied the pipe: back up to ssthresh, no faster than data is delivered, or a
 * segment per ACK faster. */
static uint32_t bounded(const struct prr *p, const struct prr_ack *a)
{
	uint32_t limit = minus(p->delivered, p->out);

	if (limit < a->delivered)
		limit = a->delivered;
	if (a->safe)
		limit += a->mss;
	return min_u32(a->ssthresh - a->pipe, limit);
}

uint32_t prr_allow(struct prr *p, const struct prr_ack *a)
{
	uint32_t n;

	p->delivered += a->delivered;
	n = a->pipe > a->ssthresh ? proportional(p, a->ssthresh) : bounded(p, a);
	if (n < a->mss && p->out == 0) /* the fast retransmit itself */
		n = a->mss;
	return n;
}

void prr_sent(struct prr *p, uint32_t n)
{
	p->out += n;
}
