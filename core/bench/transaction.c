// SPDX-License-Identifier: BSD-3-Clause
/* What a packet, a message and a connection cost the two ends. */
#include "pair.h"

#define MESSAGE	    64u
#define CONCURRENCY 64u
#define BULK	    8u	   /* connections that carry a bulk */
#define CHUNK	    65536u /* bytes of one call */
#define SEGMENT	    1448u  /* payload bytes of a full frame beside timestamps */
#define FLOOD	    64u	   /* SYNs of one turn */

/* ---- the applications ---- */

/* Answers each message; closes after the last. */
BENCH_APART static void server_app(struct pair *p)
{
	struct stack_core *sc = p->server.sc;
	struct stack_event ev[64];
	unsigned n = stack_events(sc, ev, 64);
	char msg[MESSAGE];
	int64_t id;

	while ((id = stack_accept(sc, p->lid)) >= 0)
		p->server.counts[id] = 0;
	for (unsigned i = 0; i < n; i++) {
		if (ev[i].listener || stack_recv(sc, ev[i].id, msg, MESSAGE, p->now) != MESSAGE)
			continue;
		if (stack_send(sc, ev[i].id, msg, MESSAGE, p->now) != MESSAGE)
			bench_fail("the server cannot send");
		if (++p->server.counts[ev[i].id] == p->n_messages)
			stack_close(sc, ev[i].id, p->now);
	}
}

static void ask(struct pair *p, uint32_t id)
{
	char msg[MESSAGE] = {0};

	if (p->client.counts[id]++ < p->n_messages &&
	    stack_send(p->client.sc, id, msg, MESSAGE, p->now) != MESSAGE)
		bench_fail("the client cannot send");
}

/* Asks when connected and after each answer but the last; closes when the server did. */
BENCH_APART static void client_app(struct pair *p)
{
	struct stack_core *sc = p->client.sc;
	struct stack_event ev[64];
	unsigned n = stack_events(sc, ev, 64);
	char msg[MESSAGE];

	for (unsigned i = 0; i < n; i++) {
		if (ev[i].ready & STACK_ERR)
			bench_fail("a connection failed");
		if ((ev[i].edge & STACK_OUT) && !p->client.counts[ev[i].id])
			ask(p, ev[i].id);
		if (!(ev[i].ready & STACK_IN))
			continue;
		while (stack_recv(sc, ev[i].id, msg, MESSAGE, p->now) == MESSAGE)
			ask(p, ev[i].id);
		if (ev[i].ready & STACK_RDHUP) {
			stack_close(sc, ev[i].id, p->now);
			p->n_ended++;
		}
	}
}

BENCH_APART static void client_open(struct pair *p, uint64_t until)
{
	const struct ip_endpoint server = {.addr = p->server.addr, .port = PAIR_PORT};

	for (; p->n_begun < until && p->n_begun - p->n_ended < CONCURRENCY; p->n_begun++) {
		int64_t id = stack_connect(p->client.sc, NULL, &server, p->now);

		if (id < 0)
			bench_fail("cannot connect");
		p->client.counts[id] = 0;
	}
}

static void begin(struct pair *p)
{
	p->rx_segs[0] = p->client.sc ? stack_stats(p->client.sc)->rx_segs : 0;
	p->rx_segs[1] = stack_stats(p->server.sc)->rx_segs;
}

/* ---- connections with 1 and with 128 messages ---- */

static void run_connections(struct pair *p, uint64_t n)
{
	uint64_t until = p->n_ended + n;

	begin(p);
	while (p->n_ended < until) {
		client_open(p, until);
		pair_turn_client(p, client_app);
		pair_turn_server(p, server_app);
	}
}

static void run_transactions(void *pair, uint64_t n)
{
	run_connections(pair, n);
}

static void run_messages(void *pair, uint64_t n)
{
	run_connections(pair, n / 128);
}

static void *setup_transactions(void)
{
	struct stack_config cfg = pair_config();
	struct pair *p = pair_new(&cfg, &cfg);

	p->n_messages = 1;
	return p;
}

static void *setup_messages(void)
{
	struct pair *p = setup_transactions();

	p->n_messages = 128;
	return p;
}

static void *setup_messages_v6(void)
{
	struct stack_config cfg = pair_config();
	struct pair *p = pair_new_v6(&cfg, &cfg);

	p->n_messages = 128;
	return p;
}

static unsigned parts_connections(void *pair, uint64_t n, struct bench_part *out)
{
	(void)pair;
	out[0] = (struct bench_part){"server", "server_in server_out server_app", n};
	out[1] = (struct bench_part){"client", "client_in client_out client_app client_open", n};
	return 2;
}

static uint64_t received(const struct pair *p)
{
	return stack_stats(p->server.sc)->rx_segs - p->rx_segs[1];
}

/* ---- a bulk: full segments one way, pure ACKs the other ---- */

