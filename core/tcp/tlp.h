/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tail loss probe (RFC 8985 7): when two round trips pass without an ACK, one segment goes out to
 * draw one, long before the retransmission timer. Of connections that negotiated SACK; it needs no
 * cold object. While TF_PTO, rxt_at_us is the probe timeout.
 */
#ifndef TCP_TLP_H
#define TCP_TLP_H

#include "tcp/internal.h"

#define TLP_DELACK (200 * MT_MS) /* TLP.max_ack_delay */

/* Is tlp_schedule worth a call? Not for the one segment of a short exchange: its timeout is as
 * short as the peer may wait with an ACK (for a second full segment, RFC 5681 4.2). */
static inline bool tlp_may_be_sooner(const struct tcb *t, mt_time now)
{
	return (t->flags & TF_SACK) && (flight(t) >= 2 * mss_of(t) ||
					is_before(us_after(now, TLP_DELACK / MT_MS), t->rxt_at_us));
}

/* 7.2: the retransmission timer was started; puts the probe timeout in its place if that is sooner.
 */
void tlp_schedule(struct tcb *, mt_time now);
/* 7.2: new data left while TF_PTO: the probe timeout begins anew, but no later than the
 * retransmission timer ends, which goes on. */
void tlp_put_off(struct tcb *, mt_time now);
/* 7.3: the probe timeout has passed. */
void tlp_fired(struct tcb *, mt_time now, struct tcp_events *);
/* The probe leaves: the last segment again, or new data. */
void tlp_sent(struct tcb *, bool again);
/* 7.4: an acceptable ACK while a probe is out; advanced: it moved snd_una. Tells congestion
 * control of a loss that the probe has repaired. True: its D-SACK is the probe's, not a sign of
 * reordering. */
bool tlp_ack(struct tcb *, const struct tcp_seg *, bool advanced, mt_time now);

#endif
