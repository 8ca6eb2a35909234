// SPDX-License-Identifier: BSD-3-Clause
#include "http_response.h"

#include <stdbool.h>

#define MAX_HEAD     (32u << 10)
#define STATUS_AT    9u /* "HTTP/1.1 200" */
#define NO_MATCH     UINT8_MAX
#define MAX_BODY_LEN (UINT64_C(1) << 60)

static const char length_name[] = "content-length:";

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A character of a line, not its end. */
static bool feed_char(struct http_response *r, char c)
{
	unsigned name_len = sizeof(length_name) - 1;

	if (r->n_lines == 0) {
		if (r->line_len >= STATUS_AT && r->line_len < STATUS_AT + 3) {
			if (!digit(c))
				return false;
			r->status = (uint16_t)(r->status * 10 + (c - '0'));
		}
	} else if (r->matched < name_len) {
		c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		r->matched = c == length_name[r->matched] ? (uint8_t)(r->matched + 1) : NO_MATCH;
	} else if (r->matched == name_len && digit(c)) {
		r->has_length = true;
		r->body_left = r->body_left * 10 + (uint64_t)(c - '0');
	}
	r->line_len++;
	return r->body_left < MAX_BODY_LEN;
}

static bool feed_head(struct http_response *r, char c)
{
	if (++r->n_head > MAX_HEAD)
		return false;
	if (c == '\r')
		return true;
	if (c != '\n')
		return feed_char(r, c);
	if (r->line_len == 0) {
		r->in_body = true;
		/* 204 and 304 have neither length nor body */
		return r->status >= 200 && (r->has_length || r->status == 204 || r->status == 304);
	}
	if (r->n_lines == 0 && r->line_len < STATUS_AT + 3)
		return false;
	r->n_lines++;
	r->line_len = 0;
	r->matched = 0;
	return true;
}

enum http_response_state http_response_feed(struct http_response *r, const char *buf, size_t len)
{
	size_t i = 0;

	while (i < len && !r->in_body)
		if (!feed_head(r, buf[i++]))
			return HTTP_RESPONSE_BAD;
	if (!r->in_body)
		return HTTP_RESPONSE_MORE;
	if (len - i > r->body_left)
		return HTTP_RESPONSE_BAD;
	r->body_left -= len - i;
	return r->body_left == 0 ? HTTP_RESPONSE_DONE : HTTP_RESPONSE_MORE;
}
