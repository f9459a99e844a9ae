/* SPDX-License-Identifier: MIT */

#include "fetch/headers.h"

#include <glib.h>
#include <string.h>

static void take(Headers *headers, const char *line)
{
	g_assert_true(headers_take(headers, line, strlen(line)));
}

static const struct {
	const char *value;
	bool has_range, has_total;
	uint64_t first, last, total;
} range_rows[] = {
	{ "bytes 0-3/4096", true, true, 0, 3, 4096 },
	{ "Bytes 0-0/1", true, true, 0, 0, 1 },
	{ "bytes 5-9/*", true, false, 5, 9, 0 },
	{ "bytes */12", false, true, 0, 0, 12 },
	{ "bytes 0-18446744073709551614/18446744073709551615", true, true, 0, G_MAXUINT64 - 1,
	  G_MAXUINT64 },
	/* and what is none */
	{ "", 0 },
	{ "bytes", 0 },
	{ "bytes ", 0 },
	{ "bytes 0-3", 0 },
	{ "bytes 0-3/", 0 },
	{ "bytes 0-4/4", 0 },
	{ "bytes 3-0/4", 0 },
	{ "bytes -3/4", 0 },
	{ "bytes 0-/4", 0 },
	{ "bytes 0-3/4 ", true, true, 0, 3, 4 }, /* spaces at the end are no part of it */
	{ "bytes 0-3/4x", 0 },
	{ "bytes 0-3/-4", 0 },
	{ "bytes +0-3/4", 0 },
	{ "bytes 0x0-3/4", 0 },
	{ "bytes  0-3/4", 0 },
	{ "bytes=0-3/4", 0 },
	{ "bytes */*", 0 },
	{ "items 0-3/4", 0 },
	{ "bytes 0-3/18446744073709551616", 0 },
	{ "bytes 18446744073709551616-3/4", 0 },
	{ "bytes 0-99999999999999999999999999/999999999999999999999999999", 0 },
};

static void test_range(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(range_rows); i++) {
		g_autofree char *line =
			g_strdup_printf("cOnTent-range: %s\r\n", range_rows[i].value);
		Headers headers;

		g_test_message("%s", range_rows[i].value);
		headers_clear(&headers);
		take(&headers, line);
		g_assert_true(headers.has_range == range_rows[i].has_range);
		g_assert_true(headers.has_total == range_rows[i].has_total);
		g_assert_cmpuint(headers.first, ==, range_rows[i].first);
		g_assert_cmpuint(headers.last, ==, range_rows[i].last);
		g_assert_cmpuint(headers.total, ==, range_rows[i].total);
		g_assert_false(headers.is_contradictory);
	}
}

static void test_contradiction(void)
{
	Headers headers;

	headers_clear(&headers);
	take(&headers, "Content-Range: bytes 0-3/4096\r\n");
	take(&headers, "Content-Range: bytes 0-3/4096\r\n");
	g_assert_false(headers.is_contradictory);
	take(&headers, "Content-Range: bytes 0-3/4097\r\n");
	g_assert_true(headers.is_contradictory);
	g_assert_cmpuint(headers.total, ==, 4096);
}

/* Checked with date(1). */
static const struct {
	const char *text;
	int64_t date;
} date_rows[] = {
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Thu, 01 Jan 1970 00:00:01 GMT", 1 },
	{ "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
	{ "Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	/* and what is none */
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 0 },
	{ "Sun Nov  6 08:49:37 1994", 0 },
	{ "Sun, 06 Nov 1994 08:49:37 UTC", 0 },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", 0 },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", 0 },
	{ "Sun, 31 Nov 1994 08:49:37 GMT", 0 },
	{ "Sun, 06 Foo 1994 08:49:37 GMT", 0 },
	{ "Sun, 06 anF 1994 08:49:37 GMT", 0 },
	{ "Sun, 06 Nov 1969 08:49:37 GMT", 0 },
	{ "Sun, 06 Nov 1994 24:49:37 GMT", 0 },
	{ "Sun, 06 Nov 1994 08:60:37 GMT", 0 },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", 0 },
	{ "Sun, -6 Nov 1994 08:49:37 GMT", 0 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT ", 0 },
	{ "", 0 },
};

static void test_date(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(date_rows); i++) {
		g_test_message("%s", date_rows[i].text);
		g_assert_cmpint(headers_parse_date(date_rows[i].text, strlen(date_rows[i].text)),
		                ==, date_rows[i].date);
	}
}

