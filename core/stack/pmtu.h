/* SPDX-License-Identifier: BSD-3-Clause */
/* What routers said about the path MTU of a destination, for connections yet to come (RFC
 * 1191 5.2). Few and bounded: the oldest makes room. Forgotten after ten minutes (6.3). */
#ifndef STACK_PMTU_H
#define STACK_PMTU_H

#include "tcp/tcp.h"
#include "wire/addr.h"

#define PMTU_ENTRIES 64
#define PMTU_AGE     (600 * MT_SEC)

struct pmtu_entry {
	struct ip_addr remote;
	mt_time learnt_at;
	uint16_t mss; /* largest payload, options not counted */
};

struct pmtu_cache { /* all zero: empty */
	uint32_t n;
	struct pmtu_entry e[PMTU_ENTRIES];
};

void pmtu_learn(struct pmtu_cache *, const struct ip_addr *remote, uint16_t mss, mt_time now);
/* 0: nothing is known. O(entries), O(1) while there are none. */
uint16_t pmtu_find(const struct pmtu_cache *, const struct ip_addr *remote, mt_time now);

#endif
