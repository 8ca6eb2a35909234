/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP and ARP, private to core/stack. */
#ifndef STACK_CONTROL_H
#define STACK_CONTROL_H

#include "base/time.h"
#include "wire/wire.h"

struct neigh_answer;
struct stack_core;

/* Answers packet `in` to the station it came from; the message fits the MTU. */
void icmp_reply(struct stack_core *, const struct ip_hdr *in, const struct icmp_msg *,
		const struct eth_addr *from);
void icmp_input(struct stack_core *, const struct ip_hdr *, const struct eth_addr *from,
		mt_time now);
/* What a message of either family says of a connection that it quotes: mtu at least the family's
 * least. */
void icmp_path_mtu(struct stack_core *, const struct icmp_quote *, uint32_t mtu, mt_time now);
void icmp_unreachable(struct stack_core *, const struct icmp_quote *, int error, mt_time now);
void arp_input(struct stack_core *, const uint8_t *p, size_t len, mt_time now);
void arp_send(struct stack_core *, uint8_t *frame, const struct arp_pkt *,
	      const struct eth_addr *to);
void arp_answer(struct stack_core *, uint8_t *frame, const struct neigh_answer *);

#endif
