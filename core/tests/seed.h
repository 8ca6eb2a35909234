/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeds of random tests: fixed unless `--seed N` is given, and always printed. */
#ifndef TESTS_SEED_H
#define TESTS_SEED_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t test_seed(int argc, char **argv)
{
	uint64_t seed = 1;

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
	}
	printf("seed %" PRIu64 "\n", seed);
	return seed;
}

#endif
