/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frame that most frames are: Ethernet, IPv4 without options, TCP with timestamps for its only
 * option. Read and written in one go, with the same values as the parsers and builders of wire.h
 * give, which are for all others.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>

#include "base/check.h"
#include "base/inline.h"
#include "wire/bytes.h"
#include "wire/wire.h"

#define TCP_HLEN_TS 32u
#define TCP_WORD_TS                                                                                \
	0x0101080au /* two NOPs, kind and length: what TCP_HLEN_TS begins its options with */
#define FRAME_TCP  (ETH_HLEN + IPV4_HLEN)
#define FRAME_HLEN (FRAME_TCP + TCP_HLEN_TS) /* where its payload stands */

/* What the device has verified. */
#define FRAME_IP_SUM_OK	 1u
#define FRAME_TCP_SUM_OK 2u

static inline uint32_t frame_load32(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline void frame_store32(uint8_t *p, uint32_t w)
{
	memcpy(p, &w, sizeof(w));
}

static inline uint64_t frame_word64(uint32_t high, uint32_t low)
{
	return htobe64((uint64_t)high << 32 | low);
}

/* Who sends it to whom. */
struct frame_ends {
	uint32_t local, remote; /* IPv4, as they lie in the packet */
	uint16_t lport, rport;
	uint8_t ttl;
};

struct frame_eth {
	uint8_t b[ETH_HLEN];
};

static inline struct frame_eth frame_eth_of(const struct eth_addr *dst, const struct eth_addr *src)
{
	struct frame_eth e;

	memcpy(e.b, dst->b, sizeof(dst->b));
	memcpy(e.b + sizeof(dst->b), src->b, sizeof(src->b));
	put_be16(e.b + 2 * sizeof(dst->b), ETH_IPV4);
	return e;
}

/* Ethernet's and IP's header in front of so many bytes of TCP, its header included. Here as below
 * headers are put together in registers, by 32 bits, and written once: whoever reads in one go what
 * was just written in narrower stores waits until all stores before have left, some of them to
 * lines that another core has. gcc 12 does that with spilled 32-bit values that it widens to 64. */
static ALWAYS_INLINE void frame_put_ip(uint8_t *p, const struct frame_eth *eth,
				       const struct frame_ends *e, uint8_t ecn, uint32_t tcp_len)
{
	uint32_t total = IPV4_HLEN + tcp_len;
	uint32_t ip0 = htobe32(0x45u << 24 | (uint32_t)ecn << 16 | total);
	uint32_t ip1 = htobe32(IP_DF), ip2 = htobe32((uint32_t)e->ttl << 24 | IP_TCP << 16);
	uint16_t sum = csum_fold((uint64_t)ip0 + ip1 + ip2 + e->local + e->remote);

	check(total <= UINT16_MAX);
	memcpy(p, eth, sizeof(*eth));
	p += ETH_HLEN;
	frame_store32(p, ip0);
	frame_store32(p + 4, ip1);
	frame_store32(p + 8, ip2);
	memcpy(p + 10, &sum, sizeof(sum));
	frame_store32(p + 12, e->local);
	frame_store32(p + 16, e->remote);
}

/* Sum of the pseudo header for so many bytes of TCP. */
static inline uint64_t frame_pseudo(const struct frame_ends *e, uint32_t tcp_len)
{
	return (uint64_t)e->local + e->remote + htobe16(IP_TCP) + htobe16((uint16_t)tcp_len);
}

/* Writes FRAME_HLEN bytes in front of s->len bytes of payload, with zero for TCP's checksum;
 * s->opts is TCPO_TS. The sum of all that the checksum is over but the payload: for frame_put_sum,
 * if no device computes it. */
static ALWAYS_INLINE uint64_t frame_put(uint8_t *p, const struct frame_eth *eth,
					const struct frame_ends *e, const struct tcp_seg *s)
{
	uint32_t len = TCP_HLEN_TS + s->len;
	uint32_t ports = htobe32((uint32_t)e->lport << 16 | e->rport);
	uint32_t seq = htobe32(s->seq.v), ack = htobe32(s->ack.v);
	uint32_t ctl = htobe32(TCP_HLEN_TS << 26 | (uint32_t)s->flags << 16 | s->wnd);
	uint32_t kind = htobe32(TCP_WORD_TS), val = htobe32(s->ts_val), ecr = htobe32(s->ts_ecr);

	frame_put_ip(p, eth, e, s->ip_ecn, len);
	p += FRAME_TCP;
	frame_store32(p, ports);
	frame_store32(p + 4, seq);
	frame_store32(p + 8, ack);
	frame_store32(p + 12, ctl);
	frame_store32(p + 16, 0); /* checksum, urgent pointer */
	frame_store32(p + 20, kind);
	frame_store32(p + 24, val);
	frame_store32(p + 28, ecr);
	return frame_pseudo(e, len) + ports + seq + ack + ctl + kind + val + ecr;
}

/* sum: frame_put's. payload: its bytes' own (csum_copy). */
static ALWAYS_INLINE void frame_put_sum(uint8_t *p, uint64_t sum, uint64_t payload)
{
	uint16_t folded = csum_fold(csum_add64(sum, payload));

	memcpy(p + FRAME_TCP + 16, &folded, sizeof(folded));
}

/* Ordinary hosts' addresses, by their first byte: no need to ask ip_never_source. */
static inline bool frame_host_net(uint8_t net)
{
	return net != 127 && (unsigned)net - 1 < 223;
}

/* Bits of 8 bytes of the frame that are not as this kind has them. */
static inline uint64_t frame_differs(const uint8_t *p, uint64_t mask, uint64_t want)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return (w ^ htobe64(want)) & htobe64(mask);
}

