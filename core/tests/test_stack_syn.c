// SPDX-License-Identifier: BSD-3-Clause
/* Half-open connections as records: RFC 9293 3.10.7.4 in SYN-RECEIVED, RFC 5961, SYN/ACKs sent
 * again, the bounds of both queues. */
#include <errno.h>

#include "test_stack_syn.h"

static void test_retransmitted(void **state)
{
	static const unsigned after_s[] = {1, 2, 4, 8, 16, 32};
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS);
	struct raw_frame r;

	(void)state;
	assert_int_equal(usage(t.sc).conns, 0);
	for (unsigned i = 0; i < 6; i++) {
		syn_wait(&t, after_s[i] * MT_SEC - 20 * MT_MS);
		assert_int_equal(raw_skip(t.n), 0);
		syn_wait(&t, 20 * MT_MS);
		assert_true(raw_get_tcp(t.n, &r));
		assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
		assert_int_equal(r.tcp.seq.v + 1, ack.ack.v);
	}
	assert_int_equal(stack_stats(t.sc)->retransmits, 6);
	syn_wait(&t, 64 * MT_SEC - 20 * MT_MS);
	assert_int_equal(usage(t.sc).half_open, 1);
	syn_wait(&t, 20 * MT_MS);
	assert_int_equal(raw_skip(t.n), 0);
	assert_int_equal(stack_stats(t.sc)->timeouts, 1);
	assert_all_back(t.sc);
	net_free(t.n);
}

/* When the next call is due: with the SYN/ACK's timer, and never once nothing is half-open. */
static void test_deadline(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS), rst = {.flags = TCPF_RST};
	mt_time sent = t.n->now, at = stack_poll(t.sc, t.n->now);
	struct raw_frame r;

	(void)state;
	assert_true(at > sent + 990 * MT_MS && at <= sent + MT_SEC);
	rst.seq = ack.seq;
	assert_false(syn_put(&t, 5000, &rst, &r));
	assert_true(stack_poll(t.sc, t.n->now) > sent + 10 * MT_SEC);
	net_free(t.n);
}

/* A device without frames does not lose a SYN/ACK: it leaves when there are some. */
static void test_waits_for_frames(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 300);
	struct raw_frame r;
	unsigned n = 0;

	(void)state;
	t.n->a.bufs_left = 0;
	for (uint16_t i = 0; i < 200; i++)
		raw_syn(t.n, SYN_PEER, (uint16_t)(5000 + i), 80);
	net_turns(t.n, 5);
	assert_int_equal(raw_skip(t.n), 0);
	assert_int_equal(usage(t.sc).half_open, 200);
	t.n->a.bufs_left = UINT32_MAX;
	net_turns(t.n, 3);
	while (raw_get_tcp(t.n, &r))
		assert_int_equal(r.dport, 5000 + n++);
	assert_int_equal(n, 200);
	net_free(t.n);
}

