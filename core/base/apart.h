/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Only in the build with MTCP_MALLOC, which experiment `ablation` compares with the usual one: what
 * a pool hands out comes from malloc(), and the object's place in the pool holds the pointer to it.
 * Not thus: objects that are known by their distance from others (connections, listeners,
 * neighbours).
 */
#ifndef BASE_APART_H
#define BASE_APART_H

#include <stdlib.h>

#include "base/check.h"

static inline void *apart_at(const void *base, size_t i)
{
	return ((void *const *)base)[i];
}

static inline void apart_get(void *base, size_t i, size_t len)
{
	void *obj = aligned_alloc(64, (len + 63) & ~(size_t)63);

	check(obj != NULL);
	((void **)base)[i] = obj;
}

static inline void apart_put(void *base, size_t i)
{
	free(((void **)base)[i]);
}

#endif
