// SPDX-License-Identifier: BSD-3-Clause
#include "api/ctx.h"

#include <string.h>

int addr_in(const struct sockaddr *sa, socklen_t len, struct ip_endpoint *out)
{
	struct sockaddr_in in;

	if (!sa)
		return -EFAULT;
	if (len < sizeof(in))
		return -EINVAL;
	memcpy(&in, sa, sizeof(in));
	if (in.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*out = (struct ip_endpoint){.addr = ip_from_v4(ntohl(in.sin_addr.s_addr)),
				    .port = ntohs(in.sin_port)};
	return 0;
}

int addr_out(const struct ip_endpoint *e, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(e->port),
				 .sin_addr.s_addr = htonl(ip_to_v4(&e->addr))};

	if (!sa)
		return 0;
	if (!len)
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	memcpy(sa, &in, *len < sizeof(in) ? *len : sizeof(in));
	*len = sizeof(in);
	return 0;
}
