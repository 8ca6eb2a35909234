// SPDX-License-Identifier: BSD-3-Clause
/* TCP_FASTOPEN and TCP_FASTOPEN_CONNECT: the server in either mode, the client inline. */
#include "api_world.h"

#include <linux/tcp.h>

static const char *server_mode;

static int server_inline(void **state)
{
	(void)state;
	server_mode = "inline";
	return 0;
}

static int server_paired(void **state)
{
	(void)state;
	server_mode = "paired";
	return 0;
}

static void open_world(struct world *w, const char *more)
{
	for (int i = 0; i < 2; i++) {
		world_mode = i == SRV ? server_mode : "inline";
		w->stack[i] = world_stack(i, more);
		w->m[i] = mtcp_create_context_on(w->stack[i], 0);
		assert_non_null(w->m[i]);
		w->drive[i] = mtcp_epoll_create(w->m[i], 1);
	}
}

static int set(mctx_t m, int s, int name, int v)
{
	return mtcp_setsockopt(m, s, IPPROTO_TCP, name, &v, sizeof(v));
}

static struct mtcp_stats stats(mctx_t m)
{
	struct mtcp_stats s;

	assert_int_equal(mtcp_get_stats(m, &s), 0);
	return s;
}

static int fast_stream(mctx_t m)
{
	int s = stream(m);

	assert_int_equal(set(m, s, TCP_FASTOPEN_CONNECT, 1), 0);
	return s;
}

static void test_request_in_the_syn(void **state)
{
	struct mtcp_epoll_event ev = {.events = MTCP_EPOLLOUT};
	struct world w;
	char buf[16];
	int l, c, peer;

	(void)state;
	open_world(&w, NULL);
	l = stream(w.m[SRV]);
	assert_int_equal(set(w.m[SRV], l, TCP_FASTOPEN, 8), 0);
	assert_int_equal(try_bind(w.m[SRV], l, -1, 80), 0);
	assert_int_equal(mtcp_listen(w.m[SRV], l, 8), 0);

	c = fast_stream(w.m[CLI]); /* brings the cookie */
	FAILS(try_connect(w.m[CLI], c, 1, 80), EINPROGRESS);
	UNTIL(&w, (peer = mtcp_accept(w.m[SRV], l, NULL, NULL)) > 0);
	UNTIL(&w, try_connect(w.m[CLI], c, 1, 80) == 0);
	mtcp_close(w.m[CLI], c);
	mtcp_close(w.m[SRV], peer);

	c = fast_stream(w.m[CLI]);
	assert_int_equal(try_connect(w.m[CLI], c, 1, 80), 0);
	assert_int_equal(mtcp_shutdown(w.m[CLI], c, SHUT_WR), 0); /* it is no connection yet */
	assert_int_equal(so_error(w.m[CLI], c), ECONNRESET);
	assert_int_equal(try_connect(w.m[CLI], c, 1, 80), 0);
	FAILS(try_connect(w.m[CLI], c, 1, 80), EISCONN);
	assert_int_equal(mtcp_epoll_ctl(w.m[CLI], w.drive[CLI], MTCP_EPOLL_CTL_ADD, c, &ev), 0);
	assert_int_equal(mtcp_epoll_wait(w.m[CLI], w.drive[CLI], &ev, 1, 0), 1);
	assert_int_equal(mtcp_epoll_ctl(w.m[CLI], w.drive[CLI], MTCP_EPOLL_CTL_DEL, c, NULL), 0);
	assert_int_equal(mtcp_write(w.m[CLI], c, "ping", 4), 4);
	FAILS(mtcp_write(w.m[CLI], c, "more", 4), EAGAIN);
	UNTIL(&w, (peer = mtcp_accept(w.m[SRV], l, NULL, NULL)) > 0);
	mtcp_setsock_nonblock(w.m[SRV], peer);
	UNTIL(&w, mtcp_read(w.m[SRV], peer, buf, sizeof(buf)) == 4);
	assert_int_equal(mtcp_write(w.m[SRV], peer, "pong!", 5), 5);
	UNTIL(&w, mtcp_read(w.m[CLI], c, buf, sizeof(buf)) == 5);
	UNTIL(&w, mtcp_write(w.m[CLI], c, "more", 4) == 4);
	UNTIL(&w, mtcp_read(w.m[SRV], peer, buf, sizeof(buf)) == 4);
	assert_int_equal(stats(w.m[CLI]).fastopen_sent, 1);
	assert_int_equal(stats(w.m[SRV]).fastopen_taken, 1);
	world_close(&w);
}

/* Asked for later, the listener has it from then on; a bound, and what was set, as Linux has it. */
static void test_options(void **state)
{
	struct world w;
	socklen_t len = sizeof(int);
	int l, v;

	(void)state;
	open_world(&w, NULL);
	l = listener(w.m[SRV], 80, 8);
	assert_int_equal(set(w.m[SRV], l, TCP_FASTOPEN, 5), 0);
	assert_int_equal(mtcp_getsockopt(w.m[SRV], l, IPPROTO_TCP, TCP_FASTOPEN, &v, &len), 0);
	assert_int_equal(v, 5);
	FAILS(set(w.m[SRV], l, TCP_FASTOPEN, -1), EINVAL);
	world_close(&w);
	open_world(&w, "fastopen = 0\n");
	FAILS(set(w.m[SRV], stream(w.m[SRV]), TCP_FASTOPEN, 5), EOPNOTSUPP);
	FAILS(set(w.m[CLI], stream(w.m[CLI]), TCP_FASTOPEN_CONNECT, 1), EOPNOTSUPP);
	world_close(&w);
}

/* The paired stack has no place for data before the connection: it says so. */
static void test_paired_client(void **state)
{
	struct world w;
	int s;

	(void)state;
	open_world(&w, NULL);
	s = stream(w.m[SRV]);
	if (strcmp(server_mode, "paired") == 0)
		FAILS(set(w.m[SRV], s, TCP_FASTOPEN_CONNECT, 1), EOPNOTSUPP);
	else
		assert_int_equal(set(w.m[SRV], s, TCP_FASTOPEN_CONNECT, 1), 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_in_the_syn),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_paired_client),
	};
	int failed = cmocka_run_group_tests_name("fast open, inline", tests, server_inline, NULL);

	return failed +
	       cmocka_run_group_tests_name("fast open, paired", tests, server_paired, NULL);
}
