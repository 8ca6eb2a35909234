// SPDX-License-Identifier: BSD-3-Clause
/* mtcp-bench: ns and instructions per operation of each module. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static const char usage[] =
	"usage: mtcp-bench [OPTIONS]\n"
	"\n"
	"  --list           what can be measured\n"
	"  --only NAME      only this, or those whose names begin so; may be repeated\n"
	"  --repeats N      repetitions, interleaved (default 7)\n"
	"  --instructions   also instructions per operation: the CPU's counter, else valgrind's\n"
	"  --json FILE      the results also there; - is the standard output\n"
	"  --count NAME     one counted run for an instruction counter from outside: what it "
	"consists of\n"
	"  --version        compiler, machine and kind of build\n"
	"\n"
	"ns per operation: lowest, median, 90th percentile of the repetitions. What drives an "
	"operation\n"
	"(the application, the memory of the wire) is part of it.\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 this machine cannot (and why).\n";

static _Noreturn void misuse(const char *what, const char *word)
{
	fprintf(stderr, "mtcp-bench: %s %s (mtcp-bench --help)\n", what, word);
	exit(2);
}

static const char *value_of(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc)
		misuse("no value for", argv[*i]);
	return argv[++*i];
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text || v < 1 || v > 1000)
		misuse("--repeats is 1 to 1000, not", text);
	return (unsigned)v;
}

static void choose(struct measure *m, const char *prefix)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++) {
		if (strncmp(m->rows[i].bench->name, prefix, strlen(prefix)) == 0) {
			m->rows[i].chosen = true;
			n++;
		}
	}
	if (n == 0)
		misuse("nothing is called", prefix);
}

static void list(const struct measure *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct bench *b = m->rows[i].bench;

		printf("%-24s per %-12s %s\n", b->name, b->unit, b->what);
	}
}

int main(int argc, char **argv)
{
	struct measure m = {.repeats = 7};
	bool some = false;

	measure_collect(&m);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(usage, stdout);
			return 0;
		} else if (!strcmp(argv[i], "--version")) {
			puts(measure_build());
			return 0;
		} else if (!strcmp(argv[i], "--list")) {
			list(&m);
			return 0;
		} else if (!strcmp(argv[i], "--count")) {
			return measure_count(&m, value_of(argc, argv, &i));
		} else if (!strcmp(argv[i], "--only")) {
			choose(&m, value_of(argc, argv, &i));
			some = true;
		} else if (!strcmp(argv[i], "--repeats")) {
			m.repeats = number(value_of(argc, argv, &i));
		} else if (!strcmp(argv[i], "--json")) {
			m.json = value_of(argc, argv, &i);
		} else if (!strcmp(argv[i], "--instructions")) {
			m.instructions = true;
		} else {
			misuse("unknown option", argv[i]);
		}
	}
	for (unsigned i = 0; !some && i < m.n; i++)
		m.rows[i].chosen = true;
	return measure_all(&m);
}
