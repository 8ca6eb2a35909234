// SPDX-License-Identifier: BSD-3-Clause
#include "stack/core.h"
#include "stack/ip6.h"
#include "wire/frame_syn.h"

/* The same for all packets of a connection, and nothing a stranger could foretell (RFC 6437 3). */
static uint32_t flow_label(const struct stack_core *sc, const struct flow *f)
{
	uint64_t k = sc->label_secret | 1;
	uint64_t h = (f->remote.d[1] ^ sc->label_secret) * k;

	h = (h ^ h >> 32 ^ f->remote.d[0] ^ f->local.d[1]) * k;
	h = (h ^ h >> 32 ^ (uint64_t)f->lport << 16 ^ f->rport) * k;
	return (uint32_t)(h >> 44);
}

static void build_v6(const struct stack_core *sc, uint8_t *p, const struct flow *f,
		     struct ip_hdr *ip)
{
	ip->ttl = sc->autoconf.hop_limit;
	ip->flow_label = flow_label(sc, f);
	ipv6_build(p, ip);
}

static NEVER_INLINE size_t any(const struct stack_core *sc, uint8_t *frame,
			       const struct eth_addr *to, const struct flow *f,
			       const struct tcp_seg *s)
{
	bool v4 = ip_is_v4(&f->remote);
	struct eth_hdr eth = {.dst = *to, .src = sc->mac, .type = v4 ? ETH_IPV4 : ETH_IPV6};
	uint8_t *tcp = frame + ETH_HLEN + (v4 ? IPV4_HLEN : IPV6_HLEN);
	size_t hdr_len = sc->nic->tx_csum ? tcp_build_partial(tcp, f, s) : tcp_build(tcp, f, s);
	struct ip_hdr ip; /* what the builders read; clearing the rest costs at every packet */

	ip.src = f->local;
	ip.dst = f->remote;
	ip.payload_len = (uint16_t)(hdr_len + s->len);
	ip.id = 0;
	ip.proto = IP_TCP;
	ip.ttl = IP_OUT_TTL;
	ip.tos = s->ip_ecn;
	eth_build(frame, &eth);
	if (v4)
		ipv4_build(frame + ETH_HLEN, &ip);
	else
		build_v6(sc, frame + ETH_HLEN, f, &ip);
	return (size_t)(tcp - frame) + hdr_len + s->len;
}

static size_t syn_v4(const struct stack_core *sc, uint8_t *frame, const struct eth_addr *to,
		     const struct flow *f, const struct tcp_seg *s)
{
	struct frame_eth eth = frame_eth_of(to, &sc->mac);
	struct frame_ends ends = {
		.local = f->local.w[3],
		.remote = f->remote.w[3],
		.lport = f->lport,
		.rport = f->rport,
		.ttl = IP_OUT_TTL,
	};

	return frame_put_syn(frame, &eth, &ends, s, !sc->nic->tx_csum);
}

size_t ip_out_tcp(const struct stack_core *sc, uint8_t *frame, const struct eth_addr *to,
		  const struct flow *f, const struct tcp_seg *s)
{
	bool v4 = ip_is_v4(&f->remote);

	if (v4 && s->opts == TCPO_SYN)
		return syn_v4(sc, frame, to, f, s);
	return any(sc, frame, to, f, s);
}

void ip_out_v6(struct stack_core *sc, uint8_t *frame, const struct eth_addr *to,
	       const struct ip_hdr *ip)
{
	struct eth_hdr eth = {.dst = *to, .src = sc->mac, .type = ETH_IPV6};

	eth_build(frame, &eth);
	ipv6_build(frame + ETH_HLEN, ip);
	tx_commit(sc, ETH_HLEN + IPV6_HLEN + ip->payload_len);
}

void ip_out_to(struct stack_core *sc, const struct eth_addr *to, const struct flow *f,
	       const struct tcp_seg *s)
{
	uint8_t *frame = tx_reply_frame(sc);

	if (!frame)
		return;
	sc->stats.tx_segs++;
	sc->stats.resets_sent += (s->flags & TCPF_RST) != 0;
	tx_commit_tcp(sc, ip_out_tcp(sc, frame, to, f, s));
}

void ip_out_reply(struct stack_core *sc, const struct rx_seg *to, const struct tcp_seg *s)
{
	ip_out_to(sc, &to->from, &to->flow, s);
}
