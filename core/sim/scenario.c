// SPDX-License-Identifier: BSD-3-Clause
/* Lines into a scenario. */
#include "sim/scenario.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (1u << 20)

/* Where the lines that follow belong. */
struct place {
	int section;
	void *obj;
	mt_time at; /* of an event section, else MT_NEVER */
};

void scn_init(struct scenario *s)
{
	*s = (struct scenario){.duration = 10 * MT_SEC,
			       .sample = 100 * MT_MS,
			       .snap = 128,
			       .family = 4,
			       .time_wait = MT_SEC,
			       .tcp = tcp_config_default};
}

static char *trim(char *s)
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

/* ---- what has a name ---- */

static struct scn_host *find_host(struct scenario *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_hosts; i++)
		if (strcmp(s->hosts[i].name, name) == 0)
			return &s->hosts[i];
	return NULL;
}

static struct scn_flow *find_flow(struct scenario *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_flows; i++)
		if (strcmp(s->flows[i].name, name) == 0)
			return &s->flows[i];
	return NULL;
}

/* Its number in "trunk3"; -1: that is no trunk's name. */
static int trunk_number(const char *name)
{
	if (strncmp(name, "trunk", 5) != 0 || !isdigit((unsigned char)name[5]) || name[6] != '\0')
		return -1;
	return name[5] - '0';
}

static bool is_reserved(const char *name)
{
	return strcmp(name, "tcp") == 0 || strcmp(name, "up") == 0 || strcmp(name, "down") == 0 ||
	       strncmp(name, "trunk", 5) == 0;
}

static int check_name(struct scenario *s, const char *name, char *why)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	if (n == 0 || name[n] != '\0' || n >= SCN_NAME_LEN || is_reserved(name))
		snprintf(why, SCN_ERR_LEN,
			 "'%.40s' cannot be a name; use up to %d letters, digits, _ and -, and not "
			 "tcp, "
			 "up, down or trunk...",
			 name, SCN_NAME_LEN - 1);
	else if (find_host(s, name) != NULL || find_flow(s, name) != NULL)
		snprintf(why, SCN_ERR_LEN, "there is already a '%s'; choose another name", name);
	else
		return 0;
	return -EINVAL;
}

static int too_many(const char *what, unsigned most, char *why)
{
	snprintf(why, SCN_ERR_LEN, "more than %u %s; use count or parallel", most, what);
	return -E2BIG;
}

/* ---- sections ---- */

static int new_host(struct scenario *s, const char *name, struct place *p, char *why)
{
	if (check_name(s, name, why) != 0)
		return -EINVAL;
	if (s->n_hosts == SCN_MAX_HOSTS)
		return too_many("kinds of hosts", SCN_MAX_HOSTS, why);
	struct scn_host *h = &s->hosts[s->n_hosts++];

	*h = (struct scn_host){.count = 1, .mtu = 1500};
	memcpy(h->name, name, strlen(name) + 1);
	*p = (struct place){.section = SCN_S_HOST, .obj = h, .at = MT_NEVER};
	return 0;
}

static int new_flow(struct scenario *s, const char *name, struct place *p, char *why)
{
	if (check_name(s, name, why) != 0)
		return -EINVAL;
	if (s->n_flows == SCN_MAX_FLOWS)
		return too_many("kinds of flows", SCN_MAX_FLOWS, why);
	struct scn_flow *f = &s->flows[s->n_flows++];

	*f = (struct scn_flow){.exchanges = 1, .parallel = 1, .connections = 1};
	memcpy(f->name, name, strlen(name) + 1);
	*p = (struct place){.section = SCN_S_FLOW, .obj = f, .at = MT_NEVER};
	return 0;
}

static int open_trunk(struct scenario *s, const char *number, struct place *p, char *why)
{
	unsigned i = (unsigned char)number[0] - '0';

	if (i >= SCN_MAX_TRUNKS || number[1] != '\0' || i > s->n_trunks) {
		snprintf(why, SCN_ERR_LEN,
			 "trunk '%.20s': they are numbered from 0 without a gap, %d at most",
			 number, SCN_MAX_TRUNKS);
		return -EINVAL;
	}
	if (i == s->n_trunks)
		s->n_trunks++;
	*p = (struct place){.section = SCN_S_LINK, .obj = &s->trunks[i], .at = MT_NEVER};
	return 0;
}

