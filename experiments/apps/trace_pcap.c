// SPDX-License-Identifier: BSD-3-Clause
#include "trace_pcap.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TABLE_BITS     18u
#define FLOWS_MOST     500000u
#define TURNS_MOST     2000u /* of a flow, as a line of a trace can hold; later ones are left out */
#define NONE	       UINT32_MAX
#define PRIME	       ((1ull << 61) - 1)
#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu
#define ETHERTYPE_VLAN 0x8100u
#define ETHERTYPE_QINQ 0x88a8u
#define PROTOCOL_TCP   6u
#define FIN	       0x01u
#define SYN	       0x02u
#define RST	       0x04u
#define ACK	       0x10u

struct endpoint {
	uint8_t address[16]; /* IPv4: the last four */
	uint16_t port;
};

struct segment {
	struct endpoint from, to;
	uint32_t seq, len;
	uint8_t flags;
	uint64_t at_us;
};

struct bytes {
	const uint8_t *at;
	size_t len;
};

struct flow {
	struct endpoint client, server;
	uint64_t at_us, answered_us, last_us;
	uint32_t next_of_bucket;
	uint32_t seq[2];     /* next byte of client and server, once known */
	uint32_t missing[2]; /* bytes below it that have not come: overtaken, or not captured */
	bool known[2], closed, full;
	uint32_t n_turns, room;
	struct trace_turn *turns;
};

struct conversion {
	struct flow *flows;
	uint32_t n_flows, room;
	uint32_t *buckets; /* the latest flow of each */
	uint64_t key;	   /* of the buckets: below PRIME */
	uint64_t first_us;
	struct trace_pcap_counts *counts;
};

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

/* Takes n bytes from the front; NULL: there are not so many. */
static const uint8_t *cut(struct bytes *b, size_t n)
{
	const uint8_t *at = b->at;

	if (b->len < n)
		return NULL;
	b->at += n;
	b->len -= n;
	return at;
}

static bool is_known(int link)
{
	static const int known[] = {DLT_EN10MB, DLT_RAW,  DLT_IPV4,	 DLT_IPV6,
				    DLT_NULL,	DLT_LOOP, DLT_LINUX_SLL, DLT_LINUX_SLL2};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (link == known[i])
			return true;
	return false;
}

/* Bytes of the network layer's packet, whichever link they crossed. False: none that we know. */
static bool to_network(struct bytes *b, int link)
{
	const uint8_t *p;
	uint32_t type;

	switch (link) {
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return true;
	case DLT_NULL:
	case DLT_LOOP:
		return cut(b, 4) != NULL;
	case DLT_LINUX_SLL:
		return cut(b, 16) != NULL;
	case DLT_LINUX_SLL2:
		return cut(b, 20) != NULL;
	default: /* DLT_EN10MB: others were refused */
		p = cut(b, 14);
		if (p == NULL)
			return false;
		type = be16(p + 12);
		while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) {
			p = cut(b, 4);
			if (p == NULL)
				return false;
			type = be16(p + 2);
		}
		return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
	}
}

/* The header's lengths, not the captured bytes, tell how much was sent: *total is of TCP's header
 * and data. 1: TCP; 0: something else; -1: cut short. */
static int to_transport(struct bytes *b, struct segment *s, uint32_t *total)
{
	const uint8_t *p;
	uint32_t head, whole;

	if (b->len == 0)
		return -1;
	if (b->at[0] >> 4 == 6) {
		p = cut(b, 40);
		if (p == NULL || p[6] != PROTOCOL_TCP) /* nor any with extension headers */
			return p == NULL ? -1 : 0;
		memcpy(s->from.address, p + 8, 16);
		memcpy(s->to.address, p + 24, 16);
		*total = be16(p + 4);
		return 1;
	}
	if (b->at[0] >> 4 != 4)
		return 0;
	head = (b->at[0] & 15u) * 4;
	p = cut(b, head < 20 ? 20 : head);
	if (p == NULL || head < 20)
		return -1;
	whole = be16(p + 2);
	if (p[9] != PROTOCOL_TCP || (be16(p + 6) & 0x1fff) != 0 || whole < head)
		return 0;
	memcpy(s->from.address + 12, p + 12, 4);
	memcpy(s->to.address + 12, p + 16, 4);
	*total = whole - head;
	return 1;
}

static int parse(struct bytes b, int link, struct segment *s)
{
	uint32_t total, head;
	const uint8_t *p;
	int ret;

	if (!to_network(&b, link))
		return 0;
	ret = to_transport(&b, s, &total);
	if (ret <= 0)
		return ret;
	p = cut(&b, 20);
	if (p == NULL)
		return -1;
	head = (uint32_t)(p[12] >> 4) * 4;
	if (head < 20 || total < head)
		return 0;
	s->from.port = (uint16_t)be16(p);
	s->to.port = (uint16_t)be16(p + 2);
	s->seq = be32(p + 4);
	s->flags = p[13];
	s->len = total - head;
	return 1;
}

