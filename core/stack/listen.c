// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "stack/place.h"
#include "stack/trace_put.h"

static uint32_t *head_of(const struct stack_core *sc, uint16_t port)
{
	return &sc->listen_heads[port & sc->listen_mask];
}

static uint32_t find_exact(const struct stack_core *sc, const struct ip_addr *a, uint16_t port)
{
	uint32_t id = *head_of(sc, port);

	while (id != POOL_NONE) {
		const struct listener *l = core_listener(sc, id);

		if (l->local.port == port && ip_eq(&l->local.addr, a))
			return id;
		id = l->next;
	}
	return POOL_NONE;
}

/* The listener of an address goes before the one of all addresses of its family, and that before
 * the one of both families. */
static uint32_t find(const struct stack_core *sc, const struct ip_addr *a, uint16_t port)
{
	static const struct ip_addr any6;
	bool v4 = ip_is_v4(a);
	uint32_t id = find_exact(sc, a, port);

	if (id == POOL_NONE && v4) {
		struct ip_addr any4 = ip_from_v4(0);

		id = find_exact(sc, &any4, port);
	}
	if (id != POOL_NONE)
		return id;
	id = find_exact(sc, &any6, port);
	return id != POOL_NONE && v4 && core_listener(sc, id)->local.v6only ? POOL_NONE : id;
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
		.local = {.addr = local->addr, .port = port, .v6only = local->v6only},
		.next = *head_of(sc, port),
		.backlog = backlog ? backlog : 1,
		.mss = UINT16_MAX,
	};
	rlist_init(&l->queue);
	*head_of(sc, port) = id;
	return id;
}

uint32_t stack_listen_backlog(struct stack_core *sc, uint32_t lid, uint32_t backlog)
{
	struct listener *l = core_listener(sc, lid);
	uint32_t before = l->backlog;

	l->backlog = backlog ? backlog : 1;
	return before;
}

static void unqueue(struct stack_core *sc, struct conn *c)
{
	rlist_remove(&c->queue_node);
	core_listener(sc, c->listener)->n_queued--;
	c->edge = 0;
	c->flags &= (uint16_t)~CONN_QUEUED;
}

void stack_listen_close(struct stack_core *sc, uint32_t lid, mt_time now)
{
	struct listener *l = core_listener(sc, lid);
	uint32_t *link = head_of(sc, l->local.port);

	while (*link != lid)
		link = &core_listener(sc, *link)->next;
	*link = l->next;
	syn_queue_forget(sc, lid);
	while (!rlist_empty(&l->queue)) {
		struct conn *c = container_of(rlist_next(&l->queue), struct conn, queue_node);

		unqueue(sc, c);
		conn_orphan(sc, c);
		conn_reset(sc, c, now);
	}
	if (rlist_linked(&l->event_node))
		rlist_remove(&l->event_node);
	pool_put(&sc->listeners, lid);
}

static void enqueue(struct stack_core *sc, uint32_t lid, struct conn *c)
{
	struct listener *l = core_listener(sc, lid);

	c->flags |= CONN_OPENED | CONN_QUEUED;
	c->listener = (uint16_t)lid;
	rlist_append(&l->queue, &c->queue_node);
	l->n_queued++;
	sc->stats.accepts++;
	if (!rlist_linked(&l->event_node))
		rlist_append(&sc->listen_events, &l->event_node);
}

struct tcp_host listen_host(const struct stack_core *sc, uint32_t lid, const struct ip_addr *remote)
{
	const struct listener *l = core_listener(sc, lid);
	uint16_t mss = ip_out_mss(sc, remote);

	return (struct tcp_host){
		.cfg = &sc->cfg.tcp,
		.rcvbuf = l->rcvbuf,
		.mss = mss < l->mss ? mss : l->mss,
	};
}

