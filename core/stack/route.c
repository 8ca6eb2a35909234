// SPDX-License-Identifier: BSD-3-Clause
#include "stack/route.h"

#include <string.h>

/* Only our own addresses are stored, so a stranger's choice can lengthen nothing but a short probe.
 */
static unsigned slot_of(const struct ip_addr *a)
{
	uint64_t h = (a->d[0] ^ a->d[1] * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;

	return (unsigned)(h >> 54) & (ADDR_SLOTS - 1);
}

void addr_table_init(struct addr_table *t)
{
	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < ADDR_SLOTS; i++)
		t->slots[i] = ADDR_NONE;
}

uint16_t addr_find(const struct addr_table *t, const struct ip_addr *a)
{
	unsigned s = slot_of(a);

	while (t->slots[s] != ADDR_NONE && !ip_eq(&t->addr[t->slots[s]].addr, a))
		s = (s + 1) & (ADDR_SLOTS - 1);
	return t->slots[s];
}

uint16_t addr_add(struct addr_table *t, const struct stack_addr *a)
{
	unsigned s = slot_of(&a->addr);
	uint16_t have = addr_find(t, &a->addr);

	if (have != ADDR_NONE || t->n == STACK_MAX_ADDRS)
		return have;
	while (t->slots[s] != ADDR_NONE)
		s = (s + 1) & (ADDR_SLOTS - 1);
	t->slots[s] = t->n;
	t->addr[t->n] = *a;
	return t->n++;
}

bool addr_on_prefix(const struct stack_addr *a, const struct ip_addr *ip)
{
	return ((ip_to_v4(&a->addr) ^ ip_to_v4(ip)) & route_mask(a->prefix)) == 0;
}

uint16_t addr_near(const struct addr_table *t, const struct ip_addr *neighbour)
{
	for (uint16_t i = 0; i < t->n; i++) {
		if (addr_on_prefix(&t->addr[i], neighbour))
			return i;
	}
	return 0;
}

bool route_add(struct route_table *t, uint32_t net, uint8_t prefix, uint32_t gateway)
{
	uint32_t mask = route_mask(prefix);
	uint16_t at = t->n;

	for (uint16_t i = 0; i < t->n; i++) {
		if (t->r[i].net == (net & mask) && t->r[i].mask == mask)
			return true; /* the first one said counts: on-link before configured */
	}
	if (t->n == sizeof(t->r) / sizeof(t->r[0]))
		return false;
	while (at > 0 && t->r[at - 1].mask < mask) {
		t->r[at] = t->r[at - 1];
		at--;
	}
	t->r[at] = (struct route){.net = net & mask, .mask = mask, .gateway = gateway};
	t->n++;
	return true;
}

bool route_next_hop(const struct route_table *t, const struct ip_addr *dst, struct ip_addr *hop)
{
	uint32_t v4 = ip_to_v4(dst);

	if (!ip_is_v4(dst))
		return false;
	for (uint16_t i = 0; i < t->n; i++) {
		if ((v4 & t->r[i].mask) != t->r[i].net)
			continue;
		*hop = t->r[i].gateway ? ip_from_v4(t->r[i].gateway) : *dst;
		return true;
	}
	return false;
}
