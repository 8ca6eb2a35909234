/* SPDX-License-Identifier: BSD-3-Clause */
/* What a connection can tell of itself, as plain values: the meanings are those of Linux's struct
 * tcp_info. What would have to be counted per packet or kept per connection only for this is not
 * here. */
#ifndef TCP_INFO_H
#define TCP_INFO_H

#include "tcp/tcp.h"

enum tcp_info_phase {
	TCP_INFO_OPEN,
	TCP_INFO_DISORDER,
	TCP_INFO_CWR,
	TCP_INFO_RECOVERY,
	TCP_INFO_LOSS
};

struct tcp_info_values {
	enum tcp_state state;
	enum tcp_info_phase phase;
	uint8_t n_retries; /* unanswered retransmissions in a row */
	uint8_t n_probes;  /* unanswered window or keepalive probes in a row */
	uint8_t backoff;
	bool timestamps, sack, wscale, ecn;
	uint8_t snd_wscale, rcv_wscale;
	uint32_t rto_us, ato_us;
	uint32_t snd_mss, rcv_mss;	    /* payload bytes */
	uint32_t adv_mss;		    /* as announced */
	uint32_t path_mss;		    /* as snd_mss, options not taken off */
	uint32_t unacked, sacked, lost;	    /* segments, rounded up; lost: and not yet sent again */
	uint32_t last_sent_ms, last_ack_ms; /* ago */
	uint32_t srtt_us, rttvar_us;	    /* 0: not measured */
	uint32_t min_rtt_us;		    /* UINT32_MAX: not measured */
	uint32_t ssthresh, cwnd;	    /* segments; ssthresh INT32_MAX: none yet */
	uint32_t rcv_space;		    /* bound of the receive buffer, bytes */
	uint32_t notsent_bytes;
	uint32_t snd_wnd;     /* bytes */
	uint64_t pacing_rate; /* bytes/s; 0: not paced */
};

void tcp_get_info(const struct tcb *, mt_time now, struct tcp_info_values *);

#endif
