// SPDX-License-Identifier: BSD-3-Clause
/* A simulated link in real time between two tap devices, for what only the kernel can tell: how its
 * TCP fares on the links of the golden tables. A tap's device must have the hardware address that
 * is printed for it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#undef ETH_HLEN /* wire.h has it, too */
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim.h"

#define ROOM	2048
#define LOOK_NS 100000 /* between two looks at the clock while nothing arrives */
#define BURST	64     /* frames taken from a tap before time goes on */

struct options {
	const char *taps[2], *netns[2];
	struct sim_pipe pipe; /* one way: half the delay and loss of the path stands in each */
	double seconds;
	uint64_t seed;
};

static const char usage[] =
	"usage: link_tap --tap NAME[@PATH_OF_NETNS] --tap NAME[@PATH_OF_NETNS] [--rate BIT_PER_S] "
	"[--delay-ms ONE_WAY]\n"
	"                [--queue BYTES] [--loss PROBABILITY] [--seed N] [--seconds S]\n"
	"Loss and rate hold for frames from the first tap to the second; the way back only has the "
	"delay.\n";

static void die(const char *what, const char *name)
{
	fprintf(stderr, "link_tap: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static mt_time clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mt_time)t.tv_sec * MT_SEC + (mt_time)t.tv_nsec;
}

/* The tap is made in the namespace this process is in at that moment, and stays there. */
static int open_tap(const char *name, const char *netns)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int ns = netns ? open(netns, O_RDONLY | O_CLOEXEC) : -1, fd;

	if (netns && (ns < 0 || setns(ns, CLONE_NEWNET)))
		die("network namespace", netns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(req.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req))
		die("tap", name);
	if (ns >= 0)
		close(ns);
	return fd;
}

static void take_tap(struct options *o, char *word)
{
	int i = o->taps[0] != NULL;
	char *at = strchr(word, '@');

	if (at)
		*at = '\0';
	o->taps[i] = word;
	o->netns[i] = at ? at + 1 : NULL;
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"tap", 1, 0, 't'},      {"rate", 1, 0, 'r'},
					      {"delay-ms", 1, 0, 'd'}, {"queue", 1, 0, 'q'},
					      {"loss", 1, 0, 'l'},     {"seed", 1, 0, 's'},
					      {"seconds", 1, 0, 'n'},  {0, 0, 0, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 't')
			take_tap(o, optarg);
		else if (c == 'r')
			o->pipe.rate_bps = strtoull(optarg, NULL, 10);
		else if (c == 'd')
			o->pipe.delay = (mt_time)(strtod(optarg, NULL) * (double)MT_MS);
		else if (c == 'q')
			o->pipe.queue_bytes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'l')
			o->pipe.loss = strtod(optarg, NULL);
		else if (c == 's')
			o->seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			o->seconds = strtod(optarg, NULL);
		else
			o->seconds = -1;
	}
	if (optind != argc || !o->taps[1] || o->seconds <= 0) {
		fputs(usage, stderr);
		exit(2);
	}
}

static void carry(struct sim_node *node, int tap)
{
	uint8_t frame[ROOM];
	ssize_t len;

	for (int i = 0; i < BURST && (len = read(tap, frame, sizeof(frame))) > 0; i++)
		sim_wire_send(node, frame, (size_t)len);
}

/* A tap that is down or full loses the frame, as a wire would. */
static void deliver(struct sim_node *node, int tap)
{
	uint8_t frame[ROOM];
	size_t len;

	while ((len = sim_wire_recv(node, frame, sizeof(frame))) > 0) {
		if (write(tap, frame, len) < 0 && errno != EIO && errno != EAGAIN)
			die("tap", "write");
	}
}

int main(int argc, char **argv)
{
	struct options o = {.seconds = 10, .seed = 1};
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	struct sim_node *node[2];
	struct pollfd p[2];
	struct sim_pipe back;
	struct sim *sim;
	mt_time begun, start;

	parse(argc, argv, &o);
	sim = sim_create(o.seed);
	back = (struct sim_pipe){.delay = o.pipe.delay};
	for (int i = 0; i < 2; i++) {
		node[i] = sim_wire(sim);
		p[i] = (struct pollfd){.fd = open_tap(o.taps[i], o.netns[i]), .events = POLLIN};
		sim_link(node[i], SIM_UP, i ? &back : &o.pipe);
	}
	for (int i = 0; i < 2; i++) {
		struct eth_addr m = sim_mac(node[i]);

		printf("%s %02x:%02x:%02x:%02x:%02x:%02x\n", o.taps[i], m.b[0], m.b[1], m.b[2],
		       m.b[3], m.b[4], m.b[5]);
	}
	fflush(stdout);
	begun = clock_ns();
	start = sim_now(sim);
	while ((double)(clock_ns() - begun) < o.seconds * (double)MT_SEC) {
		if (ppoll(p, 2, &pause, NULL) < 0 && errno != EINTR)
			die("poll", "");
		sim_run_until(sim, start + (clock_ns() - begun));
		for (int i = 0; i < 2; i++) {
			carry(node[i], p[i].fd);
			deliver(node[i], p[i].fd);
		}
	}
	sim_destroy(sim);
	return 0;
}
