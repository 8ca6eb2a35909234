// SPDX-License-Identifier: BSD-3-Clause
/* Sockets over the stack layer. */
#include "plugin.h"

#include <limits.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "api/ctx.h"
#include "stack/core.h"

/* ---- descriptors ---- */

struct pd_obj *obj_of(struct pd *pd, int fd)
{
	if (fd < 0 || fd >= PD_FDS || pd->obj[fd].kind == PD_NONE)
		return NULL;
	return &pd->obj[fd];
}

int obj_new(struct pd *pd, enum pd_kind kind)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fd >= PD_FDS) {
		close(fd);
		return -EMFILE;
	}
	pd->obj[fd] =
		(struct pd_obj){.kind = kind, .id = STACK_ID_NONE, .local.addr = ip_from_v4(0)};
	return fd;
}

static int socket_of(struct pd *pd, int fd, struct pd_obj **out)
{
	*out = obj_of(pd, fd);
	if (!*out)
		return -EBADF;
	return (*out)->kind == PD_SOCKET || (*out)->kind == PD_LISTENER || (*out)->kind == PD_STREAM
		       ? 0
		       : -ENOTSOCK;
}

/* ---- opening ---- */

int sock_socket(struct pd *pd, int domain, int type, int protocol)
{
	int fd;

	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != 0 && protocol != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	fd = obj_new(pd, PD_SOCKET);
	if (fd < 0)
		return fd;
	pd->obj[fd].family = domain;
	if (domain == AF_INET6)
		pd->obj[fd].local.addr = (struct ip_addr){0};
	pd->obj[fd].nonblock = type & SOCK_NONBLOCK;
	return fd;
}

int sock_bind(struct pd *pd, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct ip_endpoint e;
	struct pd_obj *o;
	int err = socket_of(pd, fd, &o);

	if (!err)
		err = addr_in(sa, len, o->family == AF_INET6, &e);
	if (err)
		return err;
	if (o->kind != PD_SOCKET || o->local.port)
		return -EINVAL;
	if (!ip_is_any(&e.addr) && !ip_eq(&e.addr, &pd->addr.addr))
		return -EADDRNOTAVAIL;
	o->local = e;
	return 0;
}

int sock_listen(struct pd *pd, int fd, int backlog)
{
	struct pd_obj *o;
	int64_t id = socket_of(pd, fd, &o);

	if (id)
		return (int)id;
	if (o->kind == PD_LISTENER)
		return 0;
	if (o->kind == PD_STREAM)
		return -EINVAL;
	id = stack_listen(pd->sc, &o->local, backlog > 0 ? (uint32_t)backlog : 1, pd->now);
	if (id < 0)
		return (int)id;
	o->kind = PD_LISTENER;
	o->id = (uint32_t)id;
	stack_listen_set_cookie(pd->sc, o->id, (uint64_t)fd);
	if (o->opts.set & 1u << TCP_OPT_FASTOPEN_QUEUE)
		(void)stack_listen_fastopen(pd->sc, o->id, o->opts.value[TCP_OPT_FASTOPEN_QUEUE]);
	return 0;
}

static int new_stream(struct pd *pd, const struct pd_obj *from, uint32_t id)
{
	int fd = obj_new(pd, PD_STREAM);

	if (fd < 0) {
		stack_abort(pd->sc, id, pd->now);
		return fd;
	}
	pd->obj[fd].family = from->family;
	pd->obj[fd].id = id;
	stack_set_cookie(pd->sc, id, (uint64_t)fd);
	opt_apply(pd, &pd->obj[fd], &from->opts);
	return fd;
}

int sock_accept(struct pd *pd, int fd, struct sockaddr *sa, socklen_t *len)
{
	struct pd_obj *o;
	int64_t id = socket_of(pd, fd, &o);

	if (id)
		return (int)id;
	if (o->kind != PD_LISTENER)
		return -EINVAL;
	while ((id = stack_accept(pd->sc, o->id)) == -EAGAIN) {
		int err = o->nonblock ? -EAGAIN : net_wait(pd, MT_NEVER);

		if (err)
			return err;
		if (o->kind != PD_LISTENER) /* closed meanwhile */
			return -EBADF;
	}
	if (id < 0)
		return (int)id;
	fd = new_stream(pd, o, (uint32_t)id);
	if (fd >= 0)
		(void)sock_peer(pd, fd, sa, len);
	net_settle(pd);
	return fd;
}

