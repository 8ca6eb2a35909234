// SPDX-License-Identifier: BSD-3-Clause
/* The table of keys and the reader of "key = value" lines. */
#include "runtime/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stack/reass.h"
#include "stack/trace.h"

#define CONFIG_MAX_BYTES (1u << 20)

/* ---- values ---- */
static int number(const struct rt_key *k, const char *value, int64_t *out, char *why)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(value, &end, 10);
	if (errno || end == value || *end) {
		snprintf(why, RT_ERR_LEN,
			 "%s = '%.64s' is not a number; give one from %lld to %lld", k->name, value,
			 (long long)k->min, (long long)k->max);
		return -EINVAL;
	}
	if (v < k->min || v > k->max) {
		snprintf(why, RT_ERR_LEN, "%s = %lld is out of range; give %lld to %lld", k->name,
			 v, (long long)k->min, (long long)k->max);
		return -ERANGE;
	}
	*out = v;
	return 0;
}

static void *field(struct rt_config *c, const struct rt_key *k)
{
	return (char *)c + k->offset;
}

static int parse_u8(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	int64_t v = 0;
	int r = number(k, value, &v, why);

	if (r == 0)
		*(uint8_t *)field(c, k) = (uint8_t)v;
	return r;
}

static int parse_u16(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	int64_t v = 0;
	int r = number(k, value, &v, why);

	if (r == 0)
		*(uint16_t *)field(c, k) = (uint16_t)v;
	return r;
}

static int parse_u32(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	int64_t v = 0;
	int r = number(k, value, &v, why);

	if (r == 0)
		*(uint32_t *)field(c, k) = (uint32_t)v;
	return r;
}

/* A size that is given is meant: no auto-tuning. */
static int parse_buf(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	bool rcv = k->offset == offsetof(struct rt_config, stack.tcp.rcvbuf),
	     given = strcmp(value, "auto");
	uint32_t dflt = rcv ? tcp_config_default.rcvbuf : tcp_config_default.sndbuf;
	int r = 0;

	if (given)
		r = parse_u32(c, k, value, why);
	else
		*(uint32_t *)field(c, k) = dflt;
	if (r == 0)
		*(rcv ? &c->rcvbuf_given : &c->sndbuf_given) = given;
	return r;
}

static int parse_i32(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	int64_t v = 0;
	int r = number(k, value, &v, why);

	if (r == 0)
		*(int32_t *)field(c, k) = (int32_t)v;
	return r;
}

static int parse_bool(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	bool yes = !strcmp(value, "1") || !strcasecmp(value, "yes") || !strcasecmp(value, "on") ||
		   !strcasecmp(value, "true");
	bool no = !strcmp(value, "0") || !strcasecmp(value, "no") || !strcasecmp(value, "off") ||
		  !strcasecmp(value, "false");

	if (!yes && !no) {
		snprintf(why, RT_ERR_LEN, "%s = '%.64s' is neither 1 nor 0", k->name, value);
		return -EINVAL;
	}
	*(bool *)field(c, k) = yes;
	return 0;
}

static int parse_trace_events(struct rt_config *c, const struct rt_key *k, const char *value,
			      char *why)
{
	int r = parse_u16(c, k, value, why);

	if (r == 0 && (c->stack.trace_events & (c->stack.trace_events - 1))) {
		snprintf(why, RT_ERR_LEN, "%s = '%.64s' is not a power of two", k->name, value);
		r = -EINVAL;
	}
	return r;
}

static int parse_str(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	if (strlen(value) >= RT_STR_LEN) {
		snprintf(why, RT_ERR_LEN, "%s is longer than %d characters", k->name,
			 RT_STR_LEN - 1);
		return -ENAMETOOLONG;
	}
	memcpy(field(c, k), value, strlen(value) + 1);
	return 0;
}

static int parse_io(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	(void)c;
	if (!strcmp(value, "dpdk"))
		return 0;
	snprintf(why, RT_ERR_LEN,
		 "%s = '%.64s' is not supported%s; write io = dpdk and choose a device", k->name,
		 value,
		 !strcmp(value, "psio") || !strcmp(value, "netmap") || !strcmp(value, "onvm")
			 ? " any more"
			 : "");
	return -EINVAL;
}

