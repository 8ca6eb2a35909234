// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/fastopen.h"
#include "tcp/syn_data.h"

#define SYN_OPTS_MAX 40u /* with the longest cookie */

bool tcp_fastopen_ask(struct tcb *t, uint16_t mss)
{
	if (t->state != TCPS_SYN_SENT || flight(t))
		return false;
	t->xflags |= XF_FASTOPEN;
	if (!mss)
		return true;
	window_init(t, min_u32(max_u32(mss, MSS_MIN), t->mss_local), t->cfg->init_cwnd);
	t->xflags |= XF_HOLD;
	t->flags &= ~(uint32_t)TF_SYN_DUE;
	return true;
}

bool tcp_fastopen_held(const struct tcb *t)
{
	return t->xflags & XF_HOLD;
}

bool tcp_was_fast(const struct tcb *t)
{
	return t->xflags & XF_SYN_DATA;
}

void fastopen_put_data(struct tcb *t, struct tcp_seg *out)
{
	uint32_t avail = t->snd_end.v - snd_base(t).v;

	out->opts |= TCPO_FASTOPEN;
	out->cookie_len = 0;
	out->len = (uint16_t)min_u32(avail, mss_of(t) - SYN_OPTS_MAX);
	if (out->len)
		t->xflags |= XF_SYN_DATA;
}

void fastopen_acked(struct arrival *a)
{
	struct tcb *t = a->t;
	uint32_t n = a->seg->ack.v - t->snd_una.v - 1;

	t->snd_una = t->snd_nxt = a->seg->ack;
	if (n) {
		a->ev->n_acked = n;
		a->ev->flags |= TCP_EV_WRITABLE;
	}
}

struct tcp_events tcp_open_fastopen(struct tcb *t, const struct tcp_config *cfg,
				    const struct tcp_open *o, const struct tcp_seg *syn,
				    mt_time now)
{
	struct tcp_events ev = {0};

	tcp_open_passive(t, cfg, o, syn, now);
	t->xflags |= XF_FASTOPEN;
	ev.data_len = (uint16_t)min_u32(syn->len, rcv_wnd(t));
	if (!ev.data_len)
		return ev;
	t->rcv_nxt = t->last_ack = seq_add(t->rcv_nxt, ev.data_len);
	t->rcv_unread = ev.n_readable = ev.data_len;
	ev.flags = TCP_EV_READABLE;
	return ev;
}
