// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/ecn.h"

#define ECT_0 2u /* codepoints of the IP header, RFC 3168 5 */
#define CE    3u

uint8_t ecn_syn_flags(const struct tcb *t)
{
	if (t->state != TCPS_SYN_SENT)
		return TCPF_ECE;
	return t->n_retries == 0 ? TCPF_ECE | TCPF_CWR : 0;
}

/* An ECN-setup SYN has both flags, an ECN-setup SYN/ACK ECE alone: a peer that reflects what it
 * does not know sends both back. Who opens has asked, or does not use ECN. */
void ecn_take_syn(struct tcb *t, const struct tcp_seg *s)
{
	uint8_t want = s->flags & TCPF_ACK ? TCPF_ECE : TCPF_ECE | TCPF_CWR;
	uint8_t least = t->flags & TF_ACTIVE ? TCP_ECN_ASK : TCP_ECN_ACCEPT;
	bool willing = t->cfg->ecn == TCP_ECN_ASK || t->cfg->ecn == least;

	t->flags &= ~(uint32_t)TF_ECN;
	if (willing && (s->flags & (TCPF_ECE | TCPF_CWR)) == want)
		t->flags |= TF_ECN;
}

void ecn_data(struct tcb *t, const struct tcp_seg *s)
{
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

void ecn_reduced(struct tcb *t)
{
	if (t->flags & TF_ECN)
		t->xflags |= XF_CWR_DUE;
}

void ecn_echo(struct arrival *a)
{
	struct tcb *t = a->t;

	/* In a recovery, and until the data of the last reduction is acknowledged, the window has
	 * been reduced for this already. */
	if (!(t->flags & TF_ECN) || t->phase != PHASE_OPEN || !flight(t) ||
	    ((t->flags & TF_CWR) && seq_leq(a->seg->ack, t->recover)))
		return;
	t->cc.ops->on_loss(&t->cc, flight(t), a->now);
	t->recover = t->snd_nxt;
	t->flags |= TF_CWR;
	ecn_reduced(t);
	a->ev->flags |= TCP_EV_ECE;
}

/* Who has sent a SYN that did not ask must not use ECT, though the answer to an earlier one came
 * (6.1.1). */
void ecn_mark(struct tcb *t, struct tcp_seg *out)
{
	if ((t->flags & (TF_ACTIVE | TF_SYN_RXT)) != (TF_ACTIVE | TF_SYN_RXT))
		out->ip_ecn = ECT_0;
	if (t->xflags & XF_CWR_DUE)
		out->flags |= TCPF_CWR;
	t->xflags &= (uint16_t)~XF_CWR_DUE;
}
