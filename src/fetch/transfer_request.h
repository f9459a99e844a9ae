/* SPDX-License-Identifier: MIT */
#pragma once

/* One HTTP request for a range of bytes, as an easy handle of curl. It does not know what the bytes are for. */

#include <curl/curl.h>

#include "fetch/headers.h"
#include "fetch/transfer_order.h"

/* How many of `size` bytes were taken: all, or CURL_WRITEFUNC_PAUSE, or less to end it. */
typedef size_t (*RequestTake)(void *user, const char *bytes, size_t size);

typedef struct {
	const Order *order;
	const Target *target;
	uint64_t first, last; /* both of them wanted */
	bool is_opening;      /* the first request: says who we are, and takes a 200 too */
	bool is_whole;        /* the server knows no ranges: a 200 with all of it */
	bool is_fresh;        /* on a connection of its own */
	RequestTake take;     /* only of a 206, or of such a 200 */
	void *user;           /* of `take`; also CURLINFO_PRIVATE */
} RequestWish;

typedef struct {
	CURL *easy;
	RequestWish wish;
	struct curl_slist *lines;
	Headers headers;
	size_t n_swallowed; /* of a body nobody wants */
	char message[CURL_ERROR_SIZE];
} Request;

Request *request_new(const RequestWish *wish, GError **error);
void request_free(Request *request);

/* What the server said, following and final: 0 where nothing has come. */
long request_status(const Request *request);
/* 1 for HTTP/1.x, else 2 and on. */
unsigned request_http_version(const Request *request);
/* Where it sends us; NULL: nowhere. Owned. */
char *request_location(const Request *request);
/* Why it ended with `code`, for people, without secrets. Owned. */
char *request_reason(const Request *request, CURLcode code);