static int open_events(const char *when, struct place *p, char *why)
{
	static const struct scn_key at = {
		.name = "at", .type = SCN_TIME, .size = sizeof(mt_time), .max = 1e18};

	*p = (struct place){.section = SCN_S_COUNT};
	return scn_put(&at, &p->at, when, why);
}

static int open_section(struct scenario *s, char *head, struct place *p, char *why)
{
	char *close = strchr(head, ']'), *name;

	if (close == NULL || close[1] != '\0') {
		snprintf(why, SCN_ERR_LEN, "'%.40s' is not a section; end it with ]", head);
		return -EINVAL;
	}
	*close = '\0';
	head = trim(head + 1);
	name = head + strcspn(head, " \t");
	if (*name != '\0')
		*name++ = '\0';
	name = trim(name);
	if (strcmp(head, "tcp") == 0 && *name == '\0') {
		*p = (struct place){.section = SCN_S_TCP, .obj = s, .at = MT_NEVER};
		return 0;
	}
	if (strcmp(head, "host") == 0)
		return new_host(s, name, p, why);
	if (strcmp(head, "flow") == 0)
		return new_flow(s, name, p, why);
	if (strcmp(head, "trunk") == 0)
		return open_trunk(s, name, p, why);
	if (strcmp(head, "at") == 0)
		return open_events(name, p, why);
	snprintf(why, SCN_ERR_LEN,
		 "unknown section '%.40s'; there are [tcp], [host NAME], [trunk NUMBER], [flow "
		 "NAME] and "
		 "[at TIME]",
		 head);
	return -EINVAL;
}

/* ---- assignments ---- */

/* "up.rate" -> "rate"; the directions that are meant. */
static const char *take_dir(const char *key, unsigned *dirs)
{
	*dirs = 1u << SIM_UP | 1u << SIM_DOWN;
	if (strncmp(key, "up.", 3) == 0) {
		*dirs = 1u << SIM_UP;
		return key + 3;
	}
	if (strncmp(key, "down.", 5) == 0) {
		*dirs = 1u << SIM_DOWN;
		return key + 5;
	}
	return key;
}

static int put_link(struct sim_pipe pipes[2], const char *name, const char *value, char *why)
{
	unsigned dirs;
	const struct scn_key *k = scn_find_key(SCN_S_LINK, take_dir(name, &dirs));
	int r = 0;

	if (k == NULL)
		return -ENOENT;
	for (unsigned d = 0; d < 2 && r == 0; d++)
		if (dirs & 1u << d)
			r = scn_put(k, &pipes[d], value, why);
	return r;
}

static int put_in(int section, void *obj, const char *name, const char *value, char *why)
{
	const struct scn_key *k = section == SCN_S_LINK ? NULL : scn_find_key(section, name);
	int r = -ENOENT;

	if (k != NULL)
		return scn_put(k, obj, value, why);
	if (section == SCN_S_HOST)
		r = put_link(((struct scn_host *)obj)->pipes, name, value, why);
	else if (section == SCN_S_LINK)
		r = put_link(((struct scn_trunk *)obj)->pipes, name, value, why);
	if (r == -ENOENT)
		scn_unknown(section, name, why);
	return r;
}

/* "a.rate" or "trunk0.up.loss": the object, and the rest. */
static int find_object(struct scenario *s, char *path, struct place *p, char **rest)
{
	char *dot = strchr(path, '.');
	int trunk;

	if (dot == NULL)
		return -ENOENT;
	*dot = '\0';
	*rest = dot + 1;
	trunk = trunk_number(path);
	if (strcmp(path, "tcp") == 0)
		*p = (struct place){.section = SCN_S_TCP, .obj = s};
	else if ((p->obj = find_host(s, path)) != NULL)
		p->section = SCN_S_HOST;
	else if ((p->obj = find_flow(s, path)) != NULL)
		p->section = SCN_S_FLOW;
	else if (trunk >= 0 && (uint32_t)trunk < s->n_trunks)
		*p = (struct place){.section = SCN_S_LINK, .obj = &s->trunks[trunk]};
	else
		return -ENOENT;
	return 0;
}

