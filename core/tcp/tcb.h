/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection block. Private to core/tcp except for its size: the owner embeds a struct tcb,
 * reads a field here and there, and changes it by the calls of tcp.h, place.h and usual.h only.
 *
 * Sequence space of the send side:
 *
 *      snd_una            rxt_nxt            snd_nxt            snd_end
 *   ------|------------------|------------------|------------------|-- FIN
 *    acked  sent once or more  sent, perhaps lost   written, not sent
 *
 * snd_nxt is the highest sequence number sent plus one and never moves back; what has to be sent
 * again lies below it and is recovery's business. The SYN stands at snd_una while the state is
 * SYN-SENT or SYN-RCVD.
 */
#ifndef TCP_TCB_H
#define TCP_TCB_H

#include <stddef.h>

#include "base/seq.h"
#include "base/time.h"
#include "tcp/cc.h"
#include "tcp/ooo.h"
#include "tcp/prr.h"
#include "tcp/rack.h"
#include "tcp/rtt.h"
#include "tcp/sack.h"
#include "tcp/tcp.h"
#include "tcp/undo.h"
#include "tcp/xmit.h"

_Static_assert(TCP_OOO_RANGES == OOO_RANGES, "one bound, two headers");

/* Loss recovery: what the sender believes about the bytes between snd_una and snd_nxt. */
enum tcp_phase {
	PHASE_OPEN,	/* in flight */
	PHASE_RECOVERY, /* fast recovery until snd_una reaches recover (RFC 6582, 6675) */
	PHASE_LOSS /* after a timeout: all below recover is lost unless SACKed or past rxt_nxt */
};

/* tcb.flags */
enum {
	TF_ACTIVE = 1u << 0,  /* opened by us */
	TF_TS = 1u << 1,      /* timestamps negotiated */
	TF_SACK = 1u << 2,    /* SACK negotiated */
	TF_WSCALE = 1u << 3,  /* window scaling negotiated */
	TF_NODELAY = 1u << 4, /* options of the application */
	TF_CORK = 1u << 5,
	TF_KEEPALIVE = 1u << 6,
	TF_FIN = 1u << 7,     /* a FIN follows snd_end */
	TF_ORPHAN = 1u << 8,  /* the application has closed */
	TF_SYN_DUE = 1u << 9, /* to be sent at the next turn */
	TF_ACK_NOW = 1u << 10,
	TF_RST_DUE = 1u << 11,	  /* state CLOSED: a last RST; seq is rxt_nxt */
	TF_STRAY_RST = 1u << 12,  /* answers a bad ACK during the handshake; seq is rxt_nxt */
	TF_PROBE_DUE = 1u << 13,  /* window probe */
	TF_KEEP_DUE = 1u << 14,	  /* keepalive probe */
	TF_RXT_HEAD = 1u << 15,	  /* the segment at snd_una, whatever the congestion window says */
	TF_PERSIST = 1u << 16,	  /* rxt_at_us is the persist timer, not the retransmission timer */
	TF_PROBED = 1u << 17,	  /* what is in flight is a probe beyond the window */
	TF_CORK_TIMED = 1u << 18, /* idle_at_ms bounds the wait of a corked segment */
	TF_CORK_FLUSH = 1u << 19, /* that bound has passed */
	TF_TIMING = 1u << 20,	  /* rtt_seq is being timed */
	TF_SYN_RXT = 1u << 21,	  /* the SYN was sent more than once */
	TF_LAST_RXT = 1u << 22,	  /* see tcp_was_retransmit */
	TF_TLP_DUE = 1u << 23,	  /* a tail loss probe */
	TF_RENO_HOLD = 1u << 24,  /* RFC 6582 4: duplicates of the last recovery may still come */
	TF_CWND_FULL = 1u << 25,  /* the congestion window bounded the last sending */
	TF_RENO_PARTIAL = 1u << 26, /* NewReno: the first partial acknowledgment has been */
	TF_ECN = 1u << 27,	    /* ECN negotiated */
	TF_ECE = 1u << 28,	    /* our ACKs say ECE */
	TF_CWR = 1u << 29,	    /* an ECE has reduced the window for all below recover */
	TF_PTO = 1u << 30,	    /* rxt_at_us is the probe timeout (RFC 8985 7.2) */
	/* An ACK means more than its number: the cold object holds ranges, or a probe is out. */
	TF_HOLES = 1u << 31
};

