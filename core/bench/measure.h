/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>

#include "bench.h"

#define MEASURE_MAX 64

struct measure_row {
	const struct bench *bench;
	void *state;
	double *ns;	     /* per operation, one for each repetition */
	double instructions; /* per operation; negative: not counted */
	unsigned loops;	     /* runs of bench->n that make one repetition */
	bool chosen;
};

struct measure {
	struct measure_row rows[MEASURE_MAX];
	unsigned n;
	unsigned repeats;
	bool instructions;
	const char *json;
};

void measure_collect(struct measure *); /* the rows: all there are */
/* Compiler, machine and kind of build, one line. */
const char *measure_build(void);
/* Both give the exit status. */
int measure_count(struct measure *, const char *name);
int measure_all(struct measure *);

/* instructions.c: of one run of n operations by the bench of this name, per operation; negative
 * (said on stderr, once) when nothing here can count. state: of its setup, and run before. */
double instructions_of(const struct bench *, void *state);

#endif
