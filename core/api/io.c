// SPDX-License-Identifier: BSD-3-Clause
/* Reading and writing. */
#include "api/ctx.h"

#include <limits.h>
#include <string.h>

#include "base/inline.h"

static int check_iov(const struct iovec *iov, int n, size_t *total)
{
	*total = 0;
	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	if (!iov && n > 0)
		return -EFAULT;
	for (int i = 0; i < n; i++) {
		if (!iov[i].iov_base && iov[i].iov_len > 0)
			return -EFAULT;
		if (iov[i].iov_len > SSIZE_MAX - *total)
			return -EINVAL;
		*total += iov[i].iov_len;
	}
	return 0;
}

static bool may_block(const struct fd *f, int flags)
{
	return !(f->flags & FD_NONBLOCK) && !(flags & MSG_DONTWAIT);
}

/* For a call that has done a part: there is an error, which the next call is to tell. bits:
 * STACK_ERR, and what else must be ready. */
static bool error_waits(struct ctx *c, const struct fd *f, uint32_t bits)
{
	return (rt_ready(&c->core, f->id) & bits) == bits;
}

/* ---- reading ---- */
static ssize_t peek(struct ctx *c, struct fd *f, const struct iovec *iov, int n)
{
	size_t done = 0;

	for (int i = 0; i < n; i++) {
		ssize_t r;

		if (iov[i].iov_len == 0)
			continue;
		r = c->core.ops->peek(&c->core, f->id, (uint32_t)done, iov[i].iov_base,
				      iov[i].iov_len);
		if (r <= 0)
			return done > 0 ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	return (ssize_t)done;
}

static ssize_t recv_once(struct ctx *c, struct fd *f, const struct iovec *iov, int n, int flags)
{
	const struct rt_ops *ops = c->core.ops;

	if (flags & MSG_PEEK)
		return peek(c, f, iov, n);
	if (n == 1)
		return rt_recv(&c->core, f->id, iov[0].iov_base, iov[0].iov_len);
	return ops->recvv(&c->core, f->id, iov, n);
}

/* After a read in vain: 0, it may be tried again; or what to return. */
static int wait_for_data(struct ctx *c, const struct fd *f, int flags)
{
	return may_block(f, flags) ? ctx_block(c) : ctx_again(c, -EAGAIN);
}

static ssize_t sock_recv(struct ctx *c, struct fd *f, const struct iovec *iov, int n, int flags)
{
	for (;;) {
		ssize_t r = f->id == RT_ID_NONE ? fd_unconnected(c, f, -ENOTCONN)
						: recv_once(c, f, iov, n, flags);

		fd_touched(f);
		if (r != -EAGAIN)
			return r;
		r = wait_for_data(c, f, flags);
		if (r < 0)
			return r;
	}
}

/* One buffer; any: those before it were filled. Less at the end of the stream and before an error
 * that is the next call's. */
static ssize_t fill(struct ctx *c, struct fd *f, const struct iovec *iov, int flags, bool any)
{
	size_t done = 0;

	while (done < iov->iov_len) {
		struct iovec rest = {(char *)iov->iov_base + done, iov->iov_len - done};
		ssize_t r;

		/* Reading on would tell of it, and nobody would hear. */
		if ((any || done > 0) && error_waits(c, f, STACK_ERR | STACK_IN) &&
		    c->core.ops->readable(&c->core, f->id) == 0)
			break;
		r = recv_once(c, f, &rest, 1, flags);
		fd_touched(f);
		if (r == 0)
			break;
		if (r == -EAGAIN)
			r = wait_for_data(c, f, flags);
		else if (r > 0)
			done += (size_t)r;
		if (r < 0)
			return done > 0 ? (ssize_t)done : r;
	}
	return (ssize_t)done;
}

/* MSG_WAITALL: until all buffers are full, the stream ends, or something goes wrong. */
static ssize_t recv_all(struct ctx *c, struct fd *f, const struct iovec *iov, int n, int flags)
{
	ssize_t total = 0;

	if (f->id == RT_ID_NONE) {
		fd_touched(f);
		return fd_unconnected(c, f, -ENOTCONN);
	}
	for (int i = 0; i < n; i++) {
		ssize_t r = fill(c, f, &iov[i], flags, total > 0);

		if (r < 0)
			return total > 0 ? total : r;
		total += r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	return total;
}

static ssize_t do_recv(mctx_t m, int n, const struct iovec *iov, int n_iov, int flags)
{
	struct ctx *c = ctx_of(m);
	size_t total;
	struct fd *f = m ? fd_get(m, n) : NULL;
	int r;

	if (!f)
		return m ? -EBADF : -EINVAL;
	if (flags & ~(MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL))
		return -EOPNOTSUPP;
	r = check_iov(iov, n_iov, &total);
	if (r < 0)
		return r;
	switch (f->kind) {
	case MTCP_SOCK_STREAM:
		if (total == 0)
			return 0;
		if ((flags & MSG_WAITALL) && !(flags & MSG_PEEK))
			return recv_all(c, f, iov, n_iov, flags);
		return sock_recv(c, f, iov, n_iov, flags);
	case MTCP_SOCK_LISTENER:
		return -ENOTCONN;
	case MTCP_SOCK_PIPE:
		return total == 0 ? 0 : pipe_read(c, f, iov, n_iov);
	case FD_KIND_EVENTFD:
		return evfd_read(c, f, iov, n_iov);
	default:
		return -EINVAL;
	}
}

/* The common case of reading and writing: one buffer, a connection, no waiting. */
static inline struct fd *plain(mctx_t m, int n, const void *buf, size_t len)
{
	struct ctx *c = ctx_of(m);
	struct fd *f;

	if (!m || (uint32_t)n >= c->fds.n_touched)
		return NULL;
	f = fd_at(c, (uint32_t)n);
	/* Bitwise on purpose: one branch. */
	if ((f->kind ^ MTCP_SOCK_STREAM) | (~f->flags & FD_NONBLOCK))
		return NULL;
	return f->id != RT_ID_NONE && buf && len - 1 < SSIZE_MAX ? f : NULL;
}

static ssize_t again_or(struct ctx *c, ssize_t r)
{
	return r == -EAGAIN ? ctx_again(c, -EAGAIN) : r;
}

static NEVER_INLINE ssize_t read_any(mctx_t m, int n, char *buf, size_t len)
{
	struct iovec iov = {buf, len};

	return api_ssize(do_recv(m, n, &iov, 1, 0));
}

static NEVER_INLINE ssize_t failed(struct ctx *c, ssize_t r)
{
	return api_ssize(again_or(c, r));
}

API ssize_t mtcp_read(mctx_t m, int sockid, char *buf, size_t len)
{
	API_BOOKED(m, mtcp_read(m, sockid, buf, len));
	struct fd *f = plain(m, sockid, buf, len);
	struct ctx *c = ctx_of(m);
	ssize_t r;

	if (!f)
		return read_any(m, sockid, buf, len);
	/* Inline nothing comes but by a poll, which tells of it; paired any call may take it in. */
	if (f->w0.state & WATCH_EMPTY && !c->core.pair)
		return failed(c, -EAGAIN);
	r = rt_recv(&c->core, f->id, buf, len);
	if (rt_drained(&c->core, f->id))
		fd_drained(f);
	else
		fd_touched(f);
	return r >= 0 ? r : failed(c, r);
}

/* recv and its kin are for sockets only. */
static int only_socket(mctx_t m, int n)
{
	struct fd *f;

	return fd_socket(m, n, &f);
}

API ssize_t mtcp_recv(mctx_t m, int sockid, char *buf, size_t len, int flags)
{
	API_BOOKED(m, mtcp_recv(m, sockid, buf, len, flags));
	struct iovec iov = {buf, len};
	int r = only_socket(m, sockid);

	return api_ssize(r < 0 ? r : do_recv(m, sockid, &iov, 1, flags));
}

API ssize_t mtcp_readv(mctx_t m, int sockid, const struct iovec *iov, int numIOV)
{
	API_BOOKED(m, mtcp_readv(m, sockid, iov, numIOV));
	return api_ssize(do_recv(m, sockid, iov, numIOV, 0));
}

API ssize_t mtcp_recvmsg(mctx_t m, int sockid, struct msghdr *msg, int flags)
{
	API_BOOKED(m, mtcp_recvmsg(m, sockid, msg, flags));
	int r = only_socket(m, sockid);
	ssize_t n;

	if (r < 0 || !msg)
		return api_ssize(r < 0 ? r : -EFAULT);
	if (msg->msg_iovlen > IOV_MAX)
		return api_ssize(-EMSGSIZE);
	n = do_recv(m, sockid, msg->msg_iov, (int)msg->msg_iovlen, flags);
	if (n >= 0) {
		msg->msg_namelen = 0;
		msg->msg_controllen = 0;
		msg->msg_flags = 0;
	}
	return api_ssize(n);
}

/* ---- writing ---- */
static inline ssize_t send_once(struct ctx *c, struct fd *f, const struct iovec *iov, int n,
				int flags)
{
	const struct rt_ops *ops = c->core.ops;

	if (flags & MSG_MORE)
		return ops->sendv_more(&c->core, f->id, iov, n);
	if (n == 1)
		return rt_send(&c->core, f->id, iov->iov_base, iov->iov_len);
	return ops->sendv(&c->core, f->id, iov, n);
}

/* All of one buffer, as a blocking write does; less only if interrupted or the connection ends.
 * any: those before it were taken. */
static ssize_t send_all(struct ctx *c, struct fd *f, const struct iovec *iov, int flags, bool any)
{
	size_t done = 0, len = iov->iov_len;

	while (done < len) {
		struct iovec rest = {(char *)iov->iov_base + done, len - done};
		ssize_t r;

		if ((any || done > 0) && error_waits(c, f, STACK_ERR))
			break;
		r = send_once(c, f, &rest, 1, flags);
		if (r == -EAGAIN)
			r = ctx_block(c);
		else if (r > 0)
			done += (size_t)r;
		if (r < 0)
			return done > 0 ? (ssize_t)done : r;
	}
	return (ssize_t)done;
}

static ssize_t send_blocking(struct ctx *c, struct fd *f, const struct iovec *iov, int n, int flags)
{
	ssize_t total = 0;

	for (int i = 0; i < n; i++) {
		ssize_t r = send_all(c, f, &iov[i], flags, total > 0);

		if (r < 0 && total == 0)
			return r;
		total += r > 0 ? r : 0;
		if (r < (ssize_t)iov[i].iov_len)
			break;
	}
	c->core.ops->flush(&c->core); /* the caller may not come back for long */
	return total;
}

static ssize_t sock_send(struct ctx *c, struct fd *f, const struct iovec *iov, int n, int flags)
{
	fd_touched(f);

	if (f->id == RT_ID_NONE)
		return fd_unconnected(c, f, -EPIPE); /* as Linux of one that was never connected */
	if (may_block(f, flags))
		return send_blocking(c, f, iov, n, flags);
	return again_or(c, send_once(c, f, iov, n, flags));
}

static ssize_t do_send(mctx_t m, int n, const struct iovec *iov, int n_iov, int flags)
{
	struct ctx *c = ctx_of(m);
	size_t total;
	struct fd *f = m ? fd_get(m, n) : NULL;
	int r;

	if (!f)
		return m ? -EBADF : -EINVAL;
	if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE))
		return -EOPNOTSUPP;
	r = check_iov(iov, n_iov, &total);
	if (r < 0)
		return r;
	switch (f->kind) {
	case MTCP_SOCK_STREAM:
		return total == 0 && f->id != RT_ID_NONE ? 0 : sock_send(c, f, iov, n_iov, flags);
	case MTCP_SOCK_LISTENER:
		return -EPIPE;
	case MTCP_SOCK_PIPE:
		return total == 0 ? 0 : pipe_write(c, f, iov, n_iov);
	case FD_KIND_EVENTFD:
		return evfd_write(c, f, iov, n_iov);
	default:
		return -EINVAL;
	}
}

