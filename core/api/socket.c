// SPDX-License-Identifier: BSD-3-Clause
/* Sockets: made, bound, listening, accepting, connecting, closed. */
#include "api/ctx.h"

#include <string.h>
#include <sys/ioctl.h>

#include "runtime/clock.h"

#define LINGER_LOOK (1 * MT_MS) /* between looks at a connection that a close waits for */

API int mtcp_socket(mctx_t m, int domain, int type, int protocol)
{
	API_BOOKED(m, mtcp_socket(m, domain, type, protocol));
	struct ctx *c = ctx_of(m);
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct fd *f;

	if (!m)
		return api_result(-EINVAL);
	if (domain != AF_INET && domain != AF_INET6)
		return api_result(-EAFNOSUPPORT);
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !=
	    SOCK_STREAM) /* MTCP_SOCK_STREAM has the same value */
		return api_result(-ESOCKTNOSUPPORT);
	if (protocol != 0 && protocol != IPPROTO_TCP)
		return api_result(-EPROTONOSUPPORT);
	f = fd_new(c, MTCP_SOCK_STREAM, flags & SOCK_NONBLOCK ? FD_NONBLOCK : 0);
	if (!f)
		return api_result(-EMFILE);
	if (domain == AF_INET6)
		f->flags |= FD_V6;
	return fd_number(c, f);
}

/* ---- bind, listen ---- */
static bool is_local(struct ctx *c, const struct ip_addr *a)
{
	const struct rt_config *cfg = &c->core.stack->cfg;
	bool v4 = ip_is_v4(a);

	if (ip_is_any(a) || (v4 && c->n_src && ip_to_v4(a) - ip_to_v4(&c->src_base) < c->n_src))
		return true;
	/* The stack knows what it made of its MAC and of routers' prefixes; listen and connect ask.
	 */
	if (ip_is_link_local(a) || (!v4 && cfg->stack.ipv6_autoconf))
		return true;
	for (uint16_t i = 0; i < cfg->n_addrs; i++)
		if (ip_eq(&cfg->addrs[i].addr, a))
			return true;
	return false;
}

/* any: an unspecified address; 0.0.0.0 stands for all of IPv4, :: for all of both families unless
 * v6only. */
static bool covers(const struct ip_endpoint *any, const struct ip_endpoint *e)
{
	if (!ip_is_any(&any->addr))
		return false;
	if (ip_is_v4(&any->addr))
		return ip_is_v4(&e->addr) || (ip_is_any(&e->addr) && !e->v6only);
	return !ip_is_v4(&e->addr) || !any->v6only;
}

static bool in_use(struct ctx *c, const struct ip_endpoint *e)
{
	list_for_each (node, &c->listeners) {
		const struct ip_endpoint *l =
			&container_of(node, struct sock_opts, listening)->local;

		if (l->port == e->port &&
		    (covers(l, e) || covers(e, l) || ip_eq(&l->addr, &e->addr)))
			return true;
	}
	return false;
}

API int mtcp_bind(mctx_t m, int sockid, const struct sockaddr *addr, socklen_t addrlen)
{
	API_BOOKED(m, mtcp_bind(m, sockid, addr, addrlen));
	struct ip_endpoint e;
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r == 0)
		r = addr_in(addr, addrlen, f->flags & FD_V6, &e);
	if (r < 0)
		return api_result(r);
	if (f->kind == MTCP_SOCK_LISTENER || f->id != RT_ID_NONE || (f->flags & FD_BOUND))
		return api_result(-EINVAL);
	e.v6only = f->opts != POOL_NONE && fd_opts(ctx_of(m), f)->local.v6only;
	if (e.v6only && ip_is_v4(&e.addr))
		return api_result(-EINVAL);
	if (!is_local(ctx_of(m), &e.addr))
		return api_result(-EADDRNOTAVAIL);
	if (e.port != 0 && in_use(ctx_of(m), &e))
		return api_result(-EADDRINUSE);
	fd_opts_make(ctx_of(m), f)->local = e;
	f->flags |= FD_BOUND;
	return 0;
}

static int64_t listen_on(struct ctx *c, struct sock_opts *o, uint32_t backlog)
{
	const struct stack_config *cfg = &c->core.stack->cfg.stack;
	uint32_t span = (uint32_t)cfg->port_max - cfg->port_min + 1;
	int64_t r = -EADDRINUSE;
	uint32_t at;

	if (o->local.port != 0)
		return c->core.ops->listen(&c->core, &o->local, backlog, &o->rt);
	at = rng_below(&c->rng, span);
	for (uint32_t i = 0; i < span && r == -EADDRINUSE; i++) {
		o->local.port = (uint16_t)(cfg->port_min + (at + i) % span);
		if (!in_use(c, &o->local)) /* also by one that covers this address */
			r = c->core.ops->listen(&c->core, &o->local, backlog, &o->rt);
	}
	if (r < 0)
		o->local.port = 0;
	return r;
}

