// SPDX-License-Identifier: BSD-3-Clause
/* Neighbour discovery: what is asked, answered and believed (RFC 4861 7.2, RFC 4862 5.4). */
#include "stack/ip6.h"

#define PROBE_WAIT MT_SEC /* RetransTimer: how long somebody may object to an address */

static const struct ip_addr *our_addr(const struct stack_core *sc, uint16_t i)
{
	return &sc->addrs.addr[i].addr;
}

/* Not yet known to be unique: used, and who answers or asks for routers tells nobody to forget
 * another's (RFC 4429). Who solicits does: without our station in it Linux leaves a solicitation
 * unanswered, and a connection of the first second would wait for the next one. */
static bool optimistic(const struct stack_core *sc, uint16_t i, mt_time now)
{
	return now < sc->addrs.proven_at[i];
}

static void send(struct stack_core *sc, uint8_t *frame, const struct eth_addr *to,
		 struct ip_hdr *ip, const struct ndp_msg *m)
{
	ip->proto = IP_ICMPV6;
	ip->ttl = NDP_HOP_LIMIT;
	ip->payload_len = (uint16_t)ndp_build(frame + ETH_HLEN + IPV6_HLEN, &ip->src, &ip->dst, m);
	ip_out_v6(sc, frame, to, ip);
}

static void send_group(struct stack_core *sc, uint8_t *frame, struct ip_hdr *ip,
		       const struct ndp_msg *m)
{
	struct eth_addr to = eth_multicast6(&ip->dst);

	send(sc, frame, &to, ip, m);
}

void ndp_probe(struct stack_core *sc, uint8_t *frame, uint16_t i, mt_time now)
{
	struct ndp_msg m = {.type = ICMP6_NS, .target = *our_addr(sc, i)};
	struct ip_hdr ip = {.dst = ip_solicited_node(&m.target)};

	sc->addrs.proven_at[i] = now + PROBE_WAIT;
	send_group(sc, frame, &ip, &m);
}

void ndp_solicit(struct stack_core *sc, const struct neigh *n, uint8_t *frame)
{
	struct ndp_msg m = {.type = ICMP6_NS, .target = n->ip, .has_mac = true, .mac = sc->mac};
	struct ip_hdr ip = {.src = *our_addr(sc, addr_near(&sc->addrs, &n->ip)), .dst = n->ip};

	if (n->state == NEIGH_ST_PROBE) {
		send(sc, frame, &n->mac, &ip, &m);
		return;
	}
	ip.dst = ip_solicited_node(&n->ip);
	send_group(sc, frame, &ip, &m);
}

void ndp_ask_routers(struct stack_core *sc, uint8_t *frame, mt_time now)
{
	struct ip_hdr ip = {.dst = ip_all_routers()};
	uint16_t i = addr_near(&sc->addrs, &ip.dst);
	struct ndp_msg m = {.type = ICMP6_RS};

	/* With every address another's there is none to speak from (RFC 4862 5.4.5). */
	if (sc->addrs.state[i] != ADDR_GONE && !optimistic(sc, i, now)) {
		ip.src = *our_addr(sc, i);
		m.has_mac = true;
		m.mac = sc->mac;
	}
	send_group(sc, frame, &ip, &m);
}

/* To the station that asked; to who looks for a duplicate, by all of them. */
void ndp_advertise(struct stack_core *sc, uint8_t *frame, const struct neigh_answer *a, mt_time now)
{
	bool override = !optimistic(sc, addr_find(&sc->addrs, &a->target), now);
	struct ndp_msg m = {.type = ICMP6_NA,
			    .flags = override ? NDP_NA_OVERRIDE : 0,
			    .target = a->target,
			    .has_mac = true,
			    .mac = sc->mac};
	struct ip_hdr ip = {.src = a->target, .dst = a->asker};

	if (ip_is_any(&a->asker)) {
		ip.dst = ip_all_nodes();
		send_group(sc, frame, &ip, &m);
		return;
	}
	m.flags |= NDP_NA_SOLICITED;
	send(sc, frame, &a->to, &ip, &m);
}

/* Somebody else has this address: it is his, if he objects in time (RFC 4862 5.4.4, 5.4.5). */
static void conflict(struct stack_core *sc, uint16_t i, mt_time now)
{
	sc->stats.duplicate_address++;
	if (optimistic(sc, i, now))
		addr_set_state(&sc->addrs, i, ADDR_GONE);
}

static void solicited(struct stack_core *sc, const struct ip_hdr *ip, const struct ndp_msg *m,
		      const struct eth_addr *from, mt_time now)
{
	struct neigh_claim claim = {.ip = ip->src, .mac = m->mac};
	struct neigh_answer a = {
		.target = m->target,
		.asker = ip->src,
		.to = m->has_mac ? m->mac : *from,
		.vlan = sc->vlan,
	};
	uint16_t i = addr_find(&sc->addrs, &m->target);

	if (i == ADDR_NONE) {
		sc->stats.drop_not_for_us++;
		return;
	}
	if (ip_is_any(&ip->src) && optimistic(sc, i, now)) {
		conflict(sc, i, now);
		return;
	}
	claim.create = route_on_link(&sc->routes, &ip->src);
	if (m->has_mac)
		neigh_hint(sc, &claim, now);
	neigh_answer(sc, &a, now);
}

static void advertised(struct stack_core *sc, const struct ndp_msg *m, mt_time now)
{
	uint16_t i = addr_find(&sc->addrs, &m->target);

	if (i != ADDR_NONE)
		conflict(sc, i, now);
	else
		neigh_advertised(sc, m, now);
}

static void router_spoke(struct stack_core *sc, const struct ip_hdr *ip, const struct ndp_msg *m,
			 mt_time now)
{
	struct neigh_claim claim = {.ip = ip->src, .mac = m->mac, .create = true, .router = true};

	if (!sc->cfg.ipv6_autoconf)
		return;
	if (m->has_mac)
		neigh_hint(sc, &claim, now);
	autoconf_input(sc, ip, m, now);
}

void ndp_input(struct stack_core *sc, const struct ip_hdr *ip, const struct eth_addr *from,
	       mt_time now)
{
	struct ndp_msg m;
	enum wire_err err = ndp_parse(ip, &m);

	if (err != WIRE_OK) {
		core_count_wire(sc, err);
		return;
	}
	if (memcmp(from, &sc->mac, sizeof(*from)) == 0)
		return; /* our own question, brought back by the network */
	/* Who objects to our having an address speaks from it. */
	if ((m.has_mac && !eth_is_station(&m.mac)) ||
	    (m.type != ICMP6_NA && addr_find(&sc->addrs, &ip->src) != ADDR_NONE)) {
		sc->stats.drop_address++;
		return;
	}
	if (m.type == ICMP6_NS)
		solicited(sc, ip, &m, from, now);
	else if (m.type == ICMP6_NA)
		advertised(sc, &m, now);
	else if (m.type == ICMP6_RA)
		router_spoke(sc, ip, &m, now);
	else
		sc->stats.drop_unsupported++; /* RS: for routers */
}
