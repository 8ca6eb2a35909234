/* SPDX-License-Identifier: BSD-3-Clause */
/* A builder for each state, the application's verbs, and the runner of cases. All builders end at
 * time 0 with an empty log. The peer offers MSS 1000 and nothing else unless the case says so
 * before. */
#ifndef TESTS_SCRIPT_STATES_H
#define TESTS_SCRIPT_STATES_H

#include "script_want.h"

/* ---- verbs ---- */

static inline void app_write(struct script *s, mt_time at, uint32_t n)
{
	script_until(s, at);
	tcp_append(&s->t, n, s->now);
	script_flush(s);
}

static inline void app_read(struct script *s, mt_time at, uint32_t n)
{
	script_until(s, at);
	tcp_consumed(&s->t, n, s->now);
	script_flush(s);
}

static inline void app_shutdown(struct script *s, mt_time at)
{
	script_until(s, at);
	tcp_shutdown(&s->t, s->now);
	script_flush(s);
}

static inline bool app_close(struct script *s, mt_time at)
{
	bool closed;

	script_until(s, at);
	closed = tcp_close(&s->t, s->now);
	script_flush(s);
	return closed;
}

static inline void app_abort(struct script *s, mt_time at)
{
	script_until(s, at);
	tcp_abort(&s->t, s->now);
	script_flush(s);
}

static inline void app_write_more(struct script *s, mt_time at, uint32_t n)
{
	script_until(s, at);
	tcp_append_more(&s->t, n, s->now);
	script_flush(s);
}

static inline int app_option(struct script *s, mt_time at, enum tcp_option o, uint32_t value)
{
	int rc;

	script_until(s, at);
	if (tcp_option_wants_own(o))
		script_take(s, TCP_WANTS_OWN);
	rc = tcp_set_option(&s->t, o, value, s->now);
	script_flush(s);
	return rc;
}

#define STATE(s, name) assert_string_equal(tcp_state_name(s->t.state), tcp_state_name(TCPS_##name))

/* Forgets what has left so far. */
static inline void script_skip(struct script *s)
{
	s->n_seen = s->n_log;
}

/* ---- builders ---- */

static inline struct tcp_seg peer_syn(const struct script *s, uint8_t flags)
{
	struct tcp_seg g = {
		.seq = s->irs,
		.flags = (uint8_t)(flags | s->peer_flags),
		.wnd = 60000,
		.opts = (uint8_t)s->peer_opts,
		.mss = s->peer_mss,
		.wscale = s->peer_wscale,
		.ts_val = script_ms(s) + PEER_TSOFF,
	};

	if (flags & TCPF_ACK) {
		g.ack = seq_add(s->iss, 1);
		g.ts_ecr = script_ms(s) + OUR_TSOFF;
	}
	return g;
}

static inline void be_syn_sent(struct script *s)
{
	tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	script_flush(s);
	script_skip(s);
}

static inline void be_syn_rcvd(struct script *s)
{
	struct tcp_seg syn = peer_syn(s, TCPF_SYN);

	assert_int_equal(tcp_listen_input(&syn), TCP_LISTEN_OPEN);
	tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	script_flush(s);
	script_skip(s);
}

/* Passive. */
static inline void be_established(struct script *s)
{
	be_syn_rcvd(s);
	IN(s, 0, .seq = 1, .ack = 1, .wnd = 60000 >> s->t.snd_wscale);
	STATE(s, ESTABLISHED);
	assert_true(s->ev.flags & TCP_EV_ESTABLISHED);
	script_skip(s);
}

static inline void be_established_active(struct script *s)
{
	struct tcp_seg syn;

	be_syn_sent(s);
	syn = peer_syn(s, TCPF_SYN | TCPF_ACK);
	script_feed(s, &syn);
	STATE(s, ESTABLISHED);
	script_skip(s);
}

static inline void be_close_wait(struct script *s)
{
	be_established(s);
	IN(s, 0, .seq = 1, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, CLOSE_WAIT);
	script_skip(s);
}

static inline void be_last_ack(struct script *s)
{
	be_close_wait(s);
	app_close(s, 0);
	STATE(s, LAST_ACK);
	script_skip(s);
}

static inline void be_fin_wait_1(struct script *s)
{
	be_established(s);
	app_shutdown(s, 0);
	STATE(s, FIN_WAIT_1);
	script_skip(s);
}

static inline void be_fin_wait_2(struct script *s)
{
	be_fin_wait_1(s);
	IN(s, 0, .seq = 1, .ack = 2);
	STATE(s, FIN_WAIT_2);
	script_skip(s);
}

static inline void be_closing(struct script *s)
{
	be_fin_wait_1(s);
	IN(s, 0, .seq = 1, .ack = 1, .flags = TCPF_ACK | TCPF_FIN);
	STATE(s, CLOSING);
	script_skip(s);
}

/* ---- cases ---- */

static inline void script_init(struct script *s, bool fast)
{
	memset(s, 0, sizeof(*s));
	s->cfg = tcp_config_default;
	s->cfg.fast_path = fast;
	s->cfg.quick_acks = 0;
	s->cfg.cc = &cc_newreno;
	s->cfg.rcvbuf = 50000;
	s->cfg.rcvbuf_max = s->cfg.sndbuf_max = 0;
	s->cfg.mtu_probing = false;
	s->iss = seq_of(0xfffffd00u);
	s->irs = seq_of(0xfffffe00u);
	s->open = (struct tcp_open){.iss = s->iss, .ts_offset = OUR_TSOFF, .mss = SCRIPT_MSS};
	s->now = SCRIPT_T0;
	s->peer_opts = TCPO_MSS;
	s->peer_mss = SCRIPT_MSS;
	s->trace = 0xcbf29ce484222325ull;
}

static struct script script_fast, script_slow;

static inline void script_twice(void (*body)(struct script *))
{
	script_init(&script_slow, false);
	body(&script_slow);
	assert_false(script_slow.all_events & TCP_EV_FAST);
	OUT_NONE((&script_slow), script_slow.now - SCRIPT_T0);
	script_init(&script_fast, true);
	body(&script_fast);
	OUT_NONE((&script_fast), script_fast.now - SCRIPT_T0);
	assert_true(script_fast.trace == script_slow.trace);
}

#define CASE(name)                                                                                 \
	static void name##_body(struct script *s);                                                 \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		script_twice(name##_body);                                                         \
	}                                                                                          \
	static void name##_body(struct script *s)
#define T(name) cmocka_unit_test(name)

#endif
