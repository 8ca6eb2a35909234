// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/output.h"
#include "base/inline.h"
#include "tcp/dsack.h"
#include "tcp/ecn.h"
#include "tcp/syn_data.h"
#include "tcp/internal.h"
#include "tcp/pace.h"
#include "tcp/recovery.h"
#include "tcp/tlp.h"
#include "tcp/message.h"

enum what {
	SEND_NOTHING,
	SEND_RST,
	SEND_STRAY_RST,
	SEND_SYN,
	SEND_ECHO, /* an ACK of less than what has arrived */
	SEND_KEEPALIVE,
	SEND_ACK,
	SEND_RANGE
};

/* A range is data, with a FIN behind it if it reaches beyond snd_end. */
struct plan {
	enum what what;
	struct seq_range r;
	bool again; /* by recovery: sent before */
	bool probe; /* beyond the window */
};

static uint8_t sack_blocks(const struct tcb *t)
{
	uint8_t max = t->flags & TF_TS ? 3 : 4; /* what fits into 40 bytes of options */
	uint8_t n;

	if (!(t->flags & TF_SACK) || !cold_of(t))
		return 0;
	n = (uint8_t)(cold_of(t)->ooo.n + dsack_waits(cold_of(t)));
	return n < max ? n : max;
}

/* Payload of a full segment: cc.mss has room for timestamps, SACK blocks take theirs. */
static uint32_t full_len(const struct tcb *t)
{
	uint8_t n = sack_blocks(t);

	return mss_of(t) - (n ? 4u + 8u * n : 0u);
}

static uint32_t usable_window(const struct tcb *t)
{
	int32_t n = seq_diff(seq_add(t->snd_una, t->snd_wnd), t->snd_nxt);

	return n > 0 ? (uint32_t)n : 0;
}

/* RFC 1122 4.2.3.4 with Nagle's rule: less than a full segment goes only if it is all there is and
 * nothing is in flight, or half of the largest window seen, or the application wants it so. */
static bool small_may_go(const struct tcb *t, uint32_t len, uint32_t avail)
{
	bool nagle = (t->flags & TF_NODELAY) || flight(t) == 0 ||
		     (flight(t) == 1 && t->state == TCPS_SYN_RCVD);

	if (len < avail)
		return nagle && len >= t->max_snd_wnd / 2;
	if (t->flags & (TF_FIN | TF_CORK_FLUSH))
		return true;
	return nagle && !(t->flags & TF_CORK);
}

static bool plan_new(const struct tcb *t, struct plan *p)
{
	uint32_t full = full_len(t), wnd = usable_window(t);
	uint32_t avail, len, pipe;

	if (!unsent(t))
		return false;
	avail = t->snd_end.v - t->snd_nxt.v;
	len = min_u32(min_u32(avail, full), wnd);
	if (len == 0 && (avail || wnd == 0)) /* a FIN takes its place in the window too */
		return false;
	if (len && len < full && !small_may_go(t, len, avail))
		return false;
	pipe = recovery_pipe(t);
	if (len && pipe && pipe + len > t->cc.cwnd && !(t->flags & TF_TLP_DUE))
		return false;
	p->what = SEND_RANGE;
	p->r.start = t->snd_nxt;
	p->r.end = seq_add(t->snd_nxt, len + (len == avail && (t->flags & TF_FIN) && wnd > len));
	return true;
}

/* One unit of sequence space beyond the window, or as much as a window too small for SWS takes. */
static void plan_probe(const struct tcb *t, struct plan *p)
{
	uint32_t len = min_u32(min_u32(t->snd_end.v - t->snd_nxt.v, full_len(t)), usable_window(t));

	p->what = SEND_RANGE;
	p->r.start = t->snd_una;
	if (flight(t)) { /* the last probe's */
		p->r.end = seq_add(t->snd_una, 1);
		p->again = p->probe = true;
		return;
	}
	p->probe = len == 0;
	p->r.end = seq_add(t->snd_una, max_u32(len, 1));
}

/* RFC 7413 4.2.2: the answer to data in a SYN need not wait for the handshake's end; the FIN does.
 */
static bool plan_early(const struct tcb *t, struct plan *p)
{
	if (t->state != TCPS_SYN_RCVD || !flight(t) || t->n_retries || !plan_new(t, p))
		return false;
	if (seq_gt(p->r.end, t->snd_end))
		p->r.end = t->snd_end;
	if (seq_eq(p->r.start, p->r.end))
		p->what = SEND_NOTHING;
	return p->what != SEND_NOTHING;
}

static __attribute__((cold)) void plan_opening(const struct tcb *t, struct plan *p)
{
	if (t->flags & TF_SYN_DUE)
		p->what = SEND_SYN;
	else if (!((t->xflags & XF_FASTOPEN) && plan_early(t, p)) && (t->flags & TF_ACK_NOW))
		p->what = SEND_ACK;
}

