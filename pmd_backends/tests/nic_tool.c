// SPDX-License-Identifier: BSD-3-Clause
/*
 * Drives a device by hand, for tests of devices that need a world around them, and measures the
 * wire. nic_tool info DEVICE             what the stack would see of it, and how long opening took
 *   nic_tool copy DEVICE             sends every frame back as it came
 *   nic_tool reflect DEVICE          sends it back with the MAC addresses exchanged
 *   nic_tool bench                   cycles per frame of a hop over a ring, by burst
 * Options: --queues N --mtu N --capture FILE --count N (frames, then stop) --seconds S --eal ARGS
 * One JSON line at the end.
 */
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

#include "mtcp/nic.h"

#define BURST 32

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct options {
	struct nic_params nic;
	unsigned long count;
	double seconds;
};

static int fail(const char *err)
{
	fprintf(stderr, "nic_tool: %s\n", err);
	return 1;
}

static int info(const struct options *o)
{
	double before = now_s();
	char err[NIC_ERR_LEN];
	struct nic n;

	if (nic_driver.open(&o->nic, &n, err))
		return fail(err);
	printf("{\"open_ms\": %.1f, \"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\", \"mtu\": %u, "
	       "\"queues\": %u, \"rss_known\": %s, \"rx_wait\": %s}\n",
	       (now_s() - before) * 1e3, n.mac[0], n.mac[1], n.mac[2], n.mac[3], n.mac[4], n.mac[5],
	       n.mtu, n.n_queues, n.rss_known ? "true" : "false",
	       n.ops->rx_wait ? "true" : "false");
	nic_driver.close(&n);
	return 0;
}

static void exchange(struct nic_pkt *p)
{
	uint8_t mac[6];

	if (p->len < 12)
		return;
	memcpy(mac, p->data, 6);
	memcpy(p->data, p->data + 6, 6);
	memcpy(p->data + 6, mac, 6);
}

/* Sends all, giving the device a second to find room. */
static uint16_t send_all(struct nic *n, uint16_t queue, struct nic_pkt *p, uint16_t k)
{
	double until = now_s() + 1;
	uint16_t sent = 0;

	while (sent < k && now_s() < until)
		sent = (uint16_t)(sent +
				  n->ops->tx_burst(n->dev, queue, p + sent, (uint16_t)(k - sent)));
	n->ops->release(n->dev, queue, p + sent, (uint16_t)(k - sent));
	return sent;
}

/* Where there is an interrupt the test uses it, or it would never be exercised. */
static void idle(struct nic *n)
{
	struct pollfd fd = {.events = POLLIN, .fd = -1};

	if (n->ops->rx_wait)
		fd.fd = n->ops->rx_wait(n->dev, 0, true);
	poll(&fd, fd.fd >= 0, 1);
	if (fd.fd >= 0)
		n->ops->rx_wait(n->dev, 0, false);
}

static int send_back(const struct options *o, bool swap)
{
	unsigned long received = 0, sent = 0;
	struct nic_pkt p[BURST];
	char err[NIC_ERR_LEN];
	double until;
	struct nic n;

	if (nic_driver.open(&o->nic, &n, err))
		return fail(err);
	if (nic_driver.thread_enter())
		return fail("no thread slot");
	printf("ready\n");
	fflush(stdout);
	until = now_s() + o->seconds;
	while (!stopped && now_s() < until && received < o->count) {
		uint16_t got = 0;

		for (uint16_t q = 0; q < n.n_queues; q++) {
			uint16_t k = n.ops->rx_burst(n.dev, q, p, BURST);

			for (uint16_t i = 0; swap && i < k; i++)
				exchange(&p[i]);
			sent += send_all(&n, q, p, k);
			got = (uint16_t)(got + k);
		}
		received += got;
		if (got == 0)
			idle(&n);
	}
	nic_driver.stats(&n);
	printf("{\"received\": %lu, \"sent\": %lu, \"rx_missed\": %lu, \"tx_errors\": %lu}\n",
	       received, sent, n.rx_missed, n.tx_errors);
	nic_driver.thread_leave();
	nic_driver.close(&n);
	return 0;
}

/* The cycle counter where there is one, else nanoseconds. */
static uint64_t ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __rdtsc();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
#endif
}

/* Cycles of alloc, send, receive and release of one burst; a reading of the counter is about 20. */
static void hop(struct nic *a, struct nic *b, struct nic_pkt *p, uint16_t burst, uint64_t cycles[4])
{
	uint64_t t[5];
	uint16_t k;

	t[0] = ticks();
	k = a->ops->alloc(a->dev, 0, p, burst);
	for (uint16_t j = 0; j < k; j++)
		p[j].len = 64;
	t[1] = ticks();
	k = a->ops->tx_burst(a->dev, 0, p, k);
	t[2] = ticks();
	k = b->ops->rx_burst(b->dev, 0, p, burst);
	t[3] = ticks();
	b->ops->release(b->dev, 0, p, k);
	t[4] = ticks();
	for (int s = 0; s < 4; s++)
		cycles[s] += t[s + 1] - t[s];
}

