// SPDX-License-Identifier: BSD-3-Clause
/* Echo as app_echo.c, inside TLS: what is measured is the handshake, and the messages show that it
 * has led to something. */
#include <errno.h>
#include <string.h>

#include "protocol.h"
#include "server.h"

#define TURNS 16 /* messages of one connection before others have their turn */

struct tls_conn {
	struct conn base;
	uint32_t have; /* bytes of the message under way */
	bool shaken;
	SSL *ssl;
	char keep[ECHO_KEEP];
};

_Static_assert(sizeof(struct tls_conn) % CONN_UNIT == 0, "a place in the pool");
_Static_assert(TLS_MESSAGE_MOST + TLS_SCRATCH <= SERVER_SCRATCH, "a message, and what carries it");

static void tls_conn_open(struct server_worker *w, struct conn *base)
{
	struct tls_conn *c = (struct tls_conn *)base;

	c->have = 0;
	c->shaken = false;
	c->ssl = tls_open(server_tls_of(w), true);
}

static void tls_conn_closed(struct server_worker *w, struct conn *base)
{
	struct tls_conn *c = (struct tls_conn *)base;

	(void)w;
	SSL_free(c->ssl);
	c->ssl = NULL;
}

static enum tls_state answer(struct server_worker *w, const struct tls_carrier *t,
			     struct tls_conn *c)
{
	const struct server_conf *conf = server_conf_of(w);
	uint32_t keep_len = min_u32(conf->message_bytes, ECHO_KEEP);

	for (uint32_t i = 0; i < conf->response_bytes; i++)
		w->scratch[i] = c->keep[i % keep_len];
	c->have = 0;
	counter_add(&w->bytes, conf->response_bytes);
	counter_add(&w->messages, 1);
	return tls_write(t, c->base.fd, c->ssl, w->scratch, conf->response_bytes);
}

static enum tls_state take(struct server_worker *w, const struct tls_carrier *t, struct tls_conn *c)
{
	uint32_t message_bytes = server_conf_of(w)->message_bytes;
	size_t n = message_bytes - c->have;
	enum tls_state state = tls_read(t, c->base.fd, c->ssl, w->scratch, &n);

	if (state != TLS_DONE)
		return state;
	counter_add(&w->bytes, n);
	if (c->have < ECHO_KEEP)
		memcpy(c->keep + c->have, w->scratch, min_u32((uint32_t)n, ECHO_KEEP - c->have));
	c->have += (uint32_t)n;
	return c->have == message_bytes ? answer(w, t, c) : TLS_DONE;
}

static uint32_t failed(struct server_worker *w)
{
	counter_add(&w->errors, 1);
	return 0;
}

static uint32_t tls_conn_event(struct server_worker *w, struct conn *base)
{
	struct tls_conn *c = (struct tls_conn *)base;
	struct tls_carrier t = {w->io, w->scratch + SERVER_SCRATCH - TLS_SCRATCH};
	enum tls_state state;

	if (c->ssl == NULL)
		return failed(w);
	state = c->shaken ? tls_flush(&t, base->fd, c->ssl) : tls_shake(&t, base->fd, c->ssl);
	c->shaken = c->shaken || state == TLS_DONE;
	for (unsigned turn = 0; state == TLS_DONE && turn < TURNS; turn++)
		state = take(w, &t, c);
	switch (state) {
	case TLS_WAIT_IN:
		return IO_IN;
	case TLS_DONE: /* out of turns: a writable socket is reported again at once */
	case TLS_WAIT_OUT:
		return IO_OUT;
	case TLS_CLOSED:
		return c->shaken && c->have == 0 ? 0 : failed(w);
	case TLS_FAILED:
		break;
	}
	return failed(w);
}

const struct app tls_app = {
	.conn_len = sizeof(struct tls_conn),
	.open = tls_conn_open,
	.event = tls_conn_event,
	.closed = tls_conn_closed,
};
