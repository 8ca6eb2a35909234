// SPDX-License-Identifier: BSD-3-Clause
/* The transmit lists (paper 3.4): a connection stands on at most one, at a position found in O(1);
 * a turn touches only connections it sends for. */
#include <errno.h>

#include "base/inline.h"
#include "stack/hop.h"
#include "stack/lose.h"
#include "stack/place.h"
#include "stack/trace_put.h"
#include "tcp/message.h"
#include "wire/frame.h"

#define QUANTUM	     8 /* segments of one connection before the next one's */
#define SPARE_MORE   8 /* empty frames asked for at least: a connection may have several segments */
#define STARVED_LOOK 4
#define AHEAD	     4	/* connections fetched before their turn */
#define IDLE_BUDGET  64 /* timers of ended connections, before sleeping until the next one */

/* ---- frames ---- */

static NEVER_INLINE bool get_spare(struct stack_core *sc)
{
	uint32_t room = (uint32_t)sc->cfg.tx_batch - sc->n_out;
	uint32_t want = sc->n_listed > SPARE_MORE ? sc->n_listed : SPARE_MORE;

	if (!room)
		return false;
	if (want > room)
		want = room;
	sc->n_spare = sc->nic->ops->alloc(sc->nic->dev, sc->cfg.queue, sc->out + sc->n_out,
					  (uint16_t)want);
	sc->stats.tx_no_buffer += !sc->n_spare;
	sc->refused |= !sc->n_spare;
	return sc->n_spare != 0;
}

/* The spare ones stand behind those that are built. */
static ALWAYS_INLINE uint8_t *next_frame(struct stack_core *sc)
{
	if (!sc->n_spare && !get_spare(sc))
		return NULL;
	return sc->out[sc->n_out].data;
}

static ALWAYS_INLINE void commit(struct stack_core *sc, size_t len, uint16_t flags)
{
	struct nic_pkt *p = &sc->out[sc->n_out++];

	sc->n_spare--;
	p->len = (uint16_t)len;
	p->flags = flags;
	if (sc->vlan)
		vlan_insert(p, sc->vlan);
}

static ALWAYS_INLINE void commit_tcp(struct stack_core *sc, size_t len)
{
	commit(sc, len, sc->nic->tx_csum ? NIC_TX_L4_CSUM : 0);
}

uint8_t *tx_frame(struct stack_core *sc)
{
	return next_frame(sc);
}

void tx_commit(struct stack_core *sc, size_t len)
{
	commit(sc, len, 0);
}

void tx_commit_tcp(struct stack_core *sc, size_t len)
{
	commit_tcp(sc, len);
}

uint8_t *tx_answer_frame(struct stack_core *sc)
{
	uint8_t *frame = NULL;

	if (sc->n_replies < (sc->cfg.tx_batch + 1) / 2)
		frame = tx_frame(sc);
	if (frame)
		sc->n_replies++;
	return frame;
}

uint8_t *tx_reply_frame(struct stack_core *sc)
{
	uint8_t *frame = tx_answer_frame(sc);

	sc->stats.replies_dropped += !frame;
	return frame;
}

static void flush(struct stack_core *sc)
{
	uint16_t n = sc->n_out, sent;

	if (!n)
		return;
	sent = sc->nic->ops->tx_burst(sc->nic->dev, sc->cfg.queue, sc->out, n);
	for (uint16_t i = 0; i < sent; i++)
		sc->stats.tx_bytes += sc->out[i].len;
	sc->stats.tx_packets += sent;
	sc->n_out = (uint16_t)(n - sent);
	sc->stats.tx_full += sc->n_out != 0;
	memmove(sc->out, sc->out + sent, ((size_t)sc->n_out + sc->n_spare) * sizeof(sc->out[0]));
	sc->busy |= sent != 0;
	if (sent)
		sc->stuck_at = 0;
	else
		sc->refused = true;
}

/* ---- one connection's turn ---- */

enum hop { HOP_OK, HOP_WAIT, HOP_FAIL, HOP_FULL };

/* The connection's next hop, kept in it as entry and generation. */
static enum hop next_hop(struct stack_core *sc, struct conn *c, struct neigh **out, mt_time now)
{
	struct neigh *n = NULL;
	struct ip_addr hop;

