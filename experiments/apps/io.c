// SPDX-License-Identifier: BSD-3-Clause
#include "io.h"

#include <stddef.h>

const char *const io_kind_names[] = {"mtcp",	     "mtcp-paired",  "kernel", "kernel-reuseport",
				     "kernel-tuned", "kernel-uring", NULL};

const struct io_ops *io_ops_of(enum io_kind kind)
{
	if (kind == IO_KERNEL_URING)
		return &io_uring_ops;
	return io_is_mtcp(kind) ? &io_mtcp_ops : &io_kernel_ops;
}
