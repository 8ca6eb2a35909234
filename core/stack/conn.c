// SPDX-License-Identifier: BSD-3-Clause
/* The life of a connection block: opening, one segment or timeout, the end. */
#include <errno.h>

#include "base/inline.h"
#include "stack/place.h"
#include "stack/trace_put.h"
#include "tcp/autotune.h"
#include "tcp/pmtu.h"
#include "tcp/usual.h"

/* The block that the next connection gets is cold. */
static void fetch_next(const struct stack_core *sc)
{
	uint32_t id = pool_next(&sc->conns);

	if (id != POOL_NONE)
		conn_prefetch(core_conn(sc, id));
}

static struct conn *block_init(struct stack_core *sc, uint32_t id, const struct flow *f,
			       uint8_t local)
{
	struct conn *c = core_conn(sc, id);

	c->id = id;
	c->flags = CONN_LIVE;
	c->tx = CONN_TX_NONE;
	c->error = 0;
	c->remote = f->remote;
	c->lport = f->lport;
	c->rport = f->rport;
	c->neigh = 0;
	c->vlan = sc->vlan & 0xfffu;
	c->neigh_gen = 0;
	c->local = local;
	c->edge = 0;
	c->n_events = 0;
	buf_init(&c->rcv);
	buf_init(&c->snd);
	c->tx_node = c->event_node = c->queue_node = (struct rlist){0};
	if (id < sc->n_blocks) {
		c->timer.idle = false;
	} else { /* the first of this block */
		c->timer = (struct wheel_node){.kind = TIMER_CONN};
		sc->n_blocks = id + 1;
	}
	c->cookie = 0;
	fetch_next(sc);
	return c;
}

/* RFC 6528: a 4 us clock plus a keyed hash of the connection. The timestamp offset is of the same
 * hash: random per connection (RFC 7323 7.1), and the same for the next one on these ports, so that
 * its timestamps go on where the last one's ended. */
void conn_choose(const struct stack_core *sc, const struct flow *f, mt_time now, struct tcp_open *o)
{
	bool v4 = ip_is_v4(&f->remote);
	uint64_t ports = (uint64_t)f->lport << 16 | f->rport;
	uint64_t id4[2] = {(uint64_t)f->local.w[3] << 32 | f->remote.w[3], ports};
	uint64_t id6[5] = {f->local.d[0], f->local.d[1], f->remote.d[0], f->remote.d[1], ports};
	uint64_t h = v4 ? siphash(&sc->open_key, id4, sizeof(id4))
			: siphash(&sc->open_key, id6, sizeof(id6));

	o->iss = seq_of((uint32_t)h + (uint32_t)(now / (4 * MT_US)));
	o->ts_offset = (uint32_t)(h >> 32);
	o->mss = ip_out_mss(sc, &f->remote);
	o->mss_default = v4 ? 0 : IPV6_MTU_MIN - IPV6_HLEN - TCP_HLEN;
	o->rcvbuf = 0;
}

void conn_know_path(const struct stack_core *sc, struct conn *c, mt_time now)
{
	uint16_t mss = pmtu_find(&sc->pmtus, &c->remote, now);

	if (mss)
		tcp_path_mss(&c->tcb, mss, now);
}

void conn_take(struct stack_core *sc, struct conn *c, unsigned wants)
{
	bool cold = (wants & TCP_WANTS_COLD) == TCP_WANTS_COLD;
	uint32_t id;

	if (!(c->flags & CONN_MORE)) {
		id = pool_get(&sc->owns);
		if (id == POOL_NONE)
			return;
		tcp_attach_own(&c->tcb, pool_at(&sc->owns, id));
		c->flags |= CONN_MORE;
	}
	if (!cold)
		return;
	id = pool_get(&sc->colds);
	if (id != POOL_NONE)
		tcp_attach_cold(&c->tcb, pool_at(&sc->colds, id));
}

