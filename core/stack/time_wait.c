// SPDX-License-Identifier: BSD-3-Clause
/* TIME-WAIT without a connection block. All records wait equally long, so the order of entry is
 * that of expiry and no timer is needed. */
#include "stack/core.h"

#define TICK_SHIFT 20 /* about a millisecond; 2^31 of them are 26 days */

static uint32_t tick_of(mt_time at)
{
	return (uint32_t)(at >> TICK_SHIFT);
}

struct flow time_wait_flow(const struct stack_core *sc, uint32_t id)
{
	const struct time_wait *w = time_wait_at(sc, id);

	return (struct flow){
		.local = sc->addrs.addr[w->local].addr,
		.remote = w->remote,
		.lport = w->lport,
		.rport = w->rport,
	};
}

bool time_wait_is(const struct stack_core *sc, uint32_t id, const struct flow *f)
{
	const struct time_wait *w = time_wait_at(sc, id);

	return w->rport == f->rport && w->lport == f->lport && ip_eq(&w->remote, &f->remote) &&
	       ip_eq(&sc->addrs.addr[w->local].addr, &f->local);
}

static void unlink_record(struct stack_core *sc, const struct time_wait *w)
{
	if (w->older == POOL_NONE)
		sc->tw_oldest = w->newer;
	else
		time_wait_at(sc, w->older)->newer = w->newer;
	if (w->newer == POOL_NONE)
		sc->tw_newest = w->older;
	else
		time_wait_at(sc, w->newer)->older = w->older;
}

static void link_newest(struct stack_core *sc, uint32_t id, mt_time now)
{
	struct time_wait *w = time_wait_at(sc, id);

	w->older = sc->tw_newest;
	w->newer = POOL_NONE;
	w->expires = tick_of(now + sc->cfg.time_wait_ms * MT_MS) + 1;
	if (sc->tw_newest == POOL_NONE)
		sc->tw_oldest = id;
	else
		time_wait_at(sc, sc->tw_newest)->newer = id;
	sc->tw_newest = id;
}

void time_wait_remove(struct stack_core *sc, uint32_t id, uint64_t hash)
{
	unlink_record(sc, time_wait_at(sc, id));
	flow_remove(&sc->flows, hash, id | FLOW_TW);
	pool_put(&sc->time_waits, id);
}

static void remove_oldest(struct stack_core *sc)
{
	struct flow f = time_wait_flow(sc, sc->tw_oldest);

	time_wait_remove(sc, sc->tw_oldest, flow_hash(&sc->flows, &f));
}

void time_wait_enter(struct stack_core *sc, struct conn *c, uint64_t hash, mt_time now)
{
	struct time_wait *w;
	uint32_t id;

	if (!sc->cfg.time_wait_ms || !sc->cfg.n_time_wait) {
		flow_remove(&sc->flows, hash, c->id);
		return;
	}
	if (sc->time_waits.n_used == sc->time_waits.capacity) {
		remove_oldest(sc);
		sc->stats.time_wait_overflow++;
	}
	id = pool_get(&sc->time_waits);
	w = time_wait_at(sc, id);
	w->remote = c->remote;
	w->lport = c->lport;
	w->rport = c->rport;
	w->local = c->local;
	w->answered = (uint8_t)(answer_tick(now) - 2);
	tcp_tw_init(&w->tw, &c->tcb, now);
	link_newest(sc, id, now);
	flow_replace(&sc->flows, hash, c->id, id | FLOW_TW);
	sc->stats.time_wait++;
}

/* Whoever knows the ports can make us answer. */
static void challenge(struct stack_core *sc, struct time_wait *w, const struct rx_seg *r,
		      const struct tcp_seg *reply, mt_time now)
{
	sc->stats.drop_seq++;
	if (!may_answer(&w->answered, now))
		return;
	sc->stats.challenge_acks++;
	ip_out_reply(sc, r, reply);
}

bool time_wait_input(struct stack_core *sc, uint32_t id, const struct rx_seg *r, mt_time now)
{
	struct time_wait *w = time_wait_at(sc, id);
	struct tcp_seg reply;

	switch (tcp_tw_input(&w->tw, &r->seg, now, &reply)) {
	case TCP_TW_REUSE:
		if (listen_exists(sc, &r->flow))
			return true;
		challenge(sc, w, r, &reply, now); /* as to any other SYN (RFC 5961 4) */
		break;
	case TCP_TW_CHALLENGE:
		challenge(sc, w, r, &reply, now);
		break;
	case TCP_TW_ACK:
		unlink_record(sc, w);
		link_newest(sc, id, now);
		ip_out_reply(sc, r, &reply);
		break;
	case TCP_TW_DROP:
		sc->stats.drop_state++;
		break;
	}
	sc->stats.rx_segs++;
	return false;
}

/* Ticks until the oldest record goes; <= 0: now. */
static int32_t ticks_left(const struct stack_core *sc, mt_time now)
{
	return (int32_t)(time_wait_at(sc, sc->tw_oldest)->expires - tick_of(now));
}

void time_wait_expire(struct stack_core *sc, mt_time now, unsigned budget)
{
	while (budget-- && sc->tw_oldest != POOL_NONE && ticks_left(sc, now) <= 0)
		remove_oldest(sc);
}

mt_time time_wait_next(const struct stack_core *sc, mt_time now)
{
	int32_t left;

	if (sc->tw_oldest == POOL_NONE)
		return MT_NEVER;
	left = ticks_left(sc, now);
	return left <= 0 ? now : ((now >> TICK_SHIFT) + (uint32_t)left) << TICK_SHIFT;
}
