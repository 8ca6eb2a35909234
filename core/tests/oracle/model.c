// SPDX-License-Identifier: BSD-3-Clause
/* Arrivals and verbs. Clauses are of RFC 9293 unless another RFC is named. */
#include "oracle/model.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

void model_init(struct model *m, const struct model_open *o, uint64_t now_ms)
{
	memset(m->map, 0, (size_t)m->top);
	memset(m, 0, offsetof(struct model, map));
	m->state = o->active ? TCPS_SYN_SENT : TCPS_SYN_RCVD;
	m->active = o->active;
	m->offer = o->offer;
	m->rcv_shift = o->rcv_shift;
	m->iss = o->iss;
	m->rcvbuf = o->rcvbuf;
	m->mss = o->mss;
	m->end = 1;
	m->fin = -1;
	m->now_ms = now_ms;
	m->limited_ms = now_ms - 100000;
}

/* ---- pieces ---- */

static void ask_ack(struct model *m, enum model_due due)
{
	m->want.limited |= due == DUE_LIMITED;
	if (due > m->want.ack)
		m->want.ack = due;
}

/* 3.10.7.3 fourth, and what the options of a SYN settle (RFC 7323 1.3, RFC 2018 2). */
static void take_syn(struct model *m, const struct tcp_seg *s)
{
	m->irs = s->seq.v;
	m->map[0] = 1;
	m->rcv_nxt = m->last_ack = m->top = 1;
	m->edge = 1 + (m->rcvbuf < 65535 ? m->rcvbuf : 65535);
	m->ts = (m->offer & TCPO_TS) && (s->opts & TCPO_TS);
	m->ts_recent = m->ts_alt = m->ts ? s->ts_val : 0;
	m->sack = (m->offer & TCPO_SACK_PERM) && (s->opts & TCPO_SACK_PERM);
	m->scaled = (m->offer & TCPO_WSCALE) && (s->opts & TCPO_WSCALE);
	m->snd_shift = m->scaled ? (s->wscale > 14 ? 14 : s->wscale) : 0;
	if (!m->scaled)
		m->rcv_shift = 0;
	m->snd_wnd = m->max_wnd = s->wnd; /* RFC 7323 2.2: never scaled */
	m->wl1 = m->wl2 = 0;
}

void model_listen(struct model *m, const struct tcp_seg *syn)
{
	take_syn(m, syn);
}

static void become_established(struct model *m)
{
	m->state = m->shut ? TCPS_FIN_WAIT_1 : TCPS_ESTABLISHED;
	m->want.established = true;
}

static void die(struct model *m, int error)
{
	m->state = TCPS_CLOSED;
	m->want.closed = true;
	m->want.error = error;
}

/* The RST of 3.10.5 and RFC 1122 4.2.2.13. */
static void die_by_reset(struct model *m)
{
	m->state = TCPS_CLOSED;
	m->want.closed = true;
	m->want.abort = true;
}

static void refuse_ack(struct model *m, const struct tcp_seg *s)
{
	m->want.rst = !(s->flags & TCPF_RST);
	m->want.rst_seq = s->ack.v;
}

/* ---- text and FIN: 3.10.7.4, seventh and eighth ---- */

static void keep(struct model *m, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		m->map[i] = 1;
	if (to > m->top)
		m->top = to;
}

/* Ranges behind rcv_nxt, and whether [from, to) touches one of them. */
static unsigned count_ranges(const struct model *m, int64_t from, int64_t to, bool *touches)
{
	unsigned n = 0;

	*touches = false;
	for (int64_t i = m->rcv_nxt; i < m->top; i++) {
		n += m->map[i] && !m->map[i - 1];
		*touches |= m->map[i] && i + 1 >= from && i <= to;
	}
	return n;
}

static void fin_in_order(struct model *m)
{
	m->rcv_nxt = m->fin + 1;
	m->want.eof = true;
	ask_ack(m, DUE_MUST);
	if (m->state == TCPS_ESTABLISHED) {
		m->state = TCPS_CLOSE_WAIT;
	} else if (m->state == TCPS_FIN_WAIT_1) { /* with our FIN acknowledged: it is FIN-WAIT-2 */
		m->state = TCPS_CLOSING;
	} else {
		m->state = TCPS_TIME_WAIT;
		m->want.time_wait = true;
	}
}

