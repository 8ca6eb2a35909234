// SPDX-License-Identifier: BSD-3-Clause
/* What an application does with a connection. */
#include <errno.h>
#include <sys/socket.h>

#include "base/inline.h"
#include "stack/place.h"
#include "stack/trace_put.h"
#include "tcp/info.h"
#include "tcp/message.h"

int stack_take_error(struct stack_core *sc, uint32_t id)
{
	struct conn *c = core_conn(sc, id);
	int err = c->error;

	c->error = 0;
	return err;
}

/* Nothing is there to read: why. */
static ssize_t recv_nothing(struct stack_core *sc, struct conn *c)
{
	if (c->error)
		return -stack_take_error(sc, c->id);
	if ((c->flags & (CONN_EOF | CONN_SHUT_RD)) || !conn_alive(c))
		return 0;
	return -EAGAIN;
}

/* n bytes have left the queue: a window update is all that may become due. */
static ALWAYS_INLINE void consumed(struct stack_core *sc, struct conn *c, uint32_t n, mt_time now)
{
	if (conn_alive(c) && tcp_took(&c->tcb, n))
		conn_settle(sc, c, now, 0);
}

ssize_t stack_recvv(struct stack_core *sc, uint32_t id, const struct iovec *iov, int n, mt_time now)
{
	struct conn *c = core_conn(sc, id);
	uint32_t len = buf_len(&sc->bufs, &c->rcv), got = 0;
	bool any = false;

	for (int i = 0; i < n; i++) {
		uint32_t left = len - got;
		uint32_t take = iov[i].iov_len < left ? (uint32_t)iov[i].iov_len : left;

		any |= iov[i].iov_len != 0;
		if (take)
			buf_read(&sc->bufs, &c->rcv, got, iov[i].iov_base, take);
		got += take;
	}
	if (!got)
		return any ? recv_nothing(sc, c) : 0;
	buf_drop(&sc->bufs, &c->rcv, got);
	consumed(sc, c, got, now);
	return got;
}

static NEVER_INLINE ssize_t recv_any(struct stack_core *sc, uint32_t id, void *buf, size_t len,
				     mt_time now)
{
	struct conn *c = core_conn(sc, id);
	uint32_t n = len ? buf_take(&sc->bufs, &c->rcv, buf, len) : 0;

	if (!n)
		return len ? recv_nothing(sc, c) : 0;
	consumed(sc, c, n, now);
	return n;
}

/* In line: all there is, of the smallest block, in one piece. Its bytes are copied late, as in
 * stack_send. */
ssize_t stack_recv(struct stack_core *sc, uint32_t id, void *buf, size_t len, mt_time now)
{
	struct conn *c = core_conn(sc, id);
	uint32_t block = c->rcv.block, n;
	const struct bufmem_unit *u;

	if (block == BUFMEM_NONE)
		return recv_any(sc, id, buf, len, now);
	u = buf_unit(&sc->bufs, &c->rcv);
	n = u->len;
	/* Bitwise on purpose: one branch. Nothing is not all, and what is ahead of a hole stays. */
	if ((n ^ u->high) | u->order | ((size_t)n - 1 >= len) | (u->head + n > BUFMEM_UNIT))
		return recv_any(sc, id, buf, len, now);
	buf_init(&c->rcv);
	consumed(sc, c, n, now);
	memcpy(buf, bufmem_at(&sc->bufs, block) + u->head, n);
	bufmem_put(&sc->bufs, block, 0);
	return n;
}

bool stack_drained(const struct stack_core *sc, uint32_t id)
{
	const struct conn *c = core_conn(sc, id);
	const unsigned about = CONN_LIVE | CONN_DONE | CONN_EOF | CONN_SHUT_RD;

	return c->rcv.block == BUFMEM_NONE && !c->error && (c->flags & about) == CONN_LIVE;
}

