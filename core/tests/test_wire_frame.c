// SPDX-License-Identifier: BSD-3-Clause
/* The short way of the usual frame gives what the parsers and builders give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "wire/frame_syn.h"

#define TTL  64
#define ROOM 2048

static uint64_t seed;

static uint32_t draw32(struct rng *r)
{
	return (uint32_t)rng_next(r);
}

static struct flow draw_flow(struct rng *r)
{
	return (struct flow){.local = ip_from_v4(draw32(r)),
			     .remote = ip_from_v4(draw32(r)),
			     .lport = (uint16_t)draw32(r),
			     .rport = (uint16_t)draw32(r)};
}

static struct tcp_seg draw_seg(struct rng *r)
{
	return (struct tcp_seg){.seq = seq_of(draw32(r)),
				.ack = seq_of(draw32(r)),
				.wnd = (uint16_t)draw32(r),
				.len = (uint16_t)rng_below(r, 1400),
				.flags = (uint8_t)draw32(r),
				.opts = TCPO_TS,
				.ip_ecn = (uint8_t)rng_below(r, 4),
				.ts_val = draw32(r),
				.ts_ecr = draw32(r)};
}

static struct tcp_seg draw_syn(struct rng *r)
{
	struct tcp_seg s = draw_seg(r);

	s.opts = TCPO_SYN;
	s.mss = (uint16_t)draw32(r);
	s.wscale = (uint8_t)draw32(r);
	return s;
}

static struct eth_hdr draw_eth(struct rng *r)
{
	struct eth_hdr e = {.type = ETH_IPV4};

	for (int i = 0; i < 6; i++) {
		e.dst.b[i] = (uint8_t)draw32(r);
		e.src.b[i] = (uint8_t)draw32(r);
	}
	return e;
}

/* By the builders of wire.h. */
static size_t build(uint8_t *p, const struct eth_hdr *e, const struct flow *f,
		    const struct tcp_seg *s, bool csum)
{
	struct ip_hdr ip = {.src = f->local, .dst = f->remote, .proto = IP_TCP, .ttl = TTL};

	ip.tos = s->ip_ecn;
	ip.payload_len = (uint16_t)(tcp_hdr_len(s) + s->len);
	eth_build(p, e);
	ipv4_build(p + ETH_HLEN, &ip);
	if (csum)
		tcp_build(p + ETH_HLEN + IPV4_HLEN, f, s);
	else
		tcp_build_partial(p + ETH_HLEN + IPV4_HLEN, f, s);
	return ETH_HLEN + IPV4_HLEN + (size_t)ip.payload_len;
}

static void put(uint8_t *p, const struct frame_eth *eth, const struct frame_ends *ends,
		const struct tcp_seg *s, bool csum)
{
	uint64_t sum = frame_put(p, eth, ends, s);

	if (csum)
		frame_put_sum(p, sum, csum_add(0, p + FRAME_HLEN, s->len));
}

static void put_is_what_the_builders_write(void **state)
{
	uint8_t a[ROOM], b[ROOM];
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (int i = 0; i < 20000; i++) {
		struct flow f = draw_flow(&r);
		bool syn = i / 2 % 2;
		struct tcp_seg s = (syn ? draw_syn : draw_seg)(&r);
		struct eth_hdr e = draw_eth(&r);
		struct frame_eth eth = frame_eth_of(&e.dst, &e.src);
		struct frame_ends ends = {.ttl = TTL};
		bool csum = i % 2;
		size_t len;

		ends.local = f.local.w[3];
		ends.remote = f.remote.w[3];
		ends.lport = f.lport;
		ends.rport = f.rport;
		for (size_t k = 0; k < ROOM; k++)
			a[k] = b[k] = (uint8_t)draw32(&r);
		len = build(a, &e, &f, &s, csum);
		if (syn)
			assert_int_equal(frame_put_syn(b, &eth, &ends, &s, csum), len);
		else
			put(b, &eth, &ends, &s, csum);
		assert_memory_equal(a, b, ROOM);
	}
}

/* By the parsers of wire.h. */
static bool parse(const uint8_t *p, size_t len, unsigned sums, struct flow *f, struct tcp_seg *s)
{
	struct eth_hdr e;
	struct ip_hdr ip;

	if (eth_parse(p, len, &e) != WIRE_OK || e.type != ETH_IPV4 ||
	    ipv4_parse(p + ETH_HLEN, len - ETH_HLEN, sums & FRAME_IP_SUM_OK ? WIRE_CSUM_OK : 0,
		       &ip) != WIRE_OK ||
	    ip.proto != IP_TCP ||
	    tcp_parse(&ip, sums & FRAME_TCP_SUM_OK ? WIRE_CSUM_OK : 0, &f->rport, &f->lport, s) !=
		    WIRE_OK)
		return false;
	f->local = ip.dst;
	f->remote = ip.src;
	return true;
}

