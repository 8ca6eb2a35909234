// SPDX-License-Identifier: BSD-3-Clause
/* Loss: fast retransmit and NewReno (RFC 6582), SACK (RFC 6675), limited transmit (RFC 3042), RTO
 * (RFC 6298), keepalive and user timeout. */
#include <errno.h>

#include "script_flight.h"

/* n segments of 1000 in flight at time 0; the round trip so far is 0. */
static void in_flight(struct script *s, uint32_t n)
{
	be_established(s);
	app_write(s, 0, n * 1000);
	script_skip(s);
}

#define REO (15 * MS + MT_US) /* 10 ms of RACK.rtt and a quarter of 20, sent at 0 */

/* ---- NewReno ---- */

CASE(third_duplicate_retransmits)
{
	in_flight(s, 10);
	IN(s, 10 * MS, .seq = 1, .ack = 1);
	IN(s, 10 * MS, .seq = 1, .ack = 1);
	OUT_NONE(s, 10 * MS);
	IN(s, 10 * MS, .seq = 1, .ack = 1);
	assert_true(s->ev.flags & TCP_EV_RETRANSMIT);
	OUT(s, 10 * MS, .seq = 1, .len = 1000, .off = 0, .again = 1);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	assert_int_equal(s->t.snd_nxt.v - s->iss.v, SEG(10)); /* fault 8: not pulled back */
	IN(s, 20 * MS, .seq = 1);
	assert_int_equal(s->ev.n_acked, 10000);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->t.cc.cwnd, 2000); /* nothing in flight: no burst */
}

CASE(limited_transmit)
{
	be_established(s);
	app_write(s, 0, 20000);
	script_skip(s); /* ten are out */
	IN(s, 10 * MS, .seq = 1, .ack = 1);
	OUT(s, 10 * MS, .seq = SEG(10), .len = 1000);
	IN(s, 11 * MS, .seq = 1, .ack = 1);
	OUT(s, 11 * MS, .seq = SEG(11), .len = 1000);
	IN(s, 12 * MS, .seq = 1, .ack = 1);
	OUT(s, 12 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 12 * MS);
	script_skip(s);
	IN(s, 13 * MS, .seq = 1);
	script_skip(s);
}

CASE(newreno_inflates_and_partial_acks_retransmit)
{
	be_established(s);
	app_write(s, 0, 30000);
	script_skip(s);
	for (unsigned i = 0; i < 2; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	script_skip(s); /* limited transmit: 10, 11 */
	IN(s, 10 * MS, .seq = 1, .ack = 1);
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	/* ssthresh 5000 (what limited transmit added does not count), 12 out: seven more duplicates
	 * until a new one fits */
	for (unsigned i = 0; i < 4; i++)
		IN(s, 11 * MS, .seq = 1, .ack = 1);
	OUT_NONE(s, 11 * MS);
	IN(s, 12 * MS, .seq = 1, .ack = 1);
	OUT(s, 12 * MS, .seq = SEG(12), .len = 1000);
	/* Segment 3 was lost, too. */
	IN(s, 20 * MS, .seq = 1, .ack = SEG(3));
	OUT(s, 20 * MS, .seq = SEG(3), .len = 1000, .again = 1);
	OUT(s, 20 * MS, .seq = SEG(13), .len = 1000); /* 10 out, 6 of 8 duplicates left: 4 of 5 */
	OUT_NONE(s, 20 * MS);
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
	IN(s, 30 * MS, .seq = 1);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	script_skip(s);
	IN(s, 31 * MS, .seq = 1);
	script_skip(s);
	IN(s, 32 * MS, .seq = 1);
	script_skip(s);
}

CASE(fault_08_window_updates_are_no_duplicates)
{
	in_flight(s, 10);
	for (unsigned i = 0; i < 6; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1, .wnd = 50000 + (int)i);
	OUT_NONE(s, 100 * MS);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	IN(s, 100 * MS, .seq = 1);
}

CASE(data_segments_are_no_duplicates)
{
	in_flight(s, 10);
	for (unsigned i = 0; i < 6; i++)
		IN(s, 10 * MS, .seq = 1 + 10 * i, .ack = 1, .len = 10);
	OUT(s, 50 * MS, .len = 0);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	IN(s, 60 * MS, .seq = 61);
}

CASE(duplicates_with_nothing_in_flight_mean_nothing)
{
	be_established(s);
	for (unsigned i = 0; i < 10; i++)
		IN(s, 0, .seq = 1, .ack = 1);
	app_write(s, 0, 10);
	OUT(s, 0, .len = 10);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	IN(s, 1 * MS, .seq = 1);
}

CASE(duplicates_after_newreno_recovery_do_not_start_another)
{
	in_flight(s, 10);
	for (unsigned i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	script_skip(s);
	app_write(s, 20 * MS, 5000);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(10));
	script_skip(s);
	assert_int_equal(s->t.phase, PHASE_OPEN);
	for (unsigned i = 0; i < 5; i++)
		IN(s, 21 * MS, .seq = 1, .ack = SEG(10));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1);
	script_skip(s);
	IN(s, 23 * MS, .seq = 1);
	script_skip(s);
}

