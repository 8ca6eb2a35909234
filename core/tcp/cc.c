// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/cc.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/num.h"
#include "tcp/tcp.h"

#define IW_SEG_BYTES 1460u /* RFC 6928 2: 14600 bytes for ten segments */

#define ALGORITHM(name) &cc_##name,
static const struct cc_ops *const algorithms[] = {CC_ALGORITHMS(ALGORITHM)};

const struct cc_ops *cc_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strcmp(algorithms[i]->name, name) == 0)
			return algorithms[i];
	return NULL;
}

const char *cc_name(const struct cc_ops *ops)
{
	return ops->name;
}

uint32_t cc_initial_window(uint32_t mss, uint8_t init_cwnd_segs)
{
	uint32_t segs = init_cwnd_segs > 0 ? init_cwnd_segs : 1;
	uint32_t bound = segs * IW_SEG_BYTES > 2 * mss ? segs * IW_SEG_BYTES : 2 * mss;

	check(mss > 0 && mss <= UINT16_MAX);
	return min_u32(segs * mss, bound);
}

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss, uint8_t init_cwnd_segs)
{
	uint32_t cwnd = cc_initial_window(mss, init_cwnd_segs);

	memset(cc, 0, sizeof(*cc));
	cc->ops = ops;
	cc->mss = mss;
	cc->cwnd = cwnd;
	cc->ssthresh = UINT32_MAX;
	ops->init(cc);
}

uint32_t cc_rescale(uint32_t window, uint32_t from, uint32_t to)
{
	uint64_t w = (uint64_t)window * to / from;

	return w > CC_CWND_MAX ? CC_CWND_MAX : (uint32_t)w;
}

void cc_set_mss(struct cc *cc, uint32_t mss)
{
	uint32_t from = cc->mss;

	check(mss > 0 && mss <= UINT16_MAX);
	if (mss == from)
		return;
	cc->cwnd = cc_rescale(cc->cwnd, from, mss);
	if (cc->cwnd < mss)
		cc->cwnd = mss;
	if (cc->ssthresh != UINT32_MAX)
		cc->ssthresh = cc_rescale(cc->ssthresh, from, mss);
	cc->mss = mss;
	cc->acked = 0;
	if (cc->ops->resize)
		cc->ops->resize(cc, from);
	else /* what the algorithm remembers is in bytes of the old size */
		cc->ops->init(cc);
}

void cc_undo(struct cc *cc, const struct cc *before)
{
	if (cc->ops != before->ops || cc->mss != before->mss)
		return;
	if (cc->cwnd < before->cwnd)
		cc->cwnd = before->cwnd;
	if (cc->ssthresh < before->ssthresh)
		cc->ssthresh = before->ssthresh;
	if (cc->ops->undo)
		cc->ops->undo(cc, before);
}

uint32_t cc_slow_start(struct cc *cc, uint32_t n_acked)
{
	uint32_t room = min_u32(cc->ssthresh, CC_CWND_MAX);

	if (cc->cwnd >= room)
		return n_acked;
	room -= cc->cwnd;
	if (n_acked > room) {
		cc->cwnd += min_u32(room, CC_SLOW_START_SEGS * cc->mss);
		return cc->cwnd >= cc->ssthresh ? n_acked - room : 0;
	}
	cc->cwnd += min_u32(n_acked, CC_SLOW_START_SEGS * cc->mss);
	return 0;
}

uint32_t cc_reduced(const struct cc *cc, uint32_t flight, uint32_t num, uint32_t den)
{
	uint32_t w = (uint32_t)((uint64_t)min_u32(flight, cc->cwnd) * num / den);

	return w > 2 * cc->mss ? w : 2 * cc->mss;
}

void cc_restart(struct cc *cc, uint32_t init_cwnd)
{
	uint32_t kept = cc->cwnd - cc->cwnd / 4;

	if (cc->ssthresh < kept)
		cc->ssthresh = kept;
	cc->cwnd = min_u32(cc->cwnd, init_cwnd);
	cc->acked = 0;
}

uint32_t cc_grow_by(uint32_t cwnd, uint32_t unit, uint32_t *acked)
{
	uint64_t n = (uint64_t)unit * *acked / cwnd;

	if (n == 0)
		return 0;
	/* Bytes that paid for n, rounded up: rounding never grows the window. */
	uint64_t paid = (n * cwnd + unit - 1) / unit;

	*acked = paid < *acked ? *acked - (uint32_t)paid : 0;
	return n > CC_CWND_MAX ? CC_CWND_MAX : (uint32_t)n;
}
