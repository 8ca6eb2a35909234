// SPDX-License-Identifier: BSD-3-Clause
/* Neighbours, devices and strangers that misbehave; one connection's trouble is nobody else's. */
#include <errno.h>

#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

/* A neighbour that never answers ARP (fault 3): those who want it learn so; the others do not
 * notice. */
static void silent_neighbour(void **state)
{
	struct stream_plan client = {.tx_bytes = 64,
				     .rx_bytes = 64,
				     .end = STREAM_CLOSE,
				     .total = 1000,
				     .concurrency = 10};
	struct stream_plan server = {
		.tx_bytes = 64, .rx_bytes = 64, .answer = true, .end = STREAM_WAIT};
	struct ip_endpoint silent = {.addr = ip_from_v4(0x0a000063), .port = 80};
	struct pair p;
	uint32_t ids[20];

	(void)state;
	pair_init(&p, seed);
	p.cfg.n_time_wait = 2000;
	pair_start(&p, &client, &server);
	for (unsigned i = 0; i < 20; i++) {
		int64_t id = stack_connect(sim_core(p.client, 0), NULL, &silent, sim_now(p.sim));

		assert_true(id >= 0);
		ids[i] = (uint32_t)id;
		stack_set_cookie(sim_core(p.client, 0), ids[i], 0);
	}
	mt_time took = pair_run(&p, 10 * MT_SEC);

	assert_int_equal(p.cl.n_done, 1000);
	assert_true(took < 3 * MT_SEC); /* 100 rounds of 20 ms: they were not held up */
	sim_set_app(p.client, NULL, NULL);
	sim_run_for(p.sim, 10 * MT_SEC);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(stack_take_error(sim_core(p.client, 0), ids[i]), EHOSTUNREACH);
		stack_close(sim_core(p.client, 0), ids[i], sim_now(p.sim));
	}
	pair_end(&p);
}

/* One host does not read (fault 3): the server's other connections get all the link. */
static void closed_window_stops_nobody(void **state)
{
	struct stream_plan reader = {.rx_bytes = 2000000, .total = 4, .concurrency = 4};
	struct stream_plan sleeper = {
		.rx_bytes = 2000000, .total = 4, .concurrency = 4, .read_every = 1000 * MT_SEC};
	struct stream_plan server = {.tx_bytes = 2000000};
	struct stack_addr third = {ip_from_v4(0x0a000003), 24};
	struct stream_app sl;
	struct pair p;

	(void)state;
	pair_init(&p, seed);
	p.up.rate_bps = 100000000;
	pair_start(&p, &reader, &server);
	p.cfg.addrs = &third;
	struct sim_host_config hc = {.stack = &p.cfg};
	struct sim_node *n = sim_host(p.sim, &hc);

	sleeper.remote = pair_remote();
	stream_connect(&sl, n, &sleeper);
	mt_time start = sim_now(p.sim);

	while (!stream_finished(&p.cl))
		assert_true(sim_step(p.sim, start + 60 * MT_SEC));
	assert_int_equal(p.cl.n_done, 4);
	assert_true(sim_now(p.sim) - start < 1500 * MT_MS); /* 8 MB at 100 Mbit/s are 0.64 s */
	assert_int_equal(sl.n_done, 0);
	assert_true(sl.received > 0);
	stream_free(&sl);
	stream_free(&p.cl);
	stream_free(&p.sv);
	sim_destroy(p.sim);
}

/* A device that takes nothing for a while, takes little, or has few buffers (fault 16). */
static void devices_that_stop(void **state)
{
	struct stream_plan client = {
		.tx_bytes = 300000, .rx_bytes = 300000, .total = 8, .concurrency = 8};
	struct stream_plan server = {.tx_bytes = 300000, .rx_bytes = 300000};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct pair p;

		pair_init(&p, seed + i);
		p.know_macs = true;
		pair_hosts(&p);
		client.remote = pair_remote();
		stream_serve(&p.sv, p.server, &server, SERVER_PORT, 64);
		stream_connect(&p.cl, p.client, &client);
		if (i == 1)
			sim_limit_tx(p.server, 1);
		if (i == 2)
			sim_limit_bufs(p.server, 3);
		sim_run_for(p.sim, 50 * MT_MS);
		if (i == 0) {
			uint64_t turns = pair_stats(p.server)->turns,
				 tx = pair_stats(p.server)->tx_packets;

			sim_limit_tx(p.server, 0);
			sim_run_for(p.sim, 100 * MT_MS);
			assert_int_equal(pair_stats(p.server)->tx_packets, tx);
			assert_true(pair_stats(p.server)->tx_full > 0);
			assert_true(pair_stats(p.server)->turns > turns);
			sim_limit_tx(p.server, UINT16_MAX);
		}
		pair_run(&p, 60 * MT_SEC);
		assert_int_equal(p.cl.n_done, 8);
		assert_int_equal(p.sv.n_done, 8);
		assert_true(i == 2 ? pair_stats(p.server)->tx_no_buffer > 0
				   : pair_stats(p.server)->tx_full > 0);
		pair_end(&p);
	}
}

/* ---- strangers ---- */

static struct tcp_seg syn_of(struct rng *g)
{
	return (struct tcp_seg){.seq = seq_of((uint32_t)rng_next(g)),
				.flags = TCPF_SYN,
				.wnd = 65535,
				.opts = TCPO_MSS,
				.mss = 1460};
}

