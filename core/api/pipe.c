// SPDX-License-Identifier: BSD-3-Clause
/* mtcp_pipe and mtcp_eventfd. Both ends belong to one context and so to one thread: a call that
 * would block could never be woken, so all of them behave as non-blocking. */
#include "api/ctx.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static size_t iov_total(const struct iovec *iov, int n)
{
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

API int mtcp_pipe(mctx_t m, int pipeid[2])
{
	API_BOOKED(m, mtcp_pipe(m, pipeid));
	struct ctx *c = ctx_of(m);
	struct pipe_buf *p;

	if (!m || !pipeid)
		return api_result(m ? -EFAULT : -EINVAL);
	p = calloc(1, sizeof(*p));
	if (!p)
		return api_result(-ENOMEM);
	p->rd = fd_new(c, MTCP_SOCK_PIPE, FD_NONBLOCK);
	p->wr = p->rd ? fd_new(c, MTCP_SOCK_PIPE, FD_NONBLOCK) : NULL;
	if (!p->wr) {
		if (p->rd)
			fd_free(c, p->rd);
		free(p);
		return api_result(-EMFILE);
	}
	p->rd->pipe = p->wr->pipe = p;
	pipeid[0] = fd_number(c, p->rd);
	pipeid[1] = fd_number(c, p->wr);
	return 0;
}

void pipe_close(struct ctx *c, struct fd *f)
{
	struct pipe_buf *p = f->pipe;
	struct fd *other = f == p->rd ? p->wr : p->rd;

	if (f == p->rd)
		p->rd = NULL;
	else
		p->wr = NULL;
	if (other)
		fd_notify(c, other, MTCP_EPOLLHUP | MTCP_EPOLLERR);
	else
		free(p);
}

ssize_t pipe_read(struct ctx *c, struct fd *f, const struct iovec *iov, int n)
{
	struct pipe_buf *p = f->pipe;
	size_t done = 0;

	if (f != p->rd)
		return -EBADF;
	if (p->len == 0)
		return p->wr ? ctx_again(c, -EAGAIN) : 0;
	for (int i = 0; i < n; i++) {
		uint8_t *to = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len && p->len > 0; k++, done++) {
			to[k] = p->data[p->head];
			p->head = (p->head + 1) % (uint32_t)sizeof(p->data);
			p->len--;
		}
	}
	if (p->wr)
		fd_notify(c, p->wr, MTCP_EPOLLOUT);
	return (ssize_t)done;
}

/* pipe(7): up to PIPE_BUF bytes go whole or not at all. */
ssize_t pipe_write(struct ctx *c, struct fd *f, const struct iovec *iov, int n)
{
	struct pipe_buf *p = f->pipe;
	size_t room = sizeof(p->data) - p->len, total = iov_total(iov, n), done = 0;

	if (f != p->wr)
		return -EBADF;
	if (!p->rd)
		return -EPIPE;
	if (room == 0 || (total <= PIPE_BUF && room < total))
		return ctx_again(c, -EAGAIN);
	for (int i = 0; i < n; i++) {
		const uint8_t *from = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len && p->len < sizeof(p->data); k++, done++)
			p->data[(p->head + p->len++) % (uint32_t)sizeof(p->data)] = from[k];
	}
	fd_notify(c, p->rd, MTCP_EPOLLIN);
	return (ssize_t)done;
}

uint32_t pipe_ready(struct ctx *c, const struct fd *f)
{
	const struct pipe_buf *p = f->pipe;

	(void)c;
	if (f->kind == FD_KIND_EVENTFD)
		return (f->count > 0 ? MTCP_EPOLLIN : 0u) |
		       (f->count < UINT64_MAX - 1 ? MTCP_EPOLLOUT : 0u);
	if (f->kind != MTCP_SOCK_PIPE)
		return 0;
	if (f == p->rd)
		return (p->len > 0 ? MTCP_EPOLLIN : 0u) | (p->wr ? 0u : MTCP_EPOLLHUP);
	return (sizeof(p->data) - p->len >= PIPE_BUF ? MTCP_EPOLLOUT : 0u) |
	       (p->rd ? 0u : MTCP_EPOLLERR);
}

API int mtcp_eventfd(mctx_t m, unsigned int initval, int flags)
{
	API_BOOKED(m, mtcp_eventfd(m, initval, flags));
	unsigned own = FD_NONBLOCK | (flags & EFD_SEMAPHORE ? FD_SEMAPHORE : 0u);
	struct fd *f;

	if (!m || (flags & ~(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC)))
		return api_result(-EINVAL);
	f = fd_new(ctx_of(m), FD_KIND_EVENTFD, own);
	if (!f)
		return api_result(-EMFILE);
	f->count = initval;
	return fd_number(ctx_of(m), f);
}

ssize_t evfd_read(struct ctx *c, struct fd *f, const struct iovec *iov, int n)
{
	uint64_t v = f->flags & FD_SEMAPHORE ? 1 : f->count;

	if (n < 1 || iov[0].iov_len < sizeof(v))
		return -EINVAL;
	if (f->count == 0)
		return ctx_again(c, -EAGAIN);
	memcpy(iov[0].iov_base, &v, sizeof(v));
	f->count -= v;
	fd_notify(c, f, MTCP_EPOLLOUT);
	return sizeof(v);
}

ssize_t evfd_write(struct ctx *c, struct fd *f, const struct iovec *iov, int n)
{
	uint64_t v;

	if (n < 1 || iov[0].iov_len < sizeof(v))
		return -EINVAL;
	memcpy(&v, iov[0].iov_base, sizeof(v));
	if (v == UINT64_MAX)
		return -EINVAL;
	if (v > UINT64_MAX - 1 - f->count)
		return ctx_again(c, -EAGAIN);
	f->count += v;
	if (v > 0)
		fd_notify(c, f, MTCP_EPOLLIN);
	return sizeof(v);
}
