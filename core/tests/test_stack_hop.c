// SPDX-License-Identifier: BSD-3-Clause
/* The next hop of connections that are served one after the other. */
#include "test_stack_raw.h"

#define PEER 0x0a000002u

/* Opens one to the i-th of three stations; the usual segment of it may follow. */
static uint32_t to_station(struct net *n, uint32_t i)
{
	struct ip_endpoint remote = endpoint(PEER + i % 3, 80);
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
			    .seq = seq_of(1),
			    .wnd = 60000,
			    .opts = TCPO_MSS | TCPO_TS,
			    .mss = 1000,
			    .ts_val = 1};
	int64_t id = stack_connect(n->a.sc, NULL, &remote, n->now);
	struct raw_frame r;

	assert_true(id >= 0);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	s.ack = seq_add(r.tcp.seq, 1);
	s.ts_ecr = r.tcp.ts_val;
	raw_tcp(n, PEER + i % 3, 80, r.sport, &s);
	net_turns(n, 2);
	raw_skip(n);
	return (uint32_t)id;
}

/* Of connections to three stations that take turns on a list, each frame goes to its own. */
static void test_stations_take_turns(void **state)
{
	struct stack_neigh_entry peers[3];
	struct stack_config cfg = net_config();
	unsigned n_frames = 0;
	struct raw_frame r;
	uint32_t id[12];
	struct net *n;

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		peers[i] = (struct stack_neigh_entry){ip_from_v4(PEER + i), {{2, 0, 0, 0, 1, i}}};
	cfg.neighs = peers;
	cfg.n_neighs = 3;
	n = raw_net(&cfg);
	net_turn(n);
	for (uint32_t i = 0; i < 12; i++)
		id[i] = to_station(n, i);
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(stack_send(n->a.sc, id[i], "hello", 5, n->now), 5);
	net_turn(n);
	while (raw_get_tcp(n, &r)) {
		assert_int_equal(r.tcp.len, 5);
		assert_int_equal(r.tcp.opts, TCPO_TS);
		assert_int_equal(r.eth.dst.b[4], 1);
		assert_int_equal(ip_to_v4(&r.ip.dst), PEER + n_frames % 3);
		assert_int_equal(r.eth.dst.b[5], n_frames % 3);
		n_frames++;
	}
	assert_int_equal(n_frames, 12);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stations_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, net_explain);
}
