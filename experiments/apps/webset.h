/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of static files as SPECweb has them since 1996: directories of 36 files, nine in each of
 * four classes (0.1 to 0.9 KB, 1 to 9, 10 to 90, 100 to 900), 4.9 MB in all; classes are asked for
 * in 35, 50, 14 and 1 of a hundred requests, directories by Zipf's law with exponent 1. Nothing is
 * stored: a file's content is a pattern from a place on that its name gives, so that any size of
 * set is served from the same 128 KiB, and whoever asks can tell a wrong byte.
 * docs/experiments.md has the sources.
 */
#ifndef APPS_WEBSET_H
#define APPS_WEBSET_H

#include <stdbool.h>
#include <stdint.h>

#define WEBSET_CLASSES	4u
#define WEBSET_FILES	9u /* of a class */
#define WEBSET_MOST_GB	48u
#define WEBSET_PERIOD	(64u << 10)
#define WEBSET_NAME_LEN 18u /* "/dir00042/class1_5": all are as long */

struct webset_file {
	uint32_t dir;
	uint8_t cls, index; /* index: 0 to 8 */
};

struct webset {
	uint32_t n_dirs;
	double *popularity; /* of the directories up to each, summed; the last is 1 */
	/* byte k of a file is pattern[(webset_phase + k) % WEBSET_PERIOD] */
	char pattern[2 * WEBSET_PERIOD];
};

/* About so many GiB of files. NULL: no memory. */
struct webset *webset_create(uint32_t gigabytes);
void webset_destroy(struct webset *);

uint32_t webset_size(struct webset_file);
uint32_t webset_phase(struct webset_file);
void webset_name(struct webset_file, char out[WEBSET_NAME_LEN + 1]);
/* Is it the name of a file of the set? */
bool webset_find(const struct webset *, const char *name, struct webset_file *out);
/* A file as clients ask for it; random: the state of random_next. */
struct webset_file webset_pick(const struct webset *, uint64_t *random);

#endif
