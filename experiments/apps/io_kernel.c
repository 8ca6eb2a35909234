// SPDX-License-Identifier: BSD-3-Clause
/* Linux sockets and epoll. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io.h"
#include "kernel_stack.h"

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

static int kernel_epoll_open(const struct io_conf *conf, struct io_stack **out, char err[ERR_LEN])
{
	return kernel_stack_open(&io_kernel_ops, conf, out, err);
}

static struct io *kernel_open(struct io_stack *stack, unsigned worker, char err[ERR_LEN])
{
	struct kernel_stack *s = kernel_stack_of(stack);
	struct kernel_io *k;

	if (kernel_own_table(s, err) < 0)
		return NULL;
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

static int kernel_accept(struct io *io, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;

	if (fd >= 0 && kernel_stack_of(io->stack)->knobs.quickack)
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

static int kernel_socket(struct io *io, int family)
{
	(void)io;
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int kernel_connect(struct io *io, const struct addr *to)
{
	const struct io_sources *sources = &io->stack->conf.sources;
	int fd = kernel_socket(io, to->ss.ss_family), one = 1, saved;

	if (fd < 0)
		return -1;
	if (kernel_stack_of(io->stack)->knobs.fastopen) /* what refuses it connects as ever */
		setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
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

/* The first write of TCP_FASTOPEN_CONNECT opens: where its SYN could take no data (the cookie is
 * gone), it says so in connect's way. */
static ssize_t later(ssize_t put)
{
	if (put < 0 && errno == EINPROGRESS)
		errno = EAGAIN;
	return put;
}

static ssize_t kernel_write(struct io *io, int fd, const void *buf, size_t len)
{
	(void)io;
	return later(send(fd, buf, len, MSG_NOSIGNAL));
}

static ssize_t kernel_writev(struct io *io, int fd, const struct iovec *iov, int n)
{
	(void)io;
	return later(writev(fd, iov, n));
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
	if (kernel_stack_of(io->stack)->knobs.edge && ev.ptr != NULL)
		event.events |= EPOLLET;

	return epoll_ctl(self(io)->epoll, (int)op, fd, &event);
}

static int kernel_wait(struct io *io, struct io_event events[IO_MAX_EVENTS], int max, int timeout)
{
	struct kernel_io *k = self(io);
	int n = epoll_wait(k->epoll, k->events, max,
			   kernel_stack_of(io->stack)->knobs.spin ? 0 : timeout);

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
	.stack_open = kernel_epoll_open,
	.stack_listen = kernel_stack_listen,
	.stack_close = kernel_stack_close,
	.stack_stats = kernel_stack_stats,
	.open = kernel_open,
	.shut = kernel_shut,
	.listener = kernel_listener,
	.accept = kernel_accept,
	.socket = kernel_socket,
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
