// SPDX-License-Identifier: BSD-3-Clause
/*
 * epoll as in Linux: a queue of what may be ready per instance. An edge puts a registration's token
 * on it; a wait takes it off, looks what is ready now, and, level-triggered, puts it back at the
 * end. The cost follows the ready ones, not the registered. What is ready now is remembered with
 * the registration until a call may have changed it, so that of a connection that was read to the
 * end nothing else has to be looked at.
 */
#include "api/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "base/inline.h"
#include "runtime/clock.h"

#define ET_FLAG	     ((uint32_t)1 << 31)
#define ONESHOT_FLAG ((uint32_t)1 << 30)
#define ALWAYS	     ((uint32_t)(MTCP_EPOLLERR | MTCP_EPOLLHUP))

#define RING_FIRST   256u /* tokens before the first growth */
#define DISPATCH_MAX 64	  /* events at a time */

/* ---- the ring ---- */
static void ring_grow(struct ep *ep)
{
	uint32_t size = ep->mask + 1, at = ep->head & ep->mask;

	memcpy(ep->ring + size, ep->ring, at * sizeof(*ep->ring));
	ep->head = at;
	ep->mask = 2 * size - 1;
}

static void ring_push(struct ep *ep, uint32_t token)
{
	if (ep->n > ep->mask)
		ring_grow(ep);
	ep->ring[(ep->head + ep->n++) & ep->mask] = token;
}

static uint32_t ring_pop(struct ep *ep)
{
	ep->n--;
	return ep->ring[ep->head++ & ep->mask];
}

/* ---- registrations ---- */
static struct far_watch *far_at(struct ctx *c, uint32_t id)
{
	return pool_at(&c->watches, id);
}

static struct watch *watch_at(struct ctx *c, uint32_t token)
{
	return token & TOKEN_FAR ? &far_at(c, token & ~TOKEN_FAR)->w : &fd_at(c, token)->w0;
}

static void enqueue(struct ctx *c, struct watch *w, uint32_t token)
{
	if (w->state & WATCH_QUEUED)
		return;
	w->state |= WATCH_QUEUED;
	ring_push(c->eps[w->ep], token);
}

/* Of a descriptor in this instance; POOL_NONE: none. */
static uint32_t token_find(struct ctx *c, const struct fd *f, const struct ep *ep)
{
	if ((f->w0.state & WATCH_USED) && f->w0.ep == ep->no)
		return (uint32_t)fd_number(c, f);
	for (uint32_t id = f->far; id != POOL_NONE; id = far_at(c, id)->next)
		if (far_at(c, id)->w.ep == ep->no)
			return id | TOKEN_FAR;
	return POOL_NONE;
}

static uint32_t token_new(struct ctx *c, struct fd *f)
{
	uint32_t id;

	if (!(f->w0.state & WATCH_USED))
		return (uint32_t)fd_number(c, f);
	id = pool_get(&c->watches);
	if (id == POOL_NONE)
		return POOL_NONE;
	far_at(c, id)->next = f->far;
	far_at(c, id)->fd = (uint32_t)fd_number(c, f);
	f->far = id;
	return id | TOKEN_FAR;
}

/* A token left behind is no use to another instance. O(tokens), rare. */
static void take_token_back(struct ctx *c, struct watch *w, uint32_t token)
{
	struct ep *ep = c->eps[w->ep];
	uint32_t i = 0;

	while (ep->ring[(ep->head + i) & ep->mask] != token)
		i++;
	for (; i + 1 < ep->n; i++) /* each is there once: the ring holds no more than there are */
		ep->ring[(ep->head + i) & ep->mask] = ep->ring[(ep->head + i + 1) & ep->mask];
	ep->n--;
	w->state &= (uint16_t)~WATCH_QUEUED;
}

void watch_remove_all(struct ctx *c, struct fd *f)
{
	f->w0.state &= WATCH_QUEUED;
	while (f->far != POOL_NONE) {
		uint32_t id = f->far;

		f->far = far_at(c, id)->next;
		far_at(c, id)->w.state &= WATCH_QUEUED;
		pool_put(&c->watches, id);
	}
}

static void watch_remove(struct ctx *c, struct fd *f, uint32_t token)
{
	uint32_t *link = &f->far;

	watch_at(c, token)->state &= WATCH_QUEUED;
	if (!(token & TOKEN_FAR))
		return;
	while (*link != (token & ~TOKEN_FAR))
		link = &far_at(c, *link)->next;
	*link = far_at(c, token & ~TOKEN_FAR)->next;
	pool_put(&c->watches, token & ~TOKEN_FAR);
}

static void set_ready(struct watch *w, uint32_t ready)
{
	w->state = (uint16_t)((w->state & (WATCH_USED | WATCH_QUEUED)) | (ready & WATCH_READY));
}