static void give_back(struct stack_core *sc, struct conn *c, bool force)
{
	struct tcp_cold *cold;
	struct tcp_own *own;

	if (!(c->flags & CONN_MORE))
		return;
	if (c->tcb.own->cold) {
		cold = tcp_detach_cold(&c->tcb, force);
		if (!cold)
			return;
		pool_put(&sc->colds, pool_id(&sc->colds, cold));
	}
	own = tcp_detach_own(&c->tcb, force);
	if (!own)
		return;
	pool_put(&sc->owns, pool_id(&sc->owns, own));
	c->flags &= (uint16_t)~CONN_MORE;
}

void conn_free(struct stack_core *sc, struct conn *c)
{
	if (rlist_linked(&c->event_node))
		rlist_remove(&c->event_node);
	if (rlist_linked(&c->queue_node))
		rlist_remove(&c->queue_node);
	buf_release(&sc->bufs, &c->rcv);
	c->flags = 0;
	pool_put(&sc->conns, c->id);
	sc->stats.closed++;
}

/* Its handshake is over, or it is. */
static void end_fastopen(struct stack_core *sc, struct conn *c)
{
	sc->n_fastopen -= (c->flags & CONN_FASTOPEN) != 0;
	c->flags &= (uint16_t)~CONN_FASTOPEN;
}

/* TCP has finished and has nothing left to say: only what the owner may still read stays. The wheel
 * keeps the block's node, which the next connection mostly finds armed in time: a short one needs
 * neither the wheel nor the cold blocks that are its neighbours there. */
static void retire(struct stack_core *sc, struct conn *c, mt_time now)
{
	struct flow f = conn_flow(sc, c);
	uint64_t hash = flow_hash(&sc->flows, &f);

	place_none(sc, c);
	c->timer.idle = true;
	if (c->flags & CONN_TO_TW)
		time_wait_enter(sc, c, hash, now);
	else
		flow_remove(&sc->flows, hash, c->id);
	buf_release(&sc->bufs, &c->snd);
	give_back(sc, c, true);
	c->flags &= (uint16_t)~CONN_LIVE;
	end_fastopen(sc, c);
	if (!(c->flags & (CONN_OWNED | CONN_QUEUED)))
		conn_free(sc, c);
}

/* An orphan that gives way ends as by an abort: a peer that has nothing left to say would wait for
 * ever. One whose owner still feeds it does so once the owner has heard of it. */
static void displace(struct stack_core *sc, struct conn *c)
{
	trace_call(sc, c, TRACE_CALL_ABORT, 0, sc->turn_at);
	sc->stats.orphans_displaced++;
	rlist_remove(&c->queue_node);
	conn_raise(sc, c, STACK_OUT | STACK_HUP);
	tx_abort(sc, c, sc->turn_at);
	retire(sc, c, sc->turn_at);
}

/* With the last block an owned orphan goes, so that the next connection finds one. */
static uint32_t take_block(struct stack_core *sc)
{
	uint32_t id = pool_get(&sc->conns);
	struct conn *c = sc->conns.n_used < sc->conns.capacity ? NULL : conn_in_the_way(sc);

	if (!c || (id != POOL_NONE && !(c->flags & CONN_OWNED)))
		return id;
	displace(sc, c);
	return id != POOL_NONE ? id : pool_get(&sc->conns);
}

struct conn *conn_new(struct stack_core *sc, const struct flow *f, uint8_t local, uint64_t hash)
{
	uint32_t id = take_block(sc);

	if (id == POOL_NONE || !flow_insert(&sc->flows, hash, id)) {
		if (id != POOL_NONE)
			pool_put(&sc->conns, id);
		sc->stats.no_conn++;
		return NULL;
	}
	return block_init(sc, id, f, local);
}

struct conn *conn_new_for(struct stack_core *sc, const struct rx_seg *r)
{
	uint32_t id = take_block(sc);

	if (id == POOL_NONE) {
		sc->stats.no_conn++;
		return NULL;
	}
	flow_replace(&sc->flows, r->hash, r->id, id);
	return block_init(sc, id, &r->flow, r->local);
}