static void advance(struct model *m)
{
	int64_t from = m->rcv_nxt;

	while (m->rcv_nxt != m->fin && m->map[m->rcv_nxt])
		m->rcv_nxt++;
	m->want.n_readable = m->rcv_nxt - from;
	m->unread += m->want.n_readable;
	if (m->rcv_nxt == m->fin)
		fin_in_order(m);
	if (m->rcv_nxt > from && !m->owed) {
		m->owed = true;
		m->owed_ms = m->now_ms;
	}
}

static void take_ahead(struct model *m, int64_t from, int64_t to, bool fin)
{
	bool touches;
	unsigned n = count_ranges(m, from, to + fin, &touches);

	ask_ack(m, DUE_MUST); /* RFC 5681 4.2 */
	m->want.ahead = true;
	m->want.fin_ahead = fin;
	m->want.from = from;
	m->want.to = to;
	m->want.refusable = m->poor || (n >= TCP_OOO_RANGES && !touches);
	/* Two ends of one stream, or text behind its end: the RFC is silent. */
	if (m->fin >= 0 && (to > m->fin || (fin && to != m->fin)))
		m->want.refusable = true;
	if (fin && m->fin < 0 && m->top > to)
		m->want.refusable = true;
}

static void take_text(struct model *m, int64_t seq, int64_t len, bool fin)
{
	int64_t from = seq > m->rcv_nxt ? seq : m->rcv_nxt;
	int64_t to = seq + len < m->edge ? seq + len : m->edge;

	if (seq + len + fin > m->edge)
		fin = false;
	if (m->state != TCPS_ESTABLISHED && m->state != TCPS_FIN_WAIT_1 &&
	    m->state != TCPS_FIN_WAIT_2)
		return;
	if (to < from)
		to = from;
	if (to > from && m->orphan) {
		die_by_reset(m);
		return;
	}
	if (to == from && !fin)
		return;
	if (from > m->rcv_nxt) {
		take_ahead(m, from, to, fin);
		return;
	}
	if (m->top > m->rcv_nxt)
		ask_ack(m, DUE_MUST); /* RFC 5681 4.2: fills a hole */
	if (m->fin >= 0 && to > m->fin)
		to = m->fin; /* nothing follows a FIN */
	m->want.from = from;
	m->want.to = to;
	keep(m, from, to);
	if (fin && m->fin < 0) {
		if (m->top >
		    to) /* text behind it came before: the RFC is silent, first come counts */
			ask_ack(m, DUE_MUST);
		else
			m->fin = to;
	}
	advance(m);
}

/* ---- 3.10.7.4 fifth: the ACK field ---- */

static void take_window(struct model *m, const struct tcp_seg *s, int64_t seq, int64_t ack)
{
	m->snd_wnd = (int64_t)s->wnd << (s->flags & TCPF_SYN ? 0 : m->snd_shift);
	m->wl1 = seq;
	m->wl2 = ack;
	if (m->snd_wnd > m->max_wnd)
		m->max_wnd = m->snd_wnd;
}

static bool ack_opens(struct model *m, const struct tcp_seg *s, int64_t seq)
{
	int64_t ack = model_place(m->iss, m->una, s->ack.v);

	if (ack <= m->una || ack > m->nxt) {
		refuse_ack(m, s);
		return false;
	}
	m->una = ack;
	become_established(m);
	take_window(m, s, seq, ack);
	return true;
}

/* Our FIN is acknowledged. True: nothing of the segment counts any more. */
static bool fin_acked(struct model *m)
{
	switch (m->state) {
	case TCPS_FIN_WAIT_1:
		m->state = TCPS_FIN_WAIT_2;
		return false;
	case TCPS_CLOSING:
		m->state = TCPS_TIME_WAIT;
		m->want.time_wait = true;
		return true;
	case TCPS_LAST_ACK:
		die(m, 0);
		return true;
	default:
		return false;
	}
}

static bool take_ack(struct model *m, const struct tcp_seg *s, int64_t seq)
{
	int64_t ack = model_place(m->iss, m->una, s->ack.v), was = m->una;

	if (!(s->flags & TCPF_ACK))
		return false;
	if (m->state == TCPS_SYN_RCVD)
		return ack_opens(m, s, seq);
	if (ack > m->nxt || ack < m->una - m->max_wnd) { /* RFC 5961 5.2 */
		ask_ack(m, DUE_LIMITED);
		return false;
	}
	if (ack > m->una) {
		m->una = ack;
		m->want.n_acked = (ack < m->end ? ack : m->end) - was;
	}
	/* That WL1 must not be later is meant against old segments; an ACK that advances is none,
	 * though it may stand in a retransmission. */
	if (ack > was || (ack == was && (m->wl1 < seq || (m->wl1 == seq && m->wl2 <= ack))))
		take_window(m, s, seq, ack);
	return true;
}

