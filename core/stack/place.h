/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection's place on the transmit lists and in the wheel, private to core/stack; on the way of
 * each segment, so inline. */
#ifndef STACK_PLACE_H
#define STACK_PLACE_H

#include "base/inline.h"
#include "stack/core.h"
#include "tcp/place.h"

static inline struct rlist *place_list(struct stack_core *sc, uint8_t tx)
{
	return &sc->tx_lists[sc->cfg.ack_data_fin_priority ? tx : CONN_TX_DATA];
}

static inline bool place_opening(const struct stack_core *sc, const struct conn *c)
{
	return c->tx == CONN_TX_CONTROL && sc->cfg.ack_data_fin_priority &&
	       (c->tcb.state == TCPS_SYN_SENT || c->tcb.state == TCPS_SYN_RCVD);
}

/* Off the lists. */
static ALWAYS_INLINE void place_none(struct stack_core *sc, struct conn *c)
{
	if (c->tx == CONN_TX_NONE)
		return;
	rlist_remove(&c->tx_node);
	sc->n_listed -= c->tx != CONN_TX_NEIGH;
	c->tx = CONN_TX_NONE;
}

/* On the list it belongs to, or on none. defer: turns that an ACK waits, 0..2. */
static ALWAYS_INLINE void place_on(struct stack_core *sc, struct conn *c, enum tcp_tx want,
				   unsigned defer)
{
	if (c->tx == CONN_TX_NEIGH || c->tx == (uint8_t)want)
		return;
	place_none(sc, c);
	if (want == TCP_TX_NONE)
		return;
	c->tx = (uint8_t)want;
	sc->n_listed++;
	if (defer && want == TCP_TX_ACK)
		rlist_append(&sc->tx_deferred[defer - 1], &c->tx_node);
	else
		rlist_append(place_opening(sc, c) ? &sc->tx_opens : place_list(sc, c->tx),
			     &c->tx_node);
}

/* In the wheel, unless it fires by the deadline anyhow. us: now in microseconds. */
static ALWAYS_INLINE void place_timer_at(struct stack_core *sc, struct conn *c, uint64_t us,
					 mt_time now)
{
	mt_time at = tcp_next_at(&c->tcb, us, now);

	/* The whole tick first: it spares the rounding. */
	if (at != MT_NEVER && !wheel_fires_in(&c->timer, at >> WHEEL_TICK_SHIFT) &&
	    !wheel_fires_by(&c->timer, at))
		wheel_arm(&sc->wheel, &c->timer, at);
}

static ALWAYS_INLINE void place_timer(struct stack_core *sc, struct conn *c, mt_time now)
{
	place_timer_at(sc, c, now / MT_US, now);
}

/* Whoever waits on a list to send is looked at again when its turn comes, and takes its place, in
 * the wheel too, for what is then the case: nothing that happens before needs it now, but the end.
 */
static inline bool place_can_wait(const struct conn *c)
{
	return (c->tx == CONN_TX_DATA || c->tx == CONN_TX_CONTROL) && !(c->flags & CONN_DONE);
}

/* conn_place, of one that is not DONE. On a list its timer can wait, unless a schedule of pacing
 * wants it to the tick. */
static ALWAYS_INLINE void place_alive(struct stack_core *sc, struct conn *c, enum tcp_tx want,
				      mt_time now, unsigned defer)
{
	place_on(sc, c, want, defer);
	if (c->tx == CONN_TX_NONE || c->tx == CONN_TX_NEIGH || (c->flags & CONN_MORE))
		place_timer(sc, c, now);
}

/* conn_settle, of one that is LIVE and not DONE. */
static ALWAYS_INLINE void place_settle(struct stack_core *sc, struct conn *c, mt_time now,
				       unsigned defer)
{
	if (!place_can_wait(c))
		place_alive(sc, c, tcp_place(&c->tcb, now), now, defer);
}

/* conn_settle, in line but for the end. */
static ALWAYS_INLINE void place_settle_live(struct stack_core *sc, struct conn *c, mt_time now,
					    unsigned defer)
{
	if ((c->flags & (CONN_LIVE | CONN_DONE)) == CONN_LIVE)
		place_settle(sc, c, now, defer);
	else
		conn_settle(sc, c, now, defer);
}

/* What is ready now. In line: of one that is open with nothing else about it. */
static ALWAYS_INLINE uint32_t conn_ready(const struct stack_core *sc, struct conn *c)
{
	const unsigned about = CONN_LIVE | CONN_OPENED | CONN_DONE | CONN_EOF | CONN_SHUT_RD |
			       CONN_SHUT_WR | CONN_NO_SPACE | CONN_STARVED;

	if ((c->flags & about) != (CONN_LIVE | CONN_OPENED) || c->error ||
	    (!tcp_has_room(&c->tcb, 0) && !tcp_room(&c->tcb)))
		return conn_ready_any(sc, c);
	return (buf_len(&sc->bufs, &c->rcv) ? STACK_IN : 0) | STACK_OUT;
}

#endif
