// SPDX-License-Identifier: BSD-3-Clause
/*
 * Linux sockets over io_uring, behind the same calls as epoll. A ring for each worker; accepting
 * and receiving are armed once (multishot), received bytes come in buffers of a ring that the
 * kernel takes them from, and what a turn sends, closes and arms goes to the kernel in the one call
 * that also waits. Of a connection at most one send is under way; a write is copied for it, as the
 * caller's bytes may change before the kernel reads them. Servers only.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io_uring.h"
#include "kernel_stack.h"

#define SQ_ENTRIES 4096u
#define CQ_ENTRIES 32768u
#define SQ_IDLE_MS 50

static void push(struct uring_io *u, struct fd_list *list, int fd)
{
	u->conns[fd].next[list->link] = NO_FD;
	if (list->head == NO_FD)
		list->head = fd;
	else
		u->conns[list->tail].next[list->link] = fd;
	list->tail = fd;
}

static int pop(struct uring_io *u, struct fd_list *list)
{
	int fd = list->head;

	if (fd != NO_FD)
		list->head = u->conns[fd].next[list->link];
	return fd;
}

struct io_uring_sqe *uring_entry(struct uring_io *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	while (sqe == NULL) { /* full: on to the kernel with it */
		io_uring_submit(&u->ring);
		sqe = io_uring_get_sqe(&u->ring);
	}
	return sqe;
}

void uring_mark(struct io_uring_sqe *sqe, enum uring_op op, int fd)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)op << 32 | (uint32_t)fd);
}

void uring_look_at(struct uring_io *u, int fd)
{
	if (u->conns[fd].listed)
		return;
	u->conns[fd].listed = true;
	push(u, &u->ready, fd);
}

void uring_cancel(struct uring_io *u, enum uring_op op, int fd)
{
	struct io_uring_sqe *sqe = uring_entry(u);

	io_uring_prep_cancel64(sqe, (uint64_t)op << 32 | (uint32_t)fd, 0);
	uring_mark(sqe, OP_CANCEL, fd);
}

static void arm_accept(struct uring_io *u)
{
	struct io_uring_sqe *sqe = uring_entry(u);

	/* blocking sockets: of one that is not, io_uring reports EAGAIN and does not wait */
	io_uring_prep_multishot_accept(sqe, u->listener, NULL, NULL, SOCK_CLOEXEC);
	uring_mark(sqe, OP_ACCEPT, u->listener);
	u->accepting = true;
}

static void on_accept(struct uring_io *u, const struct io_uring_cqe *cqe)
{
	if ((cqe->flags & IORING_CQE_F_MORE) == 0)
		u->accepting = false;
	if (cqe->res >= 0)
		push(u, &u->accepted, cqe->res);
	else if (cqe->res != -ECANCELED)
		u->accept_error = -cqe->res;
}

static void take(struct uring_io *u, const struct io_uring_cqe *cqe)
{
	enum uring_op op = (enum uring_op)(cqe->user_data >> 32);
	int fd = (int)(uint32_t)cqe->user_data;

	switch (op) {
	case OP_ACCEPT:
		on_accept(u, cqe);
		break;
	case OP_RECV:
		uring_received(u, fd, cqe);
		break;
	case OP_SEND:
		uring_sent(u, fd, cqe->res);
		break;
	case OP_CLOSE:
	case OP_CANCEL:
		break;
	}
}

static int init_ring(struct io_uring *ring, const struct kernel_stack *s)
{
	struct io_uring_params p = {.cq_entries = CQ_ENTRIES};
	int ret;

	p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;
	if (s->knobs.sqpoll) {
		p.flags |= IORING_SETUP_SQPOLL;
		p.sq_thread_idle = SQ_IDLE_MS;
		return io_uring_queue_init_params(SQ_ENTRIES, ring, &p);
	}
	p.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	ret = io_uring_queue_init_params(SQ_ENTRIES, ring, &p);
	if (ret != -EINVAL)
		return ret;
	/* before Linux 6.1 */
	p = (struct io_uring_params){.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
				     .cq_entries = CQ_ENTRIES};
	return io_uring_queue_init_params(SQ_ENTRIES, ring, &p);
}

static int refused(int error, char err[ERR_LEN])
{
	const char *mend = "its buffer rings and multishot receive need Linux 6.0 or later";

	if (error == EPERM || error == EACCES)
		mend = "set sysctl kernel.io_uring_disabled=0, and look at the container's seccomp "
		       "profile";
	else if (error == ENOSYS)
		mend = "this kernel, or the container's seccomp profile, has no io_uring";
	else if (error == ENOMEM)
		mend = "raise the limit on locked memory (ulimit -l)";
	return err_set(-ENOSYS, err, "io_uring is not available: %s; %s", strerror(error), mend);
}

