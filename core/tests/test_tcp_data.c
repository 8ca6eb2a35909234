// SPDX-License-Identifier: BSD-3-Clause
/* Receiving: trimming, reassembly, FIN in and out of order, delayed ACKs, the window we offer. */
#include "script_states.h"

#define TAKES(skip, length, off, readable)                                                         \
	do {                                                                                       \
		assert_int_equal(s->ev.data_skip, skip);                                           \
		assert_int_equal(s->ev.data_len, length);                                          \
		assert_int_equal(s->ev.data_off, off);                                             \
		assert_int_equal(s->ev.n_readable, readable);                                      \
	} while (0)

CASE(delayed_ack_after_40_ms)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 100);
	TAKES(0, 100, 0, 100);
	OUT_NONE(s, 49 * MS);
	OUT(s, 50 * MS, .seq = 1, .ack = 101, .list = TCP_TX_ACK);
	assert_true(s->ev.flags & TCP_EV_DELACK);
}

CASE(second_full_segment_is_acknowledged_at_once)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 1000);
	IN(s, 11 * MS, .seq = 1001, .len = 1000);
	OUT(s, 11 * MS, .ack = 2001);
	IN(s, 12 * MS, .seq = 2001, .len = 1000);
	OUT(s, 52 * MS, .ack = 3001);
}

CASE(full_segment_is_the_peers_not_ours)
{
	be_established(s); /* its path takes 600 */
	IN(s, 10 * MS, .seq = 1, .len = 600);
	IN(s, 10 * MS, .seq = 601, .len = 600);
	OUT(s, 10 * MS, .ack = 1201);
}

/* The path of a stream takes less than before: every second segment is acknowledged again. */
CASE(full_segment_becomes_smaller)
{
	uint32_t seq = 8001;

	s->open.mss = 4000;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 4000);
	IN(s, 10 * MS, .seq = 4001, .len = 4000);
	OUT(s, 10 * MS, .ack = 8001);
	for (unsigned i = 0; i < 8; i++, seq += 1000)
		IN(s, 20 * MS, .seq = seq, .len = 1000);
	OUT(s, 20 * MS, .ack = 16001);
	for (unsigned i = 0; i < 4; i++, seq += 2000) {
		IN(s, 30 * MS, .seq = seq, .len = 1000);
		IN(s, 30 * MS, .seq = seq + 1000, .len = 1000);
		OUT(s, 30 * MS, .ack = seq + 2000);
	}
}

/* The last of a message is none of full size. */
CASE(full_segment_is_none_that_pushes)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 1000);
	IN(s, 10 * MS, .seq = 1001, .len = 600, .flags = TCPF_ACK | TCPF_PSH);
	IN(s, 10 * MS, .seq = 1601, .len = 600, .flags = TCPF_ACK | TCPF_PSH);
	OUT(s, 10 * MS, .ack = 2201);
	assert_int_equal(s->t.mss_seen, 1000);
}

/* A peer that sends two at a time need not wait each time. */
CASE(full_segment_becomes_smaller_of_a_small_window)
{
	uint32_t seq = 8001;
	mt_time at = 20 * MS;

	s->open.mss = 4000;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 4000);
	IN(s, 10 * MS, .seq = 4001, .len = 4000);
	OUT(s, 10 * MS, .ack = 8001);
	for (unsigned i = 0; i < 8; i++, seq += 2000) {
		IN(s, at, .seq = seq, .len = 1000);
		IN(s, at, .seq = seq + 1000, .len = 1000);
		at += i < 2 ? 40 * MS : 0;
		OUT(s, at, .ack = seq + 2000);
	}
}

CASE(quick_acks_at_the_start)
{
	s->cfg.quick_acks = 3;
	be_established(s);
	for (unsigned i = 0; i < 3; i++) {
		IN(s, i * MS, .seq = 1 + 10 * i, .len = 10);
		OUT(s, i * MS, .ack = 11 + 10 * i);
	}
	IN(s, 3 * MS, .seq = 31, .len = 10);
	OUT(s, 43 * MS, .ack = 41);
}