	if (c->neigh_gen) {
		n = pool_at(&sc->neighs.pool, c->neigh);
		if (n->gen != c->neigh_gen)
			n = NULL;
	}
	if (!n) {
		if (!route_next_hop(&sc->routes, &c->remote, &hop)) {
			sc->stats.no_route++;
			return HOP_FAIL;
		}
		sc->vlan = c->vlan; /* where an entry that is new asks */
		n = neigh_get(sc, &hop, now);
		if (!n)
			return HOP_FULL;
		c->neigh = pool_id(&sc->neighs.pool, n) & (NEIGH_MAX - 1);
		c->neigh_gen = n->gen & NEIGH_GEN_MAX;
	}
	*out = n;
	if (n->state == NEIGH_ST_INCOMPLETE)
		return HOP_WAIT;
	if (n->state == NEIGH_ST_FAILED) {
		sc->stats.arp_failed++;
		return HOP_FAIL;
	}
	neigh_used(sc, n, now);
	return HOP_OK;
}

void tx_abort(struct stack_core *sc, struct conn *c, mt_time now)
{
	struct flow f = conn_flow(sc, c);
	uint16_t vlan = sc->vlan; /* of the frame that is being answered */
	struct tcp_seg rst;
	struct neigh *n;

	tcp_abort(&c->tcb, now);
	if (tcp_output(&c->tcb, now, &rst) && next_hop(sc, c, &n, now) == HOP_OK) {
		sc->vlan = n->vlan;
		ip_out_to(sc, &n->mac, &f, &rst);
	}
	sc->vlan = vlan;
}

/* The next hop does not answer, or there is none: an attempt to connect fails. */
static void unreachable(struct stack_core *sc, struct conn *c, mt_time now)
{
	if (c->tcb.state == TCPS_SYN_SENT)
		conn_kill(sc, c, EHOSTUNREACH, now);
	else
		lose_due(sc, c, now);
}

static void record_segment(struct stack_core *sc, struct conn *c, const struct tcp_seg *seg,
			   mt_time now)
{
	bool again = tcp_was_retransmit(&c->tcb);
	struct mtcp_stats *s = &sc->stats;

	trace_out(sc, c, seg, again, now);
	s->tx_segs++;
	s->tx_data_bytes += seg->len;
	s->retransmits += again;
	s->resets_sent += (seg->flags & TCPF_RST) != 0;
}

static ALWAYS_INLINE struct frame_ends ends_of(const struct stack_core *sc, const struct conn *c)
{
	return (struct frame_ends){
		.local = sc->addrs.addr[c->local].addr.w[3],
		.remote = c->remote.w[3],
		.lport = c->lport,
		.rport = c->rport,
		.ttl = IP_OUT_TTL,
	};
}

/* Behind the headers in the usual frame, of which this is the sum. */
static ALWAYS_INLINE void put_payload(const struct stack_core *sc, const struct conn *c,
				      uint8_t *frame, const struct tcp_seg *seg, uint64_t sum)
{
	uint8_t *to = frame + FRAME_HLEN;

	if (!sc->nic->tx_csum)
		frame_put_sum(frame, sum,
			      buf_read_sum(&sc->bufs, &c->snd, seg->data_off, to, seg->len));
	else
		buf_read(&sc->bufs, &c->snd, seg->data_off, to, seg->len);
}

/* Headers and payload of a segment in the usual frame (wire/frame.h). */
static ALWAYS_INLINE void put_usual(struct stack_core *sc, struct conn *c, uint8_t *frame,
				    const struct tcp_seg *seg)
{
	struct frame_ends ends = ends_of(sc, c);
	uint64_t sum = frame_put(frame, &sc->eth, &ends, seg);

	put_payload(sc, c, frame, seg, sum);
	commit_tcp(sc, FRAME_HLEN + seg->len);
}

static void put_any(struct stack_core *sc, struct conn *c, uint8_t *frame,
		    const struct eth_addr *to, struct tcp_seg *seg)
{
	struct flow f = conn_flow(sc, c);

	if (seg->flags & TCPF_SYN && seg->opts & TCPO_FASTOPEN)
		fastopen_fill(sc, c, seg);
	if (seg->len)
		buf_read(&sc->bufs, &c->snd, seg->data_off, frame + ip_out_payload(&c->remote, seg),
			 seg->len);
	commit_tcp(sc, ip_out_tcp(sc, frame, to, &f, seg));
}

static ALWAYS_INLINE void record_usual(struct stack_core *sc, struct conn *c,
				       const struct tcp_seg *seg, mt_time now)
{
	trace_out(sc, c, seg, false, now);
	sc->stats.tx_segs++;
	sc->stats.tx_data_bytes += seg->len;
}

