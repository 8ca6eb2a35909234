/* SPDX-License-Identifier: BSD-3-Clause */
/* For what each message does: compilers weigh a call by its size, not by how often it is made. And
 * for what does nothing but prefetch: gcc takes a call of that for one without effect, and leaves
 * it out (pytest/test_bench.py looks for it). */
#ifndef BASE_INLINE_H
#define BASE_INLINE_H

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NEVER_INLINE  __attribute__((noinline))

#endif
