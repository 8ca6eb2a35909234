// SPDX-License-Identifier: BSD-3-Clause
/* Socket options. Those of TCP are one table; what is set before there is a connection is kept and
 * applied then. */
#include "api/ctx.h"

#include <linux/tcp.h> /* the names only: netinet/tcp.h has a tcp_seq of its own */
#include <string.h>

#define CC_NAME_LEN 16 /* TCP_CA_NAME_MAX */
#define BUF_MIN	    1024u
#define BUF_MAX	    (1u << 30)

enum value_kind { VALUE_BOOL, VALUE_RANGE, VALUE_CLAMP };

struct opt_map {
	int level, name;
	enum tcp_option opt;
	enum value_kind kind;
	uint32_t min, max;
	uint32_t scale; /* the application's unit in the stack's */
};

static const struct opt_map opts[] = {
	{SOL_SOCKET, SO_KEEPALIVE, TCP_OPT_KEEPALIVE, VALUE_BOOL, 0, 1, 1},
	{SOL_SOCKET, SO_SNDBUF, TCP_OPT_SNDBUF, VALUE_CLAMP, BUF_MIN, BUF_MAX, 1},
	{SOL_SOCKET, SO_RCVBUF, TCP_OPT_RCVBUF, VALUE_CLAMP, BUF_MIN, BUF_MAX, 1},
	{IPPROTO_TCP, TCP_NODELAY, TCP_OPT_NODELAY, VALUE_BOOL, 0, 1, 1},
	{IPPROTO_TCP, TCP_CORK, TCP_OPT_CORK, VALUE_BOOL, 0, 1, 1},
	/* bounds as in tcp(7) and the kernel's tcp.h */
	{IPPROTO_TCP, TCP_KEEPIDLE, TCP_OPT_KEEPIDLE_MS, VALUE_RANGE, 1, 32767, 1000},
	{IPPROTO_TCP, TCP_KEEPINTVL, TCP_OPT_KEEPINTVL_MS, VALUE_RANGE, 1, 32767, 1000},
	{IPPROTO_TCP, TCP_KEEPCNT, TCP_OPT_KEEPCNT, VALUE_RANGE, 1, 127, 1},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_OPT_USER_TIMEOUT_MS, VALUE_RANGE, 0, INT32_MAX, 1},
	{IPPROTO_TCP, TCP_MAXSEG, TCP_OPT_MAXSEG, VALUE_RANGE, 88, 32767, 1},
	{IPPROTO_TCP, TCP_FASTOPEN, TCP_OPT_FASTOPEN_QUEUE, VALUE_RANGE, 0, INT32_MAX, 1},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, TCP_OPT_FASTOPEN, VALUE_BOOL, 0, 1, 1},
};

static const struct opt_map *find_opt(int level, int name)
{
	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++)
		if (opts[i].level == level && opts[i].name == name)
			return &opts[i];
	return NULL;
}

/* ---- set ---- */

/* A held SYN needs the first write, which the paired stack takes only from open connections. */
static bool fastopen_allowed(struct ctx *c, enum tcp_option opt)
{
	const struct rt_config *cfg = &c->core.stack->cfg;

	if (opt == TCP_OPT_FASTOPEN)
		return (cfg->stack.fastopen & FASTOPEN_CLIENT) && !cfg->paired;
	return opt != TCP_OPT_FASTOPEN_QUEUE || (cfg->stack.fastopen & FASTOPEN_SERVER);
}

/* A connection that takes options: an attempt that failed does not, though its error still waits.
 */
static bool has_connection(struct ctx *c, const struct fd *f)
{
	return f->kind == MTCP_SOCK_STREAM && f->id != RT_ID_NONE &&
	       c->core.ops->state(&c->core, f->id) != TCPS_CLOSED;
}

/* Where options are kept for the connections to come; NULL: there is one, and it has them. */
static struct sock_opts *keep(struct ctx *c, struct fd *f)
{
	if (has_connection(c, f) && c->core.ops->state(&c->core, f->id) != TCPS_SYN_SENT)
		return fd_opts(c, f);
	return fd_opts_make(c, f);
}

static int set_tcp(struct ctx *c, struct fd *f, const struct opt_map *o, int value)
{
	struct sock_opts *kept;
	uint32_t v = (uint32_t)value;

	if (!fastopen_allowed(c, o->opt))
		return -EOPNOTSUPP;
	if (o->kind == VALUE_BOOL)
		v = value != 0;
	else if (o->kind == VALUE_CLAMP)
		v = v < o->min ? o->min : v > o->max ? o->max : v;
	else if (value < 0 || v < o->min || v > o->max)
		return -EINVAL;
	v *= o->scale;
	fd_touched(f);
	kept = keep(c, f);
	if (kept) {
		kept->rt.set |= 1u << o->opt;
		kept->rt.value[o->opt] = v;
	}
	if (f->kind == MTCP_SOCK_LISTENER)
		c->core.ops->listen_opts(&c->core, f->id, &kept->rt);
	else if (has_connection(c, f))
		return c->core.ops->set_option(&c->core, f->id, o->opt, v);
	return 0;
}

