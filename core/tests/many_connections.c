// SPDX-License-Identifier: BSD-3-Clause
/* Very many connections in one process: two cores on a wire of memory, `--connections N` of them
 * from one to the other. All are opened, then one 64-byte message goes over each in turn and comes
 * back. Prints the rates, the resident memory of an idle connection's two ends, the slowest turn;
 * fails if anything was lost. Without a device and without an application: what the stack needs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "stack/stack.h"

#define FRAMES	 1024u /* in flight, each way */
#define ROOM	 256u
#define MESSAGE	 64u
#define OPENING	 256u /* at a time */
#define ASKING	 256u
#define PORT	 80u
#define PER_ADDR 40000u /* connections from one address */

struct end {
	struct nic nic;
	struct end *peer;
	struct nic_pkt in[FRAMES];
	uint32_t head, tail;
	struct stack_core *sc;
};

struct phase {
	const char *name;
	mt_time began, slowest;
	uint64_t n_turns, n_slow;
};

static uint8_t frames[4 * FRAMES][ROOM];
static uint8_t *unused[4 * FRAMES];
static uint32_t n_unused;
static struct end client, server;
static uint32_t *ids; /* of the client's connections, in order */
static uint32_t n_conns, n_opened, n_answered;

static void fail(const char *what)
{
	fprintf(stderr, "many_connections: %s\n", what);
	exit(1);
}

static mt_time now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mt_time)t.tv_sec * MT_SEC + (mt_time)t.tv_nsec;
}

/* ---- the wire ---- */

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

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("no memory");
	madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

/* The client's addresses are 10.0.1.0 and on, the server's 10.0.0.1. */
static void open_end(struct end *e, struct end *peer, const struct stack_config *cfg)
{
	uint8_t station = e == &client ? 1 : 2;
	const char *err;
	size_t bytes = stack_core_bytes(cfg);

	e->nic = (struct nic){
		.ops = &ops, .dev = e, .mac = {2, 0, 0, 0, 0, station}, .mtu = 1500, .n_queues = 1};
	e->peer = peer;
	e->sc = stack_core_init(map(bytes), bytes, cfg, &e->nic, &err);
	if (!e->sc)
		fail(err);
}

static void open_ends(uint16_t trace_events)
{
	struct stack_config cfg = stack_config_default;
	struct stack_addr from[STACK_MAX_ADDRS], at = {.addr = ip_from_v4(0x0a000001), .prefix = 8};

	cfg.n_conns = n_conns;
	cfg.n_half_open = 4 * OPENING;
	cfg.trace_events = trace_events;
	cfg.rx_batch = cfg.tx_batch = STACK_MAX_BATCH;
	cfg.addrs = &at;
	cfg.n_addrs = 1;
	open_end(&server, &client, &cfg);
	cfg.addrs = from;
	cfg.n_addrs = (uint16_t)(n_conns / PER_ADDR + 1);
	for (uint16_t i = 0; i < cfg.n_addrs; i++)
		from[i] = (struct stack_addr){.addr = ip_from_v4(0x0a000100u + i), .prefix = 8};
	open_end(&client, &server, &cfg);
}

/* ---- what is measured ---- */

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		fail("/proc/self/statm");
	fclose(f);
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void begin(struct phase *p, const char *name)
{
	*p = (struct phase){.name = name, .began = now_ns()};
}

/* One turn of a core. */
static void turn(struct phase *p, struct stack_core *sc)
{
	mt_time from = now_ns(), took;

	stack_poll(sc, from);
	took = now_ns() - from;
	p->slowest = took > p->slowest ? took : p->slowest;
	p->n_slow += took > 50 * MT_US + 256 * MT_US / 4; /* a full turn's work and 50 us more */
	p->n_turns++;
}

static void end(const struct phase *p)
{
	double seconds = (double)(now_ns() - p->began) / 1e9;

	printf("%s: %u in %.3f s, %.0f per second; slowest of %llu turns %.1f us, %llu above 114 "
	       "us\n",
	       p->name, n_conns, seconds, n_conns / seconds, (unsigned long long)p->n_turns,
	       (double)p->slowest / 1e3, (unsigned long long)p->n_slow);
}

/* ---- the two applications ---- */

static void fill(char msg[MESSAGE], uint64_t which)
{
	memset(msg, (int)(which & 0xff), MESSAGE);
	memcpy(msg, &which, sizeof(which));
}

