// SPDX-License-Identifier: BSD-3-Clause
/* What a pipe does beyond rate and delay: marks, bursts, MTU, changes on the way; and trunks. */
#include <math.h>
#include <stdlib.h>

#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

struct net {
	struct sim *sim;
	struct sim_node *from, *to;
	uint8_t frame[1514], got[1514];
	size_t len;
};

static void net_init(struct net *n)
{
	*n = (struct net){.sim = sim_create(seed)};
	n->from = sim_wire(n->sim);
	n->to = sim_wire(n->sim);
}

/* An IP packet of len bytes from `from` to `to`. */
static void net_packet(struct net *n, unsigned version, size_t len, uint8_t ecn)
{
	struct eth_hdr eth = {.dst = sim_mac(n->to), .src = sim_mac(n->from)};
	uint8_t *ip = n->frame + ETH_HLEN;

	memset(n->frame, 0x11, sizeof(n->frame));
	n->len = ETH_HLEN + len;
	eth.type = version == 4 ? ETH_IPV4 : ETH_IPV6;
	eth_build(n->frame, &eth);
	if (version == 4) {
		struct ip_hdr h = {.src = ip_from_v4(CLIENT_V4),
				   .dst = ip_from_v4(SERVER_V4),
				   .payload_len = (uint16_t)(len - IPV4_HLEN),
				   .tos = ecn,
				   .proto = 200,
				   .ttl = 64};
		ipv4_build(ip, &h);
	} else {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		ip[1] = (uint8_t)(ecn << 4);
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
	}
}

static void net_send(struct net *n)
{
	sim_wire_send(n->from, n->frame, n->len);
}

static size_t net_recv(struct net *n, struct sim_node *at)
{
	return sim_wire_recv(at, n->got, sizeof(n->got));
}

/* ---- ECN ---- */

/* Of ten frames of 1000 bytes, those that find more than 4000 waiting are marked. */
static unsigned marks(unsigned version, uint8_t ecn)
{
	struct sim_pipe pipe = {.rate_bps = 8000000, .queue_bytes = 100000, .ecn_bytes = 4000};
	struct net n;
	unsigned marked = 0;

	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	net_packet(&n, version, 986, ecn);
	for (int i = 0; i < 10; i++)
		net_send(&n);
	for (int i = 0; i < 10; i++) {
		struct ip_hdr h;
		uint8_t tos;

		sim_run_for(n.sim, MT_MS);
		assert_int_equal(net_recv(&n, n.to), 1000);
		tos = n.got[ETH_HLEN + 1];
		tos = version == 4 ? tos & 3 : tos >> 4 & 3;
		if (version == 4)
			assert_int_equal(ipv4_parse(n.got + ETH_HLEN, n.len - ETH_HLEN, 0, &h),
					 WIRE_OK);
		assert_int_equal(tos, i > 4 && ecn ? 3 : ecn);
		marked += tos == 3;
	}
	assert_int_equal(sim_link_stats(n.from, SIM_UP)->marked, marked);
	sim_destroy(n.sim);
	return marked;
}

static void a_long_queue_marks_capable_packets(void **state)
{
	(void)state;
	for (unsigned version = 4; version <= 6; version += 2) {
		assert_int_equal(marks(version, 2), 5);
		assert_int_equal(marks(version, 1), 5);
		assert_int_equal(marks(version, 0), 0);
	}
}

/* A header damaged before the mark is still damaged behind it. */
static void marking_mends_no_checksum(void **state)
{
	struct sim_pipe pipe = {.rate_bps = 8000000, .ecn_bytes = 1};
	struct ip_hdr h;
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	net_packet(&n, 4, 500, 2);
	n.frame[ETH_HLEN + 8] ^= 0x40;
	net_send(&n);
	net_send(&n);
	sim_run_for(n.sim, 2 * MT_MS);
	assert_true(net_recv(&n, n.to) > 0 && net_recv(&n, n.to) > 0);
	assert_int_equal(n.got[ETH_HLEN + 1], 3);
	assert_int_equal(ipv4_parse(n.got + ETH_HLEN, 500, 0, &h), WIRE_CHECKSUM);
	sim_destroy(n.sim);
}

/* ---- bursts ---- */

/* Enters the bad state with 1%, leaves it with 20%, loses all there: bursts of 5, 1/21 of all. */
static void losses_come_in_bursts(void **state)
{
	struct sim_pipe pipe = {.burst_enter = 0.01, .burst_leave = 0.2, .burst_loss = 1};
	unsigned lost = 0, bursts = 0, total = 100000;
	bool before = false;
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	net_packet(&n, 4, 100, 0);
	for (unsigned i = 0; i < total; i++) {
		net_send(&n);
		sim_run_for(n.sim, MT_US);
		bool is_lost = net_recv(&n, n.to) == 0;

		bursts += is_lost && !before;
		lost += is_lost;
		before = is_lost;
	}
	assert_true(fabs((double)lost / (double)total - 1.0 / 21) < 0.008);
	assert_true(fabs((double)lost / (double)bursts - 5) < 0.8);
	sim_destroy(n.sim);
}

