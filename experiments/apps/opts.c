// SPDX-License-Identifier: BSD-3-Clause
#include "opts.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void opt_add(struct opt_table *t, struct opt row)
{
	if (t->n == sizeof(t->rows) / sizeof(t->rows[0]))
		abort();
	t->rows[t->n++] = row;
}

int opt_lines_add(struct opt_lines *lines, const char *fmt, ...)
{
	size_t room = OPT_LINES_LEN - lines->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(lines->text + lines->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 1 >= room) {
		lines->text[lines->len] = '\0';
		return -ENOSPC;
	}
	lines->len += (size_t)n;
	lines->text[lines->len++] = '\n';
	lines->text[lines->len] = '\0';
	return 0;
}

/* Edit distance, for "did you mean". */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64], diagonal, above;
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len >= 63 || b_len >= 63)
		return 64;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			above = row[j];
			row[j] = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < row[j])
				row[j] = above + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			diagonal = above;
		}
	}
	return row[b_len];
}

static int unknown(const struct opt_table *t, const char *name, char err[ERR_LEN])
{
	const char *best = NULL;
	unsigned best_distance = 4;

	for (unsigned i = 0; i < t->n; i++) {
		if (distance(name, t->rows[i].name) < best_distance) {
			best = t->rows[i].name;
			best_distance = distance(name, best);
		}
	}
	if (best != NULL)
		return err_set(-EINVAL, err, "unknown option --%s: did you mean --%s?", name, best);
	return err_set(-EINVAL, err, "unknown option --%s: see %s --help", name, t->prog);
}

static int set_number(const struct opt *o, const char *text, char err[ERR_LEN])
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (*text == '\0' || *end != '\0' || !isfinite(value) || errno != 0 ||
	    (o->type != OPT_REAL && value != floor(value)))
		return err_set(-EINVAL, err, "--%s wants a%s number, not '%s'", o->name,
			       o->type == OPT_REAL ? "" : " whole", text);
	if (value < o->min || value > o->max)
		return err_set(-EINVAL, err, "--%s must be between %.15g and %.15g, not %s",
			       o->name, o->min, o->max, text);
	if (o->type == OPT_REAL)
		*(double *)o->dst = value;
	else if (o->type == OPT_U32)
		*(uint32_t *)o->dst = (uint32_t)value;
	else
		*(uint64_t *)o->dst = (uint64_t)value;
	return 0;
}

static int set_choice(const struct opt *o, const char *text, char err[ERR_LEN])
{
	size_t used;

	for (int i = 0; o->choices[i] != NULL; i++) {
		if (strcmp(o->choices[i], text) == 0) {
			*(int *)o->dst = i;
			return 0;
		}
	}
	used = (size_t)snprintf(err, ERR_LEN, "--%s '%s' is unknown: choose one of", o->name, text);
	for (int i = 0; o->choices[i] != NULL && used < ERR_LEN; i++)
		used += (size_t)snprintf(err + used, ERR_LEN - used, " %s", o->choices[i]);
	return -EINVAL;
}

static int set_line(const struct opt *o, const char *text, char err[ERR_LEN])
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || strchr(text, '\n') != NULL)
		return err_set(-EINVAL, err, "--%s wants key=value, not '%s'", o->name, text);
	if (opt_lines_add(o->dst, "%.*s = %s", (int)(equals - text), text, equals + 1) < 0)
		return err_set(-EINVAL, err,
			       "--%s: more than %d bytes of settings: use --conf FILE", o->name,
			       OPT_LINES_LEN);
	return 0;
}

static int set_value(const struct opt *o, const char *text, char err[ERR_LEN])
{
	char why[ERR_LEN];

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->dst = true;
		return 0;
	case OPT_TEXT:
		*(const char **)o->dst = text;
		return 0;
	case OPT_U32:
	case OPT_U64:
	case OPT_REAL:
		return set_number(o, text, err);
	case OPT_CHOICE:
		return set_choice(o, text, err);
	case OPT_CPUS:
		if (cpus_parse(text, o->dst, why) < 0)
			return err_set(-EINVAL, err, "--%s: %.400s", o->name, why);
		return 0;
	case OPT_ADDR:
		if (addr_parse(text, o->dst) == 0)
			return 0;
		return err_set(-EINVAL, err, "--%s wants ADDRESS:PORT as 10.0.0.1:80, not '%s'",
			       o->name, text);
	case OPT_RANGE: {
		struct io_sources *range = o->dst;

		if (addr_parse_range(text, &range->first, &range->n) == 0)
			return 0;
		return err_set(-EINVAL, err, "--%s wants addresses as 10.0.0.2-10.0.0.17, not '%s'",
			       o->name, text);
	}
	case OPT_SET:
		return set_line(o, text, err);
	}
	return -EINVAL;
}

static void print_help(const struct opt_table *t)
{
	char head[64];

	printf("%s: %s\n\nusage: %s [options]\n\n", t->prog, t->what, t->prog);
	for (unsigned i = 0; i < t->n; i++) {
		const struct opt *o = &t->rows[i];

		snprintf(head, sizeof(head), "--%s%s%s", o->name, o->arg != NULL ? " " : "",
			 o->arg != NULL ? o->arg : "");
		printf("  %-26s %s", head, o->doc);
		for (int c = 0; o->choices != NULL && o->choices[c] != NULL; c++)
			printf("%s%s", c == 0 ? ": " : ", ", o->choices[c]);
		putchar('\n');
	}
	printf("  %-26s this text\n", "--help");
	if (t->more != NULL)
		printf("\n%s", t->more);
	printf("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 this machine cannot, 130 "
	       "interrupted.\n");
}

