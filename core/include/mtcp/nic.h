/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device seam: per burst, never per packet. A backend (pmd_backends/, or an application's own)
 * fills a struct nic; the stack sees nothing else of a device.
 *
 * Ownership: a packet got by rx_burst or alloc belongs to the caller until it is passed to tx_burst
 * (for those accepted) or release. Each (device, queue) is used by one thread at a time.
 */
#ifndef MTCP_NIC_H
#define MTCP_NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIC_MAX_QUEUES 16
#define NIC_ERR_LEN    256

/* nic_pkt.flags */
enum {
	/* The device answers for this checksum. In the frame it need not be right: on a wire in
	 * memory nobody computes it. */
	NIC_RX_IP_CSUM_OK = 0x01,
	NIC_RX_L4_CSUM_OK = 0x02,
	NIC_RX_RSS = 0x04, /* rss holds the device's Toeplitz hash */
	/* To be sent: the TCP checksum is the device's to compute, its field is zero. Asked only of
	 * a device with tx_csum, for an IPv4 or IPv6 packet whose TCP header stands directly behind
	 * the IP header; a VLAN tag may be there. */
	NIC_TX_L4_CSUM = 0x08,
};

struct nic_pkt {
	uint8_t *data; /* first byte of the Ethernet header; the caller may change received bytes */
	uint16_t len;  /* bytes of the frame */
	uint16_t flags;
	uint32_t rss;
	void *handle; /* the device's own (an mbuf) */
};

struct nic_ops {
	/* Up to n frames; never waits. */
	uint16_t (*rx_burst)(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n);
	/* Takes the first k of n frames and returns k; never waits, never spins: a full device
	 * returns 0. */
	uint16_t (*tx_burst)(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n);
	/* k <= n empty frames with room for an Ethernet header with a VLAN tag (18 bytes) and mtu
	 * bytes at data; len is 0. */
	uint16_t (*alloc)(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n);
	/* queue: the caller's, from whichever the frames came. */
	void (*release)(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n);
	/* Optional (NULL): arm or disarm the receive interrupt of a queue; the descriptor to wait
	 * on, or -1. Poll once more after arming: frames that were there already need not make it
	 * readable. */
	int (*rx_wait)(void *dev, uint16_t queue, bool arm);
};

struct nic {
	const struct nic_ops *ops;
	void *dev;
	uint8_t mac[6];
	uint16_t mtu; /* IP packet bytes */
	uint16_t n_queues;
	uint8_t rss_key[40]; /* what decides the queue of an incoming flow: nic_rx_queue() ... */
	uint16_t reta_len;   /* ... with this many table entries, a power of two; 0: 512 ... */
	bool rss_known; /* ... or false: the device's choice can't be predicted (af_packet, tap) */
	bool tx_csum;	/* it takes NIC_TX_L4_CSUM */
	uint64_t rx_missed; /* device counters, refreshed by the backend's stats call */
	uint64_t tx_errors;
};

/* The queue that gets a flow with this Toeplitz hash: a table filled round robin. */
static inline uint16_t nic_rx_queue(const struct nic *n, uint32_t hash)
{
	uint32_t entry = hash & ((n->reta_len ? n->reta_len : 512u) - 1), queues = n->n_queues;

	return (uint16_t)(queues & (queues - 1) ? entry % queues : entry & (queues - 1));
}

struct nic_params {
	const char *device;  /* "ring:NAME:0", "af_packet:eth0", "pcap:rx=F,tx=G", DPDK devargs */
	const char *capture; /* pcapng file for all frames of this device, or NULL */
	uint16_t n_queues;
	uint16_t mtu;	      /* 0: the device's own */
	uint32_t n_bufs;      /* packet buffers per queue, 0: default */
	uint16_t n_desc;      /* descriptors per queue, 0: default */
	bool csum_offload;    /* the device may compute and verify checksums, if it can */
	const char *eal_args; /* further EAL arguments, or NULL */
};

/* The backend that is linked with the application defines `nic_driver`. */
struct nic_driver {
	const char *name;
	/* 0, or -errno with one line in err: what was wrong, where, the mend. */
	int (*open)(const struct nic_params *, struct nic *out, char err[NIC_ERR_LEN]);
	void (*close)(struct nic *);
	/* Called on each thread that will drive a queue, before its first burst and after its last.
	 */
	int (*thread_enter)(void);
	void (*thread_leave)(void);
	/* Refreshes rx_missed and tx_errors. */
	void (*stats)(struct nic *);
};

extern const struct nic_driver nic_driver;

#endif