ssize_t stack_peek(struct stack_core *sc, uint32_t id, uint32_t off, void *buf, size_t len)
{
	struct conn *c = core_conn(sc, id);
	uint32_t all = buf_len(&sc->bufs, &c->rcv);
	uint32_t left = off < all ? all - off : 0;
	uint32_t n = len < left ? (uint32_t)len : left;

	if (!all && len)
		return recv_nothing(sc, c);
	if (n)
		buf_read(&sc->bufs, &c->rcv, off, buf, n);
	return n;
}

/* Room for up to `want` more bytes in the send buffer: as much as memory allows. */
static uint32_t make_room(struct stack_core *sc, struct conn *c, uint32_t want)
{
	uint32_t len = buf_len(&sc->bufs, &c->snd), room;

	for (uint32_t n = want; n; n /= 2) {
		if (buf_reserve(&sc->bufs, &c->snd, len + n))
			break;
	}
	room = buf_capacity(&sc->bufs, &c->snd) - len;
	return room < want ? room : want;
}

/* Bytes that TCP takes now, whatever memory there is. */
static uint32_t tcp_takes(const struct conn *c)
{
	if (!(c->flags & CONN_OPENED) && !tcp_fastopen_held(&c->tcb))
		return 0;
	return tcp_room(&c->tcb);
}

/* Bytes that may be written now. Beyond its initial size a buffer grows with the free memory only.
 */
static uint32_t send_room(const struct stack_core *sc, const struct conn *c)
{
	uint32_t len = buf_len(&sc->bufs, &c->snd), room = tcp_takes(c), most;

	if (len + room <= sc->cfg.tcp.sndbuf)
		return room;
	most = max_u32(core_buf_share(sc), sc->cfg.tcp.sndbuf);
	if (len + room <= most)
		return room;
	return most > len ? most - len : 0;
}

static void starve(struct stack_core *sc, struct conn *c)
{
	sc->stats.no_memory++;
	if (c->flags & CONN_STARVED)
		return;
	c->flags |= CONN_STARVED;
	if (rlist_linked(&c->queue_node)) /* an orphan that its owner still feeds */
		rlist_remove(&c->queue_node);
	rlist_append(&sc->starved, &c->queue_node);
}

