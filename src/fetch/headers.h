/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a server says before the bytes. Its lines are hostile: a value that is not
 * exactly what the standard (RFC 9110) says is as if it were not there, and what is
 * kept has a fixed size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEADERS_ETAG_SIZE = 256 };

typedef struct {
	/* Content-Range: bytes `first`-`last`/`total`, or bytes *\/`total` */
	bool has_range, has_total;
	uint64_t first, last, total;
	bool is_contradictory; /* it was there twice, with different values */
	bool is_encoded;       /* packed by the server, though nobody asked for that */
	bool has_length;
	uint64_t length;              /* of the body */
	char etag[HEADERS_ETAG_SIZE]; /* with its quotes; empty: none */
	int64_t date, modified;       /* Unix; 0: none */
	int64_t retry_after;          /* seconds; -1: none */
	int64_t retry_date;           /* Unix; 0: none */
	size_t n_bytes;               /* of all lines */
} Headers;

void headers_clear(Headers *headers);

/* One line as it came. A status line begins anew: what an interim answer said is forgotten.
 * False: there are more of them than any bundle's server has to say. */
bool headers_take(Headers *headers, const char *line, size_t size);

/* "Sun, 06 Nov 1994 08:49:37 GMT"; 0: it is none. */
int64_t headers_parse_date(const char *text, size_t size);

/* Seconds the server wants to be left alone; -1: it said nothing (that could be understood). */
int64_t headers_wait(const Headers *headers);

/* Could the two be about the same file? What one of them does not say is no difference. */
bool headers_same_file(const Headers *before, const Headers *now);
