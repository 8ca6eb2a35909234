// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which memory do the cores touch? Two cores of a server's stack and two of a client's, or two that
 * are both, each a thread, take turns of the data path. A store to one of the markers, at an
 * address that is known beforehand, tells whose turn begins in a trace of all memory accesses:
 * pytest/writeset.py.
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
#include "writeset.h"

#define MARKERS                                                                                    \
	((uintptr_t)0x700000000) /* one of 64 bytes for each core; the first: nobody's turn */
#define QUEUES	  2u		 /* of either end */
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

/* Server, server, client, client; or two that are both. */
static struct core cores[2 * QUEUES];
static unsigned n_cores;
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
	return c->number < QUEUES;
}

static bool is_client(const struct core *c)
{
	return writeset_wire.self_loops || !is_server(c);
}

static void turn(struct core *c)
{
	mark(c->number + 1);
	if (is_server(c))
		server_turn(&c->echo);
	if (is_client(c))
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
	if (is_client(c))
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
	for (unsigned i = 0; i < n_cores; i++) {
		sem_post(&cores[i].go);
		sem_wait(&done);
	}
	echo_clock_ns += TURN_NS;
}

static bool all_ended(void)
{
	for (unsigned i = 0; i < n_cores; i++) {
		if (is_client(&cores[i]) && cores[i].echo.n_ended < cores[i].until)
			return false;
	}
	return true;
}

static void connections(uint64_t n)
{
	unsigned turns = 0;

	for (unsigned i = 0; i < n_cores; i++)
		cores[i].until += n;
	while (!all_ended()) {
		if (turns++ == MAX_TURNS)
			bench_fail("the connections do not end");
		one_after_the_other();
	}
}

void writeset_region(const char *name, unsigned n, const void *at, size_t len)
{
	printf("region %s_%u %#lx %zu\n", name, n, (unsigned long)(uintptr_t)at, len);
}

static void tell_context(unsigned i, mctx_t m)
{
	struct ctx *c = ctx_of(m);

	writeset_region("stack_core", i, c->core.own.mem, c->core.own.mem_len);
	writeset_region("descriptors", i, c->mem, c->mem_len);
	writeset_region("context", i, c, sizeof(*c));
}

static void tell_regions(void)
{
	printf("base %#lx\n", (unsigned long)(uintptr_t)__executable_start);
	for (unsigned i = 0; i < n_cores; i++) {
		if (is_server(&cores[i]))
			tell_context(i, cores[i].echo.server);
		if (is_client(&cores[i]))
			tell_context(i, cores[i].echo.client);
		writeset_region("application", i, &cores[i], sizeof(cores[i]));
	}
	for (unsigned i = 0; i < 2; i++)
		writeset_region("instance", i, stacks[i]->rt, sizeof(*stacks[i]->rt));
	if (writeset_wire.tell_regions)
		writeset_wire.tell_regions();
}

static uint64_t segments(mctx_t m)
{
	struct mtcp_stats stats;

	mtcp_get_stats(m, &stats);
	return stats.rx_segs;
}

/* A trace of cores that had nothing to do would say nothing. */
static void tell_work(void)
{
	for (unsigned i = 0; i < n_cores; i++) {
		const struct echo *e = &cores[i].echo;
		uint64_t n = is_server(&cores[i]) ? segments(e->server) : UINT64_MAX;

		if (is_client(&cores[i])) /* of both ends, the lazier one's */
			n = segments(e->client) < n ? segments(e->client) : n;
		printf("segments %u %llu\n", i, (unsigned long long)n);
	}
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	pthread_t threads[2 * QUEUES];

	if (!n) {
		fputs("usage: writeset CONNECTIONS [fault]: for pytest/writeset.py\n", stderr);
		return 2;
	}
	fault = argc > 2 && !strcmp(argv[2], "fault");
	if (mmap((void *)MARKERS, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)MARKERS)
		bench_fail("no place for the markers");
	echo_clock_ns = 1000000000u;
	n_cores = writeset_wire.self_loops ? QUEUES : 2 * QUEUES;
	for (int i = 0; i < 2; i++)
		stacks[i] = echo_stack_on(writeset_wire.device[i], i, QUEUES, FDS);
	sem_init(&done, 0, 0);
	for (unsigned i = 0; i < n_cores; i++) {
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
	for (unsigned i = 0; i < n_cores; i++) {
		sem_post(&cores[i].go);
		pthread_join(threads[i], NULL);
	}
	return 0;
}
