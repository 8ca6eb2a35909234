/* SPDX-License-Identifier: BSD-3-Clause */
/* Header prediction: in-order data or a plain ACK on an established connection with nothing special
 * about it. Skips checks whose answer is known; what it does is done by the slow path's own
 * functions. */
#ifndef TCP_FASTPATH_H
#define TCP_FASTPATH_H

#include "tcp/internal.h"

bool fastpath_takes(const struct tcb *, const struct tcp_seg *);
void fastpath_input(struct arrival *);

#endif
