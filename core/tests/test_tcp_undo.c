// SPDX-License-Identifier: BSD-3-Clause
/* What was no loss is taken back: F-RTO (RFC 5682), Eifel (RFC 3522, 4015), D-SACK. */
#include "script_flight.h"

#define TS_SEG(i) (1 + 988 * (i)) /* with timestamps in each */

static void expect_undone(struct script *s)
{
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	assert_true(s->t.cc.cwnd >= 9880);
}

static void expect_kept(struct script *s)
{
	assert_false(s->all_events & TCP_EV_UNDO);
	assert_true(s->t.cc.ssthresh <= 5000);
}

/* ---- F-RTO, basic (2.1) ---- */

/* Ten of twenty in flight, and a timeout. */
static void time_out(struct script *s)
{
	be_flying(s, 20, 20);
	OUT(s, 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(s->all_events & TCP_EV_RTO);
	assert_int_equal(s->t.cc.cwnd, 1000);
}

CASE(frto_spurious_timeout_is_undone)
{
	time_out(s);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 210 * MS, .seq = SEG(10), .len = 1000, .again = 0); /* 2b: two new ones */
	OUT(s, 210 * MS, .seq = SEG(11), .len = 1000, .again = 0);
	OUT_NONE(s, 210 * MS);
	IN(s, 211 * MS, .seq = 1, .ack = SEG(3)); /* 3b */
	expect_undone(s);
	for (uint32_t i = s->n_seen; i < s->n_log; i++)
		assert_false(s->log[i].again);
	script_skip(s);
	all_acked(s, 220 * MS);
}

CASE(frto_second_ack_may_be_of_all)
{
	time_out(s);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 210 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	OUT(s, 210 * MS, .seq = SEG(11), .len = 1000, .again = 0);
	IN(s, 211 * MS, .seq = 1, .ack = SEG(10)); /* 3b, and all that was in flight */
	expect_undone(s);
	script_skip(s);
	all_acked(s, 220 * MS);
}

