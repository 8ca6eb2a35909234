// SPDX-License-Identifier: BSD-3-Clause
#include "theory.h"

#include <math.h>

#define CUBIC_C	   0.4 /* RFC 9438 5 */
#define CUBIC_BETA 0.7

double theory_reno_window(double p)
{
	return sqrt(1.5 / p);
}

double theory_cubic_window(double p, double rtt)
{
	double factor = pow(CUBIC_C * (3 + CUBIC_BETA) / (4 * (1 - CUBIC_BETA)), 0.25);

	return fmax(factor * pow(rtt / p, 0.75), theory_reno_window(p));
}

double theory_with_timeouts(double window, double p, double rtt, double rto)
{
	double timeouts = fmin(1, 3 * sqrt(3 * p / 8)) * p * (1 + 32 * p * p);

	return 1 / (rtt / window + rto * timeouts);
}
