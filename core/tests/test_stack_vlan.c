// SPDX-License-Identifier: BSD-3-Clause
/* VLAN tags: answered in kind, or one VLAN and no other. */
#include "test_stack_raw.h"
#include "stack/vlan.h"

#define PEER 0x0a000002u
#define PORT 80

static struct net *open_net(uint16_t vlan)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint any = endpoint(0, PORT);
	struct net *n;

	cfg.vlan = vlan;
	n = raw_net(&cfg);
	assert_true(stack_listen(n->a.sc, &any, 8, n->now) >= 0);
	net_turn(n);
	return n;
}

/* Tags the frame that was put last; tci: VLAN and priority. */
static void tag(struct net *n, uint16_t tci)
{
	vlan_insert(&n->a.q[(n->a.tail - 1) % NET_FRAMES], tci);
}

#define UNTAGGED 0xffff

/* The next frame that the stack sent, and its tag. */
static bool get(struct net *n, struct raw_frame *r, uint16_t *vlan)
{
	struct nic_pkt *p = &n->b.q[n->b.head % NET_FRAMES];

	*vlan = UNTAGGED;
	if (n->b.head == n->b.tail)
		return false;
	if (vlan_tagged(p->data))
		assert_true(vlan_strip(p, vlan));
	return raw_get(n, r);
}

static void skip_all(struct net *n)
{
	struct raw_frame r;
	uint16_t vlan;

	while (get(n, &r, &vlan))
		;
}

static void expect(struct net *n, struct raw_frame *r, uint16_t vlan)
{
	uint16_t got;

	assert_true(get(n, r, &got));
	assert_int_equal(got, vlan);
}

static void ping(struct net *n)
{
	struct icmp_msg m = {.type = ICMP_ECHO_REQUEST,
			     .id = 7,
			     .payload = (const uint8_t *)"ping",
			     .payload_len = 4};
	uint8_t p[64];

	raw_ip(n, PEER, IP_ICMP, p, icmp_build(p, &m));
}

static void test_answers_in_kind(void **state)
{
	struct net *n = open_net(0);
	struct raw_frame r;

	(void)state;
	expect(n, &r, UNTAGGED); /* announcement */
	ping(n);
	tag(n, 5);
	ping(n);
	ping(n);
	tag(n, 4094);
	raw_arp(n, ARP_REQUEST, PEER, RAW_US, &raw_mac);
	tag(n, 9);
	raw_syn(n, PEER, 5000, PORT + 1); /* closed */
	tag(n, 6);
	net_turn(n);
	expect(n, &r, 5);
	assert_int_equal(r.ip.proto, IP_ICMP);
	expect(n, &r, UNTAGGED);
	expect(n, &r, 4094);
	expect(n, &r, 9);
	assert_int_equal(r.arp.op, ARP_REPLY);
	expect(n, &r, 6);
	assert_int_equal(r.tcp.flags, TCPF_RST | TCPF_ACK);
	net_free(n);
}

/* Also when the answer finds no frame at first, and nothing else goes there. */
static void test_late_answer_in_kind(void **state)
{
	struct ip_endpoint other = endpoint(PEER + 1, PORT);
	struct net *n = open_net(0);
	struct raw_frame r;

	(void)state;
	skip_all(n);
	n->a.bufs_left = 0;
	raw_arp(n, ARP_REQUEST, PEER, RAW_US, &raw_mac);
	raw_arp(n, ARP_REQUEST, PEER, RAW_US, &raw_mac);
	tag(n, 9);
	net_turns(n, 2);
	n->a.bufs_left = UINT32_MAX;
	net_turn(n);
	assert_true(stack_connect(n->a.sc, NULL, &other, n->now) >= 0);
	net_turn(n);
	expect(n, &r, UNTAGGED);
	assert_int_equal(r.arp.op, ARP_REPLY);
	expect(n, &r, 9);
	assert_int_equal(r.arp.op, ARP_REPLY);
	expect(n, &r, UNTAGGED);
	assert_int_equal(r.arp.op, ARP_REQUEST);
	net_free(n);
}

/* A tag with priority only is none; priority does not matter. */
static void test_priority_tags(void **state)
{
	struct net *n = open_net(0);
	struct raw_frame r;

	(void)state;
	skip_all(n);
	ping(n);
	tag(n, 0xe000);
	ping(n);
	tag(n, 0xf007);
	net_turn(n);
	expect(n, &r, UNTAGGED);
	expect(n, &r, 7);
	net_free(n);
}