CASE(answer_carries_the_ack)
{
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 100);
	app_write(s, 20 * MS, 50);
	OUT(s, 20 * MS, .seq = 1, .len = 50, .ack = 101, .psh = 1, .list = TCP_TX_DATA);
	IN(s, 30 * MS, .seq = 101);
	OUT_NONE(s, 1000 * MS);
}

CASE(held_ack_and_data_coalesce)
{
	s->cfg.quick_acks = 16;
	be_established(s);
	s->hold = true;
	IN(s, 0, .seq = 1, .len = 64);
	assert_int_equal(tcp_pending(&s->t, s->now), TCP_TX_ACK);
	tcp_append(&s->t, 64, s->now);
	tcp_close(&s->t, s->now); /* unread data, as after a read it would be a FIN */
	assert_int_equal(tcp_pending(&s->t, s->now), TCP_TX_CONTROL);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .flags = TCPF_RST | TCPF_ACK);
}

CASE(transaction_is_one_segment_each_way)
{
	s->cfg.quick_acks = 16;
	be_established(s);
	s->hold = true;
	IN(s, 0, .seq = 1, .len = 64);
	tcp_consumed(&s->t, 64, s->now);
	tcp_append(&s->t, 64, s->now);
	tcp_close(&s->t, s->now);
	s->hold = false;
	script_flush(s);
	OUT(s, 0, .seq = 1, .ack = 65, .len = 64, .flags = TCPF_ACK | TCPF_FIN, .psh = 1);
	IN(s, 1 * MS, .seq = 65, .ack = 66, .flags = TCPF_ACK | TCPF_FIN);
	assert_int_equal(script_events(s), TCP_EV_WRITABLE | TCP_EV_EOF | TCP_EV_TIME_WAIT);
	OUT(s, 1 * MS, .seq = 66, .ack = 66);
}

CASE(overlap_in_front_is_trimmed)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 100);
	IN(s, 0, .seq = 51, .len = 100);
	TAKES(50, 50, 0, 50);
	OUT(s, 40 * MS, .ack = 151);
}

CASE(fault_14_segment_below_the_previous_one)
{
	be_established(s);
	IN(s, 0, .seq = 1001, .len = 500);
	TAKES(0, 500, 1000, 0);
	OUT(s, 0, .ack = 1);
	IN(s, 0, .seq = 501, .len = 500); /* below it, not in order either */
	TAKES(0, 500, 500, 0);
	OUT(s, 0, .ack = 1);
	IN(s, 0, .seq = 1, .len = 500);
	TAKES(0, 500, 0, 1500);
	OUT(s, 0, .ack = 1501);
}

CASE(overlap_behind_counts_bytes_once)
{
	be_established(s);
	IN(s, 0, .seq = 101, .len = 100);
	OUT(s, 0, .ack = 1);
	IN(s, 0, .seq = 1, .len = 150);
	TAKES(0, 150, 0, 200);
	OUT(s, 0, .ack = 201);
}

CASE(segment_covering_everything)
{
	be_established(s);
	IN(s, 0, .seq = 11, .len = 10);
	IN(s, 0, .seq = 31, .len = 10);
	IN(s, 0, .seq = 1, .len = 100);
	TAKES(0, 100, 0, 100);
	script_skip(s);
	assert_null(script_cold(s));
	OUT_NONE(s, 100 * MS);
}

CASE(duplicate_is_acknowledged_at_once)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 100);
	OUT(s, 40 * MS, .ack = 101);
	IN(s, 50 * MS, .seq = 1, .len = 100);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 50 * MS, .ack = 101);
	IN(s, 51 * MS, .seq = 1, .len = 100);
	OUT(s, 51 * MS, .ack = 101);
}

