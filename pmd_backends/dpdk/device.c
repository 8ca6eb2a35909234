// SPDX-License-Identifier: BSD-3-Clause
/* Device strings: what the user wrote, checked as far as can be, as DPDK wants it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dpdk.h"

static const char *const af_packet_options[] = {"iface",   "qdisc_bypass", "blocksz",
						"framesz", "framecnt",	   NULL};
static const char *const af_xdp_options[] = {
	"iface", "start_queue", "busy_budget", "shared_umem", "xdp_prog", "force_copy", NULL};
static const char *const tap_options[] = {"iface", "persist", NULL};
static const char *const pcap_options[] = {"rx", "tx", "iface", "infinite", NULL};

static const struct device_kind kinds[] = {
	{.prefix = "af_packet",
	 .pmd = "net_af_packet",
	 .options = af_packet_options,
	 .wait_domain = AF_PACKET,
	 .copies = true,
	 .n_desc = 4096},
	{.prefix = "af_xdp",
	 .pmd = "net_af_xdp",
	 .options = af_xdp_options,
	 .wait_domain = AF_XDP,
	 .n_desc = 2048},
	{.prefix = "tap",
	 .pmd = "net_tap",
	 .options = tap_options,
	 .rx_interrupt = true,
	 .own_mac = true,
	 .n_desc = 1024},
	{.prefix = "pcap",
	 .pmd = "net_pcap",
	 .options = pcap_options,
	 .copies = true,
	 .n_desc = 1024},
	{.prefix = "memif", .pmd = "net_memif", .eal_memory = true, .n_desc = 1024},
	{.prefix = "pci",
	 .eal_memory = true,
	 .offloads = true,
	 .rx_interrupt = true,
	 .n_desc = 1024},
	/* Any other PMD, by its devargs. */
	{.prefix = "net_",
	 .eal_memory = true,
	 .offloads = true,
	 .rx_interrupt = true,
	 .n_desc = 1024},
};

#define DEVICES                                                                                    \
	"ring:NAME:0|1 af_packet:IF af_xdp:IF tap:IF pcap:rx=F,tx=F memif:ARGS pci:BDF net_*"

static const struct device_kind *find_kind(const char *device)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(device, kinds[i].prefix, len) == 0 &&
		    (device[len] == ':' || kinds[i].prefix[len - 1] == '_'))
			return &kinds[i];
	}
	return NULL;
}

static bool known_option(const char *const *options, const char *key, size_t len)
{
	for (; *options; options++) {
		if (strlen(*options) == len && strncmp(*options, key, len) == 0)
			return true;
	}
	return false;
}

/* "a=1,b=2": every key must be one of the options. */
static int check_options(const struct device_kind *kind, const char *args, char err[NIC_ERR_LEN])
{
	char list[160] = "";

	for (const char *at = args; *at; at += strcspn(at, ","), at += *at == ',') {
		size_t len = strcspn(at, "=,");

		if (at[len] == '=' && known_option(kind->options, at, len))
			continue;
		for (const char *const *o = kind->options; *o; o++)
			snprintf(list + strlen(list), sizeof list - strlen(list), " %s=", *o);
		snprintf(err, NIC_ERR_LEN, "%s: unknown option '%.*s'; there are:%s", kind->prefix,
			 (int)RTE_MIN(len, (size_t)32), at, list);
		return -EINVAL;
	}
	return 0;
}

/* The value of a key in "a=1,b=2"; false if it is not there or does not fit. */
static bool option(const char *args, const char *key, char *value, size_t size)
{
	size_t key_len = strlen(key);

	for (const char *at = args; *at; at += strcspn(at, ","), at += *at == ',') {
		size_t len = strcspn(at, ",");

		if (len <= key_len || strncmp(at, key, key_len) || at[key_len] != '=')
			continue;
		len -= key_len + 1;
		if (len >= size)
			return false;
		memcpy(value, at + key_len + 1, len);
		value[len] = '\0';
		return true;
	}
	return false;
}

