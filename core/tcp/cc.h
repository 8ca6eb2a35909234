/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control answers "how much" and, if it paces, "how fast", never "which segment". A new
 * one is one file: a const vtable and, if it needs state, a member of the union
 * (docs/congestion-control.md). Windows are bytes; no allocation, no clock.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "base/time.h"
#include "tcp/rtt.h"

/* Bound of cwnd: the largest window a peer can offer (RFC 7323 2.3). Keeps all arithmetic in 64
 * bits. */
#define CC_CWND_MAX (1u << 30)

struct cc_hystart {		  /* RFC 9406 4.2 */
	uint32_t left;		  /* bytes to be acknowledged until the round ends */
	uint32_t last_us, min_us; /* smallest round trip of the last round, of this one; 0: none */
	uint32_t baseline_us;	  /* ... when conservative slow start began */
	uint8_t n_samples, n_rounds;
	bool css; /* conservative slow start */
};

struct cc_cubic_state {	  /* RFC 9438 */
	mt_time epoch_at; /* 0: no epoch */
	mt_time last_at;  /* last ACK or end of an idle time in this epoch */
	union {
		struct {
			uint32_t w_max; /* bytes */
			uint32_t w_est; /* Reno-friendly estimate, bytes */
			uint32_t k_ms;
			uint32_t cwnd_prior; /* cwnd before the last reduction */
			uint32_t acked_est;  /* bytes acked not yet turned into w_est growth */
		};
		struct cc_hystart hystart; /* while ssthresh is UINT32_MAX */
	};
};

/* What a receiver still has to tell of changes of CE (RFC 8257 3.2): an ACK for each. */
#define CC_ECHOES 4
struct cc_echoes {
	tcp_seq to[CC_ECHOES];
	uint8_t n;
	uint8_t ece; /* bit i: with to[i] */
};

struct cc_dctcp_state { /* RFC 8257 3.3, over one window of data */
	uint32_t alpha; /* 2^20 is 1 */
	uint32_t n_acked, n_marked;
	uint32_t window; /* bytes that were in flight when it began */
	struct cc_echoes echoes;
};

#define CC_BBR_ROUNDS 10

struct cc_bbr_state {
	uint64_t bw[CC_BBR_ROUNDS]; /* largest rate of each of the last rounds, bytes/s */
	uint64_t full_bw, rate;	    /* rate: that data leaves at */
	mt_time min_rtt_at, cycle_at, probe_done_at;
	mt_time bw_at;		  /* bw was confirmed, or halved because it was not */
	uint32_t round, bw_round; /* numbers of rounds: the current, the last with a sample */
	uint32_t next_round;	  /* begins when this much more was delivered */
	uint32_t min_rtt_us;
	uint32_t probe_end;   /* what was sent up to here was bounded by PROBE_RTT */
	uint32_t newreno_end; /* ... or left in a recovery without SACK */
	uint32_t prior_cwnd;
	uint8_t mode, cycle, n_full;
	bool filled, limited, restarting;
	bool round_start, probe_round, probe_limited, held;
	bool recovering, conserving, conserve_next;
};

/* State that is too large for every connection: part of the cold object. */
union cc_cold {
	struct cc_bbr_state bbr;
};

union cc_state { /* all zero at the start, but for dctcp */
	struct cc_cubic_state cubic;
	struct cc_dctcp_state dctcp;
	union cc_cold *cold; /* cc_ops.cold; NULL while there is none */
};

struct cc {
	const struct cc_ops *ops;
	uint32_t cwnd;	   /* bytes */
	uint32_t ssthresh; /* bytes; UINT32_MAX at the start (RFC 5681 3.1) */
	uint32_t mss;
	uint32_t acked; /* bytes acked not yet turned into growth (RFC 3465 style counting) */
	union cc_state u;
};

/* A sample of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation). */
struct cc_rate {
	uint32_t n_bytes;	  /* newly delivered, by number and by SACK */
	uint32_t total;		  /* ... since the start, modulo 2^32 */
	uint32_t prior_delivered; /* total when the newest of these bytes left */
	uint32_t delivered;	  /* bytes delivered since, */
	uint32_t interval_us;	  /* in this time */
	bool app_limited;	  /* the application bounded the rate */
};

struct cc_ack {
	uint32_t n_acked;  /* bytes newly acknowledged by number */
	uint32_t flight;   /* bytes in flight before this ACK */
	bool cwnd_limited; /* the window, not the application, bounded the flight (RFC 7661's
			    * condition) */
	bool ece;	   /* it says ECE, and ECN is in use */
	uint32_t rtt_us;   /* of the newest byte; 0: not measured. on_ack: only in slow start */
	const struct rtt *rtt;
	mt_time now;
	/* on_sample only: */
	bool in_recovery;
	bool newreno;	 /* ... without SACK: its rate is not the path's */
	uint32_t n_lost; /* bytes found lost since the last one, but for those of on_loss */
	uint32_t pipe;	 /* bytes believed in the network after this ACK */
	const struct cc_rate *rate; /* NULL: not measured */
};

