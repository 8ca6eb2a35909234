// SPDX-License-Identifier: BSD-3-Clause
#include "stack/place.h"
#include "stack/core.h"

bool stack_has_events(const struct stack_core *sc)
{
	return !rlist_empty(&sc->listen_events) || !rlist_empty(&sc->conn_events);
}

unsigned stack_events(struct stack_core *sc, struct stack_event *ev, unsigned max)
{
	unsigned n = 0;
	struct rlist *node;

	while (n < max && (node = rlist_pop(&sc->listen_events)) != NULL) {
		const struct listener *l = container_of(node, struct listener, event_node);

		ev[n++] = (struct stack_event){
			.cookie = l->cookie,
			.id = pool_id(&sc->listeners, l),
			.ready = l->n_queued ? STACK_IN : 0,
			.edge = STACK_IN,
			.listener = true,
		};
	}
	while (n < max && (node = rlist_pop(&sc->conn_events)) != NULL) {
		struct conn *c = container_of(node, struct conn, event_node);

		ev[n++] = (struct stack_event){
			.cookie = c->cookie,
			.id = c->id,
			.ready = conn_ready(sc, c),
			.edge = c->edge,
		};
		c->edge = 0;
	}
	return n;
}

uint32_t stack_ready(const struct stack_core *sc, uint32_t id)
{
	return conn_ready(sc, core_conn(sc, id));
}

uint32_t stack_listen_ready(const struct stack_core *sc, uint32_t lid)
{
	return core_listener(sc, lid)->n_queued ? STACK_IN : 0;
}

void stack_set_cookie(struct stack_core *sc, uint32_t id, uint64_t cookie)
{
	core_conn(sc, id)->cookie = cookie;
}

void stack_listen_set_cookie(struct stack_core *sc, uint32_t lid, uint64_t cookie)
{
	core_listener(sc, lid)->cookie = cookie;
}
