/* SPDX-License-Identifier: BSD-3-Clause */
/* One core's state, private to core/stack, and what its files offer each other. */
#ifndef STACK_CORE_H
#define STACK_CORE_H

#include "base/hash.h"
#include "base/num.h"
#include "base/pool.h"
#include "base/rng.h"
#include "stack/autoconf.h"
#include "stack/conn.h"
#include "stack/control.h"
#include "stack/fastopen.h"
#include "stack/flow_table.h"
#include "stack/neigh.h"
#include "stack/pmtu.h"
#include "stack/reass.h"
#include "stack/route.h"
#include "stack/trace.h"
#include "stack/vlan.h"
#include "tcp/syn_cookie.h"
#include "wire/frame.h"

/* Kinds of ids in the flow table; without either they name connections. */
#define FLOW_TW	 0x80000000u /* TIME-WAIT records */
#define FLOW_SYN 0x40000000u /* half-open connections */

#define SYN_LEVELS 7 /* timeouts of a SYN/ACK, less what tcp.syn_retries leaves out */

#define RX_CHUNK 32 /* frames per phase of stack_input: their parsed values stay in L1 */

/* Kinds of wheel nodes. */
enum { TIMER_CONN, TIMER_NEIGH, TIMER_AUTOCONF, TIMER_FRAG };

struct rx_seg { /* a TCP segment between the phases of stack_input */
	struct flow flow;
	uint64_t hash;
	uint32_t id; /* the table's candidate; from process() on, what it has */
	uint16_t vlan;
	uint8_t local;	      /* index of flow.local */
	struct eth_addr from; /* answers without a connection go back the way the segment came */
	struct tcp_seg seg;
};

struct syn_fifo {
	uint32_t oldest, newest;
};

struct stack_core {
	struct mtcp_stats stats;
	struct stack_config cfg; /* arrays of it are not kept */
	const struct nic *nic;
	struct eth_addr mac;
	struct frame_eth eth; /* towards the last next hop, mostly the next one's too */
	struct rng rng;
	struct siphash_key open_key; /* first sequence numbers, timestamp offsets */

	struct tcp_cookies cookies;
	uint32_t n_fastopen; /* connections that are CONN_FASTOPEN */
	struct fastopen_entry fastopens[FASTOPEN_ENTRIES];

	struct pool conns, half_opens, time_waits, owns, colds, listeners;
	uint32_t n_blocks; /* of conns, from the first, whose timers have been initialised */
	struct flow_table flows;
	struct bufmem bufs;
	struct wheel wheel;
	struct trace_event *traces; /* by connection id; NULL: off */
	uint32_t trace_mask;
	size_t trace_len;     /* of one connection's ring */
	uint16_t vlan;	      /* of what is being answered or built; else cfg.vlan */
	mt_time turn_at;      /* of the last turn, for calls that are not told the time */
	struct rlist starved; /* connections that wait for buffer memory to write into */
	struct rlist orphans; /* closed by the application, the oldest first */

	uint32_t tw_oldest, tw_newest;		   /* FIFO by expiry */
	struct syn_fifo syn_fifos[SYN_LEVELS + 1]; /* by timeouts; the last: SYN/ACK to be sent */

	uint32_t *listen_heads; /* by port */
	uint32_t listen_mask;
	struct rlist conn_events, listen_events;

	struct addr_table addrs;
	struct route_table routes;
	struct pmtu_cache pmtus;
	struct neigh_table neighs;
	struct reass reass;
	struct autoconf autoconf;
	uint64_t label_secret;	/* flow labels */
	mt_time problems_since; /* ICMPv6 errors are bounded per interval */
	unsigned n_problems;
	struct port_search *ports; /* connect.c */

