// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/xmit.h"

#include <string.h>

#include "base/num.h"

_Static_assert((XMIT_MARKS & (XMIT_MARKS - 1)) == 0, "a ring");

static struct xmit_mark *mark_at(struct xmit *x, uint8_t i)
{
	return &x->mark[(x->head + i) % XMIT_MARKS];
}

static const struct xmit_mark *mark_of(const struct xmit *x, uint8_t i)
{
	return &x->mark[(x->head + i) % XMIT_MARKS];
}

void xmit_init(struct xmit *x, uint32_t now_us)
{
	x->head = x->n = x->n_again = 0;
	x->ack_any = x->limited = false;
	x->ack_bytes = x->delivered = x->limited_to = x->ahead = 0;
	x->last_us = x->delivered_us = x->first_us = now_us;
}

static struct xmit_stamp stamp(const struct xmit *x, uint32_t now_us)
{
	return (struct xmit_stamp){now_us, x->delivered, x->delivered_us, x->first_us, x->limited};
}

/* ---- sending ---- */

/* The caller may give a range sent again a time a little ahead. */
static void note_time(struct xmit *x, uint32_t us)
{
	if ((int32_t)(us - x->last_us) > 0)
		x->last_us = us;
}

/* Half the marks go, and half the resolution. */
static void thin(struct xmit *x)
{
	for (uint8_t i = 0; i < XMIT_MARKS / 2; i++) {
		uint32_t from_us = mark_at(x, (uint8_t)(2 * i))->from_us;
		struct xmit_mark *m = mark_at(x, i);

		*m = *mark_at(x, (uint8_t)(2 * i + 1));
		m->from_us = from_us;
	}
	x->n = XMIT_MARKS / 2;
}

void xmit_sent(struct xmit *x, tcp_seq snd_una, tcp_seq end, uint32_t now_us, uint32_t grain_us)
{
	struct xmit_mark *last;

	xmit_advance(x, snd_una);
	note_time(x, now_us);
	if (x->n) {
		last = mark_at(x, (uint8_t)(x->n - 1));
		if (last->s.at_us == now_us || now_us - last->from_us <= grain_us) {
			last->end = end;
			last->s.at_us = now_us;
			return;
		}
	} else { /* nothing was in flight: the time without does not count in a rate */
		x->first_us = x->delivered_us = x->last_us = now_us;
		x->ahead = 0;
	}
	if (x->n == XMIT_MARKS)
		thin(x);
	*mark_at(x, x->n++) = (struct xmit_mark){end, now_us, stamp(x, now_us)};
}

static void again_remove(struct xmit *x, uint8_t first, uint8_t count)
{
	x->n_again = (uint8_t)(x->n_again - count);
	memmove(x->again + first, x->again + first + count,
		(size_t)(x->n_again - first) * sizeof(x->again[0]));
}

static void again_insert(struct xmit *x, uint8_t at, struct xmit_again a)
{
	memmove(x->again + at + 1, x->again + at, (size_t)(x->n_again - at) * sizeof(a));
	x->again[at] = a;
	x->n_again++;
}

/* Takes the range out; where it was. */
static uint8_t again_cut(struct xmit *x, struct seq_range r)
{
	uint8_t i = 0;

	while (i < x->n_again && seq_leq(x->again[i].r.end, r.start))
		i++;
	if (i < x->n_again && seq_lt(x->again[i].r.start, r.start)) {
		if (seq_gt(x->again[i].r.end, r.end)) { /* out of its middle */
			if (x->n_again == XMIT_AGAIN)	/* delivered: nobody asks for it again */
				return i;
			again_insert(x, i, x->again[i]);
			x->again[i + 1].r.start = r.end;
		}
		x->again[i++].r.end = r.start;
	}
	while (i < x->n_again && seq_leq(x->again[i].r.end, r.end))
		again_remove(x, i, 1);
	if (i < x->n_again && seq_lt(x->again[i].r.start, r.end))
		x->again[i].r.start = r.end;
	return i;
}

/* The two closest neighbours become one, sent when the later of them was. What lies between them
 * counts as sent again, too. */
static void again_squeeze(struct xmit *x)
{
	uint32_t best = UINT32_MAX;
	uint8_t at = 0;

	for (uint8_t i = 0; i + 1 < x->n_again; i++) {
		uint32_t gap = x->again[i + 1].r.start.v - x->again[i].r.end.v;

		if (gap < best) {
			best = gap;
			at = i;
		}
	}
	struct xmit_again *a = &x->again[at];

	if (xmit_after(a[1].s.at_us, a[1].r.end, a[0].s.at_us, a[0].r.end))
		a[0].s = a[1].s;
	a[0].r.end = a[1].r.end;
	again_remove(x, (uint8_t)(at + 1), 1);
}

