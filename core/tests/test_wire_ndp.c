// SPDX-License-Identifier: BSD-3-Clause
/* Messages of neighbour discovery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "wire/bytes.h"
#include "wire/ipv6.h"

static const struct ip_addr us = {.b = {0xfe, 0x80, [15] = 1}};
static const struct ip_addr them = {.b = {0xfe, 0x80, [13] = 3, [15] = 2}};
static const struct ip_addr nobody;

struct message {
	struct ip_hdr ip;
	uint8_t p[256];
};

/* From us to them. */
static void build(struct message *x, const struct ndp_msg *m)
{
	x->ip = (struct ip_hdr){
		.src = us,
		.dst = them,
		.proto = IP_ICMPV6,
		.ttl = NDP_HOP_LIMIT,
		.payload = x->p,
		.payload_len = (uint16_t)ndp_build(x->p, &us, &them, m),
	};
}

static enum wire_err parse(const struct message *x)
{
	struct ndp_msg out;

	return ndp_parse(&x->ip, &out);
}

static const struct ndp_msg ns = {.type = ICMP6_NS,
				  .has_mac = true,
				  .mac = {{2, 0, 0, 0, 0, 1}},
				  .target = {.b = {0xfe, 0x80, [13] = 3, [15] = 2}}};
static const struct ndp_msg na = {.type = ICMP6_NA,
				  .flags = NDP_NA_SOLICITED | NDP_NA_OVERRIDE,
				  .has_mac = true,
				  .mac = {{2, 0, 0, 0, 0, 1}},
				  .target = {.b = {0xfe, 0x80, [15] = 1}}};
static const struct ndp_msg rs = {.type = ICMP6_RS, .has_mac = true, .mac = {{2, 0, 0, 0, 0, 1}}};
static const struct ndp_msg ra = {
	.type = ICMP6_RA,
	.flags = 0x40,
	.hop_limit = 64,
	.has_mac = true,
	.mac = {{2, 0, 0, 0, 0, 1}},
	.router_lifetime = 1800,
	.reachable_ms = 30000,
	.retrans_ms = 1000,
	.mtu = 1400,
	.n_prefixes = 2,
	.prefix = {{{.b = {0x20, 1, 0x0d, 0xb8}}, 64, true, true, 7200, 3600},
		   {{.b = {0xfd}}, 48, true, false, NDP_FOREVER, NDP_FOREVER}},
};

static void solicitation_golden(void **state)
{
	/* fe80::1 asks for fe80::3:0:2, its station 02:00:00:00:00:01. */
	static const uint8_t want[32] = {
		0x87, 0, 0, 0, [8] = 0xfe, 0x80, [21] = 3, 0, 2, [24] = 1, 1, 2, 0, 0, 0, 0, 1};
	struct message x;
	uint8_t p[32];

	(void)state;
	build(&x, &ns);
	assert_int_equal(x.ip.payload_len, 32);
	memcpy(p, x.p, 32);
	memset(p + 2, 0, 2);
	assert_memory_equal(p, want, 32);
}

static void round_trips(void **state)
{
	const struct ndp_msg *all[] = {&ns, &na, &rs, &ra};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct icmp_msg icmp;
		struct ndp_msg out;
		struct message x;

		build(&x, all[i]);
		assert_int_equal(icmp6_parse(&x.ip, &icmp), WIRE_OK);
		assert_int_equal(ndp_parse(&x.ip, &out), WIRE_OK);
		assert_memory_equal(&out, all[i], sizeof(out));
	}
}

static void fault_01_ndp_cut_short(void **state)
{
	const struct ndp_msg *all[] = {&ns, &na, &rs, &ra};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct message x;
		struct ndp_msg out;
		uint16_t whole;

		build(&x, all[i]);
		whole = x.ip.payload_len;
		for (uint16_t len = 8; len < whole; len++) {
			uint8_t *q = exact(x.p, len);
			enum wire_err err;

			x.ip.payload = q;
			x.ip.payload_len = len;
			err = ndp_parse(&x.ip, &out);
			/* between two options it is only shorter */
			assert_true(err == WIRE_SHORT || err == WIRE_LENGTH ||
				    (err == WIRE_OK && len % 8 == 0));
			free(q);
		}
	}
}

