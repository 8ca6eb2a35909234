// SPDX-License-Identifier: BSD-3-Clause
/* The transmit lists: full devices, no buffers, priority, fairness, and a cost that does not grow
 * with what waits. */
#include <errno.h>

#include "test_stack_raw.h"

#define PEER 0x0a000002u

static struct net *open_static(struct stack_config *cfg)
{
	struct stack_neigh_entry peer = {ip_from_v4(PEER), raw_mac};
	struct net *n;

	cfg->neighs = &peer;
	cfg->n_neighs = 1;
	n = raw_net(cfg);
	net_turn(n);
	raw_skip(n);
	return n;
}

static int64_t to_peer(struct net *n)
{
	struct ip_endpoint remote = endpoint(PEER, 80);

	return stack_connect(n->a.sc, NULL, &remote, n->now);
}

static size_t pkts_held(const struct net *n)
{
	struct stack_usage u;

	stack_usage(n->a.sc, &u);
	return u.pkts_held;
}

/* Completes the handshake that the stack began; the window offered is wnd. */
static void answer_syn(struct net *n, uint16_t wnd)
{
	struct raw_frame r;
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
			    .seq = seq_of(1),
			    .wnd = wnd,
			    .opts = TCPO_MSS,
			    .mss = 1000};

	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN);
	s.ack = seq_add(r.tcp.seq, 1);
	raw_tcp(n, PEER, 80, r.sport, &s);
	net_turns(n, 2);
	raw_skip(n);
}

/* Fault 16: the device takes nothing for a while, then seven frames a turn. Nothing spins, piles
 * up, is lost or sent twice. */
static void fault_16_full_device(void **state)
{
	struct stack_config cfg = net_config();
	bool seen[65536] = {false};
	struct raw_frame r;
	struct net *n;
	unsigned got = 0;

	(void)state;
	cfg.tx_batch = 32;
	n = open_static(&cfg);
	for (int i = 0; i < 100; i++)
		assert_true(to_peer(n) >= 0);
	n->a.tx_room = 0;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(stack_poll(n->a.sc, n->now), n->now);
		assert_in_range(pkts_held(n), 1, 32);
	}
	assert_int_equal(stack_stats(n->a.sc)->tx_full, 5);
	for (int i = 0; i < 20; i++) {
		n->a.tx_room = 7;
		net_turn(n);
		while (raw_get_tcp(n, &r)) {
			assert_false(seen[r.sport]);
			seen[r.sport] = true;
			got++;
		}
	}
	assert_int_equal(got, 100);
	assert_int_equal(stack_stats(n->a.sc)->retransmits, 0);
	assert_int_equal(pkts_held(n), 0);
	net_free(n);
}

/* Connects while nothing leaves: within 200 s each attempt has ended with this error. */
static void attempts_end(struct net *n, int error)
{
	int64_t id[200];

	for (unsigned i = 0; i < 200; i++) {
		id[i] = to_peer(n);
		assert_true(id[i] >= 0);
	}
	for (unsigned i = 0; i < 20000; i++) {
		stack_poll(n->a.sc, n->now);
		n->now += 10 * MT_MS;
	}
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(stack_take_error(n->a.sc, (uint32_t)id[i]), error);
}

/* Fault 16: the device takes nothing any more, as a ring whose reader was killed. Whoever waits for
 * it still ends by its own timers. */
static void fault_16_dead_device(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = open_static(&cfg);
	uint32_t id = (uint32_t)to_peer(n);

	(void)state;
	answer_syn(n, 60000);
	assert_int_equal(
		stack_set_option(n->a.sc, id, TCP_OPT_USER_TIMEOUT_MS, 30000, n->now), 0);
	n->a.tx_room = 0;
	assert_int_equal(stack_send(n->a.sc, id, "x", 1, n->now), 1);
	attempts_end(n, ETIMEDOUT);
	assert_int_equal(stack_take_error(n->a.sc, id), ETIMEDOUT);
	net_free(n);
}

