// SPDX-License-Identifier: BSD-3-Clause
/* epoll as epoll(7) has it, in both modes. */
#include "api_world.h"

#include <linux/tcp.h>

#include <sys/eventfd.h>
#include <sys/ioctl.h>

struct fixture {
	struct world w;
	int l, s, c; /* listener, server's and client's end of a connection */
	int ep;	     /* the server's */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	world_open(&f->w, NULL);
	f->l = listener(f->w.m[SRV], 80, 16);
	f->c = connected(&f->w, f->l, 80, &f->s);
	f->ep = mtcp_epoll_create(f->w.m[SRV], 8);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	world_close(&f->w);
	free(f);
	return 0;
}

static int ctl(struct fixture *f, int ep, int op, int fd, uint32_t events)
{
	struct mtcp_epoll_event ev = {.events = events, .data.sockid = fd};

	return mtcp_epoll_ctl(f->w.m[SRV], ep, op, fd, &ev);
}

/* What `ep` reports of `fd` at once; 0: nothing. */
static uint32_t polled(struct fixture *f, int ep, int fd)
{
	struct mtcp_epoll_event ev[16];
	int n = mtcp_epoll_wait(f->w.m[SRV], ep, ev, 16, 0);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		if (ev[i].data.sockid == fd)
			return ev[i].events;
	return 0;
}

static void send_bytes(struct fixture *f, int n)
{
	static const char zeros[4096];
	int before = 0, now = 0;

	assert_int_equal(mtcp_socket_ioctl(f->w.m[SRV], f->s, FIONREAD, &before), 0);
	assert_int_equal(mtcp_write(f->w.m[CLI], f->c, zeros, (size_t)n), n);
	UNTIL(&f->w,
	      mtcp_socket_ioctl(f->w.m[SRV], f->s, FIONREAD, &now) == 0 && now == before + n);
}

static int read_bytes(struct fixture *f, int n)
{
	char b[4096];

	return (int)mtcp_read(f->w.m[SRV], f->s, b, (size_t)n);
}

/* The original did not repeat an event that was not consumed; had one epoll per context; reported
 * IN and OUT as two. */
static void fault_13_level_repeats(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN | MTCP_EPOLLOUT), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLOUT);
	send_bytes(f, 10);
	for (int i = 0; i < 5; i++)
		assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN | MTCP_EPOLLOUT);
	assert_int_equal(read_bytes(f, 4), 4);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN | MTCP_EPOLLOUT);
	assert_int_equal(read_bytes(f, 10), 6);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLOUT); /* never IN and then EAGAIN */
}

static void fault_13_several_instances(void **state)
{
	struct fixture *f = *state;
	int other = mtcp_epoll_create1(f->w.m[SRV], 0);

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN), 0);
	assert_int_equal(
		ctl(f, other, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN | (uint32_t)MTCP_EPOLLET), 0);
	send_bytes(f, 10);
	assert_int_equal(polled(f, other, f->s), MTCP_EPOLLIN);
	assert_int_equal(polled(f, other, f->s), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(mtcp_close(f->w.m[SRV], other), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	FAILS(mtcp_epoll_wait(f->w.m[SRV], other, (struct mtcp_epoll_event[1]){{0}}, 1, 0), EBADF);
}

static void test_edge_once_per_edge(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN | (uint32_t)MTCP_EPOLLET), 0);
	assert_int_equal(polled(f, f->ep, f->s), 0);
	send_bytes(f, 10);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(polled(f, f->ep, f->s), 0);
	assert_int_equal(read_bytes(f, 3), 3);
	assert_int_equal(polled(f, f->ep, f->s), 0); /* reading a part is no edge */
	send_bytes(f, 1);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN); /* new data is */
	assert_int_equal(polled(f, f->ep, f->s), 0);
	/* ADD and MOD look at the state, as Linux does */
	assert_int_equal(
		ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, MTCP_EPOLLIN | (uint32_t)MTCP_EPOLLET), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	/* consumed between edge and wait: nothing is reported */
	send_bytes(f, 1);
	assert_int_equal(read_bytes(f, 100), 9);
	assert_int_equal(polled(f, f->ep, f->s), 0);
}

