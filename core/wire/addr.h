/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and flows hold both families: IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
#ifndef WIRE_ADDR_H
#define WIRE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip_addr {
	union {
		uint8_t b[16]; /* network order */
		uint32_t w[4];
		uint64_t d[2];
	};
};

struct ip_endpoint {
	struct ip_addr addr;
	uint16_t port; /* host order */
	bool v6only;   /* of a listener on ::, that does not want IPv4 (RFC 3493 5.3) */
};

/* One connection as this host sees it. */
struct flow {
	struct ip_addr local, remote;
	uint16_t lport, rport; /* host order */
};

struct eth_addr {
	uint8_t b[6];
};

#define ETH_BROADCAST ((struct eth_addr){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})

/* Multicast or broadcast. */
static inline bool eth_is_group(const struct eth_addr *a)
{
	return a->b[0] & 1;
}

/* One station's: neither a group nor all zeros. */
static inline bool eth_is_station(const struct eth_addr *a)
{
	static const uint8_t zero[6];

	return !eth_is_group(a) && memcmp(a->b, zero, sizeof(zero)) != 0;
}

/* v4 in host order: 10.0.0.1 is 0x0a000001. */
static inline struct ip_addr ip_from_v4(uint32_t v4)
{
	struct ip_addr a = {.b = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (uint8_t)(v4 >> 24),
				  (uint8_t)(v4 >> 16), (uint8_t)(v4 >> 8), (uint8_t)v4}};
	return a;
}

static inline uint32_t ip_to_v4(const struct ip_addr *a)
{
	return (uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 | (uint32_t)a->b[14] << 8 |
	       a->b[15];
}

static inline bool ip_is_v4(const struct ip_addr *a)
{
	static const uint8_t pfx[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return memcmp(a->b, pfx, sizeof(pfx)) == 0;
}

static inline bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

/* The unspecified address of either family (0.0.0.0, ::). */
static inline bool ip_is_any(const struct ip_addr *a)
{
	return (a->d[0] == 0 && a->d[1] == 0) || (ip_is_v4(a) && ip_to_v4(a) == 0);
}

/* a: IPv4. True for what no packet can come from: 0/8, loopback, multicast and broadcast (RFC 1122
 * 3.2.1.3; its exception for 0.0.0.0, a host without an address, has no place in TCP). */
static inline bool ip_never_source(const struct ip_addr *a)
{
	uint8_t net = a->b[12];

	return net == 0 || net == 127 || (net >= 224 && net < 240) || ip_to_v4(a) == UINT32_MAX;
}

/* ---- IPv6 (RFC 4291) ---- */

static inline struct ip_addr ip_from_v6(const uint8_t b[16])
{
	struct ip_addr a;

	memcpy(a.b, b, sizeof(a.b));
	return a;
}

/* Of either family. */
static inline bool ip_is_multicast(const struct ip_addr *a)
{
	return a->b[0] == 0xff || (ip_is_v4(a) && a->b[12] >> 4 == 0xe);
}

/* 240/4: reserved, and 255.255.255.255. */
static inline bool ip_is_reserved4(const struct ip_addr *a)
{
	return ip_is_v4(a) && a->b[12] >> 4 == 0xf;
}

/* fe80::/10 */
static inline bool ip_is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* ::1 */
static inline bool ip_is_loopback6(const struct ip_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return memcmp(a->b, one, sizeof(one)) == 0;
}

/* ff02::1 */
static inline struct ip_addr ip_all_nodes(void)
{
	return (struct ip_addr){.b = {0xff, 0x02, [15] = 1}};
}

/* ff02::2 */
static inline struct ip_addr ip_all_routers(void)
{
	return (struct ip_addr){.b = {0xff, 0x02, [15] = 2}};
}

/* The solicited-node multicast address of a (RFC 4291 2.7.1). */
static inline struct ip_addr ip_solicited_node(const struct ip_addr *a)
{
	return (struct ip_addr){.b = {0xff, 0x02, [11] = 1, [12] = 0xff, [13] = a->b[13],
				      [14] = a->b[14], [15] = a->b[15]}};
}

/* The station group of an IPv6 multicast address (RFC 2464 7). */
static inline struct eth_addr eth_multicast6(const struct ip_addr *a)
{
	return (struct eth_addr){{0x33, 0x33, a->b[12], a->b[13], a->b[14], a->b[15]}};
}

static inline bool flow_eq(const struct flow *a, const struct flow *b)
{
	return a->lport == b->lport && a->rport == b->rport && ip_eq(&a->remote, &b->remote) &&
	       ip_eq(&a->local, &b->local);
}

#endif
