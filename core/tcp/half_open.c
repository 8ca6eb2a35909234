// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/half_open.h"
#include "tcp/arrival.h"
#include "tcp/internal.h"

void tcp_half_open(struct tcp_half *h, const struct tcp_config *cfg, const struct tcp_open *o,
		   const struct tcp_seg *syn, mt_time now)
{
	*h = (struct tcp_half){
		.iss = o->iss,
		.irs = syn->seq,
		.ts_offset = o->ts_offset,
		.sent_us = us_of(now),
		.mss = (uint16_t)(syn->opts & TCPO_MSS ? max_u32(syn->mss, MSS_MIN)
						       : open_mss_default(o)),
	};
	if (cfg->timestamps && (syn->opts & TCPO_TS)) {
		h->flags |= HALF_TS;
		h->ts_recent = syn->ts_val;
	}
	if (cfg->ecn != TCP_ECN_OFF && (~syn->flags & (TCPF_ECE | TCPF_CWR)) == 0)
		h->flags |= HALF_ECN;
	if (cfg->sack && (syn->opts & TCPO_SACK_PERM))
		h->flags |= HALF_SACK;
	if (cfg->wscale && (syn->opts & TCPO_WSCALE)) {
		h->flags |= HALF_WSCALE;
		h->wscale = min_u32(syn->wscale, WSCALE_MAX) & 15u;
		h->rcv_wscale = open_first_wscale(cfg, o->rcvbuf) & 15u;
	}
}

/* Until the handshake is over, the window of a SYN/ACK, never scaled (RFC 7323 2.2). */
static ALWAYS_INLINE uint32_t half_window(const struct tcp_host *host)
{
	return min_u32(host->rcvbuf ? host->rcvbuf : host->cfg->rcvbuf, UINT16_MAX);
}

static ALWAYS_INLINE void put_ts(const struct tcp_half *h, mt_time now, struct tcp_seg *out)
{
	if (!(h->flags & HALF_TS))
		return;
	out->opts |= TCPO_TS;
	out->ts_val = ms_of(now) + h->ts_offset;
	out->ts_ecr = h->ts_recent;
}

void tcp_half_syn_ack(const struct tcp_half *h, const struct tcp_host *host, mt_time now,
		      struct tcp_seg *out)
{
	*out = (struct tcp_seg){
		.seq = h->iss,
		.ack = seq_add(h->irs, 1),
		.flags = TCPF_SYN | TCPF_ACK,
		.wnd = (uint16_t)half_window(host),
		.opts = TCPO_MSS,
		.mss = host->mss,
	};
	put_ts(h, now, out);
	if (h->flags & HALF_ECN)
		out->flags |= TCPF_ECE;
	if (h->flags & HALF_SACK)
		out->opts |= TCPO_SACK_PERM;
	if (h->flags & HALF_WSCALE) {
		out->opts |= TCPO_WSCALE;
		out->wscale = h->rcv_wscale;
	}
}

void tcp_half_challenge(const struct tcp_half *h, const struct tcp_host *host, mt_time now,
			struct tcp_seg *out)
{
	uint8_t shift = h->flags & HALF_WSCALE ? h->rcv_wscale : 0;

	*out = (struct tcp_seg){
		.seq = seq_add(h->iss, 1),
		.ack = seq_add(h->irs, 1),
		.flags = TCPF_ACK,
		.wnd = (uint16_t)(half_window(host) >> shift),
	};
	put_ts(h, now, out);
}

void tcp_half_reset(const struct tcp_half *h, struct tcp_seg *out)
{
	*out = (struct tcp_seg){
		.seq = seq_add(h->iss, 1),
		.ack = seq_add(h->irs, 1),
		.flags = TCPF_RST | TCPF_ACK,
	};
}

/* One segment on its way through the steps of 3.10.7.4. */
struct half_arrival {
	struct tcp_half *h;
	const struct tcp_host *host;
	const struct tcp_seg *seg;
	enum tcp_drop *drop;
	tcp_seq rcv_nxt;
};

static enum tcp_half_verdict drop_for(struct half_arrival *a, enum tcp_drop why)
{
	*a->drop = why;
	return TCP_HALF_DROP;
}

static enum tcp_half_verdict challenge(struct half_arrival *a, enum tcp_drop why)
{
	*a->drop = why;
	return TCP_HALF_CHALLENGE;
}

/* First, the sequence number; before it PAWS (RFC 7323 5.3 R1), from which a RST is exempt. OPEN:
 * go on. */