static int add_event(struct scenario *s, mt_time at, char *path, const char *value, char *why)
{
	struct scn_event *e = &s->events[s->n_events];
	struct place p;
	char *key;
	const char *bare;

	if (s->n_events == SCN_MAX_EVENTS)
		return too_many("changes", SCN_MAX_EVENTS, why);
	if (find_object(s, path, &p, &key) != 0 ||
	    (p.section != SCN_S_HOST && p.section != SCN_S_LINK)) {
		snprintf(why, SCN_ERR_LEN,
			 "'%.40s' names no link; write HOST.KEY or trunk0.KEY of what stands above",
			 path);
		return -EINVAL;
	}
	*e = (struct scn_event){.at = at};
	bare = take_dir(key, &e->dirs);
	e->key = scn_find_key(SCN_S_LINK, bare);
	if (e->key == NULL) {
		scn_unknown(SCN_S_LINK, bare, why);
		return -EINVAL;
	}
	e->host = p.section == SCN_S_HOST
			  ? (uint32_t)((struct scn_host *)p.obj - s->hosts)
			  : SCN_TRUNK + (uint32_t)((struct scn_trunk *)p.obj - s->trunks);
	s->n_events++;
	struct sim_pipe probe = {0};
	int r = scn_put(e->key, &probe, value, why);

	memcpy(&e->value, (char *)&probe + e->key->offset, e->key->size);
	return r;
}

static int assign(struct scenario *s, const struct place *p, char *line, char *why)
{
	char *eq = strchr(line, '='), *name, *value;

	if (eq == NULL) {
		snprintf(why, SCN_ERR_LEN, "'%.40s' is neither [section] nor key = value", line);
		return -EINVAL;
	}
	*eq = '\0';
	name = trim(line);
	value = trim(eq + 1);
	if (p->section == SCN_S_COUNT)
		return add_event(s, p->at, name, value, why);
	return put_in(p->section, p->obj, name, value, why);
}

int scn_text(struct scenario *s, const char *name, const char *text, char err[SCN_ERR_LEN])
{
	char *copy = strdup(text), *next = copy;
	struct place p = {.section = SCN_S_RUN, .obj = s, .at = MT_NEVER};
	unsigned n = 0;
	int r = copy != NULL ? 0 : -ENOMEM;

	if (r != 0)
		snprintf(err, SCN_ERR_LEN, "%s: out of memory", name);
	while (r == 0 && next != NULL) {
		char why[SCN_ERR_LEN] = "", *line = strsep(&next, "\n");

		n++;
		line[strcspn(line, "#")] = '\0';
		line = trim(line);
		if (*line == '[')
			r = open_section(s, line, &p, why);
		else if (*line != '\0')
			r = assign(s, &p, line, why);
		if (r != 0)
			snprintf(err, SCN_ERR_LEN, "%.150s:%u: %.340s", name, n, why);
	}
	free(copy);
	return r;
}

int scn_file(struct scenario *s, const char *path, char err[SCN_ERR_LEN])
{
	FILE *f = fopen(path, "re");
	char *text = f != NULL ? malloc(TEXT_MAX + 1) : NULL;
	size_t n;
	int r = -EINVAL;

	if (text == NULL) {
		snprintf(err, SCN_ERR_LEN, "%.300s: cannot be read (%s); check the path", path,
			 strerror(errno));
		if (f != NULL)
			fclose(f);
		return -ENOENT;
	}
	n = fread(text, 1, TEXT_MAX + 1, f);
	if (ferror(f) || n > TEXT_MAX || memchr(text, 0, n) != NULL) {
		snprintf(err, SCN_ERR_LEN, "%.300s: not a text file of at most 1 MiB", path);
	} else {
		text[n] = '\0';
		r = scn_text(s, path, text, err);
	}
	free(text);
	fclose(f);
	return r;
}