/* An edge that was not asked for does not repeat what was told. */
static void test_edge_of_another_kind(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLOUT | (uint32_t)MTCP_EPOLLET), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLOUT);
	send_bytes(f, 10);
	assert_int_equal(polled(f, f->ep, f->s), 0);
}

static void test_one_shot(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN | MTCP_EPOLLONESHOT),
			 0);
	send_bytes(f, 10);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	send_bytes(f, 10);
	assert_int_equal(polled(f, f->ep, f->s), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, MTCP_EPOLLIN | MTCP_EPOLLONESHOT),
			 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(mtcp_abort(f->w.m[CLI], f->c), 0);
	world_turns(&f->w, 50);
	assert_int_equal(polled(f, f->ep, f->s), 0); /* spent: not even the error */
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, 0), 0);
	UNTIL(&f->w, polled(f, f->ep, f->s) & MTCP_EPOLLERR);
}

static void test_writable_edge_after_full(void **state)
{
	struct fixture *f = *state;
	static char chunk[20000];
	ssize_t n;

	assert_int_equal(
		ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLOUT | (uint32_t)MTCP_EPOLLET), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLOUT);
	for (int i = 0; i < 1000; i++) { /* nobody reads: it must fill up */
		n = mtcp_write(f->w.m[SRV], f->s, chunk, sizeof(chunk));
		world_turns(&f->w, 5);
		if (n < 0 && polled(f, f->ep, f->s) == 0 &&
		    mtcp_write(f->w.m[SRV], f->s, chunk, 1) < 0)
			break;
	}
	assert_int_equal(mtcp_write(f->w.m[SRV], f->s, chunk, 1), -1);
	/* reads, whatever that gives, and asks the other side */
	UNTIL(&f->w, mtcp_read(f->w.m[CLI], f->c, chunk, sizeof(chunk)) < -1 ||
			     polled(f, f->ep, f->s) == MTCP_EPOLLOUT);
	UNTIL(&f->w, mtcp_read(f->w.m[CLI], f->c, chunk, sizeof(chunk)) < -1 ||
			     mtcp_write(f->w.m[SRV], f->s, chunk, 1) == 1);
}

static int set_sndbuf(struct fixture *f, int bytes)
{
	return mtcp_setsockopt(f->w.m[SRV], f->s, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* What may be buffered falls below what is: whoever looks then is told when there is room. */
static void test_writable_after_the_bound_fell(void **state)
{
	struct fixture *f = *state;
	static char chunk[40000];

	assert_int_equal(mtcp_write(f->w.m[SRV], f->s, chunk, sizeof(chunk)), sizeof(chunk));
	assert_int_equal(set_sndbuf(f, 8192), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLOUT), 0);
	(void)polled(f, f->ep, f->s);
	UNTIL(&f->w, mtcp_read(f->w.m[CLI], f->c, chunk, sizeof(chunk)) < -1 ||
			     polled(f, f->ep, f->s) == MTCP_EPOLLOUT);
}

/* Nobody reads: the peer's window is full, and so is the buffer, of which no ACK takes anything. */
static bool stuck(struct fixture *f)
{
	static const char chunk[20000];
	struct tcp_info i;
	socklen_t len = sizeof(i);

	if (mtcp_write(f->w.m[SRV], f->s, chunk, sizeof(chunk)) > 0 || polled(f, f->ep, f->s))
		return false;
	assert_int_equal(mtcp_getsockopt(f->w.m[SRV], f->s, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	return i.tcpi_unacked == 0 && i.tcpi_snd_wnd == 0;
}

/* The bound rises above what is buffered: there is room at once, whatever the peer does. */
static void bound_rises(struct fixture *f, uint32_t events)
{
	char byte = 0;

	assert_int_equal(set_sndbuf(f, 20000), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, events), 0);
	UNTIL(&f->w, stuck(f));
	assert_int_equal(set_sndbuf(f, 21000), 0); /* a third is to be free, as ever */
	assert_int_equal(polled(f, f->ep, f->s), 0);
	assert_int_equal(set_sndbuf(f, 65536), 0);
	UNTIL(&f->w, polled(f, f->ep, f->s) == MTCP_EPOLLOUT);
	assert_int_equal(mtcp_write(f->w.m[SRV], f->s, &byte, 1), 1);
}

static void test_writable_after_the_bound_rose(void **state)
{
	bound_rises(*state, MTCP_EPOLLOUT);
}

static void test_edge_after_the_bound_rose(void **state)
{
	bound_rises(*state, MTCP_EPOLLOUT | (uint32_t)MTCP_EPOLLET);
}

static void test_end_of_stream(void **state)
{
	struct fixture *f = *state;
	uint32_t in = MTCP_EPOLLIN | MTCP_EPOLLRDHUP;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, in), 0);
	assert_int_equal(mtcp_shutdown(f->w.m[CLI], f->c, SHUT_WR), 0);
	UNTIL(&f->w, polled(f, f->ep, f->s) == in);
	assert_int_equal(read_bytes(f, 1), 0);
	assert_int_equal(polled(f, f->ep, f->s), in); /* level: until closed */
	assert_int_equal(mtcp_shutdown(f->w.m[SRV], f->s, SHUT_WR), 0);
	UNTIL(&f->w, polled(f, f->ep, f->s) == (in | MTCP_EPOLLHUP)); /* HUP unasked for */
}

