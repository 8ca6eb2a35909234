// SPDX-License-Identifier: BSD-3-Clause
#include "stack/core.h"

void arp_send(struct stack_core *sc, uint8_t *frame, const struct arp_pkt *arp,
	      const struct eth_addr *to)
{
	struct eth_hdr eth = {.dst = *to, .src = sc->mac, .type = ETH_ARP};
	size_t len = eth_build(frame, &eth);

	len += arp_build(frame + len, arp);
	tx_commit(sc, len);
}

void arp_answer(struct stack_core *sc, uint8_t *frame, const struct neigh_answer *a)
{
	struct arp_pkt arp = {
		.op = ARP_REPLY,
		.sha = sc->mac,
		.spa = a->target,
		.tha = a->to,
		.tpa = a->asker,
	};

	arp_send(sc, frame, &arp, &a->to);
}

static void answer(struct stack_core *sc, const struct arp_pkt *req, mt_time now)
{
	struct neigh_answer a = {
		.target = req->tpa,
		.asker = req->spa,
		.to = req->sha,
		.vlan = sc->vlan,
	};

	neigh_answer(sc, &a, now);
}

/* RFC 826, "Packet Reception", less what only a forger would send. */
void arp_input(struct stack_core *sc, const uint8_t *p, size_t len, mt_time now)
{
	struct arp_pkt arp;
	enum wire_err err = arp_parse(p, len, &arp);
	struct neigh_claim claim;
	bool for_us;

	sc->stats.rx_arp++;
	if (err != WIRE_OK) {
		core_count_wire(sc, err);
		return;
	}
	if (!eth_is_station(&arp.sha) || addr_find(&sc->addrs, &arp.spa) != ADDR_NONE) {
		sc->stats.drop_address++;
		return;
	}
	for_us = addr_find(&sc->addrs, &arp.tpa) != ADDR_NONE;
	claim = (struct neigh_claim){
		.ip = arp.spa,
		.mac = arp.sha,
		.create = for_us && arp.op == ARP_REQUEST && route_on_link(&sc->routes, &arp.spa),
	};
	if (!ip_is_any(&arp.spa)) /* else a probe for a duplicate address (RFC 5227) */
		neigh_learn(sc, &claim, now);
	if (for_us && arp.op == ARP_REQUEST)
		answer(sc, &arp, now);
}
