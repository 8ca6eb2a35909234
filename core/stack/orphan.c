// SPDX-License-Identifier: BSD-3-Clause
/* Who gives way when all blocks are used: what the application has closed, in the order of that. */
#include "stack/core.h"
#include "tcp/instant.h"

#define ORPHAN_TIME  (10 * MT_SEC) /* three retransmissions that begin at a second */
#define ORPHAN_LOOKS 4

void conn_linger(struct stack_core *sc, struct conn *c, mt_time now)
{
	if (!(c->flags & CONN_OWNED))
		c->closed_at = now;
	rlist_append(&sc->orphans, &c->queue_node);
}

/* Its peer still takes what it has to send. */
static bool makes_progress(const struct stack_core *sc, const struct conn *c)
{
	return ((c->flags & CONN_OWNED) || buf_len(&sc->bufs, &c->snd)) &&
	       ms_of(sc->turn_at) - c->tcb.unacked_ms < ORPHAN_TIME / MT_MS;
}

/* Most are gone before this. Where the cookie is still needed there is no instant of the close: its
 * last progress says enough. */
static bool had_its_time(const struct stack_core *sc, const struct conn *c)
{
	return (c->flags & CONN_OWNED) || sc->turn_at >= c->closed_at + ORPHAN_TIME;
}

struct conn *conn_in_the_way(struct stack_core *sc)
{
	for (unsigned i = 0; i < ORPHAN_LOOKS; i++) {
		struct rlist *n = rlist_next(&sc->orphans);
		struct conn *c = container_of(n, struct conn, queue_node);

		if (n == &sc->orphans || !had_its_time(sc, c))
			return NULL;
		if (conn_alive(c) && !makes_progress(sc, c))
			return c;
		rlist_remove(n);
		conn_linger(sc, c, sc->turn_at);
	}
	return NULL;
}

bool conn_room(struct stack_core *sc)
{
	return sc->conns.n_used < sc->conns.capacity || conn_in_the_way(sc);
}
