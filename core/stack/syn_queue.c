// SPDX-License-Identifier: BSD-3-Clause
/* Half-open connections as small records. Their SYN/ACKs are sent again after 1, 2, 4 ... times the
 * initial timeout: a FIFO for each number of timeouts is in the order of expiry, and no timer is
 * needed. Another FIFO holds those whose SYN/ACK waits for a frame. */
#include "stack/core.h"

#define DUE	   SYN_LEVELS
#define NOT_IN_USE 7u		       /* timeouts of a record that none has */
#define RTO_MAX_US (16u * 1000 * 1000) /* 127 times this fits the clock */

_Static_assert(NOT_IN_USE >= SYN_LEVELS, "no record has so many timeouts");

static struct half_open *half_at(const struct stack_core *sc, uint32_t id)
{
	return pool_at(&sc->half_opens, id);
}

static uint32_t us_clock(mt_time now)
{
	return (uint32_t)(now / MT_US);
}

static struct flow flow_of(const struct stack_core *sc, const struct half_open *h)
{
	return (struct flow){
		.local = sc->addrs.addr[h->local].addr,
		.remote = h->remote,
		.lport = h->lport,
		.rport = h->rport,
	};
}

struct flow syn_queue_flow(const struct stack_core *sc, uint32_t id)
{
	return flow_of(sc, half_at(sc, id));
}

bool syn_queue_is(const struct stack_core *sc, uint32_t id, const struct flow *f)
{
	const struct half_open *h = half_at(sc, id);

	return h->n_timeouts != NOT_IN_USE && h->rport == f->rport && h->lport == f->lport &&
	       ip_eq(&h->remote, &f->remote) && ip_eq(&sc->addrs.addr[h->local].addr, &f->local);
}

void syn_queue_init(struct stack_core *sc)
{
	for (unsigned i = 0; i <= DUE; i++)
		sc->syn_fifos[i].oldest = sc->syn_fifos[i].newest = POOL_NONE;
}

static unsigned fifo_of(const struct half_open *h)
{
	return h->due ? DUE : h->n_timeouts;
}

static void enqueue(struct stack_core *sc, uint32_t id)
{
	struct half_open *h = half_at(sc, id);
	struct syn_fifo *f = &sc->syn_fifos[fifo_of(h)];

	h->older = f->newest;
	h->newer = POOL_NONE;
	if (f->newest == POOL_NONE)
		f->oldest = id;
	else
		half_at(sc, f->newest)->newer = id;
	f->newest = id;
	sc->n_listed += fifo_of(h) == DUE;
}

static void dequeue(struct stack_core *sc, uint32_t id)
{
	struct half_open *h = half_at(sc, id);
	struct syn_fifo *f = &sc->syn_fifos[fifo_of(h)];

	if (h->older == POOL_NONE)
		f->oldest = h->newer;
	else
		half_at(sc, h->older)->newer = h->newer;
	if (h->newer == POOL_NONE)
		f->newest = h->older;
	else
		half_at(sc, h->newer)->older = h->older;
	sc->n_listed -= fifo_of(h) == DUE;
}

static void free_record(struct stack_core *sc, uint32_t id)
{
	dequeue(sc, id);
	half_at(sc, id)->n_timeouts = NOT_IN_USE;
	pool_put(&sc->half_opens, id);
}

static void drop(struct stack_core *sc, uint32_t id)
{
	struct flow f = flow_of(sc, half_at(sc, id));

	flow_remove(&sc->flows, flow_hash(&sc->flows, &f), id | FLOW_SYN);
	free_record(sc, id);
}

/* Microseconds until the next timeout; <= 0: now. */
static int32_t us_left(const struct stack_core *sc, const struct half_open *h, mt_time now)
{
	uint32_t rto = sc->cfg.tcp.rto_init_ms * 1000;

	rto = rto < RTO_MAX_US ? rto : RTO_MAX_US;
	return (int32_t)(h->half.sent_us + rto * ((2u << h->n_timeouts) - 1) - us_clock(now));
}