CASE(frto_real_loss_goes_back)
{
	time_out(s);
	IN(s, 220 * MS, .seq = 1, .ack = SEG(1));
	OUT(s, 220 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	OUT(s, 220 * MS, .seq = SEG(11), .len = 1000, .again = 0);
	IN(s, 240 * MS, .seq = 1, .ack = SEG(1)); /* 3a: they tell of a hole */
	OUT(s, 240 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	assert_true(s->t.cc.cwnd <= 3000);
	expect_kept(s);
	script_skip(s);
	all_acked(s, 260 * MS);
	expect_kept(s);
}

CASE(frto_duplicate_first_goes_back)
{
	time_out(s);
	IN(s, 210 * MS, .seq = 1, .ack = 1); /* 2a */
	IN(s, 211 * MS, .seq = 1, .ack = SEG(1));
	OUT(s, 211 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 230 * MS);
	expect_kept(s);
}

CASE(frto_part_of_the_head_goes_back)
{
	time_out(s);
	IN(s, 210 * MS, .seq = 1, .ack = 600); /* 2a: not all that was sent again */
	OUT(s, 210 * MS, .seq = SEG(1), .again = 1, .len = 1000);
	script_skip(s);
	all_acked(s, 230 * MS);
	expect_kept(s);
}

CASE(frto_ack_of_all_proves_nothing)
{
	time_out(s);
	IN(s, 220 * MS, .seq = 1, .ack = SEG(10)); /* 2a */
	assert_int_equal(s->t.phase, PHASE_OPEN);
	expect_kept(s);
	script_skip(s);
	all_acked(s, 240 * MS);
}

CASE(frto_without_new_data_goes_back)
{
	be_flying(s, 10, 20);
	OUT(s, 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 210 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 230 * MS);
	expect_kept(s);
}

CASE(frto_without_window_goes_back)
{
	time_out(s);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(2), .wnd = 8000);
	OUT(s, 210 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 230 * MS);
}

CASE(frto_not_for_the_second_timeout)
{
	time_out(s);
	OUT(s, 600 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	IN(s, 610 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 610 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 630 * MS);
	expect_kept(s);
}

CASE(frto_not_within_a_recovery)
{
	be_flying(s, 20, 20);
	for (unsigned i = 0; i < 3; i++)
		IN(s, 20 * MS, .seq = 1, .ack = 1);
	script_skip(s);
	OUT(s, 220 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(s->all_events & TCP_EV_RTO);
	IN(s, 230 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 230 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 250 * MS);
	expect_kept(s);
}

CASE(frto_timeout_while_sending_new_starts_over)
{
	time_out(s);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(2));
	script_skip(s);
	script_until(s, 900 * MS); /* neither comes back */
	assert_true(s->n_log > s->n_seen);
	assert_int_equal(s->log[s->n_seen].seg.seq.v - s->iss.v, SEG(2));
	script_skip(s);
	all_acked(s, 920 * MS);
	expect_kept(s);
}

CASE(frto_restores_cubic)
{
	s->cfg.cc = &cc_cubic;
	be_flying(s, 20, 20);
	s->t.cc.ssthresh = 9000;
	s->own.cc.u.cubic.w_max = 12345;
	OUT(s, 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_int_not_equal(s->own.cc.u.cubic.w_max, 12345);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(2));
	script_skip(s);
	IN(s, 211 * MS, .seq = 1, .ack = SEG(3));
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->own.cc.u.cubic.w_max, 12345); /* RFC 9438 4.9.1 */
	assert_int_equal(s->t.cc.ssthresh, 9000);
	script_skip(s);
	all_acked(s, 230 * MS);
}

/* ---- F-RTO with SACK (3.1) ---- */

static void time_out_sack(struct script *s)
{
	be_flying_sack(s, 20, 20);
	script_until(s, 40 * MS);
	script_skip(s); /* the probe, segment 10 */
	OUT(s, 240 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_true(s->all_events & TCP_EV_RTO);
}

CASE(frto_sack_spurious_timeout_is_undone)
{
	time_out_sack(s);
	IN(s, 250 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 250 * MS, .seq = SEG(11), .len = 1000, .again = 0);
	OUT(s, 250 * MS, .seq = SEG(12), .len = 1000, .again = 0);
	IN(s, 251 * MS, .seq = 1, .ack = SEG(3));
	expect_undone(s);
	for (uint32_t i = s->n_seen; i < s->n_log; i++)
		assert_false(s->log[i].again);
	script_skip(s);
	all_acked(s, 260 * MS);
}

CASE(frto_sack_before_the_head_is_noted)
{
	time_out_sack(s);
	IN(s, 245 * MS, .seq = 1, .ack = 1, SACK1(5, 6));
	OUT_NONE(s, 245 * MS);
	IN(s, 260 * MS, .seq = 1, .ack = SEG(1), SACK1(5, 6));
	OUT(s, 260 * MS, .seq = SEG(11), .len = 1000, .again = 0);
	OUT(s, 260 * MS, .seq = SEG(12), .len = 1000, .again = 0);
	/* They arrive, 1 to 4 do not. */
	IN(s, 280 * MS, .seq = 1, .ack = SEG(1), .n_sack = 2,
	   .sack = {SEG(11), SEG(12), SEG(5), SEG(6)});
	OUT(s, 280 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	script_skip(s);
	all_acked(s, 300 * MS);
	expect_kept(s);
}

/* ---- Eifel ---- */

static void time_out_ts(struct script *s)
{
	s->peer_opts |= TCPO_TS;
	be_flying(s, 20, 20);
	OUT(s, 200 * MS, .seq = 1, .len = 988, .again = 1);
}

CASE(eifel_old_echo_undoes_a_timeout)
{
	time_out_ts(s);
	IN(s, 210 * MS, .seq = 1, .ack = TS_SEG(1), .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	expect_undone(s);
	OUT(s, 210 * MS, .seq = TS_SEG(10), .len = 988, .again = 0);
	script_skip(s);
	all_acked(s, 220 * MS);
}

CASE(eifel_series_of_timeouts_is_undone)
{
	time_out_ts(s);
	OUT(s, 600 * MS, .seq = 1, .len = 988, .again = 1);
	IN(s, 610 * MS, .seq = 1, .ack = TS_SEG(1), .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	expect_undone(s);
	script_skip(s);
	all_acked(s, 620 * MS);
}

CASE(eifel_echo_of_the_retransmission_undoes_nothing)
{
	time_out_ts(s);
	IN(s, 210 * MS, .seq = 1, .ack = TS_SEG(10), .tsecr = (uint32_t)(OUR_TSOFF + 1000200u));
	expect_kept(s);
	script_skip(s);
	all_acked(s, 230 * MS);
}

CASE(eifel_old_echo_undoes_a_fast_recovery)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {TS_SEG(1), TS_SEG(6)});
	OUT(s, 20 * MS, .seq = 1, .len = 988, .again = 1);
	IN(s, 21 * MS, .seq = 1, .ack = TS_SEG(6), .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	expect_undone(s);
	assert_true(s->t.xflags & XF_REORDERED);
	OUT_NONE(s, 22 * MS);
	all_acked(s, 41 * MS);
}

/* RFC 8985 7.2: new data behind what is SACKed is not probed for. */
CASE(eifel_what_is_sacked_still_forbids_a_probe)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 20, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {TS_SEG(2), TS_SEG(8)});
	OUT(s, 20 * MS, .seq = 1, .len = 988, .again = 1);
	OUT(s, 20 * MS, .seq = TS_SEG(1), .len = 988, .again = 1);
	script_skip(s);
	IN(s, 21 * MS, .seq = 1, .ack = TS_SEG(1), .n_sack = 1, .sack = {TS_SEG(2), TS_SEG(8)},
	   .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	expect_undone(s);
	script_skip(s);
	OUT_NONE(s, 200 * MS);
	assert_false(s->all_events & TCP_EV_TLP);
	all_acked(s, 200 * MS);
}

CASE(eifel_counts_the_first_advance_only)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {TS_SEG(1), TS_SEG(6)});
	OUT(s, 20 * MS, .seq = 1, .len = 988, .again = 1);
	IN(s, 41 * MS, .seq = 1, .ack = TS_SEG(6), .tsecr = (uint32_t)(OUR_TSOFF + 1000020u));
	script_skip(s);
	IN(s, 42 * MS, .seq = 1, .ack = TS_SEG(7), .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	expect_kept(s);
	script_skip(s);
	all_acked(s, 61 * MS);
}

/* ---- D-SACK ---- */

static void recover(struct script *s)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 5));
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
}

