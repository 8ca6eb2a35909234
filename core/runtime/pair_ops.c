// SPDX-License-Identifier: BSD-3-Clause
/* Paired mode's operations: answered from the application's half where they can be, else a job or a
 * call. */
#include "runtime/pair.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/num.h"
#include "runtime/clock.h"

static struct app_sock *sock(struct rt_core *c, uint32_t id)
{
	return app_at(c->pair, id);
}

static void post(struct pair *p, enum pair_type type, uint32_t id, uint32_t arg)
{
	struct pair_msg *m = app_job(p, type, id, 0);

	m->arg = arg;
	app_post(p, m);
}

/* ---- opening ---- */
/* An id of this side; the pool may be waiting only for EV_CLOSED of earlier ones. */
static uint32_t new_id(struct pair *p)
{
	uint32_t id = pool_get(&p->app.half[0]);

	if (id == POOL_NONE) {
		(void)app_hand_over(p, PAIR_TURN, MT_NEVER);
		app_drain(p);
		id = pool_get(&p->app.half[0]);
	}
	return id;
}

static int64_t open_call(struct rt_core *c, enum sock_kind kind, struct pair_call *call,
			 const struct rt_opts *opts)
{
	struct pair *p = c->pair;
	uint32_t id = new_id(p);
	struct app_sock *s;
	int64_t r;

	if (id == POOL_NONE)
		return -ENOBUFS;
	if (opts) {
		call->has_opts = true;
		call->opts = *opts;
	}
	s = app_at(p, id);
	app_sock_init(p, s, kind); /* first: events may come with the reply */
	if (kind == SOCK_CONN)
		s->flags = APP_CONNECTING;
	r = app_call(p, id, call);
	if (r < 0) {
		s->kind = SOCK_FREE;
		pool_put(&p->app.half[0], id);
		return r;
	}
	s->names = p->app.reply.names;
	return id;
}

static int64_t pa_listen(struct rt_core *c, const struct ip_endpoint *local, uint32_t backlog,
			 const struct rt_opts *opts)
{
	struct pair_call call = {.op = CALL_LISTEN, .value = backlog, .names = {.local = *local}};
	int64_t id = open_call(c, SOCK_LISTENER, &call, opts);

	if (id >= 0) {
		sock(c, (uint32_t)id)->backlog = backlog;
		sock(c, (uint32_t)id)->names.local = *local;
	}
	return id;
}

static int64_t pa_connect(struct rt_core *c, const struct ip_endpoint *local,
			  const struct ip_endpoint *remote, const struct rt_opts *opts)
{
	struct pair_call call = {.op = CALL_CONNECT, .names.remote = *remote};

	call.names.local = local ? *local : (struct ip_endpoint){.addr = ip_from_v4(0)};
	return open_call(c, SOCK_CONN, &call, opts);
}

/* What was taken and not yet told goes first: told by the new backlog it might never be. */
static void pa_listen_backlog(struct rt_core *c, uint32_t lid, uint32_t backlog)
{
	struct app_sock *l = sock(c, lid);

	post(c->pair, JOB_ACCEPTED, lid, l->unreported);
	l->unreported = 0;
	l->backlog = backlog;
	post(c->pair, JOB_BACKLOG, lid, backlog);
}

static void pa_listen_opts(struct rt_core *c, uint32_t lid, const struct rt_opts *opts)
{
	struct pair_call call = {.op = CALL_LISTEN_OPTS, .opts = *opts};

	(void)app_call(c->pair, lid, &call);
}

static int64_t pa_accept(struct rt_core *c, uint32_t lid, const struct rt_opts *opts)
{
	struct app_sock *l = sock(c, lid);
	struct list *node = list_pop(&l->accepted);
	struct app_sock *s;
	struct pair *p = c->pair;

	(void)opts; /* applied by the stack's side */
	if (!node)
		return -EAGAIN;
	s = container_of(node, struct app_sock, accepted);
	if (++l->unreported >= (l->backlog + 1) / 2) {
		post(p, JOB_ACCEPTED, lid, l->unreported);
		l->unreported = 0;
	}
	return p->n_socks + pool_id(&p->app.half[1], s);
}

