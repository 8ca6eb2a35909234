// SPDX-License-Identifier: BSD-3-Clause
/* libFuzzer target: every parser survives any bytes, and what a parser accepts, its builder can
 * write so that the parser reads the same value again. */
#include <string.h>

#include "base/check.h"
#include "wire/ipv6.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void link_layer(const uint8_t *p, size_t len)
{
	uint8_t out[ARP_LEN];
	struct eth_hdr h;
	struct arp_pkt a;

	if (eth_parse(p, len, &h) == WIRE_OK) {
		check(eth_build(out, &h) == ETH_HLEN);
		check(memcmp(out, p, ETH_HLEN) == 0);
	}
	if (arp_parse(p, len, &a) == WIRE_OK) {
		check(arp_build(out, &a) == ARP_LEN);
		check(memcmp(out, p, ARP_LEN) == 0);
	}
}

/* Also with the checksum made right, which random bytes hardly ever are. */
static void icmp(const uint8_t *p, size_t len)
{
	uint8_t copy[512], out[512];
	struct icmp_quote q;
	struct icmp_msg m;
	uint16_t sum;

	(void)icmp_parse(p, len, &m);
	if (len < 8 || len > sizeof(copy))
		return;
	memcpy(copy, p, len);
	memset(copy + 2, 0, 2);
	sum = csum_fold(csum_add(0, copy, len));
	memcpy(copy + 2, &sum, 2);
	if (icmp_parse(copy, len, &m) != WIRE_OK)
		return;
	(void)icmp_parse_quote(&m, &q);
	if (m.type != ICMP_ECHO_REQUEST && m.type != ICMP_ECHO_REPLY)
		return;
	check(icmp_build(out, &m) == len);
	check(memcmp(out, copy, len) == 0);
}

static void same_segment(const struct tcp_seg *a, const struct tcp_seg *b)
{
	check(seq_eq(a->seq, b->seq) && seq_eq(a->ack, b->ack) && a->wnd == b->wnd);
	check(a->flags == b->flags && a->opts == b->opts && a->wscale == b->wscale);
	check(a->mss == b->mss && a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr);
	if (a->opts & TCPO_FASTOPEN)
		check(a->cookie_len == b->cookie_len &&
		      memcmp(a->cookie, b->cookie, a->cookie_len) == 0);
	check(a->len == b->len && memcmp(a->payload, b->payload, a->len) == 0);
	/* A list packed without padding may hold a block more than ours. */
	check(b->n_sack <= a->n_sack && (b->n_sack > 0) == (a->n_sack > 0));
	for (unsigned i = 0; i < b->n_sack; i++) {
		check(seq_eq(a->sack[i].start, b->sack[i].start));
		check(seq_eq(a->sack[i].end, b->sack[i].end));
	}
}

static void tcp(const struct ip_hdr *ip)
{
	struct flow f = {.local = ip->src, .remote = ip->dst};
	struct tcp_seg in, again;
	struct ip_hdr built = *ip;
	uint16_t sport, dport;
	uint8_t out[1024];
	size_t hlen;

	(void)tcp_parse(ip, 0, &sport, &dport, &in);
	if (tcp_parse(ip, WIRE_CSUM_OK, &f.lport, &f.rport, &in) != WIRE_OK)
		return;
	if (!(in.opts & TCPO_MSS)) /* what is not in a SYN is not written */
		in.opts &= (uint8_t)~TCPO_FASTOPEN;
	check(in.payload >= ip->payload + TCP_HLEN);
	check(in.payload + in.len == ip->payload + ip->payload_len);
	hlen = tcp_hdr_len(&in);
	check(hlen <= TCP_HLEN + TCP_OPTS_MAX);
	if (hlen + in.len > sizeof(out))
		return;
	memcpy(out + hlen, in.payload, in.len);
	check(tcp_build(out, &f, &in) == hlen);
	built.payload = out;
	built.payload_len = (uint16_t)(hlen + in.len);
	check(tcp_parse(&built, 0, &sport, &dport, &again) == WIRE_OK);
	check(sport == f.lport && dport == f.rport);
	same_segment(&in, &again);
}

