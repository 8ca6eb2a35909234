// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "stack/trace_put.h"

#define HALF_OPEN_MIN MT_SEC

static uint32_t *head_of(const struct stack_core *sc, uint16_t port)
{
	return &sc->listen_heads[port & sc->listen_mask];
}

static uint32_t find_exact(const struct stack_core *sc, const struct ip_addr *a, uint16_t port)
{
	uint32_t id = *head_of(sc, port);

	while (id != POOL_NONE) {
		const struct listener *l = core_listener(sc, id);

		if (l->local.port == port &&
		    (ip_eq(&l->local.addr, a) || (ip_is_any(&l->local.addr) && ip_is_any(a))))
			return id;
		id = l->next;
	}
	return POOL_NONE;
}

/* The listener of an address goes before the one of all addresses. */
static uint32_t find(const struct stack_core *sc, const struct ip_addr *a, uint16_t port)
{
	static const struct ip_addr any;
	uint32_t id = find_exact(sc, a, port);

	return id == POOL_NONE ? find_exact(sc, &any, port) : id;
}

static uint16_t free_port(struct stack_core *sc, const struct ip_addr *a)
{
	uint32_t n = (uint32_t)sc->cfg.port_max - sc->cfg.port_min + 1;
	uint32_t at = rng_below(&sc->rng, n);

	for (uint32_t i = 0; i < n; i++, at = at + 1 < n ? at + 1 : 0) {
		uint16_t port = (uint16_t)(sc->cfg.port_min + at);

		if (find(sc, a, port) == POOL_NONE)
			return port;
	}
	return 0;
}

int64_t stack_listen(struct stack_core *sc, const struct ip_endpoint *local, uint32_t backlog,
		     mt_time now)
{
	uint16_t port = local->port;
	struct listener *l;
	uint32_t id;

	(void)now;
	if (!ip_is_any(&local->addr) && addr_find(&sc->addrs, &local->addr) == ADDR_NONE)
		return -EADDRNOTAVAIL;
	if (!port)
		port = free_port(sc, &local->addr);
	if (!port || find_exact(sc, &local->addr, port) != POOL_NONE)
		return -EADDRINUSE;
	id = pool_get(&sc->listeners);
	if (id == POOL_NONE)
		return -ENOBUFS;
	l = core_listener(sc, id);
	*l = (struct listener){
		.local = {.addr = local->addr, .port = port},
		.next = *head_of(sc, port),
		.backlog = backlog ? backlog : 1,
	};
	list_init(&l->half_open);
	list_init(&l->queue);
	*head_of(sc, port) = id;
	return id;
}

void listen_forget(struct stack_core *sc, struct conn *c)
{
	struct listener *l = core_listener(sc, c->listener);

	list_remove(&c->queue_node);
	if (c->flags & CONN_HALF_OPEN) {
		l->n_half_open--;
		sc->n_half_open--;
	} else {
		l->n_queued--;
	}
	c->flags &= (uint16_t) ~(CONN_HALF_OPEN | CONN_QUEUED);
}

static void reset_all(struct stack_core *sc, struct list *conns, mt_time now)
{
	while (!list_empty(conns)) {
		struct conn *c = container_of(conns->next, struct conn, queue_node);

		listen_forget(sc, c);
		conn_orphan(sc, c);
		conn_reset(sc, c, now);
	}
}

void stack_listen_close(struct stack_core *sc, uint32_t lid, mt_time now)
{
	struct listener *l = core_listener(sc, lid);
	uint32_t *link = head_of(sc, l->local.port);

	while (*link != lid)
		link = &core_listener(sc, *link)->next;
	*link = l->next;
	reset_all(sc, &l->half_open, now);
	reset_all(sc, &l->queue, now);
	if (list_linked(&l->event_node))
		list_remove(&l->event_node);
	pool_put(&sc->listeners, lid);
}

