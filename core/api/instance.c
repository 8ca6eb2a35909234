// SPDX-License-Identifier: BSD-3-Clause
/* Stacks: the default one of mtcp_init, further ones, their configuration; signals. */
#include "api/ctx.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIGNAL 64

_Static_assert(RT_ERR_LEN == MTCP_ERR_LEN, "errors pass through unchanged");

/* The process's default stack, and what mtcp_setconf said before it was there. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mtcp_stack *default_stack;
static struct rt_config preset;
static bool preset_ready;

static struct rt_config *preset_get(void)
{
	if (!preset_ready)
		rt_config_init(&preset);
	preset_ready = true;
	return &preset;
}

static struct mtcp_stack *stack_open(const struct rt_config *defaults, const char *conf_file,
				     const char *overrides, char *err)
{
	struct mtcp_stack *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(err, MTCP_ERR_LEN, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	list_init(&s->contexts);
	s->rt = rt_stack_open(defaults, conf_file, overrides, err);
	if (!s->rt) {
		free(s);
		return NULL;
	}
	return s;
}

API mtcp_stack_t mtcp_stack_open(const char *conf_file, const char *overrides,
				 char err[MTCP_ERR_LEN])
{
	struct rt_config *defaults = malloc(sizeof(*defaults));
	char own[MTCP_ERR_LEN];
	struct mtcp_stack *s;

	err = err ? err : own;
	*err = '\0';
	if (!defaults) {
		snprintf(err, MTCP_ERR_LEN, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	rt_config_init(defaults);
	s = stack_open(defaults, conf_file, overrides, err);
	free(defaults);
	return s;
}

API void mtcp_stack_close(mtcp_stack_t s)
{
	if (!s)
		return;
	while (!list_empty(&s->contexts)) { /* of threads that ended without mtcp_destroy_context */
		struct ctx *c = container_of(s->contexts.next, struct ctx, node);

		mtcp_destroy_context(&c->pub);
	}
	rt_stack_close(s->rt);
	free(s);
}

static int init_locked(const char *config_file, char *err)
{
	if (default_stack) {
		snprintf(err, MTCP_ERR_LEN,
			 "mtcp_init was called before; call mtcp_destroy in between");
		return -EBUSY;
	}
	if (!config_file) {
		snprintf(err, MTCP_ERR_LEN, "mtcp_init needs a configuration file");
		return -EINVAL;
	}
	default_stack = stack_open(preset_get(), config_file, NULL, err);
	return default_stack ? 0 : -errno;
}

API int mtcp_init(const char *config_file)
{
	char err[MTCP_ERR_LEN] = "";
	int r;

	pthread_mutex_lock(&lock);
	r = init_locked(config_file, err);
	pthread_mutex_unlock(&lock);
	if (r < 0)
		fprintf(stderr, "mtcp: %s\n", err);
	return api_result(r);
}

API void mtcp_destroy(void)
{
	pthread_mutex_lock(&lock);
	mtcp_stack_close(default_stack);
	default_stack = NULL;
	preset_ready = false;
	pthread_mutex_unlock(&lock);
}

API mctx_t mtcp_create_context(int cpu)
{
	mctx_t m;

	pthread_mutex_lock(&lock);
	m = mtcp_create_context_on(default_stack, cpu);
	pthread_mutex_unlock(&lock);
	return m;
}

API int mtcp_core_affinitize(int cpu)
{
	return api_result(rt_pin(cpu));
}

/* ---- mtcp_getconf, mtcp_setconf ---- */
static void fill_conf(const struct rt_config *c, struct mtcp_conf *conf)
{
	conf->num_cores = c->num_cores;
	conf->max_concurrency = (int)c->max_concurrency;
	conf->max_num_buffers = (int)(c->max_num_buffers ? c->max_num_buffers : c->max_concurrency);
	conf->rcvbuf_size = (int)c->stack.tcp.rcvbuf;
	conf->sndbuf_size = (int)c->stack.tcp.sndbuf;
	conf->tcp_timewait = c->tcp_timewait_s;
	conf->tcp_timeout = c->tcp_timeout_s;
}

API int mtcp_getconf(struct mtcp_conf *conf)
{
	if (!conf)
		return api_result(-EFAULT);
	pthread_mutex_lock(&lock);
	fill_conf(default_stack ? &default_stack->rt->cfg : preset_get(), conf);
	pthread_mutex_unlock(&lock);
	return 0;
}

