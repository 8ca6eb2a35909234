// SPDX-License-Identifier: BSD-3-Clause
/* Frames: their memory, and what a device on the way reads and changes in them. */
#include <sanitizer/asan_interface.h> /* macros that are nothing in a build without it */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"
#include "wire/ipv6.h"

#define FRAME_ROOM 1600u /* of a frame that is kept */
#define ETH_VLAN   0x8100u
#define VLAN_LEN   4u
#define ICMP_HLEN  8u
#define ECN_CE	   3u

/* Ended frames are kept for the next ones. What lies behind the length of a frame, and all of an
 * ended one, is poisoned: a sanitizer sees who reads it. */
struct frame *frame_new(struct sim *sim, uint32_t len)
{
	uint32_t cap = len > FRAME_ROOM ? len : FRAME_ROOM;
	struct frame *f = sim->spare;

	if (f != NULL && cap == FRAME_ROOM) {
		sim->spare = f->next;
	} else {
		f = malloc(sizeof(*f) + cap);
		check(f != NULL);
		f->cap = cap;
	}
	f->next = NULL;
	f->len = len;
	ASAN_UNPOISON_MEMORY_REGION(f->data, len);
	ASAN_POISON_MEMORY_REGION(f->data + len, cap - len);
	sim->n_frames++;
	return f;
}

void frame_resize(struct frame *f, uint32_t len)
{
	check(len <= f->cap);
	f->len = len;
	ASAN_UNPOISON_MEMORY_REGION(f->data, len);
	ASAN_POISON_MEMORY_REGION(f->data + len, f->cap - len);
}

struct frame *frame_copy(struct sim *sim, const struct frame *f)
{
	struct frame *copy = frame_new(sim, f->len);

	memcpy(copy->data, f->data, f->len);
	return copy;
}

static void give_back(struct frame *f)
{
	ASAN_UNPOISON_MEMORY_REGION(f->data, f->cap);
	free(f);
}

void frame_free(struct sim *sim, struct frame *f)
{
	sim->n_frames--;
	if (f->cap != FRAME_ROOM) {
		give_back(f);
		return;
	}
	ASAN_POISON_MEMORY_REGION(f->data, f->cap);
	f->next = sim->spare;
	sim->spare = f;
}

void frame_free_spare(struct sim *sim)
{
	while (sim->spare != NULL) {
		struct frame *f = sim->spare;

		sim->spare = f->next;
		give_back(f);
	}
}

void frame_push(struct frame_queue *q, struct frame *f)
{
	f->next = NULL;
	if (q->head == NULL)
		q->head = f;
	else
		q->tail->next = f;
	q->tail = f;
	q->n++;
}

struct frame *frame_pop(struct frame_queue *q)
{
	struct frame *f = q->head;

	if (f == NULL)
		return NULL;
	q->head = f->next;
	q->n--;
	return f;
}

/* ---- IP in it ---- */

static unsigned type_at(const struct frame *f, uint32_t at)
{
	return (unsigned)f->data[at] << 8 | f->data[at + 1];
}

uint32_t frame_ip(const struct frame *f, unsigned *version)
{
	uint32_t at = ETH_HLEN;

	*version = 4;
	if (f->len < ETH_HLEN + VLAN_LEN)
		return 0;
	if (type_at(f, at - 2) == ETH_VLAN)
		at += VLAN_LEN;
	if (type_at(f, at - 2) == ETH_IPV6)
		*version = 6;
	else if (type_at(f, at - 2) != ETH_IPV4)
		return 0;
	return f->len >= at + (*version == 4 ? IPV4_HLEN : IPV6_HLEN) ? at : 0;
}

/* RFC 1624: the sum changes by what the word changes, so that a packet damaged before stays so. */
static void mark_v4(uint8_t *ip)
{
	uint16_t was, is, sum;

	memcpy(&was, ip, 2);
	ip[1] |= ECN_CE;
	memcpy(&is, ip, 2);
	memcpy(&sum, ip + 10, 2);
	sum = csum_fold((uint64_t)(uint16_t)~sum + (uint16_t)~was + is);
	memcpy(ip + 10, &sum, 2);
}

