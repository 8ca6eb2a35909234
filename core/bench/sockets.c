// SPDX-License-Identifier: BSD-3-Clause
/* What connections and messages cost by the application's interface, checksums left to the device.
 * The clock is ours, so that two runs do the same. */
#include <sched.h>
#include <stdlib.h>

#include "bench.h"
#include "echo.h"
#include "memory_nic.h"

#define TURN_NS 5000u
#define STUCK	1000000u /* turns: 5 s of the clock, longer than any lost segment waits */
#define NOTICES 64u

struct sockets {
	struct echo echo;
	mtcp_stack_t stack[2];
	int wire;
};

static void run_sockets(void *state, uint64_t n)
{
	static uint64_t last = 1000000000u; /* the clock goes on from run to run */
	struct sockets *s = state;
	struct echo *e = &s->echo;
	uint64_t until = e->n_ended + n / e->n_messages, ended = 0;
	uint32_t idle = 0;

	echo_clock_ns = last;
	while (e->n_ended < until) {
		client_turn(e, until);
		server_turn(e);
		memory_level(s->wire);
		echo_clock_ns += TURN_NS;
		idle = e->n_ended == ended ? idle + 1 : 0;
		ended = e->n_ended;
		if (idle == STUCK)
			bench_fail("no connection comes to its end");
	}
	last = echo_clock_ns;
	echo_clock_ns = 0;
}

static void *setup(int wire, uint32_t n_messages, uint32_t concurrency)
{
	struct sockets *s = bench_alloc(sizeof(*s));
	cpu_set_t cpus;

	s->stack[0] = echo_stack(wire, 0, 1, ECHO_FDS);
	s->stack[1] = echo_stack(wire, 1, 1, ECHO_FDS);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	echo_open_server(&s->echo, s->stack[0]);
	echo_open_client(&s->echo, s->stack[1]);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	s->wire = wire;
	s->echo.n_messages = n_messages;
	s->echo.concurrency = concurrency;
	return s;
}

static void *setup_transactions(void)
{
	return setup(0, 1, 64);
}

static void *setup_messages(void)
{
	return setup(1, 128, 64);
}

static void *setup_alone(void)
{
	return setup(2, 1024, 1);
}

static void teardown(void *state)
{
	struct sockets *s = state;

	mtcp_destroy_context(s->echo.client);
	mtcp_destroy_context(s->echo.server);
	mtcp_stack_close(s->stack[0]);
	mtcp_stack_close(s->stack[1]);
	free(s);
}

/* ---- epoll alone ---- */

struct notices {
	mtcp_stack_t stack;
	mctx_t m;
	int ep, fds[NOTICES];
};

static void *notices_setup(void)
{
	struct notices *s = bench_alloc(sizeof(*s));
	cpu_set_t cpus;

	s->stack = echo_stack(3, 0, 1, ECHO_FDS);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	s->m = mtcp_create_context_on(s->stack, 0);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (!s->m)
		bench_fail("no context");
	s->ep = mtcp_epoll_create(s->m, 1);
	for (unsigned i = 0; i < NOTICES; i++) {
		struct mtcp_epoll_event ev = {.events = MTCP_EPOLLIN};

		s->fds[i] = ev.data.sockid = mtcp_eventfd(s->m, 0, 0);
		if (mtcp_epoll_ctl(s->m, s->ep, MTCP_EPOLL_CTL_ADD, s->fds[i], &ev) < 0)
			bench_fail("epoll_ctl");
	}
	return s;
}

static void notices_run(void *state, uint64_t n)
{
	struct mtcp_epoll_event ev[NOTICES];
	struct notices *s = state;
	uint64_t value = 1;

	for (uint64_t done = 0; done < n; done += NOTICES) {
		for (unsigned i = 0; i < NOTICES; i++)
			mtcp_write(s->m, s->fds[i], (char *)&value, sizeof(value));
		if (mtcp_epoll_wait(s->m, s->ep, ev, NOTICES, 0) != NOTICES)
			bench_fail("an event is missing");
		for (unsigned i = 0; i < NOTICES; i++)
			mtcp_read(s->m, ev[i].data.sockid, (char *)&value, sizeof(value));
	}
}

static void notices_teardown(void *state)
{
	struct notices *s = state;

	mtcp_destroy_context(s->m);
	mtcp_stack_close(s->stack);
	free(s);
}

static unsigned parts(void *state, uint64_t n, struct bench_part *out)
{
	(void)state;
	out[0] = (struct bench_part){"server", "server_turn", n};
	out[1] = (struct bench_part){"client", "client_turn", n};
	return 2;
}

const struct bench bench_sockets[] = {
	{"socket_transaction", "connection", "a short one by mtcp_* and epoll; clock not included",
	 3000, setup_transactions, run_sockets, teardown, parts},
	{"socket_messages", "message", "64 bytes and an answer, 128 over one connection", 128 * 128,
	 setup_messages, run_sockets, teardown, parts},
	{"socket_echo", "message", "the same, one connection alone", 16 * 1024, setup_alone,
	 run_sockets, teardown, parts},
	{"epoll", "event", "an eventfd written, waited for with 63 others, read", 64 * 256,
	 notices_setup, notices_run, notices_teardown, NULL},
	{0}};
