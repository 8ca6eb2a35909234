// SPDX-License-Identifier: BSD-3-Clause
/* Short flows under loss, fairness, incast, standing queues. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static double ms(mt_time t)
{
	return (double)t / 1e6;
}

/* ---- short flows ---- */

/* Bounds: the median pays at most one fast recovery while losses are few, and two timeouts of 200
 * ms at worst; one in ten may lose its SYN, which costs a second, or two timeouts in a row. */

/* Round trips of a response of n segments: handshake, then initial window 10, doubling. */
static unsigned rounds(uint64_t bytes)
{
	uint64_t segments = (bytes + 1447) / 1448, window = 10;
	unsigned n = 2;

	for (; segments > window; n++, window *= 2)
		segments -= window;
	return n;
}

static void short_row(struct table *t, unsigned rtt_ms, uint64_t bytes, double loss, bool sack)
{
	struct scn_result *r = table_run(
		t,
		"duration=100000s\n[tcp]\nsack=%s\n[host a]\n[host b]\nswitch=1\n"
		"[trunk 0]\nrate=100M\ndelay=%.1fms\nloss=%g\n[flow "
		"f]\nfrom=a\nto=b\nbytes=200\nresponse=%u\n"
		"connections=%u\n",
		sack ? "on" : "off", rtt_ms / 2.0, loss, (unsigned)bytes, t->full ? 10000u : 2000u);
	const struct hist *h = &r->flows[0].times;
	/* RFC 6582 mends one loss per round trip. */
	double newreno = sack ? 0 : (double)bytes / 1448 * loss * rtt_ms;
	double ideal = rounds(bytes) * rtt_ms, median = ms(hist_quantile(h, 0.5));

	printf("%6u %8u %6g %5s %9.1f %9.1f %9.1f %9.1f %9.1f %7u\n", rtt_ms, (unsigned)bytes,
	       loss * 100, sack ? "on" : "off", ideal, median, ms(hist_quantile(h, 0.9)),
	       ms(hist_quantile(h, 0.99)), ms(h->max), (unsigned)r->flows[0].failed);
	table_bound(
		t, median,
		(struct bounds){0.99 * ideal, loss <= 0.01 ? 1.5 * ideal + 10 : 5 * ideal + 400},
		"median, RTT %u ms, %u bytes, loss %g%%, SACK %d", rtt_ms, (unsigned)bytes,
		loss * 100, sack);
	table_bound(t, ms(hist_quantile(h, 0.9)),
		    (struct bounds){0.99 * ideal, 6 * ideal + newreno + 2000},
		    "p90, RTT %u ms, %u bytes, loss %g%%, SACK %d", rtt_ms, (unsigned)bytes,
		    loss * 100, sack);
	table_bound(t, (double)r->flows[0].failed, (struct bounds){0, 0},
		    "failed, RTT %u ms, loss %g%%", rtt_ms, loss * 100);
	if (loss == 0)
		table_bound(t, ms(h->max), (struct bounds){0.99 * ideal, 1.3 * ideal + 10},
			    "slowest without loss, RTT %u ms, %u bytes", rtt_ms, (unsigned)bytes);
	free(r);
}

void table_short(struct table *t)
{
	static const double losses[] = {0, 0.01, 0.05, 0.1};
	static const unsigned rtts[] = {20, 100, 1, 300};
	static const uint64_t sizes[] = {10000, 100000, 1000000};

	printf("Time of one request and response, a connection each, ms. Loss in both directions; "
	       "ideal: slow start "
	       "without loss.\n\n");
	printf("%6s %8s %6s %5s %9s %9s %9s %9s %9s %7s\n", "RTT", "bytes", "loss%", "SACK",
	       "ideal", "p50", "p90", "p99", "max", "failed");
	for (size_t k = 0; k < (t->full ? 4u : 2u); k++)
		for (size_t i = 0; i < (t->full ? 3u : 2u); i++)
			for (size_t j = 0; j < 2 * N(losses); j++)
				short_row(t, rtts[k], sizes[i], losses[j / 2], j % 2 == 0);
}

/* ---- fairness ---- */

