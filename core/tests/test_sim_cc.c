// SPDX-License-Identifier: BSD-3-Clause
/*
 * Congestion control over links: shares of a bottleneck, what loss does to it, how long the queue
 * is. A server sends to one or two clients, each on its own leg; the server's link is the
 * bottleneck.
 */
#include <math.h>

#include "seed.h"
#include "sim_pair.h"

#define N_MAX 2

static uint64_t seed;

struct net {
	struct sim *sim;
	struct sim_node *server, *client[N_MAX];
	struct stream_app sv, cl[N_MAX];
	struct stack_addr addr[N_MAX + 1];
	struct stack_config cfg;
	struct sim_pipe bottleneck;
	mt_time leg; /* delay of the rest of the way to the client and back */
	const struct cc_ops *cc;
	unsigned n;
};

static void net_init(struct net *n, const struct cc_ops *cc, unsigned n_clients)
{
	*n = (struct net){.sim = sim_create(seed), .cfg = stack_config_default, .cc = cc};
	n->n = n_clients;
	n->cfg.n_conns = 16;
	n->cfg.n_time_wait = 16;
	n->cfg.n_neigh = 16;
	n->cfg.buf_bytes = 32u << 20;
	n->cfg.tcp = tcp_config_default;
	n->cfg.tcp.rcvbuf = n->cfg.tcp.sndbuf = 2u << 20;
	n->cfg.tcp.cc = cc;
}

static struct sim_node *net_host(struct net *n, unsigned i)
{
	struct sim_host_config hc = {.stack = &n->cfg};

	n->addr[i] = (struct stack_addr){ip_from_v4(SERVER_V4 + i), 24};
	n->cfg.addrs = &n->addr[i];
	n->cfg.n_addrs = 1;
	return sim_host(n->sim, &hc);
}

/* Each client wants more than it can get; the second comes a second later. */
static void net_start(struct net *n)
{
	struct stream_plan server = {.tx_bytes = UINT32_MAX}, client = {.rx_bytes = UINT32_MAX};
	struct sim_pipe leg = {.delay = n->leg};

	n->server = net_host(n, 0);
	sim_link(n->server, SIM_UP, &n->bottleneck);
	stream_serve(&n->sv, n->server, &server, SERVER_PORT, 8);
	client.remote = pair_remote();
	for (unsigned i = 0; i < n->n; i++) {
		n->client[i] = net_host(n, i + 1);
		sim_link(n->client[i], SIM_UP, &leg);
		stream_connect(&n->cl[i], n->client[i], &client);
		sim_run_for(n->sim, MT_SEC);
	}
}

struct result {
	double mbps[N_MAX], sum, jain;
	double queue_ms, queue_max_ms; /* mean wait in the bottleneck */
	uint64_t lost, full, marked;
	uint64_t reduced; /* times that marks made a window of the server's smaller, ever */
};

/* What happens in `seconds` from now. */
static struct result net_measure(struct net *n, unsigned seconds)
{
	struct sim_pipe_stats s0 = *sim_link_stats(n->server, SIM_UP);
	uint64_t before[N_MAX] = {0};
	struct result r = {0};
	double squares = 0;

	for (unsigned i = 0; i < n->n; i++)
		before[i] = n->cl[i].received;
	sim_run_for(n->sim, seconds * MT_SEC);

	const struct sim_pipe_stats *s = sim_link_stats(n->server, SIM_UP);

	for (unsigned i = 0; i < n->n; i++) {
		assert_null(n->cl[i].wrong);
		r.mbps[i] = (double)(n->cl[i].received - before[i]) * 8 / 1e6 / seconds;
		r.sum += r.mbps[i];
		squares += r.mbps[i] * r.mbps[i];
	}
	r.jain = r.sum * r.sum / (n->n * squares);
	r.queue_ms = (double)(s->queued - s0.queued) / 1e6 / (double)(s->frames - s0.frames);
	r.queue_max_ms = (double)s->queued_max / 1e6;
	r.lost = s->lost - s0.lost;
	r.full = s->queue_full - s0.queue_full;
	r.marked = s->marked - s0.marked;
	print_message("%s x %u: %.2f + %.2f Mbit/s, Jain %.3f, queue %.2f ms (most %.2f), lost "
		      "%" PRIu64 ", full %" PRIu64 ", marked %" PRIu64 "\n",
		      cc_name(n->cc), n->n, r.mbps[0], r.mbps[1], r.jain, r.queue_ms,
		      r.queue_max_ms, r.lost, r.full, r.marked);
	return r;
}

