/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration: "key = value" lines, read by one table, from a file (mtcp_init), from text
 * (mtcp_stack_open's overrides), later lines over earlier ones. docs/configuration.md is that
 * table. All functions return 0, or -errno with one line in err: FILE:LINE, what is wrong, the
 * mend.
 */
#ifndef RUNTIME_CONFIG_H
#define RUNTIME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mtcp/nic.h"
#include "stack/stack.h"

#define RT_ERR_LEN    512 /* = MTCP_ERR_LEN */
#define RT_STR_LEN    512
#define RT_MAX_NEIGHS 1024

struct rt_config {
	struct stack_config
		stack; /* what the keys set directly; the rest follows in rt_config_finish */
	struct stack_addr addrs[STACK_MAX_ADDRS];
	struct stack_route routes[STACK_MAX_ROUTES];
	struct stack_neigh_entry neighs[RT_MAX_NEIGHS];
	uint16_t n_addrs, n_routes, n_neighs;

	char device[RT_STR_LEN], capture[RT_STR_LEN], eal_args[RT_STR_LEN];
	char port[RT_STR_LEN]; /* mTCP: names of interfaces */
	char route_file[RT_STR_LEN], arp_file[RT_STR_LEN];
	uint16_t num_cores;	  /* queues of the device */
	uint64_t core_mask;	  /* 0: any CPU */
	uint32_t num_mem_ch;	  /* 0: EAL decides */
	uint32_t max_concurrency; /* descriptors per core */
	uint32_t max_num_buffers; /* 0: max_concurrency */
	uint32_t buffer_mb;	  /* 0: max_num_buffers * (rcvbuf + sndbuf) */
	int32_t tcp_timeout_s;	  /* -1: off */
	int32_t tcp_timewait_s;
	uint32_t n_desc, n_bufs;
	uint16_t mtu;
	uint32_t job_ring_kb, event_ring_kb;
	uint32_t linger_ms, spin_us;
	uint32_t rcvbuf_max, sndbuf_max; /* of auto-tuning */
	bool rcvbuf_given, sndbuf_given; /* no auto-tuning */
	bool paired, account_calls, busy_poll, csum_offload, stat_print, seed_given;

	/* While reading: which source is being read, and which source last filled each list. */
	unsigned source;
	unsigned list_source[3];
};

struct rt_key {
	const char *name;
	int (*parse)(struct rt_config *, const struct rt_key *, const char *value, char *why);
	size_t offset; /* of the field, for the parsers that are shared */
	int64_t min, max;
	const char *dflt; /* as a reader of the documentation sees it */
	const char *doc;
};

/* The table, in the order of the documentation. */
const struct rt_key *rt_config_keys(size_t *n);

void rt_config_init(struct rt_config *);
int rt_config_file(struct rt_config *, const char *path, char err[RT_ERR_LEN]);
/* name: what to call this text in err. */
int rt_config_text(struct rt_config *, const char *name, const char *text, char err[RT_ERR_LEN]);
/* mTCP's config/route.conf and config/arp.conf: looked for below the working directory, then below
 * the directory of conf_file, unless route_file and arp_file name others. */
int rt_config_legacy(struct rt_config *, const char *conf_file, char err[RT_ERR_LEN]);
/* Completes and cross-checks: device, addresses, memory, seed. The arrays of ->stack point into the
 * struct from here on, so it stays where it is. */
int rt_config_finish(struct rt_config *, char err[RT_ERR_LEN]);
/* Carries the general fields over to ->stack again, after one was changed (mtcp_setconf). */
void rt_config_derive(struct rt_config *);

/* ---- parsers of addresses, also used for mTCP's files (config_net.c); why: RT_ERR_LEN bytes ----
 */
int rt_parse_address(struct rt_config *, const struct rt_key *, const char *value, char *why);
int rt_parse_gateway(struct rt_config *, const struct rt_key *, const char *value, char *why);
int rt_parse_route(struct rt_config *, const struct rt_key *, const char *value, char *why);
int rt_parse_arp(struct rt_config *, const struct rt_key *, const char *value, char *why);

/* Removes blanks at both ends, in place; returns the new start. */
char *rt_trim(char *s);
/* Calls line() for each line that is not empty, comments (#) and blanks removed, until it fails. */
typedef int (*rt_line_fn)(struct rt_config *, char *line, char *why);
int rt_each_line(struct rt_config *, const char *name, const char *text, rt_line_fn,
		 char err[RT_ERR_LEN]);
/* The file's content, to be freed by the caller, or NULL with err. */
char *rt_read_file(const char *path, char err[RT_ERR_LEN]);

#endif
