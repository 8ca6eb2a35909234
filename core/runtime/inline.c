// SPDX-License-Identifier: BSD-3-Clause
/* Inline mode: the calls go straight to the stack, whose turns run inside poll. */
#include "runtime/rt.h"

#include <errno.h>

#include "runtime/clock.h"

static struct stack_core *sc_of(struct rt_core *c)
{
	return c->own.sc;
}

/* Only what may have made something to send: a failed call in a waiting loop must not keep it from
 * sleeping. */
static ssize_t sent(struct rt_core *c, ssize_t r)
{
	if (r > 0)
		c->own.dirty = true;
	return r;
}

static int64_t in_listen(struct rt_core *c, const struct ip_endpoint *local, uint32_t backlog,
			 const struct rt_opts *opts)
{
	int64_t lid = stack_listen(sc_of(c), local, backlog, c->now);

	if (lid >= 0 && opts) /* the others are given again at accept */
		rt_listen_opts(sc_of(c), (uint32_t)lid, opts);
	return lid;
}

static void in_listen_backlog(struct rt_core *c, uint32_t lid, uint32_t backlog)
{
	(void)stack_listen_backlog(sc_of(c), lid, backlog);
}

static void in_listen_opts(struct rt_core *c, uint32_t lid, const struct rt_opts *opts)
{
	rt_listen_opts(sc_of(c), lid, opts);
}

static void in_listen_close(struct rt_core *c, uint32_t lid)
{
	c->own.dirty = true;
	stack_listen_close(sc_of(c), lid, c->now);
}

static void in_listen_cookie(struct rt_core *c, uint32_t lid, uint64_t cookie)
{
	stack_listen_set_cookie(sc_of(c), lid, cookie);
}

static uint32_t in_listen_ready(struct rt_core *c, uint32_t lid)
{
	return stack_listen_ready(sc_of(c), lid);
}

static int64_t in_accept(struct rt_core *c, uint32_t lid, const struct rt_opts *opts)
{
	int64_t id = stack_accept(sc_of(c), lid);

	if (id >= 0 && opts) {
		rt_apply_opts(sc_of(c), (uint32_t)id, opts, c->now);
		if (opts->set)
			c->own.next = c->now; /* keepalive has a timer */
	}
	return id;
}

static int64_t in_connect(struct rt_core *c, const struct ip_endpoint *local,
			  const struct ip_endpoint *remote, const struct rt_opts *opts)
{
	int64_t id = stack_connect(sc_of(c), local, remote, c->now);

	if (id >= 0 && opts)
		rt_apply_opts(sc_of(c), (uint32_t)id, opts, c->now);
	if (id >= 0)
		c->own.dirty = true;
	return id;
}

static void in_cookie(struct rt_core *c, uint32_t id, uint64_t cookie)
{
	stack_set_cookie(sc_of(c), id, cookie);
}

static ssize_t in_peek(struct rt_core *c, uint32_t id, uint32_t off, void *buf, size_t len)
{
	return stack_peek(sc_of(c), id, off, buf, len);
}

static ssize_t in_recvv(struct rt_core *c, uint32_t id, const struct iovec *iov, int n)
{
	return sent(c, stack_recvv(sc_of(c), id, iov, n, c->now));
}

static ssize_t in_sendv(struct rt_core *c, uint32_t id, const struct iovec *iov, int n)
{
	return sent(c, stack_sendv(sc_of(c), id, iov, n, c->now));
}

static ssize_t in_sendv_more(struct rt_core *c, uint32_t id, const struct iovec *iov, int n)
{
	return sent(c, stack_sendv_more(sc_of(c), id, iov, n, c->now));
}

static ssize_t in_zc_peek(struct rt_core *c, uint32_t id, struct iovec piece[2])
{
	return stack_zc_peek(sc_of(c), id, piece);
}

static int in_zc_drop(struct rt_core *c, uint32_t id, size_t n)
{
	c->own.dirty = true; /* the window opens */
	return stack_zc_drop(sc_of(c), id, n, c->now);
}

static ssize_t in_zc_room(struct rt_core *c, uint32_t id, size_t want, struct iovec piece[2])
{
	return stack_zc_room(sc_of(c), id, want, piece);
}

static int in_zc_append(struct rt_core *c, uint32_t id, size_t n)
{
	c->own.dirty = true;
	return stack_zc_append(sc_of(c), id, n, c->now);
}