CASE(dsack_of_all_that_was_sent_again_undoes)
{
	recover(s);
	IN(s, 21 * MS, .seq = 1, .ack = SEG(5)); /* the original */
	expect_kept(s);
	IN(s, 41 * MS, .seq = 1, .ack = SEG(9), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.cc.cwnd, 10000);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	script_skip(s);
	all_acked(s, 60 * MS);
}

/* Nor is it a duplicate acknowledgment (RFC 6675 2): it tells of no segment that has left. */
CASE(dsack_alone_begins_no_recovery)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(3));
	for (uint32_t i = 0; i < 3; i++)
		IN(s, 21 * MS, .seq = 1, .ack = SEG(3), .n_sack = 1, .sack = {SEG(i), SEG(i + 1)});
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.n_dup, 0);
	OUT_NONE(s, 22 * MS);
	all_acked(s, 22 * MS);
}

CASE(dsack_after_the_recovery_undoes)
{
	recover(s);
	app_write(s, 20 * MS, 3000);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1, .ack = SEG(10));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	expect_kept(s);
	IN(s, 41 * MS, .seq = 1, .ack = SEG(10), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	script_skip(s);
	all_acked(s, 60 * MS);
}

/* Another reason to reduce the window stands, as the D-SACK tells of the recovery only. */
CASE(dsack_after_an_ece_takes_nothing_back)
{
	s->peer_flags = TCPF_ECE | TCPF_CWR;
	recover(s);
	app_write(s, 20 * MS, 3000);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1, .ack = SEG(10));
	script_skip(s);
	IN(s, 40 * MS, .seq = 1, .ack = SEG(11), .flags = TCPF_ACK | TCPF_ECE);
	assert_true(s->ev.flags & TCP_EV_ECE);
	assert_int_equal(s->t.cc.ssthresh, 2000);
	IN(s, 41 * MS, .seq = 1, .ack = SEG(11), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_false(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.cc.ssthresh, 2000);
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(dsack_after_a_probe_that_repaired_takes_nothing_back)
{
	uint32_t kept;

	recover(s);
	app_write(s, 20 * MS, 2000);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1, .ack = SEG(10));
	script_skip(s);
	OUT(s, 62 * MS, .seq = SEG(11), .len = 1000, .again = 1);
	IN(s, 64 * MS, .seq = 1, .ack = SEG(12));
	app_write(s, 64 * MS, 1000);
	script_skip(s);
	kept = s->t.cc.ssthresh;
	IN(s, 84 * MS, .seq = 1, .ack = SEG(13));
	assert_true(s->t.cc.ssthresh < kept);
	kept = s->t.cc.ssthresh;
	IN(s, 85 * MS, .seq = 1, .ack = SEG(13), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_false(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.cc.ssthresh, kept);
	all_acked(s, 100 * MS);
}

/* A probe of what was sent later is none of the recovery's retransmissions. */
CASE(dsack_after_a_later_probe_undoes)
{
	recover(s);
	app_write(s, 20 * MS, 2000);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1, .ack = SEG(10));
	script_skip(s);
	OUT(s, 62 * MS, .seq = SEG(11), .len = 1000, .again = 1);
	IN(s, 64 * MS, .seq = 1, .ack = SEG(10), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_true(s->ev.flags & TCP_EV_UNDO);
	script_skip(s);
	all_acked(s, 70 * MS);
}

/* The probe of the tail left before the fifth was found lost, and arrives twice. */
static void recover_behind_a_probe(struct script *s)
{
	be_flying_sack(s, 10, 20);
	OUT(s, 40 * MS, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, 45 * MS, .seq = 1, .ack = SEG(4), SACK1(5, 9));
	OUT(s, 45 * MS, .seq = SEG(4), .len = 1000, .again = 1);
	IN(s, 45 * MS, .seq = 1, .ack = SEG(4), SACK1(5, 10));
	IN(s, 60 * MS, .seq = 1, .ack = SEG(4), .n_sack = 2,
	   .sack = {SEG(9), SEG(10), SEG(5), SEG(10)});
	assert_false(s->all_events & TCP_EV_UNDO);
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
	assert_int_equal(s->cold.rack.mult, 1); /* nor was it reordering */
}

CASE(dsack_of_a_probe_does_not_undo)
{
	recover_behind_a_probe(s);
	IN(s, 65 * MS, .seq = 1, .ack = SEG(10));
	expect_kept(s);
	script_skip(s);
	all_acked(s, 80 * MS);
	expect_kept(s);
}

CASE(dsack_of_all_but_the_probe_undoes)
{
	recover_behind_a_probe(s);
	IN(s, 65 * MS, .seq = 1, .ack = SEG(10), .n_sack = 1, .sack = {SEG(4), SEG(5)});
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	script_skip(s);
	all_acked(s, 80 * MS);
}

/* It arrives while nothing is known to be lost. */
CASE(dsack_of_a_probe_above_a_hole_ends_its_episode)
{
	be_flying_sack(s, 10, 20);
	OUT(s, 40 * MS, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, 50 * MS, .seq = 1, .ack = SEG(8), .n_sack = 2,
	   .sack = {SEG(9), SEG(10), SEG(9), SEG(10)});
	assert_false(s->t.xflags & (XF_TLP | XF_TLP_AGAIN));
	assert_int_equal(s->cold.rack.mult, 1);
	IN(s, 51 * MS, .seq = 1, .ack = SEG(10));
	app_write(s, 51 * MS, 1000);
	script_skip(s);
	IN(s, 80 * MS, .seq = 1, .ack = SEG(11)); /* it repaired nothing */
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
}

CASE(dsack_of_a_part_does_not_undo)
{
	recover(s);
	IN(s, 41 * MS, .seq = 1, .ack = SEG(5), .n_sack = 1, .sack = {1, 900});
	expect_kept(s);
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(dsack_again_does_not_undo_again)
{
	recover(s);
	IN(s, 21 * MS, .seq = 1, .ack = SEG(5));
	IN(s, 41 * MS, .seq = 1, .ack = SEG(8), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_true(s->ev.flags & TCP_EV_UNDO);
	IN(s, 42 * MS, .seq = 1, .ack = SEG(8), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_false(s->ev.flags & TCP_EV_UNDO);
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(dsack_before_anything_was_sent_again_does_not_undo)
{
	be_flying_sack(s, 10, 20);
	s->hold = true;
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 5));
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
	IN(s, 21 * MS, .seq = 1, .ack = SEG(5), .n_sack = 1, .sack = {SEG(1), SEG(2)});
	assert_false(s->all_events & TCP_EV_UNDO);
	s->hold = false;
	script_flush(s);
	script_skip(s);
	all_acked(s, 40 * MS);
}

CASE(dsack_of_what_was_sent_after_the_recovery_does_not_undo)
{
	recover(s);
	app_write(s, 20 * MS, 3000);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1, .ack = SEG(10));
	script_skip(s);
	app_write(s, 23 * MS, 3000);
	script_skip(s);
	IN(s, 42 * MS, .seq = 1, .ack = SEG(13), .n_sack = 1, .sack = {SEG(11), SEG(12)});
	expect_kept(s);
	script_skip(s);
	all_acked(s, 60 * MS);
}

/* Nothing was sent again yet that an echo could be older than. */
CASE(eifel_hostile_echo_before_anything_was_sent_again)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 9, 20);
	s->hold = true;
	IN(s, 20 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {TS_SEG(1), TS_SEG(5)});
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
	IN(s, 21 * MS, .seq = 1, .ack = TS_SEG(5), .tsecr = (uint32_t)(OUR_TSOFF - 5u));
	assert_false(s->all_events & TCP_EV_UNDO);
	s->hold = false;
	script_flush(s);
	script_skip(s);
	all_acked(s, 40 * MS);
}

