// SPDX-License-Identifier: BSD-3-Clause
/* Many connections: short transactions, ports and TIME-WAIT, listeners under pressure, idle ones.
 */
#include <errno.h>

#include "seed.h"
#include "sim_pair.h"

static uint64_t seed;

static void many_init(struct pair *p, uint64_t s, uint32_t n_conns)
{
	pair_init(p, s);
	p->know_macs = true;
	p->cfg.n_conns = n_conns;
	p->cfg.n_time_wait = 65536;
	p->cfg.buf_bytes = 64u << 20;
	p->cfg.tcp.rcvbuf = p->cfg.tcp.sndbuf = 8192;
	p->up.delay = MT_MS;
}

/* 64 B and 64 B, one transaction per connection, in each way to close; without and with loss. */
static void transactions(void **state)
{
	static const enum stream_end ends[][2] = {{STREAM_CLOSE, STREAM_WAIT},
						  {STREAM_WAIT, STREAM_CLOSE},
						  {STREAM_SHUT, STREAM_SHUT}};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint32_t total = i == 1 ? 20000 : 5000;
		struct stream_plan client = {.tx_bytes = 64,
					     .rx_bytes = 64,
					     .end = ends[i / 2][0],
					     .total = total,
					     .concurrency = 500};
		struct stream_plan server = {
			.tx_bytes = 64, .rx_bytes = 64, .answer = true, .end = ends[i / 2][1]};
		struct pair p;

		many_init(&p, seed + i, 2000);
		p.up.loss = i % 2 ? 0.01 : 0;
		pair_start(&p, &client, &server);
		mt_time took = pair_run(&p, 300 * MT_SEC);
		const struct mtcp_stats *c = pair_stats(p.client), *s = pair_stats(p.server);

		if (p.cl.n_done != total || p.sv.n_done != total)
			pair_fail(&p, "case %u: %u failed, errno %d; server %u failed, errno %d", i,
				  p.cl.n_failed, p.cl.last_error, p.sv.n_failed, p.sv.last_error);
		if (p.up.loss == 0) {
			assert_int_equal(c->retransmits + s->retransmits, 0);
			assert_int_equal(c->rto_fired + s->rto_fired, 0);
			assert_int_equal(c->resets_sent + s->resets_sent, 0);
		}
		/* 500 at a time, 4 ms each; with loss the last ones wait for a timeout of a SYN. */
		assert_true(took < (p.up.loss > 0 ? 20 * MT_SEC : MT_SEC));
		pair_end(&p);
	}
}

/* 20 ports, one minute of TIME-WAIT at the client: timestamps let it go on (RFC 6191). */
static void few_ports(void **state)
{
	(void)state;
	for (unsigned ts = 0; ts < 2; ts++) {
		struct stream_plan client = {.tx_bytes = 64,
					     .rx_bytes = 64,
					     .end = STREAM_CLOSE,
					     .total = ts ? 2000 : 60,
					     .concurrency = 10};
		struct stream_plan server = {
			.tx_bytes = 64, .rx_bytes = 64, .answer = true, .end = STREAM_WAIT};
		struct pair p;

		many_init(&p, seed + ts, 2000);
		p.cfg.port_min = 10000;
		p.cfg.port_max = 10019;
		p.cfg.time_wait_ms = 60000;
		p.cfg.tcp.timestamps = ts;
		pair_start(&p, &client, &server);
		mt_time took = pair_run(&p, 300 * MT_SEC);

		assert_int_equal(p.cl.n_done, client.total);
		if (ts) {
			assert_true(pair_stats(p.client)->time_wait_reused > 1000);
			assert_true(took < 20 * MT_SEC);
		} else {
			assert_true(p.cl.n_refused > 0);
			assert_int_equal(p.cl.last_error, EADDRNOTAVAIL);
			assert_in_range(took / MT_SEC, 119, 125);
		}
		pair_end(&p);
	}
}