CASE(sack_blocks_most_recent_first)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	IN(s, 0, .seq = 101, .len = 100);
	OUT(s, 0, .ack = 1, .n_sack = 1, .sack = {101, 201});
	IN(s, 0, .seq = 301, .len = 100);
	OUT(s, 0, .ack = 1, .n_sack = 2, .sack = {301, 401, 101, 201});
	IN(s, 0, .seq = 201, .len = 50);
	OUT(s, 0, .ack = 1, .n_sack = 2, .sack = {101, 251, 301, 401});
	IN(s, 0, .seq = 1, .len = 100);
	TAKES(0, 100, 0, 250);
	OUT(s, 0, .ack = 251, .n_sack = 1, .sack = {301, 401});
	IN(s, 0, .seq = 251, .len = 50);
	OUT(s, 0, .ack = 401, .n_sack = 0);
}

CASE(fault_08_sack_is_sent)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	IN(s, 0, .seq = 1001, .len = 1000);
	OUT(s, 0, .ack = 1, .opts = TCPO_SACK, .n_sack = 1, .sack = {1001, 2001});
	IN(s, 10 * MS, .seq = 1, .len = 1000);
	OUT(s, 10 * MS, .ack = 2001, .opts = 0, .n_sack = 0);
}

CASE(fault_08_sack_never_sent_unless_negotiated)
{
	be_established(s);
	IN(s, 0, .seq = 101, .len = 100);
	OUT(s, 0, .ack = 1, .n_sack = 0, .opts = 0);
}

CASE(sack_blocks_leave_room_in_data_segments)
{
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	IN(s, 0, .seq = 101, .len = 100);
	IN(s, 0, .seq = 301, .len = 100);
	script_skip(s);
	app_write(s, 0, 3000);
	OUT(s, 0, .len = 1000 - 20, .n_sack = 2);
	script_skip(s);
}

CASE(no_memory_for_out_of_order_data)
{
	s->no_cold = true;
	s->peer_opts |= TCPO_SACK_PERM;
	be_established(s);
	IN(s, 0, .seq = 101, .len = 100);
	assert_int_equal(s->ev.drop, TCP_DROP_OOO_FULL);
	TAKES(0, 0, 0, 0);
	OUT(s, 0, .ack = 1, .n_sack = 0);
	IN(s, 0, .seq = 1, .len = 100);
	TAKES(0, 100, 0, 100);
	OUT(s, 40 * MS, .ack = 101);
}

CASE(too_many_holes)
{
	be_established(s);
	for (unsigned i = 0; i < TCP_OOO_RANGES; i++)
		IN(s, 0, .seq = 101 + 20 * i, .len = 10);
	IN(s, 0, .seq = 101 + 20 * TCP_OOO_RANGES, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_OOO_FULL);
	IN(s, 0, .seq = 111, .len = 10); /* joins two */
	assert_int_equal(s->ev.drop, 0);
	script_skip(s);
}

/* ---- FIN ---- */

CASE(fin_with_data)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, CLOSE_WAIT);
	assert_int_equal(script_events(s), TCP_EV_READABLE | TCP_EV_EOF);
	OUT(s, 0, .ack = 12);
}

CASE(fin_out_of_order)
{
	be_established(s);
	IN(s, 0, .seq = 101, .len = 0, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, ESTABLISHED);
	OUT(s, 0, .ack = 1);
	IN(s, 0, .seq = 1, .len = 100);
	TAKES(0, 100, 0, 100);
	STATE(s, CLOSE_WAIT);
	assert_int_equal(s->ev.flags, TCP_EV_READABLE | TCP_EV_EOF);
	OUT(s, 0, .ack = 102);
}

CASE(fin_with_data_out_of_order)
{
	be_established(s);
	IN(s, 0, .seq = 51, .len = 50, .flags = TCPF_ACK | TCPF_FIN);
	TAKES(0, 50, 50, 0);
	OUT(s, 0, .ack = 1);
	IN(s, 0, .seq = 1, .len = 100, .flags = TCPF_ACK | TCPF_FIN);
	TAKES(0, 100, 0, 100);
	STATE(s, CLOSE_WAIT);
	OUT(s, 0, .ack = 102);
	OUT_NONE(s, 100 * MS);
}

