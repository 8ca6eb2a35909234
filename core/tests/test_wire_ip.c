// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "exact.h"
#include "seed.h"
#include "wire/wire.h"

static uint64_t seed;

/* 10.0.0.1 pings 10.0.0.2: id 0x77, sequence 3, "ping!". */
static const uint8_t echo[] = {
	0x45, 0x00, 0x00, 0x21, 0x00, 0x01, 0x40, 0x00, 0x40, 0x01, 0x26,
	0xd9, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 0x08, 0x00,
	0xf7, 0xb4, 0x00, 0x77, 0x00, 0x03, 0x70, 0x69, 0x6e, 0x67, 0x21,
};

/* Router 10.0.0.254 to 10.0.0.1: 1400 bytes at most for 10.0.0.1:40000 > 10.0.0.2:80, seq
 * 0x01020305. */
static const uint8_t frag_needed[] = {
	0x45, 0x00, 0x00, 0x38, 0x00, 0x02, 0x40, 0x00, 0x40, 0x01, 0x25, 0xc5, 0x0a, 0x00,
	0x00, 0xfe, 0x0a, 0x00, 0x00, 0x01, 0x03, 0x04, 0x56, 0xec, 0x00, 0x00, 0x05, 0x78,
	0x45, 0x00, 0x00, 0x28, 0x00, 0x09, 0x40, 0x00, 0x40, 0x06, 0x26, 0xc5, 0x0a, 0x00,
	0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 0x9c, 0x40, 0x00, 0x50, 0x01, 0x02, 0x03, 0x05,
};

/* RFC 1071, word by word. */
static uint16_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static uint16_t fast_sum(uint64_t sum)
{
	uint16_t v = csum_fold(sum);
	uint8_t b[2];

	memcpy(b, &v, 2);
	return (uint16_t)(b[0] << 8 | b[1]);
}

static void checksum_equals_slow_one(void **state)
{
	uint8_t buf[256 + 8];
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (int round = 0; round < 50; round++) {
		/* Few random bits: long runs of carries. */
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = rng_below(&r, 4) ? 0xff : (uint8_t)rng_next(&r);
		for (size_t at = 0; at < 8; at++) {
			for (size_t len = 0; len <= 256; len++) {
				size_t cut = rng_below(&r, (uint32_t)len / 2 + 1) * 2;
				uint64_t parts = csum_add(0, buf + at, cut);

				parts = csum_add(parts, buf + at + cut, len - cut);
				assert_int_equal(fast_sum(csum_add(0, buf + at, len)),
						 slow_sum(buf + at, len));
				assert_int_equal(fast_sum(parts), slow_sum(buf + at, len));
			}
		}
	}
	assert_int_equal(csum_fold(0), 0xffff);
	assert_int_equal(csum_fold(UINT64_MAX), 0);
}

/* What is copied, its sum, and nothing beyond it. */
static void copy_and_its_sum(void **state)
{
	uint8_t from[520], to[sizeof(from) + 16];
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)rng_next(&r);
	for (size_t len = 0; len <= 512; len++) {
		const uint8_t *p = from + rng_below(&r, 8);
		size_t at = rng_below(&r, 8);

		memset(to, 0x5a, sizeof(to));
		assert_int_equal(fast_sum(csum_copy(to + at, p, len)), slow_sum(p, len));
		assert_memory_equal(to + at, p, len);
		for (size_t i = 0; i < sizeof(to); i++)
			assert_true((i >= at && i < at + len) || to[i] == 0x5a);
	}
}

static void checksum_extremes(void **state)
{
	uint8_t *p = malloc(65535);

	(void)state;
	assert_non_null(p);
	for (unsigned i = 0; i < 4; i++) { /* the least and the most of signed words, too */
		static const uint8_t word[4][2] = {{0xff, 0xff}, {0, 0}, {0, 0x80}, {0xff, 0x7f}};

		for (size_t at = 0; at < 65535; at++)
			p[at] = word[i][at % 2];
		assert_int_equal(fast_sum(csum_add(0, p, 65535)), slow_sum(p, 65535));
		if (i == 0)
			assert_int_equal(fast_sum(csum_add(UINT64_MAX, p, 65535)),
					 slow_sum(p, 65535));
	}
	free(p);

	/* The sum of the words is all ones just when the carry is added to it. */
	uint8_t edge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};

	assert_int_equal(fast_sum(csum_add(UINT64_MAX, edge, 16)), slow_sum(edge, 16));
}