static void test_error_unasked(void **state)
{
	struct fixture *f = *state;
	uint32_t got = 0;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, 0), 0);
	assert_int_equal(mtcp_abort(f->w.m[CLI], f->c), 0);
	UNTIL(&f->w, (got = polled(f, f->ep, f->s)) != 0);
	assert_int_equal(got, MTCP_EPOLLERR | MTCP_EPOLLHUP);
	assert_int_equal(so_error(f->w.m[SRV], f->s), ECONNRESET);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLHUP);
}

static void test_connect_readiness(void **state)
{
	struct fixture *f = *state;
	mctx_t m = f->w.m[CLI];
	int ep = mtcp_epoll_create(m, 1), c = stream(m), d = stream(m);
	struct mtcp_epoll_event ev = {.events = MTCP_EPOLLOUT, .data.sockid = c}, got[4];

	assert_int_equal(mtcp_epoll_ctl(m, ep, MTCP_EPOLL_CTL_ADD, c, &ev), 0);
	/* Linux: a socket that was never connected is writable and hung up */
	assert_int_equal(mtcp_epoll_wait(m, ep, got, 4, 0), 1);
	assert_int_equal(got[0].events, MTCP_EPOLLOUT | MTCP_EPOLLHUP);
	FAILS(try_connect(m, c, 1, 80), EINPROGRESS);
	UNTIL(&f->w, mtcp_epoll_wait(m, ep, got, 4, 0) == 1 && got[0].events == MTCP_EPOLLOUT);
	assert_int_equal(so_error(m, c), 0);
	assert_int_equal(mtcp_close(m, c), 0);
	FAILS(try_connect(m, d, 1, 99), EINPROGRESS);
	ev.data.sockid = d;
	assert_int_equal(mtcp_epoll_ctl(m, ep, MTCP_EPOLL_CTL_ADD, d, &ev), 0);
	UNTIL(&f->w, mtcp_epoll_wait(m, ep, got, 4, 0) == 1);
	assert_int_equal(got[0].events, MTCP_EPOLLOUT | MTCP_EPOLLERR | MTCP_EPOLLHUP);
	assert_int_equal(so_error(m, d), ECONNREFUSED);
}