CASE(data_behind_a_fin_is_refused)
{
	be_established(s);
	IN(s, 0, .seq = 101, .flags = TCPF_ACK | TCPF_FIN);
	IN(s, 0, .seq = 102, .len = 10);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	IN(s, 0, .seq = 151, .flags = TCPF_ACK | TCPF_FIN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	IN(s, 0, .seq = 1, .len = 100);
	TAKES(0, 100, 0, 100);
	STATE(s, CLOSE_WAIT);
	script_skip(s);
}

CASE(fin_below_data_is_refused)
{
	be_established(s);
	IN(s, 0, .seq = 201, .len = 10);
	IN(s, 0, .seq = 101, .flags = TCPF_ACK | TCPF_FIN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	IN(s, 0, .seq = 1, .flags = TCPF_ACK | TCPF_FIN);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	STATE(s, ESTABLISHED);
	script_skip(s);
}

CASE(data_after_fin_is_ignored)
{
	be_close_wait(s);
	IN(s, 0, .seq = 2, .len = 10);
	TAKES(0, 0, 0, 0);
	STATE(s, CLOSE_WAIT);
}

CASE(fin_again_is_acknowledged_again)
{
	be_close_wait(s);
	IN(s, 0, .seq = 1, .flags = TCPF_ACK | TCPF_FIN);
	OUT(s, 0, .ack = 2);
	STATE(s, CLOSE_WAIT);
}

CASE(urgent_data_is_data)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10, .flags = TCPF_ACK | TCPF_URG);
	TAKES(0, 10, 0, 10);
	OUT(s, 40 * MS, .ack = 11);
}

/* ---- the window we offer ---- */

CASE(window_follows_the_reader)
{
	s->cfg.rcvbuf = 4000;
	be_established(s);
	IN(s, 0, .seq = 1, .len = 1000);
	IN(s, 0, .seq = 1001, .len = 1000);
	OUT(s, 0, .ack = 2001, .wnd = 2000);
	IN(s, 0, .seq = 2001, .len = 1000);
	IN(s, 0, .seq = 3001, .len = 1000);
	OUT(s, 0, .ack = 4001, .wnd = 0);
	app_read(s, 10 * MS, 500); /* below a segment: silly */
	OUT_NONE(s, 100 * MS);
	app_read(s, 100 * MS, 600);
	OUT(s, 100 * MS, .ack = 4001, .wnd = 1100, .list = TCP_TX_ACK);
	app_read(s, 110 * MS, 500);
	OUT_NONE(s, 110 * MS);
}

CASE(reading_with_a_wide_window_says_nothing)
{
	be_established(s);
	IN(s, 0, .seq = 1, .len = 1000);
	app_read(s, 0, 1000);
	OUT(s, 40 * MS, .ack = 1001, .wnd = 50000);
}

CASE(reading_beyond_what_16_bits_tell_says_nothing)
{
	s->cfg.rcvbuf = 200000; /* no scaling: 65535 is all the peer will see */
	be_established(s);
	for (unsigned i = 0; i < 20; i++)
		IN(s, 0, .seq = 1 + 1000 * i, .len = 1000);
	script_skip(s);
	for (unsigned i = 0; i < 20; i++)
		app_read(s, 1 * MS, 1000);
	OUT_NONE(s, 100 * MS);
}

CASE(nothing_beyond_the_window_is_taken)
{
	s->cfg.rcvbuf = 1500;
	be_established(s);
	IN(s, 0, .seq = 1, .len = 1000);
	IN(s, 0, .seq = 1001, .len = 1000, .flags = TCPF_ACK | TCPF_FIN);
	TAKES(0, 500, 0, 500);
	STATE(s, ESTABLISHED);
	OUT(s, 0, .ack = 1501, .wnd = 0);
	IN(s, 0, .seq = 1501, .len = 1); /* a probe */
	TAKES(0, 0, 0, 0);
	OUT(s, 0, .ack = 1501, .wnd = 0);
	IN(s, 0, .seq = 1601, .len = 1);
	assert_int_equal(s->ev.drop, TCP_DROP_SEQ);
	OUT(s, 0, .ack = 1501, .wnd = 0);
}

