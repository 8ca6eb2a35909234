// SPDX-License-Identifier: BSD-3-Clause
/* The keys of a scenario and their values. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/scenario.h"

#define FIELD(s, f) offsetof(struct s, f), sizeof(((struct s *)0)->f)
#define RUN(f)	    FIELD(scenario, f)
#define TCP(f)	    offsetof(struct scenario, tcp.f), sizeof(((struct tcp_config *)0)->f)

#define YEAR 31536000e9 /* ns */

static const struct scn_key run_keys[] = {
	{"duration", SCN_TIME, RUN(duration), 1e6, YEAR, "10s",
	 "the run ends here in virtual time"},
	{"warmup", SCN_TIME, RUN(warmup), 0, YEAR, "0", "goodput and fairness count from here"},
	{"sample", SCN_TIME, RUN(sample), 1e6, YEAR, "100ms", "distance of the rows of flows.csv"},
	{"snap", SCN_NUMBER, RUN(snap), 64, 65536, "128",
	 "bytes of a frame that the capture keeps"},
	{"family", SCN_NUMBER, RUN(family), 4, 6, "4", "4 or 6: addresses of all hosts"},
	{"time_wait", SCN_TIME, RUN(time_wait), 0, 600e9, "1s", "how long hosts keep TIME-WAIT"},
};

static const struct scn_key tcp_keys[] = {
	{"cc", SCN_CC, TCP(cc), 0, 0, "cubic", "congestion control of flows that name none"},
	{"sack", SCN_BOOL, TCP(sack), 0, 0, "on", "selective acknowledgments (RFC 2018)"},
	{"timestamps", SCN_BOOL, TCP(timestamps), 0, 0, "on", "timestamps (RFC 7323)"},
	{"wscale", SCN_BOOL, TCP(wscale), 0, 0, "on", "window scaling (RFC 7323)"},
	{"ecn", SCN_NUMBER, TCP(ecn), 0, 2, "2",
	 "RFC 3168: 0 off, 1 asked for in every SYN, 2 used if the peer asks"},
	{"pacing", SCN_BOOL, TCP(pacing), 0, 0, "off",
	 "also for an algorithm that does not ask for it"},
	{"sndbuf", SCN_BYTES, TCP(sndbuf), 256, 1u << 30, "256 KiB", "send buffer at first"},
	{"sndbuf_max", SCN_BYTES, TCP(sndbuf_max), 0, 1u << 30, "32 MiB",
	 "... and as large as auto-tuning makes it; 0: it stays"},
	{"rcvbuf", SCN_BYTES, TCP(rcvbuf), 256, 1u << 30, "256 KiB", "receive buffer at first"},
	{"rcvbuf_max", SCN_BYTES, TCP(rcvbuf_max), 0, 1u << 30, "32 MiB",
	 "... and as large as auto-tuning makes it; 0: it stays"},
	{"init_cwnd", SCN_NUMBER, TCP(init_cwnd), 1, 100, "10", "initial window, segments"},
	{"rto_min", SCN_MS, TCP(rto_min_ms), 1, 60000, "200ms", "least retransmission timeout"},
	{"delack", SCN_MS, TCP(delack_ms), 0, 500, "40ms", "longest delay of an acknowledgment"},
};