static void test_syn_again(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS | TCPO_TS);
	struct tcp_seg syn = syn_seg(TCPO_MSS | TCPO_TS);
	struct raw_frame r;

	(void)state;
	syn.ts_val = 5600;
	syn_wait(&t, 600 * MT_MS);
	assert_true(syn_put(&t, 5000, &syn, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(r.tcp.seq.v + 1, ack.ack.v);
	assert_int_equal(r.tcp.ts_ecr,
			 5600); /* of the copy: a round trip without the peer's wait */
	assert_false(syn_put(&t, 5000, &syn, &r)); /* not at any rate */
	assert_int_equal(usage(t.sc).half_open, 1);
	syn_wait(&t, 390 * MT_MS); /* the timer goes on as if nothing had been */
	syn_wait(&t, 20 * MT_MS);
	assert_true(raw_get_tcp(t.n, &r));
	net_free(t.n);
}

static void test_bad_ack(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS), bad = ack;
	struct raw_frame r;

	(void)state;
	for (int i = -1; i <= 1; i += 2) {
		bad.ack = seq_add(ack.ack, (uint32_t)i);
		assert_true(syn_put(&t, 5000, &bad, &r));
		assert_int_equal(r.tcp.flags, TCPF_RST);
		assert_int_equal(r.tcp.seq.v, bad.ack.v);
	}
	assert_int_equal(usage(t.sc).half_open, 1);
	assert_int_equal(stack_stats(t.sc)->drop_ack, 2);
	assert_false(syn_put(&t, 5000, &ack, &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	net_free(t.n);
}

/* RFC 5961 3.2 in SYN-RECEIVED. */
static void test_reset(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS), rst = {.flags = TCPF_RST};
	struct raw_frame r;

	(void)state;
	rst.seq = seq_of(ISN);
	assert_false(syn_put(&t, 5000, &rst, &r));
	rst.seq = seq_of(ISN + 1 + 65535);
	assert_false(syn_put(&t, 5000, &rst, &r));
	rst.seq = seq_of(ISN + 2);
	assert_true(syn_put(&t, 5000, &rst, &r));
	assert_int_equal(r.tcp.flags, TCPF_ACK);
	assert_int_equal(r.tcp.seq.v, ack.ack.v);
	assert_int_equal(r.tcp.ack.v, ISN + 1);
	assert_int_equal(stack_stats(t.sc)->drop_rst, 3);
	assert_int_equal(usage(t.sc).half_open, 1);
	rst.seq = seq_of(ISN + 1);
	assert_false(syn_put(&t, 5000, &rst, &r));
	assert_int_equal(stack_stats(t.sc)->resets_received, 1);
	assert_all_back(t.sc);
	assert_true(syn_put(&t, 5000, &ack, &r));
	assert_int_equal(r.tcp.flags, TCPF_RST);
	net_free(t.n);
}

/* Another SYN, in the window or not, and segments out of the window: an ACK, not at any rate. */
static void test_challenges(void **state)
{
	static const struct {
		uint32_t seq;
		uint8_t flags;
		uint16_t len;
	} bad[] = {
		{ISN + 100, TCPF_SYN, 0},	{ISN + 70000, TCPF_SYN, 0},
		{ISN - 50, TCPF_ACK, 10},	{ISN + 1 + 65535, TCPF_ACK, 1},
		{ISN + 1 + 65535, TCPF_ACK, 0}, {ISN, TCPF_ACK, 0},
		{ISN, TCPF_SYN | TCPF_ACK, 0},	{ISN + 100, TCPF_SYN | TCPF_FIN, 0},
	};
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS);
	struct raw_frame r;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tcp_seg s = {
			.seq = seq_of(bad[i].seq),
			.ack = ack.ack,
			.flags = bad[i].flags,
			.len = bad[i].len,
		};

		syn_wait(&t, 600 * MT_MS);
		raw_skip(t.n);
		assert_true(syn_put(&t, 5000, &s, &r));
		assert_int_equal(r.tcp.flags, TCPF_ACK);
		assert_int_equal(r.tcp.ack.v, ISN + 1);
		assert_int_equal(r.tcp.seq.v, ack.ack.v);
		assert_false(syn_put(&t, 5000, &s, &r));
	}
	assert_int_equal(usage(t.sc).half_open, 1);
	assert_int_equal(stack_stats(t.sc)->challenge_acks, 8);
	ack.flags = TCPF_PSH; /* neither SYN nor ACK nor RST */
	assert_false(syn_put(&t, 5000, &ack, &r));
	net_free(t.n);
}

/* RFC 7323 3.2: once negotiated, in each segment. */
static void test_challenge_has_a_timestamp(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg bad = syn_half(&t, 5000, TCPO_MSS | TCPO_TS);
	struct raw_frame r;

	(void)state;
	bad.seq = seq_add(bad.seq, 70000);
	bad.len = 1;
	assert_true(syn_put(&t, 5000, &bad, &r));
	assert_int_equal(r.tcp.flags, TCPF_ACK);
	assert_int_equal(r.tcp.opts, TCPO_TS);
	assert_int_equal(r.tcp.ts_val, bad.ts_ecr);
	assert_int_equal(r.tcp.ts_ecr, bad.ts_val - 1); /* the SYN's */
	net_free(t.n);
}

