// SPDX-License-Identifier: BSD-3-Clause
/* The flow table against a plain array, with hashes as they come and with hashes made to collide.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "mtcp/nic.h"
#include "seed.h"
#include "stack/flow_table.h"

#define N_FLOWS 3000

static uint64_t seed;

struct world {
	struct flow_table t;
	void *mem;
	struct flow flows[N_FLOWS];
	uint64_t hash[N_FLOWS];
	bool in[N_FLOWS];
};

static bool same(const void *owner, uint32_t id, const struct flow *f)
{
	const struct world *w = owner;

	return flow_eq(&w->flows[id], f);
}

static struct flow random_flow(struct rng *r)
{
	return (struct flow){
		.local = ip_from_v4(0x0a000001 + rng_below(r, 8)),
		.remote = ip_from_v4(0x0a000100 + rng_below(r, 4)),
		.lport = (uint16_t)rng_below(r, 65536),
		.rport = (uint16_t)(80 + rng_below(r, 2)),
	};
}

static bool known(const struct world *w, uint32_t n, const struct flow *f)
{
	for (uint32_t i = 0; i < n; i++) {
		if (flow_eq(&w->flows[i], f))
			return true;
	}
	return false;
}

static struct world *make(struct rng *r)
{
	size_t bytes = flow_table_bytes(N_FLOWS);
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->mem = aligned_alloc(64, bytes);
	assert_non_null(w->mem);
	memset(w->mem, 0xa5, bytes); /* the table must not rely on zeroed memory */
	flow_table_init(&w->t, w->mem, N_FLOWS, r);
	w->t.same = same;
	w->t.owner = w;
	for (uint32_t i = 0; i < N_FLOWS; i++) {
		do {
			w->flows[i] = random_flow(r);
		} while (known(w, i, &w->flows[i]));
		w->hash[i] = flow_hash(&w->t, &w->flows[i]);
	}
	return w;
}

static void destroy(struct world *w)
{
	free(w->mem);
	free(w);
}

static void toggle(struct world *w, uint32_t i)
{
	if (w->in[i])
		flow_remove(&w->t, w->hash[i], i);
	else
		assert_true(flow_insert(&w->t, w->hash[i], i));
	w->in[i] = !w->in[i];
}

static void verify(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < N_FLOWS; i++) {
		uint32_t id = flow_find(&w->t, w->hash[i], &w->flows[i]);

		assert_int_equal(id, w->in[i] ? i : FLOW_NONE);
		if (w->in[i])
			assert_int_not_equal(flow_candidate(&w->t, w->hash[i]), FLOW_NONE);
		n += w->in[i];
	}
	assert_int_equal(w->t.n_used, n);
}

/* A table that was emptied is as new: no bucket remembers that anything passed. */
static void verify_clean(struct world *w)
{
	for (uint32_t i = 0; i < N_FLOWS; i++) {
		if (w->in[i])
			toggle(w, i);
	}
	for (uint64_t b = 0; b <= w->t.mask; b++) {
		assert_int_equal(w->t.buckets[b].n_passed, 0);
		for (unsigned s = 0; s < FLOW_SLOTS; s++)
			assert_int_equal(w->t.buckets[b].tag[s], 0);
	}
}

static void churn(struct world *w, struct rng *r)
{
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 5000; i++)
			toggle(w, rng_below(r, N_FLOWS));
		verify(w);
	}
	verify_clean(w);
}

static void test_random(void **state)
{
	struct rng r;
	struct world *w;

	(void)state;
	rng_seed(&r, seed);
	w = make(&r);
	churn(w, &r);
	for (uint32_t i = 0; i < N_FLOWS; i++)
		toggle(w, i);
	verify(w);
	destroy(w);
}

/* All flows in four buckets, with three tags: long trails, many wrong tag hits. */
static void test_collisions(void **state)
{
	struct rng r;
	struct world *w;

	(void)state;
	rng_seed(&r, seed + 1);
	w = make(&r);
	for (uint32_t i = 0; i < N_FLOWS; i++)
		w->hash[i] = rng_below(&r, 4) | (uint64_t)rng_below(&r, 3) << 48;
	churn(w, &r);
	destroy(w);
}

static void test_full(void **state)
{
	size_t bytes = flow_table_bytes(5);
	struct flow_table t;
	struct rng r;
	void *mem = aligned_alloc(64, bytes);

	(void)state;
	rng_seed(&r, seed);
	flow_table_init(&t, mem, 5, &r);
	for (uint32_t i = 0; i < (t.mask + 1) * FLOW_SLOTS; i++)
		assert_true(flow_insert(&t, rng_next(&r), i));
	assert_false(flow_insert(&t, rng_next(&r), 99));
	free(mem);
}

static void test_replace(void **state)
{
	struct rng r;
	struct world *w;

	(void)state;
	rng_seed(&r, seed + 2);
	w = make(&r);
	toggle(w, 7);
	w->flows[8] = w->flows[7];
	flow_replace(&w->t, w->hash[7], 7, 8);
	assert_int_equal(flow_find(&w->t, w->hash[7], &w->flows[7]), 8);
	flow_remove(&w->t, w->hash[7], 8);
	assert_int_equal(flow_find(&w->t, w->hash[7], &w->flows[7]), FLOW_NONE);
	destroy(w);
}

/* A million flows as a load generator makes them: lookups that leave the home bucket are rare. */
static void fault_11_table_spreads(void **state)
{
	const uint32_t n = 1u << 20;
	size_t bytes = flow_table_bytes(n);
	void *mem = aligned_alloc(64, bytes);
	struct flow_table t;
	struct rng r;
	uint64_t passed = 0;

	(void)state;
	rng_seed(&r, seed + 3);
	flow_table_init(&t, mem, n, &r);
	for (uint32_t i = 0; i < n; i++) {
		struct flow f = {
			.local = ip_from_v4(0x0a000001 + (i >> 16)),
			.remote = ip_from_v4(0x0a000064),
			.lport = (uint16_t)i,
			.rport = 80,
		};

		assert_true(flow_insert(&t, flow_hash(&t, &f), i));
	}
	for (uint64_t b = 0; b <= t.mask; b++)
		passed += t.buckets[b].n_passed;
	assert_true(passed < n / 20);
	free(mem);
}

/* A client's connections, by port, over the queues of a device: none stays empty, none gets double.
 */
static void fault_11_all_queues_get_flows(void **state)
{
	struct toeplitz hash;

	(void)state;
	toeplitz_init(&hash, rss_default_key);
	for (uint16_t n_queues = 2; n_queues <= NIC_MAX_QUEUES; n_queues++) {
		struct nic nic = {.n_queues = n_queues};
		unsigned got[NIC_MAX_QUEUES] = {0};

		for (unsigned i = 0; i < 16000; i++) {
			uint8_t tuple[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 80};

			tuple[8] = (uint8_t)((1024 + i) >> 8);
			tuple[9] = (uint8_t)(1024 + i);
			got[nic_rx_queue(&nic, toeplitz_hash(&hash, tuple, sizeof(tuple)))]++;
		}
		for (uint16_t q = 0; q < n_queues; q++)
			assert_in_range(got[q], 16000u / n_queues / 2, 16000u / n_queues * 2);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(fault_11_table_spreads),
		cmocka_unit_test(fault_11_all_queues_get_flows),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
