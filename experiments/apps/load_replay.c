// SPDX-License-Identifier: BSD-3-Clause
/*
 * Replay of a trace on its own timing. A worker has every n-th flow of it. A turn's latency counts
 * from when the trace wants it: of a flow's first, its arrival; of a later one, its think time
 * after the answer before it. Flows that think wait in a heap.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "load_worker.h"
#include "trace.h"

#define BURST  1024u /* flows and turns begun between two looks at the network */
#define SAMPLE 64u   /* bytes that are looked at, of what each read brings */

struct replay_slot {
	uint64_t due_at;
	uint32_t flow, turn, phase, sent, got;
};

struct load_replay {
	const struct trace *trace;
	uint64_t begin; /* of the trace; 0: not yet */
	uint32_t next;	/* flow to be opened */
	uint32_t n_heap;
	uint32_t *heap; /* slots by due_at, the earliest first */
	struct replay_slot *slots;
	char pattern[2 * BULK_PERIOD];
};

int replay_worker_init(struct load_worker *w)
{
	struct load_replay *r = calloc(1, sizeof(*r));

	w->replay = r;
	if (r == NULL)
		return -ENOMEM;
	r->trace = w->shared->conf->trace;
	r->next = w->index;
	r->heap = calloc(w->n_slots + 1, sizeof(*r->heap));
	r->slots = calloc(w->n_slots + 1, sizeof(*r->slots));
	bulk_pattern(r->pattern);
	return r->heap == NULL || r->slots == NULL ? -ENOMEM : 0;
}

void replay_worker_free(struct load_worker *w)
{
	if (w->replay == NULL)
		return;
	free(w->replay->heap);
	free(w->replay->slots);
	free(w->replay);
}

static struct replay_slot *of(const struct load_worker *w, const struct load_slot *s)
{
	return &w->replay->slots[s - w->slots];
}

static uint64_t due(const struct load_replay *r, uint32_t place)
{
	return r->slots[r->heap[place]].due_at;
}

static void swap(struct load_replay *r, uint32_t a, uint32_t b)
{
	uint32_t kept = r->heap[a];

	r->heap[a] = r->heap[b];
	r->heap[b] = kept;
}

static void heap_push(struct load_replay *r, uint32_t slot)
{
	uint32_t at = r->n_heap++;

	r->heap[at] = slot;
	for (; at > 0 && due(r, at) < due(r, (at - 1) / 2); at = (at - 1) / 2)
		swap(r, at, (at - 1) / 2);
}

static uint32_t heap_pop(struct load_replay *r)
{
	uint32_t first = r->heap[0], at = 0, child;

	r->heap[0] = r->heap[--r->n_heap];
	while ((child = 2 * at + 1) < r->n_heap) {
		if (child + 1 < r->n_heap && due(r, child + 1) < due(r, child))
			child++;
		if (due(r, at) <= due(r, child))
			break;
		swap(r, at, child);
		at = child;
	}
	return first;
}

static const struct trace_turn *turn_of(const struct load_worker *w, const struct load_slot *s)
{
	const struct trace *t = w->replay->trace;

	return &t->turns[t->flows[of(w, s)->flow].first + of(w, s)->turn];
}

static void flow_done(struct load_worker *w, struct load_slot *s)
{
	slot_abandon(w, s);
	counter_add(&w->total_connections, 1);
	w->connections += w->phase == LOAD_MEASURE;
	worker_slot_done(w, s);
}

static void send_more(struct load_worker *w, struct load_slot *s)
{
	struct replay_slot *own = of(w, s);
	const struct trace_turn *turn = turn_of(w, s);
	struct replay_head head = {htonl(turn->request), htonl(turn->response), htonl(own->phase)};
	ssize_t put;

	/* what follows the head is of no meaning */
	memcpy(w->request, &head, sizeof(head));
	while (own->sent < turn->request) {
		uint32_t from = min_u32(own->sent, (uint32_t)sizeof(head));

		put = w->ops->write(w->io, s->fd, w->request + from,
				    min_u32(turn->request - own->sent, LOAD_BUFFER - from));
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0) {
			slot_fail(w, s, errno);
			return;
		}
		own->sent += (uint32_t)put;
	}
}

static void begin_turn(struct load_worker *w, struct load_slot *s, uint64_t start_at)
{
	struct replay_slot *own = of(w, s);
	uint64_t mixed = (uint64_t)own->flow << 32 | own->turn;

	if (turn_of(w, s)->request == 0) {
		flow_done(w, s);
		return;
	}
	own->sent = own->got = 0;
	own->phase = (uint32_t)random_next(&mixed) % BULK_PERIOD;
	s->start_at = start_at;
	slot_set(w, s, SLOT_BUSY);
	send_more(w, s);
}