void conn_settle(struct stack_core *sc, struct conn *c, mt_time now, unsigned defer)
{
	if ((c->flags & CONN_LIVE) && !place_can_wait(c))
		conn_place(sc, c, tcp_place(&c->tcb, now), now, defer);
}

void conn_place(struct stack_core *sc, struct conn *c, enum tcp_tx want, mt_time now,
		unsigned defer)
{
	if ((c->flags & CONN_DONE) && want == TCP_TX_NONE)
		retire(sc, c, now);
	else
		place_alive(sc, c, want, now, defer);
}

void conn_raise(struct stack_core *sc, struct conn *c, uint32_t edge)
{
	if (!(c->flags & CONN_OWNED))
		return;
	c->edge = (uint16_t)(c->edge | edge);
	if (!rlist_linked(&c->event_node))
		rlist_append(&sc->conn_events, &c->event_node);
}

uint32_t conn_ready_any(const struct stack_core *sc, struct conn *c)
{
	uint32_t r = 0;

	if (!(c->flags & (CONN_OPENED | CONN_FAILED)))
		return conn_alive(c) && tcp_fastopen_held(&c->tcb) ? STACK_OUT : 0;
	if (buf_len(&sc->bufs, &c->rcv))
		r |= STACK_IN;
	if (c->flags & (CONN_EOF | CONN_SHUT_RD))
		r |= STACK_IN | STACK_RDHUP;
	if (c->error)
		r |= STACK_ERR;
	if (!conn_alive(c))
		r |= STACK_IN | STACK_OUT | STACK_RDHUP | STACK_HUP;
	if ((c->flags & (CONN_EOF | CONN_SHUT_RD)) && (c->flags & CONN_SHUT_WR))
		r |= STACK_HUP;
	if (c->flags & CONN_SHUT_WR)
		r |= STACK_OUT;
	else if (!conn_alive(c) || (c->flags & (CONN_NO_SPACE | CONN_STARVED)))
		return r;
	else if (tcp_room(&c->tcb))
		r |= STACK_OUT;
	else /* the bound fell below what is buffered: who looks is told when there is room */
		c->flags |= CONN_NO_SPACE;
	return r;
}

void core_count_drop(struct mtcp_stats *s, enum tcp_drop drop)
{
	switch (drop) {
	case TCP_DROP_SEQ:
		s->drop_seq++;
		break;
	case TCP_DROP_ACK:
		s->drop_ack++;
		break;
	case TCP_DROP_PAWS:
		s->drop_paws++;
		break;
	case TCP_DROP_RST:
		s->drop_rst++;
		break;
	case TCP_DROP_SYN:
		s->drop_syn++;
		break;
	case TCP_DROP_STATE:
		s->drop_state++;
		break;
	case TCP_DROP_OOO_FULL:
		s->drop_ooo_full++;
		break;
	case TCP_DROP_AFTER_CLOSE:
		s->drop_after_close++;
		break;
	case TCP_DROP_NO_ROOM:
		s->no_memory++;
		break;
	case TCP_DROP_NONE:
	case TCP_DROP_COUNT:
		break;
	}
}

/* What happens on few segments only. */
static void count_rare(struct mtcp_stats *s, const struct conn *c, const struct tcp_events *ev)
{
	core_count_drop(s, (enum tcp_drop)ev->drop);
	s->fast_retransmits += (ev->flags & TCP_EV_RETRANSMIT) != 0;
	s->rto_fired += (ev->flags & TCP_EV_RTO) != 0;
	s->tail_loss_probes += (ev->flags & TCP_EV_TLP) != 0;
	s->recoveries_undone += (ev->flags & TCP_EV_UNDO) != 0;
	s->challenge_acks += (ev->flags & TCP_EV_CHALLENGE) != 0;
	s->ecn_reductions += (ev->flags & TCP_EV_ECE) != 0;
	s->mtu_black_holes += (ev->flags & TCP_EV_BLACK_HOLE) != 0;
	s->delayed_acks += (ev->flags & TCP_EV_DELACK) != 0;
	s->zero_window_probes += (ev->flags & TCP_EV_PROBE) != 0;
	if (!(ev->flags & TCP_EV_ERROR))
		return;
	s->timeouts += ev->error == ETIMEDOUT;
	s->resets_received += ev->error == ECONNRESET || ev->error == ECONNREFUSED;
	s->connects_failed += !(c->flags & CONN_OPENED);
}

