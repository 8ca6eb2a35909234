// SPDX-License-Identifier: BSD-3-Clause
/* Buffer memory and byte queues against plain models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "seed.h"
#include "base/rng.h"
#include "stack/buf.h"

#define MAX_ORDER 8 /* 64 KiB */
#define N_BLOCKS  400
#define N_BUFS	  24
#define BUF_MOST  20000u

static uint64_t seed;

struct memory {
	struct bufmem m;
	void *mem, *units;
	size_t bytes;
};

static void mem_open(struct memory *x, size_t bytes)
{
	x->bytes = bytes;
	x->mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	x->units = malloc(bufmem_units_bytes(bytes));
	assert_non_null(x->mem);
	assert_non_null(x->units);
	memset(x->units, 0xff, bufmem_units_bytes(bytes));
	bufmem_init(&x->m, x->mem, bytes, x->units, MAX_ORDER);
}

static void mem_close(struct memory *x)
{
	assert_int_equal(x->m.used_bytes, 0);
	free(x->mem);
	free(x->units);
}

/* Everything handed out came back: it merges into blocks of the largest order again. */
static void assert_whole(struct memory *x)
{
	uint32_t n_whole = (uint32_t)(x->bytes / BUFMEM_UNIT) >> MAX_ORDER;
	uint32_t got[64];

	assert_int_equal(x->m.used_bytes, 0);
	assert_true(n_whole <= 64);
	for (uint32_t i = 0; i < n_whole; i++) {
		got[i] = bufmem_get(&x->m, MAX_ORDER);
		assert_int_not_equal(got[i], BUFMEM_NONE);
	}
	for (uint32_t i = 0; i < n_whole; i++)
		bufmem_put(&x->m, got[i], MAX_ORDER);
}

struct block {
	uint32_t at;
	uint8_t order, mark;
	bool used;
};

static void fill(const struct memory *x, const struct block *b)
{
	memset(bufmem_at(&x->m, b->at), b->mark, (size_t)BUFMEM_UNIT << b->order);
}

static void verify(const struct memory *x, const struct block *b)
{
	const uint8_t *p = bufmem_at(&x->m, b->at);

	for (size_t i = 0; i < (size_t)BUFMEM_UNIT << b->order; i++)
		assert_int_equal(p[i], b->mark);
}

/* Blocks never overlap, whatever the order of getting and putting; a failure means there is no such
 * run. */
static void test_blocks(void **state)
{
	static struct block b[N_BLOCKS];
	struct memory x;
	struct rng r;
	size_t used = 0;
	uint32_t refused = 0;

	(void)state;
	memset(b, 0, sizeof(b));
	rng_seed(&r, seed);
	mem_open(&x, 37 * (BUFMEM_UNIT << MAX_ORDER) + 13 * BUFMEM_UNIT);
	for (uint32_t step = 0; step < 20000; step++) {
		struct block *k = &b[rng_below(&r, N_BLOCKS)];

		if (k->used) {
			verify(&x, k);
			bufmem_put(&x.m, k->at, k->order);
			used -= (size_t)BUFMEM_UNIT << k->order;
			k->used = false;
		} else {
			k->order = (uint8_t)rng_below(&r, MAX_ORDER + 1);
			k->at = bufmem_get(&x.m, k->order);
			k->mark = (uint8_t)step;
			refused += k->at == BUFMEM_NONE;
			if (k->at == BUFMEM_NONE)
				continue;
			k->used = true;
			used += (size_t)BUFMEM_UNIT << k->order;
			fill(&x, k);
		}
		assert_int_equal(x.m.used_bytes, used);
	}
	assert_true(refused > 0);
	for (uint32_t i = 0; i < N_BLOCKS; i++) {
		if (b[i].used)
			bufmem_put(&x.m, b[i].at, b[i].order);
	}
	assert_whole(&x);
	mem_close(&x);
}

/* Memory is used to the last unit, and small blocks freed serve a large one. */
static void test_exhaustion(void **state)
{
	struct memory x;
	uint32_t n = 0;

	(void)state;
	mem_open(&x, 3 * (BUFMEM_UNIT << MAX_ORDER) + 5 * BUFMEM_UNIT);
	while (bufmem_get(&x.m, 0) != BUFMEM_NONE)
		n++;
	assert_int_equal(n, x.bytes / BUFMEM_UNIT);
	assert_false(bufmem_has(&x.m, 0));
	for (uint32_t i = 0; i < n; i++)
		bufmem_put(&x.m, i, 0);
	assert_true(bufmem_has(&x.m, MAX_ORDER));
	assert_whole(&x);
	mem_close(&x);
}

static void test_untouched(void **state)
{
	struct memory x;
	const uint8_t *unit;

	(void)state;
	mem_open(&x, 8 * (BUFMEM_UNIT << MAX_ORDER));
	bufmem_put(&x.m, bufmem_get(&x.m, 0), 0);
	unit = (const uint8_t *)&x.m.units[(1u << MAX_ORDER) + 1];
	for (const uint8_t *p = unit; p < (const uint8_t *)&x.m.units[x.m.n_units]; p++)
		assert_int_equal(*p, 0xff);
	mem_close(&x);
}

static void test_order(void **state)
{
	(void)state;
	assert_int_equal(bufmem_order(1), 0);
	assert_int_equal(bufmem_order(256), 0);
	assert_int_equal(bufmem_order(257), 1);
	assert_int_equal(bufmem_order(512), 1);
	assert_int_equal(bufmem_order(513), 2);
	assert_int_equal(bufmem_order(1u << 30), 22);
}

/* A queue's model: what lies at each offset, and up to where it counts. */
struct model {
	struct buf b;
	uint8_t data[BUF_MOST];
	uint32_t len, high;
};

