// SPDX-License-Identifier: BSD-3-Clause
/* What a connection has of its own: attached when needed, given back when it says nothing. */
#include <errno.h>

#include "script_flight.h"

CASE(short_connection_needs_nothing_further)
{
	be_established(s);
	for (unsigned i = 0; i < 20; i++) {
		IN(s, 10 * i * MS, .seq = 1 + 64 * i, .len = 64, .ack = 1 + 64 * i);
		assert_null(s->t.own);
		app_read(s, 10 * i * MS, 64);
		app_write(s, 10 * i * MS, 64);
		OUT(s, 10 * i * MS, .seq = 1 + 64 * i, .len = 64);
	}
	IN(s, 200 * MS, .seq = 1 + 64 * 20, .flags = TCPF_ACK | TCPF_FIN);
	OUT(s, 200 * MS, .ack = 2 + 64 * 20);
	app_close(s, 200 * MS);
	OUT(s, 200 * MS, .flags = TCPF_ACK | TCPF_FIN);
	assert_null(s->t.own);
	IN(s, 201 * MS, .seq = 2 + 64 * 20);
	STATE(s, CLOSED);
}

/* A full segment in, so that the owner looks again. */
static void look(struct script *s, mt_time at, unsigned i)
{
	IN(s, at, .seq = 1 + 10 * i, .len = 10);
	app_read(s, at, 10);
	script_skip(s);
}

CASE(option_is_own_until_it_is_the_default_again)
{
	static const struct {
		enum tcp_option opt;
		uint32_t value;
	} o[] = {
		{TCP_OPT_KEEPIDLE_MS, 5000},
		{TCP_OPT_KEEPINTVL_MS, 700},
		{TCP_OPT_KEEPCNT, 3},
		{TCP_OPT_USER_TIMEOUT_MS, 9000},
	};

	be_established(s);
	for (unsigned i = 0; i < sizeof(o) / sizeof(o[0]); i++) {
		uint32_t dflt = tcp_get_option(&s->t, o[i].opt);

		assert_int_equal(app_option(s, i * MS, o[i].opt, o[i].value), 0);
		look(s, i * MS, 2 * i);
		assert_non_null(s->t.own);
		assert_int_equal(tcp_get_option(&s->t, o[i].opt), o[i].value);
		assert_int_equal(app_option(s, i * MS, o[i].opt, dflt), 0);
		look(s, i * MS, 2 * i + 1);
		assert_null(s->t.own);
		assert_int_equal(tcp_get_option(&s->t, o[i].opt), dflt);
	}
	/* Set is set: what auto-tuning may do ends, whatever the value. */
	assert_int_equal(app_option(s, 9 * MS, TCP_OPT_SNDBUF, s->cfg.sndbuf), 0);
	look(s, 9 * MS, 8);
	assert_non_null(s->t.own);
	assert_int_equal(app_option(s, 9 * MS, TCP_OPT_KEEPIDLE_MS, 1u << 31), -EINVAL);
	script_until(s, 60 * MS);
	script_skip(s);
}

CASE(option_without_memory_is_refused)
{
	be_established(s);
	s->no_own = true;
	assert_int_equal(app_option(s, 0, TCP_OPT_KEEPCNT, 3), -ENOBUFS);
	assert_int_equal(app_option(s, 0, TCP_OPT_SNDBUF, 3000), -ENOBUFS);
	assert_int_equal(script_cc(s, &cc_dctcp), -ENOBUFS);
	assert_int_equal(script_cc(s, s->cfg.cc), 0); /* no change */
	assert_int_equal(app_option(s, 0, TCP_OPT_NODELAY, 1), 0);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_KEEPCNT), s->cfg.keep_probes);
}

CASE(other_algorithm_is_own_until_it_is_the_configured_one)
{
	be_established(s);
	assert_int_equal(script_cc(s, &cc_cubic), 0);
	look(s, 0, 0);
	assert_ptr_equal(tcp_get_cc(&s->t), &cc_cubic);
	app_write(s, 0, 5000); /* what it remembers of these goes with it */
	script_skip(s);
	IN(s, 1 * MS, .seq = 11, .ack = 5001);
	assert_int_equal(script_cc(s, &cc_newreno), 0);
	look(s, 1 * MS, 1);
	assert_null(s->t.own);
	assert_ptr_equal(tcp_get_cc(&s->t), &cc_newreno);
	script_until(s, 60 * MS);
	script_skip(s);
}

CASE(reordered_ack_gives_back_what_it_asked_for)
{
	be_flying(s, 3, 10);
	IN(s, 1 * MS, .seq = 1, .ack = 1);
	assert_null(s->t.own); /* one duplicate is no loss */
	IN(s, 2 * MS, .seq = 1, .ack = 1);
	assert_non_null(s->t.own);
	IN(s, 3 * MS, .seq = 1, .ack = SEG(3));
	assert_null(s->t.own);
}

CASE(loss_is_remembered)
{
	be_flying(s, 3, 10);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .again = 1);
	assert_non_null(s->t.own);
	all_acked(s, 210 * MS);
	assert_non_null(s->t.own); /* the threshold is one of them */
	assert_int_equal(s->t.cc.ssthresh, 2000);
}

