/* SPDX-License-Identifier: BSD-3-Clause */
/* One HTTP/1.x request head from bytes to values (RFC 9112). No state, no allocation; any input is
 * survived. */
#ifndef APPS_HTTP_PARSE_H
#define APPS_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define HTTP_TARGET_MAX 4096 /* bytes of a request target; longer: 414 */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_NOT_ALLOWED, /* a method of RFC 9110 that static files do not have: 405 */
	HTTP_UNKNOWN	  /* 501 */
};

struct http_request {
	enum http_method method;
	unsigned minor;	   /* of HTTP/1.x */
	bool keep_alive;   /* what the client wants, by version and Connection */
	bool expect;	   /* Expect: 100-continue */
	uint64_t body_len; /* Content-Length, 0 without */
	bool has_range;	   /* a single byte range: */
	bool has_first, has_last;
	uint64_t first, last;	  /* "first-last", "first-", or "-last" (the last so many bytes) */
	time_t if_modified_since; /* 0: not given */
	char path[HTTP_TARGET_MAX +
		  1]; /* decoded, begins with '/', no ".." segment, no NUL; query cut off */
};

/* Length of the head (empty line included) if buf holds all of it: > 0. 0: more bytes are needed.
 * *scanned saves work when called again with more bytes; 0 at first. */
size_t http_head_len(const char *buf, size_t len, size_t *scanned);
/* 0, or the status that answers a bad request (400, 404, 414, 501, 505). The method's status is the
 * caller's to give. head is what http_head_len measured. After anything but 0 and 404 the message's
 * end is unknown: answer and close. */
int http_parse(const char *head, size_t len, struct http_request *out);
/* Can this byte begin a request? */
bool http_may_begin(char c);

#endif
