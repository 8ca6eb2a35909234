// SPDX-License-Identifier: BSD-3-Clause
/* Seventh and eighth step: text and FIN; the acknowledgment and the window we owe for them. */
#include "tcp/arrival.h"
#include "tcp/dsack.h"
#include "tcp/ecn.h"
#include "tcp/internal.h"

/* The FIN is in order: nothing follows it. */
static uint32_t fin_arrived(struct tcb *t)
{
	t->flags |= TF_ACK_NOW;
	switch (t->state) {
	case TCPS_ESTABLISHED:
		tcp_set_state(t, TCPS_CLOSE_WAIT);
		return TCP_EV_EOF;
	case TCPS_FIN_WAIT_1:
		tcp_set_state(t, TCPS_CLOSING);
		return TCP_EV_EOF;
	default: /* FIN-WAIT-2: only states before the peer's FIN get here */
		tcp_set_state(t, TCPS_TIME_WAIT);
		t->rxt_at_us = t->ack_at_us = t->idle_at_ms = 0;
		return TCP_EV_EOF | TCP_EV_TIME_WAIT;
	}
}

uint32_t data_fin(struct tcb *t)
{
	t->rcv_nxt = seq_add(t->rcv_nxt, 1);
	return fin_arrived(t);
}

/* The next in order, and nothing waits behind it. */
void data_in_order(struct arrival *a)
{
	struct tcb *t = a->t;

	a->ev->data_skip = (uint16_t)a->skip;
	a->ev->data_len = (uint16_t)a->len;
	t->rcv_nxt = seq_add(t->rcv_nxt, a->len);
	note_mss(t, a->len);
	deliver(t, a->seg, a->len, a->ev, a->now);
	ack_policy(t, a->seg, a->now);
}

/* In order, with something out of order behind it. */
static enum step data_fills(struct arrival *a)
{
	struct tcb *t = a->t;
	struct tcp_cold *c = cold_of(t);
	tcp_seq from = t->rcv_nxt;
	uint32_t n;

	/* The stream ends at the FIN that came ahead, whatever this segment says. */
	if (c->fin_seen)
		a->len = min_u32(a->len, c->fin_seq.v - from.v);
	dsack_held(t, (struct seq_range){from, seq_add(from, a->len)});
	a->ev->data_skip = (uint16_t)a->skip;
	a->ev->data_len = (uint16_t)a->len;
	t->rcv_nxt = ooo_advance(&c->ooo, seq_add(t->rcv_nxt, a->len));
	n = t->rcv_nxt.v - from.v;
	t->flags |= TF_ACK_NOW; /* RFC 5681 4.2: a hole is filled, in whole or part */
	if (c->fin_seen && seq_gt(t->rcv_nxt, c->fin_seq)) {
		deliver(t, a->seg, n - 1, a->ev, a->now);
		a->ev->flags |= fin_arrived(t);
		return STEP_DONE;
	}
	deliver(t, a->seg, n, a->ev, a->now);
	return STEP_CONTINUE;
}

/* Out of order: stored at its place, acknowledged at once so that the sender learns of the hole.
 * The FIN takes one place in the set, as it does in sequence space. */
static enum step data_ahead(struct arrival *a)
{
	struct tcb *t = a->t;
	struct tcp_cold *c = cold_of(t);
	tcp_seq end = seq_add(a->seq, a->len + a->fin);

	if (a->seg->no_room)
		return arrival_drop(a, TCP_DROP_NO_ROOM);
	t->flags |= TF_ACK_NOW;
	if (!c)
		return arrival_drop(a, TCP_DROP_OOO_FULL);
	/* Nothing lies behind a FIN; who says otherwise is not believed. */
	if (c->fin_seen && (seq_gt(end, seq_add(c->fin_seq, 1)) ||
			    (a->fin && !seq_eq(end, seq_add(c->fin_seq, 1)))))
		return arrival_drop(a, TCP_DROP_SEQ);
	if (a->fin && c->ooo.n && seq_gt(c->ooo.r[c->ooo.n - 1].end, end))
		return arrival_drop(a, TCP_DROP_SEQ);
	dsack_held(t, (struct seq_range){a->seq, end});
	if (!ooo_insert(&c->ooo, a->seq, end))
		return arrival_drop(a, TCP_DROP_OOO_FULL);
	if (a->fin) {
		c->fin_seen = true;
		c->fin_seq = seq_add(a->seq, a->len);
	}
	a->ev->data_skip = (uint16_t)a->skip;
	a->ev->data_len = (uint16_t)a->len;
	a->ev->data_off = a->seq.v - t->rcv_nxt.v;
	note_mss(t, a->len);
	return STEP_DONE;
}

enum step step_text(struct arrival *a)
{
	struct tcb *t = a->t;

	/* After the peer's FIN there is neither text nor another FIN. */
	if (t->state != TCPS_ESTABLISHED && t->state != TCPS_FIN_WAIT_1 &&
	    t->state != TCPS_FIN_WAIT_2)
		return STEP_DONE;
	if (a->skip)
		dsack_old(t, a->seg);
	if (a->len && (t->flags & TF_ORPHAN)) {
		/* Nobody will read it: say so (RFC 1122 4.2.2.13). */
		conn_end(t, true);
		a->ev->flags |= TCP_EV_CLOSED;
		a->ev->drop = TCP_DROP_AFTER_CLOSE;
		return STEP_DONE;
	}
	if ((t->flags & TF_ECN) && a->len)
		ecn_data(t, a->seg);
	if (!seq_eq(a->seq, t->rcv_nxt))
		return a->len || a->fin ? data_ahead(a) : STEP_DONE;
	if (a->len == 0)
		return STEP_CONTINUE;
	if (a->seg->no_room)
		return arrival_drop(a, TCP_DROP_NO_ROOM);
	if (cold_of(t) && cold_of(t)->ooo.n)
		return data_fills(a);
	data_in_order(a);
	return STEP_CONTINUE;
}

enum step step_fin(struct arrival *a)
{
	struct tcb *t = a->t;

	if (!a->fin || !seq_eq(seq_add(a->seq, a->len), t->rcv_nxt))
		return STEP_DONE;
	if (cold_of(t) && cold_of(t)->ooo.n) { /* data behind a FIN: whichever came first counts */
		t->flags |= TF_ACK_NOW;
		return arrival_drop(a, TCP_DROP_SEQ);
	}
	a->ev->flags |= data_fin(t);
	return STEP_DONE;
}
