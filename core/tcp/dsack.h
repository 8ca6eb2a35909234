/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling the sender what arrived twice (RFC 2883 4): as the first block of the ACK that answers,
 * once. Needs SACK, and a cold object to keep the report until that ACK leaves. */
#ifndef TCP_DSACK_H
#define TCP_DSACK_H

#include "tcp/tcb.h"

/* The segment begins with text or a FIN that was received, and not longer ago than a window. */
bool dsack_repeats(const struct tcb *, const struct tcp_seg *);
/* Reports what such a segment repeats below rcv_nxt. */
void dsack_old(struct tcb *, const struct tcp_seg *);
/* Out-of-order ranges are held, the range arrives: the first part of it that they hold is reported.
 */
void dsack_held(struct tcb *, struct seq_range);
/* Moves the report, and in front of the other blocks the range that holds it; how many: 0 or 1. */
uint8_t dsack_put(struct tcp_cold *, struct seq_range *out);

static inline bool dsack_waits(const struct tcp_cold *c)
{
	return !seq_eq(c->dup.start, c->dup.end);
}

#endif
