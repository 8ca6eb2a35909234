/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two stacks in one process, joined by a device in memory: what the tests of core/api stand on.
 * Device "fake:NAME:0" is joined to "fake:NAME:1". Include once per test program.
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

#include "base/hash.h"
#include "mtcp/mtcp_api.h"
#include "mtcp/mtcp_epoll.h"
#include "mtcp/nic.h"

#define FAKE_WIRES  8
#define FAKE_QUEUES 2
#define FAKE_DEPTH  1024

struct fake_queue {
	struct nic_pkt pkts[FAKE_DEPTH];
	unsigned head, n;
};

struct fake_end {
	struct fake_wire *wire;
	int side;
	uint16_t n_queues; /* 0: not open */
	struct fake_queue rx[FAKE_QUEUES];
};

struct fake_wire {
	char name[16];
	pthread_mutex_t lock;
	struct fake_end end[2];
	int full; /* tx_burst takes nothing */
};

static struct fake_wire fake_wires[FAKE_WIRES];
static struct toeplitz fake_rss;
static int fake_frames; /* not given back */
static struct nic_params fake_seen;

static uint16_t fake_queue_of(const struct nic_pkt *p, uint16_t n)
{
	if (n < 2 || p->len < 38 || p->data[12] != 8 || p->data[13] != 0)
		return 0;
	return rss_queue(toeplitz_hash(&fake_rss, p->data + 26, 12), n);
}

static uint16_t fake_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct fake_end *e = dev;
	struct fake_queue *q = &e->rx[queue];
	uint16_t i;

	pthread_mutex_lock(&e->wire->lock);
	for (i = 0; i < n && q->n > 0; i++, q->n--) {
		pkts[i] = q->pkts[q->head];
		q->head = (q->head + 1) % FAKE_DEPTH;
	}
	pthread_mutex_unlock(&e->wire->lock);
	return i;
}

static void fake_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	(void)dev;
	(void)queue;
	for (uint16_t i = 0; i < n; i++)
		free(pkts[i].handle);
	__atomic_sub_fetch(&fake_frames, n, __ATOMIC_RELAXED);
}

static uint16_t fake_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct fake_end *e = dev, *to = &e->wire->end[!e->side];
	uint16_t i = 0;

	pthread_mutex_lock(&e->wire->lock);
	for (; i < n && !e->wire->full; i++) {
		struct fake_queue *q = &to->rx[fake_queue_of(&pkts[i], to->n_queues)];

		if (to->n_queues == 0) { /* nobody there */
			fake_release(dev, queue, &pkts[i], 1);
			continue;
		}
		if (q->n == FAKE_DEPTH)
			break;
		q->pkts[(q->head + q->n++) % FAKE_DEPTH] = pkts[i];
	}
	pthread_mutex_unlock(&e->wire->lock);
	return i;
}

static uint16_t fake_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	(void)dev;
	(void)queue;
	for (uint16_t i = 0; i < n; i++) {
		memset(&pkts[i], 0, sizeof(pkts[i]));
		pkts[i].data = malloc(2048);
		pkts[i].handle = pkts[i].data;
	}
	__atomic_add_fetch(&fake_frames, n, __ATOMIC_RELAXED);
	return n;
}

static const struct nic_ops fake_ops = {
	.rx_burst = fake_rx,
	.tx_burst = fake_tx,
	.alloc = fake_alloc,
	.release = fake_release,
};

static struct fake_wire *fake_wire_named(const char *name)
{
	for (int i = 0; i < FAKE_WIRES; i++) {
		struct fake_wire *w = &fake_wires[i];

		if (!strcmp(w->name, name))
			return w;
		if (*w->name)
			continue;
		snprintf(w->name, sizeof(w->name), "%s", name);
		pthread_mutex_init(&w->lock, NULL);
		return w;
	}
	return NULL;
}

static int fake_open(const struct nic_params *p, struct nic *out, char err[NIC_ERR_LEN])
{
	char name[16];
	int side;
	struct fake_wire *w;

	fake_seen = *p;
	if (sscanf(p->device, "fake:%15[a-z]:%d", name, &side) != 2 ||
	    !(w = fake_wire_named(name))) {
		snprintf(err, NIC_ERR_LEN, "device %s: unknown; use fake:NAME:0", p->device);
		return -ENODEV;
	}
	pthread_mutex_lock(&w->lock);
	toeplitz_init(&fake_rss, rss_default_key);
	w->end[side].wire = w;
	w->end[side].side = side;
	w->end[side].n_queues = p->n_queues;
	w->full = 0;
	pthread_mutex_unlock(&w->lock);
	memset(out, 0, sizeof(*out));
	out->ops = &fake_ops;
	out->dev = &w->end[side];
	memcpy(out->mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(side + 1)}, 6);
	out->mtu = p->mtu ? p->mtu : 1500;
	out->n_queues = p->n_queues;
	memcpy(out->rss_key, rss_default_key, sizeof(out->rss_key));
	out->rss_known = true;
	return 0;
}

static void fake_close(struct nic *n)
{
	struct fake_end *e = n->dev;

	for (int i = 0; i < FAKE_QUEUES; i++)
		while (e->rx[i].n > 0) {
			struct nic_pkt p = {0};

			fake_rx(e, (uint16_t)i, &p, 1);
			fake_release(e, (uint16_t)i, &p, 1);
		}
	pthread_mutex_lock(&e->wire->lock);
	e->n_queues = 0;
	pthread_mutex_unlock(&e->wire->lock);
}

static void fake_stats(struct nic *n)
{
	n->rx_missed = 7;
}

const struct nic_driver nic_driver = {
	.name = "fake", .open = fake_open, .close = fake_close, .stats = fake_stats};

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

static inline mtcp_stack_t world_stack(int side, const char *more)
{
	char text[1024], err[MTCP_ERR_LEN];
	mtcp_stack_t s;

	snprintf(text, sizeof(text),
		 "device = fake:w:%d\naddress = 10.0.0.%d/24\nmode = %s\nmax_concurrency = 256\n"
		 "rcvbuf = 65536\nsndbuf = 65536\nbuffer_mb = 32\nseed = %d\n%s",
		 side, side + 1, world_mode, side + 1, more ? more : "");
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

static inline int try_bind(mctx_t m, int s, int host, int port)
{
	struct sockaddr_in a = at(host, port);

	return mtcp_bind(m, s, (struct sockaddr *)&a, sizeof(a));
}

static inline int try_connect(mctx_t m, int s, int host, int port)
{
	struct sockaddr_in a = at(host, port);

	return mtcp_connect(m, s, (struct sockaddr *)&a, sizeof(a));
}

static inline int stream(mctx_t m)
{
	int s = mtcp_socket(m, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

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
