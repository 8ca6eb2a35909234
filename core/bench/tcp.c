// SPDX-License-Identifier: BSD-3-Clause
/* Connections without anything around them: segments are values that go from one to the other. */
#include <stdlib.h>

#include "bench.h"
#include "tcp/own.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"

#define N	20000
#define MESSAGE 64u
#define SEGMENT 1448u
#define WINDOW	64u /* segments in flight, ... */
#define LOST	8u  /* of which the first of so many is lost */
#define ARRIVED (WINDOW - WINDOW / LOST)

struct tcp_pair {
	struct tcp_config cfg;
	struct tcb end[2];
	mt_time now;
	uint32_t iss;
	/* attached to the ends that want them */
	struct tcp_own own[2];
	struct tcp_cold cold[2];
	/* a window with losses */
	struct tcp_seg data[WINDOW], acks[ARRIVED];
	unsigned n_acks;
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

static void establish(struct tcp_pair *p)
{
	open_both(p);
	for (unsigned i = 0; i < 4; i++)
		say(p, !(i & 1));
	if (p->end[0].state != TCPS_ESTABLISHED || p->end[1].state != TCPS_ESTABLISHED)
		bench_fail("no handshake");
}

static void *setup_open(void)
{
	struct tcp_pair *p = setup();

	establish(p);
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

/* ---- out of order ---- */

static void attach(struct tcp_pair *p, unsigned i, unsigned wants)
{
	struct tcb *t = &p->end[i];

	if (wants && !t->own)
		tcp_attach_own(t, &p->own[i]);
	if (wants == TCP_WANTS_COLD && !t->own->cold)
		tcp_attach_cold(t, &p->cold[i]);
}

static struct tcp_events give(struct tcp_pair *p, unsigned to, const struct tcp_seg *seg)
{
	attach(p, to, tcp_wants_in(&p->end[to], seg));
	return tcp_input(&p->end[to], seg, p->now);
}

/* A segment arrives and is read; the ACK that it makes due. Bytes read. */
static uint32_t hear(struct tcp_pair *p, const struct tcp_seg *seg, struct tcp_seg *ack)
{
	struct tcb *t = &p->end[1];
	struct tcp_events ev = give(p, 1, seg);

	if (ev.n_readable)
		tcp_consumed(t, ev.n_readable, p->now);
	if (tcp_pending(t, p->now) != TCP_TX_NONE)
		tcp_output(t, p->now, ack);
	return ev.n_readable;
}

static void ooo_run(void *state, uint64_t n)
{
	struct tcp_pair *p = state;
	struct tcp_seg seg = {0}, early, ack = {0};

	tcp_append(&p->end[0], SEGMENT, p->now);
	tcp_output(&p->end[0], p->now, &seg);
	for (uint64_t i = 0; i < n; i++, seg.seq.v += 2 * SEGMENT) {
		early = seg;
		early.seq.v += SEGMENT;
		if (hear(p, &early, &ack) || ack.n_sack != 1)
			bench_fail("a segment was not out of order");
		if (hear(p, &seg, &ack) != 2 * SEGMENT)
			bench_fail("segments were not joined");
	}
	establish(p); /* the sender knows of one segment only */
}

/* ---- a window with losses ---- */

static void *setup_window(void)
{
	struct tcp_pair *p = setup();

	p->cfg.init_cwnd = WINDOW;
	p->cfg.rcvbuf = p->cfg.sndbuf = 1u << 20;
	return p;
}

static void send_window(struct tcp_pair *p)
{
	struct tcb *t = &p->end[0];
	unsigned n = 0;

	tcp_append(&p->end[1], 1, p->now); /* a window beyond a SYN's 64 KiB */
	say(p, 1);
	tcp_append(t, WINDOW * SEGMENT, p->now);
	attach(p, 0, tcp_wants_out(t));
	while (n < WINDOW && tcp_output(t, p->now, &p->data[n]))
		n++;
	if (n != WINDOW)
		bench_fail("the window is too small");
}

BENCH_APART static void holes_in(struct tcp_pair *p)
{
	for (p->n_acks = 0; p->n_acks < ARRIVED; p->n_acks++) {
		/* behind as many losses as there are full spaces between them */
		unsigned i = 1 + p->n_acks + p->n_acks / (LOST - 1);

		hear(p, &p->data[i], &p->acks[p->n_acks]);
	}
}

/* Segments sent again. */
BENCH_APART static unsigned sacks_in(struct tcp_pair *p)
{
	struct tcb *t = &p->end[0];
	struct tcp_seg again;
	unsigned n = 0;

	for (unsigned i = 0; i < ARRIVED; i++) {
		give(p, 0, &p->acks[i]);
		while (tcp_pending(t, p->now) != TCP_TX_NONE && tcp_output(t, p->now, &again))
			n++;
	}
	return n;
}

static void sack_run(void *state, uint64_t n)
{
	struct tcp_pair *p = state;

	for (uint64_t done = 0; done < n; done += ARRIVED) {
		establish(p);
		send_window(p);
		p->now += 10 * MT_MS;
		holes_in(p);
		if (p->acks[ARRIVED - 1].n_sack != 3)
			bench_fail("holes were not reported");
		if (sacks_in(p) != WINDOW / LOST)
			bench_fail("what was lost was not sent again");
	}
}

static unsigned sack_parts(void *state, uint64_t n, struct bench_part *out)
{
	(void)state;
	out[0] = (struct bench_part){"receiver", "holes_in", n};
	out[1] = (struct bench_part){"sender", "sacks_in", n};
	return 2;
}

const struct bench bench_tcp[] = {
	{"tcp_open_close", "connection", "both ends, without data", 5000, setup, open_close_run,
	 free, NULL},
	{"tcp_receive", "segment", "of 64 bytes by the fast path, read; the ACKs that it makes due",
	 N, setup_open, receive_run, free, NULL},
	{"tcp_send", "segment", "of 1448 bytes, and its ACK by the fast path", N, setup_open,
	 send_run, free, NULL},
	{"tcp_ooo", "pair", "of 1448-byte segments, the second first: kept, reported, joined", 5000,
	 setup_open, ooo_run, free, NULL},
	{"tcp_sack", "ACK", "of three blocks, of a window of 64 with 8 losses: made, and acted on",
	 ARRIVED * 64, setup_window, sack_run, free, sack_parts},
	{0}};
