// SPDX-License-Identifier: BSD-3-Clause
/* HyStart++ (RFC 9406): slow start ends when the round trip grows, before the queue overflows. */
#include "base/num.h"
#include "tcp/cc.h"

#define MIN_THRESH_US 4000u /* 4.2 */
#define MAX_THRESH_US 16000u
#define RTT_DIVISOR   8u
#define N_SAMPLES     8u
#define CSS_DIVISOR   4u
#define CSS_ROUNDS    5u

/* Grown by this much since the last round, a queue has begun to build. */
static uint32_t threshold_us(uint32_t last_us)
{
	uint32_t us = last_us / RTT_DIVISOR;

	if (us < MIN_THRESH_US)
		return MIN_THRESH_US;
	return min_u32(us, MAX_THRESH_US);
}

static void next_round(struct cc_hystart *h, const struct cc_ack *a)
{
	h->left = a->flight > a->n_acked ? a->flight - a->n_acked : 0;
	h->last_us = h->min_us;
	h->min_us = 0;
	h->n_samples = 0;
	if (h->css)
		h->n_rounds++;
}

static void look(struct cc_hystart *h)
{
	if (h->n_samples < N_SAMPLES)
		return;
	if (!h->css && h->last_us && h->min_us >= h->last_us + threshold_us(h->last_us)) {
		h->css = true;
		h->n_rounds = 0;
		h->baseline_us = h->min_us;
	} else if (h->css && h->min_us < h->baseline_us) {
		h->css = false; /* it was jitter */
	}
}

bool cc_hystart(struct cc *cc, struct cc_hystart *h, const struct cc_ack *a)
{
	uint32_t most = min_u32(a->n_acked, CC_SLOW_START_SEGS * cc->mss);

	if (a->n_acked > h->left)
		next_round(h, a);
	else
		h->left -= a->n_acked;
	if (a->rtt_us) {
		h->min_us = h->min_us ? min_u32(h->min_us, a->rtt_us) : a->rtt_us;
		if (h->n_samples < N_SAMPLES)
			h->n_samples++;
		look(h);
	}
	if (a->cwnd_limited)
		cc_slow_start(cc, h->css ? most / CSS_DIVISOR : most);
	if (!h->css || h->n_rounds < CSS_ROUNDS)
		return false;
	cc->ssthresh = cc->cwnd;
	return true;
}