static void m_store(struct memory *x, struct model *m, struct rng *r, uint32_t off, uint32_t n)
{
	uint8_t bytes[2000];

	if (!buf_reserve(&x->m, &m->b, off + n))
		return;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)rng_next(r);
	buf_write(&x->m, &m->b, off, bytes, n);
	memcpy(m->data + off, bytes, n);
	m->high = m->high > off + n ? m->high : off + n;
	if (off == m->len) {
		buf_append(&x->m, &m->b, n);
		m->len += n;
	}
}

/* The same by one call, mostly of what fits the smallest block. */
static void m_add(struct memory *x, struct model *m, struct rng *r, uint32_t n)
{
	uint8_t bytes[2000];

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)rng_next(r);
	if (!buf_add(&x->m, &m->b, bytes, n))
		return;
	memcpy(m->data + m->len, bytes, n);
	m->high = m->len += n;
}

static void m_take(struct memory *x, struct model *m, uint32_t n)
{
	uint32_t most = n < m->len ? n : m->len;
	uint8_t out[BUF_MOST];

	assert_int_equal(buf_take(&x->m, &m->b, out, n), most);
	assert_memory_equal(out, m->data, most);
	memmove(m->data, m->data + most, BUF_MOST - most);
	m->len -= most;
	m->high -= most;
}

static void m_drop(struct memory *x, struct model *m, uint32_t n)
{
	buf_drop(&x->m, &m->b, n);
	memmove(m->data, m->data + n, BUF_MOST - n);
	m->len -= n;
	m->high = m->high > n ? m->high - n : 0;
}

/* Any stretch of it, around the ring's end or not, and its sum. */
static void m_verify_sum(struct memory *x, const struct model *m, struct rng *r)
{
	uint32_t off = rng_below(r, m->len + 1), n = rng_below(r, m->len - off + 1);
	uint8_t out[BUF_MOST];
	uint64_t sum = buf_read_sum(&x->m, &m->b, off, out, n);

	assert_memory_equal(out, m->data + off, n);
	assert_int_equal(csum_fold(sum), csum_fold(csum_add(0, out, n)));
}

static void m_verify(struct memory *x, const struct model *m)
{
	uint8_t out[BUF_MOST];

	assert_int_equal(buf_len(&x->m, &m->b), m->len);
	buf_read(&x->m, &m->b, 0, out, m->len);
	assert_memory_equal(out, m->data, m->len);
	assert_int_equal(buf_capacity(&x->m, &m->b) == 0, m->high == 0);
}

static void m_step(struct memory *x, struct model *m, struct rng *r)
{
	uint32_t n = 1 + rng_below(r, 1999), gap = rng_below(r, 3000);

	switch (rng_below(r, 8)) {
	case 5:
	case 6:
		n = rng_below(r, 3) ? 1 + n % 256 : n;
		if (m->high == m->len && m->len + n <= BUF_MOST)
			m_add(x, m, r, n);
		break;
	case 7:
		m_take(x, m, 1 + rng_below(r, m->len + 10));
		break;
	case 0:
	case 1:
		if (m->high == m->len && m->len + n <= BUF_MOST)
			m_store(x, m, r, m->len, n);
		break;
	case 2: /* ahead of the end, then the gap is filled, as reassembly does */
		if (m->high != m->len || m->len + gap + n > BUF_MOST || !gap || gap > 1999)
			break;
		if (!buf_reserve(&x->m, &m->b, m->len + gap + n))
			break;
		m_store(x, m, r, m->len + gap, n);
		m_store(x, m, r, m->len, gap);
		buf_append(&x->m, &m->b, n);
		m->len += n;
		break;
	default:
		m_drop(x, m, rng_below(r, m->len + 1));
		break;
	}
}

static void test_queues(void **state)
{
	static struct model m[N_BUFS];
	struct memory x;
	struct rng r;

	(void)state;
	rng_seed(&r, seed + 1);
	mem_open(&x, 6 * (BUFMEM_UNIT << MAX_ORDER));
	memset(m, 0, sizeof(m));
	for (uint32_t i = 0; i < N_BUFS; i++)
		buf_init(&m[i].b);
	for (uint32_t step = 0; step < 20000; step++) {
		struct model *k = &m[rng_below(&r, N_BUFS)];

		m_step(&x, k, &r);
		m_verify(&x, k);
		m_verify_sum(&x, k, &r);
	}
	for (uint32_t i = 0; i < N_BUFS; i++)
		m_drop(&x, &m[i], m[i].len);
	assert_whole(&x);
	mem_close(&x);
}

/* Out-of-order bytes hold the block although nothing can be read; refused growth changes nothing.
 */
static void test_ahead(void **state)
{
	struct memory x;
	struct buf b;
	uint8_t out[600];

	(void)state;
	mem_open(&x, 4 * BUFMEM_UNIT);
	buf_init(&b);
	assert_true(buf_reserve(&x.m, &b, 300));
	buf_write(&x.m, &b, 100, "tail", 4);
	buf_drop(&x.m, &b, 0);
	assert_int_equal(x.m.used_bytes, 512);
	assert_false(buf_reserve(&x.m, &b, 1024));
	buf_write(&x.m, &b, 0, "head", 4);
	memset(out, 'x', sizeof(out));
	buf_write(&x.m, &b, 4, out, 96);
	buf_append(&x.m, &b, 104);
	buf_read(&x.m, &b, 98, out, 6);
	assert_memory_equal(out, "xxtail", 6);
	buf_drop(&x.m, &b, 104);
	mem_close(&x);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),	  cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_untouched), cmocka_unit_test(test_order),
		cmocka_unit_test(test_queues),	  cmocka_unit_test(test_ahead),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
