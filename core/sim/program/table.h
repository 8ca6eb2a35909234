/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the tables: text that is compared with core/tests/golden, and bounds that hold whatever stands there. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "sim/run.h"

#define TABLE_CCS_MAX 8

struct bounds {
	double low, high; /* both still good */
};

struct table {
	uint64_t seed;
	bool full;
	unsigned n_outside; /* bounds that did not hold */
};

/* The result of the scenario that the text describes; the caller's to free(). */
struct scn_result *table_run(struct table *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Says on standard error, in the words of format, which value is out of bounds. */
void table_bound(struct table *, double value, struct bounds, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void table_loss(struct table *);
void table_short(struct table *);
void table_fair(struct table *);
void table_incast(struct table *);
void table_bloat(struct table *);

#endif
