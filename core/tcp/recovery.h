/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery answers "which segment", never "how much": that is congestion control's, told here
 * of losses. NewReno (RFC 6582) without SACK, the scoreboard (RFC 6675) with it, limited transmit
 * (RFC 3042) in both. PRR, RACK-TLP and F-RTO replace decisions inside this file only. A range
 * given by recovery_next or recovery_last may include the FIN's sequence number.
 */
#ifndef TCP_RECOVERY_H
#define TCP_RECOVERY_H

#include "tcp/tcb.h"

/* Bytes believed to be in the network. */
uint32_t recovery_pipe(const struct tcb *);

/* The next range to send again before any new data, at most mss long; false: none now. */
bool recovery_next(const struct tcb *, uint32_t mss, struct seq_range *);
/* The same when there is no new data to send (RFC 6675 NextSeg rules 3 and 4). */
bool recovery_last(const struct tcb *, uint32_t mss, struct seq_range *);
/* New data up to snd_nxt was sent, and a cold object is attached. */
void recovery_sent_new(struct tcb *, mt_time now);
/* The range was sent again. */
void recovery_sent_again(struct tcb *, struct seq_range, mt_time now);

/* A cold object was attached: what is in flight gets a time, the last transmission's. */
void recovery_attached(struct tcb *);
/* Takes what an acceptable ACK says to be delivered, by number and by SACK; snd_una has not moved yet.
 * True: the SACK blocks told something new. */
bool recovery_delivered(struct tcb *, const struct tcp_seg *, mt_time now);
/* A duplicate ACK (RFC 5681 2), or SACK blocks with news. True: fast recovery begins. */
bool recovery_duplicate(struct tcb *, mt_time now);
/* snd_una advanced by n_acked bytes. */
void recovery_advanced(struct tcb *, uint32_t n_acked);
/* The retransmission timer fired (RFC 6298 5.4, RFC 5681 3.1). */
void recovery_timeout(struct tcb *, mt_time now);
/* Sends again from snd_una; no congestion is inferred (a refused probe, a smaller path MTU). */
void recovery_go_back(struct tcb *);

#endif
