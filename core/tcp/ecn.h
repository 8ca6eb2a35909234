/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit congestion notification (RFC 3168), both roles. As receiver: a CE mark on data is echoed
 * by ECE on every ACK until the peer says CWR. As sender: ECE reduces the window as a loss does,
 * once per window of data, and the next new data says CWR. Data sent for the first time is ECT(0);
 * nothing else is (6.1.1, 6.1.4 to 6.1.6). With DCTCP the
 * receiver echoes exactly (RFC 8257 3.2).
 */
#ifndef TCP_ECN_H
#define TCP_ECN_H

#include "tcp/internal.h"

static inline bool ecn_asks(const struct tcb *t)
{
	return t->cfg->ecn == TCP_ECN_ASK ||
	       (cc_ops(t)->ecn == CC_ECN_EXACT && t->cfg->ecn != TCP_ECN_OFF);
}

/* ECE and CWR of our SYN or SYN/ACK. A SYN that is sent again asks no more (6.1.1.1): perhaps it
 * was lost because it asked. */
uint8_t ecn_syn_flags(struct tcb *);
/* The peer's SYN or SYN/ACK: is ECN in use? */
void ecn_take_syn(struct tcb *, const struct tcp_seg *);
/* Data within the window of a connection that uses ECN has arrived (6.1.3, 6.1.5); rcv_nxt has not
 * moved yet. */
void ecn_data(struct tcb *, const struct tcp_seg *);
/* RFC 8257 3.2: an ACK that is owed for data before the last, with the ECE of then. */
bool ecn_echo_waits(const struct tcb *);
/* Makes it of an ACK as it would be now, which stays owed. */
void ecn_put_echo(struct tcb *, struct tcp_seg *out);
/* An acceptable ACK has said ECE (6.1.2); `before` bytes were in flight when it came. */
void ecn_echo(struct arrival *, uint32_t before);
/* False: an ECE has reduced the window for the data that was lost. */
bool ecn_loss_is_news(const struct tcb *);
/* The window was reduced, for whatever reason: the next new data says CWR (6.1.2). */
void ecn_reduced(struct tcb *);
/* The same outside of recovery, which has its own way: an ECE for what is in flight now is no
 * further news. */
void ecn_reduced_open(struct tcb *);
/* New data of such a connection leaves. */
void ecn_mark(struct tcb *, struct tcp_seg *out);

#endif