static void set_events(struct ctx *c, struct fd *f, uint32_t token,
		       const struct mtcp_epoll_event *ev)
{
	struct watch *w = watch_at(c, token);

	w->events = ev->events | ALWAYS;
	w->data = ev->data;
	set_ready(w, fd_ready(c, f));
	if (w->state & w->events & WATCH_READY)
		enqueue(c, w, token);
}

static int watch_add(struct ctx *c, struct ep *ep, struct fd *f, const struct mtcp_epoll_event *ev)
{
	uint32_t token = token_new(c, f);
	struct watch *w;

	if (token == POOL_NONE)
		return -ENOMEM;
	w = watch_at(c, token);
	if ((w->state & WATCH_QUEUED) && w->ep != ep->no)
		take_token_back(c, w, token);
	w->state |= WATCH_USED;
	w->ep = ep->no;
	set_events(c, f, token, ev);
	return 0;
}

static int ctl(struct ctx *c, struct fd *e, int op, struct fd *f, const struct mtcp_epoll_event *ev)
{
	uint32_t token;

	if (e == f || e->kind != MTCP_SOCK_EPOLL || f->kind == MTCP_SOCK_EPOLL)
		return -EINVAL;
	token = token_find(c, f, e->ep);
	if (op == MTCP_EPOLL_CTL_ADD)
		return token != POOL_NONE ? -EEXIST : watch_add(c, e->ep, f, ev);
	if (op != MTCP_EPOLL_CTL_MOD && op != MTCP_EPOLL_CTL_DEL)
		return -EINVAL;
	if (token == POOL_NONE)
		return -ENOENT;
	if (op == MTCP_EPOLL_CTL_MOD)
		set_events(c, f, token, ev);
	else
		watch_remove(c, f, token);
	return 0;
}

