// SPDX-License-Identifier: BSD-3-Clause
/* SYN cookies (RFC 4987 3.6): what they carry, and what does not pass for one. */
#include <errno.h>

#include "base/rng.h"
#include "seed.h"
#include "test_stack_syn.h"

static uint64_t seed;

static struct syn_net open_cookies(uint32_t backlog)
{
	struct stack_config cfg = net_config();

	cfg.syn_cookies = SYN_COOKIES_ALWAYS;
	return syn_open(&cfg, backlog);
}

static void assert_refused(struct syn_net *t, uint16_t sport, const struct tcp_seg *ack)
{
	uint64_t bad = stack_stats(t->sc)->syn_cookies_bad;
	struct raw_frame r;

	assert_true(syn_put(t, sport, ack, &r));
	assert_int_equal(r.tcp.flags, TCPF_RST);
	assert_int_equal(r.tcp.seq.v, ack->ack.v);
	assert_int_equal(stack_stats(t->sc)->syn_cookies_bad, bad + 1);
	assert_int_equal(usage(t->sc).conns, 0);
}

/* Nothing is kept of a SYN; its ACK opens the connection with the options that both sides have. */
static void test_options(void **state)
{
	static const uint8_t offers[] = {TCPO_WSCALE, TCPO_SACK_PERM, TCPO_TS};

	(void)state;
	for (unsigned set = 0; set < 64; set++) {
		struct stack_config cfg = net_config();
		unsigned both = set & set >> 3;
		uint8_t offer = TCPO_MSS, want = TCPO_MSS;
		struct tcp_seg syn, ack;
		struct raw_frame r;
		struct syn_net t;
		char buf[4000] = {0};
		int64_t id;

		cfg.syn_cookies = SYN_COOKIES_ALWAYS;
		cfg.tcp.wscale = set & 8;
		cfg.tcp.sack = set & 16;
		cfg.tcp.timestamps = set & 32;
		for (unsigned i = 0; i < 3; i++) {
			offer |= set & 1u << i ? offers[i] : 0;
			want |= both & 1u << i ? offers[i] : 0;
		}
		if (!(want & TCPO_TS)) /* nowhere to carry them */
			want = TCPO_MSS;
		t = syn_open(&cfg, 4);
		syn = syn_seg(offer);
		assert_true(syn_put(&t, 5000, &syn, &r));
		assert_int_equal(r.tcp.opts, want);
		assert_int_equal(usage(t.sc).half_open, 0);
		ack = syn_ack_of(&r.tcp);
		ack.wnd = 20;
		assert_false(syn_put(&t, 5000, &ack, &r));
		assert_int_equal(stack_stats(t.sc)->syn_cookies_ok, 1);
		id = stack_accept(t.sc, t.lid);
		assert_true(id >= 0);
		assert_int_equal(stack_get_option(t.sc, (uint32_t)id, TCP_OPT_MAXSEG),
				 want & TCPO_TS ? 1448 : 1460);
		/* 20 << 7 bytes of window, or 20. */
		assert_int_equal(stack_send(t.sc, (uint32_t)id, buf, 4000, t.n->now), 4000);
		net_turn(t.n);
		assert_true(raw_get_tcp(t.n, &r));
		assert_int_equal(r.tcp.len, want & TCPO_WSCALE ? 1448 : 20);
		assert_int_equal(r.tcp.opts, want & TCPO_TS);
		net_free(t.n);
	}
}

/* ECN needs the timestamp too; a peer that claims it to a host without is refused. */
static void test_ecn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool ts = i & 1, on = i & 2;
		struct stack_config cfg = net_config();
		struct tcp_seg syn = syn_seg((uint8_t)(TCPO_MSS | (ts ? TCPO_TS : 0))), ack;
		struct raw_frame r;
		struct syn_net t;

		cfg.syn_cookies = SYN_COOKIES_ALWAYS;
		cfg.tcp.ecn = on ? TCP_ECN_ACCEPT : TCP_ECN_OFF;
		t = syn_open(&cfg, 4);
		syn.flags |= TCPF_ECE | TCPF_CWR;
		assert_true(syn_put(&t, 5000, &syn, &r));
		assert_int_equal((r.tcp.flags & TCPF_ECE) != 0, ts && on);
		ack = syn_ack_of(&r.tcp);
		if (ts && !on) {
			ack.ts_ecr |= 0x20;
			assert_refused(&t, 5000, &ack);
		} else {
			assert_false(syn_put(&t, 5000, &ack, &r));
			uint32_t id = (uint32_t)stack_accept(t.sc, t.lid);

			assert_int_equal(stack_send(t.sc, id, "x", 1, t.n->now), 1);
			net_turn(t.n);
			assert_true(raw_get_tcp(t.n, &r));
			assert_int_equal(r.ip.tos & 3, ts && on ? 2 : 0);
		}
		net_free(t.n);
	}
}

