// SPDX-License-Identifier: BSD-3-Clause
/* Sockets as Linux has them, in both modes: the calls, what they return, their errors. */
#include "api_world.h"

#include <linux/tcp.h>
#include <sys/ioctl.h>

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

static void test_transaction(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s);
	char buf[64];
	ssize_t n;

	assert_int_equal(mtcp_write(w->m[CLI], c, "request", 7), 7);
	UNTIL(w, (n = mtcp_read(w->m[SRV], s, buf, sizeof(buf))) > 0);
	assert_int_equal(n, 7);
	assert_memory_equal(buf, "request", 7);
	assert_int_equal(mtcp_write(w->m[SRV], s, "response", 8), 8);
	assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	FAILS(mtcp_read(w->m[SRV], s, buf, 1), EBADF);
	UNTIL(w, (n = mtcp_read(w->m[CLI], c, buf, sizeof(buf))) > 0);
	assert_memory_equal(buf, "response", 8);
	UNTIL(w, (n = mtcp_read(w->m[CLI], c, buf, sizeof(buf))) == 0);
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	assert_int_equal(mtcp_close(w->m[SRV], l), 0);
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

/* A bulk transfer in reads of odd sizes through a full socket: every byte, in order. */
static void bulk(struct world *w, int c, int s, size_t total)
{
	static char out[40000], in[30011];
	size_t sent = 0, got = 0;
	double begun = seconds();

	while (got < total && seconds() - begun < 20) {
		size_t n = total - sent < sizeof(out) ? total - sent : sizeof(out);
		ssize_t r;

		for (size_t i = 0; i < n; i++)
			out[i] = (char)pattern(sent + i);
		r = n ? mtcp_write(w->m[CLI], c, out, n) : 0;
		if (r < 0)
			assert_int_equal(errno, EAGAIN);
		sent += r > 0 ? (size_t)r : 0;
		world_turn(w);
		r = mtcp_read(w->m[SRV], s, in, sizeof(in));
		if (r < 0)
			assert_int_equal(errno, EAGAIN);
		for (ssize_t i = 0; i < r; i++)
			if ((uint8_t)in[i] != pattern(got + (size_t)i))
				fail_msg("byte %zu is wrong", got + (size_t)i);
		got += r > 0 ? (size_t)r : 0;
	}
	assert_int_equal(got, total);
}

static void test_bulk(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s);

	bulk(w, c, s, 3000001);
}

/* The original's read() gave wrong data above 2041 bytes, and its read(0) and write(0) wrong
 * values. */
static void fault_14_large_and_empty_reads(void **state)
{
	static const size_t sizes[] = {1, 2040, 2041, 2042, 4096, 8191, 20000};
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s);
	char out[20000], in[20000];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)pattern(i);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		int readable = 0;

		assert_int_equal(mtcp_write(w->m[CLI], c, out, sizes[k]), (ssize_t)sizes[k]);
		UNTIL(w, mtcp_socket_ioctl(w->m[SRV], s, FIONREAD, &readable) == 0 &&
				 (size_t)readable == sizes[k]);
		assert_int_equal(mtcp_read(w->m[SRV], s, in, sizeof(in)), (ssize_t)sizes[k]);
		assert_memory_equal(in, out, sizes[k]);
	}
	assert_int_equal(mtcp_read(w->m[SRV], s, in, 0), 0);
	assert_int_equal(mtcp_write(w->m[SRV], s, in, 0), 0);
	assert_int_equal(mtcp_read(w->m[SRV], s, NULL, 0), 0);
	FAILS(mtcp_read(w->m[SRV], s, in, 1), EAGAIN);
}

