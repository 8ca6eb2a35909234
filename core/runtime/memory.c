// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNKNOWN	 ((uint64_t)1 << 30) /* of a machine that does not say */
#define PATH_LEN 4096

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* UINT64_MAX where there is no such file, or no limit in it ("max"). */
static uint64_t limit_in(const char *path)
{
	unsigned long long v;
	FILE *f = fopen(path, "re");
	int n;

	if (!f)
		return UINT64_MAX;
	n = fscanf(f, "%llu", &v);
	fclose(f);
	return n == 1 ? v : UINT64_MAX;
}

/* The least of a group and those that it lies in. A container may see its own as the root. */
static uint64_t limit_of(const char *mount, char *group, const char *file)
{
	uint64_t v = UINT64_MAX;
	char path[2 * PATH_LEN], *last;

	for (;;) {
		snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
		v = least(v, limit_in(path));
		last = strrchr(group, '/');
		if (!last)
			return v;
		*last = '\0';
	}
}

static uint64_t limit_of_line(const char *root, char *line)
{
	char mount[PATH_LEN], *controllers = strchr(line, ':'), *group;

	if (!controllers || !(group = strchr(controllers + 1, ':')))
		return UINT64_MAX;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	controllers++;
	if (*controllers == '\0') {
		snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup", root);
		return limit_of(mount, group, "memory.max");
	}
	if (strcmp(controllers, "memory") != 0)
		return UINT64_MAX;
	snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup/memory", root);
	return limit_of(mount, group, "memory.limit_in_bytes");
}

static uint64_t limit_of_groups(const char *root)
{
	char line[PATH_LEN];
	uint64_t v = UINT64_MAX;
	FILE *f;

	snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
	f = fopen(line, "re");
	if (!f)
		return v;
	while (fgets(line, sizeof(line), f))
		v = least(v, limit_of_line(root, line));
	fclose(f);
	return v;
}

uint64_t rt_memory(const char *root)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t all = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UNKNOWN;

	return least(all, limit_of_groups(root));
}
