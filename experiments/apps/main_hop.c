// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-hop CORE CORE: how far apart two cores are: nanoseconds in which a line of memory goes from
 * one to the other. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpus.h"

enum {
	PIECES = 9,
	ROUNDS = 2000
}; /* the median piece: one in which a core was taken away does not count */

static _Alignas(128) atomic_uint line; /* 0 while the other end is not there; odd: its turn */

static void await(unsigned value)
{
	while (atomic_load_explicit(&line, memory_order_acquire) != value)
		;
}

static void *answer(void *cores)
{
	if (cpus_pin(cores) != 0)
		exit(EXIT_CANNOT);
	/* the first only says that we are there */
	for (unsigned i = 0; i <= PIECES * ROUNDS; i++) {
		await(2 * i + 1);
		atomic_store_explicit(&line, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

static void ask(unsigned i)
{
	atomic_store_explicit(&line, 2 * i + 1, memory_order_release);
	await(2 * i + 2);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double hop_ns(void)
{
	double pieces[PIECES];

	ask(0);
	for (unsigned p = 0; p < PIECES; p++) {
		uint64_t begin = clock_ns();

		for (unsigned i = 1; i <= ROUNDS; i++)
			ask(p * ROUNDS + i);
		pieces[p] = (double)(clock_ns() - begin) / (2.0 * ROUNDS);
	}
	qsort(pieces, PIECES, sizeof(pieces[0]), by_value);
	return pieces[PIECES / 2];
}

int main(int argc, char **argv)
{
	struct cpu_list ends[2];
	char err[ERR_LEN] = "two cores are wanted: mtcp-hop CORE CORE";
	pthread_t other;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("usage: mtcp-hop CORE CORE\n\n"
		     "Nanoseconds in which a line of memory goes from one core to the other.");
		return EXIT_DONE;
	}
	if (argc != 3 || cpus_parse(argv[1], &ends[0], err) != 0 ||
	    cpus_parse(argv[2], &ends[1], err) != 0 || cpus_overlap(&ends[0], &ends[1])) {
		fprintf(stderr, "mtcp-hop: %s\n", err);
		return EXIT_USAGE;
	}
	if (cpus_pin(&ends[0]) != 0 || pthread_create(&other, NULL, answer, &ends[1]) != 0) {
		fprintf(stderr, "mtcp-hop: no thread on each of the cores\n");
		return EXIT_CANNOT;
	}
	printf("%.1f\n", hop_ns());
	pthread_join(other, NULL);
	return EXIT_DONE;
}
