/* SPDX-License-Identifier: MIT */

#include "fetch/transfer_request.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

#define USER_AGENT "rauc/1.16"
/* Bodies of answers that are none to us are read to their end, so that the connection can be used again. */
#define MAX_SWALLOWED ((size_t)64 * 1024)
#define BUFFER        (64L * 1024)

static size_t on_header(char *line, size_t one, size_t size, void *user)
{
	Request *request = user;

	return headers_take(&request->headers, line, one * size) ? one * size : 0;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *user)
{
	Request *request = user;
	long status = request_status(request);

	size *= one;
	if (status == (request->wish.is_whole ? 200 : 206) ||
	    (status == 200 && request->wish.is_opening))
		return request->wish.take(request->wish.user, bytes, size);
	request->n_swallowed += size;
	return status != 200 && request->n_swallowed <= MAX_SWALLOWED ? size : 0;
}

static bool is_visible(const char *line)
{
	static const char *const known[] = {
		"GET ",       "HTTP/", "Host:", "Range:",  "Content-Range", "Content-Length",
		"User-Agent", "ETag",  "Date",  "Server:", "Retry-After",   "Last-Modified"
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
		if (g_ascii_strncasecmp(line, known[i], strlen(known[i])) == 0)
			return true;
	}
	return false;
}

/* With RAUC_CURL_VERBOSE: what curl does, but no header that may be a secret. */
static int on_verbose(CURL *easy G_GNUC_UNUSED, curl_infotype type, char *data, size_t size,
                      void *user G_GNUC_UNUSED)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (type != CURLINFO_TEXT && type != CURLINFO_HEADER_IN && type != CURLINFO_HEADER_OUT)
		return 0;
	text = g_strndup(data, size);
	lines = g_strsplit(g_strstrip(text), "\n", -1);
	for (unsigned i = 0; lines[i]; i++) {
		if (type == CURLINFO_TEXT
		            ? !strstr(lines[i], "user '") && !strstr(lines[i], "pkcs11:")
		            : is_visible(lines[i]))
			g_message("curl: %s", g_strstrip(lines[i]));
	}
	return 0;
}

static void set_headers(Request *request, bool is_at_origin)
{
	const RequestWish *wish = &request->wish;
	GStrv all[] = { wish->order->headers, wish->is_opening ? wish->order->info_headers : NULL };

	for (unsigned i = 0; is_at_origin && i < G_N_ELEMENTS(all); i++) {
		for (unsigned j = 0; all[i] && all[i][j]; j++) {
			/* curl: "Name;" is how a header without a value is asked for */
			const char *line = all[i][j], *colon = strchr(line, ':');
			bool is_empty = colon[1 + strspn(colon + 1, " \t")] == '\0';
			g_autofree char *bare =
				is_empty ? g_strdup_printf("%.*s;", (int)(colon - line), line)
					 : NULL;

			request->lines = curl_slist_append(request->lines, bare ? bare : line);
		}
	}
	curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->lines);
	if (wish->is_opening)
		curl_easy_setopt(request->easy, CURLOPT_USERAGENT, USER_AGENT);
}

/* Who we are is for the origin of the URL, or for where a URL said so itself. */
static void set_credentials(Request *request, bool is_at_origin)
{
	const RequestWish *wish = &request->wish;
	const Target *from = wish->target->user || wish->target->password || !is_at_origin
	                             ? wish->target
	                             : wish->order->origin;

	if (from->user || from->password) {
		curl_easy_setopt(request->easy, CURLOPT_USERNAME, from->user ? from->user : "");
		curl_easy_setopt(request->easy, CURLOPT_PASSWORD,
		                 from->password ? from->password : "");
	}
	curl_easy_setopt(request->easy, CURLOPT_NETRC,
	                 (long)(is_at_origin ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED));
	curl_easy_setopt(request->easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
}

static bool set_token(Request *request, GError **error)
{
	const Order *order = request->wish.order;

	if (!order_has_token(order))
		return true;
	if (curl_easy_setopt(request->easy, CURLOPT_SSLENGINE, "pkcs11") != CURLE_OK)
		return fail(error, FAILURE_UNSUPPORTED,
		            "tls-cert and tls-key in a PKCS#11 token need the OpenSSL engine "
		            "'pkcs11', which is not here (Debian: libengine-pkcs11-openssl)");
	if (order_is_token(order->tls_key))
		curl_easy_setopt(request->easy, CURLOPT_SSLKEYTYPE, "ENG");
	/* where the URL has none; as with the keys that sign */
	curl_easy_setopt(request->easy, CURLOPT_KEYPASSWD, g_getenv("RAUC_PKCS11_PIN"));
	if (order_is_token(order->tls_cert))
		curl_easy_setopt(request->easy, CURLOPT_SSLCERTTYPE, "ENG");
	return true;
}

/* A certificate is shown to any server that asks for one: the key stays here. */
static bool set_tls(Request *request, GError **error)
{
	const Order *order = request->wish.order;

	if (order->tls_ca) {
		curl_easy_setopt(request->easy, CURLOPT_CAINFO, order->tls_ca);
		curl_easy_setopt(request->easy, CURLOPT_CAPATH, NULL);
	}
	if (order->tls_no_verify) {
		curl_easy_setopt(request->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(request->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (order->tls_cert)
		curl_easy_setopt(request->easy, CURLOPT_SSLCERT, order->tls_cert);
	if (order->tls_key)
		curl_easy_setopt(request->easy, CURLOPT_SSLKEY, order->tls_key);
	return set_token(request, error);
}

/* Redirects are followed by who asked: curl would take the user's headers along. */
static void set_transport(Request *request)
{
	const RequestWish *wish = &request->wish;
	const Policy *policy = &wish->order->policy;
	CURL *easy = request->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* no waiting for the resolver's threads */
#endif
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)policy->connect_sec);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, policy->rate_limit ? 16384L : BUFFER);
	if (wish->is_fresh) {
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	}
	if (g_getenv("RAUC_CURL_VERBOSE")) {
		curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
		curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_verbose);
	}
}

