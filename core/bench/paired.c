// SPDX-License-Identifier: BSD-3-Clause
/*
 * What connections and messages cost in paired mode (runtime/pair.h) by the application's
 * interface, as sockets.c has it for inline mode. One thread drives both halves of both sides, and
 * the clock is ours, so that two runs do the same.
 *
 * Counted: what the application's thread does on a busy core: its calls, the records of both rings,
 * and the turns of the stack's half, which it makes itself while it waits (a loan).
 * Not counted, as the scheduler decides how much there is of it: the change of threads (the baton,
 * sched_yield, futex), the naps of the stack's thread, empty turns while spinning.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "api/ctx.h"
#include "bench.h"
#include "echo.h"
#include "memory_nic.h"
#include "runtime/pair.h"

#define TURN_NS 5000u
#define WIRE	5 /* the first of two */

struct paired {
	struct echo echo;
	mtcp_stack_t stack[2];
	int wire;
	uint64_t clock_ns; /* goes on from run to run */
};

static struct rt_core *core_of(mctx_t m)
{
	return &ctx_of(m)->core;
}

/* Ends the stack's thread, and leaves a stack that nobody is at work on: each hand-over is a loan.
 */
static void take_over(mctx_t m)
{
	struct pair *p = core_of(m)->pair;

	atomic_store(&p->stop, 1);
	atomic_store(&p->baton, PAIR_STACK);
	rt_futex_wake(&p->baton);
	pthread_join(p->thread, NULL);
	if (loop_open(&p->loop, &p->rt->cfg, rt_core_nic(p->rt, p->queue), p->queue) < 0)
		bench_fail("no core");
	p->loop.clock.counter = false; /* the processor's */
	atomic_store(&p->stop, 0);
	atomic_store(&p->baton, PAIR_APP);
	atomic_store(&p->taken, 0);
}

/* The end of a stack's thread, once it is told to stop. */
static void *last_turn(void *arg)
{
	struct pair *p = arg;

	while (!atomic_load(&p->stop))
		sched_yield();
	stk_turn(p);
	loop_close(&p->loop);
	return NULL;
}

static void give_back(mctx_t m)
{
	struct pair *p = core_of(m)->pair;

	if (pthread_create(&p->thread, NULL, last_turn, p))
		bench_fail("no thread");
	mtcp_destroy_context(m);
}

/* A wait that finds nothing: hands over, and takes in what came of it. */
static void await(mctx_t m)
{
	core_of(m)->ops->flush(core_of(m));
}

BENCH_APART static void paired_server(struct echo *e)
{
	await(e->server);
	while (server_turn(e) > 0)
		;
}

BENCH_APART static void paired_client(struct echo *e, uint64_t until)
{
	await(e->client);
	while (client_turn(e, until) > 0)
		;
}

static void run(void *state, uint64_t n)
{
	struct paired *s = state;
	struct echo *e = &s->echo;
	uint64_t until = e->n_ended + n / e->n_messages;

	echo_clock_ns = s->clock_ns;
	while (e->n_ended < until) {
		paired_client(e, until);
		paired_server(e);
		memory_level(s->wire);
		echo_clock_ns += TURN_NS;
	}
	s->clock_ns = echo_clock_ns;
	echo_clock_ns = 0;
}

static void *setup(int wire, uint32_t n_messages)
{
	struct paired *s = bench_alloc(sizeof(*s));
	cpu_set_t cpus;

	s->stack[0] = echo_stack_paired(wire, 0);
	s->stack[1] = echo_stack_paired(wire, 1);
	s->wire = wire;
	s->echo.made = take_over;
	s->echo.n_messages = n_messages;
	s->echo.concurrency = 64;
	s->clock_ns = echo_clock_ns = 1000000000u;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	echo_open_server(&s->echo, s->stack[0]);
	echo_open_client(&s->echo, s->stack[1]);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	echo_clock_ns = 0;
	return s;
}

static void *setup_transactions(void)
{
	return setup(WIRE, 1);
}

static void *setup_messages(void)
{
	return setup(WIRE + 1, 128);
}

static void teardown(void *state)
{
	struct paired *s = state;

	echo_clock_ns = s->clock_ns;
	give_back(s->echo.client);
	give_back(s->echo.server);
	echo_clock_ns = 0;
	mtcp_stack_close(s->stack[0]);
	mtcp_stack_close(s->stack[1]);
	free(s);
}

static unsigned parts(void *state, uint64_t n, struct bench_part *out)
{
	(void)state;
	out[0] = (struct bench_part){"server", "paired_server", n};
	out[1] = (struct bench_part){"client", "paired_client", n};
	out[2] = (struct bench_part){"stack_halves", "stk_turn", n};
	return 3;
}

const struct bench bench_paired[] = {
	{"paired_transaction", "connection",
	 "as socket_transaction, in paired mode; without changes of threads", 64 * 24,
	 setup_transactions, run, teardown, parts},
	{"paired_messages", "message", "as socket_messages, the same", 64 * 128, setup_messages,
	 run, teardown, parts},
	{0}};
