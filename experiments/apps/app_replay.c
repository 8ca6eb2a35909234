// SPDX-License-Identifier: BSD-3-Clause
/* The server's end of a replayed trace: each request says how long it is and what answer it wants.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "protocol.h"
#include "server.h"
#include "trace.h"

#define TURNS 16 /* steps of one connection before others have their turn */

struct replay_conn {
	_Alignas(CONN_UNIT) struct conn base;
	uint32_t n_head;       /* bytes of the head that have come */
	uint32_t request_left; /* of a request whose head is whole */
	uint32_t response_left;
	uint32_t phase; /* of the response in the pattern */
	struct replay_head head;
};

_Static_assert(sizeof(struct replay_conn) % CONN_UNIT == 0, "a place in the pool");
_Static_assert(sizeof(struct replay_head) == TRACE_REQUEST_LEAST, "no request is shorter");

static int replay_start(struct server_worker *w, char err[ERR_LEN])
{
	w->app_state = malloc(2 * BULK_PERIOD);
	if (w->app_state == NULL)
		return err_set(-ENOMEM, err, "out of memory");
	bulk_pattern(w->app_state);
	return 0;
}

static void replay_end(struct server_worker *w)
{
	free(w->app_state);
}

static void replay_open(struct server_worker *w, struct conn *base)
{
	struct replay_conn *c = (struct replay_conn *)base;

	(void)w;
	c->n_head = c->request_left = c->response_left = 0;
}

static uint32_t failed(struct server_worker *w)
{
	counter_add(&w->errors, 1);
	return 0;
}

/* The head is whole. False: it asks for what no trace has. */
static bool begin_request(struct replay_conn *c)
{
	uint32_t request = ntohl(c->head.request_bytes);

	c->response_left = ntohl(c->head.response_bytes);
	c->phase = ntohl(c->head.phase) % BULK_PERIOD;
	if (request < sizeof(c->head) || request > TRACE_REQUEST_MOST || c->response_left == 0 ||
	    c->response_left > TRACE_RESPONSE_MOST)
		return false;
	c->request_left = request - (uint32_t)sizeof(c->head);
	return true;
}

/* n bytes of a request have come. False: not of this request, or a wrong one. */
static bool take(struct replay_conn *c, const char *from, uint32_t n)
{
	uint32_t of_head = min_u32(n, (uint32_t)sizeof(c->head) - c->n_head);

	memcpy((char *)&c->head + c->n_head, from, of_head);
	c->n_head += of_head;
	if (of_head > 0 && c->n_head == sizeof(c->head) && !begin_request(c))
		return false;
	n -= of_head;
	if (n > c->request_left) /* nobody asks before the answer has come */
		return false;
	c->request_left -= n;
	return true;
}

/* 0: go on; else what to return. */
static uint32_t receive(struct server_worker *w, struct replay_conn *c, bool *closed)
{
	ssize_t got = w->ops->read(w->io, c->base.fd, w->scratch, SERVER_SCRATCH);

	if (got < 0 && errno == EAGAIN)
		return IO_IN;
	*closed = got <= 0 || !take(c, w->scratch, (uint32_t)got);
	if (*closed)
		return got == 0 && c->n_head == 0 ? 0 : failed(w);
	counter_add(&w->bytes, (uint64_t)got);
	return 0;
}

static uint32_t answer(struct server_worker *w, struct replay_conn *c, bool *closed)
{
	const char *pattern = w->app_state;
	ssize_t put = w->ops->write(w->io, c->base.fd, pattern + c->phase,
				    min_u32(c->response_left, BULK_PERIOD));

	if (put < 0 && errno == EAGAIN)
		return IO_OUT;
	*closed = put < 0;
	if (*closed)
		return failed(w);
	counter_add(&w->bytes, (uint64_t)put);
	c->response_left -= (uint32_t)put;
	c->phase = (c->phase + (uint32_t)put) % BULK_PERIOD;
	if (c->response_left == 0) {
		c->n_head = 0;
		counter_add(&w->messages, 1);
	}
	return 0;
}

static uint32_t replay_event(struct server_worker *w, struct conn *base)
{
	struct replay_conn *c = (struct replay_conn *)base;
	uint32_t next = 0;
	bool closed = false;

	for (unsigned turn = 0; turn < TURNS && next == 0 && !closed; turn++) {
		bool asked = c->n_head == sizeof(c->head) && c->request_left == 0;

		next = asked ? answer(w, c, &closed) : receive(w, c, &closed);
	}
	if (closed || next != 0)
		return next;
	/* out of turns: a writable socket is reported again at once */
	return IO_OUT;
}

const struct app replay_app = {
	.conn_len = sizeof(struct replay_conn),
	.start = replay_start,
	.end = replay_end,
	.open = replay_open,
	.event = replay_event,
};
