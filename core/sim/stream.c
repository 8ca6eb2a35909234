// SPDX-License-Identifier: BSD-3-Clause
#include "sim/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "sim/internal.h"

#define IO_MAX 65536u
#define RETRY  MT_MS /* of a connect that found no port */

struct stream {
	struct stream *next, *prev;
	struct stream_app *app;
	uint32_t core, id;
	uint64_t tx_seed, rx_seed;
	uint64_t sent, received;
	mt_time read_at;
	bool known; /* the ports and with them the pattern */
	bool shut, eof;
};

static uint8_t pattern(uint64_t seed, uint64_t off)
{
	uint64_t z = seed + (off / 8 + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 29)) * 0xbf58476d1ce4e5b9u;
	return (uint8_t)((z ^ (z >> 32)) >> (off % 8 * 8));
}

static struct stack_core *stack_of(const struct stream *s)
{
	return sim_core(s->app->node, s->core);
}

static mt_time now_of(const struct stream *s)
{
	return sim_now(s->app->node->sim);
}

static struct stream *stream_new(struct stream_app *app, uint32_t core, uint32_t id)
{
	struct stream *s = sim_alloc(1, sizeof(*s));

	s->app = app;
	s->core = core;
	s->id = id;
	s->next = app->live;
	if (s->next != NULL)
		s->next->prev = s;
	app->live = s;
	app->n_started++;
	app->n_live++;
	stack_set_cookie(stack_of(s), id, (uint64_t)(uintptr_t)s);
	if (app->plan.opened != NULL)
		app->plan.opened(stack_of(s), id);
	return s;
}

static void stream_end(struct stream *s, int error)
{
	struct stream_app *app = s->app;

	if (error != 0) {
		app->n_failed++;
		app->last_error = error;
	} else {
		app->n_done++;
	}
	app->done_at = now_of(s);
	app->n_live--;
	stack_close(stack_of(s), s->id, now_of(s));
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		app->live = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	free(s);
}

static void learn_ports(struct stream *s)
{
	struct ip_endpoint local, remote;

	stack_names(stack_of(s), s->id, &local, &remote);
	s->tx_seed = (uint64_t)local.port << 16 | remote.port;
	s->rx_seed = (uint64_t)remote.port << 16 | local.port;
	s->known = true;
}

static uint32_t io_size(struct stream_app *app)
{
	return app->plan.io_max ? 1 + rng_below(&app->rng, app->plan.io_max) : IO_MAX;
}

static void verify(struct stream *s, const uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != pattern(s->rx_seed, s->received + i))
			s->app->wrong = "a byte is not the one that was sent";
	s->received += n;
	s->app->received += n;
	if (s->received > s->app->plan.rx_bytes)
		s->app->wrong = "more bytes than were sent";
}

/* 0, or the error that ended the connection. */
static int read_some(struct stream *s)
{
	static _Thread_local uint8_t buf[IO_MAX];
	mt_time now = now_of(s);

	while (!s->eof) {
		if (now < s->read_at) {
			sim_wake(s->app->node, s->core, s->read_at);
			return 0;
		}
		ssize_t n = stack_recv(stack_of(s), s->id, buf, io_size(s->app), now);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)-n;
		if (n == 0)
			s->eof = true;
		else
			verify(s, buf, (size_t)n);
		if (s->app->plan.read_every > 0)
			s->read_at = now + s->app->plan.read_every;
	}
	if (s->received != s->app->plan.rx_bytes)
		s->app->wrong = "the peer's FIN came before all its bytes";
	return 0;
}

static int write_some(struct stream *s)
{
	static _Thread_local uint8_t buf[IO_MAX];
	const struct stream_plan *p = &s->app->plan;

	if (p->answer && s->received < p->rx_bytes)
		return 0;
	while (s->sent < p->tx_bytes) {
		uint64_t left = p->tx_bytes - s->sent;
		uint32_t len = io_size(s->app);

		if (len > left)
			len = (uint32_t)left;
		for (uint32_t i = 0; i < len; i++)
			buf[i] = pattern(s->tx_seed, s->sent + i);
		ssize_t n = stack_send(stack_of(s), s->id, buf, len, now_of(s));

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)-n;
		s->sent += (uint64_t)n;
	}
	if (!s->shut && p->end != STREAM_CLOSE && (p->end == STREAM_SHUT || s->eof)) {
		s->shut = true;
		return -stack_shutdown(stack_of(s), s->id, SHUT_WR, now_of(s));
	}
	return 0;
}

