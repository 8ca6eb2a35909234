// SPDX-License-Identifier: BSD-3-Clause
/* Two connections, a network that loses, duplicates and reorders, virtual time, one seed: every
 * byte arrives once and in order, both ends close, nobody waits for nothing, and the fast path
 * changes no segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/own.h"
#include "tcp/tcb.h"

#define WIRE_MAX  4096
#define BYTES_MAX 300000u
#define ENDLESS	  2000000u /* events: a run that needs more does not end */

static uint64_t first_seed;

struct frame {
	mt_time at;
	uint8_t to;
	struct tcp_seg seg;
	uint64_t off; /* stream offset of the payload */
};

struct end {
	struct tcp_config cfg;
	struct tcb t;
	struct tcp_own own;
	struct tcp_cold cold;
	struct tcp_tw tw;
	bool open, in_tw, eof;
	uint32_t total, written, acked; /* what it sends */
	uint32_t in_order, read;	/* what it receives */
	uint8_t have[BYTES_MAX];
};

struct world {
	struct rng rng;
	struct end e[2];
	mt_time now;
	struct frame wire[WIRE_MAX];
	unsigned n_wire;
	unsigned loss_permille, dup_permille, reorder_permille;
	mt_time delay;
	uint64_t trace, n_sent, n_again;
	uint32_t events; /* all flags, ORed */
};

static bool chance(struct world *w, unsigned permille)
{
	return rng_below(&w->rng, 1000) < permille;
}

static void trace(struct world *w, uint64_t v)
{
	w->trace = (w->trace ^ v) * 0x100000001b3ull;
}

static void carry(struct world *w, unsigned to, const struct tcp_seg *g, uint64_t off)
{
	mt_time at = w->now + w->delay;

	trace(w, w->now ^ g->seq.v ^ (uint64_t)g->ack.v << 32);
	trace(w, (uint64_t)g->flags << 32 ^ g->len ^ (uint64_t)g->wnd << 16);
	w->n_sent++;
	if (chance(w, w->loss_permille))
		return;
	for (unsigned n = 1 + chance(w, w->dup_permille); n; n--) {
		if (chance(w, w->reorder_permille))
			at += rng_below(&w->rng, 20) * MT_MS;
		assert_true(w->n_wire < WIRE_MAX);
		w->wire[w->n_wire++] = (struct frame){at, (uint8_t)to, *g, off};
	}
}

/* Memory is short at times. */
static void take(struct world *w, struct end *e, unsigned wants)
{
	if (wants && !e->t.own && !chance(w, 100))
		tcp_attach_own(&e->t, &e->own);
	if (wants == TCP_WANTS_COLD && e->t.own && !chance(w, 100))
		tcp_attach_cold(&e->t, &e->cold);
}

static void send_all(struct world *w, unsigned i)
{
	struct end *e = &w->e[i];
	struct tcp_seg g;

	take(w, e, tcp_wants_out(&e->t));
	for (;;) {
		enum tcp_tx list = tcp_pending(&e->t, w->now);

		memset(&g, 0, sizeof(g));
		bool any = tcp_output(&e->t, w->now, &g);

		assert_int_equal(any, list != TCP_TX_NONE);
		if (!any)
			return;
		assert_true(e->acked + g.data_off + g.len <= e->written);
		w->n_again += tcp_was_retransmit(&e->t);
		carry(w, 1 - i, &g, e->acked + g.data_off);
	}
}

/* Writes, reads and closes as it likes, in any sizes. */
static void application(struct world *w, unsigned i)
{
	struct end *e = &w->e[i];
	uint32_t n, room = tcp_snd_room(&e->t);

	if (e->t.state >= TCPS_SYN_SENT && e->written < e->total && room && chance(w, 700)) {
		n = 1 + rng_below(&w->rng, room);
		if (n > e->total - e->written)
			n = e->total - e->written;
		e->written += n;
		tcp_append(&e->t, n, w->now);
	}
	if (e->read < e->in_order && chance(w, 600)) {
		n = 1 + rng_below(&w->rng, e->in_order - e->read);
		e->read += n;
		tcp_consumed(&e->t, n, w->now);
	}
	if (chance(w, 20))
		tcp_set_option(&e->t, chance(w, 500) ? TCP_OPT_NODELAY : TCP_OPT_CORK,
			       rng_below(&w->rng, 2), w->now);
	if (e->written == e->total)
		tcp_shutdown(&e->t, w->now);
}

