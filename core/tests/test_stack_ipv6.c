// SPDX-License-Identifier: BSD-3-Clause
/* IPv6 end to end in one core: neighbour discovery, duplicate addresses, ICMPv6, listeners of both
 * families. */
#include <errno.h>

#include "test_stack_raw6.h"

static const struct eth_addr other_mac = {{2, 0, 0, 0, 0, 9}};

static struct net *open_net(void)
{
	struct stack_config cfg = net_config();
	struct net *n = raw6_net(&cfg);
	struct raw6 r;

	net_run_ms(n, 1100); /* the addresses are ours */
	while (raw6_get(n, &r))
		;
	return n;
}

static int64_t connect6(struct net *n, const struct ip_addr *to)
{
	struct ip_endpoint e = {.addr = *to, .port = 80};

	return stack_connect(n->a.sc, NULL, &e, n->now);
}

static const struct mtcp_stats *stats(const struct net *n)
{
	return stack_stats(n->a.sc);
}

static uint32_t n_neighs(const struct net *n)
{
	struct stack_usage u;

	stack_usage(n->a.sc, &u);
	return u.neighs;
}

/* ---- addresses ---- */

static void duplicates_are_asked_for(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw6_net(&cfg);
	struct ip_addr group = ip_solicited_node(&us_link);
	struct eth_addr station = eth_multicast6(&group);
	struct raw6 r;

	(void)state;
	net_turn(n);
	assert_true(raw6_get(n, &r)); /* the link-local address comes first */
	assert_int_equal(r.icmp.type, ICMP6_NS);
	assert_true(ip_is_any(&r.ip.src) && ip_eq(&r.ip.dst, &group));
	assert_memory_equal(&r.eth.dst, &station, 6);
	assert_true(ip_eq(&r.nd.target, &us_link));
	assert_false(r.nd.has_mac);
	assert_int_equal(r.ip.ttl, 255);
	assert_true(raw6_get(n, &r));
	assert_true(ip_eq(&r.nd.target, &us6));
	assert_false(raw6_get(n, &r));
	net_free(n);
}

/* An objection within a second takes the address away; a later one is only counted. */
static void duplicate_is_given_up(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw6_net(&cfg);
	struct ip_endpoint local = {.addr = us6};

	(void)state;
	net_turn(n);
	raw6_advertise(n, &us6, NDP_NA_OVERRIDE, &other_mac);
	net_turn(n);
	assert_int_equal(stats(n)->duplicate_address, 1);
	assert_int_equal(stack_listen(n->a.sc, &local, 1, n->now), -EADDRNOTAVAIL);
	net_run_ms(n, 1100);
	raw6_advertise(n, &us_link, NDP_NA_OVERRIDE, &other_mac);
	net_turn(n);
	assert_int_equal(stats(n)->duplicate_address, 2);
	local.addr = us_link;
	assert_true(stack_listen(n->a.sc, &local, 1, n->now) >= 0);
	net_free(n);
}

/* Two stations probe for one address at once: neither gets it. Our own probe, brought back by the
 * network, is no other's. */
static void duplicate_probe(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw6_net(&cfg);
	struct ip_addr group = ip_solicited_node(&us6);
	struct ndp_msg probe = {.type = ICMP6_NS, .target = us6};
	struct ip_endpoint local = {.addr = us6};

	(void)state;
	net_turn(n);
	raw6_ndp(n, &nobody6, &group, &probe);
	((uint8_t *)n->a.q[(n->a.tail - 1) % NET_FRAMES].data)[11] = 1; /* from station ..01 */
	net_turn(n);
	assert_int_equal(stats(n)->duplicate_address, 0);
	raw6_ndp(n, &nobody6, &group, &probe);
	net_turn(n);
	assert_int_equal(stats(n)->duplicate_address, 1);
	assert_int_equal(stack_listen(n->a.sc, &local, 1, n->now), -EADDRNOTAVAIL);
	net_free(n);
}

