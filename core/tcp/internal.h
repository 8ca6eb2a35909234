/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of core/tcp share. Nothing of it is for the owner of a connection. */
#ifndef TCP_INTERNAL_H
#define TCP_INTERNAL_H

#include "base/check.h"
#include "base/num.h"
#include "tcp/instant.h"
#include "tcp/place.h"
#include "tcp/tcb.h"
#include "tcp/window.h"

#define MSS_MIN	     64u  /* a peer that asks for less would make us send headers */
#define MSS_DEFAULT  536u /* RFC 9293 3.7.1 */
#define WSCALE_MAX   14u  /* RFC 7323 2.3 */
#define TS_OPT_LEN   12u  /* with its padding */
#define CORK_MAX     (200 * MT_MS)
#define CHALLENGE_MS 500u /* RFC 5961 7: at most one in this time, per connection */
#define PAWS_IDLE_MS (24u * 86400u * 1000u) /* RFC 7323 5.5 */

/* ---- what a connection has of its own, or as configured ---- */
static inline struct tcp_cold *cold_of(const struct tcb *t)
{
	return t->own ? t->own->cold : NULL;
}

static inline uint32_t user_timeout_ms(const struct tcb *t)
{
	return t->own ? t->own->user_timeout_ms : t->cfg->user_timeout_ms;
}

static inline uint32_t keep_idle_ms(const struct tcb *t)
{
	return t->own ? t->own->keep_idle_ms : t->cfg->keep_idle_ms;
}

static inline uint32_t keep_interval_ms(const struct tcb *t)
{
	return t->own ? t->own->keep_interval_ms : t->cfg->keep_interval_ms;
}

static inline uint8_t keep_probes(const struct tcb *t)
{
	return t->own ? t->own->keep_probes : t->cfg->keep_probes;
}

/* The algorithm's state begins with the connection, or pacing has a schedule to keep. */
static inline bool own_from_the_start(const struct tcp_config *cfg)
{
	return !cfg->cc->plain_start || cfg->pacing;
}

static inline bool fin_sent(const struct tcb *t)
{
	return seq_gt(t->snd_nxt, t->snd_end);
}

/* Our SYN has not left: what seems unsent is not only data. */
static inline bool syn_unsent(const struct tcb *t)
{
	return syn_unacked(t) && !flight(t);
}

/* Where a segment without text stands. Behind a probe that a closed window refused, or what was in
 * flight when the peer took its window back, it would be refused, with the ACK or RST that it is.
 */
static inline tcp_seq bare_seq(const struct tcb *t)
{
	return t->snd_wnd == 0 && !syn_unacked(t) ? t->snd_una : t->snd_nxt;
}

static inline bool unsent(const struct tcb *t)
{
	return unsent_len(t) != 0;
}

/* Loss recovery by scoreboard; without the cold object it is NewReno's. */
static inline bool uses_sack(const struct tcb *t)
{
	return (t->flags & TF_SACK) && cold_of(t);
}

static inline uint32_t rto_ms(const struct tcb *t)
{
	return rtt_rto_ms(&t->rtt, t->cfg->rto_init_ms, t->cfg->rto_min_ms, t->cfg->rto_max_ms);
}

/* ---- state.c ---- */
void tcp_set_state(struct tcb *, enum tcp_state);
/* CLOSED, nothing timed, nothing to send; a RST if asked for and the state has one. */
void conn_end(struct tcb *, bool reset);
/* The connection dies of err: conn_end and the events that say so. */
void conn_fail(struct tcb *, int err, bool reset, struct tcp_events *);

/* ---- open.c ---- */
/* The smallest shift that lets 16 bits offer the whole buffer (RFC 7323 2.3). */
uint8_t open_wscale(uint32_t rcvbuf);
/* The shift of a new connection: auto-tuning may use it all, but the first buffer still holds two
 * units of the window field. own: as tcp_open.rcvbuf. */
uint8_t open_first_wscale(const struct tcp_config *, uint32_t own);
/* What a peer takes that names no segment size (RFC 9293 3.7.1). */
static inline uint32_t open_mss_default(const struct tcp_open *o)
{
	return max_u32(o->mss_default, MSS_DEFAULT);
}
void open_take_syn(struct tcb *, const struct tcp_seg *, mt_time now);
/* SYN-SENT or SYN-RCVD -> ESTABLISHED, and on to FIN-WAIT-1 if a shutdown waited for it. */
void open_established(struct tcb *, mt_time now, struct tcp_events *);

