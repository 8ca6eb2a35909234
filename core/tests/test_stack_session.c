// SPDX-License-Identifier: BSD-3-Clause
/* Whole connections between two stacks: what crosses the wire, what the application sees, what is
 * left. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/core.h"
#include "test_stack_net.h"
#include "seed.h"
#include "base/rng.h"

static uint64_t seed;

static struct net *pair(uint32_t time_wait_ms)
{
	struct stack_config cfg = net_config();
	struct net *n;

	cfg.time_wait_ms = time_wait_ms;
	n = net_pair(&cfg, &cfg);
	net_turns(n, 3); /* gratuitous ARP */
	return n;
}

/* A server that answers each read with as many bytes and closes when the peer has. */
static void serve(struct net *n, uint32_t lid)
{
	struct stack_event ev[64];
	unsigned n_ev = stack_events(n->b.sc, ev, 64);
	uint8_t buf[2048];

	for (unsigned i = 0; i < n_ev; i++) {
		ssize_t got;

		if (ev[i].listener) {
			assert_int_equal(ev[i].id, lid);
			while (stack_accept(n->b.sc, lid) >= 0)
				;
			continue;
		}
		while ((got = stack_recv(n->b.sc, ev[i].id, buf, sizeof(buf), n->now)) > 0)
			assert_int_equal(stack_send(n->b.sc, ev[i].id, buf, (size_t)got, n->now),
					 got);
		if (got == 0 || got != -EAGAIN)
			stack_close(n->b.sc, ev[i].id, n->now);
	}
}

/* The application runs behind stack_tx, as in inline mode. */
static void turn(struct net *n, uint32_t lid)
{
	stack_poll(n->b.sc, n->now);
	serve(n, lid);
	n->now += 10 * MT_US;
}

struct client {
	uint32_t id;
	bool connected, closed;
	size_t got;
};

static void client_step(struct net *n, struct client *c)
{
	struct stack_event ev;
	uint8_t buf[64] = {0};

	stack_poll(n->a.sc, n->now);
	while (stack_events(n->a.sc, &ev, 1)) {
		ssize_t got;

		assert_int_equal(ev.id, c->id);
		assert_int_equal(ev.ready & (STACK_ERR | STACK_HUP), 0);
		if (!c->connected) {
			assert_true(ev.edge & STACK_OUT);
			assert_int_equal(stack_send(n->a.sc, c->id, buf, 64, n->now), 64);
			c->connected = true;
			continue;
		}
		got = stack_recv(n->a.sc, c->id, buf, sizeof(buf), n->now);
		c->got += got > 0 ? (size_t)got : 0;
		if (c->got == 64 && !c->closed) {
			stack_close(n->a.sc, c->id, n->now);
			c->closed = true;
		}
	}
}

static void transaction(struct net *n, uint32_t lid)
{
	struct client c = {.id = (uint32_t)net_connect(n, 80)};

	for (unsigned i = 0; i < 20; i++) {
		client_step(n, &c);
		turn(n, lid);
	}
	assert_true(c.closed);
}

/* SYN, SYN/ACK, ACK with the request, response, FIN, FIN/ACK, ACK. */
static void test_seven_packets(void **state)
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), before;

	(void)state;
	transaction(n, lid); /* resolves the neighbours */
	before = n->a.n_tcp + n->b.n_tcp;
	transaction(n, lid);
	assert_int_equal(n->a.n_tcp + n->b.n_tcp - before, 7);
	assert_int_equal(stack_stats(n->a.sc)->retransmits, 0);
	assert_int_equal(stack_stats(n->b.sc)->retransmits, 0);
	assert_int_equal(stack_stats(n->b.sc)->accepts, 2);
	assert_int_equal(stack_stats(n->a.sc)->connects, 2);
	assert_int_equal(stack_stats(n->b.sc)->connects, 0);
	assert_true(stack_stats(n->a.sc)->rx_arp > 0);
	assert_int_equal(stack_stats(n->a.sc)->tx_data_bytes, 2 * 64);
	assert_int_equal(stack_stats(n->b.sc)->tx_data_bytes, 2 * 64);
	assert_all_back(n->a.sc);
	assert_all_back(n->b.sc);
	net_free(n);
}

static uint32_t timers(const struct stack_core *sc)
{
	struct stack_usage u;

	stack_usage(sc, &u);
	return u.timers;
}

