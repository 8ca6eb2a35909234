// SPDX-License-Identifier: BSD-3-Clause
#include "base/check.h"
#include "wire/bytes.h"
#include "wire/wire.h"

#define OFFSET	     0x1fffu
#define MF	     0x2000u
#define OFFSET_OR_MF (OFFSET | MF)

static enum wire_err fragment(const uint8_t *p, struct ip_hdr *out)
{
	uint16_t field = get_be16(p + 6);

	out->frag = (struct ip_frag){
		.id = out->id,
		.offset = (uint16_t)((field & OFFSET) * 8u),
		.more = field & MF,
		.proto = out->proto,
	};
	return WIRE_FRAGMENT;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static bool csum_wrong(const uint8_t *p, size_t hlen)
{
	uint64_t sum = (uint64_t)load32(p) + load32(p + 4) + load32(p + 8) + load32(p + 12) +
		       load32(p + 16);

	return csum_fold(hlen == IPV4_HLEN ? sum
					   : csum_add(sum, p + IPV4_HLEN, hlen - IPV4_HLEN)) != 0;
}

/* As it lies in the packet. */
static struct ip_addr mapped(const uint8_t *p)
{
	return (struct ip_addr){.w = {0, 0, htobe32(0xffff), load32(p)}};
}

enum wire_err ipv4_parse(const uint8_t *p, size_t len, unsigned flags, struct ip_hdr *out)
{
	size_t hlen, total;

	if (len < IPV4_HLEN)
		return WIRE_SHORT;
	hlen = (p[0] & 0x0fu) * 4u;
	if (p[0] >> 4 != 4 || hlen < IPV4_HLEN)
		return WIRE_VERSION;
	if (hlen > len)
		return WIRE_SHORT;
	total = get_be16(p + 2);
	if (total < hlen || total > len)
		return WIRE_LENGTH;
	if (!(flags & WIRE_CSUM_OK) && csum_wrong(p, hlen))
		return WIRE_CHECKSUM;
	if (p[8] == 0)
		return WIRE_TTL;

	out->src = mapped(p + 12);
	out->dst = mapped(p + 16);
	/* Not total but len may count padding of the frame: bytes behind total belong to nobody. */
	out->payload = p + hlen;
	out->payload_len = (uint16_t)(total - hlen);
	out->id = get_be16(p + 4);
	out->proto = p[9];
	out->ttl = p[8];
	out->tos = p[1];
	out->hdr_len = (uint16_t)hlen;
	if (ip_never_source(&out->src))
		return WIRE_ADDRESS;
	return get_be16(p + 6) & OFFSET_OR_MF ? fragment(p, out) : WIRE_OK;
}

/* The header is put together and summed as words in registers: reading back in wide words what was
 * just written in narrow ones would stall on store forwarding. */
size_t ipv4_build(uint8_t *p, const struct ip_hdr *h)
{
	uint32_t total = IPV4_HLEN + h->payload_len;
	uint32_t w[5] = {
		htobe32(0x45u << 24 | (uint32_t)h->tos << 16 | total),
		htobe32((uint32_t)h->id << 16 | IP_DF),
		htobe32((uint32_t)h->ttl << 24 | (uint32_t)h->proto << 16),
		h->src.w[3],
		h->dst.w[3],
	};
	uint16_t sum = csum_fold((uint64_t)w[0] + w[1] + w[2] + w[3] + w[4]);

	check(total <= UINT16_MAX);
	memcpy(p, w, sizeof(w));
	memcpy(p + 10, &sum, sizeof(sum));
	return IPV4_HLEN;
}
