/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams put together from their fragments, both families (RFC 791 3.2, RFC 1122 3.3.2, RFC 8200
 * 4.5). Everything is bounded: stack_config.frag_datagrams at a time, 64 KiB each, the oldest
 * giving way to a new one; a timeout; nothing beyond the largest datagram. One whose fragments
 * overlap is refused whole, with all that still comes of it (RFC 5722, here for IPv4 too: only
 * attacks overlap otherwise than by repeating a fragment).
 */
#ifndef STACK_REASS_H
#define STACK_REASS_H

#include "base/rlist.h"
#include "base/pool.h"
#include "base/time.h"
#include "stack/wheel.h"
#include "wire/wire.h"

#define REASS_MAX_DATAGRAMS 1024
#define REASS_TIMEOUT_V4    (30 * MT_SEC) /* as Linux; identifications come again soon (RFC 4963) */
#define REASS_TIMEOUT_V6    (60 * MT_SEC)

struct reass {
	struct pool datagrams;
	uint8_t *blocks;    /* of 64 KiB each, by datagram */
	struct rlist age;   /* being put together, oldest first */
	struct rlist whole; /* given to the upper layers, until reass_release */
};

struct stack_config;
struct stack_core;

size_t reass_bytes(const struct stack_config *);
void reass_init(struct stack_core *, void *mem);
/* A fragment for one of our addresses: h as the parser gave it with WIRE_FRAGMENT. True: with it
 * the datagram is whole, and h now describes that: payload, payload_len, proto, tos; the payload
 * stays until reass_release. Everything else is counted by reason. O(fragment + datagrams). */
bool reass_input(struct stack_core *, struct ip_hdr *h, const struct eth_addr *from, mt_time now);
void reass_release(struct stack_core *);
void reass_timer(struct stack_core *, struct wheel_node *);

#endif
