// SPDX-License-Identifier: BSD-3-Clause
/* The event rings as an application sees them, in both modes. */
#include "api_world.h"

static void test_trace_of_one_and_of_all(void **state)
{
	struct world w;
	int l, s, c, never;
	char one[8192] = "", all[65536] = "";
	FILE *out;

	(void)state;
	world_open(&w, NULL);
	l = listener(w.m[SRV], 80, 16);
	c = connected(&w, l, 80, &s);
	out = fmemopen(one, sizeof(one), "w");
	assert_int_equal(mtcp_trace(w.m[CLI], c, out), 0);
	fclose(out);
	assert_non_null(strstr(one, "10.0.0.1:80"));
	assert_non_null(strstr(one, "call  connect SYN-SENT"));
	assert_int_equal(mtcp_close(w.m[SRV], s), 0);
	world_turns(&w, 20);
	out = fmemopen(all, sizeof(all), "w");
	assert_int_equal(mtcp_trace_all(w.m[SRV], out), 0);
	fclose(out);
	assert_non_null(strstr(all, "call  close"));

	never = stream(w.m[CLI]);
	FAILS(mtcp_trace(w.m[CLI], never, stderr), ENOTCONN);
	FAILS(mtcp_trace(w.m[SRV], l, stderr), ENOTCONN);
	FAILS(mtcp_trace(w.m[CLI], c, NULL), EFAULT);
	FAILS(mtcp_trace(w.m[CLI], 9999, stderr), EBADF);
	FAILS(mtcp_trace_all(NULL, stderr), EINVAL);
	FAILS(mtcp_trace_all(w.m[CLI], NULL), EFAULT);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_trace_of_one_and_of_all)};
	int failed = cmocka_run_group_tests_name("trace, inline", tests, inline_mode, NULL);

	return failed + cmocka_run_group_tests_name("trace, paired", tests, paired_mode, NULL);
}