static void test_paws(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS | TCPO_TS), old = ack;
	struct raw_frame r;

	(void)state;
	old.ts_val = 4999;
	syn_wait(&t, 600 * MT_MS);
	assert_true(syn_put(&t, 5000, &old, &r));
	assert_int_equal(r.tcp.flags, TCPF_ACK);
	old.opts = 0;
	assert_false(syn_put(&t, 5000, &old, &r));
	assert_int_equal(stack_stats(t.sc)->drop_paws, 2);
	assert_false(syn_put(&t, 5000, &ack, &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	net_free(t.n);
}

/* A stranger's timestamp, outside the window: TS.Recent stays (RFC 7323 5.3 R3), or the peer's own
 * ACK would be too old. */
static void test_forged_timestamp(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS | TCPO_TS), forged = ack;
	struct raw_frame r;

	(void)state;
	forged.seq = seq_of(ISN - 100000);
	forged.ts_val += 1000000;
	syn_put(&t, 5000, &forged, &r);
	assert_int_equal(stack_stats(t.sc)->drop_seq, 1);
	assert_false(syn_put(&t, 5000, &ack, &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	net_free(t.n);
}

/* Data and FIN on the last ACK belong to the new connection. */
static void test_data_on_ack(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS);
	struct raw_frame r;
	char buf[200];
	int64_t id;

	(void)state;
	ack.len = 100;
	ack.flags |= TCPF_FIN;
	assert_false(syn_put(&t, 5000, &ack, &r)); /* its ACK waits for the answer */
	assert_int_equal(stack_stats(t.sc)->rx_segs, 2);
	id = stack_accept(t.sc, t.lid);
	assert_true(id >= 0);
	assert_int_equal(stack_state(t.sc, (uint32_t)id), TCPS_CLOSE_WAIT);
	assert_int_equal(stack_recv(t.sc, (uint32_t)id, buf, 200, t.n->now), 100);
	assert_int_equal(stack_recv(t.sc, (uint32_t)id, buf, 200, t.n->now), 0);
	assert_int_equal(stack_send(t.sc, (uint32_t)id, buf, 10, t.n->now), 10);
	net_turns(t.n, 3);
	assert_true(raw_get_tcp(t.n, &r));
	assert_int_equal(r.tcp.len, 10);
	assert_int_equal(r.tcp.seq.v, ack.ack.v);
	assert_int_equal(r.tcp.ack.v, ISN + 102);
	net_free(t.n);
}

/* The ACK and the first segment are lost: the second one opens the connection, its data waits. */
static void test_later_data_opens(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS), late = ack;
	struct raw_frame r;
	int64_t id;

	(void)state;
	late.seq = seq_add(ack.seq, 100);
	late.len = 50;
	syn_put(&t, 5000, &late, &r);
	assert_int_equal(r.tcp.ack.v, ISN + 1);
	id = stack_accept(t.sc, t.lid);
	assert_true(id >= 0);
	assert_int_equal(stack_readable(t.sc, (uint32_t)id), 0);
	ack.len = 100;
	syn_put(&t, 5000, &ack, &r);
	assert_int_equal(stack_readable(t.sc, (uint32_t)id), 150);
	net_free(t.n);
}

