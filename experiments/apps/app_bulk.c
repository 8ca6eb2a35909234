// SPDX-License-Identifier: BSD-3-Clause
/* The server's end of a bulk transfer. */
#include <stdlib.h>

#include "bulk.h"
#include "server.h"

struct bulk_conn {
	struct conn base;
	uint32_t role; /* BULK_DOWN, BULK_UP; 0: not told yet */
	uint32_t phase;
};

_Static_assert(sizeof(struct bulk_conn) % CONN_UNIT == 0, "a place in the pool");

static int bulk_start(struct server_worker *w, char err[ERR_LEN])
{
	const struct server_conf *conf = server_conf_of(w);
	struct bulk *b = malloc(sizeof(*b) + 2 * BULK_PERIOD);
	char *pattern = (char *)(b + 1);

	if (b == NULL)
		return err_set(-ENOMEM, err, "out of memory");
	bulk_pattern(pattern);
	*b = (struct bulk){.io = w->io,
			   .pattern = pattern,
			   .scratch = w->scratch,
			   .chunk = min_u32(conf->message_bytes, BULK_PERIOD),
			   .zero_copy = conf->zero_copy};
	w->app_state = b;
	return 0;
}

static void bulk_end(struct server_worker *w)
{
	free(w->app_state);
}

static void bulk_open(struct server_worker *w, struct conn *base)
{
	struct bulk_conn *c = (struct bulk_conn *)base;

	(void)w;
	c->role = 0;
	c->phase = 0;
}

static uint32_t failed(struct server_worker *w)
{
	counter_add(&w->errors, 1);
	return 0;
}

static uint32_t first_byte(struct server_worker *w, struct bulk_conn *c)
{
	ssize_t n = w->ops->read(w->io, c->base.fd, w->scratch, 1);

	if (n < 0 && errno == EAGAIN)
		return IO_IN;
	if (n <= 0)
		return n == 0 ? 0 : failed(w);
	c->role = (unsigned char)w->scratch[0];
	if (c->role == BULK_DOWN)
		return IO_OUT;
	return c->role == BULK_UP ? IO_IN : failed(w);
}

static uint32_t bulk_event(struct server_worker *w, struct conn *base)
{
	struct bulk_conn *c = (struct bulk_conn *)base;
	struct bulk *b = w->app_state;
	ssize_t n;

	if (c->role == 0)
		return first_byte(w, c);
	n = c->role == BULK_DOWN ? bulk_send(b, base->fd, &c->phase)
				 : bulk_receive(b, base->fd, &c->phase);
	/* the client ends it by closing, with what is on its way unread */
	if (n == -EPIPE || n == -ECONNRESET)
		return 0;
	if (n < 0)
		return failed(w);
	counter_add(&w->bytes, (uint64_t)n);
	return c->role == BULK_DOWN ? IO_OUT : IO_IN;
}

const struct app bulk_app = {
	.conn_len = sizeof(struct bulk_conn),
	.start = bulk_start,
	.end = bulk_end,
	.open = bulk_open,
	.event = bulk_event,
};