/* ---- closing ---- */
static void forget(struct pair *p, struct app_sock *s)
{
	bq_drop(&s->rx, &p->app.chunks, s->rx.len);
	if (list_linked(&s->event))
		list_remove(&s->event);
	s->kind = SOCK_CLOSING;
}

static void end(struct pair *p, uint32_t id, enum pair_type type)
{
	struct app_sock *s = app_at(p, id);
	uint32_t total = s->rx_total;

	forget(p, s);
	post(p, type, id, total);
}

static void pa_close(struct rt_core *c, uint32_t id)
{
	end(c->pair, id, JOB_CLOSE);
}

static void pa_abort(struct rt_core *c, uint32_t id)
{
	end(c->pair, id, JOB_ABORT);
}

static void pa_listen_close(struct rt_core *c, uint32_t lid)
{
	struct pair *p = c->pair;
	struct list *node;

	while ((node = list_pop(&sock(c, lid)->accepted)) != NULL) {
		struct app_sock *s = container_of(node, struct app_sock, accepted);

		end(p, p->n_socks + pool_id(&p->app.half[1], s), JOB_ABORT);
	}
	end(p, lid, JOB_CLOSE);
}

static int pa_shutdown(struct rt_core *c, uint32_t id, int how)
{
	struct app_sock *s = sock(c, id);

	if (s->flags & APP_DEAD)
		return -ENOTCONN;
	if (how != SHUT_WR)
		s->flags |= APP_SHUT_RD;
	if (how != SHUT_RD)
		s->flags |= APP_SHUT_WR;
	post(c->pair, JOB_SHUTDOWN, id, (uint32_t)how);
	return 0;
}

/* ---- data ---- */
static int take_error(struct app_sock *s)
{
	int e = s->error;

	s->error = 0;
	return e;
}

/* What reading gives when there is no data (as tcp_recvmsg). */
static ssize_t no_data(struct app_sock *s)
{
	if ((s->flags & (APP_DEAD | APP_EOF | APP_SHUT_RD)) == APP_DEAD)
		return -EAGAIN; /* what came before the error is still on its way */
	if (s->error)
		return -take_error(s);
	return s->flags & (APP_EOF | APP_SHUT_RD) ? 0 : -EAGAIN;
}

static ssize_t pa_peek(struct rt_core *c, uint32_t id, uint32_t off, void *buf, size_t len)
{
	struct app_sock *s = sock(c, id);

	if (s->rx.len == 0)
		return no_data(s);
	return bq_peek(&s->rx, &c->pair->app.chunks, min_u32(off, s->rx.len), buf,
		       len < s->rx.len ? (uint32_t)len : s->rx.len);
}

static ssize_t pa_recv(struct rt_core *c, uint32_t id, void *buf, size_t len)
{
	struct pair *p = c->pair;
	struct app_sock *s = sock(c, id);
	ssize_t n = pa_peek(c, id, 0, buf, len);

	if (n <= 0)
		return n;
	bq_drop(&s->rx, &p->app.chunks, (uint32_t)n);
	s->rx_total += (uint32_t)n;
	s->unreported += (uint32_t)n;
	if (s->unreported >= p->rx_credit / 2) {
		post(p, JOB_CREDIT, id, s->unreported);
		s->unreported = 0;
	}
	return n;
}

static ssize_t send_bytes(struct rt_core *c, uint32_t id, const void *buf, size_t len, bool more)
{
	struct pair *p = c->pair;
	struct app_sock *s = sock(c, id);
	size_t n = len < s->credit ? len : s->credit;

	if (s->error)
		return -take_error(s);
	if (s->flags & (APP_DEAD | APP_SHUT_WR))
		return -EPIPE;
	if (n == 0 || (s->flags & APP_CONNECTING))
		return -EAGAIN;
	for (size_t done = 0; done < n;) {
		uint32_t part = n - done < p->record_max ? (uint32_t)(n - done) : p->record_max;
		struct pair_msg *m = app_job(p, JOB_SEND, id, part);

		m->arg = more;
		memcpy(m->data, (const uint8_t *)buf + done, part);
		app_post(p, m);
		done += part;
	}
	s->credit -= (uint32_t)n;
	return (ssize_t)n;
}

