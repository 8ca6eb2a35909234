/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs of tcp.h that each segment's way needs, their ordinary case in line. */
#ifndef TCP_PLACE_H
#define TCP_PLACE_H

#include "base/check.h"
#include "base/inline.h"
#include "base/num.h"
#include "tcp/instant.h"
#include "tcp/tcb.h"

static inline uint32_t flight(const struct tcb *t)
{
	return t->snd_nxt.v - t->snd_una.v;
}

/* Sequence space of data and a FIN that were never sent. */
static inline uint32_t unsent_len(const struct tcb *t)
{
	return t->snd_end.v + ((t->flags & TF_FIN) != 0) - t->snd_nxt.v;
}

static inline uint32_t rcv_wnd(const struct tcb *t)
{
	return t->rcv_adv.v - t->rcv_nxt.v;
}

/* The SYN is not yet acknowledged. */
static inline bool syn_unacked(const struct tcb *t)
{
	return t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RCVD;
}

/* Sequence number of offset 0 of the send buffer. */
static inline tcp_seq snd_base(const struct tcb *t)
{
	return seq_add(t->snd_una, syn_unacked(t));
}

static inline uint32_t sndbuf_of(const struct tcb *t)
{
	return t->own ? t->own->sndbuf : t->cfg->sndbuf;
}

/* Bound of the send buffer. Auto-tuned it is two congestion windows: one in flight, and what
 * follows it while its acknowledgments are on the way. In a recovery the flight is larger: what has
 * arrived above a hole is kept, and new data still has to follow. */
static inline uint32_t snd_limit(const struct tcb *t)
{
	uint32_t window = 2 * max_u32(t->cc.cwnd, flight(t)), size = sndbuf_of(t);

	if (window <= size || (t->xflags & XF_SNDBUF))
		return size;
	return max_u32(size, min_u32(window, t->cfg->sndbuf_max));
}

/* The same as tcp_snd_room. */
static ALWAYS_INLINE uint32_t tcp_room(const struct tcb *t)
{
	uint32_t used = t->snd_end.v - snd_base(t).v, limit = snd_limit(t);

	if ((t->flags & TF_FIN) || t->state == TCPS_CLOSED || t->state == TCPS_TIME_WAIT)
		return 0;
	return used < limit ? limit - used : 0;
}

/* More than n bytes fit, within the buffer's initial size, which nothing bounds further. Of a
 * connection that may send; false: ask tcp_room. */
static ALWAYS_INLINE bool tcp_has_room(const struct tcb *t, size_t n)
{
	return !t->own && !(t->flags & TF_FIN) && t->state == TCPS_ESTABLISHED &&
	       n < t->cfg->sndbuf && t->snd_end.v - t->snd_una.v < t->cfg->sndbuf - n;
}

/* The same as tcp_append, of n <= tcp_room(). */
static ALWAYS_INLINE void tcp_wrote(struct tcb *t, uint32_t n, mt_time now)
{
	if ((t->xflags & XF_HOLD) || (t->flags & (TF_CORK | TF_CORK_TIMED)) ||
	    (!t->rxt_at_us && t->snd_wnd <= t->cc.mss))
		tcp_append(t, n, now);
	else
		t->snd_end = seq_add(t->snd_end, n);
}

/* The application has taken so much that an ACK may be due to tell of it. */
void tcp_window_opened(struct tcb *);

/* The same as tcp_consumed. True: an ACK may have become due. */
static ALWAYS_INLINE bool tcp_took(struct tcb *t, uint32_t n)
{
	uint32_t room, offered = rcv_wnd(t);

	check(n <= t->rcv_unread);
	t->rcv_unread -= n;
	room = t->rcvbuf > t->rcv_unread ? t->rcvbuf - t->rcv_unread : 0;
	if (room <= offered || room - offered < min_u32(offered, t->rcvbuf / 2))
		return false;
	tcp_window_opened(t);
	return true;
}

/* The same as tcp_pending: nothing, an ACK, or what fits into one segment with nothing in flight is
 * seen here. */
static ALWAYS_INLINE enum tcp_tx tcp_place(const struct tcb *t, mt_time now)
{
	uint32_t n = unsent_len(t);

	if (!n && !(t->flags & TF_DUE) && t->phase == PHASE_OPEN)
		return TCP_TX_NONE;
	/* Bitwise on purpose: one branch. */
	if ((t->flags & TF_PLAIN_SPECIAL) | (t->xflags & XF_PLAIN_SPECIAL) | t->trouble |
	    (t->state < TCPS_ESTABLISHED) | (t->own != NULL))
		return tcp_pending(t, now);
	if (!n)
		return TCP_TX_ACK;
	if (t->snd_nxt.v == t->snd_una.v && n <= t->cc.mss && n <= t->snd_wnd)
		return t->snd_nxt.v == t->snd_end.v ? TCP_TX_CONTROL : TCP_TX_DATA;
	return tcp_pending(t, now);
}

/* The instant near `now` that a short one means; n: now in these units. */
static inline mt_time tcp_instant(uint32_t at, uint64_t n, mt_time unit)
{
	return (n + (mt_time)(int64_t)(int32_t)(at - (uint32_t)n)) * unit;
}

/* The same as tcp_deadline of one without keepalive, cork and schedule. us: the present. */
static ALWAYS_INLINE mt_time tcp_next_timeout(const struct tcb *t, uint64_t us)
{
	uint32_t at = t->rxt_at_us;

	if (t->ack_at_us && is_before(t->ack_at_us, at))
		at = t->ack_at_us;
	return at ? tcp_instant(at, us, MT_US) : MT_NEVER;
}

/* The same as tcp_deadline, us being now in microseconds. */
static ALWAYS_INLINE mt_time tcp_next_at(const struct tcb *t, uint64_t us, mt_time now)
{
	if (t->idle_at_ms | (t->xflags & XF_PACE))
		return tcp_deadline(t, now);
	return tcp_next_timeout(t, us);
}

#endif
