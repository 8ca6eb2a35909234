// SPDX-License-Identifier: BSD-3-Clause
#include "steady.h"

#include <math.h>

#define N_TOTALS (2 * STEADY_TICKS + 1)

void steady_note(struct steady *s, uint64_t now, uint64_t total)
{
	if (s->n == 0)
		s->next_at = now;
	/* a call that comes late stands for the ticks that it missed: they last as long */
	while (now >= s->next_at) {
		s->totals[s->n++ % N_TOTALS] = total;
		s->next_at += STEADY_TICK_NS;
	}
}

bool steady_reached(const struct steady *s)
{
	double first, second;
	uint64_t middle;

	if (s->n < N_TOTALS)
		return false;
	middle = s->totals[(s->n - 1 - STEADY_TICKS) % N_TOTALS];
	first = (double)(middle - s->totals[s->n % N_TOTALS]);
	second = (double)(s->totals[(s->n - 1) % N_TOTALS] - middle);
	return fabs(first - second) <=
	       fmax(STEADY_SHARE * (first + second) / 2, 3 * sqrt(first + second));
}
