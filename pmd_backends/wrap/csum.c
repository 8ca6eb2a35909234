// SPDX-License-Identifier: BSD-3-Clause
/* Completing TCP checksums where the device does not, or where somebody looks at the frame. */
#include <endian.h>
#include <string.h>

#include "base/csum.h"
#include "wrap.h"

#define ETH_LEN	  14u
#define TAG_LEN	  4u
#define PROTO_TCP 6u
#define TCP_LEN	  20u
#define CSUM_AT	  16u

/* Where TCP stands in a frame, and its pseudo header without protocol and length. */
struct tcp_part {
	uint8_t *at;
	size_t len; /* 0: there is none */
	uint64_t addrs;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Whole segments only: of a fragment nobody asks it. */
static struct tcp_part in_ipv4(uint8_t *ip, size_t len)
{
	size_t hlen = len < 20 ? 0 : (ip[0] & 15u) * 4u, total = len < 20 ? 0 : be16(ip + 2);
	struct tcp_part t = {0};

	if (hlen < 20 || total < hlen + TCP_LEN || total > len || ip[9] != PROTO_TCP ||
	    (be16(ip + 6) & 0x3fff) != 0)
		return t;
	t.at = ip + hlen;
	t.len = total - hlen;
	t.addrs = csum_add(0, ip + 12, 8);
	return t;
}

static struct tcp_part in_ipv6(uint8_t *ip, size_t len)
{
	size_t payload = len < 40 ? 0 : be16(ip + 4);
	struct tcp_part t = {0};

	if (payload < TCP_LEN || payload > len - 40 || ip[6] != PROTO_TCP)
		return t;
	t.at = ip + 40;
	t.len = payload;
	t.addrs = csum_add(0, ip + 8, 32);
	return t;
}

static struct tcp_part find_tcp(const struct nic_pkt *p)
{
	size_t at = ETH_LEN;

	if (p->len >= ETH_LEN + TAG_LEN && be16(p->data + 12) == 0x8100)
		at += TAG_LEN;
	if (p->len < at)
		return (struct tcp_part){0};
	if (be16(p->data + at - 2) == 0x0800)
		return in_ipv4(p->data + at, p->len - at);
	if (be16(p->data + at - 2) == 0x86dd)
		return in_ipv6(p->data + at, p->len - at);
	return (struct tcp_part){0};
}

void csum_complete(struct nic_pkt *p)
{
	struct tcp_part t = find_tcp(p);
	uint16_t csum;

	p->flags &= (uint16_t)~NIC_TX_L4_CSUM;
	if (!t.len)
		return;
	memset(t.at + CSUM_AT, 0, sizeof csum);
	csum = csum_fold(
		csum_add(t.addrs + htobe16(PROTO_TCP) + htobe16((uint16_t)t.len), t.at, t.len));
	memcpy(t.at + CSUM_AT, &csum, sizeof csum);
}