/* An accept queue that ran over serves everybody once the application accepts again (fault 17). */
static void accept_queue_recovers(void **state)
{
	struct stream_plan client = {.tx_bytes = 64,
				     .rx_bytes = 64,
				     .end = STREAM_CLOSE,
				     .total = 64,
				     .concurrency = 64};
	struct stream_plan server = {
		.tx_bytes = 64, .rx_bytes = 64, .answer = true, .end = STREAM_WAIT};
	struct pair p;
	struct stack_usage u;

	(void)state;
	many_init(&p, seed, 2000);
	pair_hosts(&p);
	client.remote = pair_remote();
	stream_serve(&p.sv, p.server, &server, SERVER_PORT, 16);
	stream_connect(&p.cl, p.client, &client);
	sim_app *app = sim_set_app(p.server, NULL, NULL);

	sim_run_for(p.sim, 2 * MT_SEC);
	stack_usage(sim_core(p.server, 0), &u);
	assert_int_equal(u.conns, 16);
	assert_true(pair_stats(p.server)->accept_overflow >= 48);
	sim_set_app(p.server, app, &p.sv);
	sim_wake(p.server, 0, sim_now(p.sim));
	/* All SYNs come again at the same instants, 1, 3, 7, 15 s: each time a backlog's worth gets
	 * in. */
	pair_run(&p, 20 * MT_SEC);
	assert_int_equal(p.cl.n_done, 64);
	pair_end(&p);
}

static bool all_open(void *ctx)
{
	const struct pair *p = ctx;

	return p->sv.n_live == 1000 && p->cl.n_started == 1000;
}

/* A thousand idle connections ask for no turn at all: the cost of a turn does not come from them.
 */
static void idle_costs_nothing(void **state)
{
	struct stream_plan client = {
		.rx_bytes = 1, .end = STREAM_WAIT, .total = 1000, .concurrency = 1000};
	struct stream_plan server = {.rx_bytes = 1, .end = STREAM_WAIT};
	struct pair p;

	(void)state;
	many_init(&p, seed, 2000);
	pair_start(&p, &client, &server);
	assert_true(sim_run(p.sim, all_open, &p, sim_now(p.sim) + 10 * MT_SEC));
	sim_run_for(p.sim, 10 * MT_SEC);
	assert_false(sim_step(p.sim, MT_NEVER));
	stream_free(&p.cl);
	stream_free(&p.sv);
	sim_destroy(p.sim);
}

/* Eight cores share the client's address: what each opens comes back to it. */
static void ports_come_back_to_their_core(void **state)
{
	struct ip_endpoint local = {.port = SERVER_PORT}, remote = pair_remote();
	uint32_t ids[8][50];
	struct pair p;

	(void)state;
	many_init(&p, seed, 2000);
	p.client_cores = 8;
	pair_hosts(&p);
	assert_true(stack_listen(sim_core(p.server, 0), &local, 1000, sim_now(p.sim)) >= 0);
	for (unsigned k = 0; k < 8; k++) {
		for (unsigned i = 0; i < 50; i++) {
			int64_t id =
				stack_connect(sim_core(p.client, k), NULL, &remote, sim_now(p.sim));

			assert_true(id >= 0);
			ids[k][i] = (uint32_t)id;
		}
		sim_wake(p.client, k, sim_now(p.sim));
	}
	sim_run_for(p.sim, 500 * MT_MS);
	for (unsigned k = 0; k < 8; k++) {
		for (unsigned i = 0; i < 50; i++) {
			assert_int_equal(stack_state(sim_core(p.client, k), ids[k][i]),
					 TCPS_ESTABLISHED);
			stack_abort(sim_core(p.client, k), ids[k][i], sim_now(p.sim));
		}
		sim_wake(p.client, k, sim_now(p.sim));
	}
	sim_run_for(p.sim, 500 * MT_MS);
	stack_listen_close(sim_core(p.server, 0), 0, sim_now(p.sim));
	pair_end(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transactions),
		cmocka_unit_test(few_ports),
		cmocka_unit_test(accept_queue_recovers),
		cmocka_unit_test(idle_costs_nothing),
		cmocka_unit_test(ports_come_back_to_their_core),
	};

	seed = test_seed(argc, argv);
	return pair_run_tests(tests);
}
