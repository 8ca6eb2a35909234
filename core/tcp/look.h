/* SPDX-License-Identifier: BSD-3-Clause */
/* What an observer of the sender sees, in bytes and us. */
#ifndef TCP_LOOK_H
#define TCP_LOOK_H

#include <stdint.h>

struct tcb;

struct tcp_look {
	uint32_t cwnd;
	uint32_t ssthresh;  /* UINT32_MAX: none yet */
	uint32_t srtt_us;   /* 0: no sample yet */
	uint32_t in_flight; /* sent, not acknowledged */
};

void tcp_look(const struct tcb *, struct tcp_look *);

#endif
