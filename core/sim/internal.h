/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to core/sim. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "base/hash.h"
#include "sim/sim.h"

#define SIM_RX_RING 4096u /* frames per receive queue of a host */
#define SIM_TURN    MT_US /* shortest time between two turns of a core */

struct frame {
	struct frame *next;
	uint32_t cap, len;
	uint8_t data[]; /* exactly cap bytes, so that a sanitizer sees the end */
};

struct frame_queue {
	struct frame *head, *tail;
	uint32_t n;
};

struct pipe {
	struct sim_pipe cfg;
	struct sim_pipe_stats stats;
	mt_time busy_until; /* the last bit of what is queued leaves */
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
	/* hosts; a wire has no core with a stack, and rx of core 0 is its inbox */
	struct nic nic;
	uint16_t n_cores;
	struct sim_core *cores;
	sim_app *app;
	void *app_ctx;
	uint32_t n_bufs, n_held;
	uint16_t tx_max;
	bool rss_hash;
};

struct event { /* a frame leaves a pipe */
	mt_time at;
	uint64_t order;
	struct frame *frame;
	struct sim_node *node;
	enum sim_dir dir;
};

enum log_what { LOG_SENT, LOG_LOST, LOG_FULL, LOG_DUP, LOG_CORRUPT, LOG_GOT, LOG_MISSED };

struct log_entry {
	mt_time at;
	uint32_t node;
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
	struct event *heap;
	uint32_t n_events, cap_events;
	struct log_entry *log;
	uint32_t log_cap;
	uint64_t n_logged;
};

/* sim.c */
void *sim_alloc(size_t n, size_t size); /* zeroed, never NULL */
struct sim_node *node_new(struct sim *);
void event_add(struct sim *, const struct event *);
struct frame *frame_new(struct sim *, uint32_t cap);
void frame_free(struct sim *, struct frame *);
void frame_push(struct frame_queue *, struct frame *);
struct frame *frame_pop(struct frame_queue *);

/* pipe.c: takes the frame */
void pipe_enter(struct sim_node *, enum sim_dir, struct frame *);

/* sim.c: what the device's RSS makes of a frame; 0 unless it is TCP over IPv4 */
uint32_t rss_of(const struct sim *, const struct frame *);

/* host.c */
void host_receive(struct sim_node *, struct frame *);
mt_time host_next(const struct sim_node *);
void host_run(struct sim_node *);
void host_free(struct sim_node *);

/* log.c */
void log_frame(struct sim *, const struct sim_node *, enum log_what, const struct frame *);

#endif
