// SPDX-License-Identifier: BSD-3-Clause
/*
 * A whole stack against a hostile wire and a careless application. The input is a program: segments
 * aimed at live connections (mostly plausible, because a random one would not get past the first
 * check), raw and damaged frames, calls, a device that stops, a link with faults, too little
 * memory, time. After each step and at the end:
 *   - the core is consistent and nothing stalls silently (invariants.h);
 *   - memory, records and frames stay within their bounds, and the device and the stack agree on
 * the frames;
 *   - the stack does not spin: with nothing to do it asks for few turns;
 *   - in-order bytes reach the application unchanged, and the application's bytes the wire;
 *   - when the application has closed everything and the peer is silent, all is given back:
 * whatever lived had a deadline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "invariants.h"
#include "sim/sim.h"
#include "wire/bytes.h"
#include "wire/ipv6.h"

#define HOST_V4	    0x0a000001u
#define WIRE_V4	    0x0a000002u
#define PORT	    80
#define MAX_PUPPETS 6
#define MAX_CONNS   8
#define BUF_BYTES   (256u << 10)
#define BUF_POOR    (8u << 10)
#define MAX_STEPS   400

/* The wire's half of a connection: what a correct peer would know. */
struct puppet {
	struct flow flow;
	tcp_seq iss, snd_nxt, irs, rcv_nxt;
	uint32_t ts_recent;
	uint8_t cookie[8]; /* the last the host gave */
	bool live, synced;
};

/* The application's half. */
struct sock {
	uint32_t id;
	uint64_t sent, received;
	uint16_t rport;
	bool live;
};

static const struct ip_addr host_v6 = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}};

struct fuzz {
	const uint8_t *in;
	size_t left;
	struct sim *sim;
	struct sim_node *host, *wire;
	struct stack_core *sc;
	uint32_t lid;
	struct puppet puppets[MAX_PUPPETS];
	struct sock socks[MAX_CONNS];
	bool tainted;  /* a frame without a pattern may have hit any connection */
	bool dirty[8]; /* ... or of this port of the wire: a SYN not at the puppet's ISS moved it */
	bool limited;  /* the device does not take everything */
	/* With a link that delays, segments of a port's last connection may reach its next one. */
	bool delays, used[8], murky[8];
};

static uint8_t byte(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->in++;
}

static uint32_t word(struct fuzz *f, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | byte(f);
	return v;
}

/* Near zero most of the time. */
static uint32_t offset(struct fuzz *f)
{
	uint8_t b = byte(f);

	if (b < 128)
		return 0;
	if (b < 192)
		return (uint32_t)(int32_t)(int8_t)byte(f);
	if (b < 248)
		return (uint32_t)(int32_t)(int16_t)word(f, 2);
	return word(f, 4);
}

/* The byte that stands at a place of every stream. */
static uint8_t pattern(uint32_t place)
{
	uint32_t z = place * 0x9e3779b1u;

	return (uint8_t)(z >> 24 ^ z >> 13);
}

/* The wire's ports, on which its puppets live: 2000.. call, 7000.. are called. */
static unsigned port_index(uint16_t port)
{
	return port >= 7000 ? 4 + port % 4 : port % 4;
}

static bool *dirty(struct fuzz *f, uint16_t port)
{
	return &f->dirty[port_index(port)];
}

static void begins_anew(struct fuzz *f, uint16_t port)
{
	unsigned i = port_index(port);

	f->murky[i] |= f->delays && f->used[i];
	f->used[i] = true;
}

/* ---- the wire ---- */

static struct puppet *puppet_of(struct fuzz *f, const struct flow *flow)
{
	for (unsigned i = 0; i < MAX_PUPPETS; i++)
		if (f->puppets[i].live && flow_eq(&f->puppets[i].flow, flow))
			return &f->puppets[i];
	return NULL;
}

static struct puppet *puppet_new(struct fuzz *f, const struct flow *flow)
{
	struct puppet *p = &f->puppets[byte(f) % MAX_PUPPETS];

	*p = (struct puppet){.flow = *flow, .live = true};
	begins_anew(f, flow->lport);
	p->iss = p->snd_nxt = seq_of(word(f, 1) << 24 | 0xffff00);
	return p;
}

