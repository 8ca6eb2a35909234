// SPDX-License-Identifier: BSD-3-Clause
/* A device of memory, on which any core may meet any of the other end. */
#include "writeset.h"

#include "bench/memory_nic.h"

static void tell_regions(void)
{
	struct memory_end *ends = memory_wires[0];

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned q = 0; q < MEMORY_QUEUES; q++)
			writeset_region("wire_rings", i * MEMORY_QUEUES + q, ends[i].queues[q].to,
					sizeof(ends[i].queues[q].to));
		writeset_region("wire_frames", i, ends[i].frames, sizeof(ends[i].frames));
	}
}

const struct writeset_wire writeset_wire = {.device = {"memory:0:0", "memory:0:1"},
					    .tell_regions = tell_regions};