static void serve(uint32_t lid)
{
	struct stack_event ev[STACK_MAX_BATCH];
	char msg[MESSAGE];
	unsigned n;

	while (stack_accept(server.sc, lid) >= 0)
		;
	while ((n = stack_events(server.sc, ev, STACK_MAX_BATCH)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			mt_time now = now_ns();

			if (ev[i].listener || !(ev[i].ready & STACK_IN))
				continue;
			if (stack_recv(server.sc, ev[i].id, msg, MESSAGE, now) != MESSAGE ||
			    stack_send(server.sc, ev[i].id, msg, MESSAGE, now) != MESSAGE)
				fail("the server's end failed");
		}
	}
}

static void take_answers(void)
{
	struct stack_event ev[STACK_MAX_BATCH];
	char msg[MESSAGE], want[MESSAGE];
	unsigned n;

	while ((n = stack_events(client.sc, ev, STACK_MAX_BATCH)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			if (ev[i].ready & (STACK_ERR | STACK_HUP))
				fail("a connection was lost");
			if (!(ev[i].ready & STACK_IN)) {
				n_opened += (ev[i].edge & STACK_OUT) != 0;
				continue;
			}
			fill(want, ev[i].cookie);
			if (stack_recv(client.sc, ev[i].id, msg, MESSAGE, now_ns()) != MESSAGE ||
			    memcmp(msg, want, MESSAGE) != 0)
				fail("another answer than the question");
			stack_set_cookie(client.sc, ev[i].id, UINT64_MAX); /* not twice */
			n_answered++;
		}
	}
}

static void open_all(uint32_t lid)
{
	const struct ip_endpoint to = {.addr = ip_from_v4(0x0a000001), .port = PORT};
	mt_time longest = 0;
	struct phase p;
	uint32_t begun = 0;

	begin(&p, "opened");
	while (n_opened < n_conns) {
		for (; begun < n_conns && begun - n_opened < OPENING; begun++) {
			mt_time from = now_ns();
			int64_t id = stack_connect(client.sc, NULL, &to, from);

			if (id < 0)
				fail("connect");
			from = now_ns() - from;
			longest = from > longest ? from : longest;
			ids[begun] = (uint32_t)id;
			stack_set_cookie(client.sc, (uint32_t)id, begun);
		}
		turn(&p, client.sc);
		take_answers();
		turn(&p, server.sc);
		serve(lid);
	}
	end(&p);
	printf("slowest connect call %.1f us\n", (double)longest / 1e3);
}

static void ask_all(uint32_t lid)
{
	struct phase p;
	uint32_t asked = 0;

	begin(&p, "asked and answered");
	while (n_answered < n_conns) {
		for (; asked < n_conns && asked - n_answered < ASKING; asked++) {
			char msg[MESSAGE];

			fill(msg, asked);
			if (stack_send(client.sc, ids[asked], msg, MESSAGE, now_ns()) != MESSAGE)
				fail("send");
		}
		turn(&p, client.sc);
		take_answers();
		turn(&p, server.sc);
		serve(lid);
	}
	end(&p);
}

static void check_end(const struct end *e)
{
	const struct mtcp_stats *s = stack_stats(e->sc);
	struct stack_usage u;

	stack_usage(e->sc, &u);
	if (u.conns != n_conns || u.buf_bytes || s->retransmits || s->closed || s->no_conn)
		fail("connections were lost, or sent again, or hold memory");
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
	const struct ip_endpoint any = {.addr = ip_from_v4(0), .port = PORT};
	size_t before;
	int64_t lid;

	n_conns = (uint32_t)option(argc, argv, "--connections", 0);
	if (!n_conns || n_conns > PER_ADDR * (STACK_MAX_ADDRS - 1))
		fail("usage: many_connections --connections N [--trace-events N]; N up to "
		     "10200000");
	for (n_unused = 0; n_unused < 4 * FRAMES; n_unused++)
		unused[n_unused] = frames[n_unused];
	memset(frames, 0, sizeof(frames));
	ids = map(n_conns * sizeof(*ids));
	memset(ids, 0, n_conns * sizeof(*ids));
	open_ends((uint16_t)option(argc, argv, "--trace-events", 0));
	lid = stack_listen(server.sc, &any, 2 * OPENING, now_ns());
	before = resident();
	open_all((uint32_t)lid);
	printf("%.1f bytes resident for each end of a connection\n",
	       (double)(resident() - before) / n_conns / 2);
	ask_all((uint32_t)lid);
	/* What is still to be acknowledged. */
	for (unsigned i = 0; i < 4; i++) {
		stack_poll(client.sc, now_ns());
		stack_poll(server.sc, now_ns() + MT_SEC);
	}
	check_end(&client);
	check_end(&server);
	printf("%.2f GiB resident with both\n", (double)resident() / (1u << 30));
	return 0;
}
