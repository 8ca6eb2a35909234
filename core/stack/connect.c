// SPDX-License-Identifier: BSD-3-Clause
/* Active opens: source address, source port, first sequence number. */
#include <errno.h>

#include "stack/trace_put.h"

#define QUICK_LOOKUPS 64 /* per address, before any address is searched whole */
#define ALL_LOOKUPS   UINT32_MAX
#define RETRY_AFTER   (10 * MT_MS) /* a search that found nothing is not repeated sooner */
#define RETRY_LOOKUPS 1024u	   /* until then: over all addresses */

struct port_search {
	struct siphash_key key;
	uint64_t n_searches;
	/* The last search in vain: certain until the flow table changes, likely for a while. */
	struct ip_endpoint full_remote;
	struct ip_addr full_local;
	uint64_t full_changes;
	mt_time full_until;
	struct toeplitz rss; /* filled if this core must choose ports that come back to it */
	bool by_rss;
};

struct pick {
	struct flow flow;
	uint64_t hash;
	bool reused; /* a TIME-WAIT record's place: the sequence number has a lower bound */
	tcp_seq min_iss;
	struct ip_addr local; /* asked for; unspecified: any of ours */
	uint16_t port_min, port_max;
	mt_time now;
};

size_t port_search_bytes(void)
{
	return sizeof(struct port_search);
}

void port_search_init(struct stack_core *sc, void *mem)
{
	struct port_search *ps = mem;

	ps->key = (struct siphash_key){rng_next(&sc->rng), rng_next(&sc->rng)};
	ps->n_searches = 0;
	ps->full_until = 0;
	ps->by_rss = sc->cfg.n_queues > 1 && sc->nic->rss_known;
	if (ps->by_rss)
		toeplitz_init(&ps->rss, sc->nic->rss_key);
	sc->ports = ps;
}

/* What a device hashes of the remote's frames to (address, port 0), and where in it our port
 * stands. Toeplitz is linear: a port adds its share. */
struct rss_base {
	uint32_t hash;
	unsigned port_at;
};

static struct rss_base rss_base(const struct port_search *ps, const struct flow *f)
{
	size_t len = ip_is_v4(&f->remote) ? 4 : 16;
	uint8_t in[36] = {0};

	memcpy(in, f->remote.b + 16 - len, len);
	memcpy(in + len, f->local.b + 16 - len, len);
	in[2 * len] = (uint8_t)(f->rport >> 8);
	in[2 * len + 1] = (uint8_t)f->rport;
	return (struct rss_base){
		.hash = toeplitz_hash(&ps->rss, in, 2 * len + 4),
		.port_at = (unsigned)(2 * len + 2),
	};
}

static bool comes_back(const struct stack_core *sc, const struct rss_base *base, uint16_t port)
{
	const struct port_search *ps = sc->ports;
	uint32_t h = base->hash ^ ps->rss.lut[base->port_at][port >> 8] ^
		     ps->rss.lut[base->port_at + 1][port & 0xff];

	return nic_rx_queue(sc->nic, h) == sc->cfg.queue;
}

/* Is this flow unused, or in a TIME-WAIT that may be cut short? quick: what its tag says will do,
 * without a look at the cold block of the connection that it is almost always of. */
static bool usable(struct stack_core *sc, struct pick *p, bool quick)
{
	uint32_t id;

	p->hash = flow_hash(&sc->flows, &p->flow);
	id = flow_candidate(&sc->flows, p->hash);
	if (id == FLOW_NONE)
		return true;
	if (quick && !(id & (FLOW_TW | FLOW_SYN)))
		return false;
	id = flow_find(&sc->flows, p->hash, &p->flow);
	if (id == FLOW_NONE)
		return true;
	if (!(id & FLOW_TW) ||
	    !tcp_tw_reusable(&time_wait_at(sc, id & ~FLOW_TW)->tw, p->now, &p->min_iss))
		return false;
	time_wait_remove(sc, id & ~FLOW_TW, p->hash);
	sc->stats.time_wait_reused++;
	p->reused = true;
	return true;
}

/* Primes above any number of ports, so coprime to it: the steps from one try to the next. */
static const uint32_t steps[16] = {
	79164341u,   1661633489u, 249276227u,  1467853613u, 1472471857u, 1838924953u,
	1736773789u, 1795311883u, 949798471u,  1163998909u, 1156229u,	 371659163u,
	181213061u,  136471571u,  1692427339u, 1470355787u,
};

/* RFC 6056 3.3.2: each try another random port, here along a random permutation of the range, so
 * that a search as long as the range finds the last free one. False after max_lookups lookups or
 * all ports. */
