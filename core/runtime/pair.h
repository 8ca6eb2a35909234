/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paired mode (paper section 3): an application thread and a stack thread on one CPU. Jobs go one
 * way and events the other, as records with their payload in two lock-free rings. Besides them and
 * the baton only the stack itself is ever shared, and only by a loan (below).
 *
 * Ids. [0, n) name sockets opened by the application (listen, connect) and are chosen by it; [n,
 * 2n) name accepted connections and are chosen by the stack's side. JOB_CLOSE is the last job about
 * an id and EV_CLOSED, its answer, the last event: after it, whoever chose the id may use it again.
 *
 * Credit. Each side may have rx_credit (tx_credit) bytes of one socket on the way to or waiting at
 * the other: its memory is bounded. It comes back by halves: a short exchange costs no record.
 *
 * Baton. One thread works on the stack at a time. The stack's does while the application computes
 * (it looks up every PAIR_NAP) and while the core sleeps. When the application's thread waits, it
 * makes the turns itself (a loan) as long as the loop would spin: a change of threads costs more
 * than a short connection's handling does. Else it hands over and gives the CPU away, which is one
 * system call; who got it back without the baton sleeps, and has to be woken. The kernel's
 * scheduler never has to end a time slice for that.
 */
#ifndef RUNTIME_PAIR_H
#define RUNTIME_PAIR_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/spsc.h"
#include "runtime/bq.h"
#include "runtime/rt.h"

#define PAIR_CREDIT_MAX (64u << 10) /* bytes of one socket between the sides */
/* How often a wait looks for a signal: one handled just before it falls asleep does not wake it. */
#define PAIR_WAIT_MAX (50 * MT_MS)
#define PAIR_NAP      (1 * MT_MS) /* the stack's longest sleep while the application computes */
#define PAIR_NAP_MADE (4 * MT_MS) /* ... which made turns itself in the last one */
#define PAIR_STARVE   16	  /* polls after which the stack gets a turn in any case */

enum pair_baton {
	PAIR_APP,   /* the application runs; the stack sleeps, but looks up */
	PAIR_STACK, /* the application sleeps until the stack has news */
	PAIR_TURN   /* the application sleeps until the stack has made one turn */
};

enum pair_type {
	/* jobs */
	JOB_SEND,     /* payload; arg: more will follow (MSG_MORE) */
	JOB_CREDIT,   /* arg bytes were read */
	JOB_ACCEPTED, /* arg connections of listener id were taken */
	JOB_BACKLOG,  /* arg: the listener's from now on; what was taken has been told before */
	JOB_SHUTDOWN, /* arg: SHUT_* */
	JOB_CLOSE,    /* arg: bytes read in all; also of a listener */
	JOB_ABORT,
	JOB_CALL, /* payload pair_call; EV_REPLY answers */
	/* events */
	EV_ACCEPT, /* arg: listener; payload pair_names */
	EV_CONNECTED,
	EV_DATA, /* payload */
	EV_EOF,
	EV_ERROR,  /* arg: errno */
	EV_CREDIT, /* arg bytes were taken by the stack */
	EV_CLOSED,
	EV_REPLY, /* payload pair_reply */
	EV_VOID	  /* nothing */
};

struct pair_msg {
	uint32_t type, id, arg;
	uint32_t len; /* payload bytes */
	uint8_t data[];
};

struct pair_names {
	struct ip_endpoint local, remote;
};

enum pair_op {
	CALL_LISTEN,
	CALL_LISTEN_OPTS,
	CALL_CONNECT,
	CALL_SET,
	CALL_GET,
	CALL_SET_CC,
	CALL_GET_CC,
	CALL_SOURCES,
	CALL_LOOK /* value: at connection id, else at the stack */
};

struct pair_call {
	enum pair_op op;
	uint32_t value;
	enum tcp_option opt;
	bool has_opts;
	struct pair_names names;
	struct rt_opts opts;
	const struct cc_ops *cc;
	rt_look_fn *look;
	void *look_arg;
};

struct pair_reply {
	int64_t result;
	struct pair_names names;
	const struct cc_ops *cc;
};

enum sock_kind { SOCK_FREE, SOCK_CONN, SOCK_LISTENER, SOCK_CLOSING };

/* ---- the application's half ---- */
enum { /* app_sock.flags */
       APP_CONNECTING = 0x01,
       APP_EOF = 0x02,
       APP_DEAD = 0x04, /* an error arrived; data that came before it may follow, then the end */
       APP_SHUT_RD = 0x08,
       APP_SHUT_WR = 0x10
};

struct app_sock {
	uint32_t link; /* the pool's */
	uint8_t kind, flags;
	uint16_t error;
	uint64_t cookie;
	struct list event;    /* on pair_app.events while edge != 0 */
	struct list accepted; /* listener: head; not yet accepted connection: node */
	uint32_t edge;
	uint32_t credit;     /* bytes that may still be sent */
	uint32_t unreported; /* bytes or connections taken, not yet returned as credit */
	uint32_t rx_total;   /* bytes read, modulo 2^32 */
	uint32_t backlog;
	uint32_t lid;
	struct bq rx;
	struct pair_names names;
};

