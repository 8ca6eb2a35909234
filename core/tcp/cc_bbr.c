// SPDX-License-Identifier: BSD-3-Clause
/*
 * BBR version 1 (draft-cardwell-iccrg-bbr-congestion-control-00): a model of the path, the largest
 * delivery rate of ten rounds and the smallest round trip of ten seconds, sets rate and window. A
 * loss without a timeout says little to it. Its state lives beside the scoreboard in the cold
 * object; a connection that got none has Reno's window. Data of it is not ECT: version 1 has no
 * answer to a mark. Two things are the version's nature, not faults of this one: many flows lose a
 * good part of what they send where the queue holds less than a bandwidth-delay product, and of two
 * the one with the longer round trip gets more.
 */
#include <string.h>

#include "base/num.h"
#include "tcp/cc.h"
#include "tcp/tcp.h"

#define UNIT	      1000u /* of gains */
#define GAIN_HIGH     2885u /* 2 / ln 2: doubles the rate in a round (4.3.1.1) */
#define GAIN_DRAIN    347u  /* 1 / GAIN_HIGH */
#define GAIN_CWND     2000u /* room for ACKs that come late and together (4.2.3.2) */
#define MIN_RTT_TIME  (10 * MT_SEC)
#define HOLD_TIME     MT_SEC
#define HOLD_ROUNDS   (2u * CC_BBR_ROUNDS)
#define PROBE_TIME    (200 * MT_MS)
#define MIN_SEGS      4u
#define FULL_ROUNDS   3u
#define FULL_GROWTH   1250u
#define MARGIN	      990u /* the rate is a little below the bottleneck's */
#define FIRST_RTT_US  1000u
#define QUANTUM_MAX   65536u
#define RATE_ONE_SEG  150000u /* bytes/s below which a quantum is one segment: 1.2 Mbit/s */
#define RATE_TWO_SEGS 3000000u

enum { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };

static const uint16_t cycle_gain[] = {1250, 750, 1000, 1000, 1000, 1000, 1000, 1000};

#define CYCLE (sizeof(cycle_gain) / sizeof(cycle_gain[0]))

static struct cc_bbr_state *state_of(const struct cc *cc)
{
	return cc->u.cold ? &cc->u.cold->bbr : NULL;
}

/* ---- the model ---- */

static uint64_t max_bw(const struct cc_bbr_state *b)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < CC_BBR_ROUNDS; i++)
		most = b->bw[i] > most ? b->bw[i] : most;
	return most;
}

/* The filter's rounds pass only with samples: a silence forgets nothing. */
static void add_bw(struct cc_bbr_state *b, uint64_t bw)
{
	if (b->round - b->bw_round > CC_BBR_ROUNDS)
		b->bw_round = b->round - CC_BBR_ROUNDS;
	while (b->bw_round != b->round)
		b->bw[++b->bw_round % CC_BBR_ROUNDS] = 0;
	if (bw > b->bw[b->round % CC_BBR_ROUNDS])
		b->bw[b->round % CC_BBR_ROUNDS] = bw;
}

/* Without SACK a recovery mends one segment per round trip or goes back over what has long arrived,
 * and then one ACK tells of all that: its rates are not the path's, be they low or high. The filter
 * stands still until something that left later is delivered. A path that has become slower may
 * never let it come to that: what nothing has confirmed for so long is halved. */
static void hold(struct cc_bbr_state *b, const struct cc_ack *a)
{
	mt_time most = HOLD_TIME + HOLD_ROUNDS * (mt_time)b->min_rtt_us * MT_US;

	if (a->newreno) {
		b->held = true;
		b->newreno_end = a->rate->total + a->pipe;
	} else if ((int32_t)(a->rate->prior_delivered - b->newreno_end) > 0) {
		b->held = false;
	}
	if (!b->held || b->restarting) {
		b->bw_at = a->now;
	} else if (a->now - b->bw_at > most) {
		for (unsigned i = 0; i < CC_BBR_ROUNDS; i++)
			b->bw[i] /= 2;
		b->bw_at = a->now;
	}
}

static void note_round(struct cc_bbr_state *b, const struct cc_rate *r)
{
	if (b->conserve_next)
		b->next_round = r->total;
	b->conserve_next = false;
	b->round_start = (int32_t)(r->prior_delivered - b->next_round) >= 0;
	if (!b->round_start)
		return;
	b->next_round = r->total;
	b->round += !b->held;
	b->conserving = false;
}