/* The duplicates of the recovery that was none don't begin the next. */
CASE(eifel_undo_forgets_duplicates_and_losses)
{
	s->peer_opts |= TCPO_TS;
	be_flying(s, 9, 20);
	for (unsigned i = 0; i < 5; i++)
		IN(s, 20 * MS, .seq = 1, .ack = 1);
	OUT(s, 20 * MS, .seq = 1, .len = 988, .again = 1);
	script_skip(s);
	IN(s, 21 * MS, .seq = 1, .ack = TS_SEG(2), .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.n_dup, 0);
	script_skip(s);
	all_acked(s, 40 * MS);
}

CASE(eifel_undo_of_a_timeout_finds_nothing_lost)
{
	s->peer_opts |= TCPO_TS;
	be_flying_sack(s, 9, 20);
	script_until(s, 300 * MS);
	assert_true(s->all_events & TCP_EV_RTO);
	assert_true(rack_lost_bytes(&s->t) > 0);
	script_skip(s);
	IN(s, 301 * MS, .seq = 1, .ack = TS_SEG(1), .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(rack_lost_bytes(&s->t), 0);
	script_skip(s);
	all_acked(s, 320 * MS);
}

CASE(dsack_of_something_else_does_not_undo)
{
	recover(s);
	IN(s, 41 * MS, .seq = 1, .ack = SEG(5), .n_sack = 1,
	   .sack = {(uint32_t)-5000, (uint32_t)-3000});
	expect_kept(s);
	script_skip(s);
	all_acked(s, 60 * MS);
}

CASE(dsack_without_recovery_undoes_nothing)
{
	be_flying_sack(s, 10, 20);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(5), .n_sack = 1, .sack = {SEG(0), SEG(5)});
	assert_false(s->all_events & TCP_EV_UNDO);
	script_skip(s);
	all_acked(s, 40 * MS);
}

