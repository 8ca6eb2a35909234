// SPDX-License-Identifier: BSD-3-Clause
#include "stack/trace_put.h"

#define TIMER_BUDGET 256 /* timers, half-open and TIME-WAIT records each that a turn deals with */

const struct stack_config stack_config_default = {
	.n_conns = 16384,
	.n_listeners = 64,
	.n_half_open = 4096,
	.n_time_wait = 16384,
	.n_neigh = 1024,
	.frag_datagrams = 64,
	.buf_bytes = 64u << 20,
	.time_wait_ms = 0,
	.queue = 0,
	.n_queues = 1,
	.trace_events = 8,
	.port_min = 1024,
	.port_max = 65535,
	.seed = 1,
	.ack_data_fin_priority = true,
	.syn_cookies = SYN_COOKIES_ON,
	.fastopen = FASTOPEN_CLIENT | FASTOPEN_SERVER,
};

/* Where everything lies in the one region: offsets, and the total. */
struct layout {
	size_t conns, half_opens, time_waits, owns, colds, listeners, flows, bufs, units, heads,
		neighs, ports, traces, frags, end;
	size_t unlinked; /* before it lies all that stands on lists (base/rlist.h) */
};

static size_t take(size_t *at, size_t bytes)
{
	size_t here = *at;

	*at = (here + bytes + 63) & ~(size_t)63;
	return here;
}

static uint32_t listen_slots(const struct stack_config *cfg)
{
	uint32_t n = 1;

	while (n < cfg->n_listeners)
		n <<= 1;
	return n;
}

static uint64_t n_flows(const struct stack_config *cfg)
{
	return (uint64_t)cfg->n_conns + cfg->n_half_open + cfg->n_time_wait;
}

static size_t buf_bytes(const struct stack_config *cfg)
{
	return cfg->buf_bytes & ~(size_t)(BUFMEM_UNIT - 1);
}

static struct layout lay_out(const struct stack_config *cfg)
{
	struct layout l;
	size_t at = 0;

	take(&at, sizeof(struct stack_core));
	l.heads = take(&at, listen_slots(cfg) * sizeof(uint32_t));
	l.ports = take(&at, port_search_bytes());
	l.listeners = take(&at, pool_bytes(sizeof(struct listener), cfg->n_listeners));
	l.neighs = take(&at, neigh_bytes(cfg->n_neigh));
	l.frags = take(&at, reass_bytes(cfg));
	l.conns = take(&at, pool_bytes(sizeof(struct conn), cfg->n_conns));
	l.unlinked = at;
	l.flows = take(&at, flow_table_bytes(n_flows(cfg)));
	l.half_opens = take(&at, pool_bytes(sizeof(struct half_open), cfg->n_half_open));
	l.time_waits = take(&at, pool_bytes(sizeof(struct time_wait), cfg->n_time_wait));
	l.owns = take(&at, pool_bytes(sizeof(struct tcp_own), cfg->n_conns));
	l.colds = take(&at, pool_bytes(sizeof(struct tcp_cold), cfg->n_conns));
	l.traces = take(&at, trace_bytes(cfg));
	l.units = take(&at, bufmem_units_bytes(buf_bytes(cfg)));
	l.bufs = take(&at, buf_bytes(cfg));
	l.end = at;
	return l;
}

size_t stack_core_bytes(const struct stack_config *cfg)
{
	return lay_out(cfg).end;
}

void stack_core_table(const struct stack_config *cfg, size_t *at, size_t *len)
{
	*at = lay_out(cfg).flows;
	*len = flow_table_bytes(n_flows(cfg));
}

/* The default cannot name another file's constant: a zero tcp.cc stands for tcp_config_default. */
static struct tcp_config tcp_of(const struct stack_config *cfg)
{
	return cfg->tcp.cc ? cfg->tcp : tcp_config_default;
}

