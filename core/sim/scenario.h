/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scenario: hosts, links, flows and what changes while they run, read from text by one table of keys per kind of
 * section. docs/simulation.md is that table. Functions that read return 0, or -errno with one line in err:
 * FILE:LINE, what is wrong, the mend.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdio.h>

#include "sim/sim.h"

#define SCN_NAME_LEN   24
#define SCN_ERR_LEN    512
#define SCN_MAX_HOSTS  64
#define SCN_MAX_TRUNKS 8
#define SCN_MAX_FLOWS  64
#define SCN_MAX_EVENTS 256
#define SCN_MAX_NODES  1024 /* hosts with their counts */
#define SCN_MAX_CONNS  65536 /* at once, all flows */

struct scn_host {
	char name[SCN_NAME_LEN];
	uint32_t count;	   /* that many hosts of this kind */
	uint32_t at_switch;
	uint16_t mtu;	   /* of its device */
	struct sim_pipe pipes[2]; /* by enum sim_dir */
};

struct scn_trunk {
	struct sim_pipe pipes[2];
};

struct scn_flow {
	char name[SCN_NAME_LEN];
	char from[SCN_NAME_LEN], to[SCN_NAME_LEN]; /* hosts */
	uint32_t from_host, to_host;		   /* their indices, after scn_finish */
	mt_time start, stop;			   /* 0: the end of the run */
	uint64_t bytes;	    /* from -> to, per exchange; 0: without end */
	uint64_t response;  /* to -> from, after all of bytes */
	uint32_t exchanges; /* per connection, one after the other */
	uint32_t parallel;  /* connections at once, of each host of `from` */
	uint64_t connections; /* in all, of each host of `from`; 0: as many as there is time for */
	mt_time every;	      /* open one each so long, however many there are; 0: when one has ended */
	uint32_t sndbuf, rcvbuf; /* 0: the host's */
	char cc[16];		 /* "": the host's */
};

struct scn_event { /* a link changes */
	mt_time at;
	uint32_t host;	 /* index, or SCN_TRUNK + number */
	unsigned dirs;	 /* bits 1 << enum sim_dir */
	const struct scn_key *key;
	union {
		uint64_t u;
		double d;
	} value;
};

#define SCN_TRUNK 0x10000u

struct scenario {
	mt_time duration, warmup, sample;
	uint32_t snap;
	uint32_t family; /* 4 or 6 */
	mt_time time_wait;
	struct tcp_config tcp; /* of all hosts */
	struct scn_host hosts[SCN_MAX_HOSTS];
	struct scn_trunk trunks[SCN_MAX_TRUNKS];
	struct scn_flow flows[SCN_MAX_FLOWS];
	struct scn_event events[SCN_MAX_EVENTS]; /* in the order of time, after scn_finish */
	uint32_t n_hosts, n_trunks, n_flows, n_events;
};

enum scn_type { SCN_RATE, SCN_BYTES, SCN_TIME, SCN_MS, SCN_SHARE, SCN_BOOL, SCN_NUMBER, SCN_CC, SCN_NAME };

struct scn_key {
	const char *name;
	enum scn_type type;
	uint16_t offset, size; /* of the field */
	double min, max;
	const char *dflt, *doc;
};

struct scn_section {
	const char *head;    /* as in the text: "[host NAME]" */
	const struct scn_key *keys;
	size_t n_keys;
	const char *doc;
};

enum { SCN_S_RUN, SCN_S_TCP, SCN_S_LINK, SCN_S_HOST, SCN_S_FLOW, SCN_S_COUNT };
extern const struct scn_section scn_sections[SCN_S_COUNT];

void scn_init(struct scenario *);
/* name: of the text, in errors. Later lines win over earlier ones. */
int scn_text(struct scenario *, const char *name, const char *text, char err[SCN_ERR_LEN]);
int scn_file(struct scenario *, const char *path, char err[SCN_ERR_LEN]);
/* "duration=5s", "tcp.cc=reno", "a.rate=1M", "a.up.loss=1%", "trunk0.queue=50k": what is named must be there. */
int scn_set(struct scenario *, const char *assignment, char err[SCN_ERR_LEN]);
/* After all texts: what belongs together must fit. */
int scn_finish(struct scenario *, const char *name, char err[SCN_ERR_LEN]);
/* The tables, as docs/simulation.md has them. */
void scn_print_keys(FILE *);

/* ---- for the reader ---- */
const struct scn_key *scn_find_key(int section, const char *name);
/* Reads a value into the field of obj. why: SCN_ERR_LEN bytes. */
int scn_put(const struct scn_key *, void *obj, const char *value, char *why);
/* "unknown key ...; the nearest known key is ..." */
void scn_unknown(int section, const char *name, char *why);

#endif
