/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection (RFC 9293). Verbs and a deadline: it never sends, never reads a clock, never allocates,
 * and never touches payload: it works on sequence numbers and tells its owner which bytes go where.
 *
 * The owner (stack) keeps two byte queues per connection:
 *   send buffer: bytes the application wrote and the peer has not acknowledged. Offset 0 is the oldest.
 *   receive buffer: offset 0 is the oldest byte the application has not read.
 * and calls, each in O(1) or O(blocks) with at most TCP_OOO_RANGES blocks:
 *   segment arrives -> [tcp_wants_in -> attach: own.h] -> tcp_input -> apply the events
 *   deadline passed -> tcp_timeout -> apply the events
 *   application     -> tcp_append / tcp_consumed / tcp_shutdown / tcp_close / tcp_abort
 *   after each of them: tcp_pending says on which transmit list the connection belongs;
 *   the list's turn -> tcp_output, repeatedly, until tcp_pending is TCP_TX_NONE or the device is full.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "base/time.h"
#include "wire/wire.h"

enum tcp_state { /* RFC 9293 3.3.2; LISTEN and TIME-WAIT are records of the stack, not of a tcb */
	TCPS_CLOSED,
	TCPS_SYN_SENT,
	TCPS_SYN_RCVD,
	TCPS_ESTABLISHED,
	TCPS_FIN_WAIT_1,
	TCPS_FIN_WAIT_2,
	TCPS_CLOSE_WAIT,
	TCPS_CLOSING,
	TCPS_LAST_ACK,
	TCPS_TIME_WAIT, /* only for an instant: see TCP_EV_TIME_WAIT */
	TCPS_COUNT
};

const char *tcp_state_name(enum tcp_state);

struct cc_ops;
#define CC_ALGORITHMS(X) X(cubic) X(newreno) X(dctcp) X(bbr) /* cc_<name>.c */
#define CC_DECLARE(name) extern const struct cc_ops cc_##name;
CC_ALGORITHMS(CC_DECLARE)
/* NULL if unknown. Names: "cubic", "reno", "dctcp", "bbr". */
const struct cc_ops *cc_by_name(const char *name);
const char *cc_name(const struct cc_ops *);

enum tcp_ecn { /* RFC 3168; the values of Linux's tcp_ecn */
	TCP_ECN_OFF,
	TCP_ECN_ASK,    /* in every SYN of ours, and accepted from others */
	TCP_ECN_ACCEPT  /* used if the peer asks */
};

/* Constant while any connection uses it. */
struct tcp_config {
	uint32_t rcvbuf, sndbuf;    /* bytes; bounds of the two queues and of the offered window */
	/* Auto-tuning makes them larger up to this, where the path needs it; 0: they stay as they are. */
	uint32_t rcvbuf_max, sndbuf_max;
	uint32_t rto_min_ms;        /* 200 */
	uint32_t rto_init_ms;       /* 1000 (RFC 6298 2.1) */
	uint32_t rto_max_ms;        /* 120000 */
	uint32_t delack_ms;         /* 40 */
	uint32_t fin_wait2_ms;      /* 60000: orphaned FIN-WAIT-2 */
	uint32_t user_timeout_ms;   /* 0: by number of retries */
	uint32_t keep_idle_ms, keep_interval_ms;
	uint8_t keep_probes;
	uint8_t syn_retries, data_retries; /* 6, 15 */
	uint8_t orphan_retries;     /* 8, 102 s at least: the same once the application has closed */
	uint8_t init_cwnd;          /* 10 segments (RFC 6928) */
	uint8_t quick_acks;         /* segments acknowledged at once at the start of a connection, 16 */
	uint8_t ecn;                /* enum tcp_ecn; TCP_ECN_ACCEPT */
	bool mtu_probing;           /* segments that time out again and again become smaller */
	bool timestamps, sack, wscale;
	bool pacing;                /* also for an algorithm that does not ask for it */
	bool nodelay;               /* TCP_NODELAY of a new connection */
	bool fast_path;             /* false: every segment takes the slow path */
	const struct cc_ops *cc;
};

extern const struct tcp_config tcp_config_default;

/* What the owner chooses for a new connection. */
struct tcp_open {
	tcp_seq iss;         /* RFC 6528 */
	uint32_t ts_offset;  /* added to the millisecond clock in TSval */
	uint16_t mss;        /* largest payload the path's MTU lets us receive and send, options not counted */
	uint16_t mss_default; /* of a peer that names none (RFC 9293 3.7.1): 0: IPv4's 536 */
	uint32_t rcvbuf;     /* set for it, and auto-tuning leaves it alone; 0: as configured */
};

