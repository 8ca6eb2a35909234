// SPDX-License-Identifier: BSD-3-Clause
#include "stack/neigh.h"

#include "stack/core.h"
#include "stack/ip6.h"

#define EVICT_LOOK 16 /* entries looked at for one to take */

static uint32_t n_heads(uint32_t n_neigh)
{
	uint32_t n = 1;

	while (n < n_neigh)
		n <<= 1;
	return n;
}

size_t neigh_bytes(uint32_t n_neigh)
{
	return pool_bytes(sizeof(struct neigh), n_neigh) + n_heads(n_neigh) * sizeof(uint32_t);
}

void neigh_init(struct stack_core *sc, void *mem)
{
	struct neigh_table *t = &sc->neighs;
	uint32_t n_neigh = sc->cfg.n_neigh;

	pool_init(&t->pool, mem, sizeof(struct neigh), n_neigh);
	t->heads = (uint32_t *)((uint8_t *)mem + pool_bytes(sizeof(struct neigh), n_neigh));
	t->mask = n_heads(n_neigh) - 1;
	for (uint32_t i = 0; i <= t->mask; i++)
		t->heads[i] = POOL_NONE;
	t->secret[0] = rng_next(&sc->rng);
	t->secret[1] = rng_next(&sc->rng) | 1;
	rlist_init(&t->lru);
	rlist_init(&t->asking);
}

/* The low bits of a product do not depend on the high ones of its factors. What tells the stations
 * of a network apart stands in the last bytes, so these are to be the low ones. */
static uint32_t *head_of(struct neigh_table *t, const struct ip_addr *ip)
{
	uint64_t h = (be64toh(ip->d[1]) ^ t->secret[0]) * t->secret[1] ^ be64toh(ip->d[0]);

	return &t->heads[(h ^ h >> 32) & t->mask];
}

static struct neigh *find(struct neigh_table *t, const struct ip_addr *ip)
{
	uint32_t id = *head_of(t, ip);

	while (id != POOL_NONE) {
		struct neigh *n = pool_at(&t->pool, id);

		if (ip_eq(&n->ip, ip))
			return n;
		id = n->hash_next;
	}
	return NULL;
}

static void release_waiting(struct stack_core *sc, struct neigh *n)
{
	rlist_move_all(&n->waiting, &sc->tx_unparked);
}

static void discard(struct stack_core *sc, struct neigh *n)
{
	struct neigh_table *t = &sc->neighs;
	uint32_t id = pool_id(&t->pool, n);
	uint32_t *link = head_of(t, &n->ip);

	while (*link != id)
		link = &((struct neigh *)pool_at(&t->pool, *link))->hash_next;
	*link = n->hash_next;
	release_waiting(sc, n);
	wheel_disarm(&sc->wheel, &n->timer);
	if (rlist_linked(&n->lru))
		rlist_remove(&n->lru);
	if (rlist_linked(&n->asking))
		rlist_remove(&n->asking);
	n->gen = 0;
	pool_put(&t->pool, id);
}

/* Frees an entry for a newcomer: the least recently used one that nobody needs, else an unanswered
 * one. */
static bool evict(struct stack_core *sc, mt_time now)
{
	struct rlist *at = rlist_next(&sc->neighs.lru);
	struct neigh *unanswered = NULL;

	for (unsigned i = 0; i < EVICT_LOOK && at != &sc->neighs.lru; i++, at = rlist_next(at)) {
		struct neigh *n = container_of(at, struct neigh, lru);

		if (neigh_known(n) && (!n->used_at || now - n->used_at >= NEIGH_IN_USE)) {
			discard(sc, n);
			return true;
		}
		if (!neigh_known(n) && !unanswered)
			unanswered = n;
	}
	if (unanswered)
		discard(sc, unanswered);
	return unanswered != NULL;
}

static uint32_t next_gen(struct neigh_table *t)
{
	t->last_gen = t->last_gen < NEIGH_GEN_MAX ? t->last_gen + 1 : 1;
	return t->last_gen;
}