/* The same of one that has no more frames to give, whether the neighbour is known or asked for. */
static void test_dead_device_without_buffers(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = raw_net(&cfg);

	(void)state;
	n->a.bufs_left = 0;
	attempts_end(n, EHOSTUNREACH);
	net_free(n);
	n = open_static(&cfg);
	n->a.bufs_left = 0;
	attempts_end(n, ETIMEDOUT);
	net_free(n);
}

/* A pause of less than a second loses nothing. */
static void test_pausing_device(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n;

	(void)state;
	cfg.tx_batch = 32;
	n = open_static(&cfg);
	for (unsigned i = 0; i < 100; i++)
		assert_true(to_peer(n) >= 0);
	n->a.tx_room = 0;
	for (unsigned i = 0; i < 90; i++) {
		stack_poll(n->a.sc, n->now);
		n->now += 10 * MT_MS;
	}
	n->a.tx_room = UINT32_MAX;
	net_turns(n, 10);
	assert_int_equal(raw_skip(n), 100);
	assert_int_equal(stack_stats(n->a.sc)->rto_fired, 0);
	net_free(n);
}

static void test_no_buffers(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = open_static(&cfg);
	uint64_t before;

	(void)state;
	for (int i = 0; i < 50; i++)
		to_peer(n);
	n->a.bufs_left = 0;
	before = stack_stats(n->a.sc)->tx_no_buffer;
	assert_int_equal(stack_poll(n->a.sc, n->now), n->now);
	assert_true(stack_stats(n->a.sc)->tx_no_buffer > before);
	assert_int_equal(raw_skip(n), 0);
	n->a.bufs_left = 20;
	net_turns(n, 3);
	assert_int_equal(raw_skip(n), 20);
	n->a.bufs_left = UINT32_MAX;
	net_turns(n, 3);
	assert_int_equal(raw_skip(n), 30);
	net_free(n);
}

/* No turn sends more than tx_batch frames. */
static void test_batch(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n;

	(void)state;
	cfg.tx_batch = 16;
	n = open_static(&cfg);
	for (int i = 0; i < 40; i++)
		to_peer(n);
	net_turn(n);
	assert_int_equal(raw_skip(n), 16);
	net_turn(n);
	assert_int_equal(raw_skip(n), 16);
	net_turn(n);
	assert_int_equal(raw_skip(n), 8);
	net_free(n);
}

/* Two bulk senders and a small one share each turn; one that its window stops, stops nobody (fault
 * 3). */
static void fault_03_closed_window_stops_nobody(void **state)
{
	static uint8_t data[50000];
	struct stack_config cfg = net_config();
	unsigned by[3] = {0};
	struct raw_frame r;
	uint16_t port[3];
	struct net *n;
	int64_t id[4];

	(void)state;
	cfg.tx_batch = 20;
	n = open_static(&cfg);
	for (int i = 0; i < 4; i++) {
		struct ip_endpoint l, remote;

		id[i] = to_peer(n);
		answer_syn(n, i == 3 ? 0 : 60000);
		stack_names(n->a.sc, (uint32_t)id[i], &l, &remote);
		if (i < 3)
			port[i] = l.port;
	}
	assert_true(stack_send(n->a.sc, (uint32_t)id[3], data, 1000, n->now) > 0);
	assert_true(stack_send(n->a.sc, (uint32_t)id[0], data, sizeof(data), n->now) > 0);
	assert_true(stack_send(n->a.sc, (uint32_t)id[1], data, sizeof(data), n->now) > 0);
	assert_true(stack_send(n->a.sc, (uint32_t)id[2], data, 100, n->now) > 0);
	net_turn(n);
	while (raw_get_tcp(n, &r)) {
		for (int i = 0; i < 3; i++)
			by[i] += r.sport == port[i];
	}
	assert_int_equal(by[0] + by[1] + by[2], 20);
	assert_int_equal(by[2], 1);
	assert_true(by[0] >= 8 && by[1] >= 8);
	net_free(n);
}