static void test_listener_and_close(void **state)
{
	struct fixture *f = *state;
	int c[3], a;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->l, MTCP_EPOLLIN), 0);
	assert_int_equal(polled(f, f->ep, f->l), 0);
	for (int i = 0; i < 3; i++) {
		c[i] = stream(f->w.m[CLI]);
		FAILS(try_connect(f->w.m[CLI], c[i], 1, 80), EINPROGRESS);
		UNTIL(&f->w, try_connect(f->w.m[CLI], c[i], 1, 80) == 0);
	}
	for (int i = 0; i < 3; i++) {
		UNTIL(&f->w, polled(f, f->ep, f->l) == MTCP_EPOLLIN);
		UNTIL(&f->w, (a = mtcp_accept(f->w.m[SRV], f->l, NULL, NULL)) > 0);
	}
	UNTIL(&f->w, polled(f, f->ep, f->l) == 0);
	/* a closed descriptor leaves its instances, and its number starts afresh */
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN), 0);
	send_bytes(f, 1);
	assert_int_equal(mtcp_close(f->w.m[SRV], f->s), 0);
	assert_int_equal(polled(f, f->ep, f->s), 0);
	assert_int_equal(stream(f->w.m[SRV]), f->s);
	FAILS(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, MTCP_EPOLLIN), ENOENT);
}

static void test_fairness_of_small_arrays(void **state)
{
	struct fixture *f = *state;
	int p[8], q[8], seen[8] = {0};
	struct mtcp_epoll_event ev[3];

	for (int i = 0; i < 8; i++) {
		int ends[2];

		assert_int_equal(mtcp_pipe(f->w.m[SRV], ends), 0);
		p[i] = ends[0];
		q[i] = ends[1];
		assert_int_equal(mtcp_write(f->w.m[SRV], q[i], "x", 1), 1);
		assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, p[i], MTCP_EPOLLIN), 0);
	}
	for (int round = 0; round < 8; round++) {
		assert_int_equal(mtcp_epoll_wait(f->w.m[SRV], f->ep, ev, 3, 0), 3);
		for (int k = 0; k < 3; k++)
			for (int i = 0; i < 8; i++)
				seen[i] += ev[k].data.sockid == p[i];
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(seen[i], 3);
}

/* What is known to be empty is asked again after whatever may have changed it, registered or not.
 */
static void test_reading_past_the_end(void **state)
{
	struct fixture *f = *state;

	for (int registered = 0; registered < 2; registered++) {
		if (registered)
			assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN), 0);
		send_bytes(f, 100);
		assert_int_equal(read_bytes(f, 100), 100);
		assert_int_equal(polled(f, f->ep, f->s), 0);
		assert_int_equal(read_bytes(f, 100), -1);
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(read_bytes(f, 100), -1);
		send_bytes(f, 50);
		assert_int_equal(polled(f, f->ep, f->s), registered ? MTCP_EPOLLIN : 0);
		assert_int_equal(read_bytes(f, 20), 20);
		assert_int_equal(polled(f, f->ep, f->s), registered ? MTCP_EPOLLIN : 0);
		assert_int_equal(read_bytes(f, 100), 30);
	}
	assert_int_equal(read_bytes(f, 100), -1);
	assert_int_equal(mtcp_shutdown(f->w.m[SRV], f->s, SHUT_RD), 0);
	assert_int_equal(read_bytes(f, 100), 0);
}

static void test_end_after_reading_past_the_end(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, 100);
	assert_int_equal(read_bytes(f, 200), 100);
	assert_int_equal(read_bytes(f, 200), -1);
	mtcp_close(f->w.m[CLI], f->c);
	UNTIL(&f->w, read_bytes(f, 200) == 0);
	assert_int_equal(read_bytes(f, 200), 0);
}

