// SPDX-License-Identifier: BSD-3-Clause
/* The usual way (tcp/usual.h) and the fast path give the answers of the general one: two
 * connections, one without them, are told the same, whatever it is, and stay the same in every
 * field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/message.h"
#include "tcp/own.h"
#include "tcp/place.h"
#include "tcp/tcb.h"

#define STEPS 400000
#define MSS   1000u

struct one {
	struct tcb t;
	struct tcp_config cfg;
	struct tcp_own own;
	struct tcp_cold cold;
};

struct twins {
	struct one one[2]; /* the second has no fast path */
	struct rng rng;
	mt_time now;
	uint32_t peer_ms; /* its clock */
};

static uint64_t seed;

static bool chance(struct twins *w, uint32_t of)
{
	return rng_below(&w->rng, of) == 0;
}

/* ---- as their owner ---- */

static void attach(struct one *o, unsigned wants)
{
	if (!wants)
		return;
	if (!o->t.own)
		tcp_attach_own(&o->t, &o->own);
	if ((wants & TCP_WANTS_COLD) == TCP_WANTS_COLD && !o->t.own->cold)
		tcp_attach_cold(&o->t, &o->cold);
}

static void detach(struct one *o)
{
	(void)tcp_detach_cold(&o->t, false);
	(void)tcp_detach_own(&o->t, false);
}

/* ---- what has to be the same ---- */

static struct tcb core_of(const struct one *o)
{
	struct tcb t = o->t;

	t.cfg = NULL;
	t.own = NULL;
	t.xflags &= (uint16_t)~XF_SLOW;
	return t;
}

static void assert_same(const struct twins *w)
{
	struct tcb a = core_of(&w->one[0]), b = core_of(&w->one[1]);

	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(w->one[0].t.own != NULL, w->one[1].t.own != NULL);
	assert_int_equal(tcp_pending(&w->one[0].t, w->now), tcp_pending(&w->one[1].t, w->now));
	for (int i = 0; i < 2; i++) {
		const struct tcb *t = &w->one[i].t;

		assert_int_equal(tcp_place(t, w->now), tcp_pending(t, w->now));
	}
}

static void assert_same_events(const struct tcp_events *a, const struct tcp_events *b)
{
	assert_int_equal(a->flags & ~(uint32_t)TCP_EV_FAST, b->flags & ~(uint32_t)TCP_EV_FAST);
	assert_int_equal(a->drop, b->drop);
	assert_int_equal(a->error, b->error);
	assert_int_equal(a->data_skip, b->data_skip);
	assert_int_equal(a->data_len, b->data_len);
	assert_int_equal(a->data_off, b->data_off);
	assert_int_equal(a->n_readable, b->n_readable);
	assert_int_equal(a->n_acked, b->n_acked);
}

static void assert_same_segment(const struct tcp_seg *a, const struct tcp_seg *b)
{
	assert_int_equal(a->seq.v, b->seq.v);
	assert_int_equal(a->ack.v, b->ack.v);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->wnd, b->wnd);
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->opts, b->opts);
	assert_int_equal(a->n_sack, b->n_sack);
	assert_int_equal(a->ip_ecn, b->ip_ecn);
	if (a->len)
		assert_int_equal(a->data_off, b->data_off);
	if (a->opts & TCPO_TS) {
		assert_int_equal(a->ts_val, b->ts_val);
		assert_int_equal(a->ts_ecr, b->ts_ecr);
	}
}

/* ---- what happens ---- */

static void input(struct twins *w, const struct tcp_seg *s)
{
	struct tcp_events ev[2];

	for (int i = 0; i < 2; i++) {
		struct one *o = &w->one[i];

		attach(o, tcp_wants_in(&o->t, s));
		ev[i] = tcp_input(&o->t, s, w->now);
		detach(o);
	}
	assert_same_events(&ev[0], &ev[1]);
}

/* Up to n segments leave. */
static void output(struct twins *w, unsigned n)
{
	while (n-- > 0) {
		struct tcp_seg s[2];
		bool any[2];

		for (int i = 0; i < 2; i++) {
			struct one *o = &w->one[i];

			attach(o, tcp_wants_out(&o->t));
			any[i] = tcp_output(&o->t, w->now, &s[i]);
		}
		assert_int_equal(any[0], any[1]);
		if (!any[0])
			return;
		assert_same_segment(&s[0], &s[1]);
		assert_same(w);
	}
}

static void open_twins(struct twins *w)
{
	const struct tcp_open open = {
		.iss = seq_of((uint32_t)rng_next(&w->rng)),
		.ts_offset = (uint32_t)rng_next(&w->rng),
		.mss = MSS + 12,
	};
	struct tcp_seg syn_ack = {.seq = seq_of((uint32_t)rng_next(&w->rng)),
				  .ack = seq_add(open.iss, 1),
				  .flags = TCPF_SYN | TCPF_ACK,
				  .wnd = 20000,
				  .opts = TCPO_MSS | TCPO_TS | TCPO_SACK_PERM | TCPO_WSCALE,
				  .mss = MSS + 12,
				  .ts_val = w->peer_ms};
	bool ecn = chance(w, 3);

	for (int i = 0; i < 2; i++) {
		struct one *o = &w->one[i];

		memset(o, 0, sizeof(*o));
		o->cfg = tcp_config_default;
		o->cfg.ecn = ecn ? TCP_ECN_ASK : TCP_ECN_OFF;
		o->cfg.quick_acks = (uint8_t)(open.ts_offset % 20);
		o->cfg.init_cwnd = (uint8_t)(1 + open.ts_offset % 5);
		o->cfg.rcvbuf = open.ts_offset % 3 ? 20000 : 1500;
		o->cfg.keep_idle_ms = 40;
		o->cfg.mtu_probing = true;
		o->cfg.fast_path = i == 0;
		tcp_open_active(&o->t, &o->cfg, &open, w->now);
	}
	if (ecn)
		syn_ack.flags |= TCPF_ECE;
	if (chance(w, 8))
		syn_ack.opts &= (uint8_t)~TCPO_TS;
	output(w, 1);
	syn_ack.ts_ecr = 0;
	input(w, &syn_ack);
	output(w, 2);
}