/* n flows, a half of each algorithm; they start within a second. */
static void fair_row(struct table *t, const char *one, const char *other, unsigned n)
{
	bool mixed = strcmp(one, other) != 0, ecn = strcmp(one, "dctcp") == 0;
	bool bbr = strcmp(one, "bbr") == 0;
	struct scn_result *r = table_run(
		t,
		"duration=%us\nwarmup=%us\n[tcp]\necn=%u\n[host a]\n[host c]\n[host b]\nswitch=1\n"
		"[trunk 0]\nrate=100M\ndelay=10ms\nqueue=250k\n%s"
		"[flow f]\nfrom=a\nto=b\nparallel=%u\ncc=%s\n"
		"[flow g]\nfrom=c\nto=b\nparallel=%u\ncc=%s\nstart=300ms\n",
		t->full ? 300u : 60u, t->full ? 60u : 15u, ecn ? 1u : 2u, ecn ? "ecn=30k\n" : "",
		n / 2, one, n / 2, other);
	double f = r->flows[0].goodput_bps / 1e6, g = r->flows[1].goodput_bps / 1e6;
	const struct sim_pipe_stats *q = &r->trunks[0][SIM_UP];

	printf("%-6s %-6s %3u %8.3f %8.2f %8.2f %8.2f%%\n", one, other, n, r->jain, f, g,
	       100 * (double)q->queue_full / (double)q->frames);
	table_bound(t, f + g, (struct bounds){bbr ? 60 : 85, 96}, "sum of %u flows %s and %s", n,
		    one, other);
	/* 0.5: one half takes all, as BBR version 1 is known to in a queue of about a
	 * bandwidth-delay product, where losses stop CUBIC only. */
	table_bound(t, r->jain,
		    (struct bounds){mixed ? (bbr ? 0.5 : 0.6)
				    : bbr ? 0.75
					  : 0.9,
				    1.0001},
		    "fairness of %u flows %s and %s", n, one, other);
	free(r);
}

void table_fair(struct table *t)
{
	static const char *const pairs[][2] = {{"cubic", "cubic"}, {"reno", "reno"},
					       {"dctcp", "dctcp"}, {"bbr", "bbr"},
					       {"cubic", "reno"},  {"bbr", "cubic"}};
	static const unsigned counts[] = {2, 8, 64, 4, 16, 32};

	printf("n flows over 100 Mbit/s, 20 ms, queue 250 kB (with DCTCP marked from 30 kB on), "
	       "half of them of each "
	       "algorithm.\nJain's index over all flows, goodput of both halves in Mbit/s, frames "
	       "dropped.\n\n");
	printf("%-6s %-6s %3s %8s %8s %8s %9s\n", "half", "half", "n", "Jain", "first", "second",
	       "dropped");
	for (size_t k = 0; k < N(pairs); k++)
		for (size_t i = 0; i < (t->full ? N(counts) : 3u); i++)
			fair_row(t, pairs[k][0], pairs[k][1], counts[i]);
}

/* ---- incast ---- */

static void incast_row(struct table *t, const char *cc, unsigned workers)
{
	bool ecn = strcmp(cc, "dctcp") == 0;
	unsigned rounds_each = t->full ? 100 : 20;
	struct scn_result *r = table_run(
		t,
		"duration=1000s\n[tcp]\ncc=%s\necn=%u\n[host w]\ncount=%u\nrate=1G\ndelay=20us\n"
		"[host s]\nrate=1G\ndelay=20us\ndown.queue=128k\n%s[flow "
		"f]\nfrom=w\nto=s\nbytes=64k\n"
		"connections=%u\n",
		cc, ecn ? 1u : 2u, workers, ecn ? "down.ecn=20k\n" : "", rounds_each);
	const struct scn_flow_result *f = &r->flows[0];
	double ideal = workers * 64e3 * 8 / 1e9 * 1e3;

	printf("%-6s %7u %9.1f %9.2f %9.2f %9.2f %9.2f %8u %8u\n", cc, workers,
	       f->goodput_bps / 1e6, ideal, ms(hist_quantile(&f->times, 0.5)),
	       ms(hist_quantile(&f->times, 0.9)), ms(hist_quantile(&f->times, 0.99)),
	       (unsigned)r->retransmits, (unsigned)r->timeouts);
	table_bound(t, (double)f->done,
		    (struct bounds){workers * rounds_each, workers * rounds_each},
		    "answers of %u workers, %s", workers, cc);
	free(r);
}

