// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-trace: makes traces for --app replay, from distributions or from captures, and describes
 * them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_opts.h"
#include "opts.h"
#include "trace_pcap.h"

static const char *const more =
	"The trace goes to standard output, or to --out. traces/README.md has the "
	"format.\nOne of --pcap, --trace and --concurrency says where it comes from.\n";

struct options {
	const char *pcap, *trace, *out;
	uint32_t concurrency;
	double ramp_s, seconds;
	uint64_t seed;
	bool show;
};

static void make_table(struct opt_table *t, struct options *o)
{
	*t = (struct opt_table){.prog = "mtcp-trace",
				.what = "traces of flows: from captures, from distributions",
				.more = more};
	OPT(t, "pcap", "FILE", OPT_TEXT, &o->pcap, .doc = "its TCP connections");
	OPT(t, "trace", "FILE", OPT_TEXT, &o->trace, .doc = "a trace that is there");
	OPT(t, "concurrency", "N", OPT_U32, &o->concurrency, .min = 1, .max = 1000000,
	    .doc = "made up: about so many flows at a time");
	OPT(t, "ramp", "S", OPT_REAL, &o->ramp_s, .min = 0, .max = 3600,
	    .doc = "made up: N are there after so many seconds (1)");
	OPT(t, "seconds", "S", OPT_REAL, &o->seconds, .min = 0, .max = 86400,
	    .doc = "made up: arrivals end then (10)");
	OPT(t, "seed", "N", OPT_U64, &o->seed, .min = 0, .max = 9007199254740992.0,
	    .doc = "made up: of all that is random (1)");
	OPT(t, "out", "FILE", OPT_TEXT, &o->out, .doc = "write the trace there");
	OPT(t, "show", NULL, OPT_FLAG, &o->show,
	    .doc = "instead: what is in it, as one JSON object");
}

static void show(const struct trace *t)
{
	uint64_t bytes = 0, answers = 0;
	uint32_t below_4k = 0, below_32k = 0;

	for (uint32_t i = 0; i < t->n_flows; i++) {
		uint64_t of_flow = trace_flow_bytes(t, i);

		bytes += of_flow;
		below_4k += of_flow < 4096;
		below_32k += of_flow < 32768;
	}
	for (uint32_t i = 0; i < t->n_turns; i++)
		answers += t->turns[i].response > 0;
	printf("{\"flows\":%u,\"turns\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"peak\":%u,"
	       "\"below_4k\":%.4f,\"below_32k\":%.4f}\n",
	       t->n_flows, (unsigned long long)answers, (unsigned long long)bytes,
	       (double)t->flows[t->n_flows - 1].at_us / 1e6, trace_peak(t),
	       (double)below_4k / t->n_flows, (double)below_32k / t->n_flows);
}

static int get(const struct options *o, struct trace *t, char err[ERR_LEN])
{
	struct trace_plan plan = {o->concurrency, o->ramp_s, o->seconds, o->seed};
	struct trace_pcap_counts n;
	int ret;

	if (o->trace != NULL)
		return trace_load(t, o->trace, err);
	if (o->pcap == NULL)
		return trace_generate(t, &plan, err);
	ret = trace_from_pcap(t, o->pcap, &n, err);
	if (ret == 0)
		fprintf(stderr,
			"{\"event\":\"converted\",\"packets\":%llu,\"no_tcp\":%llu,\"truncated\":%"
			"llu,"
			"\"flows\":%llu,\"empty\":%llu}\n",
			(unsigned long long)n.packets, (unsigned long long)n.no_tcp,
			(unsigned long long)n.truncated, (unsigned long long)n.flows,
			(unsigned long long)n.empty);
	return ret;
}

static int put(const struct options *o, const struct trace *t, char err[ERR_LEN])
{
	FILE *f = o->out != NULL ? fopen(o->out, "we") : stdout;
	bool wrong;

	if (f == NULL)
		return err_set(EXIT_CANNOT, err, "--out %s: %s", o->out, strerror(errno));
	trace_write(t, f);
	wrong = fflush(f) != 0 || ferror(f);
	if (f != stdout)
		wrong = fclose(f) != 0 || wrong;
	return wrong ? err_set(EXIT_CANNOT, err, "the trace could not be written: %s",
			       strerror(errno))
		     : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options o = {.ramp_s = 1, .seconds = 10, .seed = 1};
	struct trace t = {0};
	struct opt_table table;
	char err[ERR_LEN] = "";
	int ret;

	make_table(&table, &o);
	ret = opts_parse(&table, argc, argv, err);
	if (ret > 0)
		return EXIT_DONE;
	if (ret == 0 && (o.pcap != NULL) + (o.trace != NULL) + (o.concurrency > 0) != 1)
		ret = err_set(-EINVAL, err, "give one of --pcap, --trace and --concurrency");
	if (ret < 0)
		return complain(table.prog, err, EXIT_USAGE);
	ret = get(&o, &t, err) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (ret == EXIT_DONE && o.show)
		show(&t);
	else if (ret == EXIT_DONE)
		ret = put(&o, &t, err);
	trace_free(&t);
	return ret == EXIT_DONE ? ret : complain(table.prog, err, ret);
}
