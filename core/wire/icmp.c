// SPDX-License-Identifier: BSD-3-Clause
#include "wire/bytes.h"
#include "wire/wire.h"

#define ICMP_HLEN   8u
#define QUOTED_LEN  8u /* bytes of the quoted payload that every error carries (RFC 792) */
#define OFFSET_MASK 0x1fffu

enum wire_err icmp_parse(const uint8_t *p, size_t len, struct icmp_msg *out)
{
	if (len < ICMP_HLEN)
		return WIRE_SHORT;
	if (csum_fold(csum_add(0, p, len)) != 0)
		return WIRE_CHECKSUM;

	*out = (struct icmp_msg){
		.type = p[0],
		.code = p[1],
		.payload = p + ICMP_HLEN,
		.payload_len = (uint16_t)(len - ICMP_HLEN),
	};
	switch (out->type) {
	case ICMP_ECHO_REPLY:
	case ICMP_ECHO_REQUEST:
		out->id = get_be16(p + 4);
		out->sequence = get_be16(p + 6);
		return WIRE_OK;
	case ICMP_UNREACHABLE:
		if (out->code == ICMP_FRAG_NEEDED)
			out->mtu = get_be16(p + 6);
		return WIRE_OK;
	case ICMP_TIME_EXCEEDED:
		return WIRE_OK;
	default:
		return WIRE_UNSUPPORTED;
	}
}

size_t icmp_build(uint8_t *p, const struct icmp_msg *m)
{
	size_t len = ICMP_HLEN + m->payload_len;
	uint16_t sum;

	p[0] = m->type;
	p[1] = m->code;
	memset(p + 2, 0, sizeof(sum));
	put_be16(p + 4, m->id);
	put_be16(p + 6, m->sequence);
	if (m->payload_len > 0)
		memcpy(p + ICMP_HLEN, m->payload, m->payload_len);
	sum = csum_fold(csum_add(0, p, len));
	memcpy(p + 2, &sum, sizeof(sum));
	return len;
}

/* Not ipv4_parse: a router may quote as little as the header and 8 bytes, with the TTL and the
 * checksum it changed, so total length, TTL and checksum say nothing here. */
enum wire_err icmp_parse_quote(const struct icmp_msg *m, struct icmp_quote *out)
{
	const uint8_t *p = m->payload;
	size_t hlen;

	if (m->type != ICMP_UNREACHABLE && m->type != ICMP_TIME_EXCEEDED)
		return WIRE_UNSUPPORTED;
	if (m->payload_len < IPV4_HLEN)
		return WIRE_SHORT;
	hlen = (p[0] & 0x0fu) * 4u;
	if (p[0] >> 4 != 4 || hlen < IPV4_HLEN)
		return WIRE_VERSION;
	if (m->payload_len < hlen + QUOTED_LEN)
		return WIRE_SHORT;
	if (p[9] != IP_TCP)
		return WIRE_UNSUPPORTED;
	if (get_be16(p + 6) & OFFSET_MASK)
		return WIRE_FRAGMENT;

	out->flow.local = ip_from_v4(get_be32(p + 12));
	out->flow.remote = ip_from_v4(get_be32(p + 16));
	p += hlen;
	out->flow.lport = get_be16(p);
	out->flow.rport = get_be16(p + 2);
	out->seq = seq_of(get_be32(p + 4));
	return WIRE_OK;
}
