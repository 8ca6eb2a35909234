/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments of 1000 bytes in flight at time 0, on a path whose round trip is known. */
#ifndef TESTS_SCRIPT_FLIGHT_H
#define TESTS_SCRIPT_FLIGHT_H

#include "script_states.h"

#define SEG(i)	    (1 + 1000 * (i)) /* first byte of segment i */
#define SACK1(a, b) .n_sack = 1, .sack = {SEG(a), SEG(b)}

/* n segments are written; as many as the initial window takes are in flight. */
static inline void be_flying(struct script *s, uint32_t n, uint32_t rtt_ms)
{
	be_established(s);
	rtt_init(&s->t.rtt);
	rtt_sample(&s->t.rtt, rtt_ms * 1000);
	app_write(s, 0, n * 1000);
	script_skip(s);
}

static inline void be_flying_sack(struct script *s, uint32_t n, uint32_t rtt_ms)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_flying(s, n, rtt_ms);
}

/* Everything the application wrote is acknowledged, at `at` and, if more was to be sent, later. */
static inline void all_acked(struct script *s, mt_time at)
{
	for (unsigned i = 0; i < 200; i++) {
		IN(s, at, .seq = 1, .ack = ACK_ALL);
		at += 20 * MS;
		if (seq_eq(s->t.snd_una, s->t.snd_end))
			break;
	}
	assert_true(seq_eq(s->t.snd_una, s->t.snd_end));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	script_skip(s);
}

#endif