CASE(out_of_order_beyond_the_window_is_trimmed)
{
	s->cfg.rcvbuf = 1500;
	be_established(s);
	IN(s, 0, .seq = 1001, .len = 1000);
	TAKES(0, 500, 1000, 0);
	script_skip(s);
}

CASE(closed_window_still_takes_acks)
{
	s->cfg.rcvbuf = 1000;
	be_established(s);
	app_write(s, 0, 100);
	IN(s, 0, .seq = 1, .ack = 1, .len = 1000);
	script_skip(s);
	OUT(s, 40 * MS, .wnd = 0);
	IN(s, 50 * MS, .seq = 1001, .ack = 101, .len = 1);
	assert_int_equal(s->ev.n_acked, 100);
	OUT(s, 50 * MS, .ack = 1001, .wnd = 0);
}

CASE(scaled_window_edge_never_moves_back)
{
	s->cfg.rcvbuf = 1000003;
	s->peer_opts |= TCPO_WSCALE;
	be_established(s);
	tcp_seq edge = s->t.rcv_adv;

	for (unsigned i = 0; i < 300; i++) {
		const struct tcp_seg *g = &s->log[s->n_log].seg;
		uint32_t before = s->n_log;

		IN(s, i * MS, .seq = 1 + 1001 * i, .len = 1001);
		if (s->n_log == before)
			continue;
		tcp_seq said = seq_add(g->ack, (uint32_t)g->wnd << s->t.rcv_wscale);

		assert_true(seq_diff(said, edge) >= -(1 << s->t.rcv_wscale));
		assert_true(s->t.rcv_unread + (s->t.rcv_adv.v - s->t.rcv_nxt.v) <= s->t.rcvbuf);
		edge = seq_max(edge, said);
	}
	script_skip(s);
	app_read(s, 300 * MS, s->t.rcv_unread);
	script_skip(s);
	OUT_NONE(s, 400 * MS);
}

CASE(scaled_window_edge_is_rounded_up_where_there_is_room)
{
	s->cfg.rcvbuf = 1000003;
	s->cfg.quick_acks = 255;
	s->peer_opts |= TCPO_WSCALE;
	be_established(s);
	tcp_seq edge = s->t.rcv_adv;

	for (unsigned i = 0; i < 100; i++) {
		const struct tcp_seg *g = &s->log[s->n_log].seg;

		IN(s, i * MS, .seq = 1 + 7 * i, .len = 7);
		app_read(s, i * MS, 7);
		tcp_seq said = seq_add(g->ack, (uint32_t)g->wnd << s->t.rcv_wscale);

		assert_true(i == 0 || seq_geq(said, edge));
		edge = said;
	}
	script_skip(s);
}

CASE(smaller_receive_buffer_keeps_what_was_offered)
{
	be_established(s);
	assert_int_equal(app_option(s, 0, TCP_OPT_RCVBUF, 1000), 0);
	IN(s, 0, .seq = 1, .len = 1000);
	IN(s, 0, .seq = 1001, .len = 1000);
	TAKES(0, 1000, 0, 1000);
	script_skip(s);
}

/* ---- timestamps ---- */

CASE(timestamp_echo_is_of_the_segment_that_advanced_the_edge)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	IN(s, 0, .seq = 1, .len = 10, .tsval = 0x7fffff00 + PEER_TSOFF - 0x7fffff00 + 1000001);
	uint32_t first = s->t.ts_recent;

	IN(s, 0, .seq = 31, .len = 10,
	   .tsval = (uint32_t)(PEER_TSOFF + 1000005u)); /* beyond a hole */
	OUT(s, 0, .ack = 11, .tsecr = first);
	IN(s, 0, .seq = 11, .len = 20, .tsval = (uint32_t)(PEER_TSOFF + 1000007u));
	OUT(s, 0, .ack = 41, .tsecr = (uint32_t)(PEER_TSOFF + 1000007u));
}

