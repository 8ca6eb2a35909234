// SPDX-License-Identifier: BSD-3-Clause
/* The load's end of a bulk transfer: `concurrency` flows, from the start to the end of the run. A
 * transaction is message_bytes passed on. */
#include <stdlib.h>

#include "bulk.h"
#include "load_worker.h"

int bulk_worker_init(struct load_worker *w)
{
	const struct load_conf *conf = w->shared->conf;
	char *pattern;

	w->bulk = malloc(sizeof(*w->bulk) + 2 * BULK_PERIOD);
	w->flow_bytes = calloc(w->n_slots + 1, sizeof(*w->flow_bytes));
	if (w->bulk == NULL || w->flow_bytes == NULL)
		return -ENOMEM;
	pattern = (char *)(w->bulk + 1);
	bulk_pattern(pattern);
	*w->bulk = (struct bulk){.pattern = pattern,
				 .scratch = w->scratch,
				 .chunk = min_u32(conf->message_bytes, BULK_PERIOD),
				 .zero_copy = conf->zero_copy};
	return 0;
}

void bulk_slot_begin(struct load_worker *w, struct load_slot *s)
{
	bool up = w->shared->conf->up;
	struct io_event ev = {.events = up ? IO_OUT : IO_IN, .ptr = s};
	const char role = up ? BULK_UP : BULK_DOWN;

	w->bulk->io = w->io;
	slot_set(w, s, SLOT_BUSY);
	s->start_at = w->now;
	s->sent = s->got = 0;
	/* level-triggered: a turn takes a bounded share */
	if (w->ops->write(w->io, s->fd, &role, 1) != 1 || w->ops->ctl(w->io, IO_MOD, s->fd, ev) < 0)
		slot_fail(w, s, errno);
}

static void count(struct load_worker *w, struct load_slot *s, uint32_t n)
{
	uint32_t unit = w->shared->conf->message_bytes, done;

	done = (s->sent + n) / unit;
	s->sent = (s->sent + n) % unit;
	counter_add(&w->total_transactions, done);
	if (w->phase != LOAD_MEASURE)
		return;
	w->transactions += done;
	w->bytes += n;
	w->flow_bytes[s - w->slots] += n;
}

void bulk_flows_add(const struct load_worker *w, double *sum, double *squares)
{
	for (uint32_t i = 0; i < w->n_slots; i++) {
		double bytes = (double)w->flow_bytes[i];

		*sum += bytes;
		*squares += bytes * bytes;
	}
}

/* s->got is the stream's phase. */
void bulk_slot_event(struct load_worker *w, struct load_slot *s)
{
	ssize_t n;

	if (w->phase == LOAD_DRAIN) {
		slot_abandon(w, s);
		return;
	}
	n = w->shared->conf->up ? bulk_send(w->bulk, s->fd, &s->got)
				: bulk_receive(w->bulk, s->fd, &s->got);
	if (n < 0)
		slot_fail(w, s, n == -EPIPE ? LOAD_FAIL_CLOSED : (int)-n);
	else
		count(w, s, (uint32_t)n);
}
