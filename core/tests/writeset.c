// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which memory do the cores touch? Two cores of a server's stack and two of a client's, each a
 * thread, take turns of the data path. A store to one of the markers, at an address that is known
 * beforehand, tells whose turn begins in a trace of all memory accesses: pytest/writeset.py.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api/ctx.h"
#include "bench/bench.h"
#include "bench/echo.h"
#include "bench/memory_nic.h"

#define MARKERS                                                                                    \
	((uintptr_t)0x700000000) /* one of 64 bytes for each core; the first: nobody's turn */
#define CORES	  4u		 /* server, server, client, client */
#define FDS	  256u
#define TURN_NS	  5000u
#define MAX_TURNS 100000u

struct core {
	_Alignas(64) struct echo echo;
	sem_t go;
	uint64_t until; /* connections */
	unsigned number;
};

extern const char __executable_start[]; /* the linker's */

static struct core cores[CORES];
static mtcp_stack_t stacks[2];
static sem_t done;
static bool traced, over, fault;
static uint64_t shared_by_fault;

static void mark(unsigned n)
{
	if (traced)
		*(volatile uint64_t *)(MARKERS + 64ul * n) = n;
}

static bool is_server(const struct core *c)
{
	return c->number < CORES / 2;
}

static mctx_t context_of(const struct core *c)
{
	return is_server(c) ? c->echo.server : c->echo.client;
}

static void turn(struct core *c)
{
	mark(c->number + 1);
	if (is_server(c))
		server_turn(&c->echo);
	else
		client_turn(&c->echo, c->until);
	if (fault)
		shared_by_fault++;
	mark(0);
}

static void *drive(void *arg)
{
	struct core *c = arg;

	sem_wait(&c->go);
	if (is_server(c))
		echo_open_server(&c->echo, stacks[0]);
	else
		echo_open_client(&c->echo, stacks[1]);
	sem_post(&done);
	for (;;) {
		sem_wait(&c->go);
		if (over)
			return NULL;
		turn(c);
		sem_post(&done);
	}
}

static void one_after_the_other(void)
{
	for (unsigned i = 0; i < CORES; i++) {
		sem_post(&cores[i].go);
		sem_wait(&done);
	}
	echo_clock_ns += TURN_NS;
}

static void connections(uint64_t n)
{
	unsigned turns = 0;

	for (unsigned i = CORES / 2; i < CORES; i++)
		cores[i].until += n;
	while (cores[2].echo.n_ended < cores[2].until || cores[3].echo.n_ended < cores[3].until) {
		if (turns++ == MAX_TURNS)
			bench_fail("the connections do not end");
		one_after_the_other();
	}
}

static void region(const char *name, unsigned n, const void *at, size_t len)
{
	printf("region %s_%u %#lx %zu\n", name, n, (unsigned long)(uintptr_t)at, len);
}

static void tell_regions(void)
{
	struct memory_end *ends = memory_wires[0];

	printf("base %#lx\n", (unsigned long)(uintptr_t)__executable_start);
	for (unsigned i = 0; i < CORES; i++) {
		struct ctx *c = ctx_of(context_of(&cores[i]));

		region("stack_core", i, c->core.own.mem, c->core.own.mem_len);
		region("descriptors", i, c->mem, c->mem_len);
		region("context", i, c, sizeof(*c));
		region("application", i, &cores[i], sizeof(cores[i]));
	}
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned q = 0; q < MEMORY_QUEUES; q++)
			region("wire_rings", i * MEMORY_QUEUES + q, ends[i].queues[q].to,
			       sizeof(ends[i].queues[q].to));
		region("wire_frames", i, ends[i].frames, sizeof(ends[i].frames));
		region("instance", i, stacks[i]->rt, sizeof(*stacks[i]->rt));
	}
}

/* A trace of cores that had nothing to do would say nothing. */
static void tell_work(void)
{
	struct mtcp_stats stats;

	for (unsigned i = 0; i < CORES; i++) {
		mtcp_get_stats(context_of(&cores[i]), &stats);
		printf("segments %u %llu\n", i, (unsigned long long)stats.rx_segs);
	}
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	pthread_t threads[CORES];

	if (!n) {
		fputs("usage: writeset CONNECTIONS [fault]: for pytest/writeset.py\n", stderr);
		return 2;
	}
	fault = argc > 2 && !strcmp(argv[2], "fault");
	if (mmap((void *)MARKERS, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)MARKERS)
		bench_fail("no place for the markers");
	echo_clock_ns = 1000000000u;
	stacks[0] = echo_stack(0, 0, 2, FDS);
	stacks[1] = echo_stack(0, 1, 2, FDS);
	sem_init(&done, 0, 0);
	for (unsigned i = 0; i < CORES; i++) {
		cores[i].number = i;
		cores[i].echo.concurrency = 8;
		cores[i].echo.n_messages = 2;
		sem_init(&cores[i].go, 0, 0);
		pthread_create(&threads[i], NULL, drive, &cores[i]);
	}
	one_after_the_other(); /* each opens its own */
	connections(16);       /* neighbours are found, tables and free lists filled */
	tell_regions();
	traced = true;
	connections(n);
	traced = false;
	tell_work();
	over = true;
	for (unsigned i = 0; i < CORES; i++) {
		sem_post(&cores[i].go);
		pthread_join(threads[i], NULL);
	}
	return 0;
}