/* 4.1.1.3: what an idle application, or PROBE_RTT itself, bounded may only raise the estimate. An
 * interval below the round trip is an artefact of ACKs that came together. */
static void note_bw(struct cc_bbr_state *b, const struct cc_rate *r)
{
	bool limited = r->app_limited;
	uint64_t bw;

	if (b->probe_limited && (int32_t)(r->prior_delivered - b->probe_end) <= 0)
		limited = true;
	else
		b->probe_limited = false;
	if (r->interval_us == 0 || (b->min_rtt_us != UINT32_MAX && r->interval_us < b->min_rtt_us))
		return;
	bw = (uint64_t)r->delivered * 1000000 / r->interval_us;
	b->limited = limited;
	if (!b->held && (!limited || bw >= max_bw(b)))
		add_bw(b, bw);
}

static uint32_t quantum(const struct cc *cc, const struct cc_bbr_state *b)
{
	if (b->rate < RATE_ONE_SEG)
		return cc->mss;
	if (b->rate < RATE_TWO_SEGS)
		return 2 * cc->mss;
	return (uint32_t)(b->rate / 1000 < QUANTUM_MAX ? b->rate / 1000 : QUANTUM_MAX);
}

/* 4.2.3.2: gain times the bandwidth-delay product, and what delayed and stretched ACKs hold. */
static uint32_t inflight(const struct cc *cc, const struct cc_bbr_state *b, uint32_t gain)
{
	uint64_t bdp = max_bw(b) * b->min_rtt_us / 1000000;

	if (bdp == 0 || b->min_rtt_us == UINT32_MAX)
		return 10 * cc->mss;
	bdp = bdp * gain / UNIT + 3 * quantum(cc, b);
	return (uint32_t)(bdp < CC_CWND_MAX ? bdp : CC_CWND_MAX);
}

/* ---- the state machine (4.3) ---- */

static uint32_t pacing_gain(const struct cc_bbr_state *b)
{
	switch (b->mode) {
	case BBR_STARTUP:
		return GAIN_HIGH;
	case BBR_DRAIN:
		return GAIN_DRAIN;
	case BBR_PROBE_BW:
		return b->restarting ? UNIT : cycle_gain[b->cycle];
	default:
		return UNIT;
	}
}

static uint32_t cwnd_gain(const struct cc_bbr_state *b)
{
	return b->mode == BBR_STARTUP || b->mode == BBR_DRAIN ? GAIN_HIGH : GAIN_CWND;
}

static void next_phase(struct cc_bbr_state *b, mt_time now)
{
	b->cycle = (uint8_t)((b->cycle + 1) % CYCLE);
	b->cycle_at = now;
}

/* Flows start at different phases, so that they do not probe together; never where it drains. */
static void enter_probe_bw(struct cc_bbr_state *b, mt_time now)
{
	uint32_t mixed = ((uint32_t)(now / MT_US) ^ b->next_round) * 0x9e3779b1u;

	b->mode = BBR_PROBE_BW;
	b->cycle = (uint8_t)(CYCLE - 1 - (mixed >> 16) % (CYCLE - 1));
	next_phase(b, now);
}

static void cycle(const struct cc *cc, struct cc_bbr_state *b, const struct cc_ack *a)
{
	bool full = a->now - b->cycle_at > (mt_time)b->min_rtt_us * MT_US;
	uint32_t gain = cycle_gain[b->cycle];

	if (b->mode != BBR_PROBE_BW)
		return;
	if (gain > UNIT) /* until the probe is in flight, or does not fit */
		full = full && (a->in_recovery || a->flight >= inflight(cc, b, gain));
	else if (gain < UNIT) /* until its queue is gone */
		full = full || a->pipe <= inflight(cc, b, UNIT);
	if (full)
		next_phase(b, a->now);
}

/* 4.3.1.2: three rounds without a quarter more. */
static void check_full(struct cc_bbr_state *b)
{
	uint64_t bw = max_bw(b);

	if (b->filled || !b->round_start || b->limited)
		return;
	if (bw * UNIT >= b->full_bw * FULL_GROWTH) {
		b->full_bw = bw;
		b->n_full = 0;
		return;
	}
	b->filled = ++b->n_full >= FULL_ROUNDS;
}

static void check_drain(const struct cc *cc, struct cc_bbr_state *b, const struct cc_ack *a)
{
	if (b->mode == BBR_STARTUP && b->filled)
		b->mode = BBR_DRAIN;
	if (b->mode == BBR_DRAIN && a->pipe <= inflight(cc, b, UNIT))
		enter_probe_bw(b, a->now);
}