/* What the caller asks for, within bounds, as Linux cuts to somaxconn. */
static uint32_t bounded(const struct ctx *c, int backlog)
{
	uint32_t max = c->core.stack->cfg.max_concurrency;

	if (backlog < 0 || (uint32_t)backlog > max)
		return max;
	return backlog ? (uint32_t)backlog : 1;
}

API int mtcp_listen(mctx_t m, int sockid, int backlog)
{
	API_BOOKED(m, mtcp_listen(m, sockid, backlog));
	struct ctx *c = ctx_of(m);
	struct sock_opts *o;
	struct fd *f;
	int64_t id = fd_socket(m, sockid, &f);

	if (id < 0)
		return api_result(id);
	if (f->kind == MTCP_SOCK_LISTENER) {
		c->core.ops->listen_backlog(&c->core, f->id, bounded(c, backlog));
		return 0;
	}
	if (f->id != RT_ID_NONE)
		return api_result(-EINVAL);
	o = fd_opts_make(c, f);
	if (o->local.port != 0 && in_use(c, &o->local))
		return api_result(-EADDRINUSE);
	id = listen_on(c, o, bounded(c, backlog));
	if (id < 0)
		return api_result(id);
	f->kind = MTCP_SOCK_LISTENER;
	f->id = (uint32_t)id;
	list_append(&c->listeners, &o->listening);
	c->core.ops->listen_cookie(&c->core, f->id, (uint64_t)sockid);
	return 0;
}

/* ---- accept ---- */
static int64_t take(struct ctx *c, struct fd *l)
{
	for (;;) {
		int64_t id;
		int r;

		if (!fd_available(c))
			return -EMFILE;
		id = c->core.ops->accept(&c->core, l->id, &fd_opts(c, l)->rt);
		if (id != -EAGAIN)
			return id;
		if (l->flags & FD_NONBLOCK)
			return ctx_again(c, -EAGAIN);
		r = ctx_block(c);
		if (r < 0)
			return r;
	}
}

API int mtcp_accept4(mctx_t m, int sockid, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
	API_BOOKED(m, mtcp_accept4(m, sockid, addr, addrlen, flags));
	struct ctx *c = ctx_of(m);
	struct ip_endpoint local, remote;
	struct fd *l, *f;
	int64_t id = fd_socket(m, sockid, &l);

	if (id < 0)
		return api_result(id);
	if (l->kind != MTCP_SOCK_LISTENER || (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)))
		return api_result(-EINVAL);
	if (addr && (!addrlen || (int)*addrlen < 0))
		return api_result(addrlen ? -EINVAL : -EFAULT);
	id = take(c, l);
	if (id < 0)
		return api_result(id);
	f = fd_new(c, MTCP_SOCK_STREAM, FD_CONNECTED | (flags & SOCK_NONBLOCK ? FD_NONBLOCK : 0u));
	f->id = (uint32_t)id;
	f->flags |= l->flags & (FD_LINGER | FD_V6);
	f->linger_s = l->linger_s;
	c->core.ops->cookie(&c->core, f->id, (uint64_t)fd_number(c, f));
	if (addr) {
		c->core.ops->names(&c->core, f->id, &local, &remote);
		(void)addr_out(&remote, f->flags & FD_V6, addr, addrlen);
	}
	return fd_number(c, f);
}

API int mtcp_accept(mctx_t m, int sockid, struct sockaddr *addr, socklen_t *addrlen)
{
	API_BOOKED(m, mtcp_accept(m, sockid, addr, addrlen));
	return mtcp_accept4(m, sockid, addr, addrlen, 0);
}

/* ---- connect ---- */
static int start_connect(struct ctx *c, struct fd *f, const struct ip_endpoint *remote)
{
	struct sock_opts *o = fd_opts(c, f);
	int64_t id;

	if (o && o->local.v6only && ip_is_v4(&remote->addr))
		return -ENETUNREACH;
	id = c->core.ops->connect(&c->core, o ? &o->local : NULL, remote, o ? &o->rt : NULL);
	if (id < 0)
		return (int)id;
	if (o)
		o->error = 0;
	f->id = (uint32_t)id;
	c->core.ops->cookie(&c->core, f->id, (uint64_t)fd_number(c, f));
	/* A SYN that waits for data (TCP_FASTOPEN_CONNECT) must not keep the caller from writing
	 * it. */
	if (o && (o->rt.set >> TCP_OPT_FASTOPEN & 1) &&
	    c->core.ops->get_option(&c->core, f->id, TCP_OPT_FASTOPEN) == 1)
		f->flags |= FD_CONNECTED;
	else
		f->flags |= FD_CONNECTING;
	return 0;
}

