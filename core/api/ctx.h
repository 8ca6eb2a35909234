/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A context: the descriptor table of one core and the epoll instances over it. Everything here is
 * used by the context's thread only. Functions return -errno; the public calls turn that into -1
 * and errno.
 */
#ifndef API_CTX_H
#define API_CTX_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/watch.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rng.h"
#include "mtcp/mtcp_api.h"
#include "mtcp/mtcp_epoll.h"
#include "runtime/rt.h"

/* Exported, and in a profile the stack's even where the application is optimised together with it.
 */
#define API __attribute__((visibility("default"), noinline))

#define FD_KIND_EVENTFD 6 /* beside enum socket_type */
#define FD_AGAIN_TURNS                                                                             \
	32 /* calls in vain after which the stack gets a turn: a polling loop makes progress */

enum { /* fd.flags */
       FD_NONBLOCK = 0x01,
       FD_BOUND = 0x02,
       FD_CONNECTING = 0x04, /* connect was called, its outcome not yet reported by connect */
       FD_CONNECTED = 0x08,
       FD_LINGER = 0x10,
       FD_REUSEADDR = 0x20,
       FD_REUSEPORT = 0x40,
       FD_SEMAPHORE = 0x80, /* eventfd */
       FD_V6 = 0x80	    /* sockets: AF_INET6 */
};

struct fd;

/* What a socket remembers before it has a connection, and a listener for those it will accept. */
struct sock_opts {
	uint32_t link; /* the pool's */
	struct rt_opts rt;
	struct ip_endpoint local; /* bind */
	struct list listening;	  /* in ctx->listeners */
	int error; /* pending while there is no connection: an attempt that shutdown ended */
};

struct pipe_buf {
	struct fd *rd, *wr; /* NULL: closed */
	uint32_t head, len;
	uint8_t data[65536]; /* as Linux's */
};

/* A descriptor. The first registration, mostly the only one, lies inside. */
struct fd {
	uint32_t far; /* far_watch, or POOL_NONE. Free: the pool's, so that the rest stays */
	uint8_t kind; /* enum socket_type or FD_KIND_EVENTFD */
	uint8_t flags;
	uint16_t linger_s;
	union {
		struct {
			uint32_t id;   /* the core's, or RT_ID_NONE */
			uint32_t opts; /* sock_opts, or POOL_NONE: nothing but defaults */
		};
		struct ep *ep;
		struct pipe_buf *pipe;
		uint64_t count; /* eventfd */
	};
	struct watch w0;
};

_Static_assert(sizeof(struct fd) == 32, "two descriptors to a cache line");

struct mtcp_stack {
	struct rt_stack *rt;
	struct list contexts; /* under rt->lock */
};

struct ctx {
	struct mtcp_context pub; /* first: mctx_t points to it */
	struct rt_core core;
	struct mtcp_stack *stack;
	struct list node; /* in stack->contexts */
	struct pool fds, watches, opts;
	struct ep **eps; /* by number; NULL: unused */
	uint32_t n_eps;
	void *mem;
	size_t mem_len;
	struct list listeners;	 /* sock_opts */
	struct ip_addr src_base; /* mtcp_init_rss */
	uint32_t n_src;
	struct rng rng;
	unsigned n_again; /* calls in vain since the last poll */
	unsigned signals_seen;
};

/* First in a public function of a context's thread: what such a call does is TCP/IP's. The function
 * is called again, inside, and its value returned. */
#define API_BOOKED(m, call)                                                                        \
	do {                                                                                       \
		struct rt_core *core_ = (m) ? &ctx_of(m)->core : NULL;                             \
                                                                                                   \
		if (core_ && __builtin_expect(core_->account != NULL, 0) && !core_->in_call) {     \
			core_->in_call = true;                                                     \
			account_switch(core_->account, PART_TCPIP);                                \
			__auto_type r_ = (call);                                                   \
			account_switch(core_->account, PART_APP);                                  \
			core_->in_call = false;                                                    \
			return r_;                                                                 \
		}                                                                                  \
	} while (0)

/* -1 and errno, or the value. */
static inline int api_result(int64_t r)
{
	if (r >= 0)
		return (int)r;
	errno = (int)-r;
	return -1;
}

