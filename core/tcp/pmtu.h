/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said of a connection's path MTU. */
#ifndef TCP_PMTU_H
#define TCP_PMTU_H

#include "tcp/tcp.h"

/* A router says that the path takes less (RFC 1191): payload mss, options not counted. The quoted
 * seq is checked: false if it is not in flight (RFC 5927), and then nothing has changed. */
bool tcp_path_mtu(struct tcb *, tcp_seq quoted, uint16_t mss, mt_time now);
/* The same, known from before; of an established connection. */
void tcp_path_mss(struct tcb *, uint16_t mss, mt_time now);

#endif
