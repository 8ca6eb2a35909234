/* SPDX-License-Identifier: BSD-3-Clause */
/* Recording, private to core/stack; on the way of each segment, so inline. */
#ifndef STACK_TRACE_PUT_H
#define STACK_TRACE_PUT_H

#include "stack/core.h"

/* From here on the count of events goes round and keeps this bit: the ring is full. */
#define TRACE_MANY 0x8000u

_Static_assert(TRACE_MANY % TRACE_MAX == 0, "going round leaves the place in the ring as it is");

static inline struct trace_event *trace_slot(const struct stack_core *sc, struct conn *c)
{
	uint32_t n = c->n_events;

	c->n_events = (uint16_t)((n + 1) | (n & TRACE_MANY));
	return &sc->traces[sc->trace_len * c->id + (n & sc->trace_mask)];
}

/* The line that the next event goes to; the ring has several, cold when connections are many. */
static ALWAYS_INLINE void trace_prefetch(const struct stack_core *sc, const struct conn *c)
{
	if (sc->traces)
		__builtin_prefetch(
			&sc->traces[sc->trace_len * c->id + (c->n_events & sc->trace_mask)], 1);
}

/* low: what trace.h says for the kind. */
static inline void trace_seg(const struct stack_core *sc, struct conn *c, unsigned kind_low,
			     const struct tcp_seg *s, mt_time now)
{
	struct trace_event *e;

	if (!sc->traces)
		return;
	e = trace_slot(sc, c);
	*e = (struct trace_event){
		.seq = s->seq,
		.ack = s->ack,
		.len = s->len,
		.flags = s->flags,
		.what = (uint8_t)kind_low,
		.at = (uint32_t)(now >> TRACE_TICK_SHIFT),
	};
}

static inline void trace_in(const struct stack_core *sc, struct conn *c, const struct tcp_seg *s,
			    uint8_t drop, mt_time now)
{
	trace_seg(sc, c, drop ? TRACE_DROP * 16u + drop : TRACE_IN * 16u + c->tcb.state, s, now);
}

static inline void trace_out(const struct stack_core *sc, struct conn *c, const struct tcp_seg *s,
			     bool again, mt_time now)
{
	trace_seg(sc, c, (TRACE_OUT + (unsigned)again) * 16u + c->tcb.state, s, now);
}

void trace_timer(const struct stack_core *, struct conn *, uint16_t events, mt_time now);
/* error: of TRACE_CALL_FAIL. */
void trace_call(const struct stack_core *, struct conn *, enum trace_call, int error, mt_time now);

size_t trace_bytes(const struct stack_config *);
/* mem: trace_bytes(), aligned to 64. */
void trace_init(struct stack_core *, void *mem);

#endif
