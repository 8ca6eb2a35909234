// SPDX-License-Identifier: BSD-3-Clause
/* Addresses, routes and neighbours, from our keys and from mTCP's route.conf and arp.conf. */
#include "runtime/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum list_id { LIST_ADDRESS, LIST_ROUTE, LIST_ARP };

static int bad(char *why, const char *key, const char *value, const char *mend)
{
	snprintf(why, RT_ERR_LEN, "%s = '%.100s': %s", key, value, mend);
	return -EINVAL;
}

static int full(char *why, const struct rt_key *k)
{
	snprintf(why, RT_ERR_LEN, "more than %lld entries of %s; remove some", (long long)k->max,
		 k->name);
	return -ENOSPC;
}

/* True the first time a source names a list: its lines then stand instead of the earlier source's.
 */
static bool fresh(struct rt_config *c, enum list_id list)
{
	bool first = c->list_source[list] != 0 && c->list_source[list] != c->source;

	c->list_source[list] = c->source;
	return first;
}

/* Of either family. */
static bool parse_ip(const char *s, struct ip_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		*out = ip_from_v4(ntohl(v4.s_addr));
		return true;
	}
	return inet_pton(AF_INET6, s, out->b) == 1 && !ip_is_v4(out);
}

static uint8_t prefix_max(const struct ip_addr *a)
{
	return ip_is_v4(a) ? 32 : 128;
}

/* "A/P" or "A"; the text is cut at the slash. */
static bool parse_net(char *s, struct ip_addr *addr, uint8_t *prefix)
{
	char *slash = strchr(s, '/'), *end;
	long p;

	if (slash)
		*slash = '\0';
	if (!parse_ip(s, addr))
		return false;
	*prefix = prefix_max(addr);
	if (!slash)
		return true;
	p = strtol(slash + 1, &end, 10);
	if (end == slash + 1 || *end || p < 0 || p > *prefix)
		return false;
	*prefix = (uint8_t)p;
	return true;
}

static struct ip_addr masked(const struct ip_addr *a, uint8_t prefix)
{
	unsigned keep = 128u - prefix_max(a) + prefix;
	struct ip_addr m = *a;

	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = keep > 8 * i ? keep - 8 * i : 0;

		m.b[i] &= (uint8_t)(bits >= 8 ? 0xff : 0xff00u >> bits);
	}
	return m;
}

/* The n-th address after a, which differs in the last 32 bits only. */
static struct ip_addr nth_after(const struct ip_addr *a, uint32_t n)
{
	struct ip_addr r = *a, low = ip_from_v4(ip_to_v4(a) + n);

	r.w[3] = low.w[3];
	return r;
}

static bool is_range(const struct ip_addr *first, const struct ip_addr *last)
{
	return memcmp(first->b, last->b, 12) == 0 && ip_to_v4(first) <= ip_to_v4(last) &&
	       !ip_is_any(first) && !ip_is_multicast(first) && !ip_is_multicast(last) &&
	       !ip_is_reserved4(last) && !ip_is_loopback6(first);
}

static bool parse_mac(const char *s, struct eth_addr *out)
{
	for (int i = 0; i < 6; i++, s += 3) {
		unsigned v;

		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]) ||
		    s[2] != (i < 5 ? ':' : '\0'))
			return false;
		sscanf(s, "%2x", &v);
		out->b[i] = (uint8_t)v;
	}
	return true;
}

int rt_parse_address(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	static const char mend[] = "give ADDRESS/PREFIX, or FIRST-LAST/PREFIX";
	char text[128], *dash;
	struct ip_addr first, last;
	uint8_t prefix;
	uint32_t n;

	if (strlen(value) >= sizeof(text) || !strchr(value, '/'))
		return bad(why, k->name, value, mend);
	memcpy(text, value, strlen(value) + 1);
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (!parse_net(dash ? dash + 1 : text, &last, &prefix) || prefix == 0)
		return bad(why, k->name, value, mend);
	first = last;
	if (dash && !parse_ip(text, &first))
		return bad(why, k->name, value, mend);
	if (!is_range(&first, &last))
		return bad(why, k->name, value, "not an address range that a host can have");
	if (fresh(c, LIST_ADDRESS))
		c->n_addrs = 0;
	n = ip_to_v4(&last) - ip_to_v4(&first);
	if (n >= STACK_MAX_ADDRS || c->n_addrs + n >= STACK_MAX_ADDRS)
		return full(why, k);
	for (uint32_t i = 0; i <= n; i++) {
		struct stack_addr *a = &c->addrs[c->n_addrs++];

		a->addr = nth_after(&first, i);
		a->prefix = prefix;
	}
	return 0;
}

