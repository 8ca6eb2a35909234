// SPDX-License-Identifier: BSD-3-Clause
/*
 * A flood of SYNs beside whatever else the device sends: frames from addresses of a network that is
 * there for benchmarks (RFC 2544, 198.18.0.0/15), and answers to them go no further than here. At
 * the target's end ("away") the answers leave by another way, as those to forged addresses do: they
 * take no room on the wire that the clients' frames take.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/csum.h"
#include "base/rng.h"
#include "wrap.h"

#define BURST	  64
#define FRAME_LEN 60u	     /* the shortest there is */
#define BEHIND_NS 10000000.0 /* what was not sent within this is not made up for */
#define SEC_NS	  1000000000ull
#define ETH_IPV4  0x0800
#define ETH_ARP	  0x0806

struct flood {
	struct wrap w;
	struct flood_plan plan;
	struct rng rng;
	uint8_t frame[FRAME_LEN];
	uint64_t ip_sum; /* of the IP header without checksum and source address */
	uint64_t first_at, last_at;
	double due; /* frames, as of last_at */
	uint64_t n_sent;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SEC_NS + (uint64_t)t.tv_nsec;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Another source address and port, and sequence number. */
static void fill(struct flood *f, struct nic_pkt *p)
{
	uint64_t random = rng_next(&f->rng);
	uint8_t *ip = p->data + 14;
	uint16_t sum;

	memcpy(p->data, f->frame, FRAME_LEN);
	p->len = FRAME_LEN;
	ip[13] = (uint8_t)(18 | (random & 1));
	ip[14] = (uint8_t)(random >> 8);
	ip[15] = (uint8_t)(random >> 16);
	sum = csum_fold(csum_add(f->ip_sum, ip + 12, 4));
	memcpy(ip + 10, &sum, 2);
	ip[20] = (uint8_t)(random >> 24 | 0x80); /* a port above 32767 */
	ip[21] = (uint8_t)(random >> 32);
	memcpy(ip + 24, (uint8_t *)&random + 4, 4);
	p->flags = NIC_TX_L4_CSUM;
	if (!f->w.inner.tx_csum)
		csum_complete(p);
}

/* How many are due by now, at most a burst. */
static uint16_t due(struct flood *f)
{
	uint64_t now = clock_ns();
	double most = f->plan.rate * BEHIND_NS / (double)SEC_NS;

	if (f->first_at == 0)
		f->first_at = f->last_at = now;
	f->due += f->plan.rate * (double)(now - f->last_at) / (double)SEC_NS;
	f->last_at = now;
	if (most < BURST)
		most = BURST;
	if (f->due > most)
		f->due = most;
	return (uint16_t)(f->due < BURST ? f->due : BURST);
}

static void send_due(struct flood *f, uint16_t queue)
{
	const struct nic_ops *ops = f->w.inner.ops;
	struct nic_pkt p[BURST];
	uint16_t n = due(f), sent;

	if (n == 0)
		return;
	n = ops->alloc(f->w.inner.dev, queue, p, n);
	for (uint16_t i = 0; i < n; i++)
		fill(f, &p[i]);
	sent = ops->tx_burst(f->w.inner.dev, queue, p, n);
	ops->release(f->w.inner.dev, queue, p + sent, (uint16_t)(n - sent));
	f->n_sent += sent;
	f->due -= sent;
}

static bool is_answer(const struct nic_pkt *p)
{
	const uint8_t *ip = p->data + 14;

	return p->len >= 34 && be16(p->data + 12) == ETH_IPV4 && ip[16] == 198 &&
	       (ip[17] & 0xfe) == 18;
}

/* True when the frame is an answer to the flood. On the way it tells the queue that sends, the
 * first, which MAC the target has. */
static bool ours(struct flood *f, uint16_t queue, const struct nic_pkt *p)
{
	if (queue == 0 && p->len >= 34 && be16(p->data + 12) == ETH_ARP &&
	    memcmp(p->data + 28, f->plan.to, 4) == 0)
		memcpy(f->frame, p->data + 6, 6);
	return is_answer(p);
}

static uint16_t flood_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct flood *f = dev;
	uint16_t got = f->w.inner.ops->rx_burst(f->w.inner.dev, queue, pkts, n), kept = 0;

	if (queue == 0)
		send_due(f, queue);
	for (uint16_t i = 0; i < got; i++) {
		if (ours(f, queue, &pkts[i]))
			f->w.inner.ops->release(f->w.inner.dev, queue, &pkts[i], 1);
		else
			pkts[kept++] = pkts[i];
	}
	return kept;
}

static uint16_t flood_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct flood *f = dev;

	return f->w.inner.ops->tx_burst(f->w.inner.dev, queue, pkts, n);
}

static uint16_t plain_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct flood *f = dev;

	return f->w.inner.ops->rx_burst(f->w.inner.dev, queue, pkts, n);
}

