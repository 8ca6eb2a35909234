// SPDX-License-Identifier: BSD-3-Clause
/* nic_driver: any PMD by its device string, wrapped in capture and fault injection on demand. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "dpdk.h"
#include "wrap/wrap.h"

/* Open and close are rare and come from anywhere; bursts take no lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool in_use[RTE_MAX_ETHPORTS];

static bool is_ring(const char *device)
{
	return strncmp(device, "ring:", 5) == 0;
}

/* Creates the device that the string names and finds its port. */
static int probe(const struct nic_params *p, const struct device_spec *s, uint16_t *port,
		 char err[NIC_ERR_LEN])
{
	char devargs[sizeof s->name + sizeof s->args], line[NIC_ERR_LEN];
	int ret = rte_eth_dev_get_port_by_name(s->name, port);

	if (ret == 0 && in_use[*port]) {
		snprintf(err, NIC_ERR_LEN, "%.64s: is open already", p->device);
		return -EBUSY;
	}
	if (ret == 0)
		return 0; /* PCI: allowed on the EAL's command line, probed with it */
	snprintf(devargs, sizeof devargs, "%s%s", s->name, s->args);
	ret = rte_dev_probe(devargs);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(s->name, port);
	eal_log_first(line);
	if (ret == -EFAULT) { /* how the EAL says that no driver takes this name */
		snprintf(err, NIC_ERR_LEN, "%.64s: DPDK has no driver of that name", p->device);
		return -ENODEV;
	}
	if (ret < 0)
		snprintf(err, NIC_ERR_LEN, "%.64s: the driver refuses: %.150s", p->device,
			 line[0] ? line : strerror(-ret));
	return ret;
}

/* The MTU that the device has, and the most it may be given: what the PMD can be told and our
 * buffers hold, and of a kernel's interface no more than it has. */
static uint16_t device_mtu(const struct device_spec *s, uint16_t port, uint8_t mac[6],
			   uint16_t *limit)
{
	uint32_t most = PORT_MTU_MAX, overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	struct rte_eth_dev_info info;
	uint16_t mtu = RTE_ETHER_MTU;

	rte_eth_dev_get_mtu(port, &mtu);
	if (s->iface[0])
		device_iface(s->iface, mac, &mtu);
	if (rte_eth_dev_info_get(port, &info) == 0) {
		if (info.max_mtu < UINT16_MAX)
			most = RTE_MIN(most, (uint32_t)info.max_mtu);
		else if (info.max_rx_pktlen > overhead)
			most = RTE_MIN(most, info.max_rx_pktlen - overhead);
	}
	mtu = most < mtu ? (uint16_t)most : mtu;
	*limit = s->kind->offloads ? (uint16_t)most : mtu;
	return mtu;
}

static int start(const struct nic_params *p, const struct device_spec *s, struct dpdk_dev *d,
		 struct nic *nic, char err[NIC_ERR_LEN])
{
	struct port_plan plan = {.params = p, .kind = s->kind, .n_tx = p->n_queues};
	struct rte_ether_addr mac;
	uint16_t usual, most;
	int ret;

	rte_eth_macaddr_get(d->port, &mac);
	memcpy(nic->mac, mac.addr_bytes, sizeof nic->mac);
	usual = device_mtu(s, d->port, nic->mac, &most);
	if (s->kind->own_mac) /* the device's address belongs to the kernel's side of it */
		nic->mac[5] ^= 1;
	ret = port_mtu(p, usual, most, &plan.mtu, err);
	if (ret)
		return ret;
	ret = port_pools(d, &plan, err);
	if (ret)
		return ret;
	ret = port_start(d, &plan, nic, err);
	if (ret == 0 && s->kind->wait_domain)
		wait_sockets(d, s, nic);
	return ret;
}