static void fault_01_ndp_option_lengths(void **state)
{
	struct message x;

	(void)state;
	build(&x, &ns);
	x.p[25] = 0; /* would never end */
	assert_int_equal(parse(&x), WIRE_LENGTH);
	x.p[25] = 2; /* beyond the message */
	assert_int_equal(parse(&x), WIRE_LENGTH);
	x.p[25] = 255;
	assert_int_equal(parse(&x), WIRE_LENGTH);
	x.p[25] = 1;
	x.p[24] = 77; /* unknown: passed over */
	assert_int_equal(parse(&x), WIRE_OK);
}

static void who_may_say_what(void **state)
{
	struct message x;

	(void)state;
	build(&x, &ns);
	x.ip.ttl = 254; /* came through a router */
	assert_int_equal(parse(&x), WIRE_TTL);
	build(&x, &ns);
	x.ip.frag.proto = IP_ICMPV6;
	assert_int_equal(parse(&x), WIRE_FRAGMENT);
	build(&x, &ns);
	x.p[1] = 1; /* code */
	assert_int_equal(parse(&x), WIRE_UNSUPPORTED);
	build(&x, &ns);
	x.p[8] = 0xff; /* a group as the target */
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	build(&x, &ns);
	x.p[26] |= 1; /* a group as the station */
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	build(&x, &ns);
	x.ip.src = nobody; /* who looks for a duplicate names no station ... */
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	x.ip.payload_len = 24; /* ... and asks the solicited-node group only */
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	x.ip.dst = ip_solicited_node(&them);
	assert_int_equal(parse(&x), WIRE_OK);
	build(&x, &na);
	x.ip.dst = ip_all_nodes(); /* nobody asked in the name of a group */
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	x.p[4] &= (uint8_t)~NDP_NA_SOLICITED;
	assert_int_equal(parse(&x), WIRE_OK);
	x.ip.src = nobody;
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	build(&x, &ra);
	x.ip.src.b[0] = 0x20; /* routers speak from their link-local address */
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	build(&x, &rs);
	x.ip.src = nobody;
	assert_int_equal(parse(&x), WIRE_ADDRESS);
	x.ip.payload_len = 8;
	assert_int_equal(parse(&x), WIRE_OK);
}

static void prefixes_are_bounded(void **state)
{
	struct ndp_msg many = {.type = ICMP6_RA, .n_prefixes = NDP_PREFIX_MAX}, out;
	struct message x;

	(void)state;
	for (uint8_t i = 0; i < NDP_PREFIX_MAX; i++)
		many.prefix[i] = (struct ndp_prefix){.prefix = us, .len = i};
	build(&x, &many);
	memcpy(x.p + x.ip.payload_len, x.p + 16, 32); /* a fifth */
	x.ip.payload_len = (uint16_t)(x.ip.payload_len + 32);
	x.p[16 + 2] = 129; /* the first one is nonsense */
	assert_int_equal(ndp_parse(&x.ip, &out), WIRE_OK);
	assert_int_equal(out.n_prefixes, NDP_PREFIX_MAX);
	assert_int_equal(out.prefix[0].len, 1);
}

static void addresses(void **state)
{
	static const uint8_t group[6] = {0x33, 0x33, 0xff, 3, 0, 2};
	struct ip_addr s = ip_solicited_node(&them), v4 = ip_from_v4(0xe0000001);
	struct eth_addr e = eth_multicast6(&s);

	(void)state;
	assert_true(ip_is_link_local(&us) && !ip_is_link_local(&s));
	assert_true(ip_is_multicast(&s) && ip_is_multicast(&v4) && !ip_is_multicast(&us));
	assert_int_equal(s.b[1], 2);
	assert_int_equal(s.b[11], 1);
	assert_memory_equal(e.b, group, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(solicitation_golden),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(fault_01_ndp_cut_short),
		cmocka_unit_test(fault_01_ndp_option_lengths),
		cmocka_unit_test(who_may_say_what),
		cmocka_unit_test(prefixes_are_bounded),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