/* At most a burst. Frames behind the first that the device refuses stay the caller's. */
static uint16_t send_others(struct flood *f, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	const struct nic_ops *ops = f->w.inner.ops;
	struct nic_pkt others[BURST];
	uint16_t n_others = 0, sent = 0, i;

	for (i = 0; i < n; i++)
		if (!is_answer(&pkts[i]))
			others[n_others++] = pkts[i];
	if (n_others)
		sent = ops->tx_burst(f->w.inner.dev, queue, others, n_others);
	for (i = 0; i < n; i++) {
		if (is_answer(&pkts[i]))
			ops->release(f->w.inner.dev, queue, &pkts[i], 1);
		else if (sent-- == 0)
			break;
	}
	return i;
}

static uint16_t away_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	uint16_t done = 0, len, took;

	do {
		len = (uint16_t)(n - done < BURST ? n - done : BURST);
		took = send_others(dev, queue, pkts + done, len);
		done = (uint16_t)(done + took);
	} while (took == len && done < n);
	return done;
}

static void flood_free(struct wrap *w)
{
	struct flood *f = (struct flood *)w;

	if (f->n_sent > 0)
		fprintf(stderr, "flood: %llu SYNs in %.3f s\n", (unsigned long long)f->n_sent,
			(double)(f->last_at - f->first_at) / (double)SEC_NS);
	free(f);
}

/* ADDRESS:PORT */
static bool set_target(struct flood_plan *plan, const char *text, size_t len)
{
	char copy[32], *colon, *end;
	unsigned long port;

	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	colon = strchr(copy, ':');
	if (!colon)
		return false;
	*colon = '\0';
	port = strtoul(colon + 1, &end, 10);
	plan->port = (uint16_t)port;
	return *end == '\0' && port > 0 && port < 65536 && inet_pton(AF_INET, copy, plan->to) == 1;
}

static bool set(void *of, const char *text, size_t len)
{
	struct flood_plan *plan = of;
	char *end;

	if (strncmp(text, "to=", 3) == 0)
		return set_target(plan, text + 3, len - 3);
	if (len == 4 && strncmp(text, "away", 4) == 0)
		return plan->away = true;
	if (strncmp(text, "seed=", 5) == 0) {
		plan->seed = strtoull(text + 5, &end, 10);
		return end == text + len && len > 5;
	}
	if (strncmp(text, "rate=", 5) != 0)
		return false;
	plan->rate = strtod(text + 5, &end);
	return end == text + len && plan->rate > 0 && plan->rate <= 1e9;
}

int flood_parse(const char *device, struct flood_plan *plan, const char **rest,
		char err[NIC_ERR_LEN])
{
	static const struct wrap_syntax syntax = {
		"flood:", "rate= (SYNs per second), to=ADDRESS:PORT, seed=, or away alone", set};
	int ret;

	*plan = (struct flood_plan){.seed = 1};
	ret = wrap_parse(&syntax, device, plan, rest, err);
	if (ret > 0 && plan->away && plan->rate <= 0 && plan->port == 0)
		return 0;
	if (ret > 0 && (plan->rate <= 0 || plan->port == 0 || plan->away)) {
		snprintf(err, NIC_ERR_LEN,
			 "flood: it wants a rate and a target: "
			 "flood:rate=1000,to=10.0.0.1:80/ring:w:0");
		return -EINVAL;
	}
	return ret < 0 ? ret : 0;
}

static void make_frame(struct flood *f)
{
	uint8_t *eth = f->frame, *ip = eth + 14, *tcp = ip + 20;
	static const uint8_t mss[4] = {2, 4, 1460 >> 8, 1460 & 0xff};

	memset(eth, 0xff, 6); /* until the target has been heard of */
	memcpy(eth + 6, f->w.inner.mac, 6);
	eth[12] = ETH_IPV4 >> 8;
	ip[0] = 0x45;
	ip[3] = 44;
	ip[8] = 64;
	ip[9] = 6;
	ip[12] = 198;
	memcpy(ip + 16, f->plan.to, 4);
	f->ip_sum = csum_add(csum_add(0, ip, 12), ip + 16, 4);
	tcp[2] = (uint8_t)(f->plan.port >> 8);
	tcp[3] = (uint8_t)f->plan.port;
	tcp[12] = 6 << 4;
	tcp[13] = 2; /* SYN */
	tcp[14] = 0xff;
	tcp[15] = 0xff;
	memcpy(tcp + 20, mss, sizeof mss);
}

int flood_wrap(struct nic *nic, const struct flood_plan *plan, char err[NIC_ERR_LEN])
{
	struct flood *f = calloc(1, sizeof *f);

	if (!f) {
		snprintf(err, NIC_ERR_LEN, "flood: no memory");
		return -ENOMEM;
	}
	f->plan = *plan;
	rng_seed(&f->rng, plan->seed);
	f->w.ops.rx_burst = plan->away ? plain_rx : flood_rx;
	f->w.ops.tx_burst = plan->away ? away_tx : flood_tx;
	f->w.free = flood_free;
	wrap_install(nic, &f->w);
	make_frame(f);
	return 0;
}