static enum tcp_half_verdict check_sequence(struct half_arrival *a)
{
	const struct tcp_seg *s = a->seg;
	struct tcp_half *h = a->h;
	int32_t first = seq_diff(s->seq, a->rcv_nxt);
	bool rst = s->flags & TCPF_RST;
	bool syn_again = (s->flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN && !rst && first == -1;
	bool in_window = first > 0 ? (uint32_t)first < half_window(a->host)
				   : first == 0 || seq_gt(seq_add(s->seq, seg_len(s)), a->rcv_nxt);

	if ((h->flags & HALF_TS) && !rst) {
		bool stamped = s->opts & TCPO_TS;

		if (!stamped && !(s->flags & TCPF_SYN))
			return drop_for(a, TCP_DROP_PAWS);
		if (!stamped || (int32_t)(s->ts_val - h->ts_recent) < 0)
			return challenge(a, TCP_DROP_PAWS);
		if (syn_again || (in_window && first <= 0)) /* R3: of what is acceptable */
			h->ts_recent = s->ts_val;
	}
	if (syn_again) {
		*a->drop = TCP_DROP_SEQ;
		return TCP_HALF_AGAIN;
	}
	if (in_window)
		return TCP_HALF_OPEN;
	return rst ? drop_for(a, TCP_DROP_RST) : challenge(a, TCP_DROP_SEQ);
}

enum tcp_half_verdict tcp_half_input(struct tcp_half *h, const struct tcp_host *host,
				     const struct tcp_seg *s, struct tcp_seg *reply,
				     enum tcp_drop *drop)
{
	struct half_arrival a = {
		.h = h,
		.host = host,
		.seg = s,
		.drop = drop,
		.rcv_nxt = seq_add(h->irs, 1),
	};
	enum tcp_half_verdict v = check_sequence(&a);

	if (v != TCP_HALF_OPEN)
		return v;
	if (s->flags & TCPF_RST) /* RFC 5961 3.2 */
		return seq_eq(s->seq, a.rcv_nxt) ? TCP_HALF_GONE : challenge(&a, TCP_DROP_RST);
	if (s->flags & TCPF_SYN) /* RFC 5961 4.2 */
		return challenge(&a, TCP_DROP_SYN);
	if (!(s->flags & TCPF_ACK))
		return drop_for(&a, TCP_DROP_ACK);
	if (seq_eq(s->ack, seq_add(h->iss, 1)))
		return TCP_HALF_OPEN;
	*drop = TCP_DROP_ACK;
	tcp_reset_reply(s, reply);
	return TCP_HALF_REPLY;
}

/* The SYN again, as far as open_take_syn looks at it. */
static struct tcp_seg syn_of(const struct tcp_half *h)
{
	unsigned opts = TCPO_MSS;

	if (h->flags & HALF_TS)
		opts |= TCPO_TS;
	if (h->flags & HALF_SACK)
		opts |= TCPO_SACK_PERM;
	if (h->flags & HALF_WSCALE)
		opts |= TCPO_WSCALE;
	return (struct tcp_seg){
		.seq = h->irs,
		.flags = h->flags & HALF_ECN ? TCPF_SYN | TCPF_ECE | TCPF_CWR : TCPF_SYN,
		.opts = (uint8_t)opts,
		.mss = h->mss,
		.wscale = h->wscale,
		.ts_val = h->ts_recent,
	};
}

void tcp_open_half(struct tcb *t, const struct tcp_host *host, const struct tcp_half *h,
		   const struct tcp_seg *seg, mt_time now)
{
	struct tcp_open o = {
		.iss = h->iss, .ts_offset = h->ts_offset, .mss = host->mss, .rcvbuf = host->rcvbuf};
	struct tcp_seg syn = syn_of(h);
	struct tcp_events ev = {0};
	struct arrival a = {.t = t, .seg = seg, .ev = &ev, .now = now};

	tcp_open_passive(t, host->cfg, &o, &syn, now);
	t->snd_nxt = seg->ack;
	if (t->flags & TF_WSCALE) { /* the listener's buffer may be another since the SYN/ACK */
		t->rcv_wscale = h->rcv_wscale;
		t->rcvbuf = max_u32(t->rcvbuf, 2u << t->rcv_wscale);
	}
	if (!(h->flags & (HALF_AGAIN | HALF_COOKIE))) {
		t->flags |= TF_TIMING;
		t->rtt_seq = seg->ack;
		t->rtt_us = h->sent_us;
	}
	if (!(h->flags & HALF_COOKIE)) /* its timestamp carries options in the place of time */
		ack_measure(t, seg, now);
	if (h->flags & HALF_LOST)
		t->flags |= TF_SYN_RXT;
	ack_opens(&a);
}