static void test_vectors_and_peek(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s), off = 0;
	static char big[20000];
	char a[3], b[10];
	char x[] = "abc", y[] = "defgh";
	struct iovec out[] = {{x, 3}, {NULL, 0}, {y, 5}}, in[] = {{a, 3}, {b, 10}};
	struct msghdr msg = {.msg_iov = in, .msg_iovlen = 2, .msg_namelen = 9};

	assert_int_equal(mtcp_writev(w->m[CLI], c, out, 3), 8);
	UNTIL(w, mtcp_recv(w->m[SRV], s, b, 10, MSG_PEEK) == 8);
	assert_memory_equal(b, "abcdefgh", 8);
	assert_int_equal(mtcp_readv(w->m[SRV], s, in, 2), 8);
	assert_memory_equal(a, "abc", 3);
	assert_memory_equal(b, "defgh", 5);
	msg.msg_iov = out;
	msg.msg_iovlen = 3;
	assert_int_equal(mtcp_sendmsg(w->m[SRV], s, &msg, MSG_NOSIGNAL), 8);
	msg.msg_iov = in;
	msg.msg_iovlen = 2;
	UNTIL(w, mtcp_recvmsg(w->m[CLI], c, &msg, MSG_PEEK) == 8);
	assert_memory_equal(a, "abc", 3);
	assert_memory_equal(b, "defgh", 5);
	memset(b, 0, sizeof(b));
	UNTIL(w,
	      mtcp_recvmsg(w->m[CLI], c, &msg, MSG_WAITALL) == 8); /* non-blocking: what is there */
	assert_memory_equal(b, "defgh", 5);
	assert_int_equal(msg.msg_namelen, 0);
	assert_int_equal(mtcp_socket_ioctl(w->m[CLI], c, FIONBIO, &off), 0);
	FAILS(mtcp_recv(w->m[CLI], c, a, 3, MSG_DONTWAIT), EAGAIN);
	while (mtcp_send(w->m[CLI], c, big, sizeof(big), MSG_DONTWAIT) > 0) /* nobody reads */
		;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(mtcp_setsock_nonblock(w->m[CLI], c), 0);
	FAILS(mtcp_recv(w->m[CLI], c, a, 3, MSG_OOB), EOPNOTSUPP);
	FAILS(mtcp_readv(w->m[CLI], c, in, -1), EINVAL);
	FAILS(mtcp_readv(w->m[CLI], c, NULL, 1), EFAULT);
	FAILS(mtcp_read(w->m[CLI], c, NULL, 1), EFAULT);
}

/* What is looked at crosses the queue's pieces; the last buffer is looked at in part. */
static void test_peek_across_pieces(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s);
	static char out[3000], in[4000];
	struct iovec v[] = {{in, 700}, {in + 700, 0}, {in + 700, 1300}, {in + 2000, 2000}};
	struct msghdr msg = {.msg_iov = v, .msg_iovlen = 4};

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 256);
	assert_int_equal(mtcp_write(w->m[CLI], c, out, sizeof(out)), sizeof(out));
	UNTIL(w, mtcp_recvmsg(w->m[SRV], s, &msg, MSG_PEEK) == sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
	memset(in, 0, sizeof(in));
	msg.msg_iovlen = 3;
	assert_int_equal(mtcp_recvmsg(w->m[SRV], s, &msg, MSG_WAITALL), 2000);
	assert_memory_equal(in, out, 2000);
	assert_int_equal(mtcp_recvmsg(w->m[SRV], s, &msg, MSG_PEEK), 1000);
	assert_memory_equal(in, out + 2000, 1000);
	mtcp_close(w->m[SRV], s);
	mtcp_close(w->m[CLI], c);
}

static void test_half_close(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s);
	char b[8];

	assert_int_equal(mtcp_write(w->m[CLI], c, "last", 4), 4);
	FAILS(mtcp_shutdown(w->m[CLI], c, 7), EINVAL);
	assert_int_equal(mtcp_shutdown(w->m[CLI], c, SHUT_WR), 0);
	FAILS(mtcp_write(w->m[CLI], c, "x", 1), EPIPE);
	UNTIL(w, mtcp_read(w->m[SRV], s, b, 8) == 4);
	UNTIL(w, mtcp_read(w->m[SRV], s, b, 8) == 0);
	assert_int_equal(mtcp_write(w->m[SRV], s, "still", 5), 5);
	UNTIL(w, mtcp_read(w->m[CLI], c, b, 8) == 5);
	assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	UNTIL(w, mtcp_read(w->m[CLI], c, b, 8) == 0);
}

