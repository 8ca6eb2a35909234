/* SPDX-License-Identifier: BSD-3-Clause */
/* Fast open inside core/tcp; its verbs for the owner are in fastopen.h. */
#ifndef TCP_SYN_DATA_H
#define TCP_SYN_DATA_H

#include "tcp/internal.h"

/* The first SYN: the option, and what it carries. */
void fastopen_put_data(struct tcb *, struct tcp_seg *out);
/* A SYN/ACK acknowledges our SYN: what it carried beyond that was never sent (4.2.1). */
void fastopen_acked(struct arrival *);

static inline void fastopen_release(struct tcb *t)
{
	if (!(t->xflags & XF_HOLD))
		return;
	t->xflags &= (uint16_t)~XF_HOLD;
	t->flags |= TF_SYN_DUE;
}

/* The SYN that has opened t, with or without its data. */
static inline bool fastopen_syn_again(const struct tcb *t, const struct tcp_seg *s)
{
	return t->state == TCPS_SYN_RCVD && (t->xflags & XF_FASTOPEN) &&
	       (s->flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN && seq_eq(s->seq, t->snd_wl1);
}

#endif
