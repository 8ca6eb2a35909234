// SPDX-License-Identifier: BSD-3-Clause
/* The table: takes the lock, calls, turns -errno into libc's -1. */
#include "plugin.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct pd *enter(void *userdata)
{
	struct pd *pd = userdata;

	pthread_mutex_lock(&pd->lock);
	return pd;
}

static ssize_t leave(struct pd *pd, ssize_t r)
{
	net_looked(pd);
	pthread_mutex_unlock(&pd->lock);
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static struct pd *enter_mover(void *userdata)
{
	struct pd *pd = enter(userdata);

	pd->mover = pthread_self();
	return pd;
}

static void t_free(void *u)
{
	struct pd *pd = enter(u);

	for (int fd = 0; fd < PD_FDS; fd++) {
		if (obj_of(pd, fd))
			(void)sock_close(pd, fd);
	}
	net_close(pd);
	pthread_mutex_unlock(&pd->lock);
	pthread_mutex_destroy(&pd->lock);
	pthread_cond_destroy(&pd->changed);
	pthread_cond_destroy(&pd->looked);
	free(pd);
}

/* name, its parameters behind userdata, the call */
#define CALL(type, name, params, call)                                                             \
	static type t_##name params                                                                \
	{                                                                                          \
		struct pd *pd = enter(u);                                                          \
                                                                                                   \
		return (type)leave(pd, call);                                                      \
	}

CALL(int, socket, (void *u, int domain, int type, int protocol),
     sock_socket(pd, domain, type, protocol))
CALL(int, bind, (void *u, int fd, const struct sockaddr *a, socklen_t len),
     sock_bind(pd, fd, a, len))
CALL(int, listen, (void *u, int fd, int backlog), sock_listen(pd, fd, backlog))
CALL(int, accept, (void *u, int fd, struct sockaddr *a, socklen_t *len),
     sock_accept(pd, fd, a, len))
CALL(int, connect, (void *u, int fd, const struct sockaddr *a, socklen_t len),
     sock_connect(pd, fd, a, len))
CALL(ssize_t, readv, (void *u, int fd, const struct iovec *iov, int n),
     sock_recv(pd, fd, iov, n, 0))
CALL(ssize_t, writev, (void *u, int fd, const struct iovec *iov, int n),
     sock_send(pd, fd, iov, n, 0))
CALL(int, close, (void *u, int fd), sock_close(pd, fd))
CALL(int, shutdown, (void *u, int fd, int how), sock_shutdown(pd, fd, how))
CALL(int, getsockopt, (void *u, int fd, int level, int name, void *v, socklen_t *len),
     opt_get(pd, fd, &(struct pd_optname){level, name}, v, len))
CALL(int, setsockopt, (void *u, int fd, int level, int name, const void *v, socklen_t len),
     opt_set(pd, fd, &(struct pd_optname){level, name}, v, len))
CALL(int, poll, (void *u, struct pollfd *fds, nfds_t n, int ms), poll_fds(pd, fds, n, ms))
CALL(int, epoll_create, (void *u, int size), size > 0 ? ep_create(pd) : -EINVAL)
CALL(int, epoll_ctl, (void *u, int ep, int op, int fd, struct epoll_event *e),
     ep_ctl(pd, ep, op, fd, e))
CALL(int, epoll_wait, (void *u, int ep, struct epoll_event *e, int max, int ms),
     ep_wait(pd, ep, e, max, ms))
CALL(int, pipe, (void *u, int fds[2]), pipe_open(pd, fds))

static ssize_t t_recv(void *u, int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = {buf, len};
	struct pd *pd = enter(u);

	return leave(pd, sock_recv(pd, fd, &iov, 1, flags));
}

static ssize_t t_read(void *u, int fd, void *buf, size_t len)
{
	return t_recv(u, fd, buf, len, 0);
}

static ssize_t t_recvfrom(void *u, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
			  socklen_t *fromlen)
{
	ssize_t n = t_recv(u, fd, buf, len, flags);

	if (n >= 0 && from && fromlen) {
		struct pd *pd = enter(u);

		(void)sock_peer(pd, fd, from, fromlen);
		(void)leave(pd, 0);
	}
	return n;
}

static ssize_t t_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
	struct pd *pd = enter(u);
	ssize_t n = sock_recv(pd, fd, msg->msg_iov, (int)msg->msg_iovlen, flags);

	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return leave(pd, n);
}

static ssize_t t_send(void *u, int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct pd *pd = enter(u);

	return leave(pd, sock_send(pd, fd, &iov, 1, flags));
}

static ssize_t t_write(void *u, int fd, const void *buf, size_t len)
{
	return t_send(u, fd, buf, len, 0);
}

