/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accepted connections between threads, under one lock. Only for what experiment `ablation` asks:
 * what an accept queue that a server's cores share would cost. In our stack a connection belongs to
 * the core that its packets come to, so a core that takes another's hands it back.
 */
#ifndef APPS_ACCEPT_QUEUE_H
#define APPS_ACCEPT_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCEPT_QUEUE_LEN 65536u /* a listener's longest backlog */

struct accepted {
	uint32_t worker; /* whose it is */
	int fd;
};

struct accept_queue {
	pthread_mutex_t lock;
	uint32_t head, tail;
	struct accepted *at;
};

/* 0 or -ENOMEM. */
int accept_queue_init(struct accept_queue *);
void accept_queue_free(struct accept_queue *);
/* There is room. */
void accept_queue_put(struct accept_queue *, struct accepted);
/* False: empty. */
bool accept_queue_get(struct accept_queue *, struct accepted *out);

/* One queue for all, and one for each worker of what others took out of the first. A worker puts in
 * ACCEPT_QUEUE_LEN / n_workers at most before it gets some back, so no queue overflows. */
struct accept_share {
	uint32_t n_workers;
	struct accept_queue all, *own;
};

/* NULL: no memory. */
struct accept_share *accept_share_create(uint32_t n_workers);
void accept_share_free(struct accept_share *);
/* Takes up to `most` from the queue for all, hands on what is not this worker's, and returns what
 * is; -1: nothing more. */
int accept_share_next(struct accept_share *, uint32_t worker, unsigned *most);

#endif
