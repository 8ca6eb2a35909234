/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Has a rate settled? The rule: of two spans of STEADY_SPAN_NS, one behind the other, neither had
 * more events than the other by more than STEADY_SHARE of their mean, or by more than chance gives
 * (three standard deviations of a Poisson count), whichever is more.
 */
#ifndef APPS_STEADY_H
#define APPS_STEADY_H

#include <stdbool.h>
#include <stdint.h>

#define STEADY_TICK_NS 25000000u
#define STEADY_TICKS   8 /* to a span */
#define STEADY_SPAN_NS (STEADY_TICKS * (uint64_t)STEADY_TICK_NS)
#define STEADY_SHARE   0.05

struct steady {
	uint64_t totals[2 * STEADY_TICKS + 1]; /* at the last ticks, a ring */
	uint64_t next_at;
	unsigned n; /* ticks noted so far */
};

/* To be called at least once per tick; total: events since whenever. Zeroed: nothing noted yet. */
void steady_note(struct steady *, uint64_t now, uint64_t total);
/* False until both spans are full. */
bool steady_reached(const struct steady *);

#endif
