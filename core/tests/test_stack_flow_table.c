// SPDX-License-Identifier: BSD-3-Clause
/* The flow table against a plain array, with hashes as they come and with hashes made to collide.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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
	uint32_t n; /* flows */
	struct flow *flows;
	uint64_t *hash;
	bool *in;
};

static bool same(const void *owner, uint32_t id, const struct flow *f)
{
	const struct world *w = owner;

	return flow_eq(&w->flows[id], f);
}

static void flow_of(const void *owner, uint32_t id, struct flow *f)
{
	const struct world *w = owner;

	assert_true(id < w->n);
	*f = w->flows[id];
}

static void prefetch(const void *owner, uint32_t id)
{
	const struct world *w = owner;

	__builtin_prefetch(&w->flows[id]);
}

static const struct flow_records records = {same, flow_of, prefetch};

/* Flow i of a number that are all different. */
static struct flow make_flow(uint32_t i, uint32_t salt)
{
	return (struct flow){
		.local = ip_from_v4(0x0a000001 + (i >> 16)),
		.remote = ip_from_v4(0x0a800001 + salt),
		.lport = (uint16_t)i,
		.rport = 80,
	};
}

static struct world *make(struct rng *r, uint32_t n)
{
	size_t bytes = flow_table_bytes(n);
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->n = n;
	w->flows = calloc(n, sizeof(*w->flows));
	w->hash = calloc(n, sizeof(*w->hash));
	w->in = calloc(n, sizeof(*w->in));
	w->mem = aligned_alloc(64, bytes);
	assert_non_null(w->mem);
	memset(w->mem, 0xa5, bytes); /* the table must not rely on zeroed memory */
	flow_table_init(&w->t, w->mem, n, r);
	w->t.records = &records;
	w->t.owner = w;
	for (uint32_t i = 0; i < n; i++) {
		w->flows[i] = make_flow(i, 0);
		w->hash[i] = flow_hash(&w->t, &w->flows[i]);
	}
	return w;
}

static void destroy(struct world *w)
{
	free(w->mem);
	free(w->flows);
	free(w->hash);
	free(w->in);
	free(w);
}

/* Buckets in use so far. */
static uint64_t n_buckets(const struct flow_table *t)
{
	uint64_t half = t->mask + 1;

	return t->moving == FLOW_IDLE ? half : half + t->moving + FLOW_GROUP;
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

	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t id = flow_find(&w->t, w->hash[i], &w->flows[i]);

		assert_int_equal(id, w->in[i] ? i : FLOW_NONE);
		id = flow_candidate(&w->t, w->hash[i]);
		assert_int_equal(flow_at_home(&w->t, w->hash[i]), id);
		if (w->in[i])
			assert_int_not_equal(id, FLOW_NONE);
		n += w->in[i];
	}
	assert_int_equal(w->t.n_used, n);
}

/* A table that was emptied is as new: no bucket remembers that anything passed. */
static void verify_clean(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->in[i])
			toggle(w, i);
	}
	for (uint64_t b = 0; b < n_buckets(&w->t); b++) {
		assert_int_equal(w->t.buckets[b].n_passed, 0);
		for (unsigned s = 0; s < FLOW_SLOTS; s++)
			assert_int_equal(w->t.buckets[b].tag[s], 0);
	}
}

static void churn(struct world *w, struct rng *r)
{
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 5000; i++)
			toggle(w, rng_below(r, w->n));
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
	w = make(&r, N_FLOWS);
	churn(w, &r);
	for (uint32_t i = 0; i < w->n; i++)
		toggle(w, i);
	verify(w);
	destroy(w);
}

/* At every stage of growing, between any two steps, all that is in is found and nothing else; the
 * ids change meanwhile, as connections become TIME-WAIT records. */
static void test_grows_against_a_model(void **state)
{
	const uint32_t n = 40000;
	struct rng r;
	struct world *w;
	unsigned n_moving = 0;

	(void)state;
	rng_seed(&r, seed + 4);
	w = make(&r, n);
	assert_int_equal(n_buckets(&w->t), FLOW_GROUP);
	for (uint32_t step = 0; step < 12 * n; step++) {
		uint32_t i = rng_below(&r, n), j = rng_below(&r, n), id;
		/* more come than go, at first */
		bool want = rng_below(&r, 12 * n) > step / 2;

		if (w->in[i] != want)
			toggle(w, i);
		if (w->in[i]) {
			flow_replace(&w->t, w->hash[i], i, i);
			id = flow_candidate(&w->t, w->hash[i]);
			assert_int_not_equal(id, FLOW_NONE);
		}
		id = flow_find(&w->t, w->hash[j], &w->flows[j]);
		assert_int_equal(id, w->in[j] ? j : FLOW_NONE);
		n_moving += w->t.moving != FLOW_IDLE;
		if (step % n == 0)
			verify(w);
	}
	assert_true(n_moving > 1000);
	verify(w);
	verify_clean(w);
	destroy(w);
}

/* All in four buckets, with three tags: trails through the whole group, many wrong tag hits; and
 * what finds no room changes nothing. */
static void test_collisions(void **state)
{
	const uint32_t room = FLOW_GROUP * FLOW_SLOTS;
	struct rng r;
	struct world *w;

	(void)state;
	rng_seed(&r, seed + 1);
	w = make(&r, 400); /* one group is all */
	for (uint32_t i = 0; i < w->n; i++)
		w->hash[i] = rng_below(&r, 4) | (uint64_t)rng_below(&r, 3) << 48;
	churn(w, &r);
	for (uint32_t i = 0; i < w->n; i++)
		toggle(w, i);
	for (uint32_t id = w->n; id < room; id++)
		assert_true(flow_insert(&w->t, w->hash[0], id));
	assert_false(flow_insert(&w->t, w->hash[0], room));
	assert_int_equal(w->t.n_used, room);
	for (uint32_t id = w->n; id < room; id++)
		flow_remove(&w->t, w->hash[0], id);
	verify(w);
	verify_clean(w);
	destroy(w);
}

