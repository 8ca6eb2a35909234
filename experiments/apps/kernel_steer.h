/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of the listeners that share a port gets a connection: without this the one that a hash of
 * addresses and ports names, whichever core its SYN was received on.
 */
#ifndef APPS_KERNEL_STEER_H
#define APPS_KERNEL_STEER_H

#include "cpus.h"

/* Of a stack that listens already. The i-th listener is that of worker i, which runs on
 * cpus.id[i % cpus.n]. n >= cpus.n. */
struct kernel_group {
	const int *listeners;
	unsigned n;
	const struct cpu_list *cpus;
};

/* By SO_ATTACH_REUSEPORT_CBPF: one of the workers of the core that received the SYN, any of them
 * where that core has none. Linux 4.5. 0 or -errno. */
int kernel_steer_program(const struct kernel_group *);

/* By SO_INCOMING_CPU of each listener: a hint of the same, which Linux heeds among listeners of one
 * port from 6.2 on. 0 or -errno. */
int kernel_steer_incoming(const struct kernel_group *);

#endif
