// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/recovery.h"
#include "tcp/ecn.h"
#include "tcp/internal.h"
#include "tcp/rack.h"
#include "tcp/ranges.h"

/* SACKed bytes below seq. */
static uint32_t sacked_below(const struct sack_board *b, tcp_seq seq)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < b->n && seq_lt(b->r[i].start, seq); i++)
		n += seq_min(b->r[i].end, seq).v - b->r[i].start.v;
	return n;
}

/* RFC 6675 4 SetPipe(), with RACK for IsLost(). */
static uint32_t pipe_sack(const struct tcb *t)
{
	const struct sack_board *b = &cold_of(t)->board;

	if (t->phase == PHASE_OPEN && b->n == 0)
		return flight(t);
	return flight(t) - sack_bytes(b) - rack_lost_bytes(t);
}

uint32_t recovery_pipe_of_losses(const struct tcb *t)
{
	uint32_t n = flight(t), left;

	if (uses_sack(t))
		return pipe_sack(t);
	if (t->phase == PHASE_LOSS) /* only what was sent since */
		return (t->rxt_nxt.v - t->snd_una.v) + (t->snd_nxt.v - t->recover.v);
	/* Each duplicate says that one segment has left the network. Before recovery two of them
	 * may be answered (RFC 3042); in it, all (RFC 6582 3.2 step 3, as a smaller flight, not a
	 * larger window). */
	left = t->phase == PHASE_OPEN ? min_u32(t->n_dup, DUP_THRESH - 1) : t->n_dup;
	return n - min_u32(n, left * mss_of(t));
}

/* An empty pipe takes a segment whatever the window. */
static bool has_room(const struct tcb *t, uint32_t len)
{
	uint32_t pipe = recovery_pipe(t);

	return pipe == 0 || pipe + len <= t->cc.cwnd;
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
	if (uses_sack(t) && cold_of(t)->board.n)
		r->end = cold_of(t)->board.r[0].start;
	return true;
}

/* What is to be mended by a retransmission that the window allows. */
static bool next_lost(const struct tcb *t, struct seq_range *r)
{
	if (uses_sack(t))
		return rack_next_lost(t, r);
	/* NewReno: one segment for each partial acknowledgment, as TF_RXT_HEAD */
	*r = (struct seq_range){seq_max(t->rxt_nxt, t->snd_una), t->recover};
	return t->phase == PHASE_LOSS && seq_lt(r->start, r->end);
}

enum recovery_next recovery_next(const struct tcb *t, uint32_t mss, struct seq_range *r)
{
	if (t->flags & TF_RXT_HEAD)
		return next_head(t, r) && range_cut(t, r, mss) ? RECOVERY_SENDS : RECOVERY_NONE;
	if (t->phase == PHASE_OPEN || (cold_of(t) && cold_of(t)->undo.frto == FRTO_NEW))
		return RECOVERY_NONE;
	if (!next_lost(t, r) || !range_cut(t, r, mss))
		return RECOVERY_NONE;
	return has_room(t, min_u32(range_len(*r), mss)) ? RECOVERY_SENDS : RECOVERY_WAITS;
}

struct seq_range recovery_tail(const struct tcb *t, uint32_t mss)
{
	uint32_t n = min_u32(mss + fin_sent(t), flight(t));

	return (struct seq_range){seq_add(t->snd_nxt, 0u - n), t->snd_nxt};
}

void recovery_sent_new(struct tcb *t, struct seq_range r, mt_time now)
{
	struct tcp_cold *c = cold_of(t);

	xmit_sent(&c->xmit, t->snd_una, r.end, us_of(now), rtt_srtt_us(&t->rtt) / XMIT_MARKS);
	if (seq_eq(r.start, t->snd_una)) /* times of long ago have no order with those of now */
		rack_restart(t);
	if (t->phase == PHASE_RECOVERY)
		prr_sent(&c->prr, range_len(r));
}

