/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the socket interface (core/api) stands on: an instance (configuration, device, cores), and
 * one core seen from its application thread, in one of two modes behind one table of operations.
 *
 * Connections and listeners are named by 32-bit ids of the core. A cookie is the owner's, given
 * back in events; 0 means none. Errors are -errno as Linux gives them. A core is used by the thread
 * that created it.
 */
#ifndef RUNTIME_RT_H
#define RUNTIME_RT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/time.h"
#include "runtime/config.h"
#include "runtime/loop.h"
#include "stack/stack.h"

#define RT_ID_NONE STACK_ID_NONE
#define RT_N_OPTS  (TCP_OPT_FASTOPEN_QUEUE + 1)

struct share;

struct rt_stack {
	struct rt_config cfg;
	struct nic nic;
	struct share *share;  /* with several cores */
	pthread_mutex_t lock; /* of what follows, and of nic's counters */
	uint32_t queues_used; /* bit map */
	unsigned n_cores;
};

/* Options set before there is a connection: applied when there is one. */
struct rt_opts {
	uint32_t set; /* bit per enum tcp_option */
	uint32_t value[RT_N_OPTS];
	const struct cc_ops *cc; /* NULL: the configured one */
};

struct rt_core;

/* Looks at the stack, from the thread that drives it. id: the stack's, or RT_ID_NONE. */
typedef void rt_look_fn(const struct stack_core *, uint32_t id, void *arg);

struct rt_ops {
	/* Listener's id. EADDRINUSE, EADDRNOTAVAIL, ENOBUFS. opts: for the connections accepted
	 * from it. */
	int64_t (*listen)(struct rt_core *, const struct ip_endpoint *local, uint32_t backlog,
			  const struct rt_opts *opts);
	/* backlog: at least 1, as above. */
	void (*listen_backlog)(struct rt_core *, uint32_t lid, uint32_t backlog);
	void (*listen_opts)(struct rt_core *, uint32_t lid, const struct rt_opts *opts);
	void (*listen_close)(struct rt_core *, uint32_t lid);
	void (*listen_cookie)(struct rt_core *, uint32_t lid, uint64_t cookie);
	uint32_t (*listen_ready)(struct rt_core *, uint32_t lid); /* STACK_* bits */
	/* A connection's id, or EAGAIN. */
	int64_t (*accept)(struct rt_core *, uint32_t lid, const struct rt_opts *opts);
	/* A connection's id, in SYN-SENT. Errors as stack_connect. local: NULL, or unspecified in
	 * part. */
	int64_t (*connect)(struct rt_core *, const struct ip_endpoint *local,
			   const struct ip_endpoint *remote, const struct rt_opts *opts);
	void (*cookie)(struct rt_core *, uint32_t id, uint64_t cookie);
	/* ready, recv, send and events: paired only, to be called as rt_ready, rt_recv ... below.
	 */
	uint32_t (*ready)(struct rt_core *, uint32_t id);
	ssize_t (*recv)(struct rt_core *, uint32_t id, void *buf, size_t len);
	/* Bytes from off on, which stay; 0 where there are only so many. */
	ssize_t (*peek)(struct rt_core *, uint32_t id, uint32_t off, void *buf, size_t len);
	ssize_t (*recvv)(struct rt_core *, uint32_t id, const struct iovec *, int n);
	ssize_t (*send)(struct rt_core *, uint32_t id, const void *buf, size_t len);
	ssize_t (*sendv)(struct rt_core *, uint32_t id, const struct iovec *, int n);
	ssize_t (*sendv_more)(struct rt_core *, uint32_t id, const struct iovec *, int n);
	/* As stack_zc_*; NULL: not in this mode. */
	ssize_t (*zc_peek)(struct rt_core *, uint32_t id, struct iovec piece[2]);
	int (*zc_drop)(struct rt_core *, uint32_t id, size_t n);
	ssize_t (*zc_room)(struct rt_core *, uint32_t id, size_t want, struct iovec piece[2]);
	int (*zc_append)(struct rt_core *, uint32_t id, size_t n);
	size_t (*readable)(struct rt_core *, uint32_t id);
	/* Not in SYN-SENT, which ends by abort. */
	int (*shutdown)(struct rt_core *, uint32_t id, int how);
	/* The id is gone for the owner. */
	void (*close)(struct rt_core *, uint32_t id);
	void (*abort)(struct rt_core *, uint32_t id);
	int (*take_error)(struct rt_core *, uint32_t id);
	int (*set_option)(struct rt_core *, uint32_t id, enum tcp_option, uint32_t value);
	int64_t (*get_option)(struct rt_core *, uint32_t id, enum tcp_option);
	int (*set_cc)(struct rt_core *, uint32_t id, const struct cc_ops *);
	const char *(*get_cc)(struct rt_core *, uint32_t id);
	/* Exact for SYN-SENT, "open in some way" (ESTABLISHED) and CLOSED; finer states may be
	 * folded. */
	enum tcp_state (*state)(struct rt_core *, uint32_t id);
	void (*names)(struct rt_core *, uint32_t id, struct ip_endpoint *local,
		      struct ip_endpoint *remote);
	/* Calls look(stack, its id of this connection, arg); id may be RT_ID_NONE. Returns when it
	 * has been. */
	void (*look)(struct rt_core *, uint32_t id, rt_look_fn *look, void *arg);
	int (*set_sources)(struct rt_core *, const struct ip_addr *base, uint32_t n);
	/* As stack_events. */
	unsigned (*events)(struct rt_core *, struct stack_event *ev, unsigned max);
	/* Lets the stack work: at least one turn (paired: when there is a reason). If no event came
	 * of it and `until` lies ahead, may sleep, once and bounded, no longer than `until`. 0 or
	 * -EINTR. */
	int (*poll)(struct rt_core *, mt_time until);
	/* What was sent goes out without waiting for the next poll. */
	void (*flush)(struct rt_core *);
	void (*fini)(struct rt_core *);
};