/* After a RST the original read EOF. */
static void test_reset_is_reported_once(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s);
	struct linger now = {1, 0};
	char b[8];

	assert_int_equal(mtcp_setsockopt(w->m[SRV], s, SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
			 0);
	assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	UNTIL(w, mtcp_read(w->m[CLI], c, b, 8) == -1 && errno == ECONNRESET);
	assert_int_equal(mtcp_read(w->m[CLI], c, b, 8), 0);
	FAILS(mtcp_write(w->m[CLI], c, b, 1), EPIPE);
	assert_int_equal(so_error(w->m[CLI], c), 0);
}

/* Turns of one side alone. */
static void turns_of(struct world *w, int side, int n)
{
	struct mtcp_epoll_event ev;

	while (n-- > 0)
		assert_int_equal(mtcp_epoll_wait(w->m[side], w->drive[side], &ev, 1, 0), 0);
}

/* A read that has a part of what it wants tells of that, and leaves the reset to the next call:
 * whether it was there before (non-blocking) or comes while the read waits, in one buffer or two.
 */
static void fault_10_reset_behind_a_part_of_a_read(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), ep = mtcp_epoll_create(w->m[SRV], 1), off = 0;

	for (unsigned k = 0; k < 4; k++) {
		int s, c = connected(w, l, 80, &s), n = 0;
		struct mtcp_epoll_event ev = {0};
		char b[10];
		struct iovec v[] = {{b, k & 2 ? 6 : 10}, {b + 6, 4}};
		struct msghdr msg = {.msg_iov = v, .msg_iovlen = k & 2 ? 2 : 1};

		assert_int_equal(mtcp_write(w->m[CLI], c, "before", 6), 6);
		UNTIL(w, mtcp_socket_ioctl(w->m[SRV], s, FIONREAD, &n) == 0 && n == 6);
		assert_int_equal(mtcp_epoll_ctl(w->m[SRV], ep, MTCP_EPOLL_CTL_ADD, s, &ev), 0);
		assert_int_equal(mtcp_abort(w->m[CLI], c), 0);
		turns_of(w, CLI, 3);
		if (k & 1)
			assert_int_equal(mtcp_socket_ioctl(w->m[SRV], s, FIONBIO, &off), 0);
		else
			UNTIL(w, mtcp_epoll_wait(w->m[SRV], ep, &ev, 1, 0) == 1 &&
					 (ev.events & MTCP_EPOLLERR));
		assert_int_equal(mtcp_recvmsg(w->m[SRV], s, &msg, MSG_WAITALL), 6);
		assert_memory_equal(b, "before", 6);
		FAILS(mtcp_read(w->m[SRV], s, b, 1), ECONNRESET);
		assert_int_equal(mtcp_read(w->m[SRV], s, b, 1), 0);
		assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	}
}

/* The same of a write whose first buffer was taken when the reset came. */
static void fault_10_reset_behind_a_part_of_a_write(void **state)
{
	static char data[65536 + 1]; /* the first buffer fills the socket's */
	struct iovec v[] = {{data, 65536}, {data + 65536, 1}};
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s), off = 0;

	assert_int_equal(mtcp_abort(w->m[CLI], c), 0);
	turns_of(w, CLI, 3);
	assert_int_equal(mtcp_socket_ioctl(w->m[SRV], s, FIONBIO, &off), 0);
	assert_int_equal(mtcp_writev(w->m[SRV], s, v, 2), 65536);
	FAILS(mtcp_read(w->m[SRV], s, data, 1), ECONNRESET);
	assert_int_equal(mtcp_read(w->m[SRV], s, data, 1), 0);
}

static void test_abort_and_unread_data_reset(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s), n = 0;

	assert_int_equal(mtcp_abort(w->m[SRV], s), 0);
	UNTIL(w, so_error(w->m[CLI], c) == ECONNRESET);
	assert_int_equal(mtcp_close(w->m[CLI], c), 0);
	c = connected(w, l, 80, &s);
	assert_int_equal(mtcp_write(w->m[CLI], c, "unread", 6), 6);
	UNTIL(w, mtcp_socket_ioctl(w->m[SRV], s, FIONREAD, &n) == 0 && n == 6);
	assert_int_equal(mtcp_close(w->m[SRV], s), 0);
	UNTIL(w, so_error(w->m[CLI], c) == ECONNRESET);
}