/* What is lost, or else new data. */
static bool plan_data(const struct tcb *t, struct plan *p)
{
	bool resending = t->phase != PHASE_OPEN || (t->flags & TF_RXT_HEAD);

	switch (resending ? recovery_next(t, full_len(t), &p->r) : RECOVERY_NONE) {
	case RECOVERY_SENDS:
		p->what = SEND_RANGE;
		p->again = true;
		return true;
	case RECOVERY_WAITS:
		return false;
	default:
		return plan_new(t, p);
	}
}

static NEVER_INLINE struct plan plan_any(const struct tcb *t, mt_time now)
{
	const uint32_t ack_of_ecn = TF_ACK_NOW | TF_ECN;
	bool held = pace_holds(t, now) && !(t->flags & (TF_RXT_HEAD | TF_TLP_DUE));
	struct plan p = {.what = SEND_NOTHING};

	if (t->flags & (TF_RST_DUE | TF_STRAY_RST)) {
		p.what = t->flags & TF_RST_DUE ? SEND_RST : SEND_STRAY_RST;
		return p;
	}
	if (t->state == TCPS_CLOSED)
		return p;
	if (syn_unacked(t)) {
		plan_opening(t, &p);
		return p;
	}
	if ((t->flags & ack_of_ecn) == ack_of_ecn && ecn_echo_waits(t)) {
		p.what = SEND_ECHO;
	} else if (!held && plan_data(t, &p)) {
		return p;
	} else if (t->flags & TF_TLP_DUE) {
		p.what = SEND_RANGE;
		p.r = recovery_tail(t, full_len(t));
		p.again = true;
	} else if (t->flags & TF_PROBE_DUE) {
		plan_probe(t, &p);
	} else if (t->flags & TF_KEEP_DUE) {
		p.what = SEND_KEEPALIVE;
	} else if (t->flags & TF_ACK_NOW) {
		p.what = SEND_ACK;
	}
	return p;
}

/* `avail` is unsent and nothing is special: new data or a FIN as far as the windows and Nagle let
 * it. False: the peer's window cuts it, and
 * what is left of it may be worth a segment. */
static inline bool plan_fit(const struct tcb *t, uint32_t avail, struct plan *p)
{
	const uint32_t no_wait = TF_NODELAY | TF_FIN | TF_CORK_FLUSH;
	uint32_t out = flight(t), full = mss_of(t), fin = (t->flags & TF_FIN) != 0;
	uint32_t n = avail <= full + fin ? avail : full;
	uint32_t len = n - (fin & (n == avail));

	if (out + n > t->snd_wnd)
		return out && out + len > t->snd_wnd && !(t->flags & TF_NODELAY);
	if (out && ((len && out + len > t->cc.cwnd) || (n < full && !(t->flags & no_wait))))
		return true;
	p->what = SEND_RANGE;
	p->r = (struct seq_range){t->snd_nxt, seq_add(t->snd_nxt, n)};
	return true;
}

/* The same decision as plan_any's for an established connection without anything special about it.
 * False: ask plan_any. */
static inline bool plan_plain(const struct tcb *t, struct plan *p)
{
	uint32_t avail = unsent_len(t);

	/* Bitwise on purpose: one branch. */
	if ((t->flags & TF_PLAIN_SPECIAL) | (t->xflags & XF_PLAIN_SPECIAL) | t->trouble |
	    (t->state < TCPS_ESTABLISHED))
		return false;
	if (cold_of(t) && dsack_waits(cold_of(t))) /* SACK blocks take their room */
		return false;
	p->what = t->flags & TF_ACK_NOW ? SEND_ACK : SEND_NOTHING;
	return avail == 0 || plan_fit(t, avail, p);
}

static inline struct plan plan_next(const struct tcb *t, mt_time now)
{
	struct plan p = {.what = SEND_NOTHING};

	return plan_plain(t, &p) ? p : plan_any(t, now);
}

bool output_can_send_new(const struct tcb *t)
{
	struct plan p = {.what = SEND_NOTHING};

	if (plan_plain(t, &p))
		return p.what == SEND_RANGE;
	return plan_new(t, &p);
}

enum tcp_tx tcp_pending(const struct tcb *t, mt_time now)
{
	struct plan p;

	if (!(t->flags & TF_DUE) && t->phase == PHASE_OPEN && !unsent(t))
		return TCP_TX_NONE;
	p = plan_next(t, now);
	switch (p.what) {
	case SEND_NOTHING:
		return TCP_TX_NONE;
	case SEND_ACK:
	case SEND_ECHO:
	case SEND_KEEPALIVE:
		return TCP_TX_ACK;
	case SEND_RANGE:
		return seq_lt(p.r.start, t->snd_end) ? TCP_TX_DATA : TCP_TX_CONTROL;
	default:
		return TCP_TX_CONTROL;
	}
}

