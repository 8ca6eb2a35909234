// SPDX-License-Identifier: BSD-3-Clause
/* What a transaction costs: two cores on a wire of memory, connections of one 64-byte request and
 * one 64-byte answer that the server ends. Counted by an instruction counter from outside: with
 * `--transactions N` and 2N the difference is N transactions, both hosts, and nothing else.
 * `--trace-events N` sets the length of the event rings. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/stack.h"

#define FRAMES	    1024u
#define ROOM	    2048u
#define MESSAGE	    64u
#define CONCURRENCY 64u
#define PORT	    80u

struct end {
	struct nic nic;
	struct end *peer;
	struct nic_pkt in[FRAMES];
	uint32_t head, tail;
	struct stack_core *sc;
};

static uint8_t frames[4 * FRAMES][ROOM];
static uint8_t *unused[4 * FRAMES];
static uint32_t n_unused;
static struct stack_config cfg;

static uint16_t rx(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct end *e = dev;
	uint16_t k = 0;

	(void)queue;
	while (k < n && e->head != e->tail)
		p[k++] = e->in[e->head++ % FRAMES];
	return k;
}

static uint16_t tx(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	struct end *to = ((struct end *)dev)->peer;
	uint16_t k = 0;

	(void)queue;
	while (k < n && to->tail - to->head < FRAMES)
		to->in[to->tail++ % FRAMES] = p[k++];
	return k;
}

static uint16_t alloc(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	uint16_t k = 0;

	(void)dev, (void)queue;
	for (; k < n && n_unused; k++)
		p[k] = (struct nic_pkt){.data = unused[--n_unused]};
	return k;
}

static void release(void *dev, uint16_t queue, struct nic_pkt *p, uint16_t n)
{
	(void)dev, (void)queue;
	for (uint16_t i = 0; i < n; i++)
		unused[n_unused++] = p[i].data;
}

static const struct nic_ops ops = {
	.rx_burst = rx, .tx_burst = tx, .alloc = alloc, .release = release};

static void fail(const char *what)
{
	fprintf(stderr, "cost_transaction: %s\n", what);
	exit(1);
}

static void open_end(struct end *e, struct end *peer, uint8_t station)
{
	struct stack_addr addr = {.addr = ip_from_v4(0x0a000000u + station), .prefix = 24};
	const char *err;
	void *mem;

	e->nic = (struct nic){
		.ops = &ops, .dev = e, .mac = {2, 0, 0, 0, 0, station}, .mtu = 1500, .n_queues = 1};
	e->peer = peer;
	cfg.n_conns = 1024;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	mem = aligned_alloc(64, stack_core_bytes(&cfg));
	e->sc = mem ? stack_core_init(mem, stack_core_bytes(&cfg), &cfg, &e->nic, &err) : NULL;
	if (!e->sc)
		fail("no core");
}

static void serve(struct stack_core *sc, uint32_t lid, mt_time now)
{
	struct stack_event ev[64];
	unsigned n = stack_events(sc, ev, 64);
	char msg[MESSAGE];
	int64_t id;

	while ((id = stack_accept(sc, lid)) >= 0)
		;
	for (unsigned i = 0; i < n; i++) {
		if (ev[i].listener || stack_recv(sc, ev[i].id, msg, sizeof(msg), now) != MESSAGE)
			continue;
		if (stack_send(sc, ev[i].id, msg, sizeof(msg), now) != MESSAGE)
			fail("the server cannot send");
		stack_close(sc, ev[i].id, now);
	}
}

/* Number of transactions that ended. */
static unsigned ask(struct stack_core *sc, mt_time now)
{
	struct stack_event ev[64];
	unsigned n = stack_events(sc, ev, 64), n_done = 0;
	char msg[MESSAGE] = {0};

	for (unsigned i = 0; i < n; i++) {
		if (ev[i].ready & STACK_ERR)
			fail("a connection failed");
		if ((ev[i].edge & STACK_OUT) &&
		    stack_send(sc, ev[i].id, msg, sizeof(msg), now) != MESSAGE)
			fail("the client cannot send");
		if (!(ev[i].ready & STACK_IN))
			continue;
		while (stack_recv(sc, ev[i].id, msg, sizeof(msg), now) > 0)
			;
		if (ev[i].ready & STACK_RDHUP) {
			stack_close(sc, ev[i].id, now);
			n_done++;
		}
	}
	return n_done;
}

/* The value of option `name`, or dflt. */
static unsigned long option(int argc, char **argv, const char *name, unsigned long dflt)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], name) == 0)
			return strtoul(argv[i + 1], NULL, 10);
	}
	return dflt;
}

int main(int argc, char **argv)
{
	static struct end a, b;
	const struct ip_endpoint any = {.addr = ip_from_v4(0), .port = PORT};
	const struct ip_endpoint server = {.addr = ip_from_v4(0x0a000002), .port = PORT};
	unsigned long total = option(argc, argv, "--transactions", 0);
	unsigned long n_begun = 0, n_done = 0;
	mt_time now = MT_SEC;
	int64_t lid;

	if (!total)
		fail("usage: cost_transaction --transactions N [--trace-events N]");
	cfg = stack_config_default;
	cfg.trace_events =
		(uint16_t)option(argc, argv, "--trace-events", stack_config_default.trace_events);
	for (n_unused = 0; n_unused < 4 * FRAMES; n_unused++)
		unused[n_unused] = frames[n_unused];
	open_end(&a, &b, 1);
	open_end(&b, &a, 2);
	lid = stack_listen(b.sc, &any, 1024, now);
	while (n_done < total) {
		for (; n_begun < total && n_begun - n_done < CONCURRENCY; n_begun++) {
			if (stack_connect(a.sc, NULL, &server, now) < 0)
				fail("connect");
		}
		stack_poll(a.sc, now);
		n_done += ask(a.sc, now);
		stack_poll(b.sc, now);
		serve(b.sc, (uint32_t)lid, now);
		now += 10 * MT_US;
	}
	printf("%lu transactions, %llu segments of the client, %llu of the server\n", n_done,
	       (unsigned long long)stack_stats(a.sc)->tx_segs,
	       (unsigned long long)stack_stats(b.sc)->tx_segs);
	return 0;
}
