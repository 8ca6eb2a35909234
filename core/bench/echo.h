/* SPDX-License-Identifier: BSD-3-Clause */
/* A server and a client of 64-byte messages, by mtcp_* and epoll, on a device of memory; each a
 * turn at a time. */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdint.h>

#include "mtcp/mtcp_api.h"
#include "mtcp/mtcp_epoll.h"

#define ECHO_FDS 1024u

/* What clock_gettime tells, which this replaces; 0: the real time. */
extern uint64_t echo_clock_ns;

struct echo {		      /* a server, a client, or both */
	void (*made)(mctx_t); /* called with each context before it is used; NULL: nothing */
	mctx_t server, client;
	int listener, server_ep, client_ep;
	uint32_t concurrency;
	uint32_t n_messages;	   /* each way over one connection */
	uint64_t n_begun, n_ended; /* connections, of the client */
	uint16_t server_count[ECHO_FDS], client_count[ECHO_FDS];
};

/* 10.0.0.1 is side 0, the server's. At most ECHO_FDS descriptors. */
mtcp_stack_t echo_stack_on(const char *device, int side, int n_cores, unsigned n_fds);
/* On a device of memory. */
mtcp_stack_t echo_stack(int wire, int side, int n_cores, unsigned n_fds);
/* The same of one core, in paired mode. */
mtcp_stack_t echo_stack_paired(int wire, int side);
/* On the thread that will take the turns; pins it. */
void echo_open_server(struct echo *, mtcp_stack_t);
void echo_open_client(struct echo *, mtcp_stack_t);

/* Each returns how many events it was told of.
 * Answers each message; closes after the last. */
int server_turn(struct echo *);
/* Asks when connected and after each answer but the last; opens connections until there are as many
 * as there may be, `until` of them in all. */
int client_turn(struct echo *, uint64_t until);

#endif
