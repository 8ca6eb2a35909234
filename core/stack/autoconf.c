// SPDX-License-Identifier: BSD-3-Clause
#include "stack/autoconf.h"

#include "stack/ip6.h"

#define RS_MAX		3 /* RFC 4861 10 */
#define RS_INTERVAL	(4 * MT_SEC)
#define HOP_LIMIT	64
#define REACHABLE	(30 * MT_SEC)
#define REACHABLE_MAX	3600000u /* ms; RFC 4861 6.2.1 */
#define RETRANS_MIN	100u	 /* ms: a forged advertisement must not make us shout */
#define RETRANS_MAX	60000u
#define TWO_HOURS	(7200 * MT_SEC)
#define IDENTIFIER_BITS 64u

static mt_time later(mt_time now, uint32_t seconds)
{
	return seconds == NDP_FOREVER ? MT_NEVER : now + seconds * MT_SEC;
}

/* Modified EUI-64 (RFC 4291 appendix A): the same on every core and after every start. */
static struct ip_addr with_identifier(const struct stack_core *sc, const struct ip_addr *net)
{
	const uint8_t *m = sc->mac.b;
	struct ip_addr a = *net;

	a.b[8] = m[0] ^ 2;
	a.b[9] = m[1];
	a.b[10] = m[2];
	a.b[11] = 0xff;
	a.b[12] = 0xfe;
	a.b[13] = m[3];
	a.b[14] = m[4];
	a.b[15] = m[5];
	return a;
}

void autoconf_init(struct stack_core *sc)
{
	static const struct ip_addr link_local = {.b = {0xfe, 0x80}};
	struct autoconf *ac = &sc->autoconf;
	struct stack_addr a = {.addr = with_identifier(sc, &link_local), .prefix = 10};
	struct stack_route r = {.net = link_local, .prefix = 10};

	ac->hop_limit = HOP_LIMIT;
	ac->mtu = sc->nic->mtu;
	ac->reachable = REACHABLE;
	ac->retrans = NEIGH_RETRY;
	ac->timer.kind = TIMER_AUTOCONF;
	ac->sweep_at = MT_NEVER;
	if (!ac->on)
		return;
	addr_add(&sc->addrs, &a);
	route_add(&sc->routes, &r, false);
	ac->rs_due = sc->cfg.ipv6_autoconf;
}

/* ---- default routers ---- */

static struct stack_route default_by(const struct ip_addr *router)
{
	return (struct stack_route){.gateway = *router};
}

/* The routing table names the first of the list. */
static void use_first(struct stack_core *sc, const struct ip_addr *before)
{
	const struct autoconf *ac = &sc->autoconf;
	struct stack_route r;

	if (before) {
		r = default_by(before);
		route_forget(&sc->routes, &r);
	}
	if (ac->n_routers) {
		r = default_by(&ac->router[0].addr);
		route_add(&sc->routes, &r, true);
	}
}

static unsigned router_find(const struct autoconf *ac, const struct ip_addr *a)
{
	unsigned i = 0;

	while (i < ac->n_routers && !ip_eq(&ac->router[i].addr, a))
		i++;
	return i;
}

/* O(routers), and what neigh_reroute() takes. */
static void router_remove(struct stack_core *sc, unsigned i)
{
	struct autoconf *ac = &sc->autoconf;
	struct ip_addr first = ac->router[0].addr, gone = ac->router[i].addr;

	ac->n_routers--;
	for (; i < ac->n_routers; i++)
		ac->router[i] = ac->router[i + 1];
	use_first(sc, &first);
	neigh_reroute(sc, &gone);
}

static void router_add(struct stack_core *sc, const struct ip_addr *a, mt_time until)
{
	struct autoconf *ac = &sc->autoconf;
	unsigned i = router_find(ac, a);

	if (i == AUTOCONF_ROUTERS)
		return;
	ac->router[i] = (struct autoconf_router){.addr = *a, .until = until};
	if (i < ac->n_routers)
		return;
	ac->n_routers++;
	use_first(sc, NULL);
}

void autoconf_router_lost(struct stack_core *sc, const struct ip_addr *a, bool for_good)
{
	struct autoconf *ac = &sc->autoconf;
	unsigned i = router_find(ac, a);
	struct autoconf_router lost;

	if (i == ac->n_routers)
		return;
	lost = ac->router[i];
	router_remove(sc, i);
	if (!for_good) /* RFC 4861 6.3.6: tried again when no other answers */
		router_add(sc, &lost.addr, lost.until);
}

