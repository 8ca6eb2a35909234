// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random scripts against the model: `--events N` in all, from `--seed N` on. A disagreement prints
 * the seed that leads to it at once and the shortest script that still shows it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/run.h"
#include "seed.h"

static uint64_t argument(int argc, char **argv, const char *name, uint64_t value)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			value = strtoull(argv[i + 1], NULL, 0);
	return value;
}

/* Leaves out what can be left out: halves, quarters, ... single events, until none can. */
static void minimise(const struct gen_script *g, bool *skip)
{
	bool again = true;

	for (unsigned size = g->n; size > 0 && (size > 1 || again);
	     size = size > 1 ? size / 2 : 1) {
		again = false;
		for (unsigned i = 0; i < g->n; i += size) {
			bool tried[GEN_EVENTS];
			bool news = false;

			memcpy(tried, skip, sizeof(tried));
			for (unsigned k = i; k < i + size && k < g->n; k++) {
				news |= !tried[k];
				tried[k] = true;
			}
			if (!news || !run_script(g, tried, NULL).wrong)
				continue;
			memcpy(skip, tried, sizeof(tried));
			again = true;
		}
	}
}

static void simplify(struct gen_script *g, const bool *skip)
{
	for (unsigned i = 0; i < g->n; i++) {
		struct gen_event was = g->e[i];

		g->e[i].dt_ms = 0;
		if (!run_script(g, skip, NULL).wrong)
			g->e[i] = was;
		was = g->e[i];
		g->e[i].n_sack = 0;
		g->e[i].ts = TS_CLOCK;
		if (!run_script(g, skip, NULL).wrong)
			g->e[i] = was;
	}
}

static void report(struct gen_script *g, unsigned at)
{
	bool skip[GEN_EVENTS] = {false};

	for (unsigned i = at + 1; i < g->n; i++)
		skip[i] = true;
	minimise(g, skip);
	simplify(g, skip);
	printf("the stack and the model disagree; again by --seed %" PRIu64 " --events 1\n",
	       g->seed);
	run_script(g, skip, stdout);
}

int main(int argc, char **argv)
{
	static const bool all[GEN_EVENTS];
	uint64_t seed = test_seed(argc, argv);
	uint64_t n_events = argument(argc, argv, "--events", 200000), n = 0, n_scripts = 0;
	uint64_t arrivals[TCPS_COUNT] = {0};
	static struct gen_script g;

	while (n < n_events) {
		struct run_result r;

		gen_script(&g, seed + n_scripts++);
		r = run_script(&g, all, NULL);
		n += r.n_run;
		for (unsigned i = 0; i < TCPS_COUNT; i++)
			arrivals[i] += r.arrivals[i];
		if (r.wrong) {
			report(&g, r.at);
			return 1;
		}
	}
	printf("%" PRIu64 " events in %" PRIu64 " scripts; segments arrived in\n", n, n_scripts);
	for (unsigned i = TCPS_SYN_SENT; i < TCPS_COUNT; i++) {
		printf("  %-13s %8" PRIu64 "\n", tcp_state_name((enum tcp_state)i), arrivals[i]);
		if (n >= 100000 && arrivals[i] < n / 500) {
			printf("too few: the generator hardly gets there\n");
			return 1;
		}
	}
	return 0;
}
