// SPDX-License-Identifier: BSD-3-Clause
/* A burst from the device, in phases over chunks of it (after TAS, EuroSys 2019): parse all and
 * prefetch their buckets, look all up and prefetch the connections, then what these name, then
 * process in order of arrival. */
#include "base/inline.h"
#include "stack/core.h"
#include "stack/ip6.h"
#include "stack/message.h"
#include "wire/frame_syn.h"

#define FEW_FRAMES  64	/* of any size in one turn; more of them only while they are small: */
#define SMALL_FRAME 512 /* mean length of those, bytes */

static bool small_frames(const struct nic_pkt *p, unsigned n)
{
	unsigned len = 0;

	for (unsigned i = 0; i < n; i++)
		len += p[i].len;
	return len <= n * SMALL_FRAME;
}

/* Many small frames at once use what one brings into the cache for the next ones. Large ones would
 * drive it out, and a turn of them would be a window's worth: nothing of it acknowledged before its
 * end, the peer idle till then (docs/performance.md, Fast path). */
unsigned stack_rx(struct stack_core *sc)
{
	const struct nic *nic = sc->nic;
	uint16_t batch = sc->cfg.rx_batch, first = batch < FEW_FRAMES ? batch : FEW_FRAMES;

	check(!sc->n_rx);
	sc->stats.turns++;
	sc->stats.idle_turns += !sc->busy;
	sc->n_rx = nic->ops->rx_burst(nic->dev, sc->cfg.queue, sc->rx, first);
	if (sc->n_rx == first && first < batch && small_frames(sc->rx, first))
		sc->n_rx += nic->ops->rx_burst(nic->dev, sc->cfg.queue, sc->rx + first,
					       (uint16_t)(batch - first));
	sc->busy = sc->n_rx != 0;
	return sc->n_rx;
}

void core_count_wire(struct stack_core *sc, enum wire_err err)
{
	struct mtcp_stats *s = &sc->stats;

	switch (err) {
	case WIRE_SHORT:
		s->drop_short++;
		break;
	case WIRE_VERSION:
		s->drop_version++;
		break;
	case WIRE_LENGTH:
		s->drop_length++;
		break;
	case WIRE_CHECKSUM:
		s->drop_checksum++;
		break;
	case WIRE_TTL:
		s->drop_ttl++;
		break;
	case WIRE_FRAGMENT:
		s->drop_fragment++;
		break;
	case WIRE_ADDRESS:
		s->drop_address++;
		break;
	case WIRE_UNSUPPORTED:
		s->drop_unsupported++;
		break;
	case WIRE_OPTIONS:
		s->drop_options++;
		break;
	case WIRE_EXT_HDR:
		s->drop_ext_hdr++;
		break;
	case WIRE_OK:
	case WIRE_ERR_COUNT:
		break;
	}
}

static unsigned csum_flags(const struct nic_pkt *p, uint16_t verified)
{
	return p->flags & verified ? WIRE_CSUM_OK : 0;
}

bool input_elsewhere(struct stack_core *sc, const struct flow *f)
{
	if (sc->cfg.n_queues == 1 ||
	    flow_find(&sc->flows, flow_hash(&sc->flows, f), f) != FLOW_NONE)
		return false;
	sc->stats.frag_elsewhere++;
	return true;
}

/* An IPv4 packet for one of our addresses. True: a TCP segment, parsed into *r. */
static bool take_ipv4(struct stack_core *sc, const struct nic_pkt *p, struct rx_seg *r, mt_time now)
{
	unsigned l4_flags = csum_flags(p, NIC_RX_L4_CSUM_OK);
	uint16_t local = ADDR_NONE;
	bool whole = false;
	struct ip_hdr ip;
	enum wire_err err = ipv4_parse(p->data + ETH_HLEN, p->len - (size_t)ETH_HLEN,
				       csum_flags(p, NIC_RX_IP_CSUM_OK), &ip);

	if (err == WIRE_OK || err == WIRE_FRAGMENT) {
		local = addr_find(&sc->addrs, &ip.dst);
		if (local == ADDR_NONE) {
			sc->stats.drop_not_for_us++;
			return false;
		}
	}
	if (err == WIRE_FRAGMENT) {
		if (!reass_input(sc, &ip, &r->from, now))
			return false;
		l4_flags = 0; /* no device has seen the whole */
		whole = true;
		err = WIRE_OK;
	}
	if (err == WIRE_OK && ip.proto == IP_ICMP) {
		icmp_input(sc, &ip, &r->from, now);
		return false;
	}
	if (err == WIRE_OK && ip.proto != IP_TCP)
		err = WIRE_UNSUPPORTED;
	if (err == WIRE_OK)
		err = tcp_parse(&ip, l4_flags, &r->flow.rport, &r->flow.lport, &r->seg);
	if (err != WIRE_OK) {
		core_count_wire(sc, err);
		return false;
	}
	r->local = (uint8_t)local;
	r->flow.local = ip.dst;
	r->flow.remote = ip.src;
	return !whole || !input_elsewhere(sc, &r->flow);
}

