// SPDX-License-Identifier: BSD-3-Clause
#include "wire/bytes.h"
#include "wire/ipv6.h"

enum { OPT_SOURCE_MAC = 1, OPT_TARGET_MAC = 2, OPT_PREFIX = 3, OPT_MTU = 5 };

#define OPT_UNIT   8u
#define LEN_MAC	   8u
#define LEN_PREFIX 32u
#define LEN_MTU	   8u

#define PREFIX_ON_LINK	  0x80u
#define PREFIX_AUTONOMOUS 0x40u

/* Bytes before the options (RFC 4861 4.1 to 4.4). */
static size_t fixed_len(uint8_t type)
{
	return type == ICMP6_RS ? 8 : type == ICMP6_RA ? 16 : 24;
}

static uint8_t mac_option(uint8_t type)
{
	return type == ICMP6_NA ? OPT_TARGET_MAC : OPT_SOURCE_MAC;
}

static void read_prefix(const uint8_t *p, struct ndp_msg *m)
{
	if (m->n_prefixes == NDP_PREFIX_MAX || p[2] > 128)
		return;
	m->prefix[m->n_prefixes++] = (struct ndp_prefix){
		.prefix = ip_from_v6(p + 16),
		.len = p[2],
		.on_link = p[3] & PREFIX_ON_LINK,
		.autonomous = p[3] & PREFIX_AUTONOMOUS,
		.valid_s = get_be32(p + 4),
		.preferred_s = get_be32(p + 8),
	};
}

/* All len > 0 bytes of the option are inside the message. */
static void read_option(const uint8_t *p, size_t len, struct ndp_msg *m)
{
	bool ra = m->type == ICMP6_RA;

	if (p[0] == mac_option(m->type) && len == LEN_MAC) {
		m->has_mac = true;
		memcpy(m->mac.b, p + 2, sizeof(m->mac.b));
	} else if (ra && p[0] == OPT_PREFIX && len == LEN_PREFIX) {
		read_prefix(p, m);
	} else if (ra && p[0] == OPT_MTU && len == LEN_MTU) {
		m->mtu = get_be32(p + 4);
	}
}

static enum wire_err read_options(const uint8_t *p, size_t len, struct ndp_msg *m)
{
	while (len > 0) {
		size_t n = len < 2 ? 0 : p[1] * OPT_UNIT;

		if (n == 0 || n > len)
			return WIRE_LENGTH;
		read_option(p, n, m);
		p += n;
		len -= n;
	}
	return WIRE_OK;
}

static void read_fixed(const uint8_t *p, struct ndp_msg *m)
{
	switch (m->type) {
	case ICMP6_RA:
		m->hop_limit = p[4];
		m->flags = p[5];
		m->router_lifetime = get_be16(p + 6);
		m->reachable_ms = get_be32(p + 8);
		m->retrans_ms = get_be32(p + 12);
		break;
	case ICMP6_NA:
		m->flags = p[4];
		m->target = ip_from_v6(p + 8);
		break;
	case ICMP6_NS:
		m->target = ip_from_v6(p + 8);
		break;
	default:
		break;
	}
}

/* Who may say what (RFC 4861 6.1.1, 6.1.2, 7.1.1, 7.1.2); nobody may name a group's station. */
static bool addresses_possible(const struct ip_hdr *ip, const struct ndp_msg *m)
{
	bool about = m->type == ICMP6_NS || m->type == ICMP6_NA;

	if (m->has_mac && eth_is_group(&m->mac))
		return false;
	if (about && (ip_is_multicast(&m->target) || ip_is_v4(&m->target) ||
		      ip_is_any(&m->target) || ip_is_loopback6(&m->target)))
		return false;
	if (m->type == ICMP6_RA)
		return ip_is_link_local(&ip->src);
	if (m->type == ICMP6_NA)
		return !ip_is_any(&ip->src) &&
		       !(ip_is_multicast(&ip->dst) && (m->flags & NDP_NA_SOLICITED));
	if (!ip_is_any(&ip->src))
		return true;
	if (m->type == ICMP6_NS) {
		struct ip_addr group = ip_solicited_node(&m->target);

		return !m->has_mac && ip_eq(&ip->dst, &group);
	}
	return !m->has_mac;
}

enum wire_err ndp_parse(const struct ip_hdr *ip, struct ndp_msg *out)
{
	const uint8_t *p = ip->payload;
	size_t fixed = fixed_len(p[0]);
	enum wire_err err;

	if (ip->frag.proto != 0)
		return WIRE_FRAGMENT;
	if (ip->ttl != NDP_HOP_LIMIT)
		return WIRE_TTL;
	if (ip->payload_len < fixed)
		return WIRE_SHORT;
	if (p[1] != 0)
		return WIRE_UNSUPPORTED;
	*out = (struct ndp_msg){.type = p[0]};
	read_fixed(p, out);
	err = read_options(p + fixed, ip->payload_len - fixed, out);
	if (err != WIRE_OK)
		return err;
	return addresses_possible(ip, out) ? WIRE_OK : WIRE_ADDRESS;
}

static size_t write_fixed(uint8_t *p, const struct ndp_msg *m)
{
	size_t len = fixed_len(m->type);

	memset(p, 0, len);
	p[0] = m->type;
	if (m->type == ICMP6_RA) {
		p[4] = m->hop_limit;
		p[5] = m->flags;
		put_be16(p + 6, m->router_lifetime);
		put_be32(p + 8, m->reachable_ms);
		put_be32(p + 12, m->retrans_ms);
	} else if (m->type != ICMP6_RS) {
		p[4] = m->flags;
		memcpy(p + 8, m->target.b, sizeof(m->target.b));
	}
	return len;
}

static size_t write_prefix(uint8_t *p, const struct ndp_prefix *x)
{
	memset(p, 0, LEN_PREFIX);
	p[0] = OPT_PREFIX;
	p[1] = LEN_PREFIX / OPT_UNIT;
	p[2] = x->len;
	p[3] = (uint8_t)((x->on_link ? PREFIX_ON_LINK : 0) |
			 (x->autonomous ? PREFIX_AUTONOMOUS : 0));
	put_be32(p + 4, x->valid_s);
	put_be32(p + 8, x->preferred_s);
	memcpy(p + 16, x->prefix.b, sizeof(x->prefix.b));
	return LEN_PREFIX;
}

size_t ndp_build(uint8_t *p, const struct ip_addr *src, const struct ip_addr *dst,
		 const struct ndp_msg *m)
{
	size_t len = write_fixed(p, m);
	uint16_t sum;

	if (m->has_mac) {
		p[len] = mac_option(m->type);
		p[len + 1] = LEN_MAC / OPT_UNIT;
		memcpy(p + len + 2, m->mac.b, sizeof(m->mac.b));
		len += LEN_MAC;
	}
	if (m->mtu) {
		memset(p + len, 0, LEN_MTU);
		p[len] = OPT_MTU;
		p[len + 1] = LEN_MTU / OPT_UNIT;
		put_be32(p + len + 4, m->mtu);
		len += LEN_MTU;
	}
	for (unsigned i = 0; i < m->n_prefixes; i++)
		len += write_prefix(p + len, &m->prefix[i]);
	sum = csum_fold(csum_add(csum_pseudo(src, dst, IP_ICMPV6, (uint16_t)len), p, len));
	memcpy(p + 2, &sum, sizeof(sum));
	return len;
}
