// SPDX-License-Identifier: BSD-3-Clause
/* The load generator over a stack that does what a test says, at a time that goes on as it says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "load_opts.h"
#include "load_worker.h"
#include "trace.h"

#define CALL_NS 10000u /* that connecting or writing takes */
#define N	64u

static uint64_t virtual_ns; /* 0: the machine's time */
static struct load_shared shared;
static struct load_worker *worker;
static void *slots[N]; /* by descriptor */
static unsigned n_fds, n_waits;
static unsigned warm; /* waits before the window; it has 20 */
static bool connects; /* all that were begun are connected at the next wait */
static struct io_stack stack;

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (virtual_ns == 0)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(virtual_ns / SEC_NS);
	ts->tv_nsec = (long)(virtual_ns % SEC_NS);
	return 0;
}

static struct io *io_open(struct io_stack *s, unsigned i, char err[ERR_LEN])
{
	static struct io ios[2];

	(void)err;
	ios[i] = (struct io){s->ops, s, i};
	return &ios[i];
}

static void io_shut(struct io *io)
{
	(void)io;
}

static void io_stats(struct io_stack *s, struct io_stats *out)
{
	(void)s;
	*out = (struct io_stats){0};
}

static int io_connect(struct io *io, const struct addr *target)
{
	(void)io;
	(void)target;
	virtual_ns += virtual_ns > 0 ? CALL_NS : 0;
	return (int)(n_fds++ % N);
}

static int io_ctl(struct io *io, enum io_ctl what, int fd, struct io_event ev)
{
	(void)io;
	(void)what;
	slots[fd] = ev.ptr;
	return 0;
}

static int io_close(struct io *io, int fd)
{
	(void)io;
	slots[fd] = NULL;
	return 0;
}

static ssize_t io_write(struct io *io, int fd, const void *from, size_t len)
{
	(void)io;
	(void)fd;
	(void)from;
	virtual_ns += CALL_NS;
	return (ssize_t)len;
}

static ssize_t io_read(struct io *io, int fd, void *to, size_t len)
{
	(void)io;
	(void)fd;
	(void)to;
	(void)len;
	errno = EAGAIN;
	return -1;
}

/* The second worker's fails at once. */
static int io_wait_fails(struct io *io, struct io_event *events, int max, int timeout)
{
	(void)events;
	(void)max;
	(void)timeout;
	return io->worker == 1 ? -1 : 0;
}

static enum load_phase phase(void)
{
	return n_waits < warm ? LOAD_WARMUP : n_waits < warm + 20 ? LOAD_MEASURE : LOAD_DRAIN;
}

/* A millisecond each time. */
static int io_wait(struct io *io, struct io_event *events, int max, int timeout)
{
	int n = 0;

	(void)io;
	(void)timeout;
	virtual_ns += MS_NS;
	n_waits++;
	atomic_store(&shared.phase, phase());
	atomic_store(&shared.team.stop, n_waits >= warm + 30);
	for (unsigned fd = 0; connects && fd < N && n < max; fd++)
		if (slots[fd] != NULL && ((struct load_slot *)slots[fd])->state == SLOT_CONNECTING)
			events[n++] = (struct io_event){IO_OUT, slots[fd]};
	return n;
}

static struct io_ops ops = {.open = io_open,
			    .shut = io_shut,
			    .stack_stats = io_stats,
			    .connect = io_connect,
			    .ctl = io_ctl,
			    .close = io_close,
			    .write = io_write,
			    .read = io_read,
			    .wait = io_wait};

static struct load_conf usual(void)
{
	return (struct load_conf){.app = APP_ECHO,
				  .concurrency = 2,
				  .messages = 1,
				  .message_bytes = 64,
				  .response_bytes = 64,
				  .ramp_rate = 1000,
				  .under_way = N,
				  .seconds = 0.2,
				  .seed = 1};
}

/* One worker in this thread, from its begin to its end. */
static void work(const struct load_conf *conf, bool both_ours)
{
	char err[ERR_LEN];

	virtual_ns = SEC_NS;
	n_fds = n_waits = 0;
	memset(slots, 0, sizeof(slots));
	shared = (struct load_shared){.conf = conf, .both_ours = both_ours};
	shared.phase = phase();
	stack = (struct io_stack){.ops = &ops, .n_workers = 1};
	worker = load_worker_create(&shared, 0, 1);
	assert_non_null(worker);
	assert_int_equal(load_job.start(worker, io_open(&stack, 0, err), err), 0);
	load_job.loop(worker);
	load_job.end(worker);
	virtual_ns = 0;
}

static void test_a_worker_that_fails_is_seen_in_the_window(void **state)
{
	static struct load_result result;
	struct load_conf conf = usual();
	struct run_opts o = {.load = conf};
	struct row_info info = {.kind = IO_MTCP};
	struct load_hooks hooks = {0};
	char err[ERR_LEN] = "";
	int ret;

	(void)state;
	conf.connections = 1000;
	ops.wait = io_wait_fails;
	stack = (struct io_stack){.ops = &ops, .n_workers = 2};
	stack.conf.cpus = cpus_first();
	ret = load_run(&stack, &conf, &hooks, &result, err);
	ops.wait = io_wait;
	assert_int_equal(ret, -EIO);
	assert_non_null(strstr(err, "a worker failed"));
	/* nothing that this machine cannot */
	assert_int_equal(run_end(ret, &info, &o, &result, err), EXIT_FAILED);
}

/* No connection is ever made: the first is begun before the window, the second in it. */
static void test_what_hangs_is_counted(void **state)
{
	struct load_conf conf = usual();

	(void)state;
	conf.ramp_rate = 60; /* the second is opened after 17 ms */
	warm = 10;
	for (int both_ours = 0; both_ours < 2; both_ours++) {
		work(&conf, both_ours);
		assert_int_equal(n_fds, 2);
		assert_int_equal(worker->stuck, 1);
		assert_int_equal(worker->hung, both_ours);
		load_worker_destroy(worker);
	}
}

/* All slots at once, each late by what those before it took. */
static void test_how_late_the_arrivals_of_a_burst_are(void **state)
{
	struct load_conf conf = usual();

	(void)state;
	conf.concurrency = N;
	conf.rate = 1e6;
	warm = 0;
	work(&conf, false);
	assert_int_equal(worker->lag.n, N);
	assert_in_range(worker->lag.max, MS_NS + 40 * CALL_NS, MS_NS + N * CALL_NS);
	load_worker_destroy(worker);
}

/* N flows at once, after 20 ms a turn on each: either measured. */
static void test_how_late_a_burst_of_a_trace_is(void **state)
{
	struct load_conf conf = usual();
	struct trace t = {0};

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(trace_add_flow(&t, 0), 0);
		assert_int_equal(trace_add_turn(&t, (struct trace_turn){20000, 64, 64}), 0);
	}
	conf.app = APP_REPLAY;
	conf.concurrency = N;
	conf.trace = &t;
	for (int turns = 0; turns < 2; turns++) {
		connects = turns;
		warm = turns ? 10 : 0;
		work(&conf, false);
		assert_int_equal(worker->lag.n, N);
		assert_in_range(worker->lag.max - worker->lag.min, (N - 10) * CALL_NS, N * CALL_NS);
		load_worker_destroy(worker);
	}
	trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_worker_that_fails_is_seen_in_the_window),
		cmocka_unit_test(test_what_hangs_is_counted),
		cmocka_unit_test(test_how_late_the_arrivals_of_a_burst_are),
		cmocka_unit_test(test_how_late_a_burst_of_a_trace_is)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
