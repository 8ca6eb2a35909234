/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One core's network stack: connections, listeners, TIME-WAIT records, timers, transmit lists, ARP,
 * routes. Shares nothing with other cores; holds no lock; reads no clock; allocates nothing after
 * init. Any number of them may live in one process.
 *
 * Connections and listeners are named by 32-bit ids, valid from the call that returns one until
 * stack_close/stack_abort/stack_listen_close by the owner. Errors are -errno as Linux gives them.
 * Every call is O(1) unless it says otherwise.
 */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/time.h"
#include "mtcp/mtcp_stats.h"
#include "mtcp/nic.h"
#include "tcp/tcp.h"
#include "wire/addr.h"

#define STACK_MAX_ADDRS	 256
#define STACK_MAX_ROUTES 64
#define STACK_MAX_BATCH	 256 /* frames per turn and direction */
#define STACK_ID_NONE	 UINT32_MAX

/* When to answer a SYN by a cookie (RFC 4987 3.6) */
enum {
	SYN_COOKIES_OFF, /* never: a full queue drops half-open connections from a second of age on
			  */
	SYN_COOKIES_ON,	 /* when n_half_open are half-open */
	SYN_COOKIES_ALWAYS
};

/* TCP fast open (RFC 7413), for those sockets that ask for it; the bits of Linux's tcp_fastopen */
enum { FASTOPEN_CLIENT = 1, FASTOPEN_SERVER = 2 };

struct stack_addr {
	struct ip_addr addr;
	uint8_t prefix; /* IPv4: 0..32, IPv6: 0..128 */
};

struct stack_route {
	struct ip_addr net;
	uint8_t prefix;
	struct ip_addr gateway; /* unspecified: on link */
};

struct stack_neigh_entry { /* static: neither ARP nor neighbour discovery */
	struct ip_addr addr;
	struct eth_addr mac;
};

/* Read at init; arrays and tcp are copied. */
struct stack_config {
	uint32_t n_conns;	     /* connection blocks */
	uint32_t n_listeners;	     /* 64 */
	uint32_t n_half_open;	     /* connections in SYN-RECEIVED, all listeners together */
	uint32_t n_time_wait;	     /* records */
	uint32_t n_neigh;	     /* neighbours of both families, 1024 */
	uint32_t frag_datagrams;     /* reassembled at a time, 64 KiB each, 64; 0: none */
	size_t buf_bytes;	     /* send and receive buffer memory, all connections together */
	uint32_t time_wait_ms;	     /* 2 MSL; 0: closed at once (the original's default) */
	uint16_t queue, n_queues;    /* this core's receive queue among the device's */
	uint16_t rx_batch, tx_batch; /* 1..STACK_MAX_BATCH; 0: 256 / 128 */
	uint16_t vlan;		     /* 0: untagged, but answers in kind (stack/vlan.h) */
	uint16_t trace_events;	     /* per connection (stack/trace.h): 0, 2 .. 256 */
	uint16_t port_min, port_max; /* ephemeral source ports, 1024..65535 */
	uint64_t seed;		     /* of sc->rng and of the secret keys */
	struct tcp_config tcp;	     /* tcp.cc == NULL: tcp_config_default */
	const struct stack_addr *addrs;
	uint16_t n_addrs;
	const struct stack_route *routes;
	uint16_t n_routes;
	const struct stack_neigh_entry *neighs;
	uint16_t n_neighs;
	uint8_t syn_cookies;	     /* SYN_COOKIES_* */
	bool ipv6_autoconf;	     /* IPv6 addresses and routes as routers advertise them */
	uint8_t fastopen;	     /* FASTOPEN_* bits */
	uint64_t fastopen_secret[2]; /* of the cookies we give; the same for all cores */
	bool ack_data_fin_priority;  /* three lists as in the paper; false: one (ablation) */
};

extern const struct stack_config stack_config_default;

struct tcp_info_values; /* tcp/info.h */
struct stack_core;	/* stack/core.h, private to core/stack */

/* Bytes of memory stack_core_init needs. */
size_t stack_core_bytes(const struct stack_config *);
/* Where in it the flow table lies. It grows bit by bit, but who maps memory that the kernel fills
 * when it is touched first waits for a huge page, milliseconds, so better touches this part before.
 */
void stack_core_table(const struct stack_config *, size_t *at, size_t *len);
/* mem: zeroed or not, aligned to 64, owned by the caller, never touched before needed (an untouched
 * anonymous mapping stays cheap). nic outlives the core. NULL: config invalid (why in *err, static
 * text). */
struct stack_core *stack_core_init(void *mem, size_t len, const struct stack_config *,
				   const struct nic *, const char **err);
/* Gives every packet buffer it holds back to the device. Sends nothing. */
void stack_core_fini(struct stack_core *);

/* ---- one bounded turn: its phases, for the cycle accounting of runtime, and all of them. Profiles
 * show them, so none is ever a part of another ---- */