static bool take_ipv6(struct stack_core *sc, const struct nic_pkt *p, struct rx_seg *r, mt_time now)
{
	const uint8_t *frame = p->data;
	struct rx_ip rx = {
		.p = frame + ETH_HLEN,
		.len = p->len - (size_t)ETH_HLEN,
		.l4_flags = csum_flags(p, NIC_RX_L4_CSUM_OK),
		.group = frame[0] & 1,
	};

	return input_v6(sc, &rx, r, now);
}

/* False: dropped. */
static bool take_tag(struct stack_core *sc, struct nic_pkt *p, uint16_t *vlan)
{
	*vlan = 0;
	if (p->len >= ETH_HLEN && vlan_tagged(p->data) && !vlan_strip(p, vlan)) {
		sc->stats.drop_short++;
		return false;
	}
	if (sc->cfg.vlan && *vlan != sc->cfg.vlan) {
		sc->stats.drop_vlan++;
		return false;
	}
	sc->vlan = *vlan;
	return true;
}

/* The kind that most are, or a usual SYN (wire/frame_syn.h), for us. False: it has to be looked at
 * more closely. */
static ALWAYS_INLINE bool take_usual(struct stack_core *sc, const struct nic_pkt *p,
				     struct rx_seg *r, bool syn)
{
	uint16_t local;

	_Static_assert((unsigned)FRAME_IP_SUM_OK == NIC_RX_IP_CSUM_OK &&
			       (unsigned)FRAME_TCP_SUM_OK == NIC_RX_L4_CSUM_OK,
		       "the same bits");
	if (sc->cfg.vlan ||
	    !(syn ? frame_take_syn : frame_take)(p->data, p->len, p->flags, &r->flow, &r->seg) ||
	    memcmp(p->data, &sc->mac, sizeof(sc->mac)) != 0)
		return false;
	local = addr_find(&sc->addrs, &r->flow.local);
	if (local == ADDR_NONE)
		return false;
	memcpy(&r->from, p->data + sizeof(struct eth_addr), sizeof(r->from));
	r->vlan = 0;
	r->local = (uint8_t)local;
	return true;
}

static NEVER_INLINE bool take_any(struct stack_core *sc, struct nic_pkt *p, struct rx_seg *r,
				  mt_time now)
{
	struct eth_hdr eth;
	enum wire_err err;
	bool ours;

	if (take_usual(sc, p, r, true))
		return true;
	if (!take_tag(sc, p, &r->vlan))
		return false;
	err = eth_parse(p->data, p->len, &eth);
	if (err != WIRE_OK) {
		core_count_wire(sc, err);
		return false;
	}
	ours = memcmp(&eth.dst, &sc->mac, sizeof(eth.dst)) == 0;
	if (eth.type == ETH_ARP && (ours || eth.dst.b[0] & 1)) {
		arp_input(sc, p->data + ETH_HLEN, p->len - (size_t)ETH_HLEN, now);
		return false;
	}
	r->from = eth.src;
	if (eth.type == ETH_IPV6 && (ours || eth.dst.b[0] & 1))
		return take_ipv6(sc, p, r, now);
	if (!ours || eth.type != ETH_IPV4) {
		sc->stats.drop_not_for_us++;
		return false;
	}
	return take_ipv4(sc, p, r, now);
}

static void look_up(struct stack_core *sc, struct rx_seg *r)
{
	r->id = flow_at_home(&sc->flows, r->hash);
	if (r->id == FLOW_NONE)
		return;
	if (r->id & FLOW_TW) {
		__builtin_prefetch(time_wait_at(sc, r->id & ~FLOW_TW));
	} else if (r->id & FLOW_SYN) {
		__builtin_prefetch(pool_at(&sc->half_opens, r->id & ~FLOW_SYN));
	} else {
		conn_prefetch(core_conn(sc, r->id));
	}
}

