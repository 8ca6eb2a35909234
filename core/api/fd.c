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
	f->kind = kind;
	f->flags = (uint8_t)flags;
	f->linger_s = 0;
	f->id = RT_ID_NONE;
	f->opts = POOL_NONE;
	list_init(&f->watches);
	f->u.ep = NULL;
	f->w0.ep = NULL;
	return f;
}

void fd_free(struct ctx *c, struct fd *f)
{
	while (!list_empty(&f->watches))
		watch_remove(c, container_of(f->watches.next, struct watch, node));
	if (f->opts != POOL_NONE)
		pool_put(&c->opts, f->opts);
	f->kind = MTCP_SOCK_UNUSED;
	pool_put(&c->fds, (uint32_t)fd_number(c, f));
}

struct fd *fd_get(mctx_t m, int n)
{
	struct ctx *c = ctx_of(m);
	struct fd *f;

	if (n <= 0 || (uint32_t)n >= c->fds.n_touched)
		return NULL;
	f = fd_at(c, (uint32_t)n);
	return f->kind == MTCP_SOCK_UNUSED ? NULL : f;
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

uint32_t fd_ready(struct ctx *c, const struct fd *f)
{
	uint32_t r = 0;

	switch (f->kind) {
	case MTCP_SOCK_STREAM:
		/* Linux on a socket that was never connected: writable and hung up. */
		r = f->id == RT_ID_NONE ? MTCP_EPOLLOUT | MTCP_EPOLLHUP
					: c->core.ops->ready(&c->core, f->id);
		break;
	case MTCP_SOCK_LISTENER:
		r = c->core.ops->listen_ready(&c->core, f->id);
		break;
	default:
		r = pipe_ready(c, f);
	}
	if (r & MTCP_EPOLLIN)
		r |= MTCP_EPOLLRDNORM;
	if (r & MTCP_EPOLLOUT)
		r |= MTCP_EPOLLWRNORM;
	return r;
}

void fd_notify(struct fd *f, uint32_t edge)
{
	edge |= (edge & MTCP_EPOLLIN ? MTCP_EPOLLRDNORM : 0u) |
		(edge & MTCP_EPOLLOUT ? MTCP_EPOLLWRNORM : 0u);
	list_for_each (node, &f->watches) {
		struct watch *w = container_of(node, struct watch, node);

		if ((w->events & edge) && !list_linked(&w->ready))
			list_append(&w->ep->ready, &w->ready);
	}
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
