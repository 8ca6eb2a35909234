// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/own.h"

#include <string.h>

#include "tcp/dsack.h"
#include "tcp/internal.h"
#include "tcp/recovery.h"

bool tcp_option_wants_own(enum tcp_option opt)
{
	switch (opt) {
	case TCP_OPT_KEEPIDLE_MS:
	case TCP_OPT_KEEPINTVL_MS:
	case TCP_OPT_KEEPCNT:
	case TCP_OPT_USER_TIMEOUT_MS:
	case TCP_OPT_SNDBUF:
		return true;
	default:
		return false;
	}
}

static bool wants_cold(const struct tcb *t, const struct tcp_seg *s)
{
	if ((s->opts & TCPO_SACK) && (t->flags & TF_SACK) && flight(t))
		return true;
	if (!(s->len || (s->flags & TCPF_FIN)) || seq_eq(s->seq, t->rcv_nxt))
		return false;
	if (seq_lt(s->seq, t->rcv_nxt))
		return dsack_repeats(t, s);
	return seq_lt(s->seq, t->rcv_adv) && t->state <= TCPS_FIN_WAIT_2;
}

unsigned own_wants_in(const struct tcb *t, const struct tcp_seg *s)
{
	if (cold_of(t) || t->state < TCPS_SYN_RCVD)
		return 0;
	if (wants_cold(t, s))
		return TCP_WANTS_COLD;
	/* A loss may be found, or be told of. */
	if (!t->own && (t->trouble || (t->xflags & (XF_TLP | XF_OWN)) ||
			((s->flags & TCPF_ECE) && (t->flags & TF_ECN))))
		return TCP_WANTS_OWN;
	return 0;
}

unsigned own_wants_out(const struct tcb *t)
{
	if (cold_of(t) || t->state < TCPS_SYN_RCVD)
		return 0;
	if (t->state >= TCPS_ESTABLISHED &&
	    (cc_ops(t)->cold ||
	     seq_diff(t->snd_end, t->snd_una) > (int32_t)(OWN_COLD_SEGS * mss_of(t))))
		return TCP_WANTS_COLD;
	return !t->own && (t->xflags & XF_OWN) ? TCP_WANTS_OWN : 0;
}

unsigned tcp_wants_timeout(const struct tcb *t, mt_time now)
{
	bool loss = t->state >= TCPS_ESTABLISHED && flight(t) && is_due(t->rxt_at_us, us_of(now));

	return loss && !t->own ? TCP_WANTS_OWN : 0;
}

void tcp_attach_own(struct tcb *t, struct tcp_own *own)
{
	const struct tcp_config *cfg = t->cfg;

	check(!t->own);
	*own = (struct tcp_own){
		.sndbuf = cfg->sndbuf,
		.user_timeout_ms = cfg->user_timeout_ms,
		.keep_idle_ms = cfg->keep_idle_ms,
		.keep_interval_ms = cfg->keep_interval_ms,
		.keep_probes = cfg->keep_probes,
	};
	own->cc = window_now(t);
	t->own = own;
}

static bool cc_is_as_new(const struct tcb *t)
{
	static const union cc_state none;
	const struct cc *cc = &t->own->cc;

	return cc->ops == t->cfg->cc && !(t->xflags & XF_OWN) && t->cc.ssthresh == UINT32_MAX &&
	       !cc->acked && memcmp(&cc->u, &none, sizeof(none)) == 0;
}

static bool own_says_nothing(const struct tcb *t)
{
	const struct tcp_config *cfg = t->cfg;
	const struct tcp_own *o = t->own;

	return !t->trouble && cc_is_as_new(t) && o->sndbuf == cfg->sndbuf &&
	       !(t->xflags & XF_SNDBUF) && o->user_timeout_ms == cfg->user_timeout_ms &&
	       o->keep_idle_ms == cfg->keep_idle_ms &&
	       o->keep_interval_ms == cfg->keep_interval_ms && o->keep_probes == cfg->keep_probes;
}

struct tcp_own *tcp_detach_own(struct tcb *t, bool force)
{
	struct tcp_own *own = t->own;

	if (!own || own->cold || !(force || own_says_nothing(t)))
		return NULL;
	t->xflags &= (uint16_t)~XF_PACE;
	t->own = NULL;
	return own;
}

void tcp_attach_cold(struct tcb *t, struct tcp_cold *c)
{
	struct cc *cc;

	check(t->own && !t->own->cold);
	cc = &t->own->cc;
	c->fin_seen = false;
	ooo_init(&c->ooo);
	c->dup = (struct seq_range){t->rcv_nxt, t->rcv_nxt};
	sack_init(&c->board);
	t->own->cold = c;
	recovery_attached(t);
	if (cc->ops->cold) {
		*cc = window_now(t);
		cc->u.cold = &c->cc;
		cc->ops->init(cc);
	}
}

struct tcp_cold *tcp_detach_cold(struct tcb *t, bool force)
{
	struct tcp_cold *c = cold_of(t);

	if (!c)
		return NULL;
	/* While something is in flight it has a time, and an empty board means something, too. */
	if (!force && (cc_ops(t)->cold || c->ooo.n || dsack_waits(c) || t->phase != PHASE_OPEN ||
		       flight(t) || unsent(t)))
		return NULL;
	if (cc_ops(t)->cold)
		t->own->cc.u.cold = NULL;
	t->own->cold = NULL;
	return c;
}
