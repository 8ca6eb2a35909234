// SPDX-License-Identifier: BSD-3-Clause
/* Frames as a hostile or broken network sends them: each dropped for its reason, none fatal; ICMP.
 */
#include <errno.h>

#include "stack/pmtu.h"
#include "stack/route.h"
#include "test_stack_raw.h"
#include "base/rng.h"
#include "seed.h"

#define US   0x0a000001u
#define PEER 0x0a000002u

static uint64_t seed;

static struct net *open_net(void)
{
	struct stack_neigh_entry peer = {ip_from_v4(PEER), raw_mac};
	struct stack_config cfg = net_config();
	struct net *n;

	cfg.neighs = &peer;
	cfg.n_neighs = 1;
	n = raw_net(&cfg);
	net_turn(n);
	raw_skip(n);
	return n;
}

/* The frame of a SYN to port 80, to be spoiled. */
static size_t good_frame(uint8_t f[NET_ROOM])
{
	struct net *n = net_new();
	struct nic_pkt p;

	raw_syn(n, PEER, 5000, 80);
	p = n->a.q[0];
	memcpy(f, p.data, p.len);
	net_free(n);
	return p.len;
}

static void resum(uint8_t *ip)
{
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &sum, 2);
}

#define DROPPED(field, edit)                                                                       \
	do {                                                                                       \
		uint64_t before = stack_stats(n->a.sc)->field;                                     \
		size_t len = good_frame(f);                                                        \
		uint8_t *ip = f + ETH_HLEN;                                                        \
                                                                                                   \
		edit;                                                                              \
		resum(ip);                                                                         \
		raw_put(n, f, len);                                                                \
		net_turn(n);                                                                       \
		assert_int_equal(stack_stats(n->a.sc)->field, before + 1);                         \
		assert_int_equal(raw_skip(n), 0);                                                  \
	} while (0)

static void test_drops(void **state)
{
	struct net *n = open_net();
	uint8_t f[NET_ROOM];

	(void)state;
	DROPPED(drop_short, len = 10);
	DROPPED(drop_short, len = ETH_HLEN + 12);
	DROPPED(drop_version, ip[0] = 0x65);
	DROPPED(drop_version, ip[0] = 0x44);
	DROPPED(drop_length, ip[2] = 9);
	DROPPED(drop_length, ip[3] = 19);
	DROPPED(drop_ttl, ip[8] = 0);
	DROPPED(drop_fragment, ip[6] = 0x20);
	DROPPED(frag_received, ip[7] = 1);
	DROPPED(drop_address, memcpy(ip + 12, "\xe0\0\0\1", 4));
	DROPPED(drop_not_for_us, ip[19] = 77);
	DROPPED(drop_not_for_us, memcpy(ip + 16, "\xff\xff\xff\xff", 4));
	DROPPED(drop_not_for_us, f[5] = 9);
	DROPPED(drop_not_for_us, memset(f, 0xff, 6)); /* link broadcast of a unicast packet */
	DROPPED(drop_unsupported, ip[9] = 17);
	DROPPED(drop_unsupported, memcpy(f + 12, "\x86\xdd", 2));
	DROPPED(drop_unsupported, f[12] = 0x88);
	DROPPED(drop_checksum, ip[20 + 4] ^= 1);
	raw_syn(n, US, 5000, 80); /* from our own address, it says */
	net_turn(n);
	assert_int_equal(stack_stats(n->a.sc)->drop_address, 2);
	assert_int_equal(raw_skip(n), 0);
	net_free(n);
}