static const struct {
	const char *value, *etag;
} etag_rows[] = {
	{ "\"\"", "\"\"" },
	{ "\"abc-1\"", "\"abc-1\"" },
	{ "W/\"abc\"", "W/\"abc\"" },
	{ "abc", "" },
	{ "\"abc", "" },
	{ "\"", "" },
	{ "\"a\"b\"", "" },
	{ "\"a b\"", "" },
	{ "\"a\tb\"", "" },
	{ "w/\"abc\"", "" },
	{ "", "" },
};

static void test_etag(void)
{
	g_autofree char *endless = g_strnfill(HEADERS_ETAG_SIZE, 'x');
	g_autofree char *line = g_strdup_printf("ETag: \"%s\"\r\n", endless);
	Headers headers;

	for (unsigned i = 0; i < G_N_ELEMENTS(etag_rows); i++) {
		g_autofree char *one = g_strdup_printf("etag:%s\r\n", etag_rows[i].value);

		headers_clear(&headers);
		take(&headers, one);
		g_assert_cmpstr(headers.etag, ==, etag_rows[i].etag);
	}
	headers_clear(&headers);
	take(&headers, line);
	g_assert_cmpstr(headers.etag, ==, "");
}

static const struct {
	const char *lines[2];
	int64_t wait;
} wait_rows[] = {
	{ { "Retry-After: 120", "" }, 120 },
	{ { "Retry-After: 0", "" }, 0 },
	{ { "Retry-After: 99999999999", "" }, G_MAXINT32 },
	{ { "Retry-After: -5", "" }, -1 },
	{ { "Retry-After: 5.5", "" }, -1 },
	{ { "Retry-After: soon", "" }, -1 },
	{ { "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "" }, -1 }, /* from when? */
	{ { "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:07 GMT" },
	  30 },
	{ { "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:50:07 GMT" },
	  0 },
	{ { "Retry-Afte: 5", "Retry-Afterr: 5" }, -1 },
};

static void test_wait(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(wait_rows); i++) {
		Headers headers;

		headers_clear(&headers);
		take(&headers, wait_rows[i].lines[0]);
		take(&headers, wait_rows[i].lines[1]);
		g_assert_cmpint(headers_wait(&headers), ==, wait_rows[i].wait);
	}
}

/* What an interim answer said is not of the final one; but its bytes count. */
static void test_interim(void)
{
	Headers headers;

	headers_clear(&headers);
	take(&headers, "HTTP/1.1 103 Early Hints\r\n");
	take(&headers, "ETag: \"a\"\r\n");
	take(&headers, "Content-Range: bytes 0-3/4\r\n");
	take(&headers, "Content-Encoding: gzip\r\n");
	take(&headers, "HTTP/1.1 206 Partial Content\r\n");
	g_assert_cmpstr(headers.etag, ==, "");
	g_assert_false(headers.has_range || headers.is_encoded);
	g_assert_cmpuint(headers.n_bytes, >, 60);
	take(&headers, "Content-Encoding: identity\r\n");
	g_assert_false(headers.is_encoded);
	take(&headers, "Content-Encoding: gzip\r\n");
	g_assert_true(headers.is_encoded);
}

/* A server that goes on and on. */
static void test_endless(void)
{
	Headers headers;
	unsigned n = 0;

	headers_clear(&headers);
	while (headers_take(&headers, "HTTP/1.1 100 x\r\n", 16))
		n++;
	g_assert_cmpuint(n, <, 100000);
	g_assert_cmpuint(n, >, 100);
}

/* Lines that are none; under ASan, at the end of their memory. */
static void test_odd(void)
{
	static const char *const lines[] = { "",      ":",      "\r\n",    " ",    "\0:\0", "ETag",
		                             "ETag:", "ETag: ", "Date:\t", ":: :", "HTTP/" };

	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		size_t size = strlen(lines[i]);
		g_autofree char *copy = g_memdup2(lines[i], size);
		Headers headers;

		headers_clear(&headers);
		g_assert_true(headers_take(&headers, copy ? copy : "", size));
		g_assert_cmpstr(headers.etag, ==, "");
	}
}