enum {			       /* tcb.xflags: what is rarer still */
       XF_TLP = 1u << 0,       /* a tail loss probe is out */
       XF_TLP_AGAIN = 1u << 1, /* it was the last segment again (TLP.is_retrans) */
       XF_REO = 1u << 2,       /* rxt_at_us is RACK's reordering timer */
       XF_REORDERED = 1u << 3, /* RACK.reordering_seen */
       XF_OWN = 1u << 4,       /* wants a tcp_own, or its algorithm a tcp_cold, from the start */
       XF_MORE = 1u << 5,      /* TF_CORK is MSG_MORE's, not the option's */
       XF_CWR_DUE = 1u << 6,   /* the next new data says CWR */
       XF_PACE = 1u << 7,      /* a quantum has left: data waits until pace_at */
       XF_FASTOPEN = 1u << 8,  /* our SYN asks for a cookie or has one; passive: the SYN had one */
       XF_HOLD = 1u << 9,      /* that SYN waits for data to carry */
       XF_SYN_DATA = 1u << 10, /* and left with it */
       XF_RCVBUF = 1u << 11,   /* set by the application: no auto-tuning */
       XF_SNDBUF = 1u << 12,
       XF_MSS_CUT = 1u << 13,	/* the path takes less than mss_max, since mss_cut_s */
       XF_MSS_TRIAL = 1u << 14, /* ... perhaps; without the cut: it did until lately */
       XF_SLOW = 1u << 15	/* no fast path: the configuration says so */
};

/* Anything of these makes the next segment something else than data. */
#define TF_DUE                                                                                     \
	(TF_SYN_DUE | TF_ACK_NOW | TF_RST_DUE | TF_STRAY_RST | TF_PROBE_DUE | TF_KEEP_DUE |        \
	 TF_RXT_HEAD | TF_TLP_DUE)

/* What takes an open connection off its short ways (tcp/usual.h, tcp/message.h, tcp/place.h): a new
 * flag that the general way looks at belongs here, too. In: of segments that come. PLAIN: of what
 * is to be sent, when it is decided; OUT: when the segment is made. */
#define TF_IN_SPECIAL                                                                              \
	(TF_HOLES | TF_ECE | TF_CWR | TF_CORK | TF_CORK_TIMED | TF_PERSIST | TF_PROBED |           \
	 TF_RENO_HOLD | TF_RENO_PARTIAL | (TF_DUE & ~(uint32_t)TF_ACK_NOW))
#define TF_PLAIN_SPECIAL ((TF_DUE & ~(uint32_t)TF_ACK_NOW) | TF_HOLES | TF_CORK | TF_ECN)
#define TF_OUT_SPECIAL	 (TF_PLAIN_SPECIAL | TF_CORK_FLUSH | TF_ECE | TF_PERSIST | TF_PTO)
#define XF_IN_SPECIAL	 (XF_SLOW | XF_OWN | XF_MSS_CUT | XF_TLP)
#define XF_PLAIN_SPECIAL (XF_PACE | XF_SLOW)
#define XF_OUT_SPECIAL	 (XF_PLAIN_SPECIAL | XF_OWN)

/* What the windows of congestion control come to. The algorithm and its state are in the second
 * object; a connection without one is in its first slow start (tcp/window.h). */
struct tcp_window {
	uint32_t cwnd;	   /* bytes */
	uint32_t ssthresh; /* bytes; UINT32_MAX at the start (RFC 5681 3.1) */
	uint16_t mss;	   /* payload of a full segment without SACK blocks */
	uint16_t mss_max;  /* the same as the handshake set it */
};