void recovery_probed_again(struct tcb *t, struct seq_range r, mt_time now)
{
	struct xmit *x = &cold_of(t)->xmit;

	xmit_advance(x, r.end); /* the last one's time may be of long ago, too */
	recovery_sent_new(t, r, now);
	xmit_resent(x, r, us_of(now));
}

/* What the cold object keeps of it. */
static void note_again(struct tcb *t, struct seq_range r, mt_time now)
{
	struct tcp_cold *c = cold_of(t);

	xmit_resent(&c->xmit, r, rack_stamp(t, r.end, now));
	undo_sent_again(t, r, now);
	if (t->phase == PHASE_RECOVERY)
		prr_sent(&c->prr, range_len(r));
}

void recovery_sent_again(struct tcb *t, struct seq_range r, mt_time now)
{
	if (cold_of(t))
		note_again(t, r, now);
	t->flags &= ~(uint32_t)TF_RXT_HEAD;
	if (t->phase != PHASE_OPEN)
		t->rxt_nxt = seq_max(t->rxt_nxt, r.end);
}

/* What is known of an earlier recovery without the object is carried over: all before rxt_nxt was
 * sent again, all from there to recover is, after a timeout, lost. With SACK it is no longer
 * NewReno's. */
void recovery_attached(struct tcb *t)
{
	struct tcp_cold *c = cold_of(t);
	uint32_t us = t->last_snd_ms * 1000u;

	xmit_init(&c->xmit, us - 1);
	rack_init(t);
	undo_disarm(t);
	if (t->flags & TF_SACK)
		t->flags &= ~(uint32_t)TF_RENO_PARTIAL;
	if (!flight(t))
		return;
	xmit_sent(&c->xmit, t->snd_una, t->phase == PHASE_LOSS ? t->recover : t->snd_nxt, us - 1,
		  0);
	rack_lose_none(t);
	prr_start(&c->prr, flight(t));
	if (t->phase == PHASE_OPEN)
		return;
	if (t->phase == PHASE_LOSS)
		rack_lose_all(t);
	if (seq_lt(t->recover, t->snd_nxt))
		xmit_sent(&c->xmit, t->snd_una, t->snd_nxt, us, 0);
	if (seq_lt(t->snd_una, t->rxt_nxt))
		xmit_resent(&c->xmit, (struct seq_range){t->snd_una, t->rxt_nxt}, us);
}

/* What an ACK says arrived: by its number in [0], then block by block. */
struct arrived {
	uint8_t n;
	struct sack_fresh part[1 + TCP_SACK_MAX];
};

static struct arrived what_arrived(struct tcb *t, const struct tcp_seg *s)
{
	struct arrived w = {.n = 1, .part = {{.r = {t->snd_una, s->ack}}}};
	struct tcp_cold *c = cold_of(t);
	struct sack_news news;

	w.part[0].n_fresh = range_len(w.part[0].r) - sacked_below(&c->board, s->ack);
	if (!(t->flags & TF_SACK)) {
		w.part[0].n_fresh = xmit_fresh(&c->xmit, w.part[0].n_fresh, mss_of(t));
		return w;
	}
	if (!(s->opts & TCPO_SACK))
		return w;
	sack_update(&c->board, s, s->ack, t->snd_nxt, &news);
	for (uint8_t i = 0; i < news.n; i++)
		w.part[w.n++] = news.block[i];
	return w;
}

bool recovery_delivered(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	struct tcp_cold *c = cold_of(t);
	struct xmit_piece latest;
	struct arrived w;

	w = what_arrived(t, s);
	xmit_ack_begin(&c->xmit);
	/* All before any: the order within one ACK is not that of the path. */
	for (uint8_t i = 0; i < w.n; i++)
		rack_reorder(t, &w.part[i]);
	for (uint8_t i = 0; i < w.n; i++)
		if (xmit_delivered(&c->xmit, w.part[i].r, w.part[i].n_fresh, us_of(now), &latest))
			rack_update(t, &latest, s, now);
	return w.n > 1;
}