/* Control before data, or, without priority, in the order of arrival. */
static void order(bool priority)
{
	static uint8_t data[9000];
	struct stack_config cfg = net_config();
	struct raw_frame r;
	struct net *n;
	int64_t id;

	cfg.ack_data_fin_priority = priority;
	n = open_static(&cfg);
	id = to_peer(n);
	answer_syn(n, 60000);
	stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now);
	to_peer(n);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	assert_int_equal(r.tcp.flags & TCPF_SYN, priority ? TCPF_SYN : 0);
	net_free(n);
}

static void test_priority(void **state)
{
	(void)state;
	order(true);
	order(false);
}

/* SYNs and data that left in n turns. */
static void count_turns(struct net *n, unsigned turns, unsigned *syns, unsigned *segs)
{
	struct raw_frame r;

	*syns = *segs = 0;
	for (unsigned i = 0; i < turns; i++) {
		n->a.tx_room = turns == 1 ? UINT16_MAX : 1;
		net_turn(n);
		while (raw_get_tcp(n, &r)) {
			*syns += (r.tcp.flags & TCPF_SYN) != 0;
			*segs += r.tcp.len != 0;
		}
	}
}

/* A device that takes less than waits, 16 frames a turn or one: opens do not starve data, nor data
 * opens. */
static void test_shares(void **state)
{
	static uint8_t data[60000];
	struct stack_config cfg = net_config();
	unsigned syns, segs;
	struct net *n;
	int64_t id;

	(void)state;
	cfg.tx_batch = 16;
	cfg.tcp.init_cwnd = 60;
	n = open_static(&cfg);
	id = to_peer(n);
	answer_syn(n, 60000);
	for (int i = 0; i < 200; i++)
		to_peer(n);
	assert_true(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now) > 0);
	count_turns(n, 1, &syns, &segs);
	assert_in_range(syns, 2, 8);
	assert_in_range(segs, 8, 14);
	count_turns(n, 40, &syns, &segs);
	assert_in_range(syns, 4, 36);
	assert_in_range(segs, 4, 36);
	net_free(n);
}

/* Connections looked at in 100 turns that send 32 SYNs each, while `waiting` wait for their turn.
 */
static uint64_t visits(uint32_t waiting)
{
	struct stack_config cfg = net_config();
	struct net *n;
	uint64_t seen;

	cfg.n_conns = waiting + 3200;
	cfg.n_time_wait = 0;
	cfg.tx_batch = 32;
	n = open_static(&cfg);
	for (uint32_t i = 0; i < cfg.n_conns; i++)
		assert_true(to_peer(n) >= 0);
	seen = stack_stats(n->a.sc)->tx_visits;
	for (int i = 0; i < 100; i++) {
		stack_tx(n->a.sc, n->now);
		assert_int_equal(raw_skip(n), 32);
	}
	seen = stack_stats(n->a.sc)->tx_visits - seen;
	net_free(n);
	return seen;
}

/* A thousand or forty thousand waiting connections, the same work: one look per segment. */
static void fault_04_cost_of_what_is_sent(void **state)
{
	(void)state;
	assert_int_equal(visits(1000), 3200);
	assert_int_equal(visits(40000), 3200);
}

/* Connections looked at in 40 turns in which one sends, beside `n_blocked` whose peers have closed
 * their windows before all was sent. */
