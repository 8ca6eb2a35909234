// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-sim --soak: many connections, one after the other, over a link that loses; nothing may stay
 * behind. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "program.h"
#include "sim/run.h"

#define PARALLEL 256
#define GROWTH_MOST                                                                                \
	(1u << 20) /* bytes between the half and the end: measuring has its own noise              \
		    */

struct memory {
	uint64_t connections;
	size_t first, half, end; /* resident bytes */
};

static size_t resident_bytes(void)
{
	unsigned long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f != NULL && fscanf(f, "%lu %lu", &all, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static bool watch(void *ctx, const struct scn_result *so_far)
{
	struct memory *m = ctx;
	uint64_t done = so_far->flows[0].done;

	if (m->first == 0)
		m->first = resident_bytes();
	if (m->half == 0 && done >= m->connections / 2)
		m->half = resident_bytes();
	if (m->half != 0 && done < m->connections)
		m->end = resident_bytes();
	return program_stopped();
}

static bool report(const struct scn_result *r, const struct memory *m, double seconds)
{
	const struct scn_flow_result *f = &r->flows[0];
	bool flat = m->end <= m->half + GROWTH_MOST;

	printf("%" PRIu64 " connections done, %" PRIu64 " failed, %" PRIu64 " frames, %" PRIu64
	       " segments sent again\n",
	       f->done, f->failed, r->frames, r->retransmits);
	printf("all pools %s, memory %s\n", r->drained ? "empty" : "NOT EMPTY",
	       flat ? "flat" : "GROWS");
	fprintf(stderr,
		"%.0f connections per second of processor time; resident %zu, %zu, %zu KiB\n",
		(double)f->done / seconds, m->first >> 10, m->half >> 10, m->end >> 10);
	return r->drained && flat && !r->corrupted && f->failed == 0 && f->done == m->connections;
}

int program_soak(uint64_t connections, uint64_t seed)
{
	struct memory m = {.connections = connections};
	struct scn_run_options opt = {.seed = seed, .watch = watch, .ctx = &m, .drain = true};
	struct scenario *s = malloc(sizeof(*s));
	char text[512], err[SCN_ERR_LEN] = "";
	struct scn_result *r;
	double start = program_cpu_s();
	bool good;

	check(s != NULL);
	snprintf(text, sizeof(text),
		 "duration=30000000s\ntime_wait=500ms\n[host a]\ndelay=100us\n[host b]\nloss=1%%\n"
		 "[flow f]\nfrom=a\nto=b\nbytes=64\nresponse=64\nconnections=%" PRIu64
		 "\nparallel=%d\n",
		 connections, PARALLEL);
	scn_init(s);
	check(scn_text(s, "soak", text, err) == 0 && scn_finish(s, "soak", err) == 0);
	r = scn_run(s, &opt);
	good = report(r, &m, program_cpu_s() - start);
	free(r);
	free(s);
	return good ? 0 : 1;
}