static int uring_stack_open(const struct io_conf *conf, struct io_stack **out, char err[ERR_LEN])
{
	struct io_uring probe;
	int ret;

	if (!conf->server)
		return err_set(-EINVAL, err,
			       "--stack kernel-uring is a server's: load it with --stack kernel");
	ret = io_uring_queue_init(2, &probe, 0);
	if (ret < 0)
		return refused(-ret, err);
	io_uring_queue_exit(&probe);
	return kernel_stack_open(&io_uring_ops, conf, out, err);
}

/* The listener waits inside io_uring, see arm_accept. */
static int uring_stack_listen(struct io_stack *stack, struct addr *addr, int backlog,
			      char err[ERR_LEN])
{
	struct kernel_stack *s = kernel_stack_of(stack);
	int ret = kernel_stack_listen(stack, addr, backlog, err);

	for (unsigned i = 0; ret == 0 && i < s->n_listeners; i++)
		fcntl(s->listeners[i], F_SETFL, fcntl(s->listeners[i], F_GETFL) & ~O_NONBLOCK);
	return ret;
}

/* A buffer ring of liburing 2.3 is registered by hand. */
static int make_buffers(struct uring_io *u)
{
	size_t ring_len = URING_BUFFERS * sizeof(struct io_uring_buf);
	size_t len = ring_len + (size_t)URING_BUFFERS * URING_BUFFER_LEN;
	struct io_uring_buf_reg reg = {.ring_entries = URING_BUFFERS, .bgid = URING_GROUP};
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (at == MAP_FAILED)
		return -ENOMEM;
	u->buffers = at;
	u->memory = (char *)at + ring_len;
	reg.ring_addr = (uint64_t)(uintptr_t)at;
	ret = io_uring_register_buf_ring(&u->ring, &reg, 0);
	if (ret < 0)
		return ret;
	io_uring_buf_ring_init(u->buffers);
	for (unsigned id = 0; id < URING_BUFFERS; id++)
		uring_give_back(u, (uint16_t)id);
	u->held = calloc(URING_BUFFERS, sizeof(*u->held));
	return u->held == NULL ? -ENOMEM : 0;
}

static void uring_free(struct uring_io *u)
{
	if (u->buffers != NULL)
		munmap(u->buffers,
		       URING_BUFFERS * (sizeof(struct io_uring_buf) + (size_t)URING_BUFFER_LEN));
	if (u->conns != NULL)
		munmap(u->conns, u->conns_len);
	free(u->held);
	free(u);
}

static struct io *uring_open(struct io_stack *stack, unsigned worker, char err[ERR_LEN])
{
	struct kernel_stack *s = kernel_stack_of(stack);
	struct uring_io *u;
	int ret = kernel_own_table(s, err);