static bool search_ports(struct stack_core *sc, struct pick *p, uint32_t max_lookups)
{
	struct port_search *ps = sc->ports;
	uint32_t n = (uint32_t)p->port_max - p->port_min + 1;
	bool quick = max_lookups != ALL_LOOKUPS;
	struct rss_base base = {0};
	uint64_t draw[2] = {ps->n_searches++, p->flow.remote.d[1] ^ p->flow.rport};
	uint64_t random = siphash(&ps->key, draw, sizeof(draw));
	uint32_t at = (uint32_t)random % n, step = steps[random >> 60];

	if (ps->by_rss)
		base = rss_base(ps, &p->flow);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t port = (uint16_t)(p->port_min + at);

		if (!ps->by_rss || comes_back(sc, &base, port)) {
			p->flow.lport = port;
			if (usable(sc, p, quick))
				return true;
			if (--max_lookups == 0)
				return false;
		}
		at = (at + step) % n;
	}
	return false;
}

/* Tries the source addresses in turn; hop: only those in its prefix, or NULL: all. */
static bool search_v4(struct stack_core *sc, struct pick *p, const struct ip_addr *hop,
		      uint32_t max_lookups)
{
	struct addr_table *t = &sc->addrs;

	for (uint16_t i = 0; i < t->n_src; i++) {
		const struct stack_addr *a = &t->addr[t->src[t->next_src]];

		t->next_src = (uint16_t)(t->next_src + 1 < t->n_src ? t->next_src + 1 : 0);
		if (hop && !addr_on_prefix(a, hop))
			continue;
		p->flow.local = a->addr;
		if (search_ports(sc, p, max_lookups))
			return true;
	}
	return false;
}

/* RFC 6724 5: the remote's scope (rule 2), not deprecated (rule 3), the longest prefix (rule 8); as
 * a number, greater is better. 0: not to be used. */
static unsigned preference(const struct addr_table *t, uint16_t i, const struct ip_addr *remote)
{
	const struct ip_addr *a = &t->addr[i].addr;

	if (ip_is_v4(a) || t->state[i] == ADDR_GONE ||
	    ip_is_link_local(a) != ip_is_link_local(remote))
		return 0;
	return 1 + ip_common_bits(a, remote) + (t->state[i] == ADDR_VALID ? 256 : 0);
}

/* Tries the source addresses that are preferred; near: only the best ones. */
static bool search_v6(struct stack_core *sc, struct pick *p, bool near, uint32_t max_lookups)
{
	const struct addr_table *t = &sc->addrs;
	unsigned best = 1;

	for (uint16_t i = 0; near && i < t->n; i++) {
		unsigned x = preference(t, i, &p->flow.remote);

		best = x > best ? x : best;
	}
	for (uint16_t i = 0; i < t->n; i++) {
		if (preference(t, i, &p->flow.remote) < best)
			continue;
		p->flow.local = t->addr[i].addr;
		if (search_ports(sc, p, max_lookups))
			return true;
	}
	return false;
}

static bool search_addrs(struct stack_core *sc, struct pick *p, const struct ip_addr *near,
			 uint32_t max_lookups)
{
	if (ip_is_v4(&p->flow.remote))
		return search_v4(sc, p, near, max_lookups);
	return search_v6(sc, p, near != NULL, max_lookups);
}

/* What a search of all ports found says nothing of one that was asked for, nor the other way round:
 * only the former is remembered, the latter is short. */
static bool whole_range(const struct stack_core *sc, const struct pick *p)
{
	return p->port_min == sc->cfg.port_min && p->port_max == sc->cfg.port_max;
}

static bool was_full(const struct stack_core *sc, const struct pick *p)
{
	const struct port_search *ps = sc->ports;

	return whole_range(sc, p) && p->now < ps->full_until &&
	       p->flow.rport == ps->full_remote.port &&
	       ip_eq(&p->flow.remote, &ps->full_remote.addr) && ip_eq(&p->local, &ps->full_local);
}

static void remember_full(struct stack_core *sc, const struct pick *p)
{
	struct port_search *ps = sc->ports;

	ps->full_local = p->local;
	ps->full_remote.addr = p->flow.remote;
	ps->full_remote.port = p->flow.rport;
	ps->full_changes = sc->flows.n_changes;
	ps->full_until = p->now + RETRY_AFTER;
}

static bool search(struct stack_core *sc, struct pick *p, const struct ip_addr *near,
		   uint32_t max_lookups)
{
	if (ip_is_any(&p->local))
		return search_addrs(sc, p, near, max_lookups);
	p->flow.local = p->local;
	return search_ports(sc, p, max_lookups);
}

/* O(1) while a share of the ports is free; O(ports x addresses) for the last one, and to find that
 * there is none: after that, a while long, only as much as a close between is likely to have freed.
 */
