// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "base/num.h"
#include "stack/core.h"
#include "tcp/pmtu.h"

#define ICMP_HLEN    8u
#define MTU_IPV4_MIN 68u /* RFC 791 3.2 */
#define MTU_LOWEST                                                                                 \
	552u /* a forged message must not cut segments to nothing (RFC 1191 3, Linux's min_pmtu)   \
	      */

void icmp_reply(struct stack_core *sc, const struct ip_hdr *in, const struct icmp_msg *m,
		const struct eth_addr *from)
{
	struct eth_hdr eth = {.dst = *from, .src = sc->mac, .type = ETH_IPV4};
	struct ip_hdr ip = {
		.src = in->dst,
		.dst = in->src,
		.payload_len = (uint16_t)(ICMP_HLEN + m->payload_len),
		.proto = IP_ICMP,
		.ttl = IP_OUT_TTL,
		.tos = in->tos,
	};
	uint8_t *frame = tx_reply_frame(sc);

	if (!frame)
		return;
	eth_build(frame, &eth);
	ipv4_build(frame + ETH_HLEN, &ip);
	icmp_build(frame + ETH_HLEN + IPV4_HLEN, m);
	tx_commit(sc, ETH_HLEN + IPV4_HLEN + ip.payload_len);
}

/* What came in fragments and does not fit one packet is cut: RFC 1122 3.2.2.6. */
static void echo(struct stack_core *sc, const struct ip_hdr *in, struct icmp_msg *m,
		 const struct eth_addr *from)
{
	uint32_t room = sc->nic->mtu - IPV4_HLEN - ICMP_HLEN;

	m->type = ICMP_ECHO_REPLY;
	m->code = 0;
	m->payload_len = (uint16_t)min_u32(m->payload_len, room);
	icmp_reply(sc, in, m, from);
}

static struct conn *quoted_conn(struct stack_core *sc, const struct icmp_quote *q)
{
	uint32_t id = flow_find(&sc->flows, flow_hash(&sc->flows, &q->flow), &q->flow);
	struct conn *c;

	if (id == FLOW_NONE || (id & (FLOW_TW | FLOW_SYN)))
		return NULL;
	c = core_conn(sc, id);
	return conn_alive(c) ? c : NULL;
}

static int unreachable_errno(uint8_t code)
{
	static const uint8_t by_code[] = {ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, ECONNREFUSED};

	return code < sizeof(by_code) ? by_code[code] : EHOSTUNREACH;
}

/* RFC 5927 4.1: what quotes nothing in flight is forged. */
void icmp_path_mtu(struct stack_core *sc, const struct icmp_quote *q, uint32_t mtu, mt_time now)
{
	struct conn *c = quoted_conn(sc, q);
	uint16_t mss = (uint16_t)(mtu - ip_hlen(&q->flow.remote) - TCP_HLEN);

	if (!c || mtu > UINT16_MAX || !tcp_path_mtu(&c->tcb, q->seq, mss, now)) {
		sc->stats.drop_icmp++;
		return;
	}
	sc->stats.mtu_reduced++;
	pmtu_learn(&sc->pmtus, &c->remote, mss, now);
	conn_settle(sc, c, now, 0);
}

/* RFC 1122 4.2.3.9 with RFC 5927: an error ends only an attempt to connect, and only if it quotes
 * our SYN. */
void icmp_unreachable(struct stack_core *sc, const struct icmp_quote *q, int error, mt_time now)
{
	struct conn *c = quoted_conn(sc, q);

	if (c && c->tcb.state == TCPS_SYN_SENT && seq_eq(q->seq, c->tcb.snd_una))
		conn_kill(sc, c, error, now);
	else
		sc->stats.drop_icmp++;
}

/* RFC 1191 4: a router of before that RFC says 0. What is merely small is not followed all the way.
 */
static void frag_needed(struct stack_core *sc, const struct icmp_quote *q, uint32_t mtu,
			mt_time now)
{
	if (mtu && mtu < MTU_IPV4_MIN)
		sc->stats.drop_icmp++;
	else
		icmp_path_mtu(sc, q, max_u32(mtu, MTU_LOWEST), now);
}

static void error(struct stack_core *sc, const struct icmp_msg *m, mt_time now)
{
	struct icmp_quote q;

	if (m->type != ICMP_UNREACHABLE || icmp_parse_quote(m, &q) != WIRE_OK)
		sc->stats.drop_icmp++;
	else if (m->code == ICMP_FRAG_NEEDED)
		frag_needed(sc, &q, m->mtu, now);
	else
		icmp_unreachable(sc, &q, unreachable_errno(m->code), now);
}

void icmp_input(struct stack_core *sc, const struct ip_hdr *ip, const struct eth_addr *from,
		mt_time now)
{
	struct icmp_msg m;
	enum wire_err err = icmp_parse(ip->payload, ip->payload_len, &m);

	sc->stats.rx_icmp++;
	if (err != WIRE_OK)
		core_count_wire(sc, err);
	else if (m.type == ICMP_ECHO_REQUEST)
		echo(sc, ip, &m, from);
	else if (m.type == ICMP_UNREACHABLE || m.type == ICMP_TIME_EXCEEDED)
		error(sc, &m, now);
}