/* Without cookies a flood must not keep clients out for longer than a second: then the oldest of
 * its forgeries gives way. */
static bool displace(struct stack_core *sc, mt_time now)
{
	for (unsigned i = DUE; i-- > 0;) {
		uint32_t id = sc->syn_fifos[i].oldest;

		if (id == POOL_NONE)
			continue;
		if (i == 0 && us_clock(now) - half_at(sc, id)->half.sent_us < MT_SEC / MT_US)
			return false;
		drop(sc, id);
		return true;
	}
	return false;
}

bool syn_queue_full(const struct stack_core *sc)
{
	return sc->half_opens.n_used == sc->half_opens.capacity;
}

bool syn_queue_add(struct stack_core *sc, uint32_t lid, const struct rx_seg *r,
		   const struct tcp_half *half, mt_time now)
{
	struct half_open *h;
	uint32_t id;

	if (syn_queue_full(sc) && !displace(sc, now))
		return false;
	id = pool_get(&sc->half_opens);
	if (!flow_insert(&sc->flows, r->hash, id | FLOW_SYN)) {
		pool_put(&sc->half_opens, id);
		return false;
	}
	h = half_at(sc, id);
	h->remote = r->flow.remote;
	h->lport = r->flow.lport;
	h->rport = r->flow.rport;
	h->local = r->local;
	h->listener = (uint16_t)lid;
	h->from = r->from;
	h->vlan = r->vlan & 0xfffu;
	h->n_timeouts = 0;
	h->answered = (uint8_t)(answer_tick(now) - 2);
	h->half = *half;
	h->due = true;
	enqueue(sc, id);
	return true;
}

/* *fc holds the cookie while s is in use. */
static void build(struct stack_core *sc, const struct half_open *h, struct fastopen_cookie *fc,
		  mt_time now, struct tcp_seg *s)
{
	struct tcp_host host = listen_host(sc, h->listener, &h->remote);

	tcp_half_syn_ack(&h->half, &host, now, s);
	if (h->half.flags & HALF_FASTOPEN)
		fastopen_grant(sc, &h->remote, fc, now, s);
}

/* An answer out of turn, if the last one is not too new. */
static void answer(struct stack_core *sc, struct half_open *h, const struct rx_seg *r,
		   const struct tcp_seg *reply, mt_time now)
{
	if (!may_answer(&h->answered, now))
		return;
	if (reply->flags & TCPF_SYN) {
		h->half.flags |= HALF_AGAIN;
		sc->stats.retransmits++;
	} else {
		sc->stats.challenge_acks++;
	}
	ip_out_reply(sc, r, reply);
}

void syn_queue_input(struct stack_core *sc, struct rx_seg *r, mt_time now)
{
	uint32_t id = r->id & ~FLOW_SYN;
	struct half_open *h = half_at(sc, id);
	enum tcp_drop why = TCP_DROP_NONE;
	struct tcp_host host = listen_host(sc, h->listener, &h->remote);
	struct fastopen_cookie fc;
	struct tcp_seg reply;

	sc->stats.rx_segs++;
	switch (tcp_half_input(&h->half, &host, &r->seg, &reply, &why)) {
	case TCP_HALF_OPEN:
		if (listen_open(sc, h->listener, r, &h->half, now))
			free_record(sc, id);
		return;
	case TCP_HALF_GONE:
		drop(sc, id);
		sc->stats.resets_received++;
		return;
	case TCP_HALF_AGAIN:
		if (!h->due) {
			build(sc, h, &fc, now, &reply);
			answer(sc, h, r, &reply, now);
		}
		break;
	case TCP_HALF_CHALLENGE:
		tcp_half_challenge(&h->half, &host, now, &reply);
		answer(sc, h, r, &reply, now);
		break;
	case TCP_HALF_REPLY:
		ip_out_reply(sc, r, &reply);
		break;
	case TCP_HALF_DROP:
		break;
	}
	core_count_drop(&sc->stats, why);
}

