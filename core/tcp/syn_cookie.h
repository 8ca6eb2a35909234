/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 3.6): a SYN/ACK whose sequence number lets its ACK open a connection of
 * which nothing was kept. Its bits: five of a 64 s clock, three of an index of segment sizes, 24 of
 * a keyed hash over both, the flow and the peer's sequence number. Each period of the clock has a
 * random key of its own, and only those of this and the last one are kept: a cookie is good for 64
 * to 128 s, and no older one can be told from a forgery. With timestamps the low six bits of TSval
 * carry window scale, SACK and ECN; without them none of the three is agreed on.
 */
#ifndef TCP_SYN_COOKIE_H
#define TCP_SYN_COOKIE_H

#include "base/hash.h"
#include "base/rng.h"
#include "tcp/half_open.h"

struct tcp_cookies {
	struct siphash_key key[2]; /* of the even and the odd period */
	uint32_t period;	   /* the latest of the two */
	bool sent[2];		   /* a cookie, in that period */
};

struct tcp_cookie_flow { /* what both directions need to know besides the segment */
	struct tcp_host host;
	const struct flow *flow;
	mt_time now;
	uint32_t ts_offset; /* the flow's, as in tcp_open */
};

void tcp_cookie_init(struct tcp_cookies *, struct rng *);
/* h is what tcp_half_open made of a SYN; what a cookie cannot carry is taken out of it. rng gives
 * the keys of new periods. */
void tcp_cookie_make(struct tcp_cookies *, struct rng *, const struct tcp_cookie_flow *,
		     struct tcp_half *, struct tcp_seg *syn_ack);
/* Could an ACK that comes now answer a cookie at all? */
bool tcp_cookie_expected(const struct tcp_cookies *, mt_time now);
/* True: seg, an ACK without SYN or RST for which there is no connection, answers a cookie of ours;
 * *h is what it carries. */
bool tcp_cookie_check(const struct tcp_cookies *, const struct tcp_cookie_flow *,
		      const struct tcp_seg *seg, struct tcp_half *h);

#endif
