/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of one core around its stack: turns, idling, cycle accounting. Driven by one thread
 * at a time: the application's (inline), or the stack's own (paired) but for a loan (pair.h).
 */
#ifndef RUNTIME_LOOP_H
#define RUNTIME_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "mtcp/mtcp_stats.h"
#include "mtcp/nic.h"
#include "runtime/account.h"
#include "runtime/clock.h"
#include "runtime/spin.h"
#include "stack/stack.h"

#define LOOP_SLEEP_MIN (50 * MT_US)
#define LOOP_SLEEP_MAX (10 * MT_MS)
#define LOOP_RETRY                                                                                 \
	(2 * MT_US) /* to a device that took nothing: what its peer needs for a few frames */
#define LOOP_IRQ_MAX (100 * MT_MS)
#define LOOP_FAREWELL                                                                              \
	(100 * MT_MS) /* at the end, for peers' FINs: of ours nothing depends on them */

struct loop {
	struct stack_core *sc;
	const struct nic *nic;
	void *mem;
	size_t mem_len;
	struct rt_clock clock;
	struct spin spin;
	uint64_t mark;	  /* ticks: accounted for up to here */
	mt_time now;	  /* of the current turn, or of the flush since */
	mt_time next;	  /* the stack wants a turn no later than this */
	mt_time busy_at;  /* last turn in which something happened */
	mt_time linger;	  /* the longest wait at the end */
	mt_time spin_for; /* in the wait under way */
	mt_time stat_at;  /* next line of statistics; MT_NEVER: none */
	uint32_t unacked; /* at the end: connections before it need no more turns */
	uint16_t queue;
	bool dirty;   /* the application called: there may be something to send */
	bool blocked; /* the device takes nothing: tried again at `next` */
	bool quiet;   /* the last look at the device found nothing */
	bool waiting; /* nothing has happened since busy_at, and somebody waits */
	bool busy_poll;
	bool armed; /* the receive interrupt is on: irq_fd */
	int irq_fd;
	bool entered; /* nic_driver.thread_enter was called */
	int cpu;
	/* If set, an idle loop sleeps on this word while it has the value idle_value. */
	_Atomic uint32_t *wake;
	uint32_t idle_value;
	struct mtcp_cycles cycles; /* by turns, but app, total, hz */
	struct account *account;   /* by calls: the_account; else NULL */
	struct account the_account;
	struct mtcp_stats printed; /* as of the last line of statistics */
	mt_time printed_at;
};

struct rt_config;

/* On the thread that will drive it. 0 or -errno. */
int loop_open(struct loop *, const struct rt_config *, const struct nic *, uint16_t queue);
/* Gives everything back and resets what still lives: a peer must not wait for what nobody will
 * send. What was sent last may need more turns first: while loop_closing. */
void loop_close(struct loop *);
/* After all was closed, at `since`: is there still something to be acknowledged, and time for it?
 */
bool loop_closing(struct loop *, mt_time since);
/* One turn, with one reading of the clock, at these ticks. True if anything happened. */
STACK_PHASE bool loop_turn_at(struct loop *, uint64_t ticks);
static inline bool loop_turn(struct loop *l)
{
	return loop_turn_at(l, rt_ticks());
}
/* Sends what is pending, without a turn: at the time of now, since the last turn may be long ago.
 * The ticks it took. */
uint64_t loop_flush(struct loop *);
/* After a turn in which nothing happened: is the next one to follow at once (spin.h)? */
STACK_PHASE bool loop_spin(struct loop *);
/* After a turn in which nothing happened: returns at once while it is worth spinning (spin.h; for
 * SPIN_MAX where no frame can wake the thread), then sleeps until a packet, the stack's deadline,
 * or `until`; not at all if that has passed. 0 or -EINTR. */
STACK_PHASE int loop_idle(struct loop *, mt_time until);

/* Pins the calling thread. 0 or -errno. */
int rt_pin(int cpu);
/* Zeroed memory that costs nothing until touched; NULL with errno. */
void *rt_map(size_t len);
void rt_unmap(void *mem, size_t len);

#endif
