// SPDX-License-Identifier: BSD-3-Clause
/* What routers advertise (RFC 4861 6.3, RFC 4862 5.5), and what of it is not believed. */
#include <errno.h>

#include "test_stack_raw6.h"

static const struct ip_addr far6 = {.b = {0x20, 2, [15] = 7}};
/* 2001:db8::/64 with the identifier of 02:00:00:00:00:01 */
static const struct ip_addr made = {.b = {0x20, 1, 0x0d, 0xb8, [11] = 0xff, 0xfe, 0, 0, 1}};
static const struct ip_addr second = {.b = {0xfe, 0x80, [15] = 3}};

static struct net *open_net(bool on)
{
	struct stack_config cfg = net_config();

	cfg.ipv6_autoconf = on;
	return raw6_net(&cfg);
}

static struct ndp_msg advertisement(void)
{
	return (struct ndp_msg){
		.type = ICMP6_RA,
		.has_mac = true,
		.mac = raw_mac,
		.router_lifetime = 1800,
		.n_prefixes = 1,
		.prefix = {{{.b = {0x20, 1, 0x0d, 0xb8}}, 64, true, true, 7200, 3600}},
	};
}

static void advertise(struct net *n, const struct ip_addr *router, const struct ndp_msg *m)
{
	struct ip_addr all = ip_all_nodes();

	raw6_ndp(n, router, &all, m);
	net_turn(n);
}

static int64_t connect6(struct net *n, const struct ip_addr *to)
{
	struct ip_endpoint e = {.addr = *to, .port = 80};

	return stack_connect(n->a.sc, NULL, &e, n->now);
}

static bool has(struct net *n, const struct ip_addr *a)
{
	struct ip_endpoint e = {.addr = *a, .port = 99};
	int64_t lid = stack_listen(n->a.sc, &e, 1, n->now);

	if (lid >= 0)
		stack_listen_close(n->a.sc, (uint32_t)lid, n->now);
	return lid >= 0;
}

static void routers_are_asked_for(void **state)
{
	struct net *n = open_net(true);
	struct raw6 r;
	int asked = 0;

	(void)state;
	net_run_ms(n, 20000);
	while (raw6_get(n, &r))
		asked += r.icmp.type == ICMP6_RS && r.eth.dst.b[5] == 2;
	assert_int_equal(asked, 3);
	assert_int_equal(connect6(n, &far6), -ENETUNREACH);
	net_free(n);
}

static void router_and_address(void **state)
{
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement();
	struct ip_endpoint local, remote;
	struct raw6 r;
	int64_t id;

	(void)state;
	m.mtu = 1400;
	m.hop_limit = 133;
	net_turn(n);
	advertise(n, &peer_link, &m);
	assert_true(has(n, &made));
	id = connect6(n, &far6);
	assert_true(id >= 0);
	stack_names(n->a.sc, (uint32_t)id, &local, &remote);
	assert_true(ip_eq(&local.addr, &made));
	net_turns(n, 2);
	assert_true(raw6_get_type(n, &r, 0)); /* the advertisement named its station */
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	assert_int_equal(r.tcp.mss, 1340);
	assert_int_equal(r.ip.ttl, 133);
	m.router_lifetime = 0; /* no router any more */
	advertise(n, &peer_link, &m);
	assert_int_equal(connect6(n, &far6), -ENETUNREACH);
	assert_true(connect6(n, &peer6) >= 0); /* the prefix stays on link */
	net_free(n);
}

/* Advertisements of ever new prefixes that soon end use up no more than a part of the addresses,
 * and that for a while only: each gets its address, what the owner asks for has its place, and a
 * prefix that was there before comes back. */
