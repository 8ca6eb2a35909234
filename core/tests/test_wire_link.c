// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "wire/wire.h"

/* 02:00:00:00:00:01 asks who has 10.0.0.2, tell 10.0.0.1. */
static const uint8_t request[] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x0a, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x02,
};

static const struct eth_addr asker = {{0x02, 0, 0, 0, 0, 0x01}};

static void eth_golden(void **state)
{
	struct eth_hdr h;
	uint8_t out[ETH_HLEN];

	(void)state;
	assert_int_equal(eth_parse(request, sizeof(request), &h), WIRE_OK);
	assert_memory_equal(&h.dst, &ETH_BROADCAST, 6);
	assert_memory_equal(&h.src, &asker, 6);
	assert_int_equal(h.type, ETH_ARP);
	assert_int_equal(eth_build(out, &h), ETH_HLEN);
	assert_memory_equal(out, request, ETH_HLEN);
}

static void eth_drops(void **state)
{
	uint8_t f[ETH_HLEN];
	struct eth_hdr h;

	(void)state;
	for (size_t len = 0; len < ETH_HLEN; len++) {
		uint8_t *p = exact(request, len);

		assert_int_equal(eth_parse(p, len, &h), WIRE_SHORT);
		free(p);
	}
	memcpy(f, request, sizeof(f));
	f[6] |= 1; /* from a group address */
	assert_int_equal(eth_parse(f, sizeof(f), &h), WIRE_ADDRESS);
	memcpy(f, request, sizeof(f));
	f[13] = 0x00; /* IPv4 */
	assert_int_equal(eth_parse(f, sizeof(f), &h), WIRE_OK);
	f[12] = 0x86, f[13] = 0xdd; /* IPv6 */
	assert_int_equal(eth_parse(f, sizeof(f), &h), WIRE_OK);
	f[12] = 0x88, f[13] = 0xcc; /* LLDP */
	assert_int_equal(eth_parse(f, sizeof(f), &h), WIRE_UNSUPPORTED);
	f[12] = 0x00, f[13] = 0x2e; /* an IEEE 802.3 length */
	assert_int_equal(eth_parse(f, sizeof(f), &h), WIRE_UNSUPPORTED);
}

static void arp_golden(void **state)
{
	struct arp_pkt a;
	uint8_t out[ARP_LEN];

	(void)state;
	assert_int_equal(arp_parse(request + ETH_HLEN, ARP_LEN, &a), WIRE_OK);
	assert_int_equal(a.op, ARP_REQUEST);
	assert_memory_equal(&a.sha, &asker, 6);
	assert_int_equal(ip_to_v4(&a.spa), 0x0a000001);
	assert_int_equal(ip_to_v4(&a.tpa), 0x0a000002);
	assert_int_equal(arp_build(out, &a), ARP_LEN);
	assert_memory_equal(out, request + ETH_HLEN, ARP_LEN);
}

static void arp_round_trip(void **state)
{
	const struct arp_pkt in = {
		.op = ARP_REPLY,
		.sha = {{0x02, 1, 2, 3, 4, 5}},
		.tha = asker,
		.spa = ip_from_v4(0xc0a80105),
		.tpa = ip_from_v4(0x0a000001),
	};
	struct arp_pkt out;
	uint8_t p[ARP_LEN];

	(void)state;
	arp_build(p, &in);
	assert_int_equal(arp_parse(p, sizeof(p), &out), WIRE_OK);
	assert_int_equal(out.op, in.op);
	assert_memory_equal(&out.sha, &in.sha, 6);
	assert_memory_equal(&out.tha, &in.tha, 6);
	assert_true(ip_eq(&out.spa, &in.spa) && ip_eq(&out.tpa, &in.tpa));
}

/* One byte of the golden request changed: offset in the ARP packet, value, verdict. */
static void arp_drops(void **state)
{
	static const struct {
		uint8_t at, value;
		enum wire_err want;
	} v[] = {
		{1, 6, WIRE_UNSUPPORTED},			    /* hardware type IEEE 802 */
		{2, 9, WIRE_UNSUPPORTED},			    /* protocol */
		{4, 8, WIRE_UNSUPPORTED},			    /* hardware address length */
		{5, 16, WIRE_UNSUPPORTED},			    /* protocol address length */
		{7, 0, WIRE_UNSUPPORTED},			    /* operation */
		{7, 3, WIRE_UNSUPPORTED},			    /* RARP */
		{7, 2, WIRE_OK},	   {8, 0x03, WIRE_ADDRESS}, /* group hardware address */
		{14, 224, WIRE_ADDRESS},			    /* multicast */
		{14, 127, WIRE_ADDRESS},			    /* loopback */
		{14, 0, WIRE_ADDRESS},				    /* 0.0.0.1 */
	};
	struct arp_pkt a;
	uint8_t p[ARP_LEN];

	(void)state;
	for (size_t len = 0; len < ARP_LEN; len++) {
		uint8_t *q = exact(request + ETH_HLEN, len);

		assert_int_equal(arp_parse(q, len, &a), WIRE_SHORT);
		free(q);
	}
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		memcpy(p, request + ETH_HLEN, sizeof(p));
		p[v[i].at] = v[i].value;
		assert_int_equal(arp_parse(p, sizeof(p), &a), v[i].want);
	}
}

/* 0.0.0.0 asks whether an address is free; nobody answers from it. */
static void arp_probe(void **state)
{
	struct arp_pkt a;
	uint8_t p[ARP_LEN];

	(void)state;
	memcpy(p, request + ETH_HLEN, sizeof(p));
	memset(p + 14, 0, 4);
	assert_int_equal(arp_parse(p, sizeof(p), &a), WIRE_OK);
	assert_true(ip_is_any(&a.spa));
	p[7] = ARP_REPLY;
	assert_int_equal(arp_parse(p, sizeof(p), &a), WIRE_ADDRESS);
}

static void addresses(void **state)
{
	struct ip_addr a = ip_from_v4(0x0a000001), v6 = {.b = {0x20, 1, 0x0d, 0xb8}}, any = {0};

	(void)state;
	assert_true(ip_is_v4(&a) && !ip_is_v4(&v6) && !ip_is_v4(&any));
	assert_true(ip_is_any(&any) && ip_is_any(&(struct ip_addr){.b = {[10] = 0xff, 0xff}}));
	assert_false(ip_is_any(&a));
	assert_false(ip_eq(&a, &v6));
	assert_true(flow_eq(&(struct flow){a, v6, 1, 2}, &(struct flow){a, v6, 1, 2}));
	assert_false(flow_eq(&(struct flow){a, v6, 1, 2}, &(struct flow){a, v6, 1, 3}));
	assert_false(flow_eq(&(struct flow){a, v6, 1, 2}, &(struct flow){v6, a, 1, 2}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eth_golden), cmocka_unit_test(eth_drops),
		cmocka_unit_test(arp_golden), cmocka_unit_test(arp_round_trip),
		cmocka_unit_test(arp_drops),  cmocka_unit_test(arp_probe),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
