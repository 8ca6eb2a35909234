/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proportional rate reduction (RFC 6937 with the choice of its successor: slow start reduction
 * bound while ACKs advance without further loss, else the conservative one). How much of what the
 * network delivers in a recovery may be answered by sending, so that the flight reaches ssthresh at
 * its end without a pause and without a burst. A value.
 */
#ifndef TCP_PRR_H
#define TCP_PRR_H

#include <stdbool.h>
#include <stdint.h>

struct prr {
	uint32_t recover_fs; /* RecoverFS: bytes in flight when the recovery began */
	uint32_t delivered;  /* prr_delivered, bytes since */
	uint32_t out;	     /* prr_out, bytes sent since */
};

struct prr_ack {
	uint32_t delivered; /* bytes by this ACK */
	uint32_t pipe, ssthresh, mss;
	bool safe; /* it advanced snd_una and found nothing else lost */
};

void prr_start(struct prr *, uint32_t flight);
/* Bytes that may be sent now. */
uint32_t prr_allow(struct prr *, const struct prr_ack *);
void prr_sent(struct prr *, uint32_t n);

#endif
