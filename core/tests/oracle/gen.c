// SPDX-License-Identifier: BSD-3-Clause
#include "oracle/gen.h"

#include <string.h>

static bool chance(struct rng *r, uint32_t percent)
{
	return rng_below(r, 100) < percent;
}

static int32_t around(struct rng *r, uint32_t n)
{
	return (int32_t)rng_below(r, 2 * n + 1) - (int32_t)n;
}

/* ---- the ways into a state ---- */

static struct gen_event *add(struct gen_script *g, enum gen_kind kind)
{
	struct gen_event *e = &g->e[g->n++];

	*e = (struct gen_event){.kind = kind, .flags = TCPF_ACK, .wnd = 20000};
	return e;
}

static void add_fin(struct gen_script *g, bool acks_ours)
{
	struct gen_event *e = add(g, GEN_SEG);

	e->flags = TCPF_ACK | TCPF_FIN;
	e->ack = acks_ours ? ACK_NXT : ACK_UNA;
}

static void open_fully(struct gen_script *g, struct rng *r)
{
	if (g->active && chance(r, 20)) { /* simultaneously */
		struct gen_event *e = add(g, GEN_SEG);

		e->seq = SEQ_IRS;
		e->flags = TCPF_SYN;
	} else if (g->active) {
		struct gen_event *e = add(g, GEN_SEG);

		e->seq = SEQ_IRS;
		e->flags = TCPF_SYN | TCPF_ACK;
		return;
	}
	add(g, GEN_SEG);
}

static void preamble(struct gen_script *g, struct rng *r)
{
	uint32_t target = rng_below(r, 12);

	if (target < 2) /* SYN-SENT, SYN-RECEIVED */
		return;
	open_fully(g, r);
	switch (target) {
	case 2:
	case 3: /* CLOSE-WAIT, LAST-ACK */
		add_fin(g, true);
		if (target == 3)
			add(g, GEN_SHUTDOWN);
		break;
	case 4: /* FIN-WAIT-1 and what follows */
	case 5:
	case 6:
	case 7:
		add(g, chance(r, 50) ? GEN_SHUTDOWN : GEN_CLOSE);
		if (target == 5)
			add_fin(g, false);
		if (target >= 6)
			add(g, GEN_SEG);
		if (target == 7)
			add_fin(g, true);
		break;
	default:
		break;
	}
}

/* ---- one event ---- */

static void random_seq(struct gen_event *e, struct rng *r)
{
	uint32_t p = rng_below(r, 100);

	if (p < 50)
		return;
	if (p < 65) {
		e->seq_off = (int32_t)rng_below(r, 4000);
	} else if (p < 72) {
		e->seq_off = -(int32_t)rng_below(r, 2000);
	} else if (p < 76) {
		e->seq_off = around(r, 2);
	} else {
		static const enum gen_seq from[] = {SEQ_EDGE, SEQ_EDGE, SEQ_TOP, SEQ_FIN,
						    SEQ_IRS,  SEQ_FAR,	SEQ_ANY};

		e->seq = from[rng_below(r, 7)];
		e->seq_off = e->seq == SEQ_ANY ? (int32_t)rng_next(r) : around(r, 2);
	}
}

static void random_ack(struct gen_event *e, struct rng *r)
{
	uint32_t p = rng_below(r, 100);

	if (p < 60)
		return;
	if (p < 70) {
		e->ack = ACK_UNA;
	} else if (p < 80) {
		e->ack = ACK_UNA;
		e->ack_off = (int32_t)rng_below(r, 3000);
	} else {
		static const enum gen_ack from[] = {ACK_NXT, ACK_UNA, ACK_OLDEST,
						    ACK_ISS, ACK_FAR, ACK_ANY};

		e->ack = from[rng_below(r, 6)];
		e->ack_off = e->ack == ACK_ANY ? (int32_t)rng_next(r) : around(r, 2);
	}
}

