/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this core's IPv6 knows of its link: the link-local address (RFC 4862 5.3), and with
 * ipv6_autoconf what routers say: default routers, prefixes and the addresses made of them (RFC
 * 4861 6.3, RFC 4862 5.5). Lists are bounded: what a forged advertisement names beyond them is
 * passed over.
 */
#ifndef STACK_AUTOCONF_H
#define STACK_AUTOCONF_H

#include "stack/stack.h"
#include "stack/wheel.h"
#include "wire/ipv6.h"

#define AUTOCONF_ROUTERS  4u
#define AUTOCONF_PREFIXES 4u
#define AUTOCONF_ADDRS	  128u /* at a time: the others are for those that the owner asks for */

struct autoconf_router {
	struct ip_addr addr;
	mt_time until;
};

struct autoconf_prefix {
	struct ip_addr net;
	uint8_t len;
	uint16_t addr;			      /* index of the address made of it, or ADDR_NONE */
	mt_time on_link_until;		      /* 0: not said to be on link */
	mt_time valid_until, preferred_until; /* of the address */
};

struct autoconf {
	bool on;     /* IPv6 at all */
	bool rs_due; /* routers are to be asked */
	bool heard;  /* one has answered */
	uint8_t n_asked, n_routers, n_prefixes;
	uint8_t n_made; /* addresses, less those whose index is free again */
	bool sweeping;	/* addr_end.c */
	uint32_t swept;
	mt_time sweep_at, swept_at; /* the next one; when the last one may be followed */
	uint8_t hop_limit;
	uint16_t mtu;
	mt_time reachable, retrans; /* RFC 4861 10: 30 s, 1 s unless a router says otherwise */
	struct autoconf_router router[AUTOCONF_ROUTERS]; /* the first one is used */
	struct autoconf_prefix prefix[AUTOCONF_PREFIXES];
	struct wheel_node timer;
};

struct stack_core;

/* After the configured addresses and routes are in their tables. */
void autoconf_init(struct stack_core *);
void autoconf_input(struct stack_core *, const struct ip_hdr *, const struct ndp_msg *,
		    mt_time now);
/* Is no router any more (for good), or does not answer: another one is used. */
void autoconf_router_lost(struct stack_core *, const struct ip_addr *, bool for_good);
void autoconf_timer(struct stack_core *, mt_time now);
/* ---- addr_end.c ---- */
/* An address is none any more (RFC 4862 5.5.4): not recognised, and no source. Connections on it
 * end without a word, in the next turns; its index is free when nothing names it. */
void addr_end(struct stack_core *, uint16_t i, mt_time now);
/* A bounded part of that. Call again no later than addr_end_next. */
void addr_end_work(struct stack_core *, mt_time now);
mt_time addr_end_next(const struct stack_core *, mt_time now);

/* ---- autoconf.c ---- */
/* Asks for routers, if that is due. */
void autoconf_tx(struct stack_core *, mt_time now);

#endif
