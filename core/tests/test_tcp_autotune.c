// SPDX-License-Identifier: BSD-3-Clause
/* Auto-tuning of both buffers, and payload for which there is no memory. */
#include "script_states.h"
#include "tcp/autotune.h"

/* Receives n segments of 1000 bytes from `seq` on, spread evenly over `over`, read at once. */
static int64_t pour(struct script *s, int64_t seq, unsigned n, mt_time over, uint32_t rtt_ms)
{
	mt_time from = s->now - SCRIPT_T0;

	for (unsigned i = 0; i < n; i++) {
		mt_time at = from + over * i / n;
		uint32_t echo = (uint32_t)((SCRIPT_T0 + at) / MS) - rtt_ms + OUR_TSOFF;

		IN(s, at, .seq = seq, .len = 1000, .tsecr = rtt_ms ? (int64_t)echo : -1);
		if (s->ev.flags & TCP_EV_RCVBUF)
			tcp_grow_rcvbuf(&s->t, 1u << 30);
		app_read(s, at, 1000);
		seq += 1000;
	}
	script_skip(s);
	return seq;
}

static void auto_established(struct script *s)
{
	s->cfg.rcvbuf = 64 << 10;
	s->cfg.rcvbuf_max = 1 << 20;
	s->peer_opts = TCPO_MSS | TCPO_WSCALE | TCPO_TS;
	be_established(s);
	script_skip(s);
}

CASE(window_scale_is_of_the_largest_buffer)
{
	s->cfg.rcvbuf = 64 << 10;
	s->cfg.rcvbuf_max = 32 << 20;
	s->peer_opts = TCPO_MSS | TCPO_WSCALE;
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	OUT(s, 0, .flags = TCPF_SYN, .wscale = 10, .wnd = 65535);
}

CASE(buffer_consumed_within_a_round_trip_doubles)
{
	auto_established(s);
	script_until(s, 100 * MS);
	pour(s, 1, 80, 50 * MS, 100);
	assert_true(s->all_events & TCP_EV_RCVBUF);
	assert_int_equal(s->t.rcvbuf, 128 << 10);
}

CASE(larger_window_is_told_at_once)
{
	auto_established(s);
	for (unsigned i = 0; !(s->ev.flags & TCP_EV_RCVBUF); i++) {
		IN(s, 10 * MS, .seq = 1 + 1000 * i, .len = 1000,
		   .tsecr = (uint32_t)(SCRIPT_T0 / MS - 100 + OUR_TSOFF));
		assert_true(i < 100);
		if (!(s->ev.flags & TCP_EV_RCVBUF))
			app_read(s, 10 * MS, 1000);
	}
	script_skip(s);
	tcp_grow_rcvbuf(&s->t, 1u << 30);
	script_flush(s);
	OUT(s, 10 * MS, .wnd = ((128 << 10) - 1000) >> s->t.rcv_wscale);
}

CASE(buffer_grows_by_doubling_per_round_trip_to_its_maximum)
{
	int64_t seq = 1;

	auto_established(s);
	s->cfg.rcvbuf_max = 300 << 10;
	for (unsigned i = 0; i < 5; i++) {
		unsigned n = s->t.rcvbuf / 1000;

		script_until(s, (1 + i) * 100 * MS);
		seq = pour(s, seq, n, 99 * MS, 100);
		assert_true(s->t.rcvbuf <= 4000 * n);
	}
	assert_int_equal(s->t.rcvbuf, 300 << 10);
}

CASE(slow_sender_needs_no_larger_buffer)
{
	auto_established(s);
	script_until(s, 100 * MS);
	pour(s, 1, 300, 3000 * MS, 100);
	assert_false(s->all_events & TCP_EV_RCVBUF);
	assert_int_equal(s->t.rcvbuf, 64 << 10);
}

CASE(slow_reader_needs_no_larger_buffer)
{
	auto_established(s);
	for (unsigned i = 0; i < 60; i++)
		IN(s, 10 * MS, .seq = 1 + 1000 * i, .len = 1000,
		   .tsecr = (uint32_t)(SCRIPT_T0 / MS - 100 + OUR_TSOFF));
	script_skip(s);
	assert_false(s->all_events & TCP_EV_RCVBUF);
}