int scn_set(struct scenario *s, const char *assignment, char err[SCN_ERR_LEN])
{
	char *copy = strdup(assignment), *eq = copy != NULL ? strchr(copy, '=') : NULL, *key = copy;
	struct place p = {.section = SCN_S_RUN, .obj = s};
	char why[SCN_ERR_LEN] = "";
	int r = -EINVAL;

	if (eq == NULL) {
		snprintf(why, SCN_ERR_LEN, "write KEY=VALUE, like tcp.cc=reno");
	} else {
		*eq = '\0';
		r = strchr(copy, '.') != NULL ? find_object(s, copy, &p, &key) : 0;
		if (r != 0)
			snprintf(why, SCN_ERR_LEN, "the scenario has no '%.40s'", copy);
		else
			r = put_in(p.section, p.obj, trim(key), trim(eq + 1), why);
	}
	if (r != 0)
		snprintf(err, SCN_ERR_LEN, "%.100s: %.400s", assignment, why);
	free(copy);
	return r;
}

/* ---- the whole ---- */

/* Those of the same instant keep their order. */
static void sort_events(struct scenario *s)
{
	for (uint32_t i = 1; i < s->n_events; i++) {
		struct scn_event e = s->events[i];
		uint32_t k = i;

		for (; k > 0 && s->events[k - 1].at > e.at; k--)
			s->events[k] = s->events[k - 1];
		s->events[k] = e;
	}
}

static const char *finish_flow(struct scenario *s, struct scn_flow *f)
{
	struct scn_host *from = find_host(s, f->from), *to = find_host(s, f->to);

	if (from == NULL || to == NULL || from == to)
		return "from and to must name two hosts";
	if (to->count != 1)
		return "to must be a single host (count = 1)";
	if (f->bytes == 0 && f->response > 0)
		return "a response needs a request; set bytes";
	f->from_host = (uint32_t)(from - s->hosts);
	f->to_host = (uint32_t)(to - s->hosts);
	if (f->stop == 0 || f->stop > s->duration)
		f->stop = s->duration;
	if (f->response == 0)
		f->exchanges = 1;
	if (f->connections > 0 && f->connections < f->parallel)
		f->connections = f->parallel;
	return f->start >= f->stop ? "it stops before it starts" : NULL;
}

static const char *check_pipes(const struct sim_pipe pipes[2])
{
	for (unsigned d = 0; d < 2; d++)
		if (pipes[d].rate_bps == 0 && (pipes[d].queue_bytes > 0 || pipes[d].ecn_bytes > 0))
			return "queue and ecn need a rate";
	return NULL;
}

static const char *finish_host(const struct scenario *s, const struct scn_host *h)
{
	return h->at_switch > s->n_trunks ? "its switch is at the end of no trunk"
					  : check_pipes(h->pipes);
}

int scn_finish(struct scenario *s, const char *name, char err[SCN_ERR_LEN])
{
	uint64_t nodes = 0, conns = 0;
	const char *why = NULL, *of = "";

	for (uint32_t i = 0; i < s->n_hosts && why == NULL; i++) {
		why = finish_host(s, &s->hosts[i]);
		of = s->hosts[i].name;
		nodes += s->hosts[i].count;
	}
	for (uint32_t i = 0; i < s->n_trunks && why == NULL; i++) {
		why = check_pipes(s->trunks[i].pipes);
		of = "trunk";
	}
	for (uint32_t i = 0; i < s->n_flows && why == NULL; i++) {
		why = finish_flow(s, &s->flows[i]);
		of = s->flows[i].name;
		conns += (uint64_t)s->flows[i].parallel * s->hosts[s->flows[i].from_host].count;
	}
	if (why == NULL &&
	    (s->n_hosts < 2 || s->n_flows < 1 || nodes > SCN_MAX_NODES || conns > SCN_MAX_CONNS)) {
		why = "there must be two hosts and a flow, and not more than 1024 hosts and 65536 "
		      "connections at once";
		of = "scenario";
	}
	if (why == NULL && s->family == 5) {
		why = "the family is 4 or 6";
		of = "scenario";
	}
	if (why == NULL && s->warmup >= s->duration) {
		why = "warmup must be shorter than duration";
		of = "scenario";
	}
	sort_events(s);
	if (why != NULL)
		snprintf(err, SCN_ERR_LEN, "%.200s: %s: %s", name, of, why);
	return why != NULL ? -EINVAL : 0;
}
