/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK (RFC 8985 6): what was sent long enough before something that is delivered, is lost. As all
 * that left before one instant is judged alike, "lost" is not a flag of each segment but that
 * instant: everything sent before (lost_us, lost_end) and not delivered is lost. It only moves
 * forward; what is sent again leaves behind it. Of a connection that negotiated SACK and has a cold
 * object. Work is bounded by XMIT_MARKS + XMIT_AGAIN + SACK_RANGES.
 */
#ifndef TCP_RACK_H
#define TCP_RACK_H

#include "base/time.h"
#include "tcp/sack.h"
#include "tcp/xmit.h"

struct tcb;

struct rack {		     /* RFC 8985 5.2, 5.3 */
	bool any;	     /* something was delivered */
	bool round;	     /* RACK.dsack_round is one */
	uint8_t mult;	     /* RACK.reo_wnd_mult */
	uint8_t persist;     /* RACK.reo_wnd_persist */
	uint32_t xmit_us;    /* RACK.xmit_ts, of the delivered segment that was sent last */
	tcp_seq end;	     /* RACK.end_seq, of the same */
	uint32_t rtt_us;     /* RACK.rtt, of the same */
	tcp_seq fack;	     /* RACK.fack: end of the highest delivered */
	tcp_seq dsack_round; /* RACK.dsack_round */
	uint32_t lost_us;
	tcp_seq lost_end;
	uint32_t n_lost; /* bytes found lost in a recovery that cc_ack.n_lost has not told yet */
};

void rack_init(struct tcb *);
/* Nothing is in flight, or nothing is known of what is: the times so far are history. */
void rack_restart(struct tcb *);
/* Step 3: a range is delivered. Before the board and the transmissions know of it. */
void rack_reorder(struct tcb *, const struct sack_fresh *);
/* Steps 1 and 2: p is what was sent last of a range now delivered. */
void rack_update(struct tcb *, const struct xmit_piece *p, const struct tcp_seg *, mt_time now);
/* Step 4, of an ACK with a D-SACK; of the end of a recovery. */
void rack_dsack(struct tcb *);
void rack_recovered(struct tcb *);
/* Step 5: judges. Microseconds until something may be found lost that is not yet; 0: nothing. */
uint32_t rack_detect(struct tcb *, mt_time now);

/* All that was sent so far and is not delivered, or nothing of it. */
void rack_lose_all(struct tcb *);
void rack_lose_none(struct tcb *);
/* Bytes lost and not sent again since. */
uint32_t rack_lost_bytes(const struct tcb *);
/* The first range of them. */
bool rack_next_lost(const struct tcb *, struct seq_range *);
/* The time to note for a range sent again now: never one that is lost already. */
uint32_t rack_stamp(const struct tcb *, tcp_seq end, mt_time now);

#endif
