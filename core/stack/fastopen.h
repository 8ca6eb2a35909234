/* SPDX-License-Identifier: BSD-3-Clause */
/* Cookies of TCP fast open (RFC 7413): those we give, and those we were given. */
#ifndef STACK_FASTOPEN_H
#define STACK_FASTOPEN_H

#include <stdbool.h>

#include "base/hash.h"
#include "base/time.h"
#include "wire/wire.h"

#define FASTOPEN_LEN	 8u /* of our cookies */
#define FASTOPEN_ENTRIES 64 /* servers whose cookies a core remembers */

struct stack_core;
struct conn;

struct fastopen_cookie {
	uint8_t b[FASTOPEN_LEN];
};

struct fastopen_entry {
	struct ip_addr server; /* unspecified: free */
	mt_time used_at;
	mt_time good_at; /* not before: data in a SYN was lost (RFC 7413 4.1.3.1) */
	uint16_t mss;
	uint8_t cookie_len; /* 0: none yet */
	uint8_t n_lost;	    /* in a row */
	uint8_t cookie[TCP_COOKIE_MAX];
};

/* ---- server ---- */
/* Adds the cookie of this client to a SYN/ACK; *fc outlives its use. */
void fastopen_grant(const struct stack_core *, const struct ip_addr *client,
		    struct fastopen_cookie *fc, mt_time now, struct tcp_seg *syn_ack);
/* The SYN carries a cookie of ours for its sender. */
bool fastopen_valid(const struct stack_core *, const struct ip_addr *client,
		    const struct tcp_seg *syn, mt_time now);

/* ---- client ---- */
/* The connection was just opened: its SYN asks for a cookie or, with one, waits for data. 0,
 * EOPNOTSUPP, EINVAL. */
int fastopen_start(struct stack_core *, struct conn *, mt_time now);
/* Its SYN leaves. */
__attribute__((cold)) void fastopen_fill(struct stack_core *, const struct conn *,
					 struct tcp_seg *syn);
/* The answer brings a cookie, or says that data in a SYN gets through. */
void fastopen_learn(struct stack_core *, const struct conn *, const struct tcp_seg *syn_ack,
		    mt_time now);
/* The SYN had to be sent again. */
void fastopen_lost(struct stack_core *, const struct conn *, mt_time now);

#endif
