// SPDX-License-Identifier: BSD-3-Clause
/* Capture to pcapng: one interface, every frame with its direction. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pcapng.h"
#include "wrap.h"

#define BURST	    64
#define FILE_BUFFER (256 << 10)

struct capture {
	struct wrap w;
	FILE *file;
	char *path;
	uint32_t snap; /* frames are cut here */
	pthread_mutex_t
		lock; /* the file and what follows; queues are driven by different threads */
	bool failed;
	uint64_t n_lost;
	uint8_t *stage[NIC_MAX_QUEUES]; /* BURST blocks, before it is known how many were sent */
};

static uint8_t *put_frame(uint8_t *at, const struct capture *c, struct nic_pkt *p, uint64_t ns,
			  enum pcapng_dir dir)
{
	struct pcapng_packet packet;

	if (p->flags & (NIC_TX_L4_CSUM | NIC_RX_L4_CSUM_OK))
		csum_complete(p);
	packet = (struct pcapng_packet){
		.data = p->data, .len = p->len, .snap = c->snap, .ns = ns, .dir = dir};

	return pcapng_put(at, &packet);
}

static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Under the lock. A half-written block would make the rest unreadable, so the first failure is the
 * end of the capture. */
static void give_up(struct capture *c, int e)
{
	if (!c->failed)
		fprintf(stderr, "mtcp: capture %s stops here: %s\n", c->path, strerror(e));
	c->failed = true;
}

static void store(struct capture *c, const uint8_t *blocks, size_t len, uint16_t n)
{
	pthread_mutex_lock(&c->lock);
	if (!c->failed && fwrite(blocks, 1, len, c->file) != len)
		give_up(c, errno);
	if (c->failed)
		c->n_lost += n;
	pthread_mutex_unlock(&c->lock);
}

static uint16_t capture_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct capture *c = dev;
	uint16_t got = c->w.inner.ops->rx_burst(c->w.inner.dev, queue, pkts, n);
	uint64_t ns = got ? wall_ns() : 0;

	for (uint16_t done = 0; done < got;) {
		uint16_t chunk = (uint16_t)(got - done < BURST ? got - done : BURST);
		uint8_t *at = c->stage[queue];

		for (uint16_t i = 0; i < chunk; i++)
			at = put_frame(at, c, &pkts[done + i], ns, PCAPNG_IN);
		store(c, c->stage[queue], (size_t)(at - c->stage[queue]), chunk);
		done = (uint16_t)(done + chunk);
	}
	return got;
}

/* A frame that was sent is no longer ours to read: take all down, keep what was accepted. */
static uint16_t send_chunk(struct capture *c, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	uint8_t *end[BURST + 1];
	uint64_t ns = wall_ns();
	uint16_t sent;

	end[0] = c->stage[queue];
	for (uint16_t i = 0; i < n; i++)
		end[i + 1] = put_frame(end[i], c, &pkts[i], ns, PCAPNG_OUT);
	sent = c->w.inner.ops->tx_burst(c->w.inner.dev, queue, pkts, n);
	if (sent)
		store(c, end[0], (size_t)(end[sent] - end[0]), sent);
	return sent;
}

static uint16_t capture_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	uint16_t out = 0, chunk, sent;

	do {
		chunk = (uint16_t)(n - out < BURST ? n - out : BURST);
		sent = chunk ? send_chunk(dev, queue, pkts + out, chunk) : 0;
		out = (uint16_t)(out + sent);
	} while (sent == BURST && out < n);
	return out;
}

static void capture_free(struct wrap *w)
{
	struct capture *c = (struct capture *)w;

	if (c->file && fclose(c->file))
		give_up(c, errno);
	if (c->n_lost)
		fprintf(stderr, "mtcp: capture %s lacks %llu frames\n", c->path,
			(unsigned long long)c->n_lost);
	for (unsigned q = 0; q < NIC_MAX_QUEUES; q++)
		free(c->stage[q]);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c);
}

/* The file's header is written through, so that a full disk or a wrong path shows at once. */
static int start_file(struct capture *c)
{
	uint8_t head[2 * PCAPNG_HEAD_MAX];
	uint8_t *end = pcapng_interface(pcapng_section(head), "mtcp", c->snap);

	c->file = fopen(c->path, "wbe");
	if (!c->file)
		return -errno;
	setvbuf(c->file, NULL, _IOFBF, FILE_BUFFER);
	if (fwrite(head, 1, (size_t)(end - head), c->file) == 0 || fflush(c->file))
		return -errno;
	return 0;
}

static int make_stages(struct capture *c, uint16_t n_queues)
{
	for (uint16_t q = 0; q < n_queues; q++) {
		c->stage[q] = malloc(BURST * (size_t)(c->snap + 3 + PCAPNG_PACKET_OVER));
		if (!c->stage[q])
			return -ENOMEM;
	}
	return 0;
}

int capture_wrap(struct nic *nic, const char *path, char err[NIC_ERR_LEN])
{
	struct capture *c = calloc(1, sizeof *c);
	int ret = -ENOMEM;

	if (c) {
		c->w.ops.rx_burst = capture_rx;
		c->w.ops.tx_burst = capture_tx;
		c->w.free = capture_free;
		c->snap = nic->mtu > 2000 ? nic->mtu + 18u : 2048;
		pthread_mutex_init(&c->lock, NULL);
		c->path = strdup(path);
		ret = c->path ? make_stages(c, nic->n_queues) : -ENOMEM;
		ret = ret ? ret : start_file(c);
	}
	if (ret) {
		snprintf(err, NIC_ERR_LEN, "capture %.128s: %s; name a file that can be written",
			 path, strerror(-ret));
		if (c)
			capture_free(&c->w);
		return ret;
	}
	wrap_install(nic, &c->w);
	return 0;
}