/* ---- MTU ---- */

static void black_hole_is_silent(void **state)
{
	struct sim_pipe pipe = {.mtu = 1000};
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.to, SIM_DOWN, &pipe);
	net_packet(&n, 4, 1001, 0);
	net_send(&n);
	sim_run_for(n.sim, MT_MS);
	assert_int_equal(net_recv(&n, n.to), 0);
	assert_int_equal(net_recv(&n, n.from), 0);
	assert_int_equal(sim_link_stats(n.to, SIM_DOWN)->too_big, 1);
	net_packet(&n, 4, 1000, 0);
	net_send(&n);
	sim_run_for(n.sim, MT_MS);
	assert_int_equal(net_recv(&n, n.to), 1014);
	sim_destroy(n.sim);
}

static void too_big_v4_is_told(void **state)
{
	struct sim_pipe pipe = {.mtu = 1000, .tell_mtu = true};
	struct icmp_msg m;
	struct ip_hdr h;
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.to, SIM_DOWN, &pipe);
	net_packet(&n, 4, 1400, 0);
	net_send(&n);
	sim_run_for(n.sim, MT_MS);
	size_t len = net_recv(&n, n.from);

	assert_int_equal(len, ETH_HLEN + 576);
	assert_int_equal(ipv4_parse(n.got + ETH_HLEN, len - ETH_HLEN, 0, &h), WIRE_OK);
	assert_int_equal(ip_to_v4(&h.dst), CLIENT_V4);
	assert_int_equal(icmp_parse(h.payload, h.payload_len, &m), WIRE_OK);
	assert_int_equal(m.type, ICMP_UNREACHABLE);
	assert_int_equal(m.code, ICMP_FRAG_NEEDED);
	assert_int_equal(m.mtu, 1000);
	assert_memory_equal(m.payload, n.frame + ETH_HLEN, m.payload_len);
	sim_destroy(n.sim);
}

/* A router sends no error about an error (RFC 1122 3.2.2). */
static void an_answer_too_big_is_not_answered(void **state)
{
	struct sim_pipe pipe = {.mtu = 500, .tell_mtu = true};
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	sim_link(n.from, SIM_DOWN, &pipe);
	net_packet(&n, 4, 1000, 0);
	net_send(&n);
	sim_run_for(n.sim, MT_MS);
	assert_int_equal(sim_link_stats(n.from, SIM_UP)->too_big, 1);
	assert_int_equal(sim_link_stats(n.from, SIM_DOWN)->too_big, 1);
	assert_int_equal(net_recv(&n, n.from) + net_recv(&n, n.to), 0);
	sim_destroy(n.sim);
}

static void too_big_v6_is_told(void **state)
{
	struct sim_pipe pipe = {.mtu = 1280, .tell_mtu = true};
	const uint8_t *icmp;
	struct ip_addr src, dst;
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	net_packet(&n, 6, 1400, 0);
	net_send(&n);
	sim_run_for(n.sim, MT_MS);
	assert_int_equal(net_recv(&n, n.from), ETH_HLEN + 1280);
	icmp = n.got + ETH_HLEN + 40;
	memcpy(src.b, n.got + ETH_HLEN + 8, 16);
	memcpy(dst.b, n.got + ETH_HLEN + 24, 16);
	assert_memory_equal(dst.b, n.frame + ETH_HLEN + 8, 16);
	assert_int_equal(csum_fold(csum_add(csum_pseudo(&src, &dst, 58, 1240), icmp, 1240)), 0);
	assert_int_equal(icmp[0], 2);
	assert_int_equal(icmp[6] << 8 | icmp[7], 1280);
	assert_memory_equal(icmp + 8, n.frame + ETH_HLEN, 1232);
	sim_destroy(n.sim);
}

/* ---- changes on the way ---- */