/* ---- SACK ---- */

CASE(sack_retransmits_only_the_hole)
{
	be_flying_sack(s, 10, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 2));
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 3));
	OUT_NONE(s, 10 * MS);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	assert_true(s->ev.flags & TCP_EV_RETRANSMIT);
	OUT(s, 10 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	for (unsigned i = 5; i <= 10; i++)
		IN(s, 11 * MS, .seq = 1, .ack = 1, SACK1(1, i));
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1);
	OUT_NONE(s, 1000 * MS);
	assert_null(script_cold(s));
}

CASE(sack_two_holes_in_one_round_trip)
{
	be_flying_sack(s, 10, 20);
	IN(s, 10 * MS, .seq = 1, .ack = SEG(1));
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = SEG(1), .n_sack = 2,
	   .sack = {SEG(5), SEG(10), SEG(2), SEG(4)});
	OUT(s, 10 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	OUT(s, 10 * MS, .seq = SEG(4), .len = 1000, .again = 1);
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1);
}

CASE(sack_new_data_while_recovering)
{
	be_flying_sack(s, 40, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	OUT_NONE(s, 10 * MS); /* pipe 7 of 5 */
	IN(s, 11 * MS, .seq = 1, .ack = 1, SACK1(1, 6));
	OUT_NONE(s, 11 * MS);
	IN(s, 12 * MS, .seq = 1, .ack = 1, SACK1(1, 7));
	OUT(s, 12 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	OUT_NONE(s, 12 * MS);
	IN(s, 20 * MS, .seq = 1);
	script_skip(s);
	IN(s, 21 * MS, .seq = 1);
	script_skip(s);
	IN(s, 22 * MS, .seq = 1);
	script_skip(s);
	IN(s, 23 * MS, .seq = 1);
	script_skip(s);
	IN(s, 24 * MS, .seq = 1);
	script_skip(s);
	IN(s, 25 * MS, .seq = 1);
	script_skip(s);
	IN(s, 26 * MS, .seq = 1); /* the recovery's end left no burst: cwnd grew from the flight */
	OUT_NONE(s, 1000 * MS);
}

CASE(sack_rescues_a_lost_tail)
{
	be_flying_sack(s, 10, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 6));
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	OUT_NONE(s, 20 * MS);
	/* 6..9 were lost as well: what was sent after them has arrived. */
	IN(s, 30 * MS, .seq = 1, .ack = SEG(6));
	for (unsigned i = 6; i < 10; i++)
		OUT(s, 30 * MS, .seq = SEG(i), .len = 1000, .again = 1);
	OUT_NONE(s, 40 * MS);
	IN(s, 40 * MS, .seq = 1);
}

CASE(fault_08_sack_across_the_wrap)
{
	be_flying_sack(s, 10, 20); /* the wrap is inside segment 0 */
	assert_true(seq_add(s->iss, 1000).v < 1000);
	IN(s, 10 * MS, .seq = 1, .ack = 1, .n_sack = 3,
	   .sack = {SEG(5), SEG(6), SEG(3), SEG(4), SEG(1), SEG(2)});
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	IN(s, 20 * MS, .seq = 1);
	assert_null(script_cold(s)); /* purged */
}

CASE(fault_08_what_was_acknowledged_is_purged)
{
	be_flying_sack(s, 10, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(2, 4));
	assert_int_equal(s->cold.board.n, 1);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(4));
	assert_int_equal(s->cold.board.n, 0);
	IN(s, 30 * MS, .seq = 1);
	script_skip(s);
}

