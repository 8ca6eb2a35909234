// SPDX-License-Identifier: BSD-3-Clause
/* Socket options, in the units of libc and of the stack. */
#include "plugin.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "api/ctx.h"

struct opt {
	int level, name;
	enum tcp_option opt;
	uint32_t scale; /* the application's unit in the stack's; 0: a switch */
};

static const struct opt known[] = {
	{SOL_SOCKET, SO_KEEPALIVE, TCP_OPT_KEEPALIVE, 0},
	{SOL_SOCKET, SO_SNDBUF, TCP_OPT_SNDBUF, 1},
	{SOL_SOCKET, SO_RCVBUF, TCP_OPT_RCVBUF, 1},
	{IPPROTO_TCP, TCP_NODELAY, TCP_OPT_NODELAY, 0},
	{IPPROTO_TCP, TCP_CORK, TCP_OPT_CORK, 0},
	{IPPROTO_TCP, TCP_KEEPIDLE, TCP_OPT_KEEPIDLE_MS, 1000},
	{IPPROTO_TCP, TCP_KEEPINTVL, TCP_OPT_KEEPINTVL_MS, 1000},
	{IPPROTO_TCP, TCP_KEEPCNT, TCP_OPT_KEEPCNT, 1},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_OPT_USER_TIMEOUT_MS, 1},
	{IPPROTO_TCP, TCP_MAXSEG, TCP_OPT_MAXSEG, 1},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, TCP_OPT_FASTOPEN, 0},
	{IPPROTO_TCP, TCP_FASTOPEN, TCP_OPT_FASTOPEN_QUEUE, 1},
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static bool is(const struct pd_optname *n, int level, int name)
{
	return n->level == level && n->name == name;
}

static const struct opt *find(const struct pd_optname *n)
{
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (is(n, known[i].level, known[i].name))
			return &known[i];
	}
	return NULL;
}

void opt_apply(struct pd *pd, struct pd_obj *o, const struct pd_opts *from)
{
	for (size_t i = 0; i < N_KNOWN; i++) {
		enum tcp_option opt = known[i].opt;

		if (from->set & 1u << opt)
			(void)stack_set_option(pd->sc, o->id, opt, from->value[opt], pd->now);
	}
	if (from->cc[0])
		(void)stack_set_cc(pd->sc, o->id, from->cc, pd->now);
}

static int set_known(struct pd *pd, struct pd_obj *o, const struct opt *k, int value)
{
	uint32_t v = k->scale ? (uint32_t)value * k->scale : value != 0;
	int err = 0;

	if (value < 0)
		return -EINVAL;
	o->opts.set |= 1u << k->opt;
	o->opts.value[k->opt] = v;
	if (o->kind == PD_LISTENER && k->opt == TCP_OPT_FASTOPEN_QUEUE)
		err = stack_listen_fastopen(pd->sc, o->id, v);
	if (o->kind == PD_STREAM)
		err = stack_set_option(pd->sc, o->id, k->opt, v, pd->now);
	net_settle(pd);
	return err;
}

static int set_linger(struct pd_obj *o, const void *value, socklen_t len)
{
	struct linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, value, sizeof(l));
	o->linger = l.l_onoff != 0;
	o->linger_s = (uint16_t)l.l_linger;
	return 0;
}

static int set_cc(struct pd *pd, struct pd_obj *o, const void *value, socklen_t len)
{
	char name[sizeof(o->opts.cc)] = "";

	memcpy(name, value, len < sizeof(name) - 1 ? len : sizeof(name) - 1);
	if (!cc_by_name(name))
		return -ENOENT;
	memcpy(o->opts.cc, name, sizeof(name));
	return o->kind == PD_STREAM ? stack_set_cc(pd->sc, o->id, name, pd->now) : 0;
}

int opt_set(struct pd *pd, int fd, const struct pd_optname *n, const void *value, socklen_t len)
{
	const struct opt *k = find(n);
	struct pd_obj *o = obj_of(pd, fd);
	int v;

	if (!o)
		return -EBADF;
	if (is(n, SOL_SOCKET, SO_LINGER))
		return set_linger(o, value, len);
	if (is(n, IPPROTO_TCP, TCP_CONGESTION))
		return set_cc(pd, o, value, len);
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	if (k)
		return set_known(pd, o, k, v);
	return is(n, SOL_SOCKET, SO_REUSEADDR) || is(n, SOL_SOCKET, SO_REUSEPORT) ? 0
										  : -ENOPROTOOPT;
}

static int give(const void *v, size_t n, void *value, socklen_t *len)
{
	if (*len > n)
		*len = (socklen_t)n;
	memcpy(value, v, *len);
	return 0;
}

static int64_t get_known(struct pd *pd, const struct pd_obj *o, const struct opt *k)
{
	int64_t v = o->opts.value[k->opt];

	if (o->kind == PD_STREAM)
		v = stack_get_option(pd->sc, o->id, k->opt);
	return v < 0 || !k->scale ? v : v / k->scale;
}

static int64_t get_other(struct pd *pd, const struct pd_obj *o, const struct pd_optname *n)
{
	if (is(n, SOL_SOCKET, SO_ERROR))
		return o->kind == PD_STREAM ? stack_take_error(pd->sc, o->id) : 0;
	if (is(n, SOL_SOCKET, SO_TYPE))
		return SOCK_STREAM;
	if (is(n, SOL_SOCKET, SO_ACCEPTCONN))
		return o->kind == PD_LISTENER;
	return -ENOPROTOOPT;
}

static int get_info(struct pd *pd, const struct pd_obj *o, void *value, socklen_t *len)
{
	struct tcp_info i;

	api_info_at(pd->sc, o->kind == PD_STREAM ? o->id : STACK_ID_NONE, pd->now, &i);
	return give(&i, sizeof(i), value, len);
}

int opt_get(struct pd *pd, int fd, const struct pd_optname *n, void *value, socklen_t *len)
{
	const struct opt *k = find(n);
	struct pd_obj *o = obj_of(pd, fd);
	int64_t v;
	int out;

	if (!o)
		return -EBADF;
	if (is(n, IPPROTO_TCP, TCP_CONGESTION)) {
		char cc[sizeof(o->opts.cc)] = "";

		snprintf(cc, sizeof(cc), "%s",
			 o->kind == PD_STREAM ? stack_get_cc(pd->sc, o->id) : o->opts.cc);
		return give(cc, sizeof(cc), value, len);
	}
	if (is(n, IPPROTO_TCP, TCP_INFO))
		return get_info(pd, o, value, len);
	v = k ? get_known(pd, o, k) : get_other(pd, o, n);
	if (v < 0)
		return (int)v;
	out = (int)v;
	return give(&out, sizeof(out), value, len);
}
