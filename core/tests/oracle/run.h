/* SPDX-License-Identifier: BSD-3-Clause */
/* One script, played to a connection and to the model side by side. */
#ifndef ORACLE_RUN_H
#define ORACLE_RUN_H

#include <stdio.h>

#include "oracle/gen.h"

struct run_result {
	const char *wrong;  /* what they disagree about; NULL: nothing */
	unsigned at, n_run; /* event of the disagreement; events played */
	unsigned arrivals[TCPS_COUNT];
};

/* skip: one flag per event. trace: the script as a CASE of script.h with what left as comments;
 * NULL: silent. */
struct run_result run_script(const struct gen_script *, const bool *skip, FILE *trace);

#endif