/* ---- building ---- */

static inline __attribute__((always_inline)) void put_options(struct tcb *t, struct tcp_seg *out,
							      mt_time now)
{
	uint8_t n = sack_blocks(t), dup;

	out->opts = 0;
	out->n_sack = 0;
	if (t->flags & TF_TS) {
		out->opts = TCPO_TS;
		out->ts_val = ms_of(now) + t->ts_offset;
		out->ts_ecr = t->ts_recent;
	}
	if (n) {
		out->opts |= TCPO_SACK;
		out->n_sack = n;
		dup = dsack_put(cold_of(t), out->sack);
		ooo_sack_blocks(&cold_of(t)->ooo, out->sack + dup, (uint8_t)(n - dup));
	}
}

/* What every segment but the first SYN carries; with it any ACK owed is paid. */
static inline __attribute__((always_inline)) void put_ack(struct tcb *t, struct tcp_seg *out,
							  mt_time now)
{
	out->ack = t->rcv_nxt;
	out->flags |= t->flags & TF_ECE ? TCPF_ACK | TCPF_ECE : TCPF_ACK;
	put_options(t, out, now);
	put_window(t, out);
	t->last_ack = t->rcv_nxt;
	t->ack_at_us = 0;
	t->flags &= ~(uint32_t)TF_ACK_NOW;
}

static NEVER_INLINE void emit_syn(struct tcb *t, struct tcp_seg *out, mt_time now)
{
	bool active = t->state == TCPS_SYN_SENT, first = flight(t) == 0;
	bool offer_ts = active ? t->cfg->timestamps : t->flags & TF_TS;

	out->seq = t->snd_una;
	out->ack = active ? seq_of(0) : t->rcv_nxt;
	out->flags = active ? TCPF_SYN : TCPF_SYN | TCPF_ACK;
	if (active || (t->flags & TF_ECN))
		out->flags |= ecn_syn_flags(t);
	out->opts = TCPO_MSS;
	out->mss = t->mss_local;
	out->n_sack = 0;
	out->wnd = (uint16_t)min_u32(active ? t->rcvbuf : rcv_wnd(t), UINT16_MAX);
	if (offer_ts) {
		out->opts |= TCPO_TS;
		out->ts_val = ms_of(now) + t->ts_offset;
		out->ts_ecr = active ? 0 : t->ts_recent;
	}
	if (active ? t->cfg->sack : t->flags & TF_SACK)
		out->opts |= TCPO_SACK_PERM;
	if (active ? t->cfg->wscale : t->flags & TF_WSCALE) {
		out->opts |= TCPO_WSCALE;
		out->wscale = t->rcv_wscale;
	}
	t->flags &= ~(uint32_t)(TF_SYN_DUE | TF_ACK_NOW);
	if (first) {
		t->unacked_ms = ms_of(now);
		start_timing(t, seq_add(t->snd_una, 1), now);
		if (active && (t->xflags & XF_FASTOPEN))
			fastopen_put_data(t, out);
	} else {
		t->flags |= TF_LAST_RXT | (t->n_retries ? TF_SYN_RXT : 0);
		t->flags &= ~(uint32_t)TF_TIMING;
	}
	t->snd_nxt = seq_max(t->snd_nxt, seq_add(t->snd_una, 1u + out->len));
	if (!t->rxt_at_us)
		timer_rto(t, now);
}

static void emit_reset(struct tcb *t, struct tcp_seg *out, const struct plan *p)
{
	*out = (struct tcp_seg){.seq = t->rxt_nxt, .flags = TCPF_RST};
	if (p->what == SEND_STRAY_RST) {
		t->flags &= ~(uint32_t)TF_STRAY_RST;
		return;
	}
	out->ack = t->rcv_nxt;
	out->flags |= TCPF_ACK;
	t->flags &= ~(uint32_t)TF_RST_DUE;
}

/* All the application wrote has left, and the window would take more: what is in flight now says
 * nothing of the path's rate. */
static void note_idle(struct tcb *t)
{
	uint32_t pipe;

	if (!cc_ops(t)->cold || !cold_of(t))
		return;
	pipe = recovery_pipe(t);
	if (pipe < t->cc.cwnd)
		xmit_app_limited(&cold_of(t)->xmit, pipe);
}