static const struct opt *find(const struct opt_table *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	return NULL;
}

int opts_parse(const struct opt_table *t, int argc, char **argv, char err[ERR_LEN])
{
	for (int i = 1; i < argc; i++) {
		const char *text = argv[i], *value = NULL;
		const struct opt *o;
		char name[64];
		size_t len;

		if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
			print_help(t);
			return 1;
		}
		if (strncmp(text, "--", 2) != 0 || text[2] == '\0')
			return err_set(-EINVAL, err, "unexpected argument '%s': see %s --help",
				       text, t->prog);
		len = strcspn(text + 2, "=");
		snprintf(name, sizeof(name), "%.*s", (int)len, text + 2);
		o = find(t, name);
		if (o == NULL)
			return unknown(t, name, err);
		if (text[2 + len] == '=')
			value = text + 3 + len;
		if (o->type == OPT_FLAG && value != NULL)
			return err_set(-EINVAL, err, "--%s takes no value", name);
		if (o->type != OPT_FLAG && value == NULL) {
			if (++i == argc)
				return err_set(-EINVAL, err, "--%s needs a value: %s", name,
					       o->arg);
			value = argv[i];
		}
		if (set_value(o, value, err) < 0)
			return -EINVAL;
	}
	return 0;
}

void opts_add_stack(struct opt_table *t, struct stack_opts *s)
{
	OPT(t, "stack", "NAME", OPT_CHOICE, &s->kind, .doc = "whose TCP", .choices = io_kind_names);
	OPT(t, "cores", "LIST", OPT_CPUS, &s->cores,
	    .doc = "CPUs to run on, as 0,2-3 (at least one worker each)");
	OPT(t, "device", "DEVICE", OPT_TEXT, &s->device,
	    .doc = "mtcp: af_packet:IFACE, DPDK devargs ...; kernel: a label for the row");
	OPT(t, "address", "ADDR/LEN", OPT_TEXT, &s->address,
	    .doc = "mtcp: own address(es), as 10.0.0.2/24 or 10.0.0.2-10.0.0.17/24");
	OPT(t, "conf", "FILE", OPT_TEXT, &s->conf_file, .doc = "mtcp: configuration file");
	OPT(t, "set", "KEY=VALUE", OPT_SET, &s->set,
	    .doc = "a configuration key, wins over --conf; kernel: as docs/baselines.md; "
		   "repeatable");
	OPT(t, "capture", "FILE", OPT_TEXT, &s->capture,
	    .doc = "mtcp: write all frames to a pcapng file");
}

static int refuse_for_kernel(const struct stack_opts *s, char err[ERR_LEN])
{
	const char *name = s->conf_file != NULL ? "conf"
			   : s->address != NULL ? "address"
			   : s->capture != NULL ? "capture"
						: NULL;

	if (name == NULL)
		return 0;
	return err_set(-EINVAL, err, "--%s is for mtcp: leave it out with --stack %s", name,
		       io_kind_names[s->kind]);
}

static bool sets(const struct opt_lines *lines, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = lines->text; at < lines->text + lines->len; at = strchr(at, '\n') + 1)
		if (strncmp(at, key, len) == 0 && (at[len] == ' ' || at[len] == '='))
			return true;
	return false;
}

int stack_opts_lines(const struct stack_opts *s, uint32_t max_conns, struct opt_lines *lines,
		     char err[ERR_LEN])
{
	int ret = 0;

	lines->len = 0;
	lines->text[0] = '\0';
	if (!io_is_mtcp((enum io_kind)s->kind)) {
		*lines = s->set;
		return refuse_for_kernel(s, err);
	}
	if (s->device == NULL && s->conf_file == NULL)
		return err_set(-EINVAL, err,
			       "--stack %s needs a device: --device af_packet:IFACE or --conf FILE",
			       io_kind_names[s->kind]);
	if (sets(&s->set, "num_cores")) /* nobody would poll the other queues */
		return err_set(-EINVAL, err,
			       "num_cores cannot be set: it is how many --cores names");
	if (s->device != NULL)
		ret |= opt_lines_add(lines, "device = %s", s->device);
	if (s->address != NULL)
		ret |= opt_lines_add(lines, "address = %s", s->address);
	ret |= opt_lines_add(lines, "tcp_nodelay = 1");
	if (s->capture != NULL)
		ret |= opt_lines_add(lines, "capture = %s", s->capture);
	ret |= opt_lines_add(lines, "mode = %s", s->kind == IO_MTCP_PAIRED ? "paired" : "inline");
	ret |= opt_lines_add(lines, "num_cores = %u", s->cores.n);
	if (max_conns > 0)
		ret |= opt_lines_add(lines, "max_concurrency = %u", max_conns);
	if (s->set.len > 0)
		ret |= opt_lines_add(lines, "%.*s", (int)s->set.len - 1, s->set.text);
	if (ret != 0)
		return err_set(-EINVAL, err,
			       "the settings are longer than %d bytes: use --conf FILE",
			       OPT_LINES_LEN);
	return 0;
}
