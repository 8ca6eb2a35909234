// SPDX-License-Identifier: BSD-3-Clause
#include "stack/route.h"

#include <endian.h>
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

uint16_t addr_search(const struct addr_table *t, const struct ip_addr *a)
{
	unsigned s = slot_of(a);

	while (t->slots[s] != ADDR_NONE && !ip_eq(&t->addr[t->slots[s]].addr, a))
		s = (s + 1) & (ADDR_SLOTS - 1);
	return t->slots[s];
}

static void occupy(struct addr_table *t, uint16_t i)
{
	unsigned s = slot_of(&t->addr[i].addr);

	while (t->slots[s] != ADDR_NONE)
		s = (s + 1) & (ADDR_SLOTS - 1);
	t->slots[s] = i;
	t->quick[t->addr[i].addr.b[15]] = (uint8_t)i;
}

uint16_t addr_index(const struct addr_table *t, const struct ip_addr *a)
{
	uint16_t i = 0;

	while (i < t->n && !ip_eq(&t->addr[i].addr, a))
		i++;
	return i < t->n ? i : ADDR_NONE;
}

/* One that was gone is told to the network again. */
static void come_back(struct addr_table *t, uint16_t i)
{
	if (t->state[i] == ADDR_GONE) {
		t->told[i] = false;
		t->n_announced = i < t->n_announced ? i : t->n_announced;
	}
	addr_set_state(t, i, ADDR_VALID);
}

uint16_t addr_add(struct addr_table *t, const struct stack_addr *a)
{
	uint16_t i = addr_index(t, &a->addr);

	if (i != ADDR_NONE) {
		come_back(t, i);
		return i;
	}
	for (i = 0; i < t->n && t->use[i] != ADDR_FREE; i++)
		;
	if (i == STACK_MAX_ADDRS)
		return ADDR_NONE;
	t->addr[i] = *a;
	t->use[i] = ADDR_KEPT;
	if (i < t->n) {
		come_back(t, i);
		return i;
	}
	t->state[i] = ADDR_VALID;
	occupy(t, i);
	return t->n++;
}

void addr_use_configured(struct addr_table *t)
{
	t->n_src = t->next_src = 0;
	t->src_chosen = false;
	for (uint16_t i = 0; i < t->n_configured; i++) {
		if (ip_is_v4(&t->addr[i].addr))
			t->src[t->n_src++] = i;
	}
}

void addr_set_state(struct addr_table *t, uint16_t i, enum addr_state state)
{
	bool moved = (t->state[i] == ADDR_GONE) != (state == ADDR_GONE);

	t->state[i] = (uint8_t)state;
	if (!moved)
		return;
	for (unsigned s = 0; s < ADDR_SLOTS; s++)
		t->slots[s] = ADDR_NONE;
	for (uint16_t k = 0; k < t->n; k++) {
		if (t->state[k] != ADDR_GONE)
			occupy(t, k);
	}
}

/* A prefix of either family as one of the 128 bits that addresses have here. */
static uint8_t whole_len(const struct ip_addr *net, uint8_t prefix)
{
	return (uint8_t)(ip_is_v4(net) ? 96 + prefix : prefix);
}

static struct ip_addr mask_of(unsigned len)
{
	struct ip_addr m = {.b = {0}};

	memset(m.b, 0xff, len / 8);
	if (len % 8)
		m.b[len / 8] = (uint8_t)(0xff00u >> len % 8);
	return m;
}

static bool in_net(const struct ip_addr *a, const struct ip_addr *net, const struct ip_addr *mask)
{
	return (((a->d[0] ^ net->d[0]) & mask->d[0]) | ((a->d[1] ^ net->d[1]) & mask->d[1])) == 0;
}

unsigned ip_common_bits(const struct ip_addr *a, const struct ip_addr *b)
{
	uint64_t high = be64toh(a->d[0] ^ b->d[0]), low = be64toh(a->d[1] ^ b->d[1]);

	if (high)
		return (unsigned)__builtin_clzll(high);
	return low ? 64 + (unsigned)__builtin_clzll(low) : 128;
}

bool addr_on_prefix(const struct stack_addr *a, const struct ip_addr *ip)
{
	return ip_is_v4(&a->addr) == ip_is_v4(ip) &&
	       ip_common_bits(&a->addr, ip) >= whole_len(&a->addr, a->prefix);
}

/* Without one in its prefix any of the family will do: with IPv6 the link-local one, which is the
 * first. */
uint16_t addr_near(const struct addr_table *t, const struct ip_addr *neighbour)
{
	bool v4 = ip_is_v4(neighbour);
	uint16_t other = ADDR_NONE;

	for (uint16_t i = 0; i < t->n; i++) {
		if (t->state[i] == ADDR_GONE || ip_is_v4(&t->addr[i].addr) != v4)
			continue;
		if (addr_on_prefix(&t->addr[i], neighbour))
			return i;
		if (other == ADDR_NONE)
			other = i;
	}
	return other == ADDR_NONE ? 0 : other;
}

static struct route route_of(const struct stack_route *r)
{
	struct route x = {.gateway = r->gateway, .v4 = ip_is_v4(&r->net)};

	x.len = whole_len(&r->net, r->prefix);
	x.mask = mask_of(x.len);
	x.net.d[0] = r->net.d[0] & x.mask.d[0];
	x.net.d[1] = r->net.d[1] & x.mask.d[1];
	return x;
}

static bool same_prefix(const struct route *a, const struct route *b)
{
	return a->len == b->len && a->v4 == b->v4 && ip_eq(&a->net, &b->net);
}

bool route_add(struct route_table *t, const struct stack_route *r, bool learned)
{
	struct route x = route_of(r);
	uint16_t at = t->n;

	for (uint16_t i = 0; i < t->n; i++) {
		if (same_prefix(&t->r[i], &x))
			return true; /* on-link before configured before learned */
	}
	if (t->n == sizeof(t->r) / sizeof(t->r[0]))
		return false;
	while (at > 0 && t->r[at - 1].len < x.len) {
		t->r[at] = t->r[at - 1];
		at--;
	}
	x.learned = learned;
	t->r[at] = x;
	t->n++;
	return true;
}

void route_forget(struct route_table *t, const struct stack_route *r)
{
	struct route x = route_of(r);
	uint16_t i = 0;

	while (i < t->n && !(t->r[i].learned && same_prefix(&t->r[i], &x) &&
			     ip_eq(&t->r[i].gateway, &x.gateway)))
		i++;
	if (i == t->n)
		return;
	t->n--;
	memmove(&t->r[i], &t->r[i + 1], (size_t)(t->n - i) * sizeof(t->r[0]));
}

bool route_next_hop(const struct route_table *t, const struct ip_addr *dst, struct ip_addr *hop)
{
	bool v4 = ip_is_v4(dst);

	for (uint16_t i = 0; i < t->n; i++) {
		if (t->r[i].v4 != v4 || !in_net(dst, &t->r[i].net, &t->r[i].mask))
			continue;
		*hop = ip_is_any(&t->r[i].gateway) ? *dst : t->r[i].gateway;
		return true;
	}
	return false;
}

bool route_on_link(const struct route_table *t, const struct ip_addr *ip)
{
	struct ip_addr hop;

	return route_next_hop(t, ip, &hop) && ip_eq(&hop, ip);
}
