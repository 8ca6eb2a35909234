// SPDX-License-Identifier: BSD-3-Clause
#include "load_worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_EVERY	32u	     /* events between two readings of the clock */
#define RETRY_NS	(10 * MS_NS) /* before a connection that failed is tried again */
#define MANY_CONNECTING 1024u	     /* below any usual backlog of the kernel's */
#define MANY_FOR_MTCP	16384u	     /* and of ours */
#define RAMP_BURST	256u
#define OPEN_BURST	1024u /* arrivals served between two looks at the network */
#define REQUEST_BURST	256u  /* and connections whose turn it is */
#define WAIT_MS		50    /* how soon a change of phase is seen */

static void append(struct load_worker *w, struct slot_list *list, struct load_slot *s)
{
	uint32_t i = (uint32_t)(s - w->slots);

	s->next = SLOT_NONE;
	if (list->head == SLOT_NONE)
		list->head = i;
	else
		w->slots[list->tail].next = i;
	list->tail = i;
}

static struct load_slot *pop(struct load_worker *w, struct slot_list *list)
{
	struct load_slot *s;

	if (list->head == SLOT_NONE)
		return NULL;
	s = &w->slots[list->head];
	list->head = s->next;
	return s;
}

static bool per_message_arrivals(const struct load_worker *w)
{
	return w->rate > 0 && w->shared->conf->messages > 1;
}

/* Keeps the number of connections as it is. */
static void reopen(struct load_worker *w, struct load_slot *s, uint64_t start_at)
{
	if (w->phase == LOAD_DRAIN || w->quota == 0) {
		append(w, &w->free, s);
		return;
	}
	if (w->quota != UINT64_MAX)
		w->quota--;
	slot_open(w, s, start_at);
}

void worker_slot_done(struct load_worker *w, struct load_slot *s)
{
	if (w->replay != NULL || (w->rate > 0 && !per_message_arrivals(w)))
		append(w, &w->free, s); /* until the next arrival */
	else
		reopen(w, s, w->now);
}

struct load_slot *worker_slot_take(struct load_worker *w)
{
	return pop(w, &w->free);
}

void worker_slot_failed(struct load_worker *w, struct load_slot *s)
{
	s->retry_at = w->now + RETRY_NS;
	append(w, &w->retry, s);
}

void worker_slot_idle(struct load_worker *w, struct load_slot *s)
{
	slot_set(w, s, SLOT_IDLE);
	append(w, &w->idle, s);
}

static void retry_due(struct load_worker *w)
{
	while (w->retry.head != SLOT_NONE && w->slots[w->retry.head].retry_at <= w->now) {
		struct load_slot *s = pop(w, &w->retry);

		/* open loop: the arrival has failed; the slot serves the next */
		worker_slot_done(w, s);
	}
}

/* The first connections are opened at a bounded rate, half of it while many handshakes are under
 * way. */
static void ramp(struct load_worker *w)
{
	bool ours = io_is_mtcp(w->io->stack->conf.kind);
	uint32_t many = ours ? MANY_FOR_MTCP : MANY_CONNECTING;
	double rate = w->n_connecting < many ? w->ramp_rate : w->ramp_rate / 2;

	w->ramp_tokens += (double)(w->now - w->ramp_at) / (double)SEC_NS * rate;
	w->ramp_at = w->now;
	for (unsigned i = 0; i < RAMP_BURST && w->n_ramped < w->n_slots; i++) {
		if (w->ramp_tokens < 1 || w->n_under_way >= w->most_under_way)
			return;
		w->ramp_tokens -= 1;
		reopen(w, &w->slots[w->n_ramped++], w->now);
	}
}

/* Exponential: arrivals of many independent clients. */
static uint64_t next_gap(struct load_worker *w)
{
	double u = (double)(random_next(&w->rng) >> 11) * 0x1p-53;

	return (uint64_t)(-log1p(-u) / w->rate * (double)SEC_NS);
}

/* Those that failed while they were idle leave the list when they are met. */
static struct load_slot *take_idle(struct load_worker *w)
{
	struct load_slot *s;

	while ((s = pop(w, &w->idle)) != NULL) {
		if (s->state == SLOT_IDLE)
			return s;
		worker_slot_failed(w, s);
	}
	return NULL;
}

