// SPDX-License-Identifier: BSD-3-Clause
/* Scenarios: what the reader says of wrong ones, and that a run is a function of scenario and seed.
 */
#include <errno.h>
#include <stdlib.h>

#include "seed.h"
#include "base/pcapng.h"
#include "sim/run.h"
#include "sim_pair.h"

static uint64_t seed;

#define HOSTS "[host a]\n[host b]\nswitch=1\n[trunk 0]\nrate=10M\ndelay=5ms\nqueue=20k\n"
#define FLOW  "[flow f]\nfrom=a\nto=b\n"

static int read_scenario(struct scenario *s, const char *text, char *err)
{
	int r;

	scn_init(s);
	r = scn_text(s, "S", text, err);
	return r != 0 ? r : scn_finish(s, "S", err);
}

static void wrong_text_is_told(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"duratoin = 1s",
		 "S:1: unknown key 'duratoin'; the nearest known key is 'duration'"},
		{"\nduration = 5",
		 "S:2: duration = '5' is not understood; write it like 20ms or 1.5 s"},
		{"duration =", "S:1: duration has no value; give one or remove the line"},
		{"duration = nan s",
		 "S:1: duration = 'nan s' is not understood; write it like 20ms or 1.5 s"},
		{"hello", "S:1: 'hello' is neither [section] nor key = value"},
		{"[host a", "S:1: '[host a' is not a section; end it with ]"},
		{"[router a]",
		 "S:1: unknown section 'router'; there are [tcp], [host NAME], [trunk NUMBER], "
		 "[flow NAME] and [at TIME]"},
		{"[host a]\n[host a]", "S:2: there is already a 'a'; choose another name"},
		{"[host trunk1]",
		 "S:1: 'trunk1' cannot be a name; use up to 23 letters, digits, _ and -, and not "
		 "tcp, up, down or trunk..."},
		{"[trunk 1]", "S:1: trunk '1': they are numbered from 0 without a gap, 8 at most"},
		{"[host a]\nup.los = 1%",
		 "S:2: unknown key 'up.los'; the nearest known key is 'loss'"},
		{"[host a]\nloss = 101%",
		 "S:2: loss = '101%' is out of range; it may be from 0 to 1"},
		{"[host a]\nloss = -1", "S:2: loss = '-1' is out of range; it may be from 0 to 1"},
		{"[tcp]\ncc = vegas",
		 "S:2: cc = 'vegas' is not understood; write it like cubic, reno, dctcp or bbr"},
		{"[tcp]\nsack = yes",
		 "S:2: sack = 'yes' is not understood; write it like on or off"},
		{"[at 1s]\nx.rate = 1M",
		 "S:2: 'x' names no link; write HOST.KEY or trunk0.KEY of what stands above"},
		{HOSTS "[at 1s]\ntrunk0.rat = 1M",
		 "S:9: unknown key 'rat'; the nearest known key is 'rate'"},
		{HOSTS, "S: scenario: there must be two hosts and a flow, and not more than 1024 "
			"hosts and 65536 "
			"connections at once"},
		{HOSTS "[flow f]\nfrom=a\nto=c", "S: f: from and to must name two hosts"},
		{"[host a]\nqueue=5k\n[host b]\n" FLOW, "S: a: queue and ecn need a rate"},
		{"[host a]\nswitch=1\n[host b]\n" FLOW,
		 "S: a: its switch is at the end of no trunk"},
		{"family=5\n" HOSTS FLOW, "S: scenario: the family is 4 or 6"},
		{HOSTS FLOW "start=20s", "S: f: it stops before it starts"},
		{HOSTS FLOW "response=1k", "S: f: a response needs a request; set bytes"},
	};
	struct scenario *s = malloc(sizeof(*s));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char err[SCN_ERR_LEN] = "";

		assert_true(read_scenario(s, cases[i].text, err) < 0);
		assert_string_equal(err, cases[i].says);
	}
	free(s);
}

/* Whatever stands in it: an error or a scenario, never worse. */
static void any_bytes_are_survived(void **state)
{
	static const char words[][12] = {
		"[host a]", "[host b]", "[flow f]", "[at 1s]", "[trunk 0]", "[tcp]", "rate",
		"up.",	    "=",	"1M",	    "\n",      "a.",	    "from",  "b",
		"#",	    "[",	"]",	    "%",       "to",	    "cc",    "\n"};
	struct scenario *s = malloc(sizeof(*s));
	struct rng rng;

	(void)state;
	rng_seed(&rng, seed);
	for (int i = 0; i < 20000; i++) {
		char text[600] = "", err[SCN_ERR_LEN];

		for (uint32_t k = rng_below(&rng, 40); k > 0; k--)
			strcat(text, words[rng_below(&rng, sizeof(words) / sizeof(words[0]))]);
		if (read_scenario(s, text, err) < 0)
			assert_true(err[0] != '\0' && strlen(err) < SCN_ERR_LEN);
	}
	free(s);
}