/* One number by the table's own parser, so its bounds hold here too. As in the original, 0 and
 * below leave a value as it is. */
static int set_number(struct rt_config *c, const char *name, int value)
{
	size_t n;
	const struct rt_key *k = rt_config_keys(&n);
	char text[16], why[RT_ERR_LEN];

	if (value <= 0)
		return 0;
	snprintf(text, sizeof(text), "%d", value);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(k[i].name, name))
			return k[i].parse(c, &k[i], text, why) < 0 ? -EINVAL : 0;
	return -EINVAL;
}

/* Only what differs from what mtcp_getconf gave: the rest may yet come from a file. */
static int set_all(struct rt_config *c, const struct mtcp_conf *conf)
{
	struct mtcp_conf now;
	const struct {
		const char *name;
		const int *old;
		int value;
	} fields[] = {
		{"num_cores", &now.num_cores, conf->num_cores},
		{"max_concurrency", &now.max_concurrency, conf->max_concurrency},
		{"max_num_buffers", &now.max_num_buffers, conf->max_num_buffers},
		{"rcvbuf", &now.rcvbuf_size, conf->rcvbuf_size},
		{"sndbuf", &now.sndbuf_size, conf->sndbuf_size},
		{"tcp_timewait", &now.tcp_timewait, conf->tcp_timewait},
		{"tcp_timeout", &now.tcp_timeout, conf->tcp_timeout},
	};
	int r = 0;

	fill_conf(c, &now);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && r == 0; i++)
		if (fields[i].value != *fields[i].old)
			r = set_number(c, fields[i].name, fields[i].value);
	return r;
}

/* All of it or nothing. */
static int set_whole(struct rt_config *c, const struct mtcp_conf *conf)
{
	struct rt_config *tried = malloc(sizeof(*tried));
	int r;

	if (!tried)
		return -ENOMEM;
	*tried = *c; /* what points into the one still does when it comes back */
	r = set_all(tried, conf);
	if (r == 0)
		*c = *tried;
	free(tried);
	return r;
}

static int setconf_locked(const struct mtcp_conf *conf)
{
	struct rt_config *c;
	int r;

	if (!default_stack)
		return set_whole(preset_get(), conf);
	c = &default_stack->rt->cfg;
	if (!list_empty(&default_stack->contexts))
		return -EBUSY;
	if (conf->num_cores > 0 && conf->num_cores != default_stack->rt->nic.n_queues)
		return -EINVAL; /* the device is open, and frames come to each of its queues */
	r = set_whole(c, conf);
	if (r == 0)
		rt_config_derive(c);
	return r;
}

API int mtcp_setconf(const struct mtcp_conf *conf)
{
	int r;

	if (!conf)
		return api_result(-EFAULT);
	pthread_mutex_lock(&lock);
	r = setconf_locked(conf);
	pthread_mutex_unlock(&lock);
	return api_result(r);
}

/* ---- signals ---- */
static _Atomic unsigned n_signals;
static _Atomic(mtcp_sighandler_t) handlers[MAX_SIGNAL + 1];

unsigned api_signals(void)
{
	return atomic_load_explicit(&n_signals, memory_order_acquire);
}

/* A wait that spins would not notice a signal: the count makes every context's wait end with EINTR.
 */
static void on_signal(int signum)
{
	mtcp_sighandler_t h = atomic_load(&handlers[signum]);

	if (h)
		h(signum);
	atomic_fetch_add(&n_signals, 1); /* last: who sees it looks for what the handler did */
}

API mtcp_sighandler_t mtcp_register_signal(int signum, mtcp_sighandler_t handler)
{
	struct sigaction now = {.sa_handler = on_signal}, before;

	if (signum <= 0 || signum > MAX_SIGNAL) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (handler == SIG_DFL || handler == SIG_IGN)
		now.sa_handler = handler;
	mtcp_sighandler_t old =
		atomic_exchange(&handlers[signum], now.sa_handler == on_signal ? handler : NULL);

	if (sigaction(signum, &now, &before) < 0)
		return SIG_ERR;
	return before.sa_handler == on_signal ? old : before.sa_handler;
}
