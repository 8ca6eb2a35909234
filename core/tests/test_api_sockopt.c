// SPDX-License-Identifier: BSD-3-Clause
/* Socket options: values, bounds, errors as in Linux; kept before there is a connection, inherited
 * by accept. */
#include "api_world.h"

#include <linux/tcp.h>

#include "api/ctx.h"

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_open(w, NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static int set(mctx_t m, int s, int level, int name, int v)
{
	return mtcp_setsockopt(m, s, level, name, &v, sizeof(v));
}

static int get(mctx_t m, int s, int level, int name)
{
	int v = -12345;
	socklen_t len = sizeof(v);

	if (mtcp_getsockopt(m, s, level, name, &v, &len) < 0)
		return -1;
	assert_int_equal(len, sizeof(v));
	return v;
}

static const struct {
	int level, name, value;
} plain[] = {
	{SOL_SOCKET, SO_KEEPALIVE, 1},
	{SOL_SOCKET, SO_SNDBUF, 20000},
	{SOL_SOCKET, SO_RCVBUF, 30000},
	{SOL_SOCKET, SO_REUSEADDR, 1},
	{SOL_SOCKET, SO_REUSEPORT, 1},
	{IPPROTO_TCP, TCP_NODELAY, 1},
	{IPPROTO_TCP, TCP_CORK, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, 11},
	{IPPROTO_TCP, TCP_KEEPINTVL, 12},
	{IPPROTO_TCP, TCP_KEEPCNT, 13},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, 14000},
	{IPPROTO_TCP, TCP_MAXSEG, 1000},
};
#define N_PLAIN (sizeof(plain) / sizeof(plain[0]))

static void test_kept_and_applied(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[CLI];
	int l = listener(w->m[SRV], 80, 4), c = stream(m), s;

	for (size_t i = 0; i < N_PLAIN; i++) {
		assert_int_equal(set(m, c, plain[i].level, plain[i].name, plain[i].value), 0);
		assert_int_equal(get(m, c, plain[i].level, plain[i].name), plain[i].value);
	}
	FAILS(try_connect(m, c, 1, 80), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
	UNTIL(w, try_connect(m, c, 1, 80) == 0);
	for (size_t i = 0; i < N_PLAIN; i++) {
		int v = get(m, c, plain[i].level, plain[i].name);

		if (plain[i].name == TCP_MAXSEG && plain[i].level == IPPROTO_TCP)
			assert_true(v > 900 &&
				    v <= 1000); /* what is in use: options take their room */
		else
			assert_int_equal(v, plain[i].value);
	}
	assert_int_equal(set(m, c, IPPROTO_TCP, TCP_NODELAY, 0), 0);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_NODELAY), 0);
}

/* Set at any time before the connection is open, through an attempt in vain, too: while it is under
 * way, and when it has failed but nobody has asked yet. */
static void test_kept_after_refusal(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[CLI];
	int l = listener(w->m[SRV], 80, 4), c = stream(m), ep = mtcp_epoll_create(m, 1), s;
	struct mtcp_epoll_event ev = {.events = MTCP_EPOLLOUT, .data.sockid = c};
	char cc[16];
	socklen_t len;

	assert_int_equal(mtcp_epoll_ctl(m, ep, MTCP_EPOLL_CTL_ADD, c, &ev), 0);
	assert_int_equal(set(m, c, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	FAILS(try_connect(m, c, 1, 81), EINPROGRESS);
	assert_int_equal(set(m, c, IPPROTO_TCP, TCP_KEEPCNT, 3), 0);
	UNTIL(w, mtcp_epoll_wait(m, ep, &ev, 1, 0) == 1);
	assert_true(ev.events & MTCP_EPOLLERR);
	assert_int_equal(mtcp_epoll_ctl(m, ep, MTCP_EPOLL_CTL_DEL, c, NULL), 0);
	assert_int_equal(set(m, c, IPPROTO_TCP, TCP_KEEPIDLE, 77), 0);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	assert_int_equal(mtcp_setsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	len = sizeof(cc);
	assert_int_equal(mtcp_getsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, cc, &len), 0);
	assert_string_equal(cc, "reno");
	FAILS(try_connect(m, c, 1, 81), ECONNREFUSED);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_NODELAY), 1);
	FAILS(try_connect(m, c, 1, 80), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
	UNTIL(w, try_connect(m, c, 1, 80) == 0);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_KEEPCNT), 3);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	len = sizeof(cc);
	assert_int_equal(mtcp_getsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, cc, &len), 0);
	assert_string_equal(cc, "reno");
	assert_int_equal(get(w->m[SRV], s, IPPROTO_TCP, TCP_NODELAY), 0);
}

