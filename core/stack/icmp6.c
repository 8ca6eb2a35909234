// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "stack/ip6.h"

#define PROBLEM_EVERY (100 * MT_MS)
#define PROBLEM_BURST 10 /* ICMPv6 errors per interval (RFC 4443 2.4 (f)) */

static void send(struct stack_core *sc, uint8_t *frame, const struct eth_addr *to,
		 const struct ip_hdr *ip, const struct icmp_msg *m)
{
	icmp6_build(frame + ETH_HLEN + IPV6_HLEN, &ip->src, &ip->dst, m);
	ip_out_v6(sc, frame, to, ip);
}

/* A group cannot answer: our nearest address does, if it has not proved to be another's (then any:
 * nobody). */
static struct ip_addr answerer(const struct stack_core *sc, const struct ip_hdr *in)
{
	uint16_t i;

	if (!ip_is_multicast(&in->dst))
		return in->dst;
	i = addr_near(&sc->addrs, &in->src);
	return sc->addrs.state[i] == ADDR_GONE ? (struct ip_addr){.b = {0}} : sc->addrs.addr[i].addr;
}

static void echo(struct stack_core *sc, const struct ip_hdr *in, struct icmp_msg *m,
		 const struct eth_addr *from)
{
	struct ip_hdr ip = {
		.src = answerer(sc, in),
		.dst = in->src,
		.payload_len = (uint16_t)(ICMP6_HLEN + m->payload_len),
		.proto = IP_ICMPV6,
		.ttl = sc->autoconf.hop_limit,
		.tos = in->tos,
	};
	uint8_t *frame;

	if (IPV6_HLEN + ICMP6_HLEN + m->payload_len > sc->nic->mtu || ip_is_any(&in->src) ||
	    ip_is_any(&ip.src))
		return;
	frame = tx_reply_frame(sc);
	if (!frame)
		return;
	m->type = ICMP6_ECHO_REPLY;
	send(sc, frame, from, &ip, m);
}

static bool may_complain(struct stack_core *sc, mt_time now)
{
	if (now - sc->problems_since >= PROBLEM_EVERY) {
		sc->problems_since = now;
		sc->n_problems = 0;
	}
	return sc->n_problems++ < PROBLEM_BURST;
}

/* RFC 4443 2.4 (e): not about errors, not to nobody, about packets to groups only code 2. */
static bool deserves_problem(const uint8_t *p, size_t len, const struct ip_hdr *in)
{
	if (in->bad_code == ICMP6_SILENT || ip_is_any(&in->src))
		return false;
	if (ip_is_multicast(&in->dst) && in->bad_code != ICMP6_BAD_OPTION)
		return false;
	return !ipv6_is_error(p, len);
}

void icmp6_problem(struct stack_core *sc, const uint8_t *p, const struct ip_hdr *in,
		   const struct eth_addr *from, mt_time now)
{
	const size_t most = IPV6_MTU_MIN - IPV6_HLEN - ICMP6_HLEN;
	size_t len = (size_t)(in->payload - p) + in->payload_len;
	struct icmp_msg m = {
		.type = ICMP6_PARAM_PROBLEM, .code = in->bad_code, .mtu = in->bad_at, .payload = p};
	struct ip_hdr ip = {
		.src = answerer(sc, in),
		.dst = in->src,
		.proto = IP_ICMPV6,
		.ttl = sc->autoconf.hop_limit,
	};
	uint8_t *frame;

	if (ip_is_any(&ip.src) || !deserves_problem(p, len, in) || !may_complain(sc, now))
		return;
	frame = tx_reply_frame(sc);
	if (!frame)
		return;
	m.payload_len = (uint16_t)(len < most ? len : most);
	ip.payload_len = (uint16_t)(ICMP6_HLEN + m.payload_len);
	send(sc, frame, from, &ip, &m);
}

static int unreachable_errno(uint8_t code)
{
	static const uint8_t by_code[] = {ENETUNREACH,	EACCES, EHOSTUNREACH, EHOSTUNREACH,
					  ECONNREFUSED, EACCES, EACCES};

	return code < sizeof(by_code) ? by_code[code] : EHOSTUNREACH;
}

static void error(struct stack_core *sc, const struct icmp_msg *m, mt_time now)
{
	struct icmp_quote q;

	/* RFC 8201 4: no path carries less than 1280, whoever says so. */
	if (icmp6_parse_quote(m, &q) != WIRE_OK)
		sc->stats.drop_icmp++;
	else if (m->type == ICMP6_TOO_BIG && m->mtu >= IPV6_MTU_MIN)
		icmp_path_mtu(sc, &q, m->mtu, now);
	else if (m->type == ICMP6_UNREACHABLE)
		icmp_unreachable(sc, &q, unreachable_errno(m->code), now);
	else
		sc->stats.drop_icmp++;
}

void icmp6_input(struct stack_core *sc, const struct ip_hdr *ip, const struct eth_addr *from,
		 mt_time now)
{
	struct icmp_msg m;
	enum wire_err err = icmp6_parse(ip, &m);

	sc->stats.rx_icmp++;
	if (err != WIRE_OK)
		core_count_wire(sc, err);
	else if (m.type >= ICMP6_RS)
		ndp_input(sc, ip, from, now);
	else if (m.type == ICMP6_ECHO_REQUEST)
		echo(sc, ip, &m, from);
	else if (m.type != ICMP6_ECHO_REPLY)
		error(sc, &m, now);
}