static ALWAYS_INLINE void take_data(struct stack_core *sc, struct conn *c,
				    const struct tcp_seg *seg, const struct tcp_events *ev)
{
	if (c->flags & CONN_ORPHAN)
		return;
	if (ev->data_len)
		buf_write(&sc->bufs, &c->rcv, buf_len(&sc->bufs, &c->rcv) + ev->data_off,
			  seg->payload + ev->data_skip, ev->data_len);
	buf_append(&sc->bufs, &c->rcv, ev->n_readable);
	sc->stats.rx_data_bytes += ev->n_readable;
}

/* A write woken at every ACK would move little at a time: a third must be free, as Linux has it. */
static bool space_again(struct conn *c)
{
	if (!(c->flags & CONN_NO_SPACE) ||
	    tcp_room(&c->tcb) < tcp_get_option(&c->tcb, TCP_OPT_SNDBUF) / 3)
		return false;
	c->flags &= (uint16_t)~CONN_NO_SPACE;
	return true;
}

void conn_space(struct stack_core *sc, struct conn *c)
{
	if (space_again(c))
		conn_raise(sc, c, STACK_OUT);
}

static uint32_t take_progress(struct stack_core *sc, struct conn *c, const struct tcp_events *ev)
{
	uint32_t edge = 0;

	if (ev->n_readable)
		edge |= STACK_IN;
	if (ev->n_acked)
		buf_drop(&sc->bufs, &c->snd, ev->n_acked);
	if ((ev->flags & TCP_EV_WRITABLE) && space_again(c))
		edge |= STACK_OUT;
	if (ev->flags & TCP_EV_ESTABLISHED) {
		edge |= STACK_OUT;
		c->flags |= CONN_OPENED;
		end_fastopen(sc, c);
	}
	return edge;
}

/* The stream's ends. */
static uint32_t take_ends(struct conn *c, uint32_t flags, uint8_t error)
{
	uint32_t edge = 0;

	if (flags & TCP_EV_EOF) {
		c->flags |= CONN_EOF;
		edge |= STACK_IN | STACK_RDHUP | (c->flags & CONN_SHUT_WR ? STACK_HUP : 0);
	}
	if (flags & TCP_EV_ERROR) {
		c->error = error;
		c->flags |= CONN_FAILED;
		edge |= STACK_IN | STACK_OUT | STACK_ERR | STACK_HUP | STACK_RDHUP;
	}
	if (flags & (TCP_EV_CLOSED | TCP_EV_TIME_WAIT)) {
		c->flags |= flags & TCP_EV_TIME_WAIT ? CONN_DONE | CONN_TO_TW : CONN_DONE;
		edge |= STACK_HUP;
	}
	return edge;
}

/* What is not counted: of every segment, of every connection. */
#define ORDINARY ((uint32_t)(TCP_EV_FAST | TCP_EV_READABLE | TCP_EV_WRITABLE))
#define COURSE	 ((uint32_t)(TCP_EV_ESTABLISHED | TCP_EV_EOF | TCP_EV_CLOSED | TCP_EV_TIME_WAIT))

/* Turns that an ACK waits for the application's answer. */
static ALWAYS_INLINE unsigned wait_for_answer(const struct conn *c, uint32_t edge)
{
	if (!edge || (c->flags & CONN_ORPHAN))
		return 0;
	return c->flags & CONN_QUEUED ? 2 : 1; /* accept is one turn, the answer the next */
}