static void net_end(struct net *n)
{
	for (unsigned i = 0; i < n->n; i++)
		stream_free(&n->cl[i]);
	stream_free(&n->sv);
	sim_destroy(n->sim);
}

/* 10 Mbit/s x 40 ms, a queue of one product: 50 kB. */
static void fairness(const struct cc_ops *cc, uint32_t queue)
{
	struct result r;
	struct net n;

	net_init(&n, cc, 2);
	n.bottleneck =
		(struct sim_pipe){.rate_bps = 10000000, .delay = 20 * MT_MS, .queue_bytes = queue};
	n.leg = 20 * MT_MS;
	net_start(&n);
	sim_run_for(n.sim, 20 * MT_SEC);
	r = net_measure(&n, 60);
	assert_true(r.jain >= 0.9);
	assert_true(r.sum > 9.0);
	net_end(&n);
}

static void two_cubic_share(void **state)
{
	(void)state;
	fairness(&cc_cubic, 50000);
}

static void two_reno_share(void **state)
{
	(void)state;
	fairness(&cc_newreno, 50000);
}

static void two_bbr_share(void **state)
{
	(void)state;
	fairness(&cc_bbr, 200000);
}

/* 10 Mbit/s x 40 ms with 1% of frames lost at random. */
static struct result lossy(const struct cc_ops *cc)
{
	struct result r;
	struct net n;

	net_init(&n, cc, 1);
	n.bottleneck = (struct sim_pipe){
		.rate_bps = 10000000, .delay = 20 * MT_MS, .queue_bytes = 100000, .loss = 0.01};
	n.leg = 20 * MT_MS;
	net_start(&n);
	sim_run_for(n.sim, 5 * MT_SEC);
	r = net_measure(&n, 40);
	net_end(&n);
	return r;
}

static void bbr_fills_a_lossy_link(void **state)
{
	(void)state;
	assert_true(lossy(&cc_bbr).sum > 8.5);
}

static void reno_does_not(void **state)
{
	(void)state;
	assert_true(lossy(&cc_newreno).sum < 6);
}

/* A queue of a second: who fills it until it overflows waits for all of it. */
static struct result deep(const struct cc_ops *cc)
{
	struct result r;
	struct net n;

	net_init(&n, cc, 1);
	n.bottleneck = (struct sim_pipe){
		.rate_bps = 10000000, .delay = 20 * MT_MS, .queue_bytes = 1250000};
	n.leg = 20 * MT_MS;
	net_start(&n);
	sim_run_for(n.sim, 5 * MT_SEC);
	r = net_measure(&n, 40);
	net_end(&n);
	return r;
}

static void bbr_keeps_the_queue_small(void **state)
{
	struct result r;

	(void)state;
	r = deep(&cc_bbr);
	assert_true(r.sum > 8.8);
	assert_true(r.queue_ms < 25);
}

static void cubic_fills_the_queue(void **state)
{
	(void)state;
	assert_true(deep(&cc_cubic).queue_ms > 200);
}

/* RFC 8257: 100 Mbit/s x 1 ms, marks above 20 segments. No loss, a queue about the threshold. */
static struct result marked(const struct cc_ops *cc, uint8_t ecn, unsigned flows)
{
	struct result r;
	struct net n;

	net_init(&n, cc, flows);
	n.cfg.tcp.ecn = ecn;
	n.bottleneck = (struct sim_pipe){.rate_bps = 100000000,
					 .delay = 500 * MT_US,
					 .queue_bytes = 300000,
					 .ecn_bytes = 30000};
	n.leg = 500 * MT_US;
	net_start(&n);
	r = net_measure(&n, 4);
	r.reduced = pair_stats(n.server)->ecn_reductions;
	net_end(&n);
	return r;
}

static void dctcp_keeps_the_queue_at_the_threshold(void **state)
{
	struct result r;

	(void)state;
	r = marked(&cc_dctcp, TCP_ECN_ACCEPT, 1);
	assert_int_equal(r.full, 0);
	assert_true(r.marked > 0);
	assert_true(r.sum > 93);
	assert_true(r.queue_ms > 0.5 && r.queue_ms < 3.6); /* 30 kB are 2.4 ms */
}

static void two_dctcp_share(void **state)
{
	struct result r;

	(void)state;
	r = marked(&cc_dctcp, TCP_ECN_ACCEPT, 2);
	assert_int_equal(r.full, 0);
	assert_true(r.jain > 0.9);
	assert_true(r.sum > 93);
}