/* SYN and RST. */
static void refused(struct net *n)
{
	uint32_t id = (uint32_t)net_connect(n, 81);

	for (unsigned i = 0; i < 4 && stack_stats(n->a.sc)->connects_failed == 0; i++) {
		stack_poll(n->a.sc, n->now);
		stack_poll(n->b.sc, n->now);
	}
	assert_int_equal(stack_stats(n->a.sc)->connects_failed, 1);
	stack_close(n->a.sc, id, n->now);
}

/* The next connection of a block finds it armed in time, for its retransmission too. */
static void test_timer_outlives_its_connection(void **state)
{
	struct net *n = pair(0);
	uint32_t armed, id;

	(void)state;
	transaction(n, (uint32_t)net_listen(n, 80, 8)); /* resolves the neighbours */
	armed = timers(n->a.sc);
	refused(n);
	assert_int_equal(timers(n->a.sc), armed + 1);
	id = (uint32_t)net_connect(n, 80);
	net_close_end(&n->b); /* nobody answers */
	n->b.sc = NULL;
	stack_poll(n->a.sc, n->now);
	stack_poll(n->a.sc, n->now); /* an idle turn: this one is wanted */
	assert_int_equal(timers(n->a.sc), armed + 1);
	net_run_ms(n, 900);
	assert_int_equal(stack_stats(n->a.sc)->retransmits, 0);
	net_run_ms(n, 200);
	assert_int_equal(stack_stats(n->a.sc)->retransmits, 1);
	stack_abort(n->a.sc, id, n->now);
	net_run_ms(n, 5000);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* A core without connections does not wake for those that have ended. */
static void test_timer_of_nobody_wakes_nobody(void **state)
{
	struct net *n = pair(0);
	mt_time before, after;
	uint32_t armed;

	(void)state;
	transaction(n, (uint32_t)net_listen(n, 80, 8));
	before = stack_poll(n->a.sc, n->now);
	assert_true(before > n->now + 2 * MT_SEC);
	armed = timers(n->a.sc);
	refused(n);
	assert_int_equal(timers(n->a.sc), armed + 1);
	stack_poll(n->a.sc, n->now);
	after = stack_poll(n->a.sc, n->now);
	assert_int_equal(after, before);
	assert_int_equal(timers(n->a.sc), armed);
	net_free(n);
}

static void test_time_wait(void **state)
{
	struct net *n = pair(1000);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8);
	struct stack_usage u;

	(void)state;
	transaction(n, lid);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 1);
	assert_int_equal(u.conns, 0);
	net_run_ms(n, 990);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 1);
	net_run_ms(n, 20);
	assert_all_back(n->a.sc);
	assert_all_back(n->b.sc);
	net_free(n);
}

/* More records than the pool has: the oldest go, nothing else happens. */
static void test_time_wait_overflow(void **state)
{
	struct stack_config cfg = net_config();
	struct stack_usage u;
	struct net *n;
	uint32_t lid;

	(void)state;
	cfg.time_wait_ms = 60000;
	cfg.n_time_wait = 4;
	n = net_pair(&cfg, &cfg);
	lid = (uint32_t)net_listen(n, 80, 8);
	for (unsigned i = 0; i < 10; i++)
		transaction(n, lid);
	stack_usage(n->a.sc, &u);
	assert_int_equal(u.time_wait, 4);
	assert_int_equal(stack_stats(n->a.sc)->time_wait_overflow, 6);
	net_free(n);
}

/* An ACK that comes with news for the application waits a turn for its answer; then it goes alone.
 */
static void test_ack_waits_one_turn(void **state)
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), id, before;
	mt_time next;

	(void)state;
	id = (uint32_t)net_connect(n, 80);
	net_turns(n, 10);
	assert_int_equal(stack_state(n->a.sc, id), TCPS_ESTABLISHED);
	assert_true(stack_accept(n->b.sc, lid) >= 0);
	assert_int_equal(stack_send(n->a.sc, id, "x", 1, n->now), 1);
	stack_poll(n->a.sc, n->now);
	before = n->b.n_tcp;
	next = stack_poll(n->b.sc, n->now);
	assert_int_equal(n->b.n_tcp, before);
	assert_int_equal(next, n->now);
	stack_poll(n->b.sc, n->now);
	assert_int_equal(n->b.n_tcp, before + 1);
	net_free(n);
}

static bool lose_fifth(const uint8_t *frame, uint16_t len)
{
	static uint32_t n;

	(void)frame;
	return len > 100 && n++ % 5 == 4;
}

/* A megabyte through small buffers, every fifth data frame lost: out-of-order data, growth, cold
 * objects. */
