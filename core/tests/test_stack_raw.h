/* SPDX-License-Identifier: BSD-3-Clause */
/* The test plays one end of the wire itself, frame by frame: end b of a net has no stack. */
#ifndef TESTS_TEST_STACK_RAW_H
#define TESTS_TEST_STACK_RAW_H

#include "test_stack_net.h"
#include "wire/wire.h"

#define RAW_US 0x0a000001u /* the stack's address */

static const struct eth_addr raw_mac = {{2, 0, 0, 0, 0, 2}};
static const struct eth_addr stack_mac = {{2, 0, 0, 0, 0, 1}};

/* Only end a, 10.0.0.1, has a stack. */
static inline struct net *raw_net(const struct stack_config *cfg)
{
	struct net *n = net_new();

	net_open(&n->a, cfg, 1);
	return n;
}

static inline void raw_put(struct net *n, const uint8_t *frame, size_t len)
{
	uint8_t *m = malloc(NET_ROOM);

	assert_true(len <= NET_ROOM && n->a.tail - n->a.head < NET_FRAMES);
	memcpy(m, frame, len);
	n->a.q[n->a.tail++ % NET_FRAMES] =
		(struct nic_pkt){.data = m, .handle = m, .len = (uint16_t)len};
}

static inline size_t raw_eth(uint8_t *f, uint16_t type)
{
	struct eth_hdr h = {.dst = stack_mac, .src = raw_mac, .type = type};

	return eth_build(f, &h);
}

static inline void raw_arp(struct net *n, uint16_t op, uint32_t spa, uint32_t tpa,
			   const struct eth_addr *sha)
{
	uint8_t f[64];
	struct arp_pkt a = {
		.op = op,
		.sha = *sha,
		.spa = ip_from_v4(spa),
		.tpa = ip_from_v4(tpa),
	};
	size_t len = raw_eth(f, ETH_ARP);

	len += arp_build(f + len, &a);
	raw_put(n, f, len);
}

static inline void raw_ip(struct net *n, uint32_t src, uint8_t proto, const uint8_t *payload,
			  size_t len)
{
	uint8_t f[NET_ROOM];
	struct ip_hdr ip = {
		.src = ip_from_v4(src),
		.dst = ip_from_v4(RAW_US),
		.proto = proto,
		.ttl = 64,
		.payload_len = (uint16_t)len,
	};
	size_t at = raw_eth(f, ETH_IPV4);

	at += ipv4_build(f + at, &ip);
	memcpy(f + at, payload, len);
	raw_put(n, f, at + len);
}

/* s->len bytes of zeros as payload. */
static inline void raw_tcp(struct net *n, uint32_t src, uint16_t sport, uint16_t dport,
			   const struct tcp_seg *s)
{
	uint8_t p[1600] = {0};
	struct flow f = {
		.local = ip_from_v4(src),
		.remote = ip_from_v4(0x0a000001u),
		.lport = sport,
		.rport = dport,
	};

	raw_ip(n, src, IP_TCP, p, tcp_build(p, &f, s) + s->len);
}

static inline void raw_syn(struct net *n, uint32_t src, uint16_t sport, uint16_t dport)
{
	struct tcp_seg s = {.flags = TCPF_SYN, .seq = seq_of(1000), .wnd = 65535};

	raw_tcp(n, src, sport, dport, &s);
}

struct raw_frame {
	struct eth_hdr eth;
	struct arp_pkt arp;
	struct ip_hdr ip;
	uint16_t sport, dport;
	struct tcp_seg tcp;
	uint8_t buf[NET_ROOM];
	size_t len;
};

/* The next frame that the stack sent, parsed. */
static inline bool raw_get(struct net *n, struct raw_frame *r)
{
	struct nic_pkt p;

	if (n->b.head == n->b.tail)
		return false;
	p = n->b.q[n->b.head++ % NET_FRAMES];
	memcpy(r->buf, p.data, p.len);
	r->len = p.len;
	free(p.handle);
	assert_int_equal(eth_parse(r->buf, r->len, &r->eth), WIRE_OK);
	if (r->eth.type == ETH_ARP) {
		assert_int_equal(arp_parse(r->buf + ETH_HLEN, r->len - ETH_HLEN, &r->arp), WIRE_OK);
		return true;
	}
	assert_int_equal(ipv4_parse(r->buf + ETH_HLEN, r->len - ETH_HLEN, 0, &r->ip), WIRE_OK);
	if (r->ip.proto == IP_TCP)
		assert_int_equal(tcp_parse(&r->ip, 0, &r->sport, &r->dport, &r->tcp), WIRE_OK);
	return true;
}

/* The next TCP segment; others are passed over. */
static inline bool raw_get_tcp(struct net *n, struct raw_frame *r)
{
	while (raw_get(n, r)) {
		if (r->eth.type == ETH_IPV4 && r->ip.proto == IP_TCP)
			return true;
	}
	return false;
}

static inline uint32_t raw_skip(struct net *n)
{
	struct raw_frame r;
	uint32_t k = 0;

	while (raw_get(n, &r))
		k++;
	return k;
}

#endif
