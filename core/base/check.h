/* SPDX-License-Identifier: BSD-3-Clause */
/* check(): a bug of ours trips it, in every build. Never on input of a peer, a file or a caller. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

/* Writes "check failed: EXPR at FILE:LINE" to standard error and aborts. */
_Noreturn void check_failed(const char *expr, const char *file, int line);

#define check(e)                                                                                   \
	do {                                                                                       \
		if (__builtin_expect(!(e), 0))                                                     \
			check_failed(#e, __FILE__, __LINE__);                                      \
	} while (0)

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
