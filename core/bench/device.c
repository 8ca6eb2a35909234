// SPDX-License-Identifier: BSD-3-Clause
/* The seam to a device, by the bursts of which nic.h consists: what it costs the stack to send and
 * receive a frame over a device that does nothing but that. */
#include <stdlib.h>

#include "bench.h"
#include "memory_nic.h"

#define BURST 32u
#define FRAME 130u /* a segment of 64 bytes */
#define WIRE  "memory:4:"

struct device {
	struct nic end[2];
};

static void open_end(struct nic *nic, const char *name)
{
	const struct nic_params p = {.device = name, .n_queues = 1, .csum_offload = true};
	char err[NIC_ERR_LEN];

	if (nic_driver.open(&p, nic, err) < 0)
		bench_fail(err);
}

static void *setup(void)
{
	struct device *d = bench_alloc(sizeof(*d));

	open_end(&d->end[0], WIRE "0");
	open_end(&d->end[1], WIRE "1");
	return d;
}

static void teardown(void *state)
{
	struct device *d = state;

	nic_driver.close(&d->end[0]);
	nic_driver.close(&d->end[1]);
	free(d);
}

static void send_burst(const struct nic *nic)
{
	struct nic_pkt pkts[BURST];

	if (nic->ops->alloc(nic->dev, 0, pkts, BURST) != BURST)
		bench_fail("no frames");
	for (unsigned i = 0; i < BURST; i++) {
		pkts[i].len = FRAME;
		pkts[i].flags = NIC_TX_L4_CSUM;
	}
	if (nic->ops->tx_burst(nic->dev, 0, pkts, BURST) != BURST)
		bench_fail("the device is full");
}

static void receive_burst(const struct nic *nic)
{
	struct nic_pkt pkts[BURST];

	if (nic->ops->rx_burst(nic->dev, 0, pkts, BURST) != BURST)
		bench_fail("frames are missing");
	nic->ops->release(nic->dev, 0, pkts, BURST);
}

/* There and back, since a frame stays where it is released. */
static void run(void *state, uint64_t n)
{
	struct device *d = state;

	for (uint64_t i = 0; i < n; i += 2 * (uint64_t)BURST) {
		send_burst(&d->end[0]);
		receive_burst(&d->end[1]);
		send_burst(&d->end[1]);
		receive_burst(&d->end[0]);
	}
}

static unsigned parts(void *state, uint64_t n, struct bench_part *out)
{
	(void)state;
	out[0] = (struct bench_part){"alloc", "memory_alloc", n};
	out[1] = (struct bench_part){"tx_burst", "memory_tx", n};
	out[2] = (struct bench_part){"rx_burst", "memory_rx", n};
	out[3] = (struct bench_part){"release", "memory_release", n};
	return 4;
}

const struct bench bench_device[] = {{"device_burst", "frame",
				      "sent and received in bursts of 32 over the device of memory",
				      64 * 512, setup, run, teardown, parts},
				     {0}};
