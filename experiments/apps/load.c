// SPDX-License-Identifier: BSD-3-Clause
/* The main thread's part: warm-up, window, and what is read at its two ends. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_worker.h"
#include "steady.h"

#define TICK_NS	   (5 * MS_NS)
#define SETTLE_FOR 3	/* warm-ups that a rate may take to become steady */
#define HOPELESS_S 3.0	/* without one answer, and with failures */
#define SILENT_S   20.0 /* without either */
#define DRAIN_NS   (2 * SEC_NS)
#define SETTLE_NS  (50 * MS_NS) /* for the last FINs */

struct load {
	struct load_shared shared;
	struct io_stack *stack;
	const struct load_conf *conf;
	const struct load_hooks *hooks;
	struct load_result *result;
	struct load_worker *workers[TEAM_MAX];
	unsigned n_workers;
	uint64_t begin, reported, reported_transactions;
	struct steady steady;
	uint64_t grown_at, grown_to; /* when connections opened grew last, to how many */
};

struct totals {
	uint64_t opened, active, transactions, connections, failed;
};

const char *load_failure_name(int code)
{
	const char *name;

	switch (code) {
	case LOAD_FAIL_CLOSED:
		return "closed_early";
	case LOAD_FAIL_RESPONSE:
		return "wrong_response";
	case LOAD_FAIL_STATUS:
		return "http_status";
	default:
		name = strerrorname_np(code);
		return name != NULL ? name : "unknown";
	}
}

static struct totals totals(struct load *l)
{
	struct totals t = {0};

	for (unsigned i = 0; i < l->n_workers; i++) {
		struct load_worker *w = l->workers[i];

		t.opened += counter_get(&w->n_opened);
		t.active += counter_get(&w->n_active);
		t.transactions += counter_get(&w->total_transactions);
		t.connections += counter_get(&w->total_connections);
		t.failed += counter_get(&w->total_failed);
	}
	return t;
}

static void set_phase(struct load *l, enum load_phase phase)
{
	atomic_store(&l->shared.phase, phase);
}

static void event(const char *name)
{
	fprintf(stderr, "{\"event\":\"%s\"}\n", name);
	fflush(stderr);
}

/* With the time of day, by which windows on several hosts are compared. */
static void event_now(const char *name)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(stderr, "{\"event\":\"%s\",\"at\":%lld.%06ld}\n", name, (long long)now.tv_sec,
		now.tv_nsec / 1000);
	fflush(stderr);
}

static double since(uint64_t at)
{
	return (double)(clock_ns() - at) / (double)SEC_NS;
}

static void report_progress(struct load *l)
{
	double elapsed = since(l->reported);
	struct totals t;

	if (!l->conf->progress || elapsed < l->conf->interval_s)
		return;
	t = totals(l);
	fprintf(stderr,
		"{\"event\":\"progress\",\"transactions_per_s\":%.0f,\"concurrency\":%llu,"
		"\"failed\":%llu}\n",
		(double)(t.transactions - l->reported_transactions) / elapsed,
		(unsigned long long)t.active, (unsigned long long)t.failed);
	fflush(stderr);
	l->reported = clock_ns();
	l->reported_transactions = t.transactions;
}

/* Sleeps one tick, less if the deadline is nearer. */
static void tick(struct load *l, uint64_t deadline)
{
	uint64_t now = clock_ns(), ns = TICK_NS;
	struct timespec ts = {0};

	if (deadline > now && deadline - now < ns)
		ns = deadline - now;
	ts.tv_nsec = (long)ns;
	nanosleep(&ts, NULL);
	report_progress(l);
}

static int give_up(struct load *l, const struct totals *t, char err[ERR_LEN])
{
	char target[ADDR_STRLEN];

	addr_format(&l->conf->target, target);
	if (t->failed > 0)
		return err_set(
			-ECONNREFUSED, err,
			"no answer from %s, and %llu connections failed: is the server running?",
			target, (unsigned long long)t->failed);
	return err_set(-ETIMEDOUT, err, "no answer from %s in %.0f s: is the server running there?",
		       target, SILENT_S);
}

/* A trace that was made up has as many flows as it shall once its ramp is over, when more have been
 * opened than are there. */