void syn_queue_send(struct stack_core *sc, unsigned until, mt_time now)
{
	while (sc->n_visits && sc->n_out < until && sc->syn_fifos[DUE].oldest != POOL_NONE) {
		uint32_t id = sc->syn_fifos[DUE].oldest;
		struct half_open *h = half_at(sc, id);
		struct flow f = flow_of(sc, h);
		uint8_t *frame = tx_frame(sc);
		struct fastopen_cookie fc;
		struct tcp_seg s;

		if (!frame)
			return;
		dequeue(sc, id);
		h->due = false;
		if (h->n_timeouts == 0)
			h->half.sent_us = us_clock(now);
		enqueue(sc, id);
		build(sc, h, &fc, now, &s);
		sc->vlan = h->vlan;
		tx_commit_tcp(sc, ip_out_tcp(sc, frame, &h->from, &f, &s));
		sc->stats.tx_segs++;
		sc->stats.retransmits += h->n_timeouts != 0;
		sc->n_visits--;
	}
}

static void fire(struct stack_core *sc, uint32_t id)
{
	struct half_open *h = half_at(sc, id);
	unsigned retries = sc->cfg.tcp.syn_retries;

	if (h->n_timeouts >= retries || h->n_timeouts + 1u >= SYN_LEVELS) {
		drop(sc, id);
		sc->stats.timeouts++;
		return;
	}
	dequeue(sc, id);
	h->n_timeouts++;
	h->half.flags |= HALF_AGAIN | HALF_LOST;
	h->due = true;
	enqueue(sc, id);
	sc->stats.rto_fired++;
}

void syn_queue_expire(struct stack_core *sc, mt_time now, unsigned budget)
{
	if (!sc->half_opens.n_used)
		return;
	for (unsigned i = 0; i < DUE; i++) {
		const struct syn_fifo *f = &sc->syn_fifos[i];

		while (budget && f->oldest != POOL_NONE &&
		       us_left(sc, half_at(sc, f->oldest), now) <= 0) {
			fire(sc, f->oldest);
			sc->busy = true;
			budget--;
		}
	}
}

mt_time syn_queue_next(const struct stack_core *sc, mt_time now)
{
	mt_time next = MT_NEVER;

	if (!sc->half_opens.n_used)
		return MT_NEVER;
	for (unsigned i = 0; i < DUE; i++) {
		uint32_t id = sc->syn_fifos[i].oldest;
		int32_t left = id == POOL_NONE ? INT32_MAX : us_left(sc, half_at(sc, id), now);

		if (id != POOL_NONE)
			next = mt_min(next, left <= 0 ? now : now + (uint32_t)left * MT_US);
	}
	return next;
}

void syn_queue_forget_gone(struct stack_core *sc)
{
	for (unsigned i = 0; i <= DUE; i++) {
		uint32_t id = sc->syn_fifos[i].oldest;

		while (id != POOL_NONE) {
			const struct half_open *h = half_at(sc, id);
			uint32_t newer = h->newer;

			if (sc->addrs.state[h->local] == ADDR_GONE)
				drop(sc, id);
			id = newer;
		}
	}
}

static void reset(struct stack_core *sc, const struct half_open *h)
{
	struct flow f = flow_of(sc, h);
	struct tcp_seg rst;

	tcp_half_reset(&h->half, &rst);
	sc->vlan = h->vlan;
	ip_out_to(sc, &h->from, &f, &rst);
	sc->vlan = sc->cfg.vlan;
}

void syn_queue_forget(struct stack_core *sc, uint32_t lid)
{
	for (unsigned i = 0; i <= DUE; i++) {
		uint32_t id = sc->syn_fifos[i].oldest;

		while (id != POOL_NONE) {
			const struct half_open *h = half_at(sc, id);
			uint32_t newer = h->newer;

			if (h->listener == lid) {
				reset(sc, h);
				drop(sc, id);
			}
			id = newer;
		}
	}
}
