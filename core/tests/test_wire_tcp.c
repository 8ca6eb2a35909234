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

/* TCP parts of packets between 10.0.0.1:40000 (a) and 10.0.0.2:80 (b), options as Linux lays them
 * out. */
static const uint8_t syn[] = {
	0x9c, 0x40, 0x00, 0x50, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02,
	0xfa, 0xf0, 0xfa, 0xd8, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a,
	0xde, 0xad, 0xbe, 0xef, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
};

static const uint8_t data[] = {
	0x00, 0x50, 0x9c, 0x40, 0xff, 0xff, 0xff, 0xfe, 0x01, 0x02, 0x03, 0x05, 0x80,
	0x18, 0x01, 0xf5, 0x3e, 0x10, 0x00, 0x00, 0x01, 0x01, 0x08, 0x0a, 0x00, 0x00,
	0x10, 0x00, 0xde, 0xad, 0xbe, 0xef, 0x47, 0x45, 0x54, 0x20, 0x2f, 0x0d, 0x0a,
};

static const uint8_t sack[] = {
	0x9c, 0x40, 0x00, 0x50, 0x01, 0x02, 0x03, 0x05, 0x00, 0x00, 0x00, 0x05, 0xf0, 0x10, 0x04,
	0x00, 0x96, 0x5f, 0x00, 0x00, 0x01, 0x01, 0x08, 0x0a, 0xde, 0xad, 0xbe, 0xf0, 0x00, 0x00,
	0x10, 0x00, 0x01, 0x01, 0x05, 0x1a, 0xff, 0xff, 0xff, 0xf0, 0x00, 0x00, 0x00, 0x10, 0x00,
	0x00, 0x00, 0x64, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00, 0x01, 0x2c, 0x00, 0x00, 0x01, 0x90,
};

static const struct {
	const uint8_t *p;
	uint16_t len;
	bool from_a;
} golden[] = {{syn, sizeof(syn), true}, {data, sizeof(data), false}, {sack, sizeof(sack), true}};

static struct ip_hdr ip_of(const uint8_t *p, size_t len, bool from_a)
{
	return (struct ip_hdr){
		.src = ip_from_v4(from_a ? 0x0a000001 : 0x0a000002),
		.dst = ip_from_v4(from_a ? 0x0a000002 : 0x0a000001),
		.payload = p,
		.payload_len = (uint16_t)len,
		.proto = IP_TCP,
		.tos = 2,
	};
}

static enum wire_err parse(const struct ip_hdr *ip, unsigned flags, struct tcp_seg *s)
{
	uint16_t sport, dport;

	return tcp_parse(ip, flags, &sport, &dport, s);
}

static void golden_syn(void **state)
{
	struct ip_hdr ip = ip_of(syn, sizeof(syn), true);
	uint16_t sport, dport;
	struct tcp_seg s;

	(void)state;
	assert_int_equal(tcp_parse(&ip, 0, &sport, &dport, &s), WIRE_OK);
	assert_int_equal(sport, 40000);
	assert_int_equal(dport, 80);
	assert_int_equal(s.seq.v, 0x01020304);
	assert_int_equal(s.ack.v, 0);
	assert_int_equal(s.flags, TCPF_SYN);
	assert_int_equal(s.wnd, 64240);
	assert_int_equal(s.opts, TCPO_MSS | TCPO_SACK_PERM | TCPO_TS | TCPO_WSCALE);
	assert_int_equal(s.mss, 1460);
	assert_int_equal(s.wscale, 7);
	assert_int_equal(s.ts_val, 0xdeadbeef);
	assert_int_equal(s.ts_ecr, 0);
	assert_int_equal(s.n_sack, 0);
	assert_int_equal(s.len, 0);
	assert_int_equal(s.ip_ecn, 2);
	assert_int_equal(seg_len(&s), 1);
}

