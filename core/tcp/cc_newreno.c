// SPDX-License-Identifier: BSD-3-Clause
/* NewReno's windows (RFC 5681 3, RFC 6582) with appropriate byte counting (RFC 3465). */
#include "tcp/cc.h"
#include "tcp/tcp.h"

static void newreno_init(struct cc *cc)
{
	cc->acked = 0;
}

void cc_reno_on_ack(struct cc *cc, const struct cc_ack *a)
{
	if (!a->cwnd_limited)
		return;
	cc->acked += cc_slow_start(cc, a->n_acked);
	if (cc->acked < cc->cwnd)
		return;
	/* RFC 3465 2.1: one segment per window acknowledged, and no more however much one ACK
	 * covers. */
	cc->acked -= cc->cwnd;
	if (cc->acked > cc->cwnd)
		cc->acked = cc->cwnd;
	if (cc->cwnd < CC_CWND_MAX)
		cc->cwnd += cc->mss;
}

void cc_reno_on_loss(struct cc *cc, uint32_t flight, mt_time now)
{
	(void)now;
	cc->ssthresh = cc_reduced(cc, flight, 1, 2);
	cc->cwnd = cc->ssthresh;
	cc->acked = 0;
}

void cc_reno_on_rto(struct cc *cc, uint32_t flight, mt_time now)
{
	cc_reno_on_loss(cc, flight, now);
	cc->cwnd = cc->mss; /* the loss window, RFC 5681 3.1 */
}

void cc_reno_on_idle(struct cc *cc, uint32_t init_cwnd, mt_time idle_since, mt_time now)
{
	(void)idle_since;
	(void)now;
	cc_restart(cc, init_cwnd);
}

const struct cc_ops cc_newreno = {
	.name = "reno",
	.init = newreno_init,
	.on_ack = cc_reno_on_ack,
	.on_loss = cc_reno_on_loss,
	.on_rto = cc_reno_on_rto,
	.on_idle = cc_reno_on_idle,
	.on_ece = cc_reno_on_loss,
	.plain_start = true,
};
