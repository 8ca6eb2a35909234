/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be set about a server over Linux's TCP: from the stack's name, then by --set KEY=VALUE.
 * docs/baselines.md tells what each gains. What the kernel refuses is left out and told.
 */
#ifndef APPS_KERNEL_KNOBS_H
#define APPS_KERNEL_KNOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "kernel_steer.h"

struct kernel_knobs {
	uint32_t reuseport;	 /* a listener per worker, not one for all */
	uint32_t reuseport_cpu;	 /* it gets what its core received: by a program */
	uint32_t incoming_cpu;	 /* by SO_INCOMING_CPU */
	uint32_t pin;		 /* a core per worker, not any of the server's */
	uint32_t edge;		 /* connections are watched edge-triggered */
	uint32_t spin;		 /* epoll_wait never sleeps */
	uint32_t quickack;	 /* TCP_QUICKACK on each accepted socket */
	uint32_t defer_accept_s; /* TCP_DEFER_ACCEPT */
	uint32_t fastopen; /* TCP_FASTOPEN: requests waiting in SYNs; of a client: it sends them so
			    */
	uint32_t busy_poll_us;	   /* SO_BUSY_POLL, inherited by accepted sockets */
	uint32_t prefer_busy_poll; /* SO_PREFER_BUSY_POLL */
	uint32_t busy_poll_budget; /* SO_BUSY_POLL_BUDGET, packets */
	uint32_t epoll_poll_us;	   /* busy polling of each epoll instance */
	uint32_t sqpoll; /* kernel-uring: a thread of the kernel's takes the submissions */
	uint32_t cubic;	 /* TCP_CONGESTION, also where a namespace may not set the default */
};

/* The stack's own values, then conf->overrides. 0, or -EINVAL with err. */
int kernel_knobs_read(struct kernel_knobs *, const struct io_conf *, char err[ERR_LEN]);

/* Before bind() and listen(). 0 or -errno, for what the stack cannot be without. */
int kernel_knobs_listener(const struct kernel_knobs *, int fd);
void kernel_knobs_epoll(const struct kernel_knobs *, int epoll);

/* After listen(), of all listeners. */
void kernel_knobs_group(const struct kernel_knobs *, const struct kernel_group *);

/* One JSON line on standard error: {"event":"settings","set":{...},"refused":[...]}, read back from
 * the listeners and from an epoll instance of its own. */
void kernel_knobs_tell(const struct kernel_knobs *, const struct kernel_group *);

#endif
