// SPDX-License-Identifier: BSD-3-Clause
/* Times of transmission: marks, ranges sent again, rate samples; at the end against a model that
 * keeps them for every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/xmit.h"

static uint64_t seed;

#define BASE 0xffffff00u /* the wrap is near */
#define US0  0xfffffff0u /* of the clock, too */

static tcp_seq at(uint32_t off)
{
	return seq_of(BASE + off);
}

static struct seq_range range(uint32_t from, uint32_t to)
{
	return (struct seq_range){at(from), at(to)};
}

static struct xmit_piece latest(const struct xmit *x, uint32_t from, uint32_t to)
{
	struct xmit_piece p;

	assert_true(xmit_latest(x, range(from, to), &p));
	return p;
}

#define SENT_US(x, from, to) (latest(x, from, to).s.at_us - US0)

static void start(struct xmit *x)
{
	xmit_init(x, US0);
}

static void send(struct xmit *x, uint32_t una, uint32_t end, uint32_t us)
{
	xmit_sent(x, at(una), at(end), US0 + us, 0);
}

static void deliver(struct xmit *x, struct seq_range r, uint32_t n_fresh, uint32_t us)
{
	struct xmit_piece p;

	assert_true(xmit_delivered(x, r, n_fresh, us, &p));
}

static void nothing_was_sent(void **state)
{
	struct xmit_piece p = xmit_seek(at(0));
	struct xmit x;

	(void)state;
	start(&x);
	assert_false(xmit_next(&x, at(100), &p));
	assert_false(xmit_latest(&x, range(0, 100), &p));
}

static void one_turn_shares_a_mark(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	for (uint32_t i = 1; i <= 10; i++)
		send(&x, 0, 100 * i, 5);
	send(&x, 0, 1100, 50);
	assert_int_equal(x.n, 2);
	assert_int_equal(SENT_US(&x, 0, 100), 5);
	assert_int_equal(SENT_US(&x, 900, 1000), 5);
	assert_int_equal(SENT_US(&x, 900, 1001), 50);
	assert_int_equal(SENT_US(&x, 1000, 1100), 50);
}

static void runs_within_the_grain_bear_the_last_time(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	for (uint32_t us = 0; us <= 10; us += 5)
		xmit_sent(&x, at(0), at(100 + us), US0 + us, 10);
	assert_int_equal(x.n, 1);
	assert_int_equal(SENT_US(&x, 0, 1), 10);
	xmit_sent(&x, at(0), at(200), US0 + 11, 10); /* the run began 11 ago */
	assert_int_equal(x.n, 2);
}

static void a_full_ring_halves_its_resolution(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	for (uint32_t i = 0; i < 4 * XMIT_MARKS; i++) {
		send(&x, 0, i + 1, 10 * i);
		assert_true(x.n <= XMIT_MARKS);
		for (uint32_t k = 0; k <= i; k++)
			assert_true(SENT_US(&x, k, k + 1) >= 10 * k);
		assert_int_equal(SENT_US(&x, i, i + 1), 10 * i);
	}
}

static void acknowledged_marks_go(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 100, 1);
	send(&x, 0, 200, 2);
	send(&x, 0, 300, 3);
	xmit_advance(&x, at(150));
	assert_int_equal(x.n, 2);
	xmit_advance(&x, at(300));
	assert_int_equal(x.n, 0);
	send(&x, 300, 400, 9);
	assert_int_equal(SENT_US(&x, 300, 400), 9);
}

static void what_is_sent_again_bears_the_new_time(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 1000, 1);
	xmit_resent(&x, range(200, 300), US0 + 50);
	assert_true(latest(&x, 200, 300).again);
	assert_false(latest(&x, 100, 200).again);
	assert_false(latest(&x, 300, 1000).again);
	assert_int_equal(SENT_US(&x, 0, 1000), 50);
	xmit_resent(&x, range(250, 260), US0 + 70); /* out of the middle */
	assert_int_equal(SENT_US(&x, 200, 250), 50);
	assert_int_equal(SENT_US(&x, 250, 260), 70);
	assert_int_equal(SENT_US(&x, 260, 300), 50);
	assert_int_equal(x.n_again, 3);
	xmit_resent(&x, range(100, 400), US0 + 90); /* all of it */
	assert_int_equal(x.n_again, 1);
	xmit_advance(&x, at(400));
	assert_int_equal(x.n_again, 0);
}

static void neighbours_sent_again_together_share_an_entry(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 10000, 1);
	for (uint32_t i = 0; i < 100; i++)
		xmit_resent(&x, range(100 * i, 100 * i + 100), US0 + 50);
	assert_int_equal(x.n_again, 1);
	xmit_resent(&x, range(9000, 9100), US0 + 60);
	assert_int_equal(x.n_again, 3);
}