static void sent_new(struct tcb *t, const struct plan *p, mt_time now)
{
	if (flight(t) == 0 && !p->probe)
		t->unacked_ms = ms_of(now);
	t->snd_nxt = p->r.end;
	if (cold_of(t))
		recovery_sent_new(t, p->r, now);
	if (p->probe) {
		t->flags |= TF_PROBED; /* the persist timer goes on */
		return;
	}
	start_timing(t, p->r.end, now);
	note_limit(t);
	if (t->flags & TF_TLP_DUE)
		tlp_sent(t, false);
	if (!t->rxt_at_us || (t->flags & TF_PERSIST))
		timer_rto(t, now);
	else if (t->flags & TF_PTO)
		tlp_put_off(t, now);
	else if (tlp_may_be_sooner(t, now))
		tlp_schedule(t, now);
	if (!unsent(t)) {
		t->flags &= ~(uint32_t)TF_CORK_FLUSH;
		note_idle(t);
	}
}

static void sent_again(struct tcb *t, const struct plan *p, mt_time now)
{
	bool head = seq_eq(p->r.start, t->snd_una);

	t->flags |= TF_LAST_RXT;
	t->flags &= ~(uint32_t)TF_TIMING; /* Karn: nothing is timed across a retransmission */
	if (p->probe) {
		if (cold_of(t))
			recovery_probed_again(t, p->r, now);
		return;
	}
	recovery_sent_again(t, p->r, now);
	if (t->flags & TF_TLP_DUE)
		tlp_sent(t, true);
	if (!t->rxt_at_us || (head && !(t->flags & TF_RENO_PARTIAL) && !(t->xflags & XF_REO)))
		timer_rto(t, now);
}

static void emit_range(struct tcb *t, struct tcp_seg *out, const struct plan *p, mt_time now)
{
	bool fin = seq_gt(p->r.end, t->snd_end);
	uint32_t len = p->r.end.v - p->r.start.v - fin;

	out->seq = p->r.start;
	out->len = (uint16_t)len;
	out->data_off = p->r.start.v - t->snd_una.v - (t->state == TCPS_SYN_RCVD);
	if (fin)
		out->flags |= TCPF_FIN;
	if (len && seq_geq(p->r.end, t->snd_end)) /* the last we have: the reader should not wait */
		out->flags |= TCPF_PSH;
	t->flags &= ~(uint32_t)TF_PROBE_DUE;
	t->last_snd_ms = ms_of(now);
	if (cc_ops(t)->pacing_rate || t->cfg->pacing)
		pace_sent(t, len, now);
	if (p->again) {
		sent_again(t, p, now);
		return;
	}
	if ((t->flags & TF_ECN) && len && !p->probe)
		ecn_mark(t, out);
	sent_new(t, p, now);
}

/* RFC 5681 4.1: the window of long ago says nothing about the path now. Nothing is in flight, and
 * something waits. */
static void restart_after_idle(struct tcb *t, mt_time now)
{
	uint32_t idle = ms_of(now) - t->last_snd_ms;

	if (syn_unacked(t))
		return;
	if (idle > t->cfg->rto_min_ms && idle > rto_ms(t))
		window_on_idle(t, now - idle * MT_MS, now);
}

/* What is neither data nor an ACK of what has arrived. */
static NEVER_INLINE void emit_rare(struct tcb *t, struct tcp_seg *out, const struct plan *p,
				   mt_time now)
{
	out->seq = bare_seq(t);
	switch (p->what) {
	case SEND_SYN:
		emit_syn(t, out, now);
		break;
	case SEND_RST:
	case SEND_STRAY_RST:
		emit_reset(t, out, p);
		break;
	case SEND_KEEPALIVE: /* a sequence number it has acknowledged: the peer must answer */
		out->seq = seq_add(t->snd_nxt, UINT32_MAX);
		t->flags &= ~(uint32_t)TF_KEEP_DUE;
		/* fall through */
	default:
		put_ack(t, out, now);
		if (p->what == SEND_ECHO)
			ecn_put_echo(t, out);
		break;
	}
}

bool tcp_output_any(struct tcb *t, mt_time now, struct tcp_seg *out)
{
	struct plan p;

	if (unsent(t) && !flight(t))
		restart_after_idle(t, now);
	p = plan_next(t, now);
	if (p.what == SEND_NOTHING)
		return false;
	out->len = 0;
	out->flags = 0;
	out->ip_ecn = 0;
	out->data_off = 0;
	out->payload = NULL;
	t->flags &= ~(uint32_t)TF_LAST_RXT;
	if (p.what < SEND_ACK) {
		emit_rare(t, out, &p, now);
	} else {
		if (p.what == SEND_RANGE)
			emit_range(t, out, &p, now);
		else
			out->seq = bare_seq(t);
		put_ack(t, out, now);
	}
	if (t->flags & TF_CORK)
		timer_settle(t, now);
	return true;
}

bool tcp_output(struct tcb *t, mt_time now, struct tcp_seg *out)
{
	struct tcp_clock k = tcp_clock_of(now);

	return message_out(t, &k, out) || usual_output(t, now, out) || tcp_output_any(t, now, out);
}

bool tcp_was_retransmit(const struct tcb *t)
{
	return t->flags & TF_LAST_RXT;
}
