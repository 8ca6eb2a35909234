/* SPDX-License-Identifier: BSD-3-Clause */
/* CPUs: lists, pinning, and the time they were busy. */
#ifndef APPS_CPUS_H
#define APPS_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#define CPUS_MAX 64

struct cpu_list {
	unsigned n;
	int id[CPUS_MAX];
};

/* "0,2-3", each once, each one that this process may use. 0, or -EINVAL with the reason in err. */
int cpus_parse(const char *text, struct cpu_list *out, char err[ERR_LEN]);
/* "0,2,3" */
void cpus_format(const struct cpu_list *, char *out, size_t size);
/* The first or the last CPU this process may use. */
struct cpu_list cpus_first(void);
struct cpu_list cpus_last(void);
bool cpus_overlap(const struct cpu_list *, const struct cpu_list *);

/* The calling thread runs on these only. 0 or -errno. */
int cpus_pin(const struct cpu_list *);

/* Seconds, summed over a list, since boot. busy = user + nice + system + irq + softirq: no stolen,
 * idle or I/O-waiting time. */
struct cpu_time {
	double user, system, irq, softirq, busy, idle, steal;
};
/* 0, or -errno when /proc/stat cannot be read. */
int cpus_time(const struct cpu_list *, struct cpu_time *out);
struct cpu_time cpus_time_since(const struct cpu_time *begin, const struct cpu_time *end);

/* TCP counters of the kernel, of this network namespace. */
struct kernel_tcp {
	uint64_t retransmits; /* Tcp RetransSegs */
	uint64_t drops;	      /* TcpExt ListenDrops, TCPBacklogDrop */
};
void kernel_tcp_read(struct kernel_tcp *out);

#endif
