/* SPDX-License-Identifier: BSD-3-Clause */
/* One worker of the load generator: its connections and what it has counted. */
#ifndef APPS_LOAD_WORKER_H
#define APPS_LOAD_WORKER_H

#include <stdatomic.h>

#include "http_response.h"
#include "load.h"
#include "protocol.h"
#include "team.h"
#include "webset.h"

#define LOAD_BUFFER (64u << 10)

/* Set by the main thread, followed by the workers at their next turn. */
enum load_phase { LOAD_HOLD, LOAD_WARMUP, LOAD_MEASURE, LOAD_DRAIN };

enum slot_state { SLOT_FREE, SLOT_CONNECTING, SLOT_IDLE, SLOT_BUSY };

#define SLOT_NONE UINT32_MAX

#define BEGIN_EVERY 8u /* begun between two readings of the clock: a hundredth of their time */

/* One of the connections that exist at a time: half a cache line, as there may be millions. */
struct load_slot {
	int fd;
	uint8_t state;	     /* enum slot_state */
	bool opened;	     /* has been connected at least once */
	uint32_t n_messages; /* still to do on this connection, the one under way included */
	uint32_t n_sent_messages;
	union {
		uint32_t sent; /* bytes of the request */
		uint32_t next; /* FREE, IDLE: in the list it is on */
	};
	uint32_t got; /* echo: bytes of the response */
	union {
		uint64_t start_at; /* of the transaction, as intended */
		uint64_t retry_at; /* in the retry list */
	};
};

_Static_assert(sizeof(struct load_slot) == 32, "two slots to a cache line");

struct load_http {
	struct http_response response;
	uint64_t got;
	struct webset_file file; /* of a set: what was asked for ... */
	uint32_t body_got;	 /* ... and how much of it has come */
};

struct slot_list {	     /* first in, first out: connections are used in turn */
	uint32_t head, tail; /* indices; SLOT_NONE: empty */
};

struct load_shared {
	const struct load_conf *conf;
	const struct team_aside *aside; /* or NULL */
	bool both_ours;			/* the server is in this process */
	struct team team;
	_Atomic int phase; /* enum load_phase */
};

struct load_worker {
	struct load_shared *shared;
	struct io *io;
	const struct io_ops *ops;
	uint32_t index, n_workers;
	uint32_t n_slots, n_ramped, n_connecting;
	uint32_t n_under_way, most_under_way; /* slots CONNECTING or BUSY; UINT32_MAX: no bound */
	struct load_slot *slots;
	struct load_http *https;    /* by slot; NULL: not http */
	struct webset *set;	    /* http: NULL: one path */
	struct bulk *bulk;	    /* NULL: not bulk */
	struct load_tls *tls;	    /* NULL: not tls */
	struct load_replay *replay; /* NULL: not replay */
	uint64_t *flow_bytes;	    /* bulk: received or sent in the window, by slot */
	struct slot_list free, idle, retry;
	uint64_t ramp_at, next_arrival, rng;
	uint64_t quota;		/* connections still to be opened; UINT64_MAX: no end */
	double rate, ramp_rate; /* this worker's share */
	double ramp_tokens;
	uint64_t now;
	int phase;
	uint32_t request_len;
	uint64_t mark;	     /* what key begins with; 0: of no request */
	char key[ECHO_KEEP]; /* a request's beginning; load_slot.c */
	char request[LOAD_BUFFER];
	char scratch[LOAD_BUFFER];
	/* read by the main thread while we run */
	counter n_opened; /* slots connected at least once */
	counter n_active; /* connections that exist */
	counter total_transactions, total_connections, total_failed;
	/* of the window; read when we have ended */
	uint64_t window_begin, stuck, hung; /* as in load_result */
	uint64_t transactions, connections, bytes, failures[LOAD_N_FAILURES];
	struct hdr latency, lag;
};

extern const struct team_job load_job;

