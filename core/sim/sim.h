/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network in virtual time: hosts that run the real stack, and bare "wires" for hand-made frames, around
 * switches. Each node has a pipe towards its switch (up) and one from it (down) with rate, delay, bounded queue,
 * loss, duplication, reordering, corruption, ECN marking and MTU. There is one switch, or a line of them joined by
 * trunks of such pipes: a bottleneck that many share. Uses malloc, reads no clock; the same seed and the
 * same calls give the same bytes at the same instants. Memory exhaustion and misuse abort.
 *
 * The clock starts where the seed says: often shortly before the 32-bit wrap of its microseconds or
 * milliseconds, because stacks keep time in 32 bits.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rng.h"
#include "stack/stack.h"
#include "wire/wire.h"

struct sim;
struct sim_node; /* a host or a wire */

struct sim *sim_create(uint64_t seed);
/* Ends all stacks without a word to their peers and frees everything. */
void sim_destroy(struct sim *);
mt_time sim_now(const struct sim *);
struct rng *sim_rng(struct sim *); /* for the test's own choices */

/* ---- time ---- */
/* Goes to the next instant at which something is due, not later than limit, and does all that is due then.
 * False: nothing is due up to limit; then the time is limit, or unchanged if limit is MT_NEVER. */
bool sim_step(struct sim *, mt_time limit);
void sim_run_until(struct sim *, mt_time at);
void sim_run_for(struct sim *, mt_time duration);
/* Until done(ctx), asked after each instant; false if limit came first. */
bool sim_run(struct sim *, bool (*done)(void *ctx), void *ctx, mt_time limit);

/* ---- nodes ---- */
struct sim_host_config {
	const struct stack_config *stack; /* for each core; queue, n_queues and seed are set by the simulation */
	uint16_t n_cores;                 /* queues of its device, one stack each; 0: 1 */
	uint16_t mtu;                     /* 0: 1500 */
	uint32_t n_bufs;                  /* packet buffers of its device; 0: 65536 */
};

struct sim_node *sim_host(struct sim *, const struct sim_host_config *);
struct sim_node *sim_wire(struct sim *);
struct eth_addr sim_mac(const struct sim_node *);
struct eth_addr sim_mac_of(unsigned index); /* of the index-th node that is created, from 0 */
struct stack_core *sim_core(const struct sim_node *, unsigned core);

/* The application of a host: called after a turn of a core which has events for it, and at the instant asked
 * for by sim_wake. The core's next turn follows at once. It takes its events itself. */
typedef void sim_app(struct sim_node *, unsigned core, void *ctx);
/* NULL: none. Returns the one before. */
sim_app *sim_set_app(struct sim_node *, sim_app *, void *ctx);
void *sim_app_ctx(const struct sim_node *);
/* Call the application, and give the core a turn, no later than `at`. One instant per core, the earliest. */
void sim_wake(struct sim_node *, unsigned core, mt_time at);

/* Faults of a device: it takes at most max frames per burst (0: none; UINT16_MAX: no bound). */
void sim_limit_tx(struct sim_node *, uint16_t max);
/* ... and has n packet buffers in all from now on. */
void sim_limit_bufs(struct sim_node *, uint32_t n);
/* Frames that the node's stacks hold, as the device counts them. */
uint32_t sim_bufs_held(const struct sim_node *);
/* Frames anywhere: held, under way or waiting. */
uint64_t sim_frames(const struct sim *);

/* ---- pipes ---- */
struct sim_pipe {
	uint64_t rate_bps;      /* 0: no limit */
	mt_time delay;
	uint32_t queue_bytes;   /* beyond it frames are dropped; 0: no limit. Needs a rate. */
	uint32_t ecn_bytes;     /* with more than this in the queue, packets that are ECN-capable get CE (RFC 3168;
	                         * the step of RFC 8257 4.1), others are left alone; 0: never. Needs a rate. */
	double loss, duplicate; /* probabilities per frame, each decided by itself */
	double burst_enter, burst_leave; /* Gilbert-Elliott: probability per frame to enter and to leave a bad */
	double burst_loss;      /* ... state in which this is the probability of loss */
	double reorder;         /* probability of an extra delay, uniform up to reorder_delay */
	mt_time reorder_delay;
	double corrupt;         /* ... of one changed byte behind the Ethernet header of an IP frame: the
	                         * link's CRC would catch the rest */
	uint16_t mtu;           /* larger IP packets are dropped; 0: no limit */
	bool tell_mtu;          /* ... and their sender is told by ICMP; else it is a black hole */
	bool down;              /* everything that enters is lost */
};

enum sim_dir { SIM_UP, SIM_DOWN };

struct sim_pipe_stats {
	uint64_t frames, bytes; /* entered */
	uint64_t lost, queue_full, duplicated, reordered, corrupted, marked, too_big;
	mt_time queued;         /* time in the queue, all frames that left it together */
	mt_time queued_max;
};

/* At any time. What is under way keeps its delay; what waits in the queue leaves at the new rate. */
void sim_link(struct sim_node *, enum sim_dir, const struct sim_pipe *);
const struct sim_pipe *sim_link_config(const struct sim_node *, enum sim_dir);
const struct sim_pipe_stats *sim_link_stats(const struct sim_node *, enum sim_dir);

/* ---- switches in a line; number 0 is there from the start ---- */
/* One more at the end; its number. Trunk i joins the switches i and i + 1. */
uint32_t sim_add_switch(struct sim *);
/* Nodes stand at switch 0 unless placed elsewhere, before anything is sent. */
void sim_place(struct sim_node *, uint32_t at_switch);
/* SIM_UP: towards higher numbers. */
void sim_trunk(struct sim *, uint32_t i, enum sim_dir, const struct sim_pipe *);
const struct sim_pipe *sim_trunk_config(const struct sim *, uint32_t i, enum sim_dir);
const struct sim_pipe_stats *sim_trunk_stats(const struct sim *, uint32_t i, enum sim_dir);

/* ---- wires ---- */
void sim_wire_send(struct sim_node *, const uint8_t *frame, size_t len);
/* The next frame that has arrived: its length (at most cap bytes are copied), or 0. */
size_t sim_wire_recv(struct sim_node *, uint8_t *frame, size_t cap);
/* One TCP segment to a host; flow as the wire sees it. payload: s->len bytes. */
void sim_wire_send_tcp(struct sim_node *, struct eth_addr to, const struct flow *, const struct tcp_seg *,
		       const uint8_t *payload);
/* The next TCP segment that has arrived, others are dropped; flow as the wire sees it; s->payload points
 * into frame. False: none. */
bool sim_wire_recv_tcp(struct sim_node *, uint8_t frame[2048], struct flow *, struct tcp_seg *);
/* Answers the ARP requests among the frames that have arrived for any of its `n` addresses, keeps the rest. */
void sim_wire_answer_arp(struct sim_node *, const struct ip_addr *addrs, unsigned n);

/* ---- the log: the last n frames that entered or left the network; n = 0 turns it off (it is off at first) ---- */
void sim_log(struct sim *, unsigned n);
/* What the connections of all hosts saw last (stack/trace.h). */
void sim_trace_print(const struct sim *, FILE *);
void sim_log_print(const struct sim *, FILE *);

/* ---- capture ---- */
/* Writes every frame that a node sends or receives from now on to file as pcapng, cut to snap bytes, the time
 * counted from the start of the simulation. One interface per node that is there now, names[i] its name (NULL:
 * "node 0", ...); nodes made later are left out. The file stays the caller's, who looks for its errors. NULL: ends it. */
void sim_capture(struct sim *, FILE *file, uint32_t snap, const char *const *names);

#endif
