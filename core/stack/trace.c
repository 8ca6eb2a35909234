// SPDX-License-Identifier: BSD-3-Clause
#include "stack/trace.h"

#include "stack/trace_put.h"

/* Half a cache line would be worse than none: a ring begins with a line. */
_Static_assert(sizeof(struct trace_event) == 16, "four to a cache line");

size_t trace_bytes(const struct stack_config *cfg)
{
	return sizeof(struct trace_event) * cfg->trace_events * cfg->n_conns;
}

void trace_init(struct stack_core *sc, void *mem)
{
	uint32_t n = sc->cfg.trace_events;

	if (!n)
		return;
	sc->traces = mem;
	sc->trace_mask = n - 1;
	sc->trace_len = n;
}

static void put(const struct stack_core *sc, struct conn *c, enum trace_kind kind,
		struct trace_event e, mt_time now)
{
	if (!sc->traces)
		return;
	e.seq = c->tcb.snd_una;
	e.ack = c->tcb.rcv_nxt;
	e.what = (uint8_t)(kind << 4 | c->tcb.state);
	e.at = (uint32_t)(now >> TRACE_TICK_SHIFT);
	*trace_slot(sc, c) = e;
}

void trace_timer(const struct stack_core *sc, struct conn *c, uint16_t events, mt_time now)
{
	put(sc, c, TRACE_TIMER, (struct trace_event){.len = events, .flags = c->tcb.n_retries},
	    now);
}

void trace_call(const struct stack_core *sc, struct conn *c, enum trace_call call, int error,
		mt_time now)
{
	put(sc, c, TRACE_CALL, (struct trace_event){.len = (uint16_t)error, .flags = (uint8_t)call},
	    now);
}

unsigned stack_trace_read(const struct stack_core *sc, uint32_t id, struct trace_event *out,
			  unsigned max)
{
	uint32_t n, first;

	if (!sc->traces || id >= sc->conns.n_touched)
		return 0;
	n = core_conn(sc, id)->n_events;
	first = n > sc->trace_mask ? n - sc->trace_mask - 1 : 0;
	if (n - first > max)
		first = n - max;
	for (uint32_t i = first; i != n; i++)
		*out++ = sc->traces[sc->trace_len * id + (i & sc->trace_mask)];
	return n - first;
}

uint32_t stack_trace_ids(const struct stack_core *sc)
{
	return sc->traces ? sc->conns.n_touched : 0;
}
