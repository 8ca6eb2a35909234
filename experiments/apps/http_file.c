// SPDX-License-Identifier: BSD-3-Clause
#include "http_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHE_SLOTS	1024u /* power of two */
#define CACHE_MAX_BYTES (32u << 10)
#define CACHE_NS	SEC_NS
#define SET_MTIME	1230768000 /* the first second of 2009 */

struct cached {
	char *path;
	struct http_file *file;
	uint64_t until;
};

struct http_files {
	int root_fd;
	const struct webset *set;
	struct cached slots[CACHE_SLOTS];
};

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {
		{"html", "text/html; charset=utf-8"},
		{"htm", "text/html; charset=utf-8"},
		{"css", "text/css; charset=utf-8"},
		{"js", "text/javascript; charset=utf-8"},
		{"mjs", "text/javascript; charset=utf-8"},
		{"txt", "text/plain; charset=utf-8"},
		{"md", "text/plain; charset=utf-8"},
		{"json", "application/json"},
		{"xml", "application/xml"},
		{"pdf", "application/pdf"},
		{"wasm", "application/wasm"},
		{"svg", "image/svg+xml"},
		{"png", "image/png"},
		{"jpg", "image/jpeg"},
		{"jpeg", "image/jpeg"},
		{"gif", "image/gif"},
		{"webp", "image/webp"},
		{"ico", "image/x-icon"},
		{"woff2", "font/woff2"},
		{"mp4", "video/mp4"},
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(dot + 1, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

static int open_beneath(int root_fd, const char *path)
{
	struct open_how how = {
		/* O_NONBLOCK: opening a FIFO must not wait for its writer */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	while (*path == '/')
		path++;
	do {
		fd = syscall(SYS_openat2, root_fd, *path != '\0' ? path : ".", &how, sizeof(how));
	} while (fd < 0 && errno == EAGAIN); /* something was renamed during the walk */
	return (int)fd;
}

int http_root_open(const char *path, int *fd, char err[ERR_LEN])
{
	int probe;

	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return err_set(-errno, err, "--root %s: %s; give a directory that can be read",
			       path, strerror(errno));
	probe = open_beneath(*fd, ".");
	if (probe < 0) {
		close(*fd);
		return err_set(-ENOSYS, err,
			       "openat2 is not available: serving files needs Linux 5.6 or later");
	}
	close(probe);
	return 0;
}

static int status_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 503;
	default:
		return 404;
	}
}

/* The descriptor of a regular file, a directory's index.html included; or minus the status. */
static int open_regular(int root_fd, const char *path, struct stat *st)
{
	char index[4096 + sizeof("/index.html")];
	int fd = open_beneath(root_fd, path);

	if (fd >= 0 && fstat(fd, st) == 0 && S_ISDIR(st->st_mode)) {
		close(fd);
		snprintf(index, sizeof(index), "%s/index.html", path);
		fd = open_beneath(root_fd, index);
	} else if (fd >= 0 && S_ISREG(st->st_mode) && path[strlen(path) - 1] == '/') {
		close(fd);
		return -404;
	}
	if (fd < 0)
		return -status_of(errno);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		return -404;
	}
	return fd;
}

static void read_content(struct http_file *f)
{
	uint64_t got = 0;
	ssize_t n;

	while (got < f->size) {
		n = pread(f->fd, f->content + got, f->size - got, (off_t)got);
		if (n <= 0)
			break;
		got += (uint64_t)n;
	}
	f->size = got;
	close(f->fd);
	f->fd = -1;
}

static int load(int root_fd, const char *path, struct http_file **out)
{
	struct http_file *f;
	struct stat st;
	struct tm tm;
	char date[40];
	int fd = open_regular(root_fd, path, &st);

	if (fd < 0)
		return -fd;
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		close(fd);
		return 503;
	}
	f->refs = 1;
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	f->mtime = st.st_mtim.tv_sec;
	if (f->size <= CACHE_MAX_BYTES) {
		f->content = malloc(f->size + 1);
		if (f->content != NULL)
			read_content(f);
	}
	gmtime_r(&f->mtime, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(f->fields, sizeof(f->fields),
		 "Content-Type: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n",
		 type_of(path[strlen(path) - 1] == '/' ? ".html" : path), date);
	*out = f;
	return 0;
}

struct http_files *http_files_create(int root_fd, const struct webset *set)
{
	struct http_files *files = calloc(1, sizeof(*files));

	if (files != NULL)
		*files = (struct http_files){.root_fd = root_fd, .set = set};
	return files;
}

static void drop(struct cached *c)
{
	if (c->file == NULL)
		return;
	http_file_put(c->file);
	free(c->path);
	*c = (struct cached){0};
}

void http_files_destroy(struct http_files *files)
{
	for (unsigned i = 0; files != NULL && i < CACHE_SLOTS; i++)
		drop(&files->slots[i]);
	free(files);
}

static uint32_t hash(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path != '\0'; path++)
		h = (h ^ (unsigned char)*path) * 16777619u;
	return h ^ h >> 15;
}

static int get_of_set(const struct webset *set, const char *path, struct http_file **out)
{
	static const char fields[] = "Content-Type: application/octet-stream\r\n"
				     "Last-Modified: Thu, 01 Jan 2009 00:00:00 GMT\r\n"
				     "Accept-Ranges: bytes\r\n";
	struct webset_file name;
	struct http_file *f;

	_Static_assert(sizeof(fields) <= sizeof(f->fields), "they fit");
	if (!webset_find(set, path, &name))
		return 404;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return 503;
	*f = (struct http_file){.refs = 1,
				.fd = -1,
				.pattern = set->pattern,
				.phase = webset_phase(name),
				.size = webset_size(name),
				.mtime = SET_MTIME};
	memcpy(f->fields, fields, sizeof(fields));
	*out = f;
	return 0;
}

int http_file_get(struct http_files *files, const char *path, struct http_file **out)
{
	struct cached *c = &files->slots[hash(path) & (CACHE_SLOTS - 1)];
	uint64_t now = clock_ns();
	int status;

	if (files->set != NULL)
		return get_of_set(files->set, path, out);
	if (c->file != NULL && now < c->until && strcmp(c->path, path) == 0) {
		c->file->refs++;
		*out = c->file;
		return 0;
	}
	status = load(files->root_fd, path, out);
	if (status != 0 || (*out)->fd >= 0)
		return status;
	drop(c);
	c->path = strdup(path);
	if (c->path == NULL)
		return 0;
	c->file = *out;
	c->file->refs++;
	c->until = now + CACHE_NS;
	return 0;
}

void http_file_put(struct http_file *f)
{
	if (--f->refs > 0)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->content);
	free(f);
}
