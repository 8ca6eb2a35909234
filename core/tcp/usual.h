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

/* ---- in ---- */
static ALWAYS_INLINE bool usual_takes(const struct tcb *t, const struct tcp_seg *s)
{
	const uint32_t special = TF_HOLES | TF_ECE | TF_CWR | TF_ORPHAN | TF_CORK | TF_CORK_TIMED |
				 TF_PERSIST | TF_PROBED | TF_RENO_HOLD | TF_RENO_PARTIAL |
				 (TF_DUE & ~(uint32_t)TF_ACK_NOW);
	const unsigned xspecial = XF_SLOW | XF_OWN | XF_MSS_CUT | XF_TLP;
	const unsigned ctl = 0xffu & ~(unsigned)TCPF_PSH;
	uint32_t n_new = s->ack.v - t->snd_una.v;

	/* Bitwise on purpose: one branch. CE is 3 (RFC 3168 5). */
	return !((t->state ^ TCPS_ESTABLISHED) | t->trouble | (t->own != NULL) |
		 ((t->flags & (special | TF_TS)) ^ TF_TS) | (t->xflags & xspecial) |
		 ((s->flags & ctl) ^ TCPF_ACK) | (s->opts ^ TCPO_TS) | (s->seq.v ^ t->rcv_nxt.v) |
		 ((int32_t)(s->ts_val - t->ts_recent) < 0) | s->no_room | (s->len > rcv_wnd(t)) |
		 (n_new > flight(t)) | ((n_new | s->len) == 0) | (s->ip_ecn == 3));
}

/* Of a segment that it takes; *ev is all zero. */
static ALWAYS_INLINE void usual_input(struct tcb *t, const struct tcp_seg *s, struct tcp_events *ev,
				      mt_time now)
{
	uint32_t n_acked = s->ack.v - t->snd_una.v;

	ev->flags = TCP_EV_FAST;
	t->last_rcv_ms = ms_of(now);
	t->n_keep = 0;
	if (seq_leq(s->seq, t->last_ack)) /* RFC 7323 4.3 (2) */
		t->ts_recent = s->ts_val;
	if (n_acked) { /* ack_new of it */
		ack_measure(t, s, now);
		t->snd_una = s->ack;
		t->unacked_ms = ms_of(now);
		rtt_reset_backoff(&t->rtt);
		if (t->flags & TF_CWND_FULL)
			window_grow(t, n_acked);
		if (flight(t))
			rxt_restart(t, now);
		else
			t->rxt_at_us = 0;
		ev->n_acked = n_acked;
		ev->flags |= TCP_EV_WRITABLE;
	}
	ack_window(t, s, n_acked != 0, now);
	if (s->len) { /* data_in_order */
		ev->data_len = s->len;
		t->rcv_nxt = seq_add(t->rcv_nxt, s->len);
		note_mss(t, s->len);
		deliver(t, s, s->len, ev, now);
		ack_policy(t, now);
	}
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

/* The next segment, if it is of this kind; false: none is, or it is of another. */
static ALWAYS_INLINE bool usual_output(struct tcb *t, mt_time now, struct tcp_seg *out)
{
	const uint32_t special = (TF_DUE & ~(uint32_t)TF_ACK_NOW) | TF_HOLES | TF_CORK |
				 TF_CORK_FLUSH | TF_ECN | TF_ECE | TF_PERSIST | TF_PTO;
	uint32_t n = unsent_len(t), out_len = flight(t), fin = (t->flags & TF_FIN) != 0;
	uint32_t ms = ms_of(now), len = n - (n ? fin : 0);

	/* Bitwise on purpose: one branch. */
	if (((t->flags & (special | TF_TS)) ^ TF_TS) | (t->xflags & (XF_PACE | XF_SLOW | XF_OWN)) |
	    t->trouble | (t->state < TCPS_ESTABLISHED) | (t->own != NULL) |
	    !(n | (t->flags & TF_ACK_NOW)))
		return false;
	if (n && ((n > mss_of(t)) | (out_len + n > t->snd_wnd)))
		return false;
	/* With something in flight, windows and Nagle have a say; with nothing, the window may be
	 * an old one. */
	if (n && (out_len ? out_len + len > t->cc.cwnd || !(t->flags & (TF_NODELAY | TF_FIN))
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
