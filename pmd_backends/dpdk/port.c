// SPDX-License-Identifier: BSD-3-Clause
/* An ethdev port from probed to running: queues, buffers, offloads, RSS. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "dpdk.h"

#define POOL_SLACK 3072 /* frames in the stack's hands and in the threads' caches */

uint16_t port_n_desc(const struct port_plan *p)
{
	return p->params->n_desc ? p->params->n_desc : p->kind->n_desc;
}

uint32_t port_n_bufs(const struct port_plan *p)
{
	if (p->params->n_bufs)
		return RTE_MAX(p->params->n_bufs, 1024u);
	/* What can lie in the transmit ring and, where ours are filled, in the receive ring. */
	if (p->kind->copies)
		return POOL_SLACK - 1;
	return port_n_desc(p) * (p->kind->lends_buffers ? 1u : 2u) + POOL_SLACK - 1;
}

/* At least 2 KB for PMDs that fill our buffers: hardware rounds its size down to whole KB. Rings
 * pass ours on, so there the tighter ones keep twice as many in the cache. */
uint16_t port_data_room(const struct port_plan *p)
{
	unsigned frame = RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + (unsigned)p->mtu;
	unsigned least = p->kind->lends_buffers ? 0 : 2048;

	return (uint16_t)RTE_MAX(RTE_ALIGN_CEIL(frame, 64u), least);
}

int port_mtu(const struct nic_params *p, uint16_t usual, uint16_t most, uint16_t *mtu,
	     char err[NIC_ERR_LEN])
{
	*mtu = p->mtu ? p->mtu : usual;
	if (*mtu >= 68 && *mtu <= most)
		return 0;
	snprintf(err, NIC_ERR_LEN, "%.64s: MTU %u is not between 68 and the device's %u", p->device,
		 *mtu, most);
	return -EINVAL;
}

/* Without hugepages no buffer crosses a page, so the last of a page stays unused. */
size_t port_bytes(const struct port_plan *p)
{
	size_t object = sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM + port_data_room(p) +
			RTE_CACHE_LINE_SIZE;

	return RTE_ALIGN_CEIL(object, (size_t)4096) * port_n_bufs(p) * p->params->n_queues;
}

int port_pools(struct dpdk_dev *d, const struct port_plan *p, char err[NIC_ERR_LEN])
{
	struct pool_shape shape = {
		.n_bufs = port_n_bufs(p),
		.data_room = port_data_room(p),
		.eal_memory = p->kind->eal_memory,
	};

	for (uint16_t q = 0; q < d->n_queues; q++) {
		int ret = pool_create(&shape, &d->queue[q].pool);

		if (ret == 0)
			continue;
		port_free_pools(d);
		snprintf(err, NIC_ERR_LEN,
			 "%.64s: no memory for %u x %u buffers of %u bytes; %sask for fewer",
			 p->params->device, d->n_queues, shape.n_bufs, shape.data_room,
			 shape.eal_memory ? "open it before other devices, reserve hugepages or "
					  : "");
		return ret;
	}
	return 0;
}

void port_free_pools(struct dpdk_dev *d)
{
	for (uint16_t q = 0; q < d->n_queues; q++) {
		rte_mempool_free(d->queue[q].pool);
		d->queue[q].pool = NULL;
	}
}

static void fill_conf(const struct port_plan *p, const struct rte_eth_dev_info *info,
		      struct rte_eth_conf *conf)
{
	uint64_t rx_csum = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	uint64_t hash = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

	memset(conf, 0, sizeof *conf);
	conf->rxmode.mtu = p->mtu;
	conf->intr_conf.rxq = p->kind->rx_interrupt;
	if (!p->kind->offloads)
		return;
	if (p->params->csum_offload) {
		conf->rxmode.offloads = info->rx_offload_capa & rx_csum;
		conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	}
	if (info->flow_type_rss_offloads & hash) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
		conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & hash;
	}
}

/* Our key, repeated where the device wants more bytes than four-tuples can use. */
static bool set_rss_key(uint16_t port, const struct rte_eth_dev_info *info, uint64_t hash)
{
	uint8_t key[64];
	struct rte_eth_rss_conf conf = {
		.rss_key = key,
		.rss_key_len = info->hash_key_size ? info->hash_key_size : RSS_KEY_LEN,
		.rss_hf = hash,
	};

	if (conf.rss_key_len < RSS_KEY_LEN || conf.rss_key_len > sizeof key)
		return false;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = rss_default_key[i % RSS_KEY_LEN];
	return rte_eth_dev_rss_hash_update(port, &conf) == 0;
}

/* Round robin over the queues, as rss_queue() assumes. */
static bool set_reta(uint16_t port, uint16_t reta_size, uint16_t n_queues)
{
	struct rte_eth_rss_reta_entry64 reta[1024 / RTE_ETH_RETA_GROUP_SIZE];

	if (reta_size == 0 || !rte_is_power_of_2(reta_size) || reta_size > 1024)
		return false;
	memset(reta, 0, sizeof reta);
	for (uint16_t i = 0; i < reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask = UINT64_MAX;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % n_queues);
	}
	return rte_eth_dev_rss_reta_update(port, reta, reta_size) == 0;
}

