/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip estimate and retransmission timeout (RFC 6298), integers only; a small value type. */
#ifndef TCP_RTT_H
#define TCP_RTT_H

#include <stdbool.h>
#include <stdint.h>

struct rtt {
	uint32_t srtt_us8;   /* srtt in 1/8 us; 0: no sample yet */
	uint32_t rttvar_us4; /* rttvar in 1/4 us */
	uint32_t min_us;     /* smallest sample, UINT32_MAX if none */
	uint8_t backoff;     /* doublings since the last sample or reset */
};

void rtt_init(struct rtt *);
/* One measurement of a segment sent once (Karn), in us; bounded below by 1 and above by 2^26. */
void rtt_sample(struct rtt *, uint32_t us);
void rtt_backoff(struct rtt *);       /* the timer fired (5.5); saturates */
void rtt_reset_backoff(struct rtt *); /* new data acknowledged (5.7, Linux's reading) */
/* Timeout with backoff, in ms, bounded to [min_ms, max_ms]; init_ms while there is no sample. */
uint32_t rtt_rto_ms(const struct rtt *, uint32_t init_ms, uint32_t min_ms, uint32_t max_ms);
uint32_t rtt_srtt_us(const struct rtt *);

#endif
