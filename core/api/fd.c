// SPDX-License-Identifier: BSD-3-Clause
/* The descriptor table. */
#include "api/ctx.h"

#include <string.h>

bool fd_available(struct ctx *c)
{
	return c->fds.n_used < c->fds.capacity;
}

struct fd *fd_new(struct ctx *c, uint8_t kind, unsigned flags)
{
	uint32_t n = pool_get(&c->fds);
	struct fd *f;

	if (n == POOL_NONE)
		return NULL;
	f = fd_at(c, n);
	f->far = POOL_NONE;
	f->kind = kind;
	f->flags = (uint8_t)flags;
	f->linger_s = 0;
	f->id = RT_ID_NONE;
	f->opts = POOL_NONE;
	return f;
}

void fd_free(struct ctx *c, struct fd *f)
{
	watch_remove_all(c, f);
	if ((f->kind == MTCP_SOCK_STREAM || f->kind == MTCP_SOCK_LISTENER) && f->opts != POOL_NONE)
		pool_put(&c->opts, f->opts);
	f->kind = MTCP_SOCK_UNUSED;
	pool_put(&c->fds, (uint32_t)fd_number(c, f));
}

struct sock_opts *fd_opts_make(struct ctx *c, struct fd *f)
{
	struct sock_opts *o;

	if (f->opts != POOL_NONE)
		return fd_opts(c, f);
	f->opts = pool_get(&c->opts); /* there are as many as descriptors */
	o = fd_opts(c, f);
	memset(o, 0, sizeof(*o));
	if (!(f->flags & FD_V6))
		o->local.addr = ip_from_v4(0);
	return o;
}

int fd_unconnected(struct ctx *c, struct fd *f, int r)
{
	struct sock_opts *o = fd_opts(c, f);

	if (!o || !o->error)
		return r;
	r = -o->error;
	o->error = 0;
	return r;
}

void fd_opts_settle(struct ctx *c, struct fd *f)
{
	if (f->opts == POOL_NONE || fd_opts(c, f)->local.v6only)
		return;
	pool_put(&c->opts, f->opts);
	f->opts = POOL_NONE;
}

int fd_socket(mctx_t m, int n, struct fd **out)
{
	if (!m)
		return -EINVAL;
	*out = fd_get(m, n);
	if (!*out)
		return -EBADF;
	return (*out)->kind == MTCP_SOCK_STREAM || (*out)->kind == MTCP_SOCK_LISTENER ? 0
										      : -ENOTSOCK;
}

/* As Linux of a socket that was never connected: writable and hung up. */
static uint32_t unconnected_ready(struct ctx *c, const struct fd *f)
{
	const struct sock_opts *o = fd_opts(c, f);

	return MTCP_EPOLLOUT | MTCP_EPOLLHUP | (o && o->error ? MTCP_EPOLLERR : 0u);
}

uint32_t fd_ready(struct ctx *c, const struct fd *f)
{
	uint32_t r = 0;

	switch (f->kind) {
	case MTCP_SOCK_STREAM:
		r = f->id == RT_ID_NONE ? unconnected_ready(c, f) : rt_ready(&c->core, f->id);
		break;
	case MTCP_SOCK_LISTENER:
		r = c->core.ops->listen_ready(&c->core, f->id);
		break;
	default:
		r = pipe_ready(c, f);
	}
	return ready_bits(r);
}

static void close_stream(struct ctx *c, struct fd *f, bool abort)
{
	bool blocking = !(f->flags & FD_NONBLOCK);

	if (f->id == RT_ID_NONE)
		return;
	if (abort || ((f->flags & FD_LINGER) && f->linger_s == 0))
		c->core.ops->abort(&c->core, f->id);
	else
		c->core.ops->close(&c->core, f->id);
	if (blocking)
		c->core.ops->flush(&c->core);
}

static void close_listener(struct ctx *c, struct fd *f)
{
	list_remove(&fd_opts(c, f)->listening);
	c->core.ops->listen_close(&c->core, f->id);
}

void fd_close(struct ctx *c, struct fd *f, bool abort)
{
	switch (f->kind) {
	case MTCP_SOCK_STREAM:
		close_stream(c, f, abort);
		break;
	case MTCP_SOCK_LISTENER:
		close_listener(c, f);
		break;
	case MTCP_SOCK_EPOLL:
		ep_close(c, f);
		break;
	case MTCP_SOCK_PIPE:
		pipe_close(c, f);
		break;
	default:
		break;
	}
	fd_free(c, f);
}