/* Who probes for an address that we have is told, with all others. */
static void probe_is_answered(void **state)
{
	struct net *n = open_net();
	struct ip_addr group = ip_solicited_node(&us6), all = ip_all_nodes();
	struct raw6 r;

	(void)state;
	raw6_ndp(n, &nobody6, &group, &(struct ndp_msg){.type = ICMP6_NS, .target = us6});
	net_turn(n);
	assert_true(raw6_get_type(n, &r, ICMP6_NA));
	assert_true(ip_eq(&r.ip.dst, &all) && ip_eq(&r.ip.src, &us6));
	assert_int_equal(r.nd.flags, NDP_NA_OVERRIDE);
	net_free(n);
}

/* ---- resolution ---- */

static void resolves(void **state)
{
	struct net *n = open_net();
	struct ip_addr group = ip_solicited_node(&peer6);
	struct raw6 r;

	(void)state;
	assert_true(connect6(n, &peer6) >= 0);
	net_turns(n, 3);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.icmp.type, ICMP6_NS);
	assert_true(ip_eq(&r.nd.target, &peer6) && ip_eq(&r.ip.src, &us6));
	assert_true(ip_eq(&r.ip.dst, &group));
	assert_true(r.nd.has_mac);
	assert_memory_equal(&r.nd.mac, &stack_mac, 6);
	assert_false(raw6_get(n, &r));
	raw6_advertise(n, &peer6, NDP_NA_SOLICITED | NDP_NA_OVERRIDE, &raw_mac);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN);
	assert_int_equal(r.tcp.mss, 1440);
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	assert_int_not_equal(r.ip.flow_label, 0);
	net_free(n);
}

/* Three questions a second apart, then EHOSTUNREACH, and nothing is left. */
static void silence(void **state)
{
	struct net *n = open_net();
	int64_t id = connect6(n, &peer6);
	struct raw6 r;
	int asked = 0;

	(void)state;
	net_run_ms(n, 3200);
	while (raw6_get(n, &r))
		asked += r.icmp.type == ICMP6_NS;
	assert_int_equal(asked, 3);
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), EHOSTUNREACH);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	net_run_ms(n, 2000);
	assert_int_equal(n_neighs(n), 0);
	assert_all_back(n->a.sc);
	net_free(n);
}

static void solicitation_is_answered(void **state)
{
	struct net *n = open_net();
	struct ip_addr group = ip_solicited_node(&us6);
	struct ndp_msg ns = {.type = ICMP6_NS, .target = us6, .has_mac = true, .mac = raw_mac};
	struct raw6 r;

	(void)state;
	raw6_ndp(n, &peer6, &group, &ns);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.icmp.type, ICMP6_NA);
	assert_true(ip_eq(&r.ip.src, &us6) && ip_eq(&r.ip.dst, &peer6));
	assert_int_equal(r.nd.flags, NDP_NA_SOLICITED | NDP_NA_OVERRIDE);
	assert_memory_equal(&r.nd.mac, &stack_mac, 6);
	assert_int_equal(n_neighs(n), 1);
	/* What the asker said is used, and asked back five seconds later. */
	assert_true(connect6(n, &peer6) >= 0);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN);
	net_run_ms(n, 4900);
	assert_false(raw6_get_type(n, &r, ICMP6_NS));
	net_run_ms(n, 200);
	assert_true(raw6_get_type(n, &r, ICMP6_NS));
	assert_true(ip_eq(&r.ip.dst, &peer6)); /* by unicast */
	assert_memory_equal(&r.eth.dst, &raw_mac, 6);
	net_free(n);
}

/* A neighbour that stopped answering: three probes, then a new search. */
static void unreachability_is_detected(void **state)
{
	struct net *n = open_net();
	struct raw6 r;
	int probes = 0;

	(void)state;
	assert_true(connect6(n, &peer6) >= 0);
	net_turn(n);
	raw6_advertise(n, &peer6, NDP_NA_OVERRIDE, &raw_mac); /* unsolicited: stale */
	net_run_ms(n, 8500);
	while (raw6_get(n, &r))
		probes += r.icmp.type == ICMP6_NS && ip_eq(&r.ip.dst, &peer6);
	assert_int_equal(probes, 3);
	net_run_ms(n, 30000); /* the SYN is tried again */
	assert_true(raw6_get_type(n, &r, ICMP6_NS) || n_neighs(n) == 0);
	net_free(n);
}

