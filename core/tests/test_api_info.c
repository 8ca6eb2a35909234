// SPDX-License-Identifier: BSD-3-Clause
/* TCP_INFO as Linux gives it, in both modes. */
#include "api_world.h"

#include <linux/tcp.h>
#include <sys/ioctl.h>

static struct tcp_info info(mctx_t m, int s)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	memset(&i, 0xa5, sizeof(i));
	assert_int_equal(mtcp_getsockopt(m, s, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	assert_int_equal(len, sizeof(i));
	return i;
}

static void test_states(void **state)
{
	struct world w;
	int l, c, s;

	(void)state;
	world_open(&w, NULL);
	c = stream(w.m[CLI]);
	assert_int_equal(info(w.m[CLI], c).tcpi_state, 7); /* CLOSE */
	l = listener(w.m[SRV], 80, 4);
	assert_int_equal(info(w.m[SRV], l).tcpi_state, 10); /* LISTEN */
	mtcp_close(w.m[CLI], c);
	c = connected(&w, l, 80, &s);
	assert_int_equal(info(w.m[CLI], c).tcpi_state, 1); /* ESTABLISHED */
	assert_int_equal(mtcp_shutdown(w.m[CLI], c, SHUT_WR), 0);
	UNTIL(&w, info(w.m[SRV], s).tcpi_state == 8); /* CLOSE_WAIT */
	UNTIL(&w, info(w.m[CLI], c).tcpi_state == 5); /* FIN_WAIT2 */
	world_close(&w);
}

static void test_values(void **state)
{
	static const char data[5000];
	struct tcp_info i;
	struct world w;
	int l, c, s;

	(void)state;
	world_open(&w, NULL);
	l = listener(w.m[SRV], 80, 4);
	c = connected(&w, l, 80, &s);
	assert_int_equal(mtcp_write(w.m[CLI], c, data, sizeof(data)), sizeof(data));
	UNTIL(&w, info(w.m[CLI], c).tcpi_rtt > 0 && info(w.m[CLI], c).tcpi_unacked == 0);
	i = info(w.m[CLI], c);
	assert_int_equal(i.tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	assert_int_equal(i.tcpi_pmtu, 1500);
	assert_int_equal(i.tcpi_snd_mss, 1448);
	assert_int_equal(i.tcpi_advmss, 1460);
	assert_true(i.tcpi_rto >= 200000);
	assert_true(i.tcpi_snd_cwnd >= 10);
	assert_int_equal(i.tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(i.tcpi_rcv_space, 65536);
	world_close(&w);
}

/* A stack of its own thread goes on while the application asks other things: what came meanwhile is
 * read, although a read before found nothing and no epoll was asked since. */
static void test_read_after_another_call(void **state)
{
	double begun = seconds();
	struct world w;
	char b[8];
	int l, c, s, n = 0;

	(void)state;
	world_open(&w, NULL);
	l = listener(w.m[SRV], 80, 4);
	c = connected(&w, l, 80, &s);
	FAILS(mtcp_read(w.m[SRV], s, b, sizeof(b)), EAGAIN);
	assert_int_equal(mtcp_write(w.m[CLI], c, "answer", 6), 6);
	while (!strcmp(world_mode, "paired") && n < 6) {
		struct mtcp_epoll_event ev;

		assert_int_equal(mtcp_epoll_wait(w.m[CLI], w.drive[CLI], &ev, 1, 0), 0);
		info(w.m[SRV], s);
		assert_int_equal(mtcp_socket_ioctl(w.m[SRV], s, FIONREAD, &n), 0);
		assert_true(seconds() - begun < 5);
	}
	if (n)
		assert_int_equal(mtcp_read(w.m[SRV], s, b, sizeof(b)), 6);
	world_close(&w);
}

/* As much as there is room for; a bad length is refused. */
static void test_length(void **state)
{
	unsigned char some[8];
	struct world w;
	socklen_t len = 4;
	int c;

	(void)state;
	world_open(&w, NULL);
	c = stream(w.m[CLI]);
	memset(some, 0xa5, sizeof(some));
	assert_int_equal(mtcp_getsockopt(w.m[CLI], c, IPPROTO_TCP, TCP_INFO, some, &len), 0);
	assert_int_equal(len, 4);
	assert_int_equal(some[0], 7);
	assert_int_equal(some[4], 0xa5);
	len = (socklen_t)-1;
	FAILS(mtcp_getsockopt(w.m[CLI], c, IPPROTO_TCP, TCP_INFO, some, &len), EINVAL);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_read_after_another_call),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, inline_mode, NULL) +
	       cmocka_run_group_tests(tests, paired_mode, NULL);
}
