/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is known of a long flow whose frames are lost at random with probability p: segments per second. rtt and rto
 * in seconds. Every segment is counted when it is acknowledged (RFC 3465), so b = 1.
 */
#ifndef SIM_THEORY_H
#define SIM_THEORY_H

/* Average window in segments: Mathis et al. 1997, 1.22 / sqrt(p), without timeouts. */
double theory_reno_window(double p);
/* RFC 9438 5.1: the response function of CUBIC, or that of its Reno-friendly region (4.3), which is Reno's, where
 * that is larger. */
double theory_cubic_window(double p, double rtt);
/* The rate of such a window, with the time that timeouts take: Padhye et al. 1998, equation 30. */
double theory_with_timeouts(double window, double p, double rtt, double rto);

#endif
