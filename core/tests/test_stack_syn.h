/* SPDX-License-Identifier: BSD-3-Clause */
/* A listener on port 80 and a raw peer that opens connections to it. */
#ifndef TESTS_TEST_STACK_SYN_H
#define TESTS_TEST_STACK_SYN_H

#include "test_stack_raw.h"

#define SYN_PEER 0x0a000002u
#define ISN	 1000u /* of the peer */

struct syn_net {
	struct net *n;
	struct stack_core *sc;
	uint32_t lid;
};

static inline struct stack_usage usage(const struct stack_core *sc)
{
	struct stack_usage u;

	stack_usage(sc, &u);
	return u;
}

static inline struct syn_net syn_open(const struct stack_config *base, uint32_t backlog)
{
	struct stack_neigh_entry peer = {ip_from_v4(SYN_PEER), raw_mac};
	struct ip_endpoint any = endpoint(0, 80);
	struct stack_config cfg = *base;
	struct syn_net t;

	cfg.neighs = &peer;
	cfg.n_neighs = 1;
	t.n = raw_net(&cfg);
	t.sc = t.n->a.sc;
	net_turn(t.n);
	raw_skip(t.n);
	t.lid = (uint32_t)stack_listen(t.sc, &any, backlog, t.n->now);
	return t;
}

/* Sends one segment and has the stack answer it: true if it did, with what. */
static inline bool syn_put(struct syn_net *t, uint16_t sport, const struct tcp_seg *s,
			   struct raw_frame *r)
{
	raw_tcp(t->n, SYN_PEER, sport, 80, s);
	net_turn(t->n);
	return raw_get_tcp(t->n, r);
}

static inline struct tcp_seg syn_seg(uint8_t opts)
{
	return (struct tcp_seg){
		.flags = TCPF_SYN,
		.seq = seq_of(ISN),
		.wnd = 65535,
		.opts = opts,
		.mss = 1460,
		.wscale = 7,
		.ts_val = 5000,
	};
}

/* The ACK that answers a SYN/ACK. */
static inline struct tcp_seg syn_ack_of(const struct tcp_seg *syn_ack)
{
	return (struct tcp_seg){
		.flags = TCPF_ACK,
		.seq = seq_of(ISN + 1),
		.ack = seq_add(syn_ack->seq, 1),
		.wnd = 1000,
		.opts = syn_ack->opts & TCPO_TS,
		.ts_val = 5001,
		.ts_ecr = syn_ack->ts_val,
	};
}

/* Opens a connection up to its last ACK, which it returns. */
static inline struct tcp_seg syn_half(struct syn_net *t, uint16_t sport, uint8_t opts)
{
	struct tcp_seg syn = syn_seg(opts);
	struct raw_frame r;

	assert_true(syn_put(t, sport, &syn, &r));
	assert_int_equal(r.tcp.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(r.tcp.ack.v, ISN + 1);
	assert_int_equal(r.dport, sport);
	return syn_ack_of(&r.tcp);
}

/* The stack's clock moves on, with what its timers send. */
static inline void syn_wait(struct syn_net *t, mt_time d)
{
	t->n->now += d;
	net_turn(t->n);
}

#endif