#define STACK_PHASE __attribute__((noinline))
STACK_PHASE unsigned stack_rx(struct stack_core *); /* frames got from the device */
STACK_PHASE void stack_input(struct stack_core *, mt_time now);	 /* TCP, ARP, ICMP on that burst */
STACK_PHASE void stack_timers(struct stack_core *, mt_time now); /* due timers, bounded per turn */
/* Control, then ACK, then data list, as much as the device takes, at most tx_batch frames; when
 * that is not all, the three get equal shares, and SYN and SYN/ACK what they leave. An ACK
 * that was made pending in this turn together with an event for the application waits one turn (of
 * a connection not yet accepted two), so that the answer carries it. Returns when to call again at
 * the latest: now if something could not be sent or waits one turn. */
STACK_PHASE mt_time stack_tx(struct stack_core *, mt_time now);
mt_time stack_poll(struct stack_core *, mt_time now);
/* True if the last turn received, sent or fired anything. */
bool stack_was_busy(const struct stack_core *);

/* ---- readiness: the bits of Linux poll(2) ---- */
enum {
	STACK_IN = 0x001,
	STACK_OUT = 0x004,
	STACK_ERR = 0x008,
	STACK_HUP = 0x010, /* both directions closed */
	STACK_RDHUP = 0x2000
};

struct stack_event {
	uint64_t cookie; /* the owner's, set by stack_set_cookie */
	uint32_t id;
	uint32_t ready; /* everything that is ready now */
	uint32_t edge;	/* what became ready (or got more) since the last event of this id */
	bool listener;
};

/* Takes up to max pending events, each connection or listener once however much happened to it
 * (flow-level batching). Ids closed since are not reported. */
unsigned stack_events(struct stack_core *, struct stack_event *ev, unsigned max);
bool stack_has_events(const struct stack_core *);
uint32_t stack_ready(const struct stack_core *, uint32_t id);
uint32_t stack_listen_ready(const struct stack_core *, uint32_t lid);
void stack_set_cookie(struct stack_core *, uint32_t id, uint64_t cookie);
void stack_listen_set_cookie(struct stack_core *, uint32_t lid, uint64_t cookie);

/* ---- sockets ---- */
/* Id of the listener. local.addr may be unspecified: 0.0.0.0 takes IPv4, :: both families, or with
 * local.v6only IPv6. The most exact listener gets a connection. EADDRINUSE, EADDRNOTAVAIL, ENOBUFS.
 * Port 0: a free one is chosen. backlog: bound of the accept queue. While it is full, SYNs are
 * dropped and so are the ACKs that complete a handshake (accept_overflow); what the peer sends
 * next, or the next SYN/ACK brings, completes it when there is room again. */
int64_t stack_listen(struct stack_core *, const struct ip_endpoint *local, uint32_t backlog,
		     mt_time now);
/* Another backlog, for those to come: what waits already stays. Returns the one before. */
uint32_t stack_listen_backlog(struct stack_core *, uint32_t lid, uint32_t backlog);
/* How many connections of this listener may be open before their handshake is over (RFC 7413 5.1;
 * all of the core's count): their data comes in the SYN. 0: none, as at first. EOPNOTSUPP: not
 * configured. */
int stack_listen_fastopen(struct stack_core *, uint32_t lid, uint32_t n);
/* SO_RCVBUF and TCP_MAXSEG of the connections to come: already their SYN/ACK says so. */
void stack_listen_rcvbuf(struct stack_core *, uint32_t lid, uint32_t bytes);
void stack_listen_mss(struct stack_core *, uint32_t lid, uint16_t mss);
/* Connections not yet accepted and half-open ones get a RST. O(those, and all half-open ones). */
void stack_listen_close(struct stack_core *, uint32_t lid, mt_time now);
/* Id of a connection in SYN-SENT. local: NULL, or address and port each of which may be
 * unspecified; a port chosen here is random (RFC 6056 3.3.2), unused towards that remote, and
 * hashes to this core's queue where the device's RSS is known. EADDRNOTAVAIL (no port free, address
 * not ours), ENETUNREACH, ENOBUFS, EADDRINUSE. */
int64_t stack_connect(struct stack_core *, const struct ip_endpoint *local,
		      const struct ip_endpoint *remote, mt_time now);
/* Source addresses for IPv4 connects without a local address (mtcp_init_rss): base .. base + n - 1,
 * made local and for ever so; base unspecified: the configured ones again. IPv6 takes the address
 * nearest to the remote (RFC 6724 5, rules 2, 3 and 8). */
int stack_set_sources(struct stack_core *, const struct ip_addr *base, uint32_t n);
/* Id of an established connection, or EAGAIN. */
int64_t stack_accept(struct stack_core *, uint32_t lid);

/* Bytes read, 0 at the end of the stream (or after SHUT_RD), EAGAIN if none yet, a pending error
 * once. */
