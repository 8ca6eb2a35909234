// SPDX-License-Identifier: BSD-3-Clause
/* The application's half of a pair: taking events in, posting jobs, handing the CPU over. */
#include "runtime/pair.h"

#include <errno.h>
#include <string.h>

#include "runtime/clock.h"

#define HAND_OVER_SLICE MT_SEC

void app_sock_init(struct pair *p, struct app_sock *s, enum sock_kind kind)
{
	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	s->credit = p->tx_credit;
	bq_init(&s->rx);
	if (kind == SOCK_LISTENER)
		list_init(&s->accepted);
}

void app_edge(struct pair *p, struct app_sock *s, uint32_t edge)
{
	s->edge |= edge;
	if (s->cookie && !list_linked(&s->event))
		list_append(&p->app.events, &s->event);
}

/* As Linux's tcp_poll; of a dead one, what is still on its way to the reader comes first. */
uint32_t app_ready(const struct app_sock *s)
{
	bool rd_over = s->flags & (APP_EOF | APP_SHUT_RD), dead = s->flags & APP_DEAD;
	bool wr_over = s->flags & (APP_DEAD | APP_SHUT_WR);
	uint32_t r = 0;

	if (s->kind == SOCK_LISTENER)
		return list_empty(&s->accepted) ? 0 : STACK_IN;
	if (s->flags & APP_CONNECTING)
		return 0;
	if (s->rx.len > 0 || rd_over)
		r |= STACK_IN;
	if (rd_over || dead)
		r |= STACK_RDHUP;
	if (s->credit > 0 || wr_over)
		r |= STACK_OUT;
	if ((rd_over && wr_over) || dead)
		r |= STACK_HUP;
	if (s->error)
		r |= STACK_ERR;
	return r;
}

/* ---- events ---- */
static void got_accept(struct pair *p, const struct pair_msg *m)
{
	struct app_sock *l = app_at(p, m->arg), *s = app_at(p, m->id);

	app_sock_init(p, s, SOCK_CONN);
	memcpy(&s->names, m->data, sizeof(s->names));
	s->lid = m->arg;
	if (l->kind != SOCK_LISTENER) { /* closed in the meantime */
		s->kind = SOCK_CLOSING;
		app_post(p, app_job(p, JOB_ABORT, m->id, 0));
		return;
	}
	list_append(&l->accepted, &s->accepted);
	app_edge(p, l, STACK_IN);
}

static void got_error(struct pair *p, struct app_sock *s, uint32_t error)
{
	s->error = (uint16_t)error;
	if (s->flags & APP_CONNECTING) /* there is no stream that would end */
		s->flags |= APP_EOF;
	s->flags = (uint8_t)((s->flags | APP_DEAD) & ~APP_CONNECTING);
	app_edge(p, s, STACK_IN | STACK_OUT | STACK_ERR | STACK_HUP | STACK_RDHUP);
}

static void got_closed(struct pair *p, struct app_sock *s, uint32_t id)
{
	s->kind = SOCK_FREE;
	if (id < p->n_socks)
		pool_put(&p->app.half[0], id);
}

/* True if the application may want to know. */
static bool got(struct pair *p, const struct pair_msg *m)
{
	struct app_sock *s = app_at(p, m->id);

	if (m->type == EV_REPLY) {
		memcpy(&p->app.reply, m->data, sizeof(p->app.reply));
		p->app.replied = true;
		return true;
	}
	if (m->type == EV_CLOSED) {
		got_closed(p, s, m->id);
		return false;
	}
	if (m->type == EV_ACCEPT) {
		got_accept(p, m);
		return true;
	}
	if (m->type == EV_VOID || s->kind != SOCK_CONN)
		return false;
	switch ((enum pair_type)m->type) {
	case EV_CONNECTED:
		s->flags &= (uint8_t)~APP_CONNECTING;
		app_edge(p, s, STACK_OUT);
		break;
	case EV_DATA:
		bq_append(&s->rx, &p->app.chunks, m->data, m->len);
		app_edge(p, s, STACK_IN);
		break;
	case EV_EOF:
		s->flags |= APP_EOF;
		app_edge(p, s, STACK_IN | STACK_RDHUP | (app_ready(s) & STACK_HUP));
		break;
	case EV_ERROR:
		got_error(p, s, m->arg);
		break;
	case EV_CREDIT:
		s->credit += m->arg;
		app_edge(p, s, STACK_OUT);
		break;
	default:
		check(false);
	}
	return true;
}

bool app_drain(struct pair *p)
{
	const struct pair_msg *m;
	bool any = false, interest = false;
	uint32_t len;

	while ((m = spsc_peek(&p->events, &len)) != NULL) {
		any = true;
		interest |= got(p, m);
		spsc_pop(&p->events);
	}
	if (any)
		spsc_release(&p->events);
	return interest;
}

/* ---- jobs ---- */
struct pair_msg *app_job(struct pair *p, enum pair_type type, uint32_t id, uint32_t len)
{
	struct pair_msg *m;

	/* The stack never waits for room in the other ring before it takes jobs, so this ends. */
	while ((m = spsc_reserve(&p->jobs, (uint32_t)sizeof(*m) + len)) == NULL)
		(void)app_hand_over(p, PAIR_TURN, MT_NEVER);
	*m = (struct pair_msg){.type = type, .id = id, .len = len};
	return m;
}

void app_post(struct pair *p, const struct pair_msg *m)
{
	spsc_commit(&p->jobs, (uint32_t)sizeof(*m) + m->len);
	p->app.posted = true;
}

int app_hand_over(struct pair *p, enum pair_baton to, mt_time until)
{
	mt_time slice = HAND_OVER_SLICE;
	int r = 0;

	spsc_flush(&p->jobs);
	p->app.posted = false;
	p->app.polls = 0;
	if (stk_loan(p, to, until))
		return 0;
	account_at(p->loop.account, PART_CHANGE);
	atomic_store_explicit(&p->baton, to, memory_order_release);
	pair_wake(p);
	while (atomic_load_explicit(&p->baton, memory_order_acquire) != PAIR_APP) {
		if (until != MT_NEVER) {
			mt_time now = rt_now();

			if (now >= until || (r < 0 && to == PAIR_STACK))
				break;
			slice = mt_min(until - now, HAND_OVER_SLICE);
		} else if (r < 0 && to == PAIR_STACK) {
			break;
		}
		r = pair_wait(p, to, slice);
	}
	atomic_store_explicit(&p->baton, PAIR_APP, memory_order_release);
	account_at(p->loop.account, PART_TCPIP);
	return to == PAIR_STACK ? r : 0;
}

int64_t app_call(struct pair *p, uint32_t id, const struct pair_call *call)
{
	struct pair_msg *m = app_job(p, JOB_CALL, id, sizeof(*call));

	memcpy(m->data, call, sizeof(*call));
	app_post(p, m);
	p->app.replied = false;
	while (!p->app.replied) {
		(void)app_hand_over(p, PAIR_TURN, MT_NEVER);
		app_drain(p);
	}
	return p->app.reply.result;
}
