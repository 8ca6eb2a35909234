// SPDX-License-Identifier: BSD-3-Clause
/*
 * Static files over HTTP/1.1. A connection is either answering a request or looking for the next
 * one in its input buffer; while an answer is not written it reads nothing, so a slow client holds
 * one buffer and no more.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_file.h"
#include "http_parse.h"
#include "server.h"

#define IN_LEN	 8192u	     /* a request head; longer: 431 */
#define HEAD_LEN 768u	     /* a response head, or a whole error response */
#define CHUNK	 (64u << 10) /* of a large file, read at a time */
_Static_assert(CHUNK <= WEBSET_PERIOD, "in one piece of a set's pattern");
#define TURNS	   16u /* steps per event, so that one connection does not hold the others up */
#define MAX_BODY   (1u << 20)	/* a request's body, thrown away; longer: answered and closed */
#define MAX_LINGER (256u << 10) /* bytes read after an answer that closes */

struct http_conn {
	struct conn base;
	uint32_t in_off, in_len; /* unread input: in[in_off .. in_len) */
	size_t scanned;		 /* of it, known to hold no end of a head */
	uint64_t skip;		 /* bytes of a request's body still to come */
	uint32_t head_off, head_len;
	uint64_t off, end; /* of file, still to be sent */
	struct http_file *file;
	bool answering, close_after, linger, lingering;
	uint32_t linger_left;
	char head[HEAD_LEN];
	char in[IN_LEN];
};

struct http_state {
	struct webset *set; /* NULL: files below a directory */
	struct http_files *files;
	time_t date_at;
	char date[40];
};

enum step { STEP_ON, STEP_WAIT_IN, STEP_WAIT_OUT, STEP_CLOSE };

static int http_start(struct server_worker *w, char err[ERR_LEN])
{
	const struct server_conf *conf = server_conf_of(w);
	struct http_state *st = calloc(1, sizeof(*st));

	w->app_state = st;
	if (st != NULL && conf->file_set > 0)
		st->set = webset_create(conf->file_set);
	if (st != NULL && (conf->file_set == 0 || st->set != NULL))
		st->files = http_files_create(conf->root_fd, st->set);
	return st == NULL || st->files == NULL ? err_set(-ENOMEM, err, "out of memory") : 0;
}

static void http_end(struct server_worker *w)
{
	struct http_state *st = w->app_state;

	if (st != NULL) {
		http_files_destroy(st->files);
		webset_destroy(st->set);
	}
	free(st);
}

static void http_open(struct server_worker *w, struct conn *base)
{
	struct http_conn *c = (struct http_conn *)base;
	size_t from = offsetof(struct http_conn, in_off);

	(void)w;
	memset((char *)c + from, 0, offsetof(struct http_conn, head) - from);
}

static void http_closed(struct server_worker *w, struct conn *base)
{
	struct http_conn *c = (struct http_conn *)base;

	(void)w;
	if (c->file != NULL)
		http_file_put(c->file);
	c->file = NULL;
}

static const char *date_now(struct http_state *st)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != st->date_at) {
		st->date_at = now;
		gmtime_r(&now, &tm);
		strftime(st->date, sizeof(st->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return st->date;
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 206:
		return "Partial Content";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 414:
		return "URI Too Long";
	case 416:
		return "Range Not Satisfiable";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	default:
		return "HTTP Version Not Supported";
	}
}

/* Appends to the response head, which is always large enough for what is said here. */
__attribute__((format(printf, 2, 3))) static void say(struct http_conn *c, const char *fmt, ...)
{
	size_t room = HEAD_LEN - c->head_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->head + c->head_len, room, fmt, ap);
	va_end(ap);
	c->head_len += n < 0 ? 0 : (size_t)n < room ? (uint32_t)n : (uint32_t)room - 1;
}

static void begin_answer(struct server_worker *w, struct http_conn *c, int status)
{
	c->answering = true;
	c->head_off = c->head_len = 0;
	c->off = c->end = 0;
	say(c, "HTTP/1.1 %d %s\r\nServer: mtcp\r\nDate: %s\r\n", status, reason(status),
	    date_now(w->app_state));
}

static const char *connection_of(const struct http_conn *c, const struct http_request *req)
{
	if (c->close_after)
		return "Connection: close\r\n\r\n";
	return req->minor == 0 ? "Connection: keep-alive\r\n\r\n" : "\r\n";
}

static void answer_error(struct server_worker *w, struct http_conn *c, int status,
			 const struct http_request *req)
{
	char body[64];
	int len = snprintf(body, sizeof(body), "%d %s\n", status, reason(status));

	begin_answer(w, c, status);
	if (status == 405)
		say(c, "Allow: GET, HEAD\r\n");
	if (status == 416)
		say(c, "Content-Range: bytes */%llu\r\n", (unsigned long long)c->file->size);
	say(c, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n%s", len,
	    connection_of(c, req));
	if (req->method != HTTP_HEAD)
		say(c, "%s", body);
	if (c->file != NULL)
		http_file_put(c->file);
	c->file = NULL;
}

