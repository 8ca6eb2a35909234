// SPDX-License-Identifier: BSD-3-Clause
/* Pipes, for splice. */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

int pipe_open(struct pd *pd, int fds[2])
{
	struct pd_pipe *p = calloc(1, sizeof(*p));
	int rd = p ? obj_new(pd, PD_PIPE_READ) : -ENOMEM;
	int wr = rd >= 0 ? obj_new(pd, PD_PIPE_WRITE) : rd;

	if (wr < 0) {
		if (rd >= 0) {
			pd->obj[rd].kind = PD_NONE;
			close(rd);
		}
		free(p);
		return wr;
	}
	p->n_ends = 2;
	pd->obj[rd].pipe = pd->obj[wr].pipe = p;
	fds[0] = rd;
	fds[1] = wr;
	return 0;
}

void pipe_shut(struct pd_obj *o)
{
	if (--o->pipe->n_ends == 0)
		free(o->pipe);
}

static uint32_t take(struct pd_pipe *p, uint8_t *out, size_t len)
{
	uint32_t n = len < p->len ? (uint32_t)len : p->len;

	for (uint32_t i = 0; i < n; i++)
		out[i] = p->data[(p->head + i) % PD_PIPE];
	p->head = (p->head + n) % PD_PIPE;
	p->len -= n;
	return n;
}

static uint32_t put(struct pd_pipe *p, const uint8_t *in, size_t len)
{
	uint32_t room = PD_PIPE - p->len;
	uint32_t n = len < room ? (uint32_t)len : room;

	for (uint32_t i = 0; i < n; i++)
		p->data[(p->head + p->len + i) % PD_PIPE] = in[i];
	p->len += n;
	return n;
}

ssize_t pipe_take(struct pd_obj *o, const struct iovec *iov, int n)
{
	ssize_t got = 0;

	for (int i = 0; i < n; i++)
		got += take(o->pipe, iov[i].iov_base, iov[i].iov_len);
	return got || o->pipe->n_ends == 1 ? got : -EAGAIN;
}

ssize_t pipe_put(struct pd_obj *o, const struct iovec *iov, int n)
{
	ssize_t done = 0;

	if (o->pipe->n_ends == 1)
		return -EPIPE;
	for (int i = 0; i < n; i++)
		done += put(o->pipe, iov[i].iov_base, iov[i].iov_len);
	return done ? done : -EAGAIN;
}

ssize_t pipe_splice(struct pd *pd, int fd_in, int fd_out, size_t len)
{
	struct pd_obj *in = obj_of(pd, fd_in), *out = obj_of(pd, fd_out);
	struct iovec iov = {.iov_len = len};
	struct pd_pipe *p;
	ssize_t n;

	if (!in || !out)
		return -EBADF;
	if (in->kind == PD_PIPE_READ && out->kind == PD_STREAM) {
		uint8_t bytes[4096];

		p = in->pipe;
		iov.iov_base = bytes;
		iov.iov_len = take(p, bytes, len < sizeof(bytes) ? len : sizeof(bytes));
		n = iov.iov_len ? sock_send(pd, fd_out, &iov, 1, 0) : 0;
		return n;
	}
	if (in->kind != PD_STREAM || out->kind != PD_PIPE_WRITE)
		return -EINVAL;
	p = out->pipe;
	if (p->len == PD_PIPE)
		return -EAGAIN;
	uint8_t bytes[4096];
	size_t most = PD_PIPE - p->len < sizeof(bytes) ? PD_PIPE - p->len : sizeof(bytes);

	iov.iov_base = bytes;
	iov.iov_len = len < most ? len : most;
	n = sock_recv(pd, fd_in, &iov, 1, 0);
	if (n > 0)
		put(p, bytes, (size_t)n);
	return n;
}