static void apply(struct stack_core *sc, struct conn *c, const struct tcp_seg *seg,
		  const struct tcp_events *ev, mt_time now)
{
	uint32_t edge;

	sc->stats.fast_path += (ev->flags & TCP_EV_FAST) != 0;
	if (ev->drop || (ev->flags & ~(ORDINARY | COURSE)))
		count_rare(&sc->stats, c, ev);
	if (ev->flags & TCP_EV_RCVBUF)
		tcp_grow_rcvbuf(&c->tcb, core_buf_share(sc));
	if (ev->flags & TCP_EV_ESTABLISHED)
		conn_know_path(sc, c, now);
	if (ev->data_len || ev->n_readable)
		take_data(sc, c, seg, ev);
	edge = take_progress(sc, c, ev) | take_ends(c, ev->flags, ev->error);
	if (edge)
		conn_raise(sc, c, edge);
	give_back(sc, c, false);
	place_settle_live(sc, c, now, wait_for_answer(c, edge));
}

/* The usual segment (tcp/usual.h). False: it is another one. What happens is what conn_input does.
 */
static ALWAYS_INLINE bool take_usual(struct stack_core *sc, struct conn *c,
				     const struct tcp_seg *seg, mt_time now, bool goes_on)
{
	struct tcp_events ev = {0};
	uint32_t edge = 0;

	if ((c->flags & (CONN_LIVE | CONN_DONE | CONN_MORE)) != CONN_LIVE ||
	    !usual_takes(&c->tcb, seg, goes_on))
		return false;
	if (seg->len &&
	    ((c->flags & CONN_ORPHAN) || !buf_add(&sc->bufs, &c->rcv, seg->payload, seg->len)))
		return false;
	usual_input(&c->tcb, seg, &ev, now, goes_on);
	trace_in(sc, c, seg, TCP_DROP_NONE, now);
	sc->stats.fast_path++;
	if (ev.flags & TCP_EV_RCVBUF)
		tcp_grow_rcvbuf(&c->tcb, core_buf_share(sc));
	if (seg->len) {
		sc->stats.rx_data_bytes += seg->len;
		edge = STACK_IN;
	}
	if (ev.n_acked) {
		buf_drop(&sc->bufs, &c->snd, ev.n_acked);
		if ((c->flags & CONN_NO_SPACE) && space_again(c))
			edge |= STACK_OUT;
	}
	if (!goes_on)
		edge |= take_ends(c, ev.flags, 0);
	if (edge)
		conn_raise(sc, c, edge);
	if (goes_on)
		place_settle(sc, c, now, wait_for_answer(c, edge));
	else
		place_settle_live(sc, c, now, wait_for_answer(c, edge));
	return true;
}

static NEVER_INLINE bool take_usual_end(struct stack_core *sc, struct conn *c,
					const struct tcp_seg *seg, mt_time now)
{
	return take_usual(sc, c, seg, now, false);
}

/* Room in the receive buffer for what TCP keeps of this segment. Without memory the payload never
 * arrived; the ACK beside it did, and may free some. */
static ALWAYS_INLINE void reserve(struct stack_core *sc, struct conn *c, struct tcp_seg *seg,
				  mt_time now)
{
	uint32_t reach = text_reach(&c->tcb, seg, now), need;

	if (!reach)
		return;
	need = buf_len(&sc->bufs, &c->rcv) + reach;
	if (reach > seg->len && need > buf_capacity(&sc->bufs, &c->rcv) &&
	    need > core_buf_share_ahead(sc)) {
		seg->no_room = true;
	} else if (!buf_reserve(&sc->bufs, &c->rcv, need)) {
		seg->no_room = true;
		tcp_shrink_rcvbuf(&c->tcb);
	}
}

