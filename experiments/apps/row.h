/* SPDX-License-Identifier: BSD-3-Clause */
/* One measured run as one JSON object: fields of experiments/schema.json, where a new one has to
 * stand, too. Null: unknown. notes is a list here. */
#ifndef APPS_ROW_H
#define APPS_ROW_H

#include <jansson.h>

#include "load.h"
#include "server.h"

struct row_info {
	const char *experiment, *device;
	enum io_kind kind;
	const char *mode; /* "inline/paired" of server and client as text, or NULL */
	uint64_t seed;
	uint32_t repeat;			    /* from 1; 0: unknown */
	struct cpu_list server_cores, client_cores; /* n == 0: unknown */
	unsigned server_threads;		    /* of the application's; 0: unknown */
	const char *note;			    /* or NULL */
	bool histogram; /* also latency_histogram and, of an open loop, lateness_histogram: pairs of
			   ns and how many had them */
	bool one_thread; /* of both ends: the server's loop counts the load's turns as its
			    application's */
};

/* New references. */
json_t *row_of_load(const struct row_info *, const struct load_conf *, const struct load_result *);
/* What a server saw of itself between two moments. */
struct server_window {
	double seconds;
	uint64_t tsc_hz; /* 0: unknown */
	struct server_counts begin, end;
	struct io_stats stats_begin, stats_end;
	struct cpu_time cpu;
};
json_t *row_of_server(const struct row_info *, const struct server_conf *,
		      const struct server_window *);

/* One line to path, or to standard output for "-". Takes the reference. 0, or -errno with err. */
int row_write(json_t *, const char *path, char err[ERR_LEN]);
/* For people, on standard output. */
void row_print(const json_t *);

#endif