static void bulk(bool (*lose)(const uint8_t *, uint16_t))
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), id;
	uint8_t out[3000], in[3000];
	size_t sent = 0, got = 0, most = 1u << 20;
	struct rng tx, rx;
	int64_t sid = -1;

	rng_seed(&tx, seed);
	rng_seed(&rx, seed);
	n->a.lose = lose;
	id = (uint32_t)net_connect(n, 80);
	for (unsigned i = 0; i < 2000000 && got < most; i++) {
		ssize_t k;

		if (sid < 0)
			sid = stack_accept(n->b.sc, lid);
		if (sent < most) {
			struct rng save = tx;
			for (unsigned j = 0; j < sizeof(out); j++)
				out[j] = (uint8_t)rng_next(&tx);
			k = stack_send(n->a.sc, id, out, sizeof(out), n->now);
			tx = save;
			for (ssize_t j = 0; j < k; j++)
				rng_next(&tx);
			sent += k > 0 ? (size_t)k : 0;
		}
		net_turn(n);
		n->now += 90 * MT_US;
		k = sid < 0 ? 0 : stack_recv(n->b.sc, (uint32_t)sid, in, sizeof(in), n->now);
		for (ssize_t j = 0; j < k; j++)
			assert_int_equal(in[j], (uint8_t)rng_next(&rx));
		got += k > 0 ? (size_t)k : 0;
	}
	assert_true(got >= most);
	stack_close(n->a.sc, id, n->now);
	while (stack_recv(n->b.sc, (uint32_t)sid, in, sizeof(in), n->now) != 0)
		net_run_ms(n, 1);
	stack_close(n->b.sc, (uint32_t)sid, n->now);
	net_run_ms(n, 3000);
	assert_true(!lose || stack_stats(n->a.sc)->retransmits > 0);
	while (stack_has_events(n->b.sc))
		stack_events(n->b.sc, &(struct stack_event){0}, 1);
	assert_all_back(n->a.sc);
	assert_all_back(n->b.sc);
	net_free(n);
}

static void test_bulk(void **state)
{
	(void)state;
	bulk(NULL);
}

static void test_bulk_loss(void **state)
{
	(void)state;
	bulk(lose_fifth);
}

static uint32_t established(struct net *n, uint32_t lid, uint32_t *server)
{
	uint32_t id = (uint32_t)net_connect(n, 80);
	int64_t sid;

	net_turns(n, 10);
	sid = stack_accept(n->b.sc, lid);
	assert_true(sid >= 0);
	*server = (uint32_t)sid;
	return id;
}

static void drain_events(struct stack_core *sc)
{
	struct stack_event ev;

	while (stack_events(sc, &ev, 1))
		;
}

static bool wire_cut;

static bool lose_if_cut(const uint8_t *frame, uint16_t len)
{
	(void)frame;
	(void)len;
	return wire_cut;
}

/* The stream's next k bytes, which begin at *at, are sent and, unless the wire is cut, come. */
static void send_next(struct net *n, uint32_t id, uint8_t *at, unsigned k)
{
	uint8_t out[256];

	for (unsigned i = 0; i < k; i++)
		out[i] = (uint8_t)(*at)++;
	assert_int_equal(stack_send(n->a.sc, id, out, k, n->now), k);
	net_turn(n);
}

/* A read of so many gives the next `want`. */
static void recv_next(struct net *n, uint32_t sid, uint8_t *at, size_t len, unsigned want)
{
	uint8_t in[512];

	memset(in, 0x5a, sizeof(in));
	assert_int_equal(stack_recv(n->b.sc, sid, in, len, n->now), want);
	for (unsigned i = 0; i < want; i++)
		assert_int_equal(in[i], (uint8_t)(*at)++);
	assert_int_equal(in[want], 0x5a);
}

static size_t buf_bytes(const struct stack_core *sc)
{
	struct stack_usage u;

	stack_usage(sc, &u);
	return u.buf_bytes;
}

/* Reads of as much as there is, of more, of less; from the middle of a block, around its end, and
 * beside bytes that wait for others. */
