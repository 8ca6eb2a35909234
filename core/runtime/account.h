/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * account = calls: a core is always at exactly one part of the work, and each switch books the time
 * since the last one on the part that ends. So the parts sum up to all that passed. The two threads
 * of a pair share the account of their core, as only one of them runs: one that wakes takes it over
 * from where the other was, and puts it back (pair.c).
 */
#ifndef RUNTIME_ACCOUNT_H
#define RUNTIME_ACCOUNT_H

#include <stdatomic.h>
#include <stdint.h>

#include "mtcp/mtcp_stats.h"
#include "mtcp/nic.h"

enum part {
	PART_APP,   /* between the application's calls */
	PART_TCPIP, /* in them, or on the stack's thread, and nothing of what follows */
	PART_RX,    /* in the device: what comes in, and given back */
	PART_TX,
	PART_IDLE,   /* looks at a quiet device, spinning, sleeping */
	PART_CHANGE, /* paired: from one thread to the other */
	N_PARTS
};

struct account {
	uint64_t (*clock)(void); /* ticks */
	uint64_t cost;		 /* of a switch, always TCP/IP's */
	/* Atomic for readers, and for the one thread that interrupts the other. */
	_Atomic uint64_t since;
	_Atomic uint32_t part;
	_Atomic uint64_t ticks[N_PARTS];
	struct nic nic; /* for the stack: the device with its calls booked */
	const struct nic *real;
};

void account_open(struct account *, const struct nic *real);
/* Books what has passed; the part until now. account_at: NULL for none, by turns. */
enum part account_switch(struct account *, enum part);
static inline enum part account_at(struct account *a, enum part to)
{
	return a ? account_switch(a, to) : to;
}
/* rx, tx, tcp, app and idle; what is left of all that passed is the change of threads. */
void account_read(const struct account *, struct mtcp_cycles *out);

static inline enum part account_part(const struct account *a)
{
	return (enum part)atomic_load_explicit(&a->part, memory_order_relaxed);
}

/* First in a function that waits: it is called again, inside the part, and its value returned. The
 * other thread of a pair may have gone on meanwhile. a: NULL for none. */
#define ACCOUNT_IDLE(a, call)                                                                      \
	do {                                                                                       \
		if (__builtin_expect((a) != NULL, 0) && account_part(a) != PART_IDLE) {            \
			account_switch(a, PART_IDLE);                                              \
			__auto_type r_ = (call);                                                   \
			if (account_part(a) == PART_IDLE)                                          \
				account_switch(a, PART_TCPIP);                                     \
			return r_;                                                                 \
		}                                                                                  \
	} while (0)

#endif