static int set_cc(struct ctx *c, struct fd *f, const void *optval, socklen_t optlen)
{
	struct sock_opts *kept;
	char name[CC_NAME_LEN] = "";
	const struct cc_ops *cc;

	if (optlen < 1)
		return -EINVAL;
	memcpy(name, optval, optlen < sizeof(name) - 1 ? optlen : sizeof(name) - 1);
	cc = cc_by_name(name);
	if (!cc)
		return -ENOENT;
	kept = keep(c, f);
	if (kept)
		kept->rt.cc = cc;
	if (f->kind == MTCP_SOCK_LISTENER)
		c->core.ops->listen_opts(&c->core, f->id, &kept->rt);
	else if (has_connection(c, f))
		return c->core.ops->set_cc(&c->core, f->id, cc);
	return 0;
}

static void set_flag(struct fd *f, uint8_t flag, bool on)
{
	if (on)
		f->flags |= flag;
	else
		f->flags &= (uint8_t)~flag;
}

static int set_linger(struct fd *f, const void *optval, socklen_t optlen)
{
	struct linger l;

	if (optlen < sizeof(l))
		return -EINVAL;
	memcpy(&l, optval, sizeof(l));
	set_flag(f, FD_LINGER, l.l_onoff != 0);
	f->linger_s = l.l_linger < 0 || l.l_linger > UINT16_MAX ? UINT16_MAX : (uint16_t)l.l_linger;
	return 0;
}

/* RFC 3493 5.3; as Linux has it, before bind only. */
static int set_ipv6(struct ctx *c, struct fd *f, int name, int value)
{
	if (!(f->flags & FD_V6) || name != IPV6_V6ONLY)
		return -ENOPROTOOPT;
	if ((f->flags & FD_BOUND) || f->id != RT_ID_NONE)
		return -EINVAL;
	fd_opts_make(c, f)->local.v6only = value != 0;
	return 0;
}

static int set_option(struct ctx *c, struct fd *f, int level, int name, int value)
{
	const struct opt_map *o = find_opt(level, name);

	if (o)
		return set_tcp(c, f, o, value);
	if (level == IPPROTO_IPV6)
		return set_ipv6(c, f, name, value);
	if (level == SOL_SOCKET && name == SO_REUSEADDR)
		set_flag(f, FD_REUSEADDR, value != 0);
	else if (level == SOL_SOCKET && name == SO_REUSEPORT)
		set_flag(f, FD_REUSEPORT, value != 0);
	else
		return -ENOPROTOOPT;
	return 0;
}

API int mtcp_setsockopt(mctx_t m, int sockid, int level, int optname, const void *optval,
			socklen_t optlen)
{
	API_BOOKED(m, mtcp_setsockopt(m, sockid, level, optname, optval, optlen));
	struct fd *f;
	int value, r = fd_socket(m, sockid, &f);

	if (r < 0 || !optval)
		return api_result(r < 0 ? r : -EFAULT);
	if (level == IPPROTO_TCP && optname == TCP_CONGESTION)
		return api_result(set_cc(ctx_of(m), f, optval, optlen));
	if (level == SOL_SOCKET && optname == SO_LINGER)
		return api_result(set_linger(f, optval, optlen));
	if (optlen < sizeof(value))
		return api_result(-EINVAL);
	memcpy(&value, optval, sizeof(value));
	return api_result(set_option(ctx_of(m), f, level, optname, value));
}

/* ---- get ---- */
static uint32_t default_value(struct ctx *c, enum tcp_option opt)
{
	const struct tcp_config *t = &c->core.stack->cfg.stack.tcp;

	switch (opt) {
	case TCP_OPT_NODELAY:
		return t->nodelay;
	case TCP_OPT_SNDBUF:
		return t->sndbuf;
	case TCP_OPT_RCVBUF:
		return t->rcvbuf;
	case TCP_OPT_KEEPIDLE_MS:
		return t->keep_idle_ms;
	case TCP_OPT_KEEPINTVL_MS:
		return t->keep_interval_ms;
	case TCP_OPT_KEEPCNT:
		return t->keep_probes;
	case TCP_OPT_USER_TIMEOUT_MS:
		return t->user_timeout_ms;
	case TCP_OPT_MAXSEG:
		return 536; /* what Linux says of a socket without a connection (RFC 9293 3.7.1) */
	default:
		return 0;
	}
}

