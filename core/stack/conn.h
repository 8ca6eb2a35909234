/* SPDX-License-Identifier: BSD-3-Clause */
/* What a core keeps of a connection, a half-open one, a listener and a TIME-WAIT record; the life
 * of a connection block. */
#ifndef STACK_CONN_H
#define STACK_CONN_H

#include "stack/buf.h"
#include "stack/stack.h"
#include "stack/wheel.h"
#include "tcp/fastopen.h"
#include "tcp/half_open.h"
#include "tcp/own.h"
#include "tcp/tcb.h"

/* conn.flags */
enum {
	CONN_OWNED = 0x0001,	/* the application has the id */
	CONN_FASTOPEN = 0x0002, /* opened by data in a SYN, its handshake is not over */
	CONN_QUEUED = 0x0004,	/* on its listener's accept queue */
	CONN_ORPHAN = 0x0008,	/* closed by the application; TCP finishes by itself */
	CONN_DONE = 0x0010,	/* the tcb has ended; at most a last segment is pending */
	CONN_TO_TW = 0x0020,	/* with DONE: becomes a TIME-WAIT record */
	CONN_LIVE = 0x0040,	/* in the flow table; else the block is only its owner's */
	CONN_EOF = 0x0080,	/* the peer's FIN is in order */
	CONN_SHUT_RD = 0x0100,
	CONN_SHUT_WR = 0x0200,
	CONN_NO_SPACE = 0x0400, /* the send buffer was filled: STACK_OUT when a third is free */
	CONN_STARVED = 0x0800,	/* waits for buffer memory to write into */
	CONN_MORE = 0x1000,	/* a tcp_own is attached, and perhaps a tcp_cold */
	CONN_FAILED = 0x2000,	/* ended by an error, which may have been taken */
	CONN_OPENED = 0x4000	/* has been ESTABLISHED */
};

/* Where a connection's tx node is. */
enum conn_tx {
	CONN_TX_NONE,
	CONN_TX_CONTROL = TCP_TX_CONTROL,
	CONN_TX_ACK = TCP_TX_ACK,
	CONN_TX_DATA = TCP_TX_DATA,
	CONN_TX_NEIGH /* waits for a neighbour's address */
};

/* A local address is its index in the core's table, where addresses stay. The pool's free list uses
 * the first bytes; the rest of a free block still says whose it was (stack/trace.h). */
struct conn {
	/* line 0: every segment in, every segment out */
	_Alignas(64) uint32_t id;
	uint16_t flags;
	uint8_t tx;    /* enum conn_tx */
	uint8_t error; /* errno not yet taken */
	struct ip_addr remote;
	uint16_t lport, rport;
	uint32_t neigh : 20, vlan : 12; /* next hop; the VLAN it was opened in */
	uint32_t neigh_gen : 24,
		local : 8; /* neigh is valid while the entry's generation is this */
	union {
		uint16_t edge;	   /* OWNED: STACK_* bits not yet reported */
		uint16_t listener; /* QUEUED */
	};
	uint16_t n_events; /* recorded; trace_put.h */
	struct buf rcv, snd;
	struct rlist tx_node;
	struct rlist event_node;
	struct tcb tcb;
	/* what not every segment needs */
	struct wheel_node timer; /* of the block: may stay armed from one connection to the next */
	union {
		uint64_t cookie;
		mt_time closed_at; /* ORPHAN, not OWNED any more */
	};
	struct rlist queue_node; /* accept queue, starved writers, or orphans */
};

_Static_assert(offsetof(struct conn, tcb) == 64, "the tcb's lines are cache lines");
_Static_assert(offsetof(struct conn, queue_node) + sizeof(struct rlist) == 96 + sizeof(struct tcb),
	       "what an idle connection costs besides the tcb");
_Static_assert(offsetof(struct conn, timer) % 64 <= 32, "timer, cookie and queue are in one line");

struct listener {
	struct ip_endpoint local;
	uint32_t next; /* hash chain; POOL_NONE at the end */
	uint32_t backlog;
	uint32_t fastopen; /* connections that may be open before their handshake is over; 0: off */
	uint32_t n_queued;
	uint32_t rcvbuf; /* of its connections, from the SYN/ACK on; 0: as configured */
	uint16_t mss;	 /* the same; at most the path's */
	struct rlist queue;
	struct rlist event_node;
	uint64_t cookie;
};

/* One cache line, so that a million of them cost 64 MB. An index of a local address names one as
 * long as there are records with it (addr_end.c). */
struct time_wait {	       /* the pool's free list uses the first bytes */
	uint32_t older, newer; /* by expiry; POOL_NONE at the ends */
	struct ip_addr remote;
	uint16_t lport, rport;
	uint8_t local, answered; /* may_answer */
	uint32_t expires;	 /* in ticks of time_wait.c, modulo 2^32 */
	struct tcp_tw tw;
};

_Static_assert(sizeof(struct time_wait) <= 64, "a TIME-WAIT record is one cache line");

/* A SYN answered or about to be. It is answered by way of the station it came from, so that a
 * forged one asks for no neighbour. */