/* An error after which the next request's beginning is unknown. */
static void refuse(struct server_worker *w, struct http_conn *c, int status,
		   const struct http_request *req)
{
	c->close_after = true;
	c->linger = true;
	c->in_off = c->in_len = 0;
	c->skip = 0;
	answer_error(w, c, status, req);
}

/* The part of the file that is asked for: 200, 206 or 416. */
static int choose_range(const struct http_request *req, struct http_conn *c)
{
	uint64_t size = c->file->size;

	c->off = 0;
	c->end = size;
	if (!req->has_range || req->method != HTTP_GET)
		return 200;
	if (!req->has_first) {
		if (req->last == 0 || size == 0)
			return 416;
		c->off = req->last < size ? size - req->last : 0;
		return 206;
	}
	if (req->first >= size)
		return 416;
	c->off = req->first;
	if (req->has_last && req->last < size - 1)
		c->end = req->last + 1;
	return 206;
}

static void answer_file(struct server_worker *w, struct http_conn *c,
			const struct http_request *req)
{
	uint64_t off, end, size = c->file->size;
	int status = choose_range(req, c);

	if (status == 416) {
		answer_error(w, c, 416, req);
		return;
	}
	off = c->off;
	end = c->end;
	if (req->if_modified_since != 0 && c->file->mtime <= req->if_modified_since)
		status = 304;
	begin_answer(w, c, status);
	say(c, "%s", c->file->fields);
	if (status == 206)
		say(c, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)off,
		    (unsigned long long)end - 1, (unsigned long long)size);
	if (status != 304)
		say(c, "Content-Length: %llu\r\n", (unsigned long long)(end - off));
	say(c, "%s", connection_of(c, req));
	if (status == 304 || req->method == HTTP_HEAD)
		end = off;
	c->off = off;
	c->end = end;
}

static void answer(struct server_worker *w, struct http_conn *c, const struct http_request *req,
		   int status)
{
	struct http_state *st = w->app_state;

	c->skip = req->body_len;
	c->close_after = !req->keep_alive;
	if (req->body_len > 0 && (c->close_after || req->expect || req->body_len > MAX_BODY)) {
		/* nothing comes after it, it may not come, or it is too much to wait for */
		c->close_after = c->linger = true;
		c->skip = 0;
	}
	if (status == 0 && req->method == HTTP_NOT_ALLOWED)
		status = 405;
	if (status == 0 && req->method == HTTP_UNKNOWN)
		status = 501;
	if (status == 0)
		status = http_file_get(st->files, req->path, &c->file);
	if (status != 0)
		answer_error(w, c, status, req);
	else
		answer_file(w, c, req);
}

static void consume(struct http_conn *c, size_t n)
{
	c->in_off += (uint32_t)n;
	c->scanned = 0;
	if (c->in_off == c->in_len)
		c->in_off = c->in_len = 0;
}

/* Rests of a body, and empty lines before a request (RFC 9112 2.2). */
static void skip_input(struct http_conn *c)
{
	size_t have = c->in_len - c->in_off, n = have < c->skip ? have : (size_t)c->skip;

	if (n > 0) {
		consume(c, n);
		c->skip -= n;
	}
	while (c->skip == 0 && c->in_len - c->in_off >= 2 &&
	       memcmp(c->in + c->in_off, "\r\n", 2) == 0)
		consume(c, 2);
}

/* Looks for the next request in the input; starts its answer. */
static enum step next_request(struct server_worker *w, struct http_conn *c)
{
	struct http_request req;
	const char *at;
	size_t have, len;
	int status;

	skip_input(c);
	at = c->in + c->in_off;
	have = c->in_len - c->in_off;
	if (have == 0)
		return STEP_WAIT_IN;
	req.method = HTTP_UNKNOWN;
	req.minor = 1;
	if (!http_may_begin(*at)) {
		refuse(w, c, 400, &req);
		return STEP_ON;
	}
	len = http_head_len(at, have, &c->scanned);
	if (len == 0 && have < IN_LEN)
		return STEP_WAIT_IN;
	if (len == 0) {
		refuse(w, c, memchr(at, '\n', have) != NULL ? 431 : 414, &req);
		return STEP_ON;
	}
	status = http_parse(at, len, &req);
	consume(c, len);
	if (status != 0 && status != 404)
		refuse(w, c, status, &req);
	else
		answer(w, c, &req, status);
	return STEP_ON;
}

static enum step read_more(struct server_worker *w, struct http_conn *c)
{
	ssize_t got;