/* RFC 4861 7.2.5: what an advertisement changes, by its flags. The connection's retransmitted SYN
 * shows what is believed. */
static void override_rules(void **state)
{
	static const struct {
		uint8_t flags;
		bool moves;
	} v[] = {
		{0, false},
		{NDP_NA_SOLICITED, false},
		{NDP_NA_OVERRIDE, true},
		{NDP_NA_OVERRIDE | NDP_NA_SOLICITED, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct net *n = open_net();
		struct raw6 r;

		assert_true(connect6(n, &peer6) >= 0);
		net_turn(n);
		raw6_advertise(n, &peer6, NDP_NA_SOLICITED, &raw_mac);
		net_turn(n);
		assert_true(raw6_get_type(n, &r, 0));
		raw6_advertise(n, &peer6, v[i].flags, &other_mac);
		net_run_ms(n, 1500);
		assert_true(raw6_get_type(n, &r, 0));
		assert_memory_equal(&r.eth.dst, v[i].moves ? &other_mac : &raw_mac, 6);
		net_free(n);
	}
}

/* An answer without a station does not resolve anything. */
static void advertisement_without_station(void **state)
{
	struct net *n = open_net();
	struct raw6 r;

	(void)state;
	assert_true(connect6(n, &peer6) >= 0);
	net_turn(n);
	raw6_advertise(n, &peer6, NDP_NA_SOLICITED | NDP_NA_OVERRIDE, NULL);
	net_turn(n);
	assert_false(raw6_get_type(n, &r, 0));
	raw6_advertise(n, &peer6, NDP_NA_SOLICITED, &(struct eth_addr){{0}});
	net_turn(n);
	assert_false(raw6_get_type(n, &r, 0));
	assert_int_equal(stats(n)->drop_address, 1);
	net_free(n);
}

/* Advertisements nobody asked for, and questions about others, make no entry; questions to us in
 * the name of a thousand neighbours at most fill the table. */
static void fault_17_forged_neighbours(void **state)
{
	struct net *n = open_net();
	struct ip_addr group = ip_solicited_node(&us6), liar = peer6;
	struct ndp_msg ns = {.type = ICMP6_NS, .target = us6, .has_mac = true, .mac = other_mac};
	struct raw6 r;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		liar.b[13] = (uint8_t)(i >> 8);
		liar.b[14] = (uint8_t)i;
		raw6_advertise(n, &liar, NDP_NA_OVERRIDE | NDP_NA_SOLICITED, &other_mac);
		net_turn(n);
	}
	assert_int_equal(n_neighs(n), 0);
	ns.target = peer6;
	raw6_ndp(n, &liar, &group, &ns);
	ns.target = us6;
	raw6_ndp(n, &(struct ip_addr){.b = {0x20, 2, [15] = 1}}, &group, &ns); /* not on link */
	net_turn(n);
	assert_int_equal(n_neighs(n), 0);
	for (unsigned i = 0; i < 1000; i++) {
		liar.b[13] = (uint8_t)(i >> 8);
		liar.b[14] = (uint8_t)i;
		raw6_ndp(n, &liar, &group, &ns);
		net_turn(n);
		while (raw6_get(n, &r))
			;
	}
	assert_true(n_neighs(n) <= 16);
	assert_true(connect6(n, &peer6) >= 0);
	net_run_ms(n, 11000); /* entries nobody uses make room */
	assert_true(raw6_get_type(n, &r, ICMP6_NS));
	net_free(n);
}

/* ---- ICMPv6 ---- */