	/* transmit: lists, frames built and not yet taken by the device, empty frames */
	struct rlist tx_lists[4];    /* by enum conn_tx */
	struct rlist tx_opens;	     /* control: SYN; SYN/ACKs are in the last of syn_fifos */
	struct rlist tx_deferred[2]; /* ACKs that wait one and two turns; tx is CONN_TX_ACK */
	struct rlist tx_unparked;    /* their neighbour's fate is known; tx is CONN_TX_NEIGH */
	uint32_t n_listed;
	uint16_t n_out, n_spare, n_replies;
	unsigned n_visits; /* what this turn may still look at */
	unsigned n_narrow; /* turns that could not send all */
	bool busy, refused; /* refused: the device took none, or had none to give; lose.h */
	mt_time stuck_at;   /* the first time since it last took any; 0: none */
	struct nic_pkt out[STACK_MAX_BATCH]; /* n_out of them, then n_spare empty ones */

	/* receive */
	uint16_t n_rx;
	struct nic_pkt rx[STACK_MAX_BATCH];
	struct rx_seg segs[RX_CHUNK];
};

/* How large one connection's buffer may grow beyond its initial size: half of what is free of the
 * buffer memory (dynamic thresholds, Choudhury and Hahne 1998), so that growth ends before memory
 * does. */
static inline uint32_t core_buf_share(const struct stack_core *sc)
{
	size_t free = ((size_t)sc->bufs.n_units * BUFMEM_UNIT - sc->bufs.used_bytes) / 2;

	return free < 1u << 30 ? (uint32_t)free : 1u << 30;
}

/* The same for what lies ahead of a hole, which no application can read away: an eighth, so that
 * peers who fill no holes leave memory to the others. */
static inline uint32_t core_buf_share_ahead(const struct stack_core *sc)
{
	return core_buf_share(sc) / 4;
}

static inline struct conn *core_conn(const struct stack_core *sc, uint32_t id)
{
	return (struct conn *)(void *)sc->conns.base + id;
}

/* Both ends of a connection as the wire has them. */
static inline struct flow conn_flow(const struct stack_core *sc, const struct conn *c)
{
	return (struct flow){
		.local = sc->addrs.addr[c->local].addr,
		.remote = c->remote,
		.lport = c->lport,
		.rport = c->rport,
	};
}

static inline struct listener *core_listener(const struct stack_core *sc, uint32_t lid)
{
	return pool_at(&sc->listeners, lid);
}

/* ---- tx.c ---- */
/* The next empty frame, to be filled and committed at once; NULL (counted) if the turn's room or
 * the device's buffers are used up. */
uint8_t *tx_frame(struct stack_core *);
void tx_commit(struct stack_core *, size_t len);
void tx_commit_tcp(struct stack_core *, size_t len); /* what ip_out_tcp wrote */
/* As tx_frame, for answers without a connection: they get at most half of a turn's room. */
uint8_t *tx_answer_frame(struct stack_core *); /* for one that can wait */
uint8_t *tx_reply_frame(struct stack_core *);  /* for one that is lost (counted) without a frame */

/* ---- ip_out.c ---- */
#define IP_OUT_TTL 64
/* Writes Ethernet, IP and TCP headers around s->len payload bytes that stand at ip_out_payload().
 * Length of the frame. The TCP checksum is left to a device that computes it. */
size_t ip_out_tcp(const struct stack_core *, uint8_t *frame, const struct eth_addr *to,
		  const struct flow *, const struct tcp_seg *);
static inline size_t ip_hlen(const struct ip_addr *a)
{
	return ip_is_v4(a) ? IPV4_HLEN : IPV6_HLEN;
}
static inline size_t ip_out_payload(const struct ip_addr *remote, const struct tcp_seg *s)
{
	return ETH_HLEN + ip_hlen(remote) + tcp_hdr_len(s);
}
/* Largest segment, options not counted, that the link takes towards this address. */
static inline uint16_t ip_out_mss(const struct stack_core *sc, const struct ip_addr *remote)
{
	if (ip_is_v4(remote))
		return (uint16_t)(sc->nic->mtu - IPV4_HLEN - TCP_HLEN);
	return (uint16_t)(sc->autoconf.mtu - IPV6_HLEN - TCP_HLEN);
}
/* Sends a segment that belongs to no connection (RST, TIME-WAIT's ACK) back to the station it
 * answers. */
