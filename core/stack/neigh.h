/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbours: next hop -> Ethernet address, by ARP (RFC 826, RFC 1122 2.3.2) or neighbour discovery
 * (RFC 4861 7), whose state machine serves both: a REACHABLE entry past its check_at is what RFC
 * 4861 calls STALE. A bounded table; connections that wait for an address hang on the entry, never
 * on a transmit list, so a silent neighbour delays nobody else. An entry is taken by a newcomer
 * only when it is neither static nor in use, the least recently used first.
 */
#ifndef STACK_NEIGH_H
#define STACK_NEIGH_H

#include "base/rlist.h"
#include "base/pool.h"
#include "stack/stack.h"
#include "stack/wheel.h"

#define NEIGH_RETRY	MT_SEC
#define NEIGH_TRIES	3
#define NEIGH_REACHABLE (60 * MT_SEC) /* then asked again, by unicast, if still in use */
#define NEIGH_IN_USE	(10 * MT_SEC) /* since its last packet */
#define NEIGH_FAILED	MT_SEC	      /* a failure is remembered so long */
#define NEIGH_GEN_MAX	((1u << 24) - 1)
#define NEIGH_MAX	(1u << 20)   /* entries */
#define NEIGH_DELAY	(5 * MT_SEC) /* IPv6: from the first use of a stale entry to its probe */
#define NEIGH_ANSWERS	32	     /* that wait for a frame */

enum neigh_state {
	NEIGH_ST_INCOMPLETE, /* asked, no answer yet */
	NEIGH_ST_REACHABLE,
	NEIGH_ST_DELAY, /* IPv6: used when stale; a probe follows */
	NEIGH_ST_PROBE, /* address known, being asked again by unicast */
	NEIGH_ST_FAILED,
	NEIGH_ST_STATIC
};

struct neigh {
	struct ip_addr ip;
	struct eth_addr mac;
	uint16_t vlan; /* it was last heard in, or, unheard, asked for in */
	uint8_t state;
	uint8_t n_tries;
	bool router;  /* IPv6: says it is one */
	uint32_t gen; /* 24 bits; who remembers another looks for the next hop again */
	uint32_t hash_next;
	uint32_t served;      /* the serving that last found it usable */
	mt_time used_at;      /* of the LRU order, refreshed once a second at most; 0: never */
	mt_time check_at;     /* REACHABLE: ask again when used after this */
	struct rlist lru;     /* not linked: static */
	struct rlist waiting; /* connections, by tx_node */
	struct rlist asking;  /* on the table's list of requests to send */
	struct wheel_node timer;
};

/* An answer to who asks for an address of ours. */
struct neigh_answer {
	struct ip_addr target;
	struct ip_addr asker; /* any: looks for a duplicate */
	struct eth_addr to;
	uint16_t vlan;
};

struct neigh_table {
	struct pool pool;
	uint32_t *heads;
	uint32_t mask;
	uint64_t secret[2];
	uint32_t last_gen;
	uint32_t serving;    /* of a transmit list, the one under way; never 0 then */
	struct rlist lru;    /* never used, then least recently used first */
	struct rlist asking; /* a request is due: sent by the next stack_tx */
	/* Found no frame: a ring. Who asks does so again after a second only, and all that it has
	 * to send waits for that long. */
	uint32_t first_answer, n_answers;
	struct neigh_answer answers[NEIGH_ANSWERS];
};

struct ndp_msg;
struct stack_core;

size_t neigh_bytes(uint32_t n_neigh);
void neigh_init(struct stack_core *, void *mem);
/* The entry of a next hop, made and being resolved if it was not there; NULL when the table is
 * full. */
struct neigh *neigh_get(struct stack_core *, const struct ip_addr *hop, mt_time now);
bool neigh_add_static(struct stack_core *, const struct ip_addr *, const struct eth_addr *);
/* A packet is about to be sent to this neighbour, whose address is known. */
void neigh_used(struct stack_core *, struct neigh *, mt_time now);
/* Connections that send by way of this neighbour look for their next hop again (RFC 4861 6.3.5).
 * O(those that wait for it, or were released this turn). */
void neigh_reroute(struct stack_core *, const struct ip_addr *hop);
/* Somebody says that ip is at mac, by ARP. create: also if nobody asked. */
struct neigh_claim {
	struct ip_addr ip;
	struct eth_addr mac;
	bool create;
	bool router; /* it speaks as one */
};
void neigh_learn(struct stack_core *, const struct neigh_claim *, mt_time now);
/* The same in a solicitation or from a router (RFC 4861 7.2.3, 6.3.4): believed, yet stale. */
void neigh_hint(struct stack_core *, const struct neigh_claim *, mt_time now);
/* A neighbour advertisement (RFC 4861 7.2.5): never makes an entry. */
void neigh_advertised(struct stack_core *, const struct ndp_msg *, mt_time now);
void neigh_timer(struct stack_core *, struct neigh *, mt_time now);
/* Sends what requests are due, and announces this core's addresses, as far as the turn's room goes.
 */
void neigh_tx(struct stack_core *, mt_time now);
/* A turn's worth of the requests that are due is lost. */
void neigh_lose(struct stack_core *, mt_time now);
/* Answers: now, or in a turn that has a frame for it. Lost (counted) if too many wait. */
void neigh_answer(struct stack_core *, const struct neigh_answer *, mt_time now);
/* The answers that wait, as far as the room for answers goes. Leaves sc->vlan changed. */
void neigh_tx_answers(struct stack_core *, mt_time now);
bool neigh_tx_pending(const struct stack_core *);
static inline bool neigh_known(const struct neigh *n)
{
	return n->state != NEIGH_ST_INCOMPLETE && n->state != NEIGH_ST_FAILED;
}

#endif
