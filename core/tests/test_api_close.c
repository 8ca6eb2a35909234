// SPDX-License-Identifier: BSD-3-Clause
/* Closing, in both modes: SO_LINGER, data that nobody read. */
#include "api_world.h"

#include <linux/tcp.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#define PORT  80
#define TOTAL 150000 /* more than both buffers hold */

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

static void set_linger(mctx_t m, int s, int seconds)
{
	struct linger l = {1, seconds};
	int off = 0;

	assert_int_equal(mtcp_setsockopt(m, s, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	assert_int_equal(mtcp_socket_ioctl(m, s, FIONBIO, &off), 0);
}

static int linux_state(mctx_t m, int s)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	assert_int_equal(mtcp_getsockopt(m, s, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	return i.tcpi_state;
}

/* ---- SO_LINGER ---- */
struct receiver {
	mtcp_stack_t stack;
	pthread_t thread;
	_Atomic(mctx_t) m;
	atomic_bool closing, seen; /* set by the sender */
	size_t got;
};

static void wait_for(atomic_bool *flag)
{
	while (!atomic_load(flag))
		sched_yield();
}

/* Reads nothing before the sender is about to close. */
static void *receive(void *arg)
{
	static char buf[TOTAL];
	struct receiver *r = arg;
	mctx_t m = mtcp_create_context_on(r->stack, 0);
	int l = mtcp_socket(m, AF_INET, SOCK_STREAM, 0), ep = mtcp_epoll_create(m, 1), s;
	struct mtcp_epoll_event ev;
	ssize_t n;

	assert_true(try_bind(m, l, 1, PORT) == 0 && mtcp_listen(m, l, 4) == 0);
	atomic_store(&r->m, m);
	s = mtcp_accept(m, l, NULL, NULL);
	wait_for(&r->closing);
	while ((n = mtcp_read(m, s, buf, sizeof(buf))) > 0)
		r->got += (size_t)n;
	assert_int_equal(n, 0);
	while (!atomic_load(&r->seen)) /* inline, the FIN's ACK needs turns */
		assert_int_equal(mtcp_epoll_wait(m, ep, &ev, 1, 1), 0);
	mtcp_destroy_context(m);
	return NULL;
}

/* What is acknowledged when close returns is all there was. */
static void linger_waits_for_acknowledgement(void **state)
{
	static const char data[TOTAL];
	struct receiver r = {.stack = world_stack(SRV, NULL)};
	mtcp_stack_t stack = world_stack(CLI, NULL);
	mctx_t m = mtcp_create_context_on(stack, 0);
	int s = mtcp_socket(m, AF_INET, SOCK_STREAM, 0);
	struct mtcp_stats st;
	double begun;

	(void)state;
	assert_int_equal(pthread_create(&r.thread, NULL, receive, &r), 0);
	while (!atomic_load(&r.m))
		sched_yield();
	assert_int_equal(try_connect(m, s, 1, PORT), 0);
	set_linger(m, s, 30);
	assert_int_equal(mtcp_write(m, s, data, 50000), 50000);
	begun = seconds();
	atomic_store(&r.closing, true);
	assert_int_equal(mtcp_write(m, s, data, TOTAL - 50000), TOTAL - 50000);
	assert_int_equal(mtcp_close(m, s), 0);
	assert_true(seconds() - begun < 20);
	assert_int_equal(mtcp_get_stats(atomic_load(&r.m), &st), 0);
	assert_int_equal(st.rx_data_bytes, TOTAL);
	atomic_store(&r.seen, true);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.got, TOTAL);
	mtcp_destroy_context(m);
	mtcp_stack_close(stack);
	mtcp_stack_close(r.stack);
	assert_int_equal(fake_frames, 0);
}

/* The peer does not answer: close succeeds after that time, and the rest goes on behind it. */
static void linger_ends_after_its_time(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), s, c = connected(w, l, PORT, &s);
	double begun = seconds();
	char b[8];

	set_linger(w->m[CLI], c, 1);
	fake_wires[0].full = true;
	assert_int_equal(mtcp_write(w->m[CLI], c, "last", 4), 4);
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	assert_true(seconds() - begun >= 1);
	FAILS(mtcp_write(w->m[CLI], c, "x", 1), EBADF);
	fake_wires[0].full = false;
	UNTIL(w, mtcp_read(w->m[SRV], s, b, sizeof(b)) == 4);
	UNTIL(w, mtcp_read(w->m[SRV], s, b, sizeof(b)) == 0);
}

/* A reset answers the question, too; a non-blocking socket does not ask it. */
static void linger_does_not_wait_in_vain(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), s, c = connected(w, l, PORT, &s);
	double begun = seconds();

	set_linger(w->m[CLI], c, 60);
	assert_int_equal(mtcp_abort(w->m[SRV], s), 0);
	world_turns(w, 10);
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	c = connected(w, l, PORT, &s);
	set_linger(w->m[CLI], c, 60);
	assert_int_equal(mtcp_setsock_nonblock(w->m[CLI], c), 0);
	fake_wires[0].full = true;
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	c = stream(w->m[CLI]);
	FAILS(try_connect(w->m[CLI], c, 1, PORT), EINPROGRESS);
	assert_int_equal(mtcp_socket_ioctl(w->m[CLI], c, FIONBIO, &(int){0}), 0);
	set_linger(w->m[CLI], c, 60); /* nothing was sent yet, and nobody answers */
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	fake_wires[0].full = false;
	set_linger(w->m[SRV], s, 60);
	mtcp_destroy_context(w->m[SRV]); /* nor does the end of a context */
	w->m[SRV] = mtcp_create_context_on(w->stack[SRV], 0);
	assert_true(seconds() - begun < 20);
}

