/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker threads of one program over one stack: started together, stopped together. */
#ifndef APPS_TEAM_H
#define APPS_TEAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "io.h"

#define TEAM_MAX 256

/* Each call on the worker's own thread, on its cores. */
struct team_job {
	int (*start)(void *worker, struct io *, char err[ERR_LEN]); /* 0 or -errno */
	void (*loop)(void *worker); /* until team_stopping(), or earlier */
	void (*end)(void *worker);  /* also after a failed start */
};

/* What the worker's thread does besides: for the index-th worker, a turn after each of its own. */
struct team_aside {
	void *arg;
	int (*start)(void *arg, unsigned index, char err[ERR_LEN]); /* 0 or -errno */
	bool (*turn)(void *arg, unsigned index); /* never waits; false: it failed */
	void (*end)(void *arg, unsigned index);	 /* also after a failed start */
};

struct team;
struct team_member {
	struct team *team;
	void *worker;
	unsigned index;
	pthread_t thread;
};

struct team {
	struct io_stack *stack;
	const struct team_job *job;
	atomic_bool stop;
	unsigned n;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned n_ready, n_running; /* under lock */
	int status;
	char err[ERR_LEN];
	struct team_member members[TEAM_MAX];
};

/* Starts stack->n_workers threads, workers[i] for each; waits until all have started. 0, or -errno
 * with err when one could not: all have ended then. */
int team_start(struct team *, struct io_stack *, const struct team_job *, void *const workers[],
	       char err[ERR_LEN]);
/* Asks them to end and waits for it. */
void team_stop(struct team *);
/* True while all are in their loops: one that is not, unasked, has failed. */
bool team_running(struct team *);

static inline bool team_stopping(struct team *t)
{
	return atomic_load_explicit(&t->stop, memory_order_relaxed);
}

#endif
