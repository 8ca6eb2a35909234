// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ipv6.h"

#include "wire/bytes.h"

enum { NEXT_HOP_BY_HOP = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_DEST_OPTS = 60 };

#define EXT_UNIT 8u
#define OPT_PAD1 0u

/* The walk over a chain of extension headers. */
struct chain {
	struct ip_hdr *h;
	size_t start;	   /* offset of the chain in its packet: what pointers count from */
	size_t at;	   /* bytes of h->payload walked over */
	size_t next_field; /* offset of the octet that named h->proto */
	unsigned n;
};

static enum wire_err refuse(struct chain *c, uint8_t code, size_t at)
{
	c->h->bad_code = code;
	c->h->bad_at = (uint16_t)at;
	return WIRE_EXT_HDR;
}

/* An option that we do not know says in its top bits what to do (RFC 8200 4.2). */
static enum wire_err unknown_option(struct chain *c, uint8_t type, size_t at)
{
	switch (type >> 6) {
	case 0:
		return WIRE_OK;
	case 1:
		return refuse(c, ICMP6_SILENT, at);
	case 2:
		return refuse(c, ICMP6_BAD_OPTION, at);
	default:
		return refuse(c, ip_is_multicast(&c->h->dst) ? ICMP6_SILENT : ICMP6_BAD_OPTION, at);
	}
}

static enum wire_err options(struct chain *c, const uint8_t *p, size_t len)
{
	size_t at = 2;

	while (at < len) {
		enum wire_err err;

		if (p[at] == OPT_PAD1) {
			at++;
			continue;
		}
		if (len - at < 2 || p[at + 1] > len - at - 2)
			return refuse(c, ICMP6_BAD_FIELD, c->start + c->at + at);
		err = unknown_option(c, p[at], c->start + c->at + at);
		if (err != WIRE_OK)
			return err;
		at += 2u + p[at + 1];
	}
	return WIRE_OK;
}

/* Source routes are not followed, of type 0 least of all (RFC 5095): one that has arrived is passed
 * over. */
static enum wire_err routing(struct chain *c, const uint8_t *p)
{
	return p[3] == 0 ? WIRE_OK : refuse(c, ICMP6_BAD_FIELD, c->start + c->at + 2);
}

static enum wire_err fragment(struct chain *c, const uint8_t *p)
{
	uint16_t field = get_be16(p + 2);

	if (p[0] == NEXT_HOP_BY_HOP)
		return refuse(c, ICMP6_BAD_NEXT, c->start + c->at);
	c->h->frag = (struct ip_frag){
		.id = get_be32(p + 4),
		.offset = field & 0xfff8u,
		.more = field & 1,
		.proto = p[0],
	};
	return c->h->frag.offset || c->h->frag.more ? WIRE_FRAGMENT : WIRE_OK;
}

static bool is_extension(uint8_t proto)
{
	return proto == NEXT_HOP_BY_HOP || proto == NEXT_ROUTING || proto == NEXT_FRAGMENT ||
	       proto == NEXT_DEST_OPTS;
}

/* One extension header, which is h->proto. */
static enum wire_err step(struct chain *c)
{
	const uint8_t *p = c->h->payload + c->at;
	size_t left = c->h->payload_len - c->at, len = EXT_UNIT;
	uint8_t kind = c->h->proto;
	enum wire_err err;

	if (kind == NEXT_HOP_BY_HOP && c->n > 0) /* only the first may be (RFC 8200 4.1) */
		return refuse(c, ICMP6_BAD_NEXT, c->next_field);
	if (left < EXT_UNIT)
		return WIRE_SHORT;
	if (kind != NEXT_FRAGMENT)
		len = (p[1] + 1u) * EXT_UNIT;
	if (len > left)
		return WIRE_SHORT;
	if (c->n++ == IPV6_EXT_MAX || c->at + len > IPV6_EXT_LEN_MAX)
		return refuse(c, ICMP6_SILENT, c->next_field);
	if (kind == NEXT_FRAGMENT)
		err = fragment(c, p);
	else if (kind == NEXT_ROUTING)
		err = routing(c, p);
	else
		err = options(c, p, len);
	c->h->proto = p[0];
	c->next_field = c->start + c->at;
	c->at += len;
	return err;
}