static bool same(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* sum * key + word, modulo PRIME */
static uint64_t add_word(uint64_t sum, uint64_t key, uint32_t word)
{
	unsigned __int128 product = (unsigned __int128)sum * key + word;
	uint64_t folded = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);

	return folded >= PRIME ? folded - PRIME : folded;
}

static uint64_t add_address(uint64_t sum, uint64_t key, const struct endpoint *e)
{
	for (unsigned i = 0; i < sizeof(e->address); i += 4)
		sum = add_word(sum, key, be32(e->address + i));
	return sum;
}

/* The same for both directions. A polynomial at a secret place (Carter and Wegman 1979): whoever
 * makes a capture cannot make its flows share a bucket. */
static uint32_t bucket_of(const struct conversion *c, const struct segment *s)
{
	bool swap = memcmp(&s->from, &s->to, sizeof(s->from)) > 0;
	const struct endpoint *low = swap ? &s->to : &s->from, *high = swap ? &s->from : &s->to;
	uint64_t sum = add_address(c->key, c->key, low);

	sum = add_address(sum, c->key, high);
	sum = add_word(sum, c->key, (uint32_t)low->port << 16 | high->port);
	return (uint32_t)(random_next(&sum) >> (64 - TABLE_BITS));
}

static struct flow *find(struct conversion *c, const struct segment *s)
{
	for (uint32_t i = c->buckets[bucket_of(c, s)]; i != NONE; i = c->flows[i].next_of_bucket) {
		struct flow *f = &c->flows[i];

		if ((same(&f->client, &s->from) && same(&f->server, &s->to)) ||
		    (same(&f->client, &s->to) && same(&f->server, &s->from)))
			return f;
	}
	return NULL;
}

/* A new connection; NULL with -E2BIG or -ENOMEM in *ret. */
static struct flow *begin(struct conversion *c, const struct segment *s, int *ret)
{
	uint32_t *bucket = &c->buckets[bucket_of(c, s)];
	bool reply = (s->flags & (SYN | ACK)) == (SYN | ACK);
	struct flow *more;

	if (c->n_flows == c->room) {
		c->room = c->room == 0 ? 1024 : 2 * c->room;
		more = c->n_flows < FLOWS_MOST ? realloc(c->flows, c->room * sizeof(*more)) : NULL;
		*ret = c->n_flows < FLOWS_MOST ? -ENOMEM : -E2BIG;
		if (more == NULL)
			return NULL;
		c->flows = more;
		*ret = 0;
	}
	more = &c->flows[c->n_flows];
	*more = (struct flow){.client = reply ? s->to : s->from,
			      .server = reply ? s->from : s->to,
			      .at_us = s->at_us,
			      .answered_us = s->at_us,
			      .last_us = s->at_us,
			      .next_of_bucket = *bucket};
	*bucket = c->n_flows++;
	return more;
}

/* Bytes of the segment that the flow had not seen; what was sent again or overtaken counts once. */
static uint32_t fresh(struct flow *f, unsigned side, const struct segment *s)
{
	uint32_t end = s->seq + s->len + ((s->flags & SYN) != 0), from = s->seq, late;
	int32_t ahead;

	if (!f->known[side]) {
		f->known[side] = true;
		f->seq[side] = end;
		return s->len;
	}
	ahead = (int32_t)(end - f->seq[side]);
	if (ahead <= 0) {
		late = min_u32(s->len, f->missing[side]);
		f->missing[side] -= late;
		return late;
	}
	if ((int32_t)(from - f->seq[side]) < 0)
		from = f->seq[side];
	else
		f->missing[side] += from - f->seq[side];
	f->seq[side] = end;
	return min_u32((uint32_t)ahead, end - from);
}