static const char *wrong_sizes(const struct stack_config *cfg)
{
	const struct tcp_config tcp = tcp_of(cfg);

	if (!cfg->n_conns || cfg->n_conns >= FLOW_SYN)
		return "n_conns must be 1..2^30-1";
	if (!cfg->n_half_open || cfg->n_half_open >= FLOW_SYN)
		return "n_half_open must be 1..2^30-1";
	if (cfg->n_time_wait >= FLOW_SYN)
		return "n_time_wait must be below 2^30";
	if (!cfg->n_listeners || cfg->n_listeners > 65536)
		return "n_listeners must be 1..65536";
	if (!cfg->n_neigh || cfg->n_neigh > NEIGH_MAX)
		return "n_neigh must be 1..2^20";
	if (cfg->buf_bytes < BUFMEM_UNIT || cfg->buf_bytes / BUFMEM_UNIT >= BUFMEM_NONE)
		return "buf_bytes must be 256 B..1 TiB";
	if (tcp.rcvbuf > 1u << 30 || tcp.sndbuf > 1u << 30 || !tcp.rcvbuf || !tcp.sndbuf)
		return "rcvbuf and sndbuf must be 1 B..1 GiB";
	if (tcp.rcvbuf_max > 1u << 30 || tcp.sndbuf_max > 1u << 30)
		return "rcvbuf_max and sndbuf_max must be at most 1 GiB";
	if (lay_out(cfg).unlinked >= RLIST_REACH)
		return "n_conns must be below about 60 million";
	if (cfg->vlan > 4094)
		return "vlan must be 0..4094";
	if (cfg->frag_datagrams > REASS_MAX_DATAGRAMS)
		return "frag_datagrams must be at most 1024";
	if (cfg->trace_events > TRACE_MAX || (cfg->trace_events & (cfg->trace_events - 1)))
		return "trace_events must be 0 or a power of two up to 256";
	if (cfg->rx_batch > STACK_MAX_BATCH || cfg->tx_batch > STACK_MAX_BATCH)
		return "rx_batch and tx_batch must be at most 256";
	return NULL;
}

static bool uses_v6(const struct stack_config *cfg)
{
	for (uint16_t i = 0; i < cfg->n_addrs; i++) {
		if (!ip_is_v4(&cfg->addrs[i].addr))
			return true;
	}
	return cfg->ipv6_autoconf;
}

static bool host_addr(const struct ip_addr *a)
{
	return !ip_is_any(a) && !ip_is_multicast(a) && !ip_is_loopback6(a);
}

static uint8_t prefix_max(const struct ip_addr *a)
{
	return ip_is_v4(a) ? 32 : 128;
}

static const char *wrong_names(const struct stack_config *cfg, const struct nic *nic)
{
	if (!cfg->n_queues || cfg->queue >= cfg->n_queues)
		return "queue must be below n_queues";
	if (!cfg->port_min || cfg->port_min > cfg->port_max)
		return "port_min must be 1..port_max";
	if (cfg->n_addrs > STACK_MAX_ADDRS || (!cfg->n_addrs && !cfg->ipv6_autoconf))
		return "1..256 addresses are needed";
	if (cfg->n_addrs + uses_v6(cfg) > STACK_MAX_ADDRS)
		return "at most 255 addresses beside the link-local one, which IPv6 needs";
	if (cfg->n_routes > STACK_MAX_ROUTES)
		return "at most 64 routes";
	if (nic->mtu < 576)
		return "the device's MTU is below 576";
	if (nic->mtu < IPV6_MTU_MIN && uses_v6(cfg))
		return "the device's MTU is below 1280, which IPv6 needs";
	for (uint16_t i = 0; i < cfg->n_addrs; i++) {
		if (!host_addr(&cfg->addrs[i].addr) ||
		    cfg->addrs[i].prefix > prefix_max(&cfg->addrs[i].addr))
			return "an address is not a host's with its family's prefix";
	}
	for (uint16_t i = 0; i < cfg->n_routes; i++) {
		const struct stack_route *r = &cfg->routes[i];

		if (r->prefix > prefix_max(&r->net))
			return "a route's prefix is longer than an address";
		if (!ip_is_any(&r->gateway) && ip_is_v4(&r->gateway) != ip_is_v4(&r->net))
			return "a route's gateway is of the other family";
	}
	return NULL;
}

static bool same_flow(const void *owner, uint32_t id, const struct flow *f)
{
	const struct stack_core *sc = owner;

	if (!(id & (FLOW_TW | FLOW_SYN))) {
		const struct conn *c = core_conn(sc, id);

		return c->rport == f->rport && c->lport == f->lport &&
		       ip_eq(&c->remote, &f->remote) &&
		       ip_eq(&sc->addrs.addr[c->local].addr, &f->local);
	}
	return id & FLOW_SYN ? syn_queue_is(sc, id & ~FLOW_SYN, f)
			     : time_wait_is(sc, id & ~FLOW_TW, f);
}

