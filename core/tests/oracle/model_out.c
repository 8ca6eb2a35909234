// SPDX-License-Identifier: BSD-3-Clause
/* What the stack told its owner and what left, against what the model wants. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "oracle/model.h"

#define LIMIT_MS  1000 /* a rate limit may hold an ACK back that long (RFC 5961 7) */
#define DELACK_MS 500  /* RFC 9293 3.8.6.3 */

static __attribute__((format(printf, 1, 2))) const char *say(const char *format, ...)
{
	static char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

/* ---- events ---- */

static const char *took_text(struct model *m, const struct tcp_events *ev)
{
	struct model_want *w = &m->want;
	int64_t at = w->rcv_was + ev->data_off;
	bool refused = w->ahead && ev->drop != TCP_DROP_NONE;

	if (refused && !w->refusable)
		return say("[%" PRId64 ", %" PRId64 ")%s behind a hole must be kept", w->from,
			   w->to, w->fin_ahead ? " with FIN" : "");
	if (refused || w->from == w->to) {
		if (ev->data_len)
			return say("%u bytes kept, none wanted", ev->data_len);
	} else if (at != w->from || ev->data_len != w->to - w->from ||
		   w->seq + ev->data_skip != w->from) {
		return say("kept [%" PRId64 ", %" PRId64 ") from byte %u, wanted [%" PRId64
			   ", %" PRId64 ")",
			   at, at + ev->data_len, ev->data_skip, w->from, w->to);
	}
	if (!w->ahead || refused)
		return NULL;
	for (int64_t i = w->from; i < w->to + w->fin_ahead; i++)
		m->map[i] = 1;
	if (w->to + w->fin_ahead > m->top)
		m->top = w->to + w->fin_ahead;
	if (w->fin_ahead)
		m->fin = w->to;
	return NULL;
}

/* Time alone ends a connection that waits for an answer, or an orphan in FIN-WAIT-2. */
static const char *took_time(struct model *m, const struct tcp_events *ev)
{
	bool waits = m->una < m->end + m->shut;
	bool orphan = m->state == TCPS_FIN_WAIT_2 && m->orphan;

	if (!(ev->flags & TCP_EV_CLOSED))
		return NULL;
	if (!(ev->error == ETIMEDOUT && waits) && !(ev->error == 0 && orphan))
		return say("died of error %d while nothing was waited for", ev->error);
	m->state = TCPS_CLOSED;
	return NULL;
}

const char *model_took(struct model *m, const struct tcp_events *ev)
{
	const struct model_want *w = &m->want;
	bool error = ev->flags & TCP_EV_ERROR;

	if (m->timed)
		return took_time(m, ev);
	if (ev->n_readable != w->n_readable)
		return say("%u bytes readable, wanted %" PRId64, ev->n_readable, w->n_readable);
	if (ev->n_acked != w->n_acked)
		return say("%u bytes acknowledged, wanted %" PRId64, ev->n_acked, w->n_acked);
	if (!(ev->flags & TCP_EV_EOF) != !w->eof)
		return say("end of file: %s", w->eof ? "missing" : "unfounded");
	if (!(ev->flags & TCP_EV_ESTABLISHED) != !w->established)
		return say("established: %s", w->established ? "missing" : "unfounded");
	if (!(ev->flags & TCP_EV_CLOSED) != !w->closed)
		return say("closed: %s", w->closed ? "missing" : "unfounded");
	if (!(ev->flags & TCP_EV_TIME_WAIT) != !w->time_wait)
		return say("TIME-WAIT: %s", w->time_wait ? "missing" : "unfounded");
	if ((error ? ev->error : 0) != w->error && !(w->error_free && !error))
		return say("error %d, wanted %d", error ? ev->error : 0, w->error);
	return took_text(m, ev);
}

/* ---- segments ---- */

/* Where a segment without text stands: the peer takes nothing beyond a closed window. */
static int64_t bare_place(const struct model *m)
{
	return m->snd_wnd == 0 && m->una > 0 ? m->una : m->nxt;
}

static const char *sent_reset(struct model *m, const struct tcp_seg *s)
{
	const struct model_want *w = &m->want;
	bool stray = (w->rst || w->rst_may) && s->seq.v == w->rst_seq && !(s->flags & TCPF_ACK);
	bool abort = w->abort && s->seq.v == m->iss + (uint32_t)bare_place(m) &&
		     (!(s->flags & TCPF_ACK) || s->ack.v == m->irs + (uint32_t)m->rcv_nxt);

	if (m->reset || (!stray && !abort))
		return say("unfounded RST, seq %" PRId64, model_place(m->iss, m->nxt, s->seq.v));
	m->reset = true;
	return NULL;
}

static const char *sent_syn(struct model *m, const struct tcp_seg *s)
{
	bool acks = s->flags & TCPF_ACK;
	uint8_t allowed = m->offer | TCPO_MSS;

	if (m->state != TCPS_SYN_SENT && m->state != TCPS_SYN_RCVD)
		return say("SYN in state %s", tcp_state_name(m->state));
	if (s->seq.v != m->iss || acks != (m->state == TCPS_SYN_RCVD))
		return say("SYN with seq %u, flags %#x", s->seq.v - m->iss, s->flags);
	if (acks) {
		allowed = TCPO_MSS | (m->ts ? TCPO_TS : 0) | (m->sack ? TCPO_SACK_PERM : 0) |
			  (m->scaled ? TCPO_WSCALE : 0);
		m->edge = m->rcv_nxt + s->wnd > m->edge ? m->rcv_nxt + s->wnd : m->edge;
	}
	if (s->opts & ~allowed)
		return say("SYN with options %#x, negotiated %#x", s->opts, allowed);
	if (m->nxt == 0) {
		m->nxt = 1;
		m->first_ts = s->ts_val;
		m->first_ms = m->now_ms;
	}
	return NULL;
}

/* RFC 2018 4: what is reported was received; RFC 2883: the first block may repeat old places,
 * before the first as well: where the peer's numbers began is not kept. */
static const char *sent_sack(const struct model *m, const struct tcp_seg *s)
{
	if ((s->opts & TCPO_SACK) && !m->sack)
		return "SACK without agreement";
	for (unsigned k = 0; (s->opts & TCPO_SACK) && k < s->n_sack; k++) {
		int64_t from = model_place(m->irs, m->rcv_nxt, s->sack[k].start.v);
		int64_t to = model_place(m->irs, m->rcv_nxt, s->sack[k].end.v);

		if (from >= to || (k > 0 && from <= m->rcv_nxt))
			return say("SACK block %u [%" PRId64 ", %" PRId64 ")", k, from, to);
		for (int64_t i = from; i < to; i++)
			if ((i < 0 && k > 0) || i >= MODEL_SPACE || (i >= m->rcv_nxt && !m->map[i]))
				return say("SACK of place %" PRId64 ", never received", i);
	}
	return NULL;
}

static const char *sent_options(struct model *m, const struct tcp_seg *s)
{
	if (!(s->opts & TCPO_TS) != !m->ts)
		return say("timestamps %s", m->ts ? "missing" : "without agreement");
	if (m->ts && s->ts_ecr != m->ts_recent && s->ts_ecr != m->ts_alt)
		return say("TSecr %u, wanted %u", s->ts_ecr, m->ts_recent);
	if (s->opts & (TCPO_MSS | TCPO_WSCALE | TCPO_SACK_PERM))
		return say("options of a SYN: %#x", s->opts);
	return sent_sack(m, s);
}

/* Text and FIN: what was written, in order, within the window; a probe goes one beyond. */
static const char *sent_range(struct model *m, const struct tcp_seg *s)
{
	int64_t seq = model_place(m->iss, m->nxt, s->seq.v);
	bool fin = s->flags & TCPF_FIN;
	int64_t to = seq + s->len + fin;

	if (seq < m->una && to > seq)
		return say("sends %" PRId64 " again, acknowledged long since", seq);
	if (seq < m->una - 1 || seq > m->nxt || (to == seq && seq > bare_place(m)))
		return say("seq %" PRId64 " outside [%" PRId64 ", %" PRId64 "]", seq, m->una,
			   m->nxt);
	if (fin ? !m->shut || to != m->end + 1 : to > m->end + (to == seq && m->shut))
		return say("%s to %" PRId64 ", written %" PRId64, fin ? "FIN" : "text", to, m->end);
	if (to > m->nxt && to > m->una + m->snd_wnd && to != m->una + 1)
		return say("to %" PRId64 ", window ends at %" PRId64, to, m->una + m->snd_wnd);
	if (s->len > m->mss)
		return say("%u bytes of text, path takes %u", s->len, m->mss);
	if (to > m->nxt)
		m->nxt = to;
	if (to == seq)
		m->n_pure++;
	return NULL;
}

static const char *sent_window(struct model *m, const struct tcp_seg *s)
{
	int64_t edge = m->rcv_nxt + ((int64_t)s->wnd << m->rcv_shift);

	if (edge + (1 << m->rcv_shift) <= m->edge)
		return say("window shrinks from %" PRId64 " to %" PRId64, m->edge, edge);
	if (edge > m->edge)
		m->edge = edge;
	return NULL;
}

const char *model_sent(struct model *m, const struct tcp_seg *s)
{
	const char *wrong;

	if (s->flags & TCPF_RST)
		return sent_reset(m, s);
	if (m->state == TCPS_CLOSED)
		return "a segment of a closed connection";
	if (m->state != TCPS_SYN_SENT &&
	    (!(s->flags & TCPF_ACK) || s->ack.v != m->irs + (uint32_t)m->rcv_nxt))
		return say("ack %" PRId64 ", wanted %" PRId64,
			   model_place(m->irs, m->rcv_nxt, s->ack.v), m->rcv_nxt);
	if (m->state != TCPS_SYN_SENT) {
		m->n_acking++;
		m->owed = false;
		m->last_ack = m->rcv_nxt;
	}
	if (s->flags & TCPF_SYN)
		return sent_syn(m, s);
	if (m->state == TCPS_SYN_SENT)
		return "an ACK in SYN-SENT";
	wrong = sent_options(m, s);
	if (!wrong)
		wrong = sent_range(m, s);
	return wrong ? wrong : sent_window(m, s);
}

/* ---- the step as a whole ---- */

const char *model_end(struct model *m)
{
	const struct model_want *w = &m->want;
	bool late = m->owed && m->now_ms - m->owed_ms > DELACK_MS;
	bool many = m->rcv_nxt - m->last_ack >= 2 * (int64_t)m->mss;
	bool limited = w->ack == DUE_LIMITED && m->now_ms - m->limited_ms < LIMIT_MS;

	if ((w->rst || w->abort) && !m->reset)
		return "must send a RST";
	if (m->state == TCPS_CLOSED)
		return NULL;
	if (w->ack >= DUE_LIMITED && !limited && !m->n_acking)
		return "must send an ACK";
	if (w->limited && m->n_acking)
		m->limited_ms = m->now_ms;
	if (w->ack == DUE_NONE && m->n_pure && !m->timed && w->rcv_was == m->rcv_nxt)
		return "must not send an ACK";
	if (!m->timed && m->n_pure > 1)
		return say("%u ACKs in answer to one segment", m->n_pure);
	if (late || many)
		return say("nothing acknowledges %" PRId64, m->rcv_nxt);
	if (w->window_update && m->edge == m->rcv_nxt)
		return "all was read, the window stays closed";
	return NULL;
}
