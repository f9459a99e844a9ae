/* SPDX-License-Identifier: MIT */

/* What a server says, line by line: what is kept makes sense, and is the same file as itself. */

#include "fuzz.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/headers.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Headers headers;

	headers_clear(&headers);
	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - data) + 1 - at : size - at;
		g_autofree char *line = g_memdup2(data + at, n); /* its end is that of the memory */

		if (!headers_take(&headers, line, n))
			break;
		at += n;
	}
	check(!headers.has_range || headers.first <= headers.last);
	check(!headers.has_range || !headers.has_total || headers.last < headers.total);
	check(headers.has_total || headers.total == 0);
	check(memchr(headers.etag, '\0', sizeof(headers.etag)) != NULL);
	check(headers.date >= 0 && headers.modified >= 0 && headers_wait(&headers) >= -1);
	check(headers_same_file(&headers, &headers));
	return 0;
}
