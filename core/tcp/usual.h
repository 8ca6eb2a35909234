/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segments that most are, of a connection that is open, has timestamps and nothing special
 * about it: in, the next data in order, an acknowledgment, or both; out, an ACK, or all that waits
 * in one segment. tcp_input and tcp_output begin with them; the owner has them in line. What else
 * there is to a segment, and everything when the configuration says no fast path, is for the
 * general way, which gives the same answers.
 */
#ifndef TCP_USUAL_H
#define TCP_USUAL_H

#include "tcp/arrival.h"
#include "tcp/own.h"

/* tcp_input and tcp_output of all other segments. */
struct tcp_events tcp_input_any(struct tcb *, const struct tcp_seg *, mt_time now);
bool tcp_output_any(struct tcb *, mt_time now, struct tcp_seg *out);

/* ---- in ---- */
/* Nothing of it ends anything: what all do that follow, given this as a constant. */
static inline bool usual_goes_on(const struct tcb *t, const struct tcp_seg *s)
{
	return t->state == TCPS_ESTABLISHED && !(s->flags & TCPF_FIN);
}

/* After the peer's FIN nothing follows it, and data for nobody is answered by a reset. */
static inline bool usual_end_takes(const struct tcb *t, const struct tcp_seg *s)
{
	unsigned last = s->len || (s->flags & TCPF_FIN) ? TCPS_FIN_WAIT_2 : TCPS_LAST_ACK;

	return t->state >= TCPS_ESTABLISHED && t->state <= last &&
	       !((t->flags & TF_ORPHAN) && s->len);
}

static ALWAYS_INLINE bool usual_takes(const struct tcb *t, const struct tcp_seg *s, bool goes_on)
{
	const uint32_t special = TF_IN_SPECIAL | (goes_on ? TF_ORPHAN : 0u);
	const unsigned ctl = 0xffu & ~(unsigned)(TCPF_PSH | TCPF_FIN);
	uint32_t n_new = s->ack.v - t->snd_una.v;
	uint32_t n_text = s->len + (goes_on ? 0u : s->flags & TCPF_FIN); /* which is 1 */

	if (!goes_on && !usual_end_takes(t, s))
		return false;
	/* Bitwise on purpose: one branch. CE is 3 (RFC 3168 5). */
	return !(t->trouble | (t->own != NULL) | ((t->flags & (special | TF_TS)) ^ TF_TS) |
		 (t->xflags & XF_IN_SPECIAL) | ((s->flags & ctl) ^ TCPF_ACK) | (s->opts ^ TCPO_TS) |
		 (s->seq.v ^ t->rcv_nxt.v) | ((int32_t)(s->ts_val - t->ts_recent) < 0) |
		 s->no_room | (n_text > rcv_wnd(t)) | (n_new > flight(t)) |
		 ((n_new | n_text) == 0) | (s->ip_ecn == 3));
}

/* What an ACK that advances means then: ack_new of it. */
static ALWAYS_INLINE void usual_acked(struct tcb *t, const struct tcp_seg *s, struct tcp_events *ev,
				      mt_time now, bool goes_on)
{
	uint32_t n = s->ack.v - t->snd_una.v;

	if (!goes_on)
		n -= seq_gt(s->ack, t->snd_end);

	ack_measure(t, s, now);
	t->snd_una = s->ack;
	t->unacked_ms = ms_of(now);
	if (t->flags & TF_CWND_FULL)
		window_grow(t, n);
	if (flight(t))
		rxt_restart(t, now);
	else
		t->rxt_at_us = 0;
	ev->n_acked = n;
	ev->flags |= n ? TCP_EV_WRITABLE : 0;
}

/* Of a segment that it takes; *ev is all zero. */
static ALWAYS_INLINE void usual_input(struct tcb *t, const struct tcp_seg *s, struct tcp_events *ev,
				      mt_time now, bool goes_on)
{
	bool advanced = !seq_eq(s->ack, t->snd_una);
	uint32_t end = 0;

	ev->flags = TCP_EV_FAST;
	t->last_rcv_ms = ms_of(now);
	t->n_keep = 0;
	if (seq_leq(s->seq, t->last_ack)) /* RFC 7323 4.3 (2) */
		t->ts_recent = s->ts_val;
	if (advanced)
		usual_acked(t, s, ev, now, goes_on);
	ack_window(t, s, advanced, now);
	if (!goes_on)
		end = ack_fin(t, now);
	if (!end && s->len) { /* data_in_order */
		ev->data_len = s->len;
		t->rcv_nxt = seq_add(t->rcv_nxt, s->len);
		note_mss(t, s->len);
		deliver(t, s, s->len, ev, now);
		ack_policy(t, s, now);
	}
	if (!goes_on && !end && (s->flags & TCPF_FIN))
		end = data_fin(t);
	ev->flags |= end;
	timer_settle(t, now);
}

