// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-load: the load generator as a program. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "load_opts.h"

static const char *const more =
	"On standard error: {\"event\":\"measure_begin\",\"at\":T} and \"measure_end\" at the ends "
	"of\n"
	"the window, T seconds since 1970; with --progress a line per second. bytes_per_s counts "
	"payload both ways.\n"
	"Many connections from the kernel's stack want --sources (64 thousand ports per "
	"address).\n"
	"Several generators at once: --hold each, wait for {\"event\":\"ready\"} of all, then "
	"SIGUSR1 to all.\n";

struct options {
	struct stack_opts stack;
	struct run_opts run;
	struct io_sources sources;
	bool hold;
};

static volatile sig_atomic_t let_go;

static void on_let_go(int signum)
{
	(void)signum;
	let_go = 1;
}

static bool released(void *arg)
{
	(void)arg;
	return let_go != 0;
}

static void make_table(struct opt_table *t, struct options *o)
{
	struct load_conf *l = &o->run.load;

	*t = (struct opt_table){.prog = "mtcp-load",
				.what = "load generator, over mtcp or the kernel's TCP",
				.more = more};
	opts_add_stack(t, &o->stack);
	OPT(t, "target", "ADDR:PORT", OPT_ADDR, &l->target, .doc = "the server (required)");
	OPT(t, "app", "NAME", OPT_CHOICE, &l->app, .doc = "what the server speaks",
	    .choices = app_kind_names);
	OPT(t, "path", "/X", OPT_TEXT, &l->path, .doc = "http: what to get (/)");
	OPT(t, "sources", "A-B", OPT_RANGE, &o->sources,
	    .doc = "source addresses, as 10.0.0.2-10.0.0.9");
	OPT(t, "watch-server-cpus", "LIST", OPT_CPUS, &l->server_cpus,
	    .doc = "the server's CPUs, where they are of this machine");
	OPT(t, "hold", NULL, OPT_FLAG, &o->hold,
	    .doc = "after the warm-up tell {\"event\":\"ready\"}, and begin the window at SIGUSR1");
	opts_add_run(t, &o->run);
}

static int check(void *options, char err[ERR_LEN])
{
	struct options *o = options;
	struct load_conf *l = &o->run.load;

	if (o->stack.cores.n == 0)
		o->stack.cores = cpus_last();
	if (l->target.len == 0)
		return err_set(-EINVAL, err,
			       "--target is missing: give the server as 10.0.0.1:8080");
	if (addr_port(&l->target) == 0)
		return err_set(-EINVAL, err, "--target: port 0 cannot be connected to");
	if (l->path[0] != '/' || strlen(l->path) > 2048 || strpbrk(l->path, " \r\n") != NULL)
		return err_set(-EINVAL, err, "--path must begin with / and hold no spaces");
	if (o->sources.n > 0 && l->target.ss.ss_family != AF_INET)
		return err_set(-EINVAL, err, "--sources are IPv4 addresses: the target is not");
	return run_opts_finish(&o->run, (enum io_kind)o->stack.kind, err);
}

static const char *device_of(const struct options *o)
{
	if (o->stack.device != NULL)
		return o->stack.device;
	if (io_is_mtcp((enum io_kind)o->stack.kind))
		return NULL;
	return addr_is_loopback(&o->run.load.target) ? "loopback" : "kernel";
}

static int run(void *options, char err[ERR_LEN])
{
	struct options *o = options;
	struct load_conf *l = &o->run.load;
	static struct load_result result; /* two histograms: too large for the stack */
	struct row_info info = {.experiment = o->run.experiment,
				.device = device_of(o),
				.kind = (enum io_kind)o->stack.kind,
				.mode = o->stack.kind == IO_MTCP_PAIRED ? "paired"
					: o->stack.kind == IO_MTCP	? "inline"
									: NULL,
				.seed = l->seed,
				.repeat = o->run.repeat,
				.server_cores = l->server_cpus,
				.client_cores = o->stack.cores,
				.note = o->run.note,
				.histogram = o->run.histogram};
	struct load_hooks hooks = {.released = o->hold ? released : NULL};
	struct opt_lines lines;
	struct io_conf conf;
	struct sigaction go = {.sa_handler = on_let_go};
	struct io_stack *stack;
	int ret;

	sigaction(SIGUSR1, &go, NULL);
	ret = stack_opts_lines(&o->stack, conns_per_core(run_connections(l), o->stack.cores.n),
			       &lines, err);
	if (ret < 0)
		return EXIT_USAGE;
	conf = (struct io_conf){.kind = info.kind,
				.conf_file = o->stack.conf_file,
				.overrides = lines.text,
				.cpus = o->stack.cores,
				.max_conns = load_slots(l),
				.sources = o->sources,
				.target = l->target};
	ret = io_ops_of(conf.kind)->stack_open(&conf, &stack, err);
	if (ret < 0)
		return exit_status(ret);
	cpus_pin(&o->stack.cores);
	ret = load_run(stack, l, &hooks, &result, err);
	stack->ops->stack_close(stack);
	return run_end(ret, &info, &o->run, &result, err);
}

int main(int argc, char **argv)
{
	static struct options o = {.run.load.path = "/"};
	struct program_steps steps = {check, run, &o};
	struct opt_table table;

	make_table(&table, &o);
	return program_main(&steps, &table, argc, argv);
}
