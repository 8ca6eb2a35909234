// SPDX-License-Identifier: BSD-3-Clause
#include "row.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATOR_BUSY 0.97   /* the load's cores are the limit from here on ... */
#define GENERATOR_LAG  1000.0 /* us: ... or, with a timing of its own, it is later than this ... */
#define SERVER_BUSY    0.95   /* ... unless the server's cores are the limit */

/* Shares of a stack's time, by part; NAN where unknown. */
struct shares {
	double app, tcpip, packet_io, idle;
	double busy_cycles;
};

static void put(json_t *row, const char *key, json_t *value)
{
	json_object_set_new(row, key, value);
}

/* NAN: unknown */
static json_t *real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* 0: unknown */
static json_t *hz(uint64_t value)
{
	return value > 0 ? integer(value) : json_null();
}

static json_t *text(const char *value)
{
	return value != NULL ? json_string(value) : json_null();
}

static json_t *cores(const struct cpu_list *list)
{
	char out[256];

	if (list->n == 0)
		return json_null();
	cpus_format(list, out, sizeof(out));
	return json_string(out);
}

static json_t *us_at(const struct hdr *h, double q)
{
	return h->n > 0 ? json_real((double)hdr_quantile(h, q) / 1e3) : json_null();
}

static struct shares shares_of(const struct io_stats *begin, const struct io_stats *end)
{
	struct shares s = {NAN, NAN, NAN, NAN, NAN};
	double total = (double)(end->total - begin->total);

	if (!end->has_cycles || end->total <= begin->total)
		return s;
	s.app = (double)(end->app - begin->app) / total;
	s.tcpip = (double)(end->tcp - begin->tcp + end->timers - begin->timers) / total;
	s.packet_io = (double)(end->rx - begin->rx + end->tx - begin->tx) / total;
	s.idle = (double)(end->idle - begin->idle) / total;
	s.busy_cycles = total - (double)(end->idle - begin->idle);
	return s;
}

/* Share of the cores' time (without what was stolen) that they were busy. */
static double busy_of(const struct cpu_time *cpu, unsigned n_cores, double seconds)
{
	double available = seconds * n_cores - cpu->steal;

	return n_cores > 0 && available > 0 ? cpu->busy / available : NAN;
}

/* Our loop runs no kernel code of its own: what no part has is the way from one to the next.
 * Paired, that is the change from the application's thread to the stack's and back, which the
 * kernel does. */
static void put_shares(json_t *row, const struct shares *s, enum io_kind kind)
{
	double rest = fmax(0, 1 - s->app - s->tcpip - s->packet_io - s->idle);
	bool known = isfinite(s->idle), paired = kind == IO_MTCP_PAIRED;

	put(row, "cpu_app", real(s->app));
	put(row, "cpu_tcpip", real(s->tcpip));
	put(row, "cpu_packet_io", real(s->packet_io));
	put(row, "cpu_kernel_other", known ? json_real(paired ? rest : 0) : json_null());
	put(row, "cpu_idle", real(s->idle));
	put(row, "cpu_unclassified", known ? json_real(paired ? 0 : rest) : json_null());
}

static void put_head(json_t *row, const struct row_info *info)
{
	put(row, "experiment", text(info->experiment));
	put(row, "stack", text(io_kind_names[info->kind]));
	put(row, "device", text(info->device));
	put(row, "seed", integer(info->seed));
	put(row, "repeat", info->repeat > 0 ? integer(info->repeat) : json_null());
	put(row, "server_cores", cores(&info->server_cores));
	put(row, "client_cores", cores(&info->client_cores));
}

static void put_threads(json_t *row, const struct row_info *info)
{
	put(row, "server_threads",
	    info->server_threads > 0 ? integer(info->server_threads) : json_null());
}

/* The generator's own limit: its share of busy time (closed loop), or how late it was (open loop:
 * the kernel's client waits for an arrival nearer than a millisecond without sleeping, and is busy
 * with nothing). */
struct generator {
	double client_busy, server_busy, lag;
	bool judged, limited;
};

static bool is_open_loop(const struct load_conf *conf)
{
	return conf->rate > 0 || conf->app == APP_REPLAY;
}

