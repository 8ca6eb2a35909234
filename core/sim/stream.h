/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Applications for simulated hosts: clients and servers that send a known pattern, check every byte they get, and
 * close in a given way. What is sent depends on the connection's ports, so that bytes of another connection are
 * noticed.
 */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "sim/sim.h"

enum stream_end {
	STREAM_SHUT,  /* FIN as soon as all is sent, close at the peer's FIN */
	STREAM_CLOSE, /* close as soon as all is sent and received, whatever the peer does */
	STREAM_WAIT   /* FIN only when the peer's has come */
};

struct stream_plan {
	uint64_t tx_bytes, rx_bytes;  /* per connection */
	bool answer;                  /* send only after all has been received */
	enum stream_end end;
	uint32_t io_max;              /* most bytes per read or write, random from 1; 0: 64 KiB */
	mt_time read_every;           /* a slow reader: one read per interval; 0: reads what is there */
	uint32_t total, concurrency;  /* clients: connections to open, and how many at once; 0: 1 */
	struct ip_endpoint remote;    /* clients */
	void (*opened)(struct stack_core *, uint32_t id); /* options to set on each connection, or NULL */
};

struct stream;

struct stream_app {
	struct sim_node *node;
	struct stream_plan plan;
	bool server;
	uint32_t n_started, n_live, n_done, n_failed;
	uint32_t n_refused;         /* connects that found no port or no memory; tried again */
	int last_error;
	uint64_t received;          /* bytes, all connections */
	const char *wrong;          /* what was not as it must be, or NULL */
	mt_time done_at;            /* when the last connection ended */
	struct stream *live;
	struct rng rng;
	int64_t lid[NIC_MAX_QUEUES];
};

/* Listens on all cores of the node. */
void stream_serve(struct stream_app *, struct sim_node *, const struct stream_plan *, uint16_t port,
		  uint32_t backlog);
/* Connects from core 0. */
void stream_connect(struct stream_app *, struct sim_node *, const struct stream_plan *);
/* A client whose plan.total connections have all ended. */
bool stream_finished(const struct stream_app *);
/* Forgets its connections without closing them (their stack goes next). */
void stream_free(struct stream_app *);

#endif