/* Makes room by giving up the oldest half-open connection, if it had time enough to be answered: of
 * a flood of forged SYNs only the last second's stands in anybody's way, and a client's handshake
 * is never cut short. */
static bool displace(struct stack_core *sc, const struct listener *l, mt_time now)
{
	struct conn *c;

	if (list_empty(&l->half_open))
		return false;
	c = container_of(l->half_open.next, struct conn, queue_node);
	if (now - c->opened_at < HALF_OPEN_MIN)
		return false;
	conn_drop(sc, c, now);
	return true;
}

/* What a SYN does: opens a connection in SYN-RECEIVED, if the listener has room for it. Both queues
 * together are bounded by the backlog, so a handshake that completes always finds a place. */
static void take_syn(struct stack_core *sc, uint32_t lid, const struct rx_seg *r, mt_time now)
{
	struct listener *l = core_listener(sc, lid);
	struct tcp_open open;
	struct conn *c;

	if (l->n_half_open + l->n_queued >= l->backlog) {
		sc->stats.accept_overflow++;
		if (!displace(sc, l, now))
			return;
	} else if (sc->conns.n_used == sc->conns.capacity) {
		displace(sc, l, now); /* a backlog larger than the pool must not shield a flood */
	}
	c = conn_new(sc, &r->flow, r->hash);
	if (!c)
		return;
	conn_choose(sc, &r->flow, now, &open);
	tcp_open_passive(&c->tcb, &sc->cfg.tcp, &open, &r->seg, now);
	trace_in(sc, c, &r->seg, TCP_DROP_NONE, now);
	c->flags |= CONN_HALF_OPEN;
	c->listener = lid;
	c->opened_at = now;
	list_append(&l->half_open, &c->queue_node);
	l->n_half_open++;
	sc->n_half_open++;
	conn_settle(sc, c, now, 0);
}

void listen_input(struct stack_core *sc, const struct rx_seg *r, mt_time now)
{
	enum tcp_listen_verdict verdict = TCP_LISTEN_RESET;
	struct tcp_seg rst;
	uint32_t lid;

	if (addr_find(&sc->addrs, &r->flow.remote) != ADDR_NONE) { /* from ourselves, it claims */
		sc->stats.drop_address++;
		return;
	}
	lid = find(sc, &r->flow.local, r->flow.lport);
	if (lid == POOL_NONE) {
		sc->stats.drop_no_listener++;
	} else {
		sc->stats.rx_segs++;
		verdict = tcp_listen_input(&r->seg);
	}
	if (verdict == TCP_LISTEN_OPEN)
		take_syn(sc, lid, r, now);
	else if (verdict == TCP_LISTEN_RESET && tcp_reset_reply(&r->seg, &rst))
		ip_out_reply(sc, r, &rst);
}

void listen_established(struct stack_core *sc, struct conn *c)
{
	struct listener *l = core_listener(sc, c->listener);

	listen_forget(sc, c);
	c->cookie = 0;
	c->flags |= CONN_QUEUED;
	list_append(&l->queue, &c->queue_node);
	l->n_queued++;
	sc->stats.accepts++;
	if (!list_linked(&l->event_node))
		list_append(&sc->listen_events, &l->event_node);
}

int64_t stack_accept(struct stack_core *sc, uint32_t lid)
{
	struct listener *l = core_listener(sc, lid);
	uint32_t ready;
	struct conn *c;

	if (list_empty(&l->queue))
		return -EAGAIN;
	c = container_of(l->queue.next, struct conn, queue_node);
	listen_forget(sc, c);
	c->flags |= CONN_OWNED;
	trace_call(sc, c, TRACE_CALL_ACCEPT, 0, sc->turn_at);
	/* What came before the application knew the connection is news to it. */
	ready = conn_ready(c);
	if (ready & ~(uint32_t)STACK_OUT)
		conn_raise(sc, c, ready);
	return c->id;
}