static inline ssize_t api_ssize(ssize_t r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static inline struct ctx *ctx_of(mctx_t m)
{
	return (struct ctx *)(void *)m;
}

static inline struct fd *fd_at(struct ctx *c, uint32_t n)
{
	return (struct fd *)(void *)c->fds.base + n;
}

static inline int fd_number(struct ctx *c, const struct fd *f)
{
	return (int)(f - (const struct fd *)(const void *)c->fds.base);
}

/* ---- info.c ---- */
struct tcp_info;
void api_tcp_info(struct ctx *, struct fd *, struct tcp_info *);
/* Of a connection of this core, or RT_ID_NONE. */
void api_info_at(const struct stack_core *, uint32_t id, mt_time now, struct tcp_info *);

/* ---- context.c ---- */
/* One poll of the core; its events reach the epoll instances. 0 or -EINTR. */
int ctx_poll(struct ctx *, mt_time until);
/* For blocking calls: polls until something happened. 0 or -EINTR. */
int ctx_block(struct ctx *);
/* What a call that would block returns if the descriptor is non-blocking: r (EAGAIN and its kin).
 */
int ctx_again(struct ctx *, int r);

/* ---- fd.c ---- */
/* A fresh descriptor of this kind or NULL (EMFILE). */
struct fd *fd_new(struct ctx *, uint8_t kind, unsigned flags);
bool fd_available(struct ctx *);
/* Unregisters it everywhere and frees the entry. */
void fd_free(struct ctx *, struct fd *);
/* The open descriptor n, or NULL (EBADF). */
static inline struct fd *fd_get(mctx_t m, int n)
{
	struct ctx *c = ctx_of(m);

	/* Of a negative one the number is beyond all. 0 is never open. */
	if ((uint32_t)n >= c->fds.n_touched || fd_at(c, (uint32_t)n)->kind == MTCP_SOCK_UNUSED)
		return NULL;
	return fd_at(c, (uint32_t)n);
}
/* A stream or listening socket: 0, EBADF, ENOTSOCK, EINVAL (no context). */
int fd_socket(mctx_t m, int n, struct fd **out);
/* POLL bits that are ready now, as MTCP_EPOLL*. */
uint32_t fd_ready(struct ctx *, const struct fd *);
void fd_close(struct ctx *, struct fd *, bool abort);
static inline struct sock_opts *fd_opts(struct ctx *c, const struct fd *f)
{
	return f->opts == POOL_NONE ? NULL : pool_at(&c->opts, f->opts);
}
/* The same, made if there are none. */
struct sock_opts *fd_opts_make(struct ctx *, struct fd *);
/* What a call that needs a connection says where there is none: a pending error once, else r. */
int fd_unconnected(struct ctx *, struct fd *, int r);
/* The connection is open and has them: gives back all but what only the descriptor knows. */
void fd_opts_settle(struct ctx *, struct fd *);

/* ---- epoll.c ---- */
/* What the core has to tell reaches the instances. */
void ctx_dispatch(struct ctx *);
/* Ends all registrations of a descriptor. */
void watch_remove_all(struct ctx *, struct fd *);
void ep_close(struct ctx *, struct fd *);
/* Something became ready. */
void fd_notify(struct ctx *, struct fd *, uint32_t edge);
/* A call may have changed what is ready. */
static inline void fd_touched(struct fd *f)
{
	f->w0.state = (uint16_t)((f->w0.state & ~WATCH_EMPTY) | WATCH_STALE);
}
/* Nothing is left to read, but what comes is told of. */
static inline void fd_drained(struct fd *f)
{
	f->w0.state = (uint16_t)((f->w0.state & ~(MTCP_EPOLLIN | MTCP_EPOLLRDNORM)) | WATCH_EMPTY);
}

/* ---- pipe.c ---- */
ssize_t pipe_read(struct ctx *, struct fd *, const struct iovec *, int n);
ssize_t pipe_write(struct ctx *, struct fd *, const struct iovec *, int n);
ssize_t evfd_read(struct ctx *, struct fd *, const struct iovec *, int n);
ssize_t evfd_write(struct ctx *, struct fd *, const struct iovec *, int n);
uint32_t pipe_ready(struct ctx *, const struct fd *);
void pipe_close(struct ctx *, struct fd *);

/* ---- signals (instance.c) ---- */
/* Grows with each signal that a handler of mtcp_register_signal took. */
unsigned api_signals(void);

/* ---- addr.c ---- */
/* v6: of an AF_INET6 socket, where IPv4 is ::ffff:a.b.c.d. 0, EFAULT, EINVAL, EAFNOSUPPORT. */
int addr_in(const struct sockaddr *, socklen_t, bool v6, struct ip_endpoint *out);
/* As the kernel: cuts to *len, then sets *len to the whole length. NULL addr: nothing. */
int addr_out(const struct ip_endpoint *, bool v6, struct sockaddr *, socklen_t *len);

#endif
