/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip estimate and retransmission timeout (RFC 6298), integers only; a small value type. */
#ifndef TCP_RTT_H
#define TCP_RTT_H

#include <stdbool.h>
#include <stdint.h>

struct rtt {
	uint32_t srtt_us8;    /* srtt in 1/8 us; 0: no sample yet */
	uint32_t rttvar_us4;  /* rttvar in 1/4 us */
	uint32_t min_us : 27; /* smallest sample, RTT_NONE if none */
	uint32_t backoff : 5; /* doublings since the last sample or reset */
};

#define RTT_SAMPLE_MAX	(1u << 26) /* 67 s: srtt_us8 stays below 2^30 */
#define RTT_NONE	((1u << 27) - 1)
#define RTT_BACKOFF_MAX 16    /* 200 ms << 16 exceeds every sensible rto_max_ms */
#define RTT_GRANULARITY 1000u /* us: G of RFC 6298 2.3, the tick of the timing wheel */

static inline void rtt_init(struct rtt *r)
{
	*r = (struct rtt){.min_us = RTT_NONE};
}

/* One measurement of a segment sent once (Karn), in us; bounded below by 1 and above by 2^26. */
static inline void rtt_sample(struct rtt *r, uint32_t us)
{
	if (us == 0)
		us = 1; /* 0 in srtt_us8 means "no sample" */
	if (us > RTT_SAMPLE_MAX)
		us = RTT_SAMPLE_MAX;
	if (us < r->min_us)
		r->min_us = us & RTT_NONE;
	r->backoff = 0;
	if (r->srtt_us8 == 0) { /* RFC 6298 2.2 */
		r->srtt_us8 = us * 8;
		r->rttvar_us4 = us * 2;
		return;
	}
	/* RFC 6298 2.3, the variance first: it uses the old mean. */
	uint32_t srtt = r->srtt_us8 / 8;
	uint32_t err = us > srtt ? us - srtt : srtt - us;

	r->rttvar_us4 = r->rttvar_us4 - r->rttvar_us4 / 4 + err;
	r->srtt_us8 = r->srtt_us8 - srtt + us;
}

/* The timer fired (5.5); saturates. */
static inline void rtt_backoff(struct rtt *r)
{
	if (r->backoff < RTT_BACKOFF_MAX)
		r->backoff++;
}

/* For another reason than a sample: what backed off was a probe of the peer's window. */
static inline void rtt_reset_backoff(struct rtt *r)
{
	r->backoff = 0;
}

/* Timeout with backoff, in ms, bounded to [min_ms, max_ms]; init_ms while there is no sample. */
static inline uint32_t rtt_rto_ms(const struct rtt *r, uint32_t init_ms, uint32_t min_ms,
				  uint32_t max_ms)
{
	uint64_t ms = init_ms;

	if (r->srtt_us8 != 0) {
		uint32_t var = r->rttvar_us4; /* K * rttvar, K = 4 */
		uint32_t us = r->srtt_us8 / 8 + (var > RTT_GRANULARITY ? var : RTT_GRANULARITY);

		ms = (us + 999) / 1000;
	}
	if (ms < min_ms)
		ms = min_ms;
	ms <<= r->backoff;
	return ms > max_ms ? max_ms : (uint32_t)ms;
}

static inline uint32_t rtt_srtt_us(const struct rtt *r)
{
	return r->srtt_us8 / 8;
}

#endif