static uint64_t visits_beside(uint32_t n_blocked)
{
	struct stack_config cfg = net_config();
	struct net *n;
	uint64_t seen;
	int64_t id;

	cfg.n_conns = n_blocked + 1;
	cfg.tcp.init_cwnd = 60;
	n = open_static(&cfg);
	for (uint32_t i = 0; i < n_blocked; i++) {
		id = to_peer(n);
		answer_syn(n, 0);
		assert_int_equal(stack_send(n->a.sc, (uint32_t)id, "blocked", 7, n->now), 7);
	}
	id = to_peer(n);
	answer_syn(n, 60000);
	stack_set_option(n->a.sc, (uint32_t)id, TCP_OPT_NODELAY, 1, n->now);
	stack_tx(n->a.sc, n->now);
	raw_skip(n);
	seen = stack_stats(n->a.sc)->tx_visits;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(stack_send(n->a.sc, (uint32_t)id, "x", 1, n->now), 1);
		stack_tx(n->a.sc, n->now);
		assert_int_equal(raw_skip(n), 1);
	}
	seen = stack_stats(n->a.sc)->tx_visits - seen;
	net_free(n);
	return seen;
}

/* Nobody waits for a window that is another's, and what is blocked costs a turn nothing. */
static void test_blocked_cost_nothing(void **state)
{
	(void)state;
	assert_int_equal(visits_beside(1), 40);
	assert_int_equal(visits_beside(1000), 40);
}

static uint32_t ready_of(struct net *n, uint64_t cookie)
{
	struct stack_event ev;
	uint32_t ready = 0;

	while (stack_events(n->a.sc, &ev, 1))
		ready |= ev.cookie == cookie ? ev.ready : 0;
	return ready;
}

/* Buffer memory used up: a write is refused and not reported as possible, until some is free. */
static void test_starved_writer(void **state)
{
	static uint8_t data[1 << 16];
	struct stack_config cfg = net_config();
	struct stack_event ev[4];
	struct net *n;
	int64_t id[3];
	ssize_t got;

	(void)state;
	cfg.buf_bytes = 64 << 10;
	n = open_static(&cfg);
	for (int i = 0; i < 3; i++) {
		id[i] = to_peer(n);
		answer_syn(n, 0);
	}
	while (stack_events(n->a.sc, ev, 4))
		;
	got = stack_send(n->a.sc, (uint32_t)id[0], data, sizeof(data), n->now);
	assert_int_equal(got, sizeof(data));
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id[1], data, 10, n->now), -EAGAIN);
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id[2], data, 10, n->now), -EAGAIN);
	assert_int_equal(stack_ready(n->a.sc, (uint32_t)id[1]) & STACK_OUT, 0);
	assert_int_equal(stack_stats(n->a.sc)->no_memory, 2);
	stack_close(n->a.sc, (uint32_t)id[2], n->now);
	net_turns(n, 3);
	assert_false(stack_has_events(n->a.sc));
	stack_abort(n->a.sc, (uint32_t)id[0], n->now);
	net_turns(n, 3);
	assert_int_equal(stack_events(n->a.sc, ev, 4), 1);
	assert_int_equal(ev[0].id, id[1]);
	assert_true(ev[0].ready & STACK_OUT);
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id[1], data, 10, n->now), 10);
	net_free(n);
}

/* However many wait for memory that one frees. */
static void test_all_starved_writers_are_told(void **state)
{
	static uint8_t data[1 << 16];
	struct stack_config cfg = net_config();
	struct stack_event ev[8];
	unsigned told = 0, got;
	struct net *n;
	uint32_t id[7];

	(void)state;
	cfg.buf_bytes = 64 << 10;
	n = open_static(&cfg);
	for (int i = 0; i < 7; i++) {
		id[i] = (uint32_t)to_peer(n);
		answer_syn(n, 0);
	}
	while (stack_events(n->a.sc, ev, 8))
		;
	assert_int_equal(stack_send(n->a.sc, id[0], data, sizeof(data), n->now), sizeof(data));
	for (int i = 1; i < 7; i++)
		assert_int_equal(stack_send(n->a.sc, id[i], data, 10, n->now), -EAGAIN);
	net_turns(n, 3);
	stack_abort(n->a.sc, id[0], n->now);
	for (int i = 0; i < 9 && stack_poll(n->a.sc, n->now) == n->now; i++)
		n->now += 10 * MT_US;
	while ((got = stack_events(n->a.sc, ev, 8)) > 0) {
		for (unsigned i = 0; i < got; i++)
			told += (ev[i].ready & STACK_OUT) != 0;
	}
	assert_int_equal(told, 6);
	net_free(n);
}

