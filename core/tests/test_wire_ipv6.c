// SPDX-License-Identifier: BSD-3-Clause
/* IPv6 headers, extension headers, ICMPv6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "wire/bytes.h"
#include "wire/ipv6.h"

static const struct ip_addr left = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}};
static const struct ip_addr right = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 2}};

/* 2001:db8::1 pings 2001:db8::2: class 0x28, label 0x12345, id 0x77, sequence 3, "ping!". */
static const uint8_t echo[] = {
	0x62, 0x81, 0x23, 0x45, 0x00, 0x0d, 0x3a, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x80, 0x00,
	0x23, 0xf8, 0x00, 0x77, 0x00, 0x03, 0x70, 0x69, 0x6e, 0x67, 0x21,
};

static void ipv6_golden(void **state)
{
	struct icmp_msg m;
	struct ip_hdr h;
	uint8_t out[sizeof(echo)];

	(void)state;
	assert_int_equal(ipv6_parse(echo, sizeof(echo), &h), WIRE_OK);
	assert_true(ip_eq(&h.src, &left) && ip_eq(&h.dst, &right));
	assert_int_equal(h.tos, 0x28);
	assert_int_equal(h.flow_label, 0x12345);
	assert_int_equal(h.ttl, 64);
	assert_int_equal(h.proto, IP_ICMPV6);
	assert_int_equal(h.payload_len, 13);
	assert_int_equal(h.hdr_len, 40);
	assert_int_equal(icmp6_parse(&h, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP6_ECHO_REQUEST);
	assert_int_equal(m.id, 0x77);
	assert_int_equal(m.sequence, 3);
	assert_int_equal(m.payload_len, 5);
	assert_int_equal(ipv6_build(out, &h), IPV6_HLEN);
	assert_int_equal(icmp6_build(out + IPV6_HLEN, &left, &right, &m), 13);
	assert_memory_equal(out, echo, sizeof(echo));
}

static void padding_belongs_to_nobody(void **state)
{
	uint8_t p[sizeof(echo) + 9] = {0};
	struct ip_hdr h;

	(void)state;
	memcpy(p, echo, sizeof(echo));
	assert_int_equal(ipv6_parse(p, sizeof(p), &h), WIRE_OK);
	assert_int_equal(h.payload_len, 13);
}

static void fault_01_ipv6_length(void **state)
{
	uint8_t p[sizeof(echo)];
	struct ip_hdr h;

	(void)state;
	for (size_t len = 0; len < sizeof(echo); len++) {
		uint8_t *q = exact(echo, len);

		assert_int_equal(ipv6_parse(q, len, &h),
				 len < IPV6_HLEN ? WIRE_SHORT : WIRE_LENGTH);
		free(q);
	}
	memcpy(p, echo, sizeof(p));
	put_be16(p + 4, UINT16_MAX);
	assert_int_equal(ipv6_parse(p, sizeof(p), &h), WIRE_LENGTH);
	p[0] = 0x45;
	assert_int_equal(ipv6_parse(p, sizeof(p), &h), WIRE_VERSION);
}

static void impossible_addresses(void **state)
{
	static const struct {
		const char *what;
		uint8_t at;
		struct ip_addr addr;
		enum wire_err want;
	} v[] = {
		{"from a group", 8, {.b = {0xff, 2, [15] = 1}}, WIRE_ADDRESS},
		{"from loopback", 8, {.b = {[15] = 1}}, WIRE_ADDRESS},
		{"from IPv4", 8, {.b = {[10] = 0xff, 0xff, 10, 0, 0, 1}}, WIRE_ADDRESS},
		{"to IPv4", 24, {.b = {[10] = 0xff, 0xff, 10, 0, 0, 1}}, WIRE_ADDRESS},
		{"to nobody", 24, {.b = {0}}, WIRE_ADDRESS},
		{"ICMPv6 from nobody", 8, {.b = {0}}, WIRE_OK},
		{"to a group", 24, {.b = {0xff, 2, [15] = 1}}, WIRE_OK},
		{"from a link", 8, {.b = {0xfe, 0x80, [15] = 1}}, WIRE_OK},
	};
	uint8_t p[sizeof(echo)];
	struct ip_hdr h;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		memcpy(p, echo, sizeof(p));
		memcpy(p + v[i].at, v[i].addr.b, 16);
		assert_int_equal(ipv6_parse(p, sizeof(p), &h), v[i].want);
	}
	memcpy(p, echo, sizeof(p));
	memset(p + 8, 0, 16);
	p[6] = IP_TCP;
	assert_int_equal(ipv6_parse(p, sizeof(p), &h), WIRE_ADDRESS);
}

