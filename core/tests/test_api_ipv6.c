// SPDX-License-Identifier: BSD-3-Clause
/* AF_INET6 sockets as Linux has them: names, both families on one listener, IPV6_V6ONLY. */
#include "api_world.h"

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_open(w, NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

/* ::ffff:10.0.0.host */
static struct sockaddr_in6 mapped(int host, int port)
{
	struct sockaddr_in6 a = at6(0, port);

	a.sin6_addr = (struct in6_addr){.s6_addr = {[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)host}};
	return a;
}

static int bind6(mctx_t m, int s, struct sockaddr_in6 a)
{
	return mtcp_bind(m, s, (struct sockaddr *)&a, sizeof(a));
}

static int connect6(mctx_t m, int s, struct sockaddr_in6 a)
{
	return mtcp_connect(m, s, (struct sockaddr *)&a, sizeof(a));
}

static int v6only(mctx_t m, int s, int on)
{
	return mtcp_setsockopt(m, s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

static void test_names(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), c = stream(w->m[CLI]), s = -1;
	struct sockaddr_in6 a = {0}, b = {0}, want = at6(2, 4321);
	socklen_t len = sizeof(a), short_len = 20;

	assert_int_equal(mtcp_getsockname(w->m[CLI], c, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(a.sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&a.sin6_addr));
	assert_int_equal(try_bind(w->m[CLI], c, 2, 4321), 0);
	FAILS(try_connect(w->m[CLI], c, 1, 80), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, (struct sockaddr *)&a, &len)) > 0);
	assert_int_equal(len, sizeof(a));
	assert_memory_equal(&a, &want, sizeof(a));
	assert_int_equal(mtcp_getpeername(w->m[SRV], s, (struct sockaddr *)&b, &short_len), 0);
	assert_int_equal(short_len, sizeof(b));
	assert_memory_equal(&b, &want, 20);
	assert_int_equal(mtcp_getsockname(w->m[SRV], s, (struct sockaddr *)&b, &len), 0);
	want = at6(1, 80);
	assert_memory_equal(&b, &want, sizeof(b));
}

/* A client of IPv4 comes to a listener on :: as ::ffff:10.0.0.2. */
static void test_both_families(void **state)
{
	struct world *w = *state;
	int l = listener(w->m[SRV], 80, 16), s = -1;
	int c = mtcp_socket(w->m[CLI], AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int c6 = stream(w->m[CLI]);
	struct sockaddr_in v4 = at(1, 80);
	struct sockaddr_in6 peer, want = mapped(2, 0);
	socklen_t len = sizeof(peer);

	FAILS(mtcp_connect(w->m[CLI], c, (struct sockaddr *)&v4, sizeof(v4)), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, (struct sockaddr *)&peer, &len)) > 0);
	assert_int_equal(len, sizeof(peer));
	assert_memory_equal(&peer.sin6_addr, &want.sin6_addr, 16);
	/* and a socket of IPv6 reaches IPv4 by that name */
	FAILS(connect6(w->m[CLI], c6, mapped(1, 80)), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(w->m[SRV], l, (struct sockaddr *)&peer, &len)) > 0);
	assert_memory_equal(&peer.sin6_addr, &want.sin6_addr, 16);
	UNTIL(w, connect6(w->m[CLI], c6, mapped(1, 80)) == 0);
	assert_int_equal(mtcp_getpeername(w->m[CLI], c6, (struct sockaddr *)&peer, &len), 0);
	want = mapped(1, 80);
	assert_memory_equal(&peer, &want, sizeof(peer));
}

