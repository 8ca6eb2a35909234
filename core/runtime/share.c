// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/share.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/hash.h"
#include "runtime/loop.h"
#include "stack/vlan.h"
#include "wire/ipv6.h"

#define RING_BYTES 16384u		/* some thirty answers at least */
#define ARP_NEWS   (ETH_HLEN + ARP_LEN) /* of a frame: what lies behind is padding */
#define NDP_NEWS   (ETH_HLEN + IPV6_HLEN)
#define NEWS_MAX   512u
#define ERROR_MAX                                                                                  \
	(ETH_HLEN + IPV6_MTU_MIN) /* of an ICMP error (RFC 4443 3.1, RFC 1812 4.3.2.3)             \
				   */

struct share {
	size_t len; /* of the mapping */
	uint16_t n;
	_Atomic uint32_t left; /* queues of cores that have left; changed and used under the lock */
	pthread_mutex_t lock;
	bool rss_known;
	struct toeplitz rss; /* filled if the device's choice of a queue is known */
	struct share_port ports[NIC_MAX_QUEUES];
	struct spsc rings[]; /* [from * n + to] */
};

static struct spsc *ring(struct share *s, uint16_t from, uint16_t to)
{
	return &s->rings[(size_t)from * s->n + to];
}

/* An answer, or an announcement (RFC 5227 3), which asks for the sender's own address. */
static bool is_arp_news(const uint8_t *d, uint16_t len)
{
	return len >= ARP_NEWS && (d[21] == ARP_REPLY || !memcmp(d + 28, d + 38, 4));
}

/* What a neighbour or a router says of itself. */
static bool is_ndp_news(const uint8_t *d, uint16_t len)
{
	return len > NDP_NEWS && len <= NEWS_MAX && d[ETH_HLEN + 6] == IP_ICMPV6 &&
	       (d[NDP_NEWS] == ICMP6_NA || d[NDP_NEWS] == ICMP6_RA);
}

/* Bytes of a frame that the other cores should know of, or 0. */
static uint16_t news_untagged(const uint8_t *d, uint16_t len)
{
	if (len < ETH_HLEN)
		return 0;
	if (d[12] == 0x08 && d[13] == 0x06)
		return is_arp_news(d, len) ? ARP_NEWS : 0;
	if (d[12] == 0x86 && d[13] == 0xdd)
		return is_ndp_news(d, len) ? len : 0;
	return 0;
}

static uint16_t news(const struct nic_pkt *p)
{
	uint16_t len;

	if (p->len < ETH_HLEN + VLAN_HLEN || !vlan_tagged(p->data))
		return news_untagged(p->data, p->len);
	/* What is compared stands the same way behind the tag as behind the addresses. */
	len = news_untagged(p->data + VLAN_HLEN, (uint16_t)(p->len - VLAN_HLEN));
	return len ? (uint16_t)(len + VLAN_HLEN) : 0;
}

/* Almost all frames: nothing for others, by one look. */
static inline bool is_tcp4(const struct nic_pkt *p)
{
	return p->len >= ETH_HLEN + IPV4_HLEN && p->data[12] == 0x08 && p->data[13] == 0x00 &&
	       p->data[ETH_HLEN + 9] == IP_TCP;
}

static bool error4(const uint8_t *d, size_t len, struct icmp_quote *q)
{
	struct icmp_msg m;
	struct ip_hdr ip;

	return ipv4_parse(d, len, 0, &ip) == WIRE_OK && ip.proto == IP_ICMP &&
	       icmp_parse(ip.payload, ip.payload_len, &m) == WIRE_OK &&
	       m.type == ICMP_UNREACHABLE && icmp_parse_quote(&m, q) == WIRE_OK;
}

static bool error6(const uint8_t *d, size_t len, struct icmp_quote *q)
{
	struct icmp_msg m;
	struct ip_hdr ip;

	return ipv6_parse(d, len, &ip) == WIRE_OK && ip.proto == IP_ICMPV6 &&
	       icmp6_parse(&ip, &m) == WIRE_OK &&
	       (m.type == ICMP6_UNREACHABLE || m.type == ICMP6_TOO_BIG) &&
	       icmp6_parse_quote(&m, q) == WIRE_OK;
}

/* An ICMP error that the stack of some core acts on, and what it quotes. */
static bool is_error(const struct nic_pkt *p, struct icmp_quote *q)
{
	const uint8_t *d = p->data;
	size_t len = p->len;

	if (len >= ETH_HLEN + VLAN_HLEN && vlan_tagged(d)) {
		d += VLAN_HLEN;
		len -= VLAN_HLEN;
	}
	if (len < ETH_HLEN + IPV4_HLEN || len > ERROR_MAX)
		return false;
	if (d[12] == 0x08 && d[13] == 0x00 && d[ETH_HLEN + 9] == IP_ICMP)
		return error4(d + ETH_HLEN, len - ETH_HLEN, q);
	return d[12] == 0x86 && d[13] == 0xdd && d[ETH_HLEN + 6] == IP_ICMPV6 &&
	       error6(d + ETH_HLEN, len - ETH_HLEN, q);
}

