// SPDX-License-Identifier: BSD-3-Clause
/* Opening: defaults, SYN options, listeners. */
#include <string.h>

#include "tcp/ecn.h"
#include "tcp/internal.h"

const struct tcp_config tcp_config_default = {
	.rcvbuf = 256 * 1024,
	.sndbuf = 256 * 1024,
	.rcvbuf_max = 32 << 20,
	.sndbuf_max = 32 << 20,
	.rto_min_ms = 200,
	.rto_init_ms = 1000,
	.rto_max_ms = 120000,
	.delack_ms = 40,
	.fin_wait2_ms = 60000,
	.user_timeout_ms = 0,
	.keep_idle_ms = 7200000,
	.keep_interval_ms = 75000,
	.keep_probes = 9,
	.syn_retries = 6,
	.data_retries = 15,
	.orphan_retries = 8,
	.init_cwnd = 10,
	.quick_acks = 16,
	.ecn = TCP_ECN_ACCEPT,
	.mtu_probing = true,
	.timestamps = true,
	.sack = true,
	.wscale = true,
	.fast_path = true,
	.cc = &cc_cubic,
};

/* Bits of n. */
static unsigned width(uint32_t n)
{
	return n ? 32u - (unsigned)__builtin_clz(n) : 0;
}

uint8_t open_wscale(uint32_t rcvbuf)
{
	unsigned w = width(rcvbuf);

	return (uint8_t)(w <= 16 ? 0 : min_u32(w - 16, WSCALE_MAX));
}

uint8_t open_first_wscale(const struct tcp_config *cfg, uint32_t own)
{
	uint8_t s = open_wscale(own ? own : max_u32(cfg->rcvbuf, cfg->rcvbuf_max));
	unsigned w = width(own ? own : cfg->rcvbuf);

	return (uint8_t)min_u32(s, w < 2 ? 0 : w - 2);
}

static void open_common(struct tcb *t, const struct tcp_config *cfg, const struct tcp_open *o,
			mt_time now)
{
	memset(t, 0, sizeof(*t));
	t->cfg = cfg;
	t->snd_una = t->snd_nxt = o->iss;
	t->snd_end = seq_add(o->iss, 1);
	t->ts_offset = o->ts_offset;
	t->mss_local = (uint16_t)max_u32(o->mss, MSS_MIN);
	t->mss_seen = (uint16_t)min_u32(t->mss_local, open_mss_default(o));
	t->rcvbuf = o->rcvbuf ? o->rcvbuf : cfg->rcvbuf;
	t->n_quick = cfg->quick_acks;
	t->rxt_at_us = t->ack_at_us = t->idle_at_ms = 0;
	t->last_rcv_ms = t->last_snd_ms = t->unacked_ms = ms_of(now);
	t->challenge_ms = ms_of(now) - CHALLENGE_MS;
	t->rcv_wscale = cfg->wscale ? open_first_wscale(cfg, o->rcvbuf) & 15u : 0;
	t->flags = TF_SYN_DUE | (cfg->nodelay ? TF_NODELAY : 0);
	t->xflags = (cfg->fast_path ? 0 : XF_SLOW) | (o->rcvbuf ? XF_RCVBUF : 0);
	if (own_from_the_start(cfg))
		t->xflags |= XF_OWN;
	rtt_init(&t->rtt);
}

void tcp_open_active(struct tcb *t, const struct tcp_config *cfg, const struct tcp_open *o,
		     mt_time now)
{
	open_common(t, cfg, o, now);
	window_init(t, t->mss_local, cfg->init_cwnd); /* anew by the handshake */
	t->flags |= TF_ACTIVE;
	tcp_set_state(t, TCPS_SYN_SENT);
}

void tcp_open_passive(struct tcb *t, const struct tcp_config *cfg, const struct tcp_open *o,
		      const struct tcp_seg *syn, mt_time now)
{
	open_common(t, cfg, o, now);
	open_take_syn(t, syn, now);
	tcp_set_state(t, TCPS_SYN_RCVD);
}

