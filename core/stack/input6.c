// SPDX-License-Identifier: BSD-3-Clause
#include "stack/ip6.h"

/* RFC 4861 7.2.1: every node listens to all-nodes, and to the solicited-node group of each of its
 * addresses. Only ICMPv6 comes to groups. */
static bool group_is_ours(const struct stack_core *sc, const struct ip_addr *group)
{
	struct ip_addr all = ip_all_nodes();

	if (ip_eq(group, &all))
		return true;
	for (uint16_t i = 0; i < sc->addrs.n; i++) {
		struct ip_addr own = ip_solicited_node(&sc->addrs.addr[i].addr);

		if (sc->addrs.state[i] != ADDR_GONE && ip_eq(group, &own))
			return true;
	}
	return false;
}

static bool for_us(const struct stack_core *sc, const struct ip_hdr *ip, bool group)
{
	if (ip_is_multicast(&ip->dst))
		return ip->proto == IP_ICMPV6 && group_is_ours(sc, &ip->dst);
	return !group && addr_find(&sc->addrs, &ip->dst) != ADDR_NONE;
}

/* What was refused, told to its sender; of a packet put together from fragments nobody has the
 * original. */
static void refuse(struct stack_core *sc, const struct rx_ip *rx, const struct ip_hdr *ip,
		   const struct eth_addr *from, mt_time now)
{
	if (ip->frag.proto == 0)
		icmp6_problem(sc, rx->p, ip, from, now);
}

/* What is not TCP. */
static enum wire_err other(struct stack_core *sc, const struct rx_ip *rx, struct ip_hdr *ip,
			   const struct eth_addr *from, mt_time now)
{
	if (ip->proto == IP_ICMPV6) {
		icmp6_input(sc, ip, from, now);
		return WIRE_OK;
	}
	if (ip->proto != IP_NO_NEXT) {
		ip->bad_code = ICMP6_BAD_NEXT;
		refuse(sc, rx, ip, from, now);
	}
	return WIRE_UNSUPPORTED;
}

/* Parsed, for us, whole. WIRE_FRAGMENT: nothing yet, or never. */
static enum wire_err take(struct stack_core *sc, const struct rx_ip *rx, struct ip_hdr *ip,
			  const struct eth_addr *from, mt_time now)
{
	enum wire_err err = ipv6_parse(rx->p, rx->len, ip);

	if (err != WIRE_OK && err != WIRE_EXT_HDR && err != WIRE_FRAGMENT) {
		core_count_wire(sc, err);
		return err;
	}
	if (!for_us(sc, ip, rx->group)) {
		sc->stats.drop_not_for_us++;
		return WIRE_ADDRESS;
	}
	if (err == WIRE_FRAGMENT) {
		if (!reass_input(sc, ip, from, now))
			return WIRE_FRAGMENT;
		err = ipv6_skip_ext(ip);
	}
	if (err == WIRE_EXT_HDR)
		refuse(sc, rx, ip, from, now);
	if (err == WIRE_OK && ip->proto != IP_TCP)
		err = other(sc, rx, ip, from, now);
	core_count_wire(sc, err);
	return err;
}

bool input_v6(struct stack_core *sc, const struct rx_ip *rx, struct rx_seg *r, mt_time now)
{
	struct ip_hdr ip;
	bool whole;
	enum wire_err err;

	if (!sc->autoconf.on) {
		sc->stats.drop_unsupported++;
		return false;
	}
	if (take(sc, rx, &ip, &r->from, now) != WIRE_OK || ip.proto != IP_TCP)
		return false;
	whole = ip.frag.proto != 0;
	err = tcp_parse(&ip, whole ? 0 : rx->l4_flags, &r->flow.rport, &r->flow.lport, &r->seg);
	if (err != WIRE_OK) {
		core_count_wire(sc, err);
		return false;
	}
	r->local = (uint8_t)addr_find(&sc->addrs, &ip.dst);
	r->flow.local = ip.dst;
	r->flow.remote = ip.src;
	return !whole || !input_elsewhere(sc, &r->flow);
}
