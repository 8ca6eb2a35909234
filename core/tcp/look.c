// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/look.h"

#include "tcp/tcb.h"

void tcp_look(const struct tcb *t, struct tcp_look *l)
{
	*l = (struct tcp_look){.cwnd = t->cc.cwnd,
			       .ssthresh = t->cc.ssthresh,
			       .srtt_us = rtt_srtt_us(&t->rtt),
			       .in_flight = t->snd_nxt.v - t->snd_una.v};
}
