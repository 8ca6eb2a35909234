// SPDX-License-Identifier: BSD-3-Clause
/*
 * Receive buffer auto-tuning after dynamic right-sizing (Fisk and Feng 2001): a buffer of twice
 * what the application consumes in a round trip never bounds the sender, and leaves room for one
 * round trip of loss recovery. Time is taken per half buffer consumed rather than bytes per round
 * trip: that needs no work in between, and doubles the buffer once per round trip while it is what
 * bounds the sender.
 */
#include "tcp/autotune.h"
#include "tcp/internal.h"

void autotune_start(struct tcb *t, mt_time now)
{
	t->rcv_mark = rcv_consumed(t);
	t->rcv_mark_ms = (uint16_t)ms_of(now);
}

/* The peer echoes what we sent when the window it now uses was offered: a round trip that needs no
 * data of ours. Else what was measured on our side. */
static uint32_t round_ms(const struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	if ((t->flags & TF_TS) && (s->opts & TCPO_TS) && s->ts_ecr) {
		uint32_t age = ms_of(now) - (s->ts_ecr - t->ts_offset);

		if (age <= t->cfg->rto_max_ms)
			return age;
	}
	return rtt_srtt_us(&t->rtt) / 1000;
}

/* An instant 65 s ago may look like the last round trip: that costs a larger bound, no memory. */
uint32_t autotune_half(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	uint32_t took = (uint16_t)(ms_of(now) - t->rcv_mark_ms);

	autotune_start(t, now);
	return took < round_ms(t, s, now) && t->rcvbuf < t->cfg->rcvbuf_max &&
			       !(t->xflags & XF_RCVBUF) && t->rcvbuf >> t->rcv_wscale < UINT16_MAX
		       ? TCP_EV_RCVBUF
		       : 0;
}

void tcp_grow_rcvbuf(struct tcb *t, uint32_t most)
{
	uint32_t to = min_u32(min_u32(2 * t->rcvbuf, t->cfg->rcvbuf_max), most);

	if (to <= t->rcvbuf)
		return;
	t->rcvbuf = to;
	if (t->state >= TCPS_ESTABLISHED && t->state <= TCPS_FIN_WAIT_2)
		t->flags |= TF_ACK_NOW;
}

void tcp_shrink_rcvbuf(struct tcb *t)
{
	if (!(t->xflags & XF_RCVBUF))
		t->rcvbuf = min_u32(t->rcvbuf, t->cfg->rcvbuf);
}