/* A closed port between: the record does not stand in the way of who comes after. */
static void test_new_client_same_port(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS), syn = syn_seg(TCPO_MSS), rst;
	struct raw_frame r;

	(void)state;
	(void)ack;
	syn.seq = seq_of(ISN + 1000000);
	assert_true(syn_put(&t, 5000, &syn, &r));
	assert_int_equal(r.tcp.flags, TCPF_ACK);
	rst = (struct tcp_seg){.flags = TCPF_RST,
			       .seq = r.tcp.ack}; /* as a client in SYN-SENT answers it */
	assert_false(syn_put(&t, 5000, &rst, &r));
	assert_true(syn_put(&t, 5000, &syn, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	net_free(t.n);
}

/* RFC 6528: a 4 us clock per flow, apart by a keyed hash. RFC 7323 7.1: timestamps likewise. */
static void test_isn(void **state)
{
	struct stack_config cfg = net_config();
	struct tcp_seg first[16], again, syn = syn_seg(TCPO_MSS | TCPO_TS);
	struct syn_net t = syn_open(&cfg, 4);
	struct raw_frame r;

	(void)state;
	for (uint16_t i = 0; i < 16; i++) {
		struct tcp_seg rst = {.flags = TCPF_RST, .seq = seq_of(ISN + 1)};

		first[i] = syn_half(&t, (uint16_t)(5000 + i), TCPO_MSS | TCPO_TS);
		assert_false(syn_put(&t, (uint16_t)(5000 + i), &rst, &r));
	}
	for (unsigned i = 1; i < 16; i++) {
		assert_true(first[i].ack.v - first[i - 1].ack.v > 1000);
		assert_true(first[i].ts_ecr - first[i - 1].ts_ecr > 1000);
	}
	syn_wait(&t, 10 * MT_SEC);
	assert_true(syn_put(&t, 5000, &syn, &r));
	again = syn_ack_of(&r.tcp);
	assert_in_range(again.ack.v - first[0].ack.v, 2500000, 2500200);
	assert_in_range(again.ts_ecr - first[0].ts_ecr, 10000, 10001);
	net_free(t.n);
	cfg.seed++;
	t = syn_open(&cfg, 4);
	again = syn_half(&t, 5000, TCPO_MSS | TCPO_TS);
	assert_true(again.ack.v - first[0].ack.v > 1000);
	net_free(t.n);
}

/* Without cookies the oldest forgeries give way, once a second old. */
static void fault_06_the_oldest_forgery_gives_way(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t;
	struct raw_frame r;

	(void)state;
	cfg.n_half_open = 50;
	cfg.syn_cookies = SYN_COOKIES_OFF;
	t = syn_open(&cfg, 4);
	for (uint16_t i = 0; i < 200; i++)
		raw_syn(t.n, SYN_PEER, (uint16_t)(5000 + i), 80);
	net_turns(t.n, 10);
	assert_int_equal(usage(t.sc).half_open, 50);
	assert_int_equal(stack_stats(t.sc)->syn_overflow, 150);
	raw_skip(t.n);
	t.n->now += MT_SEC;
	for (uint16_t i = 0; i < 3; i++) {
		struct tcp_seg ack = syn_half(&t, (uint16_t)(9000 + i), TCPO_MSS);

		raw_skip(t.n);
		assert_false(syn_put(&t, (uint16_t)(9000 + i), &ack, &r));
		assert_true(stack_accept(t.sc, t.lid) >= 0);
	}
	for (int s = 0; s < 130; s++) {
		syn_wait(&t, MT_SEC);
		raw_skip(t.n);
	}
	assert_int_equal(usage(t.sc).half_open, 0);
	net_free(t.n);
}

static void fault_07_passive_mss_has_a_floor(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct tcp_seg syn = syn_seg(TCPO_MSS), ack;
	struct raw_frame r;
	int64_t id;

	(void)state;
	syn.mss = 1;
	assert_true(syn_put(&t, 5000, &syn, &r));
	ack = syn_ack_of(&r.tcp);
	assert_false(syn_put(&t, 5000, &ack, &r));
	id = stack_accept(t.sc, t.lid);
	assert_int_equal(stack_send(t.sc, (uint32_t)id, (char[200]){0}, 200, t.n->now), 200);
	net_turn(t.n);
	assert_true(raw_get_tcp(t.n, &r));
	assert_int_equal(r.tcp.len, 64);
	net_free(t.n);
}

static void fault_07_passive_options_only_if_offered(void **state)
{
	static const uint8_t offers[] = {TCPO_MSS, TCPO_MSS | TCPO_TS, TCPO_MSS | TCPO_WSCALE,
					 TCPO_MSS | TCPO_SACK_PERM};
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 4);
	struct raw_frame r;

	(void)state;
	for (uint16_t i = 0; i < 4; i++) {
		struct tcp_seg syn = syn_seg(offers[i]), ack;
		uint16_t port = (uint16_t)(5000 + i);
		int64_t id;

		assert_true(syn_put(&t, port, &syn, &r));
		assert_int_equal(r.tcp.opts, offers[i]);
		ack = syn_ack_of(&r.tcp);
		assert_false(syn_put(&t, port, &ack, &r));
		id = stack_accept(t.sc, t.lid);
		assert_int_equal(stack_send(t.sc, (uint32_t)id, "a", 1, t.n->now), 1);
		net_turn(t.n);
		assert_true(raw_get_tcp(t.n, &r));
		assert_int_equal(r.tcp.opts, offers[i] & TCPO_TS);
	}
	net_free(t.n);
}

