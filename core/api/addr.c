// SPDX-License-Identifier: BSD-3-Clause
#include "api/ctx.h"

#include <string.h>

#define SIN6_LEN_RFC2133 24u /* sockaddr_in6 once had no scope id: Linux takes that too */

static int in6(const struct sockaddr *sa, socklen_t len, struct ip_endpoint *out)
{
	struct sockaddr_in6 in;

	if (len < SIN6_LEN_RFC2133)
		return -EINVAL;
	memset(&in, 0, sizeof(in));
	memcpy(&in, sa, len < sizeof(in) ? len : sizeof(in));
	if (in.sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	*out = (struct ip_endpoint){.addr = ip_from_v6(in.sin6_addr.s6_addr),
				    .port = ntohs(in.sin6_port)};
	return 0;
}

int addr_in(const struct sockaddr *sa, socklen_t len, bool v6, struct ip_endpoint *out)
{
	struct sockaddr_in in;

	if (!sa)
		return -EFAULT;
	if (v6)
		return in6(sa, len, out);
	if (len < sizeof(in))
		return -EINVAL;
	memcpy(&in, sa, sizeof(in));
	if (in.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*out = (struct ip_endpoint){.addr = ip_from_v4(ntohl(in.sin_addr.s_addr)),
				    .port = ntohs(in.sin_port)};
	return 0;
}

int addr_out(const struct ip_endpoint *e, bool v6, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(e->port),
				 .sin_addr.s_addr = htonl(ip_to_v4(&e->addr))};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
	const void *from = v6 ? (const void *)&in6 : &in;
	socklen_t whole = v6 ? sizeof(in6) : sizeof(in);

	if (!sa)
		return 0;
	if (!len)
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	memcpy(&in6.sin6_addr, e->addr.b, sizeof(in6.sin6_addr));
	memcpy(sa, from, *len < whole ? *len : whole);
	*len = whole;
	return 0;
}
