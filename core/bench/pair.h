/* SPDX-License-Identifier: BSD-3-Clause */
/* Two stack cores, client and server, on a wire of memory in virtual time. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "bench.h"
#include "stack/stack.h"
#include "wire/wire.h"

#define PAIR_FRAMES 1024u /* on the wire in one direction */
#define PAIR_ROOM   2048u
#define PAIR_CONNS  2048u
#define PAIR_PORT   80u

struct pair;

struct pair_end {
	struct nic nic;
	struct ip_addr addr;
	struct pair *pair;
	struct pair_end *peer;
	struct nic_pkt in[PAIR_FRAMES];
	uint32_t head, tail;
	struct stack_core *sc;
	void *mem;
	uint16_t counts[PAIR_CONNS]; /* the application's, by connection */
};

struct pair {
	struct pair_end client, server;
	mt_time now;
	uint32_t lid;
	uint32_t n_messages;	   /* each way over one connection */
	uint64_t n_begun, n_ended; /* connections */
	uint64_t n_bytes;	   /* that the server read */
	uint64_t n_bytes_wanted;
	uint64_t rx_segs[2]; /* of client and server when the run began */
	uint32_t n_unused;
	uint8_t *unused[4 * PAIR_FRAMES];
	uint8_t frames[4 * PAIR_FRAMES][PAIR_ROOM];
};

/* A configuration for either end; its addresses are the pair's. */
struct stack_config pair_config(void);
/* client: NULL: that end of the wire has no stack. The server listens. */
struct pair *pair_new(const struct stack_config *client, const struct stack_config *server);
/* The same with IPv6 addresses, nobody else having claimed them. */
struct pair *pair_new_v6(const struct stack_config *client, const struct stack_config *server);
void pair_free(void *pair);

/* A turn up to the timers, and what it sends: what these cost is the stack's. */
void client_in(struct pair *);
void client_out(struct pair *);
void server_in(struct pair *);
void server_out(struct pair *);
/* A turn of one end and its application's answer to it. */
void pair_turn_client(struct pair *, void (*app)(struct pair *));
void pair_turn_server(struct pair *, void (*app)(struct pair *));
/* Opens n connections that stay. */
void pair_connect(struct pair *, unsigned n);

/* Without a client's stack, in its place: a segment without payload onto the wire; ... */
void pair_put(struct pair *, const struct flow *, const struct tcp_seg *);
/* ... and all that is on it is taken off, each frame told of before it goes (heard: or NULL).
 * Their number. */
unsigned pair_take(struct pair *, void (*heard)(void *arg, const struct nic_pkt *), void *arg);

#endif
