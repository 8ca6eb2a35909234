// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-sim: one run of a scenario, its files and its summary. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "program.h"
#include "sim/run.h"

static bool interrupted(void *unused, const struct scn_result *so_far)
{
	(void)unused;
	(void)so_far;
	return program_stopped();
}

static FILE *open_file(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wbe");
	if (f == NULL)
		fprintf(stderr, "mtcp-sim: %s: %s; name a directory that can be written\n", path,
			strerror(errno));
	else
		setvbuf(f, NULL, _IOFBF, 1 << 18);
	return f;
}

static bool close_file(FILE *f, const char *name)
{
	bool bad = f != NULL && ferror(f) != 0;

	if (f == NULL || (fclose(f) == 0 && !bad))
		return true;
	fprintf(stderr, "mtcp-sim: %s is not complete: %s\n", name, strerror(errno));
	return false;
}

static double ms(mt_time t)
{
	return (double)t / 1e6;
}

static void print_flow(const char *name, const struct scn_flow_result *f)
{
	printf("%-12s %8" PRIu64 " %8" PRIu64 " %7" PRIu64 " %10.3f", name, f->started, f->done,
	       f->failed, f->goodput_bps / 1e6);
	if (f->times.n > 0)
		printf(" %9.2f %9.2f %9.2f %9.2f", ms(hist_quantile(&f->times, 0.5)),
		       ms(hist_quantile(&f->times, 0.9)), ms(hist_quantile(&f->times, 0.99)),
		       ms(f->times.max));
	putchar('\n');
}

static void print_trunk(uint32_t i, const char *dir, const struct sim_pipe_stats *p)
{
	uint64_t through = p->frames - p->lost - p->queue_full - p->too_big + p->duplicated;

	if (p->frames == 0)
		return;
	printf("trunk%" PRIu32 " %-4s %" PRIu64 " frames, %" PRIu64 " lost, %" PRIu64
	       " queue full, %" PRIu64 " marked, %" PRIu64
	       " too big; in the queue %.2f ms, at most %.2f ms\n",
	       i, dir, p->frames, p->lost, p->queue_full, p->marked, p->too_big,
	       through > 0 ? ms(p->queued) / (double)through : 0, ms(p->queued_max));
}

static void summary(const struct scenario *s, const struct scn_result *r)
{
	printf("%-12s %8s %8s %7s %10s %9s %9s %9s %9s\n", "flow", "started", "done", "failed",
	       "Mbit/s", "p50 ms", "p90 ms", "p99 ms", "max ms");
	for (uint32_t i = 0; i < s->n_flows; i++)
		print_flow(s->flows[i].name, &r->flows[i]);
	for (uint32_t i = 0; i < s->n_trunks; i++) {
		print_trunk(i, "up", &r->trunks[i][SIM_UP]);
		print_trunk(i, "down", &r->trunks[i][SIM_DOWN]);
	}
	printf("%" PRIu64 " frames, %" PRIu64 " segments sent again, %" PRIu64
	       " timeouts, fairness of endless flows %.3f\n",
	       r->frames, r->retransmits, r->timeouts, r->jain);
}

static int run(const struct scenario *s, const struct program_options *o, FILE *rows, FILE *capture)
{
	struct scn_run_options opt = {
		.seed = o->seed, .rows = rows, .capture = capture, .watch = interrupted};
	double start = program_cpu_s(), took;
	struct scn_result *r = scn_run(s, &opt);
	bool corrupted = r->corrupted;

	took = program_cpu_s() - start;
	summary(s, r);
	/* The only line that differs from run to run, so not on standard output. */
	fprintf(stderr, "%.3f s in %.3f s of processor time: %.0f times faster than real time\n",
		(double)r->ran / 1e9, took, (double)r->ran / 1e9 / took);
	if (corrupted)
		fprintf(stderr, "mtcp-sim: a byte arrived that was not sent, or one is missing\n");
	free(r);
	return corrupted ? 1 : 0;
}

static int run_to(const struct scenario *s, const struct program_options *o)
{
	FILE *rows, *capture;
	int status = 1;

	if (o->out == NULL)
		return run(s, o, NULL, NULL);
	if (mkdir(o->out, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "mtcp-sim: %s: %s; name a directory that can be made\n", o->out,
			strerror(errno));
		return 2;
	}
	rows = open_file(o->out, "flows.csv");
	capture = open_file(o->out, "sim.pcapng");
	if (rows != NULL && capture != NULL)
		status = run(s, o, rows, capture);
	if (!close_file(rows, "flows.csv"))
		status = 1;
	if (!close_file(capture, "sim.pcapng"))
		status = 1;
	return status;
}

int program_run(const char *path, const struct program_options *o)
{
	struct scenario *s = malloc(sizeof(*s));
	char err[SCN_ERR_LEN];
	int r;

	if (s == NULL)
		return 1;
	scn_init(s);
	r = scn_file(s, path, err);
	for (unsigned i = 0; i < o->n_set && r == 0; i++)
		r = scn_set(s, o->set[i], err);
	if (r == 0)
		r = scn_finish(s, path, err);
	if (r != 0)
		fprintf(stderr, "mtcp-sim: %s\n", err);
	r = r != 0 ? 2 : run_to(s, o);
	free(s);
	return r;
}