static void fault_17_prefixes_that_come_and_go(void **state)
{
	struct ip_addr base = ip_from_v4(0x0a000101u);
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement(), forged = m;
	struct ip_addr a = made;
	struct raw6 r;
	unsigned asked = 0;

	(void)state;
	net_turn(n);
	m.prefix[0].valid_s = m.prefix[0].preferred_s = 1;
	advertise(n, &peer_link, &m);
	assert_true(has(n, &made));
	forged.prefix[0].valid_s = forged.prefix[0].preferred_s = 1;
	for (unsigned i = 0; i < 400; i++) {
		forged.prefix[0].prefix.b[6] = (uint8_t)(i >> 8);
		forged.prefix[0].prefix.b[7] = (uint8_t)(i | 1);
		net_run_ms(n, 1500);
		advertise(n, &peer_link, &forged);
		a.b[6] = forged.prefix[0].prefix.b[6];
		a.b[7] = forged.prefix[0].prefix.b[7];
		assert_true(has(n, &a));
		net_turn(n);
		while (raw6_get(n, &r)) /* is it another's? */
			asked += r.icmp.type == ICMP6_NS && ip_eq(&r.nd.target, &a);
	}
	assert_int_equal(asked, 400);
	assert_false(has(n, &made));
	net_run_ms(n, 1500);
	advertise(n, &peer_link, &m);
	assert_true(has(n, &made));
	assert_int_equal(stack_set_sources(n->a.sc, &base, 120), 0);
	net_free(n);
}

/* One forged message must not keep all that we send on the link. */
static void fault_17_hop_limit_is_not_lowered(void **state)
{
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement();
	struct raw6 r;

	(void)state;
	net_turn(n);
	advertise(n, &peer_link, &m);
	for (uint8_t limit = 0; limit < 64; limit = (uint8_t)(limit + 9)) {
		m.hop_limit = limit;
		advertise(n, &peer_link, &m);
	}
	assert_true(connect6(n, &far6) >= 0);
	net_turns(n, 2);
	assert_true(raw6_get_type(n, &r, 0));
	assert_int_equal(r.ip.ttl, 64);
	net_free(n);
}

static void lifetimes_end(void **state)
{
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement();

	(void)state;
	m.router_lifetime = 10;
	m.prefix[0].valid_s = 30;
	m.prefix[0].preferred_s = 20;
	net_turn(n);
	advertise(n, &peer_link, &m);
	net_run_ms(n, 11000);
	assert_int_equal(connect6(n, &far6), -ENETUNREACH);
	assert_true(connect6(n, &peer6) >= 0);
	net_run_ms(n, 10000); /* deprecated: still there, and better than none */
	assert_true(has(n, &made));
	assert_true(connect6(n, &peer6) >= 0);
	net_run_ms(n, 10000);
	assert_false(has(n, &made));
	assert_int_equal(connect6(n, &peer6), -ENETUNREACH);
	advertise(n, &peer_link, &m); /* and again */
	assert_true(has(n, &made));
	net_free(n);
}

static void many_prefixes(struct net *n, struct ndp_msg *m)
{
	for (unsigned i = 0; i < 200; i++) {
		m->prefix[0].prefix.b[7] = (uint8_t)(i + 1);
		net_run_ms(n, 1500);
		advertise(n, &peer_link, m);
	}
}

/* RFC 4862 5.5.4: an address that has ended is no source, not even of a RST. What stood on it ends;
 * while a block of it is its owner's the name stays, and then the index is free. */
