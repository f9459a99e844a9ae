/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bundles on a server: [streaming] of the configuration, what was asked for besides, and what
 * this device tells of itself (chapters 9.3, 9.4).
 */

#include "model/config.h"
#include "source/remote.h"
#include "system/system.h"

/* Answers that are no errors to who asks with an ETag, or for whatever there is. */
enum { STREAM_NO_CONTENT = 204, STREAM_NOT_MODIFIED = 304 };

/* What a server said of its file, or instead of it. */
typedef struct {
	unsigned http;    /* it was refused with this status; 0: it was not, or without an answer */
	char *url, *etag; /* where it was found in the end; "": the server has no ETag */
	uint64_t size, modified; /* Unix; 0: not said */
} StreamAnswer;

void stream_answer_clear(StreamAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StreamAnswer, stream_answer_clear)

typedef struct {
	/* Instead of the configuration's, each where it is not NULL. */
	const char *tls_cert, *tls_key, *tls_ca;
	bool tls_no_verify;
	bool is_patient; /* a server that is not there is waited for; else it is asked once */
	const char *const *headers; /* "Name: value", NULL: none */
	const char *transaction;    /* told to the server where the configuration says so */
	const char *etag;     /* only something else is wanted: 304 otherwise; NULL: anything is */
	StreamAnswer *answer; /* NULL: not wanted */
	System *system;       /* what is told of the device; NULL: nothing */
	/* As RemoteRequest has them. */
	Cancel *cancel;
	void (*waiting)(void *user, const RemoteWaiting *waiting);
	void (*fetched)(void *user, const RemoteStats *stats);
	void *user;
} StreamAccess;

/* http or https, in any case. */
bool stream_is_url(const char *location);

/* Where rauc-fetch is, whether it is there or not; the caller's. FAILURE_UNSUPPORTED where this
 * program was built without. And whose rights it gets. */
char *stream_program(GError **error);
const char *stream_user(const Config *config);

/* "Failed to stream bundle <url>: …". `access` may be NULL. */
Source *stream_open(const Config *config, const StreamAccess *access, const char *url,
                    GError **error);
