/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line as one table: parsed, checked and documented from the same rows. */
#ifndef APPS_OPTS_H
#define APPS_OPTS_H

#include "cpus.h"
#include "io.h"
#include "util.h"

enum opt_type {
	OPT_FLAG,   /* bool */
	OPT_TEXT,   /* const char * */
	OPT_U32,    /* uint32_t in min..max */
	OPT_U64,    /* uint64_t in min..max */
	OPT_REAL,   /* double in min..max */
	OPT_CHOICE, /* int, index into choices */
	OPT_CPUS,   /* struct cpu_list */
	OPT_ADDR,   /* struct addr */
	OPT_RANGE,  /* struct io_sources */
	OPT_SET	    /* struct opt_lines: key=value, repeatable */
};

struct opt {
	const char *name; /* without the dashes */
	const char *arg;  /* what --help calls the value; NULL for flags */
	const char *doc;
	enum opt_type type;
	void *dst;
	double min, max;
	const char *const *choices;
};

#define OPT_LINES_LEN 4096
struct opt_lines {
	size_t len;
	char text[OPT_LINES_LEN]; /* "key = value\n" ... */
};
/* 0 or -ENOSPC */
__attribute__((format(printf, 2, 3))) int opt_lines_add(struct opt_lines *, const char *fmt, ...);

struct opt_table {
	const char *prog;
	const char *what; /* one line */
	const char *more; /* after the options, or NULL */
	struct opt rows[64];
	unsigned n;
};

void opt_add(struct opt_table *, struct opt);
/* Further fields follow by name: .doc, .min, .max, .choices. */
#define OPT(table, option, value, kind, where, ...)                                                \
	opt_add(table, (struct opt){.name = (option),                                              \
				    .arg = (value),                                                \
				    .type = (kind),                                                \
				    .dst = (where),                                                \
				    __VA_ARGS__})

/* 0; 1 when --help was printed; -EINVAL with one line in err. "--name value" and "--name=value". */
int opts_parse(const struct opt_table *, int argc, char **argv, char err[ERR_LEN]);

/* What says which stack, how configured, on which cores: common to all programs. */
struct stack_opts {
	int kind; /* enum io_kind */
	const char *conf_file, *device, *address, *capture;
	struct cpu_list cores;
	struct opt_lines set;
};
void opts_add_stack(struct opt_table *, struct stack_opts *);
/* The "key = value" lines for mtcp: what the options say, then --set, which wins. 0, or -errno with
 * err. */
int stack_opts_lines(const struct stack_opts *, uint32_t max_conns, struct opt_lines *,
		     char err[ERR_LEN]);

#endif
