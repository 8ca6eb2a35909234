/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control answers "how much", never "which segment". A new one is one file: a const vtable and,
 * if it needs state, a member of the union. Windows are bytes; no allocation, no clock.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "tcp/rtt.h"

/* Bound of cwnd: the largest window a peer can offer (RFC 7323 2.3). Keeps all arithmetic in 64 bits. */
#define CC_CWND_MAX (1u << 30)

struct cc_cubic_state { /* RFC 9438 */
	mt_time epoch_at;    /* 0: no epoch */
	mt_time last_at;     /* last ACK or end of an idle time in this epoch */
	uint32_t w_max;      /* bytes */
	uint32_t w_est;      /* Reno-friendly estimate, bytes */
	uint32_t k_ms;
	uint32_t cwnd_prior; /* cwnd before the last reduction */
	uint32_t acked_est;  /* bytes acked not yet turned into w_est growth */
};

struct cc {
	const struct cc_ops *ops;
	uint32_t cwnd;     /* bytes */
	uint32_t ssthresh; /* bytes; UINT32_MAX at the start (RFC 5681 3.1) */
	uint32_t mss;
	uint32_t acked;    /* bytes acked not yet turned into growth (RFC 3465 style counting) */
	union {
		struct cc_cubic_state cubic;
	} u;
};

struct cc_ack {
	uint32_t n_acked;   /* bytes newly acknowledged, cumulatively or by SACK */
	uint32_t flight;    /* bytes in flight before this ACK */
	bool cwnd_limited;  /* the window, not the application, bounded the flight (RFC 7661's condition) */
	const struct rtt *rtt;
	mt_time now;
};

struct cc_ops {
	const char *name;
	void (*init)(struct cc *);                                       /* after cwnd, ssthresh, mss are set */
	void (*on_ack)(struct cc *, const struct cc_ack *);              /* outside recovery */
	void (*on_loss)(struct cc *, uint32_t flight, mt_time now);      /* recovery entered: sets ssthresh and cwnd */
	void (*on_rto)(struct cc *, uint32_t flight, mt_time now);       /* first timeout of a series */
	void (*on_idle)(struct cc *, uint32_t init_cwnd, mt_time idle_since, mt_time now); /* restart after idle (RFC 5681 4.1) */
};

/* The initial window: init_cwnd_segs segments, as RFC 6928 2 bounds ten of them. */
void cc_init(struct cc *, const struct cc_ops *, uint32_t mss, uint8_t init_cwnd_segs);
void cc_set_mss(struct cc *, uint32_t mss); /* keeps the window in segments */

/* ---- for the algorithms ---- */
/* Exponential growth below ssthresh, returns bytes of n_acked left over. One ACK counts for at most 8
 * segments (RFC 9406 4.2, L without pacing), so that a stretch ACK does not make a burst of its size. */
uint32_t cc_slow_start(struct cc *, uint32_t n_acked);
/* A reduction to num/den of the flight, at least 2 segments. What limited transmit added does not
 * count (RFC 5681 3.2 step 2), hence no more than cwnd. */
uint32_t cc_reduced(const struct cc *, uint32_t flight, uint32_t num, uint32_t den);
/* Restart window (RFC 5681 4.1); ssthresh remembers what the path once took (RFC 7661 4.4.3). */
void cc_restart(struct cc *, uint32_t init_cwnd);
/* unit * acked / cwnd of growth for the bytes collected in *acked, which keeps the remainder. */
uint32_t cc_grow_by(uint32_t cwnd, uint32_t unit, uint32_t *acked);

#endif
