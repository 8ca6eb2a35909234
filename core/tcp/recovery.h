/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery answers "which segment", never "how much": that is congestion control's, told here
 * of losses. Without SACK it is NewReno (RFC 6582); with it losses are found by time (rack.h) on
 * the scoreboard (sack.h, pipe as in RFC 6675) and sent again at the pace of prr.h. In both limited
 * transmit (RFC 3042), tail loss probes (tlp.h) where SACK was negotiated, and undo.h.
 * A range given by recovery_next or recovery_tail may include the FIN's sequence number.
 */
#ifndef TCP_RECOVERY_H
#define TCP_RECOVERY_H

#include "tcp/tcb.h"

/* Bytes believed to be in the network. */
uint32_t recovery_pipe_of_losses(const struct tcb *);
static inline uint32_t recovery_pipe(const struct tcb *t)
{
	if (t->phase == PHASE_OPEN && t->n_dup == 0 && !(t->flags & TF_HOLES))
		return t->snd_nxt.v - t->snd_una.v; /* all that was sent */
	return recovery_pipe_of_losses(t);
}

enum recovery_next {
	RECOVERY_NONE,
	RECOVERY_SENDS, /* the range */
	RECOVERY_WAITS	/* ... when the window has room for it */
};
/* The next range to send again, at most mss long. New data, however small, does not overtake it
 * (RFC 6675 5 (C), NextSeg rule 1 before rule 2). */
enum recovery_next recovery_next(const struct tcb *, uint32_t mss, struct seq_range *);
/* The last segment sent, for a tail loss probe; something is in flight. */
struct seq_range recovery_tail(const struct tcb *, uint32_t mss);
/* The range, new data, was sent; a cold object is attached. */
void recovery_sent_new(struct tcb *, struct seq_range, mt_time now);
/* The probe of a closed window, alone in flight, was sent again; a cold object is attached. */
void recovery_probed_again(struct tcb *, struct seq_range, mt_time now);
/* The range was sent again. */
void recovery_sent_again(struct tcb *, struct seq_range, mt_time now);

/* A cold object was attached: what is in flight gets a time, the last transmission's. */
void recovery_attached(struct tcb *);
/* Takes what an acceptable ACK says to be delivered, by number and by SACK; snd_una has not moved
 * yet. True: the SACK blocks told something new. */
bool recovery_delivered(struct tcb *, const struct tcp_seg *, mt_time now);
/* A duplicate ACK (RFC 5681 2), or SACK blocks with news. True: fast recovery begins by their
 * number. */
bool recovery_duplicate(struct tcb *, mt_time now);

struct recovery_ack {
	const struct tcp_seg *seg;
	bool advanced;	  /* it moved snd_una */
	bool news;	  /* recovery_delivered said so */
	bool probe_again; /* its D-SACK tells of a tail loss probe */
	mt_time now;
};
/* When an ACK has been taken and a cold object is attached: what is lost by time, how much may be
 * sent in a recovery, and was the recovery needed? TCP_EV_RETRANSMIT: one begins; TCP_EV_UNDO: one
 * was not. */
uint32_t recovery_judge(struct tcb *, const struct recovery_ack *);
/* RACK's reordering timer fired. True: fast recovery begins. */
bool recovery_reo_fired(struct tcb *, mt_time now);
/* snd_una advanced by n_acked bytes. */
void recovery_advanced_any(struct tcb *, uint32_t n_acked);
static inline void recovery_advanced(struct tcb *t, uint32_t n_acked)
{
	t->flags &= ~(uint32_t)TF_RENO_HOLD;
	if (t->own || t->phase != PHASE_OPEN)
		recovery_advanced_any(t, n_acked);
	else
		t->n_dup = 0;
}
/* The retransmission timer fired (RFC 6298 5.4, RFC 5681 3.1). */
void recovery_timeout(struct tcb *, mt_time now);
/* Sends again from snd_una; no congestion is inferred (a refused probe, a smaller path MTU). */
void recovery_go_back(struct tcb *);

#endif
