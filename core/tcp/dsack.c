// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/dsack.h"
#include "tcp/internal.h"

/* Repetitions that touch are one; of others the first is reported. */
static void report(struct tcb *t, struct seq_range dup)
{
	struct seq_range *d = &cold_of(t)->dup;

	t->flags |= TF_ACK_NOW;
	if (!dsack_waits(cold_of(t))) {
		*d = dup;
	} else if (seq_leq(dup.start, d->end) && seq_geq(dup.end, d->start)) {
		d->start = seq_min(dup.start, d->start);
		d->end = seq_max(dup.end, d->end);
	}
}

bool dsack_repeats(const struct tcb *t, const struct tcp_seg *s)
{
	return (t->flags & TF_SACK) && t->state >= TCPS_ESTABLISHED &&
	       !(s->flags & (TCPF_SYN | TCPF_RST)) && (s->len || (s->flags & TCPF_FIN)) &&
	       seq_lt(s->seq, t->rcv_nxt) && t->rcv_nxt.v - s->seq.v <= t->rcvbuf;
}

void dsack_old(struct tcb *t, const struct tcp_seg *s)
{
	if (cold_of(t) && dsack_repeats(t, s))
		report(t, (struct seq_range){s->seq,
					     seq_min(seq_add(s->seq, seg_len(s)), t->rcv_nxt)});
}

void dsack_held(struct tcb *t, struct seq_range r)
{
	const struct ooo_set *o = &cold_of(t)->ooo;
	uint8_t i = 0;

	while (i < o->n && seq_leq(o->r[i].end, r.start))
		i++;
	if ((t->flags & TF_SACK) && i < o->n && seq_lt(o->r[i].start, r.end))
		report(t, (struct seq_range){seq_max(o->r[i].start, r.start),
					     seq_min(o->r[i].end, r.end)});
}

uint8_t dsack_put(struct tcp_cold *c, struct seq_range *out)
{
	if (!dsack_waits(c))
		return 0;
	ooo_touch(&c->ooo, c->dup.start);
	*out = c->dup;
	c->dup.start = c->dup.end;
	return 1;
}
