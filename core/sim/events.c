// SPDX-License-Identifier: BSD-3-Clause
/* What is under way: a binary heap. */
#include <stdlib.h>

#include "base/check.h"
#include "sim/internal.h"

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void sift_up(struct event *heap, uint32_t i, struct event ev)
{
	for (; i > 0 && earlier(&ev, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = ev;
}

void event_add(struct sim *sim, const struct event *e)
{
	struct event ev = *e;

	if (sim->n_events == sim->cap_events) {
		sim->cap_events = sim->cap_events ? 2 * sim->cap_events : 1024;
		sim->heap = realloc(sim->heap, sim->cap_events * sizeof(*sim->heap));
		check(sim->heap != NULL);
	}
	ev.order = sim->n_events_ever++;
	sift_up(sim->heap, sim->n_events++, ev);
}

struct event event_take(struct sim *sim)
{
	struct event top = sim->heap[0], last = sim->heap[--sim->n_events];
	uint32_t i = 0;

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k + 1 < sim->n_events && earlier(&sim->heap[k + 1], &sim->heap[k]))
			k++;
		if (k >= sim->n_events || !earlier(&sim->heap[k], &last))
			break;
		sim->heap[i] = sim->heap[k];
		i = k;
	}
	sim->heap[i] = last;
	return top;
}

/* Bits in front of a frame are served at the old rate until now and at the new one from now on, so
 * its remaining time scales. */
void events_change_rate(const struct pipe *p, uint64_t from_bps, uint64_t to_bps)
{
	struct sim *sim = p->sim;

	for (uint32_t i = 0; i < sim->n_events; i++) {
		struct event e = sim->heap[i];

		if (e.pipe == p && e.sent_at > sim->now) {
			mt_time delay = e.at - e.sent_at;

			e.sent_at = pipe_rescale(sim->now, e.sent_at, from_bps, to_bps);
			e.at = e.sent_at + delay;
		}
		sim->heap[i] = e;
	}
	for (uint32_t i = 1; i < sim->n_events; i++)
		sift_up(sim->heap, i, sim->heap[i]);
}
