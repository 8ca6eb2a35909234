// SPDX-License-Identifier: BSD-3-Clause
/* Making and ending a pair, and the stack thread's loop. */
#include "runtime/pair.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/num.h"
#include "runtime/clock.h"

#define RECORD_MAX 8192u /* payload bytes of one record: large reads and writes are split */

static size_t round64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static uint32_t ring_bytes(uint32_t kb)
{
	uint32_t n = 16u << 10;

	while (n < kb << 10)
		n <<= 1;
	return n;
}

/* Places of everything in one mapping: the pair, its rings, and each side's pools. */
struct layout {
	size_t jobs, events, app[2], app_chunks, stk[2], stk_chunks, total;
	uint32_t job_bytes, event_bytes, n_rx, n_tx;
};

static size_t place(struct layout *l, size_t len)
{
	size_t at = l->total;

	l->total += round64(len);
	return at;
}

static struct layout plan(const struct rt_config *c, uint32_t n, uint32_t rx_credit,
			  uint32_t tx_credit)
{
	struct layout l = {.job_bytes = ring_bytes(c->job_ring_kb),
			   .event_bytes = ring_bytes(c->event_ring_kb)};

	l.n_rx = (uint32_t)bq_chunks(2 * (uint64_t)n, rx_credit);
	l.n_tx = (uint32_t)bq_chunks(2 * (uint64_t)n, tx_credit);
	place(&l, sizeof(struct pair));
	l.jobs = place(&l, l.job_bytes);
	l.events = place(&l, l.event_bytes);
	for (int i = 0; i < 2; i++) {
		l.app[i] = place(&l, pool_bytes(sizeof(struct app_sock), n));
		l.stk[i] = place(&l, pool_bytes(sizeof(struct stk_sock), n));
	}
	l.app_chunks = place(&l, pool_bytes(sizeof(struct bq_chunk), l.n_rx));
	l.stk_chunks = place(&l, pool_bytes(sizeof(struct bq_chunk), l.n_tx));
	return l;
}

static void set_up(struct pair *p, const struct layout *l)
{
	uint8_t *base = p->mem;

	spsc_init(&p->jobs, base + l->jobs, l->job_bytes);
	spsc_init(&p->events, base + l->events, l->event_bytes);
	for (int i = 0; i < 2; i++) {
		pool_init(&p->app.half[i], base + l->app[i], sizeof(struct app_sock), p->n_socks);
		pool_init(&p->stk.half[i], base + l->stk[i], sizeof(struct stk_sock), p->n_socks);
	}
	pool_init(&p->app.chunks, base + l->app_chunks, sizeof(struct bq_chunk), l->n_rx);
	pool_init(&p->stk.chunks, base + l->stk_chunks, sizeof(struct bq_chunk), l->n_tx);
	list_init(&p->app.events);
	list_init(&p->stk.todo);
	/* The call record must fit, and several data records at a time. */
	p->record_max = min_u32(RECORD_MAX, min_u32(l->job_bytes, l->event_bytes) / 8);
}

void pair_wake(struct pair *p)
{
	/* Added to, not read: in one order with the baton before it, so that either this sees the
	 * sleeper, or the sleeper sees the new baton. */
	if (atomic_fetch_add(&p->n_asleep, 0) > 0)
		rt_futex_wake(&p->baton);
}

int pair_wait(struct pair *p, uint32_t value, mt_time ns)
{
	int r;

	sched_yield();
	if (atomic_load_explicit(&p->baton, memory_order_acquire) != value)
		return 0;
	atomic_fetch_add(&p->n_asleep, 1);
	r = rt_futex_wait(&p->baton, value, ns);
	atomic_fetch_sub(&p->n_asleep, 1);
	return r;
}

/* The loop may sleep on the baton. */
static STACK_PHASE void pair_idle(struct pair *p)
{
	if (!p->loop.busy_poll)
		atomic_fetch_add(&p->n_asleep, 1);
	if (!spsc_ready(&p->jobs)) /* else posted since the turn looked, and nobody to wake then */
		(void)loop_idle(&p->loop, MT_NEVER);
	if (!p->loop.busy_poll)
		atomic_fetch_sub(&p->n_asleep, 1);
}

/* Sleeps while the application runs, which may make turns itself meanwhile. */
static void lend(struct pair *p, mt_time nap, bool wake)
{
	atomic_store_explicit(&p->taken, 0, memory_order_release);
	if (wake) /* not before: it runs at once, and would find the stack taken */
		pair_wake(p);
	do {
		(void)pair_wait(p, PAIR_APP, nap);
		nap = PAIR_NAP_MADE;
	} while (!stk_take(p));
}

static mt_time nap_for(struct pair *p)
{
	mt_time most = p->stk.loans != p->stk.loans_seen ? PAIR_NAP_MADE : PAIR_NAP;

	p->stk.loans_seen = p->stk.loans;
	return p->loop.next > p->loop.now ? mt_min(most, p->loop.next - p->loop.now) : most;
}