bool listen_open(struct stack_core *sc, uint32_t lid, struct rx_seg *r, const struct tcp_half *half,
		 mt_time now)
{
	struct tcp_host host = listen_host(sc, lid, &r->flow.remote);
	struct listener *l = core_listener(sc, lid);
	struct conn *c;

	if (l->n_queued >= l->backlog) {
		sc->stats.accept_overflow++;
		return false;
	}
	c = r->id == FLOW_NONE ? conn_new(sc, &r->flow, r->local, r->hash) : conn_new_for(sc, r);
	if (!c)
		return false;
	tcp_open_half(&c->tcb, &host, half, &r->seg, now);
	conn_know_path(sc, c, now);
	enqueue(sc, lid, c);
	if (seg_len(&r->seg)) {
		conn_input(sc, c, &r->seg, now);
	} else {
		trace_in(sc, c, &r->seg, TCP_DROP_NONE, now);
		conn_settle(sc, c, now, 0);
	}
	return true;
}

/* ---- cookies ---- */

static struct tcp_cookie_flow cookie_flow(const struct stack_core *sc, uint32_t lid,
					  const struct rx_seg *r, mt_time now)
{
	struct tcp_open o;

	conn_choose(sc, &r->flow, now, &o);
	return (struct tcp_cookie_flow){
		.host = listen_host(sc, lid, &r->flow.remote),
		.flow = &r->flow,
		.now = now,
		.ts_offset = o.ts_offset,
	};
}

static void send_cookie(struct stack_core *sc, uint32_t lid, const struct rx_seg *r,
			struct tcp_half *half, mt_time now)
{
	struct tcp_cookie_flow f = cookie_flow(sc, lid, r, now);
	struct tcp_seg syn_ack;

	tcp_cookie_make(&sc->cookies, &sc->rng, &f, half, &syn_ack);
	sc->stats.syn_cookies_sent++;
	ip_out_reply(sc, r, &syn_ack);
}

/* True: the ACK answers a cookie. It opens a connection, or is dropped for want of room: what the
 * peer sends next answers the cookie again. */
static bool take_cookie(struct stack_core *sc, uint32_t lid, struct rx_seg *r, mt_time now)
{
	struct tcp_cookie_flow f;
	struct tcp_half half;

	if ((r->seg.flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) != TCPF_ACK ||
	    !tcp_cookie_expected(&sc->cookies, now))
		return false;
	f = cookie_flow(sc, lid, r, now);
	if (!tcp_cookie_check(&sc->cookies, &f, &r->seg, &half)) {
		sc->stats.syn_cookies_bad++;
		return false;
	}
	sc->stats.syn_cookies_ok += listen_open(sc, lid, r, &half, now);
	return true;
}

/* ---- what a SYN does ---- */

/* The SYN is answered only if there is room now for the connection that it asks for. */
static bool has_room(struct stack_core *sc, uint32_t lid)
{
	const struct listener *l = core_listener(sc, lid);

	if (l->n_queued >= l->backlog) {
		sc->stats.accept_overflow++;
		return false;
	}
	if (!conn_room(sc)) {
		sc->stats.no_conn++;
		return false;
	}
	return true;
}

/* The SYN has a fast-open cookie: its sender is no forgery, and its data need not wait. */
static bool open_by_syn(struct stack_core *sc, uint32_t lid, struct rx_seg *r,
			const struct tcp_open *o, mt_time now)
{
	struct conn *c = conn_new(sc, &r->flow, r->local, r->hash);

	if (!c)
		return false;
	c->flags |= CONN_FASTOPEN;
	sc->n_fastopen++;
	sc->stats.fastopen_taken++;
	enqueue(sc, lid, c);
	conn_open_fastopen(sc, c, &r->seg, o, now);
	return true;
}

/* Not where a connection in TIME-WAIT must be kept apart from the new one by sequence numbers: a
 * cookie is one that it does not choose. */
static bool wants_cookie(const struct stack_core *sc, const struct tcp_tw *tw,
			 const struct tcp_half *half)
{
	uint8_t cookies = sc->cfg.syn_cookies;

	if (tw && !(tw->ts_on && (half->flags & HALF_TS)))
		return false;
	return cookies == SYN_COOKIES_ALWAYS || (cookies != SYN_COOKIES_OFF && syn_queue_full(sc));
}

