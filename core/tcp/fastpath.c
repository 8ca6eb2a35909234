// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/fastpath.h"
#include "tcp/recovery.h"

#define CE 3u /* RFC 3168 5 */

/* What an ACK that does not advance means to a timer that fired is for the slow path; TF_ORPHAN and
 * TF_FIN do not occur in ESTABLISHED. */
bool fastpath_takes(const struct tcb *t, const struct tcp_seg *s)
{
	const unsigned ctl =
		(TCPF_FIN | TCPF_SYN | TCPF_RST | TCPF_ACK | TCPF_URG | TCPF_ECE | TCPF_CWR);
	unsigned ts = t->flags & TF_TS ? TCPO_TS : 0;
	uint32_t n_new = s->ack.v - t->snd_una.v;
	bool stale = ts && (int32_t)(s->ts_val - t->ts_recent) < 0;

	/* Bitwise on purpose: one branch. */
	unsigned slow = (unsigned)!t->cfg->fast_path | (t->state ^ TCPS_ESTABLISHED) | t->phase |
			((s->flags & ctl) ^ TCPF_ACK) | (s->seq.v ^ t->rcv_nxt.v) | t->n_retries |
			t->n_keep | (t->flags & (TF_HOLES | TF_ECE)) |
			((s->opts & (TCPO_TS | TCPO_SACK)) ^ ts) | stale | s->no_room |
			(s->len > rcv_wnd(t)) | (n_new > flight(t)) | ((n_new | s->len) == 0) |
			(s->ip_ecn == CE);

	return slow == 0;
}

void fastpath_input(struct arrival *a)
{
	struct tcb *t = a->t;
	const struct tcp_seg *s = a->seg;
	bool advanced = !seq_eq(s->ack, t->snd_una);
	uint32_t before = flight(t);

	a->ev->flags = TCP_EV_FAST;
	t->last_rcv_ms = ms_of(a->now);
	ts_note(t, s);
	if (advanced) {
		if (t->cold)
			recovery_delivered(t, s, a->now);
		ack_new(a);
		if (t->cc.ops->on_sample)
			ack_sample(a, before);
	}
	ack_window(a, advanced);
	a->seq = s->seq;
	a->len = s->len;
	if (a->len)
		data_in_order(a);
	timer_settle(t, a->now);
}