/* The whole life of a connection in VLAN 5, the peer's neighbour entry asked for there. */
static void test_connection_stays_in_its_vlan(void **state)
{
	struct net *n = open_net(0);
	struct tcp_seg s = {.flags = TCPF_ACK, .seq = seq_of(1001), .wnd = 65535};
	static const uint8_t data[1000] = {1, 2, 3};
	struct raw_frame r;
	int64_t id;

	(void)state;
	skip_all(n);
	raw_syn(n, PEER, 5000, PORT);
	tag(n, 5);
	net_turns(n, 2);
	expect(n, &r, 5);
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	s.ack = seq_add(r.tcp.seq, 1);
	raw_tcp(n, PEER, 5000, PORT, &s);
	tag(n, 5);
	net_turns(n, 2);
	id = stack_accept(n->a.sc, 0);
	assert_true(id >= 0);
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now), 1000);
	net_turn(n);
	expect(n, &r, 5);
	assert_int_equal(r.eth.type, ETH_ARP);
	raw_arp(n, ARP_REPLY, PEER, RAW_US, &raw_mac);
	tag(n, 5);
	net_turns(n, 2);
	expect(n, &r, 5);
	assert_int_equal(r.tcp.len, 536); /* its SYN named no MSS */
	assert_memory_equal(r.tcp.payload, data, 536);
	net_free(n);
}

static void test_only_our_vlan(void **state)
{
	struct net *n = open_net(7);
	struct ip_endpoint to = endpoint(PEER, PORT);
	struct raw_frame r;
	uint16_t vlan;

	(void)state;
	expect(n, &r, 7); /* announcement */
	ping(n);
	ping(n);
	tag(n, 8);
	ping(n);
	tag(n, 0);
	net_turn(n);
	assert_false(get(n, &r, &vlan));
	assert_int_equal(stack_stats(n->a.sc)->drop_vlan, 3);
	ping(n);
	tag(n, 7);
	net_turn(n);
	expect(n, &r, 7);
	assert_true(stack_connect(n->a.sc, NULL, &to, n->now) >= 0);
	net_turn(n);
	expect(n, &r, 7);
	assert_int_equal(r.arp.op, ARP_REQUEST);
	raw_arp(n, ARP_REPLY, PEER, RAW_US, &raw_mac);
	tag(n, 7);
	net_turn(n);
	expect(n, &r, 7);
	assert_int_equal(r.tcp.flags, TCPF_SYN);
	net_free(n);
}

static void test_short_and_double_tags(void **state)
{
	struct net *n = open_net(0);
	uint8_t f[18] = {0};

	(void)state;
	skip_all(n);
	memcpy(f, &stack_mac, 6);
	f[12] = 0x81;
	for (size_t len = ETH_HLEN; len < sizeof(f); len++)
		raw_put(n, f, len);
	net_turn(n);
	assert_int_equal(stack_stats(n->a.sc)->drop_short, 4);
	ping(n);
	tag(n, 5);
	tag(n, 6);
	net_turn(n);
	assert_int_equal(stack_stats(n->a.sc)->drop_unsupported, 1);
	assert_int_equal(n->b.head, n->b.tail);
	net_free(n);
}

static uint16_t longest;

static bool measure(const uint8_t *frame, uint16_t len)
{
	assert_true(vlan_tagged(frame));
	if (len > longest)
		longest = len;
	return false;
}

/* Full segments: the frame is longer by the tag, the packet is not shorter. */
static void test_bulk_between_two_stacks(void **state)
{
	struct stack_config cfg = net_config();
	static uint8_t out[100000], in[100000];
	struct net *n;
	int64_t lid, c, s = -1;
	size_t sent = 0, got = 0;

	(void)state;
	cfg.vlan = 5;
	n = net_pair(&cfg, &cfg);
	n->a.lose = n->b.lose = measure;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	lid = net_listen(n, PORT, 4);
	c = net_connect(n, PORT);
	for (int i = 0; i < 20000 && got < sizeof(in); i++) {
		ssize_t k;

		net_turn(n);
		if (s < 0)
			s = stack_accept(n->b.sc, (uint32_t)lid);
		k = stack_send(n->a.sc, (uint32_t)c, out + sent, sizeof(out) - sent, n->now);
		sent += k > 0 ? (size_t)k : 0;
		k = s < 0 ? 0
			  : stack_recv(n->b.sc, (uint32_t)s, in + got, sizeof(in) - got, n->now);
		got += k > 0 ? (size_t)k : 0;
	}
	assert_int_equal(got, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(longest, 1518);
	net_free(n);
}

static void test_bad_number(void **state)
{
	struct stack_config cfg = net_config();
	struct stack_addr addr = {ip_from_v4(RAW_US), 24};
	struct net *n = net_new();
	static _Alignas(64) uint8_t mem[64];
	const char *err;

	(void)state;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.vlan = 4095;
	assert_null(stack_core_init(mem, sizeof(mem), &cfg, &n->a.nic, &err));
	assert_string_equal(err, "vlan must be 0..4094");
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_in_kind),
		cmocka_unit_test(test_late_answer_in_kind),
		cmocka_unit_test(test_priority_tags),
		cmocka_unit_test(test_connection_stays_in_its_vlan),
		cmocka_unit_test(test_only_our_vlan),
		cmocka_unit_test(test_short_and_double_tags),
		cmocka_unit_test(test_bulk_between_two_stacks),
		cmocka_unit_test(test_bad_number),
	};
	return cmocka_run_group_tests(tests, NULL, net_explain);
}