/* ---- first to fourth ---- */

/* Table 6, with the allowance for valid ACK, URG and RST at a closed window. The table forgets the
 * segment that begins before the window and ends behind it: part of it is wanted (as in Linux). */
static bool acceptable(const struct model *m, int64_t seq, int64_t len)
{
	int64_t last = seq + len - 1;

	if (m->edge == m->rcv_nxt)
		return seq == m->rcv_nxt;
	if (seq >= m->rcv_nxt && seq < m->edge)
		return true;
	return len > 0 && seq < m->rcv_nxt && last >= m->rcv_nxt;
}

/* RFC 7323 5.3 R1. */
static bool paws(struct model *m, const struct tcp_seg *s)
{
	if (!m->ts || (s->flags & TCPF_RST))
		return true;
	if (!(s->opts & TCPO_TS)) { /* 3.2: silently; RFC 5961 4 of a SYN: not so */
		m->want.limited = s->flags & TCPF_SYN;
		ask_ack(m, m->want.limited ? DUE_MAY : DUE_NONE);
		return false;
	}
	if ((int32_t)(s->ts_val - m->ts_recent) >= 0)
		return true;
	ask_ack(m, s->len ? DUE_MUST : DUE_LIMITED);
	return false;
}

/* RFC 5961 3. The RST of an impostor's guess within the window asks the real peer. */
static void take_rst(struct model *m, int64_t seq)
{
	if (seq != m->rcv_nxt) {
		if (seq > m->rcv_nxt && seq < m->edge)
			ask_ack(m, DUE_LIMITED);
		return;
	}
	/* Half open and passive it returns to LISTEN; in CLOSING and LAST-ACK the user has said all
	 * there was to say: neither asks for an error. */
	m->want.error_free = (m->state == TCPS_SYN_RCVD && !m->active) ||
			     m->state == TCPS_CLOSING || m->state == TCPS_LAST_ACK;
	die(m, m->state == TCPS_SYN_RCVD && m->active ? ECONNREFUSED : ECONNRESET);
}

/* RFC 7323 4.3 (2); R3 of 5.3 leaves open what a segment refused later does to it. */
static void note_ts(struct model *m, const struct tcp_seg *s, int64_t seq, bool surely)
{
	if (!m->ts || !(s->opts & TCPO_TS) || seq > m->last_ack ||
	    (int32_t)(s->ts_val - m->ts_recent) < 0)
		return;
	m->ts_alt = s->ts_val;
	if (surely)
		m->ts_recent = s->ts_val;
}

static bool checks(struct model *m, const struct tcp_seg *s, int64_t seq)
{
	int64_t len = seg_len(s);

	if (!acceptable(m, seq, len)) {
		if (!(s->flags & TCPF_RST))
			ask_ack(m, s->len || (s->flags & TCPF_FIN) ? DUE_MUST : DUE_LIMITED);
		return false;
	}
	if (s->flags & TCPF_RST) {
		take_rst(m, seq);
		return false;
	}
	/* RFC 5961 4. 3.10.7.4 would return a passive half-open connection to LISTEN; as anyone
	 * could then undo a handshake with one SYN in the window, it is treated like the others. */
	if (s->flags & TCPF_SYN) {
		ask_ack(m, DUE_LIMITED);
		return false;
	}
	if (seq + len > m->edge) /* at a closed window it is not acceptable but for its ACK */
		ask_ack(m, m->edge == m->rcv_nxt ? DUE_MUST : DUE_MAY);
	return true;
}

