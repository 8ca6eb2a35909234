// SPDX-License-Identifier: BSD-3-Clause
/* Switches in a line: they know where every node stands. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"

uint32_t sim_add_switch(struct sim *sim)
{
	struct trunk *t = sim_alloc(1, sizeof(*t));
	uint32_t i = sim->n_trunks++;

	sim->trunks = realloc(sim->trunks, sim->n_trunks * sizeof(struct trunk *));
	check(sim->trunks != NULL);
	sim->trunks[i] = t;
	pipe_init(&t->pipes[SIM_UP], sim, PIPE_TRUNK, &t->pipes[SIM_DOWN]);
	pipe_init(&t->pipes[SIM_DOWN], sim, PIPE_TRUNK, &t->pipes[SIM_UP]);
	t->pipes[SIM_UP].leads_to = i + 1;
	t->pipes[SIM_DOWN].leads_to = i;
	return i + 1;
}

void sim_place(struct sim_node *node, uint32_t at_switch)
{
	check(at_switch <= node->sim->n_trunks);
	node->at_switch = at_switch;
}

static void to_all(struct sim *sim, uint32_t here, const struct pipe *came_by,
		   const struct frame *f)
{
	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		struct sim_node *to = sim->nodes[i];

		if (to->at_switch == here && came_by != &to->pipes[SIM_UP])
			pipe_enter(&to->pipes[SIM_DOWN], frame_copy(sim, f));
	}
	if (here < sim->n_trunks && came_by != &sim->trunks[here]->pipes[SIM_DOWN])
		pipe_enter(&sim->trunks[here]->pipes[SIM_UP], frame_copy(sim, f));
	if (here > 0 && came_by != &sim->trunks[here - 1]->pipes[SIM_UP])
		pipe_enter(&sim->trunks[here - 1]->pipes[SIM_DOWN], frame_copy(sim, f));
}

/* The pipe towards the frame's destination, or NULL. */
static struct pipe *way_to(struct sim *sim, uint32_t here, const struct frame *f)
{
	uint32_t index = (uint32_t)f->data[4] << 8 | f->data[5];
	struct sim_node *to;

	if (index == 0 || index > sim->n_nodes)
		return NULL;
	to = sim->nodes[index - 1];
	if (memcmp(to->mac.b, f->data, 6) != 0)
		return NULL;
	if (to->at_switch > here)
		return &sim->trunks[here]->pipes[SIM_UP];
	if (to->at_switch < here)
		return &sim->trunks[here - 1]->pipes[SIM_DOWN];
	return &to->pipes[SIM_DOWN];
}

void switch_forward(struct pipe *came_by, struct frame *f)
{
	struct sim *sim = came_by->sim;
	uint32_t here = came_by->kind == PIPE_UP ? came_by->node->at_switch : came_by->leads_to;
	struct pipe *way;

	if (f->data[0] & 1) {
		to_all(sim, here, came_by, f);
		frame_free(sim, f);
		return;
	}
	way = way_to(sim, here, f);
	if (way == NULL || (way->kind == PIPE_DOWN && way->node == came_by->node))
		frame_free(sim, f);
	else
		pipe_enter(way, f);
}
