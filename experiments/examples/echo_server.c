// SPDX-License-Identifier: BSD-3-Clause
/* An echo server the way mTCP applications are written: one thread, context, listener and epoll per
 * core. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mtcp_api.h>
#include <mtcp_epoll.h>

#define MAX_CPUS   16
#define MAX_EVENTS 1024
#define BACKLOG	   4096
#define CHUNK	   8192

/* What could not be written back yet; one per descriptor, as descriptors are below max_concurrency.
 */
struct client {
	char data[CHUNK];
	size_t len;
};

struct thread {
	pthread_t id;
	int core;
	mctx_t mctx;
	int ep;
	int listener;
	struct client *clients;
};

static struct mtcp_conf conf;
static volatile sig_atomic_t done;
static in_port_t port;

static void on_interrupt(int signum)
{
	(void)signum;
	done = 1;
}

static int watch(struct thread *t, int op, int sockid, uint32_t events)
{
	struct mtcp_epoll_event ev;

	ev.events = events;
	ev.data.sockid = sockid;
	return mtcp_epoll_ctl(t->mctx, t->ep, op, sockid, &ev);
}

static int open_listener(struct thread *t)
{
	struct sockaddr_in addr;

	t->listener = mtcp_socket(t->mctx, AF_INET, SOCK_STREAM, 0);
	if (t->listener < 0 || mtcp_setsock_nonblock(t->mctx, t->listener) < 0)
		return -1;
	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = INADDR_ANY;
	addr.sin_port = port;
	if (mtcp_bind(t->mctx, t->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	if (mtcp_listen(t->mctx, t->listener, BACKLOG) < 0)
		return -1;
	return watch(t, MTCP_EPOLL_CTL_ADD, t->listener, MTCP_EPOLLIN);
}

static void accept_all(struct thread *t)
{
	int c;

	while ((c = mtcp_accept(t->mctx, t->listener, NULL, NULL)) >= 0) {
		mtcp_setsock_nonblock(t->mctx, c);
		t->clients[c].len = 0;
		watch(t, MTCP_EPOLL_CTL_ADD, c, MTCP_EPOLLIN);
	}
}

/* 0, or -1 when the connection is over. */
static int write_back(struct thread *t, int c)
{
	struct client *cl = &t->clients[c];
	ssize_t n = mtcp_write(t->mctx, c, cl->data, cl->len);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	cl->len -= (size_t)n;
	memmove(cl->data, cl->data + n, cl->len);
	return 0;
}

static int echo(struct thread *t, int c)
{
	struct client *cl = &t->clients[c];

	while (cl->len == 0) {
		ssize_t n = mtcp_read(t->mctx, c, cl->data, CHUNK);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return -1;
		cl->len = (size_t)n;
		if (write_back(t, c) < 0)
			return -1;
	}
	return watch(t, MTCP_EPOLL_CTL_MOD, c, cl->len ? MTCP_EPOLLOUT : MTCP_EPOLLIN);
}

static void serve(struct thread *t, const struct mtcp_epoll_event *ev)
{
	int c = ev->data.sockid, r = 0;

	if (c == t->listener) {
		accept_all(t);
		return;
	}
	if (ev->events & MTCP_EPOLLERR)
		r = -1;
	if (r == 0 && t->clients[c].len)
		r = write_back(t, c);
	if (r == 0)
		r = echo(t, c);
	if (r < 0) {
		mtcp_epoll_ctl(t->mctx, t->ep, MTCP_EPOLL_CTL_DEL, c, NULL);
		mtcp_close(t->mctx, c);
	}
}

static void loop(struct thread *t)
{
	static __thread struct mtcp_epoll_event events[MAX_EVENTS];

	while (!done) {
		int n = mtcp_epoll_wait(t->mctx, t->ep, events, MAX_EVENTS, -1);

		if (n < 0) {
			if (errno != EINTR)
				perror("mtcp_epoll_wait");
			break;
		}
		for (int i = 0; i < n; i++)
			serve(t, &events[i]);
	}
}

static void *run(void *arg)
{
	struct thread *t = arg;

	mtcp_core_affinitize(t->core);
	t->mctx = mtcp_create_context(t->core);
	t->clients = calloc((size_t)conf.max_concurrency, sizeof(*t->clients));
	if (!t->mctx || !t->clients) {
		perror("mtcp_create_context");
		return NULL;
	}
	t->ep = mtcp_epoll_create(t->mctx, MAX_EVENTS);
	if (t->ep < 0 || open_listener(t) < 0)
		perror("listen");
	else
		loop(t);
	mtcp_destroy_context(t->mctx);
	free(t->clients);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct thread threads[MAX_CPUS];

	if (argc != 3) {
		fprintf(stderr, "usage: %s CONFIG PORT\n", argv[0]);
		return 2;
	}
	port = htons((in_port_t)atoi(argv[2]));
	if (mtcp_init(argv[1]) < 0)
		return 3;
	mtcp_getconf(&conf);
	mtcp_register_signal(SIGINT, on_interrupt);
	mtcp_register_signal(SIGTERM, on_interrupt);
	for (int i = 0; i < conf.num_cores; i++) {
		threads[i].core = i;
		if (pthread_create(&threads[i].id, NULL, run, &threads[i])) {
			perror("pthread_create");
			return 3;
		}
	}
	for (int i = 0; i < conf.num_cores; i++)
		pthread_join(threads[i].id, NULL);
	mtcp_destroy();
	return 0;
}