/* A message (tcp/message.h), without a VLAN. The payload comes last, so that nothing but a sum has
 * to be kept over the copying; a tag would have moved its place by then. */
static ALWAYS_INLINE bool send_message(struct stack_core *sc, struct conn *c,
				       const struct tcp_clock *k)
{
	uint8_t *frame = sc->out[sc->n_out].data;
	struct frame_ends ends;
	struct tcp_seg seg;
	uint64_t sum;

	if (!ip_is_v4(&c->remote) || !message_out(&c->tcb, k, &seg))
		return false;
	ends = ends_of(sc, c);
	sum = frame_put(frame, &sc->eth, &ends, &seg);
	commit_tcp(sc, FRAME_HLEN + seg.len);
	record_usual(sc, c, &seg, k->now);
	place_none(sc, c);
	place_timer_at(sc, c, k->us, k->now);
	put_payload(sc, c, frame, &seg, sum);
	return true;
}

/* The usual segment. False: it is not, or there is none. */
static bool send_usual(struct stack_core *sc, struct conn *c, uint8_t *frame, mt_time now)
{
	struct tcp_seg seg;

	if (!ip_is_v4(&c->remote) || !usual_output(&c->tcb, now, &seg))
		return false;
	put_usual(sc, c, frame, &seg);
	record_usual(sc, c, &seg, now);
	return true;
}

/* The same of any segment. */
static NEVER_INLINE bool send_any(struct stack_core *sc, struct conn *c, uint8_t *frame,
				  const struct last_hop *hop, mt_time now)
{
	struct tcp_seg seg;

	if (!tcp_output_any(&c->tcb, now, &seg))
		return false;
	if (seg.opts == TCPO_TS && ip_is_v4(&c->remote))
		put_usual(sc, c, frame, &seg);
	else
		put_any(sc, c, frame, &hop->n->mac, &seg);
	record_segment(sc, c, &seg, now);
	return true;
}

static ALWAYS_INLINE void settle_served(struct stack_core *sc, struct conn *c, enum tcp_tx more,
					mt_time now)
{
	place_none(sc, c);
	if (c->flags & CONN_DONE)
		conn_place(sc, c, more, now, 0);
	else
		place_alive(sc, c, more, now, 0);
}

/* Up to QUANTUM segments. False: no frame for the first one; the connection keeps its place. */
static NEVER_INLINE bool send_quantum(struct stack_core *sc, struct conn *c,
				      const struct last_hop *hop, mt_time now)
{
	unsigned n = 0, wants = tcp_wants_out(&c->tcb);
	enum tcp_tx more = TCP_TX_DATA;

	if (wants)
		conn_take(sc, c, wants);
	do {
		uint8_t *frame = next_frame(sc);

		if (!frame)
			break;
		if (!send_any(sc, c, frame, hop, now)) {
			more = TCP_TX_NONE;
			break;
		}
		n++;
		more = tcp_place(&c->tcb, now);
	} while (more != TCP_TX_NONE && n < QUANTUM);
	if (!n && more != TCP_TX_NONE)
		return false;
	settle_served(sc, c, more, now);
	return true;
}

/* The same; the usual segment is all there is. */
static NEVER_INLINE bool send_all(struct stack_core *sc, struct conn *c, const struct last_hop *hop,
				  mt_time now)
{
	uint8_t *frame = next_frame(sc);

	if (!frame)
		return false;
	if (!send_usual(sc, c, frame, now))
		return send_quantum(sc, c, hop, now);
	settle_served(sc, c, TCP_TX_NONE, now);
	return true;
}

/* False: it has none now, and was dealt with. */
static NEVER_INLINE bool find_hop(struct stack_core *sc, struct conn *c, struct last_hop *last,
				  mt_time now)
{
	bool fresh = !c->neigh_gen;
	struct neigh *n;

	/* Opens that stand behind each other mostly have one remote. */
	if (fresh && last->n && ip_eq(&c->remote, &last->remote)) {
		c->neigh = last->id & (NEIGH_MAX - 1);
		c->neigh_gen = last->gen & NEIGH_GEN_MAX;
		return true;
	}
	last->n = NULL;
	switch (next_hop(sc, c, &n, now)) {
	case HOP_OK:
		n->served = sc->neighs.serving;
		*last = (struct last_hop){.n = n, .id = c->neigh, .gen = c->neigh_gen};
		if (fresh)
			last->remote = c->remote;
		use_mac(sc, n);
		return true;
	case HOP_WAIT:
		place_none(sc, c);
		place_timer(sc, c, now);
		c->tx = CONN_TX_NEIGH;
		rlist_append(&n->waiting, &c->tx_node);
		break;
	case HOP_FAIL:
		unreachable(sc, c, now);
		break;
	case HOP_FULL:
		lose_due(sc, c, now);
		break;
	}
	return false;
}

