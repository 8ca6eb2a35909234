// SPDX-License-Identifier: BSD-3-Clause
/* The device, and time. */
#include "plugin.h"

#include "wire/ipv6.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS_MAX 64 /* of one instant: more would be a stack that never rests */

static const struct eth_addr our_mac = {{2, 0, 0, 0, 0, 1}}, peer_mac = {{2, 0, 0, 0, 0, 2}};

/* ---- queues ---- */

static bool push(struct pd_queue *q, struct pd_packet p)
{
	if (q->tail - q->head == PD_PACKETS)
		return false;
	q->p[q->tail++ % PD_PACKETS] = p;
	return true;
}

static bool empty(const struct pd_queue *q)
{
	return q->head == q->tail;
}

/* ---- the device ---- */

static uint16_t rx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct pd *pd = dev;
	uint16_t k = 0;

	(void)queue;
	for (; k < n && !empty(&pd->in); k++) {
		const struct pd_packet *p = &pd->in.p[pd->in.head++ % PD_PACKETS];

		pkts[k] = (struct nic_pkt){
			.data = p->frame, .handle = p->frame, .len = (uint16_t)p->len};
	}
	return k;
}

/* What a script sees. Neighbours are static: ARP, and IPv6's discovery and group reports, are only
 * announcements of an address. */
static bool told(const uint8_t *frame)
{
	uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);
	const uint8_t *ip = frame + ETH_HLEN;

	if (type != ETH_IPV6)
		return type == ETH_IPV4;
	return ip[6] != 0 && (ip[6] != IP_ICMPV6 || ip[IPV6_HLEN] < 130);
}

static uint16_t tx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct pd *pd = dev;
	uint16_t k = 0;

	(void)queue;
	for (; k < n; k++) {
		struct pd_packet p = {.len = pkts[k].len, .at = pd->now, .frame = pkts[k].handle};

		if (!told(p.frame))
			free(p.frame);
		else if (!push(&pd->out, p))
			break;
	}
	return k;
}

static uint16_t alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	uint16_t k = 0;

	(void)dev, (void)queue;
	for (; k < n; k++) {
		uint8_t *frame = malloc(PD_ROOM);

		if (!frame)
			break;
		pkts[k] = (struct nic_pkt){.data = frame, .handle = frame};
	}
	return k;
}

static void release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	(void)dev, (void)queue;
	for (uint16_t i = 0; i < n; i++)
		free(pkts[i].handle);
}

static const struct nic_ops ops = {
	.rx_burst = rx_burst, .tx_burst = tx_burst, .alloc = alloc, .release = release};

void net_open(struct pd *pd)
{
	struct stack_neigh_entry neigh = {.addr = pd->addr.addr, .mac = peer_mac};
	struct stack_route route = {.prefix = 0};
	const char *err = "out of memory";
	size_t len;

	neigh.addr.b[15] ^= 1;
	route.gateway = neigh.addr;
	if (ip_is_v4(&neigh.addr))
		route.net = ip_from_v4(0);
	pd->nic.ops = &ops;
	pd->nic.dev = pd;
	pd->nic.n_queues = 1;
	memcpy(pd->nic.mac, our_mac.b, sizeof(our_mac.b));
	pd->cfg.addrs = &pd->addr;
	pd->cfg.n_addrs = 1;
	pd->cfg.routes = &route;
	pd->cfg.n_routes = 1;
	pd->cfg.neighs = &neigh;
	pd->cfg.n_neighs = 1;
	len = stack_core_bytes(&pd->cfg);
	pd->mem = aligned_alloc(64, len);
	pd->sc = pd->mem ? stack_core_init(pd->mem, len, &pd->cfg, &pd->nic, &err) : NULL;
	if (!pd->sc) {
		fprintf(stderr, "mtcp plug-in: %s\n", err);
		exit(3);
	}
	net_settle(pd);
}

void net_close(struct pd *pd)
{
	stack_core_fini(pd->sc);
	free(pd->mem);
	while (!empty(&pd->in))
		free(pd->in.p[pd->in.head++ % PD_PACKETS].frame);
	while (!empty(&pd->out))
		free(pd->out.p[pd->out.head++ % PD_PACKETS].frame);
}

/* ---- time ---- */

static _Thread_local bool looking; /* woken by let_look, which waits for this thread */

/* Every sleeper looks at what is new before time goes on. Called with the lock. */
static void let_look(struct pd *pd)
{
	pd->n_to_look = pd->n_asleep;
	pd->n_wakes++;
	pthread_cond_broadcast(&pd->changed);
	while (pd->n_to_look)
		pthread_cond_wait(&pd->looked, &pd->lock);
}

