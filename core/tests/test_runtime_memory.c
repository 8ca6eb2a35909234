// SPDX-License-Identifier: BSD-3-Clause
/* What control groups leave of the machine's memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/memory.h"

#define MB ((uint64_t)1 << 20)

static char root[] = "/tmp/mtcp-memory-XXXXXX";

static int setup(void **state)
{
	(void)state;
	memcpy(strrchr(root, '-'), "-XXXXXX", 7);
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		(void)mkdir(path, 0700);
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_without_groups(void **state)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	(void)state;
	assert_int_equal(rt_memory(root), all);
	put("/proc/self/cgroup", "0::/a/b\n");
	assert_int_equal(rt_memory(root), all);
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	assert_int_equal(rt_memory(root), all);
	put("/proc/self/cgroup", "nonsense\n:\n::\n12:memory\n");
	assert_int_equal(rt_memory(root), all);
}

/* The least of those that a group lies in counts. */
static void test_unified(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "67108864\n");
	assert_int_equal(rt_memory(root), 64 * MB);
	put("/sys/fs/cgroup/a/memory.max", "33554432\n");
	assert_int_equal(rt_memory(root), 32 * MB);
	put("/sys/fs/cgroup/memory.max", "16777216\n"); /* as a container sees its own */
	assert_int_equal(rt_memory(root), 16 * MB);
}

static void test_first_version(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/c0ffee\n0::/\n");
	put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1048576\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
	assert_int_equal(rt_memory(root), 128 * MB);
	put("/sys/fs/cgroup/memory/docker/c0ffee/memory.limit_in_bytes", "67108864\n");
	assert_int_equal(rt_memory(root), 64 * MB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unified, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_version, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
