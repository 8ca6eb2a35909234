// SPDX-License-Identifier: BSD-3-Clause
/* Instructions of one run: by the CPU's counter where the kernel lends it, else by valgrind, which
 * plays this program again. */
#include <errno.h>
#include <linux/perf_event.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

extern char **environ;

static int counter_open(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_HW_INSTRUCTIONS,
				       .disabled = 1,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static double by_counter(const struct bench *b, void *state, int fd)
{
	uint64_t n = 0;
	ssize_t r;

	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	b->run(state, b->n);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	r = read(fd, &n, sizeof(n));
	return r == sizeof(n) ? (double)n / (double)b->n : -1;
}

static double total_of(const char *profile)
{
	FILE *f = fopen(profile, "r");
	unsigned long long n;
	double found = -1;
	char line[512];

	if (!f)
		return -1;
	while (found < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "totals: %llu", &n) == 1)
			found = (double)n;
	}
	fclose(f);
	return found;
}

/* Quietly; true if it could be started and succeeded. */
static bool play(const char *name, char *out_option)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *argv[] = {"valgrind", "-q", "--tool=callgrind", "--toggle-collect=bench_counted*",
			out_option, self, "--count",	      (char *)(uintptr_t)name,
			NULL};
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t child;

	if (len < 0)
		return false;
	self[len] = '\0';
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
	if (posix_spawnp(&child, argv[0], &quiet, NULL, argv, environ) == 0) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	posix_spawn_file_actions_destroy(&quiet);
	return status == 0;
}

static double by_valgrind(const struct bench *b)
{
	char option[64] = "--callgrind-out-file=/tmp/mtcp-bench-XXXXXX";
	char *file = strchr(option, '/');
	int fd = mkstemp(file);
	double n = -1;

	if (fd < 0)
		return -1;
	close(fd);
	if (play(b->name, option))
		n = total_of(file);
	unlink(file);
	return n < 0 ? -1 : n / (double)b->n;
}

double instructions_of(const struct bench *b, void *state)
{
	int fd = counter_open();
	double n = fd >= 0 ? by_counter(b, state, fd) : by_valgrind(b);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		fprintf(stderr, "mtcp-bench: %s: no instruction counter here, nor valgrind\n",
			b->name);
	return n;
}
