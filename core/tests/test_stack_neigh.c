// SPDX-License-Identifier: BSD-3-Clause
/* ARP: resolution, silence, forgery, ageing; a silent neighbour delays nobody else. */
#include <errno.h>

#include "stack/core.h"
#include "test_stack_raw6.h"

#define US   0x0a000001u
#define PEER 0x0a000002u

static struct net *open_net(void)
{
	struct stack_config cfg = net_config();
	struct net *n = raw_net(&cfg);

	net_turn(n);
	raw_skip(n);
	return n;
}

static int64_t connect_to(struct net *n, uint32_t v4, uint16_t port)
{
	struct ip_endpoint to = endpoint(v4, port);

	return stack_connect(n->a.sc, NULL, &to, n->now);
}

static struct stack_usage usage(const struct net *n)
{
	struct stack_usage u;

	stack_usage(n->a.sc, &u);
	return u;
}

static void test_announces(void **state)
{
	struct stack_addr addrs[3] = {
		{ip_from_v4(US), 16}, {ip_from_v4(US + 10), 16}, {ip_from_v4(US + 11), 16}};
	struct stack_config cfg = net_config();
	struct raw_frame r;
	struct net *n;

	(void)state;
	cfg.addrs = addrs;
	cfg.n_addrs = 3;
	n = raw_net(&cfg);
	net_turns(n, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(raw_get(n, &r));
		assert_int_equal(r.eth.dst.b[0], 0xff);
		assert_int_equal(r.arp.op, ARP_REQUEST);
		assert_true(ip_eq(&r.arp.spa, &addrs[i].addr));
		assert_true(ip_eq(&r.arp.tpa, &addrs[i].addr));
	}
	assert_false(raw_get(n, &r));
	net_free(n);
}

static void test_resolves(void **state)
{
	struct net *n = open_net();
	struct raw_frame r;

	(void)state;
	assert_true(connect_to(n, PEER, 80) >= 0);
	net_turns(n, 5);
	assert_true(raw_get(n, &r));
	assert_int_equal(r.eth.type, ETH_ARP);
	assert_int_equal(ip_to_v4(&r.arp.tpa), PEER);
	assert_int_equal(ip_to_v4(&r.arp.spa), US);
	assert_false(raw_get(n, &r));
	raw_arp(n, ARP_REPLY, PEER, US, &raw_mac);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN);
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	net_free(n);
}

/* Three requests a second apart, then EHOSTUNREACH, and nothing is left waiting. */
static void test_silence(void **state)
{
	struct net *n = open_net();
	struct stack_event ev;
	int64_t id = connect_to(n, PEER, 80);
	uint32_t asked = n->a.n_arp;

	(void)state;
	net_run_ms(n, 2900);
	assert_int_equal(n->a.n_arp - asked, 3);
	assert_false(stack_has_events(n->a.sc));
	net_run_ms(n, 300);
	assert_int_equal(n->a.n_arp - asked, 3);
	assert_int_equal(stack_events(n->a.sc, &ev, 1), 1);
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), EHOSTUNREACH);
	assert_int_equal(n->a.n_tcp, 0);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	net_run_ms(n, 2000);
	assert_int_equal(usage(n).neighs, 0);
	assert_int_equal(usage(n).timers, 0);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* Fault 3: a hundred connections wait for a neighbour that never answers; another's go through at
 * once, and the wheel and lists of the core stay idle meanwhile. */
static void fault_03_silent_neighbour_blocks_nobody(void **state)
{
	struct net *n = open_net();
	struct raw_frame r;
	mt_time next;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(connect_to(n, PEER + 7, 80) >= 0);
	assert_true(connect_to(n, PEER, 80) >= 0);
	net_turn(n);
	raw_arp(n, ARP_REPLY, PEER, US, &raw_mac);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(ip_to_v4(&r.ip.dst), PEER);
	assert_false(raw_get_tcp(n, &r));
	next = stack_poll(n->a.sc, n->now);
	assert_true(next > n->now + 500 * MT_MS);
	raw_arp(n, ARP_REPLY, PEER + 7, US, &raw_mac);
	net_turns(n, 3);
	for (int i = 0; i < 100; i++)
		assert_true(raw_get_tcp(n, &r));
	net_free(n);
}

