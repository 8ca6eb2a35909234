/* SPDX-License-Identifier: BSD-3-Clause */
/* A run without a load generator: threads of the program do something again and again and count
 * it; here are the window over their counters, and its row. */
#ifndef APPS_COUNTED_H
#define APPS_COUNTED_H

#include "load_opts.h"

struct counts {
	uint64_t done, bytes;
};

/* run_opts_finish() without what only a load generator can do. */
int counted_check(struct run_opts *, enum io_kind, char err[ERR_LEN]);

/* read: sums since the start, while the threads run. Warm-up, events and row are as load_run's;
 * server_cores of the row are those whose time is taken. An exit status, with err when it is not
 * EXIT_DONE. */
int counted_run(struct counts (*read)(void *arg), void *arg, const struct row_info *,
		const struct run_opts *, char err[ERR_LEN]);

#endif