static void echo_is_answered(void **state)
{
	static const uint8_t data[] = "ping!";
	struct net *n = open_net();
	struct icmp_msg m = {.type = ICMP6_ECHO_REQUEST,
			     .id = 7,
			     .sequence = 9,
			     .payload = data,
			     .payload_len = 5};
	struct ip_addr all = ip_all_nodes();
	struct raw6 r;

	(void)state;
	raw6_icmp(n, &peer6, &us6, &m);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.icmp.type, ICMP6_ECHO_REPLY);
	assert_true(ip_eq(&r.ip.src, &us6) && ip_eq(&r.ip.dst, &peer6));
	assert_int_equal(r.icmp.id, 7);
	assert_int_equal(r.icmp.sequence, 9);
	assert_memory_equal(r.icmp.payload, data, 5);
	raw6_icmp(n, &peer_link, &all, &m); /* a group is answered from one of us */
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_true(ip_eq(&r.ip.src, &us_link));
	raw6_icmp(n, &nobody6, &us6, &m);
	net_turn(n);
	assert_false(raw6_get(n, &r));
	net_free(n);
}

/* RFC 8200 4, RFC 4443 3.4: who sends what must not be passed over is told, ten times in 100 ms. */
static void problems_are_reported(void **state)
{
	static const uint8_t udp[8] = {0}, opts[8] = {6, 0, 0xfe, 4};
	uint8_t behind[16] = {58, 0, 0x80, 4, [8] = ICMP6_PARAM_PROBLEM}; /* an unknown option */
	struct net *n = open_net();
	struct ip_hdr ip = {
		.src = peer6, .dst = us6, .proto = 17, .ttl = 64, .payload = udp, .payload_len = 8};
	struct raw6 r;
	unsigned told = 0;

	(void)state;
	raw6_ip(n, &ip);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.icmp.type, ICMP6_PARAM_PROBLEM);
	assert_int_equal(r.icmp.code, ICMP6_BAD_NEXT);
	assert_int_equal(r.icmp.mtu, 6);
	assert_int_equal(r.icmp.payload_len, 48);
	ip.proto = 60;
	ip.payload = opts;
	raw6_ip(n, &ip);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.icmp.code, ICMP6_BAD_OPTION);
	assert_int_equal(r.icmp.mtu, 42);
	assert_int_equal(stats(n)->drop_ext_hdr, 1);
	ip.payload = behind;
	ip.payload_len = sizeof(behind);
	raw6_ip(n, &ip);
	net_turn(n);
	assert_false(raw6_get(n, &r)); /* no error about an error */
	behind[8] = ICMP6_ECHO_REQUEST;
	raw6_ip(n, &ip);
	net_turn(n);
	assert_true(raw6_get(n, &r));
	assert_int_equal(r.icmp.type, ICMP6_PARAM_PROBLEM);
	for (int i = 0; i < 50; i++) {
		raw6_ip(n, &ip);
		net_turn(n);
		told += raw6_get(n, &r);
	}
	assert_int_equal(told, 7);
	net_free(n);
}

/* In two fragments, behind destination options; neighbour discovery never (RFC 6980). */
static void fragments_are_put_together(void **state)
{
	struct net *n = open_net();
	struct icmp_msg m = {.type = ICMP6_ECHO_REQUEST, .id = 7};
	struct ndp_msg ns = {.type = ICMP6_NS, .target = us6, .has_mac = true, .mac = raw_mac};
	uint8_t first[16] = {60, 0, 0, 1, 0, 0, 0, 9, 58, 0, 1, 4};
	uint8_t last[48] = {60, 0, 0, 8, 0, 0, 0, 9};
	struct ip_hdr ip = {.src = peer6, .dst = us6, .proto = 44, .ttl = 255};
	struct raw6 r;

	(void)state;
	for (int i = 0; i < 3; i++) {
		size_t len = 8 + (i < 2 ? icmp6_build(last + 8, &peer6, &us6, &m)
					: ndp_build(last + 8, &peer6, &us6, &ns));

		first[7] = last[7] = (uint8_t)i;
		first[10] = i == 1 ? 0xfe : 1; /* an option that must not be passed over */
		ip.payload = first;
		ip.payload_len = 16;
		raw6_ip(n, &ip);
		ip.payload = last;
		ip.payload_len = (uint16_t)len;
		raw6_ip(n, &ip);
		net_turn(n);
		assert_int_equal(raw6_get(n, &r), i == 0);
	}
	assert_int_equal(stats(n)->frag_reassembled, 3);
	assert_int_equal(stats(n)->drop_ext_hdr, 1);
	assert_int_equal(stats(n)->drop_fragment, 1);
	net_free(n);
}

