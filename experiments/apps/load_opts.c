// SPDX-License-Identifier: BSD-3-Clause
#include "load_opts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "webset.h"

#define KERNEL_RAMP 8000
#define MTCP_RAMP   100000
#define LONGER_S    15 /* than warm-up and window: until all connections stand */
#define RAMP_S	    4  /* a million connections are not to be waited for ten seconds */
#define RAMP_MOST   1000000
/* More would wait in queues of the stacks for longer than retransmission timers do, and overflow
 * the usual max_syn_backlog: the timers' work would be measured, not that of many connections. */
#define UNDER_WAY 65536

static const char *const directions[] = {"down", "up", NULL};

/* What becomes of the result. */
static void add_row(struct opt_table *t, struct run_opts *o)
{
	OPT(t, "json", "FILE", OPT_TEXT, &o->json,
	    .doc = "write the result row as one JSON object; - is standard output");
	OPT(t, "histogram", NULL, OPT_FLAG, &o->histogram,
	    .doc = "all latencies in the row, in an open loop all lateness, too: pairs of "
		   "nanoseconds and how many had them");
	OPT(t, "experiment", "NAME", OPT_TEXT, &o->experiment, .doc = "label in the row");
	OPT(t, "repeat", "K", OPT_U32, &o->repeat, .min = 0, .max = 1e6, .doc = "label in the row");
	OPT(t, "note", "TEXT", OPT_TEXT, &o->note, .doc = "a remark for the row's notes");
}

void opts_add_run(struct opt_table *t, struct run_opts *o)
{
	struct load_conf *l = &o->load;

	l->concurrency = 1;
	l->messages = 1;
	l->response_bytes = 64;
	l->warmup_s = 1;
	l->under_way = UNDER_WAY;
	l->interval_s = 1;
	l->seed = 1;
	OPT(t, "concurrency", "N", OPT_U32, &l->concurrency, .min = 1, .max = 16000000,
	    .doc = "connections at a time (1)");
	OPT(t, "messages", "M", OPT_U32, &l->messages, .min = 1, .max = 4e9,
	    .doc = "requests per connection (1)");
	OPT(t, "message-bytes", "B", OPT_U32, &l->message_bytes, .min = 1, .max = 1e9,
	    .doc = "echo: size of a request (64); bulk: bytes of one call (65536)");
	OPT(t, "response-bytes", "R", OPT_U32, &l->response_bytes, .min = 1, .max = 1e9,
	    .doc = "echo: size of a response (64)");
	OPT(t, "direction", "WAY", OPT_CHOICE, &l->up, .doc = "bulk: from or to the server",
	    .choices = directions);
	OPT(t, "file-set", "GB", OPT_U32, &l->file_set, .min = 1, .max = WEBSET_MOST_GB,
	    .doc = "http: instead of --path, files of the server's --file-set, by popularity");
	OPT(t, "tls-version", "V", OPT_CHOICE, &l->tls.version, .doc = "tls: of the protocol",
	    .choices = tls_version_names);
	OPT(t, "tls-resume", NULL, OPT_FLAG, &l->tls.resume,
	    .doc = "tls: take up earlier sessions, not a whole handshake each time");
	OPT(t, "trace", "FILE", OPT_TEXT, &o->trace_path,
	    .doc = "replay: these flows, all of them; without: flows by --seed, about "
		   "--concurrency at a time");
	OPT(t, "zero-copy", NULL, OPT_FLAG, &l->zero_copy,
	    .doc = "bulk: read and write in place (mtcp inline)");
	OPT(t, "warmup", "S", OPT_REAL, &l->warmup_s, .min = 0, .max = 3600,
	    .doc = "seconds before the window, more until all connections are open and the rate is "
		   "steady (1)");
	OPT(t, "seconds", "S", OPT_REAL, &l->seconds, .min = 0.01, .max = 86400,
	    .doc = "length of the window (5)");
	OPT(t, "connections", "TOTAL", OPT_U64, &l->connections, .min = 1, .max = 1e15,
	    .doc = "instead: no warm-up, measure until so many connections have ended");
	OPT(t, "rate", "R", OPT_REAL, &l->rate, .min = 0.001, .max = 1e9,
	    .doc = "open loop: connections (messages when M > 1) per second, Poisson arrivals");
	OPT(t, "ramp-rate", "R", OPT_REAL, &l->ramp_rate, .min = 1, .max = 1e9,
	    .doc = "first connections opened per second (kernel 8000, mtcp 100000 or what takes 4 "
		   "s)");
	OPT(t, "under-way", "N", OPT_U32, &l->under_way, .min = 1, .max = 16000000,
	    .doc = "closed loop: connections at a time that connect or wait for an answer; more "
		   "are open and wait for their turn (65536)");
	OPT(t, "progress", NULL, OPT_FLAG, &l->progress,
	    .doc = "JSON lines on standard error while it runs");
	OPT(t, "interval", "S", OPT_REAL, &l->interval_s, .min = 0.01, .max = 3600,
	    .doc = "between two lines of --progress (1)");
	OPT(t, "seed", "N", OPT_U64, &l->seed, .min = 0, .max = 9007199254740992.0,
	    .doc = "of the arrivals (1)");
	add_row(t, o);
}

