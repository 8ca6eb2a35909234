// SPDX-License-Identifier: BSD-3-Clause
/* Rate, delay, queue, and what goes wrong on the way. */
#include "base/check.h"
#include "sim/internal.h"

void pipe_init(struct pipe *p, struct sim *sim, enum pipe_kind kind, struct pipe *back)
{
	*p = (struct pipe){.sim = sim, .kind = kind, .back = back};
}

/* ---- configuration ---- */

mt_time pipe_rescale(mt_time now, mt_time at, uint64_t from_bps, uint64_t to_bps)
{
	if (at <= now || to_bps == 0)
		return mt_min(at, now);
	return now + (mt_time)((double)(at - now) * ((double)from_bps / (double)to_bps));
}

static void pipe_configure(struct pipe *p, const struct sim_pipe *cfg)
{
	uint64_t was = p->cfg.rate_bps;

	check(cfg->rate_bps > 0 || (cfg->queue_bytes == 0 && cfg->ecn_bytes == 0));
	p->cfg = *cfg;
	p->bursting = p->bursting && cfg->burst_enter > 0;
	if (cfg->rate_bps == was)
		return;
	events_change_rate(p, was, cfg->rate_bps);
	p->busy_until = pipe_rescale(p->sim->now, p->busy_until, was, cfg->rate_bps);
}

void sim_link(struct sim_node *node, enum sim_dir dir, const struct sim_pipe *cfg)
{
	pipe_configure(&node->pipes[dir], cfg);
}

const struct sim_pipe *sim_link_config(const struct sim_node *node, enum sim_dir dir)
{
	return &node->pipes[dir].cfg;
}

const struct sim_pipe_stats *sim_link_stats(const struct sim_node *node, enum sim_dir dir)
{
	return &node->pipes[dir].stats;
}

static struct pipe *trunk_pipe(const struct sim *sim, uint32_t i, enum sim_dir dir)
{
	check(i < sim->n_trunks);
	return &sim->trunks[i]->pipes[dir];
}

void sim_trunk(struct sim *sim, uint32_t i, enum sim_dir dir, const struct sim_pipe *cfg)
{
	pipe_configure(trunk_pipe(sim, i, dir), cfg);
}

const struct sim_pipe *sim_trunk_config(const struct sim *sim, uint32_t i, enum sim_dir dir)
{
	return &trunk_pipe(sim, i, dir)->cfg;
}

const struct sim_pipe_stats *sim_trunk_stats(const struct sim *sim, uint32_t i, enum sim_dir dir)
{
	return &trunk_pipe(sim, i, dir)->stats;
}

/* ---- the way of a frame ---- */

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

static void drop(struct pipe *p, enum log_what why, struct frame *f)
{
	log_frame(p->sim, p->node, why, f);
	frame_free(p->sim, f);
}

static bool is_lost(struct pipe *p)
{
	const struct sim_pipe *c = &p->cfg;

	if (happens(p->sim, p->bursting ? c->burst_leave : c->burst_enter))
		p->bursting = !p->bursting;
	return c->down || happens(p->sim, p->bursting ? c->burst_loss : c->loss);
}

/* One byte behind the Ethernet header, if IP follows it. */
static void corrupt(struct pipe *p, struct frame *f)
{
	struct rng *rng = &p->sim->rng;
	unsigned version;
	uint32_t at = ETH_HLEN;

	if (frame_ip(f, &version) == 0 || !happens(p->sim, p->cfg.corrupt))
		return;
	at += rng_below(rng, f->len - ETH_HLEN);
	f->data[at] ^= (uint8_t)(1 + rng_below(rng, 255));
	p->stats.corrupted++;
	log_frame(p->sim, p->node, LOG_CORRUPT, f);
}

/* False: the queue has no room. Sets the instant when the frame's last bit leaves it. */
static bool serialize(struct pipe *p, struct frame *f, mt_time *at)
{
	const struct sim_pipe *c = &p->cfg;
	mt_time now = p->sim->now, wait = p->busy_until > now ? p->busy_until - now : 0;

	*at = now;
	if (c->rate_bps == 0)
		return true;
	if (c->queue_bytes > 0 && wait > bits_ns(c->queue_bytes, c->rate_bps))
		return false;
	if (c->ecn_bytes > 0 && wait > bits_ns(c->ecn_bytes, c->rate_bps) && frame_mark_ce(f)) {
		p->stats.marked++;
		log_frame(p->sim, p->node, LOG_MARKED, f);
	}
	p->stats.queued += wait;
	p->stats.queued_max = wait > p->stats.queued_max ? wait : p->stats.queued_max;
	p->busy_until = *at = now + wait + bits_ns(f->len, c->rate_bps);
	return true;
}

void pipe_deliver(struct pipe *p, struct frame *f)
{
	if (p->kind == PIPE_DOWN)
		host_receive(p->node, f);
	else
		switch_forward(p, f);
}

static void carry(struct pipe *p, struct frame *f)
{
	struct sim *sim = p->sim;
	struct event e = {.frame = f, .pipe = p};

	if (!serialize(p, f, &e.sent_at)) {
		p->stats.queue_full++;
		drop(p, LOG_FULL, f);
		return;
	}
	e.at = e.sent_at + p->cfg.delay;
	if (happens(sim, p->cfg.reorder)) {
		p->stats.reordered++;
		e.at += (mt_time)(rng_unit(&sim->rng) * (double)p->cfg.reorder_delay);
	}
	if (e.at == sim->now)
		pipe_deliver(p, f); /* most pipes of most networks: worth a short cut */
	else
		event_add(sim, &e);
}

/* True: the frame was larger than the MTU and is gone. */
static bool too_big(struct pipe *p, struct frame *f)
{
	unsigned version;
	uint32_t at = p->cfg.mtu ? frame_ip(f, &version) : 0;
	struct frame *reply = NULL;

	if (at == 0 || f->len - at <= p->cfg.mtu)
		return false;
	p->stats.too_big++;
	if (p->cfg.tell_mtu)
		reply = frame_too_big(p->sim, f, p->cfg.mtu);
	drop(p, LOG_TOO_BIG, f);
	if (reply != NULL)
		pipe_enter(p->back, reply);
	return true;
}

void pipe_enter(struct pipe *p, struct frame *f)
{
	struct sim *sim = p->sim;

	p->stats.frames++;
	p->stats.bytes += f->len;
	if (p->kind == PIPE_UP)
		log_frame(sim, p->node, LOG_SENT, f);
	if (too_big(p, f))
		return;
	if (is_lost(p)) {
		p->stats.lost++;
		drop(p, LOG_LOST, f);
		return;
	}
	if (happens(sim, p->cfg.duplicate)) {
		struct frame *copy = frame_copy(sim, f);

		p->stats.duplicated++;
		log_frame(sim, p->node, LOG_DUP, copy);
		carry(p, copy);
	}
	corrupt(p, f);
	carry(p, f);
}
