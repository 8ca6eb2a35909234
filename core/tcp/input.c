// SPDX-License-Identifier: BSD-3-Clause
/* Segment arrival (RFC 9293 3.10.7): the steps up to the SYN bit; the others are in input_ack.c,
 * input_data.c. */
#include <errno.h>

#include "base/inline.h"
#include "tcp/arrival.h"
#include "tcp/dsack.h"
#include "tcp/fastpath.h"
#include "tcp/internal.h"
#include "tcp/recovery.h"
#include "tcp/syn_data.h"
#include "tcp/message.h"

bool arrival_challenge(struct arrival *a)
{
	struct tcb *t = a->t;
	uint32_t ms = ms_of(a->now);

	/* The budget is the connection's own: a shared one tells a third party what happens here.
	 */
	if (ms - t->challenge_ms < CHALLENGE_MS)
		return false;
	t->challenge_ms = ms;
	t->flags |= TF_ACK_NOW;
	a->ev->flags |= TCP_EV_CHALLENGE;
	return true;
}

/* A bad ACK before synchronisation: <SEQ=SEG.ACK><CTL=RST>. */
static enum step stray_reset(struct arrival *a)
{
	if (!(a->seg->flags & TCPF_RST)) {
		a->t->rxt_nxt = a->seg->ack; /* nothing is retransmitted from it yet */
		a->t->flags |= TF_STRAY_RST;
	}
	return arrival_drop(a, TCP_DROP_ACK);
}

/* ---- 3.10.7.3 SYN-SENT ---- */

/* A SYN/ACK that echoes a timestamp we did not send since our first SYN belongs to another
 * connection. */
static bool echo_is_ours(const struct arrival *a)
{
	const struct tcb *t = a->t;
	uint32_t age = ms_of(a->now) - (a->seg->ts_ecr - t->ts_offset);

	if (!t->cfg->timestamps || !(a->seg->opts & TCPO_TS) || a->seg->ts_ecr == 0)
		return true;
	return age <= ms_of(a->now) - t->unacked_ms;
}

static enum step synsent_check(struct arrival *a)
{
	const struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;
	bool acks = s->flags & TCPF_ACK;

	if (acks && !(seq_gt(s->ack, t->snd_una) && seq_leq(s->ack, t->snd_nxt)))
		return stray_reset(a);
	if (s->flags & TCPF_RST) {
		if (!acks)
			return arrival_drop(a, TCP_DROP_RST);
		conn_fail(a->t, ECONNREFUSED, false, a->ev);
		return STEP_DONE;
	}
	if (!(s->flags & TCPF_SYN))
		return arrival_drop(a, TCP_DROP_SYN);
	if (acks && !echo_is_ours(a)) {
		stray_reset(a);
		return arrival_drop(a, TCP_DROP_PAWS);
	}
	return STEP_CONTINUE;
}

static enum step synsent_open(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	open_take_syn(t, s, a->now);
	if (!(s->flags & TCPF_ACK)) { /* simultaneous open: what came with the SYN comes again */
		t->flags |= TF_SYN_DUE;
		t->xflags &= (uint16_t)~XF_HOLD;
		tcp_set_state(t, TCPS_SYN_RCVD);
		return STEP_DONE;
	}
	ack_measure(t, s, a->now);
	open_established(t, a->now, a->ev);
	fastopen_acked(a);
	t->flags |= TF_ACK_NOW;
	a->seq = seq_add(s->seq, 1);
	a->len = min_u32(s->len, rcv_wnd(t));
	a->fin = (s->flags & TCPF_FIN) && s->len < rcv_wnd(t);
	return STEP_CONTINUE;
}

/* ---- 3.10.7.4, first: sequence number ---- */

