/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server: one event loop for each worker, over any stack, with an application's logic in it.
 * All memory of a connection comes from a pool reserved at the start; when the pool or the
 * descriptors are used up, the listener is left alone until a connection ends (the backlog holds
 * the rest).
 */
#ifndef APPS_SERVER_H
#define APPS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "protocol.h"
#include "team.h"
#include "tls.h"

#define CONN_UNIT      8u /* places in the pool are counted in these */
#define SERVER_SCRATCH (128u << 10)
#define EVENTS_DOC                                                                                 \
	"events taken from one wait, and connections accepted in a row (256; of these 128)"

struct server_conf {
	int app;				/* enum app_kind */
	uint32_t message_bytes, response_bytes; /* echo; bulk: bytes of one call */
	bool zero_copy;				/* bulk */
	int root_fd;				/* http: the directory served; the caller's */
	uint32_t file_set;   /* http: GiB of a set of files served instead; 0: none */
	bool shared_accept;  /* connections pass one locked queue and any worker (accept_queue.h) */
	struct tls_conf tls; /* tls */
	uint32_t events;     /* taken from one wait, 1 to IO_MAX_EVENTS */
	uint32_t max_conns;
};

struct server_counts {
	uint64_t accepted, closed;
	uint64_t messages; /* requests answered in full */
	uint64_t bytes;	   /* payload read and written */
	uint64_t errors;   /* connections that ended by an error */
	uint64_t pauses;   /* times the listener was left alone */
};

/* First member of each application's connection. */
struct conn {
	int fd; /* -1: free */
	union {
		uint32_t watch;
		uint32_t next_free; /* its place in the pool, or CONN_NONE */
	};
};
#define CONN_NONE UINT32_MAX

struct server;
struct server_worker {
	struct io *io;
	const struct io_ops *ops;
	struct server *server;
	uint32_t index;
	uint32_t n_shared; /* accepted, and on the way through accept queues */
	const struct app *app;
	void *app_state; /* the application's, for this worker */
	int listener;
	bool paused;
	uint64_t resume_at; /* 0: when a connection ends */
	char *pool;
	size_t pool_len;
	uint32_t n_made;     /* connections of the pool ever used */
	uint32_t free_conns; /* the one given back last */
	counter accepted, closed, messages, bytes, errors, pauses;
	char scratch[SERVER_SCRATCH];
};

/* An application's part: it reads and writes with w->ops and says what to wait for. */
struct app {
	size_t conn_len;					 /* a multiple of CONN_UNIT */
	int (*start)(struct server_worker *, char err[ERR_LEN]); /* or NULL */
	void (*end)(struct server_worker *);			 /* or NULL */
	void (*open)(struct server_worker *, struct conn *);
	/* Events to wait for next (IO_IN, IO_OUT), or 0: close. Bounded work. */
	uint32_t (*event)(struct server_worker *, struct conn *);
	void (*closed)(struct server_worker *, struct conn *); /* or NULL */
};
extern const struct app echo_app;
extern const struct app http_app;
extern const struct app bulk_app;
extern const struct app tls_app;
extern const struct app replay_app;

const struct server_conf *server_conf_of(const struct server_worker *);
/* Of all workers, while they run. */
SSL_CTX *server_tls_of(const struct server_worker *);

/* stack has been opened and told to listen. 0, or -errno with err. */
int server_start(struct io_stack *, const struct server_conf *, struct server **out,
		 char err[ERR_LEN]);
struct server_counts server_counts(struct server *);
bool server_running(struct server *);
/* Instead of server_start: without threads of its own, beside the workers of another stack with as
 * many. *aside is for them; server_stop comes after they have ended. */
int server_beside(struct io_stack *, const struct server_conf *, struct server **out,
		  struct team_aside *aside, char err[ERR_LEN]);
/* Closes all connections. The stack stays open. */
void server_stop(struct server *);

#endif
