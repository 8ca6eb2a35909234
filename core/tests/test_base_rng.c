// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/rng.h"
#include "base/seq.h"
#include "seed.h"

static uint64_t seed;

/* From the authors' reference code with the state {1, 2, 3, 4}. */
static void reference_sequence(void **state)
{
	static const uint64_t want[] = {11520u, 0u, 1509978240u, 1215971899390074240u,
					1216172134540287360u};
	struct rng r = {.s = {1, 2, 3, 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(rng_next(&r) == want[i]);
}

/* splitmix64 of seed 0, from the authors' reference code. */
static void reference_seeding(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 0);
	assert_true(r.s[0] == 0xe220a8397b1dcdafu);
	assert_true(r.s[1] == 0x6e789e6aa1b965f4u);
	assert_true(r.s[2] == 0x06c45d188009454fu);
	assert_true(r.s[3] == 0xf88bb8a8724c81ecu);
}

static void below_is_uniform(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 7, 10, 64};
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		uint32_t count[64] = {0}, n = sizes[k];

		for (int i = 0; i < 200000; i++) {
			uint32_t x = rng_below(&r, n);

			assert_true(x < n);
			count[x]++;
		}
		for (uint32_t i = 0; i < n; i++)
			assert_in_range(count[i] * n, 180000, 220000);
	}
}

/* With n = 3 * 2^30 a plain multiply would give every third result twice as often. */
static void below_has_no_bias(void **state)
{
	uint32_t n = 3u << 30, count[3] = {0};
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (int i = 0; i < 300000; i++)
		count[rng_below(&r, n) % 3]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(count[i], 98000, 102000);
}

static void unit_is_uniform(void **state)
{
	double sum = 0;
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	for (int i = 0; i < 100000; i++) {
		double x = rng_unit(&r);

		assert_true(x >= 0 && x < 1);
		sum += x;
	}
	assert_true(sum > 49500 && sum < 50500);
}

static void sequence_numbers_wrap(void **state)
{
	tcp_seq a = seq_of(UINT32_MAX - 9), b = seq_add(a, 20);

	(void)state;
	assert_int_equal(b.v, 10);
	assert_int_equal(seq_diff(b, a), 20);
	assert_true(seq_lt(a, b) && seq_leq(a, b) && seq_gt(b, a) && seq_geq(b, a));
	assert_true(seq_leq(a, a) && seq_geq(a, a) && !seq_lt(a, a) && !seq_gt(a, a));
	assert_true(seq_eq(seq_max(a, b), b) && seq_eq(seq_min(a, b), a));
}

/* What a tripped check writes, and that it ends the process by SIGABRT. */
static void check_says_where(void **state)
{
	static const char start[] = "check failed: 1 == 2 at ";
	char text[256] = "";
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fd[1], STDERR_FILENO);
		check(1 == 2);
		_exit(0);
	}
	close(fd[1]);
	n = read(fd[0], text, sizeof(text) - 1);
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(n > 0);
	assert_memory_equal(text, start, sizeof(start) - 1);
	assert_non_null(strstr(text, "test_base_rng.c:"));
	assert_int_equal(text[n - 1], '\n');
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_sequence), cmocka_unit_test(reference_seeding),
		cmocka_unit_test(below_is_uniform),   cmocka_unit_test(below_has_no_bias),
		cmocka_unit_test(unit_is_uniform),    cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(check_says_where),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