/* ---- prefixes ---- */

static struct stack_route link_of(const struct autoconf_prefix *x)
{
	return (struct stack_route){.net = x->net, .prefix = x->len};
}

static struct autoconf_prefix *prefix_find(struct autoconf *ac, const struct ndp_prefix *p)
{
	struct autoconf_prefix *x = ac->prefix;

	for (unsigned i = 0; i < ac->n_prefixes; i++, x++) {
		if (x->len == p->len && ip_common_bits(&x->net, &p->prefix) >= p->len)
			return x;
	}
	if (ac->n_prefixes == AUTOCONF_PREFIXES)
		return NULL;
	ac->n_prefixes++;
	*x = (struct autoconf_prefix){.net = p->prefix, .len = p->len, .addr = ADDR_NONE};
	return x;
}

static void take_on_link(struct stack_core *sc, struct autoconf_prefix *x,
			 const struct ndp_prefix *p, mt_time now)
{
	struct stack_route r = link_of(x);

	x->on_link_until = p->valid_s ? later(now, p->valid_s) : 0;
	if (x->on_link_until)
		route_add(&sc->routes, &r, true);
	else
		route_forget(&sc->routes, &r);
}

/* RFC 4862 5.5.3 (e): an advertisement without proof cannot end an address within two hours. */
static mt_time new_valid(const struct autoconf_prefix *x, const struct ndp_prefix *p, mt_time now)
{
	mt_time said = later(now, p->valid_s);

	if (p->valid_s > 7200 || said > x->valid_until)
		return said;
	return mt_min(x->valid_until, now + TWO_HOURS);
}

/* A prefix that comes again gets its address again. */
static uint16_t make_address(struct stack_core *sc, const struct stack_addr *a)
{
	struct addr_table *t = &sc->addrs;
	uint16_t i = addr_index(t, &a->addr);
	bool known = i != ADDR_NONE && t->use[i] != ADDR_FREE;

	if (!known && sc->autoconf.n_made == AUTOCONF_ADDRS)
		return ADDR_NONE;
	i = addr_add(t, a);
	if (i == ADDR_NONE)
		return i;
	if (!known)
		sc->autoconf.n_made++;
	if (!known || t->use[i] != ADDR_KEPT)
		t->use[i] = ADDR_MADE;
	return i;
}

static void take_address(struct stack_core *sc, struct autoconf_prefix *x,
			 const struct ndp_prefix *p, mt_time now)
{
	struct stack_addr a = {.addr = with_identifier(sc, &p->prefix), .prefix = p->len};

	if (p->len + IDENTIFIER_BITS != 128 || p->preferred_s > p->valid_s)
		return;
	if (x->addr == ADDR_NONE) {
		if (!p->valid_s || addr_find(&sc->addrs, &a.addr) != ADDR_NONE)
			return;
		x->addr = make_address(sc, &a);
		x->valid_until = later(now, p->valid_s);
	} else {
		x->valid_until = new_valid(x, p, now);
	}
	x->preferred_until = later(now, p->preferred_s);
	if (x->addr != ADDR_NONE && sc->addrs.state[x->addr] != ADDR_GONE)
		addr_set_state(&sc->addrs, x->addr, p->preferred_s ? ADDR_VALID : ADDR_DEPRECATED);
}

/* True: nothing is left of it. */
static bool prefix_expire(struct stack_core *sc, struct autoconf_prefix *x, mt_time now)
{
	struct stack_route r = link_of(x);

	if (x->on_link_until && x->on_link_until <= now) {
		x->on_link_until = 0;
		route_forget(&sc->routes, &r);
	}
	if (x->addr != ADDR_NONE && x->valid_until <= now) {
		addr_end(sc, x->addr, now);
		x->addr = ADDR_NONE;
	} else if (x->addr != ADDR_NONE && x->preferred_until <= now &&
		   sc->addrs.state[x->addr] == ADDR_VALID) {
		addr_set_state(&sc->addrs, x->addr, ADDR_DEPRECATED);
	}
	return !x->on_link_until && x->addr == ADDR_NONE;
}

