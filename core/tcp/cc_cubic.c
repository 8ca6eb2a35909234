// SPDX-License-Identifier: BSD-3-Clause
/*
 * CUBIC (RFC 9438) in integers: bytes and milliseconds. C = 0.4 segments/s^3, beta = 0.7, alpha =
 * 9/17. Hence W_cubic(t) = 0.4 * mss * (t - K)^3 / 10^9 + w_max with t and K in ms.
 */
#include "tcp/cc.h"
#include "tcp/tcp.h"

#define BETA_NUM  7u /* 4.6 */
#define BETA_DEN  10u
#define ALPHA_NUM 9u /* 4.3: 3 * (1 - beta) / (1 + beta) */
#define ALPHA_DEN 17u
#define D_MS_MAX                                                                                   \
	(1u << 17) /* |t - K| beyond which every window is outgrown: keeps d^3 in 64 bits */

/* Largest r with r^3 <= x, for x < 2^63. */
static uint32_t cube_root(uint64_t x)
{
	uint64_t r = 0;

	for (uint64_t bit = 1u << 20; bit > 0; bit >>= 1) {
		uint64_t c = r | bit;

		if (c * c * c <= x)
			r = c;
	}
	return (uint32_t)r;
}

/* 4.2: K = cbrt((w_max - cwnd_epoch) / C), here in ms for bytes. */
static uint32_t cubic_k_ms(uint32_t gap, uint32_t mss)
{
	return cube_root((uint64_t)gap * 2500000000u / mss);
}

/* Equation 1, bounded to [0, CC_CWND_MAX]. */
static uint32_t w_cubic(const struct cc *cc, mt_time t_ms)
{
	const struct cc_cubic_state *c = &cc->u.cubic;
	uint64_t d = t_ms > c->k_ms ? t_ms - c->k_ms : c->k_ms - t_ms;

	if (d > D_MS_MAX)
		d = D_MS_MAX;
	uint64_t delta = d * d * d / 1000 * 4 * cc->mss / 10000000;

	if (t_ms < c->k_ms)
		return delta < c->w_max ? c->w_max - (uint32_t)delta : 0;
	return delta < CC_CWND_MAX - c->w_max ? c->w_max + (uint32_t)delta : CC_CWND_MAX;
}

static void epoch_start(struct cc *cc, mt_time now)
{
	struct cc_cubic_state *c = &cc->u.cubic;

	c->epoch_at = c->last_at = now > 0 ? now : 1;
	c->w_est = cc->cwnd;
	c->acked_est = 0;
	cc->acked = 0;
	if (cc->cwnd >=
	    c->w_max) { /* also after a timeout and after slow start without loss: 4.8, 4.10 */
		c->w_max = cc->cwnd;
		c->k_ms = 0;
		return;
	}
	c->k_ms = cubic_k_ms(c->w_max - cc->cwnd, cc->mss);
}

/* Time in which the window did not bound the flight does not count in t (4.2). */
static void epoch_pause(struct cc_cubic_state *c, mt_time since, mt_time now)
{
	if (c->epoch_at == 0)
		return;
	if (since < c->last_at)
		since = c->last_at;
	if (now > since)
		c->epoch_at += now - since;
	c->last_at = now;
}

/* 4.3: what a Reno flow would have now. */
static void grow_est(struct cc *cc, uint32_t n_acked)
{
	struct cc_cubic_state *c = &cc->u.cubic;
	uint32_t unit = c->w_est >= c->cwnd_prior ? cc->mss : cc->mss * ALPHA_NUM / ALPHA_DEN;

	c->acked_est += n_acked;
	c->w_est += cc_grow_by(cc->cwnd, unit, &c->acked_est);
	if (c->w_est > CC_CWND_MAX)
		c->w_est = CC_CWND_MAX;
}

