// SPDX-License-Identifier: BSD-3-Clause
/* Against a bitmap: one byte per sequence number of a flight that lies across the wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/sack.h"

#define WIN 600u
#define MSS 10u

static uint64_t seed;

static struct tcp_seg ack_with(uint32_t ack, unsigned n, const uint32_t (*blocks)[2], uint32_t base)
{
	struct tcp_seg s = {.flags = TCPF_ACK, .ack = seq_of(base + ack), .opts = TCPO_SACK};

	s.n_sack = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		s.sack[i] = (struct seq_range){seq_of(base + blocks[i][0]),
					       seq_of(base + blocks[i][1])};
	return s;
}

/* One ACK at snd_una = base into the board; snd_nxt = base + WIN. */
static uint32_t take(struct sack_board *b, uint32_t base, unsigned n, const uint32_t (*blocks)[2])
{
	struct tcp_seg s = ack_with(0, n, blocks, base);
	struct sack_news news;
	uint32_t fresh = sack_update(b, &s, seq_of(base), seq_of(base + WIN), &news);

	assert_false(sack_is_dsack(&s));
	return fresh;
}

static bool covers(const struct sack_board *b, tcp_seq seq)
{
	for (uint8_t i = 0; i < b->n; i++)
		if (seq_leq(b->r[i].start, seq) && seq_lt(seq, b->r[i].end))
			return true;
	return false;
}

static void ignores_what_cannot_be(void **state)
{
	static const uint32_t bad[][2] = {{0, 10}, {20, 20}, {30, 25}, {WIN - 10, WIN + 1}};
	static const uint32_t low[][2] = {{WIN + 5, WIN + 9}, {0x80000000u, 0x80000010u}};
	struct sack_board b;
	struct tcp_seg s = {.n_sack = 2};
	struct sack_news news;

	(void)state;
	sack_init(&b);
	assert_int_equal(take(&b, 0xfffffff0u, 4, bad), 0);
	assert_int_equal(take(&b, 0xfffffff0u, 2, low), 0);
	assert_int_equal(sack_update(&b, &s, seq_of(0), seq_of(10), &news), 0);
	assert_int_equal(b.n, 0);
}

static void duplicate_reports(void **state)
{
	static const uint32_t below[][2] = {{5, 15}, {40, 50}}, inside[][2] = {{42, 46}, {40, 50}};
	static const uint32_t empty[][2] = {{5, 5}, {40, 50}};
	struct sack_board b;
	struct tcp_seg s = ack_with(20, 2, below, 0xfffffff0u);
	tcp_seq una = seq_of(0xfffffff0u + 20), nxt = seq_of(0xfffffff0u + WIN);
	struct sack_news news;

	(void)state;
	sack_init(&b);
	assert_int_equal(sack_update(&b, &s, una, nxt, &news), 10);
	assert_true(sack_is_dsack(&s));
	s = ack_with(20, 2, inside, 0xfffffff0u);
	assert_int_equal(sack_update(&b, &s, una, nxt, &news), 0);
	assert_true(sack_is_dsack(&s));
	s = ack_with(20, 2, empty, 0xfffffff0u);
	assert_int_equal(sack_update(&b, &s, una, nxt, &news), 0);
	assert_false(sack_is_dsack(&s));
	assert_int_equal(b.n, 1);
}

static void full_board_keeps_the_highest(void **state)
{
	static const uint32_t lowest[][2] = {{1, 3}}, highest[][2] = {{WIN - 3, WIN}};
	struct sack_board b;
	uint32_t base = 0xffffff80u;

	(void)state;
	sack_init(&b);
	for (uint32_t i = 0; i < SACK_RANGES; i++) {
		uint32_t block[1][2] = {{10 + 8 * i, 15 + 8 * i}};

		assert_int_equal(take(&b, base, 1, block), 5);
	}
	assert_int_equal(take(&b, base, 1, lowest), 0);
	assert_int_equal(b.r[0].start.v, base + 10);
	assert_int_equal(take(&b, base, 1, highest), 3);
	assert_int_equal(b.n, SACK_RANGES);
	assert_int_equal(b.r[0].start.v, base + 18);
	assert_true(covers(&b, seq_of(base + WIN - 1)));
}

