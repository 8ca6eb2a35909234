/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit congestion notification (RFC 3168), both roles. As receiver: a CE mark on data is echoed
 * by ECE on every ACK until the peer says CWR. As sender: ECE reduces the window as a loss does,
 * once per window of data, and the next new data says CWR. Data sent for the first time is ECT(0);
 * nothing else is (6.1.1, 6.1.4 to 6.1.6).
 */
#ifndef TCP_ECN_H
#define TCP_ECN_H

#include "tcp/internal.h"

/* ECE and CWR of our SYN that asks or SYN/ACK that accepts. A SYN that is sent again asks no more (6.1.1.1): perhaps it
 * was lost because it asked. */
uint8_t ecn_syn_flags(const struct tcb *);
/* The peer's SYN or SYN/ACK: is ECN in use? */
void ecn_take_syn(struct tcb *, const struct tcp_seg *);
/* Data within the window of a connection that uses ECN (6.1.3, 6.1.5). */
void ecn_data(struct tcb *, const struct tcp_seg *);
/* An acceptable ACK says ECE (6.1.2). */
void ecn_echo(struct arrival *);
/* The window was reduced, for whatever reason: the next new data says CWR (6.1.2). */
void ecn_reduced(struct tcb *);
/* New data of such a connection leaves. */
void ecn_mark(struct tcb *, struct tcp_seg *out);

#endif
