// SPDX-License-Identifier: BSD-3-Clause
/* What connections and messages cost by the application's interface: mtcp_* and epoll, inline mode,
 * checksums left to the device. The clock is ours, so that two runs do the same. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "mtcp/mtcp_api.h"
#include "mtcp/mtcp_epoll.h"

#define MESSAGE 64u
#define FDS	1024u
#define EVENTS	64
#define PORT	80
#define TURN_NS 5000u

struct sockets {
	mtcp_stack_t stack[2];
	mctx_t server, client;
	int listener, server_ep, client_ep;
	uint32_t concurrency;
	uint32_t n_messages;	   /* each way over one connection */
	uint64_t n_begun, n_ended; /* connections */
	uint16_t server_count[FDS], client_count[FDS];
};

static uint64_t virtual_ns; /* 0: the real clock */

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!virtual_ns)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(virtual_ns / 1000000000u);
	ts->tv_nsec = (long)(virtual_ns % 1000000000u);
	return 0;
}

static void watch(mctx_t m, int ep, int fd, uint32_t events)
{
	struct mtcp_epoll_event ev = {.events = events, .data.sockid = fd};

	if (mtcp_epoll_ctl(m, ep, MTCP_EPOLL_CTL_ADD, fd, &ev) < 0)
		bench_fail("epoll_ctl");
}

static struct sockaddr_in server_address(void)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(PORT),
				    .sin_addr.s_addr = htonl(0x0a000001u)};
}

/* ---- the applications ---- */

static void accept_all(struct sockets *s)
{
	int fd;

	while ((fd = mtcp_accept4(s->server, s->listener, NULL, NULL, SOCK_NONBLOCK)) > 0) {
		s->server_count[fd] = 0;
		watch(s->server, s->server_ep, fd, MTCP_EPOLLIN);
	}
}

static void answer(struct sockets *s, int fd)
{
	char msg[MESSAGE];

	if (mtcp_read(s->server, fd, msg, MESSAGE) != MESSAGE)
		return;
	if (mtcp_write(s->server, fd, msg, MESSAGE) != MESSAGE)
		bench_fail("the server cannot write");
	if (++s->server_count[fd] == s->n_messages)
		mtcp_close(s->server, fd);
}

BENCH_APART static void server_turn(struct sockets *s)
{
	struct mtcp_epoll_event ev[EVENTS];
	int n = mtcp_epoll_wait(s->server, s->server_ep, ev, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		if (ev[i].data.sockid == s->listener)
			accept_all(s);
		else
			answer(s, ev[i].data.sockid);
	}
}

static void ask(struct sockets *s, int fd)
{
	char msg[MESSAGE] = {0};

	if (s->client_count[fd]++ < s->n_messages &&
	    mtcp_write(s->client, fd, msg, MESSAGE) != MESSAGE)
		bench_fail("the client cannot write");
}

static void open_one(struct sockets *s)
{
	struct sockaddr_in to = server_address();
	int fd = mtcp_socket(s->client, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || (mtcp_connect(s->client, fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		       errno != EINPROGRESS))
		bench_fail("cannot connect");
	s->client_count[fd] = 0;
	watch(s->client, s->client_ep, fd, MTCP_EPOLLIN | MTCP_EPOLLOUT | (uint32_t)MTCP_EPOLLET);
}

static void heard(struct sockets *s, const struct mtcp_epoll_event *ev)
{
	int fd = ev->data.sockid;
	char msg[MESSAGE];
	ssize_t n = -1;

	if (ev->events & MTCP_EPOLLERR)
		bench_fail("a connection failed");
	if (!s->client_count[fd])
		ask(s, fd);
	if (!(ev->events & MTCP_EPOLLIN))
		return;
	while ((n = mtcp_read(s->client, fd, msg, MESSAGE)) > 0)
		ask(s, fd);
	if (n == 0) {
		mtcp_close(s->client, fd);
		s->n_ended++;
	}
}

/* Opens connections until there are as many as there may be, of those that are to be. */
BENCH_APART static void client_turn(struct sockets *s, uint64_t until)
{
	struct mtcp_epoll_event ev[EVENTS];
	int n = mtcp_epoll_wait(s->client, s->client_ep, ev, EVENTS, 0);

	for (int i = 0; i < n; i++)
		heard(s, &ev[i]);
	for (; s->n_begun < until && s->n_begun - s->n_ended < s->concurrency; s->n_begun++)
		open_one(s);
}

/* ---- the bench ---- */

static void run_sockets(void *state, uint64_t n)
{
	static uint64_t last = 1000000000u; /* the clock goes on from run to run */
	struct sockets *s = state;
	uint64_t until = s->n_ended + n / s->n_messages;

	virtual_ns = last;
	while (s->n_ended < until) {
		client_turn(s, until);
		server_turn(s);
		virtual_ns += TURN_NS;
	}
	last = virtual_ns;
	virtual_ns = 0;
}

static mtcp_stack_t stack_on(int wire, int side)
{
	char text[512], err[MTCP_ERR_LEN];
	mtcp_stack_t s;

	snprintf(text, sizeof(text),
		 "device = memory:%d:%d\naddress = 10.0.0.%d/24\nmax_concurrency = %u\nrcvbuf = "
		 "16384\nsndbuf = 16384\nbuffer_mb = 32\nseed = %d\n",
		 wire, side, side + 1, FDS, side + 1);
	s = mtcp_stack_open(NULL, text, err);
	if (!s)
		bench_fail(err);
	return s;
}

static void *setup(int wire, uint32_t n_messages, uint32_t concurrency)
{
	struct sockets *s = bench_alloc(sizeof(*s));
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	s->stack[0] = stack_on(wire, 0);
	s->stack[1] = stack_on(wire, 1);
	s->server = mtcp_create_context_on(s->stack[0], 0);
	s->client = mtcp_create_context_on(s->stack[1], 0);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (!s->server || !s->client)
		bench_fail("no context");
	s->server_ep = mtcp_epoll_create(s->server, 1);
	s->client_ep = mtcp_epoll_create(s->client, 1);
	s->listener = mtcp_socket(s->server, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (mtcp_bind(s->server, s->listener, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    mtcp_listen(s->server, s->listener, 1024) < 0)
		bench_fail("cannot listen");
	watch(s->server, s->server_ep, s->listener, MTCP_EPOLLIN);
	s->n_messages = n_messages;
	s->concurrency = concurrency;
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

	mtcp_destroy_context(s->client);
	mtcp_destroy_context(s->server);
	mtcp_stack_close(s->stack[0]);
	mtcp_stack_close(s->stack[1]);
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
	{0}};