static NEVER_INLINE ssize_t write_any(mctx_t m, int n, const char *buf, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};

	return api_ssize(do_send(m, n, &iov, 1, 0));
}

API ssize_t mtcp_write(mctx_t m, int sockid, const char *buf, size_t len)
{
	API_BOOKED(m, mtcp_write(m, sockid, buf, len));
	struct fd *f = plain(m, sockid, buf, len);
	struct ctx *c = ctx_of(m);
	ssize_t r;

	if (!f)
		return write_any(m, sockid, buf, len);
	r = rt_send(&c->core, f->id, buf, len);
	if (r < 0 || (f->w0.events & MTCP_EPOLLOUT))
		fd_touched(f);
	return r >= 0 ? r : failed(c, r);
}

API ssize_t mtcp_send(mctx_t m, int sockid, const char *buf, size_t len, int flags)
{
	API_BOOKED(m, mtcp_send(m, sockid, buf, len, flags));
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	int r = only_socket(m, sockid);

	return api_ssize(r < 0 ? r : do_send(m, sockid, &iov, 1, flags));
}

API ssize_t mtcp_writev(mctx_t m, int sockid, const struct iovec *iov, int numIOV)
{
	API_BOOKED(m, mtcp_writev(m, sockid, iov, numIOV));
	return api_ssize(do_send(m, sockid, iov, numIOV, 0));
}

API ssize_t mtcp_sendmsg(mctx_t m, int sockid, const struct msghdr *msg, int flags)
{
	API_BOOKED(m, mtcp_sendmsg(m, sockid, msg, flags));
	int r = only_socket(m, sockid);

	if (r < 0 || !msg)
		return api_ssize(r < 0 ? r : -EFAULT);
	if (msg->msg_iovlen > IOV_MAX)
		return api_ssize(-EMSGSIZE);
	return api_ssize(do_send(m, sockid, msg->msg_iov, (int)msg->msg_iovlen, flags));
}
