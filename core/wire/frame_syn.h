/* SPDX-License-Identifier: BSD-3-Clause */
/* The SYN and SYN/ACK that most are: over IPv4 without options, with all that Linux and we offer,
 * in its order: MSS, SACK permitted, timestamps, window scale. Read and written as wire/frame.h
 * does with the segments that follow. */
#ifndef WIRE_FRAME_SYN_H
#define WIRE_FRAME_SYN_H

#include "wire/frame.h"

#define TCPO_SYN      (TCPO_MSS | TCPO_SACK_PERM | TCPO_TS | TCPO_WSCALE)
#define TCP_HLEN_SYN  40u
#define TCP_WORD_MSS  0x02040000u /* | the size */
#define TCP_WORD_PERM 0x0402080au /* SACK permitted; kind and length of timestamps */
#define TCP_WORD_WS   0x01030300u /* a NOP | the shift */
#define FRAME_SYN_LEN (FRAME_TCP + TCP_HLEN_SYN)

/* As frame_put; s->opts is TCPO_SYN. */
static inline size_t frame_put_syn(uint8_t *p, const struct frame_eth *eth,
				   const struct frame_ends *e, const struct tcp_seg *s, bool csum)
{
	uint32_t len = TCP_HLEN_SYN + s->len;
	uint8_t *tcp = p + FRAME_TCP;

	frame_put_ip(p, eth, e, s->ip_ecn, len);
	put_be32(tcp, (uint32_t)e->lport << 16 | e->rport);
	put_be32(tcp + 4, s->seq.v);
	put_be32(tcp + 8, s->ack.v);
	put_be32(tcp + 12, TCP_HLEN_SYN << 26 | (uint32_t)s->flags << 16 | s->wnd);
	put_be32(tcp + 16, 0); /* checksum, urgent pointer */
	put_be32(tcp + 20, TCP_WORD_MSS | s->mss);
	put_be32(tcp + 24, TCP_WORD_PERM);
	put_be32(tcp + 28, s->ts_val);
	put_be32(tcp + 32, s->ts_ecr);
	put_be32(tcp + 36, TCP_WORD_WS | s->wscale);
	if (csum) {
		uint16_t sum = csum_fold(csum_add(frame_pseudo(e, len), tcp, len));

		memcpy(tcp + 16, &sum, sizeof(sum));
	}
	return FRAME_TCP + len;
}

/* As frame_take. */
static inline bool frame_take_syn(const uint8_t *p, size_t len, unsigned flags, struct flow *f,
				  struct tcp_seg *s)
{
	const uint8_t *ip = p + ETH_HLEN, *tcp = p + FRAME_TCP;
	uint32_t total;

	if (len < FRAME_SYN_LEN)
		return false;
	total = get_be16(ip + 2);
	/* Bitwise on purpose, as there: who comes here is mostly such a one. */
	if ((p[6] & 1) | ((get_be32(p + 12) & ~0xffu) != (ETH_IPV4 << 16 | 0x4500u)) |
	    (total < IPV4_HLEN + TCP_HLEN_SYN) | (total > len - ETH_HLEN) |
	    ((get_be16(ip + 6) & ~IP_DF & ~0x8000u) != 0) | (ip[8] == 0) | (ip[9] != IP_TCP) |
	    !frame_host_net(ip[12]) | (tcp[12] >> 4 != TCP_HLEN_SYN / 4) |
	    (get_be16(tcp + 20) != TCP_WORD_MSS >> 16) | (get_be32(tcp + 24) != TCP_WORD_PERM) |
	    ((get_be32(tcp + 36) & ~0xffu) != TCP_WORD_WS))
		return false;
	if (!frame_sums_right(ip, total, flags))
		return false;
	frame_read(p, total, TCP_HLEN_SYN, f, s);
	s->opts = TCPO_SYN;
	s->mss = get_be16(tcp + 22);
	s->ts_val = get_be32(tcp + 28);
	s->ts_ecr = get_be32(tcp + 32);
	s->wscale = tcp[39];
	return true;
}

#endif