/* A write cut short by scarce memory: who takes that for a full buffer (epoll(7)) hears of the room
 * that its own bytes leave. */
static void test_short_write(void **state)
{
	static uint8_t data[1 << 16];
	struct tcp_seg s = {.flags = TCPF_ACK, .seq = seq_of(2), .wnd = 60000};
	struct stack_config cfg = net_config();
	struct ip_endpoint local, remote;
	struct stack_event ev[4];
	struct raw_frame r;
	struct net *n;
	uint32_t id[3];

	(void)state;
	cfg.buf_bytes = 128 << 10;
	n = open_static(&cfg);
	for (int i = 0; i < 3; i++) {
		id[i] = (uint32_t)to_peer(n);
		answer_syn(n, i == 1 ? 60000 : 0);
	}
	while (stack_events(n->a.sc, ev, 4))
		;
	assert_int_equal(stack_send(n->a.sc, id[0], data, 64 << 10, n->now), 64 << 10);
	assert_int_equal(stack_send(n->a.sc, id[2], data, 32 << 10, n->now), 32 << 10);
	assert_int_equal(stack_send(n->a.sc, id[1], data, 64 << 10, n->now), 32 << 10);
	assert_int_equal(stack_send(n->a.sc, id[1], data, 1, n->now), -EAGAIN);
	net_turn(n);
	stack_names(n->a.sc, id[1], &local, &remote);
	do
		assert_true(raw_get_tcp(n, &r));
	while (r.sport != local.port);
	raw_skip(n);
	assert_false(stack_has_events(n->a.sc));
	s.ack = seq_add(r.tcp.seq, (uint32_t)r.tcp.len);
	raw_tcp(n, PEER, 80, r.sport, &s);
	net_turn(n);
	assert_int_equal(stack_events(n->a.sc, ev, 4), 1);
	assert_int_equal(ev[0].id, id[1]);
	assert_int_equal(ev[0].edge, STACK_OUT);
	assert_true(ev[0].ready & STACK_OUT);
	net_free(n);
}

/* The same of one whose application is gone: it is told, and then stands in line to give way. */
static void test_starved_orphan(void **state)
{
	static uint8_t data[1 << 16];
	struct stack_config cfg = net_config();

	(void)state;
	cfg.buf_bytes = 64 << 10;
	cfg.n_conns = 2;
	for (unsigned before = 0; before < 2; before++) {
		struct ip_endpoint to = endpoint(PEER, 80);
		struct net *n = open_static(&cfg);
		uint32_t id[2];

		for (int i = 0; i < 2; i++) {
			id[i] = (uint32_t)to_peer(n);
			answer_syn(n, 0);
		}
		stack_set_cookie(n->a.sc, id[1], 7);
		(void)ready_of(n, 7);
		assert_int_equal(stack_send(n->a.sc, id[0], data, sizeof(data), n->now),
				 sizeof(data));
		if (before)
			stack_orphan(n->a.sc, id[1], n->now);
		assert_int_equal(stack_send(n->a.sc, id[1], data, 10, n->now), -EAGAIN);
		if (!before)
			stack_orphan(n->a.sc, id[1], n->now);
		net_turns(n, 3);
		assert_int_equal(ready_of(n, 7), 0);
		stack_abort(n->a.sc, id[0], n->now);
		net_turns(n, 3);
		assert_int_equal(ready_of(n, 7), STACK_OUT);
		n->now += 11 * MT_SEC;
		net_turn(n);
		assert_true(stack_connect(n->a.sc, NULL, &to, n->now) >= 0);
		assert_int_equal(stack_stats(n->a.sc)->orphans_displaced, 1);
		stack_close(n->a.sc, id[1], n->now);
		net_free(n);
	}
}

