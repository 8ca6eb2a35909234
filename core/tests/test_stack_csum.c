// SPDX-License-Identifier: BSD-3-Clause
/* What is left to a device that computes TCP checksums, and what is not. */
#include "stack/vlan.h"
#include "test_stack_raw.h"

#define PEER 0x0a000002u
#define PORT 80

static struct net *open_net(bool tx_csum, uint16_t vlan)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint any = endpoint(0, PORT);
	struct net *n = net_new();

	cfg.vlan = vlan;
	n->a.nic.tx_csum = tx_csum;
	net_open(&n->a, &cfg, 1);
	assert_int_equal(stack_listen(n->a.sc, &any, 8, n->now), 0);
	return n;
}

static struct nic_pkt next(struct net *n)
{
	assert_true(n->b.head != n->b.tail);
	return n->b.q[n->b.head++ % NET_FRAMES];
}

/* The field, before and after it was completed. */
static void field(const struct nic_pkt *p, size_t l3, uint16_t *was, uint16_t *full)
{
	struct tcp_seg s;
	struct ip_hdr ip;
	uint16_t a, b;
	uint8_t *at;

	assert_int_equal(ipv4_parse(p->data + l3, p->len - l3, 0, &ip), WIRE_OK);
	assert_int_equal(ip.proto, IP_TCP);
	at = p->data + l3 + IPV4_HLEN + 16;
	memcpy(was, at, 2);
	memset(at, 0, 2);
	*full = csum_fold(csum_add(csum_pseudo(&ip.src, &ip.dst, IP_TCP, ip.payload_len),
				   ip.payload, ip.payload_len));
	memcpy(at, full, 2);
	assert_int_equal(tcp_parse(&ip, 0, &a, &b, &s), WIRE_OK);
}

/* A SYN/ACK, a reset and an echo: of the checksums only TCP's are left out. */
static void run(bool tx_csum, uint16_t vlan)
{
	struct net *n = open_net(tx_csum, vlan);
	size_t l3 = ETH_HLEN + (vlan ? VLAN_HLEN : 0);
	unsigned n_tcp = 0, n_other = 0;

	raw_arp(n, ARP_REPLY, PEER, RAW_US, &raw_mac);
	raw_syn(n, PEER, 5000, PORT);
	raw_syn(n, PEER, 5001, PORT + 1);
	raw_ip(n, PEER, IP_ICMP, (const uint8_t *)"\x08\x00\xf7\xff\x00\x00\x00\x00", 8);
	for (uint32_t i = n->a.head; vlan && i != n->a.tail; i++)
		vlan_insert(&n->a.q[i % NET_FRAMES], vlan);
	net_turns(n, 2);
	while (n->b.head != n->b.tail) {
		struct nic_pkt p = next(n);
		bool tcp = p.data[l3 - 1] == 0 && p.data[l3 + 9] == IP_TCP;
		uint16_t was, full;

		assert_int_equal(p.flags, tcp && tx_csum ? NIC_TX_L4_CSUM : 0);
		n_other += !tcp;
		if (tcp) {
			field(&p, l3, &was, &full);
			assert_int_equal(was, tx_csum ? 0 : full);
			n_tcp++;
		}
		free(p.handle);
	}
	assert_int_equal(n_tcp, 2);
	assert_int_equal(n_other, 2); /* announcement, echo */
	net_free(n);
}

static void test_software(void **state)
{
	(void)state;
	run(false, 0);
	run(false, 7);
}

static void test_offload(void **state)
{
	(void)state;
	run(true, 0);
	run(true, 7);
}

#define TALKS 3 /* the first of a turn fetches frames for those behind it */

struct talk {
	struct net *n;
	uint32_t client[TALKS], server[TALKS];
};

/* Open connections between two stacks whose devices compute checksums, or not. */
static struct talk open_talk(bool tx_csum, uint16_t vlan)
{
	struct stack_config cfg = net_config();
	struct talk t = {.n = net_new()};
	struct net *n = t.n;
	int64_t lid, id;

	cfg.vlan = vlan;
	n->a.nic.tx_csum = n->b.nic.tx_csum = tx_csum;
	net_open(&n->a, &cfg, 1);
	net_open(&n->b, &cfg, 2);
	net_turns(n, 3);
	lid = net_listen(n, PORT, 8);
	for (unsigned i = 0; i < TALKS; i++) {
		t.client[i] = (uint32_t)net_connect(n, PORT);
		net_turns(n, 8);
		id = stack_accept(n->b.sc, (uint32_t)lid);
		assert_true(id >= 0);
		t.server[i] = (uint32_t)id;
	}
	return t;
}

/* Each connection has bytes of its own. */
static void pass(struct net *n, struct net_end *from, const uint32_t *ids, struct net_end *to,
		 const uint32_t *others)
{
	static uint8_t out[TALKS][1400], in[sizeof(out[0])];

	for (size_t len = 1; len <= sizeof(in); len = len * 3 + 1) {
		for (unsigned k = 0; k < TALKS; k++) {
			for (size_t i = 0; i < len; i++)
				out[k][i] = (uint8_t)(len + i * 7 + k);
			assert_int_equal(stack_send(from->sc, ids[k], out[k], len, n->now), len);
		}
		net_run_ms(n, 60); /* an ACK may wait, and the next message for it */
		for (unsigned k = 0; k < TALKS; k++) {
			ssize_t got = stack_recv(to->sc, others[k], in, sizeof(in), n->now);

			assert_int_equal(got, len);
			assert_memory_equal(in, out[k], len);
		}
	}
}

/* Messages with nothing else under way, both ways, checksums left to the device or not: what is
 * written is what is read. */
static void fault_14_messages_on_a_vlan(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct talk t = open_talk(i & 1, i & 2 ? 7 : 0);

		for (unsigned round = 0; round < 3; round++) {
			pass(t.n, &t.n->a, t.client, &t.n->b, t.server);
			pass(t.n, &t.n->b, t.server, &t.n->a, t.client);
		}
		net_free(t.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_software),
		cmocka_unit_test(test_offload),
		cmocka_unit_test(fault_14_messages_on_a_vlan),
	};

	return cmocka_run_group_tests(tests, NULL, net_explain);
}
