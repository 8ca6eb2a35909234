// SPDX-License-Identifier: BSD-3-Clause
/*
 * The connections of a scenario's flows. Clients connect, send `bytes`, take `response`; servers
 * mirror that. What is sent is a slice of one pattern, which starts elsewhere in each stream, so
 * that a byte of another place or connection is noticed at the cost of a memcmp.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "sim/internal.h"
#include "sim/run_internal.h"

#define IO	65536u
#define PERIOD	65521u /* of the pattern: a prime, so that no buffer size divides it */
#define RETRY	MT_MS  /* of a connect that found no port or no memory */
#define ENDLESS UINT64_MAX

uint8_t *flow_pattern(void)
{
	uint8_t *p = sim_alloc(PERIOD + IO, 1);
	struct rng rng;

	rng_seed(&rng, 1);
	for (uint32_t i = 0; i < PERIOD + IO; i++)
		p[i] = i < PERIOD ? (uint8_t)rng_next(&rng) : p[i - PERIOD];
	return p;
}

static struct stack_core *stack_of(const struct end *e)
{
	return sim_core(e->node, 0);
}

static const uint8_t *slice(const struct end *e, uint32_t key, uint64_t off)
{
	return e->flow->run->pattern + (key + off) % PERIOD;
}

/* ---- life of an end ---- */

static struct end *end_new(struct traffic *f, struct sim_node *node, uint32_t id, struct end **list)
{
	struct end *e = sim_alloc(1, sizeof(*e));

	e->flow = f;
	e->node = node;
	e->id = id;
	e->next = *list;
	if (e->next != NULL)
		e->next->prev = e;
	*list = e;
	stack_set_cookie(stack_of(e), id, (uint64_t)(uintptr_t)e);
	return e;
}

static void end_keys(struct end *e, uint16_t server_port)
{
	uint32_t up = ((uint32_t)e->port * 31 + server_port) % PERIOD;
	uint32_t down = (up + PERIOD / 2) % PERIOD;

	e->tx_key = e->source != NULL ? up : down;
	e->rx_key = e->source != NULL ? down : up;
}

static void end_options(struct end *e)
{
	const struct scn_flow *c = e->flow->cfg;
	mt_time now = sim_now(e->flow->run->sim);

	if (c->cc[0] != '\0')
		check(stack_set_cc(stack_of(e), e->id, c->cc, now) == 0);
	if (c->sndbuf > 0)
		stack_set_option(stack_of(e), e->id, TCP_OPT_SNDBUF, c->sndbuf, now);
	if (c->rcvbuf > 0)
		stack_set_option(stack_of(e), e->id, TCP_OPT_RCVBUF, c->rcvbuf, now);
	if (c->response > 0)
		stack_set_option(stack_of(e), e->id, TCP_OPT_NODELAY, 1, now);
}

/* Closes it. With an error the connection is gone already. */
static void end_free(struct end *e, bool failed)
{
	struct traffic *f = e->flow;
	mt_time now = sim_now(f->run->sim);

	stack_close(stack_of(e), e->id, now);
	if (e->source != NULL) {
		e->source->live--;
		f->result->failed += failed;
		f->result->done += !failed;
		f->ended_at = now;
		sim_wake(e->node, 0, now);
	}
	if (e->peer != NULL)
		e->peer->peer = NULL;
	if (e->prev != NULL)
		e->prev->next = e->next;
	else if (e->source != NULL)
		f->clients = e->next;
	else
		f->servers = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	free(e);
}

/* ---- exchanges ---- */

static void begin_exchange(struct end *e)
{
	const struct scn_flow *c = e->flow->cfg;

	e->to_send = c->bytes > 0 ? c->bytes : ENDLESS;
	e->to_get = c->response;
	e->exchanges_left--;
	e->began_at = sim_now(e->flow->run->sim);
}

static void note_exchange(struct end *e)
{
	if (e->flow->run->draining)
		return;
	e->flow->result->exchanges++;
	hist_add(&e->flow->result->times, sim_now(e->flow->run->sim) - e->began_at);
}

/* The client has got the whole response; false: that was the last exchange. */
static bool next_exchange(struct end *e)
{
	note_exchange(e);
	if (e->exchanges_left == 0 || e->flow->stopped)
		return false;
	begin_exchange(e);
	return true;
}

