/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One socket interface over several stacks: the applications are written once against it and know
 * no stack. io_mtcp.c is mtcp's, io_kernel.c and io_uring.c are Linux's. Meaning and errno are
 * those of the Linux calls named in the comments; every socket is non-blocking and has TCP_NODELAY.
 *
 * A struct io_stack is the process's, made and ended by its main thread. A struct io is one worker
 * thread's: made, used and ended on that thread only.
 */
#ifndef APPS_IO_H
#define APPS_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "cpus.h"
#include "util.h"

enum io_kind {
	IO_MTCP,
	IO_MTCP_PAIRED,
	IO_KERNEL,
	IO_KERNEL_REUSEPORT,
	IO_KERNEL_TUNED,
	IO_KERNEL_URING
};
extern const char *const io_kind_names[]; /* by enum io_kind, NULL at the end */

/* Events, as in epoll(7). */
#define IO_IN	     0x001u
#define IO_OUT	     0x004u
#define IO_ERR	     0x008u
#define IO_HUP	     0x010u
#define IO_RDHUP     0x2000u
#define IO_EXCLUSIVE (1u << 28) /* listeners: wake one thread of those that share it */
#define IO_ET	     (1u << 31)

#define IO_MAX_EVENTS 256

enum io_ctl { IO_ADD = 1, IO_DEL = 2, IO_MOD = 3 };

struct io_event {
	uint32_t events;
	void *ptr;
};

/* Consecutive IPv4 source addresses of a client; n == 0: the stack's choice. */
struct io_sources {
	uint32_t first; /* host order */
	uint32_t n;
};

struct io_conf {
	enum io_kind kind;
	const char *conf_file; /* mtcp only: configuration, or NULL */
	const char *overrides; /* "key = value" lines, or NULL */
	struct cpu_list cpus;
	uint32_t max_conns; /* connections that must fit, all workers together */
	bool server;
	struct io_sources sources; /* client only */
	struct addr target;	   /* client only */
};

#define IO_MAX_COUNTERS 96

/* Counters since the stack was opened. */
struct io_stats {
	uint64_t retransmits;
	uint64_t drops;
	unsigned n_counters; /* the stack's own, for whoever looks for a cause */
	const char *const *counter_names;
	uint64_t counters[IO_MAX_COUNTERS];
	bool has_cycles; /* the rest is valid */
	uint64_t rx, tcp, app, timers, tx, idle, total, hz;
};

struct io_stack;
struct io;

struct io_ops {
	/* Main thread. 0, or -errno with one line in err: what was wrong, the mend. */
	int (*stack_open)(const struct io_conf *, struct io_stack **out, char err[ERR_LEN]);
	/* Binds and listens, or checks what can be checked before the workers do; a port of 0 is
	 * replaced. */
	int (*stack_listen)(struct io_stack *, struct addr *, int backlog, char err[ERR_LEN]);
	void (*stack_close)(struct io_stack *);
	/* Any thread, while the workers' contexts exist. */
	void (*stack_stats)(struct io_stack *, struct io_stats *);

	/* Worker's thread. */
	struct io *(*open)(struct io_stack *, unsigned worker, char err[ERR_LEN]);
	void (*shut)(struct io *);
	int (*listener)(struct io *);		  /* descriptor, or -1 */
	int (*accept)(struct io *, int listener); /* accept4 */
	int (*socket)(struct io *,
		      int family); /* TCP's; NULL: this stack has none without connect */
	int (*connect)(struct io *,
		       const struct addr *); /* socket, connect; -1 unless under way or done */
	ssize_t (*read)(struct io *, int fd, void *, size_t);
	ssize_t (*write)(struct io *, int fd, const void *, size_t);
	ssize_t (*writev)(struct io *, int fd, const struct iovec *, int n);
	/* mtcp_zc_*; NULL: this stack has none */
	ssize_t (*zc_read)(struct io *, int fd, struct iovec[2]);
	int (*zc_consume)(struct io *, int fd, size_t);
	ssize_t (*zc_reserve)(struct io *, int fd, size_t want, struct iovec[2]);
	int (*zc_commit)(struct io *, int fd, size_t);
	int (*finish)(struct io *, int fd);			       /* shutdown(SHUT_WR) */
	int (*close)(struct io *, int fd);			       /* leaves the event set */
	int (*error)(struct io *, int fd);			       /* SO_ERROR */
	int (*ctl)(struct io *, enum io_ctl, int fd, struct io_event); /* epoll_ctl */
	/* Up to max, of IO_MAX_EVENTS; timeout in ms, -1: none. 0 also when a signal came. */
	int (*wait)(struct io *, struct io_event[IO_MAX_EVENTS], int max, int timeout);
};

extern const struct io_ops io_mtcp_ops;
extern const struct io_ops io_kernel_ops;
extern const struct io_ops io_uring_ops;

/* The records behind a round's events: with many connections each is cold. */
static inline void io_prefetch(const struct io_event *events, int n)
{
	for (int i = 0; i < n; i++)
		__builtin_prefetch(events[i].ptr);
}

const struct io_ops *io_ops_of(enum io_kind kind);
static inline bool io_is_mtcp(enum io_kind kind)
{
	return kind == IO_MTCP || kind == IO_MTCP_PAIRED;
}

/* Common first member of each stack's own types. */
struct io_stack {
	const struct io_ops *ops;
	struct io_conf conf;
	unsigned n_workers; /* threads the applications shall run, decided by stack_open */
	bool pin_each;	    /* worker i on cpus.id[i % cpus.n]; else on any of cpus */
};

struct io {
	const struct io_ops *ops;
	struct io_stack *stack;
	unsigned worker;
};

#endif