CASE(fault_08_snd_nxt_stays_at_a_fast_retransmit)
{
	in_flight(s, 10);
	for (unsigned i = 0; i < 3; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1);
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	assert_int_equal(s->t.snd_nxt.v - s->iss.v, SEG(10));
	IN(s, 20 * MS, .seq = 1, .ack = SEG(10));
	app_write(s, 20 * MS, 1000);
	OUT(s, 20 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	IN(s, 30 * MS, .seq = 1);
}

CASE(sack_blocks_for_what_was_not_sent_are_ignored)
{
	be_flying_sack(s, 5, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(20, 30));
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(3, 2));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	OUT_NONE(s, 20 * MS);
	IN(s, 20 * MS, .seq = 1);
}

/* Messages of 100 bytes; the third and the fifth are lost, and a segment may be sent for them. */
CASE(sack_lost_messages_ask_for_their_own_room_only)
{
	s->peer_opts |= TCPO_SACK_PERM;
	in_flight(s, 0);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	rtt_init(&s->t.rtt);
	rtt_sample(&s->t.rtt, 20000);
	for (unsigned i = 0; i < 20; i++)
		app_write(s, 0, 100);
	script_skip(s);
	IN(s, 20 * MS, .seq = 1, .ack = 201, .n_sack = 2, .sack = {301, 401, 501, 801});
	OUT(s, 25 * MS + MT_US, .seq = 201, .len = 100, .again = 1);
	OUT(s, 25 * MS + MT_US, .seq = 401, .len = 100, .again = 1);
	app_write(s, 26 * MS, 100);
	OUT(s, 26 * MS, .seq = 2001, .len = 100, .again = 0);
	all_acked(s, 45 * MS);
}

/* RFC 6675 5: NextSeg rule 1 before rule 2. */
CASE(sack_small_messages_do_not_overtake_what_is_lost)
{
	s->cfg.init_cwnd = 20;
	be_flying_sack(s, 20, 20);
	app_option(s, 0, TCP_OPT_NODELAY, 1);
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(2, 5)); /* worth a segment and a half */
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	app_write(s, 20 * MS, 100);
	OUT_NONE(s, 20 * MS);
	IN(s, 21 * MS, .seq = 1, .ack = 1, SACK1(2, 6));
	OUT(s, 21 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	OUT_NONE(s, 21 * MS);
	IN(s, 22 * MS, .seq = 1, .ack = 1, SACK1(2, 7));
	OUT(s, 22 * MS, .seq = SEG(20), .len = 100, .again = 0);
	all_acked(s, 40 * MS);
}

/* draft-cardwell-iccrg-bbr 4.2.3.4: what leaves the network may enter it, losses may not. */
CASE(bbr_conserves_what_is_in_the_network)
{
	s->cfg.cc = &cc_bbr;
	be_flying_sack(s, 10, 20);
	script_until(s, 19 * MS); /* all of the schedule */
	script_skip(s);
	IN(s, 40 * MS, .seq = 1, .ack = 1, SACK1(1, 4));
	assert_int_equal(s->t.phase, PHASE_RECOVERY);
	assert_int_equal(s->t.cc.cwnd, 9000); /* six in the network, three delivered */
	OUT(s, 40 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	script_skip(s);
	IN(s, 41 * MS, .seq = 1, .ack = 1, .n_sack = 2, .sack = {SEG(8), SEG(9), SEG(1), SEG(4)});
	assert_int_equal(s->t.cc.cwnd, 5000);
	script_skip(s);
	all_acked(s, 90 * MS);
}

CASE(sack_without_memory_is_newreno)
{
	s->no_cold = true;
	be_flying_sack(s, 10, 20);
	for (unsigned i = 2; i < 5; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, i));
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	IN(s, 20 * MS, .seq = 1);
}

/* Its timer, too: the retransmission of the head starts it again. */
CASE(sack_takes_over_a_recovery_of_newreno)
{
	s->no_cold = true;
	be_flying_sack(s, 10, 20);
	for (unsigned i = 2; i < 5; i++)
		IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, i));
	OUT(s, 10 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	IN(s, 20 * MS, .seq = 1, .ack = SEG(4));
	OUT(s, 20 * MS, .seq = SEG(4), .again = 1, .len = 1000);
	assert_true(s->t.flags & TF_RENO_PARTIAL);
	s->no_cold = false;
	IN(s, 30 * MS, .seq = 1, .ack = SEG(4), SACK1(5, 9));
	assert_false(s->t.flags & TF_RENO_PARTIAL);
	app_write(s, 30 * MS, 1000);
	OUT(s, 30 * MS, .seq = SEG(10), .len = 1000);
	IN(s, 50 * MS, .seq = 1, .ack = SEG(4), SACK1(5, 11));
	OUT(s, 50 * MS, .seq = SEG(4), .again = 1, .len = 1000);
	OUT(s, 250 * MS, .seq = SEG(4), .again = 1, .len = 1000);
	all_acked(s, 260 * MS);
}