static struct neigh *create(struct stack_core *sc, const struct ip_addr *ip, mt_time now)
{
	struct neigh_table *t = &sc->neighs;
	uint32_t *head = head_of(t, ip);
	uint32_t id;
	struct neigh *n;

	if (t->pool.n_used == t->pool.capacity && !evict(sc, now)) {
		sc->stats.arp_overflow++;
		return NULL;
	}
	id = pool_get(&t->pool);
	n = pool_at(&t->pool, id);
	*n = (struct neigh){
		.ip = *ip,
		.state = NEIGH_ST_INCOMPLETE,
		.gen = next_gen(t),
		.hash_next = *head,
		.timer.kind = TIMER_NEIGH,
		.vlan = sc->vlan,
	};
	*head = id;
	rlist_init(&n->waiting);
	/* In front: what nobody has sent anything to is the first to give way. */
	rlist_append(rlist_next(&t->lru), &n->lru);
	return n;
}

/* Those in a list that would send to this entry ask for their way again. */
static void forget_hop(struct rlist *l, uint32_t id, uint32_t gen)
{
	for (struct rlist *at = rlist_next(l); at != l; at = rlist_next(at)) {
		struct conn *c = container_of(at, struct conn, tx_node);

		if (c->neigh == id && c->neigh_gen == gen)
			c->neigh_gen = 0;
	}
}

void neigh_reroute(struct stack_core *sc, const struct ip_addr *hop)
{
	struct neigh *n = find(&sc->neighs, hop);

	if (!n)
		return;
	release_waiting(sc, n);
	forget_hop(&sc->tx_unparked, pool_id(&sc->neighs.pool, n), n->gen);
	n->gen = next_gen(&sc->neighs);
}

static void note_use(struct neigh_table *t, struct neigh *n, mt_time now)
{
	n->used_at = now;
	rlist_remove(&n->lru);
	rlist_append(&t->lru, &n->lru);
}

static void ask(struct stack_core *sc, struct neigh *n)
{
	if (!rlist_linked(&n->asking))
		rlist_append(&sc->neighs.asking, &n->asking);
}

struct neigh *neigh_get(struct stack_core *sc, const struct ip_addr *hop, mt_time now)
{
	struct neigh *n = find(&sc->neighs, hop);

	if (n)
		return n;
	n = create(sc, hop, now);
	if (!n)
		return NULL;
	note_use(&sc->neighs, n, now);
	ask(sc, n);
	return n;
}

bool neigh_add_static(struct stack_core *sc, const struct ip_addr *ip, const struct eth_addr *mac)
{
	struct neigh *n = find(&sc->neighs, ip);

	if (!n)
		n = create(sc, ip, 0);
	if (!n)
		return false;
	n->mac = *mac;
	n->state = NEIGH_ST_STATIC;
	if (rlist_linked(&n->lru)) /* else named twice: the last one counts */
		rlist_remove(&n->lru);
	return true;
}

void neigh_used(struct stack_core *sc, struct neigh *n, mt_time now)
{
	if (n->state == NEIGH_ST_STATIC)
		return;
	if (!n->used_at || now - n->used_at >= MT_SEC)
		note_use(&sc->neighs, n, now);
	if (n->state != NEIGH_ST_REACHABLE || now < n->check_at)
		return;
	n->n_tries = 0;
	if (ip_is_v4(&n->ip)) {
		n->state = NEIGH_ST_PROBE;
		ask(sc, n);
	} else {
		n->state = NEIGH_ST_DELAY;
		wheel_arm(&sc->wheel, &n->timer, now + NEIGH_DELAY);
	}
}

/* Random within a factor of three, so that hosts do not ask in step (RFC 4861 6.3.2). */
static mt_time reachable_time(struct stack_core *sc, const struct neigh *n)
{
	mt_time base = sc->autoconf.reachable;

	return ip_is_v4(&n->ip) ? NEIGH_REACHABLE
				: base / 2 + rng_below(&sc->rng, (uint32_t)(base / MT_US)) * MT_US;
}