static const struct scn_key link_keys[] = {
	{"rate", SCN_RATE, FIELD(sim_pipe, rate_bps), 0, 1e12, "0", "bits per second; 0: no limit"},
	{"delay", SCN_TIME, FIELD(sim_pipe, delay), 0, 100e9, "0", "one way"},
	{"queue", SCN_BYTES, FIELD(sim_pipe, queue_bytes), 0, 1u << 30, "0",
	 "bytes that wait at most, more is dropped; 0: no limit"},
	{"ecn", SCN_BYTES, FIELD(sim_pipe, ecn_bytes), 0, 1u << 30, "0",
	 "with more waiting, ECN-capable packets are marked; 0: never"},
	{"loss", SCN_SHARE, FIELD(sim_pipe, loss), 0, 1, "0", "probability per frame"},
	{"burst_enter", SCN_SHARE, FIELD(sim_pipe, burst_enter), 0, 1, "0",
	 "Gilbert-Elliott: probability per frame to enter the bad state"},
	{"burst_leave", SCN_SHARE, FIELD(sim_pipe, burst_leave), 0, 1, "0", "... and to leave it"},
	{"burst_loss", SCN_SHARE, FIELD(sim_pipe, burst_loss), 0, 1, "0",
	 "probability of loss in the bad state, where `loss` does not count"},
	{"duplicate", SCN_SHARE, FIELD(sim_pipe, duplicate), 0, 1, "0", "probability per frame"},
	{"reorder", SCN_SHARE, FIELD(sim_pipe, reorder), 0, 1, "0",
	 "probability of an extra delay"},
	{"reorder_delay", SCN_TIME, FIELD(sim_pipe, reorder_delay), 0, 100e9, "0",
	 "... uniform up to this"},
	{"corrupt", SCN_SHARE, FIELD(sim_pipe, corrupt), 0, 1, "0",
	 "probability of one changed byte"},
	{"mtu", SCN_NUMBER, FIELD(sim_pipe, mtu), 0, 65535, "0",
	 "larger IP packets are dropped; 0: no limit"},
	{"tell_mtu", SCN_BOOL, FIELD(sim_pipe, tell_mtu), 0, 0, "off",
	 "their sender is told by ICMP; off: a black hole"},
	{"down", SCN_BOOL, FIELD(sim_pipe, down), 0, 0, "off", "everything is lost"},
};

static const struct scn_key host_keys[] = {
	{"count", SCN_NUMBER, FIELD(scn_host, count), 1, SCN_MAX_NODES, "1",
	 "so many hosts of this kind"},
	{"switch", SCN_NUMBER, FIELD(scn_host, at_switch), 0, SCN_MAX_TRUNKS, "0",
	 "where in the line of switches it stands"},
	{"device_mtu", SCN_NUMBER, FIELD(scn_host, mtu), 576, 9000, "1500",
	 "largest IP packet it sends"},
};

