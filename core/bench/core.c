// SPDX-License-Identifier: BSD-3-Clause
/* What belongs to a core as a whole: the SYN queue, TIME-WAIT, neighbours, fragments. */
#include "stack/core.h"

#include <stdlib.h>

#include "pair.h"

#define BATCH	   64u /* a turn's */
#define NEIGHBOURS 256u
#define WHOLE	   1480u /* bytes of a datagram that a tunnel's MTU of 1280 cuts in two */
#define FIRST	   1256u

/* ---- handshakes: by way of the SYN queue, from a peer that is only frames ---- */

struct handshakes {
	struct pair *pair;
	uint64_t n_begun;
	tcp_seq iss[BATCH]; /* the server's */
	uint32_t ts[BATCH];
	unsigned n_answers;
};

static struct flow flow_from(const struct pair *p, unsigned k)
{
	return (struct flow){.local = p->client.addr,
			     .remote = p->server.addr,
			     .lport = (uint16_t)(1024 + k),
			     .rport = PAIR_PORT};
}

static void put_syn(struct handshakes *s, unsigned k)
{
	const struct flow f = flow_from(s->pair, k);
	const struct tcp_seg syn = {.flags = TCPF_SYN,
				    .seq = seq_of((uint32_t)s->n_begun),
				    .wnd = 65535,
				    .opts = TCPO_MSS | TCPO_WSCALE | TCPO_SACK_PERM | TCPO_TS,
				    .mss = 1460,
				    .wscale = 7,
				    .ts_val = (uint32_t)s->n_begun};

	pair_put(s->pair, &f, &syn);
}

static void put_ack(struct handshakes *s, unsigned k)
{
	const struct flow f = flow_from(s->pair, k);
	const struct tcp_seg ack = {.flags = TCPF_ACK,
				    .seq = seq_of((uint32_t)s->n_begun + 1),
				    .ack = seq_add(s->iss[k], 1),
				    .wnd = 512,
				    .opts = TCPO_TS,
				    .ts_val = (uint32_t)s->n_begun,
				    .ts_ecr = s->ts[k]};

	pair_put(s->pair, &f, &ack);
}

/* Notes a SYN/ACK. */
static void heard(void *state, const struct nic_pkt *pkt)
{
	struct handshakes *s = state;
	uint16_t sport, dport;
	struct tcp_seg seg;
	struct ip_hdr ip;

	if (ipv4_parse(pkt->data + ETH_HLEN, pkt->len - ETH_HLEN, 0, &ip) != WIRE_OK ||
	    tcp_parse(&ip, WIRE_CSUM_OK, &sport, &dport, &seg) != WIRE_OK ||
	    seg.flags != (TCPF_SYN | TCPF_ACK))
		return; /* the server announces its address */
	s->iss[dport - 1024u] = seg.seq;
	s->ts[dport - 1024u] = seg.ts_val;
	s->n_answers++;
}

BENCH_APART static void syns_in(struct pair *p)
{
	server_in(p);
	server_out(p);
}

BENCH_APART static void acks_in(struct pair *p)
{
	server_in(p);
}

/* The application takes them, and is not interested. */
static unsigned drop_all(struct pair *p)
{
	struct stack_event ev[BATCH];
	unsigned n = 0;
	int64_t id;

	for (; (id = stack_accept(p->server.sc, p->lid)) >= 0; n++)
		stack_abort(p->server.sc, (uint32_t)id, p->now);
	while (stack_events(p->server.sc, ev, BATCH))
		;
	server_out(p);
	pair_take(p, NULL, NULL);
	return n;
}

static void *handshakes_setup(void)
{
	struct handshakes *s = bench_alloc(sizeof(*s));
	struct stack_config cfg = pair_config();
	const struct stack_neigh_entry client = {.addr = ip_from_v4(0x0a000001),
						 .mac = {{2, 0, 0, 0, 0, 1}}};

	cfg.neighs = &client; /* for the resets: nobody answers a request */
	cfg.n_neighs = 1;
	s->pair = pair_new(NULL, &cfg);
	return s;
}

static void handshakes_run(void *state, uint64_t n)
{
	struct handshakes *s = state;
	struct pair *p = s->pair;

	for (uint64_t done = 0; done < n; done += BATCH) {
		s->n_answers = 0;
		s->n_begun += 100000;
		for (unsigned k = 0; k < BATCH; k++)
			put_syn(s, k);
		syns_in(p);
		pair_take(p, heard, s);
		for (unsigned k = 0; k < BATCH; k++)
			put_ack(s, k);
		acks_in(p);
		if (s->n_answers != BATCH || drop_all(p) != BATCH)
			bench_fail("a handshake is missing");
		p->now += 10 * MT_US;
	}
}

static void handshakes_teardown(void *state)
{
	pair_free(((struct handshakes *)state)->pair);
	free(state);
}

static unsigned handshakes_parts(void *state, uint64_t n, struct bench_part *out)
{
	(void)state;
	out[0] = (struct bench_part){"syn", "syns_in", n};
	out[1] = (struct bench_part){"ack", "acks_in", n};
	return 2;
}

/* ---- TIME-WAIT: connections become records, whose time passes ---- */

