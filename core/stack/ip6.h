/* SPDX-License-Identifier: BSD-3-Clause */
/* What the IPv6 files of core/stack offer each other and the rest. */
#ifndef STACK_IP6_H
#define STACK_IP6_H

#include "stack/core.h"

/* ---- ip_out.c ---- */
/* Headers in front of ip->payload_len bytes that stand behind them in the frame, and off it goes.
 */
void ip_out_v6(struct stack_core *, uint8_t *frame, const struct eth_addr *to,
	       const struct ip_hdr *);

/* ---- input6.c, icmp6.c, ndp.c ---- */
/* An IPv6 packet from r->from, in a frame to a group or to this station. True: a TCP segment for
 * one of our addresses, parsed into *r. */
struct rx_ip {
	const uint8_t *p;
	size_t len;
	unsigned l4_flags; /* WIRE_CSUM_OK */
	bool group;
};
bool input_v6(struct stack_core *, const struct rx_ip *, struct rx_seg *r, mt_time now);
void icmp6_input(struct stack_core *, const struct ip_hdr *, const struct eth_addr *from,
		 mt_time now);
/* Tells the sender of packet p what was wrong with it: in->bad_code at in->bad_at. */
void icmp6_problem(struct stack_core *, const uint8_t *p, const struct ip_hdr *in,
		   const struct eth_addr *from, mt_time now);
void ndp_input(struct stack_core *, const struct ip_hdr *, const struct eth_addr *from,
	       mt_time now);
/* Asks whether somebody else has our i-th address. */
void ndp_probe(struct stack_core *, uint8_t *frame, uint16_t i, mt_time now);
void ndp_advertise(struct stack_core *, uint8_t *frame, const struct neigh_answer *, mt_time now);
void ndp_solicit(struct stack_core *, const struct neigh *, uint8_t *frame);
void ndp_ask_routers(struct stack_core *, uint8_t *frame, mt_time now);

#endif