static void test_v6only(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int l6 = stream(m), l4 = mtcp_socket(m, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), s = -1;
	int c = mtcp_socket(w->m[CLI], AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = -1;
	struct sockaddr_in any = at(-1, 80), v4 = at(1, 80);
	socklen_t len = sizeof(on);

	FAILS(v6only(m, l4, 1), ENOPROTOOPT);
	assert_int_equal(mtcp_getsockopt(m, l6, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len), 0);
	assert_int_equal(on, 0);
	assert_int_equal(v6only(m, l6, 1), 0);
	assert_int_equal(mtcp_getsockopt(m, l6, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len), 0);
	assert_int_equal(on, 1);
	FAILS(bind6(m, l6, mapped(1, 80)), EINVAL);
	FAILS(connect6(m, l6, mapped(2, 80)), ENETUNREACH);
	assert_int_equal(try_bind(m, l6, -1, 80), 0);
	FAILS(v6only(m, l6, 0), EINVAL);
	assert_int_equal(mtcp_listen(m, l6, 4), 0);
	/* the other family's port is free */
	assert_int_equal(mtcp_bind(m, l4, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(mtcp_listen(m, l4, 4), 0);
	FAILS(mtcp_connect(w->m[CLI], c, (struct sockaddr *)&v4, sizeof(v4)), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(m, l4, NULL, NULL)) > 0);
	FAILS(mtcp_accept(m, l6, NULL, NULL), EAGAIN);
	/* a connection tells of it, too */
	c = stream(w->m[CLI]);
	assert_int_equal(v6only(w->m[CLI], c, 1), 0);
	FAILS(try_connect(w->m[CLI], c, 1, 80), EINPROGRESS);
	UNTIL(w, (s = mtcp_accept(m, l6, NULL, NULL)) > 0);
	UNTIL(w, try_connect(w->m[CLI], c, 1, 80) == 0);
	world_turns(w, 5);
	on = 0;
	assert_int_equal(mtcp_getsockopt(w->m[CLI], c, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len), 0);
	assert_int_equal(on, 1);
}

static void test_errors(void **state)
{
	struct world *w = *state;
	mctx_t m = w->m[SRV];
	int s = stream(m), t = mtcp_socket(m, AF_INET, SOCK_STREAM, 0), domain = 0;
	struct sockaddr_in6 a = at6(1, 90), none = at6(77, 90);
	struct sockaddr_in v4 = at(-1, 90);
	socklen_t len = sizeof(domain);

	FAILS(mtcp_bind(m, s, (struct sockaddr *)&a, 23), EINVAL);
	FAILS(mtcp_bind(m, s, (struct sockaddr *)&v4, sizeof(v4)), EINVAL);
	a.sin6_family = AF_INET;
	FAILS(bind6(m, s, a), EAFNOSUPPORT);
	a.sin6_family = AF_INET6;
	FAILS(mtcp_bind(m, t, (struct sockaddr *)&a, sizeof(a)), EAFNOSUPPORT);
	FAILS(bind6(m, s, none), EADDRNOTAVAIL);
	assert_int_equal(mtcp_getsockopt(m, s, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
	assert_int_equal(domain, AF_INET6);
	FAILS(mtcp_setsockopt(m, s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &domain, len), ENOPROTOOPT);
	FAILS(connect6(m, s, at6(-1, 80)), ENETUNREACH);
	assert_int_equal(mtcp_bind(m, s, (struct sockaddr *)&a, 24), 0); /* without a scope id */
	assert_int_equal(mtcp_listen(m, s, 4), 0);
	FAILS(bind6(m, stream(m), at6(-1, 90)), EADDRINUSE);
	/* IPv4 is not taken by an address of IPv6, but by :: */
	assert_int_equal(mtcp_bind(m, t, (struct sockaddr *)&v4, sizeof(v4)), 0);
	assert_int_equal(mtcp_listen(m, t, 4), 0);
	FAILS(bind6(m, stream(m), mapped(1, 90)), EADDRINUSE);
	/* a listener on the address that the stack made for the link */
	a = at6(0, 91);
	a.sin6_addr = (struct in6_addr){.s6_addr = {0xfe, 0x80, [15] = 9}};
	s = stream(m);
	assert_int_equal(bind6(m, s, a), 0);
	FAILS(mtcp_listen(m, s, 4), EADDRNOTAVAIL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_names),
		T(test_both_families),
		T(test_v6only),
		T(test_errors),
	};
	int failed = cmocka_run_group_tests_name("AF_INET6, inline", tests, inline_v6, NULL);

	return failed + cmocka_run_group_tests_name("AF_INET6, paired", tests, paired_v6, NULL);
}