void conn_input(struct stack_core *sc, struct conn *c, struct tcp_seg *seg, mt_time now)
{
	struct tcp_events ev;
	unsigned wants;

	if (usual_goes_on(&c->tcb, seg) ? take_usual(sc, c, seg, now, true)
					: take_usual_end(sc, c, seg, now))
		return;
	if (!conn_alive(c)) {
		sc->stats.drop_state++;
		trace_in(sc, c, seg, TCP_DROP_STATE, now);
		return;
	}
	if (seg->len && !(c->flags & CONN_ORPHAN))
		reserve(sc, c, seg, now);
	wants = tcp_wants_in(&c->tcb, seg);
	if (wants)
		conn_take(sc, c, wants);
	ev = tcp_input_any(&c->tcb, seg, now);
	/* What was reserved may be for nothing: an empty queue has no block. */
	if (seg->len && !ev.data_len)
		buf_drop(&sc->bufs, &c->rcv, 0);
	trace_in(sc, c, seg, ev.drop, now);
	if ((ev.flags & TCP_EV_ESTABLISHED) && (seg->flags & TCPF_SYN) &&
	    (c->tcb.xflags & XF_FASTOPEN))
		fastopen_learn(sc, c, seg, now);
	apply(sc, c, seg, &ev, now);
}

void conn_open_fastopen(struct stack_core *sc, struct conn *c, struct tcp_seg *syn,
			const struct tcp_open *o, mt_time now)
{
	struct tcp_events ev;

	if (syn->len && !buf_reserve(&sc->bufs, &c->rcv, syn->len)) {
		sc->stats.no_memory++;
		syn->len = 0;
	}
	ev = tcp_open_fastopen(&c->tcb, &sc->cfg.tcp, o, syn, now);
	trace_in(sc, c, syn, TCP_DROP_NONE, now);
	apply(sc, c, syn, &ev, now);
}

void conn_timer(struct stack_core *sc, struct conn *c, mt_time now)
{
	struct tcp_events ev;
	unsigned wants;

	if (!conn_alive(c))
		return;
	if (tcp_deadline(&c->tcb, now) > now) {
		place_timer(sc, c, now);
		return;
	}
	wants = tcp_wants_timeout(&c->tcb, now);
	if (wants)
		conn_take(sc, c, wants);
	ev = tcp_timeout(&c->tcb, now);
	if ((ev.flags & TCP_EV_RTO) && c->tcb.state == TCPS_SYN_SENT && c->tcb.n_retries == 1 &&
	    tcp_was_fast(&c->tcb)) /* the first SYN, which alone had data */
		fastopen_lost(sc, c, now);
	trace_timer(sc, c, (uint16_t)ev.flags, now);
	apply(sc, c, NULL, &ev, now);
}

void conn_orphan(struct stack_core *sc, struct conn *c)
{
	c->flags =
		(uint16_t)((c->flags & ~(CONN_OWNED | CONN_QUEUED | CONN_STARVED)) | CONN_ORPHAN);
	if (rlist_linked(&c->event_node))
		rlist_remove(&c->event_node);
	if (rlist_linked(&c->queue_node))
		rlist_remove(&c->queue_node);
	buf_release(&sc->bufs, &c->rcv);
}

void conn_reset(struct stack_core *sc, struct conn *c, mt_time now)
{
	if (!(c->flags & CONN_LIVE)) {
		conn_free(sc, c);
		return;
	}
	if (conn_alive(c)) {
		tcp_abort(&c->tcb, now);
		trace_call(sc, c, TRACE_CALL_ABORT, 0, now);
		c->flags |= CONN_DONE;
	}
	conn_settle(sc, c, now, 0);
}

void conn_kill(struct stack_core *sc, struct conn *c, int error, mt_time now)
{
	sc->stats.connects_failed += !(c->flags & CONN_OPENED);
	tcp_abort(&c->tcb, now);
	if (sc->addrs.state[c->local] == ADDR_GONE) /* no source of a RST either (RFC 4862 5.5.4) */
		c->tcb.flags &= ~(uint32_t)TF_RST_DUE;
	trace_call(sc, c, TRACE_CALL_FAIL, error, now);
	conn_raise(sc, c, take_ends(c, TCP_EV_ERROR | TCP_EV_CLOSED, (uint8_t)error));
	conn_settle(sc, c, now, 0);
}