static void connections_end_with_their_address(void **state)
{
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement();
	struct ip_endpoint any = {.port = 80}, local, remote;
	struct tcp_seg syn = {.flags = TCPF_SYN, .seq = seq_of(1000), .wnd = 1000};
	struct flow f = {.local = peer6, .remote = made, .lport = 5001, .rport = 80};
	struct tcp_seg ack = {.flags = TCPF_ACK, .seq = seq_of(1001), .wnd = 1000};
	struct stack_usage u;
	struct stack_event ev;
	struct raw6 r;
	uint32_t id, opened;
	int64_t lid;

	(void)state;
	m.prefix[0].valid_s = m.prefix[0].preferred_s = 2;
	net_turn(n);
	advertise(n, &peer_link, &m);
	lid = stack_listen(n->a.sc, &any, 4, n->now);
	raw6_tcp(n, &f, &syn);
	net_turn(n);
	assert_true(raw6_get_type(n, &r, 0));
	ack.ack = seq_add(r.tcp.seq, 1);
	raw6_tcp(n, &f, &ack);
	net_turn(n);
	opened = (uint32_t)stack_accept(n->a.sc, (uint32_t)lid);
	id = (uint32_t)connect6(n, &peer6);
	f.lport = 5000;
	raw6_tcp(n, &f, &syn);
	net_turn(n);
	stack_usage(n->a.sc, &u);
	assert_true(u.half_open == 1 && u.conns == 2);
	raw6_advertise(n, &peer6, NDP_NA_OVERRIDE, &raw_mac);
	net_turn(n);
	while (stack_events(n->a.sc, &ev, 1))
		;
	net_run_ms(n, 1900);
	while (raw6_get(n, &r))
		;
	net_run_ms(n, 20000);
	while (raw6_get(n, &r))
		assert_false(ip_eq(&r.ip.src, &made));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(stack_events(n->a.sc, &ev, 1), 1);
		assert_true((ev.id == id || ev.id == opened) && (ev.ready & STACK_ERR));
	}
	assert_int_equal(stack_send(n->a.sc, opened, "x", 1, n->now), -ECONNABORTED);
	assert_int_equal(stack_take_error(n->a.sc, id), ECONNABORTED);
	stack_names(n->a.sc, id, &local, &remote);
	assert_true(ip_eq(&local.addr, &made));
	stack_usage(n->a.sc, &u);
	assert_true(u.half_open == 0 && u.conns == 2);
	many_prefixes(n, &m); /* none of them has its index */
	stack_names(n->a.sc, id, &local, &remote);
	assert_true(ip_eq(&local.addr, &made));
	stack_close(n->a.sc, id, n->now);
	stack_close(n->a.sc, opened, n->now);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* Its last ACK waits for the device until the address has ended: then nothing can come in for a
 * TIME-WAIT record of it, which would stand there longer than the address's index. */
static void no_time_wait_of_an_address_that_has_ended(void **state)
{
	struct stack_config cfg = net_config();
	struct ndp_msg m = advertisement();
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK, .seq = seq_of(1000), .wnd = 1000};
	struct stack_usage u;
	struct flow f;
	struct net *n;
	struct raw6 r;
	uint32_t id;

	(void)state;
	cfg.ipv6_autoconf = true;
	cfg.time_wait_ms = 60000;
	n = raw6_net(&cfg);
	m.prefix[0].valid_s = m.prefix[0].preferred_s = 2;
	net_turn(n);
	advertise(n, &peer_link, &m);
	id = (uint32_t)connect6(n, &peer6);
	net_turn(n);
	raw6_advertise(n, &peer6, NDP_NA_OVERRIDE, &raw_mac);
	net_turns(n, 2);
	assert_true(raw6_get_type(n, &r, 0));
	f = (struct flow){.local = peer6, .remote = made, .lport = 80, .rport = r.sport};
	s.ack = seq_add(r.tcp.seq, 1);
	raw6_tcp(n, &f, &s);
	net_run_ms(n, 1500);
	stack_close(n->a.sc, id, n->now); /* FIN */
	net_turn(n);
	s = (struct tcp_seg){.flags = TCPF_ACK | TCPF_FIN, .seq = seq_of(1001), .wnd = 1000};
	s.ack = seq_add(r.tcp.seq, 2);
	n->a.bufs_left = 0;
	raw6_tcp(n, &f, &s);
	net_run_ms(n, 900); /* for a second it may */
	n->a.bufs_left = UINT32_MAX;
	net_turns(n, 3);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 0);
	assert_int_equal(u.conns, 0);
	net_free(n);
}

