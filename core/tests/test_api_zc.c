// SPDX-License-Identifier: BSD-3-Clause
/* Reading and writing in place. */
#include "api_world.h"

struct fixture {
	struct world w;
	int l, s, c;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	world_open(&f->w, NULL);
	f->l = listener(f->w.m[SRV], 80, 16);
	f->c = connected(&f->w, f->l, 80, &f->s);
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

static ssize_t readable(struct fixture *f, struct iovec p[2])
{
	ssize_t n = mtcp_zc_read(f->w.m[SRV], f->s, p);

	if (n > 0)
		assert_int_equal(p[0].iov_len + p[1].iov_len, n);
	return n;
}

static void put(struct fixture *f, const char *text)
{
	struct iovec p[2];
	size_t len = strlen(text);

	assert_int_equal(mtcp_zc_reserve(f->w.m[CLI], f->c, len, p), len);
	assert_int_equal(p[0].iov_len, len);
	memcpy(p[0].iov_base, text, len);
	assert_int_equal(mtcp_zc_commit(f->w.m[CLI], f->c, len), 0);
}

static void fault_14_in_place(void **state)
{
	struct fixture *f = *state;
	struct iovec p[2], q[2];
	char b[16];

	FAILS(readable(f, p), EAGAIN);
	put(f, "hello");
	UNTIL(&f->w, readable(f, p) == 5);
	assert_memory_equal(p[0].iov_base, "hello", 5);
	assert_null(p[1].iov_base);
	assert_int_equal(mtcp_zc_consume(f->w.m[SRV], f->s, 0), 0);
	assert_int_equal(readable(f, q), 5); /* they stay until they are consumed */
	assert_ptr_equal(q[0].iov_base, p[0].iov_base);
	FAILS(mtcp_zc_consume(f->w.m[SRV], f->s, 6), EINVAL);
	assert_int_equal(mtcp_zc_consume(f->w.m[SRV], f->s, 2), 0);
	assert_int_equal(mtcp_read(f->w.m[SRV], f->s, b, 2), 2); /* mixed with copies */
	assert_memory_equal(b, "ll", 2);
	assert_int_equal(readable(f, p), 1);
	assert_memory_equal(p[0].iov_base, "o", 1);
	assert_int_equal(mtcp_zc_consume(f->w.m[SRV], f->s, 1), 0);
	FAILS(readable(f, p), EAGAIN);
}

static void test_part_of_the_room(void **state)
{
	struct fixture *f = *state;
	mctx_t m = f->w.m[CLI];
	struct iovec p[2], q[2];

	assert_int_equal(mtcp_zc_reserve(m, f->c, 1000, p), 1000);
	memcpy(p[0].iov_base, "abcdef", 6);
	FAILS(mtcp_zc_commit(m, f->c, 1u << 20), EINVAL);
	assert_int_equal(mtcp_zc_commit(m, f->c, 3), 0);
	assert_int_equal(mtcp_write(m, f->c, "xyz", 3), 3);
	assert_int_equal(mtcp_zc_reserve(m, f->c, 10, p), 10);
	assert_int_equal(mtcp_zc_commit(m, f->c, 0), 0);
	UNTIL(&f->w, readable(f, q) == 6);
	assert_memory_equal(q[0].iov_base, "abcxyz", 6);
	FAILS(mtcp_zc_reserve(m, f->c, 0, p), EINVAL);
	/* given back, and never asked for: nothing was sent */
	assert_int_equal(mtcp_zc_consume(f->w.m[SRV], f->s, 6), 0);
	world_turns(&f->w, 20);
	assert_int_equal(mtcp_zc_reserve(m, f->c, 10, p), 10);
	assert_int_equal(mtcp_zc_commit(m, f->c, 0), 0);
	FAILS(mtcp_zc_commit(m, f->c, 1), EINVAL);
	FAILS(readable(f, q), EAGAIN);
}

/* A long stream: the pieces wrap, the room runs out, the window closes and opens; each byte comes
 * once. */
static void test_stream(void **state)
{
	enum { TOTAL = 3000000, STEP = 40000 };
	struct fixture *f = *state;
	struct iovec p[2];
	uint32_t out = 0, in = 0;
	bool wrapped = false, full = false;
	double begun = seconds();

	while (in < TOTAL) {
		ssize_t n = out < TOTAL ? mtcp_zc_reserve(f->w.m[CLI], f->c, STEP, p) : 0;

		if (n > TOTAL - (ssize_t)out)
			n = TOTAL - (ssize_t)out;
		for (ssize_t k = 0, at = 0; k < n; k++) {
			if ((size_t)k == p[0].iov_len)
				at = k;
			((uint8_t *)p[at > 0].iov_base)[k - at] =
				(uint8_t)(out++ * 2654435761u >> 24);
		}
		full |= n < 0;
		if (n > 0)
			assert_int_equal(mtcp_zc_commit(f->w.m[CLI], f->c, (size_t)n), 0);
		world_turn(&f->w);
		n = readable(f, p);
		n = n > 9001 ? 9001 : n;
		for (ssize_t k = 0, at = 0; k < n; k++) {
			if ((size_t)k == p[0].iov_len) {
				at = k;
				wrapped = true;
			}
			assert_int_equal(((uint8_t *)p[at > 0].iov_base)[k - at],
					 (uint8_t)(in++ * 2654435761u >> 24));
		}
		if (n > 0)
			assert_int_equal(mtcp_zc_consume(f->w.m[SRV], f->s, (size_t)n), 0);
		assert_true(seconds() - begun < 20);
	}
	assert_true(wrapped && full);
}

/* As with read and write: what there is, then the end; an error once; nothing after shutdown. */
static void test_ends(void **state)
{
	struct fixture *f = *state;
	mctx_t s = f->w.m[SRV], c = f->w.m[CLI];
	struct iovec p[2];
	int other, o;

	put(f, "bye");
	assert_int_equal(mtcp_shutdown(c, f->c, SHUT_WR), 0);
	FAILS(mtcp_zc_reserve(c, f->c, 1, p), EPIPE);
	FAILS(mtcp_zc_commit(c, f->c, 1), EINVAL);
	UNTIL(&f->w, readable(f, p) == 3);
	assert_int_equal(mtcp_zc_consume(s, f->s, 3), 0);
	UNTIL(&f->w, readable(f, p) == 0);
	o = connected(&f->w, f->l, 80, &other);
	assert_int_equal(mtcp_abort(c, o), 0);
	UNTIL(&f->w, mtcp_zc_read(s, other, p) < 0 && errno == ECONNRESET);
	assert_int_equal(mtcp_zc_read(s, other, p), 0);
	FAILS(mtcp_zc_reserve(s, other, 1, p), EPIPE);
	FAILS(mtcp_zc_commit(s, other, 1), EPIPE);
	FAILS(mtcp_zc_read(s, f->l, p), ENOTCONN);
	FAILS(mtcp_zc_read(s, stream(s), p), ENOTCONN);
	FAILS(mtcp_zc_read(s, f->w.drive[SRV], p), ENOTSOCK);
	FAILS(mtcp_zc_read(s, 200, p), EBADF);
	FAILS(mtcp_zc_read(s, f->s, NULL), EFAULT);
	FAILS(mtcp_zc_consume(NULL, f->s, 1), EINVAL);
}

/* Level-triggered: told of until all is consumed; writable again when a good part is free. */
static void test_epoll(void **state)
{
	struct fixture *f = *state;
	mctx_t s = f->w.m[SRV], c = f->w.m[CLI];
	struct mtcp_epoll_event in = {.events = MTCP_EPOLLIN}, out = {.events = MTCP_EPOLLOUT}, ev;
	int ep = mtcp_epoll_create(s, 1), ec = mtcp_epoll_create(c, 1);
	struct iovec p[2];
	ssize_t n;

	assert_int_equal(mtcp_epoll_ctl(s, ep, MTCP_EPOLL_CTL_ADD, f->s, &in), 0);
	assert_int_equal(mtcp_epoll_ctl(c, ec, MTCP_EPOLL_CTL_ADD, f->c, &out), 0);
	while ((n = mtcp_zc_reserve(c, f->c, 1 << 20, p)) > 0)
		assert_int_equal(mtcp_zc_commit(c, f->c, (size_t)n), 0);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(mtcp_epoll_wait(c, ec, &ev, 1, 0), 0);
	UNTIL(&f->w, mtcp_epoll_wait(s, ep, &ev, 1, 0) == 1);
	n = readable(f, p);
	assert_int_equal(mtcp_zc_consume(s, f->s, (size_t)n - 1), 0);
	assert_int_equal(mtcp_epoll_wait(s, ep, &ev, 1, 0), 1);
	for (int i = 0; i < 1000 && mtcp_epoll_wait(c, ec, &ev, 1, 0) == 0; i++) {
		n = readable(f, p);
		if (n > 0)
			assert_int_equal(mtcp_zc_consume(s, f->s, (size_t)n), 0);
		world_turn(&f->w);
	}
	assert_int_equal(mtcp_epoll_wait(c, ec, &ev, 1, 0), 1);
	assert_true(mtcp_zc_reserve(c, f->c, 1 << 20, p) > 10000);
}

static void test_not_in_paired_mode(void **state)
{
	struct fixture *f = *state;
	struct iovec p[2];

	FAILS(mtcp_zc_read(f->w.m[SRV], f->s, p), EOPNOTSUPP);
	FAILS(mtcp_zc_consume(f->w.m[SRV], f->s, 0), EOPNOTSUPP);
	FAILS(mtcp_zc_reserve(f->w.m[CLI], f->c, 1, p), EOPNOTSUPP);
	FAILS(mtcp_zc_commit(f->w.m[CLI], f->c, 0), EOPNOTSUPP);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fault_14_in_place), T(test_part_of_the_room), T(test_stream), T(test_ends),
		T(test_epoll),
	};
	const struct CMUnitTest paired[] = {T(test_not_in_paired_mode)};
	int failed = cmocka_run_group_tests_name("in place, inline", tests, inline_mode, NULL);

	return failed + cmocka_run_group_tests_name("in place, paired", paired, paired_mode, NULL);
}
