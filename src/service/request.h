/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Options of a method call (chapter 5.2.1). A name or a type that is not
 * known is refused, never passed over.
 */

#include <glib.h>
#include <stdbool.h>

#include "system/stream.h"

typedef struct {
	char *source;
	char *transaction, *manifest_hash; /* NULL: not given */
	char *tls_cert, *tls_key, *tls_ca; /* access to a server */
	GStrv http_headers;
	bool ignore_compatible, ignore_version_limit, tls_no_verify;
} Request;

typedef enum { REQUEST_INSTALL, REQUEST_INSPECT } RequestKind;

/* `options`: a{sv}, NULL: none. "Unsupported key: <key>" */
Request *request_new(RequestKind kind, const char *source, GVariant *options, GError **error);
/* What of it is about a server; borrows. */
StreamAccess request_access(const Request *request);
void request_free(Request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Request, request_free)