static size_t iov_bytes(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

static void gather(struct stack_core *sc, struct conn *c, const struct iovec *iov, uint32_t len)
{
	uint32_t at = buf_len(&sc->bufs, &c->snd), done = 0;

	for (; done < len; iov++) {
		uint32_t left = len - done;
		uint32_t n = iov->iov_len < left ? (uint32_t)iov->iov_len : left;

		buf_write(&sc->bufs, &c->snd, at + done, iov->iov_base, n);
		done += n;
	}
	buf_append(&sc->bufs, &c->snd, len);
}

static ALWAYS_INLINE void sent(struct stack_core *sc, struct conn *c, uint32_t n, mt_time now)
{
	tcp_wrote(&c->tcb, n, now);
	place_settle(sc, c, now, 0);
}

/* Filled to the brim or beyond: the next STACK_OUT comes when a good part is free again. */
static void filled(struct conn *c)
{
	if (c->flags & CONN_OPENED)
		c->flags |= CONN_NO_SPACE;
}

/* Into the buffer, as much as there is room for; TCP is still to be told. */
static ssize_t put(struct stack_core *sc, struct conn *c, const struct iovec *iov, int n)
{
	size_t len = iov_bytes(iov, n);
	uint32_t room, want, take = 0;

	if (c->error)
		return -stack_take_error(sc, c->id);
	if ((c->flags & CONN_SHUT_WR) || !conn_alive(c))
		return -EPIPE;
	if (!len)
		return 0;
	room = send_room(sc, c);
	want = len < room ? (uint32_t)len : room;
	if (want) {
		take = make_room(sc, c, want);
		if (!take)
			starve(sc, c);
	}
	if (take)
		gather(sc, c, iov, take);
	if (take == room || (take && take < want)) /* memory is short: room of its own frees first */
		filled(c);
	return take ? (ssize_t)take : -EAGAIN;
}

ssize_t stack_sendv(struct stack_core *sc, uint32_t id, const struct iovec *iov, int n, mt_time now)
{
	struct conn *c = core_conn(sc, id);
	ssize_t r = put(sc, c, iov, n);

	if (r > 0)
		sent(sc, c, (uint32_t)r, now);
	return r;
}

ssize_t stack_sendv_more(struct stack_core *sc, uint32_t id, const struct iovec *iov, int n,
			 mt_time now)
{
	struct conn *c = core_conn(sc, id);
	ssize_t r = put(sc, c, iov, n);

	if (r > 0) {
		tcp_append_more(&c->tcb, (uint32_t)r, now);
		conn_settle(sc, c, now, 0);
	}
	return r;
}

static NEVER_INLINE ssize_t send_any(struct stack_core *sc, uint32_t id, const void *buf,
				     size_t len, mt_time now)
{
	const unsigned state = CONN_LIVE | CONN_OPENED | CONN_DONE | CONN_SHUT_WR;
	struct conn *c = core_conn(sc, id);
	union {
		const void *in;
		void *iov;
	} p = {.in = buf}; /* an iovec has no const; it is only read */
	struct iovec iov = {.iov_base = p.iov, .iov_len = len};

	/* All of it, with room to spare, on a connection that is open. */
	if ((c->flags & state) != (CONN_LIVE | CONN_OPENED) || c->error || !len ||
	    !tcp_has_room(&c->tcb, len) || !buf_add(&sc->bufs, &c->snd, buf, (uint32_t)len))
		return stack_sendv(sc, id, &iov, 1, now);
	sent(sc, c, (uint32_t)len, now);
	return (ssize_t)len;
}

/* In line: a message with nothing before it, which fits the smallest block. Its bytes are copied
 * last, so that nothing has to be kept over it. */
ssize_t stack_send(struct stack_core *sc, uint32_t id, const void *buf, size_t len, mt_time now)
{
	const unsigned about = CONN_LIVE | CONN_OPENED | CONN_DONE | CONN_SHUT_WR;
	struct conn *c = core_conn(sc, id);

	if ((c->flags & about) != (CONN_LIVE | CONN_OPENED) || c->error || len - 1 >= BUFMEM_UNIT ||
	    c->snd.block != BUFMEM_NONE || !sc->bufs.n_kept[0] ||
	    !message_append(&c->tcb, (uint32_t)len))
		return send_any(sc, id, buf, len, now);
	place_alive(sc, c, TCP_TX_DATA, now, 0);
	c->snd.block = bufmem_get_small(&sc->bufs, (uint32_t)len);
	memcpy(bufmem_at(&sc->bufs, c->snd.block), buf, len);
	return (ssize_t)len;
}

/* ---- without a copy ---- */
ssize_t stack_zc_peek(struct stack_core *sc, uint32_t id, struct iovec piece[2])
{
	struct conn *c = core_conn(sc, id);
	uint32_t len = buf_len(&sc->bufs, &c->rcv);

	buf_place(&sc->bufs, &c->rcv, 0, len, piece);
	return len ? (ssize_t)len : recv_nothing(sc, c);
}

int stack_zc_drop(struct stack_core *sc, uint32_t id, size_t n, mt_time now)
{
	struct conn *c = core_conn(sc, id);

	if (n > buf_len(&sc->bufs, &c->rcv))
		return -EINVAL;
	if (!n)
		return 0;
	buf_drop(&sc->bufs, &c->rcv, (uint32_t)n);
	consumed(sc, c, (uint32_t)n, now);
	return 0;
}

ssize_t stack_zc_room(struct stack_core *sc, uint32_t id, size_t want, struct iovec piece[2])
{
	struct conn *c = core_conn(sc, id);
	uint32_t room;

	if (c->error)
		return -stack_take_error(sc, id);
	if ((c->flags & CONN_SHUT_WR) || !conn_alive(c))
		return -EPIPE;
	room = send_room(sc, c);
	if (!room) {
		filled(c);
		return -EAGAIN;
	}
	room = make_room(sc, c, want < room ? (uint32_t)want : room);
	if (!room) {
		starve(sc, c);
		return -EAGAIN;
	}
	buf_place(&sc->bufs, &c->snd, buf_len(&sc->bufs, &c->snd), room, piece);
	return room;
}

int stack_zc_append(struct stack_core *sc, uint32_t id, size_t n, mt_time now)
{
	struct conn *c = core_conn(sc, id);
	uint32_t len = buf_len(&sc->bufs, &c->snd), most;

	if (!conn_alive(c))
		return -EPIPE;
	if (n > tcp_takes(c) || n > buf_capacity(&sc->bufs, &c->snd) - len)
		return -EINVAL;
	if (!n && !len) /* the room is given back */
		buf_release(&sc->bufs, &c->snd);
	if (!n)
		return 0;
	most = send_room(sc, c); /* may be less than was reserved: that has taken memory since */
	buf_append(&sc->bufs, &c->snd, (uint32_t)n);
	sent(sc, c, (uint32_t)n, now);
	if (n >= most)
		filled(c);
	return 0;
}

size_t stack_readable(const struct stack_core *sc, uint32_t id)
{
	return buf_len(&sc->bufs, &core_conn(sc, id)->rcv);
}

int stack_shutdown(struct stack_core *sc, uint32_t id, int how, mt_time now)
{
	struct conn *c = core_conn(sc, id);

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (!conn_alive(c))
		return -ENOTCONN;
	if (how != SHUT_WR) {
		c->flags |= CONN_SHUT_RD;
		conn_raise(sc, c,
			   STACK_IN | STACK_RDHUP | (c->flags & CONN_SHUT_WR ? STACK_HUP : 0));
	}
	if (how != SHUT_RD && !(c->flags & CONN_SHUT_WR)) {
		c->flags |= CONN_SHUT_WR;
		tcp_shutdown(&c->tcb, now);
		trace_call(sc, c, TRACE_CALL_SHUTDOWN, 0, now);
		conn_raise(sc, c,
			   STACK_OUT | (c->flags & (CONN_EOF | CONN_SHUT_RD) ? STACK_HUP : 0));
		conn_settle(sc, c, now, 0);
	}
	return 0;
}

static void close_conn(struct stack_core *sc, struct conn *c, bool unread, mt_time now)
{
	conn_orphan(sc, c);
	if (!(c->flags & CONN_LIVE)) {
		conn_free(sc, c);
		return;
	}
	if (conn_alive(c) && (unread ? tcp_close_unread(&c->tcb) : tcp_close(&c->tcb, now)))
		c->flags |= CONN_DONE;
	if (conn_alive(c))
		conn_linger(sc, c, now);
	trace_call(sc, c, TRACE_CALL_CLOSE, 0, now);
	place_settle_live(sc, c, now, 0);
}

void stack_orphan(struct stack_core *sc, uint32_t id, mt_time now)
{
	struct conn *c = core_conn(sc, id);

	if (!conn_alive(c))
		return;
	c->flags |= CONN_ORPHAN;
	buf_release(&sc->bufs, &c->rcv);
	tcp_orphan(&c->tcb, now);
	if (!rlist_linked(&c->queue_node)) /* nor starved */
		conn_linger(sc, c, now);
}

void stack_close(struct stack_core *sc, uint32_t id, mt_time now)
{
	close_conn(sc, core_conn(sc, id), false, now);
}

void stack_close_unread(struct stack_core *sc, uint32_t id, mt_time now)
{
	close_conn(sc, core_conn(sc, id), true, now);
}

void stack_abort(struct stack_core *sc, uint32_t id, mt_time now)
{
	struct conn *c = core_conn(sc, id);

	conn_orphan(sc, c);
	conn_reset(sc, c, now);
}

static bool unacked(const struct stack_core *sc, const struct conn *c)
{
	enum tcp_state s = c->tcb.state;

	return conn_alive(c) && (buf_len(&sc->bufs, &c->snd) > 0 || s == TCPS_FIN_WAIT_1 ||
				 s == TCPS_CLOSING || s == TCPS_LAST_ACK);
}

uint32_t stack_next_unacked(const struct stack_core *sc, uint32_t id)
{
	while (id < sc->conns.n_touched && !unacked(sc, core_conn(sc, id)))
		id++;
	return id < sc->conns.n_touched ? id : STACK_ID_NONE;
}

void stack_reset_all(struct stack_core *sc, mt_time now)
{
	for (uint32_t id = 0; id < sc->conns.n_touched; id++) {
		struct conn *c = core_conn(sc, id);

		if (conn_alive(c) && c->tcb.state != TCPS_FIN_WAIT_2)
			stack_abort(sc, id, now);
	}
	for (uint32_t n = sc->conns.n_used / sc->cfg.tx_batch + 1; n > 0; n--)
		(void)stack_tx(sc, now);
}

int stack_set_option(struct stack_core *sc, uint32_t id, enum tcp_option opt, uint32_t value,
		     mt_time now)
{
	struct conn *c = core_conn(sc, id);
	uint32_t most = bufmem_most(&sc->bufs);
	int err;

	if (!conn_alive(c))
		return 0;
	if (opt == TCP_OPT_FASTOPEN) {
		err = value ? fastopen_start(sc, c, now) : 0;
		conn_settle(sc, c, now, 0);
		return err;
	}
	if ((opt == TCP_OPT_RCVBUF || opt == TCP_OPT_SNDBUF) && value > most)
		value = most; /* as Linux cuts it to its maximum */
	if (tcp_option_wants_own(opt))
		conn_take(sc, c, TCP_WANTS_OWN);
	err = tcp_set_option(&c->tcb, opt, value, now);
	if (opt == TCP_OPT_SNDBUF)
		conn_space(sc, c);
	conn_settle(sc, c, now, 0);
	return err;
}

int64_t stack_get_option(const struct stack_core *sc, uint32_t id, enum tcp_option opt)
{
	const struct tcb *t = &core_conn(sc, id)->tcb;

	return opt == TCP_OPT_FASTOPEN ? tcp_fastopen_held(t) : tcp_get_option(t, opt);
}

int stack_set_cc(struct stack_core *sc, uint32_t id, const char *name, mt_time now)
{
	const struct cc_ops *ops = cc_by_name(name);
	struct conn *c = core_conn(sc, id);
	int err;

	if (!ops)
		return -ENOENT;
	if (!conn_alive(c))
		return 0;
	conn_take(sc, c, TCP_WANTS_OWN);
	err = tcp_set_cc(&c->tcb, ops, now);
	conn_settle(sc, c, now, 0); /* what the old one held back may go */
	return err;
}

const char *stack_get_cc(const struct stack_core *sc, uint32_t id)
{
	return cc_name(tcp_get_cc(&core_conn(sc, id)->tcb));
}

uint32_t stack_info(const struct stack_core *sc, uint32_t id, mt_time now,
		    struct tcp_info_values *v)
{
	const struct conn *c = core_conn(sc, id);

	if (!conn_alive(c)) {
		*v = (struct tcp_info_values){.state = c->flags & CONN_TO_TW ? TCPS_TIME_WAIT
									     : TCPS_CLOSED};
		return 0;
	}
	tcp_get_info(&c->tcb, now, v);
	return v->path_mss + (uint32_t)ip_hlen(&c->remote) + TCP_HLEN;
}

enum tcp_state stack_state(const struct stack_core *sc, uint32_t id)
{
	return (enum tcp_state)core_conn(sc, id)->tcb.state;
}

void stack_names(const struct stack_core *sc, uint32_t id, struct ip_endpoint *local,
		 struct ip_endpoint *remote)
{
	const struct conn *c = core_conn(sc, id);

	*local = (struct ip_endpoint){.addr = sc->addrs.addr[c->local].addr, .port = c->lport};
	*remote = (struct ip_endpoint){.addr = c->remote, .port = c->rport};
}