bool frame_mark_ce(struct frame *f)
{
	unsigned version, ecn;
	uint32_t at = frame_ip(f, &version);
	uint8_t *ip = f->data + at;

	if (at == 0)
		return false;
	ecn = version == 4 ? ip[1] & ECN_CE : ip[1] >> 4 & ECN_CE;
	if (ecn == 0)
		return false;
	if (version == 4)
		mark_v4(ip);
	else
		ip[1] |= ECN_CE << 4;
	return true;
}

/* ---- too big ---- */

static void put_csum(uint8_t *at, uint64_t sum)
{
	uint16_t csum = csum_fold(sum);

	memcpy(at, &csum, 2);
}

/* From an address for documentation (RFC 5737): routers seldom have one of the path's ends. */
static void too_big_v4(uint8_t *out, const uint8_t *ip, uint32_t quote, uint16_t mtu)
{
	struct ip_hdr h = {.src = ip_from_v4(0xc0000201),
			   .payload_len = (uint16_t)(ICMP_HLEN + quote),
			   .proto = IP_ICMP,
			   .ttl = 64};
	uint8_t *icmp = out + IPV4_HLEN;

	h.dst = ip_from_v4((uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 |
			   ip[15]);
	ipv4_build(out, &h);
	memset(icmp, 0, ICMP_HLEN);
	icmp[0] = ICMP_UNREACHABLE;
	icmp[1] = ICMP_FRAG_NEEDED;
	icmp[6] = (uint8_t)(mtu >> 8);
	icmp[7] = (uint8_t)mtu;
	memcpy(icmp + ICMP_HLEN, ip, quote);
	put_csum(icmp + 2, csum_add(0, icmp, ICMP_HLEN + quote));
}

/* The same with RFC 3849. */
static void too_big_v6(uint8_t *out, const uint8_t *ip, uint32_t quote, uint16_t mtu)
{
	struct ip_hdr h = {.src = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
			   .payload_len = (uint16_t)(ICMP6_HLEN + quote),
			   .proto = IP_ICMPV6,
			   .ttl = 64};
	struct icmp_msg m = {
		.type = ICMP6_TOO_BIG, .mtu = mtu, .payload = ip, .payload_len = (uint16_t)quote};

	memcpy(h.dst.b, ip + 8, sizeof(h.dst.b));
	icmp6_build(out + ipv6_build(out, &h), &h.src, &h.dst, &m);
}

/* As much of the packet as RFC 1812 4.3.2.3 and RFC 4443 3.2 let an error hold. */
struct frame *frame_too_big(struct sim *sim, const struct frame *f, uint16_t mtu)
{
	unsigned version;
	uint32_t at = frame_ip(f, &version);
	uint32_t hdr = version == 4 ? IPV4_HLEN : IPV6_HLEN;
	uint32_t most = (version == 4 ? 576 : 1280) - hdr - ICMP_HLEN;
	uint32_t quote = f->len - at < most ? f->len - at : most;
	struct frame *reply;

	/* About ICMP none is told: two links too small for it would answer each other for ever. */
	if (at == 0 || f->data[at + (version == 4 ? 9 : 6)] == (version == 4 ? IP_ICMP : IP_ICMPV6))
		return NULL;
	reply = frame_new(sim, at + hdr + ICMP_HLEN + quote);
	memcpy(reply->data, f->data + 6, 6);
	memcpy(reply->data + 6, f->data, 6);
	memcpy(reply->data + 12, f->data + 12, at - 12);
	if (version == 4)
		too_big_v4(reply->data + at, f->data + at, quote, mtu);
	else
		too_big_v6(reply->data + at, f->data + at, quote, mtu);
	return reply;
}