static void check_stream(const struct puppet *p, const struct tcp_seg *s)
{
	uint32_t at = s->seq.v - p->irs.v - 1;

	for (uint32_t i = 0; i < s->len; i++)
		check(s->payload[i] == pattern(at + i));
}

/* What a peer learns from a segment of the host. */
static void puppet_learn(struct fuzz *f, const struct flow *flow, const struct tcp_seg *s)
{
	struct puppet *p = puppet_of(f, flow);
	tcp_seq end = seq_add(s->seq, seg_len(s));

	if (p == NULL && (s->flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN)
		p = puppet_new(f, flow);
	if (p == NULL)
		return;
	if (s->opts & TCPO_TS)
		p->ts_recent = s->ts_val;
	if ((s->opts & TCPO_FASTOPEN) && s->cookie_len == sizeof(p->cookie))
		memcpy(p->cookie, s->cookie, sizeof(p->cookie));
	if (s->flags & TCPF_SYN) {
		if (p->synced && !seq_eq(p->irs, s->seq))
			begins_anew(f, flow->lport);
		p->irs = s->seq;
		p->rcv_nxt = end;
		p->synced = true;
		return;
	}
	if (p->synced && !f->tainted && !f->murky[port_index(flow->lport)] &&
	    !(s->flags & TCPF_RST))
		check_stream(p, s);
	if (p->synced && seq_gt(end, p->rcv_nxt))
		p->rcv_nxt = end;
}

static void wire_read(struct fuzz *f)
{
	struct ip_addr me = ip_from_v4(WIRE_V4);
	uint8_t frame[2048];
	struct tcp_seg s;
	struct flow flow;

	sim_wire_answer_arp(f->wire, &me, 1);
	while (sim_wire_recv_tcp(f->wire, frame, &flow, &s))
		puppet_learn(f, &flow, &s);
}

static void seg_options(struct fuzz *f, const struct puppet *p, struct tcp_seg *s)
{
	uint8_t what = byte(f);

	if (s->flags & TCPF_SYN) {
		s->opts = what & (TCPO_MSS | TCPO_WSCALE | TCPO_SACK_PERM | TCPO_TS);
		s->mss = what & 0x80 ? (uint16_t)word(f, 2) : 1460;
		s->wscale = what & 0x40 ? byte(f) : 2;
		if ((what & 0x20) && (s->opts & TCPO_MSS)) {
			s->opts |= TCPO_FASTOPEN;
			s->cookie = p->cookie;
			s->cookie_len = what & 0x10 ? sizeof(p->cookie) : 0;
		}
	} else {
		s->opts = what & 1 ? 0 : TCPO_TS;
	}
	s->ts_val = (uint32_t)(sim_now(f->sim) / MT_MS) + (what & 0x20 ? offset(f) : 0);
	s->ts_ecr = p->ts_recent + (what & 0x10 ? offset(f) : 0);
	if ((s->flags & TCPF_SYN) || !(what & 8))
		return;
	s->opts |= TCPO_SACK;
	s->n_sack = (uint8_t)(1 + what % 3);
	for (unsigned i = 0; i < s->n_sack; i++) {
		s->sack[i].start = seq_add(s->ack, (uint32_t)byte(f) * 100 + offset(f));
		s->sack[i].end = seq_add(s->sack[i].start, word(f, 2) & 0x1fff);
	}
}

static void puppet_send(struct fuzz *f, struct puppet *p, uint8_t flags)
{
	static const uint16_t lens[] = {0, 0, 1, 100, 536, 1448, 1400, 20};
	struct tcp_seg s = {.flags = flags};
	uint8_t payload[1500], what = byte(f);

	s.seq = seq_add(flags & TCPF_SYN ? p->iss : p->snd_nxt, offset(f));
	if ((flags & TCPF_SYN) && !seq_eq(s.seq, p->iss))
		*dirty(f, p->flow.lport) = true;
	s.ack = seq_add(p->rcv_nxt, offset(f));
	s.wnd = what & 0x80 ? (uint16_t)word(f, 2) : 20000;
	seg_options(f, p, &s);
	if (!(flags & TCPF_RST) && (!(flags & TCPF_SYN) || s.cookie_len > 0))
		s.len = lens[what % 8];
	if (s.len + tcp_hdr_len(&s) > 1480)
		s.len = (uint16_t)(1480 - tcp_hdr_len(&s));
	for (uint32_t i = 0; i < s.len; i++)
		payload[i] = pattern(s.seq.v - p->iss.v - !(flags & TCPF_SYN) + i);
	sim_wire_send_tcp(f->wire, sim_mac(f->host), &p->flow, &s, payload);
	if (seq_eq(s.seq, p->snd_nxt) || (what & 0x40))
		p->snd_nxt = seq_add(s.seq, seg_len(&s));
}

/* What a peer without guile does: acknowledges all it has seen, with room for more. */
static void op_polite(struct fuzz *f)
{
	uint8_t how = byte(f);

	for (unsigned i = 0; i < MAX_PUPPETS; i++) {
		struct puppet *p = &f->puppets[i];
		struct tcp_seg s = {.seq = p->snd_nxt,
				    .ack = p->rcv_nxt,
				    .flags = TCPF_ACK,
				    .opts = how & 0x40 ? 0 : TCPO_TS,
				    .wnd = how & 0x80 ? 0 : 30000,
				    .ts_val = (uint32_t)(sim_now(f->sim) / MT_MS),
				    .ts_ecr = p->ts_recent};

		if (p->live && p->synced && (how >> i & 1))
			sim_wire_send_tcp(f->wire, sim_mac(f->host), &p->flow, &s, NULL);
	}
}

static void op_connect_in(struct fuzz *f)
{
	struct flow flow = {.local = ip_from_v4(WIRE_V4),
			    .remote = ip_from_v4(HOST_V4),
			    .lport = (uint16_t)(2000 + byte(f) % 4),
			    .rport = PORT};
	struct puppet *p = puppet_of(f, &flow);

	if (p == NULL)
		p = puppet_new(f, &flow);
	puppet_send(f, p, TCPF_SYN);
}

static void op_segment(struct fuzz *f)
{
	static const uint8_t flags[] = {TCPF_ACK,
					TCPF_ACK,
					TCPF_ACK,
					TCPF_ACK | TCPF_PSH,
					TCPF_ACK | TCPF_FIN,
					TCPF_RST,
					TCPF_RST | TCPF_ACK,
					TCPF_SYN | TCPF_ACK,
					TCPF_SYN,
					0,
					TCPF_FIN,
					TCPF_URG | TCPF_ACK,
					TCPF_ACK | TCPF_ECE};
	struct puppet *p = &f->puppets[byte(f) % MAX_PUPPETS];
	uint8_t b = byte(f);

	if (p->live)
		puppet_send(f, p, b < 0xf0 ? flags[b % sizeof(flags)] : byte(f));
}

/* Bits of tags: that there is one, which of two VLANs, a second one. */
static void send_frame(struct fuzz *f, const uint8_t *frame, size_t len, unsigned tags)
{
	uint8_t tagged[ETH_HLEN + IPV6_HLEN + 256 + 2 * VLAN_HLEN];
	size_t at = 12, n = tags & 1 ? 1 + (tags >> 2 & 1) : 0;

	memcpy(tagged, frame, at);
	for (; n > 0; n--, at += VLAN_HLEN) {
		put_be16(tagged + at, ETH_VLAN);
		put_be16(tagged + at + 2, tags & 2 ? 5 : 0x2000); /* 0: a priority only */
	}
	memcpy(tagged + at, frame + 12, len - 12);
	sim_wire_send(f->wire, tagged, len + at - 12);
}

static void op_raw(struct fuzz *f)
{
	uint8_t frame[ETH_HLEN + 256];
	struct eth_hdr eth = {.dst = sim_mac(f->host), .src = sim_mac(f->wire)};
	uint8_t kind = byte(f);
	size_t n = byte(f);

	eth.type = kind & 1 ? ETH_IPV4 : kind & 2 ? ETH_ARP : (uint16_t)word(f, 2);
	if (kind & 4)
		eth.dst = ETH_BROADCAST;
	eth_build(frame, &eth);
	for (size_t i = 0; i < n; i++)
		frame[ETH_HLEN + i] = byte(f);
	if ((kind & 8) && n >= IPV4_HLEN) { /* past the first checks: version, length, checksum */
		struct ip_hdr ip = {.src = ip_from_v4(WIRE_V4),
				    .dst = ip_from_v4(HOST_V4),
				    .payload_len = (uint16_t)(n - IPV4_HLEN),
				    .proto = kind & 16 ? IP_ICMP : IP_TCP,
				    .ttl = 64};

		ipv4_build(frame + ETH_HLEN, &ip);
	}
	f->tainted |= eth.type == ETH_IPV4;
	send_frame(f, frame, ETH_HLEN + n, kind >> 5);
}

/* A checksum at p[at], made right. */
static void mend_v6(const struct ip_hdr *ip, uint8_t *p, size_t at)
{
	uint16_t sum;

	if (ip->payload_len < at + sizeof(sum))
		return;
	memset(p + at, 0, sizeof(sum));
	sum = csum_fold(csum_add(csum_pseudo(&ip->src, &ip->dst, ip->proto, ip->payload_len), p,
				 ip->payload_len));
	memcpy(p + at, &sum, sizeof(sum));
}

/* IPv6 from one of 256 neighbours: extension headers, ICMPv6, neighbour discovery, TCP. */
static void op_ipv6(struct fuzz *f)
{
	static const uint8_t protos[8] = {IP_ICMPV6, IP_ICMPV6, IP_ICMPV6, IP_TCP, 0, 43, 44, 60};
	uint8_t frame[ETH_HLEN + IPV6_HLEN + 256], *p = frame + ETH_HLEN + IPV6_HLEN;
	uint8_t kind = byte(f);
	struct ip_hdr ip = {.src.b = {0xfe, 0x80, [15] = byte(f)},
			    .dst = host_v6,
			    .proto = protos[kind & 7],
			    .ttl = kind & 8 ? 64 : NDP_HOP_LIMIT,
			    .payload_len = byte(f)};
	struct eth_hdr eth = {.dst = sim_mac(f->host), .src = sim_mac(f->wire), .type = ETH_IPV6};

	if (kind & 16) {
		ip.dst = kind & 32 ? ip_all_nodes() : ip_solicited_node(&host_v6);
		eth.dst = eth_multicast6(&ip.dst);
	}
	for (unsigned i = 0; i < ip.payload_len; i++)
		p[i] = byte(f);
	if (ip.proto == IP_ICMPV6 && ip.payload_len && (kind & 64))
		p[0] = (uint8_t)(ICMP6_RS + p[0] % 4);
	if (ip.proto == IP_ICMPV6)
		mend_v6(&ip, p, 2);
	if (ip.proto == IP_TCP)
		mend_v6(&ip, p, 16);
	f->tainted |= ip.proto != IP_ICMPV6;
	eth_build(frame, &eth);
	ipv6_build(frame + ETH_HLEN, &ip);
	send_frame(f, frame, ETH_HLEN + IPV6_HLEN + ip.payload_len, kind & 128 ? 3 : 0);
}

static void op_fragment(struct fuzz *f)
{
	uint8_t frame[ETH_HLEN + IPV4_HLEN + 256], *p = frame + ETH_HLEN, kind = byte(f);
	struct eth_hdr eth = {.dst = sim_mac(f->host), .src = sim_mac(f->wire), .type = ETH_IPV4};
	struct ip_hdr ip = {.src = ip_from_v4(WIRE_V4),
			    .dst = ip_from_v4(HOST_V4),
			    .payload_len = byte(f),
			    .proto = kind & 1 ? IP_TCP : IP_ICMP,
			    .ttl = 64,
			    .tos = kind >> 6,
			    .id = byte(f) % 6};
	uint32_t at = kind & 2 ? byte(f) : kind & 4 ? word(f, 2) & 0x1fff : 0;
	uint16_t sum;

	if (kind & 8)
		ip.payload_len &= 0xf8;
	eth_build(frame, &eth);
	ipv4_build(p, &ip);
	p[6] = (uint8_t)(at >> 8 | (kind & 16 ? 0x20 : 0));
	p[7] = (uint8_t)at;
	memset(p + 10, 0, 2);
	sum = csum_fold(csum_add(0, p, IPV4_HLEN));
	memcpy(p + 10, &sum, sizeof(sum));
	for (uint32_t i = 0; i < ip.payload_len; i++)
		p[IPV4_HLEN + i] = kind & 32 ? byte(f) : pattern(8 * at + i);
	f->tainted |= ip.proto == IP_TCP;
	sim_wire_send(f->wire, frame, ETH_HLEN + IPV4_HLEN + ip.payload_len);
}

/* An ICMP error about a segment of a live connection. */
static void op_icmp(struct fuzz *f)
{
	const struct puppet *p = &f->puppets[byte(f) % MAX_PUPPETS];
	uint8_t frame[ETH_HLEN + 64] = {0}, *ip = frame + ETH_HLEN, *icmp = ip + IPV4_HLEN;
	struct eth_hdr eth = {.dst = sim_mac(f->host), .src = sim_mac(f->wire), .type = ETH_IPV4};
	struct ip_hdr outer = {.src = p->flow.local,
			       .dst = p->flow.remote,
			       .payload_len = 36,
			       .proto = IP_ICMP,
			       .ttl = 64};
	struct ip_hdr quoted = {.src = p->flow.remote,
				.dst = p->flow.local,
				.payload_len = 1000,
				.proto = IP_TCP,
				.ttl = 3};
	uint32_t seq = p->rcv_nxt.v + offset(f);
	uint16_t words[4] = {p->flow.rport, p->flow.lport, (uint16_t)(seq >> 16), (uint16_t)seq};

	if (!p->live)
		return;
	eth_build(frame, &eth);
	ipv4_build(ip, &outer);
	icmp[0] = byte(f) & 1 ? ICMP_UNREACHABLE : byte(f);
	icmp[1] = byte(f) & 1 ? ICMP_FRAG_NEEDED : byte(f);
	icmp[6] = byte(f) & 7;
	icmp[7] = byte(f);
	ipv4_build(icmp + 8, &quoted);
	for (unsigned i = 0; i < 4; i++) {
		icmp[28 + 2 * i] = (uint8_t)(words[i] >> 8);
		icmp[29 + 2 * i] = (uint8_t)words[i];
	}
	uint16_t sum = csum_fold(csum_add(0, icmp, 36));

	memcpy(icmp + 2, &sum, sizeof(sum));
	sim_wire_send(f->wire, frame, ETH_HLEN + IPV4_HLEN + 36);
}

/* ---- the application ---- */

static struct sock *sock_new(struct fuzz *f, int64_t id)
{
	for (unsigned i = 0; id >= 0 && i < MAX_CONNS; i++) {
		struct sock *k = &f->socks[i];
		struct ip_endpoint local, remote;

		if (k->live)
			continue;
		*k = (struct sock){.id = (uint32_t)id, .live = true};
		stack_names(f->sc, k->id, &local, &remote);
		k->rport = remote.port;
		return k;
	}
	if (id >= 0)
		stack_abort(f->sc, (uint32_t)id, sim_now(f->sim));
	return NULL;
}

static void app_send(struct fuzz *f, struct sock *k)
{
	uint8_t buf[8192];
	uint32_t n = word(f, 2) % sizeof(buf);

	for (uint32_t i = 0; i < n; i++)
		buf[i] = pattern((uint32_t)k->sent + i);
	ssize_t got = stack_send(f->sc, k->id, buf, n, sim_now(f->sim));

	check(got <= (ssize_t)n);
	if (got > 0)
		k->sent += (uint64_t)got;
}

static void app_recv(struct fuzz *f, struct sock *k)
{
	uint8_t buf[8192];
	size_t n = word(f, 2) % sizeof(buf), ready = stack_readable(f->sc, k->id);
	ssize_t got = stack_recv(f->sc, k->id, buf, n, sim_now(f->sim));

	bool sure = !f->tainted && !*dirty(f, k->rport) && !f->murky[port_index(k->rport)];

	check(got <= (ssize_t)n && (got <= 0 || (size_t)got <= ready));
	for (ssize_t i = 0; i < got && sure; i++)
		check(buf[i] == pattern((uint32_t)k->received + (uint32_t)i));
	if (got > 0)
		k->received += (uint64_t)got;
}

static void app_option(struct fuzz *f, struct sock *k)
{
	enum tcp_option opt = (enum tcp_option)(byte(f) % (TCP_OPT_SNDBUF + 1));

	uint32_t value = word(f, 1 + byte(f) % 4);

	if (opt == TCP_OPT_USER_TIMEOUT_MS)
		value %= 60000; /* an application that wants to wait for days may */
	stack_set_option(f->sc, k->id, opt, value, sim_now(f->sim));
	stack_get_option(f->sc, k->id, opt);
	if (byte(f) & 1)
		stack_set_cc(f->sc, k->id, byte(f) & 1 ? "reno" : "cubic", sim_now(f->sim));
}

static void op_connect_out(struct fuzz *f)
{
	struct ip_endpoint to = {.addr = ip_from_v4(byte(f) & 7 ? WIRE_V4 : 0x0a000063),
				 .port = (uint16_t)(7000 + byte(f) % 2)};
	int64_t id = stack_connect(f->sc, NULL, &to, sim_now(f->sim));

	sock_new(f, id);
}

static void op_accept(struct fuzz *f)
{
	int64_t id = stack_accept(f->sc, f->lid);

	sock_new(f, id);
}

static void op_call(struct fuzz *f)
{
	struct sock *k = &f->socks[byte(f) % MAX_CONNS];
	mt_time now = sim_now(f->sim);

	if (!k->live)
		return;
	switch (byte(f) % 9) {
	case 0:
	case 1:
		app_send(f, k);
		break;
	case 2:
	case 3:
		app_recv(f, k);
		break;
	case 4:
		stack_shutdown(f->sc, k->id, byte(f) % 4, now);
		break;
	case 5:
		app_option(f, k);
		break;
	case 6:
		stack_take_error(f->sc, k->id);
		stack_ready(f->sc, k->id);
		break;
	case 7:
		k->live = false;
		stack_close(f->sc, k->id, now);
		break;
	default:
		k->live = false;
		stack_abort(f->sc, k->id, now);
		break;
	}
}

static void drain_events(struct fuzz *f)
{
	struct stack_event ev[16];
	unsigned n;

	while ((n = stack_events(f->sc, ev, 16)) > 0)
		for (unsigned i = 0; i < n; i++)
			check(ev[i].listener || ev[i].id < MAX_CONNS);
}

/* ---- the run ---- */

static void invariants(struct fuzz *f)
{
	struct stack_usage u;

	stack_usage(f->sc, &u);
	check(u.conns <= MAX_CONNS && u.own <= MAX_CONNS && u.cold <= u.own && u.half_open <= MAX_CONNS);
	check(u.time_wait <= 4 && u.neighs <= 4 && u.listeners <= 1 && u.frags <= 4);
	check(u.buf_bytes <= BUF_BYTES);
	check(u.pkts_held == sim_bufs_held(f->host));
	stack_check(f->sc, sim_now(f->sim));
}

/* Lets the network come to rest, then looks how many turns the stack asks for. */
static void settle(struct fuzz *f, mt_time t)
{
	sim_wake(f->host, 0, sim_now(f->sim));
	sim_run_for(f->sim, t);
	wire_read(f);
	drain_events(f);
	invariants(f);
}

static void op_time(struct fuzz *f)
{
	mt_time t = (MT_US << (byte(f) % 26)) + byte(f);
	uint64_t turns = stack_stats(f->sc)->turns;

	if (f->limited && t > MT_MS)
		t = MT_MS; /* a device that is full is asked again in each turn */
	settle(f, t);
	/* One turn serves what is due; a few per millisecond are plenty for eight connections. */
	if (!f->limited)
		check(stack_stats(f->sc)->turns - turns < 1000 + t / MT_MS * 4);
}

static void op_device(struct fuzz *f)
{
	uint8_t b = byte(f);

	f->limited = b & 3;
	sim_limit_tx(f->host, b & 1 ? b >> 4 : UINT16_MAX);
	sim_limit_bufs(f->host, b & 2 ? b >> 3 : 512);
	if (!f->limited)
		return;
	settle(f, 50 * MT_US);
}

/* Loses, doubles and delays, in both directions; what arrives is what was sent. */
static void op_link(struct fuzz *f)
{
	uint8_t b = byte(f);
	struct sim_pipe faults = {.delay = (b & 3) * MT_MS,
				  .loss = b & 4 ? 0.3 : 0,
				  .duplicate = b & 8 ? 0.3 : 0,
				  .reorder = b & 16 ? 0.3 : 0,
				  .reorder_delay = 5 * MT_MS,
				  .down = b >= 0xf8};

	f->delays |= (b & 31) != 0;
	sim_link(f->host, SIM_UP, &faults);
	sim_link(f->host, SIM_DOWN, &faults);
}

static void step(struct fuzz *f)
{
	uint8_t op = byte(f);

	switch (op % 19) {
	case 0:
		op_connect_in(f);
		break;
	case 1:
		op_connect_out(f);
		break;
	case 2:
		op_accept(f);
		break;
	case 3:
	case 4:
	case 5:
		op_call(f);
		break;
	case 6:
		op_time(f);
		return;
	case 7:
		if (op & 0x80)
			op_device(f);
		else
			op_icmp(f);
		break;
	case 8:
		if (op & 0x80)
			op_raw(f);
		else
			op_fragment(f);
		break;
	case 9:
	case 10:
		op_polite(f);
		break;
	case 11:
		if (op & 0x80)
			op_link(f);
		else
			op_ipv6(f);
		break;
	default:
		op_segment(f);
		break;
	}
	settle(f, op & 0x40 ? MT_US : 20 * MT_US);
}

static void fuzz_start(struct fuzz *f)
{
	const struct stack_addr addrs[] = {{.addr = ip_from_v4(HOST_V4), .prefix = 24},
					   {.addr = host_v6, .prefix = 64}};
	struct stack_config cfg = stack_config_default;
	struct sim_host_config hc = {.stack = &cfg, .n_bufs = 512};
	struct ip_endpoint local = {.port = PORT};
	uint8_t how = byte(f), seed = byte(f);

	f->sim = sim_create(seed);
	cfg.n_conns = MAX_CONNS;
	cfg.n_half_open = cfg.n_time_wait = cfg.n_neigh = 4;
	cfg.syn_cookies = how & 128 ? SYN_COOKIES_ALWAYS : SYN_COOKIES_ON;
	cfg.n_listeners = 1;
	cfg.frag_datagrams = 4;
	cfg.buf_bytes = seed & 1 ? BUF_POOR : BUF_BYTES;
	cfg.time_wait_ms = how & 1 ? 0 : 1000;
	cfg.port_min = 30000;
	cfg.port_max = 30003;
	cfg.ack_data_fin_priority = !(how & 2);
	cfg.tcp = tcp_config_default;
	cfg.tcp.rcvbuf = cfg.tcp.sndbuf = how & 4 ? 4096 : 65536;
	cfg.tcp.fast_path = !(how & 8);
	cfg.tcp.sack = !(how & 16);
	cfg.tcp.timestamps = !(how & 32);
	cfg.tcp.cc = how & 64 ? &cc_newreno : &cc_cubic;
	cfg.tcp.data_retries = cfg.tcp.syn_retries = 4;
	cfg.tcp.rto_max_ms = 3000;
	cfg.tcp.fin_wait2_ms = 2000;
	cfg.addrs = addrs;
	cfg.n_addrs = 2;
	cfg.ipv6_autoconf = seed & 2;
	cfg.fastopen = seed & 4 ? FASTOPEN_CLIENT | FASTOPEN_SERVER : 0;
	f->host = sim_host(f->sim, &hc);
	f->wire = sim_wire(f->sim);
	f->sc = sim_core(f->host, 0);
	f->lid = (uint32_t)stack_listen(f->sc, &local, 4, sim_now(f->sim));
	(void)stack_listen_fastopen(f->sc, f->lid, 2);
	settle(f, MT_US);
}

static void fuzz_end(struct fuzz *f)
{
	struct sim_pipe sound = {0};
	struct stack_usage u;

	sim_link(f->host, SIM_UP, &sound);
	sim_link(f->host, SIM_DOWN, &sound);
	sim_limit_tx(f->host, UINT16_MAX);
	sim_limit_bufs(f->host, 512);
	for (unsigned i = 0; i < MAX_CONNS; i++)
		if (f->socks[i].live)
			stack_close(f->sc, f->socks[i].id, sim_now(f->sim));
	stack_listen_close(f->sc, f->lid, sim_now(f->sim));
	sim_wake(f->host, 0, sim_now(f->sim));
	sim_run_for(f->sim, 200 * MT_SEC);
	stack_usage(f->sc, &u);
	check(u.conns == 0 && u.time_wait == 0 && u.half_open == 0 && u.own == 0 && u.cold == 0);
	check(u.buf_bytes == 0 && u.listeners == 0 && u.frags == 0);
	check(u.pkts_held == sim_bufs_held(f->host));
	sim_destroy(f->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = {.in = data, .left = len};

	fuzz_start(&f);
	for (unsigned i = 0; i < MAX_STEPS && f.left > 0; i++)
		step(&f);
	fuzz_end(&f);
	return 0;
}