/* The queue that the remote's frames of this flow come to. */
static uint16_t owner(const struct share *s, const struct flow *f)
{
	size_t len = ip_is_v4(&f->remote) ? 4 : 16;
	uint8_t in[36];

	memcpy(in, f->remote.b + 16 - len, len);
	memcpy(in + len, f->local.b + 16 - len, len);
	put_be16(in + 2 * len, f->rport);
	put_be16(in + 2 * len + 2, f->lport);
	return nic_rx_queue(s->ports[0].real, toeplitz_hash(&s->rss, in, 2 * len + 4));
}

static bool is_ndp(const uint8_t *d, uint16_t len)
{
	return len > NDP_NEWS && d[ETH_HLEN + 6] == IP_ICMPV6 && d[NDP_NEWS] >= ICMP6_RS &&
	       d[NDP_NEWS] <= ICMP6_NA;
}

/* Of neighbours, questions as well as answers. */
static bool of_neighbours(const struct nic_pkt *p)
{
	const uint8_t *d = p->data;
	uint16_t len = p->len;

	if (len >= ETH_HLEN + VLAN_HLEN && vlan_tagged(d)) {
		d += VLAN_HLEN;
		len = (uint16_t)(len - VLAN_HLEN);
	}
	if (len < ETH_HLEN)
		return false;
	return (d[12] == 0x08 && d[13] == 0x06) ||
	       (d[12] == 0x86 && d[13] == 0xdd && is_ndp(d, len));
}

static bool tell(struct share *s, uint16_t from, uint16_t to, const struct nic_pkt *p, uint16_t len)
{
	struct spsc *r = ring(s, from, to);
	void *rec = spsc_reserve(r, len);

	if (!rec)
		return false;
	memcpy(rec, p->data, len);
	spsc_commit(r, len);
	spsc_flush(r);
	return true;
}

static void tell_all(struct share *s, uint16_t from, const struct nic_pkt *p, uint16_t len)
{
	for (uint16_t to = 0; to < s->n; to++)
		if (to != from)
			(void)tell(s, from, to, p, len); /* full: it asks again */
}

/* Anybody can forge errors: they leave a quarter of the ring to news. One of a peer with a larger
 * MTU need not fit a frame of ours. */
static bool tell_error(struct share *s, uint16_t from, uint16_t to, const struct nic_pkt *p)
{
	return p->len <= ETH_HLEN + VLAN_HLEN + s->ports[0].real->mtu &&
	       spsc_room(ring(s, from, to)) == RING_BYTES / 4 && tell(s, from, to, p, p->len);
}

/* True: it was for one other core, which has a copy. With that one's ring full, or an unknown
 * owner, it stays, and this core's stack counts it as an error about nothing. */
static bool pass_on(struct share *s, uint16_t from, const struct nic_pkt *p)
{
	struct icmp_quote q;
	uint16_t len = news(p), to;

	if (len) {
		tell_all(s, from, p, len);
		return false;
	}
	if (!is_error(p, &q))
		return false;
	if (!s->rss_known) {
		for (to = 0; to < s->n; to++)
			if (to != from)
				(void)tell_error(s, from, to, p);
		return false;
	}
	to = owner(s, &q.flow);
	return to != from && tell_error(s, from, to, p);
}

/* What comes from the device: how much of it is this core's. */
static uint16_t sort_out(struct share_port *sp, struct nic_pkt *pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n;) {
		if (is_tcp4(&pkts[i]) || !pass_on(sp->share, sp->queue, &pkts[i])) {
			i++;
			continue;
		}
		sp->real->ops->release(sp->real->dev, sp->queue, &pkts[i], 1);
		n--;
		memmove(&pkts[i], &pkts[i + 1], (size_t)(n - i) * sizeof(*pkts));
	}
	return n;
}

/* What one other core heard, as frames of this core's. */
static uint16_t hear(struct share_port *sp, uint16_t from, struct nic_pkt *pkts, uint16_t max)
{
	struct spsc *r = ring(sp->share, from, sp->queue);
	uint16_t n = 0;
	uint32_t len;
	void *rec;

	if (!spsc_ready(r))
		return 0;
	while (n < max && (rec = spsc_peek(r, &len)) != NULL &&
	       sp->real->ops->alloc(sp->real->dev, sp->queue, &pkts[n], 1) == 1) {
		memcpy(pkts[n].data, rec, len);
		pkts[n].len = (uint16_t)len;
		pkts[n].flags = 0;
		n++;
		spsc_pop(r);
	}
	spsc_release(r);
	return n;
}

