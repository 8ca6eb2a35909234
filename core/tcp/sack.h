/* SPDX-License-Identifier: BSD-3-Clause */
/* Scoreboard of what the peer has SACKed above snd_una (RFC 2018 5, RFC 6675). All comparisons wrap-safe;
 * blocks outside (snd_una, snd_nxt] are ignored; never holds anything at or below snd_una. */
#ifndef TCP_SACK_H
#define TCP_SACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/wire.h"

#define SACK_RANGES 64
#define DUP_THRESH  3u /* RFC 5681 3.2, RFC 6675 2 */

struct sack_board {
	uint8_t n;
	struct seq_range r[SACK_RANGES]; /* ordered, disjoint; when full, the highest are kept */
};

struct sack_news {
	uint8_t n; /* blocks with bytes not known before */
	struct sack_fresh {
		struct seq_range r;
		uint32_t n_fresh;
	} block[TCP_SACK_MAX];
};

/* RFC 2883 4: the segment's first block reports a duplicate. */
bool sack_is_dsack(const struct tcp_seg *);
void sack_init(struct sack_board *);
/* Takes a segment's blocks, but for a D-SACK; returns the bytes newly SACKed. */
uint32_t sack_update(struct sack_board *, const struct tcp_seg *, tcp_seq snd_una, tcp_seq snd_nxt,
		     struct sack_news *);
void sack_advance(struct sack_board *, tcp_seq snd_una); /* purges below */
uint32_t sack_bytes(const struct sack_board *);          /* bytes SACKed */
/* RFC 6675 IsLost(seq): 3 discontiguous SACKed ranges or more than 2*mss bytes SACKed above it. */
bool sack_is_lost(const struct sack_board *, tcp_seq seq, uint32_t mss);

#endif