static ssize_t pa_send(struct rt_core *c, uint32_t id, const void *buf, size_t len)
{
	return send_bytes(c, id, buf, len, false);
}

enum way { WAY_IN, WAY_OUT, WAY_OUT_MORE };

/* Part by part, until one falls short. */
static ssize_t vectored(struct rt_core *c, uint32_t id, const struct iovec *iov, int n,
			enum way way)
{
	ssize_t total = 0;

	for (int i = 0; i < n; i++) {
		ssize_t r;

		if (iov[i].iov_len == 0)
			continue;
		if (way == WAY_IN)
			r = pa_recv(c, id, iov[i].iov_base, iov[i].iov_len);
		else
			r = send_bytes(c, id, iov[i].iov_base, iov[i].iov_len, way == WAY_OUT_MORE);
		if (r <= 0)
			return total > 0 ? total : r;
		total += r;
		if ((size_t)r < iov[i].iov_len || (way == WAY_IN && sock(c, id)->rx.len == 0))
			break;
	}
	return total;
}

static ssize_t pa_recvv(struct rt_core *c, uint32_t id, const struct iovec *iov, int n)
{
	return vectored(c, id, iov, n, WAY_IN);
}

static ssize_t pa_sendv(struct rt_core *c, uint32_t id, const struct iovec *iov, int n)
{
	return vectored(c, id, iov, n, WAY_OUT);
}

static ssize_t pa_sendv_more(struct rt_core *c, uint32_t id, const struct iovec *iov, int n)
{
	return vectored(c, id, iov, n, WAY_OUT_MORE);
}

static size_t pa_readable(struct rt_core *c, uint32_t id)
{
	return sock(c, id)->rx.len;
}

/* ---- state ---- */
static void pa_cookie(struct rt_core *c, uint32_t id, uint64_t cookie)
{
	struct app_sock *s = sock(c, id);

	s->cookie = cookie;
	if (id >= c->pair->n_socks) /* accepted: its owner asks when it takes an interest */
		s->edge = 0;
	if (s->edge) /* an outcome that came with connect's answer */
		app_edge(c->pair, s, 0);
}

static uint32_t pa_ready(struct rt_core *c, uint32_t id)
{
	return app_ready(sock(c, id));
}

static int pa_take_error(struct rt_core *c, uint32_t id)
{
	return take_error(sock(c, id));
}

static enum tcp_state pa_state(struct rt_core *c, uint32_t id)
{
	const struct app_sock *s = sock(c, id);

	if (s->flags & APP_CONNECTING)
		return TCPS_SYN_SENT;
	return s->flags & APP_DEAD ? TCPS_CLOSED : TCPS_ESTABLISHED;
}

static void pa_names(struct rt_core *c, uint32_t id, struct ip_endpoint *local,
		     struct ip_endpoint *remote)
{
	*local = sock(c, id)->names.local;
	*remote = sock(c, id)->names.remote;
}

static int pa_set_option(struct rt_core *c, uint32_t id, enum tcp_option opt, uint32_t value)
{
	struct pair_call call = {.op = CALL_SET, .opt = opt, .value = value};

	return (int)app_call(c->pair, id, &call);
}

static int64_t pa_get_option(struct rt_core *c, uint32_t id, enum tcp_option opt)
{
	struct pair_call call = {.op = CALL_GET, .opt = opt};

	return app_call(c->pair, id, &call);
}

static int pa_set_cc(struct rt_core *c, uint32_t id, const struct cc_ops *cc)
{
	struct pair_call call = {.op = CALL_SET_CC, .cc = cc};

	return (int)app_call(c->pair, id, &call);
}

