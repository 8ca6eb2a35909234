// SPDX-License-Identifier: BSD-3-Clause
/* mtcp's sockets and epoll: only its public headers are used. TCP_NODELAY is the configuration's
 * (opts.c): a call less for each connection. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "mtcp_api.h"
#include "mtcp_epoll.h"

static const char *const counter_names[] = {
#define COUNTER_NAME(name, doc) #name,
	MTCP_STATS(COUNTER_NAME)
#undef COUNTER_NAME
};
#define N_COUNTERS (sizeof(counter_names) / sizeof(counter_names[0]))
_Static_assert(N_COUNTERS <= IO_MAX_COUNTERS, "all counters fit");

struct mtcp_io {
	struct io base;
	mctx_t mctx;
	int epoll;
	struct mtcp_epoll_event events[IO_MAX_EVENTS];
};

struct mtcp_app_stack {
	struct io_stack base;
	mtcp_stack_t stack;
	struct addr listen;
	int backlog;
	/* set by each worker once its context stands, for stack_stats */
	_Atomic(struct mtcp_io *) workers[CPUS_MAX];
};

static struct mtcp_io *self(struct io *io)
{
	return (struct mtcp_io *)io;
}

static struct mtcp_app_stack *stack_of(struct io_stack *stack)
{
	return (struct mtcp_app_stack *)stack;
}

static int mtcp_app_stack_open(const struct io_conf *conf, struct io_stack **out, char err[ERR_LEN])
{
	struct mtcp_app_stack *s = calloc(1, sizeof(*s));
	char why[MTCP_ERR_LEN] = "";
	int ret;

	if (s == NULL)
		return err_set(-ENOMEM, err, "out of memory");
	s->base.ops = &io_mtcp_ops;
	s->base.conf = *conf;
	s->base.n_workers = conf->cpus.n;
	s->base.pin_each = true;
	errno = 0;
	s->stack = mtcp_stack_open(conf->conf_file, conf->overrides, why);
	if (s->stack == NULL) {
		ret = errno != 0 ? -errno : -EINVAL;
		free(s);
		return err_set(ret, err, "%s", why[0] != '\0' ? why : strerror(-ret));
	}
	*out = &s->base;
	return 0;
}

static void mtcp_app_stack_close(struct io_stack *stack)
{
	mtcp_stack_close(stack_of(stack)->stack);
	free(stack);
}

static int mtcp_app_stack_listen(struct io_stack *stack, struct addr *addr, int backlog,
				 char err[ERR_LEN])
{
	if (addr_port(addr) == 0)
		return err_set(-EINVAL, err, "--listen: mtcp needs a port other than 0");
	stack_of(stack)->listen = *addr;
	stack_of(stack)->backlog = backlog;
	return 0;
}

static void add_counters(struct io_stats *out, const struct mtcp_stats *st)
{
	const uint64_t values[] = {
#define COUNTER_VALUE(name, doc) st->name,
		MTCP_STATS(COUNTER_VALUE)
#undef COUNTER_VALUE
	};

	out->retransmits += st->retransmits;
	/* all that was refused or lost on the way: each is a fault in a lossless run */
	out->drops += st->accept_overflow + st->no_memory + st->no_conn + st->arp_failed +
		      st->arp_overflow + st->no_route;
	for (size_t i = 0; i < N_COUNTERS; i++) {
		out->counters[i] += values[i];
		if (strncmp(counter_names[i], "drop_", 5) == 0)
			out->drops += values[i];
	}
}

static void add_cycles(struct io_stats *out, const struct mtcp_cycles *c)
{
	out->has_cycles = true;
	out->rx += c->rx;
	out->tcp += c->tcp;
	out->app += c->app;
	out->timers += c->timers;
	out->tx += c->tx;
	out->idle += c->idle;
	out->total += c->total;
	out->hz = c->hz;
}

