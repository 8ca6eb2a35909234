/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last events of each connection, always recorded: a ring of stack_config.trace_events small
 * values per connection block, in memory that is not touched before the block is used. The ring of
 * a connection that has ended stays readable until its block is used again. Text of it:
 * stack/trace_print.h.
 */
#ifndef STACK_TRACE_H
#define STACK_TRACE_H

#include "stack/stack.h"

#define TRACE_MAX	 256 /* events per connection; a power of two */
#define TRACE_TICK_SHIFT 10  /* trace_event.at counts 1024 ns */

enum trace_kind {
	TRACE_IN,    /* segment received; low: state after it */
	TRACE_DROP,  /* segment received and dropped; low: enum tcp_drop */
	TRACE_OUT,   /* segment sent; low: state */
	TRACE_AGAIN, /* ... in part not for the first time */
	TRACE_TIMER, /* seq: SND.UNA, ack: RCV.NXT, len: the low 16 TCP_EV_* bits, flags: retries;
		      * low: state */
	TRACE_CALL   /* seq, ack as for a timer, flags: enum trace_call, len: errno; low: state */
};

enum trace_call {
	TRACE_CALL_CONNECT,
	TRACE_CALL_ACCEPT,
	TRACE_CALL_SHUTDOWN,
	TRACE_CALL_CLOSE,
	TRACE_CALL_ABORT,
	TRACE_CALL_FAIL /* ended by something outside TCP: an ICMP error, no neighbour; len says */
};

struct trace_event {
	tcp_seq seq, ack;
	uint16_t len;  /* payload bytes */
	uint8_t flags; /* TCPF_* */
	uint8_t what;  /* enum trace_kind << 4 | low */
	uint32_t at;   /* ticks, modulo 2^32: 73 minutes */
};

_Static_assert(TCPS_COUNT <= 16 && TCP_DROP_COUNT <= 16, "both fit four bits");

static inline enum trace_kind trace_kind(const struct trace_event *e)
{
	return (enum trace_kind)(e->what >> 4);
}

/* Copies the newest events, at most max, oldest first. Their number; 0 for a block that was never
 * used, and without rings. Any id, also one whose connection has ended. O(max). */
unsigned stack_trace_read(const struct stack_core *, uint32_t id, struct trace_event *out,
			  unsigned max);
/* Ids below this have been used. */
uint32_t stack_trace_ids(const struct stack_core *);

#endif