/* RFC 6675 4: three ranges above, or more than two segments of bytes above. */
static void is_lost(void **state)
{
	static const uint32_t two[][2] = {{20, 30}, {40, 50}}, more[][2] = {{50, 51}};
	static const uint32_t third[][2] = {{60, 61}};
	struct sack_board b;
	uint32_t base = 0xffffffe0u;

	(void)state;
	sack_init(&b);
	take(&b, base, 2, two);
	assert_false(sack_is_lost(&b, seq_of(base), MSS));
	take(&b, base, 1, more);
	assert_true(sack_is_lost(&b, seq_of(base), MSS));
	assert_false(sack_is_lost(&b, seq_of(base + 30), MSS));
	sack_init(&b);
	take(&b, base, 2, two);
	take(&b, base, 1, third);
	assert_true(sack_is_lost(&b, seq_of(base), 1000));
	assert_false(sack_is_lost(&b, seq_of(base + 35), 1000));
}

/* snd_una inside a SACKed range: the receiver threw away what it had reported. */
static void reneging(void **state)
{
	static const uint32_t blocks[][2] = {{20, 30}, {40, 50}};
	struct sack_board b;
	uint32_t base = 0xffffffe8u;

	(void)state;
	sack_init(&b);
	take(&b, base, 2, blocks);
	sack_advance(&b, seq_of(base + 25));
	assert_int_equal(b.n, 1);
	assert_false(covers(&b, seq_of(base + 25)));
	sack_advance(&b, seq_of(base + 40));
	assert_int_equal(b.n, 0);
}

/* ---- the model ---- */

struct model {
	uint8_t map[WIN + 1]; /* SACKed */
	uint32_t base;
	unsigned una;
};

static bool model_lost(const struct model *m, unsigned seq)
{
	unsigned runs = 0, bytes = 0;

	for (unsigned i = seq; i < WIN; i++) {
		bytes += m->map[i];
		runs += m->map[i] && (i == seq || !m->map[i - 1]);
	}
	return runs >= 3 || bytes > 2 * MSS;
}

static void compare(const struct sack_board *b, const struct model *m)
{
	unsigned bytes = 0;

	for (unsigned i = m->una; i < WIN; i++) {
		bytes += m->map[i];
		assert_int_equal(covers(b, seq_of(m->base + i)), m->map[i]);
		assert_int_equal(sack_is_lost(b, seq_of(m->base + i), MSS), model_lost(m, i));
	}
	assert_int_equal(sack_bytes(b), bytes);
}

static void model_step(struct sack_board *b, struct model *m, struct rng *g)
{
	uint32_t blocks[TCP_SACK_MAX][2], fresh = 0;
	unsigned n = 1 + rng_below(g, TCP_SACK_MAX);
	struct sack_news news;

	for (unsigned k = 0; k < n; k++) {
		/* All of a cell share its byte 10: at most 14 ranges, the board never has to
		 * forget. */
		uint32_t cell = 40 * (1 + rng_below(g, WIN / 40 - 1));

		blocks[k][0] = cell + rng_below(g, 10);
		blocks[k][1] = cell + 11 + rng_below(g, 28);
	}
	struct tcp_seg seg = ack_with(m->una, n, blocks, m->base);
	uint32_t got =
		sack_update(b, &seg, seq_of(m->base + m->una), seq_of(m->base + WIN), &news);

	for (unsigned k = sack_is_dsack(&seg); k < n; k++) {
		for (uint32_t i = blocks[k][0]; i < blocks[k][1] && blocks[k][0] > m->una; i++) {
			fresh += !m->map[i];
			m->map[i] = 1;
		}
	}
	assert_int_equal(got, fresh);
	if (rng_below(g, 10) == 0) { /* a cumulative ACK to the end of a run, or to a hole */
		unsigned to = m->una + rng_below(g, 60);

		while (to < WIN && m->map[to])
			to++;
		m->una = to < WIN ? to : WIN;
		memset(m->map, 0, m->una);
		sack_advance(b, seq_of(m->base + m->una));
	}
}

static void against_a_bitmap(void **state)
{
	struct rng g;

	(void)state;
	rng_seed(&g, seed);
	for (int run = 0; run < 150; run++) {
		struct model m = {.base = run % 3 ? 0u - rng_below(&g, WIN)
						  : (uint32_t)rng_next(&g)};
		struct sack_board b;

		sack_init(&b);
		for (int i = 0; i < 40 && m.una < WIN; i++) {
			model_step(&b, &m, &g);
			compare(&b, &m);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ignores_what_cannot_be),
		cmocka_unit_test(duplicate_reports),
		cmocka_unit_test(full_board_keeps_the_highest),
		cmocka_unit_test(is_lost),
		cmocka_unit_test(reneging),
		cmocka_unit_test(against_a_bitmap),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
