// SPDX-License-Identifier: BSD-3-Clause
#include "counted.h"

#include <errno.h>
#include <stdio.h>

#define TICK_NS (5 * MS_NS)

struct watch {
	struct counts (*read)(void *arg);
	void *arg;
	const struct load_conf *conf;
	uint64_t told_at, told; /* the last line of progress */
};

static void event(const char *name)
{
	fprintf(stderr, "{\"event\":\"%s\"}\n", name);
	fflush(stderr);
}

static void progress(struct watch *w, uint64_t now, uint64_t done)
{
	double elapsed = (double)(now - w->told_at) / (double)SEC_NS;

	if (!w->conf->progress || elapsed < w->conf->interval_s)
		return;
	fprintf(stderr, "{\"event\":\"progress\",\"transactions_per_s\":%.0f}\n",
		(double)(done - w->told) / elapsed);
	w->told_at = now;
	w->told = done;
}

/* False when it was interrupted. */
static bool pass(struct watch *w, double seconds)
{
	const struct timespec tick = {.tv_nsec = (long)TICK_NS};
	uint64_t now = clock_ns(), until = now + (uint64_t)(seconds * (double)SEC_NS);

	w->told_at = now;
	w->told = w->read(w->arg).done;
	while (now < until && !interrupted()) {
		nanosleep(&tick, NULL);
		now = clock_ns();
		progress(w, now, w->read(w->arg).done);
	}
	return !interrupted();
}

int counted_check(struct run_opts *o, enum io_kind kind, char err[ERR_LEN])
{
	if (o->load.rate > 0 || o->load.connections > 0)
		return err_set(-EINVAL, err,
			       "--rate and --connections are a load generator's: this one runs for "
			       "--seconds");
	o->load.under_way = o->load.concurrency; /* none is held back */
	return run_opts_finish(o, kind, err);
}

int counted_run(struct counts (*read)(void *arg), void *arg, const struct row_info *info,
		const struct run_opts *o, char err[ERR_LEN])
{
	static struct load_result r; /* two histograms: too large for the stack */
	struct watch w = {.read = read, .arg = arg, .conf = &o->load};
	struct cpu_time begin, end;
	struct counts before, after;
	struct clock_pair at;

	hdr_reset(&r.latency);
	hdr_reset(&r.lag);
	if (!pass(&w, o->load.warmup_s))
		return run_end(-EINTR, info, o, &r, err);
	cpus_time(&info->server_cores, &begin);
	before = read(arg);
	event("measure_begin");
	at = clock_pair();
	r.interrupted = !pass(&w, o->load.seconds);
	r.seconds = (double)(clock_ns() - at.ns) / (double)SEC_NS;
	r.tsc_hz = tsc_hz_since(&at);
	after = read(arg);
	event("measure_end");
	cpus_time(&info->server_cores, &end);
	r.transactions = after.done - before.done;
	r.bytes = after.bytes - before.bytes;
	r.server_cpu = cpus_time_since(&begin, &end);
	return run_end(0, info, o, &r, err);
}
