// SPDX-License-Identifier: BSD-3-Clause
/* The application's side: RFC 9293 3.10.2 to 3.10.5, options. */
#include <errno.h>
#include <string.h>

#include "tcp/internal.h"
#include "tcp/own.h"
#include "tcp/pace.h"
#include "tcp/syn_data.h"

/* ---- SEND and RECEIVE ---- */

uint32_t tcp_snd_room(const struct tcb *t)
{
	return tcp_room(t);
}

/* What MSG_MORE held back may go. */
static void no_more(struct tcb *t)
{
	if (t->xflags & XF_MORE)
		t->flags &= ~(uint32_t)TF_CORK;
	t->xflags &= (uint16_t)~XF_MORE;
}

/* tcp(7), TCP_NODELAY: what waits now goes, corked or not. */
static void flush(struct tcb *t)
{
	no_more(t);
	if ((t->flags & TF_CORK) && unsent(t) && !syn_unsent(t))
		t->flags |= TF_CORK_FLUSH;
}

static void append(struct tcb *t, uint32_t n, mt_time now)
{
	check(n <= tcp_room(t));
	t->snd_end = seq_add(t->snd_end, n);
	fastopen_release(t);
	timer_settle(t, now);
}

void tcp_append(struct tcb *t, uint32_t n, mt_time now)
{
	no_more(t);
	append(t, n, now);
}

void tcp_append_more(struct tcb *t, uint32_t n, mt_time now)
{
	if (!(t->flags & TF_CORK)) {
		t->flags |= TF_CORK;
		t->xflags |= XF_MORE;
	}
	append(t, n, now);
}

/* Told at once only where the peer may be waiting for it; else the next ACK does. */
void tcp_window_opened(struct tcb *t)
{
	uint32_t offered = rcv_wnd(t), grown = data_window(t) - offered;

	if (t->state < TCPS_ESTABLISHED || t->state > TCPS_FIN_WAIT_2)
		return; /* the peer sends nothing any more */
	if (grown && grown >= min_u32(offered, t->rcvbuf / 2))
		t->flags |= TF_ACK_NOW;
}

void tcp_consumed(struct tcb *t, uint32_t n, mt_time now)
{
	(void)now;
	tcp_took(t, n);
}

/* ---- CLOSE and ABORT ---- */

void tcp_shutdown(struct tcb *t, mt_time now)
{
	if ((t->flags & TF_FIN) || t->state == TCPS_CLOSED || t->state == TCPS_TIME_WAIT)
		return;
	t->flags |= TF_FIN;
	fastopen_release(t);
	if (t->state == TCPS_ESTABLISHED)
		tcp_set_state(t, TCPS_FIN_WAIT_1);
	else if (t->state == TCPS_CLOSE_WAIT)
		tcp_set_state(t, TCPS_LAST_ACK);
	timer_settle(t, now);
}

bool tcp_close_unread(struct tcb *t)
{
	if (t->state == TCPS_TIME_WAIT)
		return false;
	if (t->state != TCPS_CLOSED) {
		tcp_seq seq = bare_seq(t);

		conn_end(t, true);
		/* In CLOSING and LAST-ACK, too: an ABORT may send none there. */
		t->flags |= TF_RST_DUE;
		t->rxt_nxt = seq;
	}
	return true;
}

void tcp_orphan(struct tcb *t, mt_time now)
{
	t->flags |= TF_ORPHAN;
	if (!flight(t) && !(t->flags & TF_PERSIST)) /* what there is waits from now on */
		t->unacked_ms = ms_of(now);
}

bool tcp_close(struct tcb *t, mt_time now)
{
	if (t->state == TCPS_CLOSED)
		return true;
	if (t->state == TCPS_TIME_WAIT)
		return false;
	if (t->rcv_unread)
		return tcp_close_unread(t);
	if (t->state == TCPS_SYN_SENT) {
		conn_end(t, true);
		return true;
	}
	t->flags |= TF_ORPHAN;
	tcp_shutdown(t, now);
	if (t->state == TCPS_FIN_WAIT_2)
		timer_keepalive(t, now);
	return false;
}

void tcp_abort(struct tcb *t, mt_time now)
{
	(void)now;
	if (t->state != TCPS_CLOSED)
		conn_end(t, true);
}

/* ---- options ---- */

static void set_flag(struct tcb *t, uint32_t flag, uint32_t value)
{
	t->flags = value ? t->flags | flag : t->flags & ~flag;
}

static int set_keep(struct tcb *t, uint32_t *field, uint32_t value, mt_time now)
{
	if (value == 0 || value > INT32_MAX)
		return -EINVAL;
	*field = value;
	timer_keepalive(t, now);
	return 0;
}

static int set_maxseg(struct tcb *t, uint32_t value)
{
	if (value < MSS_MIN || value > UINT16_MAX)
		return -EINVAL;
	if (t->state != TCPS_SYN_SENT || flight(t)) /* as Linux: too late, but no error */
		return 0;
	t->mss_local = (uint16_t)min_u32(t->mss_local, value);
	t->mss_seen = (uint16_t)min_u32(t->mss_local, t->mss_seen);
	return 0;
}

