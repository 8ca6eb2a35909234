// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io_uring.h"

#define HELD_MOST 16u /* buffers of a connection that nobody reads: receiving stops */
#define TX_MOST	  (64u << 10)
#define TX_KEPT	  1024u /* a connection's send buffer of this size outlives it */

void uring_receive(struct uring_io *u, int fd)
{
	struct io_uring_sqe *sqe = uring_entry(u);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = URING_GROUP;
	uring_mark(sqe, OP_RECV, fd);
	u->conns[fd].receiving = true;
}

static void stop_receiving(struct uring_io *u, int fd)
{
	struct uring_conn *c = &u->conns[fd];

	if (!c->receiving || c->canceling)
		return;
	c->canceling = true;
	uring_cancel(u, OP_RECV, fd);
}

static void send_rest(struct uring_io *u, int fd)
{
	struct uring_conn *c = &u->conns[fd];
	struct io_uring_sqe *sqe = uring_entry(u);

	io_uring_prep_send(sqe, fd, c->tx + c->tx_off, c->tx_len - c->tx_off,
			   MSG_NOSIGNAL | MSG_WAITALL);
	uring_mark(sqe, OP_SEND, fd);
	c->sending = true;
}

void uring_give_back(struct uring_io *u, uint16_t id)
{
	io_uring_buf_ring_add(u->buffers, u->memory + (size_t)id * URING_BUFFER_LEN,
			      URING_BUFFER_LEN, id, io_uring_buf_ring_mask(URING_BUFFERS), 0);
	io_uring_buf_ring_advance(u->buffers, 1);
}

static void drop_first(struct uring_io *u, struct uring_conn *c)
{
	uint16_t id = c->first;

	c->first = u->held[id].next;
	c->rx_off = 0;
	c->n_held--;
	uring_give_back(u, id);
}

/* Goes on where receiving has stopped for lack of buffers, of readers or of room for reports. */
void uring_receive_again(struct uring_io *u, int fd)
{
	struct uring_conn *c = &u->conns[fd];

	if (!c->receiving && !c->eof && !c->closing && c->error == 0 && c->aside == NULL &&
	    c->n_held < HELD_MOST / 2) {
		u->n_starved -= c->starved;
		c->starved = false;
		uring_receive(u, fd);
	}
}

/* The descriptor is closed once nothing of it is under way: the kernel would keep the connection
 * open for as long. */
static void close_when_still(struct uring_io *u, int fd)
{
	struct uring_conn *c = &u->conns[fd];
	struct io_uring_sqe *sqe;

	stop_receiving(u, fd);
	if (c->receiving || c->sending)
		return;
	if (c->tx_room > TX_KEPT) {
		free(c->tx);
		c->tx = NULL;
		c->tx_room = 0;
	}
	sqe = uring_entry(u);
	io_uring_prep_close(sqe, fd);
	uring_mark(sqe, OP_CLOSE, fd);
}

static void keep(struct uring_io *u, struct uring_conn *c, const struct io_uring_cqe *cqe)
{
	uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

	if (c->closing) {
		uring_give_back(u, id);
		return;
	}
	u->held[id] = (struct held){(uint32_t)cqe->res, NO_BUFFER};
	if (c->first == NO_BUFFER)
		c->first = id;
	else
		u->held[c->last].next = id;
	c->last = id;
	c->n_held++;
}

void uring_received(struct uring_io *u, int fd, const struct io_uring_cqe *cqe)
{
	struct uring_conn *c = &u->conns[fd];

	if ((cqe->flags & IORING_CQE_F_MORE) == 0)
		c->receiving = c->canceling = false;
	if (cqe->res > 0) {
		keep(u, c, cqe);
	} else if (cqe->res == 0) {
		c->eof = true;
	} else if (cqe->res == -ENOBUFS && !c->starved && !c->closing) {
		c->starved = true;
		u->n_starved++;
	} else if (cqe->res != -ECANCELED && cqe->res != -ENOBUFS) {
		c->error = -cqe->res;
	}
	if (c->closing) {
		close_when_still(u, fd);
		return;
	}
	if (c->n_held >= HELD_MOST)
		stop_receiving(u, fd);
	else if (!c->starved)
		uring_receive_again(u, fd);
	uring_look_at(u, fd);
}

void uring_sent(struct uring_io *u, int fd, int sent)
{
	struct uring_conn *c = &u->conns[fd];

	c->sending = false;
	if (sent < 0)
		c->error = -sent;
	else
		c->tx_off += (uint32_t)sent;
	if (sent > 0 && c->tx_off < c->tx_len) {
		send_rest(u, fd);
		return;
	}
	if (c->finish)
		shutdown(fd, SHUT_WR);
	if (c->closing)
		close_when_still(u, fd);
	else
		uring_look_at(u, fd);
}