/* After the answer before, or the handshake: now, or after a think time. */
static void next_turn(struct load_worker *w, struct load_slot *s, uint64_t from)
{
	uint32_t think_us = turn_of(w, s)->think_us;

	if (think_us == 0) {
		begin_turn(w, s, from);
		return;
	}
	of(w, s)->due_at = from + think_us * 1000ull;
	slot_set(w, s, SLOT_IDLE);
	heap_push(w->replay, (uint32_t)(s - w->slots));
}

void replay_slot_begin(struct load_worker *w, struct load_slot *s)
{
	next_turn(w, s, s->start_at);
}

static void turn_done(struct load_worker *w, struct load_slot *s)
{
	const struct trace *t = w->replay->trace;
	const struct trace_turn *turn = turn_of(w, s);
	struct replay_slot *own = of(w, s);

	counter_add(&w->total_transactions, 1);
	if (w->phase == LOAD_MEASURE) {
		w->transactions++;
		w->bytes += turn->request + turn->response;
		hdr_record(&w->latency, w->now > s->start_at ? w->now - s->start_at : 0);
	}
	if (++own->turn == t->flows[own->flow].n_turns || w->phase == LOAD_DRAIN)
		flow_done(w, s);
	else
		next_turn(w, s, w->now);
}

/* Is it the answer's next piece? */
static bool check(struct load_worker *w, const struct load_slot *s, uint32_t n)
{
	const struct replay_slot *own = of(w, s);
	const char *pattern = w->replay->pattern;
	uint32_t phase = own->phase + own->got, sample = min_u32(n, SAMPLE), last = n - sample;

	if (own->sent < turn_of(w, s)->request || n > turn_of(w, s)->response - own->got)
		return false;
	return memcmp(w->scratch, pattern + phase % BULK_PERIOD, sample) == 0 &&
	       memcmp(w->scratch + last, pattern + (phase + last) % BULK_PERIOD, sample) == 0;
}

static void receive(struct load_worker *w, struct load_slot *s)
{
	struct replay_slot *own = of(w, s);
	ssize_t got;

	do {
		got = w->ops->read(w->io, s->fd, w->scratch, LOAD_BUFFER);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			slot_fail(w, s, got == 0 ? LOAD_FAIL_CLOSED : errno);
			return;
		}
		if (!check(w, s, (uint32_t)got)) {
			slot_fail(w, s, LOAD_FAIL_RESPONSE);
			return;
		}
		own->got += (uint32_t)got;
	} while (own->got < turn_of(w, s)->response);
	turn_done(w, s);
}

void replay_slot_event(struct load_worker *w, struct load_slot *s, uint32_t events)
{
	if ((events & IO_OUT) && s->state == SLOT_BUSY && of(w, s)->sent < turn_of(w, s)->request)
		send_more(w, s);
	if ((events & (IO_IN | IO_ERR | IO_HUP | IO_RDHUP)) == 0)
		return;
	if (s->state == SLOT_BUSY)
		receive(w, s);
	else if (s->state == SLOT_IDLE)
		slot_idle_failed(w, s); /* met again when its think time is over */
}

static void late(struct load_worker *w, uint64_t intended)
{
	if (w->phase == LOAD_MEASURE)
		hdr_record(&w->lag, w->now > intended ? w->now - intended : 0);
}

static void turns_due(struct load_worker *w)
{
	struct load_replay *r = w->replay;

	for (unsigned i = 0; i < BURST && r->n_heap > 0; i++) {
		struct load_slot *s;
		bool over = w->phase == LOAD_DRAIN;

		if (due(r, 0) > w->now && !over)
			return;
		worker_look(w, i);
		s = &w->slots[heap_pop(r)];
		if (s->state != SLOT_IDLE) {
			worker_slot_failed(w, s);
		} else if (over) {
			slot_abandon(w, s);
		} else {
			late(w, of(w, s)->due_at);
			begin_turn(w, s, of(w, s)->due_at);
		}
	}
}

static uint64_t arrival(const struct load_replay *r)
{
	return r->next < r->trace->n_flows ? r->begin + r->trace->flows[r->next].at_us * 1000
					   : UINT64_MAX;
}

static void flows_due(struct load_worker *w)
{
	struct load_replay *r = w->replay;

	for (unsigned i = 0; i < BURST && arrival(r) <= w->now; i++) {
		struct load_slot *s = worker_slot_take(w);

		if (s == NULL) /* none is free: it waits, and is late */
			return;
		*of(w, s) = (struct replay_slot){.flow = r->next};
		worker_look(w, i);
		late(w, arrival(r));
		r->next += w->n_workers;
		slot_open(w, s, r->begin + r->trace->flows[of(w, s)->flow].at_us * 1000);
	}
}

void replay_due(struct load_worker *w)
{
	if (w->replay->begin == 0)
		w->replay->begin = w->now;
	turns_due(w);
	if (w->phase != LOAD_DRAIN)
		flows_due(w);
}

uint64_t replay_next_at(const struct load_worker *w)
{
	const struct load_replay *r = w->replay;
	uint64_t next = arrival(r);

	return r->n_heap > 0 && due(r, 0) < next ? due(r, 0) : next;
}