static void test_mod_and_del(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, 5);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLPRI), 0);
	assert_int_equal(polled(f, f->ep, f->s), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, MTCP_EPOLLRDNORM), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLRDNORM);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_DEL, f->s, 0), 0);
	assert_int_equal(polled(f, f->ep, f->s), 0);
	assert_int_equal(mtcp_epoll_ctl(f->w.m[SRV], f->ep, MTCP_EPOLL_CTL_ADD, f->s,
					&(struct mtcp_epoll_event){.events = MTCP_EPOLLIN}),
			 0);
	assert_int_equal(mtcp_epoll_ctl(f->w.m[SRV], f->ep, MTCP_EPOLL_CTL_DEL, f->s, NULL), 0);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	mctx_t m = f->w.m[SRV];
	struct mtcp_epoll_event ev[1];

	FAILS(mtcp_epoll_create(m, 0), EINVAL);
	FAILS(mtcp_epoll_create1(m, 1), EINVAL);
	FAILS(mtcp_epoll_create(NULL, 1), EINVAL);
	FAILS(ctl(f, 9999, MTCP_EPOLL_CTL_ADD, f->s, 1), EBADF);
	FAILS(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, 9999, 1), EBADF);
	FAILS(ctl(f, f->s, MTCP_EPOLL_CTL_ADD, f->l, 1), EINVAL);
	FAILS(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->ep, 1), EINVAL);
	FAILS(ctl(f, f->ep, 9, f->s, 1), EINVAL);
	FAILS(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, 1), ENOENT);
	FAILS(ctl(f, f->ep, MTCP_EPOLL_CTL_DEL, f->s, 1), ENOENT);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, 1), 0);
	FAILS(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, 1), EEXIST);
	FAILS(mtcp_epoll_ctl(m, f->ep, MTCP_EPOLL_CTL_MOD, f->s, NULL), EFAULT);
	FAILS(mtcp_epoll_wait(m, f->ep, ev, 0, 0), EINVAL);
	FAILS(mtcp_epoll_wait(m, f->ep, NULL, 1, 0), EFAULT);
	FAILS(mtcp_epoll_wait(m, f->s, ev, 1, 0), EINVAL);
	FAILS(mtcp_epoll_wait(m, 9999, ev, 1, 0), EBADF);
	FAILS(mtcp_read(m, f->ep, (char[1]){0}, 1), EINVAL);
}

static void test_pipe(void **state)
{
	struct fixture *f = *state;
	mctx_t m = f->w.m[SRV];
	int p[2];
	static char big[70000];

	assert_int_equal(mtcp_pipe(m, p), 0);
	assert_int_equal(
		ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, p[0], MTCP_EPOLLIN | (uint32_t)MTCP_EPOLLET), 0);
	FAILS(mtcp_read(m, p[0], big, 1), EAGAIN);
	assert_int_equal(mtcp_write(m, p[1], "abc", 3), 3);
	assert_int_equal(polled(f, f->ep, p[0]), MTCP_EPOLLIN);
	assert_int_equal(polled(f, f->ep, p[0]), 0);
	assert_int_equal(mtcp_read(m, p[0], big, 2), 2);
	assert_memory_equal(big, "ab", 2);
	assert_int_equal(mtcp_write(m, p[1], big, sizeof(big)), 65535);
	FAILS(mtcp_write(m, p[1], big, 1), EAGAIN);
	assert_int_equal(mtcp_read(m, p[0], big, 4000), 4000);
	FAILS(mtcp_write(m, p[1], big, 4096), EAGAIN); /* PIPE_BUF and less: whole or not at all */
	FAILS(mtcp_write(m, p[0], big, 1), EBADF);
	FAILS(mtcp_read(m, p[1], big, 1), EBADF);
	assert_int_equal(mtcp_close(m, p[1]), 0);
	assert_int_equal(polled(f, f->ep, p[0]), MTCP_EPOLLIN | MTCP_EPOLLHUP);
	assert_int_equal(mtcp_read(m, p[0], big, sizeof(big)), 65536 - 4000);
	assert_int_equal(mtcp_read(m, p[0], big, 1), 0);
	assert_int_equal(mtcp_close(m, p[0]), 0);
	assert_int_equal(mtcp_pipe(m, p), 0);
	assert_int_equal(mtcp_close(m, p[0]), 0);
	FAILS(mtcp_write(m, p[1], big, 1), EPIPE);
}