static void hop_limit_is_for_routers(void **state)
{
	uint8_t p[sizeof(echo)];
	struct ip_hdr h;

	(void)state;
	memcpy(p, echo, sizeof(p));
	p[7] = 0;
	assert_int_equal(ipv6_parse(p, sizeof(p), &h), WIRE_OK);
}

/* ---- extension headers ---- */

struct chain_case {
	const char *what;
	uint8_t first; /* next header of the IPv6 header */
	uint8_t len;   /* of what follows */
	uint8_t ext[48];
	enum wire_err want;
	uint8_t proto;	/* WIRE_OK: what is found */
	uint8_t walked; /* ... and bytes before it */
	int code, at;	/* WIRE_EXT_HDR */
};

static const struct chain_case chains[] = {
	{"hop-by-hop, padded by one option", 0, 8, {6, 0, 1, 4}, WIRE_OK, 6, 8, 0, 0},
	{"hop-by-hop, padded octet by octet", 0, 8, {6}, WIRE_OK, 6, 8, 0, 0},
	{"router alert is passed over", 0, 8, {6, 0, 5, 2, 0, 0, 1, 0}, WIRE_OK, 6, 8, 0, 0},
	{"destination options", 60, 16, {58, 1, 1, 12}, WIRE_OK, 58, 16, 0, 0},
	{"all of them",
	 0,
	 32,
	 {60, 0, 1, 4, [8] = 43, 0, 1, 4, [16] = 44, 0, 4, 0, [24] = 6},
	 WIRE_OK,
	 6,
	 32,
	 0,
	 0},
	{"no next header", 0, 8, {59, 0, 1, 4}, WIRE_OK, 59, 8, 0, 0},
	{"an unknown header ends the walk", 60, 8, {51, 0, 1, 4}, WIRE_OK, 51, 8, 0, 0},
	{"hop-by-hop not in front",
	 60,
	 16,
	 {0, 0, 1, 4, [8] = 6, 0, 1, 4},
	 WIRE_EXT_HDR,
	 0,
	 0,
	 ICMP6_BAD_NEXT,
	 40},
	{"source route with a hop to go",
	 43,
	 8,
	 {6, 0, 0, 1},
	 WIRE_EXT_HDR,
	 0,
	 0,
	 ICMP6_BAD_FIELD,
	 42},
	{"any other route with a hop to go",
	 43,
	 8,
	 {6, 0, 9, 1},
	 WIRE_EXT_HDR,
	 0,
	 0,
	 ICMP6_BAD_FIELD,
	 42},
	{"a source route that has arrived", 43, 8, {6, 0, 0, 0}, WIRE_OK, 6, 8, 0, 0},
	{"unknown option, 00", 60, 8, {6, 0, 0x3e, 4}, WIRE_OK, 6, 8, 0, 0},
	{"unknown option, 01", 60, 8, {6, 0, 0x7e, 4}, WIRE_EXT_HDR, 0, 0, ICMP6_SILENT, 42},
	{"unknown option, 10", 60, 8, {6, 0, 0, 0xbe, 3}, WIRE_EXT_HDR, 0, 0, ICMP6_BAD_OPTION, 43},
	{"unknown option, 11", 60, 8, {6, 0, 0xfe, 4}, WIRE_EXT_HDR, 0, 0, ICMP6_BAD_OPTION, 42},
	{"a jumbogram",
	 0,
	 8,
	 {6, 0, 0xc2, 4, 0, 1, 0, 0},
	 WIRE_EXT_HDR,
	 0,
	 0,
	 ICMP6_BAD_OPTION,
	 42},
	{"an option beyond its header",
	 60,
	 8,
	 {6, 0, 1, 5},
	 WIRE_EXT_HDR,
	 0,
	 0,
	 ICMP6_BAD_FIELD,
	 42},
	{"an option without a length",
	 60,
	 8,
	 {6, 0, 1, 3, 0, 0, 0, 1},
	 WIRE_EXT_HDR,
	 0,
	 0,
	 ICMP6_BAD_FIELD,
	 47},
	{"longer than the packet", 60, 8, {6, 1, 1, 4}, WIRE_SHORT, 0, 0, 0, 0},
	{"nothing behind its name", 60, 0, {0}, WIRE_SHORT, 0, 0, 0, 0},
	{"half a header", 44, 7, {6}, WIRE_SHORT, 0, 0, 0, 0},
	{"hop-by-hop in a fragment", 44, 8, {0, 0, 0, 1}, WIRE_EXT_HDR, 0, 0, ICMP6_BAD_NEXT, 40},
	{"the whole as one fragment", 44, 8, {6, 0, 0, 0, 1, 2, 3, 4}, WIRE_OK, 6, 8, 0, 0},
};

