// SPDX-License-Identifier: BSD-3-Clause
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

static volatile sig_atomic_t stop_signal;

int err_set(int ret, char err[ERR_LEN], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, ERR_LEN, fmt, ap);
	va_end(ap);
	return ret;
}

static int parse_port(const char *text, in_port_t *out)
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port > UINT16_MAX)
		return -EINVAL;
	*out = htons((uint16_t)port);
	return 0;
}

int addr_parse(const char *text, struct addr *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->ss;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t len;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	memset(out, 0, sizeof(*out));
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		out->len = sizeof(*v6);
		v6->sin6_family = AF_INET6;
		if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
			return -EINVAL;
		return parse_port(colon + 1, &v6->sin6_port);
	}
	out->len = sizeof(*v4);
	v4->sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
		return -EINVAL;
	return parse_port(colon + 1, &v4->sin_port);
}

uint16_t addr_port(const struct addr *a)
{
	/* sin_port and sin6_port are at the same place */
	return ntohs(((const struct sockaddr_in *)&a->ss)->sin_port);
}

void addr_format(const struct addr *a, char out[ADDR_STRLEN])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->ss.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->ss)->sin6_addr, host,
			  sizeof(host));
		snprintf(out, ADDR_STRLEN, "[%s]:%u", host, addr_port(a));
		return;
	}
	inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->ss)->sin_addr, host, sizeof(host));
	snprintf(out, ADDR_STRLEN, "%s:%u", host, addr_port(a));
}

bool addr_is_loopback(const struct addr *a)
{
	if (a->ss.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->ss)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)&a->ss)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* The end of a range: an address of its own, or the last byte of one. */
static int parse_last(const char *text, uint32_t first, uint32_t *last)
{
	struct in_addr in;
	unsigned long byte;
	char *end;

	if (inet_pton(AF_INET, text, &in) == 1) {
		*last = ntohl(in.s_addr);
		return 0;
	}
	if (*text < '0' || *text > '9')
		return -EINVAL;
	byte = strtoul(text, &end, 10);
	if (*end != '\0' || byte > 255)
		return -EINVAL;
	*last = (first & 0xffffff00u) | (uint32_t)byte;
	return 0;
}

int addr_parse_range(const char *text, uint32_t *first, uint32_t *n)
{
	char head[INET_ADDRSTRLEN];
	size_t len = strcspn(text, "-");
	struct in_addr in;
	uint32_t last;

	if (len >= sizeof(head))
		return -EINVAL;
	memcpy(head, text, len);
	head[len] = '\0';
	if (inet_pton(AF_INET, head, &in) != 1)
		return -EINVAL;
	*first = last = ntohl(in.s_addr);
	if (text[len] == '-' && parse_last(text + len + 1, *first, &last) < 0)
		return -EINVAL;
	if (last < *first || last - *first >= 65536)
		return -EINVAL;
	*n = last - *first + 1;
	return 0;
}

static void on_stop(int signum)
{
	stop_signal = signum;
}

void signals_setup(void)
{
	struct sigaction stop = {.sa_handler = on_stop};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigemptyset(&stop.sa_mask);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

bool interrupted(void)
{
	return stop_signal != 0;
}

struct clock_pair clock_pair(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return (struct clock_pair){clock_ns(), __rdtsc()};
#else
	return (struct clock_pair){clock_ns(), 0};
#endif
}

uint64_t tsc_hz_since(const struct clock_pair *begin)
{
	struct clock_pair now = clock_pair();

	if (begin->ticks == 0 || now.ns == begin->ns)
		return 0;
	return (uint64_t)((double)(now.ticks - begin->ticks) * (double)SEC_NS /
			  (double)(now.ns - begin->ns));
}

uint64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long all, resident = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &all, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