/* An established connection whose neighbour vanished goes on by its retransmission timer. */
static void test_vanished(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = net_pair(&cfg, &cfg);
	int64_t lid = net_listen(n, 80, 4), id = net_connect(n, 80);
	struct stack_core *b = n->b.sc;

	(void)state;
	net_run_ms(n, 10);
	assert_int_equal(stack_state(n->a.sc, (uint32_t)id), TCPS_ESTABLISHED);
	n->b.sc = NULL; /* dead */
	net_run_ms(n, 61000);
	stack_send(n->a.sc, (uint32_t)id, "x", 1, n->now);
	net_run_ms(n, 6000);
	assert_int_equal(stack_state(n->a.sc, (uint32_t)id), TCPS_ESTABLISHED);
	assert_true(stack_stats(n->a.sc)->arp_failed > 0);
	n->b.sc = b; /* and back */
	net_run_ms(n, 20000);
	id = stack_accept(n->b.sc, (uint32_t)lid);
	assert_int_equal(stack_readable(n->b.sc, (uint32_t)id), 1);
	net_free(n);
}

/* Fault 17: requests for us from ever new addresses; the table stays bounded, neighbours in use
 * stay in it. */
static void fault_17_forged_arp_storm(void **state)
{
	struct net *n = open_net();
	struct raw_frame r;
	int64_t id;

	(void)state;
	id = connect_to(n, PEER, 80);
	net_turn(n);
	raw_arp(n, ARP_REPLY, PEER, US, &raw_mac);
	net_turns(n, 2);
	raw_skip(n);
	for (uint32_t i = 0; i < 2000; i++) {
		raw_arp(n, ARP_REQUEST, 0x0a000100u + i, US,
			&(struct eth_addr){{6, 0, 0, 0, 1, 1}});
		if (i % 50 == 49)
			net_turn(n);
	}
	net_turns(n, 10);
	assert_int_equal(usage(n).neighs, 16);
	raw_skip(n);
	stack_abort(n->a.sc, (uint32_t)id, n->now);
	connect_to(n, PEER, 81);
	net_turns(n, 3);
	assert_true(raw_get(n, &r)); /* still known: no request first */
	assert_int_equal(r.eth.type, ETH_IPV4);
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	net_free(n);
}

/* Nor do stations that say they are there, and to which nothing was ever sent, keep out those that
 * are to be sent something. */
static void fault_17_forged_arp_keeps_nobody_out(void **state)
{
	struct net *n = open_net();
	struct raw_frame r;

	(void)state;
	for (uint32_t k = 0; k < 12; k++) {
		for (uint32_t i = 0; i < 32; i++)
			raw_arp(n, ARP_REQUEST, 0x0a000100u + 32 * k + i, US,
				&(struct eth_addr){{6, 0, 0, 0, 1, 1}});
		net_turns(n, 4);
		raw_skip(n);
		assert_int_equal(usage(n).neighs, 16);
		assert_true(connect_to(n, PEER + k, 80) >= 0);
		net_turn(n);
		assert_true(raw_get(n, &r));
		assert_int_equal(ip_to_v4(&r.arp.tpa), PEER + k);
		raw_arp(n, ARP_REPLY, PEER + k, US, &raw_mac);
		net_turn(n);
		assert_true(raw_get_tcp(n, &r));
		n->now += MT_SEC / 2;
	}
	assert_int_equal(usage(n).neighs, 16);
	assert_int_equal(stack_stats(n->a.sc)->arp_overflow, 0);
	net_free(n);
}

/* What is not asked for and not a request to us creates nothing; what exists is updated (RFC 826).
 */
