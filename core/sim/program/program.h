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
};

/* Ctrl-C or SIGTERM was seen. */
bool program_stopped(void *unused);

int program_run(const char *path, const struct program_options *);

#endif
