// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-sim: the arguments. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program.h"
#include "sim/scenario.h"

#define SET_MAX 64u

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

bool program_stopped(void)
{
	return stopped != 0;
}

double program_cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char usage[] =
	"Usage: mtcp-sim SCENARIO [--seed N] [--out DIR] [--set KEY=VALUE]...\n"
	"       mtcp-sim --table NAME [--full] [--seed N]\n"
	"       mtcp-sim --soak N [--seed N]\n"
	"       mtcp-sim --keys\n"
	"\n"
	"Runs TCP hosts over simulated links in virtual time, as the file SCENARIO says. The same\n"
	"scenario and seed give the same output.\n"
	"\n"
	"  --seed N         of everything random; 1\n"
	"  --out DIR        write DIR/flows.csv (a row per connection and sample: time, flow,\n"
	"                   connection, cwnd, ssthresh, rtt_ms, in_flight, goodput_bps, "
	"retransmits)\n"
	"                   and DIR/sim.pcapng (every frame a host sends or gets)\n"
	"  --set KEY=VALUE  over what the file says: duration=5s, tcp.cc=reno, HOST.rate=10M,\n"
	"                   HOST.up.loss=1%, trunk0.queue=64k, FLOW.bytes=1M\n"
	"  --table NAME     a table of core/tests/golden: loss, short, fair, incast, bloat; what\n"
	"                   is not as theory has it is named, and the exit status 1\n"
	"  --full           ... with more rows, longer runs\n"
	"  --soak N         N short connections over a link that loses 1%; the exit status is 1 "
	"unless\n"
	"                   all end well, memory stays flat and every pool is empty in the end\n"
	"  --keys           all keys of a scenario\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage or scenario.\n";

enum { OPT_SEED = 256, OPT_OUT, OPT_SET, OPT_TABLE, OPT_FULL, OPT_SOAK, OPT_KEYS, OPT_HELP };

/* clang-format off */
static const struct option options[] = {
	{"seed", required_argument, NULL, OPT_SEED},
	{"out", required_argument, NULL, OPT_OUT},
	{"set", required_argument, NULL, OPT_SET},
	{"table", required_argument, NULL, OPT_TABLE},
	{"full", no_argument, NULL, OPT_FULL},
	{"soak", required_argument, NULL, OPT_SOAK},
	{"keys", no_argument, NULL, OPT_KEYS},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};
/* clang-format on */

static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "mtcp-sim: %s%s; see mtcp-sim --help\n", what, value);
	return 2;
}

int main(int argc, char **argv)
{
	const char *set[SET_MAX];
	struct program_options o = {.seed = 1, .set = set};
	struct sigaction act = {.sa_handler = on_signal};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_SEED:
			if (!parse_number(optarg, &o.seed))
				return wrong("--seed must be a whole number, not ", optarg);
			break;
		case OPT_OUT:
			o.out = optarg;
			break;
		case OPT_SET:
			if (o.n_set == SET_MAX)
				return wrong("more than 64 --set; put them into the scenario", "");
			set[o.n_set++] = optarg;
			break;
		case OPT_TABLE:
			o.table = optarg;
			break;
		case OPT_FULL:
			o.full = true;
			break;
		case OPT_SOAK:
			if (!parse_number(optarg, &o.soak) || o.soak == 0 || o.soak > 1000000000000)
				return wrong("--soak must be a number of connections, not ",
					     optarg);
			break;
		case OPT_KEYS:
			scn_print_keys(stdout);
			return 0;
		case OPT_HELP:
			fputs(usage, stdout);
			return 0;
		default:
			return 2; /* getopt_long has said why */
		}
	}
	if ((o.table != NULL) + (o.soak > 0) + (optind < argc) > 1)
		return wrong("one of --table, --soak and a scenario, not several", "");
	if (o.full && o.table == NULL)
		return wrong("--full goes with --table", "");
	if (o.table != NULL)
		return program_table(o.table, o.seed, o.full);
	if (o.soak > 0)
		return program_soak(o.soak, o.seed);
	if (optind + 1 != argc)
		return wrong(optind == argc ? "name a scenario" : "one scenario at a time", "");
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return program_run(argv[optind], &o);
}