int tls_check(int app, const struct tls_conf *tls, uint32_t largest, char err[ERR_LEN])
{
	if (app == APP_TLS && largest > TLS_MESSAGE_MOST)
		return err_set(-EINVAL, err, "--app tls: messages of at most %d bytes",
			       TLS_MESSAGE_MOST);
	if (app != APP_TLS && (tls->version != TLS_1_3 || tls->key != TLS_ECDSA || tls->resume))
		return err_set(-EINVAL, err, "--tls-* are for --app tls");
	return 0;
}

int file_set_check(int app, uint32_t file_set, char err[ERR_LEN])
{
	if (file_set == 0 || app == APP_HTTP)
		return 0;
	return err_set(-EINVAL, err, "--file-set is for --app http");
}

/* The flows of a replay: from a file, all measured; or made up, for as long as the run may take. */
static int make_trace(struct run_opts *o, char err[ERR_LEN])
{
	struct load_conf *l = &o->load;
	struct trace_plan plan = {.concurrent = l->concurrency,
				  .ramp_s = l->concurrency / l->ramp_rate,
				  .seconds = 4 * l->concurrency / l->ramp_rate + l->warmup_s +
					     l->seconds + LONGER_S,
				  .seed = l->seed};
	int ret;

	l->trace = &o->trace;
	if (o->trace_path == NULL) {
		ret = trace_generate(&o->trace, &plan, err);
		if (ret == -E2BIG)
			err_set(ret, err,
				"replay: %u flows at a time are more than %u in the %.0f s that "
				"this run may take: lower --concurrency, --warmup or --seconds, or "
				"raise --ramp-rate",
				plan.concurrent, TRACE_FLOWS_MOST, plan.seconds);
	} else {
		ret = trace_load(&o->trace, o->trace_path, err);
		l->connections = o->trace.n_flows;
		l->concurrency = trace_peak(&o->trace);
	}
	return ret < 0 ? -EINVAL : 0;
}

static double usual_ramp(const struct load_conf *l, enum io_kind client)
{
	if (io_is_mtcp(client))
		return fmin(fmax(MTCP_RAMP, l->concurrency / RAMP_S), RAMP_MOST);
	/* what a trace has once all stand is much more: a slower ramp only makes it long */
	return l->app == APP_REPLAY ? fmax(KERNEL_RAMP, trace_arrivals(l->concurrency) / 2)
				    : KERNEL_RAMP;
}