static void record_flow(const void *owner, uint32_t id, struct flow *f)
{
	const struct stack_core *sc = owner;

	if (!(id & (FLOW_TW | FLOW_SYN)))
		*f = conn_flow(sc, core_conn(sc, id));
	else if (id & FLOW_SYN)
		*f = syn_queue_flow(sc, id & ~FLOW_SYN);
	else
		*f = time_wait_flow(sc, id & ~FLOW_TW);
}

static void record_prefetch(const void *owner, uint32_t id)
{
	const struct stack_core *sc = owner;

	if (!(id & (FLOW_TW | FLOW_SYN)))
		__builtin_prefetch(core_conn(sc, id));
	else if (id & FLOW_SYN)
		__builtin_prefetch(pool_at(&sc->half_opens, id & ~FLOW_SYN));
	else
		__builtin_prefetch(time_wait_at(sc, id & ~FLOW_TW));
}

static const struct flow_records records = {
	.same = same_flow, .flow = record_flow, .prefetch = record_prefetch};

static void init_memory(struct stack_core *sc, uint8_t *mem)
{
	const struct stack_config *cfg = &sc->cfg;
	struct layout l = lay_out(cfg);
	const struct tcp_config *t = &cfg->tcp;
	uint32_t most =
		max_u32(max_u32(t->rcvbuf, t->rcvbuf_max), max_u32(t->sndbuf, t->sndbuf_max));

	pool_init(&sc->conns, mem + l.conns, sizeof(struct conn), cfg->n_conns);
	pool_init_apart(&sc->half_opens, mem + l.half_opens, sizeof(struct half_open),
			cfg->n_half_open);
	pool_init_apart(&sc->time_waits, mem + l.time_waits, sizeof(struct time_wait),
			cfg->n_time_wait);
	pool_init(&sc->owns, mem + l.owns, sizeof(struct tcp_own), cfg->n_conns);
	pool_init(&sc->colds, mem + l.colds, sizeof(struct tcp_cold), cfg->n_conns);
	pool_init(&sc->listeners, mem + l.listeners, sizeof(struct listener), cfg->n_listeners);
	flow_table_init(&sc->flows, mem + l.flows, n_flows(cfg), &sc->rng);
	sc->flows.records = &records;
	sc->flows.owner = sc;
	bufmem_init(&sc->bufs, mem + l.bufs, buf_bytes(cfg), mem + l.units, bufmem_order(most));
	sc->listen_heads = (uint32_t *)(void *)(mem + l.heads);
	sc->listen_mask = listen_slots(cfg) - 1;
	for (uint32_t i = 0; i <= sc->listen_mask; i++)
		sc->listen_heads[i] = POOL_NONE;
	trace_init(sc, mem + l.traces);
	reass_init(sc, mem + l.frags);
	neigh_init(sc, mem + l.neighs);
	port_search_init(sc, mem + l.ports);
}

static void init_lists(struct stack_core *sc)
{
	rlist_init(&sc->starved);
	rlist_init(&sc->orphans);
	rlist_init(&sc->conn_events);
	rlist_init(&sc->listen_events);
	rlist_init(&sc->tx_opens);
	rlist_init(&sc->tx_deferred[0]);
	rlist_init(&sc->tx_deferred[1]);
	rlist_init(&sc->tx_unparked);
	for (size_t i = 0; i < sizeof(sc->tx_lists) / sizeof(sc->tx_lists[0]); i++)
		rlist_init(&sc->tx_lists[i]);
	sc->tw_oldest = sc->tw_newest = POOL_NONE;
	syn_queue_init(sc);
	wheel_init(&sc->wheel, 0);
}

static void add_address(struct stack_core *sc, const struct stack_addr *a)
{
	struct addr_table *t = &sc->addrs;
	uint16_t before = t->n;
	const struct stack_route link = {.net = a->addr, .prefix = a->prefix};

	(void)addr_add(t, a);
	if (t->n == before) /* said twice, or the table is full of addresses */
		return;
	if (a->prefix < prefix_max(&a->addr))
		route_add(&sc->routes, &link, false);
}