static void store(struct end *e, const struct tcp_events *ev, const struct frame *f)
{
	uint32_t at = e->in_order + ev->data_off;

	if (ev->data_len) {
		assert_int_equal(f->off + ev->data_skip, at);
		assert_true(at + ev->data_len - e->read <= e->cfg.rcvbuf);
		memset(e->have + at, 1, ev->data_len);
	}
	for (uint32_t k = 0; k < ev->n_readable; k++)
		assert_int_equal(e->have[e->in_order + k], 1);
	e->in_order += ev->n_readable;
}

static void took(struct world *w, unsigned i, struct tcp_events ev)
{
	struct end *e = &w->e[i];

	assert_int_equal(ev.error, 0);
	w->events |= ev.flags;
	e->acked += ev.n_acked;
	if (ev.flags & TCP_EV_EOF)
		e->eof = true;
	application(w, i);
	send_all(w, i);
	if (ev.flags & TCP_EV_TIME_WAIT) {
		tcp_tw_init(&e->tw, &e->t, w->now);
		e->in_tw = true;
	}
	if (ev.flags & (TCP_EV_CLOSED | TCP_EV_TIME_WAIT))
		e->open = false;
	(void)tcp_detach_cold(&e->t, !e->open);
	(void)tcp_detach_own(&e->t, !e->open);
}

static void arrive(struct world *w, const struct frame *f)
{
	struct end *e = &w->e[f->to];
	struct tcp_seg reply;
	struct tcp_events ev;

	if (!e->open) {
		if (e->in_tw && tcp_tw_input(&e->tw, &f->seg, w->now, &reply) != TCP_TW_DROP)
			carry(w, 1u - f->to, &reply, 0);
		return;
	}
	if (e->t.state == TCPS_CLOSED) {
		struct tcp_open o = {.iss = seq_of((uint32_t)rng_next(&w->rng)), .mss = 1000};

		if (tcp_listen_input(&f->seg) == TCP_LISTEN_OPEN)
			tcp_open_passive(&e->t, &e->cfg, &o, &f->seg, w->now);
		send_all(w, f->to);
		return;
	}
	take(w, e, tcp_wants_in(&e->t, &f->seg));
	ev = tcp_input(&e->t, &f->seg, w->now);
	store(e, &ev, f);
	took(w, f->to, ev);
}

static mt_time next_instant(const struct world *w)
{
	mt_time at = MT_NEVER;

	for (unsigned k = 0; k < w->n_wire; k++)
		at = mt_min(at, w->wire[k].at);
	for (unsigned i = 0; i < 2; i++)
		if (w->e[i].open && w->e[i].t.state != TCPS_CLOSED)
			at = mt_min(at, tcp_deadline(&w->e[i].t, w->now));
	return at;
}

