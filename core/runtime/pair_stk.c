// SPDX-License-Identifier: BSD-3-Clause
/* The stack's half of a pair: jobs become calls of the stack, its events become records. */
#include "runtime/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct stack_core *sc_of(struct pair *p)
{
	return p->loop.sc;
}

static void todo(struct pair *p, struct stk_sock *s)
{
	if (!list_linked(&s->todo))
		list_append(&p->stk.todo, &s->todo);
}

static void sock_init(struct stk_sock *s, enum sock_kind kind, uint32_t id, uint32_t sid)
{
	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	s->id = id;
	s->sid = sid;
	bq_init(&s->tx);
}

/* ---- records to the application ---- */
static struct pair_msg *event(struct pair *p, enum pair_type type, uint32_t id, uint32_t len)
{
	struct pair_msg *m = spsc_reserve(&p->events, (uint32_t)sizeof(*m) + len);

	/* A full ring is a reason to let the application work as good as any event. */
	if (!m || type != EV_CLOSED)
		p->stk.news = true;
	if (m)
		*m = (struct pair_msg){.type = type, .id = id, .len = len};
	return m;
}

static void commit(struct pair *p, const struct pair_msg *m)
{
	spsc_commit(&p->events, (uint32_t)sizeof(*m) + m->len);
}

static bool event_arg(struct pair *p, enum pair_type type, uint32_t id, uint32_t arg)
{
	struct pair_msg *m = event(p, type, id, 0);

	if (!m)
		return false;
	m->arg = arg;
	commit(p, m);
	return true;
}

/* ---- sending ---- */
/* The connection is dead for sending: what waits is dropped, but its credit returned, so that a
 * writer comes to see the error. */
static void tx_failed(struct pair *p, struct stk_sock *s, int error)
{
	s->tx_freed += s->tx.len;
	bq_drop(&s->tx, &p->stk.chunks, s->tx.len);
	if (error != EPIPE && !s->error && !(s->flags & STK_ERR_SENT))
		s->error = (uint16_t)error;
}

static void finish_tx(struct pair *p, struct stk_sock *s)
{
	if (s->flags & STK_SHUT_WR)
		(void)stack_shutdown(sc_of(p), s->sid, SHUT_WR, p->loop.now);
	if (s->flags & STK_CLOSE) {
		stack_close(sc_of(p), s->sid, p->loop.now);
		s->flags |= STK_GONE;
	}
	if (s->flags & (STK_SHUT_WR | STK_CLOSE))
		p->loop.dirty = true; /* there is a FIN to send */
	s->flags &= (uint8_t) ~(STK_SHUT_WR | STK_CLOSE);
}

static ssize_t give(struct pair *p, const struct stk_sock *s, const void *data, uint32_t len)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};

	if (s->flags & STK_MORE)
		return stack_sendv_more(sc_of(p), s->sid, &iov, 1, p->loop.now);
	return stack_send(sc_of(p), s->sid, data, len, p->loop.now);
}

static void drain_tx(struct pair *p, struct stk_sock *s)
{
	uint32_t len;
	const void *data;

	while ((data = bq_front(&s->tx, &p->stk.chunks, &len)) != NULL && len > 0) {
		ssize_t n = give(p, s, data, len);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			tx_failed(p, s, (int)-n);
			break;
		}
		p->loop.dirty = true;
		s->tx_freed += (uint32_t)n;
		bq_drop(&s->tx, &p->stk.chunks, (uint32_t)n);
	}
	finish_tx(p, s);
}

/* ---- what a socket has to pass on; false: the ring is full ---- */
/* The credit is below nothing where a smaller backlog met what had been passed on. */
static bool acceptable(struct pair *p, const struct stk_sock *l)
{
	return (int32_t)l->rx_credit > 0 && (stack_listen_ready(sc_of(p), l->sid) & STACK_IN);
}

