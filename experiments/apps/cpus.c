// SPDX-License-Identifier: BSD-3-Clause
#include "cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void allowed(cpu_set_t *set)
{
	CPU_ZERO(set);
	if (sched_getaffinity(getpid(), sizeof(*set), set) < 0)
		CPU_SET(0, set);
}

static bool contains(const struct cpu_list *list, int cpu)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->id[i] == cpu)
			return true;
	return false;
}

static int add(struct cpu_list *list, long cpu, char err[ERR_LEN])
{
	struct cpu_list all = {0};
	char text[128];
	cpu_set_t set;

	allowed(&set);
	if (cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &set)) {
		for (int i = 0; i < CPU_SETSIZE && all.n < CPUS_MAX; i++)
			if (CPU_ISSET((size_t)i, &set))
				all.id[all.n++] = i;
		cpus_format(&all, text, sizeof(text));
		return err_set(-EINVAL, err, "CPU %ld is not available here: use some of %s", cpu,
			       text);
	}
	if (list->n == CPUS_MAX)
		return err_set(-EINVAL, err, "more than %d CPUs in a list", CPUS_MAX);
	if (contains(list, (int)cpu))
		return err_set(-EINVAL, err, "CPU %ld is twice in the list", cpu);
	list->id[list->n++] = (int)cpu;
	return 0;
}

static bool parse_number(const char **at, long *out)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	*out = strtol(*at, &end, 10);
	*at = end;
	return true;
}

int cpus_parse(const char *text, struct cpu_list *out, char err[ERR_LEN])
{
	const char *at = text;
	long first, last;

	out->n = 0;
	for (;;) {
		if (!parse_number(&at, &first))
			break;
		last = first;
		if (*at == '-' && (at++, !parse_number(&at, &last)))
			break;
		if (last < first)
			break;
		for (long cpu = first; cpu <= last; cpu++)
			if (add(out, cpu, err) < 0)
				return -EINVAL;
		if (*at == '\0')
			return 0;
		if (*at++ != ',')
			break;
	}
	return err_set(-EINVAL, err, "'%s' is not a list of CPUs: write it as 0,2-3", text);
}

void cpus_format(const struct cpu_list *list, char *out, size_t size)
{
	size_t used = 0;

	if (size > 0)
		out[0] = '\0';
	for (unsigned i = 0; i < list->n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%d", i > 0 ? "," : "",
					 list->id[i]);
}

struct cpu_list cpus_first(void)
{
	struct cpu_list list = {.n = 1};
	cpu_set_t set;

	allowed(&set);
	while (list.id[0] < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)list.id[0], &set))
		list.id[0]++;
	return list;
}

struct cpu_list cpus_last(void)
{
	struct cpu_list list = {.n = 1, .id = {CPU_SETSIZE - 1}};
	cpu_set_t set;

	allowed(&set);
	while (list.id[0] > 0 && !CPU_ISSET((size_t)list.id[0], &set))
		list.id[0]--;
	return list;
}

bool cpus_overlap(const struct cpu_list *a, const struct cpu_list *b)
{
	for (unsigned i = 0; i < a->n; i++)
		if (contains(b, a->id[i]))
			return true;
	return false;
}

int cpus_pin(const struct cpu_list *list)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned i = 0; i < list->n; i++)
		CPU_SET((size_t)list->id[i], &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static void add_line(struct cpu_time *sum, const unsigned long long t[8])
{
	double hz = (double)sysconf(_SC_CLK_TCK);

	/* user nice system idle iowait irq softirq steal */
	sum->user += (double)(t[0] + t[1]) / hz;
	sum->system += (double)t[2] / hz;
	sum->idle += (double)(t[3] + t[4]) / hz;
	sum->irq += (double)t[5] / hz;
	sum->softirq += (double)t[6] / hz;
	sum->steal += (double)t[7] / hz;
}

int cpus_time(const struct cpu_list *list, struct cpu_time *out)
{
	FILE *f = fopen("/proc/stat", "re");
	unsigned long long t[8];
	char line[512];
	int cpu;

	memset(out, 0, sizeof(*out));
	if (f == NULL)
		return -errno;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &t[0],
			   &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 9)
			continue;
		if (contains(list, cpu))
			add_line(out, t);
	}
	fclose(f);
	out->busy = out->user + out->system + out->irq + out->softirq;
	return 0;
}

struct cpu_time cpus_time_since(const struct cpu_time *begin, const struct cpu_time *end)
{
	return (struct cpu_time){.user = end->user - begin->user,
				 .system = end->system - begin->system,
				 .irq = end->irq - begin->irq,
				 .softirq = end->softirq - begin->softirq,
				 .busy = end->busy - begin->busy,
				 .idle = end->idle - begin->idle,
				 .steal = end->steal - begin->steal};
}

/* Sum of the named fields of a group ("Tcp:") in a file of name lines followed by value lines. */
static uint64_t read_group(const char *path, const char *group, const char *const *names)
{
	char keys[8192], values[8192], *key_at, *value_at, *key, *value;
	FILE *f = fopen(path, "re");
	uint64_t sum = 0;

	if (f == NULL)
		return 0;
	while (fgets(keys, sizeof(keys), f) != NULL && fgets(values, sizeof(values), f) != NULL) {
		key = strtok_r(keys, " \n", &key_at);
		value = strtok_r(values, " \n", &value_at);
		if (key == NULL || strcmp(key, group) != 0)
			continue;
		while (key != NULL && value != NULL) {
			for (const char *const *name = names; *name != NULL; name++)
				sum += strcmp(key, *name) == 0 ? strtoull(value, NULL, 10) : 0;
			key = strtok_r(NULL, " \n", &key_at);
			value = strtok_r(NULL, " \n", &value_at);
		}
	}
	fclose(f);
	return sum;
}

void kernel_tcp_read(struct kernel_tcp *out)
{
	static const char *const retransmits[] = {"RetransSegs", NULL};
	static const char *const drops[] = {"ListenDrops", "TCPBacklogDrop", NULL};

	out->retransmits = read_group("/proc/net/snmp", "Tcp:", retransmits);
	out->drops = read_group("/proc/net/netstat", "TcpExt:", drops);
}
