// SPDX-License-Identifier: BSD-3-Clause
/* Fragments: any order and cut gives the datagram; nothing hostile gives anything but a count. */
#include "base/rng.h"
#include "seed.h"
#include "test_stack_raw.h"

#define PEER	 0x0a000002u
#define STRANGER 0x0a000003u
#define BIG	 65515u /* the longest payload of an IPv4 packet */

static uint64_t seed;

static struct net *open_net(uint32_t n_datagrams)
{
	struct stack_neigh_entry peer = {ip_from_v4(PEER), raw_mac};
	struct stack_config cfg = net_config();
	struct net *n;

	cfg.frag_datagrams = n_datagrams;
	cfg.neighs = &peer;
	cfg.n_neighs = 1;
	n = raw_net(&cfg);
	net_turn(n);
	raw_skip(n);
	return n;
}

struct piece {
	uint32_t src;
	uint16_t id;
	uint8_t proto, tos;
	uint32_t offset, len;
	bool more;
};

/* `all` is the whole datagram's payload. */
static void put(struct net *n, const struct piece *p, const uint8_t *all)
{
	uint8_t f[NET_ROOM];
	struct ip_hdr ip = {
		.src = ip_from_v4(p->src),
		.dst = ip_from_v4(RAW_US),
		.proto = p->proto,
		.ttl = 64,
		.tos = p->tos,
		.id = p->id,
		.payload_len = (uint16_t)p->len,
	};
	size_t at = raw_eth(f, ETH_IPV4);
	uint16_t field = (uint16_t)(p->offset / 8 | (p->more ? 0x2000u : 0)), sum;

	at += ipv4_build(f + at, &ip);
	f[ETH_HLEN + 6] = (uint8_t)(field >> 8);
	f[ETH_HLEN + 7] = (uint8_t)field;
	memset(f + ETH_HLEN + 10, 0, 2);
	sum = csum_fold(csum_add(0, f + ETH_HLEN, IPV4_HLEN));
	memcpy(f + ETH_HLEN + 10, &sum, 2);
	memcpy(f + at, all + p->offset, p->len);
	raw_put(n, f, at + p->len);
}

static void put_part(struct net *n, uint16_t id, uint32_t offset, uint32_t end, const uint8_t *all)
{
	struct piece p = {.src = PEER,
			  .id = id,
			  .proto = IP_ICMP,
			  .offset = offset,
			  .len = end - offset,
			  .more = true};

	put(n, &p, all);
}

static void put_last(struct net *n, uint16_t id, uint32_t offset, uint32_t end, const uint8_t *all)
{
	struct piece p = {
		.src = PEER, .id = id, .proto = IP_ICMP, .offset = offset, .len = end - offset};

	put(n, &p, all);
}

/* An echo request of `len` bytes in all. */
static void make_echo(uint8_t *p, uint32_t len)
{
	static uint8_t data[BIG];
	struct icmp_msg m = {.type = ICMP_ECHO_REQUEST,
			     .id = 7,
			     .sequence = 1,
			     .payload = data,
			     .payload_len = (uint16_t)(len - 8)};

	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	icmp_build(p, &m);
}

/* The answer holds the first bytes of the request, as many as fit a packet. */
static void expect_answer(struct net *n, const uint8_t *request, uint32_t len)
{
	struct raw_frame r;
	struct icmp_msg m;
	uint32_t fits = len < 1480 ? len : 1480;

	net_turn(n);
	assert_true(raw_get(n, &r));
	assert_int_equal(icmp_parse(r.ip.payload, r.ip.payload_len, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_ECHO_REPLY);
	assert_int_equal(r.ip.payload_len, fits);
	assert_memory_equal(m.payload, request + 8, fits - 8);
	assert_int_equal(raw_skip(n), 0);
}

static uint32_t frags_held(const struct net *n)
{
	struct stack_usage u;

	stack_usage(n->a.sc, &u);
	return u.frags;
}

static void no_answer(struct net *n)
{
	net_turn(n);
	assert_int_equal(raw_skip(n), 0);
}

#define STAT(n, field) (stack_stats((n)->a.sc)->field)

static void test_two_fragments_either_order(void **state)
{
	struct net *n = open_net(4);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	put_part(n, 1, 0, 504, all);
	no_answer(n);
	put_last(n, 1, 504, 1000, all);
	expect_answer(n, all, 1000);
	put_last(n, 2, 504, 1000, all);
	no_answer(n);
	put_part(n, 2, 0, 504, all);
	expect_answer(n, all, 1000);
	assert_int_equal(frags_held(n), 0);
	assert_int_equal(STAT(n, frag_reassembled), 2);
	assert_int_equal(STAT(n, frag_received), 4);
	net_free(n);
}

static void shuffle(struct rng *r, struct piece *p, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned k = rng_below(r, i);
		struct piece t = p[k];

		p[k] = p[i - 1];
		p[i - 1] = t;
	}
}

