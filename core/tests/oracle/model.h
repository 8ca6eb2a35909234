/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What RFC 9293 3.10 (with RFC 5961, 7323, and 1337 for TIME-WAIT) says about a connection, as a
 * slow and simple acceptor: it is told what arrives, what the application does and what left, and
 * complains. Nothing of core/tcp is in it but the names of states and the segment as a value.
 *
 * Places are counted from the ISS (what we send) and from the IRS (what we receive) in 64 bits: 0
 * is the SYN, 1 the first byte; nothing wraps. What was received is one flag per place.
 *
 * Where the RFC leaves a choice (a delayed ACK, a challenge withheld by a rate limit, data out of
 * order not kept) the model accepts either and follows what was done.
 *
 * Order of calls in a step: model_begin; model_arrives or a verb or model_timer; model_took for
 * what the stack told its owner; model_sent for each segment that left; model_end. Complaints are
 * text, static until the next; NULL: nothing to complain about.
 */
#ifndef ORACLE_MODEL_H
#define ORACLE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcp.h"

#define MODEL_SPACE (4u << 20) /* places of the peer's a script can reach */

enum model_due { DUE_NONE, DUE_MAY, DUE_LIMITED, DUE_MUST };

/* What the step asks of the other side. */
struct model_want {
	enum model_due ack; /* LIMITED: must, unless another went within the last second */
	bool limited;	    /* the rate limit had a say */
	bool rst;	    /* <SEQ=rst_seq><CTL=RST> must leave */
	bool rst_may;	    /* ... or may */
	uint32_t rst_seq;
	bool abort;	    /* <SEQ=SND.NXT><CTL=RST> must leave */
	bool window_update; /* the zero window offered must be taken back */
	bool established, eof, closed, time_wait;
	int error;	 /* errno the application must learn */
	bool error_free; /* ... or not */
	int64_t n_readable, n_acked;
	/* Payload to be kept: places [from, to) of a segment that starts at seq, when rcv_nxt was
	 * rcv_was. ahead: behind a hole, with a FIN after it or not; refusable: need not be kept.
	 */
	int64_t from, to, seq, rcv_was;
	bool ahead, fin_ahead, refusable;
};

struct model {
	enum tcp_state state;
	bool active, orphan, shut;
	uint8_t offer;	       /* TCPO_ we offer */
	bool ts, sack, scaled; /* negotiated */
	uint32_t iss, irs;
	/* from the ISS */
	int64_t una, nxt, end; /* end: behind the last byte written */
	int64_t snd_wnd, max_wnd, wl1, wl2;
	unsigned snd_shift, rcv_shift;
	/* from the IRS */
	int64_t rcv_nxt, edge, last_ack, fin, unread, top;
	uint32_t rcvbuf, mss;
	uint32_t ts_recent, ts_alt; /* alt: as good, since RFC 7323 5.3 can be read so */
	uint32_t first_ts;	    /* TSval of our first SYN, which left at first_ms */
	uint64_t now_ms, first_ms, limited_ms, owed_ms;
	bool owed;  /* rcv_nxt is not yet acknowledged, since owed_ms */
	bool poor;  /* no memory for data behind a hole */
	bool timed; /* the step is the passing of time */
	struct model_want want;
	unsigned n_pure, n_acking; /* of the step: pure ACKs, segments that acknowledge rcv_nxt */
	bool reset;		   /* a RST left in this step */
	uint8_t map[MODEL_SPACE];
};

/* offer: TCPO_TS, TCPO_SACK_PERM, TCPO_WSCALE as configured. mss: what we announce. */
struct model_open {
	bool active;
	uint8_t offer, rcv_shift;
	uint32_t iss, rcvbuf;
	uint16_t mss;
};

void model_init(struct model *, const struct model_open *, uint64_t now_ms);
/* A passive open by this SYN. */
void model_listen(struct model *, const struct tcp_seg *syn);

void model_begin(struct model *, uint64_t now_ms);
void model_arrives(struct model *, const struct tcp_seg *);
void model_write(struct model *, uint32_t n);
void model_read(struct model *, uint32_t n);
void model_shutdown(struct model *);
void model_close(struct model *);
void model_abort(struct model *);
void model_timer(struct model *);

/* The place next to `near` that has this sequence number, counted from `first`. */
static inline int64_t model_place(uint32_t first, int64_t near, uint32_t seq)
{
	return near + (int32_t)(seq - (first + (uint32_t)near));
}

const char *model_took(struct model *, const struct tcp_events *);
const char *model_sent(struct model *, const struct tcp_seg *);
const char *model_end(struct model *);

#endif
