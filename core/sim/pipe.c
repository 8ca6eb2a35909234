// SPDX-License-Identifier: BSD-3-Clause
/* Rate, delay, queue, and what goes wrong on the way. */
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"

void sim_link(struct sim_node *node, enum sim_dir dir, const struct sim_pipe *cfg)
{
	check(cfg->queue_bytes == 0 || cfg->rate_bps > 0);
	node->pipes[dir].cfg = *cfg;
}

const struct sim_pipe_stats *sim_link_stats(const struct sim_node *node, enum sim_dir dir)
{
	return &node->pipes[dir].stats;
}

/* No number is drawn for what cannot happen: a pipe without faults does not disturb the others'
 * luck. */
static bool happens(struct sim *sim, double p)
{
	return p > 0 && rng_unit(&sim->rng) < p;
}

static mt_time bits_ns(uint64_t bytes, uint64_t rate_bps)
{
	return bytes * 8 * MT_SEC / rate_bps;
}

/* False: the queue has no room. Sets the instant when the frame is through. */
static bool serialize(struct sim *sim, struct pipe *p, const struct frame *f, mt_time *at)
{
	mt_time start = p->busy_until > sim->now ? p->busy_until : sim->now;

	*at = sim->now;
	if (p->cfg.rate_bps == 0)
		return true;
	if (p->cfg.queue_bytes > 0 &&
	    start - sim->now > bits_ns(p->cfg.queue_bytes, p->cfg.rate_bps))
		return false;
	p->busy_until = *at = start + bits_ns(f->len, p->cfg.rate_bps);
	return true;
}

static void corrupt(struct sim *sim, struct frame *f)
{
	uint32_t at = ETH_HLEN + rng_below(&sim->rng, f->len - ETH_HLEN);

	f->data[at] ^= (uint8_t)(1 + rng_below(&sim->rng, 255));
}

static bool is_ipv4(const struct frame *f)
{
	return f->len > ETH_HLEN && f->data[12] == 0x08 && f->data[13] == 0x00;
}

static void carry(struct sim_node *node, enum sim_dir dir, struct frame *f)
{
	struct sim *sim = node->sim;
	struct pipe *p = &node->pipes[dir];
	struct event e = {.frame = f, .node = node, .dir = dir};

	if (!serialize(sim, p, f, &e.at)) {
		p->stats.queue_full++;
		log_frame(sim, node, LOG_FULL, f);
		frame_free(sim, f);
		return;
	}
	e.at += p->cfg.delay;
	if (happens(sim, p->cfg.reorder)) {
		p->stats.reordered++;
		e.at += (mt_time)(rng_unit(&sim->rng) * (double)p->cfg.reorder_delay);
	}
	event_add(sim, &e);
}

void pipe_enter(struct sim_node *node, enum sim_dir dir, struct frame *f)
{
	struct sim *sim = node->sim;
	struct pipe *p = &node->pipes[dir];

	p->stats.frames++;
	p->stats.bytes += f->len;
	if (dir == SIM_UP)
		log_frame(sim, node, LOG_SENT, f);
	if (happens(sim, p->cfg.loss)) {
		p->stats.lost++;
		log_frame(sim, node, LOG_LOST, f);
		frame_free(sim, f);
		return;
	}
	if (happens(sim, p->cfg.duplicate)) {
		struct frame *copy = frame_new(sim, f->len);

		memcpy(copy->data, f->data, f->len);
		copy->len = f->len;
		p->stats.duplicated++;
		log_frame(sim, node, LOG_DUP, copy);
		carry(node, dir, copy);
	}
	if (is_ipv4(f) && happens(sim, p->cfg.corrupt)) {
		p->stats.corrupted++;
		corrupt(sim, f);
		log_frame(sim, node, LOG_CORRUPT, f);
	}
	carry(node, dir, f);
}
