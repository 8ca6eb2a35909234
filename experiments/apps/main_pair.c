// SPDX-License-Identifier: BSD-3-Clause
/*
 * mtcp-pair: server and load generator in one process, two mtcp stacks joined by a DPDK ring.
 * No NIC, no kernel network, no privileges; both ends' accounts are at hand.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "load_opts.h"
#include "opts.h"
#include "row.h"
#include "server.h"

#define SERVER_ADDRESS "10.0.0.1/24"
#define SERVER_LISTEN  "10.0.0.1:8080"
#define CLIENT_FIRST   2  /* 10.0.0.2: the first of its addresses */
#define CLIENT_LEAST   16 /* ... there are, or as many as give each so many connections */
#define CLIENT_MOST    250
#define PER_ADDRESS    40000 /* of 64K ports: a free one is found at once */

static const char *const more =
	"The server has " SERVER_ADDRESS ", the load 10.0.0.2-10.0.0.17/24, more for more\n"
	"connections than 640000. busy_poll = 1 unless set otherwise.\n"
	"Standard error and the row are as mtcp-load's; cpu_* and "
	"cycles_per_transaction are the server's.\n";

static const char *const mode_names[] = {"inline", "paired", NULL};

struct options {
	struct run_opts run;
	int mode, client_mode;
	struct cpu_list server_cores, client_cores;
	bool one_thread, shared_accept;
	uint32_t events;
	struct opt_lines set, server_set, client_set;
	const char *capture;
};

struct pair {
	struct options *o;
	struct io_stack *server_stack, *client_stack;
	struct server *server;
	struct team_aside aside; /* one_thread: the server's, for the load's threads */
};

static void make_table(struct opt_table *t, struct options *o)
{
	*t = (struct opt_table){
		.prog = "mtcp-pair",
		.what = "server and load generator in one process, over mtcp on a ring",
		.more = more};
	OPT(t, "mode", "MODE", OPT_CHOICE, &o->mode, .doc = "of the server", .choices = mode_names);
	OPT(t, "client-mode", "MODE", OPT_CHOICE, &o->client_mode, .doc = "of the load",
	    .choices = mode_names);
	OPT(t, "app", "NAME", OPT_CHOICE, &o->run.load.app, .doc = "what they do",
	    .choices = app_kind_names);
	OPT(t, "server-core", "LIST", OPT_CPUS, &o->server_cores,
	    .doc = "the server's CPUs (the first)");
	OPT(t, "client-core", "LIST", OPT_CPUS, &o->client_cores,
	    .doc = "the load's CPUs (the last); may be the same");
	OPT(t, "one-thread", NULL, OPT_FLAG, &o->one_thread,
	    .doc = "self-loop pairs: each of the server's CPUs runs both ends in one thread");
	OPT(t, "shared-accept", NULL, OPT_FLAG, &o->shared_accept,
	    .doc = "what the server's cores accept passes one locked queue and any core");
	OPT(t, "events", "N", OPT_U32, &o->events, .min = 1, .max = IO_MAX_EVENTS,
	    .doc = "of the server: " EVENTS_DOC);
	OPT(t, "capture", "FILE", OPT_TEXT, &o->capture,
	    .doc = "write all frames at the server's device to a pcapng file");
	OPT(t, "set", "KEY=VALUE", OPT_SET, &o->set,
	    .doc = "a configuration key of both stacks; repeatable");
	OPT(t, "server-set", "KEY=VALUE", OPT_SET, &o->server_set, .doc = "of the server's");
	OPT(t, "client-set", "KEY=VALUE", OPT_SET, &o->client_set, .doc = "of the load's");
	opts_add_run(t, &o->run);
}

/* Common settings, then the side's own, which win. */
static int settings_of(const struct options *o, bool server, struct opt_lines *out)
{
	const struct opt_lines *own = server ? &o->server_set : &o->client_set;
	int ret = opt_lines_add(out, "busy_poll = 1");

	if (o->set.len > 0)
		ret |= opt_lines_add(out, "%.*s", (int)o->set.len - 1, o->set.text);
	if (own->len > 0)
		ret |= opt_lines_add(out, "%.*s", (int)own->len - 1, own->text);
	return ret;
}

static void client_addresses(const struct load_conf *l, char *out, size_t len)
{
	uint32_t n = l->concurrency / PER_ADDRESS;

	n = n < CLIENT_LEAST ? CLIENT_LEAST : n > CLIENT_MOST ? CLIENT_MOST : n;
	snprintf(out, len, "10.0.0.%d-10.0.0.%u/24", CLIENT_FIRST, CLIENT_FIRST + n - 1);
}

