/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load generator, over any stack.
 * Closed loop: `concurrency` connections at a time; each sends `messages` requests one after the
 * other, is then closed by us, and a new one takes its place at once. Open loop (rate > 0):
 * arrivals by a Poisson process, whether or not earlier ones are done. With one message per
 * connection an arrival is a connection; with more it is a message on one of `concurrency` open
 * ones. Latency counts from the intended start, so a stall is seen by all who would have come
 * meanwhile. Latency of a transaction (one request and its response): the first of a connection
 * includes the handshake. Bulk: load_bulk.c.
 */
#ifndef APPS_LOAD_H
#define APPS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cpus.h"
#include "hdr.h"
#include "io.h"
#include "protocol.h"
#include "tls.h"
#include "team.h"

/* Failures by errno, and these. */
enum load_failure {
	LOAD_FAIL_CLOSED = 200, /* the server closed too early */
	LOAD_FAIL_RESPONSE,	/* a response that is not the right one */
	LOAD_FAIL_STATUS,	/* HTTP status other than 2xx */
	LOAD_N_FAILURES
};
/* "ECONNRESET", "closed_early" ... */
const char *load_failure_name(int code);

struct load_conf {
	int app;	   /* enum app_kind */
	const char *path;  /* http */
	uint32_t file_set; /* http: GiB of the server's set of files; 0: path */
	struct addr target;
	uint32_t concurrency, messages, message_bytes, response_bytes;
	int up; /* bulk: 1: the load sends */
	bool zero_copy;
	struct tls_conf tls;	   /* tls */
	const struct trace *trace; /* replay */
	double warmup_s, seconds;
	uint64_t connections; /* > 0: measure from the start until so many connections have ended */
	double rate;	      /* open loop: arrivals per second; 0: closed loop */
	double ramp_rate;     /* first connections opened per second */
	uint32_t under_way;   /* closed loop: connections at a time that connect or wait for an
				 answer; the others are open, and wait for their turn to ask */
	uint64_t seed;
	struct cpu_list server_cpus; /* watched; n == 0: unknown */
	bool progress;
	double interval_s; /* between two lines of progress */
};

/* Places for connections: some more than concurrency where it is a mean. */
uint32_t load_slots(const struct load_conf *);

/* How the main program learns of the window; each may be NULL. */
struct load_hooks {
	void *arg;
	void (*server_stats)(void *arg, struct io_stats *out); /* at begin and end of the window */
	const struct team_aside *aside;			       /* on the workers' threads, too */
	/* The event "ready" is told after the warm-up, and the window begins once this is true */
	bool (*released)(void *arg);
};

struct load_result {
	double seconds;
	uint64_t tsc_hz;		    /* of the time-stamp counter; 0: unknown */
	uint64_t transactions, connections; /* completed in the window */
	uint64_t bytes;			    /* payload of completed transactions, both ways */
	uint64_t failed, failures[LOAD_N_FAILURES];
	uint64_t failed_before; /* the window */
	uint64_t failed_total;	/* since the start, at the window's end */
	uint64_t stuck; /* transactions under way at its end that had begun before its beginning;
			   and hung */
	uint64_t hung;	/* both ends in this process: others that had no end 2 s after it */
	bool ramp_incomplete, interrupted, complete;
	bool steady;	     /* the rate had settled when the window began (steady.h) */
	double opened_per_s; /* first connections, until all were open; 0: unknown */
	double fairness;     /* bulk: Jain's index of the flows' bytes, 1 when all got the same */
	struct hdr latency;  /* ns */
	struct hdr lag;	     /* open loop: from the intended to the true start, ns */
	struct cpu_time server_cpu, client_cpu;
	struct io_stats client_begin, client_end, server_begin, server_end;
	bool has_server_stats;
	uint64_t memory_begin, memory_end; /* resident bytes of this process, before the first
					      connection and at the window's end */
};

/* Runs on the stack's workers, driven by the calling thread. 0; -EINTR when stopped before the
 * window (nothing was measured); or -errno with err. A stop inside the window ends it: interrupted
 * is set. */
int load_run(struct io_stack *, const struct load_conf *, const struct load_hooks *,
	     struct load_result *, char err[ERR_LEN]);

#endif