	if (c->in_off > 0) {
		memmove(c->in, c->in + c->in_off, c->in_len - c->in_off);
		c->in_len -= c->in_off;
		c->in_off = 0;
	}
	got = w->ops->read(w->io, c->base.fd, c->in + c->in_len, IN_LEN - c->in_len);
	if (got < 0 && errno == EAGAIN)
		return STEP_WAIT_IN;
	if (got < 0)
		counter_add(&w->errors, 1);
	if (got <= 0)
		return STEP_CLOSE;
	c->in_len += (uint32_t)got;
	counter_add(&w->bytes, (uint64_t)got);
	return STEP_ON;
}

/* The answer's next piece: rest of the head, and a chunk of the file. */
static int gather(struct server_worker *w, struct http_conn *c, struct iovec iov[2])
{
	size_t want = c->end - c->off < CHUNK ? (size_t)(c->end - c->off) : CHUNK;
	ssize_t got = (ssize_t)want;
	int n = 0;

	if (c->head_off < c->head_len)
		iov[n++] = (struct iovec){c->head + c->head_off, c->head_len - c->head_off};
	if (want == 0)
		return n;
	if (c->file->pattern != NULL) {
		const char *from = c->file->pattern + (c->file->phase + c->off) % WEBSET_PERIOD;

		iov[n++] = (struct iovec){(void *)(uintptr_t)from, want};
		return n;
	}
	if (c->file->fd < 0) {
		iov[n++] = (struct iovec){c->file->content + c->off, want};
		return n;
	}
	got = pread(c->file->fd, w->scratch, want, (off_t)c->off);
	if (got <= 0)
		return -1; /* the file has shrunk: the promised length cannot be kept */
	iov[n++] = (struct iovec){w->scratch, (size_t)got};
	return n;
}

static enum step answered(struct server_worker *w, struct http_conn *c)
{
	if (c->file != NULL)
		http_file_put(c->file);
	c->file = NULL;
	c->answering = false;
	counter_add(&w->messages, 1);
	if (!c->close_after)
		return STEP_ON;
	if (!c->linger)
		return STEP_CLOSE;
	/* closing with input unread would send a reset, which may overtake the answer */
	if (w->ops->finish(w->io, c->base.fd) < 0)
		return STEP_CLOSE;
	c->lingering = true;
	c->linger_left = MAX_LINGER;
	return STEP_ON;
}

static enum step send_answer(struct server_worker *w, struct http_conn *c)
{
	struct iovec iov[2];
	int n = gather(w, c, iov);
	size_t total = 0, of_head;
	ssize_t put;

	if (n < 0) {
		counter_add(&w->errors, 1);
		return STEP_CLOSE;
	}
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	put = n == 1 ? w->ops->write(w->io, c->base.fd, iov[0].iov_base, iov[0].iov_len)
		     : w->ops->writev(w->io, c->base.fd, iov, n);
	if (put < 0 && errno == EAGAIN)
		return STEP_WAIT_OUT;
	if (put < 0) {
		counter_add(&w->errors, 1);
		return STEP_CLOSE;
	}
	counter_add(&w->bytes, (uint64_t)put);
	of_head = c->head_len - c->head_off;
	if (of_head > (size_t)put)
		of_head = (size_t)put;
	c->head_off += (uint32_t)of_head;
	c->off += (uint64_t)put - of_head;
	if ((size_t)put < total)
		return STEP_WAIT_OUT;
	return c->off < c->end ? STEP_ON : answered(w, c);
}

static enum step drain(struct server_worker *w, struct http_conn *c)
{
	ssize_t got = w->ops->read(w->io, c->base.fd, w->scratch, SERVER_SCRATCH);

	if (got < 0 && errno == EAGAIN)
		return STEP_WAIT_IN;
	if (got <= 0 || (size_t)got >= c->linger_left)
		return STEP_CLOSE;
	c->linger_left -= (uint32_t)got;
	return STEP_ON;
}

static uint32_t http_event(struct server_worker *w, struct conn *base)
{
	struct http_conn *c = (struct http_conn *)base;
	enum step step = STEP_ON;
	bool has_read = false;

	for (unsigned turn = 0; turn < TURNS && step == STEP_ON; turn++) {
		if (c->lingering) {
			step = drain(w, c);
		} else if (c->answering) {
			step = send_answer(w, c);
		} else {
			step = next_request(w, c);
			if (step == STEP_WAIT_IN && !has_read) {
				has_read = true;
				step = read_more(w, c);
			}
		}
	}
	if (step == STEP_CLOSE)
		return 0;
	if (step == STEP_WAIT_IN || c->lingering)
		return IO_IN;
	/* out of turns: a writable socket is reported again at once */
	return IO_OUT;
}

const struct app http_app = {
	.conn_len = sizeof(struct http_conn),
	.start = http_start,
	.end = http_end,
	.open = http_open,
	.event = http_event,
	.closed = http_closed,
};