/* Hands the CPU back when the application waits for what has come, and rests. was: at what the core
 * was when this thread came. */
static void rest(struct pair *p, uint32_t baton, bool busy, enum part was)
{
	bool wake = false;

	if (baton == PAIR_APP)
		account_at(p->loop.account, was);
	if (baton == PAIR_TURN || (baton == PAIR_STACK && p->stk.news)) {
		was = account_at(p->loop.account, PART_CHANGE);
		/* If the application gave up waiting just now, the news stays: it may wait again
		 * without having seen what this turn passed on. */
		wake = atomic_compare_exchange_strong_explicit(
			&p->baton, &baton, PAIR_APP, memory_order_acq_rel, memory_order_acquire);
		if (wake)
			p->stk.news = false;
		else
			account_at(p->loop.account, was);
		baton = PAIR_APP;
	}
	if (baton == PAIR_APP)
		lend(p, nap_for(p), wake);
	else if (!busy)
		pair_idle(p);
}

static void stack_loop(struct pair *p)
{
	while (!atomic_load_explicit(&p->stop, memory_order_acquire)) {
		uint32_t baton = atomic_load_explicit(&p->baton, memory_order_acquire);
		enum part was = account_at(p->loop.account, PART_TCPIP);

		rest(p, baton, stk_turn(p), was);
	}
}

/* The application takes in no more events: a full ring must not keep a connection's last bytes. */
static void drop_events(struct pair *p)
{
	uint32_t len;

	while (spsc_peek(&p->events, &len))
		spsc_pop(&p->events);
	spsc_release(&p->events);
}

static void *stack_thread(void *arg)
{
	struct pair *p = arg;
	mt_time since;
	int r = rt_pin(p->cpu);

	p->loop.cpu = p->cpu;
	if (r == 0)
		r = loop_open(&p->loop, &p->rt->cfg, rt_core_nic(p->rt, p->queue), p->queue);
	p->loop.wake = &p->baton;
	p->loop.idle_value = PAIR_STACK;
	p->start_result = r;
	sem_post(&p->started);
	if (r < 0)
		return NULL;
	stack_loop(p);
	atomic_store_explicit(&p->baton, PAIR_STACK, memory_order_relaxed); /* to sleep on */
	since = rt_now();
	do {
		(void)stk_turn(p);
		drop_events(p);
		(void)loop_idle(&p->loop, since + p->loop.linger);
	} while (loop_closing(&p->loop, since));
	loop_close(&p->loop);
	return NULL;
}

static void release(struct pair *p)
{
	sem_destroy(&p->started);
	rt_unmap(p->mem, p->mem_len);
}

static int start(struct pair *p)
{
	int r = -pthread_create(&p->thread, NULL, stack_thread, p);

	if (r < 0)
		return r;
	while (sem_wait(&p->started) < 0 && errno == EINTR)
		;
	if (p->start_result < 0)
		pthread_join(p->thread, NULL);
	return p->start_result;
}

int rt_paired_init(struct rt_core *c)
{
	const struct rt_config *cfg = &c->stack->cfg;
	uint32_t n = cfg->stack.n_conns + cfg->stack.n_listeners + 64;
	uint32_t rx = min_u32(cfg->stack.tcp.rcvbuf, PAIR_CREDIT_MAX),
		 tx = min_u32(cfg->stack.tcp.sndbuf, PAIR_CREDIT_MAX);
	struct layout l = plan(cfg, n, rx, tx);
	struct pair *p = rt_map(l.total);
	int r;

	if (!p)
		return -ENOMEM;
	p->mem = p;
	p->mem_len = l.total;
	p->rt = c->stack;
	p->n_socks = n;
	p->rx_credit = rx;
	p->tx_credit = tx;
	p->cpu = c->cpu;
	p->queue = c->queue;
	set_up(p, &l);
	atomic_init(&p->taken, 1); /* by the stack's thread, from the start */
	sem_init(&p->started, 0, 0);
	r = nic_driver.thread_enter ? nic_driver.thread_enter() : 0; /* for loans */
	if (r == 0 && (r = start(p)) < 0 && nic_driver.thread_leave)
		nic_driver.thread_leave();
	if (r < 0) {
		release(p);
		return r;
	}
	c->pair = p;
	c->ops = &rt_paired_ops;
	c->loop = &p->loop;
	c->now = rt_now();
	return 0;
}

void pair_fini(struct pair *p)
{
	spsc_flush(&p->jobs);
	atomic_store_explicit(&p->stop, 1, memory_order_release);
	atomic_store_explicit(&p->baton, PAIR_STACK, memory_order_release);
	rt_futex_wake(&p->baton);
	pthread_join(p->thread, NULL);
	if (nic_driver.thread_leave)
		nic_driver.thread_leave();
	release(p);
}
