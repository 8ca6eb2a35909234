// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/internal.h"

#define TO(s) (uint16_t)(1u << (TCPS_##s))

/* RFC 9293 3.3.2, figure 5. From every state there is a way to CLOSED: RST, timeout, abort. */
static const uint16_t legal[TCPS_COUNT] = {
	[TCPS_CLOSED] = TO(SYN_SENT) | TO(SYN_RCVD),
	[TCPS_SYN_SENT] = TO(SYN_RCVD) | TO(ESTABLISHED) | TO(CLOSED),
	[TCPS_SYN_RCVD] = TO(ESTABLISHED) | TO(CLOSED),
	[TCPS_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
	[TCPS_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(CLOSED),
	[TCPS_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
	[TCPS_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
	[TCPS_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
	[TCPS_LAST_ACK] = TO(CLOSED),
	[TCPS_TIME_WAIT] = TO(CLOSED),
};

static const char *const names[TCPS_COUNT] = {
	[TCPS_CLOSED] = "CLOSED",	  [TCPS_SYN_SENT] = "SYN-SENT",
	[TCPS_SYN_RCVD] = "SYN-RECEIVED", [TCPS_ESTABLISHED] = "ESTABLISHED",
	[TCPS_FIN_WAIT_1] = "FIN-WAIT-1", [TCPS_FIN_WAIT_2] = "FIN-WAIT-2",
	[TCPS_CLOSE_WAIT] = "CLOSE-WAIT", [TCPS_CLOSING] = "CLOSING",
	[TCPS_LAST_ACK] = "LAST-ACK",	  [TCPS_TIME_WAIT] = "TIME-WAIT",
};

const char *tcp_state_name(enum tcp_state s)
{
	return (unsigned)s < TCPS_COUNT ? names[s] : "?";
}

void tcp_set_state(struct tcb *t, enum tcp_state to)
{
	check(legal[t->state] & (1u << to));
	t->state = (uint8_t)to;
}

/* States in which an ABORT sends a RST (RFC 9293 3.10.5). LAST-ACK and CLOSING are ours from the
 * shutdown on, the RFC's only when all is sent, the FIN with it (3.10.4): before that the peer
 * would wait for the rest for ever. */
static bool abort_resets(const struct tcb *t)
{
	switch (t->state) {
	case TCPS_SYN_RCVD:
	case TCPS_ESTABLISHED:
	case TCPS_FIN_WAIT_1:
	case TCPS_FIN_WAIT_2:
	case TCPS_CLOSE_WAIT:
		return true;
	case TCPS_CLOSING:
	case TCPS_LAST_ACK:
		return unsent(t);
	default:
		return false;
	}
}

void conn_end(struct tcb *t, bool reset)
{
	reset = reset && abort_resets(t);
	t->flags &= ~(uint32_t)(TF_DUE | TF_PERSIST | TF_TIMING);
	if (reset) {
		t->flags |= TF_RST_DUE;
		t->rxt_nxt = bare_seq(t);
	}
	t->rxt_at_us = t->ack_at_us = t->idle_at_ms = 0;
	tcp_set_state(t, TCPS_CLOSED);
}

void conn_fail(struct tcb *t, int err, bool reset, struct tcp_events *ev)
{
	conn_end(t, reset);
	ev->flags |= TCP_EV_ERROR | TCP_EV_CLOSED;
	ev->error = (uint8_t)err;
}
