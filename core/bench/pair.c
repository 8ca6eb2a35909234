// SPDX-License-Identifier: BSD-3-Clause
#include "pair.h"

#include <stdlib.h>
#include <string.h>

#define TURN_NS (10 * MT_US)
#define CLAIMED (3 * MT_SEC) /* no address is tentative any more */
#define TAKEN	64

static uint16_t rx(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct pair_end *e = dev;
	uint16_t k = 0;

	(void)queue;
	while (k < n && e->head != e->tail)
		p[k++] = e->in[e->head++ % PAIR_FRAMES];
	return k;
}

static uint16_t tx(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct pair_end *to = ((struct pair_end *)dev)->peer;
	uint16_t k = 0;

	(void)queue;
	while (k < n && to->tail - to->head < PAIR_FRAMES)
		to->in[to->tail++ % PAIR_FRAMES] = p[k++];
	return k;
}

static uint16_t alloc(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct pair *pair = ((struct pair_end *)dev)->pair;
	uint16_t k = 0;

	(void)queue;
	for (; k < n && pair->n_unused; k++)
		p[k] = (struct nic_pkt){.data = pair->unused[--pair->n_unused]};
	return k;
}

static void release(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct pair *pair = ((struct pair_end *)dev)->pair;

	(void)queue;
	for (uint16_t i = 0; i < n; i++)
		pair->unused[pair->n_unused++] = p[i].data;
}

static const struct nic_ops ops = {
	.rx_burst = rx, .tx_burst = tx, .alloc = alloc, .release = release};

struct stack_config pair_config(void)
{
	struct stack_config cfg = stack_config_default;

	cfg.n_conns = PAIR_CONNS;
	cfg.n_half_open = PAIR_CONNS;
	cfg.n_time_wait = PAIR_CONNS;
	cfg.buf_bytes = 64u << 20;
	return cfg;
}

static void open_end(struct pair_end *e, const struct stack_config *base)
{
	struct stack_addr addr = {.addr = e->addr, .prefix = ip_is_v4(&e->addr) ? 24 : 64};
	struct stack_config cfg = *base;
	const char *err;
	size_t len;

	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	len = stack_core_bytes(&cfg);
	e->mem = aligned_alloc(64, (len + 63) & ~(size_t)63);
	e->sc = e->mem ? stack_core_init(e->mem, len, &cfg, &e->nic, &err) : NULL;
	if (!e->sc)
		bench_fail("no core");
}

static void join_end(struct pair *p, struct pair_end *e, struct pair_end *peer, uint8_t station)
{
	e->nic = (struct nic){
		.ops = &ops, .dev = e, .mac = {2, 0, 0, 0, 0, station}, .mtu = 1500, .n_queues = 1};
	e->pair = p;
	e->peer = peer;
}

/* any: the listener's address. */
static void set_up(struct pair *p, const struct stack_config *client,
		   const struct stack_config *server, const struct ip_endpoint *any)
{
	p->now = MT_SEC;
	for (; p->n_unused < 4 * PAIR_FRAMES; p->n_unused++)
		p->unused[p->n_unused] = p->frames[p->n_unused];
	join_end(p, &p->client, &p->server, 1);
	join_end(p, &p->server, &p->client, 2);
	if (client)
		open_end(&p->client, client);
	open_end(&p->server, server);
	p->lid = (uint32_t)stack_listen(p->server.sc, any, 1024, p->now);
}

struct pair *pair_new(const struct stack_config *client, const struct stack_config *server)
{
	const struct ip_endpoint any = {.addr = ip_from_v4(0), .port = PAIR_PORT};
	struct pair *p = bench_alloc(sizeof(*p));

	p->client.addr = ip_from_v4(0x0a000001);
	p->server.addr = ip_from_v4(0x0a000002);
	set_up(p, client, server, &any);
	return p;
}

void pair_free(void *pair)
{
	struct pair *p = pair;

	free(p->client.mem);
	free(p->server.mem);
	free(p);
}

