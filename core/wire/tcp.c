// SPDX-License-Identifier: BSD-3-Clause
#include "base/check.h"
#include "wire/bytes.h"
#include "wire/frame.h"
#include "wire/wire.h"

enum {
	OPT_EOL,
	OPT_NOP,
	OPT_MSS,
	OPT_WSCALE,
	OPT_SACK_PERM,
	OPT_SACK,
	OPT_TS = 8,
	OPT_FASTOPEN = 34
};

#define LEN_MSS	      4u
#define LEN_WSCALE    3u
#define LEN_SACK_PERM 2u
#define LEN_TS	      10u
#define LEN_SACK(n)   (2u + 8u * (n))
#define COOKIE_MIN    4u

static void read_ts(const uint8_t *p, struct tcp_seg *s)
{
	s->opts |= TCPO_TS;
	s->ts_val = get_be32(p);
	s->ts_ecr = get_be32(p + 4);
}

static void read_sack(const uint8_t *p, unsigned len, struct tcp_seg *s)
{
	unsigned n = (len - LEN_SACK(0)) / 8;

	if (n == 0 || len != LEN_SACK(n))
		return;
	s->opts |= TCPO_SACK;
	s->n_sack = (uint8_t)(n < TCP_SACK_MAX ? n : TCP_SACK_MAX);
	for (unsigned i = 0; i < s->n_sack; i++) {
		s->sack[i].start = seq_of(get_be32(p + 8 * i));
		s->sack[i].end = seq_of(get_be32(p + 8 * i + 4));
	}
}

/* RFC 7413 4.1.1: a cookie of another length is no option at all. */
static void read_fastopen(const uint8_t *p, unsigned n, struct tcp_seg *s)
{
	if (n && (n < COOKIE_MIN || n > TCP_COOKIE_MAX || n % 2))
		return;
	s->opts |= TCPO_FASTOPEN;
	s->cookie = p;
	s->cookie_len = (uint8_t)n;
}

/* p: the option's kind; all len >= 2 bytes are inside the list. */
static void read_option(const uint8_t *p, unsigned len, struct tcp_seg *s)
{
	switch (p[0]) {
	case OPT_MSS:
		if (len != LEN_MSS)
			return;
		s->opts |= TCPO_MSS;
		s->mss = get_be16(p + 2);
		return;
	case OPT_WSCALE:
		if (len != LEN_WSCALE)
			return;
		s->opts |= TCPO_WSCALE;
		s->wscale = p[2];
		return;
	case OPT_SACK_PERM:
		if (len == LEN_SACK_PERM)
			s->opts |= TCPO_SACK_PERM;
		return;
	case OPT_TS:
		if (len == LEN_TS)
			read_ts(p + 2, s);
		return;
	case OPT_SACK:
		read_sack(p + 2, len, s);
		return;
	case OPT_FASTOPEN:
		read_fastopen(p + 2, len - 2, s);
		return;
	default:
		return;
	}
}

static void read_options(const uint8_t *p, size_t len, struct tcp_seg *s)
{
	if (len >= 12 && get_be32(p) == TCP_WORD_TS) {
		read_ts(p + 4, s);
		p += 12;
		len -= 12;
	}
	while (len > 0 && p[0] != OPT_EOL) {
		unsigned n = 1;

		if (p[0] != OPT_NOP) {
			/* Without a length that moves on and stays inside, the rest can't be read.
			 */
			if (len < 2 || p[1] < 2 || p[1] > len)
				return;
			n = p[1];
			read_option(p, n, s);
		}
		p += n;
		len -= n;
	}
}

enum wire_err tcp_parse(const struct ip_hdr *ip, unsigned flags, uint16_t *sport, uint16_t *dport,
			struct tcp_seg *out)
{
	const uint8_t *p = ip->payload;
	size_t len = ip->payload_len;
	size_t hlen;

	if (len < TCP_HLEN)
		return WIRE_SHORT;
	if (!(flags & WIRE_CSUM_OK)) {
		uint64_t sum = csum_pseudo(&ip->src, &ip->dst, IP_TCP, ip->payload_len);

		if (csum_fold(csum_add(sum, p, len)) != 0)
			return WIRE_CHECKSUM;
	}
	hlen = (p[12] >> 4) * 4u;
	if (hlen < TCP_HLEN || hlen > len)
		return WIRE_OPTIONS;

	*sport = get_be16(p);
	*dport = get_be16(p + 2);
	frame_plain_seg(out);
	out->seq = seq_of(get_be32(p + 4));
	out->ack = seq_of(get_be32(p + 8));
	out->flags = p[13];
	out->wnd = get_be16(p + 14);
	out->ip_ecn = ip->tos & 3;
	out->len = (uint16_t)(len - hlen);
	out->payload = p + hlen;
	if (hlen == TCP_HLEN_TS && get_be32(p + TCP_HLEN) == TCP_WORD_TS)
		read_ts(p + TCP_HLEN + 4, out);
	else
		read_options(p + TCP_HLEN, hlen - TCP_HLEN, out);
	return WIRE_OK;
}

static unsigned fastopen_len(const struct tcp_seg *s)
{
	return (2u + s->cookie_len + 3u) & ~3u;
}

/* Bytes of all options but SACK, each padded to a multiple of 4. SACK-permitted takes the place of
 * the two NOPs before timestamps. */
static unsigned fixed_opts_len(const struct tcp_seg *s)
{
	unsigned n = 0;

	if (s->opts & TCPO_MSS) { /* a SYN: only there fast open has a place */
		n += LEN_MSS;
		n += s->opts & TCPO_FASTOPEN ? fastopen_len(s) : 0;
	}
	if (s->opts & TCPO_TS)
		n += 2 + LEN_TS;
	else if (s->opts & TCPO_SACK_PERM)
		n += 2 + LEN_SACK_PERM;
	if (s->opts & TCPO_WSCALE)
		n += 1 + LEN_WSCALE;
	return n;
}

