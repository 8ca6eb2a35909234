// SPDX-License-Identifier: BSD-3-Clause
/* Addresses whose valid lifetime is over: their connections end, and their indices serve again. No
 * count is kept of what names an index; when addresses have gone, all blocks are looked at, a few
 * in each turn. TIME-WAIT records name one for so long only, as nothing comes in for them. */
#include <errno.h>

#include "stack/core.h"

#define SWEEP_BLOCKS 256	   /* in a turn */
#define AGAIN	     (10 * MT_SEC) /* a sweep after one that found blocks which only their owner has */

void addr_end(struct stack_core *sc, uint16_t i, mt_time now)
{
	struct addr_table *t = &sc->addrs;

	addr_set_state(t, i, ADDR_GONE);
	if (t->use[i] != ADDR_MADE)
		return;
	t->use[i] = ADDR_LEFT;
	t->free_at[i] = now + sc->cfg.time_wait_ms * MT_MS + AGAIN;
	sc->autoconf.sweep_at = mt_max(now, sc->autoconf.swept_at);
}

static void begin(struct stack_core *sc)
{
	struct autoconf *ac = &sc->autoconf;
	struct addr_table *t = &sc->addrs;

	ac->sweep_at = MT_NEVER;
	ac->swept = 0;
	for (uint16_t i = 0; i < t->n; i++) {
		if (t->use[i] != ADDR_LEFT)
			continue;
		t->use[i] = ADDR_SWEPT;
		ac->sweeping = true;
	}
	if (ac->sweeping)
		syn_queue_forget_gone(sc);
}

static void look_at(struct stack_core *sc, struct conn *c, mt_time now)
{
	struct addr_table *t = &sc->addrs;
	uint8_t local = c->local;

	if (!c->flags || (t->use[local] != ADDR_SWEPT && t->use[local] != ADDR_LEFT))
		return;
	if (conn_alive(c))
		conn_kill(sc, c, ECONNABORTED, now);
	c->flags &= (uint16_t)~CONN_TO_TW; /* it would outlive the address */
	if (c->flags) /* its owner may still ask for its name */
		t->use[local] = ADDR_LEFT;
}

/* The address may have come back meanwhile. */
static void finish(struct stack_core *sc, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;
	struct addr_table *t = &sc->addrs;

	ac->sweeping = false;
	ac->swept_at = now + AGAIN; /* announcements may make addresses end without a pause */
	for (uint16_t i = 0; i < t->n; i++) {
		if (t->use[i] == ADDR_SWEPT && t->free_at[i] <= now) {
			t->use[i] = ADDR_FREE;
			ac->n_made--;
		} else if (t->use[i] == ADDR_SWEPT || t->use[i] == ADDR_LEFT) {
			t->use[i] = ADDR_LEFT;
			ac->sweep_at = mt_min(ac->sweep_at, mt_max(t->free_at[i], now + AGAIN));
		}
	}
}

void addr_end_work(struct stack_core *sc, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;

	if (!ac->sweeping && ac->sweep_at <= now)
		begin(sc);
	if (!ac->sweeping)
		return;
	for (unsigned i = 0; i < SWEEP_BLOCKS && ac->swept < sc->conns.n_touched; i++)
		look_at(sc, core_conn(sc, ac->swept++), now);
	if (ac->swept == sc->conns.n_touched)
		finish(sc, now);
}

mt_time addr_end_next(const struct stack_core *sc, mt_time now)
{
	return sc->autoconf.sweeping ? now : sc->autoconf.sweep_at;
}
