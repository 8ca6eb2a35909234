// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/fastpath.h"
#include "tcp/arrival.h"
#include "tcp/recovery.h"

void fastpath_input(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;
	bool advanced = !seq_eq(s->ack, t->snd_una);
	uint32_t before = flight(t), end;

	a->ev->flags = TCP_EV_FAST;
	t->last_rcv_ms = ms_of(a->now);
	t->n_keep = 0;
	ts_note(t, s);
	if (advanced) {
		if (cold_of(t))
			recovery_delivered(t, s, a->now);
		ack_new(t, s, a->ev, a->now);
		if (cc_ops(t)->on_sample)
			ack_sample(a, before);
	}
	ack_window(t, s, advanced, a->now);
	end = t->state == TCPS_ESTABLISHED ? 0 : ack_fin(t, a->now);
	a->ev->flags |= end;
	if (!end) {
		a->seq = s->seq;
		a->len = s->len;
		if (a->len)
			data_in_order(a);
		if (s->flags & TCPF_FIN)
			a->ev->flags |= data_fin(t);
	}
	timer_settle(t, a->now);
}