/* tw: of the connection that had these ports, or NULL. False: no room. */
static bool open_half(struct stack_core *sc, uint32_t lid, struct rx_seg *r,
		      const struct tcp_tw *tw, mt_time now)
{
	const struct listener *l = core_listener(sc, lid);
	uint32_t fastopen = l->fastopen;
	struct tcp_open open;
	struct tcp_half half;

	conn_choose(sc, &r->flow, now, &open);
	open.mss = open.mss < l->mss ? open.mss : l->mss;
	open.rcvbuf = l->rcvbuf;
	if (tw)
		open.iss = seq_max(open.iss, tcp_tw_min_iss(tw));
	if (sc->n_fastopen < fastopen && fastopen_valid(sc, &r->flow.remote, &r->seg, now))
		return open_by_syn(sc, lid, r, &open, now);
	tcp_half_open(&half, &sc->cfg.tcp, &open, &r->seg, now);
	if (fastopen && (r->seg.opts & TCPO_FASTOPEN))
		half.flags |= HALF_FASTOPEN;
	if (wants_cookie(sc, tw, &half)) {
		send_cookie(sc, lid, r, &half, now);
		return true;
	}
	if (syn_queue_add(sc, lid, r, &half, now))
		return true;
	sc->stats.syn_overflow++;
	return false;
}

static void take_syn(struct stack_core *sc, uint32_t lid, struct rx_seg *r, mt_time now)
{
	uint32_t old = r->id == FLOW_NONE ? POOL_NONE : r->id & ~FLOW_TW;
	const struct tcp_tw *tw = old == POOL_NONE ? NULL : &time_wait_at(sc, old)->tw;

	if (!has_room(sc, lid) || !open_half(sc, lid, r, tw, now) || !tw)
		return;
	time_wait_remove(sc, old, r->hash);
	sc->stats.time_wait_reused++;
}

bool listen_exists(const struct stack_core *sc, const struct flow *f)
{
	return find(sc, &f->local, f->lport) != POOL_NONE;
}

void listen_input(struct stack_core *sc, struct rx_seg *r, mt_time now)
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
		if (take_cookie(sc, lid, r, now))
			return;
		verdict = tcp_listen_input(&r->seg);
	}
	if (verdict == TCP_LISTEN_OPEN)
		take_syn(sc, lid, r, now);
	else if (verdict == TCP_LISTEN_RESET && tcp_reset_reply(&r->seg, &rst))
		ip_out_reply(sc, r, &rst);
}

int stack_listen_fastopen(struct stack_core *sc, uint32_t lid, uint32_t n)
{
	if (!(sc->cfg.fastopen & FASTOPEN_SERVER))
		return -EOPNOTSUPP;
	core_listener(sc, lid)->fastopen = n;
	return 0;
}

void stack_listen_rcvbuf(struct stack_core *sc, uint32_t lid, uint32_t bytes)
{
	uint32_t most = bufmem_most(&sc->bufs);

	core_listener(sc, lid)->rcvbuf = bytes < most ? bytes : most;
}

void stack_listen_mss(struct stack_core *sc, uint32_t lid, uint16_t mss)
{
	core_listener(sc, lid)->mss = mss;
}

int64_t stack_accept(struct stack_core *sc, uint32_t lid)
{
	struct listener *l = core_listener(sc, lid);
	uint32_t ready;
	struct conn *c;

	if (rlist_empty(&l->queue))
		return -EAGAIN;
	c = container_of(rlist_next(&l->queue), struct conn, queue_node);
	unqueue(sc, c);
	c->flags |= CONN_OWNED;
	trace_call(sc, c, TRACE_CALL_ACCEPT, 0, sc->turn_at);
	/* What came before the application knew the connection is news to it. */
	ready = conn_ready(sc, c);
	if (ready & ~(uint32_t)STACK_OUT)
		conn_raise(sc, c, ready);
	return c->id;
}
