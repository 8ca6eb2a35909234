// SPDX-License-Identifier: BSD-3-Clause
/* Scalable TCP (Kelly, CCR 2003): a hundredth of what is acknowledged, an eighth per loss. */
#include "tcp/cc.h"
#include "tcp/tcp.h"

#define GROWTH 100u

static void scalable_init(struct cc *cc)
{
	cc->acked = 0;
}

static void scalable_on_ack(struct cc *cc, const struct cc_ack *a)
{
	if (!a->cwnd_limited)
		return;
	cc->acked += cc_slow_start(cc, a->n_acked);
	if (cc->cwnd < CC_CWND_MAX)
		cc->cwnd += cc->acked / GROWTH;
	cc->acked %= GROWTH;
}

static void scalable_on_loss(struct cc *cc, uint32_t flight, mt_time now)
{
	(void)now;
	cc->ssthresh = cc_reduced(cc, flight, 7, 8);
	cc->cwnd = cc->ssthresh;
	cc->acked = 0;
}

static void scalable_on_rto(struct cc *cc, uint32_t flight, mt_time now)
{
	scalable_on_loss(cc, flight, now);
	cc->cwnd = cc->mss;
}

const struct cc_ops cc_scalable = {
	.name = "scalable",
	.init = scalable_init,
	.on_ack = scalable_on_ack,
	.on_loss = scalable_on_loss,
	.on_rto = scalable_on_rto,
	.on_idle = cc_reno_on_idle,
	.on_ece = scalable_on_loss,
};
