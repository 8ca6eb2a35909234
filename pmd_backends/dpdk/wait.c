// SPDX-License-Identifier: BSD-3-Clause
/*
 * Waiting for frames of PMDs that receive through a socket: such a socket becomes readable, but the
 * PMDs keep it to themselves and know no receive interrupt. They open one per queue, in the order
 * of the queues.
 */
#include <dirent.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "dpdk.h"

static bool is_socket_of(int fd, int domain, unsigned ifindex)
{
	struct sockaddr_ll at = {0};
	int have = 0;
	socklen_t len = sizeof have;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &have, &len) || have != domain)
		return false;
	if (domain != AF_PACKET) /* AF_XDP sockets do not tell their interface */
		return true;
	len = sizeof at;
	return getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
	       at.sll_ifindex == (int)ifindex && at.sll_protocol != 0;
}

/* In ascending order, at most `max`; how many there are. */
static unsigned find(int domain, unsigned ifindex, int *fds, unsigned max)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	unsigned n = 0, i;

	if (!dir)
		return 0;
	while ((e = readdir(dir)) != NULL) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || !is_socket_of(fd, domain, ifindex))
			continue;
		for (i = n < max ? n : max - 1; i > 0 && fds[i - 1] > fd; i--)
			fds[i] = fds[i - 1];
		fds[i] = fd;
		n++;
	}
	closedir(dir);
	return n;
}

void wait_sockets(struct dpdk_dev *d, const struct device_spec *s, struct nic *nic)
{
	int fds[NIC_MAX_QUEUES];

	if (find(s->kind->wait_domain, if_nametoindex(s->iface), fds, NIC_MAX_QUEUES) !=
	    d->n_queues)
		return;
	for (uint16_t q = 0; q < d->n_queues; q++)
		d->queue[q].wait_fd = fds[q];
	nic->ops = &dpdk_intr_ops;
}
