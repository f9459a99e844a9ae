/* SPDX-License-Identifier: MIT */

#include "service/request.h"

#include <stddef.h>

#include "base/error.h"

typedef struct {
	const char *key, *type;
	size_t offset;    /* of the field of Request */
	RequestKind last; /* only calls up to this kind know it */
} Row;

#define ROW(key, type, field, last)                       \
	{                                                 \
		key, type, offsetof(Request, field), last \
	}

static const Row rows[] = {
	ROW("ignore-compatible", "b", ignore_compatible, REQUEST_INSTALL),
	ROW("ignore-version-limit", "b", ignore_version_limit, REQUEST_INSTALL),
	ROW("transaction-id", "s", transaction, REQUEST_INSTALL),
	ROW("require-manifest-hash", "s", manifest_hash, REQUEST_INSTALL),
	ROW("tls-cert", "s", tls_cert, REQUEST_INSPECT),
	ROW("tls-key", "s", tls_key, REQUEST_INSPECT),
	ROW("tls-ca", "s", tls_ca, REQUEST_INSPECT),
	ROW("tls-no-verify", "b", tls_no_verify, REQUEST_INSPECT),
	ROW("http-headers", "as", http_headers, REQUEST_INSPECT),
};

static const Row *find(RequestKind kind, const char *key, GVariant *value)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i].last >= kind && g_str_equal(rows[i].key, key) &&
		    g_variant_is_of_type(value, G_VARIANT_TYPE(rows[i].type)))
			return &rows[i];
	}
	return NULL;
}

static void take(Request *request, const Row *row, GVariant *value)
{
	void *field = (char *)request + row->offset;

	if (*row->type == 'b') {
		*(bool *)field = g_variant_get_boolean(value);
	} else if (*row->type == 's') {
		g_free(*(char **)field);
		*(char **)field = g_variant_dup_string(value, NULL);
	} else {
		g_strfreev(*(GStrv *)field);
		*(GStrv *)field = g_variant_dup_strv(value, NULL);
	}
}

Request *request_new(RequestKind kind, const char *source, GVariant *options, GError **error)
{
	g_autoptr(Request) request = g_new0(Request, 1);
	GVariantIter entries;
	const char *key;
	GVariant *value;

	request->source = g_strdup(source);
	if (!options)
		return g_steal_pointer(&request);
	g_variant_iter_init(&entries, options);
	while (g_variant_iter_next(&entries, "{&sv}", &key, &value)) {
		g_autoptr(GVariant) owned = value;
		const Row *row = find(kind, key, value);

		if (!row)
			return fail_null(error, FAILURE_USAGE, "Unsupported key: %s", key);
		take(request, row, value);
	}
	return g_steal_pointer(&request);
}

StreamAccess request_access(const Request *request)
{
	return (StreamAccess){
		.tls_cert = request->tls_cert,
		.tls_key = request->tls_key,
		.tls_ca = request->tls_ca,
		.tls_no_verify = request->tls_no_verify,
		.headers = (const char *const *)request->http_headers,
	};
}

void request_free(Request *request)
{
	if (!request)
		return;
	g_free(request->source);
	g_free(request->transaction);
	g_free(request->manifest_hash);
	g_free(request->tls_cert);
	g_free(request->tls_key);
	g_free(request->tls_ca);
	g_strfreev(request->http_headers);
	g_free(request);
}
