/* SPDX-License-Identifier: MIT */

#include "fetch/transfer_order.h"

#include <string.h>

#include "base/wire.h"

/* "Name: value", nothing else: a line end in it would begin another header, or the body. */
static bool check_headers(GStrv headers, GError **error)
{
	for (unsigned i = 0; headers[i]; i++) {
		const char *colon = strchr(headers[i], ':');

		if (!colon || colon == headers[i])
			return fail(error, FAILURE_CONFIG, "header %u is not 'Name: value'", i + 1);
		for (const char *at = headers[i]; *at; at++) {
			if (g_ascii_iscntrl(*at) && *at != '\t')
				return fail(error, FAILURE_CONFIG,
				            "header '%.*s' has a control character in it",
				            (int)(colon - headers[i]), headers[i]);
		}
	}
	return true;
}

Order *order_parse(const void *words, size_t size, GError **error)
{
	g_autoptr(Order) order = g_new0(Order, 1);
	const char *url;

	if (!wire_words_check(words, size, error))
		return NULL;
	url = wire_find(words, size, "url");
	if (!url)
		return fail_null(error, FAILURE_FORMAT, "OPEN without a URL");
	order->origin = target_parse(url, error);
	order->headers = wire_find_all(words, size, "header");
	order->info_headers = wire_find_all(words, size, "info-header");
	if (!order->origin || !check_headers(order->headers, error) ||
	    !check_headers(order->info_headers, error))
		return NULL;
	order->tls_cert = g_strdup(wire_find(words, size, "tls-cert"));
	order->tls_key = g_strdup(wire_find(words, size, "tls-key"));
	order->tls_ca = g_strdup(wire_find(words, size, "tls-ca"));
	order->tls_no_verify = g_strcmp0(wire_find(words, size, "tls-no-verify"), "yes") == 0;
	policy_parse(&order->policy, words, size);
	return g_steal_pointer(&order);
}

void order_free(Order *order)
{
	g_clear_pointer(&order->origin, target_free);
	g_strfreev(order->headers);
	g_strfreev(order->info_headers);
	g_free(order->tls_cert);
	g_free(order->tls_key);
	g_free(order->tls_ca);
	g_free(order);
}

bool order_is_token(const char *name)
{
	return name && g_ascii_strncasecmp(name, "pkcs11:", 7) == 0;
}

bool order_has_token(const Order *order)
{
	return order_is_token(order->tls_cert) || order_is_token(order->tls_key);
}
