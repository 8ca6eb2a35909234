// SPDX-License-Identifier: BSD-3-Clause
/*
 * Linux sockets and epoll. Where one descriptor table cannot hold all connections (a limit of
 * 20,000 that even root may not raise is common in containers), more workers are run than there are
 * cores, each with a table of its own (unshare(CLONE_FILES)), on the same cores.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io.h"
#include "kernel_knobs.h"

#define FD_RESERVE  128 /* descriptors for all that is not a connection */
#define MAX_WORKERS 256
/* With several tables, connections spread over them unevenly: room for that. */
#define SKEW_PERCENT 15

struct kernel_stack {
	struct io_stack base;
	struct kernel_knobs knobs;
	struct kernel_tcp begin;
	uint64_t fd_limit;
	bool own_tables;
	int listeners[MAX_WORKERS]; /* shared: one, at 0 */
	unsigned n_listeners;
};

struct kernel_io {
	struct io base;
	int epoll;
	uint32_t next_source;
	struct epoll_event events[IO_MAX_EVENTS];
};

static struct kernel_io *self(struct io *io)
{
	return (struct kernel_io *)io;
}

static struct kernel_stack *stack_of(struct io_stack *stack)
{
	return (struct kernel_stack *)stack;
}

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
	if (tables > MAX_WORKERS)
		return err_set(-EMFILE, err,
			       "%u connections do not fit into %u tables of %llu descriptors: "
			       "raise the limit (ulimit -n)",
			       s->base.conf.max_conns, MAX_WORKERS,
			       (unsigned long long)s->fd_limit);
	s->own_tables = tables > 1;
	s->base.n_workers = tables > n_cores ? (unsigned)tables : n_cores;
	return 0;
}

static int kernel_stack_open(const struct io_conf *conf, struct io_stack **out, char err[ERR_LEN])
{
	struct kernel_stack *s = calloc(1, sizeof(*s));
	int ret;

	if (s == NULL)
		return err_set(-ENOMEM, err, "out of memory");
	s->base.ops = &io_kernel_ops;
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

static void kernel_stack_close(struct io_stack *stack)
{
	struct kernel_stack *s = stack_of(stack);

	for (unsigned i = 0; i < s->n_listeners; i++)
		close(s->listeners[i]);
	free(s);
}

static void kernel_stack_stats(struct io_stack *stack, struct io_stats *out)
{
	struct kernel_tcp now;

	kernel_tcp_read(&now);
	memset(out, 0, sizeof(*out));
	out->retransmits = now.retransmits - stack_of(stack)->begin.retransmits;
	out->drops = now.drops - stack_of(stack)->begin.drops;
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

static int kernel_stack_listen(struct io_stack *stack, struct addr *addr, int backlog,
			       char err[ERR_LEN])
{
	struct kernel_stack *s = stack_of(stack);
	unsigned n = s->knobs.reuseport ? stack->n_workers : 1;
	int fd;

	while (s->n_listeners < n) {
		fd = listen_one(s, addr, backlog);
		if (fd < 0)
			return listen_failed(-fd, addr, err);
		s->listeners[s->n_listeners++] = fd;
	}
	kernel_knobs_tell(&s->knobs, s->listeners[0]);
	return 0;
}

static struct io *kernel_open(struct io_stack *stack, unsigned worker, char err[ERR_LEN])
{
	struct kernel_stack *s = stack_of(stack);
	struct kernel_io *k;

	if (s->own_tables && unshare(CLONE_FILES) < 0) {
		err_set(0, err,
			"cannot give a thread its own descriptor table: %s; raise ulimit -n",
			strerror(errno));
		return NULL;
	}
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		err_set(0, err, "out of memory");
		return NULL;
	}
	k->base = (struct io){.ops = &io_kernel_ops, .stack = stack, .worker = worker};
	k->next_source = worker;
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (k->epoll < 0) {
		err_set(0, err, "epoll_create1: %s", strerror(errno));
		free(k);
		return NULL;
	}
	kernel_knobs_epoll(&s->knobs, k->epoll);
	return &k->base;
}

static void kernel_shut(struct io *io)
{
	close(self(io)->epoll);
	free(io);
}

static int kernel_listener(struct io *io)
{
	struct kernel_stack *s = stack_of(io->stack);

	return s->listeners[s->n_listeners > 1 ? io->worker : 0];
}

static int kernel_accept(struct io *io, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;

	if (fd >= 0 && stack_of(io->stack)->knobs.quickack)
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	return fd;
}

static int bind_source(struct kernel_io *k, int fd, const struct io_sources *sources)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int one = 1;

	from.sin_addr.s_addr = htonl(sources->first + k->next_source++ % sources->n);
	/* the port is chosen at connect(), when the whole 4-tuple is known: 64K ports per target */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&from, sizeof(from));
}

