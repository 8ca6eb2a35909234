/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection does without while it is short, idle and as configured: tcp_own has options of
 * its own, the state of congestion control and the schedule of pacing; tcp_cold, which hangs on it,
 * what out-of-order data and many segments in flight need. The owner attaches what is wanted or,
 * out of memory, does not: then an option is refused, the window no longer grows after a loss,
 * nothing is paced, out-of-order data is dropped.
 */
#ifndef TCP_OWN_H
#define TCP_OWN_H

#include "tcp/tcb.h"

enum {
	TCP_WANTS_OWN = 1,
	TCP_WANTS_COLD = 3 /* the same, and a tcp_cold */
};

#define OWN_COLD_SEGS 4u /* from more segments on to be sent, a cold object pays */

unsigned own_wants_in(const struct tcb *, const struct tcp_seg *);
unsigned own_wants_out(const struct tcb *);

/* Before tcp_input, tcp_output, tcp_timeout; 0: nothing that is not attached already. */
static inline unsigned tcp_wants_in(const struct tcb *t, const struct tcp_seg *s)
{
	/* Bitwise on purpose: one branch. */
	unsigned special = (s->seq.v ^ t->rcv_nxt.v) | (s->opts & TCPO_SACK) |
			   (s->flags & TCPF_ECE) | t->trouble | (t->xflags & (XF_TLP | XF_OWN));

	return special ? own_wants_in(t, s) : 0;
}

static inline unsigned tcp_wants_out(const struct tcb *t)
{
	bool many = t->snd_end.v - t->snd_una.v > OWN_COLD_SEGS * t->cc.mss;

	if ((!many && !(t->xflags & XF_OWN)) || (t->own && t->own->cold))
		return 0;
	return own_wants_out(t);
}

unsigned tcp_wants_timeout(const struct tcb *, mt_time now);
/* Before tcp_set_option, which else gives -ENOBUFS, as tcp_set_cc does. */
bool tcp_option_wants_own(enum tcp_option);

void tcp_attach_own(struct tcb *, struct tcp_own *);   /* initialises it */
void tcp_attach_cold(struct tcb *, struct tcp_cold *); /* the same; a tcp_own is attached */
/* Detach the object if it holds nothing any more (or, force, in any case; the cold one first);
 * NULL: none, or kept. */
struct tcp_cold *tcp_detach_cold(struct tcb *, bool force);
struct tcp_own *tcp_detach_own(struct tcb *, bool force);

#endif