static void pseudo_header_of_both_families(void **state)
{
	struct ip_addr a = ip_from_v4(0xc0a80001), b = ip_from_v4(0x0a0000fe);
	static const uint8_t v4[12] = {192, 168, 0, 1, 10, 0, 0, 254, 0, 6, 0x12, 0x34};
	uint8_t v6[40] = {[34] = 0x12, 0x34, [39] = 6};
	struct rng r;

	(void)state;
	assert_int_equal(fast_sum(csum_pseudo(&a, &b, 6, 0x1234)), slow_sum(v4, 12));
	rng_seed(&r, seed);
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 32; k++)
			v6[k] = (uint8_t)rng_next(&r);
		memcpy(a.b, v6, 16);
		memcpy(b.b, v6 + 16, 16);
		assert_int_equal(fast_sum(csum_pseudo(&a, &b, 6, 0x1234)), slow_sum(v6, 40));
	}
}

static void ipv4_golden(void **state)
{
	struct ip_hdr h;
	uint8_t out[IPV4_HLEN];

	(void)state;
	assert_int_equal(ipv4_parse(echo, sizeof(echo), 0, &h), WIRE_OK);
	assert_int_equal(ip_to_v4(&h.src), 0x0a000001);
	assert_int_equal(ip_to_v4(&h.dst), 0x0a000002);
	assert_int_equal(h.payload_len, sizeof(echo) - 20);
	assert_ptr_equal(h.payload, echo + 20);
	assert_int_equal(h.id, 1);
	assert_int_equal(h.proto, IP_ICMP);
	assert_int_equal(h.ttl, 64);
	assert_int_equal(h.tos, 0);
	assert_int_equal(h.hdr_len, 20);
	assert_int_equal(ipv4_build(out, &h), IPV4_HLEN);
	assert_memory_equal(out, echo, IPV4_HLEN);
}

static void ipv4_round_trip(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (int i = 0; i < 10000; i++) {
		uint8_t p[IPV4_HLEN + 64];
		struct ip_hdr out,
			in = {
				.src = ip_from_v4(0x01000000 + rng_below(&r, 0x7e000000)),
				.dst = ip_from_v4((uint32_t)rng_next(&r)),
				.payload_len = (uint16_t)rng_below(&r, 65),
				.id = (uint16_t)rng_next(&r),
				.proto = (uint8_t)rng_next(&r),
				.ttl = (uint8_t)(1 + rng_below(&r, 255)),
				.tos = (uint8_t)rng_next(&r),
			};

		ipv4_build(p, &in);
		assert_int_equal(slow_sum(p, IPV4_HLEN), 0);
		assert_int_equal(ipv4_parse(p, sizeof(p), 0, &out), WIRE_OK);
		assert_true(ip_eq(&in.src, &out.src) && ip_eq(&in.dst, &out.dst));
		assert_int_equal(in.payload_len, out.payload_len);
		assert_int_equal(in.id, out.id);
		assert_int_equal(in.proto, out.proto);
		assert_int_equal(in.ttl, out.ttl);
		assert_int_equal(in.tos, out.tos);
	}
}

static void set_sum(uint8_t *p, size_t hlen)
{
	uint16_t sum;

	memset(p + 10, 0, 2);
	sum = slow_sum(p, hlen);
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
}