static void test_eventfd(void **state)
{
	struct fixture *f = *state;
	mctx_t m = f->w.m[SRV];
	int e = mtcp_eventfd(m, 2, 0), s = mtcp_eventfd(m, 0, EFD_SEMAPHORE);
	uint64_t v = 3;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, e, MTCP_EPOLLIN), 0);
	assert_int_equal(mtcp_write(m, e, (char *)&v, 8), 8);
	assert_int_equal(polled(f, f->ep, e), MTCP_EPOLLIN);
	assert_int_equal(mtcp_read(m, e, (char *)&v, 8), 8);
	assert_int_equal(v, 5);
	assert_int_equal(polled(f, f->ep, e), 0);
	FAILS(mtcp_read(m, e, (char *)&v, 8), EAGAIN);
	FAILS(mtcp_read(m, e, (char *)&v, 7), EINVAL);
	v = 2;
	assert_int_equal(mtcp_write(m, s, (char *)&v, 8), 8);
	assert_int_equal(mtcp_read(m, s, (char *)&v, 8), 8);
	assert_int_equal(v, 1);
	v = UINT64_MAX;
	FAILS(mtcp_write(m, s, (char *)&v, 8), EINVAL);
	v = UINT64_MAX - 1;
	FAILS(mtcp_write(m, s, (char *)&v, 8), EAGAIN);
	FAILS(mtcp_eventfd(m, 0, 0x40), EINVAL);
}

static void test_timeout(void **state)
{
	struct fixture *f = *state;
	struct mtcp_epoll_event ev[1];
	double begun = seconds();

	assert_int_equal(mtcp_epoll_wait(f->w.m[SRV], f->ep, ev, 1, 20), 0);
	assert_true(seconds() - begun >= 0.020);
}

/* What is remembered between a wait and the next never hides bytes, nor shows them twice. */
static void fault_13_level_follows_reads(void **state)
{
	struct fixture *f = *state;
	char b[16];

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, f->s, MTCP_EPOLLIN), 0);
	send_bytes(f, 10);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(read_bytes(f, 4), 4);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(mtcp_recv(f->w.m[SRV], f->s, b, 16, MSG_PEEK), 6);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(read_bytes(f, 6), 6); /* all, but the call could not know */
	assert_int_equal(polled(f, f->ep, f->s), 0);
	send_bytes(f, 3);
	assert_int_equal(read_bytes(f, 100), 3); /* before any wait saw it */
	assert_int_equal(polled(f, f->ep, f->s), 0);
	send_bytes(f, 1);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
	assert_int_equal(read_bytes(f, 100), 1);
	send_bytes(f, 2);
	assert_int_equal(mtcp_shutdown(f->w.m[CLI], f->c, SHUT_WR), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, MTCP_EPOLLIN | MTCP_EPOLLRDHUP),
			 0);
	UNTIL(&f->w, polled(f, f->ep, f->s) == (MTCP_EPOLLIN | MTCP_EPOLLRDHUP));
	assert_int_equal(read_bytes(f, 100), 2); /* fewer, and yet there is the end to be read */
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN | MTCP_EPOLLRDHUP);
	assert_int_equal(read_bytes(f, 100), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_MOD, f->s, MTCP_EPOLLIN), 0);
	assert_int_equal(polled(f, f->ep, f->s), MTCP_EPOLLIN);
}

/* A descriptor that was ready in one instance and closed says nothing there, and its number, used
 * again, is heard of in another instance. */
static void test_number_used_again(void **state)
{
	struct fixture *f = *state;
	mctx_t m = f->w.m[SRV];
	int other = mtcp_epoll_create(m, 1), e = mtcp_eventfd(m, 1, 0), again;
	uint64_t one = 1;

	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, e, MTCP_EPOLLIN), 0);
	assert_int_equal(mtcp_close(m, e), 0);
	again = mtcp_eventfd(m, 0, 0);
	assert_int_equal(again, e);
	assert_int_equal(ctl(f, other, MTCP_EPOLL_CTL_ADD, again, MTCP_EPOLLIN), 0);
	assert_int_equal(mtcp_write(m, again, (char *)&one, 8), 8);
	assert_int_equal(polled(f, f->ep, e), 0);
	assert_int_equal(polled(f, other, again), MTCP_EPOLLIN);
	/* the same with a second registration */
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, again, MTCP_EPOLLIN), 0);
	assert_int_equal(mtcp_close(m, f->ep), 0);
	f->ep = mtcp_epoll_create(m, 1);
	assert_int_equal(polled(f, f->ep, again), 0);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_ADD, again, MTCP_EPOLLIN), 0);
	assert_int_equal(polled(f, f->ep, again), MTCP_EPOLLIN);
	assert_int_equal(ctl(f, f->ep, MTCP_EPOLL_CTL_DEL, again, 0), 0);
	assert_int_equal(polled(f, f->ep, again), 0);
	assert_int_equal(polled(f, other, again), MTCP_EPOLLIN);
}

