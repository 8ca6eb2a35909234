// SPDX-License-Identifier: BSD-3-Clause
/*
 * Congestion control changed in the middle of a transfer, from each algorithm to each other, over a
 * link that loses, marks and overflows: every byte arrives, nothing stalls, nothing leaks. And the
 * example of docs/congestion-control.md, as it stands there.
 */
#include "cc_scalable.h"
#include "seed.h"
#include "sim_pair.h"

#define COUNT(name)  +1
#define N_ALGORITHMS (0 CC_ALGORITHMS(COUNT))

static uint64_t seed;

static const struct cc_ops *algorithm(unsigned i)
{
#define ADDRESS(name) &cc_##name,
	static const struct cc_ops *const all[] = {CC_ALGORITHMS(ADDRESS)};

	return all[i];
}

static struct {
	struct stack_core *sc;
	uint32_t id;
} conn;

static void opened(struct stack_core *sc, uint32_t id)
{
	conn.sc = sc;
	conn.id = id;
}

static void pair_faulty(struct pair *p, const struct cc_ops *cc)
{
	pair_init(p, seed);
	p->know_macs = true;
	p->up = (struct sim_pipe){.rate_bps = 20000000,
				  .delay = 10 * MT_MS,
				  .queue_bytes = 40000,
				  .ecn_bytes = 30000,
				  .loss = 0.005,
				  .reorder = 0.005,
				  .reorder_delay = 5 * MT_MS};
	p->cfg.tcp.ecn = TCP_ECN_ASK;
	p->cfg.tcp.cc = cc;
}

static void switching(const struct cc_ops *a, const struct cc_ops *b, mt_time every)
{
	struct stream_plan client = {.tx_bytes = 1000, .rx_bytes = 3000000, .opened = opened};
	struct stream_plan server = {.tx_bytes = 3000000, .rx_bytes = 1000, .opened = opened};
	unsigned n = 0;
	struct pair p;

	pair_faulty(&p, a);
	pair_start(&p, &client, &server);
	mt_time start = sim_now(p.sim);

	sim_run_for(p.sim, 100 * MT_MS);
	assert_ptr_equal(conn.sc, sim_core(p.server, 0));
	while (p.sv.n_live && sim_now(p.sim) - start < 60 * MT_SEC) {
		const struct cc_ops *next = n++ % 2 ? a : b;

		assert_int_equal(stack_set_cc(conn.sc, conn.id, next->name, sim_now(p.sim)), 0);
		assert_string_equal(stack_get_cc(conn.sc, conn.id), next->name);
		sim_run_for(p.sim, every);
	}
	pair_run(&p, MT_SEC);
	if (p.cl.n_done != 1 || n < 2)
		pair_fail(&p, "%s and %s: %u changes, errno %d", a->name, b->name, n,
			  p.cl.last_error);
	pair_end(&p);
}

static void each_to_each_other(void **state)
{
	static const mt_time every[] = {7 * MT_MS, 31 * MT_MS, 200 * MT_MS};

	(void)state;
	for (unsigned a = 0; a < N_ALGORITHMS; a++)
		for (unsigned b = 0; b < N_ALGORITHMS; b++)
			for (unsigned k = 0; k < 3; k++)
				switching(algorithm(a), algorithm(b), every[k]);
}

static void transfer(const struct cc_ops *cc)
{
	struct stream_plan client = {.tx_bytes = 1000, .rx_bytes = 3000000};
	struct stream_plan server = {.tx_bytes = 3000000, .rx_bytes = 1000};
	struct pair p;

	pair_faulty(&p, cc);
	pair_start(&p, &client, &server);
	mt_time took = pair_run(&p, 60 * MT_SEC);

	print_message("%s: %.2f s\n", cc->name, (double)took / 1e9);
	assert_int_equal(p.cl.n_done, 1);
	pair_end(&p);
}

static void each_by_itself(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_ALGORITHMS; i++)
		transfer(algorithm(i));
}

static void the_example_of_the_documentation(void **state)
{
	(void)state;
	transfer(&cc_scalable);
}

/* The change itself moves no window. */
static void a_change_keeps_the_window(void **state)
{
	(void)state;
	for (unsigned a = 0; a < N_ALGORITHMS; a++) {
		for (unsigned b = 0; b < N_ALGORITHMS; b++) {
			struct cc cc;

			cc_init(&cc, algorithm(a), 1460, 10);
			cc.cwnd = 77 * 1460;
			cc.ssthresh = 55 * 1460;
			cc.ops = algorithm(b);
			cc.u.cold = NULL;
			cc.ops->init(&cc);
			assert_int_equal(cc.cwnd, 77 * 1460);
			assert_int_equal(cc.ssthresh, 55 * 1460);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_to_each_other),
	cmocka_unit_test(each_by_itself),
	cmocka_unit_test(the_example_of_the_documentation),
	cmocka_unit_test(a_change_keeps_the_window),
};

int main(int argc, char **argv)
{
	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