/* What became of the attempt: 0, EALREADY, or its error, after which the socket may connect again.
 */
static int outcome(struct ctx *c, struct fd *f)
{
	enum tcp_state state = c->core.ops->state(&c->core, f->id);
	int error;

	/* SYN-RECEIVED: the SYNs crossed, and the peer may refuse yet. */
	if (state == TCPS_SYN_SENT || state == TCPS_SYN_RCVD)
		return -EALREADY;
	f->flags &= (uint8_t)~FD_CONNECTING;
	if (state != TCPS_CLOSED) {
		f->flags |= FD_CONNECTED;
		fd_opts_settle(c, f);
		return 0;
	}
	error = c->core.ops->take_error(&c->core, f->id);
	c->core.ops->close(&c->core, f->id);
	f->id = RT_ID_NONE;
	return error ? -error : -ECONNABORTED;
}

static int wait_connected(struct ctx *c, struct fd *f)
{
	int r;

	while ((r = outcome(c, f)) == -EALREADY) {
		r = ctx_block(c);
		if (r < 0)
			return r;
	}
	c->core.ops->flush(
		&c->core); /* the handshake's ACK does not wait for what the caller does next */
	return r;
}

API int mtcp_connect(mctx_t m, int sockid, const struct sockaddr *addr, socklen_t addrlen)
{
	API_BOOKED(m, mtcp_connect(m, sockid, addr, addrlen));
	struct ctx *c = ctx_of(m);
	struct ip_endpoint remote;
	bool first;
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r == 0)
		r = addr_in(addr, addrlen, f->flags & FD_V6, &remote);
	if (r < 0)
		return api_result(r);
	if (f->kind == MTCP_SOCK_LISTENER || (f->flags & FD_CONNECTED))
		return api_result(-EISCONN);
	fd_touched(f);
	first = !(f->flags & FD_CONNECTING);
	if (first)
		r = start_connect(c, f, &remote);
	if (r < 0 || (f->flags & FD_CONNECTED))
		return api_result(r);
	if (!(f->flags & FD_NONBLOCK))
		return api_result(wait_connected(c, f));
	if (first)
		return api_result(-EINPROGRESS);
	r = outcome(c, f);
	return api_result(r == -EALREADY ? ctx_again(c, r) : r);
}

/* ---- the rest ---- */
static void look_state(const struct stack_core *sc, uint32_t id, void *arg)
{
	*(enum tcp_state *)arg = stack_state(sc, id);
}

/* The peer has acknowledged everything, the FIN too, or there is no connection any more. */
static bool all_acked(struct ctx *c, const struct fd *f)
{
	enum tcp_state s;

	c->core.ops->look(&c->core, f->id, look_state, &s);
	return s == TCPS_FIN_WAIT_2 || s == TCPS_TIME_WAIT || s == TCPS_CLOSED;
}

/* As Linux, a close that is over its time or interrupted goes on in the background and has
 * succeeded. Unlike Linux, which stops the whole program for it, not on a non-blocking socket. */
static void linger(struct ctx *c, struct fd *f)
{
	mt_time until = rt_now() + f->linger_s * MT_SEC, now;

	if (!(f->flags & FD_LINGER) || f->linger_s == 0 || (f->flags & FD_NONBLOCK) ||
	    f->id == RT_ID_NONE || c->core.ops->state(&c->core, f->id) == TCPS_SYN_SENT ||
	    c->core.ops->readable(&c->core, f->id) > 0 ||
	    c->core.ops->shutdown(&c->core, f->id, SHUT_WR) < 0)
		return;
	do
		now = rt_now();
	while (now < until && ctx_poll(c, mt_min(until, now + LINGER_LOOK)) == 0 &&
	       !all_acked(c, f));
}

API int mtcp_close(mctx_t m, int sockid)
{
	API_BOOKED(m, mtcp_close(m, sockid));
	struct fd *f = m ? fd_get(m, sockid) : NULL;

	if (!f)
		return api_result(m ? -EBADF : -EINVAL);
	if (f->kind == MTCP_SOCK_STREAM)
		linger(ctx_of(m), f);
	fd_close(ctx_of(m), f, false);
	return 0;
}

