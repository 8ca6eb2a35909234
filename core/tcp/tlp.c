// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/tlp.h"
#include "tcp/ecn.h"

#define PTO_MIN (10 * MT_MS) /* what a busy peer and the wheel need on the shortest path */

static mt_time pto(const struct tcb *t)
{
	mt_time wait = 2 * rtt_srtt_us(&t->rtt) * MT_US;

	if (flight(t) < 2 * mss_of(t))
		wait += TLP_DELACK;
	return wait > PTO_MIN ? wait : PTO_MIN;
}

void tlp_schedule(struct tcb *t, mt_time now)
{
	uint32_t at;

	if ((t->xflags & XF_TLP) || (t->flags & TF_TLP_DUE) || t->phase != PHASE_OPEN ||
	    t->rtt.srtt_us8 == 0 || t->n_retries || syn_unacked(t) ||
	    (cold_of(t) && cold_of(t)->board.n))
		return;
	at = us_at(now + pto(t));
	if (!is_before(at, t->rxt_at_us))
		return;
	t->rxt_at_us = at;
	t->flags |= TF_PTO;
}

/* The last progress started the timer (RFC 6298 5.1, 5.3), bounded as in rxt_start; a clock that is
 * rounded down takes one more. */
void tlp_put_off(struct tcb *t, mt_time now)
{
	uint32_t ms = rto_ms(t), limit = user_timeout_ms(t);

	if (limit)
		ms = min_u32(ms, limit);
	t->rxt_at_us = (t->unacked_ms + 1 + ms) * 1000u;
	t->rxt_at_us += t->rxt_at_us == 0;
	t->flags &= ~(uint32_t)TF_PTO;
	tlp_schedule(t, now);
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

/* What was in flight when the segment was lost is long acknowledged. It was as much as the windows
 * let go: cwnd, which grows only as far as it is used (RFC 9438 4.6), and the peer's. */
static void reduce(struct tcb *t, mt_time now)
{
	if (!ecn_loss_is_news(t))
		return;
	window_on_loss(t, t->max_snd_wnd, now);
	undo_disarm(t); /* as in ecn_echo() */
	ecn_reduced_open(t);
}

bool tlp_ack(struct tcb *t, const struct tcp_seg *s, bool advanced, mt_time now)
{
	bool needless = (t->xflags & XF_TLP_AGAIN) && probe_was_needless(t, s);
	bool repaired = false;

	if (seq_lt(s->ack, t->tlp_end) && !needless) /* a hole below leaves it needless */
		return false;
	if ((t->xflags & XF_TLP_AGAIN) && !needless) {
		repaired = seq_gt(s->ack, t->tlp_end);
		/* Else both arrived, or the answer tells later. */
		if (!repaired && (advanced || (s->opts & TCPO_SACK)))
			return false;
	}
	t->xflags &= (uint16_t) ~(XF_TLP | XF_TLP_AGAIN);
	if (repaired && t->phase == PHASE_OPEN)
		reduce(t, now);
	return needless;
}