void table_incast(struct table *t)
{
	static const char *const ccs[] = {"cubic", "reno", "dctcp"};
	static const unsigned workers[] = {4, 16, 64, 8, 32};

	printf("n workers send 64 kB each, again and again, to one port of 1 Gbit/s with 128 kB of "
	       "buffer (with DCTCP "
	       "marked from 20 kB on).\nGoodput in Mbit/s; time of one answer in ms (fair share: "
	       "all at once without "
	       "loss); segments sent again, timeouts.\n\n");
	printf("%-6s %7s %9s %9s %9s %9s %9s %8s %8s\n", "cc", "workers", "goodput", "share", "p50",
	       "p90", "p99", "again", "timeouts");
	for (size_t k = 0; k < N(ccs); k++)
		for (size_t i = 0; i < (t->full ? N(workers) : 3u); i++)
			incast_row(t, ccs[k], workers[i]);
}

/* ---- standing queues ---- */

static void bloat_row(struct table *t, const char *cc, unsigned queue_ms, bool ecn)
{
	double bytes = 10e6 / 8 * queue_ms / 1e3, seconds = t->full ? 280 : 60;
	/* What came out of order in the warm-up is delivered after it: a window at most. */
	double carried = (bytes + 10e6 / 8 * 0.04) * 8 / seconds / 1e6;
	struct scn_result *r =
		table_run(t,
			  "duration=%us\nwarmup=20s\n[tcp]\necn=%u\n[host a]\n[host "
			  "b]\nswitch=1\n[trunk 0]\nrate=10M\n"
			  "delay=20ms\nqueue=%.0f\necn=%.0f\n[flow f]\nfrom=a\nto=b\ncc=%s\n"
			  "[flow "
			  "ping]\nfrom=a\nto=b\nbytes=100\nresponse=100\nconnections=1\nexchanges="
			  "100000\nstart=20s\ncc=%s\n",
			  t->full ? 300u : 80u, ecn ? 1u : 2u, bytes, ecn ? 25e3 : 0, cc, cc);
	const struct sim_pipe_stats *q = &r->trunks[0][SIM_UP];
	double mean = ms(q->queued) / (double)(q->frames - q->queue_full);
	double goodput = r->flows[0].goodput_bps / 1e6;
	const struct hist *h = &r->flows[1].times;

	printf("%-6s %3s %8u %9.2f %9.2f %9.2f %9.2f %9.2f\n", cc, ecn ? "on" : "off", queue_ms,
	       goodput, mean, ms(q->queued_max), ms(hist_quantile(h, 0.5)),
	       ms(hist_quantile(h, 0.99)));
	table_bound(t, goodput, (struct bounds){queue_ms < 40 ? 6 : 7, 9.6 + carried},
		    "goodput of %s, queue %u ms", cc, queue_ms);
	table_bound(t, mean, (struct bounds){0, ecn ? 45 : queue_ms},
		    "mean delay of %s, queue %u ms", cc, queue_ms);
	free(r);
}

void table_bloat(struct table *t)
{
	static const unsigned queues[] = {20, 100, 1000};

	printf("One flow over 10 Mbit/s, 40 ms, and a connection beside it that asks and is "
	       "answered, 100 bytes each. ECN: "
	       "marked from 25 kB (20 ms) on.\nQueue in ms; goodput in Mbit/s; time in the queue, "
	       "mean and largest; time of "
	       "an exchange, ms.\n\n");
	printf("%-6s %3s %8s %9s %9s %9s %9s %9s\n", "cc", "ECN", "queue", "goodput", "mean",
	       "largest", "ping p50", "ping p99");
	for (size_t i = 0; i < N(queues); i++) {
		bloat_row(t, "cubic", queues[i], false);
		bloat_row(t, "reno", queues[i], false);
		bloat_row(t, "bbr", queues[i], false);
		bloat_row(t, "cubic", queues[i], true);
		bloat_row(t, "dctcp", queues[i], true);
	}
}