/* ---- one segment on its way through the steps ---- */
enum step { STEP_CONTINUE, STEP_DROP, STEP_DONE };

struct arrival {
	struct tcb *t;
	const struct tcp_seg *seg;
	struct tcp_events *ev;
	mt_time now;
	tcp_seq seq;   /* trimmed to the window, SYN taken off */
	uint32_t len;  /* payload left after trimming */
	uint32_t skip; /* payload trimmed from the front */
	bool fin;      /* a FIN stands behind it, inside the window */
	bool crossed;  /* the SYN/ACK of a simultaneous open */
};

static inline enum step arrival_drop(struct arrival *a, enum tcp_drop why)
{
	a->ev->drop = (uint8_t)why;
	return STEP_DROP;
}

/* An ACK answers the segment, at most one in CHALLENGE_MS: true if it will. */
bool arrival_challenge(struct arrival *);

/* ---- input_ack.c ---- */
enum step step_ack(struct arrival *);
/* SYN-RCVD -> ESTABLISHED: the segment acknowledges our SYN. */
void ack_opens(struct arrival *);
/* Tells an algorithm that wants it of an ACK that was processed; `before`: the flight before. */
void ack_sample(struct arrival *, uint32_t before);
/* What the acknowledgment of our FIN means, if it is. */
uint32_t ack_fin(struct tcb *, mt_time now);

/* ---- input_data.c ---- */
enum step step_text(struct arrival *);
enum step step_fin(struct arrival *);
void data_in_order(struct arrival *);
uint32_t data_fin(struct tcb *);
/* rcv_wnd to offer now; the right edge stays or advances (RFC 9293 3.8.6.2.2). Silly windows are
 * avoided (RFC 1122 4.2.3.3): the edge moves by a segment or half the buffer at least, and by what
 * the window field can tell. */
static inline uint32_t data_window(const struct tcb *t)
{
	uint32_t room = t->rcvbuf > t->rcv_unread ? t->rcvbuf - t->rcv_unread : 0;
	uint32_t step = min_u32(t->rcvbuf / 2, t->mss_seen);
	uint32_t now = rcv_wnd(t);

	if (room < now + step) /* mostly */
		return now;
	room = min_u32(room, (uint32_t)UINT16_MAX << t->rcv_wscale);
	if (room > now && room - now >= max_u32(step, 1u << t->rcv_wscale))
		return room;
	return now;
}

/* ---- pmtu.c ---- */
/* Before a timeout is acted on: is it the size? */
void pmtu_timeout(struct tcb *, mt_time now, struct tcp_events *);
/* XF_MSS_CUT: perhaps the path takes more again, or always did. */
void pmtu_raise(struct tcb *, mt_time now);

/* ---- autotune.c ---- */
#define RCV_MARK_UNIT 12 /* 4 KiB: growth ends where half a buffer is 2^16 of them */

static inline uint16_t rcv_consumed(const struct tcb *t)
{
	return (uint16_t)((t->rcv_nxt.v - t->rcv_unread) >> RCV_MARK_UNIT);
}

void autotune_start(struct tcb *, mt_time now);
/* The application has consumed half a buffer since the last time. */
uint32_t autotune_half(struct tcb *, const struct tcp_seg *, mt_time now);

/* RFC 7323 4.3 (2) */
static inline void ts_note(struct tcb *t, const struct tcp_seg *s)
{
	if ((t->flags & TF_TS) && (s->opts & TCPO_TS) && seq_leq(s->seq, t->last_ack))
		t->ts_recent = s->ts_val;
}

/* ---- timers.c ---- */
void timer_rto(struct tcb *, mt_time now); /* (re)starts the retransmission timer */
void timer_settle_waiting(struct tcb *, mt_time now);
/* Persist and cork: whatever waits is timed. With something in flight rxt_at runs; with nothing, a
 * window of more than a segment holds nothing back. */
static inline void timer_settle(struct tcb *t, mt_time now)
{
	if ((t->flags & (TF_CORK | TF_CORK_TIMED)) ||
	    (!t->rxt_at_us && unsent(t) && t->snd_wnd <= mss_of(t)))
		timer_settle_waiting(t, now);
}
void timer_keepalive(struct tcb *, mt_time now); /* (re)starts keepalive or FIN-WAIT-2, as is due */

#endif
