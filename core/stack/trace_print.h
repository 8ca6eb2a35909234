/* SPDX-License-Identifier: BSD-3-Clause */
/* The event rings as text, for those who have stdio (core/sim, core/api, tests): inline, because
 * core/stack has none. */
#ifndef STACK_TRACE_PRINT_H
#define STACK_TRACE_PRINT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stack/trace.h"

/* As tcpdump writes them. */
static inline const char *trace_flags(uint8_t flags, char text[9])
{
	char *at = text;

	for (unsigned i = 0; i < 8; i++) {
		if (flags & (1u << i))
			*at++ = "FSRP.UEC"[i];
	}
	*at = '\0';
	return text;
}

static inline const char *trace_drop_name(unsigned drop)
{
	static const char *const names[16] = {
		[TCP_DROP_SEQ] = "sequence",
		[TCP_DROP_ACK] = "acknowledgment",
		[TCP_DROP_PAWS] = "PAWS",
		[TCP_DROP_RST] = "reset",
		[TCP_DROP_SYN] = "SYN",
		[TCP_DROP_STATE] = "state",
		[TCP_DROP_OOO_FULL] = "too many holes",
		[TCP_DROP_AFTER_CLOSE] = "after close",
		[TCP_DROP_NO_ROOM] = "no room",
	};

	return names[drop] ? names[drop] : "other";
}

static inline void trace_print_timer(const struct trace_event *e, FILE *out)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = {
		{TCP_EV_RTO, " retransmission"}, {TCP_EV_DELACK, " delayed-ack"},
		{TCP_EV_PROBE, " probe"},	 {TCP_EV_ERROR, " gave-up"},
		{TCP_EV_CLOSED, " closed"},
	};

	fputs("timer", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (e->len & names[i].bit)
			fputs(names[i].name, out);
	}
	fprintf(out, " una %" PRIu32 " nxt %" PRIu32 " retries %u", e->seq.v, e->ack.v, e->flags);
}

static inline void trace_print_call(const struct trace_event *e, FILE *out)
{
	static const char *const names[] = {
		[TRACE_CALL_CONNECT] = "connect",   [TRACE_CALL_ACCEPT] = "accept",
		[TRACE_CALL_SHUTDOWN] = "shutdown", [TRACE_CALL_CLOSE] = "close",
		[TRACE_CALL_ABORT] = "abort",	    [TRACE_CALL_FAIL] = "failed",
	};

	fprintf(out, "call  %s", names[e->flags]);
	if (e->len)
		fprintf(out, ": %s", strerror(e->len));
}

static inline void trace_print_segment(const struct trace_event *e, FILE *out)
{
	static const char *const way[] = {[TRACE_IN] = "in   ",
					  [TRACE_DROP] = "drop ",
					  [TRACE_OUT] = "out  ",
					  [TRACE_AGAIN] = "again"};
	char flags[9];

	fprintf(out, "%s [%s] seq %" PRIu32 " ack %" PRIu32 " len %u", way[trace_kind(e)],
		trace_flags(e->flags, flags), e->seq.v, e->ack.v, e->len);
}

/* One line; times count back from the newest event. */
static inline void trace_print_event(const struct trace_event *e, uint32_t newest, FILE *out)
{
	double ago = (double)((uint64_t)(newest - e->at) << TRACE_TICK_SHIFT) / 1e9;

	fprintf(out, "  %12.6f ", ago > 0 ? -ago : 0.0);
	if (trace_kind(e) == TRACE_TIMER)
		trace_print_timer(e, out);
	else if (trace_kind(e) == TRACE_CALL)
		trace_print_call(e, out);
	else
		trace_print_segment(e, out);
	if (trace_kind(e) == TRACE_DROP)
		fprintf(out, " (%s)\n", trace_drop_name(e->what & 15));
	else
		fprintf(out, " %s\n", tcp_state_name((enum tcp_state)(e->what & 15)));
}

static inline void trace_print_end(const struct ip_endpoint *e, FILE *out)
{
	const uint8_t *b = e->addr.b;

	if (ip_is_v4(&e->addr)) {
		fprintf(out, "%u.%u.%u.%u:%u", b[12], b[13], b[14], b[15], e->port);
		return;
	}
	for (unsigned i = 0; i < 16; i += 2)
		fprintf(out, "%s%x", i ? ":" : "[", (unsigned)b[i] << 8 | b[i + 1]);
	fprintf(out, "]:%u", e->port);
}

/* What happened last to a connection; nothing if nothing was recorded. */
static inline void trace_print(const struct stack_core *sc, uint32_t id, FILE *out)
{
	struct trace_event ev[TRACE_MAX];
	unsigned n = stack_trace_read(sc, id, ev, TRACE_MAX);
	struct ip_endpoint local, remote;

	if (!n)
		return;
	stack_names(sc, id, &local, &remote);
	trace_print_end(&local, out);
	fputs(" <> ", out);
	trace_print_end(&remote, out);
	fprintf(out, " id %" PRIu32 "\n", id);
	for (unsigned i = 0; i < n; i++)
		trace_print_event(&ev[i], ev[n - 1].at, out);
}

/* All connections whose blocks have been used, those that have ended included. */
static inline void trace_print_all(const struct stack_core *sc, FILE *out)
{
	for (uint32_t id = 0; id < stack_trace_ids(sc); id++)
		trace_print(sc, id, out);
}

#endif
