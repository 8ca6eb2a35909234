/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether an idle core looks for frames for a while before it sleeps, or sleeps at once. Going to
 * sleep and being woken costs time of the core and delays what woke it, and so much waiting is
 * worth it; longer waits are cheaper asleep. So it spins while the waits of late, as far as a spin
 * sees them, were no longer than that in the mean. Asleep it does not know: what it measures has
 * the wake-up in it. So it tries again now and then, for several waits, as the other end may answer
 * sooner once it is answered sooner. No clock, no globals.
 */
#ifndef RUNTIME_SPIN_H
#define RUNTIME_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define SPIN_MAX    (50 * MT_US) /* then it sleeps */
#define SPIN_ROUND  256u	 /* waits */
#define SPIN_TRIAL  16u		 /* of a round's waits: it spins in any case */
#define SPIN_WEIGHT 8u		 /* waits of which the mean is made, about */

struct spin {
	mt_time worth; /* the longest mean wait worth spinning; 0: never spins */
	mt_time mean;  /* of waits, each counted as SPIN_MAX at most */
	uint32_t n;    /* waits */
};

static inline void spin_init(struct spin *s, mt_time worth)
{
	*s = (struct spin){.worth = worth};
}

/* At the beginning of a wait: how long it may spin. */
static inline mt_time spin_begin(struct spin *s)
{
	bool trial = s->n++ % SPIN_ROUND < SPIN_TRIAL;

	return s->worth > 0 && (trial || s->mean <= s->worth) ? SPIN_MAX : 0;
}

/* At its end: how long it was, spun and slept. */
static inline void spin_end(struct spin *s, mt_time len)
{
	s->mean = (s->mean * (SPIN_WEIGHT - 1) + mt_min(len, SPIN_MAX)) / SPIN_WEIGHT;
}

#endif
