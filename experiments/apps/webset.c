// SPDX-License-Identifier: BSD-3-Clause
#include "webset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define UNIT		102.4	 /* bytes of the smallest file, not rounded */
#define DIRECTORY_BYTES 5119484u /* of its 36 files */

static const double class_shares[WEBSET_CLASSES] = {0.35, 0.50, 0.14, 0.01};
static const double class_units[WEBSET_CLASSES] = {1, 10, 100, 1000};
/* Within a class: Poisson about the file in the middle (mean 4), without what lies beyond. */
static const double index_shares[WEBSET_FILES] = {0.0187, 0.0749, 0.1497, 0.1996, 0.1996,
						  0.1597, 0.1065, 0.0608, 0.0303};

struct webset *webset_create(uint32_t gigabytes)
{
	struct webset *set = calloc(1, sizeof(*set));
	uint64_t random = 3;
	double sum = 0;

	if (set == NULL)
		return NULL;
	set->n_dirs = (uint32_t)(((uint64_t)gigabytes << 30) / DIRECTORY_BYTES);
	set->popularity = calloc(set->n_dirs, sizeof(*set->popularity));
	if (set->popularity == NULL) {
		free(set);
		return NULL;
	}
	for (uint32_t i = 0; i < set->n_dirs; i++)
		set->popularity[i] = sum += 1.0 / (i + 1);
	for (uint32_t i = 0; i < set->n_dirs; i++)
		set->popularity[i] /= sum;
	for (uint32_t i = 0; i < WEBSET_PERIOD; i++)
		set->pattern[i] = set->pattern[i + WEBSET_PERIOD] = (char)random_next(&random);
	return set;
}

void webset_destroy(struct webset *set)
{
	if (set != NULL)
		free(set->popularity);
	free(set);
}

uint32_t webset_size(struct webset_file f)
{
	return (uint32_t)(UNIT * class_units[f.cls] * (f.index + 1));
}

uint32_t webset_phase(struct webset_file f)
{
	uint64_t mixed = ((uint64_t)f.dir * WEBSET_CLASSES + f.cls) * WEBSET_FILES + f.index;

	return (uint32_t)random_next(&mixed) % WEBSET_PERIOD;
}

void webset_name(struct webset_file f, char out[WEBSET_NAME_LEN + 1])
{
	memcpy(out, "/dir00000/class0_0", WEBSET_NAME_LEN + 1);
	for (unsigned at = 8, rest = f.dir; at >= 4; at--, rest /= 10)
		out[at] = (char)('0' + rest % 10);
	out[15] = (char)('0' + f.cls);
	out[17] = (char)('0' + f.index);
}

bool webset_find(const struct webset *set, const char *name, struct webset_file *out)
{
	char check[WEBSET_NAME_LEN + 1];
	uint32_t dir = 0;

	if (strlen(name) != WEBSET_NAME_LEN)
		return false;
	for (unsigned at = 4; at <= 8; at++)
		dir = dir * 10 + (uint32_t)(name[at] - '0') % 10;
	*out = (struct webset_file){.dir = dir,
				    .cls = (uint8_t)((name[15] - '0') & 3),
				    .index = (uint8_t)((uint8_t)(name[17] - '0') % WEBSET_FILES)};
	webset_name(*out, check);
	return dir < set->n_dirs && memcmp(check, name, WEBSET_NAME_LEN) == 0;
}

static double uniform(uint64_t *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

static uint8_t pick_from(const double *shares, unsigned n, double u)
{
	unsigned i = 0;

	while (i + 1 < n && u >= shares[i])
		u -= shares[i++];
	return (uint8_t)i;
}

struct webset_file webset_pick(const struct webset *set, uint64_t *random)
{
	uint32_t low = 0, high = set->n_dirs - 1;
	double u = uniform(random);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->popularity[middle] <= u)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct webset_file){.dir = low,
				    .cls = pick_from(class_shares, WEBSET_CLASSES, uniform(random)),
				    .index =
					    pick_from(index_shares, WEBSET_FILES, uniform(random))};
}