CASE(paws_drops_old_timestamps)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 10);
	script_until(s, 100 * MS);
	script_skip(s);
	IN(s, 100 * MS, .seq = 11, .len = 10, .tsval = (uint32_t)(PEER_TSOFF + 1000000u));
	assert_int_equal(s->ev.drop, TCP_DROP_PAWS);
	OUT(s, 100 * MS, .ack = 11);
	IN(s, 110 * MS, .seq = 11, .len = 10);
	TAKES(0, 10, 0, 10);
	OUT(s, 150 * MS, .ack = 21);
}

CASE(paws_segment_without_timestamp_is_dropped_in_silence)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .len = 10, .tsval = -2);
	assert_int_equal(s->ev.drop, TCP_DROP_PAWS);
	OUT_NONE(s, 100 * MS);
}

CASE(paws_syn_without_timestamp_is_challenged)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	IN(s, 10 * MS, .seq = 70000, .flags = TCPF_SYN, .tsval = -2);
	assert_int_equal(s->ev.drop, TCP_DROP_PAWS);
	OUT(s, 10 * MS, .ack = 1);
	IN(s, 20 * MS, .seq = 70000, .flags = TCPF_SYN, .tsval = -2);
	OUT_NONE(s, 100 * MS);
}

CASE(paws_exempts_resets)
{
	s->peer_opts |= TCPO_TS;
	be_established(s);
	IN(s, 10 * MS, .seq = 1, .flags = TCPF_RST, .tsval = 1);
	STATE(s, CLOSED);
}

CASE(paws_gives_up_after_24_days)
{
	const mt_time day = 86400 * MT_SEC;

	s->peer_opts |= TCPO_TS;
	be_established(s);
	IN(s, 25 * day, .seq = 1, .len = 10, .tsval = (uint32_t)(PEER_TSOFF - 5000u));
	TAKES(0, 10, 0, 10);
	OUT(s, 25 * day + 40 * MS, .ack = 11, .tsecr = (uint32_t)(PEER_TSOFF - 5000u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(delayed_ack_after_40_ms),
		T(second_full_segment_is_acknowledged_at_once),
		T(full_segment_is_the_peers_not_ours),
		T(full_segment_becomes_smaller),
		T(full_segment_is_none_that_pushes),
		T(full_segment_becomes_smaller_of_a_small_window),
		T(quick_acks_at_the_start),
		T(answer_carries_the_ack),
		T(held_ack_and_data_coalesce),
		T(transaction_is_one_segment_each_way),
		T(overlap_in_front_is_trimmed),
		T(fault_14_segment_below_the_previous_one),
		T(overlap_behind_counts_bytes_once),
		T(segment_covering_everything),
		T(duplicate_is_acknowledged_at_once),
		T(sack_blocks_most_recent_first),
		T(fault_08_sack_is_sent),
		T(fault_08_sack_never_sent_unless_negotiated),
		T(sack_blocks_leave_room_in_data_segments),
		T(no_memory_for_out_of_order_data),
		T(too_many_holes),
		T(fin_with_data),
		T(fin_out_of_order),
		T(fin_with_data_out_of_order),
		T(data_behind_a_fin_is_refused),
		T(fin_below_data_is_refused),
		T(data_after_fin_is_ignored),
		T(fin_again_is_acknowledged_again),
		T(urgent_data_is_data),
		T(window_follows_the_reader),
		T(reading_with_a_wide_window_says_nothing),
		T(reading_beyond_what_16_bits_tell_says_nothing),
		T(nothing_beyond_the_window_is_taken),
		T(out_of_order_beyond_the_window_is_trimmed),
		T(closed_window_still_takes_acks),
		T(scaled_window_edge_never_moves_back),
		T(scaled_window_edge_is_rounded_up_where_there_is_room),
		T(smaller_receive_buffer_keeps_what_was_offered),
		T(timestamp_echo_is_of_the_segment_that_advanced_the_edge),
		T(paws_drops_old_timestamps),
		T(paws_segment_without_timestamp_is_dropped_in_silence),
		T(paws_syn_without_timestamp_is_challenged),
		T(paws_exempts_resets),
		T(paws_gives_up_after_24_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
