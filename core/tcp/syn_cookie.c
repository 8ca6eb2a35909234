// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/syn_cookie.h"
#include "tcp/internal.h"

#define PERIOD	   (64 * MT_SEC)
#define CLOCK_BITS 5
#define MAC_BITS   24
#define OPT_BITS   6   /* of TSval */
#define NO_WSCALE  15u /* in the low four of them */
#define OPT_SACK   0x10u
#define OPT_ECN	   0x20u

/* Never above what the peer announced. Ethernet with IPv4, behind PPPoE, with IPv6, tunnels, the
 * IPv6 minimum, the default, jumbo frames; and the least we accept. */
static const uint16_t sizes[8] = {MSS_MIN, MSS_DEFAULT, 1220, 1360, 1440, 1452, 1460, 8940};

static uint32_t period_of(mt_time now)
{
	return (uint32_t)(now / PERIOD);
}

static unsigned size_index(uint32_t mss)
{
	unsigned i = 7;

	while (i && sizes[i] > mss)
		i--;
	return i;
}

static uint32_t mac(const struct tcp_cookies *ck, const struct flow *f, tcp_seq irs,
		    uint32_t period, unsigned size)
{
	uint64_t in[6] = {f->local.d[0],
			  f->local.d[1],
			  f->remote.d[0],
			  f->remote.d[1],
			  (uint64_t)f->lport << 48 | (uint64_t)f->rport << 32 | irs.v,
			  (uint64_t)period << 3 | size};

	return (uint32_t)(siphash(&ck->key[period & 1], in, sizeof(in)) >> (64 - MAC_BITS));
}

static tcp_seq cookie(const struct tcp_cookies *ck, const struct flow *f, tcp_seq irs,
		      uint32_t period, unsigned size)
{
	return seq_of(period << (32 - CLOCK_BITS) | size << MAC_BITS |
		      mac(ck, f, irs, period, size));
}

static void new_key(struct tcp_cookies *ck, struct rng *rng, uint32_t period)
{
	ck->key[period & 1] = (struct siphash_key){rng_next(rng), rng_next(rng)};
	ck->sent[period & 1] = false;
}

void tcp_cookie_init(struct tcp_cookies *ck, struct rng *rng)
{
	ck->period = 0;
	new_key(ck, rng, 0);
	new_key(ck, rng, 1);
}

/* Keys older than the last period's are forgotten. */
static void advance(struct tcp_cookies *ck, struct rng *rng, uint32_t period)
{
	if (period == ck->period)
		return;
	if (period != ck->period + 1)
		new_key(ck, rng, period + 1);
	new_key(ck, rng, period);
	ck->period = period;
}

/* The clock's low bits give way to what both sides agreed on; it is never ahead of time. */
static uint32_t ts_with_options(uint32_t ts, const struct tcp_half *h)
{
	uint32_t bits = h->flags & HALF_WSCALE ? h->wscale : NO_WSCALE;
	uint32_t v;

	bits |= h->flags & HALF_SACK ? OPT_SACK : 0;
	bits |= h->flags & HALF_ECN ? OPT_ECN : 0;
	v = (ts >> OPT_BITS << OPT_BITS) | bits;
	return (int32_t)(v - ts) > 0 ? v - (1u << OPT_BITS) : v;
}

void tcp_cookie_make(struct tcp_cookies *ck, struct rng *rng, const struct tcp_cookie_flow *f,
		     struct tcp_half *h, struct tcp_seg *out)
{
	uint32_t period = period_of(f->now);

	advance(ck, rng, period);
	ck->sent[period & 1] = true;
	if (!(h->flags & HALF_TS)) {
		h->flags = 0;
		h->wscale = 0;
	}
	h->iss = cookie(ck, f->flow, h->irs, period, size_index(min_u32(h->mss, f->host.mss)));
	tcp_half_syn_ack(h, &f->host, f->now, out);
	if (h->flags & HALF_TS)
		out->ts_val = ts_with_options(out->ts_val, h);
}

bool tcp_cookie_expected(const struct tcp_cookies *ck, mt_time now)
{
	uint32_t age = period_of(now) - ck->period;

	if (age > 1)
		return false;
	return ck->sent[ck->period & 1] || (age == 0 && ck->sent[~ck->period & 1]);
}

/* The echoed timestamp is one that we sent with a cookie that may still be alive, and names nothing
 * that we do not offer. A peer that changes the options deceives itself only. */
static bool read_options(const struct tcp_cookie_flow *f, const struct tcp_seg *s,
			 struct tcp_half *h)
{
	const struct tcp_config *cfg = f->host.cfg;
	uint32_t age = ms_of(f->now) - (s->ts_ecr - f->ts_offset);

	if (age > 2 * PERIOD / MT_MS + (1u << OPT_BITS))
		return false;
	h->flags |= HALF_TS;
	h->ts_recent = s->ts_val;
	if (s->ts_ecr & OPT_SACK)
		h->flags |= HALF_SACK;
	if (s->ts_ecr & OPT_ECN)
		h->flags |= HALF_ECN;
	if ((s->ts_ecr & 15) != NO_WSCALE) {
		h->flags |= HALF_WSCALE;
		h->wscale = s->ts_ecr & 15;
		h->rcv_wscale = open_first_wscale(cfg, f->host.rcvbuf) & 15u;
	}
	return (cfg->sack || !(h->flags & HALF_SACK)) &&
	       (cfg->ecn != TCP_ECN_OFF || !(h->flags & HALF_ECN)) &&
	       (cfg->wscale || !(h->flags & HALF_WSCALE));
}

bool tcp_cookie_check(const struct tcp_cookies *ck, const struct tcp_cookie_flow *f,
		      const struct tcp_seg *s, struct tcp_half *h)
{
	tcp_seq iss = seq_add(s->ack, UINT32_MAX), irs = seq_add(s->seq, UINT32_MAX);
	unsigned size = iss.v >> MAC_BITS & 7;
	uint32_t now = period_of(f->now);
	uint32_t age = (now - (iss.v >> (32 - CLOCK_BITS))) & ((1u << CLOCK_BITS) - 1);
	uint32_t period = now - age;

	if (age > 1 || ck->period - period > 1 || !ck->sent[period & 1] ||
	    !seq_eq(iss, cookie(ck, f->flow, irs, period, size)))
		return false;
	*h = (struct tcp_half){
		.iss = iss,
		.irs = irs,
		.ts_offset = f->ts_offset,
		.mss = sizes[size],
		.flags = HALF_COOKIE,
	};
	return !f->host.cfg->timestamps || !(s->opts & TCPO_TS) || read_options(f, s, h);
}
