// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/tlp.h"

#define PTO_MIN_US                                                                                 \
	10000u /* what a busy peer and the timing wheel need even on the shortest path             \
		*/
#define WORST_DELACK 200000u /* TLP.max_ack_delay */

/* The peer may wait with its ACK for a second full segment (RFC 5681 4.2). */
static uint32_t pto_us(const struct tcb *t)
{
	uint32_t us = 2 * rtt_srtt_us(&t->rtt);

	if (flight(t) < 2 * t->cc.mss)
		us += WORST_DELACK;
	return max_u32(us, PTO_MIN_US);
}

void tlp_schedule(struct tcb *t, mt_time now)
{
	mt_time at;

	if ((t->xflags & XF_TLP) || (t->flags & TF_TLP_DUE) || t->phase != PHASE_OPEN ||
	    t->rtt.srtt_us8 == 0 || t->n_retries || syn_unacked(t))
		return;
	at = now + pto_us(t) * MT_US;
	if (at >= t->rxt_at)
		return;
	t->rxt_at = at;
	t->flags |= TF_PTO;
}

void tlp_fired(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	ev->flags |= TCP_EV_TLP;
	t->flags |= TF_TLP_DUE; /* no further one: the retransmission timer's turn */
	timer_rto(t, now);
}

void tlp_sent(struct tcb *t, bool again)
{
	t->flags &= ~(uint32_t)TF_TLP_DUE;
	t->flags |= TF_HOLES;
	t->xflags |= again ? XF_TLP | XF_TLP_AGAIN : XF_TLP;
	t->tlp_end = t->snd_nxt;
}

/* The D-SACK says that the original of the probe had arrived. */
static bool probe_was_needless(const struct tcb *t, const struct tcp_seg *s)
{
	return sack_is_dsack(s) && seq_eq(s->sack[0].end, t->tlp_end);
}

bool tlp_ack(struct tcb *t, const struct tcp_seg *s, bool advanced, mt_time now)
{
	bool repaired = false;

	if (seq_lt(s->ack, t->tlp_end))
		return false;
	if ((t->xflags & XF_TLP_AGAIN) && !probe_was_needless(t, s)) {
		repaired = seq_gt(s->ack, t->tlp_end);
		/* Else both arrived, or the answer tells later. */
		if (!repaired && (advanced || (s->opts & TCPO_SACK)))
			return false;
	}
	t->xflags &= (uint16_t) ~(XF_TLP | XF_TLP_AGAIN);
	if (repaired && t->phase == PHASE_OPEN)
		t->cc.ops->on_loss(&t->cc, flight(t), now);
	return repaired;
}