static void test_learning(void **state)
{
	const struct eth_addr other = {{6, 1, 2, 3, 4, 5}}, group = {{7, 1, 2, 3, 4, 5}};
	struct net *n = open_net();
	struct raw_frame r;

	(void)state;
	raw_arp(n, ARP_REPLY, PEER, US, &raw_mac);
	raw_arp(n, ARP_REQUEST, PEER, PEER + 1, &raw_mac);
	raw_arp(n, ARP_REQUEST, US, US, &raw_mac);	    /* our own address */
	raw_arp(n, ARP_REQUEST, PEER, US, &group);	    /* a group's */
	raw_arp(n, ARP_REQUEST, 0xc0a80001u, US, &raw_mac); /* not on link */
	raw_arp(n, ARP_REQUEST, 0, US, &raw_mac);	    /* a probe: answered, not learned */
	net_turn(n);
	assert_int_equal(usage(n).neighs, 0);
	assert_int_equal(raw_skip(n), 2);
	raw_arp(n, ARP_REQUEST, PEER, US, &raw_mac);
	net_turn(n);
	assert_int_equal(usage(n).neighs, 1);
	assert_true(raw_get(n, &r));
	assert_int_equal(r.arp.op, ARP_REPLY);
	raw_arp(n, ARP_REPLY, PEER, PEER + 5, &other);
	connect_to(n, PEER, 80);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_memory_equal(&r.eth.dst, &other, 6);
	net_free(n);
}

/* A minute after the last confirmation a neighbour in use is asked again, by unicast, and used
 * meanwhile. */
static void test_ageing(void **state)
{
	struct net *n = open_net();
	struct raw_frame r;

	(void)state;
	raw_arp(n, ARP_REQUEST, PEER, US, &raw_mac);
	net_turn(n);
	n->now += 61 * MT_SEC;
	raw_skip(n);
	connect_to(n, PEER, 80);
	net_turn(n);
	assert_true(raw_get(n, &r));
	assert_int_equal(r.eth.type, ETH_IPV4);
	assert_true(raw_get(n, &r));
	assert_int_equal(r.eth.type, ETH_ARP);
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	net_run_ms(n, 1100);
	assert_true(raw_get(n, &r)); /* SYN again, and asked again */
	assert_true(raw_get(n, &r));
	raw_arp(n, ARP_REPLY, PEER, US, &raw_mac);
	net_run_ms(n, 10);
	raw_skip(n);
	net_run_ms(n, 5000);
	while (raw_get(n, &r))
		assert_int_equal(r.eth.type, ETH_IPV4);
	net_free(n);
}

#define BATCH 32

/* A device that takes nothing has left no frame of a turn: SYNs fill them all. */
static struct net *full_net(struct stack_config *cfg)
{
	struct raw6 r;
	struct net *n;

	cfg->tx_batch = BATCH;
	n = raw6_net(cfg);
	raw_arp(n, ARP_REQUEST, PEER, US, &raw_mac);
	net_turn(n);
	n->a.tx_room = 0;
	for (uint16_t i = 0; i < 2 * BATCH; i++)
		assert_true(connect_to(n, PEER, (uint16_t)(80 + i)) >= 0);
	net_turns(n, 2);
	while (raw6_get(n, &r))
		;
	return n;
}

static unsigned arp_answers(struct net *n, uint32_t first)
{
	struct raw_frame r;
	unsigned k = 0;

	while (raw_get(n, &r)) {
		if (r.eth.type != ETH_ARP)
			continue;
		assert_int_equal(r.arp.op, ARP_REPLY);
		assert_int_equal(ip_to_v4(&r.arp.spa), US);
		assert_int_equal(ip_to_v4(&r.arp.tpa), first + k++);
		assert_memory_equal(&r.arp.tha, &raw_mac, 6);
		assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	}
	return k;
}

/* The station that asks would wait a second, and so would all that it has to send. */
static void test_full_device_delays_an_answer(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = full_net(&cfg);

	(void)state;
	raw_arp(n, ARP_REQUEST, PEER, US, &raw_mac);
	net_turns(n, 5);
	assert_true(n->b.head == n->b.tail);
	n->a.tx_room = UINT32_MAX;
	net_turns(n, 2);
	assert_int_equal(arp_answers(n, PEER), 1);
	assert_int_equal(stack_stats(n->a.sc)->replies_dropped, 0);
	net_turns(n, 10); /* once */
	assert_int_equal(arp_answers(n, PEER), 0);
	net_free(n);
}