static size_t chain_packet(uint8_t *p, uint8_t first, const uint8_t *ext, size_t len)
{
	const struct ip_hdr h = {
		.src = left, .dst = right, .proto = first, .ttl = 64, .payload_len = (uint16_t)len};

	ipv6_build(p, &h);
	memcpy(p + IPV6_HLEN, ext, len);
	return IPV6_HLEN + len;
}

static void fault_01_extension_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		const struct chain_case *c = &chains[i];
		uint8_t p[IPV6_HLEN + sizeof(c->ext)], *q;
		size_t len = chain_packet(p, c->first, c->ext, c->len);
		enum wire_err err;
		struct ip_hdr h;

		q = exact(p, len);
		err = ipv6_parse(q, len, &h);
		if (err != c->want)
			fail_msg("%s: %d", c->what, err);
		if (err == WIRE_OK && (h.proto != c->proto || h.payload != q + 40 + c->walked ||
				       h.payload_len != c->len - c->walked))
			fail_msg("%s: %u at %u", c->what, h.proto, h.hdr_len);
		if (err == WIRE_EXT_HDR && (h.bad_code != c->code || h.bad_at != c->at))
			fail_msg("%s: code %u at %u", c->what, h.bad_code, h.bad_at);
		free(q);
	}
}

/* 11: the sender of a packet to a group is not told. */
static void option_to_a_group(void **state)
{
	static const uint8_t loud[8] = {6, 0, 0xfe, 4}, always[8] = {6, 0, 0xbe, 4};
	uint8_t p[64];
	struct ip_hdr h;
	size_t len;

	(void)state;
	len = chain_packet(p, 60, loud, 8);
	p[24] = 0xff;
	assert_int_equal(ipv6_parse(p, len, &h), WIRE_EXT_HDR);
	assert_int_equal(h.bad_code, ICMP6_SILENT);
	len = chain_packet(p, 60, always, 8);
	p[24] = 0xff;
	assert_int_equal(ipv6_parse(p, len, &h), WIRE_EXT_HDR);
	assert_int_equal(h.bad_code, ICMP6_BAD_OPTION);
}

/* Eight headers and 512 bytes are walked over, not one more. */
static void chain_is_bounded(void **state)
{
	uint8_t ext[1024] = {0}, p[IPV6_HLEN + 1024];
	struct ip_hdr h;

	(void)state;
	for (size_t at = 0; at < 72; at += 8)
		ext[at] = 60;
	ext[56] = 6;
	assert_int_equal(ipv6_parse(p, chain_packet(p, 60, ext, 80), &h), WIRE_OK);
	assert_int_equal(h.hdr_len, 40 + 64);
	ext[56] = 60;
	ext[64] = 6;
	assert_int_equal(ipv6_parse(p, chain_packet(p, 60, ext, 80), &h), WIRE_EXT_HDR);
	assert_int_equal(h.bad_code, ICMP6_SILENT);
	ext[0] = 6;
	ext[1] = 63;
	assert_int_equal(ipv6_parse(p, chain_packet(p, 60, ext, 512), &h), WIRE_OK);
	ext[1] = 64;
	assert_int_equal(ipv6_parse(p, chain_packet(p, 60, ext, 520), &h), WIRE_EXT_HDR);
}

static void fragments(void **state)
{
	static const uint8_t first[16] = {60, 0, 0, 1, 1, 2, 3, 4, 6, 0, 1, 4};
	static const uint8_t later[24] = {44, 0, 1, 4, [8] = 58, 9, 0x05, 0xae, 0, 0, 0, 7};
	static const uint8_t again[8] = {6, 0, 0, 1};
	struct ip_hdr h;
	uint8_t p[64];

	(void)state;
	assert_int_equal(ipv6_parse(p, chain_packet(p, 44, first, 16), &h), WIRE_FRAGMENT);
	assert_int_equal(h.frag.id, 0x01020304);
	assert_int_equal(h.frag.offset, 0);
	assert_true(h.frag.more);
	assert_int_equal(h.frag.proto, 60);
	assert_int_equal(h.payload_len, 8);
	assert_ptr_equal(h.payload, p + 48);
	/* as put together: what the fragments carry begins with destination options */
	assert_int_equal(ipv6_skip_ext(&h), WIRE_OK);
	assert_int_equal(h.proto, 6);
	assert_int_equal(h.payload_len, 0);
	assert_int_equal(ipv6_parse(p, chain_packet(p, 0, later, 24), &h), WIRE_FRAGMENT);
	assert_int_equal(h.frag.offset, 0x05a8); /* the two reserved bits are not of it */
	assert_false(h.frag.more);
	assert_int_equal(h.proto, 58);
	assert_int_equal(h.hdr_len, 56);
	h = (struct ip_hdr){.payload = again, .payload_len = 8, .proto = 44};
	assert_int_equal(ipv6_skip_ext(&h), WIRE_EXT_HDR);
}