CASE(without_timestamps_our_own_round_trip_counts)
{
	s->cfg.rcvbuf = 64 << 10;
	s->cfg.rcvbuf_max = 1 << 20;
	s->peer_opts = TCPO_MSS | TCPO_WSCALE;
	be_syn_rcvd(s);
	IN(s, 100 * MS, .seq = 1, .ack = 1, .wnd = 60000);
	script_until(s, 200 * MS);
	pour(s, 1, 80, 50 * MS, 0);
	assert_int_equal(s->t.rcvbuf, 128 << 10);
	script_until(s, 1000 * MS);
	pour(s, 80001, 200, 2000 * MS, 0);
	assert_int_equal(s->t.rcvbuf, 128 << 10);
}

CASE(without_window_scaling_64_k_is_all)
{
	s->cfg.rcvbuf = 64 << 10;
	s->cfg.rcvbuf_max = 1 << 20;
	s->peer_opts = TCPO_MSS | TCPO_TS;
	be_established(s);
	script_until(s, 100 * MS);
	pour(s, 1, 60, 50 * MS, 100);
	assert_false(s->all_events & TCP_EV_RCVBUF);
}

CASE(explicit_rcvbuf_stays)
{
	auto_established(s);
	assert_int_equal(app_option(s, 0, TCP_OPT_RCVBUF, 70000), 0);
	script_until(s, 100 * MS);
	pour(s, 1, 200, 50 * MS, 100);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_RCVBUF), 70000);
	assert_false(s->all_events & TCP_EV_RCVBUF);
}

CASE(growth_ends_where_memory_does)
{
	auto_established(s);
	tcp_grow_rcvbuf(&s->t, 100000);
	assert_int_equal(s->t.rcvbuf, 100000);
	tcp_grow_rcvbuf(&s->t, 90000);
	assert_int_equal(s->t.rcvbuf, 100000);
	script_flush(s);
	script_skip(s);
}

CASE(shrinking_takes_nothing_back_that_was_offered)
{
	tcp_seq edge;

	auto_established(s);
	tcp_grow_rcvbuf(&s->t, 1u << 30);
	script_flush(s);
	edge = s->t.rcv_adv;
	tcp_shrink_rcvbuf(&s->t);
	assert_int_equal(s->t.rcvbuf, 64 << 10);
	for (unsigned i = 0; i < 100; i++) {
		IN(s, 10 * MS, .seq = 1 + 1000 * i, .len = 1000);
		assert_int_equal(s->ev.data_len, 1000);
		assert_true(seq_geq(s->t.rcv_adv, edge));
	}
	script_skip(s);
}

CASE(forged_echoes_grow_it_to_the_maximum_at_most)
{
	int64_t seq = 1;

	auto_established(s);
	for (unsigned i = 0; i < 40; i++)
		script_until(s, (1 + i) * 100 * MS);
	seq = pour(s, seq, 60, 90 * MS, 90000);
	assert_true(s->t.rcvbuf <= 1 << 20);
}

CASE(send_buffer_follows_the_congestion_window)
{
	s->cfg.sndbuf = 20000;
	s->cfg.sndbuf_max = 100000;
	be_established(s);
	assert_int_equal(tcp_snd_room(&s->t), 20000);
	s->t.cc.cwnd = 40000;
	assert_int_equal(tcp_snd_room(&s->t), 80000);
	app_write(s, 0, 70000);
	script_skip(s);
	s->t.cc.cwnd =
		1000; /* as in a recovery: what is in flight needs its place and a successor */
	assert_int_equal(tcp_snd_room(&s->t), 10000);
	s->cfg.sndbuf_max = 60000; /* less than is there: no room, nothing lost */
	assert_int_equal(tcp_snd_room(&s->t), 0);
	s->cfg.sndbuf_max = 100000;
	s->t.cc.cwnd = 1u << 30;
	assert_int_equal(tcp_snd_room(&s->t), 30000);
	assert_int_equal(tcp_get_option(&s->t, TCP_OPT_SNDBUF), 100000);
}

