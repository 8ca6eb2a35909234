// SPDX-License-Identifier: BSD-3-Clause
#include "stack/core.h"

#define TTL 64

size_t ip_out_tcp(const struct stack_core *sc, uint8_t *frame, const struct eth_addr *to,
		  const struct flow *f, const struct tcp_seg *s)
{
	struct eth_hdr eth = {.dst = *to, .src = sc->mac, .type = ETH_IPV4};
	size_t hdr_len = tcp_build(frame + ETH_HLEN + IPV4_HLEN, f, s);
	struct ip_hdr ip = {
		.src = f->local,
		.dst = f->remote,
		.payload_len = (uint16_t)(hdr_len + s->len),
		.proto = IP_TCP,
		.ttl = TTL,
		.tos = s->ip_ecn,
	};

	eth_build(frame, &eth);
	ipv4_build(frame + ETH_HLEN, &ip);
	return ETH_HLEN + IPV4_HLEN + hdr_len + s->len;
}

void ip_out_to(struct stack_core *sc, const struct eth_addr *to, const struct flow *f,
	       const struct tcp_seg *s)
{
	uint8_t *frame = tx_reply_frame(sc);

	if (!frame)
		return;
	sc->stats.tx_segs++;
	sc->stats.resets_sent += (s->flags & TCPF_RST) != 0;
	tx_commit(sc, ip_out_tcp(sc, frame, to, f, s));
}

void ip_out_reply(struct stack_core *sc, const struct rx_seg *to, const struct tcp_seg *s)
{
	ip_out_to(sc, &to->from, &to->flow, s);
}