bool ipv6_is_error(const uint8_t *p, size_t len)
{
	uint8_t proto = p[6];
	size_t at = IPV6_HLEN;

	while (is_extension(proto) && proto != NEXT_FRAGMENT && at + EXT_UNIT <= len) {
		proto = p[at];
		at += (p[at + 1] + 1u) * EXT_UNIT;
	}
	return proto == IP_ICMPV6 && at < len && p[at] < ICMP6_ECHO_REQUEST;
}

static enum wire_err walk(struct ip_hdr *h, unsigned n_before)
{
	struct chain c = {.h = h, .start = h->hdr_len, .next_field = 6, .n = n_before};
	enum wire_err err = WIRE_OK;

	while (err == WIRE_OK && is_extension(h->proto))
		err = step(&c);
	if (err != WIRE_OK && err != WIRE_FRAGMENT)
		return err;
	h->payload += c.at;
	h->payload_len = (uint16_t)(h->payload_len - c.at);
	h->hdr_len = (uint16_t)(h->hdr_len + c.at);
	h->bad_at = (uint16_t)c.next_field; /* for who does not know the upper layer */
	return err;
}

enum wire_err ipv6_skip_ext(struct ip_hdr *h)
{
	enum wire_err err = walk(h, 1);

	return err == WIRE_FRAGMENT ? WIRE_EXT_HDR : err; /* a fragment of fragments */
}

/* No host can send from these: nobody, ourselves, a group; and an IPv4 address must not come in by
 * this door. */
static bool source_possible(const struct ip_hdr *h)
{
	if (ip_is_any(&h->src))
		return h->proto == IP_ICMPV6;
	return h->src.b[0] != 0xff && !ip_is_loopback6(&h->src) && !ip_is_v4(&h->src);
}

enum wire_err ipv6_parse(const uint8_t *p, size_t len, struct ip_hdr *out)
{
	enum wire_err err = WIRE_OK;
	uint32_t word;

	if (len < IPV6_HLEN)
		return WIRE_SHORT;
	word = get_be32(p);
	if (word >> 28 != 6)
		return WIRE_VERSION;
	out->payload_len = get_be16(p + 4);
	if (out->payload_len > len - IPV6_HLEN)
		return WIRE_LENGTH;
	out->src = ip_from_v6(p + 8);
	out->dst = ip_from_v6(p + 24);
	out->payload = p + IPV6_HLEN;
	out->hdr_len = IPV6_HLEN;
	out->proto = p[6];
	out->ttl = p[7];
	out->tos = (uint8_t)(word >> 20);
	out->flow_label = word & 0xfffff;
	out->id = 0;
	out->frag = (struct ip_frag){0};
	out->bad_at = 6;
	if (out->proto != IP_TCP)
		err = walk(out, 0);
	if (!source_possible(out) || ip_is_v4(&out->dst) || ip_is_any(&out->dst))
		return WIRE_ADDRESS;
	return err;
}

size_t ipv6_build(uint8_t *p, const struct ip_hdr *h)
{
	uint64_t w[5] = {
		htobe64(UINT64_C(6) << 60 | (uint64_t)h->tos << 52 |
			(uint64_t)(h->flow_label & 0xfffff) << 32 | (uint64_t)h->payload_len << 16 |
			(uint64_t)h->proto << 8 | h->ttl),
		h->src.d[0],
		h->src.d[1],
		h->dst.d[0],
		h->dst.d[1],
	};

	memcpy(p, w, sizeof(w));
	return IPV6_HLEN;
}