int device_iface(const char *iface, uint8_t mac[6], uint16_t *mtu)
{
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", iface);
	if (ioctl(fd, SIOCGIFMTU, &r) == 0)
		*mtu = (uint16_t)RTE_MIN(r.ifr_mtu, UINT16_MAX);
	else
		ret = -errno;
	if (ret == 0 && ioctl(fd, SIOCGIFHWADDR, &r) == 0)
		memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	else if (ret == 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int check_iface(const char *device, const char *iface, char err[NIC_ERR_LEN])
{
	if (iface[0] && if_nametoindex(iface) != 0)
		return 0;
	snprintf(err, NIC_ERR_LEN,
		 "%.64s: no interface '%s' in this network namespace; `ip link` lists them", device,
		 iface);
	return -ENODEV;
}

/* Only asked afterwards: closing such a socket takes the kernel 15 ms. */
int device_permission(const char *device, const struct device_spec *s, char err[NIC_ERR_LEN])
{
	int fd, e;

	if (!s->iface[0])
		return 0;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	e = errno;
	snprintf(err, NIC_ERR_LEN,
		 "%.64s: %s; run as root or in a network namespace of your own (CAP_NET_RAW)",
		 device, strerror(e));
	return -e;
}

static int check_file(const char *device, const char *path, int mode, char err[NIC_ERR_LEN])
{
	int e;

	if (access(path, mode) == 0)
		return 0;
	e = errno;
	if (e == ENOENT && mode == W_OK)
		return 0; /* it will be made */
	snprintf(err, NIC_ERR_LEN, "%.64s: %.128s: %s", device, path, strerror(e));
	return -e;
}

/* Appends ",key=value" pairs; the users' own come last. */
static int add_args(struct device_spec *s, const char *text, char err[NIC_ERR_LEN])
{
	size_t used = strlen(s->args), len = strlen(text);

	if (len == 0)
		return 0;
	if (used + len + 2 > sizeof s->args) {
		snprintf(err, NIC_ERR_LEN, "device arguments longer than %zu bytes",
			 sizeof s->args - 2);
		return -E2BIG;
	}
	s->args[used] = ',';
	memcpy(s->args + used + 1, text, len + 1);
	return 0;
}

/* Adds "key=n" unless the user chose it. These come first and are few: they always fit. */
static void add_default(struct device_spec *s, const char *user, const char *key, unsigned n)
{
	char text[64], unused[64], err[NIC_ERR_LEN];

	if (option(user, key, unused, sizeof unused))
		return;
	snprintf(text, sizeof text, "%s=%u", key, n);
	add_args(s, text, err);
}

/* "IFACE,opts" or "iface=IFACE,opts": the interface, and the options behind it. */
static void split_iface(const char *text, struct device_spec *s, const char **opts)
{
	size_t len;

	if (strncmp(text, "iface=", 6) == 0)
		text += 6;
	len = strcspn(text, ",");
	*opts = text + len + (text[len] == ',');
	if (len >= sizeof s->iface)
		len = 0;
	memcpy(s->iface, text, len);
	s->iface[len] = '\0';
}

/* Whether this much memory may be locked; asking does not touch it. */
static bool can_lock(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool ok;

	if (at == MAP_FAILED)
		return false;
	ok = mlock2(at, bytes, MLOCK_ONFAULT) == 0;
	munmap(at, bytes);
	return ok;
}

/* The PMD locks its rings; without privileges the limit is often 8 MB, so take what fits. */
static int add_packet_rings(const struct nic_params *p, const char *opts, struct device_spec *s,
			    char err[NIC_ERR_LEN])
{
	enum { FRAME = 2048, BLOCK = 65536 }; /* the PMD knows no MTU above 1500 */
	unsigned n = p->n_desc ? p->n_desc : s->kind->n_desc;
	size_t each = (size_t)2 * FRAME * p->n_queues; /* receive and transmit */

	while (n > 256 && !can_lock(n * each))
		n /= 2;
	if (!can_lock(n * each)) {
		snprintf(err, NIC_ERR_LEN,
			 "%.64s: may not lock %zu KB of memory; raise the limit (ulimit -l)",
			 p->device, n * each >> 10);
		return -EAGAIN;
	}
	add_default(s, opts, "qpairs", p->n_queues);
	add_default(s, opts, "qdisc_bypass", 1);
	add_default(s, opts, "framesz", FRAME);
	add_default(s, opts, "blocksz", BLOCK);
	add_default(s, opts, "framecnt", n / (BLOCK / FRAME) * (BLOCK / FRAME));
	return 0;
}

static int parse_kernel_iface(const struct nic_params *p, const char *text, struct device_spec *s,
			      char err[NIC_ERR_LEN])
{
	bool packet = strcmp(s->kind->prefix, "af_packet") == 0;
	const char *opts;
	char arg[64];
	int ret;

	split_iface(text, s, &opts);
	ret = check_iface(p->device, s->iface, err);
	ret = ret ? ret : check_options(s->kind, opts, err);
	if (ret)
		return ret;
	snprintf(arg, sizeof arg, "iface=%s", s->iface);
	add_args(s, arg, err);
	if (packet)
		ret = add_packet_rings(p, opts, s, err);
	else
		add_default(s, opts, "queue_count", p->n_queues);
	return ret ? ret : add_args(s, opts, err);
}

/* The driver would only say that it did not work. The interface made here is gone at once. */
static int check_tap(const char *device, const char *iface, char err[NIC_ERR_LEN])
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int e = 0;

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", iface);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		e = errno;
	if (fd >= 0)
		close(fd);
	if (e)
		snprintf(err, NIC_ERR_LEN,
			 "%.64s: cannot make a tap interface: %s; run as root or in a network "
			 "namespace of your own, and see that the name is free",
			 device, strerror(e));
	return -e;
}

static int parse_tap(const struct nic_params *p, const char *text, struct device_spec *s,
		     char err[NIC_ERR_LEN])
{
	const char *opts;
	char arg[64];
	int ret;

	split_iface(text, s, &opts);
	ret = check_options(s->kind, opts, err);
	if (ret == 0 && !s->iface[0]) {
		snprintf(err, NIC_ERR_LEN, "%.64s: give the interface a name of 1 to %zu letters",
			 p->device, sizeof s->iface - 1);
		ret = -EINVAL;
	}
	ret = ret ? ret : check_tap(p->device, s->iface, err);
	if (ret)
		return ret;
	snprintf(arg, sizeof arg, "iface=%s", s->iface);
	s->iface[0] = '\0'; /* it does not exist yet, and its MAC is not ours */
	add_args(s, arg, err);
	return add_args(s, opts, err);
}

static int parse_pcap_iface(const struct nic_params *p, const char *text, struct device_spec *s,
			    char err[NIC_ERR_LEN])
{
	char arg[64];
	const char *rest;
	int ret;

	split_iface(text, s, &rest);
	if (*rest || strncmp(text, "iface=", 6)) {
		snprintf(err, NIC_ERR_LEN, "%.64s: iface= stands alone", p->device);
		return -EINVAL;
	}
	/* rx_iface would also give us back what we sent. */
	snprintf(arg, sizeof arg, "rx_iface_in=%s,tx_iface=%s", s->iface, s->iface);
	ret = check_iface(p->device, s->iface, err);
	return ret ? ret : add_args(s, arg, err);
}

static int parse_pcap(const struct nic_params *p, const char *text, struct device_spec *s,
		      char err[NIC_ERR_LEN])
{
	char file[sizeof s->args], arg[sizeof s->args + 16];
	int ret = check_options(s->kind, text, err);

	if (ret)
		return ret;
	if (strlen(text) >= sizeof file) {
		snprintf(err, NIC_ERR_LEN, "%.64s...: longer than %zu bytes", p->device,
			 sizeof file - 1);
		return -E2BIG;
	}
	if (strncmp(text, "iface=", 6) == 0 || strstr(text, ",iface="))
		return parse_pcap_iface(p, text, s, err);
	if (option(text, "rx", file, sizeof file)) {
		snprintf(arg, sizeof arg, "rx_pcap=%s", file);
		ret = check_file(p->device, file, R_OK, err);
		ret = ret ? ret : add_args(s, arg, err);
	}
	if (ret == 0 && option(text, "tx", file, sizeof file)) {
		snprintf(arg, sizeof arg, "tx_pcap=%s", file);
		ret = check_file(p->device, file, W_OK, err);
		ret = ret ? ret : add_args(s, arg, err);
	}
	if (ret == 0 && option(text, "infinite", file, sizeof file)) {
		snprintf(arg, sizeof arg, "infinite_rx=%s", file);
		ret = add_args(s, arg, err);
	}
	if (ret == 0 && !s->args[0]) {
		snprintf(err, NIC_ERR_LEN, "%.64s: give rx=FILE, tx=FILE or iface=IF", p->device);
		ret = -EINVAL;
	}
	return ret;
}

/* "0000:01:00.0,args" or "net_x0,args": a name, and what the driver makes of the rest. */
static int parse_raw(const struct nic_params *p, const char *text, struct device_spec *s,
		     char err[NIC_ERR_LEN])
{
	size_t len = strcspn(text, ",");

	if (len == 0 || len >= sizeof s->name) {
		snprintf(err, NIC_ERR_LEN, "%.64s: the device name is empty or too long",
			 p->device);
		return -EINVAL;
	}
	memcpy(s->name, text, len);
	s->name[len] = '\0';
	return add_args(s, text + len + (text[len] == ','), err);
}

int device_parse(const struct nic_params *p, struct device_spec *s, char err[NIC_ERR_LEN])
{
	static unsigned serial;
	const char *text;

	memset(s, 0, sizeof *s);
	s->kind = find_kind(p->device);
	if (!s->kind) {
		snprintf(err, NIC_ERR_LEN, "unknown device '%.64s'; there are: " DEVICES,
			 p->device);
		return -EINVAL;
	}
	text = p->device + strlen(s->kind->prefix);
	text = *text == ':' ? text + 1 : p->device; /* net_*: the whole string is devargs */
	if (!s->kind->pmd)
		return parse_raw(p, text, s, err);
	snprintf(s->name, sizeof s->name, "%s%u", s->kind->pmd, serial++);
	if (s->kind->options == tap_options)
		return parse_tap(p, text, s, err);
	if (s->kind->options == pcap_options)
		return parse_pcap(p, text, s, err);
	if (s->kind->options)
		return parse_kernel_iface(p, text, s, err);
	return add_args(s, text, err);
}