/* More ready ones than fit at first, some of them taken in between: each is told of once. */
static void test_many_ready(void **state)
{
	enum { MANY = 1000 };
	static struct mtcp_epoll_event ev[MANY];
	static uint8_t seen[MANY * 2];
	struct world w;
	int ep, n, total = 0;

	(void)state;
	world_open(&w, "max_concurrency = 2000\n");
	ep = mtcp_epoll_create(w.m[SRV], 1);
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < MANY; i++) {
		struct mtcp_epoll_event want = {.events = MTCP_EPOLLIN | (uint32_t)MTCP_EPOLLET};
		int e = mtcp_eventfd(w.m[SRV], 1, 0);

		assert_true(e > 0 && e < MANY * 2);
		want.data.sockid = e;
		assert_int_equal(mtcp_epoll_ctl(w.m[SRV], ep, MTCP_EPOLL_CTL_ADD, e, &want), 0);
		if (i % 3 == 0) {
			assert_int_equal(mtcp_epoll_wait(w.m[SRV], ep, ev, 1, 0), 1);
			seen[ev[0].data.sockid]++;
			total++;
		}
	}
	while ((n = mtcp_epoll_wait(w.m[SRV], ep, ev, MANY, 0)) > 0)
		for (int i = 0; i < n; i++, total++)
			seen[ev[i].data.sockid]++;
	assert_int_equal(total, MANY);
	for (int i = 0; i < MANY * 2; i++)
		assert_true(seen[i] <= 1);
	world_close(&w);
}

/* A registration that moves from instance to instance while something is ready leaves nothing
 * behind in any of them. */
static void test_moved_between_instances(void **state)
{
	struct mtcp_epoll_event want = {.events = MTCP_EPOLLIN}, got;
	struct world w;
	int ep[2], e;

	(void)state;
	world_open(&w, NULL);
	e = mtcp_eventfd(w.m[SRV], 1, 0);
	for (int k = 0; k < 2; k++)
		ep[k] = mtcp_epoll_create(w.m[SRV], 1);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(mtcp_epoll_ctl(w.m[SRV], ep[i & 1], MTCP_EPOLL_CTL_ADD, e, &want),
				 0);
		assert_int_equal(mtcp_epoll_ctl(w.m[SRV], ep[i & 1], MTCP_EPOLL_CTL_DEL, e, NULL),
				 0);
	}
	for (int k = 0; k < 2; k++)
		assert_int_equal(mtcp_epoll_wait(w.m[SRV], ep[k], &got, 1, 0), 0);
	assert_int_equal(mtcp_epoll_ctl(w.m[SRV], ep[0], MTCP_EPOLL_CTL_ADD, e, &want), 0);
	assert_int_equal(mtcp_epoll_wait(w.m[SRV], ep[0], &got, 1, 0), 1);
	world_close(&w);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fault_13_level_repeats),
		T(fault_13_several_instances),
		T(test_edge_once_per_edge),
		T(test_edge_of_another_kind),
		T(test_one_shot),
		T(test_writable_edge_after_full),
		T(test_writable_after_the_bound_fell),
		T(test_writable_after_the_bound_rose),
		T(test_edge_after_the_bound_rose),
		T(test_end_of_stream),
		T(test_error_unasked),
		T(test_connect_readiness),
		T(test_listener_and_close),
		T(test_fairness_of_small_arrays),
		T(test_reading_past_the_end),
		T(test_end_after_reading_past_the_end),
		T(test_mod_and_del),
		T(test_errors),
		T(test_pipe),
		T(test_eventfd),
		T(test_timeout),
		T(fault_13_level_follows_reads),
		T(test_number_used_again),
		cmocka_unit_test(test_many_ready),
		cmocka_unit_test(test_moved_between_instances),
	};
	int failed = cmocka_run_group_tests_name("epoll, inline", tests, inline_mode, NULL);

	return failed + cmocka_run_group_tests_name("epoll, paired", tests, paired_mode, NULL);
}
