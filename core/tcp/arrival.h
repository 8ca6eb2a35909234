/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fast path and the steps of segment arrival do alike, in line: each segment takes some of
 * it. Clauses without a name are RFC 9293's. */
#ifndef TCP_ARRIVAL_H
#define TCP_ARRIVAL_H

#include "base/inline.h"
#include "tcp/internal.h"
#include "tcp/recovery.h"
#include "tcp/rxt.h"

/* ---- input_ack.c ---- */
/* Congestion control is told; a tcp_own is attached. */
void ack_grow_own(struct tcb *, uint32_t n_acked, uint32_t before, mt_time now);
/* The window opened for a connection that was probing it. */
void ack_leave_persist(struct tcb *, mt_time now);

/* One round-trip measurement, if this ACK gives one. The timed segment is measured in microseconds
 * and, by Karn's rule, only if nothing was sent again since. Where that rule leaves nothing to
 * time, the echoed timestamp measures in milliseconds (RFC 7323 4.1). */
static ALWAYS_INLINE void ack_measure(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	uint32_t age, least;

	if (t->flags & TF_TIMING) {
		if (seq_lt(s->ack, t->rtt_seq))
			return;
		t->flags &= ~(uint32_t)TF_TIMING;
		rtt_sample(&t->rtt, us_of(now) - t->rtt_us);
		return;
	}
	if (!(t->flags & TF_TS) || !(s->opts & TCPO_TS) || s->ts_ecr == 0)
		return;
	age = ms_of(now) - (s->ts_ecr - t->ts_offset);
	if (age > t->cfg->rto_max_ms) /* from the future, or of another age: no measurement */
		return;
	least = t->rtt.min_us == RTT_NONE ? 1000u : t->rtt.min_us; /* it is rounded down */
	rtt_sample(&t->rtt, max_u32(age * 1000u, least));
}

/* The congestion window bounded what was sent. */
static inline bool ack_limited(const struct tcb *t)
{
	return (t->flags & TF_CWND_FULL) || t->phase == PHASE_LOSS;
}

static ALWAYS_INLINE void ack_grow(struct tcb *t, const struct tcp_seg *s, uint32_t n_acked,
				   uint32_t before, mt_time now)
{
	/* RFC 3168 6.1.2: an ACK with ECE opens no window. */
	if (!n_acked || t->phase == PHASE_RECOVERY ||
	    ((s->flags & TCPF_ECE) && (t->flags & TF_ECN)))
		return;
	if (t->own)
		ack_grow_own(t, n_acked, before, now);
	else if (ack_limited(t))
		window_grow(t, n_acked);
}

/* SEG.ACK > SND.UNA, known to be acceptable. */
static ALWAYS_INLINE void ack_new(struct tcb *t, const struct tcp_seg *s, struct tcp_events *ev,
				  mt_time now)
{
	uint32_t before = flight(t);
	bool impatient = t->flags & TF_RENO_PARTIAL;
	uint32_t n = s->ack.v - t->snd_una.v - seq_gt(s->ack, t->snd_end); /* the FIN is no byte */

	ack_measure(t, s, now);
	if (t->xflags & XF_MSS_CUT)
		pmtu_raise(t, now);
	t->snd_una = s->ack;
	t->unacked_ms = ms_of(now);
	t->n_retries = 0;
	t->flags &= ~(uint32_t)(TF_PROBED | TF_PROBE_DUE);
	if ((t->flags & TF_CWR) && seq_gt(s->ack, t->recover))
		t->flags &= ~(uint32_t)TF_CWR;
	if (t->flags & TF_PERSIST) /* a probe's wait says nothing of the path */
		rtt_reset_backoff(&t->rtt);
	ack_grow(t, s, n, before, now);
	recovery_advanced(t, n);
	/* RFC 6582 3.2 step 3, 6: NewReno mends one loss per round trip. When many segments were
	 * lost, the timeout is quicker: only the first partial acknowledgment puts it off. */
	if (!flight(t)) { /* nor is there anything to probe for, if the probe has not left */
		t->rxt_at_us = 0;
		t->flags &= ~(uint32_t)TF_TLP_DUE;
	} else if (!impatient || !(t->flags & TF_RENO_PARTIAL)) {
		rxt_restart(t, now);
	}
	t->flags &= ~(uint32_t)TF_PERSIST;
	if (n) {
		ev->n_acked = n;
		ev->flags |= TCP_EV_WRITABLE;
	}
}

