/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs over Linux's TCP have in common, however they wait: listeners, settings, and
 * how many threads there are. Where one descriptor table cannot hold all connections (a limit of
 * 20,000 that even root may not raise is common in containers), more workers are run than there are
 * cores, each with a table of its own (unshare(CLONE_FILES)), on the same cores.
 */
#ifndef APPS_KERNEL_STACK_H
#define APPS_KERNEL_STACK_H

#include "io.h"
#include "kernel_knobs.h"

#define KERNEL_MAX_WORKERS 256

struct kernel_stack {
	struct io_stack base;
	struct kernel_knobs knobs;
	struct kernel_tcp begin;
	uint64_t fd_limit; /* descriptors are below it */
	bool own_tables;
	int listeners[KERNEL_MAX_WORKERS]; /* shared: one, at 0 */
	unsigned n_listeners;
};

static inline struct kernel_stack *kernel_stack_of(struct io_stack *stack)
{
	return (struct kernel_stack *)stack;
}

/* As the calls of the same names in struct io_ops. */
int kernel_stack_open(const struct io_ops *, const struct io_conf *, struct io_stack **out,
		      char err[ERR_LEN]);
int kernel_stack_listen(struct io_stack *, struct addr *, int backlog, char err[ERR_LEN]);
void kernel_stack_close(struct io_stack *);
void kernel_stack_stats(struct io_stack *, struct io_stats *);
int kernel_listener(struct io *);
/* On a worker's thread, before it opens anything. 0, or -errno with err. */
int kernel_own_table(const struct kernel_stack *, char err[ERR_LEN]);

#endif
