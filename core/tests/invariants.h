/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must hold of a core between any two turns, whoever its peers and applications are:
 *   sequence numbers stand in order, and the buffers hold what they say;
 *   no silent stall: who has something to send stands on a transmit list, who waits for something
 *   has a deadline, and the wheel knows it;
 *   lists, counters and pools agree with each other.
 * stack_check looks at everything, O(all), and stops the program at the first thing that is wrong.
 */
#ifndef TESTS_INVARIANTS_H
#define TESTS_INVARIANTS_H

#include "base/check.h"
#include "stack/core.h"
#include "tcp/internal.h"

#define CHECK_TICK ((mt_time)1 << WHEEL_TICK_SHIFT)

static inline uint32_t check_list(const struct rlist *head, uint32_t bound)
{
	uint32_t n = 0;

	rlist_for_each(node, head)
	{
		check(rlist_next(rlist_hop(node, node->prev)) == node &&
		      rlist_hop(rlist_next(node), rlist_next(node)->prev) == node);
		check(n++ < bound);
	}
	return n;
}

static inline void check_ranges(const struct seq_range *r, uint8_t n, tcp_seq from, tcp_seq to)
{
	for (uint8_t i = 0; i < n; i++) {
		check(seq_gt(r[i].start, from) && seq_lt(r[i].start, r[i].end));
		check(seq_leq(r[i].end, to));
		from = r[i].end;
	}
}

static inline void check_sequence(const struct tcb *t)
{
	tcp_seq last = seq_add(t->snd_end, (t->flags & TF_FIN) != 0);
	const struct tcp_cold *cold;

	check(seq_leq(t->snd_una, t->snd_nxt) && seq_leq(t->snd_nxt, last));
	if (t->state == TCPS_SYN_SENT)
		return;
	check(seq_leq(t->last_ack, t->rcv_nxt) && seq_leq(t->rcv_nxt, seq_add(t->rcv_adv, 1)));
	check(t->snd_wnd <= t->max_snd_wnd && t->cc.mss >= 1 && t->cc.cwnd >= 1);
	cold = t->own ? t->own->cold : NULL;
	if (!cold)
		return;
	check_ranges(cold->ooo.r, cold->ooo.n, t->rcv_nxt, seq_add(t->rcv_adv, 1));
	check_ranges(cold->board.r, cold->board.n, t->snd_una, t->snd_nxt);
}

static inline void check_stall(const struct conn *c, mt_time now)
{
	const struct tcb *t = &c->tcb;
	mt_time deadline = tcp_deadline(t, now);
	bool timed = wheel_fires_by(&c->timer, deadline);
	bool waits = !seq_eq(t->snd_una, t->snd_end) || (t->flags & TF_FIN);

	if (t->state == TCPS_FIN_WAIT_2 && !(c->flags & CONN_ORPHAN))
		waits = false; /* for the peer's FIN, as long as the application likes */
	/* Who is on a list to send, an ACK among them, is looked at before a deadline that came
	 * meanwhile (stack/place.h), and behind a dead device too (stack/lose.h). */
	if (deadline != MT_NEVER && (c->tx == CONN_TX_NONE || c->tx == CONN_TX_NEIGH))
		check(timed);
	if (tcp_pending(t, now) != TCP_TX_NONE)
		check(c->tx != CONN_TX_NONE || wheel_fires_by(&c->timer, now + CHECK_TICK));
	if (waits || (c->flags & CONN_ORPHAN))
		check(c->tx != CONN_TX_NONE || deadline != MT_NEVER);
}

static inline size_t check_buf(const struct bufmem *m, const struct buf *b)
{
	const struct bufmem_unit *u;

	if (b->block == BUFMEM_NONE)
		return 0;
	u = buf_unit(m, b);
	check(u->len <= u->high && u->high <= buf_capacity(m, b));
	return buf_capacity(m, b);
}

static inline void check_conn(const struct stack_core *sc, const struct conn *c, mt_time now)
{
	const struct tcb *t = &c->tcb;

	check((c->tx != CONN_TX_NONE) == rlist_linked(&c->tx_node));
	check(!(c->flags & CONN_MORE) == !t->own || !(c->flags & CONN_LIVE));
	if (c->flags & CONN_DONE)
		check(!(c->flags & CONN_LIVE) || c->tx != CONN_TX_NONE);
	if (!conn_alive(c))
		return;
	check(t->state != TCPS_CLOSED && t->state != TCPS_TIME_WAIT);
	check_sequence(t);
	check_stall(c, now);
	check(buf_len(&sc->bufs, &c->snd) ==
	      (seq_gt(t->snd_una, t->snd_end) ? 0 : t->snd_end.v - snd_base(t).v));
	if (!(c->flags & (CONN_ORPHAN | CONN_SHUT_RD)))
		check(buf_len(&sc->bufs, &c->rcv) == t->rcv_unread);
}

struct check_sum {
	uint32_t used, own, cold, queued, listed, parked, events, armed;
	size_t buf_bytes;
};

