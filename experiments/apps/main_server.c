// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-server: echo of fixed-size messages, static files over HTTP/1.1, bulk transfer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http_file.h"
#include "load_opts.h"
#include "opts.h"
#include "row.h"
#include "server.h"

static const char *const more = "When it accepts connections it prints \"ready mtcp-server STACK "
				"ADDR:PORT\" on standard error.\n"
				"It runs until --seconds are over or SIGINT or SIGTERM comes "
				"(status 130). The row of --json covers the\n"
				"whole run; SIGUSR1 makes it begin anew, SIGUSR2 ends it there.\n";

struct options {
	struct stack_opts stack;
	struct server_conf server;
	const char *root, *json, *experiment;
	struct addr listen;
	uint32_t backlog, max_conns, ready_fd;
	double seconds;
};

struct session {
	struct io_stack *stack;
	struct server *server;
	struct server_window window;
	struct cpu_time cpu_begin;
	struct clock_pair begin;
	bool frozen;
};

static volatile sig_atomic_t window_begin, window_end;

static void on_window(int signum)
{
	if (signum == SIGUSR1)
		window_begin = 1;
	else
		window_end = 1;
}

static void make_table(struct opt_table *t, struct options *o)
{
	*t = (struct opt_table){
		.prog = "mtcp-server",
		.what = "echo, static web and bulk server, over mtcp or the kernel's TCP",
		.more = more};
	opts_add_stack(t, &o->stack);
	OPT(t, "app", "NAME", OPT_CHOICE, &o->server.app, .doc = "what it does",
	    .choices = app_kind_names);
	OPT(t, "root", "DIR", OPT_TEXT, &o->root, .doc = "http: the directory served");
	OPT(t, "file-set", "GB", OPT_U32, &o->server.file_set, .min = 1, .max = WEBSET_MOST_GB,
	    .doc = "http: instead of --root, so much of static files whose content is computed");
	OPT(t, "tls-version", "V", OPT_CHOICE, &o->server.tls.version,
	    .doc = "tls: of the protocol", .choices = tls_version_names);
	OPT(t, "tls-key", "KIND", OPT_CHOICE, &o->server.tls.key,
	    .doc = "tls: of the certificate, made at the start: P-256 or 2048 bits",
	    .choices = tls_key_names);
	OPT(t, "tls-resume", NULL, OPT_FLAG, &o->server.tls.resume,
	    .doc = "tls: give tickets, so that clients may take up a session");
	OPT(t, "message-bytes", "B", OPT_U32, &o->server.message_bytes, .min = 1, .max = 1e9,
	    .doc = "echo: size of a request (64); bulk: bytes of one call (65536)");
	OPT(t, "response-bytes", "R", OPT_U32, &o->server.response_bytes, .min = 1, .max = 1e9,
	    .doc = "echo: size of a response (64)");
	OPT(t, "zero-copy", NULL, OPT_FLAG, &o->server.zero_copy,
	    .doc = "bulk: read and write in place (mtcp inline)");
	OPT(t, "events", "N", OPT_U32, &o->server.events, .min = 1, .max = IO_MAX_EVENTS,
	    .doc = EVENTS_DOC);
	OPT(t, "listen", "ADDR:PORT", OPT_ADDR, &o->listen,
	    .doc = "where (0.0.0.0:8080); kernel: port 0 takes a free one");
	OPT(t, "backlog", "N", OPT_U32, &o->backlog, .min = 1, .max = 1e6,
	    .doc = "of the listener (65535; the kernel caps it at somaxconn)");
	OPT(t, "max-conns", "N", OPT_U32, &o->max_conns, .min = 1, .max = 16000000,
	    .doc = "connections to be ready for; more wait in the backlog (10000)");
	OPT(t, "seconds", "S", OPT_REAL, &o->seconds, .min = 0.01, .max = 1e7,
	    .doc = "run so long (until a signal)");
	OPT(t, "ready-fd", "FD", OPT_U32, &o->ready_fd, .min = 1, .max = 1e6,
	    .doc = "also write the ready line to this descriptor, and close it");
	OPT(t, "json", "FILE", OPT_TEXT, &o->json,
	    .doc = "write a result row as one JSON object at the end; - is standard output");
	OPT(t, "experiment", "NAME", OPT_TEXT, &o->experiment, .doc = "label in the row");
}

static void window_open(struct session *s)
{
	s->frozen = false;
	s->begin = clock_pair();
	s->window.begin = server_counts(s->server);
	s->stack->ops->stack_stats(s->stack, &s->window.stats_begin);
	cpus_time(&s->stack->conf.cpus, &s->cpu_begin);
}

static void window_close(struct session *s)
{
	struct cpu_time now;

	if (s->frozen)
		return;
	s->frozen = true;
	s->window.seconds = (double)(clock_ns() - s->begin.ns) / (double)SEC_NS;
	s->window.tsc_hz = tsc_hz_since(&s->begin);
	s->window.end = server_counts(s->server);
	s->stack->ops->stack_stats(s->stack, &s->window.stats_end);
	cpus_time(&s->stack->conf.cpus, &now);
	s->window.cpu = cpus_time_since(&s->cpu_begin, &now);
}