/* What came to a queue without a core: the flows were that core's and have ended with it. The
 * frames are this core's now, also to be given back. */
static uint16_t look_after(struct share_port *sp, uint16_t queue, struct nic_pkt *pkts,
			   uint16_t max)
{
	const struct nic *real = sp->real;
	uint16_t got = real->ops->rx_burst(real->dev, queue, pkts, max), kept = 0;
	struct icmp_quote q;

	for (uint16_t i = 0; i < got; i++) {
		if (of_neighbours(&pkts[i]) || is_error(&pkts[i], &q))
			pkts[kept++] = pkts[i];
		else
			real->ops->release(real->dev, sp->queue, &pkts[i], 1);
	}
	return kept;
}

/* Whichever core comes first looks after all of them. */
static uint16_t look_after_left(struct share_port *sp, struct nic_pkt *pkts, uint16_t max)
{
	struct share *s = sp->share;
	uint16_t n = 0;

	if (pthread_mutex_trylock(&s->lock) != 0)
		return 0;
	for (uint32_t left = s->left; left && n < max; left &= left - 1)
		n = (uint16_t)(n + look_after(sp, (uint16_t)__builtin_ctz(left), pkts + n,
					      (uint16_t)(max - n)));
	pthread_mutex_unlock(&s->lock);
	return n;
}

static uint16_t share_rx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct share_port *sp = dev;
	uint16_t got = 0, heard;

	for (uint16_t from = 0; from < sp->share->n && got < n; from++)
		if (from != queue)
			got = (uint16_t)(got + hear(sp, from, pkts + got, (uint16_t)(n - got)));
	heard = got;
	if (atomic_load_explicit(&sp->share->left, memory_order_relaxed))
		got = (uint16_t)(got + look_after_left(sp, pkts + got, (uint16_t)(n - got)));
	got = (uint16_t)(got + sp->real->ops->rx_burst(sp->real->dev, queue, pkts + got,
						       (uint16_t)(n - got)));
	return (uint16_t)(heard + sort_out(sp, pkts + heard, (uint16_t)(got - heard)));
}

static uint16_t share_tx(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	const struct nic *real = ((struct share_port *)dev)->real;

	return real->ops->tx_burst(real->dev, queue, pkts, n);
}

static uint16_t share_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	const struct nic *real = ((struct share_port *)dev)->real;

	return real->ops->alloc(real->dev, queue, pkts, n);
}

static void share_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	const struct nic *real = ((struct share_port *)dev)->real;

	real->ops->release(real->dev, queue, pkts, n);
}

/* A core that sleeps on its queue's interrupt would not hear the others: it looks up every
 * few milliseconds instead. */
static const struct nic_ops share_ops = {
	.rx_burst = share_rx,
	.tx_burst = share_tx,
	.alloc = share_alloc,
	.release = share_release,
};

struct share *share_open(const struct nic *nic, uint16_t n)
{
	size_t rings = (size_t)n * n,
	       head = (sizeof(struct share) + rings * sizeof(struct spsc) + 63) & ~(size_t)63;
	size_t len = head + rings * RING_BYTES;
	struct share *s = rt_map(len);

	if (!s)
		return NULL;
	s->len = len;
	s->n = n;
	s->rss_known = nic->rss_known;
	if (s->rss_known)
		toeplitz_init(&s->rss, nic->rss_key);
	pthread_mutex_init(&s->lock, NULL);
	for (size_t i = 0; i < rings; i++)
		spsc_init(&s->rings[i], (uint8_t *)s + head + i * RING_BYTES, RING_BYTES);
	for (uint16_t q = 0; q < n; q++) {
		struct share_port *sp = &s->ports[q];

		sp->nic = *nic;
		sp->nic.ops = &share_ops;
		sp->nic.dev = sp;
		sp->real = nic;
		sp->share = s;
		sp->queue = q;
	}
	return s;
}

void share_close(struct share *s)
{
	pthread_mutex_destroy(&s->lock);
	rt_unmap(s, s->len);
}

/* Told while nobody was there to hear it: may be long over. */
static void forget_news(struct share *s, uint16_t queue)
{
	for (uint16_t from = 0; from < s->n; from++) {
		struct spsc *r = ring(s, from, queue);
		uint32_t len;

		while (spsc_peek(r, &len) != NULL)
			spsc_pop(r);
		spsc_release(r);
	}
}

void share_enter(struct share *s, uint16_t queue)
{
	pthread_mutex_lock(&s->lock);
	forget_news(s, queue);
	s->left &= ~(1u << queue);
	pthread_mutex_unlock(&s->lock);
}

void share_leave(struct share *s, uint16_t queue)
{
	pthread_mutex_lock(&s->lock);
	s->left |= 1u << queue;
	pthread_mutex_unlock(&s->lock);
}

const struct nic *share_nic(struct share *s, uint16_t queue)
{
	return &s->ports[queue].nic;
}