CASE(explicit_sndbuf_stays)
{
	s->cfg.sndbuf_max = 1 << 20;
	be_established(s);
	assert_int_equal(app_option(s, 0, TCP_OPT_SNDBUF, 5000), 0);
	s->t.cc.cwnd = 1 << 20;
	assert_int_equal(tcp_snd_room(&s->t), 5000);
}

/* ---- no memory for the payload ---- */

static void in_no_room(struct script *s, mt_time at, struct in_seg i)
{
	struct tcp_seg g;

	script_until(s, at);
	i.ack = i.ack == ACK_ALL ? (uint32_t)(s->t.snd_nxt.v - s->iss.v) : i.ack;
	g = script_seg(s, &i);
	g.no_room = true;
	script_feed(s, &g);
}

#define IN_NO_ROOM(s, at, ...)                                                                     \
	in_no_room(s, at,                                                                          \
		   (struct in_seg){.flags = TCPF_ACK,                                              \
				   .wnd = 60000,                                                   \
				   .tsval = -1,                                                    \
				   .tsecr = -1,                                                    \
				   .ack = ACK_ALL,                                                 \
				   __VA_ARGS__})

CASE(payload_without_room_never_arrived_but_its_ack_did)
{
	be_established(s);
	app_write(s, 0, 500);
	script_skip(s);
	IN_NO_ROOM(s, 10 * MS, .seq = 1, .ack = 501, .len = 1000);
	assert_int_equal(s->ev.n_acked, 500);
	assert_int_equal(s->ev.data_len, 0);
	assert_int_equal(s->ev.drop, TCP_DROP_NO_ROOM);
	IN(s, 20 * MS, .seq = 1, .len = 1000); /* it comes again */
	assert_int_equal(s->ev.n_readable, 1000);
	OUT(s, 60 * MS, .ack = 1001);
}

CASE(ack_beside_payload_without_room_is_no_duplicate)
{
	be_established(s);
	app_write(s, 0, 5000);
	script_skip(s);
	for (unsigned i = 0; i < 5; i++)
		IN_NO_ROOM(s, 10 * MS, .seq = 1 + 1000 * i, .ack = 1, .len = 1000);
	assert_false(s->all_events & TCP_EV_RETRANSMIT);
	OUT_NONE(s, 20 * MS);
}

CASE(fin_behind_payload_without_room_waits_for_it)
{
	be_established(s);
	IN_NO_ROOM(s, 10 * MS, .seq = 1, .len = 1000, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, ESTABLISHED);
	IN(s, 20 * MS, .seq = 1, .len = 1000, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, CLOSE_WAIT);
	OUT(s, 20 * MS, .ack = 1002);
}

CASE(out_of_order_payload_without_room_is_not_sacked)
{
	s->peer_opts = TCPO_MSS | TCPO_SACK_PERM;
	be_established(s);
	IN_NO_ROOM(s, 10 * MS, .seq = 1001, .len = 1000);
	IN(s, 20 * MS, .seq = 2001, .len = 1000);
	OUT(s, 20 * MS, .ack = 1, .n_sack = 1, .sack = {2001, 3001});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(window_scale_is_of_the_largest_buffer),
		T(buffer_consumed_within_a_round_trip_doubles),
		T(larger_window_is_told_at_once),
		T(buffer_grows_by_doubling_per_round_trip_to_its_maximum),
		T(slow_sender_needs_no_larger_buffer),
		T(slow_reader_needs_no_larger_buffer),
		T(without_timestamps_our_own_round_trip_counts),
		T(without_window_scaling_64_k_is_all),
		T(explicit_rcvbuf_stays),
		T(growth_ends_where_memory_does),
		T(shrinking_takes_nothing_back_that_was_offered),
		T(forged_echoes_grow_it_to_the_maximum_at_most),
		T(send_buffer_follows_the_congestion_window),
		T(explicit_sndbuf_stays),
		T(payload_without_room_never_arrived_but_its_ack_did),
		T(ack_beside_payload_without_room_is_no_duplicate),
		T(fin_behind_payload_without_room_waits_for_it),
		T(out_of_order_payload_without_room_is_not_sacked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
