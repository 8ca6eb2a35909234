// SPDX-License-Identifier: BSD-3-Clause
/* Paired mode below the sockets: what comes before its owner has a name for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api_device.h"
#include "runtime/clock.h"
#include "runtime/rt.h"

#define COOKIE 77

struct side {
	struct rt_stack *stack;
	struct rt_core core;
};

static void open_side(struct side *s, int station, const char *mode)
{
	static struct rt_config defaults;
	char text[256], err[RT_ERR_LEN] = "";

	snprintf(text, sizeof(text),
		 "device = fake:w:%d\naddress = 10.0.0.%d/24\nmode = %s\nmax_concurrency = 64\n"
		 "buffer_mb = 4\nlinger_ms = 0\nseed = 1\n",
		 station - 1, station, mode);
	rt_config_init(&defaults);
	s->stack = rt_stack_open(&defaults, NULL, text, err);
	if (!s->stack)
		fail_msg("%s", err);
	assert_int_equal(rt_core_init(&s->core, s->stack, 0), 0);
}

static void close_side(struct side *s)
{
	rt_core_fini(&s->core);
	rt_stack_close(s->stack);
}

/* An attempt of the paired side whose outcome the events ring has brought before the cookie: as
 * where the peer's answer is as quick as connect's own. Its edge is told with the cookie. */
static void outcome_before_the_cookie(bool refused)
{
	struct ip_endpoint server = {.addr = ip_from_v4(0x0a000002u), .port = 80};
	struct stack_event ev[4];
	struct side client, peer;
	mt_time begun = rt_now();
	int64_t id;

	open_side(&client, 1, "paired");
	open_side(&peer, 2, "inline");
	if (!refused)
		assert_true(peer.core.ops->listen(&peer.core, &server, 4, NULL) >= 0);
	id = client.core.ops->connect(&client.core, NULL, &server, NULL);
	assert_true(id >= 0);
	while (rt_ready(&client.core, (uint32_t)id) == 0) {
		(void)peer.core.ops->poll(&peer.core, 0);
		(void)client.core.ops->poll(&client.core, 0);
		assert_true(rt_now() - begun < 5 * MT_SEC);
	}
	assert_int_equal(rt_events(&client.core, ev, 4), 0); /* nobody's yet */
	client.core.ops->cookie(&client.core, (uint32_t)id, COOKIE);
	assert_int_equal(rt_events(&client.core, ev, 4), 1);
	assert_int_equal(ev[0].cookie, COOKIE);
	assert_int_equal(ev[0].edge & (STACK_OUT | STACK_ERR),
			 refused ? STACK_OUT | STACK_ERR : STACK_OUT);
	assert_int_equal(rt_events(&client.core, ev, 4), 0); /* once */
	client.core.ops->abort(&client.core, (uint32_t)id);
	close_side(&client);
	close_side(&peer);
	assert_int_equal(fake_frames, 0);
}

static void a_connection_made_before_the_cookie(void **state)
{
	(void)state;
	outcome_before_the_cookie(false);
}

static void a_refusal_before_the_cookie(void **state)
{
	(void)state;
	outcome_before_the_cookie(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_made_before_the_cookie),
		cmocka_unit_test(a_refusal_before_the_cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
