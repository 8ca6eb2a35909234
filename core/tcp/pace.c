// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/pace.h"

#define QUANTUM_TIME MT_MS
#define QUANTUM_MAX  65536u
#define LATE_MAX     MT_MS

/* For an algorithm that has no rate of its own: its window in a round trip, and some more, so that
 * the rate does not bound what the window allows. */
static uint64_t window_rate(const struct tcb *t)
{
	uint32_t srtt = rtt_srtt_us(&t->rtt);
	uint64_t percent = t->cc.cwnd < t->cc.ssthresh ? 200 : 120;

	return srtt ? t->cc.cwnd * percent * 10000 / srtt : 0;
}

uint64_t pace_rate(const struct tcb *t)
{
	if (cc_ops(t)->pacing_rate)
		return window_pacing_rate(t);
	return t->cfg->pacing ? window_rate(t) : 0;
}

static mt_time quantum_time(const struct tcb *t, uint64_t rate, uint32_t more)
{
	uint64_t n = rate * QUANTUM_TIME / MT_SEC;

	if (n > QUANTUM_MAX)
		n = QUANTUM_MAX;
	if (n < 2 * mss_of(t))
		n = 2 * mss_of(t);
	return (n + more) * MT_SEC / rate;
}

void pace_hurry(struct tcb *t, mt_time now)
{
	uint64_t rate = pace_rate(t);

	if (rate)
		t->own->pace_at =
			mt_min(t->own->pace_at, now + quantum_time(t, rate, mss_of(t)));
}

void pace_sent(struct tcb *t, uint32_t len, mt_time now)
{
	uint64_t rate = pace_rate(t);

	if (!t->own) /* no memory for a schedule */
		return;
	if (now >= t->own->pace_at)
		t->xflags &= (uint16_t)~XF_PACE;
	if (rate == 0)
		return;
	if (t->own->pace_at + LATE_MAX < now)
		t->own->pace_at = now - LATE_MAX;
	t->own->pace_at += len * MT_SEC / rate;
	if (t->own->pace_at > now && t->own->pace_at - now >= quantum_time(t, rate, 0))
		t->xflags |= XF_PACE;
}
