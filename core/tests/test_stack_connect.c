// SPDX-License-Identifier: BSD-3-Clause
/* Active opens: which source address, port and first sequence number. */
#include <errno.h>

#include "test_stack_raw.h"
#include "base/hash.h"
#include "base/rng.h"
#include "seed.h"

#define PEER 0x0a000002u

static uint64_t seed;

static struct stack_core *open_core(struct net *n, struct stack_config *cfg, uint32_t n_addrs)
{
	struct stack_addr addrs[8];

	for (uint32_t i = 0; i < n_addrs; i++)
		addrs[i] = (struct stack_addr){ip_from_v4(0x0a000001u + (i ? 10 + i : 0)), 16};
	cfg->addrs = addrs;
	cfg->n_addrs = (uint16_t)n_addrs;
	cfg->seed = seed;
	net_open(&n->a, cfg, 1);
	return n->a.sc;
}

static int64_t to_peer(struct net *n, uint16_t port)
{
	struct ip_endpoint remote = endpoint(PEER, port);

	return stack_connect(n->a.sc, NULL, &remote, n->now);
}

static struct ip_endpoint local_of(const struct stack_core *sc, int64_t id)
{
	struct ip_endpoint local, remote;

	assert_true(id >= 0);
	stack_names(sc, (uint32_t)id, &local, &remote);
	return local;
}

/* Every port chosen brings the answers back to this queue, as the device would compute it. */
static void test_rss(void **state)
{
	static struct toeplitz t;
	struct stack_config cfg = net_config();

	(void)state;
	toeplitz_init(&t, rss_default_key);
	cfg.n_queues = 7;
	for (cfg.queue = 0; cfg.queue < 7; cfg.queue++) {
		struct net *n = net_new();
		struct stack_core *sc;

		n->a.nic.rss_known = true;
		n->a.nic.n_queues = 7;
		n->a.nic.reta_len = cfg.queue % 2 ? 128 : 0;
		memcpy(n->a.nic.rss_key, rss_default_key, sizeof(rss_default_key));
		sc = open_core(n, &cfg, 3);
		for (unsigned i = 0; i < 200; i++) {
			struct ip_endpoint l = local_of(sc, to_peer(n, 80));
			uint8_t in[12] = {10, 0, 0, 2, 0, 0, 0, 0, 0, 80};

			memcpy(in + 4, l.addr.b + 12, 4);
			in[10] = (uint8_t)(l.port >> 8);
			in[11] = (uint8_t)l.port;
			assert_int_equal(nic_rx_queue(&n->a.nic, toeplitz_hash(&t, in, 12)),
					 cfg.queue);
		}
		net_free(n);
	}
}

/* 2 addresses x 100 ports are 200 connections, all different; then none, until one goes. */
static void test_exhaustion(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	struct stack_core *sc;
	bool used[2][100] = {{false}};
	int64_t id[200], again;

	(void)state;
	cfg.port_min = 40000;
	cfg.port_max = 40099;
	sc = open_core(n, &cfg, 2);
	for (int i = 0; i < 200; i++) {
		struct ip_endpoint l;
		bool *u;

		id[i] = to_peer(n, 80);
		l = local_of(sc, id[i]);
		assert_in_range(l.port, 40000, 40099);
		u = &used[ip_to_v4(&l.addr) != 0x0a000001u][l.port - 40000];
		assert_false(*u);
		*u = true;
	}
	assert_int_equal(to_peer(n, 80), -EADDRNOTAVAIL);
	assert_int_equal(to_peer(n, 80), -EADDRNOTAVAIL);
	assert_int_equal(stack_stats(sc)->no_port, 2);
	assert_true(to_peer(n, 81) >= 0); /* another remote: the same ports serve */
	stack_abort(sc, (uint32_t)id[77], n->now);
	again = to_peer(n, 80);
	assert_int_equal(again, id[77]);
	assert_int_equal(to_peer(n, 80), -EADDRNOTAVAIL);
	net_free(n);
}

