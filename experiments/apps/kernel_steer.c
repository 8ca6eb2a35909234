// SPDX-License-Identifier: BSD-3-Clause
#include "kernel_steer.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <sys/socket.h>

#define PER_CORE 6u
#define PROGRAM	 (2 + PER_CORE * CPUS_MAX)
#define NOBODY	 UINT32_MAX /* no such listener: the kernel goes by its hash */

static struct sock_filter load(int ancillary)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    (uint32_t)(SKF_AD_OFF + ancillary));
}

/* A core's workers are every cpus.n-th, from its own place in the list on: one of them at random,
 * as they share the core. */
static void of_core(struct sock_filter *at, const struct kernel_group *g, unsigned place)
{
	uint32_t cores = g->cpus->n, workers = (g->n - place + cores - 1) / cores;
	struct sock_filter found[PER_CORE] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)g->cpus->id[place], 0, PER_CORE - 1),
		load(SKF_AD_RANDOM),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, cores),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, place),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	for (unsigned i = 0; i < PER_CORE; i++)
		at[i] = found[i];
}

int kernel_steer_program(const struct kernel_group *g)
{
	struct sock_filter code[PROGRAM] = {load(SKF_AD_CPU)};
	struct sock_fprog program = {(unsigned short)(2 + PER_CORE * g->cpus->n), code};

	for (unsigned place = 0; place < g->cpus->n; place++)
		of_core(&code[1 + PER_CORE * place], g, place);
	code[program.len - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, NOBODY);
	return setsockopt(g->listeners[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
			  sizeof(program)) < 0
		       ? -errno
		       : 0;
}

int kernel_steer_incoming(const struct kernel_group *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (setsockopt(g->listeners[i], SOL_SOCKET, SO_INCOMING_CPU,
			       &g->cpus->id[i % g->cpus->n], sizeof(int)) < 0)
			return -errno;
	return 0;
}
