// SPDX-License-Identifier: BSD-3-Clause
/*
 * mtcp-descriptors: what a socket costs that never connects: a descriptor, and whatever a stack
 * keeps behind it. --concurrency sockets are open; a transaction closes one of them, drawn at
 * random, and opens another in its place. No frame is sent. Of the kernel's, all threads share the
 * process's one table of descriptors; of mtcp's, each has its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counted.h"
#include "kernel_stack.h"
#include "opts.h"

#define LOOK_EVERY 64u /* transactions between two looks at the end */

static const char *const more =
	"--concurrency sockets are open, the same number in each thread; a transaction closes one "
	"and opens another.\n"
	"Standard error and the row are as mtcp-load's.\n";

struct options {
	struct run_opts run;
	struct stack_opts stack;
	bool bare;
};

struct worker {
	struct team *team;
	struct io *io;
	uint32_t n, n_open;
	int *fds;
	uint64_t rng;
	bool bare;
	counter done;
};

struct program {
	struct io_stack *stack;
	struct team team;
	struct worker workers[TEAM_MAX];
};

static void make_table(struct opt_table *t, struct options *o)
{
	*t = (struct opt_table){.prog = "mtcp-descriptors",
				.what = "sockets closed and opened, over mtcp or the kernel's TCP",
				.more = more};
	opts_add_stack(t, &o->stack);
	OPT(t, "bare", NULL, OPT_FLAG, &o->bare,
	    .doc = "kernel: instead, two system calls that do nothing, to compare with");
	opts_add_run(t, &o->run);
}

static int start(void *arg, struct io *io, char err[ERR_LEN])
{
	struct worker *w = arg;
	int fd;

	w->io = io;
	w->fds = calloc(w->n, sizeof(*w->fds));
	if (w->fds == NULL)
		return err_set(-ENOMEM, err, "out of memory");
	for (; w->n_open < w->n; w->n_open++) {
		fd = io->ops->socket(io, AF_INET);
		if (fd < 0)
			return err_set(-errno, err, "cannot open socket %u of a thread: %s",
				       w->n_open + 1, strerror(errno));
		w->fds[w->n_open] = fd;
	}
	return 0;
}

static bool replace_one(struct worker *w)
{
	int *fd = &w->fds[random_next(&w->rng) % w->n];

	if (w->bare)
		return syscall(SYS_getppid) >= 0 && syscall(SYS_getppid) >= 0;
	w->io->ops->close(w->io, *fd);
	*fd = w->io->ops->socket(w->io, AF_INET);
	return *fd >= 0;
}

static void loop(void *arg)
{
	struct worker *w = arg;

	while (!team_stopping(w->team)) {
		for (unsigned i = 0; i < LOOK_EVERY; i++)
			if (!replace_one(w))
				return;
		counter_add(&w->done, LOOK_EVERY);
	}
}

static void end(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 0; i < w->n_open; i++)
		if (w->fds[i] >= 0)
			w->io->ops->close(w->io, w->fds[i]);
	free(w->fds);
}

static const struct team_job job = {start, loop, end};

static struct counts read_counts(void *arg)
{
	struct program *p = arg;
	struct counts sum = {0};

	for (unsigned i = 0; i < p->stack->n_workers; i++)
		sum.done += counter_get(&p->workers[i].done);
	return sum;
}

static int run_on(struct program *p, const struct options *o, char err[ERR_LEN])
{
	enum io_kind kind = p->stack->conf.kind;
	struct row_info info = {.experiment = o->run.experiment,
				.device = o->stack.device,
				.kind = kind,
				.seed = o->run.load.seed,
				.repeat = o->run.repeat,
				.server_cores = o->stack.cores,
				.server_threads = p->stack->n_workers,
				.note = o->run.note};
	void *workers[TEAM_MAX];
	unsigned n = p->stack->n_workers;
	int ret;

	for (unsigned i = 0; i < n; i++) {
		p->workers[i] = (struct worker){.team = &p->team,
						.n = o->run.load.concurrency / n,
						.rng = o->run.load.seed + i,
						.bare = o->bare};
		workers[i] = &p->workers[i];
	}
	if (team_start(&p->team, p->stack, &job, workers, err) < 0)
		return EXIT_CANNOT;
	ret = counted_run(read_counts, p, &info, &o->run, err);
	if (!team_running(&p->team))
		ret = err_set(EXIT_FAILED, err, "a socket could not be opened again");
	team_stop(&p->team);
	return ret;
}

static int run(void *options, char err[ERR_LEN])
{
	const struct options *o = options;
	static struct program p;
	const struct load_conf *l = &o->run.load;
	struct opt_lines lines;
	struct io_conf conf;
	int ret;

	if (stack_opts_lines(&o->stack, conns_per_core(l->concurrency, o->stack.cores.n), &lines,
			     err) < 0)
		return EXIT_USAGE;
	conf = (struct io_conf){.kind = (enum io_kind)o->stack.kind,
				.conf_file = o->stack.conf_file,
				.overrides = lines.text,
				.cpus = o->stack.cores,
				.max_conns = l->concurrency};
	ret = io_ops_of(conf.kind)->stack_open(&conf, &p.stack, err);
	if (ret < 0)
		return exit_status(ret);
	if (!io_is_mtcp(conf.kind) && kernel_stack_of(p.stack)->own_tables)
		ret = err_set(EXIT_CANNOT, err,
			      "%u sockets do not fit into one table of descriptors: raise the "
			      "limit (ulimit -n)",
			      l->concurrency);
	else
		ret = run_on(&p, o, err);
	p.stack->ops->stack_close(p.stack);
	return ret;
}

static int check(void *options, char err[ERR_LEN])
{
	struct options *o = options;

	if (o->stack.cores.n == 0)
		o->stack.cores = cpus_first();
	if (io_ops_of((enum io_kind)o->stack.kind)->socket == NULL)
		return err_set(-EINVAL, err, "--stack %s opens sockets as --stack kernel does",
			       io_kind_names[o->stack.kind]);
	if (o->bare && io_is_mtcp((enum io_kind)o->stack.kind))
		return err_set(-EINVAL, err, "--bare is for --stack kernel");
	if (o->run.load.concurrency < o->stack.cores.n)
		return err_set(-EINVAL, err, "--concurrency: a socket for each of %u threads",
			       o->stack.cores.n);
	return counted_check(&o->run, (enum io_kind)o->stack.kind, err);
}

int main(int argc, char **argv)
{
	static struct options o;
	struct program_steps steps = {check, run, &o};
	struct opt_table table;

	make_table(&table, &o);
	return program_main(&steps, &table, argc, argv);
}