static int add_turn(struct flow *f, uint64_t think_us)
{
	struct trace_turn *more;

	if (f->n_turns == f->room) {
		f->room = f->room == 0 ? 4 : 2 * f->room;
		more = realloc(f->turns, f->room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		f->turns = more;
	}
	if (think_us > UINT32_MAX)
		think_us = UINT32_MAX;
	f->turns[f->n_turns++] = (struct trace_turn){.think_us = (uint32_t)think_us};
	return 0;
}

static int add_data(struct flow *f, unsigned side, uint32_t n, uint64_t at_us)
{
	struct trace_turn *turn = f->n_turns > 0 ? &f->turns[f->n_turns - 1] : NULL;
	uint64_t think = at_us > f->answered_us ? at_us - f->answered_us : 0;
	uint32_t *of;

	if (f->full)
		return 0;
	if (turn == NULL || (side == 0 && turn->response > 0)) {
		f->full = f->n_turns == TURNS_MOST;
		if (f->full)
			return 0;
		if (add_turn(f, think) < 0)
			return -ENOMEM;
		turn = &f->turns[f->n_turns - 1];
	}
	of = side == 0 ? &turn->request : &turn->response;
	*of = *of > UINT32_MAX - n ? UINT32_MAX : *of + n;
	if (side == 1)
		f->answered_us = at_us;
	return 0;
}

static int add(struct conversion *c, const struct segment *s)
{
	bool opens = (s->flags & (SYN | ACK | RST)) == SYN;
	struct flow *f = find(c, s);
	unsigned side;
	uint32_t n;
	int ret = 0;

	if (f == NULL || (opens && (f->closed || f->n_turns > 0))) {
		if (s->len == 0 && !opens)
			return 0;
		f = begin(c, s, &ret);
		if (f == NULL)
			return ret;
	}
	side = same(&f->client, &s->from) ? 0 : 1;
	n = fresh(f, side, s);
	f->last_us = s->at_us;
	f->closed = f->closed || (s->flags & (FIN | RST)) != 0;
	return n == 0 ? 0 : add_data(f, side, n, s->at_us);
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int write_flow(const struct conversion *c, const struct flow *f, struct trace *t)
{
	uint64_t kept = f->last_us > f->answered_us ? f->last_us - f->answered_us : 0;
	uint64_t at_us = f->at_us - c->first_us;
	int ret = trace_add_flow(t, at_us < TRACE_TIME_MOST_US ? at_us : TRACE_TIME_MOST_US);

	for (uint32_t i = 0; i < f->n_turns && ret == 0; i++) {
		struct trace_turn turn = f->turns[i];

		turn.request = within(turn.request, TRACE_REQUEST_LEAST, TRACE_REQUEST_MOST);
		turn.response = within(turn.response, 1, TRACE_RESPONSE_MOST);
		ret = trace_add_turn(t, turn);
	}
	if (ret == 0 && kept > 0)
		ret = trace_add_turn(
			t, (struct trace_turn){(uint32_t)(kept < UINT32_MAX ? kept : UINT32_MAX), 0,
					       0});
	return ret;
}

static int by_arrival(const void *a, const void *b)
{
	uint64_t x = ((const struct flow *)a)->at_us, y = ((const struct flow *)b)->at_us;

	return (x > y) - (x < y);
}

static int write_all(struct conversion *c, struct trace *t)
{
	int ret = 0;

	if (c->n_flows > 0)
		qsort(c->flows, c->n_flows, sizeof(*c->flows), by_arrival);
	for (uint32_t i = 0; i < c->n_flows && ret == 0; i++) {
		if (c->flows[i].n_turns == 0) {
			c->counts->empty++;
			continue;
		}
		if (t->n_flows == 0)
			c->first_us = c->flows[i].at_us;
		c->counts->flows++;
		ret = write_flow(c, &c->flows[i], t);
	}
	return ret;
}

static int read_packets(struct conversion *c, pcap_t *pcap)
{
	int link = pcap_datalink(pcap), ret = 0, got;
	struct pcap_pkthdr *header;
	const uint8_t *data;

	while (ret == 0 && (got = pcap_next_ex(pcap, &header, &data)) == 1) {
		struct segment s = {0};
		int kind = parse((struct bytes){data, header->caplen}, link, &s);

		c->counts->packets++;
		c->counts->no_tcp += kind == 0;
		c->counts->truncated += kind < 0;
		/* times are as hostile as the rest */
		s.at_us = ((uint64_t)header->ts.tv_sec & UINT32_MAX) * 1000000u +
			  (uint64_t)header->ts.tv_usec % 1000000u;
		if (kind > 0)
			ret = add(c, &s);
	}
	/* an end in the middle of a packet: what came before it counts */
	return ret;
}

static int init(struct conversion *c)
{
	size_t len = sizeof(*c->buckets) << TABLE_BITS;

	if (getrandom(&c->key, sizeof(c->key), 0) != (ssize_t)sizeof(c->key))
		return -EIO;
	c->key %= PRIME;
	c->buckets = malloc(len);
	if (c->buckets == NULL)
		return -ENOMEM;
	memset(c->buckets, 0xff, len);
	return 0;
}

int trace_from_pcap(struct trace *t, const char *path, struct trace_pcap_counts *counts,
		    char err[ERR_LEN])
{
	struct conversion c = {.counts = counts};
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, why);
	int ret;

	*t = (struct trace){0};
	*counts = (struct trace_pcap_counts){0};
	if (pcap == NULL)
		return err_set(-EINVAL, err, "%s", why);
	if (!is_known(pcap_datalink(pcap))) {
		err_set(-EINVAL, err,
			"%s: link type %d is not read: Ethernet, raw IP, loopback and Linux cooked "
			"are",
			path, pcap_datalink(pcap));
		pcap_close(pcap);
		return -EINVAL;
	}
	ret = init(&c);
	if (ret == 0)
		ret = read_packets(&c, pcap);
	pcap_close(pcap);
	if (ret == 0)
		ret = write_all(&c, t);
	for (uint32_t i = 0; i < c.n_flows; i++)
		free(c.flows[i].turns);
	free(c.flows);
	free(c.buckets);
	if (ret == 0 && t->n_flows == 0)
		return err_set(-EINVAL, err, "%s: no TCP connection with data is there", path);
	return ret == 0 ? 0
			: err_set(ret, err, "%s: more than %u flows, or no memory", path,
				  FLOWS_MOST);
}