static void ipv4(const uint8_t *p, size_t len)
{
	uint8_t out[IPV4_HLEN + UINT16_MAX];
	struct ip_hdr h, again;
	enum wire_err err;

	(void)ipv4_parse(p, len, 0, &h);
	err = ipv4_parse(p, len, WIRE_CSUM_OK, &h);
	if (err != WIRE_OK && err != WIRE_FRAGMENT)
		return;
	check(h.payload == p + h.hdr_len && (size_t)h.hdr_len + h.payload_len <= len);
	if (err == WIRE_FRAGMENT) {
		check(h.frag.offset || h.frag.more);
		check(h.frag.offset % 8 == 0 && h.frag.id == h.id && h.frag.proto == h.proto);
		return;
	}
	check(ipv4_build(out, &h) == IPV4_HLEN);
	check(ipv4_parse(out, (size_t)IPV4_HLEN + h.payload_len, 0, &again) == WIRE_OK);
	check(ip_eq(&h.src, &again.src) && ip_eq(&h.dst, &again.dst));
	check(h.payload_len == again.payload_len && h.id == again.id && h.tos == again.tos);
	check(h.proto == again.proto && h.ttl == again.ttl);
	icmp(h.payload, h.payload_len);
	tcp(&h);
}

/* A message with its checksum made right. */
static void icmp6(const struct ip_hdr *ip)
{
	struct ip_hdr fixed = *ip;
	uint8_t copy[512], out[512];
	struct icmp_quote q;
	struct ndp_msg nd;
	struct icmp_msg m;
	uint16_t sum;

	(void)icmp6_parse(ip, &m);
	if (ip->payload_len < ICMP6_HLEN || ip->payload_len > sizeof(copy))
		return;
	memcpy(copy, ip->payload, ip->payload_len);
	memset(copy + 2, 0, 2);
	sum = csum_fold(csum_add(csum_pseudo(&ip->src, &ip->dst, IP_ICMPV6, ip->payload_len), copy,
				 ip->payload_len));
	memcpy(copy + 2, &sum, 2);
	fixed.payload = copy;
	if (icmp6_parse(&fixed, &m) != WIRE_OK)
		return;
	(void)icmp6_parse_quote(&m, &q);
	if (m.type < ICMP6_RS) {
		check(icmp6_build(out, &ip->src, &ip->dst, &m) == ip->payload_len);
		check(memcmp(out, copy, ip->payload_len) == 0);
		return;
	}
	if (ndp_parse(&fixed, &nd) != WIRE_OK)
		return;
	fixed.payload_len = (uint16_t)ndp_build(out, &ip->src, &ip->dst, &nd);
	fixed.payload = out;
	check(fixed.payload_len <= NDP_LEN_MAX);
	check(icmp6_parse(&fixed, &m) == WIRE_OK && ndp_parse(&fixed, &nd) == WIRE_OK);
}

static void ipv6(const uint8_t *p, size_t len)
{
	uint8_t out[IPV6_HLEN + UINT16_MAX];
	struct ip_hdr h, again, rest;
	enum wire_err err = ipv6_parse(p, len, &h);

	if (err != WIRE_OK && err != WIRE_FRAGMENT)
		return;
	check(h.payload == p + h.hdr_len && (size_t)h.hdr_len + h.payload_len <= len);
	rest = h;
	if (err == WIRE_FRAGMENT) {
		(void)ipv6_skip_ext(&rest);
		check(rest.payload + rest.payload_len <= p + len);
		return;
	}
	check(ipv6_build(out, &h) == IPV6_HLEN);
	check(ipv6_parse(out, (size_t)IPV6_HLEN + h.payload_len, &again) == WIRE_OK);
	check(ip_eq(&h.src, &again.src) && ip_eq(&h.dst, &again.dst));
	check(h.payload_len == again.payload_len && h.tos == again.tos);
	check(h.proto == again.proto && h.ttl == again.ttl && h.flow_label == again.flow_label);
	icmp6(&h);
	tcp(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct ip_hdr ip = {.src = ip_from_v4(0x0a000001), .dst = ip_from_v4(0x0a000002)};

	link_layer(p, len);
	icmp(p, len);
	ipv4(p, len);
	ipv6(p, len);
	ip.payload = p;
	ip.payload_len = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX);
	tcp(&ip);
	return 0;
}