static int kernel_connect(struct io *io, const struct addr *to)
{
	const struct io_sources *sources = &io->stack->conf.sources;
	int one = 1, saved, fd;

	fd = socket(to->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    (sources->n > 0 && bind_source(self(io), fd, sources) < 0) ||
	    (connect(fd, (const struct sockaddr *)&to->ss, to->len) < 0 && errno != EINPROGRESS)) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static ssize_t kernel_read(struct io *io, int fd, void *buf, size_t len)
{
	(void)io;
	return recv(fd, buf, len, 0);
}

static ssize_t kernel_write(struct io *io, int fd, const void *buf, size_t len)
{
	(void)io;
	return send(fd, buf, len, MSG_NOSIGNAL);
}

static ssize_t kernel_writev(struct io *io, int fd, const struct iovec *iov, int n)
{
	(void)io;
	return writev(fd, iov, n);
}

static int kernel_finish(struct io *io, int fd)
{
	(void)io;
	return shutdown(fd, SHUT_WR);
}

static int kernel_close(struct io *io, int fd)
{
	(void)io;
	return close(fd);
}

static int kernel_error(struct io *io, int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)io;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static int kernel_ctl(struct io *io, enum io_ctl op, int fd, struct io_event ev)
{
	struct epoll_event event = {.events = ev.events, .data.ptr = ev.ptr};

	/* a listener is not always emptied: it stays level-triggered */
	if (stack_of(io->stack)->knobs.edge && ev.ptr != NULL)
		event.events |= EPOLLET;

	return epoll_ctl(self(io)->epoll, (int)op, fd, &event);
}

static int kernel_wait(struct io *io, struct io_event events[IO_MAX_EVENTS], int timeout)
{
	struct kernel_io *k = self(io);
	int n = epoll_wait(k->epoll, k->events, IO_MAX_EVENTS,
			   stack_of(io->stack)->knobs.spin ? 0 : timeout);

	if (n < 0)
		return errno == EINTR ? 0 : -1;
	for (int i = 0; i < n; i++)
		events[i] = (struct io_event){k->events[i].events, k->events[i].data.ptr};
	return n;
}

_Static_assert(IO_IN == EPOLLIN && IO_OUT == EPOLLOUT && IO_ERR == EPOLLERR && IO_HUP == EPOLLHUP &&
		       IO_RDHUP == EPOLLRDHUP && IO_EXCLUSIVE == EPOLLEXCLUSIVE && IO_ET == EPOLLET,
	       "events are passed as they are");
_Static_assert(IO_ADD == EPOLL_CTL_ADD && IO_DEL == EPOLL_CTL_DEL && IO_MOD == EPOLL_CTL_MOD,
	       "operations are passed as they are");

const struct io_ops io_kernel_ops = {
	.stack_open = kernel_stack_open,
	.stack_listen = kernel_stack_listen,
	.stack_close = kernel_stack_close,
	.stack_stats = kernel_stack_stats,
	.open = kernel_open,
	.shut = kernel_shut,
	.listener = kernel_listener,
	.accept = kernel_accept,
	.connect = kernel_connect,
	.read = kernel_read,
	.write = kernel_write,
	.writev = kernel_writev,
	.finish = kernel_finish,
	.close = kernel_close,
	.error = kernel_error,
	.ctl = kernel_ctl,
	.wait = kernel_wait,
};
