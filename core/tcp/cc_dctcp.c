// SPDX-License-Identifier: BSD-3-Clause
/*
 * DCTCP (RFC 8257): Reno that answers the fraction of bytes marked in a window of data, not the
 * mark. The receiver's exact echo (3.2) is ecn.c's. alpha is in units of 2^-20, g = 1/16 (4.1).
 */
#include "tcp/cc.h"
#include "tcp/tcp.h"

#define ONE	(1u << 20)
#define SHIFT_G 4

static void dctcp_init(struct cc *cc)
{
	cc->acked = 0;
	cc->u.dctcp =
		(struct cc_dctcp_state){.alpha = ONE}; /* 3.3: the first mark counts in full */
}

/* alpha is a fraction, what is counted is bytes, and the echoes are of the other direction. */
static void dctcp_resize(struct cc *cc, uint32_t from)
{
	(void)cc;
	(void)from;
}

/* 3.3: once per window of data. */
static void dctcp_on_sample(struct cc *cc, const struct cc_ack *a)
{
	struct cc_dctcp_state *d = &cc->u.dctcp;
	uint32_t f;

	d->n_acked += a->n_acked;
	if (a->ece)
		d->n_marked += a->n_acked;
	if (d->n_acked <= d->window)
		return;
	f = (uint32_t)((uint64_t)d->n_marked * ONE / d->n_acked);
	/* Rounded up, else a small alpha would never fade. */
	d->alpha = d->alpha - ((d->alpha + (1u << SHIFT_G) - 1) >> SHIFT_G) + (f >> SHIFT_G);
	d->n_acked = d->n_marked = 0;
	d->window = a->flight > a->n_acked ? a->flight - a->n_acked : 0;
}

/* cwnd = cwnd * (1 - alpha / 2) */
static void dctcp_on_ece(struct cc *cc, uint32_t flight, mt_time now)
{
	uint32_t less = (uint32_t)((uint64_t)cc->cwnd * cc->u.dctcp.alpha / (2 * ONE));

	(void)flight;
	(void)now;
	cc->cwnd = cc->cwnd - less > 2 * cc->mss ? cc->cwnd - less : 2 * cc->mss;
	cc->ssthresh = cc->cwnd;
	cc->acked = 0;
}

const struct cc_ops cc_dctcp = {
	.name = "dctcp",
	.init = dctcp_init,
	.resize = dctcp_resize,
	.on_ack = cc_reno_on_ack,
	.on_loss = cc_reno_on_loss, /* 3.5: a loss is a loss */
	.on_rto = cc_reno_on_rto,
	.on_idle = cc_reno_on_idle,
	.on_ece = dctcp_on_ece,
	.on_sample = dctcp_on_sample,
	.ecn = CC_ECN_EXACT,
};