static void test_reads(void **state)
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), sid, id = established(n, lid, &sid);
	uint8_t out = 1, in = 1, none[4];

	(void)state;
	stack_set_option(n->a.sc, id, TCP_OPT_NODELAY, 1, n->now);
	n->a.lose = lose_if_cut;
	send_next(n, id, &out, 8);
	recv_next(n, sid, &in, 0, 0);
	recv_next(n, sid, &in, 8, 8);
	assert_int_equal(buf_bytes(n->b.sc), 0);
	send_next(n, id, &out, 8);
	recv_next(n, sid, &in, 100, 8);
	assert_int_equal(buf_bytes(n->b.sc), 0);
	send_next(n, id, &out, 200);
	recv_next(n, sid, &in, 150, 150);
	assert_int_equal(buf_bytes(n->b.sc), 256);
	send_next(n, id, &out, 200);
	recv_next(n, sid, &in, 300, 250); /* in two pieces */
	send_next(n, id, &out, 8);
	recv_next(n, sid, &in, 3, 3);
	recv_next(n, sid, &in, 100, 5);
	assert_int_equal(buf_bytes(n->b.sc), 0);
	assert_int_equal(stack_recv(n->b.sc, sid, none, sizeof(none), n->now), -EAGAIN);
	send_next(n, id, &out, 4);
	net_turns(n, 4);
	wire_cut = true;
	send_next(n, id, &out, 4);
	wire_cut = false;
	send_next(n, id, &out, 4);
	wire_cut = true; /* what is sent again at once */
	recv_next(n, sid, &in, 100, 4);
	assert_int_equal(stack_recv(n->b.sc, sid, none, sizeof(none), n->now), -EAGAIN);
	assert_int_equal(buf_bytes(n->b.sc), 256);
	wire_cut = false;
	net_run_ms(n, 1000);
	recv_next(n, sid, &in, 100, 8);
	assert_int_equal(buf_bytes(n->b.sc), 0);
	net_free(n);
}

/* ECONNRESET once, then end of stream and EPIPE; data that came before can be read. */
static void fault_10_reset_is_an_error_not_the_end(void **state)
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), sid, id = established(n, lid, &sid);
	struct stack_event ev;
	char buf[8];

	(void)state;
	assert_int_equal(stack_send(n->a.sc, id, "bye", 3, n->now), 3);
	net_turns(n, 4);
	stack_abort(n->a.sc, id, n->now);
	net_turns(n, 4);
	drain_events(n->b.sc);
	assert_int_equal(stack_ready(n->b.sc, sid) & (STACK_ERR | STACK_HUP | STACK_IN),
			 STACK_ERR | STACK_HUP | STACK_IN);
	assert_int_equal(stack_recv(n->b.sc, sid, buf, sizeof(buf), n->now), 3);
	assert_int_equal(stack_recv(n->b.sc, sid, buf, sizeof(buf), n->now), -ECONNRESET);
	assert_int_equal(stack_recv(n->b.sc, sid, buf, sizeof(buf), n->now), 0);
	assert_int_equal(stack_send(n->b.sc, sid, buf, 1, n->now), -EPIPE);
	assert_int_equal(stack_shutdown(n->b.sc, sid, SHUT_WR, n->now), -ENOTCONN);
	assert_int_equal(stack_take_error(n->b.sc, sid), 0);
	stack_close(n->b.sc, sid, n->now);
	assert_int_equal(stack_events(n->b.sc, &ev, 1), 0);
	assert_int_equal(stack_stats(n->b.sc)->resets_received, 1);
	assert_int_equal(stack_stats(n->a.sc)->resets_sent, 1);
	assert_all_back(n->a.sc);
	assert_all_back(n->b.sc);
	net_free(n);
}

static void test_refused(void **state)
{
	struct net *n = pair(0);
	uint32_t id = (uint32_t)net_connect(n, 81);
	struct stack_event ev;

	(void)state;
	net_turns(n, 6);
	assert_int_equal(stack_events(n->a.sc, &ev, 1), 1);
	assert_true(ev.ready & STACK_ERR);
	assert_int_equal(stack_take_error(n->a.sc, id), ECONNREFUSED);
	assert_int_equal(stack_stats(n->b.sc)->drop_no_listener, 1);
	stack_close(n->a.sc, id, n->now);
	assert_all_back(n->a.sc);
	net_free(n);
}

/* Half close: the peer's FIN is an event, its bytes stay readable, ours still go. */
static void test_half_close(void **state)
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), sid, id = established(n, lid, &sid);
	char buf[8];

	(void)state;
	drain_events(n->b.sc);
	stack_send(n->a.sc, id, "ab", 2, n->now);
	assert_int_equal(stack_shutdown(n->a.sc, id, SHUT_WR, n->now), 0);
	assert_int_equal(stack_send(n->a.sc, id, "c", 1, n->now), -EPIPE);
	net_turns(n, 4);
	assert_int_equal(stack_ready(n->b.sc, sid), STACK_IN | STACK_OUT | STACK_RDHUP);
	assert_int_equal(stack_peek(n->b.sc, sid, 0, buf, 8), 2);
	assert_int_equal(stack_recv(n->b.sc, sid, buf, 8, n->now), 2);
	assert_int_equal(stack_recv(n->b.sc, sid, buf, 8, n->now), 0);
	stack_send(n->b.sc, sid, "d", 1, n->now);
	stack_close(n->b.sc, sid, n->now);
	net_turns(n, 6);
	assert_int_equal(stack_recv(n->a.sc, id, buf, 8, n->now), 1);
	assert_int_equal(stack_recv(n->a.sc, id, buf, 8, n->now), 0);
	assert_true(stack_ready(n->a.sc, id) & STACK_HUP);
	stack_close(n->a.sc, id, n->now);
	drain_events(n->a.sc);
	net_turns(n, 4);
	assert_all_back(n->a.sc);
	assert_all_back(n->b.sc);
	net_free(n);
}

