/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory this process may count on. */
#ifndef RUNTIME_MEMORY_H
#define RUNTIME_MEMORY_H

#include <stdint.h>

/* Bytes: the machine's, or what the process's control groups (cgroups(7), either version) leave of
 * it. root: what stands before /proc and /sys; "" but in tests. */
uint64_t rt_memory(const char *root);

#endif