/* mTCP writes the mask of CPUs in hexadecimal, with or without 0x. */
static int parse_mask(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	char *end;

	errno = 0;
	c->core_mask = strtoull(value, &end, 16);
	if (errno || end == value || *end || *value == '-' || c->core_mask == 0) {
		snprintf(why, RT_ERR_LEN,
			 "%s = '%.64s' is not a hexadecimal mask of CPUs such as 0xf", k->name,
			 value);
		return -EINVAL;
	}
	return 0;
}

/* In mTCP the names of the interfaces whose statistics are printed; here any name turns the line
 * on. */
static int parse_stat_print(struct rt_config *c, const struct rt_key *k, const char *value,
			    char *why)
{
	if (parse_bool(c, k, value, why) < 0)
		c->stat_print = true;
	return 0;
}

static int parse_cc(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	const struct cc_ops *cc = cc_by_name(value);

	if (!cc) {
		snprintf(why, RT_ERR_LEN, "%s = '%.64s' is unknown; use cubic, reno, dctcp or bbr",
			 k->name, value);
		return -EINVAL;
	}
	c->stack.tcp.cc = cc;
	return 0;
}

/* One of two words: the field says whether it is the second. */
static int either(bool *field, const char *const word[2], const struct rt_key *k, const char *value,
		  char *why)
{
	*field = !strcmp(value, word[1]);
	if (*field || !strcmp(value, word[0]))
		return 0;
	snprintf(why, RT_ERR_LEN, "%s = '%.64s' is unknown; use %s or %s", k->name, value, word[0],
		 word[1]);
	return -EINVAL;
}

static int parse_mode(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	return either(&c->paired, (const char *[2]){"inline", "paired"}, k, value, why);
}

static int parse_account(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	return either(&c->account_calls, (const char *[2]){"turns", "calls"}, k, value, why);
}

static int parse_seed(struct rt_config *c, const struct rt_key *k, const char *value, char *why)
{
	char *end;

	errno = 0;
	c->stack.seed = strtoull(value, &end, 0);
	if (errno || end == value || *end || *value == '-') {
		snprintf(why, RT_ERR_LEN, "%s = '%.64s' is not a number from 0 to 2^64-1", k->name,
			 value);
		return -EINVAL;
	}
	c->seed_given = true;
	return 0;
}

static int parse_port_range(struct rt_config *c, const struct rt_key *k, const char *value,
			    char *why)
{
	unsigned lo, hi;
	int used = 0;

	if (sscanf(value, "%5u - %5u%n", &lo, &hi, &used) != 2 || value[used] || lo < k->min ||
	    hi > k->max || lo > hi) {
		snprintf(why, RT_ERR_LEN, "%s = '%.64s' is not FIRST-LAST within %lld-%lld",
			 k->name, value, (long long)k->min, (long long)k->max);
		return -EINVAL;
	}
	c->stack.port_min = (uint16_t)lo;
	c->stack.port_max = (uint16_t)hi;
	return 0;
}

#define AT(field) offsetof(struct rt_config, field)