/* One byte of the golden packet changed, with the checksum made right again. */
static void fault_01_ipv4_header_and_length(void **state)
{
	static const struct {
		uint8_t at, value;
		enum wire_err want;
	} v[] = {
		{0, 0x65, WIRE_VERSION},
		{0, 0x44, WIRE_VERSION},
		{0, 0x40, WIRE_VERSION},
		{0, 0x4f, WIRE_SHORT},	/* header of 60 bytes in a frame of 33 */
		{0, 0x48, WIRE_OK},	/* 12 bytes of options, skipped */
		{3, 0x22, WIRE_LENGTH}, /* one more than the frame */
		{3, 19, WIRE_LENGTH},	/* less than the header */
		{3, 20, WIRE_OK},
		{2, 0xff, WIRE_LENGTH},
		{8, 0, WIRE_TTL},
		{6, 0x20, WIRE_FRAGMENT}, /* MF */
		{7, 1, WIRE_FRAGMENT},
		{6, 0x10, WIRE_FRAGMENT},
		{6, 0xc0, WIRE_OK}, /* RFC 3514 */
		{12, 0, WIRE_ADDRESS},
		{12, 127, WIRE_ADDRESS},
		{12, 224, WIRE_ADDRESS},
		{12, 239, WIRE_ADDRESS},
		{12, 240, WIRE_OK},
	};
	struct ip_hdr h;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t *p = exact(echo, sizeof(echo));

		p[v[i].at] = v[i].value;
		set_sum(p, v[i].value == 0x48 ? 32 : 20);
		assert_int_equal(ipv4_parse(p, sizeof(echo), 0, &h), v[i].want);
		free(p);
	}
}

static void ipv4_fragment_fields(void **state)
{
	uint8_t p[sizeof(echo)];
	struct ip_hdr h;

	(void)state;
	memcpy(p, echo, sizeof(p));
	p[6] = 0x20 | 0x12;
	p[7] = 0x34;
	set_sum(p, 20);
	assert_int_equal(ipv4_parse(p, sizeof(p), 0, &h), WIRE_FRAGMENT);
	assert_int_equal(h.frag.offset, 0x1234 * 8);
	assert_true(h.frag.more);
	assert_int_equal(h.frag.id, p[4] << 8 | p[5]);
	assert_int_equal(h.frag.proto, p[9]);
	assert_ptr_equal(h.payload, p + 20);
	assert_int_equal(h.payload_len, p[3] - 20);
	p[6] = 0x1f;
	p[7] = 0xff;
	set_sum(p, 20);
	assert_int_equal(ipv4_parse(p, sizeof(p), 0, &h), WIRE_FRAGMENT);
	assert_int_equal(h.frag.offset, 65528);
	assert_false(h.frag.more);
	p[12] = 127; /* no host can have sent it, whole or not */
	set_sum(p, 20);
	assert_int_equal(ipv4_parse(p, sizeof(p), 0, &h), WIRE_ADDRESS);
}

static void ipv4_checksum_and_broadcast(void **state)
{
	uint8_t p[sizeof(echo)];
	struct ip_hdr h;

	(void)state;
	for (int bit = 0; bit < 8 * 20; bit++) {
		memcpy(p, echo, sizeof(p));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(ipv4_parse(p, sizeof(p), 0, &h), WIRE_OK);
	}
	memcpy(p, echo, sizeof(p));
	p[10] ^= 1;
	assert_int_equal(ipv4_parse(p, sizeof(p), 0, &h), WIRE_CHECKSUM);
	assert_int_equal(ipv4_parse(p, sizeof(p), WIRE_CSUM_OK, &h), WIRE_OK);
	memset(p + 12, 0xff, 4);
	assert_int_equal(ipv4_parse(p, sizeof(p), WIRE_CSUM_OK, &h), WIRE_ADDRESS);
}

static void ipv4_every_length(void **state)
{
	struct ip_hdr h;

	(void)state;
	for (size_t len = 0; len < sizeof(echo); len++) {
		uint8_t *p = exact(echo, len);

		assert_int_equal(ipv4_parse(p, len, 0, &h), len < 20 ? WIRE_SHORT : WIRE_LENGTH);
		free(p);
	}
	/* Ethernet pads to 60 bytes: what stands behind the total length is not payload. */
	uint8_t padded[46] = {0};

	memcpy(padded, echo, sizeof(echo));
	assert_int_equal(ipv4_parse(padded, sizeof(padded), 0, &h), WIRE_OK);
	assert_int_equal(h.payload_len, sizeof(echo) - 20);
}

