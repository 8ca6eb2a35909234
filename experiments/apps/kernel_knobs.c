// SPDX-License-Identifier: BSD-3-Clause
#include "kernel_knobs.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than the headers of Debian 12; the numbers are the kernel's. */
#ifndef SO_BUSY_POLL_BUDGET
#define SO_BUSY_POLL_BUDGET 70
#endif
#ifndef EPIOCSPARAMS
struct epoll_params {
	uint32_t busy_poll_usecs;
	uint16_t busy_poll_budget;
	uint8_t prefer_busy_poll;
	uint8_t pad;
};
#define EPIOCSPARAMS _IOW(0x8A, 0x01, struct epoll_params)
#define EPIOCGPARAMS _IOR(0x8A, 0x02, struct epoll_params)
#endif

#define DEFAULT_BUDGET 8 /* the kernel's, and the largest without privileges is 64 */

struct knob {
	const char *name;
	size_t offset;
	uint32_t max;
	int level, option; /* of the listener; 0: no socket option */
};

#define KNOB(field, limit, ...)                                                                    \
	{                                                                                          \
#field, offsetof(struct kernel_knobs, field), limit, __VA_ARGS__                   \
	}
static const struct knob knobs[] = {
	KNOB(reuseport, 1, SOL_SOCKET, SO_REUSEPORT),
	KNOB(reuseport_cpu, 1, 0, 0),
	KNOB(incoming_cpu, 1, 0, 0),
	KNOB(pin, 1, 0, 0),
	KNOB(edge, 1, 0, 0),
	KNOB(spin, 1, 0, 0),
	KNOB(quickack, 1, 0, 0),
	KNOB(defer_accept_s, 60, IPPROTO_TCP, TCP_DEFER_ACCEPT),
	KNOB(fastopen, 65535, IPPROTO_TCP, TCP_FASTOPEN),
	KNOB(busy_poll_us, 10000, SOL_SOCKET, SO_BUSY_POLL),
	KNOB(prefer_busy_poll, 1, SOL_SOCKET, SO_PREFER_BUSY_POLL),
	KNOB(busy_poll_budget, 64, SOL_SOCKET, SO_BUSY_POLL_BUDGET),
	KNOB(epoll_poll_us, 10000, 0, 0),
	KNOB(sqpoll, 1, 0, 0),
	KNOB(cubic, 1, IPPROTO_TCP, TCP_CONGESTION),
};
#define N_KNOBS (sizeof(knobs) / sizeof(knobs[0]))

static uint32_t *value_of(struct kernel_knobs *k, const struct knob *knob)
{
	return (uint32_t *)(void *)((char *)k + knob->offset);
}

static uint32_t get(const struct kernel_knobs *k, const struct knob *knob)
{
	return *(const uint32_t *)(const void *)((const char *)k + knob->offset);
}

static int set_one(struct kernel_knobs *k, const char *line, size_t len, char err[ERR_LEN])
{
	char name[64], rest;
	unsigned long value;

	if (len >= 128 || sscanf(line, " %63[a-z_] = %lu %c", name, &value, &rest) != 2)
		return err_set(-EINVAL, err, "--set wants key=number for the kernel, not '%.*s'",
			       (int)min_u32((uint32_t)len, 100), line);
	for (size_t i = 0; i < N_KNOBS; i++) {
		if (strcmp(knobs[i].name, name) != 0)
			continue;
		if (value > knobs[i].max)
			return err_set(-EINVAL, err, "--set %s: at most %u", name, knobs[i].max);
		*value_of(k, &knobs[i]) = (uint32_t)value;
		return 0;
	}
	err_set(0, err, "--set %s is not of the kernel's stacks: known are", name);
	for (size_t i = 0; i < N_KNOBS; i++)
		snprintf(err + strlen(err), ERR_LEN - strlen(err), " %s", knobs[i].name);
	return -EINVAL;
}

int kernel_knobs_read(struct kernel_knobs *k, const struct io_conf *conf, char err[ERR_LEN])
{
	*k = (struct kernel_knobs){.busy_poll_budget = DEFAULT_BUDGET};
	k->pin = conf->kind != IO_KERNEL;
	k->cubic = conf->kind == IO_KERNEL_TUNED || conf->kind == IO_KERNEL_URING;
	/* threads that share a core (for their descriptor tables) do better with one listener */
	k->reuseport = conf->kind == IO_KERNEL_REUSEPORT || conf->kind == IO_KERNEL_URING ||
		       (conf->kind == IO_KERNEL_TUNED && conf->cpus.n > 1);
	/* what is not steered is received on the sender's core, which has no listener */
	k->reuseport_cpu = conf->kind == IO_KERNEL_REUSEPORT && conf->cpus.n > 1;
	for (const char *at = conf->overrides, *end; at != NULL && *at != '\0'; at = end + 1) {
		char line[256];

		end = strchrnul(at, '\n');
		snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
		if (line[0] != '\0' && set_one(k, line, strlen(line), err) < 0)
			return -EINVAL;
		if (*end == '\0')
			break;
	}
	if (k->reuseport == 0) /* there is nothing to choose between */
		k->reuseport_cpu = k->incoming_cpu = 0;
	if (conf->kind == IO_KERNEL_URING ? k->edge || k->epoll_poll_us : k->sqpoll)
		return err_set(-EINVAL, err,
			       "--set edge and epoll_poll_us are of epoll, sqpoll of kernel-uring");
	return 0;
}