static uint8_t random_flags(struct rng *r)
{
	static const uint8_t some[] = {TCPF_ACK | TCPF_PSH,
				       TCPF_ACK | TCPF_FIN,
				       TCPF_ACK | TCPF_FIN,
				       TCPF_ACK | TCPF_FIN,
				       TCPF_RST,
				       TCPF_RST,
				       TCPF_RST | TCPF_ACK,
				       TCPF_SYN,
				       TCPF_SYN | TCPF_ACK,
				       0,
				       TCPF_FIN,
				       TCPF_ACK | TCPF_URG};

	if (chance(r, 62))
		return TCPF_ACK;
	if (chance(r, 5))
		return (uint8_t)rng_below(r, 64);
	return some[rng_below(r, sizeof(some))];
}

static void random_segment(struct gen_event *e, struct rng *r)
{
	static const uint16_t len[] = {0, 0, 0, 0, 0, 1, 2, 100, 536, 1000, 1000, 1400, 3000};

	e->flags = random_flags(r);
	random_seq(e, r);
	random_ack(e, r);
	e->len = len[rng_below(r, sizeof(len) / sizeof(len[0]))];
	if (chance(r, 8)) {
		e->to_edge = true;
		e->len = (uint16_t)rng_below(r, 3);
	}
	if (chance(r, 25))
		e->wnd = chance(r, 30) ? 0 : (uint16_t)rng_below(r, 65536);
	if (chance(r, 15)) {
		e->ts = (enum gen_ts)rng_below(r, 6);
		e->ts_off = (int32_t)rng_below(r, chance(r, 50) ? 3 : 100000);
	}
	if (!chance(r, 8))
		return;
	e->n_sack = (uint8_t)(1 + rng_below(r, 2));
	for (unsigned i = 0; i < 4; i++)
		e->sack[i] = rng_below(r, 9000);
}

static void random_event(struct gen_script *g, struct rng *r)
{
	static const uint32_t gaps[] = {1, 5, 39, 40, 41, 200, 400, 600, 1000, 1001, 3000, 70000};
	uint32_t p = rng_below(r, 100);
	struct gen_event *e = add(g, GEN_SEG);

	if (chance(r, 40))
		e->dt_ms = gaps[rng_below(r, sizeof(gaps) / sizeof(gaps[0]))];
	e->n = rng_below(r, chance(r, 50) ? 100 : 20000);
	if (p < 70)
		random_segment(e, r);
	else if (p < 82)
		e->kind = GEN_WRITE;
	else if (p < 92)
		e->kind = GEN_READ;
	else if (p < 96)
		e->kind = GEN_TIME;
	else if (p < 98)
		e->kind = GEN_SHUTDOWN;
	else
		e->kind = p == 98 ? GEN_CLOSE : GEN_ABORT;
}

void gen_script(struct gen_script *g, uint64_t seed)
{
	static const uint32_t bufs[] = {1000, 3000, 8000, 50000, 200000};
	static const uint16_t mss[] = {1000, 1000, 536, 1460};
	struct rng r;
	unsigned n;

	rng_seed(&r, seed);
	memset(g, 0, sizeof(*g));
	g->seed = seed;
	g->active = chance(&r, 50);
	g->fast = chance(&r, 50);
	g->cubic = chance(&r, 30);
	g->poor = chance(&r, 5);
	g->timestamps = chance(&r, 60);
	g->sack = chance(&r, 60);
	g->wscale = chance(&r, 60);
	g->quick_acks = chance(&r, 30) ? 16 : 0;
	g->peer_opts = (uint8_t)(TCPO_MSS | (chance(&r, 60) ? TCPO_TS : 0) |
				 (chance(&r, 60) ? TCPO_SACK_PERM : 0) |
				 (chance(&r, 60) ? TCPO_WSCALE : 0));
	g->peer_wscale = (uint8_t)rng_below(&r, 16);
	g->peer_mss = mss[rng_below(&r, 4)];
	g->rcvbuf = bufs[rng_below(&r, 5)];
	preamble(g, &r);
	n = 4 + rng_below(&r, GEN_EVENTS - 4 - g->n);
	while (g->n < n)
		random_event(g, &r);
}

