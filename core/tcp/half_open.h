/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN-RECEIVED as a small value (RFC 9293 3.10.7.4, RFC 4987 3.4): what a listener keeps of a SYN
 * until the handshake's last ACK makes a connection of it. The owner keeps addresses and timers.
 * Simultaneous opens are not concerned: they have a tcb.
 */
#ifndef TCP_HALF_OPEN_H
#define TCP_HALF_OPEN_H

#include "tcp/tcp.h"

enum { /* tcp_half.flags: what both sides agreed on, and what became of the SYN/ACK */
       HALF_TS = 0x01,
       HALF_SACK = 0x02,
       HALF_WSCALE = 0x04,
       HALF_ECN = 0x08,
       HALF_AGAIN = 0x10,   /* it was sent more than once: measures nothing (Karn) */
       HALF_LOST = 0x20,    /* its timer fired (RFC 5681 3.1) */
       HALF_COOKIE = 0x40,  /* nobody knows when it was sent: it was a cookie */
       HALF_FASTOPEN = 0x80 /* the SYN asked for a fast-open cookie */
};

struct tcp_half {
	tcp_seq iss, irs;
	uint32_t ts_recent, ts_offset;
	uint32_t sent_us; /* microsecond clock when the first SYN/ACK left; the owner sets it */
	uint16_t mss;	  /* the peer's */
	uint8_t wscale : 4, rcv_wscale : 4; /* the peer's, and the SYN/ACK's */
	uint8_t flags;
};

struct tcp_host { /* what all connections of a listener have in common */
	const struct tcp_config *cfg;
	uint32_t rcvbuf; /* as tcp_open.rcvbuf */
	uint16_t mss;	 /* as tcp_open.mss */
};

/* syn was accepted by tcp_listen_input. */
void tcp_half_open(struct tcp_half *, const struct tcp_config *, const struct tcp_open *,
		   const struct tcp_seg *syn, mt_time now);
void tcp_half_syn_ack(const struct tcp_half *, const struct tcp_host *, mt_time now,
		      struct tcp_seg *out);

enum tcp_half_verdict {
	TCP_HALF_DROP,
	TCP_HALF_REPLY,	    /* send *reply: a RST */
	TCP_HALF_CHALLENGE, /* a challenge ACK, unless one left not long ago (RFC 5961 7) */
	TCP_HALF_AGAIN,	    /* the SYN again: answer it again, as often as a challenge */
	TCP_HALF_GONE,	    /* reset by the peer */
	TCP_HALF_OPEN	    /* tcp_open_half makes a connection of it */
};

/* drop: the reason, unless OPEN or GONE. */
enum tcp_half_verdict tcp_half_input(struct tcp_half *, const struct tcp_host *,
				     const struct tcp_seg *, struct tcp_seg *reply,
				     enum tcp_drop *drop);
/* An ACK that asks what a peer means that knows of the connection (RFC 5961). */
void tcp_half_challenge(const struct tcp_half *, const struct tcp_host *, mt_time now,
			struct tcp_seg *out);
/* What tells the peer that its handshake is given up. */
void tcp_half_reset(const struct tcp_half *, struct tcp_seg *out);

/* seg was answered OPEN. State ESTABLISHED; payload and FIN of seg are still to be given to
 * tcp_input.
 */
void tcp_open_half(struct tcb *, const struct tcp_host *, const struct tcp_half *,
		   const struct tcp_seg *seg, mt_time now);

#endif