/* The peer's MSS is rounded down to one of eight, never up. */
static void test_sizes(void **state)
{
	static const uint16_t mss[][2] = {{1, 64},	{64, 64},     {535, 64},    {536, 536},
					  {1219, 536},	{1300, 1220}, {1400, 1360}, {1440, 1440},
					  {1452, 1452}, {1459, 1452}, {1460, 1460}, {9000, 1460}};
	struct syn_net t = open_cookies(16);

	(void)state;
	for (uint16_t i = 0; i < sizeof(mss) / sizeof(mss[0]); i++) {
		struct tcp_seg syn = syn_seg(TCPO_MSS), ack;
		struct raw_frame r;
		int64_t id;

		syn.mss = mss[i][0];
		assert_true(syn_put(&t, (uint16_t)(5000 + i), &syn, &r));
		assert_int_equal(r.tcp.mss, 1460);
		ack = syn_ack_of(&r.tcp);
		syn_put(&t, (uint16_t)(5000 + i), &ack, &r);
		id = stack_accept(t.sc, t.lid);
		assert_true(id >= 0);
		assert_int_equal(stack_get_option(t.sc, (uint32_t)id, TCP_OPT_MAXSEG), mss[i][1]);
	}
	net_free(t.n);
}

/* Anything else than the one number is refused: another size, clock or hash, for another port, from
 * another sequence number. */
static void test_forged(void **state)
{
	struct syn_net t = open_cookies(4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS), bad;
	struct raw_frame r;

	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		bad = ack;
		bad.ack = seq_of(((ack.ack.v - 1) ^ 1u << bit) + 1);
		assert_refused(&t, 5000, &bad);
	}
	bad = ack;
	bad.seq = seq_add(ack.seq, 1);
	assert_refused(&t, 5000, &bad);
	assert_refused(&t, 5001, &ack);
	assert_false(syn_put(&t, 5000, &ack, &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	net_free(t.n);
}

/* A cookie is good for one to two periods of 64 s, in whichever it was sent. */
static void test_age(void **state)
{
	(void)state;
	for (unsigned age = 4; age <= 4000; age += age < 160 ? 12 : 512) {
		struct syn_net t = open_cookies(4);
		struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS);
		mt_time sent = t.n->now;
		bool good;
		struct raw_frame r;

		syn_wait(&t, age * MT_SEC);
		good = t.n->now / (64 * MT_SEC) - sent / (64 * MT_SEC) <= 1;
		/* With SYNs between, which turn the keys, and without. */
		if (age & 8)
			syn_half(&t, 6000, TCPO_MSS);
		syn_put(&t, 5000, &ack, &r);
		assert_int_equal(usage(t.sc).conns, good);
		assert_true(age < 64 ? good : age < 128 || !good);
		net_free(t.n);
	}
}

/* The clock of five bits comes round: the key of then is forgotten. */
static void test_replayed_later(void **state)
{
	struct syn_net t = open_cookies(4);
	struct tcp_seg ack = syn_half(&t, 5000, TCPO_MSS);

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		syn_wait(&t, 64 * MT_SEC);
		syn_half(&t, (uint16_t)(6000 + i), TCPO_MSS);
		if (i)
			assert_refused(&t, 5000, &ack);
	}
	net_free(t.n);
}

/* The echoed timestamp must be one of ours, not of the future, not old, and claim nothing that we
 * lack. */