static ssize_t t_sendto(void *u, int fd, const void *buf, size_t len, int flags,
			const struct sockaddr *to, socklen_t tolen)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	const struct pd_name name = {to, tolen};
	struct pd *pd = enter(u);

	return leave(pd, sock_sendto(pd, fd, &iov, flags, &name));
}

static ssize_t t_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
	struct pd *pd = enter(u);

	return leave(pd, sock_send(pd, fd, msg->msg_iov, (int)msg->msg_iovlen, flags));
}

static int t_fcntl(void *u, int fd, int cmd, ...)
{
	struct pd *pd = enter(u);
	struct pd_obj *o = obj_of(pd, fd);
	int r = 0;
	va_list ap;

	va_start(ap, cmd);
	if (!o)
		r = -EBADF;
	else if (cmd == F_GETFL)
		r = O_RDWR | (o->nonblock ? O_NONBLOCK : 0);
	else if (cmd == F_SETFL)
		o->nonblock = va_arg(ap, int) & O_NONBLOCK;
	else
		r = -EINVAL;
	va_end(ap);
	return (int)leave(pd, r);
}

static int t_ioctl(void *u, int fd, unsigned long request, ...)
{
	struct pd *pd = enter(u);
	va_list ap;
	int64_t r;

	va_start(ap, request);
	r = sock_ioctl(pd, fd, request, va_arg(ap, void *));
	va_end(ap);
	return (int)leave(pd, r);
}

static ssize_t t_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t len,
			unsigned flags)
{
	struct pd *pd = enter(u);

	(void)flags;
	return leave(pd, off_in || off_out ? -ESPIPE : pipe_splice(pd, in, out, len));
}

static int t_netdev_send(void *u, const void *buf, size_t count)
{
	struct pd *pd = enter_mover(u);

	return (int)leave(pd, net_send(pd, buf, count));
}

static int t_netdev_receive(void *u, void *buf, size_t *count, long long *time_usecs)
{
	struct pd *pd = enter_mover(u);

	return (int)leave(pd, net_receive(pd, buf, count, time_usecs));
}

static int t_usleep(void *u, useconds_t usecs)
{
	struct pd *pd = enter_mover(u);

	net_run_until(pd, pd->now + usecs * MT_US);
	return (int)leave(pd, 0);
}

static int t_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	struct pd *pd = enter(u);
	mt_time now = net_time(pd);

	(void)tz;
	tv->tv_sec = (time_t)(PD_EPOCH + (long long)(now / MT_SEC));
	tv->tv_usec = (suseconds_t)(now % MT_SEC / MT_US);
	return (int)leave(pd, 0);
}

static const struct packetdrill_interface table = {
	.free = t_free,
	.socket = t_socket,
	.bind = t_bind,
	.listen = t_listen,
	.accept = t_accept,
	.connect = t_connect,
	.read = t_read,
	.readv = t_readv,
	.recv = t_recv,
	.recvfrom = t_recvfrom,
	.recvmsg = t_recvmsg,
	.write = t_write,
	.writev = t_writev,
	.send = t_send,
	.sendto = t_sendto,
	.sendmsg = t_sendmsg,
	.fcntl = t_fcntl,
	.ioctl = t_ioctl,
	.close = t_close,
	.shutdown = t_shutdown,
	.getsockopt = t_getsockopt,
	.setsockopt = t_setsockopt,
	.poll = t_poll,
	.netdev_send = t_netdev_send,
	.netdev_receive = t_netdev_receive,
	.usleep = t_usleep,
	.gettimeofday = t_gettimeofday,
	.epoll_create = t_epoll_create,
	.epoll_ctl = t_epoll_ctl,
	.epoll_wait = t_epoll_wait,
	.pipe = t_pipe,
	.splice = t_splice,
};

static struct pd *new_stack(const char *flags)
{
	struct pd *pd = calloc(1, sizeof(*pd));

	if (!pd)
		return NULL;
	pthread_mutex_init(&pd->lock, NULL);
	pthread_cond_init(&pd->changed, NULL);
	pthread_cond_init(&pd->looked, NULL);
	pd->mover = pthread_self();
	pd->now = MT_SEC;
	pd->horizon = 300 * MT_SEC;
	pd->nic.mtu = 1500;
	pd->addr = (struct stack_addr){.addr = ip_from_v4(0xc0a80001), .prefix = 32};
	pd->cfg = stack_config_default;
	pd->cfg.n_conns = 1024;
	pd->cfg.tcp = tcp_config_default;
	if (plugin_flags(pd, flags)) {
		free(pd);
		return NULL;
	}
	net_open(pd);
	return pd;
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	struct pd *pd = new_stack(flags);

	if (!pd)
		exit(2);
	*ifc = table;
	ifc->userdata = pd;
}