/* RFC 7323 5.3 R1. A reset is exempt. */
static enum step step_paws(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	if (!(t->flags & TF_TS) || (s->flags & TCPF_RST))
		return STEP_CONTINUE;
	if (!(s->opts & TCPO_TS)) {
		if (s->flags & TCPF_SYN) /* RFC 5961 4: of a peer that has started anew */
			arrival_challenge(a);
		return arrival_drop(a, TCP_DROP_PAWS);
	}
	if ((int32_t)(s->ts_val - t->ts_recent) >= 0)
		return STEP_CONTINUE;
	if (!paws_old(t, s, a->now)) {
		t->ts_recent = s->ts_val;
		return STEP_CONTINUE;
	}
	if (s->len) {
		dsack_old(t, s); /* the original, behind its repetition */
		t->flags |= TF_ACK_NOW;
	} else {
		arrival_challenge(a);
	}
	return arrival_drop(a, TCP_DROP_PAWS);
}

/* RFC 9293 3.10.7.4, table 6, plus its allowance for a closed window: control information at its
 * edge. */
static bool acceptable(const struct tcb *t, const struct tcp_seg *s)
{
	uint32_t n = seg_len(s), wnd = rcv_wnd(t);
	int32_t first = seq_diff(s->seq, t->rcv_nxt);

	if (first == 0)
		return true;
	if (first > 0)
		return (uint32_t)first < wnd;
	if (n == 0 || wnd == 0)
		return false;
	int32_t last = seq_diff(seq_add(s->seq, n - 1), t->rcv_nxt);

	return last >= 0;
}

/* RFC 7323 4.3 (2) for a segment that repeats what was received not long ago, from a peer that
 * knows what we sent: its ACK was lost. The answer echoes the repetition's timestamp; with that of
 * the original the peer would take its own timeout for a round trip, and each such loss would
 * lengthen the next timeout. */
static void note_repetition(struct tcb *t, const struct tcp_seg *s)
{
	uint32_t behind = t->rcv_nxt.v - s->seq.v;

	bool acks = (s->flags & TCPF_ACK) && t->snd_nxt.v - s->ack.v <= t->max_snd_wnd + flight(t);

	if (acks && behind <= t->rcvbuf)
		ts_note(t, s);
}

/* Not acceptable: answered by an ACK, which is rate-limited unless data came (then the sender's
 * timer limits it), so that two confused ends do not answer each other for ever. */
