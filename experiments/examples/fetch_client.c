// SPDX-License-Identifier: BSD-3-Clause
/* A client the way mTCP applications are written: sends a line on each of many connections, reads
 * it back. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mtcp_api.h>
#include <mtcp_epoll.h>

#define MAX_EVENTS 1024
#define AT_ONCE	   64
#define LINE	   "The quick brown fox jumps over the lazy dog.\n"

static struct sockaddr_in server;
static volatile sig_atomic_t stop;
static int started, finished, failed;

static void on_interrupt(int signum)
{
	(void)signum;
	stop = 1;
}

static int watch(mctx_t mctx, int ep, int op, int sockid, uint32_t events)
{
	struct mtcp_epoll_event ev;

	ev.events = events;
	ev.data.sockid = sockid;
	return mtcp_epoll_ctl(mctx, ep, op, sockid, &ev);
}

static void start(mctx_t mctx, int ep)
{
	int c = mtcp_socket(mctx, AF_INET, SOCK_STREAM, 0);

	started++;
	if (c < 0 || mtcp_setsock_nonblock(mctx, c) < 0 ||
	    (mtcp_connect(mctx, c, (struct sockaddr *)&server, sizeof(server)) < 0 &&
	     errno != EINPROGRESS)) {
		perror("mtcp_connect");
		failed++;
		if (c >= 0)
			mtcp_close(mctx, c);
		return;
	}
	watch(mctx, ep, MTCP_EPOLL_CTL_ADD, c, MTCP_EPOLLOUT);
}

static void finish(mctx_t mctx, int ep, int c, int ok)
{
	mtcp_epoll_ctl(mctx, ep, MTCP_EPOLL_CTL_DEL, c, NULL);
	mtcp_close(mctx, c);
	finished += ok;
	failed += !ok;
}

static void handle(mctx_t mctx, int ep, const struct mtcp_epoll_event *ev)
{
	char answer[sizeof(LINE)];
	size_t len = strlen(LINE);
	int c = ev->data.sockid;

	if (ev->events & MTCP_EPOLLERR) {
		int err = 0;
		socklen_t size = sizeof(err);

		mtcp_getsockopt(mctx, c, SOL_SOCKET, SO_ERROR, &err, &size);
		fprintf(stderr, "connection %d: %s\n", c, strerror(err));
		finish(mctx, ep, c, 0);
	} else if (ev->events & MTCP_EPOLLOUT) {
		if (mtcp_write(mctx, c, LINE, len) != (ssize_t)len)
			finish(mctx, ep, c, 0);
		else
			watch(mctx, ep, MTCP_EPOLL_CTL_MOD, c, MTCP_EPOLLIN);
	} else {
		/* one small segment: it arrives whole */
		ssize_t n = mtcp_read(mctx, c, answer, len);

		finish(mctx, ep, c, n == (ssize_t)len && !memcmp(answer, LINE, len));
	}
}

static void loop(mctx_t mctx, int ep, int total)
{
	static struct mtcp_epoll_event events[MAX_EVENTS];

	while (!stop && finished + failed < total) {
		int n;

		while (started < total && started - finished - failed < AT_ONCE)
			start(mctx, ep);
		if (started == finished + failed)
			break; /* all failed at once: there is nothing to wait for */
		n = mtcp_epoll_wait(mctx, ep, events, MAX_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			perror("mtcp_epoll_wait");
		if (n < 0)
			return;
		for (int i = 0; i < n; i++)
			handle(mctx, ep, &events[i]);
	}
}

int main(int argc, char **argv)
{
	mctx_t mctx;
	int ep;

	if (argc != 5) {
		fprintf(stderr, "usage: %s CONFIG ADDRESS PORT CONNECTIONS\n", argv[0]);
		return 2;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((in_port_t)atoi(argv[3]));
	if (inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
		fprintf(stderr, "%s is no IPv4 address\n", argv[2]);
		return 2;
	}
	if (mtcp_init(argv[1]) < 0)
		return 3;
	mtcp_register_signal(SIGINT, on_interrupt);
	mtcp_core_affinitize(0);
	mctx = mtcp_create_context(0);
	if (!mctx) {
		perror("mtcp_create_context");
		mtcp_destroy();
		return 3;
	}
	mtcp_init_rss(mctx, INADDR_ANY, 1, server.sin_addr.s_addr, server.sin_port);
	ep = mtcp_epoll_create(mctx, MAX_EVENTS);
	loop(mctx, ep, atoi(argv[4]));
	printf("%d of %d connections answered, %d failed\n", finished, started, failed);
	mtcp_destroy_context(mctx);
	mtcp_destroy();
	return failed || stop ? 1 : 0;
}