int sock_peer(struct pd *pd, int fd, struct sockaddr *sa, socklen_t *len)
{
	struct ip_endpoint local, remote;
	struct pd_obj *o = obj_of(pd, fd);

	if (!o || o->kind != PD_STREAM)
		return -ENOTCONN;
	stack_names(pd->sc, o->id, &local, &remote);
	return addr_out(&remote, o->family == AF_INET6, sa, len);
}

/* What became of the attempt: 0, -EALREADY, or its error. */
static int outcome(struct pd *pd, struct pd_obj *o)
{
	enum tcp_state state = stack_state(pd->sc, o->id);
	int err;

	if (state == TCPS_SYN_SENT || state == TCPS_SYN_RCVD)
		return -EALREADY;
	o->connecting = false;
	if (state != TCPS_CLOSED)
		return 0;
	err = stack_take_error(pd->sc, o->id);
	stack_close(pd->sc, o->id, pd->now);
	o->kind = PD_SOCKET;
	o->id = STACK_ID_NONE;
	return err ? -err : -ECONNABORTED;
}

static int begin(struct pd *pd, struct pd_obj *o, int fd, const struct ip_endpoint *remote)
{
	int64_t id = stack_connect(pd->sc, &o->local, remote, pd->now);

	if (id < 0)
		return (int)id;
	o->kind = PD_STREAM;
	o->id = (uint32_t)id;
	o->connecting = true;
	stack_set_cookie(pd->sc, o->id, (uint64_t)fd);
	opt_apply(pd, o, &o->opts);
	/* A SYN that waits for data does not keep the caller from writing it. */
	if (stack_get_option(pd->sc, o->id, TCP_OPT_FASTOPEN) == 1)
		o->connecting = false;
	net_settle(pd);
	return 0;
}

int sock_connect(struct pd *pd, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct ip_endpoint remote;
	struct pd_obj *o;
	bool first;
	int err = socket_of(pd, fd, &o);

	if (!err)
		err = addr_in(sa, len, o->family == AF_INET6, &remote);
	if (err)
		return err;
	if (o->kind == PD_LISTENER || (o->kind == PD_STREAM && !o->connecting))
		return -EISCONN;
	first = o->kind == PD_SOCKET;
	if (first)
		err = begin(pd, o, fd, &remote);
	if (err || !o->connecting)
		return err;
	while ((err = outcome(pd, o)) == -EALREADY) {
		if (o->nonblock)
			return first ? -EINPROGRESS : -EALREADY;
		err = net_wait(pd, MT_NEVER);
		if (err)
			return err;
	}
	return err;
}

/* ---- bytes ---- */

static int stream_of(struct pd *pd, int fd, struct pd_obj **out)
{
	*out = obj_of(pd, fd);
	if (!*out)
		return -EBADF;
	return (*out)->kind == PD_STREAM ? 0 : -ENOTCONN;
}

ssize_t sock_recv(struct pd *pd, int fd, const struct iovec *iov, int n, int flags)
{
	struct pd_obj *o = obj_of(pd, fd);
	ssize_t got;
	int err;

	if (o && o->kind == PD_PIPE_READ)
		return pipe_take(o, iov, n);
	err = stream_of(pd, fd, &o);
	while (!err) {
		got = flags & MSG_PEEK
			      ? stack_peek(pd->sc, o->id, 0, iov[0].iov_base, iov[0].iov_len)
			      : stack_recvv(pd->sc, o->id, iov, n, pd->now);
		if (got != -EAGAIN) {
			net_settle(pd);
			return got;
		}
		err = o->nonblock || (flags & MSG_DONTWAIT) ? -EAGAIN : net_wait(pd, MT_NEVER);
		if (!err)
			err = stream_of(pd, fd, &o);
	}
	return err;
}

