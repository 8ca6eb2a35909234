// SPDX-License-Identifier: BSD-3-Clause
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accept_queue.h"

#define ACCEPT_BATCH 128u /* at most, between two looks at the connections */
#define WAIT_MS	     100  /* how soon a stop is seen */
#define RESUME_NS    (100 * MS_NS)

const char *const app_kind_names[] = {"echo", "http", "bulk", "tls", "replay", NULL};

struct server {
	struct server_conf conf;
	struct io_stack *stack;
	struct team team;	    /* not started when it runs beside another's workers */
	struct accept_share *share; /* shared_accept */
	unsigned n_workers;
	struct server_worker *workers[TEAM_MAX];
	SSL_CTX *tls; /* or NULL */
};

static const struct app *const apps[] = {[APP_ECHO] = &echo_app,
					 [APP_HTTP] = &http_app,
					 [APP_BULK] = &bulk_app,
					 [APP_TLS] = &tls_app,
					 [APP_REPLAY] = &replay_app};

SSL_CTX *server_tls_of(const struct server_worker *w)
{
	return w->server->tls;
}

const struct server_conf *server_conf_of(const struct server_worker *w)
{
	return &w->server->conf;
}

static struct conn *conn_at(struct server_worker *w, uint32_t i)
{
	return (struct conn *)(void *)(w->pool + (size_t)i * w->app->conn_len);
}

static struct conn *conn_take(struct server_worker *w)
{
	struct conn *c;

	if (w->free_conns != CONN_NONE) {
		c = (struct conn *)(void *)(w->pool + (size_t)w->free_conns * CONN_UNIT);
		w->free_conns = c->next_free;
		return c;
	}
	if (w->n_made == w->server->conf.max_conns)
		return NULL;
	return conn_at(w, w->n_made++);
}

static void conn_give_back(struct server_worker *w, struct conn *c)
{
	c->fd = -1;
	c->next_free = w->free_conns;
	w->free_conns = (uint32_t)((size_t)((char *)c - w->pool) / CONN_UNIT);
}

static void listener_watch(struct server_worker *w)
{
	struct io_event ev = {.events = IO_IN | IO_EXCLUSIVE, .ptr = NULL};

	w->paused = w->ops->ctl(w->io, IO_ADD, w->listener, ev) < 0;
	w->resume_at = w->paused ? clock_ns() + RESUME_NS : 0;
}

/* A level-triggered listener would report the waiting connection without end. */
static void listener_pause(struct server_worker *w, bool retry)
{
	w->ops->ctl(w->io, IO_DEL, w->listener, (struct io_event){0});
	w->paused = true;
	w->resume_at = retry ? clock_ns() + RESUME_NS : 0;
	counter_add(&w->pauses, 1);
}

static void conn_close(struct server_worker *w, struct conn *c)
{
	if (w->app->closed != NULL)
		w->app->closed(w, c);
	w->ops->close(w->io, c->fd);
	conn_give_back(w, c);
	counter_add(&w->closed, 1);
	if (w->paused)
		listener_watch(w);
}

static void serve(struct server_worker *w, struct conn *c, int fd)
{
	c->fd = fd;
	c->watch = IO_IN;
	if (w->ops->ctl(w->io, IO_ADD, fd, (struct io_event){IO_IN, c}) < 0) {
		w->ops->close(w->io, fd);
		conn_give_back(w, c);
		return;
	}
	w->app->open(w, c);
	counter_add(&w->accepted, 1);
}

static void serve_shared(struct server_worker *w)
{
	unsigned most = min_u32(ACCEPT_BATCH, w->server->conf.events);
	struct conn *c;
	int fd;

	while ((fd = accept_share_next(w->server->share, w->index, &most)) >= 0) {
		w->n_shared--;
		c = conn_take(w);
		if (c != NULL)
			serve(w, c, fd);
		else
			w->ops->close(w->io, fd);
	}
}

/* False: no more now. */
static bool accept_one(struct server_worker *w)
{
	struct conn *c = conn_take(w);
	int fd;

	if (c == NULL) {
		listener_pause(w, false);
		return false;
	}
	fd = w->ops->accept(w->io, w->listener);
	if (fd < 0) {
		conn_give_back(w, c);
		if (errno == EAGAIN)
			return false;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			listener_pause(w, true);
			return false;
		}
		return true; /* that connection has failed already: the next one */
	}
	if (w->server->share != NULL) {
		conn_give_back(w, c);
		accept_queue_put(&w->server->share->all, (struct accepted){w->index, fd});
		w->n_shared++;
	} else {
		serve(w, c, fd);
	}
	return true;
}

static void accept_batch(struct server_worker *w)
{
	uint32_t most = min_u32(ACCEPT_BATCH, w->server->conf.events);

	if (w->server->share != NULL) /* what the queue has no room for stays in the backlog */
		most = min_u32(most, ACCEPT_QUEUE_LEN / w->server->n_workers - w->n_shared);
	for (uint32_t i = 0; i < most; i++)
		if (!accept_one(w))
			return;
}

static void conn_event(struct server_worker *w, struct conn *c)
{
	uint32_t watch = w->app->event(w, c);

	if (watch != 0 && watch != c->watch) {
		c->watch = watch;
		if (w->ops->ctl(w->io, IO_MOD, c->fd, (struct io_event){watch, c}) < 0)
			watch = 0;
	}
	if (watch == 0)
		conn_close(w, c);
}