/* Room that was reserved may be used, though reserving it has left less memory to grow by. */
static void test_reserved_room_is_kept(void **state)
{
	struct stack_config cfg = net_config();
	struct iovec piece[2];
	struct net *n;
	uint32_t id;
	ssize_t r;

	(void)state;
	cfg.buf_bytes = 32 << 10;
	cfg.tcp.sndbuf = 4096;
	cfg.tcp.sndbuf_max = cfg.tcp.rcvbuf = cfg.tcp.rcvbuf_max = 32 << 10;
	n = open_static(&cfg);
	id = (uint32_t)to_peer(n);
	answer_syn(n, 60000);
	r = stack_zc_room(n->a.sc, id, 1 << 20, piece);
	assert_in_range(r, 8193, 32 << 10);
	assert_int_equal(stack_zc_append(n->a.sc, id, (size_t)r, n->now), 0);
	assert_int_equal(stack_ready(n->a.sc, id) & STACK_OUT, 0); /* and counts as filled */
	net_free(n);
}

/* A full send buffer is reported writable again when a third of it is free, not at every ACK. */
static void test_writable(void **state)
{
	static uint8_t data[30000];
	struct tcp_seg s = {.flags = TCPF_ACK, .seq = seq_of(2), .wnd = 60000};
	struct stack_config cfg = net_config();
	struct stack_event ev[4];
	struct raw_frame r;
	struct net *n;
	uint32_t id;

	(void)state;
	cfg.tcp.sndbuf = 30000;
	cfg.tcp.sndbuf_max = 0;
	n = open_static(&cfg);
	id = (uint32_t)to_peer(n);
	answer_syn(n, 60000);
	while (stack_events(n->a.sc, ev, 4))
		;
	assert_true(stack_ready(n->a.sc, id) & STACK_OUT);
	assert_int_equal(stack_send(n->a.sc, id, data, sizeof(data), n->now), sizeof(data));
	assert_int_equal(stack_ready(n->a.sc, id) & STACK_OUT, 0);
	assert_int_equal(stack_send(n->a.sc, id, data, 1, n->now), -EAGAIN);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	for (uint32_t acked = 1000; acked <= 10000; acked += 1000) {
		assert_false(stack_has_events(n->a.sc));
		s.ack = seq_add(r.tcp.seq, acked);
		raw_tcp(n, PEER, 80, r.sport, &s);
		net_turn(n);
	}
	assert_int_equal(stack_events(n->a.sc, ev, 4), 1);
	assert_int_equal(ev[0].edge, STACK_OUT);
	assert_true(ev[0].ready & STACK_OUT);
	net_free(n);
}

/* Without memory for its payload a segment is as good as lost; the ACK in it counts. */
static void test_starved_reader(void **state)
{
	static uint8_t data[1 << 16];
	struct stack_config cfg = net_config();
	struct tcp_seg s = {.flags = TCPF_ACK, .seq = seq_of(2), .len = 500, .wnd = 60000};
	struct raw_frame r;
	struct net *n;
	int64_t id;

	(void)state;
	cfg.buf_bytes = 64 << 10;
	n = open_static(&cfg);
	id = to_peer(n);
	answer_syn(n, 60000);
	assert_int_equal(stack_send(n->a.sc, (uint32_t)id, data, sizeof(data), n->now), 65536);
	net_turn(n);
	assert_true(raw_get_tcp(n, &r));
	s.ack = r.tcp.seq;
	raw_tcp(n, PEER, 80, r.sport, &s);
	net_turns(n, 2);
	assert_int_equal(stack_readable(n->a.sc, (uint32_t)id), 0);
	assert_int_equal(stack_stats(n->a.sc)->no_memory, 1);
	stack_abort(n->a.sc, (uint32_t)id, n->now);
	net_free(n);
}