static void arrives_synchronized(struct model *m, const struct tcp_seg *s)
{
	int64_t seq = model_place(m->irs, m->rcv_nxt, s->seq.v);
	/* 3.5, figure 7: the SYN/ACK of a simultaneous open repeats the SYN we have. */
	bool crossed = m->state == TCPS_SYN_RCVD && m->active && seq == 0 &&
		       (s->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == (TCPF_SYN | TCPF_ACK);

	if (!paws(m, s))
		return;
	if (!crossed && !checks(m, s, seq)) {
		note_ts(m, s, seq, false);
		return;
	}
	if (!take_ack(m, s, seq)) {
		note_ts(m, s, seq, false);
		return;
	}
	note_ts(m, s, seq, true);
	if (m->una > m->end && fin_acked(m))
		return;
	if (crossed)
		ask_ack(m, DUE_MAY);
	else
		take_text(m, seq, s->len, s->flags & TCPF_FIN);
}

/* RFC 1337 3 for the RST; 3.10.7.4 and RFC 6191 2 for a SYN, which the owner may take as new. */
static void arrives_time_wait(struct model *m, const struct tcp_seg *s)
{
	int64_t seq = model_place(m->irs, m->rcv_nxt, s->seq.v), len = seg_len(s);

	if (s->flags & TCPF_RST)
		return;
	ask_ack(m, len && !(s->flags & TCPF_SYN) && seq + len <= m->rcv_nxt ? DUE_MUST : DUE_MAY);
}

/* ---- 3.10.7.3: SYN-SENT ---- */

static void arrives_syn_sent(struct model *m, const struct tcp_seg *s)
{
	int64_t ack = model_place(m->iss, m->una, s->ack.v);
	bool acks = s->flags & TCPF_ACK;
	uint32_t after = s->ts_ecr - m->first_ts;

	if (acks && (ack <= 0 || ack > m->nxt)) {
		refuse_ack(m, s);
		return;
	}
	if (s->flags & TCPF_RST) {
		if (acks)
			die(m, ECONNREFUSED);
		return;
	}
	if (!(s->flags & TCPF_SYN))
		return;
	/* RFC 7323 3.2: TSecr in a SYN/ACK echoes a SYN of ours. */
	if (acks && (m->offer & s->opts & TCPO_TS) && s->ts_ecr &&
	    after > m->now_ms - m->first_ms) {
		m->want.rst_may = true;
		m->want.rst_seq = s->ack.v;
		return;
	}
	take_syn(m, s);
	ask_ack(m, DUE_MUST);
	if (!acks) { /* text that came with it may be dropped: it comes again */
		m->state = TCPS_SYN_RCVD;
		return;
	}
	m->una = ack;
	m->wl2 = ack;
	become_established(m);
	take_text(m, 1, s->len, s->flags & TCPF_FIN);
}

void model_arrives(struct model *m, const struct tcp_seg *s)
{
	m->want.rcv_was = m->rcv_nxt;
	if (m->state == TCPS_SYN_SENT) {
		m->want.rcv_was = 1;
		m->want.seq = 1;
		arrives_syn_sent(m, s);
		return;
	}
	m->want.seq = model_place(m->irs, m->rcv_nxt, s->seq.v);
	if (m->state == TCPS_TIME_WAIT)
		arrives_time_wait(m, s);
	else
		arrives_synchronized(m, s);
}

/* ---- 3.10.2 to 3.10.5: the user's calls; what they ask for is in model_end ---- */

void model_write(struct model *m, uint32_t n)
{
	m->end += n;
}

void model_read(struct model *m, uint32_t n)
{
	m->unread -= n;
	ask_ack(m, DUE_MAY);
	m->want.window_update = m->unread == 0 && m->edge == m->rcv_nxt &&
				m->state >= TCPS_ESTABLISHED && m->state <= TCPS_FIN_WAIT_2;
}

void model_shutdown(struct model *m)
{
	if (m->state == TCPS_TIME_WAIT)
		return;
	m->shut = true;
	if (m->state == TCPS_ESTABLISHED)
		m->state = TCPS_FIN_WAIT_1;
	else if (m->state == TCPS_CLOSE_WAIT)
		m->state = TCPS_LAST_ACK;
}

/* With data unread RFC 1122 4.2.2.13 and RFC 2525 2.17 ask for a RST, in every state. */
void model_close(struct model *m)
{
	if (m->state == TCPS_TIME_WAIT)
		return;
	if (m->unread) {
		die_by_reset(m);
	} else if (m->state == TCPS_SYN_SENT) {
		die(m, 0);
	} else {
		m->orphan = true;
		model_shutdown(m);
	}
}

void model_abort(struct model *m)
{
	bool closing = m->state == TCPS_CLOSING || m->state == TCPS_LAST_ACK;

	if (m->state == TCPS_TIME_WAIT)
		return;
	/* 3.10.4: these two begin when everything is segmentized, the FIN behind it. */
	if (m->state == TCPS_SYN_SENT || (closing && m->nxt > m->end))
		die(m, 0);
	else
		die_by_reset(m);
}

void model_begin(struct model *m, uint64_t now_ms)
{
	m->now_ms = now_ms;
	m->want = (struct model_want){.ack = m->owed ? DUE_MAY : DUE_NONE};
	m->n_pure = m->n_acking = 0;
	m->reset = m->timed = false;
}

void model_timer(struct model *m)
{
	m->timed = true;
}