ssize_t stack_recv(struct stack_core *, uint32_t id, void *buf, size_t len, mt_time now);
/* Nothing is left to read: what comes next raises an event, where the connection has an owner. */
bool stack_drained(const struct stack_core *, uint32_t id);
/* Bytes from off on, which stay; 0 where there are only so many. */
ssize_t stack_peek(struct stack_core *, uint32_t id, uint32_t off, void *buf, size_t len);
ssize_t stack_recvv(struct stack_core *, uint32_t id, const struct iovec *, int n, mt_time now);
/* Bytes taken (possibly fewer than len), EAGAIN if none; EPIPE after shutdown or the peer's reset
 * was reported. */
ssize_t stack_send(struct stack_core *, uint32_t id, const void *buf, size_t len, mt_time now);
ssize_t stack_sendv(struct stack_core *, uint32_t id, const struct iovec *, int n, mt_time now);
/* The same with MSG_MORE: less than a segment waits for what is sent next, 200 ms at most. */
ssize_t stack_sendv_more(struct stack_core *, uint32_t id, const struct iovec *, int n,
			 mt_time now);
/* Without a copy: bytes that may be read in place, in one piece or two, as stack_recv otherwise;
 * and n of them are done with (EINVAL: more than there are). */
ssize_t stack_zc_peek(struct stack_core *, uint32_t id, struct iovec piece[2]);
int stack_zc_drop(struct stack_core *, uint32_t id, size_t n, mt_time now);
/* Room to write into, at most `want` > 0 bytes, good until the next call for this connection or the
 * next turn; as stack_send otherwise. The first n bytes of it are sent (EINVAL: more than there
 * is; 0: none, and the room is given back). */
ssize_t stack_zc_room(struct stack_core *, uint32_t id, size_t want, struct iovec piece[2]);
int stack_zc_append(struct stack_core *, uint32_t id, size_t n, mt_time now);
size_t stack_readable(const struct stack_core *, uint32_t id); /* bytes in order, unread */
int stack_shutdown(struct stack_core *, uint32_t id, int how,
		   mt_time now); /* SHUT_RD, SHUT_WR, SHUT_RDWR */
/* The id is gone for the owner; TCP finishes by itself. SO_LINGER with 0 is the caller's
 * stack_abort. */
void stack_close(struct stack_core *, uint32_t id, mt_time now);
/* The application is gone, but the owner still has bytes of its to send, and then closes: what
 * comes in is answered as after stack_close, a closed window is waited for no longer than then, and
 * as then it gives way when it stands still (STACK_HUP tells). The id stays the owner's. */
void stack_orphan(struct stack_core *, uint32_t id, mt_time now);
/* As stack_close, with data that the owner took and the application never read: as unread here. */
void stack_close_unread(struct stack_core *, uint32_t id, mt_time now);
void stack_abort(struct stack_core *, uint32_t id, mt_time now);
/* For the end, when all is closed: the first connection from this id on of which the peer has not
 * acknowledged everything, or STACK_ID_NONE. O(ids). */
uint32_t stack_next_unacked(const struct stack_core *, uint32_t id);
/* Resets every connection but those that wait for nothing but the peer's FIN, or for the peer to
 * acknowledge ours and all before it, which is sent. O(connections). */
void stack_reset_all(struct stack_core *, mt_time now);
/* Pending error, cleared by reading (SO_ERROR); 0 if none. */
int stack_take_error(struct stack_core *, uint32_t id);
/* One that has ended takes everything and forgets it, as Linux does. */
int stack_set_option(struct stack_core *, uint32_t id, enum tcp_option, uint32_t value,
		     mt_time now);
int64_t stack_get_option(const struct stack_core *, uint32_t id, enum tcp_option);
int stack_set_cc(struct stack_core *, uint32_t id, const char *name, mt_time now);
const char *stack_get_cc(const struct stack_core *, uint32_t id);
/* Values of a connection for TCP_INFO; returns its path MTU. Only the state, and 0, once it has
 * ended. */
uint32_t stack_info(const struct stack_core *, uint32_t id, mt_time now, struct tcp_info_values *);
enum tcp_state stack_state(const struct stack_core *, uint32_t id);
/* Both ends of a connection. */
void stack_names(const struct stack_core *, uint32_t id, struct ip_endpoint *local,
		 struct ip_endpoint *remote);

const struct mtcp_stats *stack_stats(const struct stack_core *);
/* Connections, TIME-WAIT records, buffer bytes and packet buffers in use: for tests of leaks.
 * Timers: those of connections that have ended count until they fire or are passed by. */
struct stack_usage {
	uint32_t conns, time_wait, listeners, neighs, timers, own, cold, half_open, frags;
	size_t buf_bytes, pkts_held;
};
void stack_usage(const struct stack_core *, struct stack_usage *);

#endif