static bool ramped(const struct load *l, const struct totals *t)
{
	const struct load_conf *conf = l->conf;

	return t->opened >= conf->concurrency &&
	       (conf->app != APP_REPLAY || since(l->begin) >= conf->concurrency / conf->ramp_rate);
}

static int check_workers(struct load *l, char err[ERR_LEN])
{
	if (team_running(&l->shared.team))
		return 0;
	return err_set(-EIO, err, "a worker failed while waiting for events");
}

/* All connections have been there for the last half of the warm-up, and what comes of them is a
 * steady rate, or will hardly become one. */
static bool settled(struct load *l, const struct totals *t, uint64_t ramped_at)
{
	const struct load_conf *conf = l->conf;

	steady_note(&l->steady, clock_ns(), t->transactions);
	if (since(l->begin) < conf->warmup_s || since(ramped_at) < conf->warmup_s / 2 ||
	    (t->transactions == 0 && conf->rate <= 0 && conf->warmup_s > 0))
		return false;
	l->result->steady = steady_reached(&l->steady);
	return l->result->steady || since(ramped_at) >= SETTLE_FOR * conf->warmup_s;
}

/* Until all connections have been opened once, the warm-up's time is over and the rate steady. 0,
 * -EINTR or -errno.
 */
static int warm_up(struct load *l, char err[ERR_LEN])
{
	const struct load_conf *conf = l->conf;
	double limit = conf->warmup_s + 3 * conf->concurrency / conf->ramp_rate + 10;
	uint64_t ramped_at = 0;
	struct totals t;

	for (;;) {
		t = totals(l);
		if (ramped_at == 0 && ramped(l, &t)) {
			ramped_at = clock_ns();
			/* Where each arrival opens its own, none is opened before. */
			if (conf->app == APP_REPLAY || conf->rate <= 0 || conf->messages > 1)
				l->result->opened_per_s = (double)t.opened / since(l->begin);
		}
		if (ramped_at != 0 && settled(l, &t, ramped_at))
			return 0;
		if (since(l->begin) >= limit && t.transactions > 0) {
			l->result->ramp_incomplete = ramped_at == 0;
			return 0;
		}
		if (t.opened > l->grown_to) {
			l->grown_to = t.opened;
			l->grown_at = clock_ns();
		}
		if (t.transactions == 0 &&
		    since(l->grown_at) > (t.failed > 0 ? HOPELESS_S : SILENT_S))
			return give_up(l, &t, err);
		if (interrupted())
			return -EINTR;
		if (check_workers(l, err) < 0)
			return -EIO;
		tick(l, UINT64_MAX);
	}
}

/* The load goes on, unmeasured, until the window may begin. 0, -EINTR or -errno. */
static int hold(struct load *l, char err[ERR_LEN])
{
	if (l->hooks->released == NULL)
		return 0;
	event("ready");
	while (!l->hooks->released(l->hooks->arg)) {
		if (interrupted())
			return -EINTR;
		if (check_workers(l, err) < 0)
			return -EIO;
		tick(l, UINT64_MAX);
	}
	return 0;
}

static void snapshot(struct load *l, struct cpu_time *server, struct cpu_time *client, bool begin)
{
	struct load_result *r = l->result;

	cpus_time(&l->conf->server_cpus, server);
	cpus_time(&l->stack->conf.cpus, client);
	if (!begin)
		r->memory_end = resident_bytes();
	l->stack->ops->stack_stats(l->stack, begin ? &r->client_begin : &r->client_end);
	if (l->hooks->server_stats == NULL)
		return;
	r->has_server_stats = true;
	l->hooks->server_stats(l->hooks->arg, begin ? &r->server_begin : &r->server_end);
}

static bool window_over(struct load *l, uint64_t deadline)
{
	struct totals t;

	if (clock_ns() >= deadline)
		return true;
	if (interrupted()) {
		l->result->interrupted = true;
		return true;
	}
	if (l->conf->connections == 0)
		return false;
	t = totals(l);
	return t.connections + t.failed >= l->conf->connections;
}