static void say_ready(const struct options *o)
{
	char addr[ADDR_STRLEN], line[128];
	int len;

	addr_format(&o->listen, addr);
	len = snprintf(line, sizeof(line), "ready mtcp-server %s %s\n",
		       io_kind_names[o->stack.kind], addr);
	fputs(line, stderr);
	fflush(stderr);
	if (o->ready_fd == 0)
		return;
	if (write((int)o->ready_fd, line, (size_t)len) < 0)
		fprintf(stderr, "mtcp-server: --ready-fd %u: %s\n", o->ready_fd, strerror(errno));
	if (o->ready_fd > STDERR_FILENO)
		close((int)o->ready_fd);
}

static int serve(const struct options *o, struct session *s, char err[ERR_LEN])
{
	struct timespec pause = {.tv_nsec = 20 * (long)MS_NS};
	uint64_t end =
		o->seconds > 0 ? clock_ns() + (uint64_t)(o->seconds * (double)SEC_NS) : UINT64_MAX;

	window_open(s);
	say_ready(o);
	while (clock_ns() < end && !interrupted()) {
		nanosleep(&pause, NULL);
		if (window_begin) {
			window_begin = 0;
			window_open(s);
		}
		if (window_end) {
			window_end = 0;
			window_close(s);
		}
		if (!server_running(s->server))
			return err_set(EXIT_FAILED, err,
				       "the workers ended while waiting for events");
	}
	window_close(s);
	return interrupted() ? err_set(EXIT_INTERRUPTED, err, "interrupted") : EXIT_DONE;
}

static int write_row(const struct options *o, const struct session *s, char err[ERR_LEN])
{
	enum io_kind kind = s->stack->conf.kind;
	struct row_info info = {.experiment = o->experiment,
				.device = o->stack.device,
				.kind = kind,
				.mode = kind == IO_MTCP_PAIRED ? "paired"
					: kind == IO_MTCP      ? "inline"
							       : NULL,
				.server_cores = o->stack.cores,
				.server_threads = s->stack->n_workers};

	if (o->json == NULL)
		return 0;
	return row_write(row_of_server(&info, &o->server, &s->window), o->json, err);
}

static int run_on(struct options *o, struct session *s, char err[ERR_LEN])
{
	char why[ERR_LEN];
	int ret = s->stack->ops->stack_listen(s->stack, &o->listen, (int)o->backlog, err);

	if (ret < 0)
		return exit_status(ret);
	if (server_start(s->stack, &o->server, &s->server, err) < 0)
		return EXIT_CANNOT;
	ret = serve(o, s, err);
	server_stop(s->server);
	if (write_row(o, s, why) < 0) {
		memcpy(err, why, sizeof(why));
		ret = EXIT_CANNOT;
	}
	return ret;
}

static int run(void *options, char err[ERR_LEN])
{
	struct options *o = options;
	struct session s = {0};
	struct opt_lines lines;
	struct io_conf conf;
	uint32_t per_core = 0;
	struct sigaction window = {.sa_handler = on_window};
	int ret;

	sigaction(SIGUSR1, &window, NULL);
	sigaction(SIGUSR2, &window, NULL);
	if (o->stack.conf_file == NULL || o->max_conns > 0)
		per_core = conns_per_core(o->server.max_conns, o->stack.cores.n);
	if (stack_opts_lines(&o->stack, per_core, &lines, err) < 0)
		return EXIT_USAGE;
	conf = (struct io_conf){.kind = (enum io_kind)o->stack.kind,
				.conf_file = o->stack.conf_file,
				.overrides = lines.text,
				.cpus = o->stack.cores,
				.max_conns = o->server.max_conns,
				.server = true};
	ret = io_ops_of(conf.kind)->stack_open(&conf, &s.stack, err);
	if (ret < 0)
		return exit_status(ret);
	cpus_pin(&o->stack.cores);
	ret = run_on(o, &s, err);
	s.stack->ops->stack_close(s.stack);
	return ret;
}

static int check(void *options, char err[ERR_LEN])
{
	struct options *o = options;

	if (o->server.message_bytes == 0) /* not given */
		o->server.message_bytes = o->server.app == APP_BULK ? 65536 : 64;
	if (o->server.zero_copy && (o->server.app != APP_BULK || o->stack.kind != IO_MTCP))
		return err_set(-EINVAL, err, "--zero-copy is for --app bulk over mtcp inline");
	if (o->listen.len == 0)
		addr_parse("0.0.0.0:8080", &o->listen);
	if (o->stack.cores.n == 0)
		o->stack.cores = cpus_first();
	o->server.max_conns = o->max_conns > 0 ? o->max_conns : 10000;
	if (tls_check(o->server.app, &o->server.tls,
		      o->server.message_bytes > o->server.response_bytes ? o->server.message_bytes
									 : o->server.response_bytes,
		      err) < 0)
		return -EINVAL;
	if (o->server.app != APP_HTTP && o->root != NULL)
		return err_set(-EINVAL, err, "--root is for --app http");
	if (o->server.app != APP_HTTP)
		return file_set_check(o->server.app, o->server.file_set, err);
	if ((o->root == NULL) == (o->server.file_set == 0))
		return err_set(-EINVAL, err,
			       "--app http needs --root DIR: the directory to serve, or --file-set "
			       "GB");
	if (o->root == NULL)
		return 0;
	return http_root_open(o->root, &o->server.root_fd, err);
}

int main(int argc, char **argv)
{
	static struct options o = {
		.server = {.response_bytes = 64, .root_fd = -1, .events = IO_MAX_EVENTS},
		.backlog = 65535};
	struct program_steps steps = {check, run, &o};
	struct opt_table table;

	make_table(&table, &o);
	return program_main(&steps, &table, argc, argv);
}
