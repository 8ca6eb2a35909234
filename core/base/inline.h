/* SPDX-License-Identifier: BSD-3-Clause */
/* For what each message does: compilers weigh a call by its size, not by how often it is made. */
#ifndef BASE_INLINE_H
#define BASE_INLINE_H

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NEVER_INLINE  __attribute__((noinline))

#endif
