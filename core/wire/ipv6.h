/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 (RFC 8200), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861): as wire.h. */
#ifndef WIRE_IPV6_H
#define WIRE_IPV6_H

#include "wire/wire.h"

/* ---- IPv6 ---- */
#define IPV6_HLEN    40u
#define IPV6_MTU_MIN 1280u /* every link carries so much (RFC 8200 5) */
#define IP_ICMPV6    58u
#define IP_NO_NEXT   59u

/* What is walked over before the upper layer: no packet makes the parser work longer. */
#define IPV6_EXT_MAX	 8u
#define IPV6_EXT_LEN_MAX 512u

/* The header and its extension headers. A fragment gives WIRE_FRAGMENT, its header's fields in
 * out->frag and its bytes as the payload; one that is the whole packet is none (RFC 6946). An
 * IPv4-mapped address in a packet would be taken for IPv4: WIRE_ADDRESS. The unspecified source
 * comes only with ICMPv6. Hop limit 0 is for routers to judge (RFC 8200 3). */
enum wire_err ipv6_parse(const uint8_t *p, size_t len, struct ip_hdr *out);
/* The extension headers that a reassembled payload begins with: h->payload, payload_len and proto
 * stand behind them afterwards. */
enum wire_err ipv6_skip_ext(struct ip_hdr *h);
/* An ICMPv6 error, whatever is wrong with its extension headers: about it none is sent (RFC 4443
 * 2.4 (e.1)). len: the packet's, IPV6_HLEN at least. */
bool ipv6_is_error(const uint8_t *p, size_t len);
/* Writes 40 bytes for payload_len bytes that follow. */
size_t ipv6_build(uint8_t *p, const struct ip_hdr *h);

/* ---- ICMPv6 ---- */
#define ICMP6_HLEN	    8u
#define ICMP6_UNREACHABLE   1u
#define ICMP6_TOO_BIG	    2u
#define ICMP6_TIME_EXCEEDED 3u
#define ICMP6_PARAM_PROBLEM 4u /* icmp_msg.mtu: the pointer */
#define ICMP6_ECHO_REQUEST  128u
#define ICMP6_ECHO_REPLY    129u
#define ICMP6_RS	    133u
#define ICMP6_RA	    134u
#define ICMP6_NS	    135u
#define ICMP6_NA	    136u

/* Codes of PARAM_PROBLEM */
#define ICMP6_BAD_FIELD	 0u
#define ICMP6_BAD_NEXT	 1u
#define ICMP6_BAD_OPTION 2u
#define ICMP6_SILENT	 255u /* ip_hdr.bad_code: no message is due */

/* ip: as ipv6_parse gave it, with proto IP_ICMPV6. payload: what stands behind the 8 bytes. */
enum wire_err icmp6_parse(const struct ip_hdr *ip, struct icmp_msg *out);
/* As icmp_parse_quote. */
enum wire_err icmp6_parse_quote(const struct icmp_msg *m, struct icmp_quote *out);
/* An echo message or an error from src to dst, with checksum; returns 8 + payload_len. */
size_t icmp6_build(uint8_t *p, const struct ip_addr *src, const struct ip_addr *dst,
		   const struct icmp_msg *m);

/* ---- neighbour discovery ---- */
#define NDP_HOP_LIMIT	 255u /* proof that no router passed the message on */
#define NDP_PREFIX_MAX	 4u
#define NDP_LEN_MAX	 (16u + 16u + 32u * NDP_PREFIX_MAX)
#define NDP_NA_ROUTER	 0x80u
#define NDP_NA_SOLICITED 0x40u
#define NDP_NA_OVERRIDE	 0x20u
#define NDP_FOREVER	 UINT32_MAX /* a lifetime */

struct ndp_prefix { /* RFC 4861 4.6.2 */
	struct ip_addr prefix;
	uint8_t len; /* 0..128 */
	bool on_link, autonomous;
	uint32_t valid_s, preferred_s;
};

struct ndp_msg {
	uint8_t type;	   /* ICMP6_RS .. ICMP6_NA */
	uint8_t flags;	   /* NA: NDP_NA_*; RA: M 0x80, O 0x40 */
	uint8_t hop_limit; /* RA; 0: unspecified */
	bool has_mac;
	struct eth_addr mac;	  /* source (NS, RS, RA) or target (NA) link-layer address */
	struct ip_addr target;	  /* NS, NA */
	uint16_t router_lifetime; /* RA, seconds */
	uint32_t reachable_ms, retrans_ms;
	uint32_t mtu; /* RA; 0: none */
	uint8_t n_prefixes;
	struct ndp_prefix prefix[NDP_PREFIX_MAX]; /* RA: the first ones */
};

/* ip: a message that icmp6_parse took. All checks of RFC 4861 6.1 and 7.1; an option of length 0
 * or beyond the message drops it whole, an unknown one is skipped. Fragments are refused (RFC
 * 6980).
 */
enum wire_err ndp_parse(const struct ip_hdr *ip, struct ndp_msg *out);
/* From src to dst, with checksum; at most NDP_LEN_MAX bytes. */
size_t ndp_build(uint8_t *p, const struct ip_addr *src, const struct ip_addr *dst,
		 const struct ndp_msg *m);

#endif