static int open_port(const struct nic_params *p, const struct device_spec *s, struct nic *nic,
		     char err[NIC_ERR_LEN])
{
	struct dpdk_dev *d = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof *d);
	int ret, denied;

	if (!d) {
		snprintf(err, NIC_ERR_LEN, "%.64s: no memory", p->device);
		return -ENOMEM;
	}
	memset(d, 0, sizeof *d);
	d->n_queues = p->n_queues;
	ret = probe(p, s, &d->port, err);
	if (ret == 0) {
		ret = start(p, s, d, nic, err);
		if (ret) {
			port_stop(d);
			port_free_pools(d); /* now that the PMD holds none of their buffers */
		}
	}
	if (ret == 0) {
		in_use[d->port] = true;
		return 0;
	}
	free(d);
	denied = device_permission(p->device, s, err);
	return denied ? denied : ret;
}

static int open_device(const struct nic_params *p, struct nic *nic, char err[NIC_ERR_LEN])
{
	struct eal_need need = {.args = p->eal_args};
	struct device_spec spec;
	int ret;

	if (is_ring(p->device)) {
		ret = eal_start(&need, err);
		return ret ? ret : ring_open(p, nic, err);
	}
	ret = device_parse(p, &spec, err);
	if (ret)
		return ret;
	need.eal_memory = spec.kind->eal_memory;
	need.bytes = port_bytes(&(struct port_plan){.params = p, .kind = spec.kind, .mtu = p->mtu});
	need.pci = !spec.kind->pmd && strncmp(p->device, "pci:", 4) == 0;
	need.pci_name = p->device + 4;
	ret = eal_start(&need, err);
	return ret ? ret : open_port(p, &spec, nic, err);
}

static void close_device(struct nic *nic)
{
	struct dpdk_dev *d = nic->dev;

	if (d->wire) {
		ring_close(nic);
		return;
	}
	in_use[d->port] = false;
	port_stop(d);
	port_free_pools(d);
	free(d);
}

static int open_wrapped(const struct nic_params *params, struct nic *nic, char err[NIC_ERR_LEN])
{
	struct nic_params p = *params;
	struct fault_plan fault;
	struct flood_plan flood;
	int ret = fault_parse(params->device, &fault, &p.device, err);
	const char *outer = p.device;

	if (ret == 0)
		ret = flood_parse(outer, &flood, &p.device, err);
	if (ret)
		return ret;
	ret = open_device(&p, nic, err);
	if (ret)
		return ret;
	if (p.device != outer)
		ret = flood_wrap(nic, &flood, err);
	if (ret == 0 && outer != params->device)
		ret = fault_wrap(nic, &fault, err);
	/* Outermost: the capture shows what the stack sees. */
	if (ret == 0 && p.capture)
		ret = capture_wrap(nic, p.capture, err);
	if (ret) {
		wrap_remove(nic);
		close_device(nic);
	}
	return ret;
}

static int driver_open(const struct nic_params *params, struct nic *nic, char err[NIC_ERR_LEN])
{
	int ret;

	err[0] = '\0';
	memset(nic, 0, sizeof *nic);
	if (!params->device || !params->device[0]) {
		snprintf(err, NIC_ERR_LEN, "no device given; try ring:w:0 or af_packet:eth0");
		return -EINVAL;
	}
	if (params->n_queues < 1 || params->n_queues > NIC_MAX_QUEUES) {
		snprintf(err, NIC_ERR_LEN, "%.64s: %u queues; 1 to %d are possible", params->device,
			 params->n_queues, NIC_MAX_QUEUES);
		return -EINVAL;
	}
	pthread_mutex_lock(&lock);
	eal_log_begin();
	ret = open_wrapped(params, nic, err);
	eal_log_end();
	pthread_mutex_unlock(&lock);
	return ret;
}

static void driver_close(struct nic *nic)
{
	pthread_mutex_lock(&lock);
	wrap_remove(nic);
	close_device(nic);
	memset(nic, 0, sizeof *nic);
	pthread_mutex_unlock(&lock);
}

static void driver_stats(struct nic *nic)
{
	struct nic inner = *nic;

	inner.dev = wrap_inner(nic)->dev;
	port_stats(&inner);
	nic->rx_missed = inner.rx_missed;
	nic->tx_errors = inner.tx_errors;
}

__attribute__((visibility("default"))) const struct nic_driver nic_driver = {
	.name = "dpdk",
	.open = driver_open,
	.close = driver_close,
	.thread_enter = eal_thread_enter,
	.thread_leave = eal_thread_leave,
	.stats = driver_stats,
};
