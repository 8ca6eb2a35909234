// SPDX-License-Identifier: BSD-3-Clause
#include "stack/reass.h"

#include "base/num.h"
#include "stack/core.h"

#define UNIT	   8u /* offsets count these */
#define BLOCK	   65536u
#define LONGEST_V4 (65535u - IPV4_HLEN)
#define LONGEST_V6 65535u
#define N_WORDS	   (BLOCK / UNIT / 64)
#define QUOTED_LEN 8u /* of the payload, in an ICMP error (RFC 792) */

/* RFC 3168 5.3: what the fragments' ECN fields make of the whole. */
#define SEEN(ecn) (1u << (ecn))
enum { NOT_ECT = 0, CE = 3 };

struct datagram { /* the pool's free list uses the first bytes */
	uint32_t id;
	uint8_t key_proto; /* IPv4: part of what names a datagram; IPv6: 0 */
	uint8_t proto;	   /* the first fragment's */
	uint8_t ecn_seen;
	bool refused;	 /* fragments overlapped: the rest is dropped, too */
	bool have_first; /* the fragment at offset 0 */
	struct ip_addr src, dst;
	uint8_t tos, ttl; /* the first one's, and for an ICMP error (RFC 792) ... */
	uint16_t vlan;
	struct eth_addr from; /* ... who gave it to us, ... */
	uint8_t quote_len;    /* ... its header and first bytes; 0: IPv6 */
	uint8_t quote[IPV4_HLEN_MAX + QUOTED_LEN];
	uint32_t len;	 /* of the whole; 0: the last fragment has not come */
	uint32_t n_have; /* units */
	struct rlist node;
	struct wheel_node timer;
	uint64_t have[N_WORDS]; /* bit per unit */
};

static size_t pool_part(const struct stack_config *cfg)
{
	return (pool_bytes(sizeof(struct datagram), cfg->frag_datagrams) + 63) & ~(size_t)63;
}

size_t reass_bytes(const struct stack_config *cfg)
{
	return pool_part(cfg) + (size_t)cfg->frag_datagrams * BLOCK;
}

void reass_init(struct stack_core *sc, void *mem)
{
	struct reass *r = &sc->reass;

	pool_init(&r->datagrams, mem, sizeof(struct datagram), sc->cfg.frag_datagrams);
	r->blocks = (uint8_t *)mem + pool_part(&sc->cfg);
	rlist_init(&r->age);
	rlist_init(&r->whole);
}

static uint8_t *block_of(const struct reass *r, const struct datagram *d)
{
	return r->blocks + (size_t)pool_id(&r->datagrams, d) * BLOCK;
}

static void discard(struct stack_core *sc, struct datagram *d)
{
	rlist_remove(&d->node);
	wheel_disarm(&sc->wheel, &d->timer);
	pool_put(&sc->reass.datagrams, pool_id(&sc->reass.datagrams, d));
}

static uint8_t key_proto(const struct ip_hdr *h)
{
	return ip_is_v4(&h->src) ? h->frag.proto : 0;
}

static struct datagram *find(struct reass *r, const struct ip_hdr *h)
{
	for (struct rlist *at = rlist_next(&r->age); at != &r->age; at = rlist_next(at)) {
		struct datagram *d = container_of(at, struct datagram, node);

		if (d->id == h->frag.id && d->key_proto == key_proto(h) &&
		    ip_eq(&d->src, &h->src) && ip_eq(&d->dst, &h->dst))
			return d;
	}
	return NULL;
}

static struct datagram *create(struct stack_core *sc, const struct ip_hdr *h, mt_time now)
{
	struct reass *r = &sc->reass;
	bool v4 = ip_is_v4(&h->src);
	struct datagram *d;
	uint32_t id;

	if (r->datagrams.n_used == r->datagrams.capacity && !rlist_empty(&r->age)) {
		discard(sc, container_of(rlist_next(&r->age), struct datagram, node));
		sc->stats.frag_overflow++;
	}
	id = pool_get(&r->datagrams);
	if (id == POOL_NONE) {
		sc->stats.frag_overflow++;
		return NULL;
	}
	d = pool_at(&r->datagrams, id);
	*d = (struct datagram){
		.id = h->frag.id,
		.key_proto = key_proto(h),
		.src = h->src,
		.dst = h->dst,
		.timer.kind = TIMER_FRAG,
		.vlan = sc->vlan,
	};
	rlist_append(&r->age, &d->node);
	wheel_arm(&sc->wheel, &d->timer, now + (v4 ? REASS_TIMEOUT_V4 : REASS_TIMEOUT_V6));
	return d;
}

/* Fits into a datagram, and is whole units unless it is the last. */
static bool possible(const struct ip_hdr *h)
{
	uint32_t end = (uint32_t)h->frag.offset + h->payload_len;

	if (!h->payload_len || (h->frag.more && h->payload_len % UNIT))
		return false;
	return end <= (ip_is_v4(&h->src) ? LONGEST_V4 : LONGEST_V6);
}

/* How many of the units [first, end) are there. */
static uint32_t count_have(const struct datagram *d, uint32_t first, uint32_t end)
{
	uint32_t n = 0;

	while (first < end) {
		uint32_t at = first % 64, len = min_u32(64 - at, end - first);
		uint64_t mask = (~0ull >> (64 - len)) << at;

		n += (uint32_t)__builtin_popcountll(d->have[first / 64] & mask);
		first += len;
	}
	return n;
}

enum fit { FIT_NEW, FIT_AGAIN, FIT_WRONG };