struct pair_app {
	struct pool half[2]; /* app_sock: [0] chosen here, [1] by the stack */
	struct pool chunks;
	struct list events;
	struct pair_reply reply;
	bool replied;
	bool posted;	/* jobs since the last hand-over */
	unsigned polls; /* since the last hand-over */
};

/* ---- the stack's half ---- */
enum { /* stk_sock.flags */
       STK_CONNECTING = 0x01,
       STK_EOF_SENT = 0x02,
       STK_ERR_SENT = 0x04,
       STK_SHUT_WR = 0x08, /* once tx is empty */
       STK_CLOSE = 0x10,   /* once tx is empty */
       STK_GONE = 0x20,	   /* only EV_CLOSED is missing */
       STK_MORE = 0x40	   /* the last bytes written were MSG_MORE's */
};

struct stk_sock {
	uint32_t link;
	uint8_t kind, flags;
	uint16_t error; /* to be reported */
	uint32_t sid;	/* the stack's id */
	uint32_t id;
	uint32_t rx_credit; /* bytes, or connections of a listener, that may still be passed on */
	uint32_t rx_total;  /* bytes passed on, modulo 2^32 */
	uint32_t tx_freed;  /* bytes taken, not yet returned as credit */
	struct bq tx;	    /* what the stack had no room for */
	struct list todo;
	struct rt_opts *opts; /* listener's, on the heap */
};

struct pair_stk {
	struct pool half[2];
	struct pool chunks;
	struct list todo; /* sockets with something to pass on */
	struct pair_reply reply;
	bool reply_due;
	bool news;		    /* something was passed on that the application waits for */
	uint32_t loans, loans_seen; /* turns made by the application; when the stack's last slept */
};

struct pair {
	/* shared */
	struct spsc jobs, events;
	_Alignas(64) _Atomic uint32_t baton;
	_Atomic uint32_t n_asleep; /* threads that want a wake-up call when the baton changes */
	_Atomic uint32_t taken;	   /* 1: a thread is at work on the stack, or may go on so */
	_Atomic uint32_t stop;
	/* constant while both run */
	const struct rt_stack *rt;
	uint32_t n_socks; /* per half */
	uint32_t tx_credit, rx_credit;
	uint32_t record_max; /* payload bytes of one record */
	uint16_t queue;
	int cpu;
	void *mem;
	size_t mem_len;
	pthread_t thread;
	sem_t started;
	int start_result;
	struct loop loop; /* the stack's thread's */
	_Alignas(64) struct pair_app app;
	_Alignas(64) struct pair_stk stk;
};

static inline struct app_sock *app_at(struct pair *p, uint32_t id)
{
	return id < p->n_socks ? pool_at(&p->app.half[0], id)
			       : pool_at(&p->app.half[1], id - p->n_socks);
}

static inline struct stk_sock *stk_at(struct pair *p, uint32_t id)
{
	return id < p->n_socks ? pool_at(&p->stk.half[0], id)
			       : pool_at(&p->stk.half[1], id - p->n_socks);
}

/* ---- stack's thread (pair_stk.c) ---- */
/* All jobs, a turn of the loop; passes on what the ring has room for. True: anything happened. */
STACK_PHASE bool stk_turn(struct pair *);
/* The right to work on the stack (pair.taken). False: the other thread has it. */
bool stk_take(struct pair *);
/* A hand-over without one, by the application's thread. False: the other works, or is to sleep. */
bool stk_loan(struct pair *, enum pair_baton to, mt_time until);

/* ---- application's thread (pair_app.c) ---- */
/* Takes in all events that wait. True if one of them is of interest to the application. */
STACK_PHASE bool app_drain(struct pair *);
/* A job with room for len bytes, then app_post; waits for the stack if the ring is full. */
struct pair_msg *app_job(struct pair *, enum pair_type, uint32_t id, uint32_t len);
void app_post(struct pair *, const struct pair_msg *);
/* Publishes the jobs; returns when the stack has done, or at `until`. 0 or (PAIR_STACK) -EINTR. */
int app_hand_over(struct pair *, enum pair_baton, mt_time until);
/* Posts the call and waits for its reply, which is in p->app.reply. */
int64_t app_call(struct pair *, uint32_t id, const struct pair_call *);
void app_edge(struct pair *, struct app_sock *, uint32_t edge);
uint32_t app_ready(const struct app_sock *);
void app_sock_init(struct pair *, struct app_sock *, enum sock_kind);

/* ---- the baton (pair.c) ---- */
/* After a change of the baton. */
void pair_wake(struct pair *);
/* Gives the CPU away while the baton has this value; at most ns asleep. 0 or -EINTR. */
int pair_wait(struct pair *, uint32_t value, mt_time ns);

extern const struct rt_ops rt_paired_ops; /* pair_ops.c */
/* Ends the stack's thread, after its closing connections had linger_ms, and frees the pair. */
void pair_fini(struct pair *);

#endif
