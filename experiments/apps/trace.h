/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A trace of flows: when each connection is opened, and what goes over it: turns of a request and
 *its response, each some time after the response before it. Made from distributions, or read from
 *text:
 *
 *	mtcp-trace 1
 *	# arrival_us think_us:request_bytes:response_bytes ...
 *	0 0:310:4096 250000:280:900 1000000:0:0
 *
 * A line for each flow, in the order of their arrivals. think_us is counted from the response
 *before (of the first turn: from the arrival). 0:0 bytes, at the end only: the connection is kept
 *so long before it is closed. Lines that begin with # and empty lines say nothing.
 */
#ifndef APPS_TRACE_H
#define APPS_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include "util.h"

#define TRACE_REQUEST_LEAST 12u /* a request says what answer it wants: protocol.h */
#define TRACE_REQUEST_MOST  (1u << 20)
#define TRACE_RESPONSE_MOST (1u << 30)
#define TRACE_FLOWS_MOST    2000000u
#define TRACE_TURNS_MOST    16000000u
#define TRACE_TIME_MOST_US                                                                         \
	86400000000ull /* of an arrival: a day; think_us: below 2^32, 71 minutes */

struct trace_turn {
	uint32_t think_us, request, response; /* request and response 0: only kept open */
};

struct trace_flow {
	uint64_t at_us;
	uint32_t first, n_turns; /* in turns */
};

struct trace {
	struct trace_flow *flows;
	struct trace_turn *turns;
	uint32_t n_flows, n_turns;
	uint32_t flows_room, turns_room;
};

/* About `concurrent` flows at a time: so many more arrive than end in the first ramp_s seconds,
 * then as many as end, until seconds are over. */
struct trace_plan {
	uint32_t concurrent;
	double ramp_s, seconds;
	uint64_t seed;
};

/* Flows per second that keep so many at a time there. */
double trace_arrivals(uint32_t concurrent);

/* Each: 0, or -errno with err: -EINVAL for what is wrong, with its line; -ENOMEM; -E2BIG. The trace
 * is to be freed also then. */
int trace_generate(struct trace *, const struct trace_plan *, char err[ERR_LEN]);
int trace_read(struct trace *, FILE *, char err[ERR_LEN]);
int trace_load(struct trace *, const char *path, char err[ERR_LEN]);
void trace_write(const struct trace *, FILE *);
void trace_free(struct trace *);

/* A flow without turns, then turns of the last flow. 0, -ENOMEM or -E2BIG. */
int trace_add_flow(struct trace *, uint64_t at_us);
int trace_add_turn(struct trace *, struct trace_turn);
/* Most flows at a time, if answers take no time. */
uint32_t trace_peak(const struct trace *);
/* Bytes of all responses of a flow. */
uint64_t trace_flow_bytes(const struct trace *, uint32_t flow);

#endif