	if (ret < 0)
		return NULL;
	u = calloc(1, sizeof(*u));
	if (u == NULL) {
		err_set(0, err, "out of memory");
		return NULL;
	}
	u->base = (struct io){.ops = &io_uring_ops, .stack = stack, .worker = worker};
	u->listener = NO_FD;
	u->accepted = (struct fd_list){NO_FD, NO_FD, 0};
	u->ready = (struct fd_list){NO_FD, NO_FD, 1};
	u->conns_len = s->fd_limit * sizeof(*u->conns);
	u->conns = mmap(NULL, u->conns_len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (u->conns == MAP_FAILED)
		u->conns = NULL;
	ret = u->conns == NULL ? -ENOMEM : init_ring(&u->ring, s);
	if (ret == 0) {
		ret = make_buffers(u);
		if (ret == 0)
			return &u->base;
		io_uring_queue_exit(&u->ring);
	}
	refused(-ret, err);
	errno = ENOSYS;
	uring_free(u);
	return NULL;
}

/* The process is about to end: what is left open, it closes. */
static void uring_shut(struct io *io)
{
	struct uring_io *u = uring_self(io);

	io_uring_submit(&u->ring);
	io_uring_queue_exit(&u->ring);
	for (int fd = 0; fd < u->fd_end; fd++) {
		free(u->conns[fd].tx);
		free(u->conns[fd].aside);
	}
	uring_free(u);
}

static int uring_accept(struct io *io, int listener)
{
	struct uring_io *u = uring_self(io);
	int fd = pop(u, &u->accepted), one = 1;

	(void)listener;
	if (fd != NO_FD) {
		if (kernel_stack_of(io->stack)->knobs.quickack)
			setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
		return fd;
	}
	errno = u->accept_error != 0 ? u->accept_error : EAGAIN;
	u->accept_error = 0;
	return -1;
}

static int uring_connect(struct io *io, const struct addr *to)
{
	(void)io;
	(void)to;
	errno = EOPNOTSUPP;
	return -1;
}

static int uring_error(struct io *io, int fd)
{
	return uring_self(io)->conns[fd].error;
}

static int watch_listener(struct uring_io *u, enum io_ctl op, int fd)
{
	if (op == IO_DEL) {
		u->listener = NO_FD;
		if (u->accepting)
			uring_cancel(u, OP_ACCEPT, fd);
		return 0;
	}
	u->listener = fd;
	if (!u->accepting)
		arm_accept(u);
	return 0;
}

static int uring_ctl(struct io *io, enum io_ctl op, int fd, struct io_event ev)
{
	struct uring_io *u = uring_self(io);
	struct uring_conn *c = &u->conns[fd];

	if (ev.ptr == NULL) /* of a connection it is its record */
		return watch_listener(u, op, fd);
	if (op == IO_ADD) {
		*c = (struct uring_conn){.tx = c->tx,
					 .tx_room = c->tx_room,
					 .next = {c->next[0], c->next[1]},
					 .listed = c->listed,
					 .first = NO_BUFFER};
		u->fd_end = fd >= u->fd_end ? fd + 1 : u->fd_end;
		uring_receive(u, fd);
	}
	c->ptr = ev.ptr;
	c->watch = ev.events;
	uring_look_at(u, fd);
	return 0;
}

static uint32_t events_of(const struct uring_conn *c)
{
	uint32_t events = 0;

	if (c->first != NO_BUFFER || c->aside != NULL || c->eof || c->error != 0)
		events |= IO_IN;
	if (!c->sending)
		events |= IO_OUT;
	return events & c->watch;
}

/* Events of those on the list. Who has one stays on it, for as long as it has: level-triggered. */
static int ready_events(struct uring_io *u, struct io_event events[IO_MAX_EVENTS], int n, int max)
{
	int last = u->ready.tail;

	while (u->ready.head != NO_FD && n < max) {
		int fd = pop(u, &u->ready);
		struct uring_conn *c = &u->conns[fd];
		uint32_t now = events_of(c);

		c->listed = false;
		if (now != 0) {
			events[n++] = (struct io_event){now, c->ptr};
			uring_look_at(u, fd);
		}
		if (fd == last)
			break;
	}
	return n;
}

static bool anything_ready(struct uring_io *u)
{
	if (u->listener != NO_FD && (u->accepted.head != NO_FD || u->accept_error != 0))
		return true;
	while (u->ready.head != NO_FD) {
		int fd = u->ready.head;

		if (events_of(&u->conns[fd]) != 0)
			return true;
		pop(u, &u->ready);
		u->conns[fd].listed = false;
	}
	return false;
}

static void feed_the_starved(struct uring_io *u)
{
	for (int fd = 0; u->n_starved > 0 && fd < u->fd_end; fd++)
		if (u->conns[fd].n_held > 0 && (u->conns[fd].watch & IO_IN) == 0)
			uring_set_aside(u, fd);
	for (int fd = 0; u->n_starved > 0 && fd < u->fd_end; fd++)
		if (u->conns[fd].starved)
			uring_receive_again(u, fd);
}

static int uring_wait(struct io *io, struct io_event events[IO_MAX_EVENTS], int max, int timeout)
{
	struct uring_io *u = uring_self(io);
	struct __kernel_timespec ts = {timeout / 1000, (long long)(timeout % 1000) * 1000000};
	struct io_uring_cqe *cqe;
	unsigned head, n_seen = 0;
	int ret, n = 0;

	if (u->n_starved > 0)
		feed_the_starved(u);
	if (u->listener != NO_FD && !u->accepting)
		arm_accept(u);
	if (anything_ready(u) || kernel_stack_of(io->stack)->knobs.spin)
		ret = io_uring_submit_and_get_events(&u->ring);
	else
		ret = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, timeout < 0 ? NULL : &ts,
						       NULL);
	if (ret < 0 && ret != -EINTR && ret != -ETIME && ret != -EBUSY && ret != -EAGAIN) {
		errno = -ret;
		return -1;
	}
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		take(u, cqe);
		n_seen++;
	}
	io_uring_cq_advance(&u->ring, n_seen);
	if (u->listener != NO_FD && (u->accepted.head != NO_FD || u->accept_error != 0))
		events[n++] = (struct io_event){IO_IN, NULL};
	return ready_events(u, events, n, max);
}

const struct io_ops io_uring_ops = {
	.stack_open = uring_stack_open,
	.stack_listen = uring_stack_listen,
	.stack_close = kernel_stack_close,
	.stack_stats = kernel_stack_stats,
	.open = uring_open,
	.shut = uring_shut,
	.listener = kernel_listener,
	.accept = uring_accept,
	.connect = uring_connect,
	.read = uring_read,
	.write = uring_write,
	.writev = uring_writev,
	.finish = uring_finish,
	.close = uring_close,
	.error = uring_error,
	.ctl = uring_ctl,
	.wait = uring_wait,
};