static void mtcp_app_stack_stats(struct io_stack *stack, struct io_stats *out)
{
	struct mtcp_app_stack *s = stack_of(stack);
	uint64_t missed, errors;
	struct mtcp_stats st;
	struct mtcp_cycles cycles;
	struct mtcp_io *m;

	memset(out, 0, sizeof(*out));
	out->n_counters = N_COUNTERS;
	out->counter_names = counter_names;
	for (unsigned i = 0; i < stack->n_workers; i++) {
		m = atomic_load(&s->workers[i]);
		if (m == NULL)
			continue;
		if (mtcp_get_stats(m->mctx, &st) == 0)
			add_counters(out, &st);
		if (mtcp_get_cycles(m->mctx, &cycles) == 0)
			add_cycles(out, &cycles);
		/* the device is one for all workers: ask once */
		if (i == 0 && mtcp_get_device_stats(m->mctx, &missed, &errors) == 0)
			out->drops += missed + errors;
	}
}

static int set_up(struct mtcp_io *m, struct io_stack *stack)
{
	const struct io_sources *src = &stack->conf.sources;
	const struct sockaddr_in *to = (const struct sockaddr_in *)&stack->conf.target.ss;

	m->epoll = mtcp_epoll_create1(m->mctx, 0);
	if (m->epoll < 0)
		return -1;
	if (src->n == 0)
		return 0;
	return mtcp_init_rss(m->mctx, htonl(src->first), (int)src->n, to->sin_addr.s_addr,
			     to->sin_port);
}

static struct io *mtcp_open(struct io_stack *stack, unsigned worker, char err[ERR_LEN])
{
	struct mtcp_app_stack *s = stack_of(stack);
	int cpu = stack->conf.cpus.id[worker];
	struct mtcp_io *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		err_set(0, err, "out of memory");
		return NULL;
	}
	m->base = (struct io){.ops = &io_mtcp_ops, .stack = stack, .worker = worker};
	m->mctx = mtcp_create_context_on(s->stack, cpu);
	if (m->mctx == NULL) {
		err_set(0, err, "cannot create an mtcp context on CPU %d: %s", cpu,
			strerror(errno));
		free(m);
		return NULL;
	}
	if (set_up(m, stack) < 0) {
		err_set(0, err, "mtcp context on CPU %d: %s", cpu, strerror(errno));
		mtcp_destroy_context(m->mctx);
		free(m);
		return NULL;
	}
	atomic_store(&s->workers[worker], m);
	return &m->base;
}

static void mtcp_shut(struct io *io)
{
	struct mtcp_io *m = self(io);

	atomic_store(&stack_of(io->stack)->workers[io->worker], NULL);
	mtcp_close(m->mctx, m->epoll);
	mtcp_destroy_context(m->mctx);
	free(m);
}

