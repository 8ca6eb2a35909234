/* SPDX-License-Identifier: BSD-3-Clause */
/* This core's addresses, and where a packet goes next: on-link prefixes of the addresses, then
 * configured routes, longest prefix first. */
#ifndef STACK_ROUTE_H
#define STACK_ROUTE_H

#include "stack/stack.h"

#define ADDR_SLOTS 1024 /* open addressing at a quarter of its capacity */
#define ADDR_NONE  UINT16_MAX

enum addr_state {
	ADDR_VALID,
	ADDR_DEPRECATED, /* not for new connections, if there is another (RFC 4862 5.5.4) */
	ADDR_GONE	 /* a duplicate, or expired: packets to it are for somebody else */
};

enum addr_use {		    /* of an index */
		ADDR_KEPT,  /* asked for by the owner: for ever */
		ADDR_MADE,  /* of a router's prefix */
		ADDR_LEFT,  /* the same, but gone: connections may still name it */
		ADDR_SWEPT, /* ... unless the sweep that is under way finds one (addr_end.c) */
		ADDR_FREE   /* nobody names it: the next new address may have it */
};

struct addr_table { /* an index names one address as long as anything uses it */
	uint16_t n;
	uint16_t n_announced; /* below it all are told to the network, or asked for a duplicate */
	uint16_t n_src, next_src; /* IPv4 connects without a local address take src[] in turn */
	uint16_t n_configured;	  /* below it all are the configuration's */
	bool src_chosen;	  /* by stack_set_sources: whatever the next hop's prefix */
	uint16_t src[STACK_MAX_ADDRS];
	struct stack_addr addr[STACK_MAX_ADDRS];
	uint8_t state[STACK_MAX_ADDRS], use[STACK_MAX_ADDRS];
	bool told[STACK_MAX_ADDRS];	    /* by n_announced or before, see there */
	mt_time free_at[STACK_MAX_ADDRS];   /* LEFT: no TIME-WAIT record names it from then on */
	mt_time proven_at[STACK_MAX_ADDRS]; /* IPv6: unique if nobody has objected by then */
	uint16_t slots[ADDR_SLOTS];	    /* index or ADDR_NONE */
	uint8_t quick[256]; /* by an address's last byte: the index of one that ended so, or 0 */
};

struct route {
	struct ip_addr net, mask, gateway; /* gateway unspecified: on link */
	uint8_t len;			   /* of the prefix, of 128 bits */
	bool v4;
	bool learned; /* from a router advertisement */
};

#define ROUTES_LEARNED 10 /* places for them, and for the link's own prefix */

struct route_table {
	uint16_t n;
	struct route r[STACK_MAX_ADDRS + STACK_MAX_ROUTES + ROUTES_LEARNED]; /* longest first */
};

void addr_table_init(struct addr_table *);
uint16_t addr_search(const struct addr_table *, const struct ip_addr *);
/* Index of an address that is not gone, or ADDR_NONE. O(1); mostly in line. */
static inline uint16_t addr_find(const struct addr_table *t, const struct ip_addr *a)
{
	uint8_t i = t->quick[a->b[15]];

	if (ip_eq(&t->addr[i].addr, a) && t->n && t->state[i] != ADDR_GONE)
		return i;
	return addr_search(t, a);
}
/* Of one that may be gone. O(addresses). */
uint16_t addr_index(const struct addr_table *, const struct ip_addr *);
/* Its index, new or old; ADDR_NONE when the table is full. */
uint16_t addr_add(struct addr_table *, const struct stack_addr *);
/* Makes the configured ones the sources of IPv4. O(addresses). */
void addr_use_configured(struct addr_table *);
/* O(addresses) if it goes or comes back. */
void addr_set_state(struct addr_table *, uint16_t i, enum addr_state);

/* Index of the address to use towards a neighbour: in its prefix, if there is one. O(addresses). */
uint16_t addr_near(const struct addr_table *, const struct ip_addr *neighbour);
bool addr_on_prefix(const struct stack_addr *, const struct ip_addr *);
/* Leading bits that two addresses share. */
unsigned ip_common_bits(const struct ip_addr *, const struct ip_addr *);

/* False when the table is full. Of two routes to one prefix the first counts. O(routes). */
bool route_add(struct route_table *, const struct stack_route *, bool learned);
/* Takes a learned route away, if it is there. */
void route_forget(struct route_table *, const struct stack_route *);
/* The next hop towards dst. False: no route. O(routes), once per connection. */
bool route_next_hop(const struct route_table *, const struct ip_addr *dst, struct ip_addr *hop);
bool route_on_link(const struct route_table *, const struct ip_addr *);

#endif
