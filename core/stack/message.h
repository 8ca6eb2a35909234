/* SPDX-License-Identifier: BSD-3-Clause */
/* A message (tcp/message.h) on its way in, private to core/stack; in line in stack_input. */
#ifndef STACK_MESSAGE_H
#define STACK_MESSAGE_H

#include "stack/place.h"
#include "stack/trace_put.h"
#include "tcp/autotune.h"
#include "tcp/message.h"

/* What conn_input does with a message that finds nothing unread, of a connection that an
 * application has. False: it is none, or the smallest block does not do; conn_input takes it. The
 * bytes are copied last, so that nothing has to be kept over it. */
static ALWAYS_INLINE bool take_message(struct stack_core *sc, struct conn *c,
				       const struct tcp_seg *seg, const struct tcp_clock *k)
{
	const unsigned about = CONN_LIVE | CONN_DONE | CONN_MORE | CONN_ORPHAN | CONN_QUEUED |
			       CONN_NO_SPACE | CONN_OWNED;
	uint32_t n_acked;

	if ((c->flags & about) != (CONN_LIVE | CONN_OWNED) || c->rcv.block != BUFMEM_NONE ||
	    seg->len > BUFMEM_UNIT || !sc->bufs.n_kept[0] || !message_takes(&c->tcb, seg))
		return false;
	if (message_in(&c->tcb, seg, k, &n_acked))
		tcp_grow_rcvbuf(&c->tcb, core_buf_share(sc));
	trace_seg(sc, c, TRACE_IN * 16u + TCPS_ESTABLISHED, seg, k->now);
	sc->stats.fast_path++;
	sc->stats.rx_data_bytes += seg->len;
	if (n_acked)
		buf_release(&sc->bufs, &c->snd);
	c->edge |= STACK_IN;
	if (!rlist_linked(&c->event_node))
		rlist_append(&sc->conn_events, &c->event_node);
	place_on(sc, c, c->tcb.flags & TF_ACK_NOW ? TCP_TX_ACK : TCP_TX_NONE, 1);
	if (c->tx == CONN_TX_NONE || c->tx == CONN_TX_NEIGH)
		place_timer_at(sc, c, k->us, k->now);
	c->rcv.block = bufmem_get_small(&sc->bufs, seg->len);
	memcpy(bufmem_at(&sc->bufs, c->rcv.block), seg->payload, seg->len);
	return true;
}

#endif