static bool is_over(const struct stream *s)
{
	const struct stream_plan *p = &s->app->plan;

	if (s->sent < p->tx_bytes)
		return false;
	return s->eof || (p->end == STREAM_CLOSE && s->received == p->rx_bytes);
}

/* False: it has ended. */
static bool advance(struct stream *s, uint32_t ready)
{
	int err = 0;

	if (!s->known && (ready & (STACK_OUT | STACK_IN)) && !(ready & STACK_ERR))
		learn_ports(s);
	if (ready & STACK_ERR)
		err = stack_take_error(stack_of(s), s->id);
	if (err == 0 && s->known)
		err = read_some(s);
	if (err == 0 && s->known)
		err = write_some(s);
	if (err == 0 && (!s->known || !is_over(s)))
		return true;
	stream_end(s, err);
	return false;
}

static void accept_all(struct stream_app *app, uint32_t core)
{
	struct stack_core *sc = sim_core(app->node, core);
	int64_t id;

	while ((id = stack_accept(sc, (uint32_t)app->lid[core])) >= 0) {
		struct stream *s = stream_new(app, core, (uint32_t)id);

		advance(s, stack_ready(sc, s->id));
	}
}

static void connect_more(struct stream_app *app)
{
	struct stack_core *sc = sim_core(app->node, 0);
	mt_time now = sim_now(app->node->sim);

	while (app->n_started < app->plan.total && app->n_live < app->plan.concurrency) {
		int64_t id = stack_connect(sc, NULL, &app->plan.remote, now);

		if (id < 0) {
			app->n_refused++;
			app->last_error = (int)-id;
			sim_wake(app->node, 0, now + RETRY);
			return;
		}
		stream_new(app, 0, (uint32_t)id);
	}
}

static void run(struct sim_node *node, unsigned core, void *ctx)
{
	struct stream_app *app = ctx;
	struct stack_core *sc = sim_core(node, core);
	struct stack_event ev[64];
	unsigned n;

	while ((n = stack_events(sc, ev, 64)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			if (ev[i].listener)
				accept_all(app, core);
			else
				advance((struct stream *)(uintptr_t)ev[i].cookie, ev[i].ready);
		}
	}
	for (struct stream *s = app->live, *next; s != NULL && app->plan.read_every > 0; s = next) {
		next = s->next;
		if (s->core == core && s->known)
			advance(s, stack_ready(sc, s->id));
	}
	if (!app->server)
		connect_more(app);
}

static void start(struct stream_app *app, struct sim_node *node, const struct stream_plan *plan)
{
	*app = (struct stream_app){.node = node, .plan = *plan};
	check(plan->io_max <= IO_MAX);
	rng_seed(&app->rng, rng_next(sim_rng(node->sim)));
	sim_set_app(node, run, app);
}

void stream_serve(struct stream_app *app, struct sim_node *node, const struct stream_plan *plan,
		  uint16_t port, uint32_t backlog)
{
	struct ip_endpoint local = {.port = port};

	start(app, node, plan);
	app->server = true;
	for (unsigned i = 0; i < node->n_cores; i++) {
		app->lid[i] = stack_listen(sim_core(node, i), &local, backlog, sim_now(node->sim));
		check(app->lid[i] >= 0);
	}
}

void stream_connect(struct stream_app *app, struct sim_node *node, const struct stream_plan *plan)
{
	start(app, node, plan);
	if (app->plan.total == 0)
		app->plan.total = 1;
	if (app->plan.concurrency == 0)
		app->plan.concurrency = 1;
	sim_wake(node, 0, sim_now(node->sim));
}

bool stream_finished(const struct stream_app *app)
{
	return app->n_done + app->n_failed == app->plan.total;
}

void stream_free(struct stream_app *app)
{
	while (app->live != NULL) {
		struct stream *s = app->live;

		app->live = s->next;
		free(s);
	}
}
