// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-sim --table: what all tables share. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "program.h"

static const struct {
	const char *name;
	void (*print)(struct table *);
} tables[] = {
	{"loss", table_loss},	  {"short", table_short}, {"fair", table_fair},
	{"incast", table_incast}, {"bloat", table_bloat},
};

struct scn_result *table_run(struct table *t, const char *format, ...)
{
	struct scenario *s = malloc(sizeof(*s));
	struct scn_run_options opt = {.seed = t->seed};
	char text[2048], err[SCN_ERR_LEN] = "";
	struct scn_result *r;
	va_list ap;
	int ret;

	check(s != NULL);
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	scn_init(s);
	ret = scn_text(s, "table", text, err);
	if (ret == 0)
		ret = scn_finish(s, "table", err);
	if (ret != 0)
		fprintf(stderr, "%s\n", err);
	check(ret == 0);
	r = scn_run(s, &opt);
	table_bound(t, r->corrupted, (struct bounds){0, 0}, "corrupted bytes");
	free(s);
	return r;
}

void table_bound(struct table *t, double value, struct bounds b, const char *format, ...)
{
	va_list ap;

	if (value >= b.low && value <= b.high)
		return;
	t->n_outside++;
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, ": %g is not within %g and %g\n", value, b.low, b.high);
}

int program_table(const char *name, uint64_t seed, bool full)
{
	struct table t = {.seed = seed, .full = full};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (strcmp(tables[i].name, name) != 0)
			continue;
		tables[i].print(&t);
		return t.n_outside > 0 ? 1 : 0;
	}
	fprintf(stderr, "mtcp-sim: no table '%s'; there are", name);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		fprintf(stderr, " %s", tables[i].name);
	fputc('\n', stderr);
	return 2;
}
