// SPDX-License-Identifier: BSD-3-Clause
#include "team.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void report(struct team *t, int status, const char *err)
{
	pthread_mutex_lock(&t->lock);
	t->n_ready++;
	if (status == 0) {
		t->n_running++;
	} else if (t->status == 0) {
		t->status = status;
		memcpy(t->err, err, ERR_LEN);
	}
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static void leave(struct team *t)
{
	pthread_mutex_lock(&t->lock);
	t->n_running--;
	pthread_mutex_unlock(&t->lock);
}

static int pin(const struct team_member *m)
{
	const struct cpu_list *cpus = &m->team->stack->conf.cpus;
	struct cpu_list one = {.n = 1, .id = {cpus->id[m->index % cpus->n]}};

	return cpus_pin(m->team->stack->pin_each ? &one : cpus);
}

static void *member_main(void *arg)
{
	struct team_member *m = arg;
	struct team *t = m->team;
	const struct io_ops *ops = t->stack->ops;
	char err[ERR_LEN] = "";
	struct io *io;
	int ret = pin(m);

	if (ret < 0) {
		report(t, err_set(ret, err, "cannot pin a thread: %s", strerror(-ret)), err);
		return NULL;
	}
	errno = 0;
	io = ops->open(t->stack, m->index, err);
	if (io == NULL) {
		report(t, errno != 0 ? -errno : -EINVAL, err);
		return NULL;
	}
	ret = t->job->start(m->worker, io, err);
	report(t, ret, err);
	if (ret == 0) {
		t->job->loop(m->worker);
		leave(t);
	}
	t->job->end(m->worker);
	ops->shut(io);
	return NULL;
}

/* Signals go to the main thread. */
static int spawn(struct team_member *m)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&m->thread, NULL, member_main, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

static void await_all(struct team *t)
{
	pthread_mutex_lock(&t->lock);
	while (t->n_ready < t->n)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

int team_start(struct team *t, struct io_stack *stack, const struct team_job *job,
	       void *const workers[], char err[ERR_LEN])
{
	int ret = 0;

	memset(t, 0, sizeof(*t));
	t->stack = stack;
	t->job = job;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	while (t->n < stack->n_workers && ret == 0) {
		struct team_member *m = &t->members[t->n];

		*m = (struct team_member){.team = t, .worker = workers[t->n], .index = t->n};
		ret = spawn(m);
		t->n += ret == 0;
	}
	await_all(t);
	if (ret < 0) {
		err_set(ret, err, "cannot start a thread: %s", strerror(-ret));
	} else if (t->status != 0) {
		ret = t->status;
		memcpy(err, t->err, ERR_LEN);
	}
	if (ret < 0)
		team_stop(t);
	return ret;
}

void team_stop(struct team *t)
{
	atomic_store(&t->stop, true);
	for (unsigned i = 0; i < t->n; i++)
		pthread_join(t->members[i].thread, NULL);
	t->n = 0;
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
}

bool team_running(struct team *t)
{
	bool running;

	pthread_mutex_lock(&t->lock);
	running = t->n_running == t->n;
	pthread_mutex_unlock(&t->lock);
	return running;
}