static inline void check_conns(const struct stack_core *sc, struct check_sum *sum, mt_time now)
{
	for (uint32_t id = 0; id < sc->conns.n_touched; id++) {
		const struct conn *c = core_conn(sc, id);

		if (!c->flags) /* free */
			continue;
		check(c->id == id);
		sum->used++;
		sum->own += (c->flags & CONN_MORE) != 0;
		sum->cold += (c->flags & CONN_MORE) && c->tcb.own->cold;
		sum->queued += (c->flags & CONN_QUEUED) != 0;
		sum->listed += c->tx != CONN_TX_NONE && c->tx != CONN_TX_NEIGH;
		sum->parked += c->tx == CONN_TX_NEIGH;
		sum->events += rlist_linked(&c->event_node);
		sum->armed += wheel_armed(&c->timer);
		sum->buf_bytes += check_buf(&sc->bufs, &c->rcv) + check_buf(&sc->bufs, &c->snd);
		check_conn(sc, c, now);
	}
}

/* Half-open connections whose SYN/ACK waits for a frame. */
static inline uint32_t check_syns_due(const struct stack_core *sc)
{
	uint32_t n = 0, id = sc->syn_fifos[SYN_LEVELS].oldest;

	for (; id != POOL_NONE; n++) {
		check(n < sc->half_opens.n_used);
		id = ((const struct half_open *)pool_at(&sc->half_opens, id))->newer;
	}
	return n;
}

static inline void check_lists(const struct stack_core *sc, const struct check_sum *sum)
{
	uint32_t most = sc->conns.capacity, listed = check_list(&sc->tx_opens, most);

	for (unsigned i = CONN_TX_CONTROL; i <= CONN_TX_DATA; i++)
		listed += check_list(&sc->tx_lists[i], most);
	for (unsigned i = 0; i < 2; i++)
		listed += check_list(&sc->tx_deferred[i], most);
	check(listed == sum->listed && sc->n_listed == listed + check_syns_due(sc));
	check(check_list(&sc->tx_unparked, most) <= sum->parked);
	check(check_list(&sc->conn_events, most) == sum->events);
	check(check_list(&sc->starved, most) <= sum->used);
}

static inline void check_wheel(const struct stack_core *sc, const struct check_sum *sum)
{
	const struct wheel *w = &sc->wheel;
	uint32_t armed = 0;

	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		for (unsigned s = 0; s < WHEEL_SLOTS; s++) {
			uint32_t n = check_list(&w->slots[l][s], w->n_armed);

			armed += n;
			check(!n || (w->occupied[l] >> s & 1));
		}
	}
	check(armed == w->n_armed && armed >= sum->armed);
}

static inline void check_time_wait(const struct stack_core *sc)
{
	uint32_t n = 0, older = POOL_NONE;

	for (uint32_t id = sc->tw_oldest; id != POOL_NONE; n++) {
		const struct time_wait *w = time_wait_at(sc, id);

		check(w->older == older && n < sc->time_waits.capacity);
		check(older == POOL_NONE ||
		      (int32_t)(w->expires - time_wait_at(sc, older)->expires) >= 0);
		older = id;
		id = w->newer;
	}
	check(older == sc->tw_newest && n == sc->time_waits.n_used);
}

static inline void check_half_open(const struct stack_core *sc)
{
	uint32_t n = 0;

	for (unsigned level = 0; level <= SYN_LEVELS; level++) {
		uint32_t older = POOL_NONE;

		for (uint32_t id = sc->syn_fifos[level].oldest; id != POOL_NONE; n++) {
			const struct half_open *h = pool_at(&sc->half_opens, id);

			check(h->older == older && n < sc->half_opens.capacity);
			older = id;
			id = h->newer;
		}
		check(older == sc->syn_fifos[level].newest);
	}
	check(n == sc->half_opens.n_used);
}

static inline void check_accepts(const struct stack_core *sc, const struct check_sum *sum)
{
	uint32_t queued = 0;

	for (uint32_t id = 0; id < sc->conns.n_touched; id++) {
		const struct conn *c = core_conn(sc, id);

		if (c->flags & CONN_QUEUED)
			check(rlist_linked(&c->queue_node) &&
			      core_listener(sc, c->listener)->n_queued);
	}
	rlist_for_each(node, &sc->listen_events) queued +=
		container_of(node, struct listener, event_node)->n_queued;
	check(queued <= sum->queued);
}

static inline void stack_check(const struct stack_core *sc, mt_time now)
{
	struct check_sum sum = {0};

	check_conns(sc, &sum, now);
	check(sum.used == sc->conns.n_used && sum.own == sc->owns.n_used &&
	      sum.cold == sc->colds.n_used);
	check(sum.buf_bytes == sc->bufs.used_bytes);
	check_lists(sc, &sum);
	check_wheel(sc, &sum);
	check_accepts(sc, &sum);
	check_half_open(sc);
	check_time_wait(sc);
}

#endif
