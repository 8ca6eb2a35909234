// SPDX-License-Identifier: BSD-3-Clause
/* How connections end, and windows that close, between two stacks. */
#include <errno.h>
#include <sys/socket.h>

#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

/* Two hosts and one established connection without applications. */
struct conn_pair {
	struct pair p;
	struct stack_core *c, *s;
	uint32_t lid, cid, sid;
	int64_t sid64; /* or -errno */
};

static bool is_open(void *ctx)
{
	struct conn_pair *k = ctx;

	if (k->sid64 < 0)
		k->sid64 = stack_accept(k->s, k->lid);
	return k->sid64 >= 0 && stack_state(k->c, k->cid) == TCPS_ESTABLISHED;
}

static void open_pair(struct conn_pair *k, uint64_t s)
{
	struct ip_endpoint local = {.port = SERVER_PORT}, remote = pair_remote();

	pair_init(&k->p, s);
	pair_hosts(&k->p);
	k->c = sim_core(k->p.client, 0);
	k->s = sim_core(k->p.server, 0);
	k->lid = (uint32_t)stack_listen(k->s, &local, 8, sim_now(k->p.sim));
	k->cid = (uint32_t)stack_connect(k->c, NULL, &remote, sim_now(k->p.sim));
	k->sid64 = -1;
	sim_wake(k->p.client, 0, sim_now(k->p.sim));
	assert_true(sim_run(k->p.sim, is_open, k, sim_now(k->p.sim) + MT_SEC));
	k->sid = (uint32_t)k->sid64;
	sim_run_for(k->p.sim, 100 * MT_MS);
}

/* After calls outside of an application: the cores take a turn at once. */
static void go(struct conn_pair *k, mt_time for_ns)
{
	sim_wake(k->p.client, 0, sim_now(k->p.sim));
	sim_wake(k->p.server, 0, sim_now(k->p.sim));
	sim_run_for(k->p.sim, for_ns);
}

static void shut_all_ways(void **state)
{
	static const enum stream_end ends[][2] = {
		{STREAM_SHUT, STREAM_SHUT},   {STREAM_SHUT, STREAM_WAIT},
		{STREAM_WAIT, STREAM_SHUT},   {STREAM_CLOSE, STREAM_WAIT},
		{STREAM_CLOSE, STREAM_CLOSE}, {STREAM_WAIT, STREAM_CLOSE}};

	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]) * 4; i++) {
		struct stream_plan client = {.tx_bytes = i & 1 ? 100000 : 0,
					     .rx_bytes = i & 2 ? 100000 : 0,
					     .end = ends[i / 4][0]};
		struct stream_plan server = {.tx_bytes = client.rx_bytes,
					     .rx_bytes = client.tx_bytes,
					     .end = ends[i / 4][1]};
		struct pair p;

		pair_init(&p, seed + i);
		pair_start(&p, &client, &server);
		pair_run(&p, 10 * MT_SEC);
		if (p.cl.n_done != 1 || p.sv.n_done != 1)
			pair_fail(&p, "case %u: errno %d / %d", i, p.cl.last_error,
				  p.sv.last_error);
		if (pair_stats(p.client)->retransmits || pair_stats(p.server)->retransmits ||
		    pair_stats(p.client)->resets_sent || pair_stats(p.server)->resets_sent)
			pair_fail(&p, "case %u: a segment was sent again, or a RST", i);
		pair_end(&p);
	}
}

/* FINs cross: CLOSING on both sides, then TIME-WAIT on both. */
static void simultaneous_close(void **state)
{
	struct conn_pair k;

	(void)state;
	open_pair(&k, seed);
	stack_shutdown(k.c, k.cid, SHUT_WR, sim_now(k.p.sim));
	stack_shutdown(k.s, k.sid, SHUT_WR, sim_now(k.p.sim));
	go(&k, 5 * MT_MS + 10 * MT_US);
	assert_int_equal(stack_state(k.c, k.cid), TCPS_CLOSING);
	assert_int_equal(stack_state(k.s, k.sid), TCPS_CLOSING);
	go(&k, 20 * MT_MS);
	assert_int_equal(stack_stats(k.c)->time_wait, 1);
	assert_int_equal(stack_stats(k.s)->time_wait, 1);
	stack_close(k.c, k.cid, sim_now(k.p.sim));
	stack_close(k.s, k.sid, sim_now(k.p.sim));
	pair_end(&k.p);
}