static int mtcp_listener(struct io *io)
{
	struct mtcp_app_stack *s = stack_of(io->stack);
	struct mtcp_io *m = self(io);
	int fd, saved;

	fd = mtcp_socket(m->mctx, s->listen.ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (mtcp_bind(m->mctx, fd, (const struct sockaddr *)&s->listen.ss, s->listen.len) < 0 ||
	    mtcp_listen(m->mctx, fd, s->backlog) < 0) {
		saved = errno;
		mtcp_close(m->mctx, fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int mtcp_io_accept(struct io *io, int listener)
{
	return mtcp_accept4(self(io)->mctx, listener, NULL, NULL, SOCK_NONBLOCK);
}

static int mtcp_io_socket(struct io *io, int family)
{
	return mtcp_socket(self(io)->mctx, family, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static int mtcp_io_connect(struct io *io, const struct addr *to)
{
	struct mtcp_io *m = self(io);
	int fd = mtcp_io_socket(io, to->ss.ss_family), saved;

	if (fd < 0)
		return -1;
	if (mtcp_connect(m->mctx, fd, (const struct sockaddr *)&to->ss, to->len) < 0 &&
	    errno != EINPROGRESS) {
		saved = errno;
		mtcp_close(m->mctx, fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static ssize_t mtcp_io_read(struct io *io, int fd, void *buf, size_t len)
{
	return mtcp_read(self(io)->mctx, fd, buf, len);
}

static ssize_t mtcp_io_write(struct io *io, int fd, const void *buf, size_t len)
{
	return mtcp_write(self(io)->mctx, fd, buf, len);
}

static ssize_t mtcp_io_writev(struct io *io, int fd, const struct iovec *iov, int n)
{
	return mtcp_writev(self(io)->mctx, fd, iov, n);
}

static ssize_t mtcp_io_zc_read(struct io *io, int fd, struct iovec piece[2])
{
	return mtcp_zc_read(self(io)->mctx, fd, piece);
}

static int mtcp_io_zc_consume(struct io *io, int fd, size_t n)
{
	return mtcp_zc_consume(self(io)->mctx, fd, n);
}

static ssize_t mtcp_io_zc_reserve(struct io *io, int fd, size_t want, struct iovec piece[2])
{
	return mtcp_zc_reserve(self(io)->mctx, fd, want, piece);
}

static int mtcp_io_zc_commit(struct io *io, int fd, size_t n)
{
	return mtcp_zc_commit(self(io)->mctx, fd, n);
}

static int mtcp_io_finish(struct io *io, int fd)
{
	return mtcp_shutdown(self(io)->mctx, fd, SHUT_WR);
}

static int mtcp_io_close(struct io *io, int fd)
{
	return mtcp_close(self(io)->mctx, fd);
}

static int mtcp_io_error(struct io *io, int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (mtcp_getsockopt(self(io)->mctx, fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

static int mtcp_io_ctl(struct io *io, enum io_ctl op, int fd, struct io_event ev)
{
	/* each core has its own listener: nothing to be exclusive about */
	struct mtcp_epoll_event event = {.events = ev.events & ~IO_EXCLUSIVE, .data.ptr = ev.ptr};

	return mtcp_epoll_ctl(self(io)->mctx, self(io)->epoll, (int)op, fd, &event);
}

static int mtcp_io_wait(struct io *io, struct io_event events[IO_MAX_EVENTS], int max, int timeout)
{
	struct mtcp_io *m = self(io);
	int n = mtcp_epoll_wait(m->mctx, m->epoll, m->events, max, timeout);

	if (n < 0)
		return errno == EINTR ? 0 : -1;
	for (int i = 0; i < n; i++)
		events[i] = (struct io_event){m->events[i].events, m->events[i].data.ptr};
	return n;
}

_Static_assert(IO_IN == MTCP_EPOLLIN && IO_OUT == MTCP_EPOLLOUT && IO_ERR == MTCP_EPOLLERR &&
		       IO_HUP == MTCP_EPOLLHUP && IO_RDHUP == MTCP_EPOLLRDHUP &&
		       IO_ET == (uint32_t)MTCP_EPOLLET,
	       "events are passed as they are");
_Static_assert((int)IO_ADD == MTCP_EPOLL_CTL_ADD && (int)IO_DEL == MTCP_EPOLL_CTL_DEL &&
		       (int)IO_MOD == MTCP_EPOLL_CTL_MOD,
	       "operations are passed as they are");

const struct io_ops io_mtcp_ops = {
	.stack_open = mtcp_app_stack_open,
	.stack_listen = mtcp_app_stack_listen,
	.stack_close = mtcp_app_stack_close,
	.stack_stats = mtcp_app_stack_stats,
	.open = mtcp_open,
	.shut = mtcp_shut,
	.listener = mtcp_listener,
	.accept = mtcp_io_accept,
	.socket = mtcp_io_socket,
	.connect = mtcp_io_connect,
	.read = mtcp_io_read,
	.write = mtcp_io_write,
	.writev = mtcp_io_writev,
	.zc_read = mtcp_io_zc_read,
	.zc_consume = mtcp_io_zc_consume,
	.zc_reserve = mtcp_io_zc_reserve,
	.zc_commit = mtcp_io_zc_commit,
	.finish = mtcp_io_finish,
	.close = mtcp_io_close,
	.error = mtcp_io_error,
	.ctl = mtcp_io_ctl,
	.wait = mtcp_io_wait,
};