static const struct rt_key keys[] = {
	/* mTCP's */
	{"io", parse_io, 0, 0, 0, "dpdk", "packet I/O; only dpdk"},
	{"num_cores", parse_u16, AT(num_cores), 1, NIC_MAX_QUEUES, "1",
	 "contexts of the process, each with one queue of the device"},
	{"core_mask", parse_mask, 0, 0, 0, "any",
	 "hexadecimal mask of the CPUs that contexts may be made for"},
	{"num_mem_ch", parse_u32, AT(num_mem_ch), 1, 32, "EAL's",
	 "memory channels, given to EAL as -n"},
	{"port", parse_str, AT(port), 0, 0, "none",
	 "mTCP's interface names; without `device`, a kernel interface of this name is used by "
	 "af_packet"},
	{"max_concurrency", parse_u32, AT(max_concurrency), 16, 10000000, "10000",
	 "descriptors per core, and with room for closing ones, connections"},
	{"max_num_buffers", parse_u32, AT(max_num_buffers), 1, 10000000, "max_concurrency",
	 "connections that may fill their buffers at once; bounds buffer memory unless buffer_mb "
	 "does"},
	{"rcvbuf", parse_buf, AT(stack.tcp.rcvbuf), 1024, 1 << 30, "auto",
	 "receive buffer per connection, bytes; auto: from 262144 up to rcvbuf_max. Allocated only "
	 "while data is there"},
	{"sndbuf", parse_buf, AT(stack.tcp.sndbuf), 1024, 1 << 30, "auto",
	 "send buffer per connection, bytes; auto: from 262144 up to sndbuf_max"},
	{"tcp_timeout", parse_i32, AT(tcp_timeout_s), -1, 86400, "-1",
	 "seconds sent data may stay unacknowledged, or data wait for a closed window though the "
	 "peer answers (RFC 5482; Linux: TCP_USER_TIMEOUT); -1: until retries end. Never prolongs "
	 "connecting; idle connections live on"},
	{"tcp_timewait", parse_i32, AT(tcp_timewait_s), 0, 3600, "0",
	 "seconds in TIME-WAIT (2 MSL); 0: none"},
	{"stat_print", parse_stat_print, AT(stat_print), 0, 0, "0",
	 "1 (or mTCP's interface names): a line of statistics per core and second on standard "
	 "error"},
	{"cc", parse_cc, 0, 0, 0, "cubic", "congestion control: cubic, reno, dctcp or bbr"},
	/* the network */
	{"device", parse_str, AT(device), 0, 0, "none",
	 "ring:NAME:0 and ring:NAME:1, af_packet:IFACE, af_xdp:IFACE, tap:NAME, "
	 "pcap:rx=FILE,tx=FILE, memif:..., "
	 "pci:0000:01:00.0, or DPDK device arguments"},
	{"address", rt_parse_address, 0, 0, STACK_MAX_ADDRS, "none",
	 "10.0.0.2/24, or a range 10.0.0.2-10.0.0.17/24, or 2001:db8::2/64; repeatable"},
	{"gateway", rt_parse_gateway, 0, 0, STACK_MAX_ROUTES, "none",
	 "default route: 10.0.0.1; one of each family"},
	{"route", rt_parse_route, 0, 0, STACK_MAX_ROUTES, "none",
	 "10.1.0.0/16 via 10.0.0.1, or 10.2.0.0/16 (on link), or 2001:db8:1::/48 via fe80::1; "
	 "repeatable"},
	{"arp", rt_parse_arp, 0, 0, RT_MAX_NEIGHS, "none",
	 "static neighbour of either family: 10.0.0.9 02:00:00:00:00:09; repeatable"},
	{"ipv6_autoconf", parse_bool, AT(stack.ipv6_autoconf), 0, 1, "0",
	 "1: IPv6 addresses and routes as the link's routers advertise them"},
	{"route_file", parse_str, AT(route_file), 0, 0, "config/route.conf",
	 "routes in mTCP's format"},
	{"arp_file", parse_str, AT(arp_file), 0, 0, "config/arp.conf",
	 "neighbours in mTCP's format"},
	{"vlan", parse_u16, AT(stack.vlan), 0, 4094, "0",
	 "the VLAN all frames belong to; 0: untagged, but tagged frames are answered in kind"},
	{"mtu", parse_u16, AT(mtu), 576, 9600, "the device's", "largest IP packet, bytes"},
	{"frag_datagrams", parse_u32, AT(stack.frag_datagrams), 0, REASS_MAX_DATAGRAMS, "64",
	 "fragmented datagrams that may wait for their rest, per core; 0: fragments are dropped"},
	{"port_range", parse_port_range, 0, 1, 65535, "1024-65535",
	 "ephemeral source ports: FIRST-LAST"},
	{"capture", parse_str, AT(capture), 0, 0, "none", "pcapng file that gets every frame"},
	/* how a core runs */
	{"mode", parse_mode, 0, 0, 0, "inline",
	 "inline: the stack runs inside the application's calls; paired: in a thread of its own on "
	 "the same CPU"},
	{"checksum_offload", parse_bool, AT(csum_offload), 0, 1, "1",
	 "1: TCP checksums are the device's where it has that offload; 0: always computed and "
	 "verified in "
	 "software"},
	{"busy_poll", parse_bool, AT(busy_poll), 0, 1, "0", "1: never sleep"},
	{"account", parse_account, 0, 0, 0, "turns",
	 "what mtcp_get_cycles tells. turns: the loop's phases, all between two turns being the "
	 "application's; calls: exact, from call to call of application and device, which costs "
	 "time"},
	{"spin_us", parse_u32, AT(spin_us), 0, 50, "20",
	 "mean wait, microseconds, up to which an idle core looks for frames before it sleeps: up "
	 "to 50 each time; 0: sleeps at once"},
	{"linger_ms", parse_u32, AT(linger_ms), 0, 60000, "1000",
	 "how long the end of a context waits for what was sent last to be acknowledged; what is "
	 "not is reset"},
	{"trace_events", parse_trace_events, AT(stack.trace_events), 0, TRACE_MAX, "8",
	 "last events kept per connection, a power of two; 0: none"},
	{"seed", parse_seed, 0, 0, 0, "random",
	 "of all randomness, for repeatable runs; makes sequence numbers guessable"},
	{"buffer_mb", parse_u32, AT(buffer_mb), 1, (1 << 20) - 1, "max_num_buffers * (rcvbuf + sndbuf)",
	 "send and receive buffer memory per core, MiB"},
	{"max_syn_backlog", parse_u32, AT(stack.n_half_open), 1, 10000000, "65536",
	 "half-open connections per core, all listeners together"},
	{"syn_cookies", parse_u8, AT(stack.syn_cookies), 0, 2, "1",
	 "SYN cookies (RFC 4987): 1: when max_syn_backlog connections are half-open; 2: always; 0: "
	 "never"},
	{"fastopen", parse_u8, AT(stack.fastopen), 0, 3, "3",
	 "TCP fast open (RFC 7413) for sockets that ask for it: 1: TCP_FASTOPEN_CONNECT, 2: "
	 "TCP_FASTOPEN"},
	{"time_wait_max", parse_u32, AT(stack.n_time_wait), 16, 10000000, "16384",
	 "TIME-WAIT records per core"},
	{"batch_rx", parse_u16, AT(stack.rx_batch), 1, STACK_MAX_BATCH, "256",
	 "frames taken per turn; more than 64 only while they are small (512 bytes in the mean)"},
	{"batch_tx", parse_u16, AT(stack.tx_batch), 1, STACK_MAX_BATCH, "128",
	 "frames sent per turn"},
	{"n_desc", parse_u32, AT(n_desc), 64, 32768, "the device's",
	 "descriptors per queue and direction"},
	{"n_bufs", parse_u32, AT(n_bufs), 512, 1 << 24, "the device's", "packet buffers per queue"},
	{"eal_args", parse_str, AT(eal_args), 0, 0, "none",
	 "further EAL arguments, separated by blanks"},
	{"job_ring_kb", parse_u32, AT(job_ring_kb), 16, 1 << 18, "256",
	 "paired: ring from the application to the stack, KiB; rounded up to a power of two"},
	{"event_ring_kb", parse_u32, AT(event_ring_kb), 16, 1 << 18, "256",
	 "paired: ring from the stack to the application, KiB; rounded up to a power of two"},
	{"priority_lists", parse_bool, AT(stack.ack_data_fin_priority), 0, 1, "1",
	 "1: control segments before ACKs before data; 0: one list"},
	/* TCP */
	{"rto_min_ms", parse_u32, AT(stack.tcp.rto_min_ms), 1, 60000, "200",
	 "floor of the retransmission timeout, ms"},
	{"delack_ms", parse_u32, AT(stack.tcp.delack_ms), 0, 500, "40",
	 "longest delay of an ACK, ms (RFC 1122: 500)"},
	{"rcvbuf_max", parse_u32, AT(rcvbuf_max), 1024, 1 << 30, "33554432",
	 "largest receive buffer that auto-tuning gives; sets the window scale that is offered"},
	{"sndbuf_max", parse_u32, AT(sndbuf_max), 1024, 1 << 30, "33554432",
	 "largest send buffer that auto-tuning gives"},
	{"mtu_probing", parse_bool, AT(stack.tcp.mtu_probing), 0, 1, "1",
	 "full segments that time out again and again become smaller (black holes, RFC 8899)"},
	{"init_cwnd", parse_u8, AT(stack.tcp.init_cwnd), 1, 100, "10",
	 "initial window, segments (RFC 6928)"},
	{"pacing", parse_bool, AT(stack.tcp.pacing), 0, 1, "0",
	 "1: data leaves evenly over the round trip, with any congestion control"},
	{"ecn", parse_u8, AT(stack.tcp.ecn), 0, 2, "2",
	 "explicit congestion notification (RFC 3168): 0 off, 1 asked for and accepted, 2 "
	 "accepted"},
	{"tcp_nodelay", parse_bool, AT(stack.tcp.nodelay), 0, 1, "0",
	 "TCP_NODELAY of sockets that do not set it"},
	{"tcp_timestamps", parse_bool, AT(stack.tcp.timestamps), 0, 1, "1",
	 "offer timestamps (RFC 7323)"},
	{"tcp_sack", parse_bool, AT(stack.tcp.sack), 0, 1, "1", "offer selective ACK (RFC 2018)"},
	{"tcp_wscale", parse_bool, AT(stack.tcp.wscale), 0, 1, "1",
	 "offer window scaling (RFC 7323)"},
	{"fast_path", parse_bool, AT(stack.tcp.fast_path), 0, 1, "1",
	 "0: every segment takes the slow path"},
};

