// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/rack.h"
#include "tcp/internal.h"
#include "tcp/ranges.h"

#define PERSIST	     16u	/* recoveries without D-SACK after which the window shrinks again */
#define LOST_AGE_MAX (1u << 30) /* microseconds; what is in flight for longer counts as sent then */

void rack_init(struct tcb *t)
{
	struct rack *k = &cold_of(t)->rack;

	k->mult = 1;
	k->persist = 0;
	k->n_lost = 0;
	rack_restart(t);
}

void rack_restart(struct tcb *t)
{
	struct rack *k = &cold_of(t)->rack;

	k->any = k->round = false;
	k->fack = t->snd_una;
	rack_lose_none(t);
}

/* ---- steps 1 to 3: what an ACK tells ---- */

/* Bytes of the range that were sent more than once. */
static uint32_t again_bytes(const struct xmit *x, struct seq_range r)
{
	struct xmit_piece p = xmit_seek(r.start);
	uint32_t n = 0;

	while (xmit_next(x, r.end, &p))
		if (p.again)
			n += range_len(p.r);
	return n;
}

/* Something below the highest delivered arrives only now, and not because it was sent again. */
void rack_reorder(struct tcb *t, const struct sack_fresh *f)
{
	const struct rack *k = &cold_of(t)->rack;
	uint32_t above = 0;

	if (seq_gt(f->r.end, k->fack))
		above = f->r.end.v - seq_max(k->fack, f->r.start).v;
	if (f->n_fresh > above && f->n_fresh - above > again_bytes(&cold_of(t)->xmit, f->r))
		t->xflags |= XF_REORDERED;
}

/* May it be the first transmission that is delivered, not the one at p's time? The echo is that of
 * the segment that moved the receiver's edge (RFC 7323 4.3): it says nothing of what is SACKed. */
static bool ambiguous(const struct tcb *t, const struct xmit_piece *p, const struct tcp_seg *s,
		      mt_time now)
{
	uint32_t age_us = us_of(now) - p->s.at_us;

	if (!p->again)
		return false;
	if ((int32_t)age_us < 0) /* rack_stamp */
		return true;
	if ((t->flags & TF_TS) && (s->opts & TCPO_TS) && s->ts_ecr && seq_leq(p->r.end, s->ack) &&
	    (int32_t)(s->ts_ecr - t->ts_offset - ms_of(now - age_us * MT_US)) < 0)
		return true;
	return age_us < t->rtt.min_us;
}

void rack_update(struct tcb *t, const struct xmit_piece *p, const struct tcp_seg *s, mt_time now)
{
	struct rack *k = &cold_of(t)->rack;
	uint32_t rtt = us_of(now) - p->s.at_us;

	k->fack = seq_max(k->fack, p->r.end);
	if (k->round && seq_geq(s->ack, k->dsack_round))
		k->round = false;
	/* Where nothing is lost, the instant stands still until it would seem to lie ahead. */
	if (p->s.at_us - k->lost_us - LOST_AGE_MAX < INT32_MAX - LOST_AGE_MAX)
		rack_lose_none(t);
	if (ambiguous(t, p, s, now) ||
	    (k->any && !xmit_after(p->s.at_us, p->r.end, k->xmit_us, k->end)))
		return;
	k->any = true;
	k->xmit_us = p->s.at_us;
	k->end = p->r.end;
	k->rtt_us = rtt;
}

/* ---- step 4: the reordering window ---- */

/* Once per round trip. */
void rack_dsack(struct tcb *t)
{
	struct rack *k = &cold_of(t)->rack;

	if (k->round)
		return;
	k->round = true;
	k->dsack_round = t->snd_nxt;
	k->mult = (uint8_t)min_u32(k->mult + 1u, UINT8_MAX);
	k->persist = PERSIST;
}

void rack_recovered(struct tcb *t)
{
	struct rack *k = &cold_of(t)->rack;

	if (k->persist)
		k->persist--;
	if (!k->persist)
		k->mult = 1;
}