static void test_full_device_delays_an_advertisement(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = full_net(&cfg);
	struct ndp_msg m = {.type = ICMP6_NS, .target = us6, .has_mac = true, .mac = raw_mac};
	struct raw6 r;

	(void)state;
	raw6_ndp(n, &peer6, &us6, &m);
	net_turns(n, 5);
	assert_true(n->b.head == n->b.tail);
	n->a.tx_room = UINT32_MAX;
	net_turns(n, 2);
	assert_true(raw6_get_type(n, &r, ICMP6_NA));
	assert_true(ip_eq(&r.nd.target, &us6));
	assert_true(ip_eq(&r.ip.dst, &peer6));
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	assert_true(r.nd.flags & NDP_NA_SOLICITED);
	assert_false(raw6_get_type(n, &r, ICMP6_NA));
	assert_int_equal(stack_stats(n->a.sc)->replies_dropped, 0);
	net_free(n);
}

/* An address that is gone when there is room is not advertised. */
static void test_no_answer_for_an_address_that_is_gone(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = full_net(&cfg);
	struct ndp_msg m = {.type = ICMP6_NS, .target = us6, .has_mac = true, .mac = raw_mac};
	struct raw6 r;

	(void)state;
	raw6_ndp(n, &peer6, &us6, &m);
	net_turn(n);
	raw6_advertise(n, &us6, 0, &raw_mac); /* a duplicate */
	net_turn(n);
	assert_int_equal(stack_stats(n->a.sc)->duplicate_address, 1);
	n->a.tx_room = UINT32_MAX;
	net_turns(n, 5);
	assert_false(raw6_get_type(n, &r, ICMP6_NA));
	net_free(n);
}

/* A bounded number waits; the first ones, in order, and never more than half of a turn's room. */
static void test_waiting_answers_are_bounded(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = full_net(&cfg);
	unsigned k;

	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		raw_arp(n, ARP_REQUEST, PEER + i, US, &raw_mac);
	net_turns(n, 5);
	assert_int_equal(stack_stats(n->a.sc)->replies_dropped, 8);
	n->a.tx_room = UINT32_MAX;
	net_turns(n, 2); /* the first one sends what was there */
	k = arp_answers(n, PEER);
	assert_int_equal(k, BATCH / 2);
	net_turns(n, 5);
	k += arp_answers(n, PEER + k);
	assert_int_equal(k, 32);
	assert_int_equal(stack_stats(n->a.sc)->replies_dropped, 8);
	net_free(n);
}

/* Answers to a flood of SYNs take each frame that a slow device leaves; one that waits goes first.
 */
static void test_flood_does_not_starve_an_answer(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = full_net(&cfg);

	(void)state;
	raw_arp(n, ARP_REQUEST, PEER, US, &raw_mac);
	for (uint16_t turn = 0; turn < BATCH; turn++) {
		n->a.tx_room = 2;
		for (uint16_t i = 0; i < 4; i++)
			raw_syn(n, PEER, (uint16_t)(5000 + turn * 4 + i), 9);
		net_turn(n);
	}
	assert_int_equal(arp_answers(n, PEER), 1);
	net_free(n);
}

/* No buffer for an answer, and nothing else to send: the core does not sleep on it. */
static void test_no_buffer_delays_an_answer(void **state)
{
	struct net *n = open_net();

	(void)state;
	n->a.bufs_left = 0;
	raw_arp(n, ARP_REQUEST, PEER, US, &raw_mac);
	assert_int_equal(stack_poll(n->a.sc, n->now), n->now);
	n->a.bufs_left = UINT32_MAX;
	net_turns(n, 2);
	assert_int_equal(arp_answers(n, PEER), 1);
	assert_true(stack_poll(n->a.sc, n->now) > n->now);
	net_free(n);
}

