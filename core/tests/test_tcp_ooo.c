// SPDX-License-Identifier: BSD-3-Clause
/* Against a bitmap: one byte per sequence number of a window that lies across the wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "seed.h"
#include "tcp/ooo.h"

#define WIN 400u

static uint64_t seed;

static struct seq_range range(uint32_t base, uint32_t start, uint32_t end)
{
	return (struct seq_range){seq_of(base + start), seq_of(base + end)};
}

static void assert_range(struct seq_range got, struct seq_range want)
{
	assert_int_equal(got.start.v, want.start.v);
	assert_int_equal(got.end.v, want.end.v);
}

static void most_recent_block_first(void **state)
{
	struct ooo_set o;
	struct seq_range b[4];
	uint32_t base = 0xffffffe0u;

	(void)state;
	ooo_init(&o);
	assert_int_equal(ooo_sack_blocks(&o, b, 4), 0);
	for (uint32_t i = 1; i <= 5; i++)
		assert_true(ooo_insert(&o, seq_of(base + 20 * i), seq_of(base + 20 * i + 10)));
	assert_true(ooo_insert(&o, seq_of(base + 45), seq_of(base + 52))); /* grows the second */
	assert_int_equal(ooo_sack_blocks(&o, b, 4), 4);
	assert_range(b[0], range(base, 40, 52));
	assert_range(b[1], range(base, 100, 110));
	assert_range(b[2], range(base, 80, 90));
	assert_range(b[3], range(base, 60, 70));
	/* The bridge between the first and the fourth swallows three; the rest keeps its order. */
	assert_true(ooo_insert(&o, seq_of(base + 25), seq_of(base + 80)));
	assert_int_equal(ooo_sack_blocks(&o, b, 4), 2);
	assert_range(b[0], range(base, 20, 90));
	assert_range(b[1], range(base, 100, 110));
	assert_int_equal(ooo_sack_blocks(&o, b, 1), 1);
	assert_int_equal(ooo_sack_blocks(&o, b, 0), 0);
	assert_int_equal(ooo_advance(&o, seq_of(base + 20)).v, base + 90);
	assert_int_equal(ooo_advance(&o, seq_of(base + 100)).v, base + 110);
	assert_int_equal(o.n, 0);
}

static void full_set_refuses_and_stays(void **state)
{
	struct ooo_set o, was;
	uint32_t base = 0xfffffff0u;

	(void)state;
	ooo_init(&o);
	for (uint32_t i = 0; i < OOO_RANGES; i++)
		assert_true(ooo_insert(&o, seq_of(base + 10 * i), seq_of(base + 10 * i + 5)));
	was = o;
	assert_false(ooo_insert(&o, seq_of(base + 7), seq_of(base + 8)));
	assert_false(ooo_insert(&o, seq_of(base + 1000), seq_of(base + 1001)));
	assert_memory_equal(&o, &was, sizeof(o));
	assert_true(ooo_insert(&o, seq_of(base + 5), seq_of(base + 8))); /* touches: no new range */
	assert_true(ooo_insert(&o, seq_of(base + 3), seq_of(base + 4))); /* known */
	assert_true(ooo_insert(&o, seq_of(base + 4), seq_of(base + 4))); /* empty */
	assert_int_equal(o.n, OOO_RANGES);
	assert_true(ooo_insert(&o, seq_of(base), seq_of(base + 10 * OOO_RANGES)));
	assert_int_equal(o.n, 1);
}

static unsigned count_runs(const uint8_t *map, unsigned from)
{
	unsigned n = 0;

	for (unsigned i = from; i < WIN; i++)
		n += map[i] && !(i > from && map[i - 1]);
	return n;
}

static void compare(const struct ooo_set *o, const uint8_t *map, uint32_t base, unsigned nxt)
{
	uint8_t seen[WIN] = {0};
	unsigned ages = 0;

	assert_int_equal(o->n, count_runs(map, nxt));
	for (unsigned i = 0; i < o->n; i++) {
		uint32_t s = o->r[i].start.v - base, e = o->r[i].end.v - base;

		assert_true(s > nxt && s < e && e <= WIN);
		assert_true(i == 0 || seq_lt(o->r[i - 1].end, o->r[i].start));
		memset(seen + s, 1, e - s);
		ages |= 1u << o->age[i];
	}
	assert_int_equal(ages, (1u << o->n) - 1); /* a permutation */
	assert_memory_equal(seen + nxt, map + nxt, WIN - nxt);
}

/* One random step; returns the new rcv_nxt. */
static unsigned step(struct ooo_set *o, uint8_t *map, uint32_t base, unsigned nxt, struct rng *g)
{
	unsigned s = nxt + 1 + rng_below(g, WIN - nxt - 1), max = WIN - s;
	unsigned e = s + 1 + rng_below(g, max < 30 ? max : 30);
	uint8_t with[WIN];

	if (e > WIN)
		e = WIN;
	if (rng_below(g, 12) == 0) { /* the gap at rcv_nxt is filled up to s */
		nxt = ooo_advance(o, seq_of(base + s)).v - base;
		for (unsigned i = s; i < WIN && map[i]; i++)
			s = i + 1;
		assert_int_equal(nxt, s);
		memset(map, 0, nxt);
		return nxt;
	}
	memcpy(with, map, WIN);
	memset(with + s, 1, e - s);
	bool fits = count_runs(with, nxt) <= OOO_RANGES;
	bool touches = count_runs(with, nxt) <= count_runs(map, nxt);
	bool ok = ooo_insert(o, seq_of(base + s), seq_of(base + e));

	assert_true(ok == (fits || touches));
	if (ok) {
		struct seq_range b;

		memcpy(map, with, WIN);
		assert_int_equal(ooo_sack_blocks(o, &b, 1), 1);
		assert_true(b.start.v - base <= s && b.end.v - base >= e);
	}
	return nxt;
}

static void against_a_bitmap(void **state)
{
	struct rng g;

	(void)state;
	rng_seed(&g, seed);
	for (int run = 0; run < 3000; run++) {
		uint32_t base = rng_below(&g, 3) ? 0u - rng_below(&g, WIN) : (uint32_t)rng_next(&g);
		uint8_t map[WIN] = {0};
		struct ooo_set o;
		unsigned nxt = 0;

		ooo_init(&o);
		for (int i = 0; i < 100 && nxt < WIN - 40; i++) {
			nxt = step(&o, map, base, nxt, &g);
			compare(&o, map, base, nxt);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(most_recent_block_first),
		cmocka_unit_test(full_set_refuses_and_stays),
		cmocka_unit_test(against_a_bitmap),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