/* A second of turns; each segment is answered by a closed window, after `text` bytes. */
static void closed_window(struct net *n, uint32_t text)
{
	struct raw_frame r;

	net_run_ms(n, 2);
	n->now += MT_SEC;
	net_turn(n);
	while (raw_get_tcp(n, &r)) {
		struct tcp_seg s = {.flags = TCPF_ACK, .seq = r.tcp.ack, .len = (uint16_t)text};

		s.ack = r.tcp.seq;
		raw_tcp(n, PEER, 80, r.sport, &s);
	}
	net_turn(n);
}
/* A connection whose owner's name for it is 7. */
static struct net *open_named(struct stack_config *cfg, uint32_t *id)
{
	struct net *n = open_static(cfg);

	*id = (uint32_t)to_peer(n);
	stack_set_cookie(n->a.sc, *id, 7);
	answer_syn(n, 0);
	return n;
}

/* The application is gone, but the stack's owner still has bytes of it: a window that stays closed
 * ends the connection as it ends one that was closed (fault 12), and the owner hears of it. */
static void fault_12_owner_of_an_orphan_hears_of_its_end(void **state)
{
	static uint8_t data[1000];
	struct stack_config cfg = net_config();
	unsigned alive = 0;
	struct net *n;
	uint32_t id;

	(void)state;
	n = open_named(&cfg, &id);
	(void)ready_of(n, 7);
	assert_int_equal(stack_send(n->a.sc, id, data, sizeof(data), n->now), sizeof(data));
	for (; alive < 3600; alive++)
		closed_window(n, 0);
	assert_false(ready_of(n, 7) & STACK_ERR); /* the peer is alive */
	stack_orphan(n->a.sc, id, n->now);
	for (alive = 0; alive < 3600 && !(ready_of(n, 7) & STACK_ERR); alive++)
		closed_window(n, 0);
	assert_in_range(alive, 100, 2000);
	assert_int_equal(stack_send(n->a.sc, id, data, sizeof(data), n->now), -ETIMEDOUT);
	stack_close(n->a.sc, id, n->now);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* What comes in then is for nobody. */
static void test_text_for_an_orphan(void **state)
{
	static uint8_t data[1000];
	struct stack_config cfg = net_config();
	struct net *n;
	uint32_t id;

	(void)state;
	n = open_named(&cfg, &id);
	assert_int_equal(stack_send(n->a.sc, id, data, sizeof(data), n->now), sizeof(data));
	stack_orphan(n->a.sc, id, n->now);
	for (unsigned i = 0; i < 5 && !(ready_of(n, 7) & STACK_HUP); i++)
		closed_window(n, 5);
	assert_int_equal(stack_stats(n->a.sc)->resets_sent, 1);
	assert_int_equal(stack_send(n->a.sc, id, data, sizeof(data), n->now), -EPIPE);
	stack_close(n->a.sc, id, n->now);
	assert_all_back(n->a.sc);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_16_full_device),
		cmocka_unit_test(fault_16_dead_device),
		cmocka_unit_test(test_dead_device_without_buffers),
		cmocka_unit_test(test_pausing_device),
		cmocka_unit_test(test_no_buffers),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(fault_03_closed_window_stops_nobody),
		cmocka_unit_test(test_priority),
		cmocka_unit_test(fault_04_cost_of_what_is_sent),
		cmocka_unit_test(test_writable),
		cmocka_unit_test(test_reserved_room_is_kept),
		cmocka_unit_test(test_blocked_cost_nothing),
		cmocka_unit_test(test_starved_writer),
		cmocka_unit_test(test_all_starved_writers_are_told),
		cmocka_unit_test(test_short_write),
		cmocka_unit_test(test_starved_orphan),
		cmocka_unit_test(test_starved_reader),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(fault_12_owner_of_an_orphan_hears_of_its_end),
		cmocka_unit_test(test_text_for_an_orphan),
	};

	return cmocka_run_group_tests(tests, NULL, net_explain);
}