/* Reno and its kind take FlightSize (RFC 5681 3.1); without SACK no more is known. */
static uint32_t flight_of_loss(const struct tcb *t)
{
	return cc_ops(t)->own_window && uses_sack(t) ? recovery_pipe_of_losses(t) : flight(t);
}

static void enter_recovery(struct tcb *t, mt_time now)
{
	struct tcp_cold *c = cold_of(t);

	if (c)
		undo_arm(t, false);
	if (ecn_loss_is_news(t))
		window_on_loss(t, flight_of_loss(t), now);
	ecn_reduced(t);
	t->xflags &= (uint16_t) ~(XF_TLP | XF_TLP_AGAIN);
	t->phase = PHASE_RECOVERY;
	t->recover = t->snd_nxt;
	t->rxt_nxt = t->snd_una;
	t->flags &= ~(uint32_t)(TF_RENO_PARTIAL | TF_TIMING | TF_CWR | TF_TLP_DUE);
	/* RecoverFS: what this ACK delivered was in flight when the loss was noticed. */
	if (c)
		prr_start(&c->prr, flight(t) - sack_bytes(&c->board) + c->xmit.ack_bytes);
	timer_rto(t, now);
}

bool recovery_duplicate(struct tcb *t, mt_time now)
{
	if (t->phase == PHASE_LOSS) /* all is being sent again anyhow */
		return false;
	if (t->n_dup < UINT16_MAX)
		t->n_dup++;
	if (cold_of(t) && !uses_sack(t))
		xmit_duplicate(&cold_of(t)->xmit, mss_of(t), flight(t), us_of(now));
	if (t->phase != PHASE_OPEN || (t->flags & TF_RENO_HOLD) || t->n_dup < DUP_THRESH)
		return false;
	if (uses_sack(t) && cold_of(t)->board.n) /* recovery_judge knows more */
		return false;
	enter_recovery(t, now);
	t->flags |= TF_RXT_HEAD;
	return true;
}

/* How much may be sent for what this ACK delivered. An empty pipe takes a segment whatever the
 * window (has_room): less than that would only slow a schedule of pacing. */
static void reduce_in_proportion(struct tcb *t, bool safe)
{
	struct tcp_cold *c = cold_of(t);
	struct prr_ack a = {
		.delivered = c->xmit.ack_bytes,
		.pipe = recovery_pipe(t),
		.ssthresh = t->cc.ssthresh,
		.mss = mss_of(t),
		.safe = safe,
	};

	t->cc.cwnd = max_u32(a.pipe + prr_allow(&c->prr, &a), a.mss);
}

/* Losses by time. True: recovery begins. */
static bool judge_losses(struct tcb *t, bool advanced, mt_time now)
{
	uint32_t before = rack_lost_bytes(t), wait_us = rack_detect(t, now);
	uint32_t lost = rack_lost_bytes(t);
	bool begins = t->phase == PHASE_OPEN && lost > 0;

	if (begins)
		enter_recovery(t, now);
	else if (cc_ops(t)->on_sample)
		cold_of(t)->rack.n_lost += lost - before;
	if (t->phase == PHASE_RECOVERY && !cc_ops(t)->own_window)
		reduce_in_proportion(t, advanced && lost <= before);
	if (wait_us &&
	    ((t->flags & TF_PTO) || is_before(us_at(now + wait_us * MT_US), t->rxt_at_us))) {
		t->rxt_at_us = us_at(now + wait_us * MT_US);
		t->flags &= ~(uint32_t)TF_PTO;
		t->xflags |= XF_REO;
	}
	return begins;
}