enum cc_ecn {
	CC_ECN_CLASSIC, /* as the peer asks (RFC 3168) */
	CC_ECN_EXACT	/* asked for; every mark is echoed, and no other byte (RFC 8257 3.2) */
};

/* All but init, on_ack, on_loss, on_rto and on_idle may be NULL. */
struct cc_ops {
	const char *name;
	/* After cwnd, ssthresh and mss are set; at any time of a connection. Leaves them alone. */
	void (*init)(struct cc *);
	/* The segment size, `from` before, is another one, and the windows with it. NULL: init. */
	void (*resize)(struct cc *, uint32_t from);
	/* New data is acknowledged, without ECE, outside fast recovery. */
	void (*on_ack)(struct cc *, const struct cc_ack *);
	/* Fast recovery begins: sets ssthresh and cwnd. flight: with own_window without what is
	 * lost or SACKed, if that is known. */
	void (*on_loss)(struct cc *, uint32_t flight, mt_time now);
	/* First timeout of a series. */
	void (*on_rto)(struct cc *, uint32_t flight, mt_time now);
	/* Restart after idle (RFC 5681 4.1). */
	void (*on_idle)(struct cc *, uint32_t init_cwnd, mt_time idle_since, mt_time now);
	/* ECE, once per window of data. NULL: no data of ours is ECT. The same as on_loss: a loss
	 * in the same window is no further news (RFC 3168 6.1.2). */
	void (*on_ece)(struct cc *, uint32_t flight, mt_time now);
	/* Another one, without own_window, takes over: leaves in ssthresh what the path takes. */
	void (*handover)(struct cc *);
	/* Every ACK of ESTABLISHED and later, also in recovery, after on_ack and on_loss, before
	 * on_ece. */
	void (*on_sample)(struct cc *, const struct cc_ack *);
	/* The last loss or timeout was none; the windows are what they were before it. */
	void (*undo)(struct cc *, const struct cc *before);
	/* Bytes per second, 0: not paced now. NULL: paced by the window if the configuration says
	 * so. */
	uint64_t (*pacing_rate)(const struct cc *, const struct rtt *);
	enum cc_ecn ecn;
	bool cold; /* has state in u.cold, for which it needs the cold object */
	/* Until the first loss it is slow start (RFC 5681 3.1, L = 8) and needs no state, at least
	 * while rtt_us is 0: a connection may begin without (tcp/window.h). */
	bool plain_start;
	bool own_window; /* in a recovery, too, cwnd is what the algorithm says */
};

/* init_cwnd_segs segments, as RFC 6928 2 bounds ten of them. */
uint32_t cc_initial_window(uint32_t mss, uint8_t init_cwnd_segs);
/* That window, and the algorithm's start. */
void cc_init(struct cc *, const struct cc_ops *, uint32_t mss, uint8_t init_cwnd_segs);
void cc_set_mss(struct cc *, uint32_t mss); /* keeps the window in segments */
/* The last loss or timeout was none: as before it (RFC 4015, RFC 9438 4.9), but no smaller than
 * now. */
void cc_undo(struct cc *, const struct cc *before);

/* ---- for the algorithms ---- */
/* As many segments of size `to` as the window has of size `from`. */
uint32_t cc_rescale(uint32_t window, uint32_t from, uint32_t to);
/* Reno's answers, which others share (RFC 5681 3). */
void cc_reno_on_ack(struct cc *, const struct cc_ack *);
void cc_reno_on_loss(struct cc *, uint32_t flight, mt_time now);
void cc_reno_on_rto(struct cc *, uint32_t flight, mt_time now);
void cc_reno_on_idle(struct cc *, uint32_t init_cwnd, mt_time idle_since, mt_time now);
#define CC_SLOW_START_SEGS 8u
/* Exponential growth below ssthresh, returns bytes of n_acked left over. One ACK counts for at most
 * 8 segments (RFC 9406 4.2, L without pacing), so that a stretch ACK does not make a burst of its
 * size. */
uint32_t cc_slow_start(struct cc *, uint32_t n_acked);
/* An ACK of the first slow start, with HyStart++. True: it is over, ssthresh is cwnd. */
bool cc_hystart(struct cc *, struct cc_hystart *, const struct cc_ack *);
/* A reduction to num/den of the flight, at least 2 segments. What limited transmit added does not
 * count (RFC 5681 3.2 step 2), hence no more than cwnd. */
uint32_t cc_reduced(const struct cc *, uint32_t flight, uint32_t num, uint32_t den);
/* Restart window (RFC 5681 4.1); ssthresh remembers what the path once took (RFC 7661 4.4.3). */
void cc_restart(struct cc *, uint32_t init_cwnd);
/* unit * acked / cwnd of growth for the bytes collected in *acked, which keeps the remainder. */
uint32_t cc_grow_by(uint32_t cwnd, uint32_t unit, uint32_t *acked);

#endif