static void test_echo(void **state)
{
	struct net *n = open_net();
	struct icmp_msg m = {.type = ICMP_ECHO_REQUEST,
			     .id = 7,
			     .sequence = 9,
			     .payload = (const uint8_t *)"ping",
			     .payload_len = 4};
	uint8_t p[64];
	size_t len = icmp_build(p, &m);
	struct raw_frame r;

	(void)state;
	raw_ip(n, PEER, IP_ICMP, p, len);
	net_turn(n);
	assert_true(raw_get(n, &r));
	assert_int_equal(icmp_parse(r.ip.payload, r.ip.payload_len, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_ECHO_REPLY);
	assert_int_equal(m.id, 7);
	assert_int_equal(m.sequence, 9);
	assert_memory_equal(m.payload, "ping", 4);
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	p[7] ^= 1;
	raw_ip(n, PEER, IP_ICMP, p, len);
	net_turn(n);
	assert_false(raw_get(n, &r));
	assert_int_equal(stack_stats(n->a.sc)->drop_checksum, 1);
	net_free(n);
}

/* An ICMP error about a frame the stack sent. */
static void icmp_error(struct net *n, const struct raw_frame *sent, uint8_t type, uint8_t code,
		       uint16_t mtu)
{
	uint8_t p[8 + 28] = {type, code, 0, 0, 0, 0, (uint8_t)(mtu >> 8), (uint8_t)mtu};
	uint16_t sum;

	memcpy(p + 8, sent->buf + ETH_HLEN, 28);
	sum = csum_fold(csum_add(0, p, sizeof(p)));
	memcpy(p + 2, &sum, 2);
	raw_ip(n, PEER + 5, IP_ICMP, p, sizeof(p));
	net_turn(n);
}

static void test_unreachable(void **state)
{
	struct ip_endpoint to = endpoint(PEER, 80);
	struct net *n = open_net();
	struct raw_frame r;
	int64_t id = stack_connect(n->a.sc, NULL, &to, n->now);

	(void)state;
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	icmp_error(n, &r, ICMP_TIME_EXCEEDED, 0, 0);
	assert_false(stack_has_events(n->a.sc));
	r.buf[ETH_HLEN + 20 + 7] ^= 1; /* a sequence number we never sent (RFC 5927) */
	icmp_error(n, &r, ICMP_UNREACHABLE, 1, 0);
	assert_false(stack_has_events(n->a.sc));
	r.buf[ETH_HLEN + 20 + 7] ^= 1;
	assert_int_equal(stack_stats(n->a.sc)->drop_icmp, 2);
	icmp_error(n, &r, ICMP_UNREACHABLE, 1, 0);
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), EHOSTUNREACH);
	icmp_error(n, &r, ICMP_UNREACHABLE, 1, 0); /* about nothing any more */
	r.buf[ETH_HLEN] = 0x4f;			   /* nor can this quote be read */
	icmp_error(n, &r, ICMP_UNREACHABLE, 1, 0);
	assert_int_equal(stack_stats(n->a.sc)->drop_icmp, 4);
	assert_int_equal(stack_stats(n->a.sc)->rx_icmp, 5);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* A record of a handshake is no connection: an error about its SYN/ACK ends nothing. */
static void test_unreachable_half_open(void **state)
{
	struct tcp_seg syn = {.flags = TCPF_SYN, .seq = seq_of(1), .wnd = 60000};
	struct ip_endpoint any = endpoint(0, 80);
	struct net *n = open_net();
	struct stack_usage u;
	struct raw_frame r;

	(void)state;
	assert_true(stack_listen(n->a.sc, &any, 4, n->now) >= 0);
	raw_tcp(n, PEER, 2000, 80, &syn);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	icmp_error(n, &r, ICMP_UNREACHABLE, 1, 0);
	icmp_error(n, &r, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 600);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.half_open, 1);
	net_free(n);
}

static int64_t establish(struct net *n, struct raw_frame *r)
{
	struct ip_endpoint to = endpoint(PEER, 80);
	int64_t id = stack_connect(n->a.sc, NULL, &to, n->now);
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
			    .seq = seq_of(1),
			    .wnd = 60000,
			    .opts = TCPO_MSS,
			    .mss = 1460};

	net_turn(n);
	assert_true(raw_get_tcp(n, r));
	s.ack = seq_add(r->tcp.seq, 1);
	raw_tcp(n, PEER, 80, r->sport, &s);
	net_turns(n, 2);
	raw_skip(n);
	assert_int_equal(stack_state(n->a.sc, (uint32_t)id), TCPS_ESTABLISHED);
	return id;
}

