/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes <-> values. No state, no allocation. Every parser reads only inside [p, p + len), returns
 * WIRE_OK or the reason of a drop, and leaves *out unspecified on a drop. Builders write into room
 * the caller guarantees (sizes stated) and return the bytes written. Values are in host order
 * unless said.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>

#include "base/csum.h"
#include "base/seq.h"
#include "wire/addr.h"

enum wire_err {
	WIRE_OK,
	WIRE_SHORT,	  /* frame ends before the header does */
	WIRE_VERSION,	  /* IP version or header length field impossible (RFC 791 3.1) */
	WIRE_LENGTH,	  /* total length below the header or above the frame */
	WIRE_CHECKSUM,	  /* IP, ICMP or TCP checksum wrong */
	WIRE_TTL,	  /* TTL 0 on arrival */
	WIRE_FRAGMENT,	  /* a fragment: MF or offset set */
	WIRE_ADDRESS,	  /* no host can have this source address (ip_never_source; a group MAC) */
	WIRE_UNSUPPORTED, /* EtherType, ARP hardware, ICMP type or protocol that we do not speak */
	WIRE_OPTIONS,	  /* TCP data offset below the header or above the segment */
	WIRE_EXT_HDR,	  /* an IPv6 extension header or option that must not be passed over */
	WIRE_ERR_COUNT
};

/* ---- Ethernet (a VLAN tag is taken off before, stack/vlan.h) ---- */
#define ETH_HLEN    14u
#define ETH_IPV4    0x0800u
#define ETH_ARP	    0x0806u
#define ETH_VLAN    0x8100u
#define VLAN_HLEN   4u
#define ETH_IPV6    0x86ddu
#define ETH_MIN_LEN 60u

struct eth_hdr {
	struct eth_addr dst, src;
	uint16_t type;
};

/* The payload stands at ETH_HLEN. */
enum wire_err eth_parse(const uint8_t *p, size_t len, struct eth_hdr *out);
size_t eth_build(uint8_t *p, const struct eth_hdr *h); /* ETH_HLEN */

/* ---- ARP for IPv4 over Ethernet (RFC 826) ---- */
#define ARP_LEN	    28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

struct arp_pkt {
	uint16_t op;
	struct eth_addr sha, tha;
	struct ip_addr spa, tpa;
};

enum wire_err arp_parse(const uint8_t *p, size_t len, struct arp_pkt *out);
size_t arp_build(uint8_t *p, const struct arp_pkt *a); /* ARP_LEN */

/* ---- IPv4 (RFC 791) ---- */
#define IPV4_HLEN     20u
#define IPV4_HLEN_MAX 60u
#define IP_TCP	      6u
#define IP_ICMP	      1u
#define IP_DF	      0x4000u
#define WIRE_CSUM_OK  1u /* flag of the parsers: the device has verified the checksum */

/* One piece of a packet: its header's payload is bytes [offset, offset + payload_len) of what the
 * fragments together carry. */
struct ip_frag {
	uint32_t id;
	uint16_t offset;
	bool more;
	uint8_t proto; /* of the first byte of the whole. IPv6: 0: there was no fragment header */
};

/* Of both families. */
struct ip_hdr {
	struct ip_addr src, dst;
	const uint8_t *payload; /* into the frame; options and extension headers skipped */
	uint16_t payload_len;
	uint16_t id;	  /* IPv4 */
	uint16_t hdr_len; /* up to the payload */
	uint8_t proto, ttl;
	uint8_t tos;	     /* DSCP and, in the low two bits, ECN (RFC 3168) */
	uint8_t bad_code;    /* with WIRE_EXT_HDR: code of the parameter problem, or ICMP6_SILENT */
	uint16_t bad_at;     /* with WIRE_EXT_HDR: offset of the octet it points to */
	uint32_t flow_label; /* IPv6: 20 bits (RFC 6437) */
	struct ip_frag frag; /* with WIRE_FRAGMENT, when all the rest is valid too */
};

/* A fragment gives WIRE_FRAGMENT, with its bytes as the payload. */
enum wire_err ipv4_parse(const uint8_t *p, size_t len, unsigned flags, struct ip_hdr *out);
/* Writes 20 bytes with checksum, DF set, for payload_len bytes that follow. */
size_t ipv4_build(uint8_t *p, const struct ip_hdr *h);

/* ---- ICMP (RFC 792) ---- */
#define ICMP_ECHO_REPLY	   0u
#define ICMP_UNREACHABLE   3u
#define ICMP_ECHO_REQUEST  8u
#define ICMP_TIME_EXCEEDED 11u
#define ICMP_FRAG_NEEDED   4u /* code of UNREACHABLE (RFC 1191) */
#define ICMP_REASSEMBLY	   1u /* code of TIME_EXCEEDED */

struct icmp_msg {
	uint8_t type, code;
	uint16_t id, sequence;	/* echo */
	uint32_t mtu;		/* frag needed, packet too big: next-hop MTU */
	const uint8_t *payload; /* echo: data; errors: the quoted packet */
	uint16_t payload_len;
};