static int open_side(struct pair *p, bool server, char err[ERR_LEN])
{
	struct options *o = p->o;
	static struct stack_opts side;
	uint32_t n = run_connections(&o->run.load);
	struct opt_lines lines;
	struct io_conf conf;
	char device[64], client[64];
	int ret;

	client_addresses(&o->run.load, client, sizeof(client));

	snprintf(device, sizeof(device), "ring:pair%d:%d", (int)getpid(), server ? 0 : 1);
	side = (struct stack_opts){.kind = (server ? o->mode : o->client_mode) == 1 ? IO_MTCP_PAIRED
										    : IO_MTCP,
				   .device = device,
				   .address = server ? SERVER_ADDRESS : client,
				   .capture = server ? o->capture : NULL,
				   .cores = server ? o->server_cores : o->client_cores};
	if (settings_of(o, server, &side.set) != 0)
		return err_set(-EINVAL, err, "the settings are longer than %d bytes",
			       OPT_LINES_LEN);
	ret = stack_opts_lines(&side, conns_per_core(n, side.cores.n), &lines, err);
	if (ret < 0)
		return ret;
	conf = (struct io_conf){.kind = (enum io_kind)side.kind,
				.overrides = lines.text,
				.cpus = side.cores,
				.max_conns = n,
				.server = server,
				.target = o->run.load.target};
	return io_mtcp_ops.stack_open(&conf, server ? &p->server_stack : &p->client_stack, err);
}

static void server_stats(void *arg, struct io_stats *out)
{
	struct pair *p = arg;

	p->server_stack->ops->stack_stats(p->server_stack, out);
}

static int run_load(struct pair *p, char err[ERR_LEN])
{
	struct options *o = p->o;
	static struct load_result result; /* two histograms: too large for the stack */
	struct load_hooks hooks = {
		.arg = p, .server_stats = server_stats, .aside = o->one_thread ? &p->aside : NULL};
	char mode[64];
	struct row_info info = {.experiment = o->run.experiment,
				.device = "ring",
				.kind = o->mode == 1 ? IO_MTCP_PAIRED : IO_MTCP,
				.mode = mode,
				.seed = o->run.load.seed,
				.repeat = o->run.repeat,
				.server_cores = o->server_cores,
				.server_threads = p->server_stack->n_workers,
				.client_cores = o->client_cores,
				.note = o->run.note,
				.histogram = o->run.histogram,
				.one_thread = o->one_thread};
	int ret;

	snprintf(mode, sizeof(mode), "server %s, load %s%s", mode_names[o->mode],
		 mode_names[o->client_mode], o->one_thread ? ", one thread" : "");
	/* measuring must not take the server's core */
	cpus_pin(&o->client_cores);
	ret = load_run(p->client_stack, &o->run.load, &hooks, &result, err);
	return run_end(ret, &info, &o->run, &result, err);
}

static int run_server(struct pair *p, char err[ERR_LEN])
{
	const struct load_conf *l = &p->o->run.load;
	struct server_conf conf = {.app = l->app,
				   .zero_copy = l->zero_copy,
				   .shared_accept = p->o->shared_accept,
				   .events = p->o->events,
				   .message_bytes = l->message_bytes,
				   .response_bytes = l->response_bytes,
				   .root_fd = -1,
				   .file_set = l->file_set,
				   .tls = l->tls,
				   .max_conns = run_connections(l) + 1024};
	struct addr listen = l->target;
	int ret;

	ret = p->server_stack->ops->stack_listen(p->server_stack, &listen, 65535, err);
	if (ret == 0)
		ret = p->o->one_thread
			      ? server_beside(p->server_stack, &conf, &p->server, &p->aside, err)
			      : server_start(p->server_stack, &conf, &p->server, err);
	if (ret < 0)
		return EXIT_CANNOT;
	ret = run_load(p, err);
	if (ret == EXIT_DONE && !p->o->one_thread && !server_running(p->server))
		ret = err_set(EXIT_FAILED, err, "a worker of the server failed while waiting");
	server_stop(p->server);
	return ret;
}

static int run(void *options, char err[ERR_LEN])
{
	struct options *o = options;
	struct pair p = {.o = o};
	int ret = open_side(&p, true, err);

	if (ret < 0)
		return exit_status(ret);
	ret = open_side(&p, false, err);
	if (ret < 0) {
		io_mtcp_ops.stack_close(p.server_stack);
		return exit_status(ret);
	}
	ret = run_server(&p, err);
	io_mtcp_ops.stack_close(p.client_stack);
	io_mtcp_ops.stack_close(p.server_stack);
	return ret;
}

static bool same_cpus(const struct cpu_list *a, const struct cpu_list *b)
{
	return a->n == b->n && memcmp(a->id, b->id, a->n * sizeof(a->id[0])) == 0;
}

static int check(void *options, char err[ERR_LEN])
{
	struct options *o = options;
	struct load_conf *l = &o->run.load;

	if (o->server_cores.n == 0)
		o->server_cores = cpus_first();
	if (o->client_cores.n == 0)
		o->client_cores = o->one_thread ? o->server_cores : cpus_last();
	if (o->one_thread &&
	    (o->mode + o->client_mode > 0 || !same_cpus(&o->server_cores, &o->client_cores)))
		return err_set(-EINVAL, err,
			       "--one-thread is for inline mode, both ends on the same CPUs");
	if (l->app == APP_HTTP && l->file_set == 0)
		return err_set(-EINVAL, err, "--app http needs --file-set GB");
	addr_parse(SERVER_LISTEN, &l->target);
	l->server_cpus = o->server_cores;
	return run_opts_finish(&o->run, o->mode + o->client_mode > 0 ? IO_MTCP_PAIRED : IO_MTCP,
			       err);
}

int main(int argc, char **argv)
{
	static struct options o = {.events = IO_MAX_EVENTS};
	struct program_steps steps = {check, run, &o};
	struct opt_table table;

	make_table(&table, &o);
	return program_main(&steps, &table, argc, argv);
}