static void golden_data(void **state)
{
	struct ip_hdr ip = ip_of(data, sizeof(data), false);
	struct tcp_seg s;

	(void)state;
	assert_int_equal(parse(&ip, 0, &s), WIRE_OK);
	assert_int_equal(s.seq.v, 0xfffffffe);
	assert_int_equal(s.ack.v, 0x01020305);
	assert_int_equal(s.flags, TCPF_PSH | TCPF_ACK);
	assert_int_equal(s.wnd, 501);
	assert_int_equal(s.opts, TCPO_TS);
	assert_int_equal(s.ts_val, 0x1000);
	assert_int_equal(s.ts_ecr, 0xdeadbeef);
	assert_int_equal(s.len, 7);
	assert_memory_equal(s.payload, "GET /\r\n", 7);
}

static void golden_sack(void **state)
{
	static const uint32_t edges[] = {0xfffffff0, 16, 100, 200, 300, 400};
	struct ip_hdr ip = ip_of(sack, sizeof(sack), true);
	struct tcp_seg s;

	(void)state;
	assert_int_equal(parse(&ip, 0, &s), WIRE_OK);
	assert_int_equal(s.opts, TCPO_TS | TCPO_SACK);
	assert_int_equal(s.n_sack, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(s.sack[i].start.v, edges[2 * i]);
		assert_int_equal(s.sack[i].end.v, edges[2 * i + 1]);
	}
}

/* The same bytes come out as went in. */
static void golden_rebuilt(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct ip_hdr ip = ip_of(golden[i].p, golden[i].len, golden[i].from_a);
		struct flow f = {.local = ip.src, .remote = ip.dst};
		uint8_t out[128];
		struct tcp_seg s;
		size_t hlen;

		assert_int_equal(tcp_parse(&ip, 0, &f.lport, &f.rport, &s), WIRE_OK);
		hlen = tcp_hdr_len(&s);
		memcpy(out + hlen, s.payload, s.len);
		assert_int_equal(tcp_build(out, &f, &s), hlen);
		assert_int_equal(hlen + s.len, golden[i].len);
		assert_memory_equal(out, golden[i].p, golden[i].len);
	}
}

static void every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t hlen = (golden[i].p[12] >> 4) * 4u;

		for (size_t len = 0; len < golden[i].len; len++) {
			uint8_t *p = exact(golden[i].p, len);
			struct ip_hdr ip = ip_of(p, len, golden[i].from_a);
			enum wire_err want = len < hlen ? WIRE_OPTIONS : WIRE_OK;
			struct tcp_seg s;

			assert_int_equal(parse(&ip, 0, &s), len < 20 ? WIRE_SHORT : WIRE_CHECKSUM);
			assert_int_equal(parse(&ip, WIRE_CSUM_OK, &s),
					 len < 20 ? WIRE_SHORT : want);
			free(p);
		}
	}
}

static void every_bit_is_summed(void **state)
{
	uint8_t p[sizeof(data)];
	struct ip_hdr ip = ip_of(p, sizeof(p), false);
	struct tcp_seg s;

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
		memcpy(p, data, sizeof(p));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(&ip, 0, &s), WIRE_CHECKSUM);
	}
	memcpy(p, data, sizeof(p));
	ip.src.b[15] ^= 1;
	assert_int_equal(parse(&ip, 0, &s), WIRE_CHECKSUM);
}

static void data_offset(void **state)
{
	uint8_t p[sizeof(data)];
	struct ip_hdr ip = ip_of(p, sizeof(p), false);
	struct tcp_seg s;

	(void)state;
	memcpy(p, data, sizeof(p));
	for (unsigned words = 0; words < 16; words++) {
		bool fits = words >= 5 && words * 4 <= sizeof(p);

		p[12] = (uint8_t)(words << 4);
		assert_int_equal(parse(&ip, WIRE_CSUM_OK, &s), fits ? WIRE_OK : WIRE_OPTIONS);
		if (fits)
			assert_int_equal(s.len, sizeof(p) - words * 4);
	}
}