/* The client's FIN comes first; the server's data then flows for a long time. */
static void half_close(void **state)
{
	struct stream_plan client = {.tx_bytes = 100, .rx_bytes = 3000000};
	struct stream_plan server = {.tx_bytes = 3000000, .rx_bytes = 100, .answer = true};
	struct pair p;

	(void)state;
	pair_init(&p, seed);
	p.cfg.tcp.fin_wait2_ms = 500; /* only for orphans */
	p.up.rate_bps = 4000000;
	pair_start(&p, &client, &server);
	pair_run(&p, 10 * MT_SEC);
	assert_int_equal(p.cl.n_done, 1);
	assert_true(p.cl.received == 3000000);
	pair_end(&p);
}

/* A reader that takes a little every two seconds, while what opens the window again is often lost.
 */
static void zero_window(void **state)
{
	struct stream_plan client = {.tx_bytes = 100000};
	struct stream_plan server = {.rx_bytes = 100000, .read_every = 2 * MT_SEC, .io_max = 8000};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct pair p;

		pair_init(&p, seed + i);
		p.know_macs = true;
		p.cfg.tcp.rcvbuf = 16 * 1024;
		p.up.loss = i < 4 ? 0 : 0.3;
		p.cfg.tcp.orphan_retries = p.cfg.tcp.data_retries; /* half of them are lost */
		pair_start(&p, &client, &server);
		pair_run(&p, 6000 * MT_SEC);
		assert_int_equal(p.cl.n_done, 1);
		assert_int_equal(p.sv.n_done, 1);
		if (i < 4) {
			assert_true(pair_stats(p.client)->zero_window_probes > 0);
			assert_int_equal(pair_stats(p.client)->rto_fired, 0);
		}
		pair_end(&p);
	}
}

/* The client writes and hardly reads: its window is closed to the server's probe, but not to the
 * ACKs of what it writes. By probes alone its megabyte would take minutes. */
static void zero_window_of_a_writer(void **state)
{
	struct stream_plan client = {
		.tx_bytes = 1000000, .rx_bytes = 100000, .read_every = 20 * MT_SEC};
	struct stream_plan server = {.tx_bytes = 100000, .rx_bytes = 1000000};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair p;

		pair_init(&p, seed + i);
		p.know_macs = true;
		p.cfg.tcp.rcvbuf = p.cfg.tcp.rcvbuf_max = 16 * 1024;
		pair_start(&p, &client, &server);
		sim_run_for(p.sim, 10 * MT_SEC);
		assert_true(p.sv.received == 1000000);
		assert_true(pair_stats(p.server)->zero_window_probes > 0);
		pair_run(&p, 600 * MT_SEC);
		assert_int_equal(p.cl.n_done, 1);
		assert_int_equal(p.sv.n_done, 1);
		pair_end(&p);
	}
}

/* RFC 2525 2.17: bytes nobody read are not pretended to have arrived. */
static void close_with_unread_data(void **state)
{
	struct conn_pair k;
	uint8_t bytes[1000] = {0};

	(void)state;
	open_pair(&k, seed);
	assert_int_equal(stack_send(k.c, k.cid, bytes, sizeof(bytes), sim_now(k.p.sim)), 1000);
	go(&k, 100 * MT_MS);
	assert_int_equal(stack_readable(k.s, k.sid), 1000);
	stack_close(k.s, k.sid, sim_now(k.p.sim));
	go(&k, 100 * MT_MS);
	assert_int_equal(stack_stats(k.s)->resets_sent, 1);
	assert_true(stack_ready(k.c, k.cid) & STACK_ERR);
	assert_int_equal(stack_recv(k.c, k.cid, bytes, sizeof(bytes), sim_now(k.p.sim)),
			 -ECONNRESET);
	assert_int_equal(stack_send(k.c, k.cid, bytes, 1, sim_now(k.p.sim)), -EPIPE);
	stack_close(k.c, k.cid, sim_now(k.p.sim));
	pair_end(&k.p);
}

static void abort_resets(void **state)
{
	struct conn_pair k;

	(void)state;
	open_pair(&k, seed);
	stack_abort(k.c, k.cid, sim_now(k.p.sim));
	go(&k, 100 * MT_MS);
	assert_int_equal(stack_take_error(k.s, k.sid), ECONNRESET);
	assert_int_equal(stack_take_error(k.s, k.sid), 0);
	stack_close(k.s, k.sid, sim_now(k.p.sim));
	pair_end(&k.p);
}