static uint32_t reo_wnd_us(const struct tcb *t)
{
	const struct tcp_cold *c = cold_of(t);

	if (!(t->xflags & XF_REORDERED) && (t->phase != PHASE_OPEN || t->n_dup >= DUP_THRESH ||
					    sack_is_lost(&c->board, t->snd_una, mss_of(t))))
		return 0;
	if (t->rtt.min_us == RTT_NONE)
		return 0;
	return (uint32_t)mt_min((uint64_t)t->rtt.min_us * c->rack.mult / 4, rtt_srtt_us(&t->rtt));
}

/* ---- step 5: judging ---- */

/* What is in flight and not delivered, in order. Begins with xmit_seek(snd_una), *i_board = 0. */
static bool next_out(const struct tcb *t, struct xmit_piece *p, uint8_t *i_board)
{
	const struct sack_board *b = &cold_of(t)->board;

	for (;;) {
		bool last = *i_board == b->n;

		if (xmit_next(&cold_of(t)->xmit, last ? t->snd_nxt : b->r[*i_board].start, p))
			return true;
		if (last)
			return false;
		p->r.end = b->r[(*i_board)++].end;
	}
}

static bool is_lost(const struct rack *k, const struct xmit_piece *p)
{
	return xmit_after(k->lost_us, k->lost_end, p->s.at_us, p->r.end);
}

/* The longest wait of what was sent before the newest delivered and is not lost yet. */
static uint32_t longest_wait(const struct tcb *t, uint32_t patience_us, uint32_t now_us)
{
	const struct rack *k = &cold_of(t)->rack;
	struct xmit_piece p = xmit_seek(t->snd_una);
	uint32_t wait = 0;
	uint8_t i = 0;

	while (next_out(t, &p, &i))
		if (!is_lost(k, &p) && xmit_after(k->xmit_us, k->end, p.s.at_us, p.r.end))
			wait = max_u32(wait, p.s.at_us + patience_us + 1 - now_us);
	return wait;
}

uint32_t rack_detect(struct tcb *t, mt_time now)
{
	struct rack *k = &cold_of(t)->rack;
	uint32_t us = k->xmit_us, patience_us;
	tcp_seq end = k->end;

	if (!k->any)
		return 0;
	patience_us = k->rtt_us + reo_wnd_us(t);
	if ((int32_t)(us_of(now) - patience_us - us) < 0) {
		us = us_of(now) - patience_us + 1; /* all that left up to that time */
		end = t->snd_una;
	}
	if (xmit_after(us, end, k->lost_us, k->lost_end)) {
		k->lost_us = us;
		k->lost_end = end;
	}
	return longest_wait(t, patience_us, us_of(now));
}

void rack_lose_all(struct tcb *t)
{
	struct rack *k = &cold_of(t)->rack;

	k->lost_us = cold_of(t)->xmit.last_us + 1;
	k->lost_end = t->snd_una;
	/* A series of timeouts, each at most two minutes after the last, outlives half of the clock
	 * where the peer answers with a closed window, or the user timeout is long. */
	xmit_bound_age(&cold_of(t)->xmit, k->lost_us - LOST_AGE_MAX);
}

void rack_lose_none(struct tcb *t)
{
	struct rack *k = &cold_of(t)->rack;

	k->lost_us = xmit_oldest_us(&cold_of(t)->xmit);
	k->lost_end = t->snd_una;
}

uint32_t rack_lost_bytes(const struct tcb *t)
{
	const struct tcp_cold *c = cold_of(t);
	struct xmit_piece p = xmit_seek(t->snd_una);
	uint32_t n = 0;
	uint8_t i = 0;

	if ((int32_t)(c->rack.lost_us - xmit_oldest_us(&c->xmit)) < 0)
		return 0;
	while (next_out(t, &p, &i))
		if (is_lost(&c->rack, &p))
			n += range_len(p.r);
	return n;
}

bool rack_next_lost(const struct tcb *t, struct seq_range *r)
{
	const struct tcp_cold *c = cold_of(t);
	struct xmit_piece p = xmit_seek(t->snd_una);
	uint8_t i = 0;

	while (next_out(t, &p, &i)) {
		if (is_lost(&c->rack, &p)) {
			*r = p.r;
			return true;
		}
	}
	return false;
}

uint32_t rack_stamp(const struct tcb *t, tcp_seq end, mt_time now)
{
	const struct rack *k = &cold_of(t)->rack;

	return xmit_after(k->lost_us, k->lost_end, us_of(now), end) ? k->lost_us + 1 : us_of(now);
}
