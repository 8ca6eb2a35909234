// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/ecn.h"

#define ECT_0 2u /* codepoints of the IP header, RFC 3168 5 */
#define CE    3u

uint8_t ecn_syn_flags(struct tcb *t)
{
	if (t->state != TCPS_SYN_SENT)
		return t->flags & TF_ECN ? TCPF_ECE : 0;
	if (!ecn_asks(t) || t->n_retries)
		return 0;
	t->flags |= TF_ECN; /* until the answer says something else */
	return TCPF_ECE | TCPF_CWR;
}

/* An ECN-setup SYN has both flags, an ECN-setup SYN/ACK ECE alone: a peer that reflects what it
 * does not know sends both back. */
void ecn_take_syn(struct tcb *t, const struct tcp_seg *s)
{
	uint8_t want = s->flags & TCPF_ACK ? TCPF_ECE : TCPF_ECE | TCPF_CWR;
	bool willing = t->flags & TF_ACTIVE ? t->flags & TF_ECN : t->cfg->ecn != TCP_ECN_OFF;

	t->flags &= ~(uint32_t)TF_ECN;
	if (willing && (s->flags & (TCPF_ECE | TCPF_CWR)) == want)
		t->flags |= TF_ECN;
}

/* ---- the receiver ---- */

/* RFC 8257 3.2: ECE says whether the last data was marked. Before a change all that came without it
 * is acknowledged, by an ACK of its own. */
static void exact_data(struct tcb *t, bool ce)
{
	struct cc_echoes *e = &t->own->cc.u.dctcp.echoes;
	bool was = t->flags & TF_ECE;

	if (ce == was)
		return;
	if (!seq_eq(t->rcv_nxt, e->n ? e->to[e->n - 1] : t->last_ack)) {
		if (e->n == CC_ECHOES) /* more changes than that in one turn: the last ones blur */
			e->n--;
		e->to[e->n] = t->rcv_nxt;
		e->ece = (uint8_t)((e->ece & ~(1u << e->n)) | (unsigned)was << e->n);
		e->n++;
	}
	t->flags = (t->flags & ~(uint32_t)TF_ECE) | TF_ACK_NOW | (ce ? TF_ECE : 0u);
}

bool ecn_echo_waits(const struct tcb *t)
{
	return t->own && t->own->cc.ops->ecn == CC_ECN_EXACT && t->own->cc.u.dctcp.echoes.n;
}

void ecn_put_echo(struct tcb *t, struct tcp_seg *out)
{
	struct cc_echoes *e = &t->own->cc.u.dctcp.echoes;

	t->flags |= TF_ACK_NOW;
	out->ack = t->last_ack = e->to[0];
	out->flags = e->ece & 1u ? TCPF_ACK | TCPF_ECE : TCPF_ACK;
	out->wnd = (uint16_t)min_u32((t->rcv_adv.v - out->ack.v) >> t->rcv_wscale, UINT16_MAX);
	e->n--;
	e->ece >>= 1;
	for (uint8_t i = 0; i < e->n; i++)
		e->to[i] = e->to[i + 1];
}

void ecn_data(struct tcb *t, const struct tcp_seg *s)
{
	if (t->own && t->own->cc.ops->ecn == CC_ECN_EXACT) {
		exact_data(t, s->ip_ecn == CE);
		return;
	}
	/* The window of a peer that says CWR may be small: it should not wait for the ACK. */
	if (s->flags & TCPF_CWR) {
		t->flags &= ~(uint32_t)TF_ECE;
		t->flags |= TF_ACK_NOW;
	}
	if (s->ip_ecn != CE)
		return;
	if (!(t->flags & TF_ECE)) /* the sender wants to know soon */
		t->flags |= TF_ACK_NOW;
	t->flags |= TF_ECE;
}

/* ---- the sender ---- */

void ecn_reduced(struct tcb *t)
{
	if (t->flags & TF_ECN)
		t->xflags |= XF_CWR_DUE;
}

void ecn_reduced_open(struct tcb *t)
{
	if (!(t->flags & TF_ECN))
		return;
	t->recover = t->snd_nxt;
	t->flags |= TF_CWR;
	ecn_reduced(t);
}

bool ecn_loss_is_news(const struct tcb *t)
{
	return !(t->flags & TF_CWR) || cc_ops(t)->on_ece != cc_ops(t)->on_loss;
}

void ecn_echo(struct arrival *a, uint32_t before)
{
	struct tcb *t = a->t;

	/* In a recovery, and until the data of the last reduction is acknowledged, the window has
	 * been reduced for this already. */
	if (!(t->flags & TF_ECN) || !cc_ops(t)->on_ece || t->phase != PHASE_OPEN || before == 0 ||
	    ((t->flags & TF_CWR) && seq_leq(a->seg->ack, t->recover)))
		return;
	window_on_ece(t, before, a->now);
	undo_disarm(t); /* the D-SACK of an earlier recovery takes nothing of this back */
	ecn_reduced_open(t);
	a->ev->flags |= TCP_EV_ECE;
}

/* Who has sent a SYN that did not ask must not use ECT, though the answer to an earlier one came
 * (6.1.1). */
void ecn_mark(struct tcb *t, struct tcp_seg *out)
{
	bool plain_syn = (t->flags & (TF_ACTIVE | TF_SYN_RXT)) == (TF_ACTIVE | TF_SYN_RXT);

	if (!plain_syn && cc_ops(t)->on_ece)
		out->ip_ecn = ECT_0;
	if (t->xflags & XF_CWR_DUE)
		out->flags |= TCPF_CWR;
	t->xflags &= (uint16_t)~XF_CWR_DUE;
}
