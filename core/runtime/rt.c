// SPDX-License-Identifier: BSD-3-Clause
/* Instances and cores. */
#include "runtime/rt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "runtime/share.h"

#if defined(__SANITIZE_THREAD__)
#define READS_FOREIGN_COUNTERS __attribute__((no_sanitize_thread))
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define READS_FOREIGN_COUNTERS __attribute__((no_sanitize("thread")))
#endif
#endif
#ifndef READS_FOREIGN_COUNTERS
#define READS_FOREIGN_COUNTERS
#endif

/* Counters are plain words with one writer; a reader elsewhere gets a value a little old, word by
 * word. */
READS_FOREIGN_COUNTERS static void copy_counters(void *dst, const void *src, size_t len)
{
	volatile uint64_t *d = dst;
	const volatile uint64_t *s = src;

	for (size_t i = 0; i < len / sizeof(*d); i++)
		d[i] = s[i];
}

static int configure(struct rt_config *c, const char *conf_file, const char *overrides, char *err)
{
	int r = 0;

	if (conf_file)
		r = rt_config_file(c, conf_file, err);
	if (r == 0 && overrides)
		r = rt_config_text(c, "overrides", overrides, err);
	if (r == 0)
		r = rt_config_legacy(c, conf_file, err);
	return r ? r : rt_config_finish(c, err);
}

static int open_device(struct rt_stack *s, char *err)
{
	const struct rt_config *c = &s->cfg;
	struct nic_params p = {.device = c->device,
			       .capture = *c->capture ? c->capture : NULL,
			       .n_queues = c->num_cores,
			       .mtu = c->mtu,
			       .n_bufs = c->n_bufs,
			       .n_desc = (uint16_t)c->n_desc,
			       .csum_offload = c->csum_offload,
			       .eal_args = *c->eal_args ? c->eal_args : NULL};
	char why[NIC_ERR_LEN] = "";
	int r = nic_driver.open(&p, &s->nic, why);

	if (r < 0)
		snprintf(err, RT_ERR_LEN, "%s", *why ? why : strerror(-r));
	if (r < 0 || c->num_cores == 1)
		return r;
	s->share = share_open(&s->nic, c->num_cores);
	if (s->share)
		return 0;
	snprintf(err, RT_ERR_LEN, "out of memory");
	nic_driver.close(&s->nic);
	return -ENOMEM;
}

const struct nic *rt_core_nic(const struct rt_stack *s, uint16_t queue)
{
	return s->share ? share_nic(s->share, queue) : &s->nic;
}

struct rt_stack *rt_stack_open(const struct rt_config *defaults, const char *conf_file,
			       const char *overrides, char err[RT_ERR_LEN])
{
	struct rt_stack *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		snprintf(err, RT_ERR_LEN, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	s->cfg = *defaults;
	r = configure(&s->cfg, conf_file, overrides, err);
	if (r == 0)
		r = open_device(s, err);
	if (r) {
		free(s);
		errno = -r;
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void rt_stack_close(struct rt_stack *s)
{
	nic_driver.close(&s->nic);
	if (s->share)
		share_close(s->share);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void rt_stack_device_stats(struct rt_stack *s, uint64_t *rx_missed, uint64_t *tx_errors)
{
	pthread_mutex_lock(&s->lock);
	if (nic_driver.stats)
		nic_driver.stats(&s->nic);
	*rx_missed = s->nic.rx_missed;
	*tx_errors = s->nic.tx_errors;
	pthread_mutex_unlock(&s->lock);
}

static int take_queue(struct rt_stack *s)
{
	int q = -1;

	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < s->cfg.num_cores && q < 0; i++)
		if (!(s->queues_used & 1u << i))
			q = i;
	if (q >= 0) {
		s->queues_used |= 1u << q;
		s->n_cores++;
		if (s->share)
			share_enter(s->share, (uint16_t)q);
	}
	pthread_mutex_unlock(&s->lock);
	return q;
}

static void give_queue(struct rt_stack *s, uint16_t q)
{
	pthread_mutex_lock(&s->lock);
	if (s->share)
		share_leave(s->share, q);
	s->queues_used &= ~(1u << q);
	s->n_cores--;
	pthread_mutex_unlock(&s->lock);
}

int rt_core_init(struct rt_core *c, struct rt_stack *s, int cpu)
{
	int q, r;

	if (cpu < 0 || (s->cfg.core_mask && (cpu > 63 || !(s->cfg.core_mask >> cpu & 1))))
		return -EINVAL;
	q = take_queue(s);
	if (q < 0)
		return -ENOSPC;
	memset(c, 0, sizeof(*c));
	c->stack = s;
	c->cpu = cpu;
	c->queue = (uint16_t)q;
	r = s->cfg.paired ? rt_paired_init(c) : rt_inline_init(c);
	if (r < 0) {
		give_queue(s, c->queue);
		return r;
	}
	c->account = c->loop->account;
	c->born_ticks = c->left_at = rt_ticks();
	c->born_at = rt_now();
	return 0;
}

void rt_core_fini(struct rt_core *c)
{
	c->ops->fini(c);
	give_queue(c->stack, c->queue);
}

void rt_core_stats(const struct rt_core *c, struct mtcp_stats *out)
{
	copy_counters(out, stack_stats(c->loop->sc), sizeof(*out));
}

void rt_core_cycles(const struct rt_core *c, struct mtcp_cycles *out)
{
	uint64_t ticks = rt_ticks() - c->born_ticks, take, mark;
	mt_time age = rt_now() - c->born_at;

	if (c->account) {
		account_read(c->account, out);
	} else {
		copy_counters(out, &c->loop->cycles, sizeof(*out));
		copy_counters(&out->app, &c->app_ticks, sizeof(out->app));
		copy_counters(&take, &c->take_ticks, sizeof(take));
		out->tcp += take;
		copy_counters(&mark, &c->loop->mark, sizeof(mark));
		/* As far as the parts go: what a turn under way takes is booked at its end. */
		out->total = mark > c->born_ticks ? mark - c->born_ticks : 0;
	}
	out->hz = age ? (uint64_t)((double)ticks * 1e9 / (double)age) : 0;
}

void rt_listen_opts(struct stack_core *sc, uint32_t lid, const struct rt_opts *o)
{
	if (o->set >> TCP_OPT_FASTOPEN_QUEUE & 1)
		(void)stack_listen_fastopen(sc, lid, o->value[TCP_OPT_FASTOPEN_QUEUE]);
	if (o->set >> TCP_OPT_RCVBUF & 1)
		stack_listen_rcvbuf(sc, lid, o->value[TCP_OPT_RCVBUF]);
	if (o->set >> TCP_OPT_MAXSEG & 1)
		stack_listen_mss(sc, lid, (uint16_t)o->value[TCP_OPT_MAXSEG]);
}

void rt_apply_opts(struct stack_core *sc, uint32_t id, const struct rt_opts *o, mt_time now)
{
	for (uint32_t set = o->set; set; set &= set - 1) {
		uint32_t opt = (uint32_t)__builtin_ctz(set);

		(void)stack_set_option(sc, id, (enum tcp_option)opt, o->value[opt], now);
	}
	if (o->cc)
		(void)stack_set_cc(sc, id, cc_name(o->cc), now);
}
