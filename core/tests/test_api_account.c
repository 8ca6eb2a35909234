// SPDX-License-Identifier: BSD-3-Clause
/* account = calls: each reading of a counter of ours is one step, so that the parts of a sequence
 * of calls are known: what a part has is the number of readings that it ended. */
#include "api_world.h"

#include <sched.h>

#include "api/ctx.h"

#define STEP 1000

static _Atomic uint64_t steps;

static uint64_t step(void)
{
	return STEP * (atomic_fetch_add(&steps, 1) + 1);
}

static struct account *account_of(struct world *w, int side)
{
	return ctx_of(w->m[side])->core.account;
}

/* From here on by steps; nothing of what was before counts. */
static void take_over(struct account *a)
{
	assert_int_equal(account_part(a), PART_APP);
	for (int i = 0; i < N_PARTS; i++)
		atomic_store(&a->ticks[i], 0);
	a->cost = 0;
	a->clock = step;
	atomic_store(&steps, 0);
	atomic_store(&a->since, 0);
}

static uint64_t steps_of(struct account *a, enum part part)
{
	return atomic_load(&a->ticks[part]) / STEP;
}

/* The parts sum up to all that passed. */
static void assert_complete(struct account *a)
{
	struct mtcp_cycles c;

	account_read(a, &c);
	assert_int_equal(c.total, STEP * atomic_load(&steps));
	assert_true(c.rx + c.tx + c.tcp + c.app + c.idle <= c.total);
}

/* Paired, a wait may sleep: threads change for nothing else. */
static struct world *open_booked(void)
{
	struct world *w = calloc(1, sizeof(*w));

	world_open(w, strcmp(world_mode, "inline") ? "account = calls\n"
						   : "account = calls\nbusy_poll = 1\n");
	return w;
}

static void close_booked(struct world *w)
{
	world_close(w);
	free(w);
}

/* Entry and exit: one step of the application's before the call, one of TCP/IP's inside. */
static void a_call_is_tcpips(void **state)
{
	struct world *w = open_booked();
	struct account *a = account_of(w, SRV);

	(void)state;
	take_over(a);
	assert_true(mtcp_socket(w->m[SRV], AF_INET, MTCP_SOCK_STREAM, 0) > 0);
	assert_int_equal(steps_of(a, PART_APP), 1);
	assert_int_equal(steps_of(a, PART_TCPIP), 1);
	assert_int_equal(account_part(a), PART_APP);
	assert_complete(a);
	close_booked(w);
}

/* accept calls accept4, a failed one too: no step more. */
static void a_call_within_a_call_is_not_booked_apart(void **state)
{
	struct world *w = open_booked();
	struct account *a = account_of(w, SRV);

	(void)state;
	take_over(a);
	assert_int_equal(mtcp_accept(w->m[SRV], 77, NULL, NULL), -1);
	assert_int_equal(errno, EBADF);
	assert_true(mtcp_epoll_create(w->m[SRV], 1) > 0);
	assert_int_equal(steps_of(a, PART_APP), 2);
	assert_int_equal(steps_of(a, PART_TCPIP), 2);
	assert_complete(a);
	close_booked(w);
}

/* Without frames: the look (the first after frames is the device's) and the spinning are idle. */
static void a_call_that_polls_is_booked_by_parts(void **state)
{
	struct world *w = open_booked();
	struct account *a = account_of(w, SRV);
	struct mtcp_epoll_event ev;
	uint64_t idle;

	(void)state;
	world_turns(w, 10); /* nothing is due any more, and the last look found nothing */
	take_over(a);
	assert_int_equal(mtcp_epoll_wait(w->m[SRV], w->drive[SRV], &ev, 1, 0), 0);
	/* app | tcp | look | tcp | idle | tcp */
	assert_int_equal(steps_of(a, PART_APP), 1);
	assert_int_equal(steps_of(a, PART_TCPIP), 3);
	assert_int_equal(steps_of(a, PART_IDLE), 2);
	assert_int_equal(steps_of(a, PART_RX) + steps_of(a, PART_TX), 0);
	assert_complete(a);

	idle = steps_of(a, PART_IDLE);
	assert_int_equal(mtcp_epoll_wait(w->m[SRV], w->drive[SRV], &ev, 1, 2), 0);
	assert_true(steps_of(a, PART_IDLE) >
		    idle + 2); /* more than one turn, all of them waiting */
	assert_int_equal(steps_of(a, PART_APP), 2);
	assert_int_equal(account_part(a), PART_APP);
	assert_complete(a);
	close_booked(w);
}

static int connecting(struct world *w)
{
	int l = mtcp_socket(w->m[SRV], AF_INET, MTCP_SOCK_STREAM, 0),
	    s = mtcp_socket(w->m[CLI], AF_INET, MTCP_SOCK_STREAM, 0);

	assert_int_equal(try_bind(w->m[SRV], l, 1, 80), 0);
	assert_int_equal(mtcp_listen(w->m[SRV], l, 8), 0);
	assert_int_equal(mtcp_setsock_nonblock(w->m[SRV], l), 0);
	assert_int_equal(mtcp_setsock_nonblock(w->m[CLI], s), 0);
	assert_int_equal(try_connect(w->m[CLI], s, 1, 80), -1);
	return l;
}