/* A segment with this option list, in a buffer of exactly that size. */
static struct tcp_seg with_options(const uint8_t *opts, size_t len)
{
	uint8_t head[TCP_HLEN + TCP_OPTS_MAX] = {0}, *p;
	struct ip_hdr ip;
	struct tcp_seg s;

	assert_true(len % 4 == 0 && len <= TCP_OPTS_MAX);
	memcpy(head + TCP_HLEN, opts, len);
	head[12] = (uint8_t)((TCP_HLEN + len) / 4 << 4);
	p = exact(head, TCP_HLEN + len);
	ip = ip_of(p, TCP_HLEN + len, true);
	assert_int_equal(parse(&ip, WIRE_CSUM_OK, &s), WIRE_OK);
	free(p);
	return s;
}

#define OPTS(...)                                                                                  \
	with_options((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void fault_01_option_lengths(void **state)
{
	struct tcp_seg s;

	(void)state;
	/* An MSS, then a length of 0, 1, or beyond the list, then another option that is not read.
	 */
	s = OPTS(2, 4, 5, 180, 99, 0, 1, 1, 3, 3, 7, 0);
	assert_int_equal(s.opts, TCPO_MSS);
	s = OPTS(2, 4, 5, 180, 99, 1, 1, 1, 3, 3, 7, 0);
	assert_int_equal(s.opts, TCPO_MSS);
	s = OPTS(2, 4, 5, 180, 99, 9, 1, 1, 3, 3, 7, 0);
	assert_int_equal(s.opts, TCPO_MSS);
	s = OPTS(2, 4, 5, 180, 8, 0, 1, 1, 3, 3, 7, 0);
	assert_int_equal(s.opts, TCPO_MSS);
	s = OPTS(2, 4, 5, 180, 5, 1, 1, 1, 3, 3, 7, 0);
	assert_int_equal(s.opts, TCPO_MSS);
	s = OPTS(2, 4, 5, 180, 0, 1, 1, 1, 3, 3, 7, 0); /* EOL */
	assert_int_equal(s.opts, TCPO_MSS);
	s = OPTS(1, 1, 1, 2); /* a kind without a length */
	assert_int_equal(s.opts, 0);
	s = OPTS(1, 1, 8, 10); /* cut off behind its head */
	assert_int_equal(s.opts, 0);
	s = OPTS(1, 1, 8, 10, 1, 2, 3, 4); /* cut off in the middle */
	assert_int_equal(s.opts, 0);
}

/* Kind and length at the end of the header as well: not a byte of either is read beyond it. */
static void fault_01_timestamp_and_sack_lengths(void **state)
{
	(void)state;
	for (uint8_t len = 0; len <= 40; len++) {
		bool blocks = len >= 10 && len % 8 == 2;
		uint8_t o[40];
		struct tcp_seg s;

		memset(o, 1, sizeof(o));
		o[0] = 8;
		o[1] = len;
		s = with_options(o, sizeof(o));
		assert_int_equal(s.opts, len == 10 ? TCPO_TS : 0);
		o[0] = 5;
		s = with_options(o, sizeof(o));
		assert_int_equal(s.opts, blocks ? TCPO_SACK : 0);
		assert_int_equal(s.n_sack, !blocks ? 0 : len == 34 ? 4 : (len - 2) / 8);
		if (len < 2 || len > 38)
			continue;
		memmove(o + 40 - 4, (uint8_t[]){8, len, 5, len}, 4);
		s = with_options(o + 40 - 4, 4);
		assert_int_equal(s.opts, 0);
	}
}

static void options_that_are_skipped(void **state)
{
	struct tcp_seg s;

	(void)state;
	s = OPTS(99, 6, 3, 3, 7, 0, 2, 4, 5, 180, 0, 0); /* unknown */
	assert_int_equal(s.opts, TCPO_MSS);
	assert_int_equal(s.mss, 1460);
	s = OPTS(30, 2, 1, 1, 3, 3, 14, 0);
	assert_int_equal(s.opts, TCPO_WSCALE);
	/* Known, but with a wrong length. */
	s = OPTS(2, 3, 5, 3, 3, 7, 0, 0);
	assert_int_equal(s.opts, TCPO_WSCALE);
	s = OPTS(2, 6, 5, 180, 0, 0, 4, 2);
	assert_int_equal(s.opts, TCPO_SACK_PERM);
	s = OPTS(3, 2, 3, 4, 7, 7, 4, 2);
	assert_int_equal(s.opts, TCPO_SACK_PERM);
	s = OPTS(4, 3, 0, 3, 3, 7, 0, 0);
	assert_int_equal(s.opts, TCPO_WSCALE);
	s = OPTS(8, 9, 1, 2, 3, 4, 5, 6, 7, 3, 3, 7);
	assert_int_equal(s.opts, TCPO_WSCALE);
	s = OPTS(8, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3, 3, 7, 0);
	assert_int_equal(s.opts, 0);		 /* the 0 behind it is an EOL */
	for (uint8_t len = 2; len < 10; len++) { /* SACK without a whole block */
		uint8_t o[16] = {5, len};

		o[len] = 3;
		o[len + 1] = 3;
		s = with_options(o, sizeof(o));
		assert_int_equal(s.opts, TCPO_WSCALE);
		assert_int_equal(s.n_sack, 0);
	}
	s = OPTS(5, 11, 0, 0, 0, 1, 0, 0, 0, 2, 9, 1, 1, 1, 1, 1);
	assert_int_equal(s.opts, 0);
}

static void options_twice(void **state)
{
	struct tcp_seg s;

	(void)state;
	s = OPTS(2, 4, 5, 180, 2, 4, 2, 24, 3, 3, 7, 3, 3, 9, 1, 1);
	assert_int_equal(s.opts, TCPO_MSS | TCPO_WSCALE);
	assert_int_equal(s.mss, 536);
	assert_int_equal(s.wscale, 9);
	s = OPTS(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4, 1, 1);
	assert_int_equal(s.ts_val, 3);
	assert_int_equal(s.ts_ecr, 4);
	s = OPTS(5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, /* */
		 5, 10, 0, 0, 0, 5, 0, 0, 0, 6);
	assert_int_equal(s.n_sack, 1);
	assert_int_equal(s.sack[0].start.v, 5);
	assert_int_equal(s.sack[0].end.v, 6);
}

/* Timestamps not where Linux puts them, and four blocks without timestamps. */
static void options_anywhere(void **state)
{
	uint8_t o[36] = {1, 1, 5, 34};
	struct tcp_seg s;

	(void)state;
	s = OPTS(8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0);
	assert_int_equal(s.opts, TCPO_TS);
	assert_int_equal(s.ts_val, 1);
	assert_int_equal(s.ts_ecr, 2);
	for (uint8_t i = 0; i < 8; i++)
		o[4 + 4 * i + 3] = i;
	s = with_options(o, sizeof(o));
	assert_int_equal(s.n_sack, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(s.sack[i].start.v, 2 * i);
		assert_int_equal(s.sack[i].end.v, 2 * i + 1);
	}
}

static void blocks_that_fit(void **state)
{
	static const struct {
		uint8_t opts, hlen, blocks;
	} v[] = {
		{TCPO_SACK, 20 + 36, 4},
		{TCPO_SACK | TCPO_TS, 20 + 40, 3},
		{TCPO_SACK | TCPO_TS | TCPO_MSS, 20 + 36, 2},
		{TCPO_SACK | TCPO_TS | TCPO_MSS | TCPO_SACK_PERM | TCPO_WSCALE, 20 + 40, 2},
	};
	const struct flow f = {.local = ip_from_v4(0x0a000001), .remote = ip_from_v4(0x0a000002)};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct tcp_seg out, in = {.opts = v[i].opts, .n_sack = 200};
		uint8_t p[64];
		struct ip_hdr ip = ip_of(p, v[i].hlen, true);

		assert_int_equal(tcp_hdr_len(&in), v[i].hlen);
		assert_int_equal(tcp_build(p, &f, &in), v[i].hlen);
		assert_int_equal(parse(&ip, 0, &out), WIRE_OK);
		assert_int_equal(out.n_sack, v[i].blocks);
	}
	assert_int_equal(tcp_hdr_len(&(struct tcp_seg){.opts = TCPO_SACK, .n_sack = 0}), 20);
}

static struct tcp_seg random_seg(struct rng *r)
{
	struct tcp_seg s = {
		.seq = seq_of((uint32_t)rng_next(r)),
		.ack = seq_of((uint32_t)rng_next(r)),
		.wnd = (uint16_t)rng_next(r),
		.len = (uint16_t)rng_below(r, 200),
		.flags = (uint8_t)rng_next(r),
		.opts = (uint8_t)rng_below(r, 0x20),
		.ip_ecn = (uint8_t)rng_below(r, 4),
	};

	if (s.opts & TCPO_MSS)
		s.mss = (uint16_t)rng_next(r);
	if (s.opts & TCPO_WSCALE)
		s.wscale = (uint8_t)rng_next(r);
	if (s.opts & TCPO_TS) {
		s.ts_val = (uint32_t)rng_next(r);
		s.ts_ecr = (uint32_t)rng_next(r);
	}
	if (s.opts & TCPO_SACK) {
		uint32_t most = s.opts & (TCPO_TS | TCPO_MSS | TCPO_WSCALE | TCPO_SACK_PERM);

		most = most == 0 ? 4 : most == TCPO_TS ? 3 : 2;
		s.n_sack = (uint8_t)(1 + rng_below(r, most));
	}
	for (int i = 0; i < s.n_sack; i++) {
		s.sack[i].start = seq_of((uint32_t)rng_next(r));
		s.sack[i].end = seq_of((uint32_t)rng_next(r));
	}
	return s;
}

static struct ip_addr random_addr(struct rng *r)
{
	struct ip_addr a = {.d = {rng_next(r), rng_next(r)}};

	return rng_below(r, 2) ? a : ip_from_v4((uint32_t)rng_next(r));
}

static void same_values(const struct tcp_seg *a, const struct tcp_seg *b)
{
	assert_true(seq_eq(a->seq, b->seq) && seq_eq(a->ack, b->ack));
	assert_int_equal(a->wnd, b->wnd);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->opts, b->opts);
	assert_int_equal(a->wscale, b->wscale);
	assert_int_equal(a->mss, b->mss);
	assert_int_equal(a->ip_ecn, b->ip_ecn);
	assert_int_equal(a->no_room, b->no_room);
	assert_int_equal(a->cookie_len, b->cookie_len);
	assert_int_equal(a->ts_val, b->ts_val);
	assert_int_equal(a->ts_ecr, b->ts_ecr);
	assert_int_equal(a->n_sack, b->n_sack);
	assert_memory_equal(a->sack, b->sack, a->n_sack * sizeof(a->sack[0]));
}