static const char *pa_get_cc(struct rt_core *c, uint32_t id)
{
	struct pair_call call = {.op = CALL_GET_CC};

	(void)app_call(c->pair, id, &call);
	return cc_name(c->pair->app.reply.cc);
}

static void pa_look(struct rt_core *c, uint32_t id, rt_look_fn *look, void *arg)
{
	struct pair_call call = {
		.op = CALL_LOOK, .value = id != RT_ID_NONE, .look = look, .look_arg = arg};

	(void)app_call(c->pair, id != RT_ID_NONE ? id : 0, &call);
}

static int pa_set_sources(struct rt_core *c, const struct ip_addr *base, uint32_t n)
{
	struct pair_call call = {
		.op = CALL_SOURCES, .value = n, .names = {.local = {.addr = *base}}};

	return (int)app_call(c->pair, 0, &call);
}

static unsigned pa_events(struct rt_core *c, struct stack_event *ev, unsigned max)
{
	struct pair *p = c->pair;
	unsigned n = 0;

	while (n < max && !list_empty(&p->app.events)) {
		struct app_sock *s = container_of(list_pop(&p->app.events), struct app_sock, event);

		ev[n++] = (struct stack_event){.cookie = s->cookie,
					       .ready = app_ready(s),
					       .edge = s->edge,
					       .listener = s->kind == SOCK_LISTENER};
		s->edge = 0;
	}
	return n;
}

/* ---- running ---- */
static bool take_in(struct rt_core *c)
{
	uint64_t t = rt_ticks();
	bool interest = app_drain(c->pair);

	c->take_ticks += rt_ticks() - t;
	return interest;
}

static int pa_poll(struct rt_core *c, mt_time until)
{
	struct pair *p = c->pair;
	int r = 0;

	c->app_ticks += rt_ticks() - c->left_at;
	c->now = rt_now();
	if (!take_in(c) && until > c->now && list_empty(&p->app.events)) {
		r = app_hand_over(p, PAIR_STACK, mt_min(until, c->now + PAIR_WAIT_MAX));
		take_in(c);
	} else if (p->app.posted || ++p->app.polls >= PAIR_STARVE) {
		(void)app_hand_over(p, PAIR_TURN, MT_NEVER);
		take_in(c);
	}
	c->now = rt_now();
	c->left_at = rt_ticks();
	return r;
}

static void pa_flush(struct rt_core *c)
{
	uint64_t t = rt_ticks();

	(void)app_hand_over(c->pair, PAIR_TURN, MT_NEVER);
	app_drain(c->pair);
	c->left_at += rt_ticks() - t; /* not the application's time */
}

static void pa_fini(struct rt_core *c)
{
	pair_fini(c->pair);
}

const struct rt_ops rt_paired_ops = {
	.listen = pa_listen,
	.listen_backlog = pa_listen_backlog,
	.listen_opts = pa_listen_opts,
	.listen_close = pa_listen_close,
	.listen_cookie = pa_cookie,
	.listen_ready = pa_ready,
	.accept = pa_accept,
	.connect = pa_connect,
	.cookie = pa_cookie,
	.ready = pa_ready,
	.recv = pa_recv,
	.peek = pa_peek,
	.recvv = pa_recvv,
	.send = pa_send,
	.sendv = pa_sendv,
	.sendv_more = pa_sendv_more,
	.readable = pa_readable,
	.shutdown = pa_shutdown,
	.close = pa_close,
	.abort = pa_abort,
	.take_error = pa_take_error,
	.set_option = pa_set_option,
	.get_option = pa_get_option,
	.set_cc = pa_set_cc,
	.get_cc = pa_get_cc,
	.state = pa_state,
	.names = pa_names,
	.look = pa_look,
	.set_sources = pa_set_sources,
	.events = pa_events,
	.poll = pa_poll,
	.flush = pa_flush,
	.fini = pa_fini,
};