static void take_prefix(struct stack_core *sc, const struct ndp_prefix *p, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;
	struct autoconf_prefix *x;

	if (ip_is_link_local(&p->prefix) || ip_is_multicast(&p->prefix) || ip_is_v4(&p->prefix) ||
	    !(p->on_link || p->autonomous) || p->len < 8)
		return;
	x = prefix_find(ac, p);
	if (!x)
		return;
	if (p->on_link)
		take_on_link(sc, x, p, now);
	if (p->autonomous)
		take_address(sc, x, p, now);
	if (prefix_expire(sc, x, now)) /* one that says nothing must not keep a place */
		*x = ac->prefix[--ac->n_prefixes];
}

/* ---- time ---- */

static mt_time prefix_next(const struct autoconf_prefix *x, mt_time now)
{
	mt_time at = x->on_link_until ? x->on_link_until : MT_NEVER;

	if (x->addr == ADDR_NONE)
		return at;
	at = mt_min(at, x->valid_until);
	return x->preferred_until > now ? mt_min(at, x->preferred_until) : at;
}

static void expire(struct stack_core *sc, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;

	for (unsigned i = ac->n_routers; i-- > 0;) {
		if (ac->router[i].until <= now)
			router_remove(sc, i);
	}
	for (unsigned i = ac->n_prefixes; i-- > 0;) {
		if (prefix_expire(sc, &ac->prefix[i], now))
			ac->prefix[i] = ac->prefix[--ac->n_prefixes];
	}
}

static void arm(struct stack_core *sc, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;
	mt_time at = MT_NEVER;

	for (unsigned i = 0; i < ac->n_routers; i++)
		at = mt_min(at, ac->router[i].until);
	for (unsigned i = 0; i < ac->n_prefixes; i++)
		at = mt_min(at, prefix_next(&ac->prefix[i], now));
	at = mt_min(at, addr_end_next(sc, now));
	if (!ac->heard && ac->n_asked < RS_MAX)
		at = mt_min(at, now + RS_INTERVAL);
	if (at != MT_NEVER)
		wheel_arm(&sc->wheel, &ac->timer, at);
	else
		wheel_disarm(&sc->wheel, &ac->timer);
}

void autoconf_timer(struct stack_core *sc, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;

	ac->rs_due = !ac->heard && ac->n_asked < RS_MAX;
	expire(sc, now);
	addr_end_work(sc, now);
	if (!ac->rs_due)
		arm(sc, now);
}

void autoconf_tx(struct stack_core *sc, mt_time now)
{
	struct autoconf *ac = &sc->autoconf;
	uint8_t *frame;

	if (!ac->rs_due)
		return;
	frame = tx_frame(sc);
	if (!frame)
		return;
	ac->rs_due = false;
	ac->n_asked++;
	arm(sc, now);
	ndp_ask_routers(sc, frame, now);
}

static uint32_t between(uint32_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* RFC 4861 6.3.4. */
static void take_parameters(struct stack_core *sc, const struct ndp_msg *m)
{
	struct autoconf *ac = &sc->autoconf;

	/* Never lowered: by a forged message nothing of ours would leave the link. */
	if (m->hop_limit >= HOP_LIMIT)
		ac->hop_limit = m->hop_limit;
	if (m->reachable_ms && m->reachable_ms <= REACHABLE_MAX)
		ac->reachable = m->reachable_ms * MT_MS;
	if (m->retrans_ms)
		ac->retrans = between(m->retrans_ms, RETRANS_MIN, RETRANS_MAX) * MT_MS;
	if (m->mtu >= IPV6_MTU_MIN && m->mtu <= sc->nic->mtu)
		ac->mtu = (uint16_t)m->mtu;
}

void autoconf_input(struct stack_core *sc, const struct ip_hdr *ip, const struct ndp_msg *m,
		    mt_time now)
{
	struct autoconf *ac = &sc->autoconf;
	unsigned known = router_find(ac, &ip->src);

	ac->heard = true;
	take_parameters(sc, m);
	if (m->router_lifetime)
		router_add(sc, &ip->src, now + m->router_lifetime * MT_SEC);
	else if (known < ac->n_routers)
		router_remove(sc, known);
	for (unsigned i = 0; i < m->n_prefixes; i++)
		take_prefix(sc, &m->prefix[i], now);
	arm(sc, now);
}