int run_opts_finish(struct run_opts *o, enum io_kind client, char err[ERR_LEN])
{
	struct load_conf *l = &o->load;

	if (l->connections > 0 && l->rate > 0 && l->messages > 1)
		return err_set(
			-EINVAL, err,
			"--connections with --rate wants --messages 1: otherwise connections "
			"do not end by themselves");
	if (file_set_check(l->app, l->file_set, err) < 0)
		return -EINVAL;
	if (l->zero_copy && (l->app != APP_BULK || client != IO_MTCP))
		return err_set(-EINVAL, err, "--zero-copy is for --app bulk over mtcp inline");
	if (l->app == APP_BULK && (l->rate > 0 || l->connections > 0))
		return err_set(-EINVAL, err,
			       "--app bulk runs for --seconds, without --rate or --connections");
	if (l->message_bytes == 0) /* not given */
		l->message_bytes = l->app == APP_BULK ? 65536 : 64;
	if (tls_check(l->app, &l->tls,
		      l->message_bytes > l->response_bytes ? l->message_bytes : l->response_bytes,
		      err) < 0)
		return -EINVAL;
	if (l->seconds == 0) /* not given */
		l->seconds = o->trace_path != NULL ? 86400 : l->connections > 0 ? 600 : 5;
	if (l->ramp_rate == 0)
		l->ramp_rate = usual_ramp(l, client);
	if (l->app == APP_REPLAY && (l->rate > 0 || l->messages > 1 || l->connections > 0))
		return err_set(-EINVAL, err,
			       "--app replay has its own timing: leave out --rate, --messages and "
			       "--connections");
	if (l->app != APP_REPLAY && o->trace_path != NULL)
		return err_set(-EINVAL, err, "--trace is for --app replay");
	return l->app == APP_REPLAY ? make_trace(o, err) : 0;
}

uint32_t run_connections(const struct load_conf *l)
{
	bool stay = l->app == APP_BULK || (l->rate > 0 && l->messages > 1);

	return stay ? l->concurrency : 2 * l->concurrency;
}

uint32_t conns_per_core(uint32_t total, unsigned n_cores)
{
	uint32_t share = total / n_cores;

	/* flows spread over cores unevenly */
	return share + share / 4 + 1024;
}

int complain(const char *prog, const char *err, int status)
{
	fprintf(stderr, "%s: %s\n", prog, err);
	return status;
}

int program_main(const struct program_steps *p, const struct opt_table *t, int argc, char **argv)
{
	char err[ERR_LEN] = "";
	int ret = opts_parse(t, argc, argv, err);

	if (ret > 0)
		return EXIT_DONE;
	if (ret == 0)
		ret = p->check(p->options, err);
	if (ret < 0)
		return complain(t->prog, err, ret == -ENOSYS ? EXIT_CANNOT : EXIT_USAGE);
	signals_setup();
	ret = p->run(p->options, err);
	return ret == EXIT_DONE ? ret : complain(t->prog, err, ret);
}

int exit_status(int ret)
{
	return ret == -EINVAL || ret == -ERANGE || ret == -ENAMETOOLONG ? EXIT_USAGE : EXIT_CANNOT;
}

int run_end(int ret, const struct row_info *info, const struct run_opts *o,
	    const struct load_result *r, char err[ERR_LEN])
{
	json_t *row;

	if (ret == -EINTR)
		return err_set(EXIT_INTERRUPTED, err, "interrupted before the window: no row");
	if (ret == -ECONNREFUSED || ret == -ETIMEDOUT || ret == -EIO)
		return EXIT_FAILED;
	if (ret < 0)
		return EXIT_CANNOT;
	row = row_of_load(info, &o->load, r);
	if (o->json == NULL) {
		row_print(row);
		json_decref(row);
	} else if (row_write(row, o->json, err) < 0) {
		return EXIT_CANNOT;
	}
	if (r->interrupted)
		return err_set(EXIT_INTERRUPTED, err, "interrupted: the window was cut short");
	if (r->transactions == 0)
		return err_set(EXIT_FAILED, err, "no transaction was completed in the window");
	return EXIT_DONE;
}
