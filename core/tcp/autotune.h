/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive buffer auto-tuning, the owner's part: it has the memory (TCP_EV_RCVBUF says when). */
#ifndef TCP_AUTOTUNE_H
#define TCP_AUTOTUNE_H

#include "tcp/tcp.h"

/* Receive auto-tuning, as far as the owner's memory goes. Doubles the buffer, at most to rcvbuf_max
 * and to `most`; the peer is told at once. Nothing after an explicit TCP_OPT_RCVBUF. */
void tcp_grow_rcvbuf(struct tcb *, uint32_t most);
/* Memory is short: what auto-tuning added is taken back. What was offered stays offered. */
void tcp_shrink_rcvbuf(struct tcb *);

#endif
