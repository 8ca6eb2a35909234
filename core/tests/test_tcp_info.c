// SPDX-License-Identifier: BSD-3-Clause
/* What a connection tells of itself. */
#include "tcp/info.h"
#include "script_states.h"

static struct tcp_info_values info_at(struct script *s, mt_time at)
{
	struct tcp_info_values v;

	script_until(s, at);
	tcp_get_info(&s->t, s->now, &v);
	return v;
}

CASE(info_of_an_established_connection)
{
	struct tcp_info_values v;

	s->peer_opts = TCPO_MSS | TCPO_TS | TCPO_SACK_PERM | TCPO_WSCALE;
	s->peer_wscale = 3;
	be_established(s);
	v = info_at(s, 0);
	assert_int_equal(v.state, TCPS_ESTABLISHED);
	assert_int_equal(v.phase, TCP_INFO_OPEN);
	assert_true(v.timestamps && v.sack && v.wscale && !v.ecn);
	assert_int_equal(v.snd_wscale, 3);
	assert_int_equal(v.snd_mss, SCRIPT_MSS - 12);
	assert_int_equal(v.path_mss, SCRIPT_MSS);
	assert_int_equal(v.adv_mss, SCRIPT_MSS);
	assert_int_equal(v.ssthresh, INT32_MAX);
	assert_int_equal(v.cwnd, 10);
	assert_int_equal(v.unacked, 0);
	assert_int_equal(v.rcv_space, 50000);
}

CASE(info_of_the_round_trip)
{
	struct tcp_info_values v;

	be_established(s);
	app_write(s, 0, 1000);
	script_skip(s);
	IN(s, 80 * MS, .seq = 1);
	v = info_at(s, 100 * MS);
	assert_in_range(v.srtt_us, 8000, 80000);
	assert_true(v.rttvar_us > 0);
	assert_true(v.rto_us >= 200000);
	assert_int_equal(v.last_ack_ms, 20);
	assert_int_equal(v.last_sent_ms, 100);
}

/* The millisecond clock turns negative after 24.8 days; an instant may be ahead by a clock's skew.
 */
CASE(info_of_a_long_silence)
{
	const uint64_t month = 30ull * 86400;
	struct tcp_info_values v;

	be_established(s);
	app_write(s, 0, 100);
	script_skip(s);
	IN(s, 0, .seq = 1);
	v = info_at(s, month * MT_SEC);
	assert_int_equal(v.last_sent_ms, month * 1000);
	assert_int_equal(v.last_ack_ms, month * 1000);
	s->t.last_snd_ms = script_ms(s) + 5;
	v = info_at(s, month * MT_SEC);
	assert_int_equal(v.last_sent_ms, 0);
}

CASE(info_of_what_is_in_flight)
{
	struct tcp_info_values v;

	be_established(s);
	app_write(s, 0, 15500);
	script_skip(s);
	v = info_at(s, 10 * MS);
	assert_int_equal(v.unacked, 10);
	assert_int_equal(v.notsent_bytes, 5500);
	assert_int_equal(v.snd_wnd, 60000);
}

CASE(info_of_a_timeout)
{
	struct tcp_info_values v;

	be_established(s);
	app_write(s, 0, 5000);
	script_until(s, 650 * MS);
	script_skip(s);
	v = info_at(s, 650 * MS);
	assert_int_equal(v.phase, TCP_INFO_LOSS);
	assert_int_equal(v.n_retries, 2);
	assert_int_equal(v.backoff, 2);
	assert_int_equal(v.lost, 4);
	assert_int_equal(v.n_probes, 0);
	assert_int_equal(v.cwnd, 1);
}

CASE(info_of_sacked_and_lost)
{
	struct tcp_info_values v;

	s->peer_opts = TCPO_MSS | TCPO_SACK_PERM;
	be_established(s);
	rtt_init(&s->t.rtt); /* of a path on which segments may change places */
	rtt_sample(&s->t.rtt, 10000);
	app_write(s, 0, 10000);
	IN(s, 10 * MS, .seq = 1, .ack = 1, .n_sack = 1, .sack = {1001, 3001});
	script_skip(s);
	v = info_at(s, 10 * MS);
	assert_int_equal(v.sacked, 2);
	assert_int_equal(v.phase, TCP_INFO_DISORDER);
	script_skip(s);
}

CASE(info_of_a_closed_window)
{
	struct tcp_info_values v;

	be_established(s);
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 0);
	app_write(s, 0, 1000);
	script_until(s, 250 * MS);
	v = info_at(s, 250 * MS);
	script_skip(s);
	assert_int_equal(v.n_retries, 0);
	assert_int_equal(v.n_probes, 1);
}

CASE(info_before_the_handshake_ends)
{
	struct tcp_info_values v;

	be_syn_sent(s);
	v = info_at(s, 10 * MS);
	assert_int_equal(v.state, TCPS_SYN_SENT);
	assert_int_equal(v.unacked, 1);
	assert_int_equal(v.notsent_bytes, 0);
	assert_int_equal(v.srtt_us, 0);
	assert_int_equal(v.min_rtt_us, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(info_of_an_established_connection),
		T(info_of_the_round_trip),
		T(info_of_a_long_silence),
		T(info_of_what_is_in_flight),
		T(info_of_a_timeout),
		T(info_of_sacked_and_lost),
		T(info_of_a_closed_window),
		T(info_before_the_handshake_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
