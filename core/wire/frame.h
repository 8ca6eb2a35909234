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
#define FRAME_TCP_SUM_OK 1u
#define FRAME_IP_SUM_OK	 2u

static inline uint32_t frame_load32(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
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

/* Writes FRAME_HLEN bytes in front of s->len bytes of payload; s->opts is TCPO_TS.
 * csum: with the TCP checksum over all, the payload too, which stands there; else with zero in its
 * place. Length of the frame. Headers are put together as words in registers: summing up what was
 * just written in narrower stores would stall on store forwarding. */
static ALWAYS_INLINE size_t frame_put(uint8_t *p, const struct frame_eth *eth,
				      const struct frame_ends *e, const struct tcp_seg *s,
				      bool csum)
{
	uint32_t total = IPV4_HLEN + TCP_HLEN_TS + s->len;
	uint32_t ip[5] = {
		htobe32(0x45u << 24 | (uint32_t)s->ip_ecn << 16 | total),
		htobe32(IP_DF),
		htobe32((uint32_t)e->ttl << 24 | IP_TCP << 16),
		e->local,
		e->remote,
	};
	uint64_t w[4] = {
		frame_word64((uint32_t)e->lport << 16 | e->rport, s->seq.v),
		frame_word64(s->ack.v, TCP_HLEN_TS << 26 | (uint32_t)s->flags << 16 | s->wnd),
		frame_word64(0, TCP_WORD_TS),
		frame_word64(s->ts_val, s->ts_ecr),
	};
	uint16_t sum = csum_fold((uint64_t)ip[0] + ip[1] + ip[2] + ip[3] + ip[4]);

	check(total <= UINT16_MAX);
	memcpy(p, eth, sizeof(*eth));
	memcpy(p + ETH_HLEN, ip, sizeof(ip));
	memcpy(p + ETH_HLEN + 10, &sum, sizeof(sum));
	memcpy(p + FRAME_TCP, w, sizeof(w));
	if (csum) {
		uint64_t all = csum_add64(csum_add64(w[0], w[1]), csum_add64(w[2], w[3]));

		/* The pseudo header. */
		all = csum_add64(all, (uint64_t)e->local + e->remote + htobe16(IP_TCP) +
					      htobe16((uint16_t)(TCP_HLEN_TS + s->len)));
		sum = csum_fold(csum_add(all, p + FRAME_HLEN, s->len));
		memcpy(p + FRAME_TCP + 16, &sum, sizeof(sum));
	}
	return FRAME_HLEN + s->len;
}

/* Ordinary hosts' addresses, by their first byte: no need to ask ip_never_source. */
static inline bool frame_host_net(uint8_t net)
{
	return net != 127 && (unsigned)net - 1 < 223;
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
	/* Bitwise on purpose: one branch. The third word: EtherType, IP version and length. */
	if ((p[6] & 1) | ((get_be32(p + 12) & ~0xffu) != (ETH_IPV4 << 16 | 0x4500u)) |
	    (total < IPV4_HLEN + TCP_HLEN_TS) | (total > len - ETH_HLEN) |
	    ((get_be16(ip + 6) & ~IP_DF & ~0x8000u) != 0) | (ip[8] == 0) | (ip[9] != IP_TCP) |
	    !frame_host_net(ip[12]) | (tcp[12] >> 4 != TCP_HLEN_TS / 4) |
	    (get_be32(tcp + TCP_HLEN) != TCP_WORD_TS))
		return false;
	if (!frame_sums_right(ip, total, flags))
		return false;
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
	s->len = (uint16_t)(total - IPV4_HLEN - TCP_HLEN_TS);
	s->payload = p + FRAME_HLEN;
	s->opts = TCPO_TS;
	s->ts_val = get_be32(tcp + TCP_HLEN + 4);
	s->ts_ecr = get_be32(tcp + TCP_HLEN + 8);
	return true;
}

#endif