/* The accept queue is bounded; beyond it the last ACK is lost, the handshake is not. */
static void fault_17_accept_queue_recovers(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 2);
	struct tcp_seg ack[4], syn = syn_seg(TCPO_MSS);
	struct raw_frame r;

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		ack[i] = syn_half(&t, (uint16_t)(5000 + i), TCPO_MSS);
	for (uint16_t i = 0; i < 4; i++)
		assert_false(syn_put(&t, (uint16_t)(5000 + i), &ack[i], &r));
	assert_int_equal(usage(t.sc).conns, 2);
	assert_int_equal(usage(t.sc).half_open, 2);
	assert_int_equal(stack_stats(t.sc)->accept_overflow, 2);
	assert_false(syn_put(&t, 6000, &syn, &r)); /* no promise that could not be kept */
	assert_int_equal(stack_stats(t.sc)->accept_overflow, 3);
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	assert_int_equal(stack_accept(t.sc, t.lid), -EAGAIN);
	ack[2].len =
		10; /* one peer sends its request again, the other one hears the SYN/ACK again */
	assert_false(syn_put(&t, 5002, &ack[2], &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	syn_wait(&t, MT_SEC);
	assert_true(raw_get_tcp(t.n, &r));
	assert_true(r.tcp.flags == (TCPF_SYN | TCPF_ACK) && r.dport == 5003);
	net_turns(t.n, 3);
	raw_skip(t.n);
	assert_false(syn_put(&t, 5003, &ack[3], &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	assert_int_equal(usage(t.sc).half_open, 0);
	net_free(t.n);
}

/* Closing a listener resets what is half-open and what waits to be accepted; a last ACK that comes
 * later meets nobody, and another listener's half-open connections stay. */
static void fault_12_listener_closed(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t = syn_open(&cfg, 8);
	struct ip_endpoint other = endpoint(0, 81);
	struct tcp_seg ack[3], syn = syn_seg(TCPO_MSS);
	struct raw_frame r;
	unsigned n_rst = 0;

	(void)state;
	stack_listen(t.sc, &other, 8, t.n->now);
	for (uint16_t i = 0; i < 3; i++)
		ack[i] = syn_half(&t, (uint16_t)(5000 + i), TCPO_MSS);
	raw_syn(t.n, SYN_PEER, 7000, 81);
	assert_false(syn_put(&t, 5000, &ack[0], &r) && r.sport == 80);
	stack_listen_close(t.sc, t.lid, t.n->now);
	net_turn(t.n);
	while (raw_get_tcp(t.n, &r)) {
		assert_true(r.tcp.flags & TCPF_RST);
		assert_int_equal(r.tcp.seq.v, ack[r.dport - 5000].ack.v);
		n_rst++;
	}
	assert_int_equal(n_rst, 3);
	assert_int_equal(usage(t.sc).half_open, 1);
	assert_int_equal(usage(t.sc).conns, 0);
	assert_true(syn_put(&t, 5001, &ack[1], &r));
	assert_int_equal(r.tcp.flags, TCPF_RST);
	assert_true(syn_put(&t, 6000, &syn, &r)); /* nobody listens */
	assert_int_equal(r.tcp.flags, TCPF_RST | TCPF_ACK);
	syn_wait(&t, MT_SEC);
	assert_true(raw_get_tcp(t.n, &r));
	assert_int_equal(r.sport, 81);
	assert_false(raw_get_tcp(t.n, &r));
	other.port = 80;
	t.lid = (uint32_t)stack_listen(t.sc, &other, 8, t.n->now);
	ack[0] = syn_half(&t, 6001, TCPO_MSS);
	assert_false(syn_put(&t, 6001, &ack[0], &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	net_free(t.n);
}

/* However often its last ACK comes, a connection is accepted once. */
static void fault_12_accepted_once(void **state)
{
	struct stack_config cfg = net_config();
	struct syn_net t;
	struct raw_frame r;

	(void)state;
	for (uint8_t cookies = SYN_COOKIES_ON; cookies <= SYN_COOKIES_ALWAYS; cookies++) {
		cfg.syn_cookies = cookies;
		t = syn_open(&cfg, 8);
		struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS);

		for (int i = 0; i < 4; i++)
			raw_tcp(t.n, SYN_PEER, 5000, 80, &ack);
		net_turn(t.n);
		assert_false(raw_get_tcp(t.n, &r));
		assert_true(stack_accept(t.sc, t.lid) >= 0);
		assert_int_equal(stack_accept(t.sc, t.lid), -EAGAIN);
		assert_false(syn_put(&t, 5000, &ack, &r));
		assert_int_equal(stack_accept(t.sc, t.lid), -EAGAIN);
		assert_int_equal(stack_stats(t.sc)->accepts, 1);
		net_free(t.n);
	}
}

/* TCP_MAXSEG and SO_RCVBUF of a listener: from the SYN/ACK on, whether a record or a cookie. */
static void test_listeners_options(void **state)
{
	static const uint32_t rcvbuf[] = {20000, 1u << 20};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct stack_config cfg = net_config();
		uint32_t bytes = rcvbuf[i / 2], id;
		struct tcp_seg ack, syn = syn_seg(TCPO_MSS | TCPO_TS | TCPO_WSCALE);
		unsigned scale = bytes < 65535 ? 0 : 5;
		char buf[2000] = {0};
		struct raw_frame r;
		struct syn_net t;

		cfg.syn_cookies = i % 2 ? SYN_COOKIES_ALWAYS : SYN_COOKIES_OFF;
		t = syn_open(&cfg, 4);
		stack_listen_rcvbuf(t.sc, t.lid, bytes);
		stack_listen_mss(t.sc, t.lid, 1000);
		assert_true(syn_put(&t, 5000, &syn, &r));
		assert_int_equal(r.tcp.mss, 1000);
		assert_int_equal(r.tcp.wnd, bytes < 65535 ? bytes : 65535);
		assert_int_equal(r.tcp.wscale, scale);
		if (i % 2 == 0) /* a record has the scale that was announced */
			stack_listen_rcvbuf(t.sc, t.lid, 4 * bytes);
		ack = syn_ack_of(&r.tcp);
		assert_false(syn_put(&t, 5000, &ack, &r));
		id = (uint32_t)stack_accept(t.sc, t.lid);
		assert_int_equal(stack_get_option(t.sc, id, TCP_OPT_RCVBUF),
				 i % 2 ? bytes : 4 * bytes);
		assert_int_equal(stack_send(t.sc, id, buf, sizeof(buf), t.n->now), sizeof(buf));
		net_turn(t.n);
		assert_true(raw_get_tcp(t.n, &r));
		assert_int_equal(r.tcp.len, (i % 2 ? 536 : 1000) - 12); /* a cookie's sizes */
		assert_int_equal(r.tcp.wnd, i % 2 ? bytes >> scale : 65535);
		net_free(t.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retransmitted),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_waits_for_frames),
		cmocka_unit_test(test_syn_again),
		cmocka_unit_test(test_bad_ack),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_challenge_has_a_timestamp),
		cmocka_unit_test(test_paws),
		cmocka_unit_test(test_forged_timestamp),
		cmocka_unit_test(test_data_on_ack),
		cmocka_unit_test(test_later_data_opens),
		cmocka_unit_test(test_new_client_same_port),
		cmocka_unit_test(test_isn),
		cmocka_unit_test(fault_06_the_oldest_forgery_gives_way),
		cmocka_unit_test(fault_07_passive_mss_has_a_floor),
		cmocka_unit_test(fault_07_passive_options_only_if_offered),
		cmocka_unit_test(fault_17_accept_queue_recovers),
		cmocka_unit_test(fault_12_listener_closed),
		cmocka_unit_test(fault_12_accepted_once),
		cmocka_unit_test(test_listeners_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
