/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message and its answer: of usual segments (tcp/usual.h) those with which nothing else is under
 * way. In, the next data in order, which leaves nothing unacknowledged; out, data with nothing in
 * flight before. They do what usual_input and usual_output do, shorter by what is known then.
 */
#ifndef TCP_MESSAGE_H
#define TCP_MESSAGE_H

#include "tcp/usual.h"

/* ---- in ---- */
static ALWAYS_INLINE bool message_takes(const struct tcb *t, const struct tcp_seg *s)
{
	const uint32_t special = TF_IN_SPECIAL | TF_FIN | TF_ORPHAN;
	const unsigned ctl = 0xffu & ~(unsigned)TCPF_PSH;

	/* Bitwise on purpose: one branch. CE is 3 (RFC 3168 5). */
	return !((t->state ^ TCPS_ESTABLISHED) | t->trouble | (t->own != NULL) |
		 ((t->flags & (special | TF_TS)) ^ TF_TS) | (t->xflags & XF_IN_SPECIAL) |
		 ((s->flags & ctl) ^ TCPF_ACK) | (s->opts ^ TCPO_TS) | (s->seq.v ^ t->rcv_nxt.v) |
		 (s->ack.v ^ t->snd_nxt.v) | (s->ack.v ^ t->snd_end.v) |
		 ((s->ts_val - t->ts_recent) >> 31) | s->no_room | (s->ip_ecn == 3)) &&
	       s->len - 1u < rcv_wnd(t);
}

/* Of a segment that it takes. *n_acked: bytes that left the send buffer, which is empty now. What
 * becomes due is an ACK at most, at once (TF_ACK_NOW) or later. TCP_EV_RCVBUF or 0. */
static ALWAYS_INLINE uint32_t message_in(struct tcb *t, const struct tcp_seg *s,
					 const struct tcp_clock *k, uint32_t *n_acked)
{
	uint32_t n = s->ack.v - t->snd_una.v;
	struct tcp_events ev = {0};

	*n_acked = n;
	t->last_rcv_ms = k->ms;
	t->n_keep = 0;
	if (seq_eq(s->seq, t->last_ack)) /* RFC 7323 4.3 (2) */
		t->ts_recent = s->ts_val;
	if (n) {
		if (t->flags & TF_TIMING)
			rtt_sample(&t->rtt, (uint32_t)k->us - t->rtt_us);
		else
			ack_measure(t, s, k->now);
		t->snd_una = s->ack;
		t->unacked_ms = k->ms;
		if (t->flags & TF_CWND_FULL)
			window_grow(t, n);
		t->flags &= ~(uint32_t)TF_TIMING;
		t->rxt_at_us = 0;
	}
	ack_window(t, s, n != 0, k->now);
	t->rcv_nxt = seq_add(t->rcv_nxt, s->len);
	note_mss(t, s->len);
	deliver(t, s, s->len, &ev, k->now);
	ack_policy(t, s, k->now);
	return ev.flags & TCP_EV_RCVBUF;
}

/* ---- out ---- */
/* tcp_append of what message_out will send, if nothing is under way in this direction: then the
 * connection belongs on the data list. False: ask tcp_append and tcp_pending. */
static ALWAYS_INLINE bool message_append(struct tcb *t, uint32_t n)
{
	const uint32_t special = TF_PLAIN_SPECIAL | TF_CORK_TIMED | TF_FIN;

	/* Bitwise on purpose: one branch. A window of a segment or less may want its timer. */
	if ((t->flags & special) | (t->xflags & XF_PLAIN_SPECIAL) | t->trouble |
	    (t->state ^ TCPS_ESTABLISHED) | (t->own != NULL) | (t->snd_nxt.v ^ t->snd_una.v) |
	    (t->snd_nxt.v ^ t->snd_end.v))
		return false;
	if (n > mss_of(t) || t->snd_wnd <= mss_of(t) || n >= t->cfg->sndbuf)
		return false;
	t->snd_end = seq_add(t->snd_end, n);
	return true;
}

/* rxt_restart with nothing in flight before, of one that was not waiting. */
static ALWAYS_INLINE void start_timeout(struct tcb *t, const struct tcp_clock *k)
{
	uint32_t least = t->cfg->rto_min_ms, var = max_u32(t->rtt.rttvar_us4, RTT_GRANULARITY);

	/* Mostly the least one, rto_ms says as well. */
	if (t->rtt.srtt_us8 && !t->rtt.backoff && t->rtt.srtt_us8 / 8 + var <= least * 1000u &&
	    least <= TLP_DELACK / MT_MS && !t->cfg->user_timeout_ms) {
		t->rxt_at_us = k->us_up + least * 1000u;
		t->rxt_at_us += t->rxt_at_us == 0;
	} else {
		rxt_restart(t, k->now);
	}
}

/* A message: what usual_output gives when nothing is in flight and data is all that is due. False:
 * ask usual_output. */
static ALWAYS_INLINE bool message_out(struct tcb *t, const struct tcp_clock *k, struct tcp_seg *out)
{
	const uint32_t special = TF_OUT_SPECIAL | TF_FIN | TF_TIMING;
	const unsigned xspecial = XF_OUT_SPECIAL | XF_REO;
	uint32_t flags = t->flags, n = t->snd_end.v - t->snd_nxt.v, half = t->cc.cwnd / 2;

	/* Bitwise on purpose: one branch. */
	if (((flags & (special | TF_TS)) ^ TF_TS) | (t->xflags & xspecial) | t->trouble |
	    (t->state < TCPS_ESTABLISHED) | (t->own != NULL) | t->rxt_at_us |
	    (t->snd_nxt.v ^ t->snd_una.v))
		return false;
	if (n - 1 >= min_u32(mss_of(t), t->snd_wnd) || k->ms - t->last_snd_ms > t->cfg->rto_min_ms)
		return false;
	out->seq = t->snd_nxt;
	out->ack = t->rcv_nxt;
	out->len = (uint16_t)n;
	out->flags = TCPF_ACK | TCPF_PSH;
	out->ip_ecn = 0;
	out->data_off = 0;
	out->payload = NULL;
	out->opts = TCPO_TS;
	out->n_sack = 0;
	out->ts_val = k->ms + t->ts_offset;
	out->ts_ecr = t->ts_recent;
	put_window(t, out);
	t->last_ack = t->rcv_nxt;
	t->ack_at_us = 0;
	t->last_snd_ms = t->unacked_ms = k->ms;
	t->snd_nxt = t->rtt_seq = t->snd_end;
	t->rtt_us = (uint32_t)k->us;
	flags &= ~(uint32_t)(TF_ACK_NOW | TF_LAST_RXT | TF_CWND_FULL);
	if (t->cc.cwnd < t->cc.ssthresh ? n >= half : n + mss_of(t) > t->cc.cwnd) /* note_limit */
		flags |= TF_CWND_FULL;
	t->flags = flags | TF_TIMING;
	start_timeout(t, k);
	return true;
}

#endif
