// SPDX-License-Identifier: BSD-3-Clause
#include "http_parse.h"

#include <string.h>
#include <strings.h>

struct span {
	const char *at;
	size_t len;
};

/* What the headers say beyond struct http_request. */
struct fields {
	struct http_request *req;
	unsigned n_host;
	bool has_length, has_encoding, has_close, has_keep_alive, has_if_range;
};

static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool http_may_begin(char c)
{
	return is_token(c) || c == '\r' || c == '\n';
}

/* Ends at an empty line, also one by bare line feeds: those are refused, but not waited for. */
size_t http_head_len(const char *buf, size_t len, size_t *scanned)
{
	size_t i = *scanned;
	const char *lf = NULL;

	while (i < len && (lf = memchr(buf + i, '\n', len - i)) != NULL) {
		i = (size_t)(lf - buf);
		if (i + 1 < len && buf[i + 1] == '\n')
			return i + 2;
		if (i + 2 < len && buf[i + 1] == '\r' && buf[i + 2] == '\n')
			return i + 3;
		if (i + 2 >= len)
			break; /* look at this one again with what comes next */
		i++;
	}
	*scanned = lf == NULL || i >= len ? len : i;
	return 0;
}

static bool same(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

static struct span trim(struct span s)
{
	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cuts s at the first c: the part before it; s keeps what follows. The whole of s if there is none.
 */
static struct span cut(struct span *s, char c)
{
	const char *end = s->len > 0 ? memchr(s->at, c, s->len) : NULL;
	struct span part = *s;

	if (end == NULL) {
		s->at += s->len;
		s->len = 0;
		return part;
	}
	part.len = (size_t)(end - s->at);
	s->at = end + 1;
	s->len -= part.len + 1;
	return part;
}

/* Decimal digits only. */
static bool parse_u64(struct span s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has_parent_segment(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += 3)
		if (at[3] == '/' || at[3] == '\0')
			return true;
	return false;
}

/* An encoded slash could name something other than what a filter before us saw: not found. */
static int decode_path(struct span raw, char *out)
{
	bool hidden_slash = false;
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		unsigned char c = (unsigned char)raw.at[i];
		int high, low;

		if (c <= ' ' || c == 0x7f || c == '#')
			return 400;
		if (c == '%') {
			high = i + 2 < raw.len ? hex(raw.at[i + 1]) : -1;
			low = i + 2 < raw.len ? hex(raw.at[i + 2]) : -1;
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return 400;
			c = (unsigned char)(high << 4 | low);
			hidden_slash = hidden_slash || c == '/' || c == '\\';
			i += 2;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return hidden_slash || has_parent_segment(out) ? 404 : 0;
}

static int parse_target(struct span target, char *path)
{
	const char *slash;

	if (target.len > HTTP_TARGET_MAX)
		return 414;
	if (target.len >= 7 && strncasecmp(target.at, "http://", 7) == 0) { /* absolute-form */
		target.at += 7;
		target.len -= 7;
		slash = memchr(target.at, '/', target.len);
		if (slash == NULL) {
			memcpy(path, "/", 2);
			return target.len > 0 ? 0 : 400;
		}
		if (slash == target.at)
			return 400;
		target.len -= (size_t)(slash - target.at);
		target.at = slash;
	}
	if (target.len == 0 || target.at[0] != '/')
		return 400;
	return decode_path(cut(&target, '?'), path);
}

static enum http_method parse_method(struct span s)
{
	static const char *const others[] = {"POST",	"PUT",	 "DELETE", "CONNECT",
					     "OPTIONS", "TRACE", "PATCH",  NULL};

	if (s.len == 3 && memcmp(s.at, "GET", 3) == 0)
		return HTTP_GET;
	if (s.len == 4 && memcmp(s.at, "HEAD", 4) == 0)
		return HTTP_HEAD;
	for (const char *const *m = others; *m != NULL; m++)
		if (s.len == strlen(*m) && memcmp(s.at, *m, s.len) == 0)
			return HTTP_NOT_ALLOWED;
	return HTTP_UNKNOWN;
}

static int parse_version(struct span s, struct http_request *out)
{
	if (s.len != 8 || memcmp(s.at, "HTTP/", 5) != 0 || s.at[5] < '0' || s.at[5] > '9' ||
	    s.at[6] != '.' || s.at[7] < '0' || s.at[7] > '9')
		return 400;
	if (s.at[5] != '1')
		return 505;
	out->minor = (unsigned)(s.at[7] - '0');
	return 0;
}

static int parse_request_line(struct span line, struct http_request *out)
{
	struct span method = cut(&line, ' '), target = cut(&line, ' ');
	int status;

	if (method.len == 0)
		return 400;
	for (size_t i = 0; i < method.len; i++)
		if (!is_token(method.at[i]))
			return 400;
	out->method = parse_method(method);
	status = parse_version(line, out);
	if (status != 0)
		return status;
	/* CONNECT and OPTIONS have other forms of target: they are refused for their method */
	if (out->method == HTTP_NOT_ALLOWED || out->method == HTTP_UNKNOWN)
		return target.len > HTTP_TARGET_MAX ? 414 : target.len == 0 ? 400 : 0;
	return parse_target(target, out->path);
}

static void parse_connection(struct fields *f, struct span value)
{
	while (value.len > 0) {
		struct span option = trim(cut(&value, ','));

		f->has_close = f->has_close || same(option, "close");
		f->has_keep_alive = f->has_keep_alive || same(option, "keep-alive");
	}
}

/* One range; several, or anything that is none, count as no range at all (RFC 9110 14.2). */
static void parse_range(struct http_request *req, struct span value)
{
	struct span unit = cut(&value, '='), first;

	if (!same(unit, "bytes") || memchr(value.at, ',', value.len) != NULL ||
	    memchr(value.at, '-', value.len) == NULL)
		return;
	first = trim(cut(&value, '-'));
	value = trim(value);
	req->has_first = parse_u64(first, &req->first);
	req->has_last = parse_u64(value, &req->last);
	req->has_range = (req->has_first || (first.len == 0 && req->has_last)) &&
			 (req->has_last || value.len == 0) &&
			 !(req->has_first && req->has_last && req->last < req->first);
}

static void parse_date(struct http_request *req, struct span value)
{
	struct tm tm = {0};
	char text[40];
	const char *end;

	if (value.len >= sizeof(text))
		return;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (end != NULL && *end == '\0')
		req->if_modified_since = timegm(&tm);
}

static int parse_length(struct fields *f, struct span value)
{
	uint64_t len;

	if (!parse_u64(value, &len) || (f->has_length && len != f->req->body_len))
		return 400;
	f->has_length = true;
	f->req->body_len = len;
	return 0;
}

static int parse_field(struct fields *f, struct span name, struct span value)
{
	if (same(name, "Host"))
		f->n_host++;
	else if (same(name, "Connection"))
		parse_connection(f, value);
	else if (same(name, "Content-Length"))
		return parse_length(f, value);
	else if (same(name, "Transfer-Encoding"))
		f->has_encoding = true;
	else if (same(name, "Expect"))
		f->req->expect = same(value, "100-continue");
	else if (same(name, "Range"))
		parse_range(f->req, value);
	else if (same(name, "If-Range"))
		f->has_if_range = true;
	else if (same(name, "If-Modified-Since"))
		parse_date(f->req, value);
	return 0;
}

static int parse_header_line(struct fields *f, struct span line)
{
	struct span name;

	/* a line that continues another (obs-fold) begins with a space: refused, RFC 9112 5.2 */
	if (memchr(line.at, ':', line.len) == NULL)
		return 400;
	name = cut(&line, ':');
	if (name.len == 0)
		return 400;
	for (size_t i = 0; i < name.len; i++)
		if (!is_token(name.at[i]))
			return 400;
	for (size_t i = 0; i < line.len; i++)
		if (((unsigned char)line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 0x7f)
			return 400;
	return parse_field(f, name, trim(line));
}

/* The next line without its CRLF; false: it ends otherwise. */
static bool next_line(struct span *head, struct span *line)
{
	*line = cut(head, '\n');
	if (line->len == 0 || line->at[line->len - 1] != '\r')
		return false;
	line->len--;
	return memchr(line->at, '\r', line->len) == NULL;
}

static int finish(const struct fields *f)
{
	struct http_request *req = f->req;

	if (req->minor > 0 ? f->n_host != 1 : f->n_host > 1)
		return 400;
	/* a length beside an encoding is how requests are smuggled past proxies */
	if (f->has_encoding)
		return f->has_length || req->minor == 0 ? 400 : 501;
	req->keep_alive = !f->has_close && (req->minor > 0 || f->has_keep_alive);
	/* we have no strong validator to compare with, so the range does not apply (RFC
	 * 9110 13.1.5) */
	req->has_range = req->has_range && !f->has_if_range;
	return 0;
}

int http_parse(const char *head, size_t len, struct http_request *out)
{
	struct fields f = {.req = out};
	struct span rest = {head, len}, line;
	int status, not_found;

	memset(out, 0, offsetof(struct http_request, path));
	out->path[0] = '\0';
	if (!next_line(&rest, &line))
		return 400;
	not_found = parse_request_line(line, out);
	if (not_found != 0 && not_found != 404)
		return not_found;
	for (;;) {
		if (!next_line(&rest, &line))
			return 400;
		if (line.len == 0)
			break;
		status = parse_header_line(&f, line);
		if (status != 0)
			return status;
	}
	status = finish(&f);
	return status != 0 ? status : not_found;
}
