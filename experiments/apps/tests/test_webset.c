// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"
#include "webset.h"

static void test_names_and_sizes(void **state)
{
	struct webset *set = webset_create(1);
	uint64_t total = 0;
	struct webset_file f, found;
	char name[WEBSET_NAME_LEN + 1];

	(void)state;
	assert_int_equal(set->n_dirs, 209);
	for (f.dir = 0; f.dir < set->n_dirs; f.dir++)
		for (f.cls = 0; f.cls < WEBSET_CLASSES; f.cls++)
			for (f.index = 0; f.index < WEBSET_FILES; f.index++) {
				webset_name(f, name);
				assert_true(webset_find(set, name, &found));
				assert_memory_equal(&found.dir, &f.dir, sizeof(f.dir));
				assert_int_equal(found.cls, f.cls);
				assert_int_equal(found.index, f.index);
				total += webset_size(f);
			}
	assert_in_range(total, (1ull << 30) - (6u << 20), 1ull << 30);
	assert_int_equal(webset_size((struct webset_file){0, 0, 0}), 102);
	assert_int_equal(webset_size((struct webset_file){0, 1, 0}), 1024);
	assert_int_equal(webset_size((struct webset_file){7, 3, 8}), 921600);
	webset_name((struct webset_file){208, 2, 4}, name);
	assert_string_equal(name, "/dir00208/class2_4");
	webset_destroy(set);
}

static void test_what_is_no_name(void **state)
{
	static const char *const none[] = {"/",
					   "",
					   "/dir00209/class0_0",
					   "/dir00000/class4_0",
					   "/dir00000/class0_9",
					   "/dir0000:/class0_0",
					   "/dir00000/class0_00",
					   "/dir00000/class0_",
					   "/dir00000/clasS0_0",
					   "/dir-0001/class0_0",
					   "/dir00000/class0_\xff",
					   "/dir99999/class3_8"};
	struct webset *set = webset_create(1);
	struct webset_file f;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(webset_find(set, none[i], &f));
	webset_destroy(set);
}

/* Shares of a hundred thousand requests: of the classes, of the first directories, mean size. */
static void test_popularity(void **state)
{
	enum { N = 100000 };
	struct webset *set = webset_create(48);
	uint32_t classes[WEBSET_CLASSES] = {0}, first = 0, second = 0, largest = 0;
	uint64_t random = 1, bytes = 0;

	(void)state;
	assert_in_range(set->n_dirs, 10000, 10100);
	for (int i = 0; i < N; i++) {
		struct webset_file f = webset_pick(set, &random);

		assert_true(f.dir < set->n_dirs && f.index < WEBSET_FILES);
		classes[f.cls]++;
		first += f.dir == 0;
		second += f.dir == 1;
		largest = f.dir > largest ? f.dir : largest;
		bytes += webset_size(f);
	}
	assert_in_range(classes[0], 34500, 35500);
	assert_in_range(classes[1], 49500, 50500);
	assert_in_range(classes[2], 13700, 14300);
	assert_in_range(classes[3], 900, 1100);
	/* 1 / H(10067) = 10.2%, and half of that */
	assert_in_range(first, 9900, 10500);
	assert_in_range(second, 4900, 5350);
	assert_true(largest > 9000);
	assert_in_range(bytes / N, 13000, 16000);
	webset_destroy(set);
}

static void test_contents_differ(void **state)
{
	uint32_t a = webset_phase((struct webset_file){0, 0, 0});
	uint32_t b = webset_phase((struct webset_file){0, 0, 1});
	uint32_t c = webset_phase((struct webset_file){1, 0, 0});

	(void)state;
	assert_true(a != b && b != c && a != c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_sizes), cmocka_unit_test(test_what_is_no_name),
		cmocka_unit_test(test_popularity), cmocka_unit_test(test_contents_differ)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