static void icmp_echo(void **state)
{
	const uint8_t *p = echo + 20;
	size_t len = sizeof(echo) - 20;
	struct icmp_msg m;
	uint8_t out[64];

	(void)state;
	assert_int_equal(icmp_parse(p, len, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_ECHO_REQUEST);
	assert_int_equal(m.code, 0);
	assert_int_equal(m.id, 0x77);
	assert_int_equal(m.sequence, 3);
	assert_int_equal(m.payload_len, 5);
	assert_memory_equal(m.payload, "ping!", 5);
	assert_int_equal(icmp_build(out, &m), len);
	assert_memory_equal(out, p, len);

	m.type = ICMP_ECHO_REPLY;
	m.payload_len = 0;
	m.payload = NULL;
	assert_int_equal(icmp_build(out, &m), 8);
	assert_int_equal(icmp_parse(out, 8, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_ECHO_REPLY);
	assert_int_equal(m.payload_len, 0);
}

static void icmp_drops(void **state)
{
	static const uint8_t redirect[8] = {5, 0, 0xfa, 0xff};
	struct icmp_msg m;
	struct icmp_quote q;

	(void)state;
	for (size_t len = 0; len < sizeof(frag_needed) - 20; len++) {
		uint8_t *p = exact(frag_needed + 20, len);

		assert_int_equal(icmp_parse(p, len, &m), len < 8 ? WIRE_SHORT : WIRE_CHECKSUM);
		free(p);
	}
	assert_int_equal(icmp_parse(redirect, 8, &m), WIRE_UNSUPPORTED);
	assert_int_equal(icmp_parse(echo + 20, sizeof(echo) - 20, &m), WIRE_OK);
	assert_int_equal(icmp_parse_quote(&m, &q), WIRE_UNSUPPORTED);
}

static void icmp_frag_needed(void **state)
{
	struct icmp_msg m;
	struct icmp_quote q;

	(void)state;
	assert_int_equal(icmp_parse(frag_needed + 20, sizeof(frag_needed) - 20, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_UNREACHABLE);
	assert_int_equal(m.code, ICMP_FRAG_NEEDED);
	assert_int_equal(m.mtu, 1400);
	assert_int_equal(icmp_parse_quote(&m, &q), WIRE_OK);
	assert_int_equal(ip_to_v4(&q.flow.local), 0x0a000001);
	assert_int_equal(ip_to_v4(&q.flow.remote), 0x0a000002);
	assert_int_equal(q.flow.lport, 40000);
	assert_int_equal(q.flow.rport, 80);
	assert_int_equal(q.seq.v, 0x01020305);
}

/* A quote with one byte changed, and of every length. */
static void fault_17_icmp_quote_beyond_the_frame(void **state)
{
	static const struct {
		uint8_t at, value;
		enum wire_err want;
	} v[] = {
		{0, 0x60, WIRE_VERSION},   {0, 0x44, WIRE_VERSION}, {0, 0x46, WIRE_SHORT},
		{9, 17, WIRE_UNSUPPORTED}, {7, 1, WIRE_FRAGMENT},   {6, 0x20, WIRE_OK},
		{8, 0, WIRE_OK},	   {10, 0, WIRE_OK},
	};
	const uint8_t *quote = frag_needed + 28;
	struct icmp_msg m = {.type = ICMP_TIME_EXCEEDED};
	struct icmp_quote q;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t *p = exact(quote, 28);

		p[v[i].at] = v[i].value;
		m.payload = p;
		m.payload_len = 28;
		assert_int_equal(icmp_parse_quote(&m, &q), v[i].want);
		free(p);
	}
	for (uint16_t len = 0; len <= 28; len++) {
		uint8_t *p = exact(quote, len);

		m.payload = p;
		m.payload_len = len;
		assert_int_equal(icmp_parse_quote(&m, &q), len < 28 ? WIRE_SHORT : WIRE_OK);
		free(p);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_equals_slow_one),
		cmocka_unit_test(copy_and_its_sum),
		cmocka_unit_test(checksum_extremes),
		cmocka_unit_test(pseudo_header_of_both_families),
		cmocka_unit_test(ipv4_golden),
		cmocka_unit_test(ipv4_round_trip),
		cmocka_unit_test(fault_01_ipv4_header_and_length),
		cmocka_unit_test(ipv4_fragment_fields),
		cmocka_unit_test(ipv4_checksum_and_broadcast),
		cmocka_unit_test(ipv4_every_length),
		cmocka_unit_test(icmp_echo),
		cmocka_unit_test(icmp_drops),
		cmocka_unit_test(icmp_frag_needed),
		cmocka_unit_test(fault_17_icmp_quote_beyond_the_frame),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