static void values_reach_their_fields(void **state)
{
	struct scenario *s = malloc(sizeof(*s));
	char err[SCN_ERR_LEN] = "";

	(void)state;
	scn_init(s);
	assert_int_equal(
		scn_text(s, "S",
			 HOSTS FLOW
			 "bytes = 2 MiB # comment\ncc=reno\n[tcp]\nsack=off\nrto_min=50ms\n"
			 "[at 2s]\ntrunk0.up.loss=0.5%\n[at 1s]\na.down=on\n",
			 err),
		0);
	assert_int_equal(scn_set(s, "a.up.delay=1.5ms", err), 0);
	assert_int_equal(scn_set(s, "trunk0.mtu=1400", err), 0);
	assert_int_equal(scn_set(s, "f.parallel = 3", err), 0);
	assert_int_equal(scn_set(s, "duration=1min", err), 0);
	assert_int_equal(scn_set(s, "x.rate=1", err), -ENOENT);
	assert_string_equal(err, "x.rate=1: the scenario has no 'x'");
	assert_int_equal(scn_set(s, "rate", err), -EINVAL);
	assert_int_equal(scn_finish(s, "S", err), 0);
	assert_int_equal(s->duration, 60 * MT_SEC);
	assert_int_equal(s->hosts[0].pipes[SIM_UP].delay, 1500 * MT_US);
	assert_int_equal(s->hosts[0].pipes[SIM_DOWN].delay, 0);
	assert_int_equal(s->trunks[0].pipes[SIM_DOWN].mtu, 1400);
	assert_int_equal(s->trunks[0].pipes[SIM_UP].rate_bps, 10000000);
	assert_int_equal(s->flows[0].bytes, 2 << 20);
	assert_int_equal(s->flows[0].connections, 3);
	assert_string_equal(s->flows[0].cc, "reno");
	assert_false(s->tcp.sack);
	assert_int_equal(s->tcp.rto_min_ms, 50);
	assert_int_equal(s->n_events, 2);
	assert_int_equal(s->events[0].at, MT_SEC);
	assert_true(s->events[1].dirs == 1 && s->events[1].value.d == 0.005);
	free(s);
}

/* ---- runs ---- */

struct output {
	char *rows, *capture;
	size_t rows_len, capture_len;
};

static struct scn_result *run(const char *text, uint64_t run_seed, struct output *out)
{
	struct scenario *s = malloc(sizeof(*s));
	struct scn_run_options o = {.seed = run_seed, .drain = true};
	char err[SCN_ERR_LEN] = "";
	struct scn_result *r;

	if (read_scenario(s, text, err) != 0)
		fail_msg("%s", err);
	if (out != NULL) {
		o.rows = open_memstream(&out->rows, &out->rows_len);
		o.capture = open_memstream(&out->capture, &out->capture_len);
	}
	r = scn_run(s, &o);
	if (out != NULL) {
		fclose(o.rows);
		fclose(o.capture);
	}
	assert_false(r->corrupted);
	assert_true(r->drained);
	free(s);
	return r;
}

static void output_free(struct output *o)
{
	free(o->rows);
	free(o->capture);
}