static void cubic_with_ecn_loses_nothing(void **state)
{
	struct result r;

	(void)state;
	r = marked(&cc_cubic, TCP_ECN_ASK, 1);
	assert_int_equal(r.full, 0);
	assert_true(r.marked > 0);
	assert_true(r.reduced > 0);
	assert_true(r.sum > 80);
}

static void cubic_without_ecn_overflows_it(void **state)
{
	struct result r;

	(void)state;
	r = marked(&cc_cubic, TCP_ECN_OFF, 1);
	assert_int_equal(r.marked, 0);
	assert_int_equal(r.reduced, 0);
	assert_true(r.full > 0);
}

/* 10 Mbit/s x 80 ms, a queue of seven products: what slow start loses, where HyStart++ sees the
 * queue grow and where nothing does. */
static void hystart_leaves_slow_start_in_time(void **state)
{
	const struct cc_ops *const ccs[] = {&cc_newreno, &cc_cubic};
	uint64_t full[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct net n;

		net_init(&n, ccs[i], 1);
		n.bottleneck = (struct sim_pipe){
			.rate_bps = 10000000, .delay = 40 * MT_MS, .queue_bytes = 700000};
		n.leg = 40 * MT_MS;
		net_start(&n);
		full[i] = net_measure(&n, 2).full + sim_link_stats(n.server, SIM_UP)->queue_full;
		net_end(&n);
	}
	print_message("dropped in slow start: reno %" PRIu64 ", cubic %" PRIu64 "\n", full[0],
		      full[1]);
	assert_true(full[0] > 20);
	assert_int_equal(full[1], 0);
}

/* A queue shorter than the initial window: what leaves evenly passes it. */
static void pacing_spares_a_short_queue(void **state)
{
	struct stream_plan client = {.rx_bytes = 14000}, server = {.tx_bytes = 14000};
	uint64_t full[2];

	(void)state;
	for (unsigned paced = 0; paced < 2; paced++) {
		struct pair p;

		pair_init(&p, seed);
		p.know_macs = true;
		p.up = (struct sim_pipe){
			.rate_bps = 50000000, .delay = 20 * MT_MS, .queue_bytes = 6000};
		p.cfg.tcp.pacing = paced;
		pair_start(&p, &client, &server);
		pair_run(&p, 10 * MT_SEC);
		full[paced] = sim_link_stats(p.server, SIM_UP)->queue_full;
		pair_end(&p);
	}
	assert_true(full[0] > 0);
	assert_int_equal(full[1], 0);
}

/* Fault 9: ten segments leave at once, so that 8 KB take the request and one round trip. */
static void fault_09_eight_kilobytes_in_one_round_trip(void **state)
{
	struct stream_plan client = {.tx_bytes = 100, .rx_bytes = 8192};
	struct stream_plan server = {.rx_bytes = 100, .tx_bytes = 8192, .answer = true};
	struct pair p;

	(void)state;
	pair_init(&p, seed);
	p.know_macs = true;
	p.up.delay = 50 * MT_MS;
	pair_start(&p, &client, &server);
	sim_run_for(p.sim, 190 * MT_MS); /* SYN, SYN/ACK, request: the answer is on its way */
	assert_int_equal(p.cl.received, 0);
	sim_run_for(p.sim, 15 * MT_MS);
	assert_int_equal(p.cl.received, 8192);
	pair_run(&p, 10 * MT_SEC);
	pair_end(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(two_cubic_share),
	cmocka_unit_test(two_reno_share),
	cmocka_unit_test(two_bbr_share),
	cmocka_unit_test(bbr_fills_a_lossy_link),
	cmocka_unit_test(reno_does_not),
	cmocka_unit_test(bbr_keeps_the_queue_small),
	cmocka_unit_test(cubic_fills_the_queue),
	cmocka_unit_test(dctcp_keeps_the_queue_at_the_threshold),
	cmocka_unit_test(two_dctcp_share),
	cmocka_unit_test(cubic_with_ecn_loses_nothing),
	cmocka_unit_test(cubic_without_ecn_overflows_it),
	cmocka_unit_test(hystart_leaves_slow_start_in_time),
	cmocka_unit_test(pacing_spares_a_short_queue),
	cmocka_unit_test(fault_09_eight_kilobytes_in_one_round_trip),
};

int main(int argc, char **argv)
{
	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