/* What was offered stays good: the buffer cannot become smaller than that. */
static void set_rcvbuf(struct tcb *t, uint32_t value)
{
	if (t->state != TCPS_SYN_SENT)
		t->rcvbuf =
			max_u32(max_u32(value, 2u << t->rcv_wscale), t->rcv_unread + rcv_wnd(t));
	else if (flight(t))
		t->rcvbuf = max_u32(value, min_u32(t->rcvbuf, UINT16_MAX));
	else
		t->rcvbuf = value;
	if (t->state == TCPS_SYN_SENT && flight(t) == 0 && t->cfg->wscale)
		t->rcv_wscale = open_wscale(t->rcvbuf) & 15u;
	t->xflags |= XF_RCVBUF;
}

static int set_option(struct tcb *t, enum tcp_option opt, uint32_t value, mt_time now)
{
	switch (opt) {
	case TCP_OPT_NODELAY:
		set_flag(t, TF_NODELAY, value);
		if (value)
			flush(t);
		return 0;
	case TCP_OPT_CORK:
		no_more(t);
		set_flag(t, TF_CORK, value);
		return 0;
	case TCP_OPT_KEEPALIVE:
		set_flag(t, TF_KEEPALIVE, value);
		timer_keepalive(t, now);
		return 0;
	case TCP_OPT_KEEPIDLE_MS:
		return set_keep(t, &t->own->keep_idle_ms, value, now);
	case TCP_OPT_KEEPINTVL_MS:
		return set_keep(t, &t->own->keep_interval_ms, value, now);
	case TCP_OPT_KEEPCNT:
		if (value == 0 || value > 127)
			return -EINVAL;
		t->own->keep_probes = (uint8_t)value;
		return 0;
	case TCP_OPT_USER_TIMEOUT_MS:
		if (value > INT32_MAX)
			return -EINVAL;
		t->own->user_timeout_ms = value;
		return 0;
	case TCP_OPT_MAXSEG:
		return set_maxseg(t, value);
	case TCP_OPT_RCVBUF:
		set_rcvbuf(t, value);
		return 0;
	case TCP_OPT_SNDBUF:
		t->own->sndbuf = value;
		t->xflags |= XF_SNDBUF;
		return 0;
	case TCP_OPT_FASTOPEN:
	case TCP_OPT_FASTOPEN_QUEUE:
		break;
	}
	return -ENOPROTOOPT;
}

int tcp_set_option(struct tcb *t, enum tcp_option opt, uint32_t value, mt_time now)
{
	int rc;

	if (t->state == TCPS_CLOSED || t->state == TCPS_TIME_WAIT)
		return -EINVAL;
	if (!t->own && tcp_option_wants_own(opt))
		return -ENOBUFS;
	rc = set_option(t, opt, value, now);
	timer_settle(t, now);
	return rc;
}

uint32_t tcp_get_option(const struct tcb *t, enum tcp_option opt)
{
	switch (opt) {
	case TCP_OPT_NODELAY:
		return (t->flags & TF_NODELAY) != 0;
	case TCP_OPT_CORK:
		return (t->flags & TF_CORK) && !(t->xflags & XF_MORE);
	case TCP_OPT_KEEPALIVE:
		return (t->flags & TF_KEEPALIVE) != 0;
	case TCP_OPT_KEEPIDLE_MS:
		return keep_idle_ms(t);
	case TCP_OPT_KEEPINTVL_MS:
		return keep_interval_ms(t);
	case TCP_OPT_KEEPCNT:
		return keep_probes(t);
	case TCP_OPT_USER_TIMEOUT_MS:
		return user_timeout_ms(t);
	case TCP_OPT_MAXSEG:
		return t->state == TCPS_SYN_SENT ? t->mss_local : mss_of(t);
	case TCP_OPT_RCVBUF:
		return t->rcvbuf;
	case TCP_OPT_SNDBUF:
		return snd_limit(t);
	case TCP_OPT_FASTOPEN:
	case TCP_OPT_FASTOPEN_QUEUE:
		break;
	}
	return 0;
}

int tcp_set_cc(struct tcb *t, const struct cc_ops *ops, mt_time now)
{
	struct cc *cc;

	if (!ops)
		return -ENOENT;
	if (ops == cc_ops(t))
		return 0;
	if (!t->own)
		return -ENOBUFS;
	cc = &t->own->cc;
	pace_restart(t, now);
	if (cc->ops->handover && !ops->own_window && t->state >= TCPS_ESTABLISHED)
		window_handover(t);
	*cc = window_now(t);
	cc->ops = ops;
	cc->acked = 0;
	memset(&cc->u, 0, sizeof(cc->u));
	t->xflags &= (uint16_t)~XF_OWN;
	if (ops->cold || own_from_the_start(t->cfg))
		t->xflags |= XF_OWN;
	if (ops->cold)
		cc->u.cold = cold_of(t) ? &cold_of(t)->cc : NULL;
	ops->init(cc);
	return 0;
}

const struct cc_ops *tcp_get_cc(const struct tcb *t)
{
	return cc_ops(t);
}
