// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "bench.h"
#include "wire/wire.h"

#define N 20000

struct packet {
	struct flow flow;
	struct tcp_seg seg;
	struct ip_hdr ip;
	uint8_t bytes[2048];
};

static void *setup(uint16_t payload)
{
	struct packet *p = bench_alloc(sizeof(*p));

	p->flow = (struct flow){.local = ip_from_v4(0x0a000001),
				.remote = ip_from_v4(0x0a000002),
				.lport = 1024,
				.rport = 80};
	p->seg = (struct tcp_seg){.seq = seq_of(1),
				  .ack = seq_of(1),
				  .wnd = 1000,
				  .len = payload,
				  .flags = TCPF_ACK | TCPF_PSH,
				  .opts = TCPO_TS,
				  .ts_val = 1,
				  .ts_ecr = 1};
	p->ip = (struct ip_hdr){.src = p->flow.local,
				.dst = p->flow.remote,
				.proto = IP_TCP,
				.ttl = 64,
				.payload_len = (uint16_t)(tcp_hdr_len(&p->seg) + payload)};
	ipv4_build(p->bytes, &p->ip);
	tcp_build(p->bytes + IPV4_HLEN, &p->flow, &p->seg);
	return p;
}

static void *setup_small(void)
{
	return setup(64);
}

static void *setup_full(void)
{
	return setup(1448);
}

static void csum_run(void *state, uint64_t n)
{
	struct packet *p = state;
	size_t len = p->ip.payload_len;

	while (n--) {
		p->bytes[0]++; /* not the sum before */
		bench_use(csum_fold(csum_add(0, p->bytes, len)));
	}
}

static void parse_run(void *state, uint64_t n)
{
	struct packet *p = state;
	size_t len = IPV4_HLEN + (size_t)p->ip.payload_len;
	uint16_t sport, dport;
	struct tcp_seg seg;
	struct ip_hdr ip;

	while (n--) {
		if (ipv4_parse(p->bytes, len, 0, &ip) != WIRE_OK ||
		    tcp_parse(&ip, 0, &sport, &dport, &seg) != WIRE_OK)
			bench_fail("a packet is not as it was built");
	}
}

/* The device has verified the checksums. */
static void parse_trusting_run(void *state, uint64_t n)
{
	struct packet *p = state;
	size_t len = IPV4_HLEN + (size_t)p->ip.payload_len;
	uint16_t sport, dport;
	struct tcp_seg seg;
	struct ip_hdr ip;

	while (n--) {
		if (ipv4_parse(p->bytes, len, WIRE_CSUM_OK, &ip) != WIRE_OK ||
		    tcp_parse(&ip, WIRE_CSUM_OK, &sport, &dport, &seg) != WIRE_OK)
			bench_fail("a packet is not as it was built");
	}
}

static void build_run(void *state, uint64_t n)
{
	struct packet *p = state;

	while (n--) {
		p->seg.seq.v++;
		ipv4_build(p->bytes, &p->ip);
		tcp_build(p->bytes + IPV4_HLEN, &p->flow, &p->seg);
	}
}

const struct bench bench_wire[] = {
	{"checksum_96", "sum", "of 96 bytes: a segment of 64", N, setup_small, csum_run, free,
	 NULL},
	{"checksum_1480", "sum", "of 1480 bytes: a full segment", N, setup_full, csum_run, free,
	 NULL},
	{"parse_64", "packet", "IPv4 and TCP with timestamps, 64 bytes, checksums verified", N,
	 setup_small, parse_run, free, NULL},
	{"parse_64_trusting", "packet", "the same, checksums verified by the device", N,
	 setup_small, parse_trusting_run, free, NULL},
	{"build_64", "packet", "IPv4 and TCP with timestamps, 64 bytes, checksums", N, setup_small,
	 build_run, free, NULL},
	{0}};
