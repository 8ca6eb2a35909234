// SPDX-License-Identifier: BSD-3-Clause
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPETITION 10e6 /* ns, at least */

#if defined(__clang__)
#define WORDS(x) #x
#define WORD(x)	 WORDS(x)
#define COMPILER                                                                                   \
	"clang " WORD(__clang_major__) "." WORD(__clang_minor__) "." WORD(__clang_patchlevel__)
#else
#define COMPILER "gcc " __VERSION__
#endif
#if defined(__x86_64__)
#define MACHINE "x86_64"
#elif defined(__aarch64__)
#define MACHINE "aarch64"
#else
#define MACHINE "other"
#endif

const char *measure_build(void)
{
	return COMPILER ", " MACHINE ", " BENCH_BUILD;
}

void measure_collect(struct measure *m)
{
	static const struct bench *const tables[] = {
		bench_base,	    bench_wire,	   bench_tcp,	 bench_stack, bench_core,
		bench_transactions, bench_sockets, bench_paired, bench_device};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		for (const struct bench *b = tables[i]; b->name; b++) {
			if (m->n == MEASURE_MAX)
				bench_fail("the table of rows is too small");
			m->rows[m->n++] = (struct measure_row){.bench = b, .instructions = -1};
		}
	}
}

/* An instruction counter counts what happens in here. */
BENCH_APART static void bench_counted(const struct bench *b, void *state)
{
	b->run(state, b->n);
}

static const struct bench *named(const struct measure *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (!strcmp(m->rows[i].bench->name, name))
			return m->rows[i].bench;
	}
	return NULL;
}

/* The first run fills caches, tables and free lists. */
int measure_count(struct measure *m, const char *name)
{
	const struct bench *b = named(m, name);
	struct bench_part parts[BENCH_PARTS];
	unsigned n = 1;
	void *state;

	if (!b) {
		fprintf(stderr, "mtcp-bench: nothing is called %s (mtcp-bench --list)\n", name);
		return 2;
	}
	state = b->setup();
	b->run(state, b->n);
	bench_counted(b, state);
	parts[0] = (struct bench_part){"all", "bench_counted", b->n};
	if (b->parts)
		n = b->parts(state, b->n, parts);
	for (unsigned i = 0; i < n; i++)
		printf("%s %llu %s\n", parts[i].name, (unsigned long long)parts[i].n,
		       parts[i].functions);
	b->teardown(state);
	return 0;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double run_ns(struct measure_row *r)
{
	double begun = now_ns();

	for (unsigned i = 0; i < r->loops; i++)
		r->bench->run(r->state, r->bench->n);
	return now_ns() - begun;
}

static void prepare(struct measure *m, struct measure_row *r)
{
	double took;

	r->ns = bench_alloc(m->repeats * sizeof(*r->ns));
	r->state = r->bench->setup();
	r->loops = 1;
	run_ns(r);
	took = run_ns(r);
	r->loops = took < REPETITION ? (unsigned)(REPETITION / (took + 1)) + 1 : 1;
	if (m->instructions)
		r->instructions = instructions_of(r->bench, r->state);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, unsigned n, double q)
{
	return sorted[(unsigned)(q * (double)(n - 1) + 0.5)];
}

static void print_row(const struct measure *m, const struct measure_row *r)
{
	printf("%-24s %-12s %10.1f %10.1f %10.1f", r->bench->name, r->bench->unit, r->ns[0],
	       quantile(r->ns, m->repeats, 0.5), quantile(r->ns, m->repeats, 0.9));
	if (r->instructions >= 0)
		printf(" %12.1f", r->instructions);
	putchar('\n');
}

static int write_json(const struct measure *m)
{
	FILE *f = strcmp(m->json, "-") ? fopen(m->json, "w") : stdout;
	const char *comma = "";

	if (!f) {
		perror(m->json);
		return 1;
	}
	fprintf(f, "{\"build\": \"%s\", \"repeats\": %u, \"results\": [", measure_build(),
		m->repeats);
	for (unsigned i = 0; i < m->n; i++) {
		const struct measure_row *r = &m->rows[i];

		if (!r->chosen)
			continue;
		fprintf(f,
			"%s\n {\"name\": \"%s\", \"unit\": \"%s\", \"ns_min\": %.2f, "
			"\"ns_median\": %.2f, \"ns_p90\": %.2f",
			comma, r->bench->name, r->bench->unit, r->ns[0],
			quantile(r->ns, m->repeats, 0.5), quantile(r->ns, m->repeats, 0.9));
		if (r->instructions >= 0)
			fprintf(f, ", \"instructions\": %.2f", r->instructions);
		fputc('}', f);
		comma = ",";
	}
	fputs("\n]}\n", f);
	return fflush(f) == 0 && (f == stdout || fclose(f) == 0) ? 0 : 1;
}

int measure_all(struct measure *m)
{
	int r;

	for (unsigned i = 0; i < m->n; i++) {
		if (m->rows[i].chosen)
			prepare(m, &m->rows[i]);
	}
	for (unsigned k = 0; k < m->repeats; k++) {
		for (unsigned i = 0; i < m->n; i++) {
			struct measure_row *row = &m->rows[i];

			if (row->chosen)
				row->ns[k] =
					run_ns(row) / (double)row->loops / (double)row->bench->n;
		}
	}
	if (!m->json || strcmp(m->json, "-"))
		printf("%-24s %-12s %10s %10s %10s%s\n", "", "per", "min ns", "median", "p90",
		       m->instructions ? " instructions" : "");
	for (unsigned i = 0; i < m->n; i++) {
		struct measure_row *row = &m->rows[i];

		if (!row->chosen)
			continue;
		qsort(row->ns, m->repeats, sizeof(*row->ns), ascending);
		row->bench->teardown(row->state);
		if (!m->json || strcmp(m->json, "-"))
			print_row(m, row);
	}
	r = m->json ? write_json(m) : 0;
	for (unsigned i = 0; i < m->n; i++)
		free(m->rows[i].ns);
	return r;
}
