// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "stack/core.h"

#define KEY_LIFE                                                                                   \
	(3600 * MT_SEC) /* of the key that new cookies are made with; good for twice as long */
#define BACK_OFF                                                                                   \
	(60 * MT_SEC) /* after data in a SYN was lost, doubled each time up to 64 times            \
		       */
#define N_LOST_MAX 6

/* ---- server ---- */

/* All cores of a host have the same keys, since each may get the client's next SYN: the keys of an
 * hour follow from one secret and the clock that they share. */
static struct fastopen_cookie cookie_of(const struct stack_core *sc, const struct ip_addr *client,
					uint64_t hour)
{
	const struct siphash_key secret = {sc->cfg.fastopen_secret[0], sc->cfg.fastopen_secret[1]};
	uint64_t in[2] = {hour, 0};
	struct siphash_key key;
	struct fastopen_cookie fc;
	uint64_t h;

	key.k0 = siphash(&secret, in, sizeof(in));
	in[1] = 1;
	key.k1 = siphash(&secret, in, sizeof(in));
	h = siphash(&key, client, sizeof(*client));
	memcpy(fc.b, &h, sizeof(fc.b));
	return fc;
}

void fastopen_grant(const struct stack_core *sc, const struct ip_addr *client,
		    struct fastopen_cookie *fc, mt_time now, struct tcp_seg *syn_ack)
{
	*fc = cookie_of(sc, client, now / KEY_LIFE);
	syn_ack->opts |= TCPO_FASTOPEN;
	syn_ack->cookie = fc->b;
	syn_ack->cookie_len = FASTOPEN_LEN;
}

bool fastopen_valid(const struct stack_core *sc, const struct ip_addr *client,
		    const struct tcp_seg *syn, mt_time now)
{
	uint64_t hour = now / KEY_LIFE;

	if (!(syn->opts & TCPO_FASTOPEN) || syn->cookie_len != FASTOPEN_LEN)
		return false;
	for (unsigned age = 0; age <= 1 && age <= hour; age++) {
		struct fastopen_cookie fc = cookie_of(sc, client, hour - age);

		if (memcmp(fc.b, syn->cookie, FASTOPEN_LEN) == 0)
			return true;
	}
	return false;
}

/* ---- client ---- */

static struct fastopen_entry *find(struct stack_core *sc, const struct ip_addr *server)
{
	for (unsigned i = 0; i < FASTOPEN_ENTRIES; i++) {
		if (ip_eq(&sc->fastopens[i].server, server))
			return &sc->fastopens[i];
	}
	return NULL;
}

/* The server's entry, or the one that was not used for the longest time. */
static struct fastopen_entry *take(struct stack_core *sc, const struct ip_addr *server)
{
	struct fastopen_entry *e = find(sc, server), *oldest = sc->fastopens;

	if (e)
		return e;
	for (unsigned i = 1; i < FASTOPEN_ENTRIES; i++) {
		if (sc->fastopens[i].used_at < oldest->used_at)
			oldest = &sc->fastopens[i];
	}
	*oldest = (struct fastopen_entry){.server = *server};
	return oldest;
}

int fastopen_start(struct stack_core *sc, struct conn *c, mt_time now)
{
	struct fastopen_entry *e = find(sc, &c->remote);

	if (!(sc->cfg.fastopen & FASTOPEN_CLIENT))
		return -EOPNOTSUPP;
	if (e && now < e->good_at)
		return 0;
	if (e)
		e->used_at = now;
	return tcp_fastopen_ask(&c->tcb, e && e->cookie_len ? e->mss : 0) ? 0 : -EINVAL;
}

void fastopen_fill(struct stack_core *sc, const struct conn *c, struct tcp_seg *syn)
{
	const struct fastopen_entry *e = find(sc, &c->remote);

	if (!e)
		return;
	syn->cookie = e->cookie;
	syn->cookie_len = e->cookie_len;
	sc->stats.fastopen_sent += syn->len != 0;
}

void fastopen_learn(struct stack_core *sc, const struct conn *c, const struct tcp_seg *syn_ack,
		    mt_time now)
{
	struct fastopen_entry *e = find(sc, &c->remote);

	if (syn_ack->cookie_len && (syn_ack->opts & TCPO_FASTOPEN) && (syn_ack->opts & TCPO_MSS)) {
		e = take(sc, &c->remote);
		e->mss = syn_ack->mss;
		e->cookie_len = syn_ack->cookie_len;
		memcpy(e->cookie, syn_ack->cookie, syn_ack->cookie_len);
	}
	if (!e)
		return;
	e->used_at = now;
	/* Data gets through if what is answered is the first SYN, the one that had it. */
	if (tcp_was_fast(&c->tcb) && !(c->tcb.flags & TF_SYN_RXT))
		e->n_lost = 0;
}

void fastopen_lost(struct stack_core *sc, const struct conn *c, mt_time now)
{
	struct fastopen_entry *e = take(sc, &c->remote);

	e->used_at = now;
	e->good_at = now + (BACK_OFF << e->n_lost);
	if (e->n_lost < N_LOST_MAX)
		e->n_lost++;
}