static void test_connect_refused_then_again(void **state)
{
	struct world *w = *state;
	int c = stream(w->m[CLI]), l, s = -1;

	FAILS(try_connect(w->m[CLI], c, 1, 81), EINPROGRESS);
	UNTIL(w, try_connect(w->m[CLI], c, 1, 81) == -1 && errno != EALREADY);
	assert_int_equal(errno, ECONNREFUSED);
	FAILS(mtcp_read(w->m[CLI], c, (char[1]){0}, 1), ENOTCONN);
	l = listener(w->m[SRV], 81, 4);
	FAILS(try_connect(w->m[CLI], c, 1, 81), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
	UNTIL(w, try_connect(w->m[CLI], c, 1, 81) == 0);
	FAILS(try_connect(w->m[CLI], c, 1, 81), EISCONN);
}

static int linux_state(mctx_t m, int s)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	assert_int_equal(mtcp_getsockopt(m, s, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	return i.tcpi_state;
}

/* Connected is who has the answer to its SYN, not who has seen the other's: that may refuse yet. */
static void test_crossed_syns_are_no_connection_yet(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c, r;

	(void)connected(w, l, 80, &s); /* each knows the other's station */
	for (int refused = 0; refused < 2; refused++) {
		int port = 7000 + refused;

		s = stream(w->m[SRV]);
		c = stream(w->m[CLI]);
		assert_int_equal(try_bind(w->m[SRV], s, 1, port), 0);
		assert_int_equal(try_bind(w->m[CLI], c, 2, port), 0);
		fake_wires[0].end[SRV].mute = true;
		FAILS(try_connect(w->m[SRV], s, 2, port), EINPROGRESS);
		FAILS(try_connect(w->m[CLI], c, 1, port), EINPROGRESS);
		UNTIL(w, linux_state(w->m[SRV], s) == 3); /* SYN_RECV */
		FAILS(try_connect(w->m[SRV], s, 2, port), EALREADY);
		if (refused)
			assert_int_equal(mtcp_abort(w->m[CLI], c), 0);
		turns_of(w, CLI, 3);
		fake_wires[0].end[SRV].mute = false;
		UNTIL(w, (r = try_connect(w->m[SRV], s, 2, port)) == 0 || errno != EALREADY);
		assert_int_equal(r, refused ? -1 : 0);
		if (refused)
			assert_int_equal(errno, ECONNREFUSED);
		else
			UNTIL(w, try_connect(w->m[CLI], c, 1, port) == 0);
	}
}

static void test_names(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), c = stream(w->m[CLI]), s = -1;
	struct sockaddr_in a = {0}, b = {0};
	socklen_t len = sizeof(a), short_len = 4;

	FAILS(mtcp_getpeername(w->m[CLI], c, (struct sockaddr *)&a, &len), ENOTCONN);
	assert_int_equal(try_bind(w->m[CLI], c, 2, 4321), 0);
	assert_int_equal(mtcp_getsockname(w->m[CLI], c, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(ntohs(a.sin_port), 4321);
	FAILS(try_connect(w->m[CLI], c, 1, 80), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, (struct sockaddr *)&a, &len)) > 0);
	assert_int_equal(ntohs(a.sin_port), 4321);
	assert_int_equal(a.sin_addr.s_addr, htonl(0x0a000002));
	assert_int_equal(mtcp_getsockname(w->m[SRV], s, (struct sockaddr *)&b, &len), 0);
	assert_int_equal(b.sin_addr.s_addr, htonl(0x0a000001));
	assert_int_equal(ntohs(b.sin_port), 80);
	assert_int_equal(mtcp_getpeername(w->m[SRV], s, (struct sockaddr *)&b, &len), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(mtcp_getpeername(w->m[SRV], s, (struct sockaddr *)&b, &short_len), 0);
	assert_int_equal(short_len, sizeof(a));
	FAILS(mtcp_getsockname(w->m[SRV], s, NULL, &len), EFAULT);
	FAILS(mtcp_accept(w->m[SRV], l, (struct sockaddr *)&a, NULL), EFAULT);
}

static void test_errors_of_making(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int s = stream(m), t = stream(m), fds[2];
	struct sockaddr_in a = at(1, 90);

	FAILS(mtcp_socket(m, AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(mtcp_socket(m, AF_INET, SOCK_DGRAM, 0), ESOCKTNOSUPPORT);
	FAILS(mtcp_socket(m, AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	FAILS(mtcp_socket(NULL, AF_INET, SOCK_STREAM, 0), EINVAL);
	FAILS(mtcp_bind(m, s, NULL, sizeof(a)), EFAULT);
	FAILS(mtcp_bind(m, s, (struct sockaddr *)&a, 4), EINVAL);
	a.sin_family = AF_INET6;
	FAILS(mtcp_bind(m, s, (struct sockaddr *)&a, sizeof(a)), EAFNOSUPPORT);
	FAILS(try_bind(m, s, 77, 90), EADDRNOTAVAIL);
	FAILS(try_bind(m, 12345, 1, 90), EBADF);
	assert_int_equal(try_bind(m, s, 1, 90), 0);
	FAILS(try_bind(m, s, 1, 91), EINVAL);
	assert_int_equal(try_bind(m, t, -1, 90), 0);
	assert_int_equal(mtcp_listen(m, s, 5), 0);
	assert_int_equal(mtcp_listen(m, s, 6), 0);
	FAILS(mtcp_listen(m, t, 5), EADDRINUSE);
	FAILS(try_bind(m, stream(m), 1, 90), EADDRINUSE);
	FAILS(try_connect(m, s, 2, 1), EISCONN);
	FAILS(mtcp_accept(m, t, NULL, NULL), EINVAL);
	FAILS(mtcp_accept(m, s, NULL, NULL), EAGAIN);
	FAILS(mtcp_accept4(m, s, NULL, NULL, 0x77), EINVAL);
	FAILS(mtcp_read(m, s, (char[1]){0}, 1), ENOTCONN);
	FAILS(mtcp_write(m, s, "x", 1), EPIPE);
	FAILS(mtcp_read(m, t, (char[1]){0}, 1), ENOTCONN);
	FAILS(mtcp_write(m, t, "x", 1), EPIPE);
	FAILS(mtcp_shutdown(m, t, SHUT_WR), ENOTCONN);
	FAILS(mtcp_close(m, 0), EBADF);
	FAILS(mtcp_close(m, -1), EBADF);
	assert_int_equal(mtcp_pipe(m, fds), 0);
	FAILS(mtcp_listen(m, fds[0], 1), ENOTSOCK);
	FAILS(mtcp_recv(m, fds[0], (char[1]){0}, 1, 0), ENOTSOCK);
	FAILS(mtcp_getpeername(m, w->drive[SRV], (struct sockaddr *)&a, &(socklen_t){16}),
	      ENOTSOCK);
	FAILS(try_connect(m, t, 200, 0), EADDRNOTAVAIL);
	FAILS(mtcp_socket_ioctl(m, t, 0x1234, fds), ENOTTY);
	FAILS(mtcp_socket_ioctl(m, s, FIONREAD, fds), EINVAL);
}

/* listen on port 0 picks one, which getsockname tells. */
static void test_listen_without_port(void **state)
{
	struct world *w = *state;
	int l = stream(w->m[SRV]), s;
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);

	assert_int_equal(mtcp_listen(w->m[SRV], l, 5), 0);
	assert_int_equal(mtcp_getsockname(w->m[SRV], l, (struct sockaddr *)&a, &len), 0);
	assert_int_not_equal(a.sin_port, 0);
	connected(w, l, ntohs(a.sin_port), &s);
}

static void test_descriptors_run_out(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int l = listener(m, 80, 16), c = stream(w->m[CLI]), s = -1, n = 0, last = -1;

	while ((s = mtcp_socket(m, AF_INET, SOCK_STREAM, 0)) > 0) {
		assert_true(s < 256); /* applications index arrays of max_concurrency entries */
		last = s;
		n++;
	}
	assert_int_equal(errno, EMFILE);
	assert_true(n > 240);
	FAILS(try_connect(w->m[CLI], c, 1, 80), EINPROGRESS);
	UNTIL(w, try_connect(w->m[CLI], c, 1, 80) == 0);
	FAILS(mtcp_accept(m, l, NULL, NULL), EMFILE);
	FAILS(mtcp_epoll_create(m, 1), EMFILE);
	assert_int_equal(mtcp_close(m, last), 0);
	UNTIL(w, (s = mtcp_accept(m, l, NULL, NULL)) > 0); /* the connection waited */
	assert_int_equal(s, last);
}

static uint64_t accepts(struct world *w)
{
	struct mtcp_stats st;

	assert_int_equal(mtcp_get_stats(w->m[SRV], &st), 0);
	return st.accepts;
}

static void attempt(struct world *w, int *c, int n)
{
	for (int i = 0; i < n; i++) {
		c[i] = stream(w->m[CLI]);
		FAILS(try_connect(w->m[CLI], c[i], 1, 80), EINPROGRESS);
	}
}

/* listen again: the new backlog holds from then on. A larger one lets more wait at once. */
static void test_listen_again_with_a_larger_backlog(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 1), c[8], s;

	connected(w, l, 80, &s); /* each knows the other's station */
	assert_int_equal(mtcp_listen(w->m[SRV], l, 8), 0);
	attempt(w, c, 8);
	UNTIL(w, accepts(w) == 9);
	for (int i = 0; i < 8; i++)
		UNTIL(w, mtcp_accept(w->m[SRV], l, NULL, NULL) > 0);
}

/* A smaller one takes none away from those that wait, but lets no more come; paired, the stack has
 * a place of its own besides. */
static void test_listen_again_with_a_smaller_backlog(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 64), c[12], s;

	connected(w, l, 80, &s);
	attempt(w, c, 4);
	UNTIL(w, accepts(w) == 5);
	world_turns(w, 20); /* paired, the application's half has them */
	assert_int_equal(mtcp_listen(w->m[SRV], l, 1), 0);
	for (int i = 4; i < 12; i++) {
		attempt(w, c + i, 1);
		world_turns(w, 20);
	}
	assert_in_range(accepts(w), 5, 6);
	for (int i = 4; i < 12; i++)
		assert_int_equal(mtcp_abort(w->m[CLI], c[i]), 0);
	world_turns(w, 20);
	for (int i = 0; i < 4; i++) {
		UNTIL(w, (s = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0);
		assert_int_equal(so_error(w->m[SRV], s), 0);
	}
	while (mtcp_accept(w->m[SRV], l, NULL, NULL) > 0)
		world_turns(w, 20);
	for (int i = 0; i < 4; i++)
		connected(w, l, 80, &s);
}

/* Those that were accepted under the larger one do not count under the smaller. */
static void test_listen_again_after_many_were_accepted(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 64), s;

	for (int i = 0; i < 20; i++)
		connected(w, l, 80, &s);
	assert_int_equal(mtcp_listen(w->m[SRV], l, 1), 0);
	for (int i = 0; i < 4; i++)
		connected(w, l, 80, &s);
}

/* Closing a listener: its waiting connections end, its port is free again. */
static void test_listener_closes(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), c = stream(w->m[CLI]), s;

	FAILS(try_connect(w->m[CLI], c, 1, 80), EINPROGRESS);
	UNTIL(w, try_connect(w->m[CLI], c, 1, 80) == 0);
	world_turns(w, 50);
	assert_int_equal(mtcp_close(w->m[SRV], l), 0);
	UNTIL(w, so_error(w->m[CLI], c) == ECONNRESET);
	l = listener(w->m[SRV], 80, 16);
	connected(w, l, 80, &s);
}

/* An application that never waits, only tries again, comes to its end too. */
static void test_progress_without_wait(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), c = stream(w->m[CLI]), s = -1;
	double begun = seconds();
	char b[4];

	FAILS(try_connect(w->m[CLI], c, 1, 80), EINPROGRESS);
	while (s < 0 && seconds() - begun < 5) {
		s = mtcp_accept(w->m[SRV], l, NULL, NULL);
		(void)mtcp_read(w->m[CLI], c, b, 4);
	}
	assert_true(s > 0);
	assert_int_equal(mtcp_setsock_nonblock(w->m[SRV], s), 0);
	while (mtcp_write(w->m[CLI], c, "ping", 4) != 4 && seconds() - begun < 5)
		;
	while (mtcp_read(w->m[SRV], s, b, 4) != 4 && seconds() - begun < 5)
		(void)mtcp_read(w->m[CLI], c, b, 4);
	assert_memory_equal(b, "ping", 4);
}

/* Many short connections: ids and descriptors are used again and again, nothing is lost. */
static void test_churn(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16);

	for (int i = 0; i < 600; i++) {
		int s, c = connected(w, l, 80, &s);
		char b[8];

		assert_int_equal(mtcp_write(w->m[CLI], c, "hello", 5), 5);
		UNTIL(w, mtcp_read(w->m[SRV], s, b, 8) == 5);
		assert_int_equal(mtcp_close(w->m[i & 1], i & 1 ? c : s), 0);
		assert_int_equal(mtcp_close(w->m[!(i & 1)], i & 1 ? s : c), 0);
	}
}