/* Several datagrams at once, cut anywhere, mixed, some fragments twice. */
static void test_random_cuts_orders_and_repeats(void **state)
{
	struct net *n = open_net(4);
	static uint8_t all[9000];
	struct piece pieces[64];
	unsigned n_cut = 0;
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (unsigned round = 0; round < 300; round++) {
		uint32_t len = 16 + rng_below(&r, 8900), at = 0;
		unsigned k = 0;

		make_echo(all, len);
		while (at < len) {
			uint32_t units = 1 + rng_below(&r, 180), end = at + 8 * units;

			if (end > len || k == 63)
				end = len;
			if (end - at > 1480)
				end = at + 1480;
			pieces[k++] = (struct piece){.src = PEER,
						     .id = (uint16_t)round,
						     .proto = IP_ICMP,
						     .offset = at,
						     .len = end - at,
						     .more = end < len};
			at = end;
		}
		n_cut += k > 1;
		shuffle(&r, pieces, k);
		for (unsigned i = 0; i < k; i++) {
			put(n, &pieces[i], all);
			if (i + 1 < k && rng_below(&r, 4) == 0)
				put(n, &pieces[rng_below(&r, i + 1)], all);
		}
		expect_answer(n, all, len);
		assert_int_equal(frags_held(n), 0);
	}
	assert_int_equal(STAT(n, frag_reassembled), n_cut);
	assert_int_equal(STAT(n, frag_overlap), 0);
	net_free(n);
}

static void test_longest_datagram_and_beyond(void **state)
{
	struct net *n = open_net(2);
	static uint8_t all[BIG + 1480];

	(void)state;
	make_echo(all, BIG);
	for (uint32_t at = 0; at < BIG - 1480; at += 1480)
		put_part(n, 1, at, at + 1480, all);
	put_last(n, 1, BIG / 1480 * 1480, BIG, all);
	expect_answer(n, all, BIG);
	put_last(n, 2, 65512, BIG + 1, all); /* one byte more than a packet can have */
	put_last(n, 2, 65528, 65528 + 1400, all);
	no_answer(n);
	assert_int_equal(STAT(n, drop_fragment), 2);
	assert_int_equal(frags_held(n), 0);
	net_free(n);
}

static void fault_01_impossible_fragments(void **state)
{
	struct net *n = open_net(2);
	struct piece odd = {
		.src = PEER, .id = 1, .proto = IP_ICMP, .offset = 8, .len = 13, .more = true};
	uint8_t all[64] = {0};

	(void)state;
	put(n, &odd, all); /* not the last, and not whole units */
	odd.len = 0;
	put(n, &odd, all);
	odd.more = false;
	put(n, &odd, all);
	no_answer(n);
	assert_int_equal(STAT(n, drop_fragment), 3);
	assert_int_equal(frags_held(n), 0);
	net_free(n);
}

/* Refused whole, the fragments still to come included (RFC 5722). */
static void test_overlap_refuses_the_datagram(void **state)
{
	struct net *n = open_net(2);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	put_part(n, 1, 0, 504, all);
	put_last(n, 1, 496, 1000, all);
	put_last(n, 1, 504, 1000, all);
	no_answer(n);
	assert_int_equal(STAT(n, frag_overlap), 1);
	assert_int_equal(STAT(n, drop_fragment), 1);
	put_part(n, 2, 0, 504, all); /* another one is not hurt */
	put_last(n, 2, 504, 1000, all);
	expect_answer(n, all, 1000);
	n->now += 31 * MT_SEC;
	no_answer(n); /* no word about a refused one */
	assert_int_equal(frags_held(n), 0);
	assert_int_equal(STAT(n, frag_timeout), 0);
	net_free(n);
}

static void test_repeated_fragment_with_other_bytes(void **state)
{
	struct net *n = open_net(2);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	put_part(n, 1, 0, 504, all);
	all[100] ^= 1;
	put_part(n, 1, 0, 504, all);
	all[100] ^= 1;
	put_last(n, 1, 504, 1000, all);
	no_answer(n);
	assert_int_equal(STAT(n, frag_overlap), 1);
	net_free(n);
}

static void test_ends_that_contradict(void **state)
{
	struct net *n = open_net(8);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	put_last(n, 1, 504, 1000, all);
	put_last(n, 1, 400, 504, all); /* a second last one, before the first */
	put_last(n, 2, 400, 504, all);
	put_last(n, 2, 504, 1000, all); /* ... behind it */
	put_part(n, 3, 800, 1000, all);
	put_last(n, 3, 400, 504, all); /* the last one lies before what is there */
	put_last(n, 4, 504, 1000, all);
	put_part(n, 4, 504, 1000, all); /* the same bytes, but not the last */
	no_answer(n);
	assert_int_equal(STAT(n, frag_overlap), 4);
	net_free(n);
}