/* n more bytes have come. */
static void got_bytes(struct end *e, const uint8_t *buf, uint32_t n)
{
	const struct run *r = e->flow->run;
	const struct scn_flow *c = e->flow->cfg;

	if (memcmp(buf, slice(e, e->rx_key, e->got), n) != 0)
		r->result->corrupted = true;
	e->got += n;
	if (!r->draining && run_time(r) >= r->scn->warmup) {
		e->flow->result->bytes += n;
		e->got_measured += n;
	}
	if (e->source != NULL)
		e->to_get -= n < e->to_get ? n : e->to_get;
	else if (c->response > 0 && e->got / c->bytes > (e->got - n) / c->bytes)
		e->to_send += c->response;
}

/* 0, or the error that ended the connection. */
static int read_all(struct end *e)
{
	static _Thread_local uint8_t buf[IO];
	mt_time now = sim_now(e->flow->run->sim);

	while (!e->eof) {
		ssize_t n = stack_recv(stack_of(e), e->id, buf, IO, now);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)-n;
		if (n == 0)
			e->eof = true;
		else
			got_bytes(e, buf, (uint32_t)n);
	}
	return 0;
}

static int write_all(struct end *e)
{
	mt_time now = sim_now(e->flow->run->sim);

	while (e->to_send > 0) {
		size_t len = e->to_send < IO ? (size_t)e->to_send : IO;
		ssize_t n = stack_send(stack_of(e), e->id, slice(e, e->tx_key, e->sent), len, now);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)-n;
		e->sent += (uint64_t)n;
		if (e->to_send != ENDLESS)
			e->to_send -= (uint64_t)n;
	}
	return 0;
}

static int shut(struct end *e)
{
	if (e->shut)
		return 0;
	e->shut = true;
	return -stack_shutdown(stack_of(e), e->id, SHUT_WR, sim_now(e->flow->run->sim));
}

/* The client's turn. True: it is through. */
static bool client_turn(struct end *e, int *err)
{
	const struct scn_flow *c = e->flow->cfg;

	if (c->response > 0) {
		if (e->to_get == 0 && e->to_send == 0 && !next_exchange(e))
			return true;
		*err = write_all(e);
		return false;
	}
	if (e->flow->stopped && e->to_send == ENDLESS)
		e->to_send = 0;
	*err = write_all(e);
	if (*err == 0 && e->to_send == 0)
		*err = shut(e);
	if (*err == 0 && e->eof && c->bytes > 0)
		note_exchange(e);
	return *err == 0 && e->eof;
}

/* The server's: it answers, and closes after its client. */
static bool server_turn(struct end *e, int *err)
{
	const struct scn_flow *c = e->flow->cfg;

	*err = write_all(e);
	if (*err != 0 || !e->eof || e->to_send > 0)
		return false;
	/* Its client sends whole requests before its FIN. */
	if (c->bytes > 0 && (e->got == 0 || e->got % c->bytes != 0))
		e->flow->run->result->corrupted = true;
	return true;
}

static void advance(struct end *e, uint32_t ready)
{
	bool over = false;
	int err = 0;

	if (ready & STACK_ERR)
		err = stack_take_error(stack_of(e), e->id);
	e->up = e->up || (err == 0 && (ready & (STACK_IN | STACK_OUT)) != 0);
	if (err == 0 && !e->up)
		return;
	if (err == 0)
		err = read_all(e);
	if (err == 0)
		over = e->source != NULL ? client_turn(e, &err) : server_turn(e, &err);
	if (over || err != 0)
		end_free(e, err != 0);
}

/* ---- opening ---- */

static struct end *find_client(const struct traffic *f, const struct ip_endpoint *remote)
{
	for (struct end *e = f->clients; e != NULL; e = e->next) {
		const struct host *h = sim_app_ctx(e->node);

		if (e->port == remote->port && e->peer == NULL &&
		    ip_eq(&h->addr.addr, &remote->addr))
			return e;
	}
	return NULL;
}