struct pair;

struct rt_core {
	const struct rt_ops *ops;
	struct rt_stack *stack;
	mt_time now;	   /* of the last poll; inline: or flush */
	struct loop *loop; /* paired: belongs to the stack's thread, only counters are read here */
	struct loop own;   /* inline's loop */
	struct pair *pair;
	struct account *account; /* the loop's; NULL: by turns */
	bool in_call; /* with an account: the application's thread is in one of our functions */
	uint64_t app_ticks;  /* between poll and poll */
	uint64_t take_ticks; /* paired: inside poll, for events that came; of the stack's work */
	uint64_t left_at;    /* ticks when poll was left */
	uint64_t born_ticks;
	mt_time born_at;
	uint16_t queue;
	int cpu;
};

/* The calls of every message: in inline mode straight to the stack. */
static inline ssize_t rt_recv(struct rt_core *c, uint32_t id, void *buf, size_t len)
{
	ssize_t r;

	if (c->pair)
		return c->ops->recv(c, id, buf, len);
	r = stack_recv(c->own.sc, id, buf, len, c->now);
	c->own.dirty |= r > 0; /* a window may have opened */
	return r;
}

/* Nothing is left to read: what comes next raises an event. */
static inline bool rt_drained(struct rt_core *c, uint32_t id)
{
	if (c->pair)
		return !(c->ops->ready(c, id) & (STACK_IN | STACK_RDHUP | STACK_HUP | STACK_ERR));
	return stack_drained(c->own.sc, id);
}

static inline ssize_t rt_send(struct rt_core *c, uint32_t id, const void *buf, size_t len)
{
	ssize_t r;

	if (c->pair)
		return c->ops->send(c, id, buf, len);
	r = stack_send(c->own.sc, id, buf, len, c->now);
	c->own.dirty |= r > 0;
	return r;
}

static inline unsigned rt_events(struct rt_core *c, struct stack_event *ev, unsigned max)
{
	return c->pair ? c->ops->events(c, ev, max) : stack_events(c->own.sc, ev, max);
}

static inline uint32_t rt_ready(struct rt_core *c, uint32_t id)
{
	return c->pair ? c->ops->ready(c, id) : stack_ready(c->own.sc, id);
}

/* conf_file, overrides: NULL for none. NULL with one line in err. */
struct rt_stack *rt_stack_open(const struct rt_config *defaults, const char *conf_file,
			       const char *overrides, char err[RT_ERR_LEN]);
void rt_stack_close(struct rt_stack *); /* after its cores */
void rt_stack_device_stats(struct rt_stack *, uint64_t *rx_missed, uint64_t *tx_errors);

/* On the application's thread. 0, or -errno: EINVAL (no such CPU), ENOSPC (each queue has its
 * core), ENOMEM. */
int rt_core_init(struct rt_core *, struct rt_stack *, int cpu);
void rt_core_fini(struct rt_core *);
/* Copies, callable by any thread. */
void rt_core_stats(const struct rt_core *, struct mtcp_stats *out);
void rt_core_cycles(const struct rt_core *, struct mtcp_cycles *out);

/* The device as this core's stack is to see it. */
const struct nic *rt_core_nic(const struct rt_stack *, uint16_t queue);

/* The two modes. */
int rt_inline_init(struct rt_core *);
int rt_paired_init(struct rt_core *);

/* Applies opts to a fresh connection; what the stack refuses keeps its default, as after a refused
 * setsockopt. */
void rt_apply_opts(struct stack_core *, uint32_t id, const struct rt_opts *, mt_time now);
/* Those that mean something to the listener itself. */
void rt_listen_opts(struct stack_core *, uint32_t lid, const struct rt_opts *);

#endif
