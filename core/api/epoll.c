// SPDX-License-Identifier: BSD-3-Clause
/*
 * epoll as in Linux: a ready list per instance. An edge puts a registration on it; a wait takes it
 * off, asks what is ready now, and, level-triggered, puts it back at the end. The cost follows the
 * ready ones, not the registered.
 */
#include "api/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"

#define ET_FLAG	     ((uint32_t)1 << 31)
#define ONESHOT_FLAG ((uint32_t)1 << 30)
#define MODE_BITS    (ET_FLAG | ONESHOT_FLAG | (uint32_t)3 << 28) /* not events */
#define ALWAYS	     ((uint32_t)(MTCP_EPOLLERR | MTCP_EPOLLHUP))

static struct watch *watch_find(struct fd *f, const struct ep *ep)
{
	list_for_each (node, &f->watches) {
		struct watch *w = container_of(node, struct watch, node);

		if (w->ep == ep)
			return w;
	}
	return NULL;
}

static struct watch *watch_new(struct ctx *c, struct fd *f)
{
	uint32_t id;
	struct watch *w;

	if (!f->w0.ep) {
		f->w0.pool_id = POOL_NONE;
		return &f->w0;
	}
	id = pool_get(&c->watches);
	if (id == POOL_NONE)
		return NULL;
	w = pool_at(&c->watches, id);
	w->pool_id = id;
	return w;
}

void watch_remove(struct ctx *c, struct watch *w)
{
	list_remove(&w->node);
	if (list_linked(&w->ready))
		list_remove(&w->ready);
	w->ep = NULL;
	if (w->pool_id != POOL_NONE)
		pool_put(&c->watches, w->pool_id);
}

static void set_events(struct ctx *c, struct watch *w, const struct mtcp_epoll_event *ev)
{
	w->events = ev->events | ALWAYS;
	w->data = ev->data;
	if ((fd_ready(c, w->fd) & w->events & ~MODE_BITS) && !list_linked(&w->ready))
		list_append(&w->ep->ready, &w->ready);
}

static int watch_add(struct ctx *c, struct ep *ep, struct fd *f, const struct mtcp_epoll_event *ev)
{
	struct watch *w = watch_new(c, f);

	if (!w)
		return -ENOMEM;
	w->fd = f;
	w->ep = ep;
	w->ready.next = w->ready.prev = NULL;
	list_append(&f->watches, &w->node);
	set_events(c, w, ev);
	return 0;
}

static int ctl(struct ctx *c, struct fd *e, int op, struct fd *f, const struct mtcp_epoll_event *ev)
{
	struct watch *w;

	if (e == f || e->kind != MTCP_SOCK_EPOLL || f->kind == MTCP_SOCK_EPOLL)
		return -EINVAL;
	w = watch_find(f, e->u.ep);
	switch (op) {
	case MTCP_EPOLL_CTL_ADD:
		return w ? -EEXIST : watch_add(c, e->u.ep, f, ev);
	case MTCP_EPOLL_CTL_MOD:
		if (!w)
			return -ENOENT;
		set_events(c, w, ev);
		return 0;
	case MTCP_EPOLL_CTL_DEL:
		if (!w)
			return -ENOENT;
		watch_remove(c, w);
		return 0;
	default:
		return -EINVAL;
	}
}

API int mtcp_epoll_ctl(mctx_t m, int epid, int op, int sockid, struct mtcp_epoll_event *event)
{
	struct fd *e, *f;

	if (!m)
		return api_result(-EINVAL);
	if (!event && op != MTCP_EPOLL_CTL_DEL)
		return api_result(-EFAULT);
	e = fd_get(m, epid);
	f = fd_get(m, sockid);
	if (!e || !f)
		return api_result(-EBADF);
	return api_result(ctl(ctx_of(m), e, op, f, event));
}

API int mtcp_epoll_create1(mctx_t m, int flags)
{
	struct ep *ep;
	struct fd *f;

	if (!m || (flags & ~SOCK_CLOEXEC))
		return api_result(-EINVAL);
	ep = malloc(sizeof(*ep));
	f = ep ? fd_new(ctx_of(m), MTCP_SOCK_EPOLL, 0) : NULL;
	if (!f) {
		free(ep);
		return api_result(ep ? -EMFILE : -ENOMEM);
	}
	list_init(&ep->ready);
	ep->fd = f;
	f->u.ep = ep;
	return fd_number(ctx_of(m), f);
}

API int mtcp_epoll_create(mctx_t m, int size)
{
	return size <= 0 ? api_result(-EINVAL) : mtcp_epoll_create1(m, 0);
}

/* Walks the whole table: an instance keeps no list of its registrations, and is rarely closed. */
void ep_close(struct ctx *c, struct fd *e)
{
	for (uint32_t i = 1; i < c->fds.n_touched; i++) {
		struct fd *f = fd_at(c, i);
		struct watch *w = f->kind == MTCP_SOCK_UNUSED ? NULL : watch_find(f, e->u.ep);

		if (w)
			watch_remove(c, w);
	}
	free(e->u.ep);
}

/* What this registration has to tell now. */
static uint32_t due(struct ctx *c, const struct watch *w)
{
	return fd_ready(c, w->fd) & w->events & ~MODE_BITS;
}

/* True if something is ready; drops from the front what has been dealt with since it was put there.
 */
static bool any_ready(struct ctx *c, struct ep *ep)
{
	while (!list_empty(&ep->ready)) {
		struct watch *w = container_of(ep->ready.next, struct watch, ready);

		if (due(c, w))
			return true;
		list_remove(&w->ready);
	}
	return false;
}

static int collect(struct ctx *c, struct ep *ep, struct mtcp_epoll_event *events, int max)
{
	const struct list *last = ep->ready.prev;
	struct list *node = NULL;
	int n = 0;

	while (n < max && node != last && (node = list_pop(&ep->ready)) != NULL) {
		struct watch *w = container_of(node, struct watch, ready);
		uint32_t now = due(c, w);

		if (!now)
			continue;
		events[n].events = now;
		events[n++].data = w->data;
		if (w->events & ONESHOT_FLAG)
			w->events = 0;
		else if (!(w->events & ET_FLAG))
			list_append(&ep->ready, &w->ready);
	}
	return n;
}

static int wait_for(struct ctx *c, struct ep *ep, struct mtcp_epoll_event *events, int max,
		    int timeout)
{
	mt_time until = timeout < 0 ? MT_NEVER : 0;

	if (timeout > 0)
		until = rt_now() + (mt_time)timeout * MT_MS;
	ctx_dispatch(c);
	for (;;) {
		int r = ctx_poll(c, any_ready(c, ep) ? 0 : until);
		int n = collect(c, ep, events, max);

		if (n > 0)
			return n;
		if (r < 0 && timeout != 0)
			return r;
		if (c->core.now >= until)
			return 0;
	}
}

API int mtcp_epoll_wait(mctx_t m, int epid, struct mtcp_epoll_event *events, int maxevents,
			int timeout)
{
	struct fd *e;

	if (!m || maxevents <= 0)
		return api_result(-EINVAL);
	if (!events)
		return api_result(-EFAULT);
	e = fd_get(m, epid);
	if (!e)
		return api_result(-EBADF);
	if (e->kind != MTCP_SOCK_EPOLL)
		return api_result(-EINVAL);
	return api_result(wait_for(ctx_of(m), e->u.ep, events, maxevents, timeout));
}