/* Reasons of a drop: counted by the owner. */
enum tcp_drop {
	TCP_DROP_NONE,
	TCP_DROP_SEQ,
	TCP_DROP_ACK,
	TCP_DROP_PAWS,
	TCP_DROP_RST,
	TCP_DROP_SYN,
	TCP_DROP_STATE,
	TCP_DROP_OOO_FULL,
	TCP_DROP_AFTER_CLOSE,
	TCP_DROP_NO_ROOM,
	TCP_DROP_COUNT
};

enum { /* tcp_events.flags */
	TCP_EV_ESTABLISHED = 0x0001, /* handshake done, either side */
	TCP_EV_READABLE    = 0x0002, /* n_readable > 0 */
	TCP_EV_EOF         = 0x0004, /* the peer's FIN is in order; no byte follows */
	TCP_EV_WRITABLE    = 0x0008, /* the send buffer may have room: n_acked > 0, or SACK */
	TCP_EV_ERROR       = 0x0010, /* the connection is dead; error says why */
	TCP_EV_CLOSED      = 0x0020, /* state CLOSED: the tcb is never used again; release it (send what
	                              * tcp_pending still asks for first: a RST) */
	TCP_EV_TIME_WAIT   = 0x0040, /* turn it into a tcp_tw record (tcp_tw_init) and release the tcb, once
	                              * tcp_pending's ACK has been sent */
	TCP_EV_FAST        = 0x0080, /* the fast path took it */
	TCP_EV_RETRANSMIT  = 0x0100, /* loss recovery was entered by this segment */
	TCP_EV_RTO         = 0x0200, /* the retransmission timer fired */
	TCP_EV_CHALLENGE   = 0x0400, /* a challenge ACK was scheduled */
	TCP_EV_DELACK      = 0x0800, /* the delayed-ACK timer fired */
	TCP_EV_PROBE       = 0x1000, /* the persist or keepalive timer fired */
	TCP_EV_ECE         = 0x2000, /* an ECE reduced the congestion window */
	TCP_EV_RCVBUF      = 0x4000, /* the receive buffer bounds the peer: tcp_grow_rcvbuf is worth it */
	TCP_EV_BLACK_HOLE  = 0x8000, /* full segments seem to vanish: they are smaller now */
	TCP_EV_TLP         = 0x10000, /* the probe timeout passed */
	TCP_EV_UNDO        = 0x20000 /* a recovery turned out needless and was taken back */
};

struct tcp_events {
	uint32_t flags;
	uint8_t drop;        /* enum tcp_drop */
	uint8_t error;       /* errno for the application: ECONNRESET, ETIMEDOUT, ECONNREFUSED ... */
	/* Payload to store: bytes [data_skip, data_skip + data_len) of the segment belong data_off bytes
	 * behind the last in-order byte of the receive buffer as it was before the call. */
	uint16_t data_skip, data_len;
	uint32_t data_off;
	uint32_t n_readable; /* bytes that became in-order, earlier out-of-order ones included */
	uint32_t n_acked;    /* bytes to drop from the front of the send buffer */
};

enum tcp_tx { /* the transmit list a connection belongs to (paper 3.4: control before ACK before data) */
	TCP_TX_NONE,
	TCP_TX_CONTROL, /* SYN, SYN/ACK, FIN without data, RST */
	TCP_TX_ACK,
	TCP_TX_DATA
};

enum tcp_option {
	TCP_OPT_NODELAY, TCP_OPT_CORK,
	TCP_OPT_KEEPALIVE,       /* on/off */
	TCP_OPT_KEEPIDLE_MS, TCP_OPT_KEEPINTVL_MS, TCP_OPT_KEEPCNT,
	TCP_OPT_USER_TIMEOUT_MS,
	TCP_OPT_MAXSEG,          /* before the SYN: upper bound, later without effect; get: what is in use */
	TCP_OPT_RCVBUF,          /* set: auto-tuning of it ends; get: the present bound */
	TCP_OPT_SNDBUF,          /* the same */
	TCP_OPT_FASTOPEN,        /* the stack's: on a connection just opened; get: its SYN waits for data */
	TCP_OPT_FASTOPEN_QUEUE   /* of a listener: connections open before their handshake */
};

/* Bounds on out-of-order state; it lives in the cold object. */
#define TCP_OOO_RANGES 64

struct tcb;      /* tcp/tcb.h; plain memory, no destructor */
struct tcp_own;  /* tcp/tcb.h: options of its own, congestion control's state; absent until needed */
struct tcp_cold; /* tcp/tcb.h: out-of-order ranges, SACK scoreboard, times of transmission; absent until needed */

/* ---- opening ---- */
/* Active: state SYN-SENT, a SYN pending. */
void tcp_open_active(struct tcb *, const struct tcp_config *, const struct tcp_open *, mt_time now);
/* Passive: syn was accepted by tcp_listen_input; state SYN-RCVD, a SYN/ACK pending. */
void tcp_open_passive(struct tcb *, const struct tcp_config *, const struct tcp_open *,
		      const struct tcp_seg *syn, mt_time now);