/* Established: unreachable is not fatal; "fragmentation needed" makes segments smaller. */
static void test_path_mtu(void **state)
{
	static const uint8_t data[1400];
	struct net *n = open_net();
	struct raw_frame r;
	int64_t id = establish(n, &r);

	(void)state;
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now), 1400);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(r.tcp.len, 1400);
	icmp_error(n, &r, ICMP_UNREACHABLE, 1, 0);
	assert_int_equal(stack_state(n->a.sc, (uint32_t)id), TCPS_ESTABLISHED);
	icmp_error(n, &r, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 600);
	net_turns(n, 2);
	assert_true(raw_get_tcp(n, &r));
	assert_true(r.tcp.len <= 560);
	assert_true(r.tcp.len >= 500);
	assert_int_equal(stack_stats(n->a.sc)->mtu_reduced, 1);
	net_free(n);
}

/* What is forged changes nothing and is counted (RFC 5927). */
static void test_forged_path_mtu(void **state)
{
	static const uint8_t data[1400];
	struct net *n = open_net();
	struct raw_frame r;
	int64_t id = establish(n, &r);

	(void)state;
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now), 1400);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	icmp_error(n, &r, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 67);
	assert_int_equal(stack_stats(n->a.sc)->drop_icmp, 1);
	r.buf[ETH_HLEN + 20 + 5] ^= 1;
	icmp_error(n, &r, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 600);
	assert_int_equal(stack_stats(n->a.sc)->drop_icmp, 2);
	assert_int_equal(stack_stats(n->a.sc)->mtu_reduced, 0);
	net_turns(n, 2);
	assert_false(raw_get_tcp(n, &r));
	net_free(n);
}

/* A full segment that vanishes four times is made smaller, which is counted. */
static void test_black_holes_are_counted(void **state)
{
	static const uint8_t data[1460];
	struct net *n = open_net();
	struct raw_frame r;
	int64_t id = establish(n, &r);
	const struct mtcp_stats *st = stack_stats(n->a.sc);

	(void)state;
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now), 1460);
	net_run_ms(n, 2500); /* 0.2, 0.6 and 1.4 s */
	assert_int_equal(raw_skip(n), 4);
	assert_int_equal(st->rto_fired, 3);
	assert_int_equal(st->mtu_black_holes, 0);
	net_run_ms(n, 1000); /* 3 s */
	assert_int_equal(st->rto_fired, 4);
	assert_int_equal(st->mtu_black_holes, 1);
	assert_true(raw_get_tcp(n, &r));
	assert_in_range(r.tcp.len, 1, 1459);
	assert_int_equal(st->mtu_reduced, 0); /* no router said so */
	net_free(n);
}

/* The next connection there starts with it, ten minutes long; others do not. */
static void test_known_path_mtu(void **state)
{
	static const uint8_t data[1400];
	struct net *n = open_net();
	struct raw_frame r;
	int64_t id = establish(n, &r);

	(void)state;
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now), 1400);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	icmp_error(n, &r, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 1000);
	stack_abort(n->a.sc, (uint32_t)id, n->now);
	net_turns(n, 2);
	raw_skip(n);
	id = establish(n, &r);
	assert_int_equal(stack_get_option(n->a.sc, (uint32_t)id, TCP_OPT_MAXSEG), 960);
	stack_abort(n->a.sc, (uint32_t)id, n->now);
	net_turns(n, 2);
	n->now += 600 * MT_SEC;
	net_turns(n, 2);
	raw_skip(n);
	id = establish(n, &r);
	assert_int_equal(stack_get_option(n->a.sc, (uint32_t)id, TCP_OPT_MAXSEG), 1460);
	net_free(n);
}