/* Both ends, each with its own account, in whichever mode: the device's calls are packet I/O's. */
static void a_connection_is_booked_whole(void **state)
{
	struct world *w = open_booked();
	struct account *a = account_of(w, SRV);
	int l, c = -1;

	(void)state;
	if (!strcmp(world_mode, "inline"))
		take_over(a);
	l = connecting(w);
	for (int i = 0; i < 1000 && c < 0; i++) {
		world_turn(w);
		c = mtcp_accept(w->m[SRV], l, NULL, NULL);
	}
	assert_true(c > 0);
	assert_int_equal(account_part(a), PART_APP);
	assert_true(steps_of(a, PART_RX) > 0 && steps_of(a, PART_TX) > 0);
	if (!strcmp(world_mode, "inline")) {
		assert_int_equal(steps_of(a, PART_CHANGE), 0);
		assert_complete(a);
	} else { /* threads change when there is nothing to do */
		struct mtcp_epoll_event ev;

		assert_int_equal(mtcp_epoll_wait(w->m[SRV], w->drive[SRV], &ev, 1, 20), 0);
		assert_true(steps_of(a, PART_CHANGE) > 0);
		/* The stack's thread looks up while the application computes, and leaves it so. */
		for (int looks = 0; looks < 8; looks++)
			for (uint64_t since = a->since; a->since == since;)
				sched_yield();
		for (double begun = seconds(); account_part(a) != PART_APP;)
			assert_true(seconds() - begun < 5);
	}
	close_booked(w);
}

/* What pair.c does: the stack's thread takes over from where the application's was, be that the
 * change of threads or, after a nap, the middle of anything, and puts it back. */
static void threads_of_a_pair_take_turns(void **state)
{
	struct nic nic = {0};
	struct account a;
	enum part was;

	(void)state;
	account_open(&a, &nic);
	take_over(&a);
	account_switch(&a, PART_TCPIP);	      /* a call: app 1 */
	account_switch(&a, PART_CHANGE);      /* it hands over: tcp 1 */
	was = account_switch(&a, PART_TCPIP); /* the other thread: change 1 */
	assert_int_equal(was, PART_CHANGE);
	account_switch(&a, PART_CHANGE);      /* its turn is over: tcp 2 */
	account_switch(&a, PART_TCPIP);	      /* the call goes on: change 2 */
	account_switch(&a, PART_APP);	      /* and ends: tcp 3 */
	was = account_switch(&a, PART_TCPIP); /* a nap ends in the application: app 2 */
	assert_int_equal(was, PART_APP);
	account_switch(&a, was);	/* back to sleep: tcp 4 */
	account_switch(&a, PART_TCPIP); /* app 3 */
	assert_int_equal(steps_of(&a, PART_APP), 3);
	assert_int_equal(steps_of(&a, PART_TCPIP), 4);
	assert_int_equal(steps_of(&a, PART_CHANGE), 2);
	assert_complete(&a);
}

/* The cost of a switch is TCP/IP's on both of its sides. */
static void a_switch_is_tcpips(void **state)
{
	struct nic nic = {0};
	struct account a;

	(void)state;
	account_open(&a, &nic);
	take_over(&a);
	a.cost = STEP / 10;
	account_switch(&a, PART_TCPIP);
	account_switch(&a, PART_APP);
	assert_int_equal(atomic_load(&a.ticks[PART_APP]), STEP - STEP / 10);
	assert_int_equal(atomic_load(&a.ticks[PART_TCPIP]), STEP + STEP / 10);
	assert_complete(&a);
}

static void by_turns_there_is_no_account(void **state)
{
	struct world w;
	char err[MTCP_ERR_LEN];

	(void)state;
	world_open(&w, NULL);
	assert_null(ctx_of(w.m[SRV])->core.account);
	world_close(&w);
	assert_null(mtcp_stack_open(NULL, "device = fake:w:0\naccount = steps\n", err));
	assert_non_null(strstr(err, "use turns or calls"));
}

int main(void)
{
	const struct CMUnitTest inl[] = {
		cmocka_unit_test(a_call_is_tcpips),
		cmocka_unit_test(a_call_within_a_call_is_not_booked_apart),
		cmocka_unit_test(a_call_that_polls_is_booked_by_parts),
		cmocka_unit_test(a_connection_is_booked_whole),
		cmocka_unit_test(threads_of_a_pair_take_turns),
		cmocka_unit_test(a_switch_is_tcpips),
		cmocka_unit_test(by_turns_there_is_no_account),
	};
	const struct CMUnitTest paired[] = {
		cmocka_unit_test(a_connection_is_booked_whole),
	};

	return cmocka_run_group_tests_name("inline", inl, inline_mode, NULL) +
	       cmocka_run_group_tests_name("paired", paired, paired_mode, NULL);
}