/* ---- ICMPv6 ---- */

static struct ip_hdr icmp_of(const uint8_t *p, size_t len)
{
	return (struct ip_hdr){.src = left,
			       .dst = right,
			       .proto = IP_ICMPV6,
			       .ttl = 64,
			       .payload = p,
			       .payload_len = (uint16_t)len};
}

static void icmp6_drops(void **state)
{
	uint8_t p[64];
	struct icmp_msg m = {.type = ICMP6_ECHO_REQUEST}, out;
	struct ip_hdr ip;
	size_t len = icmp6_build(p, &left, &right, &m);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *q = exact(p, n);

		ip = icmp_of(q, n);
		assert_int_equal(icmp6_parse(&ip, &out), WIRE_SHORT);
		free(q);
	}
	ip = icmp_of(p, len);
	assert_int_equal(icmp6_parse(&ip, &out), WIRE_OK);
	ip.dst = left; /* the checksum covers the addresses */
	assert_int_equal(icmp6_parse(&ip, &out), WIRE_CHECKSUM);
	m.type = 200; /* of an informational message that nobody knows */
	ip = icmp_of(p, icmp6_build(p, &left, &right, &m));
	assert_int_equal(icmp6_parse(&ip, &out), WIRE_UNSUPPORTED);
}

/* Packet too big, 1400, for 2001:db8::1 port 40000 > 2001:db8::2 port 80. */
static void icmp6_quotes(void **state)
{
	const struct flow f = {left, right, 40000, 80};
	const struct tcp_seg seg = {.seq = seq_of(0x01020305), .flags = TCPF_ACK};
	struct ip_hdr quoted = {
		.src = left, .dst = right, .proto = IP_TCP, .ttl = 1, .payload_len = 1000};
	uint8_t orig[60], p[128];
	struct icmp_msg out, m = {.type = ICMP6_TOO_BIG, .mtu = 1400, .payload = orig};
	struct icmp_quote q;
	struct ip_hdr ip;

	(void)state;
	ipv6_build(orig, &quoted);
	tcp_build(orig + IPV6_HLEN, &f, &seg);
	for (uint16_t len = 0; len <= sizeof(orig); len++) {
		m.payload_len = len;
		ip = icmp_of(p, icmp6_build(p, &right, &left, &m));
		ip.src = right, ip.dst = left;
		assert_int_equal(icmp6_parse(&ip, &out), WIRE_OK);
		assert_int_equal(out.mtu, 1400);
		assert_int_equal(icmp6_parse_quote(&out, &q), len < 48 ? WIRE_SHORT : WIRE_OK);
	}
	assert_true(flow_eq(&q.flow, &f));
	assert_true(seq_eq(q.seq, seg.seq));
	orig[6] = 0; /* we send no extension headers */
	m.payload_len = sizeof(orig);
	assert_int_equal(icmp6_parse_quote(&m, &q), WIRE_UNSUPPORTED);
	orig[6] = IP_TCP;
	memcpy(orig + 8, ip_from_v4(0x0a000001).b, 16);
	assert_int_equal(icmp6_parse_quote(&m, &q), WIRE_ADDRESS);
	m.type = ICMP6_ECHO_REPLY;
	assert_int_equal(icmp6_parse_quote(&m, &q), WIRE_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_golden),
		cmocka_unit_test(padding_belongs_to_nobody),
		cmocka_unit_test(fault_01_ipv6_length),
		cmocka_unit_test(impossible_addresses),
		cmocka_unit_test(hop_limit_is_for_routers),
		cmocka_unit_test(fault_01_extension_headers),
		cmocka_unit_test(option_to_a_group),
		cmocka_unit_test(chain_is_bounded),
		cmocka_unit_test(fragments),
		cmocka_unit_test(icmp6_drops),
		cmocka_unit_test(icmp6_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
