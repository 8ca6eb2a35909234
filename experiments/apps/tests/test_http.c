// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_parse.h"
#include "http_response.h"
#include "util.h"

#define HOST	    "Host: a\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"

static uint64_t seed = 1;

/* From memory of exactly this length, so that a sanitizer sees a read beyond it. */
static int parse(const char *text, struct http_request *out)
{
	size_t len = strlen(text), scanned = 0, head;
	char *copy = malloc(len);
	int status = -1;

	memcpy(copy, text, len);
	head = http_head_len(copy, len, &scanned);
	if (head > 0)
		status = http_parse(copy, head, out);
	free(copy);
	return status;
}

struct expected {
	int status;
	const char *text;
};

static const struct expected status_cases[] = {
	{0, GET("/")},
	{0, "GET / HTTP/1.0\r\n\r\n"},
	{0, "GET / HTTP/1.9\r\n" HOST "\r\n"},
	{0, "HEAD http://a/b HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET http://a HTTP/1.1\r\n" HOST "\r\n"},
	{0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
	{0, "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n"},
	{0, "BREW / HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{-1, "GET / HTTP/1.1\r\n" HOST}, /* not whole */
	{400, "GET / HTTP/1.1\r\n\r\n"}, /* no Host */
	{400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
	{400, "GET /\r\n\r\n"},
	{400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.1 \r\n" HOST "\r\n"},
	{400, "GET / HTTP/11\r\n" HOST "\r\n"},
	{400, "GET / http/1.1\r\n" HOST "\r\n"},
	{400, "G(T / HTTP/1.1\r\n" HOST "\r\n"},
	{400, " / HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.1\n" HOST "\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST ": empty\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "A: \001\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 1,1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{501, "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"},
	{505, "GET / HTTP/2.0\r\n" HOST "\r\n"},
	{505, "GET / HTTP/0.9\r\n" HOST "\r\n"},
	{400, GET("x")},
	{400, GET("*")},
	{400, GET("http:///x")},
	{400, GET("/%")},
	{400, GET("/%4")},
	{400, GET("/%zz")},
	{400, GET("/%00")},
	{400, GET("/\001")},
	{400, GET("/#x")},
	{404, GET("/..")},
	{404, GET("/../x")},
	{404, GET("/x/..")},
	{404, GET("/x/../y")},
	{404, GET("/%2e%2E/x")},
	{404, GET("/.%2e/x")},
	{404, GET("/x%2fy")},
	{404, GET("/..%2f")},
	{404, GET("/..%5cx")},
	{0, GET("/...")},
	{0, GET("/..x/x..")},
	{0, GET("/x?/../%zz")},
};

static void test_statuses(void **state)
{
	struct http_request req;

	(void)state;
	for (size_t i = 0; i < sizeof(status_cases) / sizeof(status_cases[0]); i++) {
		int status = parse(status_cases[i].text, &req);

		if (status != status_cases[i].status)
			fail_msg("%d instead of %d for: %s", status, status_cases[i].status,
				 status_cases[i].text);
	}
}

static void test_long_targets(void **state)
{
	char text[HTTP_TARGET_MAX + 100], target[HTTP_TARGET_MAX + 2];
	struct http_request req;

	(void)state;
	memset(target, 'x', sizeof(target));
	target[0] = '/';
	target[HTTP_TARGET_MAX] = '\0';
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
	assert_int_equal(parse(text, &req), 0);
	assert_string_equal(req.path, target);
	target[HTTP_TARGET_MAX] = 'x';
	target[HTTP_TARGET_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
	assert_int_equal(parse(text, &req), 414);
}

static void test_path_is_decoded_and_the_query_cut(void **state)
{
	struct http_request req;

	(void)state;
	assert_int_equal(parse(GET("/a%20b%41.html?q=%2f"), &req), 0);
	assert_string_equal(req.path, "/a bA.html");
	assert_int_equal(parse("GET HTTP://a:1/c HTTP/1.1\r\n" HOST "\r\n", &req), 0);
	assert_string_equal(req.path, "/c");
}

static bool keep_alive(const char *version, const char *fields)
{
	struct http_request req;
	char text[256];

	snprintf(text, sizeof(text), "GET / HTTP/%s\r\n" HOST "%s\r\n", version, fields);
	assert_int_equal(parse(text, &req), 0);
	return req.keep_alive;
}

static void test_keep_alive(void **state)
{
	(void)state;
	assert_true(keep_alive("1.1", ""));
	assert_false(keep_alive("1.1", "Connection: close\r\n"));
	assert_false(keep_alive("1.1", "connection: Upgrade ,\tCLOSE\r\n"));
	assert_false(keep_alive("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
	assert_true(keep_alive("1.1", "Connection: closed\r\n"));
	assert_false(keep_alive("1.0", ""));
	assert_true(keep_alive("1.0", "Connection: Keep-Alive\r\n"));
	assert_false(keep_alive("1.0", "Connection: keep-alive, close\r\n"));
}

static struct http_request ranged(const char *value, const char *more)
{
	struct http_request req;
	char text[256];

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "Range: %s\r\n%s\r\n", value, more);
	assert_int_equal(parse(text, &req), 0);
	return req;
}

static void test_ranges(void **state)
{
	static const char *const none[] = {
		"bytes=5-4", "bytes=-",	      "bytes=",
		"bytes=a-b", "bytes=1-2,3-4", "items=1-2",
		"bytes 1-2", "bytes=-1-",     "bytes=1-18446744073709551616"};
	struct http_request req = ranged("bytes=2-7", "");

	(void)state;
	assert_true(req.has_range && req.has_first && req.has_last && req.first == 2 &&
		    req.last == 7);
	req = ranged("bytes=3-", "");
	assert_true(req.has_range && req.has_first && !req.has_last && req.first == 3);
	req = ranged("bytes=-4", "");
	assert_true(req.has_range && !req.has_first && req.last == 4);
	assert_false(ranged("bytes=2-7", "If-Range: \"x\"\r\n").has_range);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(ranged(none[i], "").has_range);
}

static void test_head_is_found_wherever_it_is_split(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "A: b\r\n\r\nGET";
	size_t whole = sizeof(text) - 1 - 3;

	(void)state;
	for (size_t split = 0; split < sizeof(text); split++) {
		size_t scanned = 0, len = http_head_len(text, split, &scanned);

		assert_int_equal(len, split >= whole ? whole : 0);
		assert_true(scanned <= split);
		if (len == 0)
			assert_int_equal(http_head_len(text, sizeof(text) - 1, &scanned), whole);
	}
	for (size_t step = 1; step < 5; step++) {
		size_t scanned = 0, len = 0;

		for (size_t have = step; len == 0 && have < sizeof(text); have += step)
			len = http_head_len(text, have, &scanned);
		assert_int_equal(len, whole);
	}
}

static void test_random_bytes_are_survived(void **state)
{
	static const char alphabet[] = "GET / HTTP/1.1\r\n\r\n: \t%2e../,;=-\x80\x01"
				       "Content-Length";
	uint64_t rng = seed, n_whole = 0;
	struct http_request req;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t len = random_next(&rng) % 64, scanned = 0, head;
		char *text = malloc(len + 1);

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[random_next(&rng) % (sizeof(alphabet) - 1)];
		text = realloc(text, len > 0 ? len : 1);
		head = http_head_len(text, len, &scanned);
		n_whole += head > 0;
		if (head > 0)
			assert_true(http_parse(text, head, &req) >= 0);
		free(text);
	}
	assert_true(n_whole > 1000);
}

/* Heads with one byte changed: parsed to some status, path always below the root. */
static void test_changed_bytes_are_survived(void **state)
{
	static const char text[] =
		"GET /a%20b/../c?d HTTP/1.1\r\n" HOST "Content-Length: 12\r\nRange: bytes=1-2\r\n"
		"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
	size_t len = sizeof(text) - 1;
	struct http_request req;
	char copy[sizeof(text)];

	(void)state;
	for (size_t i = 0; i < len; i++) {
		for (int byte = 0; byte < 256; byte++) {
			size_t scanned = 0, head;

			memcpy(copy, text, sizeof(text));
			copy[i] = (char)byte;
			head = http_head_len(copy, len, &scanned);
			if (head == 0 || http_parse(copy, head, &req) != 0)
				continue;
			assert_true(req.method > HTTP_HEAD || req.path[0] == '/');
			assert_null(strstr(req.path, "/../"));
		}
	}
}

static enum http_response_state feed(const char *text, size_t step, struct http_response *r)
{
	enum http_response_state state = HTTP_RESPONSE_MORE;
	size_t len = strlen(text);

	*r = (struct http_response){0};
	for (size_t at = 0; at < len && state == HTTP_RESPONSE_MORE; at += step)
		state = http_response_feed(r, text + at, step < len - at ? step : len - at);
	return state;
}

static void test_responses(void **state)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nX: 1\r\nCONTENT-length:  5\r\n\r\n12345";
	struct http_response r;

	(void)state;
	for (size_t step = 1; step < sizeof(ok); step++) {
		assert_int_equal(feed(ok, step, &r), HTTP_RESPONSE_DONE);
		assert_int_equal(r.status, 200);
	}
	assert_int_equal(feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 9, &r),
			 HTTP_RESPONSE_DONE);
	assert_int_equal(feed("HTTP/1.1 304 x\r\n\r\n", 100, &r), HTTP_RESPONSE_DONE);
	assert_int_equal(feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12345", 100, &r),
			 HTTP_RESPONSE_BAD);
	assert_int_equal(feed("HTTP/1.1 200 OK\r\nX-Content-Length: 4\r\n\r\n1234", 100, &r),
			 HTTP_RESPONSE_BAD);
	assert_int_equal(feed("HTTP/1.1 200 OK\r\n\r\n", 100, &r), HTTP_RESPONSE_BAD);
	assert_int_equal(feed("HTTP/1.1 2x0 OK\r\n", 100, &r), HTTP_RESPONSE_BAD);
	assert_int_equal(feed("HTTP\r\n", 100, &r), HTTP_RESPONSE_BAD);
	assert_int_equal(feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234", 1, &r),
			 HTTP_RESPONSE_MORE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_long_targets),
		cmocka_unit_test(test_path_is_decoded_and_the_query_cut),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_head_is_found_wherever_it_is_split),
		cmocka_unit_test(test_random_bytes_are_survived),
		cmocka_unit_test(test_changed_bytes_are_survived),
		cmocka_unit_test(test_responses),
	};

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		seed = strtoull(argv[2], NULL, 0);
	printf("--seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