static int set_option(int fd, const struct knob *knob, uint32_t value)
{
	int number = (int)value;

	if (knob->option == TCP_CONGESTION && knob->level == IPPROTO_TCP)
		return setsockopt(fd, knob->level, knob->option, "cubic", 5);
	return setsockopt(fd, knob->level, knob->option, &number, sizeof(number));
}

/* What differs from a new socket's own value is set; what is refused is told later. */
int kernel_knobs_listener(const struct kernel_knobs *k, int fd)
{
	for (size_t i = 0; i < N_KNOBS; i++) {
		uint32_t value = get(k, &knobs[i]);

		if (knobs[i].level == 0 || value == 0 ||
		    (knobs[i].option == SO_BUSY_POLL_BUDGET && value == DEFAULT_BUDGET))
			continue;
		if (set_option(fd, &knobs[i], value) < 0 && knobs[i].option == SO_REUSEPORT)
			return -errno;
	}
	return 0;
}

/* What is refused is told later. */
void kernel_knobs_group(const struct kernel_knobs *k, const struct kernel_group *g)
{
	if (k->reuseport_cpu)
		kernel_steer_program(g);
	if (k->incoming_cpu)
		kernel_steer_incoming(g);
}

void kernel_knobs_epoll(const struct kernel_knobs *k, int epoll)
{
	struct epoll_params p = {.busy_poll_usecs = k->epoll_poll_us,
				 .busy_poll_budget = (uint16_t)k->busy_poll_budget,
				 .prefer_busy_poll = (uint8_t)k->prefer_busy_poll};

	if (k->epoll_poll_us > 0)
		ioctl(epoll, EPIOCSPARAMS, &p);
}

static int option_in_force(const struct kernel_knobs *k, const struct knob *knob, int listener)
{
	char text[16] = "";
	int value = 0;
	socklen_t len = sizeof(value), text_len = sizeof(text) - 1;

	if (knob->option == SO_BUSY_POLL_BUDGET && knob->level == SOL_SOCKET) {
		/* cannot be read: is it taken? */
		value = (int)get(k, knob);
		return set_option(listener, knob, get(k, knob)) < 0 ? -errno : value;
	}
	if (knob->option == TCP_CONGESTION && knob->level == IPPROTO_TCP) {
		if (getsockopt(listener, knob->level, knob->option, text, &text_len) < 0)
			return -errno;
		return strcmp(text, "cubic") == 0;
	}
	return getsockopt(listener, knob->level, knob->option, &value, &len) < 0 ? -errno : value;
}

/* Its program cannot be read: is it taken? */
static int program_in_force(const struct kernel_knobs *k, const struct kernel_group *g)
{
	int ret = k->reuseport_cpu ? kernel_steer_program(g) : 0;

	return ret < 0 ? ret : (int)k->reuseport_cpu;
}

static int incoming_in_force(const struct kernel_group *g)
{
	int cpu = -1;
	socklen_t len = sizeof(cpu);

	if (getsockopt(g->listeners[0], SOL_SOCKET, SO_INCOMING_CPU, &cpu, &len) < 0)
		return -errno;
	return cpu == g->cpus->id[0];
}

/* What is in force: of an option the socket's word, else what the program does. -errno if it cannot
 * be told. */
static int in_force(const struct kernel_knobs *k, const struct knob *knob,
		    const struct kernel_group *g, int epoll)
{
	struct epoll_params p = {0};

	if (knob->level != 0)
		return option_in_force(k, knob, g->listeners[0]);
	if (knob->offset == offsetof(struct kernel_knobs, reuseport_cpu))
		return program_in_force(k, g);
	if (knob->offset == offsetof(struct kernel_knobs, incoming_cpu))
		return incoming_in_force(g);
	if (knob->offset == offsetof(struct kernel_knobs, epoll_poll_us))
		return ioctl(epoll, EPIOCGPARAMS, &p) < 0 ? -errno : (int)p.busy_poll_usecs;
	return (int)get(k, knob);
}

void kernel_knobs_tell(const struct kernel_knobs *k, const struct kernel_group *g)
{
	char set[1024] = "", refused[1024] = "";
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll >= 0)
		kernel_knobs_epoll(k, epoll);
	for (size_t i = 0; i < N_KNOBS; i++) {
		int want = (int)get(k, &knobs[i]), is = in_force(k, &knobs[i], g, epoll);
		char *to = is < want ? refused : set;

		/* some are rounded up by the kernel: no less than was wanted is in force */
		if (is < want)
			snprintf(to + strlen(to), sizeof(refused) - strlen(to), "%s\"%s=%d: %s\"",
				 *to ? "," : "", knobs[i].name, want,
				 is < 0 ? strerror(-is) : "not taken");
		else
			snprintf(to + strlen(to), sizeof(set) - strlen(to), "%s\"%s\":%d",
				 *to ? "," : "", knobs[i].name, is);
	}
	if (epoll >= 0)
		close(epoll);
	fprintf(stderr, "{\"event\":\"settings\",\"set\":{%s},\"refused\":[%s]}\n", set, refused);
}