/* Of a range whose size has many divisors, whichever port is the last free one is found. */
static void test_last_port(void **state)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint local = endpoint(0x0a000001u, 0), remote = endpoint(PEER, 80);
	struct net *n = net_new();
	struct stack_core *sc;
	int64_t id[120];
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	cfg.port_min = 40000;
	cfg.port_max = 40119;
	sc = open_core(n, &cfg, 1);
	for (int i = 0; i < 120; i++) {
		id[i] = stack_connect(sc, &local, &remote, n->now);
		assert_true(id[i] >= 0);
	}
	for (int i = 0; i < 100; i++) {
		uint32_t k = rng_below(&r, 120);

		assert_int_equal(stack_connect(sc, &local, &remote, n->now), -EADDRNOTAVAIL);
		stack_abort(sc, (uint32_t)id[k], n->now);
		id[k] = stack_connect(sc, &local, &remote, n->now);
		assert_true(id[k] >= 0);
	}
	net_free(n);
}

/* More connections to one server port than one address has ports. */
static void fault_15_more_than_64k_connections(void **state)
{
	const uint32_t most = 70000;
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	uint32_t by_addr[2] = {0};
	struct stack_core *sc;

	(void)state;
	cfg.n_conns = most;
	cfg.n_time_wait = 0;
	sc = open_core(n, &cfg, 2);
	for (uint32_t i = 0; i < most; i++) {
		struct ip_endpoint l = local_of(sc, to_peer(n, 80));

		by_addr[ip_to_v4(&l.addr) != 0x0a000001u]++;
	}
	assert_int_equal(by_addr[0], most / 2);
	assert_int_equal(to_peer(n, 80), -ENOBUFS);
	net_free(n);
}

static void test_errors(void **state)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint remote = endpoint(PEER, 80), local = endpoint(0x0a000063u, 0);
	struct ip_endpoint far = endpoint(0x08080808u, 80), self = endpoint(0x0a000001u, 80);
	struct net *n = net_new();
	struct stack_core *sc = open_core(n, &cfg, 1);
	int64_t id;

	(void)state;
	assert_int_equal(stack_connect(sc, &local, &remote, n->now), -EADDRNOTAVAIL);
	assert_int_equal(stack_connect(sc, NULL, &far, n->now), -ENETUNREACH);
	assert_int_equal(stack_connect(sc, NULL, &self, n->now), -ENETUNREACH);
	remote.port = 0;
	assert_int_equal(stack_connect(sc, NULL, &remote, n->now), -EADDRNOTAVAIL);
	remote = endpoint(0, 80);
	assert_int_equal(stack_connect(sc, NULL, &remote, n->now), -ENETUNREACH);
	remote = endpoint(0xe0000001u, 80);
	assert_int_equal(stack_connect(sc, NULL, &remote, n->now), -ENETUNREACH);
	remote = endpoint(PEER, 80);
	local = endpoint(0, 500);
	id = stack_connect(sc, &local, &remote, n->now);
	assert_int_equal(local_of(sc, id).port, 500);
	assert_int_equal(stack_connect(sc, &local, &remote, n->now), -EADDRINUSE);
	assert_true(stack_connect(sc, NULL, &remote, n->now) >= 0); /* the others are free */
	net_free(n);
}

/* That all ports of the range are taken says nothing of one outside it that is asked for. */
static void test_bound_port_beside_a_full_range(void **state)
{
	struct ip_endpoint remote = endpoint(PEER, 80), local = endpoint(0, 500);
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	struct stack_core *sc;

	(void)state;
	cfg.port_min = cfg.port_max = 40000;
	sc = open_core(n, &cfg, 1);
	assert_true(to_peer(n, 80) >= 0);
	assert_int_equal(to_peer(n, 80), -EADDRNOTAVAIL);
	assert_true(stack_connect(sc, &local, &remote, n->now) >= 0);
	net_free(n);
}