static void in(struct stack_core *sc, mt_time now)
{
	if (stack_rx(sc))
		stack_input(sc, now);
	stack_timers(sc, now);
}

BENCH_APART void client_in(struct pair *p)
{
	in(p->client.sc, p->now);
}

BENCH_APART void client_out(struct pair *p)
{
	stack_tx(p->client.sc, p->now);
}

BENCH_APART void server_in(struct pair *p)
{
	in(p->server.sc, p->now);
}

BENCH_APART void server_out(struct pair *p)
{
	stack_tx(p->server.sc, p->now);
}

void pair_turn_client(struct pair *p, void (*app)(struct pair *))
{
	client_in(p);
	client_out(p);
	app(p);
}

void pair_turn_server(struct pair *p, void (*app)(struct pair *))
{
	server_in(p);
	server_out(p);
	app(p);
	p->now += TURN_NS;
}

static void nothing(struct pair *p)
{
	struct stack_event ev[64];

	(void)p;
	while (stack_events(p->client.sc, ev, 64))
		;
	while (stack_accept(p->server.sc, p->lid) >= 0)
		;
	while (stack_events(p->server.sc, ev, 64))
		;
}

void pair_connect(struct pair *p, unsigned n)
{
	const struct ip_endpoint server = {.addr = p->server.addr, .port = PAIR_PORT};

	for (unsigned i = 0; i < n; i++) {
		if (stack_connect(p->client.sc, NULL, &server, p->now) < 0)
			bench_fail("cannot connect");
		pair_turn_client(p, nothing);
		pair_turn_server(p, nothing);
	}
	/* beyond every delayed ACK */
	for (unsigned i = 0; i < 20000; i++) {
		pair_turn_client(p, nothing);
		pair_turn_server(p, nothing);
	}
}

struct pair *pair_new_v6(const struct stack_config *client, const struct stack_config *server)
{
	static const uint8_t net[16] = {0x20, 0x01, 0x0d, 0xb8};
	const struct ip_endpoint any = {.port = PAIR_PORT};
	struct pair *p = bench_alloc(sizeof(*p));

	p->client.addr = p->server.addr = ip_from_v6(net);
	p->client.addr.b[15] = 1;
	p->server.addr.b[15] = 2;
	set_up(p, client, server, &any);
	for (mt_time end = p->now + CLAIMED; p->now < end; p->now += MT_MS) {
		pair_turn_client(p, nothing);
		pair_turn_server(p, nothing);
	}
	return p;
}

static struct eth_addr mac_of(const struct pair_end *e)
{
	struct eth_addr mac;

	memcpy(mac.b, e->nic.mac, sizeof(mac.b));
	return mac;
}

void pair_put(struct pair *p, const struct flow *f, const struct tcp_seg *s)
{
	const struct ip_hdr ip = {.src = f->local,
				  .dst = f->remote,
				  .proto = IP_TCP,
				  .ttl = 64,
				  .payload_len = (uint16_t)tcp_hdr_len(s)};
	const struct eth_hdr eth = {mac_of(&p->server), mac_of(&p->client), ETH_IPV4};
	struct nic_pkt pkt;
	size_t len;

	if (!alloc(&p->client, 0, &pkt, 1))
		bench_fail("no frame");
	len = eth_build(pkt.data, &eth);
	len += ipv4_build(pkt.data + len, &ip);
	len += tcp_build(pkt.data + len, f, s);
	pkt.len = (uint16_t)len;
	if (!tx(&p->client, 0, &pkt, 1))
		bench_fail("the wire is full");
}

unsigned pair_take(struct pair *p, void (*heard)(void *arg, const struct nic_pkt *), void *arg)
{
	struct nic_pkt got[TAKEN];
	unsigned n = 0;
	uint16_t k;

	for (; (k = rx(&p->client, 0, got, TAKEN)) > 0; n += k) {
		for (uint16_t i = 0; heard && i < k; i++)
			heard(arg, &got[i]);
		release(&p->client, 0, got, k);
	}
	return n;
}