static void test_replace(void **state)
{
	struct rng r;
	struct world *w;

	(void)state;
	rng_seed(&r, seed + 2);
	w = make(&r, N_FLOWS);
	toggle(w, 7);
	w->flows[8] = w->flows[7];
	flow_replace(&w->t, w->hash[7], 7, 8);
	assert_int_equal(flow_find(&w->t, w->hash[7], &w->flows[7]), 8);
	flow_remove(&w->t, w->hash[7], 8);
	assert_int_equal(flow_find(&w->t, w->hash[7], &w->flows[7]), FLOW_NONE);
	destroy(w);
}

/* Entries that are not in the bucket where their search begins. */
static uint64_t strayed(const struct flow_table *t)
{
	uint64_t n = 0;

	for (uint64_t b = 0; b < n_buckets(t); b++)
		n += t->buckets[b].n_passed;
	return n;
}

static void fill(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		uint64_t before = w->t.n_moves;

		assert_true(flow_insert(&w->t, w->hash[i], i));
		w->in[i] = true;
		/* The work of one insertion, whatever the size. */
		assert_true(w->t.n_moves - before <= FLOW_STEPS * FLOW_SLOTS);
	}
	assert_int_equal(w->t.n_used, w->n);
}

/* A million flows as a load generator makes them: lookups that leave the home bucket are rare, and
 * growing looks at each entry about as often as its number of doublings' sum says: once or twice.
 */
static void fault_11_table_spreads(void **state)
{
	struct rng r;
	struct world *w;

	(void)state;
	rng_seed(&r, seed + 3);
	w = make(&r, 1u << 20);
	fill(w);
	assert_true(strayed(&w->t) < w->n / 20);
	assert_true(w->t.n_moves < 2 * (uint64_t)w->n);
	verify(w);
	destroy(w);
}

/* Whoever finds flows that collide in one table, because he knows its key, has found nothing about
 * another's: there they are as any others. */
static void test_adversary_of_another_key(void **state)
{
	const uint32_t n = 3000;
	struct rng r;
	struct world *known, *w;
	uint32_t n_found = 0;

	(void)state;
	rng_seed(&r, seed + 5);
	known = make(&r, n);
	w = make(&r, n);
	for (uint32_t i = 0; n_found < n; i++) { /* one in 64 begins in the same bucket */
		struct flow f = make_flow(i & 0xfffff, i >> 20);

		if (flow_hash(&known->t, &f) & (FLOW_GROUP - 1))
			continue;
		w->flows[n_found] = f;
		w->hash[n_found++] = flow_hash(&w->t, &f);
	}
	fill(w);
	assert_true(strayed(&w->t) < n / 10);
	verify(w);
	destroy(known);
	destroy(w);
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

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* How long each of n things took. */
struct times {
	uint64_t total, worst, above_50us, most_moves;
};

/* Insertions while the table grows to n, or, w == NULL, as many loops of so many rounds in
 * registers: who takes a core away does so from both. */
static struct times take_times(struct world *w, uint32_t n, uint64_t rounds)
{
	struct times t = {0};

	for (uint32_t i = 0; i < n; i++) {
		uint64_t from = clock_ns(), moves = w ? w->t.n_moves : 0, took;

		if (w)
			assert_true(flow_insert(&w->t, w->hash[i], i));
		for (uint64_t k = 0; !w && k < rounds; k++)
			__asm__ volatile("" ::: "memory");
		took = clock_ns() - from;
		moves = w ? w->t.n_moves - moves : 0;
		t.total += took;
		t.worst = took > t.worst ? took : t.worst;
		t.above_50us += took > 50000;
		t.most_moves = moves > t.most_moves ? moves : t.most_moves;
	}
	return t;
}

static void tell(const char *what, const struct times *t, uint32_t n)
{
	printf("%s: %.0f ns each, worst %.1f us, %u above 50 us (%.0f a second); at most %u "
	       "records moved by one\n",
	       what, (double)t->total / n, (double)t->worst / 1e3, (unsigned)t->above_50us,
	       (double)t->above_50us * 1e9 / (double)t->total, (unsigned)t->most_moves);
}

/* In memory that is there, and beside it loops that take as long: not a test. */
static int measure(uint32_t n)
{
	const uint64_t trial = 1000000;
	struct times t, loops;
	struct rng r;
	struct world *w;

	rng_seed(&r, seed);
	w = make(&r, n);
	t = take_times(w, n, 0);
	tell("insertions", &t, n);
	printf("%.2f moves each, %.1f%% not at home\n", (double)w->t.n_moves / n,
	       100.0 * (double)strayed(&w->t) / n);
	loops = take_times(NULL, 1, trial);
	loops = take_times(NULL, n, t.total / n * trial / loops.total);
	tell("loops", &loops, n);
	destroy(w);
	return 0;
}

/* `--measure N` instead of the tests. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_grows_against_a_model),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_adversary_of_another_key),
		cmocka_unit_test(fault_11_table_spreads),
		cmocka_unit_test(fault_11_all_queues_get_flows),
	};

	if (argc == 3 && strcmp(argv[1], "--measure") == 0)
		return measure((uint32_t)strtoul(argv[2], NULL, 10));
	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