static void test_sources(void **state)
{
	/* 0/8, 127/8, groups, reserved ones, and the end of all */
	static const uint32_t none[] = {0x00000001u, 0x00fffffeu, 0x7effffffu, 0x7f000001u,
					0xdfffffffu, 0xe0000001u, 0xf0000001u, 0xffffffffu};
	struct ip_endpoint local = endpoint(0, 0), remote = endpoint(PEER, 80);
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	struct stack_core *sc = open_core(n, &cfg, 1);
	struct ip_addr base = ip_from_v4(0x0a000101u);
	uint32_t seen = 0;

	(void)state;
	assert_int_equal(stack_set_sources(sc, &base, 0), -EINVAL);
	assert_int_equal(stack_set_sources(sc, &base, 257), -EINVAL);
	assert_int_equal(stack_set_sources(sc, &base, 8), 0);
	assert_int_equal(stack_set_sources(sc, &base, 8), 0);
	for (int i = 0; i < 16; i++) {
		struct ip_endpoint l = local_of(sc, to_peer(n, 80));

		assert_in_range(ip_to_v4(&l.addr), 0x0a000101u, 0x0a000108u);
		seen |= 1u << (ip_to_v4(&l.addr) - 0x0a000101u);
	}
	assert_int_equal(seen, 0xff);
	assert_int_equal(stack_set_sources(sc, &base, 256), -ENOBUFS);
	local.addr = ip_from_v4(0x0a000109u); /* what is refused leaves nothing behind */
	assert_int_equal(stack_connect(sc, &local, &remote, n->now), -EADDRNOTAVAIL);
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		base = ip_from_v4(none[i]);
		assert_int_equal(stack_set_sources(sc, &base, 2), -EINVAL);
	}
	base = ip_from_v4(0x0a000102u);
	assert_int_equal(stack_set_sources(sc, &base, 255), -ENOBUFS);
	assert_int_equal(stack_set_sources(sc, &base, 254), 0);
	net_free(n);
}

/* Ports do not follow each other, and another seed gives others. */
static void test_random_ports(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = net_new();
	struct stack_core *sc = open_core(n, &cfg, 1);
	uint16_t last = 0;
	int near = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		uint16_t p = local_of(sc, to_peer(n, 80)).port;

		near += abs(p - last) < 100;
		last = p;
	}
	assert_true(near < 10);
	net_free(n);
}

static void close_both(struct net *n, int64_t lid, int64_t id)
{
	int64_t sid;

	net_turns(n, 10);
	sid = stack_accept(n->b.sc, (uint32_t)lid);
	assert_true(sid >= 0);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	net_turns(n, 3);
	stack_close(n->b.sc, (uint32_t)sid, n->now);
	net_turns(n, 3);
}

/* One port only: in TIME-WAIT it can be taken again when the timestamp clock has moved, with a
 * higher sequence number; the server end accepts it. */
static void time_wait_reuse(bool timestamps)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint server = endpoint(PEER, 80), local = endpoint(0, 999);
	struct stack_usage u;
	struct net *n;
	int64_t lid, id;

	cfg.time_wait_ms = 60000;
	cfg.port_min = cfg.port_max = 999;
	cfg.tcp.timestamps = timestamps;
	n = net_pair(&cfg, &cfg);
	lid = net_listen(n, 80, 4);
	id = stack_connect(n->a.sc, NULL, &server, n->now);
	close_both(n, lid, id);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 1);
	n->now += 30 * MT_MS;
	id = stack_connect(n->a.sc, NULL, &server, n->now);
	assert_int_equal(id >= 0, timestamps);
	if (id < 0) {
		assert_int_equal(stack_connect(n->a.sc, &local, &server, n->now), -EADDRINUSE);
		net_free(n);
		return;
	}
	assert_int_equal(stack_stats(n->a.sc)->time_wait_reused, 1);
	close_both(n, lid, id);
	assert_int_equal(stack_stats(n->a.sc)->retransmits, 0);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 1);
	assert_int_equal(u.conns, 0);
	net_free(n);
}

static tcp_seq last_syn, last_end;

static bool watch(const uint8_t *frame, uint16_t len)
{
	struct ip_hdr ip;
	struct tcp_seg s;
	uint16_t sport, dport;

	if (ipv4_parse(frame + ETH_HLEN, len - (size_t)ETH_HLEN, 0, &ip) != WIRE_OK ||
	    tcp_parse(&ip, 0, &sport, &dport, &s) != WIRE_OK)
		return false;
	if (s.flags & TCPF_SYN)
		last_syn = s.seq;
	last_end = seq_add(s.seq, seg_len(&s));
	return false;
}

/* More bytes were sent than the 4 us clock has ticked: the next incarnation still begins beyond
 * them. */
/* More bytes than the 4 us clock has ticked; who sent them closes first. The end of its sequence
 * numbers, two milliseconds ago. */
static tcp_seq send_and_close(struct net *n, struct stack_core *from, int64_t id,
			      struct stack_core *to, int64_t peer)
{
	static uint8_t data[100000];

