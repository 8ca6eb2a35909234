// SPDX-License-Identifier: BSD-3-Clause
/* The load's end of TLS: a handshake for each connection, then messages as of echo. */
#include <errno.h>
#include <stdlib.h>

#include "load_worker.h"
#include "tls.h"

struct load_tls {
	SSL_CTX *ctx;
	SSL_SESSION *session; /* to be taken up, where that is wanted; else NULL */
	struct tls_carrier carrier;
	char scratch[TLS_SCRATCH];
	struct load_tls_slot {
		SSL *ssl;
		bool shaken;
	} slots[];
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct load_tls *t = SSL_get_app_data(ssl);

	SSL_SESSION_free(t->session);
	t->session = session;
	return 1; /* it is ours now */
}

int tls_worker_init(struct load_worker *w)
{
	struct load_tls *t = calloc(1, sizeof(*t) + w->n_slots * sizeof(t->slots[0]));
	char err[ERR_LEN];

	w->tls = t;
	if (t == NULL)
		return -ENOMEM;
	t->carrier.scratch = t->scratch;
	t->ctx = tls_client_context(&w->shared->conf->tls, err);
	if (t->ctx != NULL && w->shared->conf->tls.resume)
		SSL_CTX_sess_set_new_cb(t->ctx, on_session);
	return t->ctx == NULL ? -ENOMEM : 0;
}

void tls_worker_free(struct load_worker *w)
{
	if (w->tls == NULL)
		return;
	SSL_SESSION_free(w->tls->session);
	SSL_CTX_free(w->tls->ctx);
	free(w->tls);
}

static struct load_tls_slot *of(const struct load_worker *w, const struct load_slot *s)
{
	return &w->tls->slots[s - w->slots];
}

int tls_slot_begin(struct load_worker *w, struct load_slot *s)
{
	struct load_tls_slot *own = of(w, s);

	w->tls->carrier.io = w->io;
	*own = (struct load_tls_slot){.ssl = tls_open(w->tls->ctx, false)};
	if (own->ssl == NULL)
		return -ENOMEM;
	SSL_set_app_data(own->ssl, w->tls);
	if (w->tls->session != NULL)
		SSL_set_session(own->ssl, w->tls->session);
	return 0;
}

void tls_slot_end(struct load_worker *w, struct load_slot *s)
{
	struct load_tls_slot *own = of(w, s);

	/* without: OpenSSL takes it for cut off, and its session for unfit to be taken up */
	if (own->shaken)
		SSL_set_shutdown(own->ssl, SSL_SENT_SHUTDOWN);
	SSL_free(own->ssl);
	*own = (struct load_tls_slot){0}; /* the next connection may end before it has begun */
}

bool tls_slot_shaken(const struct load_worker *w, const struct load_slot *s)
{
	return of(w, s)->shaken;
}

/* As of read and write. */
static ssize_t result(enum tls_state state, size_t n)
{
	switch (state) {
	case TLS_DONE:
		return (ssize_t)n;
	case TLS_CLOSED:
		return 0;
	case TLS_WAIT_IN:
	case TLS_WAIT_OUT:
		errno = EAGAIN;
		return -1;
	case TLS_FAILED:
		break;
	}
	return -1;
}

ssize_t tls_slot_shake(struct load_worker *w, struct load_slot *s)
{
	struct load_tls_slot *own = of(w, s);
	enum tls_state state = tls_shake(&w->tls->carrier, s->fd, own->ssl);

	own->shaken = state == TLS_DONE;
	return result(state, 1);
}

ssize_t tls_slot_read(struct load_worker *w, struct load_slot *s)
{
	size_t n = LOAD_BUFFER;
	enum tls_state state = tls_read(&w->tls->carrier, s->fd, of(w, s)->ssl, w->scratch, &n);

	return result(state, n);
}

ssize_t tls_slot_write(struct load_worker *w, struct load_slot *s, const void *buf, size_t len)
{
	enum tls_state state = tls_write(&w->tls->carrier, s->fd, of(w, s)->ssl, buf, len);

	/* all of it has been taken; tls_slot_flush sends what is left */
	return state == TLS_WAIT_OUT ? (ssize_t)len : result(state, len);
}

ssize_t tls_slot_flush(struct load_worker *w, struct load_slot *s)
{
	return result(tls_flush(&w->tls->carrier, s->fd, of(w, s)->ssl), 1);
}