static int add_route(struct rt_config *c, const struct rt_key *k, const struct stack_route *r,
		     char *why)
{
	if (c->n_routes >= STACK_MAX_ROUTES)
		return full(why, k);
	c->routes[c->n_routes++] = *r;
	return 0;
}

/* Keeps the default routes only. */
static void keep_defaults(struct rt_config *c)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < c->n_routes; i++)
		if (c->routes[i].prefix == 0)
			c->routes[kept++] = c->routes[i];
	c->n_routes = kept;
}

static void drop_default(struct rt_config *c, bool v4)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < c->n_routes; i++)
		if (c->routes[i].prefix != 0 || ip_is_v4(&c->routes[i].net) != v4)
			c->routes[kept++] = c->routes[i];
	c->n_routes = kept;
}

int rt_parse_gateway(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	struct stack_route r = {.prefix = 0};

	if (!parse_ip(value, &r.gateway) || ip_is_any(&r.gateway))
		return bad(why, k->name, value, "give the router's address, such as 10.0.0.1");
	r.net = masked(&r.gateway, 0);
	drop_default(c, ip_is_v4(&r.net)); /* one of each family: the last one named */
	return add_route(c, k, &r, why);
}

int rt_parse_route(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	static const char mend[] = "give NETWORK/PREFIX via ROUTER, or NETWORK/PREFIX for on link";
	char net[64] = "", via[8] = "", gw[64] = "", rest;
	struct stack_route r;
	int n = sscanf(value, "%63s %7s %63s %c", net, via, gw, &rest);

	if ((n != 1 && n != 3) || !strchr(net, '/') || !parse_net(net, &r.net, &r.prefix))
		return bad(why, k->name, value, mend);
	r.net = masked(&r.net, r.prefix);
	r.gateway = masked(&r.net, 0);
	if (n == 3 && (strcmp(via, "via") || !parse_ip(gw, &r.gateway) ||
		       ip_is_v4(&r.gateway) != ip_is_v4(&r.net)))
		return bad(why, k->name, value, mend);
	if (fresh(c, LIST_ROUTE))
		keep_defaults(c);
	if (r.prefix == 0) /* as a gateway */
		drop_default(c, ip_is_v4(&r.net));
	return add_route(c, k, &r, why);
}

static int add_neigh(struct rt_config *c, const struct ip_addr *addr, const struct eth_addr *mac)
{
	if (c->n_neighs >= RT_MAX_NEIGHS)
		return -ENOSPC;
	c->neighs[c->n_neighs].addr = *addr;
	c->neighs[c->n_neighs++].mac = *mac;
	return 0;
}

int rt_parse_arp(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	char addr[64] = "", hw[32] = "", rest;
	struct ip_addr ip;
	struct eth_addr mac;

	if (sscanf(value, "%63s %31s %c", addr, hw, &rest) != 2 || !parse_ip(addr, &ip) ||
	    !parse_mac(hw, &mac))
		return bad(why, k->name, value,
			   "give ADDRESS MAC, such as 10.0.0.9 02:00:00:00:00:09");
	if (fresh(c, LIST_ARP))
		c->n_neighs = 0;
	return add_neigh(c, &ip, &mac) < 0 ? full(why, k) : 0;
}

/* ---- mTCP's files ---- */

/* The count in "ROUTES n" is not needed: every line that follows is read. */
static bool is_count(const char *line, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(line, word, n) && isspace((unsigned char)line[n]);
}

