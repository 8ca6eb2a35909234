// SPDX-License-Identifier: BSD-3-Clause
/* What is due when, and what happens then. Instants are fields: an acknowledgment that puts a timer
 * off writes the field and nothing else. */
#include <errno.h>

#include "tcp/internal.h"
#include "tcp/output.h"
#include "tcp/pace.h"
#include "tcp/place.h"
#include "tcp/recovery.h"
#include "tcp/rxt.h"
#include "tcp/tlp.h"

mt_time tcp_deadline(const struct tcb *t, mt_time now)
{
	mt_time at = tcp_next_timeout(t, now / MT_US);

	if (t->idle_at_ms)
		at = mt_min(at, tcp_instant(t->idle_at_ms, now / MT_MS, MT_MS));
	if ((t->xflags & XF_PACE) && (unsent_len(t) || t->phase != PHASE_OPEN))
		at = mt_min(at, t->own->pace_at);
	return at;
}

void timer_rto(struct tcb *t, mt_time now)
{
	rxt_restart(t, now);
}

static bool cork_holds(const struct tcb *t)
{
	uint32_t avail = t->snd_end.v - t->snd_nxt.v;

	return (t->flags & TF_CORK) && !(t->flags & (TF_FIN | TF_CORK_FLUSH)) && avail &&
	       avail < mss_of(t) && !syn_unsent(t);
}

static void settle_cork(struct tcb *t, mt_time now)
{
	if (cork_holds(t)) {
		if (!(t->flags & TF_CORK_TIMED)) {
			t->flags |= TF_CORK_TIMED;
			if (is_before(ms_at(now + CORK_MAX), t->idle_at_ms))
				t->idle_at_ms = ms_at(now + CORK_MAX);
		}
		return;
	}
	if (t->flags & TF_CORK_TIMED)
		timer_keepalive(t, now);
}

void timer_settle_waiting(struct tcb *t, mt_time now)
{
	if (t->flags & (TF_CORK | TF_CORK_TIMED))
		settle_cork(t, now);
	/* With something in flight rxt_at runs; otherwise only the window can hold data back for
	 * ever. */
	if (t->rxt_at_us || !unsent(t) || syn_unacked(t) || t->state == TCPS_CLOSED || flight(t) ||
	    (t->flags & TF_CORK_TIMED))
		return;
	if (!output_can_send_new(t)) {
		t->flags |= TF_PERSIST;
		t->unacked_ms = ms_of(now);
		rxt_start(t, now);
	}
}

void timer_keepalive(struct tcb *t, mt_time now)
{
	t->flags &= ~(uint32_t)TF_CORK_TIMED; /* settle_cork times again what is still held */
	t->idle_at_ms = 0;
	if (t->state == TCPS_FIN_WAIT_2 && (t->flags & TF_ORPHAN))
		t->idle_at_ms = ms_at(now + t->cfg->fin_wait2_ms * MT_MS);
	else if ((t->flags & TF_KEEPALIVE) && t->state >= TCPS_ESTABLISHED)
		t->idle_at_ms = ms_at(now + keep_idle_ms(t) * MT_MS);
}

/* A user timeout stands for the retries of data; of a SYN it can shorten them only, as in Linux. */
static bool timed_out(const struct tcb *t, uint8_t retries, mt_time now)
{
	if (syn_unacked(t) && t->n_retries >= retries)
		return true;
	if (user_timeout_ms(t))
		return ms_of(now) - t->unacked_ms >= user_timeout_ms(t);
	return t->n_retries >= retries;
}

/* Nobody waits any more for what is left of a connection that is closed, and it holds memory. */
static uint8_t data_retries(const struct tcb *t)
{
	uint8_t n = t->cfg->data_retries, alone = t->cfg->orphan_retries;

	return (t->flags & TF_ORPHAN) && alone < n ? alone : n;
}

static void count_retry(struct tcb *t)
{
	if (t->n_retries < UINT8_MAX)
		t->n_retries++;
	rtt_backoff(&t->rtt);
}