	assert_int_equal(stack_send(from, (uint32_t)id, data, sizeof(data), n->now), sizeof(data));
	net_turns(n, 100);
	assert_int_equal(stack_recv(to, (uint32_t)peer, data, sizeof(data), n->now), sizeof(data));
	stack_close(from, (uint32_t)id, n->now);
	net_turns(n, 4);
	stack_close(to, (uint32_t)peer, n->now);
	net_turns(n, 4);
	n->now += 2 * MT_MS;
	return last_end;
}

static void test_reused_iss(void **state)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint server = endpoint(PEER, 80);
	int64_t lid, id, sid;
	tcp_seq end;
	struct net *n;

	(void)state;
	cfg.time_wait_ms = 60000;
	cfg.port_min = cfg.port_max = 999;
	n = net_pair(&cfg, &cfg);
	n->a.lose = watch;
	lid = net_listen(n, 80, 4);
	id = stack_connect(n->a.sc, NULL, &server, n->now);
	net_turns(n, 10);
	sid = stack_accept(n->b.sc, (uint32_t)lid);
	end = send_and_close(n, n->a.sc, id, n->b.sc, sid);
	id = stack_connect(n->a.sc, NULL, &server, n->now);
	assert_true(id >= 0);
	net_turn(n);
	assert_true(seq_gt(last_syn, end));
	net_free(n);
}

static void test_time_wait_reuse(void **state)
{
	(void)state;
	time_wait_reuse(true);
	time_wait_reuse(false);
}

/* The server closed first: its TIME-WAIT record gives way to the client's new SYN (RFC 6191). */
static void test_syn_in_time_wait(void **state)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint server = endpoint(PEER, 80);
	int64_t lid, id, sid;
	struct net *n;

	(void)state;
	cfg.port_min = cfg.port_max = 999;
	n = net_new();
	net_open(&n->a, &cfg, 1);
	cfg.time_wait_ms = 60000;
	net_open(&n->b, &cfg, 2);
	lid = net_listen(n, 80, 4);
	for (int i = 0; i < 3; i++) {
		id = stack_connect(n->a.sc, NULL, &server, n->now);
		net_turns(n, 10);
		sid = stack_accept(n->b.sc, (uint32_t)lid);
		assert_true(sid >= 0);
		stack_close(n->b.sc, (uint32_t)sid, n->now);
		net_turns(n, 3);
		stack_close(n->a.sc, (uint32_t)id, n->now);
		net_turns(n, 4);
		n->now += 20 * MT_MS;
	}
	assert_int_equal(stack_stats(n->b.sc)->time_wait, 3);
	assert_int_equal(stack_stats(n->b.sc)->time_wait_reused, 2);
	net_free(n);
}

/* The server sent more bytes than the 4 us clock has ticked, and closed first. */
static void reused_iss_of_a_listener(bool timestamps, int cookies)
{
	struct stack_config cfg = net_config();
	int64_t lid, id, sid;
	tcp_seq end;
	struct net *n;

	cfg.tcp.timestamps = timestamps;
	cfg.syn_cookies = (uint8_t)cookies;
	cfg.port_min = cfg.port_max = 999;
	n = net_new();
	net_open(&n->a, &cfg, 1);
	cfg.time_wait_ms = 60000;
	net_open(&n->b, &cfg, 2);
	n->b.lose = watch;
	lid = net_listen(n, 80, 4);
	id = net_connect(n, 80);
	net_turns(n, 10);
	sid = stack_accept(n->b.sc, (uint32_t)lid);
	end = send_and_close(n, n->b.sc, sid, n->a.sc, id);
	id = net_connect(n, 80);
	net_turns(n, 2);
	assert_int_equal(stack_stats(n->b.sc)->time_wait_reused, 1);
	assert_true(seq_gt(last_syn, end));
	assert_true(seq_lt(last_syn, seq_add(end, 1u << 20)));
	net_turns(n, 10);
	assert_true(stack_accept(n->b.sc, (uint32_t)lid) >= 0);
	net_free(n);
}

static void test_reused_iss_of_a_listener(void **state)
{
	(void)state;
	reused_iss_of_a_listener(true, SYN_COOKIES_ON);
	reused_iss_of_a_listener(false, SYN_COOKIES_ON);
	reused_iss_of_a_listener(false, SYN_COOKIES_ALWAYS);
}