/* What is left to the device differs from the complete header in its checksum, which is zero. */
static void same_but_checksum(const uint8_t *full, const struct flow *f, const struct tcp_seg *s)
{
	uint8_t partial[64], want[64];
	size_t hlen = tcp_hdr_len(s);

	memset(partial, 0xa5, sizeof(partial));
	memset(want, 0xa5, sizeof(want));
	memcpy(want, full, hlen);
	memset(want + 16, 0, 2);
	assert_int_equal(tcp_build_partial(partial, f, s), hlen);
	assert_memory_equal(partial, want, sizeof(want));
}

/* parse(build(x)) == x, for both families, with nothing written outside. */
static void parse_inverts_build(void **state)
{
	uint8_t p[512];
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (int i = 0; i < 50000; i++) {
		struct tcp_seg out, in = random_seg(&r);
		struct flow f = {random_addr(&r), random_addr(&r), (uint16_t)rng_next(&r),
				 (uint16_t)rng_next(&r)};
		size_t hlen = tcp_hdr_len(&in);
		uint16_t sport, dport;

		assert_true(hlen >= 20 && hlen <= 60);
		memset(p, 0xa5, sizeof(p));
		for (size_t k = 0; k < in.len; k++)
			p[1 + hlen + k] = (uint8_t)(k * 7);
		assert_int_equal(tcp_build(p + 1, &f, &in), hlen);
		assert_int_equal(p[0], 0xa5);
		assert_int_equal(p[1 + hlen + in.len], 0xa5);

		struct ip_hdr ip = {.src = f.local,
				    .dst = f.remote,
				    .payload = p + 1,
				    .payload_len = (uint16_t)(hlen + in.len),
				    .tos = in.ip_ecn};

		memset(&out, 0xa5, sizeof(out)); /* nothing of it may be left */
		assert_int_equal(tcp_parse(&ip, 0, &sport, &dport, &out), WIRE_OK);
		assert_int_equal(sport, f.lport);
		assert_int_equal(dport, f.rport);
		assert_int_equal(out.len, in.len);
		assert_ptr_equal(out.payload, p + 1 + hlen);
		same_values(&in, &out);
		for (size_t k = 0; k < in.len; k++)
			assert_int_equal(out.payload[k], (uint8_t)(k * 7));
		same_but_checksum(p + 1, &f, &in);
	}
}