/* ---- out ---- */
/* The window field, and the edge it promises. A scaled field cannot say every size: rounded up
 * while the buffer has room, so that the edge does not seem to move back (RFC 7323 2.4). */
static ALWAYS_INLINE void put_window(struct tcb *t, struct tcp_seg *out)
{
	uint32_t shift = t->rcv_wscale, field = data_window(t) >> shift;
	tcp_seq edge;

	if (field << shift < rcv_wnd(t) &&
	    ((uint64_t)(field + 1) << shift) + t->rcv_unread <= t->rcvbuf)
		field++;
	field = min_u32(field, UINT16_MAX);
	out->wnd = (uint16_t)field;
	edge = seq_add(t->rcv_nxt, field << shift);
	t->rcv_adv = seq_max(t->rcv_adv, edge);
}

static ALWAYS_INLINE void start_timing(struct tcb *t, tcp_seq end, mt_time now)
{
	if (t->flags & TF_TIMING)
		return;
	t->flags |= TF_TIMING;
	t->rtt_seq = end;
	t->rtt_us = us_of(now);
}

/* Was the congestion window what stopped us? In slow start half of it counts (RFC 7661 4.1). */
static ALWAYS_INLINE void note_limit(struct tcb *t)
{
	uint32_t pipe = recovery_pipe(t);
	bool full = t->cc.cwnd < t->cc.ssthresh ? pipe >= t->cc.cwnd / 2
						: pipe + mss_of(t) > t->cc.cwnd;

	t->flags = full ? t->flags | TF_CWND_FULL : t->flags & ~(uint32_t)TF_CWND_FULL;
}

/* The next segment, if it is of this kind, and then all there is; false: none is, or it is of
 * another. With much in flight tcp_wants_out has a say first. */
static ALWAYS_INLINE bool usual_output(struct tcb *t, mt_time now, struct tcp_seg *out)
{
	uint32_t n = unsent_len(t), out_len = flight(t), fin = (t->flags & TF_FIN) != 0;
	uint32_t ms = ms_of(now), len = n - (n ? fin : 0);

	/* Bitwise on purpose: one branch. */
	if (((t->flags & (TF_OUT_SPECIAL | TF_TS)) ^ TF_TS) | (t->xflags & XF_OUT_SPECIAL) |
	    t->trouble | (t->state < TCPS_ESTABLISHED) | (t->own != NULL) |
	    !(n | (t->flags & TF_ACK_NOW)))
		return false;
	if ((n > mss_of(t)) | (out_len + n > t->snd_wnd)) /* of an ACK, too: see bare_seq */
		return false;
	/* With something in flight, windows and Nagle have a say; with nothing, the window may be
	 * an old one. */
	if (n && (out_len ? out_len + len > t->cc.cwnd || !(t->flags & (TF_NODELAY | TF_FIN)) ||
				    out_len + len > OWN_COLD_SEGS * mss_of(t)
			  : ms - t->last_snd_ms > t->cfg->rto_min_ms))
		return false;
	out->seq = t->snd_nxt;
	out->ack = t->rcv_nxt;
	out->len = (uint16_t)len;
	out->flags = (uint8_t)(TCPF_ACK | (n && fin ? TCPF_FIN : 0) | (len ? TCPF_PSH : 0));
	out->ip_ecn = 0;
	out->data_off = n ? out_len : 0;
	out->payload = NULL;
	out->opts = TCPO_TS;
	out->n_sack = 0;
	out->ts_val = ms + t->ts_offset;
	out->ts_ecr = t->ts_recent;
	put_window(t, out);
	t->last_ack = t->rcv_nxt;
	t->ack_at_us = 0;
	t->flags &= ~(uint32_t)(TF_ACK_NOW | TF_LAST_RXT);
	if (!n)
		return true;
	t->last_snd_ms = ms;
	if (!out_len)
		t->unacked_ms = ms;
	t->snd_nxt = seq_add(t->snd_nxt, n);
	start_timing(t, t->snd_nxt, now);
	note_limit(t);
	if (!t->rxt_at_us)
		rxt_restart(t, now);
	else if (tlp_may_be_sooner(t, now))
		tlp_schedule(t, now);
	return true;
}

#endif