/* ---- resolving ---- */

static uint32_t seq_of_event(const struct gen_event *e, const struct model *m)
{
	int64_t at = 0;

	switch (e->seq) {
	case SEQ_NXT:
		at = m->rcv_nxt;
		break;
	case SEQ_EDGE:
		at = m->edge;
		break;
	case SEQ_TOP:
		at = m->top;
		break;
	case SEQ_FIN:
		at = m->fin < 0 ? m->rcv_nxt : m->fin;
		break;
	case SEQ_FAR:
		at = m->rcv_nxt + INT32_MAX;
		break;
	default:
		break;
	}
	return m->irs + (uint32_t)at + (uint32_t)e->seq_off;
}

static uint32_t ack_of_event(const struct gen_event *e, const struct model *m)
{
	int64_t at = 0;

	switch (e->ack) {
	case ACK_NXT:
		at = m->nxt;
		break;
	case ACK_UNA:
		at = m->una;
		break;
	case ACK_OLDEST:
		at = m->una - m->max_wnd;
		break;
	case ACK_FAR:
		at = m->una + INT32_MAX;
		break;
	default:
		break;
	}
	return m->iss + (uint32_t)at + (uint32_t)e->ack_off;
}

static uint16_t len_of_event(const struct gen_event *e, const struct model *m, uint32_t seq)
{
	uint32_t room = m->irs + (uint32_t)m->edge - seq;

	if (!e->to_edge)
		return e->len;
	room = room < 30000 ? room + e->len : 1;
	return (uint16_t)(room ? room - 1 : 0);
}

static void timestamps(struct tcp_seg *s, const struct gen_event *e, const struct model *m,
		       const struct gen_clock *c)
{
	s->opts |= TCPO_TS;
	s->ts_val = c->ms + c->peers;
	s->ts_ecr = c->ms + c->ours;
	switch (e->ts) {
	case TS_MISSING:
		s->opts &= (uint8_t)~TCPO_TS;
		break;
	case TS_OLD:
		s->ts_val = m->ts_recent - 1 - (uint32_t)e->ts_off;
		break;
	case TS_SAME:
		s->ts_val = m->ts_recent;
		break;
	case TS_AHEAD:
		s->ts_val += (uint32_t)e->ts_off;
		break;
	case TS_BAD_ECHO:
		s->ts_ecr += (uint32_t)e->ts_off - 1;
		break;
	default:
		break;
	}
}

struct tcp_seg gen_segment(const struct gen_script *g, const struct gen_event *e,
			   const struct model *m, const struct gen_clock *c)
{
	struct tcp_seg s = {.flags = e->flags, .wnd = e->wnd};

	s.seq = seq_of(seq_of_event(e, m));
	s.ack = seq_of(ack_of_event(e, m));
	s.len = len_of_event(e, m, s.seq.v);
	if (e->flags & TCPF_SYN) {
		s.opts = g->peer_opts & (uint8_t)~TCPO_TS;
		s.mss = g->peer_mss;
		s.wscale = g->peer_wscale;
	}
	if (e->flags & TCPF_SYN ? g->peer_opts & TCPO_TS : m->ts)
		timestamps(&s, e, m, c);
	if (e->n_sack) {
		s.opts |= TCPO_SACK;
		s.n_sack = e->n_sack;
		for (unsigned i = 0; i < e->n_sack; i++) {
			s.sack[i].start = seq_of(m->iss + (uint32_t)m->una + e->sack[2 * i]);
			s.sack[i].end = seq_of(m->iss + (uint32_t)m->una + e->sack[2 * i + 1]);
		}
	}
	return s;
}