static const char *init_net(struct stack_core *sc, const struct stack_config *cfg)
{
	addr_table_init(&sc->addrs);
	sc->autoconf.on = uses_v6(cfg);
	autoconf_init(sc);
	for (uint16_t i = 0; i < cfg->n_addrs; i++)
		add_address(sc, &cfg->addrs[i]);
	sc->addrs.n_configured = sc->addrs.n;
	addr_use_configured(&sc->addrs);
	for (uint16_t i = 0; i < cfg->n_routes; i++)
		route_add(&sc->routes, &cfg->routes[i], false);
	for (uint16_t i = 0; i < cfg->n_neighs; i++) {
		if (!neigh_add_static(sc, &cfg->neighs[i].addr, &cfg->neighs[i].mac))
			return "more static neighbours than n_neigh";
	}
	return NULL;
}

struct stack_core *stack_core_init(void *mem, size_t len, const struct stack_config *cfg,
				   const struct nic *nic, const char **err)
{
	struct stack_core *sc = mem;

	*err = wrong_sizes(cfg);
	if (!*err)
		*err = wrong_names(cfg, nic);
	if (!*err && len < stack_core_bytes(cfg))
		*err = "the memory given is smaller than stack_core_bytes()";
	if (*err)
		return NULL;
	memset(sc, 0, sizeof(*sc));
	sc->cfg = *cfg;
	sc->cfg.tcp = tcp_of(cfg);
	sc->cfg.rx_batch = cfg->rx_batch ? cfg->rx_batch : 256;
	sc->cfg.tx_batch = cfg->tx_batch ? cfg->tx_batch : 128;
	sc->nic = nic;
	sc->vlan = cfg->vlan;
	memcpy(&sc->mac, nic->mac, sizeof(sc->mac));
	sc->eth = frame_eth_of(&(struct eth_addr){{0}}, &sc->mac);
	rng_seed(&sc->rng, cfg->seed);
	sc->open_key = (struct siphash_key){rng_next(&sc->rng), rng_next(&sc->rng)};
	tcp_cookie_init(&sc->cookies, &sc->rng);
	sc->label_secret = rng_next(&sc->rng);
	init_lists(sc);
	init_memory(sc, mem);
	*err = init_net(sc, cfg);
	return *err ? NULL : sc;
}

void stack_core_fini(struct stack_core *sc)
{
	const struct nic_ops *ops = sc->nic->ops;

	if (sc->n_rx)
		ops->release(sc->nic->dev, sc->cfg.queue, sc->rx, sc->n_rx);
	if (sc->n_out + sc->n_spare)
		ops->release(sc->nic->dev, sc->cfg.queue, sc->out,
			     (uint16_t)(sc->n_out + sc->n_spare));
	sc->n_rx = sc->n_out = sc->n_spare = 0;
}

void stack_timers(struct stack_core *sc, mt_time now)
{
	unsigned budget = TIMER_BUDGET;
	struct wheel_node *n;

	while ((n = wheel_pop(&sc->wheel, now, &budget)) != NULL) {
		sc->busy |= !n->idle;
		if (n->kind == TIMER_CONN)
			conn_timer(sc, container_of(n, struct conn, timer), now);
		else if (n->kind == TIMER_FRAG)
			reass_timer(sc, n);
		else if (n->kind == TIMER_AUTOCONF)
			autoconf_timer(sc, now);
		else
			neigh_timer(sc, container_of(n, struct neigh, timer), now);
	}
	syn_queue_expire(sc, now, TIMER_BUDGET);
	time_wait_expire(sc, now, TIMER_BUDGET);
}

mt_time stack_poll(struct stack_core *sc, mt_time now)
{
	stack_rx(sc);
	stack_input(sc, now);
	stack_timers(sc, now);
	return stack_tx(sc, now);
}

bool stack_was_busy(const struct stack_core *sc)
{
	return sc->busy;
}

const struct mtcp_stats *stack_stats(const struct stack_core *sc)
{
	return &sc->stats;
}

void stack_usage(const struct stack_core *sc, struct stack_usage *u)
{
	*u = (struct stack_usage){
		.conns = sc->conns.n_used,
		.time_wait = sc->time_waits.n_used,
		.listeners = sc->listeners.n_used,
		.neighs = sc->neighs.pool.n_used,
		.timers = sc->wheel.n_armed,
		.own = sc->owns.n_used,
		.cold = sc->colds.n_used,
		.half_open = sc->half_opens.n_used,
		.frags = sc->reass.datagrams.n_used,
		.buf_bytes = sc->bufs.used_bytes,
		.pkts_held = (size_t)sc->n_rx + sc->n_out + sc->n_spare,
	};
}