void ip_out_reply(struct stack_core *, const struct rx_seg *to, const struct tcp_seg *);
void ip_out_to(struct stack_core *, const struct eth_addr *, const struct flow *,
	       const struct tcp_seg *);

/* ---- time_wait.c ---- */
/* A record takes the connection's place in the flow table; without time_wait_ms nothing does. */
void time_wait_enter(struct stack_core *, struct conn *, uint64_t hash, mt_time now);
/* A segment for record `id`. True: it is a SYN for a listener, which removes the record if it
 * accepts. */
bool time_wait_input(struct stack_core *, uint32_t id, const struct rx_seg *, mt_time now);
void time_wait_remove(struct stack_core *, uint32_t id, uint64_t hash);
struct flow time_wait_flow(const struct stack_core *, uint32_t id);
bool time_wait_is(const struct stack_core *, uint32_t id, const struct flow *);
void time_wait_expire(struct stack_core *, mt_time now, unsigned budget);
mt_time time_wait_next(const struct stack_core *, mt_time now);
static inline struct time_wait *time_wait_at(const struct stack_core *sc, uint32_t id)
{
	return pool_at(&sc->time_waits, id);
}

/* ---- syn_queue.c ---- */
void syn_queue_init(struct stack_core *);
struct flow syn_queue_flow(const struct stack_core *, uint32_t id);
/* In use, for this flow: what a lookup found some time ago may have ended. */
bool syn_queue_is(const struct stack_core *, uint32_t id, const struct flow *);
bool syn_queue_full(const struct stack_core *);
/* Keeps a half-open connection and has its SYN/ACK sent. False: no room. */
bool syn_queue_add(struct stack_core *, uint32_t lid, const struct rx_seg *,
		   const struct tcp_half *, mt_time now);
/* A segment for the half-open connection r->id. */
void syn_queue_input(struct stack_core *, struct rx_seg *, mt_time now);
static inline bool syn_queue_sends(const struct stack_core *sc)
{
	return sc->syn_fifos[SYN_LEVELS].oldest != POOL_NONE;
}
/* Sends SYN/ACKs until the turn's frames reach `until`. */
void syn_queue_send(struct stack_core *, unsigned until, mt_time now);
void syn_queue_expire(struct stack_core *, mt_time now, unsigned budget);
mt_time syn_queue_next(const struct stack_core *, mt_time now);
/* The listener is gone. O(half-open connections). */
void syn_queue_forget(struct stack_core *, uint32_t lid);
void syn_queue_forget_gone(struct stack_core *); /* the same of local addresses */

/* ---- listen.c ---- */
/* A segment without a connection (r->id is FLOW_NONE, or a TIME-WAIT record that it may replace),
 * for a listener or nobody. */
void listen_input(struct stack_core *, struct rx_seg *, mt_time now);
/* What the listener's connections with this address have in common. */
struct tcp_host listen_host(const struct stack_core *, uint32_t lid, const struct ip_addr *remote);
bool listen_exists(const struct stack_core *, const struct flow *);
/* r->seg completes a handshake: a connection takes the place of r->id in the table (FLOW_NONE:
 * none) and stands on the accept queue. False (counted): no room. */
bool listen_open(struct stack_core *, uint32_t lid, struct rx_seg *r, const struct tcp_half *,
		 mt_time now);

/* ---- connect.c ---- */
size_t port_search_bytes(void);
void port_search_init(struct stack_core *, void *mem);

/* ---- input.c ---- */
/* A device gives fragments to a queue by their addresses alone. What the connection's own core
 * answers for is not to be reset, nor opened, by another: true, counted. */
bool input_elsewhere(struct stack_core *, const struct flow *);
void core_count_wire(struct stack_core *, enum wire_err);
void core_count_drop(struct mtcp_stats *, enum tcp_drop);

#endif