static void pieces_walk_over_marks_and_repeats(void **state)
{
	static const struct {
		uint32_t to, us;
		bool again;
	} want[] = {{50, 1, false}, {120, 9, true}, {200, 2, false}, {250, 3, false}};
	struct xmit_piece p = xmit_seek(at(10));
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 100, 1);
	send(&x, 0, 200, 2);
	send(&x, 0, 300, 3);
	xmit_resent(&x, range(50, 100), US0 + 9);
	xmit_resent(&x, range(100, 120), US0 + 9);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(xmit_next(&x, at(250), &p));
		assert_int_equal(p.again, want[i].again);
		assert_int_equal(p.s.at_us - US0, want[i].us);
		assert_int_equal(p.r.end.v - BASE, want[i].to);
	}
	assert_false(xmit_next(&x, at(250), &p));
	p.r.end = at(280); /* moved up */
	assert_true(xmit_next(&x, at(400), &p));
	assert_int_equal(p.r.end.v - BASE, 300);
	assert_false(xmit_next(&x, at(400), &p)); /* not sent */
}

static void sent_after_is_by_time_then_by_sequence(void **state)
{
	(void)state;
	assert_true(xmit_after(2, at(0), 1, at(5)));
	assert_false(xmit_after(1, at(9), 2, at(5)));
	assert_true(xmit_after(1, at(6), 1, at(5)));
	assert_false(xmit_after(1, at(5), 1, at(5)));
	assert_true(xmit_after(3, at(0), 0xfffffffe, at(5)));
}

static void many_holes_share_entries_conservatively(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 100000, 1);
	for (uint32_t i = 0; i < 100; i++) {
		xmit_resent(&x, range(1000 * i, 1000 * i + 100), US0 + 10 + i);
		assert_true(x.n_again <= XMIT_AGAIN);
		for (uint32_t k = 0; k <= i; k++) {
			assert_true(latest(&x, 1000 * k, 1000 * k + 100).again);
			assert_true(SENT_US(&x, 1000 * k, 1000 * k + 100) >= 10 + k);
		}
	}
}

/* ---- rate samples ---- */

static void a_rate_sample(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 1000, 100);
	send(&x, 0, 2000, 200);
	xmit_ack_begin(&x);
	deliver(&x, range(0, 1000), 1000, US0 + 1100);
	assert_int_equal(x.ack_bytes, 1000);
	assert_int_equal(x.newest.s.delivered, 0);
	assert_int_equal(x.newest.s.delivered_us - US0, 100); /* the flight began then */
	assert_int_equal(x.first_us - US0, 100);
	xmit_advance(&x, at(1000));
	send(&x, 1000, 3000, 1100);
	xmit_ack_begin(&x);
	assert_false(x.ack_any);
	deliver(&x, range(1000, 2000), 1000, US0 + 1200);
	xmit_advance(&x, at(2000));
	xmit_ack_begin(&x);
	deliver(&x, range(2000, 3000), 1000, US0 + 2100);
	assert_true(x.ack_any);
	assert_int_equal(x.delivered - x.newest.s.delivered, 2000);
	assert_int_equal(x.newest.s.at_us - x.newest.s.first_us, 1000);
	assert_int_equal(US0 + 2100 - x.newest.s.delivered_us, 1000);
}

static void the_newest_delivered_gives_the_sample(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	for (uint32_t i = 0; i < 5; i++)
		send(&x, 0, 1000 * (i + 1), 100 * i);
	xmit_resent(&x, range(0, 1000), US0 + 700);
	xmit_ack_begin(&x);
	deliver(&x, range(0, 1000), 1000, US0 + 900);
	deliver(&x, range(3000, 4000), 1000, US0 + 900);
	assert_int_equal(x.newest.s.at_us - US0, 700);
	assert_int_equal(x.ack_bytes, 2000);
	assert_int_equal(x.n_again, 0); /* delivered: not outstanding twice */
}

static void the_application_bounds_the_rate(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 1000, 0);
	assert_false(latest(&x, 0, 1000).s.app_limited);
	xmit_app_limited(&x, 1000);
	send(&x, 0, 2000, 10);
	assert_true(latest(&x, 1000, 2000).s.app_limited);
	deliver(&x, range(0, 1000), 1000, US0 + 100);
	send(&x, 1000, 3000, 100);
	assert_true(latest(&x, 2000, 3000).s.app_limited);
	deliver(&x, range(1000, 2000), 1000, US0 + 110); /* the bubble has passed */
	send(&x, 2000, 4000, 110);
	assert_false(latest(&x, 3000, 4000).s.app_limited);
}

/* ---- model ---- */

#define WIN 3000u

