/* SPDX-License-Identifier: BSD-3-Clause */
/* Scoreboard of what the peer has SACKed above snd_una (RFC 2018 5, RFC 6675). All comparisons wrap-safe;
 * blocks outside (snd_una, snd_nxt] are ignored; never holds anything at or below snd_una. */
#ifndef TCP_SACK_H
#define TCP_SACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/wire.h"

#define SACK_RANGES 16
#define DUP_THRESH  3u /* RFC 5681 3.2, RFC 6675 2 */

struct sack_board {
	uint8_t n;
	struct seq_range r[SACK_RANGES]; /* ordered, disjoint; when full, the highest are kept */
};

struct sack_news {
	bool dsack;	      /* the first block was a report of a duplicate (RFC 2883), not entered */
	struct seq_range dup; /* that block */
	uint8_t n;	      /* blocks with bytes not known before */
	struct sack_fresh {
		struct seq_range r;
		uint32_t n_fresh;
	} block[TCP_SACK_MAX];
};

void sack_init(struct sack_board *);
/* Takes a segment's blocks; returns the bytes newly SACKed. */
uint32_t sack_update(struct sack_board *, const struct tcp_seg *, tcp_seq snd_una, tcp_seq snd_nxt,
		     struct sack_news *);
void sack_advance(struct sack_board *, tcp_seq snd_una); /* purges below */
uint32_t sack_bytes(const struct sack_board *);          /* bytes SACKed */
/* RFC 6675 IsLost(seq): 3 discontiguous SACKed ranges or more than 2*mss bytes SACKed above it. */
bool sack_is_lost(const struct sack_board *, tcp_seq seq, uint32_t mss);
bool sack_covers(const struct sack_board *, tcp_seq seq);
/* First hole at or above `from`, below the highest SACKed byte: [*start, *end). False if none. */
bool sack_next_hole(const struct sack_board *, tcp_seq from, tcp_seq snd_una, tcp_seq *start, tcp_seq *end);
/* RFC 6675 SetPipe(): bytes believed in flight. high_rxt: end of what this recovery has retransmitted. */
uint32_t sack_pipe(const struct sack_board *, tcp_seq snd_una, tcp_seq snd_nxt, tcp_seq high_rxt,
		   uint32_t mss);

#endif