/* A blocking application computes for longer than the RTO between two calls: what it writes then is
 * sent, and waited for, from then on. */
static void test_write_after_a_pause(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s), off = 0;
	struct mtcp_epoll_event ev;
	struct mtcp_stats st;
	char b[8];

	assert_int_equal(mtcp_socket_ioctl(w->m[CLI], c, FIONBIO, &off), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(mtcp_write(w->m[CLI], c, "hello", 5), 5);
		/* a turn of the client's before an ACK can be there */
		assert_int_equal(mtcp_epoll_wait(w->m[CLI], w->drive[CLI], &ev, 1, 0), 0);
		UNTIL(w, mtcp_read(w->m[SRV], s, b, 8) == 5);
		world_turns(w, 10);
		/* the client's thread is elsewhere */
		assert_int_equal(mtcp_epoll_wait(w->m[SRV], w->drive[SRV], &ev, 1, 300), 0);
	}
	assert_int_equal(mtcp_get_stats(w->m[CLI], &st), 0);
	assert_int_equal(st.rto_fired, 0);
	assert_int_equal(st.retransmits, 0);
}

/* MSG_MORE: what follows takes it along, else 200 ms end its wait; by send and by sendmsg, blocking
 * or not. */
static void test_more(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s), off = 0;
	struct iovec iov[2] = {{"c", 1}, {"d", 1}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	double begun;
	char b[16];

	for (unsigned i = 0; i < 2; i++) {
		begun = seconds();
		assert_int_equal(mtcp_send(w->m[CLI], c, "ab", 2, MSG_MORE), 2);
		assert_int_equal(mtcp_sendmsg(w->m[CLI], c, &msg, MSG_MORE), 2);
		while (seconds() - begun < 0.02)
			world_turn(w);
		if (seconds() - begun < 0.15) /* else this thread has stood still */
			FAILS(mtcp_read(w->m[SRV], s, b, sizeof(b)), EAGAIN);
		assert_int_equal(mtcp_write(w->m[CLI], c, "ef", 2), 2);
		UNTIL(w, mtcp_recv(w->m[SRV], s, b, sizeof(b), MSG_PEEK) > 0);
		assert_int_equal(mtcp_read(w->m[SRV], s, b, sizeof(b)), 6);
		assert_memory_equal(b, "abcdef", 6);
		begun = seconds();
		assert_int_equal(mtcp_send(w->m[CLI], c, "ab", 2, MSG_MORE), 2);
		UNTIL(w, mtcp_read(w->m[SRV], s, b, sizeof(b)) == 2);
		assert_true(seconds() - begun > 0.15);
		assert_int_equal(mtcp_socket_ioctl(w->m[CLI], c, FIONBIO, &off), 0);
	}
}

