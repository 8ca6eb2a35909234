// SPDX-License-Identifier: BSD-3-Clause
#include "echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MESSAGE 64u
#define EVENTS	64
#define PORT	80

uint64_t echo_clock_ns;

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!echo_clock_ns)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(echo_clock_ns / 1000000000u);
	ts->tv_nsec = (long)(echo_clock_ns % 1000000000u);
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

static void accept_all(struct echo *s)
{
	int fd;

	while ((fd = mtcp_accept4(s->server, s->listener, NULL, NULL, SOCK_NONBLOCK)) > 0) {
		s->server_count[fd] = 0;
		watch(s->server, s->server_ep, fd, MTCP_EPOLLIN);
	}
}

static void answer(struct echo *s, int fd)
{
	char msg[MESSAGE];

	if (mtcp_read(s->server, fd, msg, MESSAGE) != MESSAGE)
		return;
	if (mtcp_write(s->server, fd, msg, MESSAGE) != MESSAGE)
		bench_fail("the server cannot write");
	if (++s->server_count[fd] == s->n_messages)
		mtcp_close(s->server, fd);
}

BENCH_APART int server_turn(struct echo *s)
{
	struct mtcp_epoll_event ev[EVENTS];
	int n = mtcp_epoll_wait(s->server, s->server_ep, ev, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		if (ev[i].data.sockid == s->listener)
			accept_all(s);
		else
			answer(s, ev[i].data.sockid);
	}
	return n;
}

static void ask(struct echo *s, int fd)
{
	char msg[MESSAGE] = {0};

	if (s->client_count[fd]++ < s->n_messages &&
	    mtcp_write(s->client, fd, msg, MESSAGE) != MESSAGE)
		bench_fail("the client cannot write");
}

static void open_one(struct echo *s)
{
	struct sockaddr_in to = server_address();
	int fd = mtcp_socket(s->client, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || (mtcp_connect(s->client, fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		       errno != EINPROGRESS))
		bench_fail("cannot connect");
	s->client_count[fd] = 0;
	watch(s->client, s->client_ep, fd, MTCP_EPOLLIN | MTCP_EPOLLOUT | (uint32_t)MTCP_EPOLLET);
}

static void heard(struct echo *s, const struct mtcp_epoll_event *ev)
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

BENCH_APART int client_turn(struct echo *s, uint64_t until)
{
	struct mtcp_epoll_event ev[EVENTS];
	int n = mtcp_epoll_wait(s->client, s->client_ep, ev, EVENTS, 0);

	for (int i = 0; i < n; i++)
		heard(s, &ev[i]);
	for (; s->n_begun < until && s->n_begun - s->n_ended < s->concurrency; s->n_begun++)
		open_one(s);
	return n;
}

/* where: device and cores. */
static mtcp_stack_t open_stack(const char *where, int side, unsigned n_fds)
{
	char text[512], err[MTCP_ERR_LEN];
	mtcp_stack_t s;

	snprintf(text, sizeof(text),
		 "%s\naddress = 10.0.0.%d/24\nmax_concurrency = %u\nrcvbuf = 16384\n"
		 "sndbuf = 16384\nbuffer_mb = 4\nmax_syn_backlog = 1024\nseed = %d\n",
		 where, side + 1, n_fds, side + 1);
	s = mtcp_stack_open(NULL, text, err);
	if (!s)
		bench_fail(err);
	return s;
}

mtcp_stack_t echo_stack_on(const char *device, int side, int n_cores, unsigned n_fds)
{
	char where[256];

	snprintf(where, sizeof(where), "device = %s\nnum_cores = %d", device, n_cores);
	return open_stack(where, side, n_fds);
}

mtcp_stack_t echo_stack(int wire, int side, int n_cores, unsigned n_fds)
{
	char device[32];

	snprintf(device, sizeof(device), "memory:%d:%d", wire, side);
	return echo_stack_on(device, side, n_cores, n_fds);
}

mtcp_stack_t echo_stack_paired(int wire, int side)
{
	char where[64];

	snprintf(where, sizeof(where), "device = memory:%d:%d\nmode = paired", wire, side);
	return open_stack(where, side, ECHO_FDS);
}

static mctx_t context(const struct echo *s, mtcp_stack_t stack, int *ep)
{
	mctx_t m = mtcp_create_context_on(stack, 0);

	if (!m)
		bench_fail("no context");
	if (s->made)
		s->made(m);
	*ep = mtcp_epoll_create(m, 1);
	return m;
}

void echo_open_server(struct echo *s, mtcp_stack_t stack)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	s->server = context(s, stack, &s->server_ep);
	s->listener = mtcp_socket(s->server, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (mtcp_bind(s->server, s->listener, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    mtcp_listen(s->server, s->listener, 1024) < 0)
		bench_fail("cannot listen");
	watch(s->server, s->server_ep, s->listener, MTCP_EPOLLIN);
}

void echo_open_client(struct echo *s, mtcp_stack_t stack)
{
	s->client = context(s, stack, &s->client_ep);
}
