// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/window.h"
#include "base/num.h"
#include "tcp/internal.h"

static void enter(struct cc *cc, const struct tcb *t)
{
	cc->cwnd = t->cc.cwnd;
	cc->ssthresh = t->cc.ssthresh;
	cc->mss = t->cc.mss;
}

/* The algorithm's view for one call: *tmp, as new, where there is no memory for more. */
static struct cc *view(const struct tcb *t, struct cc *tmp)
{
	struct cc *cc = t->own ? &t->own->cc : tmp;

	if (!t->own) {
		*tmp = (struct cc){.ops = t->cfg->cc};
		enter(tmp, t);
		tmp->ops->init(tmp);
	}
	enter(cc, t);
	return cc;
}

static void leave(struct tcb *t, const struct cc *cc)
{
	t->cc.cwnd = cc->cwnd;
	t->cc.ssthresh = cc->ssthresh;
	t->cc.mss = (uint16_t)cc->mss;
}

void window_init(struct tcb *t, uint32_t mss, uint8_t init_cwnd_segs)
{
	if (t->own) {
		cc_init(&t->own->cc, cc_ops(t), mss, init_cwnd_segs);
		if (cc_ops(t)->cold && t->own->cold) { /* it came before the handshake was over */
			t->own->cc.u.cold = &t->own->cold->cc;
			cc_ops(t)->init(&t->own->cc);
		}
		leave(t, &t->own->cc);
		return;
	}
	t->cc.cwnd = cc_initial_window(mss, init_cwnd_segs);
	t->cc.ssthresh = UINT32_MAX;
	t->cc.mss = (uint16_t)mss;
}

void window_set_mss(struct tcb *t, uint32_t mss)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc_set_mss(cc, mss);
	leave(t, cc);
}

void window_on_ack(struct tcb *t, const struct cc_ack *a)
{
	struct cc *cc = &t->own->cc;

	cc->cwnd = t->cc.cwnd;
	cc->ssthresh = t->cc.ssthresh;
	cc->ops->on_ack(cc, a);
	t->cc.cwnd = cc->cwnd;
	t->cc.ssthresh = cc->ssthresh;
}

void window_on_sample(struct tcb *t, const struct cc_ack *a)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc->ops->on_sample(cc, a);
	leave(t, cc);
}

void window_on_loss(struct tcb *t, uint32_t in_flight, mt_time now)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc->ops->on_loss(cc, in_flight, now);
	leave(t, cc);
}

void window_on_rto(struct tcb *t, mt_time now)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc->ops->on_rto(cc, flight(t), now);
	leave(t, cc);
}

void window_on_ece(struct tcb *t, uint32_t before, mt_time now)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc->ops->on_ece(cc, before, now);
	leave(t, cc);
}

void window_on_idle(struct tcb *t, mt_time idle_since, mt_time now)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc->ops->on_idle(cc, cc_initial_window(mss_of(t), t->cfg->init_cwnd), idle_since, now);
	leave(t, cc);
}

void window_handover(struct tcb *t)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc->ops->handover(cc);
	leave(t, cc);
}

uint64_t window_pacing_rate(const struct tcb *t)
{
	struct cc tmp, *cc = view(t, &tmp);

	return cc->ops->pacing_rate(cc, &t->rtt);
}

void window_undo(struct tcb *t, const struct cc *before)
{
	struct cc tmp, *cc = view(t, &tmp);

	cc_undo(cc, before);
	leave(t, cc);
}

struct cc window_now(const struct tcb *t)
{
	struct cc tmp;

	return *view(t, &tmp);
}