/* 0, or -EIO: a worker failed, so that the window was not that of all. */
static int measure(struct load *l, char err[ERR_LEN])
{
	struct cpu_time server[2], client[2];
	struct load_result *r = l->result;
	uint64_t begin, deadline;
	struct clock_pair pair;

	r->failed_before = totals(l).failed;
	snapshot(l, &server[0], &client[0], true);
	event_now("measure_begin");
	pair = clock_pair();
	begin = pair.ns;
	deadline = begin + (uint64_t)(l->conf->seconds * (double)SEC_NS);
	set_phase(l, LOAD_MEASURE);
	while (!window_over(l, deadline)) {
		if (check_workers(l, err) < 0)
			return -EIO;
		tick(l, deadline);
	}
	set_phase(l, LOAD_DRAIN);
	r->seconds = since(begin);
	r->tsc_hz = tsc_hz_since(&pair);
	snapshot(l, &server[1], &client[1], false);
	r->failed_total = totals(l).failed;
	event_now("measure_end");
	r->server_cpu = cpus_time_since(&server[0], &server[1]);
	r->client_cpu = cpus_time_since(&client[0], &client[1]);
	return check_workers(l, err);
}

/* Lets connections end in their own way, for a while, so that none is torn down in the middle. */
static void drain(struct load *l)
{
	uint64_t deadline = clock_ns() + DRAIN_NS;

	while (clock_ns() < deadline && totals(l).active > 0 && team_running(&l->shared.team))
		tick(l, deadline);
	deadline = clock_ns() + SETTLE_NS;
	while (clock_ns() < deadline)
		tick(l, deadline);
}

static void collect(struct load *l)
{
	struct load_result *r = l->result;
	double sum = 0, squares = 0;

	hdr_reset(&r->latency);
	hdr_reset(&r->lag);
	for (unsigned i = 0; i < l->n_workers; i++) {
		struct load_worker *w = l->workers[i];

		r->transactions += w->transactions;
		r->connections += w->connections;
		r->bytes += w->bytes;
		r->stuck += w->stuck + w->hung;
		r->hung += w->hung;
		for (unsigned k = 0; k < LOAD_N_FAILURES; k++) {
			r->failures[k] += w->failures[k];
			r->failed += w->failures[k];
		}
		hdr_merge(&r->latency, &w->latency);
		hdr_merge(&r->lag, &w->lag);
		if (w->bulk != NULL)
			bulk_flows_add(w, &sum, &squares);
	}
	if (r->failed_total < r->failed_before + r->failed) /* a worker saw the end later */
		r->failed_total = r->failed_before + r->failed;
	r->fairness = squares > 0 ? sum * sum / (squares * l->conf->concurrency) : 0;
	r->complete = true;
}

static void destroy(struct load *l)
{
	for (unsigned i = 0; i < l->n_workers; i++)
		load_worker_destroy(l->workers[i]);
	free(l);
}

static struct load *create(struct io_stack *stack, const struct load_conf *conf,
			   const struct load_hooks *hooks)
{
	struct load *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->stack = stack;
	l->conf = conf;
	l->hooks = hooks;
	l->shared.conf = conf;
	l->shared.aside = hooks->aside;
	l->shared.both_ours = hooks->server_stats != NULL;
	for (; l->n_workers < stack->n_workers; l->n_workers++) {
		l->workers[l->n_workers] =
			load_worker_create(&l->shared, l->n_workers, stack->n_workers);
		if (l->workers[l->n_workers] == NULL) {
			destroy(l);
			return NULL;
		}
	}
	return l;
}

int load_run(struct io_stack *stack, const struct load_conf *conf, const struct load_hooks *hooks,
	     struct load_result *result, char err[ERR_LEN])
{
	struct load *l = create(stack, conf, hooks);
	void *workers[TEAM_MAX];
	int ret;

	if (l == NULL)
		return err_set(-ENOMEM, err, "no memory for %u connections", conf->concurrency);
	memset(result, 0, sizeof(*result));
	l->result = result;
	for (unsigned i = 0; i < l->n_workers; i++)
		workers[i] = l->workers[i];
	ret = team_start(&l->shared.team, stack, &load_job, workers, err);
	if (ret < 0) {
		destroy(l);
		return ret;
	}
	result->memory_begin = resident_bytes();
	l->begin = l->reported = l->grown_at = clock_ns();
	if (conf->connections == 0) {
		set_phase(l, LOAD_WARMUP);
		ret = warm_up(l, err);
	}
	if (ret == 0)
		ret = hold(l, err);
	if (ret == 0)
		ret = measure(l, err);
	set_phase(l, LOAD_DRAIN);
	drain(l);
	team_stop(&l->shared.team);
	collect(l);
	destroy(l);
	return ret;
}
