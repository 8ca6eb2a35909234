// SPDX-License-Identifier: BSD-3-Clause
/*
 * The bursts of a ring device. All frames are whole buffers of the wire's pools with one reference,
 * so they are taken from and put back into the pools as they are: of an mbuf only the line is
 * touched that says where the data are, and by each side once.
 */
#include <string.h>

#include <rte_ethdev.h>

#include "ring.h"
#include "wrap/wrap.h"

/* With the wire's key each 16-bit word weighs the same wherever it stands: the hash is that of
 * their sum, which spares a look into a table for each byte. */
static inline uint32_t sum_hash(const struct toeplitz *t, uint32_t sum)
{
	uint8_t two[2];

	sum ^= sum >> 16;
	memcpy(two, &(uint16_t){(uint16_t)sum}, sizeof(two));
	return t->lut[0][two[0]] ^ t->lut[1][two[1]];
}

static uint32_t wire_hash(const struct toeplitz *t, const uint8_t *in, size_t len)
{
	uint32_t sum = 0, word;

	for (size_t at = 0; at < len; at += sizeof(word)) {
		memcpy(&word, in + at, sizeof(word));
		sum ^= word;
	}
	return sum_hash(t, sum);
}

/* A whole TCP packet of IPv4 without options: almost all frames are. */
static inline bool usual(const uint8_t *f, uint16_t len)
{
	const uint8_t *ip = f + RTE_ETHER_HDR_LEN;

	return len >= 54 && f[12] == 0x08 && f[13] == 0x00 && ip[0] == 0x45 && ip[9] == 6 &&
	       !(ip[6] & 0x3f) && !ip[7];
}

static inline uint32_t usual_hash(const struct toeplitz *t, const uint8_t *f)
{
	uint32_t word[3]; /* addresses and ports lie behind each other */

	memcpy(word, f + RTE_ETHER_HDR_LEN + 12, sizeof(word));
	return sum_hash(t, word[0] ^ word[1] ^ word[2]);
}

/* Source, destination and, in whole TCP and UDP packets, both ports: what a NIC hashes, behind a
 * VLAN's tag as without one. */
static bool flow_hash(const struct toeplitz *t, const uint8_t *f, uint16_t len, uint32_t *hash)
{
	const uint8_t *ip;
	uint8_t in[36];
	size_t addr_len, head;
	uint8_t proto;

	if (len >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN && f[12] == 0x81 && f[13] == 0x00) {
		f += RTE_VLAN_HLEN;
		len = (uint16_t)(len - RTE_VLAN_HLEN);
	}
	ip = f + RTE_ETHER_HDR_LEN;
	if (len >= 34 && f[12] == 0x08 && f[13] == 0x00) {
		bool fragment = (ip[6] & 0x3f) || ip[7];

		addr_len = 8;
		head = (size_t)(ip[0] & 15) * 4;
		proto = fragment ? 0 : ip[9];
		memcpy(in, ip + 12, 8);
	} else if (len >= 54 && f[12] == 0x86 && f[13] == 0xdd) {
		addr_len = 32;
		head = 40;
		proto = ip[6];
		memcpy(in, ip + 8, 32);
	} else {
		return false;
	}
	if ((proto == 6 || proto == 17) && RTE_ETHER_HDR_LEN + head + 4 <= len) {
		memcpy(in + addr_len, ip + head, 4);
		addr_len += 4;
	}
	*hash = wire_hash(t, in, addr_len);
	return true;
}

/* A frame whose checksum was left to the device: memory does not garble it, so nobody computes one
 * and the receiver need not look. */
static struct rte_mbuf *to_mbuf(const struct nic_pkt *p)
{
	const uint64_t sound = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	return dpdk_mbuf(p, p->flags & NIC_TX_L4_CSUM ? sound : 0);
}

static uint16_t choose_queue(const struct ring_wire *w, struct rte_mbuf *m, uint16_t n)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t hash;

	if (usual(f, m->data_len))
		hash = usual_hash(&w->rss, f);
	else if (!flow_hash(&w->rss, f, m->data_len, &hash))
		return 0;
	m->hash.rss = hash;
	m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	return rss_queue(hash, n);
}

