// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/recovery.h"
#include "tcp/ecn.h"
#include "tcp/internal.h"
#include "tcp/ranges.h"

/* SACKed bytes below seq. */
static uint32_t sacked_below(const struct sack_board *b, tcp_seq seq)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < b->n && seq_lt(b->r[i].start, seq); i++)
		n += seq_min(b->r[i].end, seq).v - b->r[i].start.v;
	return n;
}

/* After a timeout only what was sent since is in flight. */
static uint32_t pipe_loss(const struct tcb *t)
{
	uint32_t n = t->rxt_nxt.v - t->snd_una.v;

	if (uses_sack(t))
		n -= sacked_below(&t->cold->board, t->rxt_nxt);
	return n + (t->snd_nxt.v - t->recover.v);
}

uint32_t recovery_pipe(const struct tcb *t)
{
	uint32_t n = flight(t), left;

	if (t->phase == PHASE_LOSS)
		return pipe_loss(t);
	if (uses_sack(t)) {
		if (t->phase == PHASE_OPEN && t->cold->board.n == 0)
			return n;
		return sack_pipe(&t->cold->board, t->snd_una, t->snd_nxt,
				 t->phase == PHASE_OPEN ? t->snd_una : t->rxt_nxt, t->cc.mss);
	}
	/* Each duplicate says that one segment has left the network. Before recovery two of them
	 * may be answered (RFC 3042); in it, all (RFC 6582 3.2 step 3, as a smaller flight, not a
	 * larger window). */
	left = t->phase == PHASE_OPEN ? min_u32(t->n_dup, DUP_THRESH - 1) : t->n_dup;
	return n - min_u32(n, left * t->cc.mss);
}

static bool room_for_one(const struct tcb *t)
{
	uint32_t pipe = recovery_pipe(t);

	return pipe == 0 || pipe + t->cc.mss <= t->cc.cwnd;
}

/* [start, end) cut to mss payload bytes; a FIN may stand behind them. */
static bool range_cut(const struct tcb *t, struct seq_range *r, uint32_t mss)
{
	tcp_seq most = seq_add(r->start, mss);

	if (seq_geq(r->start, r->end))
		return false;
	if (seq_eq(most, t->snd_end) && seq_gt(r->end, most))
		most = r->end;
	r->end = seq_min(r->end, most);
	return true;
}

static bool next_head(const struct tcb *t, struct seq_range *r)
{
	*r = (struct seq_range){t->snd_una, t->snd_nxt};
	if (uses_sack(t) && t->cold->board.n)
		r->end = t->cold->board.r[0].start;
	return true;
}

static bool next_lost(const struct tcb *t, struct seq_range *r)
{
	tcp_seq from = seq_max(t->rxt_nxt, t->snd_una);

	*r = (struct seq_range){from, t->recover};
	if (uses_sack(t) && t->cold->board.n) {
		const struct sack_board *b = &t->cold->board;

		if (sack_next_hole(b, from, t->snd_una, &r->start, &r->end))
			return seq_lt(r->start, t->recover);
		r->start = seq_max(from, b->r[b->n - 1].end); /* above all that was SACKed */
	}
	return seq_lt(r->start, r->end);
}

bool recovery_next(const struct tcb *t, uint32_t mss, struct seq_range *r)
{
	if (t->flags & TF_RXT_HEAD)
		return next_head(t, r) && range_cut(t, r, mss);
	if (t->phase == PHASE_OPEN)
		return false;
	if (t->phase == PHASE_LOSS)
		return next_lost(t, r) && room_for_one(t) && range_cut(t, r, mss);
	if (!uses_sack(
		    t)) /* NewReno: one segment for each partial acknowledgment, as TF_RXT_HEAD */
		return false;
	/* RFC 6675 NextSeg rule 1 */
	return sack_next_hole(&t->cold->board, t->rxt_nxt, t->snd_una, &r->start, &r->end) &&
	       sack_is_lost(&t->cold->board, r->start, t->cc.mss) && room_for_one(t) &&
	       range_cut(t, r, mss);
}

bool recovery_last(const struct tcb *t, uint32_t mss, struct seq_range *r)
{
	const struct sack_board *b;

	if (t->phase != PHASE_RECOVERY || !uses_sack(t) || !room_for_one(t))
		return false;
	b = &t->cold->board;
	if (sack_next_hole(b, t->rxt_nxt, t->snd_una, &r->start, &r->end)) /* rule 3 */
		return range_cut(t, r, mss);
	/* Rule 4, only when all that was sent again has arrived and nothing is known of the rest:
	 * once in a recovery the very last segment, whose SACK will tell. */
	if ((t->flags & TF_RESCUED) || b->n || seq_gt(t->rxt_nxt, t->snd_una))
		return false;
	r->end = t->snd_nxt;
	r->start = seq_add(r->end, 0u - min_u32(mss, flight(t)));
	return true;
}

void recovery_sent_new(struct tcb *t, mt_time now)
{
	xmit_sent(&t->cold->xmit, t->snd_una, t->snd_nxt, us_of(now),
		  rtt_srtt_us(&t->rtt) / XMIT_MARKS);
}

void recovery_sent_again(struct tcb *t, struct seq_range r, mt_time now)
{
	if (t->cold)
		xmit_resent(&t->cold->xmit, r, us_of(now));
	t->flags &= ~(uint32_t)TF_RXT_HEAD;
	if (t->phase == PHASE_OPEN)
		return;
	if (t->phase == PHASE_RECOVERY && seq_eq(r.end, t->snd_nxt) &&
	    seq_gt(r.start, t->rxt_nxt)) {
		t->flags |= TF_RESCUED; /* rule 4 does not move HighRxt */
		return;
	}
	t->rxt_nxt = seq_max(t->rxt_nxt, r.end);
}