/* False: the device gives no frame. */
static ALWAYS_INLINE bool serve(struct stack_core *sc, struct conn *c, struct last_hop *last,
				const struct tcp_clock *k)
{
	bool same = last->n && c->neigh == last->id && c->neigh_gen == last->gen;

	if (!same && !known_hop(sc, c, last) && !find_hop(sc, c, last, k->now))
		return true;
	sc->vlan = last->n->vlan;
	return (sc->n_spare && !sc->vlan && !(c->flags & CONN_DONE) && send_message(sc, c, k)) ||
	       send_all(sc, c, last, k->now);
}

/* ---- a turn ---- */

static const struct neigh *parked_at(const struct stack_core *sc, const struct conn *c)
{
	return pool_at(&sc->neighs.pool, c->neigh);
}

/* Connections whose neighbour answered or failed take their places again, a turn's worth at a time.
 */
static void unpark(struct stack_core *sc, mt_time now)
{
	for (unsigned i = 0; i < sc->cfg.tx_batch && !rlist_empty(&sc->tx_unparked); i++) {
		struct conn *c = container_of(rlist_next(&sc->tx_unparked), struct conn, tx_node);

		if (c->neigh_gen && parked_at(sc, c)->gen != c->neigh_gen) {
			/* Its entry was taken away: asking again at once would take another's. */
			sc->stats.arp_overflow++;
			lose_due(sc, c, now);
			continue;
		}
		place_none(sc, c);
		conn_settle(sc, c, now, 0);
	}
}

/* Writers that found no buffer memory are told when there is some. A few at a time; one that needs
 * a large block does not stand in the way of the others. True: there was some, and more wait. */
static bool feed_starved(struct stack_core *sc)
{
	bool fed = false;

	for (unsigned i = 0; i < STARVED_LOOK && !rlist_empty(&sc->starved); i++) {
		struct rlist *node = rlist_pop(&sc->starved);
		struct conn *c = container_of(node, struct conn, queue_node);
		uint32_t cap = buf_capacity(&sc->bufs, &c->snd);

		/* In its own block, once some was acknowledged, or in a larger one. */
		if (buf_len(&sc->bufs, &c->snd) == cap &&
		    !bufmem_has(&sc->bufs, bufmem_order(cap + 1))) {
			rlist_append(&sc->starved, node);
			continue;
		}
		c->flags &= (uint16_t)~CONN_STARVED;
		fed = true;
		conn_raise(sc, c, STACK_OUT);
		if (c->flags & CONN_ORPHAN)
			conn_linger(sc, c, sc->turn_at);
	}
	return fed && !rlist_empty(&sc->starved);
}

static bool lists_empty(const struct stack_core *sc)
{
	return !sc->n_listed && rlist_empty(&sc->tx_unparked) && !neigh_tx_pending(sc);
}

static void release_spare(struct stack_core *sc)
{
	if (sc->n_spare)
		sc->nic->ops->release(sc->nic->dev, sc->cfg.queue, sc->out + sc->n_out,
				      sc->n_spare);
	sc->n_spare = 0;
}

static struct conn *listed(const struct rlist *node)
{
	return container_of(node, struct conn, tx_node);
}

/* Long lists are cold: those that come next are fetched while the first ones are served. */
static ALWAYS_INLINE struct rlist *fetch(const struct stack_core *sc, const struct rlist *l,
					 struct rlist *at)
{
	const struct conn *c;

	if (at == l)
		return at;
	c = listed(at);
	conn_prefetch(c);
	trace_prefetch(sc, c);
	return rlist_next(at);
}

static NEVER_INLINE void serve_some(struct stack_core *sc, struct rlist *l, unsigned until,
				    mt_time now)
{
	struct rlist *ahead = rlist_next(l);
	struct tcp_clock k = tcp_clock_of(now);
	struct last_hop last = {0};

	if (++sc->neighs.serving == 0)
		sc->neighs.serving = 1;
	for (unsigned i = 0; i < AHEAD; i++)
		ahead = fetch(sc, l, ahead);
	while (sc->n_visits && sc->n_out < until && !rlist_empty(l)) {
		ahead = fetch(sc, l, ahead);
		if (!serve(sc, listed(rlist_next(l)), &last, &k))
			return;
		sc->n_visits--;
	}
}