static void test_path_mtu_bound(void **state)
{
	static struct pmtu_cache c;
	struct ip_addr ip;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		ip = ip_from_v4(0x01000000 + i);
		pmtu_learn(&c, &ip, (uint16_t)(600 + i % 7), i * MT_MS);
	}
	assert_int_equal(c.n, PMTU_ENTRIES);
	ip = ip_from_v4(0x01000000 + 999);
	assert_int_equal(pmtu_find(&c, &ip, MT_SEC), 600 + 999 % 7);
	pmtu_learn(&c, &ip, 1400, MT_SEC); /* of two paths the smaller */
	assert_int_equal(pmtu_find(&c, &ip, MT_SEC), 600 + 999 % 7);
	assert_int_equal(pmtu_find(&c, &ip, 602 * MT_SEC), 0);
	ip = ip_from_v4(0x01000000);
	assert_int_equal(pmtu_find(&c, &ip, MT_SEC), 0); /* made room */
}

/* Random damage to random frames: no crash, no leak, nothing half-done. */
static void test_noise(void **state)
{
	struct ip_endpoint any = endpoint(0, 80);
	struct net *n = open_net();
	uint8_t f[NET_ROOM];
	struct rng r;
	int64_t lid = stack_listen(n->a.sc, &any, 100, n->now), id;

	(void)state;
	rng_seed(&r, seed);
	for (unsigned i = 0; i < 30000; i++) {
		size_t len = good_frame(f);
		uint8_t *ip = f + ETH_HLEN;

		for (uint32_t k = rng_below(&r, 4); k; k--)
			f[rng_below(&r, (uint32_t)len)] = (uint8_t)rng_next(&r);
		if (rng_below(&r, 2))
			len = rng_below(&r, (uint32_t)len + 1);
		if (rng_below(&r, 2))
			resum(ip);
		raw_put(n, f, len);
		n->a.q[(n->a.tail - 1) % NET_FRAMES].flags =
			rng_below(&r, 2) ? NIC_RX_L4_CSUM_OK | NIC_RX_IP_CSUM_OK : 0;
		if (i % 32 == 0) {
			net_turn(n);
			raw_skip(n);
		}
		while ((id = stack_accept(n->a.sc, (uint32_t)lid)) >= 0)
			stack_abort(n->a.sc, (uint32_t)id, n->now);
	}
	stack_listen_close(n->a.sc, (uint32_t)lid, n->now);
	net_run_ms(n, 5000); /* until forged neighbours have failed to answer */
	assert_all_back(n->a.sc);
	net_free(n);
}

/* Frames that a turn takes of 300 on the wire, n_large of each 8 of them large. */
static unsigned taken(uint16_t rx_batch, unsigned n_large)
{
	struct stack_config cfg = net_config();
	static const uint8_t frame[1514];
	unsigned got, all;
	struct net *n;

	cfg.rx_batch = rx_batch;
	n = raw_net(&cfg);
	raw_skip(n);
	for (unsigned i = 0; i < 300; i++)
		raw_put(n, frame, i % 8 < n_large ? sizeof(frame) : 60);
	got = all = stack_rx(n->a.sc);
	while (stack_input(n->a.sc, n->now), (all += stack_rx(n->a.sc)) < 300)
		;
	assert_int_equal(all, 300);
	stack_input(n->a.sc, n->now);
	net_free(n);
	return got;
}

/* Small frames by the whole batch, large ones by 64. */
static void test_batch(void **state)
{
	(void)state;
	assert_int_equal(taken(0, 0), 256);
	assert_int_equal(taken(100, 0), 100);
	assert_int_equal(taken(16, 0), 16);
	assert_int_equal(taken(16, 8), 16);
	assert_int_equal(taken(0, 2), 256); /* 424 bytes in the mean */
	assert_int_equal(taken(0, 3), 64);  /* 605 */
	assert_int_equal(taken(0, 8), 64);
}

static void expect_invalid(const struct stack_config *cfg, size_t less)
{
	struct net *n = net_new();
	size_t len = stack_core_bytes(cfg);
	void *mem = aligned_alloc(64, len);
	const char *err = NULL;

	assert_null(stack_core_init(mem, len - less, cfg, &n->a.nic, &err));
	assert_non_null(err);
	free(mem);
	net_free(n);
}