static int route_line(struct rt_config *c, char *line, char *why)
{
	char net[64] = "", dev[64] = "", rest;
	struct stack_route r = {.gateway = ip_from_v4(0)};

	if (is_count(line, "ROUTES"))
		return 0;
	if (sscanf(line, "%63s %63s %c", net, dev, &rest) != 2 ||
	    !parse_net(net, &r.net, &r.prefix)) {
		snprintf(why, RT_ERR_LEN,
			 "'%.100s' is not NETWORK/PREFIX DEVICE; correct or remove the line", line);
		return -EINVAL;
	}
	r.net = masked(&r.net, r.prefix);
	if (c->n_routes >= STACK_MAX_ROUTES) {
		snprintf(why, RT_ERR_LEN, "more than %d routes; remove some", STACK_MAX_ROUTES);
		return -ENOSPC;
	}
	c->routes[c->n_routes++] = r;
	return 0;
}

/* An entry with a short prefix says "all of these hosts have this MAC". Up to 256 hosts become an
 * entry each; beyond that, the address becomes a router with a static entry. */
static int arp_line(struct rt_config *c, char *line, char *why)
{
	char net[64] = "", hw[32] = "", rest;
	struct stack_route r;
	struct eth_addr mac;
	int bad_entry = 0;

	if (is_count(line, "ARP_ENTRY"))
		return 0;
	if (sscanf(line, "%63s %31s %c", net, hw, &rest) != 2 ||
	    !parse_net(net, &r.net, &r.prefix) || !parse_mac(hw, &mac)) {
		snprintf(why, RT_ERR_LEN,
			 "'%.100s' is not ADDRESS/PREFIX MAC; correct or remove the line", line);
		return -EINVAL;
	}
	if (r.prefix < prefix_max(&r.net) - 8) {
		r.gateway = r.net;
		bad_entry = add_neigh(c, &r.net, &mac) < 0 || c->n_routes >= STACK_MAX_ROUTES;
		r.net = masked(&r.net, r.prefix);
		if (!bad_entry)
			c->routes[c->n_routes++] = r;
	} else {
		struct ip_addr base = masked(&r.net, r.prefix);

		for (uint32_t i = 0; i < 1u << (prefix_max(&base) - r.prefix) && !bad_entry; i++) {
			struct ip_addr a = nth_after(&base, i);

			bad_entry = add_neigh(c, &a, &mac) < 0;
		}
	}
	if (bad_entry)
		snprintf(why, RT_ERR_LEN, "more than %d entries; remove some", RT_MAX_NEIGHS);
	return bad_entry ? -ENOSPC : 0;
}

static int read_legacy(struct rt_config *c, const char *path, rt_line_fn fn, char err[RT_ERR_LEN])
{
	char *text = rt_read_file(path, err);
	int r;

	if (!text)
		return -ENOENT;
	r = rt_each_line(c, path, text, fn, err);
	free(text);
	return r;
}

/* Where mTCP's file `name` is, or false. */
static bool find_legacy(char path[RT_STR_LEN], const char *conf_file, const char *name)
{
	const char *slash = strrchr(conf_file, '/');
	int n;

	snprintf(path, RT_STR_LEN, "config/%s", name);
	if (access(path, F_OK) == 0)
		return true;
	if (!slash)
		return false;
	n = snprintf(path, RT_STR_LEN, "%.*s/config/%s", (int)(slash - conf_file), conf_file, name);
	return n < RT_STR_LEN && access(path, F_OK) == 0;
}

int rt_config_legacy(struct rt_config *c, const char *conf_file, char err[RT_ERR_LEN])
{
	char path[RT_STR_LEN];
	int r = 0;

	if (*c->route_file)
		r = read_legacy(c, c->route_file, route_line, err);
	else if (conf_file && find_legacy(path, conf_file, "route.conf"))
		r = read_legacy(c, path, route_line, err);
	if (r)
		return r;
	if (*c->arp_file)
		return read_legacy(c, c->arp_file, arp_line, err);
	if (conf_file && find_legacy(path, conf_file, "arp.conf"))
		return read_legacy(c, path, arp_line, err);
	return 0;
}