struct spread {
	uint16_t n[NIC_MAX_QUEUES], room[NIC_MAX_QUEUES];
	struct rte_mbuf *m[NIC_MAX_QUEUES][DPDK_BURST];
};

static uint16_t room(const struct rte_ring *r)
{
	unsigned n = rte_ring_free_count(r);

	return n < DPDK_BURST ? (uint16_t)n : DPDK_BURST;
}

/* Sorts the first k frames by queue, k ending where the next one's queue is full. */
static uint16_t sort_frames(struct dpdk_dev *d, struct nic_pkt *pkts, uint16_t n, uint16_t peers,
			    struct spread *s)
{
	struct rte_ring **to = d->wire->to[!d->end];
	uint16_t i;

	memset(s->n, 0, sizeof s->n);
	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = to_mbuf(&pkts[i]);
		uint16_t q = choose_queue(d->wire, m, peers);

		if (s->n[q] == 0)
			s->room[q] = room(to[q]);
		if (s->n[q] == s->room[q])
			break;
		s->m[q][s->n[q]++] = m;
	}
	return i;
}

static uint16_t tx_spread(struct dpdk_dev *d, uint16_t queue, struct nic_pkt *pkts, uint16_t n,
			  uint16_t peers)
{
	struct spread s;
	uint16_t k = sort_frames(d, pkts, n, peers, &s);

	for (uint16_t q = 0; q < peers; q++) {
		uint16_t sent;

		if (s.n[q] == 0)
			continue;
		sent = rte_eth_tx_burst(d->queue[queue].port, q, s.m[q], s.n[q]);
		if (sent == s.n[q])
			continue;
		/* Another sender took the room in between; those behind are gone already. */
		d->queue[queue].n_tx_dropped += (uint64_t)(s.n[q] - sent);
		rte_pktmbuf_free_bulk(s.m[q] + sent, (unsigned)(s.n[q] - sent));
	}
	return k;
}

static uint16_t tx_one(struct dpdk_dev *d, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct rte_mbuf *m[DPDK_BURST];

	for (uint16_t i = 0; i < n; i++)
		m[i] = to_mbuf(&pkts[i]);
	return rte_eth_tx_burst(d->queue[queue].port, 0, m, n);
}

/* The other end computes and verifies in software. */
static void complete(struct nic_pkt *pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (pkts[i].flags & NIC_TX_L4_CSUM)
			csum_complete(&pkts[i]);
	}
}

/* Where the data of a fresh buffer begin; those of most others too. */
static uint8_t *fresh_data(struct rte_mbuf *m)
{
	return (uint8_t *)(m + 1) + RTE_PKTMBUF_HEADROOM;
}

/* What is not touched before the headers are written need not be waited for: the last core that had
 * these lines was the other one. */
static uint16_t ring_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct dpdk_dev *d = dev;
	struct rte_mbuf *m[DPDK_BURST];
	uint16_t out = 0, got;

	do {
		got = dpdk_take(d->queue[queue].pool, m, (uint16_t)RTE_MIN(n - out, DPDK_BURST));
		for (uint16_t i = 0; i < got; i++) {
			uint8_t *data = fresh_data(m[i]);

			__builtin_prefetch(data, 1);
			__builtin_prefetch(data + RTE_CACHE_LINE_SIZE, 1);
			__builtin_prefetch(data + 2 * RTE_CACHE_LINE_SIZE, 1);
			__builtin_prefetch(m[i], 1);
			pkts[out++] = (struct nic_pkt){.data = data, .handle = m[i]};
		}
	} while (got == DPDK_BURST && out < n);
	return out;
}

/* What a thread's cache keeps of a pool nobody else gets at, the sender included, for which some
 * must be left when all keep the most: two threads for each queue of this end, in paired mode, and
 * the sender's other one. Where that is too much, only the queue of the sender's number keeps any:
 * between ends with as many queues almost all frames come to that one. */
static bool may_keep(const struct dpdk_dev *d, uint16_t queue, const struct rte_mempool *pool,
		     uint32_t most)
{
	const struct dpdk_dev *peer = &d->wire->dev[!d->end];

	if ((2u * d->n_queues + 1) * most < pool->size)
		return true;
	if (pool == d->queue[queue].pool)
		return true;
	return pool == peer->queue[queue].pool && 3 * most < pool->size;
}

