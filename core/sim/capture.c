// SPDX-License-Identifier: BSD-3-Clause
/* What the nodes see, as a capture file. */
#include "base/check.h"
#include "sim/internal.h"

#define SNAP_MAX 65536u

void sim_capture(struct sim *sim, FILE *file, uint32_t snap, const char *const *names)
{
	uint8_t block[PCAPNG_HEAD_MAX];

	sim->capture = file;
	sim->snap = snap < SNAP_MAX ? snap : SNAP_MAX;
	sim->n_captured = file != NULL ? sim->n_nodes : 0;
	if (file == NULL)
		return;
	fwrite(block, 1, (size_t)(pcapng_section(block) - block), file);
	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		char number[PCAPNG_NAME_MAX + 1];
		const char *name = names != NULL ? names[i] : number;

		snprintf(number, sizeof(number), "node %u", i);
		fwrite(block, 1, (size_t)(pcapng_interface(block, name, sim->snap) - block), file);
	}
}

void capture_frame(struct sim *sim, const struct sim_node *node, enum pcapng_dir dir,
		   const struct frame *f)
{
	uint8_t block[SNAP_MAX + PCAPNG_PACKET_OVER + 3];
	struct pcapng_packet p = {.data = f->data,
				  .len = f->len,
				  .snap = sim->snap,
				  .interface = node->index,
				  .ns = sim->now - sim->start,
				  .dir = dir};

	if (node->index < sim->n_captured)
		fwrite(block, 1, (size_t)(pcapng_put(block, &p) - block), sim->capture);
}