static void save_cwnd(const struct cc *cc, struct cc_bbr_state *b)
{
	if (b->recovering || b->mode == BBR_PROBE_RTT)
		b->prior_cwnd = cc->cwnd > b->prior_cwnd ? cc->cwnd : b->prior_cwnd;
	else
		b->prior_cwnd = cc->cwnd;
}

static void restore_cwnd(struct cc *cc, const struct cc_bbr_state *b)
{
	if (cc->cwnd < b->prior_cwnd)
		cc->cwnd = b->prior_cwnd;
}

/* 4.3.4: the queue of all is emptied for 200 ms and a round. */
static void probe_rtt(struct cc *cc, struct cc_bbr_state *b, const struct cc_ack *a)
{
	b->probe_limited = true;
	b->probe_end = a->rate->total + a->pipe;
	if (b->probe_done_at == 0) {
		if (a->pipe > MIN_SEGS * cc->mss)
			return;
		b->probe_done_at = a->now + PROBE_TIME;
		b->probe_round = false;
		b->next_round = a->rate->total;
		return;
	}
	b->probe_round |= b->round_start;
	if (!b->probe_round || a->now < b->probe_done_at)
		return;
	b->min_rtt_at = a->now;
	restore_cwnd(cc, b);
	if (b->filled)
		enter_probe_bw(b, a->now);
	else
		b->mode = BBR_STARTUP;
}

static void note_rtt(struct cc *cc, struct cc_bbr_state *b, const struct cc_ack *a)
{
	uint32_t us = a->rtt_us;
	bool old = a->now > b->min_rtt_at + MIN_RTT_TIME;

	if (us && (us <= b->min_rtt_us || old)) {
		b->min_rtt_us = us;
		b->min_rtt_at = a->now;
	}
	if (old && !b->restarting && b->mode != BBR_PROBE_RTT) {
		save_cwnd(cc, b);
		b->mode = BBR_PROBE_RTT;
		b->probe_done_at = 0;
	}
	if (b->mode == BBR_PROBE_RTT)
		probe_rtt(cc, b, a);
	b->restarting = false;
}

/* ---- what comes of it (4.2) ---- */

static uint64_t first_rate(const struct cc *cc, uint32_t srtt_us)
{
	return cc->cwnd * (uint64_t)1000 * GAIN_HIGH / (srtt_us ? srtt_us : FIRST_RTT_US);
}

/* 4.2.1: the first window in a round trip, if one is known, is what STARTUP's samples may only
 * raise, be the application's first message ever so small. */
static void set_rate(const struct cc *cc, struct cc_bbr_state *b, uint32_t srtt_us)
{
	uint64_t bw = max_bw(b), rate;

	if (!b->rate) {
		if (!srtt_us)
			return;
		b->rate = first_rate(cc, srtt_us) * MARGIN / UNIT;
	}
	if (bw == 0)
		bw = cc->cwnd * (uint64_t)1000000 / (srtt_us ? srtt_us : FIRST_RTT_US);
	rate = bw * pacing_gain(b) / UNIT * MARGIN / UNIT;
	if (b->filled || rate > b->rate)
		b->rate = rate ? rate : 1;
}

static void take_losses(struct cc *cc, const struct cc_ack *a)
{
	if (a->in_recovery && a->n_lost)
		cc->cwnd = cc->cwnd > a->n_lost + cc->mss ? cc->cwnd - a->n_lost : cc->mss;
}

/* 4.2.3.4: conservation in the first round of a recovery; its end gives back what was before. */
static void modulate(struct cc *cc, struct cc_bbr_state *b, const struct cc_ack *a)
{
	if (a->in_recovery) {
		if (b->conserving && cc->cwnd < a->pipe + a->rate->n_bytes)
			cc->cwnd = a->pipe + a->rate->n_bytes;
	} else if (b->recovering) {
		b->recovering = b->conserving = false;
		restore_cwnd(cc, b);
	}
}

static void set_cwnd(struct cc *cc, struct cc_bbr_state *b, const struct cc_ack *a)
{
	uint32_t target = inflight(cc, b, cwnd_gain(b)), n = a->rate->n_bytes;

	modulate(cc, b, a);
	if (!b->conserving) {
		if (b->filled)
			cc->cwnd = min_u32(cc->cwnd + n, target);
		else if (cc->cwnd < target || a->rate->total < 10 * cc->mss)
			cc->cwnd = min_u32(cc->cwnd + n, CC_CWND_MAX);
	}
	if (cc->cwnd < MIN_SEGS * cc->mss)
		cc->cwnd = MIN_SEGS * cc->mss;
	if (b->mode == BBR_PROBE_RTT)
		cc->cwnd = min_u32(cc->cwnd, MIN_SEGS * cc->mss);
}