void recovery_attached(struct tcb *t)
{
	struct xmit *x = &t->cold->xmit;
	uint32_t us = t->last_snd_ms * 1000u;

	xmit_init(x, us);
	if (flight(t))
		xmit_sent(x, t->snd_una, t->snd_nxt, us, 0);
}

/* The SACK blocks of an ACK. */
static bool take_sack(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	struct tcp_cold *c = t->cold;
	struct sack_news news;

	sack_update(&c->board, s, t->snd_una, t->snd_nxt, &news);
	for (uint8_t i = 0; i < news.n; i++)
		xmit_delivered(&c->xmit, news.block[i].r, news.block[i].n_fresh, us_of(now));
	return news.n > 0;
}

bool recovery_delivered(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	struct tcp_cold *c = t->cold;

	if (!c)
		return false;
	xmit_ack_begin(&c->xmit);
	if (seq_gt(s->ack, t->snd_una)) {
		struct seq_range r = {t->snd_una, s->ack};

		xmit_delivered(&c->xmit, r, range_len(r) - sacked_below(&c->board, r.end),
			       us_of(now));
	}
	return uses_sack(t) && (s->opts & TCPO_SACK) && take_sack(t, s, now);
}

static void enter_recovery(struct tcb *t, mt_time now)
{
	if (ecn_loss_is_news(t))
		t->cc.ops->on_loss(&t->cc, flight(t), now);
	ecn_reduced(t);
	t->phase = PHASE_RECOVERY;
	t->recover = t->snd_nxt;
	t->rxt_nxt = t->snd_una;
	t->flags |= TF_RXT_HEAD;
	t->flags &= ~(uint32_t)(TF_RENO_PARTIAL | TF_RESCUED | TF_TIMING | TF_CWR);
}

bool recovery_duplicate(struct tcb *t, mt_time now)
{
	bool lost;

	if (t->phase == PHASE_LOSS) /* all is being sent again anyhow */
		return false;
	if (t->n_dup < UINT16_MAX)
		t->n_dup++;
	if (t->phase != PHASE_OPEN || (t->flags & TF_RENO_HOLD))
		return false;
	lost = t->n_dup >= DUP_THRESH;
	if (!lost && uses_sack(t))
		lost = sack_is_lost(&t->cold->board, t->snd_una, t->cc.mss);
	if (lost)
		enter_recovery(t, now);
	return lost;
}

/* RFC 6582 3.2: what a partial acknowledgment took off the flight comes off the inflation, but for
 * one. */
static void reno_partial(struct tcb *t, uint32_t n_acked)
{
	uint32_t segs = n_acked / t->cc.mss;
	uint32_t less = segs ? segs - 1 : 0;

	t->n_dup = (uint16_t)(t->n_dup - min_u32(t->n_dup, less));
	t->flags |= TF_RXT_HEAD | TF_RENO_PARTIAL;
}

static void leave_recovery(struct tcb *t)
{
	if (!uses_sack(t)) {
		/* RFC 6582 3.2 step 3 (1): no burst into an empty pipe. */
		if (t->phase == PHASE_RECOVERY)
			t->cc.cwnd =
				min_u32(t->cc.ssthresh, max_u32(flight(t), t->cc.mss) + t->cc.mss);
		if (seq_eq(t->snd_una, t->recover))
			t->flags |= TF_RENO_HOLD;
	}
	t->phase = PHASE_OPEN;
	t->n_dup = 0;
	t->flags &= ~(uint32_t)(TF_RXT_HEAD | TF_RENO_PARTIAL);
}

void recovery_advanced(struct tcb *t, uint32_t n_acked)
{
	t->flags &= ~(uint32_t)TF_RENO_HOLD;
	if (t->cold) {
		sack_advance(&t->cold->board, t->snd_una);
		xmit_advance(&t->cold->xmit, t->snd_una);
	}
	if (t->phase == PHASE_OPEN) {
		t->n_dup = 0;
		return;
	}
	t->rxt_nxt = seq_max(t->rxt_nxt, t->snd_una);
	if (seq_geq(t->snd_una, t->recover)) {
		leave_recovery(t);
		return;
	}
	if (t->phase == PHASE_RECOVERY && !uses_sack(t))
		reno_partial(t, n_acked);
}

void recovery_go_back(struct tcb *t)
{
	t->phase = PHASE_LOSS;
	t->recover = t->snd_nxt;
	t->rxt_nxt = t->snd_una;
	t->n_dup = 0;
	t->flags &= ~(uint32_t)(TF_RXT_HEAD | TF_TIMING | TF_RENO_HOLD | TF_RENO_PARTIAL | TF_CWR);
}

void recovery_timeout(struct tcb *t, mt_time now)
{
	/* The window collapses once in a series (RFC 5681 3.1: ssthresh is held for a segment that
	 * timed out again). A series means that the SACKed bytes may have been given up by the peer
	 * (RFC 2018 8). */
	if (t->n_retries == 0)
		t->cc.ops->on_rto(&t->cc, flight(t), now);
	else if (t->cold)
		sack_init(&t->cold->board);
	ecn_reduced(t);
	recovery_go_back(t);
}
