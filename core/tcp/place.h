/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_pending and tcp_deadline for those who ask on each segment's way: the ordinary answers in
 * line. */
#ifndef TCP_PLACE_H
#define TCP_PLACE_H

#include "tcp/instant.h"
#include "tcp/tcb.h"

/* Sequence space of data and a FIN that were never sent. */
static inline uint32_t tcp_unsent(const struct tcb *t)
{
	return t->snd_end.v + ((t->flags & TF_FIN) != 0) - t->snd_nxt.v;
}

/* The same as tcp_pending: nothing, an ACK, or what fits into one segment with nothing in flight is
 * seen here. */
static inline enum tcp_tx tcp_place(const struct tcb *t, mt_time now)
{
	const uint32_t special = (TF_DUE & ~(uint32_t)TF_ACK_NOW) | TF_HOLES | TF_CORK | TF_ECN;
	uint32_t n = tcp_unsent(t);

	if (!n && !(t->flags & TF_DUE) && t->phase == PHASE_OPEN)
		return TCP_TX_NONE;
	/* Bitwise on purpose: one branch. */
	if ((t->flags & special) | (t->xflags & (XF_PACE | XF_SLOW)) | t->trouble |
	    (t->state < TCPS_ESTABLISHED) | (t->own != NULL))
		return tcp_pending(t, now);
	if (!n)
		return TCP_TX_ACK;
	if (t->snd_nxt.v == t->snd_una.v && n <= t->cc.mss && n <= t->snd_wnd)
		return t->snd_nxt.v == t->snd_end.v ? TCP_TX_CONTROL : TCP_TX_DATA;
	return tcp_pending(t, now);
}

/* The instant near `now` that a short one means. */
static inline mt_time tcp_instant(uint32_t at, mt_time now, mt_time unit)
{
	mt_time n = now / unit;

	return (n + (mt_time)(int64_t)(int32_t)(at - (uint32_t)n)) * unit;
}

/* The same as tcp_deadline. */
static inline mt_time tcp_next_at(const struct tcb *t, mt_time now)
{
	uint32_t us = t->rxt_at_us;
	mt_time at = MT_NEVER;

	if (t->ack_at_us && is_before(t->ack_at_us, us))
		us = t->ack_at_us;
	if (us)
		at = tcp_instant(us, now, MT_US);
	if (t->idle_at_ms)
		at = mt_min(at, tcp_instant(t->idle_at_ms, now, MT_MS));
	if ((t->xflags & XF_PACE) && (tcp_unsent(t) || t->phase != PHASE_OPEN))
		return mt_min(at, t->own->pace_at);
	return at;
}

#endif