static bool worker_turn(struct server_worker *w, int timeout)
{
	struct io_event events[IO_MAX_EVENTS];
	int n = w->ops->wait(w->io, events, (int)w->server->conf.events, timeout);

	io_prefetch(events, n);
	for (int i = 0; i < n; i++) {
		if (events[i].ptr != NULL)
			conn_event(w, events[i].ptr);
		else
			accept_batch(w);
	}
	if (w->server->share != NULL)
		serve_shared(w);
	if (w->paused && w->resume_at != 0 && clock_ns() >= w->resume_at)
		listener_watch(w);
	return n >= 0;
}

static void worker_loop(void *arg)
{
	struct server_worker *w = arg;
	int timeout = w->server->share != NULL ? 0 : WAIT_MS; /* what is handed over wakes nobody */

	while (!team_stopping(&w->server->team) && worker_turn(w, timeout))
		;
}

static int worker_start(void *arg, struct io *io, char err[ERR_LEN])
{
	struct server_worker *w = arg;

	w->io = io;
	w->ops = io->ops;
	w->listener = w->ops->listener(io);
	if (w->listener < 0)
		return err_set(-errno, err, "cannot listen: %s", strerror(errno));
	w->pool_len = (size_t)w->server->conf.max_conns * w->app->conn_len;
	/* pages come when they are used */
	w->pool = mmap(NULL, w->pool_len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->pool == MAP_FAILED)
		return err_set(-ENOMEM, err, "no memory for %u connections: lower --max-conns",
			       w->server->conf.max_conns);
	if (w->app->start != NULL && w->app->start(w, err) < 0)
		return -ENOMEM;
	listener_watch(w);
	return w->paused ? err_set(-EIO, err, "cannot watch the listener: %s", strerror(errno)) : 0;
}

static void worker_end(void *arg)
{
	struct server_worker *w = arg;

	w->paused = false;
	for (uint32_t i = 0; i < w->n_made; i++)
		if (conn_at(w, i)->fd >= 0)
			conn_close(w, conn_at(w, i));
	if (w->app->end != NULL)
		w->app->end(w);
	if (w->pool != NULL && w->pool != MAP_FAILED)
		munmap(w->pool, w->pool_len);
	if (w->listener >= 0 && io_is_mtcp(w->io->stack->conf.kind))
		w->ops->close(w->io, w->listener);
}

static const struct team_job server_job = {worker_start, worker_loop, worker_end};

static void server_free(struct server *s)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		free(s->workers[i]);
	accept_share_free(s->share);
	SSL_CTX_free(s->tls);
	free(s);
}

static struct server *server_create(struct io_stack *stack, const struct server_conf *conf,
				    char err[ERR_LEN])
{
	struct server *s = calloc(1, sizeof(*s));

	err_set(0, err, "out of memory");
	if (s == NULL)
		return NULL;
	if (conf->app == APP_TLS) {
		s->tls = tls_server_context(&conf->tls, err);
		if (s->tls == NULL) {
			server_free(s);
			return NULL;
		}
	}
	s->stack = stack;
	s->conf = *conf;
	if (conf->shared_accept && (s->share = accept_share_create(stack->n_workers)) == NULL) {
		server_free(s);
		return NULL;
	}
	for (; s->n_workers < stack->n_workers; s->n_workers++) {
		struct server_worker *w = calloc(1, sizeof(*w));

		if (w == NULL) {
			server_free(s);
			return NULL;
		}
		w->server = s;
		w->index = s->n_workers;
		w->app = apps[conf->app];
		w->listener = -1;
		w->free_conns = CONN_NONE;
		s->workers[s->n_workers] = w;
	}
	return s;
}

int server_start(struct io_stack *stack, const struct server_conf *conf, struct server **out,
		 char err[ERR_LEN])
{
	struct server *s = server_create(stack, conf, err);
	void *workers[TEAM_MAX];
	int ret;

	if (s == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < s->n_workers; i++)
		workers[i] = s->workers[i];
	ret = team_start(&s->team, stack, &server_job, workers, err);
	if (ret < 0) {
		server_free(s);
		return ret;
	}
	*out = s;
	return 0;
}

static int aside_start(void *arg, unsigned index, char err[ERR_LEN])
{
	struct server *s = arg;
	struct io *io;

	errno = 0;
	io = s->stack->ops->open(s->stack, index, err);
	if (io == NULL)
		return errno != 0 ? -errno : -EINVAL;
	return worker_start(s->workers[index], io, err);
}

static bool aside_turn(void *arg, unsigned index)
{
	return worker_turn(((struct server *)arg)->workers[index], 0);
}

static void aside_end(void *arg, unsigned index)
{
	struct server_worker *w = ((struct server *)arg)->workers[index];

	worker_end(w);
	if (w->io != NULL)
		w->ops->shut(w->io);
}

int server_beside(struct io_stack *stack, const struct server_conf *conf, struct server **out,
		  struct team_aside *aside, char err[ERR_LEN])
{
	*out = server_create(stack, conf, err);
	if (*out == NULL)
		return -ENOMEM;
	*aside = (struct team_aside){*out, aside_start, aside_turn, aside_end};
	return 0;
}

struct server_counts server_counts(struct server *s)
{
	struct server_counts sum = {0};

	for (unsigned i = 0; i < s->n_workers; i++) {
		struct server_worker *w = s->workers[i];

		sum.accepted += counter_get(&w->accepted);
		sum.closed += counter_get(&w->closed);
		sum.messages += counter_get(&w->messages);
		sum.bytes += counter_get(&w->bytes);
		sum.errors += counter_get(&w->errors);
		sum.pauses += counter_get(&w->pauses);
	}
	return sum;
}

bool server_running(struct server *s)
{
	return team_running(&s->team);
}

void server_stop(struct server *s)
{
	if (s->team.stack != NULL)
		team_stop(&s->team);
	server_free(s);
}