static void accept_all(struct traffic *f)
{
	struct stack_core *sc = sim_core(f->to_node, 0);
	int64_t id;

	while ((id = stack_accept(sc, f->lid)) >= 0) {
		struct end *e = end_new(f, f->to_node, (uint32_t)id, &f->servers);
		struct ip_endpoint local, remote;

		stack_names(sc, e->id, &local, &remote);
		e->port = remote.port;
		e->peer = find_client(f, &remote);
		if (e->peer != NULL)
			e->peer->peer = e;
		end_keys(e, f->to.port);
		end_options(e);
		advance(e, stack_ready(sc, e->id));
	}
}

static bool connect_one(struct source *s)
{
	struct traffic *f = s->flow;
	struct stack_core *sc = sim_core(s->node, 0);
	mt_time now = sim_now(f->run->sim);
	int64_t id = stack_connect(sc, NULL, &f->to, now);
	struct ip_endpoint local, remote;
	struct end *e;

	if (id < 0)
		return false;
	e = end_new(f, s->node, (uint32_t)id, &f->clients);
	e->source = s;
	e->number = f->result->started++;
	s->started++;
	s->live++;
	stack_names(sc, e->id, &local, &remote);
	e->port = local.port;
	end_keys(e, f->to.port);
	end_options(e);
	e->exchanges_left = f->cfg->exchanges;
	begin_exchange(e);
	return true;
}

static bool may_open(const struct source *s)
{
	const struct scn_flow *c = s->flow->cfg;

	if (s->flow->stopped || run_time(s->flow->run) >= c->stop ||
	    (c->connections > 0 && s->started >= c->connections))
		return false;
	return c->every > 0 || s->live < c->parallel;
}

static void open_due(struct source *s)
{
	const struct scn_flow *c = s->flow->cfg;
	mt_time now = sim_now(s->flow->run->sim);

	while (may_open(s) && s->next_at <= now) {
		bool ok = connect_one(s);

		if (!ok)
			s->next_at = now + RETRY;
		else if (c->every > 0)
			s->next_at += c->every;
	}
	if (may_open(s))
		sim_wake(s->node, 0, s->next_at);
}

void flow_app(struct sim_node *node, unsigned core, void *ctx)
{
	struct host *h = ctx;
	struct run *r = h->run;
	struct stack_event ev[64];
	unsigned n;

	while ((n = stack_events(sim_core(node, core), ev, 64)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			void *who = (void *)(uintptr_t)ev[i].cookie;

			if (ev[i].listener)
				accept_all(who);
			else
				advance(who, ev[i].ready);
		}
	}
	for (uint32_t i = 0; i < r->scn->n_flows; i++)
		for (uint32_t k = 0; k < r->flows[i].n_sources; k++)
			if (r->flows[i].sources[k].node == node)
				open_due(&r->flows[i].sources[k]);
}

/* ---- the flow ---- */

void flow_start(struct traffic *f)
{
	struct stack_core *sc = sim_core(f->to_node, 0);
	struct ip_endpoint local = {.port = f->to.port};
	int64_t lid = stack_listen(sc, &local, SCN_MAX_CONNS, f->run->start);

	check(lid >= 0);
	f->lid = (uint32_t)lid;
	stack_listen_set_cookie(sc, f->lid, (uint64_t)(uintptr_t)f);
	for (uint32_t i = 0; i < f->n_sources; i++) {
		f->sources[i].next_at = f->run->start + f->cfg->start;
		sim_wake(f->sources[i].node, 0, f->sources[i].next_at);
	}
}

void flow_stop(struct traffic *f)
{
	f->stopped = true;
	for (struct end *e = f->clients, *next; e != NULL; e = next) {
		next = e->next;
		advance(e, stack_ready(stack_of(e), e->id));
	}
	for (uint32_t i = 0; i < f->n_sources; i++)
		sim_wake(f->sources[i].node, 0, sim_now(f->run->sim));
}

bool flow_is_over(const struct traffic *f)
{
	for (uint32_t i = 0; i < f->n_sources; i++)
		if (may_open(&f->sources[i]))
			return false;
	return f->clients == NULL;
}

static void free_list(struct end *e)
{
	while (e != NULL) {
		struct end *next = e->next;

		free(e);
		e = next;
	}
}

void flow_free(struct traffic *f)
{
	free_list(f->clients);
	free_list(f->servers);
	free(f->sources);
}
