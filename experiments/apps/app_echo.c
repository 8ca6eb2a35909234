// SPDX-License-Identifier: BSD-3-Clause
/*
 * Echo of fixed-size messages: after each message_bytes the peer gets response_bytes, which are the
 * message's first bytes (up to ECHO_KEEP of them) repeated, so that the peer can tell its own
 * answers from others'.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "server.h"
#include "util.h"

struct echo_conn {
	struct conn base;
	uint32_t have; /* bytes of the message under way */
	uint32_t left; /* bytes of the response not written yet */
	char *keep;    /* ECHO_KEEP bytes of the message, once they had to be kept */
};

_Static_assert(sizeof(struct echo_conn) <= 24 && sizeof(struct echo_conn) % CONN_UNIT == 0,
	       "millions of them");

static void echo_open(struct server_worker *w, struct conn *base)
{
	struct echo_conn *c = (struct echo_conn *)base;

	(void)w;
	c->have = 0;
	c->left = 0;
	c->keep = NULL;
}

static void echo_closed(struct server_worker *w, struct conn *base)
{
	(void)w;
	free(((struct echo_conn *)base)->keep);
}

/* The response's bytes from pos on, n of them. */
static void fill(char *to, const char *keep, uint32_t keep_len, uint32_t pos, uint32_t n)
{
	for (uint32_t done = 0, part; done < n; done += part) {
		uint32_t phase = (pos + done) % keep_len;

		part = min_u32(keep_len - phase, n - done);
		memcpy(to + done, keep + phase, part);
	}
}

static uint32_t failed(struct server_worker *w)
{
	counter_add(&w->errors, 1);
	return 0;
}

/* The rest of a response; one chunk a turn. */
static uint32_t flush(struct server_worker *w, struct echo_conn *c)
{
	const struct server_conf *conf = server_conf_of(w);
	uint32_t n = min_u32(c->left, SERVER_SCRATCH);
	ssize_t put;

	fill(w->scratch, c->keep, min_u32(conf->message_bytes, ECHO_KEEP),
	     conf->response_bytes - c->left, n);
	put = w->ops->write(w->io, c->base.fd, w->scratch, n);
	if (put < 0)
		return errno == EAGAIN ? IO_OUT : failed(w);
	counter_add(&w->bytes, (uint64_t)put);
	c->left -= (uint32_t)put;
	if (c->left > 0)
		return IO_OUT;
	counter_add(&w->messages, 1);
	return IO_IN;
}

/* A message that came whole and a response no longer than what is kept need no copy. */
static bool answer_at_once(struct server_worker *w, struct echo_conn *c, uint32_t keep_len)
{
	const struct server_conf *conf = server_conf_of(w);
	ssize_t put;

	if (conf->response_bytes > keep_len)
		return false;
	put = w->ops->write(w->io, c->base.fd, w->scratch, conf->response_bytes);
	if (put != (ssize_t)conf->response_bytes) {
		c->left -= put > 0 ? (uint32_t)put : 0;
		counter_add(&w->bytes, put > 0 ? (uint64_t)put : 0);
		return false;
	}
	c->left = 0;
	counter_add(&w->bytes, (uint64_t)put);
	counter_add(&w->messages, 1);
	return true;
}

static uint32_t echo_event(struct server_worker *w, struct conn *base)
{
	const struct server_conf *conf = server_conf_of(w);
	uint32_t keep_len = min_u32(conf->message_bytes, ECHO_KEEP);
	struct echo_conn *c = (struct echo_conn *)base;
	bool whole = c->have == 0;
	ssize_t got;

	if (c->left > 0)
		return flush(w, c);
	/* never beyond the message: what follows waits in the receive buffer, so a peer that does
	 * not read its answers stops itself */
	got = w->ops->read(w->io, base->fd, w->scratch,
			   min_u32(conf->message_bytes - c->have, SERVER_SCRATCH));
	if (got < 0)
		return errno == EAGAIN ? IO_IN : failed(w);
	if (got == 0)
		return c->have > 0 ? failed(w) : 0;
	counter_add(&w->bytes, (uint64_t)got);
	whole = whole && (uint32_t)got == conf->message_bytes;
	if (whole) {
		c->left = conf->response_bytes;
		if (answer_at_once(w, c, keep_len))
			return IO_IN;
	}
	if (c->keep == NULL)
		c->keep = malloc(ECHO_KEEP);
	if (c->keep == NULL)
		return failed(w);
	if (c->have < keep_len)
		memcpy(c->keep + c->have, w->scratch, min_u32((uint32_t)got, keep_len - c->have));
	c->have += (uint32_t)got;
	if (c->have < conf->message_bytes)
		return IO_IN;
	c->have = 0;
	if (!whole)
		c->left = conf->response_bytes;
	return flush(w, c);
}

const struct app echo_app = {
	.conn_len = sizeof(struct echo_conn),
	.open = echo_open,
	.event = echo_event,
	.closed = echo_closed,
};