CASE(dsack_undoes_a_timeout)
{
	be_flying_sack(s, 10, 20);
	script_until(s, 40 * MS);
	script_skip(s);
	OUT(s, 240 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	app_write(s, 245 * MS, 3000);
	IN(s, 245 * MS, .seq = 1, .ack = SEG(10));
	expect_kept(s);
	script_skip(s);
	IN(s, 262 * MS, .seq = 1, .ack = SEG(10), .n_sack = 1, .sack = {SEG(0), SEG(1)});
	assert_true(s->ev.flags & TCP_EV_UNDO);
	assert_int_equal(s->t.cc.ssthresh, UINT32_MAX);
	script_skip(s);
	all_acked(s, 280 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frto_spurious_timeout_is_undone),
		T(frto_second_ack_may_be_of_all),
		T(frto_real_loss_goes_back),
		T(frto_duplicate_first_goes_back),
		T(frto_part_of_the_head_goes_back),
		T(frto_ack_of_all_proves_nothing),
		T(frto_without_new_data_goes_back),
		T(frto_without_window_goes_back),
		T(frto_not_for_the_second_timeout),
		T(frto_not_within_a_recovery),
		T(frto_timeout_while_sending_new_starts_over),
		T(frto_restores_cubic),
		T(frto_sack_spurious_timeout_is_undone),
		T(frto_sack_before_the_head_is_noted),
		T(eifel_old_echo_undoes_a_timeout),
		T(eifel_series_of_timeouts_is_undone),
		T(eifel_what_is_sacked_still_forbids_a_probe),
		T(eifel_echo_of_the_retransmission_undoes_nothing),
		T(eifel_old_echo_undoes_a_fast_recovery),
		T(eifel_counts_the_first_advance_only),
		T(dsack_of_all_that_was_sent_again_undoes),
		T(dsack_after_the_recovery_undoes),
		T(dsack_after_an_ece_takes_nothing_back),
		T(dsack_after_a_probe_that_repaired_takes_nothing_back),
		T(dsack_after_a_later_probe_undoes),
		T(dsack_alone_begins_no_recovery),
		T(dsack_of_a_probe_does_not_undo),
		T(dsack_of_all_but_the_probe_undoes),
		T(dsack_of_a_probe_above_a_hole_ends_its_episode),
		T(dsack_of_a_part_does_not_undo),
		T(dsack_of_something_else_does_not_undo),
		T(dsack_without_recovery_undoes_nothing),
		T(dsack_undoes_a_timeout),
		T(dsack_again_does_not_undo_again),
		T(dsack_before_anything_was_sent_again_does_not_undo),
		T(dsack_of_what_was_sent_after_the_recovery_does_not_undo),
		T(eifel_hostile_echo_before_anything_was_sent_again),
		T(eifel_undo_forgets_duplicates_and_losses),
		T(eifel_undo_of_a_timeout_finds_nothing_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