/* One thread, both ends. The least of many blocks counts: the others met an interrupt. */
static void bench_burst(struct nic *a, struct nic *b, uint16_t burst)
{
	enum { BLOCKS = 400, ROUNDS = 64 };
	double best[4] = {1e9, 1e9, 1e9, 1e9};
	struct nic_pkt p[64];

	for (unsigned block = 0; block < BLOCKS; block++) {
		uint64_t cycles[4] = {0};

		for (unsigned i = 0; i < ROUNDS; i++)
			hop(a, b, p, burst, cycles);
		for (int s = 0; s < 4; s++) {
			double each = (double)cycles[s] / ROUNDS / burst;

			best[s] = each < best[s] ? each : best[s];
		}
	}
	printf("{\"burst\": %u, \"alloc\": %.1f, \"tx\": %.1f, \"rx\": %.1f, \"release\": %.1f}\n",
	       burst, best[0], best[1], best[2], best[3]);
}

static atomic_bool bench_done;

static void *reflector(void *arg)
{
	struct nic *n = arg;
	struct nic_pkt p[64];

	nic_driver.thread_enter();
	while (!atomic_load_explicit(&bench_done, memory_order_relaxed)) {
		uint16_t k = n->ops->rx_burst(n->dev, 0, p, 64), sent = 0;

		n->ops->release(n->dev, 0, p, k);
		k = n->ops->alloc(n->dev, 0, p, k);
		for (uint16_t i = 0; i < k; i++)
			p[i].len = 64;
		while (sent < k)
			sent = (uint16_t)(sent + n->ops->tx_burst(n->dev, 0, p + sent,
								  (uint16_t)(k - sent)));
	}
	nic_driver.thread_leave();
	return NULL;
}

/* Two threads: request and response frames, each in buffers of the sender's own. */
static void bench_pair(struct nic *a, struct nic *b, unsigned in_flight)
{
	unsigned long done = 0, sent = 0;
	double start = now_s(), took;
	struct nic_pkt p[64];
	pthread_t thread;

	atomic_store(&bench_done, false);
	if (pthread_create(&thread, NULL, reflector, b))
		return;
	while ((took = now_s() - start) < 1) {
		uint16_t k = a->ops->rx_burst(a->dev, 0, p, 64);

		a->ops->release(a->dev, 0, p, k);
		done += k;
		k = (uint16_t)(in_flight - (sent - done) < 64 ? in_flight - (sent - done) : 64);
		k = a->ops->alloc(a->dev, 0, p, k);
		for (uint16_t i = 0; i < k; i++)
			p[i].len = 64;
		k = send_all(a, 0, p, k);
		sent += k;
	}
	atomic_store(&bench_done, true);
	pthread_join(thread, NULL);
	while ((done = a->ops->rx_burst(a->dev, 0, p, 64)) > 0)
		a->ops->release(a->dev, 0, p, (uint16_t)done);
	printf("{\"in_flight\": %u, \"round_trips_per_s\": %.0f}\n", in_flight,
	       (double)sent / took);
}

static int bench(const struct options *o)
{
	struct nic_params pa = o->nic, pb = o->nic;
	char err[NIC_ERR_LEN];
	double before = now_s();
	struct nic a, b;

	pa.device = "ring:bench:0";
	pb.device = "ring:bench:1";
	if (nic_driver.open(&pa, &a, err))
		return fail(err);
	printf("{\"first_open_ms\": %.1f, ", (now_s() - before) * 1e3);
	before = now_s();
	if (nic_driver.open(&pb, &b, err))
		return fail(err);
	printf("\"second_open_ms\": %.1f}\n", (now_s() - before) * 1e3);
	nic_driver.thread_enter();
	for (unsigned burst = 1; burst <= 64; burst *= 2)
		bench_burst(&a, &b, (uint16_t)burst);
	for (unsigned n = 32; n <= 8192; n *= 16)
		bench_pair(&a, &b, n);
	nic_driver.thread_leave();
	before = now_s();
	nic_driver.close(&a);
	nic_driver.close(&b);
	printf("{\"close_ms\": %.1f}\n", (now_s() - before) * 1e3);
	return 0;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"queues", 1, NULL, 'q'}, {"mtu", 1, NULL, 'm'},     {"capture", 1, NULL, 'c'},
		{"count", 1, NULL, 'n'},  {"seconds", 1, NULL, 's'}, {"eal", 1, NULL, 'e'},
		{"bufs", 1, NULL, 'b'},	  {NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.nic.n_queues = 1, .count = ~0ul, .seconds = 1e9};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'q')
			o->nic.n_queues = (uint16_t)atoi(optarg);
		else if (c == 'm')
			o->nic.mtu = (uint16_t)atoi(optarg);
		else if (c == 'c')
			o->nic.capture = optarg;
		else if (c == 'n')
			o->count = strtoul(optarg, NULL, 0);
		else if (c == 's')
			o->seconds = strtod(optarg, NULL);
		else if (c == 'e')
			o->nic.eal_args = optarg;
		else if (c == 'b')
			o->nic.n_bufs = (uint32_t)atoi(optarg);
		else
			return false;
	}
	return optind < argc;
}

int main(int argc, char **argv)
{
	struct options o;
	const char *verb;

	if (!parse(argc, argv, &o))
		return fail("usage: nic_tool [options] info|copy|reflect DEVICE | bench"), 2;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	verb = argv[optind];
	o.nic.device = argv[optind + 1];
	if (strcmp(verb, "bench") == 0)
		return bench(&o);
	if (strcmp(verb, "info") == 0)
		return info(&o);
	if (strcmp(verb, "copy") == 0 || strcmp(verb, "reflect") == 0)
		return send_back(&o, verb[0] == 'r');
	return fail("unknown verb"), 2;
}