/* Source, protocol and identification name a datagram: no part of another gets in. */
static void test_keys_do_not_mix(void **state)
{
	struct net *n = open_net(8);
	uint8_t all[1000];
	struct piece p = {.src = PEER, .id = 1, .proto = IP_ICMP, .offset = 504, .len = 496};

	(void)state;
	make_echo(all, sizeof(all));
	put_part(n, 1, 0, 504, all);
	p.id = 2;
	put(n, &p, all);
	p.id = 1;
	p.proto = IP_TCP;
	put(n, &p, all);
	p.proto = IP_ICMP;
	p.src = STRANGER;
	put(n, &p, all);
	no_answer(n);
	assert_int_equal(frags_held(n), 4);
	p.src = PEER;
	put(n, &p, all);
	expect_answer(n, all, 1000);
	assert_int_equal(frags_held(n), 3);
	net_free(n);
}

static void test_timeout_is_told_if_the_first_came(void **state)
{
	struct net *n = open_net(4);
	struct raw_frame r;
	struct icmp_msg m;
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	put_part(n, 1, 0, 504, all);
	put_last(n, 2, 504, 1000, all);
	net_turn(n);
	n->now += 29 * MT_SEC;
	no_answer(n);
	assert_int_equal(frags_held(n), 2);
	n->now += 2 * MT_SEC;
	net_turn(n);
	assert_true(raw_get(n, &r));
	assert_int_equal(icmp_parse(r.ip.payload, r.ip.payload_len, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_TIME_EXCEEDED);
	assert_int_equal(m.code, ICMP_REASSEMBLY);
	assert_int_equal(ip_to_v4(&r.ip.dst), PEER);
	assert_int_equal(m.payload_len, 28);
	assert_memory_equal(m.payload + 20, all, 8);
	assert_int_equal(m.payload[6], 0x20); /* the fragment's own header */
	assert_int_equal(raw_skip(n), 0);
	assert_int_equal(STAT(n, frag_timeout), 2);
	assert_int_equal(frags_held(n), 0);
	put_last(n, 1, 504, 1000, all); /* too late */
	no_answer(n);
	net_free(n);
}

static void test_no_error_about_an_error(void **state)
{
	struct net *n = open_net(4);
	uint8_t all[1000] = {ICMP_UNREACHABLE};

	(void)state;
	put_part(n, 1, 0, 504, all);
	net_turn(n);
	n->now += 31 * MT_SEC;
	no_answer(n);
	assert_int_equal(STAT(n, frag_timeout), 1);
	net_free(n);
}

static void test_oldest_gives_way(void **state)
{
	struct net *n = open_net(3);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	for (uint16_t id = 1; id <= 4; id++)
		put_part(n, id, 0, 504, all);
	no_answer(n);
	assert_int_equal(STAT(n, frag_overflow), 1);
	assert_int_equal(frags_held(n), 3);
	put_last(n, 2, 504, 1000, all);
	expect_answer(n, all, 1000);
	put_last(n, 1, 504, 1000, all);
	no_answer(n);
	net_free(n);
}

/* As many datagrams as there is room for become whole in one burst: their bytes are still in use
 * until its end. */
static void test_whole_ones_keep_their_room_for_the_burst(void **state)
{
	struct net *n = open_net(2);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	for (uint16_t id = 1; id <= 3; id++) {
		put_part(n, id, 0, 504, all);
		put_last(n, id, 504, 1000, all);
	}
	net_turn(n);
	assert_int_equal(raw_skip(n), 2);
	assert_int_equal(STAT(n, frag_overflow), 2);
	assert_int_equal(frags_held(n), 0);
	net_free(n);
}

static void test_flood_stays_bounded(void **state)
{
	struct net *n = open_net(16);
	static uint8_t all[65536 + 1480];
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (unsigned i = 0; i < 20000; i++) {
		struct piece p = {
			.src = PEER + rng_below(&r, 8),
			.id = (uint16_t)rng_below(&r, 16),
			.proto = rng_below(&r, 2) ? IP_ICMP : IP_TCP,
			.tos = (uint8_t)rng_below(&r, 4),
			.offset = 8 * rng_below(&r, rng_below(&r, 2) ? 8192 : 8),
			.len = rng_below(&r, 1481),
			.more = rng_below(&r, 2),
		};

		if (rng_below(&r, 2))
			p.len &= ~7u;
		put(n, &p, all);
		if (i % 32 == 0) {
			net_turn(n);
			raw_skip(n);
			assert_true(frags_held(n) <= 16);
		}
	}
	net_turns(n, 3);
	n->now += 61 * MT_SEC;
	net_turns(n, 3);
	raw_skip(n);
	assert_int_equal(frags_held(n), 0);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* RFC 3168 5.3. */
static void test_congestion_mark_of_any_fragment(void **state)
{
	struct net *n = open_net(4);
	uint8_t all[1000];
	struct piece a = {
		.src = PEER, .id = 1, .proto = IP_ICMP, .tos = 2, .len = 504, .more = true};
	struct piece b = {
		.src = PEER, .id = 1, .proto = IP_ICMP, .tos = 3, .offset = 504, .len = 496};
	struct raw_frame r;

	(void)state;
	make_echo(all, sizeof(all));
	put(n, &a, all);
	put(n, &b, all);
	net_turn(n);
	assert_true(raw_get(n, &r));
	assert_int_equal(r.ip.tos & 3, 3);
	a.id = b.id = 2;
	a.tos = 0; /* not capable and marked: somebody lies */
	put(n, &a, all);
	put(n, &b, all);
	no_answer(n);
	assert_int_equal(STAT(n, frag_overlap), 1);
	net_free(n);
}

static size_t make_syn(uint8_t *p)
{
	struct tcp_seg s = {.flags = TCPF_SYN, .seq = seq_of(1000), .wnd = 65535, .len = 100};
	struct flow f = {.local = ip_from_v4(PEER),
			 .remote = ip_from_v4(RAW_US),
			 .lport = 5000,
			 .rport = 80};

	return tcp_build(p, &f, &s) + s.len;
}

static void put_tcp(struct net *n, uint16_t id, const uint8_t *all, size_t len)
{
	struct piece p = {.src = PEER, .id = id, .proto = IP_TCP, .len = 16, .more = true};

	put(n, &p, all);
	p.offset = 16;
	p.len = (uint32_t)len - 16;
	p.more = false;
	put(n, &p, all);
}

static void test_tcp_in_fragments(void **state)
{
	struct net *n = open_net(4);
	struct ip_endpoint any = endpoint(0, 80);
	uint8_t all[200] = {0};
	struct raw_frame r;
	size_t len = make_syn(all);

	(void)state;
	stack_listen(n->a.sc, &any, 4, n->now);
	put_tcp(n, 1, all, len);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	all[len - 1] ^= 1; /* the checksum is that of the whole */
	put_tcp(n, 2, all, len);
	no_answer(n);
	assert_int_equal(STAT(n, drop_checksum), 1);
	net_free(n);
}

static void test_tcp_in_fragments_on_a_core_that_may_be_wrong(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	uint8_t all[200] = {0};
	size_t len = make_syn(all);

	(void)state;
	n->a.nic.n_queues = 2;
	cfg.n_queues = 2;
	net_open(&n->a, &cfg, 1);
	net_turn(n);
	raw_skip(n);
	put_tcp(n, 1, all, len);
	no_answer(n); /* no reset, above all */
	assert_int_equal(STAT(n, frag_elsewhere), 1);
	net_free(n);
}

static void test_off(void **state)
{
	struct net *n = open_net(0);
	uint8_t all[1000];

	(void)state;
	make_echo(all, sizeof(all));
	put_part(n, 1, 0, 504, all);
	put_last(n, 1, 504, 1000, all);
	no_answer(n);
	assert_int_equal(STAT(n, drop_fragment), 2);
	net_free(n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_fragments_either_order),
		cmocka_unit_test(test_random_cuts_orders_and_repeats),
		cmocka_unit_test(test_longest_datagram_and_beyond),
		cmocka_unit_test(fault_01_impossible_fragments),
		cmocka_unit_test(test_overlap_refuses_the_datagram),
		cmocka_unit_test(test_repeated_fragment_with_other_bytes),
		cmocka_unit_test(test_ends_that_contradict),
		cmocka_unit_test(test_keys_do_not_mix),
		cmocka_unit_test(test_timeout_is_told_if_the_first_came),
		cmocka_unit_test(test_no_error_about_an_error),
		cmocka_unit_test(test_oldest_gives_way),
		cmocka_unit_test(test_whole_ones_keep_their_room_for_the_burst),
		cmocka_unit_test(test_flood_stays_bounded),
		cmocka_unit_test(test_congestion_mark_of_any_fragment),
		cmocka_unit_test(test_tcp_in_fragments),
		cmocka_unit_test(test_tcp_in_fragments_on_a_core_that_may_be_wrong),
		cmocka_unit_test(test_off),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, net_explain);
}