/* What an ICMP error quotes: enough to find the connection and check it (RFC 5927). */
struct icmp_quote {
	struct flow flow; /* as the sender of the quoted packet (this host) sees it */
	tcp_seq seq;
};

enum wire_err icmp_parse(const uint8_t *p, size_t len, struct icmp_msg *out);
/* Writes an echo message, or an error without a field of its own, with checksum; returns 8 +
 * payload_len. p has room for that. */
size_t icmp_build(uint8_t *p, const struct icmp_msg *m);
/* m: an error message as icmp_parse gave it. Its quote is what a stranger sent: only lengths are
 * checked. */
enum wire_err icmp_parse_quote(const struct icmp_msg *m, struct icmp_quote *out);

/* ---- TCP (RFC 9293 3.1, 7323, 2018) ---- */
#define TCP_HLEN       20u
#define TCP_OPTS_MAX   40u
#define TCP_SACK_MAX   4u
#define TCP_COOKIE_MAX 16u

/* Header flags */
enum {
	TCPF_FIN = 0x01,
	TCPF_SYN = 0x02,
	TCPF_RST = 0x04,
	TCPF_PSH = 0x08,
	TCPF_ACK = 0x10,
	TCPF_URG = 0x20,
	TCPF_ECE = 0x40,
	TCPF_CWR = 0x80
};

/* Options present */
enum {
	TCPO_MSS = 0x01,
	TCPO_WSCALE = 0x02,
	TCPO_SACK_PERM = 0x04,
	TCPO_TS = 0x08,
	TCPO_SACK = 0x10,
	TCPO_FASTOPEN = 0x20
};

struct seq_range { /* [start, end) */
	tcp_seq start, end;
};

/* A segment as a value; the same on input and on output. */
struct tcp_seg {
	tcp_seq seq, ack;
	uint16_t wnd;	/* the raw 16-bit field: scaling is tcp's business */
	uint16_t len;	/* payload bytes */
	uint8_t flags;	/* TCPF_* */
	uint8_t opts;	/* TCPO_* */
	uint8_t wscale; /* as sent; capped to 14 by tcp (RFC 7323 2.3) */
	uint8_t n_sack;
	uint16_t mss;
	uint8_t ip_ecn;	    /* low two bits of TOS */
	bool no_room;	    /* input: the owner has no memory for the payload */
	uint8_t cookie_len; /* fast open (RFC 7413): 0: asks for one; else 4..16, even */
	uint32_t ts_val, ts_ecr;
	struct seq_range sack[TCP_SACK_MAX]; /* n_sack of them */
	const uint8_t *cookie;	/* cookie_len bytes, beside an MSS. input: into the frame */
	const uint8_t *payload; /* input: into the frame. output: unused */
	uint32_t data_off;	/* output: offset in the send buffer (0 = snd_una's byte) */
};

/* SYN and FIN count in sequence space (RFC 9293 3.4). */
static inline uint32_t seg_len(const struct tcp_seg *s)
{
	return (uint32_t)s->len + ((s->flags & TCPF_SYN) != 0) + ((s->flags & TCPF_FIN) != 0);
}

/* ip: as ipv4_parse gave it. flags: WIRE_CSUM_OK. Unknown options, and known ones of a wrong
 * length, are skipped by their length; an option with length < 2 or beyond the list ends option
 * parsing (what was read before it stays), as in RFC 9293 3.1. Of an option that comes twice the
 * last counts; of SACK blocks the first TCP_SACK_MAX. Which options mean something in which segment
 * is tcp's business. */
enum wire_err tcp_parse(const struct ip_hdr *ip, unsigned flags, uint16_t *sport, uint16_t *dport,
			struct tcp_seg *out);
/* Header length this segment will need, 20..60: SACK blocks that do not fit are left out (beside
 * timestamps three fit, RFC 2018 3). */
size_t tcp_hdr_len(const struct tcp_seg *s);
/* Writes the header (tcp_hdr_len() bytes) in front of s->len payload bytes that already stand
 * behind it at p + tcp_hdr_len(), and the checksum over all. Returns the header length. Header and
 * payload together are at most 65535 bytes. */
size_t tcp_build(uint8_t *p, const struct flow *f, const struct tcp_seg *s);
/* The same with zero for a checksum, which the device computes; it does not look at the payload. */
size_t tcp_build_partial(uint8_t *p, const struct flow *f, const struct tcp_seg *s);

/* ---- the checksum over a pseudo header ---- */
/* Pseudo header of both families (RFC 9293 3.1, RFC 8200 8.1); len: bytes of the upper layer.
 * The prefix ::ffff of a mapped IPv4 address adds 0xffff, which is zero in ones' complement, so the
 * pseudo header of RFC 8200 8.1 over mapped addresses has the sum of the one of RFC 9293 3.1. */
static inline uint64_t csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst,
				   uint8_t proto, uint16_t len)
{
	uint64_t sum = (uint64_t)htobe16(proto) + htobe16(len);

	sum += (uint64_t)src->w[0] + src->w[1] + src->w[2] + src->w[3];
	return sum + dst->w[0] + dst->w[1] + dst->w[2] + dst->w[3];
}

#endif
