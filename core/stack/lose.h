/* SPDX-License-Identifier: BSD-3-Clause */
/* What is due and can't be sent is lost, as a wire loses it: then the connections' own timers say
 * when to try again, and when to give up. Private to core/stack. */
#ifndef STACK_LOSE_H
#define STACK_LOSE_H

#include "base/time.h"

struct conn;
struct stack_core;

/* The connection's segments that are due, a few at a time. The block may be gone afterwards unless
 * it is owned. */
void lose_due(struct stack_core *, struct conn *, mt_time now);
/* The device has refused something since the last call. If it has taken nothing for long, a turn's
 * worth of what waits for it is lost. */
void lose_if_stuck(struct stack_core *, mt_time now);

#endif