BENCH_APART static void bulk_read(struct pair *p)
{
	static char sink[CHUNK];
	struct stack_event ev[64];
	unsigned n = stack_events(p->server.sc, ev, 64);
	ssize_t r;

	for (unsigned i = 0; i < n; i++) {
		while ((r = stack_recv(p->server.sc, ev[i].id, sink, CHUNK, p->now)) > 0)
			p->n_bytes += (uint64_t)r;
	}
}

static void fill(struct pair *p, uint32_t id)
{
	static const char source[CHUNK];

	while (stack_send(p->client.sc, id, source, CHUNK, p->now) > 0)
		;
}

BENCH_APART static void bulk_write(struct pair *p)
{
	struct stack_event ev[64];
	unsigned n = stack_events(p->client.sc, ev, 64);

	for (unsigned i = 0; i < n; i++)
		fill(p, ev[i].id);
}

static void *setup_bulk(void)
{
	struct stack_config cfg = pair_config();
	struct pair *p = pair_new(&cfg, &cfg);

	pair_connect(p, BULK);
	for (uint32_t id = 0; id < BULK; id++)
		fill(p, id);
	return p;
}

static void run_bulk(void *pair, uint64_t n)
{
	struct pair *p = pair;
	uint64_t until = p->n_bytes + n * SEGMENT;

	begin(p);
	while (p->n_bytes < until) {
		pair_turn_client(p, bulk_write);
		pair_turn_server(p, bulk_read);
	}
}

static unsigned parts_bulk(void *pair, uint64_t n, struct bench_part *out)
{
	struct pair *p = pair;
	uint64_t acks = stack_stats(p->client.sc)->rx_segs - p->rx_segs[0];

	(void)n;
	out[0] = (struct bench_part){"receiver", "server_in server_out bulk_read", received(p)};
	out[1] = (struct bench_part){"sender", "client_in client_out bulk_write", received(p)};
	out[2] = (struct bench_part){"data_received", "server_in", received(p)};
	out[3] = (struct bench_part){"ack_received", "client_in", acks};
	return 4;
}

/* ---- a flood of SYNs ---- */

static void *setup_flood(void)
{
	struct stack_config cfg = pair_config();

	cfg.n_half_open = FLOOD;
	cfg.syn_cookies = SYN_COOKIES_ON;
	return pair_new(NULL, &cfg);
}

/* SYN i of the flood, each from another address and port. */
static void put_syn(struct pair *p, uint64_t i)
{
	struct flow f = {.local = ip_from_v4(0xc0000201u + (uint32_t)(i / 60000)),
			 .remote = p->server.addr,
			 .lport = (uint16_t)(1024 + i % 60000),
			 .rport = PAIR_PORT};
	struct tcp_seg s = {.flags = TCPF_SYN,
			    .seq = seq_of((uint32_t)i * 7919u),
			    .wnd = 65535,
			    .opts = TCPO_MSS | TCPO_WSCALE | TCPO_SACK_PERM | TCPO_TS,
			    .mss = 1460,
			    .wscale = 7,
			    .ts_val = (uint32_t)i};

	pair_put(p, &f, &s);
}

static void take_all(struct pair *p)
{
	p->n_ended += pair_take(p, NULL, NULL);
}

static void run_flood(void *pair, uint64_t n)
{
	struct pair *p = pair;
	uint64_t answered = p->n_ended;

	begin(p);
	for (uint64_t i = 0; i < n; i++) {
		put_syn(p, p->n_begun++);
		if (i % FLOOD == FLOOD - 1 || i + 1 == n)
			pair_turn_server(p, take_all);
	}
	if (p->n_ended - answered < n)
		bench_fail("a SYN was not answered");
}

static unsigned parts_flood(void *pair, uint64_t n, struct bench_part *out)
{
	(void)pair;
	out[0] = (struct bench_part){"server", "server_in server_out", n};
	return 1;
}

/* ---- a turn in which nothing happens, beside a thousand connections ---- */

static void *setup_idle(void)
{
	struct stack_config cfg = pair_config();
	struct pair *p = pair_new(&cfg, &cfg);

	pair_connect(p, 1000);
	return p;
}

static void run_idle(void *pair, uint64_t n)
{
	struct pair *p = pair;

	while (n--) {
		server_in(p);
		server_out(p);
		p->now += MT_US;
	}
}

const struct bench bench_transactions[] = {
	{"transaction", "connection", "a short one: 64 bytes each way, the server closes", 3000,
	 setup_transactions, run_transactions, pair_free, parts_connections},
	{"messages", "message", "64 bytes and an answer, 128 over one connection", 128 * 128,
	 setup_messages, run_messages, pair_free, parts_connections},
	{"messages_v6", "message", "the same over IPv6", 64 * 128, setup_messages_v6, run_messages,
	 pair_free, parts_connections},
	{"bulk", "segment", "of 1448 bytes, copied in and out, 8 connections", 20000, setup_bulk,
	 run_bulk, pair_free, parts_bulk},
	{"syn_flood", "SYN", "answered by a cookie", 20000, setup_flood, run_flood, pair_free,
	 parts_flood},
	{"idle_turn", "turn", "of a core with 1000 connections and nothing to do", 20000,
	 setup_idle, run_idle, pair_free, NULL},
	{0}};