/* The checksums that `flags` does not vouch for. */
static inline bool frame_sums_right(const uint8_t *ip, uint32_t total, unsigned flags)
{
	uint64_t sum = (uint64_t)frame_load32(ip + 12) + frame_load32(ip + 16);
	uint64_t all = sum + htobe16(IP_TCP) + htobe16((uint16_t)(total - IPV4_HLEN));

	sum += (uint64_t)frame_load32(ip) + frame_load32(ip + 4) + frame_load32(ip + 8);
	if (!(flags & FRAME_IP_SUM_OK) && csum_fold(sum) != 0)
		return false;
	return (flags & FRAME_TCP_SUM_OK) ||
	       csum_fold(csum_add(all, ip + IPV4_HLEN, total - IPV4_HLEN)) == 0;
}

/* A segment without options, but for what follows. One by one: compilers clear a whole struct of
 * this size by a string instruction, which takes longer than all the rest. */
static inline void frame_plain_seg(struct tcp_seg *s)
{
	s->opts = 0;
	s->wscale = 0;
	s->n_sack = 0;
	s->mss = 0;
	s->no_room = false;
	s->cookie_len = 0;
	s->ts_val = 0;
	s->ts_ecr = 0;
	s->cookie = NULL;
	s->data_off = 0;
}

/* Reads what every segment has, behind a TCP header of so many bytes; options are the caller's. */
static ALWAYS_INLINE void frame_read(const uint8_t *p, uint32_t total, uint32_t hlen,
				     struct flow *f, struct tcp_seg *s)
{
	const uint8_t *ip = p + ETH_HLEN, *tcp = p + FRAME_TCP;

	f->remote = (struct ip_addr){.w = {0, 0, htobe32(0xffff), frame_load32(ip + 12)}};
	f->local = (struct ip_addr){.w = {0, 0, htobe32(0xffff), frame_load32(ip + 16)}};
	f->rport = get_be16(tcp);
	f->lport = get_be16(tcp + 2);
	frame_plain_seg(s);
	s->seq = seq_of(get_be32(tcp + 4));
	s->ack = seq_of(get_be32(tcp + 8));
	s->flags = tcp[13];
	s->wnd = get_be16(tcp + 14);
	s->ip_ecn = ip[1] & 3;
	s->len = (uint16_t)(total - IPV4_HLEN - hlen);
	s->payload = tcp + hlen;
}

/* Reads a frame of this kind, whoever it is for. False: it is of another kind, or something is
 * wrong with it; what was written is of no use then. */
static ALWAYS_INLINE bool frame_take(const uint8_t *p, size_t len, unsigned flags, struct flow *f,
				     struct tcp_seg *s)
{
	const uint8_t *ip = p + ETH_HLEN, *tcp = p + FRAME_TCP;
	uint32_t total;

	if (len < FRAME_HLEN)
		return false;
	total = get_be16(ip + 2);
	/* Bitwise on purpose: one branch. EtherType, IP version and length; no fragment, TCP. */
	if (frame_differs(p + 12, 0xffffff0000000000u, (uint64_t)(ETH_IPV4 << 8 | 0x45u) << 40) |
	    frame_differs(ip + 6, 0x3fff00ff00000000u, (uint64_t)IP_TCP << 32) |
	    ((tcp[12] & 0xf0u) ^ TCP_HLEN_TS << 2) | (p[6] & 1u) |
	    (get_be32(tcp + TCP_HLEN) ^ TCP_WORD_TS))
		return false;
	/* A length below both headers' wraps. */
	if (total - IPV4_HLEN - TCP_HLEN_TS > len - FRAME_HLEN || ip[8] == 0 ||
	    !frame_host_net(ip[12]))
		return false;
	if (!frame_sums_right(ip, total, flags))
		return false;
	frame_read(p, total, TCP_HLEN_TS, f, s);
	s->opts = TCPO_TS;
	s->ts_val = get_be32(tcp + TCP_HLEN + 4);
	s->ts_ecr = get_be32(tcp + TCP_HLEN + 8);
	return true;
}

#endif