API int mtcp_abort(mctx_t m, int sockid)
{
	API_BOOKED(m, mtcp_abort(m, sockid));
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r == 0)
		fd_close(ctx_of(m), f, true);
	return api_result(r);
}

/* shutdown of an attempt, in whichever direction: it ends, as in Linux without a RST, and the
 * socket may connect again. */
static void give_up(struct ctx *c, struct fd *f)
{
	c->core.ops->abort(&c->core, f->id);
	f->id = RT_ID_NONE;
	f->flags &= (uint8_t) ~(FD_CONNECTING | FD_CONNECTED);
	fd_opts_make(c, f)->error = ECONNRESET;
}

API int mtcp_shutdown(mctx_t m, int sockid, int how)
{
	API_BOOKED(m, mtcp_shutdown(m, sockid, how));
	struct ctx *c = ctx_of(m);
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r < 0)
		return api_result(r);
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return api_result(-EINVAL);
	if (f->kind != MTCP_SOCK_STREAM || f->id == RT_ID_NONE)
		return api_result(-ENOTCONN);
	if (c->core.ops->state(&c->core, f->id) == TCPS_SYN_SENT)
		give_up(c, f);
	else
		r = c->core.ops->shutdown(&c->core, f->id, how);
	if (r == 0) {
		fd_notify(c, f, fd_ready(c, f));
		if (!(f->flags & FD_NONBLOCK))
			c->core.ops->flush(&c->core);
	}
	return api_result(r);
}

API int mtcp_getsockname(mctx_t m, int sockid, struct sockaddr *addr, socklen_t *addrlen)
{
	API_BOOKED(m, mtcp_getsockname(m, sockid, addr, addrlen));
	struct ctx *c = ctx_of(m);
	struct ip_endpoint local, remote;
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r < 0 || !addr)
		return api_result(r < 0 ? r : -EFAULT);
	if (f->kind == MTCP_SOCK_STREAM && f->id != RT_ID_NONE)
		c->core.ops->names(&c->core, f->id, &local, &remote);
	else
		local = fd_opts_make(c, f)->local;
	return api_result(addr_out(&local, f->flags & FD_V6, addr, addrlen));
}

API int mtcp_getpeername(mctx_t m, int sockid, struct sockaddr *addr, socklen_t *addrlen)
{
	API_BOOKED(m, mtcp_getpeername(m, sockid, addr, addrlen));
	struct ctx *c = ctx_of(m);
	struct ip_endpoint local, remote;
	enum tcp_state state;
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r < 0 || !addr)
		return api_result(r < 0 ? r : -EFAULT);
	if (f->kind != MTCP_SOCK_STREAM || f->id == RT_ID_NONE)
		return api_result(-ENOTCONN);
	state = c->core.ops->state(&c->core, f->id);
	if (state == TCPS_SYN_SENT || state == TCPS_CLOSED)
		return api_result(-ENOTCONN);
	c->core.ops->names(&c->core, f->id, &local, &remote);
	return api_result(addr_out(&remote, f->flags & FD_V6, addr, addrlen));
}

API int mtcp_setsock_nonblock(mctx_t m, int sockid)
{
	API_BOOKED(m, mtcp_setsock_nonblock(m, sockid));
	struct fd *f = m ? fd_get(m, sockid) : NULL;

	if (!f)
		return api_result(m ? -EBADF : -EINVAL);
	f->flags |= FD_NONBLOCK;
	return 0;
}

API int mtcp_socket_ioctl(mctx_t m, int sockid, int request, void *argp)
{
	API_BOOKED(m, mtcp_socket_ioctl(m, sockid, request, argp));
	struct ctx *c = ctx_of(m);
	struct fd *f = m ? fd_get(m, sockid) : NULL;

	if (!f)
		return api_result(m ? -EBADF : -EINVAL);
	if (!argp)
		return api_result(-EFAULT);
	switch ((unsigned)request) {
	case FIONBIO:
		if (*(int *)argp)
			f->flags |= FD_NONBLOCK;
		else
			f->flags &= (uint8_t)~FD_NONBLOCK;
		return 0;
	case FIONREAD:
		if (f->kind == MTCP_SOCK_PIPE)
			*(int *)argp = (int)f->pipe->len;
		else if (f->kind != MTCP_SOCK_STREAM)
			return api_result(f->kind == MTCP_SOCK_LISTENER ? -EINVAL : -ENOTTY);
		else
			*(int *)argp = f->id == RT_ID_NONE
					       ? 0
					       : (int)c->core.ops->readable(&c->core, f->id);
		return 0;
	default:
		return api_result(-ENOTTY);
	}
}
