// SPDX-License-Identifier: BSD-3-Clause
/* Paired mode's two threads: which of them works on the stack when. */
#include "api_world.h"

#include <sys/resource.h>

#define PORT  80
#define N_MSG 2000

static long changes_of_threads(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_nvcsw;
}

static void say(struct world *w, int side, int s, int peer)
{
	char b[8];

	assert_int_equal(mtcp_write(w->m[side], s, "12345678", 8), 8);
	UNTIL(w, mtcp_read(w->m[!side], peer, b, sizeof(b)) == 8);
}

/* An application that waits makes the turns itself. The stack's thread looks up now and then, which
 * is bounded by time: some hundred changes a second, where each message had two. */
static void an_exchange_changes_no_threads(void **state)
{
	struct world w;
	int l, s, c;
	long before;

	(void)state;
	world_open(&w, "busy_poll = 1\n");
	l = listener(w.m[SRV], PORT, 4);
	c = connected(&w, l, PORT, &s);
	before = changes_of_threads();
	for (int i = 0; i < N_MSG; i++) {
		say(&w, CLI, c, s);
		say(&w, SRV, s, c);
	}
	assert_in_range(changes_of_threads() - before, 0, N_MSG);
	world_close(&w);
}

/* While the server computes, its stack's thread takes what comes: also after turns that the
 * application made itself. */
static void the_stack_works_while_the_application_computes(void **state)
{
	struct mtcp_epoll_event ev;
	struct world w;
	int l, s, c;
	double begun;
	unsigned taken;

	(void)state;
	world_open(&w, NULL);
	l = listener(w.m[SRV], PORT, 4);
	c = connected(&w, l, PORT, &s);
	say(&w, CLI, c, s);
	for (int i = 0; i < 100; i++) {
		taken = fake_wires[0].end[SRV].taken;
		assert_int_equal(mtcp_write(w.m[CLI], c, "1", 1), 1);
		assert_int_equal(mtcp_epoll_wait(w.m[CLI], w.drive[CLI], &ev, 1, 0), 0);
		begun = seconds();
		while (fake_wires[0].end[SRV].taken == taken)
			assert_true(seconds() - begun < 5);
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_changes_no_threads),
		cmocka_unit_test(the_stack_works_while_the_application_computes),
	};

	return cmocka_run_group_tests_name("a pair's threads", tests, paired_mode, NULL);
}