const struct rt_key *rt_config_keys(size_t *n)
{
	*n = sizeof(keys) / sizeof(keys[0]);
	return keys;
}

void rt_config_init(struct rt_config *c)
{
	memset(c, 0, sizeof(*c));
	c->stack = stack_config_default;
	c->stack.tcp = tcp_config_default;
	c->num_cores = 1;
	c->csum_offload = true;
	c->max_concurrency = 10000;
	c->tcp_timeout_s = -1;
	c->stack.rx_batch = 256;
	c->stack.tx_batch = 128;
	c->stack.n_half_open =
		65536; /* as a busy Linux server is set; 64 bytes each, touched when used */
	c->job_ring_kb = 256;
	c->event_ring_kb = 256;
	c->linger_ms = 1000;
	c->spin_us = 20;
	c->rcvbuf_max = tcp_config_default.rcvbuf_max;
	c->sndbuf_max = tcp_config_default.sndbuf_max;
}

/* ---- the nearest key ---- */
static const char *nearest(const char *name)
{
	const char *best = keys[0].name;
	size_t best_d = SIZE_MAX;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t d = edit_distance(name, keys[i].name);

		if (d < best_d) {
			best_d = d;
			best = keys[i].name;
		}
	}
	return best;
}

/* ---- lines ---- */
char *rt_trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

