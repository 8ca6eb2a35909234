// SPDX-License-Identifier: BSD-3-Clause
/*
 * Path MTU: what routers say (RFC 1191), what they should have said (black holes, RFC 8899 4.3),
 * and the way back up (RFC 1191 6.3). Timeouts in a row may as well be an outage or bad luck: a cut
 * made for them is on trial until the larger size has vanished once more.
 */
#include "tcp/pmtu.h"
#include "tcp/internal.h"
#include "tcp/recovery.h"

#define RAISE_S	     600u /* RFC 1191 6.3: ten minutes, then the larger size is tried again */
#define HOLE_RETRIES 4u	  /* timeouts of one segment in a row, then its size is suspected */
#define TRIAL_S	     10u  /* a suspicion is checked after this time: it may have been an outage, */
/* And is confirmed if the larger size, tried again, vanishes within this: messages may be rare. To
 * wait longer would gain nothing, since what is confirmed is then tried again, too. */
#define AGAIN_S RAISE_S

/* Payloads without options: of an IPv6 minimum MTU, of 1024 as in RFC 4821 7.2, of what all hosts
 * take. */
static const uint16_t steps[] = {1220, 984, 536};

static uint32_t now_s(mt_time now)
{
	return (uint32_t)(now / MT_SEC);
}

/* Of the cut; without XF_MSS_CUT, of its end. */
static bool cut_within(const struct tcb *t, uint32_t seconds, mt_time now)
{
	return (uint16_t)(now_s(now) - t->mss_cut_s) < seconds;
}

static void cut(struct tcb *t, uint32_t mss, mt_time now)
{
	window_set_mss(t, mss);
	t->mss_cut_s = (uint16_t)now_s(now);
	t->xflags |= XF_MSS_CUT;
}

/* XF_MSS_TRIAL stays, but for an acquittal: if what is larger vanishes again, that was the reason.
 */
static void lift(struct tcb *t, mt_time now)
{
	window_set_mss(t, t->cc.mss_max);
	t->mss_cut_s = (uint16_t)now_s(now);
	t->xflags &= (uint16_t)~XF_MSS_CUT;
}

static uint32_t options_len(const struct tcb *t)
{
	return t->flags & TF_TS ? TS_OPT_LEN : 0;
}

void tcp_path_mss(struct tcb *t, uint16_t mss, mt_time now)
{
	uint32_t full = max_u32(mss, MSS_MIN) - options_len(t);

	if (t->state >= TCPS_ESTABLISHED && full < mss_of(t)) {
		cut(t, full, now);
		t->xflags &= (uint16_t)~XF_MSS_TRIAL;
	}
}

bool tcp_path_mtu(struct tcb *t, tcp_seq quoted, uint16_t mss, mt_time now)
{
	uint32_t before = mss_of(t);

	/* Only who saw the segment can quote a sequence number in flight (RFC 5927 4.1). */
	if (t->state == TCPS_CLOSED || t->state == TCPS_TIME_WAIT || seq_lt(quoted, t->snd_una) ||
	    seq_geq(quoted, t->snd_nxt))
		return false;
	tcp_path_mss(t, mss, now); /* a path never grows by this message (RFC 1191 3) */
	if (mss_of(t) < before) {
		recovery_go_back(t); /* what was too long is lost, but not by congestion */
		timer_rto(t, now);
	}
	return true;
}

static bool on_trial(const struct tcb *t)
{
	const uint16_t both = XF_MSS_CUT | XF_MSS_TRIAL;

	return (t->xflags & both) == both;
}

/* The first suspicion of a series of timeouts: is it one, or what a trial has confirmed? */
static void suspect(struct tcb *t, mt_time now)
{
	bool tried = (t->xflags & XF_MSS_TRIAL) && !(t->xflags & XF_MSS_CUT);

	if (tried && cut_within(t, AGAIN_S, now))
		t->xflags &= (uint16_t)~XF_MSS_TRIAL;
	else
		t->xflags |= XF_MSS_TRIAL;
}

static void step_down(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	uint32_t ts = options_len(t);

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint32_t mss = steps[i] - ts;

		if (mss >= mss_of(t))
			continue;
		if (flight(t) <= mss) /* too small to be lost for its size */
			return;
		if (t->n_retries + 1u == HOLE_RETRIES)
			suspect(t, now);
		cut(t, mss, now);
		ev->flags |= TCP_EV_BLACK_HOLE;
		return;
	}
}

void pmtu_timeout(struct tcb *t, mt_time now, struct tcp_events *ev)
{
	if (!t->cfg->mtu_probing || (t->flags & TF_PROBED))
		return;
	if (t->n_retries == 0 && on_trial(t)) { /* the smaller ones get lost, too */
		lift(t, now);
		t->xflags &= (uint16_t)~XF_MSS_TRIAL;
	} else if (t->n_retries + 1u >= HOLE_RETRIES)
		step_down(t, now, ev);
}

void pmtu_raise(struct tcb *t, mt_time now)
{
	if (!cut_within(t, on_trial(t) ? TRIAL_S : RAISE_S, now))
		lift(t, now);
}