static void bbr_on_sample(struct cc *cc, const struct cc_ack *a)
{
	struct cc_bbr_state *b = state_of(cc);

	if (!b)
		return;
	take_losses(cc, a);
	if (!a->rate || a->rate->n_bytes == 0)
		return;
	if (b->min_rtt_at == 0) { /* the first */
		b->min_rtt_at = b->cycle_at = a->now;
		b->next_round = a->rate->prior_delivered;
	}
	hold(b, a);
	note_round(b, a->rate);
	note_bw(b, a->rate);
	cycle(cc, b, a);
	check_full(b);
	check_drain(cc, b, a);
	note_rtt(cc, b, a);
	set_rate(cc, b, rtt_srtt_us(a->rtt));
	set_cwnd(cc, b, a);
}

/* ---- events ---- */

static void bbr_init(struct cc *cc)
{
	struct cc_bbr_state *b = state_of(cc);

	cc->acked = 0;
	if (!b)
		return;
	memset(b, 0, sizeof(*b));
	b->min_rtt_us = UINT32_MAX;
}

/* The model of the path is of bytes and times. */
static void bbr_resize(struct cc *cc, uint32_t from)
{
	struct cc_bbr_state *b = state_of(cc);

	if (b)
		b->prior_cwnd = cc_rescale(b->prior_cwnd, from, cc->mss);
}

static void bbr_on_ack(struct cc *cc, const struct cc_ack *a)
{
	if (!state_of(cc))
		cc_reno_on_ack(cc, a);
}

static void bbr_on_loss(struct cc *cc, uint32_t flight, mt_time now)
{
	struct cc_bbr_state *b = state_of(cc);

	if (!b) {
		cc_reno_on_loss(cc, flight, now);
		return;
	}
	save_cwnd(cc, b);
	b->recovering = b->conserving = true;
	b->conserve_next = true;
	cc->cwnd = min_u32(cc->cwnd, flight + cc->mss);
}

static void bbr_on_rto(struct cc *cc, uint32_t flight, mt_time now)
{
	struct cc_bbr_state *b = state_of(cc);

	if (!b) {
		cc_reno_on_rto(cc, flight, now);
		return;
	}
	save_cwnd(cc, b);
	b->recovering = true;
	b->conserving = false;
	b->full_bw = 0;
	cc->cwnd = cc->mss;
}

/* 4.3.4.4: the pipe is empty; it is filled again at the rate it had. */
static void bbr_on_idle(struct cc *cc, uint32_t init_cwnd, mt_time idle_since, mt_time now)
{
	struct cc_bbr_state *b = state_of(cc);

	if (!b) {
		cc_reno_on_idle(cc, init_cwnd, idle_since, now);
		return;
	}
	b->restarting = true;
	if (b->mode == BBR_PROBE_BW)
		set_rate(cc, b, 0);
}

/* The window it has; in a recovery or a PROBE_RTT the one it would go back to. */
static void bbr_handover(struct cc *cc)
{
	struct cc_bbr_state *b = state_of(cc);
	uint32_t w = cc->cwnd;

	if (!b) /* Reno has a threshold */
		return;
	if ((b->recovering || b->mode == BBR_PROBE_RTT) && w < b->prior_cwnd)
		w = b->prior_cwnd;
	if (w < 2 * cc->mss)
		w = 2 * cc->mss;
	cc->ssthresh = min_u32(cc->ssthresh, w);
}

static uint64_t bbr_pacing_rate(const struct cc *cc, const struct rtt *rtt)
{
	const struct cc_bbr_state *b = state_of(cc);

	if (!b)
		return 0;
	return b->rate ? b->rate : first_rate(cc, rtt_srtt_us(rtt));
}

const struct cc_ops cc_bbr = {
	.name = "bbr",
	.init = bbr_init,
	.resize = bbr_resize,
	.on_ack = bbr_on_ack,
	.on_loss = bbr_on_loss,
	.on_rto = bbr_on_rto,
	.on_idle = bbr_on_idle,
	.handover = bbr_handover,
	.on_sample = bbr_on_sample,
	.pacing_rate = bbr_pacing_rate,
	.cold = true,
	.own_window = true,
};