/* RFC 4862 5.5.3 (e): nobody can end an address within two hours by an advertisement. */
static void two_hours(void **state)
{
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement();

	(void)state;
	m.prefix[0].valid_s = 100000;
	net_turn(n);
	advertise(n, &peer_link, &m);
	m.prefix[0].valid_s = m.prefix[0].preferred_s = 1;
	m.router_lifetime = 9000;
	advertise(n, &peer_link, &m);
	n->now += 7100 * MT_SEC;
	net_turns(n, 3);
	assert_true(has(n, &made));
	n->now += 200 * MT_SEC;
	net_turns(n, 3);
	assert_false(has(n, &made));
	net_free(n);
}

/* The first router in use stops answering: the second takes over. */
static void second_router(void **state)
{
	struct net *n = open_net(true);
	struct ndp_msg m = advertisement();
	struct raw6 r;

	(void)state;
	m.has_mac = false;
	net_turn(n);
	advertise(n, &peer_link, &m);
	advertise(n, &second, &m);
	raw6_advertise(n, &peer_link, NDP_NA_ROUTER, &raw_mac); /* says where it is ... */
	assert_true(connect6(n, &far6) >= 0);
	net_turn(n);
	raw6_advertise(n, &peer_link, NDP_NA_ROUTER, &raw_mac);
	net_run_ms(n, 12000); /* ... and answers no probe */
	while (raw6_get(n, &r))
		;
	assert_true(connect6(n, &far6) >= 0);
	net_turn(n);
	assert_true(raw6_get_type(n, &r, ICMP6_NS));
	assert_true(ip_eq(&r.nd.target, &second));
	net_free(n);
}

/* RFC 4861 6.3.5: of a router that is none any more, though it answers as a host, open connections
 * and those that wait for its station look for another. */
static void connections_leave_a_router(void **state)
{
	static const struct eth_addr other = {{2, 0, 0, 0, 0, 3}};
	struct ndp_msg m = advertisement(), of_second = m;

	(void)state;
	of_second.mac = other;
	for (int known = 0; known < 2; known++) {
		struct net *n = open_net(true);
		struct raw6 r;

		m.has_mac = known;
		m.router_lifetime = 1800;
		net_turn(n);
		advertise(n, &peer_link, &m);
		advertise(n, &second, &of_second);
		assert_true(connect6(n, &far6) >= 0);
		net_turns(n, 2);
		assert_int_equal(raw6_get_type(n, &r, 0), known);
		if (known)
			assert_memory_equal(&r.eth.dst, &raw_mac, 6);
		m.router_lifetime = 0;
		m.has_mac = true; /* who waits for it is released in the same turn */
		advertise(n, &peer_link, &m);
		net_run_ms(n, 1100);
		assert_true(raw6_get_type(n, &r, 0));
		assert_memory_equal(&r.eth.dst, &other, 6);
		assert_int_equal(stack_stats(n->a.sc)->arp_overflow, 0);
		net_free(n);
	}
}

/* RFC 4862 5.4.5: an address that is another's is no source, be it the only one. */
static void a_duplicate_is_no_source(void **state)
{
	static const struct eth_addr other = {{2, 0, 0, 0, 0, 3}};
	struct icmp_msg ping = {.type = ICMP6_ECHO_REQUEST, .id = 7};
	struct ip_addr all = ip_all_nodes();
	struct net *n = open_net(true);
	unsigned asked = 0;
	struct raw6 r;

	(void)state;
	net_turn(n);
	raw6_advertise(n, &us_link, NDP_NA_OVERRIDE, &other);
	net_turn(n);
	while (raw6_get(n, &r))
		;
	raw6_icmp(n, &peer_link, &all, &ping);
	net_run_ms(n, 9000);
	while (raw6_get(n, &r)) {
		asked += r.icmp.type == ICMP6_RS;
		assert_false(ip_eq(&r.ip.src, &us_link));
		assert_true(r.icmp.type != ICMP6_ECHO_REPLY);
	}
	assert_int_equal(asked, 2);
	net_free(n);
}

