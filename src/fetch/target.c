/* SPDX-License-Identifier: MIT */

#include "fetch/target.h"

#include <curl/curl.h>
#include <string.h>

#include "base/error.h"

typedef CURLU UrlParts;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UrlParts, curl_url_cleanup)

void target_free(Target *target)
{
	g_free(target->url);
	g_free(target->scheme);
	g_free(target->host);
	g_free(target->port);
	g_free(target->user);
	if (target->password)
		explicit_bzero(target->password, strlen(target->password));
	g_free(target->password);
	g_free(target);
}

/* NULL: it has none. */
static char *part_of(CURLU *parts, CURLUPart which, unsigned flags)
{
	char *got = NULL, *copy;

	if (curl_url_get(parts, which, &got, flags) != CURLUE_OK)
		return NULL;
	copy = g_strdup(got);
	curl_free(got);
	return copy;
}

static Target *target_new(CURLU *parts, GError **error)
{
	g_autoptr(Target) target = g_new0(Target, 1);
	char *scheme = part_of(parts, CURLUPART_SCHEME, 0);
	char *host = part_of(parts, CURLUPART_HOST, 0);

	target->scheme = scheme ? g_ascii_strdown(scheme, -1) : NULL;
	target->host = host ? g_ascii_strdown(host, -1) : NULL;
	g_free(scheme);
	g_free(host);
	if (g_strcmp0(target->scheme, "http") != 0 && g_strcmp0(target->scheme, "https") != 0)
		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "only http and https can be streamed, not '%s'",
		                 target->scheme ? target->scheme : "");
	if (!target->host || !target->host[0])
		return fail_null(error, FAILURE_USAGE, "the URL names no host");
	target->port = part_of(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	target->user = part_of(parts, CURLUPART_USER, CURLU_URLDECODE);
	target->password = part_of(parts, CURLUPART_PASSWORD, CURLU_URLDECODE);
	curl_url_set(parts, CURLUPART_USER, NULL, 0);
	curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(parts, CURLUPART_OPTIONS, NULL, 0);
	curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
	target->url = part_of(parts, CURLUPART_URL, 0);
	if (!target->url || !target->port)
		return fail_null(error, FAILURE_USAGE, "the URL cannot be used");
	return g_steal_pointer(&target);
}

Target *target_parse(const char *url, GError **error)
{
	g_autoptr(UrlParts) parts = curl_url();
	CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);

	/* The URL itself is not shown: there may be a password in it. */
	if (code != CURLUE_OK)
		return fail_null(error, FAILURE_USAGE, "the URL cannot be understood: %s",
		                 curl_url_strerror(code));
	return target_new(parts, error);
}

Target *target_copy(const Target *target)
{
	Target *copy = g_new0(Target, 1);

	copy->url = g_strdup(target->url);
	copy->scheme = g_strdup(target->scheme);
	copy->host = g_strdup(target->host);
	copy->port = g_strdup(target->port);
	copy->user = g_strdup(target->user);
	copy->password = g_strdup(target->password);
	return copy;
}

bool target_same_origin(const Target *a, const Target *b)
{
	return g_str_equal(a->scheme, b->scheme) && g_str_equal(a->host, b->host) &&
	       g_str_equal(a->port, b->port);
}

Target *target_follow(const Target *from, const char *location, GError **error)
{
	g_autoptr(UrlParts) parts = curl_url();
	g_autoptr(Target) target = NULL;
	CURLUcode code = curl_url_set(parts, CURLUPART_URL, from->url, 0);

	if (code == CURLUE_OK)
		code = curl_url_set(parts, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME);
	if (code != CURLUE_OK)
		return fail_null(error, FAILURE_NETWORK,
		                 "%s redirects to what cannot be understood: %s", from->host,
		                 curl_url_strerror(code));
	target = target_new(parts, error);
	if (!target) {
		g_prefix_error(error, "%s redirects: ", from->host);
		return NULL;
	}
	if (g_str_equal(from->scheme, "https") && !g_str_equal(target->scheme, "https"))
		return fail_null(error, FAILURE_NETWORK,
		                 "%s redirects from https to http, which is not followed",
		                 from->host);
	return g_steal_pointer(&target);
}