static void assert_same(const struct tcp_seg *a, const struct tcp_seg *b)
{
	assert_int_equal(a->seq.v, b->seq.v);
	assert_int_equal(a->ack.v, b->ack.v);
	assert_int_equal(a->wnd, b->wnd);
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->opts, b->opts);
	assert_int_equal(a->wscale, b->wscale);
	assert_int_equal(a->n_sack, b->n_sack);
	assert_int_equal(a->mss, b->mss);
	assert_int_equal(a->ip_ecn, b->ip_ecn);
	assert_int_equal(a->no_room, b->no_room);
	assert_int_equal(a->cookie_len, b->cookie_len);
	assert_int_equal(a->ts_val, b->ts_val);
	assert_int_equal(a->ts_ecr, b->ts_ecr);
	assert_ptr_equal(a->cookie, b->cookie);
	assert_ptr_equal(a->payload, b->payload);
	assert_int_equal(a->data_off, b->data_off);
}

/* What it takes, the parsers take, with the same values. */
static bool take_agrees(const uint8_t *p, size_t len, unsigned sums, bool syn)
{
	struct tcp_seg a, b;
	struct flow f, g;

	memset(&a, 0xa5, sizeof(a));
	memset(&b, 0x5a, sizeof(b));
	if (!(syn ? frame_take_syn : frame_take)(p, len, sums, &f, &a))
		return false;
	assert_true(parse(p, len, sums, &g, &b));
	assert_true(flow_eq(&f, &g));
	assert_same(&a, &b);
	return true;
}

/* Each with one octet changed, and cut; checksums wrong, or vouched for by the device. */
static void take_is_what_the_parsers_read(bool syn)
{
	size_t hlen = syn ? FRAME_SYN_LEN : FRAME_HLEN;
	unsigned n_taken = 0, n_changed = 0;
	uint8_t p[ROOM];
	struct rng r;

	rng_seed(&r, seed);
	for (int i = 0; i < 100000; i++) {
		struct flow f = draw_flow(&r);
		struct tcp_seg s = (syn ? draw_syn : draw_seg)(&r);
		struct eth_hdr e = draw_eth(&r);
		unsigned sums = (unsigned)i % 4;
		size_t len, at;

		for (size_t k = 0; k < ROOM; k++)
			p[k] = (uint8_t)draw32(&r);
		len = build(p, &e, &f, &s, true);
		at = rng_below(&r, (uint32_t)hlen);
		n_taken += take_agrees(p, len + rng_below(&r, 3), sums, syn);
		p[at] = (uint8_t)(p[at] ^ 1u << rng_below(&r, 8));
		n_changed += take_agrees(p, len, sums, syn);
		(void)take_agrees(p, rng_below(&r, (uint32_t)len), sums, syn);
	}
	assert_in_range(n_taken, 40000, 50000); /* not from a group's station, nor from 127/8 */
	assert_in_range(n_changed, 8000, 30000);
}

static void take_is_what_the_parsers_read_of_segments(void **state)
{
	(void)state;
	take_is_what_the_parsers_read(false);
}

static void take_is_what_the_parsers_read_of_syns(void **state)
{
	(void)state;
	take_is_what_the_parsers_read(true);
}

/* What every host may send is taken. */
static void take_takes_the_usual(void **state)
{
	const uint32_t from[] = {0x01000001, 0x0a000001, 0x7e000001,
				 0x80000001, 0xc0a80001, 0xdf000001};
	struct eth_hdr e = {.dst = {{2, 0, 0, 0, 0, 1}}, .src = {{2, 0, 0, 0, 0, 2}}};
	struct tcp_seg s = {.flags = TCPF_ACK, .opts = TCPO_TS, .len = 10};
	uint8_t p[ROOM] = {0};

	(void)state;
	e.type = ETH_IPV4;
	for (size_t i = 0; i < 2 * sizeof(from) / sizeof(from[0]); i++) {
		struct flow f = {.local = ip_from_v4(from[i / 2]),
				 .remote = ip_from_v4(0x0a000002)};
		bool syn = i % 2;
		size_t len;

		s.opts = syn ? TCPO_SYN : TCPO_TS;
		len = build(p, &e, &f, &s, true);
		assert_true(take_agrees(p, len, 0, syn));
		p[FRAME_HLEN] ^= 1;
		assert_false(take_agrees(p, len, 0, syn));
		assert_false(take_agrees(p, len, FRAME_IP_SUM_OK, syn));
		assert_true(take_agrees(p, len, FRAME_TCP_SUM_OK, syn));
		p[FRAME_HLEN] ^= 1;
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_is_what_the_builders_write),
		cmocka_unit_test(take_is_what_the_parsers_read_of_segments),
		cmocka_unit_test(take_is_what_the_parsers_read_of_syns),
		cmocka_unit_test(take_takes_the_usual),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