mt_time net_settle(struct pd *pd)
{
	mt_time next = pd->now;

	for (unsigned i = 0; i < TURNS_MAX && next <= pd->now; i++)
		next = stack_poll(pd->sc, pd->now);
	poll_edges(pd);
	return next > pd->now ? next : pd->now + MT_US;
}

/* The core's next instant, or a sleeper's timeout. */
static mt_time next_instant(struct pd *pd)
{
	mt_time next = net_settle(pd);

	for (unsigned i = 0; i < PD_WAITERS; i++) {
		if (pd->deadline[i])
			next = mt_min(next, pd->deadline[i]);
	}
	return next;
}

void net_run_until(struct pd *pd, mt_time at)
{
	let_look(pd);
	for (;;) {
		mt_time next = next_instant(pd);

		let_look(pd);
		if (next > at)
			break;
		pd->now = next > pd->now ? next : pd->now;
		net_settle(pd);
		let_look(pd);
	}
	pd->now = at > pd->now ? at : pd->now;
}

/* For the mover itself: time goes on until `until` or the next event, whichever is sooner. */
static int go_on(struct pd *pd, mt_time until)
{
	mt_time next = mt_min(next_instant(pd), mt_min(until, pd->now + pd->horizon));

	if (pd->now >= until)
		return -EAGAIN;
	if (next == pd->now + pd->horizon)
		return -EDEADLK; /* nobody else could end this wait */
	net_run_until(pd, next);
	return 0;
}

/* When the calling thread's last wait ended: it asks for the time once it has returned, and the
 * mover may be far ahead by then. 0: no such wait. */
static _Thread_local mt_time woken_at;

void net_looked(struct pd *pd)
{
	if (!looking)
		return;
	looking = false;
	woken_at = pd->now;
	if (--pd->n_to_look == 0)
		pthread_cond_signal(&pd->looked);
}

int net_wait(struct pd *pd, mt_time until)
{
	uint64_t seen = pd->n_wakes;
	unsigned slot = 0;

	if (pthread_equal(pthread_self(), pd->mover))
		return go_on(pd, until);
	if (pd->now >= until)
		return -EAGAIN;
	while (until != MT_NEVER && pd->deadline[slot]) {
		if (++slot == PD_WAITERS)
			return -ENOBUFS;
	}
	if (until != MT_NEVER)
		pd->deadline[slot] = until;
	net_looked(pd);
	pd->n_asleep++;
	while (pd->n_wakes == seen)
		pthread_cond_wait(&pd->changed, &pd->lock);
	pd->n_asleep--;
	looking = true;
	if (until != MT_NEVER)
		pd->deadline[slot] = 0;
	return 0;
}

mt_time net_time(struct pd *pd)
{
	mt_time at = woken_at;

	pd->now += MT_US; /* whoever asks in a loop must see time move */
	woken_at = 0;
	return at ? at : pd->now;
}

/* ---- packets ---- */

int net_send(struct pd *pd, const void *packet, size_t len)
{
	struct pd_packet p = {.len = (uint32_t)len + ETH_HLEN};
	struct eth_hdr eth = {.dst = our_mac, .src = peer_mac, .type = ETH_IPV4};

	if (len == 0 || len > UINT16_MAX - ETH_HLEN)
		return -EMSGSIZE;
	if (*(const uint8_t *)packet >> 4 == 6)
		eth.type = ETH_IPV6;
	p.frame = malloc(PD_ROOM);
	if (!p.frame)
		return -ENOMEM;
	eth_build(p.frame, &eth);
	memcpy(p.frame + ETH_HLEN, packet, len);
	if (!push(&pd->in, p)) {
		free(p.frame);
		return -ENOBUFS;
	}
	net_settle(pd);
	let_look(pd);
	net_settle(pd);
	return 0;
}

int net_receive(struct pd *pd, void *packet, size_t *len, long long *time_usecs)
{
	mt_time limit = pd->now + pd->horizon;
	const struct pd_packet *p;

	let_look(pd);
	while (empty(&pd->out)) {
		mt_time next = next_instant(pd);

		if (!empty(&pd->out))
			break;
		if (next > limit) {
			*len = 0;
			return 0;
		}
		net_run_until(pd, next);
	}
	p = &pd->out.p[pd->out.head % PD_PACKETS];
	if (p->len - ETH_HLEN > *len)
		return -EMSGSIZE;
	pd->out.head++;
	*len = p->len - ETH_HLEN;
	*time_usecs = PD_EPOCH * 1000000ll + (long long)(p->at / MT_US);
	memcpy(packet, p->frame + ETH_HLEN, *len);
	free(p->frame);
	return 0;
}
