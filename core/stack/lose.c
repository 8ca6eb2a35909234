// SPDX-License-Identifier: BSD-3-Clause
#include "stack/lose.h"

#include "stack/place.h"

#define FEW   8 /* segments of one connection at a time */
#define STUCK MT_SEC /* longer than a reader of ours pauses; the first timeout of a SYN */

void lose_due(struct stack_core *sc, struct conn *c, mt_time now)
{
	struct tcp_seg seg;

	for (unsigned i = 0; i < FEW && tcp_output(&c->tcb, now, &seg); i++)
		;
	place_none(sc, c);
	conn_settle(sc, c, now, 0);
}

/* Who stands on a list has no timer running (place.h), and the requests for addresses neither:
 * behind a device that is dead they would wait for ever. */
static void lose_waiting(struct stack_core *sc, mt_time now)
{
	struct rlist *lists[] = {&sc->tx_opens, &sc->tx_lists[CONN_TX_CONTROL],
				 &sc->tx_lists[CONN_TX_ACK], &sc->tx_lists[CONN_TX_DATA]};
	unsigned left = sc->cfg.tx_batch;

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (; left && !rlist_empty(lists[i]); left--)
			lose_due(sc, container_of(rlist_next(lists[i]), struct conn, tx_node), now);
	}
	neigh_lose(sc, now);
}

void lose_if_stuck(struct stack_core *sc, mt_time now)
{
	sc->refused = false;
	if (!sc->stuck_at)
		sc->stuck_at = now;
	else if (now - sc->stuck_at >= STUCK)
		lose_waiting(sc, now);
}