/* A fragment that comes a second time, byte for byte, does no harm (RFC 8200 4.5); any other
 * overlap and an end that contradicts another are refused. */
static enum fit fits(const struct reass *r, const struct datagram *d, const struct ip_hdr *h)
{
	uint32_t end = (uint32_t)h->frag.offset + h->payload_len;
	uint32_t first = h->frag.offset / UNIT, last = (end + UNIT - 1) / UNIT;
	uint32_t n = count_have(d, first, last);

	if (d->len && (h->frag.more ? end >= d->len : end != d->len))
		return FIT_WRONG;
	if (!h->frag.more && !d->len && count_have(d, last, BLOCK / UNIT))
		return FIT_WRONG;
	if (!n)
		return FIT_NEW;
	if (n == last - first && (h->frag.more || d->len) &&
	    memcmp(block_of(r, d) + h->frag.offset, h->payload, h->payload_len) == 0)
		return FIT_AGAIN;
	return FIT_WRONG;
}

static void keep_first(struct datagram *d, const struct ip_hdr *h, const struct eth_addr *from)
{
	d->have_first = true;
	d->proto = h->frag.proto;
	d->tos = h->tos;
	d->ttl = h->ttl;
	d->from = *from;
	if (ip_is_v4(&h->src)) {
		d->quote_len = (uint8_t)(h->hdr_len + min_u32(h->payload_len, QUOTED_LEN));
		memcpy(d->quote, h->payload - h->hdr_len, d->quote_len);
	}
}

static void store(struct reass *r, struct datagram *d, const struct ip_hdr *h,
		  const struct eth_addr *from)
{
	uint32_t end = (uint32_t)h->frag.offset + h->payload_len;
	uint32_t last = (end + UNIT - 1) / UNIT;

	for (uint32_t u = h->frag.offset / UNIT; u < last; u++, d->n_have++)
		d->have[u / 64] |= 1ull << u % 64;
	memcpy(block_of(r, d) + h->frag.offset, h->payload, h->payload_len);
	d->ecn_seen |= (uint8_t)SEEN(h->tos & 3);
	if (!h->frag.more)
		d->len = end;
	if (!h->frag.offset)
		keep_first(d, h, from);
}

/* The whole, as if it had come in one piece. False: RFC 3168 5.3 has it dropped. */
static bool deliver(struct stack_core *sc, struct datagram *d, struct ip_hdr *h)
{
	bool ce = d->ecn_seen & SEEN(CE);

	wheel_disarm(&sc->wheel, &d->timer);
	rlist_remove(&d->node);
	rlist_append(&sc->reass.whole, &d->node);
	if (ce && (d->ecn_seen & SEEN(NOT_ECT))) {
		sc->stats.frag_overlap++;
		return false;
	}
	h->payload = block_of(&sc->reass, d);
	h->payload_len = (uint16_t)d->len;
	h->proto = d->proto;
	h->ttl = d->ttl;
	h->tos = d->tos | (ce ? CE : 0);
	sc->stats.frag_reassembled++;
	return true;
}

/* The bytes stay until reass_release, but nothing of this datagram is taken any more. */
static void refuse(struct stack_core *sc, struct datagram *d)
{
	d->refused = true;
	d->have_first = false;
	sc->stats.frag_overlap++;
}

bool reass_input(struct stack_core *sc, struct ip_hdr *h, const struct eth_addr *from, mt_time now)
{
	struct reass *r = &sc->reass;
	struct datagram *d;

	if (!sc->cfg.frag_datagrams || !possible(h)) {
		sc->stats.drop_fragment++;
		return false;
	}
	sc->stats.frag_received++;
	d = find(r, h);
	if (!d)
		d = create(sc, h, now);
	if (!d)
		return false;
	if (d->refused) {
		sc->stats.drop_fragment++;
		return false;
	}
	switch (fits(r, d, h)) {
	case FIT_WRONG:
		refuse(sc, d);
		return false;
	case FIT_AGAIN:
		return false;
	case FIT_NEW:
		break;
	}
	store(r, d, h, from);
	if (!d->len || d->n_have != (d->len + UNIT - 1) / UNIT)
		return false;
	return deliver(sc, d, h);
}

void reass_release(struct stack_core *sc)
{
	while (!rlist_empty(&sc->reass.whole))
		discard(sc, container_of(rlist_next(&sc->reass.whole), struct datagram, node));
}

/* RFC 1122 3.2.2: no error about an error. */
static bool may_tell(const struct stack_core *sc, const struct datagram *d)
{
	uint8_t type = *block_of(&sc->reass, d);

	return d->proto != IP_ICMP || type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY;
}

/* RFC 1122 3.3.2: only if the first fragment came. */
static void tell_sender(struct stack_core *sc, const struct datagram *d)
{
	struct ip_hdr late = {.src = d->src, .dst = d->dst};
	struct icmp_msg m = {
		.type = ICMP_TIME_EXCEEDED,
		.code = ICMP_REASSEMBLY,
		.payload = d->quote,
		.payload_len = d->quote_len,
	};

	sc->vlan = d->vlan;
	icmp_reply(sc, &late, &m, &d->from);
	sc->vlan = sc->cfg.vlan;
}

void reass_timer(struct stack_core *sc, struct wheel_node *n)
{
	struct datagram *d = container_of(n, struct datagram, timer);

	if (!d->refused)
		sc->stats.frag_timeout++;
	if (d->have_first && d->quote_len && may_tell(sc, d))
		tell_sender(sc, d);
	discard(sc, d);
}