API int mtcp_epoll_ctl(mctx_t m, int epid, int op, int sockid, struct mtcp_epoll_event *event)
{
	API_BOOKED(m, mtcp_epoll_ctl(m, epid, op, sockid, event));
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

/* ---- instances ---- */
/* A free number below 2^16, or 0. */
static uint16_t number_new(struct ctx *c)
{
	uint32_t n = 1, grown = c->n_eps ? 2 * c->n_eps : 16;
	struct ep **eps;

	while (n < c->n_eps && c->eps[n])
		n++;
	if (n < c->n_eps)
		return (uint16_t)n;
	eps = grown <= UINT16_MAX + 1 ? realloc(c->eps, grown * sizeof(struct ep *)) : NULL;
	if (!eps)
		return 0;
	memset(eps + c->n_eps, 0, (grown - c->n_eps) * sizeof(struct ep *));
	n = c->n_eps ? c->n_eps : 1;
	c->eps = eps;
	c->n_eps = grown;
	return (uint16_t)n;
}

/* Memory for the tokens of all descriptors, which costs what was used of it at a time. */
static size_t ring_bytes(const struct ctx *c)
{
	size_t n = RING_FIRST;

	while (n < (size_t)c->fds.capacity + c->watches.capacity)
		n *= 2;
	return n * sizeof(uint32_t);
}

static struct ep *ep_new(struct ctx *c)
{
	struct ep *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return NULL;
	ep->no = number_new(c);
	ep->ring = ep->no ? rt_map(ring_bytes(c)) : NULL;
	ep->mask = RING_FIRST - 1;
	if (ep->ring) {
		c->eps[ep->no] = ep;
		return ep;
	}
	free(ep);
	return NULL;
}

static void ep_free(struct ctx *c, struct ep *ep)
{
	c->eps[ep->no] = NULL;
	rt_unmap(ep->ring, ring_bytes(c));
	free(ep);
}

API int mtcp_epoll_create1(mctx_t m, int flags)
{
	API_BOOKED(m, mtcp_epoll_create1(m, flags));
	struct ctx *c = ctx_of(m);
	struct ep *ep;
	struct fd *f;

	if (!m || (flags & ~SOCK_CLOEXEC))
		return api_result(-EINVAL);
	ep = ep_new(c);
	if (!ep)
		return api_result(-ENOMEM);
	f = fd_new(c, MTCP_SOCK_EPOLL, 0);
	if (!f) {
		ep_free(c, ep);
		return api_result(-EMFILE);
	}
	f->ep = ep;
	return fd_number(c, f);
}

API int mtcp_epoll_create(mctx_t m, int size)
{
	API_BOOKED(m, mtcp_epoll_create(m, size));
	return size <= 0 ? api_result(-EINVAL) : mtcp_epoll_create1(m, 0);
}

/* Walks the whole table: an instance keeps no list of its registrations, and is rarely closed. */
void ep_close(struct ctx *c, struct fd *e)
{
	struct ep *ep = e->ep;

	for (uint32_t i = 1; i < c->fds.n_touched; i++) {
		struct fd *f = fd_at(c, i);
		uint32_t token = f->kind == MTCP_SOCK_UNUSED ? POOL_NONE : token_find(c, f, ep);

		if (token != POOL_NONE)
			watch_remove(c, f, token);
	}
	while (ep->n > 0)
		watch_at(c, ring_pop(ep))->state &= (uint16_t)~WATCH_QUEUED;
	ep_free(c, ep);
}

/* ---- what is ready ---- */
static ALWAYS_INLINE void notify(struct ctx *c, struct fd *f, uint32_t edge, uint32_t ready)
{
	struct watch *w = &f->w0;

	edge = ready_bits(edge);
	w->state &= (uint16_t)~WATCH_EMPTY;
	if (w->state & WATCH_USED) {
		set_ready(w, ready_bits(ready));
		if (w->events & edge)
			enqueue(c, w, (uint32_t)fd_number(c, f));
	}
	for (uint32_t id = f->far; id != POOL_NONE; id = far_at(c, id)->next)
		if (far_at(c, id)->w.events & edge)
			enqueue(c, &far_at(c, id)->w, id | TOKEN_FAR);
}

void fd_notify(struct ctx *c, struct fd *f, uint32_t edge)
{
	notify(c, f, edge, 0);
	fd_touched(f);
}

static ALWAYS_INLINE void take_event(struct ctx *c, struct fd *f, const struct stack_event *ev)
{
	if (f->opts != POOL_NONE && !ev->listener && (ev->edge & STACK_OUT) &&
	    !(ev->ready & (STACK_ERR | STACK_HUP)))
		fd_opts_settle(c, f);
	notify(c, f, ev->edge, ev->ready);
}

void ctx_dispatch(struct ctx *c)
{
	struct stack_event ev[DISPATCH_MAX];
	unsigned n;

	do {
		n = rt_events(&c->core, ev, DISPATCH_MAX);
		for (unsigned i = 0; i < n; i++)
			__builtin_prefetch(fd_at(c, (uint32_t)ev[i].cookie));
		for (unsigned i = 0; i < n; i++)
			if (ev[i].cookie != 0)
				take_event(c, fd_at(c, (uint32_t)ev[i].cookie), &ev[i]);
	} while (n == DISPATCH_MAX);
}

static NEVER_INLINE uint32_t due_any(struct ctx *c, struct watch *w, uint32_t token)
{
	struct fd *f;

	if (!(w->state & WATCH_USED))
		return 0;
	f = fd_at(c, token & TOKEN_FAR ? far_at(c, token & ~TOKEN_FAR)->fd : token);
	if (w != &f->w0 || f->kind != MTCP_SOCK_STREAM || (w->state & WATCH_STALE))
		set_ready(w, fd_ready(c, f));
	return w->state & w->events & WATCH_READY;
}

/* What this registration has to tell now. */
static ALWAYS_INLINE uint32_t due(struct ctx *c, struct watch *w, uint32_t token)
{
	if ((token & TOKEN_FAR) || (w->state & (WATCH_USED | WATCH_STALE)) != WATCH_USED ||
	    fd_at(c, token)->kind != MTCP_SOCK_STREAM)
		return due_any(c, w, token);
	return w->state & w->events & WATCH_READY;
}

/* True if something is ready; drops from the front what has been dealt with since it was put there.
 */
static bool any_ready(struct ctx *c, struct ep *ep)
{
	while (ep->n > 0) {
		uint32_t token = ep->ring[ep->head & ep->mask];
		struct watch *w = watch_at(c, token);

		if (due(c, w, token))
			return true;
		(void)ring_pop(ep);
		w->state &= (uint16_t)~WATCH_QUEUED;
	}
	return false;
}

static int collect(struct ctx *c, struct ep *ep, struct mtcp_epoll_event *events, int max)
{
	uint32_t left = ep->n;
	int n = 0;

	for (; n < max && left > 0; left--) {
		uint32_t token = ring_pop(ep), now;
		struct watch *w = watch_at(c, token);

		w->state &= (uint16_t)~WATCH_QUEUED;
		now = due(c, w, token);
		if (!now)
			continue;
		events[n].events = now;
		events[n++].data = w->data;
		if (w->events & ONESHOT_FLAG)
			w->events = 0;
		else if (!(w->events & ET_FLAG))
			enqueue(c, w, token);
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
	API_BOOKED(m, mtcp_epoll_wait(m, epid, events, maxevents, timeout));
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
	return api_result(wait_for(ctx_of(m), e->ep, events, maxevents, timeout));
}
