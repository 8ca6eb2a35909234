// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/ooo.h"

#include <string.h>

#include "tcp/ranges.h"

void ooo_init(struct ooo_set *o)
{
	memset(o, 0, sizeof(*o));
}

/* Takes the ages of [first, first + count) out; the ranks that remain are again 0 .. n - count - 1.
 */
static void age_remove(struct ooo_set *o, uint8_t first, uint8_t count)
{
	for (uint8_t k = 0; k < count; k++) {
		uint8_t gone = o->age[first];

		memmove(o->age + first, o->age + first + 1, (size_t)(o->n - k - first - 1));
		for (uint8_t i = 0; i < o->n - k - 1; i++)
			o->age[i] = (uint8_t)(o->age[i] - (o->age[i] > gone));
	}
}

static void age_insert(struct ooo_set *o, uint8_t at, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++)
		o->age[i]++;
	memmove(o->age + at + 1, o->age + at, (size_t)(n - at));
	o->age[at] = 0;
}

bool ooo_insert(struct ooo_set *o, tcp_seq start, tcp_seq end)
{
	struct seq_range add = {start, end};

	if (seq_geq(start, end))
		return true;
	struct range_span span = ranges_find(o->r, o->n, add);

	if (span.count == 0 && o->n == OOO_RANGES)
		return false;
	age_remove(o, span.first, span.count);
	age_insert(o, span.first, (uint8_t)(o->n - span.count));
	o->n = ranges_merge(o->r, o->n, span, add);
	return true;
}

tcp_seq ooo_advance(struct ooo_set *o, tcp_seq rcv_nxt)
{
	uint8_t k = 0;

	for (; k < o->n && seq_leq(o->r[k].start, rcv_nxt); k++)
		rcv_nxt = seq_max(rcv_nxt, o->r[k].end);
	age_remove(o, 0, k);
	o->n = ranges_drop_front(o->r, o->n, k);
	return rcv_nxt;
}

void ooo_touch(struct ooo_set *o, tcp_seq at)
{
	uint8_t i = 0;

	while (i < o->n && seq_leq(o->r[i].end, at))
		i++;
	if (i == o->n || seq_gt(o->r[i].start, at))
		return;
	age_remove(o, i, 1);
	age_insert(o, i, (uint8_t)(o->n - 1));
}

uint8_t ooo_sack_blocks(const struct ooo_set *o, struct seq_range *out, uint8_t max)
{
	for (uint8_t i = 0; i < o->n; i++)
		if (o->age[i] < max)
			out[o->age[i]] = o->r[i];
	return o->n < max ? o->n : max;
}