static enum step sequence_refuse(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	if (s->flags & TCPF_RST)
		return arrival_drop(a, TCP_DROP_RST);
	if (fastopen_syn_again(t, s)) {
		ts_note(t, s); /* as in note_repetition */
		if (arrival_challenge(a))
			t->flags |= TF_SYN_DUE;
		return arrival_drop(a, TCP_DROP_SEQ);
	}
	if (s->len || (s->flags & TCPF_FIN)) {
		note_repetition(t, s);
		dsack_old(t, s);
		t->flags |= TF_ACK_NOW;
		return arrival_drop(a, TCP_DROP_SEQ);
	}
	bool again = t->state == TCPS_SYN_RCVD && (s->flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN &&
		     seq_eq(seq_add(s->seq, 1), t->rcv_nxt);

	if (again)
		ts_note(t, s); /* as in note_repetition */
	else if (s->flags & TCPF_SYN) /* a SYN/ACK: our ACK of it was lost */
		note_repetition(t, s);
	if (arrival_challenge(a) && again)
		t->flags |= TF_SYN_DUE; /* our SYN/ACK was lost */
	return arrival_drop(a, TCP_DROP_SEQ);
}

static void sequence_trim(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;
	uint32_t wnd;

	a->seq = s->seq;
	a->len = s->len;
	a->fin = s->flags & TCPF_FIN;
	if (seq_lt(a->seq, t->rcv_nxt)) {
		a->skip = min_u32(t->rcv_nxt.v - a->seq.v, a->len);
		a->len -= a->skip;
		a->seq = t->rcv_nxt;
	}
	wnd = t->rcv_adv.v - a->seq.v;
	if (a->len + a->fin > wnd) { /* beyond the right edge: nothing of it is kept */
		a->fin = false;
		a->len = min_u32(a->len, wnd);
		if (!(s->flags & TCPF_RST))
			t->flags |= TF_ACK_NOW;
	}
}

static enum step step_sequence(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;

	/* The SYN/ACK of a simultaneous open repeats the SYN we have: only its ACK is news (3.5).
	 */
	a->crossed = t->state == TCPS_SYN_RCVD && (t->flags & TF_ACTIVE) &&
		     (s->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == (TCPF_SYN | TCPF_ACK) &&
		     seq_eq(seq_add(s->seq, 1), t->rcv_nxt);

	if (a->crossed) {
		a->seq = t->rcv_nxt;
		t->last_rcv_ms = ms_of(a->now);
		return STEP_CONTINUE;
	}
	if (!acceptable(t, s))
		return sequence_refuse(a);
	sequence_trim(a);
	t->last_rcv_ms = ms_of(a->now);
	t->n_keep = 0;
	return STEP_CONTINUE;
}

/* ---- second: RST (RFC 5961 3) ---- */

static enum step step_rst(struct arrival *a)
{
	struct tcb *t = a->t;

	if (!(a->seg->flags & TCPF_RST))
		return STEP_CONTINUE;
	if (!seq_eq(a->seg->seq, t->rcv_nxt)) {
		if (seq_gt(a->seg->seq, t->rcv_nxt)) /* it may begin before the window, with text */
			arrival_challenge(a);
		return arrival_drop(a, TCP_DROP_RST);
	}
	bool refused = t->state == TCPS_SYN_RCVD && (t->flags & TF_ACTIVE);

	conn_fail(t, refused ? ECONNREFUSED : ECONNRESET, false, a->ev);
	return STEP_DONE;
}

/* ---- fourth: SYN (RFC 5961 4); third, security, has no mechanism here ---- */

static enum step step_syn(struct arrival *a)
{
	if (!(a->seg->flags & TCPF_SYN) || a->crossed)
		return STEP_CONTINUE;
	arrival_challenge(a);
	return arrival_drop(a, TCP_DROP_SYN);
}

typedef enum step (*step_fn)(struct arrival *);

/* Sixth, URG: the pointer is not looked at; urgent data is data at its place in the stream (RFC
 * 6093 6). */
static const step_fn synsent_steps[] = {synsent_check, synsent_open, step_text, step_fin, NULL};
static const step_fn sync_steps[] = {step_paws, step_sequence, step_rst, step_syn,
				     step_ack,	step_text,     step_fin, NULL};

static void note_holes(struct tcb *t)
{
	bool holes =
		(t->xflags & XF_TLP) || (cold_of(t) && (cold_of(t)->ooo.n || cold_of(t)->board.n));

	t->flags = holes ? t->flags | TF_HOLES : t->flags & ~(uint32_t)TF_HOLES;
}

static NEVER_INLINE void input_slow(struct arrival *a)
{
	const step_fn *next = sync_steps;

	if (a->t->state == TCPS_CLOSED || a->t->state == TCPS_TIME_WAIT) {
		arrival_drop(a, TCP_DROP_STATE);
		return;
	}
	if (a->t->state == TCPS_SYN_SENT)
		next = synsent_steps;
	while (*next && (*next)(a) == STEP_CONTINUE)
		next++;
	note_holes(a->t);
	timer_settle(a->t, a->now);
}

struct tcp_events tcp_input_any(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	struct tcp_events ev = {0};
	struct arrival a = {.t = t, .seg = s, .ev = &ev, .now = now};

	if (fastpath_takes(t, s))
		fastpath_input(&a);
	else
		input_slow(&a);
	return ev;
}

static struct tcp_events message_input(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	struct tcp_clock k = tcp_clock_of(now);
	struct tcp_events ev = {.data_len = s->len, .n_readable = s->len};

	ev.flags = TCP_EV_FAST | TCP_EV_READABLE | message_in(t, s, &k, &ev.n_acked);
	ev.flags |= ev.n_acked ? TCP_EV_WRITABLE : 0;
	return ev;
}

struct tcp_events tcp_input(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	struct tcp_events ev = {0};

	if (message_takes(t, s))
		return message_input(t, s, now);
	if (!usual_takes(t, s, false))
		return tcp_input_any(t, s, now);
	usual_input(t, s, &ev, now, false);
	return ev;
}
