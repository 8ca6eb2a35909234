// SPDX-License-Identifier: BSD-3-Clause
#include "kernel_stack.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FD_RESERVE 128 /* descriptors for all that is not a connection */
/* With several tables, connections spread over them unevenly: room for that. */
#define SKEW_PERCENT 15

static uint64_t raise_fd_limit(uint64_t want)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return 1024;
	if (lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	if (lim.rlim_max <
	    want) { /* privileged processes may raise it, unless a container forbids */
		struct rlimit more = {want, want};

		setrlimit(RLIMIT_NOFILE, &more);
	}
	getrlimit(RLIMIT_NOFILE, &lim);
	return lim.rlim_cur;
}

static int plan_workers(struct kernel_stack *s, char err[ERR_LEN])
{
	uint64_t conns = s->base.conf.max_conns, per_table, tables;
	unsigned n_cores = s->base.conf.cpus.n;

	s->fd_limit = raise_fd_limit(conns + FD_RESERVE);
	if (s->fd_limit < 2 * FD_RESERVE)
		return err_set(
			-EMFILE, err,
			"only %llu descriptors are allowed: raise the limit (ulimit -n 4096)",
			(unsigned long long)s->fd_limit);
	per_table = s->fd_limit - FD_RESERVE;
	if (conns > per_table && s->base.conf.server)
		conns += conns * SKEW_PERCENT / 100;
	tables = (conns + per_table - 1) / per_table;
	if (tables > KERNEL_MAX_WORKERS)
		return err_set(-EMFILE, err,
			       "%u connections do not fit into %u tables of %llu descriptors: "
			       "raise the limit (ulimit -n)",
			       s->base.conf.max_conns, KERNEL_MAX_WORKERS,
			       (unsigned long long)s->fd_limit);
	s->own_tables = tables > 1;
	s->base.n_workers = tables > n_cores ? (unsigned)tables : n_cores;
	return 0;
}

int kernel_stack_open(const struct io_ops *ops, const struct io_conf *conf, struct io_stack **out,
		      char err[ERR_LEN])
{
	struct kernel_stack *s = calloc(1, sizeof(*s));
	int ret;

	if (s == NULL)
		return err_set(-ENOMEM, err, "out of memory");
	s->base.ops = ops;
	s->base.conf = *conf;
	ret = kernel_knobs_read(&s->knobs, conf, err);
	/* the paper's "Linux" leaves its threads to the scheduler, within the allowed cores */
	s->base.pin_each = s->knobs.pin != 0 || !conf->server;
	kernel_tcp_read(&s->begin);
	if (ret == 0)
		ret = plan_workers(s, err);
	if (ret < 0) {
		free(s);
		return ret;
	}
	*out = &s->base;
	return 0;
}

void kernel_stack_close(struct io_stack *stack)
{
	struct kernel_stack *s = kernel_stack_of(stack);

	for (unsigned i = 0; i < s->n_listeners; i++)
		close(s->listeners[i]);
	free(s);
}

void kernel_stack_stats(struct io_stack *stack, struct io_stats *out)
{
	struct kernel_tcp now;

	kernel_tcp_read(&now);
	memset(out, 0, sizeof(*out));
	out->retransmits = now.retransmits - kernel_stack_of(stack)->begin.retransmits;
	out->drops = now.drops - kernel_stack_of(stack)->begin.drops;
}

static int listen_one(struct kernel_stack *s, struct addr *addr, int backlog)
{
	int one = 1, fd, saved;

	fd = socket(addr->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* accepted sockets inherit TCP_NODELAY */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    kernel_knobs_listener(&s->knobs, fd) < 0 ||
	    bind(fd, (struct sockaddr *)&addr->ss, addr->len) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len) < 0) {
		saved = errno;
		close(fd);
		return -saved;
	}
	return fd;
}

static int listen_failed(int error, const struct addr *addr, char err[ERR_LEN])
{
	char text[ADDR_STRLEN];
	const char *mend = "choose another address or port";

	addr_format(addr, text);
	if (error == EADDRINUSE)
		mend = "end the program that listens there, or choose another port";
	else if (error == EACCES)
		mend = "choose a port from 1024 on, or run as root";
	else if (error == EADDRNOTAVAIL)
		mend = "give an address that this machine has";
	return err_set(-error, err, "cannot listen on %s: %s; %s", text, strerror(error), mend);
}

int kernel_stack_listen(struct io_stack *stack, struct addr *addr, int backlog, char err[ERR_LEN])
{
	struct kernel_stack *s = kernel_stack_of(stack);
	struct kernel_group group = {.listeners = s->listeners,
				     .n = s->knobs.reuseport ? stack->n_workers : 1,
				     .cpus = &stack->conf.cpus};
	int fd;

	while (s->n_listeners < group.n) {
		fd = listen_one(s, addr, backlog);
		if (fd < 0)
			return listen_failed(-fd, addr, err);
		s->listeners[s->n_listeners++] = fd;
	}
	kernel_knobs_group(&s->knobs, &group);
	kernel_knobs_tell(&s->knobs, &group);
	return 0;
}

int kernel_listener(struct io *io)
{
	struct kernel_stack *s = kernel_stack_of(io->stack);

	return s->listeners[s->n_listeners > 1 ? io->worker : 0];
}

int kernel_own_table(const struct kernel_stack *s, char err[ERR_LEN])
{
	if (!s->own_tables || unshare(CLONE_FILES) == 0)
		return 0;
	return err_set(-errno, err,
		       "cannot give a thread its own descriptor table: %s; raise ulimit -n",
		       strerror(errno));
}
