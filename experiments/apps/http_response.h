/* SPDX-License-Identifier: BSD-3-Clause */
/* One HTTP/1.1 response, byte by byte: where it ends and what its status was. */
#ifndef APPS_HTTP_RESPONSE_H
#define APPS_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_response {
	uint64_t body_left;
	uint32_t n_head; /* bytes of the head so far */
	uint32_t line_len;
	uint16_t n_lines;
	uint16_t status;
	uint8_t matched; /* of "content-length:" */
	bool has_length, in_body;
};

enum http_response_state { HTTP_RESPONSE_MORE, HTTP_RESPONSE_DONE, HTTP_RESPONSE_BAD };

/* Starts from all zeroes. BAD: no head, no Content-Length, or bytes beyond the end. */
enum http_response_state http_response_feed(struct http_response *, const char *buf, size_t len);

#endif
