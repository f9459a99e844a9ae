/* SPDX-License-Identifier: MIT */

#include "fetch/headers.h"

#include <glib.h>
#include <string.h>

/* All lines of one answer, interim ones included. */
#define MAX_BYTES ((size_t)256 * 1024)

void headers_clear(Headers *headers)
{
	*headers = (Headers){ .retry_after = -1 };
}

/* A decimal number at the front of `*text`, which moves behind it. */
static bool take_number(const char **text, const char *end, uint64_t *number)
{
	const char *at = *text;
	uint64_t value = 0;

	for (; at < end && g_ascii_isdigit(*at); at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (value > (G_MAXUINT64 - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	*number = value;
	return true;
}

static bool take_text(const char **text, const char *end, const char *wanted)
{
	size_t length = strlen(wanted);

	if ((size_t)(end - *text) < length || g_ascii_strncasecmp(*text, wanted, length) != 0)
		return false;
	*text += length;
	return true;
}

static bool parse_range(Headers *to, const char *at, const char *end)
{
	if (!take_text(&at, end, "bytes "))
		return false;
	if (take_text(&at, end, "*/")) {
		to->has_total = take_number(&at, end, &to->total) && at == end;
		return to->has_total;
	}
	if (!take_number(&at, end, &to->first) || !take_text(&at, end, "-") ||
	    !take_number(&at, end, &to->last) || !take_text(&at, end, "/") || to->first > to->last)
		return false;
	if (take_text(&at, end, "*")) /* it does not know */
		return to->has_range = at == end;
	if (!take_number(&at, end, &to->total) || at != end || to->last >= to->total)
		return false;
	to->has_range = to->has_total = true;
	return true;
}

static void take_range(Headers *headers, const char *value, const char *end)
{
	Headers new = { 0 };
	bool is_range = parse_range(&new, value, end);

	if (!is_range)
		new.has_range = new.has_total = false;
	if (headers->has_range || headers->has_total) {
		headers->is_contradictory |= !is_range || new.first != headers->first ||
		                             new.last != headers->last ||
		                             new.total != headers->total;
		return;
	}
	if (!is_range)
		return;
	headers->has_range = new.has_range;
	headers->has_total = new.has_total;
	headers->first = new.first;
	headers->last = new.last;
	headers->total = new.has_total ? new.total : 0;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t shifted = month <= 2 ? year - 1 : year; /* years begin in March */
	int64_t of_year = (153 * (int64_t)(month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719468;
}

/* As many digits as `text` has from `at` on, of a known length. */
static bool digits(const char *text, unsigned n, unsigned *number)
{
	*number = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!g_ascii_isdigit(text[i]))
			return false;
		*number = *number * 10 + (unsigned)(text[i] - '0');
	}
	return true;
}

/* Where `word` (of 3) is among names; -1: nowhere. */
static int name_of(const char *word, const char *names)
{
	for (unsigned i = 0; names[3 * i]; i++) {
		if (strncmp(names + 3 * (size_t)i, word, 3) == 0)
			return (int)i;
	}
	return -1;
}

int64_t headers_parse_date(const char *text, size_t size)
{
	static const uint8_t lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned day, year, hour, minute, second;

	/* 0    5  8   12   17 20 23 26
	 * Sun, 06 Nov 1994 08:49:37 GMT */
	if (size != 29 || name_of(text, "SunMonTueWedThuFriSat") < 0 || memcmp(text + 3, ", ", 2) ||
	    text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' ||
	    text[22] != ':' || memcmp(text + 25, " GMT", 4) != 0)
		return 0;

	int month = name_of(text + 8, "JanFebMarAprMayJunJulAugSepOctNovDec");
	if (month < 0 || !digits(text + 5, 2, &day) || !digits(text + 12, 4, &year) ||
	    !digits(text + 17, 2, &hour) || !digits(text + 20, 2, &minute) ||
	    !digits(text + 23, 2, &second))
		return 0;
	if (year < 1970 || day < 1 || day > lengths[month] || hour > 23 || minute > 59 ||
	    second > 60)
		return 0;
	return days_of(year, (unsigned)month + 1, day) * 86400 + hour * 3600 + minute * 60 + second;
}

/* Quoted, perhaps weak, and all of it visible. */
static void take_etag(Headers *headers, const char *value, size_t size)
{
	const char *quoted = size > 2 && memcmp(value, "W/", 2) == 0 ? value + 2 : value;
	size_t length = size - (size_t)(quoted - value);

	if (length < 2 || size >= sizeof(headers->etag) || quoted[0] != '"' ||
	    quoted[length - 1] != '"')
		return;
	for (size_t i = 1; i + 1 < length; i++) {
		if ((unsigned char)quoted[i] < 0x21 || quoted[i] == '"' || quoted[i] == 0x7f)
			return;
	}
	memcpy(headers->etag, value, size);
	headers->etag[size] = '\0';
}

static void take_retry_after(Headers *headers, const char *value, size_t size)
{
	const char *at = value;
	uint64_t seconds;

	if (take_number(&at, value + size, &seconds) && at == value + size)
		headers->retry_after = (int64_t)MIN(seconds, (uint64_t)G_MAXINT32);
	else
		headers->retry_date = headers_parse_date(value, size);
}

static void take_length(Headers *headers, const char *value, size_t size)
{
	const char *at = value;
	uint64_t length;

	if (!take_number(&at, value + size, &length) || at != value + size)
		return;
	headers->is_contradictory |= headers->has_length && headers->length != length;
	headers->has_length = true;
	headers->length = length;
}

static void take_value(Headers *headers, const char *name, size_t length, const char *value,
                       size_t size)
{
	struct {
		const char *name;
		int64_t *date;
	} dates[] = { { "Date", &headers->date }, { "Last-Modified", &headers->modified } };
#define IS(word) (length == strlen(word) && g_ascii_strncasecmp(name, word, length) == 0)

	for (unsigned i = 0; i < G_N_ELEMENTS(dates); i++) {
		if (IS(dates[i].name))
			*dates[i].date = headers_parse_date(value, size);
	}
	if (IS("Content-Range"))
		take_range(headers, value, value + size);
	else if (IS("Content-Length"))
		take_length(headers, value, size);
	else if (IS("ETag"))
		take_etag(headers, value, size);
	else if (IS("Retry-After"))
		take_retry_after(headers, value, size);
	else if (IS("Content-Encoding"))
		headers->is_encoded |=
			!(size == 8 && g_ascii_strncasecmp(value, "identity", size) == 0);
#undef IS
}

bool headers_take(Headers *headers, const char *line, size_t size)
{
	size_t n_bytes = headers->n_bytes + size;
	const char *colon;

	if (n_bytes > MAX_BYTES || n_bytes < size)
		return false;
	if (size >= 5 && memcmp(line, "HTTP/", 5) == 0)
		headers_clear(headers);
	headers->n_bytes = n_bytes;
	while (size && strchr("\r\n\t ", line[size - 1]))
		size--;
	colon = memchr(line, ':', size);
	if (!colon || memchr(line, '\0', size))
		return true;

	const char *value = colon + 1, *end = line + size;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	take_value(headers, line, (size_t)(colon - line), value, (size_t)(end - value));
	return true;
}

int64_t headers_wait(const Headers *headers)
{
	if (headers->retry_after >= 0)
		return headers->retry_after;
	if (headers->retry_date && headers->date)
		return MAX(headers->retry_date - headers->date, 0);
	return -1;
}

bool headers_same_file(const Headers *before, const Headers *now)
{
	if (before->has_total && now->has_total && before->total != now->total)
		return false;
	if (before->etag[0] && now->etag[0])
		return strcmp(before->etag, now->etag) == 0;
	return !before->modified || !now->modified || before->modified == now->modified;
}
