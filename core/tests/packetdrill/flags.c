// SPDX-License-Identifier: BSD-3-Clause
/* "key=value,..." -> configuration. */
#include "plugin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct flag {
	const char *name, *doc;
	size_t at; /* in struct stack_config, or UNPLACED */
	size_t size;
	long min, max;
};

#define UNPLACED SIZE_MAX
#define TCP(field)                                                                                 \
	offsetof(struct stack_config, tcp.field), sizeof(((struct stack_config *)0)->tcp.field)

static const struct flag flags_known[] = {
	{"local_ip", "address of the host under test (192.168.0.1)", UNPLACED, 0, 0, 0},
	{"mtu", "of the link (1500)", UNPLACED, 0, 576, 9000},
	{"seed", "of all that is random (1)", offsetof(struct stack_config, seed), 8, 0, INT32_MAX},
	{"horizon_ms", "how long netdev_receive waits for a packet (300000)", UNPLACED, 0, 1,
	 86400000},
	{"delack_ms", "delayed ACK", TCP(delack_ms), 1, 10000},
	{"quick_acks", "segments acknowledged at once at the start", TCP(quick_acks), 0, 255},
	{"init_cwnd", "initial window, segments", TCP(init_cwnd), 1, 255},
	{"wscale", "0: no window scaling", TCP(wscale), 0, 1},
	{"timestamps", "0: no timestamps", TCP(timestamps), 0, 1},
	{"sack", "0: no SACK", TCP(sack), 0, 1},
	{"rcvbuf", "receive buffer, bytes", TCP(rcvbuf), 1, 1 << 30},
	{"sndbuf", "send buffer, bytes", TCP(sndbuf), 1, 1 << 30},
	{"rto_min_ms", "minimum RTO", TCP(rto_min_ms), 1, 120000},
	{"rto_init_ms", "initial RTO", TCP(rto_init_ms), 1, 120000},
	{"time_wait_ms", "2 MSL", offsetof(struct stack_config, time_wait_ms), 4, 0, 3600000},
	{"ecn", "0: off, 1: asked for, 2: granted", TCP(ecn), 0, 2},
	{"syn_cookies", "0: never, 1: when the queue is full, 2: always",
	 offsetof(struct stack_config, syn_cookies), 1, 0, 2},
	{"fastopen", "1: client, 2: server, 3: both", offsetof(struct stack_config, fastopen), 1, 0,
	 3},
	{"fast_path", "0: every segment takes the slow path", TCP(fast_path), 0, 1},
};

#define N_FLAGS (sizeof(flags_known) / sizeof(flags_known[0]))

static int refuse(const char *key, const char *why)
{
	fprintf(stderr, "mtcp plug-in: flag %s: %s; known flags:\n", key, why);
	for (size_t i = 0; i < N_FLAGS; i++)
		fprintf(stderr, "  %-13s %s\n", flags_known[i].name, flags_known[i].doc);
	return -EINVAL;
}

static const struct flag *find(const char *key)
{
	for (size_t i = 0; i < N_FLAGS; i++) {
		if (strcmp(flags_known[i].name, key) == 0)
			return &flags_known[i];
	}
	return NULL;
}

static int set_address(struct pd *pd, const char *value)
{
	uint8_t b[16];

	if (inet_pton(AF_INET6, value, b) == 1) {
		pd->addr.addr = ip_from_v6(b);
		return 0;
	}
	if (inet_pton(AF_INET, value, b) != 1)
		return refuse("local_ip", "no address");
	pd->addr.addr = ip_from_v4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
				   (uint32_t)b[2] << 8 | b[3]);
	return 0;
}

static void store(struct pd *pd, const struct flag *f, long v)
{
	uint64_t wide = (uint64_t)
		v; /* little-endian machines only, as all that DPDK's packages are built for */

	if (f->at != UNPLACED)
		memcpy((char *)&pd->cfg + f->at, &wide, f->size);
	else if (strcmp(f->name, "mtu") == 0)
		pd->nic.mtu = (uint16_t)v;
	else
		pd->horizon = (mt_time)v * MT_MS;
}

static int set(struct pd *pd, const char *key, const char *value)
{
	const struct flag *f = find(key);
	char *end;
	long v;

	if (!f)
		return refuse(key, "unknown");
	if (strcmp(key, "local_ip") == 0)
		return set_address(pd, value);
	v = strtol(value, &end, 10);
	if (end == value || *end || v < f->min || v > f->max)
		return refuse(key, "no number in its range");
	store(pd, f, v);
	return 0;
}

int plugin_flags(struct pd *pd, const char *flags)
{
	char *copy = strdup(flags ? flags : ""), *rest = copy, *item;
	int err = 0;

	while (copy && !err && (item = strtok_r(rest, ", ", &rest)) != NULL) {
		char *value = strchr(item, '=');

		if (value)
			*value++ = '\0';
		err = value ? set(pd, item, value) : refuse(item, "has no value");
	}
	free(copy);
	return err;
}