/* Quotes the connection's SYN. */
static void complain(struct net *n, const struct raw6 *syn, struct icmp_msg m)
{
	m.payload = syn->buf + ETH_HLEN;
	m.payload_len = (uint16_t)(syn->len - ETH_HLEN);
	raw6_icmp(n, &peer6, &us6, &m);
	net_turn(n);
}

static int64_t start_connect(struct net *n, struct raw6 *syn)
{
	int64_t id = connect6(n, &peer6);

	net_turn(n);
	raw6_advertise(n, &peer6, NDP_NA_SOLICITED, &raw_mac);
	net_turn(n);
	assert_true(raw6_get_type(n, syn, 0));
	return id;
}

static void unreachable_ends_an_attempt(void **state)
{
	struct net *n = open_net();
	struct raw6 syn;
	int64_t id = start_connect(n, &syn);

	(void)state;
	syn.buf[ETH_HLEN + IPV6_HLEN + 7] ^= 1; /* another sequence number: not of us */
	complain(n, &syn, (struct icmp_msg){.type = ICMP6_UNREACHABLE, .code = 4});
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), 0);
	syn.buf[ETH_HLEN + IPV6_HLEN + 7] ^= 1;
	complain(n, &syn, (struct icmp_msg){.type = ICMP6_TIME_EXCEEDED});
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), 0);
	complain(n, &syn, (struct icmp_msg){.type = ICMP6_UNREACHABLE, .code = 4});
	assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id), ECONNREFUSED);
	net_free(n);
}

/* RFC 9293 3.7.1: a peer that names no segment size takes 1220 bytes over IPv6. */
static void mss_not_named(void **state)
{
	static const uint8_t data[4000];
	struct net *n = open_net();
	struct raw6 r;
	int64_t id = start_connect(n, &r);
	struct flow f = {.local = peer6, .remote = us6, .lport = 80, .rport = r.sport};
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
			    .seq = seq_of(5000),
			    .wnd = 65535,
			    .ack = seq_add(r.tcp.seq, 1)};

	(void)state;
	raw6_tcp(n, &f, &s);
	net_turn(n);
	assert_true(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now) > 0);
	net_turns(n, 3);
	do {
		assert_true(raw6_get_type(n, &r, 0));
	} while (!r.tcp.len);
	assert_int_equal(r.tcp.len, 1220);
	net_free(n);
}

/* The segments of a connection before and after a message that its path takes `mtu`. */
static uint16_t len_after_too_big(uint32_t mtu)
{
	static const uint8_t data[4000];
	struct net *n = open_net();
	struct raw6 syn, r;
	int64_t id = start_connect(n, &syn);
	struct flow f = {.local = peer6, .remote = us6, .lport = 80, .rport = syn.sport};
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
			    .seq = seq_of(5000),
			    .wnd = 65535,
			    .opts = TCPO_MSS,
			    .mss = 1440,
			    .ack = seq_add(syn.tcp.seq, 1)};
	uint16_t len;

	raw6_tcp(n, &f, &s);
	net_turn(n);
	assert_true(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now) > 0);
	net_turns(n, 3);
	do {
		assert_true(raw6_get_type(n, &r, 0));
	} while (!r.tcp.len);
	assert_int_equal(r.tcp.len, 1440);
	complain(n, &r, (struct icmp_msg){.type = ICMP6_TOO_BIG, .mtu = mtu});
	net_run_ms(n, 3000); /* in any case it is sent again */
	do {
		assert_true(raw6_get_type(n, &r, 0));
	} while (!r.tcp.len || !seq_eq(r.tcp.seq, seq_add(syn.tcp.seq, 1)));
	len = r.tcp.len;
	net_free(n);
	return len;
}