/* RFC 9293 3.10.7.2 for a listener. */
enum tcp_listen_verdict { TCP_LISTEN_DROP, TCP_LISTEN_RESET, TCP_LISTEN_OPEN };
enum tcp_listen_verdict tcp_listen_input(const struct tcp_seg *);
/* The RST that answers a segment for which there is no connection (3.10.7.1); false: none is due. */
bool tcp_reset_reply(const struct tcp_seg *in, struct tcp_seg *out);

/* ---- the connection ---- */
struct tcp_events tcp_input(struct tcb *, const struct tcp_seg *, mt_time now);
/* Fires what is due. Harmless when nothing is. */
struct tcp_events tcp_timeout(struct tcb *, mt_time now);
/* Call tcp_timeout no later than this; MT_NEVER if nothing is timed. */
mt_time tcp_deadline(const struct tcb *, mt_time now);
enum tcp_tx tcp_pending(const struct tcb *, mt_time now);
/* The next segment, or false. With it, seq/ack/wnd/flags/options and data_off/len are set. The caller
 * does send it: state advances here. */
bool tcp_output(struct tcb *, mt_time now, struct tcp_seg *out);
/* True if the segment last given by tcp_output was (in part) sent before. */
bool tcp_was_retransmit(const struct tcb *);

/* ---- the application's side ---- */
/* n bytes were appended to the send buffer (n <= tcp_snd_room). */
void tcp_append(struct tcb *, uint32_t n, mt_time now);
/* The same, and more will follow (MSG_MORE): as corked until the next tcp_append. */
void tcp_append_more(struct tcb *, uint32_t n, mt_time now);
uint32_t tcp_snd_room(const struct tcb *); /* 0 when the send side is closed */
/* n bytes left the front of the receive buffer; may make a window update pending. */
void tcp_consumed(struct tcb *, uint32_t n, mt_time now);
/* No more data from us: FIN behind what is buffered. Idempotent. */
void tcp_shutdown(struct tcb *, mt_time now);
/* The application is gone and has read everything; more of what it wrote is appended, then tcp_close. */
void tcp_orphan(struct tcb *, mt_time now);
/* The application is gone. As shutdown; but with unread data in the receive buffer, a RST (RFC 2525 2.17);
 * later data from the peer is answered by a RST. True: events as in TCP_EV_CLOSED are due at once. */
bool tcp_close(struct tcb *, mt_time now);
/* The same of data that the owner took with tcp_consumed, but the application never read. */
bool tcp_close_unread(struct tcb *);
/* RST if the state asks for one, then CLOSED (RFC 9293 3.10.5). */
void tcp_abort(struct tcb *, mt_time now);
/* 0 or -errno. */
int tcp_set_option(struct tcb *, enum tcp_option, uint32_t value, mt_time now);
uint32_t tcp_get_option(const struct tcb *, enum tcp_option);
/* At any time; the window stays. 0, -ENOENT (NULL) or -ENOBUFS. */
int tcp_set_cc(struct tcb *, const struct cc_ops *, mt_time now);
const struct cc_ops *tcp_get_cc(const struct tcb *);

/* ---- TIME-WAIT as a record (RFC 9293 3.10.7.8, 6191, 1337) ---- */
struct tcp_tw {
	tcp_seq snd_nxt, rcv_nxt;
	uint32_t ts_recent;  /* peer's clock */
	uint32_t ts_last;    /* our last TSval */
	uint32_t ts_offset;
	uint16_t wnd;
	bool ts_on;
};

enum tcp_tw_verdict {
	TCP_TW_DROP,
	TCP_TW_ACK,     /* the FIN again: send *reply, restart the 2MSL timer */
	TCP_TW_CHALLENGE, /* send *reply, but not often (RFC 5961 7) */
	TCP_TW_REUSE    /* a SYN that may open a new connection: if a listener accepts it, delete the record;
	                 * if none is there, send *reply */
};

void tcp_tw_init(struct tcp_tw *, const struct tcb *, mt_time now);
enum tcp_tw_verdict tcp_tw_input(const struct tcp_tw *, const struct tcp_seg *, mt_time now,
				 struct tcp_seg *reply);
/* May this host reuse the record's ports for an active open now, and with which first sequence number?
 * (timestamps in use and our millisecond clock has advanced: RFC 6191 mirrored; RFC 7323 appendix B.2 (b)) */
bool tcp_tw_reusable(const struct tcp_tw *, mt_time now, tcp_seq *min_iss);
/* The least first sequence number of the next connection on these ports, whoever opens it (RFC 9293
 * 3.10.7.4, RFC 1122 4.2.2.13). */
tcp_seq tcp_tw_min_iss(const struct tcp_tw *);

#endif
