/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files under one directory, and nothing outside it: every path is resolved by the kernel beneath
 * the root (openat2, RESOLVE_BENEATH), symbolic links included. One worker's: not shared between
 * threads. Small files are kept in memory for a second; large ones are read in pieces from their
 * descriptor, so a file that shrinks while it is sent is an error and not a fault.
 * Or the files of a set, whose content is computed (webset.h).
 */
#ifndef APPS_HTTP_FILE_H
#define APPS_HTTP_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "util.h"
#include "webset.h"

struct http_file {
	unsigned refs;
	int fd; /* or -1: the content is in memory */
	char *content;
	const char
		*pattern; /* of a set's file, else NULL: the bytes from phase on, round and round */
	uint32_t phase;
	uint64_t size;
	time_t mtime;
	char fields[160]; /* Content-Type, Last-Modified, Accept-Ranges: lines of the head */
};

struct http_files;

/* root_fd and set stay the caller's; with a set, its files are served and nothing else. NULL: no
 * memory. */
struct http_files *http_files_create(int root_fd, const struct webset *set);
void http_files_destroy(struct http_files *);
/* path as in struct http_request. 0, or the status that answers: 403, 404, 503. Give it back with
 * put. */
int http_file_get(struct http_files *, const char *path, struct http_file **out);
void http_file_put(struct http_file *);
/* Can this kernel resolve beneath a directory? 0, or -errno with err. */
int http_root_open(const char *path, int *fd, char err[ERR_LEN]);

#endif