/* What a blocking write sends at once is the stack's time, not the application's, too. */
static void test_no_time_is_told_twice(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s, c = connected(w, l, 80, &s), off = 0;
	struct mtcp_epoll_event ev;
	struct mtcp_cycles cy;

	assert_int_equal(mtcp_socket_ioctl(w->m[CLI], c, FIONBIO, &off), 0);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(mtcp_write(w->m[CLI], c, "hello", 5), 5);
	assert_int_equal(mtcp_epoll_wait(w->m[CLI], w->drive[CLI], &ev, 1, 0), 0);
	assert_int_equal(mtcp_get_cycles(w->m[CLI], &cy), 0);
	assert_true(cy.app + cy.rx + cy.tcp + cy.timers + cy.tx + cy.idle <= cy.total);
}

static uint64_t parts(const struct mtcp_cycles *c)
{
	return c->app + c->rx + c->tcp + c->timers + c->tx + c->idle;
}

/* Of two readings the later has as much more in all as in its parts, whenever the first was made.
 */
static void test_a_reading_is_of_one_moment(void **state)
{
	struct world *w = *state;
	struct mtcp_epoll_event ev;
	struct mtcp_cycles first, then;
	double begun;

	assert_int_equal(mtcp_epoll_wait(w->m[CLI], w->drive[CLI], &ev, 1, 0), 0);
	begun = seconds();
	while (seconds() - begun < 0.005) {
	}
	assert_int_equal(mtcp_get_cycles(w->m[CLI], &first), 0);
	assert_int_equal(mtcp_epoll_wait(w->m[CLI], w->drive[CLI], &ev, 1, 0), 0);
	assert_int_equal(mtcp_get_cycles(w->m[CLI], &then), 0);
	assert_true(parts(&then) - parts(&first) > then.hz / 250);
	assert_true(parts(&then) - parts(&first) <= then.total - first.total);
}