void xmit_resent(struct xmit *x, struct seq_range r, uint32_t now_us)
{
	uint8_t i;

	note_time(x, now_us);
	while (x->n_again > XMIT_AGAIN - 2) /* a cut may make one more, and the range is one */
		again_squeeze(x);
	i = again_cut(x, r);
	if (i > 0 && seq_eq(x->again[i - 1].r.end, r.start) && x->again[i - 1].s.at_us == now_us) {
		x->again[i - 1].r.end = r.end;
		return;
	}
	again_insert(x, i, (struct xmit_again){r, stamp(x, now_us)});
}

static void no_earlier(struct xmit_stamp *s, uint32_t us)
{
	if ((int32_t)(s->at_us - us) < 0)
		s->at_us = us;
}

void xmit_bound_age(struct xmit *x, uint32_t us)
{
	for (uint8_t i = 0; i < x->n; i++)
		no_earlier(&mark_at(x, i)->s, us);
	for (uint8_t i = 0; i < x->n_again; i++)
		no_earlier(&x->again[i].s, us);
}

void xmit_app_limited(struct xmit *x, uint32_t in_flight)
{
	x->limited = true;
	x->limited_to = x->delivered + in_flight;
}

/* ---- acknowledgments ---- */

void xmit_ack_begin(struct xmit *x)
{
	x->ack_any = false;
	x->ack_bytes = 0;
}

bool xmit_delivered(struct xmit *x, struct seq_range r, uint32_t n_fresh, uint32_t now_us,
		    struct xmit_piece *latest)
{
	x->delivered += n_fresh;
	x->delivered_us = now_us;
	x->ack_bytes += n_fresh;
	if (x->limited && (int32_t)(x->delivered - x->limited_to) > 0)
		x->limited = false;
	if (!xmit_latest(x, r, latest))
		return false;
	if (!x->ack_any ||
	    xmit_after(latest->s.at_us, latest->r.end, x->newest.s.at_us, x->newest.r.end)) {
		x->newest = *latest;
		x->first_us = latest->s.at_us;
	}
	x->ack_any = true;
	again_cut(x, r);
	return true;
}

void xmit_duplicate(struct xmit *x, uint32_t mss, uint32_t in_flight, uint32_t now_us)
{
	uint32_t n = min_u32(mss, in_flight - min_u32(x->ahead, in_flight));

	x->ahead += n;
	x->delivered += n;
	x->delivered_us = now_us;
}

uint32_t xmit_fresh(struct xmit *x, uint32_t n, uint32_t mss)
{
	uint32_t told = min_u32(x->ahead, n > mss ? n - mss : 0);

	x->ahead -= told;
	return n - told;
}

void xmit_advance(struct xmit *x, tcp_seq snd_una)
{
	uint8_t k = 0;

	while (x->n && seq_leq(mark_of(x, 0)->end, snd_una)) {
		x->head = (uint8_t)((x->head + 1) % XMIT_MARKS);
		x->n--;
	}
	while (k < x->n_again && seq_leq(x->again[k].r.end, snd_una))
		k++;
	if (k)
		again_remove(x, 0, k);
}

/* ---- asking ---- */

uint32_t xmit_oldest_us(const struct xmit *x)
{
	return x->n ? mark_of(x, 0)->s.at_us : x->last_us;
}

struct xmit_piece xmit_seek(tcp_seq at)
{
	return (struct xmit_piece){.r = {at, at}};
}

bool xmit_next(const struct xmit *x, tcp_seq end, struct xmit_piece *p)
{
	tcp_seq at = p->r.end;

	if (seq_geq(at, end))
		return false;
	while (p->i_mark < x->n && seq_leq(mark_of(x, p->i_mark)->end, at))
		p->i_mark++;
	while (p->i_again < x->n_again && seq_leq(x->again[p->i_again].r.end, at))
		p->i_again++;
	if (p->i_mark == x->n)
		return false;

	const struct xmit_mark *m = mark_of(x, p->i_mark);

	p->r = (struct seq_range){at, seq_min(end, m->end)};
	p->s = m->s;
	p->again = false;
	if (p->i_again == x->n_again)
		return true;

	const struct xmit_again *a = &x->again[p->i_again];

	if (seq_leq(a->r.start, at)) {
		p->r.end = seq_min(end, a->r.end);
		p->s = a->s;
		p->again = true;
	} else {
		p->r.end = seq_min(p->r.end, a->r.start);
	}
	return true;
}

bool xmit_latest(const struct xmit *x, struct seq_range r, struct xmit_piece *latest)
{
	struct xmit_piece p = xmit_seek(r.start);
	bool any = false;

	while (xmit_next(x, r.end, &p)) {
		if (!any || xmit_after(p.s.at_us, p.r.end, latest->s.at_us, latest->r.end))
			*latest = p;
		any = true;
	}
	return any;
}