/* ---- data that nobody read (RFC 2525 2.17) ---- */
static uint64_t resets_sent(mctx_t m)
{
	struct mtcp_stats st;

	assert_int_equal(mtcp_get_stats(m, &st), 0);
	return st.resets_sent;
}

static void close_in_last_ack_tells_of_unread_data(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), s, c = connected(w, l, PORT, &s), n = 0;

	assert_int_equal(mtcp_write(w->m[CLI], c, "unread", 6), 6);
	assert_int_equal(mtcp_shutdown(w->m[CLI], c, SHUT_WR), 0);
	UNTIL(w, mtcp_socket_ioctl(w->m[SRV], s, FIONREAD, &n) == 0 && n == 6);
	UNTIL(w, linux_state(w->m[SRV], s) == 8); /* CLOSE-WAIT */
	fake_wires[0].full = true;		  /* the FIN stays, and so does LAST-ACK */
	assert_int_equal(mtcp_shutdown(w->m[SRV], s, SHUT_WR), 0);
	UNTIL(w, linux_state(w->m[SRV], s) == 9);
	assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	world_turns(w, 10);
	fake_wires[0].full = false;
	UNTIL(w, resets_sent(w->m[SRV]) == 1); /* behind the FIN, if that was on its way */
}

/* The client writes until nothing moves any more: the server reads nothing. */
static void write_until_stuck(struct world *w, int c)
{
	static const char data[TOTAL];

	for (unsigned quiet = 0; quiet < 20; quiet++) {
		if (mtcp_write(w->m[CLI], c, data, sizeof(data)) > 0)
			quiet = 0;
		world_turns(w, 10);
	}
}

/* Bytes wait behind a window that stays closed when the application goes: what the peer sends then
 * is for nobody, and it is told at once. */
static void late_data_behind_a_closed_window_is_refused(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), s, c = connected(w, l, PORT, &s);

	write_until_stuck(w, c);
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	world_turns(w, 20);
	assert_int_equal(resets_sent(w->m[CLI]), 0);
	assert_int_equal(mtcp_write(w->m[SRV], s, "late", 4), 4);
	UNTIL(w, resets_sent(w->m[CLI]) == 1);
}

/* What the server reads until the end of the stream, and the error on the way. */
static uint64_t read_to_the_end(struct world *w, int s, int *error)
{
	static char buf[TOTAL];
	double begun = seconds();
	uint64_t got = 0;
	ssize_t n;

	*error = 0;
	while ((n = mtcp_read(w->m[SRV], s, buf, sizeof(buf))) != 0) {
		if (n > 0)
			got += (uint64_t)n;
		else if (errno != EAGAIN)
			*error = errno;
		assert_true(!*error || n < 0); /* nothing comes behind it */
		world_turn(w);
		assert_true(seconds() - begun < 5);
	}
	return got;
}

/* A reset is told at once, however much nobody has read: who only writes would never learn of it.
 * What came before it is read, then the error, unless a write has had it, then the end. */
static void fault_10_reset_behind_unread_data(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), ep = mtcp_epoll_create(w->m[SRV], 1), error;
	struct mtcp_stats before, after;

	for (int writes = 0; writes < 2; writes++) {
		int s, c = connected(w, l, PORT, &s);
		struct mtcp_epoll_event ev = {0};

		assert_int_equal(mtcp_get_stats(w->m[SRV], &before), 0);
		write_until_stuck(w, c);
		assert_int_equal(mtcp_epoll_ctl(w->m[SRV], ep, MTCP_EPOLL_CTL_ADD, s, &ev), 0);
		assert_int_equal(mtcp_abort(w->m[CLI], c), 0);
		UNTIL(w, mtcp_epoll_wait(w->m[SRV], ep, &ev, 1, 0) == 1);
		assert_int_equal(ev.events, MTCP_EPOLLERR | MTCP_EPOLLHUP);
		if (writes) {
			FAILS(mtcp_write(w->m[SRV], s, "x", 1), ECONNRESET);
			FAILS(mtcp_write(w->m[SRV], s, "x", 1), EPIPE);
		}
		assert_int_equal(mtcp_get_stats(w->m[SRV], &after), 0);
		assert_true(after.rx_data_bytes - before.rx_data_bytes > 60000);
		assert_int_equal(read_to_the_end(w, s, &error),
				 after.rx_data_bytes - before.rx_data_bytes);
		assert_int_equal(error, writes ? 0 : ECONNRESET);
		assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	}
}

