// SPDX-License-Identifier: BSD-3-Clause
/* Connections without anything around them: segments are values that go from one to the other. */
#include <stdlib.h>

#include "bench.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"

#define N	20000
#define MESSAGE 64u
#define SEGMENT 1448u

struct tcp_pair {
	struct tcp_config cfg;
	struct tcb end[2];
	mt_time now;
	uint32_t iss;
};

static void open_both(struct tcp_pair *p)
{
	struct tcp_open how = {.iss = seq_of(p->iss += 77777), .mss = 1460};
	struct tcp_seg syn = {0};

	tcp_open_active(&p->end[0], &p->cfg, &how, p->now);
	tcp_output(&p->end[0], p->now, &syn);
	how.iss = seq_of(p->iss += 77777);
	tcp_open_passive(&p->end[1], &p->cfg, &how, &syn, p->now);
}

/* Everything that one has to say, to the other. */
static void say(struct tcp_pair *p, unsigned from)
{
	struct tcp_events ev;
	struct tcp_seg seg = {0};

	while (tcp_pending(&p->end[from], p->now) != TCP_TX_NONE &&
	       tcp_output(&p->end[from], p->now, &seg)) {
		ev = tcp_input(&p->end[!from], &seg, p->now);
		if (ev.n_readable)
			tcp_consumed(&p->end[!from], ev.n_readable, p->now);
	}
}

static void *setup(void)
{
	struct tcp_pair *p = bench_alloc(sizeof(*p));

	p->cfg = tcp_config_default;
	p->now = MT_SEC;
	return p;
}

static void *setup_open(void)
{
	struct tcp_pair *p = setup();

	open_both(p);
	for (unsigned i = 0; i < 4; i++)
		say(p, !(i & 1));
	if (p->end[0].state != TCPS_ESTABLISHED || p->end[1].state != TCPS_ESTABLISHED)
		bench_fail("no handshake");
	return p;
}

/* SYN .. ACK, FIN .. ACK: both ends. */
static void open_close_run(void *state, uint64_t n)
{
	struct tcp_pair *p = state;

	while (n--) {
		open_both(p);
		say(p, 1);
		say(p, 0);
		tcp_shutdown(&p->end[1], p->now);
		say(p, 1);
		tcp_shutdown(&p->end[0], p->now);
		say(p, 0);
		say(p, 1);
		if (p->end[0].state != TCPS_CLOSED || p->end[1].state != TCPS_TIME_WAIT)
			bench_fail("the connection did not end");
		p->now += MT_US;
	}
}

static void receive_run(void *state, uint64_t n)
{
	struct tcp_pair *p = state;
	struct tcb *t = &p->end[1];
	struct tcp_events ev = {0};
	struct tcp_seg seg = {0}, ack = {0};

	tcp_append(&p->end[0], MESSAGE, p->now);
	tcp_output(&p->end[0], p->now, &seg);
	for (uint64_t i = 0; i < n; i++, seg.seq.v += MESSAGE) {
		ev = tcp_input(t, &seg, p->now);
		tcp_consumed(t, ev.n_readable, p->now);
		if (tcp_pending(t, p->now) != TCP_TX_NONE)
			tcp_output(t, p->now, &ack);
	}
	if (ev.n_readable != MESSAGE || !(ev.flags & TCP_EV_FAST))
		bench_fail("data did not take the fast path");
	/* The sender knows of one segment only: begin again. */
	open_both(p);
	say(p, 1);
	say(p, 0);
	say(p, 1);
	p->now += MT_MS;
}

static void send_run(void *state, uint64_t n)
{
	struct tcp_pair *p = state;
	struct tcb *t = &p->end[0];
	struct tcp_events ev = {0};
	struct tcp_seg seg = {0}, ack = {0};

	tcp_append(&p->end[1], 1, p->now);
	tcp_output(&p->end[1], p->now, &ack);
	ack.len = 0;
	ack.flags = TCPF_ACK;
	while (n--) {
		tcp_append(t, SEGMENT, p->now);
		if (!tcp_output(t, p->now, &seg))
			bench_fail("nothing to send");
		ack.ack = seq_add(seg.seq, SEGMENT);
		ack.ts_ecr = seg.ts_val;
		ev = tcp_input(t, &ack, p->now);
		p->now += MT_US;
	}
	if (ev.n_acked != SEGMENT || !(ev.flags & TCP_EV_FAST))
		bench_fail("ACKs did not take the fast path");
	open_both(p);
	say(p, 1);
	say(p, 0);
	say(p, 1);
}

const struct bench bench_tcp[] = {
	{"tcp_open_close", "connection", "both ends, without data", 5000, setup, open_close_run,
	 free, NULL},
	{"tcp_receive", "segment", "of 64 bytes by the fast path, read; the ACKs that it makes due",
	 N, setup_open, receive_run, free, NULL},
	{"tcp_send", "segment", "of 1448 bytes, and its ACK by the fast path", N, setup_open,
	 send_run, free, NULL},
	{0}};