static void test_static_and_gateway(void **state)
{
	struct stack_neigh_entry gw = {ip_from_v4(0x0a0000feu), {{2, 9, 9, 9, 9, 9}}};
	struct stack_neigh_entry twice[2] = {{gw.addr, {{2, 8, 8, 8, 8, 8}}}, gw};
	struct stack_route routes[2] = {{ip_from_v4(0), 0, ip_from_v4(0x0a0000fdu)},
					{ip_from_v4(0xc0a80000u), 16, ip_from_v4(0x0a0000feu)}};
	struct stack_config cfg = net_config();
	struct raw_frame r;
	struct net *n;

	(void)state;
	cfg.neighs = twice; /* of two entries the last one counts */
	cfg.n_neighs = 2;
	cfg.routes = routes;
	cfg.n_routes = 2;
	n = raw_net(&cfg);
	net_turn(n);
	raw_skip(n);
	connect_to(n, 0xc0a80101u, 80);
	raw_arp(n, ARP_REPLY, 0x0a0000feu, US, &raw_mac); /* does not change a static entry */
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_memory_equal(&r.eth.dst, &gw.mac, 6);
	assert_int_equal(ip_to_v4(&r.ip.dst), 0xc0a80101u);
	connect_to(n, 0x08080808u, 80);
	net_turn(n);
	assert_true(raw_get(n, &r));
	assert_int_equal(ip_to_v4(&r.arp.tpa), 0x0a0000fdu);
	net_free(n);
}

static void test_longest_prefix_wins(void **state)
{
	static const uint32_t gw[] = {0x0a0000a0u, 0x0a0000a1u, 0x0a0000a2u, 0x0a0000a3u};
	struct stack_route routes[4] = {
		{ip_from_v4(0xc0a80000u), 16, ip_from_v4(gw[1])},
		{ip_from_v4(0xc0a80180u), 25, ip_from_v4(gw[3])},
		{ip_from_v4(0), 0, ip_from_v4(gw[0])},
		{ip_from_v4(0xc0a80100u), 24, ip_from_v4(gw[2])},
	};
	static const struct {
		uint32_t to;
		unsigned gw;
	} v[] = {{0x08080808u, 0}, {0xc0a80202u, 1}, {0xc0a80101u, 2},
		 {0xc0a801ffu, 3}, {0xc0a8017fu, 2}, {0xc0a90000u, 0}};
	struct stack_config cfg = net_config();
	struct raw_frame r;

	(void)state;
	cfg.routes = routes;
	cfg.n_routes = 4;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct net *n = raw_net(&cfg);

		net_turn(n);
		raw_skip(n);
		assert_true(connect_to(n, v[i].to, 80) >= 0);
		net_turn(n);
		assert_true(raw_get(n, &r));
		assert_int_equal(ip_to_v4(&r.arp.tpa), gw[v[i].gw]);
		net_free(n);
	}
}