/* Mostly the next in order, of a peer with little to hide. */
static struct tcp_seg draw(struct twins *w)
{
	const struct tcb *t = &w->one[0].t;
	struct tcp_seg s = {.seq = t->rcv_nxt,
			    .ack = seq_add(t->snd_una, rng_below(&w->rng, flight(t) + 1)),
			    .flags = TCPF_ACK,
			    .wnd = 20000,
			    .opts = t->flags & TF_TS ? TCPO_TS : 0,
			    .ts_val = w->peer_ms,
			    .ts_ecr = (uint32_t)(w->now / MT_MS) + t->ts_offset};

	if (chance(w, 2))
		s.ack = t->snd_nxt;
	if (chance(w, 2))
		s.len = (uint16_t)rng_below(&w->rng, chance(w, 3) ? MSS : 100);
	if (s.len && chance(w, 2))
		s.flags |= TCPF_PSH;
	if (chance(w, 150))
		s.flags |= TCPF_FIN;
	if (chance(w, 40))
		s.flags ^= (uint8_t)(1u << (5 + rng_below(&w->rng, 3))); /* URG, ECE, CWR */
	if (chance(w, 30))
		s.ip_ecn = (uint8_t)rng_below(&w->rng, 4);
	if (chance(w, 20))
		s.wnd = (uint16_t)rng_below(&w->rng, chance(w, 2) ? 3 : 2000);
	if (chance(w, 20))
		s.seq = seq_add(s.seq, rng_below(&w->rng, 3000) - 1500);
	if (chance(w, 40))
		s.ack = seq_add(s.ack, rng_below(&w->rng, 200) - 100);
	if (chance(w, 40))
		s.ts_val -= rng_below(&w->rng, 3);
	if (chance(w, 60))
		s.opts ^= TCPO_TS;
	if (chance(w, 60))
		s.no_room = s.len != 0;
	return s;
}

static void pass_time(struct twins *w)
{
	uint32_t us = rng_below(&w->rng, chance(w, 30) ? 3000000 : chance(w, 3) ? 60000 : 500);

	w->now += us * MT_US;
	w->peer_ms += us / 1000;
	for (int i = 0; i < 2; i++) {
		struct one *o = &w->one[i];

		if (tcp_deadline(&o->t, w->now) > w->now)
			continue;
		attach(o, tcp_wants_timeout(&o->t, w->now));
		(void)tcp_timeout(&o->t, w->now);
		detach(o);
	}
}

static void set_option(struct twins *w)
{
	const enum tcp_option opts[] = {TCP_OPT_NODELAY, TCP_OPT_CORK, TCP_OPT_KEEPALIVE};
	enum tcp_option opt = opts[rng_below(&w->rng, 3)];
	uint32_t value = rng_below(&w->rng, 3) == 0;

	for (int i = 0; i < 2; i++)
		assert_int_equal(tcp_set_option(&w->one[i].t, opt, value, w->now), 0);
}

/* One as stack does it, in line, the other as it says in tcp.h. */
static void written(struct tcb *t, uint32_t n, bool in_line, mt_time now)
{
	if (!in_line)
		tcp_append(t, n, now);
	else if (!message_append(t, n))
		tcp_wrote(t, n, now);
	else
		assert_int_equal(tcp_pending(t, now), TCP_TX_DATA);
}

static void call(struct twins *w)
{
	uint32_t room = tcp_room(&w->one[0].t), unread = w->one[0].t.rcv_unread;
	uint32_t what = rng_below(&w->rng, 80), n;

	assert_int_equal(room, tcp_snd_room(&w->one[1].t));
	n = rng_below(&w->rng, (chance(w, 10) ? room : room < 500 ? room : 500) + 1);
	for (int i = 0; i < 2; i++) {
		struct tcb *t = &w->one[i].t;

		if (what == 0)
			tcp_shutdown(t, w->now);
		else if (what == 1)
			(void)tcp_close(t, w->now);
		else if (what < 40 && n)
			written(t, n, i == 0, w->now);
		else if (unread && i == 0)
			tcp_took(t, unread); /* as stack does, in line */
		else if (unread)
			tcp_consumed(t, unread, w->now);
	}
}

static bool over(const struct tcb *t)
{
	return t->state == TCPS_CLOSED || t->state == TCPS_TIME_WAIT;
}

static void usual_and_general_agree(void **state)
{
	static struct twins w;
	unsigned n_opened = 1;

	(void)state;
	rng_seed(&w.rng, seed);
	w.now = 5 * MT_SEC;
	w.peer_ms = 1000;
	open_twins(&w);
	for (int i = 0; i < STEPS; i++) {
		uint32_t what = rng_below(&w.rng, 100);
		struct tcp_seg s;

		if (over(&w.one[0].t) || chance(&w, 3000)) {
			n_opened++;
			open_twins(&w);
		}
		if (what < 40) {
			s = draw(&w);
			input(&w, &s);
		} else if (what < 70) {
			call(&w);
		} else if (what < 98) {
			pass_time(&w);
		} else if (!over(&w.one[0].t)) {
			set_option(&w);
		}
		assert_same(&w);
		if (!chance(&w, 4))
			output(&w, 1 + rng_below(&w.rng, 4));
		assert_same(&w);
	}
	assert_true(n_opened > 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_and_general_agree),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
