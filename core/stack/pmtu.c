// SPDX-License-Identifier: BSD-3-Clause
#include "stack/pmtu.h"

static bool fresh(const struct pmtu_entry *e, mt_time now)
{
	return now - e->learnt_at < PMTU_AGE;
}

void pmtu_learn(struct pmtu_cache *c, const struct ip_addr *remote, uint16_t mss, mt_time now)
{
	struct pmtu_entry *to = &c->e[0];

	for (uint32_t i = 0; i < c->n; i++) {
		struct pmtu_entry *e = &c->e[i];

		if (ip_eq(&e->remote, remote)) {
			/* The smallest of what is true now: paths to one host may differ. */
			e->mss = fresh(e, now) && e->mss < mss ? e->mss : mss;
			e->learnt_at = now;
			return;
		}
		if (e->learnt_at < to->learnt_at)
			to = e;
	}
	if (c->n < PMTU_ENTRIES)
		to = &c->e[c->n++];
	*to = (struct pmtu_entry){.remote = *remote, .mss = mss, .learnt_at = now};
}

uint16_t pmtu_find(const struct pmtu_cache *c, const struct ip_addr *remote, mt_time now)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (ip_eq(&c->e[i].remote, remote))
			return fresh(&c->e[i], now) ? c->e[i].mss : 0;
	return 0;
}