/* Ten milliseconds of queue; halfway through the rate becomes a fifth. */
static void a_new_rate_serves_the_queue(void **state)
{
	struct sim_pipe pipe = {.rate_bps = 8000000, .delay = 3 * MT_MS};
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	net_packet(&n, 4, 986, 0);
	mt_time start = sim_now(n.sim);

	for (int i = 0; i < 10; i++)
		net_send(&n);
	sim_run_until(n.sim, start + 5 * MT_MS);
	pipe.rate_bps /= 5;
	sim_link(n.from, SIM_UP, &pipe);
	for (unsigned i = 1; i <= 10; i++) {
		mt_time sent = i <= 5 ? i * MT_MS : 5 * MT_MS + (i - 5) * 5 * MT_MS;

		while (net_recv(&n, n.to) == 0)
			assert_true(sim_step(n.sim, MT_NEVER));
		if (i > 2) /* those before have arrived already */
			assert_int_equal(sim_now(n.sim) - start, sent + 3 * MT_MS);
	}
	net_send(&n); /* the queue is empty again */
	mt_time again = sim_now(n.sim);

	assert_true(sim_step(n.sim, MT_NEVER));
	assert_int_equal(sim_now(n.sim) - again, 8 * MT_MS);
	sim_destroy(n.sim);
}

static void a_link_goes_down_and_up(void **state)
{
	struct sim_pipe pipe = {.down = true};
	struct net n;

	(void)state;
	net_init(&n);
	sim_link(n.from, SIM_UP, &pipe);
	net_packet(&n, 4, 100, 0);
	net_send(&n);
	pipe.down = false;
	sim_link(n.from, SIM_UP, &pipe);
	net_send(&n);
	sim_run_for(n.sim, MT_MS);
	assert_int_equal(net_recv(&n, n.to), 114);
	assert_int_equal(net_recv(&n, n.to), 0);
	assert_int_equal(sim_link_stats(n.from, SIM_UP)->lost, 1);
	sim_destroy(n.sim);
}

/* ---- trunks ---- */

/* Two senders share one trunk: their frames leave it one after the other. A neighbour of theirs is
 * not on it. */
static void trunk_is_shared(void **state)
{
	struct sim_pipe slow = {.rate_bps = 8000000};
	struct net n;

	(void)state;
	net_init(&n);
	struct sim_node *second = sim_wire(n.sim), *near = sim_wire(n.sim);

	assert_int_equal(sim_add_switch(n.sim), 1);
	assert_int_equal(sim_add_switch(n.sim), 2);
	sim_place(n.to, 2);
	sim_trunk(n.sim, 1, SIM_UP, &slow);
	net_packet(&n, 4, 986, 0);
	mt_time start = sim_now(n.sim);

	net_send(&n);
	sim_wire_send(second, n.frame, n.len);
	sim_run_until(n.sim, start + MT_MS);
	assert_int_equal(net_recv(&n, n.to), 1000);
	assert_int_equal(net_recv(&n, n.to), 0);
	sim_run_until(n.sim, start + 2 * MT_MS);
	assert_int_equal(net_recv(&n, n.to), 1000);
	assert_int_equal(sim_trunk_stats(n.sim, 1, SIM_UP)->frames, 2);
	struct eth_addr mac = sim_mac(near);

	memcpy(n.frame, mac.b, 6);
	net_send(&n);
	sim_run_for(n.sim, 0);
	assert_int_equal(net_recv(&n, near), 1000);
	assert_int_equal(sim_trunk_stats(n.sim, 0, SIM_UP)->frames, 2);
	sim_destroy(n.sim);
}

static void broadcast_reaches_each_once(void **state)
{
	struct sim_node *node[6];
	struct net n;

	(void)state;
	net_init(&n);
	sim_add_switch(n.sim);
	sim_add_switch(n.sim);
	for (unsigned i = 0; i < 6; i++) {
		node[i] = sim_wire(n.sim);
		sim_place(node[i], i / 2);
	}
	net_packet(&n, 4, 100, 0);
	memset(n.frame, 0xff, 6);
	for (unsigned from = 0; from < 6; from++) {
		sim_wire_send(node[from], n.frame, n.len);
		sim_run_for(n.sim, MT_MS);
		for (unsigned i = 0; i < 6; i++) {
			assert_int_equal(net_recv(&n, node[i]), i == from ? 0 : n.len);
			assert_int_equal(net_recv(&n, node[i]), 0);
		}
	}
	while (net_recv(&n, n.from) > 0 || net_recv(&n, n.to) > 0)
		;
	sim_destroy(n.sim);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_queue_marks_capable_packets),
		cmocka_unit_test(marking_mends_no_checksum),
		cmocka_unit_test(losses_come_in_bursts),
		cmocka_unit_test(black_hole_is_silent),
		cmocka_unit_test(too_big_v4_is_told),
		cmocka_unit_test(too_big_v6_is_told),
		cmocka_unit_test(an_answer_too_big_is_not_answered),
		cmocka_unit_test(a_new_rate_serves_the_queue),
		cmocka_unit_test(a_link_goes_down_and_up),
		cmocka_unit_test(trunk_is_shared),
		cmocka_unit_test(broadcast_reaches_each_once),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
