/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EXACT_H
#define TESTS_EXACT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A copy with nothing behind it, so that ASan sees a read beyond the end. Free it. */
static inline uint8_t *exact(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		abort();
	return memcpy(copy, p, len);
}

#endif
