/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP fast open (RFC 7413): data in SYNs. Cookies are the owner's. */
#ifndef TCP_FASTOPEN_H
#define TCP_FASTOPEN_H

#include "tcp/tcp.h"

/* Before the SYN has left: it asks for a cookie, or, mss > 0, has one and waits for the data it
 * will carry, at most mss bytes with the options (what the peer announced the last time). False:
 * too late. */
bool tcp_fastopen_ask(struct tcb *, uint16_t mss);
/* The SYN waits for tcp_append or tcp_shutdown. */
bool tcp_fastopen_held(const struct tcb *);
/* The SYN has left with data. */
bool tcp_was_fast(const struct tcb *);
/* As tcp_open_passive for a SYN with a good cookie; events say where its payload goes. Data is
 * taken and sent from now on; TCP_EV_ESTABLISHED comes when the handshake is over. */
struct tcp_events tcp_open_fastopen(struct tcb *, const struct tcp_config *,
				    const struct tcp_open *, const struct tcp_seg *syn,
				    mt_time now);

#endif
