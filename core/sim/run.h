/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a scenario. The same scenario and seed give the same result, rows and capture, byte for byte.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/hist.h"
#include "sim/scenario.h"

struct scn_result;

struct scn_run_options {
	uint64_t seed;
	FILE *rows;    /* flows.csv, or NULL */
	FILE *capture; /* pcapng, or NULL */
	/* Called every sample, unless NULL; true: ends here. */
	bool (*watch)(void *ctx, const struct scn_result *so_far);
	void *ctx;
	bool drain;    /* at the end, close everything and wait until the hosts hold nothing */
};

struct scn_flow_result {
	uint64_t started, done, failed; /* connections */
	uint64_t exchanges;
	uint64_t bytes;	   /* received, both directions, from the warm-up on */
	double goodput_bps; /* ... per second of the flow's time since then */
	struct hist times; /* of the exchanges: from connect or request to the last byte (of an upload: to the
			    * peer's FIN, which answers the last byte) */
};

struct scn_result {
	mt_time ran; /* virtual time */
	uint64_t frames; /* sent by hosts */
	uint64_t retransmits, timeouts;
	double jain; /* fairness of all endless connections (Jain 1984); 1 if there is none */
	bool corrupted; /* a byte arrived that was not sent, or one is missing before a FIN */
	bool drained;	/* nothing left: no connection, buffer, record, frame */
	struct sim_pipe_stats trunks[SCN_MAX_TRUNKS][2];
	uint32_t n_flows;
	struct scn_flow_result flows[];
};

/* s: finished. The result is the caller's, to free(). */
struct scn_result *scn_run(const struct scenario *, const struct scn_run_options *);

#endif
