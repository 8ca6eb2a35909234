/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts of segments for one connection at virtual time.
 *
 *   IN(s, 10 * MS, .seq = 1, .ack = 1, .len = 100);    a segment arrives
 *   OUT(s, 50 * MS, .ack = 101);                       exactly then this one leaves, and next in
 * order OUT_NONE(s, 200 * MS);                             nothing (more) leaves until then
 *
 * Sequence numbers are relative: 0 is the SYN of the side that owns the number space; real ones
 * start just below the wrap. Whatever tcp_pending asks for leaves at once. Each case runs with the
 * fast path on and off and must give the same segments and events.
 */
#ifndef TESTS_SCRIPT_H
#define TESTS_SCRIPT_H

#include "script_types.h"

static inline void script_hash(struct script *s, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		s->trace = (s->trace ^ b[i]) * 0x100000001b3ull;
}

static inline void script_hash_seg(struct script *s, const struct tcp_seg *g)
{
	uint64_t v[] = {s->now,
			g->seq.v,
			g->ack.v,
			g->wnd,
			g->len,
			g->flags,
			g->opts,
			g->data_off,
			g->ip_ecn,
			g->opts & TCPO_TS ? g->ts_val : 0,
			g->opts & TCPO_TS ? g->ts_ecr : 0};

	script_hash(s, v, sizeof(v));
	script_hash(s, g->sack, g->n_sack * sizeof(g->sack[0]));
}

/* What the last event was, by whichever path. */
static inline uint32_t script_events(const struct script *s)
{
	return s->ev.flags & ~(uint32_t)TCP_EV_FAST;
}

static inline void script_took(struct script *s, struct tcp_events ev)
{
	uint64_t v[] = {s->now,	      ev.flags & ~(unsigned)TCP_EV_FAST,
			ev.drop,      ev.error,
			ev.data_skip, ev.data_len,
			ev.data_off,  ev.n_readable,
			ev.n_acked};

	s->ev = ev;
	s->all_events |= ev.flags;
	script_hash(s, v, sizeof(v));
}

static inline void script_take(struct script *s, unsigned wants)
{
	if (wants && !s->t.own && !s->no_own)
		tcp_attach_own(&s->t, &s->own);
	if (wants == TCP_WANTS_COLD && s->t.own && !s->no_cold)
		tcp_attach_cold(&s->t, &s->cold);
}

static inline const struct tcp_cold *script_cold(const struct script *s)
{
	return s->t.own ? s->t.own->cold : NULL;
}

static inline int script_cc(struct script *s, const struct cc_ops *ops)
{
	script_take(s, TCP_WANTS_OWN);
	return tcp_set_cc(&s->t, ops, s->now);
}

/* pending and output agree, always; a connection with something to do is timed (no silent stall).
 */
static inline void script_flush(struct script *s)
{
	script_take(s, tcp_wants_out(&s->t));
	while (!s->hold) {
		enum tcp_tx list = tcp_pending(&s->t, s->now);
		struct sent *o = &s->log[s->n_log];
		bool any;

		assert_true(s->n_log < SCRIPT_LOG);
		memset(o, 0xa5, sizeof(*o));
		any = tcp_output(&s->t, s->now, &o->seg);
		assert_int_equal(any, list != TCP_TX_NONE);
		if (!any)
			break;
		o->at = s->now;
		o->list = list;
		o->again = tcp_was_retransmit(&s->t);
		script_hash_seg(s, &o->seg);
		s->n_log++;
	}
	if (!s->hold && s->t.state != TCPS_CLOSED && !tcp_fastopen_held(&s->t) &&
	    !seq_eq(s->t.snd_una, s->t.snd_end) && !seq_gt(s->t.snd_una, s->t.snd_end))
		assert_true(tcp_deadline(&s->t, s->now) != MT_NEVER);
}

/* Timers that come due up to `at` fire at their time. */
static inline void script_until(struct script *s, mt_time at)
{
	at += SCRIPT_T0;
	assert_true(at >= s->now);
	for (;;) {
		mt_time d = tcp_deadline(&s->t, s->now);

		if (d > at)
			break;
		s->now = d > s->now ? d : s->now;
		script_take(s, tcp_wants_timeout(&s->t, s->now));
		script_took(s, tcp_timeout(&s->t, s->now));
		script_flush(s);
	}
	s->now = at;
}

static inline uint32_t script_ms(const struct script *s)
{
	return (uint32_t)(s->now / MT_MS);
}

static inline struct tcp_seg script_seg(const struct script *s, const struct in_seg *i)
{
	struct tcp_seg g = {
		.seq = seq_add(s->irs, (uint32_t)i->seq),
		.ack = seq_add(s->iss, (uint32_t)i->ack),
		.len = i->len,
		.flags = (uint8_t)i->flags,
		.wnd = (uint16_t)i->wnd,
		.opts = (uint8_t)i->opts,
		.mss = i->mss,
		.wscale = (uint8_t)i->wscale,
		.n_sack = (uint8_t)i->n_sack,
		.ip_ecn = (uint8_t)i->ecn,
	};

	if (i->n_sack)
		g.opts |= TCPO_SACK;
	for (int k = 0; k < i->n_sack; k++)
		g.sack[k] = (struct seq_range){seq_add(s->iss, i->sack[2 * k]),
					       seq_add(s->iss, i->sack[2 * k + 1])};
	if ((i->tsval == -1 && (s->t.flags & TF_TS)) || i->tsval >= 0) {
		g.opts |= TCPO_TS;
		g.ts_val = i->tsval < 0 ? script_ms(s) + PEER_TSOFF : (uint32_t)i->tsval;
		g.ts_ecr = i->tsecr < 0 ? script_ms(s) + OUR_TSOFF : (uint32_t)i->tsecr;
	}
	return g;
}

static inline void script_feed(struct script *s, const struct tcp_seg *g)
{
	script_take(s, tcp_wants_in(&s->t, g));
	script_took(s, tcp_input(&s->t, g, s->now));
	(void)tcp_detach_cold(&s->t, false);
	(void)tcp_detach_own(&s->t, false);
	script_flush(s);
}

static inline void script_in(struct script *s, int line, mt_time at, struct in_seg i)
{
	struct tcp_seg g;

	(void)line;
	script_until(s, at);
	if (i.ack == ACK_ALL)
		i.ack = (uint32_t)(s->t.snd_nxt.v - s->iss.v);
	g = script_seg(s, &i);
	script_feed(s, &g);
}

#endif
