// SPDX-License-Identifier: BSD-3-Clause
#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct iovec text(const char *s)
{
	/* writev() only reads, but struct iovec has no const. */
	return (struct iovec){.iov_base = (void *)(uintptr_t)s, .iov_len = strlen(s)};
}

/* No stdio: the heap may be what is broken, and layers below runtime do not print. */
_Noreturn void check_failed(const char *expr, const char *file, int line)
{
	char digits[12];
	char *d = digits + sizeof(digits);
	unsigned n = (unsigned)line;

	*--d = '\0';
	do {
		*--d = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);

	struct iovec v[] = {text("check failed: "),
			    text(expr),
			    text(" at "),
			    text(file),
			    text(":"),
			    text(d),
			    text("\n")};

	if (writev(STDERR_FILENO, v, sizeof(v) / sizeof(v[0])) < 0)
		abort(); /* nobody to tell */
	abort();
}
