/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

#endif
