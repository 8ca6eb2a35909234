/* SPDX-License-Identifier: BSD-3-Clause */
/* This core's addresses, and where a packet goes next: on-link prefixes of the addresses, then
 * configured routes, longest prefix first. */
#ifndef STACK_ROUTE_H
#define STACK_ROUTE_H

#include "stack/stack.h"

#define ADDR_SLOTS 1024 /* open addressing at a quarter of its capacity */
#define ADDR_NONE  UINT16_MAX

struct addr_table { /* addresses are added, never removed: an index stays valid */
	uint16_t n;
	uint16_t n_announced;	  /* told to the network by gratuitous ARP */
	uint16_t n_src, next_src; /* connects without a local address take src[] in turn */
	bool src_chosen;	  /* by stack_set_sources: whatever the next hop's prefix */
	uint16_t src[STACK_MAX_ADDRS];
	struct stack_addr addr[STACK_MAX_ADDRS];
	uint16_t slots[ADDR_SLOTS]; /* index or ADDR_NONE */
};

struct route {
	uint32_t net, mask; /* IPv4, host order */
	uint32_t gateway;   /* 0: on link */
};

struct route_table {
	uint16_t n;
	struct route r[STACK_MAX_ADDRS + STACK_MAX_ROUTES]; /* longest prefix first */
};

void addr_table_init(struct addr_table *);
/* Index of an address, or ADDR_NONE. O(1). */
uint16_t addr_find(const struct addr_table *, const struct ip_addr *);
/* Its index, new or old; ADDR_NONE when the table is full. */
uint16_t addr_add(struct addr_table *, const struct stack_addr *);

/* Index of the address to use towards a neighbour: in its prefix, if there is one. O(addresses). */
uint16_t addr_near(const struct addr_table *, const struct ip_addr *neighbour);
bool addr_on_prefix(const struct stack_addr *, const struct ip_addr *);

/* net and gateway in host order. False when the table is full. O(routes). */
bool route_add(struct route_table *, uint32_t net, uint8_t prefix, uint32_t gateway);
/* The next hop towards dst. False: no route. O(routes), once per connection. */
bool route_next_hop(const struct route_table *, const struct ip_addr *dst, struct ip_addr *hop);
static inline uint32_t route_mask(uint8_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

#endif
