// SPDX-License-Identifier: BSD-3-Clause
/* From what the keys said to what stack and device are given. */
#include "base/num.h"
#include "base/rng.h"
#include "runtime/config.h"
#include "runtime/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The IPv4 address that the kernel has on this interface, as our `address`. */
static void kernel_address(struct rt_config *c, const char *iface)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) < 0)
		return;
	for (i = all; i && c->n_addrs == 0; i = i->ifa_next) {
		const struct sockaddr_in *a = (const void *)i->ifa_addr,
					 *m = (const void *)i->ifa_netmask;

		if (!a || !m || a->sin_family != AF_INET || strcmp(i->ifa_name, iface))
			continue;
		c->addrs[0].addr = ip_from_v4(ntohl(a->sin_addr.s_addr));
		c->addrs[0].prefix = (uint8_t)__builtin_popcount(m->sin_addr.s_addr);
		c->n_addrs = 1;
	}
	freeifaddrs(all);
}

/* mTCP took the device from `port` and its address from the kernel. */
static int device_from_port(struct rt_config *c, char *err)
{
	char iface[IF_NAMESIZE];

	if (!*c->port) {
		snprintf(err, RT_ERR_LEN,
			 "no device is configured; add a line such as device = af_packet:eth1 "
			 "(docs/configuration.md)");
		return -ENODEV;
	}
	if (sscanf(c->port, "%15s", iface) != 1 || if_nametoindex(iface) == 0) {
		snprintf(err, RT_ERR_LEN,
			 "port = %.100s names no interface of this machine; add a line such as "
			 "device = pci:0000:01:00.0 or device = af_packet:eth1 (docs/porting.md)",
			 c->port);
		return -ENODEV;
	}
	snprintf(c->device, sizeof(c->device), "af_packet:%s", iface);
	if (c->n_addrs == 0)
		kernel_address(c, iface);
	return 0;
}

static int random_seed(struct rt_config *c, char *err)
{
	if (getrandom(&c->stack.seed, sizeof(c->stack.seed), 0) == (ssize_t)sizeof(c->stack.seed))
		return 0;
	snprintf(err, RT_ERR_LEN, "no randomness from the kernel (%s); set seed = NUMBER",
		 strerror(errno));
	return -EIO;
}

/* One for all cores, and none that a core draws from the same seed. */
static void fastopen_secret(struct rt_config *c)
{
	struct rng g;

	rng_seed(&g, ~c->stack.seed);
	c->stack.fastopen_secret[0] = rng_next(&g);
	c->stack.fastopen_secret[1] = rng_next(&g);
}

static int memory_channels(struct rt_config *c, char *err)
{
	char args[RT_STR_LEN];
	int n;

	if (c->num_mem_ch == 0)
		return 0;
	n = snprintf(args, sizeof(args), "-n %u%s%s", c->num_mem_ch, *c->eal_args ? " " : "",
		     c->eal_args);
	if (n >= (int)sizeof(args)) {
		snprintf(err, RT_ERR_LEN,
			 "eal_args and num_mem_ch together are too long; shorten eal_args");
		return -ENAMETOOLONG;
	}
	memcpy(c->eal_args, args, (size_t)n + 1);
	c->num_mem_ch = 0;
	return 0;
}

/* A quarter of the memory there is, shared by the cores: peers that fill all buffers must not bring
 * the machine down, nor get the process killed. */
static uint64_t memory_share(const struct rt_config *c)
{
	return rt_memory("") / 4 / c->num_cores;
}

void rt_config_derive(struct rt_config *c)
{
	struct stack_config *s = &c->stack;
	struct tcp_config *t = &s->tcp;
	uint64_t bufs = c->max_num_buffers ? c->max_num_buffers : c->max_concurrency;
	uint64_t bytes, most = memory_share(c);

	if (!c->rcvbuf_given)
		t->rcvbuf = min_u32(t->rcvbuf, c->rcvbuf_max);
	if (!c->sndbuf_given)
		t->sndbuf = min_u32(t->sndbuf, c->sndbuf_max);
	t->rcvbuf_max = c->rcvbuf_given ? 0 : c->rcvbuf_max;
	t->sndbuf_max = c->sndbuf_given ? 0 : c->sndbuf_max;
	bytes = bufs * ((uint64_t)t->rcvbuf + t->sndbuf);

	/* A connection outlives its descriptor while it closes. */
	s->n_conns = c->max_concurrency + c->max_concurrency / 4 + 1024;
	s->buf_bytes =
		c->buffer_mb ? (size_t)c->buffer_mb << 20 : (size_t)(bytes < most ? bytes : most);
	s->time_wait_ms = (uint32_t)c->tcp_timewait_s * 1000;
	s->tcp.user_timeout_ms = c->tcp_timeout_s > 0 ? (uint32_t)c->tcp_timeout_s * 1000 : 0;
	s->n_queues = c->num_cores;
	s->addrs = c->addrs;
	s->n_addrs = c->n_addrs;
	s->routes = c->routes;
	s->n_routes = c->n_routes;
	s->neighs = c->neighs;
	s->n_neighs = c->n_neighs;
	s->n_neigh = stack_config_default.n_neigh + c->n_neighs; /* these never give way */
}

int rt_config_finish(struct rt_config *c, char err[RT_ERR_LEN])
{
	int r = *c->device ? 0 : device_from_port(c, err);

	if (r == 0 && c->n_addrs == 0 && !c->stack.ipv6_autoconf) {
		snprintf(err, RT_ERR_LEN,
			 "no address is configured; add a line such as address = 10.0.0.2/24 "
			 "(mTCP took it from the kernel's interface)");
		r = -EADDRNOTAVAIL;
	}
	if (r == 0)
		r = memory_channels(c, err);
	if (r == 0 && !c->seed_given)
		r = random_seed(c, err);
	if (r == 0) {
		fastopen_secret(c);
		rt_config_derive(c);
	}
	return r;
}
