// SPDX-License-Identifier: BSD-3-Clause
/* poll and epoll. */
#include "plugin.h"

#include <stdlib.h>

#define EVENTS_MAX 64

_Static_assert(STACK_IN == POLLIN && STACK_OUT == POLLOUT && STACK_ERR == POLLERR &&
		       STACK_HUP == POLLHUP,
	       "poll bits");
_Static_assert((int)STACK_IN == (int)EPOLLIN && (int)STACK_RDHUP == (int)EPOLLRDHUP, "epoll bits");

static uint32_t ready(struct pd *pd, const struct pd_obj *o)
{
	switch (o->kind) {
	case PD_LISTENER:
		return stack_listen_ready(pd->sc, o->id);
	case PD_STREAM:
		return stack_ready(pd->sc, o->id);
	case PD_PIPE_READ:
		return (o->pipe->len ? STACK_IN : 0u) | (o->pipe->n_ends == 1 ? STACK_HUP : 0u);
	case PD_PIPE_WRITE:
		return o->pipe->len < PD_PIPE ? STACK_OUT : 0u;
	case PD_SOCKET:
		return STACK_OUT |
		       STACK_HUP; /* as Linux says of a socket that was never connected */
	default:
		return 0;
	}
}

/* When a wait of this many milliseconds ends. */
static mt_time until(const struct pd *pd, int timeout_ms)
{
	return timeout_ms < 0 ? MT_NEVER : pd->now + (mt_time)timeout_ms * MT_MS;
}

static int look(struct pd *pd, struct pollfd *fds, nfds_t n)
{
	int found = 0;

	for (nfds_t i = 0; i < n; i++) {
		const struct pd_obj *o = obj_of(pd, fds[i].fd);
		uint32_t mask = (uint16_t)fds[i].events | (uint32_t)(POLLERR | POLLHUP);

		fds[i].revents = 0;
		if (fds[i].fd >= 0)
			fds[i].revents = (short)(o ? ready(pd, o) & mask : POLLNVAL);
		found += fds[i].revents != 0;
	}
	return found;
}

int poll_fds(struct pd *pd, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	mt_time end = until(pd, timeout_ms);

	for (;;) {
		int found = look(pd, fds, n);
		int err = found ? 0 : net_wait(pd, end);

		if (found || err == -EAGAIN)
			return found;
		if (err)
			return err;
	}
}

/* ---- epoll ---- */

static void mark(struct pd *pd, uint64_t fd)
{
	for (int ep = 0; ep < PD_FDS; ep++) {
		const struct pd_obj *o = &pd->obj[ep];

		for (int i = 0; o->kind == PD_EPOLL && i < PD_FDS; i++) {
			if (o->watches[i].fd == (int)fd)
				o->watches[i].edge = true;
		}
	}
}

void poll_edges(struct pd *pd)
{
	struct stack_event ev[EVENTS_MAX];
	unsigned n;

	while ((n = stack_events(pd->sc, ev, EVENTS_MAX)) > 0) {
		for (unsigned i = 0; i < n; i++)
			mark(pd, ev[i].cookie);
	}
}

int ep_create(struct pd *pd)
{
	struct pd_watch *w = calloc(PD_FDS, sizeof(*w));
	int fd = w ? obj_new(pd, PD_EPOLL) : -ENOMEM;

	if (fd < 0) {
		free(w);
		return fd;
	}
	for (int i = 0; i < PD_FDS; i++)
		w[i].fd = -1;
	pd->obj[fd].watches = w;
	return fd;
}

static struct pd_watch *watch_of(const struct pd_obj *ep, int fd)
{
	for (int i = 0; i < PD_FDS; i++) {
		if (ep->watches[i].fd == fd)
			return &ep->watches[i];
	}
	return NULL;
}

void poll_forget(struct pd *pd, int fd)
{
	for (int i = 0; i < PD_FDS; i++) {
		struct pd_watch *w = pd->obj[i].kind == PD_EPOLL ? watch_of(&pd->obj[i], fd) : NULL;

		if (w)
			w->fd = -1;
	}
	if (pd->obj[fd].kind == PD_EPOLL)
		free(pd->obj[fd].watches);
}

int ep_ctl(struct pd *pd, int epfd, int op, int fd, const struct epoll_event *event)
{
	struct pd_obj *ep = obj_of(pd, epfd), *o = obj_of(pd, fd);
	struct pd_watch *w;

	if (!ep || !o)
		return -EBADF;
	if (ep->kind != PD_EPOLL || epfd == fd)
		return -EINVAL;
	w = watch_of(ep, fd);
	if (op == EPOLL_CTL_ADD ? w != NULL : w == NULL)
		return op == EPOLL_CTL_ADD ? -EEXIST : -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		w->fd = -1;
		return 0;
	}
	if (!event)
		return -EFAULT;
	if (!w)
		w = watch_of(ep, -1);
	if (!w)
		return -ENOSPC;
	*w = (struct pd_watch){
		.fd = fd, .events = event->events, .data = event->data, .edge = true};
	return 0;
}

static int collect(struct pd *pd, struct pd_obj *ep, struct epoll_event *out, int max)
{
	int n = 0;

	for (int i = 0; i < PD_FDS && n < max; i++) {
		struct pd_watch *w = &ep->watches[i];
		uint32_t now =
			w->fd < 0 ? 0
				  : ready(pd, &pd->obj[w->fd]) & (w->events | EPOLLERR | EPOLLHUP);

		if (!now || ((w->events & EPOLLET) && !w->edge))
			continue;
		w->edge = false;
		out[n++] = (struct epoll_event){.events = now, .data = w->data};
		if (w->events & EPOLLONESHOT)
			w->events = 0;
	}
	return n;
}

int ep_wait(struct pd *pd, int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	mt_time end = until(pd, timeout_ms);
	struct pd_obj *ep = obj_of(pd, epfd);

	if (!ep)
		return -EBADF;
	if (ep->kind != PD_EPOLL || max <= 0)
		return -EINVAL;
	for (;;) {
		int n = collect(pd, ep, events, max);
		int err = n ? 0 : net_wait(pd, end);

		if (n || err == -EAGAIN)
			return n;
		if (err)
			return err;
	}
}