static void test_timestamps(void **state)
{
	static const int32_t off[] = {70, 100000, -70 * 1000 * 3, INT32_MIN};
	struct stack_config cfg = net_config();
	struct syn_net t;
	struct tcp_seg ack, bad;
	struct raw_frame r;

	(void)state;
	cfg.syn_cookies = SYN_COOKIES_ALWAYS;
	cfg.tcp.sack = false;
	t = syn_open(&cfg, 4);
	ack = syn_half(&t, 5000, TCPO_MSS | TCPO_TS | TCPO_SACK_PERM);
	for (unsigned i = 0; i < 4; i++) {
		bad = ack;
		bad.ts_ecr += (uint32_t)off[i];
		assert_refused(&t, 5000, &bad);
	}
	bad = ack;
	bad.ts_ecr |= 0x10; /* SACK */
	assert_refused(&t, 5000, &bad);
	assert_false(syn_put(&t, 5000, &ack, &r));
	assert_int_equal(stack_stats(t.sc)->syn_cookies_ok, 1);
	net_free(t.n);
}

/* An ACK flood at random opens nothing; without a cookie sent of late it is not even hashed. */
static void test_ack_flood(void **state)
{
	struct syn_net t = open_cookies(4);
	struct tcp_seg ack = {.flags = TCPF_ACK, .wnd = 1000};
	struct rng g;

	(void)state;
	rng_seed(&g, seed);
	for (unsigned i = 0; i < 2000; i++) {
		ack.seq = seq_of((uint32_t)rng_next(&g));
		ack.ack = seq_of((uint32_t)rng_next(&g));
		if (i == 1000) {
			assert_int_equal(stack_stats(t.sc)->syn_cookies_bad, 0);
			syn_half(&t, 5000, TCPO_MSS);
		}
		raw_tcp(t.n, SYN_PEER, (uint16_t)rng_next(&g), 80, &ack);
		net_turn(t.n);
		raw_skip(t.n);
	}
	assert_in_range(stack_stats(t.sc)->syn_cookies_bad, 990, 1000);
	assert_int_equal(stack_stats(t.sc)->syn_cookies_ok, 0);
	assert_int_equal(usage(t.sc).conns, 0);
	net_free(t.n);
}

/* With a full accept queue no cookie leaves, and one that comes back waits for room. */
static void test_no_promise(void **state)
{
	struct syn_net t = open_cookies(1);
	struct tcp_seg a = syn_half(&t, 5000, TCPO_MSS), b = syn_half(&t, 5001, TCPO_MSS);
	struct tcp_seg syn = syn_seg(TCPO_MSS);
	struct raw_frame r;

	(void)state;
	assert_false(syn_put(&t, 5000, &a, &r));
	assert_false(syn_put(&t, 5001, &b, &r));
	assert_false(syn_put(&t, 5002, &syn, &r));
	assert_int_equal(stack_stats(t.sc)->accept_overflow, 2);
	assert_int_equal(stack_stats(t.sc)->syn_cookies_sent, 2);
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	assert_int_equal(stack_accept(t.sc, t.lid), -EAGAIN);
	assert_false(syn_put(&t, 5001, &b, &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	net_free(t.n);
}

/* Cookies begin where the queue ends; who is in it stays. */
static void fault_06_queue_then_cookies(void **state)
{
	struct stack_config cfg = net_config();
	struct tcp_seg first, ack;
	struct syn_net t;
	struct raw_frame r;

	(void)state;
	cfg.n_half_open = 100;
	t = syn_open(&cfg, 4);
	first = syn_half(&t, 4999, TCPO_MSS | TCPO_SACK_PERM);
	for (unsigned i = 0; i < 12000; i++) {
		raw_syn(t.n, 0x0a000100u + i % 7, (uint16_t)(5000 + i), 80);
		if (i % 32 == 31) {
			net_turn(t.n);
			raw_skip(t.n);
		}
	}
	assert_int_equal(usage(t.sc).half_open, 100);
	assert_int_equal(usage(t.sc).conns, 0);
	assert_int_equal(stack_stats(t.sc)->syn_cookies_sent, 11901);
	ack = syn_half(&t, 4000, TCPO_MSS);
	assert_false(syn_put(&t, 4000, &ack, &r));
	assert_false(syn_put(&t, 4999, &first, &r));
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	assert_true(stack_accept(t.sc, t.lid) >= 0);
	assert_int_equal(usage(t.sc).half_open, 99);
	net_free(t.n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_replayed_later),
		cmocka_unit_test(test_timestamps),
		cmocka_unit_test(test_ack_flood),
		cmocka_unit_test(test_no_promise),
		cmocka_unit_test(fault_06_queue_then_cookies),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
