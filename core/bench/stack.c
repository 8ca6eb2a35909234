// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "bench.h"
#include "stack/buf.h"
#include "stack/flow_table.h"
#include "stack/wheel.h"

#define N      20000
#define TIMERS 1024u

/* ---- flow table: ids 0 .. n - 1, each a flow of its own ---- */

struct flows {
	struct flow_table table;
	struct rng rng;
	void *mem;
	uint32_t n;
};

static struct flow flow_of(uint32_t id)
{
	return (struct flow){.local = ip_from_v4(0x0a000001),
			     .remote = ip_from_v4(0x0b000000 + id / 50000),
			     .lport = 80,
			     .rport = (uint16_t)(1024 + id % 50000)};
}

/* Of a record that is in the cache: what the table itself costs. */
static bool same(const void *owner, uint32_t id, const struct flow *f)
{
	(void)owner;
	return f->rport == 1024 + id % 50000 && ip_to_v4(&f->remote) == 0x0b000000 + id / 50000;
}

static void flow(const void *owner, uint32_t id, struct flow *out)
{
	(void)owner;
	*out = flow_of(id);
}

static void prefetch(const void *owner, uint32_t id)
{
	(void)owner, (void)id;
}

static const struct flow_records records = {.same = same, .flow = flow, .prefetch = prefetch};

static void insert(struct flows *s, uint32_t id)
{
	struct flow f = flow_of(id);

	if (!flow_insert(&s->table, flow_hash(&s->table, &f), id))
		bench_fail("the flow table is full");
}

static void *flows_setup(uint32_t n)
{
	struct flows *s = bench_alloc(sizeof(*s));

	s->n = n;
	rng_seed(&s->rng, 1);
	s->mem = bench_alloc(flow_table_bytes(n + 1));
	flow_table_init(&s->table, s->mem, n + 1, &s->rng);
	s->table.records = &records;
	for (uint32_t i = 0; i < n; i++)
		insert(s, i);
	return s;
}

static void *flows_1k(void)
{
	return flows_setup(1000);
}

static void *flows_64k(void)
{
	return flows_setup(64000);
}

static void *flows_1m(void)
{
	return flows_setup(1000000);
}

static void *flows_4m(void)
{
	return flows_setup(4000000);
}

static void flows_teardown(void *state)
{
	free(((struct flows *)state)->mem);
	free(state);
}

static void find_run(void *state, uint64_t n)
{
	struct flows *s = state;

	while (n--) {
		struct flow f = flow_of(rng_below(&s->rng, s->n));

		if (flow_find(&s->table, flow_hash(&s->table, &f), &f) == FLOW_NONE)
			bench_fail("a flow is lost");
	}
}

/* An id goes and comes again: the table keeps its size. */
static void change_run(void *state, uint64_t n)
{
	struct flows *s = state;

	while (n--) {
		uint32_t id = rng_below(&s->rng, s->n);
		struct flow f = flow_of(id);
		uint64_t hash = flow_hash(&s->table, &f);

		flow_remove(&s->table, hash, id);
		flow_insert(&s->table, hash, id);
	}
}

/* From empty to a million. */
static void grow_run(void *state, uint64_t n)
{
	struct flows *s = state;

	flow_table_init(&s->table, s->mem, s->n + 1, &s->rng);
	s->table.records = &records;
	for (uint32_t i = 0; i < n; i++)
		insert(s, i);
}

/* ---- timing wheel ---- */

struct timers {
	struct wheel wheel;
	struct wheel_node nodes[TIMERS];
	struct rng rng;
	mt_time now;
};

static void *timers_setup(void)
{
	struct timers *t = bench_alloc(sizeof(*t));

	rng_seed(&t->rng, 1);
	t->now = MT_SEC;
	wheel_init(&t->wheel, t->now);
	return t;
}

static mt_time within(struct timers *t, mt_time span)
{
	return t->now + MT_MS + rng_next(&t->rng) % span;
}