static struct generator generator_of(const struct row_info *info, const struct load_conf *conf,
				     const struct load_result *r)
{
	struct shares client = shares_of(&r->client_begin, &r->client_end);
	struct shares server = shares_of(&r->server_begin, &r->server_end);
	struct generator g;

	/* a polling loop keeps its core busy with nothing: its own account tells */
	g.client_busy = isfinite(client.idle)
				? 1 - client.idle
				: busy_of(&r->client_cpu, info->client_cores.n, r->seconds);
	g.server_busy = isfinite(server.idle)
				? 1 - server.idle
				: busy_of(&r->server_cpu, info->server_cores.n, r->seconds);
	g.lag = is_open_loop(conf) ? (double)hdr_quantile(&r->lag, 0.99) / 1e3 : g.client_busy;
	g.judged = info->server_cores.n > 0 &&
		   !cpus_overlap(&info->server_cores, &info->client_cores) &&
		   isfinite(g.client_busy) && isfinite(g.server_busy);
	g.limited = g.judged && g.server_busy < SERVER_BUSY &&
		    (is_open_loop(conf) ? g.lag > GENERATOR_LAG : g.client_busy >= GENERATOR_BUSY);
	return g;
}

static void put_note(json_t *notes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put_note(json_t *notes, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	json_array_append_new(notes, json_string(line));
}

static json_t *notes_of(const struct row_info *info, const struct load_conf *conf,
			const struct load_result *r, const struct generator *g)
{
	json_t *notes = json_array();

	if (info->note != NULL)
		put_note(notes, "%s", info->note);
	if (is_open_loop(conf))
		put_note(notes, "generator_lag: 99th percentile of lateness, us");
	else
		put_note(notes, "generator_lag: busy share of the load's cores");
	if (conf->under_way < conf->concurrency && !is_open_loop(conf) && conf->app != APP_BULK)
		put_note(notes, "up to %u connections under way, the others open", conf->under_way);
	if (g->limited)
		put_note(notes, "the load generator was the limit");
	if (r->ramp_incomplete)
		put_note(notes, "not all connections were open when the window began");
	if (r->failed_before > 0)
		put_note(notes, "%llu connections failed before the window",
			 (unsigned long long)r->failed_before);
	if (r->stuck > r->hung)
		put_note(notes, "%llu transactions took longer than the whole window",
			 (unsigned long long)(r->stuck - r->hung));
	if (r->hung > 0)
		put_note(notes, "%llu transactions had no end 2 s after the window",
			 (unsigned long long)r->hung);
	if (r->interrupted)
		put_note(notes, "interrupted: the window is shorter than asked for");
	if (info->server_cores.n > 0 && cpus_overlap(&info->server_cores, &info->client_cores))
		put_note(notes, "server and load share cores: their CPU times are the same");
	if (info->one_thread)
		put_note(notes, "server and load share a thread: cycles are those of both");
	return notes;
}

static json_t *failures_of(const struct load_result *r)
{
	json_t *failures = json_object();

	for (int i = 0; i < LOAD_N_FAILURES; i++)
		if (r->failures[i] > 0)
			put(failures, load_failure_name(i), integer(r->failures[i]));
	return failures;
}

static void put_latency(json_t *row, const struct hdr *h)
{
	put(row, "latency_p50_us", us_at(h, 0.5));
	put(row, "latency_p90_us", us_at(h, 0.9));
	put(row, "latency_p99_us", us_at(h, 0.99));
	put(row, "latency_p999_us", us_at(h, 0.999));
	put(row, "latency_max_us", us_at(h, 1));
}

static json_t *histogram_of(const struct hdr *h)
{
	json_t *pairs = json_array();

	for (unsigned i = 0; i < HDR_BUCKETS; i++)
		if (h->count[i] > 0)
			json_array_append_new(pairs,
					      json_pack("[I, I]", (json_int_t)hdr_value(h, i),
							(json_int_t)h->count[i]));
	return pairs;
}

static void put_counts(json_t *row, const struct load_conf *conf, const struct load_result *r)
{
	uint64_t retransmits = r->client_end.retransmits - r->client_begin.retransmits;
	uint64_t drops = r->client_end.drops - r->client_begin.drops;

	if (r->has_server_stats) {
		retransmits += r->server_end.retransmits - r->server_begin.retransmits;
		drops += r->server_end.drops - r->server_begin.drops;
	}
	put(row, "concurrency", integer(conf->concurrency));
	put(row, "messages_per_connection", integer(conf->messages));
	put(row, "message_bytes",
	    integer(conf->app != APP_HTTP ? conf->message_bytes : 0)); /* a head only */
	put(row, "seconds", json_real(r->seconds));
	put(row, "transactions", integer(r->transactions));
	put(row, "transactions_per_s", json_real((double)r->transactions / r->seconds));
	put(row, "connections_per_s", json_real((double)r->connections / r->seconds));
	put(row, "bytes_per_s", json_real((double)r->bytes / r->seconds));
	put(row, "failed", integer(r->failed));
	put(row, "retransmits", integer(retransmits));
	put(row, "drops", integer(drops));
}

/* What has been counted meanwhile, without the zeroes; null: nothing is, or nobody told. */
static json_t *counters_of(const struct io_stats *begin, const struct io_stats *end)
{
	json_t *counters = end->n_counters > 0 ? json_object() : json_null();

	for (unsigned i = 0; i < end->n_counters; i++)
		if (end->counters[i] != begin->counters[i])
			put(counters, end->counter_names[i],
			    integer(end->counters[i] - begin->counters[i]));
	return counters;
}

/* server_cpu_s in parts; cpu: NULL: unknown */
static void put_server_parts(json_t *row, const struct cpu_time *cpu)
{
	put(row, "server_user_s", cpu != NULL ? json_real(cpu->user) : json_null());
	put(row, "server_system_s", cpu != NULL ? json_real(cpu->system) : json_null());
	put(row, "server_irq_s", cpu != NULL ? json_real(cpu->irq + cpu->softirq) : json_null());
}

static void put_extras(json_t *row, const struct row_info *info, const struct load_conf *conf,
		       const struct load_result *r)
{
	struct generator g = generator_of(info, conf, r);
	bool watched = info->server_cores.n > 0;

	put(row, "mode", text(info->mode));
	put_threads(row, info);
	put(row, "app", text(app_kind_names[conf->app]));
	put(row, "response_bytes",
	    conf->app == APP_ECHO ? integer(conf->response_bytes) : json_null());
	put(row, "rate", conf->rate > 0 ? json_real(conf->rate) : json_null());
	put(row, "transactions_per_server_cpu_s",
	    watched && r->server_cpu.busy > 0
		    ? json_real((double)r->transactions / r->server_cpu.busy)
		    : json_null());
	put(row, "steal_s",
	    json_real(r->client_cpu.steal +
		      (watched && !cpus_overlap(&info->server_cores, &info->client_cores)
			       ? r->server_cpu.steal
			       : 0)));
	put_server_parts(row, watched ? &r->server_cpu : NULL);
	put(row, "server_busy", real(g.server_busy));
	put(row, "client_busy", real(g.client_busy));
	put(row, "generator_limited", g.judged ? json_boolean(g.limited) : json_null());
	put(row, "ramp_incomplete", json_boolean(r->ramp_incomplete));
	put(row, "tsc_hz", hz(r->tsc_hz));
	put(row, "steady",
	    conf->warmup_s > 0 && conf->connections == 0 ? json_boolean(r->steady) : json_null());
	put(row, "resident_bytes", r->memory_end > 0 ? integer(r->memory_end) : json_null());
	/* of what the connections have touched, both ends where both are ours */
	put(row, "resident_per_connection",
	    r->memory_end > 0 ? real(((double)r->memory_end - (double)r->memory_begin) /
				     conf->concurrency / (r->has_server_stats ? 2 : 1))
			      : json_null());
	put(row, "opened_per_s", r->opened_per_s > 0 ? json_real(r->opened_per_s) : json_null());
	put(row, "stuck", integer(r->stuck));
	put(row, "fairness", r->fairness > 0 ? json_real(r->fairness) : json_null());
	put(row, "failures", failures_of(r));
	put(row, "failed_total", integer(r->failed_total));
	put(row, "retransmits_total",
	    integer(r->client_end.retransmits +
		    (r->has_server_stats ? r->server_end.retransmits : 0)));
	put(row, "notes", notes_of(info, conf, r, &g));
	put(row, "server_counters", counters_of(&r->server_begin, &r->server_end));
	put(row, "client_counters", counters_of(&r->client_begin, &r->client_end));
}

json_t *row_of_load(const struct row_info *info, const struct load_conf *conf,
		    const struct load_result *r)
{
	static const struct shares unknown = {NAN, NAN, NAN, NAN, NAN};
	struct shares server = shares_of(&r->server_begin, &r->server_end);
	struct generator g = generator_of(info, conf, r);
	json_t *row = json_object();

	put_head(row, info);
	put_counts(row, conf, r);
	put_latency(row, &r->latency);
	if (info->histogram)
		put(row, "latency_histogram", histogram_of(&r->latency));
	if (info->histogram && is_open_loop(conf))
		put(row, "lateness_histogram", histogram_of(&r->lag));
	put(row, "server_cpu_s",
	    info->server_cores.n > 0 ? json_real(r->server_cpu.busy) : json_null());
	put(row, "client_cpu_s",
	    info->client_cores.n > 0 ? json_real(r->client_cpu.busy) : json_null());
	put_shares(row, info->one_thread ? &unknown : &server, info->kind);
	put(row, "cycles_per_transaction",
	    r->transactions > 0 ? real(server.busy_cycles / (double)r->transactions) : json_null());
	put(row, "generator_lag", real(g.lag));
	put_extras(row, info, conf, r);
	return row;
}

static void put_server_extras(json_t *row, const struct row_info *info,
			      const struct server_conf *conf, const struct server_window *win)
{
	put(row, "mode", text(info->mode));
	put_threads(row, info);
	put(row, "app", text(app_kind_names[conf->app]));
	put(row, "response_bytes",
	    conf->app == APP_ECHO ? integer(conf->response_bytes) : json_null());
	put(row, "steal_s", json_real(win->cpu.steal));
	put_server_parts(row, &win->cpu);
	put(row, "tsc_hz", hz(win->tsc_hz));
	put(row, "failed_total", integer(win->end.errors));
	put(row, "retransmits_total", integer(win->stats_end.retransmits));
	put(row, "accepted", integer(win->end.accepted - win->begin.accepted));
	put(row, "listener_pauses", integer(win->end.pauses - win->begin.pauses));
	put(row, "server_counters", counters_of(&win->stats_begin, &win->stats_end));
}

json_t *row_of_server(const struct row_info *info, const struct server_conf *conf,
		      const struct server_window *win)
{
	uint64_t messages = win->end.messages - win->begin.messages;
	struct shares s = shares_of(&win->stats_begin, &win->stats_end);
	json_t *row = json_object();
	struct hdr none = {0};

	put_head(row, info);
	put(row, "concurrency", json_null());
	put(row, "messages_per_connection", json_null());
	put(row, "message_bytes",
	    integer(conf->app != APP_HTTP ? conf->message_bytes : 0)); /* a head only */
	put(row, "seconds", json_real(win->seconds));
	put(row, "transactions", integer(messages));
	put(row, "transactions_per_s", json_real((double)messages / win->seconds));
	put(row, "connections_per_s",
	    json_real((double)(win->end.closed - win->begin.closed) / win->seconds));
	put(row, "bytes_per_s",
	    json_real((double)(win->end.bytes - win->begin.bytes) / win->seconds));
	put(row, "failed", integer(win->end.errors - win->begin.errors));
	put(row, "retransmits", integer(win->stats_end.retransmits - win->stats_begin.retransmits));
	put(row, "drops", integer(win->stats_end.drops - win->stats_begin.drops));
	put_latency(row, &none);
	put(row, "server_cpu_s", json_real(win->cpu.busy));
	put(row, "client_cpu_s", json_null());
	put_shares(row, &s, info->kind);
	put(row, "cycles_per_transaction",
	    messages > 0 ? real(s.busy_cycles / (double)messages) : json_null());
	put(row, "generator_lag", json_null());
	put_server_extras(row, info, conf, win);
	return row;
}

int row_write(json_t *row, const char *path, char err[ERR_LEN])
{
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	int ret = 0;

	if (f == NULL) {
		ret = -errno;
		json_decref(row);
		return err_set(ret, err, "cannot write %s: %s", path, strerror(-ret));
	}
	if (json_dumpf(row, f, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0 || fputc('\n', f) < 0 ||
	    fflush(f) != 0)
		ret = err_set(-EIO, err, "cannot write %s: %s", path, strerror(errno));
	if (f != stdout)
		fclose(f);
	json_decref(row);
	return ret;
}

void row_print(const json_t *row)
{
	const char *key;
	json_t *value;
	char *line;

	json_object_foreach((json_t *)row, key, value)
	{
		line = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
		printf("%-32s %s\n", key, line != NULL ? line : "?");
		free(line);
	}
}