static const struct {
	const char *before[2], *now[2];
	bool is_same;
} same_rows[] = {
	{ { "ETag: \"a\"", "" }, { "ETag: \"a\"", "" }, true },
	{ { "ETag: \"a\"", "" }, { "ETag: \"b\"", "" }, false },
	{ { "ETag: \"a\"", "" }, { "ETag: W/\"a\"", "" }, false },
	{ { "ETag: \"a\"", "" }, { "", "" }, true },
	{ { "", "" }, { "ETag: \"a\"", "" }, true },
	{ { "Content-Range: bytes 0-3/9", "" }, { "Content-Range: bytes 4-5/9", "" }, true },
	{ { "Content-Range: bytes 0-3/9", "" }, { "Content-Range: bytes 4-5/8", "" }, false },
	{ { "Content-Range: bytes 0-3/9", "" }, { "Content-Range: bytes */8", "" }, false },
	{ { "Content-Range: bytes 0-3/9", "" }, { "Content-Range: bytes 4-5/*", "" }, true },
	{ { "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "" },
	  { "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", "" },
	  false },
	{ { "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "ETag: \"a\"" },
	  { "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", "ETag: \"a\"" },
	  true }, /* the same bytes, from another machine */
};

static void test_same(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(same_rows); i++) {
		Headers before, now;

		headers_clear(&before);
		headers_clear(&now);
		for (unsigned j = 0; j < 2; j++) {
			take(&before, same_rows[i].before[j]);
			take(&now, same_rows[i].now[j]);
		}
		g_assert_true(headers_same_file(&before, &now) == same_rows[i].is_same);
	}
}

static const struct {
	const char *value;
	bool has_length;
	uint64_t length;
} length_rows[] = {
	{ "0", true, 0 },   { "18446744073709551615", true, G_MAXUINT64 },
	{ "5 ", true, 5 },  { "", false, 0 },
	{ "-1", false, 0 }, { "18446744073709551616", false, 0 },
	{ "1x", false, 0 }, { "5, 5", false, 0 },
};

static void test_length(void)
{
	Headers headers;

	for (unsigned i = 0; i < G_N_ELEMENTS(length_rows); i++) {
		g_autofree char *line =
			g_strdup_printf("content-Length: %s\r\n", length_rows[i].value);

		headers_clear(&headers);
		take(&headers, line);
		g_assert_true(headers.has_length == length_rows[i].has_length);
		g_assert_cmpuint(headers.length, ==, length_rows[i].length);
	}
	headers_clear(&headers);
	take(&headers, "Content-Length: 5\r\n");
	take(&headers, "Content-Length: 5\r\n");
	g_assert_false(headers.is_contradictory);
	take(&headers, "Content-Length: 6\r\n");
	g_assert_true(headers.is_contradictory);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/headers/range", test_range);
	g_test_add_func("/headers/contradiction", test_contradiction);
	g_test_add_func("/headers/date", test_date);
	g_test_add_func("/headers/etag", test_etag);
	g_test_add_func("/headers/wait", test_wait);
	g_test_add_func("/headers/interim", test_interim);
	g_test_add_func("/headers/endless", test_endless);
	g_test_add_func("/headers/odd", test_odd);
	g_test_add_func("/headers/same", test_same);
	g_test_add_func("/headers/length", test_length);
	return g_test_run();
}
