// SPDX-License-Identifier: BSD-3-Clause
#include "wire/bytes.h"
#include "wire/wire.h"

/* Hardware type 1 (Ethernet), protocol IPv4, address lengths 6 and 4. */
static const uint8_t ethernet_ipv4[6] = {0, 1, 0x08, 0x00, 6, 4};

/* An answer may make the stack send to sha and believe spa: neither may name a group. A probe has
 * 0.0.0.0 as its sender (RFC 5227 2.1.1). */
static bool sender_possible(const struct arp_pkt *a)
{
	if (eth_is_group(&a->sha))
		return false;
	return !ip_never_source(&a->spa) || (a->op == ARP_REQUEST && ip_is_any(&a->spa));
}

enum wire_err arp_parse(const uint8_t *p, size_t len, struct arp_pkt *out)
{
	if (len < ARP_LEN)
		return WIRE_SHORT;
	if (memcmp(p, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0)
		return WIRE_UNSUPPORTED;
	out->op = get_be16(p + 6);
	if (out->op != ARP_REQUEST && out->op != ARP_REPLY)
		return WIRE_UNSUPPORTED;
	memcpy(out->sha.b, p + 8, sizeof(out->sha.b));
	out->spa = ip_from_v4(get_be32(p + 14));
	memcpy(out->tha.b, p + 18, sizeof(out->tha.b));
	out->tpa = ip_from_v4(get_be32(p + 24));
	return sender_possible(out) ? WIRE_OK : WIRE_ADDRESS;
}

size_t arp_build(uint8_t *p, const struct arp_pkt *a)
{
	memcpy(p, ethernet_ipv4, sizeof(ethernet_ipv4));
	put_be16(p + 6, a->op);
	memcpy(p + 8, a->sha.b, sizeof(a->sha.b));
	memcpy(p + 14, a->spa.b + 12, 4);
	memcpy(p + 18, a->tha.b, sizeof(a->tha.b));
	memcpy(p + 24, a->tpa.b + 12, 4);
	return ARP_LEN;
}