/* A prefix with nothing to say keeps no place in the list from one that has. */
static void empty_prefixes_keep_no_place(void **state)
{
	struct ndp_msg m = advertisement();
	struct net *n = open_net(true);

	(void)state;
	net_turn(n);
	m.prefix[0].valid_s = m.prefix[0].preferred_s = 0;
	for (unsigned i = 1; i <= 8; i++) {
		m.prefix[0].prefix.b[5] = (uint8_t)i;
		advertise(n, &peer_link, &m);
	}
	m = advertisement();
	advertise(n, &peer_link, &m);
	assert_true(has(n, &made));
	assert_true(connect6(n, &peer6) >= 0);
	net_free(n);
}

/* Lists are bounded, what makes no sense is passed over, and without the key nothing is believed.
 */
static void fault_17_forged_advertisements(void **state)
{
	static const struct ndp_prefix wrong[] = {
		{{.b = {0xfe, 0x80}}, 64, true, true, 100, 100},
		{{.b = {0xff, 2}}, 64, true, true, 100, 100},
		{{.b = {[10] = 0xff, 0xff, 10}}, 104, true, true, 100, 100},
		{{.b = {0}}, 0, true, true, 100, 100},
		{{.b = {0x20, 9}}, 63, false, true, 100, 100},
		{{.b = {0x20, 9}}, 64, false, true, 100, 200}, /* preferred longer than valid */
		{{.b = {0x20, 9}}, 64, false, true, 0, 0},
	};
	struct ip_addr liar = {.b = {0xfe, 0x80, [15] = 1}}, fifth = made, odd = made;
	struct ndp_msg m = advertisement();
	struct net *n = open_net(true);

	(void)state;
	net_turn(n);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		m.prefix[0] = wrong[i];
		m.router_lifetime = 0;
		advertise(n, &peer_link, &m);
	}
	odd.b[1] = 9;
	odd.b[2] = odd.b[3] = 0;
	assert_false(has(n, &odd));
	assert_int_equal(connect6(n, &far6), -ENETUNREACH);
	m = advertisement();
	for (unsigned i = 0; i < 300; i++) {
		liar.b[14] = (uint8_t)i;
		m.prefix[0].prefix.b[5] = (uint8_t)i;
		m.mac.b[4] = (uint8_t)i;
		advertise(n, &liar, &m);
	}
	fifth.b[5] = 3;
	assert_false(has(n, &odd));
	/* The list has four places: a wrong one would have left none to the fourth. */
	assert_true(has(n, &made) && has(n, &fifth));
	fifth.b[5] = 200;
	assert_false(has(n, &fifth));
	net_free(n);
}

/* Without the key no advertisement is believed. */
static void not_asked_for(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw6_net(&cfg);
	struct ndp_msg m = advertisement();
	struct stack_usage u;

	(void)state;
	net_turn(n);
	advertise(n, &peer_link, &m);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.neighs, 0);
	assert_false(has(n, &made));
	assert_int_equal(connect6(n, &far6), -ENETUNREACH);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routers_are_asked_for),
		cmocka_unit_test(router_and_address),
		cmocka_unit_test(fault_17_hop_limit_is_not_lowered),
		cmocka_unit_test(fault_17_prefixes_that_come_and_go),
		cmocka_unit_test(lifetimes_end),
		cmocka_unit_test(connections_end_with_their_address),
		cmocka_unit_test(no_time_wait_of_an_address_that_has_ended),
		cmocka_unit_test(two_hours),
		cmocka_unit_test(second_router),
		cmocka_unit_test(connections_leave_a_router),
		cmocka_unit_test(a_duplicate_is_no_source),
		cmocka_unit_test(fault_17_forged_advertisements),
		cmocka_unit_test(empty_prefixes_keep_no_place),
		cmocka_unit_test(not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