/* SACK blocks that fit behind the other options. */
static unsigned sack_blocks(const struct tcp_seg *s, unsigned opts_len)
{
	unsigned fit = (TCP_OPTS_MAX - opts_len - 2 - LEN_SACK(0)) / 8;

	if (!(s->opts & TCPO_SACK))
		return 0;
	return s->n_sack < fit ? s->n_sack : fit;
}

size_t tcp_hdr_len(const struct tcp_seg *s)
{
	unsigned n = fixed_opts_len(s);
	unsigned blocks = sack_blocks(s, n);

	return TCP_HLEN + n + (blocks > 0 ? 2 + LEN_SACK(blocks) : 0);
}

static uint8_t *write_word(uint8_t *p, uint32_t word)
{
	put_be32(p, word);
	return p + 4;
}

static uint8_t *write_sack(uint8_t *p, const struct tcp_seg *s, unsigned blocks)
{
	p = write_word(p, OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK << 8 | LEN_SACK(blocks));
	for (unsigned i = 0; i < blocks; i++) {
		p = write_word(p, s->sack[i].start.v);
		p = write_word(p, s->sack[i].end.v);
	}
	return p;
}

static uint8_t *write_fastopen(uint8_t *p, const struct tcp_seg *s)
{
	unsigned pad = fastopen_len(s) - 2 - s->cookie_len;

	memset(p, OPT_NOP, pad);
	p += pad;
	*p++ = OPT_FASTOPEN;
	*p++ = (uint8_t)(2 + s->cookie_len);
	if (s->cookie_len)
		memcpy(p, s->cookie, s->cookie_len);
	return p + s->cookie_len;
}

/* In the order and with the padding of Linux, so that a capture shows nothing unusual to firewalls
 * that judge by it, and so that Linux takes its own fast path for the timestamps. */
static uint8_t *write_options(uint8_t *p, const struct tcp_seg *s)
{
	unsigned blocks = sack_blocks(s, fixed_opts_len(s));

	if (s->opts & TCPO_MSS) {
		p = write_word(p, OPT_MSS << 24 | LEN_MSS << 16 | s->mss);
		p = s->opts & TCPO_FASTOPEN ? write_fastopen(p, s) : p;
	}
	if (s->opts & TCPO_SACK_PERM && s->opts & TCPO_TS)
		p = write_word(p, OPT_SACK_PERM << 24 | LEN_SACK_PERM << 16 | OPT_TS << 8 | LEN_TS);
	else if (s->opts & TCPO_TS)
		p = write_word(p, TCP_WORD_TS);
	else if (s->opts & TCPO_SACK_PERM)
		p = write_word(p,
			       OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK_PERM << 8 | LEN_SACK_PERM);
	if (s->opts & TCPO_TS) {
		p = write_word(p, s->ts_val);
		p = write_word(p, s->ts_ecr);
	}
	if (s->opts & TCPO_WSCALE)
		p = write_word(p, OPT_NOP << 24 | OPT_WSCALE << 16 | LEN_WSCALE << 8 | s->wscale);
	return blocks > 0 ? write_sack(p, s, blocks) : p;
}

static uint64_t ports_word(const struct flow *f, const struct tcp_seg *s)
{
	return frame_word64((uint32_t)f->lport << 16 | f->rport, s->seq.v);
}

static uint64_t ack_word(const struct tcp_seg *s, size_t hlen)
{
	return frame_word64(s->ack.v, (uint32_t)hlen << 26 | (uint32_t)s->flags << 16 | s->wnd);
}

/* Of any shape; returns its length. Checksum zero; urgent pointer: never sent (RFC 6093). */
static size_t write_any(uint8_t *p, const struct flow *f, const struct tcp_seg *s)
{
	size_t hlen = (size_t)(write_options(p + TCP_HLEN, s) - p);
	uint64_t w[2] = {ports_word(f, s), ack_word(s, hlen)};

	memcpy(p, w, sizeof(w));
	memset(p + sizeof(w), 0, 4);
	return hlen;
}

/* With timestamps for its only option, as all segments of a connection have. Its sum. */
static uint64_t write_usual(uint8_t *p, const struct flow *f, const struct tcp_seg *s)
{
	uint64_t w[4] = {ports_word(f, s), ack_word(s, TCP_HLEN_TS), frame_word64(0, TCP_WORD_TS),
			 frame_word64(s->ts_val, s->ts_ecr)};

	memcpy(p, w, sizeof(w));
	return csum_add64(csum_add64(w[0], w[1]), csum_add64(w[2], w[3]));
}

size_t tcp_build_partial(uint8_t *p, const struct flow *f, const struct tcp_seg *s)
{
	if (s->opts != TCPO_TS)
		return write_any(p, f, s);
	write_usual(p, f, s);
	return TCP_HLEN_TS;
}

size_t tcp_build(uint8_t *p, const struct flow *f, const struct tcp_seg *s)
{
	size_t hlen = TCP_HLEN_TS;
	uint64_t sum;
	uint16_t csum;

	if (s->opts == TCPO_TS) {
		sum = write_usual(p, f, s);
	} else {
		hlen = write_any(p, f, s);
		sum = csum_add(0, p, hlen);
	}
	check(hlen + s->len <= UINT16_MAX);
	sum = csum_add64(sum,
			 csum_pseudo(&f->local, &f->remote, IP_TCP, (uint16_t)(hlen + s->len)));
	csum = csum_fold(csum_add(sum, p + hlen, s->len));
	memcpy(p + 16, &csum, sizeof(csum));
	return hlen;
}