static bool push_accepts(struct pair *p, struct stk_sock *l)
{
	while (acceptable(p, l)) {
		uint32_t k = pool_get(&p->stk.half[1]), id = k + p->n_socks;
		struct pair_names names;
		struct pair_msg *m;
		struct stk_sock *s;
		int64_t sid;

		if (k == POOL_NONE)
			return true; /* every id is in use or waits for its EV_CLOSED: later */
		m = event(p, EV_VOID, id, sizeof(names));
		sid = m ? stack_accept(sc_of(p), l->sid) : -1;
		if (sid < 0) {
			pool_put(&p->stk.half[1], k);
			if (m)
				commit(p, m);
			return m != NULL;
		}
		s = stk_at(p, id);
		sock_init(s, SOCK_CONN, id, (uint32_t)sid);
		s->rx_credit = p->rx_credit;
		stack_set_cookie(sc_of(p), s->sid, id + 1);
		if (l->opts) {
			rt_apply_opts(sc_of(p), s->sid, l->opts, p->loop.now);
			if (l->opts->set)
				p->loop.next = p->loop.now; /* keepalive has a timer */
		}
		stack_names(sc_of(p), s->sid, &names.local, &names.remote);
		m->type = EV_ACCEPT;
		m->arg = l->id;
		memcpy(m->data, &names, sizeof(names));
		commit(p, m);
		l->rx_credit--;
		todo(p, s); /* data may have come with the handshake */
	}
	return true;
}

static bool push_connected(struct pair *p, struct stk_sock *s)
{
	if (!(s->flags & STK_CONNECTING) || s->error)
		return true;
	if (stack_state(sc_of(p), s->sid) == TCPS_SYN_SENT)
		return true;
	if (!event_arg(p, EV_CONNECTED, s->id, 0))
		return false;
	s->flags &= (uint8_t)~STK_CONNECTING;
	return true;
}

static bool push_data(struct pair *p, struct stk_sock *s)
{
	size_t n;

	while ((n = stack_readable(sc_of(p), s->sid)) > 0 && s->rx_credit > 0) {
		struct pair_msg *m;
		ssize_t got;

		n = n < s->rx_credit ? n : s->rx_credit;
		n = n < p->record_max ? n : p->record_max;
		m = event(p, EV_DATA, s->id, (uint32_t)n);
		if (!m)
			return false;
		got = stack_recv(sc_of(p), s->sid, m->data, n, p->loop.now);
		if (got <= 0) {
			m->type = EV_VOID;
			m->len = 0;
			commit(p, m);
			if (got < 0 && got != -EAGAIN)
				s->error = (uint16_t)-got;
			return true;
		}
		m->len = (uint32_t)got;
		commit(p, m);
		s->rx_credit -= (uint32_t)got;
		s->rx_total += (uint32_t)got;
		p->loop.dirty = true; /* the window opened */
	}
	return true;
}

/* The end of the stream comes behind its data. An error does not: the application may be writing,
 * and read nothing that would make room for the rest. */
static bool push_end(struct pair *p, struct stk_sock *s)
{
	if (s->error && !(s->flags & STK_ERR_SENT)) {
		if (!event_arg(p, EV_ERROR, s->id, s->error))
			return false;
		s->flags |= STK_ERR_SENT;
	}
	if (stack_readable(sc_of(p), s->sid) == 0 &&
	    !(s->flags & (STK_EOF_SENT | STK_CONNECTING)) &&
	    (stack_ready(sc_of(p), s->sid) & (STACK_RDHUP | STACK_HUP))) {
		if (!event_arg(p, EV_EOF, s->id, 0))
			return false;
		s->flags |= STK_EOF_SENT;
	}
	return true;
}

static bool push_credit(struct pair *p, struct stk_sock *s)
{
	if (s->tx_freed < p->tx_credit / 2)
		return true;
	if (!event_arg(p, EV_CREDIT, s->id, s->tx_freed))
		return false;
	s->tx_freed = 0;
	return true;
}

static bool push_closed(struct pair *p, struct stk_sock *s)
{
	uint32_t id = s->id;

	if (!event_arg(p, EV_CLOSED, id, 0))
		return false;
	bq_drop(&s->tx, &p->stk.chunks, s->tx.len);
	free(s->opts);
	s->opts = NULL;
	s->kind = SOCK_FREE;
	if (id >= p->n_socks)
		pool_put(&p->stk.half[1], id - p->n_socks);
	return true;
}

static bool push(struct pair *p, struct stk_sock *s)
{
	if (s->kind == SOCK_CONN && !(s->flags & STK_GONE))
		drain_tx(p, s);
	if (s->flags & STK_GONE)
		return push_closed(p, s);
	if (s->flags & STK_CLOSE)
		return true; /* nobody listens any more */
	if (s->kind == SOCK_LISTENER)
		return push_accepts(p, s);
	return push_connected(p, s) && push_data(p, s) && push_end(p, s) && push_credit(p, s);
}

static bool push_reply(struct pair *p)
{
	struct pair_msg *m;

	if (!p->stk.reply_due)
		return true;
	m = event(p, EV_REPLY, 0, sizeof(p->stk.reply));
	if (!m)
		return false;
	memcpy(m->data, &p->stk.reply, sizeof(p->stk.reply));
	commit(p, m);
	p->stk.reply_due = false;
	return true;
}