static int64_t get_tcp(struct ctx *c, struct fd *f, const struct opt_map *o)
{
	const struct sock_opts *kept = fd_opts(c, f);
	int64_t v;

	if (kept && kept->rt.set >> o->opt & 1 && !has_connection(c, f))
		v = kept->rt.value[o->opt];
	else if (f->kind == MTCP_SOCK_STREAM && f->id != RT_ID_NONE)
		v = c->core.ops->get_option(&c->core, f->id, o->opt);
	else
		v = default_value(c, o->opt);
	return v < 0 ? v : v / o->scale;
}

static int64_t get_socket_level(struct ctx *c, struct fd *f, int name)
{
	switch (name) {
	case SO_ERROR:
		if (f->kind != MTCP_SOCK_STREAM)
			return 0;
		fd_touched(f);
		if (f->id == RT_ID_NONE)
			return -fd_unconnected(c, f, 0);
		return c->core.ops->take_error(&c->core, f->id);
	case SO_REUSEADDR:
		return (f->flags & FD_REUSEADDR) != 0;
	case SO_REUSEPORT:
		return (f->flags & FD_REUSEPORT) != 0;
	case SO_TYPE:
		return SOCK_STREAM;
	case SO_DOMAIN:
		return f->flags & FD_V6 ? AF_INET6 : AF_INET;
	case SO_PROTOCOL:
		return IPPROTO_TCP;
	case SO_ACCEPTCONN:
		return f->kind == MTCP_SOCK_LISTENER;
	default:
		return -ENOPROTOOPT;
	}
}

static int64_t get_ipv6(struct ctx *c, const struct fd *f, int name)
{
	if (!(f->flags & FD_V6) || name != IPV6_V6ONLY)
		return -ENOPROTOOPT;
	return fd_opts(c, f) && fd_opts(c, f)->local.v6only;
}

static int64_t get_plain(struct ctx *c, struct fd *f, int level, int name)
{
	if (level == SOL_SOCKET)
		return get_socket_level(c, f, name);
	return level == IPPROTO_IPV6 ? get_ipv6(c, f, name) : -ENOPROTOOPT;
}

/* As the kernel: as much as there is room for. */
static int give(const void *value, size_t len, void *optval, socklen_t *optlen)
{
	if ((int)*optlen < 0)
		return -EINVAL;
	if (*optlen > len)
		*optlen = (socklen_t)len;
	memcpy(optval, value, *optlen);
	return 0;
}

static int get_cc(struct ctx *c, struct fd *f, void *optval, socklen_t *optlen)
{
	const struct sock_opts *kept = fd_opts(c, f);
	char name[CC_NAME_LEN] = "";
	const char *cc;

	if (kept && kept->rt.cc && !has_connection(c, f))
		cc = cc_name(kept->rt.cc);
	else if (f->kind == MTCP_SOCK_STREAM && f->id != RT_ID_NONE)
		cc = c->core.ops->get_cc(&c->core, f->id);
	else
		cc = cc_name(c->core.stack->cfg.stack.tcp.cc);
	strncpy(name, cc, sizeof(name) - 1);
	return give(name, sizeof(name), optval, optlen);
}

API int mtcp_getsockopt(mctx_t m, int sockid, int level, int optname, void *optval,
			socklen_t *optlen)
{
	API_BOOKED(m, mtcp_getsockopt(m, sockid, level, optname, optval, optlen));
	const struct opt_map *o = find_opt(level, optname);
	struct fd *f;
	int64_t v;
	int value, r = fd_socket(m, sockid, &f);

	if (r < 0 || !optval || !optlen)
		return api_result(r < 0 ? r : -EFAULT);
	if (level == IPPROTO_TCP && optname == TCP_CONGESTION)
		return api_result(get_cc(ctx_of(m), f, optval, optlen));
	if (level == IPPROTO_TCP && optname == TCP_INFO) {
		struct tcp_info i;

		api_tcp_info(ctx_of(m), f, &i);
		return api_result(give(&i, sizeof(i), optval, optlen));
	}
	if (level == SOL_SOCKET && optname == SO_LINGER) {
		struct linger l = {(f->flags & FD_LINGER) != 0, f->linger_s};

		return api_result(give(&l, sizeof(l), optval, optlen));
	}
	if (o)
		v = get_tcp(ctx_of(m), f, o);
	else
		v = get_plain(ctx_of(m), f, level, optname);
	if (v < 0)
		return api_result(v);
	value = (int)v;
	return api_result(give(&value, sizeof(value), optval, optlen));
}