/* The rest of an iovec after `skip` bytes; its length. */
static int iov_rest(const struct iovec *iov, int n, size_t skip, struct iovec rest[IOV_MAX])
{
	int k = 0;

	for (int i = 0; i < n; i++) {
		size_t off = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		skip -= off;
		rest[k] = (struct iovec){(char *)iov[i].iov_base + off, iov[i].iov_len - off};
		k += rest[k].iov_len != 0;
	}
	return k;
}

ssize_t sock_send(struct pd *pd, int fd, const struct iovec *iov, int n, int flags)
{
	struct pd_obj *o = obj_of(pd, fd);
	struct iovec rest[IOV_MAX];
	ssize_t done = 0;
	int err, left;

	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	if (o && o->kind == PD_PIPE_WRITE)
		return pipe_put(o, iov, n);
	err = stream_of(pd, fd, &o);
	if (err)
		return err == -ENOTCONN ? -EPIPE : err;
	while ((left = iov_rest(iov, n, (size_t)done, rest)) > 0) {
		ssize_t sent = stack_sendv(pd->sc, o->id, rest, left, pd->now);

		net_settle(pd);
		if (sent > 0) {
			done += sent;
			continue;
		}
		if (sent != -EAGAIN)
			return done ? done : sent;
		err = o->nonblock || (flags & MSG_DONTWAIT) ? -EAGAIN : net_wait(pd, MT_NEVER);
		if (err || stream_of(pd, fd, &o))
			return done ? done : err ? err : -EBADF;
	}
	return done;
}

ssize_t sock_sendto(struct pd *pd, int fd, const struct iovec *iov, int flags,
		    const struct pd_name *to)
{
	struct pd_obj *o = obj_of(pd, fd);
	int err;

	if (!(flags & MSG_FASTOPEN) || !o || o->kind != PD_SOCKET)
		return sock_send(pd, fd, iov, 1, flags);
	o->opts.set |= 1u << TCP_OPT_FASTOPEN;
	o->opts.value[TCP_OPT_FASTOPEN] = 1;
	err = sock_connect(pd, fd, to->sa, to->len);
	return err ? err : sock_send(pd, fd, iov, 1, flags);
}

/* ---- the end ---- */

static void close_stream(struct pd *pd, struct pd_obj *o)
{
	if (o->linger && o->linger_s == 0)
		stack_abort(pd->sc, o->id, pd->now);
	else
		stack_close(pd->sc, o->id, pd->now);
}

int sock_close(struct pd *pd, int fd)
{
	struct pd_obj *o = obj_of(pd, fd);

	if (!o)
		return -EBADF;
	poll_forget(pd, fd);
	if (o->kind == PD_LISTENER)
		stack_listen_close(pd->sc, o->id, pd->now);
	else if (o->kind == PD_STREAM)
		close_stream(pd, o);
	else if (o->kind == PD_PIPE_READ || o->kind == PD_PIPE_WRITE)
		pipe_shut(o);
	o->kind = PD_NONE;
	net_settle(pd);
	return close(fd) ? -errno : 0;
}

int sock_shutdown(struct pd *pd, int fd, int how)
{
	struct pd_obj *o;
	int err = stream_of(pd, fd, &o);

	if (err)
		return err;
	err = stack_shutdown(pd->sc, o->id, how, pd->now);
	net_settle(pd);
	return err;
}

int64_t sock_ioctl(struct pd *pd, int fd, unsigned long request, void *arg)
{
	struct pd_obj *o = obj_of(pd, fd);

	if (!o)
		return -EBADF;
	if (request == FIONBIO) {
		o->nonblock = *(int *)arg != 0;
		return 0;
	}
	if ((request != SIOCINQ && request != SIOCOUTQ) || o->kind != PD_STREAM)
		return -EINVAL;
	*(int *)arg = (int)(request == SIOCINQ ? stack_readable(pd->sc, o->id)
					       : buf_len(&pd->sc->bufs, &core_conn(pd->sc, o->id)->snd));
	return 0;
}
