/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two stacks in one process, joined by a device in memory: what the tests of core/api stand on.
 * Include once per test program.
 */
#ifndef TESTS_API_WORLD_H
#define TESTS_API_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the above first */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api_device.h"
#include "mtcp/mtcp_api.h"
#include "mtcp/mtcp_epoll.h"

/* ---- the world: a server (10.0.0.1) and a client (10.0.0.2), each with an epoll used only to
 * drive it ---- */
struct world {
	mtcp_stack_t stack[2];
	mctx_t m[2];
	int drive[2];
};
#define SRV 0
#define CLI 1

static const char *world_mode = "inline"; /* what every world of this group runs in */
static int world_family = AF_INET;	  /* of stream(), try_bind(), try_connect() */

/* Group set-ups: what every world of the group runs in. */
static inline int inline_mode(void **state)
{
	(void)state;
	world_mode = "inline";
	return 0;
}

static inline int paired_mode(void **state)
{
	(void)state;
	world_mode = "paired";
	return 0;
}

static inline int inline_v6(void **state)
{
	world_family = AF_INET6;
	return inline_mode(state);
}

static inline int paired_v6(void **state)
{
	world_family = AF_INET6;
	return paired_mode(state);
}

static inline mtcp_stack_t world_stack(int side, const char *more)
{
	char text[1024], err[MTCP_ERR_LEN];
	mtcp_stack_t s;

	snprintf(text, sizeof(text),
		 "device = fake:w:%d\naddress = 10.0.0.%d/24\naddress = fd00::%d/64\nmode = "
		 "%s\nmax_concurrency = 256\n"
		 "rcvbuf = 65536\nsndbuf = 65536\nbuffer_mb = 32\nlinger_ms = 100\nseed = %d\n%s",
		 side, side + 1, side + 1, world_mode, side + 1, more ? more : "");
	s = mtcp_stack_open(NULL, text, err);
	if (!s)
		fail_msg("%s", err);
	return s;
}

static inline void world_open(struct world *w, const char *more)
{
	for (int i = 0; i < 2; i++) {
		w->stack[i] = world_stack(i, more);
		w->m[i] = mtcp_create_context_on(w->stack[i], 0);
		assert_non_null(w->m[i]);
		w->drive[i] = mtcp_epoll_create(w->m[i], 1);
		assert_true(w->drive[i] > 0);
	}
}

/* Everything is given back: no frame is missing. */
static inline void world_close(struct world *w)
{
	for (int i = 0; i < 2; i++)
		mtcp_destroy_context(w->m[i]);
	for (int i = 0; i < 2; i++)
		mtcp_stack_close(w->stack[i]);
	assert_int_equal(fake_frames, 0);
}

static inline void world_turn(struct world *w)
{
	struct mtcp_epoll_event ev;

	for (int i = 0; i < 2; i++)
		assert_int_equal(mtcp_epoll_wait(w->m[i], w->drive[i], &ev, 1, 0), 0);
}

static inline void world_turns(struct world *w, int n)
{
	while (n-- > 0)
		world_turn(w);
}

static inline double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Drives both sides until the condition holds; 5 s are for ever. */
#define UNTIL(w, cond)                                                                             \
	do {                                                                                       \
		double begun_ = seconds();                                                         \
		while (!(cond)) {                                                                  \
			world_turn(w);                                                             \
			if (seconds() - begun_ > 5)                                                \
				fail_msg("never: %s", #cond);                                      \
		}                                                                                  \
	} while (0)

#define FAILS(call, error)                                                                         \
	do {                                                                                       \
		errno = 0;                                                                         \
		assert_int_equal(call, -1);                                                        \
		assert_int_equal(errno, error);                                                    \
	} while (0)

static inline struct sockaddr_in at(int host, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	a.sin_addr.s_addr = host < 0 ? INADDR_ANY : htonl(0x0a000000u + (uint32_t)host);
	return a;
}

/* fd00::host; host < 0: :: */
static inline struct sockaddr_in6 at6(int host, int port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	a.sin6_addr.s6_addr[0] = host < 0 ? 0 : 0xfd;
	a.sin6_addr.s6_addr[15] = host < 0 ? 0 : (uint8_t)host;
	return a;
}

static inline int try_bind(mctx_t m, int s, int host, int port)
{
	struct sockaddr_in a = at(host, port);
	struct sockaddr_in6 a6 = at6(host, port);

	if (world_family == AF_INET6)
		return mtcp_bind(m, s, (struct sockaddr *)&a6, sizeof(a6));
	return mtcp_bind(m, s, (struct sockaddr *)&a, sizeof(a));
}

static inline int try_connect(mctx_t m, int s, int host, int port)
{
	struct sockaddr_in a = at(host, port);
	struct sockaddr_in6 a6 = at6(host, port);

	if (world_family == AF_INET6)
		return mtcp_connect(m, s, (struct sockaddr *)&a6, sizeof(a6));
	return mtcp_connect(m, s, (struct sockaddr *)&a, sizeof(a));
}

static inline int stream(mctx_t m)
{
	int s = mtcp_socket(m, world_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(s > 0);
	return s;
}

static inline int listener(mctx_t m, int port, int backlog)
{
	int s = stream(m);

	assert_int_equal(try_bind(m, s, -1, port), 0);
	assert_int_equal(mtcp_listen(m, s, backlog), 0);
	return s;
}

static inline int so_error(mctx_t m, int s)
{
	int v = -1;
	socklen_t len = sizeof(v);

	assert_int_equal(mtcp_getsockopt(m, s, SOL_SOCKET, SO_ERROR, &v, &len), 0);
	return v;
}

/* A connection: returns the client's socket, the server's in *peer (non-blocking, both). */
static inline int connected(struct world *w, int l, int port, int *peer)
{
	int c = stream(w->m[CLI]);

	FAILS(try_connect(w->m[CLI], c, 1, port), EINPROGRESS);
	*peer = -1;
	UNTIL(w, (*peer = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
	assert_int_equal(mtcp_setsock_nonblock(w->m[SRV], *peer), 0);
	UNTIL(w, try_connect(w->m[CLI], c, 1, port) == 0);
	return c;
}

#endif