static void *time_wait_setup(void)
{
	struct stack_config cfg = pair_config();
	struct pair *p;

	cfg.time_wait_ms = 60000;
	p = pair_new(&cfg, &cfg);
	pair_connect(p, BATCH);
	return p;
}

static uint64_t hash_of(struct stack_core *sc, uint32_t id)
{
	const struct flow f = conn_flow(sc, core_conn(sc, id));

	return flow_hash(&sc->flows, &f);
}

BENCH_APART static void enter_all(struct pair *p)
{
	struct stack_core *sc = p->server.sc;

	for (uint32_t id = 0; id < BATCH; id++)
		time_wait_enter(sc, core_conn(sc, id), hash_of(sc, id), p->now);
}

BENCH_APART static void expire_all(struct pair *p)
{
	time_wait_expire(p->server.sc, p->now, BATCH);
}

static void time_wait_run(void *state, uint64_t n)
{
	struct pair *p = state;
	struct stack_core *sc = p->server.sc;

	for (uint64_t done = 0; done < n; done += BATCH) {
		enter_all(p);
		if (sc->time_waits.n_used != BATCH)
			bench_fail("a record is missing");
		p->now += (sc->cfg.time_wait_ms + 10) * MT_MS;
		expire_all(p);
		if (sc->time_waits.n_used)
			bench_fail("a record outlives its time");
		for (uint32_t id = 0; id < BATCH; id++) {
			if (!flow_insert(&sc->flows, hash_of(sc, id), id))
				bench_fail("the flow table is full");
		}
	}
}

static unsigned time_wait_parts(void *state, uint64_t n, struct bench_part *out)
{
	(void)state;
	out[0] = (struct bench_part){"enter", "enter_all", n};
	out[1] = (struct bench_part){"expire", "expire_all", n};
	return 2;
}

/* ---- neighbours ---- */

static struct ip_addr neighbour(uint32_t i)
{
	return ip_from_v4(0x0a000100u + i);
}

static void *neigh_setup(void)
{
	struct stack_config cfg = pair_config();
	struct pair *p = pair_new(NULL, &cfg);

	for (uint32_t i = 0; i < NEIGHBOURS; i++) {
		const struct neigh_claim claim = {
			.ip = neighbour(i), .mac = {{2, 0, 0, 0, 1, (uint8_t)i}}, .create = true};

		neigh_learn(p->server.sc, &claim, p->now);
	}
	return p;
}

static void neigh_run(void *state, uint64_t n)
{
	struct pair *p = state;
	struct stack_core *sc = p->server.sc;

	for (uint64_t i = 0; i < n; i++) {
		const struct ip_addr hop = neighbour((uint32_t)(i * 101 % NEIGHBOURS));
		struct neigh *found = neigh_get(sc, &hop, p->now);

		if (!found || !neigh_known(found))
			bench_fail("a neighbour is lost");
		neigh_used(sc, found, p->now);
	}
}

/* ---- fragments ---- */

struct fragments {
	struct pair *pair;
	struct ip_hdr part[2];
	uint8_t bytes[WHOLE];
};

static void *reass_setup(void)
{
	struct fragments *s = bench_alloc(sizeof(*s));
	struct stack_config cfg = pair_config();

	s->pair = pair_new(NULL, &cfg);
	s->part[0] = (struct ip_hdr){.src = s->pair->client.addr,
				     .dst = s->pair->server.addr,
				     .payload = s->bytes,
				     .payload_len = FIRST,
				     .hdr_len = IPV4_HLEN,
				     .proto = IP_TCP,
				     .ttl = 64,
				     .frag = {.more = true, .proto = IP_TCP}};
	s->part[1] = s->part[0];
	s->part[1].payload += FIRST;
	s->part[1].payload_len = WHOLE - FIRST;
	s->part[1].frag.offset = FIRST;
	s->part[1].frag.more = false;
	return s;
}

static void reass_run(void *state, uint64_t n)
{
	const struct eth_addr from = {{2, 0, 0, 0, 0, 1}};
	struct fragments *s = state;
	struct pair *p = s->pair;

	for (; n--; p->now += MT_US) {
		struct ip_hdr last = s->part[1];

		s->part[0].frag.id++;
		last.frag.id = s->part[0].frag.id;
		if (reass_input(p->server.sc, &s->part[0], &from, p->now) ||
		    !reass_input(p->server.sc, &last, &from, p->now) || last.payload_len != WHOLE)
			bench_fail("a datagram is not whole");
		reass_release(p->server.sc);
	}
}

static void reass_teardown(void *state)
{
	pair_free(((struct fragments *)state)->pair);
	free(state);
}

const struct bench bench_core[] = {
	{"syn_queue", "handshake", "a SYN into the queue and answered; its ACK: a connection",
	 BATCH * 64, handshakes_setup, handshakes_run, handshakes_teardown, handshakes_parts},
	{"time_wait", "record", "a connection's, entered and expired", BATCH * 64, time_wait_setup,
	 time_wait_run, pair_free, time_wait_parts},
	{"neigh", "lookup", "of a next hop among 256, and its use noted", 20000, neigh_setup,
	 neigh_run, pair_free, NULL},
	{"reassembly", "datagram", "of 1480 bytes in two fragments", 5000, reass_setup, reass_run,
	 reass_teardown, NULL},
	{0}};
