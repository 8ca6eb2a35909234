// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/loop.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/config.h"

#define HUGE_FROM ((size_t)4 << 20) /* mappings that profit from huge pages */

int rt_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

void *rt_map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* A hint only: with tens of thousands of connections the first touch of each small page is
	 * dear. */
	if (len >= HUGE_FROM)
		(void)madvise(p, len, MADV_HUGEPAGE);
	return p;
}

void rt_unmap(void *mem, size_t len)
{
	if (mem)
		munmap(mem, len);
}

/* Of all that grows with the connections the flow table, some 4%, is not to make anybody wait. */
static void touch_table(const struct loop *l, const struct stack_config *sc)
{
	size_t at, len;

	stack_core_table(sc, &at, &len);
	memset((char *)l->mem + at, 0, len);
}

int loop_open(struct loop *l, const struct rt_config *c, const struct nic *nic, uint16_t queue)
{
	struct stack_config sc = c->stack;
	const char *why = NULL;
	int r;

	sc.queue = queue;
	sc.seed +=
		queue * 0x9e3779b97f4a7c15u; /* cores of one stack must not draw the same numbers */
	l->nic = nic;
	l->queue = queue;
	l->busy_poll = c->busy_poll;
	spin_init(&l->spin, c->spin_us * MT_US);
	l->linger = c->linger_ms * MT_MS;
	l->mem_len = stack_core_bytes(&sc);
	l->mem = rt_map(l->mem_len);
	if (!l->mem)
		return -ENOMEM;
	touch_table(l, &sc);
	if (nic_driver.thread_enter && (r = nic_driver.thread_enter()) < 0) {
		loop_close(l);
		return r;
	}
	l->entered = true;
	if (c->account_calls) {
		account_open(&l->the_account, nic);
		l->account = &l->the_account;
		nic = &l->account->nic;
	}
	l->sc = stack_core_init(l->mem, l->mem_len, &sc, nic, &why);
	if (!l->sc) {
		fprintf(stderr, "mtcp: the stack refuses its configuration: %s\n",
			why ? why : "no reason given");
		loop_close(l);
		return -EINVAL;
	}
	rt_clock_init(&l->clock);
	l->now = l->busy_at = l->printed_at = l->clock.last;
	l->next = l->now;
	l->stat_at = c->stat_print ? l->now + MT_SEC : MT_NEVER;
	return 0;
}

bool loop_closing(struct loop *l, mt_time since)
{
	mt_time age = l->now > since ? l->now - since : 0;
	struct stack_usage u;

	stack_usage(l->sc, &u);
	if (u.conns == 0 || age >= l->linger)
		return false;
	l->unacked = stack_next_unacked(l->sc, l->unacked);
	return l->unacked != STACK_ID_NONE || age < LOOP_FAREWELL;
}

void loop_close(struct loop *l)
{
	if (l->sc) {
		stack_reset_all(l->sc, l->now);
		stack_core_fini(l->sc);
	}
	if (l->entered && nic_driver.thread_leave)
		nic_driver.thread_leave();
	rt_unmap(l->mem, l->mem_len);
	memset(l, 0, sizeof(*l));
}

/* What passed since the last mark belongs to this phase. */
static void lap(struct loop *l, uint64_t *phase)
{
	uint64_t t = rt_ticks();

	*phase += t - l->mark;
	l->mark = t;
}

static void print_stats(struct loop *l)
{
	const struct mtcp_stats *s = stack_stats(l->sc);
	struct mtcp_stats *p = &l->printed;
	double sec = (double)(l->now - l->printed_at) / 1e9;
	struct stack_usage u;

	stack_usage(l->sc, &u);
	fprintf(stderr,
		"[CPU %2d] flows: %6u, RX: %8.0f(pps), %6.2f(Gbps), TX: %8.0f(pps), %6.2f(Gbps), "
		"accept: %.0f/s, connect: %.0f/s, retransmit: %.0f/s\n",
		l->cpu, u.conns, (double)(s->rx_packets - p->rx_packets) / sec,
		(double)(s->rx_bytes - p->rx_bytes) * 8e-9 / sec,
		(double)(s->tx_packets - p->tx_packets) / sec,
		(double)(s->tx_bytes - p->tx_bytes) * 8e-9 / sec,
		(double)(s->accepts - p->accepts) / sec, (double)(s->connects - p->connects) / sec,
		(double)(s->retransmits - p->retransmits) / sec);
	*p = *s;
	l->printed_at = l->now;
	l->stat_at = l->now + MT_SEC;
}

static bool turn_done(struct loop *l, bool busy)
{
	if (!busy)
		return false;
	if (l->waiting)
		spin_end(&l->spin, l->now - l->busy_at);
	l->waiting = false;
	l->busy_at = l->now;
	return true;
}

static void send_pending(struct loop *l)
{
	l->next = stack_tx(l->sc, l->now);
	l->blocked = false;
}

static uint64_t refusals(const struct loop *l)
{
	const struct mtcp_stats *s = stack_stats(l->sc);

	return s->tx_full + s->tx_no_buffer;
}

/* Nothing came in, but a deadline has passed, or something waits for the device. A device that
 * takes nothing is left alone for a while: asking it again at once would only take its cache lines
 * away from who empties it, and is no work. */