static void too_big_is_believed(void **state)
{
	(void)state;
	assert_int_equal(len_after_too_big(1400), 1340);
	assert_int_equal(len_after_too_big(1280), 1220);
	assert_int_equal(len_after_too_big(1279), 1440); /* no path is so narrow */
	assert_int_equal(len_after_too_big(9000), 1440);
	assert_int_equal(len_after_too_big(65536 + 1300), 1440);
}

/* ---- input ---- */

static void not_for_us(void **state)
{
	struct net *n = open_net();
	struct flow f = {.local = peer6, .remote = us6, .lport = 1000, .rport = 80};
	struct tcp_seg s = {.flags = TCPF_SYN, .wnd = 1000};
	struct ip_addr group = ip_solicited_node(&us6), theirs = ip_solicited_node(&peer6);
	struct raw6 r;

	(void)state;
	raw6_tcp(n, &f, &s);
	net_turn(n);
	assert_true(raw6_get(n, &r)); /* nobody listens */
	assert_int_equal(r.tcp.flags, TCPF_RST | TCPF_ACK);
	f.remote = peer_link;
	raw6_tcp(n, &f, &s);
	f.remote = group; /* TCP has no groups */
	raw6_tcp(n, &f, &s);
	raw6_ndp(n, &peer6, &theirs,
		 &(struct ndp_msg){
			 .type = ICMP6_NS, .target = us6, .has_mac = true, .mac = raw_mac});
	f.remote = us6; /* our address, but another's station group */
	raw6_tcp(n, &f, &s);
	((uint8_t *)n->a.q[(n->a.tail - 1) % NET_FRAMES].data)[0] = 0x33;
	net_turn(n);
	assert_false(raw6_get(n, &r));
	assert_int_equal(stats(n)->drop_not_for_us, 4);
	net_free(n);
}

/* A host without IPv6 says nothing about it. */
static void switched_off(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw_net(&cfg);
	struct raw6 r;

	(void)state;
	raw6_icmp(n, &peer6, &us6, &(struct icmp_msg){.type = ICMP6_ECHO_REQUEST});
	net_turn(n);
	assert_false(raw6_get(n, &r));
	assert_int_equal(stats(n)->drop_unsupported, 1);
	assert_int_equal(connect6(n, &peer6), -ENETUNREACH);
	net_free(n);
}

/* ---- listeners ---- */

static bool answers(struct net *n, bool v6, uint16_t port)
{
	struct tcp_seg s = {.flags = TCPF_SYN, .seq = seq_of(1), .wnd = 1000};
	bool syn_ack = false;

	if (v6) {
		struct flow f = {.local = peer6, .remote = us6, .lport = port, .rport = 80};
		struct ip_addr group = ip_solicited_node(&us6);
		struct raw6 r;

		raw6_ndp(n, &peer6, &group,
			 &(struct ndp_msg){
				 .type = ICMP6_NS, .target = us6, .has_mac = true, .mac = raw_mac});
		raw6_tcp(n, &f, &s);
		net_turns(n, 3);
		while (raw6_get(n, &r))
			syn_ack |= r.icmp.type == 0 && r.tcp.flags == (TCPF_SYN | TCPF_ACK);
	} else {
		struct raw_frame r;

		raw_arp(n, ARP_REQUEST, 0x0a000002u, RAW_US, &raw_mac);
		raw_tcp(n, 0x0a000002u, port, 80, &s);
		net_turns(n, 3);
		while (raw_get_tcp(n, &r))
			syn_ack |= r.tcp.flags == (TCPF_SYN | TCPF_ACK);
	}
	return syn_ack;
}

static void dual_stack_listener(void **state)
{
	static const struct {
		struct ip_endpoint local;
		bool v4, v6;
	} v[] = {
		{{.port = 80}, true, true},
		{{.port = 80, .v6only = true}, false, true},
		{{.addr = {.b = {[10] = 0xff, 0xff}}, .port = 80}, true, false},
		{{.addr = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}}, .port = 80}, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct net *n = open_net();

		assert_true(stack_listen(n->a.sc, &v[i].local, 4, n->now) >= 0);
		assert_int_equal(answers(n, true, 1000), v[i].v6);
		assert_int_equal(answers(n, false, 1001), v[i].v4);
		net_free(n);
	}
}

