// SPDX-License-Identifier: BSD-3-Clause
/* A node without a stack: frames by hand. */
#include <string.h>

#include "base/check.h"
#include "sim/internal.h"

struct sim_node *sim_wire(struct sim *sim)
{
	struct sim_node *node = node_new(sim);

	node->n_cores = 1;
	node->cores = sim_alloc(1, sizeof(*node->cores));
	return node;
}

void sim_wire_send(struct sim_node *node, const uint8_t *bytes, size_t len)
{
	struct frame *f = frame_new(node->sim, (uint32_t)len);

	check(len >= ETH_HLEN && len <= UINT16_MAX);
	memcpy(f->data, bytes, len);
	pipe_enter(&node->pipes[SIM_UP], f);
}

size_t sim_wire_recv(struct sim_node *node, uint8_t *bytes, size_t cap)
{
	struct frame *f = frame_pop(&node->cores[0].rx);

	if (f == NULL)
		return 0;
	size_t len = f->len;

	memcpy(bytes, f->data, len < cap ? len : cap);
	frame_free(node->sim, f);
	return len;
}

void sim_wire_send_tcp(struct sim_node *node, struct eth_addr to, const struct flow *flow,
		       const struct tcp_seg *s, const uint8_t *payload)
{
	uint8_t frame[2048];
	uint8_t *ip = frame + ETH_HLEN, *tcp = ip + IPV4_HLEN;
	size_t hdr = tcp_hdr_len(s);
	struct eth_hdr eth = {.dst = to, .src = node->mac, .type = ETH_IPV4};
	struct ip_hdr h = {.src = flow->local,
			   .dst = flow->remote,
			   .payload_len = (uint16_t)(hdr + s->len),
			   .proto = IP_TCP,
			   .ttl = 64};

	check(ETH_HLEN + IPV4_HLEN + hdr + s->len <= sizeof(frame));
	if (s->len > 0)
		memcpy(tcp + hdr, payload, s->len);
	tcp_build(tcp, flow, s);
	ipv4_build(ip, &h);
	eth_build(frame, &eth);
	sim_wire_send(node, frame, ETH_HLEN + IPV4_HLEN + hdr + s->len);
}

bool sim_wire_recv_tcp(struct sim_node *node, uint8_t frame[2048], struct flow *flow,
		       struct tcp_seg *s)
{
	size_t len;

	while ((len = sim_wire_recv(node, frame, 2048)) > 0) {
		struct eth_hdr eth;
		struct ip_hdr ip;

		check(len <= 2048);
		if (eth_parse(frame, len, &eth) != WIRE_OK || eth.type != ETH_IPV4 ||
		    ipv4_parse(frame + ETH_HLEN, len - ETH_HLEN, 0, &ip) != WIRE_OK ||
		    ip.proto != IP_TCP ||
		    tcp_parse(&ip, 0, &flow->rport, &flow->lport, s) != WIRE_OK)
			continue;
		flow->local = ip.dst;
		flow->remote = ip.src;
		return true;
	}
	return false;
}

static void answer(struct sim_node *node, const struct arp_pkt *request)
{
	uint8_t frame[ETH_MIN_LEN] = {0};
	struct eth_hdr eth = {.dst = request->sha, .src = node->mac, .type = ETH_ARP};
	struct arp_pkt reply = {.op = ARP_REPLY,
				.sha = node->mac,
				.spa = request->tpa,
				.tha = request->sha,
				.tpa = request->spa};

	eth_build(frame, &eth);
	arp_build(frame + ETH_HLEN, &reply);
	sim_wire_send(node, frame, sizeof(frame));
}

static bool asks_for(const struct frame *f, const struct ip_addr *addrs, unsigned n,
		     struct arp_pkt *request)
{
	struct eth_hdr eth;

	if (eth_parse(f->data, f->len, &eth) != WIRE_OK || eth.type != ETH_ARP ||
	    arp_parse(f->data + ETH_HLEN, f->len - ETH_HLEN, request) != WIRE_OK ||
	    request->op != ARP_REQUEST)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (ip_eq(&addrs[i], &request->tpa))
			return true;
	return false;
}

void sim_wire_answer_arp(struct sim_node *node, const struct ip_addr *addrs, unsigned n)
{
	struct frame_queue all = node->cores[0].rx;
	struct frame *f;

	node->cores[0].rx = (struct frame_queue){0};
	while ((f = frame_pop(&all)) != NULL) {
		struct arp_pkt request;

		if (!asks_for(f, addrs, n, &request)) {
			frame_push(&node->cores[0].rx, f);
			continue;
		}
		answer(node, &request);
		frame_free(node->sim, f);
	}
}