uint32_t recovery_judge(struct tcb *t, const struct recovery_ack *a)
{
	bool undone = false;
	uint32_t ev = 0;

	if (uses_sack(t) && sack_is_dsack(a->seg) && !a->probe_again &&
	    !undo_is_of_probe(t, a->seg->sack[0])) {
		rack_dsack(t);
		undone = undo_dsack(t, a->seg->sack[0]);
	}
	if (undone || undo_ack(t, a->seg, a->advanced, a->news))
		ev |= TCP_EV_UNDO;
	if (uses_sack(t) && (cold_of(t)->board.n || t->phase != PHASE_OPEN) &&
	    judge_losses(t, a->advanced, a->now))
		ev |= TCP_EV_RETRANSMIT;
	return ev;
}

bool recovery_reo_fired(struct tcb *t, mt_time now)
{
	timer_rto(t, now);
	if (!uses_sack(t))
		return false;
	xmit_ack_begin(&cold_of(t)->xmit);
	return judge_losses(t, false, now);
}

/* RFC 6582 3.2: what a partial acknowledgment took off the flight comes off the inflation, but for
 * one. */
static void reno_partial(struct tcb *t, uint32_t n_acked)
{
	uint32_t segs = n_acked / mss_of(t);
	uint32_t less = segs ? segs - 1 : 0;

	t->n_dup = (uint16_t)(t->n_dup - min_u32(t->n_dup, less));
	t->flags |= TF_RXT_HEAD | TF_RENO_PARTIAL;
}

static void leave_recovery(struct tcb *t)
{
	/* RFC 6582 3.2 step 3 (1): no burst into a pipe that ran empty, be it for the peer's
	 * window. */
	if (t->phase == PHASE_RECOVERY && !(uses_sack(t) && cc_ops(t)->own_window))
		t->cc.cwnd = min_u32(t->cc.ssthresh, max_u32(flight(t), mss_of(t)) + mss_of(t));
	if (uses_sack(t)) {
		rack_recovered(t);
	} else {
		if (seq_eq(t->snd_una, t->recover))
			t->flags |= TF_RENO_HOLD;
	}
	t->phase = PHASE_OPEN;
	t->n_dup = 0;
	t->flags &= ~(uint32_t)(TF_RXT_HEAD | TF_RENO_PARTIAL);
}

void recovery_advanced_any(struct tcb *t, uint32_t n_acked)
{
	if (cold_of(t)) {
		sack_advance(&cold_of(t)->board, t->snd_una);
		xmit_advance(&cold_of(t)->xmit, t->snd_una);
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

static void go_back(struct tcb *t)
{
	t->phase = PHASE_LOSS;
	t->recover = t->snd_nxt;
	t->rxt_nxt = t->snd_una;
	t->n_dup = 0;
	t->flags &= ~(uint32_t)(TF_RXT_HEAD | TF_TIMING | TF_RENO_HOLD | TF_RENO_PARTIAL | TF_CWR |
				TF_TLP_DUE);
	t->xflags &= (uint16_t) ~(XF_TLP | XF_TLP_AGAIN);
	if (uses_sack(t))
		rack_lose_all(t);
}

void recovery_go_back(struct tcb *t)
{
	undo_disarm(t);
	go_back(t);
}

/* The peer may have given up what it SACKed (RFC 2018 8). */
static void forget_sacked(struct tcb *t)
{
	sack_init(&cold_of(t)->board);
	rack_restart(t);
}

void recovery_timeout(struct tcb *t, mt_time now)
{
	/* The window collapses once in a series (RFC 5681 3.1: ssthresh is held for a segment that
	 * timed out again). F-RTO, too, is for the first timeout of a flight only (RFC 5682 2.1
	 * step 1). */
	if (t->n_retries == 0) {
		if (cold_of(t) && t->phase == PHASE_OPEN)
			undo_arm(t, true);
		else
			undo_disarm(t);
		window_on_rto(t, now);
	} else if (cold_of(t)) {
		cold_of(t)->undo.frto = FRTO_OFF;
		forget_sacked(t);
	}
	ecn_reduced(t);
	go_back(t);
}
