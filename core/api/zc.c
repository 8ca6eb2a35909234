// SPDX-License-Identifier: BSD-3-Clause
/* Reading and writing in place, in inline mode: in paired mode the bytes are the other thread's. */
#include "api/ctx.h"

#include <limits.h>

/* A connection whose mode can do it. */
static int get(mctx_t m, int n, struct fd **f)
{
	int r = fd_socket(m, n, f);

	if (r < 0)
		return r;
	if (!ctx_of(m)->core.ops->zc_peek)
		return -EOPNOTSUPP;
	return (*f)->kind == MTCP_SOCK_STREAM && (*f)->id != RT_ID_NONE ? 0 : -ENOTCONN;
}

/* After a call in vain: 0, it may be tried again; or what to return. */
static int wait_for(struct ctx *c, const struct fd *f)
{
	return f->flags & FD_NONBLOCK ? ctx_again(c, -EAGAIN) : ctx_block(c);
}

static ssize_t read_in_place(struct ctx *c, struct fd *f, struct iovec piece[2])
{
	for (;;) {
		ssize_t r = c->core.ops->zc_peek(&c->core, f->id, piece);

		if (r > 0)
			return r;
		fd_touched(f);
		if (r != -EAGAIN)
			return r;
		r = wait_for(c, f);
		if (r < 0)
			return r;
	}
}

API ssize_t mtcp_zc_read(mctx_t m, int sockid, struct iovec piece[2])
{
	API_BOOKED(m, mtcp_zc_read(m, sockid, piece));
	struct fd *f;
	int r = piece ? get(m, sockid, &f) : -EFAULT;

	return api_ssize(r < 0 ? r : read_in_place(ctx_of(m), f, piece));
}

API int mtcp_zc_consume(mctx_t m, int sockid, size_t n)
{
	API_BOOKED(m, mtcp_zc_consume(m, sockid, n));
	struct ctx *c = ctx_of(m);
	struct fd *f;
	int r = get(m, sockid, &f);

	if (r < 0)
		return api_result(r);
	fd_touched(f);
	return api_result(c->core.ops->zc_drop(&c->core, f->id, n));
}

static ssize_t find_room(struct ctx *c, struct fd *f, size_t want, struct iovec piece[2])
{
	for (;;) {
		ssize_t r = c->core.ops->zc_room(&c->core, f->id, want, piece);

		if (r > 0)
			return r;
		fd_touched(f);
		if (r != -EAGAIN)
			return r;
		r = wait_for(c, f);
		if (r < 0)
			return r;
	}
}

API ssize_t mtcp_zc_reserve(mctx_t m, int sockid, size_t want, struct iovec piece[2])
{
	API_BOOKED(m, mtcp_zc_reserve(m, sockid, want, piece));
	struct fd *f;
	int r = piece ? get(m, sockid, &f) : -EFAULT;

	if (r == 0 && (want == 0 || want > SSIZE_MAX))
		r = -EINVAL;
	return api_ssize(r < 0 ? r : find_room(ctx_of(m), f, want, piece));
}

API int mtcp_zc_commit(mctx_t m, int sockid, size_t n)
{
	API_BOOKED(m, mtcp_zc_commit(m, sockid, n));
	struct ctx *c = ctx_of(m);
	struct fd *f;
	int r = get(m, sockid, &f);

	if (r < 0)
		return api_result(r);
	fd_touched(f);
	r = c->core.ops->zc_append(&c->core, f->id, n);
	if (r == 0 && !(f->flags & FD_NONBLOCK))
		c->core.ops->flush(&c->core);
	return api_result(r);
}