/* The worker holds open connections back, so that not all are under way at a time. */
static inline bool worker_holds(const struct load_worker *w)
{
	return w->most_under_way != UINT32_MAX;
}

/* Before the i-th of a burst is begun, be it connected or written: how late each is has to be told
 * by a time that those before it count in. */
static inline void worker_look(struct load_worker *w, unsigned i)
{
	if (i % BEGIN_EVERY == 0)
		w->now = clock_ns();
}

/* Of all workers together. */
static inline uint32_t slot_id(const struct load_worker *w, const struct load_slot *s)
{
	return (uint32_t)(s - w->slots) * w->n_workers + w->index;
}

/* The i-th of n workers. NULL: no memory. */
struct load_worker *load_worker_create(struct load_shared *, unsigned i, unsigned n);
void load_worker_destroy(struct load_worker *);

/* load_slot.c: a connection's life. */
void slot_set(struct load_worker *, struct load_slot *, enum slot_state);
void slot_open(struct load_worker *, struct load_slot *, uint64_t start_at);
void slot_event(struct load_worker *, struct load_slot *, uint32_t events);
void slot_request(struct load_worker *, struct load_slot *, uint64_t start_at);
void slot_abandon(struct load_worker *, struct load_slot *);
void slot_fail(struct load_worker *, struct load_slot *, int code);
/* Closed without having been asked: whoever has it on a list will find it not idle. */
void slot_idle_failed(struct load_worker *, struct load_slot *);

/* load_bulk.c: -ENOMEM; a flow's begin; there is something to do. */
int bulk_worker_init(struct load_worker *);
void bulk_slot_begin(struct load_worker *, struct load_slot *);
void bulk_slot_event(struct load_worker *, struct load_slot *);
/* When the worker has ended: its flows' bytes in the window, and their squares, are added. */
void bulk_flows_add(const struct load_worker *, double *sum, double *squares);

/* load_web.c: files of a set. The request; is what has come the file's? (len bytes in w->scratch,
 * n_head of them of the head). */
void web_slot_request(struct load_worker *, struct load_slot *);
bool web_slot_check(struct load_worker *, struct load_slot *, uint32_t len, uint32_t n_head);

/* load_tls.c: a worker's part: 0 or -ENOMEM; freed also where it was not made. A connection's
 * begin and end. Calls with the meaning of read and write: shake and flush give 1 when they are
 * done, read fills w->scratch. */
int tls_worker_init(struct load_worker *);
void tls_worker_free(struct load_worker *);
int tls_slot_begin(struct load_worker *, struct load_slot *);
void tls_slot_end(struct load_worker *, struct load_slot *);
bool tls_slot_shaken(const struct load_worker *, const struct load_slot *);
ssize_t tls_slot_shake(struct load_worker *, struct load_slot *);
ssize_t tls_slot_read(struct load_worker *, struct load_slot *);
ssize_t tls_slot_write(struct load_worker *, struct load_slot *, const void *, size_t);
ssize_t tls_slot_flush(struct load_worker *, struct load_slot *);

/* load_replay.c: a worker's part; what is due now; when something is next; a connection stands;
 * there is something to do. */
int replay_worker_init(struct load_worker *);
void replay_worker_free(struct load_worker *);
void replay_due(struct load_worker *);
uint64_t replay_next_at(const struct load_worker *);
void replay_slot_begin(struct load_worker *, struct load_slot *);
void replay_slot_event(struct load_worker *, struct load_slot *, uint32_t events);

/* load_worker.c: where a slot goes next. */
struct load_slot *worker_slot_take(struct load_worker *);	 /* a free one, or NULL */
void worker_slot_done(struct load_worker *, struct load_slot *); /* closed after its last message */
void worker_slot_failed(struct load_worker *, struct load_slot *); /* closed after a failure */
void worker_slot_idle(struct load_worker *,
		      struct load_slot *); /* waits for an arrival, or its turn */

#endif
