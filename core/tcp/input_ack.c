// SPDX-License-Identifier: BSD-3-Clause
/* Fifth step: the ACK field. */
#include <errno.h>

#include "tcp/arrival.h"
#include "tcp/ecn.h"
#include "tcp/internal.h"
#include "tcp/pace.h"
#include "tcp/recovery.h"
#include "tcp/tlp.h"

/* By the times of transmission: of the newest byte this ACK tells of, if it was sent once. */
static uint32_t newest_rtt(const struct tcb *t, mt_time now)
{
	const struct tcp_cold *c = cold_of(t);

	if (!c || !c->xmit.ack_any || c->xmit.newest.again)
		return 0;
	return us_of(now) - c->xmit.newest.s.at_us;
}

void ack_grow_own(struct tcb *t, uint32_t n_acked, uint32_t before, mt_time now)
{
	window_on_ack(t, &(struct cc_ack){
				 .n_acked = n_acked,
				 .flight = before,
				 .cwnd_limited = ack_limited(t),
				 .rtt_us = t->cc.cwnd < t->cc.ssthresh ? newest_rtt(t, now) : 0,
				 .rtt = &t->rtt,
				 .now = now,
			 });
}

/* What this ACK says of the rate of delivery; false: nothing. */
static bool take_rate(const struct arrival *a, struct cc_rate *r)
{
	const struct tcp_cold *c = cold_of(a->t);
	const struct xmit_stamp *s;
	uint32_t sent_us, ack_us;

	if (!c || !c->xmit.ack_any)
		return false;
	s = &c->xmit.newest.s;
	sent_us = s->at_us - s->first_us;
	ack_us = us_of(a->now) - s->delivered_us;
	*r = (struct cc_rate){
		.n_bytes = c->xmit.ack_bytes,
		.total = c->xmit.delivered,
		.prior_delivered = s->delivered,
		.delivered = c->xmit.delivered - s->delivered,
		.interval_us = max_u32(sent_us, ack_us),
		.app_limited = s->app_limited,
	};
	return true;
}

static uint32_t take_lost(struct tcb *t)
{
	uint32_t n = 0;

	if (cold_of(t)) {
		n = cold_of(t)->rack.n_lost;
		cold_of(t)->rack.n_lost = 0;
	}
	return n;
}

void ack_sample(struct arrival *a, uint32_t before)
{
	struct tcb *t = a->t;
	struct cc_rate rate;
	struct cc_ack ack = {
		.n_acked = before - flight(t),
		.flight = before,
		.ece = (a->seg->flags & TCPF_ECE) && (t->flags & TF_ECN),
		.rtt = &t->rtt,
		.now = a->now,
		.in_recovery = t->phase != PHASE_OPEN,
		.newreno = t->phase != PHASE_OPEN && !uses_sack(t),
		.rtt_us = newest_rtt(t, a->now),
		.n_lost = take_lost(t),
		.pipe = recovery_pipe(t),
		.rate = take_rate(a, &rate) ? &rate : NULL,
	};

	window_on_sample(t, &ack);
	pace_settle(t, a->now);
}

/* The window opened for a connection that was probing it. */
void ack_leave_persist(struct tcb *t, mt_time now)
{
	bool refused = (t->flags & TF_PROBED) && flight(t);

	t->flags &= ~(uint32_t)(TF_PERSIST | TF_PROBED | TF_PROBE_DUE);
	t->n_retries = 0;
	t->rxt_at_us = 0;
	t->unacked_ms = ms_of(now); /* now an acknowledgment is waited for, before it was room */
	rtt_reset_backoff(&t->rtt);
	if (refused) {
		recovery_go_back(t);
		timer_rto(t, now);
	}
}

/* RFC 5681 2: nothing but the acknowledgment of what was acknowledged, while something is
 * outstanding. One that reports a repetition answers just that (RFC 6675 2). */
static bool is_duplicate(const struct arrival *a)
{
	const struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	return s->len == 0 && !(s->flags & (TCPF_SYN | TCPF_FIN)) && flight(t) &&
	       !(t->flags & TF_PROBED) && (uint32_t)s->wnd << t->snd_wscale == t->snd_wnd &&
	       !((t->flags & TF_SACK) && sack_is_dsack(s));
}

