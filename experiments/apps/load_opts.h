/* SPDX-License-Identifier: BSD-3-Clause */
/* The options that mtcp-load and mtcp-pair share, and how their runs end. */
#ifndef APPS_LOAD_OPTS_H
#define APPS_LOAD_OPTS_H

#include "load.h"
#include "opts.h"
#include "row.h"
#include "trace.h"

struct run_opts {
	struct load_conf load;
	uint32_t repeat;
	const char *experiment, *json, *note;
	bool histogram;		/* all latencies in the row */
	const char *trace_path; /* replay; NULL: made up */
	struct trace trace;
};

/* Defaults and options of the load itself and of its row. */
void opts_add_run(struct opt_table *, struct run_opts *);
/* Fills what depends on other options. 0, or -EINVAL with err. */
int run_opts_finish(struct run_opts *, enum io_kind client, char err[ERR_LEN]);

/* Connections to be ready for: under load as many wait for their closing to be seen as are open;
 * where they stay open, none. */
uint32_t run_connections(const struct load_conf *);
/* --file-set is of http. 0, or -EINVAL with err. */
int file_set_check(int app, uint32_t file_set, char err[ERR_LEN]);
/* Are they of tls, and can the messages be? */
int tls_check(int app, const struct tls_conf *, uint32_t largest, char err[ERR_LEN]);
/* How many connection blocks an mtcp core needs for its share of so many connections. */
uint32_t conns_per_core(uint32_t total, unsigned n_cores);

/* What load_run returned to an exit status; the row is written when there is one. */
int run_end(int ret, const struct row_info *, const struct run_opts *, const struct load_result *,
	    char err[ERR_LEN]);
/* -errno of a stack that could not be opened to an exit status. */
int exit_status(int ret);
/* Prints the line and returns the status. */
int complain(const char *prog, const char *err, int status);

/* What a program does with its command line; both get `options`, where the table's rows point to.
 */
struct program_steps {
	/* 0, or -errno with err: wrong usage, or, ENOSYS, this machine cannot. */
	int (*check)(void *options, char err[ERR_LEN]);
	int (*run)(void *options,
		   char err[ERR_LEN]); /* an exit status, but for EXIT_DONE with err */
	void *options;
};
/* main: parses, checks, sets up signals, runs, and complains. An exit status. */
int program_main(const struct program_steps *, const struct opt_table *, int argc, char **argv);

#endif
