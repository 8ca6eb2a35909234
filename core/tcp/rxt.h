/* SPDX-License-Identifier: BSD-3-Clause */
/* The start of the retransmission timer, which each message does, and so in line. */
#ifndef TCP_RXT_H
#define TCP_RXT_H

#include "base/inline.h"
#include "tcp/tlp.h"

/* The retransmission or persist timer, but not beyond the user timeout (RFC 5482). */
static ALWAYS_INLINE void rxt_start(struct tcb *t, mt_time now)
{
	uint32_t ms = rto_ms(t), limit = user_timeout_ms(t);

	if (limit) {
		uint32_t waited = ms_of(now) - t->unacked_ms;

		ms = min_u32(ms, waited < limit ? limit - waited : 1);
	}
	t->rxt_at_us = us_after(now, ms);
}

/* timer_rto */
static ALWAYS_INLINE void rxt_restart(struct tcb *t, mt_time now)
{
	t->flags &= ~(uint32_t)(TF_PERSIST | TF_PTO);
	t->xflags &= (uint16_t)~XF_REO;
	rxt_start(t, now);
	if (tlp_may_be_sooner(t, now))
		tlp_schedule(t, now);
}

#endif
