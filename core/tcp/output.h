/* SPDX-License-Identifier: BSD-3-Clause */
/* Which segment is next. tcp_pending and tcp_output ask the same question here, so they cannot
 * differ. */
#ifndef TCP_OUTPUT_H
#define TCP_OUTPUT_H

#include "tcp/tcb.h"

/* True if the windows, Nagle and cork let unsent data or a FIN go now. */
bool output_can_send_new(const struct tcb *);

#endif
