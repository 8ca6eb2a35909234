/* SPDX-License-Identifier: BSD-3-Clause */
/* The next hop of connections that are served one after the other, private to tx.c. */
#ifndef STACK_HOP_H
#define STACK_HOP_H

#include "base/inline.h"
#include "stack/core.h"

/* The next hop of the connection before in the list: most have the same. */
struct last_hop {
	const struct neigh *n; /* NULL: none */
	uint32_t id, gen;
	struct ip_addr remote; /* was routed there in this serving; unspecified: no route was asked */
};

static ALWAYS_INLINE void use_mac(struct stack_core *sc, const struct neigh *n)
{
	if (memcmp(&sc->eth, &n->mac, sizeof(n->mac)) != 0)
		sc->eth = frame_eth_of(&n->mac, &sc->mac);
}

/* One that this serving has found usable already: where a peer has several addresses, or there are
 * several peers, they take turns. */
static ALWAYS_INLINE bool known_hop(struct stack_core *sc, const struct conn *c,
				    struct last_hop *last)
{
	const struct neigh *n = pool_at(&sc->neighs.pool, c->neigh);

	if (!c->neigh_gen || n->gen != c->neigh_gen || n->served != sc->neighs.serving)
		return false;
	*last = (struct last_hop){.n = n, .id = c->neigh, .gen = c->neigh_gen};
	use_mac(sc, n);
	return true;
}

#endif
