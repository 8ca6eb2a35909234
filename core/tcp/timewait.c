// SPDX-License-Identifier: BSD-3-Clause
/* TIME-WAIT as a record. */
#include "tcp/internal.h"

void tcp_tw_init(struct tcp_tw *w, const struct tcb *t, mt_time now)
{
	*w = (struct tcp_tw){
		.snd_nxt = t->snd_nxt,
		.rcv_nxt = t->rcv_nxt,
		.ts_recent = t->ts_recent,
		.ts_last = ms_of(now) + t->ts_offset,
		.ts_offset = t->ts_offset,
		.wnd = (uint16_t)min_u32(rcv_wnd(t) >> t->rcv_wscale, UINT16_MAX),
		.ts_on = t->flags & TF_TS,
	};
}

/* RFC 6191 2: a SYN that is later than the old connection, by the peer's clock if both have one and
 * it has moved, else by sequence number. */
static bool tw_syn_is_new(const struct tcp_tw *w, const struct tcp_seg *s)
{
	if (w->ts_on && (s->opts & TCPO_TS) && s->ts_val != w->ts_recent)
		return (int32_t)(s->ts_val - w->ts_recent) > 0;
	return seq_gt(s->seq, w->rcv_nxt);
}

/* 3.10.7.8: what may arrive is the FIN again, all else is outside of the window (3.10.7.4) or
 * behind the end. */
static bool tw_fin_again(const struct tcp_tw *w, const struct tcp_seg *s)
{
	bool stale = w->ts_on && (s->opts & TCPO_TS) && (int32_t)(s->ts_val - w->ts_recent) < 0;

	return (s->flags & TCPF_FIN) && seq_eq(seq_add(s->seq, seg_len(s)), w->rcv_nxt) && !stale;
}

enum tcp_tw_verdict tcp_tw_input(const struct tcp_tw *w, const struct tcp_seg *s, mt_time now,
				 struct tcp_seg *reply)
{
	if (s->flags & TCPF_RST) /* RFC 1337 3: would end the wait too early */
		return TCP_TW_DROP;
	/* An ACK without text needs no answer; two records would answer each other for ever. */
	if (seg_len(s) == 0)
		return TCP_TW_DROP;
	*reply = (struct tcp_seg){
		.seq = w->snd_nxt,
		.ack = w->rcv_nxt,
		.flags = TCPF_ACK,
		.wnd = w->wnd,
	};
	if (w->ts_on) {
		reply->opts = TCPO_TS;
		reply->ts_val = ms_of(now) + w->ts_offset;
		reply->ts_ecr = w->ts_recent;
	}
	if ((s->flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN && tw_syn_is_new(w, s))
		return TCP_TW_REUSE;
	return tw_fin_again(w, s) ? TCP_TW_ACK : TCP_TW_CHALLENGE;
}

bool tcp_tw_reusable(const struct tcp_tw *w, mt_time now, tcp_seq *min_iss)
{
	/* The new SYN's timestamp must lie above all the old connection sent. */
	if (!w->ts_on || (int32_t)(ms_of(now) + w->ts_offset - w->ts_last) <= 0)
		return false;
	*min_iss = tcp_tw_min_iss(w);
	return true;
}

tcp_seq tcp_tw_min_iss(const struct tcp_tw *w)
{
	return seq_add(w->snd_nxt, UINT16_MAX + 2u); /* beyond any window without scaling */
}