/* Instants of a tcb are small: modulo 2^32, 0 for never (instant.h). */
struct tcb {
	/* line 0: the next segment in order, in and out */
	uint8_t state;	 /* enum tcp_state; written by tcp_set_state only */
	uint8_t n_keep;	 /* unanswered keepalive probes */
	uint8_t n_quick; /* segments still to be acknowledged at once */
	uint8_t snd_wscale : 4, rcv_wscale : 4;
	union {
		struct {
			uint8_t phase;	   /* enum tcp_phase */
			uint8_t n_retries; /* timeouts or unanswered probes in a row */
			uint16_t n_dup;	   /* duplicate ACKs */
		};
		uint32_t trouble; /* 0: none of them */
	};
	uint32_t flags;
	tcp_seq snd_una, snd_nxt, snd_end;
	uint32_t snd_wnd;
	tcp_seq snd_wl1;
	tcp_seq rcv_nxt;
	tcp_seq rcv_adv;     /* right edge of the window offered; never moves back */
	uint32_t rcv_unread; /* in-order bytes the application has not consumed */
	tcp_seq last_ack;    /* Last.ACK.sent (RFC 7323 4.3) */
	uint32_t ts_recent;
	uint32_t ts_offset;
	uint32_t last_rcv_ms; /* millisecond clock at the last acceptable segment */
	tcp_seq rtt_seq;      /* acknowledged when the timed segment is */

	/* line 1: the same, of timers, round trips and windows */
	const struct tcp_config *cfg;
	struct tcp_own *own; /* NULL: it has only what all have */
	uint32_t rxt_at_us;  /* retransmission or persist */
	uint32_t ack_at_us;  /* delayed ACK */
	struct rtt rtt;
	uint32_t rtt_us;      /* microsecond clock when the timed segment left */
	uint32_t max_snd_wnd; /* MAX.SND.WND (RFC 5961 5.2, RFC 1122 4.2.3.4) */
	struct tcp_window cc;
	uint32_t last_snd_ms; /* millisecond clock when data last left */
	uint32_t unacked_ms;  /* of the last progress while something is outstanding */

	/* half of line 2 */
	uint32_t rcvbuf;
	uint16_t xflags;
	uint16_t mss_seen; /* full segment of the peer's as it seems, to acknowledge every second */
	uint16_t mss_local; /* as announced; upper bound of what we send */
	uint16_t mss_cut_s; /* second clock modulo 2^16 of XF_MSS_CUT; without it, of its end */
	/* Receive auto-tuning: what the application had consumed at rcv_mark_ms (the millisecond
	 * clock), in units of RCV_MARK_UNIT. Both modulo 2^16. */
	uint16_t rcv_mark, rcv_mark_ms;
	uint32_t idle_at_ms;   /* keepalive, orphaned FIN-WAIT-2, cork: none is sooner */
	uint32_t challenge_ms; /* millisecond clock of the last rate-limited ACK */
	tcp_seq recover;       /* snd_nxt when the loss or, with TF_CWR, the ECE was noticed */
	union {
		tcp_seq rxt_nxt; /* HighRxt + 1: below it all that is lost was sent again */
		tcp_seq tlp_end; /* TLP.end_seq while XF_TLP, which a recovery ends */
	};
};

_Static_assert(offsetof(struct tcb, rtt_seq) == 60, "line 0");
_Static_assert(offsetof(struct tcb, cfg) == 64, "line 1");
_Static_assert(offsetof(struct tcb, rcvbuf) == 128, "half of line 2");
_Static_assert(sizeof(struct tcb) <= 160, "a connection must stay small");

/* What a connection that is short, idle and as configured does without: the state of congestion
 * control, options of its own, pacing. Attached like the cold object, which hangs on it. */
struct tcp_own {
	struct cc cc;	       /* between calls its windows are those of the tcb */
	struct tcp_cold *cold; /* NULL: none */
	mt_time pace_at;       /* by the schedule, when the next data leaves */
	uint32_t sndbuf;
	uint32_t user_timeout_ms;
	uint32_t keep_idle_ms, keep_interval_ms;
	uint8_t keep_probes;
};

struct tcp_cold {
	struct ooo_set ooo;
	struct seq_range dup; /* arrived twice, to be reported; empty: nothing */
	struct sack_board board;
	struct xmit xmit; /* of what lies between snd_una and snd_nxt */
	struct rack rack;
	struct prr prr;
	struct undo undo;
	union cc_cold cc;
	tcp_seq fin_seq; /* of a FIN that came out of order */
	bool fin_seen;
};

#endif