static void arm_run(void *state, uint64_t n)
{
	struct timers *t = state;

	for (uint64_t i = 0; i < n; i++) {
		struct wheel_node *node = &t->nodes[i % TIMERS];

		wheel_arm(&t->wheel, node, within(t, 10 * MT_SEC));
		wheel_disarm(&t->wheel, node);
	}
}

/* All within a second; each moves down the levels as its time comes near. */
static void fire_run(void *state, uint64_t n)
{
	struct timers *t = state;
	uint64_t fired = 0;

	while (fired < n) {
		for (unsigned i = 0; i < TIMERS; i++)
			wheel_arm(&t->wheel, &t->nodes[i], within(t, MT_SEC));
		while (t->wheel.n_armed) {
			unsigned budget = 64;

			t->now += MT_MS;
			while (wheel_pop(&t->wheel, t->now, &budget))
				fired++;
		}
	}
}

/* ---- buffers ---- */

struct bufs {
	struct bufmem mem;
	struct buf buf;
	void *bytes, *units;
};

static void *bufs_setup(void)
{
	const size_t len = 1u << 20;
	struct bufs *b = bench_alloc(sizeof(*b));

	b->bytes = bench_alloc(len);
	b->units = bench_alloc(bufmem_units_bytes(len));
	bufmem_init(&b->mem, b->bytes, len, b->units, bufmem_order(65536));
	buf_init(&b->buf);
	return b;
}

static void bufs_teardown(void *state)
{
	struct bufs *b = state;

	free(b->bytes);
	free(b->units);
	free(b);
}

static void bufmem_run(void *state, uint64_t n)
{
	struct bufmem *m = &((struct bufs *)state)->mem;

	while (n--)
		bufmem_put(m, bufmem_get(m, 0), 0);
}

static void buf_run(void *state, uint64_t n)
{
	struct bufs *b = state;
	char msg[64] = {0};

	while (n--) {
		if (!buf_reserve(&b->mem, &b->buf, sizeof(msg)))
			bench_fail("no buffer memory");
		buf_write(&b->mem, &b->buf, 0, msg, sizeof(msg));
		buf_append(&b->mem, &b->buf, sizeof(msg));
		buf_read(&b->mem, &b->buf, 0, msg, sizeof(msg));
		buf_drop(&b->mem, &b->buf, sizeof(msg));
	}
}

const struct bench bench_stack[] = {
	{"flow_find_1k", "lookup", "hashed, among 1000 flows", N, flows_1k, find_run,
	 flows_teardown, NULL},
	{"flow_find_64k", "lookup", "among 64,000", N, flows_64k, find_run, flows_teardown, NULL},
	{"flow_find_1m", "lookup", "among 1,000,000", N, flows_1m, find_run, flows_teardown, NULL},
	{"flow_find_4m", "lookup", "among 4,000,000", N, flows_4m, find_run, flows_teardown, NULL},
	{"flow_change_1k", "change", "a flow removed and inserted, among 1000", N, flows_1k,
	 change_run, flows_teardown, NULL},
	{"flow_change_64k", "change", "among 64,000", N, flows_64k, change_run, flows_teardown,
	 NULL},
	{"flow_change_1m", "change", "among 1,000,000", N, flows_1m, change_run, flows_teardown,
	 NULL},
	{"flow_change_4m", "change", "among 4,000,000", N, flows_4m, change_run, flows_teardown,
	 NULL},
	{"flow_grow", "insertion", "into a table that grows from nothing to 1,000,000", 1000000,
	 flows_1m, grow_run, flows_teardown, NULL},
	{"wheel_arm", "timer", "armed and disarmed", N, timers_setup, arm_run, free, NULL},
	{"wheel_fire", "timer", "armed and fired within a second", N, timers_setup, fire_run, free,
	 NULL},
	{"bufmem", "block", "of 256 bytes, taken and given back", N, bufs_setup, bufmem_run,
	 bufs_teardown, NULL},
	{"buf", "message", "of 64 bytes, queued and taken out", N, bufs_setup, buf_run,
	 bufs_teardown, NULL},
	{0}};
