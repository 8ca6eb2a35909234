// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define FIRST_SPAN (5 * MT_MS) /* of the first measurement of the counter's rate */
#define SPAN	   (100 * MT_MS)
#define GROWTH	   8	/* valid for so many times the span measured: errors grow no more */
#define GOOD	   512u /* ticks between two readings of the counter with one of the clock inside */
#define POOR	   8192u      /* interrupted */
#define RATE_APART (1.0 / 64) /* of two measurements: more is no error of measuring */
#define BROKEN_NAP (10 * MT_MS)

/* Constant, running in all sleep states, and not found wanting by the kernel's watchdog. */
static bool counter_trusted(void)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned a, b, c, d;
	char name[8] = "";
	FILE *f;

	if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d >> 8 & 1))
		return false;
	f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return strcmp(name, "tsc\n") == 0;
#elif defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

/* Both clocks at one instant, as near as a few attempts come: the counter's uncertainty. */
static uint64_t read_both(uint64_t *ticks, mt_time *real)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 4 && best > GOOD; i++) {
		uint64_t before = rt_ticks();
		mt_time ns = rt_now();
		uint64_t took = rt_ticks() - before;

		if (took >= best)
			continue;
		best = took;
		*ticks = before + took / 2;
		*real = ns;
	}
	return best;
}

void rt_clock_init(struct rt_clock *c)
{
	memset(c, 0, sizeof(*c));
	c->counter = counter_trusted();
	(void)read_both(&c->ticks, &c->real);
	c->now = c->last = c->real - RT_CLOCK_LAG;
}

/* A rate is good once the next one is the same: asleep in suspend CLOCK_MONOTONIC stands still,
 * while the counter goes on or begins anew. */
static bool same_rate(struct rt_clock *c, double rate)
{
	double before = c->rate;

	c->rate = rate;
	return rate > before * (1 - RATE_APART) && rate < before * (1 + RATE_APART);
}

/* What it said too late it makes good at once, what too early by going slower until the next time.
 */
mt_time rt_clock_compare(struct rt_clock *c)
{
	uint64_t ticks = 0, apart;
	mt_time real = 0, span, ahead, next;
	double rate;

	if (!c->counter)
		return rt_now();
	apart = read_both(&ticks, &real);
	span = real - c->real;
	if (c->last < real - RT_CLOCK_LAG)
		c->last = real - RT_CLOCK_LAG;
	if (span < FIRST_SPAN || apart > POOR)
		return c->last;
	ahead = c->last - (real - RT_CLOCK_LAG);
	next = mt_min(SPAN, GROWTH * span);
	rate = (double)span / (double)(ticks - c->ticks);
	c->ticks = ticks;
	c->real = real;
	c->now = c->last;
	c->valid = 0;
	if (!same_rate(c, rate))
		return c->now;
	c->valid = (uint64_t)((double)next / rate);
	c->mult =
		(uint64_t)(rate * (double)(next - mt_min(ahead, next / 2)) / (double)next * 0x1p32);
	return c->now;
}

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

/* The error of an interface that is down or gone ends every wait at once: a socket's until somebody
 * reads it, which the driver does not, a tap's for ever. That there is something to be received may
 * be as stale: who comes here has just looked. */
static int nap_broken(int fd, mt_time ns)
{
	struct timespec ts = span(mt_min(ns, BROKEN_NAP));
	int error;
	socklen_t len = sizeof(error);

	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return ppoll(NULL, 0, &ts, NULL);
}

int rt_sleep(int fd, mt_time ns)
{
	struct timespec ts = span(ns);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = ppoll(&p, fd >= 0 ? 1 : 0, &ts, NULL);

	if (n > 0 && p.revents != POLLIN)
		n = nap_broken(fd, ns);
	return n < 0 && errno == EINTR ? -EINTR : 0;
}