static bool turn_without_input(struct loop *l, bool busy)
{
	uint64_t before = refusals(l), timers_done;

	stack_timers(l->sc, l->now);
	timers_done = rt_ticks();
	send_pending(l);
	if (l->now >= l->stat_at)
		print_stats(l);
	busy |= stack_was_busy(l->sc);
	l->blocked = !busy && refusals(l) != before;
	if (l->blocked)
		l->next = l->now + LOOP_RETRY;
	if (busy) {
		l->cycles.timers += timers_done - l->mark;
		l->mark = timers_done;
		lap(l, &l->cycles.tx);
	}
	return turn_done(l, busy);
}

/* As stack_rx, after a look that found nothing: mostly there is nothing again, and the time is
 * idle. A function of its own, for samples to tell it from work. */
static STACK_PHASE unsigned loop_look(struct loop *l)
{
	unsigned n;

	ACCOUNT_IDLE(l->account, loop_look(l));
	n = stack_rx(l->sc);
	l->quiet = n == 0;
	return n;
}

/* What the application produced goes out first; at the end, control segments must not wait for the
 * application's answer. The second pass is left out when the turn brought nothing that could have
 * made something to send. Time is accounted for only where there was work: the rest is idle. */
bool loop_turn_at(struct loop *l, uint64_t ticks)
{
	struct mtcp_cycles *c = &l->cycles;
	bool busy = l->dirty;
	unsigned n;

	l->mark = ticks;
	l->now = rt_clock_at(&l->clock, ticks);
	if (busy) {
		l->dirty = false;
		send_pending(l);
		lap(l, &c->tx);
	}
	if (l->quiet) {
		n = loop_look(l);
	} else {
		n = stack_rx(l->sc);
		l->quiet = n == 0;
	}
	if (n == 0) {
		if (l->now < l->next && l->now < l->stat_at)
			return turn_done(l, busy);
		return turn_without_input(l, busy);
	}
	lap(l, &c->rx);
	stack_input(l->sc, l->now);
	lap(l, &c->tcp);
	if (l->now >= l->next) {
		stack_timers(l->sc, l->now);
		lap(l, &c->timers);
	}
	send_pending(l);
	lap(l, &c->tx);
	if (l->now >= l->stat_at)
		print_stats(l);
	return turn_done(l, true);
}

uint64_t loop_flush(struct loop *l)
{
	uint64_t t = rt_ticks();

	l->dirty = false;
	l->now = rt_clock_at(&l->clock, t);
	send_pending(l);
	t = rt_ticks() - t;
	l->cycles.tx += t;
	return t;
}

static bool woken_by_frames(const struct loop *l)
{
	return l->nic->ops->rx_wait && !l->wake;
}

/* For how long empty turns follow each other before the first sleep. */
static bool spins(struct loop *l)
{
	if (!l->waiting) {
		l->waiting = true;
		l->spin_for = woken_by_frames(l) ? spin_begin(&l->spin) : SPIN_MAX;
	}
	return l->now - l->busy_at < l->spin_for;
}

/* The descriptor to sleep on, or -1. *again: another turn is due between arming and sleeping, since
 * a frame may have come just before. Not where other threads wake this one: they can't through that
 * descriptor. */
static int arm(struct loop *l, bool *again)
{
	if (!woken_by_frames(l))
		return -1;
	*again = !l->armed;
	if (!l->armed) {
		l->irq_fd = l->nic->ops->rx_wait(l->nic->dev, l->queue, true);
		l->armed = l->irq_fd >= 0;
		*again = l->armed;
	}
	return l->irq_fd;
}

static int sleep_for(struct loop *l, int fd, mt_time ns)
{
	int r;

	if (l->wake)
		return rt_futex_wait(l->wake, l->idle_value, ns);
	r = rt_sleep(fd, ns);
	if (l->armed)
		l->nic->ops->rx_wait(l->nic->dev, l->queue, false);
	l->armed = false;
	return r;
}

/* Without a receive interrupt: what a frame may have to wait is a sixteenth of the silence before
 * it, and not more than LOOP_SLEEP_MAX; what it costs is 100 turns a second. */
static mt_time nap(const struct loop *l)
{
	mt_time len = (l->now - l->busy_at) / 16;

	return len < LOOP_SLEEP_MIN ? LOOP_SLEEP_MIN : mt_min(len, LOOP_SLEEP_MAX);
}

bool loop_spin(struct loop *l)
{
	ACCOUNT_IDLE(l->account, loop_spin(l));
	if (!l->busy_poll && !spins(l))
		return false;
	rt_relax();
	lap(l, &l->cycles.idle);
	return true;
}

int loop_idle(struct loop *l, mt_time until)
{
	bool again = false;
	mt_time len;
	int fd, r = 0;

	ACCOUNT_IDLE(l->account, loop_idle(l, until));
	if (until <= l->now) {
		lap(l, &l->cycles.idle);
		return 0;
	}
	if (loop_spin(l))
		return 0;
	fd = arm(l, &again);
	len = fd >= 0 ? LOOP_IRQ_MAX : nap(l);
	/* Where the device takes nothing, or a deadline is due already, no interrupt will tell. */
	if (l->next > l->now && !l->blocked)
		len = mt_min(len, l->next - l->now);
	else
		len = mt_min(len, nap(l));
	len = mt_min(len, until - l->now);
	if (!again)
		r = sleep_for(l, fd, len);
	lap(l, &l->cycles.idle);
	return r;
}
