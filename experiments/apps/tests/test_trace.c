// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace.h"

static char err[ERR_LEN];

static int read_text(struct trace *t, const char *text, size_t len)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, len, "r");
	int ret = trace_read(t, f, err);

	fclose(f);
	return ret;
}

static void test_generated(void **state)
{
	const struct trace_plan plan = {.concurrent = 24000, .ramp_s = 3, .seconds = 40, .seed = 5};
	uint32_t below_4k = 0, below_32k = 0, ramped = 0, at_end = 0;
	struct trace t, again;

	(void)state;
	assert_int_equal(trace_generate(&t, &plan, err), 0);
	for (uint32_t i = 0; i < t.n_flows; i++) {
		uint64_t bytes = trace_flow_bytes(&t, i), until = t.flows[i].at_us;

		below_4k += bytes < 4096;
		below_32k += bytes < 32768;
		for (uint32_t k = 0; k < t.flows[i].n_turns; k++)
			until += t.turns[t.flows[i].first + k].think_us;
		ramped += t.flows[i].at_us < 3000000 && until > 3000000;
		at_end += t.flows[i].at_us < 35000000 && until > 35000000;
	}
	/* what is told of cellular traffic */
	assert_true(below_4k > t.n_flows / 2 && below_4k < t.n_flows * 7 / 10);
	assert_true(below_32k > t.n_flows * 9 / 10 && below_32k < t.n_flows);
	/* as many at the end as in the beginning, once the ramp is over */
	assert_in_range(ramped, 23600, 24400);
	assert_in_range(at_end, 23000, 25000);
	assert_in_range(trace_peak(&t), 23500, 25500);
	assert_int_equal(trace_generate(&again, &plan, err), 0);
	assert_int_equal(again.n_turns, t.n_turns);
	assert_memory_equal(again.turns, t.turns, t.n_turns * sizeof(t.turns[0]));
	trace_free(&t);
	trace_free(&again);
}

static void test_written_and_read(void **state)
{
	const struct trace_plan plan = {.concurrent = 100, .ramp_s = 1, .seconds = 5, .seed = 1};
	struct trace t, again;
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(trace_generate(&t, &plan, err), 0);
	trace_write(&t, f);
	fclose(f);
	assert_int_equal(read_text(&again, text, len), 0);
	assert_int_equal(again.n_flows, t.n_flows);
	assert_memory_equal(again.flows, t.flows, t.n_flows * sizeof(t.flows[0]));
	assert_memory_equal(again.turns, t.turns, t.n_turns * sizeof(t.turns[0]));
	trace_free(&again);
	/* cut anywhere, or with one byte changed: refused or taken, never more than that */
	for (size_t cut = 0; cut < len; cut += 7) {
		char kept = text[cut];

		read_text(&again, text, cut > 0 ? cut : 1);
		trace_free(&again);
		text[cut] = (char)(cut * 31);
		read_text(&again, text, len);
		trace_free(&again);
		text[cut] = kept;
	}
	trace_free(&t);
	free(text);
}

static const char *const wrong[] = {"x\n",
				    "mtcp-trace 2\n0 0:12:1\n",
				    "mtcp-trace 1\n",
				    "mtcp-trace 1\n0\n",
				    "mtcp-trace 1\n0 \n",
				    "mtcp-trace 1\n0 0:12:1",
				    "mtcp-trace 1\n0 0:11:1\n",
				    "mtcp-trace 1\n0 0:12:0\n",
				    "mtcp-trace 1\n0 0:0:1\n",
				    "mtcp-trace 1\n0 0:0:0 0:12:1\n",
				    "mtcp-trace 1\n0 -1:12:1\n",
				    "mtcp-trace 1\n0 4294967296:12:1\n",
				    "mtcp-trace 1\n0 0:1048577:1\n",
				    "mtcp-trace 1\n0 0:12:1073741825\n",
				    "mtcp-trace 1\n0 0:12:99999999999999999999999\n",
				    "mtcp-trace 1\n0 0:12:1:1\n",
				    "mtcp-trace 1\n0 0:12\n",
				    "mtcp-trace 1\n0  0:12:1\n",
				    "mtcp-trace 1\n86400000001 0:12:1\n",
				    "mtcp-trace 1\n5 0:12:1\n4 0:12:1\n"};

static void test_what_is_wrong(void **state)
{
	struct trace t;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (read_text(&t, wrong[i], strlen(wrong[i])) != -22)
			fail_msg("taken: %s", wrong[i]);
		trace_free(&t);
	}
	assert_int_equal(read_text(&t, "mtcp-trace 1\n# x\n\n0 0:12:1 5:0:0\n", 33), 0);
	assert_int_equal(t.n_flows, 1);
	assert_int_equal(t.n_turns, 2);
	trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_generated),
					   cmocka_unit_test(test_written_and_read),
					   cmocka_unit_test(test_what_is_wrong)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