/* RFC 7413 4.1.1: cookies of 4 to 16 bytes, even, or none; padded; whatever else is no option. */
static void test_fastopen(void **state)
{
	static const uint8_t cookie[] = "0123456789abcdefgh";
	struct flow f = {.lport = 1, .rport = 2};

	(void)state;
	for (uint8_t n = 0; n <= 18; n++) {
		bool good = n == 0 || (n >= 4 && n <= 16 && n % 2 == 0);
		struct tcp_seg s = {.flags = TCPF_SYN,
				    .opts = TCPO_MSS | TCPO_FASTOPEN,
				    .cookie = cookie},
			       got;
		struct ip_hdr ip = {.proto = IP_TCP};
		uint8_t p[64];
		uint16_t a, b;
		size_t len;

		s.cookie_len = n;
		if (n <= TCP_COOKIE_MAX)
			s.opts |= TCPO_TS | TCPO_SACK_PERM | TCPO_WSCALE;
		len = tcp_build(p, &f, &s);
		assert_int_equal(len, tcp_hdr_len(&s));
		assert_int_equal(len % 4, 0);
		assert_true(len <= 60);
		ip.payload = p;
		ip.payload_len = (uint16_t)len;
		assert_int_equal(tcp_parse(&ip, WIRE_CSUM_OK, &a, &b, &got), WIRE_OK);
		assert_int_equal((got.opts & TCPO_FASTOPEN) != 0, good);
		if (good) {
			assert_int_equal(got.opts, s.opts);
			assert_int_equal(got.cookie_len, n);
			assert_memory_equal(got.cookie, cookie, n);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_syn),
		cmocka_unit_test(golden_data),
		cmocka_unit_test(golden_sack),
		cmocka_unit_test(golden_rebuilt),
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_bit_is_summed),
		cmocka_unit_test(data_offset),
		cmocka_unit_test(fault_01_option_lengths),
		cmocka_unit_test(fault_01_timestamp_and_sack_lengths),
		cmocka_unit_test(options_that_are_skipped),
		cmocka_unit_test(options_twice),
		cmocka_unit_test(options_anywhere),
		cmocka_unit_test(blocks_that_fit),
		cmocka_unit_test(test_fastopen),
		cmocka_unit_test(parse_inverts_build),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