static void turn(struct world *w)
{
	for (unsigned k = 0; k < w->n_wire; k++) {
		if (w->wire[k].at > w->now)
			continue;
		struct frame f = w->wire[k];

		memmove(w->wire + k, w->wire + k + 1, (w->n_wire - k - 1) * sizeof(f));
		w->n_wire--;
		arrive(w, &f);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		if (w->e[i].open && w->e[i].t.state != TCPS_CLOSED &&
		    tcp_deadline(&w->e[i].t, w->now) <= w->now) {
			take(w, &w->e[i], tcp_wants_timeout(&w->e[i].t, w->now));
			took(w, i, tcp_timeout(&w->e[i].t, w->now));
		}
}

static void end_init(struct world *w, struct end *e, bool fast)
{
	memset(e, 0, sizeof(*e));
	e->cfg = tcp_config_default;
	e->cfg.fast_path = fast;
	e->cfg.timestamps = chance(w, 700);
	e->cfg.sack = chance(w, 700);
	e->cfg.wscale = chance(w, 700);
	e->cfg.rcvbuf = chance(w, 300) ? 500 + rng_below(&w->rng, 5000)
				       : 20000 + rng_below(&w->rng, 500000);
	e->cfg.sndbuf = 1000 + rng_below(&w->rng, 100000);
	e->cfg.quick_acks = (uint8_t)rng_below(&w->rng, 20);
	e->cfg.cc = chance(w, 500) ? &cc_newreno : &cc_cubic;
	e->total = chance(w, 200) ? 0 : rng_below(&w->rng, BYTES_MAX);
	e->open = true;
}

static bool finished(const struct world *w)
{
	return !w->e[0].open && !w->e[1].open;
}

/* Both applications look around again: reading on is what nothing else wakes them for. */
static void applications(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		if (w->e[i].open && w->e[i].t.state != TCPS_CLOSED) {
			application(w, i);
			send_all(w, i);
		}
}

static uint64_t run(struct world *w, uint64_t seed, unsigned loss, bool fast)
{
	struct tcp_open o = {.mss = 1000, .ts_offset = 0xffffff00u};
	unsigned n = 0;

	memset(w, 0, sizeof(*w));
	rng_seed(&w->rng, seed);
	w->now = MT_SEC;
	w->loss_permille = loss;
	w->dup_permille = rng_below(&w->rng, 2) * loss;
	w->reorder_permille = rng_below(&w->rng, 3) * 50;
	w->delay = (1 + rng_below(&w->rng, 50)) * MT_MS;
	end_init(w, &w->e[0], fast);
	end_init(w, &w->e[1], fast);
	o.iss = seq_of(0xffffff00u + (uint32_t)rng_below(&w->rng, 512));
	tcp_open_active(&w->e[0].t, &w->e[0].cfg, &o, w->now);
	send_all(w, 0);
	while (!finished(w) && n++ < ENDLESS) {
		mt_time at = next_instant(w);

		if (at == MT_NEVER) /* only the applications can go on now */
			applications(w);
		else
			w->now = at > w->now ? at : w->now;
		turn(w);
		if (n % 16 == 0)
			applications(w);
	}
	if (!finished(w))
		fail_msg("seed %llu loss %u: %s and %s do not end", (unsigned long long)seed, loss,
			 tcp_state_name(w->e[0].t.state), tcp_state_name(w->e[1].t.state));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(w->e[i].acked, w->e[i].total);
		assert_int_equal(w->e[i].in_order, w->e[1 - i].total);
		assert_true(w->e[i].eof);
	}
	return w->trace;
}

static struct world world;

static void all_bytes_arrive(void **state)
{
	static const unsigned loss[] = {0, 1, 10, 50, 200};

	(void)state;
	for (unsigned k = 0; k < 5; k++) {
		uint64_t sent = 0, again = 0;

		for (uint64_t seed = first_seed; seed < first_seed + 60; seed++) {
			uint64_t slow = run(&world, seed, loss[k], false);

			if (run(&world, seed, loss[k], true) != slow)
				fail_msg("seed %llu: the fast path differs",
					 (unsigned long long)seed);
			sent += world.n_sent;
			again += world.n_again;
		}
		print_message("loss %u.%u%%: %llu segments, %llu again\n", loss[k] / 10,
			      loss[k] % 10, (unsigned long long)sent, (unsigned long long)again);
	}
}

/* Without loss, duplication or reordering only a window probe is ever sent twice. */
static void nothing_is_sent_twice_without_loss(void **state)
{
	unsigned n = 0;

	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + 300; seed++) {
		run(&world, seed, 0, true);
		if (world.reorder_permille || (world.events & TCP_EV_PROBE))
			continue;
		if (world.n_again)
			fail_msg("seed %llu: %llu segments again", (unsigned long long)seed,
				 (unsigned long long)world.n_again);
		n++;
	}
	assert_true(n > 10);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bytes_arrive),
		cmocka_unit_test(nothing_is_sent_twice_without_loss),
	};

	first_seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