/* The address is known. Not confirmed: the first use asks again. */
static void set_known(struct stack_core *sc, struct neigh *n, bool confirmed, mt_time now)
{
	n->vlan = sc->vlan;
	n->state = NEIGH_ST_REACHABLE;
	n->check_at = confirmed ? now + reachable_time(sc, n) : now;
	wheel_disarm(&sc->wheel, &n->timer);
	if (rlist_linked(&n->asking))
		rlist_remove(&n->asking);
	release_waiting(sc, n);
}

static struct neigh *claimed(struct stack_core *sc, const struct neigh_claim *claim, mt_time now)
{
	struct neigh *n = find(&sc->neighs, &claim->ip);

	if (!n && claim->create)
		n = create(sc, &claim->ip, now);
	return n && n->state != NEIGH_ST_STATIC ? n : NULL;
}

void neigh_learn(struct stack_core *sc, const struct neigh_claim *claim, mt_time now)
{
	struct neigh *n = claimed(sc, claim, now);

	if (!n)
		return;
	n->mac = claim->mac;
	set_known(sc, n, true, now);
}

void neigh_hint(struct stack_core *sc, const struct neigh_claim *claim, mt_time now)
{
	struct neigh *n = claimed(sc, claim, now);

	if (!n)
		return;
	n->router |= claim->router;
	if (neigh_known(n) && !memcmp(&n->mac, &claim->mac, sizeof(n->mac)))
		return;
	n->mac = claim->mac;
	set_known(sc, n, false, now);
}

static void set_router(struct stack_core *sc, struct neigh *n, bool router)
{
	if (n->router && !router)
		autoconf_router_lost(sc, &n->ip, true);
	n->router = router;
}

void neigh_advertised(struct stack_core *sc, const struct ndp_msg *m, mt_time now)
{
	struct neigh *n = find(&sc->neighs, &m->target);
	bool solicited = m->flags & NDP_NA_SOLICITED, changed;

	if (!n || n->state == NEIGH_ST_STATIC)
		return;
	changed = m->has_mac && memcmp(&n->mac, &m->mac, sizeof(n->mac)) != 0;
	if (!neigh_known(n)) {
		if (!m->has_mac)
			return;
		n->mac = m->mac;
		set_known(sc, n, solicited, now);
	} else if (changed && !(m->flags & NDP_NA_OVERRIDE)) {
		if (n->state == NEIGH_ST_REACHABLE)
			n->check_at = mt_min(n->check_at, now); /* somebody is wrong */
		return;
	} else if (changed || solicited) {
		if (changed)
			n->mac = m->mac;
		set_known(sc, n, solicited, now);
	}
	set_router(sc, n, m->flags & NDP_NA_ROUTER);
}

void neigh_timer(struct stack_core *sc, struct neigh *n, mt_time now)
{
	if (n->state == NEIGH_ST_FAILED) {
		discard(sc, n);
		return;
	}
	if (n->state == NEIGH_ST_DELAY)
		n->state = NEIGH_ST_PROBE;
	if (n->n_tries < NEIGH_TRIES) {
		ask(sc, n);
		return;
	}
	n->state = NEIGH_ST_FAILED;
	if (n->router)
		autoconf_router_lost(sc, &n->ip, false);
	release_waiting(sc, n);
	wheel_arm(&sc->wheel, &n->timer, now + NEIGH_FAILED);
}

/* Gratuitous ARP, or the question whether somebody else has the address (RFC 4862 5.4.2). */
static bool announce(struct stack_core *sc, mt_time now)
{
	uint8_t *frame = tx_frame(sc);
	uint16_t i = sc->addrs.n_announced;
	struct arp_pkt arp = {.op = ARP_REQUEST, .sha = sc->mac};

	if (!frame)
		return false;
	sc->addrs.told[i] = true;
	sc->addrs.n_announced++;
	if (!ip_is_v4(&sc->addrs.addr[i].addr)) {
		ndp_probe(sc, frame, i, now);
		return true;
	}
	arp.spa = arp.tpa = sc->addrs.addr[i].addr;
	arp_send(sc, frame, &arp, &ETH_BROADCAST);
	return true;
}

