// SPDX-License-Identifier: BSD-3-Clause
/* mtcp_init and what belongs to it: the process's stack, its configuration, contexts, signals;
 * several stacks. */
#include "api_world.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>

#include "api/ctx.h"

#define FILE_NAME "/tmp/mtcp-instance-test.conf"

static void write_conf(const char *text)
{
	FILE *f = fopen(FILE_NAME, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int remove_conf(void **state)
{
	(void)state;
	mtcp_destroy();
	return unlink(FILE_NAME);
}

/* What the call says on standard error. */
static char said[1024];

static int init_saying(const char *conf)
{
	int saved = dup(2), ends[2], r;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	r = mtcp_init(conf);
	dup2(saved, 2);
	close(saved);
	close(ends[1]);
	n = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	said[n > 0 ? n : 0] = '\0';
	return r;
}

static void test_init_as_old_programs_do(void **state)
{
	struct mtcp_conf conf;
	cpu_set_t set;
	mctx_t m;

	(void)state;
	write_conf(
		"io = dpdk\nmax_concurrency = 500\nrcvbuf = 8192\nsndbuf = 8192\ntcp_timewait = 3\n"
		"device = fake:w:0\naddress = 10.0.0.1/24\n");
	assert_int_equal(mtcp_getconf(&conf), 0);
	assert_int_equal(conf.num_cores, 1);
	conf.num_cores = 2; /* before mtcp_init, as the original asks for */
	conf.sndbuf_size = 1;
	FAILS(mtcp_setconf(&conf), EINVAL);
	assert_int_equal(mtcp_getconf(&conf), 0);
	assert_int_equal(conf.num_cores, 1); /* all or nothing */
	conf.num_cores = 2;
	assert_int_equal(mtcp_setconf(&conf), 0);
	assert_int_equal(mtcp_init(FILE_NAME), 0);
	assert_int_equal(fake_seen.n_queues, 2);
	assert_int_equal(mtcp_getconf(&conf), 0);
	assert_int_equal(conf.num_cores, 2);
	assert_int_equal(conf.max_concurrency, 500);
	assert_int_equal(conf.max_num_buffers, 500);
	assert_int_equal(conf.rcvbuf_size, 8192);
	assert_int_equal(conf.tcp_timewait, 3);
	assert_int_equal(conf.tcp_timeout, -1);
	conf.max_concurrency = 600;
	assert_int_equal(mtcp_setconf(&conf), 0);
	conf.max_concurrency = 700;
	for (conf.num_cores = 1; conf.num_cores <= 3; conf.num_cores += 2) /* it has two queues */
		FAILS(mtcp_setconf(&conf), EINVAL);
	conf.num_cores = 2;
	conf.rcvbuf_size = 1; /* what comes before it is right */
	FAILS(mtcp_setconf(&conf), EINVAL);
	FAILS(mtcp_setconf(NULL), EFAULT);
	assert_int_equal(mtcp_core_affinitize(0), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	assert_true(CPU_ISSET(0, &set));
	m = mtcp_create_context(0);
	assert_non_null(m);
	assert_int_equal(m->cpu, 0);
	assert_int_equal(mtcp_getconf(&conf), 0);
	assert_int_equal(conf.max_concurrency, 600);
	FAILS(mtcp_setconf(&conf), EBUSY);
	FAILS(init_saying(FILE_NAME), EBUSY);
	assert_string_equal(said,
			    "mtcp: mtcp_init was called before; call mtcp_destroy in between\n");
	mtcp_destroy(); /* the context, too */
	assert_int_equal(fake_frames, 0);
	assert_int_equal(mtcp_getconf(&conf), 0);
	assert_int_equal(conf.num_cores, 1);
}

static void test_init_tells_what_is_wrong(void **state)
{
	(void)state;
	FAILS(init_saying(NULL), EINVAL);
	assert_string_equal(said, "mtcp: mtcp_init needs a configuration file\n");
	FAILS(init_saying("/nonexistent/x.conf"), ENOENT);
	assert_string_equal(said, "mtcp: /nonexistent/x.conf: cannot be read (No such file or "
				  "directory); check the path\n");
	write_conf("device = fake:w:0\naddress = 10.0.0.1/24\nmax_conurrency = 3\n");
	FAILS(init_saying(FILE_NAME), EINVAL);
	assert_string_equal(said, "mtcp: " FILE_NAME
				  ":3: unknown key 'max_conurrency'; the nearest known key is "
				  "'max_concurrency'\n");
	write_conf("device = nothing\naddress = 10.0.0.1/24\n");
	FAILS(init_saying(FILE_NAME), ENODEV);
	assert_string_equal(said, "mtcp: device nothing: unknown; use fake:NAME:0\n");
	assert_null(mtcp_create_context(0));
	assert_int_equal(errno, EINVAL);
}

static void test_contexts(void **state)
{
	char err[MTCP_ERR_LEN];
	mtcp_stack_t s = mtcp_stack_open(
		NULL,
		"device = fake:w:0\naddress = 10.0.0.1/24\nnum_cores = 2\ncore_mask = 5\n"
		"max_concurrency = 64\nmtu = 1400\ncapture = /tmp/x.pcapng\neal_args = --foo\n",
		err);
	mctx_t a, b;

	(void)state;
	assert_non_null(s);
	assert_int_equal(fake_seen.mtu, 1400);
	a = mtcp_create_context_on(s, 0);
	assert_non_null(a);
	assert_null(mtcp_create_context_on(s, 1)); /* not in the mask */
	assert_int_equal(errno, EINVAL);
	assert_null(mtcp_create_context_on(s, -1));
	b = mtcp_create_context_on(s, 2);
	assert_non_null(b);
	assert_null(mtcp_create_context_on(s, 0)); /* each queue has its core */
	assert_int_equal(errno, ENOSPC);
	mtcp_destroy_context(a);
	a = mtcp_create_context_on(s, 0);
	assert_non_null(a);
	mtcp_destroy_context(NULL);
	mtcp_stack_close(s);
	mtcp_stack_close(NULL);
	assert_int_equal(fake_frames, 0);
	assert_null(mtcp_stack_open(NULL, "device = fake:w:0", err));
	assert_non_null(strstr(err, "no address is configured"));
	assert_null(mtcp_stack_open(NULL, "device = fake:w:0", NULL));
	assert_null(mtcp_create_context_on(NULL, 0));
	FAILS(mtcp_core_affinitize(-1), EINVAL);
	FAILS(mtcp_core_affinitize(1000000), EINVAL);
}

static void test_paired_needs_its_cpu(void **state)
{
	mtcp_stack_t s = mtcp_stack_open(
		NULL, "device = fake:w:0\naddress = 10.0.0.1/24\nmode = paired\n", NULL);

	(void)state;
	assert_null(mtcp_create_context_on(s, 1000));
	assert_int_equal(errno, EINVAL);
	mtcp_stack_close(s);
}

/* The port of a listener that has none is random, and seen by all: it must not be made of the
 * numbers that the core's keys are made of. */
static void test_ports_tell_nothing_of_keys(void **state)
{
	mtcp_stack_t s = mtcp_stack_open(NULL, "device = fake:w:0\naddress = 10.0.0.1/24\n", NULL);
	mctx_t m = mtcp_create_context_on(s, 0);
	struct rng cores;

	(void)state;
	assert_non_null(m);
	rng_seed(&cores, s->rt->cfg.stack.seed);
	assert_memory_not_equal(&ctx_of(m)->rng, &cores, sizeof(cores));
	mtcp_destroy_context(m);
	mtcp_stack_close(s);
}

/* The address that the next connection comes from. */
static uint32_t source(struct world *w, int l)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int s, c = connected(w, l, 80, &s);

	assert_int_equal(mtcp_getsockname(w->m[CLI], c, (struct sockaddr *)&a, &len), 0);
	return ntohl(a.sin_addr.s_addr);
}

static void test_init_rss(void **state)
{
	struct world w;
	int l;

	(void)state;
	world_open(&w, NULL);
	l = listener(w.m[SRV], 80, 16);
	FAILS(mtcp_init_rss(w.m[CLI], INADDR_ANY, 0, 0, 0), EINVAL);
	assert_int_equal(mtcp_init_rss(w.m[CLI], INADDR_ANY, 1, htonl(0x0a000001), htons(80)), 0);
	assert_int_equal(
		mtcp_init_rss(w.m[CLI], htonl(0x0a000010), 2, htonl(0x0a000001), htons(80)), 0);
	for (int i = 0; i < 4; i++)
		assert_true(source(&w, l) - 0x0a000010 < 2);
	assert_int_equal(try_bind(w.m[CLI], stream(w.m[CLI]), 0x11, 0), 0);
	assert_int_equal(mtcp_init_rss(w.m[CLI], INADDR_ANY, 1000, 0, 0), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(source(&w, l), 0x0a000002); /* the configured one again */
	assert_int_equal(try_bind(w.m[CLI], stream(w.m[CLI]), 0x11, 0), 0);
	world_close(&w);
}

/* Sends a byte to whoever has come; true if one of the clients has got it. */
static bool byte_arrived(struct world *w, int l, const int c[16])
{
	int peer;
	char b;

	while ((peer = mtcp_accept(w->m[SRV], l, NULL, NULL)) > 0) {
		(void)mtcp_write(w->m[SRV], peer, "x", 1);
		assert_int_equal(mtcp_close(w->m[SRV], peer), 0);
	}
	for (int i = 0; i < 16; i++)
		if (mtcp_read(w->m[CLI], c[i], &b, 1) == 1)
			return true;
	return false;
}

/* Of 16 attempts some hash to the server's core that runs. */
static void connect_some(struct world *w, int l)
{
	int c[16];

	for (int i = 0; i < 16; i++) {
		c[i] = stream(w->m[CLI]);
		FAILS(try_connect(w->m[CLI], c[i], 1, 80), EINPROGRESS);
	}
	UNTIL(w, byte_arrived(w, l, c));
	for (int i = 0; i < 16; i++)
		assert_int_equal(mtcp_abort(w->m[CLI], c[i]), 0);
}

/* A device gives answers and questions about addresses to its first queue: that this one's core
 * has left must not make the others deaf. */
static void a_core_leaves(int family)
{
	struct world w;
	mctx_t first[2];
	int l;

	world_family = family;
	for (int i = 0; i < 2; i++) {
		w.stack[i] = world_stack(i, "num_cores = 2\n");
		first[i] = mtcp_create_context_on(w.stack[i], 0);
		w.m[i] = mtcp_create_context_on(w.stack[i], 0);
		assert_non_null(first[i]);
		assert_non_null(w.m[i]);
		w.drive[i] = mtcp_epoll_create(w.m[i], 1);
		mtcp_destroy_context(first[i]);
	}
	l = listener(w.m[SRV], 80, 16);
	connect_some(&w, l);
	/* and the queue is as ever for who takes it next */
	first[CLI] = w.m[CLI];
	w.m[CLI] = mtcp_create_context_on(w.stack[CLI], 0);
	assert_non_null(w.m[CLI]);
	w.drive[CLI] = mtcp_epoll_create(w.m[CLI], 1);
	connect_some(&w, l);
	mtcp_destroy_context(first[CLI]);
	world_close(&w);
}

static void test_a_core_leaves(void **state)
{
	(void)state;
	a_core_leaves(AF_INET);
	a_core_leaves(AF_INET6);
	world_family = AF_INET;
}

static int caught;
static unsigned told; /* signals that waits knew of when the handler ran */

static void on_signal(int signum)
{
	caught = signum;
	told = api_signals();
}

static void test_signals(void **state)
{
	(void)state;
	assert_true(mtcp_register_signal(0, on_signal) == SIG_ERR);
	assert_true(mtcp_register_signal(SIGKILL, on_signal) == SIG_ERR);
	assert_true(mtcp_register_signal(SIGUSR2, on_signal) == SIG_DFL);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(caught, SIGUSR2);
	assert_int_equal(api_signals(), told + 1); /* a wait that ends finds the handler done */
	assert_true(mtcp_register_signal(SIGUSR2, SIG_IGN) == on_signal);
	caught = 0;
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(caught, 0);
	assert_true(mtcp_register_signal(SIGUSR2, SIG_DFL) == SIG_IGN);
}

/* A device that takes nothing: bounded, nothing lost, and it goes on when the device does. */
static void test_full_device(void **state)
{
	struct world w;
	int l, c, s = -1;

	(void)state;
	world_open(&w, NULL);
	l = listener(w.m[SRV], 80, 16);
	c = stream(w.m[CLI]);
	fake_wires[0].full = true;
	FAILS(try_connect(w.m[CLI], c, 1, 80), EINPROGRESS);
	world_turns(&w, 20);
	FAILS(try_connect(w.m[CLI], c, 1, 80), EALREADY);
	fake_wires[0].full = false;
	UNTIL(&w, (s = mtcp_accept(w.m[SRV], l, NULL, NULL)) > 0);
	world_close(&w);
}

/* A context ends before its peer has read: what was written and cannot be delivered any more ends
 * with a reset, not with silence for ever. */
static void test_end_resets_what_is_left(void **state)
{
	static char data[200000];
	struct world w;
	ssize_t n = 1;
	int l, c, peer;

	(void)state;
	world_open(&w, "sndbuf = 262144\n");
	l = listener(w.m[SRV], 80, 4);
	c = connected(&w, l, 80, &peer);
	assert_int_equal(mtcp_write(w.m[CLI], c, data, sizeof(data)), sizeof(data));
	assert_int_equal(mtcp_close(w.m[CLI], c), 0);
	mtcp_destroy_context(w.m[CLI]);
	for (double begun = seconds(); n > 0 || (n < 0 && errno == EAGAIN);) {
		struct mtcp_epoll_event ev;

		mtcp_epoll_wait(w.m[SRV], w.drive[SRV], &ev, 1, 0);
		n = mtcp_read(w.m[SRV], peer, data, sizeof(data));
		assert_true(seconds() - begun < 5);
	}
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	mtcp_destroy_context(w.m[SRV]);
	for (int i = 0; i < 2; i++)
		mtcp_stack_close(w.stack[i]);
	assert_int_equal(fake_frames, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_init_as_old_programs_do, remove_conf),
		cmocka_unit_test_teardown(test_init_tells_what_is_wrong, remove_conf),
		cmocka_unit_test(test_contexts),
		cmocka_unit_test(test_paired_needs_its_cpu),
		cmocka_unit_test(test_ports_tell_nothing_of_keys),
		cmocka_unit_test(test_init_rss),
		cmocka_unit_test(test_a_core_leaves),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_end_resets_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
