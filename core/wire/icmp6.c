// SPDX-License-Identifier: BSD-3-Clause
#include "wire/bytes.h"
#include "wire/ipv6.h"

#define QUOTED_LEN 8u /* of the quoted segment: ports and sequence number */

static bool is_error(uint8_t type)
{
	return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAM_PROBLEM;
}

static bool is_echo(uint8_t type)
{
	return type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;
}

enum wire_err icmp6_parse(const struct ip_hdr *ip, struct icmp_msg *out)
{
	const uint8_t *p = ip->payload;
	uint64_t pseudo = csum_pseudo(&ip->src, &ip->dst, IP_ICMPV6, ip->payload_len);

	if (ip->payload_len < ICMP6_HLEN)
		return WIRE_SHORT;
	if (csum_fold(csum_add(pseudo, p, ip->payload_len)) != 0)
		return WIRE_CHECKSUM;

	*out = (struct icmp_msg){
		.type = p[0],
		.code = p[1],
		.payload = p + ICMP6_HLEN,
		.payload_len = (uint16_t)(ip->payload_len - ICMP6_HLEN),
	};
	if (is_error(out->type)) {
		out->mtu = get_be32(p + 4);
		return WIRE_OK;
	}
	if (is_echo(out->type)) {
		out->id = get_be16(p + 4);
		out->sequence = get_be16(p + 6);
		return WIRE_OK;
	}
	return out->type >= ICMP6_RS && out->type <= ICMP6_NA ? WIRE_OK : WIRE_UNSUPPORTED;
}

/* We send no extension headers: a quote that has some is not of a packet of ours. */
enum wire_err icmp6_parse_quote(const struct icmp_msg *m, struct icmp_quote *out)
{
	const uint8_t *p = m->payload;

	if (!is_error(m->type))
		return WIRE_UNSUPPORTED;
	if (m->payload_len < IPV6_HLEN + QUOTED_LEN)
		return WIRE_SHORT;
	if (p[0] >> 4 != 6)
		return WIRE_VERSION;
	if (p[6] != IP_TCP)
		return WIRE_UNSUPPORTED;
	out->flow.local = ip_from_v6(p + 8);
	out->flow.remote = ip_from_v6(p + 24);
	if (ip_is_v4(&out->flow.local) || ip_is_v4(&out->flow.remote))
		return WIRE_ADDRESS;
	p += IPV6_HLEN;
	out->flow.lport = get_be16(p);
	out->flow.rport = get_be16(p + 2);
	out->seq = seq_of(get_be32(p + 4));
	return WIRE_OK;
}

size_t icmp6_build(uint8_t *p, const struct ip_addr *src, const struct ip_addr *dst,
		   const struct icmp_msg *m)
{
	size_t len = ICMP6_HLEN + m->payload_len;
	uint64_t pseudo = csum_pseudo(src, dst, IP_ICMPV6, (uint16_t)len);
	uint32_t word = is_echo(m->type) ? (uint32_t)m->id << 16 | m->sequence : m->mtu;
	uint16_t sum;

	p[0] = m->type;
	p[1] = m->code;
	memset(p + 2, 0, sizeof(sum));
	put_be32(p + 4, word);
	if (m->payload_len > 0)
		memcpy(p + ICMP6_HLEN, m->payload, m->payload_len);
	sum = csum_fold(csum_add(pseudo, p, len));
	memcpy(p + 2, &sum, sizeof(sum));
	return len;
}
