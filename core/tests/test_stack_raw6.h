/* SPDX-License-Identifier: BSD-3-Clause */
/* As test_stack_raw.h, over IPv6: the test is 2001:db8::2, fe80::2 and, if it likes, a router. */
#ifndef TESTS_TEST_STACK_RAW6_H
#define TESTS_TEST_STACK_RAW6_H

#include "test_stack_raw.h"
#include "wire/ipv6.h"

static const struct ip_addr us6 = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}};
static const struct ip_addr peer6 = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 2}};
/* of station 02:00:00:00:00:01 */
static const struct ip_addr us_link = {.b = {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1}};
static const struct ip_addr peer_link = {.b = {0xfe, 0x80, [15] = 2}};
static const struct ip_addr nobody6;

/* Both families, unless the configuration has addresses of its own. */
static inline struct net *raw6_net(const struct stack_config *base)
{
	static const struct stack_addr both[] = {
		{.addr = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}}, .prefix = 64},
		{.addr = {.b = {[10] = 0xff, 0xff, 10, 0, 0, 1}}, .prefix = 16},
	};
	struct stack_config cfg = *base;

	if (!cfg.n_addrs && !cfg.ipv6_autoconf) {
		cfg.addrs = both;
		cfg.n_addrs = 2;
	}
	return raw_net(&cfg);
}

/* To the station of a group address, else to the stack's. ip: src, dst, proto, ttl, payload. */
static inline void raw6_ip(struct net *n, const struct ip_hdr *ip)
{
	uint8_t f[NET_ROOM];
	struct eth_hdr eth = {.dst = stack_mac, .src = raw_mac, .type = ETH_IPV6};
	size_t at;

	if (ip_is_multicast(&ip->dst))
		eth.dst = eth_multicast6(&ip->dst);
	at = eth_build(f, &eth);
	at += ipv6_build(f + at, ip);
	memcpy(f + at, ip->payload, ip->payload_len);
	raw_put(n, f, at + ip->payload_len);
}

static inline void raw6_ndp(struct net *n, const struct ip_addr *src, const struct ip_addr *dst,
			    const struct ndp_msg *m)
{
	uint8_t p[NDP_LEN_MAX];
	struct ip_hdr ip = {.src = *src, .dst = *dst, .proto = IP_ICMPV6, .ttl = 255, .payload = p};

	ip.payload_len = (uint16_t)ndp_build(p, src, dst, m);
	raw6_ip(n, &ip);
}

static inline void raw6_icmp(struct net *n, const struct ip_addr *src, const struct ip_addr *dst,
			     const struct icmp_msg *m)
{
	uint8_t p[1600];
	struct ip_hdr ip = {.src = *src, .dst = *dst, .proto = IP_ICMPV6, .ttl = 64, .payload = p};

	ip.payload_len = (uint16_t)icmp6_build(p, src, dst, m);
	raw6_ip(n, &ip);
}

/* f as the test sees it; s->len bytes of zeros as payload. */
static inline void raw6_tcp(struct net *n, const struct flow *f, const struct tcp_seg *s)
{
	uint8_t p[1600] = {0};
	struct ip_hdr ip = {
		.src = f->local, .dst = f->remote, .proto = IP_TCP, .ttl = 64, .payload = p};

	ip.payload_len = (uint16_t)(tcp_build(p, f, s) + s->len);
	raw6_ip(n, &ip);
}

/* The advertisement that answers a solicitation for `who`. */
static inline void raw6_advertise(struct net *n, const struct ip_addr *who, uint8_t flags,
				  const struct eth_addr *mac)
{
	struct ndp_msg m = {.type = ICMP6_NA, .flags = flags, .target = *who};

	if (mac) {
		m.has_mac = true;
		m.mac = *mac;
	}
	raw6_ndp(n, who,
		 flags & NDP_NA_SOLICITED ? &us6 : &(struct ip_addr){.b = {0xff, 2, [15] = 1}}, &m);
}

struct raw6 {
	struct eth_hdr eth;
	struct ip_hdr ip;
	struct icmp_msg icmp; /* type 0: it is TCP */
	struct ndp_msg nd;
	uint16_t sport, dport;
	struct tcp_seg tcp;
	uint8_t buf[NET_ROOM];
	size_t len;
};

/* The next IPv6 packet that the stack sent; other frames are passed over. */
static inline bool raw6_get(struct net *n, struct raw6 *r)
{
	while (n->b.head != n->b.tail) {
		struct nic_pkt p = n->b.q[n->b.head++ % NET_FRAMES];

		*r = (struct raw6){.len = p.len};
		memcpy(r->buf, p.data, p.len);
		free(p.handle);
		assert_int_equal(eth_parse(r->buf, r->len, &r->eth), WIRE_OK);
		if (r->eth.type != ETH_IPV6)
			continue;
		assert_int_equal(ipv6_parse(r->buf + ETH_HLEN, r->len - ETH_HLEN, &r->ip), WIRE_OK);
		if (r->ip.proto == IP_TCP) {
			assert_int_equal(tcp_parse(&r->ip, 0, &r->sport, &r->dport, &r->tcp),
					 WIRE_OK);
			return true;
		}
		assert_int_equal(icmp6_parse(&r->ip, &r->icmp), WIRE_OK);
		if (r->icmp.type >= ICMP6_RS)
			assert_int_equal(ndp_parse(&r->ip, &r->nd), WIRE_OK);
		return true;
	}
	return false;
}

/* The next packet of an ICMPv6 type, 0: of TCP. */
static inline bool raw6_get_type(struct net *n, struct raw6 *r, uint8_t type)
{
	while (raw6_get(n, r)) {
		if (r->icmp.type == type)
			return true;
	}
	return false;
}

#endif
