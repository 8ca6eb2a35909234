/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When what was sent left, without a list of segments: marks divide what is in flight into runs
 * sent at about the same time, a small set keeps what was sent again. What RACK (RFC 8985) and the
 * rate samples of a congestion control need (draft-cheng-iccrg-delivery-rate-estimation). A value:
 * no clock, no allocation; bounded in size and in work.
 *
 * Times are microseconds modulo 2^32 and err only towards later: a run bears the time of its last
 * segment, and two neighbouring runs that have to share an entry bear the later one's. What was
 * sent later than it was is found lost later than it could be.
 *
 * A rate sample, in the processing of an ACK: between xmit_ack_begin and the next, ack_bytes were
 * delivered, and (if ack_any) newest is the most recently sent part of them. Then
 *   delivered - newest.s.delivered                                      bytes were delivered in
 *   max(newest.s.at_us - newest.s.first_us, now_us - newest.s.delivered_us)  microseconds,
 * and newest.s.app_limited says whether the application, not the path, bounded the rate.
 */
#ifndef TCP_XMIT_H
#define TCP_XMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/wire.h"

#define XMIT_MARKS 32
#define XMIT_AGAIN 16

struct xmit_stamp {
	uint32_t at_us;	       /* left */
	uint32_t delivered;    /* xmit.delivered when it left */
	uint32_t delivered_us; /* when that count had been reached */
	uint32_t first_us;     /* when the newest segment delivered by then had left */
	bool app_limited;
};

struct xmit_mark { /* from the end of the mark before */
	tcp_seq end;
	uint32_t from_us; /* when its first segment left */
	struct xmit_stamp s;
};

struct xmit_again {
	struct seq_range r;
	struct xmit_stamp s;
};

/* A part of what is in flight that left at one time. As a cursor: r is the last part given. */
struct xmit_piece {
	struct seq_range r;
	struct xmit_stamp s;
	bool again; /* sent more than once */
	uint8_t i_mark, i_again;
};

struct xmit {
	uint8_t head, n; /* ring of marks, ordered by sequence and by time */
	uint8_t n_again; /* ordered by sequence, disjoint */
	bool ack_any;
	uint32_t last_us; /* of all transmissions */
	uint32_t ack_bytes;
	uint32_t delivered; /* bytes acknowledged, cumulatively or by SACK, modulo 2^32 */
	uint32_t delivered_us, first_us;
	uint32_t ahead;	     /* delivered by duplicate ACKs, of what no number acknowledges yet */
	uint32_t limited_to; /* until `delivered` has passed it, the application bounds the rate */
	bool limited;
	struct xmit_piece newest;
	struct xmit_mark mark[XMIT_MARKS];
	struct xmit_again again[XMIT_AGAIN];
};

void xmit_init(struct xmit *, uint32_t now_us);

/* ---- sending ---- */
/* New data up to `end` left. Runs are at most grain_us long, as far as XMIT_MARKS allow. */
void xmit_sent(struct xmit *, tcp_seq snd_una, tcp_seq end, uint32_t now_us, uint32_t grain_us);
/* The range left again. */
void xmit_resent(struct xmit *, struct seq_range, uint32_t now_us);
/* What left before `us` counts as sent then: half of the clock ago would seem to lie ahead. */
void xmit_bound_age(struct xmit *, uint32_t us);
/* The application has no more to send although the window would allow it; in_flight bytes are out.
 */
void xmit_app_limited(struct xmit *, uint32_t in_flight);

/* ---- acknowledgments ---- */
void xmit_ack_begin(struct xmit *);
/* The range is delivered, n_fresh bytes of it not known to be before this ACK. *latest: what of it
 * was sent last; false if none of it was. */
bool xmit_delivered(struct xmit *, struct seq_range, uint32_t n_fresh, uint32_t now_us,
		    struct xmit_piece *latest);
/* Without SACK: a duplicate ACK says that a segment more of the flight has arrived, not which. */
void xmit_duplicate(struct xmit *, uint32_t mss, uint32_t in_flight, uint32_t now_us);
/* Of the n bytes that an ACK covers now, those that no duplicate has told of: one segment, which
 * made it advance, is always among them. */
uint32_t xmit_fresh(struct xmit *, uint32_t n, uint32_t mss);
/* Forgets what lies below. */
void xmit_advance(struct xmit *, tcp_seq snd_una);

/* ---- asking ---- */
/* Was the segment of (us, end) sent after that of (than_us, than_end)? RFC 8985 5.2
 * RACK_sent_after() */
static inline bool xmit_after(uint32_t us, tcp_seq end, uint32_t than_us, tcp_seq than_end)
{
	return us == than_us ? seq_gt(end, than_end) : (int32_t)(us - than_us) > 0;
}

/* The oldest transmission of what is in flight left then; nothing in flight: the last. */
uint32_t xmit_oldest_us(const struct xmit *);
/* A cursor in front of `at`; may be moved up by another call or by setting r.end. */
struct xmit_piece xmit_seek(tcp_seq at);
/* The next part, from r.end and not beyond `end`; false: none. */
bool xmit_next(const struct xmit *, tcp_seq end, struct xmit_piece *);
/* The part of the range sent last; false if none of it was. */
bool xmit_latest(const struct xmit *, struct seq_range, struct xmit_piece *);

#endif
