// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct timespec span(mt_time ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / MT_SEC), .tv_nsec = (long)(ns % MT_SEC)};
}

/* Always with a timeout: such a wait ends with EINTR even under SA_RESTART (signal(7)), as
 * epoll_wait does. */
int rt_futex_wait(_Atomic uint32_t *word, uint32_t value, mt_time ns)
{
	struct timespec ts = span(ns);

	if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &ts, NULL, 0) < 0 && errno == EINTR)
		return -EINTR;
	return 0;
}

void rt_futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

int rt_sleep(int fd, mt_time ns)
{
	struct timespec ts = span(ns);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (ppoll(&p, fd >= 0 ? 1 : 0, &ts, NULL) < 0 && errno == EINTR)
		return -EINTR;
	return 0;
}