static size_t in_readable(struct rt_core *c, uint32_t id)
{
	return stack_readable(sc_of(c), id);
}

static int in_shutdown(struct rt_core *c, uint32_t id, int how)
{
	c->own.dirty = true;
	return stack_shutdown(sc_of(c), id, how, c->now);
}

static void in_close(struct rt_core *c, uint32_t id)
{
	c->own.dirty = true;
	stack_close(sc_of(c), id, c->now);
}

static void in_abort(struct rt_core *c, uint32_t id)
{
	c->own.dirty = true;
	stack_abort(sc_of(c), id, c->now);
}

static int in_take_error(struct rt_core *c, uint32_t id)
{
	return stack_take_error(sc_of(c), id);
}

static int in_set_option(struct rt_core *c, uint32_t id, enum tcp_option opt, uint32_t value)
{
	c->own.dirty = true; /* TCP_NODELAY and TCP_CORK release what they held */
	return stack_set_option(sc_of(c), id, opt, value, c->now);
}

static int64_t in_get_option(struct rt_core *c, uint32_t id, enum tcp_option opt)
{
	return stack_get_option(sc_of(c), id, opt);
}

static int in_set_cc(struct rt_core *c, uint32_t id, const struct cc_ops *cc)
{
	return stack_set_cc(sc_of(c), id, cc_name(cc), c->now);
}

static const char *in_get_cc(struct rt_core *c, uint32_t id)
{
	return stack_get_cc(sc_of(c), id);
}

static enum tcp_state in_state(struct rt_core *c, uint32_t id)
{
	return stack_state(sc_of(c), id);
}

static void in_names(struct rt_core *c, uint32_t id, struct ip_endpoint *local,
		     struct ip_endpoint *remote)
{
	stack_names(sc_of(c), id, local, remote);
}

static void in_look(struct rt_core *c, uint32_t id, rt_look_fn *look, void *arg)
{
	look(sc_of(c), id, arg);
}

static int in_set_sources(struct rt_core *c, const struct ip_addr *base, uint32_t n)
{
	return stack_set_sources(sc_of(c), base, n);
}

static int in_poll(struct rt_core *c, mt_time until)
{
	struct loop *l = &c->own;
	uint64_t t = rt_ticks();
	int r = 0;

	c->app_ticks += t - c->left_at;
	if (!loop_turn_at(l, t))
		r = loop_idle(l, stack_has_events(l->sc) ? 0 : until);
	c->now = l->now;
	c->left_at = l->mark;
	return r;
}

static void in_flush(struct rt_core *c)
{
	c->left_at += loop_flush(&c->own); /* not the application's time */
	c->now = c->own.now;
}

static void in_fini(struct rt_core *c)
{
	mt_time since = rt_now();

	do {
		loop_turn(&c->own);
		(void)loop_idle(&c->own, since + c->own.linger);
	} while (loop_closing(&c->own, since));
	loop_close(&c->own);
}

static const struct rt_ops inline_ops = {
	.listen = in_listen,
	.listen_backlog = in_listen_backlog,
	.listen_opts = in_listen_opts,
	.listen_close = in_listen_close,
	.listen_cookie = in_listen_cookie,
	.listen_ready = in_listen_ready,
	.accept = in_accept,
	.connect = in_connect,
	.cookie = in_cookie,
	.peek = in_peek,
	.recvv = in_recvv,
	.sendv = in_sendv,
	.sendv_more = in_sendv_more,
	.zc_peek = in_zc_peek,
	.zc_drop = in_zc_drop,
	.zc_room = in_zc_room,
	.zc_append = in_zc_append,
	.readable = in_readable,
	.shutdown = in_shutdown,
	.close = in_close,
	.abort = in_abort,
	.take_error = in_take_error,
	.set_option = in_set_option,
	.get_option = in_get_option,
	.set_cc = in_set_cc,
	.get_cc = in_get_cc,
	.state = in_state,
	.names = in_names,
	.look = in_look,
	.set_sources = in_set_sources,
	.poll = in_poll,
	.flush = in_flush,
	.fini = in_fini,
};

int rt_inline_init(struct rt_core *c)
{
	int r;

	c->own.cpu = c->cpu;
	r = loop_open(&c->own, &c->stack->cfg, rt_core_nic(c->stack, c->queue), c->queue);
	if (r < 0)
		return r;
	c->ops = &inline_ops;
	c->loop = &c->own;
	c->now = c->own.now;
	return 0;
}
