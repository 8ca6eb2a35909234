// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/info.h"
#include "tcp/internal.h"
#include "tcp/pace.h"
#include "tcp/recovery.h"

#define AHEAD_MS 1000u

static uint32_t segments(uint32_t bytes, uint32_t mss)
{
	return bytes / mss + (bytes % mss != 0);
}

static enum tcp_info_phase phase_of(const struct tcb *t)
{
	if (t->phase == PHASE_LOSS)
		return TCP_INFO_LOSS;
	if (t->phase == PHASE_RECOVERY)
		return TCP_INFO_RECOVERY;
	if (t->flags & TF_CWR)
		return TCP_INFO_CWR;
	return t->n_dup || (cold_of(t) && cold_of(t)->board.n) ? TCP_INFO_DISORDER : TCP_INFO_OPEN;
}

static void info_flight(const struct tcb *t, struct tcp_info_values *v)
{
	uint32_t out = flight(t), sacked = cold_of(t) ? sack_bytes(&cold_of(t)->board) : 0;
	uint32_t pipe = recovery_pipe(t);

	v->unacked = segments(out, mss_of(t));
	v->sacked = segments(sacked, mss_of(t));
	if (out > sacked + pipe)
		v->lost = segments(out - sacked - pipe, mss_of(t));
	if (!fin_sent(t))
		v->notsent_bytes = t->snd_end.v - t->snd_nxt.v;
	if (syn_unacked(t)) /* the SYN itself is no byte */
		v->notsent_bytes = t->snd_end.v - snd_base(t).v;
}

static void info_options(const struct tcb *t, struct tcp_info_values *v)
{
	v->timestamps = t->flags & TF_TS;
	v->sack = t->flags & TF_SACK;
	v->wscale = t->flags & TF_WSCALE;
	v->ecn = t->flags & TF_ECN;
	v->snd_wscale = t->snd_wscale;
	v->rcv_wscale = t->rcv_wscale;
}

static void info_rtt(const struct tcb *t, struct tcp_info_values *v)
{
	v->backoff = t->rtt.backoff;
	v->rto_us = rto_ms(t) * 1000;
	v->srtt_us = rtt_srtt_us(&t->rtt);
	v->rttvar_us = t->rtt.rttvar_us4 / 4;
	v->min_rtt_us = t->rtt.min_us == RTT_NONE ? UINT32_MAX : t->rtt.min_us;
}

/* Of an instant that another thread's clock may put a little ahead of ours. What is older than 49
 * days seems younger. */
static uint32_t ago(uint32_t ms, mt_time now)
{
	uint32_t d = ms_of(now) - ms;

	return d <= UINT32_MAX - AHEAD_MS ? d : 0;
}

void tcp_get_info(const struct tcb *t, mt_time now, struct tcp_info_values *v)
{
	bool persist = t->flags & TF_PERSIST;

	*v = (struct tcp_info_values){.state = (enum tcp_state)t->state};
	v->phase = phase_of(t);
	v->n_retries = persist ? 0 : t->n_retries;
	v->n_probes = persist ? t->n_retries : t->n_keep;
	info_options(t, v);
	info_rtt(t, v);
	v->ato_us = t->cfg->delack_ms * 1000;
	v->snd_mss = mss_of(t);
	v->rcv_mss = t->mss_seen;
	v->adv_mss = t->mss_local;
	v->path_mss = mss_of(t) + (t->flags & TF_TS ? TS_OPT_LEN : 0);
	info_flight(t, v);
	v->last_sent_ms = ago(t->last_snd_ms, now);
	v->last_ack_ms = ago(t->last_rcv_ms, now);
	v->ssthresh = t->cc.ssthresh == UINT32_MAX ? INT32_MAX : t->cc.ssthresh / mss_of(t);
	v->cwnd = t->cc.cwnd / mss_of(t);
	v->rcv_space = t->rcvbuf;
	v->snd_wnd = t->snd_wnd;
	v->pacing_rate = pace_rate(t);
}