/* One arrival; false: no connection is free, it waits, and its latency grows. */
static bool arrive(struct load_worker *w)
{
	struct load_slot *s = per_message_arrivals(w) ? take_idle(w) : pop(w, &w->free);
	uint64_t at = w->next_arrival;

	if (s == NULL)
		return false;
	if (w->phase == LOAD_MEASURE)
		hdr_record(&w->lag, w->now - at);
	if (per_message_arrivals(w))
		slot_request(w, s, at);
	else
		reopen(w, s, at);
	w->next_arrival += next_gap(w);
	return true;
}

static void arrivals(struct load_worker *w)
{
	if (w->phase == LOAD_DRAIN)
		return;
	if (w->n_ramped < w->n_slots) /* messages begin when there is something to send them on */
		w->next_arrival = w->now + next_gap(w);
	for (unsigned i = 0; i < OPEN_BURST && w->next_arrival <= w->now && w->quota > 0; i++) {
		worker_look(w, i);
		if (!arrive(w))
			return;
	}
}

/* Those that have been open for longest ask, once all are open. */
static void requests(struct load_worker *w)
{
	struct load_slot *s;

	if (w->n_ramped < w->n_slots || w->phase == LOAD_DRAIN)
		return;
	for (unsigned i = 0; i < REQUEST_BURST && w->n_under_way < w->most_under_way; i++) {
		s = take_idle(w);
		if (s == NULL)
			return;
		slot_request(w, s, w->now);
	}
}

static int timeout_ms(const struct load_worker *w)
{
	uint64_t left;

	if (w->shared->aside != NULL)
		return 0;
	if (w->phase == LOAD_HOLD)
		return 1;
	if (w->phase == LOAD_DRAIN)
		return 10;
	if (w->replay != NULL || w->rate > 0) {
		uint64_t next = w->replay != NULL ? replay_next_at(w) : w->next_arrival;

		if (next <= w->now) /* waits for a connection to become free */
			return 1;
		left = (next - w->now) / MS_NS;
		return left > 10 ? 10 : (int)left; /* less than 1 ms: spin, to be on time */
	}
	return w->n_ramped < w->n_slots || w->retry.head != SLOT_NONE ? 1 : WAIT_MS;
}

static void close_idle(struct load_worker *w)
{
	struct load_slot *s;

	while ((s = take_idle(w)) != NULL)
		slot_abandon(w, s);
}

/* Transactions under way that began before an instant, or since. */
static uint64_t count_under_way(const struct load_worker *w, uint64_t instant, bool before)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < w->n_slots; i++) {
		const struct load_slot *s = &w->slots[i];

		if (s->state == SLOT_CONNECTING || s->state == SLOT_BUSY)
			n += (s->start_at < instant) == before;
	}
	return n;
}

static void follow_phase(struct load_worker *w)
{
	int phase = atomic_load_explicit(&w->shared->phase, memory_order_relaxed);

	if (phase == w->phase)
		return;
	if (w->phase == LOAD_HOLD) {
		w->ramp_at = w->now;
		w->ramp_tokens = 1;
		w->next_arrival = w->now + (w->rate > 0 ? next_gap(w) : 0);
	}
	if (phase == LOAD_MEASURE)
		w->window_begin = w->now;
	else if (w->phase == LOAD_MEASURE &&
		 w->bulk == NULL) /* a bulk flow lasts as the run does */
		w->stuck = count_under_way(w, w->window_begin, true);
	w->phase = phase;
}

/* Opens what is due. */
static void before_wait(struct load_worker *w)
{
	follow_phase(w);
	if (w->phase == LOAD_HOLD)
		return;
	if (w->phase == LOAD_DRAIN)
		close_idle(w);
	else if (w->n_ramped < w->n_slots)
		ramp(w);
	retry_due(w);
	if (w->replay != NULL)
		replay_due(w);
	else if (w->rate > 0)
		arrivals(w);
	else if (worker_holds(w))
		requests(w);
}

static void loop(void *arg)
{
	struct load_worker *w = arg;
	const struct team_aside *aside = w->shared->aside;
	struct io_event events[IO_MAX_EVENTS];
	int n;

	w->now = clock_ns();
	while (!team_stopping(&w->shared->team)) {
		before_wait(w);
		n = w->ops->wait(w->io, events, IO_MAX_EVENTS, timeout_ms(w));
		w->now = clock_ns();
		io_prefetch(events, n);
		for (int i = 0; i < n; i++) {
			if ((unsigned)i % CLOCK_EVERY == CLOCK_EVERY - 1)
				w->now = clock_ns();
			slot_event(w, events[i].ptr, events[i].events);
		}
		if (n < 0 || (aside != NULL && !aside->turn(aside->arg, w->index)))
			return;
	}
}