/* HyStart++ compares round trips across a pause. */
CASE(round_trips_are_remembered)
{
	s->cfg.cc = &cc_cubic;
	be_flying_sack(s, 8, 10);
	assert_non_null(script_cold(s));
	all_acked(s, 10 * MS);
	assert_null(script_cold(s));
	assert_non_null(s->t.own);
}

/* RFC 5681 3.1 as far as one can without memory: the loss counts, growth ends at ssthresh. */
CASE(loss_without_memory)
{
	s->no_own = true;
	be_flying(s, 4, 10);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .again = 1);
	assert_int_equal(s->t.cc.cwnd, 1000);
	assert_int_equal(s->t.cc.ssthresh, 2000);
	all_acked(s, 210 * MS);
	for (unsigned i = 1; i <= 6; i++) {
		app_write(s, i * 1000 * MS, 4000);
		all_acked(s, i * 1000 * MS + 10 * MS);
		assert_in_range(s->t.cc.cwnd, 1000, 2000);
	}
	assert_int_equal(s->t.cc.cwnd, 2000);
}

static void cubic_body(struct script *s, bool own)
{
	s->cfg.cc = &cc_cubic;
	be_established(s);
	if (own)
		script_take(s, TCP_WANTS_OWN);
	for (unsigned i = 0; i < 8; i++) {
		app_write(s, i * 100 * MS, 4000);
		script_skip(s);
		IN(s, i * 100 * MS + 10 * MS, .seq = 1);
		script_skip(s);
	}
}

/* plain_start promises it. */
CASE(slow_start_is_the_same_with_and_without)
{
	static struct script other;

	cubic_body(s, false);
	assert_null(s->t.own);
	script_init(&other, s->cfg.fast_path);
	cubic_body(&other, true);
	assert_int_equal(s->t.cc.cwnd, other.t.cc.cwnd);
	assert_true(s->trace == other.trace);
}

/* ---- the instants of a tcb: milliseconds and microseconds in 32 bits ---- */

static void retransmissions(struct script *s)
{
	be_established(s);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	OUT(s, 200 * MS, .len = 10, .again = 1);
	OUT(s, 600 * MS, .len = 10, .again = 1);
	OUT(s, 1400 * MS, .len = 10, .again = 1);
	IN(s, 1410 * MS, .seq = 1);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

static void delayed_acks(struct script *s)
{
	be_established(s);
	for (unsigned i = 0; i < 20; i++) {
		IN(s, 100 * i * MS, .seq = 1 + 10 * i, .len = 10);
		app_read(s, 100 * i * MS, 10);
		OUT(s, (100 * i + 40) * MS, .ack = 11 + 10 * i);
	}
}

static void keepalives(struct script *s)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_KEEPIDLE_MS, 1000);
	app_option(s, 0, TCP_OPT_KEEPINTVL_MS, 200);
	app_option(s, 0, TCP_OPT_KEEPALIVE, 1);
	OUT(s, 1000 * MS, .seq = 0);
	OUT(s, 1200 * MS, .seq = 0);
	IN(s, 1300 * MS, .seq = 1);
	OUT(s, 2300 * MS, .seq = 0);
}

static void corked(struct script *s)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_CORK, 1);
	for (unsigned i = 0; i < 4; i++) {
		app_write(s, 500 * i * MS, 10);
		OUT(s, (500 * i + 200) * MS, .len = 10);
		IN(s, (500 * i + 210) * MS, .seq = 1);
	}
}

static void orphan(struct script *s)
{
	s->cfg.fin_wait2_ms = 1500;
	be_fin_wait_2(s);
	app_close(s, 0);
	OUT_NONE(s, 1499 * MS);
	STATE(s, FIN_WAIT_2);
	OUT_NONE(s, 1500 * MS);
	STATE(s, CLOSED);
}

/* Both clocks wrap 2^32 ms after the start; nothing above comes at that very instant. */
static void timers_across_the_wrap(void **state)
{
	void (*const body[])(struct script *) = {retransmissions, delayed_acks, keepalives, corked,
						 orphan};
	mt_time t0 = script_t0, wrap = ((mt_time)UINT32_MAX + 1) * MT_MS;

	(void)state;
	for (unsigned ms = 25; ms < 2500; ms += 50) {
		script_t0 = wrap - ms * MS;
		for (unsigned i = 0; i < sizeof(body) / sizeof(body[0]); i++)
			script_twice(body[i]);
	}
	script_t0 = t0;
}

/* An instant of 0 would be none. */
static void timer_at_the_wrap_is_a_unit_late(void **state)
{
	mt_time t0 = script_t0, wrap = ((mt_time)UINT32_MAX + 1) * MT_MS;
	static struct script s;

	(void)state;
	script_t0 = wrap - 200 * MS;
	script_init(&s, true);
	be_established(&s);
	app_write(&s, 0, 10);
	assert_true(tcp_deadline(&s.t, s.now) == wrap + MT_US);
	script_t0 = t0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(short_connection_needs_nothing_further),
		T(option_is_own_until_it_is_the_default_again),
		T(option_without_memory_is_refused),
		T(other_algorithm_is_own_until_it_is_the_configured_one),
		T(reordered_ack_gives_back_what_it_asked_for),
		T(loss_is_remembered),
		T(round_trips_are_remembered),
		T(loss_without_memory),
		T(slow_start_is_the_same_with_and_without),
		T(timers_across_the_wrap),
		T(timer_at_the_wrap_is_a_unit_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