struct model {
	uint32_t us[WIN]; /* of each byte, relative to una */
	bool again[WIN];
	uint32_t una, nxt;
};

static void model_send(struct model *m, uint32_t from, uint32_t to, uint32_t us, bool again)
{
	for (uint32_t i = from; i < to; i++) {
		m->us[i % WIN] = us;
		m->again[i % WIN] = again;
	}
}

/* Never earlier than it was; what was sent again is known to be; the last transmission's is exact.
 */
static void compare(const struct xmit *x, const struct model *m, uint32_t last_from, uint32_t now)
{
	struct xmit_piece p = xmit_seek(at(m->una));
	uint32_t i = m->una;

	while (xmit_next(x, at(m->nxt), &p)) {
		assert_int_equal(p.r.start.v, at(i).v);
		for (; i != m->nxt && !seq_eq(at(i), p.r.end); i++) {
			assert_true((int32_t)(p.s.at_us - m->us[i % WIN]) >= 0);
			assert_true((int32_t)(now - p.s.at_us) >= 0);
			assert_true(p.again || !m->again[i % WIN]);
		}
	}
	assert_int_equal(i, m->nxt);
	if (last_from != m->nxt)
		assert_int_equal(latest(x, last_from, last_from + 1).s.at_us, now);
}

static void duplicates_deliver_before_the_number_does(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 5000, 0);
	xmit_ack_begin(&x);
	for (unsigned i = 0; i < 3; i++)
		xmit_duplicate(&x, 1000, 5000, US0 + 100);
	assert_int_equal(x.delivered, 3000);
	assert_int_equal(xmit_fresh(&x, 1000, 1000), 1000); /* the hole, mended */
	assert_int_equal(xmit_fresh(&x, 4000, 1000), 1000); /* the next one and what was told of */
	assert_int_equal(xmit_fresh(&x, 4000, 1000), 4000);
}

static void duplicates_deliver_no_more_than_is_in_flight(void **state)
{
	struct xmit x;

	(void)state;
	start(&x);
	send(&x, 0, 5000, 0);
	for (unsigned i = 0; i < 100; i++)
		xmit_duplicate(&x, 1000, 4500, US0 + 100);
	assert_int_equal(x.delivered, 4500);
}

static void random_against_a_model(void **state)
{
	struct model m = {0};
	uint32_t now = US0;
	struct rng rng;
	struct xmit x;

	(void)state;
	rng_seed(&rng, seed);
	start(&x);
	for (unsigned i = 0; i < 50000; i++) {
		uint32_t kind = rng_below(&rng, 10), last_from = m.nxt;

		now += rng_below(&rng, 3) ? 0 : rng_below(&rng, 40);
		if (kind < 4 && m.nxt - m.una < WIN - 100) {
			uint32_t n = 1 + rng_below(&rng, 100);

			model_send(&m, m.nxt, m.nxt + n, now, false);
			last_from = m.nxt;
			m.nxt += n;
			xmit_sent(&x, at(m.una), at(m.nxt), now, rng_below(&rng, 50));
		} else if (kind < 7 && m.nxt != m.una) {
			uint32_t from = m.una + rng_below(&rng, m.nxt - m.una);
			uint32_t n = 1 + rng_below(&rng, m.nxt - from);

			model_send(&m, from, from + n, now, true);
			last_from = from;
			xmit_resent(&x, range(from, from + n), now);
		} else if (kind == 7 && m.nxt != m.una) {
			m.una += 1 + rng_below(&rng, m.nxt - m.una);
			xmit_ack_begin(&x);
			xmit_advance(&x, at(m.una));
			last_from = m.nxt;
		}
		compare(&x, &m, last_from, now);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was_sent),
		cmocka_unit_test(one_turn_shares_a_mark),
		cmocka_unit_test(runs_within_the_grain_bear_the_last_time),
		cmocka_unit_test(a_full_ring_halves_its_resolution),
		cmocka_unit_test(acknowledged_marks_go),
		cmocka_unit_test(what_is_sent_again_bears_the_new_time),
		cmocka_unit_test(neighbours_sent_again_together_share_an_entry),
		cmocka_unit_test(pieces_walk_over_marks_and_repeats),
		cmocka_unit_test(sent_after_is_by_time_then_by_sequence),
		cmocka_unit_test(many_holes_share_entries_conservatively),
		cmocka_unit_test(a_rate_sample),
		cmocka_unit_test(the_newest_delivered_gives_the_sample),
		cmocka_unit_test(the_application_bounds_the_rate),
		cmocka_unit_test(duplicates_deliver_before_the_number_does),
		cmocka_unit_test(duplicates_deliver_no_more_than_is_in_flight),
		cmocka_unit_test(random_against_a_model),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
