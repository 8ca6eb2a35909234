// SPDX-License-Identifier: BSD-3-Clause
/* Lists of distances against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "seed.h"
#include "base/rlist.h"
#include "base/rng.h"

#define N_NODES 40
#define N_LISTS 3

static uint64_t seed;

struct world { /* heads before and behind the nodes */
	struct rlist early;
	struct rlist node[N_NODES];
	struct rlist late[N_LISTS - 1];
	unsigned order[N_LISTS][N_NODES], n[N_LISTS];
};

static struct rlist *head_of(struct world *w, unsigned l)
{
	return l ? &w->late[l - 1] : &w->early;
}

static void verify(struct world *w)
{
	unsigned linked = 0;

	for (unsigned l = 0; l < N_LISTS; l++) {
		unsigned i = 0;

		rlist_for_each(at, head_of(w, l))
		{
			assert_true(i < w->n[l]);
			assert_ptr_equal(at, &w->node[w->order[l][i]]);
			i++;
		}
		assert_int_equal(i, w->n[l]);
		assert_int_equal(rlist_empty(head_of(w, l)), i == 0);
		linked += i;
	}
	for (unsigned i = 0; i < N_NODES; i++)
		linked -= rlist_linked(&w->node[i]);
	assert_int_equal(linked, 0);
}

/* Takes node i out of the model. False: it is on no list. */
static bool forget(struct world *w, unsigned i)
{
	for (unsigned l = 0; l < N_LISTS; l++) {
		for (unsigned at = 0; at < w->n[l]; at++) {
			if (w->order[l][at] != i)
				continue;
			w->n[l]--;
			memmove(&w->order[l][at], &w->order[l][at + 1],
				(w->n[l] - at) * sizeof(w->order[l][0]));
			return true;
		}
	}
	return false;
}

static void move_all(struct world *w, unsigned from, unsigned to)
{
	rlist_move_all(head_of(w, from), head_of(w, to));
	memcpy(&w->order[to][w->n[to]], w->order[from], w->n[from] * sizeof(w->order[0][0]));
	w->n[to] += w->n[from];
	w->n[from] = 0;
}

static void step(struct world *w, struct rng *r)
{
	unsigned l = rng_below(r, N_LISTS), i = rng_below(r, N_NODES);

	if (rng_below(r, 20) == 0) {
		move_all(w, l, (l + 1) % N_LISTS);
	} else if (rng_below(r, 5) == 0) {
		const struct rlist *first = rlist_pop(head_of(w, l));

		assert_true(first ? forget(w, (unsigned)(first - w->node)) : w->n[l] == 0);
	} else if (forget(w, i)) {
		rlist_remove(&w->node[i]);
	} else {
		rlist_append(head_of(w, l), &w->node[i]);
		w->order[l][w->n[l]++] = i;
	}
}

static void test_random(void **state)
{
	static struct world w; /* zero is an empty head, an unlinked node */
	struct rng r;

	(void)state;
	memset(&w, 0, sizeof(w));
	rng_seed(&r, seed);
	for (unsigned i = 0; i < 50000; i++) {
		step(&w, &r);
		verify(&w);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	seed = test_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
