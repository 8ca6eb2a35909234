// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/sack.h"

#include "tcp/ranges.h"

void sack_init(struct sack_board *b)
{
	b->n = 0;
}

/* RFC 2883 4: the first block lies below the cumulative ACK, or inside the second block. */
bool sack_is_dsack(const struct tcp_seg *s)
{
	if (!(s->opts & TCPO_SACK) || s->n_sack == 0 || seq_geq(s->sack[0].start, s->sack[0].end))
		return false;
	if (seq_lt(s->sack[0].start, s->ack))
		return true;
	return s->n_sack > 1 && seq_geq(s->sack[0].start, s->sack[1].start) &&
	       seq_leq(s->sack[0].end, s->sack[1].end);
}

/* Bytes of add that the board did not hold. */
static uint32_t enter(struct sack_board *b, struct seq_range add)
{
	struct range_span span = ranges_find(b->r, b->n, add);
	uint32_t before = 0;

	if (span.count == 0 && b->n == SACK_RANGES) {
		/* Loss is judged by what lies above a hole, so the lowest is the least loss of
		 * knowledge. */
		if (span.first == 0)
			return 0;
		b->n = ranges_drop_front(b->r, b->n, 1);
		span.first--;
	}
	for (uint8_t i = 0; i < span.count; i++)
		before += range_len(b->r[span.first + i]);
	b->n = ranges_merge(b->r, b->n, span, add);
	return range_len(b->r[span.first]) - before;
}

uint32_t sack_update(struct sack_board *b, const struct tcp_seg *s, tcp_seq snd_una,
		     tcp_seq snd_nxt, struct sack_news *news)
{
	uint32_t sum = 0;

	news->n = 0;
	if (!(s->opts & TCPO_SACK) || s->n_sack == 0)
		return 0;
	for (uint8_t i = sack_is_dsack(s); i < s->n_sack && i < TCP_SACK_MAX; i++) {
		struct seq_range add = s->sack[i];
		uint32_t fresh;

		/* Old news after reordering, or never sent. A block that begins at snd_una is no
		 * hole's end. */
		if (seq_leq(add.start, snd_una) || seq_geq(add.start, add.end) ||
		    seq_gt(add.end, snd_nxt))
			continue;
		fresh = enter(b, add);
		if (fresh)
			news->block[news->n++] = (struct sack_fresh){add, fresh};
		sum += fresh;
	}
	return sum;
}

void sack_advance(struct sack_board *b, tcp_seq snd_una)
{
	uint8_t k = 0;

	/* A range that snd_una stops inside has been taken back by the receiver (RFC 2018 8): all
	 * of it goes. */
	while (k < b->n && seq_leq(b->r[k].start, snd_una))
		k++;
	b->n = ranges_drop_front(b->r, b->n, k);
}

uint32_t sack_bytes(const struct sack_board *b)
{
	uint32_t sum = 0;

	for (uint8_t i = 0; i < b->n; i++)
		sum += range_len(b->r[i]);
	return sum;
}

/* RFC 6675 4: n_above discontiguous ranges, bytes_above bytes are SACKed above it. */
static bool lost_below(uint32_t n_above, uint32_t bytes_above, uint32_t mss)
{
	return n_above >= DUP_THRESH || bytes_above > (DUP_THRESH - 1) * mss;
}

bool sack_is_lost(const struct sack_board *b, tcp_seq seq, uint32_t mss)
{
	uint32_t n_above = 0, bytes_above = 0;

	for (uint8_t i = b->n; i-- > 0 && seq_gt(b->r[i].end, seq);) {
		n_above++;
		bytes_above += b->r[i].end.v - seq_max(b->r[i].start, seq).v;
	}
	return lost_below(n_above, bytes_above, mss);
}