struct half_open {	       /* the pool's free list uses the first bytes */
	uint32_t older, newer; /* in its FIFO; POOL_NONE at the ends */
	struct ip_addr remote;
	uint16_t lport, rport, listener;
	uint8_t local;
	uint8_t answered; /* may_answer */
	struct eth_addr from;
	uint16_t vlan : 12, n_timeouts : 3, due : 1; /* due: the SYN/ACK is to be sent */
	struct tcp_half half;
};

_Static_assert(STACK_MAX_ADDRS <= UINT8_MAX + 1, "an index of 8 bits");
_Static_assert(sizeof(struct half_open) <= 64, "a half-open connection is one cache line");

/* Is there a block for one more connection? The oldest orphan gives way if it had its time. */
bool conn_room(struct stack_core *);
/* That orphan, or NULL: it stands still, and was not closed just now. */
struct conn *conn_in_the_way(struct stack_core *);
/* A peer without a connection is answered out of turn once in one or two ticks of 268 ms.
 * *answered: the tick of the last time; at first answer_tick() - 2. */
static inline uint8_t answer_tick(mt_time now)
{
	return (uint8_t)(now >> 28);
}

static inline bool may_answer(uint8_t *answered, mt_time now)
{
	uint8_t tick = answer_tick(now);

	if ((uint8_t)(tick - *answered) < 2)
		return false;
	*answered = tick;
	return true;
}

/* A block with its flow in the table and its tcb not yet opened; NULL (counted) when there is none.
 */
struct conn *conn_new(struct stack_core *, const struct flow *, uint8_t local, uint64_t hash);
/* The same for the segment's flow, in the place that r->id, a half-open one, has in the table. */
struct rx_seg;
struct conn *conn_new_for(struct stack_core *, const struct rx_seg *r);
/* Draws the owner's choices for a new connection: RFC 6528 ISN, timestamp offset, MSS of the
 * device. */
void conn_choose(const struct stack_core *, const struct flow *, mt_time now, struct tcp_open *);
/* Attaches what the tcb wants (TCP_WANTS_*) and has not, or, out of memory, does not. */
void conn_take(struct stack_core *, struct conn *, unsigned wants);
/* Established: what is known of the path's MTU holds for it, too. */
void conn_know_path(const struct stack_core *, struct conn *, mt_time now);
/* Opens it in SYN-RECEIVED by a SYN with a good fast-open cookie, and takes the SYN's data. */
void conn_open_fastopen(struct stack_core *, struct conn *, struct tcp_seg *syn,
			const struct tcp_open *, mt_time now);
/* A segment for this connection. */
void conn_input(struct stack_core *, struct conn *, struct tcp_seg *, mt_time now);
/* Its deadline may have come. */
void conn_timer(struct stack_core *, struct conn *, mt_time now);
/* After a verb was called on the tcb: the connection takes its place on the transmit lists and in
 * the wheel, or, when TCP has finished, goes. defer: turns (0..2) that a mere ACK waits for the
 * application's answer. The block may be gone afterwards unless it is owned. */
void conn_settle(struct stack_core *, struct conn *, mt_time now, unsigned defer);
/* The same for a LIVE one whose tcp_pending is known. */
void conn_place(struct stack_core *, struct conn *, enum tcp_tx, mt_time now, unsigned defer);
/* The application or the listener lets go: whatever it held is given back, TCP goes on alone. */
void conn_orphan(struct stack_core *, struct conn *);
/* Closed, but TCP goes on: it stands in line to give way. */
void conn_linger(struct stack_core *, struct conn *, mt_time now);
/* tx.c: TCP ends with a RST that leaves now; lost if the next hop is not known or no frame is free.
 */
void tx_abort(struct stack_core *, struct conn *, mt_time now);
/* Aborts a connection nobody owns any more. */
void conn_reset(struct stack_core *, struct conn *, mt_time now);
/* Ends a connection for a reason that did not come from its tcb; RST if the state asks for one. */
void conn_kill(struct stack_core *, struct conn *, int error, mt_time now);
/* The owner (application or listener) lets go of a block that is not LIVE. */
void conn_free(struct stack_core *, struct conn *);
/* Adds edges to report; of a connection not yet accepted nothing is reported. */
void conn_raise(struct stack_core *, struct conn *, uint32_t edge);
/* The bound of what it may buffer is another one: raises STACK_OUT if its writer waits no more. */
void conn_space(struct stack_core *, struct conn *);
/* What is ready now (place.h, conn_ready). Who finds no room is told by an edge when there is. */
uint32_t conn_ready_any(const struct stack_core *, struct conn *);

static ALWAYS_INLINE void conn_prefetch(const struct conn *c)
{
	const char *at = (const char *)c;

#pragma GCC unroll 8
	for (size_t i = 0; i < sizeof(*c); i += 64)
		__builtin_prefetch(at + i, 1);
}

/* The tcb may be used. */
static inline bool conn_alive(const struct conn *c)
{
	return (c->flags & (CONN_LIVE | CONN_DONE)) == CONN_LIVE;
}

#endif