/* Each option counts only if both sides offered it. */
void open_take_syn(struct tcb *t, const struct tcp_seg *s, mt_time now)
{
	const struct tcp_config *cfg = t->cfg;
	uint32_t mss = s->opts & TCPO_MSS ? max_u32(s->mss, MSS_MIN) : t->mss_seen;

	mss = min_u32(mss, t->mss_local);
	if (cfg->timestamps && (s->opts & TCPO_TS)) {
		t->flags |= TF_TS;
		t->ts_recent = s->ts_val;
		mss -= TS_OPT_LEN;
	}
	if (cfg->sack && (s->opts & TCPO_SACK_PERM))
		t->flags |= TF_SACK;
	if (cfg->wscale && (s->opts & TCPO_WSCALE)) {
		t->flags |= TF_WSCALE;
		t->snd_wscale = min_u32(s->wscale, WSCALE_MAX) & 15u;
	} else {
		t->rcv_wscale = 0;
	}
	if ((s->flags & (TCPF_ECE | TCPF_CWR)) || (t->flags & TF_ECN))
		ecn_take_syn(t, s);
	t->cc.mss_max = (uint16_t)mss;
	window_init(t, mss, cfg->init_cwnd);
	t->rcv_nxt = t->last_ack = seq_add(s->seq, 1);
	/* What our SYN offered, or what the SYN/ACK is about to. */
	t->rcv_adv = seq_add(t->rcv_nxt, min_u32(t->rcvbuf, UINT16_MAX));
	t->snd_wl1 = s->seq;
	t->snd_wnd = t->max_snd_wnd = s->wnd; /* never scaled in a SYN (RFC 7323 2.2) */
	t->last_rcv_ms = ms_of(now);
	autotune_start(t, now);
}

/* A lost SYN is a sign of congestion or of a long path: one segment (RFC 5681 3.1), and without a
 * measurement at least 3 s to the first timeout (RFC 6298 5.7). */
static void open_after_lost_syn(struct tcb *t)
{
	window_init(t, mss_of(t), 1);
	for (int i = 0; i < 2 && t->rtt.srtt_us8 == 0 && rto_ms(t) < 3 * t->cfg->rto_init_ms; i++)
		rtt_backoff(&t->rtt);
}

void open_established(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	tcp_set_state(t, TCPS_ESTABLISHED);
	t->flags &= ~(uint32_t)(TF_SYN_DUE | TF_STRAY_RST);
	t->rxt_at_us = 0;
	t->n_retries = 0;
	t->unacked_ms = ms_of(now);
	ev->flags |= TCP_EV_ESTABLISHED;
	rtt_reset_backoff(&t->rtt);
	if (t->flags & TF_SYN_RXT)
		open_after_lost_syn(t);
	if (t->flags & TF_FIN)
		tcp_set_state(t, TCPS_FIN_WAIT_1);
	timer_keepalive(t, now);
}

enum tcp_listen_verdict tcp_listen_input(const struct tcp_seg *s)
{
	if (s->flags & TCPF_RST)
		return TCP_LISTEN_DROP;
	if (s->flags & TCPF_ACK)
		return TCP_LISTEN_RESET;
	/* A SYN that closes in the same breath is a scan, not a client. */
	return (s->flags & (TCPF_SYN | TCPF_FIN)) == TCPF_SYN ? TCP_LISTEN_OPEN : TCP_LISTEN_DROP;
}

bool tcp_reset_reply(const struct tcp_seg *in, struct tcp_seg *out)
{
	if (in->flags & TCPF_RST)
		return false;
	*out = (struct tcp_seg){0};
	if (in->flags & TCPF_ACK) {
		out->seq = in->ack;
		out->flags = TCPF_RST;
	} else {
		out->ack = seq_add(in->seq, seg_len(in));
		out->flags = TCPF_RST | TCPF_ACK;
	}
	return true;
}
