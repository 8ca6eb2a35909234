/* SPDX-License-Identifier: BSD-3-Clause */
/* What a script expects to leave: OUT and OUT_NONE of script.h. */
#ifndef TESTS_SCRIPT_WANT_H
#define TESTS_SCRIPT_WANT_H

#include "script.h"

struct want { /* -1: any */
	int64_t seq, ack, wnd, off, mss, wscale;
	int len, flags, psh, opts, n_sack, list, again, ecn;
	int64_t sack[8];
	int64_t tsval, tsecr;
};

#define OUT(s, at, ...)                                                                            \
	script_out(s, __LINE__, at,                                                                \
		   (struct want){.seq = -1,                                                        \
				 .ack = -1,                                                        \
				 .wnd = -1,                                                        \
				 .off = -1,                                                        \
				 .mss = -1,                                                        \
				 .wscale = -1,                                                     \
				 .flags = TCPF_ACK,                                                \
				 .psh = -1,                                                        \
				 .opts = -1,                                                       \
				 .n_sack = -1,                                                     \
				 .list = -1,                                                       \
				 .again = -1,                                                      \
				 .ecn = -1,                                                        \
				 .tsval = -1,                                                      \
				 .tsecr = -1,                                                      \
				 .sack = {-1, -1, -1, -1, -1, -1, -1, -1},                         \
				 __VA_ARGS__})
#define OUT_NONE(s, until) script_out_none(s, __LINE__, until)

#define WANT(field, got)                                                                           \
	if (w.field != -1 && (int64_t)w.field != (int64_t)(got)) {                                 \
		print_error("line %d: " #field " %lld, wanted %lld\n", line, (long long)(got),     \
			    (long long)w.field);                                                   \
		bad = true;                                                                        \
	}

static inline void script_out(struct script *s, int line, mt_time at, struct want w)
{
	const struct tcp_seg *g;
	const struct sent *o;
	bool bad = false;

	script_until(s, at);
	if (s->n_seen == s->n_log)
		fail_msg("line %d: nothing left, expected a segment", line);
	o = &s->log[s->n_seen++];
	g = &o->seg;
	if (o->at != at + SCRIPT_T0) {
		print_error("line %d: at %lld us, wanted %lld\n", line,
			    (long long)(o->at - SCRIPT_T0) / 1000, (long long)at / 1000);
		bad = true;
	}
	WANT(flags, g->flags & ~TCPF_PSH);
	WANT(psh, (g->flags & TCPF_PSH) != 0);
	WANT(len, g->len);
	WANT(seq, g->seq.v - s->iss.v);
	WANT(ack, g->ack.v - s->irs.v);
	WANT(wnd, g->wnd);
	WANT(off, g->data_off);
	WANT(opts, g->opts);
	WANT(mss, g->mss);
	WANT(wscale, g->wscale);
	WANT(n_sack, g->n_sack);
	WANT(list, o->list);
	WANT(again, o->again);
	WANT(ecn, g->ip_ecn);
	WANT(tsval, g->ts_val);
	WANT(tsecr, g->ts_ecr);
	for (int k = 0; k < 2 * w.n_sack && w.sack[k] >= 0; k++)
		WANT(sack[k], (k & 1 ? g->sack[k / 2].end.v : g->sack[k / 2].start.v) - s->irs.v);
	if (bad)
		fail_msg("line %d: wrong segment: seq %u ack %u len %u flags %x wnd %u", line,
			 g->seq.v - s->iss.v, g->ack.v - s->irs.v, g->len, g->flags, g->wnd);
}

static inline void script_out_none(struct script *s, int line, mt_time until)
{
	script_until(s, until);
	if (s->n_seen != s->n_log) {
		const struct sent *o = &s->log[s->n_seen];

		fail_msg("line %d: at %lld us left seq %u ack %u len %u flags %x", line,
			 (long long)(o->at - SCRIPT_T0) / 1000, o->seg.seq.v - s->iss.v,
			 o->seg.ack.v - s->irs.v, o->seg.len, o->seg.flags);
	}
}

#endif
