// SPDX-License-Identifier: BSD-3-Clause
/* Contexts: made and ended, polled, counted. */
#include "api/ctx.h"

#include <stdlib.h>
#include <string.h>

static int map_tables(struct ctx *c, uint32_t n)
{
	size_t fds = pool_bytes(sizeof(struct fd), n),
	       watches = pool_bytes(sizeof(struct far_watch), n);
	uint8_t *mem;

	fds = (fds + 63) & ~(size_t)63;
	watches = (watches + 63) & ~(size_t)63;
	c->mem_len = fds + watches + pool_bytes(sizeof(struct sock_opts), n);
	mem = rt_map(c->mem_len);
	if (!mem)
		return -ENOMEM;
	c->mem = mem;
	pool_init(&c->fds, mem, sizeof(struct fd), n);
	pool_init(&c->watches, mem + fds, sizeof(struct far_watch), n);
	pool_init(&c->opts, mem + fds + watches, sizeof(struct sock_opts), n);
	(void)pool_get(&c->fds); /* descriptor 0 is none: it is the cookie of nothing */
	return 0;
}

static int ctx_init(struct ctx *c, struct mtcp_stack *s, int cpu)
{
	int r = map_tables(c, s->rt->cfg.max_concurrency);

	if (r == 0)
		r = rt_core_init(&c->core, s->rt, cpu);
	if (r < 0)
		return r;
	c->pub.cpu = cpu;
	c->stack = s;
	list_init(&c->listeners);
	/* Not the core's numbers: its keys are of them, and a listener's port, which all see, of
	 * these. */
	rng_seed(&c->rng, (s->rt->cfg.stack.seed ^ UINT64_C(0x6c697374656e)) + (uint64_t)cpu);
	c->signals_seen = api_signals();
	pthread_mutex_lock(&s->rt->lock);
	list_append(&s->contexts, &c->node);
	pthread_mutex_unlock(&s->rt->lock);
	return 0;
}

API mctx_t mtcp_create_context_on(mtcp_stack_t s, int cpu)
{
	struct ctx *c;
	int r;

	if (!s) {
		errno = EINVAL;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	r = c ? ctx_init(c, s, cpu) : -ENOMEM;
	if (r < 0) {
		if (c)
			rt_unmap(c->mem, c->mem_len);
		free(c);
		errno = -r;
		return NULL;
	}
	return &c->pub;
}

API void mtcp_destroy_context(mctx_t m)
{
	struct ctx *c = ctx_of(m);

	if (!m)
		return;
	for (uint32_t i = 1; i < c->fds.n_touched; i++) {
		struct fd *f = fd_at(c, i);

		if (f->kind != MTCP_SOCK_UNUSED)
			fd_close(c, f, false);
	}
	rt_core_fini(&c->core);
	pthread_mutex_lock(&c->stack->rt->lock);
	list_remove(&c->node);
	pthread_mutex_unlock(&c->stack->rt->lock);
	rt_unmap(c->mem, c->mem_len);
	free(c->eps);
	free(c);
}

int ctx_poll(struct ctx *c, mt_time until)
{
	int r = c->core.ops->poll(&c->core, until);

	c->n_again = 0;
	ctx_dispatch(c);
	if (until > 0 && c->signals_seen != api_signals()) {
		c->signals_seen = api_signals();
		return -EINTR;
	}
	return r;
}

int ctx_block(struct ctx *c)
{
	return ctx_poll(c, MT_NEVER);
}

int ctx_again(struct ctx *c, int r)
{
	if (++c->n_again >= FD_AGAIN_TURNS)
		(void)ctx_poll(c, 0);
	return r;
}

API int mtcp_get_stats(mctx_t m, struct mtcp_stats *out)
{
	if (!m || !out)
		return api_result(m ? -EFAULT : -EINVAL);
	rt_core_stats(&ctx_of(m)->core, out);
	return 0;
}

API int mtcp_get_cycles(mctx_t m, struct mtcp_cycles *out)
{
	if (!m || !out)
		return api_result(m ? -EFAULT : -EINVAL);
	rt_core_cycles(&ctx_of(m)->core, out);
	return 0;
}

API int mtcp_get_device_stats(mctx_t m, uint64_t *rx_missed, uint64_t *tx_errors)
{
	if (!m || !rx_missed || !tx_errors)
		return api_result(m ? -EFAULT : -EINVAL);
	rt_stack_device_stats(ctx_of(m)->stack->rt, rx_missed, tx_errors);
	return 0;
}

API int mtcp_init_rss(mctx_t m, in_addr_t saddr_base, int num_addr, in_addr_t daddr,
		      in_addr_t dport)
{
	API_BOOKED(m, mtcp_init_rss(m, saddr_base, num_addr, daddr, dport));
	struct ctx *c = ctx_of(m);
	struct ip_addr base;
	int r;

	(void)daddr; /* the stack finds a fitting port for each destination by itself */
	(void)dport;
	if (!m || num_addr <= 0)
		return api_result(-EINVAL);
	base = ip_from_v4(ntohl(saddr_base));
	r = c->core.ops->set_sources(&c->core, &base, (uint32_t)num_addr);
	if (r < 0 || saddr_base == INADDR_ANY)
		return api_result(r);
	c->src_base = base;
	c->n_src = (uint32_t)num_addr;
	return 0;
}
