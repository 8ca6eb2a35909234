// SPDX-License-Identifier: BSD-3-Clause
#include "wire/bytes.h"
#include "wire/wire.h"

enum wire_err eth_parse(const uint8_t *p, size_t len, struct eth_hdr *out)
{
	if (len < ETH_HLEN)
		return WIRE_SHORT;
	memcpy(out->dst.b, p, sizeof(out->dst.b));
	memcpy(out->src.b, p + 6, sizeof(out->src.b));
	out->type = get_be16(p + 12);
	if (out->type != ETH_IPV4 && out->type != ETH_ARP && out->type != ETH_IPV6)
		return WIRE_UNSUPPORTED;
	return eth_is_group(&out->src) ? WIRE_ADDRESS : WIRE_OK;
}

size_t eth_build(uint8_t *p, const struct eth_hdr *h)
{
	memcpy(p, h->dst.b, sizeof(h->dst.b));
	memcpy(p + 6, h->src.b, sizeof(h->src.b));
	put_be16(p + 12, h->type);
	return ETH_HLEN;
}
