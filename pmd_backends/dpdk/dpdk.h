/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the DPDK backend: what its files share. Nothing outside pmd_backends includes this. */
#ifndef PMD_DPDK_H
#define PMD_DPDK_H

#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/hash.h"
#include "mtcp/nic.h"

#define DPDK_BURST 64 /* frames per call into a PMD; longer bursts are split */

/* Written by the one thread that drives the queue, so each has its own cache lines. */
struct dpdk_queue {
	struct rte_mempool *pool; /* frames of alloc, and of receive where the PMD fills buffers */
	uint64_t n_rx_dropped;	  /* frames in several segments that do not fit into one buffer */
	uint64_t n_tx_dropped;	  /* ring: sent while nobody is at the other end, or lost a race */
	int wait_fd;		  /* readable when a frame has come, or -1 */
	uint16_t port;		  /* ring: this queue's own ethdev port */
} __rte_cache_aligned;

struct ring_wire;

struct dpdk_dev {
	uint16_t port; /* ethdev port; ring: that of queue 0 */
	uint16_t n_queues;
	bool rss_known;
	bool intr_ack; /* the receive interrupt is an eventfd that is armed, and read when it fired
			*/
	struct ring_wire *wire; /* ring devices only */
	unsigned end;		/* which end of the wire: 0 or 1 */
	struct dpdk_queue queue[NIC_MAX_QUEUES];
};

/* What a device string means. The strings live as long as the spec. */
struct device_kind {
	const char *prefix;	    /* before the colon */
	const char *pmd;	    /* EAL driver name; a number makes it a device name */
	const char *const *options; /* what may follow, NULL-terminated; NULL: the PMD judges */
	bool eal_memory; /* buffers must be DPDK's own (DMA, or memory shared with a peer) */
	bool offloads;	 /* worth asking for checksums, RSS and a larger MTU */
	bool rx_interrupt;
	int wait_domain;    /* of the PMD's sockets, which can be waited for; 0: it has none */
	bool copies;	    /* frames, from and to rings of its own: our buffers lie in no ring */
	bool own_mac;	    /* the device's address is the kernel's, ours is the next one */
	bool lends_buffers; /* the peer gets our buffers, ours are never filled by a PMD */
	uint16_t n_desc;    /* default descriptors per queue */
};

struct device_spec {
	const struct device_kind *kind;
	char name[64];	      /* EAL device name */
	char args[512];	      /* what follows it in the devargs, with the leading comma, or empty */
	char iface[IFNAMSIZ]; /* kernel interface whose MAC and MTU count, or empty */
};

/* device.c: 0, or -errno with one line in err. May look at interfaces and files, changes nothing.
 */
int device_parse(const struct nic_params *, struct device_spec *, char err[NIC_ERR_LEN]);
/* MAC and MTU of a kernel interface; 0 or -errno. */
int device_iface(const char *iface, uint8_t mac[6], uint16_t *mtu);
/* Why a device on a kernel interface was refused, if it was for want of permission: -errno and err,
 * or 0. */
int device_permission(const char *device, const struct device_spec *, char err[NIC_ERR_LEN]);

/* eal.c */
struct eal_need {
	bool pci; /* scan the PCI bus, allow this device only */
	const char *pci_name;
	bool eal_memory;  /* hugepages where there are any */
	size_t bytes;	  /* of packet buffers that must come from EAL memory */
	const char *args; /* further arguments of the user, or NULL */
};
/* Starts the EAL once per process; later calls only check that what they need is there. */
int eal_start(const struct eal_need *, char err[NIC_ERR_LEN]);
/* Between begin and end, DPDK's first complaint is kept ("" if none) and none is printed. */
void eal_log_begin(void);
void eal_log_first(char line[NIC_ERR_LEN]);
void eal_log_end(void);
int eal_thread_enter(void);
void eal_thread_leave(void);

/* pool.c: one pool per queue, in memory of our own (transparent huge pages) or of the EAL. */
struct pool_shape {
	uint32_t n_bufs;
	uint16_t data_room; /* bytes behind the headroom */
	bool eal_memory;
};
int pool_create(const struct pool_shape *, struct rte_mempool **out);

/* port.c: from a probed ethdev port to a running one. */
struct port_plan {
	const struct nic_params *params;
	const struct device_kind *kind;
	uint16_t mtu;
	uint16_t n_tx; /* transmit queues, at least params->n_queues */
};
#define PORT_MTU_MAX 65280u /* lengths of frames, and of buffers with their headroom, have 16 bits */
/* The MTU asked for, or the usual one. */
int port_mtu(const struct nic_params *, uint16_t usual, uint16_t most, uint16_t *mtu,
	     char err[NIC_ERR_LEN]);
int port_pools(struct dpdk_dev *, const struct port_plan *, char err[NIC_ERR_LEN]);
void port_free_pools(struct dpdk_dev *);
int port_start(struct dpdk_dev *, const struct port_plan *, struct nic *, char err[NIC_ERR_LEN]);
void port_stop(struct dpdk_dev *);
void port_stats(struct nic *);
/* What the parameters and the device's defaults come to. */
uint32_t port_n_bufs(const struct port_plan *);
uint16_t port_n_desc(const struct port_plan *);
uint16_t port_data_room(const struct port_plan *);
size_t port_bytes(const struct port_plan *); /* of all its buffers, at most */

/* wait.c: finds the sockets of the PMD among the descriptors of this process and lets the queues be
 * waited for through them. Not there, or not to be told apart: they are polled, as ever. */
void wait_sockets(struct dpdk_dev *, const struct device_spec *, struct nic *);

/* burst.c */
extern const struct nic_ops dpdk_ops;	   /* no receive interrupt */
extern const struct nic_ops dpdk_intr_ops; /* the same with rx_wait */
/* Up to n buffers as they lie in the pool. */
uint16_t dpdk_take(struct rte_mempool *, struct rte_mbuf **, uint16_t n);
/* The mbuf of a frame, with data and length as the caller left them. */
static inline struct rte_mbuf *dpdk_mbuf(const struct nic_pkt *p, uint64_t ol_flags)
{
	struct rte_mbuf *m = p->handle;

	m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
	m->data_len = p->len;
	m->pkt_len = p->len;
	m->ol_flags = ol_flags;
	return m;
}

/* ring.c: ring:NAME:END. Both ends in this process; either may be opened or closed first. */
int ring_open(const struct nic_params *, struct nic *, char err[NIC_ERR_LEN]);
void ring_close(struct nic *);

#endif