/* 12,000 SYNs: from 240 addresses on the link, or, far, from anywhere behind the router. */
static void flood(struct pair *p, struct sim_node *bad, const struct ip_addr *router, bool far)
{
	for (unsigned k = 0; k < 12000; k++) {
		uint32_t from =
			(far ? 0x0b000000u : 0x0a000000u) | (3 + rng_below(sim_rng(p->sim), 240));
		struct flow f = {.local = ip_from_v4(far ? from + (k << 8) : from),
				 .remote = ip_from_v4(SERVER_V4),
				 .lport = (uint16_t)(1024 + k),
				 .rport = SERVER_PORT};
		struct tcp_seg s = syn_of(sim_rng(p->sim));

		sim_wire_send_tcp(bad, sim_mac(p->server), &f, &s, NULL);
		if (k % 64)
			continue;
		sim_run_for(p->sim, MT_MS);
		sim_wire_answer_arp(bad, router, 1);
		while (sim_wire_recv(bad, (uint8_t[2048]){0}, 2048) > 0)
			;
	}
}

/* Twelve thousand SYNs from spoofed addresses, on the link and from behind the router. */
static void fault_06_syn_flood(void **state)
{
	struct stream_plan client = {
		.tx_bytes = 64, .rx_bytes = 64, .end = STREAM_CLOSE, .total = 20};
	struct stream_plan server = {
		.tx_bytes = 64, .rx_bytes = 64, .answer = true, .end = STREAM_WAIT};
	struct ip_addr router = ip_from_v4(0x0a0000fe);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct stack_route route = {.net = ip_from_v4(0), .prefix = 0, .gateway = router};
		struct stack_usage u;
		struct pair p;

		pair_init(&p, seed + i);
		p.know_macs = true;
		p.cfg.n_conns = 1000;
		p.cfg.n_half_open = 1024;
		p.cfg.routes = &route;
		p.cfg.n_routes = 1;
		pair_hosts(&p);
		struct sim_node *bad = sim_wire(p.sim);

		client.remote = pair_remote();
		stream_serve(&p.sv, p.server, &server, SERVER_PORT, 128);
		flood(&p, bad, &router, i);
		stack_usage(sim_core(p.server, 0), &u);
		assert_int_equal(u.conns, 0);
		assert_int_equal(u.half_open, 1024);
		assert_true(u.neighs <= 16);
		stream_connect(&p.cl, p.client, &client);
		mt_time took = pair_run(&p, 100 * MT_SEC);

		print_message("after the flood: %.2f s\n", (double)took / 1e9);
		assert_int_equal(p.cl.n_done, 20);
		assert_true(took < MT_SEC);
		assert_true(pair_stats(p.server)->syn_cookies_ok > 0);
		pair_end(&p);
	}
}

static size_t echo_frame(uint8_t *frame, const struct eth_addr *to, const struct eth_addr *from,
			 uint16_t len, const uint8_t *data)
{
	struct icmp_msg m = {.type = ICMP_ECHO_REQUEST, .id = 7, .sequence = 9, .payload_len = len};
	struct eth_hdr eth = {.dst = *to, .src = *from, .type = ETH_IPV4};
	struct ip_hdr ip = {.src = ip_from_v4(0x0a000009),
			    .dst = ip_from_v4(SERVER_V4),
			    .proto = IP_ICMP,
			    .ttl = 64};

	m.payload = data;
	size_t n = icmp_build(frame + ETH_HLEN + IPV4_HLEN, &m);

	ip.payload_len = (uint16_t)n;
	ipv4_build(frame + ETH_HLEN, &ip);
	eth_build(frame, &eth);
	return ETH_HLEN + IPV4_HLEN + n;
}

static void ping(void **state)
{
	static const uint16_t lens[] = {0, 1, 17, 18, 19, 56, 1471, 1472};
	uint8_t data[1472], frame[2048];
	struct pair p;

	(void)state;
	pair_init(&p, seed);
	pair_hosts(&p);
	struct sim_node *w = sim_wire(p.sim);
	struct eth_addr to = sim_mac(p.server), from = sim_mac(w);
	struct ip_addr me = ip_from_v4(0x0a000009);

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rng_next(sim_rng(p.sim));
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct ip_hdr ip;
		struct icmp_msg m;

		sim_wire_send(w, frame, echo_frame(frame, &to, &from, lens[i], data));
		sim_run_for(p.sim, 20 * MT_MS);
		sim_wire_answer_arp(w, &me, 1);
		sim_run_for(p.sim, 20 * MT_MS);
		size_t len = sim_wire_recv(w, frame, sizeof(frame));

		while (len > 0 && frame[13] == 0x06) /* the hosts' own ARP */
			len = sim_wire_recv(w, frame, sizeof(frame));
		assert_true(len > 0);
		assert_int_equal(ipv4_parse(frame + ETH_HLEN, len - ETH_HLEN, 0, &ip), WIRE_OK);
		assert_int_equal(icmp_parse(ip.payload, ip.payload_len, &m), WIRE_OK);
		assert_int_equal(m.type, ICMP_ECHO_REPLY);
		assert_true(m.id == 7 && m.sequence == 9);
		assert_int_equal(m.payload_len, lens[i]);
		assert_memory_equal(m.payload, data, lens[i]);
	}
	size_t len = echo_frame(frame, &to, &from, 56, data);

	frame[len - 1] ^= 1;
	sim_wire_send(w, frame, len);
	sim_run_for(p.sim, 20 * MT_MS);
	assert_int_equal(sim_wire_recv(w, frame, sizeof(frame)), 0);
	pair_end(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_neighbour),
		cmocka_unit_test(closed_window_stops_nobody),
		cmocka_unit_test(devices_that_stop),
		cmocka_unit_test(fault_06_syn_flood),
		cmocka_unit_test(ping),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