static void grow(struct cc *cc, const struct cc_ack *a, uint32_t n_acked)
{
	struct cc_cubic_state *c = &cc->u.cubic;

	if (c->epoch_at == 0)
		epoch_start(cc, a->now);
	c->last_at = a->now;

	mt_time t_ms = a->now > c->epoch_at ? (a->now - c->epoch_at) / MT_MS : 0;
	uint32_t cap = cc->cwnd + cc->cwnd / 2;
	uint32_t target = w_cubic(cc, t_ms + rtt_srtt_us(a->rtt) / 1000);

	grow_est(cc, n_acked);
	if (w_cubic(cc, t_ms) < c->w_est) {
		if (cc->cwnd < c->w_est)
			cc->cwnd = c->w_est;
		cc->acked = 0;
		return;
	}
	if (target > cap)
		target = cap;
	if (target <= cc->cwnd) { /* 4.2: target = cwnd */
		cc->acked = 0;
		return;
	}
	cc->acked += n_acked;
	cc->cwnd += cc_grow_by(cc->cwnd, target - cc->cwnd, &cc->acked);
	if (cc->cwnd > target)
		cc->cwnd = target;
}

/* 4.10: the first slow start is HyStart++'s; nothing is known of a maximum then. */
static bool first_slow_start(const struct cc *cc)
{
	return cc->ssthresh == UINT32_MAX;
}

static void cubic_on_ack(struct cc *cc, const struct cc_ack *a)
{
	bool slow = cc->cwnd < cc->ssthresh;
	uint32_t rest;

	if (first_slow_start(cc)) {
		if (cc_hystart(cc, &cc->u.cubic.hystart, a))
			cc->u.cubic = (struct cc_cubic_state){0};
		return;
	}
	rest = a->cwnd_limited ? cc_slow_start(cc, a->n_acked) : 0;
	if (rest == 0) {
		epoch_pause(&cc->u.cubic, 0, a->now);
		return;
	}
	/* After an idle time the epoch goes on; a Reno flow would begin here, too (4.3). */
	if (slow && cc->u.cubic.w_est > cc->cwnd)
		cc->u.cubic.w_est = cc->cwnd;
	/* One window is the most that one ACK can cover; more would be a caller's estimate. */
	grow(cc, a, rest < cc->cwnd ? rest : cc->cwnd);
}

static void cubic_init(struct cc *cc)
{
	cc->u.cubic = (struct cc_cubic_state){0};
}

static void cubic_on_loss(struct cc *cc, uint32_t flight, mt_time now)
{
	struct cc_cubic_state *c = &cc->u.cubic;

	(void)now;
	if (first_slow_start(cc))
		*c = (struct cc_cubic_state){0};
	/* 4.7: a flow that lost below its last maximum gives way: w_max = cwnd * (1 + beta) / 2. */
	c->w_max = cc->cwnd < c->w_max ? (uint32_t)((uint64_t)cc->cwnd * 17 / 20) : cc->cwnd;
	c->cwnd_prior = cc->cwnd;
	c->epoch_at = 0;
	cc->ssthresh = cc_reduced(cc, flight, BETA_NUM, BETA_DEN);
	cc->cwnd = cc->ssthresh;
	cc->acked = 0;
}

static void cubic_on_rto(struct cc *cc, uint32_t flight, mt_time now)
{
	cubic_on_loss(cc, flight, now);
	cc->u.cubic.w_max = 0; /* 4.8: the next epoch begins at its own maximum, K = 0 */
	cc->cwnd = cc->mss;
}

static void cubic_on_idle(struct cc *cc, uint32_t init_cwnd, mt_time idle_since, mt_time now)
{
	epoch_pause(&cc->u.cubic, idle_since, now);
	cc_restart(cc, init_cwnd);
}

/* 4.9: the epoch, its maximum and K go on. */
static void cubic_undo(struct cc *cc, const struct cc *before)
{
	cc->u.cubic = before->u.cubic;
}

const struct cc_ops cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_rto = cubic_on_rto,
	.on_idle = cubic_on_idle,
	.undo = cubic_undo,
	.on_ece = cubic_on_loss,
	.plain_start = true,
};