static void request_arp(struct stack_core *sc, const struct neigh *n, uint8_t *frame)
{
	struct arp_pkt arp = {.op = ARP_REQUEST, .sha = sc->mac, .tpa = n->ip};
	bool unicast = n->state == NEIGH_ST_PROBE;

	arp.spa = sc->addrs.addr[addr_near(&sc->addrs, &n->ip)].addr;
	if (unicast)
		arp.tha = n->mac;
	arp_send(sc, frame, &arp, unicast ? &n->mac : &ETH_BROADCAST);
}

static void asked(struct stack_core *sc, struct neigh *n, mt_time now)
{
	mt_time retry = ip_is_v4(&n->ip) ? NEIGH_RETRY : sc->autoconf.retrans;

	rlist_remove(&n->asking);
	n->n_tries++;
	wheel_arm(&sc->wheel, &n->timer, now + retry);
}

static bool request(struct stack_core *sc, struct neigh *n, mt_time now)
{
	uint8_t *frame = tx_frame(sc);

	if (!frame)
		return false;
	asked(sc, n, now);
	sc->vlan = n->vlan;
	if (ip_is_v4(&n->ip))
		request_arp(sc, n, frame);
	else
		ndp_solicit(sc, n, frame);
	return true;
}

void neigh_tx(struct stack_core *sc, mt_time now)
{
	struct neigh_table *t = &sc->neighs;

	while (!rlist_empty(&t->asking)) {
		if (!request(sc, container_of(rlist_next(&t->asking), struct neigh, asking), now))
			return;
	}
	sc->vlan = sc->cfg.vlan;
	while (sc->addrs.n_announced < sc->addrs.n) {
		if (sc->addrs.told[sc->addrs.n_announced])
			sc->addrs.n_announced++;
		else if (!announce(sc, now))
			return;
	}
	autoconf_tx(sc, now);
}

void neigh_lose(struct stack_core *sc, mt_time now)
{
	struct rlist *l = &sc->neighs.asking;

	for (unsigned left = sc->cfg.tx_batch; left && !rlist_empty(l); left--)
		asked(sc, container_of(rlist_next(l), struct neigh, asking), now);
}

/* False: no frame. */
static bool send_answer(struct stack_core *sc, const struct neigh_answer *a, mt_time now)
{
	uint8_t *frame = tx_answer_frame(sc);

	if (!frame)
		return false;
	if (ip_is_v4(&a->target))
		arp_answer(sc, frame, a);
	else
		ndp_advertise(sc, frame, a, now);
	return true;
}

void neigh_answer(struct stack_core *sc, const struct neigh_answer *a, mt_time now)
{
	struct neigh_table *t = &sc->neighs;

	if (send_answer(sc, a, now))
		return;
	if (t->n_answers == NEIGH_ANSWERS) {
		sc->stats.replies_dropped++;
		return;
	}
	t->answers[(t->first_answer + t->n_answers++) % NEIGH_ANSWERS] = *a;
}

void neigh_tx_answers(struct stack_core *sc, mt_time now)
{
	struct neigh_table *t = &sc->neighs;

	for (; t->n_answers; t->n_answers--, t->first_answer++) {
		const struct neigh_answer *a = &t->answers[t->first_answer % NEIGH_ANSWERS];

		if (addr_find(&sc->addrs, &a->target) == ADDR_NONE)
			continue; /* gone meanwhile */
		sc->vlan = a->vlan;
		if (!send_answer(sc, a, now))
			return;
	}
}

bool neigh_tx_pending(const struct stack_core *sc)
{
	return !rlist_empty(&sc->neighs.asking) || sc->neighs.n_answers ||
	       sc->addrs.n_announced < sc->addrs.n || sc->autoconf.rs_due;
}