static void note_events(struct pair *p)
{
	struct stack_event ev[64];
	unsigned n;

	while ((n = stack_events(sc_of(p), ev, 64)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			struct stk_sock *s;

			if (ev[i].cookie == 0)
				continue;
			s = stk_at(p, (uint32_t)(ev[i].cookie - 1));
			if ((ev[i].ready & STACK_ERR) && !s->error)
				s->error = (uint16_t)stack_take_error(sc_of(p), s->sid);
			todo(p, s);
		}
	}
}

static STACK_PHASE void deliver(struct pair *p)
{
	struct list later, *node;
	bool room = push_reply(p);

	list_init(&later);
	note_events(p);
	while (room && (node = list_pop(&p->stk.todo)) != NULL) {
		struct stk_sock *s = container_of(node, struct stk_sock, todo);

		room = push(p, s);
		if (!room)
			list_prepend(&p->stk.todo, &s->todo);
		else if (s->kind == SOCK_LISTENER && acceptable(p, s))
			list_append(
				&later,
				&s->todo); /* ids were used up; no event will tell of new ones */
	}
	while ((node = list_pop(&later)) != NULL)
		list_append(&p->stk.todo, node);
	spsc_flush(&p->events);
}

/* ---- jobs ---- */
static void job_send(struct pair *p, struct stk_sock *s, const struct pair_msg *m)
{
	ssize_t n = 0;

	if (s->flags & (STK_GONE | STK_CLOSE))
		return;
	s->flags = (uint8_t)((s->flags & ~STK_MORE) | (m->arg ? STK_MORE : 0));
	if (s->tx.len == 0)
		n = give(p, s, m->data, m->len);
	if (n < 0 && n != -EAGAIN) {
		s->tx_freed += m->len;
		tx_failed(p, s, (int)-n);
		todo(p, s);
		return;
	}
	n = n < 0 ? 0 : n;
	s->tx_freed += (uint32_t)n;
	if ((uint32_t)n < m->len)
		bq_append(&s->tx, &p->stk.chunks, m->data + n, m->len - (uint32_t)n);
	if (s->tx_freed >= p->tx_credit / 2 || s->tx.len > 0)
		todo(p, s);
}

static void job_close(struct pair *p, struct stk_sock *s, const struct pair_msg *m)
{
	if (s->kind == SOCK_LISTENER) {
		stack_listen_close(sc_of(p), s->sid, p->loop.now);
		s->flags |= STK_GONE;
	} else if (m->type == JOB_ABORT) {
		stack_abort(sc_of(p), s->sid, p->loop.now);
		s->flags |= STK_GONE;
	} else if (m->arg != s->rx_total || stack_readable(sc_of(p), s->sid)) {
		/* there was data that the application did not read */
		stack_close_unread(sc_of(p), s->sid, p->loop.now);
		s->flags |= STK_GONE;
	} else {
		s->flags |= STK_CLOSE;
		drain_tx(p, s); /* the FIN leaves in the coming turn */
		if (!(s->flags & STK_GONE))
			stack_orphan(sc_of(p), s->sid, p->loop.now);
	}
	todo(p, s);
}

static void job_shutdown(struct pair *p, struct stk_sock *s, uint32_t how)
{
	if (how == SHUT_RD || how == SHUT_RDWR)
		(void)stack_shutdown(sc_of(p), s->sid, SHUT_RD, p->loop.now);
	if (how == SHUT_WR || how == SHUT_RDWR)
		s->flags |= STK_SHUT_WR;
	drain_tx(p, s);
	todo(p, s);
}

static void set_listen_opts(struct pair *p, struct stk_sock *s, const struct pair_call *c)
{
	rt_listen_opts(sc_of(p), s->sid, &c->opts);
	if (!s->opts)
		s->opts = malloc(sizeof(*s->opts));
	if (s->opts)
		*s->opts = c->opts;
}

static int64_t call_open(struct pair *p, uint32_t id, const struct pair_call *c,
			 struct pair_names *names)
{
	struct stk_sock *s = stk_at(p, id);
	bool listener = c->op == CALL_LISTEN;
	int64_t sid =
		listener ? stack_listen(sc_of(p), &c->names.local, c->value, p->loop.now)
			 : stack_connect(sc_of(p), &c->names.local, &c->names.remote, p->loop.now);