/* RFC 9293 3.8.6.1: the interval grows as the retransmission timeout does. */
static void persist_fired(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	if (timed_out(t, data_retries(t), now)) {
		conn_fail(t, ETIMEDOUT, false, ev);
		return;
	}
	count_retry(t);
	t->flags |= TF_PROBE_DUE;
	ev->flags |= TCP_EV_PROBE;
	rxt_start(t, now);
}

static void rto_fired(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	bool syn = syn_unacked(t);

	if (timed_out(t, syn ? t->cfg->syn_retries : data_retries(t), now)) {
		conn_fail(t, ETIMEDOUT, false, ev);
		return;
	}
	ev->flags |= TCP_EV_RTO;
	pace_restart(t, now);
	if (syn)
		t->flags |= TF_SYN_DUE;
	else {
		pmtu_timeout(t, now, ev);
		recovery_timeout(t, now);
	}
	count_retry(t);
	rxt_start(t, now);
}

/* One timer for four things that exclude each other (RFC 8985 8). */
static void rxt_fired(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	if (t->flags & TF_PERSIST)
		persist_fired(t, now, ev);
	else if (t->flags & TF_PTO)
		tlp_fired(t, now, ev);
	else if (t->xflags & XF_REO)
		ev->flags |= recovery_reo_fired(t, now) ? TCP_EV_RETRANSMIT : 0;
	else
		rto_fired(t, now, ev);
}

/* RFC 9293 3.8.4. What was received meanwhile puts the next probe off without having touched the
 * timer. */
static void keepalive_fired(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	uint32_t idle = ms_of(now) - t->last_rcv_ms;

	if (t->n_keep == 0 && idle < keep_idle_ms(t)) {
		t->idle_at_ms = ms_at(now + (keep_idle_ms(t) - idle) * MT_MS);
		return;
	}
	if (flight(t) || unsent(t)) { /* the peer has more to answer than a probe */
		t->idle_at_ms = ms_at(now + keep_idle_ms(t) * MT_MS);
		return;
	}
	bool dead = user_timeout_ms(t) ? t->n_keep && idle >= user_timeout_ms(t)
				       : t->n_keep >= keep_probes(t);

	if (dead) {
		conn_fail(t, ETIMEDOUT, true, ev);
		return;
	}
	t->n_keep++;
	t->flags |= TF_KEEP_DUE;
	ev->flags |= TCP_EV_PROBE;
	t->idle_at_ms = ms_at(now + keep_interval_ms(t) * MT_MS);
}

static void idle_fired(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	if (t->flags & TF_CORK_TIMED) {
		t->flags |= TF_CORK_FLUSH;
		timer_keepalive(t, now);
	} else if (t->state == TCPS_FIN_WAIT_2 && (t->flags & TF_ORPHAN)) {
		conn_end(t, false);
		ev->flags |= TCP_EV_CLOSED;
	} else if (t->flags & TF_KEEPALIVE) {
		keepalive_fired(t, now, ev);
	} else {
		t->idle_at_ms = 0;
	}
}

/* Perhaps what came were two full segments: the next one tells (note_mss). */
static void doubt_mss(struct tcb *t)
{
	t->mss_seen = (uint16_t)min_u32(t->mss_seen, max_u32(MSS_DEFAULT, t->mss_seen / 2u));
}

struct tcp_events tcp_timeout(struct tcb *t, mt_time now)
{
	struct tcp_events ev = {0};

	if (is_due(t->ack_at_us, us_of(now))) {
		t->ack_at_us = 0;
		t->flags |= TF_ACK_NOW;
		doubt_mss(t);
		ev.flags |= TCP_EV_DELACK;
	}
	if (is_due(t->rxt_at_us, us_of(now)))
		rxt_fired(t, now, &ev);
	if (is_due(t->idle_at_ms, ms_of(now)))
		idle_fired(t, now, &ev);
	if ((t->xflags & XF_PACE) && now >= t->own->pace_at)
		t->xflags &= (uint16_t)~XF_PACE;
	timer_settle(t, now);
	return ev;
}