static const struct scn_key flow_keys[] = {
	{"from", SCN_NAME, FIELD(scn_flow, from), 0, 0, "", "the host that connects"},
	{"to", SCN_NAME, FIELD(scn_flow, to), 0, 0, "", "the host that listens"},
	{"start", SCN_TIME, FIELD(scn_flow, start), 0, YEAR, "0", "first connection"},
	{"stop", SCN_TIME, FIELD(scn_flow, stop), 0, YEAR, "0",
	 "no exchange begins after it, endless ones end; 0: the end of the run"},
	{"bytes", SCN_BYTES, FIELD(scn_flow, bytes), 0, 1e15, "0",
	 "per exchange, from -> to; 0: endless"},
	{"response", SCN_BYTES, FIELD(scn_flow, response), 0, 1e15, "0",
	 "per exchange, to -> from, after all of `bytes`"},
	{"exchanges", SCN_NUMBER, FIELD(scn_flow, exchanges), 1, 1e9, "1",
	 "per connection, if there is a response"},
	{"connections", SCN_NUMBER, FIELD(scn_flow, connections), 0, 1e12, "1",
	 "in all, of each host of `from`, at least `parallel`; 0: until `stop`"},
	{"parallel", SCN_NUMBER, FIELD(scn_flow, parallel), 1, 10000, "1",
	 "connections at once, of each host of `from`"},
	{"every", SCN_TIME, FIELD(scn_flow, every), 0, YEAR, "0",
	 "open one each so long, `parallel` or not; 0: when one has ended"},
	{"sndbuf", SCN_BYTES, FIELD(scn_flow, sndbuf), 256, 1u << 30, "",
	 "as set by the application: no auto-tuning; else as in [tcp]"},
	{"rcvbuf", SCN_BYTES, FIELD(scn_flow, rcvbuf), 256, 1u << 30, "",
	 "as set by the application: no auto-tuning; else as in [tcp]"},
	{"cc", SCN_CC, FIELD(scn_flow, cc), 0, 0, "", "else as in [tcp]"},
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

const struct scn_section scn_sections[SCN_S_COUNT] = {
	[SCN_S_RUN] = {"", run_keys, N(run_keys), "Before the first section: the run"},
	[SCN_S_TCP] = {"[tcp]", tcp_keys, N(tcp_keys), "All hosts"},
	[SCN_S_LINK] =
		{"[trunk NUMBER]", link_keys, N(link_keys),
		 "A link; trunk i joins the switches i and i + 1. `up.KEY` is towards higher "
		 "numbers, `down.KEY` back, `KEY` both"},
	[SCN_S_HOST] =
		{"[host NAME]", host_keys, N(host_keys),
		 "A host, and all keys of a link: of the one to its switch (`up.KEY`: from the "
		 "host)"},
	[SCN_S_FLOW] = {"[flow NAME]", flow_keys, N(flow_keys), "Connections of one kind"},
};

const struct scn_key *scn_find_key(int section, const char *name)
{
	const struct scn_section *s = &scn_sections[section];

	for (size_t i = 0; i < s->n_keys; i++)
		if (strcmp(s->keys[i].name, name) == 0)
			return &s->keys[i];
	return NULL;
}

static void look_for_near(int section, const char *name, const char **best, size_t *best_d)
{
	const struct scn_section *s = &scn_sections[section];

	for (size_t i = 0; i < s->n_keys; i++) {
		size_t d = edit_distance(name, s->keys[i].name);

		if (d < *best_d) {
			*best_d = d;
			*best = s->keys[i].name;
		}
	}
}

void scn_unknown(int section, const char *name, char *why)
{
	const char *best = "";
	size_t best_d = SIZE_MAX;

	look_for_near(section, name, &best, &best_d);
	if (section == SCN_S_HOST)
		look_for_near(SCN_S_LINK, name, &best, &best_d);
	snprintf(why, SCN_ERR_LEN, "unknown key '%.40s'; the nearest known key is '%s'", name,
		 best);
}

/* ---- values ---- */

struct unit {
	const char *name;
	double factor;
};

static const struct unit rate_units[] = {{"", 1},	  {"k", 1e3},	   {"M", 1e6},
					 {"G", 1e9},	  {"bit/s", 1},	   {"kbit/s", 1e3},
					 {"Mbit/s", 1e6}, {"Gbit/s", 1e9}, {NULL, 0}};
static const struct unit byte_units[] = {
	{"", 1},       {"k", 1e3},	 {"M", 1e6},	      {"G", 1e9},
	{"B", 1},      {"kB", 1e3},	 {"MB", 1e6},	      {"GB", 1e9},
	{"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};
static const struct unit time_units[] = {{"ns", 1},  {"us", 1e3},   {"ms", 1e6},
					 {"s", 1e9}, {"min", 6e10}, {NULL, 0}};
static const struct unit share_units[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};

static const struct {
	const struct unit *units;
	const char *example;
} kinds[] = {
	[SCN_RATE] = {rate_units, "10M or 10 Mbit/s"}, [SCN_BYTES] = {byte_units, "64k or 64 KiB"},
	[SCN_TIME] = {time_units, "20ms or 1.5 s"},    [SCN_MS] = {time_units, "200ms"},
	[SCN_SHARE] = {share_units, "0.01 or 1%"},     [SCN_NUMBER] = {no_units, "3"},
};

static int bad_value(const struct scn_key *k, const char *value, const char *like, char *why)
{
	snprintf(why, SCN_ERR_LEN, "%s = '%.40s' is not understood; write it like %s", k->name,
		 value, like);
	return -EINVAL;
}

static int number(const struct scn_key *k, const char *value, double *out, char *why)
{
	const struct unit *u = kinds[k->type].units;
	char *end;

	*out = strtod(value, &end);
	if (end == value || !isfinite(*out))
		return bad_value(k, value, kinds[k->type].example, why);
	while (isspace((unsigned char)*end))
		end++;
	if (*out == 0 && *end == '\0')
		return 0; /* nothing of any unit */
	while (u->name != NULL && strcmp(u->name, end) != 0)
		u++;
	if (u->name == NULL)
		return bad_value(k, value, kinds[k->type].example, why);
	*out *= u->factor;
	return 0;
}

static void put_integer(const struct scn_key *k, void *obj, uint64_t v)
{
	memcpy((char *)obj + k->offset, &v, k->size); /* the low bytes come first */
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "put_integer");

static int put_number(const struct scn_key *k, void *obj, const char *value, char *why)
{
	double v;
	int r = number(k, value, &v, why);

	if (r != 0)
		return r;
	if (k->type == SCN_MS)
		v /= 1e6;
	if (v < k->min || v > k->max) {
		snprintf(why, SCN_ERR_LEN,
			 "%s = '%.40s' is out of range; it may be from %.15g to %.15g%s", k->name,
			 value, k->min, k->max,
			 k->type == SCN_TIME ? " ns"
			 : k->type == SCN_MS ? " ms"
					     : "");
		return -ERANGE;
	}
	if (k->type == SCN_SHARE)
		memcpy((char *)obj + k->offset, &v, sizeof(v));
	else
		put_integer(k, obj, (uint64_t)llround(v));
	return 0;
}

static int put_bool(const struct scn_key *k, void *obj, const char *value, char *why)
{
	bool on = strcmp(value, "on") == 0;

	if (!on && strcmp(value, "off") != 0)
		return bad_value(k, value, "on or off", why);
	memcpy((char *)obj + k->offset, &on, sizeof(on));
	return 0;
}

static int put_name(const struct scn_key *k, void *obj, const char *value, char *why)
{
	if (strlen(value) >= k->size)
		return bad_value(k, value, "a shorter name", why);
	memcpy((char *)obj + k->offset, value, strlen(value) + 1);
	return 0;
}

/* In [tcp] the field is a pointer to the algorithm, in a flow its name. */
static int put_cc(const struct scn_key *k, void *obj, const char *value, char *why)
{
	const struct cc_ops *ops = cc_by_name(value);

	if (ops == NULL)
		return bad_value(k, value, "cubic, reno, dctcp or bbr", why);
	if (k->size != sizeof(ops))
		return put_name(k, obj, value, why);
	memcpy((char *)obj + k->offset, &ops, sizeof(ops));
	return 0;
}

int scn_put(const struct scn_key *k, void *obj, const char *value, char *why)
{
	if (*value == '\0') {
		snprintf(why, SCN_ERR_LEN, "%s has no value; give one or remove the line", k->name);
		return -EINVAL;
	}
	switch (k->type) {
	case SCN_BOOL:
		return put_bool(k, obj, value, why);
	case SCN_NAME:
		return put_name(k, obj, value, why);
	case SCN_CC:
		return put_cc(k, obj, value, why);
	default:
		return put_number(k, obj, value, why);
	}
}

void scn_print_keys(FILE *out)
{
	static const int order[] = {SCN_S_RUN, SCN_S_TCP, SCN_S_HOST, SCN_S_LINK, SCN_S_FLOW};

	for (size_t i = 0; i < N(order); i++) {
		const struct scn_section *s = &scn_sections[order[i]];

		fprintf(out, "### %s%s%s.\n\n| key | default | meaning |\n|---|---|---|\n", s->head,
			*s->head ? " " : "", s->doc);
		for (size_t j = 0; j < s->n_keys; j++)
			fprintf(out, "| %s | %s | %s |\n", s->keys[j].name, s->keys[j].dflt,
				s->keys[j].doc);
		fputc('\n', out);
	}
}
