/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking back what was done for a loss that was none. How it is found out:
 *   F-RTO (RFC 5682) after a timeout: what follows the retransmitted head is acknowledged though it
 *     was sent once only;
 *   Eifel (RFC 3522): the first ACK that advances echoes a timestamp older than the retransmission;
 *   D-SACK (RFC 2883): all that was sent again arrived twice.
 * The response (RFC 4015, RFC 9438 4.9): congestion control as it was, the rest is still in flight.
 * Needs a cold object: the few segments of a connection without are soon grown again.
 */
#ifndef TCP_UNDO_H
#define TCP_UNDO_H

#include "tcp/cc.h"
#include "wire/wire.h"

struct tcb;

enum frto { /* RFC 5682 2.1 and 3.1 */
	    FRTO_OFF,
	    FRTO_HEAD, /* step 2: the head was sent again, no ACK for it yet */
	    FRTO_NEW   /* step 3: new data was sent instead of old */
};

struct undo {
	bool armed;
	bool first; /* no ACK has advanced since */
	bool sent;  /* something was sent again */
	bool probe; /* a tail loss probe is on its way that repeats what ends at probe_end */
	uint8_t frto;
	uint32_t at_ms;	  /* millisecond clock of the first retransmission */
	uint32_t n_bytes; /* sent again and not reported as arrived twice */
	tcp_seq from, to; /* what was in flight */
	tcp_seq head_end; /* F-RTO: end of the head */
	tcp_seq probe_end;
	struct cc cc;	  /* as it was */
};

/* A loss is about to be told to congestion control. */
void undo_arm(struct tcb *, bool timeout);
/* What follows can't be undone. */
void undo_disarm(struct tcb *);
void undo_sent_again(struct tcb *, struct seq_range, mt_time now);
/* Is the D-SACK `dup` that of the tail loss probe which was out when the recovery began? It says
 * nothing of the recovery, nor of reordering. Asked once of each. */
bool undo_is_of_probe(struct tcb *, struct seq_range dup);
/* An ACK brings the D-SACK `dup`, of something else. True: undone. */
bool undo_dsack(struct tcb *, struct seq_range dup);
/* An acceptable ACK in or after a recovery; advanced: it moved snd_una; news: of SACK. True:
 * undone. */
bool undo_ack(struct tcb *, const struct tcp_seg *, bool advanced, bool news);

#endif
