/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to run.c and flow.c: a scenario that runs. */
#ifndef SIM_RUN_INTERNAL_H
#define SIM_RUN_INTERNAL_H

#include "sim/run.h"

#define FLOW_PORT 5000 /* of flow 0; the next has the next */

struct traffic;

/* One end of a connection. */
struct end {
	struct end *next, *prev; /* of its flow, clients and servers apart */
	struct traffic *flow;
	struct end *peer; /* while both are there */
	struct sim_node *node;
	struct source *source; /* clients */
	uint64_t number;       /* of the connection in its flow, from 0 */
	uint32_t id;
	uint32_t tx_key, rx_key; /* where in the pattern the stream starts */
	uint16_t port;		 /* the client's */
	uint64_t to_send, sent;
	uint64_t to_get, got, got_sampled, got_measured;
	uint32_t exchanges_left;
	mt_time began_at; /* the exchange */
	bool up, shut, eof;
};

/* A host that opens connections of a flow. */
struct source {
	struct traffic *flow;
	struct sim_node *node;
	uint64_t started;
	uint32_t live;
	mt_time next_at; /* of the next connection, with `every` */
};

struct traffic {
	struct run *run;
	const struct scn_flow *cfg;
	struct scn_flow_result *result;
	struct ip_endpoint to;
	struct sim_node *to_node;
	struct source *sources;
	uint32_t n_sources;
	struct end *clients, *servers;
	uint32_t lid;
	mt_time ended_at;
	bool stopped;
};

struct host {
	struct run *run;
	struct sim_node *node;
	uint32_t kind; /* index in the scenario */
	char name[SCN_NAME_LEN + 10]; /* and the number of a 32-bit count */
	struct stack_addr addr;
};

struct run {
	const struct scenario *scn;
	const struct scn_run_options *opt;
	struct scn_result *result;
	struct sim *sim;
	mt_time start; /* sim time 0 of the scenario */
	struct host *hosts;
	uint32_t n_hosts;
	struct traffic flows[SCN_MAX_FLOWS];
	uint8_t *pattern;
	bool draining; /* nothing counts any more */
};

/* ---- flow.c ---- */
void flow_start(struct traffic *);
sim_app flow_app; /* of every host; ctx: struct host */
/* No more connections nor exchanges; endless ones end. */
void flow_stop(struct traffic *);
/* Its connections have all ended, and no more will come. */
bool flow_is_over(const struct traffic *);
/* Lets go of what is left, without a word. */
void flow_free(struct traffic *);
uint8_t *flow_pattern(void);

static inline mt_time run_time(const struct run *r)
{
	return sim_now(r->sim) - r->start;
}

#endif