CASE(sack_not_negotiated_is_ignored)
{
	in_flight(s, 10);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 9));
	assert_int_equal(s->t.phase, PHASE_OPEN);
	assert_int_equal(s->cold.board.n, 0);
	OUT_NONE(s, 100 * MS);
	IN(s, 100 * MS, .seq = 1);
}

CASE(sacked_segments_are_not_sent_again_after_a_timeout)
{
	be_flying_sack(s, 4, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(1, 3));
	OUT(s, REO, .seq = SEG(0), .len = 1000, .again = 1);
	OUT(s, REO + 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 250 * MS);
	IN(s, 250 * MS, .seq = 1, .ack = SEG(3));
	OUT(s, 250 * MS, .seq = SEG(3), .len = 1000, .again = 1);
	IN(s, 260 * MS, .seq = 1);
	OUT_NONE(s, 5000 * MS);
}

CASE(after_a_timeout_the_tail_above_the_sacked_is_sent_too)
{
	be_flying_sack(s, 5, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, .n_sack = 2, .sack = {SEG(3), SEG(4), SEG(1), SEG(2)});
	OUT(s, REO, .seq = SEG(0), .len = 1000, .again = 1);
	OUT(s, REO + 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	IN(s, 250 * MS, .seq = 1, .ack = SEG(2));
	OUT(s, 250 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	OUT(s, 250 * MS, .seq = SEG(4), .len = 1000, .again = 1);
	IN(s, 260 * MS, .seq = 1);
}

CASE(cold_attached_for_many_segments_only)
{
	be_established(s);
	app_write(s, 0, 4000);
	assert_null(script_cold(s));
	app_write(s, 0, 1);
	assert_non_null(script_cold(s));
	assert_int_equal(s->cold.xmit.n, 1); /* what had left before has a time, too */
	script_skip(s);
	IN(s, 10 * MS, .seq = 1, .ack = SEG(4));
	assert_non_null(script_cold(s));
	OUT(s, 10 * MS, .seq = SEG(4), .len = 1);
	IN(s, 20 * MS, .seq = 1);
	assert_null(script_cold(s));
}

CASE(cold_without_holes_leaves_the_fast_path)
{
	be_flying_sack(s, 10, 20);
	IN(s, 10 * MS, .seq = 1, .ack = SEG(2));
	assert_int_equal(s->ev.flags & TCP_EV_FAST, s->cfg.fast_path ? TCP_EV_FAST : 0);
	assert_int_equal(s->cold.xmit.delivered, 2000);
	IN(s, 11 * MS, .seq = 1, .ack = SEG(2), SACK1(3, 4));
	assert_int_equal(s->cold.xmit.delivered, 3000);
	IN(s, 12 * MS, .seq = 1, .ack = SEG(3));
	assert_false(s->ev.flags & TCP_EV_FAST);
	assert_int_equal(s->cold.xmit.delivered, 4000); /* each byte once */
	script_skip(s);
	IN(s, 20 * MS, .seq = 1);
}

CASE(reneging_is_survived)
{
	be_flying_sack(s, 6, 20);
	IN(s, 10 * MS, .seq = 1, .ack = 1, SACK1(2, 4));
	OUT(s, REO, .seq = SEG(0), .again = 1, .len = 1000);
	OUT(s, REO + 200 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	OUT(s, REO + 600 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	IN(s, 650 * MS, .seq = 1, .ack = SEG(1));
	/* A series of timeouts: the board is forgotten. */
	OUT(s, 650 * MS, .seq = SEG(1), .again = 1, .len = 1000);
	OUT(s, 650 * MS, .seq = SEG(2), .again = 1, .len = 1000);
	IN(s, 660 * MS, .seq = 1);
}

/* ---- timeout ---- */

CASE(rto_floor_backoff_and_end)
{
	s->cfg.data_retries = 5;
	in_flight(s, 1);
	for (unsigned i = 0, at = 0; i < 5; i++) {
		at += 200u << i;
		OUT(s, at * MS, .seq = 1, .len = 1000, .again = 1);
		assert_true(s->ev.flags & TCP_EV_RTO);
	}
	assert_int_equal(s->t.cc.ssthresh, 2000); /* once */
	assert_int_equal(s->t.cc.cwnd, 1000);
	OUT_NONE(s, 60000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
}

CASE(rto_reduces_once_in_a_series)
{
	in_flight(s, 10);
	OUT(s, 200 * MS, .seq = 1, .len = 1000, .again = 1);
	OUT(s, 600 * MS, .seq = 1, .len = 1000, .again = 1);
	assert_int_equal(s->t.cc.ssthresh, 5000);
	IN(s, 610 * MS, .seq = 1);
}

CASE(rto_goes_back_and_slow_starts)
{
	in_flight(s, 10);
	OUT(s, 200 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT_NONE(s, 210 * MS);
	assert_int_equal(s->t.snd_nxt.v - s->iss.v, SEG(10));
	IN(s, 210 * MS, .seq = 1, .ack = SEG(1));
	OUT(s, 210 * MS, .seq = SEG(1), .len = 1000, .again = 1);
	OUT(s, 210 * MS, .seq = SEG(2), .len = 1000, .again = 1);
	OUT_NONE(s, 220 * MS);
	IN(s, 220 * MS, .seq = 1, .ack = SEG(10)); /* they had been there */
	assert_int_equal(s->t.phase, PHASE_OPEN);
	app_write(s, 220 * MS, 1000);
	OUT(s, 220 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	IN(s, 221 * MS, .seq = 1);
}

CASE(new_data_after_a_timeout)
{
	in_flight(s, 2);
	OUT(s, 200 * MS, .seq = SEG(0), .again = 1, .len = 1000);
	app_write(s, 201 * MS, 3000);
	OUT_NONE(s, 210 * MS);
	IN(s, 210 * MS, .seq = 1, .ack = SEG(1));
	OUT(s, 210 * MS, .seq = SEG(1), .again = 1, .len = 1000);
	OUT(s, 210 * MS, .seq = SEG(2), .again = 0, .len = 1000);
	IN(s, 220 * MS, .seq = 1, .ack = SEG(3));
	OUT(s, 220 * MS, .seq = SEG(3), .len = 1000);
	OUT(s, 220 * MS, .seq = SEG(4), .len = 1000);
	IN(s, 230 * MS, .seq = 1);
}

CASE(acks_put_the_timer_off)
{
	in_flight(s, 10);
	for (unsigned i = 1; i < 10; i++) {
		IN(s, i * 150 * MS, .seq = 1, .ack = SEG(i));
		OUT_NONE(s, i * 150 * MS);
	}
	script_until(s, 1350 * MS);
	mt_time at = tcp_deadline(&s->t, s->now) - SCRIPT_T0;

	assert_true(at > 1500 * MS);
	OUT(s, at, .seq = SEG(9), .len = 1000, .again = 1);
	IN(s, at, .seq = 1);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

CASE(fault_07_rtt_without_timestamps)
{
	be_established(s);
	for (unsigned i = 0; i < 30; i++) {
		app_write(s, i * 1000 * MS, 100);
		script_skip(s);
		IN(s, i * 1000 * MS + 100 * MS, .seq = 1);
	}
	assert_in_range(rtt_srtt_us(&s->t.rtt), 90000, 110000);
}

CASE(rtt_with_timestamps_across_a_retransmission)
{
	s->peer_opts |= TCPO_TS;
	in_flight(s, 1);
	script_until(s, 200 * MS);
	script_skip(s);
	uint32_t before = rtt_srtt_us(&s->t.rtt);

	/* The echo says which of the two was acknowledged: 300 ms. */
	IN(s, 300 * MS, .seq = 1, .tsecr = (uint32_t)(OUR_TSOFF + 1000000u));
	assert_true(rtt_srtt_us(&s->t.rtt) > before + 20000);
	script_skip(s);
}

CASE(karn_without_timestamps)
{
	in_flight(s, 1);
	script_until(s, 200 * MS);
	script_skip(s);
	uint32_t before = rtt_srtt_us(&s->t.rtt);

	IN(s, 300 * MS, .seq = 1);
	assert_int_equal(rtt_srtt_us(&s->t.rtt), before);
}

/* New data of a recovery is acknowledged only when the hole is mended: that is no round trip. */
CASE(karn_within_a_recovery)
{
	uint32_t srtt;

	be_flying_sack(s, 30, 20);
	srtt = s->t.rtt.srtt_us8;
	IN(s, 20 * MS, .seq = 1, .ack = 1, SACK1(1, 10));
	OUT(s, 20 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	OUT(s, 20 * MS, .seq = SEG(10), .len = 1000, .again = 0);
	script_skip(s);
	IN(s, 40 * MS, .seq = 1, .ack = 1, SACK1(1, 11));
	OUT(s, 40 * MS, .seq = SEG(0), .len = 1000, .again = 1);
	script_skip(s);
	IN(s, 60 * MS, .seq = 1, .ack = SEG(11));
	assert_int_equal(s->t.rtt.srtt_us8, srtt);
	script_skip(s);
	all_acked(s, 80 * MS);
}

CASE(hostile_timestamp_echo_is_no_measurement)
{
	s->peer_opts |= TCPO_TS;
	in_flight(s, 1);
	script_until(s, 200 * MS);
	script_skip(s);
	uint32_t before = rtt_srtt_us(&s->t.rtt);

	IN(s, 300 * MS, .seq = 1, .tsecr = (uint32_t)(OUR_TSOFF + 2000000u));
	assert_int_equal(rtt_srtt_us(&s->t.rtt), before);
	script_skip(s);
}

CASE(user_timeout)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 1000);
	app_write(s, 0, 100);
	script_skip(s);
	script_until(s, 999 * MS);
	STATE(s, ESTABLISHED);
	script_until(s, 1000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	script_skip(s);
}

CASE(user_timeout_of_a_closed_window)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 5000);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	script_until(s, 4999 * MS);
	STATE(s, ESTABLISHED);
	script_until(s, 5000 * MS);
	STATE(s, CLOSED);
	script_skip(s);
}

CASE(user_timeout_does_not_count_a_window_that_has_opened)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 1000);
	IN(s, 0, .seq = 1, .wnd = 0);
	app_write(s, 0, 100);
	IN(s, 201 * MS, .seq = 1, .ack = 1, .wnd = 0); /* probes are refused */
	IN(s, 601 * MS, .seq = 1, .ack = 1, .wnd = 0);
	IN(s, 990 * MS, .seq = 1, .ack = 1, .wnd = 60000);
	script_until(s, 1040 * MS);
	STATE(s, ESTABLISHED);
	IN(s, 1050 * MS, .seq = 1, .ack = 101);
	STATE(s, ESTABLISHED);
	script_skip(s);
}

CASE(user_timeout_of_a_window_that_shrank)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_USER_TIMEOUT_MS, 5000);
	app_write(s, 0, 1000);
	script_skip(s);
	for (unsigned i = 1; i <= 9; i++)
		IN(s, 500 * i * MS, .seq = 1, .ack = 1, .wnd = 0);
	script_until(s, 5000 * MS);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
	script_skip(s);
}

/* ---- keepalive ---- */

CASE(idle_connection_is_never_killed)
{
	be_established(s);
	OUT_NONE(s, 400ull * 86400 * MT_SEC);
	STATE(s, ESTABLISHED);
}

static void keep(struct script *s)
{
	be_established(s);
	app_option(s, 0, TCP_OPT_KEEPIDLE_MS, 10000);
	app_option(s, 0, TCP_OPT_KEEPINTVL_MS, 1000);
	app_option(s, 0, TCP_OPT_KEEPCNT, 3);
	app_option(s, 0, TCP_OPT_KEEPALIVE, 1);
}

CASE(keepalive_kills_a_dead_peer)
{
	keep(s);
	for (unsigned i = 0; i < 3; i++)
		OUT(s, (10000 + 1000 * i) * MS, .seq = 0, .len = 0, .list = TCP_TX_ACK);
	OUT(s, 13000 * MS, .seq = 1, .flags = TCPF_RST | TCPF_ACK);
	STATE(s, CLOSED);
	assert_int_equal(s->ev.error, ETIMEDOUT);
}

CASE(keepalive_answered)
{
	keep(s);
	OUT(s, 10000 * MS, .seq = 0);
	OUT(s, 11000 * MS, .seq = 0);
	IN(s, 11500 * MS, .seq = 1);
	OUT_NONE(s, 21499 * MS);
	OUT(s, 21500 * MS, .seq = 0);
	IN(s, 21501 * MS, .seq = 1);
}

CASE(keepalive_leaves_unanswered_data_to_its_own_timer)
{
	keep(s);
	app_write(s, 9900 * MS, 10);
	OUT(s, 9900 * MS, .seq = 1, .len = 10);
	OUT_NONE(s, 10000 * MS);
	OUT(s, 10100 * MS, .seq = 1, .len = 10, .again = 1);
	IN(s, 10101 * MS, .seq = 1);
	OUT_NONE(s, 20100 * MS);
	OUT(s, 20101 * MS, .seq = 10, .len = 0);
	IN(s, 20102 * MS, .seq = 1);
}

CASE(keepalive_answered_by_data)
{
	keep(s);
	OUT(s, 10000 * MS, .seq = 0);
	OUT(s, 11000 * MS, .seq = 0);
	IN(s, 11500 * MS, .seq = 1, .len = 10);
	OUT(s, 11540 * MS, .ack = 11);
	for (unsigned i = 0; i < 3; i++)
		OUT(s, (21500 + 1000 * i) * MS, .seq = 0, .ack = 11);
	IN(s, 23600 * MS, .seq = 11);
	STATE(s, ESTABLISHED);
}

CASE(keepalive_is_put_off_by_traffic)
{
	keep(s);
	IN(s, 9000 * MS, .seq = 1, .len = 10);
	OUT(s, 9040 * MS, .ack = 11);
	OUT_NONE(s, 18999 * MS);
	OUT(s, 19000 * MS, .seq = 0, .ack = 11);
	IN(s, 19001 * MS, .seq = 11);
	app_option(s, 19002 * MS, TCP_OPT_KEEPALIVE, 0);
	assert_true(tcp_deadline(&s->t, s->now) == MT_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(third_duplicate_retransmits),
		T(limited_transmit),
		T(newreno_inflates_and_partial_acks_retransmit),
		T(fault_08_window_updates_are_no_duplicates),
		T(data_segments_are_no_duplicates),
		T(duplicates_with_nothing_in_flight_mean_nothing),
		T(duplicates_after_newreno_recovery_do_not_start_another),
		T(sack_retransmits_only_the_hole),
		T(sack_two_holes_in_one_round_trip),
		T(sack_new_data_while_recovering),
		T(sack_rescues_a_lost_tail),
		T(fault_08_sack_across_the_wrap),
		T(fault_08_what_was_acknowledged_is_purged),
		T(fault_08_snd_nxt_stays_at_a_fast_retransmit),
		T(sack_blocks_for_what_was_not_sent_are_ignored),
		T(sack_lost_messages_ask_for_their_own_room_only),
		T(sack_small_messages_do_not_overtake_what_is_lost),
		T(bbr_conserves_what_is_in_the_network),
		T(sack_without_memory_is_newreno),
		T(sack_takes_over_a_recovery_of_newreno),
		T(sack_not_negotiated_is_ignored),
		T(sacked_segments_are_not_sent_again_after_a_timeout),
		T(after_a_timeout_the_tail_above_the_sacked_is_sent_too),
		T(cold_attached_for_many_segments_only),
		T(cold_without_holes_leaves_the_fast_path),
		T(reneging_is_survived),
		T(rto_floor_backoff_and_end),
		T(rto_reduces_once_in_a_series),
		T(rto_goes_back_and_slow_starts),
		T(new_data_after_a_timeout),
		T(acks_put_the_timer_off),
		T(fault_07_rtt_without_timestamps),
		T(rtt_with_timestamps_across_a_retransmission),
		T(karn_without_timestamps),
		T(karn_within_a_recovery),
		T(hostile_timestamp_echo_is_no_measurement),
		T(user_timeout),
		T(user_timeout_of_a_closed_window),
		T(user_timeout_does_not_count_a_window_that_has_opened),
		T(user_timeout_of_a_window_that_shrank),
		T(idle_connection_is_never_killed),
		T(keepalive_kills_a_dead_peer),
		T(keepalive_answered),
		T(keepalive_leaves_unanswered_data_to_its_own_timer),
		T(keepalive_answered_by_data),
		T(keepalive_is_put_off_by_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