/* ---- shutdown of an attempt ---- */
static uint32_t told(struct world *w, int ep)
{
	struct mtcp_epoll_event ev = {0};

	return mtcp_epoll_wait(w->m[CLI], ep, &ev, 1, 0) == 1 ? ev.events : 0;
}

/* Whichever way is shut, the attempt ends, as in Linux: hung up, an error once, no RST. The socket
 * may connect again. */
static void shutdown_ends_an_attempt(void **state)
{
	static const int how[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), ep = mtcp_epoll_create(w->m[CLI], 1);
	mctx_t m = w->m[CLI];

	for (int i = 0; i < 3; i++) {
		struct mtcp_epoll_event ev = {.events = (uint32_t)MTCP_EPOLLET | MTCP_EPOLLIN |
							MTCP_EPOLLOUT | MTCP_EPOLLRDHUP};
		int c = stream(m), s = -1;
		char b[1];

		FAILS(try_connect(m, c, 9, PORT), EINPROGRESS); /* nobody there */
		assert_int_equal(mtcp_epoll_ctl(m, ep, MTCP_EPOLL_CTL_ADD, c, &ev), 0);
		world_turns(w, 5);
		assert_int_equal(told(w, ep), 0);
		assert_int_equal(linux_state(m, c), 2);
		assert_int_equal(mtcp_shutdown(m, c, how[i]), 0);
		assert_int_equal(told(w, ep), MTCP_EPOLLOUT | MTCP_EPOLLHUP | MTCP_EPOLLERR);
		assert_int_equal(linux_state(m, c), 7);
		if (i == 0)
			FAILS(mtcp_read(m, c, b, 1), ECONNRESET);
		else if (i == 1)
			FAILS(mtcp_write(m, c, b, 1), ECONNRESET);
		else
			assert_int_equal(so_error(m, c), ECONNRESET);
		assert_int_equal(so_error(m, c), 0);
		FAILS(mtcp_read(m, c, b, 1), ENOTCONN);
		FAILS(mtcp_write(m, c, b, 1), EPIPE);
		FAILS(mtcp_shutdown(m, c, how[i]), ENOTCONN);
		FAILS(try_connect(m, c, 1, PORT), EINPROGRESS);
		UNTIL(w, (s = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
		UNTIL(w, try_connect(m, c, 1, PORT) == 0);
		assert_int_equal(told(w, ep) & (MTCP_EPOLLOUT | MTCP_EPOLLHUP), MTCP_EPOLLOUT);
		assert_int_equal(mtcp_close(m, c), 0);
		assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	}
	assert_int_equal(resets_sent(m), 0);
}

/* What shutdown left is no error of a later attempt. */
static void an_attempt_begins_without_the_last_ones_error(void **state)
{
	struct world *w = *state;
	int c = stream(w->m[CLI]);

	FAILS(try_connect(w->m[CLI], c, 9, PORT), EINPROGRESS);
	assert_int_equal(mtcp_shutdown(w->m[CLI], c, SHUT_WR), 0);
	FAILS(try_connect(w->m[CLI], c, 1, PORT), EINPROGRESS);
	UNTIL(w, try_connect(w->m[CLI], c, 1, PORT) < 0 && errno == ECONNREFUSED);
	assert_int_equal(so_error(w->m[CLI], c), 0);
}

/* The stack's thread may have the answer that the application has not seen: the peer is told. */
static void an_attempt_that_succeeded_unseen_is_reset(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], PORT, 4), s, c = connected(w, l, PORT, &s);
	struct mtcp_epoll_event ev;

	c = stream(w->m[CLI]);
	FAILS(try_connect(w->m[CLI], c, 1, PORT), EINPROGRESS);
	for (s = -1; s < 0; s = mtcp_accept(w->m[SRV], l, NULL, NULL))
		(void)mtcp_epoll_wait(w->m[SRV], w->drive[SRV], &ev, 1, 0);
	assert_int_equal(mtcp_shutdown(w->m[CLI], c, SHUT_WR), 0);
	assert_int_equal(so_error(w->m[CLI], c), ECONNRESET);
	UNTIL(w, so_error(w->m[SRV], s) == ECONNRESET);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linger_waits_for_acknowledgement),
		T(linger_ends_after_its_time),
		T(linger_does_not_wait_in_vain),
		T(close_in_last_ack_tells_of_unread_data),
		T(late_data_behind_a_closed_window_is_refused),
		T(fault_10_reset_behind_unread_data),
		T(shutdown_ends_an_attempt),
		T(an_attempt_begins_without_the_last_ones_error),
	};
	const struct CMUnitTest pairs[] = {T(an_attempt_that_succeeded_unseen_is_reset)};
	int failed = cmocka_run_group_tests_name("close, inline", tests, inline_mode, NULL);

	failed += cmocka_run_group_tests_name("close, pairs only", pairs, paired_mode, NULL);
	return failed + cmocka_run_group_tests_name("close, paired", tests, paired_mode, NULL);
}
