/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside io_uring.c (a worker's ring) and io_uring_conn.c (a connection on it). */
#ifndef APPS_IO_URING_H
#define APPS_IO_URING_H

#include <liburing.h>

#include "io.h"

#define URING_BUFFERS	 4096u /* power of two */
#define URING_BUFFER_LEN 4096u
#define URING_GROUP	 0
#define NO_BUFFER	 UINT16_MAX
#define NO_FD		 (-1)

enum uring_op { OP_ACCEPT, OP_RECV, OP_SEND, OP_CLOSE, OP_CANCEL };

/* By descriptor. */
struct uring_conn {
	void *ptr;
	uint32_t watch; /* IO_IN, IO_OUT; 0: none */
	int next[2];	/* on each list */
	int error;
	uint16_t first, last; /* buffers received and not read yet, NO_BUFFER: none */
	uint16_t n_held;
	bool listed;			    /* on the list of those to be looked at */
	bool receiving, canceling, sending; /* under way in the kernel */
	bool eof, starved, finish, closing;
	uint32_t rx_off; /* in the first buffer */
	uint32_t tx_off, tx_len, tx_room;
	char *tx;
	char *aside; /* received and not read, moved out of the buffers; NULL: none */
	uint32_t aside_off, aside_len;
};

struct held {
	uint32_t len;
	uint16_t next;
};

struct fd_list {
	int head, tail;
	unsigned link; /* which `next` */
};

struct uring_io {
	struct io base;
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	char *memory;	   /* of the buffers */
	struct held *held; /* by buffer */
	struct uring_conn *conns;
	size_t conns_len;
	int fd_end;	  /* above every descriptor that was watched */
	int listener;	  /* watched; NO_FD: none */
	int accept_error; /* to be told by the next accept */
	bool accepting;
	struct fd_list accepted, ready;
	unsigned n_starved;
};

static inline struct uring_io *uring_self(struct io *io)
{
	return (struct uring_io *)io;
}

/* io_uring.c: an entry for the kernel; whose report it will be; a connection that may have an
 * event. */
struct io_uring_sqe *uring_entry(struct uring_io *);
void uring_mark(struct io_uring_sqe *, enum uring_op, int fd);
void uring_cancel(struct uring_io *, enum uring_op, int fd);
void uring_look_at(struct uring_io *, int fd);

/* io_uring_conn.c: the calls of struct io_ops, and what a ring asks of a connection. */
ssize_t uring_read(struct io *, int fd, void *, size_t);
ssize_t uring_write(struct io *, int fd, const void *, size_t);
ssize_t uring_writev(struct io *, int fd, const struct iovec *, int n);
int uring_finish(struct io *, int fd);
int uring_close(struct io *, int fd);
void uring_receive(struct uring_io *, int fd);	     /* begins to receive */
void uring_receive_again(struct uring_io *, int fd); /* where that has stopped, if it may go on */
/* Moves what a connection holds out of the shared buffers, as nobody reads it now. */
void uring_set_aside(struct uring_io *, int fd);
void uring_give_back(struct uring_io *, uint16_t buffer);
void uring_received(struct uring_io *, int fd, const struct io_uring_cqe *);
void uring_sent(struct uring_io *, int fd, int sent);

#endif