static void test_config(void **state)
{
	static struct stack_addr many[STACK_MAX_ADDRS];
	struct stack_addr addr = {ip_from_v4(US), 24};
	struct stack_config good = net_config(), cfg;

	(void)state;
	good.addrs = &addr;
	good.n_addrs = 1;
	expect_invalid(&good, 64);
	cfg = good, cfg.n_addrs = 0;
	expect_invalid(&cfg, 0);
	cfg = good, cfg.n_conns = 0;
	expect_invalid(&cfg, 0);
	cfg = good, cfg.queue = 1;
	expect_invalid(&cfg, 0);
	cfg = good, cfg.port_min = 5, cfg.port_max = 4;
	expect_invalid(&cfg, 0);
	cfg = good, cfg.tx_batch = 257;
	expect_invalid(&cfg, 0);
	cfg = good, cfg.buf_bytes = 100;
	expect_invalid(&cfg, 0);
	for (unsigned i = 0; i < STACK_MAX_ADDRS; i++)
		many[i] = (struct stack_addr){ip_from_v4(US + i), 16};
	many[0] = (struct stack_addr){{.b = {0x20, 1, [15] = 1}}, 64}; /* it has a second one */
	cfg = good, cfg.addrs = many, cfg.n_addrs = STACK_MAX_ADDRS;
	expect_invalid(&cfg, 0);
	addr.prefix = 33;
	expect_invalid(&good, 0);
}

/* Of the memory given, init touches the core and its tables, not the pools and buffers. */
static void test_untouched(void **state)
{
	struct stack_addr addr = {ip_from_v4(US), 24};
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	size_t len, touched = 0;
	const char *err;
	uint8_t *mem;

	(void)state;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.n_conns = 20000;
	len = stack_core_bytes(&cfg);
	mem = aligned_alloc(64, len);
	memset(mem, 0x5a, len);
	assert_non_null(stack_core_init(mem, len, &cfg, &n->a.nic, &err));
	for (size_t i = 0; i < len; i++)
		touched += mem[i] != 0x5a;
	assert_true(touched < 1u << 20);
	assert_true(len > 20u << 20);
	free(mem);
	net_free(n);
}

/* All that the table has but one are found. */
static void assert_found(const struct addr_table *t, const uint32_t *v4, uint16_t n, uint16_t gone)
{
	for (uint16_t i = 0; i < n; i++) {
		struct ip_addr a = ip_from_v4(v4[i]);

		assert_int_equal(addr_find(t, &a), i == gone ? ADDR_NONE : i);
	}
}

/* The last byte is a hint: who shares it with others, has gone, or is another by now, is found as
 * if there were none. */
static void test_addresses_of_one_last_byte(void **state)
{
	uint32_t v4[] = {US, US + 0x100, US + 0x10000, US + 1};
	static struct addr_table t;
	struct stack_addr a = {.prefix = 16};

	(void)state;
	addr_table_init(&t);
	assert_int_equal(addr_find(&t, &a.addr), ADDR_NONE);
	for (uint16_t i = 0; i < 4; i++) {
		a.addr = ip_from_v4(v4[i]);
		assert_int_equal(addr_find(&t, &a.addr), ADDR_NONE);
		assert_int_equal(addr_add(&t, &a), i);
	}
	assert_found(&t, v4, 4, ADDR_NONE);
	for (uint16_t i = 0; i < 4; i++) {
		addr_set_state(&t, i, ADDR_GONE);
		assert_found(&t, v4, 4, i);
		addr_set_state(&t, i, ADDR_VALID);
		assert_found(&t, v4, 4, ADDR_NONE);
	}
	addr_set_state(&t, 2, ADDR_GONE);
	t.use[2] = ADDR_FREE;
	a.addr = ip_from_v4(US + 6);
	assert_int_equal(addr_add(&t, &a), 2);
	assert_found(&t, v4, 4, 2);
	v4[2] = US + 6;
	assert_found(&t, v4, 4, ADDR_NONE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_path_mtu),
		cmocka_unit_test(test_forged_path_mtu),
		cmocka_unit_test(test_black_holes_are_counted),
		cmocka_unit_test(test_known_path_mtu),
		cmocka_unit_test(test_path_mtu_bound),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_addresses_of_one_last_byte),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_unreachable_half_open),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, net_explain);
}