/* RFC 9293 3.10.7.4. SND.WL2 is not kept: an ACK below SND.UNA never gets here, so SND.WL2 =<
 * SEG.ACK always. An ACK that advances carries the peer's latest view even on a retransmitted
 * segment. */
static ALWAYS_INLINE void ack_window(struct tcb *t, const struct tcp_seg *s, bool advanced,
				     mt_time now)
{
	uint32_t wnd = (uint32_t)s->wnd << t->snd_wscale;
	bool opened;

	if (!advanced && seq_lt(s->seq, t->snd_wl1))
		return;
	opened = wnd > t->snd_wnd;
	t->snd_wnd = wnd;
	t->snd_wl1 = s->seq;
	if (wnd > t->max_snd_wnd)
		t->max_snd_wnd = wnd;
	if (opened && (t->flags & TF_PERSIST))
		ack_leave_persist(t, now);
}

/* RFC 1122 4.2.3.2, RFC 5681 4.2: every second full segment at once, else within delack_ms. At the
 * start every segment, since the peer's slow start waits for it. */
static ALWAYS_INLINE void ack_policy(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	if (t->n_quick) {
		t->n_quick--;
		t->flags |= TF_ACK_NOW;
	} else if (t->rcv_nxt.v - t->last_ack.v >= 2u * t->mss_seen) {
		t->flags |= TF_ACK_NOW;
		/* More follows it, so it is full: the path takes less than it did. */
		if (s->len < t->mss_seen && s->len >= MSS_DEFAULT && !(s->flags & TCPF_PSH))
			t->mss_seen = s->len;
	} else if (!t->ack_at_us) {
		t->ack_at_us = us_after(now, t->cfg->delack_ms);
	}
}

static inline void note_mss(struct tcb *t, uint32_t len)
{
	if (len > t->mss_seen && t->mss_seen < t->mss_local)
		t->mss_seen = (uint16_t)min_u32(len, t->mss_local);
}

/* RFC 7323 5.3 R1, of a segment with a timestamp: older than what was echoed last; after 24 idle
 * days the peer's clock may have wrapped. */
static inline bool paws_old(const struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	return (int32_t)(s->ts_val - t->ts_recent) < 0 &&
	       ms_of(now) - t->last_rcv_ms <= PAWS_IDLE_MS;
}

/* RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT: an attacker has to guess within the
 * largest window the peer ever offered. */
static inline bool ack_in_range(const struct tcb *t, const struct tcp_seg *s)
{
	return s->ack.v - (t->snd_una.v - t->max_snd_wnd) <= t->max_snd_wnd + flight(t);
}

/* For how many bytes from RCV.NXT on there must be room before this segment is given to tcp_input:
 * 0 where the steps keep no text of it. */
static ALWAYS_INLINE uint32_t text_reach(const struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	uint32_t wnd = rcv_wnd(t);
	int64_t first = seq_diff(s->seq, t->rcv_nxt), end = first + s->len;

	if (t->state == TCPS_SYN_SENT)
		return s->flags & TCPF_SYN ? min_u32(s->len, t->rcvbuf) : 0;
	if (t->state < TCPS_SYN_RCVD || t->state > TCPS_FIN_WAIT_2 ||
	    (s->flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)) != TCPF_ACK)
		return 0;
	if (end <= 0 || (first > 0 && (uint32_t)first >= wnd))
		return 0;
	if ((t->flags & TF_TS) && (!(s->opts & TCPO_TS) || paws_old(t, s, now)))
		return 0;
	if (t->state != TCPS_SYN_RCVD && !ack_in_range(t, s))
		return 0;
	return min_u32((uint32_t)end, wnd);
}

/* n bytes became readable by this segment. */
static ALWAYS_INLINE void deliver(struct tcb *t, const struct tcp_seg *s, uint32_t n,
				  struct tcp_events *ev, mt_time now)
{
	t->rcv_unread += n;
	ev->n_readable = n;
	if (n)
		ev->flags |= TCP_EV_READABLE;
	if ((uint16_t)(rcv_consumed(t) - t->rcv_mark) > t->rcvbuf >> (RCV_MARK_UNIT + 1))
		ev->flags |= autotune_half(t, s, now);
}

#endif