/* A SYN for which there is no room ends no TIME-WAIT. */
static void test_syn_in_time_wait_without_room(void **state)
{
	struct stack_config cfg = net_config();
	struct ip_endpoint any = endpoint(0, 999);
	struct tcp_seg syn = {.flags = TCPF_SYN, .opts = TCPO_TS, .ts_val = 0x7fffffff};
	struct stack_usage u;
	int64_t lid, id, sid;
	struct net *n;

	(void)state;
	cfg.time_wait_ms = 60000;
	cfg.port_min = cfg.port_max = 999;
	cfg.n_half_open = 1;
	cfg.syn_cookies = SYN_COOKIES_OFF;
	n = net_pair(&cfg, &cfg);
	lid = net_listen(n, 80, 4);
	id = net_connect(n, 80);
	net_turns(n, 10);
	sid = stack_accept(n->b.sc, (uint32_t)lid);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	net_turns(n, 4);
	stack_close(n->b.sc, (uint32_t)sid, n->now);
	net_turns(n, 4);
	stack_core_fini(n->b.sc);
	free(n->b.mem);
	n->b.sc = NULL;
	assert_true(stack_listen(n->a.sc, &any, 4, n->now) >= 0);
	for (uint16_t port = 81; port >= 80; port--) { /* 81 takes the only half-open record */
		raw_tcp(n, PEER, port, 999, &syn);
		net_turn(n);
	}
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.half_open, 1);
	assert_int_equal(u.time_wait, 1);
	assert_int_equal(stack_stats(n->a.sc)->syn_overflow, 1);
	assert_int_equal(stack_stats(n->a.sc)->time_wait_reused, 0);
	net_free(n);
}

/* A forged SYN, later than the connection, ends the record only where somebody listens. */
static void test_forged_syn_in_time_wait(void **state)
{
	struct stack_config cfg = net_config();
	struct tcp_seg syn = {.flags = TCPF_SYN, .opts = TCPO_TS | TCPO_MSS, .mss = 1460};
	struct stack_usage u;
	struct raw_frame r;
	int64_t lid, id, sid;
	struct net *n;

	(void)state;
	cfg.time_wait_ms = 60000;
	cfg.port_min = cfg.port_max = 999;
	n = net_pair(&cfg, &cfg);
	lid = net_listen(n, 80, 4);
	id = net_connect(n, 80);
	net_turns(n, 10);
	sid = stack_accept(n->b.sc, (uint32_t)lid);
	stack_close(n->a.sc, (uint32_t)id, n->now);
	net_turns(n, 4);
	stack_close(n->b.sc, (uint32_t)sid, n->now);
	net_turns(n, 4);
	stack_core_fini(n->b.sc);
	free(n->b.mem);
	n->b.sc = NULL;
	raw_skip(n);
	syn.ts_val = 0x7fffffff;
	for (uint32_t k = 0; k < 8; k++) {
		syn.seq = seq_of(k << 29);
		syn.ts_val += k << 29;
		raw_tcp(n, PEER, 80, 999, &syn);
		raw_tcp(n, PEER, 80, 999, &syn);
		net_turn(n);
		assert_true(raw_get_tcp(n, &r)); /* as any other SYN is answered (RFC 5961 4, 7) */
		assert_int_equal(r.tcp.flags, TCPF_ACK);
		assert_false(raw_get_tcp(n, &r));
		n->now += 600 * MT_MS;
	}
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 1);
	assert_int_equal(stack_stats(n->a.sc)->time_wait_reused, 0);
	n->now += 60 * MT_SEC - 8 * 600 * MT_MS; /* nor do they prolong the wait */
	net_run_ms(n, 3);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 0);
	net_free(n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rss),
		cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(fault_15_more_than_64k_connections),
		cmocka_unit_test(test_last_port),
		cmocka_unit_test(test_reused_iss),
		cmocka_unit_test(test_reused_iss_of_a_listener),
		cmocka_unit_test(test_syn_in_time_wait_without_room),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bound_port_beside_a_full_range),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_random_ports),
		cmocka_unit_test(test_time_wait_reuse),
		cmocka_unit_test(test_syn_in_time_wait),
		cmocka_unit_test(test_forged_syn_in_time_wait),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, net_explain);
}
