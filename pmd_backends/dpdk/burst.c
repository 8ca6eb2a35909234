// SPDX-License-Identifier: BSD-3-Clause
/* The per-burst path: mbufs to struct nic_pkt and back. */
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_prefetch.h>

#include "dpdk.h"

/* Frames must lie in one piece; LRO and jumbo frames in small buffers arrive in several. */
static bool make_linear(struct dpdk_queue *q, struct rte_mbuf *m)
{
	if (rte_pktmbuf_linearize(m) == 0)
		return true;
	rte_pktmbuf_free(m);
	q->n_rx_dropped++;
	return false;
}

/* "Good", and, both bits set, "not in the frame, but the data are sound". */
static inline uint16_t rx_flags(const struct dpdk_dev *d, uint64_t ol_flags)
{
	unsigned flags = 0;

	if (ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		flags |= NIC_RX_IP_CSUM_OK;
	if (ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		flags |= NIC_RX_L4_CSUM_OK;
	if ((ol_flags & RTE_MBUF_F_RX_RSS_HASH) && d->rss_known)
		flags |= NIC_RX_RSS;
	return (uint16_t)flags;
}

/* Two passes, so that the mbufs, written by another core, and then the frames come in together. */
static uint16_t to_pkts(struct dpdk_dev *d, uint16_t queue, struct rte_mbuf **m, uint16_t n,
			struct nic_pkt *pkts)
{
	struct dpdk_queue *q = &d->queue[queue];
	uint16_t out = 0;

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(m[i]);
	for (uint16_t i = 0; i < n; i++) {
		struct nic_pkt *p = &pkts[out];

		if (unlikely(m[i]->nb_segs != 1) && !make_linear(q, m[i]))
			continue;
		p->data = rte_pktmbuf_mtod(m[i], uint8_t *);
		rte_prefetch0(p->data);
		rte_prefetch0(p->data + RTE_CACHE_LINE_SIZE);
		p->len = m[i]->data_len;
		p->flags = rx_flags(d, m[i]->ol_flags);
		p->rss = m[i]->hash.rss;
		p->handle = m[i];
		out++;
	}
	return out;
}

static uint16_t dpdk_rx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct dpdk_dev *d = dev;
	struct rte_mbuf *m[DPDK_BURST];
	uint16_t out = 0, want, got;

	do {
		want = (uint16_t)RTE_MIN(n - out, DPDK_BURST);
		got = rte_eth_rx_burst(d->port, queue, m, want);
		out = (uint16_t)(out + to_pkts(d, queue, m, got, pkts + out));
	} while (got == DPDK_BURST && out < n);
	return out;
}

/* What DPDK wants for a checksum: where the headers stand, and the pseudo header's sum in the
 * field. The stack sends no IP options. */
static void ask_csum(struct rte_mbuf *m)
{
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);
	unsigned tag = f[12] == 0x81 && f[13] == 0x00 ? RTE_VLAN_HLEN : 0;
	uint8_t *ip = f + RTE_ETHER_HDR_LEN + tag;
	bool v4 = *ip >> 4 == 4;
	struct rte_tcp_hdr *tcp;
	uint64_t ol_flags =
		RTE_MBUF_F_TX_TCP_CKSUM | (v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);

	m->l2_len = tag ? RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN : RTE_ETHER_HDR_LEN;
	m->l3_len = v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	m->ol_flags = ol_flags;
	tcp = (struct rte_tcp_hdr *)(ip + m->l3_len);
	tcp->cksum = v4 ? rte_ipv4_phdr_cksum((const void *)ip, ol_flags)
			: rte_ipv6_phdr_cksum((const void *)ip, ol_flags);
}

static uint16_t dpdk_tx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct dpdk_dev *d = dev;
	struct rte_mbuf *m[DPDK_BURST];
	uint16_t out = 0, chunk, sent;

	do {
		chunk = (uint16_t)RTE_MIN(n - out, DPDK_BURST);
		for (uint16_t i = 0; i < chunk; i++) {
			m[i] = dpdk_mbuf(&pkts[out + i], 0);
			if (pkts[out + i].flags & NIC_TX_L4_CSUM)
				ask_csum(m[i]);
		}
		sent = rte_eth_tx_burst(d->port, queue, m, chunk);
		out = (uint16_t)(out + sent);
	} while (sent == DPDK_BURST && out < n);
	return out;
}

/* The pool gives all or nothing; when it runs low, take what there is by halves. */
uint16_t dpdk_take(struct rte_mempool *pool, struct rte_mbuf **m, uint16_t n)
{
	uint16_t got = 0;

	for (uint16_t step = n; step > 0 && got < n; step = (uint16_t)(step / 2)) {
		while (got + step <= n && rte_mempool_get_bulk(pool, (void **)(m + got), step) == 0)
			got = (uint16_t)(got + step);
	}
	return got;
}

static uint16_t dpdk_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct dpdk_dev *d = dev;
	struct rte_mbuf *m[DPDK_BURST];
	uint16_t out = 0, want, got;

	do {
		want = (uint16_t)RTE_MIN(n - out, DPDK_BURST);
		got = dpdk_take(d->queue[queue].pool, m, want);
		for (uint16_t i = 0; i < got; i++) {
			struct nic_pkt *p = &pkts[out + i];

			rte_pktmbuf_reset(m[i]);
			p->data = rte_pktmbuf_mtod(m[i], uint8_t *);
			__builtin_prefetch(p->data, 1);
			__builtin_prefetch(p->data + RTE_CACHE_LINE_SIZE, 1);
			p->len = 0;
			p->flags = 0;
			p->rss = 0;
			p->handle = m[i];
		}
		out = (uint16_t)(out + got);
	} while (got == DPDK_BURST && out < n);
	return out;
}

static void dpdk_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct rte_mbuf *m[DPDK_BURST];

	(void)dev;
	(void)queue;
	for (uint16_t done = 0; done < n;) {
		uint16_t chunk = (uint16_t)RTE_MIN(n - done, DPDK_BURST);

		for (uint16_t i = 0; i < chunk; i++)
			m[i] = pkts[done + i].handle;
		rte_pktmbuf_free_bulk(m, chunk);
		done = (uint16_t)(done + chunk);
	}
}

/* PMDs with eventfds want the interrupt enabled and the event read; a tap's descriptor and the
 * sockets of af_packet and af_xdp stay readable while frames wait and must not be read here. */
static int rx_wait(void *dev, uint16_t queue, bool arm)
{
	struct dpdk_dev *d = dev;
	int fd = d->queue[queue].wait_fd;
	uint64_t event;

	if (fd < 0)
		return -1;
	if (!d->intr_ack)
		return fd;
	if (arm)
		return rte_eth_dev_rx_intr_enable(d->port, queue) == 0 ? fd : -1;
	rte_eth_dev_rx_intr_disable(d->port, queue);
	while (read(fd, &event, sizeof event) > 0)
		;
	return fd;
}

const struct nic_ops dpdk_ops = {
	.rx_burst = dpdk_rx_burst,
	.tx_burst = dpdk_tx_burst,
	.alloc = dpdk_alloc,
	.release = dpdk_release,
};

const struct nic_ops dpdk_intr_ops = {
	.rx_burst = dpdk_rx_burst,
	.tx_burst = dpdk_tx_burst,
	.alloc = dpdk_alloc,
	.release = dpdk_release,
	.rx_wait = rx_wait,
};