/* Both directions shut by ourselves are a hang-up, too, as in Linux's tcp_poll. */
static void test_shutdown_both(void **state)
{
	struct net *n = pair(0);
	uint32_t lid = (uint32_t)net_listen(n, 80, 8), sid, id = established(n, lid, &sid);

	(void)state;
	assert_int_equal(stack_shutdown(n->a.sc, id, SHUT_WR, n->now), 0);
	assert_false(stack_ready(n->a.sc, id) & STACK_HUP);
	assert_int_equal(stack_shutdown(n->a.sc, id, SHUT_RD, n->now), 0);
	assert_true(stack_ready(n->a.sc, id) & STACK_HUP);
	net_free(n);
}

/* One small segment that nobody answers: the timer sends its ACK. */
static void test_delayed_ack_is_counted(void **state)
{
	struct stack_config cfg = net_config();
	uint32_t lid, sid, id;
	struct net *n;

	(void)state;
	cfg.tcp.quick_acks = 0;
	n = net_pair(&cfg, &cfg);
	net_turns(n, 3); /* gratuitous ARP */
	lid = (uint32_t)net_listen(n, 80, 8);
	id = established(n, lid, &sid);
	assert_int_equal(stack_send(n->a.sc, id, "x", 1, n->now), 1);
	net_run_ms(n, 30);
	assert_int_equal(stack_stats(n->b.sc)->delayed_acks, 0);
	net_run_ms(n, 20);
	assert_int_equal(stack_stats(n->b.sc)->delayed_acks, 1);
	assert_int_equal(stack_stats(n->a.sc)->delayed_acks, 0);
	assert_int_equal(stack_stats(n->a.sc)->retransmits, 0);
	net_free(n);
}

#define COUNTER(field) (offsetof(struct mtcp_stats, field) / sizeof(uint64_t))
#define N_COUNTERS     (sizeof(struct mtcp_stats) / sizeof(uint64_t))

/* Each reason counts what is named after it, and nothing else. */
static void test_each_drop_has_its_counter(void **state)
{
	static const size_t of[TCP_DROP_COUNT] = {
		[TCP_DROP_SEQ] = COUNTER(drop_seq),
		[TCP_DROP_ACK] = COUNTER(drop_ack),
		[TCP_DROP_PAWS] = COUNTER(drop_paws),
		[TCP_DROP_RST] = COUNTER(drop_rst),
		[TCP_DROP_SYN] = COUNTER(drop_syn),
		[TCP_DROP_STATE] = COUNTER(drop_state),
		[TCP_DROP_OOO_FULL] = COUNTER(drop_ooo_full),
		[TCP_DROP_AFTER_CLOSE] = COUNTER(drop_after_close),
		[TCP_DROP_NO_ROOM] = COUNTER(no_memory),
	};

	(void)state;
	for (unsigned drop = TCP_DROP_NONE; drop < TCP_DROP_COUNT; drop++) {
		uint64_t counters[N_COUNTERS];
		struct mtcp_stats s = {0};

		core_count_drop(&s, (enum tcp_drop)drop);
		memcpy(counters, &s, sizeof(counters));
		for (size_t i = 0; i < N_COUNTERS; i++)
			assert_int_equal(counters[i], drop != TCP_DROP_NONE && i == of[drop]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seven_packets),
		cmocka_unit_test(test_timer_outlives_its_connection),
		cmocka_unit_test(test_timer_of_nobody_wakes_nobody),
		cmocka_unit_test(test_time_wait),
		cmocka_unit_test(test_time_wait_overflow),
		cmocka_unit_test(test_ack_waits_one_turn),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_bulk_loss),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(fault_10_reset_is_an_error_not_the_end),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_shutdown_both),
		cmocka_unit_test(test_delayed_ack_is_counted),
		cmocka_unit_test(test_each_drop_has_its_counter),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, net_explain);
}