Request *request_new(const RequestWish *wish, GError **error)
{
	Request *request = g_new0(Request, 1);
	bool is_at_origin = target_same_origin(wish->target, wish->order->origin);
	g_autofree char *range = g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
	                                         wish->first, wish->last);

	request->wish = *wish;
	headers_clear(&request->headers);
	request->easy = curl_easy_init();
	if (!request->easy) {
		request_free(request);
		return fail_null(error, FAILURE_IO, "libcurl cannot make a request");
	}
	curl_easy_setopt(request->easy, CURLOPT_URL, wish->target->url);
	curl_easy_setopt(request->easy, CURLOPT_RANGE, wish->is_whole ? NULL : range);
	curl_easy_setopt(request->easy, CURLOPT_ERRORBUFFER, request->message);
	curl_easy_setopt(request->easy, CURLOPT_PRIVATE, wish->user);
	curl_easy_setopt(request->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(request->easy, CURLOPT_HEADERDATA, request);
	curl_easy_setopt(request->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(request->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(request->easy, CURLOPT_WRITEDATA, request);
	set_transport(request);
	set_headers(request, is_at_origin);
	set_credentials(request, is_at_origin);
	if (!set_tls(request, error)) {
		request_free(request);
		return NULL;
	}
	return request;
}

void request_free(Request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->lines);
	g_free(request);
}

long request_status(const Request *request)
{
	long status = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

unsigned request_http_version(const Request *request)
{
	long version = 0;

	curl_easy_getinfo(request->easy, CURLINFO_HTTP_VERSION, &version);
	return version >= CURL_HTTP_VERSION_3 ? 3 : version >= CURL_HTTP_VERSION_2_0 ? 2 : 1;
}

char *request_location(const Request *request)
{
	const char *location = NULL;

	curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &location);
	return g_strdup(location);
}

/* "10.0.0.1 port 80", as far as it is known. */
static char *peer_of(const Request *request)
{
	const char *ip = NULL;
	long port = 0;
	const Target *target = request->wish.target;

	curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_IP, &ip);
	curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_PORT, &port);
	if (ip && ip[0] && port > 0)
		return g_strdup_printf("%s port %ld", ip, port);
	return g_strdup_printf("%s port %s", target->host, target->port);
}

char *request_reason(const Request *request, CURLcode code)
{
	const char *host = request->wish.target->host;
	g_autofree char *peer = peer_of(request);
	bool has_words = request->message[0] && !strstr(request->message, "pkcs11:"); /* a PIN */
	const char *said = has_words ? request->message : curl_easy_strerror(code);
	long number = 0;

	curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &number);
	switch (code) {
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ENGINE_INITFAILED:
		if (!order_has_token(request->wish.order))
			return g_strdup_printf("tls-cert or tls-key cannot be used: %s", said);
		return g_strdup_printf(
			"tls-cert or tls-key cannot be used: %s: check that their token is there for "
			"the user rauc-fetch runs as, its module (RAUC_PKCS11_MODULE), and its PIN",
			said);
	case CURLE_COULDNT_RESOLVE_HOST:
		return g_strdup_printf("the name %s cannot be resolved", host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return g_strdup("the name of the proxy cannot be resolved");
	case CURLE_COULDNT_CONNECT:
		if (number == ECONNREFUSED)
			return g_strdup_printf("connection refused by %s", peer);
		return g_strdup_printf("cannot connect to %s: %s", peer,
		                       number ? g_strerror((int)number) : said);
	case CURLE_OPERATION_TIMEDOUT:
		return g_strdup_printf("no connection to %s within %u s", peer,
		                       request->wish.order->policy.connect_sec);
	case CURLE_GOT_NOTHING:
		return g_strdup_printf("%s closed the connection without an answer", peer);
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return g_strdup_printf("the connection to %s was lost: %s", peer, said);
	case CURLE_PEER_FAILED_VERIFICATION:
		return g_strdup_printf("the TLS certificate of %s is not trusted: %s", host, said);
	default:
		return g_strdup_printf("%s: %s", host, said);
	}
}