static int start(void *arg, struct io *io, char err[ERR_LEN])
{
	struct load_worker *w = arg;

	const struct team_aside *aside = w->shared->aside;

	w->io = io;
	w->ops = io->ops;
	return aside != NULL ? aside->start(aside->arg, w->index, err) : 0;
}

static void end(void *arg)
{
	struct load_worker *w = arg;
	const struct team_aside *aside = w->shared->aside;

	/* The kernel's may wait for a timer; ours on a wire of memory has lost a wake-up. */
	if (w->shared->both_ours && w->bulk == NULL)
		w->hung = count_under_way(w, w->window_begin, false);
	for (uint32_t i = 0; i < w->n_slots; i++)
		slot_abandon(w, &w->slots[i]);
	if (aside != NULL)
		aside->end(aside->arg, w->index);
}

const struct team_job load_job = {start, loop, end};

/* What does not change from one request to the next. */
static void make_request(struct load_worker *w)
{
	const struct load_conf *conf = w->shared->conf;
	char host[ADDR_STRLEN];
	uint64_t letters = 1;

	if (conf->app == APP_HTTP) {
		/* a file's name takes the place of any other: all have the same length */
		const char *path = w->set != NULL ? "/dir00000/class0_0" : conf->path;

		addr_format(&conf->target, host);
		w->request_len =
			(uint32_t)snprintf(w->request, sizeof(w->request),
					   "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
		return;
	}
	w->request_len = conf->message_bytes;
	for (uint32_t i = 0; i < sizeof(w->request); i++)
		w->request[i] = (char)('a' + random_next(&letters) % 26);
	memcpy(w->key, w->request, sizeof(w->key));
}

uint32_t load_slots(const struct load_conf *conf)
{
	return conf->app == APP_REPLAY ? conf->concurrency + conf->concurrency / 4 + 64
				       : conf->concurrency;
}

static uint32_t share_u32(uint32_t total, unsigned i, unsigned n)
{
	return total / n + (i < total % n);
}

struct load_worker *load_worker_create(struct load_shared *shared, unsigned i, unsigned n)
{
	const struct load_conf *conf = shared->conf;
	struct load_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->shared = shared;
	w->n_slots = share_u32(load_slots(conf), i, n);
	w->index = i;
	w->n_workers = n;
	w->slots = calloc(w->n_slots + 1, sizeof(*w->slots));
	if (conf->app == APP_HTTP)
		w->https = calloc(w->n_slots + 1, sizeof(*w->https));
	if (conf->file_set > 0)
		w->set = webset_create(conf->file_set);
	if (w->slots == NULL || (conf->file_set > 0 && w->set == NULL) ||
	    (conf->app == APP_HTTP && w->https == NULL) ||
	    (conf->app == APP_BULK && bulk_worker_init(w) < 0) ||
	    (conf->app == APP_TLS && tls_worker_init(w) < 0) ||
	    (conf->app == APP_REPLAY && replay_worker_init(w) < 0)) {
		load_worker_destroy(w);
		return NULL;
	}
	for (uint32_t k = 0; k < w->n_slots; k++)
		w->slots[k].fd = -1;
	w->free = w->idle = w->retry = (struct slot_list){SLOT_NONE, SLOT_NONE};
	w->rate = conf->rate / n;
	w->ramp_rate = conf->ramp_rate / n;
	w->most_under_way = UINT32_MAX;
	if (conf->app != APP_BULK && conf->rate <= 0 && conf->under_way < conf->concurrency)
		w->most_under_way = share_u32(conf->under_way, i, n);
	w->rng = conf->seed + i;
	w->quota = UINT64_MAX;
	if (conf->connections > 0)
		w->quota = conf->connections / n + (i < conf->connections % n);
	hdr_reset(&w->latency);
	hdr_reset(&w->lag);
	make_request(w);
	if (w->replay != NULL || (w->rate > 0 && !per_message_arrivals(w))) {
		for (uint32_t k = 0; k < w->n_slots; k++)
			append(w, &w->free, &w->slots[k]);
		w->n_ramped = w->n_slots;
		if (w->replay == NULL)
			counter_add(&w->n_opened, w->n_slots);
	}
	return w;
}

void load_worker_destroy(struct load_worker *w)
{
	if (w == NULL)
		return;
	free(w->bulk);
	tls_worker_free(w);
	replay_worker_free(w);
	free(w->flow_bytes);
	webset_destroy(w->set);
	free(w->https);
	free(w->slots);
	free(w);
}