/* Entries of the fullest chain. */
static unsigned longest_chain(const struct neigh_table *t)
{
	unsigned longest = 0;

	for (uint32_t i = 0; i <= t->mask; i++) {
		unsigned n = 0;

		for (uint32_t id = t->heads[i]; id != POOL_NONE; n++)
			id = ((const struct neigh *)pool_at(&t->pool, id))->hash_next;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* A lookup does not pass all the stations of a network, nor those of many networks. */
static void test_one_network_is_not_one_chain(void **state)
{
	static const struct {
		bool v4;
		uint8_t at; /* the byte that differs */
	} cases[] = {{true, 15}, {true, 14}, {false, 15}, {false, 14}, {false, 13}, {false, 7}};

	(void)state;
	for (unsigned k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		struct stack_config cfg = net_config();
		struct net *n;

		cfg.n_neigh = 256;
		n = raw_net(&cfg);
		for (unsigned i = 0; i < 256; i++) {
			struct neigh_claim claim = {.mac = {{2}}, .create = true};

			claim.ip = cases[k].v4
					   ? ip_from_v4(US)
					   : (struct ip_addr){.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}};
			claim.ip.b[cases[k].at] = (uint8_t)i;
			neigh_learn(n->a.sc, &claim, n->now);
		}
		assert_int_equal(usage(n).neighs, 256);
		assert_true(longest_chain(&n->a.sc->neighs) <= 16);
		net_free(n);
	}
}

/* The next SYNs go to the stations with these last bytes, in this order. */
static void expect_syns(struct net *n, const uint8_t *station, unsigned k)
{
	struct raw_frame r;

	net_turn(n);
	for (unsigned i = 0; i < k; i++) {
		assert_true(raw_get_tcp(n, &r));
		assert_int_equal(r.eth.dst.b[5], station[i]);
	}
	assert_false(raw_get_tcp(n, &r));
}

/* PEER (station 2) is the router of all that is far, PEER + 1 is station 3. */
static struct net *open_with_a_router(void)
{
	struct stack_neigh_entry peers[2] = {{ip_from_v4(PEER), {{2, 0, 0, 0, 0, 2}}},
					     {ip_from_v4(PEER + 1), {{2, 0, 0, 0, 0, 3}}}};
	struct stack_route all = {.net = ip_from_v4(0), .gateway = ip_from_v4(PEER)};
	struct stack_config cfg = net_config();
	struct net *n;

	cfg.neighs = peers;
	cfg.n_neighs = 2;
	cfg.routes = &all;
	cfg.n_routes = 1;
	n = raw_net(&cfg);
	net_turn(n);
	return n;
}

/* What is far is nearer by way of station 3. */
static void learn(struct net *n)
{
	struct stack_route r = {ip_from_v4(0xc0000200u), 24, ip_from_v4(PEER + 1)};

	assert_true(route_add(&n->a.sc->routes, &r, true));
}

/* Opens of one turn share a route if they have one remote; those of the next ask again. */
static void test_opens_of_a_turn(void **state)
{
	const uint32_t far = 0xc0000201u, near = PEER + 1;
	const uint32_t to[7] = {far, far, near, far, near, near, far + 1};
	struct net *n = open_with_a_router();

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		assert_true(connect_to(n, to[i], 80) >= 0);
	expect_syns(n, (const uint8_t[7]){2, 2, 3, 2, 3, 3, 2}, 7);
	learn(n);
	for (unsigned i = 0; i < 2; i++)
		assert_true(connect_to(n, far, 80) >= 0);
	expect_syns(n, (const uint8_t[2]){3, 3}, 2);
	net_free(n);
}

/* A SYN that is sent again keeps its way, which is not that of a new one behind it. */
static void test_an_open_sent_again_shows_no_way(void **state)
{
	const uint32_t far = 0xc0000201u;
	struct net *n = open_with_a_router();

	(void)state;
	assert_true(connect_to(n, far, 80) >= 0);
	expect_syns(n, (const uint8_t[1]){2}, 1);
	learn(n);
	n->a.bufs_left = 0;
	net_run_ms(n, 1100);
	assert_true(connect_to(n, far, 80) >= 0);
	n->a.bufs_left = UINT32_MAX;
	expect_syns(n, (const uint8_t[2]){2, 3}, 2);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announces),
		cmocka_unit_test(test_resolves),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(fault_03_silent_neighbour_blocks_nobody),
		cmocka_unit_test(test_vanished),
		cmocka_unit_test(fault_17_forged_arp_storm),
		cmocka_unit_test(fault_17_forged_arp_keeps_nobody_out),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_full_device_delays_an_answer),
		cmocka_unit_test(test_full_device_delays_an_advertisement),
		cmocka_unit_test(test_no_answer_for_an_address_that_is_gone),
		cmocka_unit_test(test_waiting_answers_are_bounded),
		cmocka_unit_test(test_flood_does_not_starve_an_answer),
		cmocka_unit_test(test_no_buffer_delays_an_answer),
		cmocka_unit_test(test_static_and_gateway),
		cmocka_unit_test(test_longest_prefix_wins),
		cmocka_unit_test(test_opens_of_a_turn),
		cmocka_unit_test(test_an_open_sent_again_shows_no_way),
		cmocka_unit_test(test_one_network_is_not_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, net_explain);
}
