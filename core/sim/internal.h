/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to core/sim. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "base/hash.h"
#include "base/pcapng.h"
#include "sim/sim.h"

#define SIM_RX_RING 4096u /* frames per receive queue of a host */
#define SIM_TURN    MT_US /* shortest time between two turns of a core */

struct frame {
	struct frame *next;
	uint32_t cap, len;
	uint8_t data[];
};

struct frame_queue {
	struct frame *head, *tail;
	uint32_t n;
};

enum pipe_kind { PIPE_UP, PIPE_DOWN, PIPE_TRUNK };

struct pipe {
	struct sim *sim;
	struct sim_node *node; /* of a trunk: NULL */
	struct pipe *back;     /* the other direction */
	struct sim_pipe cfg;
	struct sim_pipe_stats stats;
	mt_time busy_until; /* the last bit of what is queued leaves */
	enum pipe_kind kind;
	uint32_t leads_to; /* switch at the end of a trunk */
	bool bursting;	   /* the bad state of a burst-loss model */
};

struct trunk {
	struct pipe pipes[2]; /* SIM_UP: to the switch of the next number */
};

struct sim_core {
	struct stack_core *stack;
	void *mem;
	struct frame_queue rx;
	mt_time wake_at, turn_at; /* next turn; last turn */
	mt_time app_at;           /* asked for by the application */
};

struct sim_node {
	struct sim *sim;
	uint32_t index;
	struct eth_addr mac;
	struct pipe pipes[2]; /* by enum sim_dir */
	uint32_t at_switch;
	/* hosts; a wire has no core with a stack, and rx of core 0 is its inbox */
	struct nic nic;
	uint16_t n_cores;
	struct sim_core *cores;
	sim_app *app;
	void *app_ctx;
	uint32_t n_bufs, n_held;
	uint16_t tx_max;
};

struct event { /* a frame leaves a pipe */
	mt_time at;
	mt_time sent_at; /* its last bit is on the way: what is between these two is delay */
	uint64_t order;
	struct frame *frame;
	struct pipe *pipe;
};

enum log_what {
	LOG_SENT,
	LOG_LOST,
	LOG_FULL,
	LOG_DUP,
	LOG_CORRUPT,
	LOG_GOT,
	LOG_MISSED,
	LOG_MARKED,
	LOG_TOO_BIG
};

#define NODE_TRUNK UINT32_MAX

struct log_entry {
	mt_time at;
	uint32_t node; /* NODE_TRUNK: no node's */
	uint32_t len;
	enum log_what what;
	uint8_t bytes[ETH_HLEN + IPV4_HLEN + TCP_HLEN + TCP_OPTS_MAX];
};

struct sim {
	mt_time now, start;
	struct rng rng;
	struct toeplitz toeplitz; /* filled by the first host that needs it */
	uint64_t n_frames, n_events_ever;
	struct sim_node **nodes;
	uint32_t n_nodes;
	struct trunk **trunks; /* trunk i joins the switches i and i + 1 */
	uint32_t n_trunks;
	struct frame *spare;
	struct event *heap;
	uint32_t n_events, cap_events;
	struct log_entry *log;
	uint32_t log_cap;
	uint64_t n_logged;
	FILE *capture; /* or NULL; the caller's */
	uint32_t snap, n_captured;
};

/* sim.c */
void *sim_alloc(size_t n, size_t size); /* zeroed, never NULL */
struct sim_node *node_new(struct sim *);
/* The device's RSS hash of a frame; 0 unless it is TCP. */
uint32_t rss_of(const struct sim *, const struct frame *);

/* events.c: first in, first out among equal instants */
void event_add(struct sim *, const struct event *);
struct event event_take(struct sim *);
/* What still waits in the pipe leaves at another rate from now on. */
void events_change_rate(const struct pipe *, uint64_t from_bps, uint64_t to_bps);

/* frame.c */
struct frame *frame_new(struct sim *, uint32_t len); /* content undefined */
void frame_resize(struct frame *, uint32_t len);     /* at most what it was made for */
struct frame *frame_copy(struct sim *, const struct frame *);
void frame_free(struct sim *, struct frame *);
void frame_free_spare(struct sim *);
void frame_push(struct frame_queue *, struct frame *);
struct frame *frame_pop(struct frame_queue *);
/* The IP header behind Ethernet and at most one VLAN tag: its place, or 0 if there is none. version: 4 or 6. */
uint32_t frame_ip(const struct frame *, unsigned *version);
/* An ECN-capable packet gets CE (RFC 3168); false: it is not capable. */
bool frame_mark_ce(struct frame *);
/* The answer of a router whose next link is too small for the frame (RFC 792 and 1191, RFC 4443 3.2); NULL: not IP. */
struct frame *frame_too_big(struct sim *, const struct frame *, uint16_t mtu);

/* switch.c: takes the frame */
void switch_forward(struct pipe *came_by, struct frame *);

/* pipe.c: takes the frame */
void pipe_init(struct pipe *, struct sim *, enum pipe_kind, struct pipe *back);
void pipe_enter(struct pipe *, struct frame *);
/* The frame is through. */
void pipe_deliver(struct pipe *, struct frame *);
/* An instant in the queue's future when the rate changes now. */
mt_time pipe_rescale(mt_time now, mt_time at, uint64_t from_bps, uint64_t to_bps);

/* host.c */
void host_receive(struct sim_node *, struct frame *);
mt_time host_next(const struct sim_node *);
void host_run(struct sim_node *);
void host_free(struct sim_node *);

/* capture.c */
void capture_frame(struct sim *, const struct sim_node *, enum pcapng_dir, const struct frame *);

/* log.c: the log, and the capture of what a node sends or gets; node NULL: a trunk */
void log_frame(struct sim *, const struct sim_node *, enum log_what, const struct frame *);

#endif
