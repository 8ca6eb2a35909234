/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of mtcp-sim. Each prints to standard output and returns the exit status. */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct program_options {
	uint64_t seed;
	const char *out;	/* directory, or NULL */
	const char *const *set; /* KEY=VALUE */
	unsigned n_set;
	const char *table; /* or NULL */
	bool full;
	uint64_t soak; /* connections, or 0 */
};

/* Ctrl-C or SIGTERM was seen. */
bool program_stopped(void);
/* Processor time: what else the machine does has no part in it. */
double program_cpu_s(void);

int program_run(const char *path, const struct program_options *);
/* Prints a table; what is outside the bounds of theory goes to standard error and makes it 1. */
int program_table(const char *name, uint64_t seed, bool full);
/* So many short connections with 1% loss; 1 unless all of them end well and nothing stays behind. */
int program_soak(uint64_t connections, uint64_t seed);

#endif