static void same_seed_same_bytes(void **state)
{
	static const char text[] =
		"duration=5s\n" HOSTS "loss=2%\nreorder=5%\nreorder_delay=4ms\n" FLOW
		"[flow g]\nfrom=b\nto=a\nbytes=100\nresponse=20k\nconnections=0\nparallel=2\n";
	struct output o[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		free(run(text, seed + i / 2, &o[i]));
	assert_int_equal(o[0].rows_len, o[1].rows_len);
	assert_memory_equal(o[0].rows, o[1].rows, o[0].rows_len);
	assert_int_equal(o[0].capture_len, o[1].capture_len);
	assert_memory_equal(o[0].capture, o[1].capture, o[0].capture_len);
	assert_true(strcmp(o[0].rows, o[2].rows) != 0);
	for (unsigned i = 0; i < 3; i++)
		output_free(&o[i]);
}

static uint32_t word(const char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* Blocks follow each other to the end; every frame that was sent is in it, and time does not run
 * backwards. */
static void capture_is_whole(void **state)
{
	struct output o;
	struct scn_result *r = run("duration=2s\nsnap=96\n" HOSTS FLOW "bytes=100k\n", seed, &o);
	uint64_t sent = 0, before = 0;
	unsigned interfaces = 0;

	(void)state;
	assert_int_equal(word(o.capture), 0x0a0d0d0a);
	for (size_t at = 0; at < o.capture_len;) {
		const char *b = o.capture + at;
		uint32_t len = word(b + 4);

		assert_true(len >= 12 && len % 4 == 0 && at + len <= o.capture_len);
		assert_int_equal(word(b + len - 4), len);
		interfaces += word(b) == 1;
		if (word(b) == 6) {
			uint64_t ns = (uint64_t)word(b + 12) << 32 | word(b + 16);

			assert_true(ns >= before && word(b + 8) < 2 && word(b + 20) <= 96);
			before = ns;
			sent += word(b + len - 12) == PCAPNG_OUT;
		}
		at += len;
	}
	assert_int_equal(interfaces, 2);
	assert_true(sent >= r->frames && r->frames > 70);
	free(r);
	output_free(&o);
}

static void flows_do_what_they_say_over(const char *family)
{
	char text[512];
	struct scn_result *r;

	snprintf(text, sizeof(text),
		 "family=%s\nduration=100s\n" HOSTS FLOW
		 "bytes=300\nresponse=10k\nexchanges=5\nconnections=7\nparallel=2\n",
		 family);
	r = run(text, seed, NULL);
	assert_int_equal(r->flows[0].started, 7);
	assert_int_equal(r->flows[0].done, 7);
	assert_int_equal(r->flows[0].failed, 0);
	assert_int_equal(r->flows[0].exchanges, 35);
	assert_int_equal(r->flows[0].bytes, 35 * 10300);
	assert_true(hist_quantile(&r->flows[0].times, 0) >= 10 * MT_MS);
	free(r);
}

static void flows_do_what_they_say(void **state)
{
	struct scn_result *r;

	(void)state;
	flows_do_what_they_say_over("4");
	flows_do_what_they_say_over("6");
	r = run("duration=10s\nwarmup=2s\n" HOSTS FLOW "parallel=4\nstop=8s\nsndbuf=50k\n", seed,
		NULL);
	assert_int_equal(r->flows[0].done, 4);
	assert_true(r->ran < 9 * MT_SEC);
	assert_true(r->flows[0].goodput_bps > 8e6 && r->flows[0].goodput_bps < 10e6);
	free(r);
	r = run("duration=1s\n" HOSTS FLOW "bytes=1k\nconnections=0\nevery=100ms\n", seed, NULL);
	assert_int_equal(r->flows[0].started, 10);
	free(r);
}

/* An upload that lost its end would be as good as one that arrived. */
static void fault_02_uploads_arrive_whole(void **state)
{
	struct scn_result *r = run("duration=100s\n" HOSTS "loss=1%\n" FLOW
				   "bytes=100k\nconnections=20\n",
				   seed, NULL);

	(void)state;
	assert_int_equal(r->flows[0].done, 20);
	free(r);
}

/* A rate that changes shows in what arrives; a path that goes away for a while does not end the
 * flow. */
static void events_happen(void **state)
{
	static const char text[] =
		"duration=20s\n" HOSTS FLOW
		"[at 5s]\ntrunk0.rate=1M\n[at 10s]\ntrunk0.down=on\n[at 12s]\ntrunk0.down=off\n"
		"a.delay=10ms\ntrunk0.rate=2M\n";
	struct scn_result *r = run(text, seed, NULL);
	double bits = (double)r->flows[0].bytes * 8;

	(void)state;
	assert_true(r->trunks[0][SIM_UP].lost > 0);
	assert_true(bits > 5 * 8e6 + 5 * 0.8e6 + 4 * 1e6 && bits < 5 * 10e6 + 6 * 1e6 + 8 * 2e6);
	free(r);
}

/* Percentiles are those of a sorted list, within the width of a bucket. */
static void histogram_quantiles(void **state)
{
	struct hist *h = calloc(1, sizeof(*h));

	(void)state;
	assert_int_equal(hist_quantile(h, 0.5), 0);
	for (mt_time i = 1; i <= 1000000; i++)
		hist_add(h, i * 977);
	for (int k = 1; k < 100; k++) {
		double exact = k * 9770000.0, got = (double)hist_quantile(h, k / 100.0);

		assert_true(got >= exact && got < exact * 1.009);
	}
	assert_int_equal(hist_quantile(h, 1), 977000000);
	hist_add(h, UINT64_MAX);
	assert_int_equal(hist_quantile(h, 1), UINT64_MAX);
	free(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_text_is_told),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(values_reach_their_fields),
		cmocka_unit_test(same_seed_same_bytes),
		cmocka_unit_test(capture_is_whole),
		cmocka_unit_test(flows_do_what_they_say),
		cmocka_unit_test(events_happen),
		cmocka_unit_test(fault_02_uploads_arrive_whole),
		cmocka_unit_test(histogram_quantiles),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