static void test_configured_nodelay(void **state)
{
	struct world w;
	int l, c, s;

	(void)state;
	world_open(&w, "tcp_nodelay = 1\n");
	l = listener(w.m[SRV], 80, 4);
	assert_int_equal(get(w.m[SRV], l, IPPROTO_TCP, TCP_NODELAY), 1);
	c = connected(&w, l, 80, &s);
	assert_int_equal(get(w.m[SRV], s, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get(w.m[CLI], c, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(set(w.m[CLI], c, IPPROTO_TCP, TCP_NODELAY, 0), 0);
	assert_int_equal(get(w.m[CLI], c, IPPROTO_TCP, TCP_NODELAY), 0);
	world_close(&w);
}

static void test_inherited(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int l = stream(m), s;
	struct linger in = {1, 0}, out;
	socklen_t len = sizeof(out);

	assert_int_equal(set(m, l, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	assert_int_equal(try_bind(m, l, 1, 80), 0);
	assert_int_equal(mtcp_listen(m, l, 4), 0);
	assert_int_equal(set(m, l, SOL_SOCKET, SO_KEEPALIVE, 1), 0); /* after listen, too */
	assert_int_equal(mtcp_setsockopt(m, l, SOL_SOCKET, SO_LINGER, &in, sizeof(in)), 0);
	assert_int_equal(get(m, l, IPPROTO_TCP, TCP_NODELAY), 1);
	connected(w, l, 80, &s);
	assert_int_equal(get(m, s, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(mtcp_getsockopt(m, s, SOL_SOCKET, SO_LINGER, &out, &len), 0);
	assert_memory_equal(&in, &out, sizeof(in));
}

/* A core on which nothing else happens knows of the timer. IPv6 has timers of its own. */
static void test_inherited_keepalive_has_its_timer(void **state)
{
	char text[128], err[MTCP_ERR_LEN];
	struct world w;
	int l, s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "device = fake:w:%d\naddress = 10.0.0.%d/24\n", i, i + 1);
		w.stack[i] = mtcp_stack_open(NULL, text, err);
		assert_non_null(w.stack[i]);
		w.m[i] = mtcp_create_context_on(w.stack[i], 0);
		assert_non_null(w.m[i]);
		w.drive[i] = mtcp_epoll_create(w.m[i], 1);
	}
	l = listener(w.m[SRV], 80, 4);
	assert_int_equal(set(w.m[SRV], l, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
	connected(&w, l, 80, &s);
	world_turns(&w, 3);
	assert_true(ctx_of(w.m[SRV])->core.own.next < MT_NEVER);
	world_close(&w);
}

static struct tcp_info info(mctx_t m, int s)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	assert_int_equal(mtcp_getsockopt(m, s, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	return i;
}

/* What a SYN/ACK says of them is as the listener has it, set before listen or after. */
static void test_told_by_the_syn_ack(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int l = stream(m), c, s;

	assert_int_equal(set(m, l, SOL_SOCKET, SO_RCVBUF, 30000), 0);
	assert_int_equal(set(m, l, IPPROTO_TCP, TCP_MAXSEG, 1000), 0);
	assert_int_equal(try_bind(m, l, 1, 80), 0);
	assert_int_equal(mtcp_listen(m, l, 4), 0);
	c = connected(w, l, 80, &s);
	assert_int_equal(get(w->m[CLI], c, IPPROTO_TCP, TCP_MAXSEG), 1000 - 12);
	assert_int_equal(get(m, s, IPPROTO_TCP, TCP_MAXSEG), 1000 - 12);
	assert_int_equal(info(w->m[CLI], c).tcpi_snd_wscale, 0);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_RCVBUF), 30000);
	assert_int_equal(set(m, l, SOL_SOCKET, SO_RCVBUF, 1 << 20), 0); /* cut to what there is */
	assert_int_equal(set(m, l, SOL_SOCKET, SO_SNDBUF, 40000), 0);
	assert_int_equal(set(m, l, IPPROTO_TCP, TCP_MAXSEG, 800), 0);
	c = connected(w, l, 80, &s);
	assert_int_equal(get(w->m[CLI], c, IPPROTO_TCP, TCP_MAXSEG), 800 - 12);
	assert_int_equal(info(w->m[CLI], c).tcpi_snd_wscale, 1);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_RCVBUF), 65536);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_SNDBUF), 40000);
}

/* As Linux, where an ended connection is a closed socket: all is taken, whoever closed first. */
static void test_of_an_ended_connection(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 4), fd[2];

	fd[CLI] = connected(w, l, 80, &fd[SRV]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(set(w->m[i], fd[i], IPPROTO_TCP, TCP_MAXSEG, 600),
				 0); /* too late */
	assert_int_equal(get(w->m[CLI], fd[CLI], IPPROTO_TCP, TCP_MAXSEG), 1460 - 12);
	assert_int_equal(mtcp_shutdown(w->m[CLI], fd[CLI], SHUT_WR), 0);
	UNTIL(w, info(w->m[SRV], fd[SRV]).tcpi_state == 8); /* CLOSE-WAIT */
	assert_int_equal(mtcp_shutdown(w->m[SRV], fd[SRV], SHUT_WR), 0);
	UNTIL(w, info(w->m[CLI], fd[CLI]).tcpi_state == 6 && /* TIME-WAIT, CLOSED */
			 info(w->m[SRV], fd[SRV]).tcpi_state == 7);
	for (int i = 0; i < 2; i++) {
		for (size_t o = 0; o < N_PLAIN; o++)
			assert_int_equal(
				set(w->m[i], fd[i], plain[o].level, plain[o].name, plain[o].value),
				0);
		FAILS(set(w->m[i], fd[i], IPPROTO_TCP, TCP_KEEPCNT, 0), EINVAL);
		assert_int_equal(
			mtcp_setsockopt(w->m[i], fd[i], IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	}
}

static void test_bounds(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[CLI];
	int c = stream(m);

	FAILS(set(m, c, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
	FAILS(set(m, c, IPPROTO_TCP, TCP_KEEPIDLE, 32768), EINVAL);
	FAILS(set(m, c, IPPROTO_TCP, TCP_KEEPCNT, 128), EINVAL);
	FAILS(set(m, c, IPPROTO_TCP, TCP_MAXSEG, 87), EINVAL);
	FAILS(set(m, c, IPPROTO_TCP, TCP_USER_TIMEOUT, -1), EINVAL);
	assert_int_equal(set(m, c, SOL_SOCKET, SO_SNDBUF, 1), 0); /* Linux cuts, too */
	assert_int_equal(get(m, c, SOL_SOCKET, SO_SNDBUF), 1024);
	assert_int_equal(set(m, c, IPPROTO_TCP, TCP_NODELAY, 77), 0);
	assert_int_equal(get(m, c, IPPROTO_TCP, TCP_NODELAY), 1);
}

static void test_congestion_control(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[CLI];
	int l = listener(w->m[SRV], 80, 4), c = stream(m), s = -1;
	char name[32] = "";
	socklen_t len = sizeof(name);

	assert_int_equal(mtcp_getsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "cubic");
	assert_int_equal(len, 16);
	FAILS(mtcp_setsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, "vegas", 5), ENOENT);
	assert_int_equal(mtcp_setsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	FAILS(try_connect(m, c, 1, 80), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
	assert_int_equal(mtcp_getsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "reno");
	assert_int_equal(mtcp_setsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5), 0);
	assert_int_equal(mtcp_getsockopt(m, c, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "cubic");
}

static void test_read_only_and_unknown(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int l = listener(m, 80, 4), s = stream(m), v = 1, p[2];
	socklen_t len = sizeof(v), negative = (socklen_t)-1;
	char byte[2] = {0, 9};

	assert_int_equal(get(m, l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_ACCEPTCONN), 0);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_DOMAIN), AF_INET);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	assert_int_equal(get(m, s, SOL_SOCKET, SO_ERROR), 0);
	assert_int_equal(get(m, s, IPPROTO_TCP, TCP_MAXSEG), 536);
	FAILS(get(m, s, SOL_SOCKET, 9999), ENOPROTOOPT);
	FAILS(get(m, s, IPPROTO_TCP, 9999), ENOPROTOOPT);
	FAILS(get(m, s, IPPROTO_IP, 1), ENOPROTOOPT);
	FAILS(set(m, s, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
	FAILS(set(m, s, SOL_SOCKET, SO_ERROR, 1), ENOPROTOOPT);
	FAILS(set(m, 99, SOL_SOCKET, SO_KEEPALIVE, 1), EBADF);
	FAILS(mtcp_setsockopt(m, s, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), EFAULT);
	FAILS(mtcp_setsockopt(m, s, SOL_SOCKET, SO_KEEPALIVE, &v, 3), EINVAL);
	FAILS(mtcp_setsockopt(m, s, SOL_SOCKET, SO_LINGER, &v, 4), EINVAL);
	FAILS(mtcp_getsockopt(m, s, SOL_SOCKET, SO_KEEPALIVE, NULL, &len), EFAULT);
	FAILS(mtcp_getsockopt(m, s, SOL_SOCKET, SO_KEEPALIVE, &v, NULL), EFAULT);
	FAILS(mtcp_getsockopt(m, s, SOL_SOCKET, SO_KEEPALIVE, &v, &negative), EINVAL);
	len = 1;
	assert_int_equal(mtcp_getsockopt(m, s, SOL_SOCKET, SO_TYPE, byte, &len), 0);
	assert_int_equal(byte[0], SOCK_STREAM);
	assert_int_equal(byte[1], 9);
	assert_int_equal(mtcp_pipe(m, p), 0);
	FAILS(set(m, p[0], SOL_SOCKET, SO_KEEPALIVE, 1), ENOTSOCK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kept_and_applied),
		T(test_kept_after_refusal),
		cmocka_unit_test(test_configured_nodelay),
		T(test_inherited),
		T(test_told_by_the_syn_ack),
		T(test_of_an_ended_connection),
		T(test_bounds),
		T(test_congestion_control),
		T(test_read_only_and_unknown),
	};
	const struct CMUnitTest of_family[] = {T(test_told_by_the_syn_ack)};
	const struct CMUnitTest own[] = {cmocka_unit_test(test_inherited_keepalive_has_its_timer)};
	int failed = cmocka_run_group_tests_name("options, inline", tests, inline_mode, NULL);

	failed += cmocka_run_group_tests_name("timers, inline", own, inline_mode, NULL);
	failed += cmocka_run_group_tests_name("options, paired", tests, paired_mode, NULL);
	failed += cmocka_run_group_tests_name("IPv6, inline", of_family, inline_v6, NULL);
	return failed + cmocka_run_group_tests_name("IPv6, paired", of_family, paired_v6, NULL);
}
