/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pacing: data leaves on a schedule at the rate the congestion control asks for, in quanta of a
 * millisecond (at least two segments, at most 64 KiB), so that the timer, which is that coarse,
 * does not bound the rate. What came late catches up, by a millisecond at most. ACKs, resets,
 * probes, and the first segment of a timeout or of a recovery by duplicates are not held. One found
 * by time (SACK) is on schedule: released there, a quantum of each loss would go beyond BBR's rate.
 * What left at a lower rate is owed at that of now; a timeout owes nothing.
 */
#ifndef TCP_PACE_H
#define TCP_PACE_H

#include "tcp/internal.h"

/* Data has to wait until pace_at. */
static inline bool pace_holds(const struct tcb *t, mt_time now)
{
	return (t->xflags & XF_PACE) && now < t->own->pace_at;
}

/* len bytes of data leave. */
void pace_sent(struct tcb *, uint32_t len, mt_time now);
/* The schedule lies no further ahead than a quantum and a segment take at the rate of now. Asked
 * with each sample of an algorithm's: the window's own rate never owes more than a few round trips. */
void pace_hurry(struct tcb *, mt_time now);
static inline void pace_settle(struct tcb *t, mt_time now)
{
	if (t->own && t->own->pace_at > now)
		pace_hurry(t, now);
}

/* A schedule begins anew. */
static inline void pace_restart(struct tcb *t, mt_time now)
{
	t->xflags &= (uint16_t)~XF_PACE;
	if (t->own)
		t->own->pace_at = mt_min(t->own->pace_at, now);
}

/* Bytes per second; 0: not paced. */
uint64_t pace_rate(const struct tcb *);

#endif