/* What the connection's first line, which is there by now, says will be touched besides. */
static ALWAYS_INLINE void look_on(const struct stack_core *sc, const struct rx_seg *r)
{
	const struct conn *c;

	if (r->id & (FLOW_TW | FLOW_SYN))
		return;
	c = core_conn(sc, r->id);
	trace_prefetch(sc, c);
	buf_prefetch(&sc->bufs, &c->snd);
	buf_prefetch(&sc->bufs, &c->rcv);
	/* What the peer's ACK frees is what its message is copied into. */
	if (c->snd.block != BUFMEM_NONE)
		__builtin_prefetch(bufmem_at(&sc->bufs, c->snd.block), 1);
}

/* In the table for this flow, as a connection or a half-open one. */
static bool is_open(const struct stack_core *sc, const struct rx_seg *r)
{
	const struct conn *c;

	if (r->id & (FLOW_TW | FLOW_SYN)) {
#ifdef MTCP_MALLOC /* a record that has ended is not there any more */
		return false;
#else
		return !(r->id & FLOW_TW) && syn_queue_is(sc, r->id & ~FLOW_SYN, &r->flow);
#endif
	}
	c = core_conn(sc, r->id);
	return (c->flags & CONN_LIVE) && c->local == r->local && c->rport == r->flow.rport &&
	       c->lport == r->flow.lport && ip_eq(&c->remote, &r->flow.remote);
}

/* The id the table has now: earlier segments of the burst may have opened or ended the connection.
 */
static uint32_t confirm(const struct stack_core *sc, const struct rx_seg *r, uint64_t n_changes)
{
	if (is_open(sc, r) || (r->id == FLOW_NONE && sc->flows.n_changes == n_changes))
		return r->id;
	return flow_find(&sc->flows, r->hash, &r->flow);
}

static ALWAYS_INLINE void process(struct stack_core *sc, struct rx_seg *r, uint64_t n_changes,
				  const struct tcp_clock *k)
{
	uint32_t id = r->id = confirm(sc, r, n_changes);
	mt_time now = k->now;

	sc->vlan = r->vlan;
	if (!(id & (FLOW_TW | FLOW_SYN))) {
		sc->stats.rx_segs++;
		if (!take_message(sc, core_conn(sc, id), &r->seg, k))
			conn_input(sc, core_conn(sc, id), &r->seg, now);
		return;
	}
	if (id != FLOW_NONE && (id & FLOW_SYN))
		syn_queue_input(sc, r, now);
	else if (id == FLOW_NONE || time_wait_input(sc, id & ~FLOW_TW, r, now))
		listen_input(sc, r, now);
}

static void take_chunk(struct stack_core *sc, struct nic_pkt *p, unsigned n, mt_time now)
{
	struct tcp_clock k = tcp_clock_of(now);
	struct rx_seg *r = sc->segs, *end;
	uint64_t n_changes;

	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(p[i].data);
	for (unsigned i = 0; i < n; i++) {
		sc->stats.rx_bytes += p[i].len;
		if (!take_usual(sc, &p[i], r, false) && !take_any(sc, &p[i], r, now))
			continue;
		r->hash = flow_hash(&sc->flows, &r->flow);
		flow_prefetch(&sc->flows, r->hash);
		r++;
	}
	end = r;
	n_changes = sc->flows.n_changes;
	for (r = sc->segs; r < end; r++)
		look_up(sc, r);
	for (r = sc->segs; r < end; r++)
		look_on(sc, r);
	for (r = sc->segs; r < end; r++)
		process(sc, r, n_changes, &k);
}

void stack_input(struct stack_core *sc, mt_time now)
{
	sc->turn_at = now;
	for (unsigned at = 0; at < sc->n_rx; at += RX_CHUNK) {
		unsigned left = sc->n_rx - at;

		take_chunk(sc, sc->rx + at, left < RX_CHUNK ? left : RX_CHUNK, now);
	}
	reass_release(sc);
	sc->vlan = sc->cfg.vlan;
	sc->stats.rx_packets += sc->n_rx;
	if (sc->n_rx)
		sc->nic->ops->release(sc->nic->dev, sc->cfg.queue, sc->rx, sc->n_rx);
	sc->n_rx = 0;
}