/* The listener of a family goes before that of both. */
static void most_exact_listener(void **state)
{
	struct net *n = open_net();
	struct ip_endpoint both = {.port = 80}, v4 = endpoint(0, 80);
	int64_t l6 = stack_listen(n->a.sc, &both, 4, n->now);
	int64_t l4 = stack_listen(n->a.sc, &v4, 4, n->now);

	(void)state;
	assert_true(l6 >= 0 && l4 >= 0);
	assert_int_equal(stack_listen(n->a.sc, &both, 4, n->now), -EADDRINUSE);
	stack_listen_close(n->a.sc, (uint32_t)l6, n->now);
	assert_true(answers(n, false, 1000));
	assert_false(answers(n, true, 1001));
	net_free(n);
}

/* ---- source addresses ---- */

static void source_of_the_scope(void **state)
{
	static const struct stack_addr several[] = {
		{.addr = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}}, .prefix = 64},
		{.addr = {.b = {0xfd, 1, [15] = 1}}, .prefix = 64},
	};
	static const struct stack_route all[] = {{.gateway = {.b = {0xfe, 0x80, [15] = 2}}}};
	struct stack_config cfg = net_config();
	struct ip_addr far = {.b = {0xfd, 2, [15] = 1}};
	struct ip_endpoint local, remote;
	struct net *n;
	int64_t id;

	(void)state;
	cfg.addrs = several;
	cfg.n_addrs = 2;
	cfg.routes = all;
	cfg.n_routes = 1;
	n = raw6_net(&cfg);
	id = connect6(n, &peer6);
	stack_names(n->a.sc, (uint32_t)id, &local, &remote);
	assert_true(ip_eq(&local.addr, &us6));
	id = connect6(n, &peer_link);
	stack_names(n->a.sc, (uint32_t)id, &local, &remote);
	assert_true(ip_eq(&local.addr, &us_link));
	id = connect6(n, &far); /* through the router, from the prefix that fits best */
	stack_names(n->a.sc, (uint32_t)id, &local, &remote);
	assert_int_equal(local.addr.b[0], 0xfd);
	net_free(n);
}

static void no_such_remote(void **state)
{
	struct net *n = open_net();
	struct ip_endpoint from = {.addr = us6}, v4 = endpoint(0x0a000002u, 80);
	struct ip_addr group = ip_all_nodes(), self = {.b = {[15] = 1}}, far = {.b = {0x30}};

	(void)state;
	assert_int_equal(connect6(n, &nobody6), -ENETUNREACH);
	assert_int_equal(connect6(n, &group), -ENETUNREACH);
	assert_int_equal(connect6(n, &self), -ENETUNREACH);
	assert_int_equal(connect6(n, &far), -ENETUNREACH); /* no route */
	assert_int_equal(connect6(n, &us6), -ENETUNREACH);
	assert_int_equal(stack_connect(n->a.sc, &from, &v4, n->now), -ENETUNREACH);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicates_are_asked_for),
		cmocka_unit_test(duplicate_is_given_up),
		cmocka_unit_test(duplicate_probe),
		cmocka_unit_test(probe_is_answered),
		cmocka_unit_test(resolves),
		cmocka_unit_test(silence),
		cmocka_unit_test(solicitation_is_answered),
		cmocka_unit_test(unreachability_is_detected),
		cmocka_unit_test(override_rules),
		cmocka_unit_test(advertisement_without_station),
		cmocka_unit_test(fault_17_forged_neighbours),
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(problems_are_reported),
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(unreachable_ends_an_attempt),
		cmocka_unit_test(mss_not_named),
		cmocka_unit_test(too_big_is_believed),
		cmocka_unit_test(not_for_us),
		cmocka_unit_test(switched_off),
		cmocka_unit_test(dual_stack_listener),
		cmocka_unit_test(most_exact_listener),
		cmocka_unit_test(source_of_the_scope),
		cmocka_unit_test(no_such_remote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