void uring_set_aside(struct uring_io *u, int fd)
{
	struct uring_conn *c = &u->conns[fd];
	uint32_t kept = c->aside_len - c->aside_off;
	char *all = malloc(kept + (size_t)c->n_held * URING_BUFFER_LEN);

	if (all == NULL)
		return;
	if (kept > 0)
		memcpy(all, c->aside + c->aside_off, kept);
	free(c->aside);
	c->aside = all;
	c->aside_off = 0;
	c->aside_len = kept;
	while (c->first != NO_BUFFER) {
		uint32_t n = u->held[c->first].len - c->rx_off;

		memcpy(all + c->aside_len,
		       u->memory + (size_t)c->first * URING_BUFFER_LEN + c->rx_off, n);
		c->aside_len += n;
		drop_first(u, c);
	}
	stop_receiving(u, fd);
}

static size_t read_aside(struct uring_conn *c, void *buf, size_t len)
{
	size_t n = c->aside_len - c->aside_off;

	if (c->aside == NULL)
		return 0;
	n = n < len ? n : len;
	memcpy(buf, c->aside + c->aside_off, n);
	c->aside_off += (uint32_t)n;
	if (c->aside_off == c->aside_len) {
		free(c->aside);
		c->aside = NULL;
		c->aside_off = c->aside_len = 0;
	}
	return n;
}

ssize_t uring_read(struct io *io, int fd, void *buf, size_t len)
{
	struct uring_io *u = uring_self(io);
	struct uring_conn *c = &u->conns[fd];
	size_t got = read_aside(c, buf, len);

	while (got < len && c->first != NO_BUFFER) {
		const struct held *h = &u->held[c->first];
		size_t n = h->len - c->rx_off < len - got ? h->len - c->rx_off : len - got;

		memcpy((char *)buf + got,
		       u->memory + (size_t)c->first * URING_BUFFER_LEN + c->rx_off, n);
		got += n;
		c->rx_off += (uint32_t)n;
		if (c->rx_off == h->len)
			drop_first(u, c);
	}
	uring_receive_again(u, fd);
	if (got > 0 || len == 0)
		return (ssize_t)got;
	if (c->error == 0 && c->eof)
		return 0;
	errno = c->error != 0 ? c->error : EAGAIN;
	return -1;
}

static int room(struct uring_conn *c, size_t len)
{
	char *tx;

	if (c->tx_room >= len)
		return 0;
	tx = realloc(c->tx, len);
	if (tx == NULL)
		return -1;
	c->tx = tx;
	c->tx_room = (uint32_t)len;
	return 0;
}

ssize_t uring_writev(struct io *io, int fd, const struct iovec *iov, int n)
{
	struct uring_io *u = uring_self(io);
	struct uring_conn *c = &u->conns[fd];
	size_t len = 0, part;

	if (c->error != 0 || c->sending) {
		errno = c->error != 0 ? c->error : EAGAIN;
		return -1;
	}
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	len = len < TX_MOST ? len : TX_MOST;
	if (room(c, len) < 0) {
		errno = ENOBUFS;
		return -1;
	}
	c->tx_off = c->tx_len = 0;
	for (int i = 0; i < n && c->tx_len < len; i++) {
		part = iov[i].iov_len < len - c->tx_len ? iov[i].iov_len : len - c->tx_len;
		memcpy(c->tx + c->tx_len, iov[i].iov_base, part);
		c->tx_len += (uint32_t)part;
	}
	if (len > 0)
		send_rest(u, fd);
	return (ssize_t)len;
}

ssize_t uring_write(struct io *io, int fd, const void *buf, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};

	return uring_writev(io, fd, &iov, 1);
}

int uring_finish(struct io *io, int fd)
{
	struct uring_conn *c = &uring_self(io)->conns[fd];

	c->finish = c->sending;
	return c->sending ? 0 : shutdown(fd, SHUT_WR);
}

int uring_close(struct io *io, int fd)
{
	struct uring_io *u = uring_self(io);
	struct uring_conn *c = &u->conns[fd];

	while (c->first != NO_BUFFER)
		drop_first(u, c);
	free(c->aside);
	c->aside = NULL;
	c->aside_off = c->aside_len = 0;
	u->n_starved -= c->starved;
	c->starved = false;
	c->watch = 0;
	c->closing = true;
	close_when_still(u, fd);
	return 0;
}
