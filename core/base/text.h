/* SPDX-License-Identifier: BSD-3-Clause */
/* For messages about what a person typed. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#define EDIT_MAX 32u /* characters of b that count */

/* Levenshtein distance. O(length of a). */
size_t edit_distance(const char *a, const char *b);

#endif
