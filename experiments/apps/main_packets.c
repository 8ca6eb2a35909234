// SPDX-License-Identifier: BSD-3-Clause
/*
 * mtcp-packets: bare packet I/O over the device seam, without a TCP stack. It takes frames from a
 * device and gives them back, as fast as they come, and counts; a second device may be the source
 * (flood:), in a thread of its own. A source alone runs until it is told to end.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "counted.h"
#include "nic.h"

#define BURST 64

static const char *const more =
	"--device is measured, --source polled beside it: flood:rate=R,to=A:P/DEVICE sends.\n"
	"Standard error and the row are as mtcp-load's; a transaction is a frame received.\n";

struct options {
	struct run_opts run;
	const char *device, *source;
	struct cpu_list cores, source_cores;
};

/* A device and the thread that polls it. */
struct poller {
	const char *device;
	struct cpu_list cores;
	struct nic nic;
	pthread_t thread;
	counter frames, bytes;
	atomic_bool stop;
};

static void make_table(struct opt_table *t, struct options *o)
{
	*t = (struct opt_table){.prog = "mtcp-packets",
				.what = "bare packet I/O over a device, without TCP",
				.more = more};
	OPT(t, "device", "DEVICE", OPT_TEXT, &o->device,
	    .doc = "what is received from, and measured");
	OPT(t, "source", "DEVICE", OPT_TEXT, &o->source, .doc = "polled, not measured");
	OPT(t, "cores", "LIST", OPT_CPUS, &o->cores, .doc = "CPUs of --device (the first)");
	OPT(t, "source-cores", "LIST", OPT_CPUS, &o->source_cores,
	    .doc = "CPUs of --source (the last)");
	opts_add_run(t, &o->run);
}

static void *poll_device(void *arg)
{
	struct poller *p = arg;
	const struct nic_ops *ops = p->nic.ops;
	struct nic_pkt pkts[BURST];

	cpus_pin(&p->cores);
	if (nic_driver.thread_enter() != 0)
		return NULL;
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		uint16_t n = ops->rx_burst(p->nic.dev, 0, pkts, BURST);
		uint64_t bytes = 0;

		for (uint16_t i = 0; i < n; i++)
			bytes += pkts[i].len;
		if (n > 0)
			ops->release(p->nic.dev, 0, pkts, n);
		counter_add(&p->frames, n);
		counter_add(&p->bytes, bytes);
	}
	nic_driver.thread_leave();
	return NULL;
}

static int poller_start(struct poller *p, char err[ERR_LEN])
{
	struct nic_params params = {
		.device = p->device, .n_queues = 1, .n_desc = 1024, .csum_offload = true};
	char why[NIC_ERR_LEN];
	int ret = nic_driver.open(&params, &p->nic, why);

	if (ret < 0)
		return err_set(ret, err, "%.400s", why);
	ret = pthread_create(&p->thread, NULL, poll_device, p);
	if (ret == 0)
		return 0;
	nic_driver.close(&p->nic);
	p->nic.ops = NULL; /* nothing to stop */
	return err_set(-ret, err, "no thread: %s", strerror(ret));
}

static void poller_stop(struct poller *p)
{
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
	nic_driver.close(&p->nic);
}

static struct counts read_counts(void *arg)
{
	struct poller *p = arg;

	return (struct counts){counter_get(&p->frames), counter_get(&p->bytes)};
}

static int measure(const struct options *o, struct poller *p, char err[ERR_LEN])
{
	struct row_info info = {.experiment = o->run.experiment,
				.device = o->device,
				.kind = IO_MTCP,
				.seed = o->run.load.seed,
				.repeat = o->run.repeat,
				.server_cores = o->cores,
				.note = o->run.note};

	return counted_run(read_counts, p, &info, &o->run, err);
}

static int until_told(void)
{
	const struct timespec tick = {.tv_nsec = (long)(20 * MS_NS)};

	fprintf(stderr, "ready\n");
	while (!interrupted())
		nanosleep(&tick, NULL);
	return EXIT_DONE;
}

static int run(void *options, char err[ERR_LEN])
{
	const struct options *o = options;
	struct poller sink = {.device = o->device, .cores = o->cores};
	struct poller source = {.device = o->source, .cores = o->source_cores};
	int ret;

	if (o->device != NULL && poller_start(&sink, err) < 0)
		return EXIT_CANNOT;
	ret = o->source != NULL ? poller_start(&source, err) : 0;
	if (ret < 0)
		ret = EXIT_CANNOT;
	else
		ret = o->device != NULL ? measure(o, &sink, err) : until_told();
	if (source.nic.ops != NULL)
		poller_stop(&source);
	if (o->device != NULL)
		poller_stop(&sink);
	return ret;
}

static int check(void *options, char err[ERR_LEN])
{
	struct options *o = options;

	if (o->device == NULL && o->source == NULL)
		return err_set(-EINVAL, err, "--device or --source is missing: see --help");
	if (o->cores.n == 0)
		o->cores = cpus_first();
	if (o->source_cores.n == 0)
		o->source_cores = cpus_last();
	return counted_check(&o->run, IO_MTCP, err);
}

int main(int argc, char **argv)
{
	static struct options o;
	struct program_steps steps = {check, run, &o};
	struct opt_table table;

	make_table(&table, &o);
	return program_main(&steps, &table, argc, argv);
}