/* A stack that goes away: the peer, who has shut down and reads slowly, hears that no more comes.
 */
static void end_of_a_stack_resets_what_was_not_sent(void **state)
{
	static uint8_t bytes[1000000];
	struct conn_pair k;
	ssize_t n;

	(void)state;
	open_pair(&k, seed);
	stack_shutdown(k.c, k.cid, SHUT_WR, sim_now(k.p.sim));
	go(&k, 100 * MT_MS);
	assert_int_equal(stack_state(k.s, k.sid), TCPS_CLOSE_WAIT);
	do {
		n = stack_send(k.s, k.sid, bytes, sizeof(bytes), sim_now(k.p.sim));
		go(&k, 1000 * MT_MS);
	} while (n > 0);
	stack_close(k.s, k.sid, sim_now(k.p.sim));
	go(&k, 1000 * MT_MS);
	stack_reset_all(k.s, sim_now(k.p.sim));
	go(&k, 1000 * MT_MS);
	assert_int_equal(stack_take_error(k.c, k.cid), ECONNRESET);
	stack_close(k.c, k.cid, sim_now(k.p.sim));
	pair_end(&k.p);
}

static void refused(void **state)
{
	struct conn_pair k;
	struct ip_endpoint nobody = {.addr = pair_addr(SERVER_V4), .port = 81};

	(void)state;
	open_pair(&k, seed);
	int64_t id = stack_connect(k.c, NULL, &nobody, sim_now(k.p.sim));

	assert_true(id >= 0);
	go(&k, 100 * MT_MS);
	assert_int_equal(stack_take_error(k.c, (uint32_t)id), ECONNREFUSED);
	stack_close(k.c, (uint32_t)id, sim_now(k.p.sim));
	stack_close(k.c, k.cid, sim_now(k.p.sim));
	stack_close(k.s, k.sid, sim_now(k.p.sim));
	pair_end(&k.p);
}

static bool failed(void *ctx)
{
	struct conn_pair *k = ctx;

	return stack_ready(k->c, k->cid) & STACK_ERR;
}

/* The other side vanishes without a word: retries, the user timeout, keepalive. */
static void peer_vanishes(void **state)
{
	static const uint32_t bounds_s[][2] = {{800, 1200}, {9, 40}, {100, 200}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sim_pipe dead = {.loss = 1};
		struct conn_pair k;

		open_pair(&k, seed + i);
		mt_time start = sim_now(k.p.sim);

		if (i == 1)
			stack_set_option(k.c, k.cid, TCP_OPT_USER_TIMEOUT_MS, 10000, start);
		if (i == 2) {
			stack_set_option(k.c, k.cid, TCP_OPT_KEEPIDLE_MS, 60000, start);
			stack_set_option(k.c, k.cid, TCP_OPT_KEEPINTVL_MS, 10000, start);
			stack_set_option(k.c, k.cid, TCP_OPT_KEEPCNT, 5, start);
			stack_set_option(k.c, k.cid, TCP_OPT_KEEPALIVE, 1, start);
		}
		sim_link(k.p.server, SIM_UP, &dead);
		if (i < 2)
			assert_int_equal(stack_send(k.c, k.cid, "x", 1, start), 1);
		sim_wake(k.p.client, 0, start);
		assert_true(sim_run(k.p.sim, failed, &k, start + 2000 * MT_SEC));
		uint64_t took = (sim_now(k.p.sim) - start) / MT_SEC;

		assert_in_range(took, bounds_s[i][0], bounds_s[i][1]);
		assert_int_equal(stack_take_error(k.c, k.cid), ETIMEDOUT);
		assert_int_equal(stack_stats(k.c)->timeouts, 1);
		stack_close(k.c, k.cid, sim_now(k.p.sim));
		stack_abort(k.s, k.sid, sim_now(k.p.sim));
		pair_end(&k.p);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shut_all_ways),
		cmocka_unit_test(simultaneous_close),
		cmocka_unit_test(half_close),
		cmocka_unit_test(zero_window),
		cmocka_unit_test(zero_window_of_a_writer),
		cmocka_unit_test(close_with_unread_data),
		cmocka_unit_test(abort_resets),
		cmocka_unit_test(end_of_a_stack_resets_what_was_not_sent),
		cmocka_unit_test(refused),
		cmocka_unit_test(peer_vanishes),
	};

	seed = test_seed(argc, argv);
	return pair_run_tests(tests);
}