static void give_back(const struct dpdk_dev *d, uint16_t queue, struct rte_mempool *pool,
		      struct rte_mbuf **m, uint16_t n)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());

	if (cache && !may_keep(d, queue, pool, cache->flushthresh))
		cache = NULL;
	rte_mempool_generic_put(pool, (void **)m, n, cache);
}

static void ring_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct rte_mbuf *m[DPDK_BURST];
	struct rte_mempool *pool;

	for (uint16_t done = 0, k; done < n; done = (uint16_t)(done + k)) {
		k = 0;
		pool = ((struct rte_mbuf *)pkts[done].handle)->pool;
		do {
			m[k] = pkts[done + k].handle;
			k++;
		} while (k < DPDK_BURST && done + k < n &&
			 ((struct rte_mbuf *)pkts[done + k].handle)->pool == pool);
		give_back(dev, queue, pool, m, k);
	}
}

static uint16_t ring_tx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct dpdk_dev *d = dev;
	uint16_t peers = atomic_load_explicit(&d->wire->n_open[!d->end], memory_order_acquire);
	uint16_t out = 0, chunk, sent;

	if (peers == 0) { /* nobody plugged in: as on any wire, what is sent is lost */
		d->queue[queue].n_tx_dropped += n;
		ring_release(dev, queue, pkts, n);
		return n;
	}
	if (!atomic_load_explicit(&d->wire->takes_partial[!d->end], memory_order_relaxed))
		complete(pkts, n);
	do {
		chunk = (uint16_t)RTE_MIN(n - out, DPDK_BURST);
		sent = peers == 1 ? tx_one(d, queue, pkts + out, chunk)
				  : tx_spread(d, queue, pkts + out, chunk, peers);
		out = (uint16_t)(out + sent);
	} while (sent == DPDK_BURST && out < n);
	return out;
}

/* The bits lie as NIC_RX_* do; the hash is the wire's own. */
static uint16_t rx_flags(uint64_t ol_flags)
{
	_Static_assert(RTE_MBUF_F_RX_IP_CKSUM_GOOD == NIC_RX_IP_CSUM_OK << 7 &&
			       RTE_MBUF_F_RX_L4_CKSUM_GOOD == NIC_RX_L4_CSUM_OK << 7 &&
			       RTE_MBUF_F_RX_RSS_HASH == NIC_RX_RSS >> 1,
		       "bits that are shifted");
	return (uint16_t)((ol_flags >> 7 & (NIC_RX_IP_CSUM_OK | NIC_RX_L4_CSUM_OK)) |
			  (ol_flags << 1 & NIC_RX_RSS));
}

/* Two passes, so that all that another core wrote comes in together. */
static uint16_t ring_rx_burst(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct dpdk_dev *d = dev;
	struct rte_mbuf *m[DPDK_BURST];
	uint16_t out = 0, got;

	do {
		got = rte_eth_rx_burst(d->queue[queue].port, 0, m,
				       (uint16_t)RTE_MIN(n - out, DPDK_BURST));
		for (uint16_t i = 0; i < got; i++) {
			__builtin_prefetch(m[i]);
			__builtin_prefetch(fresh_data(m[i]));
			__builtin_prefetch(fresh_data(m[i]) + RTE_CACHE_LINE_SIZE);
		}
		for (uint16_t i = 0; i < got; i++) {
			struct nic_pkt *p = &pkts[out++];

			p->data = rte_pktmbuf_mtod(m[i], uint8_t *);
			p->len = m[i]->data_len;
			if (p->len > 2 * RTE_CACHE_LINE_SIZE)
				__builtin_prefetch(p->data + 2 * RTE_CACHE_LINE_SIZE);
			p->flags = rx_flags(m[i]->ol_flags);
			p->rss = m[i]->hash.rss;
			p->handle = m[i];
		}
	} while (got == DPDK_BURST && out < n);
	return out;
}

const struct nic_ops ring_ops = {
	.rx_burst = ring_rx_burst,
	.tx_burst = ring_tx_burst,
	.alloc = ring_alloc,
	.release = ring_release,
};