static void ack_same(struct arrival *a, bool sacked)
{
	struct tcb *t = a->t;

	/* A peer that answers with a closed window is alive (RFC 9293 3.8.6.1); nobody waits for
	 * it, though, once the application is gone. A series of timeouts goes on. */
	if (a->seg->wnd == 0 && !(t->flags & TF_ORPHAN))
		t->n_retries = t->n_retries && !(t->flags & TF_PERSIST);
	if (sacked) /* more may be sent, and for that be written */
		a->ev->flags |= TCP_EV_WRITABLE;
	if ((sacked || is_duplicate(a)) && recovery_duplicate(t, a->now))
		a->ev->flags |= TCP_EV_RETRANSMIT;
}

/* What the ACK says about losses, probes and needless retransmissions. */
static void ack_judge(struct arrival *a, bool advanced, bool sacked)
{
	struct recovery_ack r = {a->seg, advanced, sacked, false, a->now};
	struct tcb *t = a->t;

	if (t->xflags & XF_TLP)
		r.probe_again = tlp_ack(t, a->seg, advanced, a->now);
	if (cold_of(t))
		a->ev->flags |= recovery_judge(t, &r);
}

uint32_t ack_fin(struct tcb *t, mt_time now)
{
	if (!seq_gt(t->snd_una, t->snd_end))
		return 0;
	switch (t->state) {
	case TCPS_FIN_WAIT_1:
		tcp_set_state(t, TCPS_FIN_WAIT_2);
		timer_keepalive(t, now);
		return 0;
	case TCPS_CLOSING:
		tcp_set_state(t, TCPS_TIME_WAIT);
		t->idle_at_ms = t->ack_at_us = 0;
		return TCP_EV_TIME_WAIT;
	case TCPS_LAST_ACK:
		conn_end(t, false);
		return TCP_EV_CLOSED;
	default:
		return 0;
	}
}

void ack_opens(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	open_established(t, a->now, a->ev);
	t->snd_una = seq_add(t->snd_una, 1);
	if (s->flags & TCPF_SYN) {
		ecn_take_syn(t, s);
		t->snd_wnd = s->wnd;
		t->flags |= TF_ACK_NOW;
	} else {
		t->snd_wnd = (uint32_t)s->wnd << t->snd_wscale;
	}
	t->max_snd_wnd = max_u32(t->max_snd_wnd, t->snd_wnd);
	t->snd_wl1 = s->seq;
	ts_note(t, s);
}

static enum step ack_synrcvd(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	if (!seq_gt(s->ack, t->snd_una) || seq_gt(s->ack, t->snd_nxt)) {
		t->rxt_nxt = s->ack;
		t->flags |= TF_STRAY_RST;
		return arrival_drop(a, TCP_DROP_ACK);
	}
	ack_measure(t, s, a->now);
	ack_opens(a);
	if (seq_gt(s->ack, t->snd_una)) /* data left before the handshake was over */
		ack_new(t, s, a->ev, a->now);
	else if (flight(t))
		timer_rto(t, a->now);
	return STEP_CONTINUE;
}

enum step step_ack(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;
	bool sacked, advanced, reduced = t->phase != PHASE_OPEN;
	uint32_t before, end;

	if (!(s->flags & TCPF_ACK))
		return arrival_drop(a, TCP_DROP_ACK);
	if (t->state == TCPS_SYN_RCVD)
		return ack_synrcvd(a);
	if (!ack_in_range(t, s)) {
		arrival_challenge(a);
		return arrival_drop(a, TCP_DROP_ACK);
	}
	ts_note(t, s);
	if (seq_lt(s->ack, t->snd_una)) /* an old one: its data may be new */
		return STEP_CONTINUE;
	before = flight(t);
	sacked = cold_of(t) && recovery_delivered(t, s, a->now);
	advanced = seq_gt(s->ack, t->snd_una);
	if (advanced)
		ack_new(t, s, a->ev, a->now);
	else
		ack_same(a, sacked);
	ack_window(t, s, advanced, a->now);
	ack_judge(a, advanced, sacked);
	if (cc_ops(t)->on_sample)
		ack_sample(a, before);
	/* An ACK that ends a recovery is still of the window that it has reduced, if it has. */
	if ((s->flags & TCPF_ECE) && (!reduced || (a->ev->flags & TCP_EV_UNDO)))
		ecn_echo(a, before);
	end = ack_fin(t, a->now);
	a->ev->flags |= end;
	return end ? STEP_DONE : STEP_CONTINUE;
}
