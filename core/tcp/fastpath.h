/* SPDX-License-Identifier: BSD-3-Clause */
/* Header prediction: of a synchronized connection with nothing special about it, the next segment
 * in order: data, an ACK, a FIN, or all of them. Skips checks whose answer is known; what it does
 * is done by the slow path's own functions. */
#ifndef TCP_FASTPATH_H
#define TCP_FASTPATH_H

#include "tcp/internal.h"

#define FASTPATH_CE 3u /* RFC 3168 5 */

/* What an ACK that does not advance means to a timer that fired is for the slow path. */
static inline bool fastpath_takes(const struct tcb *t, const struct tcp_seg *s)
{
	const unsigned ctl = TCPF_SYN | TCPF_RST | TCPF_ACK | TCPF_URG | TCPF_ECE | TCPF_CWR;
	unsigned ts = t->flags & TF_TS ? TCPO_TS : 0;
	uint32_t n_text = (uint32_t)s->len + ((s->flags & TCPF_FIN) != 0);
	uint32_t n_new = s->ack.v - t->snd_una.v;
	/* After the peer's FIN nothing follows it. */
	unsigned last = n_text ? TCPS_FIN_WAIT_2 : TCPS_LAST_ACK;
	unsigned orphan = t->flags & TF_ORPHAN ? s->len : 0u;
	unsigned stale = ts & (unsigned)((int32_t)(s->ts_val - t->ts_recent) >> 31);

	/* Bitwise on purpose: one branch. */
	unsigned slow = ((unsigned)t->state - TCPS_ESTABLISHED > last - TCPS_ESTABLISHED) |
			t->trouble | ((s->flags & ctl) ^ TCPF_ACK) | (s->seq.v ^ t->rcv_nxt.v) |
			(t->flags & (TF_HOLES | TF_ECE)) | (t->xflags & XF_SLOW) |
			((s->opts & (TCPO_TS | TCPO_SACK)) ^ ts) | stale | s->no_room |
			(n_text > rcv_wnd(t)) | (n_new > flight(t)) | ((n_new | n_text) == 0) |
			orphan | (s->ip_ecn == FASTPATH_CE);

	return slow == 0;
}

void fastpath_input(struct arrival *);

#endif
