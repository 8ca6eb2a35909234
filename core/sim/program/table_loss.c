// SPDX-License-Identifier: BSD-3-Clause
/* Goodput of one long flow: loss x RTT x queue x congestion control x SACK. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "theory.h"

#define LINK	100e6 /* bit/s */
#define PAYLOAD 1448.0
#define FRAME	1514.0
#define RTO_MIN 0.2

static const double all_losses[] = {0, 0.0001, 0.001, 0.01, 0.03, 0.1};
static const double losses[] = {0, 0.001, 0.01, 0.03, 0.1};
static const unsigned all_rtts_ms[] = {1, 10, 30, 100, 300};
static const unsigned rtts_ms[] = {1, 10, 100, 300};
static const double queues[] = {1, 0.25}; /* of a bandwidth-delay product */
static const char *const ccs[] = {"cubic", "reno", "bbr"};

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct cell {
	const char *cc;
	double p, rtt, queue;
	bool sack;
};

static size_t n_losses(const struct table *t)
{
	return t->full ? N(all_losses) : N(losses);
}

static double loss_at(const struct table *t, size_t i)
{
	return t->full ? all_losses[i] : losses[i];
}

static double capacity(void)
{
	return LINK * PAYLOAD / FRAME;
}

static double segments_per_s(double bps)
{
	return bps / (PAYLOAD * 8);
}

static bool is_bbr(const struct cell *c)
{
	return strcmp(c->cc, "bbr") == 0;
}

static double window_of(const struct cell *c)
{
	return strcmp(c->cc, "reno") == 0 ? theory_reno_window(c->p)
					  : theory_cubic_window(c->p, c->rtt);
}

/* bit/s, above the link's rate too; timeouts counted or not. BBR takes no loss for congestion. */
static double theory_of(const struct cell *c, bool timeouts)
{
	double rto = fmax(RTO_MIN, 1.25 * c->rtt), w;

	if (c->p == 0 || is_bbr(c))
		return INFINITY;
	w = window_of(c);
	return PAYLOAD * 8 * (timeouts ? theory_with_timeouts(w, c->p, c->rtt, rto) : w / c->rtt);
}

/* In this time Reno's window grows by a bandwidth-delay product. */
static double growth_s(const struct cell *c)
{
	return LINK / 8 * c->rtt / FRAME * c->rtt;
}

/* Long enough for a hundred losses, or for the sawtooth of an undisturbed flow, as far as that
 * goes. */
static double seconds_for(const struct table *t, const struct cell *c)
{
	double pps = segments_per_s(fmin(capacity(), theory_of(c, true)));
	double want = fmin(fmax(c->p > 0 ? 150 / c->p : 0, 20000), t->full ? 600000 : 100000);
	double most = t->full ? 2000 : 150;

	if (c->p == 0)
		return fmin(fmax(3 * growth_s(c), 5), most);
	return fmin(fmax(fmax(want / pps, 2), 300 * c->rtt), 2000);
}

/* Where the theory's assumptions hold: by it. Where the link is slower: by the link. In between:
 * not above either. */
static void check_cell(struct table *t, const struct cell *c, double got)
{
	double free_of_timeouts = theory_of(c, false), with = theory_of(c, true);
	double low = 0, high = fmin(1.35 * free_of_timeouts, 1.002 * capacity());
	bool fills = c->sack ? c->p <= 0.001 : c->p == 0 && c->queue >= 1; /* BBR */

	if (is_bbr(c))
		low = fills ? 0.4 * capacity() : 0;
	else if (free_of_timeouts < 0.5 * capacity())
		low = (c->sack ? 0.5 : 0.25) * with;
	else if (with > 3 * capacity() && seconds_for(t, c) > 2 * growth_s(c))
		low = (c->queue >= 1 ? 0.8 : 0.6) * capacity();
	else if (with > 3 * capacity())
		low = 0.2 * capacity();
	table_bound(t, got / 1e6, (struct bounds){low / 1e6, high / 1e6},
		    "%s, SACK %s, RTT %g ms, queue %g, loss %g%%", c->cc, c->sack ? "on" : "off",
		    c->rtt * 1e3, c->queue, c->p * 100);
}

static void print_cell(struct table *t, const struct cell *c)
{
	double seconds = seconds_for(t, c), bdp = LINK / 8 * c->rtt;
	struct scn_result *r =
		table_run(t,
			  "duration=%.3fs\nwarmup=%.3fs\n[tcp]\ncc=%s\nsack=%s\n[host a]\n[host "
			  "b]\nswitch=1\n"
			  "[trunk 0]\nrate=%.0f\ndelay=%.6fs\nup.queue=%.0f\nup.loss=%g\n[flow "
			  "f]\nfrom=a\nto=b\n",
			  seconds, seconds / 5, c->cc, c->sack ? "on" : "off", LINK, c->rtt / 2,
			  fmax(c->queue * bdp, 30000), c->p);

	printf("%10.3f", r->flows[0].goodput_bps / 1e6);
	check_cell(t, c, r->flows[0].goodput_bps);
	free(r);
}

static void print_theory(const struct table *t, struct cell c, bool timeouts)
{
	printf("  %-24s", timeouts ? "theory, with timeouts" : "theory");
	for (size_t i = 0; i < n_losses(t); i++) {
		c.p = loss_at(t, i);
		printf("%10.3f", fmin(theory_of(&c, timeouts), capacity()) / 1e6);
	}
	putchar('\n');
}

static void print_group(struct table *t, struct cell c)
{
	printf("\n%s, RTT %g ms\n", c.cc, c.rtt * 1e3);
	if (!is_bbr(&c)) {
		print_theory(t, c, false);
		print_theory(t, c, true);
	}
	for (unsigned k = 0; k < 2 * N(queues); k++) {
		c.sack = k < N(queues);
		c.queue = queues[k % N(queues)];
		printf("  SACK %-3s  queue %-4g BDP ", c.sack ? "on" : "off", c.queue);
		for (size_t i = 0; i < n_losses(t); i++) {
			c.p = loss_at(t, i);
			print_cell(t, &c);
		}
		putchar('\n');
		fflush(stdout);
	}
}

void table_loss(struct table *t)
{
	printf("Goodput of one flow over %g Mbit/s, Mbit/s. Loss is of each data frame by "
	       "itself.\n",
	       LINK / 1e6);
	printf("Theory: 1.22 / sqrt(p) for Reno (Mathis 1997), RFC 9438 5.1 for CUBIC; timeouts as "
	       "in Padhye 1998.\n\n");
	printf("%-26s", "loss");
	for (size_t i = 0; i < n_losses(t); i++)
		printf("%9g%%", loss_at(t, i) * 100);
	putchar('\n');
	for (size_t k = 0; k < N(ccs); k++)
		for (size_t i = 0; i < (t->full ? N(all_rtts_ms) : N(rtts_ms)); i++)
			print_group(t,
				    (struct cell){.cc = ccs[k],
						  .rtt = (t->full ? all_rtts_ms[i] : rtts_ms[i]) /
							 1e3});
}