static int config_line(struct rt_config *c, char *line, char *why)
{
	char *eq = strchr(line, '='), *name, *value;

	if (!eq) {
		snprintf(why, RT_ERR_LEN, "'%.64s' is not of the form key = value", line);
		return -EINVAL;
	}
	*eq = '\0';
	name = rt_trim(line);
	value = rt_trim(eq + 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, name))
			continue;
		if (*value)
			return keys[i].parse(c, &keys[i], value, why);
		snprintf(why, RT_ERR_LEN, "%s has no value; give one or remove the line", name);
		return -EINVAL;
	}
	snprintf(why, RT_ERR_LEN, "unknown key '%.64s'; the nearest known key is '%s'", name,
		 nearest(name));
	return -EINVAL;
}

int rt_each_line(struct rt_config *c, const char *name, const char *text, rt_line_fn fn,
		 char err[RT_ERR_LEN])
{
	char *copy = strdup(text), *next = copy;
	unsigned n = 0;
	int r = copy ? 0 : -ENOMEM;

	if (r)
		snprintf(err, RT_ERR_LEN, "%s: out of memory", name);
	while (r == 0 && next) {
		char why[RT_ERR_LEN] = "", *line = strsep(&next, "\n");

		n++;
		line[strcspn(line, "#")] = '\0';
		line = rt_trim(line);
		if (*line)
			r = fn(c, line, why);
		if (r)
			snprintf(err, RT_ERR_LEN, "%.200s:%u: %.290s", name, n, why);
	}
	free(copy);
	return r;
}

char *rt_read_file(const char *path, char err[RT_ERR_LEN])
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(CONFIG_MAX_BYTES + 1) : NULL;
	size_t n;

	if (!text) {
		snprintf(err, RT_ERR_LEN, "%.300s: cannot be read (%s); check the path", path,
			 strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, CONFIG_MAX_BYTES + 1, f);
	if (ferror(f) || n > CONFIG_MAX_BYTES || memchr(text, 0, n)) {
		snprintf(err, RT_ERR_LEN, "%.300s: not a text file of at most 1 MiB", path);
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	fclose(f);
	return text;
}

int rt_config_text(struct rt_config *c, const char *name, const char *text, char err[RT_ERR_LEN])
{
	c->source++;
	return rt_each_line(c, name, text, config_line, err);
}

int rt_config_file(struct rt_config *c, const char *path, char err[RT_ERR_LEN])
{
	char *text = rt_read_file(path, err);
	int r;

	if (!text)
		return -ENOENT;
	r = rt_config_text(c, path, text, err);
	free(text);
	return r;
}