	if (sid < 0)
		return sid;
	sock_init(s, listener ? SOCK_LISTENER : SOCK_CONN, id, (uint32_t)sid);
	if (listener) {
		s->rx_credit = c->value;
		stack_listen_set_cookie(sc_of(p), s->sid, id + 1);
		if (c->has_opts)
			set_listen_opts(p, s, c);
		return 0;
	}
	s->rx_credit = p->rx_credit;
	s->flags = STK_CONNECTING;
	stack_set_cookie(sc_of(p), s->sid, id + 1);
	if (c->has_opts)
		rt_apply_opts(sc_of(p), s->sid, &c->opts, p->loop.now);
	stack_names(sc_of(p), s->sid, &names->local, &names->remote);
	return 0;
}

static void job_call(struct pair *p, struct stk_sock *s, const struct pair_msg *m)
{
	struct pair_reply *r = &p->stk.reply;
	struct pair_call c;

	memcpy(&c, m->data, sizeof(c));
	memset(r, 0, sizeof(*r));
	switch (c.op) {
	case CALL_LISTEN:
	case CALL_CONNECT:
		r->result = call_open(p, m->id, &c, &r->names);
		break;
	case CALL_LISTEN_OPTS:
		set_listen_opts(p, s, &c);
		break;
	case CALL_SET:
		r->result = stack_set_option(sc_of(p), s->sid, c.opt, c.value, p->loop.now);
		break;
	case CALL_GET:
		r->result = stack_get_option(sc_of(p), s->sid, c.opt);
		break;
	case CALL_SET_CC:
		r->result = stack_set_cc(sc_of(p), s->sid, cc_name(c.cc), p->loop.now);
		break;
	case CALL_GET_CC:
		r->cc = cc_by_name(stack_get_cc(sc_of(p), s->sid));
		break;
	case CALL_SOURCES:
		r->result = stack_set_sources(sc_of(p), &c.names.local.addr, c.value);
		break;
	case CALL_LOOK:
		c.look(sc_of(p), c.value ? s->sid : RT_ID_NONE, c.look_arg);
		break;
	}
	p->stk.reply_due = true;
}

static void job(struct pair *p, const struct pair_msg *m)
{
	struct stk_sock *s = stk_at(p, m->id);

	switch ((enum pair_type)m->type) {
	case JOB_SEND:
		job_send(p, s, m);
		break;
	case JOB_CREDIT:
	case JOB_ACCEPTED:
		s->rx_credit += m->arg;
		todo(p, s);
		break;
	case JOB_BACKLOG:
		s->rx_credit += m->arg - stack_listen_backlog(sc_of(p), s->sid, m->arg);
		todo(p, s);
		break;
	case JOB_SHUTDOWN:
		job_shutdown(p, s, m->arg);
		break;
	case JOB_CLOSE:
	case JOB_ABORT:
		job_close(p, s, m);
		break;
	case JOB_CALL:
		job_call(p, s, m);
		break;
	default:
		check(false);
	}
}

/* True if there were any. */
static STACK_PHASE bool do_jobs(struct pair *p)
{
	struct pair_msg *m;
	uint32_t len;
	bool any = false;

	while ((m = spsc_peek(&p->jobs, &len)) != NULL) {
		any = true;
		job(p, m);
		spsc_pop(&p->jobs);
	}
	if (any) {
		spsc_release(&p->jobs);
		p->loop.dirty = true;
	}
	return any;
}

bool stk_turn(struct pair *p)
{
	uint64_t t = rt_ticks();
	bool busy;

	p->loop.now = rt_clock_at(&p->loop.clock, t); /* the last turn may be long ago */
	busy = do_jobs(p);
	p->loop.cycles.tcp += rt_ticks() - t;
	busy |= loop_turn(&p->loop);
	t = rt_ticks();
	deliver(p);
	if (busy)
		p->loop.cycles.tcp += rt_ticks() - t;
	return busy;
}

bool stk_take(struct pair *p)
{
	return !atomic_exchange_explicit(&p->taken, 1, memory_order_acquire);
}

bool stk_loan(struct pair *p, enum pair_baton to, mt_time until)
{
	bool done;

	if (!stk_take(p))
		return false;
	do {
		bool busy = stk_turn(p);

		p->stk.loans++;
		done = to == PAIR_TURN || p->stk.news || p->loop.now >= until;
		if (!busy && !done && !loop_spin(&p->loop))
			break; /* how to sleep, the stack's thread knows */
	} while (!done);
	if (done)
		p->stk.news = false; /* the application looks */
	atomic_store_explicit(&p->taken, 0, memory_order_release);
	return done;
}
