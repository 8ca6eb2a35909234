// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/undo.h"
#include "tcp/internal.h"
#include "tcp/output.h"
#include "tcp/rack.h"
#include "tcp/ranges.h"

#define FRTO_NEW_SEGS  2u /* RFC 5682 2.1 step 2b */
#define FRTO_REAL_SEGS 3u /* step 3a */

void undo_arm(struct tcb *t, bool timeout)
{
	struct undo *u = &cold_of(t)->undo;

	*u = (struct undo){
		.armed = true,
		.first = true,
		.probe = t->xflags & XF_TLP_AGAIN,
		.frto = timeout ? FRTO_HEAD : FRTO_OFF,
		.from = t->snd_una,
		.to = t->snd_nxt,
		.head_end = t->snd_una,
		.probe_end = t->tlp_end,
		.cc = window_now(t),
	};
}

void undo_disarm(struct tcb *t)
{
	if (!cold_of(t))
		return;
	cold_of(t)->undo.armed = cold_of(t)->undo.probe = false;
	cold_of(t)->undo.frto = FRTO_OFF;
}

void undo_sent_again(struct tcb *t, struct seq_range r, mt_time now)
{
	struct undo *u = &cold_of(t)->undo;

	if (!u->armed || seq_geq(r.start, u->to)) /* that is another matter */
		return;
	if (!u->sent)
		u->at_ms = ms_of(now);
	u->sent = true;
	u->n_bytes += range_len(r);
	if (u->frto == FRTO_HEAD)
		u->head_end = seq_max(u->head_end, r.end);
}

/* That original and repetition overtook each other is reordering too, and of a kind that RACK's own
 * detection does not see. */
static void undo_now(struct tcb *t)
{
	if (t->phase == PHASE_RECOVERY)
		t->xflags |= XF_REORDERED;
	window_undo(t, &cold_of(t)->undo.cc);
	undo_disarm(t);
	t->phase = PHASE_OPEN;
	t->n_dup = 0;
	t->flags &= ~(uint32_t)(TF_RXT_HEAD | TF_RENO_PARTIAL);
	if (uses_sack(t))
		rack_lose_none(t);
}

bool undo_is_of_probe(struct tcb *t, struct seq_range dup)
{
	struct undo *u = &cold_of(t)->undo;

	if (!u->probe || !seq_eq(dup.end, u->probe_end))
		return false;
	u->probe = false;
	return true;
}

bool undo_dsack(struct tcb *t, struct seq_range dup)
{
	struct undo *u = &cold_of(t)->undo;

	if (!u->armed || !u->sent || seq_lt(dup.start, u->from) || seq_gt(dup.end, u->to))
		return false;
	u->n_bytes -= min_u32(u->n_bytes, range_len(dup));
	if (u->n_bytes)
		return false;
	undo_now(t);
	return true;
}

/* RFC 3522 3.2 step 5 */
static bool echo_is_older(const struct tcb *t, const struct tcp_seg *s)
{
	const struct undo *u = &cold_of(t)->undo;

	return (t->flags & TF_TS) && (s->opts & TCPO_TS) && s->ts_ecr &&
	       (int32_t)(s->ts_ecr - t->ts_offset - u->at_ms) < 0;
}

/* Step 2, of an ACK that advances but not over all that was in flight. */
static void frto_head(struct tcb *t)
{
	struct undo *u = &cold_of(t)->undo;

	u->frto = FRTO_OFF;
	if (seq_lt(t->snd_una, u->head_end))
		return;
	t->cc.cwnd = min_u32(t->cc.cwnd, FRTO_NEW_SEGS * mss_of(t));
	u->frto = FRTO_NEW;
	if (!output_can_send_new(t))
		u->frto = FRTO_OFF;
}

/* True: the timeout was spurious. */
static bool frto_ack(struct tcb *t, bool advanced, bool news)
{
	struct undo *u = &cold_of(t)->undo;

	switch (u->frto) {
	case FRTO_HEAD:
		if (advanced)
			frto_head(t);
		else if (!news) /* 3.1: SACK alone is noted */
			u->frto = FRTO_OFF;
		return false;
	case FRTO_NEW:
		u->frto = FRTO_OFF;
		if (advanced)
			return true;
		t->cc.cwnd = FRTO_REAL_SEGS * mss_of(t);
		return false;
	default:
		return false;
	}
}

bool undo_ack(struct tcb *t, const struct tcp_seg *s, bool advanced, bool news)
{
	struct undo *u = &cold_of(t)->undo;
	bool spurious = u->armed && u->first && u->sent && advanced && echo_is_older(t, s);

	if (advanced)
		u->first = false;
	/* The ACK that step 3 waits for may be of all, and have ended the recovery. */
	if (!spurious && (t->phase == PHASE_LOSS || u->frto == FRTO_NEW))
		spurious = frto_ack(t, advanced, news) && u->armed;
	if (spurious)
		undo_now(t);
	return spurious;
}