/* Serves a list until it is empty or the turn's frames reach `until`. */
static inline void serve_list(struct stack_core *sc, struct rlist *l, unsigned until, mt_time now)
{
	if (!rlist_empty(l))
		serve_some(sc, l, until, now);
}

/* SYNs and SYN/ACKs, in turn first. */
static void serve_opens(struct stack_core *sc, unsigned until, mt_time now)
{
	bool syn_acks_first = sc->n_narrow & 1;

	if (syn_acks_first)
		syn_queue_send(sc, until, now);
	serve_list(sc, &sc->tx_opens, until, now);
	syn_queue_send(sc, until, now);
}

/* The turn can't send all. Strict order would starve the last list, and retransmission timers of
 * the peers would fire for what only waits here: so control, ACK and data get equal shares. SYN and
 * SYN/ACK get an eighth and what the others leave: they start more work, and their timers are the
 * longest. */
static void serve_shares(struct stack_core *sc, unsigned room, mt_time now)
{
	unsigned all = sc->cfg.tx_batch, turn = sc->n_narrow++, n_waiting = 0, share;
	unsigned opens = room >= 8 ? room / 8 : room > 0 && turn % 8 == 0;
	struct rlist *l = sc->tx_lists;

	for (uint8_t tx = CONN_TX_CONTROL; tx <= CONN_TX_DATA; tx++)
		n_waiting += !rlist_empty(&l[tx]);
	if (rlist_empty(&sc->tx_opens) && !syn_queue_sends(sc))
		opens = 0;
	share = n_waiting ? (room - opens + n_waiting - 1) / n_waiting : 0;
	if (room >= 8) /* else there is no share for each: they come first in turn */
		turn = 0;
	serve_opens(sc, sc->n_out + opens, now);
	for (uint8_t i = 0; i < 3; i++)
		serve_list(sc, &l[CONN_TX_CONTROL + (turn + i) % 3], sc->n_out + share, now);
	for (uint8_t tx = CONN_TX_CONTROL; tx <= CONN_TX_DATA; tx++)
		serve_list(sc, &l[tx], all, now);
	serve_opens(sc, all, now);
}

static void serve_lists(struct stack_core *sc, mt_time now)
{
	unsigned room = (unsigned)sc->cfg.tx_batch - sc->n_out;

	if (sc->n_listed > room) {
		serve_shares(sc, room, now);
		return;
	}
	serve_opens(sc, sc->cfg.tx_batch, now);
	for (uint8_t tx = CONN_TX_CONTROL; tx <= CONN_TX_DATA; tx++)
		serve_list(sc, &sc->tx_lists[tx], sc->cfg.tx_batch, now);
}

mt_time stack_tx(struct stack_core *sc, mt_time now)
{
	mt_time timer;
	bool hungry;

	/* Each visit sends at least a segment, or takes the connection off the lists: twice the
	 * frames is a bound that only connections without a neighbour reach. */
	sc->n_visits = 2u * sc->cfg.tx_batch;
	neigh_tx(sc, now);
	unpark(sc, now);
	serve_lists(sc, now);
	sc->stats.tx_visits += 2u * sc->cfg.tx_batch - sc->n_visits;
	if (!rlist_empty(&sc->neighs.asking))
		neigh_tx(sc, now);
	flush(sc);
	sc->n_replies = 0;
	if (sc->neighs.n_answers) /* before what the next turn's input answers */
		neigh_tx_answers(sc, now);
	sc->vlan = sc->cfg.vlan;
	rlist_move_all(&sc->tx_deferred[0], place_list(sc, CONN_TX_ACK));
	rlist_move_all(&sc->tx_deferred[1], &sc->tx_deferred[0]);
	hungry = feed_starved(sc);
	if (sc->n_out || hungry || !lists_empty(sc)) {
		if (sc->refused)
			lose_if_stuck(sc, now);
		return now;
	}
	release_spare(sc);
	/* A busy core leaves timers to the next connections; who sleeps must not wake for them. */
	timer = sc->busy ? wheel_next(&sc->wheel) : wheel_next_wanted(&sc->wheel, IDLE_BUDGET);
	return mt_min(timer, mt_min(syn_queue_next(sc, now), time_wait_next(sc, now)));
}