static bool pick_port(struct stack_core *sc, struct pick *p, const struct ip_addr *hop)
{
	bool chosen = sc->addrs.src_chosen && ip_is_v4(&p->flow.remote);
	const struct ip_addr *near = chosen ? NULL : hop;

	if (was_full(sc, p))
		return sc->flows.n_changes != sc->ports->full_changes &&
		       search(sc, p, NULL, RETRY_LOOKUPS / (uint32_t)sc->addrs.n);
	if (search(sc, p, near, QUICK_LOOKUPS) || search(sc, p, near, ALL_LOOKUPS) ||
	    (near && search(sc, p, NULL, ALL_LOOKUPS)))
		return true;
	if (whole_range(sc, p))
		remember_full(sc, p);
	return false;
}

static int64_t open_active(struct stack_core *sc, const struct pick *p)
{
	uint8_t local = (uint8_t)addr_find(&sc->addrs, &p->flow.local);
	struct conn *c = conn_new(sc, &p->flow, local, p->hash);
	struct tcp_open open;

	if (!c)
		return -ENOBUFS;
	conn_choose(sc, &p->flow, p->now, &open);
	if (p->reused)
		open.iss = seq_max(open.iss, p->min_iss);
	tcp_open_active(&c->tcb, &sc->cfg.tcp, &open, p->now);
	c->flags |= CONN_OWNED;
	sc->stats.connects++;
	trace_call(sc, c, TRACE_CALL_CONNECT, 0, p->now);
	conn_settle(sc, c, p->now, 0);
	return c->id;
}

static int check_remote(const struct stack_core *sc, const struct ip_endpoint *remote,
			struct ip_addr *hop)
{
	if (!remote->port)
		return -EADDRNOTAVAIL;
	if (ip_is_any(&remote->addr) || ip_is_multicast(&remote->addr) ||
	    ip_is_reserved4(&remote->addr) || ip_is_loopback6(&remote->addr) ||
	    addr_find(&sc->addrs, &remote->addr) != ADDR_NONE ||
	    !route_next_hop(&sc->routes, &remote->addr, hop))
		return -ENETUNREACH;
	return 0;
}

int64_t stack_connect(struct stack_core *sc, const struct ip_endpoint *local,
		      const struct ip_endpoint *remote, mt_time now)
{
	bool any_addr = !local || ip_is_any(&local->addr);
	bool any_port = !local || !local->port;
	struct pick p = {
		.flow.remote = remote->addr,
		.flow.rport = remote->port,
		.port_min = any_port ? sc->cfg.port_min : local->port,
		.port_max = any_port ? sc->cfg.port_max : local->port,
		.now = now,
	};
	struct ip_addr hop;
	int err = check_remote(sc, remote, &hop);
	bool found;

	if (err)
		return err;
	if (!any_addr && addr_find(&sc->addrs, &local->addr) == ADDR_NONE)
		return -EADDRNOTAVAIL;
	if (!any_addr && ip_is_v4(&local->addr) != ip_is_v4(&remote->addr))
		return -ENETUNREACH;
	if (now > sc->turn_at)
		sc->turn_at = now;
	if (!conn_room(sc)) {
		sc->stats.no_conn++;
		return -ENOBUFS;
	}
	if (!any_addr)
		p.local = local->addr;
	found = pick_port(sc, &p, &hop);
	if (found)
		return open_active(sc, &p);
	sc->stats.no_port++;
	return any_port ? -EADDRNOTAVAIL : -EADDRINUSE;
}

static struct ip_addr source_at(const struct ip_addr *base, uint32_t i)
{
	return ip_from_v4(ip_to_v4(base) + i);
}

/* An address that a host may have (RFC 1122 3.2.1.3). */
static bool is_hosts(const struct ip_addr *a)
{
	return a->b[12] != 0 && a->b[12] != 127 && !ip_is_multicast(a) && !ip_is_reserved4(a);
}

/* All n, or none of them. */
static int check_sources(const struct addr_table *t, const struct ip_addr *base, uint32_t n)
{
	uint32_t n_new = 0;

	if (ip_to_v4(base) > UINT32_MAX - n)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		struct ip_addr a = source_at(base, i);

		if (!is_hosts(&a))
			return -EINVAL;
		n_new += addr_index(t, &a) == ADDR_NONE;
	}
	return n_new > (uint32_t)(STACK_MAX_ADDRS - t->n) ? -ENOBUFS : 0;
}

int stack_set_sources(struct stack_core *sc, const struct ip_addr *base, uint32_t n)
{
	struct addr_table *t = &sc->addrs;
	int err;

	if (ip_is_any(base)) {
		addr_use_configured(t);
		return 0;
	}
	if (!n || n > STACK_MAX_ADDRS || !ip_is_v4(base))
		return -EINVAL;
	err = check_sources(t, base, n);
	if (err)
		return err;
	for (uint32_t i = 0; i < n; i++) {
		struct stack_addr a = {.addr = source_at(base, i), .prefix = 32};

		t->src[i] = addr_add(t, &a);
	}
	t->n_src = (uint16_t)n;
	t->next_src = 0;
	t->src_chosen = true;
	return 0;
}