/* A port that is drawn is nobody's, as one that is named: not of a listener on all addresses. */
static void test_a_drawn_port_is_nobodys(void **state)
{
	struct world w;
	int s;

	(void)state;
	world_open(&w, "port_range = 9000-9001\n");
	listener(w.m[SRV], 9000, 4);
	s = stream(w.m[SRV]);
	assert_int_equal(try_bind(w.m[SRV], s, 1, 0), 0);
	assert_int_equal(mtcp_listen(w.m[SRV], s, 4), 0); /* 9001 */
	s = stream(w.m[SRV]);
	assert_int_equal(try_bind(w.m[SRV], s, 1, 0), 0);
	FAILS(mtcp_listen(w.m[SRV], s, 4), EADDRINUSE);
	world_close(&w);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest both[] = {
		T(test_transaction),
		T(test_bulk),
		T(fault_14_large_and_empty_reads),
		T(test_vectors_and_peek),
		T(test_peek_across_pieces),
		T(test_half_close),
		T(test_reset_is_reported_once),
		T(fault_10_reset_behind_a_part_of_a_read),
		T(fault_10_reset_behind_a_part_of_a_write),
		T(test_abort_and_unread_data_reset),
		T(test_connect_refused_then_again),
		T(test_crossed_syns_are_no_connection_yet),
		T(test_listen_without_port),
		T(test_descriptors_run_out),
		T(test_listen_again_with_a_larger_backlog),
		T(test_listen_again_with_a_smaller_backlog),
		T(test_listen_again_after_many_were_accepted),
		T(test_listener_closes),
		T(test_progress_without_wait),
		T(test_churn),
		T(test_write_after_a_pause),
		T(test_more),
	};
	const struct CMUnitTest account[] = {T(test_no_time_is_told_twice),
					     T(test_a_reading_is_of_one_moment)};
	const struct CMUnitTest v4[] = {T(test_names), T(test_errors_of_making),
					cmocka_unit_test(test_a_drawn_port_is_nobodys)};
	int failed = cmocka_run_group_tests_name("socket, inline", both, inline_mode, NULL);

	failed += cmocka_run_group_tests_name("names, inline", v4, inline_mode, NULL);
	failed += cmocka_run_group_tests_name("account, inline", account, inline_mode, NULL);
	failed += cmocka_run_group_tests_name("socket, paired", both, paired_mode, NULL);
	failed += cmocka_run_group_tests_name("names, paired", v4, paired_mode, NULL);
	failed += cmocka_run_group_tests_name("IPv6, inline", both, inline_v6, NULL);
	return failed + cmocka_run_group_tests_name("IPv6, paired", both, paired_v6, NULL);
}
