/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control as a connection uses it. The windows are in the tcb; the algorithm's state is
 * in tcp_own and follows them. Without that object a connection grows as in the slow start that
 * cc_ops.plain_start promises, and, should memory be short when a loss comes, as far as ssthresh.
 */
#ifndef TCP_WINDOW_H
#define TCP_WINDOW_H

#include "base/num.h"
#include "tcp/tcb.h"

static inline const struct cc_ops *cc_ops(const struct tcb *t)
{
	return t->own ? t->own->cc.ops : t->cfg->cc;
}

static inline uint32_t mss_of(const struct tcb *t)
{
	return t->cc.mss;
}

/* The start: init_cwnd_segs segments of mss, nothing known. */
void window_init(struct tcb *, uint32_t mss, uint8_t init_cwnd_segs);
void window_set_mss(struct tcb *, uint32_t mss); /* keeps the window in segments */
/* The slow start of a connection without tcp_own; the window bounded the flight. */
static inline void window_grow(struct tcb *t, uint32_t n_acked)
{
	uint32_t n = min_u32(n_acked, CC_SLOW_START_SEGS * mss_of(t));
	uint32_t bound = min_u32(t->cc.ssthresh, CC_CWND_MAX);

	if (t->cc.cwnd < bound)
		t->cc.cwnd += min_u32(n, bound - t->cc.cwnd);
}
/* What cc_ops are told, and what they say. The first: a tcp_own is attached. */
void window_on_ack(struct tcb *, const struct cc_ack *);
void window_on_sample(struct tcb *, const struct cc_ack *);
void window_on_loss(struct tcb *, uint32_t flight, mt_time now);
void window_on_rto(struct tcb *, mt_time now);
void window_on_ece(struct tcb *, uint32_t flight, mt_time now);
void window_on_idle(struct tcb *, mt_time idle_since, mt_time now);
void window_handover(struct tcb *);
uint64_t window_pacing_rate(const struct tcb *);
void window_undo(struct tcb *, const struct cc *before);
/* A copy of everything, for window_undo. */
struct cc window_now(const struct tcb *);

#endif