static void set_rss(struct dpdk_dev *d, const struct rte_eth_dev_info *info,
		    const struct rte_eth_conf *conf, struct nic *nic)
{
	const uint64_t ports = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	uint64_t hash = conf->rx_adv_conf.rss_conf.rss_hf;

	nic->reta_len = RSS_RETA_LEN;
	memcpy(nic->rss_key, rss_default_key, sizeof nic->rss_key);
	d->rss_known = d->n_queues == 1 || d->wire;
	if ((hash & ports) == ports && set_rss_key(d->port, info, hash) &&
	    set_reta(d->port, info->reta_size, d->n_queues)) {
		nic->reta_len = info->reta_size;
		d->rss_known = true;
	}
	nic->rss_known = d->rss_known;
}

static int say(char err[NIC_ERR_LEN], const struct port_plan *p, const char *what, int ret)
{
	char line[NIC_ERR_LEN];

	eal_log_first(line);
	snprintf(err, NIC_ERR_LEN, "%.64s: %s: %.150s", p->params->device, what,
		 line[0] ? line : strerror(-ret));
	return ret;
}

static int check_queues(const struct dpdk_dev *d, const struct rte_eth_dev_info *info,
			const struct port_plan *p, char err[NIC_ERR_LEN])
{
	uint16_t rx = info->max_rx_queues, tx = info->max_tx_queues, most = rx < tx ? rx : tx;

	if (d->n_queues <= most)
		return 0;
	snprintf(err, NIC_ERR_LEN, "%.64s: has %u queue(s), %u are wanted; use at most %u core(s)",
		 p->params->device, most, d->n_queues, most);
	return -EINVAL;
}

static int setup_queues(struct dpdk_dev *d, const struct port_plan *p)
{
	uint16_t rx = port_n_desc(p), tx = rx;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(d->port, &rx, &tx);

	for (uint16_t q = 0; q < d->n_queues && ret == 0; q++)
		ret = rte_eth_rx_queue_setup(d->port, q, rx, (unsigned)SOCKET_ID_ANY, NULL,
					     d->queue[q].pool);
	for (uint16_t q = 0; q < p->n_tx && ret == 0; q++)
		ret = rte_eth_tx_queue_setup(d->port, q, tx, (unsigned)SOCKET_ID_ANY, NULL);
	return ret;
}

int port_start(struct dpdk_dev *d, const struct port_plan *p, struct nic *nic,
	       char err[NIC_ERR_LEN])
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int ret = rte_eth_dev_info_get(d->port, &info);

	if (ret)
		return say(err, p, "no information from the driver", ret);
	ret = check_queues(d, &info, p, err);
	if (ret)
		return ret;
	fill_conf(p, &info, &conf);
	ret = rte_eth_dev_configure(d->port, d->n_queues, p->n_tx, &conf);
	if (ret && conf.intr_conf.rxq) {
		conf.intr_conf.rxq = 0; /* this PMD has no receive interrupt */
		ret = rte_eth_dev_configure(d->port, d->n_queues, p->n_tx, &conf);
	}
	ret = ret ? ret : setup_queues(d, p);
	ret = ret ? ret : rte_eth_dev_start(d->port);
	if (ret)
		return say(err, p, "the driver refuses", ret);
	(void)rte_eth_allmulticast_enable(d->port); /* for IPv6; what has no filter has no switch */
	set_rss(d, &info, &conf, nic);
	nic->ops = &dpdk_ops;
	for (uint16_t q = 0; q < d->n_queues; q++)
		d->queue[q].wait_fd =
			conf.intr_conf.rxq ? rte_eth_dev_rx_intr_ctl_q_get_fd(d->port, q) : -1;
	if (d->queue[0].wait_fd >= 0) {
		nic->ops = &dpdk_intr_ops;
		d->intr_ack = rte_eth_dev_rx_intr_disable(d->port, 0) == 0;
	}
	nic->dev = d;
	nic->tx_csum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	nic->n_queues = d->n_queues;
	nic->mtu = p->mtu;
	return 0;
}

void port_stop(struct dpdk_dev *d)
{
	struct rte_eth_dev_info info;

	rte_eth_dev_stop(d->port);
	if (rte_eth_dev_info_get(d->port, &info) == 0)
		rte_dev_remove(info.device);
}

void port_stats(struct nic *nic)
{
	struct dpdk_dev *d = nic->dev;
	struct rte_eth_stats s = {0};

	rte_eth_stats_get(d->port, &s);
	nic->rx_missed = s.imissed + s.rx_nombuf;
	nic->tx_errors = s.oerrors;
	for (uint16_t q = 0; q < d->n_queues; q++) {
		nic->rx_missed += d->queue[q].n_rx_dropped;
		nic->tx_errors += d->queue[q].n_tx_dropped;
	}
}
