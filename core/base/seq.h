/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence numbers modulo 2^32 (RFC 9293 3.4). A struct, so that a raw `<` does not compile. */
#ifndef BASE_SEQ_H
#define BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint32_t v;
} tcp_seq;

static inline tcp_seq seq_of(uint32_t v)
{
	return (tcp_seq){v};
}

static inline tcp_seq seq_add(tcp_seq a, uint32_t n)
{
	return (tcp_seq){a.v + n};
}

/* Signed distance from b to a: positive when a is later. */
static inline int32_t seq_diff(tcp_seq a, tcp_seq b)
{
	return (int32_t)(a.v - b.v);
}

static inline bool seq_eq(tcp_seq a, tcp_seq b)
{
	return a.v == b.v;
}

static inline bool seq_lt(tcp_seq a, tcp_seq b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_leq(tcp_seq a, tcp_seq b)
{
	return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(tcp_seq a, tcp_seq b)
{
	return seq_diff(a, b) > 0;
}

static inline bool seq_geq(tcp_seq a, tcp_seq b)
{
	return seq_diff(a, b) >= 0;
}

static inline tcp_seq seq_max(tcp_seq a, tcp_seq b)
{
	return seq_gt(a, b) ? a : b;
}

static inline tcp_seq seq_min(tcp_seq a, tcp_seq b)
{
	return seq_lt(a, b) ? a : b;
}

#endif
